"""The fast explicit engine: tables made once of a system, and a kernel that reads them.

`program.py` makes the tables, `kernel.c` (compiled into the wheel) or `vector.py`
(numpy, where it is missing) takes every step by them, `search.py` is the search.
"""

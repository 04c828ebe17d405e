"""The search over orbits: one state stands for all that symmetry carries it to.

`shape.py` says where the columns of interchangeable elements lie and which state of an
orbit is its canonical one, `program.py` makes tables of steps, `kernel.c` (compiled
into the wheel) or `vector.py` (numpy, where it is missing) takes them, `search.py` is
the search, and `runs.py` turns what it has found into runs of the system itself.
"""

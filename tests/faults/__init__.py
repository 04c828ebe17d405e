"""Faults that are put into the engines one by one, and are caught by cross-checks.

`*.toml` list them, `seeding.py` puts one into a process, `checks/` are the
cross-checks, `known.py` is what the naive interpreter says of some small systems.
"""

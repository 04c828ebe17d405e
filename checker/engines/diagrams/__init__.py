"""The engine of decision diagrams: sets of states as formulas in a canonical form.

Sets of many loosely coupled components stay small as diagrams however many states
they have, so every reachable state is visited, and counted exactly, without ever
being enumerated.
"""

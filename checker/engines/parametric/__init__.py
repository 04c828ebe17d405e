"""Proofs for every number of elements of a sort: of CPUs, packages, memory blocks.

An invariant is guessed from small machines, written with quantifiers, and then checked
without bounds: sorts have no size there, and maps are functions that nothing is known
of. Only that check counts; a wrong guess costs time and nothing else.
"""

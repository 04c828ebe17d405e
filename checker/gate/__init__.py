"""The gate: what a change to a specification means, said by comparing two sides.

Each side is loaded in a process of its own, from its own tree (`side/`), and gives
what it has as plain data. All else compares data: rules by z3, designs by decision
diagrams, records by replaying them, citations by their digests.
"""

"""Property-directed reachability, of our own, over an incremental SAT solver.

It proves that a rule holds by an inductive invariant, whose clauses are those of
`proof.py`, or finds a shortest run that breaks it.
"""

from tdxcheck.checker.engines.symbolic.pdr.judge import (
    Budget,
    judge,
    judged,
    judged_with_proof,
    prove,
)
from tdxcheck.checker.engines.symbolic.pdr.proof import Never, Proof
from tdxcheck.checker.engines.symbolic.pdr.search import GaveUp

__all__ = [
    "Budget",
    "GaveUp",
    "Never",
    "Proof",
    "judge",
    "judged",
    "judged_with_proof",
    "prove",
]

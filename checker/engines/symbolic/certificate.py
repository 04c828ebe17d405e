"""Certificates: inductive invariants, checked anew whoever found them.

Three questions, each to a fresh solver: the invariant holds at first, every step
keeps it, and it leaves no room for a hit of the target.
"""

from __future__ import annotations

import z3

from tdxcheck.checker.engines.symbolic.encoding import Encoding, Formula
from tdxcheck.checker.engines.symbolic.solving import Clock, EngineError, Unrolling
from tdxcheck.checker.engines.symbolic.target import Target


def check(
    encoding: Encoding, invariant: Formula, target: Target | None, clock: Clock
) -> None:
    """Raise an error unless the invariant shows that the target is never hit.

    Without a target, unless it is an inductive invariant.
    """
    claim = z3.And([encoding.within, invariant])
    failed = []
    if not _holds_at_first(encoding, claim, clock):
        failed.append("initiation")
    if not _is_kept(encoding, claim, clock):
        failed.append("consecution")
    if target is not None and not _excludes(encoding, claim, target, clock):
        failed.append("safety")
    if failed:
        raise EngineError(
            f"a claimed invariant of {encoding.system.name} fails "
            f"{' and '.join(failed)}: {invariant}"
        )


def _holds_at_first(encoding: Encoding, claim: Formula, clock: Clock) -> bool:
    unrolling = Unrolling(encoding, clock)
    unrolling.require(encoding.initial, 0)
    unrolling.require(z3.Not(claim), 0)
    return not unrolling.possible()


def _is_kept(encoding: Encoding, claim: Formula, clock: Clock) -> bool:
    unrolling = Unrolling(encoding, clock)
    unrolling.require(claim, 0)
    unrolling.extend()
    unrolling.require(z3.Not(claim), 1)
    return not unrolling.possible()


def _excludes(encoding: Encoding, claim: Formula, target: Target, clock: Clock) -> bool:
    unrolling = Unrolling(encoding, clock)
    unrolling.require(claim, 0)
    if target.at_step:
        unrolling.extend()
    unrolling.require(encoding.hit(target), 0)
    return not unrolling.possible()

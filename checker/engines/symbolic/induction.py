"""k-induction: what holds for k steps in a row holds for the next, from any state.

The run that would break the rule is looked for without its beginning. It may be
taken to visit no state twice, since a run that does has a shorter one inside it;
with that, every rule that holds is proved at some k, if maybe at a very large one.
"""

from __future__ import annotations

from collections.abc import Sequence

import z3

from tdxcheck.checker.engines.symbolic.bmc import Hunt
from tdxcheck.checker.engines.symbolic.encoding import Encoding, Formula
from tdxcheck.checker.engines.symbolic.solving import Clock, Unrolling
from tdxcheck.checker.engines.symbolic.target import Target


class Induction:
    """The steps of the induction for one target, each k after the one before it."""

    def __init__(
        self,
        encoding: Encoding,
        target: Target,
        clock: Clock,
        lemmas: Sequence[Formula] = (),
    ) -> None:
        self.target = target
        self.k = 0
        """Every k up to this one was tried."""
        self.unrolling = Unrolling(encoding, clock)
        self.hit = encoding.hit(target)
        self.known = z3.And([encoding.within, *lemmas])
        self.unrolling.require(self.known, 0)

    def try_next(self) -> bool:
        """Whether k + 1 steps that miss the target, from anywhere, leave it missed.

        Steps, or states: the target is hit by the one or by the other.
        """
        unrolling = self.unrolling
        if self.target.at_step and self.k == unrolling.depth:
            unrolling.extend()
        if not self.target.at_step and self.k > unrolling.depth:
            self._extend_state()
        if not unrolling.possible(unrolling.literal(self.hit, self.k)):
            return True
        self._miss()
        return False

    def _miss(self) -> None:
        """Go on with those whose last state, or step, misses the target."""
        self.unrolling.require(z3.Not(self.hit), self.k)
        if self.target.at_step:
            self._differ(self.k + 1)
            self.unrolling.require(self.known, self.k + 1)
        self.k += 1

    def _extend_state(self) -> None:
        self.unrolling.extend()
        self.unrolling.require(self.known, self.k)
        self._differ(self.k)

    def _differ(self, last: int) -> None:
        """The state at that time is none of those before it."""
        instants = self.unrolling.instants
        for earlier in instants[:last]:
            pairs = zip(earlier.state, instants[last].state, strict=True)
            self.unrolling.solver.add(z3.Or([one != other for one, other in pairs]))


def prove(hunt: Hunt, number: int, induction: Induction, most: int) -> int | None:
    """The k by which the hunt's target is shown to be missed for ever.

    None if a run hits it, or if no k up to `most` is enough.
    """
    if not hunt.started:
        hunt.start()
    while induction.k <= most:
        if not induction.try_next():
            continue
        while hunt.depth < induction.k and not hunt.exhausted:
            if number in hunt.found:
                return None
            hunt.go_on()
        return None if number in hunt.found else induction.k
    return None

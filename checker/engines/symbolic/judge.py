"""The symbolic engines together: each property judged by whichever is able to.

Short runs are looked for first, of all properties at once, since most rules that
fail do so early. What is left may be proved by k-induction, with or without lemmas
about pairs of values. If it is not, longer runs are looked for; if there is none,
lemmas about phases have the next word, then Spacer, and still longer runs the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from tdxcheck.checker.engines.symbolic import certificate, pairs, spacer
from tdxcheck.checker.engines.symbolic.bmc import Hunt, verdict_of
from tdxcheck.checker.engines.symbolic.encoding import Encoding
from tdxcheck.checker.engines.symbolic.induction import Induction, prove
from tdxcheck.checker.engines.symbolic.lemmas import Lemma, conjunction, needed
from tdxcheck.checker.engines.symbolic.show import show
from tdxcheck.checker.engines.symbolic.solving import Clock, GaveUp
from tdxcheck.checker.engines.symbolic.target import Target, premise_of, target_of
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import (
    Limit,
    Proved,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)


@dataclass(frozen=True)
class Budget:
    """How much is tried before a property is left open."""

    depth: int = 30
    """The longest runs that are looked at, in steps."""
    seconds: float = 60
    """For each property, its premise included."""


SHALLOW = 8
"""Steps of the runs that are looked at before anything is proved."""
HUNTING = 0.4
"""The part of the time for runs longer than that, before Spacer is asked."""
PROVING = 0.6
"""The part of what then is left that Spacer has."""
PLAIN = 2
"""The largest k of the induction without lemmas."""
STRENGTHENED = 1
"""The largest k of the induction with lemmas about phases; about pairs, it is 0."""


Finder = Callable[[Encoding, Clock], tuple[Lemma, ...]]


@dataclass(frozen=True)
class Missed:
    """A target is shown never to be hit."""

    method: str
    invariant: str = ""


class Judge:
    """Judges the properties of one system, in any order."""

    def __init__(self, system: GroundSystem, budget: Budget = Budget()) -> None:
        self.system = system
        self.budget = budget
        self.encoding = Encoding(system)
        self.targets: list[Target] = []
        self.place: dict[int, int] = {}
        """By property, the number of its target."""
        self.premise: dict[int, int] = {}
        """By property, the number of its premise's target."""
        for number, rule in enumerate(system.properties):
            if rule.property.mode is Mode.LEADS_TO:
                continue
            self.place[number] = self._add(target_of(system, rule))
            premise = premise_of(rule)
            if premise is not None:
                self.premise[number] = self._add(premise)
        self.hunt = Hunt(self.encoding, self.targets, Clock(budget.seconds))

    def _add(self, target: Target) -> int:
        self.targets.append(target)
        return len(self.targets) - 1

    def verdicts(self) -> Iterator[tuple[int, Verdict]]:
        """The number of each property with its verdict, as they are found."""
        for number in range(len(self.system.properties)):
            yield number, self.verdict(number)

    def prepare(self) -> None:
        """Find the lemmas that proofs of any property can use, within the budget."""
        if self._pairs:
            len(self._phases)

    def verdict(self, number: int) -> Verdict:
        if number not in self.place:
            return Unknown(Limit.UNSUPPORTED)
        mode = self.system.properties[number].property.mode
        clock = Clock(self.budget.seconds)
        target = self.place[number]
        limit = Limit.DEPTH
        try:
            missed = self._miss(target, clock)
            if missed is not None:
                return self._held(number, missed, clock)
            self._hunt(target, self.budget.depth, clock)
        except GaveUp as reason:
            limit = reason.limit
        return verdict_of(mode, self.hunt, target, limit)

    def _held(self, number: int, missed: Missed, clock: Clock) -> Verdict:
        """The verdict of a property whose target is never hit."""
        if self.system.properties[number].property.mode is Mode.REACHABLE:
            return Unreachable(missed.method)
        held = Proved(missed.method, missed.invariant)
        if number not in self.premise:
            return held
        try:
            vacuous = self._miss(self.premise[number], clock)
        except GaveUp:
            vacuous = None
        return held if vacuous is None else Vacuous(vacuous.method)

    def _hunt(self, target: int, depth: int, clock: Clock) -> None:
        """Look for runs to the target of at most this many steps."""
        hunt = self.hunt
        hunt.limit(clock)
        if not hunt.started:
            hunt.start()
        while target not in hunt.found and hunt.depth < depth and not hunt.exhausted:
            hunt.go_on()

    def _miss(self, target: int, clock: Clock) -> Missed | None:
        """Show that the target is never hit; None if it is, or may be."""
        hunt = self.hunt
        for tried in self._ways(target, clock):
            if target in hunt.found:
                return None
            if hunt.exhausted:
                return Missed(f"BMC: no run has more than {hunt.depth} steps")
            if tried is not None:
                return tried
        return None

    def _ways(self, target: int, clock: Clock) -> Iterator[Missed | None]:
        """What each engine in turn has shown of the target."""
        depth = self.budget.depth
        self._hunt(target, min(SHALLOW, depth), clock)
        yield None
        yield self._by_induction(target, clock)
        yield self._by_lemmas(self._pairs, 0, target, clock)
        if "_phases" not in vars(self):  # They are costly, so runs come first.
            with suppress(GaveUp):
                self._hunt(target, depth, clock.part(clock.left * HUNTING))
            yield None
        with suppress(GaveUp):
            yield self._by_lemmas(self._phases, STRENGTHENED, target, clock)
        with suppress(GaveUp):
            yield self._by_spacer(target, clock.part(clock.left * PROVING))

    def _by_induction(self, target: int, clock: Clock) -> Missed | None:
        induction = Induction(self.encoding, self.targets[target], clock)
        k = prove(self.hunt, target, induction, PLAIN)
        return None if k is None else Missed(f"k-induction, k = {k}")

    @cached_property
    def _pairs(self) -> tuple[Lemma, ...]:
        return self._found(pairs.pair_lemmas)

    @cached_property
    def _phases(self) -> tuple[Lemma, ...]:
        return self._found(pairs.phase_lemmas)

    def _found(self, find: Finder) -> tuple[Lemma, ...]:
        """Lemmas, if they can be had in half the time for one property."""
        try:
            return find(self.encoding, Clock(self.budget.seconds / 2))
        except GaveUp:
            return ()

    def _by_lemmas(
        self, lemmas: tuple[Lemma, ...], most: int, target: int, clock: Clock
    ) -> Missed | None:
        if not lemmas:
            return None
        known = conjunction(self.encoding, lemmas)
        induction = Induction(self.encoding, self.targets[target], clock, [known])
        k = prove(self.hunt, target, induction, most)
        if k is None:
            return None
        if k > 0:
            method = f"k-induction, k = {k}, with {len(lemmas)} impossible combinations"
            return Missed(method)
        used = needed(self.encoding, lemmas, self.targets[target], clock)
        claim = conjunction(self.encoding, used)
        certificate.check(self.encoding, claim, self.targets[target], clock)
        method = f"an invariant of {len(used)} impossible combinations of values"
        return Missed(method, show(self.encoding, claim))

    def _by_spacer(self, target: int, clock: Clock) -> Missed | None:
        lemmas = [conjunction(self.encoding, self._pairs)]
        claim = spacer.invariant(self.encoding, self.targets[target], clock, lemmas)
        if claim is None:
            return None
        certificate.check(self.encoding, claim, self.targets[target], clock)
        return Missed("PDR", show(self.encoding, claim))


def judge(system: GroundSystem, budget: Budget = Budget()) -> tuple[Verdict, ...]:
    """A verdict for each property of the system, in their order."""
    return tuple(verdict for _, verdict in Judge(system, budget).verdicts())

"""Slicing: the part of a ground system that some of its properties can depend on.

A slot is relevant if a property reads it, or if a step that changes a relevant
slot reads it in a guard or in that effect. Steps that change no relevant slot
are left out, so a run of the slice is a run of the whole system, and a shortest
one is shortest there too. Not for deadlocks: those depend on every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tdxcheck.checker.ground.system import (
    GroundProperty,
    GroundSlot,
    GroundStep,
    GroundSystem,
    Values,
)
from tdxcheck.checker.ground.terms import (
    FALSE,
    TRUE,
    Node,
    Rewriter,
    Slot,
    Supports,
    Terms,
    evaluate,
    support,
)
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Reached, Refuted, Run, Verdict


@dataclass(frozen=True, eq=False)
class Slice:
    """A smaller system, and how its runs are runs of the whole."""

    whole: GroundSystem
    system: GroundSystem
    steps: tuple[int, ...]
    """The number in the whole system of each step of the slice."""

    def lift(self, run: Run, fixed: Mapping[int, int] = {}) -> Run:
        """The run of the whole system that takes the same steps.

        It starts in the first of the states that it can start in, where some slots
        of the whole hold these values.
        """
        kept = {slot.entry: slot.number for slot in self.system.slots}
        first = run.states[0]
        wanted = dict(fixed) | {
            slot.number: first[kept[slot.entry]]
            for slot in self.whole.slots
            if slot.entry in kept
        }
        state = next(self.whole.initial_states(wanted))
        states = [state]
        numbers = [self.steps[number] for number in run.steps]
        for number in numbers:
            states.append(taken(self.whole.steps[number], states[-1]))
        if run.loop is None or run.loop == len(numbers):
            return Run(tuple(states), tuple(numbers), run.loop)
        return self._closed(states, numbers, run.loop)

    def _closed(self, states: list[Values], numbers: list[int], loop: int) -> Run:
        """The run gone round until the whole state is one that it had before.

        What a slice leaves out may take a few rounds to come back, or never does and
        the run is longer before it repeats itself.
        """
        round_ = numbers[loop:]
        rounds = [loop]
        while states[-1] not in (states[place] for place in rounds):
            rounds.append(len(numbers))
            for number in round_:
                states.append(taken(self.whole.steps[number], states[-1]))
            numbers += round_
        back = next(place for place in rounds if states[place] == states[-1])
        return Run(tuple(states), tuple(numbers), back)

    def lift_verdict(self, verdict: Verdict, fixed: Mapping[int, int] = {}) -> Verdict:
        """The verdict with its run, if it has one, lifted."""
        if isinstance(verdict, Refuted):
            run = self.lift(verdict.run, fixed)
            longer = len(run.steps) > len(verdict.run.steps)
            return Refuted(run, verdict.shortest and not longer)
        if isinstance(verdict, Reached):
            return Reached(self.lift(verdict.run, fixed))
        return verdict


def taken(step: GroundStep, values: Values) -> Values:
    """The state that the step leads to from one in which it is possible."""
    after = list(values)
    for number, value in step.updates.items():
        after[number] = evaluate(value, values)
    return tuple(after)


def cone(system: GroundSystem, numbers: Iterable[int]) -> frozenset[int]:
    """The slots that the properties with these numbers can depend on."""
    return Dependence(system).cone(numbers)


class Dependence:
    """What each step and condition of a system reads, to find cones by."""

    def __init__(self, system: GroundSystem) -> None:
        self.system = system
        self._supports = Supports()
        read = self._supports.of
        self.steps = [
            (
                read(*step.guards),
                {slot: read(value) for slot, value in step.updates.items()},
            )
            for step in system.steps
        ]
        self.conditions = [read(condition) for condition in system.initial]

    def cone(self, numbers: Iterable[int]) -> frozenset[int]:
        """The slots that the properties with these numbers can depend on."""
        relevant: set[int] = set()
        for number in numbers:
            relevant |= self._read(self.system.properties[number])
        size = -1
        while size != len(relevant):
            size = len(relevant)
            for guards, updates in self.steps:
                changed = updates.keys() & relevant
                if changed:
                    relevant |= guards
                    for slot in changed:
                        relevant |= updates[slot]
            for read in self.conditions:
                if read & relevant:
                    relevant |= read
        return frozenset(relevant)

    def _read(self, rule: GroundProperty) -> frozenset[int]:
        """The slots that the property itself reads."""
        if rule.property.mode is Mode.DEADLOCK_FREE:
            return frozenset(range(len(self.system.slots)))
        roots = [*rule.conditions, *rule.premises]
        if rule.goal is not None:
            roots.append(rule.goal)
        roots += [turn.condition for turn in rule.fair]
        for number in _spoken_of(rule):
            roots += self.system.steps[number].guards
        return self._supports.of(*roots)


def _spoken_of(rule: GroundProperty) -> list[int]:
    """The steps that a step rule says something of, or that fairness is about."""
    if rule.fair:
        return sorted({number for turn in rule.fair for number in turn.steps})
    if rule.property.mode is not Mode.STEP_RULE:
        return []
    return [
        number
        for number, (condition, premise) in enumerate(
            zip(rule.conditions, rule.premises, strict=True)
        )
        if condition is not TRUE or premise is not FALSE
    ]


def slice_for(system: GroundSystem, numbers: Iterable[int]) -> Slice:
    """The slice for the properties with these numbers, with those properties alone."""
    chosen = tuple(numbers)
    relevant = cone(system, chosen)
    spoken_of = {n for p in chosen for n in _spoken_of(system.properties[p])}
    everything = len(relevant) == len(system.slots)
    if everything and chosen == tuple(range(len(system.properties))):
        return Slice(system, system, tuple(range(len(system.steps))))
    kept = [
        step
        for step in system.steps
        if everything or step.number in spoken_of or relevant & set(step.updates)
    ]
    mover = _Mover(system, sorted(relevant))
    steps = tuple(mover.step(number, step) for number, step in enumerate(kept))
    rules = tuple(mover.rule(system.properties[n], kept) for n in chosen)
    smaller = GroundSystem(
        system.instance,
        tuple(mover.slots),
        {},
        tuple(
            mover.term(condition)
            for condition in system.initial
            if support(condition) <= relevant
        ),
        steps,
        rules,
    )
    return Slice(system, smaller, tuple(step.number for step in kept))


class _Mover:
    """Writes terms over the slots of a slice."""

    def __init__(self, system: GroundSystem, relevant: list[int]) -> None:
        make = Terms()
        self.slots: list[GroundSlot] = []
        self.place: dict[int, int] = {}
        for number, old in enumerate(relevant):
            slot = system.slots[old]
            term = make.slot(
                number, slot.term.low, slot.term.high, boolean=slot.term.boolean
            )
            assert isinstance(term, Slot)
            self.slots.append(GroundSlot(number, slot.entry, term, slot.start))
            self.place[old] = number
        self.term = Rewriter(make, self._moved).term

    def _moved(self, slot: Slot) -> Node:
        return self.slots[self.place[slot.number]].term

    def step(self, number: int, step: GroundStep) -> GroundStep:
        updates = {
            self.place[slot]: self.term(value)
            for slot, value in step.updates.items()
            if slot in self.place
        }
        guards = tuple(map(self.term, step.guards))
        return GroundStep(number, step.action, step.arguments, guards, updates, None)

    def rule(self, rule: GroundProperty, kept: list[GroundStep]) -> GroundProperty:
        conditions, premises = rule.conditions, rule.premises
        if rule.property.mode is Mode.STEP_RULE:
            conditions = tuple(conditions[step.number] for step in kept)
            premises = tuple(premises[step.number] for step in kept)
        place = {step.number: number for number, step in enumerate(kept)}
        return GroundProperty(
            rule.property,
            tuple(map(self.term, conditions)),
            tuple(map(self.term, premises)),
            None if rule.goal is None else self.term(rule.goal),
            tuple(
                replace(
                    turn,
                    condition=self.term(turn.condition),
                    steps=tuple(place[number] for number in turn.steps),
                )
                for turn in rule.fair
            ),
        )

"""What comes in the end, as an invariant that a certificate can show.

A certificate of a leads-to rule tells where its goal is *owed*, and *stages*, each for
a turn of the rule's fairness. The rule holds if all of this is so:

- Where the condition holds and the goal does not, the goal is owed; and a step from
  where it is owed leads to the goal, or to where it is owed still.
- From the region of a stage, less what the stages before it have settled, a step leads
  to the goal, to what they have settled, or to the region again; and a step that takes
  the turn there does not lead to the region again.
- A stage settles the states of its region in which its turn is due. A weak turn is due
  in all of them. Every state in which the goal is owed is settled by some stage.

A run that owes the goal for ever is, by one stage after the other, at last never again
where that stage settles: in its region it would stay, and not take the turn that is
due. So in the end it is nowhere. What is to be so in every reachable state is said here
as an invariant, and nothing more is believed of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.ground.system import GroundProperty, GroundStep, GroundSystem
from tdxcheck.checker.ground.terms import Node, Rewriter, Terms, support
from tdxcheck.checker.language.system import Mode

Cube = tuple[tuple[int, tuple[int, ...]], ...]
"""Slots by their numbers, each with the values that it has one of."""

PART = re.compile(r"([0-9]+)=(-?[0-9]+(?:,-?[0-9]+)*)")
STAGE = re.compile(r"([0-9]+):(.*)")


@dataclass(frozen=True)
class Stage:
    turn: int
    """The number of the turn among those of the rule."""
    region: tuple[Cube, ...]


@dataclass(frozen=True)
class Ranking:
    """Why the goal comes in the end."""

    owes: tuple[Cube, ...] = ()
    stages: tuple[Stage, ...] = ()

    @property
    def info(self) -> dict[str, str]:
        """As a certificate has it."""
        stages = (f"{stage.turn}:{_text(stage.region)}" for stage in self.stages)
        return {"owes": _text(self.owes), "stages": ";".join(stages)}

    @classmethod
    def of(cls, info: Mapping[str, str]) -> Ranking:
        """What a certificate has. Raises Refused."""
        stages = []
        for text in filter(None, info.get("stages", "").split(";")):
            if not (match := STAGE.fullmatch(text)):
                raise Refused(f"no stage: {text[:60]}")
            stages.append(Stage(int(match[1]), _cubes(match[2])))
        return cls(_cubes(info.get("owes", "")), tuple(stages))


def _text(cubes: Iterable[Cube]) -> str:
    return "|".join(
        "&".join(f"{slot}={','.join(map(str, values))}" for slot, values in cube) or "*"
        for cube in cubes
    )


def _cubes(text: str) -> tuple[Cube, ...]:
    found = []
    for cube in text.split("|") if text else ():
        parts = []
        for part in cube.split("&") if cube != "*" else ():
            if not (match := PART.fullmatch(part)):
                raise Refused(f"no part of a stage: {part[:60]}")
            parts.append((int(match[1]), tuple(map(int, match[2].split(",")))))
        found.append(tuple(parts))
    return tuple(found)


def shown(
    system: GroundSystem, rule: GroundProperty, info: Mapping[str, str]
) -> GroundProperty:
    """What a certificate that says this shows of the rule. Raises Refused."""
    if rule.property.mode is not Mode.LEADS_TO:
        return rule
    return as_invariant(system, rule, Ranking.of(info))


def as_invariant(
    system: GroundSystem, rule: GroundProperty, ranking: Ranking
) -> GroundProperty:
    """What holds in every reachable state if the ranking is one. Raises Refused."""
    asked = _Asked(system, rule, ranking)
    condition = asked.make.and_(asked.parts())
    return GroundProperty(
        replace(rule.property, mode=Mode.INVARIANT), (condition,), rule.conditions
    )


class _Asked:
    """The parts of the invariant."""

    def __init__(
        self, system: GroundSystem, rule: GroundProperty, ranking: Ranking
    ) -> None:
        assert rule.goal is not None, "a leads-to rule has a goal"
        if any(stage.turn >= len(rule.fair) for stage in ranking.stages):
            raise Refused("a stage is for a turn that the rule does not have")
        self.system = system
        self.make = Terms()
        self.condition, self.goal = rule.conditions[0], rule.goal
        self.owes = self._any(ranking.owes)
        self.regions = [self._any(stage.region) for stage in ranking.stages]
        self.turns = [rule.fair[stage.turn] for stage in ranking.stages]
        self.due = [
            self.make.and_((turn.condition, self._possible(turn.steps)))
            for turn in self.turns
        ]
        self.settled = [
            self.make.and_((region, due)) if turn.line.strong else region
            for region, due, turn in zip(
                self.regions, self.due, self.turns, strict=True
            )
        ]

    def _any(self, cubes: Iterable[Cube]) -> Node:
        return self.make.or_(
            self.make.and_(self._one(slot, values) for slot, values in cube)
            for cube in cubes
        )

    def _one(self, number: int, values: Sequence[int]) -> Node:
        if number >= len(self.system.slots):
            raise Refused(f"the system has no variable {number}")
        term = self.system.slots[number].term
        if not all(term.low <= value <= term.high for value in values):
            raise Refused(f"variable {number} has none of the values {values}")
        return self.make.or_(
            (term if value else self.make.not_(term))
            if term.boolean
            else self.make.eq(term, self.make.number(value))
            for value in values
        )

    def _possible(self, steps: Iterable[int]) -> Node:
        return self.make.or_(
            self.make.and_(self.system.steps[number].guards) for number in steps
        )

    def _implied(self, said: Iterable[Node], then: Iterable[Node]) -> Node:
        return self.make.or_((self.make.not_(self.make.and_(said)), *then))

    def parts(self) -> Iterator[Node]:
        make = self.make
        open_ = make.not_(self.goal)
        yield self._implied((self.condition, open_), (self.owes,))
        # The stages in turn; what one has settled need not be asked of the others.
        stands = make.truth(False)
        for number, turn in reversed(list(enumerate(self.turns))):
            stands = make.or_((self.settled[number], stands))
            if not turn.line.strong:
                due = self._implied((self.regions[number],), (self.due[number],))
                stands = make.and_((due, stands))
        yield self._implied((self.owes, open_), (stands,))
        read = support(self.owes, self.goal, *self.settled, *self.regions)
        for step in self.system.steps:
            takes = any(step.number in turn.steps for turn in self.turns)
            # Any other step leaves all that is spoken of as it is.
            if takes or not read.isdisjoint(step.updates):
                yield self._kept(step)

    def _kept(self, step: GroundStep) -> Node:
        """What the step must not do, told like the stages."""
        make = self.make
        after = Rewriter(make, lambda slot: step.updates.get(slot.number, slot)).term
        keeps = make.truth(True)
        for number, turn in reversed(list(enumerate(self.turns))):
            region, settled = self.regions[number], self.settled[number]
            again = after(region)
            if step.number in turn.steps:
                again = make.and_((again, make.not_(turn.condition)))
            keeps = make.or_((settled, after(settled), keeps))
            keeps = make.and_((self._implied((region,), (again,)), keeps))
        said = (*step.guards, self.owes, make.not_(self.goal))
        kept = make.and_((after(self.owes), keeps))
        return self._implied(said, (after(self.goal), kept))

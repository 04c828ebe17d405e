"""The context of a comparison: both sides, what they have, and the time left."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from tdxcheck.checker.findings import Finding, Weight, Witness
from tdxcheck.checker.gate.keeping import Searches
from tdxcheck.checker.gate.reading import Half, Pair, StepKey, read
from tdxcheck.checker.gate.sides import Side, each
from tdxcheck.checker.ground.system import Values
from tdxcheck.checker.judging.combine import InternalError
from tdxcheck.checker.verdict import Run

Json = Any
BEFORE, AFTER = 0, 1


class OutOfTime(Exception):
    """No time is left for more."""


@dataclass(eq=False)
class Context:
    before: Side
    after: Side
    old: Json
    """The outline of the side before."""
    new: Json
    deadline: float | None
    searches: Searches = field(default_factory=Searches)
    findings: list[Finding] = field(default_factory=list)

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.before, self.after

    @property
    def outlines(self) -> tuple[Json, Json]:
        return self.old, self.new

    def check_time(self) -> None:
        """Raise if there is none left; but every run comes on by one search."""
        late = self.deadline is not None and time.monotonic() > self.deadline
        if late and (self.searches.done or self.searches.store is None):
            raise OutOfTime

    def add(
        self,
        kind: str,
        subject: str,
        message: str,
        *,
        at: Json = None,
        witnesses: Iterable[Witness] = (),
        weight: Weight = Weight.FAILS,
        designs: Sequence[str] = (),
    ) -> None:
        """Note a finding; `at` has its file and its line."""
        self.findings.append(
            Finding(
                kind,
                subject,
                message,
                at["file"] if at else "",
                at["line"] if at else 0,
                tuple(witnesses),
                weight,
                tuple(designs),
            )
        )

    def has(self, kind: str, subject: str, design: str) -> bool:
        """The finding was noted before of another design: it now is of this one too."""
        for place, known in enumerate(self.findings):
            if (known.kind, known.subject) == (kind, subject):
                designs = (*known.designs, design)
                self.findings[place] = replace(known, designs=designs)
                return True
        return False

    @cached_property
    def renamed(self) -> dict[str, str]:
        """Actions that have another name now and mean the same, by the old one."""
        old, new = ({n: a["meaning"] for n, a in named(o)} for o in self.outlines)
        gone = {name: m for name, m in old.items() if name not in new}
        come = {name: m for name, m in new.items() if name not in old}
        found = {}
        for name, what in gone.items():
            same = [other for other, m in come.items() if m == what]
            rivals = [other for other, m in gone.items() if m == what]
            if len(same) == len(rivals) == 1:
                found[name] = same[0]
        return found

    def pair(
        self,
        design: str,
        rules: tuple[Sequence[str], Sequence[str]],
        *,
        open_: bool = False,
    ) -> Pair:
        """A design of both sides, over one vocabulary."""
        tables = each(
            *(
                (side, ("ground", design, list(names), open_))
                for side, names in zip(self.sides, rules, strict=True)
            )
        )
        for step in tables[BEFORE]["steps"]:
            step["action"] = self.renamed.get(step["action"], step["action"])
        tables[BEFORE]["actions"] = [
            self.renamed.get(name, name) for name in tables[BEFORE]["actions"]
        ]
        return read(*tables)

    def step(self, pair: Pair, side: int, key: StepKey) -> Json:
        """A step as the side has it; an action's own name there, and its numbers."""
        half: Half = pair.halves[side]
        own = {new: old for old, new in self.renamed.items()}
        name = own.get(key[0], key[0]) if side == BEFORE else key[0]
        number = half.steps.get(key)
        if number is None:
            other = pair.halves[1 - side]
            return [name, list(other.codes[other.steps[key]])]
        return [name, list(half.codes[number])]

    def told(self, pair: Pair, side: int, design: str, run: Run) -> tuple[str, ...]:
        """The run's steps in words, after the side's interpreter has taken them."""
        half = pair.halves[side]
        states = [pair.state(side, values) for values in run.states]
        steps = []
        for number in run.steps:
            step = half.system.steps[number]
            key = (step.action.name, step.arguments)
            steps.append(self.step(pair, side, key))
        found = self.sides[side].asked("replay", design, None, states, steps)
        return tuple(
            f"{number}. {step['sentence']}"
            for number, step in enumerate(found["steps"], start=1)
        )

    def explain(
        self,
        pair: Pair,
        side: int,
        design: str,
        rule: str,
        values: Values,
        key: StepKey | None,
        holds: bool,
    ) -> str:
        """Why the rule is false in a state, if it is to be; never unconfirmed."""
        step = None if key is None else self.step(pair, side, key)
        state = pair.state(side, values)
        found = self.sides[side].asked("explain", design, rule, state, step)
        if found["holds"] is not holds:
            raise InternalError(
                f"{rule} is {str(holds).lower()} in a state of {design} by the solver, "
                f"and {str(found['holds']).lower()} by the interpreter of "
                f"{self.sides[side].name}"
            )
        return str(found["why"])


def named(outline: Json) -> Iterable[tuple[str, Json]]:
    """The actions by name; two of one name in different designs are both there."""
    return ((action["name"], action) for action in outline["actions"].values())

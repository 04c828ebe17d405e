"""Coverage, decided: what of a design ever happens, and what never does.

The reachable states are known as one set, so every question has an answer: an action
is taken or is possible in none of them; a literal of a guard decides something, or is
true wherever the others are; a refusal is given or never is; the left side of an
implication is met or never is. A rule says something, or no design could break it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tdxcheck.checker.engines.diagrams.encoding import Encoding
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.starting import check_start
from tdxcheck.checker.ground.grounder import Grounding, grounding
from tdxcheck.checker.ground.terms import FALSE, TRUE, Node, Terms
from tdxcheck.checker.judging.saying import can_be_asked, empty
from tdxcheck.checker.language.instance import Instance, show_answer
from tdxcheck.checker.language.literals import conjuncts, left_sides
from tdxcheck.checker.language.location import Location
from tdxcheck.checker.language.state import Refusal
from tdxcheck.checker.language.system import Action, Mode, Property
from tdxcheck.checker.language.terms import And, Not, Term

Arguments = tuple[Any, ...]


class Kind(Enum):
    """What may happen or not."""

    ACTION = "action"
    LITERAL = "guard literal"
    REFUSAL = "refusal"
    ANSWER = "refused SEAMCALL"
    PREMISE = "left side"
    RULE = "rule"


class Outcome(Enum):
    """What was found of it."""

    REACHED = "reached"
    SETTLED = "settled by the configuration"
    """The design or the machine has it so in every state: nothing there varies."""
    DEAD = "dead"


@dataclass(frozen=True, eq=False)
class Thing:
    """Something that may happen or not, and whether it does."""

    kind: Kind
    name: str
    """Unique in its design: the action or rule, and which part of it."""
    of: Action | Property
    term: Term[Any] | None
    """The literal, the condition that is refused, or the left side."""
    refusal: Refusal | None
    location: Location
    outcome: Outcome
    places: tuple[tuple[Node, int | None], ...] = field(default=(), repr=False)
    """Where it happens: the condition, and the number of the step that is taken."""

    @property
    def answer(self) -> str:
        """What is answered where it is a refusal."""
        answer = self.refusal.answer if self.refusal else None
        return show_answer(answer) if isinstance(answer, Enum) else ""


@dataclass(frozen=True, eq=False)
class Coverage:
    """Everything that was decided of one system."""

    instance: Instance
    grounding: Grounding = field(repr=False)
    states: int
    things: tuple[Thing, ...]

    def of_kind(self, kind: Kind) -> list[Thing]:
        return [thing for thing in self.things if thing.kind is kind]


def coverage(instance: Instance, rules: Iterable[Property]) -> Coverage:
    """Decide everything about a system, and the left sides of these rules."""
    found = grounding(instance.system, instance.scope)
    check_start(found.system)
    return _Coverage(found).decide(rules)


class _Coverage:
    def __init__(self, found: Grounding) -> None:
        self.ground = found
        self.system = found.system
        self.encoding = Encoding(self.system)
        self.moves = self.encoding.moves()
        self.reachable = closure(
            self.encoding, self.moves, self.encoding.initial(), lambda: None
        )
        self.encoding.manager.settled()
        self.terms = Terms()

    def decide(self, rules: Iterable[Property]) -> Coverage:
        rules = tuple(rules)
        things: list[Thing] = []
        for action in self.system.instance.system.actions:
            things += self._action(action)
        rules = tuple(rules)
        idle = empty(self.system.instance, rules)
        for rule in rules:
            things += self._rule(rule)
            things += self._whole(rule, rule in idle)
        (states,) = self.encoding.count(self.reachable)
        return Coverage(self.system.instance, self.ground, states, tuple(things))

    def _action(self, action: Action) -> Iterator[Thing]:
        taken = [
            (s.arguments, s.number) for s in self.system.steps if s.action is action
        ]
        numbers = dict(taken)
        whole = [
            (self._all(self._literals(action, a)), numbers.get(a))
            for a in self.system.instance.choices(action)
        ]
        yield self._thing(
            Kind.ACTION, action.name, action, None, None, action.location, whole
        )
        yield from self._guards(action)
        yield from self._answers(action, whole)

    def _literals(self, action: Action, arguments: Arguments) -> list[Node]:
        return [
            self.ground.of_action(part, action, arguments)
            for guard in action.guards
            for part in conjuncts(guard.condition)
        ]

    def _guards(self, action: Action) -> Iterator[Thing]:
        choices = self.system.instance.choices(action)
        nodes = [self._literals(action, arguments) for arguments in choices]
        place = 0
        for number, guard in enumerate(action.guards, 1):
            first = place
            parts = conjuncts(guard.condition)
            for at, part in enumerate(parts, 1):
                where = f".{at}" if len(parts) > 1 else ""
                others = [
                    self._all([*row[:place], *row[place + 1 :], self._not(row[place])])
                    for row in nodes
                ]
                constant = all(row[place] in (TRUE, FALSE) for row in nodes)
                yield self._thing(
                    Kind.LITERAL,
                    f"{action.name}/{number}{where}",
                    action,
                    part,
                    None,
                    guard.location,
                    [(node, None) for node in others],
                    constant,
                )
                place += 1
            if guard.refusal is not None:
                refused = [
                    self._all([*row[:first], self._not(self._all(row[first:place]))])
                    for row in nodes
                ]
                constant = all(self._all(row[first:place]) is TRUE for row in nodes)
                yield self._thing(
                    Kind.REFUSAL,
                    f"{action.name}/{number}/refused",
                    action,
                    guard.condition,
                    guard.refusal,
                    guard.location,
                    [(node, None) for node in refused],
                    constant,
                )

    def _answers(
        self, action: Action, whole: list[tuple[Node, int | None]]
    ) -> Iterator[Thing]:
        """The refusals of the call that the action makes, while it makes it."""
        choices = self.system.instance.choices(action)
        for call in action.calls:
            passed = [[node] for node, _ in whole]
            for number, (condition, refusal) in enumerate(call.details, 1):
                nodes = [self.ground.of_action(condition, action, a) for a in choices]
                refused = [
                    (self._all([*before, self._not(node)]), step)
                    for before, node, (_, step) in zip(
                        passed, nodes, whole, strict=True
                    )
                ]
                for before, node in zip(passed, nodes, strict=True):
                    before.append(node)
                yield self._thing(
                    Kind.ANSWER,
                    f"{action.name}/call/{number}",
                    action,
                    condition,
                    refusal,
                    action.location,
                    refused,
                    all(node is TRUE for node in nodes),
                )

    def _rule(self, rule: Property) -> Iterator[Thing]:
        sides = left_sides(rule.condition)
        if rule.mode is Mode.LEADS_TO:
            sides = [rule.condition]
        for number, side in enumerate(sides, 1):
            places: list[tuple[Node, int | None]]
            if rule.mode is Mode.STEP_RULE:
                places = [
                    (
                        self._all(
                            [*move.step.guards, self.ground.of_step(side, move.step)]
                        ),
                        move.step.number,
                    )
                    for move in self.moves
                ]
            else:
                places = [(self.ground.of_state(side), None)]
            name = rule.name if len(sides) == 1 else f"{rule.name}/{number}"
            yield self._thing(
                Kind.PREMISE, name, rule, side, None, rule.location, places
            )

    def _whole(self, rule: Property, idle: bool) -> Iterator[Thing]:
        """Whether the rule says anything.

        Of what there is to come: whether it is owed; of where a run may end: whether it
        may not. What is about steps or reactions is known by its left sides, and named
        here only where nothing could break it.
        """
        name = f"{rule.name}/whole"
        holds = self.ground.of_state(rule.condition) if can_be_asked(rule) else FALSE
        if rule.mode is Mode.LEADS_TO and self._happens(holds):
            assert rule.goal is not None, "it is a rule of what comes in the end"
            owed = self._all([holds, self._not(self.ground.of_state(rule.goal))])
            term = And((rule.condition, Not(rule.goal)))
            yield self._thing(
                Kind.RULE, name, rule, term, None, rule.location, [(owed, None)]
            )
        elif rule.mode is not Mode.LEADS_TO and (idle or can_be_asked(rule)):
            outcome = Outcome.SETTLED if holds is TRUE else Outcome.REACHED
            outcome = Outcome.DEAD if idle else outcome
            yield Thing(Kind.RULE, name, rule, None, None, rule.location, outcome)

    def _thing(
        self,
        kind: Kind,
        name: str,
        of: Action | Property,
        term: Term[Any] | None,
        refusal: Refusal | None,
        location: Location,
        places: list[tuple[Node, int | None]],
        constant: bool = False,
    ) -> Thing:
        there = tuple((node, step) for node, step in places if self._happens(node))
        if there:
            outcome = Outcome.REACHED
        elif constant or all(node is FALSE for node, _ in places):
            outcome = Outcome.SETTLED
        else:
            outcome = Outcome.DEAD
        return Thing(kind, name, of, term, refusal, location, outcome, there)

    def _happens(self, node: Node) -> bool:
        found: Diagram = self.encoding.truth(node) & self.reachable
        happens: bool = found != self.encoding.manager.false
        return happens

    def _all(self, nodes: Iterable[Node]) -> Node:
        return self.terms.and_(nodes)

    def _not(self, node: Node) -> Node:
        return self.terms.not_(node)

"""Saying: whether a rule says anything, whatever a design does.

A rule that holds of all values that its variables could have can be broken by nothing
on that machine. It is decided with no configuration, and with actions that are possible
anywhere and may do anything: all is left open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tdxcheck.checker.engines.diagrams.encoding import Encoding, Unsuited
from tdxcheck.checker.ground.grounder import Grounding, grounding
from tdxcheck.checker.ground.system import GroundSlot
from tdxcheck.checker.ground.terms import FALSE, TRUE, Node, Slot, Terms, support
from tdxcheck.checker.judging.combine import Disagreement
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.reading import (
    asks_for_reactions,
    premise_of,
    terms_in,
)
from tdxcheck.checker.language.system import Action, Mode, Property
from tdxcheck.checker.language.terms import StepAnswers
from tdxcheck.checker.verdict import Refuted, Unreachable, Verdict


def can_be_asked(rule: Property) -> bool:
    """What the rule is about are states, and not what a design does in them."""
    return rule.mode is not Mode.STEP_RULE and not asks_for_reactions(rule.condition)


def empty(instance: Instance, rules: Iterable[Property]) -> frozenset[Property]:
    """The rules that hold of whatever there could be.

    Of a rule of steps, whatever a step may do that the rule is about. One about how a
    design reacts or what it answers is not among them, nor one about numbers of too
    many values: they are not decided.
    """
    anything = _Anything(instance)
    return frozenset(rule for rule in rules if anything.breaks(rule) is False)


Way = Action | bool
"""What may break a rule: a step of the action; something, or nothing at all."""


class _Anything:
    """All states that there could be, and all steps between them."""

    def __init__(self, instance: Instance) -> None:
        system = replace(
            instance.system,
            actions=tuple(
                replace(action, guards=(), updates=(), calls=(), success=None)
                for action in instance.system.actions
            ),
            properties=(),
            initial=(),
            settings=dict.fromkeys(instance.variables),
        )
        # A rule may name an action, and means the one of the design.
        named = dict(zip(system.actions, instance.system.actions, strict=True))
        self.grounding: Grounding = grounding(system, instance.scope)
        states = self.grounding.system
        terms = Terms()
        slots = list(states.slots)
        later: dict[int, Node] = {}
        for slot in states.slots:
            if not slot.entry[0].frozen:
                made = _copy(slot, len(slots), terms)
                later[slot.number] = made.term
                slots.append(made)
        self.steps = [
            replace(step, action=named[step.action], updates=later)
            for step in states.steps
        ]
        self.encoding = Encoding(replace(states, slots=tuple(slots)))

    def breaks(self, rule: Property) -> Way:
        """What may break the rule; where that is not decided, something may."""
        parts = terms_in(rule.condition)
        if asks_for_reactions(rule.condition) or any(
            isinstance(part, StepAnswers) for part in parts
        ):
            return True
        try:
            if rule.mode is Mode.STEP_RULE:
                return self._breaking(rule)
            return self._may_fail(self._said(rule))
        except Unsuited:
            return True

    def _said(self, rule: Property) -> Node:
        """What the rule says of a state."""
        said = self.grounding.of_state(rule.condition)
        if rule.mode is not Mode.LEADS_TO:
            return said
        assert rule.goal is not None, "it is a rule of what comes in the end"
        terms = Terms()
        return terms.or_((terms.not_(said), self.grounding.of_state(rule.goal)))

    def _breaking(self, rule: Property) -> Way:
        """The action of a step that may break a rule of steps.

        Where there is no step that it is about, that is not its fault.
        """
        premise = premise_of(rule.condition)
        spoken_of = False
        for step in self.steps:
            if self._may_fail(self.grounding.of_step(rule.condition, step)):
                return step.action
            spoken_of |= self.grounding.of_step(premise, step) is not FALSE
        return not spoken_of

    def _may_fail(self, said: Node) -> bool:
        if said in (TRUE, FALSE):
            return said is FALSE
        possible = self.encoding.initial(support(said))
        fails = possible & ~self.encoding.truth(said)
        ever: bool = fails != self.encoding.manager.false
        return ever


def _copy(slot: GroundSlot, number: int, terms: Terms) -> GroundSlot:
    """The slot as it is after a step that may do anything."""
    now = slot.term
    term = terms.slot(number, now.low, now.high, boolean=now.boolean)
    assert isinstance(term, Slot), "it is a slot like the other"
    return replace(slot, number=number, term=term, start=None)


@dataclass
class Saying:
    """What is found of rules, once for all designs whose states are alike."""

    _ways: dict[tuple[object, ...], Way] = field(default_factory=dict)
    _last: tuple[Instance, _Anything] | None = None

    def is_idle(self, instance: Instance, rule: Property) -> bool:
        """No design could break the rule on this machine."""
        key = tuple(instance.variables), tuple(instance.scope.items()), rule
        way = self._ways.get(key)
        if way is None or not _is_known(way, rule, instance):
            way = self._ways[key] = self._anything(instance).breaks(rule)
        return way is False

    def _anything(self, instance: Instance) -> _Anything:
        """What there could be; of the same steps as the last time, it is the same."""
        if self._last is not None:
            before, found = self._last
            if (
                before.system.actions == instance.system.actions
                and before.variables == instance.variables
                and before.scope == instance.scope
            ):
                return found
        self._last = instance, _Anything(instance)
        return self._last[1]


def _is_known(way: Way, rule: Property, instance: Instance) -> bool:
    """What was found with the actions of one design is so with those of another."""
    if isinstance(way, Action):
        return way in instance.system.actions
    return rule.mode is not Mode.STEP_RULE


def agreed(subject: str, verdict: Verdict, *, idle: bool) -> None:
    """Raise Disagreement where a design has broken what none could break."""
    if idle and isinstance(verdict, Refuted | Unreachable):
        raise Disagreement(
            f"the engines disagree on {subject}: one refutes what no design could break"
        )

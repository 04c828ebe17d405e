"""Saying: whether a rule says anything, whatever a design does.

A rule that holds of all values that its variables could have can be broken by nothing
on that machine. It is decided with no action and no configuration: all is left open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tdxcheck.checker.engines.diagrams.encoding import Encoding, Unsuited
from tdxcheck.checker.ground.grounder import grounding
from tdxcheck.checker.judging.combine import Disagreement
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.reading import asks_for_reactions
from tdxcheck.checker.language.system import Mode, Property
from tdxcheck.checker.language.variables import Variable
from tdxcheck.checker.verdict import Refuted, Unreachable, Verdict


def can_be_asked(rule: Property) -> bool:
    """What the rule is about are states, and not what a design does in them."""
    return rule.mode is not Mode.STEP_RULE and not asks_for_reactions(rule.condition)


def empty(instance: Instance, rules: Iterable[Property]) -> frozenset[Property]:
    """The rules that hold of whatever there could be.

    One about numbers of too many values is not among them: it is not decided.
    """
    asked = [rule for rule in rules if can_be_asked(rule)]
    system = replace(
        instance.system,
        actions=(),
        properties=(),
        initial=(),
        settings=dict.fromkeys(instance.variables),
    )
    found = grounding(system, instance.scope)
    encoding = Encoding(found.system)
    anything = encoding.initial()
    nothing = encoding.manager.false

    def holds(rule: Property) -> bool:
        try:
            fails = anything & ~encoding.truth(found.of_state(rule.condition))
            if rule.mode is Mode.LEADS_TO:
                assert rule.goal is not None, "it is a rule of what comes in the end"
                goal = encoding.truth(found.of_state(rule.goal))
                fails = anything & ~fails & ~goal
        except Unsuited:
            return False
        empty: bool = fails == nothing
        return empty

    return frozenset(filter(holds, asked))


@dataclass
class Saying:
    """What is found of rules, once for all designs whose states are alike."""

    _found: dict[tuple[object, ...], frozenset[Property]] = field(default_factory=dict)

    def idle(self, case: Case) -> frozenset[Property]:
        """The rules that are asked of the case and that no design could break there."""
        rules = tuple(question.rule for question in case.questions)
        instance = case.instance
        variables: tuple[Variable, ...] = tuple(instance.variables)
        key = variables, tuple(instance.scope.items()), rules
        if key not in self._found:
            self._found[key] = empty(instance, rules)
        return self._found[key]


def agreed(subject: str, verdict: Verdict, *, idle: bool) -> None:
    """Raise Disagreement where a design has broken what none could break."""
    if idle and isinstance(verdict, Refuted | Unreachable):
        raise Disagreement(
            f"the engines disagree on {subject}: one refutes what no design could break"
        )

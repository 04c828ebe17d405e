"""Saying: whether a rule says anything, whatever a design does.

A rule that holds of all values that its variables could have can be broken by nothing
on that machine. It is decided with no action and no configuration: all is left open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tdxcheck.checker.engines.diagrams.encoding import Encoding
from tdxcheck.checker.ground.grounder import grounding
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.reading import asks_for_reactions
from tdxcheck.checker.language.system import Mode, Property


def can_be_asked(rule: Property) -> bool:
    """What the rule is about are states, and not what a design does in them."""
    return rule.mode is not Mode.STEP_RULE and not asks_for_reactions(rule.condition)


def empty(instance: Instance, rules: Iterable[Property]) -> frozenset[Property]:
    """The rules that hold of whatever there could be."""
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
        fails = anything & ~encoding.truth(found.of_state(rule.condition))
        if rule.mode is Mode.LEADS_TO:
            assert rule.goal is not None, "it is a rule of what comes in the end"
            goal = encoding.truth(found.of_state(rule.goal))
            fails = anything & ~fails & ~goal
        empty: bool = fails == nothing
        return empty

    return frozenset(filter(holds, asked))

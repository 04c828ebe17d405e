"""Actions with their guards changed: what a test must notice."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace

from tdxcheck.checker.language import Action, State


def with_guards(action: Action, order: Iterable[int]) -> Action:
    """The action with some of its guards, in this order; its marks stay among them."""
    kept = tuple(order)

    @functools.wraps(action.rule)
    def rule(state: State, *arguments: object) -> None:
        inner = type(state)()
        action.rule(inner, *arguments)
        state._guards += [inner._guards[number] for number in kept]
        state._updates += inner._updates
        state._marks |= marks

    marks = {
        mark: sum(number < before for number in kept)
        for mark, before in action.marks.items()
    }
    guards = tuple(action.guards[number] for number in kept)
    return replace(action, rule=rule, guards=guards, marks=marks)

"""Parts of an action, and an action read over another state.

Both run the action's own rule again, so nothing of it is stated twice.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from typing import Any

from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.state import Guard, State
from tdxcheck.checker.language.system import Action, action
from tdxcheck.checker.language.terms import Term, all_of, implies


def between(whole: Action, start: Enum | None, stop: Enum | None) -> Action:
    """What an action does between two of its marks, or from or to its end.

    Its guards that stand there, and if it goes to the end its effects too. A guard
    without a refusal counts where those before it hold, as it does in the action.
    """
    for mark in (start, stop):
        if mark is not None and mark not in whole.marks:
            raise SpecificationError(
                whole.location, f"{whole.name} has no mark {mark.name}"
            )

    @functools.wraps(whole.rule)
    def rule(state: State, *arguments: Any) -> None:
        inner = type(state)()
        whole.rule(inner, *arguments)
        first = 0 if start is None else inner._marks[start]
        last = len(inner._guards) if stop is None else inner._marks[stop]
        state._guards += _in_order(inner._guards[first:last])
        if stop is None:
            state._updates += inner._updates

    first = 0 if start is None else whole.marks[start]
    last = len(whole.guards) if stop is None else whole.marks[stop]
    return replace(
        whole,
        rule=rule,
        guards=whole.guards[first:last],
        updates=whole.updates if stop is None else (),
        marks={},
    )


def _in_order(guards: list[Guard]) -> Iterator[Guard]:
    """The guards, so that none without a refusal is asked where an earlier one fails.

    A call takes those out of their order.
    """
    passed: list[Term[bool]] = []
    for guard in guards:
        if guard.refusal is not None:
            passed.append(guard.condition)
            yield guard
        elif passed:
            yield replace(guard, condition=implies(all_of(*passed), guard.condition))
        else:
            yield guard


def over(whole: Action, state_type: type[State]) -> Action:
    """The action over a state that has more variables, or that knows more of some."""

    @functools.wraps(whole.rule)
    def rule(state: State, *arguments: Any) -> None:
        whole.rule(state, *arguments)

    signature = inspect.signature(whole.rule, eval_str=True)
    state, *others = signature.parameters.values()
    if not issubclass(state_type, state.annotation):
        raise SpecificationError(
            whole.location, f"{whole.name} is not an action over {state_type.__name__}"
        )
    parameters = [state.replace(annotation=state_type), *others]
    rule.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    read = action(
        name=whole.name,
        actor=whole.actor,
        kinds=whole.kinds,
        event=whole.event,
        success=whole.success,
        sources=whole.sources,
    )(rule)
    return replace(read, location=whole.location)

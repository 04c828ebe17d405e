"""Proof by property-directed reachability: z3's Spacer, whose proofs are re-checked.

Each step is a rule of its own, whose head has the effects in place of variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import z3

from tdxcheck.checker.engines.symbolic.encoding import Encoding, Formula, constant
from tdxcheck.checker.engines.symbolic.solving import (
    Clock,
    EngineError,
    GaveUp,
    answer,
)
from tdxcheck.checker.engines.symbolic.target import Target
from tdxcheck.checker.verdict import Limit

OPTIONS = {
    "engine": "spacer",
    "spacer.use_inductive_generalizer": False,
    "xform.slice": False,
    "xform.inline_linear": False,
    "xform.inline_eager": False,
}
"""Measured: the generalizer costs more than it saves; slicing hides variables."""

MOST_CASES = 1 << 10
"""Of a quantifier in an answer, spelled out."""


def invariant(
    encoding: Encoding, target: Target, clock: Clock, lemmas: Sequence[Formula] = ()
) -> Formula | None:
    """An inductive invariant that excludes the target, or None if a run hits it.

    The invariant is only claimed: it has yet to be checked. The lemmas are known
    to hold in every reachable state.
    """
    system = encoding.system
    states = encoding.now.state
    reached = z3.Function("reached", *(held.sort() for held in states), z3.BoolSort())
    fixedpoint = z3.Fixedpoint()
    fixedpoint.set(**OPTIONS)
    fixedpoint.register_relation(reached)
    fixedpoint.declare_var(*states)
    starts = [
        held if slot.start is None else constant(slot, slot.start)
        for slot, held in zip(system.slots, states, strict=True)
    ]
    fixedpoint.rule(reached(*starts), [encoding.initial])
    known = z3.And([encoding.within, *lemmas])
    for step in system.steps:
        after = [
            encoding.value(slot, step.updates[slot.number])
            if slot.number in step.updates
            else held
            for slot, held in zip(system.slots, states, strict=True)
        ]
        body = [reached(*states), known, encoding.guard(step.number)]
        fixedpoint.rule(reached(*after), body)
    wrong = z3.And(reached(*states), known, _hit(encoding, target))
    query = z3.Exists(list(states), wrong) if states else wrong
    if answer(fixedpoint, lambda: fixedpoint.query(query), clock):
        return None
    found = expanded(_interpretation(fixedpoint.get_answer(), reached, states))
    return z3.And([found, *lemmas])


def _hit(encoding: Encoding, target: Target) -> Formula:
    """The target is hit now, without a selector: by some step that is possible."""
    if not target.at_step:
        return encoding.hit(target)
    return z3.Or(
        [
            z3.And(encoding.guard(step), encoding.term(node))
            for step, node in enumerate(target.nodes)
        ]
    )


def expanded(formula: Formula) -> Formula:
    """The formula with each quantifier spelled out, value by value."""
    if z3.is_quantifier(formula):
        bound = _fresh(formula)
        cases = [z3.substitute_vars(expanded(formula.body()), *reversed(bound))]
        for variable in bound:
            cases = _cases(cases, variable)
        return z3.Or(cases) if formula.is_exists() else z3.And(cases)
    children = formula.children()
    if not children or not any(map(_is_quantified, children)):
        return formula
    return formula.decl()(*map(expanded, children))


def _fresh(quantified: Formula) -> list[Formula]:
    """Constants for the variables, which are numbered from the last one bound."""
    return [
        z3.FreshConst(quantified.var_sort(place))
        for place in range(quantified.num_vars())
    ]


def _cases(formulas: list[Formula], variable: Formula) -> list[Formula]:
    """The formulas at each value of the variable, those that differ."""
    found: dict[int, Formula] = {}
    for formula in formulas:
        for value in _values(variable.sort()):
            case = z3.simplify(z3.substitute(formula, (variable, value)))
            found.setdefault(case.get_id(), case)
            if len(found) > MOST_CASES:
                raise GaveUp(Limit.SOLVER, "an answer of Spacer is too large")
    return list(found.values())


def _is_quantified(formula: Formula) -> bool:
    return z3.is_quantifier(formula) or any(map(_is_quantified, formula.children()))


def _values(sort: Any) -> list[Formula]:
    """Every value of the sort, if it has not too many."""
    if sort == z3.BoolSort():
        return [z3.BoolVal(False), z3.BoolVal(True)]
    size = min(1 << sort.size(), MOST_CASES + 1)
    return [z3.BitVecVal(value, sort.size()) for value in range(size)]


def _interpretation(answer: Any, reached: Any, states: Sequence[Formula]) -> Formula:
    """What the answer says of the relation, over the state now."""
    if z3.is_and(answer):
        parts = [_interpretation(part, reached, states) for part in answer.children()]
        return z3.And(parts)
    if not z3.is_quantifier(answer):
        return _of_equation(answer, reached, states)
    body = z3.substitute_vars(answer.body(), *reversed(_fresh(answer)))
    return _of_equation(body, reached, states)


def _of_equation(equation: Any, reached: Any, states: Sequence[Formula]) -> Formula:
    """`reached(...) == body`, or `=>`, or a literal, as the body over the states."""
    if z3.is_true(equation):
        return equation
    if z3.is_not(equation):
        return z3.Not(_of_equation(equation.children()[0], reached, states))
    head, body = equation, z3.BoolVal(True)
    if not _is_use(head, reached):
        if equation.num_args() != 2:
            raise EngineError(f"an answer of Spacer is not understood: {equation}")
        head, body = equation.children()
        if not _is_use(head, reached):
            head, body = body, head
    if not _is_use(head, reached):
        raise EngineError(f"an answer of Spacer is not understood: {equation}")
    return z3.substitute(body, *zip(head.children(), states, strict=True))


def _is_use(term: Any, reached: Any) -> bool:
    return bool(z3.is_app(term) and term.decl().eq(reached))

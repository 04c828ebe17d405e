"""Formulas as text: what an invariant says, in the names of the specification."""

from __future__ import annotations

import z3

from tdxcheck.checker.engines.symbolic.encoding import Encoding, Formula, number
from tdxcheck.checker.ground.system import GroundSlot, decode
from tdxcheck.checker.language.instance import show_value


def show(encoding: Encoding, formula: Formula) -> str:
    """The formula over the state now, a line for each conjunct."""
    names = {
        held.decl().name(): slot
        for slot, held in zip(encoding.system.slots, encoding.now.state, strict=True)
    }
    return "\n".join(_text(part, names) for part in _conjuncts(formula))


def _conjuncts(formula: Formula) -> list[Formula]:
    if z3.is_and(formula):
        return [part for child in formula.children() for part in _conjuncts(child)]
    return [] if z3.is_true(formula) else [formula]


def _text(formula: Formula, names: dict[str, GroundSlot]) -> str:
    parts = formula.children()
    if z3.is_not(formula) and z3.is_not(parts[0]):
        return _text(parts[0].children()[0], names)
    if z3.is_not(formula):
        return f"not {_inner(parts[0], names)}"
    if z3.is_and(formula):
        return " and ".join(_inner(part, names) for part in parts)
    if z3.is_or(formula):
        return " or ".join(_inner(part, names) for part in parts)
    if z3.is_eq(formula) and not z3.is_bool(parts[0]):
        left, right = parts
        if z3.is_bv_value(left):
            left, right = right, left
        slot = names.get(left.decl().name())
        if slot is not None and z3.is_bv_value(right):
            sort = slot.entry[0].sort
            return (
                f"{slot.name} = {show_value(decode(number(slot, right), sort), sort)}"
            )
    return " ".join(str(formula).split())


def _inner(formula: Formula, names: dict[str, GroundSlot]) -> str:
    text = _text(formula, names)
    return f"({text})" if z3.is_and(formula) or z3.is_or(formula) else text

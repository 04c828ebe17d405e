"""Shapes: what a formula says, apart from the names of its loose constants.

Those stand for some element, and for some number of them, and are numbered as they
come. Two formulas say the same, with other such constants, if their shapes are equal.
A shape is told by the words of the formula, or, where z3 has put what is joined in
another order, by its parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import z3

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificate_solvers import told_by
from tdxcheck.checker.engines.parametric import formulas as f
from tdxcheck.checker.engines.parametric.formulas import Formula

LOOSE = re.compile(r".+\.\d+|count!\d+")
"""The name of such a constant."""
FLAT = (z3.Z3_OP_AND, z3.Z3_OP_OR, z3.Z3_OP_ADD)
"""What z3 writes without brackets where it stands in the same."""
ANYHOW = (*FLAT, z3.Z3_OP_EQ, z3.Z3_OP_DISTINCT)
"""What z3 may write in another order, by what it has made before."""


@dataclass(frozen=True)
class Shape:
    """A formula without the names of its loose constants, and these."""

    shape: tuple[str, ...]
    loose: tuple[str, ...]


class Shapes:
    """The shapes of formulas of one context, each worked out once."""

    def __init__(self, plain: Mapping[str, str] = {}) -> None:
        self.plain = plain
        """What enumerations and their members are called where no others are."""
        self._known: dict[int, Shape] = {}
        self._parts: dict[int, _Part] = {}
        """Formulas are kept, since z3 gives the number of a dead one to another."""

    def of(self, formula: Formula) -> Shape:
        """Its different parts in the order in which they end, by what is in them."""
        number = f.number(formula)
        if number not in self._known:
            places: dict[int, int] = {}
            told: dict[str, int] = {}
            loose: list[str] = []
            stack = [(self._part(formula), False)]
            while stack:
                part, is_open = stack.pop()
                if part.number in places:
                    continue
                if not is_open:
                    stack.append((part, True))
                    stack += [(self._part(one), False) for one in part.inside[::-1]]
                    continue
                name = part.name
                if part.is_loose:
                    loose.append(name)
                    name = f"?{len(loose)}"
                own = " ".join(str(places[f.number(one)]) for one in part.inside)
                text = f"{name}:{part.sort} {own}"
                places[part.number] = told.setdefault(text, len(told))
            self._known[number] = Shape(tuple(told), tuple(loose))
        return self._known[number]

    def _part(self, formula: Formula) -> _Part:
        number = f.number(formula)
        if number not in self._parts:
            self._order(formula)
        return self._parts[number]

    def _order(self, formula: Formula) -> None:
        """Put what is in it in an order that is not that in which z3 has met it."""
        stack = [_Part(formula, self.plain)]
        while stack:
            part = stack[-1]
            new = [o for o in part.inside if f.number(o) not in self._parts]
            if new:
                stack += (_Part(one, self.plain) for one in new)
                continue
            stack.pop()
            if z3.is_app(part.formula) and f.kind(part.formula) in ANYHOW:
                part.inside.sort(key=lambda one: self._parts[f.number(one)].told)
            inside = (self._parts[f.number(one)].told for one in part.inside)
            part.told = hash(("?" if part.is_loose else part.name, part.sort, *inside))
            self._parts[part.number] = part


class _Part:
    """What is to be known of a formula."""

    def __init__(self, formula: Formula, plain: Mapping[str, str]) -> None:
        self.formula = formula
        self.number: int = f.number(formula)
        self.inside = _inside(formula)
        self.sort = _plain(formula.sort(), plain)
        self.name = _name(formula, plain)
        is_constant = not self.inside and z3.is_const(formula)
        self.is_loose = is_constant and LOOSE.fullmatch(self.name) is not None
        self.told = 0
        """The same of all that are equal but for their loose constants."""


def _inside(formula: Formula) -> list[Formula]:
    """What it is made of; of one sum, say, in another, what that is made of."""
    if z3.is_quantifier(formula):
        return [formula.body()]
    own = f.kind(formula)
    if own not in FLAT:
        return list(formula.children())
    found: list[Formula] = []
    left = [formula]
    while left:
        one = left.pop()
        if f.kind(one) == own:
            left += reversed(one.children())
        else:
            found.append(one)
    return found


def _name(formula: Formula, plain: Mapping[str, str]) -> str:
    """What it is made by."""
    if z3.is_quantifier(formula):
        kind = "forall" if formula.is_forall() else "exists"
        sorts = (formula.var_sort(n) for n in range(formula.num_vars()))
        return " ".join((kind, *(_plain(sort, plain) for sort in sorts)))
    if z3.is_var(formula):
        return f"bound {z3.get_var_index(formula)}"
    if z3.is_int_value(formula):
        return str(formula.as_string())
    return _plain(formula.decl(), plain)


def _plain(named: Any, plain: Mapping[str, str]) -> str:
    name = named.name()
    return plain.get(name, name)


def formulas_in(
    declared: str, questions: Sequence[Sequence[str]]
) -> list[list[Formula]]:
    """The assertions of each question, as z3 reads them in a context of their own.

    Raises Refused if it does not understand them.
    """
    numbers: dict[str, int] = {}
    for question in questions:
        for assertion in question:
            numbers.setdefault(assertion, len(numbers))
    text = "\n".join((declared, *numbers))
    try:
        read = list(z3.parse_smt2_string(text, ctx=z3.Context()))
    except z3.Z3Exception as error:
        said = told_by(error)
        raise Refused(f"z3 does not understand the file: {said}") from error
    if len(read) != len(numbers):
        raise Refused("z3 does not understand the file")
    return [[read[numbers[one]] for one in question] for question in questions]

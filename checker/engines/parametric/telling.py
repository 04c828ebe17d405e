"""Telling: the parts of an invariant as a reader of C would write them down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tdxcheck.checker.engines.parametric.clauses import Clause
from tdxcheck.checker.engines.parametric.family import Family
from tdxcheck.checker.language import terms as language
from tdxcheck.checker.language.instance import show_element, show_value
from tdxcheck.checker.language.system import Property
from tdxcheck.checker.language.terms import Choice, Index, Term

Names = dict[Index, str]


PART = "    {}. {}"
"""A part of the invariant in a heading: its number and its name."""
SETTLED = "settled, that is, their first value is put in, which they keep: "
"""Before the names of the variables, in a heading."""


def heading_of(
    rule: Property, family: Family, parts: Iterable[str], settled: Iterable[str]
) -> list[str]:
    """What stands above the checks of a proof, for people, line by line.

    Its invariant has these parts, and these variables keep their first value.
    """
    return [
        f"{rule.name}: {rule.summary}",
        f"{family.system.name}, with any number of {family.told}.",
        "",
        "Every check below is to be answered with unsat: together they say that",
        "the following holds at first, and that every action keeps it.",
        "",
        *(PART.format(number, name) for number, name in enumerate(parts, 1)),
        "",
        f"{SETTLED}{', '.join(settled)}",
    ]


def told(clause: Clause) -> str:
    """For which elements it is said, and what."""
    names: Names = {}
    for index in clause.indices:
        names[index] = f"{_label(index)} {'abcdefgh'[len(names)]}"
    text = _text(clause.body, names)
    if not names:
        return text
    return f"for every {', '.join(names.values())}: {text}"


def text_of(term: Term[Any]) -> str:
    return _text(term, {})


def _text(term: Term[Any], names: Names) -> str:
    def inner(part: Term[Any]) -> str:
        told = _text(part, names)
        plain = isinstance(
            part,
            language.Read | language.Const | Index | Choice | language.Element
            | language.Named,
        )  # fmt: skip
        return told if plain else f"({told})"

    match term:
        case language.Const(value):
            return show_value(value, term.sort)
        case language.Element(sort, number):
            return show_element(sort, number)
        case Index() | Choice():
            name = names.get(term, term.name) if isinstance(term, Index) else term.name
            return name.rpartition(" ")[2]
        case language.Read(variable, indices, _):
            places = ", ".join(_text(index, names) for index in indices)
            return f"{variable.name}[{places}]" if indices else variable.name
        case language.Named(definition, arguments, _):
            places = ", ".join(_text(argument, names) for argument in arguments)
            return f"{definition.name}({places})"
        case language.Not(language.Equal(left, right)):
            return f"{inner(left)} != {inner(right)}"
        case language.Not(operand):
            return f"!{inner(operand)}"
        case language.And(operands):
            return " && ".join(map(inner, operands)) or "yes"
        case language.Or(operands):
            return " || ".join(map(inner, operands)) or "no"
        case language.Implies(premise, conclusion):
            return f"{inner(premise)} -> {inner(conclusion)}"
        case language.Equal(left, right):
            return f"{inner(left)} == {inner(right)}"
        case language.Less(left, right):
            return f"{inner(left)} < {inner(right)}"
        case language.Plus(left, right):
            return f"{inner(left)} + {inner(right)}"
        case language.Minus(left, right):
            return f"{inner(left)} - {inner(right)}"
        case language.Ite(condition, then, otherwise):
            return f"{inner(condition)} ? {inner(then)} : {inner(otherwise)}"
        case language.Forall(index, body):
            return f"every {_bound(index, body, names)}"
        case language.Exists(index, body):
            return f"some {_bound(index, body, names)}"
        case language.Count(index, body):
            return f"the number of {_bound(index, body, names)}"
        case language.Reacts(event, arguments, reaction):
            places = ", ".join(_text(argument, names) for argument in arguments)
            return f"{event.name}({places}) is {reaction.value}"
    return type(term).__name__


def _bound(index: Index, body: Term[Any], names: Names) -> str:
    letter = "xyzuvw"[
        sum(name.rpartition(" ")[2] in "xyzuvw" for name in names.values())
    ]
    name = f"{_label(index)} {letter}"
    return f"{name}: {_text(body, {**names, index: name})}"


def _label(index: Index) -> str:
    return type(index).label or type(index).__name__.lower()

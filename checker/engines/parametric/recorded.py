"""Recorded: the clauses of a proof as plain text, and what they mean to a family.

A variable is known by its name, a condition of the specification by its words. What is
read is a guess like any other: only what is shown of it counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import Enum
from functools import cached_property
from typing import Any

from tdxcheck.checker.engines.parametric.clauses import Clause, Condition, Literal
from tdxcheck.checker.engines.parametric.family import Family
from tdxcheck.checker.engines.parametric.machines import conditions_of
from tdxcheck.checker.engines.parametric.telling import text_of
from tdxcheck.checker.language.terms import Const, Element, Index, Term
from tdxcheck.checker.language.variables import Variable

MARK = "; clause: "
"""What a line begins with that has a clause."""

Json = Any


class Unreadable(Exception):
    """A line is no clause of this family."""


def with_clauses(text: str, clauses: Iterable[Clause]) -> str:
    """The text, below a line for each of the clauses."""
    lines = [f"{MARK}{json.dumps(_from_clause(c))}\n" for c in clauses]
    return f"{''.join(lines)}{text}"


def lines_in(text: str) -> list[str]:
    """The lines that have a clause."""
    return [line for line in text.splitlines() if line.startswith(MARK)]


def clauses_in(text: str, family: Family) -> tuple[Clause, ...]:
    """The clauses that the text has lines for."""
    return tuple(map(Reader(family).clause, lines_in(text)))


def _from_clause(clause: Clause) -> Json:
    places = {index: place for place, index in enumerate(clause.indices)}

    def plain(term: Term[Any]) -> Json:
        match term:
            case Index():
                return {"any": places[term]}
            case Element(sort, number):
                return {"sort": sort.__name__, "number": number}
            case Const(value):
                return value.name if isinstance(value, Enum) else value
        raise TypeError(f"no part of a clause: {term!r}")

    return {
        "of": [type(index).__name__ for index in clause.indices],
        "never": [
            {
                "what": _name(literal.subject),
                "at": [plain(argument) for argument in literal.arguments],
                "is": [plain(value) for value in literal.values],
            }
            for literal in clause.literals
        ],
    }


def _name(subject: Variable | Condition) -> str:
    if isinstance(subject, Variable):
        return subject.name
    sorts = " ".join(type(index).__name__ for index in subject.indices)
    return f"({sorts}) {text_of(subject.term)}"


class Reader:
    """Reads clauses of one family, each from its line."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.sorts = {s.__name__: s for s in (*family.unbounded, *family.fixed)}
        variables = family.system.state.variables()
        self.variables = {variable.name: variable for variable in variables}

    @cached_property
    def conditions(self) -> dict[str, Condition]:
        """By its name, the first condition that is called so."""
        found = reversed(conditions_of(self.family))
        return {_name(condition): condition for condition in found}

    def clause(self, line: str) -> Clause:
        try:
            said = json.loads(line.removeprefix(MARK))
            indices = tuple(
                self.sorts[name](f"{name.lower()}_{place}")
                for place, name in enumerate(said["of"])
            )
            literals = tuple(self._literal(each, indices) for each in said["never"])
        except (LookupError, RecursionError, TypeError, ValueError) as error:
            raise Unreadable(f"no clause of this system: {line[:60]}") from error
        sorts = {type(index) for index in indices}
        named = tuple(
            Element(sort, number)
            for sort in self.family.unbounded
            if sort in sorts
            for number in self.family.named[sort]
        )
        return Clause(indices, literals, named)

    def _literal(self, said: Json, indices: Sequence[Index]) -> Literal:
        what = said["what"]
        subject = self.variables.get(what) or self.conditions[what]
        sort: Any = bool
        sorts: tuple[Any, ...]
        if isinstance(subject, Variable):
            sort, sorts = subject.sort, subject.index_sorts
        else:
            sorts = tuple(map(type, subject.indices))
        places = zip(said["at"], sorts, strict=True)
        arguments = tuple(self._term(at, of, indices) for at, of in places)
        values = tuple(self._term(value, sort, indices) for value in said["is"])
        if not values:
            raise ValueError("a literal without values")
        return Literal(subject, arguments, values)

    def _term(self, said: Json, sort: Any, indices: Sequence[Index]) -> Term[Any]:
        """An element of the sort, or one of its values."""
        if isinstance(said, dict):
            if "any" in said:
                index = indices[said["any"]]
                if type(index) is not sort:
                    raise ValueError("an element of another sort")
                return index
            if self.sorts[said["sort"]] is not sort:
                raise ValueError("an element of another sort")
            numbers = self.family.named.get(sort, range(self.family.fixed.get(sort, 0)))
            if said["number"] not in numbers:
                raise ValueError("no element with a name")
            return Element(sort, said["number"])
        if isinstance(sort, type) and issubclass(sort, Enum):
            return Const(sort[said])
        if not isinstance(said, bool if sort is bool else int):
            raise ValueError("a value of another sort")
        return Const(said)

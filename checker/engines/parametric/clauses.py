"""Clauses: what never holds together, of any different elements.

A clause is a term of the specification language, so it is grounded, translated and told
like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import combinations
from typing import Any, TypeVar

from tdxcheck.checker.language.reading import terms_in
from tdxcheck.checker.language.rewriting import Rewriter
from tdxcheck.checker.language.terms import (
    Choice,
    Const,
    Count,
    Element,
    Equal,
    Exists,
    Forall,
    Implies,
    Index,
    Not,
    Read,
    Term,
    all_of,
    any_of,
)
from tdxcheck.checker.language.variables import Variable

T = TypeVar("T")

LETTERS = "abcdefgh"


@dataclass(frozen=True, eq=False)
class Condition:
    """A condition of some elements that the specification itself has."""

    term: Term[bool]
    indices: tuple[Index, ...]
    """What it leaves open."""
    counts: Variable | None = None
    """The number that it says is that of some elements, if that is what it says."""
    rules: frozenset[str] = frozenset()
    """Of those that ask about it the names, where no action does."""

    @cached_property
    def others(self) -> frozenset[type[Index]]:
        """The sorts of which it asks about elements beside those that it is left."""
        bound = {
            type(part.index)
            for part in terms_in(self.term)
            if isinstance(part, Exists | Forall | Count)
        }
        return frozenset(bound & set(map(type, self.indices)))

    def of(self, arguments: tuple[Term[Any], ...]) -> Term[bool]:
        return substituted(self.term, dict(zip(self.indices, arguments, strict=True)))


@dataclass(frozen=True, eq=False)
class Literal:
    """What an entry holds, or whether a condition holds, of some elements."""

    subject: Variable | Condition
    arguments: tuple[Term[Any], ...]
    values: tuple[Term[Any], ...]
    """Any of these; of a truth value, only one."""

    @cached_property
    def term(self) -> Term[bool]:
        subject = self.subject
        if isinstance(subject, Condition):
            read: Term[Any] = subject.of(self.arguments)
        else:
            read = Read(subject, self.arguments, False)
        cases = [_is(read, value) for value in self.values]
        if len(cases) == 1:
            return cases[0]
        others = self._others()
        if others is not None and len(others) < len(self.values):
            return all_of(*(Not(_is(read, value)) for value in others))
        return any_of(*cases)

    @property
    def others(self) -> frozenset[type[Index]]:
        """As a condition has them."""
        own = self.subject
        return own.others if isinstance(own, Condition) else frozenset()

    def _others(self) -> tuple[Term[Any], ...] | None:
        """The members of its enumeration that it has not."""
        sort = self.subject.sort if isinstance(self.subject, Variable) else bool
        if not (isinstance(sort, type) and issubclass(sort, Enum)):
            return None
        own = [value.value for value in self.values if isinstance(value, Const)]
        return tuple(Const(member) for member in sort if member not in own)

    def moved(self, to: Mapping[Term[Any], Term[Any]]) -> Literal:
        return Literal(
            self.subject,
            tuple(substituted(argument, to) for argument in self.arguments),
            tuple(substituted(value, to) for value in self.values),
        )


def _is(read: Term[Any], value: Term[Any]) -> Term[bool]:
    if isinstance(value, Const) and isinstance(value.value, bool):
        return read if value.value else Not(read)
    return Equal(read, value)


@dataclass(frozen=True, eq=False)
class Clause:
    """For all different elements, the literals do not hold together."""

    indices: tuple[Index, ...]
    literals: tuple[Literal, ...]
    named: tuple[Element, ...] = ()
    """Elements with names, which the indices are different from too."""

    @cached_property
    def different(self) -> tuple[Term[bool], ...]:
        """The elements that the indices stand for are not the same."""
        among: list[tuple[Index, Term[Any]]] = [
            (one, other)
            for one, other in combinations(self.indices, 2)
            if type(one) is type(other)
        ]
        among += [
            (index, element)
            for index in self.indices
            for element in self.named
            if type(index) is element.type
        ]
        return tuple(Not(Equal(one, other)) for one, other in among)

    @cached_property
    def body(self) -> Term[bool]:
        """What it says of some elements, which may be the same: then nothing."""
        *premises, last = [literal.term for literal in self.literals]
        last = last.operand if isinstance(last, Not) else Not(last)
        premises = [*self.different, *premises]
        return Implies(all_of(*premises), last) if premises else last

    @cached_property
    def term(self) -> Term[bool]:
        found = self.body
        for index in reversed(self.indices):
            found = Forall(index, found)
        return found


def substituted(term: T, to: Mapping[Term[Any], Term[Any]]) -> T:
    """The term with other terms in the place of indices, choices or elements.

    Elements are known by their sort and number; a quantifier's own index stays.
    """
    elements = {(k.type, k.number): v for k, v in to.items() if isinstance(k, Element)}

    def instead(part: Term[Any]) -> Term[Any] | None:
        if isinstance(part, Element):
            return elements.get((part.type, part.number))
        return to.get(part) if isinstance(part, Index | Choice) else None

    found: T = Rewriter(instead).of(term)
    return found

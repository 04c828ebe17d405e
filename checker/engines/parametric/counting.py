"""Counting without bounds: how many elements satisfy a condition, as a number.

Nothing is known of the number but what holds of finite sets of any size: a set in
another has no more elements, and fewer if it is not all of it; one element more makes
one more. Each is true of every instance, so a proof by them holds in every instance.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import z3

from tdxcheck.checker.engines.parametric import formulas as f
from tdxcheck.checker.engines.parametric.family import Sort
from tdxcheck.checker.engines.parametric.formulas import Formula


@dataclass(frozen=True, eq=False)
class Set_:
    """The elements that satisfy a condition, and their number."""

    sort: Sort
    body: Callable[[Formula], Formula]
    name: str
    """Of the number."""
    number: Formula
    new: Callable[[], Formula]
    """A variable over the elements."""


class Counting:
    """The sets that are counted, each once."""

    def __init__(self, named: Callable[[str], Formula]) -> None:
        self._named = named
        self.sets: dict[tuple[Sort, str], Set_] = {}
        self._known: dict[tuple[Set_, Set_], tuple[Formula, ...]] = {}

    def add(
        self,
        sort: Sort,
        body: Callable[[Formula], Formula],
        new: Callable[[], Formula],
        probe: Formula,
    ) -> Formula:
        """The number of elements that satisfy the body."""
        key = sort, body(probe).sexpr()
        if key not in self.sets:
            name = f"count!{len(self.sets)}"
            self.sets[key] = Set_(sort, body, name, self._named(name), new)
        return self.sets[key].number

    def names(self) -> frozenset[str]:
        """Those of the numbers."""
        return frozenset(one.name for one in self.sets.values())

    def axioms(self, met: Container[str]) -> list[Formula]:
        """What is known of the numbers among these names."""
        found = [s for s in self.sets.values() if s.name in met]
        axioms: list[Formula] = []
        for one, other in product(found, found):
            if one.sort is other.sort:
                if (one, other) not in self._known:
                    known = _alone(one) if one is other else _together(one, other)
                    self._known[one, other] = tuple(known)
                axioms += self._known[one, other]
        return axioms


def _alone(one: Set_) -> Iterator[Formula]:
    x, y = one.new(), one.new()
    yield one.number >= 0
    yield (one.number == 0) == f.forall([x], f.not_(one.body(x)))
    both = f.and_((one.body(x), one.body(y)))
    yield (one.number <= 1) == f.forall([x, y], f.implies(both, x == y))


def _together(one: Set_, other: Set_) -> Iterator[Formula]:
    x, y = one.new(), one.new()
    inside = f.forall([x], f.implies(one.body(x), other.body(x)))
    more = f.exists([y], f.and_((other.body(y), f.not_(one.body(y)))))
    yield f.implies(inside, one.number <= other.number)
    yield f.implies(f.and_((inside, more)), one.number < other.number)
    z = one.new()
    another = f.and_((other.body(z), f.not_(one.body(z)), z3.Not(y == z)))
    two = f.exists([y, z], f.and_((other.body(y), f.not_(one.body(y)), another)))
    yield f.implies(f.and_((inside, two)), one.number + 2 <= other.number)
    alike = f.forall([x], f.or_((x == y, f.equal(one.body(x), other.body(x)))))
    news = f.and_((other.body(y), f.not_(one.body(y)), alike))
    yield f.implies(f.exists([y], news), other.number == one.number + 1)


def constants_in(formulas: Iterable[Formula]) -> set[int]:
    """The constants that occur, by their number as terms."""
    stack = list(formulas)
    seen: set[int] = set()
    found: set[int] = set()
    while stack:
        term = stack.pop()
        if term.get_id() in seen:
            continue
        seen.add(term.get_id())
        if z3.is_quantifier(term):
            stack.append(term.body())
        elif z3.is_const(term):
            found.add(term.get_id())
        else:
            stack += term.children()
    return found

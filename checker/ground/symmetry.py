"""Symmetry: which elements of a sort a ground system cannot tell from one another.

A permutation of elements carries slots, steps and conditions to others. Where it
carries the system onto itself, a state and its image have the same future, and one of
them stands for both. Nothing is guessed: each such permutation is held against the
whole ground system (`forms.py`), and what tells two elements apart is named.

Two elements that can be exchanged, all else staying as it is, are of one *class*.
A package can only be exchanged together with its CPUs: such permutations are *others*.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import factorial, prod

from tdxcheck.checker.ground.forms import Forms
from tdxcheck.checker.ground.permutation import Permutation, Sort, exchange
from tdxcheck.checker.ground.system import GroundSystem, code
from tdxcheck.checker.language.instance import Entry, Scope
from tdxcheck.checker.language.variables import Variable

MOST_OTHERS = 720
"""Permutations that are tried one by one on a state."""


@dataclass(frozen=True)
class Class:
    """Elements of a sort, each of which can be exchanged with each other one."""

    sort: Sort
    elements: tuple[int, ...]

    def __str__(self) -> str:
        numbers = [str(n) for n in self.elements]
        return f"{_label(self.sort)} {', '.join(numbers[:-1])} and {numbers[-1]}"


@dataclass(frozen=True)
class Apart:
    """An element that cannot be exchanged with another, and why."""

    sort: Sort
    element: int
    other: int
    reason: str

    def __str__(self) -> str:
        label = _label(self.sort)
        return f"{label} {self.element} is not {label} {self.other}: {self.reason}"


@dataclass(frozen=True, eq=False)
class Symmetry:
    """The permutations that carry a system onto itself."""

    classes: tuple[Class, ...]
    """Those whose elements are told apart by nothing but columns of slots."""
    others: tuple[Permutation, ...]
    """What else there is, closed under composition, without the identity."""
    parts: tuple[Class, ...]
    """The classes whose exchanges are among the others."""
    apart: tuple[Apart, ...]
    asymmetric: Mapping[int, str]
    """Of the properties that are not symmetric: their numbers, and why."""

    @property
    def is_trivial(self) -> bool:
        return not self.classes and not self.others

    @property
    def order(self) -> int:
        """How many permutations there are."""
        own = prod(factorial(len(c.elements)) for c in self.classes)
        return own * (1 + len(self.others))

    def column(self, entry: Entry) -> tuple[Sort, int] | None:
        """The element of a class of whose column the slot of an entry is a part."""
        variable, numbers = entry
        for sort, number in zip(variable.index_sorts, numbers, strict=True):
            if any(c.sort is sort and number in c.elements for c in self.classes):
                return sort, number
        return None

    def generators(self, scope: Scope) -> Iterator[Permutation]:
        """Some of the permutations, of which all the others are made."""
        yield from _exchanges(self.classes, scope)
        yield from self.others


def symmetry_of(system: GroundSystem, kept: Collection[int] = ()) -> Symmetry:
    """The symmetry of the system, and of which of its properties it is one.

    The properties of the numbers `kept` are to have it, which may leave less of it.
    """
    return _Finder(system, kept).find()


class _Finder:
    def __init__(self, system: GroundSystem, kept: Collection[int]) -> None:
        self.system = system
        self.kept = [system.properties[number] for number in kept]
        self.instance = system.instance
        self.forms = Forms(system)
        self.apart: list[Apart] = []

    def find(self) -> Symmetry:
        found = [c for sort in self.instance.scope for c in self.classes(sort)]
        swaps = list(self.compounds(found))
        classes, parts = self._split(found, bool(swaps))
        swaps = [swap for swap in swaps if _keeps(swap, classes)]
        others = self._closure([*swaps, *_exchanges(parts, self.instance.scope)])
        if not others:
            parts = []
        found_ = Symmetry(
            tuple(classes), tuple(others), tuple(parts), tuple(self.apart), {}
        )
        asymmetric = {}
        for number, rule in enumerate(self.system.properties):
            for permutation in found_.generators(self.instance.scope):
                reason = self.forms.moves_property(rule, permutation)
                if reason:
                    asymmetric[number] = reason
                    break
        return replace(found_, asymmetric=asymmetric)

    def moves(self, permutation: Permutation) -> str:
        """Why the permutation is none of the symmetry, or nothing."""
        return self.forms.moves_system(permutation) or next(
            filter(
                None,
                (self.forms.moves_property(rule, permutation) for rule in self.kept),
            ),
            "",
        )

    def classes(self, sort: Sort) -> Iterator[Class]:
        """The elements of a sort, by what they can be exchanged with."""
        size = self.instance.scope[sort]
        classes: list[list[int]] = []
        for element in range(size):
            reason, first = "", 0
            for members in classes:
                swap = exchange(sort, size, members[0], element)
                why = self.moves(swap)
                if not why:
                    members.append(element)
                    break
                if not reason:
                    reason, first = why, members[0]
            else:
                if reason:
                    self.apart.append(Apart(sort, element, first, reason))
                classes.append([element])
        for members in classes:
            if len(members) > 1 and self._matters(sort, members):
                yield Class(sort, tuple(members))

    def _matters(self, sort: Sort, members: Sequence[int]) -> bool:
        """Something in a state is about these elements."""
        return any(
            slot.entry[0].sort is sort
            or any(
                s is sort and n in members
                for s, n in zip(slot.entry[0].index_sorts, slot.entry[1], strict=True)
            )
            for slot in self.system.slots
        )

    def compounds(self, found: Sequence[Class]) -> Iterator[Permutation]:
        """Exchanges of two elements together with all that configuration gives them."""
        scope = self.instance.scope
        for sort in scope:
            together = {n for c in found if c.sort is sort for n in c.elements}
            maps = [
                variable
                for variable in self.instance.variables
                if variable.sort is sort and len(variable.index_sorts) == 1
            ]
            if len(together) == scope[sort] or not maps:
                continue
            for one, other in pairwise(range(scope[sort])):
                swap = self._compound(sort, one, other, maps)
                if swap is not None and not self.moves(swap):
                    yield swap

    def _compound(
        self, sort: Sort, one: int, other: int, maps: Sequence[Variable]
    ) -> Permutation | None:
        of = dict(exchange(sort, self.instance.scope[sort], one, other).of)
        for variable in maps:
            (index,) = variable.index_sorts
            given: dict[int, list[int]] = {one: [], other: []}
            for entry in self.instance.entries(variable):
                start = self.instance.start(entry)
                if start is not None and code(start) in given:
                    given[code(start)].append(entry[1][0])
            mine, theirs = given[one], given[other]
            if len(mine) != len(theirs) or index in of:
                return None
            to = list(range(self.instance.scope[index]))
            for left, right in zip(mine, theirs, strict=True):
                to[left], to[right] = right, left
            of[index] = tuple(to)
        return Permutation(of)

    def _split(
        self, found: Sequence[Class], compound: bool
    ) -> tuple[list[Class], list[Class]]:
        """The classes that are columns of slots, and those that are not.

        Of two classes that a slot is about both, one can have the columns.
        """
        classes: list[Class] = []
        parts: list[Class] = []
        for one in sorted(found, key=lambda c: -len(c.elements)):
            if self._is_value(one) or self._shares(one, classes):
                parts.append(one)
            else:
                classes.append(one)
        size = prod(factorial(len(c.elements)) for c in parts)
        while parts and size * (2 if compound else 1) > MOST_OTHERS:
            dropped = max(parts, key=lambda c: len(c.elements))
            parts.remove(dropped)
            size //= factorial(len(dropped.elements))
            self.apart.append(
                Apart(
                    dropped.sort,
                    dropped.elements[1],
                    dropped.elements[0],
                    "states name them, and there are too many orders to try",
                )
            )
        return classes, parts

    def _is_value(self, one: Class) -> bool:
        return any(slot.entry[0].sort is one.sort for slot in self.system.slots)

    def _shares(self, one: Class, others: Iterable[Class]) -> bool:
        """Some slot is about elements of this class twice, or of another as well."""
        classes = [one, *others]
        for slot in self.system.slots:
            variable, numbers = slot.entry
            about = [
                c
                for sort, n in zip(variable.index_sorts, numbers, strict=True)
                for c in classes
                if c.sort is sort and n in c.elements
            ]
            if len(about) > 1 and any(c is one for c in about):
                return True
        return False

    def _closure(self, generators: Sequence[Permutation]) -> list[Permutation]:
        """Everything that the generators make together, without the identity."""
        found = {frozenset[tuple[Sort, tuple[int, ...]]](): Permutation({})}
        frontier = list(found.values())
        while frontier and len(found) <= MOST_OTHERS:
            fresh = [g.after(p) for p in frontier for g in generators]
            frontier = []
            for permutation in fresh:
                if permutation.key not in found:
                    found[permutation.key] = permutation
                    frontier.append(permutation)
        if frontier:
            return []
        return [p for key, p in found.items() if key]


def _exchanges(
    classes: Iterable[Class], scope: Mapping[Sort, int]
) -> Iterator[Permutation]:
    """Of each class the exchanges of neighbours, which make all the others."""
    for one in classes:
        for left, right in pairwise(one.elements):
            yield exchange(one.sort, scope[one.sort], left, right)


def _keeps(permutation: Permutation, classes: Sequence[Class]) -> bool:
    """The permutation makes of each class a class, so that it may come first."""
    sets = {(c.sort, frozenset(c.elements)) for c in classes}
    moved = {
        (c.sort, frozenset(permutation.value(c.sort, n) for n in c.elements))
        for c in classes
    }
    return sets == moved


def _label(sort: Sort) -> str:
    return getattr(sort, "label", "") or sort.__name__

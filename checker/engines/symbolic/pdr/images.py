"""Images: what symmetry makes of a cube.

What no run of some steps comes to, no such run comes to with the names of elements
exchanged. A clause is learned with all of its images, unless these are too many; as
then one may be kept and another not, what is found is checked as any other invariant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from math import factorial, prod
from typing import Any

from tdxcheck.checker.engines.symbolic.pdr.literals import Literals
from tdxcheck.checker.engines.symbolic.pdr.moves import Cube
from tdxcheck.checker.ground.symmetry import symmetry_of

MOST = 5000
"""Images of one cube, beyond which none but itself is taken."""

Kind = tuple[Any, ...]
"""What a literal says, whichever element of a class it is about."""
Pattern = frozenset[Kind]
"""What a cube says of one element."""


class Images:
    """The classes of elements that a system cannot tell apart, over its literals.

    What is said of an element is exchanged as a whole with what is said of another.
    """

    def __init__(self, literals: Literals, *, symmetric: bool = True) -> None:
        self.classes: list[tuple[int, ...]] = []
        self._places: dict[int, tuple[int, int, Kind]] = {}
        """By literal the class, the element, and what is said of it."""
        self._literals: dict[tuple[int, int, Kind], int] = {}
        self._found: dict[Cube, tuple[Cube, ...]] = {}
        if symmetric:
            self._find(literals)

    def _find(self, literals: Literals) -> None:
        symmetry = symmetry_of(literals.system)
        self.classes = [one.elements for one in symmetry.classes]
        for slot in literals.system.slots:
            variable, numbers = slot.entry
            column = symmetry.column(slot.entry)
            if column is None:
                continue
            sort, element = column
            number = next(
                n
                for n, one in enumerate(symmetry.classes)
                if one.sort is sort and element in one.elements
            )
            pairs = zip(variable.index_sorts, numbers, strict=True)
            others = tuple(None if pair == column else pair[1] for pair in pairs)
            for value, literal in literals.slots[slot.number].items():
                for sign in (1, -1):
                    place = (number, element, (variable, others, value, sign))
                    self._places.setdefault(sign * literal, place)
                    self._literals[place] = sign * literal

    def of(self, cube: Cube) -> tuple[Cube, ...]:
        """The cube, and all that exchanges make of it."""
        if cube not in self._found:
            self._found[cube] = self._images(cube)
        return self._found[cube]

    def _images(self, cube: Cube) -> tuple[Cube, ...]:
        said: list[dict[int, set[Kind]]] = [
            {element: set() for element in elements} for elements in self.classes
        ]
        rest = []
        for literal in cube:
            if literal in self._places:
                number, element, kind = self._places[literal]
                said[number][element].add(kind)
            else:
                rest.append(literal)
        counts = [Counter(map(frozenset, one.values())) for one in said]
        if prod(map(_orders, counts)) > MOST:
            return (cube,)
        choices = [
            [self._about(number, order) for order in _arrangements(count)]
            for number, count in enumerate(counts)
        ]
        return tuple(frozenset(rest).union(*chosen) for chosen in product(*choices))

    def _about(self, number: int, order: Sequence[Pattern]) -> list[int]:
        """The literals that say these things of the elements of the class, in turn."""
        return [
            self._literals[number, element, kind]
            for element, pattern in zip(self.classes[number], order, strict=True)
            for kind in pattern
        ]

    def covers(self, cube: Cube, other: Cube) -> bool:
        """The other cube is part of an image of the cube."""
        if len(cube) > len(other) or not self._kinds(cube) <= self._kinds(other):
            return False
        return any(image <= other for image in self.of(cube))

    def _kinds(self, cube: Cube) -> Counter[Any]:
        """How many literals of each kind there are."""
        places = self._places
        return Counter(places[n][::2] if n in places else n for n in cube)


def _orders(counts: Counter[Pattern]) -> int:
    """In how many orders the patterns can be told."""
    return factorial(counts.total()) // prod(map(factorial, counts.values()))


def _arrangements(counts: Counter[Pattern]) -> Iterator[tuple[Pattern, ...]]:
    """All of these orders."""
    if not counts.total():
        yield ()
    for pattern in [pattern for pattern, left in counts.items() if left]:
        counts[pattern] -= 1
        for rest in _arrangements(counts):
            yield (pattern, *rest)
        counts[pattern] += 1

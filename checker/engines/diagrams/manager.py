"""The manager of decision diagrams: CUDD where its wheel is there, else pure Python.

Both come with the package dd, behind one interface. A set of states is a diagram
over the bits of the slots now; the bits then stand beside them and are used only
inside an image.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

try:
    from dd import cudd
except ImportError:  # No wheel with CUDD for this platform.
    cudd = None

Diagram = Any
"""A function of dd's, which has no types of its own."""

LARGE = 150_000
"""Nodes of a diagram from which on a better order of the bits is looked for.

That takes longer than any search among smaller diagrams: the first order is good.
"""

Bits = frozenset[str]
"""Names of bits. Its hash is found but once, which matters where images are small."""


@dataclass(frozen=True, eq=False)
class Renaming:
    """Bits, and those that they become."""

    names: Mapping[str, str]
    old: Bits
    same: Diagram
    """Each bit is as what it becomes; None where the manager renames by names."""


class Cubes(dict[object, Diagram]):
    """The cubes that one CUDD was asked for; it only knows them by a weak reference.

    dd complains of diagrams that are freed by the collector of reference cycles.
    """


if cudd is not None:

    class Remembering(cudd.BDD):  # type: ignore[misc]
        """dd's CUDD, which makes a cube but once.

        dd itself makes one for each image, at a cost that grows with all bits and not
        with those of the cube: of small diagrams more than the image itself. It also
        makes a set of what it is given, so that bits are given as a set of one set.
        """

        cubes: weakref.ref[Cubes]

        def cube(self, bits: Collection[Any]) -> Diagram:
            if isinstance(bits, dict):
                key: object = tuple(bits.items())
            else:
                (key,) = (bits,) if isinstance(bits, frozenset) else bits
                bits = key
            cubes = self.cubes()
            assert cubes is not None, "a manager outlives no diagram that it makes"
            found = cubes.get(key)
            if found is None:
                found = cubes[key] = super().cube(bits)
            return found


class Manager:
    """The diagrams of one system, over named bits in a fixed first order."""

    def __init__(self, bits: Iterable[str], *, pure: bool = False) -> None:
        """`pure` asks for the manager in Python even where CUDD is installed."""
        self._cudd: Any = None if pure else cudd
        self._cubes = Cubes()
        self._renamings: dict[tuple[tuple[str, str], ...], Renaming] = {}
        if self._cudd is not None:
            self._bdd: Any = Remembering()
            self._bdd.cubes = weakref.ref(self._cubes)
        else:
            from dd import autoref

            self._bdd = autoref.BDD()
        self._bdd.configure(reordering=False)
        self._settled = False
        self._bits = list(bits)
        self._every = frozenset(self._bits)
        self._bdd.declare(*self._bits)
        self.true: Diagram = self._bdd.true
        self.false: Diagram = self._bdd.false

    @property
    def name(self) -> str:
        return "CUDD" if self._cudd is not None else "dd.autoref"

    def grown(self, diagram: Diagram) -> None:
        """Have CUDD look for better orders from now on, if the diagram is large."""
        if self._cudd is not None and not self._settled and len(diagram) > LARGE:
            self._bdd.configure(reordering=True)

    def settled(self) -> None:
        """Keep the order as it is from now on.

        When every state is known, what is still to be made is small beside it, and
        costs less than another look for a better order.
        """
        self._settled = True
        self._bdd.configure(reordering=False)

    def order(self) -> list[str]:
        """The bits in the order that they now have."""
        return sorted(self._bits, key=self._bdd.level_of_var)

    def reorder(self, bits: Sequence[str]) -> None:
        """Give the bits this order; only CUDD does."""
        if self._cudd is not None:
            self._cudd.reorder(self._bdd, {bit: at for at, bit in enumerate(bits)})

    def bit(self, name: str) -> Diagram:
        return self._bdd.var(name)

    def same(self, one: str, other: str) -> Diagram:
        """Both bits have one value."""
        return self.bit(one) & self.bit(other) | ~self.bit(one) & ~self.bit(other)

    def cube(self, values: Mapping[str, bool]) -> Diagram:
        """The conjunction of the bits with these values."""
        return self._bdd.cube(dict(values)) if values else self.true

    def and_exists(self, one: Diagram, other: Diagram, bits: Bits) -> Diagram:
        """The conjunction of both, for some value of the bits."""
        if self._cudd is not None:
            return self._cudd.and_exists(one, other, (bits,))
        return self._bdd.exist(list(bits), one & other)

    def meet(self, one: Diagram, other: Diagram) -> bool:
        """Whether both have a state in common, without making a diagram of them."""
        if self._cudd is not None:
            found = self._cudd.and_exists(one, other, (self._every,))
            return bool(found == self.true)
        return bool(one & other != self.false)

    def exists(self, bits: Iterable[str], diagram: Diagram) -> Diagram:
        """The diagram, for some value of the bits."""
        if self._cudd is not None:
            return self.and_exists(diagram, self.true, frozenset(bits))
        return self._bdd.exist(list(bits), diagram)

    def renaming(self, names: Mapping[str, str]) -> Renaming:
        """Bits by what they become, one and the same for the same."""
        key = tuple(names.items())
        if key not in self._renamings:
            same = None
            if self._cudd is not None:
                same = self.true
                for old, new in key:
                    same &= self.same(old, new)
            self._renamings[key] = Renaming(dict(names), frozenset(names), same)
        return self._renamings[key]

    def renamed(self, diagram: Diagram, renaming: Renaming) -> Diagram:
        """The diagram with bits under other names, none of which it reads."""
        if not renaming.names:
            return diagram
        if self._cudd is None:
            return self._bdd.let(renaming.names, diagram)
        return self._cudd.and_exists(diagram, renaming.same, (renaming.old,))

    def restricted(self, diagram: Diagram, values: Mapping[str, bool]) -> Diagram:
        """The diagram where these bits have these values; it reads them no more."""
        return self._bdd.let(dict(values), diagram) if values else diagram

    def size(self, diagram: Diagram) -> int:
        """The nodes of a diagram."""
        return len(diagram)

    def count(self, diagrams: Sequence[Diagram], bits: Iterable[str]) -> list[int]:
        """How many values of the bits, which are all that it reads, satisfy each.

        Exact, however many: dd's own count is a float.
        """
        return list(map(Counter(self._bdd, bits), diagrams))


class Counter:
    """Counts satisfying values exactly, remembering what it has seen.

    Good for as long as the manager makes no new diagrams: its order may change.
    """

    def __init__(self, bdd: Any, bits: Iterable[str]) -> None:
        levels = sorted(bdd.level_of_var(bit) for bit in bits)
        self._rank = {level: rank for rank, level in enumerate(levels)}
        last = len(levels)
        self._seen = {int(bdd.true): (1, last), int(bdd.false): (0, last)}
        """By diagram: the values that satisfy it, of its first bit and those after it;
        and how many bits come before that one."""

    def __call__(self, diagram: Diagram) -> int:
        count, place = self._seen.get(int(diagram)) or self._count(diagram)
        return count << place

    def _count(self, diagram: Diagram) -> tuple[int, int]:
        place = self._rank[diagram.level]
        count = 0
        for child in (diagram.low, diagram.high):
            if diagram.negated:
                child = ~child
            below, at = self._seen.get(int(child)) or self._count(child)
            count += below << (at - place - 1)
        self._seen[int(diagram)] = count, place
        return count, place

"""Shapes: how many elements the machines have that clauses are guessed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tdxcheck.checker.engines.parametric.family import Family, Sort

Sizes = Mapping[Sort, int]


@dataclass(frozen=True)
class Shape:
    """How many elements the machines that are visited have."""

    size: int
    """Of each sort."""
    spare: int
    """How many more of what belongs to others: of CPUs, which are in packages."""

    @property
    def larger(self) -> Shape:
        return replace(self, size=self.size + 1)


SHAPES = (Shape(2, 1), Shape(2, 0), Shape(3, 1))
"""Those that are visited, in their order.

Clauses are looked for in a machine that has one more of each. With no CPU to spare each
may be the only one of its package, and with one, two are in the same.
"""


def shapes_of(family: Family) -> list[Shape]:
    """Those of the machines that are visited, each machine once."""
    of = {tuple(sizes_of(family, one).items()): one for one in reversed(SHAPES)}
    return sorted(of.values(), key=SHAPES.index)


def sizes_of(family: Family, shape: Shape) -> dict[Sort, int]:
    """How many elements of each sort such a machine has."""
    sizes = {
        sort: max(shape.size, family.least(sort) + bool(family.named[sort]))
        for sort in family.unbounded
    }
    for variable in family.system.state.variables():
        for sort in variable.index_sorts:
            if variable.frozen and sort in sizes and variable.sort in sizes:
                owners = sizes[variable.sort]
                sizes[sort] = max(sizes[sort], owners + shape.spare)
    return sizes


def single(family: Family) -> dict[Sort, int]:
    """The least that there can be: one element of each sort, or those with names."""
    return {sort: family.least(sort) for sort in family.unbounded}


def in_words(sizes: Sizes) -> str:
    labels = {s: s.label or s.__name__.lower() for s in sizes}
    return ", ".join(
        f"{size} {labels[sort]}{'s' * (size > 1)}" for sort, size in sizes.items()
    )

"""Permutations of the elements of sorts, and what they make of entries and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tdxcheck.checker.language.instance import Entry
from tdxcheck.checker.language.terms import Index

Sort = type[Index]


@dataclass(frozen=True)
class Permutation:
    """Where each element goes; sorts that are not named stay as they are."""

    of: Mapping[Sort, tuple[int, ...]]

    def value(self, sort: Any, value: int) -> int:
        return self.of[sort][value] if sort in self.of else value

    def entry(self, entry: Entry) -> Entry:
        variable, numbers = entry
        moved = map(self.value, variable.index_sorts, numbers)
        return variable, tuple(moved)

    def after(self, first: Permutation) -> Permutation:
        """The permutation that does this one after the first."""
        sorts = {*self.of, *first.of}
        return Permutation(
            {
                sort: tuple(
                    self.value(sort, first.value(sort, n))
                    for n in range(len(self.of.get(sort) or first.of[sort]))
                )
                for sort in sorts
            }
        )

    @property
    def key(self) -> frozenset[tuple[Sort, tuple[int, ...]]]:
        return frozenset(
            (sort, to) for sort, to in self.of.items() if to != tuple(range(len(to)))
        )


def exchange(sort: Sort, size: int, one: int, other: int) -> Permutation:
    to = list(range(size))
    to[one], to[other] = other, one
    return Permutation({sort: tuple(to)})

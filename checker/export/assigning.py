"""Effects one after the other, for languages that do not assign all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tdxcheck.checker.ground.terms import Node, support


@dataclass(frozen=True, eq=False)
class Assignments:
    """Effects in an order in which none reads what one before it has assigned.

    Where there is no such order, the old value is saved, and read instead.
    """

    saved: tuple[int, ...]
    """The slots whose values are saved first."""
    ordered: tuple[tuple[int, Node], ...]


def in_order(updates: Mapping[int, Node]) -> Assignments:
    left = dict(updates)
    read = {number: support(value) for number, value in left.items()}
    saved: list[int] = []
    ordered: list[tuple[int, Node]] = []
    while left:
        safe = next((n for n in left if not _is_read(n, left, read, saved)), None)
        if safe is None:
            saved.append(next(iter(left)))
        else:
            ordered.append((safe, left.pop(safe)))
    return Assignments(tuple(saved), tuple(ordered))


def _is_read(
    number: int,
    left: Mapping[int, Node],
    read: Mapping[int, frozenset[int]],
    saved: list[int],
) -> bool:
    """Whether an effect that is still to come reads the slot."""
    return number not in saved and any(
        number in read[other] for other in left if other != number
    )

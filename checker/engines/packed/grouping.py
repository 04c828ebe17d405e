"""Grouping: the slots of a system put into a root and parts that hardly mix.

Either a part is what is said of one element, and the root what is said of none; or
slots that a guard or an effect reads together belong together, and one that almost
every other one is read with belongs to the root.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import combinations

from tdxcheck.checker.engines.packed.inputs import conjuncts
from tdxcheck.checker.engines.packed.layout import Layout
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.ground.terms import support

MOST_ROOT = 12
"""Bits of the root."""

MOST_PART = 6
"""Bits of a part that is put together from others."""

MOST_PAIR = 18
"""Bits of the root and any part together."""


@dataclass(frozen=True)
class Grouping:
    """Numbers of slots."""

    name: str

    root: tuple[int, ...]
    parts: tuple[tuple[int, ...], ...]


def groupings(system: GroundSystem, layout: Layout) -> Iterator[Grouping]:
    """What is worth a try, the simplest first."""
    for group in (_by_element, _by_use):
        found = group(system, layout)
        widths = [
            sum(layout.fields[number].width for number in part)
            for part in (found.root, *found.parts)
        ]
        widest = max(widths[1:], default=MOST_PAIR)
        if widths[0] <= MOST_ROOT and widths[0] + widest <= MOST_PAIR:
            yield found


def _by_element(system: GroundSystem, layout: Layout) -> Grouping:
    """A part for each element of a sort; with two indices, the first one counts."""
    root: list[int] = []
    parts: dict[Hashable, list[int]] = defaultdict(list)
    for slot in system.slots:
        variable, indices = slot.entry
        if not layout.fields[slot.number].width:
            continue
        if indices:
            parts[variable.index_sorts[0], indices[0]].append(slot.number)
        else:
            root.append(slot.number)
    return Grouping("by element", tuple(root), tuple(map(tuple, parts.values())))


def _by_use(system: GroundSystem, layout: Layout) -> Grouping:
    """Put together what is read and changed together."""
    widths = [field.width for field in layout.fields]
    slots = [number for number, width in enumerate(widths) if width]
    weights: dict[tuple[int, int], float] = defaultdict(float)
    for together, weight in _together(system):
        many = sorted(n for n in together if widths[n])
        for pair in combinations(many, 2):
            weights[pair] += weight / (len(many) - 1)
    degrees = dict.fromkeys(slots, 0)
    for pair in weights:
        for number in pair:
            degrees[number] += 1
    most = max(degrees.values(), default=0)
    root = {number for number in slots if 2 * degrees[number] > most}
    if sum(widths[n] for n in root) > MOST_ROOT:
        root = set()
        for number in sorted(slots, key=lambda n: (-degrees[n], n)):
            if sum(widths[n] for n in root) + widths[number] > MOST_ROOT:
                break
            root.add(number)
    parts = _joined(slots, root, widths, weights)
    for part in sorted(parts, key=lambda part: sum(widths[n] for n in part)):
        # What hangs on nothing but the root costs less there.
        bits = sum(widths[n] for n in part)
        if bits <= 2 and sum(widths[n] for n in root) + bits <= MOST_ROOT:
            root |= part
            parts.remove(part)
    if not parts and root:
        last = max(root)
        root.remove(last)
        parts.append({last})
    return Grouping(
        "by use", tuple(sorted(root)), tuple(sorted(tuple(sorted(p)) for p in parts))
    )


def _together(system: GroundSystem) -> Iterator[tuple[set[int], float]]:
    """Slots that are read or changed together, and how much that says."""
    for step in system.steps:
        everything: set[int] = set()
        for guard in step.guards:
            for part in conjuncts(guard):
                read = set(support(part))
                everything |= read
                yield read, 1.0
        for number, value in step.updates.items():
            read = {number, *support(value)}
            everything |= read
            yield read, 1.0
        yield everything, 0.5


def _joined(
    slots: list[int],
    root: set[int],
    widths: list[int],
    weights: dict[tuple[int, int], float],
) -> list[set[int]]:
    """The slots outside the root, those together that have the most to do with each
    other, as long as they are few bits."""
    of = {number: {number} for number in slots if number not in root}
    for one, other in sorted(weights, key=lambda pair: (-weights[pair], pair)):
        if one not in of or other not in of or of[one] is of[other]:
            continue
        both = of[one] | of[other]
        if sum(widths[n] for n in both) <= MOST_PART:
            for number in both:
                of[number] = both
    distinct = {id(part): part for part in of.values()}
    return list(distinct.values())

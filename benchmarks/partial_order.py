"""What partial order reduction could save: stubborn sets of states that can be reached.

    python -m benchmarks.partial_order [--states N] [SUBJECT ...]

A search with reduction takes from a state only the steps of a stubborn set, if none of
them is visible to a rule. For the first states of a breadth-first search this finds,
over all sets that the closure from one step gives, how many steps the smallest has. If
that is nearly all that are possible, a reduction can save nearly nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice

from benchmarks.subjects import system
from tdxcheck.checker.engines.explicit import successors_of
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundSystem, Values
from tdxcheck.checker.ground.terms import Node, evaluate, support

STARTS = 50
"""Initial states that are begun with."""


class Stubborn:
    """The smallest stubborn sets of a system's states."""

    def __init__(self, of: GroundSystem) -> None:
        self.guards = [[(g, _slots(g)) for g in step.guards] for step in of.steps]
        self.writes = [frozenset(step.updates) for step in of.steps]
        self.reads = [
            frozenset().union(*map(_slots, (*step.guards, *step.updates.values())))
            for step in of.steps
        ]
        self.writers: dict[int, set[int]] = {}
        for number, slots in enumerate(self.writes):
            for slot in slots:
                self.writers.setdefault(slot, set()).add(number)
        numbers = range(len(of.steps))
        self.dependent = [
            {m for m in numbers if self._interfere(n, m)} - {n} for n in numbers
        ]
        spoken_of = frozenset().union(
            *(_slots(c) for rule in of.properties for c in rule.conditions)
        )
        self.visible = {n for n in numbers if self.writes[n] & spoken_of}

    def _interfere(self, one: int, other: int) -> bool:
        return bool(
            self.writes[one] & (self.reads[other] | self.writes[other])
            or self.writes[other] & self.reads[one]
        )

    def smallest(self, values: Values, possible: set[int]) -> int:
        """The steps that a search has to take from a state where these are possible."""
        least = len(possible)
        for seed in possible - self.visible:
            found = self._closure(seed, values, possible)
            if not found & possible & self.visible:
                least = min(least, len(found & possible))
        return least

    def _closure(self, seed: int, values: Values, possible: set[int]) -> set[int]:
        found, pending = {seed}, [seed]
        while pending:
            step = pending.pop()
            if step in possible:
                more = self.dependent[step]
            else:
                more = min(self._enabling(step, values), key=len)
            pending += more - found
            found |= more
        return found

    def _enabling(self, step: int, values: Values) -> Iterator[set[int]]:
        """For each guard that is false: the steps that could make it true."""
        for guard, slots in self.guards[step]:
            if not evaluate(guard, values):
                yield set().union(*(self.writers.get(slot, set()) for slot in slots))


def _slots(node: Node) -> frozenset[int]:
    return frozenset(support(node))


def measure(of: GroundSystem, most: int) -> tuple[int, int, int]:
    """States looked at, steps possible there, steps that a reduced search takes."""
    stubborn, successors = Stubborn(of), successors_of(of)
    seen = set(islice(of.initial_states(), STARTS))
    queue = list(seen)
    possible = taken = 0
    for values in queue:
        steps = successors(values)
        numbers = {number for number, _ in steps}
        possible += len(numbers)
        taken += stubborn.smallest(values, numbers)
        for _, after in steps:
            if after not in seen and len(queue) < most:
                seen.add(after)
                queue.append(after)
    return len(queue), possible, taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT")
    parser.add_argument("--states", type=int, default=2_000)
    arguments = parser.parse_args()
    names = arguments.subjects or ["lifecycle 3x3", "v3 2,1,2", "v6.8 2,1,2"]
    print(f"{'system':24}{'rules':>8}{'states':>9}{'possible':>10}{'taken':>9}")
    for name in names:
        whole = system(name)
        every = range(len(whole.properties))
        for rules, numbers in [("all", [*every]), *((str(n), [n]) for n in every[:3])]:
            part = slice_for(whole, numbers).system
            states, possible, taken = measure(part, arguments.states)
            share = f"{taken / possible:.0%}" if possible else "-"
            print(f"{name:24}{rules:>8}{states:>9,}{possible:>10,}{share:>9}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Families of machines: which features of a machine break which rule of a design.

A feature is present or absent; every combination is judged. What breaks a rule is
said by its prime implicants, the smallest combinations of features that are present
or absent and that are enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from tdxcheck.checker.catalogue import Catalogue, Design, Feature, Sizes
from tdxcheck.checker.engines.diagrams.families import Table, breaking
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.system import Property


@dataclass(frozen=True)
class Cube:
    """A combination of features: some present, some absent, the others either."""

    present: frozenset[str]
    absent: frozenset[str]


Tables = Mapping[str, Table]
"""By rule, the combinations of features that break it."""


@dataclass(frozen=True, eq=False)
class Family:
    """What breaks the rules of one design."""

    design: Design
    features: tuple[str, ...]
    """The features whose presence are the bits of a combination."""
    tables: Mapping[Property, Table]
    useless: Table
    """The combinations on which the design does not do what it is for.

    Whether they break another rule is not asked: combinations are told as shortly
    as that permits.
    """

    @classmethod
    def of(cls, catalogue: Catalogue, design: Design, tables: Tables) -> Family:
        features = (*_switches(catalogue), *_sized(catalogue))
        rules = {rule.id: rule.property for rule in catalogue.rules}
        purpose = catalogue.machine.purpose
        return cls(
            design,
            tuple(feature.key for feature in features),
            {rules[name]: table for name, table in tables.items()},
            tables[purpose.name] if purpose else 0,
        )

    def cubes(self, rule: Property) -> list[Cube]:
        """The smallest combinations that break the rule."""
        bad = self.tables[rule]
        if bad == self.useless:
            return list(self._cubes(bad, 0))
        return list(self._cubes(bad & ~self.useless, self.useless))

    def safe(self, rules: Iterable[Property]) -> list[Cube]:
        """Where none of the rules is broken."""
        bad = 0
        for rule in rules:
            bad |= self.tables[rule]
        every = (1 << (1 << len(self.features))) - 1
        return list(self._cubes(every & ~bad & ~self.useless, self.useless))

    def _cubes(self, table: Table, indifferent: Table) -> Iterator[Cube]:
        """The smallest that cover the table, and nothing else but what is indifferent.

        Those of the others that have nothing of the table in them are left out.
        """
        switches = len(self.features)
        found = primes(table | indifferent, switches) if table else ()
        for literals in sorted(found, key=lambda prime: (len(prime), prime)):
            if covered(literals, switches) & table:
                yield Cube(
                    frozenset(self.features[n] for n, value in literals if value),
                    frozenset(self.features[n] for n, value in literals if not value),
                )


Literals = tuple[tuple[int, bool], ...]
"""The places of switches, and the values that they have."""


@cache
def primes(table: Table, switches: int) -> frozenset[Literals]:
    """The prime implicants of a set of configurations.

    Source: O. Coudert, J.-C. Madre, Implicit and incremental computation of primes
    and essential primes of Boolean functions, DAC 1992.
    """
    if not table:
        return frozenset()
    if not switches:
        return frozenset({()})
    last = switches - 1
    half = 1 << last
    low, high = table & ((1 << half) - 1), table >> half
    both = primes(low & high, last)
    found = set(both)
    for value, side in ((False, low), (True, high)):
        found |= {(*prime, (last, value)) for prime in primes(side, last) - both}
    return frozenset(found)


def covered(literals: Literals, switches: int) -> Table:
    """The configurations in which the switches have these values."""
    values = dict(literals)
    table = 1
    for number in range(switches):
        half = 1 << number
        value = values.get(number)
        low = table if value is not True else 0
        high = table if value is not False else 0
        table = low | high << half
    return table


def family(catalogue: Catalogue, design: Design, sizes: Sizes) -> Family:
    """Judge a design on every combination of the machine's features."""
    return Family.of(catalogue, design, tables_of(catalogue, design, sizes))


def tables_of(catalogue: Catalogue, design: Design, sizes: Sizes) -> Tables:
    """Of each rule the combinations that break it.

    The features that are switches of the configuration are left open in one search;
    one that changes the size of the machine takes a search of its own.
    """
    switches, sized = _switches(catalogue), _sized(catalogue)
    rules = [rule.property for rule in catalogue.rules]
    tables = dict.fromkeys((rule.name for rule in rules), 0)
    for number in range(1 << len(sized)):
        changed = dict(sizes)
        for place, feature in enumerate(sized):
            changed |= feature.present if number >> place & 1 else feature.absent
        part = _search(catalogue, design, rules, switches, changed)
        for rule, table in zip(rules, part, strict=True):
            tables[rule.name] |= table << (number << len(switches))
    return tables


def _switches(catalogue: Catalogue) -> list[Feature]:
    return [f for f in catalogue.machine.features if f.variable is not None]


def _sized(catalogue: Catalogue) -> list[Feature]:
    return [f for f in catalogue.machine.features if f.variable is None]


def _search(
    catalogue: Catalogue,
    design: Design,
    rules: Sequence[Property],
    switches: Sequence[Feature],
    sizes: Sizes,
) -> list[Table]:
    setup = catalogue.machine.setup(sizes)
    opened = {feature.variable: None for feature in switches if feature.variable}
    settings = {**setup.settings, **opened, **design.system.settings}
    system = replace(design.system, settings=settings, properties=tuple(rules))
    whole = ground(Instance(system, setup.scope).system, setup.scope)
    part = slice_for(whole, range(len(whole.properties))).system
    slots = {slot.entry[0]: slot.number for slot in part.slots}
    kept = [f for f in switches if f.variable in slots]
    tables = breaking(part, [slots[f.variable] for f in kept if f.variable])
    return [_spread(table, kept, switches) for table in tables]


def _spread(table: Table, kept: Sequence[Feature], every: Sequence[Feature]) -> Table:
    """The table over the features that matter, as one over all of them."""
    bits = format(table, f"0{1 << len(kept)}b")
    for place, feature in enumerate(every):
        if feature not in kept:
            size = 1 << place
            parts = (bits[n : n + size] for n in range(0, len(bits), size))
            bits = "".join(part * 2 for part in parts)
    return int(bits, 2)

"""What a table of known verdicts is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from tdxcheck.checker.catalogue import Expectation, Outcome
from tdxcheck.checker.language.source import Source

Table: TypeAlias = Mapping[str, Expectation]
"""By rule, of one design; what is in no table is expected to hold."""


def amended(table: Table, holds: Iterable[str] = (), **known: Expectation) -> Table:
    """The table of a design that differs: some rules hold now, others do not."""
    return {rule: table[rule] for rule in table if rule not in set(holds)} | known


def vacuous(note: str, *sources: Source) -> Expectation:
    return Expectation(Outcome.VACUOUS, note, sources)

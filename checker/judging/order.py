"""Orders: a task in words that another process, or machine, can make it from again.

Terms hold functions and are told apart by identity, so that no case can be sent. What
is sent is where the catalogue is and what was asked of it; the digest of the case says
whether the other side has made the same of it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from tdxcheck.checker.catalogue import Catalogue, Sizes, UsageError
from tdxcheck.checker.judging import content
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.processes import Task, run
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.judging.sharing import in_families, together
from tdxcheck.checker.judging.work import ENGINES, Budget, Findings


@dataclass(frozen=True)
class Asked:
    """What was asked of a catalogue, by names."""

    catalogue: str
    """Its module and its name there: `package.module:NAME`."""
    designs: tuple[str, ...]
    sizes: tuple[tuple[str, int], ...]
    names: tuple[str, ...]
    assumed: tuple[str, ...]


def asked(
    catalogue: str,
    designs: Iterable[str],
    sizes: Sizes,
    names: Iterable[str],
    assumed: Iterable[str],
) -> Asked:
    """What was asked of a catalogue, as plain data."""
    # In their order, which labels are made by.
    numbers = tuple(sizes.items())
    return Asked(catalogue, tuple(designs), numbers, tuple(names), tuple(assumed))


@dataclass(frozen=True)
class Order:
    """One engine on one case of what was asked."""

    asked: Asked
    label: str
    """Of the case."""
    digest: str
    """Of the case, and of the checker that it is to be judged by."""
    engine: Engine
    budget: Budget = field(repr=False)

    def carried_out(self) -> Findings:
        """What the engine says, in a process of its own. Raises UsageError."""
        case = _cases(self.asked).get(self.label)
        if case is None or content.of_instance(case.instance) != self.digest:
            raise UsageError(
                f"another version of tdxcheck or of its models is installed there: "
                f"{self.label} is not the same"
            )
        known = self.budget.known
        task = Task(case, self.engine, ENGINES[self.engine], known=known)
        (found,) = run([task], self.budget, 1).findings
        return found


def order_for(asked: Asked, task: Task, budget: Budget) -> Order:
    budget = replace(budget, known=task.known)
    digest = content.of_instance(task.case.instance)
    return Order(asked, task.case.label, digest, task.engine, budget)


@cache
def _cases(asked: Asked) -> Mapping[str, Case]:
    """By its label, everything that an engine can be asked about."""
    module, _, name = asked.catalogue.partition(":")
    catalogue: Catalogue = getattr(importlib.import_module(module), name)
    groups = together(
        cases_of(
            catalogue,
            [catalogue.design(key) for key in asked.designs],
            dict(asked.sizes),
            names=asked.names,
            assumed=tuple(catalogue.assumption(key) for key in asked.assumed),
        )
    )
    return {group.case.label: group.case for group in (*groups, *in_families(groups))}

"""Spaces: the states and steps of a system, as sets that an engine keeps in its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tdxcheck.checker.ground.system import GroundSystem, Values

States = Any
"""A set of states, with the operators of sets: & | ~."""


@dataclass(frozen=True, eq=False)
class Turn:
    """A turn that somebody is due, as sets of states."""

    steps: frozenset[int]
    applies: States
    """Where the steps count."""
    due: States
    """Where one of them is possible, and counts."""
    strong: bool


class Space(Protocol):
    """The states of a system, and its steps."""

    system: GroundSystem

    @property
    def steps(self) -> Sequence[int]: ...

    @property
    def nothing(self) -> States: ...

    def is_empty(self, states: States) -> bool: ...

    def after(self, states: States, step: int) -> States:
        """Where the step leads from these."""

    def before(self, states: States, step: int) -> States:
        """From where the step leads to these."""

    def after_any(self, states: States) -> States:
        """Where all of the steps lead from these."""

    def before_any(self, states: States) -> States:
        """From where all of the steps lead to these."""

    def only(self, values: Values) -> States: ...

    def first(self, states: States) -> Values:
        """The first of the states, by its values."""

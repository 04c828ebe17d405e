"""Restating: rules of other kinds, as conditions of states and steps.

That something can always happen, and that something comes in the end, are shown by
conditions that they follow from. Which these are is guessed, and stands in the
certificate; that they hold on every machine is shown as of any other rule.
"""

from __future__ import annotations

from tdxcheck.checker.engines.parametric.ending import Ending, ending_in
from tdxcheck.checker.engines.parametric.family import Family
from tdxcheck.checker.engines.parametric.stopping import Going, going_in
from tdxcheck.checker.language.system import Mode, Property

Restated = Going | Ending
MODES = (Mode.DEADLOCK_FREE, Mode.LEADS_TO)
"""The kinds of rules that are restated."""


def restated_in(text: str, family: Family, rule: Property) -> Restated | None:
    """By what a certificate says that the rule holds; None if it is not restated."""
    if rule.mode is Mode.LEADS_TO:
        return ending_in(text, family, rule)
    if rule.mode is Mode.DEADLOCK_FREE:
        return going_in(text, family)
    return None

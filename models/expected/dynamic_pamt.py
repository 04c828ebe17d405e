"""What the rules of Dynamic PAMT say of the designs that do without, and of theirs."""

from __future__ import annotations

from collections.abc import Mapping

from tdxcheck.checker.catalogue import Expectation, Outcome
from tdxcheck.checker.language.system import Mode, Property
from tdxcheck.spec.rules.dynamic_pamt import DYNAMIC_PAMT
from tdxcheck.spec.sources import DPAMT_V6, L7_DEVELOPMENT


def _nothing(rule: Property) -> Expectation:
    """Nobody adds pages to the PAMT, so no rule about them can be broken."""
    outcome = Outcome.VACUOUS
    if rule.mode is Mode.REACHABLE:
        outcome = Outcome.REFUTED
    note = "the whole PAMT is allocated at once"
    return Expectation(outcome, note, (DPAMT_V6.at("02/11"),))


WITHOUT_DYNAMIC_PAMT: Mapping[str, Expectation] = {
    rule.name: _nothing(rule) for rule in DYNAMIC_PAMT
}
"""By rule, for every design but one."""

DYNAMIC_PAMT_KNOWN: Mapping[str, Expectation] = {
    "no_pamt_page_is_lost": Expectation(
        note="after a failed update TDH.PHYMEM.PAMT.REMOVE is refused like any call: "
        "the last page of a region that is put leaks the pair",
        sources=(L7_DEVELOPMENT.at("tdx_pamt_put(), failure"),),
    ),
}
"""By rule, for that one."""

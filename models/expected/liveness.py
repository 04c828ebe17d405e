"""What is known not to come in the end, for the tables of the designs to take in."""

from __future__ import annotations

from tdxcheck.checker.catalogue import Expectation
from tdxcheck.models.expected.table import Table, vacuous
from tdxcheck.spec.sources import (
    BRING_UP_FIX,
    DISABLE_V3,
    K6_16,
    L6_8,
    TDX_RST,
    V3,
    VMXON_V2,
)

NEVER_INTERRUPTED = vacuous(
    "no kernel before v7.2 makes TDH.SYS.DISABLE again", DISABLE_V3.at("cover letter")
)
MODULE_LOST = Expectation(
    note="a sleep resets the module, and no call that would end the TD succeeds",
    sources=(TDX_RST.at("S3"), L6_8.at("tdx_init()")),
)
NOBODY_HELD = vacuous("no CPU is kept online for a TD", V3.at("21/21"))
V3_LIVENESS: Table = {
    "disabling_ends": NEVER_INTERRUPTED,
    "a_td_can_be_torn_down": MODULE_LOST,
    "a_cpu_held_for_a_td_is_let_go": NOBODY_HELD,
}
V6_8_LIVENESS: Table = {"disabling_ends": NEVER_INTERRUPTED}
V13_LIVENESS: Table = {
    "a_td_can_be_torn_down": MODULE_LOST,
    "a_cpu_held_for_a_td_is_let_go": MODULE_LOST,
}
"""Suspend and hibernation are excluded only from v14 on."""
NOT_INITIALIZED = Expectation(
    note="KVM offers TDX though its callbacks are gone; a CPU that comes online then "
    "has no TDH.SYS.LP.INIT, and the call to write its package's lines back is refused",
    bug="B16",
    sources=(K6_16.at("__tdx_bringup()"), BRING_UP_FIX.at("whole patch")),
)
COUNTED_FOR_EVER = Expectation(
    note="a failed cgroup charge leaves the counter of KeyIDs wrong for good: CPUs are "
    "held with no TD alive",
    bug="B17",
    sources=(K6_16.at("__tdx_td_init()"), VMXON_V2.at("6/7")),
)
V6_16_LIVENESS: Table = {
    "a_td_can_be_torn_down": NOT_INITIALIZED,
    "a_cpu_held_for_a_td_is_let_go": COUNTED_FOR_EVER,
}
V6_18_LIVENESS: Table = {"a_cpu_held_for_a_td_is_let_go": COUNTED_FOR_EVER}
V7_1_LETS_GO = ("a_cpu_held_for_a_td_is_let_go",)

"""The rules that a machine is subject to, with what is known of them for its design."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from tdxcheck.checker.catalogue import HOLDS, Catalogue, Outcome
from tdxcheck.checker.language.variables import Variable
from tdxcheck.models.logs.facts import Facts
from tdxcheck.models.logs.timeline import Boot
from tdxcheck.models.machines.memory_map import Kind
from tdxcheck.spec.host import Host

MODULE_1_5: Final = re.compile(r"(\d+)\.(\d+)")

UPDATED: Final = frozenset({"v7.2", "dpamt"})


@dataclass(frozen=True)
class Applied:
    """A rule, as it stands for the design of this machine."""

    rule: str
    statement: str
    concern: str
    outcome: Outcome
    note: str
    bug: str
    applies: bool
    because: str
    """Why it applies to this machine, or does not."""


def applied(catalogue: Catalogue, key: str, boot: Boot, facts: Facts) -> list[Applied]:
    """Every rule, by the verdicts that are recorded and checked by `verify`."""
    design = catalogue.design(key)
    rows = []
    for rule in catalogue.rules:
        expected = design.expected.get(rule.id, HOLDS)
        applies, because = _applies(rule.concern, key, boot, facts)
        rows.append(
            Applied(
                rule.id,
                rule.property.summary,
                rule.concern,
                expected.outcome,
                expected.note,
                expected.bug,
                applies and expected.outcome is not Outcome.VACUOUS,
                because,
            )
        )
    return rows


def _applies(concern: str, key: str, boot: Boot, facts: Facts) -> tuple[bool, str]:
    memory = facts.map
    match concern:
        case "NVDIMM and CXL":
            if facts.persistent:
                return True, "the memory map has persistent memory"
            if facts.device_memory:
                return True, "the memory map has soft-reserved memory or CXL"
            if memory.of_kind(Kind.ADDED):
                return True, "a driver has given device memory to the kernel"
            if memory.tells_usable:
                return False, "the memory map has no such memory"
            return True, "the log shows no memory map that would exclude it"
        case "dynamic PAMT":
            return key == "dpamt", "the kernel has it, or has not"
        case "update":
            return key in UPDATED, "the kernel can update the module, or cannot"
        case "kexec":
            if boot.has("kexec_off"):
                return False, "the kernel has turned kexec off"
            if boot.has("kexec_refused", "kexec_excluded"):
                return True, "kexec was asked for, and refused"
            if facts.parameter("crashkernel") is not None:
                return True, "memory is reserved for a crash kernel"
        case "memory":
            if memory.windows:
                return True, "firmware leaves windows for memory hotplug"
    return True, "it concerns every host with TDX"


def features(boot: Boot, facts: Facts) -> dict[Variable, Any]:
    """What the log shows that the machine has, or has not."""
    found: dict[Variable, Any] = {}
    memory = facts.map
    if facts.erratum is not None:
        found[Host.partial_write_erratum] = facts.erratum
    if version := MODULE_1_5.match(facts.module):
        found[Host.module_is_1_5] = (int(version[1]), int(version[2])) >= (1, 5)
    if boot.has("rbp"):
        found[Host.module_keeps_rbp] = False
    if boot.has("no_module"):
        found[Host.module_present] = False
    if facts.parameter("nohibernate") is not None:
        found[Host.hibernation] = False
    if boot.has("kexec_off"):
        found[Host.kexec] = False
    devices = (*facts.persistent, *facts.device_memory, *memory.of_kind(Kind.ADDED))
    if memory.tells_usable and memory.complete and not devices:
        found[Host.persistent_memory] = False
        found[Host.cxl_memory] = False
    if memory.nodes and not memory.windows:
        found[Host.memory_hotplug] = False
    return found

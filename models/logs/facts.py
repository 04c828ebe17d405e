"""What a boot says of its machine, in values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tdxcheck.models.logs.timeline import Boot, Event
from tdxcheck.spec.layout import LEVELS, pamt_size

Range = tuple[int, int]
"""From the first byte to the one after the last."""

PARAMETERS: Final = (
    "kvm_intel.tdx", "kvm.tdx", "tdx_host", "nohibernate", "hibernate", "resume",
    "kvm.enable_virt_at_load", "kvm.tdp_mmu", "kvm_intel.ept", "memmap", "mem",
    "maxcpus", "nr_cpus", "nosmt", "efi_fake_mem", "crashkernel", "tsx", "tsx_ctrl",
    "movable_node", "isolcpus", "noxsave", "nox2apic", "numa_balancing", "clearcpuid",
)  # fmt: skip
"""The parameters of a kernel that TDX depends on."""

VERSION: Final = re.compile(r"(\d{1,3})\.(\d{1,3})")
IMAGE: Final = re.compile(r"vmlinuz-(\d{1,3}\.\d{1,3}[\w.+~-]{0,60})")

MODEL: Final = re.compile(r"model: (0x[0-9a-f]{1,4})", re.IGNORECASE)
WITH_ERRATUM: Final = frozenset({0x8F, 0xCF})
"""Sapphire Rapids X, Emerald Rapids X. Source: L6.8 check_tdx_erratum()."""

GIB: Final = 1 << 30


@dataclass(frozen=True)
class Call:
    """A SEAMCALL that did not succeed."""

    leaf: int | None
    name: str
    """The leaf as the log names it, where it does not give its number."""
    word: int
    cpu: int | None
    event: Event


@dataclass
class Memory:
    """The memory map, as far as it is shown."""

    usable: list[Range] = field(default_factory=list)
    persistent: list[Range] = field(default_factory=list)
    soft_reserved: list[Range] = field(default_factory=list)
    cxl_windows: list[Range] = field(default_factory=list)
    hotplug_windows: list[Range] = field(default_factory=list)
    gaps: int = 0
    nodes: int = 0
    driver_managed: list[Range] = field(default_factory=list)

    @property
    def shown(self) -> bool:
        return bool(self.usable)


@dataclass
class Facts:
    """The values of a boot."""

    kernel: str = ""
    parameters: list[str] = field(default_factory=list)
    processor: str = ""
    machine: str = ""
    hypervisor: str = ""
    guest: bool = False
    tme: str = ""
    """on, off, or empty if it is not said."""
    mktme_keyids: int | None = None
    keyid: Range | None = None
    cmrs: list[Range] = field(default_factory=list)
    module: str = ""
    module_build: str = ""
    pamt_kb: int | None = None
    pamt_pages: int | None = None
    errno: int | None = None
    tdmr: Range | None = None
    refused: Range | None = None
    """The memory that was refused."""
    calls: list[Call] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)

    @property
    def release(self) -> tuple[int, int] | None:
        found = VERSION.match(self.kernel)
        return (int(found[1]), int(found[2])) if found else None

    @property
    def amd(self) -> bool:
        return "AMD" in self.processor or "SVM" in self.hypervisor

    @property
    def erratum(self) -> bool | None:
        """A partial write poisons private memory; None if the model is not told."""
        found = MODEL.search(self.processor)
        return int(found[1], 16) in WITH_ERRATUM if found else None

    def parameter(self, name: str) -> str | None:
        """The last value of a parameter; empty where it has none, None if absent."""
        for text in reversed(self.parameters):
            key, _, value = text.partition("=")
            if key.replace("-", "_") == name:
                return value
        return None

    @property
    def pamt_of_cmrs(self) -> int | None:
        """KB of the PAMT for TDMRs that are the CMRs, widened to 1 GiB."""
        if not self.cmrs:
            return None
        total, covered = 0, 0
        for start, end in sorted(self.cmrs):
            first = max(start // GIB * GIB, covered)
            last = -(-end // GIB) * GIB
            if last > first:
                covered = last
                total += sum(pamt_size(level, last - first) for level in LEVELS)
        return total >> 10


def facts_of(boot: Boot) -> Facts:
    facts = Facts()
    for event in boot.events:
        _take(facts, event)
    facts.memory = memory_of(boot)
    return facts


def _take(facts: Facts, event: Event) -> None:
    line = event.line
    bounds = (line.number("start"), line.number("end"))
    match event.key:
        case "linux":
            facts.kernel = line.text("version")
        case "vmlinuz" | "usb_linux":
            facts.kernel = facts.kernel or line.text("version")
        case "command_line":
            params = line.text("params")
            if found := IMAGE.search(params):
                facts.kernel = facts.kernel or found[1]
            facts.parameters = [p for p in params.split() if _matters(p)]
        case "processor":
            facts.processor = line.text("name")[:120]
        case "dmi":
            facts.machine = line.text("name")[:120]
        case "hypervisor":
            facts.hypervisor = line.text("name")
        case "guest" | "guest_features":
            facts.guest = True
        case "tme_on" | "tme_off":
            on = event.key == "tme_on"
            facts.tme = "on" if on and facts.tme != "off" else "off"
        case "mktme_keyids":
            facts.mktme_keyids = line.number("count")
        case "keyids":
            facts.keyid = bounds
        case "cmr":
            if bounds not in facts.cmrs and bounds[0] < bounds[1]:
                facts.cmrs.append(bounds)
        case "module":
            facts.module = f"{line.number('major')}.{line.number('minor')}"
            facts.module_build = line.text("build")
        case "module_build" | "module_version" | "module_version_7":
            facts.module = line.text("version").rstrip(",.")
            facts.module_build = line.text("build")
        case "pamt_kb":
            facts.pamt_kb = line.number("kb")
        case "pamt_pages":
            facts.pamt_pages = line.number("pages")
        case "init_failed" | "init_failed_7" | "no_notifier":
            facts.errno = line.number("errno")
        case "reserved_exhausted":
            facts.tdmr = bounds
        case "memory_refused":
            facts.refused = bounds
        case "seamcall":
            facts.calls.append(_call(event))
        case "disable_failed":
            word = line.number("status") & (1 << 64) - 1
            facts.calls.append(Call(69, "", word, None, event))


def _matters(parameter: str) -> bool:
    return parameter.partition("=")[0].replace("-", "_") in PARAMETERS


def _call(event: Event) -> Call:
    line = event.line
    leaf = line.values.get("leaf")
    cpu = line.values.get("cpu")
    return Call(
        leaf & (1 << 64) - 1 if isinstance(leaf, int) else None,
        line.text("name"),
        line.number("status") & (1 << 64) - 1,
        cpu if isinstance(cpu, int) else None,
        event,
    )


def memory_of(boot: Boot) -> Memory:
    """The map that holds in the end: the user's, or the loader's, or firmware's."""
    memory = Memory()
    for key in ("e820_user", "e820_setup", "e820"):
        ranges = [(e.line.text("kind").lower(), _range(e)) for e in boot.of(key)]
        usable = [r for kind, r in ranges if kind.startswith(("usable", "system ram"))]
        if not memory.usable:
            memory.usable = sorted(set(usable))
        if key != "e820" or not boot.has("e820_user"):
            memory.persistent += [r for k, r in ranges if k.startswith("persistent")]
        memory.soft_reserved += [r for k, r in ranges if k.startswith("soft")]
    memory.gaps = len({_range(e) for e in boot.of("e820_gap")})
    memory.persistent += [_range(e) for e in boot.of("iomem_pmem")]
    memory.soft_reserved += [_range(e) for e in boot.of("iomem_soft")]
    memory.persistent = merged(memory.persistent)
    memory.soft_reserved = merged(memory.soft_reserved)
    memory.cxl_windows = merged(_range(e) for e in boot.of("iomem_cxl"))
    memory.driver_managed = merged(
        _range(e) for e in boot.of("iomem_ram") if "(" in e.line.text("rest")
    )
    hot = [e for e in boot.of("srat") if "hotplug" in e.line.text("flags")]
    memory.hotplug_windows = [_range(e) for e in hot]
    memory.nodes = len({e.line.number("node") for e in boot.of("srat")})
    return memory


def _range(event: Event) -> Range:
    return event.line.number("start"), event.line.number("last") + 1


def merged(ranges: Iterable[Range]) -> list[Range]:
    """The ranges in order, those that touch put together."""
    found: list[Range] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return found


def as_json(facts: Facts, boot: Boot) -> dict[str, Any]:
    """The values under the names that collections of logs use for them."""
    memory = facts.memory
    found: dict[str, Any] = {
        "kernel": facts.kernel or None,
        "parameters": facts.parameters,
        "processor": facts.processor or None,
        "machine": facts.machine or None,
        "hypervisor": facts.hypervisor or None,
        "partial_write_erratum": facts.erratum,
        "tme": facts.tme or None,
        "mktme_keyids": facts.mktme_keyids,
        "keyid": facts.keyid,
        "cmrs": len(facts.cmrs) or None,
        "cmr": facts.cmrs,
        "module": facts.module or None,
        "module_build": facts.module_build or None,
        "pamt_kb": facts.pamt_kb,
        "pamt_pages": facts.pamt_pages,
        "pamt_kb_of_cmrs": facts.pamt_of_cmrs,
        "errno": facts.errno,
        "tdmr": facts.tdmr,
        "range": facts.refused,
        "kexec": "refused" if boot.has(*KEXEC_REFUSED) else None,
        "s3": "refused" if boot.has("s3_off") else None,
        "usable_regions": len(memory.usable) or None,
        "persistent": memory.persistent,
        "soft_reserved": memory.soft_reserved,
        "cxl_windows": memory.cxl_windows,
        "driver_managed": memory.driver_managed,
        "srat_hotplug": len(memory.hotplug_windows) or None,
        "srat_nodes": memory.nodes or None,
        "gaps": memory.gaps or None,
    }
    return found


KEXEC_REFUSED: Final = (
    "kexec_refused",
    "kexec_excluded",
    "kexec_off",
    "kexec_failed",
)

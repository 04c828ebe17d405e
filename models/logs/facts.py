"""What a boot says of its machine, in values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from tdxcheck.models.layouts.kernel import next_tdmr
from tdxcheck.models.logs.memory import builder_of, gaps, usable_listed
from tdxcheck.models.logs.timeline import Boot, Event
from tdxcheck.models.machines.memory_map import Kind, MalformedMap, MemoryMap
from tdxcheck.spec.layout import LEVELS, Area, pamt_size

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

UNKNOWN: Final = MemoryMap(tells_usable=False)


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
    dynamic: bool = False
    """Dynamic PAMT is on."""
    map: MemoryMap = UNKNOWN
    """The memory map, as far as it is shown."""
    no_map: str = ""
    """Why none was made of the lines that tell of memory."""
    usable_listed: int = 0
    """Ranges that are listed as usable."""
    gaps: int = 0
    persistent: tuple[Area, ...] = ()
    soft_reserved: tuple[Area, ...] = ()
    """As it was listed, though a driver may have added it later."""

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

    @property
    def device_memory(self) -> tuple[Area, ...]:
        """Soft-reserved memory, and CXL windows."""
        return (*self.soft_reserved, *self.map.cxl_windows)

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
        tdmrs: list[Area] = []
        for cmr in self.map.cmrs or ():
            more = next_tdmr(tdmrs[-1] if tdmrs else None, cmr)
            if more is not None:
                tdmrs.append(more)
        sizes = (pamt_size(n, t.size, self.dynamic) for t in tdmrs for n in LEVELS)
        return sum(sizes) >> 10 if tdmrs else None


def facts_of(boot: Boot) -> Facts:
    facts = Facts()
    for event in boot.events:
        _take(facts, event)
    facts.gaps = gaps(boot)
    try:
        builder = builder_of(boot)
        facts.map = builder.finish()
    except MalformedMap as error:
        facts.no_map = str(error)
    else:
        facts.usable_listed = usable_listed(builder)
        facts.persistent = builder.listed(
            Kind.NVDIMM, Kind.LEGACY_PMEM, Kind.PERSISTENT
        )
        facts.soft_reserved = builder.listed(Kind.SOFT_RESERVED)
        # Those that the kernel has checked are the same again.
        facts.cmrs = [(cmr.base, cmr.end) for cmr in facts.map.cmrs or ()]
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
        case "dynamic_pamt":
            facts.dynamic = True
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
        case "memory_prechecked" if bounds[1]:
            facts.refused = facts.refused or bounds
        case "memory_failed" | "online_failed" if line.number("last"):
            facts.refused = facts.refused or (bounds[0], line.number("last") + 1)
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


def as_json(facts: Facts, boot: Boot) -> dict[str, Any]:
    """The values under the names that collections of logs use for them."""
    memory = facts.map
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
        "usable_regions": facts.usable_listed or None,
        "persistent": _pairs(facts.persistent),
        "soft_reserved": _pairs(facts.soft_reserved),
        "cxl_windows": _pairs(memory.cxl_windows),
        "driver_managed": _pairs(memory.of_kind(Kind.ADDED)),
        "srat_hotplug": len(memory.windows) or None,
        "srat_nodes": len({n.node for n in (*memory.nodes, *memory.windows)}) or None,
        "gaps": facts.gaps or None,
    }
    return found


def _pairs(areas: tuple[Area, ...]) -> list[Range]:
    return [(area.base, area.end) for area in areas]


KEXEC_REFUSED: Final = (
    "kexec_refused",
    "kexec_excluded",
    "kexec_off",
    "kexec_failed",
)

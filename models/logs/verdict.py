"""The verdict on a boot: did TDX come up, and if not, why, and what to do."""

from __future__ import annotations

import errno as errnos
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from tdxcheck.models.logs.facts import KEXEC_REFUSED, Call, Facts
from tdxcheck.models.logs.form import Role
from tdxcheck.models.logs.statuses import advice_for, told
from tdxcheck.models.logs.timeline import Boot, Event
from tdxcheck.spec.decoding import decode
from tdxcheck.spec.leaves import LEAVES, is_of_initialization, leaf_name


class Status(Enum):
    """What became of TDX, or what else the log is about."""

    INITIALISED = "initialised"
    FAILED = "failed"
    SILENT = "no verdict printed"
    UNKNOWN = "unknown"
    NONE = "no TDX lines"
    GUEST = "guest, not host"
    KEXEC_REFUSED = "kexec refused"
    HOT_ADD_REFUSED = "hot-add refused"
    HOT_ADD_FAILED = "hot-add failed"
    ONLINE_FAILED = "memory online failed"
    CPU_REFUSED = "CPU hotplug refused"
    TD_REFUSED = "TD creation refused"
    CRASHED = "crash: BUG() on a removal"
    OOPS = "crash"
    MACHINE_CHECK = "machine check"


@dataclass
class Verdict:
    status: Status
    """The headline."""
    initialisation: Status
    """What became of TDX itself."""
    reason: str = ""
    inferred: str = ""
    """Why it is taken to be so, where no line says it."""
    causes: list[Event] = field(default_factory=list)
    """The lines that say why."""
    candidates: list[str] = field(default_factory=list)
    """What may be the reason where no line says it, the likeliest first."""
    refusals: list[Event] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)


CAUSES: Final = (
    "hibernation", "few_keyids", "no_notifier", "rbp", "reserved_exhausted",
    "tdmrs_exhausted", "outside_cmrs", "bad_cmrs", "module_outdated", "not_in_vmx",
    "bios_off", "no_module", "no_seamldr", "seamrr_off", "tdx_excluded",
    "not_supported", "cpu_lacks", "kvm_no_keyids", "kvm_virt_at_load", "kvm_lacks",
    "kvm_lacks_mmu", "kvm_lacks_early", "kvm_in_guest", "kvm_disabled", "kvm_no_ept",
    "kvm_vcpus",
)  # fmt: skip
"""The lines that name a cause, the most telling first."""

ADVICE: Final = MappingProxyType(
    {
        "hibernation": "boot with nohibernate",
        "few_keyids": "give TDX more KeyIDs: 'TME-MT/TDX key split' in setup",
        "kvm_no_keyids": "give TDX more KeyIDs: 'TME-MT/TDX key split' in setup",
        "rbp": "update the TDX module (with the BIOS, or on the EFI system partition)",
        "reserved_exhausted": "take a kernel that finds holes by CMRs (distributions "
        "carry it), or a firmware whose memory map has fewer of them; memmap= and "
        "'tdxcheck layout' show which",
        "tdmrs_exhausted": "memory is in too many pieces for the module's TDMRs",
        "outside_cmrs": "have no hot-added, NVDIMM or memmap= memory online before TDX "
        "is initialised",
        "bad_cmrs": "a BIOS bug: update the BIOS",
        "module_outdated": "update the TDX module",
        "bios_off": "turn on TDX, the SEAM loader, TME-MT and SGX in setup",
        "no_module": "turn on 'SEAM Loader' in setup, and see that the module and its "
        "loader are in the BIOS or in EFI/TDX of the EFI system partition",
        "no_seamldr": "turn on 'SEAM Loader' in setup, or update the BIOS",
        "seamrr_off": "turn on TDX in setup, or update the BIOS",
        "tdx_excluded": "load no image for kexec before TDX is initialised",
        "kvm_virt_at_load": "load kvm with enable_virt_at_load=1",
        "kvm_lacks": "load kvm and kvm_intel with ept=1 and tdp_mmu=1",
        "kvm_lacks_mmu": "load kvm and kvm_intel with ept=1 and tdp_mmu=1",
        "kvm_lacks_early": "load kvm and kvm_intel with ept=1 and tdp_mmu=1",
        "kvm_no_ept": "load kvm_intel with ept=1",
        "kvm_in_guest": "TDX hosts run on the machine itself",
        "kvm_disabled": "turn on TDX, the SEAM loader, TME-MT and SGX in setup",
        "not_supported": "turn on TDX in setup; the processor must have it",
        "kvm_vcpus": "use fewer CPUs, or a newer TDX module",
        "kexec_refused": "boot without TDX to use kexec or kdump, or take v7.2, which "
        "disables the module first",
        "machine_check": "a kernel wrote to a TD's memory, or memory is broken: note "
        "the address in the MCE record; on Sapphire and Emerald Rapids a partial write "
        "is enough",
        "memory_refused": "add memory before TDX is on, or turn TDX off in setup",
        "last_cpu": "end every TD first, or leave one CPU of each package online",
        "td_refused": "bring a CPU of each package online",
    }
)

ERRNOS: Final = MappingProxyType(
    {
        5: "a SEAMCALL was refused: its line comes before",
        12: "no memory in one piece for a PAMT",
        13: "SEAMCALL met #UD: VMXON had not been done on the CPU",
        14: "memory lies outside the CMRs, or the CMRs are not as they must be",
        7: "more TDMRs or reserved areas than the module takes",
        19: "no TDX module is there, or firmware has not enabled TDX",
        22: "the module or the processor lacks something, or an earlier try failed",
        28: "more TDMRs or reserved areas than the module takes",
        95: "SEAMCALL met #GP: SEAM is not set up on the CPU",
        1: "the CPU was not in VMX operation",
    }
)
"""What an errno of the initialisation means. Source: L6.8 sc_retry_prerr(), v3."""


def verdict_of(boot: Boot, facts: Facts) -> Verdict:
    verdict = _initialisation(boot, facts)
    verdict.refusals = boot.with_role(Role.REFUSAL)
    verdict.status = _headline(boot, verdict.initialisation)
    if verdict.status is not verdict.initialisation:
        ended = boot.with_role(Role.HARDWARE) or verdict.refusals
        says = [event.says for event in ended or boot.with_role(Role.CRASH)]
        if verdict.initialisation is Status.NONE:
            verdict.candidates = []
            verdict.reason = ""
        verdict.reason = "; ".join(filter(None, (*dict.fromkeys(says), verdict.reason)))
    for event in (*verdict.causes, *verdict.refusals, *boot.of("machine_check")):
        advice = ADVICE.get(event.key)
        if advice and advice not in verdict.advice:
            verdict.advice.append(advice)
    return verdict


def _headline(boot: Boot, initialisation: Status) -> Status:
    if boot.has("machine_check", "machine_check_fatal"):
        return Status.MACHINE_CHECK
    if boot.has("acpi_removal"):
        return Status.CRASHED
    if initialisation not in (Status.NONE, Status.SILENT, Status.GUEST):
        return initialisation
    for status, keys in REFUSED.items():
        if boot.has(*keys):
            return status
    # What an initialised host crashes of later is another story.
    return Status.OOPS if boot.with_role(Role.CRASH) else initialisation


REFUSED: Final = MappingProxyType(
    {
        Status.KEXEC_REFUSED: ("kexec_refused", "kexec_excluded", "kexec_failed"),
        Status.HOT_ADD_REFUSED: (
            "memory_refused", "memory_prechecked", "acpi_memory_refused",
        ),
        Status.CPU_REFUSED: ("acpi_cpu_refused", "last_cpu"),
        Status.TD_REFUSED: ("td_refused",),
        Status.HOT_ADD_FAILED: ("memory_failed",),
        Status.ONLINE_FAILED: ("online_failed",),
    }
)  # fmt: skip


def _initialisation(boot: Boot, facts: Facts) -> Verdict:
    succeeded = boot.with_role(Role.SUCCESS)
    failures = boot.with_role(Role.FAILURE)
    init_calls = [c for c in facts.calls if _is_init(c)]
    if succeeded:
        return _told(Status.INITIALISED, "the kernel says so", list(succeeded))
    if failures or init_calls:
        return _failed(facts, failures, init_calls)
    if _inferred(boot, facts):
        verdict = _told(Status.INITIALISED, "", [])
        verdict.inferred = _inferred(boot, facts)
        verdict.reason = "no line says so, but what is there comes after it only"
        return verdict
    begun = any(e.key != "seamcall" for e in boot.with_role(Role.INIT))
    if begun or boot.has("seamcall", "registers"):
        ends = "the log ends in the middle of the initialisation"
        fails = "a SEAMCALL has failed, and no line says what became of TDX"
        return _told(Status.UNKNOWN, ends if begun else fails, [])
    if boot.with_role(Role.FIRMWARE) or boot.has("s3_off", "kexec_off"):
        reason = "firmware has enabled TDX, and then the kernel says nothing of it"
        verdict = _told(Status.SILENT, reason, [])
        verdict.candidates = silent_candidates(boot, facts)
        return verdict
    if facts.guest:
        return _told(Status.GUEST, "the log is of a TD, not of a host", [])
    verdict = _told(Status.NONE, "no line is about a TDX host", [])
    verdict.candidates = absent_candidates(boot, facts)
    return verdict


def _told(status: Status, reason: str, causes: list[Event]) -> Verdict:
    return Verdict(status, status, reason, causes=causes)


def _is_init(call: Call) -> bool:
    if call.leaf is None:
        return "SYS" in call.name.upper() and "DISABLE" not in call.name.upper()
    return is_of_initialization(call.leaf) and (call.leaf & 0xFFFF) not in LATER_LEAVES


TOLD: Final = 8
"""Reasons of a failure that are told."""
LATER_LEAVES: Final = frozenset({52, 53, 69})
"""SYS.SHUTDOWN, SYS.UPDATE and SYS.DISABLE, which come once TDX is initialised."""


def _inferred(boot: Boot, facts: Facts) -> str:
    """The line that cannot be there unless TDX was initialised."""
    if boot.has("kvm_ready"):
        return "KVM offers TDX"
    if facts.pamt_kb is not None or facts.pamt_pages is not None:
        return "the PAMT's size is printed once every TDMR is initialised"
    if boot.has("hkid_leaked", "td_refused", "last_cpu", "disable_failed"):
        return "KVM or the kernel acts as if TDX is in use"
    for call in facts.calls:
        number = call.leaf if call.leaf is not None else -1
        known = number & 0xFFFF in LEAVES and number >= 0 and number & 0xFFFF != 254
        of_a_td = known and not is_of_initialization(number) and not number >> 63
        named = call.leaf is None and not _is_init(call)
        if (of_a_td or named) and decode(call.word).category != "TDX module state":
            name = leaf_name(number) if of_a_td else call.name
            return f"{name} is a call about a TD, and the module answered it"
    return ""


def _failed(facts: Facts, failures: list[Event], calls: list[Call]) -> Verdict:
    ranks = {key: rank for rank, key in enumerate(CAUSES)}
    causes = sorted((f for f in failures if f.key in ranks), key=lambda f: ranks[f.key])
    reasons = [event.says for event in causes]
    advice = []
    for call in calls:
        decoded = decode(call.word)
        name = leaf_name(call.leaf) if call.leaf is not None else call.name
        where = f" on CPU {call.cpu}" if call.cpu is not None else ""
        reasons.append(f"{name}{where} was answered {told(decoded)}")
        advice.append(advice_for(call.leaf or 0, decoded))
    if facts.errno is not None:
        number = abs(facts.errno)
        name = errnos.errorcode.get(number, str(number))
        meaning = ERRNOS.get(number, "") if not reasons else ""
        reasons.append(f"-{name} ({facts.errno}){f': {meaning}' if meaning else ''}")
    if not reasons:
        reasons = [event.says for event in failures]
    texts = list(dict.fromkeys(reasons))
    if len(texts) > TOLD:
        texts[TOLD:] = [f"and {len(texts) - TOLD:,} more"]
    verdict = Verdict(Status.FAILED, Status.FAILED, "; ".join(texts))
    verdict.causes = [*causes, *(call.event for call in calls)]
    verdict.causes += [f for f in failures if f not in causes]
    verdict.advice = list(dict.fromkeys(advice))
    return verdict


def silent_candidates(boot: Boot, facts: Facts) -> list[str]:
    """Why a kernel on a machine with TDX may say nothing more, the likeliest first."""
    found: list[str] = []
    release = facts.release
    asked = facts.parameter("kvm_intel.tdx")
    on = asked is not None and asked.lower() in ("1", "y", "on", "")
    known = bool(facts.parameters) or boot.has("command_line")
    by_core = release is not None and release >= (7, 1)
    if not by_core:
        if known and not on:
            found.append(
                "KVM was not asked for TDX: kvm_intel.tdx=1 is not on the command line "
                "(it may be in modprobe.d), and up to v7.0 only KVM initialises TDX"
            )
        elif not known:
            found.append(
                "KVM was not loaded with tdx=1 (up to v7.0 only KVM initialises TDX); "
                "the command line is not in the log"
            )
        mainline = release is not None and (6, 8) <= release < (6, 16)
        if mainline and facts.kernel and "-" not in facts.kernel:
            found.append(
                "up to v6.15 no KVM of mainline initialises TDX: there is no caller"
            )
    if facts.parameter("kvm.enable_virt_at_load") in ("0", "n", "N"):
        found.append("kvm.enable_virt_at_load=0: KVM does without TDX, quietly")
    found += [
        "SEAMCALL met #GP or #UD, or found no module: v6.8 and later print nothing of "
        "the first two; firmware has not loaded a module, or SGX, which loads it, or "
        "the SEAM loader is off in setup",
        "kvm_intel is not loaded, or was loaded after the log was taken",
        "the log ends too early, or was filtered: initialisation takes seconds to "
        "minutes, and some kernels print only warnings to the console",
        "KVM lacks EPT, TDP MMU, APICv or MOVDIR64B, and does without TDX",
    ]
    return found


def absent_candidates(boot: Boot, facts: Facts) -> list[str]:
    """Why there may be no line of TDX at all, the likeliest first."""
    found: list[str] = []
    if facts.amd:
        found.append("the processor is AMD's: it has no TDX")
    if facts.hypervisor:
        found.append("this is a guest: TDX hosts run on the machine itself")
    if facts.tme == "off":
        found.append("TME is off in setup: without it there are no KeyIDs for TDX")
    release = facts.release
    if release is not None and release < (6, 8) and "tdx" not in facts.kernel:
        found.append(f"Linux {facts.kernel} has no TDX host support: it came with 6.8")
    elif facts.kernel:
        found.append(
            f"Linux {facts.kernel} is built without TDX host support "
            "(CONFIG_INTEL_TDX_HOST), as many distributions' generic kernels are"
        )
    if not boot.has("linux", "command_line") and facts.tme != "off":
        found.append("the log is an excerpt, without the lines of TDX")
    if facts.tme == "on":
        found.append("TDX is off in setup, or all KeyIDs were left to MKTME")
    else:
        found.append("TDX is off in setup: firmware gives it no KeyIDs")
    if not facts.kernel:
        found.append("the kernel is built without TDX host support, or is too old")
    if not facts.hypervisor and not facts.amd:
        found.append("the processor has no TDX")
    return found


__all__ = ["KEXEC_REFUSED", "Status", "Verdict", "verdict_of"]

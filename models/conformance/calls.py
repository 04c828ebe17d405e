"""From a recorded step to the model's call: operands, faults, what is out of scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tdxcheck.checker.language import Action
from tdxcheck.checker.language.instance import Assignment
from tdxcheck.models.conformance.bench import Bench, elements
from tdxcheck.models.conformance.leaves import (
    DISTINCT_FROM_RCX,
    LEAVES,
    PAGE_REGISTERS,
    VERSIONED,
    Leaves,
    actions_of,
)
from tdxcheck.models.conformance.vectors import Platform, Step, TdmrList
from tdxcheck.models.module.configuration import KeyFault
from tdxcheck.models.module.initialization import sys_init_without_seamdb
from tdxcheck.models.module.platform import Bank, Difference, package_read
from tdxcheck.spec.layout import ACCEPTED, GB1, INFO_ALIGNMENT, MAX_TDMRS

NULL_FIELD = 0xFFFFFFFFFFFFFFFF
SMALLEST_INFO = 1024
CMR_SLOTS = 32
USUAL_FIELDS = (0, 0x8800000100000002)
"""The fields that are known to be readable: the first, and the module's version."""
PAGE_MASK = 0xFFF
REGISTER_FAULTS = frozenset({"msr_xor", "cpuid_xor", "seamops_caps_xor"})
KEY_FAULTS = {
    "DEVICE_BUSY": KeyFault.TABLE_BUSY,
    "ENTROPY_ERROR": KeyFault.NO_ENTROPY,
}


class OutOfScope(Exception):
    """The model does not say what happens here."""


def bench_for(
    platform: Platform,
    layouts: Mapping[str, TdmrList],
    steps: Iterable[Step],
    leaves: Leaves = LEAVES,
) -> Bench:
    """A bench with an element for everything that the steps name."""
    steps = tuple(steps)
    keyids = [
        step.operands.get(register, 0)
        for step in steps
        for leaf, register in (("TDH.SYS.CONFIG", "r8"), ("TDH.MNG.CREATE", "rdx"))
        if step.leaf == leaf
    ]
    private = [keyid for keyid in keyids if platform.memory.is_private_keyid(keyid)]
    pages = [
        step.operands.get(PAGE_REGISTERS[step.leaf], 0)
        for step in steps
        if step.leaf in PAGE_REGISTERS
    ]
    seen = [difference_of(step) for step in steps]
    versions = [step.header["hv"] for step in steps if "hv" in step.header]
    return Bench(
        platform,
        _lists(platform, layouts, steps),
        elements(private, platform.memory.mktme_keyids + 1),
        elements(pages, 0),
        tuple(dict.fromkeys((None, *seen))),
        elements((platform.module_hv, platform.min_update_hv, *versions), 0),
        leaves,
    )


def difference_of(step: Step) -> Difference | None:
    """What the LP of this step reads otherwise than an acceptable platform has it."""
    match dict(step.fault):
        case {"msr_xor": [address, bits]}:
            return Difference(Bank.MSR, (int(address, 16),), int(bits, 16))
        case {"cpuid_xor": [leaf, subleaf, name, bits]}:
            register = (int(leaf, 16), int(subleaf, 16), str(name))
            return Difference(Bank.CPUID, register, int(bits, 16))
        case {"seamops_caps_xor": bits}:
            return Difference(Bank.SEAMOPS, (), int(bits, 16))
    if step.fault.keys() & REGISTER_FAULTS:
        raise ValueError(f"a fault of another form: {dict(step.fault)}")
    return None


def alternatives(step: Step, leaves: Leaves) -> tuple[Action, ...]:
    """What the call can be, in the order in which to try."""
    known = REGISTER_FAULTS | {"rdrand", "pconfig", "seamdb_getref"}
    if step.fault.keys() - known or len(step.fault) > 1:
        raise OutOfScope(f"the fault {', '.join(sorted(step.fault))}")
    actions = actions_of(step.leaf, leaves)
    if actions is None:
        raise OutOfScope(f"the leaf {step.leaf}")
    if step.leaf == "TDH.SYS.INIT" and step.fault.get("seamdb_getref"):
        return (sys_init_without_seamdb,)
    return actions


def operands(bench: Bench, step: Step, state: Assignment) -> dict[str, Any]:
    """A value for every parameter that an action of the step's leaf can have."""
    platform = bench.platform
    if step.lp >= len(platform.lp_package):
        raise ValueError(f"there is no LP {step.lp}")
    difference = difference_of(step)
    return {
        "cpu": step.lp,
        "rax_valid": _is_rax_valid(step),
        "kot_free": True,
        "others_outside": True,
        "compatible": True,
        "avoids_sensitive": False,
        "sample": bench.differences.index(difference),
        "package": bench.packages.index(
            package_read(difference, platform.lp_package[step.lp])
        ),
        "entropy": _has_entropy(step),
        "fault": _key_fault(step),
        **_leaf_operands(bench, step, state),
    }


def _is_rax_valid(step: Step) -> bool:
    rax = step.rax or 0
    has_version = bool(rax >> 16 & 0xFF)
    return rax >> 24 == 0 and (not has_version or step.leaf in VERSIONED)


def _has_entropy(step: Step) -> bool:
    """SYS.INIT takes any random number, SYS.LP.INIT none whose low half is zero."""
    match step.fault.get("rdrand"):
        case "fail":
            return False
        case "low32_zero":
            return step.leaf != "TDH.SYS.LP.INIT"
        case None:
            return True
        case other:
            raise OutOfScope(f"the fault rdrand: {other}")


def _key_fault(step: Step) -> KeyFault:
    if "pconfig" not in step.fault:
        return KeyFault.NONE
    return KEY_FAULTS.get(step.fault["pconfig"], KeyFault.FATAL)


def _leaf_operands(bench: Bench, step: Step, state: Assignment) -> dict[str, Any]:
    memory = bench.platform.memory
    rcx, rdx, r8, r9 = (
        step.operands.get(name, 0) for name in ("rcx", "rdx", "r8", "r9")
    )
    match step.leaf:
        case "TDH.SYS.INIT":
            return {"attributes_valid": rcx == 0}
        case "TDH.SYS.CONFIG":
            layout = _layout_at(bench, rcx, rdx)
            verdicts = bench.layout_verdicts or (ACCEPTED,)
            return {
                "layout": layout,
                "verdict": verdicts[layout].status,
                "hkid": _element(bench.hkids, r8),
                "array_valid": memory.is_shared(rcx, INFO_ALIGNMENT),
                "count_valid": 1 <= rdx <= MAX_TDMRS,
                "hkid_valid": memory.is_private_keyid(r8),
            }
        case "TDH.SYS.TDMR.INIT":
            base_valid = rcx % GB1 == 0 and memory.is_plain(rcx)
            return {"tdmr": bench.tdmr_at(state, rcx), "base_valid": base_valid}
        case "TDH.SYS.SHUTDOWN":
            return {
                "version": _element(bench.versions, rcx),
                "version_valid": rcx in bench.versions,
            }
        case "TDH.SYS.INFO":
            return {
                "buffer_valid": memory.is_shared(rcx, SMALLEST_INFO),
                "size_valid": rdx >= SMALLEST_INFO,
                "cmrs_valid": memory.is_shared(r8, INFO_ALIGNMENT),
                "slots_valid": r9 >= CMR_SLOTS,
            }
        case "TDH.SYS.RD" if rdx not in USUAL_FIELDS:
            raise OutOfScope("TDH.SYS.RD of another field")
        case "TDH.SYS.RDALL":
            if r8 not in (0, NULL_FIELD):
                raise OutOfScope("TDH.SYS.RDALL from another field")
            return {
                "buffer_valid": memory.is_shared(rdx, PAGE_MASK + 1),
                "field_valid": r8 == NULL_FIELD,
            }
        case "TDH.PHYMEM.CACHE.WB":
            if rcx:
                raise OutOfScope("TDH.PHYMEM.CACHE.WB but to start")
            return {"command_valid": True}
    if step.leaf in PAGE_REGISTERS:
        return {
            "page": bench.pages.index(step.operands.get(PAGE_REGISTERS[step.leaf], 0)),
            "hkid": _element(bench.hkids, rdx),
            "hkid_valid": memory.is_private_keyid(rdx),
            "leaf_version_valid": (step.rax or 0) >> 16 & 0xFF <= 1,
            "operand_valid": step.leaf != DISTINCT_FROM_RCX or rcx != rdx,
        }
    return {}


def _element(elements: tuple[int, ...], value: int) -> int:
    """The element that stands for the value; for one that none does, any element."""
    return elements.index(value) if value in elements else 0


def _lists(
    platform: Platform, layouts: Mapping[str, TdmrList], steps: Iterable[Step]
) -> tuple[TdmrList, ...]:
    """The lists of TDMRs that TDH.SYS.CONFIG is given, as far as it reads them."""
    given: dict[TdmrList, None] = {}
    for step in steps:
        if step.leaf == "TDH.SYS.CONFIG":
            address = step.operands.get("rcx", 0) % platform.memory.usable_limit
            count = step.operands.get("rdx", 0)
            for layout in layouts.values():
                if layout.address == address and count <= len(layout.tdmrs):
                    given[TdmrList(address, layout.tdmrs[:count])] = None
    return tuple(given)


def _layout_at(bench: Bench, address: int, count: int) -> int:
    """The list of TDMRs that begins here and has so many entries."""
    memory = bench.platform.memory
    if not memory.is_shared(address, INFO_ALIGNMENT) or not 1 <= count <= MAX_TDMRS:
        return 0
    for number, layout in enumerate(bench.layouts):
        if (layout.address, len(layout.tdmrs)) == (
            address % memory.usable_limit,
            count,
        ):
            return number
    raise OutOfScope("a list of TDMRs that was not recorded")

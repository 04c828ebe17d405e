"""What lines of a log are the marks of, in the model of a host.

A line that is not here is no event of the model: it tells of the machine, or of what
the model takes to be in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tdxcheck.checker.language import Term, all_of, exists, one_of, reachable
from tdxcheck.checker.language.system import Property
from tdxcheck.checker.observation import (
    Becomes,
    InState,
    Observed,
    Refused,
    Sight,
    Step,
)
from tdxcheck.models.logs.form import FIELD, Form, Origin
from tdxcheck.models.logs.timeline import FORMS, Event
from tdxcheck.spec.decoding import decode
from tdxcheck.spec.environment import Obstacle
from tdxcheck.spec.events import (
    CPU_HOT_ADD,
    CPU_OFFLINE,
    DEVICE_AS_MEMORY,
    KEXEC_LOAD,
    MACHINE_CHECK,
    MEMORY_HOT_ADD,
    TD_CREATE,
)
from tdxcheck.spec.host import Host, Kvm, Running, Tdx
from tdxcheck.spec.leaves import LEAVES, is_of_initialization
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Status


@reachable()
def begins(host: Host) -> Term[bool]:
    """The kernel boots, and finds KeyIDs for TDX."""
    return all_of(
        host.running == Running.FIRST,
        host.tdx == Tdx.UNINITIALIZED,
        host.kvm == Kvm.UNLOADED,
        ~host.seamcall_made,
        ~host.callbacks_installed,
    )


@reachable()
def found_too_few_keyids(host: Host) -> Term[bool]:
    """Firmware left TDX a single KeyID."""
    return (host.obstacle == Obstacle.ONE_KEYID) & (host.tdx != Tdx.INITIALIZED)


@reachable()
def gives_way(host: Host) -> Term[bool]:
    """The kernel can hibernate, and does without TDX."""
    return all_of(
        host.gives_way_to_hibernation, host.hibernation, host.tdx != Tdx.INITIALIZED
    )


@reachable()
def is_asked_for_its_parts(host: Host) -> Term[bool]:
    """CPUs are initialised, and the kernel reads what the module is."""
    asked = exists(Cpu, lambda cpu: host.lp_init_done[cpu])
    return asked & one_of(host.tdx, Tdx.UNINITIALIZED, Tdx.STARTED)


@reachable()
def pamt_is_written(host: Host) -> Term[bool]:
    """Every TDMR is initialised, and with it the PAMT written."""
    return (host.tdx == Tdx.CONFIGURED) & host.every_tdmr_complete()


@reachable()
def pamt_is_there(host: Host) -> Term[bool]:
    """The PAMT is allocated."""
    return one_of(host.tdx, Tdx.BUILT, Tdx.CONFIGURED)


@reachable()
def tdx_is_initialized(host: Host) -> Term[bool]:
    """TDX is initialised."""
    return host.tdx == Tdx.INITIALIZED


@reachable()
def tdx_has_failed(host: Host) -> Term[bool]:
    """The kernel has given TDX up."""
    return host.tdx == Tdx.ERROR


@reachable()
def tdx_is_given_up(host: Host) -> Term[bool]:
    """Nothing will come of TDX any more."""
    return host.given_up() & (host.kvm != Kvm.LOADING)


@reachable()
def tdx_is_in_use(host: Host) -> Term[bool]:
    """KVM offers TDX."""
    return host.tdx_in_use()


@reachable()
def tdx_is_disabled(host: Host) -> Term[bool]:
    """TDX is turned off for good."""
    return host.tdx == Tdx.DISABLED


@reachable()
def a_hkid_is_leaked(host: Host) -> Term[bool]:
    """A KeyID is lost until reboot."""
    return host.hkid_leaked | (host.tdx == Tdx.INITIALIZED)


CONDITIONS: Final[tuple[Property, ...]] = (
    begins,
    found_too_few_keyids,
    gives_way,
    is_asked_for_its_parts,
    pamt_is_written,
    pamt_is_there,
    tdx_is_initialized,
    tdx_has_failed,
    tdx_is_given_up,
    tdx_is_in_use,
    tdx_is_disabled,
    a_hkid_is_leaked,
)

CALLEES: Final[Mapping[int, frozenset[str]]] = MappingProxyType(
    {
        0: frozenset({"vp_enter"}),
        2: frozenset({"mem_page_add"}),
        6: frozenset({"mem_page_aug"}),
        8: frozenset({"mng_key_config"}),
        9: frozenset({"mng_create"}),
        17: frozenset({"mr_finalize"}),
        19: frozenset({"mng_vpflushdone"}),
        20: frozenset({"mng_key_freeid"}),
        24: frozenset({"page_rdmd"}),
        29: frozenset({"mem_page_remove"}),
        31: frozenset({"sys_key_config", "sys_key_config_fatal"}),
        33: frozenset({"sys_init"}),
        34: frozenset({"sys_rd_of_1_0"}),
        35: frozenset({"sys_lp_init"}),
        36: frozenset({"sys_tdmr_init"}),
        40: frozenset({"phymem_cache_wb"}),
        44: frozenset({"lp_shutdown"}),
        45: frozenset({"sys_config", "sys_config_refused_TDX_TDMR_OUTSIDE_CMRS"}),
        52: frozenset({"sys_shutdown"}),
        53: frozenset({"sys_update"}),
        58: frozenset({"phymem_pamt_add"}),
        59: frozenset({"phymem_pamt_remove"}),
        69: frozenset({"sys_disable", "sys_disable_interrupted"}),
    }
)
"""By the number of a leaf, the actions of the model that are the call."""

IN_USE: Final = (InState(tdx_is_in_use), InState(tdx_is_initialized))
BUILDING: Final = Step(actions=frozenset({"building_fails"}))
REJECTING: Final = Step(actions=frozenset({"reject_module", "boot_without_tdx"}))

MARKS: Final[Mapping[str, tuple[Sight, ...]]] = MappingProxyType(
    {
        "keyids": (InState(begins),),
        "enabled_by_bios": (InState(begins),),
        "seamrr": (InState(begins),),
        "s3_off": (InState(begins), InState(tdx_is_initialized)),
        "few_keyids": (InState(found_too_few_keyids),),
        "hibernation": (InState(gives_way),),
        "no_module": (
            Step(
                callees=CALLEES[33] | CALLEES[35],
                answers=frozenset({Status.VMFAIL_INVALID}),
            ),
        ),
        "module": (InState(is_asked_for_its_parts),),
        "module_build": (InState(is_asked_for_its_parts),),
        "module_version_7": (InState(is_asked_for_its_parts),),
        "cmr": (InState(is_asked_for_its_parts),),
        "tdmrs_exhausted": (BUILDING,),
        "reserved_exhausted": (BUILDING,),
        "outside_cmrs": (Step(actions=frozenset({"reject_outside_cmrs"})),),
        "rbp": (REJECTING,),
        "dynamic_pamt": (InState(pamt_is_there),),
        "pamt_kb": (InState(pamt_is_written),),
        "pamt_pages": (InState(pamt_is_there),),
        "initialized": (Becomes(tdx_is_initialized),),
        "initialized_7": (Becomes(tdx_is_initialized),),
        "init_failed": (Becomes(tdx_has_failed), InState(tdx_is_given_up)),
        "init_failed_7": (Becomes(tdx_has_failed), InState(tdx_is_given_up)),
        "init_failed_3": (Becomes(tdx_has_failed), InState(tdx_is_given_up)),
        "init_failed_caller": (InState(tdx_is_given_up),),
        "kvm_ready": (InState(tdx_is_in_use),),
        "hkid_leaked": (InState(a_hkid_is_leaked),),
        "last_cpu": (Refused(CPU_OFFLINE),),
        "td_refused": (Refused(TD_CREATE),),
        "kexec_refused": (Refused(KEXEC_LOAD),),
        "kexec_excluded": (Refused(KEXEC_LOAD),),
        "tdx_excluded": (Becomes(tdx_is_disabled),),
        "acpi_memory_refused": (Refused(MEMORY_HOT_ADD),),
        "memory_refused": (Refused(DEVICE_AS_MEMORY), Refused(MEMORY_HOT_ADD)),
        "memory_prechecked": (Refused(DEVICE_AS_MEMORY), Refused(MEMORY_HOT_ADD)),
        "acpi_cpu_refused": (Refused(CPU_HOT_ADD),),
        "machine_check": (Step(event=MACHINE_CHECK),),
    }
)
"""By the form of a line, what it is the mark of."""

FACTS: Final = frozenset({"cmr", "module", "module_build"})
"""Lines that senders of logs move about: they are marks only where they are stamped."""

LOUD: Final = (
    Observed("module initialized", (Becomes(tdx_is_initialized),), loud=True),
    Observed("module initialization failed", (Becomes(tdx_has_failed),), loud=True),
)
"""What every kernel prints when it happens."""


def observed(event: Event) -> Observed | None:
    """What the line is the mark of; None if it is none."""
    if event.key in ("seamcall", "disable_failed"):
        sights = _of_call(event)
    elif event.key in FACTS and event.stamp is None:
        sights = ()
    else:
        sights = MARKS.get(event.key, ())
    kind = "call" if event.key in ("seamcall", "disable_failed") else "line"
    return Observed(event.text, sights, kind) if sights else None


def _of_call(event: Event) -> tuple[Sight, ...]:
    line = event.line
    leaf = 69 if event.key == "disable_failed" else line.values.get("leaf")
    name = line.text("name").replace("_", ".").upper()
    if not isinstance(leaf, int):
        numbers = [n for n, known in LEAVES.items() if known == name]
        leaf = numbers[0] if numbers else -1
    number = leaf & 0xFFFF
    if leaf < 0 or leaf >> 63 or number not in LEAVES or number == 254:
        return ()
    status = decode(line.number("status") & (1 << 64) - 1).status
    return call_sights(number, status)


def call_sights(
    leaf: int, status: Status | None, exact: bool = False
) -> tuple[Sight, ...]:
    """A call of the leaf that was answered so.

    A status that the model's leaf never answers stands for any error: models of leaves
    do not have every cause; one that it does answer may stand for any other, too,
    unless the answer is to be `exact`. Of a leaf about TDs that the model does not have
    it is known that TDX was in use.
    """
    callees = CALLEES.get(leaf)
    if status is Status.TDX_SUCCESS:
        if callees and leaf != SYS_RD:
            return (Step(callees=callees, answers=frozenset({status})),)
        return () if is_of_initialization(leaf) else IN_USE
    if callees is None:
        return () if is_of_initialization(leaf) else IN_USE
    refused = Step(callees=callees, refused=True)
    if status is not None and status in ANSWERED:
        same = Step(callees=callees, answers=frozenset({status}))
        return (same,) if exact else (same, refused)
    return (refused,) if is_of_initialization(leaf) else (refused, *IN_USE)


SYS_RD: Final = 34
"""The model makes this call only where it fails."""

ANSWERED: Final = frozenset(
    {
        Status.TDX_SUCCESS,
        Status.TDX_SYS_NOT_READY,
        Status.TDX_SYS_BUSY,
        Status.TDX_RND_NO_ENTROPY,
        Status.TDX_SYS_INIT_NOT_PENDING,
        Status.TDX_SYS_LP_INIT_DONE,
        Status.TDX_SYS_CONFIG_NOT_PENDING,
        Status.TDX_TDMR_OUTSIDE_CMRS,
        Status.TDX_INCORRECT_MSR_VALUE,
        Status.TDX_INCONSISTENT_MSR,
        Status.TDX_OPERAND_ADDR_RANGE_ERROR,
        Status.VMFAIL_INVALID,
        Status.GP,
        Status.UD,
    }
)


def alternatives(design: str) -> list[tuple[str, Observed]]:
    """Every line that the design's kernels print, as an example, and its mark."""
    found = []
    for key, sights in MARKS.items():
        form = FORMS.by_key[key]
        if not form.designs or design in form.designs:
            text = example(form)
            found.append((text, Observed(text, sights)))
    return found


def example(form: Form) -> str:
    """A line of this form, with N where a number is."""
    prefix = PREFIXES.get(form.origin, "")
    return prefix + FIELD.sub("N", form.formats[0]).strip()


PREFIXES: Final = MappingProxyType(
    {
        Origin.CORE: "virt/tdx: ",
        Origin.KVM: "kvm_intel: ",
        Origin.KEXEC: "kexec: ",
        Origin.SEAMLDR: "seamldr: ",
    }
)

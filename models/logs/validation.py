"""The machine on which a log is followed, and what of it is to be followed.

It is the smallest that has what the log speaks of: one CPU and one block of memory,
and firmware and administrators that do nothing that the log does not show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from tdxcheck.checker.catalogue import Sizes
from tdxcheck.checker.language.variables import Variable
from tdxcheck.checker.observation import InState, Observed, Refused, Step
from tdxcheck.models.logs.form import Role
from tdxcheck.models.logs.observed import found_too_few_keyids, observed
from tdxcheck.models.logs.timeline import Boot, Event
from tdxcheck.spec.environment import Integrity, Obstacle
from tdxcheck.spec.events import (
    CPU_HOT_ADD,
    CPU_HOT_REMOVE,
    CPU_OFFLINE,
    CPU_ONLINE,
    CRASH_KEXEC,
    DEVICE_AS_MEMORY,
    KEXEC,
    KEXEC_LOAD,
    MEMORY_HOT_ADD,
    MEMORY_HOT_REMOVE,
    REBOOT,
    SUSPEND,
    TD_CREATE,
    ZONE_DEVICE,
)
from tdxcheck.spec.handover import NextKernel
from tdxcheck.spec.host import Host, MemoryKind
from tdxcheck.spec.module import Status

QUIET: Final[Mapping[Variable, Any]] = {
    Host.memory_hotplug: False,
    Host.memory_hot_remove: False,
    Host.cpu_hotplug: False,
    Host.cpu_hot_remove: False,
    Host.persistent_memory: False,
    Host.cxl_memory: False,
    Host.kexec: False,
    Host.suspend: False,
    Host.reboots: False,
    Host.last_cpus_go_offline: False,
    Host.partial_write_erratum: False,
    Host.legacy_pmem_convertible: False,
    Host.soft_reserved_convertible: False,
    Host.preserves_tds: True,
    Host.seamret_clears_vmcs: False,
    Host.integrity: next(iter(Integrity)),
    Host.next_kernel: next(iter(NextKernel)),
}
"""Nothing happens to the machine, and what no log shows is fixed."""

AWAKENED: Final[Mapping[Any, tuple[Variable, ...]]] = {
    MEMORY_HOT_ADD: (Host.memory_hotplug,),
    DEVICE_AS_MEMORY: (Host.persistent_memory, Host.cxl_memory),
    CPU_HOT_ADD: (Host.cpu_hotplug,),
    CPU_OFFLINE: (Host.last_cpus_go_offline,),
    TD_CREATE: (Host.last_cpus_go_offline,),
    KEXEC_LOAD: (Host.kexec, Host.partial_write_erratum),
    KEXEC: (Host.kexec,),
    CRASH_KEXEC: (Host.kexec,),
    MEMORY_HOT_REMOVE: (Host.memory_hot_remove,),
    CPU_HOT_REMOVE: (Host.cpu_hot_remove,),
    ZONE_DEVICE: (Host.persistent_memory, Host.cxl_memory),
    SUSPEND: (Host.suspend,),
    REBOOT: (Host.reboots,),
    CPU_ONLINE: (Host.last_cpus_go_offline,),
}
"""By event, what must be able to happen for it to be seen."""

LARGER: Final[Mapping[Any, Sizes]] = {
    MEMORY_HOT_ADD: {"blocks": 2},
    DEVICE_AS_MEMORY: {"blocks": 3},
    CPU_HOT_ADD: {"cpus": 3},
    CPU_OFFLINE: {"cpus": 2, "packages": 2},
    TD_CREATE: {"cpus": 2, "packages": 2},
}
MOST_MARKS: Final = 300
"""Lines that are followed: no host says more before somebody looks at it."""
SMALLEST: Final[Sizes] = {"cpus": 1, "packages": 1, "blocks": 1}


OTHER_MEMORY: Final = (
    MemoryKind.BOOT_DRAM,
    MemoryKind.HOT_PLUG_DRAM,
    MemoryKind.LEGACY_PMEM,
)


def _meets_other_memory(step: Step) -> bool:
    """It needs memory that lies in no CMR."""
    outside = Status.TDX_TDMR_OUTSIDE_CMRS in (step.answers or ())
    # The model's TDH.SYS.CONFIG refuses nothing else.
    refused = step.refused and "sys_config" in (step.callees or ())
    return outside or refused or "reject_outside_cmrs" in (step.actions or ())


def followed(boot: Boot) -> list[tuple[Event, Observed]]:
    """The lines that are marks of the model, in their order: the first of them."""
    marks = (
        (event, seen)
        for event in boot.events
        if event.form.role not in (Role.MACHINE, Role.GUEST)
        and (seen := observed(event)) is not None
    )
    return list(islice(marks, MOST_MARKS))


def settings_for(observations: Iterable[Observed]) -> tuple[Sizes, dict[Variable, Any]]:
    """The sizes and the configuration of the machine that can show them."""
    sizes = dict(SMALLEST)
    settings = dict(QUIET)
    for seen in observations:
        for sight in seen.sights:
            if isinstance(sight, InState) and sight.condition is found_too_few_keyids:
                settings[Host.obstacle] = Obstacle.ONE_KEYID
            if isinstance(sight, Step) and _meets_other_memory(sight):
                # PMEM that memmap= has made of RAM, and what was added since boot.
                sizes["blocks"] = max(sizes["blocks"], len(OTHER_MEMORY))
                settings[Host.memory_kind] = lambda block: OTHER_MEMORY[block]
                settings[Host.memory_hotplug] = True
            event = sight.event if isinstance(sight, Refused | Step) else None
            for variable in AWAKENED.get(event, ()):
                settings[variable] = True
            for name, number in LARGER.get(event, {}).items():
                sizes[name] = max(sizes[name], number)
    return sizes, settings

"""Memory that comes and goes, and what Linux checks of it."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Refusal,
    Term,
    action,
    implies,
    ite,
)
from tdxcheck.spec.environment import Obstacle
from tdxcheck.spec.events import (
    DEVICE_AS_MEMORY,
    MEMORY_HOT_ADD,
    MEMORY_HOT_REMOVE,
    MEMORY_OFFLINE,
    MEMORY_ONLINE,
    ZONE_DEVICE,
)
from tdxcheck.spec.host import (
    Actor,
    Host,
    MemoryKind,
    Presence,
    Running,
    Tdx,
    Told,
)
from tdxcheck.spec.machine import Block
from tdxcheck.spec.sources import (
    L6_8,
    V5,
    V7,
)


def check_added(host: Host, block: Block) -> None:
    """What is checked of any memory that is to be added, whoever adds it."""
    listed = host.tdx_list_is_empty() | host.found_in_list(block)
    host.require(
        ~host.refuses_added_memory,
        otherwise=Refusal(
            Told.EINVAL, log="Unable to add memory [...) on TDX enabled platform."
        ),
    )
    host.require(
        implies(
            host.refuses_added_memory_once_initialized, host.tdx != Tdx.INITIALIZED
        ),
        otherwise=Told.EINVAL,
    )
    host.require(
        implies(
            host.refuses_added_memory_outside_cmrs & (host.tdx != Tdx.INITIALIZED),
            host.convertible(block),
        ),
        otherwise=Told.EINVAL,
    )
    host.require(
        implies(host.refuses_added_memory_outside_list, listed),
        otherwise=Told.EINVAL,
    )
    host.require(
        implies(host.prechecks_added_memory, listed),
        otherwise=Refusal(
            Told.EINVAL,
            log="Reject hot-adding memory range: [...] for TDX compatibility.",
        ),
    )


@action(
    actor=Actor.FIRMWARE,
    kinds={Kind.FIRMWARE},
    event=MEMORY_HOT_ADD,
    sources=(V5.at("03/22"), V7.at("10/20")),
)
def memory_hot_add(host: Host, block: Block) -> None:
    """Firmware hot-adds {block}; Linux adds it, offline."""
    host.require(host.memory_hotplug)
    host.require(host.in_service())
    host.require(host.is_dram(block))
    host.require(host.memory[block] == Presence.ABSENT)
    host.require(~host.memory_hotplug_locked())
    host.require(
        ~(host.refuses_acpi_memory & host.acpi_memory_attribute),
        otherwise=Refusal(
            Told.EINVAL,
            log="[BIOS bug]: Platform doesn't support ACPI memory hotplug. "
            "New memory device ignored.",
        ),
    )
    check_added(host, block)
    host.memory[block] = Presence.OFFLINE
    host.memmap_inside[block] = host.memmap_on_memory


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=DEVICE_AS_MEMORY,
    sources=(V5.at("05/22"), V7.at("10/20")),
)
def device_as_memory(host: Host, block: Block) -> None:
    """The administrator gives {block}, a device, to the kmem driver: it is offline."""
    host.require(
        ite(
            host.memory_kind[block] == MemoryKind.SOFT_RESERVED,
            host.soft_reserved_as_memory,
            host.device_is_used(block),
        )
    )
    host.require(host.in_service())
    host.require(~host.is_dram(block))
    host.require(host.memory[block] == Presence.ABSENT)
    host.require(~host.memory_hotplug_locked())
    check_added(host, block)
    host.memory[block] = Presence.OFFLINE
    host.memmap_inside[block] = host.memmap_on_memory


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=ZONE_DEVICE,
    sources=(V7.at("10/20, reply of Dan Williams 2022-11-23"),),
)
def zone_device(host: Host, block: Block) -> None:
    """A driver maps {block} as ZONE_DEVICE memory, which the allocator never owns."""
    host.require(host.device_is_used(block))
    host.require(host.in_service())
    host.require(~host.is_dram(block))
    host.require(host.memory[block] == Presence.ABSENT)
    host.require(
        implies(
            host.refuses_added_memory_outside_list,
            host.leaves_zone_device_alone
            | host.tdx_list_is_empty()
            | host.found_in_list(block),
        ),
        otherwise=Told.EINVAL,
    )


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=MEMORY_ONLINE,
    sources=(L6_8.at("tdx_memory_notifier()"),),
)
def memory_online(host: Host, block: Block) -> None:
    """The administrator onlines {block}: the page allocator owns its pages."""
    host.require(host.in_service())
    host.require(host.memory[block] == Presence.OFFLINE)
    host.require(~host.memory_hotplug_locked())
    host.require(
        implies(
            host.refuses_onlining_outside_list & ~host.faces(Obstacle.NO_NOTIFIER),
            host.tdx_list_is_empty() | host.found_in_list(block),
        ),
        otherwise=Refusal(Told.EPERM, detail="NOTIFY_BAD"),
    )
    host.memory[block] = Presence.ONLINE


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=MEMORY_OFFLINE)
def memory_offline(host: Host, block: Block) -> None:
    """The administrator offlines {block}, which does not hold the kernel itself.

    A block with the PAMT or pages of a TD in it cannot go, as they are unmovable; that
    is recalled. Which blocks these are is not kept: this one has none.
    """
    host.require(host.in_service())
    host.require(host.memory[block] == Presence.ONLINE)
    host.require(~host.unmovable[block], otherwise=Told.EBUSY)
    host.require(~host.memory_hotplug_locked())
    host.memory[block] = Presence.OFFLINE


def after_removal(host: Host, attribute: Term[bool]) -> Term[Running]:
    """A kernel that meets the removal of a device with BUG() is none afterwards.

    It does where the platform's attribute says that no such device can go.
    """
    return ite(host.bears_acpi_removal | ~attribute, host.running, Running.NONE)


@action(
    actor=Actor.FIRMWARE,
    kinds={Kind.FIRMWARE},
    event=MEMORY_HOT_REMOVE,
    sources=(V5.at("03/22, acpi_memory_device_remove()"),),
)
def memory_hot_remove(host: Host, block: Block) -> None:
    """Firmware takes {block} away, once it is offline."""
    host.require(host.memory_hot_remove)
    host.require(host.in_service())
    host.require(host.is_dram(block))
    host.require(host.memory[block] == Presence.OFFLINE)
    host.require(~host.memory_hotplug_locked())
    host.memory[block] = Presence.ABSENT
    host.memmap_inside[block] = False
    host.running = after_removal(
        host,
        ite(
            host.memory_removal_tests_cpu_attribute,
            host.acpi_cpu_attribute,
            host.acpi_memory_attribute,
        ),
    )

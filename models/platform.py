"""What firmware, hardware and the administrator do, and a Linux without TDX guards.

These are the actions that every design starts from: none of them knows TDX. A
design that checks something replaces the action concerned.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Term,
    action,
    exists,
    forall,
    initial,
    ite,
    one_of,
)
from tdxcheck.spec.events import (
    CPU_HOT_ADD,
    CPU_HOT_REMOVE,
    CPU_OFFLINE,
    CPU_ONLINE,
    CRASH_KEXEC,
    DEVICE_AS_MEMORY,
    KEXEC,
    MEMORY_HOT_ADD,
    MEMORY_HOT_REMOVE,
    MEMORY_OFFLINE,
    MEMORY_ONLINE,
)
from tdxcheck.spec.host import (
    Actor,
    Host,
    Kvm,
    MemoryKind,
    Presence,
    Running,
    SysInitResult,
    Tdx,
    Told,
)
from tdxcheck.spec.machine import Block, Cpu, Package
from tdxcheck.spec.sources import BASE_SPEC, KEXEC_V4, V3


@initial
def cpus_at_boot(host: Host) -> Term[bool]:
    """The CPUs that firmware verified are online; no other CPU is there yet."""
    return forall(
        Cpu,
        lambda cpu: (
            host.cpu[cpu] == ite(host.counted[cpu], Presence.ONLINE, Presence.ABSENT)
        ),
    )


@initial
def seamrr_at_boot(host: Host) -> Term[bool]:
    """Firmware has set SEAMRR up on the CPUs that it verified, and on no other.

    That a SEAMCALL anywhere else is #GP is what Linux relies on; whether every
    platform does so for a hot-added CPU was not established.
    """
    return forall(
        Cpu,
        lambda cpu: (
            host.seamrr_valid[cpu]
            == (host.counted[cpu] | host.unverified_cpus_enter_seam)
        ),
    )


@initial
def packages_at_boot(host: Host) -> Term[bool]:
    """Firmware counted the packages of the CPUs that it verified."""
    return forall(
        Package,
        lambda package: (
            host.package_counted[package]
            == exists(Cpu, lambda c: host.counted[c] & (host.package_of[c] == package))
        ),
    )


@initial
def memory_at_boot(host: Host) -> Term[bool]:
    """Boot DRAM is online; other memory is not there yet, or is only a device."""
    return forall(
        Block,
        lambda block: (
            host.memory[block]
            == ite(host.convertible(block), Presence.ONLINE, Presence.ABSENT)
        ),
    )


BOOT = (cpus_at_boot, seamrr_at_boot, packages_at_boot, memory_at_boot)


@action(actor=Actor.FIRMWARE, kinds={Kind.FIRMWARE}, event=MEMORY_HOT_ADD)
def memory_hot_add(host: Host, block: Block) -> None:
    """Firmware hot-adds {block}; Linux adds it, offline."""
    host.require(host.memory_hotplug)
    host.require(host.in_service())
    host.require(host.memory_kind[block] == MemoryKind.HOT_PLUG_DRAM)
    host.require(host.memory[block] == Presence.ABSENT)
    host.require(~host.memory_hotplug_locked())
    host.memory[block] = Presence.OFFLINE


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=DEVICE_AS_MEMORY)
def device_as_memory(host: Host, block: Block) -> None:
    """The administrator gives {block}, a device, to the kmem driver: it is offline."""
    host.require(host.device_memory)
    host.require(host.in_service())
    host.require(one_of(host.memory_kind[block], MemoryKind.NVDIMM, MemoryKind.CXL))
    host.require(host.memory[block] == Presence.ABSENT)
    host.require(~host.memory_hotplug_locked())
    host.memory[block] = Presence.OFFLINE


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=MEMORY_ONLINE)
def memory_online(host: Host, block: Block) -> None:
    """The administrator onlines {block}: the page allocator owns its pages."""
    host.require(host.in_service())
    host.require(host.memory[block] == Presence.OFFLINE)
    host.require(~host.memory_hotplug_locked())
    host.memory[block] = Presence.ONLINE


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=MEMORY_OFFLINE)
def memory_offline(host: Host, block: Block) -> None:
    """The administrator offlines {block}, which does not hold the kernel itself."""
    host.require(host.in_service())
    host.require(host.memory[block] == Presence.ONLINE)
    host.require(~host.unmovable[block], otherwise=Told.EBUSY)
    host.require(~host.memory_hotplug_locked())
    host.memory[block] = Presence.OFFLINE


@action(actor=Actor.FIRMWARE, kinds={Kind.FIRMWARE}, event=MEMORY_HOT_REMOVE)
def memory_hot_remove(host: Host, block: Block) -> None:
    """Firmware takes {block} away, once it is offline."""
    host.require(host.memory_hot_remove)
    host.require(host.in_service())
    host.require(host.is_dram(block))
    host.require(host.memory[block] == Presence.OFFLINE)
    host.require(~host.memory_hotplug_locked())
    host.memory[block] = Presence.ABSENT


@action(actor=Actor.FIRMWARE, kinds={Kind.FIRMWARE}, event=CPU_HOT_ADD)
def cpu_hot_add(host: Host, cpu: Cpu) -> None:
    """Firmware hot-adds {cpu}; Linux registers it, offline."""
    host.require(host.cpu_hotplug)
    host.require(host.in_service())
    host.require(host.cpu[cpu] == Presence.ABSENT)
    host.cpu[cpu] = Presence.OFFLINE


@action(actor=Actor.FIRMWARE, kinds={Kind.FIRMWARE}, event=CPU_HOT_REMOVE)
def cpu_hot_remove(host: Host, cpu: Cpu) -> None:
    """Firmware takes {cpu} away, once it is offline."""
    host.require(host.cpu_hot_remove)
    host.require(host.in_service())
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.cpu[cpu] = Presence.ABSENT


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=CPU_ONLINE)
def cpu_online(host: Host, cpu: Cpu) -> None:
    """The administrator onlines {cpu}; KVM, if loaded, does VMXON there."""
    host.require(host.in_service())
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.require(~host.initializing())
    host.cpu[cpu] = Presence.ONLINE


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=CPU_OFFLINE)
def cpu_offline(host: Host, cpu: Cpu) -> None:
    """The administrator offlines {cpu}; its caches are written back as it stops."""
    host.require(host.in_service())
    host.require(host.cpu[cpu] == Presence.ONLINE)
    host.require(host.another_cpu_online(cpu), otherwise=Told.EBUSY)
    host.require(~host.initializing())
    host.private_dirty[cpu] = False
    host.cpu[cpu] = Presence.OFFLINE


def start_kernel(host: Host, running: Term[Running]) -> None:
    """What any kernel starts with, and what it inherits from the one before."""
    host.inherited_module = host.module_touched()
    host.inherited_private_memory = host.private_memory_exists()
    host.running = running
    host.tdx = Tdx.UNINITIALIZED
    host.sys_init_result = SysInitResult.NOT_CALLED
    host.lp_init_done.fill(False)
    host.kvm = Kvm.UNLOADED
    host.vmx_on.fill(False)
    host.tdx_memory.fill(False)
    host.pamt_allocated = False
    host.private_dirty.fill(False)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=KEXEC,
    sources=(V3.at("19/21, stop_this_cpu()"), KEXEC_V4.at("cover letter")),
)
def kexec(host: Host, cpu: Cpu) -> None:
    """The administrator starts another kernel by kexec, from {cpu}.

    To the new kernel all memory is ordinary: it knows nothing of the PAMT or of
    TDs. Which caches are written back on the way is the old kernel's design. A
    kernel that finds the module untouched is a first kernel again.
    """
    host.require(host.running == Running.FIRST)
    host.require(host.online(cpu))
    own, others = host.kexec_flushes_own_cpu, host.kexec_flushes_other_cpus
    dirty = host.private_dirty
    host.stale_private_line.update(lambda c: dirty[c] & ~ite(c == cpu, own, others))
    start_kernel(host, ite(host.module_touched(), Running.SECOND, Running.FIRST))


@action(actor=Actor.KERNEL, event=CRASH_KEXEC, sources=(KEXEC_V4.at("cover letter"),))
def crash_kexec(host: Host, cpu: Cpu) -> None:
    """The kernel panics on {cpu} and starts the crash kernel; nothing is flushed.

    The other CPUs are stopped by NMI, which passes by every flush. The crash
    kernel writes its dump, and does nothing else.
    """
    host.require(host.running == Running.FIRST)
    host.require(host.online(cpu))
    dirty = host.private_dirty
    host.stale_private_line.update(lambda c: dirty[c])
    start_kernel(host, ite(host.never(), Running.FIRST, Running.CRASH))


@action(
    actor=Actor.SECOND_KERNEL,
    kinds={Kind.HARDWARE},
    sources=(BASE_SPEC.at("ch. 16.2"), KEXEC_V4.at("partial write erratum")),
)
def partial_write(host: Host) -> None:
    """The new kernel writes part of a line that is still private: it is poisoned."""
    host.require(host.partial_write_erratum)
    host.require(host.running == Running.SECOND)
    host.require(host.inherited_private_memory)
    host.require(~host.poisoned)
    host.poisoned = True


PLATFORM = (
    memory_hot_add,
    device_as_memory,
    memory_online,
    memory_offline,
    memory_hot_remove,
    cpu_hot_add,
    cpu_hot_remove,
    cpu_online,
    cpu_offline,
    kexec,
    crash_kexec,
    partial_write,
)
"""The actions of a machine whose kernel checks nothing for TDX."""

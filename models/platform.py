"""What firmware, hardware and the administrator do, and a Linux without TDX guards.

These are the actions that every design starts from: none of them knows TDX. A
design that checks something replaces the action concerned.
"""

from __future__ import annotations

from tdxcheck.checker.language import Kind, Term, action, forall, initial, ite, one_of
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
    MemoryKind,
    Presence,
    Running,
    SysInitResult,
    Tdx,
    Told,
)
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.module import SysState
from tdxcheck.spec.sources import BASE_SPEC, KEXEC_V4, V3


@initial
def cpus_at_boot(host: Host) -> Term[bool]:
    """The CPUs that firmware verified are online; no other CPU is there yet."""
    return forall(
        Cpu,
        lambda cpu: host.cpu[cpu]
        == ite(host.counted[cpu], Presence.ONLINE, Presence.ABSENT),
    )


@initial
def memory_at_boot(host: Host) -> Term[bool]:
    """Boot DRAM is online; other memory is not there yet, or is only a device."""
    return forall(
        Block,
        lambda block: host.memory[block]
        == ite(host.convertible(block), Presence.ONLINE, Presence.ABSENT),
    )


BOOT = (cpus_at_boot, memory_at_boot)


@action(actor=Actor.FIRMWARE, kinds={Kind.FIRMWARE}, event=MEMORY_HOT_ADD)
def memory_hot_add(host: Host, block: Block) -> None:
    """Firmware hot-adds {block}; Linux adds it, offline."""
    host.require(host.memory_hotplug)
    host.require(host.memory_kind[block] == MemoryKind.HOT_PLUG_DRAM)
    host.require(host.memory[block] == Presence.ABSENT)
    host.memory[block] = Presence.OFFLINE


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=DEVICE_AS_MEMORY)
def device_as_memory(host: Host, block: Block) -> None:
    """The administrator gives {block}, a device, to the kmem driver: memory, offline."""
    host.require(host.device_memory)
    host.require(one_of(host.memory_kind[block], MemoryKind.NVDIMM, MemoryKind.CXL))
    host.require(host.memory[block] == Presence.ABSENT)
    host.memory[block] = Presence.OFFLINE


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=MEMORY_ONLINE)
def memory_online(host: Host, block: Block) -> None:
    """The administrator onlines {block}: the page allocator owns its pages."""
    host.require(host.memory[block] == Presence.OFFLINE)
    host.memory[block] = Presence.ONLINE


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=MEMORY_OFFLINE)
def memory_offline(host: Host, block: Block) -> None:
    """The administrator offlines {block}."""
    host.require(host.memory[block] == Presence.ONLINE)
    host.memory[block] = Presence.OFFLINE


@action(actor=Actor.FIRMWARE, kinds={Kind.FIRMWARE}, event=MEMORY_HOT_REMOVE)
def memory_hot_remove(host: Host, block: Block) -> None:
    """Firmware takes {block} away, once it is offline."""
    host.require(host.memory_hot_remove)
    host.require(host.is_dram(block))
    host.require(host.memory[block] == Presence.OFFLINE)
    host.memory[block] = Presence.ABSENT


@action(actor=Actor.FIRMWARE, kinds={Kind.FIRMWARE}, event=CPU_HOT_ADD)
def cpu_hot_add(host: Host, cpu: Cpu) -> None:
    """Firmware hot-adds {cpu}; Linux registers it, offline."""
    host.require(host.cpu_hotplug)
    host.require(host.cpu[cpu] == Presence.ABSENT)
    host.cpu[cpu] = Presence.OFFLINE


@action(actor=Actor.FIRMWARE, kinds={Kind.FIRMWARE}, event=CPU_HOT_REMOVE)
def cpu_hot_remove(host: Host, cpu: Cpu) -> None:
    """Firmware takes {cpu} away, once it is offline."""
    host.require(host.cpu_hot_remove)
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.cpu[cpu] = Presence.ABSENT


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=CPU_ONLINE)
def cpu_online(host: Host, cpu: Cpu) -> None:
    """The administrator onlines {cpu}; KVM, if loaded, does VMXON there."""
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.require(~host.initializing())
    host.vmx_on[cpu] = host.kvm_tdx
    host.cpu[cpu] = Presence.ONLINE


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=CPU_OFFLINE)
def cpu_offline(host: Host, cpu: Cpu) -> None:
    """The administrator offlines {cpu}; its caches are written back as it stops."""
    host.require(host.cpu[cpu] == Presence.ONLINE)
    host.require(host.another_cpu_online(cpu), otherwise=Told.EBUSY)
    host.require(~host.initializing())
    host.vmx_on[cpu] = False
    host.private_dirty[cpu] = False
    host.cpu[cpu] = Presence.OFFLINE



@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=KEXEC,
    sources=(V3.at("19/21, stop_this_cpu()"), KEXEC_V4.at("cover letter")),
)
def kexec(host: Host, cpu: Cpu) -> None:
    """The administrator starts another kernel by kexec, from {cpu}.

    To the new kernel all memory is ordinary: it knows nothing of the PAMT or of
    TDs. Which caches are written back on the way is the old kernel's design.
    """
    host.require(host.running == Running.FIRST)
    host.require(host.online(cpu))
    left = host.private_dirty
    own, others = host.kexec_flushes_own_cpu, host.kexec_flushes_other_cpus
    host.private_dirty.update(lambda c: left[c] & ~ite(c == cpu, own, others))
    start_kernel(host, Running.SECOND)


@action(actor=Actor.KERNEL, event=CRASH_KEXEC, sources=(KEXEC_V4.at("cover letter"),))
def crash_kexec(host: Host, cpu: Cpu) -> None:
    """The kernel panics on {cpu} and starts the crash kernel; nothing is flushed.

    The other CPUs are stopped by NMI, which passes by every flush.
    """
    host.require(host.running == Running.FIRST)
    host.require(host.online(cpu))
    start_kernel(host, Running.CRASH)


def start_kernel(host: Host, running: Running) -> None:
    """What any kernel starts with, and what it inherits from the one before."""
    host.inherited_module = host.sys_state != SysState.SYSINIT_PENDING
    host.inherited_private_memory = host.private_memory_exists()
    host.running = running
    host.tdx = Tdx.UNINITIALIZED
    host.sys_init_result = SysInitResult.NOT_CALLED
    host.lp_init_done.fill(False)
    host.kvm_tdx = False
    host.vmx_on.fill(False)
    host.tdx_memory.fill(False)
    host.pamt_allocated = False


@action(
    actor=Actor.SECOND_KERNEL,
    kinds={Kind.HARDWARE},
    sources=(BASE_SPEC.at("ch. 16.2"), KEXEC_V4.at("partial write erratum")),
)
def partial_write(host: Host) -> None:
    """The new kernel writes part of a line that is still private: it is poisoned."""
    host.require(host.partial_write_erratum)
    host.require(host.running != Running.FIRST)
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

"""CPUs that come and go, and what Linux checks of them."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Refusal,
    action,
    implies,
    ite,
)
from tdxcheck.models.kvm import flushed_in_callback
from tdxcheck.models.platform.boot import CPU_IGNORED
from tdxcheck.models.platform.memory import after_removal
from tdxcheck.spec.events import (
    CPU_HOT_ADD,
    CPU_HOT_REMOVE,
    CPU_OFFLINE,
    CPU_ONLINE,
)
from tdxcheck.spec.host import (
    Actor,
    Host,
    Presence,
    Told,
)
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.sources import (
    K6_16,
    V5,
)

ALL_PACKAGES = (
    "TDX requires all packages to have an online CPU. "
    "Delete all TDs in order to offline all CPUs of a package."
)


@action(
    actor=Actor.FIRMWARE,
    kinds={Kind.FIRMWARE},
    event=CPU_HOT_ADD,
    sources=(V5.at("02/22, acpi_processor_add()"),),
)
def cpu_hot_add(host: Host, cpu: Cpu) -> None:
    """Firmware hot-adds {cpu}; Linux registers it, offline."""
    host.require(host.cpu_hotplug)
    host.require(host.in_service())
    host.require(host.cpu[cpu] == Presence.ABSENT)
    host.require(
        ~(host.refuses_acpi_cpus & host.acpi_cpu_attribute),
        otherwise=Refusal(Told.EINVAL, log=CPU_IGNORED),
    )
    host.cpu[cpu] = Presence.OFFLINE


@action(
    actor=Actor.FIRMWARE,
    kinds={Kind.FIRMWARE},
    event=CPU_HOT_REMOVE,
    sources=(V5.at("02/22, acpi_processor_remove()"),),
)
def cpu_hot_remove(host: Host, cpu: Cpu) -> None:
    """Firmware takes {cpu} away, once it is offline."""
    host.require(host.cpu_hot_remove)
    host.require(host.in_service())
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.cpu[cpu] = Presence.ABSENT
    host.running = after_removal(host, host.acpi_cpu_attribute)


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=CPU_ONLINE)
def cpu_online(host: Host, cpu: Cpu) -> None:
    """The administrator onlines {cpu}; KVM, if loaded, does VMXON there."""
    host.require(host.in_service())
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.require(~host.cpu_hotplug_locked())
    host.cpu[cpu] = Presence.ONLINE


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=CPU_OFFLINE,
    sources=(K6_16.at("tdx_offline_cpu(), tdx_disable_virtualization_cpu()"),),
)
def cpu_offline(host: Host, cpu: Cpu) -> None:
    """The administrator offlines {cpu}.

    Its caches are written back by KVM's callback, or from v7.2 on by TDX's own.
    """
    host.require(host.in_service())
    host.require(host.cpu[cpu] == Presence.ONLINE)
    host.require(host.another_cpu_online(cpu), otherwise=Told.EBUSY)
    host.require(host.last_cpus_go_offline | ~host.last_online_cpu_of_package(cpu))
    host.require(~host.cpu_hotplug_locked())
    host.require(
        implies(
            host.keeps_a_cpu_per_package & host.callbacks_installed,
            ~host.hkids_seem_in_use() | ~host.last_online_cpu_of_package(cpu),
        ),
        otherwise=Refusal(Told.EBUSY, log=ALL_PACKAGES),
    )
    flushed = host.flushes_vcpus_of_offlined_cpus
    unflushed = ~host.flushes_offlined_cpus
    late = host.vcpu_on[cpu] & flushed & ~host.flushes_after_vp_flush
    private = ite(host.flushes_when_seamcalls_end, late, host.private_dirty[cpu])
    host.vcpu_on[cpu] = host.vcpu_on[cpu] & ~flushed
    host.vmx_on[cpu] = host.vmx_on[cpu] & host.vmxon_when_online
    host.lp_initialized[cpu] = host.lp_initialized[cpu] & host.lp_init_survives_offline
    called_back = host.flushes_when_seamcalls_end
    of_kvm = host.flushes_after_vp_flush
    flushed_in_callback(host, ite(of_kvm, host.tdx_in_use(), host.callbacks_installed))
    written = host.pamt_dirty[cpu] | ~host.pamt_allocated
    host.private_dirty[cpu] = private & unflushed
    host.pamt_dirty[cpu] = written & unflushed & ~called_back
    host.marked[cpu] = False
    host.cpu[cpu] = Presence.OFFLINE

"""kexec: another kernel takes the machine over."""

from __future__ import annotations

from collections.abc import Callable

from tdxcheck.checker.language import (
    Kind,
    Refusal,
    Term,
    action,
    exists,
    implies,
    ite,
    one_of,
)
from tdxcheck.models.disable import (
    disable_succeeds,
    sys_disable,
    sys_disable_interrupted,
)
from tdxcheck.models.kvm import seamcall
from tdxcheck.models.module.dispatch import YES
from tdxcheck.spec.events import (
    CRASH_KEXEC,
    KEXEC,
    KEXEC_LOAD,
)
from tdxcheck.spec.host import (
    Actor,
    Host,
    Kvm,
    Presence,
    Running,
    SysInitResult,
    Tdx,
    Told,
)
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import SysState
from tdxcheck.spec.sources import (
    BASE_SPEC,
    CRASH_C,
    DISABLE_V3,
    KEXEC_MUTEX,
    KEXEC_V4,
    KEXEC_V7,
    MODULE_1_5,
    PULL_6_8,
    V3,
)
from tdxcheck.spec.update import Image, Reading, Stage


def flushed_by(host: Host, cpu: Cpu) -> Callable[[Cpu], Term[bool]]:
    """Whether a kexec from the CPU flushes a CPU's cache.

    The others are flushed as they are stopped, which those offline are not.
    """
    own, others = host.flushes_own_cpu, host.flushes_other_cpus
    wanted, marked = host.flushes_only_marked_caches, host.marked

    def flushed(c: Cpu) -> Term[bool]:
        here = ite(c == cpu, own, others & host.online(c))
        return here & implies(wanted, marked[c])

    return flushed


def start_kernel(host: Host, running: Term[Running], touched: Term[bool]) -> None:
    """What any kernel starts with, and what it inherits from the one before."""
    host.inherited_module = touched
    host.running = running
    host.tdx = Tdx.UNINITIALIZED
    host.sys_init_result = SysInitResult.NOT_CALLED
    host.lp_init_done.fill(False)
    host.kvm = Kvm.UNLOADED
    host.vmx_on.fill(False)
    host.callbacks_installed = False
    host.hkid_miscount = 0
    host.tdx_memory.fill(False)
    host.pamt_allocated = False
    host.kexec_loaded = False
    host.image = Image.BOOT
    host.known_version = Image.BOOT
    host.known_features = Image.BOOT
    host.reading = Reading.NONE
    host.stage = Stage.NONE
    host.marked.fill(False)
    host.private_dirty.fill(False)
    host.pamt_dirty.fill(False)
    host.failed_vcpu_listed = False
    host.td_page_unflushed = False
    host.disabling = False


def forget(host: Host) -> None:
    """Where kexec itself resets the module, it waits for TDH.SYS.INIT again."""
    kept = host.sys_state
    host.sys_state = ite(host.module_survives_kexec, kept, SysState.SYSINIT_PENDING)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=KEXEC_LOAD,
    sources=(
        PULL_6_8.at("Kconfig: INTEL_TDX_HOST depends on !KEXEC_CORE"),
        KEXEC_V7.at("machine_kexec_prepare()"),
        KEXEC_MUTEX.at("kexec_load()"),
    ),
)
def kexec_load(host: Host) -> None:
    """The administrator loads an image for kexec, or for a crash.

    The kernel knows of the erratum only where TDX was usable at boot, and then asks
    for no more: whether TDX was ever initialised does not matter.
    """
    settled = one_of(
        host.tdx, Tdx.UNINITIALIZED, Tdx.INITIALIZED, Tdx.ERROR, Tdx.DISABLED
    )
    by_status = host.excludes_kexec_by_status
    host.require(host.kexec)
    host.require(host.running == Running.FIRST)
    host.require(host.in_service())
    host.require(~host.kexec_loaded)
    host.require(implies(by_status, settled))
    host.require(
        ~host.excludes_kexec,
        otherwise=Refusal(Told.ENOSYS, detail="KEXEC_CORE", log=""),
    )
    host.require(
        implies(
            host.refuses_kexec_on_erratum & ~host.hidden_at_boot(),
            ~host.partial_write_erratum,
        ),
        otherwise=Refusal(
            Told.EOPNOTSUPP, log="Not allowed on platform with tdx_pw_mce bug"
        ),
    )
    host.require(
        implies(by_status, host.tdx != Tdx.INITIALIZED),
        otherwise=Refusal(Told.EOPNOTSUPP, log="Disabled: TDX is enabled"),
    )
    host.tdx = ite(by_status & (host.tdx == Tdx.UNINITIALIZED), Tdx.DISABLED, host.tdx)
    host.kexec_loaded = True


def leave(host: Host, cpu: Cpu, disabled: Term[bool]) -> None:
    """What the next kernel finds in the caches and in memory.

    TDH.SYS.DISABLE leaves private lines of its own where nothing is flushed after it.
    """
    flushed = flushed_by(host, cpu)
    dirty = host.private_dirty
    late = disabled & ~host.flushes_after_disabling
    host.stale_private_line.update(
        lambda c: (dirty[c] & ~flushed(c)) | (late & (c == cpu))
    )
    host.private_page_in_allocator = (
        host.private_memory_exists() & ~host.resets_private_memory & ~disabled
    )
    touched = host.module_touched() & ~disabled
    left = host.update_failed() & ~disabled
    next_kernel = ite(touched | late | left, Running.SECOND, Running.FIRST)
    host.assertion_failed = False
    start_kernel(host, next_kernel, touched)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=KEXEC,
    sources=(V3.at("19/21, stop_this_cpu()"), KEXEC_V7.at("2/7")),
)
def kexec(host: Host, cpu: Cpu) -> None:
    """The administrator starts another kernel by kexec, from {cpu}.

    To the new kernel all memory is ordinary: it knows nothing of the PAMT or of
    TDs. Which caches are written back on the way is the old kernel's design. A
    kernel that finds the module untouched is a first kernel again.
    """
    host.require(host.running == Running.FIRST)
    host.require(host.in_service())
    host.require(host.kexec_loaded)
    host.require(host.online(cpu))
    host.require(~host.update_failed())
    host.require(~(host.disables_module & (host.tdx == Tdx.INITIALIZED)))
    host.require(implies(host.tds_end_before_kexec, ~host.hkid_in_use()))
    leave(host, cpu, host.never())
    forget(host)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=KEXEC,
    sources=(DISABLE_V3.at("tdx_shutdown(), tdx_shutdown_cpu()"),),
)
def kexec_disabling(host: Host, cpu: Cpu) -> None:
    """The administrator starts another kernel by kexec: TDH.SYS.DISABLE on {cpu} first.

    Whatever the module answers, kexec goes on; caches are flushed afterwards. A
    kernel whose initialisation of TDX has failed makes no such call. That it is refused
    after an update that failed is kexec_after_failed_update.
    """
    host.require(host.running == Running.FIRST)
    host.require(host.in_service() | host.disabling)
    host.require(host.kexec_loaded)
    host.require(host.online(cpu))
    host.require(implies(host.tds_end_before_kexec, ~host.hkid_in_use()))
    disabled = disable_succeeds(host, cpu)
    in_use = (host.tdx == Tdx.INITIALIZED) | (host.update_failed() & disabled)
    host.require(host.disables_module & in_use)
    leave(host, cpu, disabled)
    host.call(sys_disable, cpu, host.disables_in_vmx_operation)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=KEXEC,
    sources=(DISABLE_V3.at("tdx_shutdown(), retries"),),
)
def kexec_interrupted(host: Host, cpu: Cpu) -> None:
    """The administrator starts another kernel: TDH.SYS.DISABLE on {cpu} is interrupted.

    Where the call is not made again, kexec goes on with the module as it was.
    """
    host.require(host.faults & host.module_has_disable)
    host.require(host.running == Running.FIRST)
    host.require(host.in_service())
    host.require(host.kexec_loaded)
    host.require(host.online(cpu))
    host.require(host.disables_module & (host.tdx == Tdx.INITIALIZED))
    host.require(~host.retries_disable)
    host.require(implies(host.tds_end_before_kexec, ~host.hkid_in_use()))
    leave(host, cpu, host.never())
    host.call(sys_disable_interrupted, cpu, host.never())


def leave_in_panic(host: Host, cpu: Cpu, disabled: Term[bool]) -> None:
    """What the crash kernel finds: no cache was flushed.

    The callback that ends VMX operation is read while RCU looks elsewhere. Of CPUs the
    crash kernel may have been given no other than the one that panicked.
    """
    dirty, stale, cpus = host.private_dirty, host.stale_private_line, host.cpu
    alone = host.crash_kernel_has_one_cpu
    host.cpu.update(
        lambda c: ite(
            alone & ~(c == cpu) & (cpus[c] == Presence.ONLINE),
            Presence.OFFLINE,
            cpus[c],
        )
    )
    called_back = host.initializes_at_boot & host.kvm_is_loaded()
    host.assertion_failed = called_back & ~host.silences_emergency_callback
    host.stale_private_line.update(lambda c: stale[c] | dirty[c])
    host.private_page_in_allocator = host.private_memory_exists() & ~disabled
    touched = host.module_touched() & ~disabled
    start_kernel(host, ite(host.never(), Running.FIRST, Running.CRASH), touched)


@action(actor=Actor.KERNEL, event=CRASH_KEXEC, sources=(KEXEC_V4.at("cover letter"),))
def crash_kexec(host: Host, cpu: Cpu) -> None:
    """The kernel panics on {cpu} and starts the crash kernel; nothing is flushed.

    The other CPUs are stopped by NMI, which passes by every flush. The crash
    kernel writes its dump, and from v7.1 on initialises TDX as it boots, if it can. A
    panic in an update of the module, or after one that failed, is in
    `models/failed_update.py`.
    """
    host.require(host.panics)
    host.require(host.running == Running.FIRST)
    host.require(~host.updating() & ~host.update_failed())
    host.require(host.kexec_loaded)
    host.require(host.online(cpu))
    host.require(~(host.disables_module_in_panic & (host.tdx == Tdx.INITIALIZED)))
    leave_in_panic(host, cpu, host.never())
    forget(host)


@action(
    actor=Actor.KERNEL,
    event=CRASH_KEXEC,
    sources=(DISABLE_V3.at("native_machine_crash_shutdown()"),),
)
def crash_kexec_disabling(host: Host, cpu: Cpu) -> None:
    """The kernel panics on {cpu}: TDH.SYS.DISABLE there, then the crash kernel.

    The kernel makes the call whatever has become of TDX. Where TDX is not in use
    the model leaves it out: mostly it is refused. After an initialisation that
    failed, with KVM loaded, it would disable a module that nobody uses. That it is
    refused in an update, or after one that failed, is in `models/failed_update.py`;
    a second kernel's panic is in `models/platform/next_kernel.py`.
    """
    host.require(host.panics)
    host.require(host.running == Running.FIRST)
    host.require(host.kexec_loaded)
    host.require(host.online(cpu))
    disabled = disable_succeeds(host, cpu)
    updated = host.updating() | host.update_failed()
    in_use = (host.tdx == Tdx.INITIALIZED) | (updated & disabled)
    host.require(host.disables_module_in_panic & in_use)
    leave_in_panic(host, cpu, disabled)
    host.call(sys_disable, cpu, host.disables_in_vmx_operation)


@action(
    actor=Actor.KERNEL,
    kinds={Kind.FAULT},
    sources=(
        CRASH_C.at("native_machine_crash_shutdown()"),
        DISABLE_V3.at("tdx_shutdown(), retries"),
        MODULE_1_5.at("tdh_sys_shutdown.c"),
    ),
)
def panic_hangs(host: Host, cpu: Cpu) -> None:
    """The kernel panics on {cpu}, and a TD runs elsewhere: TDH.SYS.DISABLE is busy.

    It is made again without bound, and KVM, which nobody has stopped, enters the TD
    again, too. That an LP on which a TD runs keeps the module busy is taken from
    TDH.SYS.SHUTDOWN; whether TDH.SYS.DISABLE looks for one was not established. If it
    does not, the TD runs on memory that is no longer its own.
    """
    elsewhere = exists(Cpu, lambda c: host.vcpu_on[c] & host.online(c) & ~(c == cpu))
    host.require(host.panics & host.disables_module_in_panic)
    host.require(host.retries_disable & ~host.stops_cpus_before_disabling)
    host.require((host.running == Running.FIRST) & (host.tdx == Tdx.INITIALIZED))
    host.require(host.kexec_loaded & host.module_has_disable & ~host.disabling)
    host.require(host.online(cpu) & elsewhere)
    seamcall(host, sys_disable_interrupted, cpu, YES)
    host.running = Running.HUNG


@action(
    actor=Actor.KERNEL,
    kinds={Kind.HARDWARE},
    sources=(BASE_SPEC.at("ch. 16.2"), KEXEC_V4.at("partial write erratum")),
)
def partial_write(host: Host) -> None:
    """The kernel that runs writes part of a line that is still private: poison."""
    first = host.running == Running.FIRST
    host.require(host.partial_write_erratum)
    host.require(first | host.next_kernel_owns_memory())
    host.require(host.private_page_in_allocator)
    host.require(~host.poisoned)
    host.poisoned = True

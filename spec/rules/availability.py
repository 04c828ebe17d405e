"""Rules against too much caution: what must not be refused, lost or crashed."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Event,
    Severity,
    Step,
    Term,
    all_of,
    any_of,
    exists,
    forall,
    implies,
    invariant,
    ite,
    one_of,
    step_rule,
)
from tdxcheck.spec.events import (
    BOOT_SCAN,
    CPU_HOT_ADD,
    CPU_OFFLINE,
    CPU_ONLINE,
    DEVICE_AS_MEMORY,
    KVM_LOAD,
    MEMORY_HOT_ADD,
    MEMORY_ONLINE,
)
from tdxcheck.spec.host import Host, Kvm, Running, SysInitResult, Tdx
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.module import Status
from tdxcheck.spec.sources import (
    ASM_TDX,
    BRING_UP_FIX,
    CXL_2024,
    DH_0624,
    ISSUES,
    K6_16,
    KH_0503,
    KVM_6_19,
    L6_8,
    MODULE_1_5,
    PREEMPTION,
    PULL_6_8,
    SEED,
    V3,
    V5,
    V7,
    VMXON_V2,
    VMXON_V3,
)


@invariant(severity=Severity.SERVICE, sources=(KH_0503.at("on remove and re-add"),))
def convertible_memory_may_return(host: Host) -> Term[bool]:
    """Memory of a CMR that was taken away may be added again.

    Memory that TDX could use, and that the machine had when it booted, is refused for
    TDX's sake: whoever took it away for service, or gave it to a driver, has lost it
    until the machine is rebooted.

    Where TDX is initialised with TDMRs that leave it out, it is rightly refused: TDX
    cannot use it any more.
    """
    return forall(
        Block,
        lambda block: implies(
            host.convertible(block)
            & implies(host.tdx == Tdx.INITIALIZED, host.in_tdmr[block])
            & ~host.impossible(MEMORY_HOT_ADD, block),
            ~host.refuses(MEMORY_HOT_ADD, block),
        ),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(V5.at("02/22, reply of Rafael Wysocki 2022-06-22"),),
)
def boot_devices_are_not_refused(host: Host) -> Term[bool]:
    """What firmware lists at boot is accepted: it was not hot-added."""
    return forall(
        Cpu,
        lambda cpu: implies(
            ~host.impossible(BOOT_SCAN, cpu), ~host.refuses(BOOT_SCAN, cpu)
        ),
    )


@invariant(severity=Severity.MACHINE, sources=(DH_0624.at("no BUG()"),))
def no_event_crashes_the_kernel(host: Host) -> Term[bool]:
    """Nothing that firmware or an administrator does makes the kernel crash."""
    return host.running != Running.NONE


def failing(host: Host) -> Term[bool]:
    """The initialisation of TDX has failed, for good."""
    return one_of(host.tdx, Tdx.UNDOING, Tdx.STOPPING, Tdx.ERROR) | (
        host.sys_init_result == SysInitResult.FAILED
    )


def _shortage(before: Host, step: Step) -> Term[bool]:
    """A call met a shortage of entropy, which module 1.0 tells as TDX_SYS_BUSY."""
    busy = step.answers(Status.TDX_SYS_BUSY) & before.entropy_shortage_is_busy
    return step.answers(Status.TDX_RND_NO_ENTROPY) | busy


@step_rule(severity=Severity.SERVICE, sources=(PULL_6_8.at("no entropy error"),))
def a_shortage_of_entropy_is_not_final(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """That RDRAND or RDSEED had nothing to give for a moment does not end TDX for good.

    TDX_RND_NO_ENTROPY says that the same call may succeed a moment later.
    """
    short = _shortage(before, step) & before.shortages_pass
    return implies(short & ~failing(before), ~failing(after))


@step_rule(severity=Severity.SERVICE, sources=(ASM_TDX.at("sc_retry()"),))
def a_long_shortage_of_entropy_is_not_final(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """Nor does a shortage that lasts: what was missing once may be there later.

    A kernel that makes its calls again makes ten of them in a row, without a pause.
    """
    short = _shortage(before, step) & ~before.shortages_pass
    return implies(short & ~failing(before), ~failing(after))


@step_rule(
    severity=Severity.SERVICE,
    sources=(MODULE_1_5.at("tdh_sys_key_config.c"), L6_8.at("config_global_keyid()")),
)
def a_busy_key_table_is_not_final(before: Host, step: Step, after: Host) -> Term[bool]:
    """That PCONFIG found no entropy or a busy table does not end TDX until reboot.

    TDX_KEY_GENERATION_FAILED and TDX_OPERAND_BUSY leave the package as it was: the
    same call may succeed a moment later.
    """
    busy = step.answers(Status.TDX_KEY_GENERATION_FAILED) | step.answers(
        Status.TDX_OPERAND_BUSY
    )
    return implies(busy & ~failing(before), ~failing(after))


@step_rule(severity=Severity.SERVICE, sources=(ISSUES.at("25"),))
def tsx_control_is_not_final(before: Host, step: Step, after: Host) -> Term[bool]:
    """That TSX_CTRL is not zero on a CPU does not end TDX until reboot.

    The module answers TDX_INCORRECT_MSR_VALUE or TDX_INCONSISTENT_MSR with 0x122, and
    keeps its state: once the register is cleared the same call may succeed.
    """
    otherwise = step.answers(Status.TDX_INCORRECT_MSR_VALUE) | step.answers(
        Status.TDX_INCONSISTENT_MSR
    )
    return implies(otherwise & ~failing(before), ~failing(after))


@step_rule(severity=Severity.SERVICE, sources=(ISSUES.at("83, 331"),))
def an_older_module_is_not_final(before: Host, step: Step, after: Host) -> Term[bool]:
    """That a module is older than the kernel expects does not end TDX until reboot.

    TDX_SYS_NOT_READY for a leaf that module 1.0 does not know comes before anything
    is configured: nothing is lost that a newer module could not still give.
    """
    unknown = step.answers(Status.TDX_SYS_NOT_READY) & ~before.module_configured()
    return implies(unknown & ~failing(before), ~failing(after))


@step_rule(
    severity=Severity.SERVICE,
    sources=(L6_8.at("try_init_module_global()"), K6_16.at("tdx_bringup()")),
)
def only_answers_are_remembered(before: Host, step: Step, after: Host) -> Term[bool]:
    """What is remembered of TDH.SYS.INIT for good is an answer of the module's own.

    On a CPU without VMX operation the instruction is #UD: nobody was asked, and the
    module may be as willing as before.
    """
    kept = (before.sys_init_result == SysInitResult.NOT_CALLED) & (
        after.sys_init_result == SysInitResult.FAILED
    )
    return implies(kept, ~step.answers(Status.UD))


@invariant(
    severity=Severity.SERVICE,
    sources=(VMXON_V2.at("3/7, reply of Chao Gao 2025-12-09"),),
)
def kvm_loads_without_tdx(host: Host) -> Term[bool]:
    """Where TDX is not to be had KVM loads all the same, for ordinary guests."""
    return implies(~host.impossible(KVM_LOAD), ~host.refuses(KVM_LOAD))


@step_rule(
    severity=Severity.SERVICE,
    sources=(VMXON_V3.at("16/16, tdx_hardware_setup(), tdx_get_sysinfo()"),),
)
def kvm_finds_tdx_where_it_is(before: Host, step: Step, after: Host) -> Term[bool]:
    """KVM that loads has TDX if the core kernel has initialised it, and only then.

    Otherwise TDX lies idle until KVM is loaded again; or KVM offers what each call is
    refused for, as after an update that has failed.
    """
    loads = step.is_(KVM_LOAD) & before.initializes_at_boot
    offered, there = after.kvm == Kvm.LOADED, before.tdx == Tdx.INITIALIZED
    both = implies(offered, there) & implies(there, offered)
    return implies(loads & (before.running == Running.FIRST), both)


@invariant(
    severity=Severity.SERVICE,
    sources=(
        L6_8.at("tdx_init()"),
        K6_16.at("tdx_bringup(), success_disable_tdx"),
        VMXON_V3.at("tdx_enable()"),
    ),
)
def tdx_is_not_declined_needlessly(host: Host) -> Term[bool]:
    """Who does without TDX, the core kernel or KVM, was kept from it by something.

    The machine may hibernate, lacks a KeyID, the notifier or what the processor must
    have, or there is no module: each is told in the log. Or KVM was told to.
    """
    core, kvm = host.tdx == Tdx.DISABLED, host.kvm == Kvm.WITHOUT_TDX
    declined = ite(host.initializes_at_boot, core, kvm)
    kept = any_of(
        host.hidden_at_boot(),
        ~host.processor_serves(),
        ~host.kvm_is_asked_for_tdx(),
        ~host.seam_ready,
    )
    return implies((host.running == Running.FIRST) & declined, kept)


@invariant(severity=Severity.MACHINE, sources=(KVM_6_19.at("vCPU list"),))
def no_list_holds_a_failed_vcpu(host: Host) -> Term[bool]:
    """No CPU's list of vCPUs holds one that does not exist.

    Its memory has been freed: the list is walked when the CPU goes offline.
    """
    return ~host.failed_vcpu_listed


@invariant(severity=Severity.SERVICE, sources=(PREEMPTION.at("whole patch"),))
def no_assertion_fails(host: Host) -> Term[bool]:
    """Code runs only where it asserts that it does: the log has no splat of TDX's.

    A splat taints the kernel, and ends one that is told to panic on a warning.

    Callbacks of CPU hotplug, by which KVM is unloaded and CPUs go offline, run in
    threads that can be preempted, each bound to its CPU.
    """
    return ~host.assertion_failed


@invariant(
    severity=Severity.GUEST,
    sources=(K6_16.at("tdx_mmu_release_hkid()"), MODULE_1_5.at("tdh_mng_key_freeid.c")),
)
def no_hkid_is_leaked(host: Host) -> Term[bool]:
    """The end of a TD gives its KeyID back.

    Without a CPU online in each package that holds the key, or with a vCPU still
    associated with a CPU that is offline, the module refuses to free it. KeyIDs
    of a module that is dead or lost are nobody's any more.
    """
    return implies(host.seam_ready & host.hkid_in_use(), ~host.hkid_leaked)


@invariant(
    severity=Severity.SERVICE,
    sources=(K6_16.at("nr_configured_hkid"), VMXON_V2.at("6/7")),
)
def cpu_offline_is_refused_for_a_td_only(host: Host) -> Term[bool]:
    """With no TD, only the very last CPU of the machine cannot go offline."""
    return forall(
        Cpu,
        lambda cpu: implies(
            ~host.hkid_in_use()
            & host.another_cpu_online(cpu)
            & ~host.impossible(CPU_OFFLINE, cpu),
            ~host.refuses(CPU_OFFLINE, cpu),
        ),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(V3.at("00/21, CPU hotplug"), K6_16.at("tdx_online_cpu()")),
)
def a_cpu_may_come_back(host: Host) -> Term[bool]:
    """While TDX is in use, a CPU that was initialised and went offline may return.

    To the module it never went: a second TDH.SYS.LP.INIT is refused, and no error.
    """
    return forall(
        Cpu,
        lambda cpu: implies(
            host.tdx_in_use() & host.lp_initialized[cpu],
            ~host.refuses(CPU_ONLINE, cpu),
        ),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(BRING_UP_FIX.at("whole patch"), K6_16.at("__tdx_bringup()")),
)
def somebody_watches_the_cpus(host: Host) -> Term[bool]:
    """While TDX is offered, the kernel is asked before a CPU comes or goes."""
    return implies(host.tdx_in_use(), host.callbacks_installed)


@invariant(
    severity=Severity.SERVICE,
    sources=(VMXON_V3.at("x86_virt_get_ref()"), K6_16.at("tdx_bringup()")),
)
def vmx_operation_ends_with_its_last_user(host: Host) -> Term[bool]:
    """No CPU stays in VMX operation when nobody uses it any more.

    Whoever asks for it next is refused it: -EBUSY where CR4.VMXE is set. In VMX
    operation a CPU hears of no INIT.
    """
    on = exists(Cpu, lambda cpu: host.vmx_on[cpu])
    left = (host.running == Running.FIRST) & ~host.virtualization_has_a_user()
    return implies(left, ~on)


@invariant(
    severity=Severity.SERVICE,
    sources=(K6_16.at("__tdx_bringup()"), VMXON_V3.at("tdx_enable()")),
)
def no_callback_outlives_its_user(host: Host) -> Term[bool]:
    """Nobody is asked before a CPU comes or goes on behalf of one who is not there.

    A callback of KVM's that is left behind is code that has been unloaded. One of the
    core kernel's makes SEAMCALLs, and refuses CPUs, for a TDX that will never be.
    """
    left = (host.running == Running.FIRST) & ~host.virtualization_has_a_user()
    return implies(left, ~host.callbacks_installed)


@invariant(severity=Severity.SERVICE, sources=(L6_8.at("init_tdx_module()"),))
def hotplug_opens_after_failure(host: Host) -> Term[bool]:
    """Once TDX has failed for good, no memory is refused because of it."""
    return implies(
        host.given_up(),
        forall(
            Block,
            lambda block: (
                ~host.refuses(MEMORY_HOT_ADD, block)
                & ~host.refuses(MEMORY_ONLINE, block)
            ),
        ),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(CXL_2024.at("on -EPERM alone"), SEED.at("controlled incompatibility")),
)
def refused_memory_is_explained(host: Host) -> Term[bool]:
    """Memory that is refused because of TDX is refused with a line in the log.

    A number such as -EPERM, told to whoever writes to sysfs, names neither TDX nor
    a way out. What is refused in the midst of an initialisation is not asked about.
    """
    return forall(
        Block,
        lambda block: all_of(
            *(
                implies(
                    ~host.initializing() & host.refuses(event, block),
                    host.refuses_with_reason(event, block),
                )
                for event in (MEMORY_HOT_ADD, DEVICE_AS_MEMORY, MEMORY_ONLINE)
            )
        ),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(L6_8.at("tdx_cpu_enable()"), SEED.at("controlled incompatibility")),
)
def refused_cpus_are_explained(host: Host) -> Term[bool]:
    """A CPU that may not come or go because of TDX is refused with a line in the log.

    Whoever writes to its sysfs file is told a number, which names neither TDX nor a
    way out. The very last CPU of the machine stays whatever becomes of TDX.
    """

    def explained(event: Event, cpu: Cpu) -> Term[bool]:
        refused = ~host.initializing() & host.refuses(event, cpu)
        return implies(refused, host.refuses_with_reason(event, cpu))

    return forall(
        Cpu,
        lambda cpu: all_of(
            explained(CPU_HOT_ADD, cpu),
            explained(CPU_ONLINE, cpu),
            implies(host.another_cpu_online(cpu), explained(CPU_OFFLINE, cpu)),
        ),
    )


@invariant(severity=Severity.SERVICE, sources=(V7.at("10/20, init_tdx_module()"),))
def memory_hotplug_lock_is_balanced(host: Host) -> Term[bool]:
    """Once an initialisation has ended, memory hotplug's lock is as it was before.

    A reader who lets go of what he never took leaves the count below zero, and who
    adds memory next waits for it to become zero.
    """
    return implies(~host.initializing(), host.memory_lock_miscount == 0)


AVAILABILITY = (
    convertible_memory_may_return,
    boot_devices_are_not_refused,
    no_event_crashes_the_kernel,
    a_shortage_of_entropy_is_not_final,
    a_long_shortage_of_entropy_is_not_final,
    a_busy_key_table_is_not_final,
    tsx_control_is_not_final,
    an_older_module_is_not_final,
    only_answers_are_remembered,
    kvm_loads_without_tdx,
    kvm_finds_tdx_where_it_is,
    tdx_is_not_declined_needlessly,
    no_list_holds_a_failed_vcpu,
    no_assertion_fails,
    no_hkid_is_leaked,
    cpu_offline_is_refused_for_a_td_only,
    a_cpu_may_come_back,
    somebody_watches_the_cpus,
    vmx_operation_ends_with_its_last_user,
    no_callback_outlives_its_user,
    hotplug_opens_after_failure,
    refused_memory_is_explained,
    refused_cpus_are_explained,
    memory_hotplug_lock_is_balanced,
)

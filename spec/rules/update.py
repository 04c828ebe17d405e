"""Rules of a module that is replaced while TDs exist."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Severity,
    Step,
    Term,
    any_of,
    exists,
    forall,
    implies,
    invariant,
    leads_to,
    one_of,
    reachable,
    step_rule,
)
from tdxcheck.spec.events import CPU_ONLINE, CRASH_KEXEC, MODULE_UPDATE
from tdxcheck.spec.fairness import stopped_cpus_go_on
from tdxcheck.spec.host import Host, Presence, Running, SysInitResult, Tdx
from tdxcheck.spec.machine import Cpu, Hkid
from tdxcheck.spec.module import Handoff, HkidState, Status, SysState
from tdxcheck.spec.sources import (
    BINARIES,
    CPU_SPEC,
    DISABLE_V3,
    L7_2,
    LOADER_1_5,
    MODULE_1_5,
    SEAMLDR_7_2,
    TDX_HOST,
    UPDATE_V10,
)
from tdxcheck.spec.steps import asks_in_vain, panics_in_update
from tdxcheck.spec.update import Build, Image, Reading


@step_rule(
    severity=Severity.GUEST,
    sources=(UPDATE_V10.at("15/25"), LOADER_1_5.at("seamldr_install.c")),
)
def install_follows_shutdown(before: Host, step: Step, after: Host) -> Term[bool]:
    """No image is installed unless the module before it was shut down.

    Only TDH.SYS.SHUTDOWN leaves the handoff data that keep TDs alive, and the
    first call of SEAMLDR.INSTALL makes the module unreachable.
    """
    return implies(step.is_(Kind.LOADER), before.sys_state == SysState.SYS_SHUTDOWN)


@step_rule(
    severity=Severity.GUEST,
    sources=(LOADER_1_5.at("seamldr_install.c"), SEAMLDR_7_2.at("ack_state()")),
)
def every_lp_can_join_a_session(before: Host, step: Step, after: Host) -> Term[bool]:
    """No installation is begun unless every LP that MCHECK counted is online.

    The loader waits for all of them, with no module to call meanwhile. Once it has
    them, TDH.SYS.UPDATE still wants each of them initialised.
    """
    return implies(
        step.is_(Kind.LOADER),
        forall(Cpu, lambda cpu: implies(before.counted[cpu], before.online(cpu))),
    )


@step_rule(
    severity=Severity.GUEST,
    sources=(
        SEAMLDR_7_2.at("do_seamldr_install_module(), seamldr_install()"),
        LOADER_1_5.at("seamldr_install.c"),
    ),
)
def an_update_calls_what_is_there(before: Host, step: Step, after: Host) -> Term[bool]:
    """In an update no SEAMCALL finds the module shut down or gone, nor another call.

    The old module answers nothing once it is shut down; there is none to be called
    while it is replaced; and the P-SEAMLDR serves one CPU at a time, and each once.
    That a CPU is offline which an installation waits for is another rule's matter; and
    a panic or a machine check asks in vain without harm.
    """
    complete = forall(Cpu, lambda c: implies(before.counted[c], before.online(c)))
    in_vain = any_of(
        step.answers(Status.TDX_SYS_SHUTDOWN),
        step.answers(Status.VMFAIL_INVALID),
        step.answers(Status.SEAMLDR_EBADCALL),
    )
    excepted = panics_in_update(before, step) | asks_in_vain(step)
    return implies(before.updating() & complete & ~excepted, ~in_vain)


@step_rule(
    severity=Severity.GUEST,
    sources=(
        L7_2.at("tdx_module_shutdown()"),
        LOADER_1_5.at("seamldr_install.c"),
        MODULE_1_5.at("tdh_sys_update.c"),
    ),
)
def what_is_handed_over_is_read(before: Host, step: Step, after: Host) -> Term[bool]:
    """In an update neither the P-SEAMLDR nor the new module refuses what the old left.

    Either is asked when the old module is shut down already, and with it all TDs. It
    leaves something only when it is shut down, and in the version that it is told.
    """
    unread = step.answers(Status.SEAMLDR_EBADHANDOFF) | step.answers(
        Status.TDX_SYS_INVALID_HANDOFF
    )
    return implies(before.updating(), ~unread)


@invariant(
    severity=Severity.GUEST,
    sources=(SEAMLDR_7_2.at("init_seamldr_params()"),),
)
def only_good_files_are_installed(host: Host) -> Term[bool]:
    """No module is shut down for a file that its header shows to be no module."""
    return implies(host.updating() | host.update_failed(), host.update_file_is_good)


@step_rule(
    severity=Severity.MACHINE,
    sources=(CPU_SPEC.at("SEAMRET, IA32_VMX_BASIC"), SEAMLDR_7_2.at("seamldr_call()")),
)
def no_current_vmcs_is_cleared(before: Host, step: Step, after: Host) -> Term[bool]:
    """With KVM loaded, no P-SEAMLDR call is made where it clears the current VMCS.

    KVM goes on with the VMCS that it believes to be current: any virtual machine
    on that CPU may break.
    """
    return implies(
        step.is_(Kind.LOADER) & before.kvm_is_loaded(),
        ~before.seamret_clears_vmcs,
    )


@step_rule(
    severity=Severity.GUEST,
    sources=(
        SEAMLDR_7_2.at("do_seamldr_install_module()"),
        MODULE_1_5.at("tdh_sys_shutdown.c"),
    ),
)
def a_refused_update_changes_nothing(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """An update that ends before anything is installed leaves all as it was.

    The old module runs, every flag of the kernel stands, and so do all TDs.
    """
    refused = step.is_(MODULE_UPDATE) & (after.tdx == Tdx.INITIALIZED)
    same_flags = forall(
        Cpu, lambda cpu: before.lp_init_done[cpu] == after.lp_init_done[cpu]
    )
    return implies(
        refused,
        after.seam_ready
        & (after.sys_state == SysState.SYS_READY)
        & (after.sys_init_result == before.sys_init_result)
        & (after.td == before.td)
        & (after.image == before.image)
        & same_flags,
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(UPDATE_V10.at("17/25"), L7_2.at("tdx_module_shutdown()")),
)
def flags_match_the_new_module(host: Host) -> Term[bool]:
    """After an update the kernel takes no CPU for initialised that is not.

    The new module has seen no TDH.SYS.LP.INIT. The kernel would make none on such a
    CPU, and TDH.SYS.UPDATE wants it of every LP: the update fails, all TDs are lost.

    The same holds after an update that has failed with a new module installed.
    """
    return implies(
        (host.running == Running.FIRST)
        & (host.image == Image.NEW)
        & (host.updated() | host.update_failed()),
        forall(
            Cpu, lambda cpu: implies(host.lp_init_done[cpu], host.lp_initialized[cpu])
        ),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(L7_2.at("tdx_module_run_update()"), UPDATE_V10.at("20/25, 21/25")),
)
def an_update_ends_with_a_working_module(host: Host) -> Term[bool]:
    """After an update that ended well the module is ready, and known by its version.

    Every TD goes on by calls that the module would refuse otherwise; and by the version
    management software decides what to install next.

    TDH.SYS.INIT is what the kernel remembers of this module, and not of the one before.
    """
    return implies(
        (host.running == Running.FIRST) & host.updated(),
        host.seam_ready
        & (host.sys_state == SysState.SYS_READY)
        & (host.sys_init_result == SysInitResult.SUCCEEDED)
        & (host.known_version == host.image),
    )


@invariant(
    severity=Severity.GUEST,
    sources=(MODULE_1_5.at("tdh_sys_update.c"), LOADER_1_5.at("seamldr_install.c")),
)
def tds_keep_what_they_need(host: Host) -> Term[bool]:
    """After an update that ended well TDs have their KeyIDs, their keys and TDMRs.

    The new module knows again which KeyID is its own, which packages have its key,
    and that all of the PAMT is initialised. Nobody programs a key twice.
    """
    own = exists(
        Hkid,
        lambda hkid: host.global_hkid[hkid] & (host.kot[hkid] == HkidState.RESERVED),
    )
    return implies(
        (host.running == Running.FIRST) & host.updated(),
        own & host.module_keyed() & host.every_tdmr_complete(),
    )


@invariant(
    severity=Severity.GUEST,
    sources=(UPDATE_V10.at("cover letter"), LOADER_1_5.at("seamldr_install.c")),
)
def no_update_loses_a_td(host: Host) -> Term[bool]:
    """No update ends with TDs that no module knows of.

    Once the old module is shut down an update has to succeed: the loader may give
    the old image back, but nothing takes it out of SYS_SHUTDOWN.
    """
    return implies(host.update_failed(), ~host.hkid_in_use())


@invariant(
    severity=Severity.GUEST,
    sources=(BINARIES.at("README"), UPDATE_V10.at("22/25")),
)
def no_measurement_is_corrupted(host: Host) -> Term[bool]:
    """No update corrupts the measurement of a TD that is being built.

    Modules up to 1.5.16 and 2.0.08 may do so where the update falls between
    TDH.MEM.PAGE.ADD and TDH.MR.FINALIZE. No owner trusts a TD with a measurement
    other than the one that he expects.
    """
    return implies(
        (host.image == Image.NEW) & (host.td_build != Build.NONE),
        host.td_build != Build.CORRUPTED,
    )


@invariant(severity=Severity.GUEST, sources=(UPDATE_V10.at("21/25"),))
def only_features_set_up_are_used(host: Host) -> Term[bool]:
    """After an update the kernel goes by the features that it set TDX up for.

    A newer module may have features and limits that nothing has been prepared for;
    KVM would use them for the next TD.
    """
    return implies(
        host.updated() & host.tdx_in_use(), host.known_features == Image.BOOT
    )


@invariant(severity=Severity.SERVICE, sources=(TDX_HOST.at("version_show()"),))
def no_version_is_torn(host: Host) -> Term[bool]:
    """Whoever reads the module's version reads no mixture of two.

    It is several numbers, and management software decides by them what to install.
    """
    return implies(host.reading != Reading.NONE, host.reading != Reading.TORN)


@step_rule(
    severity=Severity.SERVICE,
    sources=(L7_2.at("tdx_online_cpu(), tdx_cpu_enable()"),),
)
def no_seamcall_after_a_failed_update(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """After a failed update the kernel makes no SEAMCALL.

    It has given TDX up until reboot; the module is gone, in SYS_SHUTDOWN, or new
    and not set up.
    """
    return implies(before.update_failed(), ~step.is_(Kind.SEAMCALL))


@invariant(
    severity=Severity.SERVICE,
    sources=(L7_2.at("tdx_online_cpu(), tdx_cpu_enable()"),),
)
def cpus_come_online_after_a_failed_update(host: Host) -> Term[bool]:
    """After a failed update a CPU that firmware verified can still come online.

    The machine goes on without TDX, and has a use for its CPUs.
    """
    return forall(
        Cpu,
        lambda cpu: implies(
            host.update_failed()
            & host.counted[cpu]
            & (host.cpu[cpu] == Presence.OFFLINE),
            ~host.refuses(CPU_ONLINE, cpu),
        ),
    )


@invariant(
    severity=Severity.GUEST,
    sources=(LOADER_1_5.at("seamldr_install.c"), UPDATE_V10.at("cover letter")),
)
def a_failed_update_can_be_made_again(host: Host) -> Term[bool]:
    """An update that failed can be made again, as long as TDs can be saved by it.

    What the old module has left for the next one is there until an image takes it. With
    another image, or once more with the same, the P-SEAMLDR goes through, and so
    does TDH.SYS.UPDATE. A kernel that refuses has given up TDs that were not lost.
    """
    return implies(
        host.update_failed()
        & (host.handoff == Handoff.VALID)
        & host.hkid_in_use()
        & ~host.hkid_leaked
        & ~host.impossible(MODULE_UPDATE),
        ~host.refuses(MODULE_UPDATE),
    )


@reachable(severity=Severity.MODEL, sources=(UPDATE_V10.at("cover letter"),))
def an_update_can_succeed(host: Host) -> Term[bool]:
    """The module can be updated while a TD exists."""
    return host.updated() & host.tdx_in_use() & host.hkid_in_use()


@leads_to(
    fair=(stopped_cpus_go_on,),
    severity=Severity.SERVICE,
    sources=(SEAMLDR_7_2.at("ack_state()"),),
)
def an_update_ends(host: Host) -> tuple[Term[bool], Term[bool]]:
    """An update ends: in use again, given up or in a panic; no CPU waits for ever."""
    ended = one_of(host.tdx, Tdx.INITIALIZED, Tdx.UPDATE_FAILED)
    return host.updating(), ended | (host.running == Running.CRASH)


@invariant(
    severity=Severity.SERVICE,
    sources=(DISABLE_V3.at("native_machine_crash_shutdown()"),),
)
def a_panic_in_an_update_is_dumped(host: Host) -> Term[bool]:
    """However far an update has come, a panic on any CPU starts the crash kernel.

    What the kernel does on the way waits for no CPU that is stopped, and for no answer
    of a module that is shut down, being replaced, or not set up.
    """
    return forall(
        Cpu,
        lambda cpu: implies(
            host.updating() & host.panics & host.kexec_loaded & host.online(cpu),
            ~host.impossible(CRASH_KEXEC, cpu),
        ),
    )


@step_rule(severity=Severity.SERVICE, sources=(LOADER_1_5.at("seamldr_install.c"),))
def a_session_ends_with_its_update(before: Host, step: Step, after: Host) -> Term[bool]:
    """An update that ends, well or not, has ended the session of SEAMLDR.INSTALL.

    Until then no module can be entered, not even the old one after an image that was
    refused, and each LP that has called is refused a call for another session.

    That an LP is offline for which the session waits is another rule's matter, and so
    is a panic.
    """
    complete = forall(Cpu, lambda c: implies(before.counted[c], before.online(c)))
    ended = before.updating() & ~after.updating() & (after.running == Running.FIRST)
    return implies(ended & complete, forall(Cpu, lambda c: ~after.in_session[c]))


@invariant(severity=Severity.SERVICE, sources=(LOADER_1_5.at("seamldr_install.c"),))
def no_session_outlives_its_kernel(host: Host) -> Term[bool]:
    """No other kernel is started while a session of SEAMLDR.INSTALL is open.

    Only the calls of the LPs that are missing end it, each of which must come from one
    that has not called. Until then no module can be entered: a kernel that finds TDX in
    its CPUs is told that no module is loaded, and has no means to load one.
    """
    another = one_of(host.running, Running.SECOND, Running.CRASH)
    return implies(exists(Cpu, lambda cpu: host.in_session[cpu]), ~another)


@invariant(
    severity=Severity.PRECAUTION,
    sources=(TDX_HOST.at("version_show()"),),
)
def no_version_is_read_of_no_module(host: Host) -> Term[bool]:
    """Whoever reads the module's version is told one only while there is a module.

    After an update that failed it would be the version of one that is gone: -ENXIO
    says so.
    """
    return implies(host.reading != Reading.NONE, ~host.update_failed())


UPDATE = (
    install_follows_shutdown,
    every_lp_can_join_a_session,
    an_update_calls_what_is_there,
    what_is_handed_over_is_read,
    only_good_files_are_installed,
    no_current_vmcs_is_cleared,
    a_refused_update_changes_nothing,
    flags_match_the_new_module,
    an_update_ends_with_a_working_module,
    tds_keep_what_they_need,
    no_update_loses_a_td,
    no_measurement_is_corrupted,
    only_features_set_up_are_used,
    no_version_is_torn,
    no_version_is_read_of_no_module,
    no_seamcall_after_a_failed_update,
    cpus_come_online_after_a_failed_update,
    a_failed_update_can_be_made_again,
    an_update_can_succeed,
    an_update_ends,
    a_panic_in_an_update_is_dumped,
    a_session_ends_with_its_update,
    no_session_outlives_its_kernel,
)

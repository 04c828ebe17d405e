"""The kernel's runtime update of the TDX module, with every CPU stopped.

The CPUs go through the stages of the update in lock-step, led by CPU 0, which
Linux never takes offline. While the machine is stopped nothing else happens:
`Tdx.UPDATING` is no state in which a host is in service.

In the stages of the lead the others have nothing to do but acknowledge, so its
step is the whole stage. Where each has a part, the last to do it moves all on. An
error ends the stage at once: who has not done his part by then may still do it, but
so he may just before the error.

Source: Linux v7.2, seamldr.c, do_seamldr_install_module().
"""

from __future__ import annotations

from collections.abc import Callable

from tdxcheck.checker.language import (
    Kind,
    Refusal,
    Term,
    action,
    all_of,
    forall,
    implies,
    ite,
)
from tdxcheck.models.failed_update import AFTER_FAILURE, INIT, LEAD
from tdxcheck.models.initialization import remembered
from tdxcheck.models.kvm import seamcall
from tdxcheck.models.module.dispatch import YES
from tdxcheck.models.module.initialization import sys_init, sys_lp_init
from tdxcheck.models.module.update import OLDEST, sys_shutdown, sys_update
from tdxcheck.models.seamldr import (
    INSTALL_REFUSED,
    seamldr_install,
    seamldr_install_breaks,
    seamldr_install_completes,
)
from tdxcheck.models.td import mem_page_add, mr_finalize
from tdxcheck.spec.events import MODULE_UPDATE
from tdxcheck.spec.host import (
    Actor,
    Host,
    Running,
    SysInitResult,
    Td,
    Tdx,
    Told,
)
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Sample, Status
from tdxcheck.spec.sources import K6_16, L7_2, SEAMLDR_7_2, TDX_HOST
from tdxcheck.spec.update import Build, Reading, Stage

MACHINE = SEAMLDR_7_2.at("do_seamldr_install_module(), ack_state()")
INSTALL = (MACHINE, SEAMLDR_7_2.at("seamldr_install()"))
RUN = (MACHINE, L7_2.at("tdx_module_run_update()"))
VERSION = (TDX_HOST.at("version_show()"),)


def at(host: Host, cpu: Cpu, stage: Stage) -> None:
    """The CPU is one of those that are stopped for this stage."""
    host.require(host.updating())
    host.require(host.stage == stage)
    host.require(host.online(cpu))


def go_on(host: Host, failed: Term[bool], then: Term[Stage]) -> None:
    """The next stage; or TDX is given up until reboot."""
    stops = failed & host.stops_update_on_failure
    host.tdx = ite(stops, Tdx.UPDATE_FAILED, Tdx.UPDATING)
    host.stage = ite(stops, Stage.NONE, then)


def installed(host: Host) -> Term[Stage]:
    """The stage after CPU_INSTALL: a CPU that counts as initialised makes no call."""
    done = host.every_online_cpu_initialized()
    return ite(done, Stage.RUN_UPDATE, Stage.CPU_INIT)


def others(host: Host, cpu: Cpu, done: Callable[[Cpu], Term[bool]]) -> Term[bool]:
    """Every other online CPU has done its part."""
    return forall(Cpu, lambda c: implies(host.online(c) & ~(c == cpu), done(c)))


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=MODULE_UPDATE,
    sources=(
        TDX_HOST.at("tdx_fw_write(), supports_runtime_update()"),
        SEAMLDR_7_2.at("seamldr_install_module(), do_seamldr_install_module()"),
        L7_2.at("tdx_module_shutdown()"),
    ),
)
def update_begins(host: Host, cpu: Cpu, accepted: Term[bool]) -> None:
    """The administrator updates the module: all CPUs stop, TDH.SYS.SHUTDOWN on {cpu}.

    CPU hotplug is locked out, and who reads the version, or holds a spinlock, cannot be
    preempted. If the module refuses, or its handoff version cannot be read, everything
    is as before. Why it could not is unknown; without it the kernel would give 0, which
    the next image need not know. Where TDs would not survive an update there is no file
    to write to. Updates by a kernel that kexec started are left out.
    """
    host.require(host.runtime_update)
    host.require(host.running == Running.FIRST)
    host.require(host.in_service())
    host.require(host.tdx == Tdx.INITIALIZED)
    host.require(host.online(cpu) & (cpu == LEAD))
    host.require(implies(host.offers_update_only_if_tds_survive, host.preserves_tds))
    host.require(
        implies(host.refuses_seamldr_on_vmcs_erratum, ~host.seamret_clears_vmcs),
        otherwise=Refusal(Told.EINVAL),
    )
    host.require(
        implies(host.checks_update_file, host.update_file_is_good),
        otherwise=Refusal(Told.EINVAL),
    )
    host.require(
        implies(host.reads_handoff_version, host.handoff_version_is_told),
        otherwise=Refusal(
            Told.EINVAL, log="SEAMCALL (0x0000000000000022) failed: 0x[status]"
        ),
    )
    host.require(implies(host.locks_version_reads, host.reading == Reading.NONE))
    host.require(implies(host.locks_pamt, host.pamt_at_rest()))
    host.require(host.faults | accepted)
    building = host.td_build == Build.GOING_ON
    compatible = ~(host.avoids_compat_sensitive_update & building)
    before, done = host.sys_init_result, host.lp_init_done
    answer = seamcall(host, sys_shutdown, cpu, OLDEST, accepted, YES, YES, compatible)
    down = answer == Status.TDX_SUCCESS
    reset = down & host.resets_flags_on_update
    goes_on = down | ~host.stops_update_on_failure
    host.sys_init_result = ite(reset, SysInitResult.NOT_CALLED, before)
    host.lp_init_done.update(lambda c: done[c] & ~reset)
    host.tdx = ite(goes_on, Tdx.UPDATING, Tdx.INITIALIZED)
    host.stage = ite(goes_on, Stage.CPU_INSTALL, Stage.NONE)


@action(actor=Actor.KERNEL, sources=INSTALL)
def update_installs(host: Host, cpu: Cpu, contended: Term[bool]) -> None:
    """{cpu} calls SEAMLDR.INSTALL, and is not the last that the loader waits for.

    One CPU after the other makes the call, or two may meet in the loader.
    """
    at(host, cpu, Stage.CPU_INSTALL)
    host.require(~contended | (host.faults & ~host.serializes_installs))
    host.require(~host.in_session[cpu])
    called = host.in_session
    last = others(host, cpu, lambda c: called[c])
    goes_on = last | ~host.updates_in_lock_step
    then = ite(goes_on, installed(host), Stage.CPU_INSTALL)
    answer = seamcall(host, seamldr_install, cpu, ~contended)
    go_on(host, answer != Status.TDX_SUCCESS, then)


@action(actor=Actor.KERNEL, sources=INSTALL)
def update_installs_image(host: Host, cpu: Cpu) -> None:
    """{cpu} calls SEAMLDR.INSTALL as the last: the new image is installed."""
    at(host, cpu, Stage.CPU_INSTALL)
    host.require(host.update_file_is_good)
    host.require(~host.in_session[cpu])
    keeps = host.installs_as_update
    answer = seamcall(host, seamldr_install_completes, cpu, keeps)
    go_on(host, answer != Status.TDX_SUCCESS, installed(host))


@action(actor=Actor.KERNEL, kinds={Kind.FAULT}, sources=INSTALL)
def update_image_refused(host: Host, cpu: Cpu) -> None:
    """{cpu} calls SEAMLDR.INSTALL as the last: the image is not signed as it must be.

    Any other defect of the image, or of the file's header, ends in the same way.
    """
    host.require(host.faults | ~host.update_file_is_good)
    at(host, cpu, Stage.CPU_INSTALL)
    host.require(~host.in_session[cpu])
    seamcall(host, INSTALL_REFUSED[Status.SEAMLDR_EBADSIG], cpu)
    go_on(host, YES, installed(host))


@action(actor=Actor.KERNEL, sources=INSTALL)
def update_without_handoff(host: Host, cpu: Cpu) -> None:
    """{cpu} calls SEAMLDR.INSTALL as the last: no handoff that the image can read.

    Either the old module left none, as it was not shut down, or one in a version that
    the kernel has guessed.
    """
    at(host, cpu, Stage.CPU_INSTALL)
    host.require(~host.in_session[cpu])
    seamcall(host, INSTALL_REFUSED[Status.SEAMLDR_EBADHANDOFF], cpu)
    go_on(host, YES, installed(host))


@action(actor=Actor.KERNEL, kinds={Kind.FAULT}, sources=INSTALL)
def update_installation_breaks(host: Host, cpu: Cpu) -> None:
    """{cpu} calls SEAMLDR.INSTALL as the last: the old image is erased, none is there.

    The image's hash is wrong, or there is no entropy for the SEAM database.
    """
    host.require(host.faults)
    at(host, cpu, Stage.CPU_INSTALL)
    host.require(~host.in_session[cpu])
    seamcall(host, seamldr_install_breaks, cpu)
    go_on(host, YES, installed(host))


@action(actor=Actor.KERNEL, kinds={Kind.BRING_UP}, sources=INIT)
def update_init_module(host: Host, cpu: Cpu, sample: Sample) -> None:
    """{cpu} is the first to enable the new module: TDH.SYS.INIT there.

    Its failure counts for every CPU, none of which makes another call.
    """
    at(host, cpu, Stage.CPU_INIT)
    host.require(host.sys_init_result == SysInitResult.NOT_CALLED)
    host.require(host.healthy(sample))
    answer = seamcall(host, sys_init, cpu, sample)
    done = answer == Status.TDX_SUCCESS
    host.sys_init_result = remembered(host, answer)
    go_on(host, ~done, ite(done, Stage.CPU_INIT, Stage.RUN_UPDATE))


@action(actor=Actor.KERNEL, kinds={Kind.BRING_UP}, sources=INIT)
def update_init_cpu(host: Host, cpu: Cpu, sample: Sample) -> None:
    """{cpu} is enabled for the new module: TDH.SYS.LP.INIT there."""
    at(host, cpu, Stage.CPU_INIT)
    host.require(host.sys_init_result == SysInitResult.SUCCEEDED)
    host.require(~host.lp_init_done[cpu])
    host.require(host.healthy(sample))
    enabled = host.lp_init_done
    last = others(host, cpu, lambda c: enabled[c])
    answer = seamcall(host, sys_lp_init, cpu, sample)
    done = answer == Status.TDX_SUCCESS
    host.lp_init_done[cpu] = done
    waits = done & ~last & host.updates_in_lock_step
    go_on(host, ~done, ite(waits, Stage.CPU_INIT, Stage.RUN_UPDATE))


@action(actor=Actor.KERNEL, sources=RUN)
def update_runs(host: Host, cpu: Cpu) -> None:
    """{cpu}, the lead, has the new module go on with all TDs: TDH.SYS.UPDATE.

    Then it reads the version again. Whatever happened, the machine goes on.
    """
    at(host, cpu, Stage.RUN_UPDATE)
    host.require(all_of(cpu == LEAD))
    image, version = host.image, host.known_version
    features, build, reading = host.known_features, host.td_build, host.reading
    answer = seamcall(host, sys_update, cpu)
    done = answer == Status.TDX_SUCCESS
    corrupts = (build == Build.GOING_ON) & host.update_corrupts_builds
    tears = (reading == Reading.HALF) & (image != version)
    host.known_version = ite(done, image, version)
    host.known_features = ite(done & ~host.refreshes_version_only, image, features)
    host.td_build = ite(done & corrupts, Build.CORRUPTED, build)
    host.reading = ite(done & tears, Reading.TORN, reading)
    host.tdx = ite(done, Tdx.INITIALIZED, Tdx.UPDATE_FAILED)
    host.stage = Stage.NONE


# Who is in the middle of something when the machine is stopped: without updates
# nobody asks.


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, sources=VERSION)
def version_read_begins(host: Host) -> None:
    """Somebody reads the module's version, and has read the first of its numbers."""
    host.require(host.runtime_update)
    host.require(host.running == Running.FIRST)
    host.require(host.in_service())
    host.require(host.tdx == Tdx.INITIALIZED)
    host.require(host.reading == Reading.NONE)
    host.reading = Reading.HALF


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, sources=VERSION)
def version_read_ends(host: Host) -> None:
    """Who reads the module's version has read its last number."""
    host.require(~host.updating())
    host.require(host.reading != Reading.NONE)
    host.reading = Reading.NONE


@action(actor=Actor.KVM, sources=(K6_16.at("tdx_vcpu_init_mem_region()"),))
def td_build_begins(host: Host, cpu: Cpu) -> None:
    """KVM builds the TD, which has not run yet: TDH.MEM.PAGE.ADD on {cpu}."""
    host.require(host.runtime_update)
    host.require(host.tdx_in_use())
    host.require(host.td == Td.KEYS_CONFIGURED)
    host.require(host.td_build == Build.NONE)
    host.require(forall(Cpu, lambda c: ~host.vcpu_on[c]))
    host.require(host.online(cpu))
    seamcall(host, mem_page_add, cpu)


@action(actor=Actor.KVM, sources=(K6_16.at("tdx_td_finalize()"),))
def td_build_ends(host: Host, cpu: Cpu) -> None:
    """KVM has built the TD: TDH.MR.FINALIZE on {cpu} completes its measurement."""
    host.require(host.tdx_in_use())
    host.require(host.td_build == Build.GOING_ON)
    host.require(host.online(cpu))
    seamcall(host, mr_finalize, cpu)


UPDATE = (
    update_begins,
    update_installs,
    update_installs_image,
    update_image_refused,
    update_without_handoff,
    update_installation_breaks,
    update_init_module,
    update_init_cpu,
    update_runs,
    version_read_begins,
    version_read_ends,
    td_build_begins,
    td_build_ends,
    *AFTER_FAILURE,
)
"""What a kernel that updates the module adds to one that does not."""

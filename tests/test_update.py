"""Runtime update: the kernel's sessions, how an update can end, what guards it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from tdxcheck.checker.catalogue import Outcome
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.ground import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.language import Action, Safeguard, action
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.lines import lines_of, without_one_of
from tdxcheck.checker.language.system import Mode, TransitionSystem
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.models.kvm import seamcall, td_run
from tdxcheck.models.td import vp_enter
from tdxcheck.spec.host import Actor, Host, Kvm, Running, SysInitResult, Td, Tdx, Told
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Status, SysState
from tdxcheck.spec.rules.update import UPDATE
from tdxcheck.spec.update import Build, Image, Stage
from tests.hosts import first_of
from tests.quiet import instance

V7_2 = CATALOGUE.design("v7.2").system


# The kernel's state machine, step by step.

Steps = tuple[tuple[Any, ...], ...]

IN_USE: Steps = (
    ("boot_begins",),
    ("boot_module", 0),
    ("boot_cpu", 0),
    ("boot_cpu", 1),
    ("list_memory_at_boot",),
    ("configure", 0),
    ("configure_key", 0),
    ("configure_key", 1),
    ("initialize_tdmr", 0, 0),
    ("finish",),
    ("kvm_load_on_core",),
)
A_TD: Steps = (
    ("td_create", 0),
    ("td_configure_key", 0),
    ("td_configure_key", 1),
)
INSTALLED: Steps = (("update_installs", 0), ("update_installs_image", 1))
INITIALIZED: Steps = (
    ("update_init_module", 1),
    ("update_init_cpu", 1),
    ("update_init_cpu", 0),
)


@cache
def driven(settings: tuple[tuple[Any, Any], ...]) -> tuple[Instance, Assignment]:
    made = instance(V7_2, {Host.seamret_clears_vmcs: False, **dict(settings)})
    return made, first_of(made)


class Kernel:
    """v7.2 in one state, driven by the names of its actions."""

    def __init__(self, *settings: tuple[Any, Any]) -> None:
        made, self.state = driven(settings)
        self.instance = made
        self.interpreter = Interpreter(made)

    def action(self, name: str) -> Action:
        return next(a for a in self.instance.system.actions if a.name == name)

    def try_(self, name: str, *arguments: Any, last: Any = None) -> bool:
        """Take the step; what is left open takes its usual value, or `last`."""
        action = self.action(name)
        given = list(arguments)
        for parameter in action.parameters[len(given) :]:
            given.append({"shortage": False, "accepted": True}.get(parameter.name, 0))
        if last is not None:
            given[-1] = last
        outcome = self.interpreter.attempt(self.state, action, tuple(given))
        if outcome.after is None:
            return False
        self.state = outcome.after
        return True

    def take(self, *steps: tuple[Any, ...]) -> Kernel:
        for name, *arguments in steps:
            assert self.try_(name, *arguments), name
        return self

    def value(self, variable: Any, *indices: int) -> Any:
        return self.state[variable, indices]

    def flags(self) -> tuple[SysInitResult, bool, bool]:
        done = (self.value(Host.lp_init_done, cpu) for cpu in (0, 1))
        return (self.value(Host.sys_init_result), *done)


def test_an_update_that_succeeds() -> None:
    kernel = Kernel().take(*IN_USE, *A_TD, ("td_run", 1), ("update_begins", 0))
    assert kernel.value(Host.tdx) is Tdx.UPDATING
    assert kernel.flags() == (SysInitResult.NOT_CALLED, False, False)
    kernel.take(*INSTALLED)
    assert kernel.value(Host.stage) is Stage.CPU_INIT
    kernel.take(*INITIALIZED)
    assert kernel.value(Host.stage) is Stage.RUN_UPDATE
    kernel.take(("update_runs", 0))
    assert kernel.value(Host.tdx) is Tdx.INITIALIZED
    assert kernel.value(Host.sys_state) is SysState.SYS_READY
    assert kernel.value(Host.known_version) is Image.NEW
    assert kernel.value(Host.known_features) is Image.BOOT
    assert kernel.flags() == (SysInitResult.SUCCEEDED, True, True)
    kernel.take(("td_run", 1), ("td_add_page", 0, 0), ("update_begins", 0))


def test_nothing_else_happens_meanwhile_but_machine_checks() -> None:
    kernel = Kernel().take(*IN_USE, *A_TD, ("update_begins", 0))
    parts = {a.name for a in kernel.instance.system.actions if "update" in a.name}
    parts.add("machine_check")
    for step in kernel.instance.system.actions:
        for arguments in kernel.instance.choices(step):
            outcome = kernel.interpreter.attempt(kernel.state, step, arguments)
            assert outcome.after is None or step.name in parts, step.name


OUTCOMES: Mapping[str, tuple[Steps, Tdx, bool, SysState, Image]] = {
    # what happens; the kernel's state, SEAM_READY, the module's state, its image
    "shutdown refused": (
        (("update_begins", 0, False),),
        Tdx.INITIALIZED,
        True,
        SysState.SYS_READY,
        Image.BOOT,
    ),
    "image refused": (
        (("update_begins", 0), ("update_installs", 1), ("update_image_refused", 0)),
        Tdx.UPDATE_FAILED,
        True,
        SysState.SYS_SHUTDOWN,
        Image.BOOT,
    ),
    "installation breaks": (
        (
            ("update_begins", 0),
            ("update_installs", 0),
            ("update_installation_breaks", 1),
        ),
        Tdx.UPDATE_FAILED,
        False,
        SysState.SYS_SHUTDOWN,
        Image.BOOT,
    ),
    "SYS.INIT fails": (
        (("update_begins", 0), *INSTALLED, ("update_init_module", 0, 1)),
        Tdx.UPDATE_FAILED,
        True,
        SysState.SYSINIT_PENDING,
        Image.NEW,
    ),
    "LP.INIT fails": (
        (
            ("update_begins", 0),
            *INSTALLED,
            ("update_init_module", 0),
            ("update_init_cpu", 0),
            ("update_init_cpu", 1, 1),
        ),
        Tdx.UPDATE_FAILED,
        True,
        SysState.SYSINIT_DONE,
        Image.NEW,
    ),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_how_an_update_fails(name: str) -> None:
    """The table of outcomes, and whether another update may be tried."""
    steps, tdx, seam_ready, sys_state, image = OUTCOMES[name]
    kernel = Kernel().take(*IN_USE, *A_TD)
    before = kernel.flags()
    kernel.take(*steps)
    assert kernel.value(Host.tdx) is tdx
    assert kernel.value(Host.seam_ready) is seam_ready
    assert kernel.value(Host.sys_state) is sys_state
    assert kernel.value(Host.image) is image
    survives = tdx is Tdx.INITIALIZED
    assert (kernel.flags() == before) is survives
    kernel.take(("td_run", 0))
    assert kernel.value(Host.vcpu_on, 0) is survives, "KVM calls; who answers?"
    assert kernel.try_("update_begins", 0) is survives


FAILURES = [name for name in OUTCOMES if name != "shutdown refused"]


@pytest.mark.parametrize("name", FAILURES)
def test_after_a_failed_update_the_end_of_a_td_loses_its_keyid(name: str) -> None:
    kernel = Kernel().take(*IN_USE, *A_TD, *OUTCOMES[name][0])
    kernel.take(("td_stop", 0))
    assert kernel.value(Host.hkid_leaked)
    assert kernel.value(Host.td) is Td.KEYS_CONFIGURED
    assert not kernel.try_("td_stop", 0), "KVM does not try again"
    assert not kernel.try_("kvm_unload"), "its KeyID is in use for good"


@pytest.mark.parametrize("name", FAILURES)
def test_after_a_failed_update_no_td_is_created(name: str) -> None:
    """KVM that found TDX in use tries; one that is loaded again does without."""
    kernel = Kernel().take(*IN_USE, *OUTCOMES[name][0], ("td_create", 0))
    assert kernel.value(Host.td) is Td.NONE
    kernel.take(("kvm_unload",), ("kvm_load_without_tdx",))
    assert kernel.value(Host.kvm) is Kvm.WITHOUT_TDX
    assert not kernel.try_("td_create", 0)


AGAIN = {
    # By what the first call of another update is answered, and what the log says.
    "image refused": "SEAMCALL (0x0000000000000022) failed: 0x[status]",
    "installation breaks": "",
    "SYS.INIT fails": "SEAMCALL (0x0000000000000022) failed: 0x[status]",
    "LP.INIT fails": "SEAMCALL (0x0000000000000034) failed: 0x[status]",
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_update_is_not_made_again(name: str) -> None:
    kernel = Kernel().take(*IN_USE, *A_TD, *OUTCOMES[name][0])
    again = kernel.action("update_again")
    outcome = kernel.interpreter.attempt(kernel.state, again, (0,))
    assert outcome.after is None
    assert outcome.answer is Told.EINVAL
    assert outcome.refusal is not None
    assert outcome.refusal.log == AGAIN[name]


NEXT = {
    # What the next kernel's TDH.SYS.INIT finds.
    "image refused": (SysInitResult.FAILED, SysState.SYS_SHUTDOWN),
    "installation breaks": (SysInitResult.FAILED, SysState.SYS_SHUTDOWN),
    "SYS.INIT fails": (SysInitResult.SUCCEEDED, SysState.SYSINIT_DONE),
    "LP.INIT fails": (SysInitResult.FAILED, SysState.SYSINIT_DONE),
}


@pytest.mark.parametrize("name", FAILURES)
def test_after_a_failed_update_kexec_leaves_private_memory(name: str) -> None:
    kernel = Kernel((Host.kexec, True)).take(*IN_USE, *A_TD, *OUTCOMES[name][0])
    kernel.take(("kexec_load",), ("kexec_after_failed_update", 0))
    assert kernel.value(Host.running) is Running.SECOND
    assert kernel.value(Host.private_page_in_allocator)
    kernel.take(("boot_begins",), ("boot_module", 0))
    result, state = NEXT[name]
    assert kernel.value(Host.sys_init_result) is result
    assert kernel.value(Host.sys_state) is state


@pytest.mark.parametrize("undoes", [True, False])
def test_disabling_may_undo_a_shutdown(undoes: bool) -> None:
    """Which states TDH.SYS.DISABLE accepts is an assumption."""
    settings = (Host.kexec, True), (Host.disable_undoes_shutdown, undoes)
    kernel = Kernel(*settings).take(*IN_USE, *OUTCOMES["image refused"][0])
    kernel.take(("kexec_load",))
    assert kernel.try_("kexec_after_failed_update", 0) is not undoes
    assert kernel.try_("kexec_disabling", 0) is undoes
    assert kernel.value(Host.private_page_in_allocator) is not undoes


@pytest.mark.parametrize("name", FAILURES)
def test_after_a_failed_update_a_panic_disables_nothing(name: str) -> None:
    kernel = Kernel((Host.kexec, True)).take(*IN_USE, *A_TD, *OUTCOMES[name][0])
    kernel.take(("kexec_load",))
    assert not kernel.try_("crash_kexec_disabling", 0)
    kernel.take(("crash_kexec_after_failed_update", 0))
    assert kernel.value(Host.running) is Running.CRASH
    assert kernel.value(Host.private_page_in_allocator)


PANICS: Mapping[str, tuple[Steps, Status, bool]] = {
    # what was done; what TDH.SYS.DISABLE is told, and whether a session is left open
    "shut down": ((), Status.TDX_SYS_SHUTDOWN, False),
    "in a session": ((("update_installs", 1),), Status.VMFAIL_INVALID, True),
    "installed": (INSTALLED, Status.TDX_SYS_NOT_READY, False),
    "initialised in part": (
        (*INSTALLED, ("update_init_module", 1), ("update_init_cpu", 1)),
        Status.TDX_SYS_NOT_READY,
        False,
    ),
    "initialised": ((*INSTALLED, *INITIALIZED), Status.TDX_SYS_NOT_READY, False),
}


@pytest.mark.parametrize("cpu", [0, 1])
@pytest.mark.parametrize("name", PANICS)
def test_a_panic_in_an_update_is_dumped(name: str, cpu: int) -> None:
    """Whichever CPU panics, and however far the update has come."""
    steps, told, session = PANICS[name]
    kernel = Kernel((Host.kexec, True)).take(*IN_USE, *A_TD, ("kexec_load",))
    kernel.take(("update_begins", 0), *steps)
    panic = kernel.action("crash_kexec_in_update")
    outcome = kernel.interpreter.attempt(kernel.state, panic, (cpu,))
    assert outcome.answer is told
    kernel.take(("crash_kexec_in_update", cpu))
    assert kernel.value(Host.running) is Running.CRASH
    assert kernel.value(Host.stage) is Stage.NONE
    assert kernel.value(Host.td) is Td.NONE
    assert kernel.value(Host.private_page_in_allocator)
    assert any(kernel.value(Host.in_session, c) for c in (0, 1)) is session


def test_a_panic_before_an_installation_may_disable_the_old_module() -> None:
    """Which states TDH.SYS.DISABLE accepts is an assumption."""
    settings = (Host.kexec, True), (Host.disable_undoes_shutdown, True)
    kernel = Kernel(*settings).take(*IN_USE, *A_TD, ("kexec_load",))
    kernel.take(("update_begins", 0))
    assert not kernel.try_("crash_kexec_in_update", 0)
    kernel.take(("crash_kexec_disabling", 0))
    assert kernel.value(Host.sys_state) is SysState.SYSINIT_PENDING
    assert not kernel.value(Host.private_page_in_allocator)


@pytest.mark.parametrize("name", PANICS)
def test_a_machine_check_in_an_update_asks_in_vain(name: str) -> None:
    steps, told, _ = PANICS[name]
    kernel = Kernel().take(*IN_USE, ("update_begins", 0), *steps)
    before = kernel.state
    check = kernel.action("machine_check")
    outcome = kernel.interpreter.attempt(kernel.state, check, (1,))
    assert outcome.answer is told
    marked: Assignment = {(Host.marked, (1,)): True}
    assert outcome.after == before | marked


def test_after_a_failed_update_a_cpu_that_goes_stays_away() -> None:
    kernel = Kernel().take(*IN_USE, *OUTCOMES["installation breaks"][0])
    kernel.take(("cpu_offline", 1), ("init_module_after_failed_update", 1))
    assert kernel.value(Host.sys_init_result) is SysInitResult.FAILED
    assert not kernel.try_("cpu_online_first", 1)
    assert not kernel.try_("cpu_online_known", 1)


@pytest.mark.parametrize("counts_all", [True, False])
def test_an_update_with_a_cpu_offline_fails(counts_all: bool) -> None:
    """B40, whichever LPs the loader counts."""
    kernel = Kernel((Host.loader_counts_all_lps, counts_all))
    kernel.take(*IN_USE, ("cpu_offline", 1), ("update_begins", 0))
    if counts_all:
        kernel.take(("update_installs", 0), ("update_init_module", 0))
        assert not kernel.value(Host.seam_ready), "the session waits for CPU 1"
    else:
        kernel.take(("update_installs_image", 0), ("update_init_module", 0))
        kernel.take(("update_init_cpu", 0), ("update_runs", 0))
        assert kernel.value(Host.sys_state) is SysState.SYSINIT_DONE
    assert kernel.value(Host.tdx) is Tdx.UPDATE_FAILED


def test_the_current_vmcs_is_cleared_nowhere() -> None:
    kernel = Kernel((Host.seamret_clears_vmcs, True)).take(*IN_USE)
    outcome = kernel.interpreter.attempt(
        kernel.state, kernel.action("update_begins"), (0, True)
    )
    assert outcome.after is None
    assert outcome.answer is not None
    assert outcome.answer.value == "-EINVAL"


@pytest.mark.parametrize("preserves", [True, False])
def test_only_a_module_that_preserves_tds_is_updated(preserves: bool) -> None:
    kernel = Kernel((Host.preserves_tds, preserves)).take(*IN_USE, *A_TD)
    assert kernel.try_("update_begins", 0) is preserves


def test_a_td_that_is_built_does_not_run() -> None:
    kernel = Kernel().take(*IN_USE, *A_TD, ("td_build_begins", 0))
    assert not kernel.try_("td_run", 0)
    kernel.take(("td_build_ends", 1), ("td_run", 0))
    assert not kernel.try_("td_build_begins", 0)


def test_an_update_during_a_build_corrupts_the_measurement() -> None:
    """B21; refused by the module where it is asked to."""
    update = (*INSTALLED, *INITIALIZED, ("update_runs", 0))
    kernel = Kernel().take(*IN_USE, *A_TD, ("td_build_begins", 0), ("update_begins", 0))
    assert kernel.take(*update).value(Host.td_build) is Build.CORRUPTED
    careful = Kernel((Host.avoids_compat_sensitive_update, True)).take(*IN_USE, *A_TD)
    careful.take(("td_build_begins", 0), ("update_begins", 0))
    assert careful.value(Host.tdx) is Tdx.INITIALIZED
    careful.take(("td_build_ends", 0), ("update_begins", 0))
    assert careful.take(*update).value(Host.td_build) is Build.NONE


# The safeguards: each rule says something, and each is broken without its guard.


def outcomes(
    system: TransitionSystem, *rules: str, kexec: bool = False
) -> list[Outcome | None]:
    made = instance(system, {Host.kexec: kexec})
    whole = ground(made.system, made.scope)
    numbers = [
        n for n, rule in enumerate(whole.properties) if rule.property.name in rules
    ]
    found = survey(slice_for(whole, numbers).system)
    return [outcome_of(verdict) for verdict in found.verdicts]


JUDGED = [rule.name for rule in UPDATE if rule.mode is not Mode.LEADS_TO]


def test_v7_2_is_judged_as_expected_on_a_quiet_machine() -> None:
    known = CATALOGUE.design("v7.2").expected
    wanted = [known[n].outcome if n in known else Outcome.HOLDS for n in JUDGED]
    assert outcomes(V7_2, *JUDGED, kexec=True) == wanted


@pytest.mark.parametrize(
    ("guard", "rule"),
    [
        (Host.stops_update_on_failure, "install_follows_shutdown"),
        (Host.resets_flags_on_update, "flags_match_the_new_module"),
        (Host.locks_version_reads, "no_version_is_torn"),
        (Host.refuses_seamldr_on_vmcs_erratum, "no_current_vmcs_is_cleared"),
        (Host.refreshes_version_only, "only_features_set_up_are_used"),
    ],
    ids=lambda each: each.name if isinstance(each, Safeguard) else each,
)
def test_what_each_safeguard_is_for(guard: Safeguard, rule: str) -> None:
    assert outcomes(V7_2, rule) == [Outcome.HOLDS]
    assert outcomes(V7_2.without(guard), rule) == [Outcome.REFUTED]


@action(actor=Actor.KVM)
def run_at_once(host: Host, cpu: Cpu) -> None:
    """KVM runs the TD, complete or not: TDH.VP.ENTER on {cpu}."""
    host.require(host.tdx_in_use() & (host.td == Td.KEYS_CONFIGURED))
    host.require(host.online(cpu))
    seamcall(host, vp_enter, cpu)


def test_to_run_a_td_before_it_is_complete_is_out_of_order() -> None:
    hasty = V7_2.variant("hasty", "v7.2, in haste.", replaced={td_run: run_at_once})
    assert outcomes(V7_2, "td_calls_come_in_order") == [Outcome.HOLDS]
    assert outcomes(hasty, "td_calls_come_in_order") == [Outcome.REFUTED]


@pytest.mark.parametrize("name", ["update_image_refused", "update_installation_breaks"])
def test_a_session_that_an_error_leaves_open_is_noticed(name: str) -> None:
    rule = "a_session_ends_with_its_update"
    line = next(
        line
        for line in lines_of(V7_2)
        if line.action.name == name
        and line.assigned is not None
        and line.assigned.variable is Host.in_session
    )
    assert outcomes(V7_2, rule) == [Outcome.HOLDS]
    assert outcomes(without_one_of(V7_2, [line]).member(1), rule) == [Outcome.REFUTED]


def test_to_avoid_what_is_sensitive_keeps_measurements() -> None:
    settings = {Host.avoids_compat_sensitive_update: True}
    careful = V7_2.variant("careful", "v7.2, asking first.", settings=settings)
    assert outcomes(careful, "no_measurement_is_corrupted") == [Outcome.HOLDS]

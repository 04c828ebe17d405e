"""The TDX module model: its acceptance matrix, and what its leaves do to the state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tdxcheck.checker.language import Action, TransitionSystem
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.models.conformance.leaves import LEAVES as BY_NAME
from tdxcheck.models.module.configuration import (
    CONFIG_REFUSED,
    KeyFault,
    sys_config,
    sys_key_config,
    sys_key_config_fatal,
    sys_tdmr_init,
)
from tdxcheck.models.module.dispatch import (
    mng_key_reclaimid,
    sys_lp_shutdown,
    sys_lp_shutdown_final,
    unknown_leaf,
)
from tdxcheck.models.module.initialization import (
    sys_info,
    sys_init,
    sys_lp_init,
    sys_rd,
    sys_rdall,
)
from tdxcheck.models.module.update import module_loaded, sys_shutdown, sys_update
from tdxcheck.models.module.versions import VERSIONS
from tdxcheck.spec.machine import Cpu, Hkid, Package, Tdmr
from tdxcheck.spec.module import (
    Batch,
    HandoffVersion,
    HkidState,
    Layout,
    Module,
    Sample,
    Status,
    SysState,
)

LEAVES = (
    sys_init,
    sys_lp_init,
    sys_info,
    sys_rd,
    sys_rdall,
    sys_config,
    sys_update,
    sys_key_config,
    sys_tdmr_init,
    sys_shutdown,
    sys_lp_shutdown,
    mng_key_reclaimid,
    unknown_leaf,
)
SYSTEM = TransitionSystem(
    "module",
    "The TDX module on a machine of two CPUs, each a package",
    Module,
    LEAVES,
    settings={
        Module.counted: True,
        Module.package_of: lambda cpu: cpu,
        Module.tdmr_batches: 2,
    },
)
SCOPE = {
    Cpu: 2,
    Package: 2,
    Hkid: 2,
    Tdmr: 1,
    Layout: 1,
    Batch: 2,
    Sample: 1,
    HandoffVersion: 1,
}


def of_version(version: str) -> Interpreter:
    settings = {**SYSTEM.settings, **VERSIONS[version].settings}
    return Interpreter(Instance(replace(SYSTEM, settings=settings), SCOPE))


MODULE = of_version("1.5.01")


def call(
    state: Assignment,
    leaf: Action,
    cpu: int = 0,
    module: Interpreter = MODULE,
    **operands: object,
) -> tuple[str, Assignment]:
    """The status of a call with the usual operands but these, and the state after."""
    usual: dict[str, object] = {
        "cpu": cpu,
        "layout": 0,
        "verdict": Status.TDX_SUCCESS,
        "hkid": 0,
        "tdmr": 0,
        "sample": 0,
        "version": 0,
        "fault": KeyFault.NONE,
        "avoids_sensitive": False,
    }
    arguments = tuple(
        operands.get(parameter.name, usual.get(parameter.name, True))
        for parameter in leaf.parameters
    )
    outcome = module.attempt(state, leaf, arguments)
    told = outcome.answer.name if outcome.answer else "impossible"
    return " ".join(filter(None, (told, outcome.detail))), outcome.after or state


def run(
    state: Assignment, *calls: tuple[Action, int], module: Interpreter = MODULE
) -> Assignment:
    """The state after calls that all succeed."""
    for leaf, cpu in calls:
        status, state = call(state, leaf, cpu, module)
        assert status == "TDX_SUCCESS"
    return state


LOADED = next(MODULE.initial_states())
INIT_DONE = run(LOADED, (sys_init, 0))
ONE_LP = run(INIT_DONE, (sys_lp_init, 0))
ALL_LPS = run(ONE_LP, (sys_lp_init, 1))
CONFIG_DONE = run(ALL_LPS, (sys_config, 0))
ONE_KEY = run(CONFIG_DONE, (sys_key_config, 0))
READY = run(ONE_KEY, (sys_key_config, 1))
SHUTDOWN = run(READY, (sys_shutdown, 0))

OK, NOT_READY, GONE = "SUCCESS", "SYS_NOT_READY", "SYS_SHUTDOWN"
NO_INIT, NO_LP = "SYS_INIT_NOT_PENDING", "SYS_LP_INIT_NOT_PENDING"
NO_CONFIG, NO_KEY = "SYS_CONFIG_NOT_PENDING", "SYS_KEY_CONFIG_NOT_PENDING"
NO_UPDATE, UNINITIALIZED = "SYS_STATE_INCORRECT", "SYS_LP_INIT_NOT_DONE"
NO_HANDOFF, LP_DONE = "SYS_INVALID_HANDOFF", "SYS_LP_INIT_DONE"
UNKNOWN = "OPERAND_INVALID RAX"
STATES = (LOADED, INIT_DONE, ALL_LPS, CONFIG_DONE, READY, SHUTDOWN)
MATRIX: dict[Action, tuple[str, ...]] = {
    sys_init: (OK, NO_INIT, NO_INIT, NO_INIT, NO_INIT, GONE),
    sys_lp_init: (NO_LP, OK, LP_DONE, NO_LP, NO_LP, GONE),
    sys_info: (UNINITIALIZED, UNINITIALIZED, OK, OK, OK, GONE),
    sys_rd: (UNINITIALIZED, UNINITIALIZED, OK, OK, OK, GONE),
    sys_rdall: (UNINITIALIZED, UNINITIALIZED, OK, OK, OK, GONE),
    sys_config: (NO_CONFIG, NO_CONFIG, OK, NO_CONFIG, NO_CONFIG, GONE),
    sys_update: (NO_UPDATE, NO_UPDATE, NO_HANDOFF, NO_UPDATE, NO_UPDATE, GONE),
    sys_key_config: (NO_KEY, NO_KEY, NO_KEY, OK, NO_KEY, GONE),
    sys_tdmr_init: (NOT_READY, NOT_READY, NOT_READY, NOT_READY, OK, GONE),
    sys_shutdown: (NOT_READY, NOT_READY, NOT_READY, NOT_READY, OK, GONE),
    sys_lp_shutdown: (OK, OK, OK, OK, OK, OK),
    mng_key_reclaimid: (NOT_READY, NOT_READY, NOT_READY, NOT_READY, OK, GONE),
    unknown_leaf: (NOT_READY, NOT_READY, NOT_READY, NOT_READY, UNKNOWN, GONE),
}


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_a_leaf_is_accepted_in_the_states_of_the_matrix(leaf: Action) -> None:
    told = tuple(call(state, leaf)[0].removeprefix("TDX_") for state in STATES)
    assert told == MATRIX[leaf]


UNKNOWN_ROW = MATRIX[unknown_leaf]
MATRICES: dict[str, dict[str, tuple[str, ...]]] = {
    "1.0": {
        "TDH.SYS.RD": UNKNOWN_ROW,
        "TDH.SYS.RDALL": UNKNOWN_ROW,
        "TDH.SYS.UPDATE": UNKNOWN_ROW,
        "TDH.SYS.SHUTDOWN": UNKNOWN_ROW,
    },
    "1.5.01": {},
    "1.5.34": {},
    "2.0.08": {},
}
"""What of the matrix is otherwise; module 1.0's LP.SHUTDOWN differs in its effect."""
NAMES = {actions[0]: name for name, actions in BY_NAME.items()}
ROWS = {NAMES[leaf]: row for leaf, row in MATRIX.items() if leaf in NAMES}


def states_of(version: str) -> tuple[Assignment, ...]:
    """The states of the matrix; module 1.0 is ended by the only call that can."""
    module = of_version(version)
    found = [next(module.initial_states())]
    shut_down = sys_lp_shutdown_final if version == "1.0" else sys_shutdown
    for calls in (
        [(sys_init, 0)],
        [(sys_lp_init, 0), (sys_lp_init, 1)],
        [(sys_config, 0)],
        [(sys_key_config, 0), (sys_key_config, 1)],
        [(shut_down, 1)],
    ):
        found.append(run(found[-1], *calls, module=module))
    return tuple(found)


def call_by_name(
    state: Assignment, name: str, version: str, **operands: object
) -> tuple[str, Assignment]:
    """The first of the leaf's outcomes that is possible."""
    module = of_version(version)
    for leaf in BY_NAME[name]:
        status, after = call(state, leaf, 0, module, **operands)
        if status != "impossible":
            return status, after
    raise AssertionError(f"{name} has no outcome")


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_accepts_a_leaf_in_the_states_of_its_matrix(
    version: str, name: str
) -> None:
    row = MATRICES[version].get(name, ROWS[name])
    calls = [call_by_name(state, name, version) for state in states_of(version)]
    assert tuple(status.removeprefix("TDX_") for status, _ in calls) == row


@pytest.mark.parametrize("version", VERSIONS)
def test_lp_shutdown_ends_module_1_0_in_every_state_and_no_other(version: str) -> None:
    for state in states_of(version):
        _, after = call_by_name(state, "TDH.SYS.LP.SHUTDOWN", version)
        if version == "1.0":
            assert after[Module.sys_state, ()] is SysState.SYS_SHUTDOWN
            module = of_version(version)
            assert call(after, sys_info, 0, module)[0] == "impossible"
            if state[Module.sys_state, ()] is not SysState.SYS_SHUTDOWN:
                assert call(after, sys_info, 1, module)[0] == "TDX_SYS_SHUTDOWN"
        else:
            assert after == state


@pytest.mark.parametrize(
    ("version", "sys", "lp"),
    [
        ("1.0", "TDX_SYS_BUSY", "TDX_SYS_BUSY"),
        ("1.5.01", "TDX_RND_NO_ENTROPY", "TDX_RND_NO_ENTROPY"),
        ("1.5.34", "TDX_RND_NO_ENTROPY", "TDX_SUCCESS"),
        ("2.0.08", "TDX_RND_NO_ENTROPY", "TDX_SUCCESS"),
    ],
)
def test_versions_tell_a_shortage_of_entropy_each_in_its_way(
    version: str, sys: str, lp: str
) -> None:
    loaded, init_done, *_ = states_of(version)
    assert call_by_name(loaded, "TDH.SYS.INIT", version, entropy=False)[0] == sys
    assert call_by_name(init_done, "TDH.SYS.LP.INIT", version, entropy=False)[0] == lp


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("1.5.01", "TDX_OPERAND_INVALID RCX"),
        ("1.5.34", "TDX_UPDATE_COMPATIBILITY_SENSITIVE"),
        ("2.0.08", "TDX_OPERAND_INVALID RCX"),
    ],
)
def test_only_1_5_34_knows_how_to_avoid_a_sensitive_update(
    version: str, status: str
) -> None:
    ready = states_of(version)[4]
    asked = {"avoids_sensitive": True, "compatible": False}
    told, after = call_by_name(ready, "TDH.SYS.SHUTDOWN", version, **asked)
    assert told == status
    assert after == ready


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_malformed_rax_is_refused_in_every_state(leaf: Action) -> None:
    told = {call(state, leaf, rax_valid=False)[0] for state in STATES}
    assert told == {"TDX_OPERAND_INVALID RAX"}


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_no_leaf_is_reached_without_a_module(leaf: Action) -> None:
    told = {call(state | {(Module.seam_ready, ()): False}, leaf)[0] for state in STATES}
    assert told == {"VMFAIL_INVALID"}


def test_config_wants_every_counted_lp_even_one_that_stays_offline() -> None:
    assert call(ONE_LP, sys_config)[0] == "TDX_SYS_CONFIG_NOT_PENDING"


def test_a_module_that_takes_late_lps_is_configured_without_them() -> None:
    settings = {**SYSTEM.settings, Module.wants_every_lp: False}
    late = Interpreter(Instance(replace(SYSTEM, settings=settings), SCOPE))
    one_lp = run(
        next(late.initial_states()), (sys_init, 0), (sys_lp_init, 0), module=late
    )
    configured = run(one_lp, (sys_config, 0), module=late)
    for state in (configured, run(configured, (sys_key_config, 0), module=late)):
        ready = run(state, (sys_lp_init, 1), module=late)
        assert call(ready, sys_lp_init, 1, late)[0] == "TDX_SYS_LP_INIT_DONE"
    loaded = next(late.initial_states())
    assert call(loaded, sys_lp_init, 1, late)[0] == "TDX_SYS_LP_INIT_NOT_PENDING"


def test_a_refused_list_leaves_its_keyid_reserved() -> None:
    verdict = Status.TDX_TDMR_OUTSIDE_CMRS
    assert call(ALL_LPS, sys_config, verdict=verdict)[0] == "impossible"
    refused = CONFIG_REFUSED[verdict]
    status, state = call(ALL_LPS, refused, verdict=verdict, hkid=1)
    assert status == "TDX_TDMR_OUTSIDE_CMRS"
    assert state[Module.sys_state, ()] is SysState.SYSINIT_DONE
    _, state = call(state, sys_config, hkid=0)
    assert [state[Module.kot, (hkid,)] for hkid in (0, 1)] == [HkidState.RESERVED] * 2


def test_key_config_is_informed_of_a_done_package_only_while_one_is_missing() -> None:
    assert call(ONE_KEY, sys_key_config, 0)[0] == "TDX_KEY_CONFIGURED"
    assert call(READY, sys_key_config, 0)[0] == "TDX_SYS_KEY_CONFIG_NOT_PENDING"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (KeyFault.TABLE_BUSY, "TDX_OPERAND_BUSY KET"),
        (KeyFault.NO_ENTROPY, "TDX_KEY_GENERATION_FAILED"),
        (KeyFault.FATAL, "impossible"),
    ],
)
def test_key_config_can_be_retried_after_a_fault(fault: KeyFault, status: str) -> None:
    told, state = call(CONFIG_DONE, sys_key_config, fault=fault)
    assert told == status
    assert state == CONFIG_DONE


def test_a_fatal_key_fault_ends_the_module() -> None:
    status, state = call(CONFIG_DONE, sys_key_config_fatal)
    assert status == "MODULE_FATAL"
    assert call(state, sys_info)[0] == "VMFAIL_INVALID"


def test_tdmr_init_is_called_until_it_says_so() -> None:
    state = run(READY, (sys_tdmr_init, 0), (sys_tdmr_init, 1))
    assert call(state, sys_tdmr_init)[0] == "TDX_TDMR_ALREADY_INITIALIZED"


def test_an_update_goes_on_where_the_image_before_stopped() -> None:
    state = run(READY, (sys_tdmr_init, 0), (sys_shutdown, 0))
    outcome = MODULE.attempt(state, module_loaded, (True,))
    assert outcome.after
    state = run(outcome.after, (sys_init, 0), (sys_lp_init, 0), (sys_lp_init, 1))
    state = run(state, (sys_update, 0))
    assert state[Module.sys_state, ()] is SysState.SYS_READY
    assert state[Module.tdmr_progress, (0,)] == 1
    assert state[Module.n_init_pkgs, ()] == 0
    assert all(state[Module.key_configured, (package,)] for package in (0, 1))


def test_an_image_loaded_without_handoff_starts_over() -> None:
    outcome = MODULE.attempt(SHUTDOWN, module_loaded, (False,))
    assert outcome.after
    changed = {
        entry for entry, value in LOADED.items() if outcome.after[entry] != value
    }
    assert all(variable.name.startswith("handoff_") for variable, _ in changed)

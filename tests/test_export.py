"""Exports: other model checkers count the same states and give the same verdicts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import given

from benchmarks import peers
from benchmarks.peers import ABC, PEERS, RUMUR, SPIN, TLC, Peer, abc_depth
from tdxcheck.checker.cli import main
from tdxcheck.checker.engines.explicit import Exploration
from tdxcheck.checker.engines.visiting import explore
from tdxcheck.checker.export.aiger import aiger, aiger_text, waits
from tdxcheck.checker.export.assigning import in_order
from tdxcheck.checker.export.formats import FORMATS
from tdxcheck.checker.export.names import Names, Vocabulary, identifier
from tdxcheck.checker.export.promela import before_the_first
from tdxcheck.checker.export.subject import Subject, Unsayable, can_be_said, subject
from tdxcheck.checker.export.tla import tla, tla_configuration
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.slicing import taken
from tdxcheck.checker.ground.system import Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.judging.question import Question, case_of
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Reached, Refuted
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.models.classic import CLASSICS, Classic
from tests.aiger_machine import Machine, read_binary, read_text
from tests.random_systems import Drawn, examples, systems

SOME = 6_000
"""The most states of a classic model that other checkers are asked to count."""


def _name(classic: Classic) -> str:
    size = "-".join(str(number) for number in classic.scope.values())
    return f"{classic.system.name} {size}".strip().replace(" ", "_")


SMALL = [
    pytest.param(classic, id=_name(classic))
    for classic in CLASSICS
    if classic.states is None or classic.states <= SOME
]
BROKEN = [
    pytest.param(classic, id=_name(classic))
    for classic in CLASSICS
    if classic.broken and _name(classic) != "EWD_840_4"
]
WITH_CHOICES = {
    "EWD_840_4": 511,
    "coffee_can_100": 102,
    "EWD_840_3": 1,
    "prisoners_3": 1,
    "die_hard": 0,
}
"""States that SPIN stores before the first, by model."""


def classic_system(classic: Classic) -> GroundSystem:
    return _numbered(CLASSICS.index(classic))


@cache
def _numbered(number: int) -> GroundSystem:
    return ground(CLASSICS[number].system, CLASSICS[number].scope)


@cache
def explored(system: GroundSystem) -> Exploration:
    return explore(system)


def sayable(system: GroundSystem) -> list[int]:
    return [n for n, p in enumerate(system.properties) if can_be_said(p.property)]


def kept(system: GroundSystem) -> Subject:
    """The system with the rules that it keeps."""
    verdicts = explored(system).verdicts
    return subject(
        system,
        [n for n in sayable(system) if not isinstance(verdicts[n], Refuted | Reached)],
    )


@pytest.fixture(autouse=True)
def compiled_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """To compile them well takes longer here than all that they then do."""
    monkeypatch.setattr(peers, "SPIN_COMPILED", ("-O0",))
    monkeypatch.setattr(peers, "RUMUR_COMPILED", ("-O1",))


def needed(peer: Peer) -> None:
    if missing := peer.missing():
        pytest.skip(f"{peer.name}: {missing}")


@cache
def of_design(rule: str) -> Subject:
    """v6.8 with one rule, made once for all checkers, and so explored once."""
    (found,) = (r for r in CATALOGUE.rules if r.id == rule)
    sizes = {"cpus": 2, "packages": 1, "blocks": 2}
    questions = [Question(found.property, None)]
    case = case_of(CATALOGUE, CATALOGUE.design("v6.8"), (), sizes, questions)
    return subject(ground(case.instance.system, case.instance.scope), [0])


# The same counts.


COUNTED = [
    parameter
    for parameter in SMALL
    if not re.search(
        r"dining|transaction|EWD_840_3|Hanoi|first|teaching", str(parameter.id)
    )
]
"""Compilers take their time: those that differ most."""


@pytest.mark.parametrize("peer", [SPIN, RUMUR, TLC], ids=lambda peer: peer.name)
@pytest.mark.parametrize("classic", COUNTED)
def test_others_count_the_states_of_classic_models(
    classic: Classic, peer: Peer, tmp_path: Path
) -> None:
    needed(peer)
    exported = kept(classic_system(classic))
    expected = explored(exported.system)
    answer = peer.check(exported, tmp_path, expected.states, None)
    assert answer.broken is False
    assert answer.states == expected.states


DESIGN_RULES = {
    "configuration_is_final": False,
    "pamt_is_not_in_the_allocator": False,
    "no_event_crashes_the_kernel": False,
    "no_seamcall_after_failed_init": True,
    "a_td_can_run": True,
}
"""Rules of v6.8 on a small machine: whether a run is found."""


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
@pytest.mark.parametrize("rule", DESIGN_RULES)
def test_others_judge_a_design_alike(rule: str, peer: Peer, tmp_path: Path) -> None:
    needed(peer)
    exported = of_design(rule)
    found = explored(exported.system)
    (verdict,) = found.verdicts
    shown = isinstance(verdict, Refuted | Reached)
    assert shown is DESIGN_RULES[rule]
    answer = peer.check(exported, tmp_path, found.states, None)
    assert answer.broken is shown
    if peer is not ABC and not shown:
        assert answer.states == found.states


@pytest.mark.parametrize("peer", [SPIN, RUMUR, TLC], ids=lambda peer: peer.name)
@pytest.mark.parametrize("classic", BROKEN)
def test_others_find_the_rules_that_are_broken(
    classic: Classic, peer: Peer, tmp_path: Path
) -> None:
    needed(peer)
    system = classic_system(classic)
    for number, rule in enumerate(system.properties):
        if rule.property in classic.broken:
            exported = subject(system, [number])
            answer = peer.check(exported, tmp_path, SOME, None)
            assert answer.broken is True
            return


@pytest.mark.parametrize("classic", SMALL)
def test_abc_judges_classic_models_alike(classic: Classic, tmp_path: Path) -> None:
    """And its runs are as long as a shortest one."""
    needed(ABC)
    system = classic_system(classic)
    verdicts = explored(system).verdicts
    for number in sayable(system):
        exported = subject(system, [number])
        answer = ABC.check(exported, tmp_path, 0, None)
        verdict = verdicts[number]
        assert answer.broken is isinstance(verdict, Refuted)
        if isinstance(verdict, Refuted):
            last = system.properties[number].property.mode is Mode.STEP_RULE
            steps = len(verdict.run.steps) - last + waits(exported)
            assert abc_depth(exported, tmp_path, steps + 5) == steps


# What needs no other checker.


@pytest.mark.parametrize("classic", SMALL)
def test_spin_is_known_to_store_more(classic: Classic) -> None:
    expected = WITH_CHOICES.get(_name(classic))
    if expected is not None:
        assert before_the_first(classic_system(classic)) == expected


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("classic", SMALL)
def test_every_name_is_in_every_export(classic: Classic, form: str) -> None:
    exported = kept(classic_system(classic))
    content = FORMATS[form].write(exported, "host")
    text = content if isinstance(content, str) else content.decode("latin-1")
    for step in exported.system.steps:
        assert str(step.action.location) in text
    for check in exported.checks:
        assert check.rule.name in text
        assert str(check.rule.location) in text
    for slot in exported.system.slots:
        assert identifier(slot.name) in text


def test_a_module_of_tla_has_what_its_configuration_names() -> None:
    (classic,) = (c for c in CLASSICS if _name(c) == "two-phase_commit_3")
    exported = kept(classic_system(classic))
    module = tla(exported, "host")
    for line in tla_configuration(exported).splitlines():
        word, name = line.split()
        if word != "CHECK_DEADLOCK":
            assert re.search(rf"^{name} ==$", module, re.MULTILINE)


def test_what_comes_in_the_end_is_not_exported() -> None:
    for classic in CLASSICS:
        for number, rule in enumerate(classic_system(classic).properties):
            if rule.property.mode is Mode.LEADS_TO:
                with pytest.raises(Unsayable, match=rule.property.name):
                    subject(classic_system(classic), [number])
                return
    pytest.fail("no classic model has such a rule")


SMALL_MACHINE = ("--cpus", "2", "--packages", "1", "--blocks", "2")


def test_the_command_line_refuses_what_comes_in_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ("--rule", "initialization_ends", *SMALL_MACHINE)
    assert main(["export", "v6.8", "--to", "promela", *asked]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "initialization_ends says what comes in the end (leads-to)" in told.err


def test_a_design_is_exported_with_what_goes_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "host.tla"
    asked = ("export", "v6.8", "--to", "tla", *SMALL_MACHINE)
    assert main([*asked, "-o", str(path)]) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"host.tla", "host.cfg"}
    capsys.readouterr()
    assert main(list(asked)) == 0
    printed = capsys.readouterr().out
    assert printed.replace("MODULE v6_8", "MODULE host") == path.read_text()
    assert "Machine: 2 CPUs" in printed
    assert "Left out, as they say what comes in the end: disabling_ends" in printed
    named = re.findall(r"^INVARIANT (.*)$", path.with_suffix(".cfg").read_text(), re.M)
    said = [r.id for r in CATALOGUE.rules if can_be_said(r.property)]
    assert named == said


def test_an_export_has_only_what_its_rule_depends_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ("export", "v6.8", "--to", "murphi", *SMALL_MACHINE)
    assert main([*asked, "--rule", "suspend_is_refused"]) == 0
    part = capsys.readouterr().out
    assert main(list(asked)) == 0
    whole = capsys.readouterr().out
    assert part.count('rule "') < whole.count('rule "')
    assert "  vmx_on_CPU_0: boolean;" in whole
    assert len(part) < len(whole)


def test_a_circuit_is_written_to_standard_output_in_bytes(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    rule = ("--rule", "configuration_is_final", *SMALL_MACHINE)
    assert main(["export", "v6.8", "--to", "aiger", *rule]) == 0
    binary = read_binary(capfdbinary.readouterr().out)
    assert main(["export", "v6.8", "--to", "aiger-ascii", *rule]) == 0
    assert read_text(capfdbinary.readouterr().out.decode()) == binary
    assert binary.names["b0"] == "configuration_is_final"


def test_names_are_identifiers_and_differ() -> None:
    names = Names(["do"])
    assert names.new("tdx[CPU 0]") == "tdx_CPU_0"
    assert names.new("tdx[CPU, 0]") == "tdx_CPU_0_2"
    assert names.new("do") == "do_2"
    assert identifier("7.2") == "x_7_2"


@examples(60)
@given(systems())
def test_effects_one_after_the_other_are_those_at_once(drawn: Drawn) -> None:
    system = ground(drawn.system(), drawn.scope)
    random = Random(1)
    for step in system.steps:
        before = [random.randint(s.term.low, s.term.high) for s in system.slots]
        state = list(before)
        effect = in_order(step.updates)
        old = {number: state[number] for number in effect.saved}
        for number, value in effect.ordered:
            seen = {**dict(enumerate(state)), **old}
            state[number] = evaluate(value, seen)
        assert tuple(state) == taken(step, tuple(before))


@examples(60)
@given(systems())
def test_circuits_do_what_their_systems_do(drawn: Drawn) -> None:
    """Every step from some of the states that are reached, by simulation."""
    system = ground(drawn.system(), drawn.scope)
    if next(system.initial_states(), None) is None:
        return
    exported = subject(system, sayable(system))
    machine = read_text(aiger_text(exported))
    assert read_binary(aiger(exported)) == machine
    layout = Layout(exported.system, machine)
    starts = list(islice(exported.system.initial_states(), 20))
    for state in starts:
        assert layout.state(layout.begun(state)) == state
    for state in reached(exported.system, starts[:3], 30):
        latches = layout.latches(state)
        bad = machine.broken(latches)
        assert bad == [1 - evaluate(c.whole, state) for c in exported.checks]
        for step in exported.system.steps:
            possible = all(evaluate(guard, state) for guard in step.guards)
            after = machine.after(latches, layout.choice(step.number))
            assert layout.state(after) == (taken(step, state) if possible else state)


def test_a_circuit_has_no_bad_state_before_it_has_started() -> None:
    (classic,) = (c for c in CLASSICS if _name(c) == "EWD_840_3")
    system = classic_system(classic)
    machine = read_text(aiger_text(subject(system, sayable(system))))
    started = machine.named("l")["started"]
    assert machine.broken(machine.reset()) == [0] * len(machine.bad)
    assert machine.reset()[started] == 0
    starts = set(system.initial_states())
    everywhere = dict.fromkeys(machine.inputs, 1)
    assert tuple(slot.term.high for slot in system.slots) not in starts
    assert machine.after(machine.reset(), everywhere)[started] == 0


class Layout:
    """Where the slots of a system are among the latches of a circuit."""

    def __init__(self, system: GroundSystem, machine: Machine) -> None:
        self.system = system
        self.machine = machine
        self.by_name = machine.named("l")
        self.inputs = machine.named("i")
        self.names = Vocabulary(system, ()).slots

    def bits(self, number: int) -> list[str]:
        name, term = self.names[number], self.system.slots[number].term
        if term.boolean:
            return [name]
        return [f"{name}[{bit}]" for bit in range((term.high - term.low).bit_length())]

    def latches(self, state: Values) -> dict[int, int]:
        found = {self.by_name["started"]: 1} if "started" in self.by_name else {}
        for slot in self.system.slots:
            for place, bit in enumerate(self.bits(slot.number)):
                code = state[slot.number] - slot.term.low
                found[self.by_name[bit]] = code >> place & 1
        return found

    def state(self, latches: Mapping[int, int]) -> Values:
        return tuple(
            slot.term.low
            + sum(
                latches[self.by_name[bit]] << place
                for place, bit in enumerate(self.bits(slot.number))
            )
            for slot in self.system.slots
        )

    def choice(self, step: int) -> dict[int, int]:
        return {
            literal: step >> int(name[5:-1]) & 1
            for name, literal in self.inputs.items()
            if name.startswith("step[")
        }

    def begun(self, state: Values) -> dict[int, int]:
        """The latches when the inputs have chosen the state, if it was their turn."""
        latches = self.started(state)
        assert latches is not None
        return latches

    def started(self, state: Values) -> dict[int, int] | None:
        """The same, or None if the circuit does not start so."""
        reset = self.machine.reset()
        if "started" not in self.by_name:
            return reset
        bits = {
            f"start_{name}": value
            for name, literal in self.by_name.items()
            for value in (self.latches(state)[literal],)
        }
        chosen = {
            literal: bits[name]
            for name, literal in self.inputs.items()
            if name.startswith("start_")
        }
        latches = self.machine.after(reset, chosen)
        return latches if latches[self.by_name["started"]] else None


def reached(
    system: GroundSystem, starts: Sequence[Values], number: int
) -> list[Values]:
    """The first states reached, as many as the number says."""
    found = dict.fromkeys(starts)
    waiting = list(found)
    while waiting and len(found) < number:
        state = waiting.pop(0)
        for step in system.steps:
            if all(evaluate(guard, state) for guard in step.guards):
                after = taken(step, state)
                if after not in found:
                    found[after] = None
                    waiting.append(after)
    return list(found)

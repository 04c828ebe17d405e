"""Exports: circuits make the steps that the interpreter takes."""

from __future__ import annotations

from tdxcheck.checker.export.aiger import aiger, aiger_text
from tdxcheck.checker.export.subject import subject
from tdxcheck.checker.ground import GroundSystem
from tdxcheck.checker.ground.system import Values
from tdxcheck.checker.language.system import Mode
from tests.aiger_machine import read_binary, read_text
from tests.faults.comparing import same, systems
from tests.faults.known import Known
from tests.test_export import Layout


def circuits() -> None:
    """A circuit begins, goes on and is bad as the interpreter says."""
    for of, system in systems():
        _circuit(of, system)


def _circuit(of: Known, system: GroundSystem) -> None:
    exported = subject(system, range(len(system.properties)))
    machine = read_text(aiger_text(exported))
    same("the other format", read_binary(aiger(exported)), machine)
    layout = Layout(exported.system, machine)
    places = {slot.entry: slot.number for slot in system.slots}
    kept = [places[slot.entry] for slot in exported.system.slots]

    def part(values: Values) -> Values:
        return tuple(values[number] for number in kept)

    starts = {part(values) for values in of.initial}
    for state in {part(values) for values in of.reachable}:
        latches = layout.started(state)
        begins = latches is not None and layout.state(latches) == state
        same(f"it begins in {state}", begins, state in starts)
    for slot in exported.system.slots:
        if slot.start is None:
            (state, *_) = sorted(starts)
            wide = (slot.term.high - slot.term.low).bit_length()
            outside = slot.term.low + (1 << wide) - 1
            state = (*state[: slot.number], outside, *state[slot.number + 1 :])
            if outside > slot.term.high:
                same(f"it begins in {state}", layout.started(state), None)
    ends = {part(values) for values in of.ends}
    for values in of.reachable:
        broken = machine.broken(layout.latches(part(values)))
        for check, bad in zip(exported.checks, broken, strict=True):
            if bad and check.rule.mode is Mode.DEADLOCK_FREE:
                assert part(values) in ends, f"something is possible in {values}"
    for sample in of.samples:
        state = part(sample.values)
        latches = layout.latches(state)
        for number, bad in enumerate(machine.broken(latches)):
            mode = exported.checks[number].rule.mode
            truth = sample.truths[number]
            if isinstance(truth, dict):
                same("a broken step rule", bad, int(not all(truth.values())))
            elif mode is Mode.DEADLOCK_FREE:
                same("a deadlock", bad, int(not truth and not sample.steps))
            else:
                wanted = truth is (mode is Mode.REACHABLE)
                same("a broken rule", bad, int(wanted))
        after = {number: part(values) for number, values in sample.steps}
        steps = {(s.action, s.arguments): s.number for s in system.steps}
        for step in exported.system.steps:
            number = steps[step.action, step.arguments]
            found = layout.state(machine.after(latches, layout.choice(step.number)))
            same(f"step {number}", found, after.get(number, state))

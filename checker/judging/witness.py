"""Witnesses: a shortest run to something that coverage has found to happen."""

from __future__ import annotations

from dataclasses import replace

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.ground.slicing import slice_for, taken
from tdxcheck.checker.ground.system import GroundProperty
from tdxcheck.checker.ground.terms import TRUE, Terms, evaluate
from tdxcheck.checker.judging.combine import InternalError
from tdxcheck.checker.judging.coverage import Coverage, Kind, Thing
from tdxcheck.checker.language.interpreter import Interpreter, View
from tdxcheck.checker.language.literals import false_parts
from tdxcheck.checker.language.system import Action, Mode, Property
from tdxcheck.checker.language.terms import Const
from tdxcheck.checker.trace import Trace, evidence_of, replay
from tdxcheck.checker.verdict import Reached, Run


def witness(found: Coverage, thing: Thing) -> Trace:
    """A shortest run at whose end the thing happens, confirmed by the interpreter."""
    rule = Property(
        thing.name,
        Mode.REACHABLE,
        f"{thing.kind.value.capitalize()} {thing.name} happens.",
        "",
        Const(True),
        thing.location,
    )
    system = found.grounding.system
    there = Terms().or_(node for node, _ in thing.places)
    asked = replace(system, properties=(GroundProperty(rule, (there,), (TRUE,)),))
    part = slice_for(asked, [0])
    verdict = part.lift_verdict(survey(part.system).verdicts[0])
    if not isinstance(verdict, Reached):
        raise InternalError(f"{thing.name} is reached, but there is no run to it")
    run = _with_step(found, thing, verdict.run)
    trace = replay(system.instance, rule, evidence_of(system, run))
    if not _happens(found, thing, trace):
        raise InternalError(f"{thing.name} does not happen at the end of its run")
    return trace


def _with_step(found: Coverage, thing: Thing, run: Run) -> Run:
    """The run with the step itself, where it is a step that happens."""
    last = run.states[-1]
    for node, number in thing.places:
        if evaluate(node, last):
            if number is None:
                return run
            after = taken(found.grounding.system.steps[number], last)
            return Run((*run.states, after), (*run.steps, number))
    raise InternalError(f"{thing.name} does not happen at the end of its run")


def _happens(found: Coverage, thing: Thing, trace: Trace) -> bool:
    """What the interpreter says of the end of the trace."""
    interpreter, state = Interpreter(found.instance), trace.final
    if thing.kind in (Kind.ACTION, Kind.ANSWER):
        last = trace.steps[-1]
        refused = thing.kind is Kind.ANSWER
        return last.action is thing.of and not (refused and last.went_well)
    if thing.kind in (Kind.PREMISE, Kind.RULE):
        assert thing.term is not None
        view = View(state, {})
        if isinstance(thing.of, Property) and thing.of.mode is Mode.STEP_RULE:
            last = trace.steps[-1]
            view = View(last.before, {}, last.after, last.taken)
        return bool(interpreter.evaluate(thing.term, view))
    action = thing.of
    assert isinstance(action, Action)
    return any(
        _is_so(interpreter, thing, action, arguments, trace)
        for arguments in found.instance.choices(action)
    )


def _is_so(
    interpreter: Interpreter,
    thing: Thing,
    action: Action,
    arguments: tuple[object, ...],
    trace: Trace,
) -> bool:
    """The refusal is given, or the literal alone is false, with these arguments."""
    if thing.kind is Kind.REFUSAL:
        guard = interpreter.attempt(trace.final, action, arguments).guard
        return guard is not None and guard.condition is thing.term
    view = View(trace.final, dict(zip(action.parameters, arguments, strict=True)))
    false = [
        part
        for guard in action.guards
        for part in false_parts(interpreter, guard.condition, view)
    ]
    return [id(part) for part in false] == [id(thing.term)]  # Terms have no equality.

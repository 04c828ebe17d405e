"""Assessments as JSON, for programs: `schemas/verify.schema.json` says what there is.

Members may be added within a version; none is removed or given another meaning.
"""

from __future__ import annotations

from typing import Any

from tdxcheck.checker.judging.judgement import Assessment, Judgement
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import Findings
from tdxcheck.checker.language.instance import (
    show_arguments,
    show_element,
    show_entry,
    show_value,
)
from tdxcheck.checker.report import endless
from tdxcheck.checker.report.story import tell
from tdxcheck.checker.trace import Flip, Trace, TraceStep
from tdxcheck.checker.turns import Served
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    HeldInSmall,
    Limit,
    Proved,
    ProvedForEvery,
    Reached,
    Refuted,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)

VERSION = 1

Json = Any


def assessment_as_json(assessment: Assessment, result: str, status: int) -> Json:
    first = assessment.cases[0]
    return {
        "format": "tdxcheck-verify",
        "version": VERSION,
        "result": result,
        "exit": status,
        "seconds": round(assessment.seconds, 3),
        "machine": {"sizes": dict(first.sizes), "summary": first.machine},
        "assumed": [a.key for a in first.assumed],
        "designs": [_case(assessment, case) for case in assessment.cases],
        "verdicts": [_judgement(judgement) for judgement in assessment.judgements],
    }


def _case(assessment: Assessment, case: Case) -> Json:
    return {
        "design": case.design.key,
        "assumed": [assumption.key for assumption in case.assumed],
        "engines": {
            findings.engine.value: _findings(findings)
            for findings in assessment.findings
            if findings.case == case.label
        },
    }


def _findings(findings: Findings) -> Json:
    told: dict[str, Json] = {"seconds": round(findings.seconds, 3)}
    told["answers_kept"] = len(findings.recalled)
    if findings.note:
        told["note"] = findings.note
    seen = findings.statistics
    if seen is not None:
        told |= {
            "states": seen.states,
            "transitions": seen.transitions,
            "depth": seen.depth,
            "limit": seen.limit.value if seen.limit else None,
            "kept": seen.kept,
            "never_taken": [a for a, times in seen.fired.items() if not times],
        }
    return told


def _judgement(judgement: Judgement) -> Json:
    question = judgement.question
    expected = question.expected
    return {
        "design": judgement.case.design.key,
        "question": question.name,
        "rule": question.rule.name,
        "claim": question.claim.key if question.claim else None,
        "assumed": [assumption.key for assumption in judgement.case.assumed],
        "dropped": question.dropped.key if question.dropped else None,
        "verdict": verdict_as_json(judgement.verdict),
        "engines": {
            engine.value: verdict_as_json(verdict)
            for engine, verdict in judgement.by_engine.items()
        },
        "standing": judgement.standing.value,
        "kept": judgement.recalled,
        "idle": judgement.idle,
        "expected": expected
        and {"outcome": expected.outcome.value, "note": expected.told},
        "trace": judgement.trace and trace_as_json(judgement.trace),
    }


def verdict_as_json(verdict: Verdict) -> Json:
    match verdict:
        case Exhausted(states, rests_on):
            told = {"rests_on": list(rests_on)} if rests_on else {}
            return {"kind": "exhausted", "states": states, **told}
        case Proved(method, invariant):
            return {"kind": "proved", "method": method, "invariant": invariant}
        case ProvedForEvery(family, method, invariant, _, excepted, because):
            save: Json = {"save_machines_with": excepted} if excepted else {}
            why: Json = {"because": list(because)} if because else {}
            return {
                "kind": "proved for every N",
                "of": family,
                **save,
                "method": method,
                "invariant": list(invariant),
                **why,
            }
        case HeldInSmall(machine, reason):
            return {"kind": "only for small N", "machine": machine, "reason": reason}
        case Bounded(depth, limit):
            return {"kind": "bounded", "depth": depth, "limit": limit.value}
        case Refuted(run, shortest):
            refuted = {"kind": "refuted", "steps": len(run.steps), "shortest": shortest}
            return refuted if run.loop is None else {**refuted, "loop": run.loop}
        case Reached(run):
            return {"kind": "reached", "steps": len(run.steps)}
        case Unreachable(method):
            return {"kind": "unreachable", "method": method}
        case Vacuous(method):
            return {"kind": "vacuous", "method": method}
        case Unknown(limit, about):
            name = "machine" if limit is Limit.FAMILY else "reason"
            said = {name: about} if about else {}
            return {"kind": "unknown", "limit": limit.value, **said}
    raise TypeError(f"not a verdict: {verdict!r}")


def trace_as_json(trace: Trace) -> Json:
    clause = tell(trace).clause
    endless_: Json = {}
    if trace.loop is not None:
        endless_ = {
            "loop": trace.loop.begin,
            "turns": [_turn(trace, found) for found in trace.served],
        }
    return {
        **endless_,
        "steps": [_step(step) for step in trace.steps],
        "violated": clause
        and {"text": clause.text, "location": str(trace.rule.location)},
    }


def _turn(trace: Trace, found: Served) -> Json:
    return {
        "fairness": found.turn.line.name,
        "strength": found.turn.line.strength,
        "turn": found.turn.name,
        "taken": found.taken,
        "not_due": found.idle,
        "why": [] if found.idle is None else endless.reasons(trace, found),
    }


def _step(step: TraceStep) -> Json:
    answer = step.outcome.answer
    actor = step.action.actor
    return {
        "number": step.number,
        "action": step.action.name,
        "arguments": show_arguments(step.action, step.taken.arguments),
        "actor": actor.name if actor else None,
        "sentence": step.sentence,
        "answer": None if answer is None else show_value(answer, type(answer)),
        "detail": step.outcome.detail,
        "location": str(step.action.location),
        "changes": [
            {
                "entry": show_entry(change.entry),
                "before": show_value(change.before, change.entry[0].sort),
                "after": show_value(change.after, change.entry[0].sort),
            }
            for change in step.changes
        ],
        "definitions": [
            {"name": _name(flip), "value": show_value(flip.value, type(flip.value))}
            for flip in step.flips
        ],
    }


def _name(flip: Flip) -> str:
    sorts = flip.definition.parameters.values()
    inner = ", ".join(map(show_element, sorts, flip.numbers))
    return f"{flip.definition.name}({inner})" if inner else flip.definition.name

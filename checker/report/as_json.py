"""Assessments as JSON, for programs. Its shape, in version 1:

{
  "format": "tdxcheck-verify", "version": 1,
  "result": "as expected" | "unexpected" | "undecided" | "interrupted",
  "exit": 0 | 1 | 3 | 130,
  "seconds": number,
  "machine": {"sizes": {"cpus": 2, ...}, "summary": text},
  "assumed": [key, ...],
  "designs": [
    {"design": key, "assumed": [key, ...],
     "engines": {"explicit": {"seconds", "answers_kept",
                              "states", "transitions", "depth",
                              "limit": text | null, "kept": text,
                              "never_taken": [action, ...]},
                 "orbits": {..., "note": text},
                 "symbolic": {"seconds"}}}, ...],
  "verdicts": [
    {"design": key, "question": name, "rule": name,
     "claim": key | null, "assumed": [key, ...], "dropped": key | null,
     "verdict": VERDICT, "engines": {"explicit": VERDICT, "symbolic": VERDICT},
     "standing": "as expected" | "unexpected" | "undecided" | "not checked",
     "kept": true | false, whether all of it is from an earlier run,
     "expected": {"outcome": "holds" | "refuted" | "vacuous", "note"} | null,
     "trace": TRACE | null}, ...]
}

VERDICT is {"kind": "exhausted", "states"} | {"kind": "proved", "method"} |
{"kind": "bounded", "depth", "limit"} | {"kind": "refuted", "steps", "shortest"} |
{"kind": "reached", "steps"} | {"kind": "unreachable", "method"} |
{"kind": "vacuous", "method"} | {"kind": "unknown", "limit"}.

TRACE is {"steps": [{"number", "action", "arguments", "actor", "sentence", "answer",
"detail", "location", "changes": [{"entry", "before", "after"}],
"definitions": [{"name", "value"}]}], "violated": {"text", "location"} | null}.

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
from tdxcheck.checker.report.story import tell
from tdxcheck.checker.trace import Flip, Trace, TraceStep
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    Proved,
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
        "expected": expected
        and {"outcome": expected.outcome.value, "note": expected.told},
        "trace": judgement.trace and trace_as_json(judgement.trace),
    }


def verdict_as_json(verdict: Verdict) -> Json:
    match verdict:
        case Exhausted(states):
            return {"kind": "exhausted", "states": states}
        case Proved(method, invariant):
            return {"kind": "proved", "method": method, "invariant": invariant}
        case Bounded(depth, limit):
            return {"kind": "bounded", "depth": depth, "limit": limit.value}
        case Refuted(run, shortest):
            return {"kind": "refuted", "steps": len(run.steps), "shortest": shortest}
        case Reached(run):
            return {"kind": "reached", "steps": len(run.steps)}
        case Unreachable(method):
            return {"kind": "unreachable", "method": method}
        case Vacuous(method):
            return {"kind": "vacuous", "method": method}
        case Unknown(limit):
            return {"kind": "unknown", "limit": limit.value}
    raise TypeError(f"not a verdict: {verdict!r}")


def trace_as_json(trace: Trace) -> Json:
    clause = tell(trace).clause
    return {
        "steps": [_step(step) for step in trace.steps],
        "violated": clause
        and {"text": clause.text, "location": str(trace.rule.location)},
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

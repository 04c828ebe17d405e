"""Plain data: answers and statistics as JSON, and back."""

from __future__ import annotations

from typing import Any

from tdxcheck.checker.judging.work import Answer, Statistics
from tdxcheck.checker.trace import Evidence
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    HeldInSmall,
    Limit,
    Proved,
    ProvedForEvery,
    Reached,
    Refuted,
    Run,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)

Json = Any

KINDS: dict[str, type[Verdict]] = {
    kind.__name__: kind
    for kind in (
        Exhausted,
        Proved,
        ProvedForEvery,
        HeldInSmall,
        Bounded,
        Refuted,
        Reached,
        Unreachable,
        Vacuous,
        Unknown,
    )
}


class Damaged(Exception):
    """A document does not say what it should."""


def from_answer(answer: Answer) -> Json:
    said = {name: _plain(value) for name, value in vars(answer.verdict).items()}
    evidence = answer.evidence
    return {
        "kind": type(answer.verdict).__name__,
        **said,
        "proof": answer.proof,
        "evidence": evidence
        and {"states": evidence.states, "steps": evidence.steps, "loop": evidence.loop},
    }


def to_answer(said: Json) -> Answer:
    try:
        said = dict(said)
        kind, evidence = KINDS[said.pop("kind")], said.pop("evidence")
        proof = said.pop("proof")
        if "run" in said:
            run = said["run"]
            said["run"] = Run(_rows(run["states"]), tuple(run["steps"]), run["loop"])
        if isinstance(said.get("invariant"), list):
            said["invariant"] = tuple(said["invariant"])
        for name in ("rests_on", "because"):
            if name in said:
                said[name] = tuple(said[name])
        if "limit" in said:
            said["limit"] = Limit[said["limit"]]
        return Answer(
            kind(**said),
            evidence
            and Evidence(
                _rows(evidence["states"]),
                tuple((name, tuple(codes)) for name, codes in evidence["steps"]),
                evidence["loop"],
            ),
            None if proof is None else tuple(map(_clause, proof)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged from error


def from_statistics(seen: Statistics | None) -> Json:
    return seen and {name: _plain(value) for name, value in vars(seen).items()}


def to_statistics(said: Json) -> Statistics | None:
    try:
        if said is None:
            return None
        limit = said["limit"] and Limit[said["limit"]]
        return Statistics(**{**said, "limit": limit})
    except (KeyError, TypeError) as error:
        raise Damaged from error


def _plain(value: Any) -> Json:
    match value:
        case Limit():
            return value.name
        case Run():
            return {"states": value.states, "steps": value.steps, "loop": value.loop}
    return value


def _clause(said: Json) -> tuple[tuple[int, tuple[int, ...]], ...]:
    return tuple((int(slot), tuple(map(int, values))) for slot, values in said)


def _rows(rows: Json) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in rows)

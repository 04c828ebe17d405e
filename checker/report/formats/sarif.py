"""SARIF 2.1.0: what is broken or undecided, with its run as a code flow.

What holds is no result, but counted by the kind of its verdict, save that a rule which
no design could break is told, as informational if it is no news. What is known to be
broken is a suppressed one, with the reason; what is undecided is of the kind "open",
and also a notification.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tdxcheck.checker.report.finding import Finding, Result, Results, Stage
from tdxcheck.checker.report.formats.places import (
    MEANING,
    Base,
    Place,
    best_place,
    place_of,
)

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

Json = Any


def sarif(results: Results, root: Path, version: str) -> str:
    """The log, with paths from the root of the repository."""
    told = [f for f in results.findings if _is_told(f)]
    rules = {finding.name: finding for finding in told}
    numbers = {name: number for number, name in enumerate(rules)}
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "tdxcheck",
                        "semanticVersion": version,
                        "rules": [_rule(finding) for finding in rules.values()],
                    }
                },
                "invocations": [_invocation(results)],
                "originalUriBaseIds": {
                    base.value: {"description": {"text": meaning}}
                    for base, meaning in MEANING.items()
                },
                "columnKind": "unicodeCodePoints",
                "properties": {"verdicts": dict(results.verdicts)},
                "results": [_result(f, numbers[f.name], root) for f in told],
            }
        ],
    }
    return json.dumps(log, indent=1) + "\n"


def _is_told(finding: Finding) -> bool:
    news = finding.result in (Result.FAILED, Result.UNDECIDED)
    return news or finding.idle or bool(finding.known)


def _rule(finding: Finding) -> Json:
    full = " ".join(filter(None, (finding.meaning, finding.rationale)))
    sources = "".join(f"\n- {source}" for source in finding.sources)
    return {
        "id": finding.name,
        "shortDescription": {"text": finding.meaning or finding.name},
        "fullDescription": {"text": full or finding.name},
        "help": {"text": (full or finding.name) + sources},
        "defaultConfiguration": {"level": "error"},
        "properties": {"severity": finding.severity} if finding.severity else {},
    }


def _invocation(results: Results) -> Json:
    undecided = results.having(Result.UNDECIDED)
    told: dict[str, Json] = {
        "executionSuccessful": not undecided and not results.interrupted,
        "exitCode": results.status,
        "exitCodeDescription": results.summary,
    }
    if undecided:
        told["toolExecutionNotifications"] = [
            {
                "level": "error",
                "message": {"text": f"{f.subject}: {f.name}: {f.message}"},
                "associatedRule": {"id": f.name},
            }
            for f in undecided
        ]
    return told


def _result(finding: Finding, rule: int, root: Path) -> Json:
    place = best_place(finding, root)
    identity = f"{finding.subject}\n{finding.name}"
    fingerprint = hashlib.sha256(identity.encode()).hexdigest()[:32]
    told: dict[str, Json] = {
        "ruleId": finding.name,
        "ruleIndex": rule,
        **_weight(finding),
        "message": {"text": _text(finding)},
        "locations": [_at(place)] if place else [],
        "relatedLocations": list(_related(finding, place, root)),
        "partialFingerprints": {"subjectAndName/v1": fingerprint},
    }
    if finding.report:
        told["message"]["markdown"] = _as_markdown(finding)
    if finding.stages:
        told["codeFlows"] = [_flow(finding, root)]
    if finding.known:
        told["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted",
                "justification": f"known: {finding.known}",
            }
        ]
    return told


def _text(finding: Finding) -> str:
    """What was found, and then what was asked."""
    told = f"{finding.subject}: {finding.message}"
    return f"{told}\n\n{finding.meaning}" if finding.meaning else told


def _as_markdown(finding: Finding) -> str:
    return f"{_text(finding)}\n\n```\n{finding.report}```\n"


def _weight(finding: Finding) -> Json:
    if finding.result is Result.UNDECIDED:
        return {"kind": "open", "level": "none"}
    if finding.idle and finding.result is Result.PASSED:
        return {"kind": "informational", "level": "none"}
    return {"kind": "fail", "level": "note" if finding.known else "error"}


def _at(place: Place, message: str = "") -> Json:
    if place.base is Base.NOTHING:
        file = {"uri": Path(place.path).as_uri()}
    else:
        file = {"uri": _uri(place.path), "uriBaseId": place.base.value}
    region = {"startLine": place.first, "endLine": place.last}
    told: Json = {"physicalLocation": {"artifactLocation": file, "region": region}}
    if message:
        told["message"] = {"text": message}
    return told


def _uri(path: str) -> str:
    """A path from a base as a reference that is relative to it."""
    return Path("/", path).as_uri().removeprefix("file:///")


def _related(finding: Finding, shown: Place | None, root: Path) -> Iterable[Json]:
    """What was asked, and where the design is stated, unless that is shown already."""
    locations = {"what was asked": finding.location}
    if finding.elsewhere:
        locations["where the design is stated"] = finding.elsewhere[0]
    for number, (word, location) in enumerate(locations.items()):
        if location is not None and (place := place_of(location, root)) != shown:
            yield {"id": number, **_at(place, word)}


def _flow(finding: Finding, root: Path) -> Json:
    stages = [
        _stage(number, stage, root) for number, stage in enumerate(finding.stages, 1)
    ]
    if finding.location is not None:
        end = Stage(finding.location, finding.message, decisive=True)
        stages.append(_stage(len(stages) + 1, end, root))
    return {
        "message": {"text": f"{len(finding.stages)} steps that lead there"},
        "threadFlows": [{"locations": stages}],
    }


def _stage(number: int, stage: Stage, root: Path) -> Json:
    told: Json = {
        "location": _at(place_of(stage.location, root), stage.text),
        "executionOrder": number,
        "importance": "essential" if stage.decisive else "important",
    }
    if stage.changes:
        told["state"] = {entry: {"text": value} for entry, value in stage.changes}
    return told

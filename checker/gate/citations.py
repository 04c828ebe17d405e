"""Citations: sources that are no longer cited, newly cited, or say something else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tdxcheck.checker.findings import Weight, Witness
from tdxcheck.checker.gate.context import AFTER, BEFORE, Context
from tdxcheck.checker.gate.side.citing import digest_of

Json = Any
Resting = tuple[str, str]
"""The kind and the name of what cites: a rule, an action, a guard."""


def compare(context: Context) -> None:
    old, new = (outline["clauses"] for outline in context.outlines)
    moved = [
        key for key in old if key in new and old[key]["digest"] != new[key]["digest"]
    ]
    first = [
        key for key in moved if not old[key]["fact"] and _same_title(old, new, key)
    ]
    if first:
        message = f"are written down now, of {len(first)} clauses"
        context.add("facts-recorded", "facts", message, weight=Weight.NOTE)
    for key in moved:
        if key not in first:
            _moved(context, key, old[key], new[key])
    cites = [_by_subject(outline["clauses"]) for outline in context.outlines]
    there = [
        set(_subjects(outline)) | set(c)
        for outline, c in zip(context.outlines, cites, strict=True)
    ]
    for subject in dict.fromkeys((*cites[BEFORE], *cites[AFTER])):
        was, now = (found.get(subject, {}) for found in cites)
        lost = [key for key in was if key not in now]
        gained = [key for key in now if key not in was]
        if not lost and not gained:
            continue
        if subject in there[BEFORE] and subject in there[AFTER]:
            _changed(context, subject, lost, gained, now or was)


def _moved(context: Context, key: str, old: Json, new: Json) -> None:
    parts = []
    for part, title in (("title", "the document was"), ("fact", "the fact was")):
        if old[part] != new[part]:
            parts.append(f"{title} '{old[part]}', and is '{new[part]}'")
    context.add(
        "source-changed",
        key,
        "; ".join(parts),
        witnesses=[Witness("what rests on it", tuple(_resting(new)))],
    )


def _same_title(old: Json, new: Json, key: str) -> bool:
    return bool(old[key]["title"] == new[key]["title"])


def _resting(clause: Json) -> Iterator[str]:
    """What cites the clause, with its place; verdicts of many designs as one."""
    verdicts: dict[str, list[str]] = {}
    for kind, name, _, file, line in clause["rests"]:
        if kind == "expectation":
            design, _, about = name.partition(" ")
            verdicts.setdefault(about, []).append(design)
        else:
            yield f"{kind} {name}" + (f" ({file}:{line})" if file else "")
    for about, designs in verdicts.items():
        yield f"verdict expected of {about} in {', '.join(designs)}"


def recorded_facts(clauses: Json) -> str:
    """The file of facts: of each clause its fact, and the digest of what it says.

    Where nothing is written down yet, the fact is the sentence that it is first cited
    for: that of the rule, the safeguard, the action or the verdict that rests on it.
    """
    found = {}
    for key, clause in sorted(clauses.items()):
        says = (says for _, _, says, _, _ in clause["rests"] if says)
        fact = clause["fact"] or next(says, "")
        digest = digest_of(clause["title"], key, fact)
        found[key] = {"fact": fact, "digest": digest}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _by_subject(clauses: Json) -> dict[Resting, dict[str, Json]]:
    found: dict[Resting, dict[str, Json]] = {}
    for key, clause in clauses.items():
        for kind, name, _, file, line in clause["rests"]:
            place = {"file": file, "line": line}
            found.setdefault((kind, name), {})[key] = place
    return found


def _subjects(outline: Json) -> list[Resting]:
    """What is there and may cite, or cite nothing."""
    return [
        *(
            ("claim" if r["claim"] else "rule", name)
            for name, r in outline["rules"].items()
        ),
        *(("action", action["name"]) for action in outline["actions"].values()),
        *(("design", design) for design in outline["designs"]),
    ]


def _changed(
    context: Context,
    subject: Resting,
    lost: list[str],
    gained: list[str],
    places: dict[str, Json],
) -> None:
    kind, name = subject
    told = []
    if lost:
        told.append(f"no longer cites {'; '.join(lost)}")
    if gained:
        told.append(f"now cites {'; '.join(gained)}")
    at = next(iter(places.values()), None)
    weight = Weight.FAILS if lost else Weight.NOTE
    message = f"{kind}: {', and '.join(told)}"
    name_of = "citation-changed" if lost else "citation-added"
    context.add(
        name_of, name, message, at=at if at and at["file"] else None, weight=weight
    )

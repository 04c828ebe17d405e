"""Citing: every clause of a source that is cited, for which fact, and by whom.

A clause is a place in a document, and is named by both: `L6.8, tdx_memory_notifier()`.
The fact that the project takes from it is one sentence in the file of facts, beside a
digest of the sentence, of the place and of the document's title.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.gate.side.loading import Tree
from tdxcheck.checker.gate.side.meaning import digest
from tdxcheck.checker.language.interpreter import View
from tdxcheck.checker.language.location import Location
from tdxcheck.checker.language.source import Source
from tdxcheck.checker.language.system import Event
from tdxcheck.checker.report.phrase import phrase

Json = Any
FILES = ("spec/facts.json", "facts.json")
"""Where the facts of a tree may be, relative to it."""
NOWHERE = View({}, {})

Cited = tuple[str, str, str, Location | None, tuple[Source, ...]]
"""What cites: its kind, its name, what it says, where it is, and its sources."""


def identifier(source: Source) -> str:
    return f"{source.document.key}, {source.place}"


def digest_of(source_title: str, name: str, fact: str) -> str:
    return digest([source_title, name, fact])


def clauses(tree: Tree) -> Json:
    """By identifier: the title of the document, the fact, and what rests on it."""
    facts = facts_of(tree)
    found: dict[str, Json] = {}
    for kind, name, says, location, sources in citing(tree):
        file, line = tree.place(location) if location else ("", 0)
        for source in sources:
            key = identifier(source)
            fact = facts.get(key, {}).get("fact", "")
            title = source.document.title
            clause = found.setdefault(
                key,
                {
                    "title": title,
                    "fact": fact,
                    "digest": digest_of(title, key, fact),
                    "rests": [],
                },
            )
            resting = [kind, name, says, file, line]
            if resting not in clause["rests"]:
                clause["rests"].append(resting)
    return found


def file_of_facts(root: Path) -> Path | None:
    there = [root / name for name in FILES if (root / name).is_file()]
    return there[0] if there else None


def facts_of(tree: Tree) -> dict[str, Json]:
    path = file_of_facts(tree.root)
    if path is None:
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}") from None
    if not isinstance(data, dict) or not all(
        isinstance(v, dict) and isinstance(v.get("fact"), str) for v in data.values()
    ):
        raise UsageError(f'{path} is not an object of clauses, each with a "fact"')
    return data


def citing(tree: Tree) -> Iterator[Cited]:
    """Everything in the catalogue that cites sources, in the order it is stated in."""
    catalogue = tree.catalogue
    for rule in catalogue.rules:
        found = rule.property
        yield "rule", rule.id, found.summary, found.location, found.sources
    for claim in catalogue.claims:
        found = claim.property
        sources = (*claim.sources, *found.sources)
        yield "claim", claim.key, claim.statement, found.location, sources
        yield from _expected(f"{claim.design} {claim.key}", [claim.expected])
    for assumption in catalogue.assumptions:
        says = assumption.statement
        yield "assumption", assumption.key, says, None, assumption.sources
    for safeguard in catalogue.safeguards:
        where = safeguard.location
        yield "safeguard", safeguard.name, safeguard.doc, where, safeguard.sources
    systems = (*(design.system for design in catalogue.designs), *catalogue.parts)
    for system in systems:
        yield "design", system.name, system.summary, None, system.sources
    actions = dict.fromkeys(action for system in systems for action in system.actions)
    events: dict[Event, None] = {}
    for action in actions:
        yield "action", action.name, action.summary, action.location, action.sources
        for guard in action.guards:
            if guard.sources:
                text = phrase(guard.condition, NOWHERE)
                says = f"{action.summary} Requires: {text}"
                name = f"{action.name}: {text}"
                yield "guard", name, says, guard.location, guard.sources
        if action.event is not None:
            events[action.event] = None
    for event in events:
        yield "event", event.name, event.summary, None, event.sources
    for design in catalogue.designs:
        for rule_name, expected in design.expected.items():
            yield from _expected(f"{design.key} {rule_name}", [expected])
        for guard_name, expected in design.redundant.items():
            yield from _expected(f"{design.key} {guard_name}", [expected])


def _expected(name: str, expected: Iterable[Any]) -> Iterator[Cited]:
    for one in expected:
        yield "expectation", name, one.told, None, one.sources

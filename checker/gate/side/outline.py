"""The outline: what a tree has, with a digest of the meaning of each part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tdxcheck.checker import record
from tdxcheck.checker.catalogue import Claim, Design, Expectation, UsageError
from tdxcheck.checker.gate.side import meaning
from tdxcheck.checker.gate.side.citing import clauses
from tdxcheck.checker.gate.side.loading import Tree
from tdxcheck.checker.gate.side.meaning import digest
from tdxcheck.checker.judging.question import case_of
from tdxcheck.checker.language import location as language_module
from tdxcheck.checker.language.instance import (
    Instance,
    show_answer,
    show_entry,
    show_value,
)
from tdxcheck.checker.language.interpreter import View
from tdxcheck.checker.language.state import Guard
from tdxcheck.checker.language.system import Action, Property
from tdxcheck.checker.language.terms import Term
from tdxcheck.checker.language.variables import Variable
from tdxcheck.checker.report.phrase import phrase

Json = Any
NOWHERE = View({}, {})


def outline(tree: Tree) -> Json:
    catalogue = tree.catalogue
    designs = {d.key: design_of(tree, d) for d in catalogue.designs}
    actions: dict[str, Json] = {}
    keys: dict[Action, str] = {}
    for design in catalogue.designs:
        named = {}
        for action in design.system.actions:
            if action not in keys:
                data = action_of(tree, action)
                keys[action] = digest(data)
                actions[keys[action]] = data
            named[action.name] = keys[action]
        designs[design.key]["actions"] = named
    return {
        "language": language_digest(),
        "machine": catalogue.machine.setup({}).summary,
        "designs": designs,
        "actions": actions,
        "rules": {
            **{r.id: rule_of(tree, r.property, r.concern) for r in catalogue.rules},
            **{c.key: claim_of(tree, c) for c in catalogue.claims},
        },
        "clauses": clauses(tree),
        "records": dict(records_of(tree)),
    }


def language_digest() -> str:
    """Of what gives recorded rules their meaning."""
    folder = Path(language_module.__file__).resolve().parents[1]
    found = hashlib.sha256()
    for part in ("language", "ground"):
        for path in sorted((folder / part).glob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def design_of(tree: Tree, design: Design) -> Json:
    instance = instance_of(tree, design)
    system = instance.system
    start = {
        show_entry(entry): shown(instance.start(entry), variable)
        for variable in instance.variables
        for entry in instance.entries(variable)
    }
    return {
        "summary": system.summary,
        "start": start,
        "variables": {
            v.name: digest(meaning.of_variable(v)) for v in instance.variables
        },
        "initial": sorted(
            digest(meaning.of_term(rule.condition, {})) for rule in system.initial
        ),
        "scope": {sort.__name__: n for sort, n in instance.scope.items()},
        "safeguards": [s.name for s in design.system.safeguards],
        "expected": {
            rule: expectation_of(expected) for rule, expected in design.expected.items()
        },
    }


def expectation_of(expected: Expectation) -> Json:
    return {
        "outcome": expected.outcome.value,
        "bug": expected.bug,
        "note": expected.note,
    }


def instance_of(tree: Tree, design: Design) -> Instance:
    """The design on the default machine."""
    return case_of(tree.catalogue, design, (), {}, ()).instance


def shown(value: Any, variable: Variable) -> str | None:
    return None if value is None else show_value(value, variable.sort)


def action_of(tree: Tree, action: Action) -> Json:
    file, line = tree.place(action.location)
    return {
        "name": action.name,
        "summary": action.summary,
        "event": action.event.name if action.event else "",
        "meaning": digest(meaning.of_action(action)),
        "file": file,
        "line": line,
        "guards": [guard_of(tree, action, guard) for guard in action.guards],
        "effects": [
            {
                "variable": update.variable.name,
                "meaning": digest(meaning.of_update(action, update)),
                "text": phrase(update.value, NOWHERE),
            }
            for update in action.updates
        ],
    }


def guard_of(tree: Tree, action: Action, guard: Guard) -> Json:
    file, line = tree.place(guard.location)
    refusal = guard.refusal
    answer = ""
    if refusal is not None:
        answer = (
            phrase(refusal.answer, NOWHERE)
            if isinstance(refusal.answer, Term)
            else show_answer(refusal.answer)
        )
    return {
        "meaning": digest(meaning.of_guard(action, guard)),
        "condition": digest(meaning.of_guard(action, guard)[0]),
        "text": phrase(guard.condition, NOWHERE),
        "answer": answer,
        "file": file,
        "line": line,
    }


def rule_of(tree: Tree, rule: Property, concern: str) -> Json:
    file, line = tree.place(rule.location)
    return {
        "mode": rule.mode.value,
        "summary": rule.summary,
        "rationale": " ".join(rule.rationale.split()),
        "severity": rule.severity.name,
        "concern": concern,
        "meaning": digest(meaning.of_rule(rule)),
        "of_actions": meaning.speaks_of_actions(rule.condition),
        "text": phrase(rule.condition, NOWHERE),
        "file": file,
        "line": line,
        "claim": None,
        "same_as": "",
    }


def claim_of(tree: Tree, claim: Claim) -> Json:
    found = rule_of(tree, claim.property, "claims")
    found["summary"] = claim.statement
    same = [r.id for r in tree.catalogue.rules if r.property is claim.property]
    found["same_as"] = "".join(same[:1])
    found["claim"] = {
        "design": claim.design,
        "assumptions": [assumption.key for assumption in claim.assumptions],
        "expected": expectation_of(claim.expected),
    }
    return found


def records_of(tree: Tree) -> Iterator[tuple[str, Json]]:
    """The recorded traces, each with what it is evidence of."""
    if not tree.records.is_dir():
        return
    for path in sorted(tree.records.glob(f"*{record.SUFFIX}")):
        name = path.name.removesuffix(record.SUFFIX)
        content = path.read_bytes()
        data: Json = {"file": str(path.relative_to(tree.root))}
        data["digest"] = hashlib.sha256(content).hexdigest()[:16]
        try:
            recording = record.read(path)
        except UsageError as error:
            data["error"] = str(error)
        else:
            subject = recording.subject
            data |= {
                "design": subject.design,
                "question": subject.question,
                "bug": subject.bug,
                "steps": len(recording.steps),
                "assumed": list(subject.assumed),
                "usual": dict(subject.sizes) == dict(tree.catalogue.machine.sizes),
            }
        yield name, json.loads(json.dumps(data))

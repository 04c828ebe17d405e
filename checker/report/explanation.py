"""Explanations: what a rule, a design, a claim or an assumption says, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from tdxcheck.checker.catalogue import (
    Assumption,
    Catalogue,
    Claim,
    Design,
    Outcome,
    Rule,
)
from tdxcheck.checker.language.instance import show_answer
from tdxcheck.checker.language.interpreter import View
from tdxcheck.checker.language.liveness import Fairness, Target
from tdxcheck.checker.language.reading import events_in, variables_in
from tdxcheck.checker.language.simplify import simplified
from tdxcheck.checker.language.source import Source
from tdxcheck.checker.language.state import Refusal
from tdxcheck.checker.language.system import Action, Property, Setting, TransitionSystem
from tdxcheck.checker.language.terms import Const
from tdxcheck.checker.language.variables import Safeguard, Variable
from tdxcheck.checker.report.difference import Difference, difference
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.report.phrase import phrase, show_setting

NOWHERE = View({}, {})
"""A view for terms that are only named, never evaluated."""


def rule(page: Page, asked: Rule, catalogue: Catalogue) -> None:
    _property(page, asked.id, asked.property)
    page.add(asked.concern, label="  concern:   ", at=13)
    page.add()
    known: dict[str, list[str]] = {}
    enforced: dict[tuple[_Enforcing, ...], list[str]] = {}
    for design in catalogue.designs:
        expected = design.expected.get(asked.id)
        if expected is not None:
            note = f": {expected.told}" if expected.told else ""
            known.setdefault(f"{expected.outcome.value}{note}", []).append(design.key)
        if guards := tuple(_enforcing(design, asked.property)):
            enforced.setdefault(guards, []).append(design.key)
    for told, keys in known.items():
        page.add(f"{', '.join(keys)}: {told}", label="  ", at=4)
    for guards, keys in enforced.items():
        page.add()
        page.add(f"Guards in {', '.join(keys)} that stand before it:")
        for guard in guards:
            _guard(page, guard)


def _property(page: Page, name: str, asked: Property) -> None:
    page.add(name, Style.TITLE)
    page.add(asked.summary, label="  ", at=2)
    page.add()
    page.add(asked.mode.value, label="  kind:      ", at=13)
    page.add(asked.severity.value, label="  severity:  ", at=13)
    page.add(str(asked.location), label="  written:   ", at=13)
    page.add(phrase(asked.condition, NOWHERE), label="  formally:  ", at=13)
    if asked.goal is not None:
        page.add(phrase(asked.goal, NOWHERE), label="  leads to:  ", at=13)
    for number, line in enumerate(asked.fair):
        _line(page, line, "" if number else "  fairness:  ")
    _sources(page, asked.sources)
    if asked.rationale:
        page.add()
        _paragraphs(page, asked.rationale)


def _line(page: Page, line: Fairness, label: str) -> None:
    """What the rule relies on, word by word."""
    page.add(f"{line.name} ({line.strength}): {line.summary}", label=label, at=13)
    told = f"{_targets(line.targets)} ({line.turns.value}"
    if line.excepted:
        told += f"; except {_targets(line.excepted)}"
    told += "".join(f"; with {name} = {v}" for name, v in line.choosing.items())
    when = "becomes possible again and again" if line.strong else "stays possible"
    told += f"): not put off for ever where it {when}"
    if condition := phrase(line.condition, NOWHERE):
        told += f", and {condition}"
    page.add(told, Style.QUIET, label="", at=15)
    for source in line.sources:
        page.add(f"{source}; {line.location}", Style.QUIET, label="", at=15)


def _targets(targets: Iterable[Target]) -> str:
    return ", ".join(
        target.name.lower() if isinstance(target, Enum) else target.name
        for target in targets
    )


def _paragraphs(page: Page, text: str) -> None:
    for paragraph in text.split("\n\n"):
        page.add(" ".join(paragraph.split()), label="  ", at=2)


def _sources(page: Page, sources: Iterable[Source]) -> None:
    for number, source in enumerate(sources):
        page.add(str(source), label="" if number else "  sources:   ", at=13)


@dataclass(frozen=True)
class _Enforcing:
    """A refusal, in words and with its place; one that two designs share is equal."""

    action: str
    text: str
    place: str


def _enforcing(design: Design, asked: Property) -> Iterator[_Enforcing]:
    """Refusals by actions that the rule speaks of, or that change what it reads.

    With the condition as it is for this design, whose safeguards are settled.
    """
    read = set(variables_in(asked.condition))
    events = events_in(asked.condition)
    for action in design.system.actions:
        changes = any(update.variable in read for update in action.updates)
        if changes or action.event in events:
            for guard in action.guards:
                condition = simplified(guard.condition, settled(design.system))
                switched_off = isinstance(condition, Const) and condition.value is True
                if guard.refusal is not None and not switched_off:
                    told = _told(guard.refusal)
                    if isinstance(condition, Const):
                        text = f"always {told}"
                    else:
                        text = f"{phrase(condition, NOWHERE)}; else {told}"
                    yield _Enforcing(action.name, text, str(guard.location))


def _told(refusal: Refusal) -> str:
    answer = refusal.answer
    shown = show_answer(answer) if isinstance(answer, Enum) else "a status"
    return shown if refusal.visible else f"{shown}, silently"


def _guard(page: Page, guard: _Enforcing) -> None:
    page.add(guard.text, label=f"  {guard.action}: ", at=6)
    page.add(guard.place, Style.QUIET, label="", at=6)


def design(page: Page, asked: Design, catalogue: Catalogue) -> None:
    system = asked.system
    page.add(asked.key, Style.TITLE)
    page.add(system.summary, label="  ", at=2)
    _sources(page, system.sources)
    page.add()
    if system.safeguards:
        page.add("Safeguards:")
        for safeguard in system.safeguards:
            _safeguard(page, safeguard)
        page.add()
    unneeded(page, system)
    if system.base is not None:
        page.add(f"As {system.base.name}, except:")
        changes(page, difference(system.base, system), system.base, system)
    page.add(f"Actions: {', '.join(a.name for a in system.actions)}", label="", at=2)
    known = {
        Outcome.REFUTED: "Known to be broken",
        Outcome.VACUOUS: "Known to be vacuous",
    }
    for outcome, heading in known.items():
        rows = [(n, e.told) for n, e in asked.expected.items() if e.outcome is outcome]
        if rows:
            page.add()
            page.add(f"{heading}:")
            page.entries(rows, at=2)
    about = [claim.key for claim in catalogue.claims if claim.design == asked.key]
    if about:
        page.add()
        page.add(f"Claims about it: {', '.join(about)}")


def settled(system: TransitionSystem) -> Mapping[Variable, Setting]:
    """Which safeguards the system has, and which it has not, and its other settings."""
    variables = system.state.variables()
    off: dict[Variable, Setting] = {
        variable: False for variable in variables if isinstance(variable, Safeguard)
    }
    return {**off, **system.settings}


def _safeguard(page: Page, safeguard: Safeguard) -> None:
    bugs = f" ({', '.join(safeguard.bugs)})" if safeguard.bugs else ""
    page.add(f"{safeguard.name}{bugs}: {safeguard.doc}", label="  ", at=4)


def unneeded(page: Page, system: TransitionSystem) -> None:
    """The safeguards that it does without, as nothing in it would ask, and why."""
    if system.unneeded:
        page.add("Not needed:")
        for safeguard, reason in system.unneeded.items():
            assert isinstance(safeguard, Safeguard)
            _safeguard(page, safeguard)
            page.add(f"because {reason}", Style.QUIET, label="      ", at=6)
        page.add()


def changes(
    page: Page, found: Difference, before: TransitionSystem, after: TransitionSystem
) -> None:
    """What one system does otherwise than another."""
    for variable, *values in found.settings:
        shown = [show_setting(variable, value) for value in values]
        text = f"{variable.name}: {shown[1]} instead of {shown[0]}"
        if isinstance(variable, Safeguard):
            word = "with" if values[1] else "without"
            text = f"{word} {variable.name}: {variable.doc}"
            if reason := after.unneeded.get(variable):
                text = f"not needed, {variable.name}: {variable.doc} Because {reason}"
        page.add(text, label="  ", at=4)
    for old, new in found.replaced:
        page.add(f"{new.name} ({new.location}) instead of {old.name}", label="  ", at=4)
        _side(page, "before:", old, before)
        _side(page, "now:", new, after)
    for action in found.added:
        page.add(f"more: {action.name} ({action.location})", label="  ", at=4)
        _side(page, "", action, after)
    for action in found.removed:
        page.add(f"without: {action.name} ({action.location})", label="  ", at=4)
    page.add()


def _side(page: Page, heading: str, action: Action, system: TransitionSystem) -> None:
    label = f"    {heading:<8}"
    page.add(action.summary, label=label, at=12)
    for guard in action.guards:
        condition = simplified(guard.condition, settled(system))
        if guard.refusal is None or (
            isinstance(condition, Const) and condition.value is True
        ):
            continue
        answer = guard.refusal.answer
        told = show_answer(answer) if isinstance(answer, Enum) else "a status"
        if isinstance(condition, Const):
            text = f"always refused: {told}"
        else:
            text = f"unless {phrase(condition, NOWHERE)}: {told}"
        page.add(text, Style.QUIET, at=14)


def claim(page: Page, asked: Claim) -> None:
    page.add(f"{asked.key}, of {asked.design}", Style.TITLE)
    page.add(asked.statement, label="  ", at=2)
    _sources(page, asked.sources)
    page.add()
    page.add("Checked as:")
    _property(page, asked.property.name, asked.property)
    if asked.assumptions:
        page.add()
        page.add("It rests on:")
        page.entries([(a.key, a.statement) for a in asked.assumptions], at=2)


def assumption(page: Page, asked: Assumption, catalogue: Catalogue) -> None:
    page.add(asked.key, Style.TITLE)
    page.add(asked.statement, label="  ", at=2)
    _sources(page, asked.sources)
    page.add()
    page.add("To assume it fixes:")
    for variable, value in asked.settings.items():
        page.add(_setting(variable, value), label="  ", at=4)
    used = [c.key for c in catalogue.claims if asked in c.assumptions]
    if used:
        page.add(f"Claims that rest on it: {', '.join(used)}")
    designs: dict[tuple[str, str], list[str]] = {}
    for design, table in asked.known.items():
        for rule, expected in table.items():
            told = f"{expected.outcome.value}: {expected.told}"
            designs.setdefault((rule, told), []).append(design)
    if designs:
        page.add("Known to be otherwise under it:")
    for (rule, told), names in designs.items():
        page.add(f"{rule} ({', '.join(names)}) {told}", label="  ", at=4)


def safeguard(page: Page, asked: Safeguard, catalogue: Catalogue) -> None:
    page.add(asked.name, Style.TITLE)
    page.add(asked.doc, label="  ", at=2)
    if asked.bugs:
        page.add(", ".join(asked.bugs), label="  bugs:      ", at=13)
    page.add(str(asked.location), label="  written:   ", at=13)
    _sources(page, asked.sources)
    page.add()
    has = [d for d in catalogue.designs if asked in d.system.safeguards]
    page.add(f"Designs that have it: {', '.join(d.key for d in has)}", at=2)
    for design in has:
        if reason := design.redundant.get(asked.name):
            page.add(f"{design.key} does not need it: {reason.told}", label="  ", at=4)
    page.add()
    page.add("Where it is asked:")
    for action in dict.fromkeys(a for d in has for a in d.system.actions):
        if asked in _read_in(action):
            page.add(f"{action.name} ({action.location})", label="  ", at=4)


def _read_in(action: Action) -> set[Variable]:
    terms = [guard.condition for guard in action.guards]
    terms += [update.value for update in action.updates]
    return set(variables_in(*terms))


def _setting(variable: Variable, value: object) -> str:
    doc = f" ({variable.doc})" if variable.doc else ""
    return f"{variable.name} = {show_setting(variable, value)}{doc}"

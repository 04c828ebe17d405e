"""The narrative: a trace as an incident report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import groupby
from typing import Any

from tdxcheck.checker.language.instance import (
    Entry,
    show_element,
    show_entry,
    show_value,
)
from tdxcheck.checker.language.instance import show_answer as as_told
from tdxcheck.checker.language.source import Source
from tdxcheck.checker.language.state import Definition
from tdxcheck.checker.language.system import Mode, Property
from tdxcheck.checker.language.terms import Index
from tdxcheck.checker.report import endless
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.report.story import Folded, Shown, Story, tell
from tdxcheck.checker.trace import Change, Flip, Trace, TraceStep

INDENT = 2
MOST_CHANGES = 4
"""Changes told of one step; the rest are only counted."""


def narrate(page: Page, title: str, trace: Trace, machine: str, shortest: bool) -> None:
    """Tell the trace: the rule, the machine, the steps, what is wrong, the sources."""
    story = tell(trace)
    rule = trace.rule
    reached = rule.mode is Mode.REACHABLE
    page.add(title, Style.TITLE if reached else Style.BAD)
    page.add(rule.summary, label="  ", at=INDENT)
    page.add(
        f"{rule.location}; severity: {rule.severity.value}",
        Style.QUIET,
        label="  ",
        at=INDENT,
    )
    page.add()
    kind = "example" if reached else "counterexample"
    text = f"{kind}: {length(trace)}"
    found = f"shortest {text}" if shortest else text
    page.add(f"{found}, on {machine}" if machine else found, label="  ", at=INDENT)
    if story.chosen:
        page.add("where " + _entries(story), label="  ", at=INDENT)
    page.add()
    _steps(page, story)
    page.add()
    ending(page, story)
    if trace.loop is not None:
        endless.fairness(page, trace)
    significance(page, rule)
    _sources(page, story)


def length(trace: Trace) -> str:
    """How many steps there are, and how many of them come again and again."""
    loop = trace.loop
    steps = len(trace.steps) if loop is None else loop.begin
    text = f"{steps} step{'s' * (steps != 1)}"
    if loop is None:
        return text
    again = len(loop.steps)
    return f"{text}, then {again} for ever" if again else f"{text}, then nothing"


def _entries(story: Story) -> str:
    return ", ".join(
        f"{show_entry(entry)} = {show_value(value, entry[0].sort)}"
        for entry, value in story.chosen
    )


def _steps(page: Page, story: Story) -> None:
    numbers = [_label(part) for part in story.parts]
    at = INDENT + max((len(number) for number in numbers), default=0) + 2
    loop = story.trace.loop
    for number, part in zip(numbers, story.parts, strict=True):
        if loop is not None and isinstance(part, Shown):
            if part.step.number == loop.begin + 1:
                endless.heading(page, story.trace)
        label = " " * INDENT + number
        if isinstance(part, Folded):
            text = f"{together(part.steps)}: all successful"
            page.add(text, Style.QUIET, label=label, at=at)
            if part.left:
                page.add(f"leaves {show_changes(part.left)}", Style.QUIET, at=at)
        else:
            _one(page, part, story.spoken_of, label, at)
    if loop is not None and not loop.steps:
        endless.heading(page, story.trace)


def _label(part: Shown | Folded) -> str:
    if isinstance(part, Folded):
        return f"{part.steps[0].number}-{part.steps[-1].number}"
    return str(part.step.number)


def together(steps: tuple[TraceStep, ...]) -> str:
    """Several uneventful steps in one sentence, by the names of their actions."""
    told = []
    for actor, mine in groupby(steps, key=lambda step: step.action.actor):
        calls = []
        for _, same in groupby(mine, key=lambda step: step.action):
            calls.append(by_name(list(same)))
        told.append(f"{show_actor(actor)}{', '.join(calls)}")
    return "; ".join(told)


def by_name(steps: list[TraceStep]) -> str:
    """One action by its name, with the arguments of each time that it is taken."""
    arguments = [" ".join(_places(step)) for step in steps]
    name = steps[0].action.name
    if arguments[0]:
        return f"{name} ({', '.join(arguments)})"
    return f"{name} x{len(steps)}" if len(steps) > 1 else name


def _places(step: TraceStep) -> Iterator[str]:
    """The elements that the step is about; not the luck that it has."""
    for parameter, value in zip(
        step.action.parameters, step.taken.arguments, strict=True
    ):
        if isinstance(parameter, Index) and value != parameter.usual:
            yield show_element(type(parameter), value)


def show_actor(actor: Enum | None) -> str:
    if actor is None:
        return ""
    return f"{_name(actor)}: "


def _name(actor: Enum) -> str:
    return actor.value if isinstance(actor.value, str) else actor.name.lower()


def told_by(step: TraceStep) -> str:
    """The step's sentence, after its actor where the sentence does not name it."""
    sentence = step.sentence.rstrip(".")
    actor = step.action.actor
    if actor is None or _name(actor).casefold() in sentence.casefold():
        return sentence
    return f"{_name(actor)}: {sentence}"


def _one(
    page: Page, part: Shown, spoken_of: frozenset[Definition], label: str, at: int
) -> None:
    step = part.step
    sentence = told_by(step)
    answer = show_answer(step)
    style = Style.PLAIN if step.went_well else Style.BAD
    page.add(f"{sentence}{answer}", style, label=label, at=at)
    told = [show_changes(part.changes)] if part.changes else []
    told += _flips(f for f in step.flips if f.definition in spoken_of)
    if told:
        page.add("; ".join(told), Style.QUIET, at=at)


def show_answer(step: TraceStep) -> str:
    """What the requester or caller was told: " -> TDX_SUCCESS"."""
    answer = step.outcome.answer
    if answer is None:
        return ""
    detail = f" ({step.outcome.detail})" if step.outcome.detail else ""
    return f" -> {as_told(answer)}{detail}"


def show_changes(changes: tuple[Change, ...]) -> str:
    """The changes, with entries of one map that change alike told together."""
    groups: dict[tuple[Any, ...], list[Entry]] = {}
    for change in changes:
        variable, _ = change.entry
        key = (variable, change.before, change.after)
        groups.setdefault(key, []).append(change.entry)
    told = []
    for (variable, before, after), entries in groups.items():
        sort = variable.sort
        name = _names(entries)
        told.append(f"{name}: {show_value(before, sort)} -> {show_value(after, sort)}")
    more = len(told) - MOST_CHANGES
    if more > 0:
        told = [*told[:MOST_CHANGES], f"and {more} more"]
    return ", ".join(told)


def _names(entries: list[Entry]) -> str:
    variable, numbers = entries[0]
    if len(entries) == 1 or len(numbers) != 1:
        return ", ".join(map(show_entry, entries))
    (sort,) = variable.index_sorts
    return f"{variable.name}[{', '.join(show_element(sort, n) for _, (n,) in entries)}]"


def _flips(flips: Iterable[Flip]) -> list[str]:
    """Definitions that changed, by name: "now usable(block 2); no longer idle"."""
    now, ended, changed = [], [], []
    for flip in flips:
        sorts = flip.definition.parameters.values()
        inner = ", ".join(map(show_element, sorts, flip.numbers))
        name = f"{flip.definition.name}({inner})" if inner else flip.definition.name
        if flip.value is True:
            now.append(name)
        elif flip.value is False:
            ended.append(name)
        else:
            changed.append(f"{name} = {show_value(flip.value, type(flip.value))}")
    told = [f"now {', '.join(now)}"] if now else []
    told += [f"no longer {', '.join(ended)}"] if ended else []
    return told + changed


def ending(page: Page, story: Story) -> None:
    """What is wrong in the end."""
    rule = story.trace.rule
    if story.clause is None:
        page.add(f"Reached: {rule.name}", Style.GOOD, label="  ", at=INDENT)
        return
    reason = story.clause.text
    if rule.mode is Mode.DEADLOCK_FREE:
        reason = f"no step is possible any more; {reason}" if reason else "deadlock"
    if rule.mode is Mode.STEP_RULE:
        where = f"VIOLATED by step {len(story.trace.steps)}"
    elif rule.mode is Mode.LEADS_TO:
        when = endless.when(story.trace)
        where = f"VIOLATED: owed {when}, and never comes, since for ever"
    else:
        where = "VIOLATED here" if story.trace.steps else "VIOLATED from the start"
    colon = "" if rule.mode is Mode.LEADS_TO else ":"
    page.add(f"{where}{colon} {reason}", Style.BAD, label="  ", at=INDENT)
    for fact in (*story.clause.given, *story.clause.failed):
        if fact.because:
            inner = " and ".join(dict.fromkeys(fact.because))
            page.add(f"{fact.text}: {inner}", Style.QUIET, label="    ", at=4)


def significance(page: Page, rule: Property) -> None:
    """Why the rule matters."""
    if rule.mode is Mode.REACHABLE:
        return
    paragraph = " ".join(rule.rationale.split("\n\n")[0].split())
    if paragraph:
        page.add(f"Why it matters: {paragraph}", label="  ", at=INDENT)


def _sources(page: Page, story: Story) -> None:
    for step in story.decisive:
        action = step.action
        cited = [*action.sources, *(s for g in action.guards for s in g.sources)]
        shown = "; ".join(dict.fromkeys(map(_short, cited)))
        place = f"{action.name}, {action.location}"
        text = f"{place} ({shown})" if shown else place
        page.add(text, Style.QUIET, label=f"    step {step.number}: ", at=6)
    for number, source in enumerate(dict.fromkeys(story.trace.rule.sources)):
        label = "          " if number else "    rule: "
        page.add(str(source), Style.QUIET, label=label, at=10)


def _short(source: Source) -> str:
    return f"{source.document.key}: {source.place}"

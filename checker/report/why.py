"""Why a rule is broken: the steps, the false clause, and what would have avoided it."""

from __future__ import annotations

from collections.abc import Sequence

from tdxcheck.checker.judging.others import Others
from tdxcheck.checker.judging.turning import Turn, Turning, is_outside, superfluous
from tdxcheck.checker.language.instance import show_answer, show_entry, show_value
from tdxcheck.checker.language.system import Action, Mode
from tdxcheck.checker.report import endless
from tdxcheck.checker.report.lanes import Told, lanes
from tdxcheck.checker.report.narrative import (
    by_name,
    ending,
    length,
    significance,
)
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.report.remedy import Remedy
from tdxcheck.checker.report.story import Shown, Story, set_by, tell
from tdxcheck.checker.report.words import steps_in_words
from tdxcheck.checker.trace import Trace

MOST_REMEDIES = 4
MOST_DESIGNS = 6


def steps(page: Page, title: str, trace: Trace, machine: str) -> Story:
    """The rule, the machine and the lanes."""
    story = tell(trace)
    reached = trace.rule.mode is Mode.REACHABLE
    page.add(title, Style.TITLE if reached else Style.BAD)
    page.add(trace.rule.summary, label="  ", at=2)
    page.add(f"{length(trace)}, on {machine}", Style.QUIET, label="  ", at=2)
    if story.chosen:
        free = ", ".join(
            f"{show_entry(entry)} = {show_value(value, entry[0].sort)}"
            for entry, value in story.chosen
        )
        page.add(f"where {free}", Style.QUIET, label="  ", at=2)
    page.add()
    lanes(page, _told(story))
    page.add()
    return story


def _told(story: Story) -> Told:
    trace = story.trace
    sources = set_by(trace, set(story.wanted))
    wanted = story.wanted | frozenset(sources)
    return Told(trace, frozenset(_that_matter(story)), wanted, sources)


def _that_matter(story: Story) -> set[int]:
    """The numbers of the steps that do more than prepare others."""
    trace = story.trace
    shown = {part.step.number for part in story.parts if isinstance(part, Shown)}
    decisive = {step.number for step in story.decisive}
    matter = {
        step.number
        for step in trace.steps
        if step.number in shown
        and (
            step.number in decisive
            or step.number == len(trace.steps)
            or is_outside(step.action)
            or not step.went_well
        )
    }
    return matter - {step.number for step in superfluous(trace)}


def clause(page: Page, story: Story) -> None:
    """What is false at the end, and which step set what it reads."""
    trace = story.trace
    ending(page, story)
    if story.clause is None:
        return
    names = {step.number: by_name([step]) for step in trace.steps}
    rows = []
    for entry, number in sorted(
        set_by(trace, set(story.wanted)).items(), key=lambda item: -item[1]
    ):
        state = trace.steps[number - 1].after
        value = show_value(state[entry], entry[0].sort)
        copied = "" if entry in story.wanted else ", and is copied from there"
        rows.append(
            (
                f"{show_entry(entry)} = {value}",
                f"by step {number}, {names[number]}{copied}",
            )
        )
    page.entries(rows, at=4)
    if trace.loop is not None:
        endless.fairness(page, trace)
    significance(page, trace.rule)


def what_matters(trace: Trace) -> frozenset[Action]:
    """The actions of the steps that do more than prepare others."""
    numbers = _that_matter(tell(trace))
    return frozenset(step.action for step in trace.steps if step.number in numbers)


def different(page: Page, found: Others, number: int, more: str) -> None:
    """Which of the different counterexamples is told, and what makes it different."""
    other = found.found[number]
    page.add(f"Counterexample {number + 1} of {len(found.found)} different ones{more}.")
    for place, one in enumerate(found.found, 1):
        mark = ">" if one is other else " "
        clause = f"clause {one.clause + 1}, " if len(found.clauses) > 1 else ""
        if one.trace.loop is not None:
            by = "never"
        else:
            by = f"broken by {one.breaks}" if one.breaks else "broken from the start"
        after = f" after {', '.join(sorted(one.sets))}" if one.sets else ""
        label = f"{mark} {place}  "
        steps = steps_in_words(len(one.trace.steps), one.trace.loop_from)
        text = f"{clause}{by}{after}: {steps}"
        page.add(text, label=label, at=5)
    page.add()


def avoidable(page: Page, trace: Trace, found: Turning) -> None:
    """Until when, and how, the end could be avoided."""
    count = len(trace.steps)
    page.add()
    if trace.loop is not None:
        _still(page, trace, found, trace.loop.begin)
        return
    if found.last is None:
        page.add(
            "Not avoidable: every run from the initial state breaks the rule.",
            label="  ",
            at=2,
        )
        return
    missed = found.last + 1
    others = len(found.turns)
    page.add(
        f"Last avoidable before step {missed}: {_ways(others)}, after which the rule "
        "can be kept",
        label="  ",
        at=2,
    )
    _own(page, found, count)
    if found.turns:
        _nearest(page, missed, found.turns[0])
    if found.mended is not None and found.mended not in found.turns[:1]:
        turn = found.mended
        page.add(
            f"It ends well with the same steps if this comes before step "
            f"{turn.after + 1}: {_sentence(turn)}",
            label="  ",
            at=4,
        )


def _still(page: Page, trace: Trace, found: Turning, begin: int) -> None:
    """Until when what never comes could have come, and how."""
    if found.last is None:
        text = f"Out of reach as soon as it is owed, {endless.when(trace)}"
        page.add(text, label="  ", at=2)
        return
    missed = found.last + 1
    if found.last >= begin:
        text = "Never too late: it can still come, but nobody is obliged to see to it"
        same = "at any time" if found.last else "at once"
    else:
        text = (
            f"Last avoidable before step {missed}: {_ways(len(found.turns))}, after "
            "which it can still come"
        )
        same = f"the same until step {missed - 1}, then" if missed > 1 else "at once"
    page.add(text, label="  ", at=2)
    if found.coming:
        steps = "; ".join(sentence.rstrip(".") for sentence in found.coming)
        page.add(f"Nearest that keeps the rule: {same}: {steps}", label="  ", at=4)


def _ways(number: int) -> str:
    if number == 0:
        return "to do nothing more is the only way"
    return f"{number} other step{'s are' if number > 1 else ' is'} possible there"


def _own(page: Page, found: Turning, count: int) -> None:
    """How long the design itself has it in hand."""
    alone = "; ".join(sentence.rstrip(".") for sentence in found.alone)
    alone = f": {alone}" if alone else ""
    if found.own is None:
        text = f"From the start, what comes from outside can break it by itself{alone}"
    elif found.own >= count - 1 and found.rest_is_own:
        text = f"It is in the design's own hand to the end: step {count} is its own"
    elif found.own >= count:
        return
    else:
        text = (
            f"The design's own steps decide it up to step {found.own + 1}; after that, "
            f"what comes from outside can break it by itself{alone}"
        )
    page.add(text, label="  ", at=4)


def _nearest(page: Page, missed: int, turn: Turn) -> None:
    same = f"the same until step {missed - 1}, then" if missed > 1 else "at once"
    rest = f", and then steps {missed} on as before" if turn.mends else ""
    page.add(
        f"Nearest that keeps the rule: {same}, instead of step {missed}: "
        f"{_sentence(turn)}{rest}",
        label="  ",
        at=4,
    )


def _sentence(turn: Turn) -> str:
    return turn.sentence.rstrip(".")


def elsewhere(page: Page, found: Sequence[Remedy]) -> None:
    """What other designs have at one of the steps."""
    if not found:
        page.add(
            "No single safeguard or guard of another design stops it.", label="  ", at=2
        )
        return
    page.add("Other designs stop it:", label="  ", at=2)
    for remedy in found[:MOST_REMEDIES]:
        page.add(_remedy(remedy), label="    ", at=6)
    if len(found) > MOST_REMEDIES:
        page.add(f"and {len(found) - MOST_REMEDIES} more", Style.QUIET, at=6)


def _remedy(remedy: Remedy) -> str:
    name = remedy.safeguard.name if remedy.safeguard else "a guard"
    designs = ", ".join(remedy.designs[:MOST_DESIGNS])
    more = len(remedy.designs) - MOST_DESIGNS
    if more > 0:
        designs += f" and {more} more"
    place = f" ({remedy.guard.location})" if remedy.guard else ""
    step = f"step {remedy.step.number} {_effect(remedy)}"
    return f"{name} ({designs}): {step}{place}"


def _effect(remedy: Remedy) -> str:
    if remedy.guard is None:
        entry, value = remedy.changed[0]
        return f"leaves {show_entry(entry)} = {show_value(value, entry[0].sort)}"
    if remedy.outcome.answer is None:
        return "is not possible"
    return f"is refused with {show_answer(remedy.outcome.answer)}"

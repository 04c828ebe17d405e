"""The summary of an assessment: the table, the designs, and what is known or news."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tdxcheck.checker.catalogue import Catalogue, Expectation, Outcome
from tdxcheck.checker.judging.judgement import (
    Assessment,
    Judgement,
    Standing,
)
from tdxcheck.checker.judging.question import Case, Question
from tdxcheck.checker.judging.work import Findings, Statistics
from tdxcheck.checker.report.narrative import narrate
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.report.words import in_full, is_idle, length, sentence, word
from tdxcheck.checker.verdict import Exhausted, Refuted


def designs(page: Page, assessment: Assessment) -> None:
    """What was visited of each design, and how long each engine took."""
    rows = [(c.design.key, _effort(assessment, c)) for c in _main(assessment)]
    page.table(rows, at=2)


def _main(assessment: Assessment) -> list[Case]:
    return [c for c in assessment.cases if any(q.claim is None for q in c.questions)]


def _effort(assessment: Assessment, case: Case) -> str:
    found = [f for f in assessment.findings if f.case == case.label]
    for findings in found:
        if findings.same_as:
            return f"the same system as {findings.same_as}, judged with it"
    times = [
        f"{f.engine.value} {_time(f)}" + (f" ({f.note})" if f.note else "")
        for f in found
    ]
    seen = _visited(found)
    kept = [seen.kept] if seen and seen.kept and len(found) == 1 else []
    return "; ".join([*([_extent(seen)] if seen else []), *times, *kept])


def _time(found: Findings) -> str:
    """How long the engine took, or what of it is from an earlier run."""
    before, asked = len(found.recalled), len(found.answers)
    if before == asked:
        return "kept"
    took = f"{found.seconds:.1f} s"
    return f"{took}, {before} of {asked} answers kept" if before else took


def _visited(found: Iterable[Findings]) -> Statistics | None:
    """The most that an engine has visited, to a known depth if there is one."""
    seen = [f.statistics for f in found if f.statistics is not None]

    def extent(one: Statistics) -> tuple[bool, int, bool]:
        return one.limit is None, one.states, one.depth is not None

    return max(seen, key=extent, default=None)


def _extent(seen: Statistics) -> str:
    counts = [f"{seen.states:,} states"]
    if seen.transitions or seen.limit is None:
        counts.append(f"{seen.transitions:,} transitions")
    if seen.depth is not None:
        counts.append(f"depth {seen.depth}")
    text = ", ".join(counts)
    return f"the first {text} (until {seen.limit.value})" if seen.limit else text


def untaken(page: Page, assessment: Assessment) -> None:
    """Actions that no reachable state allows: dead text, or a hole in the model."""
    never: dict[str, list[str]] = {}
    visited = []
    for case in _main(assessment):
        seen = _visited(f for f in assessment.findings if f.case == case.label)
        if seen is None or seen.limit is not None:
            continue
        visited.append(case.design.key)
        for action, times in seen.fired.items():
            if not times:
                never.setdefault(action, []).append(case.design.key)
    together: dict[tuple[str, ...], list[str]] = {}
    for action, keys in never.items():
        together.setdefault(tuple(keys), []).append(action)
    for where, actions in together.items():
        told = f"never possible in {_all_but(visited, where)}: "
        page.add(", ".join(actions), Style.QUIET, label=f"  {told}", at=4)


def idle(page: Page, assessment: Assessment) -> None:
    """Rules that hold whatever a design does, by what they say alone.

    On this machine: that there are fewer than five CPUs is so where there are four.
    """
    found = [j for j in assessment.judgements if j.question.claim is None and j.idle]
    if names := dict.fromkeys(judgement.question.name for judgement in found):
        told = "no design could break on this machine: "
        page.add(", ".join(names), Style.QUIET, label=f"  {told}", at=4)


def _all_but(visited: Sequence[str], keys: Sequence[str]) -> str:
    """The designs in as few words as possible."""
    others = [key for key in visited if key not in keys]
    if len(keys) > 1 and not others:
        return "any design"
    if len(others) < len(keys) - 1:
        return f"any design but {', '.join(others)}"
    return ", ".join(keys)


def news(page: Page, assessment: Assessment) -> None:
    """What is not as expected: new refutations with their traces."""
    for judgement in assessment.judgements:
        if judgement.standing is Standing.UNEXPECTED:
            page.add()
            unexpected(page, judgement)


def unexpected(page: Page, judgement: Judgement) -> None:
    if judgement.trace is not None and isinstance(judgement.verdict, Refuted):
        told(page, judgement)
        return
    expected = judgement.question.expected
    assert expected is not None, "what is not expected to be anything is never news"
    title = f"{judgement.case.label}: {judgement.question.name}"
    page.add(f"{title}: {_in_full(judgement)}", Style.BAD)
    page.add(judgement.question.rule.summary, label="  ", at=2)
    page.add(sentence(judgement), label="  ", at=2)
    page.add(instead(judgement, expected), label="  ", at=2)


def instead(judgement: Judgement, expected: Expectation) -> str:
    note = f" ({expected.told})" if expected.told else ""
    where = f"the expectations of {judgement.case.design.key}"
    match expected.outcome:
        case Outcome.REFUTED:
            return (
                f"It was known to be refuted{note}, and no longer is: if that was "
                f"meant, take it out of {where}."
            )
        case Outcome.VACUOUS:
            return f"It was known to be vacuous{note}: if that changed, change {where}."
    if is_idle(judgement):
        return (
            "A rule that no design could break says nothing: find out what it was to "
            f"say, or add it to {where} as vacuous."
        )
    if judgement.outcome is Outcome.VACUOUS:
        return (
            "A rule that cannot be broken because nothing happens says nothing: find "
            f"out why, or add it to {where} as vacuous."
        )
    return "Something that must be possible never is."


def told(page: Page, judgement: Judgement) -> None:
    """The trace of a judgement."""
    assert judgement.trace is not None
    verdict = judgement.verdict
    shortest = not isinstance(verdict, Refuted) or verdict.shortest
    case = judgement.case
    heading = title(case, judgement.question)
    narrate(page, heading, judgement.trace, case.machine, shortest)


def title(case: Case, question: Question) -> str:
    label = case.label
    if question.claim is None:
        return f"{label} breaks {question.name}"
    if question.dropped is None:
        return f"claim {question.claim.key} fails for {label}"
    return f"claim {question.claim.key} needs {question.dropped.key}: {label} breaks it"


def known(
    page: Page, assessment: Assessment, catalogue: Catalogue, recorded: Iterable[str]
) -> None:
    """Refutations that were expected, with the designs that they were found in."""
    by_note: dict[str, dict[str, list[Judgement]]] = {}
    for judgement in assessment.judgements:
        expected = judgement.question.expected
        if (
            judgement.question.claim is None
            and judgement.standing is Standing.EXPECTED
            and expected is not None
            and judgement.outcome is Outcome.REFUTED
        ):
            rules = by_note.setdefault(expected.told or "without a note", {})
            rules.setdefault(judgement.question.name, []).append(judgement)
    if not by_note:
        return
    there = set(recorded)
    page.add()
    page.add(
        "Known refutations, found again in as many steps "
        "('tdxcheck show DESIGN-RULE' tells the traces that are marked *):"
    )
    for note, rules in by_note.items():
        page.add(note, label="  ", at=4)
        for rule, found in rules.items():
            told = ", ".join(_found(found, catalogue, there))
            page.add(told, Style.QUIET, label=f"    {rule}: ", at=6)


FEW = 2
"""Designs that are named beside the one that they have a defect from."""


def _found(
    judgements: Sequence[Judgement], catalogue: Catalogue, recorded: set[str]
) -> Iterator[str]:
    """Where it was found: first in which design, and how many have it from there."""
    families: dict[tuple[str, str], list[Judgement]] = {}
    for judgement in judgements:
        origin = catalogue.origin(judgement.case.design.key, judgement.question.name)
        families.setdefault((origin, _steps(judgement)), []).append(judgement)
    for (origin, steps), found in families.items():
        first = next((j for j in found if j.case.design.key == origin), found[0])
        rest = [j.case.design.key for j in found if j is not first]
        name = f"{origin}-{first.question.name}"
        kept = any(n == name or n.endswith(f"-{name}") for n in recorded)
        missing = steps and not kept and first.case.design.key == origin
        text = f"{first.case.design.key}{'*' * kept}{steps}"
        text += " (not recorded)" if missing else ""
        if len(rest) > FEW:
            yield f"{text} and {len(rest)} more designs"
        else:
            yield ", ".join([text, *(f"{key}{steps}" for key in rest)])


def _steps(judgement: Judgement) -> str:
    verdict = judgement.verdict
    return f" {length(verdict.run)}" if isinstance(verdict, Refuted) else ""


def fairness(page: Page, assessment: Assessment) -> None:
    """What holds only because something is not put off for ever, and what that is."""
    rests: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for judgement in assessment.judgements:
        verdict = judgement.verdict
        if isinstance(verdict, Exhausted) and verdict.rests_on:
            key = judgement.question.name, verdict.rests_on
            rests.setdefault(key, []).append(judgement.case.design.key)
    if not rests:
        return
    page.add()
    page.add("Rests on fairness, and would be refuted without any one line of it:")
    for (rule, lines), keys in rests.items():
        where = ", ".join(keys) if len(keys) <= FEW else f"{len(keys)} designs"
        page.add(f"{', '.join(lines)} ({where})", label=f"  {rule}: ", at=4)


def claims(page: Page, assessment: Assessment, catalogue: Catalogue) -> None:
    """What was claimed, and on which of its assumptions it really rests."""
    for claim in catalogue.claims:
        answers = [j for j in assessment.judgements if j.question.claim is claim]
        if not answers:
            continue
        page.add()
        page.add(
            f"{claim.statement} ({claim.design})",
            Style.TITLE,
            label=f"Claim {claim.key}: ",
            at=2,
        )
        for judgement in sorted(answers, key=_dropped):
            page.add(about(judgement), label="  ", at=4)


def _in_full(judgement: Judgement) -> str:
    verdict = judgement.verdict
    if isinstance(verdict, Refuted):
        return f"refuted in {in_full(verdict.run)}"
    holds = judgement.outcome is Outcome.HOLDS
    return f"holds ({word(judgement)})" if holds else word(judgement)


def _dropped(judgement: Judgement) -> int:
    """The place of the assumption that is dropped; first of all, none is."""
    question = judgement.question
    if question.claim is None or question.dropped is None:
        return -1
    return question.claim.assumptions.index(question.dropped)


def about(judgement: Judgement) -> str:
    question = judgement.question
    claim = question.claim
    assert claim is not None
    if question.dropped is not None:
        under = f"without {question.dropped.key}"
    elif claim.assumptions:
        under = f"assuming {', '.join(a.key for a in claim.assumptions)}"
    else:
        under = "without assumptions"
    text = f"{under}: {_in_full(judgement)}"
    if judgement.trace is not None and isinstance(judgement.verdict, Refuted):
        if judgement.trace.steps:
            last = judgement.trace.steps[-1].sentence.rstrip(".")
            text += f" ({judgement.label}), the last of them: {last}"
    elif question.dropped is not None and judgement.outcome:
        text += ": the claim does not need it"
    if judgement.standing is Standing.UNEXPECTED:
        text = f"UNEXPECTED, {text}"
    return text


def conclusion(page: Page, assessment: Assessment) -> None:
    """How it all ended, in one line."""
    news = any(j.standing is Standing.UNEXPECTED for j in assessment.judgements)
    page.add()
    page.add(
        f"{in_one_line(assessment)}; {assessment.seconds:.1f} s",
        Style.BAD if news else Style.TITLE,
    )


def in_one_line(assessment: Assessment) -> str:
    """How many questions were asked, and how their answers compare."""
    standings = [judgement.standing for judgement in assessment.judgements]
    told = [f"{n} {s.value}" for s in Standing if (n := standings.count(s))]
    asked = len(standings)
    text = f"{asked} question{'s' * (asked != 1)}: {', '.join(told)}"
    if kept := assessment.recalled:
        text += f"; {kept} kept from earlier runs"
    return f"Interrupted. {text}" if assessment.interrupted else text

"""What is not finished: how far it has come, and how long the rest may take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tdxcheck.checker.judging.judgement import Assessment, Judgement, Standing
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import Findings
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.verdict import Bounded


def unfinished(page: Page, assessment: Assessment, *, kept: bool) -> None:
    """Each case with an open question; and whether another run would go on with it."""
    cases = [case for case in assessment.cases if _open(assessment.of_case(case))]
    if not cases:
        return
    page.add()
    page.add("Not finished:")
    begun = [case for case in cases if _is_begun(assessment, case)]
    for case in begun:
        told = "; ".join(_told(assessment, case))
        page.add(told, Style.QUIET, label=f"  {case.label}: ", at=4)
    if len(begun) < len(cases):
        rest = [case for case in cases if case not in begun]
        asked = sum(len(_open(assessment.of_case(case))) for case in rest)
        page.add(
            f"nothing is known yet of {len(rest)} systems, with {asked} questions",
            Style.QUIET,
            label="  ",
            at=4,
        )
    page.add(
        "  What was found is kept: this command goes on from there."
        if kept
        else "  Nothing of this is kept: without --no-cache, another run would go on."
    )


def _is_begun(assessment: Assessment, case: Case) -> bool:
    """Something is known of a question, or of the states."""
    asked = assessment.of_case(case)
    decided = len(_open(asked)) < len(asked)
    return (
        decided
        or any(isinstance(j.verdict, Bounded) for j in asked)
        or any(f.statistics for f in assessment.findings if f.case == case.label)
    )


def _open(judgements: Sequence[Judgement]) -> list[Judgement]:
    return [j for j in judgements if j.standing is Standing.UNDECIDED]


def _told(assessment: Assessment, case: Case) -> Iterator[str]:
    asked = assessment.of_case(case)
    left = _open(asked)
    yield f"{len(asked) - len(left)} of {len(asked)} questions are decided"
    depths = [j.verdict.depth for j in left if isinstance(j.verdict, Bounded)]
    if depths:
        yield f"{len(depths)} hold for runs of {min(depths)} steps"
    if len(left) > len(depths):
        yield f"nothing is known of {len(left) - len(depths)}"
    found = [f for f in assessment.findings if f.case == case.label]
    for each in found:
        seen = each.statistics
        if seen is not None and seen.limit is not None:
            yield f"{each.engine.value}: {seen.states:,} states visited"
    if found:
        yield _estimate(found[0])


def _estimate(findings: Findings) -> str:
    """How much longer the first engine may take, and from what that is guessed."""
    engine = findings.engine.value
    if findings.usual is not None:
        return f"{engine} took {findings.usual:.0f} s when it last finished this design"
    open_ = sum(not answer.is_final for answer in findings.answers)
    fresh = len(findings.answers) - open_ - len(findings.recalled)
    if fresh <= 0:
        return (
            f"no estimate: {engine} has decided nothing in these "
            f"{findings.seconds:.0f} s"
        )
    rest = findings.seconds / fresh * open_
    return f"about {rest:.0f} s more, if {engine} keeps its pace"

"""The table of designs and rules, in rich."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from rich.text import Text

from tdxcheck.checker.catalogue import Catalogue
from tdxcheck.checker.judging.judgement import Assessment
from tdxcheck.checker.report.grid import Column, Row, grid
from tdxcheck.checker.report.words import BRIEF_LEGEND, LEGEND, brief, cell, style

WHOLE = ("\N{CHECK MARK}p", "\N{CHECK MARK}N", "?N")
"""Signs that have no number at their end."""
MANY = 4
"""More designs than these are told of in brief."""


def verdicts(
    assessment: Assessment, catalogue: Catalogue, width: int
) -> Iterator[Text]:
    """One row a rule, one column a design."""
    told = brief if is_brief(assessment) else cell
    cells: dict[str, dict[str, Text]] = {}
    for judgement in assessment.judgements:
        if judgement.question.claim is None:
            of_design = cells.setdefault(judgement.case.design.key, {})
            shown = Text(told(judgement), style(judgement).value)
            of_design[judgement.question.name] = shown
    asked = {rule for of_design in cells.values() for rule in of_design}
    columns = [Column(key, of_design) for key, of_design in cells.items()]
    yield from grid("rule", list(_rows(catalogue, asked)), columns, width)


def _rows(catalogue: Catalogue, asked: Container[str]) -> Iterator[Row]:
    """The rules under what they are about."""
    for concern in dict.fromkeys(rule.concern for rule in catalogue.rules):
        rules = [r.id for r in catalogue.rules if r.concern == concern]
        if there := [rule for rule in rules if rule in asked]:
            yield Row("", concern, "bold")
            yield from (Row(rule, f"  {rule}") for rule in there)


def is_brief(assessment: Assessment) -> bool:
    """There are too many designs for words."""
    return len({j.case.design.key for j in assessment.judgements}) > MANY


def legend(assessment: Assessment) -> Iterable[tuple[str, str]]:
    """The words that the table uses, and what they mean."""
    short = is_brief(assessment)
    told = brief if short else cell
    used = {_kind(told(j)) for j in assessment.judgements if j.question.claim is None}
    for word, meaning in BRIEF_LEGEND if short else LEGEND:
        if any(_kind(word) == kind for kinds in used for kind in kinds.split(", ")):
            yield word, meaning


def _kind(word: str) -> str:
    """A word of the table without its number."""
    if word.rstrip("!") in WHOLE:
        return word.rstrip("!")
    kind = word.lower().rstrip("!0123456789").removesuffix(" n").rstrip()
    numbered = kind != word.lower().rstrip("!")
    return f"{kind} n" if numbered else kind

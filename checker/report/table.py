"""The table of designs and rules, in rich."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from rich import box
from rich.table import Table
from rich.text import Text

from tdxcheck.checker.catalogue import Catalogue
from tdxcheck.checker.judging.judgement import Assessment, Judgement
from tdxcheck.checker.report.words import BRIEF_LEGEND, LEGEND, brief, cell, style

T = TypeVar("T")

Answers: TypeAlias = Mapping[tuple[str, str], Judgement]
"""By design and rule."""
Told: TypeAlias = Callable[[Judgement], str]
MANY = 4
"""More designs than these are told of in brief."""
GAP = 3
"""Columns of a terminal between those of the table."""


def verdicts(
    assessment: Assessment, catalogue: Catalogue, width: int
) -> Iterator[Table]:
    """One row a rule, one column a design, as many designs side by side as fit."""
    answers = {
        (judgement.case.design.key, judgement.question.name): judgement
        for judgement in assessment.judgements
        if judgement.question.claim is None
    }
    keys = list(dict.fromkeys(design for design, _ in answers))
    told = brief if is_brief(assessment) else cell
    left = GAP + 2 + max(len(rule) for _, rule in answers)
    widths = [_width(answers, key, told) + GAP for key in keys]
    for bank in banks(list(zip(keys, widths, strict=True)), width - left):
        yield _table(answers, bank, catalogue, told)


def is_brief(assessment: Assessment) -> bool:
    """There are too many designs for words."""
    return len({j.case.design.key for j in assessment.judgements}) > MANY


def _width(answers: Answers, key: str, told: Told) -> int:
    """Of a column: as wide as its widest cell, and the longest part of its name."""
    cells = (told(j) for (design, _), j in answers.items() if design == key)
    return max(map(len, (*key.replace("-", "- ").split(), *cells)))


def banks(columns: Sequence[tuple[T, int]], room: int) -> Iterator[list[T]]:
    """Columns with their widths, as many together as there is room for."""
    bank: list[T] = []
    used = 0
    for key, width in columns:
        if bank and used + width > room:
            yield bank
            bank, used = [], 0
        bank.append(key)
        used += width
    if bank:
        yield bank


def _table(
    answers: Answers, keys: list[str], catalogue: Catalogue, told: Told
) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("rule", overflow="fold", no_wrap=True)
    for key in keys:
        table.add_column(key.replace("-", "- "), overflow="fold")
    concerns = dict.fromkeys(rule.concern for rule in catalogue.rules)
    for concern in concerns:
        rules = [r.id for r in catalogue.rules if r.concern == concern]
        asked = [r for r in rules if any((key, r) in answers for key in keys)]
        if asked:
            table.add_row(Text(concern, "bold"))
        for rule in asked:
            shown = (answers.get((key, rule)) for key in keys)
            table.add_row(Text(f"  {rule}"), *(_cell(j, told) for j in shown))
    return table


def _cell(judgement: Judgement | None, told: Told) -> Text:
    if judgement is None:
        return Text("")
    return Text(told(judgement), style(judgement).value)


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
    kind = word.lower().rstrip("!0123456789").removesuffix(" n").rstrip()
    numbered = kind != word.lower().rstrip("!")
    return f"{kind} n" if numbered else kind

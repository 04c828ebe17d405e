"""The table of designs and rules, in rich."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

from tdxcheck.checker.catalogue import Catalogue
from tdxcheck.checker.judging.judgement import Assessment, Judgement
from tdxcheck.checker.report.words import LEGEND, cell, style


def verdicts(assessment: Assessment, catalogue: Catalogue) -> Table:
    """One row a rule, one column a design, rules of one concern together."""
    answers: dict[tuple[str, str], Judgement] = {
        (judgement.case.design.key, judgement.question.name): judgement
        for judgement in assessment.judgements
        if judgement.question.claim is None
    }
    keys = list(dict.fromkeys(design for design, _ in answers))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("rule", overflow="fold")
    for key in keys:
        table.add_column(key, overflow="fold")
    concerns = dict.fromkeys(rule.concern for rule in catalogue.rules)
    for concern in concerns:
        rules = [r.id for r in catalogue.rules if r.concern == concern]
        asked = [r for r in rules if any((key, r) in answers for key in keys)]
        if asked:
            table.add_row(Text(concern, "bold"))
        for rule in asked:
            shown = (answers.get((key, rule)) for key in keys)
            table.add_row(Text(f"  {rule}"), *(_cell(j) for j in shown))
    return table


def _cell(judgement: Judgement | None) -> Text:
    if judgement is None:
        return Text("")
    return Text(cell(judgement), style(judgement).value)


def legend(assessment: Assessment) -> Iterable[tuple[str, str]]:
    """The words that the table uses, and what they mean."""
    used = " ".join(cell(j).lower() for j in assessment.judgements)
    for word, meaning in LEGEND:
        if word.removesuffix(" N") in used:
            yield word, meaning

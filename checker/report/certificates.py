"""Certificates, told: how many proofs have one, and why others have none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tdxcheck.checker.certificates import Attempt
from tdxcheck.checker.report.page import Page


def tell(page: Page, attempts: Sequence[Attempt], folder: Path) -> None:
    given = [attempt for attempt in attempts if attempt.path is not None]
    none = [attempt for attempt in attempts if attempt.reason]
    seconds = sum(attempt.seconds for attempt in attempts)
    page.add()
    page.add(
        f"{len(given)} of {len(given) + len(none)} proofs have a certificate in "
        f"{folder}, made in {seconds:.1f} s. To check them: "
        f"tdxcheck check-certificate {folder}"
    )
    for attempt in none:
        judgement = attempt.judgement
        name = f"{judgement.case.label}, {judgement.question.name}"
        page.add(f"{name}: no certificate, {attempt.reason}", at=2)


def as_json(attempts: Sequence[Attempt]) -> Any:
    return [
        {
            "design": attempt.judgement.case.design.key,
            "question": attempt.judgement.question.name,
            "file": None if attempt.path is None else str(attempt.path),
            "clauses": attempt.clauses,
            "seconds": round(attempt.seconds, 3),
            "none_because": attempt.reason or None,
        }
        for attempt in attempts
        if attempt.path is not None or attempt.reason
    ]

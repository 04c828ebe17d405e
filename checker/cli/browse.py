"""tdxcheck list and explain: what there is, and what it means."""

from __future__ import annotations

import argparse
from pathlib import Path

from tdxcheck.checker.catalogue import (
    Assumption,
    Catalogue,
    Claim,
    Design,
    Rule,
    UsageError,
)
from tdxcheck.checker.cli.console import console, show
from tdxcheck.checker.cli.recorded import default_folder, names_in
from tdxcheck.checker.cli.status import OK
from tdxcheck.checker.language.variables import Safeguard
from tdxcheck.checker.report import explanation
from tdxcheck.checker.report.page import Page, Style


def list_(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    recorded = _recorded(arguments.folder, catalogue)
    sections = {
        "designs": [(d.key, d.system.summary) for d in catalogue.designs],
        "rules": [(r.id, r.property.summary) for r in catalogue.rules],
        "claims": [(c.key, c.statement) for c in catalogue.claims],
        "assumptions": [(a.key, a.statement) for a in catalogue.assumptions],
        "safeguards": [(s.name, s.doc) for s in catalogue.safeguards],
        "counterexamples": [(name, "") for name in recorded],
    }
    out = console()
    page = Page(out.width)
    wanted = [arguments.what] if arguments.what else list(sections)
    for name in wanted:
        if len(wanted) > 1:
            if page.lines:
                page.add()
            page.add(name, Style.TITLE)
        entries = sections[name] or [("none", "")]
        page.entries(entries, at=2 * (len(wanted) > 1))
    show(out, page)
    return OK


def _recorded(folder: Path | None, catalogue: Catalogue) -> list[str]:
    if folder is not None and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    return names_in(folder or default_folder(catalogue))


def explain(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    out = console(mail=arguments.mail)
    page = Page(out.width)
    match catalogue.entry(arguments.name):
        case Rule() as rule:
            explanation.rule(page, rule, catalogue)
        case Design() as design:
            explanation.design(page, design, catalogue)
        case Claim() as claim:
            explanation.claim(page, claim)
        case Safeguard() as safeguard:
            explanation.safeguard(page, safeguard, catalogue)
        case Assumption() as assumption:
            explanation.assumption(page, assumption, catalogue)
    show(out, page)
    return OK

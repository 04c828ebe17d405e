"""tdxcheck status: what the 64 bits of a SEAMCALL's answer say."""

from __future__ import annotations

import argparse
import json

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.cli.console import console, show
from tdxcheck.checker.cli.plain import one_line
from tdxcheck.checker.cli.status import OK
from tdxcheck.checker.report.page import Page, Style

LABELS = ("class", "detail", "retry", "advice", "source")


def decode(arguments: argparse.Namespace) -> int:
    from tdxcheck.models.logs.statuses import described, word_of

    words = []
    for text in arguments.codes:
        try:
            words.append(word_of(text))
        except ValueError as error:
            raise UsageError(f"'{one_line(text)[:80]}' {error}") from None
    found = described(words)
    if arguments.format == "json":
        print(
            json.dumps({"format": "tdxcheck-status", "version": 1, "statuses": found})
        )
        return OK
    out = console()
    page = Page(out.width)
    for number, status in enumerate(found):
        if number:
            page.add()
        page.add(f"{status['status']}  {status['name']}", Style.TITLE)
        for label in LABELS:
            if status[label]:
                page.add(status[label], label=f"  {label}:", at=11)
    show(out, page)
    return OK

"""tdxcheck conform: the module and its model."""

from __future__ import annotations

import argparse

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.cli.status import OK, REFUTED


def conform(arguments: argparse.Namespace) -> int:
    """Replay the recorded answers of the real module on the model of it."""
    if not arguments.folder.is_dir():
        raise UsageError(f"{arguments.folder} is not a folder")
    from tdxcheck.models.conformance import report, vectors

    try:
        found = report.conform(arguments.folder)
    except vectors.MalformedVectors as error:
        raise UsageError(str(error)) from None
    print(found.text)
    return OK if found.conforms else REFUTED

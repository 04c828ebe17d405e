"""tdxcheck schema: what the JSON of a command looks like, as a JSON Schema."""

from __future__ import annotations

import argparse
from importlib.resources import files

from tdxcheck.checker.cli.status import OK

FOLDER = files("tdxcheck") / "checker" / "report" / "schemas"
ENDING = ".schema.json"


def schema(arguments: argparse.Namespace) -> int:
    path = FOLDER / f"{arguments.of}{ENDING}"
    print(path.read_text(encoding="utf-8"), end="")
    return OK

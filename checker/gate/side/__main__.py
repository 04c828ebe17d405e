"""The loop that answers: one request a line, one answer a line."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from tdxcheck.checker.gate.side import VERSION

Json = Any


def main() -> None:
    catalogue, root, folder = sys.argv[1:]
    # What a specification prints when it is imported is no answer.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests = _loaded(out, catalogue, Path(root), folder)
    if requests is None:
        return
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        _answer(out, lambda n=name, a=arguments: requests[n](*a))  # type: ignore[misc]


def _loaded(
    out: TextIO, catalogue: str, root: Path, folder: str
) -> dict[str, Callable[..., Json]] | None:
    """What can be asked, if the catalogue can be loaded."""
    found: dict[str, Callable[..., Json]] = {}

    def load() -> Json:
        from tdxcheck.checker import catalogue as package
        from tdxcheck.checker.gate.side.loading import load
        from tdxcheck.checker.gate.side.outline import outline
        from tdxcheck.checker.gate.side.tables import grounded
        from tdxcheck.checker.gate.side.witnesses import (
            attempted,
            explained,
            recorded,
            replayed,
        )

        tree = load(catalogue, root, folder)
        found["outline"] = lambda: outline(tree)
        found["ground"] = lambda *of: grounded(tree, *of)
        found["explain"] = lambda *of: explained(tree, *of)
        found["attempt"] = lambda *of: attempted(tree, *of)
        found["replay"] = lambda *of: replayed(tree, *of)
        found["record"] = lambda *of: recorded(tree, *of)
        return {"version": VERSION, "package": os.path.realpath(package.__file__)}

    return found if _answer(out, load) else None


def _answer(out: TextIO, ask: Callable[[], Json]) -> bool:
    """Write the answer, or what is wrong; whether there was an answer."""
    data: Json
    try:
        data = {"answer": ask()}
    except Exception as error:
        own = type(error).__name__ in ("UsageError", "SpecificationError")
        frames = traceback.extract_tb(error.__traceback__)
        where = f" ({frames[-1].filename}:{frames[-1].lineno})"
        name = "" if own else f"{type(error).__name__}: "
        data = {"error": f"{name}{error}{'' if own else where}"}
    print(json.dumps(data), file=out, flush=True)
    return "answer" in data


if __name__ == "__main__":
    main()

"""docs/architecture.md: who imports whom, and which packages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.pages import ARCHITECTURE, ROOT, Part, parts, tables

OUTSIDE = (
    "cvc5", "dd", "distributed", "networkx", "numpy", "pysat", "rich", "scipy", "z3",
)  # fmt: skip
"""The packages that only some folders may use."""


def exceptions() -> set[tuple[str, str]]:
    _, rows = tables(ARCHITECTURE)
    return {(file.strip("`"), other.strip("`")) for file, other, _ in rows}


def sources() -> Iterator[str]:
    """The files of the package, as the table names them."""
    for folder in ("checker", "models", "spec"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.read_text(encoding="utf-8").count("\n") > 1:
                yield path.relative_to(ROOT).as_posix()


@cache
def modules(file: str) -> frozenset[str]:
    """What a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None and node.level == 0, "a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def part_of(path: str, known: list[Part]) -> str:
    """The row that a file, or what is imported from one, belongs to."""
    found = [
        part.path
        for part in known
        if f"{path.removesuffix('.py')}/".startswith(
            f"{part.path.removesuffix('.py')}/"
        )
    ]
    assert len(found) == 1, f"{path} is in {found or 'no row of the table'}"
    return found[0]


def own_imports(file: str, known: list[Part]) -> set[str]:
    names = [name.split(".") for name in modules(file)]
    paths = {"/".join(name[1:]) for name in names if name[0] == "tdxcheck"}
    here = part_of(file, known)
    return {part_of(path, known) for path in paths} - {here}


def test_folders_import_only_what_stands_above_them() -> None:
    known = parts()
    above: set[str] = set()
    for part in known:
        assert part.imports <= above, f"{part.path} imports what stands below it"
        above.add(part.path)


def test_the_imports_are_those_of_the_table() -> None:
    known = parts()
    allowed = exceptions()
    found: dict[str, set[str]] = {part.path: set() for part in known}
    used: set[tuple[str, str]] = set()
    for file in sources():
        for other in own_imports(file, known):
            if (file, other) in allowed:
                used.add((file, other))
            else:
                found[part_of(file, known)].add(other)
    assert found == {part.path: set(part.imports) for part in known}
    assert used == allowed


def test_the_packages_are_those_of_the_table() -> None:
    known = parts()
    found: dict[str, set[str]] = {part.path: set() for part in known}
    for file in sources():
        names = {name.partition(".")[0] for name in modules(file)}
        found[part_of(file, known)] |= names & set(OUTSIDE)
    assert found == {part.path: set(part.packages) for part in known}


GUESSING = (
    "learning",
    "machines",
    "measuring",
    "oracle",
    "possibilities",
    "stepping",
    "trying",
    "visited",
)
"""Modules of proofs for every number that only guess."""


def test_the_engines_do_not_know_each_other() -> None:
    """Except where lemmas are guessed, which are proved before they are used."""
    crossing = set()
    proving = set()
    for file in sources():
        if file.startswith("checker/engines/parametric/"):
            if Path(file).stem not in GUESSING:
                proving |= {
                    name
                    for name in modules(file)
                    if name.startswith("tdxcheck.checker.engines.")
                    and "parametric" not in name.split(".")
                }
        elif file.startswith("checker/engines/"):
            symbolic = file.startswith("checker/engines/symbolic/")
            for name in modules(file):
                if name.startswith("tdxcheck.checker.engines."):
                    if ("symbolic" in name.split(".")) is not symbolic:
                        crossing.add((file, name))
    packing = "tdxcheck.checker.engines.packing"
    guesses = (f"{packing}.Packing", f"{packing}.compile_successors")
    pairs = "checker/engines/symbolic/pairs.py"
    assert crossing == {(pairs, guess) for guess in guesses}
    solving = "tdxcheck.checker.engines.symbolic.solving"
    assert proving == {f"{solving}.Clock", f"{solving}.GaveUp"}


def test_only_the_entry_point_knows_the_catalogue() -> None:
    names = {
        (file, name.split(".")[2])
        for file in sources()
        if file.startswith("checker/")
        for name in modules(file)
        if name.startswith("tdxcheck.models.")
    }
    assert names == {
        ("checker/cli/main.py", "catalogue"),
        ("checker/cli/conform.py", "conformance"),
        ("checker/cli/layout.py", "layouts"),
        ("checker/cli/layout.py", "logs"),
        ("checker/cli/layout.py", "machines"),
        ("checker/cli/audit.py", "layouts"),
        ("checker/cli/audit.py", "logs"),
        ("checker/cli/events.py", "logs"),
        ("checker/cli/decode.py", "logs"),
    }

"""The documentation is true: its code and its commands say what it shows."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

import benchmarks.__main__
from benchmarks.peers import tlc_jar
from benchmarks.running import run as run_program
from tdxcheck.checker.cli import main, status
from tdxcheck.checker.cli.arguments import EXIT_CODES, parser
from tdxcheck.checker.report.words import LEGEND
from tdxcheck.models.catalogue import CATALOGUE
from tests.pages import (
    ARCHITECTURE,
    DOCS,
    FENCE,
    LANGUAGE,
    OUTPUT,
    ROOT,
    RUN,
    Namespace,
    pieces,
    run,
    tables,
)

VERDICTS = DOCS / "verdicts.md"
OWN_DESIGN = DOCS / "your-own-design.md"
MACHINES = DOCS / "machines.md"
AUDIT = DOCS / "audit.md"
EXPORTS = DOCS / "exports.md"
INTEGRATION = DOCS / "continuous-integration.md"
GATE = DOCS / "gate.md"
WHY = DOCS / "why.md"
PAGES = (
    LANGUAGE,
    VERDICTS,
    ARCHITECTURE,
    OWN_DESIGN,
    MACHINES,
    AUDIT,
    EXPORTS,
    INTEGRATION,
    GATE,
    WHY,
)
CONSOLE = "console"
"""A command of tdxcheck, and what it prints."""
FILE = "text file="
"""A file that the commands of the page are given; its name follows."""
SETTINGS = ("yaml file=", "toml file=")
"""A file whose commands tests/test_installed.py runs."""


def matches(shown: str, printed: str) -> bool:
    """A line of three dots stands for any lines."""
    parts = re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE)
    pattern = r"(?:.*\n)*?".join(map(re.escape, parts))
    return re.fullmatch(pattern, printed) is not None


@pytest.mark.parametrize(
    ("page", "name"),
    [(LANGUAGE, "toy.py"), (OWN_DESIGN, "hot_add_time.py")],
    ids=lambda value: getattr(value, "name", value),
)
def test_the_code_prints_what_the_page_shows(
    page: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    namespace: Namespace = {"__name__": name.removesuffix(".py")}
    for piece in pieces(page):
        run(piece, name, namespace)
        lines = capsys.readouterr().out.splitlines()
        printed = "".join(f"{line.rstrip()}\n" for line in lines)
        assert matches(piece.output, printed), f"{name}:{piece.line + 1}\n{printed}"


def test_the_catalogue_of_the_page_can_be_judged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its designs are stated upon one that the catalogue does not have."""
    namespace: Namespace = {"__name__": "hot_add_time"}
    for piece in pieces(OWN_DESIGN):
        run(piece, "hot_add_time.py", namespace)
    capsys.readouterr()
    small = ("--cpus", "2", "--packages", "1", "--blocks", "3", "--engine", "diagrams")
    asked = ("--rule", "added_memory_is_refused", *small)
    assert main(["verify", *asked], namespace["CONTEXT"]) == 1
    told = capsys.readouterr()
    assert "added_memory_is_refused  REFUTED IN 10  exhausted" in told.out
    assert told.err == ""


def consoles() -> list[str]:
    return [
        body
        for kind, body in FENCE.findall(EXPORTS.read_text(encoding="utf-8"))
        if kind == CONSOLE
    ]


@pytest.mark.parametrize("number", range(len(consoles())))
def test_the_commands_of_the_page_say_what_it_shows(
    number: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Commands of programs that are not installed are left out, with what follows."""
    monkeypatch.chdir(tmp_path)
    if jar := tlc_jar():
        (tmp_path / "tla2tools.jar").symlink_to(jar)
    for shown in consoles()[number].split("$ ")[1:]:
        command, _, output = shown.partition("\n")
        program, *arguments = shlex.split(command)
        if program == "tdxcheck":
            assert main(arguments) == 0
            printed = capsys.readouterr().out
        elif program == "java" and not (tmp_path / "tla2tools.jar").exists():
            pytest.skip("TLA2TOOLS does not name tla2tools.jar")
        elif program == "python":
            printed = run_program([sys.executable, *arguments], ROOT).output
        elif program.startswith("./") or shutil.which(program):
            printed = run_program([program, *arguments], tmp_path).output
        else:
            pytest.skip(f"there is no {program}")
        assert in_parts(output, printed), f"{command}\n{printed}"


def in_parts(shown: str, printed: str) -> bool:
    """The same, where three dots at the end of a line stand for the rest of it."""
    lines = [re.escape(line) for line in shown.splitlines()]
    pattern = "".join(
        r"(?:.*\n)*?"
        if line == r"\.\.\."
        else re.sub(r"\\\.\\\.\\\.$", ".*", line) + r" *\n"
        for line in lines
    )
    return re.fullmatch(pattern, printed) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_code_is_shown_that_is_not_run(page: Path) -> None:
    kinds = {kind for kind, _ in FENCE.findall(page.read_text(encoding="utf-8"))}
    assert {k for k in kinds if not k.startswith(FILE)} <= {RUN, OUTPUT, CONSOLE} | {
        k for k in kinds if k.startswith(SETTINGS) and page is INTEGRATION
    }
    assert CONSOLE not in kinds or page in (*TOLD, EXPORTS, GATE)


TOLD = (MACHINES, AUDIT, OWN_DESIGN, INTEGRATION, WHY)


@pytest.mark.parametrize("page", TOLD, ids=lambda page: page.name)
def test_the_commands_print_what_the_page_shows(
    page: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    for folder in ("tests", "counterexamples"):
        Path(folder).symlink_to(ROOT / folder)
    for kind, body in FENCE.findall(page.read_text(encoding="utf-8")):
        if kind.startswith(FILE):
            Path(kind.removeprefix(FILE)).write_text(body, encoding="utf-8")
        elif kind == CONSOLE:
            for part in body.removeprefix("$ ").split("\n$ "):
                command, _, shown = part.partition("\n")
                name, *arguments = shlex.split(command)
                if name == "cd":
                    monkeypatch.chdir(arguments[0])
                    continue
                assert name == "tdxcheck"
                main(arguments)
                told = capsys.readouterr()
                printed = (told.out + told.err).rstrip("\n") + "\n"
                assert in_parts(shown, printed), f"{command}\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    folders = "spec|models|checker|docs|src|tests|counterexamples|benchmarks"
    for path in re.findall(rf"`((?:{folders})/[^`]*)`", page.read_text("utf-8")):
        assert (ROOT / path).exists(), path


def test_every_option_that_a_page_names_exists(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for command in commands():
        main([command, "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    known |= set(re.findall(r"--[a-z]+", benchmarks.__main__.__doc__ or ""))
    for page in PAGES:
        named = re.findall(r"`(--[a-z-]+)", page.read_text(encoding="utf-8"))
        assert set(named) <= known


def commands() -> list[str]:
    (choices,) = [a.choices for a in parser()._actions if a.dest == "command"]
    return list(choices or ())


README = ROOT / "README.md"


@pytest.mark.parametrize("page", (README, *PAGES), ids=lambda page: page.name)
def test_every_command_that_a_page_names_can_be_given(page: Path) -> None:
    """Those that are shown with what they print are run; the others are at least read.

    Words in capitals stand for something, and brackets for what may be left out.
    """
    for text in re.findall(r"`tdxcheck ([^`]+)`", page.read_text(encoding="utf-8")):
        given = [w.strip("[]\u2026") for w in shlex.split(" ".join(text.split()))]
        if given[0] == "COMMAND":
            given[0] = "verify"
        if given == ["replay"] or given == ["export"] or len(given) == 1:
            assert given[0] in commands(), text
            continue
        given = [re.sub("^(COMMAND|SHELL|FORMAT|CODE)$", stand_in, w) for w in given]
        try:
            arguments = parser().parse_args(given)
        except SystemExit as end:
            assert end.code == 0, text
        else:
            for key in getattr(arguments, "designs", None) or ():
                assert key.isupper() or CATALOGUE.design(key)


def stand_in(word: re.Match[str]) -> str:
    """Something that may be in the place of a word that is one of a few."""
    return {"COMMAND": "verify", "SHELL": "bash", "FORMAT": "tla", "CODE": "0"}[word[0]]


# Verdicts and exit codes.


def test_every_word_of_the_legend_is_explained() -> None:
    words, *_ = tables(VERDICTS)
    explained = [row[0] for row in words]
    assert explained == [
        "exhausted",
        "proved",
        "proved for every N",
        "only for small N",
        "reached in N",
        "refuted in N",
        "refuted in N+M",
        "refuted in at most N",
        "unreachable",
        "vacuous",
        "idle",
        "to depth N",
        "unknown",
        "not checked",
    ]
    assert [w for w in explained if w != "refuted in at most N"] == [
        word for word, _ in LEGEND
    ]


def test_the_exit_codes_are_those_of_the_command_line() -> None:
    _, rows, *_ = tables(VERDICTS)
    told = re.findall(r"^ +(\d+) +(.+(?:\n {7,}.+)*)", EXIT_CODES, flags=re.MULTILINE)
    assert rows == [[code, " ".join(text.split())] for code, text in told]
    constants = {v for k, v in vars(status).items() if k.isupper()}
    assert {int(code) for code, _ in rows} == constants

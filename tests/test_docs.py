"""The documentation is true: its code runs, its tables match the source."""

from __future__ import annotations

import ast
import linecache
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import benchmarks.__main__
from benchmarks.peers import tlc_jar
from benchmarks.running import run as run_program
from tdxcheck.checker.cli import main, status
from tdxcheck.checker.cli.arguments import EXIT_CODES, parser
from tdxcheck.checker.language import SpecificationError
from tdxcheck.checker.language.terms import Element
from tdxcheck.checker.language.validate import validate
from tdxcheck.checker.report.words import LEGEND
from tdxcheck.models.catalogue import CATALOGUE

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LANGUAGE = DOCS / "language.md"
VERDICTS = DOCS / "verdicts.md"
ARCHITECTURE = DOCS / "architecture.md"
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

FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
RUN = "python run"
OUTPUT = "text output"
CONSOLE = "console"
"""A command of tdxcheck, and what it prints."""
FILE = "text file="
"""A file that the commands of the page are given; its name follows."""
SETTINGS = ("yaml file=", "toml file=")
"""A file whose commands tests/test_installed.py runs."""

Namespace = dict[str, Any]


@dataclass(frozen=True)
class Piece:
    """A block of code, as part of the file that the page's blocks make up."""

    source: str
    line: int
    """How many lines of the file come before it."""
    output: str
    """What the page shows that it prints."""


def pieces(page: Path) -> list[Piece]:
    found: list[Piece] = []
    line = 0
    for kind, body in FENCE.findall(page.read_text(encoding="utf-8")):
        if kind == RUN:
            found.append(Piece(body, line, ""))
            line += body.count("\n") + 2
        elif kind == OUTPUT:
            last = found.pop()
            assert not last.output, "two outputs of one block"
            found.append(Piece(last.source, last.line, body))
    return found


def run(piece: Piece, name: str, namespace: Namespace) -> None:
    """Run the piece as the part of the file of this name that it is."""
    text = "\n" * piece.line + piece.source
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), namespace)


def matches(shown: str, printed: str) -> bool:
    """A line of three dots stands for any lines."""
    parts = re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE)
    pattern = r"(?:.*\n)*?".join(map(re.escape, parts))
    return re.fullmatch(pattern, printed) is not None


def tables(page: Path) -> Iterator[list[list[str]]]:
    """Every table of the page: its rows, without the head."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        yield [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
            for row in block.splitlines()[2:]
        ]


def quoted(cell: str) -> list[str]:
    return [text.replace(r"\|", "|") for text in re.findall("`([^`]+)`", cell)]


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


# Errors of the language: each way to provoke one, in the words of the toy host.

SLIPS = {
    "a conjunction by and": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.require(host.busy and host.retries)
""",
    "a value of another sort": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.phase = Status.BUSY
""",
    "an unknown variable assigned": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.bussy = True
""",
    "an unknown variable read": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.require(~host.bussy)
""",
    "a definition assigned": """
class Bussy(Toy):
    @definition
    def bussy(self) -> Term[bool]:
        "The host is busy."
        return self.busy

Bussy.__name__ = "Toy"

@action()
def wrong(host: Bussy) -> None:
    "Wrong."
    host.bussy = True
""",
    "a range without integers": """
class Wrong(State):
    failures = Var(Int(2, 1))
""",
    "an initial value out of range": """
class Wrong(State):
    failures = Var(Int(0, 2), 3)
""",
    "another sort of index": """
@action()
def wrong(host: Toy, cpu: Cpu) -> None:
    "Wrong."
    host.online[cpu] = True
""",
    "an answer that is no member": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.require(host.retries, "busy")
""",
    "a refusal whose answer is no member": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.require(host.retries, Refusal("busy"))
""",
    "a success that is no member": """
@action(success="busy")
def wrong(host: Toy) -> None:
    "Wrong."
""",
    "a map assigned as a whole": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.online = True
""",
    "a map over pairs assigned as a whole": """
class Pairs(State):
    online = Map2(Cpu, Cpu, bool)

@action()
def wrong(host: Pairs) -> None:
    "Wrong."
    host.online = True
""",
    "configuration assigned": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.erratum = True
""",
    "two effects": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.busy = True
    host.busy = False
""",
    "a read of an assigned variable": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.busy = True
    host.phase = ite(host.busy, Phase.OFF, Phase.READY)
""",
    "a guard after an effect": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.busy = True
    host.require(host.retries)
""",
    "a mark after an effect": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.busy = True
    host.mark(Place.LOCKED)
""",
    "a part up to a mark that is not made": """
between(leaf_init, None, Phase.READY)
""",
    "an action over a state that is not its own": """
over(initialize, State)
""",
    "two calls": """
@action()
def wrong(host: Toy, cpu: Cpu) -> None:
    "Wrong."
    host.call(leaf_init, cpu)
    host.call(leaf_init, cpu)
""",
    "a call of what has no answer": """
@action()
def wrong(host: Defined) -> None:
    "Wrong."
    host.call(finish)
""",
    "a call with too few arguments": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.call(leaf_init)
""",
    "an event of other arguments": """
@invariant()
def wrong(host: Toy) -> Term[bool]:
    "Wrong."
    return forall(Cpu, lambda cpu: host.accepts(MEMORY_ONLINE, cpu))
""",
    "a reaction after a step": """
@step_rule()
def wrong(before: Toy, step: Step, after: Toy) -> Term[bool]:
    "Wrong."
    return forall(Block, lambda block: after.accepts(MEMORY_ONLINE, block))
""",
    "a call of what fills a map": """
@action(success=Status.SUCCESS)
def leaf_reset(host: Toy) -> None:
    "LEAF.RESET."
    host.initialized.fill(False)

@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.call(leaf_reset)
""",
    "fairness to nothing": """
@fairness()
def wrong(host: Toy) -> Term[bool]:
    "Wrong."
    return host.busy
""",
    "an action without a docstring": """
@action()
def wrong(host: Toy) -> None:
    host.busy = True
""",
    "a definition without a docstring": """
class Wrong(Toy):
    @definition
    def wrong(self) -> Term[bool]:
        return self.busy
""",
    "a docstring that names no parameter": """
@action()
def wrong(host: Toy, cpu: Cpu) -> None:
    "Wrong on {cup}."
""",
    "an annotation that cannot be read": """
@action()
def wrong(host: Tay) -> None:
    "Wrong."
""",
    "a rule that raises": """
@invariant()
def wrong(host: Toy) -> Term[bool]:
    "Wrong."
    return forall(Cpu, lambda cpu: 1 / 0)
""",
    "a setting by a name": """
TOY.variant("wrong", "Wrong.", settings={"retries": True})
""",
    "no state": """
@action()
def wrong(cpu: Cpu) -> None:
    "Wrong."
""",
    "a parameter of no sort": """
@action()
def wrong(host: Toy, n: int) -> None:
    "Wrong."
""",
    "an action that does not fit its event": """
@action(event=MEMORY_ONLINE)
def wrong(host: Toy, cpu: Cpu) -> None:
    "Wrong."
""",
    "a kind and an action": """
@step_rule()
def wrong(before: Toy, step: Step, after: Toy) -> Term[bool]:
    "Wrong."
    return step.is_(Kind.FAULT, initialize)
""",
    "two actions of one name": """
@action()
def again(host: Toy) -> None:
    "Again."

again = replace(again, name="fail")
TOY.variant("wrong", "Wrong.", added=(again,))
""",
    "a variant of what is not there": """
TOY.variant("wrong", "Wrong.", removed=(memory_online_checked,))
""",
    "a scope without a sort": """
ground(TOY, {Cpu: 2})
""",
    "an effect that no guard keeps in its bound": """
ground(BROKEN, {Cpu: 1, Block: 1})
""",
    "a variable without values": """
class Wrong(State):
    chosen = Var(Int(1, Cpu))

@action()
def choose(host: Wrong) -> None:
    "Choose."

ground(TransitionSystem("wrong", "Wrong.", Wrong, (choose,)), {Cpu: 0})
""",
    "a setting of another state": """
class Wrong(State):
    extra = Var(bool, frozen=True)

ground(TOY.variant("wrong", "Wrong.", settings={Wrong.extra: True}), SCOPE)
""",
    "a setting of another sort": """
ground(TOY.variant("wrong", "Wrong.", settings={Toy.retries: 7}), SCOPE)
""",
    "an effect on what the called action assigns": """
@action(success=Status.SUCCESS)
def leaf_busy(host: Toy) -> None:
    "LEAF.BUSY."
    host.busy = True

@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.busy = True
    host.call(leaf_busy)
""",
    "two effects, not recorded but put together": """
@action()
def once(host: Toy) -> None:
    "Once."
    host.busy = True

twice = replace(once, updates=once.updates * 2)
ground(TransitionSystem("wrong", "Wrong.", Toy, (twice,)), SCOPE)
""",
    "an entry that the scope does not have, read": """
@invariant()
def wrong(host: Toy) -> Term[bool]:
    "Wrong."
    return host.online[Element(Block, 7)]

ground(TOY.variant("wrong", "Wrong.", properties=(wrong,)), SCOPE)
""",
    "an entry that the scope does not have, assigned": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.online[Element(Block, 7)] = True

ground(TransitionSystem("wrong", "Wrong.", Toy, (wrong,)), SCOPE)
""",
    "an index outside its quantifier": """
@invariant()
def wrong(host: Toy) -> Term[bool]:
    "Wrong."
    kept = []
    forall(Cpu, lambda cpu: kept.append(cpu) or True)
    return host.initialized[kept[0]]

ground(TOY.variant("wrong", "Wrong.", properties=(wrong,)), SCOPE)
""",
    "the step, outside a step rule": """
@invariant()
def wrong(host: Toy) -> Term[bool]:
    "Wrong."
    return Step().is_(fail)

ground(TOY.variant("wrong", "Wrong.", properties=(wrong,)), SCOPE)
""",
    "conditions that contradict each other": """
@initial
def nothing_is_online(host: Toy) -> Term[bool]:
    "Nothing is online, although something is convertible."
    return forall(Block, lambda block: ~host.online[block] & host.convertible[block])

conditions = (boot_memory_is_online, nothing_is_online)
from tdxcheck.checker.engines.starting import check_start
check_start(ground(replace(TOY, name="wrong", initial=conditions), SCOPE))
""",
    "a variable that nothing reads": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.require(host.phase == Phase.OFF)

validate(TransitionSystem("wrong", "Wrong.", Toy, (wrong,)))
""",
    "a replay of an effect out of bound": """
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.interpreter import Interpreter

interpreter = Interpreter(Instance(BROKEN, {Cpu: 1, Block: 1}))
state = next(interpreter.initial_states())
for _ in range(3):
    state = interpreter.attempt(state, fail_unguarded, ()).after
""",
}


@pytest.fixture(scope="module")
def toy() -> Namespace:
    namespace: Namespace = {"__name__": "toy"}
    for piece in pieces(LANGUAGE):
        run(piece, "toy.py", namespace)
    scope = {namespace["Cpu"]: 1, namespace["Block"]: 1}
    more = {"Element": Element, "SCOPE": scope, "replace": replace}
    return namespace | more | {"validate": validate}


@dataclass(frozen=True)
class Report:
    """An error that was provoked: where it was raised, and what it says."""

    file: str
    line: int
    message: str


def provoke(slip: str, toy: Namespace) -> Report:
    with pytest.raises(SpecificationError) as caught:
        exec(compile(slip, "slip.py", "exec"), dict(toy))
    raised = caught.traceback[-1]
    message = str(caught.value).removeprefix(f"{caught.value.location}: ")
    return Report(Path(raised.path).name, raised.lineno + 1, message)


def test_every_error_is_in_the_table_and_every_row_is_an_error(toy: Namespace) -> None:
    seen = {provoke(slip, toy).message for slip in SLIPS.values()}
    text = LANGUAGE.read_text(encoding="utf-8").partition("\n## 11. ")[2]
    rows = re.findall(r"^\| (`.+?`) \|", text, flags=re.MULTILINE)
    assert {message for row in rows for message in quoted(row)} == seen


def places() -> Iterator[tuple[str, int, int]]:
    """Every statement that raises the error, itself or as a function makes it."""
    trees = {
        path.name: ast.parse(path.read_text(encoding="utf-8"))
        for path in (
            *(ROOT / "checker" / "language").glob("*.py"),
            *(ROOT / "checker" / "ground").glob("*.py"),
            ROOT / "checker" / "engines" / "explicit.py",
        )
    }
    nodes = [(file, node) for file, tree in trees.items() for node in ast.walk(tree)]
    error = SpecificationError.__name__
    makers = {error} | {
        node.name
        for _, node in nodes
        if isinstance(node, ast.FunctionDef)
        and node.returns is not None
        and ast.unparse(node.returns) == error
    }
    for file, node in nodes:
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            if ast.unparse(node.exc.func).rpartition(".")[2] in makers:
                yield file, node.lineno, node.end_lineno or node.lineno


def test_every_place_that_reports_an_error_is_provoked(toy: Namespace) -> None:
    reports = [provoke(slip, toy) for slip in SLIPS.values()]
    missed = {
        (file, first)
        for file, first, last in places()
        if not any(r.file == file and first <= r.line <= last for r in reports)
    }
    assert missed == set()


UNNOTICED = """
@action()
def quiet(host: Toy, cpu: Cpu) -> None:
    "Nothing is said of {cpu}."
    host.require(host.phase is Phase.OFF)
    host._busy = True
    host.busy = True
    host.call(leaf_init, cpu)

@initial
def dropped(host: Toy) -> Term[bool]:
    "The host is not busy, and much is required."
    host.require(host.retries)
    return ~host.busy

@invariant()
def also_dropped(host: Toy) -> Term[bool]:
    "The host is busy from now on."
    host.busy = True
    return ~host.accepts(Event("nothing", "nothing happens", ()))

@step_rule()
def never(before: Toy, step: Step, after: Toy) -> Term[bool]:
    "No such step is taken."
    return ~step.is_(finish) & ~step.answers(Phase.OFF)

rules = (also_dropped, never, never)
ground(TransitionSystem("quiet", "Quiet.", Toy, (quiet,), rules, (dropped,)), SCOPE)
"""


def test_what_the_page_calls_unnoticed_is_not_noticed(toy: Namespace) -> None:
    """If it is noticed one day, the page has to change."""
    exec(compile(UNNOTICED, "unnoticed.py", "exec"), dict(toy))


EXCEPTIONS = {
    "another state": (
        KeyError,
        """
class Other(State):
    extra = Var(bool)

@invariant()
def wrong(host: Other) -> Term[bool]:
    "Wrong."
    return host.extra

ground(TOY.variant("wrong", "Wrong.", properties=(wrong,)), SCOPE)
""",
    ),
    "a setting of other numbers": (
        TypeError,
        """
settings = {Toy.online: lambda one, two: True}
ground(TOY.variant("wrong", "Wrong.", settings=settings), SCOPE)
""",
    ),
}


@pytest.mark.parametrize(("error", "code"), EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_what_the_page_leaves_to_python_is_left_to_it(
    error: type[Exception], code: str, toy: Namespace
) -> None:
    with pytest.raises(error):
        exec(compile(code, "exception.py", "exec"), dict(toy))


# The architecture: who imports whom.

OUTSIDE = (
    "cvc5", "dd", "distributed", "networkx", "numpy", "pysat", "rich", "scipy", "z3",
)  # fmt: skip
"""The packages that only some folders may use."""


@dataclass(frozen=True)
class Part:
    """A row of the table of folders."""

    path: str
    imports: frozenset[str]
    packages: frozenset[str]


def parts() -> list[Part]:
    rows, _ = tables(ARCHITECTURE)
    return [
        Part(path.strip("`"), frozenset(quoted(own)), frozenset(quoted(packages)))
        for path, _, own, packages in rows
    ]


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

"""The gate: what a change to a specification means, on one with prepared changes.

The specification is `tests/demo.py`, as a project of somebody's own in a repository.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.gate import trees
from tdxcheck.checker.gate.probes import Answers, Asked
from tdxcheck.checker.gate.side import VERSION
from tdxcheck.checker.judging.work import ENGINES
from tests.demo import DEMO

Json = Any
Edit = tuple[str, str]
FILE = "host.py"
CATALOGUE = f"{FILE}:DEMO"
SOURCE = (Path(__file__).parent / "demo.py").read_text(encoding="utf-8")

COVERED = "return forall(Block, lambda b: implies(host.usable(b), host.covered[b]))"
RULE = f'    A TD that is given another one is killed.\n    """\n    {COVERED}'
NOT_READY = "    host.require(host.module != Module.READY, Status.EPERM)\n"


def git(folder: Path, *arguments: str) -> str:
    own = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *own, *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    arguments = ["verify", "--record", "--folder", str(folder), "--engine", "diagrams"]
    assert main(arguments, Context(lambda: DEMO, lambda: ENGINES)) == 0
    return folder


@pytest.fixture
def project(
    tmp_path: Path, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A repository with the specification and its counterexamples, committed."""
    root = tmp_path / "project"
    traces = root / "counterexamples"
    traces.mkdir(parents=True)
    (root / FILE).write_text(SOURCE, encoding="utf-8")
    for path in recorded.iterdir():
        (traces / path.name).write_bytes(path.read_bytes())
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "The specification")
    monkeypatch.chdir(root)
    monkeypatch.setenv("COLUMNS", "100")
    yield root


def edit(project: Path, *edits: Edit) -> None:
    path = project / FILE
    text = path.read_text(encoding="utf-8")
    for old, new in edits:
        assert text.count(old) == 1, (old, text.count(old))
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def gate(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Json]:
    capsys.readouterr()
    status = main(["gate", "--catalogue", CATALOGUE, "--format", "json", *arguments])
    told = capsys.readouterr()
    assert not told.err, told.err
    return status, json.loads(told.out)


def kinds(report: Json, weight: str = "fails") -> set[tuple[str, str]]:
    return {
        (finding["kind"], finding["subject"])
        for finding in report["findings"]
        if finding["weight"] == weight
    }


def finding(report: Json, kind: str, subject: str) -> Json:
    (found,) = (
        f for f in report["findings"] if (f["kind"], f["subject"]) == (kind, subject)
    )
    return found


def text_of(found: Json) -> str:
    return "\n".join(
        line for w in found["witnesses"] for line in (w["title"], *w["lines"])
    )


def test_an_unchanged_project_passes_at_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate(capsys) == (0, {**gate(capsys)[1], "findings": []})


HARMLESS: list[tuple[str, tuple[Edit, ...], set[tuple[str, str]]]] = [
    (
        "a rule in other terms",
        (
            (
                RULE,
                RULE.replace(
                    "implies(host.usable(b), ", "~(host.usable(b) & ~"
                ).replace("[b])", "[b])"),
            ),
        ),
        {("rule-reworded", "usable_memory_is_covered")},
    ),
    (
        "a sentence",
        (
            (
                "Every block that a TD may use is covered.",
                "What a TD may use is covered.",
            ),
        ),
        {("rule-reworded", "usable_memory_is_covered")},
    ),
    (
        "a definition by another name, and names of bound elements",
        (
            ("def usable(self, block: Block)", "def offered(self, block: Block)"),
            (RULE, RULE.replace("host.usable(b)", "host.offered(b)")),
            (
                '"""No block is usable without being covered, if nobody adds any."""\n'
                f"    {COVERED}",
                '"""No block is usable without being covered, if nobody adds any."""\n'
                "    other = lambda x: implies(host.offered(x), host.covered[x])\n"
                "    return forall(Block, other)",
            ),
        ),
        set(),
    ),
    (
        "guards in another order, one of them split",
        (
            (
                "    host.require(host.module == Module.STARTED)\n"
                "    host.require(forall(Cpu, lambda cpu: host.initialized[cpu]))\n",
                "    ready = forall(Cpu, lambda cpu: host.initialized[cpu])\n"
                "    host.require(ready & (host.module == Module.STARTED))\n",
            ),
        ),
        {("guard-dropped", "enable"), ("guard-added", "enable")},
    ),
    (
        "an action by another name",
        (
            ("def idle(host", "def rest(host"),
            (
                "(start, initialize, enable, hot_add, idle)",
                "(start, initialize, enable, hot_add, rest)",
            ),
        ),
        {("action-renamed", "idle")},
    ),
    (
        "a stronger rule that still holds",
        (
            (
                "implies(before.covered[b], after.covered[b])",
                "implies(before.covered[b] | before.usable(b) & before.covered[b], "
                "after.covered[b] & (after.module == Module.READY))",
            ),
        ),
        {("rule-strengthened", "covered_stays_covered")},
    ),
]


@pytest.mark.parametrize(
    ("edits", "told"),
    [case[1:] for case in HARMLESS],
    ids=[case[0] for case in HARMLESS],
)
def test_what_is_harmless_passes(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    edits: tuple[Edit, ...],
    told: set[tuple[str, str]],
) -> None:
    edit(project, *edits)
    status, report = gate(capsys)
    assert (status, kinds(report)) == (0, set()), report["findings"]
    assert told <= kinds(report, "note")


def test_a_weakened_rule_has_a_state_that_is_now_allowed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weaker = RULE.replace("host.usable(b)", "host.usable(b) & host.erratum")
    edit(project, (RULE, weaker))
    status, report = gate(capsys)
    assert status == 1
    found = finding(report, "rule-weakened", "usable_memory_is_covered")
    assert found["file"] == FILE
    assert "the same" in found["message"]
    told = text_of(found)
    assert "erratum = no" in told
    assert "before: the rule is broken: for block 2: usable(block 2) holds" in told
    assert "now: the rule holds there" in told
    assert "open gets there in 5 steps" in told
    assert found["designs"] == ["open"]


def test_a_rule_that_is_weaker_where_nothing_leads_is_told_apart(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weaker = "implies(loaded & host.initialized[c] & host.hotplug, host.erratum)"
    edit(project, ("implies(loaded & host.initialized[c], host.erratum)", weaker))
    status, report = gate(capsys)
    found = finding(report, "rule-weakened", "nothing_without_blocks")
    assert status == 1
    assert "in no state that a design can reach" in found["message"]
    assert not found["designs"]


def test_a_rule_that_is_gone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(project, ('        Rule(usable_memory_is_covered, "memory"),\n', ""))
    edit(project, ('            {"usable_memory_is_covered": KNOWN, ', "            {"))
    status, report = gate(capsys)
    assert status == 1
    assert ("rule-removed", "usable_memory_is_covered") in kinds(report)
    assert ("bug-not-caught", "usable_memory_is_covered of open") in kinds(report)


def test_a_dropped_guard_is_named_with_what_it_lets_happen(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project, (NOT_READY, ""))
    status, report = gate(capsys)
    assert status == 1
    guard = finding(report, "guard-dropped", "hot_add_unless_ready")
    assert "module != READY, or EPERM" in guard["message"]
    line = SOURCE[: SOURCE.index(NOT_READY)].count("\n") + 1
    assert (guard["file"], guard["line"]) == (FILE, line)
    added = finding(report, "behaviour-added", "hot_add_unless_ready")
    assert added["designs"] == ["closed"]
    told = text_of(added)
    assert "now, in closed: after 4 steps" in told
    assert "4. Give the module all memory that there is." in told
    assert f"EPERM: module is READY ({FILE}:{line})" in told
    assert "before: there after as many steps" in told
    verdict = finding(report, "verdict-changed", "usable_memory_is_covered of closed")
    assert "is refuted in closed, and held before" in verdict["message"]
    assert report["compared"] == ["closed"]


def test_a_guard_more_takes_steps_away(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(
        project,
        (NOT_READY, NOT_READY + "    host.require(host.module != Module.STARTED)\n"),
    )
    status, report = gate(capsys)
    assert status == 1
    removed = finding(report, "behaviour-removed", "hot_add_unless_ready")
    assert "before, in closed: after 1 step, and" in text_of(removed)
    assert ("guard-added", "hot_add_unless_ready") in kinds(report)


def test_a_guard_that_shuts_an_action_off_loses_coverage(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = "    host.require(host.module == Module.READY)\n"
    none = "    host.require(forall(Cpu, lambda cpu: ~host.initialized[cpu]))\n"
    edit(project, (ready, ready + none))
    _, report = gate(capsys)
    assert ("coverage-lost", "idle") in kinds(report)


def test_an_effect_that_leads_elsewhere(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = "host.covered.update(lambda block: host.memory[block] == Memory.ONLINE)"
    edit(project, (old, "host.covered.fill(True)"))
    status, report = gate(capsys)
    assert status == 1
    found = finding(report, "behaviour-altered", "enable")
    assert found["designs"] == ["open", "closed"]
    assert "covered[block 1]: no -> yes" in text_of(found)
    assert ("bug-not-caught", "usable_memory_is_covered of open") in kinds(report)
    assert ("record-stale", "open-usable_memory_is_covered") in kinds(report)
    (variant,) = (
        v for v in report["variants"] if v["rule"] == "usable_memory_is_covered"
    )
    assert (variant["expected"], variant["found"], variant["how"]) == (5, None, "holds")


def test_a_bug_that_is_caught_sooner_has_another_length(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(
        project,
        ("    host.require(forall(Cpu, lambda cpu: host.initialized[cpu]))\n", ""),
    )
    _, report = gate(capsys)
    assert ("bug-length-changed", "usable_memory_is_covered of open") in kinds(report)
    assert ("record-not-shortest", "open-usable_memory_is_covered") in kinds(report)


def test_a_rule_that_becomes_vacuous(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vacuous = RULE.replace(
        "host.usable(b)", "host.usable(b) & (host.module == Module.LOADED)"
    )
    edit(project, (RULE, vacuous))
    _, report = gate(capsys)
    assert ("rule-vacuous", "usable_memory_is_covered of closed") in kinds(report)
    assert ("bug-not-caught", "usable_memory_is_covered of open") in kinds(report)


def test_a_guard_that_has_nothing_left_to_do(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once memory is added before the module is started only, one check does it all."""
    only = "    host.require(host.module == Module.LOADED)\n"
    edit(project, (NOT_READY, only + NOT_READY))
    _, report = gate(capsys)
    redundant = {s for kind, s in kinds(report) if kind == "guard-redundant"}
    assert redundant == {"hot_add_unless_ready: module != READY"}


def test_a_citation_that_differs_and_a_document_that_does(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project, ('MANUAL.at("chapter 4")', 'MANUAL.at("chapter 9")'))
    status, report = gate(capsys)
    assert status == 1
    found = finding(report, "citation-changed", "usable_memory_is_covered")
    assert (
        "no longer cites manual, chapter 4, and now cites manual, chapter 9"
        in found["message"]
    )
    edit(project, ('"The manual"', '"The second edition"'))
    _, report = gate(capsys)
    moved = finding(report, "source-changed", "manual, chapter 2")
    assert "action hot_add" in text_of(moved)


def test_a_fact_that_moved_lists_what_rests_on_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = project / "facts.json"
    facts.write_text('{"manual, chapter 3": {"fact": "Memory is refused."}}')
    git(project, "add", "-A")
    git(project, "commit", "-qm", "Facts")
    facts.write_text('{"manual, chapter 3": {"fact": "Memory is taken."}}')
    status, report = gate(capsys)
    assert status == 1
    found = finding(report, "source-changed", "manual, chapter 3")
    assert (
        "the fact was 'Memory is refused.', and is 'Memory is taken.'"
        in found["message"]
    )
    assert "action hot_add_unless_ready" in text_of(found)


def test_a_trace_that_is_gone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "counterexamples" / "open-usable_memory_is_covered.itf.json").unlink()
    status, report = gate(capsys)
    assert status == 1
    assert ("record-removed", "open-usable_memory_is_covered") in kinds(report)


def test_an_expectation_that_differs(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(
        project,
        (
            'Design("closed", CLOSED, {',
            'Design("closed", CLOSED, {"tdx_can_be_used": KNOWN, ',
        ),
    )
    _, report = gate(capsys)
    assert ("expectation-changed", "tdx_can_be_used of closed") in kinds(report)


def test_a_setting_that_differs(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(
        project,
        (
            "hotplug = Var(bool, True, frozen=True)",
            "hotplug = Var(bool, False, frozen=True)",
        ),
    )
    _, report = gate(capsys)
    assert ("start-changed", "hotplug") in kinds(report)
    assert ("behaviour-removed", "hot_add") in kinds(report)


def test_values_and_variables_of_one_side_only(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers of members move, and mean the same."""
    edit(project, ("    LOADED = 0\n", "    GONE = -1\n    LOADED = 0\n"))
    edit(
        project,
        ("    erratum = Var", "    other = Var(bool, frozen=True)\n    erratum = Var"),
    )
    edit(
        project,
        (
            "return host.erratum & ~host.erratum",
            "return host.erratum & ~host.erratum & host.other",
        ),
    )
    status, report = gate(capsys)
    assert ("variable-changed", "module") in kinds(report)
    assert ("variable-added", "other") in kinds(report, "note")
    assert not {kind for kind, _ in kinds(report) if kind.startswith("behaviour")}
    assert status == 1


def test_what_a_commit_accepts_does_not_fail(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project, ('MANUAL.at("chapter 4")', 'MANUAL.at("chapter 9")'))
    message = "Cite\n\nGate-accept: citation-changed usable_memory_is_covered -- moved"
    git(project, "commit", "-qam", message)
    status, report = gate(capsys, "--base", "HEAD~1", "--head", "HEAD")
    assert (status, kinds(report)) == (0, set())
    assert kinds(report, "accepted") == {
        ("citation-changed", "usable_memory_is_covered")
    }


def test_the_page_shows_what_is_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In `docs/gate.md`, of the guard that is dropped here."""
    edit(project, (NOT_READY, ""))
    page = (Path(__file__).parents[1] / "docs" / "gate.md").read_text("utf-8")
    _, _, block = page.partition("```console\n")
    shown, _, _ = block.partition("```")
    command, _, output = shown.partition("\n")
    assert main(command.split()[2:]) == 1
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "\n".join(printed) == output.rstrip()


def failing(
    capsys: pytest.CaptureFixture[str], *arguments: str, catalogue: str = CATALOGUE
) -> str:
    capsys.readouterr()
    assert main(["gate", "--catalogue", catalogue, *arguments]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


def test_what_cannot_be_compared_ends_with_one_line(
    project: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "there is no revision 'nowhere'" in failing(capsys, "--base", "nowhere")
    edit(project, ("Nothing happens.", "Nothing at all."))
    assert "has no catalogue OTHER" in failing(capsys, catalogue=f"{FILE}:OTHER")
    assert "there is no file other.py" in failing(capsys, catalogue="other.py")
    assert "is not in the repository" in failing(capsys, catalogue="/other.py")
    edit(project, ("class Host(State):", "class Host(Stat):"))
    told = failing(capsys)
    assert "the working tree cannot be loaded: NameError: name 'Stat'" in told
    git(project, "commit", "-qam", "Broken")
    git(project, "checkout", "-q", "HEAD~1", "--", FILE)
    assert "HEAD cannot be loaded: NameError" in failing(capsys)
    outside = tmp_path / "outside"
    outside.mkdir()
    monkeypatch.chdir(outside)
    assert "is in no git repository" in failing(capsys)


def test_a_shallow_clone_says_what_to_do(
    project: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edit(project, ("Nothing happens.", "Nothing at all."))
    git(project, "commit", "-qam", "Words")
    git(tmp_path, "clone", "-q", "--depth", "1", project.as_uri(), "shallow")
    monkeypatch.chdir(tmp_path / "shallow")
    told = failing(capsys, "--base", "HEAD^")
    assert "this clone is shallow" in told
    assert "git fetch --unshallow" in told


def test_no_time_is_undecided(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(
        project,
        (
            "    host.require(host.hotplug)\n"
            "    host.require(host.memory[block] == Memory.ABSENT)\n" + NOT_READY,
            NOT_READY,
        ),
    )
    status, report = gate(capsys, "--time", "0.000001", "--no-cache")
    assert ("time", "designs") in kinds(report, "undecided")
    assert status in (1, 3)


def test_a_tree_without_the_gate_is_lent_one(tmp_path: Path) -> None:
    checker = tmp_path / "src" / "tdxcheck" / "checker"
    (checker / "language").mkdir(parents=True)
    trees.lend(tmp_path)
    lent = checker / "gate" / "side" / "__init__.py"
    assert f"VERSION = {VERSION}" in lent.read_text()
    lent.write_text("\nVERSION = 0\n")
    trees.lend(tmp_path)
    assert f"VERSION = {VERSION}" in lent.read_text()


# What is kept.

BOTH = ("    host.require(host.module == Module.STARTED)\n", "")
"""A guard of `enable`, which both designs have, left out."""


def test_what_was_searched_is_not_searched_again(
    project: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edit(project, (NOT_READY, ""))
    folder = tmp_path / "kept"
    first = gate(capsys, "--cache", str(folder))
    kept = sorted(path for path in folder.rglob("*") if path.is_file())
    assert first[0] == 1 and kept
    assert gate(capsys, "--no-cache") == first

    def searched(asked: Asked, limits: Limits) -> Answers:
        raise AssertionError("a search that is kept was done again")

    with monkeypatch.context() as patched:
        patched.setattr(Asked, "answers", searched)
        assert gate(capsys, "--cache", str(folder)) == first
    for path in kept:
        content = bytearray(path.read_bytes())
        content[-len(content) // 3] ^= 4
        path.write_bytes(content)
    assert gate(capsys, "--cache", str(folder)) == first, "damage is found"


def test_runs_that_are_too_short_come_to_the_same_end(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project, BOTH)
    wanted = gate(capsys, "--no-cache", "--time", "0")
    short = ("--cache", str(tmp_path / "kept"), "--time", "0.000001")
    reports: list[tuple[int, Json]] = []
    while not reports or ("time", "designs") in kinds(reports[-1][1], "undecided"):
        reports.append(gate(capsys, *short))
        assert len(reports) < 10
    assert len(reports) > 1, "one run is not enough"
    assert reports[0][1]["not_compared"]
    status, report = reports[-1]
    assert (status, report["findings"]) == (wanted[0], wanted[1]["findings"])


def started(*arguments: str) -> subprocess.Popen[str]:
    """A gate in a process of its own."""
    program = "import sys; from tdxcheck.checker.cli import main; sys.exit(main())"
    asked = ["gate", "--catalogue", CATALOGUE, "--format", "json", *arguments]
    return subprocess.Popen(
        [sys.executable, "-c", program, *asked],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, Json]:
    out, err = process.communicate(timeout=300)
    assert not err, err
    return process.returncode, json.loads(out)


def test_two_gates_at_once_keep_in_one_folder(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project, BOTH)
    folder = tmp_path / "kept"
    wanted = gate(capsys, "--no-cache")
    both = [started("--cache", str(folder)) for _ in range(2)]
    assert [ended(each) for each in both] == [wanted, wanted]
    assert gate(capsys, "--cache", str(folder)) == wanted


@pytest.mark.parametrize("files", [1, 3])
def test_a_gate_that_is_killed_leaves_nothing_that_misleads(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], files: int
) -> None:
    edit(project, BOTH)
    folder = tmp_path / "kept"
    wanted = gate(capsys, "--no-cache")
    killed = started("--cache", str(folder))
    while killed.poll() is None:
        if sum(path.is_file() for path in folder.rglob("*")) >= files:
            killed.kill()
            break
    killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL, "it had come to its end"
    assert gate(capsys, "--cache", str(folder)) == wanted

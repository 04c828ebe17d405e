"""Certificates: accepted where they prove what they say, and refused where not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given

from tdxcheck.checker.catalogue import Catalogue
from tdxcheck.checker.certificate_checker import Refused, Undecided, check, read
from tdxcheck.checker.certificate_solvers import by_z3, solvers
from tdxcheck.checker.certificates import Subject, certify
from tdxcheck.checker.certificates.manifest import NAME
from tdxcheck.checker.certificates.wording import says_what_is_shown
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.engines.diagrams import covers
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.symbolic.pdr import Budget, prove
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.judging.work import ENGINES
from tdxcheck.checker.language import TransitionSystem
from tdxcheck.checker.verdict import Exhausted, Unreachable, Vacuous
from tdxcheck.models.classic import lifecycle
from tests.demo import DEMO
from tests.random_systems import Drawn, examples, systems

SAID = {
    Exhausted: "holds",
    Vacuous: "holds vacuously",
    Unreachable: "is unreachable",
}


def written(system: GroundSystem, number: int, says: str = "holds") -> str:
    rule = system.properties[number].property
    subject = Subject(system.name, rule.name, says, {}, (), rule)
    found = certify(system, number, subject, Budget())
    read_again = read(found.script)
    said = says_what_is_shown(found.script, read_again, system, number, subject)
    assert said == found.story
    return found.script


def accepted(text: str, system: GroundSystem, number: int) -> int:
    return check(read(text), system, system.properties[number], solvers())


def without_clauses(text: str) -> list[str]:
    """The certificate without each clause of its invariant in turn."""
    (line,) = re.findall(r"^\(define-fun invariant .*$", text, flags=re.MULTILINE)
    found = []
    for clause in re.findall(r" \(\|clause \d+\|[^()]*\)", line):
        less = line.replace(clause, "")
        less = less.replace("(and within)", "within")
        found.append(text.replace(line, less))
    return found


def lifecycle_of(size: int, system: TransitionSystem) -> GroundSystem:
    return ground(system, lifecycle.scope(size, size))


@pytest.fixture(scope="module")
def host() -> GroundSystem:
    return lifecycle_of(2, lifecycle.LIFECYCLE)


@pytest.fixture(scope="module")
def proof(host: GroundSystem) -> str:
    return written(host, 0)


@given(systems())
@examples(40)
def test_every_proof_has_one_that_is_accepted(drawn: Drawn) -> None:
    """And removing any clause is noticed, by the checker and by the file itself."""
    system = ground(drawn.system(), drawn.scope)
    if next(system.initial_states(), None) is None:
        return
    for number, verdict in enumerate(survey(system).verdicts):
        if type(verdict) not in SAID:
            continue
        text = written(system, number, SAID[type(verdict)])
        accepted(text, system, number)
        assert set(by_z3(text)) == {"unsat"}
        for less in without_clauses(text):
            with pytest.raises(Refused):
                accepted(less, system, number)
            assert "sat" in by_z3(less)


@pytest.mark.parametrize("number", range(4))
def test_every_clause_is_missed(host: GroundSystem, number: int) -> None:
    text = written(host, number)
    assert accepted(text, host, number) == len(without_clauses(text)) > 0
    for less in without_clauses(text):
        with pytest.raises(Refused, match="fails"):
            accepted(less, host, number)


@pytest.mark.parametrize("number", range(4))
def test_a_proof_by_lemmas_has_them_in_its_certificate(
    host: GroundSystem, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was known of pairs of values is shown too, and none that is not needed."""
    monkeypatch.setattr(import_module(prove.__module__), "PLAIN", 0.0)
    text = written(host, number)
    assert accepted(text, host, number) == len(without_clauses(text)) > 0
    for less in without_clauses(text):
        with pytest.raises(Refused, match="fails"):
            accepted(less, host, number)


def test_the_file_is_for_any_solver(proof: str, tmp_path: Path) -> None:
    """One question for what holds at first, for each action, and for safety."""
    path = tmp_path / "proof.smt2"
    path.write_text(proof)
    z3 = Path(sys.executable).with_name("z3")
    done = subprocess.run([z3, path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["unsat"] * (2 + len(lifecycle.LIFECYCLE.actions))


def test_it_says_in_words_what_it_proves(proof: str) -> None:
    assert "; never kernel is INITIALIZED and block[block 1] is ONLINE" in proof
    assert "; lifecycle, online_memory_is_covered: While the kernel uses TDX" in proof


def lost(name: str) -> Callable[[str], str]:
    """Without a step: its condition, its effects, and what is asked of it."""

    def change(text: str) -> str:
        kept = [line for line in text.splitlines() if name not in line]
        assert len(kept) < len(text.splitlines())
        return "\n".join(kept)

    return change


def replaced(pattern: str, text: str) -> Callable[[str], str]:
    def change(proof: str) -> str:
        changed, times = re.subn(pattern, text, proof, flags=re.MULTILINE)
        assert times == 1
        return changed

    return change


FORGERIES: dict[str, tuple[Callable[[str], str], str]] = {
    "a weaker property": (
        replaced(r"^\(define-fun violation .*", "(define-fun violation () Bool false)"),
        "rule is not that of the system",
    ),
    "a lost step": (lost(" 30 mem_online"), "30 mem_online.* is missing"),
    "a stricter guard": (
        replaced(
            r"^\(define-fun \|may 26 mem_add\| .*",
            "(define-fun |may 26 mem_add| () Bool false)",
        ),
        "mem_add is not that of the system",
    ),
    "another effect": (
        replaced(
            r"^(\(define-fun \|7 ready_ok: kernel\| \(\) Number) .*",
            r"\1 (_ bv0 4))",
        ),
        "ready_ok is not that of the system",
    ),
    "another beginning": (
        replaced(r"^\(define-fun init .*", "(define-fun init () Bool false)"),
        "start is not that of the system",
    ),
    "narrower ranges": (
        replaced(r"^\(define-fun within .*", "(define-fun within () Bool false)"),
        "range is not that of the system",
    ),
    "too few bits": (
        replaced(r"\(_ BitVec 4\)\)$", "(_ BitVec 3))"),
        "3 bits are too few",
    ),
    "a variable less": (
        lost("|now private[block 0]|"),
        "missing|no invariant|not understood|not a clause|does not|says",
    ),
    "another variable": (
        replaced(
            r"^\(declare-const \|now own\| Bool\)",
            "(declare-const |now own| Bool)\n(declare-const |now nothing| Bool)",
        ),
        "no variable",
    ),
    "a step too late": (
        replaced(
            r"^; safety",
            "(define-fun |may 99 more| () Bool false)",
        ),
        "too late",
    ),
    "a variable too late": (
        replaced(
            r"^\(declare-const \|now own\| Bool\)\n((?:.*\n)*?)\n; initiation",
            r"\1(declare-const |now own| Bool)\n; initiation",
        ),
        "not understood",
    ),
    "a step more": (
        replaced(
            r"^; initiation",
            "(define-fun |may 99 more| () Bool false)",
        ),
        "the system has no",
    ),
    "an invariant of false": (
        replaced(r"^\(define-fun invariant .*", "(define-fun invariant () Bool false)"),
        "no invariant",
    ),
    "a clause that is more than its variables": (
        replaced(
            r"^\(define-fun \|clause 1\| \((.*)\) Bool .*",
            r"(define-fun |clause 1| (\1) Bool |now kexeced|)",
        ),
        "not a clause of variables",
    ),
    "a clause of false": (
        replaced(
            r"^\(define-fun \|clause 1\| \((.*)\) Bool .*",
            r"(define-fun |clause 1| (\1) Bool false)",
        ),
        "initiation fails",
    ),
    "a command hidden in a definition": (
        replaced(
            r"^\(define-fun init \(\) Bool (.*)\)$",
            r"(define-fun init () Bool \1) (assert false)",
        ),
        "not understood",
    ),
    "a redefinition": (
        replaced(r"^; safety", "(define-fun within () Bool true)"),
        "twice",
    ),
    "another claim": (replaced('says "holds"', 'says "is unreachable"'), "it says"),
    "that it holds vacuously": (
        replaced('says "holds"', 'says "holds vacuously"'),
        "premise is missing",
    ),
    "a question less": (
        lambda text: text.replace("(assert invariant)\n", "", 1),
        "does not ask",
    ),
    "a question more": (
        lambda text: text.replace("(exit)", "(push 1)\n(check-sat)\n(pop 1)"),
        "does not ask",
    ),
    "half a file": (lambda text: text[: len(text) // 2], "not understood|missing"),
    "nothing": (lambda text: "", "it says"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forgeries_are_refused(host: GroundSystem, proof: str, forgery: str) -> None:
    change, reason = FORGERIES[forgery]
    with pytest.raises(Refused, match=reason):
        accepted(change(proof), host, 0)


def test_what_the_file_asks_is_what_is_to_be_asked(
    host: GroundSystem, proof: str
) -> None:
    """Who gives it to a solver of his own is told no less; and it is not believed."""
    asked = re.findall(
        r"\(push 1\)\n(?:\(assert .*\)\n)+\(check-sat\)\n\(pop 1\)", proof
    )
    assert len(asked) == 2 + len(lifecycle.LIFECYCLE.actions)
    for number, one in enumerate(asked):
        less = proof.replace(one, "")
        other = proof.replace(one, asked[number - 1])
        nothing = proof.replace(one, one.replace("(check", "(assert false)\n(check"))
        half = re.sub(
            r"\(assert invariant\)\n\(assert .*\)", "(assert (not within))", one
        )
        for forged in (less, other, nothing, proof.replace(one, half)):
            if forged != proof:
                with pytest.raises(Refused, match="does not ask"):
                    accepted(forged, host, 0)
    kept = [line for line in proof.splitlines() if "(assert" not in line]
    with pytest.raises(Refused, match="fails"):
        accepted(without_clauses("\n".join(kept))[0], host, 0)
    before = proof.replace("(push 1)", "(assert false)\n(push 1)", 1)
    with pytest.raises(Refused, match="does not ask"):
        accepted(before, host, 0)


def test_a_proof_is_none_of_another_system(proof: str) -> None:
    broken = lifecycle_of(2, lifecycle.MEM_ONLINE)
    with pytest.raises(Refused):
        accepted(proof, broken, 0)
    with pytest.raises(Refused, match="missing"):
        accepted(proof, lifecycle_of(3, lifecycle.LIFECYCLE), 0)


def test_a_proof_is_none_of_another_rule(host: GroundSystem, proof: str) -> None:
    with pytest.raises(Refused, match="rule is not that"):
        accepted(proof, host, 2)


def test_a_solver_without_an_answer_decides_nothing(
    host: GroundSystem, proof: str
) -> None:
    certificate = read(proof)
    rule = host.properties[0]
    with pytest.raises(Undecided, match="unknown"):
        check(certificate, host, rule, {"none": lambda script: ["unknown"]})
    with pytest.raises(Undecided, match="0 of"):
        check(certificate, host, rule, {"none": lambda script: []})
    with pytest.raises(Refused, match="no idea"):
        check(certificate, host, rule, {"none": lambda script: ["no idea"]})


def test_cvc5_is_asked_where_it_is_installed() -> None:
    pytest.importorskip("cvc5")
    assert list(solvers()) == ["z3", "cvc5"]


def test_the_checker_is_small_and_knows_no_engine() -> None:
    path = Path(__file__).parent.parent / "checker" / "certificate_checker.py"
    text = path.read_text()
    assert text.count("\n") < 300
    names = re.findall(r"^from tdxcheck\.checker\.(\w+)", text, flags=re.MULTILINE)
    assert set(names) == {"ground", "language"}


# The command line.


def run(*arguments: str, catalogue: Catalogue = DEMO) -> int:
    return main(arguments, Context(lambda: catalogue, lambda: ENGINES))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certificates") / "new"
    assert run("verify", "closed", "--certificate", str(path)) in (0, 3)
    return path


def test_every_proof_of_a_design_is_certified(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(path.name for path in folder.iterdir() if path.name != NAME)
    assert [f for f in files if f.endswith(".smt2")]
    assert len(files) == 2 * len([f for f in files if f.endswith(".smt2")])
    assert run("check-certificate", str(folder)) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(files) // 2
    assert all("accepted by z3" in line for line in said)


def test_a_certificate_with_a_clause_less_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = 0
    for path in folder.glob("*.smt2"):
        for less in without_clauses(path.read_text()):
            tried += 1
            forged = tmp_path / path.name
            forged.write_text(less)
            assert run("check-certificate", str(forged)) == 1
            assert "REFUSED" in capsys.readouterr().out
    assert tried > 0


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copied")


def refusals(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Why files, and the folder, are refused, by name; nothing is, or the code is 1."""
    capsys.readouterr()
    code = run("check-certificate", str(folder))
    found = {}
    for line in capsys.readouterr().out.splitlines():
        path, _, said = line.partition(": ")
        if said.startswith("REFUSED: "):
            found[Path(path).name] = said.removeprefix("REFUSED: ")
    assert code == bool(found)
    return found


def test_what_is_lost_added_or_changed_is_told_in_one_line(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusals(copied, capsys) == {}
    first, second, *_ = sorted(copied.glob("*.smt2"))
    text = first.read_text()
    first.unlink()
    said = refusals(copied, capsys)
    assert list(said) == ["copied"]
    assert f"not what {NAME} lists: 1 missing ({first.name})" in said["copied"]
    first.write_text(text)
    (copied / "more.smt2").write_text(text)
    second.with_suffix(".txt").write_text("It is so.")
    said = refusals(copied, capsys)
    told = f"1 added (more.smt2), 1 changed ({second.stem}.txt)"
    assert told in said["copied"]
    assert said.keys() == {"copied", "more.smt2", second.name}
    assert (
        f"it is of {first.stem.removeprefix('closed-')} of closed" in said["more.smt2"]
    )
    assert "its words are not those" in said[second.name]


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, f"it has no {NAME}"),
        (b"\xff", f"its {NAME} is no text"),
        (b"anything", f"line 1 of its {NAME} is not understood"),
        (b"", f"its {NAME} lists nothing"),
    ],
)
def test_a_manifest_that_says_nothing_is_refused(
    copied: Path,
    capsys: pytest.CaptureFixture[str],
    manifest: bytes | None,
    said: str,
) -> None:
    (copied / NAME).unlink()
    if manifest is not None:
        (copied / NAME).write_bytes(manifest)
    found = refusals(copied, capsys)
    assert list(found) == ["copied"] and said in found["copied"]


def test_files_that_are_none_of_a_certificate_are_refused(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each by itself: the others are checked all the same."""
    (copied / "closed-folder.smt2").mkdir()
    os.mkfifo(copied / "closed-pipe.smt2")
    (copied / "closed-loop.smt2").symlink_to("closed-loop.smt2")
    with (copied / "closed-huge.smt2").open("wb") as file:
        file.truncate(1 << 30)
    found = refusals(copied, capsys)
    assert "4 added" in found.pop("copied")
    assert {name: said.partition(" (")[0] for name, said in found.items()} == {
        "closed-folder.smt2": "it is no file",
        "closed-pipe.smt2": "it is no file",
        "closed-huge.smt2": "it is larger than any certificate",
        "closed-loop.smt2": "it cannot be read: Too many levels of symbolic links",
    }


def test_certificates_of_one_another_are_refused(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = sorted(copied.glob("*.smt2"))
    for one, other in ((first, second), (first.with_suffix(".txt"), second)):
        other = other.with_suffix(one.suffix)
        texts = one.read_text(), other.read_text()
        one.write_text(texts[1])
        other.write_text(texts[0])
    assert refusals(copied, capsys).keys() == {"copied", first.name, second.name}


LIES: dict[str, Callable[[str], str]] = {
    "another clause": lambda text: re.sub(
        r"; never .*", "; never anything", text, count=1
    ),
    "another rule": lambda text: re.sub(r"^(; [^:]*:).*", r"\1 It is so.", text),
    "another machine": lambda text: text.replace("on a machine with", "on any, and"),
    "a source more": lambda text: text.replace("; Stated", "; Source: me\n; Stated"),
    "a line less": lambda text: re.sub(r"; Stated.*\n", "", text, count=1),
    "another file": lambda text: re.sub(r"(; Stated at )\S+", r"\1there.py:1", text),
    "an action less": lambda text: re.sub(r"(;     )\w+, ", r"\1", text, count=1),
    "another step": lambda text: re.sub(
        r"^; .*(\([^()]*py:\d+\))$", r"; All \1", text, flags=re.M
    ),
    "a comment at the end": lambda text: f"{text}; All is well.\n",
    "comments of one another": lambda text: re.sub(
        r"^(; consecution: .*)$", "; safety", text, flags=re.M
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_words_that_lie_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lie: str
) -> None:
    tried = 0
    for path in folder.glob("*.smt2"):
        text = path.read_text()
        forged = LIES[lie](text)
        if forged != text:
            tried += 1
            (tmp_path / path.name).write_text(forged)
            assert run("check-certificate", str(tmp_path / path.name)) == 1
            said = capsys.readouterr().out
            assert "REFUSED: its words are not" in said or "it does not say" in said
    assert tried > 0


def test_where_things_are_stated_may_have_moved(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, *_ = folder.glob("*.smt2")
    moved = re.sub(r"\.py:\d+", ".py:1", path.read_text())
    (tmp_path / path.name).write_text(moved)
    assert moved != path.read_text()
    assert run("check-certificate", str(tmp_path / path.name)) == 0
    capsys.readouterr()


@pytest.mark.parametrize("between", ["\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\0"])
def test_what_is_not_printed_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], between: str
) -> None:
    """For z3 all of the line is a comment, for another program it ends there."""
    path, *_ = folder.glob("*.smt2")
    hidden = path.read_text().replace("; safety\n", f"; safety{between}")
    (tmp_path / path.name).write_bytes(hidden.encode())
    assert run("check-certificate", str(tmp_path / path.name)) == 1
    assert "a character that is not printed" in capsys.readouterr().out


def test_what_is_not_proved_any_more_loses_its_certificate(tmp_path: Path) -> None:
    stale = tmp_path / "open-usable_memory_is_covered.smt2"
    for path in (stale, stale.with_suffix(".txt")):
        path.write_text("of another time")
    run("verify", "open", "--certificate", str(tmp_path))
    assert not stale.exists() or stale.read_text() != "of another time"


def test_every_format_says_which_proof_has_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that one has none: no set of states is told by as few cubes.
    monkeypatch.setattr(covers, "MOST", 0)
    rules = ("--rule", "usable_memory_is_covered", "--rule", "starts")
    asked = ("verify", "closed", *rules, "--certificate", str(tmp_path))
    run(*asked, "--engine", "diagrams", "--format", "junit")
    said = capsys.readouterr().out
    name = tmp_path / "closed-usable_memory_is_covered.smt2"
    assert f"reachable states; certificate: {name}" in said
    assert "no certificate: its stages cannot be told shortly" in said
    run(*asked, "--engine", "diagrams", "--format", "json")
    told = {
        c["question"]: c for c in json.loads(capsys.readouterr().out)["certificates"]
    }
    assert told["usable_memory_is_covered"]["file"] == str(name)
    assert told["starts"]["file"] is None and told["starts"]["none_because"]


def test_bad_input_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check-certificate", str(tmp_path)) == 2
    assert "no certificate in" in capsys.readouterr().err
    assert run("check-certificate", str(tmp_path / "none.smt2")) == 2
    assert "No such file" in capsys.readouterr().err
    binary = tmp_path / "binary.smt2"
    binary.write_bytes(b"\xff\xfe\x00")
    assert run("check-certificate", str(binary)) == 1
    assert "REFUSED: it is no text" in capsys.readouterr().out
    binary.write_text('(set-info :tdxcheck-design "nothing")')
    assert run("check-certificate", str(binary)) == 1
    assert "it does not name its question" in capsys.readouterr().out
    file = tmp_path / "file"
    file.write_text("")
    assert run("verify", "closed", "--certificate", str(file)) == 2
    assert "cannot keep certificates" in capsys.readouterr().err

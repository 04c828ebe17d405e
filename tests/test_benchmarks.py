"""The benchmarks: what disagrees is found, what is missing is said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import benchmarks.__main__ as benchmarks
from benchmarks import comparing, peers
from benchmarks.__main__ import main
from benchmarks.certificates import Measured, tell
from benchmarks.comparing import Row, disagreements
from benchmarks.peers import Answer
from benchmarks.running import run
from benchmarks.subjects import FAMILY, QUICK, USUAL, Unknown, system
from benchmarks.table import table

ROOT = Path(__file__).parents[1]


def row(checker: str, states: int | None, broken: bool | None = False) -> Row:
    return Row("a host", checker, Answer(states, broken, 2.0, 10.0))


def test_counts_that_differ_are_found() -> None:
    assert (
        list(disagreements([row("SPIN", 5), row("ABC", None), row("numpy", 5)])) == []
    )
    (wrong,) = disagreements([row("SPIN", 5), row("numpy", 6)])
    assert "SPIN 5, numpy 6" in wrong


def test_a_rule_that_only_one_finds_broken_is_found() -> None:
    (wrong,) = disagreements([row("SPIN", 5), row("TLC", None, True)])
    assert "TLC finds a rule broken" in wrong


def test_times_are_told_as_multiples_of_those_of_spin() -> None:
    fast = Row("a host", "explicit", Answer(5, False, 0.5, 10.0))
    first, second = table([fast, row("SPIN", 5)])
    assert first.split()[-2:] == ["4.0", "-"]
    assert second.split()[-2:] == ["1.0", "-"]


def test_what_is_measured_exists() -> None:
    for name in {*QUICK, *USUAL, *FAMILY}:
        assert system(name).steps
    with pytest.raises(Unknown, match="lifecycle NxM"):
        system("lifecycle 2")


def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    found = run((sys.executable, "-c", "while True: pass"), tmp_path, 1)
    assert found.expired
    assert found.seconds > 0.5


def test_what_is_missing_is_said_and_a_difference_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing installed but a checker that miscounts."""

    def one_more(subject: object, folder: Path, states: int, limit: object) -> Answer:
        return Answer(states + 1, False, 1.0, 1.0)

    missing = peers.Peer("Nothing", ("no-such-program",), one_more)
    wrong = peers.Peer("Miscount", (), one_more)
    monkeypatch.setattr(comparing, "PEERS", (missing, wrong))
    monkeypatch.chdir(ROOT)
    kept = tmp_path / "kept.json"
    monkeypatch.setattr(
        sys, "argv", ["benchmarks", "lifecycle 1x1", "--json", str(kept)]
    )
    assert main() == 1
    out = capsys.readouterr().out
    assert "not measured: Nothing, there is no no-such-program" in out
    assert "the counts of states differ" in out
    found = json.loads(kept.read_text())
    assert found["missing"]["Nothing"] == "there is no no-such-program"
    assert {r["checker"] for r in found["rows"]} >= {"diagrams", "numpy", "Miscount"}
    (said,) = found["wrong"]
    assert "Miscount" in said


def test_the_table_is_what_was_printed_and_is_of_right_counts_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The family at small sizes, with a checker that counts as it is told to."""
    more = 0

    def counting(subject: object, folder: Path, states: int, limit: object) -> Answer:
        return Answer(states + more, False, 1.0, 1.0)

    monkeypatch.setattr(comparing, "PEERS", (peers.Peer("SPIN", (), counting),))
    monkeypatch.setattr(benchmarks, "FAMILY", ("lifecycle 1x1",))
    larger = [(engine, "lifecycle 2x1") for engine in ("diagrams", "orbits")]
    monkeypatch.setattr(benchmarks, "LARGER", larger)
    monkeypatch.chdir(ROOT)
    kept = tmp_path / "family.txt"
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--family", "--table", str(kept)])
    assert main() == 0
    assert kept.read_text() == capsys.readouterr().out
    assert len([line for line in kept.read_text().splitlines() if "2x1" in line]) == 2
    kept.unlink()
    more = 1
    assert main() == 1
    assert not kept.exists()


def test_an_unknown_name_is_wrong_usage() -> None:
    command = [sys.executable, "-m", "benchmarks", "no-such-model"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 2
    assert "no-such-model" in found.stderr


def test_a_check_is_late_that_takes_longer_than_its_proof_and_a_second(
    capsys: pytest.CaptureFixture[str],
) -> None:
    good = [Measured("quick", 0.1, 0.9), Measured("long", 5.0, 4.0)]
    assert tell("v6.8", "one", good)
    assert capsys.readouterr().out.split()[2:5] == ["2", "2", "0"]
    late, refused = Measured("late", 0.1, 1.1), Measured("no", 1.0, wrong="refused")
    assert not tell("v6.8", "one", [*good, late])
    assert "late: proof 0.10 s, check 1.10 s" in capsys.readouterr().out
    assert not tell("v6.8", "one", [*good, refused])
    told = capsys.readouterr().out
    assert told.split()[2:5] == ["3", "2", "0"] and "no: refused" in told

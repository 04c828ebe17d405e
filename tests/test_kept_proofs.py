"""Proofs that are kept from one run to the next: believed only with what shows them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tdxcheck.checker.certificates.rechecking import Rechecker
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.judging.assess import assess
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.kept import Kept
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.judging.sharing import together
from tdxcheck.checker.judging.work import (
    ENGINES,
    Answer,
    Budget,
    Findings,
    Judge,
    Report,
    judge_by_pdr,
    judge_symbolically,
)
from tdxcheck.checker.seal import Sealer
from tdxcheck.checker.store import Store
from tdxcheck.checker.verdict import Limit, Proved, Refuted, Unknown
from tests.demo import DEMO

HELD = "usable_memory_is_covered"


def demo_cases(design: str) -> list[Case]:
    return cases_of(DEMO, [DEMO.design(design)], {}, names=[HELD])


class Noting:
    """An engine, which notes what it is asked."""

    __module__, __qualname__ = "tests", "noting"

    def __init__(self, judge: Judge, folder: Path) -> None:
        self.judge = judge
        self.folder = folder

    def __call__(self, case: Case, budget: Budget, report: Report) -> Findings:
        for number in budget.known.open(case):
            (self.folder / case.questions[number].name).touch()
        return self.judge(case, budget, report)

    def was_asked(self) -> bool:
        found = list(self.folder.iterdir())
        for path in found:
            path.unlink()
        return bool(found)


class Bench:
    """A store, and one engine that is asked about one rule of a design."""

    def __init__(self, place: Path, judge: Judge = judge_by_pdr) -> None:
        self.store = Store(place / "kept")
        self.key = place / "state" / "key"
        (place / "asked").mkdir()
        self.judge = Noting(judge, place / "asked")
        self.engine = Engine.PDR if judge is judge_by_pdr else Engine.SYMBOLIC
        self.checks = 0
        self._recheck = Rechecker()

    def _checked(self, case: Case, number: int, answer: Answer) -> bool:
        self.checks += 1
        return self._recheck(case, number, answer)

    def verdict(self, design: str = "closed") -> Any:
        kept = Kept(self.store, self._checked, Sealer(self.key))
        engines = {self.engine: self.judge}
        found = assess(demo_cases(design), engines, Budget(), 1, kept=kept)
        return found.judgements[0].by_engine[self.engine]

    def documents(self) -> dict[str, Any]:
        """The answers that are kept, by their keys."""
        found = {}
        for path in self.store.folder.rglob("*"):
            key = path.parent.name + path.name
            document = path.is_file() and self.store.get(key)
            if isinstance(document, dict) and "kind" in document:
                found[key] = document
        return found

    def seals(self) -> dict[str, str]:
        found = {}
        for path in self.store.folder.rglob("*"):
            key = path.parent.name + path.name
            document = path.is_file() and self.store.get(key)
            if isinstance(document, str):
                found[key] = document
        return found

    def forge(self, change: Callable[[Any], Any]) -> None:
        """Put other answers in the store, each with a checksum that is right."""
        documents = self.documents()
        assert documents
        for key, document in documents.items():
            self.store.put(key, change(document))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_proof_is_checked_when_it_is_read_and_then_sealed(bench: Bench) -> None:
    first = bench.verdict()
    assert isinstance(first, Proved) and bench.judge.was_asked()
    assert bench.checks == 0 and not bench.seals()
    for checks in (1, 1):
        assert bench.verdict() == first
        assert bench.checks == checks and len(bench.seals()) == 1
    assert not bench.judge.was_asked()


def test_without_what_shows_it_a_proof_is_done_again(bench: Bench) -> None:
    first = bench.verdict()
    bench.judge.was_asked()
    bench.forge(lambda said: {**said, "proof": None})
    assert bench.verdict() == first
    assert bench.judge.was_asked()


@pytest.mark.parametrize("sealed", [False, True])
def test_a_proof_with_a_clause_less_is_done_again(bench: Bench, sealed: bool) -> None:
    """What has a seal too, since that is of the whole answer."""
    first = bench.verdict()
    if sealed:
        bench.verdict()
    ((_, document),) = bench.documents().items()
    clauses = document["proof"]
    assert clauses
    for place in range(len(clauses)):
        less = clauses[:place] + clauses[place + 1 :]
        bench.judge.was_asked()
        bench.forge(lambda said, less=less: {**said, "proof": less})  # type: ignore[misc]
        assert bench.verdict() == first
        assert bench.judge.was_asked()


FORGED = {
    "of nothing": [],
    "of false": [[]],
    "of no variable": [[[9999, [0]]]],
    "of no variable, from behind": [[[-9999, [0]]]],
    "of a value that is none": [[[0, [77]]]],
    "of a reachable state": [[[0, [0, 1, 2]]]],
}


@pytest.mark.parametrize("proof", FORGED)
def test_what_is_broken_is_not_proved_by_a_forged_answer(
    bench: Bench, proof: str
) -> None:
    first = bench.verdict("open")
    assert isinstance(first, Refuted)
    bench.judge.was_asked()
    bench.forge(
        lambda said: {
            "kind": "Proved",
            "method": "PDR",
            "invariant": "",
            "evidence": None,
            "proof": FORGED[proof],
        }
    )
    assert bench.verdict("open") == first
    assert bench.judge.was_asked()


def test_a_seal_that_was_made_with_another_key_is_none(bench: Bench) -> None:
    bench.verdict()
    bench.verdict()
    ((place, _),) = bench.seals().items()
    bench.store.put(place, "0" * 64)
    bench.verdict()
    assert bench.checks == 2
    bench.key.unlink()
    bench.verdict()
    assert bench.checks == 3, "as on another machine"


def test_a_key_that_others_can_read_is_none(bench: Bench) -> None:
    bench.verdict()
    bench.verdict()
    os.chmod(bench.key, 0o644)
    for checks in (2, 3):
        bench.verdict()
        assert bench.checks == checks


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_key_that_is_none_seals_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    assert Sealer(path).seal("this") is None
    assert not Sealer(path).is_sealed("", "this")


def test_a_link_is_no_key(tmp_path: Path) -> None:
    real = tmp_path / "real"
    assert Sealer(real).seal("this")
    (tmp_path / "link").symlink_to(real)
    assert Sealer(tmp_path / "link").seal("this") is None


def test_a_seal_is_of_what_was_sealed(tmp_path: Path) -> None:
    seal = Sealer(tmp_path / "key").seal("this", "that")
    again = Sealer(tmp_path / "key")
    assert again.is_sealed(seal, "this", "that")
    assert not again.is_sealed(seal, "that", "this")
    assert not again.is_sealed("\N{CHECK MARK}", "this", "that")
    assert not again.is_sealed(None, "this", "that")


def test_a_proof_without_a_certificate_is_not_kept(tmp_path: Path) -> None:
    """It is found again, and where nobody is asked for it, it is not told."""
    bench = Bench(tmp_path, judge_symbolically)
    for _ in range(2):
        assert isinstance(bench.verdict(), Proved)
        assert bench.judge.was_asked()
    assert not bench.documents()
    kept = Kept(bench.store)
    (group,) = together(demo_cases("closed"))
    said = kept.recall(group, bench.engine, bench.judge, Budget())
    assert said.findings is None and said.said is not None
    assert said.said.answers[0].verdict == Unknown(Limit.CERTIFICATE)


def test_an_engine_that_cannot_have_said_so_is_not_believed(tmp_path: Path) -> None:
    """A solver visits no states, so it has not seen all of them."""
    bench = Bench(tmp_path)
    bench.verdict("open")
    bench.judge.was_asked()
    bench.forge(
        lambda said: {
            "kind": "Exhausted",
            "states": 7,
            "rests_on": [],
            "evidence": None,
            "proof": None,
        }
    )
    assert isinstance(bench.verdict("open"), Refuted)
    assert bench.judge.was_asked()


def test_the_command_checks_what_is_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """And seals it with a key of the user's own, which is not in the store."""
    context = Context(lambda: DEMO, lambda: ENGINES)
    asked = ["verify", "open", "--rule", HELD, "--engine", "pdr", "--format", "json"]

    def told() -> Any:
        main([*asked, "--cache", str(tmp_path / "kept")], context)
        (verdict,) = json.loads(capsys.readouterr().out)["verdicts"]
        return verdict["verdict"]["kind"], verdict["kept"]

    assert told() == ("refuted", False)
    assert told() == ("refuted", True)
    bench = Bench(tmp_path)
    forged = {"kind": "Proved", "method": "PDR", "invariant": "", "evidence": None}
    bench.forge(lambda said: {**forged, "proof": []})
    assert told() == ("refuted", False)
    asked[1] = "closed"
    for kept in (False, True, True):
        assert told() == ("proved", kept)
    (key,) = Path(os.environ["XDG_STATE_HOME"]).rglob("*.key")
    assert key.stat().st_mode & 0o777 == 0o600

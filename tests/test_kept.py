"""Results that are kept from one run to the next, and when they are not believed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tdxcheck.checker.cli.main import main
from tdxcheck.checker.judging import content
from tdxcheck.checker.judging.assess import assess
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.kept import Kept
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.judging.sharing import in_families, together
from tdxcheck.checker.judging.work import (
    Budget,
    Findings,
    Report,
    judge_by_diagrams,
    judge_explicitly,
)
from tdxcheck.checker.language.system import invariant
from tdxcheck.checker.language.terms import Term, implies
from tdxcheck.checker.store import Store, key_of
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.spec.host import Host

SIZES = {"cpus": 1, "packages": 1, "blocks": 1}
SMALL = ["--cpus", "1", "--packages", "1", "--blocks", "1"]
RULES = ("memory_is_not_overwritten", "an_update_can_succeed", "calls_come_in_order")


def small_cases(*names: str) -> list[Case]:
    design = CATALOGUE.design("v6.8")
    return cases_of(CATALOGUE, [design], SIZES, names=names or RULES)


class Counting:
    """The engine of diagrams, which notes what it is asked."""

    __module__, __qualname__ = "tests", "counting"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, case: Case, budget: Budget, report: Report) -> Findings:
        asked = budget.known.open(case)
        note = self.folder / f"{time.monotonic_ns()}"
        note.write_text(" ".join(case.questions[n].name for n in asked))
        return judge_by_diagrams(case, budget, report)

    def asked(self) -> list[str]:
        """What was asked since the last time."""
        found = []
        for note in sorted(self.folder.iterdir()):
            found += note.read_text().split()
            note.unlink()
        return found


@pytest.fixture
def counting(tmp_path: Path) -> Counting:
    folder = tmp_path / "asked"
    folder.mkdir()
    return Counting(folder)


def judged(cases: list[Case], judge: Any, store: Path, **more: Any) -> dict[str, str]:
    kept = Kept(Store(store))
    found = assess(cases, {Engine.DIAGRAMS: judge}, Budget(), 1, kept=kept, **more)
    return {j.question.name: repr(j.verdict) for j in found.judgements}


def test_what_is_kept_is_not_asked_again(tmp_path: Path, counting: Counting) -> None:
    first = judged(small_cases(), counting, tmp_path / "kept")
    assert sorted(counting.asked()) == sorted(RULES)
    assert judged(small_cases(), counting, tmp_path / "kept") == first
    assert counting.asked() == []


def test_only_a_changed_rule_is_asked_again(tmp_path: Path, counting: Counting) -> None:
    before = judged(small_cases(), counting, tmp_path / "kept")
    counting.asked()
    (case,) = small_cases()
    name = "memory_is_not_overwritten"
    old = next(q.rule.condition for q in case.questions if q.name == name)

    @invariant()
    def memory_is_not_overwritten(host: Host) -> Term[bool]:
        """The same rule with other words, and something more."""
        return implies(host.tdx == host.tdx, old)

    questions = tuple(
        replace(q, rule=memory_is_not_overwritten) if q.name == name else q
        for q in case.questions
    )
    rules = tuple(question.rule for question in questions)
    system = replace(case.instance.system, properties=rules)
    edited = replace(
        case, questions=questions, instance=replace(case.instance, system=system)
    )
    after = judged([edited], counting, tmp_path / "kept")
    assert counting.asked() == [name]
    assert after == before, "counts and lengths of runs are those of a fresh run"
    assert judged([edited], counting, tmp_path / "fresh") == before


def test_another_machine_or_design_is_asked_afresh(
    tmp_path: Path, counting: Counting
) -> None:
    judged(small_cases(), counting, tmp_path / "kept")
    counting.asked()
    design = CATALOGUE.design("v7.1")
    others = [
        cases_of(CATALOGUE, [design], SIZES, names=RULES),
        cases_of(
            CATALOGUE, [CATALOGUE.design("v6.8")], {**SIZES, "cpus": 2}, names=RULES
        ),
    ]
    for cases in others:
        judged(cases, counting, tmp_path / "kept")
        assert sorted(counting.asked()) == sorted(RULES)


def test_the_members_of_a_family_are_told_apart() -> None:
    cases = cases_of(CATALOGUE, [CATALOGUE.design("v6.8")], {}, names=["A12"])
    (group,) = in_families(together(cases))
    instance = group.case.instance
    rules = instance.system.properties
    assert len(rules) > 1
    assert len({content.of_property(instance, rule) for rule in rules}) == len(rules)


def test_content_does_not_depend_on_the_process() -> None:
    script = (
        "from tests.test_kept import small_cases; "
        "from tdxcheck.checker.judging.content import of_property, of_system; "
        "c, = small_cases(); print(of_system(c.instance), "
        "*(of_property(c.instance, q.rule) for q in c.questions))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[1],
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_a_run_that_does_not_replay_is_found_again(
    tmp_path: Path, counting: Counting
) -> None:
    """A kept run is believed of the interpreter, not of its checksum."""
    store = Store(tmp_path / "kept")
    first = judged(small_cases(), counting, store.folder)
    counting.asked()
    for path in store.folder.rglob("*"):
        if path.is_file() and '"kind":"Refuted"' in path.read_text():
            key = path.parent.name + path.name
            document = store.get(key)
            last = document["evidence"]["states"][-1]
            document["evidence"]["states"][-1] = [1 - min(value, 1) for value in last]
            store.put(key, document)
    assert judged(small_cases(), counting, store.folder) == first
    assert counting.asked() == ["memory_is_not_overwritten"]


def test_flipped_bytes_count_as_nothing(tmp_path: Path, counting: Counting) -> None:
    folder = tmp_path / "kept"
    first = judged(small_cases(), counting, folder)
    counting.asked()
    chance = random.Random(1)
    for path in folder.rglob("*"):
        if path.is_file():
            data = bytearray(path.read_bytes())
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            path.write_bytes(data)
    assert judged(small_cases(), counting, folder) == first
    assert sorted(counting.asked()) == sorted(RULES)
    for path in folder.rglob("*"):
        if path.is_file():
            whole = path.read_bytes()
            path.write_bytes(whole[: chance.randrange(len(whole))])
    assert judged(small_cases(), counting, folder) == first
    assert sorted(counting.asked()) == sorted(RULES)


def test_a_moved_document_does_not_count(tmp_path: Path) -> None:
    store = Store(tmp_path)
    one, other = key_of("one"), key_of("other")
    store.put(one, {"verdict": "holds"})
    there, here = (tmp_path / key[:2] / key[2:] for key in (one, other))
    here.parent.mkdir(parents=True)
    here.write_bytes(there.read_bytes())
    assert store.get(one) == {"verdict": "holds"}
    assert store.get(other) is None


def test_what_a_limit_cut_short_is_asked_again(tmp_path: Path) -> None:
    """Of an engine that has visited too little, only what it has decided is kept."""
    kept = Kept(Store(tmp_path))
    engines = {Engine.EXPLICIT: judge_explicitly}
    few = Budget(states=50)
    first = assess(small_cases(), engines, few, 1, kept=kept)
    assert any(f.statistics and f.statistics.limit for f in first.findings)
    after = assess(small_cases(), engines, Budget(), 1, kept=kept)
    fresh = assess(small_cases(), engines, Budget(), 1)
    assert [repr(j.verdict) for j in after.judgements] == [
        repr(j.verdict) for j in fresh.judgements
    ]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    main(["verify", "v6.8", *SMALL, "--format", "json", *arguments])
    return json.loads(capsys.readouterr().out)


def essence(said: Any) -> Any:
    """What does not say how long anything took, or where it is from."""
    if isinstance(said, dict):
        untold = ("seconds", "kept", "answers_kept")
        return {k: essence(v) for k, v in said.items() if k not in untold}
    return [essence(each) for each in said] if isinstance(said, list) else said


def test_a_kept_run_tells_what_a_fresh_one_does(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    engine = ("--engine", "diagrams")
    fresh = told(capsys, *engine, "--no-cache")
    assert not any(verdict["kept"] for verdict in fresh["verdicts"])
    first = told(capsys, *engine, "--cache", str(tmp_path))
    again = told(capsys, *engine, "--cache", str(tmp_path))
    assert all(verdict["kept"] for verdict in again["verdicts"])
    assert essence(fresh) == essence(first) == essence(again)
    assert any(verdict["trace"] for verdict in again["verdicts"])
    main(["verify", "v6.8", *SMALL, *engine, "--cache", str(tmp_path)])
    said = " ".join(capsys.readouterr().out.split())
    assert "diagrams kept" in said
    assert f"{len(again['verdicts'])} kept from earlier runs" in said


def test_no_cache_keeps_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    main(["verify", "v6.8", *SMALL, "--rule", RULES[0], "--no-cache"])
    assert not Path(os.environ["XDG_CACHE_HOME"]).exists()
    main(["verify", "v6.8", *SMALL, "--rule", RULES[0]])
    assert list(Path(os.environ["XDG_CACHE_HOME"]).iterdir())


def test_a_cache_that_cannot_be_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = tmp_path / "file"
    place.write_text("")
    assert main(["verify", "v6.8", *SMALL, "--cache", str(place)]) == 2
    assert "--no-cache" in capsys.readouterr().err


def command(*arguments: str) -> subprocess.Popen[str]:
    code = "import sys; from tdxcheck.checker.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, "verify", "v6.8", *SMALL, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_two_runs_at_once_and_one_that_is_killed(tmp_path: Path) -> None:
    """Whatever is left of a run, the next says the same as one without a cache."""
    arguments = ("--engine", "diagrams", "--format", "json", "--cache", str(tmp_path))
    for delay in (0.5, 1.0, 1.5, 2.0):
        killed = command(*arguments)
        time.sleep(delay)
        with pytest.MonkeyPatch.context():
            os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
    runs = [command(*arguments) for _ in range(2)]
    told = [json.loads(run.communicate()[0]) for run in runs]
    alone = json.loads(command(*arguments[:4], "--no-cache").communicate()[0])
    after = json.loads(command(*arguments).communicate()[0])
    assert all(verdict["kept"] for verdict in after["verdicts"])
    assert all(essence(each) == essence(alone) for each in (*told, after))

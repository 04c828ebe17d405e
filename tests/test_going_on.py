"""Searches that meet a limit, and go on in another run."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tdxcheck.checker.cli.main import main
from tdxcheck.checker.engines.diagrams.judge import Survey, survey
from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.verdict import Exhausted, Limit, Unknown
from tdxcheck.models.catalogue import CATALOGUE

SIZES = {"cpus": 1, "packages": 1, "blocks": 1}


@pytest.fixture(scope="module")
def system() -> GroundSystem:
    design = CATALOGUE.design("v6.8")
    names = ("memory_is_not_overwritten", "the_module_serves_kvm")
    (case,) = cases_of(CATALOGUE, [design], SIZES, names=names)
    return ground(case.instance.system, case.instance.scope)


@pytest.mark.parametrize("pure", [False, True])
def test_a_survey_goes_on_from_the_states_that_were_reached(
    system: GroundSystem, monkeypatch: pytest.MonkeyPatch, pure: bool
) -> None:
    whole = survey(system)
    reached = None
    looks, seen = 0, []

    def interrupted(self: object) -> None:
        nonlocal looks
        looks += 1
        if looks % 150 == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(
        "tdxcheck.checker.engines.diagrams.judge.Lookout.__call__", interrupted
    )
    found = Survey((), limit=Limit.INTERRUPT)
    for _ in range(20):
        found = survey(system, Limits(), pure=pure, reached=reached)
        if found.limit is None:
            break
        seen.append(found.states)
        # What is kept goes through a file.
        reached = json.loads(json.dumps(found.reached))
        monkeypatch.setattr(
            "tdxcheck.checker.engines.diagrams.judge.Lookout.__call__",
            interrupted if len(seen) < 4 else lambda self: None,
        )
    assert found.limit is None
    assert seen == sorted(seen) and 0 < seen[0] < whole.states
    assert (found.states, found.transitions) == (whole.states, whole.transitions)
    assert found.verdicts == whole.verdicts


def test_what_was_reached_is_no_verdict(
    system: GroundSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "tdxcheck.checker.engines.diagrams.judge.Lookout.__call__", interrupted
    )
    found = survey(system)
    assert all(isinstance(v, Unknown) for v in found.verdicts)
    assert not any(isinstance(v, Exhausted) for v in found.verdicts)


def verified(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["verify", "v6.8", "--engine", "diagrams", *arguments])
    return status, " ".join(capsys.readouterr().out.split())


def test_short_runs_end_where_a_long_one_does(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The same command under a short budget, until there is nothing left to do."""
    started = time.monotonic()
    status, whole = verified(capsys, "--no-cache")
    budget = (time.monotonic() - started) / 3 + 1
    limited = ("--cache", str(tmp_path), "--time", f"{budget:.1f}")
    again, told = verified(capsys, *limited)
    for _ in range(12):
        if again != 3:
            break
        assert "Not finished:" in told and "this command goes on from there" in told
        again, told = verified(capsys, *limited)
    assert again == status
    known = [
        text.split("Known refutations")[1].split("questions:")[0]
        for text in (whole, told)
    ]
    assert known[0] == known[1]


def test_a_limit_without_a_cache_says_that_nothing_is_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, told = verified(capsys, "--no-cache", "--time", "0.5")
    assert status == 3
    assert "Nothing of this is kept" in told

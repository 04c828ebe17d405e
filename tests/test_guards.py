"""Guards taken out and designs compared, on a small catalogue."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tdxcheck.checker.catalogue import Catalogue, Design, Expectation
from tdxcheck.checker.language import SpecificationError
from tests.kettle import CALM, REDUNDANT, SAFE, Kettle, catalogue, pour, run

# Guards.


def test_each_guard_is_told_with_what_breaks_without_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("guards", "safe") == 0
    out = capsys.readouterr().out
    assert "stops_when_hot (B1): It turns itself off when it boils." in out
    assert out.count("without it breaks: never_boils_dry 2") == 2
    assert "nothing breaks without it, as is known: only for comfort" in out
    assert "3 safeguards: 2 needed, 1 known to be redundant" in out


def test_a_guard_that_no_rule_needs_is_news(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("guards", "safe", of=catalogue({})) == 1
    assert "NOTHING BREAKS WITHOUT IT" in capsys.readouterr().out


def test_a_guard_that_was_taken_for_redundant_is_news(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = {**REDUNDANT, "stops_when_hot": Expectation(note="it never boils")}
    assert run("guards", "safe", of=catalogue(wrong)) == 1
    assert "TAKEN FOR REDUNDANT (it never boils)" in capsys.readouterr().out


def test_one_guard_is_told_with_its_trace(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("guards", "safe", "--guard", "stops_when_empty") == 0
    out = capsys.readouterr().out
    assert "safe-without-stops_when_empty breaks never_boils_dry" in out
    assert "shortest counterexample: 2 steps" in out


def test_traces_are_kept_under_their_bugs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("guards", "safe", "--record", "--folder", str(tmp_path)) == 0
    names = sorted(path.name for path in tmp_path.glob("*.json"))
    assert names == [
        "B1-safe-without-stops_when_hot-never_boils_dry.itf.json",
        "safe-without-stops_when_empty-never_boils_dry.itf.json",
    ]
    assert run("replay", "B1", "--folder", str(tmp_path)) == 0
    assert run("show", "B1", "--folder", str(tmp_path)) == 0
    assert "VIOLATED" in capsys.readouterr().out


def test_a_design_without_a_guard_is_a_design(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("verify", "safe-without-stops_when_hot") == 1
    assert "REFUTED IN 2" in capsys.readouterr().out
    mine = catalogue()
    name = "safe-without-stops_when_hot"
    assert mine.design(name) is mine.design(name)
    with pytest.raises(SpecificationError, match="has no safeguard"):
        mine.design(name).system.without(Kettle.stops_when_hot)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("guards", "saef"), "there is no design 'saef'; did you mean 'safe'?"),
        (("guards", "--guard", "stops"), "there is no safeguard 'stops'"),
        (("guards", "plain", "--guard", "has_a_handle"), "none of these designs has"),
        (("verify", "safe-without-stop_when_hot"), "did you mean 'stops_when_hot'?"),
        (("diff", "safe", "sane"), "there is no design 'sane'"),
        (("matrix", "--cpus", "2000000"), ""),
    ],
)
def test_what_does_not_exist_is_said_in_one_line(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(*arguments)
    err = capsys.readouterr().err
    if message:
        assert status == 2
        assert message in err
        assert err.count("\n") == 1


def test_a_machine_without_features_has_no_matrix(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine = catalogue()
    plain = replace(mine, machine=replace(mine.machine, features=()))
    assert run("matrix", of=plain) == 2
    assert "has no features" in capsys.readouterr().err


# Differences.


def test_two_designs_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", "plain", "safe") == 0
    out = capsys.readouterr().out
    assert "with stops_when_hot: It turns itself off when it boils." in out
    assert "never_boils_dry: refuted in 2 -> exhausted" in out
    assert "stays_dry: exhausted -> vacuous" in out
    assert run("diff", "safe", "plain") == 0
    assert "without has_a_handle" in capsys.readouterr().out


def test_a_design_is_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", "safe", "safe") == 0
    out = capsys.readouterr().out
    assert "They are the same system, and no verdict can change." in out


# Safeguards that a design does without.

HEATED_ONCE = SAFE.variant(
    "heated once",
    "A kettle that nobody can pour out.",
    removed=(pour,),
    unneeded={Kettle.has_a_handle: "nobody lifts it."},
)


def heated_once() -> Catalogue:
    mine = catalogue()
    designs = (*mine.designs, Design("heated-once", HEATED_ONCE, {"stays_dry": CALM}))
    return replace(mine, designs=designs)


def test_what_a_design_does_without_is_not_told_as_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("diff", "safe", "heated-once", of=heated_once()) == 0
    out = capsys.readouterr().out
    assert "not needed, has_a_handle: It can be held. Because nobody lifts it." in out
    assert "without has_a_handle" not in out
    assert run("diff", "safe", "heated-once", "--format", "json", of=heated_once()) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert [row["unneeded"] for row in settings] == ["nobody lifts it."]
    assert run("guards", "heated-once", of=heated_once()) in (0, 1)
    out = capsys.readouterr().out
    assert "Not needed:\n    has_a_handle: It can be held.\n      because nobody" in out
    assert run("guards", "heated-once", "--format", "json", of=heated_once()) in (0, 1)
    told = json.loads(capsys.readouterr().out)
    assert "has_a_handle" not in [row["safeguard"] for row in told["safeguards"]]
    assert told["unneeded"] == [
        {
            "design": "heated-once",
            "safeguard": "has_a_handle",
            "because": "nobody lifts it.",
        }
    ]
    assert run("explain", "heated-once", of=heated_once()) == 0
    assert "because nobody lifts it." in capsys.readouterr().out


def test_only_what_no_action_asks_for_is_not_needed() -> None:
    """Now and in every system that is stated upon it."""
    with pytest.raises(SpecificationError, match="its action pour asks for it"):
        SAFE.variant("x", "X.", unneeded={Kettle.has_a_handle: "never mind."})
    with pytest.raises(SpecificationError, match="its action pour asks for it"):
        HEATED_ONCE.variant("x", "X.", added=(pour,))
    with pytest.raises(SpecificationError, match="is not a safeguard"):
        HEATED_ONCE.variant("x", "X.", unneeded={Kettle.spout: "it has none."})
    assert Kettle.has_a_handle not in HEATED_ONCE.safeguards


def test_a_safeguard_that_is_needed_again_is_one_again() -> None:
    settings = {Kettle.has_a_handle: True}
    again = HEATED_ONCE.variant("x", "X.", added=(pour,), settings=settings)
    assert not again.unneeded
    assert Kettle.has_a_handle in again.safeguards

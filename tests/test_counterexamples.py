"""Every recorded counterexample still replays, and is still a shortest one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdxcheck.checker.catalogue import Outcome
from tdxcheck.checker.cli import main
from tdxcheck.checker.cli.recorded import default_folder
from tdxcheck.checker.language.system import Mode
from tdxcheck.models.catalogue import CATALOGUE

RECORDED = sorted(default_folder().glob("*.itf.json"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_it_replays_and_is_shortest(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(path)]) == 0, capsys.readouterr()
    out = capsys.readouterr().out
    shortest = "no shorter run breaks the rule", "the initial state breaks the rule"
    assert out.rstrip().endswith(shortest)


def test_every_expected_refutation_is_recorded() -> None:
    names = {path.name.removesuffix(".itf.json") for path in RECORDED}
    modes = {rule.id: rule.property.mode for rule in CATALOGUE.rules}
    for design in CATALOGUE.designs:
        for rule, expectation in design.expected.items():
            # That something cannot happen has no run to show.
            if expectation.outcome is Outcome.REFUTED and modes[rule] is not (
                Mode.REACHABLE
            ):
                origin = CATALOGUE.origin(design.key, rule)
                name = "-".join(filter(None, (expectation.bug, origin, rule)))
                assert name in names


def test_every_record_has_its_text() -> None:
    for path in RECORDED:
        text = path.with_name(path.name.removesuffix(".itf.json") + ".txt")
        assert "VIOLATED" in text.read_text(), path

"""A simplified term has the value of the whole one, wherever the settings hold."""

from __future__ import annotations

from enum import Enum
from itertools import product
from typing import Any

import pytest

from tdxcheck.checker.language import (
    Index,
    Map,
    State,
    Term,
    Var,
    all_of,
    exists,
    forall,
    implies,
    ite,
)
from tdxcheck.checker.language.simplify import simplified
from tdxcheck.checker.language.terms import Const
from tdxcheck.checker.report.explanation import NOWHERE
from tdxcheck.checker.report.phrase import phrase


class Cpu(Index):
    """A CPU."""


class Phase(Enum):
    """A phase."""

    OFF = 0
    ON = 1


class Toy(State):
    """Two switches and a phase."""

    careful = Var(bool, frozen=True)
    quick = Var(bool, frozen=True)
    phase = Var(Phase, Phase.OFF)
    online = Map(Cpu, bool)


TOY: Any = Toy()
OFF: Term[bool] = TOY.phase == Phase.OFF


@pytest.mark.parametrize(
    ("term", "careful", "text"),
    [
        (implies(TOY.careful, OFF), True, "phase = OFF"),
        (implies(TOY.careful, OFF), False, "yes"),
        (implies(OFF, TOY.careful), False, "phase != OFF"),
        (TOY.careful & OFF, True, "phase = OFF"),
        (TOY.careful & OFF, False, "no"),
        (TOY.careful | OFF, False, "phase = OFF"),
        (~(~TOY.careful | ~OFF), True, "phase = OFF"),
        (ite(TOY.careful, OFF, TOY.quick), False, "quick"),
        (implies(TOY.quick & TOY.careful, OFF), True, "quick implies (phase = OFF)"),
        (forall(Cpu, lambda c: TOY.careful), True, "yes"),
        (all_of(TOY.careful), True, "yes"),
    ],
)
def test_what_is_settled_is_left_out(
    term: Term[bool], careful: bool, text: str
) -> None:
    short = simplified(term, {Toy.careful: careful})
    assert phrase(short, NOWHERE) == text


def test_a_quantifier_keeps_what_is_open() -> None:
    term = exists(Cpu, lambda c: TOY.careful & TOY.online[c])
    assert "online" in phrase(simplified(term, {Toy.careful: True}), NOWHERE)
    assert simplified(term, {Toy.careful: False}) is not term


def test_a_setting_of_none_settles_nothing() -> None:
    assert phrase(simplified(TOY.careful, {Toy.careful: None}), NOWHERE) == "careful"


def test_every_combination_of_constants() -> None:
    for left, right in product((True, False), repeat=2):
        settings: dict[Any, bool] = {Toy.careful: left, Toy.quick: right}
        for term, value in (
            (TOY.careful & TOY.quick, left and right),
            (TOY.careful | TOY.quick, left or right),
            (implies(TOY.careful, TOY.quick), not left or right),
            (~TOY.careful, not left),
        ):
            short = simplified(term, settings)
            assert isinstance(short, Const)
            assert short.value is value

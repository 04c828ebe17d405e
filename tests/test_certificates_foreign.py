"""A checker of certificates by somebody who knows docs/certificates.md, and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tdxcheck.checker.certificate_solvers import by_z3
from tdxcheck.checker.ground import ground
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.language import (
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    implies,
    invariant,
)
from tests.test_certificates import host, without_clauses, written

__all__ = ["host"]

DOCUMENT = Path(__file__).parent.parent / "docs" / "certificates.md"
TOKEN = re.compile(r'\s+|;[^\n]*|(\|[^|]*\||"[^"]*"|[()]|[^\s()|";]+)')
TAKEN = ("set-logic", "define-sort", "declare-const", "define-fun")


def commands(text: str) -> list[Any]:
    stack: list[list[Any]] = [[]]
    for match in TOKEN.finditer(text):
        if match[1] == "(":
            stack.append([])
        elif match[1] == ")":
            done = stack.pop()
            stack[-1].append(done)
        elif match[1] is not None:
            stack[-1].append(match[1])
    (whole,) = stack
    return whole


def said(term: Any) -> str:
    return term if isinstance(term, str) else f"({' '.join(map(said, term))})"


def put(term: Any, by: Mapping[str, str]) -> Any:
    """The term with something else in the place of variables."""
    if isinstance(term, str):
        return by.get(term, term)
    return [put(part, by) for part in term]


def questions(functions: Mapping[str, Any]) -> Iterator[str]:
    yield "(and init (not invariant))"
    yield "(and invariant violation)"
    for name in functions:
        if name.startswith("|may "):
            step = name.removeprefix("|may ").rstrip("|")
            begin = f"|{step}: "
            effects = [other for other in functions if other.startswith(begin)]
            after = {f"|now {e.removeprefix(begin)}": e for e in effects}
            bounds = put(functions["within"], after)
            clauses = [put(c, after) for c in functions["invariant"][2:]]
            kept = said(["and", "true", bounds, *clauses])
            yield f"(and invariant {name} (not {kept}))"


def answers(text: str) -> list[str]:
    """What a solver says to the questions that the stranger makes of the file."""
    known = commands(text)
    functions = {c[1]: c[4] for c in known if c[0] == "define-fun"}
    head = [said(command) for command in known if command[0] in TAKEN]
    asked = [f"(push 1)(assert {q})(check-sat)(pop 1)" for q in questions(functions)]
    return list(by_z3("\n".join([*head, *asked])))


@pytest.mark.parametrize("number", range(4))
def test_a_stranger_finds_the_same(host: GroundSystem, number: int) -> None:
    text = written(host, number)
    assert set(answers(text)) == {"unsat"}
    assert len(answers(text)) == 2 + len(
        re.findall(r"^\(define-fun \|may ", text, re.M)
    )
    for less in without_clauses(text):
        assert "sat" in answers(less)


def test_the_document_names_what_is_defined(host: GroundSystem) -> None:
    told = DOCUMENT.read_text()
    for name in re.findall(r"^\(define-fun ([a-z]+) ", written(host, 0), re.MULTILINE):
        assert f"| `{name}` |" in told
    for key in re.findall(r"tdxcheck-([a-z]+) ", written(host, 0)):
        assert f"`{key}`" in told


class Two(State):
    left = Var(bool, False)
    turned = Var(bool, False)
    right = Var(bool, False)


@action()
def turn_left(two: Two) -> None:
    """One turns to the left."""
    two.left = True
    two.turned = True


@action()
def turn_right(two: Two) -> None:
    """One turns to the right."""
    two.right = True


@invariant()
def who_is_left_has_turned(two: Two) -> Term[bool]:
    """Who is on the left has turned."""
    return implies(two.left, two.turned)


@invariant()
def right_is_not_left(two: Two) -> Term[bool]:
    """Who has not turned is on the right, or nowhere."""
    return implies(~two.turned & two.right, ~two.left)


RULES = (who_is_left_has_turned, right_is_not_left)
TURNS = TransitionSystem("turns", "Turns.", Two, (turn_left, turn_right), RULES)


def test_what_is_left_out_is_named() -> None:
    """Each action has a question, or stands among those that are not asked about."""
    system = ground(TURNS, {})
    for number, left_out in enumerate(("turn_right", "")):
        text = written(system, number)
        asked = set(re.findall(r"^; consecution: (\w+)$", text, re.MULTILINE))
        apart = re.findall(r"; Not asked about.*\n;     (\w+)\n", text)
        assert apart == ([left_out] if left_out else [])
        assert asked | set(apart) == {"turn_left", "turn_right"}

"""Ground terms: simplified as they are made, with the values that they can have."""

from __future__ import annotations

import pytest

from tdxcheck.checker.ground.terms import (
    FALSE,
    TRUE,
    Node,
    Slot,
    Terms,
    evaluate,
    support,
    walk,
)

make = Terms()
X = make.slot(0, 0, 1, boolean=True)
Y = make.slot(1, 0, 1, boolean=True)
N = make.slot(2, -2, 3, boolean=False)
M = make.slot(3, 4, 6, boolean=False)


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (make.not_(make.not_(X)), X),
        (make.and_([X, TRUE, X]), X),
        (make.and_([X, make.not_(X)]), FALSE),
        (make.or_([X, Y, make.not_(Y)]), TRUE),
        (make.or_([]), FALSE),
        (make.and_([]), TRUE),
        (make.and_([X, FALSE]), FALSE),
        (make.or_([X, FALSE]), X),
        (make.eq(X, X), TRUE),
        (make.eq(N, M), FALSE),
        (make.eq(X, FALSE), make.not_(X)),
        (make.eq(TRUE, X), X),
        (make.lt(N, M), TRUE),
        (make.lt(M, N), FALSE),
        (make.lt(N, N), FALSE),
        (make.lt(N, make.number(4)), TRUE),
        (make.lt(N, make.number(-2)), FALSE),
        (make.add(make.number(2), make.number(-3)), make.number(-1)),
        (make.sub(make.number(2), make.number(5)), make.number(-3)),
        (make.add(N, make.number(0)), N),
        (make.sub(N, make.number(0)), N),
        (make.ite(TRUE, N, M), N),
        (make.ite(FALSE, N, M), M),
        (make.ite(X, N, N), N),
        (make.ite(X, TRUE, Y), make.or_([X, Y])),
        (make.ite(X, FALSE, Y), make.and_([make.not_(X), Y])),
        (make.ite(X, Y, TRUE), make.or_([make.not_(X), Y])),
        (make.ite(X, Y, FALSE), make.and_([X, Y])),
        (make.eq(make.ite(X, N, make.number(9)), make.number(9)), make.not_(X)),
    ],
)
def test_terms_are_simplified(term: Node, expected: Node) -> None:
    assert term is expected


def test_ranges_of_terms_hold_every_value() -> None:
    for term in (
        make.add(N, M),
        make.sub(N, M),
        make.sub(M, N),
        make.ite(X, N, M),
        make.add(make.sub(N, make.number(3)), make.ite(Y, M, make.number(-7))),
    ):
        values = {
            evaluate(term, {0: x, 1: y, 2: n, 3: m})
            for x in (0, 1)
            for y in (0, 1)
            for n in range(-2, 4)
            for m in range(4, 7)
        }
        assert (term.low, term.high) == (min(values), max(values))


def test_walking_visits_each_term_once_children_first() -> None:
    both = make.and_([X, Y])
    term = make.ite(both, make.add(N, M), M)
    seen = list(walk(term, both))
    assert len(seen) == len(set(map(id, seen))) == 7
    assert seen.index(both) < seen.index(term)
    assert {node for node in seen if isinstance(node, Slot)} == {X, Y, N, M}
    assert support(term, X) == {0, 1, 2, 3}

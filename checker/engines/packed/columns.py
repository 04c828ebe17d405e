"""Columns: a ground term evaluated for many states at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.ground.terms import (
    Add,
    And,
    Const,
    Eq,
    Ite,
    Lt,
    Node,
    Not,
    Or,
    Slot,
    Sub,
)

Column: TypeAlias = npt.NDArray[np.int64]


def evaluate_all(
    node: Node, slots: Mapping[int, Column], known: Mapping[int, Column], rows: int
) -> Column:
    """The term's value in each row.

    `slots` has the columns of slots by their numbers, `known` those of terms that
    are not to be looked into, by their identities.
    """
    done: dict[int, Column] = {}

    def value(node: Node) -> Column:
        found = known.get(id(node), done.get(id(node)))
        if found is None:
            found = done[id(node)] = fresh(node)
        return found

    def fresh(node: Node) -> Column:
        match node:
            case Const(value=number):
                return np.full(rows, number, dtype=np.int64)
            case Slot(number=number):
                if number in slots:
                    return slots[number]
                return np.full(rows, node.low, dtype=np.int64)
            case Not(operand=operand):
                return 1 - value(operand)
            case And(operands=operands):
                return reduce(np.bitwise_and, map(value, operands))
            case Or(operands=operands):
                return reduce(np.bitwise_or, map(value, operands))
            case Eq(left=left, right=right):
                equal: npt.NDArray[np.bool_] = value(left) == value(right)
                return equal.astype(np.int64)
            case Lt(left=left, right=right):
                return (value(left) < value(right)).astype(np.int64)
            case Add(left=left, right=right):
                return value(left) + value(right)
            case Sub(left=left, right=right):
                return value(left) - value(right)
            case Ite(condition=condition, then=then, otherwise=otherwise):
                chosen = value(condition) != 0
                return np.where(chosen, value(then), value(otherwise))
        raise TypeError(f"not a ground term: {node!r}")

    return value(node)

"""Ground terms in the words of a language that writes operators between operands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tdxcheck.checker.export.names import Vocabulary
from tdxcheck.checker.ground.terms import (
    TRUE,
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


@dataclass(frozen=True)
class Syntax:
    """How a language writes each kind of term."""

    true: str
    false: str
    not_: str
    and_: str
    or_: str
    equal: str
    unequal: str
    if_: str
    """With the places {0}, {1} and {2}: the condition, then, otherwise."""


class Writer:
    """Writes the terms of one system."""

    def __init__(self, vocabulary: Vocabulary, syntax: Syntax) -> None:
        self.vocabulary = vocabulary
        self.syntax = syntax

    def text(
        self, node: Node, sort: Any = None, instead: Mapping[int, str] = {}
    ) -> str:
        """The term; constants by the names that the sort gives them.

        Slots with these numbers are written as what stands instead.
        """

        def write(node: Node, sort: Any = None) -> str:
            return self.text(node, sort, instead)

        syntax = self.syntax
        match node:
            case Const(boolean=True, value=value):
                return syntax.true if value else syntax.false
            case Const(value=value):
                shown = self.vocabulary.value(value, sort)
                return f"({shown})" if shown.startswith("-") else shown
            case Slot(number=number):
                return instead.get(number, self.vocabulary.slots[number])
            case Not(operand=Eq(left=left, right=right)):
                return self._compared(left, syntax.unequal, right, instead)
            case Not(operand=operand):
                return f"{syntax.not_}{write(operand)}"
            case And(operands=operands):
                return f"({f' {syntax.and_} '.join(map(write, operands))})"
            case Or(operands=operands):
                return f"({f' {syntax.or_} '.join(map(write, operands))})"
            case Eq(left=left, right=right):
                return self._compared(left, syntax.equal, right, instead)
            case Lt(left=left, right=right):
                return self._compared(left, "<", right, instead)
            case Add(left=left, right=right):
                return f"({write(left)} + {write(right)})"
            case Sub(left=left, right=right):
                return f"({write(left)} - {write(right)})"
            case Ite(condition=condition, then=then, otherwise=otherwise):
                sort = sort or self.vocabulary.sort_of(node)
                parts = write(condition), write(then, sort), write(otherwise, sort)
                return f"({syntax.if_.format(*parts)})"
        raise TypeError(f"not a ground term: {node!r}")

    def _compared(
        self, left: Node, sign: str, right: Node, instead: Mapping[int, str]
    ) -> str:
        sort = self.vocabulary.sort_of(left) or self.vocabulary.sort_of(right)
        one, other = (self.text(side, sort, instead) for side in (left, right))
        return f"({one} {sign} {other})"

    def bare(
        self, node: Node, sort: Any = None, instead: Mapping[int, str] = {}
    ) -> str:
        """The same, without parentheses that nothing needs where it stands alone."""
        text = self.text(node, sort, instead)
        if isinstance(node, Const | Slot | Ite) or not text.startswith("("):
            return text
        return text[1:-1]

    def parts(self, nodes: Iterable[Node]) -> list[str]:
        """The conjuncts of a conjunction, each without parentheses around it."""
        return [
            self.bare(part)
            for node in nodes
            for part in (node.operands if isinstance(node, And) else (node,))
            if part is not TRUE
        ]

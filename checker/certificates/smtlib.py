"""Ground terms in SMT-LIB: truth values, and bit-vectors wide enough for every number.

All numbers have one width, in two's complement, in which no term of the system can
overflow; so arithmetic and comparisons are those of the integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    walk,
)

LONG = 160
"""Letters of a term that is given a name."""


def width(nodes: Iterable[Node]) -> int:
    """The bits in which every number below the terms can be told."""
    bits = 1
    for node in walk(*nodes):
        if not node.boolean:
            bits = max(bits, node.high.bit_length(), (-node.low - 1).bit_length())
    return bits + 1


def constant(value: int, bits: int) -> str:
    return f"(_ bv{value % (1 << bits)} {bits})"


class Writer:
    """Writes terms; long ones are given names, whose definitions come first."""

    def __init__(self, symbols: Sequence[str], bits: int) -> None:
        self.symbols = symbols
        """By slot, the symbol of the variable."""
        self.bits = bits
        self.definitions: list[str] = []
        self._written: dict[Node, str] = {}
        self._parts = 0

    def flush(self) -> list[str]:
        """The definitions that were made since the last time."""
        found, self.definitions = self.definitions, []
        return found

    def term(self, node: Node) -> str:
        for below in walk(node):
            if below not in self._written:
                self._written[below] = self._named(below, self._text(below))
        return self._written[node]

    def all(self, nodes: Iterable[Node]) -> str:
        return junction("and", map(self.term, nodes))

    def _named(self, node: Node, text: str) -> str:
        if len(text) <= LONG:
            return text
        self._parts += 1
        name = f"|part {self._parts}|"
        sort = "Bool" if node.boolean else "Number"
        self.definitions.append(f"(define-fun {name} () {sort} {text})")
        return name

    def _text(self, node: Node) -> str:
        of = self._written
        match node:
            case Const(boolean=True, value=value):
                return "true" if value else "false"
            case Const(value=value):
                return constant(value, self.bits)
            case Slot(number=number):
                return self.symbols[number]
            case Not(operand=operand):
                return f"(not {of[operand]})"
            case And(operands=operands):
                return junction("and", (of[operand] for operand in operands))
            case Or(operands=operands):
                return junction("or", (of[operand] for operand in operands))
            case Eq(left=left, right=right):
                return f"(= {of[left]} {of[right]})"
            case Lt(left=left, right=right):
                return f"(bvslt {of[left]} {of[right]})"
            case Add(left=left, right=right):
                return f"(bvadd {of[left]} {of[right]})"
            case Sub(left=left, right=right):
                return f"(bvsub {of[left]} {of[right]})"
            case Ite(condition=condition, then=then, otherwise=otherwise):
                return f"(ite {of[condition]} {of[then]} {of[otherwise]})"
        raise TypeError(f"not a ground term: {node!r}")


def junction(kind: str, texts: Iterable[str]) -> str:
    """A conjunction or disjunction of any number of terms."""
    parts = list(texts)
    if len(parts) < 2:
        return parts[0] if parts else str(kind == "and").lower()
    return f"({kind} {' '.join(parts)})"

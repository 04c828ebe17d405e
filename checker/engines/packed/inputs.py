"""Inputs: what a table is looked up by, and terms made narrow enough for one.

A table has a row for every value of a few bits of the state. A term that reads
more bits than a table may have is cut: some of what it is made of gets a field of
its own, which is computed once a state, by a table, and then read like a slot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tdxcheck.checker.engines.packed.columns import Column, evaluate_all
from tdxcheck.checker.engines.packed.layout import Field, Layout, Room
from tdxcheck.checker.ground.terms import And, Const, Node, Or, Slot, Terms, children

LIMIT = 12
"""Bits by which a table is looked up: 4,096 rows stay in the nearest cache."""

MOST = 20
"""Bits of the widest table, for numbers that cannot be cut."""


class Unsuited(Exception):
    """A number has too many values for tables."""


@dataclass(frozen=True)
class Input:
    """A slot or a cut term, and the field that holds its value."""

    node: Node
    field: Field

    @property
    def place(self) -> tuple[int, int]:
        return self.field.word, self.field.offset


Inputs = tuple[Input, ...]
"""In the order of their places, which is the order of their bits in an index."""


def ordered(inputs: Iterable[Input]) -> Inputs:
    distinct = {entry.place: entry for entry in inputs if entry.field.width}
    return tuple(distinct[place] for place in sorted(distinct))


def width(inputs: Iterable[Input]) -> int:
    return sum(entry.field.width for entry in inputs)


def conjuncts(guard: Node) -> tuple[Node, ...]:
    """The conditions that are to hold together."""
    if isinstance(guard, And):
        return guard.operands
    if isinstance(guard, Const) and guard.value:
        return ()
    return (guard,)


class Table:
    """All values of some inputs, a row each, in which terms can be evaluated."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.rows = 1 << width(inputs)
        self._slots: dict[int, Column] = {}
        self._known: dict[int, Column] = {}
        index = np.arange(self.rows, dtype=np.int64)
        offset = 0
        for entry in inputs:
            mask = (1 << entry.field.width) - 1
            column = (index >> offset & mask) + entry.field.low
            if isinstance(entry.node, Slot):
                self._slots[entry.node.number] = column
            else:
                self._known[id(entry.node)] = column
            offset += entry.field.width

    def column(self, node: Node) -> Column:
        return evaluate_all(node, self._slots, self._known, self.rows)

    def slot(self, number: int) -> Column:
        return self._slots[number]


@dataclass(frozen=True)
class Cut:
    """A term that is computed first, into its field."""

    node: Node
    field: Field
    inputs: Inputs


class Cutter:
    """Tells the inputs of terms, and cuts those that have too many."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.room = Room(layout.words)
        self.cuts: list[Cut] = []
        self.terms = Terms()
        self._fields: dict[int, Input] = {}
        self._kept: list[Node] = []

    @property
    def words(self) -> int:
        """Words of the state and of the cut terms together."""
        return self.layout.words + (self.room.words if self.cuts else 0)

    def inputs(self, *nodes: Node) -> Inputs:
        found: list[Input] = []
        seen: set[int] = set()

        def visit(node: Node) -> None:
            if id(node) in seen:
                return
            seen.add(id(node))
            if id(node) in self._fields:
                found.append(self._fields[id(node)])
            elif isinstance(node, Slot):
                found.append(self.slot(node))
            else:
                for child in children(node):
                    visit(child)

        for node in nodes:
            visit(node)
        return ordered(found)

    def slot(self, node: Slot) -> Input:
        return Input(node, self.layout.fields[node.number])

    def narrow(self, node: Node, extra: Inputs = ()) -> Node:
        """The term, or an equal one, that with the extra inputs fits a table."""
        while width(ordered((*self.inputs(node), *extra))) > LIMIT:
            if width(extra) > LIMIT // 2:
                self._cut(node)
                break
            if isinstance(node, And | Or):
                node = self._grouped(node)
                continue
            wide = max(children(node), key=lambda child: width(self.inputs(child)))
            if isinstance(wide, Slot | Const) or id(wide) in self._fields:
                if width(self.inputs(node)) > MOST:
                    raise Unsuited
                break
            self._cut(wide)
        return node

    def _grouped(self, node: And | Or) -> Node:
        """A junction whose operands are a few junctions, each narrow and cut."""
        groups: list[list[Node]] = []
        for operand in node.operands:
            if width(self.inputs(operand)) > LIMIT:
                self._cut(operand)
            for group in groups:
                if width(self.inputs(*group, operand)) <= LIMIT:
                    group.append(operand)
                    break
            else:
                groups.append([operand])
        join = self.terms.and_ if isinstance(node, And) else self.terms.or_
        # A junction within one of its own kind would be flattened again.
        parts = [self._cut(join(group)) for group in groups]
        kind = type(node)
        if len(parts) == 1:
            return parts[0]
        again = kind(0, 1, True, tuple(parts))
        self._kept.append(again)
        return again

    def _cut(self, node: Node) -> Node:
        if id(node) in self._fields or isinstance(node, Slot | Const):
            return node
        small = self.narrow(node)
        bits = (node.high - node.low).bit_length()
        field = self.room.take(bits, node.low)
        self.cuts.append(Cut(small, field, self.inputs(small)))
        # The identity of a term is its name: neither may be freed.
        self._kept += [node, small]
        self._fields[id(node)] = Input(node, field)
        return node

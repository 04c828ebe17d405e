"""Packing: a ground state as one integer, and ground terms as Python over it.

Guards that compare slots with constants become one masked comparison, and
effects that assign constants one mask and one union, so a step costs a few
machine operations of Python's interpreter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tdxcheck.checker.ground.system import GroundStep, GroundSystem, Values
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


@dataclass(frozen=True)
class Field:
    """Where a slot lies in the packed state: its value less `low`, at `offset`."""

    offset: int
    width: int
    low: int

    @property
    def mask(self) -> int:
        return ((1 << self.width) - 1) << self.offset


class Packing:
    """The layout of packed states of one system."""

    def __init__(self, system: GroundSystem) -> None:
        self.fields: list[Field] = []
        offset = 0
        for slot in system.slots:
            width = (slot.term.high - slot.term.low).bit_length()
            self.fields.append(Field(offset, width, slot.term.low))
            offset += width
        self.bits = offset

    def pack(self, values: Values) -> int:
        packed = 0
        for value, field in zip(values, self.fields, strict=True):
            packed |= (value - field.low) << field.offset
        return packed

    def unpack(self, packed: int) -> Values:
        return tuple(
            (packed >> field.offset & (1 << field.width) - 1) + field.low
            for field in self.fields
        )


@dataclass(frozen=True)
class Watch:
    """A condition to look out for: in states, or with `step` before that step."""

    name: int
    """The number by which a hit is reported."""
    condition: Node
    step: int | None = None


Successors = Callable[[int], list[tuple[int, int]]]
"""From a packed state to its steps: the number of each, and the state after it."""


def compile_successors(system: GroundSystem, packing: Packing) -> Successors:
    """The successor function, for a state at a time."""
    writer = _Writer(packing)
    lines = ["def successors(s):", " out = []"]
    for step in system.steps:
        lines.append(f" if {writer.condition(step.guards)}:")
        writer.share(step, [])
        lines += [f"  {line}" for line in writer.sharing]
        lines.append(f"  out.append(({step.number}, {writer.effect(step)}))")
        writer.forget()
    lines.append(" return out")
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    successors: Successors = names["successors"]
    return successors


Expansion = Callable[[list[int], dict[int, int | None], list[int], list[int]], None]
"""Takes every step from the states of a list: see `compile_expansion`."""


def compile_expansion(
    system: GroundSystem,
    packing: Packing,
    watches: Iterable[Watch],
    hits: list[tuple[int, int, int]],
    ends: list[int],
) -> Expansion:
    """A function that takes every step from some states, the search's inner loop.

    Its arguments are the states, the parent of each state seen, the list of new
    states, and how often each step was taken. Watches that are hit are noted in
    `hits`, states from which no step leads in `ends`.
    """
    by_step = _by_step(watches)
    writer = _Writer(packing)
    lines = [
        "def expand(states, parents, reached, taken):",
        f" {' = '.join(f'c{step.number}' for step in system.steps) or '_'} = 0",
        " new = reached.append",
        " try:",
        "  for s in states:",
        "   end = True",
    ]
    for indent, line in _branches(writer, list(system.steps), by_step):
        lines.append("   " + " " * indent + line)
    lines += ["   if end: ends.append(s)", " finally:", "  pass"]
    lines += [f"  taken[{step.number}] += c{step.number}" for step in system.steps]
    names: dict[str, Any] = {"hits": hits, "ends": ends}
    exec("\n".join(lines), names)
    expand: Expansion = names["expand"]
    return expand


FEW = 4
"""Steps that are tested one by one rather than sorted by what they ask first."""


def _branches(
    writer: _Writer, steps: list[GroundStep], by_step: dict[int, list[Watch]]
) -> Iterator[tuple[int, str]]:
    """The steps as lines with their indents, those that ask one slot sorted by it.

    Most steps can be passed over with one comparison for many of them.
    """
    asked: dict[int, dict[int, list[GroundStep]]] = {}
    for step in steps:
        for mask, value in writer.literals(step.guards).items():
            asked.setdefault(mask, {}).setdefault(value, []).append(step)
    mask = max(asked, key=lambda m: sum(map(len, asked[m].values())), default=0)
    sorted_ = sum(map(len, asked[mask].values())) if mask else 0
    if sorted_ < FEW or len(asked[mask]) < 2:
        for step in steps:
            yield from _taken(writer, step, by_step.get(step.number, []))
        return
    test = "if"
    for value, alike in asked[mask].items():
        yield 0, f"{test} s & {mask} == {value}:"
        writer.known[mask] = value
        for indent, line in _branches(writer, alike, by_step):
            yield indent + 1, line
        del writer.known[mask]
        test = "elif"
    others = {id(step) for alike in asked[mask].values() for step in alike}
    rest = [step for step in steps if id(step) not in others]
    yield from _branches(writer, rest, by_step)


def _taken(
    writer: _Writer, step: GroundStep, watches: list[Watch]
) -> Iterator[tuple[int, str]]:
    """One step: its test, what is noted of it, and the state it leads to."""
    yield 0, f"if {writer.condition(step.guards)}:"
    writer.share(step, [watch.condition for watch in watches])
    for line in writer.sharing:
        yield 1, line
    for watch in watches:
        hit = f"hits.append(({watch.name}, s, {step.number}))"
        yield 1, f"if {writer.truth(watch.condition)}: {hit}"
    yield 1, "end = False"
    yield 1, f"c{step.number} += 1"
    yield 1, f"n = {writer.effect(step)}"
    yield 1, "if n not in parents:"
    yield 2, "parents[n] = s"
    yield 2, "new(n)"
    writer.forget()


def _by_step(watches: Iterable[Watch]) -> dict[int, list[Watch]]:
    by_step: dict[int, list[Watch]] = {}
    for watch in watches:
        if watch.step is not None:
            by_step.setdefault(watch.step, []).append(watch)
    return by_step


def compile_watches(
    packing: Packing, watches: Iterable[Watch]
) -> Callable[[int], list[int]]:
    """From a packed state to the names of the state watches that it hits."""
    writer = _Writer(packing)
    lines = ["def hit(s):", " out = []"]
    for watch in watches:
        if watch.step is None:
            text = writer.truth(watch.condition)
            lines.append(f" if {text}: out.append({watch.name})")
    lines.append(" return out")
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    hit: Callable[[int], list[int]] = names["hit"]
    return hit


def condition_text(packing: Packing, conditions: Iterable[Node]) -> str:
    """The conjunction, as Python over the packed state `s`."""
    return _Writer(packing).condition(conditions)


class _Writer:
    """Writes ground terms as Python over the packed state `s`."""

    def __init__(self, packing: Packing) -> None:
        self.fields = packing.fields
        self.sharing: list[str] = []
        self.known: dict[int, int] = {}
        """Parts of the state that an enclosing test has already compared."""
        self._shared: dict[int, str] = {}

    def share(self, step: GroundStep, others: list[Node]) -> None:
        """Compute terms that the step's effects need twice only once."""
        uses: Counter[int] = Counter()
        roots = [*step.updates.values(), *others]
        for node in walk(*roots):
            if isinstance(node, Ite):
                uses[id(node.condition)] += 1
        for node in walk(*roots):
            if uses[id(node)] > 1 and isinstance(node, And | Or | Not | Ite):
                text = self.truth(node)
                name = f"t{len(self.sharing)}"
                self.sharing.append(f"{name} = {text}")
                self._shared[id(node)] = name

    def forget(self) -> None:
        self.sharing.clear()
        self._shared.clear()

    def condition(self, operands: Iterable[Node]) -> str:
        """The conjunction, with all comparisons with constants fused into one."""
        mask = value = 0
        rest: list[str] = []
        parts: list[Node] = []
        for operand in operands:
            parts += operand.operands if isinstance(operand, And) else (operand,)
        for part in parts:
            literal = self._literal(part)
            if literal is None:
                rest.append(self.truth(part))
            elif mask & literal[0] and (value ^ literal[1]) & mask & literal[0]:
                return "False"
            elif self.known.get(literal[0]) != literal[1]:
                mask |= literal[0]
                value |= literal[1]
        tests = [f"s & {mask} == {value}"] if mask else []
        return " and ".join(tests + rest) or "True"

    def literals(self, operands: Iterable[Node]) -> dict[int, int]:
        """The slots that a conjunction compares with a value, not yet known."""
        found: dict[int, int] = {}
        for operand in operands:
            parts = operand.operands if isinstance(operand, And) else (operand,)
            for part in parts:
                literal = self._literal(part)
                if literal is not None and literal[0] not in self.known:
                    found[literal[0]] = literal[1]
        return found

    def _literal(self, node: Node) -> tuple[int, int] | None:
        """A test of one slot for one value, as a mask and the masked value."""
        match node:
            case Slot(number=number):
                mask = self.fields[number].mask
                return mask, mask
            case Not(operand=Slot(number=number)):
                return self.fields[number].mask, 0
            case Eq(left=Slot(number=number), right=Const(value=value)):
                field = self.fields[number]
                return field.mask, (value - field.low) << field.offset
        return None

    def truth(self, node: Node) -> str:
        """The term as a Python condition."""
        if id(node) in self._shared:
            return self._shared[id(node)]
        literal = self._literal(node)
        if literal is not None:
            return f"s & {literal[0]} == {literal[1]}"
        match node:
            case Const(value=value):
                return str(bool(value))
            case Not(operand=operand):
                return f"not ({self.truth(operand)})"
            case And(operands=operands):
                return f"({self.condition(operands)})"
            case Or(operands=operands):
                return f"({' or '.join(self.truth(operand) for operand in operands)})"
            case Eq(left=left, right=right) if left.boolean:
                return f"(({self.truth(left)}) is ({self.truth(right)}))"
            case Eq(left=left, right=right):
                return f"({self.number(left)} == {self.number(right)})"
            case Lt(left=left, right=right):
                return f"({self.number(left)} < {self.number(right)})"
            case Ite(condition=condition, then=then, otherwise=otherwise):
                choice = self.truth(condition)
                return (
                    f"(({self.truth(then)}) if {choice} else ({self.truth(otherwise)}))"
                )
        raise TypeError(f"not a ground condition: {node!r}")

    def number(self, node: Node) -> str:
        """The term as a Python integer."""
        match node:
            case Const(value=value):
                return str(value)
            case Slot(number=number):
                field = self.fields[number]
                text = f"(s >> {field.offset} & {(1 << field.width) - 1})"
                return f"({text} + {field.low})" if field.low else text
            case Add(left=left, right=right):
                return f"({self.number(left)} + {self.number(right)})"
            case Sub(left=left, right=right):
                return f"({self.number(left)} - {self.number(right)})"
            case Ite(condition=condition, then=then, otherwise=otherwise):
                choice = self.truth(condition)
                return (
                    f"({self.number(then)} if {choice} else {self.number(otherwise)})"
                )
        raise TypeError(f"not a ground number: {node!r}")

    def effect(self, step: GroundStep) -> str:
        """The packed state after the step."""
        cleared = union = 0
        rest: list[str] = []
        for number, value in step.updates.items():
            field = self.fields[number]
            cleared |= field.mask
            if isinstance(value, Const):
                union |= (value.value - field.low) << field.offset
            elif value.boolean:
                rest.append(f"({field.mask} if {self.truth(value)} else 0)")
            else:
                rest.append(self._shifted(value, field))
        text = f"s & {~cleared}" if cleared else "s"
        if union:
            rest.append(str(union))
        return " | ".join([text, *rest])

    def _shifted(self, value: Node, field: Field) -> str:
        if isinstance(value, Ite):
            then = self._shifted(value.then, field)
            otherwise = self._shifted(value.otherwise, field)
            return f"({then} if {self.truth(value.condition)} else {otherwise})"
        if isinstance(value, Const):
            return str((value.value - field.low) << field.offset)
        if isinstance(value, Slot) and self.fields[value.number] == field:
            return f"s & {field.mask}"
        text = self.number(value)
        return f"({text} - {field.low} << {field.offset})"

"""Reading: two tables as two ground systems over the same slots and the same terms.

Entries are aligned by name, and the values of enumerations too, so that equal terms
of the two sides are one object. What only one side has stays open on the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tdxcheck.checker.ground.system import (
    GroundFairness,
    GroundProperty,
    GroundSlot,
    GroundStep,
    GroundSystem,
    Values,
)
from tdxcheck.checker.ground.terms import Const, Node, Slot, Terms
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.liveness import Fairness
from tdxcheck.checker.language.location import Location
from tdxcheck.checker.language.state import State
from tdxcheck.checker.language.system import Action, Mode, Property, TransitionSystem
from tdxcheck.checker.language.terms import Const as Constant
from tdxcheck.checker.language.terms import Index
from tdxcheck.checker.language.variables import Int, Map, Map2, Var, Variable

Json = Any
NOWHERE = Location("", 0, 0)
StepKey = tuple[str, tuple[str, ...]]
"""An action and its arguments, as they are shown."""


@dataclass(frozen=True, eq=False)
class Field:
    """An entry that both sides can have, and what its numbers mean on each."""

    name: str
    kind: str
    values: tuple[str, ...]
    low: int
    codes: tuple[Mapping[int, int] | None, Mapping[int, int] | None]
    """By side, from the numbers here to those there; None if it has no such entry."""
    frozen: bool
    held: tuple[int | None, int | None]
    """By side, the one value that it has there for ever, in the numbers here."""

    def show(self, number: int) -> str:
        return self.values[number - self.low]

    @property
    def shared(self) -> bool:
        return None not in self.codes


@dataclass(frozen=True, eq=False)
class Half:
    """One side, over the slots of both."""

    system: GroundSystem
    steps: Mapping[StepKey, int]
    """By action and arguments, the number of the step."""
    rules: Mapping[str, int]
    codes: Mapping[int, tuple[int, ...]]
    """By step, its arguments as numbers, as its own side has them."""


@dataclass(frozen=True, eq=False)
class Pair:
    """The two sides, over the same slots."""

    terms: Terms
    fields: tuple[Field, ...]
    """By slot."""
    before: Half
    after: Half
    fixed: tuple[Mapping[str, int], Mapping[str, int]]
    """By side, entries with one value for ever on both, as numbers of that side."""
    gone: frozenset[int]
    """Slots that only the side before has."""
    new: frozenset[int]
    """Slots that only the side after has."""

    @property
    def halves(self) -> tuple[Half, Half]:
        return self.before, self.after

    @cached_property
    def common(self) -> Node:
        """Every slot has a value that both sides know, and that it can have on both."""
        make = self.terms
        parts = []
        for number, one in enumerate(self.fields):
            for value in one.held:
                if value is not None:
                    slot = self.before.system.slots[number].term
                    parts.append(_is(make, slot, value))
            if one.shared:
                first, second = one.codes
                assert first is not None and second is not None
                both = first.keys() & second.keys()
                if len(both) < len(one.values):
                    slot = self.before.system.slots[number].term
                    parts.append(
                        make.or_(make.eq(slot, make.number(v)) for v in sorted(both))
                    )
        return make.and_(parts)

    def state(self, side: int, values: Values) -> dict[str, int]:
        """The state by names and numbers, as the side has them."""
        found = dict(self.fixed[side])
        for one, value in zip(self.fields, values, strict=True):
            codes = one.codes[side]
            if codes is not None and value in codes:
                found[one.name] = codes[value]
        return found


def read(before: Json, after: Json) -> Pair:
    """The two tables, as two systems over one vocabulary."""
    return _Reader(before, after).read()


@dataclass(frozen=True, eq=False)
class _Part:
    """An entry as each side has it."""

    name: str
    tables: tuple[Json | None, Json | None]


class _Reader:
    def __init__(self, *tables: Json) -> None:
        self.tables = tables
        self.terms = Terms()
        self.fields: list[Field] = []
        self.slots: list[Slot] = []
        self.variables: list[tuple[Variable, tuple[int, ...]]] = []
        self.places: tuple[dict[str, int], dict[str, int]] = ({}, {})
        """By side, from the names of its entries to slots here."""
        self.fixed: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._sorts: dict[str, type[Index]] = {}
        self._variables: dict[str, Variable] = {}

    def read(self) -> Pair:
        for part in self._parts():
            self._field(part)
        halves = [self._half(side) for side in (0, 1)]
        gone, new = (
            frozenset(n for n, one in enumerate(self.fields) if one.codes[side] is None)
            for side in (1, 0)
        )
        return Pair(
            self.terms,
            tuple(self.fields),
            halves[0],
            halves[1],
            self.fixed,
            gone,
            new,
        )

    def _parts(self) -> Iterable[_Part]:
        named = [{e["name"]: e for e in table["entries"]} for table in self.tables]
        for name in dict.fromkeys((*named[0], *named[1])):
            one, other = (entries.get(name) for entries in named)
            if one is not None and other is not None and not _alike(one, other):
                yield _Part(f"{name} (before)", (one, None))
                yield _Part(f"{name} (now)", (None, other))
            else:
                yield _Part(name, (one, other))

    def _field(self, part: _Part) -> None:
        there = [entry for entry in part.tables if entry is not None]
        if all(entry["slot"] is None for entry in there):
            shown = {_start(entry) for entry in there}
            if len(shown) == 1:
                for fixed, entry in zip(self.fixed, part.tables, strict=True):
                    if entry is not None:
                        fixed[entry["name"]] = entry["start"]
                return
        first = there[0]
        if first["kind"] == "int":
            low = min(entry["low"] for entry in there)
            high = max(entry["low"] + len(entry["values"]) - 1 for entry in there)
            values = tuple(map(str, range(low, high + 1)))
        else:
            low = 0
            values = tuple(dict.fromkeys(v for entry in there for v in entry["values"]))
        codes = tuple(
            None
            if entry is None
            else {low + values.index(v): entry["low"] + n for n, v in _named(entry)}
            for entry in part.tables
        )
        number = len(self.slots)
        boolean = first["kind"] == "bool"
        term = self.terms.slot(number, low, low + len(values) - 1, boolean=boolean)
        assert isinstance(term, Slot)
        self.slots.append(term)
        frozen = all(entry["frozen"] for entry in there)
        held = tuple(
            None
            if entry is None or entry["slot"] is not None or code is None
            else {there: here for here, there in code.items()}[entry["start"]]
            for entry, code in zip(part.tables, codes, strict=True)
        )
        self.fields.append(
            Field(
                part.name,
                first["kind"],
                values,
                low,
                (codes[0], codes[1]),
                frozen,
                (held[0], held[1]),
            )
        )
        self.variables.append(self._variable(first, part.name))
        for place, entry in zip(self.places, part.tables, strict=True):
            if entry is not None:
                place[entry["name"]] = number

    def _variable(self, entry: Json, name: str) -> tuple[Variable, tuple[int, ...]]:
        """A stand-in that engines can order and name slots by."""
        sorts = []
        for sort, label, _ in entry["indices"]:
            if sort not in self._sorts:
                self._sorts[sort] = type(sort, (Index,), {"label": label})
            sorts.append(self._sorts[sort])
        key = entry["variable"] + name.removeprefix(entry["name"])
        if key not in self._variables:
            made: Variable
            match sorts:
                case []:
                    made = Var(Int(0, 1))
                case [one]:
                    made = Map(one, Int(0, 1))
                case _:
                    made = Map2(sorts[0], sorts[1], Int(0, 1))
            made.name = key
            self._variables[key] = made
        numbers = tuple(number for _, _, number in entry["indices"])
        return self._variables[key], numbers

    def _half(self, side: int) -> Half:
        table, place = self.tables[side], self.places[side]
        own = [entry for entry in table["entries"] if entry["slot"] is not None]
        slot_of = {entry["slot"]: place[entry["name"]] for entry in own}
        nodes = _Nodes(self, side, slot_of)
        made = nodes.all(table["nodes"])
        starts: dict[int, int] = {}
        for entry in table["entries"]:
            if entry["name"] in place and entry["start"] is not None:
                number = place[entry["name"]]
                starts[number] = _inverse(self.fields[number], side)[entry["start"]]
        for number, one in enumerate(self.fields):
            if one.codes[side] is None:
                starts[number] = one.low
        slots = tuple(
            GroundSlot(n, self.variables[n], term, starts.get(n))
            for n, term in enumerate(self.slots)
        )
        initial = [made[n] for n in table["initial"]]
        initial += self._ranges(side, starts)
        actions = {name: _action(name) for name in table["actions"]}
        steps = tuple(
            GroundStep(
                number,
                actions[step["action"]],
                tuple(step["shown"].values()),
                tuple(made[n] for n in step["guards"]),
                {
                    slot_of[int(slot)]: nodes.assigned(slot_of[int(slot)], made[value])
                    for slot, value in step["updates"].items()
                },
                None,
            )
            for number, step in enumerate(table["steps"])
        )
        rules = tuple(
            GroundProperty(
                stub(rule["name"], Mode[rule["mode"]]),
                tuple(made[n] for n in rule["conditions"]),
                tuple(made[n] for n in rule["premises"]),
                None if rule["goal"] is None else made[rule["goal"]],
                tuple(_turn(turn, made) for turn in rule["fair"]),
            )
            for rule in table["rules"]
        )
        system = GroundSystem(
            _instance(actions.values(), rules), slots, {}, tuple(initial), steps, rules
        )
        return Half(
            system,
            {(s.action.name, s.arguments): s.number for s in steps},
            {rule["name"]: n for n, rule in enumerate(table["rules"])},
            {n: tuple(step["arguments"]) for n, step in enumerate(table["steps"])},
        )

    def _ranges(self, side: int, starts: Mapping[int, int]) -> Iterable[Node]:
        """That what starts open starts with a value that the side knows."""
        make = self.terms
        for number, one in enumerate(self.fields):
            codes = one.codes[side]
            if codes is not None and len(codes) < len(one.values):
                if number not in starts:
                    values = map(make.number, sorted(codes))
                    yield make.or_(make.eq(self.slots[number], v) for v in values)


def _turn(turn: Json, made: list[Node]) -> GroundFairness:
    """A stand-in that engines can tell apart."""
    line = Fairness(
        turn["name"], "", "", (), Constant(True), NOWHERE, strong=turn["strong"]
    )
    return GroundFairness(line, None, (), made[turn["condition"]], tuple(turn["steps"]))


class _Nodes:
    """Rebuilds the nodes of one table over the slots of both."""

    def __init__(self, reader: _Reader, side: int, slot_of: Mapping[int, int]) -> None:
        self.make = reader.terms
        self.fields = reader.fields
        self.slots = reader.slots
        self.side = side
        self.slot_of = slot_of

    def all(self, rows: Iterable[Json]) -> list[Node]:
        made: list[Node] = []
        for row in rows:
            made.append(self._of(row, made))
        return made

    def _of(self, row: Json, made: list[Node]) -> Node:
        make = self.make
        match row:
            case ["truth", value]:
                return make.truth(bool(value))
            case ["number", value]:
                return make.number(value)
            case ["slot", number]:
                return self._read(self.slot_of[number])
            case ["not", operand]:
                return make.not_(made[operand])
            case ["and", *operands]:
                return make.and_(made[n] for n in operands)
            case ["or", *operands]:
                return make.or_(made[n] for n in operands)
            case ["eq", left, right]:
                return make.eq(made[left], made[right])
            case ["lt", left, right]:
                return make.lt(made[left], made[right])
            case ["add", left, right]:
                return make.add(made[left], made[right])
            case ["sub", left, right]:
                return make.sub(made[left], made[right])
            case ["ite", condition, then, otherwise]:
                return make.ite(made[condition], made[then], made[otherwise])
        raise ValueError(f"a table has no node {row!r}")

    def _read(self, number: int) -> Node:
        """What the slot holds, in the numbers of the side."""
        codes = self.fields[number].codes[self.side]
        assert codes is not None
        return self._recoded(self.slots[number], codes)

    def assigned(self, number: int, value: Node) -> Node:
        """What the side assigns to the slot, in the numbers of both."""
        return self._recoded(value, _inverse(self.fields[number], self.side))

    def _recoded(self, value: Node, codes: Mapping[int, int]) -> Node:
        if all(one == other for one, other in codes.items()):
            return value
        make = self.make
        if isinstance(value, Const):
            return make.number(codes[value.value])
        (_, last), *rest = reversed(list(codes.items()))
        found = make.number(last)
        for one, other in rest:
            same = make.eq(value, make.number(one))
            found = make.ite(same, make.number(other), found)
        return found


def _is(make: Terms, slot: Node, value: int) -> Node:
    constant = make.truth(bool(value)) if slot.boolean else make.number(value)
    return make.eq(slot, constant)


def _inverse(one: Field, side: int) -> Mapping[int, int]:
    codes = one.codes[side]
    assert codes is not None
    return {there: here for here, there in codes.items()}


def _named(entry: Json) -> Iterable[tuple[int, str]]:
    return enumerate(entry["values"])


def _start(entry: Json) -> str:
    return str(entry["values"][entry["start"] - entry["low"]])


def _alike(one: Json, other: Json) -> bool:
    """The same kind of value; an enumeration may be renamed, or have other members."""
    if one["enumeration"] and other["enumeration"]:
        return bool(set(one["values"]) & set(other["values"]))
    return bool(one["kind"] == other["kind"])


def _action(name: str) -> Action:
    return Action(name, name, (), (), (), (), NOWHERE, lambda: None)


def stub(name: str, mode: Mode) -> Property:
    """A property by name only: engines read the ground one."""
    return Property(name, mode, name, "", Constant(True), NOWHERE)


def _instance(actions: Iterable[Action], rules: Iterable[GroundProperty]) -> Instance:
    system = TransitionSystem(
        "side", "", State, tuple(actions), tuple(rule.property for rule in rules)
    )
    return Instance(system, {})

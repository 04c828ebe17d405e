"""Small machines: members of a family, grounded once, and sliced for each rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from itertools import combinations, product
from typing import Any

from tdxcheck.checker.engines.parametric.clauses import Condition
from tdxcheck.checker.engines.parametric.family import Family, Sort
from tdxcheck.checker.engines.parametric.grounded import Part, Seen
from tdxcheck.checker.engines.parametric.shapes import in_words
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.terms import Const as GroundConst
from tdxcheck.checker.ground.terms import support
from tdxcheck.checker.language.reading import premise_of, terms_in
from tdxcheck.checker.language.system import Mode, Property
from tdxcheck.checker.language.terms import (
    Choice,
    Count,
    Element,
    Equal,
    Exists,
    Forall,
    Index,
    Less,
    Not,
    Reacts,
    Read,
    StepAnswers,
    StepAt,
    StepIs,
    Term,
    all_of,
)
from tdxcheck.checker.language.variables import Every, Int, Variable

MOST_OPEN = 1
"""Elements that a condition may leave open, for a clause to be able to use it."""


class Machine:
    """All members of a family of some sizes, and what their rules depend on."""

    def __init__(
        self, family: Family, sizes: Mapping[Sort, int], conditions: Iterable[Condition]
    ) -> None:
        self.family = family
        self.sizes = dict(sizes)
        system = family.system
        first = system.properties[0]
        instance = family.instance(self.sizes)
        asked = [
            (condition, numbers)
            for condition in conditions
            for numbers in product(
                *(instance.elements(type(i)) for i in condition.indices)
            )
        ]
        extra = tuple(
            replace(
                first,
                mode=Mode.INVARIANT,
                goal=None,
                condition=condition.of(
                    tuple(map(Element, map(type, condition.indices), numbers))
                ),
            )
            for condition, numbers in asked
        )
        unmet = [unmet_of(rule) for rule in system.properties]
        self.rules = 2 * len(system.properties)
        self.asked = asked
        self.ground = ground(
            replace(system, properties=(*system.properties, *unmet, *extra)),
            instance.scope,
        )

    @property
    def told(self) -> str:
        return in_words(self.sizes)

    def constants(self) -> dict[Variable, Any]:
        """The variables of which every entry has one value, the same in all."""
        found: dict[Variable, Any] = {}
        for variable in self.ground.instance.variables:
            entries = list(self.ground.instance.entries(variable))
            values = [self.ground.constants.get(entry) for entry in entries]
            start = self.family.start(variable)
            if start is None or callable(start):
                continue
            if all(type(v) is type(start) and v == start for v in values):
                found[variable] = start
        return found

    def part(self, numbers: Iterable[int]) -> Part:
        """What the rules with these numbers depend on."""
        wanted = list(numbers)
        alone = slice_for(self.ground, wanted)
        entries = {slot.entry for slot in alone.system.slots}
        kept = [
            place
            for place in range(self.rules, len(self.ground.properties))
            if self._within(place, entries)
        ]
        part = slice_for(self.ground, [*wanted, *kept])
        rules = part.system.properties
        seen = [
            Seen(*self.asked[place - self.rules], rule.conditions[0])
            for place, rule in zip(kept, rules[len(wanted) :], strict=True)
        ]
        of_rules = dict(zip(wanted, rules, strict=False))
        return Part(self.family, part.system, of_rules, seen, self.ground.constants)

    def _within(self, place: int, entries: set[Any]) -> bool:
        node = self.ground.properties[place].conditions[0]
        if isinstance(node, GroundConst):
            return False
        return all(self.ground.slots[n].entry in entries for n in support(node))


def unmet_of(rule: Property) -> Property:
    """That what the rule speaks of never happens."""
    return replace(rule, condition=Not(premise_of(rule.condition)))


def conditions_of(family: Family) -> list[Condition]:
    """The quantified conditions that rules and actions ask about, and some counts."""
    system = family.system
    roots: list[Any] = []
    for action in system.actions:
        roots += [guard.condition for guard in action.guards]
        roots += [update.value for update in action.updates]
    found = _asked(family, roots)
    of_rules: dict[Any, Condition] = {}
    for rule in system.properties:
        for key, asked in _asked(family, [rule.condition]).items():
            one = of_rules.setdefault(key, asked)
            of_rules[key] = replace(one, rules=one.rules | {rule.name})
    every = {**of_rules, **found}
    return [*every.values(), *_counts(family), *_same_elements(family)]


def _asked(family: Family, roots: Iterable[Any]) -> dict[Any, Condition]:
    """The conditions there that a clause can use."""
    found: dict[Any, Condition] = {}
    for term in terms_in(*roots):
        if _is_of_many(family, term):
            free = _free(term)
            if free is not None and len(free) <= MOST_OPEN and not _of_a_step(term):
                found.setdefault(_key(term, free), Condition(term, free))
    return found


def _is_of_many(family: Family, term: Term[Any]) -> bool:
    """It is about all elements of a sort of any size: quantified, or a comparison."""
    if isinstance(term, Exists | Forall):
        return type(term.index) in family.unbounded
    if isinstance(term, Less | Equal):
        inside = terms_in(term)
        return any(
            isinstance(p, Count) and type(p.index) in family.unbounded for p in inside
        )
    return False


def _same_elements(family: Family) -> Iterator[Condition]:
    """That two entries of an element are one element: the package that it is in."""
    variables = [
        variable
        for variable in family.system.state.variables()
        if variable.sort in family.unbounded and len(variable.index_sorts) <= MOST_OPEN
    ]
    for one, other in combinations(variables, 2):
        if one.index_sorts == other.index_sorts and one.sort is other.sort:
            indices = tuple(sort(sort.__name__.lower()) for sort in one.index_sorts)
            entries: tuple[Term[Any], ...] = (
                Read(one, indices, False),
                Read(other, indices, False),
            )
            yield Condition(Equal(*entries), indices)


def _counts(family: Family) -> Iterator[Condition]:
    """That a number is how many elements have a flag."""
    variables = family.system.state.variables()
    for number in variables:
        sort = number.sort
        if number.index_sorts:
            continue
        if isinstance(sort, Int) and sort.high in family.unbounded:
            high: Any = sort.high
            each = high(high.__name__.lower())
            every = Count(each, all_of(True))
            yield Condition(Equal(Read(number, (), False), every), ())
            for flag in variables:
                if flag.index_sorts == (high,) and flag.sort is bool:
                    index = high(high.__name__.lower())
                    counted = Count(index, Read(flag, (index,), False))
                    yield Condition(Equal(Read(number, (), False), counted), (), number)


def _free(term: Term[Any]) -> tuple[Index, ...] | None:
    """The indices that it leaves open; None if it depends on a choice."""
    inside = list(terms_in(term))
    if any(isinstance(part, Choice | Every) for part in inside):
        return None
    bound = {p.index for p in inside if isinstance(p, Exists | Forall | Count)}
    return tuple(
        dict.fromkeys(p for p in inside if isinstance(p, Index) and p not in bound)
    )


def _of_a_step(term: Term[Any]) -> bool:
    return any(
        isinstance(part, Reacts | StepIs | StepAt | StepAnswers)
        or (isinstance(part, Read) and part.after)
        for part in terms_in(term)
    )


def _key(term: Term[Any], free: tuple[Index, ...]) -> str:
    """The same for terms that say the same of other indices."""
    names: dict[int, str] = {id(index): f"free{n}" for n, index in enumerate(free)}

    def told(part: Any) -> str:
        if isinstance(part, tuple):
            return f"({','.join(map(told, part))})"
        if isinstance(part, Index):
            return names.setdefault(id(part), f"{type(part).__name__}{len(names)}")
        if isinstance(part, Term):
            record: Any = part
            inner = [told(getattr(record, field.name)) for field in fields(record)]
            return f"{type(part).__name__}({','.join(inner)})"
        return repr(part)

    return told(term)

"""Small random systems, written in the specification language itself.

Hypothesis draws how large a system is and a seed; the system is then written by a
generator with that seed. So a failing example shrinks to a small system, and the
same example is the same system every time.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from itertools import count as numbers_from
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tdxcheck.checker.language import (
    Action,
    Event,
    Fairness,
    Index,
    Int,
    Kind,
    Map,
    Map2,
    Property,
    Refusal,
    State,
    Step,
    Term,
    TransitionSystem,
    Turns,
    Var,
    action,
    all_of,
    any_of,
    count,
    deadlock_free,
    definition,
    exists,
    fairness,
    forall,
    implies,
    initial,
    invariant,
    ite,
    leads_to,
    one_of,
    reachable,
    step_rule,
)
from tdxcheck.checker.language.instance import Instance, Scope
from tdxcheck.checker.language.liveness import Target
from tdxcheck.checker.language.terms import Element
from tdxcheck.checker.language.variables import Variable


class Alpha(Index):
    """A sort."""


class Beta(Index):
    """Another."""


class Who(Enum):
    ADA = "Ada"
    BOB = "Bob"


class Color(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


class Status(Enum):
    DONE = "done"
    BUSY = "busy"
    NEVER = "never"


ASKED = (
    "accepts",
    "refuses",
    "refuses_visibly",
    "refuses_with_reason",
    "impossible",
)

POKE = Event("poke", "Something happens.", ())
POKE_ALPHA = Event("poke alpha", "Something happens to {alpha}.", (Alpha,))

SORTS: tuple[type[Index], ...] = (Alpha, Beta)

INTS = (Int(0, 1), Int(-1, 2), Int(2, 4), Int(0, Alpha), Int(-3, -1), Int(0, 4))


@dataclass(frozen=True)
class Drawn:
    """How to write one random system."""

    seed: int
    variables: int
    actions: int
    depth: int
    """How deep terms are nested."""
    alphas: int
    betas: int
    most_states: int
    """The most values that the state has."""

    @property
    def scope(self) -> Scope:
        return {Alpha: self.alphas, Beta: self.betas}

    def system(self) -> TransitionSystem:
        return _Generator(self).system()

    def living(self) -> TransitionSystem:
        """A system with leads-to properties alone, each with fairness of its own."""
        return _Generator(self).living()


def examples(number: int) -> settings:
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


def systems(most_states: int = 20_000) -> st.SearchStrategy[Drawn]:
    return st.builds(
        Drawn,
        seed=st.integers(0, 2**32 - 1),
        variables=st.integers(1, 6),
        actions=st.integers(1, 6),
        depth=st.integers(1, 3),
        alphas=st.integers(1, 3),
        betas=st.integers(1, 2),
        most_states=st.just(most_states),
    )


class _Generator:
    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn
        random = self.random = Random(drawn.seed)
        self.depth = drawn.depth
        self.scope = drawn.scope
        self.names = numbers_from()
        self.strict = random.random() < 0.4
        """Guards seldom hold, so that runs end."""
        self.state = self._state()
        self.actions: list[Action] = []

    def _state(self) -> type[State]:
        members: dict[str, Any] = {"__doc__": "A random state."}
        total = 1
        for number in range(self.drawn.variables):
            variable, values = self._variable()
            if total * values <= self.drawn.most_states:
                members[f"v{number}"] = variable
                total *= values
        if not any(isinstance(member, Variable) for member in members.values()):
            members["v"] = Var(bool, False)

        @definition
        def predicate(state: State) -> Term[bool]:
            """A predicate of the state."""
            return self._writer(state).formula(1)

        members["predicate"] = predicate
        return type("RandomState", (State,), members)

    def _variable(self) -> tuple[Variable, int]:
        """A variable, and how many values it has in the scope."""
        random = self.random
        sort: Any = random.choice((bool, bool, Color, Alpha, Beta, *INTS))
        shape = random.choice(((), (), (Alpha,), (Beta,), (Alpha, Beta)))
        probe = type("Probe", (State,), {"probe": Var(sort)})
        system = TransitionSystem("probe", "", probe, ())
        values = Instance(system, self.scope).values(sort)
        start = random.choice((None, *values)) if random.random() < 0.3 else values[0]
        if isinstance(sort, type) and issubclass(sort, Index):
            start = None
        frozen = random.random() < 0.15
        entries = 1
        for index in shape:
            entries *= self.scope[index]
        made: Any = (Var, Map, Map2)[len(shape)]
        return made(*shape, sort, start, frozen=frozen), len(values) ** entries

    def _writer(self, state: Any, step: bool = False) -> _Writer:
        return _Writer(self, state, step=step)

    def system(self) -> TransitionSystem:
        random = self.random
        for _ in range(self.drawn.actions):
            self.actions.append(self._action())
        properties = [
            self._property(kind, step=kind is step_rule)
            for kind in (invariant, invariant, reachable, step_rule, step_rule)
        ]
        properties.append(self._property(deadlock_free, step=False))
        conditions = []
        if random.random() < 0.2:
            rule = self._rule(lambda s: self._writer(s).statement(), State)
            conditions.append(initial(rule))
        settings: dict[Variable, Any] = {}
        system = TransitionSystem(
            "random",
            "A random system.",
            self.state,
            tuple(self.actions),
            tuple(properties),
            tuple(conditions),
            outside=frozenset(list(Who)[: len(self.actions) % 2]),
        )
        instance = Instance(system, self.scope)
        for variable in self.state.variables():
            if variable.frozen and random.random() < 0.5:
                values = instance.values(variable.sort)
                table = {
                    numbers: random.choice(values)
                    for _, numbers in instance.entries(variable)
                }
                if variable.index_sorts:
                    settings[variable] = lambda *numbers, table=table: table[numbers]
                else:
                    settings[variable] = table[()]
        return system.variant("random variant", "With settings.", settings=settings)

    def living(self) -> TransitionSystem:
        system = self.system()
        properties = tuple(self._leads_to() for _ in range(4))
        return system.variant("random living", "It lives.", properties=properties)

    def _leads_to(self) -> Property:
        random = self.random
        lines = tuple(self._fairness() for _ in range(random.choice((0, 1, 2, 2, 3))))

        def write(state: Any) -> Any:
            writer = self._writer(state)
            return writer.formula(self.depth), writer.ending()

        return leads_to(fair=lines)(self._rule(write, State))

    def _fairness(self) -> Fairness:
        random = self.random
        at_hand: tuple[Target, ...] = (
            *self.actions,
            *self.actions,
            POKE,
            POKE_ALPHA,
            Kind.FAULT,
        )
        targets = random.sample(at_hand, random.choice((1, 1, 2, 3)))
        record = fairness(
            *targets,
            strong=random.random() < 0.4,
            turns=random.choice(tuple(Turns)),
            choosing=random.choice(({}, {}, {}, {"p1": True}, {"p2": False})),
        )
        anywhere = random.random() < 0.6

        def write(state: Any) -> Any:
            return all_of() if anywhere else self._writer(state).formula(1)

        return record(self._rule(write, State))

    def _rule(self, body: Callable[..., Any], *annotations: Any) -> Any:
        """A function as the language's decorators want it."""

        def rule(*arguments: Any) -> Any:
            return body(*arguments)

        number = next(self.names)
        rule.__name__ = f"rule{number}"
        rule.__doc__ = f"Rule {number}."
        sorts = [self.state if sort is State else sort for sort in annotations]
        rule.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    f"p{place}", inspect.Parameter.POSITIONAL_ONLY, annotation=sort
                )
                for place, sort in enumerate(sorts)
            ]
        )
        return rule

    def _property(self, kind: Any, *, step: bool) -> Property:
        if not step:
            write = _Writer.ending if kind is deadlock_free else _Writer.statement
            body = self._rule(lambda s: write(self._writer(s)), State)
            made: Property = kind()(body)
            return made

        def of_step(before: Any, step_: Step, after: Any) -> Term[bool]:
            writer = self._writer(before, step=True)
            writer.taken = step_
            writer.after = after
            return writer.statement()

        made = kind()(self._rule(of_step, State, Step, State))
        return made

    def _action(self) -> Action:
        random = self.random
        event = random.choice((None, None, POKE, POKE_ALPHA))
        success = random.choice((None, Status.DONE))
        sorts: list[Any] = [Alpha] if event is POKE_ALPHA else []
        for _ in range(random.choice((0, 0, 1, 2))):
            sorts.append(random.choice((Alpha, Beta, Term[bool], Term[Color])))
        seed = random.randrange(2**32)
        callees = [a for a in self.actions if a.success is not None and not a.calls]
        callee = random.choice(callees) if callees and random.random() < 0.6 else None

        def rule(state: Any, *parameters: Any) -> None:
            # A callee is recorded again by each caller: it must be the same.
            outer, self.random = self.random, Random(seed)
            try:
                body = _Body(_Writer(self, state, parameters=parameters), success)
                body.write(callee)
            finally:
                self.random = outer

        kinds = {Kind.FAULT} if random.random() < 0.3 else ()
        actor = random.choice((None, Who.ADA, Who.BOB))
        record = action(actor=actor, kinds=kinds, event=event, success=success)
        return record(self._rule(rule, State, *sorts))


class _Writer:
    """Writes random terms over a state, and over what a rule has at hand."""

    def __init__(
        self,
        generator: _Generator,
        state: Any,
        *,
        parameters: tuple[Any, ...] = (),
        step: bool = False,
    ) -> None:
        self.generator = generator
        self.state = state
        self.bound: list[Term[Any]] = list(parameters)
        self.step = step
        self.taken = Step()
        self.after: Any = None
        self.assigned: set[Variable] = set()
        self.in_action = False

    @property
    def random(self) -> Random:
        return self.generator.random

    def statement(self) -> Term[bool]:
        """A formula, mostly with an arrow in it, as properties are."""
        depth = self.generator.depth
        if self.random.random() < 0.3:
            return self.formula(depth)
        sort = self.random.choice(SORTS)
        if self.random.random() < 0.4:
            return forall(
                sort,
                lambda index: self.within(
                    index, lambda: implies(self.formula(depth), self.formula(depth))
                ),
            )
        return implies(self.formula(depth), self.formula(depth))

    def ending(self) -> Term[bool]:
        """A formula that seldom holds."""
        depth = self.generator.depth
        return all_of(*(self.formula(depth) for _ in range(3)))

    def within(self, index: Term[Any], write: Callable[[], Any]) -> Any:
        """What is written while the index is at hand."""
        self.bound.append(index)
        written = write()
        self.bound.pop()
        return written

    def formula(self, depth: int) -> Term[bool]:
        random = self.random
        if depth <= 0:
            return self._atom()
        write = random.choice(
            (
                self._atom,
                self._atom,
                lambda: ~self.formula(depth - 1),
                lambda: self.formula(depth - 1) & self.formula(depth - 1),
                lambda: self.formula(depth - 1) | self.formula(depth - 1),
                lambda: all_of(*(self.formula(depth - 1) for _ in range(3))),
                lambda: any_of(*(self.formula(depth - 1) for _ in range(3))),
                lambda: implies(self.formula(depth - 1), self.formula(depth - 1)),
                lambda: self.formula(depth - 1) == self.formula(depth - 1),
                lambda: self.formula(depth - 1) != self.formula(depth - 1),
                lambda: ite(*(self.formula(depth - 1) for _ in range(3))),
                lambda: self._quantified(forall, depth - 1),
                lambda: self._quantified(exists, depth - 1),
                lambda: self._compared(depth - 1),
                lambda: self._compared(depth - 1),
            )
        )
        written: Term[bool] = write()
        return written

    def _quantified(self, quantifier: Any, depth: int) -> Any:
        sort = self.random.choice(SORTS)
        return quantifier(
            sort, lambda index: self.within(index, lambda: self.formula(depth))
        )

    def _compared(self, depth: int) -> Term[bool]:
        one, other = self.number(depth), self.number(depth)
        return self.random.choice(
            (
                lambda: one < other,
                lambda: one <= other,
                lambda: one > other,
                lambda: one >= other,
                lambda: one == other,
            )
        )()

    def _atom(self) -> Term[bool]:
        random = self.random
        sort = random.choice((bool, bool, Color, int, Alpha, Beta, None, None))
        if sort is None:
            return self._special()
        if sort is bool:
            read = self._read(bool)
            return self._compared(0) if read is None else read
        one, other = self.of(sort, 0), self.of(sort, 0)
        written: Term[bool] = one == other
        return written

    def _special(self) -> Term[bool]:
        random = self.random
        if self.step:
            actions = self.generator.actions
            return random.choice(
                (
                    lambda: self.taken.is_(random.choice(actions)),
                    lambda: self.taken.is_(random.choice(actions), POKE_ALPHA),
                    lambda: self.taken.is_(POKE),
                    lambda: self.taken.is_(Kind.FAULT),
                    lambda: self.taken.at(self.of(Alpha, 0)),
                    lambda: self.taken.at(self.of(Beta, 0)),
                    lambda: self.taken.answers(random.choice(tuple(Status))),
                    lambda: self._changed(),
                )
            )()
        if not self.in_action and self.generator.actions:
            event = random.choice((POKE, POKE_ALPHA))
            arguments = [self.of(sort, 0) for sort in event.parameters]
            ask = random.choice(ASKED)
            written: Term[bool] = getattr(self.state, ask)(event, *arguments)
            return written
        if not self.in_action and random.random() < 0.3:
            predicate: Term[bool] = self.state.predicate()
            return predicate
        return one_of(self.of(Color, 0), Color.RED, Color.BLUE)

    def _changed(self) -> Term[bool]:
        variable = self.random.choice(self.generator.state.variables())
        before = self._entry(variable, self.state)
        after = self._entry(variable, self.after)
        written: Term[bool] = before == after
        return written

    def of(self, sort: Any, depth: int) -> Term[Any]:
        """A term of the sort."""
        if sort is bool:
            return self.formula(depth)
        if sort is int:
            return self.number(depth)
        random = self.random
        if depth > 0 and random.random() < 0.4:
            return ite(
                self.formula(depth - 1), self.of(sort, depth - 1), self.of(sort, 0)
            )
        at_hand = [term for term in self.bound if term.sort is sort]
        if at_hand and random.random() < 0.6:
            return random.choice(at_hand)
        if random.random() < 0.7:
            read = self._read(sort)
            if read is not None:
                return read
        if issubclass(sort, Enum):
            condition = self._read(bool)
            if condition is None:
                return ite(self._compared(0), *random.choices(tuple(sort), k=2))
            return ite(condition, *random.choices(tuple(sort), k=2))
        return Element(sort, random.randrange(self.generator.scope[sort]))

    def number(self, depth: int) -> Term[int]:
        random = self.random
        if depth <= 0:
            read = self._read(int)
            if read is None or random.random() < 0.2:
                sort = random.choice(SORTS)
                return count(sort, lambda index: index == self.of(sort, 0))
            return read
        other: Any = random.choice((-2, -1, 0, 1, 3, None, None))
        if other is None:
            other = self.number(depth - 1)
        sort = random.choice(SORTS)
        return random.choice(
            (
                lambda: self.number(depth - 1) + other,
                lambda: self.number(depth - 1) - other,
                lambda: ite(self.formula(depth - 1), self.number(depth - 1), other),
                lambda: count(
                    sort,
                    lambda i: self.within(i, lambda: self.formula(depth - 1)),
                ),
            )
        )()

    def _read(self, sort: Any) -> Term[Any] | None:
        """A variable of the sort, or an entry of one; None if there is none."""
        fitting = [
            variable
            for variable in self.generator.state.variables()
            if variable.value_sort is sort and variable not in self.assigned
        ]
        if not fitting:
            return None
        state = self.state
        if self.after is not None and self.random.random() < 0.4:
            state = self.after
        return self._entry(self.random.choice(fitting), state)

    def _entry(self, variable: Variable, state: Any) -> Term[Any]:
        return self._at(getattr(state, variable.name), variable)

    def _at(self, read: Any, variable: Variable) -> Term[Any]:
        indices: Any = self.indices(variable)
        if indices:
            read = read[indices if len(indices) > 1 else indices[0]]
        entry: Term[Any] = read
        return entry

    def indices(self, variable: Variable) -> tuple[Term[Any], ...]:
        return tuple(self.index(sort) for sort in variable.index_sorts)

    def index(self, sort: type[Index]) -> Term[Any]:
        """An index: mostly one at hand, else computed from a variable."""
        at_hand = [term for term in self.bound if term.sort is sort]
        if at_hand and self.random.random() < 0.7:
            return self.random.choice(at_hand)
        scalars = [
            variable
            for variable in self.generator.state.variables()
            if variable.sort is sort
            and not variable.index_sorts
            and variable not in self.assigned
        ]
        if scalars and self.random.random() < 0.8:
            read: Term[Any] = getattr(self.state, self.random.choice(scalars).name)
            return read
        return Element(sort, self.random.randrange(self.generator.scope[sort]))


class _Body:
    """Writes the guards, the call and the effects of an action."""

    def __init__(self, writer: _Writer, success: Status | None) -> None:
        self.writer = writer
        self.success = success
        writer.in_action = True

    def write(self, callee: Action | None) -> None:
        writer = self.writer
        random = writer.random
        state = writer.state
        strict = writer.generator.strict
        for _ in range(random.choice((1, 2) if strict else (0, 1, 1))):
            guard = writer.formula(writer.generator.depth)
            if strict:
                guard &= writer.formula(1)
            elif random.random() < 0.5:
                guard |= writer.formula(1)
            state.require(guard, self._otherwise())
        free = [v for v in writer.generator.state.variables() if not v.frozen]
        random.shuffle(free)
        free = free[: random.choice((1, 1, 2, 3))]
        ranges = [v for v in free if isinstance(v.sort, Int)]
        numbers = {}
        for variable in ranges:
            if random.random() < 0.25:
                numbers[variable] = self._guarded(variable)
        if callee is not None:
            answer = self._call(callee)
            written = {update.variable for update in callee.updates}
            free = [v for v in free if v not in written]
            writer.assigned |= written
            if answer is not None:
                state_answer = answer == random.choice(tuple(Status))
                self._assign(free, numbers, lambda v: state_answer)
                return
        self._assign(free, numbers, None)

    def _otherwise(self) -> Any:
        random = self.writer.random
        if self.success is None and random.random() < 0.4:
            return None
        told: Any = random.choice((Status.BUSY, Status.NEVER))
        if random.random() < 0.3:
            told = ite(self.writer.formula(1), Status.BUSY, Status.NEVER)
        if random.random() < 0.4:
            log = "line" if random.random() < 0.5 else ""
            return Refusal(told, "detail", log, visible=random.random() < 0.5)
        return told

    def _bounds(self, variable: Variable) -> tuple[int, int]:
        high = variable.sort.high
        low: int = variable.sort.low
        if isinstance(high, int):
            return low, high
        return low, self.writer.generator.scope[high]

    def _guarded(self, variable: Variable) -> Term[int]:
        """A number that guards keep within the variable's bounds."""
        low, high = self._bounds(variable)
        number = self.writer.number(self.writer.generator.depth)
        self.writer.state.require(number >= low, self._otherwise())
        self.writer.state.require(number <= high, self._otherwise())
        return number

    def _call(self, callee: Action) -> Term[Any]:
        writer = self.writer
        arguments = [
            writer.of(parameter.sort, 1)
            if parameter.sort is not bool
            else writer.formula(1)
            for parameter in callee.parameters
        ]
        answer: Term[Any] = writer.state.call(callee, *arguments)
        return answer

    def _assign(
        self,
        variables: list[Variable],
        numbers: dict[Variable, Term[int]],
        condition: Any,
    ) -> None:
        writer = self.writer
        for variable in variables:
            held = getattr(type(writer.state), variable.name)
            shape = len(variable.index_sorts)
            how = writer.random.choice(("entry", "fill", "update") if shape else ("",))
            if self.success is not None and how == "fill":
                how = "entry"
            if not shape:
                value = self._value(variable, numbers, condition)
                setattr(writer.state, held.name, value)
            elif how == "update":
                entries = getattr(writer.state, variable.name)
                entries.update(
                    lambda *indices, v=variable: self._in(
                        indices, lambda: self._value(v, numbers, None)
                    )
                )
            else:
                entries = getattr(writer.state, variable.name)
                value = self._value(variable, numbers, condition)
                if how == "fill":
                    entries.fill(value)
                else:
                    indices = writer.indices(variable)
                    entries[indices if len(indices) > 1 else indices[0]] = value
            writer.assigned.add(variable)

    def _in(self, indices: tuple[Term[Any], ...], write: Callable[[], Any]) -> Any:
        self.writer.bound += indices
        written = write()
        del self.writer.bound[-len(indices) :]
        return written

    def _next(self, variable: Variable) -> Any:
        """The value that follows the variable's own, in a circle."""
        held = getattr(self.writer.state, variable.name)
        sort: Any = variable.sort
        if sort is bool:
            return ~held
        if isinstance(sort, Int):
            low, high = self._bounds(variable)
            return ite(held < high, held + 1, low)
        if issubclass(sort, Enum):
            red, green, blue = sort
            return ite(held == red, green, ite(held == green, blue, red))
        last = self.writer.generator.scope[sort] - 1
        elements = [Element(sort, number) for number in range(last + 1)]
        value: Term[Any] = elements[0]
        for before, after in pairwise(elements):
            value = ite(held == before, after, value)
        return value

    def _value(
        self, variable: Variable, numbers: dict[Variable, Term[int]], condition: Any
    ) -> Any:
        writer = self.writer
        random = writer.random
        if variable in numbers:
            return numbers[variable]
        if random.random() < 0.5 and not variable.index_sorts:
            return self._next(variable)
        if isinstance(variable.sort, Int):
            low, high = self._bounds(variable)
            constant = random.randint(low, high)
            if random.random() < 0.4:
                return constant
            number = writer.number(writer.generator.depth)
            return ite(all_of(number >= low, number <= high), number, constant)
        sort: Any = variable.sort
        if sort is bool and random.random() < 0.4:
            return random.random() < 0.5
        if issubclass(sort, Enum) and random.random() < 0.5:
            return random.choice(tuple(sort))
        value = writer.of(sort, writer.generator.depth)
        if condition is not None and random.random() < 0.5:
            return ite(condition(variable), value, writer.of(sort, 0))
        return value

"""Ending: that something comes in the end, as conditions of states and of steps.

Where a goal is owed, a *measure* says how far off it is: what is the case of some
elements, several such sets in their order. It becomes less where some set loses an
element, and those before it stay as they are. Of some *turns* of the rule's fairness it
is shown that

- where the goal is owed, one of them is due;
- a step from there leads to the goal, or it stays owed and the measure becomes no more;
- a step that takes one of the turns makes it less;
- a turn of weak fairness stays due until it is less.

A machine has so many elements, so on a run that owes the goal for ever the measure is
in the end the same for ever. Then no turn is taken any more. But one is due at any
time: a weak one stays due, and a strong one of finitely many is due again and again. So
such a run is not fair. Each of these is a condition of every state, or of every step,
and is shown like any other.

It may be that none is due now and then: nobody ends a TD while an update runs. Then
there is another *level*, a measure and turns of their own, of which the same is shown
where none of the others is due and their measure stays as it is. On a run that owes the
goal for ever that is so in the end, as above: no turn of the others is taken, so each
is due no more from some state on. One of some level is due at any time, so it is not so
of the last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from tdxcheck.checker.engines.parametric.family import Family
from tdxcheck.checker.engines.parametric.reacting import reaction
from tdxcheck.checker.engines.parametric.recorded import Unreadable
from tdxcheck.checker.engines.parametric.shapes import Sizes
from tdxcheck.checker.engines.parametric.stopping import possible
from tdxcheck.checker.language.liveness import Fairness, Turns
from tdxcheck.checker.language.rewriting import Rewriter
from tdxcheck.checker.language.system import Action, Mode, Property
from tdxcheck.checker.language.terms import (
    Choice,
    Const,
    Equal,
    Exists,
    Forall,
    Implies,
    Index,
    Named,
    Not,
    Reacts,
    Read,
    StepAt,
    StepIs,
    Term,
    all_of,
    any_of,
)
from tdxcheck.checker.language.variables import Variable

MARK = "; ending: "
"""What the line begins with that tells the measure and the turns."""


@dataclass(frozen=True)
class Part:
    """One set of a measure: the elements of which the variable has one of the values.

    If it has no elements, it has one member or none.
    """

    variable: Variable
    values: tuple[Any, ...]
    where: tuple[Variable, Any] | None = None
    """Only where this has this value, perhaps of the same elements."""

    def indices(self) -> tuple[Index, ...]:
        sorts = self.variable.index_sorts
        return tuple(sort(sort.__name__.lower()) for sort in sorts)

    def of(self, indices: tuple[Index, ...], *, after: bool) -> Term[bool]:
        """The elements are in the set, before the step or after it."""
        read: Term[Any] = Read(self.variable, indices, after)
        found = any_of(*(_is(read, value) for value in self.values))
        if self.where is None:
            return found
        other, value = self.where
        places = indices if other.index_sorts else ()
        return all_of(found, _is(Read(other, places, after), value))

    @property
    def told(self) -> str:
        elements = " and ".join(
            s.label or s.__name__ for s in self.variable.index_sorts
        )
        values = " or ".join(map(_name, self.values))
        found = f"every {elements} " if elements else "that "
        found = f"{found}whose {self.variable.name}" if elements else self.variable.name
        found = f"{found} is {values}"
        if self.where is not None:
            found += f", where {self.where[0].name} is {_name(self.where[1])}"
        return found


@dataclass(frozen=True)
class Turn:
    """Turns of one line of fairness: of one of its actions, if each has its own."""

    line: Fairness
    actions: tuple[Action, ...]

    def indices(self) -> tuple[Index, ...]:
        """Whose turn it is, if each element has its own."""
        if self.line.turns is Turns.TOGETHER:
            return ()
        (action,) = self.actions
        return tuple(p for p in action.parameters if isinstance(p, Index))

    def due(self, *, of: tuple[Index, ...] = ()) -> Term[bool]:
        """It is due, of these elements or of any."""
        ways = (possible(a, self.line.choosing, of) for a in self.actions)
        return all_of(self.line.condition, any_of(*ways))

    @property
    def taken(self) -> Term[bool]:
        """A step takes it; it may say so of some that do not."""
        chosen = (StepAt(Const(value)) for value in self.line.choosing.values())
        return all_of(StepIs(None, self.actions), *chosen, self.line.condition)


@dataclass(frozen=True)
class Level:
    """What becomes less, and by which turns."""

    measure: tuple[Part, ...]
    turns: tuple[Turn, ...]

    @property
    def due(self) -> Term[bool]:
        """One of the turns is due."""
        return any_of(*(turn.due() for turn in self.turns))


@dataclass(frozen=True)
class Ending:
    """Why the goal of a rule comes."""

    measure: tuple[Part, ...] = ()
    turns: tuple[Turn, ...] = ()
    until: bool = False
    """The goal is owed wherever it has not come, and not only by the condition."""
    then: tuple[Level, ...] = ()
    """What becomes less where no turn of those before is due, and by which."""

    @property
    def levels(self) -> tuple[Level, ...]:
        return Level(self.measure, self.turns), *self.then

    def stated(self, rule: Property, family: Family) -> tuple[Property, ...]:
        """What is to be so in every state, and at every step."""
        assert rule.goal is not None, "it is a rule of what comes in the end"
        actions = family.system.actions
        plain = replace(rule, goal=None, fair=())
        if not self.turns:
            # The goal has always come already.
            said = Implies(rule.condition, rule.goal)
            return (replace(plain, mode=Mode.INVARIANT, condition=said),)
        owed = Not(rule.goal) if self.until else all_of(rule.condition, Not(rule.goal))
        due = Implies(owed, any_of(*(level.due for level in self.levels)))
        before, after = Spelling(actions), Spelling(actions, after=True)
        kept = _kept(self.levels, before, after)
        if not self.until:
            kept = all_of(after.of(owed), kept)
        # Told without an arrow: that the goal is ever owed is asked of states alone.
        steps = any_of(
            Not(before.of(owed)),
            after.of(rule.goal),
            kept,
        )
        return (
            replace(plain, mode=Mode.INVARIANT, condition=due),
            replace(
                plain,
                name=f"{rule.name} step by step",
                mode=Mode.STEP_RULE,
                condition=steps,
            ),
        )

    @property
    def excepted(self) -> str:
        """The machines of which nothing is said: there are none."""
        return ""

    def covers(self, sizes: Sizes) -> bool:
        """Something is said of machines of these sizes."""
        return True

    def told(self) -> Iterator[str]:
        """The measure and the turns in words."""
        for number, level in enumerate(self.levels):
            if number:
                yield "where none of these is due:"
            for place, part in enumerate(level.measure):
                yield f"{'then of ' if place else 'there is ever less of '}{part.told}"
            for turn in level.turns:
                each = turn.line.turns is not Turns.TOGETHER
                of = f" of {turn.actions[0].name}" if each else ""
                yield f"by the turn of {turn.line.name}{of} ({turn.line.strength})"

    def text(self, rule: Property) -> str:
        """As a certificate has it."""
        first, *then = (_said(level, rule) for level in self.levels)
        said = {**first, "until": self.until, **({"then": then} if then else {})}
        return f"{MARK}{json.dumps(said)}\n"


def ending_in(text: str, family: Family, rule: Property) -> Ending:
    """What the text says of it; nothing, if it does not."""
    for line in text.splitlines():
        if line.startswith(MARK):
            try:
                return _ending(json.loads(line.removeprefix(MARK)), family, rule)
            except (LookupError, RecursionError, TypeError, ValueError) as error:
                raise Unreadable(f"no measure of this system: {line[:60]}") from error
    return Ending()


def _said(level: Level, rule: Property) -> dict[str, Any]:
    return {
        "less": [
            {
                "what": part.variable.name,
                "is": list(map(_plain, part.values)),
                "where": part.where and [part.where[0].name, _plain(part.where[1])],
            }
            for part in level.measure
        ],
        "by": [
            [rule.fair.index(turn.line), [action.name for action in turn.actions]]
            for turn in level.turns
        ],
    }


def _ending(said: Any, family: Family, rule: Property) -> Ending:
    first = _level(said, family, rule)
    then = tuple(_level(one, family, rule) for one in said.get("then", ()))
    return Ending(first.measure, first.turns, bool(said["until"]), then)


def _level(said: Any, family: Family, rule: Property) -> Level:
    variables = {v.name: v for v in family.system.state.variables()}
    known = [turn for line in rule.fair for turn in turns_of(line, family)]
    parts = []
    for part in said["less"]:
        variable, where = variables[part["what"]], part["where"]
        if where is not None:
            other = variables[where[0]]
            if other.index_sorts and other.index_sorts != variable.index_sorts:
                raise ValueError("it is of other elements")
            where = other, _value(where[1], other)
        values = tuple(_value(value, variable) for value in part["is"])
        parts.append(Part(variable, values, where))
    turns = []
    for number, names in said["by"]:
        (turn,) = (
            turn
            for turn in known
            if turn.line is rule.fair[number]
            and [action.name for action in turn.actions] == names
        )
        turns.append(turn)
    return Level(tuple(parts), tuple(turns))


def turns_of(line: Fairness, family: Family) -> Iterator[Turn]:
    """The turns of the line; none if they cannot be told by actions and values.

    That is so where each element has a turn by whichever action, or what is chosen is
    not a value of each parameter of that name.
    """
    actions = family.system.actions
    plain = all(
        isinstance(p, Choice) and p.type is type(line.choosing[p.name])
        for action in actions
        for p in action.parameters
        if p.name in line.choosing
    )
    if line.turns is Turns.EACH_ELEMENT or not plain:
        return
    covered = tuple(
        action
        for action in actions
        if line.covers(
            action, tuple(line.choosing.get(p.name) for p in action.parameters)
        )
    )
    if line.turns is Turns.TOGETHER:
        yield Turn(line, covered)
    else:
        yield from (Turn(line, (action,)) for action in covered)


def _kept(levels: Sequence[Level], before: Spelling, after: Spelling) -> Term[bool]:
    """The step makes the first measure no more, and less if it takes one of its turns.

    Where it leaves it as it is, and none of these turns is due before or after, the
    same is so of the others.
    """
    first, *others = levels
    no_more, less = _compared(first.measure)
    said = [_less_by(turn, less, before, after) for turn in first.turns]
    said.append(no_more)
    if others:
        due, rest = first.due, _kept(others, before, after)
        said.append(any_of(less, before.of(due), after.of(due), rest))
    return all_of(*said)


def _compared(measure: Sequence[Part]) -> tuple[Term[bool], Term[bool]]:
    """The measure is no more after the step, and it is less.

    It may be asked of each turn, so it is said once.
    """
    no_more, less = all_of(), any_of()
    for part in reversed(measure):
        indices = part.indices()
        before, after = (part.of(indices, after=late) for late in (False, True))
        kept: Term[bool] = Implies(after, before)
        lost: Term[bool] = all_of(before, Not(after))
        for index in reversed(indices):
            kept, lost = Forall(index, kept), Exists(index, lost)
        no_more = all_of(kept, any_of(lost, no_more))
        less = all_of(kept, any_of(lost, less))
    return no_more, less


def _less_by(
    turn: Turn, less: Term[bool], before: Spelling, after: Spelling
) -> Term[bool]:
    """The step takes the turn and the measure is less, or it is due still."""
    taken = Implies(turn.taken, less)
    if turn.line.strong:
        return taken
    indices = turn.indices()
    due = turn.due(of=indices)
    stays: Term[bool] = Implies(before.of(due), any_of(less, after.of(due)))
    for index in reversed(indices):
        stays = Forall(index, stays)
    return all_of(taken, stays)


class Spelling:
    """Terms by what they rest on, to be said of the state before a step or after it.

    The actions tell how the system reacts.
    """

    def __init__(self, actions: Sequence[Action], *, after: bool = False) -> None:
        self._actions = actions
        self._after = after
        self._rewriter = Rewriter(self._instead)

    def of(self, term: Term[Any]) -> Term[Any]:
        found: Term[Any] = self._rewriter.of(term)
        return found

    def _instead(self, part: Term[Any]) -> Term[Any] | None:
        match part:
            case Reacts():
                return self.of(reaction(part, self._actions))
            case Named():
                return self.of(part.body)
            case Read():
                return Read(part.variable, self._rewriter.of(part.indices), self._after)
        return None


def _is(read: Term[Any], value: Any) -> Term[bool]:
    if isinstance(value, bool):
        return read if value else Not(read)
    return Equal(read, Const(value))


def _plain(value: Any) -> Any:
    return value.name if isinstance(value, Enum) else value


def _name(value: Any) -> str:
    return str(_plain(value))


def _value(said: Any, variable: Variable) -> Any:
    sort = variable.sort
    if isinstance(sort, type) and issubclass(sort, Enum):
        return sort[said]
    if type(said) is not (bool if sort is bool else int):
        raise ValueError("a value of another sort")
    return said

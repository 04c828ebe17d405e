"""Lassos: the run that an engine shows where something does not come in the end.

Which one is a rule, so that every engine shows the same. A run may stay for ever
where it is in a *fair component*: a set of states, all leading to all, in which every
turn that is due is taken or ceases to be. The largest ones have no state in common.

1. The stem is a shortest run to a fair component, by way of a state in which the
   condition holds, from which on the goal does not.
2. Of several, those are preferred that end where no turn is due: the run rests there.
3. Of these it is the first, by its initial state and then by the numbers of its steps.
4. The cycle is a shortest one from the end of the stem back to it, inside the
   component, on which every turn is taken or ceases to be due; of several it is the
   first by the numbers of its steps. Where there are more than five turns, it goes from
   the nearest state or step that settles a turn to the next (`rounds.py`).

A run that rests has an empty cycle. This module finds the run among sets of states
that the engine keeps in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tdxcheck.checker.engines.rounds import Round
from tdxcheck.checker.engines.spaces import Space, States, Turn
from tdxcheck.checker.ground.slicing import taken
from tdxcheck.checker.ground.system import Values
from tdxcheck.checker.verdict import Refuted, Run

MOST = 5
"""Turns for which a shortest cycle is looked for: each doubles what is kept."""


class Stems:
    """Runs that owe the goal, level by level."""

    def __init__(
        self, space: Space, start: States, condition: States, goal: States
    ) -> None:
        self.space = space
        self.start = start
        self.owes = condition & ~goal
        self.open = ~goal
        self.reached = [start]
        self.owing = [start & self.owes]
        """Where a run of so many steps, or fewer, can be that owes the goal."""

    def deepen(self) -> bool:
        """One level more; whether it has more states."""
        reached, owing = self.reached[-1], self.owing[-1]
        owing = owing | (self.space.after_any(owing) & self.open)
        reached = reached | self.space.after_any(reached)
        owing = owing | (reached & self.owes)
        more = not (
            self.space.is_empty(reached & ~self.reached[-1])
            and self.space.is_empty(owing & ~self.owing[-1])
        )
        self.reached.append(reached)
        self.owing.append(owing)
        return more

    def to(self, ends: States) -> tuple[tuple[Values, ...], tuple[int, ...]]:
        """The first of the runs of as many steps as there are levels to these."""
        owing = [self.owing[-1] & ends]
        free = [owing[0] & self.reached[-1] & self.owes]
        for reached, owed in zip(
            reversed(self.reached[:-1]), reversed(self.owing[:-1]), strict=True
        ):
            ahead = self.space.before_any(owing[-1])
            behind = self.space.before_any(free[-1])
            owing.append(owed & ahead)
            free.append((reached & behind) | (owing[-1] & reached & self.owes))
        owing.reverse()
        free.reverse()
        states = [self.space.first(free[0] & self.start)]
        steps: list[int] = []
        # Free: the run may still begin to owe. Both may be true of a state.
        here = self.space.only(states[0])
        is_free, owes = True, not self.space.is_empty(here & owing[0] & self.owes)
        for free_then, owing_then in zip(free[1:], owing[1:], strict=True):
            for step in self.space.steps:
                there = self.space.after(here, step)
                stays = is_free and not self.space.is_empty(there & free_then)
                goes = owes and not self.space.is_empty(there & owing_then)
                if stays or goes:
                    break
            else:
                raise AssertionError("some step leads on")
            states.append(taken(self.space.system.steps[step], states[-1]))
            steps.append(step)
            here, is_free = there, stays
            owes = goes or (
                stays and not self.space.is_empty(there & self.owes & owing_then)
            )
        return tuple(states), tuple(steps)


def lasso(
    stems: Stems,
    turns: Sequence[Turn],
    fair: Callable[[States], States],
    component: Callable[[Values], States],
) -> Refuted:
    """The refutation by a lasso, where there is one.

    `fair` gives those of some states that are in a fair component, `component` that
    of a state.
    """
    space = stems.space
    while space.is_empty(ends := fair(stems.owing[-1])):
        assert stems.deepen(), "what is reachable lies on some level"
    resting = ends
    for turn in turns:
        resting = resting & ~turn.due
    if not space.is_empty(resting):
        states, steps = stems.to(resting)
        return Refuted(Run(states, steps, len(steps)), shortest=True)
    states, steps = stems.to(ends)
    cycle = Cycle(space, turns, states[-1], component(states[-1]))
    is_shortest = len(cycle.turns) <= MOST
    round_ = cycle.steps() if is_shortest else cycle.round()
    for step in round_:
        states += (taken(space.system.steps[step], states[-1]),)
    return Refuted(Run(states, (*steps, *round_), len(steps)), is_shortest)


@dataclass(frozen=True)
class Kept:
    """Which turns have been taken or were not due, and which must be taken."""

    met: frozenset[int] = frozenset()
    owed: frozenset[int] = frozenset()


Layer = Mapping[Kept, States]


class Cycle:
    """A shortest fair cycle through a state, inside a component."""

    def __init__(
        self, space: Space, turns: Sequence[Turn], state: Values, component: States
    ) -> None:
        self.space = space
        self.state = state
        self.here = space.only(state)
        self.inside = component
        self.turns = {
            number: turn
            for number, turn in enumerate(turns)
            if not space.is_empty(component & turn.due)
            and (turn.strong or not space.is_empty(self.here & turn.due))
        }
        """Those that the state itself does not settle."""

    def round(self) -> list[int]:
        """A fair cycle that may not be a shortest one."""
        return Round(self.space, self.turns, self.state, self.inside).make()

    @cached_property
    def blocks(self) -> list[tuple[States, Kept]]:
        return list(self._blocks())

    def _blocks(self) -> Iterator[tuple[States, Kept]]:
        """The component, by what being in a state does for the turns."""
        blocks = [(self.inside, Kept())]
        for number, turn in self.turns.items():
            split = []
            for states, kept in blocks:
                owed, met = kept.owed, kept.met
                if turn.strong:
                    owed |= {number}
                else:
                    met |= {number}
                for part, now in (
                    (states & turn.due, Kept(kept.met, owed)),
                    (states & ~turn.due, Kept(met, kept.owed)),
                ):
                    if not self.space.is_empty(part):
                        split.append((part, now))
            blocks = split
        yield from blocks

    def steps(self) -> list[int]:
        """The first of the shortest cycles."""
        layers: list[dict[Kept, States]] = [
            {
                kept: self.here
                for block, kept in self.blocks
                if not self.space.is_empty(self.here & block)
            }
        ]
        seen = dict(layers[0])
        while len(layers) == 1 or not self._closed(layers[-1]):
            layer: dict[Kept, States] = {}
            for kept, states in layers[-1].items():
                for step, part, block, then in self._moves(kept, states):
                    new = self.space.after(part, step) & block
                    if then in seen:
                        new = new & ~seen[then]
                    if not self.space.is_empty(new):
                        layer[then] = layer.get(then, self.space.nothing) | new
            assert layer, "a fair component has a fair cycle"
            for kept, states in layer.items():
                seen[kept] = seen.get(kept, self.space.nothing) | states
            layers.append(layer)
        return self._walk(layers)

    def _closed(self, layer: Layer) -> dict[Kept, States]:
        """Where the layer is back with everything kept."""
        return {
            kept: self.here
            for kept, states in layer.items()
            if kept.owed <= kept.met
            and all(turn.strong or n in kept.met for n, turn in self.turns.items())
            and not self.space.is_empty(states & self.here)
        }

    def _moves(
        self, kept: Kept, states: States
    ) -> Iterator[tuple[int, States, States, Kept]]:
        """Steps from parts of the states into blocks, and what is kept after them."""
        for step in self.space.steps:
            parts = [(states, kept.met)]
            for number, turn in self.turns.items():
                if step in turn.steps:
                    parts = [
                        (part, met)
                        for states_, met_ in parts
                        for part, met in (
                            (states_ & turn.applies, met_ | {number}),
                            (states_ & ~turn.applies, met_),
                        )
                        if not self.space.is_empty(part)
                    ]
            for part, met in parts:
                for block, by_state in self.blocks:
                    yield (
                        step,
                        part,
                        block,
                        Kept(met | by_state.met, kept.owed | by_state.owed),
                    )

    def _walk(self, layers: Sequence[Layer]) -> list[int]:
        """The first by the numbers of its steps of the ways through the layers."""
        space = self.space
        wanted: list[Layer] = [self._closed(layers[-1])]
        for layer in reversed(layers[:-1]):
            ahead: dict[Kept, States] = {}
            for kept, states in layer.items():
                for step, part, block, then in self._moves(kept, states):
                    if then in wanted[-1]:
                        back = part & space.before(wanted[-1][then] & block, step)
                        ahead[kept] = ahead.get(kept, space.nothing) | back
            wanted.append(ahead)
        wanted.reverse()
        (kept,) = layers[0]
        values, steps = self.state, []
        for layer in wanted[1:]:
            step, kept = self._first_move(kept, values, layer)
            values = taken(space.system.steps[step], values)
            steps.append(step)
        return steps

    def _first_move(
        self, kept: Kept, values: Values, wanted: Layer
    ) -> tuple[int, Kept]:
        for step, part, block, then in self._moves(kept, self.space.only(values)):
            if then in wanted:
                there = self.space.after(part, step) & block & wanted[then]
                if not self.space.is_empty(there):
                    return step, then
        raise AssertionError("some step leads on")

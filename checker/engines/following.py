"""Following: is what was seen a run of the system, and if not, where does it part?

Searched is the product of the system and the sequence of observations, with steps
that nobody saw filled in where they are needed. Of all runs that show the sequence
the one with the fewest gaps is found first: a gap is a step that would have been
seen. Where there is none, every state in which the sequence can get stuck is known,
and with them what could have been seen instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from heapq import heappop, heappush
from typing import Final

from tdxcheck.checker.engines.packing import (
    Packing,
    Watch,
    compile_successors,
    compile_watches,
)
from tdxcheck.checker.engines.starting import check_start, starting_states
from tdxcheck.checker.ground.system import GroundStep, GroundSystem
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.system import Mode, Property
from tdxcheck.checker.language.terms import Index
from tdxcheck.checker.observation import (
    Becomes,
    InState,
    Observed,
    Refused,
    Sight,
    Step,
)
from tdxcheck.checker.verdict import Run

MOST: Final = 400_000
"""Places of the product that are visited."""
SAMPLE: Final = 2_000
"""States in which it is looked for what else could have been seen."""
ASKED: Final = 20
"""States in which the interpreter is asked for a refusal, which is slow."""

PROMISE: Final = 8
"""Steps that an observation more is worth: more than lie between two of them."""

Place = tuple[int, int]
"""A packed state, and how many observations have been seen in it."""


@dataclass(frozen=True)
class Followed:
    """A run that shows every observation."""

    run: Run
    seen: tuple[int | None, ...]
    """Of each step, the observation that it is; None if nobody saw it."""
    gaps: tuple[str, ...]
    """What the run would have shown besides."""


@dataclass(frozen=True)
class Parted:
    """No run shows the observations up to and with this one."""

    at: int
    """Its place, from 0."""
    instead: tuple[int, ...]
    """Which of the alternatives could have been seen there."""


@dataclass(frozen=True)
class Lost:
    """There are too many places to tell."""

    at: int
    """The farthest observation that was reached."""


def follow(
    system: GroundSystem,
    observations: Sequence[Observed],
    alternatives: Sequence[Observed] = (),
    most: int = MOST,
    evident: Sequence[Observed] = (),
) -> Followed | Parted | Lost:
    """Look for a run that shows the observations in their order.

    What is `evident` is never filled in: it would have been seen.

    The alternatives are what could be seen at all: those that are loud are gaps where
    a run shows them unseen, and all are tried where the run parts.
    """
    return _Search(system, observations, alternatives, evident).search(most)


class _Search:
    def __init__(
        self,
        system: GroundSystem,
        observations: Sequence[Observed],
        alternatives: Sequence[Observed],
        evident: Sequence[Observed],
    ) -> None:
        check_start(system)
        self.system = system
        self.packing = Packing(system)
        self.observations = observations
        self.alternatives = alternatives
        self.evident = evident
        self.loud = [o for o in alternatives if o.loud]
        self.successors = compile_successors(system, self.packing)
        self._next: dict[int, list[tuple[int, int]]] = {}
        self.interpreter = Interpreter(system.instance)
        self.conditions = self._compile()
        self.parents: dict[Place, tuple[Place, int | None, int | None]] = {}
        """How each place was first reached: from where, by which step, seen as what."""

    def _compile(self) -> Mapping[Property, Callable[[int], bool]]:
        found: dict[Property, Callable[[int], bool]] = {}
        for rule in self.system.properties:
            if rule.property.mode not in (Mode.INVARIANT, Mode.REACHABLE):
                continue
            hit = compile_watches(self.packing, [Watch(0, rule.conditions[0])])
            found[rule.property] = _remembering(hit)
        return found

    def search(self, most: int) -> Followed | Parted | Lost:
        """Visit places by their gaps first, and of these the most promising."""
        costs: dict[Place, tuple[int, int]] = {}
        open_: list[tuple[int, int, int, int, Place]] = []
        for state in starting_states(self.system, self.packing):
            costs[state, 0] = (0, 0)
            open_.append((0, 0, len(open_), 0, (state, 0)))
        goal, farthest, order = len(self.observations), 0, len(open_)
        while open_:
            gaps, _, _, steps, place = heappop(open_)
            if costs[place] < (gaps, steps):
                continue
            farthest = max(farthest, place[1])
            if place[1] == goal:
                return self._followed(place)
            for after, step, observation, gap in self._moves(place):
                cost = (gaps + gap, steps + (step is not None))
                if after not in costs or cost < costs[after]:
                    costs[after] = cost
                    self.parents[after] = (place, step, observation)
                    order += 1
                    hope = cost[1] - PROMISE * after[1]
                    heappush(open_, (cost[0], hope, order, cost[1], after))
            if len(costs) > most:
                return Lost(farthest)
        stuck = [state for state, seen in costs if seen == farthest]
        return Parted(farthest, tuple(self._instead(stuck)))

    def _moves(
        self, place: Place
    ) -> Iterator[tuple[Place, int | None, int | None, int]]:
        """Where the run can be next: by which step, seen as what, with a gap or not."""
        state, seen = place
        wanted = self.observations[seen]
        if self._shows_by_itself(state, wanted):
            yield (state, seen + 1), None, seen, 0
        for number, after in self._steps(state):
            kinds: set[str] = set()
            for place_of, other in enumerate(self.observations[seen:], start=seen):
                if other.kind in kinds or not self._shows(state, number, after, other):
                    break
                kinds.add(other.kind)
                yield (after, place_of + 1), number, seen, 0
            if any(self._shows(state, number, after, o) for o in self.evident):
                continue
            gap = any(self._shows(state, number, after, o) for o in self.loud)
            yield (after, seen), number, None, int(gap)

    def _steps(self, state: int) -> list[tuple[int, int]]:
        if state not in self._next:
            self._next[state] = self.successors(state)
        return self._next[state]

    def _shows_by_itself(self, state: int, wanted: Observed) -> bool:
        """The observation is of the state, or of what is refused in it."""
        for sight in wanted.sights:
            if isinstance(sight, InState) and self.conditions[sight.condition](state):
                return True
            if isinstance(sight, Refused) and self._refuses(state, sight):
                return True
        return False

    def _refuses(self, state: int, sight: Refused) -> bool:
        values = self.system.assignment(self.packing.unpack(state))
        numbers = tuple(sight.arguments.get(s, -1) for s in sight.event.parameters)
        given = () if -1 in numbers else numbers
        outcomes = [
            self.interpreter.attempt(values, action, arguments)
            for action, arguments in self.system.instance.requests(sight.event, given)
        ]
        return any(
            outcome.refusal is not None
            and (sight.told is None or outcome.answer == sight.told)
            for outcome in outcomes
        )

    def _shows(self, state: int, number: int, after: int, wanted: Observed) -> bool:
        return any(self._is(state, number, after, sight) for sight in wanted.sights)

    def _is(self, state: int, number: int, after: int, sight: Sight) -> bool:
        match sight:
            case Becomes(condition):
                holds = self.conditions[condition]
                return holds(after) and not holds(state)
            case Step():
                step = self.system.steps[number]
                return _is_of(step, sight) and self._answers(state, step, sight)
        return False

    def _answers(self, state: int, step: GroundStep, sight: Step) -> bool:
        if sight.answers is None and not sight.refused:
            return True
        if step.answer is None:
            return False
        number = evaluate(step.answer, self.packing.unpack(state))
        call = step.action.calls[0]
        answers: type[Enum] = call.answer.sort
        answer = list(answers)[number]
        if sight.answers is not None:
            return answer in sight.answers
        return bool(getattr(answer, "is_error", number != 0))

    def _followed(self, place: Place) -> Followed:
        states, steps, seen = [place[0]], [], []
        gaps: list[str] = []
        while place in self.parents:
            before, step, observation = self.parents[place]
            if step is not None:
                states.append(before[0])
                steps.append(step)
                seen.append(observation)
                if observation is None:
                    shown = (
                        o.label
                        for o in self.loud
                        if self._shows(before[0], step, place[0], o)
                    )
                    gaps += list(shown)[:1]
            place = before
        run = Run(
            tuple(map(self.packing.unpack, reversed(states))), tuple(reversed(steps))
        )
        return Followed(run, tuple(reversed(seen)), tuple(reversed(gaps)))

    def _instead(self, states: list[int]) -> Iterator[int]:
        """Which alternatives could be seen in one of the states, or a step later."""
        for place, other in enumerate(self.alternatives):
            asks = any(isinstance(sight, Refused) for sight in other.sights)
            some = states[-(ASKED if asks else SAMPLE) :]
            if any(self._could_show(state, other) for state in some):
                yield place

    def _could_show(self, state: int, wanted: Observed) -> bool:
        return self._shows_by_itself(state, wanted) or any(
            self._shows(state, number, after, wanted)
            for number, after in self._steps(state)
        )


def _remembering(hit: Callable[[int], list[int]]) -> Callable[[int], bool]:
    known: dict[int, bool] = {}

    def holds(state: int) -> bool:
        if state not in known:
            known[state] = bool(hit(state))
        return known[state]

    return holds


def _is_of(step: GroundStep, sight: Step) -> bool:
    """The step is one of those that are meant, whatever it is answered."""
    action = step.action
    if sight.actions is not None and action.name not in sight.actions:
        return False
    if sight.event is not None and action.event is not sight.event:
        return False
    if sight.callees is not None:
        if not any(call.callee in sight.callees for call in action.calls):
            return False
    for sort, number in sight.arguments.items():
        places = [
            argument
            for parameter, argument in zip(
                action.parameters, step.arguments, strict=True
            )
            if isinstance(parameter, Index) and type(parameter) is sort
        ]
        if places and number not in places:
            return False
    return True

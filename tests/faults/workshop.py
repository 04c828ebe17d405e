"""A workshop: a small system in which every turn of the specification language occurs.

Random systems seldom have an index that is computed, an initial condition over several
variables, a refusal of each kind, or two ways that differ in their changes of actor.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import (
    Event,
    Index,
    Int,
    Map,
    Refusal,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    all_of,
    count,
    deadlock_free,
    exists,
    forall,
    implies,
    initial,
    invariant,
    ite,
    reachable,
    step_rule,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.checker.language.terms import Element


class Tool(Index):
    """A tool."""


class Bench(Index):
    """A bench."""


class Phase(Enum):
    IDLE = "idle"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"


class Who(Enum):
    ADA = "Ada"
    BOB = "Bob"


class Answer(Enum):
    BUSY = "busy"
    NEVER = "never"


KNOCK = Event("knock", "Somebody knocks at {bench}.", (Bench,))


class Workshop(State):
    phase = Var(Phase, Phase.IDLE)
    chosen = Var(Tool)
    lies_on = Map(Tool, Bench)
    load = Map(Bench, Int(-1, 2), 0)
    most = Var(Int(1, 2), frozen=True)
    spare = Var(Int(0, 2))


@initial
def as_much_as_there_is(shop: Workshop) -> Term[bool]:
    """What is spare and what is used at most are three; the first lies on the first."""
    together = shop.most + shop.spare == 3
    return together & (shop.lies_on[Element(Tool, 0)] == Element(Bench, 0))


@initial
def the_chosen_one_lies_apart(shop: Workshop) -> Term[bool]:
    """The chosen tool lies on the second bench, or much is spare."""
    return (shop.lies_on[shop.chosen] == Element(Bench, 1)) | (shop.spare == 2)


@action(actor=Who.ADA)
def start(shop: Workshop) -> None:
    """Ada starts."""
    shop.require(shop.phase == Phase.IDLE)
    shop.phase = Phase.RUNNING


@action(actor=Who.BOB)
def begin(shop: Workshop) -> None:
    """Bob starts."""
    shop.require(shop.phase == Phase.IDLE)
    shop.phase = Phase.RUNNING


@action(actor=Who.ADA)
def stop(shop: Workshop) -> None:
    """Ada stops."""
    shop.require(shop.phase == Phase.RUNNING)
    shop.require(shop.load[Element(Bench, 0)] > 0)
    shop.phase = Phase.STOPPED


@action(actor=Who.BOB)
def halt(shop: Workshop) -> None:
    """Bob stops."""
    shop.require(shop.phase == Phase.RUNNING)
    shop.require(shop.load[shop.lies_on[shop.chosen]] == shop.most)
    shop.phase = Phase.STOPPED


@action(actor=Who.BOB)
def finish(shop: Workshop) -> None:
    """It is over."""
    shop.require(shop.phase == Phase.STOPPED)
    shop.require(shop.phase == Phase.STOPPED)
    shop.phase = ite(shop.spare == 0, Phase.IDLE, Phase.DONE)


@action(actor=Who.ADA)
def put(shop: Workshop, tool: Tool) -> None:
    """{tool} is put to work where it lies."""
    shop.require(shop.phase == Phase.RUNNING)
    at = shop.lies_on[tool]
    shop.require(shop.load[at] < shop.most)
    shop.load[at] = shop.load[at] + 1
    shop.chosen = tool


@action(actor=Who.BOB)
def lighten(shop: Workshop, bench: Bench) -> None:
    """{bench} has less to carry."""
    shop.require(shop.phase == Phase.STOPPED)
    shop.require((shop.most == 1) | (shop.load[bench] > 0))
    over = shop.load[bench] > 0
    shop.load[bench] = ite(over, shop.load[bench] - shop.most, shop.load[bench])
    shop.spare = ite(over, shop.spare, 0)


@action(event=KNOCK)
def knock(shop: Workshop, bench: Bench) -> None:
    """Somebody knocks, and is let in."""
    shop.require(shop.phase != Phase.IDLE, Refusal(Answer.BUSY, "it is idle"))
    unseen = Refusal(Answer.NEVER, "nobody hears it", visible=False)
    shop.require(shop.phase != Phase.DONE, unseen)
    told = Refusal(Answer.BUSY, "there is work", log="there is work")
    shop.require(shop.load[bench] < 1, told)
    shop.require(shop.spare > 0)
    shop.spare = shop.spare - 1


@invariant()
def no_bench_is_full(shop: Workshop) -> Term[bool]:
    """No bench carries two."""
    return forall(Bench, lambda bench: shop.load[bench] < 2)


@invariant()
def loads_are_apart(shop: Workshop) -> Term[bool]:
    """Once it is over, not both benches carry something."""
    return implies(
        shop.phase == Phase.DONE,
        count(Bench, lambda bench: shop.load[bench] > 0) < 2,
    )


@invariant()
def in_two_parts(shop: Workshop) -> Term[bool]:
    """What never happens, and what does, lead to what is so."""
    hangs = (shop.load[Element(Bench, 0)] == -1) & (shop.most == 1)
    never = implies(hangs, shop.spare == 0)
    return never & implies(shop.phase == Phase.DONE, shop.spare > 0)


@invariant()
def what_hangs_is_light(shop: Workshop) -> Term[bool]:
    """What never happens leads to what cannot be otherwise."""
    hangs = (shop.load[Element(Bench, 1)] == -1) & (shop.most == 1)
    return implies(hangs, shop.spare < 3)


@invariant()
def what_is_heard(shop: Workshop) -> Term[bool]:
    """Who knocks is let in, or told why not, unless it is idle or all is spent."""
    return forall(
        Bench,
        lambda bench: implies(
            shop.phase == Phase.RUNNING,
            shop.accepts(KNOCK, bench)
            | shop.refuses_with_reason(KNOCK, bench)
            | (shop.spare == 0),
        ),
    )


@invariant()
def what_is_seen(shop: Workshop) -> Term[bool]:
    """Nobody is refused in sight once it is over."""
    first = Element(Bench, 0)
    unseen = implies(shop.phase == Phase.DONE, ~shop.refuses_visibly(KNOCK, first))
    return unseen & implies(shop.phase == Phase.DONE, shop.refuses(KNOCK, first))


@invariant()
def nothing_is_impossible(shop: Workshop) -> Term[bool]:
    """As long as something is spare, a knock is let in or refused."""
    return implies(shop.spare > 0, ~shop.impossible(KNOCK, Element(Bench, 1)))


@reachable()
def all_is_spent(shop: Workshop) -> Term[bool]:
    """It can be idle with nothing spare and both benches at work."""
    return (shop.phase == Phase.IDLE) & all_of(
        shop.spare == 0, forall(Bench, lambda bench: shop.load[bench] > 0)
    )


@reachable()
def a_bench_hangs(shop: Workshop) -> Term[bool]:
    """A bench can carry less than nothing."""
    return exists(Bench, lambda bench: shop.load[bench] < 0)


@step_rule()
def loads_are_kept(before: Workshop, step: Step, after: Workshop) -> Term[bool]:
    """Only putting a tool to work makes a load heavier, and on its own bench."""
    return forall(
        Bench,
        lambda bench: implies(
            after.load[bench] > before.load[bench],
            step.is_(put) & (before.lies_on[after.chosen] == bench),
        ),
    )


@step_rule()
def one_lightens_at_last(before: Workshop, step: Step, after: Workshop) -> Term[bool]:
    """A bench is lightened only while something is spare."""
    return implies(step.is_(lighten), (before.spare > 0) | step.at(Element(Bench, 1)))


@step_rule()
def first_of_all(before: Workshop, step: Step, after: Workshop) -> Term[bool]:
    """What the first step must not do: begin with one to spare."""
    return implies(step.is_(start), before.spare == 2)


@step_rule()
def nobody_knocks_in_vain(before: Workshop, step: Step, after: Workshop) -> Term[bool]:
    """Who is let in finds somebody, and less is spare then."""
    fewer = after.spare < before.spare
    return implies(step.is_(KNOCK), (before.phase != Phase.IDLE) & fewer)


@deadlock_free()
def it_goes_on(shop: Workshop) -> Term[bool]:
    """A run may end where all is over and something is spare."""
    return (shop.phase == Phase.DONE) & (shop.spare == 2)


@deadlock_free()
def it_ends_well(shop: Workshop) -> Term[bool]:
    """A run may end where all is over."""
    return shop.phase == Phase.DONE


SCOPE: Scope = {Tool: 2, Bench: 2}
WORKSHOP = TransitionSystem(
    "workshop",
    "A workshop.",
    Workshop,
    (start, begin, stop, halt, finish, put, lighten, knock),
    (
        no_bench_is_full,
        loads_are_apart,
        in_two_parts,
        what_hangs_is_light,
        what_is_heard,
        what_is_seen,
        nothing_is_impossible,
        all_is_spent,
        a_bench_hangs,
        loads_are_kept,
        one_lightens_at_last,
        first_of_all,
        nobody_knocks_in_vain,
        it_goes_on,
        it_ends_well,
    ),
    (as_much_as_there_is, the_chosen_one_lies_apart),
    outside=frozenset({Who.ADA}),
)


class Cellar(State):
    """How deep somebody is, in numbers that are all below nothing."""

    depth = Var(Int(-4, -1), -2)
    deepest = Var(Int(-4, -3), frozen=True)


@action()
def down(cellar: Cellar) -> None:
    """One goes down, two steps at a time."""
    cellar.require(cellar.deepest < cellar.depth - 1)
    cellar.depth = cellar.depth - 2


@action()
def up(cellar: Cellar) -> None:
    """One comes up, two steps at a time."""
    cellar.require(cellar.depth < -2)
    cellar.depth = cellar.depth + 2


@invariant()
def it_is_even(cellar: Cellar) -> Term[bool]:
    """Nobody is ever one or three steps down."""
    return (cellar.depth != -1) & (cellar.depth != -3)


@invariant()
def not_so_deep(cellar: Cellar) -> Term[bool]:
    """Nobody is below the middle."""
    return cellar.depth > -3


@reachable()
def the_ground(cellar: Cellar) -> Term[bool]:
    """One can get to the ground, of whatever cellar."""
    return cellar.depth == cellar.deepest


@step_rule()
def nobody_jumps(before: Cellar, step: Step, after: Cellar) -> Term[bool]:
    """Nobody moves by more than two steps, or from below by one."""
    return implies(before.depth < -3, after.depth - before.depth == 2)


@deadlock_free()
def one_goes_on(cellar: Cellar) -> Term[bool]:
    """There is always a way."""
    return cellar.depth == -1


CELLAR = TransitionSystem(
    "cellar",
    "A cellar.",
    Cellar,
    (down, up),
    (it_is_even, not_so_deep, the_ground, nobody_jumps, one_goes_on),
)

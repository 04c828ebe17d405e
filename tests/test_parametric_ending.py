"""What comes in the end, for every number: proved, refused, told."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificates.quantified import Families
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.parametric.ending import (
    MARK,
    Ending,
    Level,
    Part,
    turns_of,
)
from tdxcheck.checker.engines.parametric.family import Unsupported, family_of
from tdxcheck.checker.ground import ground
from tdxcheck.checker.judging.generalizing import generalized
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.judging.work import Budget
from tdxcheck.checker.language import (
    Action,
    Event,
    Index,
    Map,
    Property,
    Refusal,
    SpecificationError,
    State,
    Term,
    TransitionSystem,
    Turns,
    Var,
    action,
    all_of,
    always_eventually,
    count,
    exists,
    fairness,
    forall,
    leads_to,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.liveness import Fairness
from tdxcheck.checker.language.variables import Int, Variable
from tdxcheck.checker.verdict import (
    HeldInSmall,
    Limit,
    ProvedForEvery,
    Refuted,
    Unknown,
    Vacuous,
    Verdict,
)
from tests.demo import DEMO
from tests.random_systems import Drawn, examples, systems

SECONDS = 60.0
ASK = Event("ask", "Somebody asks {worker}.", ())


class Worker(Index):
    """Somebody who has something to do."""


class Round(Enum):
    FIRST = 0
    SECOND = 1


class Answer(Enum):
    NO = "no"


class Shop(State):
    done = Map(Worker, bool, False)
    round = Var(Round, Round.FIRST)
    left = Var(bool, True)
    swept = Map(Worker, bool, False)


def all_done(shop: Shop) -> Term[bool]:
    return forall(Worker, lambda one: shop.done[one])


@action()
def works(shop: Shop, worker: Worker) -> None:
    """{worker} does what there is to do."""
    shop.require(~shop.done[worker])
    shop.done[worker] = True


@action()
def works_or_fails(shop: Shop, worker: Worker, fails: Term[bool]) -> None:
    """{worker} does what there is to do, or fails, and can try again."""
    shop.require(~shop.done[worker])
    shop.done[worker] = ~fails


@action()
def works_if_few_are_done(shop: Shop, worker: Worker) -> None:
    """{worker} does what there is to do, unless four are done."""
    shop.require(~shop.done[worker])
    shop.require(count(Worker, lambda one: shop.done[one]) < 4)
    shop.done[worker] = True


@action()
def undoes(shop: Shop, worker: Worker) -> None:
    """{worker} has to do it again."""
    shop.require(shop.done[worker])
    shop.done[worker] = False


@action()
def undoes_if_four_are_done(shop: Shop, worker: Worker) -> None:
    """{worker} has to do it again, if four are done and somebody is not."""
    shop.require(shop.done[worker] & ~all_done(shop))
    shop.require(count(Worker, lambda one: shop.done[one]) >= 4)
    shop.done[worker] = False


@action()
def goes_round(shop: Shop) -> None:
    """All begin again, but once."""
    shop.require((shop.round == Round.FIRST) & all_done(shop))
    shop.round = Round.SECOND
    shop.done.fill(False)


@action()
def works_left(shop: Shop, worker: Worker) -> None:
    """{worker} works on the left."""
    shop.require(shop.left & ~shop.done[worker])
    shop.done[worker] = True


@action()
def works_right(shop: Shop, worker: Worker) -> None:
    """{worker} works on the right."""
    shop.require(~shop.left & ~shop.done[worker])
    shop.done[worker] = True


@action()
def turns_over(shop: Shop) -> None:
    """Left becomes right."""
    shop.left = ~shop.left


@action(event=ASK)
def is_asked(shop: Shop) -> None:
    """Somebody asks whether all are done."""
    shop.require(all_done(shop), otherwise=Refusal(Answer.NO))


def anywhere(shop: Shop) -> Term[bool]:
    """It always applies."""
    return all_of()


def done_in_the_end(*fair: Action | Fairness) -> Property:
    def all_are_done(shop: Shop) -> Term[bool]:
        """All are done, again and again."""
        return all_done(shop)

    return always_eventually(fair=fair)(all_are_done)


def case_of(rule: Property, *actions: Action, size: int = 2) -> Case:
    system = TransitionSystem("shop", "Workers.", Shop, actions, (rule,))
    (case,) = cases_of(DEMO, DEMO.designs[:1], {}, names=["goes_on"])
    (question,) = case.questions
    return replace(
        case,
        instance=Instance(system, {Worker: size}),
        unbounded=(Worker,),
        common=(),
        questions=(replace(question, rule=rule),),
    )


def verdict_of(case: Case) -> Verdict:
    found = generalized(case, Budget(seconds=SECONDS), lambda _: None)
    return found.answers[0].verdict


def fails(case: Case, size: int) -> bool:
    """Whether it does not come with so many, by a search."""
    whole = ground(case.instance.system, {Worker: size})
    return isinstance(survey(whole).verdicts[0], Refuted)


def proof_of(case: Case) -> ProvedForEvery:
    verdict = verdict_of(case)
    assert isinstance(verdict, ProvedForEvery), verdict
    assert Families().check(case, 0, verdict.certificate) > 0
    assert not any(fails(case, size) for size in (1, 2, 3, 4, 5))
    return verdict


def test_what_everybody_does_in_turn_is_done() -> None:
    proof = proof_of(case_of(done_in_the_end(works), works))
    assert proof.because == (
        "there is ever less of every Worker whose done is False",
        "by the turn of works of works (weak)",
    )


def test_without_fairness_nothing_has_to_be_done() -> None:
    verdict = verdict_of(case_of(done_in_the_end(), works))
    assert verdict == Unknown(Limit.FAMILY, "1 worker")


def test_what_is_undone_again_and_again_is_not_proved() -> None:
    case = case_of(done_in_the_end(fairness(works, turns=Turns.TOGETHER)(anywhere)),
                   works, undoes)  # fmt: skip
    assert fails(case, 2)
    assert verdict_of(case) == Unknown(Limit.FAMILY, "2 workers")


def test_what_cannot_be_done_by_five_is_not_proved() -> None:
    works_ = works_if_few_are_done
    case = case_of(done_in_the_end(works_), works_)
    assert [fails(case, size) for size in (3, 4, 5)] == [False, False, True]
    verdict = verdict_of(case)
    assert isinstance(verdict, HeldInSmall)
    assert verdict.machine == "3 workers"


def test_what_is_undone_with_five_is_not_proved() -> None:
    line = fairness(works, turns=Turns.TOGETHER)(anywhere)
    case = case_of(done_in_the_end(line), works, undoes_if_four_are_done)
    assert [fails(case, size) for size in (3, 4, 5)] == [False, False, True]
    verdict = verdict_of(case)
    assert isinstance(verdict, HeldInSmall)
    assert verdict.machine == "3 workers"


def test_a_round_comes_before_what_is_done_in_it() -> None:
    def second_round_is_done(shop: Shop) -> Term[bool]:
        """All are done in the second round."""
        return (shop.round == Round.SECOND) & all_done(shop)

    rule = always_eventually(fair=(works, goes_round))(second_round_is_done)
    proof = proof_of(case_of(rule, works, goes_round))
    assert proof.because[:2] == (
        "there is ever less of round is FIRST",
        "then of every Worker whose done is False",
    )
    assert len(proof.because) == 4


def test_a_turn_that_is_due_now_and_then_is_not_enough_if_it_is_weak() -> None:
    turns = (works_left, works_right)
    actions = (*turns, turns_over)
    weak = case_of(done_in_the_end(*turns), *actions)
    assert verdict_of(weak) == Unknown(Limit.FAMILY, "1 worker")
    lines = [fairness(one, strong=True)(anywhere) for one in turns]
    assert len(proof_of(case_of(done_in_the_end(*lines), *actions)).because) == 3


@action()
def closes(shop: Shop) -> None:
    """The shop is closed, to be swept."""
    shop.require(shop.left)
    shop.left = False
    shop.swept.fill(False)


@action()
def sweeps(shop: Shop, worker: Worker) -> None:
    """{worker} sweeps the floor."""
    shop.require(~shop.left & ~shop.swept[worker])
    shop.swept[worker] = True


@action()
def opens(shop: Shop) -> None:
    """The shop is opened when all have swept."""
    shop.require(~shop.left & forall(Worker, lambda one: shop.swept[one]))
    shop.left = True


@action()
def makes_a_mess(shop: Shop, worker: Worker) -> None:
    """{worker} has to sweep again."""
    shop.require(~shop.left & shop.swept[worker])
    shop.swept[worker] = False


SWEEPING = (works_left, closes, sweeps, opens)


def sweeping(*fair: Action, strong: bool, others: tuple[Action, ...] = ()) -> Case:
    """Who works must work in the end, and who sweeps: the shop may close for ever."""
    work = fairness(works_left, strong=strong)(anywhere)
    return case_of(done_in_the_end(work, *fair), *SWEEPING, *others)


def test_what_is_interrupted_again_and_again_is_done_if_each_ends() -> None:
    """The work is due again and again, because what interrupts it comes to an end."""
    proof = proof_of(sweeping(sweeps, opens, strong=True))
    assert proof.because == (
        "there is ever less of every Worker whose done is False",
        "by the turn of anywhere of works_left (strong)",
        "where none of these is due:",
        "there is ever less of every Worker whose swept is False",
        "by the turn of sweeps of sweeps (weak)",
        "by the turn of opens of opens (weak)",
    )


@pytest.mark.parametrize("fair", [(sweeps,), (opens,), ()])
def test_an_interruption_that_may_not_end_is_no_proof(fair: tuple[Action]) -> None:
    assert fails(sweeping(*fair, strong=True), 2)
    assert isinstance(verdict_of(sweeping(*fair, strong=True)), Unknown)


def test_an_interruption_that_goes_back_is_no_proof() -> None:
    case = sweeping(sweeps, opens, strong=True, others=(makes_a_mess,))
    assert fails(case, 2)
    assert isinstance(verdict_of(case), Unknown)


def test_what_is_interrupted_for_ever_needs_strong_fairness() -> None:
    assert fails(sweeping(sweeps, opens, strong=False), 1)
    weak = verdict_of(sweeping(sweeps, opens, strong=False))
    assert weak == Unknown(Limit.FAMILY, "1 worker")


def test_what_the_environment_chooses_may_go_wrong() -> None:
    case = case_of(done_in_the_end(works_or_fails), works_or_fails)
    assert verdict_of(case) == Unknown(Limit.FAMILY, "1 worker")
    line = fairness(works_or_fails, choosing={"fails": False})(anywhere)
    proof_of(case_of(done_in_the_end(line), works_or_fails))


def test_a_reaction_may_be_what_is_waited_for() -> None:
    def refused(shop: Shop) -> tuple[Term[bool], Term[bool]]:
        """Who is refused is not refused for ever."""
        return shop.refuses(ASK), ~shop.refuses(ASK)

    proof_of(case_of(leads_to(fair=(works,))(refused), works, is_asked))


def test_what_is_never_waited_for_is_empty() -> None:
    def nothing(shop: Shop) -> tuple[Term[bool], Term[bool]]:
        """In a second round, which there is not, all are done."""
        return shop.round == Round.SECOND, all_done(shop)

    case = case_of(leads_to(fair=(works,))(nothing), works)
    assert isinstance(verdict_of(case), Vacuous)


def test_what_has_always_come_needs_no_measure() -> None:
    def already(shop: Shop) -> tuple[Term[bool], Term[bool]]:
        """Who is done is done."""
        some = exists(Worker, lambda one: shop.done[one])
        return some, some

    assert not proof_of(case_of(leads_to(fair=())(already), works)).because


FORGERIES = {
    "a part less": ('"less": [{', '"less": [], "more": [{'),
    "another value": ('"is": [false]', '"is": [true]'),
    "a value of another sort": ('"is": [false]', '"is": [0]'),
    "another variable": ('"what": "done"', '"what": "undone"'),
    "no turn": ('"by": [[0, ["works"]]]', '"by": []'),
    "a turn of nobody": ('"by": [[0, ["works"]]]', '"by": [[0, ["undoes"]]]'),
    "a line that is not there": ('"by": [[0,', '"by": [[1,'),
    "no data": (MARK, f"{MARK}("),
    "nothing": (MARK, "; "),
}


@pytest.fixture(scope="module")
def proved() -> tuple[Case, str]:
    case = case_of(done_in_the_end(works), works)
    return case, proof_of(case).certificate


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forgeries_are_refused(proved: tuple[Case, str], forgery: str) -> None:
    case, text = proved
    old, new = FORGERIES[forgery]
    assert text.count(old) == 1
    with pytest.raises(Refused, match=r"this is not |no measure of this"):
        Families().check(case, 0, text.replace(old, new))


def test_a_certificate_is_none_without_the_fairness(proved: tuple[Case, str]) -> None:
    _, text = proved
    with pytest.raises(Refused, match="no measure of this system"):
        Families().check(case_of(done_in_the_end(), works), 0, text)


# That the conditions are enough, on small machines and whatever the measure.


def values(variable: Variable) -> list[Any]:
    sort = variable.sort
    if sort is bool:
        return [False, True]
    if isinstance(sort, Int):
        return [*range(sort.low, sort.high + 1)] if isinstance(sort.high, int) else []
    return list(sort) if isinstance(sort, type) and issubclass(sort, Enum) else []


def some_part(random: Random, variables: list[Variable]) -> Part:
    variable, other = random.choices(variables, k=2)
    some = random.sample(values(variable), random.randint(1, 2))
    alike = other.index_sorts in ((), variable.index_sorts)
    where = (other, random.choice(values(other))) if alike else None
    return Part(variable, tuple(some), where if random.random() < 0.3 else None)


@examples(150)
@given(systems(200), st.integers(0, 2**20))
def test_what_is_stated_is_enough(drawn: Drawn, seed: int) -> None:
    random = Random(seed)
    try:
        family = family_of(Instance(drawn.living(), drawn.scope))
    except Unsupported:
        return
    state = family.system.state
    variables = [v for v in state.variables() if not v.frozen and len(values(v)) > 1]
    rule = random.choice(family.system.properties)
    turns = [turn for line in rule.fair for turn in turns_of(line, family)]
    if not turns or not variables:
        return

    def some_level() -> Level:
        measure = (some_part(random, variables) for _ in range(random.randint(0, 2)))
        some = random.sample(turns, random.randint(1, len(turns)))
        return Level(tuple(measure), tuple(some))

    first, *then = (some_level() for _ in range(random.randint(1, 3)))
    until = random.random() < 0.5
    ending = Ending(first.measure, first.turns, until, tuple(then))
    rules = (*ending.stated(rule, family), rule)
    try:
        whole = ground(replace(family.system, properties=rules), drawn.scope)
        *stated, verdict = survey(whole).verdicts
    except SpecificationError:  # There is no machine of this size.
        return
    if not any(isinstance(one, Refuted) for one in stated):
        assert not isinstance(verdict, Refuted), ending

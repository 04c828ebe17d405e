"""Proofs for every size of a sort: they hold in instances, and lack nothing."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest
from hypothesis import given

from tdxcheck.checker.cli.main import main
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.parametric import second
from tdxcheck.checker.engines.parametric.family import Unsupported, family_of
from tdxcheck.checker.engines.parametric.prover import Prover
from tdxcheck.checker.engines.parametric.results import (
    Argument,
    Broken,
    Lack,
    Open,
    Proof,
)
from tdxcheck.checker.engines.parametric.shapes import SHAPES
from tdxcheck.checker.engines.parametric.telling import told
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.ground import ground
from tdxcheck.checker.judging.generalizing import generalized
from tdxcheck.checker.judging.kept import merged
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.judging.work import Answer, Budget, Known
from tdxcheck.checker.language import (
    Action,
    Index,
    Map,
    Property,
    SpecificationError,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    all_of,
    count,
    forall,
    implies,
    invariant,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.language.terms import Element
from tdxcheck.checker.verdict import (
    HeldInSmall,
    Limit,
    ProvedForEvery,
    Refuted,
    Unknown,
)
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.models.classic import lifecycle
from tests.crowds import (
    SECONDS,
    Shop,
    Worker,
    comes,
    nobody_is_tired,
    proof_of,
    prover_of,
)
from tests.random_systems import SORTS, Drawn, examples, systems

WITH_CVC5 = importlib.util.find_spec("cvc5") is not None


@pytest.fixture(scope="module")
def lifecycle_prover() -> Prover:
    return prover_of(lifecycle.LIFECYCLE, lifecycle.Cpu, lifecycle.Block)


@pytest.mark.parametrize("rule", lifecycle.LIFECYCLE.properties, ids=lambda r: r.name)
def test_the_lifecycle_holds_for_every_number(
    lifecycle_prover: Prover, rule: Property
) -> None:
    proof = proof_of(lifecycle_prover, rule)
    assert proof.family == "CPUs and blocks"
    assert rule.name in proof.invariant
    assert not proof.vacuous
    assert proof.checked_by == (("z3", "cvc5") if WITH_CVC5 else ("z3",))


def test_a_clause_less_is_no_proof(lifecycle_prover: Prover) -> None:
    rule = lifecycle.online_memory_is_covered
    proof = proof_of(lifecycle_prover, rule)
    assert proof.clauses
    whole = lifecycle_prover.check(rule, proof.clauses, Clock(SECONDS))
    assert isinstance(whole, Argument)
    for missing in proof.clauses:
        rest = [clause for clause in proof.clauses if clause is not missing]
        lack = lifecycle_prover.check(rule, rest, Clock(SECONDS))
        assert isinstance(lack, Lack), f"{missing} was not needed"


@pytest.mark.skipif(not WITH_CVC5, reason="cvc5 is not installed")
def test_a_certificate_is_read_by_another_solver(lifecycle_prover: Prover) -> None:
    text = proof_of(lifecycle_prover, lifecycle.online_cpus_are_initialized).text
    assert text.count("(check-sat)") > 1
    assert set(second.answers(text, second.WAYS[0])) == {"unsat"}
    more = f"{text}(check-sat)\n"
    assert set(second.answers(more, second.WAYS[0])) == {"unsat", "sat"}


@pytest.mark.parametrize(
    ("system", "rule"),
    [
        (lifecycle.MEM_ONLINE, lifecycle.online_memory_is_covered),
        (lifecycle.LPINIT_KERN, lifecycle.no_call_after_a_failure),
    ],
    ids=["mem_online", "lpinit_kern"],
)
def test_what_is_broken_is_not_proved(system: TransitionSystem, rule: Property) -> None:
    prover = prover_of(system, lifecycle.Cpu, lifecycle.Block)
    number = system.properties.index(rule)
    assert isinstance(prover.prove(number, Clock(SECONDS)), Broken)


# A rule that holds with up to four of a thing, and fails with five.


@action()
def is_crowded(shop: Shop, a: Worker) -> None:
    """Five are there, which is too much."""
    there = count(Worker, lambda worker: shop.present[worker])
    shop.require(shop.present[a] & (there >= 5))
    shop.tired = True


@action()
def is_crowded_by_name(
    shop: Shop, a: Worker, b: Worker, c: Worker, d: Worker, e: Worker
) -> None:
    """Five different ones are there, which is too much."""
    five = (a, b, c, d, e)
    shop.require(all_of(*(shop.present[worker] for worker in five)))
    shop.require(
        all_of(
            *(~(one == other) for n, one in enumerate(five) for other in five[:n]),
        )
    )
    shop.tired = True


@pytest.mark.parametrize("crowd", [is_crowded, is_crowded_by_name])
def test_what_fails_with_five_is_not_proved(crowd: Action) -> None:
    system = TransitionSystem(
        "shop", "Workers.", Shop, (comes, crowd), (nobody_is_tired,)
    )
    for size in range(1, 6):
        verdict = survey(ground(system, {Worker: size})).verdicts[0]
        assert isinstance(verdict, Refuted) == (size >= 5)
    found = prover_of(system, Worker).prove(0, Clock(SECONDS))
    assert isinstance(found, Open)
    assert found.upto == "3 workers"
    assert "nobody_is_tired" in found.reason or "tired" in found.reason


# A rule that holds with up to four of one thing or two of another, and fails with more
# of both.


class Site(Index):
    """Somewhere to work."""


class Yard(State):
    present = Map(Worker, bool, False)
    opened = Map(Site, bool, False)
    tired = Var(bool, False)


@action()
def enters(yard: Yard, worker: Worker) -> None:
    """{worker} comes."""
    yard.require(~yard.present[worker])
    yard.present[worker] = True


@action()
def opens(yard: Yard, site: Site) -> None:
    """{site} is opened."""
    yard.require(~yard.opened[site])
    yard.opened[site] = True


def five_are_there(yard: Yard) -> Term[bool]:
    return count(Worker, lambda worker: yard.present[worker]) >= 5


@action()
def is_overrun(yard: Yard) -> None:
    """Five are there and three sites are open, which is too much."""
    open_ = count(Site, lambda site: yard.opened[site])
    yard.require(five_are_there(yard) & (open_ >= 3))
    yard.tired = True


@action()
def is_overrun_by_name(yard: Yard, a: Site, b: Site, c: Site) -> None:
    """Five are there and three different sites are open, which is too much."""
    yard.require(five_are_there(yard))
    yard.require(yard.opened[a] & yard.opened[b] & yard.opened[c])
    yard.require(~(a == b) & ~(a == c) & ~(b == c))
    yard.tired = True


@invariant()
def nobody_in_the_yard_is_tired(yard: Yard) -> Term[bool]:
    """Nobody is tired."""
    return ~yard.tired


@pytest.mark.parametrize("crowd", [is_overrun, is_overrun_by_name])
def test_what_fails_with_five_and_three_is_not_proved(crowd: Action) -> None:
    rules = (nobody_in_the_yard_is_tired,)
    system = TransitionSystem("yard", "Workers.", Yard, (enters, opens, crowd), rules)
    for workers, sites in ((4, 2), (4, 3), (5, 2), (5, 3)):
        scope: dict[type[Index], int] = {Worker: workers, Site: sites}
        verdict = survey(ground(system, scope)).verdicts[0]
        assert isinstance(verdict, Refuted) == (workers == 5 and sites == 3)
    found = prover_of(system, Worker, Site).prove(0, Clock(SECONDS))
    assert isinstance(found, Open)
    assert found.upto == "3 workers, 3 sites"
    small = Prover(family_of(Instance(system, {Worker: 5, Site: 2}), (Worker,)))
    assert proof_of(small, nobody_in_the_yard_is_tired).family == "workers"
    large = Prover(family_of(Instance(system, {Worker: 5, Site: 3}), (Worker,)))
    assert isinstance(large.prove(0, Clock(SECONDS)), Open)


@invariant()
def the_first_site_is_closed(yard: Yard) -> Term[bool]:
    """Nobody opens the first site."""
    return ~yard.opened[Element(Site, 0)]


@invariant()
def the_second_site_is_open(yard: Yard) -> Term[bool]:
    """It is open from the beginning."""
    return yard.opened[Element(Site, 1)]


BEGINNINGS = [
    (the_first_site_is_closed, None, True),
    (the_first_site_is_closed, (1,), True),
    (the_first_site_is_closed, (0,), False),
    (the_second_site_is_open, (1,), True),
    (the_second_site_is_open, (0,), False),
    (the_second_site_is_open, None, False),
]


@pytest.mark.parametrize(("rule", "start", "holds"), BEGINNINGS)
def test_it_is_known_how_a_sort_of_a_fixed_size_begins(
    rule: Property, start: tuple[int, ...] | None, holds: bool
) -> None:
    settings: dict[Any, Any] = {}
    if start is not None:
        settings[Yard.opened] = lambda site: site in start
    system = TransitionSystem("yard", "A yard.", Yard, (enters,), (rule,), (), settings)
    family = family_of(Instance(system, {Worker: 2, Site: 2}), (Worker,))
    found = Prover(family).prove(0, Clock(SECONDS))
    assert isinstance(found, Proof if holds else Broken)


@invariant()
def the_tired_are_many(shop: Shop) -> Term[bool]:
    """Who is tired has five others around."""
    there = count(Worker, lambda worker: shop.present[worker])
    return implies(shop.tired, there >= 5)


def test_what_never_happens_is_empty_and_what_happens_with_five_is_not() -> None:
    rules = (the_tired_are_many,)
    quiet = TransitionSystem("quiet", "Workers.", Shop, (comes,), rules)
    assert proof_of(prover_of(quiet, Worker), the_tired_are_many).vacuous
    crowded = TransitionSystem("shop", "Workers.", Shop, (comes, is_crowded), rules)
    found = prover_of(crowded, Worker).prove(0, Clock(SECONDS))
    assert isinstance(found, Open), "no small machine shows what the rule is about"


def test_what_rules_have_in_common_is_learned_once() -> None:
    prover = prover_of(lifecycle.LIFECYCLE, lifecycle.Cpu, lifecycle.Block)
    clock = Clock(SECONDS)
    learner = prover.learner(SHAPES[0], clock)
    for number in range(len(lifecycle.LIFECYCLE.properties)):
        assert learner.learn(number, clock)
    before = dict(learner.clauses)
    for number in range(len(lifecycle.LIFECYCLE.properties)):
        assert isinstance(prover.prove(number, clock), Proof)
    assert learner.clauses == before
    assert prover.learner(SHAPES[0], clock) is learner


def test_a_clause_of_the_learner_is_kept_by_those_that_it_needs() -> None:
    prover = prover_of(lifecycle.LIFECYCLE, lifecycle.Cpu, lifecycle.Block)
    clock = Clock(SECONDS)
    learner = prover.learner(SHAPES[0], clock)
    number = lifecycle.LIFECYCLE.properties.index(lifecycle.online_memory_is_covered)
    assert learner.learn(number, clock)
    (one, *_) = learner.needed[number]
    assert one in learner.kept()
    learner.forget(one)
    assert number not in learner.needed
    assert one not in learner.kept()
    learner.learn(number, clock)
    assert told(one) not in map(told, learner.clauses)


# The part in judging.


def test_what_is_known_is_not_asked_again() -> None:
    names = ("a_keyid_is_left_for_tds", "no_seamcall_after_failed_init")
    design = CATALOGUE.design("v6.8")
    (case,) = cases_of(CATALOGUE, [design], {}, names=names)
    asked: list[str] = []

    def report(notice: object) -> None:
        asked.append(str(notice))

    whole = generalized(case, Budget(seconds=SECONDS), report)
    kinds = {q.name: a for q, a in zip(case.questions, whole.answers, strict=True)}
    assert isinstance(kinds[names[0]].verdict, ProvedForEvery)
    assert kinds[names[1]].verdict == Unknown(
        Limit.FAMILY, "3 CPUs, 2 packages, 2 blocks, 2 TDMRs"
    )
    assert all(answer.is_final for answer in whole.answers)
    asked.clear()
    known = Known(dict(enumerate(whole.answers)))
    again = generalized(case, Budget(seconds=SECONDS, known=known), report)
    assert not asked
    assert merged(known, again).answers == whole.answers


def test_what_held_in_small_machines_is_asked_again() -> None:
    assert not Answer(HeldInSmall("2 CPUs", "the limit of time"), None).is_final


# Families.


@pytest.mark.parametrize("changed", [{}, {"cpus": 1, "packages": 1}, {"blocks": 7}])
def test_the_machine_is_of_its_family(changed: dict[str, int]) -> None:
    case = cases_of(CATALOGUE, [CATALOGUE.design("v6.8")], changed)[0]
    family = family_of(case.instance, case.unbounded, case.common)
    assert {sort.__name__ for sort in family.unbounded} == {
        "Cpu", "Package", "Block", "Tdmr",
    }  # fmt: skip
    of_family = [
        rule
        for rule in family.system.initial
        if rule not in case.instance.system.initial
    ]
    assert of_family
    interpreter = Interpreter(case.instance)
    state = {
        entry: case.instance.start(entry)
        for variable in family.opened
        for entry in case.instance.entries(variable)
    }
    for rule in of_family:
        assert interpreter.holds(rule.condition, state), rule.name


def test_a_design_is_proved_on_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["verify", "v6.8", "--engine", "parametric", "--rule"]
    assert main([*asked, "a_keyid_is_left_for_tds"]) == 0
    told = capsys.readouterr().out
    assert "proved for every N" in told
    assert "any number of CPUs, packages, blocks and TDMRs" in told
    assert "  - a_keyid_is_left_for_tds" in told


def test_a_refuted_rule_is_not_proved(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["verify", "v6.8", "--engine", "parametric", "--format", "json", "--rule"]
    assert main([*asked, "no_seamcall_after_failed_init"]) == 3
    (verdict,) = json.loads(capsys.readouterr().out)["verdicts"]
    assert verdict["verdict"]["kind"] == "unknown"
    assert "same family" in verdict["verdict"]["limit"]


# Instances.


class Post(State):
    keeper = Var(Worker, Element(Worker, 1))
    closed = Map(Worker, bool, False)


@action()
def closes(post: Post, worker: Worker) -> None:
    """{worker}, who is not the keeper, closes."""
    post.require(~(post.keeper == worker))
    post.closed[worker] = True


@invariant()
def the_keeper_never_closes(post: Post) -> Term[bool]:
    """The keeper, who is always the same, does not close."""
    return forall(Worker, lambda one: implies(post.keeper == one, ~post.closed[one]))


def test_an_element_that_a_variable_keeps_is_put_in() -> None:
    rules = (the_keeper_never_closes,)
    system = TransitionSystem("post", "Workers.", Post, (closes,), rules)
    assert not proof_of(prover_of(system, Worker), the_keeper_never_closes).vacuous


@given(systems(most_states=400))
@examples(60)
def test_what_is_proved_holds_in_every_instance(drawn: Drawn) -> None:
    system = drawn.system()
    try:
        prover = Prover(family_of(Instance(system, drawn.scope)))
    except Unsupported:
        return
    for number, rule in enumerate(system.properties):
        if rule.mode not in (Mode.INVARIANT, Mode.STEP_RULE):
            continue
        found = prover.prove(number, Clock(2.0))
        if not isinstance(found, Proof):
            continue
        for size in (1, 2, 3, 4):
            family = prover.family
            sizes = dict.fromkeys(SORTS, 1) | family.fixed
            sizes |= {sort: max(size, family.least(sort)) for sort in family.unbounded}
            try:
                whole = ground(prover.family.system, sizes)
                verdict = survey(whole).verdicts[number]
            except SpecificationError:  # There is no machine of this size.
                continue
            assert not isinstance(verdict, Refuted), f"{rule.name} with {size}"

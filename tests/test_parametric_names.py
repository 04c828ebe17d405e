"""What a specification calls something may be a word of a solver: it is proved."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from enum import Enum

import pytest

from tdxcheck.checker.certificates.quantified import Families
from tdxcheck.checker.engines.parametric import second
from tdxcheck.checker.engines.parametric.family import Unsupported
from tdxcheck.checker.engines.parametric.reserved import FUNCTIONS, SORTS, WORDS
from tdxcheck.checker.judging.generalizing import generalized
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.judging.work import Budget
from tdxcheck.checker.language import (
    Index,
    Map,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    forall,
    implies,
    invariant,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.verdict import ProvedForEvery
from tests.demo import DEMO


class Set(Index):
    """A set of things, say, in which some may be stored."""


class Bool(Enum):
    TRUE = "true"
    FALSE = "false"


class Shelf(State):
    select = Map(Set, bool, False)
    store = Map(Set, bool, False)
    distinct = Var(Bool, Bool.FALSE)


@action()
def concat(shelf: Shelf, div: Set) -> None:
    """{div} is selected."""
    shelf.distinct = Bool.TRUE
    shelf.select[div] = True


@action()
def let(shelf: Shelf, mod: Set) -> None:
    """{mod} is stored, if it is selected."""
    shelf.require(shelf.select[mod])
    shelf.store[mod] = True


@invariant()
def abs(shelf: Shelf) -> Term[bool]:
    """What is stored was selected by somebody."""
    return forall(
        Set,
        lambda one: implies(
            shelf.store[one], shelf.select[one] & (shelf.distinct == Bool.TRUE)
        ),
    )


def test_a_rule_of_such_names_is_proved() -> None:
    system = TransitionSystem("shelf", "A shelf.", Shelf, (concat, let), (abs,))
    (case,) = cases_of(DEMO, DEMO.designs[:1], {}, names=["goes_on"])
    case = replace(
        case,
        instance=Instance(system, {Set: 2}),
        unbounded=(Set,),
        common=(),
        questions=(replace(case.questions[0], rule=abs),),
    )
    (answer,) = generalized(case, Budget(seconds=60.0), lambda _: None).answers
    assert isinstance(answer.verdict, ProvedForEvery), answer.verdict
    text = answer.verdict.certificate
    declared = re.findall(r"^\(declare-\w+ \(*([^ ()]+)", text, re.MULTILINE)
    assert {"Set!", "select!", "store!", "distinct!"} <= set(declared)
    assert not WORDS & set(declared)
    assert Families().check(case, 0, text) > 0


@pytest.mark.skipif(not importlib.util.find_spec("cvc5"), reason="cvc5 is not there")
def test_cvc5_takes_the_names_in_their_stead() -> None:
    """And refuses those of its own, which is why they are there."""
    for word in WORDS:
        kinds = [f"(declare-sort {word}! 0)"]
        kinds += [f"(declare-datatypes (({word}! 0)) (((one))))"]
        kinds += [f"(declare-fun {word}! (Int) Bool)"]
        for text in kinds:
            second.answers(f"(set-logic ALL)\n{text}\n", {})
    own = "Bool RoundingMode UnitTuple select store distinct bag tuple sep let"
    assert set(own.split()) <= {*SORTS.split(), *FUNCTIONS.split()}
    for word in own.split():
        sort = word in SORTS.split()
        text = f"(declare-sort {word} 0)" if sort else f"(declare-fun {word} () Bool)"
        with pytest.raises(Unsupported):
            second.answers(f"(set-logic ALL)\n{text}\n", {})

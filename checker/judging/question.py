"""Questions: what is asked of a design, on which machine, under which assumptions.

A claim is asked once under all of its assumptions, and once with each of them
dropped: the switches that only it fixes are then open. Questions under the same
assumptions are about the same system, and are answered together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from tdxcheck.checker.catalogue import (
    HOLDS,
    Assumption,
    Catalogue,
    Claim,
    Design,
    Expectation,
    Machine,
    Rule,
    Setup,
    Sizes,
    UsageError,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.system import Initial, Property
from tdxcheck.checker.language.terms import Index
from tdxcheck.checker.language.validate import validate
from tdxcheck.checker.language.variables import Variable


@dataclass(frozen=True, eq=False)
class Question:
    """One property, asked of one design."""

    rule: Property
    expected: Expectation | None
    """None where any answer is welcome."""
    claim: Claim | None = None
    dropped: Assumption | None = None
    """The only assumption of the claim that is not made."""

    @property
    def name(self) -> str:
        if self.claim is None:
            return self.rule.name
        without = f"-without-{self.dropped.key}" if self.dropped else ""
        return self.claim.key + without


@dataclass(frozen=True, eq=False)
class Case:
    """A design on a machine under assumptions, and what is asked of it."""

    design: Design
    label: str
    """What is judged, in a few words; no other case has the same."""
    assumed: tuple[Assumption, ...]
    sizes: Sizes
    """The machine, in all of its numbers."""
    machine: str
    """The machine, in words."""
    instance: Instance
    questions: tuple[Question, ...]
    """In the order of the properties of the instance's system."""
    common: tuple[Initial, ...] = ()
    """What every machine has that the instance's family is of."""
    unbounded: tuple[type[Index], ...] = ()
    """What a proof may be about any number of; everything, if nothing is named."""


def cases_of(
    catalogue: Catalogue,
    designs: Iterable[Design],
    sizes: Sizes,
    *,
    names: Iterable[str] = (),
    assumed: tuple[Assumption, ...] = (),
) -> list[Case]:
    """Everything that is asked of the designs, or what is about the names given.

    Claims bring assumptions of their own, so under others they are not asked.
    """
    _check(catalogue)
    wanted = set(names)
    cases = []
    for design in designs:
        about_rules = [
            Question(rule.property, _expected(design, rule, assumed))
            for rule in catalogue.rules
            if not wanted or rule.id in wanted
        ]
        about_claims = _about(
            claim
            for claim in catalogue.claims
            if claim.design == design.key
            and not assumed
            and (not wanted or claim.key in wanted)
        )
        groups: dict[tuple[object, ...], list[Question]] = {}
        for question in (*about_rules, *about_claims):
            keys = frozenset(assumption.key for assumption in made_for(question))
            own = tuple(sorted(_own_sizes(question).items()))
            groups.setdefault((keys, question.dropped, own), []).append(question)
        for questions in groups.values():
            made = assumed or made_for(questions[0])
            own_sizes = {**_own_sizes(questions[0]), **sizes}
            cases.append(case_of(catalogue, design, made, own_sizes, questions))
    return cases


def _expected(
    design: Design, rule: Rule, assumed: tuple[Assumption, ...]
) -> Expectation:
    """What is known of the rule: for an assumption, or of the design as it is."""
    tables = (*(a.known.get(design.key, {}) for a in assumed), design.expected)
    return next((table[rule.id] for table in tables if rule.id in table), HOLDS)


def case_of(
    catalogue: Catalogue,
    design: Design,
    assumed: tuple[Assumption, ...],
    sizes: Sizes,
    questions: Iterable[Question],
) -> Case:
    """The questions, about a design on a machine with the assumptions made."""
    asked = tuple(questions)
    machine = catalogue.machine
    setup = _setup(machine, tuple(sorted(sizes.items())))
    settings = {**setup.settings, **design.system.settings}
    dropped = [q.dropped for q in asked[:1] if q.dropped]
    for assumption in dropped:
        if not assumption.denies:
            settings |= dict.fromkeys(assumption.settings)
    for assumption in assumed:
        settings |= assumption.settings
    system = replace(
        design.system,
        properties=tuple(question.rule for question in asked),
        settings=settings,
    )
    keys = ", ".join(a.key for a in assumed)
    label = f"{design.key} under {keys}" if keys else design.key
    label += "".join(f" without {a.key}" for a in dropped)
    changed = {name: n for name, n in sizes.items() if machine.sizes[name] != n}
    if changed:
        label += f" with {', '.join(f'{n} {name}' for name, n in changed.items())}"
    return Case(
        design,
        label,
        assumed,
        {**machine.sizes, **sizes},
        setup.summary,
        Instance(system, setup.scope),
        asked,
        machine.common,
        machine.unbounded,
    )


@cache
def _setup(machine: Machine, sizes: tuple[tuple[str, int], ...]) -> Setup:
    """One and the same for every case, so that equal systems are found to be equal."""
    return machine.setup(dict(sizes))


def _own_sizes(question: Question) -> Sizes:
    return question.claim.sizes if question.claim else {}


def made_for(question: Question) -> tuple[Assumption, ...]:
    """The assumptions under which a claim's question is asked."""
    if question.claim is None:
        return ()
    return tuple(a for a in question.claim.assumptions if a is not question.dropped)


def _about(claims: Iterable[Claim]) -> Iterator[Question]:
    for claim in claims:
        yield Question(claim.property, claim.expected, claim)
        for dropped in claim.assumptions:
            yield Question(claim.property, None, claim, dropped)


def _of_others(catalogue: Catalogue) -> Iterator[Variable]:
    """The variables of what a design is stated upon, and the catalogue has not."""
    own = [design.system for design in catalogue.designs]
    for system in own:
        if system.base is not None and not any(system.base is s for s in own):
            yield from system.base.state.variables()


@cache
def _check(catalogue: Catalogue) -> None:
    """Refuse expectations of, and claims about, what does not exist; unused variables.

    What no design of the catalogue reads is a slip: only the whole can tell.
    """
    asked = (
        *(rule.property for rule in catalogue.rules),
        *(claim.property for claim in catalogue.claims),
    )
    systems = [replace(design.system, properties=asked) for design in catalogue.designs]
    validate(*systems, *catalogue.parts, elsewhere=set(_of_others(catalogue)))
    rules = {rule.id for rule in catalogue.rules}
    for design in catalogue.designs:
        for name in design.expected:
            if name not in rules:
                raise UsageError(
                    f"design {design.key} expects something of '{name}', "
                    "which is not a rule"
                )
    for claim in catalogue.claims:
        catalogue.design(claim.design)

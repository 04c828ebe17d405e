"""The catalogue: what there is to judge, as plain data without a word of TDX.

The command line and the judges know of designs, rules, claims and machines only
through it, so they work on anybody's.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from tdxcheck.checker.language.instance import Scope
from tdxcheck.checker.language.source import Source
from tdxcheck.checker.language.system import (
    Initial,
    Property,
    Setting,
    TransitionSystem,
)
from tdxcheck.checker.language.terms import Index
from tdxcheck.checker.language.variables import Safeguard, Variable

T = TypeVar("T")

WITHOUT = "-without-"
"""Between a design and the safeguard that is taken out of it."""


class UsageError(Exception):
    """Something asked for does not exist, or makes no sense; says what to do."""


class Outcome(Enum):
    """What is expected of a rule."""

    HOLDS = "holds"
    REFUTED = "refuted"
    VACUOUS = "vacuous"


@dataclass(frozen=True)
class Expectation:
    """A verdict that is known and explained; any other one is news."""

    outcome: Outcome = Outcome.REFUTED
    note: str = ""
    """Why: what is wrong, or the switch that makes the rule empty."""
    sources: tuple[Source, ...] = ()
    bug: str = ""
    """The number of the bug that this is, if it has one."""

    @property
    def told(self) -> str:
        """The note, with the number of the bug."""
        return f"{self.bug}: {self.note}" if self.bug else self.note


HOLDS = Expectation(Outcome.HOLDS)


@dataclass(frozen=True, eq=False)
class Design:
    """A host design, and what is known to be wrong with it."""

    key: str
    system: TransitionSystem
    expected: Mapping[str, Expectation] = field(default_factory=dict)
    """By the name of the rule; every other rule is expected to hold."""
    redundant: Mapping[str, Expectation] = field(default_factory=dict)
    """By the name of a safeguard, why no rule needs it here."""
    dead: Mapping[str, Expectation] = field(default_factory=dict)
    """By the name of what never happens (`tdxcheck coverage`), why it does not."""
    bug: str = ""
    """The number of the bug that was made, if it is a design without a safeguard."""

    @property
    def introduced(self) -> tuple[Safeguard, ...]:
        """The safeguards that the system it is stated upon has not."""
        base = self.system.base
        before = base.safeguards if base else ()
        return tuple(s for s in self.system.safeguards if s not in before)


@dataclass(frozen=True, eq=False)
class Rule:
    """A property that every design is judged by."""

    property: Property
    concern: str
    """What it is about, as a heading: "memory hotplug", "kexec"."""

    @cached_property
    def id(self) -> str:
        return self.property.name


@dataclass(frozen=True, eq=False)
class Assumption:
    """A named hypothesis: to assume it fixes variables of the configuration."""

    key: str
    statement: str
    settings: Mapping[Variable, Setting]
    sources: tuple[Source, ...] = ()
    denies: bool = False
    """It denies what stands without it; of any other, nothing is known without it."""
    known: Mapping[str, Mapping[str, Expectation]] = field(default_factory=dict)
    """By design and rule, the verdicts that are otherwise for it, and explained."""


Sizes = Mapping[str, int]
"""How many of each thing a machine has: "cpus", "packages", "blocks"."""


@dataclass(frozen=True, eq=False)
class Claim:
    """What somebody has said of a design, with the assumptions it rests on."""

    key: str
    statement: str
    design: str
    property: Property
    assumptions: tuple[Assumption, ...] = ()
    expected: Expectation = HOLDS
    """What is expected under all of its assumptions."""
    sources: tuple[Source, ...] = ()
    sizes: Sizes = field(default_factory=dict)
    """A smaller machine, where the default one has more than the claim is about."""


@dataclass(frozen=True)
class Setup:
    """A machine in numbers: the scope, and the configuration that describes it."""

    scope: Scope
    settings: Mapping[Variable, Setting] = field(default_factory=dict)
    summary: str = ""
    """In words: "2 CPUs on 2 packages, 3 memory blocks (...)"."""


@dataclass(frozen=True, eq=False)
class Feature:
    """Something that a machine has or has not: what designs may not bear, or need.

    Either a Boolean variable of the configuration, or other numbers of the machine.
    """

    key: str
    statement: str
    variable: Variable | None = None
    present: Sizes = field(default_factory=dict)
    absent: Sizes = field(default_factory=dict)
    least: Sizes = field(default_factory=dict)
    """Numbers below which no machine can have it."""


@dataclass(frozen=True, eq=False)
class Machine:
    """The family of machines that designs are judged on."""

    sizes: Sizes
    """The default machine."""
    build: Callable[[Sizes], Setup]
    """Raises UsageError for numbers that no machine has."""
    features: tuple[Feature, ...] = ()
    """What `tdxcheck matrix` takes away and gives, in every combination."""
    purpose: Property | None = None
    """What must be possible for the other rules to be worth a question."""
    unbounded: tuple[type[Index], ...] = ()
    """What a machine may have any number of, for proofs that are about every number."""
    common: tuple[Initial, ...] = ()
    """What such a machine has in any number of things, besides what its kinds say."""

    def setup(self, sizes: Sizes) -> Setup:
        """The default machine with some of its numbers changed."""
        for name, number in sizes.items():
            if name not in self.sizes:
                known = ", ".join(f"--{size}" for size in self.sizes)
                raise UsageError(f"this machine has no {name}; it has {known}")
            if number < 1:
                raise UsageError(f"--{name} {number}: a machine has at least one")
        return self.build({**self.sizes, **sizes})

    def large_enough(self) -> Sizes:
        """How large it must be to have every feature, where the default is not."""
        found: dict[str, int] = {}
        for feature in self.features:
            for name, least in feature.least.items():
                if least > self.sizes[name]:
                    found[name] = max(least, found.get(name, least))
        return found

    def covers_default(self, sizes: Sizes) -> bool:
        """Nothing is smaller than in the default machine."""
        return all(number >= self.sizes[name] for name, number in sizes.items())


@dataclass(frozen=True, eq=False)
class Catalogue:
    designs: tuple[Design, ...]
    rules: tuple[Rule, ...]
    machine: Machine
    claims: tuple[Claim, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    parts: tuple[TransitionSystem, ...] = ()
    """Systems over a part of the designs' state, whose variables they use up."""
    folder: Path | None = None
    """Where its counterexamples are recorded; without one, where tdxcheck's are."""
    _derived: dict[str, Design] = field(default_factory=dict, init=False, repr=False)

    def design(self, key: str) -> Design:
        """The design of this name; DESIGN-without-SAFEGUARD is one, too."""
        known = {d.key: d for d in self.designs}
        name, without, safeguard = key.rpartition(WITHOUT)
        if key in known or not without:
            return _find("design", key, known)
        design = _find("design", name, known)
        has = {s.name: s for s in design.system.safeguards}
        return self.without(design, _find(f"safeguard of {name}", safeguard, has))

    def without(self, design: Design, safeguard: Safeguard) -> Design:
        """The design with one of its safeguards taken out; always the same object."""
        key = f"{design.key}{WITHOUT}{safeguard.name}"
        if key not in self._derived:
            system = design.system.without(safeguard)
            bug = next(iter(safeguard.bugs), "")
            self._derived[key] = replace(
                design, key=key, system=system, redundant={}, bug=bug
            )
        return self._derived[key]

    @property
    def safeguards(self) -> tuple[Safeguard, ...]:
        """Every safeguard that some design has, in their order of declaration."""
        has = {s for design in self.designs for s in design.system.safeguards}
        states = dict.fromkeys(design.system.state for design in self.designs)
        every = dict.fromkeys(v for state in states for v in state.variables())
        return tuple(v for v in every if isinstance(v, Safeguard) and v in has)

    @property
    def bugs(self) -> dict[str, str]:
        """Their numbers, each with a safeguard against it or a rule that it breaks."""
        broken = {
            expected.bug: rule
            for design in reversed(self.designs)
            for rule, expected in design.expected.items()
            if expected.bug
        }
        return broken | {bug: s.name for s in self.safeguards for bug in s.bugs}

    def origin(self, key: str, rule: str) -> str:
        """The design that what is known of a rule comes from: this one, or a base."""
        design = self.design(key)
        known = design.expected.get(rule)
        for base in self.designs:
            if base.system is design.system.base and base.expected.get(rule) is known:
                return self.origin(base.key, rule)
        return key

    def rule(self, name: str) -> Rule:
        return _find("rule", name, {r.id: r for r in self.rules})

    def claim(self, key: str) -> Claim:
        return _find("claim", key, {c.key: c for c in self.claims})

    def assumption(self, key: str) -> Assumption:
        return _find("assumption", key, {a.key: a for a in self.assumptions})

    def entry(self, name: str) -> Design | Rule | Claim | Assumption | Safeguard:
        """Whatever bears this name."""
        entries: dict[str, Design | Rule | Claim | Assumption | Safeguard] = {}
        entries |= {s.name: s for s in self.safeguards}
        entries |= {a.key: a for a in self.assumptions}
        entries |= {c.key: c for c in self.claims}
        entries |= {r.id: r for r in self.rules}
        entries |= {d.key: d for d in self.designs}
        if WITHOUT in name:
            return self.design(name)
        if name in self.bugs:
            raise UsageError(
                f"{name} is the number of a bug: 'tdxcheck show {name}' tells a trace, "
                f"and '{self.bugs[name]}' can be explained"
            )
        return _find("design, rule, claim, assumption or safeguard", name, entries)


def _find(what: str, name: str, known: Mapping[str, T]) -> T:
    if name in known:
        return known[name]
    raise UsageError(f"there is no {what} '{name}'{hint(name, known)}")


def hint(name: str, known: Mapping[str, object]) -> str:
    """What was probably meant, or what there is."""
    folded = {key.casefold(): key for key in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    if near:
        return f"; did you mean '{folded[near[0]]}'?"
    if len(known) <= 8:
        return f"; there are: {', '.join(known)}" if known else ""
    return "; 'tdxcheck list' shows what there is"

"""Lines taken out: which rule needs each guard and each effect of a design's actions.

What makes no difference in any reachable state is found at once. All other lines are
left open in families, some at a time, each of which one search visits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import pairwise

from tdxcheck.checker.engines.diagrams.encoding import Encoding
from tdxcheck.checker.engines.diagrams.first import by_length, first_breaches
from tdxcheck.checker.engines.diagrams.lasting import lasting
from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.engines.diagrams.members import Member
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.enduring import alike
from tdxcheck.checker.engines.starting import check_start
from tdxcheck.checker.ground.grounder import ground, grounding
from tdxcheck.checker.ground.slicing import Slice, slice_for
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.ground.terms import FALSE
from tdxcheck.checker.judging.combine import Engine, InternalError
from tdxcheck.checker.judging.processes import Task, run
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import (
    Answer,
    Budget,
    Findings,
    Notice,
    OutOfTime,
    Report,
    alarm,
    answer,
    nothing,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.lines import Family, Line, without_one_of
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.reading import asks_for_reactions
from tdxcheck.checker.language.system import Mode, Property, Severity
from tdxcheck.checker.trace import ReplayError, Trace, replay
from tdxcheck.checker.verdict import Limit, Refuted, Unknown, Verdict

MOST = 16
"""Lines that one family has: the more, the more there is to tell apart."""


class Need(Enum):
    """What becomes of a design without a line."""

    BREAKS = "breaks"
    """A rule that holds otherwise is broken, or what must be possible is not."""
    SOONER = "breaks sooner"
    """A rule that is broken anyway is broken by a shorter run."""
    REFUSED = "is no specification"
    """An effect would leave the bound of its variable."""
    UNNOTICED = "goes unnoticed"
    """Something is otherwise, and no rule is."""
    NOTHING = "changes nothing"
    """It makes no difference in any reachable state."""
    UNDECIDED = "is not decided"


@dataclass(frozen=True, eq=False)
class Needed:
    """A line, and what a design does without it."""

    line: Line
    need: Need
    rule: Property | None = None
    """What is broken first."""
    verdict: Verdict | None = None
    trace: Trace | None = None
    others: tuple[Property, ...] = ()
    """What is broken besides."""
    beyond: bool = False
    """States are reached that are not reached with it."""
    why: str = ""
    """Why it is no specification."""


@dataclass(frozen=True)
class _Found:
    """What was found of one line, by numbers of questions."""

    question: int
    answer: Answer
    sooner: bool
    others: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Opened(Findings):
    """What was found of a family."""

    found: Mapping[int, _Found] = field(default_factory=dict)
    """By line, counted from 1."""
    beyond: frozenset[int] = frozenset()
    undecided: bool = True


def needed(
    case: Case,
    lines: Sequence[Line],
    budget: Budget,
    jobs: int,
    report: Report = lambda _: None,
) -> tuple[list[Needed], bool]:
    """What becomes of the case without each of the lines, and whether that was
    interrupted."""
    started = time.monotonic()
    found = {line: Needed(line, Need.NOTHING) for line in lines}
    that_matter = list(_that_matter(case.instance, lines))
    parts: list[_Part] = []
    for chosen in _parts(that_matter):
        made, refused = _grounded(case, chosen)
        parts += made
        found |= {one.line: one for one in refused}
    tasks = [Task(case, Engine.DIAGRAMS, p.judged, 1 + len(p.lines)) for p in parts]
    if budget.seconds is not None:
        left = budget.seconds - (time.monotonic() - started)
        budget = replace(budget, seconds=max(left, 1.0))
    work = run(tasks, budget, jobs, report)
    for part, findings in zip(parts, work.findings, strict=True):
        found |= {one.line: one for one in part.told(findings)}
    return [found[line] for line in lines], work.interrupted


def _that_matter(instance: Instance, lines: Sequence[Line]) -> Iterator[Line]:
    """The lines that make a difference in some reachable state."""
    system = replace(instance.system, properties=())
    made = grounding(system, instance.scope)
    check_start(made.system)
    encoding = Encoding(made.system)
    start = encoding.initial()
    reachable = closure(encoding, encoding.moves(), start, lambda: None)
    for line in lines:
        for arguments in instance.choices(line.action):
            node = made.of_action(line.matters, line.action, arguments)
            if node is FALSE:
                continue
            if encoding.truth(node) & reachable != encoding.manager.false:
                yield line
                break


def _parts(lines: Sequence[Line]) -> list[Sequence[Line]]:
    """As few parts as can be, of equal size, neighbours together: they read alike."""
    count = -(-len(lines) // MOST)
    bounds = [len(lines) * part // max(count, 1) for part in range(count + 1)]
    return [lines[a:b] for a, b in pairwise(bounds)]


def _grounded(case: Case, lines: Sequence[Line]) -> tuple[list[_Part], list[Needed]]:
    """Families of the lines, and the lines that no specification is without."""
    family = without_one_of(case.instance.system, lines)
    try:
        whole = ground(family.system, case.instance.scope)
    except SpecificationError as error:
        if len(lines) == 1:
            return [], [Needed(lines[0], Need.REFUSED, why=str(error))]
        half = len(lines) // 2
        some, refused = _grounded(case, lines[:half])
        others, refused_too = _grounded(case, lines[half:])
        return some + others, refused + refused_too
    return [_Part(case, lines, family, whole)], []


@dataclass(frozen=True, eq=False)
class _Part:
    """A family, in which the first member has every line."""

    case: Case
    lines: Sequence[Line]
    family: Family
    whole: GroundSystem

    def judged(self, case: Case, budget: Budget, report: Report) -> Findings:
        started = time.monotonic()
        with alarm(budget.seconds) as expired:
            try:
                return self._judged(budget, report, expired)
            except OutOfTime:
                return nothing(case, Engine.DIAGRAMS, Limit.TIME, started)

    def _judged(
        self, budget: Budget, report: Report, expired: Callable[[], bool]
    ) -> _Opened:
        started = time.monotonic()
        limits = Limits(None, budget.memory)

        def note(text: str) -> None:
            what = f"lines of {self.lines[0].action.name}: {text}"
            report(Notice(self.case.label, Engine.DIAGRAMS, what))

        numbers = [
            number
            for number, rule in enumerate(self.whole.properties)
            if rule.property.mode is not Mode.LEADS_TO
        ]
        part = slice_for(self.whole, numbers)
        order = sorted(range(len(numbers)), key=lambda n: _rank(part.system, n))
        breaches = first_breaches(
            part.system,
            self._members(part),
            by_length(part.system, order),
            limits,
            note,
        )
        found: dict[int, _Found] = {}
        for member, breach in breaches.first.items():
            verdict = part.lift_verdict(breach.verdict, self._fixed(self.whole, member))
            others = tuple(numbers[other] for other in breach.others)
            found[member] = _Found(
                numbers[breach.property],
                answer(self.whole, verdict),
                breach.sooner,
                others,
            )
        limit = breaches.limit
        for leading in alike(self.whole) if limit is None else ():
            name = self.whole.properties[leading[0]].property.name
            note(f"what comes in the end, {name}")
            end = slice_for(self.whole, leading)
            for one in lasting(end.system, self._members(end), limits):
                if isinstance(one.verdict, Unknown):
                    limit = one.verdict.limit
                elif one.member not in found or found[one.member].sooner:
                    verdict = end.lift_verdict(
                        one.verdict, self._fixed(self.whole, one.member)
                    )
                    number = leading[one.property]
                    found[one.member] = _Found(
                        number, answer(self.whole, verdict), False
                    )
        return _Opened(
            self.case.label,
            Engine.DIAGRAMS,
            (),
            time.monotonic() - started,
            found=found,
            beyond=breaches.beyond,
            undecided=limit is not None or expired(),
        )

    def _members(self, part: Slice) -> list[Member]:
        return [self._fixed(part.system, n) for n in range(len(self.lines) + 1)]

    def _fixed(self, system: GroundSystem, number: int) -> Member:
        """The member that has not this line; all have 0."""
        return {
            slot.number: number
            for slot in system.slots
            if slot.entry[0] is self.family.missing
        }

    def told(self, findings: Findings) -> Iterator[Needed]:
        """What was found, with runs that the interpreter has replayed."""
        for number, line in enumerate(self.lines, 1):
            if not isinstance(findings, _Opened):  # The search was ended from outside.
                yield Needed(line, Need.UNDECIDED)
            elif number in findings.found:
                yield self._broken(number, line, findings)
            elif findings.undecided:
                yield Needed(line, Need.UNDECIDED)
            else:
                beyond = number in findings.beyond
                yield Needed(line, Need.UNNOTICED, beyond=beyond)

    def _broken(self, number: int, line: Line, findings: _Opened) -> Needed:
        found = findings.found[number]
        rules = self.family.system.properties
        trace = None
        if isinstance(found.answer.verdict, Refuted):
            member = Instance(self.family.member(number), self.case.instance.scope)
            assert found.answer.evidence is not None
            try:
                trace = replay(member, rules[found.question], found.answer.evidence)
            except ReplayError as error:
                raise InternalError(
                    f"the trace without {line.name} does not replay: {error}"
                ) from error
        return Needed(
            line,
            Need.SOONER if found.sooner else Need.BREAKS,
            rules[found.question],
            found.answer.verdict,
            trace,
            tuple(rules[other] for other in found.others),
            number in findings.beyond,
        )


def _rank(system: GroundSystem, number: int) -> tuple[bool, int]:
    """What happens before what is only refused, and the most severe first."""
    rule = system.properties[number].property
    return asks_for_reactions(rule.condition), list(Severity).index(rule.severity)

"""Removal: each safeguard of a design taken out in turn, and what breaks without it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from tdxcheck.checker.catalogue import Catalogue, Design, Sizes
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.comparing import Compare, Compared
from tdxcheck.checker.judging.confirming import confirm
from tdxcheck.checker.judging.judgement import Judgement, Standing, standing
from tdxcheck.checker.judging.processes import Task, run
from tdxcheck.checker.judging.question import Case, Question, cases_of
from tdxcheck.checker.judging.sharing import Group, together
from tdxcheck.checker.judging.work import Answer, Budget, Findings, Report
from tdxcheck.checker.language.reading import asks_for_reactions
from tdxcheck.checker.language.system import Mode, Severity
from tdxcheck.checker.language.variables import Safeguard
from tdxcheck.checker.verdict import Refuted

MOST = 10
"""Safeguards that one search takes out: each doubles what there is to tell apart."""


@dataclass(frozen=True, eq=False)
class Removal:
    """One safeguard of one design."""

    design: Design
    safeguard: Safeguard
    broken: tuple[Judgement, ...]
    """Rules that the variant breaks and the whole design does not."""
    sooner: tuple[Judgement, ...]
    """Rules that both break, and the variant by a shorter run."""
    undecided: tuple[Judgement, ...]

    @property
    def telling(self) -> Judgement | None:
        """The breach that says best what the safeguard is good for.

        One that happens before one that only would not be refused, or that never
        comes; one that is new before one that only comes sooner; then the most
        severe, and the shortest.
        """
        shown = [j for j in (*self.broken, *self.sooner) if j.trace is not None]
        return min(shown, key=self._rank, default=None)

    def _rank(self, judgement: Judgement) -> tuple[bool, bool, bool, int, int]:
        assert isinstance(judgement.verdict, Refuted)
        rule = judgement.question.rule
        return (
            rule.mode is Mode.LEADS_TO,
            asks_for_reactions(rule.condition),
            judgement in self.sooner,
            list(Severity).index(rule.severity),
            len(judgement.verdict.run.steps),
        )


def removals(
    catalogue: Catalogue,
    designs: Sequence[tuple[Design, Sequence[Safeguard]]],
    sizes: Sizes,
    budget: Budget,
    jobs: int,
    report: Report = lambda _: None,
) -> tuple[list[Removal], bool, float]:
    """Compare each design with itself without each of the safeguards named with it.

    Designs that are one system are judged once. Gives what was found, whether that
    was interrupted, and the seconds that it took.
    """
    started = time.monotonic()
    wanted = {design.key: safeguards for design, safeguards in designs}
    groups = together(_about_rules(catalogue, [design for design, _ in designs], sizes))
    searches = [
        (group, part) for group in groups for part in _parts(_asked(group, wanted))
    ]
    # The longest first, so that no process is left with one when others are done.
    searches.sort(key=lambda search: len(search[1]), reverse=True)
    tasks = [
        Task(group.case, Engine.DIAGRAMS, Compare(part), 1 + len(part))
        for group, part in searches
    ]
    work = run(tasks, budget, jobs, report)
    found_for = {
        (member.design.key, safeguard): found
        for (group, part), found in zip(searches, work.findings, strict=True)
        for member in group.members
        for safeguard in part
    }
    variants = [
        (design, safeguard, catalogue.without(design, safeguard))
        for design, safeguards in designs
        for safeguard in safeguards
    ]
    cases = _about_rules(catalogue, [variant for _, _, variant in variants], sizes)
    return (
        [
            _removal(design, safeguard, case, found_for[design.key, safeguard])
            for (design, safeguard, _), case in zip(variants, cases, strict=True)
        ],
        work.interrupted,
        time.monotonic() - started,
    )


def _about_rules(
    catalogue: Catalogue, designs: Sequence[Design], sizes: Sizes
) -> list[Case]:
    """One case a design, with all rules and no claims."""
    rules = [rule.id for rule in catalogue.rules]
    cases = cases_of(catalogue, designs, sizes, names=rules)
    return [case for case in cases if case.questions[0].claim is None]


def _asked(
    group: Group, wanted: Mapping[str, Sequence[Safeguard]]
) -> tuple[Safeguard, ...]:
    every = (wanted[member.design.key] for member in group.members)
    return tuple(dict.fromkeys(chain.from_iterable(every)))


def _parts(asked: Sequence[Safeguard]) -> list[tuple[Safeguard, ...]]:
    """The safeguards in as few parts of equal size as a search can well hold."""
    count = -(-len(asked) // MOST)
    return [tuple(asked[part::count]) for part in range(count)]


def _removal(
    design: Design, safeguard: Safeguard, case: Case, found: Findings
) -> Removal:
    if isinstance(found, Compared):
        worse, known = found.worse[safeguard.name], found.known
    else:  # The search was ended from outside.
        worse, known = dict(enumerate(found.answers)), frozenset[int]()
    broken: list[Judgement] = []
    sooner: list[Judgement] = []
    undecided: list[Judgement] = []
    for number, answer in worse.items():
        judgement = _judgement(case, case.questions[number], answer)
        if judgement.standing is Standing.UNDECIDED:
            undecided.append(judgement)
        else:
            (sooner if number in known else broken).append(judgement)
    return Removal(design, safeguard, tuple(broken), tuple(sooner), tuple(undecided))


def _judgement(case: Case, question: Question, answer: Answer) -> Judgement:
    trace = None
    if answer.evidence is not None:
        trace = confirm(case, question, Engine.DIAGRAMS, answer.evidence)
    return Judgement(
        case,
        question,
        answer.verdict,
        {Engine.DIAGRAMS: answer.verdict},
        trace,
        standing(answer.verdict, question.expected, True),
    )

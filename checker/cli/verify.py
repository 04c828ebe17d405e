"""tdxcheck verify: judge designs, tell what is news, and say so by the exit code."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tdxcheck.checker import record
from tdxcheck.checker.catalogue import Catalogue, UsageError, hint
from tdxcheck.checker.cli.console import progress, show, show_lines
from tdxcheck.checker.cli.delivery import Delivery, check_outputs, deliver
from tdxcheck.checker.cli.recorded import default_folder, names_in
from tdxcheck.checker.cli.sizes import sizes_of
from tdxcheck.checker.cli.status import INTERRUPTED, OK, REFUTED, UNDECIDED
from tdxcheck.checker.cli.storing import store_of
from tdxcheck.checker.judging.assess import assess
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.judgement import Assessment, Judgement, Standing
from tdxcheck.checker.judging.kept import Kept
from tdxcheck.checker.judging.order import Asked, asked
from tdxcheck.checker.judging.processes import Runner, run, run_here
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.judging.work import ON_DEMAND, Answer, Budget, Engines
from tdxcheck.checker.report import summary
from tdxcheck.checker.report.as_json import assessment_as_json
from tdxcheck.checker.report.finding import results_of
from tdxcheck.checker.report.page import Page
from tdxcheck.checker.report.unfinished import unfinished
from tdxcheck.checker.seal import Sealer, usual_key
from tdxcheck.checker.verdict import Refuted

if TYPE_CHECKING:
    from tdxcheck.checker.certificates import Attempt

USUAL = 120.0
"""Seconds for up to three designs."""
PER_DESIGN = 10.0
"""Seconds more for each further one."""
CERTIFYING = 60.0
"""Seconds for each certificate, where there is a limit of time at all."""


def verify(
    arguments: argparse.Namespace,
    catalogue: Catalogue,
    engines: Engines,
    address: str = "",
) -> int:
    keys = dict.fromkeys(arguments.designs) or [d.key for d in catalogue.designs]
    designs = [catalogue.design(key) for key in keys]
    assumed = tuple(catalogue.assumption(k) for k in dict.fromkeys(arguments.assume))
    _check_rules(catalogue, arguments.rule)
    sizes = sizes_of(arguments)
    if arguments.resume is not None and arguments.engine != [Engine.EXPLICIT.value]:
        raise UsageError("--resume goes on with the explicit search: --engine explicit")
    if arguments.record and arguments.folder is None and (assumed or sizes):
        raise UsageError(
            "--record keeps traces of the default machine without assumptions; "
            "give a --folder for others"
        )
    cases = cases_of(catalogue, designs, sizes, names=arguments.rule, assumed=assumed)
    _check_claims(catalogue, arguments.rule, cases)
    if not cases:
        raise UsageError("there is nothing to judge: no rule, and no claim of these")
    named = arguments.engine or ["all"]
    chosen = {
        engine: judge
        for engine, judge in engines.items()
        if engine.value in named or ("all" in named and engine not in ON_DEMAND)
    }
    general = None
    if arguments.strongest and Engine.PARAMETRIC not in chosen:
        general = Engine.PARAMETRIC, engines[Engine.PARAMETRIC]
    folder = arguments.folder or default_folder(catalogue)
    check_outputs(arguments)
    if arguments.certificate is not None:
        make_folder(arguments.certificate)
    if arguments.record:
        prepare(folder)
    budget = budget_of(arguments, arguments.jobs, len(designs))
    alone = chosen.keys() == {Engine.EXPLICIT} and len(cases) == 1
    budget = _explicit(budget, arguments, alone=alone)
    demanded = not assumed and catalogue.machine.covers_default(sizes)
    request = asked(address, tuple(keys), sizes, arguments.rule, arguments.assume)
    with (
        _runner(arguments, request, chosen, divided=alone) as (runner, working),
        progress() as report,
    ):
        assessment = assess(
            cases,
            working,
            budget,
            arguments.jobs,
            demanded=demanded,
            report=report,
            kept=Kept(store_of(arguments), _rechecked, Sealer(usual_key())),
            again=bool(arguments.engine),
            strongest=general,
            runner=runner,
        )
    attempts = certified(assessment, arguments)
    not_kept = None
    if arguments.record:
        try:
            keep(assessment, catalogue, folder)
        except OSError as error:
            not_kept = error
    status, result = conclusion(assessment)
    deliver(
        arguments,
        Delivery(
            lambda out: _tell_all(
                out, assessment, catalogue, folder, attempts, arguments
            ),
            lambda: {
                **assessment_as_json(assessment, result, status),
                **certificates_as_json(attempts, arguments.certificate),
            },
            lambda: results_of(assessment, status, attempts),
        ),
    )
    if arguments.format == "text":
        kept = arguments.resume is not None and arguments.resume.is_dir()
        if kept and status in (UNDECIDED, INTERRUPTED):
            print(f"\nThe search is kept in {arguments.resume}: this command goes on.")
    if not_kept is not None:
        raise not_kept
    return status


def _tell_all(
    out: Console,
    assessment: Assessment,
    catalogue: Catalogue,
    folder: Path,
    attempts: Sequence[Attempt],
    arguments: argparse.Namespace,
) -> None:
    tell(out, assessment, catalogue, folder, kept=not arguments.no_cache)
    if arguments.certificate is not None:
        from tdxcheck.checker.report import certificates as report

        page = Page(out.width)
        report.tell(page, attempts, arguments.certificate)
        show(out, page)


def certificates_as_json(
    attempts: Sequence[Attempt], folder: Path | None
) -> dict[str, Any]:
    """The certificates, if they were asked for."""
    if folder is None:
        return {}
    from tdxcheck.checker.report import certificates as report

    return {"certificates": report.as_json(attempts)}


def make_folder(folder: Path) -> None:
    """Make the folder of certificates now, while nothing has been done in vain."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot keep certificates in {folder}: {error.strerror}"
        ) from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"cannot keep certificates in {folder}: it is not writable")


def certified(assessment: Assessment, arguments: argparse.Namespace) -> list[Attempt]:
    """What became of each certificate that was asked for."""
    if arguments.certificate is None or assessment.interrupted:
        return []
    from tdxcheck.checker.certificates import certify_all

    seconds = None if arguments.time == 0 else CERTIFYING
    return list(certify_all(assessment, arguments.certificate, seconds))


@contextmanager
def _runner(
    arguments: argparse.Namespace, request: Asked, engines: Engines, *, divided: bool
) -> Iterator[tuple[Runner, Engines]]:
    """What runs the engines: processes of this machine, or the workers of others.

    One search that is alone is itself divided among the workers.
    """
    if arguments.scheduler is None:
        yield run, engines
        return
    if arguments.resume is not None:
        raise UsageError("--resume keeps a search on this machine: without --scheduler")
    from tdxcheck.checker.judging.distant import distant, dividing

    if divided:
        with dividing(arguments.scheduler, arguments.jobs) as judge:
            yield run_here, {Engine.EXPLICIT: judge}
        return
    with distant(arguments.scheduler, request, arguments.jobs) as runner:
        yield runner, engines


def _rechecked(case: Case, number: int, answer: Answer) -> bool:
    """The proof of an earlier run is one; what checks it is loaded if there is any."""
    from tdxcheck.checker.certificates.rechecking import RECHECKER

    return RECHECKER(case, number, answer)


def prepare(folder: Path) -> None:
    """Find out now, and not when all is judged, that traces cannot be kept."""
    try:
        record.prepare(folder)
    except OSError as error:
        raise UsageError(
            f"cannot keep traces in {folder}: {error.strerror}; give another --folder"
        ) from error


def _check_rules(catalogue: Catalogue, names: list[str]) -> None:
    known = {rule.id: rule for rule in catalogue.rules}
    claims = {claim.key: claim for claim in catalogue.claims}
    for name in names:
        if name not in known and name not in claims:
            near = hint(name, {**known, **claims})
            raise UsageError(f"there is no rule or claim '{name}'{near}")


def _check_claims(catalogue: Catalogue, names: list[str], cases: list[Case]) -> None:
    """Refuse a claim that none of the cases is about, rather than say nothing of it."""
    asked = [question.claim for case in cases for question in case.questions]
    for claim in catalogue.claims:
        if claim.key in names and claim not in asked:
            raise UsageError(
                f"{claim.key} is a claim about {claim.design}, with assumptions of its "
                "own: judge that design, without --assume"
            )


def budget_of(arguments: argparse.Namespace, jobs: int, designs: int) -> Budget:
    """The limits; without one of time, what a few designs need, and many."""
    at_a_time = max(1, min(jobs, len(Engine) * designs))
    memory = arguments.max_memory or available_memory() // at_a_time
    seconds = arguments.time
    if seconds is None:
        seconds = USUAL + PER_DESIGN * max(0, designs - 3)
    return Budget(arguments.max_states, memory, arguments.depth, seconds or None)


def _explicit(budget: Budget, arguments: argparse.Namespace, *, alone: bool) -> Budget:
    """What is for the explicit engine alone: all jobs are its threads, if it is alone.

    A limit of states is met at the same state each time by one thread only.
    """
    threads = arguments.jobs if alone and budget.states is None else 1
    return replace(budget, threads=threads, folder=arguments.resume)


def available_memory() -> int:
    """Most of the memory that is free now, in bytes."""
    pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(256 << 20, pages * 8 // 10)


def conclusion(assessment: Assessment) -> tuple[int, str]:
    """The exit code, and the same in words."""
    standings = {judgement.standing for judgement in assessment.judgements}
    if assessment.interrupted:
        return INTERRUPTED, "interrupted"
    if Standing.UNEXPECTED in standings:
        return REFUTED, "unexpected"
    if Standing.UNDECIDED in standings:
        return UNDECIDED, "undecided"
    return OK, "as expected"


def tell(
    out: Console,
    assessment: Assessment,
    catalogue: Catalogue,
    folder: Path,
    *,
    kept: bool,
) -> None:
    from tdxcheck.checker.report.general import proofs
    from tdxcheck.checker.report.table import legend, verdicts

    page = Page(out.width)
    if machine := assessment.cases[0].machine:
        page.add(f"Machine: {machine}.")
    for assumption in _common(assessment):
        page.add(f"Assuming {assumption}.")
    page.add()
    show(out, page)
    if any(j.question.claim is None for j in assessment.judgements):
        show_lines(out, verdicts(assessment, catalogue, out.width))
        page = Page(out.width)
        page.add()
        page.table(list(legend(assessment)), at=2)
        page.add()
        show(out, page)
    page = Page(out.width)
    summary.designs(page, assessment)
    summary.untaken(page, assessment)
    summary.idle(page, assessment)
    summary.fairness(page, assessment)
    summary.claims(page, assessment, catalogue)
    proofs(page, assessment)
    summary.known(page, assessment, catalogue, names_in(folder))
    summary.news(page, assessment)
    unfinished(page, assessment, kept=kept)
    summary.conclusion(page, assessment)
    show(out, page)


def _common(assessment: Assessment) -> list[str]:
    case = assessment.cases[0]
    if all(q.claim is None for q in case.questions):
        return [f"{a.key}: {a.statement.rstrip('.')}" for a in case.assumed]
    return []


def keep(assessment: Assessment, catalogue: Catalogue, folder: Path) -> None:
    """Record every refutation, and forget those of what is refuted no longer.

    A defect that a design has from the one that it is stated upon is recorded
    with that one only.
    """
    for judgement in assessment.judgements:
        subject = subject_of(judgement)
        trace = judgement.trace
        if _is_inherited(judgement, catalogue):
            record.remove(folder, subject.name)
        elif trace is not None and isinstance(judgement.verdict, Refuted):
            page = Page(100)
            summary.told(page, judgement)
            record.write(folder, subject, trace, str(page))
        elif judgement.standing is not Standing.UNDECIDED:
            record.remove(folder, subject.name)


def _is_inherited(judgement: Judgement, catalogue: Catalogue) -> bool:
    if judgement.question.claim is not None or judgement.question.expected is None:
        return False
    key = judgement.case.design.key
    expected = judgement.standing is Standing.EXPECTED
    return expected and catalogue.origin(key, judgement.question.name) != key


def subject_of(judgement: Judgement) -> record.Subject:
    case = judgement.case
    assumed = tuple(assumption.key for assumption in case.assumed)
    return record.Subject(
        case.design.key, judgement.question.name, case.sizes, assumed, judgement.bug
    )

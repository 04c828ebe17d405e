"""tdxcheck show and replay: counterexamples that were recorded before."""

from __future__ import annotations

import argparse
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from tdxcheck.checker import record
from tdxcheck.checker.catalogue import Catalogue, UsageError, hint
from tdxcheck.checker.cli.console import console
from tdxcheck.checker.cli.console import show as print_page
from tdxcheck.checker.cli.status import OK, REFUTED, UNDECIDED
from tdxcheck.checker.judging.assess import assess
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.judging.work import Budget, Engines
from tdxcheck.checker.report import summary
from tdxcheck.checker.report.narrative import narrate
from tdxcheck.checker.report.page import Page
from tdxcheck.checker.trace import ReplayError, Trace
from tdxcheck.checker.trace import replay as confirm
from tdxcheck.checker.verdict import Bounded, Reached, Refuted, Unknown


class Stale(Exception):
    """A recorded trace no longer shows what it showed; says from which step on."""


def default_folder() -> Path:
    """The counterexamples that come with tdxcheck."""
    return Path(str(files("tdxcheck"))) / "counterexamples"


def names_in(folder: Path) -> list[str]:
    """The names of the recorded counterexamples."""
    if not folder.is_dir():
        return []
    found = folder.glob(f"*{record.SUFFIX}")
    return sorted(path.name.removesuffix(record.SUFFIX) for path in found)


def find(text: str, folder: Path | None) -> Path:
    """The file that is meant by a path, a name, the end of one, or a bug's number."""
    path = Path(text)
    if path.suffix == ".json" or path.is_file() or "/" in text:
        return path
    place = folder or default_folder()
    names = names_in(place)
    found = [name for name in names if name == text] or [
        name for name in names if name.endswith(f"-{text}") or text in name.split("-")
    ]
    if len(found) == 1:
        return place / (found[0] + record.SUFFIX)
    if found:
        raise UsageError(f"'{text}' may be any of {', '.join(found)}")
    near = hint(text, dict.fromkeys(names))
    raise UsageError(f"there is no recorded trace '{text}' in {place}{near}")


def show(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    recording = record.read(find(arguments.trace, arguments.folder))
    out = console()
    page = Page(out.width)
    try:
        case, trace = load(recording, catalogue)
    except Stale as error:
        raise UsageError(
            f"{recording.path} is stale: {error}; record it anew with "
            "'tdxcheck verify --record'"
        ) from None
    title = summary.title(case, case.questions[0])
    narrate(page, title, trace, case.machine, shortest=False)
    print_page(out, page)
    return OK


def load(recording: record.Recording, catalogue: Catalogue) -> tuple[Case, Trace]:
    """The trace, replayed in today's models, or Stale."""
    try:
        case = _case(recording, catalogue)
    except UsageError as error:
        raise Stale(str(error)) from None
    question = case.questions[0]
    try:
        evidence = record.resolve(recording, case.instance)
        return case, confirm(case.instance, question.rule, evidence)
    except ReplayError as error:
        raise Stale(str(error)) from None


def _case(recording: record.Recording, catalogue: Catalogue) -> Case:
    """What the trace is evidence of, as one question about one system."""
    subject = recording.subject
    design = catalogue.design(subject.design)
    claims = {claim.key for claim in catalogue.claims}
    claim = subject.question.partition("-without-")[0]
    is_claim = claim in claims
    if not is_claim:
        catalogue.rule(subject.question)
    assumed = tuple(catalogue.assumption(key) for key in subject.assumed)
    cases = cases_of(
        catalogue,
        [design],
        subject.sizes,
        names=[claim if is_claim else subject.question],
        assumed=() if is_claim else assumed,
    )
    for case in cases:
        for question in case.questions:
            if question.name == subject.question:
                system = replace(case.instance.system, properties=(question.rule,))
                instance = replace(case.instance, system=system)
                return replace(case, questions=(question,), instance=instance)
    raise UsageError(f"{subject.design} is not asked about '{subject.question}'")


def replay(
    arguments: argparse.Namespace, catalogue: Catalogue, engines: Engines
) -> int:
    """Replay each trace, and look for a shorter one."""
    worst = OK
    seconds = 40.0 if arguments.time is None else arguments.time
    limits = Budget(
        arguments.max_states, arguments.max_memory, arguments.depth, seconds or None
    )
    for text in arguments.traces:
        recording = record.read(find(text, arguments.folder))
        try:
            case, trace = load(recording, catalogue)
            status, said = shorter(case, trace, engines, limits)
        except Stale as error:
            status, said = REFUTED, f"stale: {error}"
        print(f"{recording.subject.name}: {said}")
        worst = worst if worst == REFUTED else max(worst, status)
    return worst


def shorter(
    case: Case, trace: Trace, engines: Engines, limits: Budget
) -> tuple[int, str]:
    """Whether a run with fewer steps breaks the rule, too."""
    length = len(trace.steps)
    if length == 0:
        return OK, "ok: the initial state breaks the rule"
    chosen: Engines = dict([next(iter(engines.items()))])
    depth = max(length - 1, 1)
    assessment = assess([case], chosen, replace(limits, depth=depth), 1)
    verdict = assessment.judgements[0].verdict
    match verdict:
        case Refuted(run) | Reached(run) if len(run.steps) < length:
            return (
                REFUTED,
                f"not shortest: {length} steps, but {len(run.steps)} are enough",
            )
        case Bounded(depth=searched, limit=limit) if searched < length - 1:
            return UNDECIDED, (
                f"replays, but only runs of {searched} steps were searched for a "
                f"shorter one: {limit.value} was met"
            )
        case Unknown(limit):
            return UNDECIDED, (
                f"replays, but may not be shortest: {limit.value} was met"
            )
    return OK, f"ok: {length} steps, and no shorter run breaks the rule"

"""tdxcheck show and replay: counterexamples that were recorded before."""

from __future__ import annotations

import argparse
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from tdxcheck.checker import record
from tdxcheck.checker.catalogue import WITHOUT, Catalogue, UsageError, hint
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

MOST_NAMES = 8
"""Names told of those that may be meant."""


class Stale(Exception):
    """A recorded trace no longer shows what it showed; says from which step on."""


def default_folder(catalogue: Catalogue | None = None) -> Path:
    """The counterexamples of the catalogue, or else those that come with tdxcheck."""
    if catalogue is not None and catalogue.folder is not None:
        return catalogue.folder
    return Path(str(files("tdxcheck"))) / "counterexamples"


def names_in(folder: Path) -> list[str]:
    """The names of the recorded counterexamples."""
    if not folder.is_dir():
        return []
    found = folder.glob(f"*{record.SUFFIX}")
    return sorted(path.name.removesuffix(record.SUFFIX) for path in found)


def find(text: str, folder: Path | None, catalogue: Catalogue) -> list[Path]:
    """The file that is meant by a path, a name, or the end of one.

    The number of a bug means every trace of it; what a design has from the one that
    it is stated upon is recorded with that one.
    """
    path = Path(text)
    if path.suffix == record.TEXT_SUFFIX:
        beside = path.with_suffix(record.SUFFIX)
        if beside.is_file():
            return [beside]
    if path.is_file() or "/" in text:
        return [path]
    place = folder or default_folder(catalogue)
    names = names_in(place)
    asked = text.removesuffix(record.SUFFIX).removesuffix(record.TEXT_SUFFIX)
    found = _named(asked, names) or _named(_from_base(asked, catalogue), names)
    if len(found) == 1 or (found and _are_of_bug(asked, found, catalogue)):
        return [place / (name + record.SUFFIX) for name in found]
    if found:
        more = f" and {len(found) - MOST_NAMES} more" if len(found) > MOST_NAMES else ""
        raise UsageError(
            f"'{text}' may be any of {', '.join(found[:MOST_NAMES])}{more}"
        )
    if path.suffix == ".json":
        return [path]
    near = hint(text, dict.fromkeys(names))
    raise UsageError(f"there is no recorded trace '{text}' in {place}{near}")


def _named(asked: str, names: list[str]) -> list[str]:
    return [name for name in names if name == asked] or [
        name for name in names if name.endswith(f"-{asked}") or asked in name.split("-")
    ]


def _from_base(asked: str, catalogue: Catalogue) -> str:
    """DESIGN-RULE, by the name of the design that what is known of it comes from."""
    for design in catalogue.designs:
        rule = asked.removeprefix(f"{design.key}-")
        if rule in design.expected:
            return f"{catalogue.origin(design.key, rule)}-{rule}"
    return asked


def _are_of_bug(asked: str, names: list[str], catalogue: Catalogue) -> bool:
    keys = {design.key for design in catalogue.designs}
    return asked not in keys and all(name.startswith(f"{asked}-") for name in names)


def show(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    paths = find(arguments.trace, arguments.folder, catalogue)
    claims = {claim.key for claim in catalogue.claims}

    def rank(recording: record.Recording) -> tuple[bool, bool, int]:
        """A design as it is before one without a safeguard, a rule before a claim."""
        subject = recording.subject
        is_claim = subject.question.partition("-without-")[0] in claims
        return WITHOUT in subject.design, is_claim, len(recording.steps)

    recording, *others = sorted(map(record.read, paths), key=rank)
    out = console(mail=arguments.mail)
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
    if others:
        names = ", ".join(other.subject.name for other in others)
        page.add()
        page.add(names, label=f"  Other traces of {arguments.trace}: ", at=4)
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
    if arguments.format != "text":
        raise UsageError("--format is for --events")
    if not arguments.traces:
        raise UsageError("replay needs a TRACE, or --events with a stream of events")
    worst = OK
    seconds = 40.0 if arguments.time is None else arguments.time
    limits = Budget(
        arguments.max_states, arguments.max_memory, arguments.depth, seconds or None
    )
    paths = [
        path
        for text in arguments.traces
        for path in find(text, arguments.folder, catalogue)
    ]
    for recording in map(record.read, dict.fromkeys(paths)):
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
    if assessment.interrupted:
        raise KeyboardInterrupt
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

"""Words for verdicts: the same ones in every table, report and format."""

from __future__ import annotations

from tdxcheck.checker.catalogue import Outcome
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.judgement import Judgement, Standing
from tdxcheck.checker.report.page import Style
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    HeldInSmall,
    Limit,
    Proved,
    ProvedForEvery,
    Reached,
    Refuted,
    Run,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)

LEGEND = (
    ("exhausted", "holds: every reachable state of this machine was visited"),
    ("proved", "holds: a solver's proof for this machine, checked again"),
    (
        "proved for every N",
        "holds, however many there are of anything; checked again",
    ),
    (
        "only for small N",
        "holds in small machines; no proof for every number found",
    ),
    ("reached in N", "what must be possible is: a run of N steps shows it"),
    ("refuted in N", "broken by a run of N steps; in capitals if that is news"),
    ("refuted in N+M", "never comes: N steps, then M for ever, or nothing if M is 0"),
    ("unreachable", "what must be possible never is"),
    ("vacuous", "holds only because what it speaks of never happens"),
    ("idle", "holds here whatever a design does: it says nothing"),
    ("to depth N", "holds for N steps; what comes later is not known"),
    ("unknown", "nothing was established within the limits"),
    ("not checked", "no engine that was asked answers this kind of question"),
)


BRIEF_LEGEND = (
    ("\N{CHECK MARK}", "holds: every reachable state was visited; or is possible"),
    ("\N{CHECK MARK}p", "holds: a solver's proof for this machine, checked again"),
    ("\N{CHECK MARK}N", "holds, however many there are of anything; checked again"),
    ("\N{BALLOT X} N", "broken by a run of N steps; ! if that is news"),
    ("\N{BALLOT X} N+M", "never comes: N steps, then M for ever"),
    ("\N{BALLOT X}", "what must be possible never is"),
    ("vac", "holds only because what it speaks of never happens"),
    ("idle", "holds here whatever a design does: it says nothing"),
    ("<= N", "holds for N steps; what comes later is not known"),
    ("?N", "holds in small machines; no proof for every number found"),
    ("?", "nothing was established within the limits"),
    ("-", "not checked: no engine that was asked answers this kind of question"),
)


def length(run: Run) -> str:
    """Its steps: of a run for ever, those of the stem and those of the cycle."""
    if run.loop is None:
        return str(len(run.steps))
    return f"{run.loop}+{len(run.steps) - run.loop}"


def in_full(run: Run) -> str:
    """Its steps in words."""
    return steps_in_words(len(run.steps), run.loop)


def steps_in_words(steps: int, loop: int | None) -> str:
    """So many steps; of a run for ever, from the place on where its cycle begins."""
    if loop is None:
        return f"{steps} steps"
    if again := steps - loop:
        return f"{loop} steps, then {again} for ever"
    return f"{loop} steps, then nothing"


def brief(judgement: Judgement) -> str:
    """The verdict in as few letters as possible; ! for what is not expected."""
    news = "!" if judgement.standing is Standing.UNEXPECTED else ""
    return ("idle" if is_idle(judgement) else _brief(judgement.verdict)) + news


def is_idle(judgement: Judgement) -> bool:
    """The rule holds, as it would on this machine of any design."""
    return judgement.idle and judgement.outcome is Outcome.VACUOUS


def _brief(verdict: Verdict) -> str:
    match verdict:
        case Exhausted() | Reached():
            return "\N{CHECK MARK}"
        case Proved():
            return "\N{CHECK MARK}p"
        case ProvedForEvery():
            return "\N{CHECK MARK}N"
        case HeldInSmall():
            return "?N"
        case Bounded(depth):
            return f"<={depth}"
        case Refuted(run):
            return f"\N{BALLOT X}{length(run)}"
        case Unreachable():
            return "\N{BALLOT X}"
        case Vacuous():
            return "vac"
        case Unknown(Limit.UNSUPPORTED):
            return "-"
        case Unknown():
            return "?"
    raise TypeError(f"not a verdict: {verdict!r}")


def cell(judgement: Judgement) -> str:
    """The verdict in a cell of a table; capitals for what is not expected."""
    verdicts = judgement.by_engine.values()
    exhausted = any(isinstance(v, Exhausted) for v in verdicts)
    proved = any(isinstance(v, Proved) for v in verdicts)
    text = word(judgement)
    if exhausted and proved and text in ("exhausted", "proved"):
        text = "exhausted, proved"
    return text.upper() if judgement.standing is Standing.UNEXPECTED else text


def word(judgement: Judgement) -> str:
    """The kind of what was found; of a run, with its number of steps."""
    return "idle" if is_idle(judgement) else kind(judgement.verdict)


def category(judgement: Judgement) -> str:
    """Its kind, without any number: what verdicts are counted by."""
    if is_idle(judgement):
        return word(judgement)
    match judgement.verdict:
        case Refuted():
            return "refuted"
        case Reached():
            return "reached"
        case Bounded():
            return "to a depth"
    return kind(judgement.verdict)


def kind(verdict: Verdict) -> str:
    match verdict:
        case Exhausted():
            return "exhausted"
        case Proved():
            return "proved"
        case ProvedForEvery():
            return "proved for every N"
        case HeldInSmall():
            return "only for small N"
        case Bounded(depth):
            return f"to depth {depth}"
        case Refuted(run, shortest):
            about = "" if shortest else "at most "
            return f"refuted in {about}{length(run)}"
        case Reached(run):
            return f"reached in {len(run.steps)}"
        case Unreachable():
            return "unreachable"
        case Vacuous():
            return "vacuous"
        case Unknown(Limit.UNSUPPORTED):
            return "not checked"
        case Unknown():
            return "unknown"
    raise TypeError(f"not a verdict: {verdict!r}")


def style(judgement: Judgement) -> Style:
    if judgement.standing is Standing.UNEXPECTED:
        return Style.BAD
    if judgement.standing in (Standing.UNDECIDED, Standing.NOT_CHECKED):
        return Style.QUIET
    if judgement.outcome is Outcome.HOLDS:
        return Style.GOOD
    return Style.PLAIN


def sentence(judgement: Judgement) -> str:
    """What was established, in full, and by which engine."""
    told = [
        f"{engine.value}: {told_by(engine, verdict)}"
        for engine, verdict in judgement.by_engine.items()
    ]
    if is_idle(judgement):
        told.append("no design could break it on this machine")
    return "; ".join(told)


def told_by(engine: Engine, verdict: Verdict) -> str:
    match verdict:
        case Exhausted(states, rests_on):
            because = f", because of {' and '.join(rests_on)}" if rests_on else ""
            return f"holds in all {states:,} reachable states{because}"
        case Proved(method):
            return f"proved by {method}"
        case ProvedForEvery(family, method, excepted=excepted):
            save = f", save machines with {excepted}" if excepted else ""
            return f"proved for any number of {family}{save}, by {method}"
        case HeldInSmall(machine, reason):
            return f"holds with {machine}; no proof for more: {reason}"
        case Bounded(depth, limit):
            return f"holds for {depth} steps, then {limit.value} was met"
        case Refuted(run, shortest):
            manner = "refuted by a shortest run" if shortest else "refuted by a run"
            return f"{manner} of {in_full(run)}"
        case Reached(run):
            return f"reached by a run of {len(run.steps)} steps"
        case Unreachable(method):
            return f"never reached: {method}"
        case Vacuous(method):
            return f"holds, but what it speaks of never happens: {method}"
        case Unknown(limit, about):
            told = f": {about}" if about else ""
            return f"nothing established: {limit.value}{told}"
    raise TypeError(f"not a verdict: {verdict!r}")

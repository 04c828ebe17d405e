"""Kept: what earlier runs have found, and what of it is believed.

Answers are kept by the content of what was asked (`content.py`), each by itself, so
that only what has changed is asked again. What a limit has cut short is not kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from tdxcheck.checker.judging import content
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.plain import (
    Damaged,
    Json,
    from_answer,
    from_statistics,
    to_answer,
    to_statistics,
)
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.sharing import Group
from tdxcheck.checker.judging.work import (
    NOTHING_KNOWN,
    Answer,
    Budget,
    Findings,
    Judge,
    Known,
    Statistics,
)
from tdxcheck.checker.seal import Sealer
from tdxcheck.checker.store import Store, key_of
from tdxcheck.checker.trace import ReplayError, Trace, replay
from tdxcheck.checker.verdict import (
    Exhausted,
    Limit,
    Proved,
    ProvedForEvery,
    Reached,
    Refuted,
    Unknown,
    Unreachable,
    Vacuous,
    every_of,
)

Checked = Callable[[Case, int, Answer], bool]
"""Whether the proof that an answer to a question of a case comes with is one."""

SOLVING = (Engine.SYMBOLIC, Engine.PDR, Engine.PARAMETRIC)
"""Engines that show without a search that something holds."""

COUNTED = 8
"""Slices of one system of which the statistics are kept."""


@dataclass(frozen=True)
class Recalled:
    """What is known of a group."""

    known: Known = NOTHING_KNOWN
    said: Findings | None = None
    """What the engine has said the last time."""

    @property
    def findings(self) -> Findings | None:
        """All that the engine would say; None if it has still something to do."""
        said = self.said
        return said if said and all(a.is_final for a in said.answers) else None


@dataclass
class Kept:
    """The answers of earlier runs; without a store there are none."""

    store: Store | None = None
    checked: Checked = lambda case, number, answer: False
    """Checks a proof; without it, none is believed."""
    sealer: Sealer | None = None
    """Tells what was checked before; without it, everything is checked again."""
    traces: dict[tuple[str, str, Engine], Trace] = field(default_factory=dict)
    """The replayed runs, by case, question and engine."""

    def recall(
        self, group: Group, engine: Engine, judge: Judge, budget: Budget
    ) -> Recalled:
        """What is kept of the group, and believed."""
        if self.store is None:
            return Recalled()
        keys = _Keys(group.case, engine, judge, budget)
        answers = {}
        for number in range(len(group.case.questions)):
            key = keys.answers[number]
            found = self._answer(key)
            if found and self._believes(group, engine, number, found, key):
                answers[number] = found
        counts = dict(self._counts(keys.counts))
        known = Known(answers, counts, self._read(keys.reached))
        return Recalled(known, self._said(group.case, engine, keys, known))

    def keep(
        self,
        group: Group,
        engine: Engine,
        judge: Judge,
        budget: Budget,
        findings: Findings,
    ) -> None:
        """Keep what is final of the findings; a full disk keeps nothing."""
        if self.store is None:
            return
        keys = _Keys(group.case, engine, judge, budget)
        with suppress(OSError):
            for number, answer in enumerate(findings.answers):
                if number not in findings.recalled and _is_kept(engine, answer):
                    self.store.put(keys.answers[number], from_answer(answer))
            seen = findings.statistics
            if seen is not None and seen.limit is None and seen.of:
                counts = dict(self._counts(keys.counts))
                counts = {**counts, seen.of: seen}
                latest = list(counts.items())[-COUNTED:]
                document = {of: from_statistics(each) for of, each in latest}
                self.store.put(keys.counts, document)
            if findings.reached is not None:
                self.store.put(keys.reached, findings.reached)
            elif all(answer.is_final for answer in findings.answers):
                self.store.forget(keys.reached)
                if not findings.recalled:
                    place = _duration(group.case, engine)
                    self.store.put(place, round(findings.seconds, 1))
            open_ = {
                str(number): from_answer(answer if not answer.is_final else UNSHOWN)
                for number, answer in enumerate(findings.answers)
                if not _is_kept(engine, answer)
            }
            self.store.put(
                keys.search,
                {
                    "seconds": findings.seconds,
                    "note": findings.note,
                    "statistics": from_statistics(seen),
                    "open": open_,
                },
            )

    def usual(self, group: Group, engine: Engine) -> float | None:
        """How long the engine took to finish the case, whatever its content was."""
        said = self._read(_duration(group.case, engine))
        return float(said) if isinstance(said, int | float) else None

    def _believes(
        self, group: Group, engine: Engine, number: int, answer: Answer, key: str
    ) -> bool:
        """Whether what was kept is to be believed of every member that asks for it.

        A run is replayed by the interpreter. A proof is checked by its certificate,
        when it is read for the first time; that it was, its seal says. What was shown
        by visiting every state rests on the digest of the checker and of all that was
        asked.
        """
        if not _is_possible(engine, answer):
            return False
        if _is_proof(engine, answer):
            return self._is_shown(group, number, answer, key)
        if answer.evidence is None:
            return True
        try:
            for case, asked in group.askers(number):
                question = case.questions[asked]
                trace = replay(case.instance, question.rule, answer.evidence)
                self.traces[case.label, question.name, engine] = trace
        except ReplayError:
            return False
        return True

    def _is_shown(self, group: Group, number: int, answer: Answer, key: str) -> bool:
        """The proof was checked before, or is checked now and sealed."""
        assert self.store is not None, "what is not kept is not believed"
        place = key_of("seal", key)
        what = (key, json.dumps(from_answer(answer), sort_keys=True))
        if self.sealer and self.sealer.is_sealed(self._read(place), *what):
            return True
        if not self.checked(group.case, number, answer):
            return False
        if self.sealer and (seal := self.sealer.seal(*what)):
            with suppress(OSError):
                self.store.put(place, seal)
        return True

    def _said(
        self, case: Case, engine: Engine, keys: _Keys, known: Known
    ) -> Findings | None:
        """What the engine has said the last time, if all of it is there."""
        said = self._read(keys.search)
        if said is None:
            return None
        try:
            found = {int(n): to_answer(each) for n, each in said["open"].items()}
            found |= known.answers
            answers = [found[number] for number in range(len(case.questions))]
            seen = to_statistics(said["statistics"])
            if seen is not None and seen.of and seen.limit is None:
                answers = [answer.counting(seen.states) for answer in answers]
            return Findings(
                case.label,
                engine,
                tuple(answers),
                float(said["seconds"]),
                seen,
                str(said["note"]),
                recalled=frozenset(range(len(answers))),
            )
        except (Damaged, KeyError, TypeError, ValueError, AttributeError):
            return None

    def _answer(self, key: str) -> Answer | None:
        said = self._read(key)
        with suppress(Damaged):
            return None if said is None else to_answer(said)
        return None

    def _counts(self, key: str) -> Iterator[tuple[str, Statistics]]:
        said = self._read(key)
        with suppress(Damaged):
            for of, each in said.items() if isinstance(said, dict) else ():
                seen = to_statistics(each)
                if seen is not None:
                    yield of, seen

    def _read(self, key: str) -> Json:
        return None if self.store is None else self.store.get(key)


NOTHING_KEPT = Kept()
UNSHOWN = Answer(Unknown(Limit.CERTIFICATE), None)
"""In place of a proof that nothing could be checked of."""


def _is_proof(engine: Engine, answer: Answer) -> bool:
    """A solver's word, and not a search, says that something holds."""
    match answer.verdict:
        case Proved() | ProvedForEvery():
            return True
        case Vacuous() | Unreachable():
            return engine in SOLVING
    return False


def _is_possible(engine: Engine, answer: Answer) -> bool:
    """The engine can have said so; one that visits states proves nothing otherwise."""
    match answer.verdict:
        case Proved() | ProvedForEvery():
            return engine in SOLVING
        case Exhausted():
            return engine not in SOLVING
        case Refuted() | Reached():
            return answer.evidence is not None
    return True


def _is_kept(engine: Engine, answer: Answer) -> bool:
    """The answer is final, and if it is a proof, it comes with its certificate."""
    if not answer.is_final or not _is_proof(engine, answer):
        return answer.is_final
    return answer.proof is not None or every_of(answer.verdict) is not None


def merged(known: Known, findings: Findings) -> Findings:
    """The findings, with what was known: each run, and what was left without answer."""
    answers = list(findings.answers)
    for number, answer in known.answers.items():
        if answer.evidence is not None or not answers[number].is_final:
            answers[number] = answer
    return replace(findings, answers=tuple(answers), recalled=frozenset(known.answers))


def _duration(case: Case, engine: Engine) -> str:
    """The key of how long the engine took for a case of this name."""
    return key_of("duration", case.label, engine.value)


class _Keys:
    """The keys of what is kept of a case."""

    def __init__(
        self, case: Case, engine: Engine, judge: Judge, budget: Budget
    ) -> None:
        system = content.of_system(case.instance)
        # Not the questions' own rules: of a family, each is about some members only.
        rules = case.instance.system.properties
        asked = [content.of_property(case.instance, rule) for rule in rules]
        by = f"{judge.__module__}.{getattr(judge, '__qualname__', type(judge))}"
        base = (content.versions(), engine.value, by, str(budget.depth), system)
        self.answers = [key_of("answer", *base, one) for one in asked]
        self.counts = key_of("counts", *base)
        self.reached = key_of("reached", *base)
        self.search = key_of("search", *base, *asked)

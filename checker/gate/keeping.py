"""Keeping: searches of the gate that an earlier run has done are not done again.

What is kept is found by the content of the ground system and of what was asked, and by
the checker's own source. Runs among it are replayed by their side before they are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.gate.probes import Answers, Asked, together
from tdxcheck.checker.ground.fingerprint import fingerprint
from tdxcheck.checker.judging import content
from tdxcheck.checker.judging.plain import Damaged, from_answer, to_answer
from tdxcheck.checker.judging.work import Answer
from tdxcheck.checker.store import Store, key_of
from tdxcheck.checker.verdict import Verdict

Json = Any
USUAL = Limits(memory=6 << 30)


@dataclass
class Searches:
    """Asks sides, and keeps what they answer; without a store nothing is kept."""

    store: Store | None = None
    limits: Limits = USUAL
    done: int = field(default=0, init=False)
    """The searches that were not kept from an earlier run."""

    def answers(self, asked: Asked) -> Answers:
        kept = self._kept(asked)
        return kept or self._keep(asked, asked.answers(self.limits))

    def of_both(self, one: Asked, other: Asked) -> tuple[Answers, Answers]:
        """The answers of both sides, asked at the same time."""
        first, second = self._kept(one), self._kept(other)
        if first is not None or second is not None:
            return first or self.answers(one), second or self.answers(other)
        first, second = together(
            lambda: one.answers(self.limits), lambda: other.answers(self.limits)
        )
        return self._keep(one, first), self._keep(other, second)

    def _kept(self, asked: Asked) -> Answers | None:
        if self.store is None:
            return None
        said = self.store.get(_key(asked))
        with suppress(Damaged, KeyError, TypeError, AttributeError):
            return None if said is None else _from_plain(said)
        return None

    def _keep(self, asked: Asked, found: Answers) -> Answers:
        """Keep the answers, unless a limit has cut them short."""
        self.done += 1
        if self.store is not None and not found.open:
            with suppress(OSError):  # A full disk keeps nothing.
                self.store.put(_key(asked), _as_plain(found))
        return found


def _key(asked: Asked) -> str:
    names = "\n".join(asked.named)
    return key_of(
        "gate", content.versions(), fingerprint(asked.system), names, asked.how
    )


def _as_plain(found: Answers) -> Json:
    return {
        "verdicts": _verdicts_as_plain(found.verdicts),
        "probes": _verdicts_as_plain(found.probes),
        "fired": dict(found.fired),
        "states": found.states,
    }


def _verdicts_as_plain(verdicts: Mapping[str, Verdict]) -> Json:
    return {n: from_answer(Answer(verdict, None)) for n, verdict in verdicts.items()}


def _from_plain(said: Json) -> Answers:
    return Answers(
        _verdicts_from_plain(said["verdicts"]),
        _verdicts_from_plain(said["probes"]),
        dict(said["fired"]),
        int(said["states"]),
    )


def _verdicts_from_plain(said: Json) -> dict[str, Verdict]:
    return {name: to_answer(each).verdict for name, each in said.items()}

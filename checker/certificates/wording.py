"""Wording: that the comments of a certificate say what it shows, and nothing else.

A certificate is for people, too. What it says to them is written anew of what was
shown, and must be what stands in it; only the lines at which things are stated may be
others. Nothing of what solvers are asked rests on this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest

from tdxcheck.checker.certificate_checker import Certificate, Refused
from tdxcheck.checker.certificate_endings import Ranking
from tdxcheck.checker.certificates.posing import pose
from tdxcheck.checker.certificates.ranking import lowered
from tdxcheck.checker.certificates.writing import (
    Subject,
    for_every,
    script,
    story,
    story_of_every,
    targets_of,
)
from tdxcheck.checker.engines.symbolic.pdr import Never, Proof
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundSlot, GroundSystem
from tdxcheck.checker.verdict import ProvedForEvery

ABOUT = "(define-fun |clause ", "(define-fun invariant ", "(push"
STEP = re.compile(r"\(define-fun \|may [^|]+\|")
PLACE = re.compile(r"(?<=\.py:)[0-9]+")
"""The line of a file."""


def says_what_is_shown(
    text: str,
    certificate: Certificate,
    system: GroundSystem,
    number: int,
    subject: Subject,
) -> str:
    """Refuse a certificate for one machine that says anything else in its words.

    Else what is to be told beside it.
    """
    part = slice_for(system, (number,))
    posed = pose(part, subject, lowered(Ranking.of(certificate.info), part))
    (rule,) = posed.system.properties
    targets = targets_of(posed.system, rule, subject.says)
    slots = {f"|now {slot.name}|": slot for slot in posed.system.slots}
    functions = certificate.functions.items()
    clauses = [
        _clause(typed, body, slots)
        for name, (typed, _, body) in functions
        if name.startswith("|clause ")
    ]
    proof = Proof(posed.system, targets, tuple(clauses))
    compare(_told(text), _told(script(posed.subject, proof, part.steps)))
    return story(posed.subject, proof)


def says_what_is_shown_for_every(
    text: str, shown: ProvedForEvery, subject: Subject
) -> str:
    """The same of a certificate for every number, which shows this."""
    compare(_told(text), _told(for_every(subject, shown)))
    return story_of_every(subject, shown)


def compare(found: Iterable[str], due: Iterable[str]) -> None:
    """Refuse words that are not those due."""
    for said, wanted in zip_longest(found, due):
        if said is None:
            raise Refused(f"it does not say: {wanted.strip('; ')}")
        if wanted is None or PLACE.sub("", said) != PLACE.sub("", wanted):
            raise Refused(f"its words are not those of what it shows: {said[:200]}")


def _told(text: str) -> Iterator[str]:
    """The comments, and what they are about: the invariant, steps, and questions."""
    for line in text.splitlines():
        if ";" in line or line.startswith(ABOUT):
            yield line
        elif match := STEP.match(line):
            yield match[0]


def _clause(typed: str, body: str, slots: Mapping[str, GroundSlot]) -> Never:
    """What never occurs, if the definition is one that is written of it."""
    never = body.removeprefix("(not ")
    found: list[tuple[int, tuple[int, ...]]] = []
    for name in re.findall(r"\|[^|]+\|", typed):
        if name not in slots:
            raise Refused(f"the rule cannot depend on {name}")
        slot = slots[name]
        values = [int(f"(not {name})" not in never)]
        if not slot.term.boolean:
            said = re.findall(rf"\(= {re.escape(name)} \(_ bv(\d+) (\d+)\)\)", body)
            values = [_signed(int(value), int(bits)) for value, bits in said]
        if not all(slot.term.low <= value <= slot.term.high for value in values):
            raise Refused(f"{name} has no such value as its clause says")
        found.append((slot.number, tuple(values)))
    return Never(tuple(found))


def _signed(value: int, bits: int) -> int:
    return value - (value >> bits - 1 << bits) if bits else value

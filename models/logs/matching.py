"""The design that a log matches, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from tdxcheck.models.logs.facts import Facts
from tdxcheck.models.logs.families import ALL, BY_CALLER, BY_CORE, EARLY, LATE
from tdxcheck.models.logs.form import Origin
from tdxcheck.models.logs.timeline import Boot, Event

BY_RELEASE: Final = (
    ((7, 2), "v7.2"),
    ((7, 1), "v7.1"),
    ((6, 18), "v6.18"),
    ((6, 16), "v6.16"),
    ((6, 6), "v6.8"),
    ((6, 2), "v13"),
    ((6, 0), "v7"),
    ((5, 19), "v5"),
    ((5, 16), "v3"),
)
"""The design of each release and of the trees that were made for it, newest first."""

SEAMCALLS: Final = MappingProxyType(
    {"virt/tdx": LATE, "tdx": EARLY, "seamldr": BY_CORE - {"v7.1"}}
)
"""Who prints that a SEAMCALL has failed, by the prefix."""

USUAL: Final = (
    "v6.8", "v6.16", "v6.18", "v7.1", "v7.2", "dpamt", "v13", "v5", "v3", "v7",
)  # fmt: skip
"""Of designs that a log does not tell apart, the one to begin with."""


class Sure(Enum):
    CERTAIN = "certain"
    LIKELY = "likely"
    GUESS = "a guess"


@dataclass
class Match:
    design: str
    sure: Sure
    because: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Designs whose kernels print the same lines."""
    against: list[Event] = field(default_factory=list)
    """Lines that this design's kernels do not print."""


def matched(boot: Boot, facts: Facts) -> Match | None:
    """None where neither the kernel's version nor a line says anything."""
    printed = [(event, designs) for event in boot.events if (designs := _by(event))]
    candidates = ALL
    for _, designs in printed:
        candidates &= designs
    released = _by_release(facts)
    if not printed and released is None:
        return None
    if printed and not candidates:
        return _contradictory(printed, released, facts)
    if released is not None and released in candidates:
        plain = "-" not in facts.kernel.replace("-rc", "")
        sure = Sure.CERTAIN if plain and printed else Sure.LIKELY
        because = [f"the kernel is {facts.kernel}"]
        if "dpamt" in candidates and len(candidates) == 1:
            released = "dpamt"
        if printed:
            because.append("every line is one that it prints")
        if not plain:
            because.append("a distribution's kernel, which may differ from the release")
        return Match(released, sure, because, _ordered(candidates - {released}))
    if not printed:
        assert released is not None, "something is known of the kernel"
        return Match(released, Sure.GUESS, [f"the kernel is {facts.kernel}"])
    first, *others = _ordered(candidates)
    because = ["by the wording of the lines"]
    if released is not None:
        because.append(f"a kernel {facts.kernel} as released prints others")
    sure = Sure.LIKELY if len(others) < 3 else Sure.GUESS
    return Match(first, sure, because, others)


def _by(event: Event) -> frozenset[str]:
    """The designs whose kernels print the line, by its wording and its prefix."""
    designs = event.form.designs
    if event.key == "seamcall":
        # KVM prints them as well, and some distributions without a prefix.
        prefix, colon, _ = event.text.lower().partition(": ")
        return SEAMCALLS.get(prefix if colon else "", designs)
    if event.form.origin is Origin.CORE and event.key not in ("guest",):
        prefix = event.line.text("prefix").lower()
        era = LATE if prefix == "virt/tdx" else EARLY | BY_CALLER
        return (designs & era) or designs if designs else era
    return designs


def _by_release(facts: Facts) -> str | None:
    release = facts.release
    if release is None:
        return None
    for since, design in BY_RELEASE:
        if release >= since:
            return design
    return None


def _ordered(candidates: frozenset[str]) -> list[str]:
    usual = [design for design in USUAL if design in candidates]
    return usual + sorted(candidates - set(usual))


def _contradictory(
    printed: list[tuple[Event, frozenset[str]]], released: str | None, facts: Facts
) -> Match:
    """No design prints all of it: the one that prints most, and what speaks against."""

    def agreeing(design: str) -> tuple[int, bool]:
        return sum(design in designs for _, designs in printed), design == released

    best = max(_ordered(ALL), key=agreeing)
    against = [event for event, designs in printed if best not in designs]
    because = ["no design prints every line; this one prints most"]
    if released == best:
        because.insert(0, f"the kernel is {facts.kernel}")
    return Match(best, Sure.GUESS, because, [], against)

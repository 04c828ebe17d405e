"""The lines of a log in their order, boot by boot.

A line that is repeated is kept once, with how often it was there. Where lines have
stamps, these say the order, and not the file: logs are glued together and sorted by
whoever sends them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tdxcheck.models.logs.form import Form, Forms, Line, Role
from tdxcheck.models.logs.forms import BOOT_LINES, INIT_LINES
from tdxcheck.models.logs.machine_forms import MACHINE_FORMS
from tdxcheck.models.logs.reading import Raw, parted
from tdxcheck.models.logs.use_forms import REFUSAL_LINES, RUN_LINES
from tdxcheck.models.machines.map_lines import MapLine, parse_line
from tdxcheck.spec.decoding import decode
from tdxcheck.spec.leaves import leaf_name

FORMS: Final = Forms(
    (*BOOT_LINES, *INIT_LINES, *RUN_LINES, *REFUSAL_LINES, *MACHINE_FORMS)
)

MOST_EVENTS: Final = 20_000
"""Different lines of one boot that are kept."""
MOST_BOOTS: Final = 32
MOST_LINES: Final = 100_000
"""Different lines that are looked at, before a log is cut for good."""
CACHED: Final = 20_000
SHOWN: Final = 400
"""Characters of a line that are shown."""


@dataclass(slots=True)
class Event:
    """A line that was recognised."""

    line: Line
    number: int
    """The line of the log, counted from 1."""
    stamp: float | None
    text: str
    """The message, fit to be shown."""
    count: int = 1

    @property
    def key(self) -> str:
        return self.line.form.key

    @property
    def form(self) -> Form:
        return self.line.form

    @property
    def says(self) -> str:
        return said(self.line)


class _Lenient(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "something"


def said(line: Line) -> str:
    """The line in words."""
    leaf = line.values.get("leaf")
    if isinstance(leaf, int) and not leaf >> 64:
        status = decode(line.number("status") & (1 << 64) - 1)
        return f"{leaf_name(leaf)} was answered {status.name} ({status.word:#x})"
    try:
        return line.form.says.format_map(_Lenient(line.values))
    except (ValueError, TypeError):
        return line.form.says


@dataclass
class Boot:
    """What one run of a kernel has said."""

    events: list[Event] = field(default_factory=list)
    memory: dict[MapLine, None] = field(default_factory=dict)
    """What its lines tell of memory, each once, in the order of the log."""
    alike: int = 1
    """How many boots of the log said the very same."""
    dropped: int = 0
    """Lines that were too many to be kept."""
    reordered: bool = False
    _seen: dict[bytes, list[Event]] = field(default_factory=dict, repr=False)

    def add(self, number: int, raw: Raw, found: tuple[Line, ...], text: str) -> None:
        known = self._seen.get(raw.body)
        if known is not None:
            for event in known:
                event.count += 1
        elif len(self.events) < MOST_EVENTS:
            events = [Event(line, number, raw.stamp, text) for line in found]
            self._seen[raw.body] = events
            self.events += events
        else:
            self.dropped += 1

    def tell(self, line: MapLine) -> None:
        if line in self.memory:
            return
        if len(self.memory) < MOST_EVENTS:
            self.memory[line] = None
        else:
            self.dropped += 1

    def settle(self) -> None:
        """Put lines with stamps in the order of these; the others stay beside them."""
        self._seen.clear()
        last = None
        keyed = []
        for place, event in enumerate(self.events):
            if event.stamp is not None:
                if last is not None and event.stamp < last:
                    self.reordered = True
                last = event.stamp
            keyed.append((last if last is not None else -1.0, place, event))
        if self.reordered:
            own = [
                (e.stamp if e.stamp is not None else before, place, e)
                for before, place, e in keyed
            ]
            self.events = [e for *_, e in sorted(own, key=lambda item: item[:2])]

    @property
    def empty(self) -> bool:
        return not self.events and not self.memory

    def signature(self) -> tuple[object, ...]:
        return (*self.memory, *(event.text for event in self.events))

    def of(self, *keys: str) -> Iterator[Event]:
        return (event for event in self.events if event.key in keys)

    def has(self, *keys: str) -> bool:
        return any(True for _ in self.of(*keys))

    def with_role(self, *roles: Role) -> list[Event]:
        return [event for event in self.events if event.form.role in roles]


@dataclass
class Timeline:
    """A log, boot by boot."""

    boots: list[Boot] = field(default_factory=list)
    lines: int = 0
    """Lines that could matter."""
    notes: list[str] = field(default_factory=list)


def clean(text: str) -> str:
    """A message without anything that would upset a terminal, and not endless."""
    cut = harmless(text[:SHOWN])
    return cut if len(text) <= SHOWN else f"{cut}..."


def harmless(text: str) -> str:
    """The text with what cannot be printed written out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class _Known(NamedTuple):
    """What a line is, which may come again."""

    raw: Raw
    found: tuple[Line, ...]
    told: MapLine | None
    text: str
    begins: bool
    """It may be the first of another boot."""


class _Reader:
    """Recognises lines, and remembers what it has seen of late."""

    def __init__(self) -> None:
        self._lines: dict[bytes, _Known | None] = {}
        self._bodies: dict[bytes, tuple[tuple[Line, ...], str]] = {}
        self.different = 0

    def read(self, line: bytes) -> _Known | None:
        """What the line says, or None if that is nothing."""
        try:
            return self._lines[line]
        except KeyError:
            pass
        known = self._read(line)
        if len(self._lines) >= CACHED:
            self._lines.clear()
        self._lines[line] = known
        return known

    def _read(self, line: bytes) -> _Known | None:
        raw = parted(line)
        if raw is None:
            return None
        if raw.body not in self._bodies:
            self.different += 1
            # What a line says is taken from what is fit to be shown, and so is, too.
            text = harmless(" ".join(raw.body.decode("utf-8", "replace").split()))
            found = FORMS.lines(text)
            if len(self._bodies) >= CACHED:
                self._bodies.clear()
            self._bodies[raw.body] = found, clean(text) if found else ""
        found, text = self._bodies[raw.body]
        begins = any(line.form.key in FIRST for line in found)
        told = self._told(line, raw.body)
        if not found and told is None and not raw.boot:
            return None
        return _Known(raw, found, told, text, begins)

    def _told(self, line: bytes, body: bytes) -> MapLine | None:
        """What it tells of memory: the line with its blanks, or a journal's message."""
        for text in dict.fromkeys((line, body)):
            told = parse_line(harmless(text.decode("utf-8", "replace").rstrip()))
            if told is not None:
                return told
        return None


def timeline(lines: Iterable[tuple[int, bytes]]) -> Timeline:
    """The log as boots, each with its lines in order."""
    reader = _Reader()
    log = Timeline()
    boot = Boot()
    journal = ""
    for number, line in lines:
        known = reader.read(line)
        if known is None:
            if reader.different > MOST_LINES:
                _cut(log, number)
                break
            continue
        log.lines += 1
        raw, found, told, text, begins = known
        other = raw.boot and journal and raw.boot != journal
        if other or (begins and _begins(raw, found, boot)):
            _close(log, boot)
            boot = Boot()
        journal = raw.boot or journal
        if told is not None:
            boot.tell(told)
        if found and found[0].form.key != "boot":
            boot.add(number, raw, found, text)
        if reader.different > MOST_LINES:
            _cut(log, number)
            break
    _close(log, boot)
    return log


def _cut(log: Timeline, number: int) -> None:
    log.notes.append(
        f"what follows line {number:,} was not looked at: there are more than "
        f"{MOST_LINES:,} different lines that could matter"
    )


FIRST: Final = frozenset({"boot", "linux", "command_line", "keyids"})
"""Lines that a boot has once, near its beginning."""


def _begins(raw: Raw, found: tuple[Line, ...], boot: Boot) -> bool:
    """The line is the first of another boot."""
    keys = {line.form.key for line in found}
    if "boot" in keys:
        return True
    if "linux" in keys:
        # A log that was pasted again from its middle is still the same boot.
        if raw.stamp == 0.0:
            return not boot.empty and _has_run(boot)
        return boot.has("linux")
    if raw.stamp is None:
        ended = bool(boot.with_role(Role.SUCCESS, Role.FAILURE))
        return ended and boot.has(*keys & FIRST)
    stamps = {event.stamp for event in boot.of(*keys & FIRST)}
    if "keyids" in keys:
        return bool(stamps) and raw.stamp not in stamps
    # It is printed once at 0.0 and once later.
    return raw.stamp == 0.0 and 0.0 in stamps and _has_run(boot)


def _has_run(boot: Boot) -> bool:
    return any((event.stamp or 0.0) > 0.0 for event in boot.events)


def _close(log: Timeline, boot: Boot) -> None:
    boot.settle()
    if boot.empty:
        return
    signature = boot.signature()
    for known in log.boots:
        if known.signature() == signature:
            known.alike += 1
            # The last of its kind: reports tell of the latest boot.
            log.boots.remove(known)
            log.boots.append(known)
            return
    log.boots.append(boot)
    if len(log.boots) > MOST_BOOTS:
        log.boots.pop(0)
        note = f"only the last {MOST_BOOTS} boots that differ are kept"
        if note not in log.notes:
            log.notes.append(note)

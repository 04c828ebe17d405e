"""Forms of lines: a printk format with named fields, and which kernels print it.

In a format `{start:u}` is a decimal number, `{start:x}` one in hexadecimal, `{leaf:n}`
either, `{errno:i}` one with a sign, `{version:w}` a word and `{rest:t}` any text. A
space stands for any number of them, and case does not matter. Everything else is
itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from tdxcheck.checker.language.source import Source

Value = int | str

FIELDS: Final = {
    "u": r"[0-9]{1,20}",
    "x": r"(?:0x)?[0-9a-f]{1,16}",
    "n": r"0x[0-9a-f]{1,16}|[0-9]{1,20}",
    "i": r"-?[0-9]{1,9}",
    "w": r"[^\s,;\"']{1,80}",
    "t": r".{0,2000}",
}
FIELD: Final = re.compile(r"\{(\w+):([uxniwt])\}")


class Origin(Enum):
    """Who prints a line, by the prefix that is asked for before it."""

    CORE = r"(?P<prefix>virt/tdx|tdx):\s*(?:\[firmware bug\]:\s*)?"
    KVM = r"(?P<prefix>kvm_intel|kvm):\s*(?:tdx:\s*)?"
    KEXEC = r"(?P<prefix>kexec(?:_core|_file)?|virt/tdx):\s*"
    SEAMLDR = r"(?P<prefix>seamldr|tdx|virt/tdx):\s*"
    TME = r"(?P<prefix>x86/(?:mk)?tme):\s*"
    ANY = ""


class Role(Enum):
    """What a line is about."""

    MACHINE = "the machine"
    FIRMWARE = "what firmware set up"
    INIT = "initialisation"
    SUCCESS = "initialisation, well ended"
    FAILURE = "initialisation, failed"
    RUN = "TDX in use"
    REFUSAL = "refused"
    HARDWARE = "hardware error"
    CRASH = "crash"
    GUEST = "a guest"
    NOTE = "note"


@dataclass(frozen=True, eq=False)
class Form:
    """One kind of line."""

    key: str
    role: Role
    origin: Origin
    formats: tuple[str, ...]
    designs: frozenset[str] = frozenset()
    """The designs whose kernels print it; empty: it says nothing of the design."""
    sources: tuple[Source, ...] = ()
    says: str = ""
    """In words, with `{field}` for what the line holds."""
    patterns: tuple[tuple[str, re.Pattern[str]], ...] = field(init=False, repr=False)
    """Each with the piece of text, in lower case, without which it cannot match."""

    def __post_init__(self) -> None:
        compiled = tuple(_compiled(self.origin, text) for text in self.formats)
        object.__setattr__(self, "patterns", compiled)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was recognised: its form, and the values of its fields."""

    form: Form
    values: dict[str, Value]

    def number(self, name: str) -> int:
        value = self.values.get(name, 0)
        return value if isinstance(value, int) else 0

    def text(self, name: str) -> str:
        return str(self.values.get(name, ""))


def _compiled(origin: Origin, text: str) -> tuple[str, re.Pattern[str]]:
    parts = FIELD.split(" ".join(text.split()) + text[len(text.rstrip()) :])
    pattern = re.escape(parts[0])
    for name, kind, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        pattern += f"(?P<{name}>{FIELDS[kind]}){re.escape(literal)}"
    anchor = max(parts[0::3], key=len).strip()
    start = origin.value or r"(?:^|(?<=[\s:\]\"]))"
    return anchor.lower(), re.compile(start + pattern, re.IGNORECASE)


def core(
    key: str,
    role: Role,
    says: str,
    designs: frozenset[str],
    source: Source,
    *formats: str,
) -> Form:
    return Form(key, role, Origin.CORE, formats, designs, (source,), says)


def kvm(
    key: str,
    role: Role,
    says: str,
    designs: frozenset[str],
    source: Source,
    *formats: str,
) -> Form:
    return Form(key, role, Origin.KVM, formats, designs, (source,), says)


def other(
    key: str,
    role: Role,
    origin: Origin,
    says: str,
    designs: frozenset[str],
    source: Source,
    *formats: str,
) -> Form:
    return Form(key, role, origin, formats, designs, (source,), says)


KINDS: Final = re.compile(r"\{(\w+):([uxni])\}")


class Forms:
    """A table of forms, and the lines that it recognises."""

    def __init__(self, forms: Iterable[Form]) -> None:
        self.forms = tuple(forms)
        self.by_key = {form.key: form for form in self.forms}
        self._anchored: dict[str, list[tuple[Form, str, re.Pattern[str]]]] = {}
        for form in self.forms:
            for text, (anchor, pattern) in zip(
                form.formats, form.patterns, strict=True
            ):
                self._anchored.setdefault(anchor, []).append((form, text, pattern))

    def lines(self, text: str) -> tuple[Line, ...]:
        """What the message says, in the order in which it says it.

        Two messages that were glued together are two lines.
        """
        text = " ".join(text.split())
        low = text.lower()
        found: list[tuple[int, int, Line]] = []
        for anchor, known in self._anchored.items():
            if anchor in low:
                for form, format_, pattern in known:
                    for match in pattern.finditer(text):
                        line = Line(form, _values(format_, match))
                        found.append((match.start(), match.end(), line))
        return tuple(line for line in _longest(found))


def _longest(found: list[tuple[int, int, Line]]) -> Iterator[Line]:
    """Of matches that overlap, the one that begins first and is longest."""
    covered = -1
    for start, end, line in sorted(found, key=lambda f: (f[0], -f[1])):
        if start >= covered:
            covered = end
            yield line


def _values(text: str, match: re.Match[str]) -> dict[str, Value]:
    values: dict[str, Value] = {
        name: value for name, value in match.groupdict().items() if value is not None
    }
    for name, kind in KINDS.findall(text):
        raw = str(values[name])
        values[name] = int(raw, 16) if kind == "x" else _number(raw)
    return values


def _number(text: str) -> int:
    return int(text, 16) if text[:2].lower() == "0x" else int(text)

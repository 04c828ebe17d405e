"""The formats, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tdxcheck.checker.export.aiger import aiger, aiger_text
from tdxcheck.checker.export.murphi import murphi
from tdxcheck.checker.export.promela import promela
from tdxcheck.checker.export.subject import Subject
from tdxcheck.checker.export.tla import tla, tla_configuration


@dataclass(frozen=True)
class Format:
    """How a subject becomes files."""

    write: Callable[[Subject, str], str | bytes]
    """The subject, under the name that its file has."""
    beside: tuple[str, Callable[[Subject], str]] | None = None
    """The suffix of the file that goes with it, and what that says."""


FORMATS = {
    "promela": Format(lambda subject, _: promela(subject)),
    "murphi": Format(lambda subject, _: murphi(subject)),
    "tla": Format(tla, (".cfg", tla_configuration)),
    "aiger": Format(lambda subject, _: aiger(subject)),
    "aiger-ascii": Format(lambda subject, _: aiger_text(subject)),
}

"""Citations: the document that a fact rests on, and the place in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """Something that can be cited: a source file, a specification, a mail."""

    key: str
    title: str

    def at(self, place: str) -> Source:
        """A citation of one place: a function, a section, a patch number."""
        return Source(self, place)


@dataclass(frozen=True)
class Source:
    """One place in one document."""

    document: Document
    place: str

    def __str__(self) -> str:
        return f"{self.document.title}, {self.place}"

"""Where a statement of a specification stands, and errors that say so."""

from __future__ import annotations

import ast
import linecache
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, TypeVar

R = TypeVar("R")

PACKAGE = Path(__file__).parents[2]
LANGUAGE = str(Path(__file__).parent)


@dataclass(frozen=True)
class Location:
    """A statement of a specification: its file, and its first and last line."""

    file: str
    first: int
    last: int

    @classmethod
    def of_caller(cls) -> Location:
        """The innermost statement on the call stack outside the language itself."""
        frame = sys._getframe(1)
        while frame.f_code.co_filename.startswith(LANGUAGE) and frame.f_back:
            frame = frame.f_back
        positions = frame.f_code.co_positions()
        first, last, *_ = next(islice(positions, frame.f_lasti // 2, None))
        line = frame.f_lineno
        return cls(frame.f_code.co_filename, first or line, last or line)

    @classmethod
    def of_function(cls, function: Callable[..., Any]) -> Location:
        line = function.__code__.co_firstlineno
        return cls(function.__code__.co_filename, line, line)

    @property
    def text(self) -> str:
        """The statement's source, on one line."""
        lines = (
            linecache.getline(self.file, number).strip()
            for number in range(self.first, self.last + 1)
        )
        return " ".join(lines).replace("( ", "(").replace(" )", ")").replace(",)", ")")

    @property
    def path(self) -> str:
        """The file, relative to the package or the folder that one is in, if inside."""
        path = Path(self.file)
        if path.is_relative_to(PACKAGE):
            return str(path.relative_to(PACKAGE))
        here = Path.cwd()
        return str(path.relative_to(here) if path.is_relative_to(here) else path)

    def __str__(self) -> str:
        return f"{self.path}:{self.first}"


@cache
def _strings_after_statements(file: str) -> dict[int, str]:
    """The strings that stand under a statement, by the line that it ends on."""
    tree = ast.parse("".join(linecache.getlines(file)))
    found: dict[int, str] = {}
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            for before, after in pairwise(body):
                match after:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        found[before.end_lineno] = " ".join(text.split())
    return found


def documentation(location: Location) -> str:
    """The string that stands under the statement, on one line; empty if none does."""
    return _strings_after_statements(location.file).get(location.last, "")


class SpecificationError(Exception):
    """A rule breaks the rules of the specification language."""

    def __init__(self, location: Location, message: str) -> None:
        self.location = location
        super().__init__(f"{location}: {message}")


def recorded(rule: Callable[..., R], *arguments: Any) -> R:
    """What the rule gives when it is called to be read; its own errors say where."""
    try:
        return rule(*arguments)
    except (SpecificationError, MemoryError):
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise SpecificationError(_innermost(rule, error), what) from error


def _innermost(rule: Callable[..., Any], error: Exception) -> Location:
    """The statement of the rule's file that the error came from."""
    own = Location.of_function(rule)
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == own.file
    ]
    return Location(own.file, lines[-1], lines[-1]) if lines else own

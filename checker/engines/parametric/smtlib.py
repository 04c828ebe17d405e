"""SMT-LIB: the obligations of a proof as one file that any solver can discharge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tdxcheck.checker.engines.parametric.formulas import Formula, number
from tdxcheck.checker.engines.parametric.vocabulary import Vocabulary

NAME = "chosen!"
"""Of formulas that a solver is to say whether it made use of, with their number."""


WORD = re.compile(r"[^\s()|]+")


@dataclass(frozen=True, eq=False)
class Check:
    """Formulas that cannot hold together."""

    title: str
    formulas: tuple[Formula, ...]
    named: tuple[Formula, ...] = ()
    """More of them, of which is asked which are needed."""
    by: tuple[int, ...] = ()
    """The parts of the invariant that are among them, by number."""


class Writer:
    """Writes checks over one vocabulary, each formula once."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._written: dict[int, tuple[Formula, str]] = {}
        self._names: dict[int, frozenset[str]] = {}

    def text(self, checks: Sequence[Check], heading: Sequence[str] = ()) -> str:
        """One file: every check-sat is to be answered with unsat."""
        lines = [f"; {line}".rstrip() for line in heading]
        lines += ["(set-logic ALL)", "(set-info :status unsat)"]
        lines += [
            f"(declare-sort {sort.sexpr()} 0)"
            for sort in self.vocabulary.sorts.values()
        ]
        for enum in self.vocabulary.enums:
            members = " ".join(
                f"({enum.constructor(n).name()})"
                for n in range(enum.num_constructors())
            )
            name = enum.sexpr()
            lines.append(f"(declare-datatypes (({name} 0)) (({members})))")
        lines += [declaration.sexpr() for declaration in self._declarations(checks)]
        for check in checks:
            lines += ["", f"; {check.title}"]
            if check.by:
                lines.append(f"; by {', '.join(map(str, check.by))}")
            lines.append("(push 1)")
            lines += [f"(assert {self.formula(part)})" for part in check.formulas]
            lines += [
                f"(assert (! {self.formula(part)} :named {NAME}{number}))"
                for number, part in enumerate(check.named)
            ]
            lines += ["(check-sat)", *(["(get-unsat-core)"] if check.named else [])]
            lines += ["(pop 1)"]
        return "\n".join(lines) + "\n"

    def formula(self, formula: Formula) -> str:
        """The formula in SMT-LIB."""
        key = number(formula)
        if key not in self._written:
            # The formula is kept, since z3 gives the number of a dead one to another.
            self._written[key] = formula, formula.sexpr()
        return self._written[key][1]

    def names(self, formula: Formula) -> frozenset[str]:
        """What occurs in the formula and has no meaning of its own."""
        key = number(formula)
        if key not in self._names:
            met = set(WORD.findall(self.formula(formula)))
            self._names[key] = frozenset(met & self.vocabulary.symbols.keys())
        return self._names[key]

    def _declarations(self, checks: Sequence[Check]) -> list[Any]:
        """The functions and constants that occur, each once."""
        parts = (part for check in checks for part in (*check.formulas, *check.named))
        met = frozenset[str]().union(*map(self.names, parts))
        return [self.vocabulary.symbols[name] for name in sorted(met)]

"""SMT-LIB: the obligations of a proof as one file that any solver can discharge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import z3

from tdxcheck.checker.engines.parametric.formulas import Formula
from tdxcheck.checker.engines.parametric.vocabulary import Vocabulary

NAME = "chosen!"
"""Of formulas that a solver is to say whether it made use of, with their number."""


@dataclass(frozen=True, eq=False)
class Check:
    """Formulas that cannot hold together."""

    title: str
    formulas: tuple[Formula, ...]
    named: tuple[Formula, ...] = ()
    """More of them, of which is asked which are needed."""


class Writer:
    """Writes checks over one vocabulary, each formula once."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._written: dict[int, tuple[Formula, str]] = {}
        self._declared: dict[int, dict[int, Any]] = {}

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
            lines += ["", f"; {check.title}", "(push 1)"]
            lines += [f"(assert {self._formula(part)})" for part in check.formulas]
            lines += [
                f"(assert (! {self._formula(part)} :named {NAME}{number}))"
                for number, part in enumerate(check.named)
            ]
            lines += ["(check-sat)", *(["(get-unsat-core)"] if check.named else [])]
            lines += ["(pop 1)"]
        return "\n".join(lines) + "\n"

    def _formula(self, formula: Formula) -> str:
        key = formula.get_id()
        if key not in self._written:
            # The formula is kept, since z3 gives the number of a dead one to another.
            self._written[key] = formula, formula.sexpr()
        return self._written[key][1]

    def _declarations(self, checks: Sequence[Check]) -> list[Any]:
        """The functions and constants that occur, each once."""
        found: dict[int, Any] = {}
        for check in checks:
            for formula in (*check.formulas, *check.named):
                self._formula(formula)
                key = formula.get_id()
                if key not in self._declared:
                    self._declared[key] = _declared(formula)
                found |= self._declared[key]
        return sorted(found.values(), key=lambda d: str(d.name()))


def _declared(formula: Formula) -> dict[int, Any]:
    """What occurs in the formula and has no meaning of its own."""
    found: dict[int, Any] = {}
    seen: set[int] = set()
    stack = [formula]
    while stack:
        term = stack.pop()
        if term.get_id() in seen:
            continue
        seen.add(term.get_id())
        if z3.is_quantifier(term):
            stack.append(term.body())
        elif z3.is_app(term):
            declaration = term.decl()
            if declaration.kind() == z3.Z3_OP_UNINTERPRETED:
                found[declaration.get_id()] = declaration
            stack += term.children()
    return found

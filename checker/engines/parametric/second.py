"""A second solver: cvc5, where it is installed, asked by the text of a certificate.

It has to agree before anything is called proved. Where z3 is at a loss among many
facts, it also says which of them to look at; z3 has to find the proof all the same.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cache

from tdxcheck.checker.engines.parametric.family import Unsupported
from tdxcheck.checker.engines.parametric.smtlib import NAME, Check, Writer

COMMON = {"incremental": "true", "rlimit-per": "100000", "tlimit-per": "60000"}
"""Limits of one question: in cvc5's own unit, of which a second of a processor is about
30,000, so that its answer does not depend on what else the machine does; and of time.
"""
WAYS: tuple[Mapping[str, str], ...] = (
    {"enum-inst": "true"},
    {"finite-model-find": "true"},
    {},
)
"""How cvc5 is asked: what it leaves open is asked again, in the next way.

Machines are finite, so it may look at finite models only.
"""
HINTS = {"finite-model-find": "true", "produce-unsat-cores": "true"}


@cache
def is_installed() -> bool:
    return importlib.util.find_spec("cvc5") is not None


def answers(told: str, ways: Mapping[str, str]) -> list[str]:
    """What cvc5 answers to each check of the text, with these of its options."""
    return [_word(said) for name, said in _invoked(told, ways) if name == "check-sat"]


def needed(writer: Writer, check: Check) -> list[int] | str:
    """The numbers of the named formulas that are needed, or what is said instead."""
    said = dict(_invoked(writer.text([check]), HINTS))
    if (answer := _word(said["check-sat"])) != "unsat":
        return answer
    core = said.get("get-unsat-core", "").strip("()").replace("|", "").split()
    return sorted(int(name.removeprefix(NAME)) for name in core)


def _word(said: str) -> str:
    """The answer without what cvc5 adds to it, such as which limit was met."""
    return said.split(" (")[0]


def _invoked(told: str, ways: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each command of the text, and what cvc5 says to it.

    It refuses, say, a variable with the name of a function of SMT-LIB.
    """
    import cvc5

    solver = cvc5.Solver()
    for option, value in {**COMMON, **ways}.items():
        solver.setOption(option, value)
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, told, "certificate")
    symbols = parser.getSymbolManager()
    found: list[tuple[str, str]] = []
    try:
        while not (command := parser.nextCommand()).isNull():
            said = command.invoke(solver, symbols)
            found.append((command.getCommandName(), said.strip()))
    except RuntimeError as error:
        raise Unsupported(f"what cvc5 does not understand: {error}") from error
    return found

"""The solvers that check certificates: z3, and cvc5 where it is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tdxcheck.checker.certificate_checker import Solver

PATIENCE = 60_000
"""Milliseconds for each question."""


def solvers() -> Mapping[str, Solver]:
    """Those that are installed, by name."""
    found: dict[str, Solver] = {"z3": by_z3}
    try:
        import cvc5  # noqa: F401
    except ImportError:
        return found
    return found | {"cvc5": by_cvc5}


def by_z3(script: str) -> Sequence[str]:
    import z3

    context = z3.Context()
    limited = f"(set-option :timeout {PATIENCE})\n{script}"
    try:
        said: str = z3.Z3_eval_smtlib2_string(context.ref(), limited)
    except z3.Z3Exception as error:
        said = told_by(error)
    return [line for line in said.splitlines() if line]


def told_by(error: Exception) -> str:
    """What z3 says of what it does not understand."""
    said = getattr(error, "value", error)
    return said.decode().strip() if isinstance(said, bytes) else str(said)


def by_cvc5(script: str) -> Sequence[str]:
    import cvc5

    solver = cvc5.Solver()
    solver.setOption("incremental", "true")
    solver.setOption("tlimit-per", str(PATIENCE))
    symbols = cvc5.SymbolManager(solver)
    parser = cvc5.InputParser(solver, symbols)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, script, "certificate")
    said: list[str] = []
    try:
        while not (command := parser.nextCommand()).isNull():
            said.append(str(command.invoke(solver, symbols)).strip())
    except RuntimeError as error:
        said.append(str(error))
    return [line for line in said if line]

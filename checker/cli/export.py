"""tdxcheck export: a design in the language of another model checker."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tdxcheck.checker.catalogue import Assumption, Catalogue, Rule, UsageError, hint
from tdxcheck.checker.cli.output import check_writable
from tdxcheck.checker.cli.sizes import sizes_of
from tdxcheck.checker.cli.status import OK
from tdxcheck.checker.files import write_whole


def export(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from tdxcheck.checker.export.formats import FORMATS
    from tdxcheck.checker.export.names import identifier
    from tdxcheck.checker.export.subject import Unsayable, subject
    from tdxcheck.checker.ground.grounder import ground
    from tdxcheck.checker.judging.question import Question, case_of

    path: Path | None = arguments.output
    design = catalogue.design(arguments.design)
    assumed = tuple(catalogue.assumption(k) for k in dict.fromkeys(arguments.assume))
    rules, left_out = _rules(catalogue, arguments.rule)
    name = identifier(design.key) if path is None else path.stem
    form = FORMATS[arguments.to]
    if path is not None:
        check_writable(path)
        _check_name(path, arguments.to)
    elif arguments.to == "aiger" and sys.stdout.isatty():
        raise UsageError("aiger is binary: give -o FILE, or take --to aiger-ascii")
    questions = [Question(rule.property, None) for rule in rules]
    case = case_of(catalogue, design, assumed, sizes_of(arguments), questions)
    notes = list(_notes(case.machine, assumed, left_out))
    system = ground(case.instance.system, case.instance.scope)
    numbers = range(len(system.properties))
    try:
        found = subject(system, numbers, title=f"tdxcheck: {case.label}", notes=notes)
    except Unsayable as error:
        raise UsageError(str(error)) from None
    content = form.write(found, name)
    if path is None:
        _print(content)
        return OK
    if form.beside is not None:
        suffix, write = form.beside
        write_whole(path.with_suffix(suffix), write(found))
    write_whole(path, content)
    slots, steps = len(found.system.slots), len(found.system.steps)
    asked = f"{len(rules)} rule{'s' * (len(rules) != 1)}"
    print(f"{path}: {slots} variables, {steps} steps, {asked}")
    return OK


def _rules(catalogue: Catalogue, names: list[str]) -> tuple[list[Rule], list[str]]:
    """The rules to export, and those of all that no format can say."""
    from tdxcheck.checker.export.subject import can_be_said

    known = {rule.id: rule for rule in catalogue.rules}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no rule '{name}'{hint(name, known)}")
    if names:
        return [known[name] for name in dict.fromkeys(names)], []
    said = [rule for rule in catalogue.rules if can_be_said(rule.property)]
    return said, [rule.id for rule in catalogue.rules if rule not in said]


def _check_name(path: Path, to: str) -> None:
    from tdxcheck.checker.export.names import identifier

    if to == "tla" and (path.suffix != ".tla" or path.stem != identifier(path.stem)):
        raise UsageError(
            f"{path.name}: a module of TLA+ is named as its file, so take letters, "
            f"digits and underscores, such as {identifier(path.stem)}.tla"
        )


def _notes(
    machine: str, assumed: Iterable[Assumption], left_out: list[str]
) -> Iterator[str]:
    if machine:
        yield f"Machine: {machine}."
    for assumption in assumed:
        yield f"Assuming {assumption.key}: {assumption.statement.rstrip('.')}."
    if left_out:
        yield f"Left out, as they say what comes in the end: {', '.join(left_out)}."


def _print(content: str | bytes) -> None:
    if isinstance(content, str):
        print(content, end="")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()

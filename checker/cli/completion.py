"""tdxcheck completion: what completes command lines, designs and rules in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import shtab

from tdxcheck.checker.catalogue import Catalogue
from tdxcheck.checker.cli.arguments import parser
from tdxcheck.checker.cli.recorded import default_folder, names_in
from tdxcheck.checker.cli.status import OK

FILES = ("catalogue", "events", "logs", "map", "output", "svg")
FOLDERS = ("folder", "resume", "root")


def completion(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    """Print the script; the names in it are those that there are now."""
    top = parser()
    names = _names(catalogue)
    for command in _commands(top):
        for action in command._actions:
            if action.dest in names:
                action.choices = names[action.dest]
            elif action.dest in FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif action.dest in FOLDERS:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    print(shtab.complete(top, shell=arguments.shell))
    return OK


def _names(catalogue: Catalogue) -> dict[str, list[str]]:
    """What may stand for an argument, by the name of the argument."""
    designs = [design.key for design in catalogue.designs]
    rules = [rule.id for rule in catalogue.rules]
    claims = [claim.key for claim in catalogue.claims]
    assumptions = [assumption.key for assumption in catalogue.assumptions]
    guards = [safeguard.name for safeguard in catalogue.safeguards]
    recorded = names_in(default_folder(catalogue))
    return {
        **dict.fromkeys(("design", "designs", "one", "other"), designs),
        "rule": [*rules, *claims],
        "assume": assumptions,
        "guard": guards,
        "name": [*designs, *rules, *claims, *assumptions, *guards],
        **dict.fromkeys(("trace", "traces"), recorded),
    }


def _commands(top: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()

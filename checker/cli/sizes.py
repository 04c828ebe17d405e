"""The machine, as the command line gives it."""

from __future__ import annotations

import argparse

SIZES = ("cpus", "packages", "blocks")


def sizes_of(arguments: argparse.Namespace) -> dict[str, int]:
    """The numbers of the machine that were given."""
    given = {name: getattr(arguments, name) for name in SIZES}
    return {name: number for name, number in given.items() if number is not None}

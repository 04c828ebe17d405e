"""Loading: the catalogue that a tree has, by module or by file."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tdxcheck.checker.catalogue import Catalogue, UsageError
from tdxcheck.checker.language.location import Location

USUAL = "CATALOGUE"
"""The name of the catalogue where none is given."""


@dataclass(frozen=True, eq=False)
class Tree:
    """A catalogue, and the folder that all of it was loaded from."""

    root: Path
    catalogue: Catalogue
    records: Path
    """Where its counterexamples are recorded."""

    def place(self, location: Location) -> tuple[str, int]:
        """The file, relative to the tree, and the line."""
        path = Path(os.path.realpath(location.file))
        inside = path.is_relative_to(self.root)
        return str(path.relative_to(self.root) if inside else path), location.first


def load(catalogue: str, root: Path, records: str) -> Tree:
    """`module:NAME`, or `file.py:NAME` relative to the root; NAME may be left out."""
    where, _, name = catalogue.partition(":")
    name = name or USUAL
    root = Path(os.path.realpath(root))
    module = _file(root / where) if where.endswith(".py") else where
    found = getattr(importlib.import_module(module), name, None)
    if not isinstance(found, Catalogue):
        raise UsageError(f"{where} has no catalogue {name}")
    return Tree(root, found, root / records)


def _file(path: Path) -> str:
    """The file as a module that can be imported by its name."""
    if not path.is_file():
        raise UsageError(f"there is no file {path.name} in {path.parent}")
    sys.path.insert(0, str(path.parent))
    return path.stem

"""Seeding: a fault of the list, put into a process without touching the tree.

The text of a module is changed in one place as it is imported. What was imported
already and rests on that module is forgotten first, and so imported anew.
"""

from __future__ import annotations

import builtins
import importlib.util
import subprocess
import sys
import sysconfig
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent.parent


class Stale(Exception):
    """A fault's text is not, or not once, in its file any more."""


@dataclass(frozen=True)
class Fault:
    """One fault."""

    area: str
    """The list that it is in."""
    file: str
    """From the root of the tree."""
    cut: str
    """The text that is replaced, which is in the file once."""
    put: str
    breaks: str
    """What is wrong then."""
    check: str
    """The cross-check that catches it."""
    ends: bool = True
    """Whether the checks end; one that does not is caught by a limit of time."""

    def __str__(self) -> str:
        return f"{self.area}: {self.breaks}"

    @property
    def module(self) -> str:
        place = Path(self.file)
        name = place.stem if place.suffix == ".py" else "kernel"
        return ".".join(("tdxcheck", *place.parent.parts, name))

    @property
    def is_compiled(self) -> bool:
        """It is in a kernel, which needs a compiler."""
        return not self.file.endswith(".py")

    def text(self) -> str:
        """The file with the fault in it."""
        text = (ROOT / self.file).read_text()
        times = text.count(self.cut)
        if times != 1:
            raise Stale(
                f"{self.file} has this {times} times, not once: {self.cut!r}. "
                f"Write the fault {self.breaks!r} of tests/faults/{self.area}.toml "
                "anew for the code as it is, or take it out."
            )
        return text.replace(self.cut, self.put)


@cache
def faults() -> tuple[Fault, ...]:
    """Every fault that is listed."""
    found: list[Fault] = []
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        listed = tomllib.loads(path.read_text())["fault"]
        found += [Fault(path.stem, **row) for row in listed]
    return tuple(found)


class Imports:
    """Which module has imported which, noted as it happens."""

    def __init__(self) -> None:
        self.by: defaultdict[str, set[str]] = defaultdict(set)
        """By module, those that have imported it."""

    def __enter__(self) -> Imports:
        self._import = builtins.__import__
        builtins.__import__ = self._noted  # type: ignore[assignment]
        return self

    def __exit__(self, *_: object) -> None:
        builtins.__import__ = self._import

    def _noted(
        self,
        name: str,
        names: Any = None,
        local: Any = None,
        parts: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        found = self._import(name, names, local, parts, level)
        importer = (names or {}).get("__name__")
        if importer is not None and name.startswith(("tdxcheck", "tests")):
            for imported in (name, *(f"{name}.{part}" for part in parts or ())):
                if imported in sys.modules:
                    self.by[imported].add(importer)
        return found

    def resting_on(self, module: str) -> set[str]:
        """The modules that import it, or one that does, and itself."""
        found = {module}
        pending = [module]
        while pending:
            for importer in self.by[pending.pop()] - found:
                found.add(importer)
                pending.append(importer)
        return found


def seed(fault: Fault, imports: Imports) -> None:
    """Put the fault into this process, which is to be given up afterwards."""
    if fault.is_compiled:
        folder = fault.module.rpartition(".")[0]
        users = f"{folder}.visited", f"{folder}.stores"
        _forget(imports.resting_on(users[0]) | imports.resting_on(users[1]))
        sys.modules[fault.module] = _compiled(fault)
        return
    _forget(imports.resting_on(fault.module))
    sys.meta_path.insert(0, _Finder(fault.module, fault.text(), ROOT / fault.file))


KNOWN = {"tests.faults.known"}
"""What was known before stays known."""


def _forget(modules: Iterable[str]) -> None:
    """Have the modules imported anew."""
    for name in (sys.modules.keys() & set(modules)) - KNOWN:
        del sys.modules[name]
        folder, _, place = name.rpartition(".")
        if hasattr(sys.modules.get(folder), place):
            delattr(sys.modules[folder], place)


@dataclass(frozen=True)
class _Finder(MetaPathFinder, InspectLoader):
    """Finds one module in a text, and keeps nothing of it in a cache."""

    name: str
    text: str
    path: Path

    def find_spec(
        self, name: str, path: object, target: object = None
    ) -> ModuleSpec | None:
        return spec_from_loader(name, self) if name == self.name else None

    def get_source(self, fullname: str) -> str:
        return self.text

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self.path)
        exec(compile(self.text, self.path, "exec"), module.__dict__)


def compiler() -> bool:
    """Whether kernels can be compiled here."""
    try:
        return not subprocess.run(
            ["gcc", "--version"], capture_output=True, check=False
        ).returncode
    except OSError:
        return False


def _compiled(fault: Fault) -> ModuleType:
    """The kernel, compiled from the text with the fault, and loaded."""
    with TemporaryDirectory() as folder:
        for path in (ROOT / fault.file).parent.glob("*.[ch]"):
            copy(path, folder)
        Path(folder, Path(fault.file).name).write_text(fault.text())
        source, library = Path(folder, "kernel.c"), Path(folder, "kernel.so")
        include = sysconfig.get_path("include")
        options = ["-O0", "-w", "-shared", "-fPIC", f"-I{include}"]
        subprocess.run(["gcc", *options, source, "-o", library], check=True)
        spec = importlib.util.spec_from_file_location(fault.module, library)
        assert spec is not None and spec.loader is not None
        found = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
        return found


def stale() -> Iterator[str]:
    """Of each fault that cannot be put in any more, why."""
    for fault in faults():
        try:
            fault.text()
        except Stale as reason:
            yield str(reason)

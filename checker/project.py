"""A project of somebody's own: the file that has the catalogue to work on.

    [tool.tdxcheck]
    catalogue = "design.py"

in pyproject.toml names it, or --catalogue does. Its code is run, as pytest runs
that of tests.
"""

from __future__ import annotations

import importlib.util
import sys
import tomllib
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from tdxcheck.checker.catalogue import Catalogue, UsageError
from tdxcheck.checker.language.location import SpecificationError

SETTINGS = "pyproject.toml"
NAME = "CATALOGUE"
"""What a catalogue is called in its file, unless FILE:NAME says otherwise."""
RECORDED = "counterexamples"
"""The folder of recorded traces, beside the file."""


@dataclass(frozen=True)
class Project:
    file: Path
    name: str = NAME

    @classmethod
    def named(cls, text: str, folder: Path) -> Project:
        """FILE or FILE:NAME, from the folder."""
        file, colon, name = text.partition(":")
        return cls((folder / file).resolve(), name if colon else NAME)


def project_of(start: Path) -> Project | None:
    """The project that a folder lies in, if a pyproject.toml names a catalogue."""
    here = start.resolve()
    for folder in (here, *here.parents):
        settings = folder / SETTINGS
        if settings.is_file() and (text := _catalogue_in(settings)) is not None:
            return Project.named(text, folder)
        if (folder / ".git").exists():
            break
    return None


def _catalogue_in(settings: Path) -> str | None:
    try:
        found = tomllib.loads(settings.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{settings}: {error}") from None
    except OSError:
        return None
    tool = found.get("tool", {}).get("tdxcheck", {})
    text = tool.get("catalogue") if isinstance(tool, dict) else None
    if text is None:
        return None
    if not isinstance(text, str) or not text:
        raise UsageError(
            f"{settings}: [tool.tdxcheck] catalogue must be the name of a file"
        )
    return text


def load(project: Project) -> Catalogue:
    """The catalogue of the project, or a UsageError that says what is wrong."""
    module = _module(project.file)
    found = getattr(module, project.name, None)
    if not isinstance(found, Catalogue):
        is_there = "is no Catalogue" if hasattr(module, project.name) else "is missing"
        raise UsageError(
            f"{project.file}: {project.name} {is_there}; the file must have one, or "
            "name it by FILE:NAME"
        )
    if found.folder is None:
        return replace(found, folder=project.file.parent / RECORDED)
    return found


def _module(file: Path) -> ModuleType:
    if not file.is_file():
        raise UsageError(f"there is no file {file} to read a catalogue from")
    known = sys.modules.get(file.stem)
    if known is not None and Path(known.__file__ or "") == file:
        return known
    name = file.stem if known is None else f"tdxcheck_project_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # As for a script, what lies beside the file can be imported.
    sys.path.insert(0, str(file.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (SpecificationError, UsageError, MemoryError):
        del sys.modules[name]
        raise
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(f"{_place(error, file)}: {_said(error)}") from error
    return module


def _said(error: BaseException) -> str:
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {said}"


def _place(error: BaseException, file: Path) -> str:
    """The last line of the project's own that led to the error."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    own = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if Path(frame.f_code.co_filename).parent == file.parent
    ]
    return own[-1] if own else str(file)

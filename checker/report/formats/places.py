"""Places in a repository: what a program needs to find a line again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tdxcheck.checker.language.location import PACKAGE, Location
from tdxcheck.checker.report.finding import Finding


class Base(Enum):
    """What the path of a place starts from; by the names that SARIF gives them."""

    REPOSITORY = "%SRCROOT%"
    PACKAGE = "TDXCHECK"
    NOTHING = ""


MEANING = {
    Base.REPOSITORY: "The root of the repository.",
    Base.PACKAGE: "The folder that tdxcheck is installed in.",
}


def repository(start: Path) -> Path:
    """The root of the repository that the folder lies in; else the folder itself."""
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            return folder
    return here


@dataclass(frozen=True)
class Place:
    """Lines of a file: by its name from the base, or in full if it lies elsewhere."""

    path: str
    first: int
    last: int
    base: Base

    @property
    def inside(self) -> bool:
        return self.base is Base.REPOSITORY


def place_of(location: Location, root: Path) -> Place:
    path, base = _path(location.file, root)
    return Place(path, location.first, max(location.first, location.last), base)


def _path(file: str, root: Path) -> tuple[str, Base]:
    path = Path(file).resolve()
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix(), Base.REPOSITORY
    for package in (PACKAGE, PACKAGE.resolve()):
        # By its links, if there are any: they are what is installed.
        if Path(file).is_relative_to(package):
            return Path(file).relative_to(package).as_posix(), Base.PACKAGE
    return path.as_posix(), Base.NOTHING


def places_of(finding: Finding, root: Path) -> list[Place]:
    """Every place that the finding may be shown at, the best first.

    A rule that comes with tdxcheck is not in the repository of somebody's design, but
    what the design does differently is.
    """
    places = [place_of(at, root) for at in _locations(finding)]
    return sorted(places, key=lambda place: not place.inside)


def best_place(finding: Finding, root: Path) -> Place | None:
    return next(iter(places_of(finding, root)), None)


def _locations(finding: Finding) -> Iterable[Location]:
    if finding.location is not None:
        yield finding.location
    yield from finding.elsewhere

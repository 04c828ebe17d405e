"""Places in a repository: what a program needs to find a line again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tdxcheck.checker.language.location import Location
from tdxcheck.checker.report.finding import Finding


def repository(start: Path) -> Path:
    """The root of the repository that the folder lies in; else the folder itself."""
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            return folder
    return here


@dataclass(frozen=True)
class Place:
    """Lines of a file: named from the root where it is inside, else in full."""

    path: str
    first: int
    last: int
    inside: bool


def place_of(location: Location, root: Path) -> Place:
    path = Path(location.file).resolve()
    inside = path.is_relative_to(root)
    name = path.relative_to(root).as_posix() if inside else path.as_posix()
    return Place(name, location.first, max(location.first, location.last), inside)


def best_place(finding: Finding, root: Path) -> Place:
    """Where the finding is shown: at what was asked, or else in the user's own files.

    A rule that comes with tdxcheck is not in the repository of somebody's design, but
    what the design does differently is.
    """
    places = [place_of(at, root) for at in (finding.location, *finding.elsewhere)]
    return next((place for place in places if place.inside), places[0])

"""Trees: the two states of a repository that are compared, as folders."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.gate.side import VERSION

ACCEPT = re.compile(r"^Gate-accept: *(\S+) +(.+?)(?: +-- +(.+))?$", re.MULTILINE)
"""A line of a commit's message: the kind of a finding, its subject, and why."""


class Acceptance(NamedTuple):
    """Findings that a commit says are meant; kind and subject may be patterns."""

    kind: str
    subject: str
    why: str

    def covers(self, kind: str, subject: str) -> bool:
        return all(
            asked == pattern or fnmatchcase(asked, pattern)
            for asked, pattern in ((kind, self.kind), (subject, self.subject))
        )


def git(folder: Path, *arguments: str) -> str:
    """What git answers; a UsageError if it refuses."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise UsageError("git is not installed, and the gate needs it") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(f"git {arguments[0]}: {told[0] if told else 'failed'}")
    return done.stdout.decode(errors="replace").strip()


def top(folder: Path) -> Path:
    """The root of the repository that the folder is in."""
    try:
        return Path(git(folder, "rev-parse", "--show-toplevel"))
    except UsageError:
        raise UsageError(
            f"{folder} is in no git repository: the gate compares two of its states"
        ) from None


def commit(root: Path, ref: str) -> str:
    """The commit that is meant; a message that tells what to do if there is none."""
    try:
        return git(root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    except UsageError:
        shallow = git(root, "rev-parse", "--is-shallow-repository") == "true"
        if shallow:
            raise UsageError(
                f"there is no revision '{ref}': this clone is shallow and has only "
                "its latest commits; run 'git fetch --unshallow' (or clone with a "
                "greater depth), then again"
            ) from None
        raise UsageError(f"there is no revision '{ref}' in {root}") from None


def same(root: Path, base: str, head: str | None) -> bool:
    """Nothing at all differs between the two states."""
    if head is not None:
        one, other = (git(root, "rev-parse", f"{c}^{{tree}}") for c in (base, head))
        return one == other
    changed = git(root, "diff", "--name-only", base)
    others = git(root, "ls-files", "--others", "--exclude-standard")
    return not changed and not others


def unpack(root: Path, revision: str, folder: Path) -> None:
    """The files of a commit, in a folder of their own."""
    done = subprocess.run(
        ["git", "-C", str(root), "archive", "--format=tar", revision],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()
        raise UsageError(f"git archive {revision}: {told}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="tar")


def packages(tree: Path) -> list[Path]:
    """What a tree is imported from: itself, and our tdxcheck if it has none."""
    own = tree / "src"
    found = [own, tree] if own.is_dir() else [tree]
    if not (own / "tdxcheck" / "checker" / "language").is_dir():
        found.append(Path(__file__).parents[3])
    return found


def lend(tree: Path) -> None:
    """Give an unpacked tree that cannot answer, or not like this, what it needs.

    What answers then is new, but the language that it asks is the tree's own.
    """
    checker = tree / "src" / "tdxcheck" / "checker"
    if not (checker / "language").is_dir():
        return
    own = checker / "gate" / "side" / "__init__.py"
    if own.is_file() and f"\nVERSION = {VERSION}\n" in own.read_text():
        return
    here = Path(__file__).parent
    target = checker.resolve() / "gate"
    shutil.rmtree(target, ignore_errors=True)
    (target / "side").mkdir(parents=True)
    shutil.copy(here / "__init__.py", target)
    for path in (here / "side").glob("*.py"):
        shutil.copy(path, target / "side")


def accepted(root: Path, base: str, head: str | None) -> list[Acceptance]:
    """What the messages of the commits between the two accept."""
    log = git(root, "log", "--format=%B", f"{base}..{head or 'HEAD'}")
    return [Acceptance(*found) for found in ACCEPT.findall(log)]

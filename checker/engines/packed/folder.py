"""Folders: a search on files, which goes on after an end of any kind.

What the manifest names was written whole before the manifest was, and nothing else
counts: what a killed search left beside it is thrown away.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tdxcheck.checker.engines.explicit import FolderError
from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.levels import Filed, by_parts
from tdxcheck.checker.files import write_whole

MANIFEST = "search.json"
LOCK = "lock"
FORMAT = "tdxcheck search 2"


class Folder:
    """Files of states, and a manifest of those that count."""

    def __init__(self, path: Path, *, keep: bool) -> None:
        self.path = path
        self.keep = keep
        """Whether there is a manifest, for a search to come."""
        self._number = 0
        self._lock: Any = None
        self._temporary: Any = None

    @classmethod
    def temporary(cls) -> Folder:
        """Of this search alone: it goes with it."""
        made = tempfile.TemporaryDirectory(prefix="tdxcheck-")
        folder = cls(Path(made.name), keep=False)
        folder._temporary = made
        return folder

    @classmethod
    def opened(cls, path: Path, system: str) -> tuple[Folder, dict[str, Any] | None]:
        """A folder for a search of the system, and what its manifest says.

        `system` tells systems apart. Raises FolderError.
        """
        folder = cls(path, keep=True)
        try:
            return folder, folder._open(system)
        except OSError as error:
            folder.close()
            raise FolderError(f"{path}: {error.strerror}") from error
        except FolderError:
            folder.close()
            raise

    def _open(self, system: str) -> dict[str, Any] | None:
        self.path.mkdir(parents=True, exist_ok=True)
        names = {entry.name for entry in self.path.iterdir()}
        if names - {LOCK} and MANIFEST not in names:
            raise FolderError(f"{self.path} is not a folder of a search, nor empty")
        self._take()
        if MANIFEST not in names:
            return None
        try:
            text = (self.path / MANIFEST).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise FolderError(f"{self.path / MANIFEST} is damaged") from error
        manifest = self._read(text, system)
        self.tidy(block for blocks in self.blocks(manifest) for block in blocks)
        return manifest

    def _take(self) -> None:
        """Let no other search use the folder as long as this one does."""
        self._lock = (self.path / LOCK).open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FolderError(f"{self.path} is in use by another search") from None

    def _read(self, text: str, system: str) -> dict[str, Any]:
        place = self.path / MANIFEST
        try:
            envelope = json.loads(text)
            manifest: dict[str, Any] = envelope["search"]
            known = envelope["format"]
            checksum = envelope["checksum"]
        except (ValueError, KeyError, TypeError) as error:
            raise FolderError(f"{place} is damaged, or of something else") from error
        if known != FORMAT:
            raise FolderError(f"{place} is of another version: {known}")
        if checksum != zlib.crc32(json.dumps(manifest).encode()):
            raise FolderError(f"{place} is damaged")
        if manifest["system"] != system:
            raise FolderError(f"{self.path} is of a search of another system")
        for blocks in self.blocks(manifest):
            for block in blocks:
                if not block.is_sound():
                    raise FolderError(f"{block.path} is damaged or missing")
                self._number = max(self._number, 1 + _number_of(block.path.name))
        return manifest

    def blocks(self, manifest: dict[str, Any]) -> list[list[Filed]]:
        """The files of each level, of the next one, and of candidates for it."""
        return [
            [
                Filed(self.path / name, manifest["words"], tuple(counts), checksum)
                for name, counts, checksum in blocks
            ]
            for blocks in (
                *manifest["levels"],
                manifest["ahead"],
                manifest["candidates"],
            )
        ]

    def write(self, states: Words) -> Filed:
        states, counts = by_parts(states)
        data = states.tobytes()
        name = f"states-{self._number:08}.bin"
        self._number += 1
        path = self.path / name
        before = path.with_suffix(".new")
        with before.open("wb") as file:
            file.write(data)
            file.flush()
            if self.keep:
                os.fsync(file.fileno())
        before.rename(path)
        return Filed(path, states.shape[1], tuple(counts.tolist()), zlib.crc32(data))

    def save(self, manifest: dict[str, Any]) -> None:
        checksum = zlib.crc32(json.dumps(manifest).encode())
        envelope = {"format": FORMAT, "checksum": checksum, "search": manifest}
        write_whole(self.path / MANIFEST, json.dumps(envelope))

    def tidy(self, blocks: Iterable[Filed]) -> None:
        """Throw away all files of states but these."""
        kept = {block.path.name for block in blocks}
        for path in self.path.glob("states-*"):
            if path.name not in kept:
                with suppress(OSError):
                    path.unlink()

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
        if self._temporary is not None:
            self._temporary.cleanup()


def described(blocks: Iterable[Filed]) -> list[Any]:
    """Blocks as a manifest has them."""
    return [[block.path.name, list(block.counts), block.checksum] for block in blocks]


def _number_of(name: str) -> int:
    return int(name.removeprefix("states-").removesuffix(".bin"))

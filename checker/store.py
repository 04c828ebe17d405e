"""A store: small documents by their keys, kept from one run to the next.

One file each, written whole and renamed: any number of runs use it at a time, and
one that is killed leaves nothing behind that counts. A document that is not what
was written, byte for byte, is none.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from tdxcheck.checker.files import write_whole

FORMAT = "tdxcheck kept 1"
KEY = re.compile(r"[0-9a-f]{64}")


class Store:
    """A folder of documents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Any:
        """The document, or None if there is none that is sound."""
        try:
            head, checksum, text = self._path(key).read_bytes().split(b"\n", 2)
        except (OSError, ValueError):
            return None
        if head != FORMAT.encode() or checksum != _checksum(key, text):
            return None
        return json.loads(text)

    def put(self, key: str, document: Any) -> None:
        """Keep the document in place of what was there. Raises OSError."""
        text = json.dumps(document, separators=(",", ":")).encode()
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, b"\n".join((FORMAT.encode(), _checksum(key, text), text)))

    def forget(self, key: str) -> None:
        """Take the document out, if it is there."""
        with suppress(OSError):
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        assert KEY.fullmatch(key), "a key is a digest"
        return self.folder / key[:2] / key[2:]


def key_of(*what: str) -> str:
    """The key for all of this together."""
    return hashlib.sha256("\n".join(what).encode()).hexdigest()


def _checksum(key: str, text: bytes) -> bytes:
    """Of the text in its place: one that was moved to another does not count."""
    return hashlib.sha256(key.encode() + text).hexdigest().encode()


def usual_folder() -> Path:
    """Where the user's programs keep what can be had again."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # A relative path is to be ignored, says the XDG base directory specification.
    place = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return place / "tdxcheck"

"""Seals: what this user's tdxcheck has checked itself, told from what others say so.

A seal is made with a key that only the user can read, which is kept apart from what is
sealed. Whoever can write to a store, but has not that key, cannot make one.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

LENGTH = 32
"""Bytes of a key."""


class Sealer:
    """Makes seals with the key in this file; without a key there are none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: bytes | None = None

    def seal(self, *what: str) -> str | None:
        """The seal of all of this together, or None if there is no key."""
        key = self._key()
        if key is None:
            return None
        return hmac.digest(key, "\n".join(what).encode(), "sha256").hex()

    def is_sealed(self, seal: object, *what: str) -> bool:
        own = self.seal(*what)
        return (
            own is not None and isinstance(seal, str) and seal.isascii()
        ) and hmac.compare_digest(seal, own)

    def _key(self) -> bytes | None:
        if self._known is None:
            self._known = self._read()
        if self._known is None:
            with suppress(OSError):
                self._make()
            self._known = self._read()
        return self._known

    def _read(self) -> bytes | None:
        """The key, if nobody else can read it or has put it there."""
        with suppress(OSError):
            handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                found = os.fstat(handle)
                own = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
                key = file.read(LENGTH + 1)
                if own and not found.st_mode & 0o077 and len(key) == LENGTH:
                    return key
        return None

    def _make(self) -> None:
        """A new key, unless there is one: the first of several runs makes it."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        handle = os.open(self.path, flags, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(LENGTH))


def usual_key() -> Path:
    """Where the user's programs keep what is of this machine alone."""
    base = os.environ.get("XDG_STATE_HOME", "")
    # A relative path is to be ignored, says the XDG base directory specification.
    place = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state"
    return place / "tdxcheck" / "seal.key"

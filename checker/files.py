"""Files: written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Put the content in place of the file; nobody ever sees a half of it.

    Errors: OSError, which names the file, and leaves what was there before.
    """
    try:
        _write_whole(path, content)
    except OSError as error:
        # Not that of the file beside it, which nobody has asked for.
        error.filename, error.filename2 = str(path), None
        raise


def _write_whole(path: Path, content: str | bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

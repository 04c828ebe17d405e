"""Where a command writes to, looked at before there is anything to write."""

from __future__ import annotations

from pathlib import Path

from tdxcheck.checker.catalogue import UsageError


def check_writable(path: Path) -> None:
    """Refuse a place where no file can be."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent} to write {path.name} into")

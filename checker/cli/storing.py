"""Where a command keeps what it has found, for later runs."""

from __future__ import annotations

import argparse

from tdxcheck.checker import record
from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.store import Store, usual_folder


def store_of(arguments: argparse.Namespace) -> Store | None:
    """What earlier runs have found, unless it is not to be used."""
    if arguments.no_cache:
        return None
    folder = arguments.cache
    if folder is None:
        return Store(usual_folder())
    try:
        record.prepare(folder)
    except OSError as error:
        raise UsageError(
            f"cannot keep results in {folder}: {error.strerror}; give another --cache, "
            "or --no-cache"
        ) from error
    return Store(folder)

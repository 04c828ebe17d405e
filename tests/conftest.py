"""What every test is given: a cache of its own, which nothing has been kept in."""

from collections.abc import Iterator
from itertools import count

import pytest

HOMES = count()


def at_home(factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> None:
    """Have a new folder for what a user's runs keep, and another for the user's key.

    They are made when something is kept: thousands of empty ones take long to remove.
    """
    home = factory.getbasetemp() / f"home-{next(HOMES)}"
    patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    patch.setenv("XDG_STATE_HOME", str(home / "state"))


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_a_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what a fixture of several tests has judged out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        at_home(tmp_path_factory, patch)
        yield


@pytest.fixture(autouse=True)
def nothing_kept(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep results where no other test does."""
    at_home(tmp_path_factory, monkeypatch)

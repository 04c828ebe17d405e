"""What every test is given: a cache of its own, which nothing has been kept in."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_a_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what a fixture of several tests has judged out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("shared-cache")))
        yield


@pytest.fixture(autouse=True)
def nothing_kept(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep results where no other test does."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))

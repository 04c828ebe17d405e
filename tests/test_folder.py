"""A search on files: the same answers, with little memory, and after any end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxcheck.checker.engines import explicit
from tdxcheck.checker.engines.explicit import Exploration, FolderError, Limits, Progress
from tdxcheck.checker.engines.packed import breadth, keeping
from tdxcheck.checker.engines.packed.breadth import Search
from tdxcheck.checker.engines.packed.folder import MANIFEST, Folder
from tdxcheck.checker.engines.packed.memory import Memory
from tdxcheck.checker.engines.packed.search import explore
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.verdict import Bounded, Limit
from tdxcheck.models.classic import CLASSICS
from tests.random_systems import Drawn, examples, systems


def same(one: Exploration, other: Exploration) -> None:
    assert one.states == other.states
    assert one.transitions == other.transitions
    assert one.depth == other.depth
    assert one.fired == other.fired
    assert one.verdicts == other.verdicts


def classic(name: str) -> GroundSystem:
    found = next(c for c in CLASSICS if c.system.name == name)
    return ground(found.system, found.scope)


class Killed(BaseException):
    """Ends a search in the middle, as kill -9 does: nothing is tidied up."""


def short_of_memory(patch: pytest.MonkeyPatch) -> None:
    """There is never room for more, and little for what there must be."""
    patch.setattr(Memory, "has_room", lambda _, more: more == 0)
    patch.setattr(Memory, "room", 600)


def in_small_steps(patch: pytest.MonkeyPatch) -> None:
    """A few states at a time, all of them saved at once."""
    patch.setattr(breadth, "CHUNK", 7)
    patch.setattr(keeping, "OFTEN", 0.0)
    patch.setattr(os, "fsync", lambda _: None)


@examples(15)
@given(systems(most_states=150))
def test_on_files_everything_is_found_as_in_memory(drawn: Drawn) -> None:
    system = ground(drawn.system(), drawn.scope)
    if next(system.initial_states(), None) is None:
        return
    plain = explicit.explore(system)
    first = explore(system)
    assert first.states == plain.states
    for compiled, short, split_from in product((True, False), (True, False), (None, 0)):
        with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
            in_small_steps(patch)
            if short:
                short_of_memory(patch)
            for folder in (None, Path(place)):
                found = explore(
                    system,
                    Limits(folder=folder),
                    compiled=compiled,
                    split_from=split_from,
                )
                same(found, first)


@examples(20)
@given(
    systems(most_states=150),
    st.booleans(),
    st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=3),
)
def test_a_killed_search_goes_on(
    drawn: Drawn, compiled: bool, kills: list[tuple[bool, int]]
) -> None:
    system = ground(drawn.system(), drawn.scope)
    if next(system.initial_states(), None) is None:
        return
    with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        in_small_steps(patch)
        for short, left in kills:
            with pytest.MonkeyPatch.context() as shortage, suppress(Killed):
                if short:
                    short_of_memory(shortage)
                explore_until(system, left, Path(place), compiled)
        found = explore(system, Limits(folder=Path(place)), compiled=compiled)
    same(found, explore(system))


def explore_until(
    system: GroundSystem, left: int, folder: Path, compiled: bool
) -> Exploration:
    """Explore, and be killed after so many files were written."""
    with pytest.MonkeyPatch.context() as patch:
        write, save = Folder.write, Folder.save

        def count() -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Killed

        def writes(self: Folder, states: object) -> object:
            count()
            return write(self, states)  # type: ignore[arg-type]

        def saves(self: Folder, manifest: dict[str, object]) -> None:
            count()
            save(self, manifest)
            count()

        patch.setattr(Folder, "write", writes)
        patch.setattr(Folder, "save", saves)
        return explore(system, Limits(folder=folder), compiled=compiled)


def test_a_search_goes_on_from_its_limit(tmp_path: Path) -> None:
    system = classic("bakery")
    states, depths = [], []
    for limit in (100_000, 300_000, 500_000):
        found = explore(system, Limits(states=limit, folder=tmp_path))
        assert found.limit is Limit.STATES
        assert found.states >= limit
        assert any(isinstance(verdict, Bounded) for verdict in found.verdicts)
        states.append(found.states)
        depths.append(found.depth)
    assert depths == sorted(depths)
    assert states == sorted(states)
    found = explore(system, Limits(folder=tmp_path))
    same(found, explore(system))
    again = explore(system, Limits(folder=tmp_path))
    same(found, again)


def test_an_interrupted_search_loses_nothing(tmp_path: Path) -> None:
    system = classic("barrier")
    depth = 0

    def interrupt(at: Progress) -> None:
        nonlocal depth
        depth = at.depth
        if at.depth == 40:
            raise KeyboardInterrupt

    found = explore(system, Limits(folder=tmp_path), interrupt)
    assert found.limit is Limit.INTERRUPT
    later = []
    whole = explore(system, Limits(folder=tmp_path), lambda at: later.append(at.depth))
    assert later[0] == 40
    same(whole, explore(system))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is not told")
def test_memory_is_kept_to() -> None:
    code = (
        "import re\n"
        "from pathlib import Path\n"
        "from tests.test_folder import classic\n"
        "from tdxcheck.checker.engines.explicit import Limits\n"
        "from tdxcheck.checker.engines.packed.search import explore\n"
        "from tdxcheck.checker.engines.packed.memory import used\n"
        'system = classic("Lamport\'s mutual exclusion")\n'
        "limit = used() + (30 << 20)\n"
        "found = explore(system, Limits(memory=limit))\n"
        "told = Path('/proc/self/status').read_text()\n"
        "peak = int(re.search(r'VmHWM:\\s+([0-9]+) kB', told)[1]) << 10\n"
        "print(found.states, found.limit, found.kept, peak <= limit)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert (
        done.stdout.split()
        == (
            "724274 None parts on files, compared level by level: memory is short True"
        ).split()
    )


def test_a_search_that_was_killed_from_outside_goes_on(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.test_folder import classic\n"
        "from tdxcheck.checker.engines.explicit import Limits\n"
        "from tdxcheck.checker.engines.packed.search import explore\n"
        "explore(classic('bakery'), Limits(folder=Path(sys.argv[1])))\n"
    )
    work = tmp_path / "work"
    process = subprocess.Popen([sys.executable, "-c", code, str(work)])
    while not (work / MANIFEST).exists() and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    same(explore(classic("bakery"), Limits(folder=work)), explore(classic("bakery")))


def kept(folder: Path) -> None:
    explore(classic("bakery"), Limits(states=50_000, folder=folder))


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("hello")
    with pytest.raises(FolderError, match="not a folder of a search, nor empty"):
        kept(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_folder_of_another_system_is_refused(tmp_path: Path) -> None:
    kept(tmp_path)
    with pytest.raises(FolderError, match="of a search of another system"):
        explore(classic("barrier"), Limits(folder=tmp_path))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"search": 1}', "\x00\x01"])
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str) -> None:
    kept(tmp_path)
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(FolderError, match="is damaged"):
        kept(tmp_path)


def test_a_changed_manifest_is_refused(tmp_path: Path) -> None:
    kept(tmp_path)
    place = tmp_path / MANIFEST
    place.write_text(place.read_text().replace('"position": ', '"position": 1'))
    with pytest.raises(FolderError, match="is damaged"):
        kept(tmp_path)


@pytest.mark.parametrize("change", ["cut", "flip", "gone"])
def test_a_damaged_file_is_refused(tmp_path: Path, change: str) -> None:
    kept(tmp_path)
    path = max(tmp_path.glob("states-*.bin"), key=lambda path: path.stat().st_size)
    data = path.read_bytes()
    if change == "cut":
        path.write_bytes(data[:-8])
    elif change == "flip":
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    else:
        path.unlink()
    with pytest.raises(FolderError, match="is damaged or missing"):
        kept(tmp_path)


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    first = Search(classic("bakery"), folder=tmp_path)
    with pytest.raises(FolderError, match="in use by another search"):
        kept(tmp_path)
    first.keeper.close()
    kept(tmp_path)


def test_what_does_not_count_is_thrown_away(tmp_path: Path) -> None:
    kept(tmp_path)
    (tmp_path / "states-99999999.bin").write_bytes(b"half a st")
    (tmp_path / "states-99999998.new").write_bytes(b"half a st")
    same(
        explore(classic("bakery"), Limits(folder=tmp_path)), explore(classic("bakery"))
    )
    assert not list(tmp_path.glob("states-9999999*"))

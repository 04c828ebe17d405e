"""Other model checkers, given the systems in their own languages."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.running import Finished, run
from tdxcheck.checker.export.aiger import aiger, waits
from tdxcheck.checker.export.murphi import murphi
from tdxcheck.checker.export.promela import before_the_first, promela
from tdxcheck.checker.export.subject import Subject
from tdxcheck.checker.export.tla import tla, tla_configuration


@dataclass(frozen=True)
class Answer:
    """What a checker says of a subject, and what that took."""

    states: int | None
    """The reachable ones; None if it does not count them, or not all."""
    broken: bool | None
    """Whether some rule is broken; None if it has not found out."""
    seconds: float
    """Of the CPU, without what it takes to make the checker."""
    megabytes: float
    making: float = 0.0
    """Seconds of the CPU to make the checker: translation, compilation."""
    expired: bool = False
    note: str = ""
    """Why it says nothing, if it cannot."""


class Failed(Exception):
    """A checker says what nobody expects of it."""


SPIN_FLAGS = ("-DSAFETY", "-DNOREDUCE", "-DVECTORSZ=4096")
SPIN_COMPILED = ("-O2",)
RUMUR_COMPILED = ("-O3", "-march=native")
"""As their manuals have it; who has few states visited may want less compiled."""
RUMUR_FLAGS = (
    *("--deadlock-detection", "off", "--symmetry-reduction", "off"),
    *("--pack-state", "off", "--threads", "1", "--value-type", "int32_t"),
)


def spin(
    subject: Subject, folder: Path, states: int, limit: int | None = None
) -> Answer:
    """SPIN, depth first, with room for so many states."""
    (folder / "host.pml").write_text(promela(subject))
    making = _made(
        folder,
        ("spin", "-o2", "-a", "host.pml"),
        ("gcc", "-w", *SPIN_COMPILED, *SPIN_FLAGS, "-o", "pan", "pan.c"),
    )
    room = states + before_the_first(subject.system)
    slots = max(18, room.bit_length())
    found = run(("./pan", "-E", f"-m{room + 1000}", f"-w{slots}"), folder, limit)
    if found.expired:
        return _expired(found, making)
    if "max search depth too small" in found.output:
        raise Failed(f"SPIN has met its limit of depth:\n{found.output}")
    errors = _number(r"errors: (\d+)", found)
    counted = _number(r"(\d+) states, stored", found)
    return Answer(
        counted - before_the_first(subject.system) if not errors else None,
        errors > 0,
        found.seconds,
        found.megabytes,
        making,
    )


def rumur(
    subject: Subject, folder: Path, states: int, limit: int | None = None
) -> Answer:
    """Rumur, with one thread."""
    (folder / "host.m").write_text(murphi(subject))
    making = _made(
        folder,
        ("rumur", *RUMUR_FLAGS, "-o", "host.c", "host.m"),
        ("gcc", "-w", *RUMUR_COMPILED, "-o", "host", "host.c", "-lpthread"),
    )
    found = run(("./host",), folder, limit)
    if found.expired:
        return _expired(found, making)
    broken = found.status != 0
    if broken and "error(s) found" not in found.output:
        raise Failed(f"Rumur:\n{found.output[-2000:]}")
    counted = None if broken else _number(r"(\d+) states,", found)
    return Answer(counted, broken, found.seconds, found.megabytes, making)


def tlc(
    subject: Subject, folder: Path, states: int, limit: int | None = None
) -> Answer:
    """TLC, with one worker and the collector that takes no second core."""
    (folder / "host.tla").write_text(tla(subject, "host"))
    (folder / "host.cfg").write_text(tla_configuration(subject))
    jar = tlc_jar()
    assert jar is not None
    found = run(
        ("java", "-XX:+UseSerialGC", "-jar", str(jar), "-workers", "1", "host.tla"),
        folder,
        limit,
    )
    if found.expired:
        return _expired(found)
    if "No error has been found" in found.output:
        counted = _number(r"(\d+) distinct states found, 0 states left", found)
        return Answer(counted, False, found.seconds, found.megabytes)
    if re.search(r"is violated|invariant of \w+ is equal to FALSE", found.output):
        return Answer(None, True, found.seconds, found.megabytes)
    raise Failed(f"TLC:\n{found.output[-2000:]}")


def abc(
    subject: Subject, folder: Path, states: int, limit: int | None = None
) -> Answer:
    """ABC's property-directed reachability: a verdict, and no count."""
    return _by_abc(subject, folder, "pdr", limit)


def abc_shortest(
    subject: Subject, folder: Path, states: int, limit: int | None = None
) -> Answer:
    """ABC's bounded model checking, which finds a shortest run if there is one."""
    return _by_abc(subject, folder, "bmc3", limit)


def _by_abc(subject: Subject, folder: Path, command: str, limit: int | None) -> Answer:
    found = _abc(subject, folder, command, limit)
    frame = re.search(r"asserted in frame (\d+)", found.output)
    return Answer(
        None,
        _verdict(found),
        found.seconds,
        found.megabytes,
        expired=found.expired,
        note=f"broken in {int(frame[1]) - waits(subject)}" if frame else "",
    )


def abc_depth(subject: Subject, folder: Path, frames: int) -> int | None:
    """The steps after which ABC's bounded model checking finds a rule broken."""
    found = _abc(subject, folder, f"bmc3 -F {frames}", None)
    frame = re.search(r"asserted in frame (\d+)", found.output)
    if frame is None and _verdict(found) is True:
        raise Failed(f"ABC:\n{found.output}")
    return int(frame[1]) if frame else None


def _abc(subject: Subject, folder: Path, command: str, limit: int | None) -> Finished:
    (folder / "host.aig").write_bytes(aiger(subject))
    return run(("berkeley-abc", "-c", f"read host.aig; {command}"), folder, limit)


def _verdict(found: Finished) -> bool | None:
    if "was asserted in frame" in found.output:
        return True
    if "Property proved" in found.output:
        return False
    return None


def tlc_jar() -> Path | None:
    """Where the environment says that TLC is."""
    place = os.environ.get("TLA2TOOLS")
    return Path(place) if place else None


@dataclass(frozen=True)
class Peer:
    """Another model checker."""

    name: str
    programs: Sequence[str]
    check: Callable[[Subject, Path, int, int | None], Answer]

    def missing(self) -> str:
        """What it needs and is not here; empty if it can run."""
        for program in self.programs:
            if shutil.which(program) is None:
                return f"there is no {program}"
        if self.check is tlc:
            jar = tlc_jar()
            if jar is None:
                return "TLA2TOOLS does not name tla2tools.jar"
            if not jar.is_file():
                return f"there is no {jar}"
        return ""


SPIN = Peer("SPIN", ("spin", "gcc"), spin)
RUMUR = Peer("Rumur", ("rumur", "gcc"), rumur)
TLC = Peer("TLC", ("java",), tlc)
ABC = Peer("ABC pdr", ("berkeley-abc",), abc)
PEERS = (SPIN, RUMUR, TLC, ABC)


def _made(folder: Path, *commands: Sequence[str]) -> float:
    """Run the commands that make a checker; the seconds that they took."""
    seconds = 0.0
    for command in commands:
        found = run(command, folder)
        if found.status:
            raise Failed(f"{' '.join(command)}:\n{found.output[-2000:]}")
        seconds += found.seconds
    return seconds


def _expired(found: Finished, making: float = 0.0) -> Answer:
    return Answer(None, None, found.seconds, found.megabytes, making, expired=True)


def _number(pattern: str, found: Finished) -> int:
    match = re.search(pattern, found.output)
    if match is None:
        raise Failed(found.output[-2000:])
    return int(match[1])

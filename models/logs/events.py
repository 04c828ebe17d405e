"""Streams of events: JSON lines, from a tracer, as observations of a host's model.

Each line is an object. The first may be a header, with "format": "tdxcheck-events",
and any of "design", "module" ("1.5" or "1.0"), "cpus", an object that gives each CPU's
package, and "complete": true, as it is without it, if a kind of event that is in the
stream at all is in it whenever it happens. Every other has "event", and by its kind:

  seamcall      "leaf" (number or name), "status", and "cpu" if it is known
  initialized   the kernel says that TDX is initialised
  init_failed   the kernel says that it is not
  any event of `spec/events.py` by its name, such as memory_online: "cpu" or "block",
                and "told": 0 if it was done, else the errno that refused it

A "block" may have a "kind" (boot_dram, hot_plug_dram, nvdimm, cxl, legacy_pmem,
soft_reserved) where it is first spoken of. Other members, such as a time stamp "t",
are not looked at.
"""

from __future__ import annotations

import errno as errnos
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from tdxcheck.checker.catalogue import Sizes, UsageError
from tdxcheck.checker.language.system import Event
from tdxcheck.checker.language.variables import Variable
from tdxcheck.checker.observation import (
    Becomes,
    InState,
    Observed,
    Refused,
    Sight,
    Step,
)
from tdxcheck.models.logs.observed import (
    CALLEES,
    call_sights,
    tdx_has_failed,
    tdx_is_given_up,
    tdx_is_initialized,
)
from tdxcheck.models.logs.statuses import word_of
from tdxcheck.models.logs.timeline import clean
from tdxcheck.models.logs.validation import settings_for
from tdxcheck.spec import events
from tdxcheck.spec.decoding import decode
from tdxcheck.spec.host import Host, MemoryKind, Told
from tdxcheck.spec.leaves import LEAVES
from tdxcheck.spec.machine import Block, Cpu

FORMAT: Final = "tdxcheck-events"
MOST: Final = 2_000
"""Events that are followed, repetitions not counted."""
LONGEST: Final = 4096
"""Characters of a line."""
MOST_CPUS: Final = 15
MOST_BLOCKS: Final = 15

EVENTS: Final[Mapping[str, Event]] = MappingProxyType(
    {e.name: e for e in vars(events).values() if isinstance(e, Event)}
)
KINDS: Final = MappingProxyType({kind.name.lower(): kind for kind in MemoryKind})
FIRST_KIND: Final = MappingProxyType(
    {
        "memory_hot_add": MemoryKind.HOT_PLUG_DRAM,
        "device_as_memory": MemoryKind.NVDIMM,
        "zone_device": MemoryKind.NVDIMM,
    }
)
"""What a block is that is first spoken of in this way; any other is boot DRAM."""
REPEATED: Final = frozenset({0, 6, 29, 34, 36})
"""Leaves that are made again and again, of which the model makes one step."""

SAID: Final[Mapping[str, tuple[Sight, ...]]] = MappingProxyType(
    {
        "initialized": (Becomes(tdx_is_initialized),),
        "init_failed": (Becomes(tdx_has_failed), InState(tdx_is_given_up)),
    }
)
CALLS: Final = Observed(
    "a SEAMCALL", (Step(callees=frozenset().union(*CALLEES.values())),)
)


@dataclass(frozen=True)
class Seen:
    """An event of the stream."""

    number: int
    """Its line, counted from 1."""
    text: str
    observed: Observed


@dataclass
class Stream:
    """A stream of events, and the machine that it is of."""

    design: str | None = None
    seen: list[Seen] = field(default_factory=list)
    skipped: int = 0
    """Events that are no steps of the model, or repeat one."""
    packages: dict[int, int] = field(default_factory=dict)
    """By CPU, in the order in which they are first spoken of."""
    blocks: dict[int, MemoryKind] = field(default_factory=dict)
    added_cpus: set[int] = field(default_factory=set)
    module_1_0: bool | None = None
    complete: bool = True
    """What is traced at all is traced whenever it happens."""
    kinds: set[str] = field(default_factory=set)
    """The kinds of events that are in it."""

    def evident(self) -> list[Observed]:
        """What the stream would show if it happened."""
        if not self.complete:
            return []
        found = [CALLS] if "seamcall" in self.kinds else []
        for kind in sorted(self.kinds):
            if kind in SAID:
                found.append(Observed(kind, SAID[kind][:1]))
            elif kind in EVENTS:
                found.append(Observed(kind, (Step(event=EVENTS[kind]),)))
        return found

    def machine(self) -> tuple[Sizes, dict[Variable, Any]]:
        """The machine that can show the stream."""
        _, settings = settings_for(seen.observed for seen in self.seen)
        cpus = list(self.packages) or [0]
        names = sorted({self.packages.get(cpu, 0) for cpu in cpus})
        packages = [names.index(self.packages.get(cpu, 0)) for cpu in cpus]
        kinds = [MemoryKind.BOOT_DRAM, *self.blocks.values()]
        counted = [cpu not in self.added_cpus for cpu in cpus]
        # One CPU more where a machine's last one is taken for hot-added.
        size = len(cpus) + (len(cpus) > 1)
        spare = size - len(cpus)
        packages += [0] * spare
        counted += [False] * spare
        settings[Host.package_of] = lambda cpu: packages[cpu]
        settings[Host.counted] = lambda cpu: counted[cpu]
        settings[Host.memory_kind] = lambda block: kinds[block]
        if self.module_1_0 is not None:
            settings[Host.module_is_1_5] = not self.module_1_0
        sizes = {"cpus": size, "packages": len(names), "blocks": len(kinds)}
        return sizes, settings


def stream_of(lines: Iterable[str], name: str) -> Stream:
    """The events of the lines.

    Errors: UsageError, with the line and what is wrong with it.
    """
    stream = Stream()
    last: object = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            data = _object(line)
            if data.get("format") == FORMAT:
                _header(stream, data)
                continue
            seen, key = _seen(stream, number, clean(line.strip()), data)
        except ValueError as error:
            raise UsageError(f"{name}, line {number}: {error}") from None
        if seen is None or (key is not None and key == last):
            stream.skipped += 1
            continue
        last = key
        stream.seen.append(seen)
        if len(stream.seen) > MOST:
            raise UsageError(f"{name}: more than {MOST:,} events; take a part of it")
    return stream


def _object(line: str) -> dict[str, Any]:
    if len(line) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(data, dict):
        raise ValueError("not an object")
    return data


def _header(stream: Stream, data: dict[str, Any]) -> None:
    design = data.get("design")
    if design is not None and not isinstance(design, str):
        raise ValueError("'design' must be a name")
    stream.design = design
    module = data.get("module")
    if module is not None:
        if module not in ("1.0", "1.5"):
            raise ValueError('\'module\' must be "1.0" or "1.5"')
        stream.module_1_0 = module == "1.0"
    complete = data.get("complete", True)
    if not isinstance(complete, bool):
        raise ValueError("'complete' must be true or false")
    stream.complete = complete
    cpus = data.get("cpus", {})
    if not isinstance(cpus, dict):
        raise ValueError("'cpus' must be an object, from CPU to package")
    for cpu, package in cpus.items():
        if not cpu.isdecimal() or type(package) is not int or package < 0:
            raise ValueError("'cpus' must give each number of a CPU a package")
        stream.packages[int(cpu)] = package
    _check(stream)


def _check(stream: Stream) -> None:
    if len(stream.packages) > MOST_CPUS:
        raise ValueError(f"at most {MOST_CPUS} CPUs are modelled; trace fewer")
    if len(stream.blocks) > MOST_BLOCKS:
        raise ValueError(f"at most {MOST_BLOCKS} memory blocks are modelled")


def _number(data: dict[str, Any], name: str) -> int | None:
    value = data.get(name)
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise ValueError(f"'{name}' must be a number from 0 up")
    return value


def _seen(
    stream: Stream, number: int, text: str, data: dict[str, Any]
) -> tuple[Seen | None, object]:
    """The event as an observation, and what it would be a repetition of."""
    kind = data.get("event")
    if not isinstance(kind, str):
        raise ValueError("no 'event'")
    cpu = _number(data, "cpu")
    if cpu is not None:
        package = _number(data, "package") or 0
        if stream.packages.setdefault(cpu, package) != package and "package" in data:
            raise ValueError(f"CPU {cpu} was on another package before")
    block = _number(data, "block")
    if block is not None and block not in stream.blocks:
        stream.blocks[block] = _kind_of(data, kind)
    _check(stream)
    arguments: dict[type, int] = {}
    if cpu is not None:
        arguments[Cpu] = list(stream.packages).index(cpu)
    if block is not None:
        arguments[Block] = list(stream.blocks).index(block) + 1
    key: object = None
    if kind == "seamcall":
        leaf = _leaf(data.get("leaf"))
        status = decode(_word(data.get("status"))).status
        sights = tuple(
            Step(s.actions, s.callees, s.event, s.answers, s.refused, arguments)
            if isinstance(s, Step) else s
            for s in call_sights(leaf, status, exact=True)
        )  # fmt: skip
        key = (leaf, status, cpu) if leaf in REPEATED else None
    elif kind in SAID:
        sights = SAID[kind]
    elif kind in EVENTS:
        event = EVENTS[kind]
        if kind == "cpu_hot_add" and cpu is not None:
            stream.added_cpus.add(cpu)
        _arguments(event, arguments)
        sights = (_outcome(event, arguments, data.get("told", 0)),)
    else:
        known = ", ".join(("seamcall", *SAID, *EVENTS))
        raise ValueError(f"there is no event {clean(kind)[:40]!r}; there are {known}")
    stream.kinds.add(kind)
    sort = kind if kind in ("seamcall", *SAID) else "event"
    return (Seen(number, text, Observed(text, sights, sort)) if sights else None), key


def _kind_of(data: dict[str, Any], event: str) -> MemoryKind:
    name = data.get("kind")
    if name is None:
        return FIRST_KIND.get(event, MemoryKind.BOOT_DRAM)
    if not isinstance(name, str) or name not in KINDS:
        raise ValueError(f"'kind' must be one of {', '.join(KINDS)}")
    return KINDS[name]


def _leaf(value: Any) -> int:
    if type(value) is int and 0 <= value < 1 << 64:
        return value & 0xFFFF if not value >> 63 else value
    if isinstance(value, str):
        name = value.upper().replace("_", ".")
        for number, known in LEAVES.items():
            if name in (known, known.removeprefix("TDH.")):
                return number
        try:
            return word_of(value) & 0xFFFF
        except ValueError:
            pass
    raise ValueError("'leaf' must be the number or the name of a leaf")


def _word(value: Any) -> int:
    if type(value) is int and -(1 << 63) <= value < 1 << 64:
        return value & (1 << 64) - 1
    if isinstance(value, str):
        try:
            return word_of(value)
        except ValueError as error:
            raise ValueError(f"'status' {error}") from None
    raise ValueError("'status' must be a number of 64 bits, or one in a string")


def _arguments(event: Event, arguments: dict[type, int]) -> None:
    for sort in event.parameters:
        if sort not in arguments and sort is Block:
            raise ValueError(f"{event.name} needs a 'block'")


def _outcome(event: Event, arguments: Mapping[type, int], told: Any) -> Sight:
    if type(told) is not int or not -4096 < told < 4096:
        raise ValueError("'told' must be 0 or an errno")
    if told == 0:
        return Step(event=event, arguments=arguments)
    name = f"-{errnos.errorcode.get(abs(told), '')}"
    answers = {member.value: member for member in Told}
    return Refused(event, arguments, answers.get(name))

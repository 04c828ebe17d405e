"""The recorded vectors: reading their files into values.

What a file holds besides these fields is of no use here and is passed over; what
is missing or is not what it should be raises `MalformedVectors`.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdxcheck.spec.layout import Area, Memory, TdmrInfo

# Any, because JSON has no types: every field is checked where it is read.
Json = Any


class MalformedVectors(Exception):
    """A vector file does not hold what the format promises."""

    def __init__(self, place: str, message: str) -> None:
        self.place = place
        super().__init__(f"{place}: {message}")


@dataclass(frozen=True)
class Record:
    """What the real module answered."""

    status: str
    rax: int | None
    """The whole answer; None where there was none."""
    out: Mapping[str, int]
    """The registers that it changed."""


@dataclass(frozen=True)
class Step:
    """One call, or one loading of the module, with what came of it."""

    operation: str
    leaf: str
    lp: int
    rax: int | None
    """The leaf number with version and reserved bits, where it was not alone."""
    operands: Mapping[str, int]
    layout: str | None
    fault: Mapping[str, Json]
    repeat: int
    record: Record | None
    done: int
    keep_handoff: bool
    header: Mapping[str, int]
    state: Mapping[str, Json]
    """The module's state after the step."""
    place: str = ""
    """Where a call that only begins was to be stopped."""
    is_stopped: bool = False
    """It was; else it had its answer before it came there."""

    @property
    def is_call(self) -> bool:
        """It is a SEAMCALL, or a part of one."""
        return self.operation != "reload"


@dataclass(frozen=True)
class Platform:
    lp_package: tuple[int, ...]
    """The package of each LP there is."""
    reported_lps: int
    reported_pkgs: int
    memory: Memory
    module_hv: int
    min_update_hv: int
    no_downgrade: bool
    handoff_pages: int
    smrr: Area | None


@dataclass(frozen=True)
class TdmrList:
    """A list of TDMRs, and the address at which the host keeps it."""

    address: int
    tdmrs: tuple[TdmrInfo, ...]


@dataclass(frozen=True)
class Sequence:
    name: str
    place: str
    platform: Platform
    layouts: Mapping[str, TdmrList]
    steps: tuple[Step, ...]
    prefix_steps: int = 0
    """The first so many steps belong to a prefix: they are replayed, not counted."""


@dataclass(frozen=True)
class Cell:
    """A call in a state that is told, not reached: a line of `leaf-state-table`."""

    name: str
    place: str
    leaf: str
    number: int
    rax: int | None
    operands: Mapping[str, int]
    before: Mapping[str, Json]
    record: Record
    after: Mapping[str, Json]


@dataclass(frozen=True)
class LayoutLine:
    """One TDH.SYS.CONFIG of a line of `layouts`."""

    name: str
    memory: Memory
    smrr: Area | None
    operands: Mapping[str, int]
    tdmrs: tuple[TdmrInfo, ...]
    stage: str
    record: Record
    keyids_reserved: tuple[int, ...] | None


@dataclass(frozen=True)
class RegisterLine:
    """The outcomes of flipping each bit of a register: a line of `platform-checks`."""

    name: str
    leaf: str
    source: str
    register: tuple[str, ...]
    """An MSR's address; or a CPUID leaf, subleaf and register name."""
    outcomes: Mapping[str, tuple[int, ...]]


def find(folder: Path, name: str) -> Path | None:
    """The file of this kind, packed or not; None if the folder has none."""
    for ending in (".jsonl.gz", ".jsonl"):
        path = folder / (name + ending)
        if path.is_file():
            return path
    return None


def lines(path: Path) -> Iterator[tuple[str, Json]]:
    """Each line's place and content."""
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        text = content.decode()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise MalformedVectors(str(path), f"cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        place = f"{path}:{number}"
        try:
            yield place, json.loads(line)
        except json.JSONDecodeError as error:
            raise MalformedVectors(place, f"is not JSON: {error}") from error


def read_sequences(path: Path, prefixes: Mapping[str, Sequence]) -> Iterator[Sequence]:
    for place, data in lines(path):
        with _Place(place):
            steps = tuple(read_step(step) for step in data["steps"])
            if "prefix" in data:
                prefix = prefixes[data["prefix"]]
                yield Sequence(
                    str(data["id"]),
                    place,
                    prefix.platform,
                    prefix.layouts,
                    (*prefix.steps, *steps),
                    len(prefix.steps),
                )
            else:
                platform, layouts = _read_setting(data)
                yield Sequence(str(data["id"]), place, platform, layouts, steps)


def read_prefixes(folder: Path) -> dict[str, Sequence]:
    path = folder / "prefixes.json"
    if not path.is_file():
        return {}
    with _Place(str(path)):
        found = {}
        for name, data in json.loads(path.read_text()).items():
            platform, layouts = _read_setting(data)
            steps = tuple(read_step(step) for step in data["steps"])
            found[name] = Sequence(name, str(path), platform, layouts, steps)
        return found


def read_cells(path: Path) -> Iterator[Cell]:
    for place, data in lines(path):
        with _Place(place):
            yield Cell(
                f"{data['leaf']} {data['variant']} {json.dumps(data['pre'])}",
                place,
                str(data["leaf"]),
                int(data["leaf_num"]),
                _optional(data, "rax"),
                _registers(data.get("in", {})),
                _mapping(data["pre"]),
                _read_record(data),
                _mapping(data["post"]),
            )


def read_layouts(path: Path) -> Iterator[LayoutLine]:
    for place, data in lines(path):
        with _Place(place):
            addresses = _registers(data.get("entry_pa", {}))
            reserved = data.get("post", {}).get("keyids_reserved")
            yield LayoutLine(
                str(data["id"]),
                _read_memory(data["platform"]),
                _read_smrr(data["platform"]),
                _registers(data["in"]),
                tuple(
                    _read_tdmr(tdmr, addresses.get(str(number)))
                    for number, tdmr in enumerate(data["tdmrs"])
                ),
                str(data["stage"]),
                _read_record(data),
                None if reserved is None else tuple(map(int, reserved)),
            )


def read_registers(path: Path) -> Iterator[RegisterLine]:
    for place, data in lines(path):
        with _Place(place):
            is_msr = data["source"] == "msr"
            where = (data["addr"],) if is_msr else (*data["cpuid"], data["reg"])
            register = tuple(map(str, where))
            yield RegisterLine(
                f"{data['leaf']} {data['source']} {'.'.join(register)}",
                str(data["leaf"]),
                str(data["source"]),
                register,
                {key: tuple(map(int, bits)) for key, bits in data["flip"].items()},
            )


def read_step(data: Json) -> Step:
    operation = str(data["op"])
    is_reload = operation == "reload"
    # A call that is suspended has its answer only where it ends.
    is_answered = operation == "call" or "status" in data
    return Step(
        operation,
        str(data["leaf"] if operation == "call" else data.get("leaf", "")),
        0 if is_reload else int(data["lp"]),
        _optional(data, "rax"),
        _registers(data.get("in", {})),
        data.get("layout"),
        _mapping(data.get("fault", {})),
        int(data.get("rep", 1)),
        _read_record(data) if is_answered else None,
        int(data.get("done", 1)),
        bool(data.get("keep_handoff", False)),
        {key: int(value) for key, value in data.get("handoff_hdr", {}).items()},
        _mapping(data["st"]),
        str(data["at"] if operation == "begin" else ""),
        bool(data.get("suspended", False)),
    )


def _read_record(data: Json) -> Record:
    out = _registers(data.get("out", {}))
    return Record(str(data["status"]), _optional(data, "rc"), out)


def _read_setting(data: Json) -> tuple[Platform, dict[str, TdmrList]]:
    given = data["platform"]
    platform = Platform(
        tuple(map(int, given["lp_pkg"])),
        int(given["reported_lps"]),
        int(given["reported_pkgs"]),
        _read_memory(given),
        int(given["module_hv"]),
        int(given["min_update_hv"]),
        bool(given["no_downgrade"]),
        int(given["handoff_pages"]),
        _read_smrr(given),
    )
    layouts = {
        name: TdmrList(
            int(layout["array_pa"], 16),
            tuple(_read_tdmr(tdmr, None) for tdmr in layout["tdmrs"]),
        )
        for name, layout in data.get("layouts", {}).items()
    }
    return platform, layouts


def _read_memory(given: Json) -> Memory:
    return Memory(
        tuple(_area(cmr) for cmr in given["cmrs"]),
        int(given["keyid_bits"]),
        int(given["mktme_keyids"]),
        int(given["tdx_keyids"]),
        _area(given["seamrr"]),
    )


def _read_smrr(given: Json) -> Area | None:
    return None if given["smrr"] is None else _area(given["smrr"])


def _read_tdmr(given: Json, address: int | None) -> TdmrInfo:
    return TdmrInfo(
        _area((given["base"], given["size"])),
        _area(given["pamt_1g"]),
        _area(given["pamt_2m"]),
        _area(given["pamt_4k"]),
        tuple(_area(area) for area in given["rsvd"]),
        address,
    )


def _area(pair: Json) -> Area:
    base, size = pair
    return Area(int(base, 16), int(size, 16))


def _registers(given: Json) -> dict[str, int]:
    return {name: int(value, 16) for name, value in given.items()}


def _mapping(given: Json) -> dict[str, Json]:
    return dict(given.items())


def _optional(data: Json, key: str) -> int | None:
    return int(data[key], 16) if key in data else None


class _Place:
    """Turns whatever goes wrong with the data in its body into MalformedVectors."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, KeyError):
            raise MalformedVectors(self.place, f"has no {error}") from error
        if isinstance(error, ValueError | TypeError | AttributeError):
            raise MalformedVectors(self.place, str(error)) from error

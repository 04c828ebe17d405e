"""Reading memory maps: every source of them, and whatever else somebody may give."""

from __future__ import annotations

import gzip
import json
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxcheck.models.machines import map_lines
from tdxcheck.models.machines.live import live_map
from tdxcheck.models.machines.map_builder import MapBuilder
from tdxcheck.models.machines.map_files import from_json, to_json
from tdxcheck.models.machines.map_lines import (
    E820,
    BootMemory,
    Cmr,
    E820Change,
    Iomem,
    KeyIds,
    NotConvertible,
    PamtSize,
    ReservedExhausted,
    Srat,
    TdmrsExhausted,
    parse_line,
)
from tdxcheck.models.machines.memory_map import (
    Kind,
    MalformedMap,
    MemoryMap,
    NodeRange,
    Region,
    in_order,
    intersect,
    join,
    subtract,
)
from tdxcheck.spec.layout import Area, span
from tests.memory_maps import DATA, LOGS, REAL, areas, machines, read_map

GIB4 = span(0x100000000, 0x200000000)
STAMPS = ("", "[    0.000000] ", "[    0.000000][    T0] ", "[0.303913] ", "[] ",
          "Nov 25 01:00:00 host kernel: ")  # fmt: skip


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "BIOS-e820: [mem 0x0000000100000000-0x00000001ffffffff] usable",
            E820("BIOS-e820", GIB4, Kind.USABLE),
        ),
        (
            "BIOS-e820: [mem 0x0000000100000000-0x00000001ffffffff]  System RAM",
            E820("BIOS-e820", GIB4, Kind.USABLE),
        ),
        (
            "BIOS-e820: [mem 0x0000000100000000-0x00000001ffffffff]  device reserved",
            E820("BIOS-e820", GIB4, Kind.RESERVED),
        ),
        (
            "user: [mem 0x0000000100000000-0x00000001ffffffff] persistent (type 12)",
            E820("user", GIB4, Kind.LEGACY_PMEM),
        ),
        (
            "BIOS-e820: [mem 0x100000000-0x1ffffffff]  persistent RAM (type 7)",
            E820("BIOS-e820", GIB4, Kind.NVDIMM),
        ),
        (
            "reserve setup_data: [mem 0x100000000-0x1ffffffff] soft reserved",
            E820("reserve setup_data", GIB4, Kind.SOFT_RESERVED),
        ),
        (
            "BIOS-e820: [mem 0x100000000-0x1ffffffff] type 20",
            E820("BIOS-e820", GIB4, Kind.OTHER),
        ),
        (
            "BIOS-e820: [gap 0x0000000100000000-0x00000001ffffffff]",
            E820("BIOS-e820", GIB4, None),
        ),
        (
            "e820: update [mem 0x100000000-0x1ffffffff] usable ==> reserved",
            E820Change(GIB4, Kind.USABLE, Kind.RESERVED),
        ),
        (
            "e820: remove [mem 0x100000000-0x1ffffffff] System RAM",
            E820Change(GIB4, Kind.USABLE, None),
        ),
        (
            "ACPI: SRAT: Node 6 PXM 14 [mem 0x100000000-0x1ffffffff] hotplug",
            Srat(6, GIB4, True, False),
        ),
        (
            "SRAT: Node 1 PXM 1 [mem 0x100000000-0x1ffffffff]",
            Srat(1, GIB4, False, False),
        ),
        (
            "SRAT: Node 1 PXM 1 [mem 0x100000000-0x1ffffffff] hotplug non-volatile",
            Srat(1, GIB4, True, True),
        ),
        ("SRAT: Node 1 PXM 1 100000000-200000000", Srat(1, GIB4, False, False)),
        (
            "  node   0: [mem 0x0000000100000000-0x00000001ffffffff]",
            BootMemory(0, GIB4),
        ),
        ("virt/tdx: CMR: [0x100000000, 0x200000000)", Cmr(GIB4)),
        ("tdx: BIOS-CMR : [0x100000000, 0x200000000)", Cmr(GIB4)),
        ("tdx: Kernel-checked-CMR : [0x100000000, 0x200000000)", Cmr(GIB4)),
        ("virt/tdx: 1050644 KB allocated for PAMT", PamtSize(1050644)),
        ("virt/tdx: 1050644 KBs allocated for PAMT", PamtSize(1050644)),
        ("virt/tdx: 1575964 KB? allocated for PAMT", PamtSize(1575964)),
        ("tdx: 262659 pages allocated for PAMT.", PamtSize(1050636)),
        (
            "virt/tdx: BIOS enabled: private KeyID range [32, 64)",
            KeyIds(32, 64),
        ),
        ("tdx: TDX private KeyID range: [16, 64).", KeyIds(16, 64)),
        (
            "virt/tdx: initialization failed: TDMR [0x100000000, 0x200000000): "
            "reserved areas exhausted.",
            ReservedExhausted(GIB4),
        ),
        ("virt/tdx: initialization failed: TDMRs exhausted.", TdmrsExhausted()),
        (
            "tdx: [0x100000000, 0x200000000) is not fully convertible memory",
            NotConvertible(GIB4),
        ),
    ],
)
def test_a_line_is_read_with_any_stamp(
    stamp: str, line: str, told: map_lines.MapLine
) -> None:
    assert parse_line(stamp + line) == told
    assert parse_line(stamp + line + "\r\n") == told


@pytest.mark.parametrize(
    "line",
    [
        "",
        "virt/tdx: module initialized",
        "BIOS-e820: [mem 0x200000000-0x1ffffffff] usable",
        "BIOS-e820: [mem 0x0-0xffffffffffffffff] usable",
        "BIOS-e820: [mem 0x0000000100000000-0x00000001ffff",
        "virt/tdx: CMR: [0x200000000, 0x200000000)",
        "virt/tdx: CMR: [0x, 0x)",
        "virt/tdx: private KeyID range [64, 32)",
        "SRAT: Node 99999999999 PXM 0 [mem 0x0-0xfff]",
        "not allocated for PAMT",
        "NODE_DATA(0) allocated [mem 0x55e2d5240-0x55e2fffff]",
        "pci_bus 0000:00: root bus resource [mem 0x90000000-0xdfffffff window]",
    ],
)
def test_what_is_no_such_line_tells_nothing(line: str) -> None:
    assert parse_line(line) is None


def test_iomem_lines_keep_their_depth() -> None:
    assert parse_line("100000000-1ffffffff : System RAM") == Iomem(
        0, GIB4, "System RAM"
    )
    assert parse_line("    100000000-1ffffffff : dax0.0") == Iomem(2, GIB4, "dax0.0")


def test_long_lines_take_no_longer() -> None:
    for part in ("[mem ", "CMR: [0x", "SRAT: Node ", " : ", " ", "BIOS-e820: "):
        assert parse_line(part * 500_000) is None


def lines(*told: str) -> MemoryMap:
    builder = MapBuilder()
    for line in told:
        found = parse_line(line)
        if found is not None:
            builder.take(found)
    return builder.finish()


def test_a_later_map_takes_the_place_of_an_earlier_one() -> None:
    found = lines(
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable",
        "BIOS-e820: [mem 0x0000000100000000-0x00000001ffffffff] usable",
        "user: [mem 0x0000000000000000-0x000000000009ffff] usable",
        "user: [mem 0x0000000100000000-0x00000001ffffffff] persistent (type 12)",
    )
    assert found.of_kind(Kind.USABLE) == (span(0, 0xA0000),)
    assert found.of_kind(Kind.LEGACY_PMEM) == (GIB4,)


def test_another_boot_begins_anew_and_doubled_lines_do_not() -> None:
    first = [
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable",
        "BIOS-e820: [mem 0x0000000100000000-0x00000001ffffffff] usable",
    ]
    told = "virt/tdx: CMR: [0x100000000, 0x200000000)"
    boots = lines(*first, told, first[0], "BIOS-e820: [mem 0x100000-0x1fffff] usable")
    assert boots.cmrs is None
    assert boots.of_kind(Kind.USABLE) == (span(0, 0xA0000), span(0x100000, 0x200000))
    doubled = lines(*(line for line in (*first, told) for _ in range(2)))
    assert doubled == lines(*first, told)


def test_an_excerpt_of_iomem_does_not_tell_what_is_usable() -> None:
    memory = "777ff000-777fffff : System RAM"
    pmem = "300000000-3ffffffff : Persistent Memory (legacy)"
    excerpt = lines(memory, pmem)
    assert not excerpt.tells_usable
    assert excerpt.of_kind(Kind.LEGACY_PMEM)
    assert lines("00000000-00000fff : Reserved", memory, pmem).tells_usable


def test_marks_of_a_mail_are_no_part_of_iomem() -> None:
    found = lines(
        "> 850000000-284fffffff : CXL Window 0",
        ">   850000000-284fffffff : Soft Reserved",
        ">     850000000-284fffffff : System RAM (virtio_mem)",
    )
    window = span(0x850000000, 0x2850000000)
    assert found.cxl_windows == (window,)
    assert found.of_kind(Kind.ADDED) == (window,)


def test_a_loaders_map_is_laid_over_firmwares() -> None:
    """It may be told in part only, by those who ask about soft-reserved memory."""
    found = lines(
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable",
        "BIOS-e820: [mem 0x0000000100000000-0x00000001ffffffff] usable",
        "reserve setup_data: [mem 0x0000000180000000-0x00000001ffffffff] soft reserved",
    )
    half = span(0x180000000, 0x200000000)
    assert found.of_kind(Kind.SOFT_RESERVED) == (half,)
    assert found.of_kind(Kind.USABLE) == (span(0, 0xA0000), span(1 << 32, half.base))


def test_changes_of_the_map_are_made() -> None:
    found = lines(
        "BIOS-e820: [mem 0x0000000100000000-0x00000001ffffffff] usable",
        "e820: update [mem 0x100000000-0x13fffffff] usable ==> reserved",
        "e820: remove [mem 0x1c0000000-0x1ffffffff] usable",
    )
    assert found.of_kind(Kind.USABLE) == (span(0x140000000, 0x1C0000000),)
    assert found.of_kind(Kind.RESERVED) == (span(0x100000000, 0x140000000),)


def test_of_claims_that_overlap_the_stricter_wins() -> None:
    found = lines(
        "BIOS-e820: [mem 0x0000000100000000-0x00000001ffffffff] usable",
        "BIOS-e820: [mem 0x0000000180000000-0x00000002ffffffff] reserved",
    )
    assert found.of_kind(Kind.USABLE) == (span(0x100000000, 0x180000000),)


def test_what_a_driver_added_is_told_apart() -> None:
    found = read_map(DATA / "hostlogs" / "cxl-physical-two-windows.log")
    assert found.of_kind(Kind.ADDED) == (span(0x2070000000, 0xA070000000),)
    assert len(found.cxl_windows) == 2
    assert not found.tells_usable


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_a_map_is_the_same_when_written_and_read_again(path: Path) -> None:
    found = read_map(path)
    assert from_json(to_json(found)) == found.__class__(**{**vars(found), "notes": ()})


@pytest.mark.parametrize(
    ("log", "name"),
    [
        ("emr-foxcreekpass-reserved-exhausted", "emr-foxcreekpass-reserved-exhausted"),
        ("qssc-s4r-srat-hotplug", "qssc-s4r-srat-hotplug"),
        ("ovmf-guest-caller-id-hotplug", "ovmf-guest-caller-id-hotplug"),
        ("e820-new-format-linux70", "e820-new-format-linux70"),
        ("host-1tib-4cmr-68intel", "cmr-1tib-4domains"),
    ],
)
def test_a_log_tells_what_its_map_says(log: str, name: str) -> None:
    told = read_map(DATA / "hostlogs" / f"{log}.log")
    known = read_map(DATA / "memmaps" / f"{name}.json")
    low = span(0, 0x100000)
    above = tuple(subtract(told.of_kind(Kind.USABLE), (low,)))
    assert above == tuple(subtract(known.of_kind(Kind.USABLE), (low,)))
    assert told.cmrs == known.cmrs
    assert set(told.nodes) == set(known.nodes)
    assert set(told.windows) == set(known.windows)
    assert told.complete or not known.complete


def test_archives_are_read_and_broken_ones_told(tmp_path: Path) -> None:
    log = (DATA / "hostlogs" / "qssc-s4r-srat-hotplug.log").read_bytes()
    packed = tmp_path / "dmesg.gz"
    packed.write_bytes(gzip.compress(log))
    assert read_map(packed) == lines(*log.decode().splitlines())
    packed.write_bytes(gzip.compress(log)[:-20])
    assert read_map(packed).windows  # What came before the cut stands.
    packed.write_bytes(gzip.compress(log)[:6])
    with pytest.raises(MalformedMap, match="cannot be unpacked"):
        read_map(packed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it tells of no memory"),
        ("hello\n", "it tells of no memory"),
        ("{", "it is not JSON"),
        ("{}", "none of the fields"),
        ('{"usable": 3}', "usable is not a list"),
        ('{"usable": [3]}', r"usable\[0\] is not a pair"),
        ('{"usable": [["x", "y"]]}', "not a pair of numbers"),
        ('{"usable": [["0x2000", "0x1000"]]}', "no range of addresses"),
        ('{"usable": [["0x0", "0x20000000000000"]]}', "no range of addresses"),
        ('{"usable": [], "numa": []}', "numa is not an object"),
        ('{"usable": [], "numa": {"x": []}}', "not the number of a node"),
        ('{"usable": [], "pamt_kb": -1}', "pamt_kb is not a number"),
        ('{"usable": ' + "[" * 100_000, "it is not JSON"),
    ],
)
def test_what_is_no_map_is_told_in_a_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "map"
    path.write_text(text)
    with pytest.raises(MalformedMap, match=message) as caught:
        read_map(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_endless_maps_are_not_taken() -> None:
    endless = ("virt/tdx: CMR: [0x1000, 0x2000)" for _ in range(200_000))
    with pytest.raises(MalformedMap, match="more than 100,000 lines"):
        lines(*endless)
    cmrs = (f"CMR: [{n:#x}000, {n + 1:#x}000)" for n in range(1, 8_000, 2))
    with pytest.raises(MalformedMap, match="more than 3,200 ranges"):
        lines(*cmrs)
    with pytest.raises(MalformedMap, match="usable has more than 3,200 ranges"):
        from_json({"usable": [["0x0", "0x1000"]] * 4_000})


# Areas.


@given(areas(), areas())
def test_areas_are_sets_of_addresses(one: list[Area], two: list[Area]) -> None:
    first, second = join(one), join(two)
    both = tuple(intersect(first, second))
    rest = tuple(subtract(first, second))
    assert join((*both, *rest)) == first
    assert not tuple(intersect(both, rest))
    assert not tuple(intersect(rest, second))


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12), st.data()
)
def test_regions_are_put_apart(
    pairs: list[tuple[int, int]], data: st.DataObject
) -> None:
    kinds = [data.draw(st.sampled_from(Kind)) for _ in pairs]
    told = [Region(Area(b, s), k) for (b, s), k in zip(pairs, kinds, strict=True)]
    found = in_order(told)
    order = list(Kind)
    for address in range(90):
        claims = [r.kind for r in told if r.area.base <= address < r.area.end]
        mine = [r.kind for r in found if r.area.base <= address < r.area.end]
        wanted = [max(claims, key=order.index)] if claims else []
        assert mine == wanted


# Fuzzing: whatever is given, there is a map or a MalformedMap.


def mutated(text: bytes, source: random.Random) -> bytes:
    """Cut, doubled, shuffled, sprinkled with garbage."""
    data = bytearray(text)
    for _ in range(source.randrange(1, 8)):
        kind = source.randrange(6)
        at = source.randrange(len(data) + 1)
        if kind == 0:
            del data[at : at + source.randrange(40)]
        elif kind == 1:
            data[at:at] = bytes(source.randrange(256) for _ in range(12))
        elif kind == 2:
            data[at:at] = source.choice(
                [b"\x1b[31m", b"\r\n", b"\x00", b"0x", b"[mem ", b"ffffffffffffffff"]
            )
        elif kind == 3:
            split = bytes(data).splitlines(keepends=True)
            source.shuffle(split)
            data = bytearray(b"".join(split))
        elif kind == 4:
            data += data[at : at + 300]
        elif data:
            data[at % len(data)] ^= 1 << source.randrange(8)
    return bytes(data)


@pytest.mark.parametrize("path", [*REAL[::3], *LOGS], ids=lambda path: path.name)
def test_mutated_files_are_read_or_refused(path: Path, tmp_path: Path) -> None:
    source = random.Random(path.name)
    text = path.read_bytes()
    place = tmp_path / "fuzz"
    read = 0
    for _ in range(25):
        place.write_bytes(mutated(text, source))
        try:
            found = read_map(place)
        except MalformedMap as error:
            assert "\n" not in str(error)
            continue
        read += 1
        bases = [region.area for region in found.regions]
        assert all(a.end <= b.base for a, b in pairwise(bases))
        assert all(area.size > 0 for area in bases)
    if path.suffix == ".log":
        assert read


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_line_is_borne(text: str) -> None:
    parse_line(text)
    builder = MapBuilder()
    told = parse_line(f"BIOS-e820: [mem 0x0-0xfff] {text}")
    if told is not None:
        builder.take(told)
        builder.finish()


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
    st.sampled_from(["usable", "cmr", "numa", "pamt_kb", "notes", "hotplug_windows"]),
)
def test_any_json_is_borne(value: object, field: str) -> None:
    try:
        from_json(json.loads(json.dumps({"usable": [], field: value})))
    except MalformedMap as error:
        assert "\n" not in str(error)


@given(machines())
def test_any_map_is_the_same_when_written_and_read_again(machine: MemoryMap) -> None:
    assert from_json(to_json(machine)).regions == machine.regions
    assert from_json(to_json(machine)).cmrs == machine.cmrs


# This machine.


def fake(root: Path) -> None:
    """The files of a machine with 4 GiB of memory, and 1 GiB that kmem has added."""
    for number, (start, end, kind) in enumerate(
        [
            ("0x0", "0x9ffff", "System RAM"),
            ("0x100000", "0x7fffffff", "System RAM"),
            ("0x80000000", "0x8fffffff", "Reserved"),
            ("0x100000000", "0x17fffffff", "System RAM"),
            ("0x200000000", "0x23fffffff", "Soft Reserved"),
        ]
    ):
        entry = root / "sys/firmware/memmap" / str(number)
        entry.mkdir(parents=True)
        (entry / "start").write_text(f"{start}\n")
        (entry / "end").write_text(f"{end}\n")
        (entry / "type").write_text(f"{kind}\n")
    (root / "proc").mkdir()
    (root / "proc/iomem").write_text(
        "00100000-7fffffff : System RAM\n"
        "100000000-17fffffff : System RAM\n"
        "200000000-23fffffff : Soft Reserved\n"
        "  200000000-23fffffff : dax0.0\n"
        "    200000000-23fffffff : System RAM (kmem)\n"
    )
    blocks = root / "sys/devices/system/memory"
    blocks.mkdir(parents=True)
    (blocks / "block_size_bytes").write_text("40000000\n")
    for index, node in ((0, 0), (1, 0), (4, 0), (5, 1), (8, 2)):
        block = blocks / f"memory{index}"
        block.mkdir()
        (block / "phys_index").write_text(f"{index:08x}\n")
        (block / "state").write_text("online\n")
        (block / f"node{node}").mkdir()


def test_a_live_machine_is_read_from_its_files(tmp_path: Path) -> None:
    fake(tmp_path)
    found = live_map(tmp_path)
    assert found.of_kind(Kind.USABLE) == (
        span(0, 0xA0000),
        span(0x100000, 0x80000000),
        span(0x100000000, 0x180000000),
    )
    assert found.of_kind(Kind.ADDED) == (span(0x200000000, 0x240000000),)
    assert NodeRange(1, span(0x140000000, 0x180000000)) in found.nodes
    assert found.cmrs is None
    assert found.notes == ()


def test_addresses_that_are_hidden_are_told(tmp_path: Path) -> None:
    fake(tmp_path)
    (tmp_path / "proc/iomem").write_text("00000000-00000000 : System RAM\n" * 3)
    found = live_map(tmp_path)
    assert found.notes == ("/proc/iomem shows no addresses: that is for root only",)
    # The blocks tell of it all the same.
    assert found.of_kind(Kind.ADDED) == (span(0x200000000, 0x240000000),)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ("fpu vmx hypervisor lm", "a virtual machine, and no TDX host"),
        ("fpu vmx lm", "does not list tdx_host_platform"),
        ("fpu vmx lm tdx_host_platform", ""),
    ],
)
def test_a_processor_that_is_no_tdx_host_is_told(
    flags: str, says: str, tmp_path: Path
) -> None:
    fake(tmp_path)
    (tmp_path / "proc/cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    notes = live_map(tmp_path).notes
    assert (len(notes) == 1 and says in notes[0]) if says else notes == ()


def test_a_machine_without_such_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(MalformedMap, match="tells of memory"):
        live_map(tmp_path)
    (tmp_path / "sys/firmware/memmap/0").mkdir(parents=True)
    with pytest.raises(MalformedMap, match="no range"):
        live_map(tmp_path)

"""Layouts on memory maps: the kernels', and where they part from the best."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxcheck.models.layouts.coverage import shares
from tdxcheck.models.layouts.generations import GENERATIONS
from tdxcheck.models.layouts.kernel import (
    Pamt,
    build,
    fill,
    holes_in,
    more_tdmrs,
    reserved_areas,
)
from tdxcheck.models.layouts.legal import legal
from tdxcheck.models.layouts.outcome import outcome
from tdxcheck.models.layouts.placement import FirstFit
from tdxcheck.models.layouts.search import (
    fails_needlessly,
    machine_of,
    smallest_in_one_gigabyte,
    smallest_number,
    touching_cmrs,
    with_carve_outs,
)
from tdxcheck.models.machines.memory_map import (
    MB1,
    MemoryMap,
    NodeRange,
    join,
    sizes,
    subtract,
)
from tdxcheck.spec.layout import GB1, KB4, MAX_TDMRS, Area, span
from tdxcheck.spec.layout_rules import uncovered
from tests.layouts import EMR, KNOWN, V6_8, named, on
from tests.memory_maps import DATA, LOGS, REAL, RECORDED, areas, machines, read_map

# Real machines.


def has_both(path: Path) -> bool:
    machine = read_map(path)
    return machine.cmrs is not None and machine.pamt_kb is not None


PRINTED = [path for path in (*REAL, *LOGS) if has_both(path)]


@pytest.mark.parametrize("path", PRINTED, ids=lambda path: path.name)
def test_pamts_are_as_large_as_the_host_printed(path: Path) -> None:
    machine = read_map(path)
    # The holes of the host whose first kernel failed are found between CMRs.
    key = "cmr-holes" if path == EMR else "v6.8"
    found = outcome(named(key), machine)
    assert found.layout.pamt_kb == machine.pamt_kb
    assert found.works


def test_there_are_sizes_to_compare() -> None:
    assert len(PRINTED) == 10
    assert len(KNOWN) == 18


def test_reserved_areas_were_exhausted_on_emerald_rapids() -> None:
    found = on(EMR)
    failure = found.layout.failure
    assert failure and failure.name == "-ENOSPC"
    assert failure.tdmr == span(0, 0x80000000)
    assert failure.line == (
        "initialization failed: TDMR [0x0, 0x80000000): reserved areas exhausted."
    )
    assert found.layout.needed[0] == 17
    assert legal(found.problem, found.platform).exists


def test_the_lists_that_a_kernel_printed_are_those_that_are_computed() -> None:
    """The log of this guest has memblock's list; its map has e820 and SRAT."""
    told = on(DATA / "hostlogs" / "ovmf-guest-caller-id-hotplug.log")
    known = on(DATA / "memmaps" / "ovmf-guest-caller-id-hotplug.json")
    assert told.machine.boot_memory and not known.machine.boot_memory
    assert told.memory.ranges == known.memory.ranges


def test_a_region_is_split_at_nodes_by_memblock_only() -> None:
    path = DATA / "memmaps" / "qssc-s4r-srat-hotplug.json"
    assert len(on(path).layout.areas) == 5
    assert len(on(path, "v3").layout.areas) == 2


def test_v3_takes_legacy_pmem_for_memory() -> None:
    path = DATA / "hostlogs" / "memmap-4g-kaslr-collision.log"
    pmem = span(0x100000000, 0x200000000)
    assert not tuple(subtract((pmem,), join(on(path, "v3").memory.areas)))
    assert tuple(subtract((pmem,), on(path, "v5").memory.areas)) == (pmem,)


def test_dynamic_pamt_needs_a_bit_for_a_page() -> None:
    path = DATA / "memmaps" / "cmr-1tib-4domains.json"
    gigabytes = sizes(on(path).layout.areas) >> 30
    assert on(path, "dpamt").layout.pamt_kb == gigabytes * (32 + 8) + 5 * 4
    assert on(path, "dpamt").works


# Kernels.


def test_one_tdmr_more_than_there_are_is_told() -> None:
    memory = [NodeRange(n, Area(2 * n * GB1, GB1)) for n in range(1, MAX_TDMRS + 2)]
    failed = build(V6_8, memory, None).failure
    assert failed and (failed.name, failed.line) == (
        "-ENOSPC",
        "initialization failed: TDMRs exhausted.",
    )
    quiet = build(named("v5"), memory, None).failure
    assert quiet and (quiet.name, quiet.line) == ("-E2BIG", "")
    enough = build(V6_8, memory[1:], None)
    assert enough.failure is None
    assert enough.warnings == ("consumed TDMRs reaching limit: 64 used out of 64",)


@pytest.mark.parametrize(
    ("key", "name", "line"),
    [
        ("v3", "-EFAULT", "[0x100000, 0x80000000) is not fully convertible memory"),
        ("v5", "-EINVAL", "[0x100000, 0x80000000) is not fully convertible memory"),
        (
            "v7",
            "-EINVAL",
            "Memory region [0x100000, 0x80000000) is not TDX convertible memorry.",
        ),
    ],
)
def test_early_kernels_look_at_cmrs(key: str, name: str, line: str) -> None:
    memory = [NodeRange(0, span(MB1, 2 * GB1))]
    failed = build(named(key), memory, [span(MB1, GB1)]).failure
    assert failed and (failed.name, failed.line) == (name, line)
    assert build(named(key), memory, [span(MB1, 3 * GB1)]).failure is None


def test_later_kernels_leave_it_to_the_module() -> None:
    memory = [Area(MB1, 2 * GB1 - MB1)]
    found = outcome(V6_8, machine_of(memory, (span(MB1, GB1),)))
    assert found.layout.failure is None
    assert found.works is False
    assert "TDX_TDMR_OUTSIDE_CMRS (TDMR 0), 0xc0000a0200000000" in found.reason
    assert found.check and "convertible" in found.check.statement


def test_a_range_that_ends_where_a_tdmr_begins_does_no_harm() -> None:
    """It is not passed over, and only says again where the TDMR begins."""
    tdmr = Area(GB1, GB1)
    after = span(GB1 + KB4, 2 * GB1)
    before = span(MB1, GB1)
    assert holes_in(tdmr, [before, after]) == holes_in(tdmr, [after])
    assert holes_in(tdmr, [after]) == [Area(GB1, KB4)]


def test_each_hole_and_each_pamt_takes_a_slot() -> None:
    tdmr = span(0, GB1)
    memory = [span(MB1, 100 * MB1), span(200 * MB1, 300 * MB1)]
    touching = [Pamt(100 * MB1 - KB4, (KB4, 0, 0)), Pamt(GB1 - KB4, (2 * KB4, 0, 0))]
    assert reserved_areas(tdmr, memory, touching) == [
        span(0, MB1),
        span(100 * MB1, 200 * MB1),
        span(300 * MB1, GB1),
        span(100 * MB1 - KB4, 100 * MB1),
        span(GB1 - KB4, GB1),
    ]


def test_pamts_come_from_their_node_from_the_highest_zone_down() -> None:
    memory = [
        NodeRange(0, span(MB1, 2 * GB1)),
        NodeRange(0, span(4 * GB1, 5 * GB1)),
        NodeRange(1, span(5 * GB1, 6 * GB1)),
    ]
    place = FirstFit(memory)
    first, second = place(MB1, 0), place(MB1, 0)
    assert (first, second) == (4 * GB1, 4 * GB1 + MB1)
    assert place(MB1, 1) == 5 * GB1
    # No room above 4 GiB, but below, even of another node; then none at all.
    below = place(GB1 + MB1, 1)
    assert below is not None and 16 * MB1 <= below < 2 * GB1
    assert place(2 * GB1, 1) is None


def first_fit_page_by_page(
    memory: list[NodeRange], taken: set[int], pages: int, node: int
) -> int | None:
    """What alloc_contig_pages() does, as it does it: the same, slowly."""
    of_page = {
        page: each.node
        for each in memory
        for page in range(each.area.base // KB4, each.area.end // KB4)
    }
    nodes = sorted(set(of_page.values()))
    order = [node] if node in nodes else []
    order += [n for n in nodes if n > node] + [n for n in nodes if n < node]
    bounds = ((1 << 20, 1 << 40), (1 << 12, 1 << 20), (0, 1 << 12))
    for own in order:
        mine = sorted(page for page, n in of_page.items() if n == own)
        first = 1 if mine[0] == 256 else mine[0]
        for low, high in bounds:
            inside = [page for page in mine if low <= page < high]
            if not inside:
                continue
            start, end = max(first, low), inside[-1] + 1
            page = (start + pages - 1) & ~(pages - 1)
            while page + pages <= end:
                tried = range(page, page + pages)
                if all(of_page.get(p) == own and p not in taken for p in tried):
                    taken.update(tried)
                    return page * KB4
                page += pages
    return None


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 60), st.integers(0, 2)),
        min_size=1,
        max_size=5,
    ),
    st.lists(st.tuples(st.integers(1, 24), st.integers(0, 3)), max_size=6),
    st.sampled_from([256, 4096 - 50, (1 << 20) - 60, 1 << 20, (1 << 20) + 7]),
)
@settings(max_examples=150, deadline=None)
def test_pamts_lie_where_a_walk_over_pages_puts_them(
    pieces: list[tuple[int, int, int]], wanted: list[tuple[int, int]], at: int
) -> None:
    memory = []
    for gap, count, node in pieces:
        at += gap
        memory.append(NodeRange(node, Area(at * KB4, count * KB4)))
        at += count
    place = FirstFit(memory)
    taken: set[int] = set()
    for pages, node in wanted:
        expected = first_fit_page_by_page(memory, taken, pages, node)
        assert place(pages * KB4, node) == expected


def test_a_printed_size_tells_of_more_tdmrs_than_cmrs_ask_for() -> None:
    """Sizes of hosts; of one of them the kernel split the memory of a CMR."""
    assert more_tdmrs(1050640, 1050644) == 1
    assert more_tdmrs(1050644, 1050644) == 0
    assert more_tdmrs(1050640, 1050642) == 0
    assert more_tdmrs(1050644, 1050640) == 0
    assert more_tdmrs(1050640, 4202516) == 0


@pytest.mark.parametrize("key", [each.key for each in GENERATIONS])
@given(machine=machines())
@settings(max_examples=40, deadline=None)
def test_what_a_kernel_builds_covers_its_list(key: str, machine: MemoryMap) -> None:
    """And the module's checks pass it, where it lists convertible memory only."""
    found = outcome(named(key), machine)
    layout = found.layout
    if layout.failure is not None:
        return
    memory = join(found.memory.areas)
    convertible = join(found.platform.cmrs)
    inside = not tuple(subtract(memory, convertible))
    assert found.works is (inside if memory else None)
    if found.works:
        pamts = join(pamt.area for pamt in layout.pamts)
        left = join(uncovered(layout.tdmrs, memory))
        assert not tuple(subtract(left, pamts))


@given(areas())
def test_tdmrs_are_as_the_kernel_wants_them(memory: list[Area]) -> None:
    ranges = [NodeRange(0, area) for area in memory]
    if len(ranges) > MAX_TDMRS:
        return
    tdmrs = fill(ranges, V6_8)
    assert not tuple(subtract(join(memory), tdmrs))
    for tdmr in tdmrs:
        holes = join(holes_in(tdmr, memory))
        assert holes == tuple(subtract((tdmr,), join(memory)))


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_every_byte_of_memory_is_in_one_share(path: Path) -> None:
    found = on(path)
    parts = list(shares(found))
    told = [area for share in parts for area in share.areas]
    assert sizes(join(told)) == sum(share.size for share in parts)
    for area in found.memory.areas:
        assert not tuple(subtract((area,), join(told)))


# Kernels and the best.


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_maps_still_show_what_they_show(path: Path) -> None:
    data = json.loads(path.read_text())
    machine = read_map(path)
    fails, works = {}, []
    for each in GENERATIONS:
        found = outcome(each, machine)
        failure = found.layout.failure
        if found.works:
            works.append(each.key)
        else:
            assert failure
            fails[each.key] = failure.name
            assert fails_needlessly(each, machine)
    assert fails == data["fails"]
    assert works == data["works"]


def test_there_are_the_maps_that_are_recorded() -> None:
    assert [path.stem for path in RECORDED] == [
        "B10-sixteen-fragments",
        "fifteen-pmem-namespaces",
        "fifteen-ranges",
        "sixty-five-tdmrs",
        "touching-cmrs",
    ]


def test_the_smallest_maps_are_recorded() -> None:
    def recorded(name: str) -> MemoryMap:
        return read_map(next(path for path in RECORDED if path.stem == name))

    found = smallest_number(V6_8, with_carve_outs)
    assert found
    assert found[0] == 15
    assert found[1].machine.regions == recorded("fifteen-pmem-namespaces").regions
    assert len(recorded("fifteen-ranges").regions) == 15
    assert smallest_in_one_gigabyte(V6_8, 14) is None
    one = smallest_in_one_gigabyte(V6_8, 15)
    assert one and len(one.machine.regions) == 15
    assert smallest_number(named("v5"), touching_cmrs, 3)
    assert smallest_number(V6_8, touching_cmrs, 8) is None


@given(areas(most=14), st.booleans())
@settings(max_examples=150, deadline=None)
def test_fourteen_ranges_never_exhaust_reserved_areas(
    memory: list[Area], split: bool
) -> None:
    ranges = [NodeRange(n % 2 if split else 0, area) for n, area in enumerate(memory)]
    layout = build(V6_8, ranges, None)
    assert layout.failure is None or layout.failure.name == "-ENOMEM"

"""Memory maps for tests: those of real machines, and random ones."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from tdxcheck.models.logs import maps
from tdxcheck.models.machines.memory_map import (
    MB1,
    Kind,
    MemoryMap,
    NodeRange,
    Region,
    in_order,
)
from tdxcheck.spec.layout import GB1, KB4, Area, span

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"
REAL = sorted((DATA / "memmaps").glob("*.json"))
LOGS = sorted((DATA / "hostlogs").glob("*.log"))
RECORDED = sorted((ROOT / "counterexamples" / "memory-maps").glob("*.json"))

GAPS = st.sampled_from([0, KB4, 64 * KB4, 256 << 20, GB1, GB1 - KB4, 5 * GB1])
SIZES = st.sampled_from([KB4, 8 << 20, 64 << 20, 300 << 20, GB1, 3 * GB1, 64 * GB1])


def read_map(path: Path) -> MemoryMap:
    """The memory map in a file, whatever else the file tells."""
    return maps.read_map(path)[0]


@st.composite
def areas(draw: st.DrawFn, least: int = 1, most: int = 40) -> list[Area]:
    """Ascending ranges of whole pages from 1 MiB on; some touch."""
    count = draw(st.integers(least, most))
    found: list[Area] = []
    start = MB1
    for _ in range(count):
        start += draw(GAPS)
        size = draw(SIZES)
        found.append(Area(start, size))
        start += size
    return found


@st.composite
def machines(draw: st.DrawFn) -> MemoryMap:
    """Machines with memory, PMEM, CMRs, nodes: realistic in kind, not in number."""
    found = draw(areas())
    kinds = st.sampled_from([Kind.USABLE] * 6 + [Kind.LEGACY_PMEM, Kind.RESERVED])
    regions = [Region(area, draw(kinds)) for area in found]
    # CMRs are coarser than e820: they bridge some gaps, and may leave out the end.
    cmrs: list[Area] = []
    for area in found:
        if cmrs and (area.base == cmrs[-1].end or draw(st.booleans())):
            cmrs[-1] = span(cmrs[-1].base, area.end)
        else:
            cmrs.append(area)
    nodes: tuple[NodeRange, ...] = ()
    if draw(st.booleans()):
        cut = draw(st.sampled_from(found)).base
        top = found[-1].end
        nodes = (NodeRange(0, span(0, cut)), NodeRange(1, span(cut, top)))
    known = draw(st.booleans())
    return MemoryMap(
        in_order(regions),
        cmrs=tuple(cmrs) if known else None,
        nodes=nodes,
    )

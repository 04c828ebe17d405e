"""What is proved of layouts on any map, and what changes break or mend one."""

from __future__ import annotations

import pytest

from tdxcheck.models.layouts.changes import changes
from tdxcheck.models.layouts.outcome import outcome
from tdxcheck.models.layouts.proofs import accepted, coverage, induction, slots
from tdxcheck.models.layouts.search import with_carve_outs
from tdxcheck.models.layouts.symbolic import Explorer, Number, Refuted, TooManyRuns
from tdxcheck.models.machines.memory_map import MB1, Kind
from tdxcheck.spec.layout import GB1
from tests.layouts import EMR, V6_8, on, told
from tests.memory_maps import DATA

# Proofs.


def test_what_a_kernel_builds_is_proved_to_cover_any_map() -> None:
    """By induction: of maps with any number of ranges."""
    proof = induction()
    assert proof.runs > 1
    assert proof.questions > proof.runs


@pytest.mark.parametrize("count", [1, 2])
def test_coverage_is_proved_of_whole_maps(count: int) -> None:
    proof = coverage(V6_8, count)
    assert proof.runs >= 4**count


def test_one_range_is_proved_to_be_accepted_wherever_its_pamt_lies() -> None:
    assert accepted(V6_8, 1).runs > 1
    assert slots(V6_8, 1).runs > 1


def test_a_wrong_claim_is_refuted_with_numbers() -> None:
    def wrong(explorer: Explorer) -> None:
        start = explorer.number("start")
        explorer.assume(start.term >= 0)
        if start % GB1 < MB1:
            explorer.prove("it is not in the third gigabyte", start.term / GB1 != 3)

    with pytest.raises(Refuted) as caught:
        Explorer().explore(wrong)
    value = caught.value.values["start"]
    assert value // GB1 == 3
    assert value % GB1 < MB1


def test_numbers_that_are_not_known_count_like_those_that_are() -> None:
    """Every operation, against the integers' own, on each way that is possible."""
    seen = set()

    def count(explorer: Explorer) -> None:
        x = explorer.number("x")
        explorer.assume(x.term >= -7)
        explorer.assume(x.term <= 7)
        for value in range(-7, 8):
            if x == value:
                for own, known in (
                    (x + 3, value + 3),
                    (3 - x, 3 - value),
                    (-x, -value),
                    (x * 5, value * 5),
                    (x // 4, value // 4),
                    (x % 4, value % 4),
                ):
                    assert isinstance(own, Number)
                    explorer.prove("the same", own.term == known)
                assert (x < 2) is (value < 2)
                assert (x >= 2) is (value >= 2)
                assert bool(x) is bool(value)
                assert (x != 2) is (value != 2)
                seen.add(value)

    Explorer().explore(count)
    assert seen == set(range(-7, 8))
    with pytest.raises(TooManyRuns):
        Explorer(most=3).explore(count)


# Changes.


def test_what_mends_the_host_whose_areas_were_exhausted() -> None:
    found = told(EMR)
    assert found == {
        "with memmap=0x1000$0x64158000, which gives up 4 KiB": "mends",
        "a kernel of the generation cmr-holes": "mends",
    }


def test_added_memory_breaks_and_windows_are_told_together() -> None:
    found = told(DATA / "memmaps" / "qssc-s4r-srat-hotplug.json")
    added = [what for what in found if what.startswith("memory hot-added to node")]
    assert len(added) == 4
    assert all(found[what] == "breaks" for what in added)


def test_the_slots_that_are_left_are_exactly_those_that_are_borne() -> None:
    path = DATA / "memmaps" / "intel-32g-plain.json"
    (what,) = (each for each in told(path) if "more reserved piece" in each)
    assert told(path)[what] == "breaks"


def test_a_pmem_range_less_is_memory_again() -> None:
    machine = with_carve_outs(15)
    found = outcome(V6_8, machine)
    effects = {each.what: each.effect(found.works) for each in changes(found)}
    (what,) = (each for each in effects if each.startswith("without the memmap="))
    assert effects[what] == "mends"
    assert "one of [0x140000000, 0x180000000), " in what
    assert "(15 ranges) PMEM" in what


def test_of_a_map_without_memory_only_what_may_be_added_is_told() -> None:
    found = on(DATA / "memmaps" / "cxl-intel-soft-reserved-hotplug.json")
    assert found.works is None
    (change,) = changes(found)
    assert change.works is False
    assert "it lies in no CMR" in change.told
    assert found.machine.of_kind(Kind.SOFT_RESERVED)

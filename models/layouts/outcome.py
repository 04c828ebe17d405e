"""What comes of a kernel on a memory map: its layout, and the module's answer to it."""

from __future__ import annotations

from dataclasses import dataclass

from tdxcheck.models.layouts.generations import Generation
from tdxcheck.models.layouts.kernel import KernelLayout, build
from tdxcheck.models.layouts.memory import TdxMemory, of_e820, of_memblock
from tdxcheck.models.layouts.problem import Problem, problem_of
from tdxcheck.models.machines.memory_map import Kind, MemoryMap, join, subtract
from tdxcheck.spec.layout import ACCEPTED, Area, Memory, Verdict
from tdxcheck.spec.layout_rules import Check, explain

USUAL_KEYIDS = (32, 64)
"""The private KeyIDs that most platforms split off, where they are not told."""


@dataclass(frozen=True)
class Outcome:
    """A kernel's layout of a machine, judged."""

    machine: MemoryMap
    memory: TdxMemory
    layout: KernelLayout
    platform: Memory
    """What the module is taken to know: CMRs, and how wide addresses are."""
    verdict: Verdict | None
    """None: the kernel has given up, or there is no memory."""
    check: Check | None
    """What a refused layout fails."""

    @property
    def generation(self) -> Generation:
        return self.layout.generation

    @property
    def works(self) -> bool | None:
        """TDX comes up, as far as memory goes; None: no memory is known."""
        if not self.memory.ranges:
            return None
        return self.verdict == ACCEPTED and not self.unlisted

    @property
    def unlisted(self) -> tuple[Area, ...]:
        """Memory that the page allocator has, and the kernel does not list."""
        added = self.machine.of_kind(Kind.ADDED)
        return tuple(subtract(added, join(self.memory.areas)))

    @property
    def problem(self) -> Problem:
        """The same memory, as a covering problem."""
        convertible = self.platform.cmrs
        return problem_of(self.memory.areas, convertible, self.generation.dynamic)

    @property
    def reason(self) -> str:
        """Why it does not work, in a line."""
        failure = self.layout.failure
        if failure is not None:
            return f"{failure.name}: {failure.what}"
        if self.verdict is None:
            return ""
        if self.verdict != ACCEPTED:
            return f"TDH.SYS.CONFIG: {told(self.verdict)}"
        if self.unlisted:
            first = self.unlisted[0]
            return (
                f"[{first.base:#x}, {first.end:#x}) was added, and is in no TDMR: a TD "
                "that gets it fails"
            )
        return ""


def told(verdict: Verdict) -> str:
    """A refusal by its name, its code, and what its details name."""
    names = ("TDMR", "reserved area", "other TDMR")
    pairs = zip(names, verdict.details, strict=False)
    parts = [f"{name} {byte}" for name, byte in pairs]
    levels = ("4K", "2M", "1G")
    if "PAMT" in verdict.status.name and len(verdict.details) > 1:
        parts[1] = f"the {levels[verdict.details[1]]} table"
    place = f" ({', '.join(parts)})" if parts else ""
    return f"{verdict.status.name}{place}, {verdict.code:#018x}"


def outcome(
    generation: Generation, machine: MemoryMap, boot: MemoryMap | None = None
) -> Outcome:
    """What comes of it; where CMRs are not known, all memory of `boot` is convertible.

    (`boot` is the machine before something was added to it: that is never convertible.)
    """
    memory = generation.lists(machine)
    platform = platform_of(machine, boot or machine)
    layout = build(generation, memory.ranges, platform.cmrs)
    verdict, check = None, None
    if layout.failure is None and layout.tdmrs:
        verdict, check = explain(layout.tdmrs, platform, generation.dynamic)
    return Outcome(machine, memory, layout, platform, verdict, check)


def platform_of(machine: MemoryMap, boot: MemoryMap) -> Memory:
    start, end = machine.private_keyids or USUAL_KEYIDS
    cmrs = machine.cmrs if machine.cmrs is not None else assumed_cmrs(boot)
    return Memory(
        cmrs, (end - 1).bit_length(), start - 1, end - start, seamrr=Area(0, 0)
    )


def assumed_cmrs(boot: MemoryMap) -> tuple[Area, ...]:
    """All memory that was there at boot, be it called PMEM; none that was added.

    This is assumption A1 of the kernel: what it lists from 1 MiB up is convertible.
    """
    listed = [*of_memblock(boot).areas, *of_e820(boot).areas]
    added = boot.of_kind(Kind.ADDED)
    return join(subtract(join(listed), added))

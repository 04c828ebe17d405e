"""What TDH.SYS.INIT finds wrong with one CPUID register that is not as usual.

Most are judged by a mask. Some tell a number, or fit another register: how many LPs
share a cache, which levels the topology has, what XSAVE saves for whom. They are
judged by what they usually read, on the least platform that the module accepts. Where
such a register makes no sense the module does not refuse, but stops for good.

Source: TDX module 1.5.01, tdh_sys_init.c, check_cpuid_configurations().
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tdxcheck.models.module.cpuid import ALL_BITS, TOPOLOGY, Register, wanted
from tdxcheck.spec.layout import Verdict
from tdxcheck.spec.status import Status

INCORRECT: Final = Verdict(Status.TDX_INCORRECT_CPUID_VALUE)
FATAL: Final = Verdict(Status.MODULE_FATAL)
NOT_PACKAGE_WIDE: Final = Verdict(Status.TDX_INVALID_WBINVD_SCOPE)
NO_TOPOLOGY: Final = Verdict(Status.TDX_CPUID_LEAF_NOT_SUPPORTED)
NO_TSC: Final = 0x15


class UnknownRegister(Exception):
    """How the register usually reads is not known, and the verdict depends on it."""


def check_register(register: Register, bits: int) -> Iterator[Verdict]:
    """What is wrong, in the module's order, where these bits of the register differ."""
    if bits & wanted(register):
        yield INCORRECT
    leaf, subleaf, name = register
    if (leaf, name) == (TOPOLOGY, "ecx") or (leaf, name) == (TOPOLOGY, "eax"):
        yield from _topology(register, bits)
    elif register == (0x4, 3, "eax"):
        yield from _topology(register, bits)
    elif register == (0x7, 0, "ecx") and bits & FIVE_LEVEL_PAGING:
        yield INCORRECT
    elif register == (0x80000008, 0, "eax") and bits & LINEAR_ADDRESS_BITS:
        yield INCORRECT
    elif register == (0xA, 0, "eax") and (PERFMON ^ bits) & 0xFF < PERFMON:
        yield INCORRECT
    elif register == (0xA, 0, "edx") and bits & 0x1F > MOST_FIXED_COUNTERS:
        yield INCORRECT
    elif leaf == 0xD and name == "ecx":
        yield from _saved_state(subleaf, bits)
    elif register == (0x15, 0, "eax"):
        yield from _tsc_frequency(bits)


# Linear addresses have 48 bits, or 57 with five levels of paging.
FIVE_LEVEL_PAGING: Final = 1 << 16
LINEAR_ADDRESS_BITS: Final = 0xFF00

PERFMON: Final = 5
"""The version of performance monitoring, and the least that is accepted."""
MOST_FIXED_COUNTERS: Final = 7


# What XSAVE saves.

SUPERVISOR_STATE: Final = 1
"""In ECX of a state's subleaf: it is for supervisors, and so of IA32_XSS."""
SAVED_FOR_SUPERVISORS: Final = 0x1800
"""Of IA32_XSS, as it usually is: the two states of CET."""
KNOWN_TO_XSS: Final = 0x1FD00
"""The bits of IA32_XSS that the module looks at."""


def _saved_state(subleaf: int, bits: int) -> Iterator[Verdict]:
    """A state belongs to XCR0 or to IA32_XSS: FATAL if the two places differ."""
    if subleaf == 1:
        if bits & KNOWN_TO_XSS & ~SAVED_FOR_SUPERVISORS:
            yield FATAL
    elif subleaf > 1 and bits & SUPERVISOR_STATE:
        if SAVED_FOR_SUPERVISORS >> subleaf & 1:
            yield FATAL


# The TSC's frequency: EBX / EAX times a crystal's.

SMALL_DIVISORS: Final = 0x7FFC
LARGE_DIVISORS: Final = ALL_BITS ^ 0xFFFF


def _tsc_frequency(bits: int) -> Iterator[Verdict]:
    """FATAL if the divisor is 0, or the TSC by far too slow, at some 25 MHz.

    The divisor that the LPs of the records have is 1, 2 or 3.
    """
    if bits & ~(SMALL_DIVISORS | LARGE_DIVISORS):
        raise UnknownRegister("CPUID 0x15.eax, as its usual value is not known")
    if bits & LARGE_DIVISORS:
        yield FATAL


# Topology: the levels of leaf 1FH, and the L3 cache of leaf 4.

LEVEL_TYPES: Final = (1, 2, 0, 0, 0, 0)
"""Threads, cores, and no further level: the usual level types of leaf 1FH."""
SHIFTS: Final = (1, 5, 0, 0, 0, 0)
"""By how much an x2APIC ID is shifted to get the number of the next level."""
LPS_SHARING_L3: Final = 1 << 4
"""Less one: the highest number of an LP that shares its L3 cache, or a bit more."""
THREADS, CORES, UNKNOWN_LEVEL = 1, 2, 6


@dataclass
class _Levels:
    """How far the levels are scanned."""

    last: int = 0
    core_shift: int = 0
    shift: int = -1
    cores_seen: bool = False


def _topology(register: Register, bits: int) -> Iterator[Verdict]:
    """Levels ascend to one that is not there; the last of them is the L3 cache's."""
    scanned = _Levels()
    leaf, changed, name = register
    sharing = LPS_SHARING_L3
    if leaf != TOPOLOGY:
        changed, sharing = -1, sharing ^ (bits >> 14 & 0xFFF)
    for subleaf, (level, shift) in enumerate(zip(LEVEL_TYPES, SHIFTS, strict=True)):
        if subleaf == changed and name == "ecx":
            level ^= bits >> 8 & 0xFF
        if subleaf == changed and name == "eax":
            shift ^= bits & 0x1F
        if level:
            if not scanned.last < level < UNKNOWN_LEVEL:
                yield Verdict(Status.TDX_CPUID_LEAF_1F_FORMAT_UNRECOGNIZED)
            scanned.shift = shift
            if level == THREADS:
                scanned.core_shift = shift
            scanned.cores_seen |= level == CORES
        elif subleaf == 0 or not scanned.cores_seen:
            yield NO_TOPOLOGY
        elif scanned.last:
            if not 0 <= scanned.shift - scanned.core_shift < 32:
                yield FATAL
            if scanned.shift == 0 or sharing >> (scanned.shift - 1) != 1:
                yield NOT_PACKAGE_WIDE
        scanned.last = level

"""What TDH.SYS.INIT and TDH.SYS.LP.INIT find wrong with a platform.

The MSRs and CPUID of an LP are told by what differs in them from a platform that
the module accepts. The lifecycle model needs only the verdicts: it knows an LP's
registers as a `Sample`, and whoever knows the registers fills its tables from here.

Not modelled: TSX control, SMRR2, and what the usual value of a register decides that
no record shows.

Sources: TDX module 1.5.01, tdh_sys_init.c and tdh_sys_lp_init.c, vmcs_defs.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from tdxcheck.models.module.cpuid import (
    NO_SUBLEAF,
    TOPOLOGY,
    Register,
    compared,
    is_late,
    is_read,
)
from tdxcheck.models.module.enumeration import check_register
from tdxcheck.spec.layout import ACCEPTED, Area, Memory, Verdict
from tdxcheck.spec.layout_rules import judge_cmrs
from tdxcheck.spec.module import MAX_PKGS
from tdxcheck.spec.status import Status

MAX_HKIDS = 2048
BUILT_HANDOFF_VERSION = 0
LEAST_HANDOFF_PAGES = 14


class Bank(Enum):
    """Where a register is read from."""

    MSR = "MSR"
    CPUID = "CPUID"
    SEAMOPS = "SEAMOPS capabilities"


@dataclass(frozen=True)
class Difference:
    """A register that does not read as on an acceptable platform: these bits differ."""

    bank: Bank
    register: tuple[int | str, ...]
    """An MSR's address; or a CPUID leaf, subleaf and register name."""
    bits: int

    @property
    def is_limit(self) -> bool:
        """The module asks here which leaf is the last, by subleaf 0."""
        return self.register in LIMITS

    @property
    def is_seen(self) -> bool:
        """The module ever reads the register in this place."""
        if self.bank is not Bank.CPUID:
            return True
        leaf, subleaf, _ = self.register
        assert isinstance(leaf, int) and isinstance(subleaf, int)
        return is_read(leaf, subleaf)

    @property
    def cpuid(self) -> Register:
        """The register of CPUID, with a subleaf in any case."""
        leaf, subleaf, name = self.register
        assert isinstance(leaf, int) and isinstance(subleaf, int)
        return leaf, 0 if subleaf == NO_SUBLEAF else subleaf, str(name)


@dataclass(frozen=True)
class Tables:
    """What the platform's firmware tells the module, besides its registers."""

    memory: Memory
    smrr: Area | None
    module_hv: int = 0
    handoff_pages: int = LEAST_HANDOFF_PAGES


LIMITS: Final[Mapping[tuple[int | str, ...], tuple[int, int]]] = MappingProxyType(
    {
        (0, 0, "eax"): (0x23, 0x1F),
        (0x80000000, 0, "eax"): (0x80000008, 0x80000008),
    }
)
"""The registers that tell the last leaf: the usual value, and the least accepted."""

SIGNATURE: Final[Register] = (0x1, 0, "eax")
"""TDH.SYS.INIT takes the processor's signature from firmware's table, not from here."""

MISC_ENABLE, CPUID_LIMIT = 0x1A0, 1 << 22
PACKAGE_BITS: Final = 5
KEYID_PARTITIONING: Final = 0x87
TME_CAPABILITY, TME_INTEGRITY, TME_USUAL = 0x981, 0b1010, 0b1011
WBINVDP, WBNOINVDP = 0x98, 0x99
SEAMDB_LEAVES: Final = 1 << 4 | 1 << 5

FIRST_MSRS: Final = MappingProxyType(
    {0x10A: 0x20FD6F, 0xBD: 0xFFFFFFFFFFFFFFFF, 0xBC: 0x1, 0x345: 0x2000}
)
"""MSRs with the bits that TDH.SYS.INIT wants as they usually are; before CPUID."""
VMX_MSRS: Final = MappingProxyType(
    {
        0x480: 0x00C0180000000000,
        0x48D: 0x000000A9000000C0,
        0x48E: 0xF9FA1E8C6AD99E04,
        0x492: 0x00000000000000AE,
        0x48F: 0x5F3C9204E0C01000,
        0x490: 0x007EE20400412E00,
        0x485: 0x00000000200440E0,
        0x48C: 0x0000010106334041,
        0x48B: 0xCF7DBFFEECD77E0D,
        0x486: 0xFFFFFFFF7FFFFFDE,
        0x487: 0x0000000000000021,
        0x488: 0xFFFFFFFFFFFFDFBF,
        0x489: 0x0000000000002040,
    }
)
"""The same of those that tell what VMX can do; after CPUID."""
CR0_FIXED1, FREE_IN_L2_CR0, CR0_FIXED0 = 0x487, 0x8005001E, 0x486
"""Bits of CR0 that a nested guest may change: of those the other MSR is blamed."""
TME_ACTIVATE, TME_ACTIVATE_BITS = 0x982, 0x2000000000001
SMRR_MSRS: Final = (
    (0xFE, 0x800, Status.TDX_SMRR_NOT_SUPPORTED),
    (0xFE, 0x4000, Status.TDX_SMRR_LOCK_NOT_SUPPORTED),
    (0x1F3, 0x400, Status.TDX_SMRR_NOT_LOCKED),
    (0x1F3, 0x800, Status.TDX_INVALID_SMRR_CONFIGURATION),
)
COMPARED_EARLY: Final = (0xCF, 0x10A, 0xBC, 0xBD)
COMPARED_LATE: Final = (
    *(0x3B, 0xFE, 0x1F2, 0x1F3),
    *(0x480, 0x48D, 0x48E, 0x48B, 0x492, 0x48F, 0x490, 0x485, 0x48C),
    *(0x486, 0x487, 0x488, 0x489),
    *(0x345, 0x981, 0x982, 0x87, WBINVDP, WBNOINVDP),
)
"""The MSRs that TDH.SYS.LP.INIT compares, in its order, before and after CPUID."""


def check_platform(difference: Difference | None, tables: Tables) -> Verdict:
    """What TDH.SYS.INIT says where the LP that runs it differs so."""
    return (
        next(_first_registers(difference), None)
        or _key_management(difference, tables.memory)
        or _cmrs(tables.memory)
        or _smrr(difference, tables)
        or _capabilities(difference, tables)
        or ACCEPTED
    )


def _first_registers(difference: Difference | None) -> Iterator[Verdict]:
    if difference is None:
        return
    if difference.bank is Bank.CPUID:
        yield from _cpuid(difference)
    if difference.bank is Bank.MSR:
        (address,) = difference.register
        assert isinstance(address, int)
        wanted = FIRST_MSRS.get(address, 0) | VMX_MSRS.get(address, 0)
        if difference.bits & wanted:
            yield _named(Status.TDX_INCORRECT_MSR_VALUE, address)
        if address == CR0_FIXED1 and difference.bits & FREE_IN_L2_CR0:
            yield _named(Status.TDX_INCORRECT_MSR_VALUE, CR0_FIXED0)
        if address == MISC_ENABLE and difference.bits & CPUID_LIMIT:
            yield Verdict(Status.TDX_LIMIT_CPUID_MAXVAL_SET)


def _cpuid(difference: Difference) -> Iterator[Verdict]:
    if difference.is_limit:
        usual, least = LIMITS[difference.register]
        if usual ^ difference.bits < least:
            yield _named(Status.TDX_CPUID_LEAF_NOT_SUPPORTED, least)
    elif difference.is_seen:
        yield from check_register(difference.cpuid, difference.bits)


def _key_management(difference: Difference | None, memory: Memory) -> Verdict | None:
    incorrect = Status.TDX_INCORRECT_MSR_VALUE
    activate = _bits(difference, TME_ACTIVATE)
    if activate & TME_ACTIVATE_BITS & 1:
        return _named(incorrect, TME_ACTIVATE)
    if not (TME_USUAL ^ _bits(difference, TME_CAPABILITY)) & TME_INTEGRITY:
        return _named(incorrect, TME_CAPABILITY)
    if activate & TME_ACTIVATE_BITS:
        return _named(incorrect, TME_ACTIVATE)
    partitioning = memory.mktme_keyids | memory.tdx_keyids << 32
    partitioning ^= _bits(difference, KEYID_PARTITIONING)
    if (partitioning & 0xFFFFFFFF) + (partitioning >> 32) >= MAX_HKIDS:
        return _named(Status.TDX_NUM_ACTIVATED_HKIDS_NOT_SUPPORTED, MAX_HKIDS)
    if _bits(difference, WBINVDP) != _bits(difference, WBNOINVDP):
        return _named(incorrect, WBNOINVDP)
    return None


def _cmrs(memory: Memory) -> Verdict | None:
    verdict = judge_cmrs(memory)
    return None if verdict is ACCEPTED else verdict


def _smrr(difference: Difference | None, tables: Tables) -> Verdict | None:
    for address, bits, status in SMRR_MSRS:
        if _bits(difference, address) & bits:
            return Verdict(status)
    if tables.smrr is not None:
        for place, cmr in enumerate(tables.memory.cmrs):
            if cmr.size and tables.smrr.overlaps(cmr):
                return Verdict(Status.TDX_SMRR_OVERLAPS_CMR, (0, place))
    return None


def _capabilities(difference: Difference | None, tables: Tables) -> Verdict | None:
    if difference and difference.bank is Bank.SEAMOPS:
        if difference.bits & SEAMDB_LEAVES:
            return Verdict(Status.TDX_INCOMPATIBLE_SEAM_CAPABILITIES)
    if (
        tables.module_hv != BUILT_HANDOFF_VERSION
        or tables.handoff_pages < LEAST_HANDOFF_PAGES
    ):
        return Verdict(Status.TDX_SYS_INCOMPATIBLE_SIGSTRUCT)
    return None


def compare_early(reference: Difference | None, own: Difference | None) -> Verdict:
    """What TDH.SYS.LP.INIT finds before it has recorded the LP's package."""
    if _seamops(reference) != _seamops(own):
        return Verdict(Status.TDX_INCOMPATIBLE_SEAM_CAPABILITIES)
    for address in COMPARED_EARLY:
        if _bits(reference, address) != _bits(own, address):
            return _named(Status.TDX_INCONSISTENT_MSR, address)
    if _bits(own, MISC_ENABLE) & CPUID_LIMIT:
        return Verdict(Status.TDX_LIMIT_CPUID_MAXVAL_SET)
    if any(not is_late(*place) for place in _inconsistent(reference, own)):
        return Verdict(Status.TDX_INCONSISTENT_CPUID_FIELD)
    return ACCEPTED


def compare_late(reference: Difference | None, own: Difference | None) -> Verdict:
    """What it finds afterwards."""
    if any(is_late(*place) for place in _inconsistent(reference, own)):
        return Verdict(Status.TDX_INCONSISTENT_CPUID_FIELD)
    for address in COMPARED_LATE:
        if _bits(reference, address) != _bits(own, address):
            return _named(Status.TDX_INCONSISTENT_MSR, address)
    return ACCEPTED


def package_read(own: Difference | None, package: int) -> int:
    """The package number that an LP of this package reads from leaf 1FH."""
    if own and own.register == (TOPOLOGY, 0, "edx"):
        return package ^ own.bits >> PACKAGE_BITS
    return package


def is_package_supported(package: int) -> bool:
    return package < MAX_PKGS


def _inconsistent(
    reference: Difference | None, own: Difference | None
) -> list[tuple[int, int]]:
    """The leaves and subleaves of which a compared register reads differently."""
    differing: dict[Register, int] = {}
    for each in (reference, own):
        if each is None or each.bank is not Bank.CPUID or not each.is_seen:
            continue
        if each is own or each.cpuid != SIGNATURE:
            differing[each.cpuid] = differing.get(each.cpuid, 0) ^ each.bits
    return [
        (leaf, subleaf)
        for (leaf, subleaf, name), bits in differing.items()
        if bits & compared((leaf, subleaf, name))
    ]


def _bits(difference: Difference | None, address: int) -> int:
    """The bits of an MSR that differ."""
    if difference and difference.bank is Bank.MSR and difference.register == (address,):
        return difference.bits
    return 0


def _seamops(difference: Difference | None) -> int:
    return difference.bits if difference and difference.bank is Bank.SEAMOPS else 0


def _named(status: Status, number: int) -> Verdict:
    """A status whose details are one number."""
    return Verdict(status, tuple(number.to_bytes(4, "little")))

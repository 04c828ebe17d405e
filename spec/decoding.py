"""Status words taken apart: what RAX says after a SEAMCALL, and what to do about it.

Bit 63 is an error, bit 62 says that the same call will not succeed, bit 61 that the
TD is lost, bit 60 is a hint to the host; bits 47:40 are the class, 39:32 the name,
31:0 the details. Linux adds codes of its own, of class 0xFF, where SEAMCALL gave no
RAX at all.

Source: TDX module 1.5.01, tdx_api_defs.h and tdx_error_codes_defs.h; of Linux's own
codes arch/x86/include/asm/tdx.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from tdxcheck.checker.language.source import Source
from tdxcheck.spec.sources import ASM_TDX, LOADER_1_5, MODULE_1_5, MODULE_1_5_34
from tdxcheck.spec.status import OPERANDS, Status

CLASSES: Final = MappingProxyType(
    {
        0x00: "general",
        0x01: "invalid operand",
        0x02: "resource busy",
        0x03: "page metadata",
        0x04: "dependent resources",
        0x05: "TDX module state",
        0x06: "TD state",
        0x07: "vCPU state",
        0x08: "key management",
        0x09: "platform",
        0x0A: "physical memory",
        0x0B: "guest memory (Secure EPT)",
        0x0C: "metadata fields",
        0x0D: "service TD",
        0x0E: "migration",
        0x10: "attestation",
        0x11: "L2 virtual machines",
        0xFF: "Linux's own: SEAMCALL gave no answer",
    }
)
LEVELS: Final = ("4K", "2M", "1G")

# Which details a name has; any other of the classes 1 to 8 names an operand.
PLAIN: Final = frozenset(
    {
        Status.TDX_SYS_BUSY,
        Status.TDX_RND_NO_ENTROPY,
        Status.TDX_SYS_CONFIG_NOT_PENDING,
    }
)
MSR_IN_DETAILS: Final = frozenset(
    {Status.TDX_INCORRECT_MSR_VALUE, Status.TDX_INCONSISTENT_MSR}
)
TDMR_IN_DETAILS: Final = MappingProxyType(
    {
        Status.TDX_INVALID_TDMR: ("TDMR",),
        Status.TDX_NON_ORDERED_TDMR: ("TDMR",),
        Status.TDX_TDMR_OUTSIDE_CMRS: ("TDMR",),
        Status.TDX_INVALID_PAMT: ("TDMR", "level"),
        Status.TDX_PAMT_OUTSIDE_CMRS: ("TDMR", "level"),
        Status.TDX_PAMT_OVERLAP: ("TDMR", "level", "other TDMR"),
        Status.TDX_INVALID_RESERVED_IN_TDMR: ("TDMR", "reserved area"),
        Status.TDX_NON_ORDERED_RESERVED_IN_TDMR: ("TDMR", "reserved area"),
    }
)
MSRS: Final = MappingProxyType(
    {
        0x10A: "IA32_ARCH_CAPABILITIES",
        0x122: "IA32_TSX_CTRL",
        0x1F2: "IA32_SMRR_PHYSBASE",
        0x1F3: "IA32_SMRR_PHYSMASK",
        0x3A: "IA32_FEATURE_CONTROL",
        0x480: "IA32_VMX_BASIC",
        0xCF: "IA32_CORE_CAPABILITIES",
        0xDA0: "IA32_XSS",
    }
)

NP_SEAMLDR: Final = MappingProxyType(
    {
        0x8000000000000001: "EMODBUSY: a loader or a module is there already",
        0x8000000000000002: "another launch is under way",
        0x8000000000010000: "SEAMRR is invalid, or larger than 1 GB",
        0x8000000000010001: "the sockets differ in family or model",
        0x8000000000010002: "the range is too small",
        0x8000000000010003: "the processor has no RDSEED",
    }
)
"""What the NP-SEAMLDR, the ACM that launches the loader, answers by the same words."""

ADVICE: Final = MappingProxyType(
    {
        Status.TDX_SUCCESS: "nothing: the call has succeeded",
        Status.TDX_INTERRUPTED_RESUMABLE: "make the same call again; it goes on",
        Status.TDX_INTERRUPTED_RESTARTABLE: "make the same call again; it begins anew",
        Status.TDX_OPERAND_INVALID: "a kernel bug, or a leaf or bit that this module "
        "does not have: compare the module's version with what the kernel wants",
        Status.TDX_OPERAND_ADDR_RANGE_ERROR: "the address is in no TDMR: memory that "
        "was added or onlined after TDX was initialised, or a kernel bug",
        Status.TDX_OPERAND_BUSY: "retry: another CPU holds the operand",
        Status.TDX_SYS_BUSY: "retry: another CPU holds the module's global lock",
        Status.TDX_RND_NO_ENTROPY: "retry a bounded number of times; v6.8 and later do",
        Status.TDX_PAGE_METADATA_INCORRECT: "the page is not what the caller takes it "
        "for: a kernel bug, or a page reclaimed twice; the kernel leaks the page",
        Status.TDX_SYS_INIT_NOT_PENDING: "TDH.SYS.INIT was made before: by an earlier "
        "kernel, if this one was started by kexec; reboot the machine",
        Status.TDX_SYS_LP_INIT_NOT_DONE: "TDH.SYS.LP.INIT has not been made on this "
        "CPU: it came online later, or behind the kernel's back",
        Status.TDX_SYS_LP_INIT_DONE: "TDH.SYS.LP.INIT was made on this CPU before",
        Status.TDX_SYS_NOT_READY: "the module is not initialised, or is a 1.0 module "
        "under a kernel for 1.5: update the TDX module",
        Status.TDX_SYS_SHUTDOWN: "the module was shut down: reboot the machine, or "
        "install a module",
        Status.TDX_SYS_CONFIG_NOT_PENDING: "a CPU that firmware counted has not made "
        "TDH.SYS.LP.INIT, or SYS.CONFIG was made before: boot with all CPUs online",
        Status.TDX_SYS_KEY_CONFIG_NOT_PENDING: "SYS.KEY.CONFIG out of turn: SYS.CONFIG "
        "must have succeeded, and come once per package",
        Status.TDX_SYS_INVALID_HANDOFF: "the new module cannot read the old one's data",
        Status.TDX_SYS_INCOMPATIBLE_SIGSTRUCT: "this module may not follow the old one",
        Status.TDX_INCOMPATIBLE_SEAM_CAPABILITIES: "the module is too new or too old "
        "for this processor: take the one for this platform",
        Status.TDX_CRYPTO_SELF_TEST_FAILED: "the module's self test failed: reboot; if "
        "it persists, ask the vendor",
        Status.TDX_UPDATE_COMPATIBILITY_SENSITIVE: "a TD is being built: retry the "
        "update when it is finished",
        Status.TDX_TD_FATAL: "the TD is lost: destroy it",
        Status.TDX_VCPU_ASSOCIATED: "TDH.VP.FLUSH on the vCPU's old CPU first",
        Status.TDX_VCPU_NOT_ASSOCIATED: "nothing to flush on this CPU",
        Status.TDX_KEY_GENERATION_FAILED: "retry: too little entropy for a key",
        Status.TDX_TD_KEYS_NOT_CONFIGURED: "TDH.MNG.KEY.CONFIG on every package first",
        Status.TDX_KEY_CONFIGURED: "nothing: this package has the key already",
        Status.TDX_WBCACHE_NOT_COMPLETE: "TDH.PHYMEM.CACHE.WB on every package first; "
        "each needs a CPU online",
        Status.TDX_FLUSHVP_NOT_DONE: "TDH.VP.FLUSH of every vCPU first",
        Status.TDX_HKID_NOT_FREE: "the KeyID is in use: after a failed end of a TD, "
        "until reboot",
        Status.TDX_NO_HKID_READY_TO_WBCACHE: "nothing: the caches are written back",
        Status.TDX_NUM_ACTIVATED_HKIDS_NOT_SUPPORTED: "firmware activated more KeyIDs "
        "than this module takes: another key split in setup, or another module",
        Status.TDX_INCORRECT_CPUID_VALUE: "the module does not know this processor, or "
        "firmware hides a feature: update the module and the BIOS",
        Status.TDX_LIMIT_CPUID_MAXVAL_SET: "turn 'Limit CPUID maximum' off in setup",
        Status.TDX_INCONSISTENT_CPUID_FIELD: "the CPUs differ: the same microcode and "
        "setup for all; update the BIOS",
        Status.TDX_CPUID_LEAF_NOT_SUPPORTED: "firmware hides a CPUID leaf: update it",
        Status.TDX_INVALID_PKG_ID: "a package's number is too large for this module",
        Status.TDX_SMRR_NOT_LOCKED: "a BIOS bug: update the BIOS",
        Status.TDX_INVALID_SMRR_CONFIGURATION: "a BIOS bug: update the BIOS",
        Status.TDX_SMRR_OVERLAPS_CMR: "a BIOS bug: update the BIOS",
        Status.TDX_INCONSISTENT_MSR: "the CPUs differ in this register: microcode, "
        "setup or somebody who wrote it on some CPUs; update the BIOS",
        Status.TDX_INCORRECT_MSR_VALUE: "the register is not as the module wants it: "
        "update BIOS and module, or keep the kernel from changing it",
        Status.TDX_INVALID_TDMR: "a kernel bug: a TDMR is misaligned, or too long",
        Status.TDX_NON_ORDERED_TDMR: "a kernel bug: TDMRs overlap, or are not in order",
        Status.TDX_TDMR_OUTSIDE_CMRS: "memory that firmware did not verify was listed: "
        "hot-added or memmap= memory, present before TDX was initialised",
        Status.TDX_TDMR_ALREADY_INITIALIZED: "nothing: the TDMR is complete",
        Status.TDX_INVALID_PAMT: "a kernel bug: a PAMT is misaligned, or too small",
        Status.TDX_PAMT_OUTSIDE_CMRS: "the PAMT was allocated from memory that is not "
        "convertible: hot-added memory, or memmap=",
        Status.TDX_PAMT_OVERLAP: "a kernel bug: a PAMT lies in memory left to TDs",
        Status.TDX_INVALID_RESERVED_IN_TDMR: "a kernel bug in the reserved areas",
        Status.TDX_NON_ORDERED_RESERVED_IN_TDMR: "a kernel bug in the reserved areas",
        Status.TDX_CMR_LIST_INVALID: "a BIOS bug: update the BIOS",
        Status.TDX_METADATA_FIELD_ID_INCORRECT: "the module does not have a field that "
        "the kernel reads: update the TDX module",
        Status.SEAMLDR_EBADPARAM: "the loader refuses the parameters: a kernel bug, or "
        "an image that is damaged",
        Status.SEAMLDR_EBADCALL: "out of turn: finish or leave what is under way first",
        Status.SEAMLDR_EBADHANDOFF: "the running module left no data for this image",
        Status.SEAMLDR_ECLEANUPREQ: "SEAMLDR.CLEANUP first",
        Status.SEAMLDR_EUNSUPPORTED: "the loader does not have this: update it",
        Status.SEAMLDR_ENOMEM: "the image does not fit into the SEAM range",
        Status.SEAMLDR_EUNSPECERR: "the loader failed, for want of random numbers or "
        "otherwise: retry once, then reboot",
        Status.SEAMLDR_EUNSUPCPU: "the image is not for this processor",
        Status.SEAMLDR_EBADSIG: "the image's signature is wrong: take another",
        Status.SEAMLDR_EBADHASH: "the image is not the one that was signed",
        Status.SEAMLDR_EINTERRUPT: "make the same call again, on the same CPU",
        Status.SEAMLDR_ENOENTROPY: "make the same call again: too little entropy",
        Status.VMFAIL_INVALID: "no module, or no loader, can be entered: firmware has "
        "loaded none; turn on TDX and the SEAM loader in setup, or update them",
        Status.GP: "SEAM is not set up on this CPU: turn on TDX (and SGX) in setup, or "
        "update the BIOS",
        Status.UD: "the CPU is not in VMX operation: VMXON comes first, a kernel bug "
        "or an order that the kernel did not foresee",
    }
)
"""What to do, by name; what is not here has the advice of its kind."""

NOT_ANSWERS: Final = frozenset({Status.MODULE_FATAL, Status.MODULE_HANG})
"""What only the model says: no word of RAX."""

BY_WORD: Final = MappingProxyType(
    {status.value: status for status in Status if status not in NOT_ANSWERS}
)
BY_OPERAND: Final = MappingProxyType({n: name for name, n in OPERANDS.items()})


class Retry(Enum):
    """Whether the same call can succeed later."""

    NONE_NEEDED = "none needed"
    YES = "yes"
    AFTER = "after another call"
    NO = "no"
    UNKNOWN = "not known"


RETRY_AFTER: Final = frozenset(
    {
        Status.TDX_WBCACHE_NOT_COMPLETE,
        Status.TDX_FLUSHVP_NOT_DONE,
        Status.TDX_TD_KEYS_NOT_CONFIGURED,
        Status.TDX_VCPU_ASSOCIATED,
        Status.TDX_VCPU_NOT_ASSOCIATED,
        Status.TDX_UPDATE_COMPATIBILITY_SENSITIVE,
        Status.SEAMLDR_ECLEANUPREQ,
        Status.SEAMLDR_EBADCALL,
        Status.UD,
    }
)
LOADER_RETRIES: Final = frozenset(
    {
        Status.SEAMLDR_EINTERRUPT,
        Status.SEAMLDR_ENOENTROPY,
        Status.SEAMLDR_EUNSPECERR,
    }
)


@dataclass(frozen=True)
class Decoded:
    """A status word, in parts."""

    word: int
    status: Status | None
    """None if no name is known for it."""
    name: str
    category: str
    """The class, in words."""
    detail: str
    """The operand, register or table entry that the low half names."""
    error: bool
    fatal: bool
    """The TD that the call was about is lost."""
    retry: Retry
    advice: str

    @property
    def source(self) -> Source | None:
        """Where the name and its value are defined."""
        if self.status is None and self.word not in NP_SEAMLDR:
            return None
        if self.category == CLASSES[0xFF]:
            return LINUX_WORDS
        if self.category == LOADER:
            return LOADER_1_5.at("SeamldrCore64.c, NpSeamldrApi.h")
        late = self.status in LATER
        module = MODULE_1_5_34 if late else MODULE_1_5
        return module.at("tdx_error_codes_defs.h")


LOADER: Final = "SEAM loader"
LINUX_WORDS: Final = ASM_TDX.at("TDX_SW_ERROR")
LATER: Final = frozenset(
    {
        Status.TDX_INTERRUPTED_BUSY,
        Status.TDX_HPA_RANGE_NOT_FREE,
        Status.TDX_NO_PAMT_PAGE_PAIR,
        Status.TDX_PAMT_PAGE_NOT_EMPTY,
        Status.TDX_INTERRUPTED_PAMT,
        Status.TDX_MISSING_PAMT_PAGE_PAIR,
        Status.TDX_CRYPTO_SELF_TEST_FAILED,
        Status.TDX_UPDATE_COMPATIBILITY_SENSITIVE,
    }
)
"""What module 1.5.01 does not know yet."""


def decode(word: int) -> Decoded:
    """What a 64-bit status says."""
    if not 0 <= word < 1 << 64:
        raise ValueError(f"{word:#x} is not a number of 64 bits")
    exact = BY_WORD.get(word)
    if word >> 32 == 0x80000000 or (exact and exact in _SOFTWARE):
        return _without_details(word, exact)
    status = BY_WORD.get(word & ~0xFFFFFFFF)
    category = (word >> 40) & 0xFF
    error, fatal = bool(word >> 63), bool(word >> 61 & 1)
    if category == 0xFF and word >> 32 == 0x8000FF00:
        vector = f"exception {word & 0xFF}" if word & 0xFFFFFFFF < 32 else "unknown"
        return Decoded(
            word, None, "TDX_SW_ERROR", CLASSES[0xFF], vector, True, False, Retry.NO,
            "SEAMCALL met an exception that Linux does not expect",
        )  # fmt: skip
    return Decoded(
        word,
        status,
        status.name if status else "unknown",
        CLASSES.get(category, f"unknown class {category:#x}"),
        _detail(status, category, word & 0xFFFFFFFF),
        error,
        fatal,
        _retry(word, status),
        _advice(word, status),
    )


_SOFTWARE: Final = frozenset({Status.VMFAIL_INVALID, Status.GP, Status.UD})


def _without_details(word: int, status: Status | None) -> Decoded:
    """A word that is all name: the loader's, or Linux's own."""
    own = status in _SOFTWARE
    name = status.name if status else "unknown"
    if own and status is not None:
        name = f"TDX_SEAMCALL_{status.name.replace('_', '')}"
    acm = NP_SEAMLDR.get(word)
    if status is None and acm:
        name = f"NP-SEAMLDR: {acm.partition(':')[0]}" if ":" in acm else "NP-SEAMLDR"
    after = Retry.AFTER if status in RETRY_AFTER else Retry.NO
    retry = Retry.YES if status in LOADER_RETRIES else after
    return Decoded(
        word,
        status,
        name,
        CLASSES[0xFF] if own else LOADER,
        f"from the NP-SEAMLDR: {acm}" if acm else "",
        True,
        False,
        retry if status else Retry.UNKNOWN,
        _advice(word, status),
    )


def _detail(status: Status | None, category: int, low: int) -> str:
    if status is not None and status in TDMR_IN_DETAILS:
        parts = TDMR_IN_DETAILS[status]
        values = [low >> 8 * n & 0xFF for n in range(len(parts))]
        return ", ".join(
            f"level {LEVELS[value]}"
            if part == "level" and value < len(LEVELS)
            else f"{part} {value}"
            for part, value in zip(parts, values, strict=True)
        )
    if status in MSR_IN_DETAILS:
        name = f" ({MSRS[low]})" if low in MSRS else ""
        return f"MSR {low:#x}{name}" if low else ""
    names_operand = category in (0x01, 0x02) and status not in PLAIN
    if low == 0 and not names_operand:
        return ""
    if 0x01 <= category <= 0x08 and low in BY_OPERAND:
        return f"operand {BY_OPERAND[low]}"
    if 0x01 <= category <= 0x08 and low < 0x10000:
        return f"operand {low}"
    return f"details {low:#x}"


def _retry(word: int, status: Status | None) -> Retry:
    if not word >> 63:
        return Retry.NO if word >> 62 & 1 else Retry.NONE_NEEDED
    if status in RETRY_AFTER:
        return Retry.AFTER
    return Retry.NO if word >> 62 & 1 else Retry.YES


def _advice(word: int, status: Status | None) -> str:
    if status is not None and status in ADVICE:
        return ADVICE[status]
    if status is None:
        return "no name is known for it: is every digit there?"
    if word >> 61 & 1:
        return "the TD is lost: destroy it"
    match _retry(word, status):
        case Retry.NONE_NEEDED:
            return "nothing: it informs, and is no error"
        case Retry.YES:
            return "retry"
        case Retry.AFTER:
            return "make the call that must come first, then retry"
    return "the same call will not succeed: its operands or the state must change"

"""Logs: every real one has its outcome, in whatever form and disorder it comes."""

from __future__ import annotations

from typing import Any

import pytest

from tdxcheck.models.logs.audit import BootAudit
from tdxcheck.models.logs.matching import Sure
from tdxcheck.models.logs.verdict import Status
from tests.audited import NAMES, told
from tests.hostlogs import audit_text, expected, texts


def key_values(audit: BootAudit) -> dict[str, Any]:
    document = told(audit)
    return {**document["facts"], "status": document["status"]}


@pytest.mark.parametrize("name", NAMES)
def test_every_log_has_its_outcome(name: str) -> None:
    found = key_values(audit_text(texts()[name]))
    for key, value in expected()[name]["expect"].items():
        assert found[key] == value, key


REASONS = {
    "emr-foxcreekpass-reserved-exhausted": "more holes than reserved areas",
    "ct135-emr-exhausted": "-ENOSPC",
    "lkml-no-rbp-mod": "clobbers RBP",
    "ct83-spr-old-module": "TDH.SYS.RD was answered TDX_SYS_NOT_READY",
    "ct25-8480ctdx-leaf33": "TDH.SYS.INIT on CPU 94 was answered "
    "TDX_INCORRECT_MSR_VALUE, MSR 0x122 (IA32_TSX_CTRL)",
    "ct33-65-not-enabled": "firmware has not enabled TDX",
    "tdpart1-6548n-fwbug": "-ENODEV (-19)",
    "doc-upstream-hibernation": "hibernate",
}


@pytest.mark.parametrize("name", REASONS)
def test_a_failure_is_explained_and_something_can_be_done(name: str) -> None:
    verdict = audit_text(texts()[name]).verdict
    assert verdict.status is Status.FAILED
    assert REASONS[name] in verdict.reason
    assert verdict.advice


def test_silence_has_candidates_in_their_order() -> None:
    verdict = audit_text(texts()["ct382-silent-keysplit1"]).verdict
    assert verdict.status is Status.SILENT
    assert "SEAMCALL met #GP" in verdict.candidates[0]
    text = "Command line: ro quiet\n" + texts()["ct382-silent-keysplit1"].replace(
        "kvm_intel.tdx=1", ""
    )
    assert "kvm_intel.tdx=1 is not on" in audit_text(text).verdict.candidates[0]


def test_absence_has_candidates_that_fit_the_machine() -> None:
    tme = "x86/tme: not enabled by BIOS\nx86/mktme: disabled by BIOS\n"
    assert "TME is off" in audit_text(tme).verdict.candidates[0]
    linux = "[    0.000000] Linux version 6.8.0-101-generic (a@b) #1\n"
    assert "CONFIG_INTEL_TDX_HOST" in audit_text(linux).verdict.candidates[0]
    old = "[    0.000000] Linux version 5.15.0-1-amd64 (a@b) #1\n"
    assert "came with 6.8" in audit_text(old).verdict.candidates[0]
    amd = "[    0.1] smpboot: CPU0: AMD EPYC 7763 64-Core Processor (family: 0x19)\n"
    assert "AMD" in audit_text(amd).verdict.candidates[0]


def test_what_can_only_come_after_success_shows_it() -> None:
    audit = audit_text(texts()["ct153-td-teardown"])
    assert audit.verdict.status is Status.INITIALISED
    assert "TDH.PHYMEM.PAGE.RECLAIM" in audit.verdict.inferred
    refused = "SEAMCALL (0x1c) failed: 0xc000050500000000\n"
    assert audit_text(refused).verdict.status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("mce: [Hardware Error]: Machine check: TDX private memory error. Possible "
         "kernel bug.", Status.MACHINE_CHECK),
        ("virt/tdx: module initialized\nkexec: Not allowed on platform with "
         "tdx_pw_mce bug", Status.INITIALISED),
        ("tdx: Guest detected", Status.GUEST),
        ("[    9.1] mce: [Hardware Error]: CPU 92: Machine Check Exception: f Bank 1",
         Status.MACHINE_CHECK),
        ("[    9.1] mce: [Hardware Error]: Machine check events logged", Status.NONE),
        ("kexec_file_load failed: Operation not supported", Status.KEXEC_REFUSED),
        ("kmem dax0.0: probe with driver kmem failed with error -22",
         Status.HOT_ADD_FAILED),
        ("virt/tdx: TDX-Module initialization failed (-12)", Status.FAILED),
        ("virt/tdx: TDX-Module initialized", Status.INITIALISED),
        ("tdx: TDX module is not loaded.", Status.FAILED),
        ("virt/tdx: initialization failed: TDMRs exhausted.", Status.FAILED),
        ("kvm_intel: tdx: tdx requires kvm.enable_virt_at_load=1", Status.FAILED),
        ("acpi PNP0C80:00: [BIOS bug]: Platform doesn't support ACPI memory hotplug. "
         "New memory device ignored.", Status.HOT_ADD_REFUSED),
        ("acpi LNXCPU:07: [BIOS bug]: Platform doesn't support ACPI CPU hotplug.  New "
         "CPU ignored.", Status.CPU_REFUSED),
        ("virt/tdx: 1050644 KB allocated for PAMT", Status.INITIALISED),
        ("virt/tdx: CMR: [0x100000, 0x6f800000)", Status.UNKNOWN),
        ("SEAMCALL (0x0000000000000023) failed: 0xc000092000000122", Status.FAILED),
        ("tdx: SEAMCALL leaf 33 failed: 0xc000090000000000", Status.FAILED),
        ("tdx: SEAMCALL failed: leaf: 0x2d, error: 0xc0000a0200000000", Status.FAILED),
        ("tdx: SEAMCALL failed: leaf 254, error 0xc000050500000000.",
         Status.UNKNOWN),
        ("kvm_intel: SEAMCALL TDH_MNG_CREATE failed: 0x8000020000000092",
         Status.INITIALISED),
        ("tdx: Cannot enable TDX on TDX disabled platform", Status.FAILED),
        ("kvm_intel: tdx: Cannot enable TDX with SEAMRR disabled", Status.FAILED),
        ("tdx: Cannot enable TDX with EPT disabled", Status.FAILED),
        ("TDX requires mmio caching.  Please enable mmio caching for TDX.",
         Status.FAILED),
        ("TDX requires baremetal. Not Supported on VMM guest.", Status.FAILED),
        ("tdx: CPU is not in VMX operation.", Status.FAILED),
        ("tdx: kvm: TDX is supported. hkid start pos 46 mask 0x3f", Status.SILENT),
        ("tdx: SEAMCALL failed: leaf 0x2d, rcx 0x1000, error 0xc0000a0200000003.",
         Status.FAILED),
        ("tdx: SEAMCALL additional output: rcx 0x0, rdx 0x1, r8 0x0",
         Status.UNKNOWN),
        ("virt/tdx: consumed TDMRs reaching limit: 61 used out of 64",
         Status.UNKNOWN),
        ("seamldr: SEAMCALL (0x8000000000000001) failed: 0x8000000000000003",
         Status.UNKNOWN),
        ("[    2.1] Call Trace:\n[    2.1]  device_add+0x43e/0x690", Status.OOPS),
        ("[ 9.1] virt/tdx: module initialized\n[ 99.1] kernel BUG at mm/slub.c:300!",
         Status.INITIALISED),
        ("Reject hot-adding memory range: 0x580000000-0x600000000 for TDX "
         "compatibility.", Status.HOT_ADD_REFUSED),
    ],
)  # fmt: skip
def test_single_lines_are_judged(text: str, status: Status) -> None:
    assert audit_text(text).verdict.status is status


# Designs.


@pytest.mark.parametrize(
    ("kernel", "line", "design"),
    [
        ("6.8.0", "virt/tdx: module initialized", "v6.8"),
        ("6.11.0-1007-oem", "virt/tdx: module initialized", "v6.8"),
        ("6.16.3", "virt/tdx: module initialized", "v6.16"),
        ("6.19.0-rc4", "virt/tdx: module initialized", "v6.18"),
        ("7.0.1", "virt/tdx: module initialized", "v6.18"),
        ("7.1.0", "virt/tdx: TDX-Module initialized", "v7.1"),
        ("7.3.0", "virt/tdx: TDX-Module initialized", "v7.2"),
        ("6.2.16-mvp30v3+7-generic", "tdx: TDX module initialized.", "v13"),
    ],
)
def test_the_kernel_says_which_design_it_is(
    kernel: str, line: str, design: str
) -> None:
    audit = audit_text(f"[    0.000000] Linux version {kernel} (a@b) #1\n{line}\n")
    assert audit.match is not None
    assert audit.match.design == design
    assert audit.match.sure is not Sure.GUESS


@pytest.mark.parametrize(
    ("lines", "design"),
    [
        ("tdx: P-SEAMLDR is not loaded.", "v3"),
        ("tdx: SEAMRR enabled.", "v5"),
        ("virt/tdx: Enable Dynamic PAMT", "dpamt"),
        ("kexec: Disabled: TDX is enabled", "kexec-mutex"),
        ("virt/tdx: frame pointer (RBP) clobber bug present, upgrade TDX module",
         "v6.18"),
        ("virt/tdx: TDH.SYS.DISABLE failed: 0xc000010000000000", "v7.2"),
    ],
)  # fmt: skip
def test_the_wording_says_which_design_it_is(lines: str, design: str) -> None:
    match = audit_text(lines).match
    assert match is not None and match.design == design


def test_lines_that_no_design_prints_together_are_said_to_be_so() -> None:
    audit = audit_text("tdx: SEAMRR enabled.\nvirt/tdx: Enable Dynamic PAMT\n")
    assert audit.match is not None
    assert audit.match.sure is Sure.GUESS
    assert audit.match.against

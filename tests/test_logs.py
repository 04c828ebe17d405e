"""Logs: every real one has its outcome, in whatever form and disorder it comes."""

from __future__ import annotations

import gzip
import json
import random
import re
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.models.logs import facts
from tdxcheck.models.logs.audit import BootAudit, audit_of, boot_json, not_told
from tdxcheck.models.logs.form import FIELD, Form, Origin
from tdxcheck.models.logs.matching import Sure
from tdxcheck.models.logs.reading import LONGEST, LogError
from tdxcheck.models.logs.timeline import FORMS, MOST_BOOTS, MOST_EVENTS, SHOWN
from tdxcheck.models.logs.verdict import Status
from tests.hostlogs import audit_bytes, audit_text, expected, texts

NAMES = sorted(expected())
STAMPED = [n for n in NAMES if re.match(r"\[ *\d+\.\d+\] ", texts()[n])]


def told(audit: BootAudit) -> dict[str, Any]:
    """What programs are told, through JSON and back."""
    document: dict[str, Any] = json.loads(json.dumps(boot_json(audit)))
    return document


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


# Forms.


def filled(form: Form, text: str, number: int) -> str:
    values = {"u": str(number), "x": f"{number:#x}", "n": str(number), "w": "TDX"}
    prefix = {
        Origin.CORE: "virt/tdx: ",
        Origin.KVM: "kvm_intel: ",
        Origin.KEXEC: "kexec: ",
        Origin.SEAMLDR: "seamldr: ",
        Origin.TME: "x86/tme: ",
        Origin.ANY: "",
    }[form.origin]
    return prefix + FIELD.sub(lambda m: values.get(m[2], f"-{number}"), text)


@pytest.mark.parametrize("form", FORMS.forms, ids=lambda form: form.key)
@given(number=st.integers(0, 10**8), case=st.booleans())
@settings(max_examples=10, deadline=None)
def test_every_format_is_recognised(form: Form, number: int, case: bool) -> None:
    for text in form.formats:
        line = filled(form, text, number)
        found = FORMS.lines(line.upper() if case else line)
        keys = {each.form.key for each in found}
        alike = {"initialized", "initialized_7", "cpu_lacks", "kvm_lacks"}
        alike |= {"init_failed_caller", "init_failed_3", "vmlinuz", "module_version"}
        alike |= {"module_version_7"}
        assert form.key in keys or keys & alike, line


@pytest.mark.parametrize("form", FORMS.forms, ids=lambda form: form.key)
def test_forms_speak_of_designs_that_exist(form: Form) -> None:
    assert form.designs <= {design.key for design in CATALOGUE.designs}
    assert form.says


# Disorder.


def journal_text(text: str) -> bytes:
    body = re.sub(r"^(?:\[[ .\d]*\](?:\[ *T\d+\])? )?", "", text, flags=re.MULTILINE)
    return "".join(
        f"Nov 25 01:04:{n % 60:02} host kernel: {line}\n"
        for n, line in enumerate(body.splitlines())
    ).encode()


def journal_json(text: str) -> bytes:
    rows = []
    for line in text.splitlines():
        found = re.match(r"\[ *(\d+)\.(\d{6})\](?:\[ *T\d+\])? (.*)", line)
        entry: dict[str, Any] = {"_TRANSPORT": "kernel", "PRIORITY": "6"}
        if found:
            entry["__MONOTONIC_TIMESTAMP"] = str(int(found[1] + found[2]))
            line = found[3]
        entry["MESSAGE"] = list(line.encode()) if "KB" in line else line
        rows.append(json.dumps(entry))
    other = {"_TRANSPORT": "stdout", "MESSAGE": "virt/tdx: module not loaded"}
    return "\n".join([json.dumps(other), *rows]).encode()


def interleaved(text: str) -> bytes:
    noise = (f"[  {n}.000001] usb 1-1: new device {n}, tdx-like" for n in range(10**6))
    return "".join(f"{line}\n{next(noise)}\n" for line in text.splitlines()).encode()


STAMPED_LINE = re.compile(r"^(\[[^\]]*\](?:\[ *T\d+\])? )", re.MULTILINE)

DISORDERS: dict[str, Callable[[str], bytes]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "gzip": lambda text: gzip.compress(text.encode()),
    "UTF-16": lambda text: text.encode("utf-16"),
    "quoted": lambda text: "".join(f"> {x}\n" for x in text.splitlines()).encode(),
    "twice": lambda text: (text + text).encode(),
    "levels": lambda text: "".join(
        f"kern  :info  : {x}\n" if x.startswith("[") else f"{x}\n"
        for x in text.splitlines()
    ).encode(),
    "garbage": lambda text: b"\xff\xfe\x80\n" + text.encode() + b"\x1b[2J\x00\xf0\n",
    "no end": lambda text: text.rstrip("\n").encode(),
    "colours": lambda text: STAMPED_LINE.sub(
        "\x1b[32m\\1\x1b[0m\x1b[33m", text.replace("\n", "\x1b[0m\n")
    ).encode(),
    "times of day": lambda text: re.sub(
        r"^\[ *\d+\.\d+\](?:\[ *T\d+\])?",
        "[Tue Nov 25 01:04:18 2026]",
        text,
        flags=re.MULTILINE,
    ).encode(),
    "numbers of levels": lambda text: "".join(
        f"<6>{x}\n" if x[:1] == "[" else f"{x}\n" for x in text.splitlines()
    ).encode(),
    "journal": journal_text,
    "journal in JSON": journal_json,
    "interleaved": interleaved,
}


@pytest.mark.parametrize("disorder", DISORDERS)
def test_the_outcome_does_not_depend_on_the_form(disorder: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    for name in NAMES:
        plain = audit_text(texts()[name])
        path.write_bytes(DISORDERS[disorder](texts()[name]))
        found = audit_of(path).last
        same = (plain.verdict.status, plain.verdict.initialisation)
        assert (found.verdict.status, found.verdict.initialisation) == same, name
        assert found.verdict.reason == plain.verdict.reason, name
        told = facts.as_json(found.facts, found.boot)
        assert told == facts.as_json(plain.facts, plain.boot), name


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_stamps_put_shuffled_lines_in_order(seed: int) -> None:
    for name in STAMPED:
        rows = texts()[name].splitlines()
        shuffled = rows[:]
        random.Random(seed).shuffle(shuffled)
        plain, found = audit_text("\n".join(rows)), audit_text("\n".join(shuffled))
        assert found.verdict.status is plain.verdict.status
        stamps = [e.stamp for e in found.boot.events if e.stamp is not None]
        assert stamps == sorted(stamps)


def test_colours_are_no_part_of_a_line() -> None:
    """As `dmesg --color=always` gives them."""
    audit = audit_text(
        "\x1b[32m[    1.378492] \x1b[0m\x1b[33mvirt/tdx: \x1b[0mBIOS enabled: private "
        "KeyID range [32, 64)\n\x1b[32m[    0.000000] \x1b[0m\x1b[33mBIOS-e820: "
        "\x1b[0m[mem 0x0000000000100000-0x000000005d168fff] usable\x1b[0m\n"
    )
    assert audit.facts.keyid == (32, 64)
    assert audit.facts.usable_listed == 1


@pytest.mark.parametrize(
    ("kernel", "line"),
    [
        ("6.16.3", "kvm_intel: tdx: OSXSAVE is required for TDX"),
        ("6.17.0", "kvm_intel: tdx: MOVDIR64B is required for TDX"),
        ("6.16.0", "kvm_intel: EPT is required for TDX"),
    ],
)
def test_what_kvm_says_is_not_what_the_core_says(kernel: str, line: str) -> None:
    audit = audit_text(f"[    0.000000] Linux version {kernel} (a@b) #1\n{line}\n")
    assert audit.verdict.status is Status.FAILED
    assert "KVM does without TDX" in audit.verdict.reason
    assert audit.match is not None
    assert (audit.match.design, audit.match.sure) == ("v6.16", Sure.CERTAIN)


def test_the_range_that_was_refused_is_told() -> None:
    refused = (0x580000000, 0x600000000)
    for line in (
        "tdx: Unable to add memory [0x580000000, 0x600000000) on TDX enabled platform.",
        "kmem dax0.0: mapping0: 0x580000000-0x5ffffffff memory add failed",
        "Reject hot-adding memory range: 0x580000000-0x600000000 for TDX "
        "compatibility.",
        "online_pages [mem 0x580000000-0x5ffffffff] failed",
    ):
        assert audit_text(f"{line}\n").facts.refused == refused, line


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_the_order_of_a_memory_map_does_not_matter(seed: int) -> None:
    rows = [
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable",
        "BIOS-e820: [mem 0x0000000100000000-0x00000004ffffffff] usable",
        "user: [mem 0x0000000000000000-0x000000000009ffff] usable",
        "user: [mem 0x0000000100000000-0x00000002ffffffff] usable",
        "user: [mem 0x0000000300000000-0x00000004ffffffff] persistent (type 12)",
        "e820: update [mem 0x100000000-0x13fffffff] usable ==> reserved",
    ]
    shuffled = rows[:]
    random.Random(seed).shuffle(shuffled)
    told = audit_text("\n".join(shuffled)).facts
    assert told.map == audit_text("\n".join(rows)).facts.map
    assert told.usable_listed == 2


def test_two_messages_on_one_line_are_both_read() -> None:
    glued = "[1.0] virt/tdx: 8 KB allocated for PAMT[2.0] virt/tdx: module initialized"
    audit = audit_text(glued)
    assert audit.verdict.status is Status.INITIALISED
    assert audit.facts.pamt_kb == 8


def test_every_boot_is_told_apart() -> None:
    first = "[    0.000000] Linux version 6.8.0 (a@b) #1\n"
    failed = first + "[    1.0] virt/tdx: module initialization failed (-5)\n"
    well = first + "[    1.0] virt/tdx: module initialized\n"
    log = audit_bytes((failed + well).encode())
    assert [boot.verdict.status for boot in log.boots] == [
        Status.FAILED,
        Status.INITIALISED,
    ]
    assert log.last.verdict.status is Status.INITIALISED
    again = audit_bytes((failed + well + failed).encode())
    assert again.last.verdict.status is Status.FAILED
    assert again.last.boot.alike == 2
    many = "".join(
        f"-- Boot {n:032x} --\nhost kernel: virt/tdx: {n} KB allocated for PAMT\n"
        for n in range(100)
    )
    assert len(audit_bytes(many.encode()).boots) == MOST_BOOTS


def test_boots_of_an_excerpt_are_told_apart() -> None:
    """What grep leaves of several boots has no line of the kernel's version."""
    asked = "[    0.000000] Command line: ro kvm_intel.tdx=1\n"
    again = "[    0.651972] Kernel command line: ro kvm_intel.tdx=1\n"
    first = "[    1.630945] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
    failed = "[   10.774047] virt/tdx: module initialization failed (-28)\n"
    second = "[    1.289113] virt/tdx: BIOS enabled: private KeyID range [64, 128)\n"
    well = "[    9.355890] virt/tdx: module initialized\n"
    for text in (
        asked + again + first + failed + asked + again + second + well,
        first + failed + second + well,
    ):
        log = audit_bytes(text.encode())
        assert [boot.verdict.status for boot in log.boots] == [
            Status.FAILED, Status.INITIALISED,
        ]  # fmt: skip
        assert [boot.facts.keyid for boot in log.boots] == [(32, 64), (64, 128)]
    bare = re.sub(r"\[ *[\d.]+\] ", "", first + failed + second + well)
    assert len(audit_bytes(bare.encode()).boots) == 2
    one = asked + again + first + failed
    doubled = "".join(2 * line for line in one.splitlines(True))
    assert len(audit_bytes(doubled.encode()).boots) == 1


def test_a_journal_says_where_boots_begin() -> None:
    rows = [
        {"MESSAGE": "virt/tdx: module not loaded", "_BOOT_ID": "a"},
        {"MESSAGE": "virt/tdx: module initialized", "_BOOT_ID": "b"},
    ]
    log = audit_bytes("\n".join(map(json.dumps, rows)).encode())
    assert len(log.boots) == 2


def test_a_program_that_speaks_of_tdx_is_not_the_kernel() -> None:
    line = "Nov 25 01:04:18 host libvirtd[17]: virt/tdx: module initialized\n"
    assert audit_text(line).verdict.status is Status.NONE


# Hostile logs.


@given(st.binary(max_size=3000))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_log(data: bytes) -> None:
    audit = audit_bytes(data)
    assert isinstance(audit.last.verdict.status, Status)
    not_told(audit.last)


MUTATIONS = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from(("cut", "drop", "swap", "put"))),
    max_size=12,
)
BYTES = (b"\x1b[31m", b"\0", b"\xc3", b"\n", b"\r", b"{", b'"', b"0x", b"-", b"9" * 40)


def mutated(data: bytes, mutations: list[tuple[int, str]]) -> bytes:
    for number, kind in mutations:
        at = number % (len(data) + 1)
        match kind:
            case "cut":
                data = data[:at]
            case "drop":
                data = data[:at] + data[at + number % 17 :]
            case "swap":
                data = data[at:] + data[:at]
            case "put":
                data = data[:at] + BYTES[number % len(BYTES)] + data[at:]
    return data


@given(name=st.sampled_from(NAMES), mutations=MUTATIONS)
@settings(max_examples=300, deadline=None)
def test_a_damaged_log_is_still_read(
    name: str, mutations: list[tuple[int, str]]
) -> None:
    data = mutated(texts()[name].encode(), mutations)
    audit = audit_bytes(data)
    for event in audit.last.boot.events:
        assert event.text.isprintable()
        assert event.says.isprintable()
        assert len(event.text) <= SHOWN + 3
    document = json.dumps(boot_json(audit.last))
    assert "\x1b" not in document


@given(name=st.sampled_from(NAMES), mutations=MUTATIONS)
@settings(max_examples=30, deadline=None)
def test_a_damaged_journal_is_still_read(
    name: str, mutations: list[tuple[int, str]]
) -> None:
    audit_bytes(mutated(journal_json(texts()[name]), mutations))


@given(cut=st.integers(0, 400))
@settings(max_examples=40, deadline=None)
def test_a_damaged_archive_is_read_as_far_as_it_goes(cut: int) -> None:
    data = gzip.compress(texts()["host-1tib-4cmr-68intel"].encode())
    with tempfile.NamedTemporaryFile(suffix=".gz") as file:
        file.write(data[: min(cut, len(data))])
        file.flush()
        try:
            audit = audit_of(Path(file.name))
        except LogError:
            return
        assert isinstance(audit.last.verdict.status, Status)


def test_what_is_kept_of_a_log_is_bounded() -> None:
    different = b"".join(
        b"virt/tdx: SEAMCALL (0x%x) failed: 0x%x\n" % (n % 70, n) for n in range(50_000)
    )
    boot = audit_bytes(different).last.boot
    assert len(boot.events) == MOST_EVENTS
    assert boot.dropped == 30_000
    endless = b"virt/tdx: module initialized " + b"x" * (8 << 20)
    assert audit_bytes(endless).last.verdict.status is Status.INITIALISED
    hidden = b"x" * (2 * LONGEST) + b" virt/tdx: module initialized"
    assert audit_bytes(hidden).last.verdict.status is Status.NONE


def test_a_large_log_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.write(texts()["host-1tib-4cmr-68intel"].encode())
        for part in range(40):
            file.write(
                b"".join(
                    b"[  %d.%06d] systemd[1]: Started session %d of user root.\n"
                    % (300 + part, n, n)
                    for n in range(12_000)
                )
            )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    audit = audit_of(path)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert audit.last.verdict.status is Status.INITIALISED
    assert after - before < 64 << 10

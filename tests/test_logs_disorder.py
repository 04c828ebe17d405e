"""Logs in any form, order and state: the outcome is the same, or as much as is left."""

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
from tdxcheck.models.logs.audit import audit_of, boot_json, not_told
from tdxcheck.models.logs.form import FIELD, MOST_MESSAGES, Form, Origin
from tdxcheck.models.logs.matching import Sure
from tdxcheck.models.logs.reading import LONGEST, LogError
from tdxcheck.models.logs.timeline import FORMS, MOST_BOOTS, MOST_EVENTS, SHOWN, Reader
from tdxcheck.models.logs.validation import MOST_MARKS, followed
from tdxcheck.models.logs.verdict import Status
from tests.audited import NAMES, STAMPED
from tests.hostlogs import audit_bytes, audit_text, texts

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


def test_a_host_that_is_called_after_tdx_says_nothing_of_it_in_every_line() -> None:
    noise = b"".join(
        b"Nov 25 01:04:18 tdx-host kernel: [   %d.1] usb 1-1: device %d\n" % (n, n)
        for n in range(1000)
    )
    said = b"Nov 25 01:04:18 tdx-host kernel: [ 1001.1] virt/tdx: module initialized\n"
    reader = Reader()
    for line in (noise + said).splitlines():
        reader.read(line)
    assert reader.different == 1
    assert audit_bytes(noise + said).last.verdict.status is Status.INITIALISED


def test_messages_that_say_much_are_read_in_part() -> None:
    glued = "tdx: 8 KB allocated for PAMT " * 60
    assert len(FORMS.lines(glued)) == MOST_MESSAGES
    long = b"".join(
        b"tdx: %d SEAMCALL (0x1) failed: 0x2%s\n" % (n, b" tdx" * 900)
        for n in range(6_000)
    )
    log = audit_bytes(long)
    assert "was not looked at" in log.notes[0]
    assert len(followed(log.last.boot)) <= MOST_MARKS


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

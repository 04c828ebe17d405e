"""Logs of real hosts, with what is to be found in them; see tests/data/hostlogs.json.

Of some only the values were public; their lines are rendered from these by the
formats of the kernel, and are no quotations.
"""

from __future__ import annotations

import json
import re
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from tdxcheck.models.logs.audit import BootAudit, LogAudit, judged
from tdxcheck.models.logs.reading import lines
from tdxcheck.models.logs.timeline import Boot, timeline

DATA = Path(__file__).parent / "data"


@cache
def texts() -> dict[str, str]:
    """The logs by their names."""
    text = (DATA / "hostlogs.txt").read_text(encoding="utf-8")
    _, *parts = re.split(r"^=== (\S+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[0::2], parts[1::2], strict=True))


@cache
def expected() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(
        (DATA / "hostlogs.json").read_text(encoding="utf-8")
    )
    return found


def audit_bytes(data: bytes) -> LogAudit:
    """The audit of a log that is no file."""
    log = timeline(lines(BytesIO(data), "a log"))
    return LogAudit("a log", [judged(b) for b in log.boots or [Boot()]], log.notes)


def audit_text(text: str) -> BootAudit:
    return audit_bytes(text.encode()).last

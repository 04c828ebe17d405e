"""What an audit says of a log."""

from __future__ import annotations

import json
import re
from typing import Any

from tdxcheck.models.logs.audit import BootAudit, boot_json
from tests.hostlogs import expected, texts

NAMES = sorted(expected())
STAMPED = [n for n in NAMES if re.match(r"\[ *\d+\.\d+\] ", texts()[n])]


def told(audit: BootAudit) -> dict[str, Any]:
    """What programs are told, through JSON and back."""
    document: dict[str, Any] = json.loads(json.dumps(boot_json(audit)))
    return document

"""The versions of the tool and of what its verdicts rest on."""

from __future__ import annotations

import platform
from importlib.metadata import version


def versions() -> int:
    parts = [f"tdxcheck {version('tdxcheck')}", f"Python {platform.python_version()}"]
    parts += [f"{name} {version(name)}" for name in ("z3-solver", "networkx", "rich")]
    print(", ".join(parts))
    return 0

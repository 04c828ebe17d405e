"""The versions of the tool and of what its verdicts rest on."""

from __future__ import annotations

import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from tdxcheck.checker.cli.status import OK
from tdxcheck.checker.engines.diagrams.manager import Manager

PACKAGES = ("z3-solver", "dd", "numpy", "networkx", "rich", "cvc5", "python-sat")
"""Those that are installed are told of."""


def versions() -> int:
    print(f"tdxcheck {version('tdxcheck')}, Python {platform.python_version()}")
    for name in PACKAGES:
        try:
            told = version(name)
        except PackageNotFoundError:
            continue
        manner = f", with {Manager(()).name}" if name == "dd" else ""
        print(f"  {name} {told}{manner}")
    for engine in ("packed", "orbits"):
        told = "compiled" if _is_compiled(engine) else "not compiled: numpy instead"
        print(f"  kernel of checker/engines/{engine}: {told}")
    return OK


def _is_compiled(engine: str) -> bool:
    try:
        import_module(f"tdxcheck.checker.engines.{engine}.kernel")
    except ImportError:
        return False
    return True

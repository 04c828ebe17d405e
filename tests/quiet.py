"""A machine on which little happens but updates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.system import TransitionSystem
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.spec.environment import Obstacle
from tdxcheck.spec.handover import NextKernel
from tdxcheck.spec.host import Host

SIZES: Mapping[str, int] = {"cpus": 2, "packages": 2, "blocks": 1}
QUIET: Mapping[Any, Any] = {
    Host.memory_hotplug: False,
    Host.memory_hot_remove: False,
    Host.persistent_memory: False,
    Host.cpu_hotplug: False,
    Host.cpu_hot_remove: False,
    Host.kexec: False,
    Host.suspend: False,
    Host.hibernation: False,
    Host.partial_write_erratum: False,
    Host.module_has_disable: True,
    Host.module_enumerates_topology: True,
    Host.module_keeps_rbp: True,
    Host.obstacle: Obstacle.NONE,
    Host.shortages_pass: True,
    Host.update_file_is_good: True,
    Host.preserves_tds: True,
    Host.handoff_version_is_told: True,
    Host.module_present: True,
    Host.module_is_1_5: True,
    Host.next_kernel: NextKernel.SAME,
}
"""A machine on which little happens but updates."""


def instance(
    system: TransitionSystem, settings: Mapping[Any, Any] | None = None
) -> Instance:
    setup = CATALOGUE.machine.setup(SIZES)
    given = {**system.settings, **setup.settings, **QUIET, **(settings or {})}
    return Instance(replace(system, settings=given), setup.scope)

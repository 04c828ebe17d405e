"""What is measured, by name: models, and designs on machines of several sizes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.judging.question import Question, case_of

QUICK = ("lifecycle 2x1", "lifecycle 2x2", "two-phase commit 6", "v6.8 2,1,2 keys")
USUAL = (
    "lifecycle 2x2",
    "lifecycle 3x2",
    "lifecycle 3x3",
    "two-phase commit 6",
    "v7.2 2,1,2 keys",
    "v6.8 2,1,2",
)
FAMILY = ("lifecycle 3x2", "lifecycle 3x3", "lifecycle 4x3")
"""One model at growing sizes, for every checker that counts."""
LARGER = (
    *(("diagrams", f"lifecycle {n}x{n}") for n in (4, 5, 8, 32)),
    *(("orbits", f"lifecycle {n}x{n}") for n in (4, 5)),
)
"""The same, larger than others can count."""
RULES = {"keys": ("configuration_is_final", "keyed_before_tdmr_init")}
"""Few rules, by which a design is sliced."""


@dataclass(frozen=True)
class Unknown(Exception):
    """Nothing has this name."""

    name: str

    def __str__(self) -> str:
        return (
            f"there is nothing to measure of the name '{self.name}': "
            "take 'lifecycle NxM', 'lifecycle-mem_online NxM', these with ' started' "
            "before the sizes if every CPU is online at first, a classic model with "
            "its sizes as in 'two-phase commit 6', or a design as in "
            "'v6.8 CPUS,PACKAGES,BLOCKS'"
        )


def system(name: str) -> GroundSystem:
    """The ground system of this name, with all of its rules."""
    if match := re.fullmatch(r"lifecycle(-mem_online)?( started)? (\d+)x(\d+)", name):
        from tdxcheck.models.classic.lifecycle import LIFECYCLE, MEM_ONLINE, scope

        model = MEM_ONLINE if match[1] else LIFECYCLE
        if match[2]:
            from benchmarks.started import every_cpu_is_online

            model = replace(model, initial=(*model.initial, every_cpu_is_online))
        return ground(model, scope(int(match[3]), int(match[4])))
    if match := re.fullmatch(r"(\S+)(?: (\d+),(\d+),(\d+))?(?: (keys))?", name):
        from tdxcheck.models.catalogue import CATALOGUE

        if any(design.key == match[1] for design in CATALOGUE.designs):
            sizes = zip(
                ("cpus", "packages", "blocks"), match.groups()[1:4], strict=True
            )
            return design_system(
                match[1],
                {what: int(number) for what, number in sizes if number},
                RULES.get(match[5] or "", ()),
            )
    from tdxcheck.models.classic import CLASSICS

    for classic in CLASSICS:
        sizes_ = "-".join(str(number) for number in classic.scope.values())
        if name == f"{classic.system.name} {sizes_}".strip():
            return ground(classic.system, classic.scope)
    raise Unknown(name)


def design_system(
    key: str, sizes: dict[str, int], names: tuple[str, ...] = ()
) -> GroundSystem:
    """A design, with the rules of these names, or all."""
    from tdxcheck.models.catalogue import CATALOGUE

    questions = [
        Question(rule.property, None)
        for rule in CATALOGUE.rules
        if not names or rule.id in names
    ]
    case = case_of(CATALOGUE, CATALOGUE.design(key), (), sizes, questions)
    return ground(case.instance.system, case.instance.scope)

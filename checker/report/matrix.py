"""The matrix of designs and machine features, and the combinations that break rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from tdxcheck.checker.catalogue import Catalogue
from tdxcheck.checker.judging.families import Cube, Family
from tdxcheck.checker.language.system import Mode, Property, Severity
from tdxcheck.checker.report.grid import Column, Row, grid
from tdxcheck.checker.report.page import Page, Style

ANY = "(on any machine)"


def matrix(
    families: Sequence[Family], catalogue: Catalogue, width: int
) -> Iterator[Text]:
    """One row a feature, one column a design: for how many rules the feature counts.

    It counts if it is in a smallest combination of features that breaks the rule.
    """
    keys = [feature.key for feature in catalogue.machine.features]
    rows = [Row(ANY, ANY, "dim"), *(Row(key, key) for key in keys)]
    columns = [Column(f.design.key, dict(_counts(f, keys))) for f in families]
    return grid("feature", rows, columns, width)


def _counts(family: Family, keys: Sequence[str]) -> Iterator[tuple[str, Text]]:
    rules = rules_of(family)
    yield ANY, _cell(sum(_always(family, rule) for rule in rules))
    for key in keys:
        helps = (
            any(key in cube.present | cube.absent for cube in family.cubes(rule))
            for rule in rules
        )
        yield key, _cell(sum(helps))


def _cell(count: int) -> Text:
    return Text(str(count)) if count else Text(".", "dim")


def rules_of(family: Family) -> list[Property]:
    """The rules that speak of harm; the others say what must be possible."""
    return [rule for rule in family.tables if rule.severity is not Severity.MODEL]


def _always(family: Family, rule: Property) -> bool:
    return family.cubes(rule) == [Cube(frozenset(), frozenset())]


def told(page: Page, family: Family) -> None:
    """Which combinations break which rule of a design, and where it is safe."""
    page.add(family.design.key, Style.TITLE)
    rules = rules_of(family)
    broken = [rule for rule in rules if family.cubes(rule)]
    if not broken:
        page.add("no machine of the family breaks a rule", label="  ", at=4)
    always = [rule for rule in broken if _always(family, rule)]
    for rule in broken:
        cubes = family.cubes(rule)
        ways = "; or ".join(map(words, cubes))
        page.add(ways, label=f"  {rule.name}: ", at=6)
    for rule in family.tables:
        if rule.severity is Severity.MODEL and rule.mode is Mode.REACHABLE:
            if cubes := family.cubes(rule):
                ways = "; or ".join(map(words, cubes))
                page.add(ways, Style.QUIET, label=f"  {rule.name}, impossible: ", at=6)
    if broken:
        _safe(page, family, [rule for rule in rules if rule not in always], always)


def _safe(
    page: Page, family: Family, rules: Sequence[Property], always: Sequence[Property]
) -> None:
    aside = f"but for {len(always)} that any machine breaks, " if always else ""
    cubes = family.safe(rules)
    if not cubes:
        page.add(f"  {aside}no machine keeps every rule".replace("  but", "But"))
        return
    text = f"{aside}it keeps every rule exactly on machines "
    ways = "; or ".join(map(words, cubes)).replace("any machine", "of any kind")
    page.add(text[:1].upper() + text[1:] + ways, Style.TITLE, label="  ", at=4)


def words(cube: Cube) -> str:
    """A combination of features: "with a and b, without c"."""
    parts = []
    if cube.present:
        parts.append(f"with {_list(sorted(cube.present))}")
    if cube.absent:
        parts.append(f"without {_list(sorted(cube.absent), 'or')}")
    return ", ".join(parts) or "any machine"


def _list(names: Sequence[str], joint: str = "and") -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} {joint} {names[-1]}"


def as_json(family: Family) -> Any:
    """A design, as `schemas/matrix.schema.json` describes it."""
    rules = rules_of(family)
    always = [rule for rule in rules if _always(family, rule)]
    possible = [
        rule
        for rule in family.tables
        if rule.severity is Severity.MODEL and rule.mode is Mode.REACHABLE
    ]
    return {
        "design": family.design.key,
        "rules": [
            {"rule": rule.name, "broken_on": [_cube(c) for c in family.cubes(rule)]}
            for rule in rules
        ],
        "impossible": [
            {"rule": rule.name, "on": [_cube(c) for c in family.cubes(rule)]}
            for rule in possible
        ],
        "always_broken": [rule.name for rule in always],
        "safe_on": [
            _cube(cube)
            for cube in family.safe([rule for rule in rules if rule not in always])
        ],
    }


def _cube(cube: Cube) -> Any:
    return {"present": sorted(cube.present), "absent": sorted(cube.absent)}

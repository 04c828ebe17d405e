"""The matrix of designs and machine features, and the combinations that break rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from tdxcheck.checker.catalogue import Catalogue
from tdxcheck.checker.judging.families import Cube, Family
from tdxcheck.checker.language.system import Mode, Property, Severity
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.report.table import GAP, banks


def matrix(
    families: Sequence[Family], catalogue: Catalogue, width: int
) -> Iterator[Table]:
    """One row a feature, one column a design: for how many rules the feature counts.

    It counts if it is in a smallest combination of features that breaks the rule.
    """
    left = GAP + max(len(f.key) for f in catalogue.machine.features)
    columns = [
        (family, GAP + max(map(len, family.design.key.replace("-", "- ").split())))
        for family in families
    ]
    for bank in banks(columns, width - left):
        yield _table(bank, catalogue)


def _table(families: Sequence[Family], catalogue: Catalogue) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("feature", no_wrap=True)
    for family in families:
        table.add_column(family.design.key.replace("-", "- "), overflow="fold")
    always = [sum(_always(f, r) for r in rules_of(f)) for f in families]
    table.add_row(Text("(on any machine)", "dim"), *map(_cell, always))
    for feature in catalogue.machine.features:
        counts = [
            sum(
                any(
                    feature.key in cube.present | cube.absent
                    for cube in family.cubes(rule)
                )
                for rule in rules_of(family)
            )
            for family in families
        ]
        table.add_row(feature.key, *map(_cell, counts))
    return table


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

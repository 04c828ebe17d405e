"""tdxcheck layout: the TDMRs of a machine's memory map, and what comes of them."""

from __future__ import annotations

import argparse
import json
from importlib.resources import files
from pathlib import Path

from tdxcheck.checker.catalogue import UsageError, hint
from tdxcheck.checker.cli.arguments import USUAL_KERNEL
from tdxcheck.checker.cli.console import console, show
from tdxcheck.checker.cli.plain import one_line
from tdxcheck.checker.cli.status import OK, REFUTED, UNDECIDED
from tdxcheck.checker.files import write_whole
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.models.layouts import report as telling
from tdxcheck.models.layouts.generations import GENERATIONS, Generation, generation
from tdxcheck.models.layouts.svg import svg
from tdxcheck.models.logs.audit import BootAudit
from tdxcheck.models.logs.maps import read_map
from tdxcheck.models.logs.matching import Sure
from tdxcheck.models.logs.reading import named
from tdxcheck.models.machines.live import live_map
from tdxcheck.models.machines.memory_map import MalformedMap, MemoryMap

LIVE = "live"
MAPS = "counterexamples/memory-maps"
"""The folder of recorded maps."""


def layout(arguments: argparse.Namespace) -> int:
    name, machine, boot = _machine(arguments)
    logged = None if arguments.kernel else _of_log(boot)
    chosen = _generation(arguments.kernel or logged or USUAL_KERNEL)
    told = telling.report(one_line(name), chosen, machine)
    if arguments.svg is not None:
        write_whole(arguments.svg, svg(telling.headline(told), told.stretches))
    if arguments.format == "json":
        print(json.dumps(telling.as_json(told), indent=1))
    else:
        out = console()
        page = Page(out.width)
        _tell(page, told)
        if logged:
            page.add()
            page.add(
                f"The log is of a kernel like {logged}; --kernel takes another's way.",
                Style.QUIET,
            )
        show(out, page)
    if told.works is None:
        return UNDECIDED
    return OK if told.works else REFUTED


def _of_log(boot: BootAudit | None) -> str | None:
    """The design whose kernel wrote a log, where that is what the map is of."""
    match = boot and boot.match
    if not match or match.sure is Sure.GUESS or generation(match.design) is None:
        return None
    return match.design


def _generation(name: str) -> Generation:
    found = generation(name)
    if found is None:
        known = dict.fromkeys(
            key for each in GENERATIONS for key in (each.key, *each.designs)
        )
        raise UsageError(f"there is no kernel '{name}'{hint(name, known)}")
    return found


def _machine(
    arguments: argparse.Namespace,
) -> tuple[str, MemoryMap, BootAudit | None]:
    if arguments.root is not None and arguments.map != LIVE:
        raise UsageError("--root is for 'tdxcheck layout live'")
    try:
        if arguments.map == LIVE:
            root = arguments.root or Path("/")
            name = "this machine" if root == Path("/") else str(root)
            return name, live_map(root), None
        path = None if arguments.map == "-" else _path(arguments.map)
        return path.name if path else named(None), *read_map(path)
    except MalformedMap as error:
        raise UsageError(str(error)) from None


def _path(text: str) -> Path:
    """The file that is meant, which may be a recorded map without its folder."""
    recorded = Path(str(files("tdxcheck"))) / MAPS / f"{text}.json"
    if "/" not in text and not Path(text).exists() and recorded.is_file():
        return recorded
    return Path(text)


def _tell(page: Page, told: telling.Report) -> None:
    found = told.found
    page.add(telling.headline(told), Style.TITLE)
    style = {True: Style.GOOD, False: Style.BAD, None: Style.PLAIN}[told.works]
    page.add(telling.verdict(told), style)
    page.entries(list(telling.facts(told)), at=2)
    if rows := telling.memory_rows(told):
        page.add()
        page.add("Memory", Style.TITLE)
        page.table(rows, at=2)
    if found.layout.areas:
        page.add()
        page.add("TDMRs", Style.TITLE)
        rows_, left_out = telling.few(telling.tdmr_rows(told, page.width - 2))
        page.table(rows_, at=2)
        _more(page, left_out)
    _picture(page, told)
    if told.changes:
        page.add()
        page.add("What would change it", Style.TITLE)
        page.entries(
            [
                (each.effect(found.works), f"{each.what}: {each.told}")
                for each in told.changes
            ],
            at=2,
        )
    if told.kernels:
        page.add()
        page.add("Every generation of kernels", Style.TITLE)
        page.table(list(telling.kernel_rows(told)), at=2)


def _picture(page: Page, told: telling.Report) -> None:
    lines, left_out = telling.picture_rows(told, page.width - 2)
    if not lines:
        return
    page.add()
    page.add("Picture", Style.TITLE)
    for line in lines:
        page.lines.append((f"  {line}", Style.PLAIN))
    _more(page, left_out)
    page.add(telling.legend_line(told), Style.QUIET, label="  ", at=2)


def _more(page: Page, left_out: int) -> None:
    if left_out:
        page.add(f"({left_out} between are not shown)", Style.QUIET, at=2)

"""tdxcheck matrix: which features of a machine break which rule of which design."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

from tdxcheck.checker.catalogue import Catalogue, Sizes, UsageError
from tdxcheck.checker.cli.console import console, show, show_lines
from tdxcheck.checker.cli.sizes import sizes_of
from tdxcheck.checker.cli.status import OK
from tdxcheck.checker.judging.families import Family, Tables, family, tables_of
from tdxcheck.checker.judging.processes import end_with_parent
from tdxcheck.checker.report import matrix as report
from tdxcheck.checker.report.page import Page, Style


def matrix(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    started = time.monotonic()
    if not catalogue.machine.features:
        raise UsageError("this catalogue's machine has no features to combine")
    keys = dict.fromkeys(arguments.designs) or [d.key for d in catalogue.designs]
    sizes = {**catalogue.machine.large_enough(), **sizes_of(arguments)}
    for feature in catalogue.machine.features:
        if taken := set(feature.present) & set(sizes):
            raise UsageError(
                f"--{', --'.join(taken)}: both are judged, as the feature {feature.key}"
            )
    catalogue.machine.setup(sizes)
    families = _families(catalogue, list(keys), sizes, arguments.jobs)
    if arguments.format == "json":
        document = {
            "format": "tdxcheck-matrix",
            "version": 1,
            "seconds": round(time.monotonic() - started, 3),
            "features": {f.key: f.statement for f in catalogue.machine.features},
            "designs": [report.as_json(one) for one in families],
        }
        print(json.dumps(document, indent=1))
        return OK
    out = console()
    page = Page(out.width)
    page.add("Features, and how many rules each, or its absence, helps to break:")
    page.add()
    show(out, page)
    show_lines(out, report.matrix(families, catalogue, out.width))
    page = Page(out.width)
    for one in families:
        page.add()
        report.told(page, one)
    page.add()
    searched = 2 ** len(catalogue.machine.features)
    page.add(
        f"{len(families)} design{'s' * (len(families) != 1)} on {searched:,} kinds "
        "of machine each, all judged; "
        f"{time.monotonic() - started:.1f} s",
        Style.TITLE,
    )
    show(out, page)
    return OK


def _families(
    catalogue: Catalogue, keys: Sequence[str], sizes: Sizes, jobs: int
) -> list[Family]:
    """One process a design where that can be, each inheriting the catalogue."""
    designs = [catalogue.design(key) for key in keys]
    if jobs == 1 or "fork" not in multiprocessing.get_all_start_methods():
        return [family(catalogue, design, sizes) for design in designs]
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_inherit, initargs=(catalogue,)
    )
    try:
        found = list(pool.map(_tables, keys, [dict(sizes)] * len(keys)))
    except BaseException:
        for process in multiprocessing.active_children():
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return [
        Family.of(catalogue, design, tables)
        for design, tables in zip(designs, found, strict=True)
    ]


_inherited: list[Catalogue] = []


def _inherit(catalogue: Catalogue) -> None:
    end_with_parent()
    _inherited.append(catalogue)


def _tables(key: str, sizes: Mapping[str, int]) -> Tables:
    (catalogue,) = _inherited
    return tables_of(catalogue, catalogue.design(key), sizes)

"""tdxcheck graph: the state graph as a file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tdxcheck.checker.catalogue import Catalogue, UsageError
from tdxcheck.checker.cli.output import check_writable
from tdxcheck.checker.cli.sizes import sizes_of
from tdxcheck.checker.cli.status import OK
from tdxcheck.checker.files import write_whole

Graph = Any
"""A networkx graph with plain attributes."""


def graph(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    write = _writer(arguments.output)
    from tdxcheck.checker.engines.graph import TooLarge, reachable_graph
    from tdxcheck.checker.ground.grounder import ground
    from tdxcheck.checker.judging.question import case_of

    design = catalogue.design(arguments.design)
    sizes = sizes_of(arguments)
    assumed = tuple(catalogue.assumption(key) for key in arguments.assume)
    case = case_of(catalogue, design, assumed, sizes, ())
    system = ground(case.instance.system, case.instance.scope)
    try:
        found = reachable_graph(system, arguments.max_states)
    except TooLarge as error:
        raise UsageError(
            f"{error}; take a smaller machine, or raise --max-states"
        ) from None
    names = [slot.name for slot in system.slots]
    for _, data in found.nodes(data=True):
        shown = zip(names, map(str, data.pop("state")), strict=True)
        data["label"] = ", ".join(f"{name} = {value}" for name, value in shown)
    write(arguments.output, found)
    states, steps = found.number_of_nodes(), found.number_of_edges()
    print(f"{arguments.output}: {states:,} states, {steps:,} steps")
    return OK


def _writer(path: Path) -> Any:
    writers = {".graphml": _graphml, ".json": _json, ".dot": _dot}
    if path.suffix not in writers:
        raise UsageError(f"{path}: the name must end in {', '.join(writers)}")
    check_writable(path)
    return writers[path.suffix]


def _graphml(path: Path, found: Graph) -> None:
    import networkx

    write_whole(path, "".join(f"{line}\n" for line in networkx.generate_graphml(found)))


def _json(path: Path, found: Graph) -> None:
    import networkx

    write_whole(path, json.dumps(networkx.node_link_data(found, edges="edges")))


def _dot(path: Path, found: Graph) -> None:
    write_whole(path, "".join(f"{line}\n" for line in _dot_lines(found)))


def _dot_lines(found: Graph) -> Iterator[str]:
    yield "digraph states {"
    for node, data in found.nodes(data=True):
        shape = ", shape=doublecircle" if data["initial"] else ""
        yield f"  {node} [tooltip={json.dumps(data['label'])}{shape}];"
    for before, after, data in found.edges(data=True):
        yield f"  {before} -> {after} [label={json.dumps(data['label'])}];"
    yield "}"

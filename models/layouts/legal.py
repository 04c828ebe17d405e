"""Whether a machine has a legal layout at all, and if not, why not, in words.

A layout is legal if the module's checks pass it, and every piece of the memory is in a
TDMR: available, or taken by a PAMT. The dynamic program decides, z3 is asked for a
second opinion, and a layout that is shown has passed the module's checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tdxcheck.models.layouts.optimum import Cover, covers, fewest, too_many_holes
from tdxcheck.models.layouts.packing import complete, impossible
from tdxcheck.models.layouts.problem import Problem
from tdxcheck.models.layouts.second import Answer, Opinion, ask
from tdxcheck.spec.layout import ACCEPTED, Area, Memory, TdmrInfo
from tdxcheck.spec.layout_rules import judge

SHOWN = 4
"""Ranges that are named of a long list."""


class Disagreement(Exception):
    """Two answers that cannot both be true."""


@dataclass(frozen=True)
class Legal:
    """What is known of legal layouts."""

    exists: bool | None
    """None: no place for the PAMTs was found, and none is excluded."""
    fewest: Cover | None = None
    """The cover with the fewest TDMRs."""
    smallest: Cover | None = None
    """The one with the smallest PAMTs."""
    layout: tuple[TdmrInfo, ...] = ()
    """A whole legal layout, with the fewest TDMRs for which one was found."""
    why_not: tuple[str, ...] = ()
    """Which regions, which limit."""
    second: Answer = Answer.UNKNOWN
    """What z3 says of TDMRs, whatever of PAMTs."""


def legal(problem: Problem, memory: Memory) -> Legal:
    """Raises Disagreement where z3 or the module's checks contradict."""
    if problem.outside:
        return Legal(False, why_not=tuple(_outside(problem)), second=Answer.NONE)
    found = covers(problem)
    opinion = ask(problem)
    contradicted = Answer.NONE if found else Answer.EXISTS
    if opinion.answer is contradicted:
        raise Disagreement("the dynamic program and z3 disagree on whether TDMRs exist")
    if not found:
        return Legal(
            False, why_not=tuple(_core(problem, opinion)), second=opinion.answer
        )
    fewest_tdmrs = found[min(found)]
    smallest = min(found.values(), key=lambda cover: (cover.pamt, len(cover.tdmrs)))
    layout = _complete(problem, memory, [fewest_tdmrs, smallest, *found.values()])
    if layout is None:
        kept = covers(problem, spare=1)
        layout = _complete(problem, memory, list(kept.values()))
    why = impossible(problem, smallest.pamt) if layout is None else None
    exists = True if layout is not None else (False if why else None)
    return Legal(
        exists,
        fewest_tdmrs,
        smallest,
        layout or (),
        (why,) if why else (),
        opinion.answer,
    )


def _complete(
    problem: Problem, memory: Memory, candidates: list[Cover]
) -> tuple[TdmrInfo, ...] | None:
    for cover in candidates:
        layout = complete(problem, cover.tdmrs)
        if layout is not None:
            verdict = judge(layout, memory, problem.dynamic)
            if verdict != ACCEPTED:
                raise Disagreement(
                    f"a layout that should be legal is refused: {verdict.status.name}"
                )
            return layout
    return None


def _outside(problem: Problem) -> Iterator[str]:
    count = len(problem.outside)
    yield (
        f"{shown(problem.outside)} {'is' if count == 1 else 'are'} memory outside "
        "every CMR: a TDMR may not have it, and without it, it is not covered"
    )


def _core(problem: Problem, opinion: Opinion) -> Iterator[str]:
    """The contradiction, in words: what has to be covered, and which limit forbids."""
    crowded = too_many_holes(problem)
    if crowded is not None:
        area, holes = crowded
        yield (
            f"{shown([area])} is one gigabyte, and a TDMR has no less: it has {holes} "
            f"holes between pieces of convertible memory, and a TDMR has "
            f"{problem.most_reserved} reserved areas"
        )
        return
    needed = fewest(problem)
    if opinion.required:
        yield f"to be covered: {shown(opinion.required)}"
    if opinion.crowded:
        yield (
            f"not in one TDMR, for more than {problem.most_reserved} holes: "
            f"{shown(opinion.crowded)}"
        )
    yield (
        f"so {needed} TDMRs are needed at least, and the module takes "
        f"{problem.most_tdmrs}"
    )


def shown(areas: list[Area] | tuple[Area, ...]) -> str:
    """The ranges, if there are few; else the first and the last."""
    names = [f"[{area.base:#x}, {area.end:#x})" for area in areas]
    if len(names) <= SHOWN:
        return ", ".join(names)
    first = ", ".join(names[: SHOWN - 1])
    return f"{first}, ... and {names[-1]} ({len(names)} ranges)"

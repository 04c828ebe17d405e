"""Calls that overlap in time: each leaf cut where an LP can be stopped inside it.

A leaf is written once, as a call in one step. Its marks name the places between its
guards at which an LP can be stopped while others go on. `stretch` makes an action of
what an LP does between two places: the leaf's own guards that stand there, checked
against the state of that moment, and its effects where it comes to its end. So an
LP that stops nowhere does what the leaf says, and so does one that stops everywhere
while nobody else is inside.

A guard that fails ends the call with its refusal: the LP is outside, or DONE if that
is where the stretch goes. An LP that never comes back, since TDX has shut down or the
leaf hangs, is left at its last place, with the locks that it holds there.

Operands are given anew at each stretch. What a leaf has checked of one before a stop
it does not check again after it, so a call is to be given the same ones throughout;
only the TDMR whose lock is held is remembered.

Source: TDX module 1.5.01, tdx_locks.h, tdx_vmm_dispatcher.c.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from tdxcheck.checker.language import (
    Action,
    Kind,
    Term,
    action,
    between,
    forall,
    ite,
    over,
)
from tdxcheck.models.module.update import module_loaded
from tdxcheck.spec.interleaving import Interleaved, Leaf, Place
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Status
from tdxcheck.spec.sources import MODULE_1_5

LOCK_SOURCES: Final = (MODULE_1_5.at("tdx_locks.h"),)
NO_RETURN: Final = (Status.MODULE_FATAL, Status.MODULE_HANG)
ENDS: Final = (Place.OUTSIDE, Place.DONE)
"""Where an LP is whose leaf has come to its end."""


def stretch(
    leaf: Leaf,
    whole: Action,
    start: Place,
    stop: Place,
    operands: Collection[str] | None = None,
) -> Action:
    """What an LP does in one of a leaf's actions from one place to the next.

    `operands` names those that vary; the others are the usual ones. None: all vary.
    """
    part = between(
        whole,
        None if start is Place.OUTSIDE else start,
        None if stop in ENDS else stop,
    )
    never_returns = stop in ENDS and whole.success in NO_RETURN
    reached = places(whole)[-2] if never_returns else stop
    refused = stop if stop in ENDS else Place.OUTSIDE
    signature = inspect.signature(whole.rule, eval_str=True)
    module_, *declared = signature.parameters.values()
    varying = [
        each
        for each in declared
        if operands is None or each.default is each.empty or each.name in operands
    ]

    def go(module: Interleaved, cpu: Cpu, *given: Any) -> None:
        named = dict(zip((each.name for each in varying), (cpu, *given), strict=True))
        arguments = [named.get(each.name, each.default) for each in declared]
        module.require(module.place[cpu] == start)
        if start is not Place.OUTSIDE:
            module.require(module.calling[cpu] == leaf)
        if start is Place.TDMR_LOCKED:
            module.require(module.tdmr_of[cpu] == named["tdmr"])
        answer = module.call(part, *arguments)
        assert part.success is not None
        passed = answer == part.success
        module.place[cpu] = ite(passed, reached, refused)
        module.calling[cpu] = ite(passed & (reached not in ENDS), leaf, Leaf.NONE)
        if reached is Place.TDMR_LOCKED:
            module.tdmr_of[cpu] = named["tdmr"]

    go.__doc__ = f"{leaf.value} on {{cpu}}: {_told(start, stop)}."
    go.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[module_.replace(annotation=Interleaved), *varying]
    )
    name = f"{whole.name}_from_{start.name}_to_{stop.name}".lower()
    return action(name=name, kinds=whole.kinds, sources=whole.sources)(go)


def _told(start: Place, stop: Place) -> str:
    match start, stop:
        case Place.OUTSIDE, Place.DONE:
            return "it has its answer, but is still inside"
        case Place.OUTSIDE, _:
            return f"it begins, and {stop.value}"
        case _, Place.OUTSIDE:
            return "it ends"
        case _, Place.DONE:
            return "it goes on, has its answer, but is still inside"
    return f"it goes on, and {stop.value}"


def places(whole: Action) -> tuple[Place, ...]:
    """The places of a call of this leaf, in order, from outside to done."""
    inside = (mark for mark in whole.marks if isinstance(mark, Place))
    return (Place.OUTSIDE, *inside, Place.DONE)


def in_one_step(whole: Action) -> Action:
    """A whole call, made while other LPs may have stopped in theirs."""
    if whole.success not in NO_RETURN:
        return over(whole, Interleaved)
    *_, last, _ = places(whole)
    names = list(inspect.signature(whole.rule).parameters)[2:]

    @functools.wraps(whole.rule)
    def rule(module: Interleaved, cpu: Cpu, *operands: Any) -> None:
        whole.rule(module, cpu, *operands)
        module.place[cpu] = last
        if last is Place.TDMR_LOCKED:
            module.tdmr_of[cpu] = operands[names.index("tdmr")]

    return over(replace(whole, rule=rule), Interleaved)


@action(kinds={Kind.SEAMCALL}, sources=LOCK_SOURCES)
def leave(module: Interleaved, cpu: Cpu) -> None:
    """{cpu}, whose call has its answer, leaves the module."""
    module.require(module.place[cpu] == Place.DONE)
    module.place[cpu] = Place.OUTSIDE


@action(kinds=module_loaded.kinds, sources=module_loaded.sources)
def module_loaded_outside(module: Interleaved, keep_handoff: Term[bool]) -> None:
    """An image is loaded: every LP has come to the loader, so none is inside."""
    outside = forall(Cpu, lambda cpu: module.place[cpu] == Place.OUTSIDE)
    module.require(outside)
    module_loaded.rule(module, keep_handoff)

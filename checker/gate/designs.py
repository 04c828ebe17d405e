"""Designs: what each can do now and could not before, and which verdicts change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tdxcheck.checker.findings import Weight, Witness
from tdxcheck.checker.gate.behaviours import (
    Change,
    Difference,
    GuardKey,
    differences,
    needed,
)
from tdxcheck.checker.gate.context import AFTER, BEFORE, Context
from tdxcheck.checker.gate.probes import (
    Answers,
    asked_of,
    happens,
    reached,
)
from tdxcheck.checker.gate.reading import Pair
from tdxcheck.checker.gate.showing import shown, steps
from tdxcheck.checker.ground.system import Values
from tdxcheck.checker.ground.terms import And
from tdxcheck.checker.verdict import (
    Exhausted,
    Proved,
    Reached,
    Refuted,
    Run,
    Unreachable,
    Vacuous,
    Verdict,
)

Json = Any
Sides = tuple[Answers, Answers]


@dataclass(eq=False)
class Judged:
    """What was found of one design."""

    verdicts: Mapping[str, Verdict]
    """By rule, now."""
    steps: set[str] = field(default_factory=set)
    """Actions that are not taken as before in some reachable state."""


def changed(old: Json, new: Json, outlines: tuple[Json, Json]) -> list[str]:
    """What differs of a design, in words; nothing if all of it means the same."""
    found = []
    if old["variables"] != new["variables"]:
        found.append("its variables")
    if old["start"] != new["start"] or old["initial"] != new["initial"]:
        found.append("how it starts")
    if old["scope"] != new["scope"]:
        found.append("the machine")
    before, after = (
        sorted(outline["actions"][key]["meaning"] for key in design["actions"].values())
        for outline, design in zip(outlines, (old, new), strict=True)
    )
    if before != after:
        found.append("its actions")
    return found


def starts(context: Context, design: str) -> None:
    """Settings and variables that are not as before."""
    old, new = (outline["designs"][design] for outline in context.outlines)
    for name in dict.fromkeys((*old["start"], *new["start"])):
        if name not in old["start"] or name not in new["start"]:
            continue
        values = old["start"][name], new["start"][name]
        if values[0] != values[1]:
            one, other = ("open" if value is None else value for value in values)
            kind = "safeguard" if name in old["safeguards"] + new["safeguards"] else ""
            told = f"starts as {other}, and started as {one}"
            _note(context, f"{kind or 'start'}-changed", f"{name}: {told}", design)
    for name in dict.fromkeys((*old["variables"], *new["variables"])):
        if name not in new["variables"]:
            _note(context, "variable-removed", f"{name}: is gone", design)
        elif name not in old["variables"]:
            note = Weight.NOTE
            _note(context, "variable-added", f"{name}: is new", design, note)
        elif old["variables"][name] != new["variables"][name]:
            _note(context, "variable-changed", f"{name}: holds other values", design)
    if old["initial"] != new["initial"]:
        message = "the conditions of its initial states are not the same"
        context.add("start-changed", design, message, designs=[design])
    if old["scope"] != new["scope"]:
        _note(context, "machine-changed", "default machine: has other sizes", design)


def _note(
    context: Context,
    kind: str,
    told: str,
    design: str,
    weight: Weight = Weight.FAILS,
) -> None:
    subject, _, message = told.partition(": ")
    if not context.has(kind, subject, design):
        context.add(kind, subject, message, weight=weight, designs=[design])


def compare(
    context: Context, design: str, rules: tuple[list[str], list[str]]
) -> Judged:
    """Everything that a design does otherwise, on the default machine."""
    pair = context.pair(design, rules)
    found = differences(pair)
    if not found and _same(pair):
        return Judged({})
    probes = [reached(difference.name, difference.condition) for difference in found]
    asked = [
        asked_of(
            half,
            [*probes, *(happens(_name(k), n) for k, n in needed(pair, half).items())],
        )
        for half in pair.halves
    ]
    sides = context.searches.of_both(asked[BEFORE], asked[AFTER])
    judged = Judged(sides[AFTER].verdicts)
    if any(side.open for side in sides):
        context.add(
            "design-undecided",
            design,
            "a limit was met before it was known what it does otherwise",
            weight=Weight.UNDECIDED,
            designs=[design],
        )
    for difference in found:
        if _behaviour(context, pair, design, difference, sides):
            judged.steps.add(difference.action)
    _verdicts(context, pair, design, sides)
    _coverage(context, design, sides)
    _redundant(context, pair, design, sides)
    return judged


def _same(pair: Pair) -> bool:
    """Nothing but words differs: the same steps, starts and rules, as ground terms."""
    before, after = (half.system for half in pair.halves)
    return (
        not pair.gone
        and not pair.new
        and [slot.start for slot in before.slots]
        == [slot.start for slot in after.slots]
        and set(before.initial) == set(after.initial)
        and set(pair.before.rules) == set(pair.after.rules)
        and all(_rules_agree(pair, name) for name in pair.before.rules)
    )


def _rules_agree(pair: Pair, name: str) -> bool:
    old, new = (half.system.properties[half.rules[name]] for half in pair.halves)
    return set(old.conditions) == set(new.conditions)


def _behaviour(
    context: Context,
    pair: Pair,
    design: str,
    difference: Difference,
    sides: Sides,
) -> bool:
    """Tell of a step that only one side has; whether it can be reached at all."""
    own = BEFORE if difference.change is Change.REMOVED else AFTER
    runs = [_run(side.probes[difference.name]) for side in sides]
    if runs[own] is None and difference.change is Change.ALTERED:
        own = BEFORE
    run = runs[own]
    action = difference.action
    if run is None:
        kind, told = (
            f"action-{difference.change.value}-unreachable",
            ("differs from before only in states that cannot be reached"),
        )
        if not context.has(kind, action, design):
            at = _action(context, action)
            context.add(kind, action, told, at=at, weight=Weight.NOTE, designs=[design])
        return False
    kind = f"behaviour-{difference.change.value}"
    if not context.has(kind, action, design):
        told = {
            Change.ADDED: "can be taken where it could not be before",
            Change.REMOVED: "can no longer be taken where it could be before",
            Change.ALTERED: "leads to another state than before",
        }[difference.change]
        witnesses = _paths(context, pair, design, difference, runs, own)
        at = _action(context, action)
        context.add(kind, action, told, at=at, witnesses=witnesses, designs=[design])
    return True


def _paths(
    context: Context,
    pair: Pair,
    design: str,
    difference: Difference,
    runs: list[Run | None],
    own: int,
) -> Iterator[Witness]:
    """The shortest way to where the sides part, and what each does there."""
    run = runs[own]
    assert run is not None
    key = difference.step_in(run.states[-1])
    lines = context.told(pair, own, design, run)
    when = ("before", "now")
    count = len(run.steps)
    title = f"{when[own]}, in {design}: after {steps(count)}, and one more shows it"
    yield Witness(title, (*lines, *_there(context, pair, design, run.states[-1], key)))
    other = runs[1 - own]
    if other is None:
        yield Witness(f"{when[1 - own]}: no run leads to such a state", ())
    elif len(other.steps) != count:
        told = context.told(pair, 1 - own, design, other)
        title = f"{when[1 - own]}: there after {steps(len(other.steps))}"
        yield Witness(title, told)
    else:
        yield Witness(f"{when[1 - own]}: there after as many steps", ())


def _there(
    context: Context, pair: Pair, design: str, values: Values, key: Any
) -> Iterator[str]:
    """What becomes of the step on each side."""
    for side, when in ((BEFORE, "before"), (AFTER, "now")):
        state = pair.state(side, values)
        step = context.step(pair, side, key)
        found = context.sides[side].asked("attempt", design, state, step)
        if found["possible"]:
            changes = "; ".join(found["changes"]) or "nothing changes"
            yield f"then, {when}: {found['sentence']} ({changes})"
        else:
            what = found["sentence"] or step[0]
            what = what.rstrip(".")
            yield f"then, {when}, this is not possible: {what}: {found['why']}"


def _run(verdict: Verdict) -> Run | None:
    return verdict.run if isinstance(verdict, Reached | Refuted) else None


def _action(context: Context, name: str) -> Json:
    for outline in (context.new, context.old):
        for action in outline["actions"].values():
            if action["name"] == name:
                return action
    return None


def kind(verdict: Verdict) -> str:
    """The verdict without the number of steps."""
    match verdict:
        case Exhausted() | Proved():
            return "holds"
        case Vacuous():
            return "is vacuous"
        case Refuted():
            return "is refuted"
        case Reached():
            return "is reached"
        case Unreachable():
            return "is unreachable"
    return "is not decided"


def _verdicts(context: Context, pair: Pair, design: str, sides: Sides) -> None:
    for rule, after in sides[AFTER].verdicts.items():
        before = sides[BEFORE].verdicts.get(rule)
        if before is not None:
            verdict(context, pair, design, rule, before, after)


def verdict(
    context: Context,
    pair: Pair,
    design: str,
    rule: str,
    before: Verdict,
    after: Verdict,
) -> None:
    """Tell of a rule that a design is not judged by as before."""
    was, now = kind(before), kind(after)
    at = context.new["rules"][rule]
    if was == now:
        lengths = [len(v.run.steps) if (v := _told(x)) else 0 for x in (before, after)]
        if lengths[0] != lengths[1] and not context.has("length-changed", rule, design):
            told = f"{now} in {steps(lengths[1])}, and was in {lengths[0]}"
            context.add(
                "length-changed",
                rule,
                told,
                at=at,
                weight=Weight.NOTE,
                designs=[design],
            )
        return
    name = "rule-vacuous" if isinstance(after, Vacuous) else "verdict-changed"
    subject = f"{rule} of {design}"
    once = "held" if was == "holds" else was.replace("is ", "was ", 1)
    told = f"{now} in {design}, and {once} before"
    witnesses = []
    for side, found, when in ((BEFORE, before, "before"), (AFTER, after, "now")):
        if (shown_by := _told(found)) is not None:
            lines = context.told(pair, side, design, shown_by.run)
            count = len(shown_by.run.steps)
            witnesses.append(
                Witness(f"{when}, the shortest run: {steps(count)}", lines)
            )
    # That what a rule speaks of happens now, and keeps to it, loses nothing.
    met = isinstance(before, Vacuous) and now == "holds"
    context.add(
        name,
        subject,
        told,
        at=at,
        witnesses=witnesses,
        weight=Weight.NOTE if met else Weight.FAILS,
        designs=[design],
    )


def _told(found: Verdict) -> Reached | Refuted | None:
    return found if isinstance(found, Reached | Refuted) else None


def _coverage(context: Context, design: str, sides: Sides) -> None:
    for action, times in sides[BEFORE].fired.items():
        if times and not sides[AFTER].fired.get(action, 0):
            if not context.has("coverage-lost", action, design):
                context.add(
                    "coverage-lost",
                    action,
                    "is never taken any more: what it was checked with is not",
                    at=_action(context, action),
                    designs=[design],
                )


def _name(key: GuardKey) -> str:
    return f"guard {key}"


def _redundant(context: Context, pair: Pair, design: str, sides: Sides) -> None:
    """Parts of guards that something else rules out now, and did not before."""
    texts = [dict(_literals(pair, side)) for side in (BEFORE, AFTER)]
    was = {
        texts[BEFORE][key]: not isinstance(sides[BEFORE].probes[_name(key)], Vacuous)
        for key in texts[BEFORE]
    }
    for key, text in texts[AFTER].items():
        idle = isinstance(sides[AFTER].probes[_name(key)], Vacuous)
        if idle and was.get(text):
            action, literal = text
            subject = f"{action}: {literal}"
            if not context.has("guard-redundant", subject, design):
                found = _action(context, action)
                guards = found["guards"] if found else []
                at = guards[key[1]] if key[1] < len(guards) else found
                context.add(
                    "guard-redundant",
                    subject,
                    "keeps nothing from happening any more: wherever it fails, so does "
                    "another guard, or nothing leads there",
                    at=at,
                    designs=[design],
                )


def _literals(pair: Pair, side: int) -> Iterable[tuple[GuardKey, tuple[str, str]]]:
    """The parts of guards, each as it is in the first step that has it."""
    half = pair.halves[side]
    found: dict[GuardKey, tuple[str, str]] = {}
    for key in needed(pair, half):
        action, guard, part = key
        for step in half.system.steps:
            if step.action.name == action:
                node = step.guards[guard]
                parts = node.operands if isinstance(node, And) else (node,)
                if part < len(parts):
                    found[key] = action, shown(parts[part], pair.fields)
                    break
    return found.items()

"""Rules: which are gone, new, weaker, stronger, or only say the same in other words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tdxcheck.checker.findings import Weight, Witness
from tdxcheck.checker.gate.context import AFTER, BEFORE, Context, OutOfTime
from tdxcheck.checker.gate.deciding import Decider, Model, Open
from tdxcheck.checker.gate.probes import asked_of, reached
from tdxcheck.checker.gate.reading import Pair, StepKey
from tdxcheck.checker.gate.showing import state_lines, steps
from tdxcheck.checker.gate.sides import Refused
from tdxcheck.checker.ground.system import GroundProperty
from tdxcheck.checker.ground.terms import FALSE, Node, evaluate
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Reached, Run, Verdict

Json = Any
ALLOWED = "now allowed"
FORBIDDEN = "now forbidden"
DIFFERENT = ("rule-weakened", "rule-strengthened", "rule-changed")
WORDS = ("summary", "rationale", "severity", "concern")


@dataclass(frozen=True, eq=False)
class Judgements:
    """The verdicts of a design by rules that differ, by name."""

    pair: Pair
    before: Mapping[str, Verdict]
    after: Mapping[str, Verdict]


@dataclass(frozen=True, eq=False)
class Gap:
    """Where a rule says something else than before: states, or steps from them."""

    pair: Pair
    cases: tuple[tuple[StepKey | None, Node], ...]

    @property
    def condition(self) -> Node:
        return self.pair.terms.or_(node for _, node in self.cases)

    def key(self, model: Model) -> StepKey | None:
        return next(key for key, n in self.cases if evaluate(n, model.values))


def compare(context: Context) -> list[str]:
    """Tell every rule that differs; the names of those that do not mean the same."""
    old, new = (_own(outline) for outline in context.outlines)
    for name in old.keys() - new.keys():
        _removed(context, name, old[name], new)
    for name in sorted(new.keys() - old.keys()):
        rule = new[name]
        if not any(rule["meaning"] == old[n]["meaning"] for n in old.keys() - new):
            context.add(
                "rule-added", name, rule["summary"], at=rule, weight=Weight.NOTE
            )
    _claims(context)
    changed = []
    for name in new:
        if name in old:
            if new[name]["meaning"] != old[name]["meaning"]:
                changed.append(name)
            else:
                _words(context, name, old[name], new[name])
    return _differing(context, changed)


def _own(outline: Json) -> dict[str, Json]:
    """The rules, and the claims that are not one of the rules under another name."""
    return {name: r for name, r in outline["rules"].items() if not r["same_as"]}


def _claims(context: Context) -> None:
    """Claims that are made of something else, whatever they say."""
    old, new = (outline["rules"] for outline in context.outlines)
    for name, rule in new.items():
        if name not in old or old[name]["claim"] == rule["claim"]:
            continue
        for part in rule["claim"] or {}:
            was, now = ((r["claim"] or {}).get(part) for r in (old[name], rule))
            if was != now:
                message = f"{part}: {_listed(now)}, and was {_listed(was)}"
                context.add("claim-changed", name, message, at=rule)


def _listed(value: Json) -> str:
    if isinstance(value, dict):
        return ", ".join(str(v) for v in value.values() if v)
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)


def _removed(context: Context, name: str, rule: Json, new: Json) -> None:
    same = [
        other
        for other, found in new.items()
        if found["meaning"] == rule["meaning"] and other not in context.old["rules"]
    ]
    if same:
        context.add(
            "rule-renamed",
            name,
            f"is now called {same[0]}",
            at=new[same[0]],
            weight=Weight.NOTE,
        )
        return
    message = f"is gone, and with it: {rule['summary']}"
    context.add("rule-removed", name, message, at=rule)


def _words(context: Context, name: str, old: Json, new: Json) -> None:
    """The same rule; what is said of it may differ."""
    if old["mode"] != new["mode"]:
        message = f"was a {old['mode']}, and is a {new['mode']}"
        context.add("rule-changed", name, message, at=new)
        return
    changed = [word for word in WORDS if old[word] != new[word]]
    if changed:
        context.add(
            "rule-reworded",
            name,
            f"means the same as before; other words in: {', '.join(changed)}",
            at=new,
            weight=Weight.NOTE,
        )


class _Asked:
    """What is known of a rule that is not written as before."""

    def __init__(self, context: Context, name: str) -> None:
        self.name = name
        self.old, self.new = (outline["rules"][name] for outline in context.outlines)
        self.gaps: dict[str, tuple[str, Gap, Model]] = {}
        """By what it is, where the rule differs, with the design that it is seen in."""
        self.looked = 0
        """Designs in which it was looked for."""
        self.open = ""
        """Why it is not known, if it is not."""

    @property
    def of_actions(self) -> bool:
        return bool(self.old["of_actions"] or self.new["of_actions"])

    @property
    def comparable(self) -> bool:
        modes = self.old["mode"], self.new["mode"]
        return modes[0] == modes[1] and Mode.LEADS_TO.value not in modes

    def is_of(self, design: str) -> bool:
        claim = self.new["claim"]
        return claim is None or claim["design"] == design

    def look(self, pair: Pair, design: str) -> None:
        """See whether it differs in a design, or in none in particular."""
        if pair.common is FALSE:
            return
        self.looked += 1
        for title, gap in _gaps(pair, self.name):
            if title not in self.gaps:
                try:
                    model = Decider(pair).model([gap.condition])
                except Open:
                    self.open = "the solver gave up on whether it means the same"
                    return
                if model is not None:
                    self.gaps[title] = design, gap, model


def _differing(context: Context, names: list[str]) -> list[str]:
    """Tell how rules differ; the names of those that do."""
    asked = [_Asked(context, name) for name in names]
    shared = [d for d in context.new["designs"] if d in context.old["designs"]]
    for rule in asked:
        if rule.comparable and not rule.of_actions:
            _look_alone(context, rule, shared)
    for design in shared:
        here = [
            rule
            for rule in asked
            if rule.comparable
            and rule.of_actions
            and rule.is_of(design)
            and len(rule.gaps) < 2
        ]
        if not here:
            continue
        try:
            context.check_time()
        except OutOfTime:
            for rule in here:
                rule.open = "no time was left to see in every design what it means"
            break
        called = [rule.name for rule in here]
        pair = context.pair(design, (called, called))
        for rule in here:
            rule.look(pair, design)
    return [rule.name for rule in asked if _told(context, rule)]


def _look_alone(context: Context, rule: _Asked, designs: list[str]) -> None:
    """Look in the vocabulary of the first design that has all that the rule reads."""
    for design in filter(rule.is_of, designs):
        try:
            pair = context.pair(design, ([rule.name], [rule.name]), open_=True)
        except Refused:
            continue
        rule.look(pair, design)
        return


def _told(context: Context, rule: _Asked) -> bool:
    """Tell how a rule differs, if it does."""
    name, new = rule.name, rule.new
    if rule.gaps:
        _tell(context, name, rule.gaps)
    elif rule.open:
        context.add("rule-undecided", name, rule.open, at=new, weight=Weight.UNDECIDED)
    elif not rule.comparable or not rule.looked:
        why = "reads what only one of the two states has, or has otherwise"
        if not rule.comparable:
            why = "is not of a kind that can be compared by what it allows"
        message = f"{why}. It was: {rule.old['text']}; and is: {new['text']}"
        context.add("rule-changed", name, message, at=new)
    else:
        context.add(
            "rule-reworded",
            name,
            "is written in another way, and allows the same (z3, in every state of "
            "the vocabulary)",
            at=new,
            weight=Weight.NOTE,
        )
        return False
    return True


def _gaps(pair: Pair, name: str) -> Iterator[tuple[str, Gap]]:
    make = pair.terms
    cases: dict[str, list[tuple[StepKey | None, Node]]] = {ALLOWED: [], FORBIDDEN: []}
    for key, possible, old, new in _conditions(pair, name):
        if old is not new:
            allowed = make.and_((*possible, new, make.not_(old)))
            forbidden = make.and_((*possible, old, make.not_(new)))
            cases[ALLOWED].append((key, allowed))
            cases[FORBIDDEN].append((key, forbidden))
    for title, found in cases.items():
        if found:
            yield title, Gap(pair, tuple(found))


def _conditions(
    pair: Pair, name: str
) -> Iterator[tuple[StepKey | None, tuple[Node, ...], Node, Node]]:
    """What the rule says before and now: of states, or of each step that both have."""
    rules: list[GroundProperty] = [
        half.system.properties[half.rules[name]] for half in pair.halves
    ]
    old, new = rules
    if new.property.mode is not Mode.STEP_RULE:
        yield None, (), old.conditions[0], new.conditions[0]
        return
    for key, number in pair.after.steps.items():
        if key in pair.before.steps:
            step = pair.after.system.steps[number]
            before = pair.before.steps[key]
            guards = (*step.guards, *pair.before.system.steps[before].guards)
            yield key, guards, old.conditions[before], new.conditions[number]


def _tell(context: Context, name: str, gaps: dict[str, Any]) -> None:
    new = context.new["rules"][name]
    if len(gaps) == 2:
        kind, message = (
            "rule-changed",
            "allows what it forbade, and forbids what it did not",
        )
    elif ALLOWED in gaps:
        kind, message = "rule-weakened", "allows what it forbade"
    else:
        kind, message = "rule-strengthened", "forbids what it allowed"
    if new["mode"] == Mode.REACHABLE.value:
        message += " (it is met by other states than before)"
    witnesses = [
        _witness(context, name, title, *found) for title, found in gaps.items()
    ]
    weight = Weight.NOTE if kind == "rule-strengthened" else Weight.FAILS
    old = context.old["rules"][name]
    if old["summary"] == new["summary"]:
        message += "; its sentence is the same"
    context.add(kind, name, message, at=new, witnesses=witnesses, weight=weight)


def _witness(
    context: Context, name: str, title: str, design: str, gap: Gap, model: Model
) -> Witness:
    pair, key = gap.pair, gap.key(model)
    said = []
    for side, when in ((BEFORE, "before"), (AFTER, "now")):
        holds = (title == ALLOWED) is (side == AFTER)
        why = context.explain(pair, side, design, name, model.values, key, holds)
        if holds:
            said.append(f"{when}: the rule holds there")
        else:
            said.append(f"{when}: the rule is broken" + (f": {why}" if why else ""))
    lines = [", ".join(state_lines(pair, model.values, model.relevant))]
    if key is not None:
        lines.append(f"and in it the step {_call(key)}, of {design}")
    return Witness(title, (*lines, *said))


def asked_again(
    context: Context, design: str, names: list[str], *, same: bool
) -> Judgements:
    """What a design is judged by rules that differ, and whether it gets to where.

    A design that is the `same` on both sides is searched once for the old rules and
    the new ones; of one that is not, only where the rules differ is looked for.
    """
    pair = context.pair(design, (names, names))
    found = {(name, title): gap for name in names for title, gap in _gaps(pair, name)}
    probes = [
        reached(f"{title} {name}", g.condition) for (name, title), g in found.items()
    ]
    old = []
    if same:
        for name in names:
            rule = pair.before.system.properties[pair.before.rules[name]]
            before = replace(rule.property, name=f"before {name}")
            old.append(replace(rule, property=before))
    asked = asked_of(pair.after, [*probes, *old], names if same else [], whole=False)
    answered = context.searches.answers(asked)
    for (name, title), gap in found.items():
        verdict = answered.probes[f"{title} {name}"]
        if isinstance(verdict, Reached):
            _reached(context, gap, name, title, design, verdict.run)
    return Judgements(
        pair,
        {name: answered.probes[f"before {name}"] for name in names if same},
        answered.verdicts,
    )


def _reached(
    context: Context, gap: Gap, name: str, title: str, design: str, run: Run
) -> None:
    """Add to what is told of a rule that a design gets to where it differs."""
    for place, known in enumerate(context.findings):
        if known.subject == name and known.kind in DIFFERENT:
            more: tuple[Witness, ...] = ()
            count = len(run.steps)
            text = f"{title}, and {design} gets there in {steps(count)}"
            if all(not w.title.startswith(title + ",") for w in known.witnesses):
                lines = context.told(gap.pair, AFTER, design, run)
                key = next(k for k, n in gap.cases if evaluate(n, run.states[-1]))
                last = () if key is None else (f"then: {_call(key)}",)
                more = (Witness(text, (*lines, *last)),)
            designs = dict.fromkeys((*known.designs, design))
            context.findings[place] = replace(
                known, witnesses=(*known.witnesses, *more), designs=tuple(designs)
            )
            return


def _call(key: StepKey) -> str:
    shown = f" ({', '.join(key[1])})" if key[1] else ""
    return f"{key[0]}{shown}"


def tell_unreached(context: Context, names: list[str]) -> None:
    """Say of rules that differ where no design gets, that it is so."""
    for place, known in enumerate(context.findings):
        if known.subject in names and known.kind in DIFFERENT and not known.designs:
            if context.new["rules"][known.subject]["claim"]:
                continue
            message = f"{known.message}; but in no state that a design can reach"
            context.findings[place] = replace(known, message=message)

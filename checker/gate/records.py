"""Records: recorded traces that must replay, and known bugs that must stay caught."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tdxcheck.checker.catalogue import WITHOUT
from tdxcheck.checker.findings import Variant, Weight
from tdxcheck.checker.gate.context import Context, OutOfTime
from tdxcheck.checker.gate.probes import asked_of
from tdxcheck.checker.gate.reading import read
from tdxcheck.checker.gate.showing import steps
from tdxcheck.checker.gate.sides import Refused
from tdxcheck.checker.verdict import Bounded, Reached, Refuted, Unknown, Verdict

Json = Any


class Catching:
    """Whether what was recorded before is still caught, and in how many steps."""

    def __init__(
        self,
        context: Context,
        designs: set[str],
        rules: set[str],
        verdicts: Mapping[str, Mapping[str, Verdict]],
    ) -> None:
        self.context = context
        self.designs = designs
        """Those that differ."""
        self.rules = rules
        """Those that differ."""
        self.verdicts = verdicts
        """By design and rule, what was just judged."""
        self._searched: dict[tuple[str, str], Verdict] = {}

    def variants(self) -> list[Variant]:
        """Every trace that was recorded at the base, as a bug that must be caught."""
        found = [
            self._variant(data)
            for data in self.context.old["records"].values()
            if "error" not in data
        ]
        for variant in found:
            if variant.how == "unknown":
                self.context.add(
                    "bug-undecided",
                    f"{variant.rule} of {variant.variant}",
                    "no time was left to see whether it still is caught",
                    weight=Weight.UNDECIDED,
                )
            elif variant.found is None:
                told = (
                    "the rule is gone"
                    if variant.how == "gone"
                    else f"nothing breaks it now, and {steps(variant.expected)} did"
                )
                self._tell("bug-not-caught", variant, told)
            elif not variant.fails:
                told = f"{steps(variant.found)} break it, and {variant.expected} did"
                self._tell("bug-length-changed", variant, told)
        return found

    def _tell(self, kind: str, variant: Variant, told: str) -> None:
        bug = f"{variant.bug}: " if variant.bug else ""
        rule = self.context.new["rules"].get(variant.rule.partition(WITHOUT)[0])
        subject = f"{variant.rule} of {variant.variant}"
        self.context.add(kind, subject, f"{bug}{told}", at=rule)

    def _variant(self, data: Json) -> Variant:
        design, rule, steps = data["design"], data["question"], data["steps"]

        def variant(found: int | None, how: str) -> Variant:
            return Variant(design, rule, data["bug"], steps, found, how)

        if not self._touched(design, rule):
            return variant(steps, "unchanged")
        if design.partition(WITHOUT)[0] not in self.context.new["designs"]:
            return variant(None, "gone")
        if rule.partition(WITHOUT)[0] not in self.context.new["rules"]:
            return variant(None, "gone")
        verdict = self.verdicts.get(design, {}).get(rule)
        if verdict is None:
            replayed = self._replays(data)
            if not self._can_be_searched(data):
                if replayed:
                    return variant(steps, "replays")
                return variant(None, "stale")
            try:
                self.context.check_time()
            except OutOfTime:
                if replayed:
                    return variant(steps, "replays")
                return variant(None, "unknown")
            verdict = self._search(design, rule)
        match verdict:
            case Refuted(run) | Reached(run):
                return variant(len(run.steps), "shortest")
            case Unknown() | Bounded():
                return variant(None, "unknown")
        return variant(None, "holds")

    def _touched(self, design: str, rule: str) -> bool:
        base = design.partition(WITHOUT)[0]
        return base in self.designs or rule.partition(WITHOUT)[0] in self.rules

    def _replays(self, data: Json) -> bool:
        path = str(self.context.before.tree.resolve() / data["file"])
        found = self.context.after.asked("record", path)
        return bool(found.get("steps") == data["steps"])

    def _can_be_searched(self, data: Json) -> bool:
        """It is a rule's, on the default machine; claims make assumptions."""
        rule = self.context.new["rules"].get(data["question"])
        usual = data["usual"] and not data["assumed"]
        return rule is not None and rule["claim"] is None and usual

    def _search(self, design: str, rule: str) -> Verdict:
        """The shortest run of a variant that breaks the rule, if there is one."""
        key = design, rule
        if key not in self._searched:
            try:
                table = self.context.after.asked("ground", design, [rule], False)
            except Refused:
                # The safeguard itself is gone.
                from tdxcheck.checker.verdict import Exhausted

                self._searched[key] = Exhausted(0)
            else:
                pair = read(table, table)
                asked = asked_of(pair.after, [], [rule], whole=False)
                found = self.context.searches.answers(asked)
                self._searched[key] = found.verdicts[rule]
        return self._searched[key]

    def records(self, variants: list[Variant]) -> None:
        """Tell of recorded traces that are gone, stale, or not shortest now."""
        old, new = (outline["records"] for outline in self.context.outlines)
        for name in old:
            if name not in new:
                message = "the recorded counterexample is gone"
                self.context.add("record-removed", name, message)
        lengths = {(v.variant, v.rule): v for v in variants if v.how == "shortest"}
        for name, data in new.items():
            at = {"file": data["file"], "line": 1}
            if "error" in data:
                self.context.add("record-stale", name, data["error"], at=at)
                continue
            same = name in old and old[name]["digest"] == data["digest"]
            if same and not self._touched(data["design"], data["question"]):
                continue
            found = self.context.after.asked("record", data["file"])
            if "stale" in found:
                message = f"does not replay any more: {found['stale']}"
                self.context.add("record-stale", name, message, at=at)
                continue
            variant = lengths.get((data["design"], data["question"]))
            if variant is not None and (variant.found or 0) < found["steps"]:
                message = (
                    f"has {steps(found['steps'])}, but {variant.found} are enough now"
                )
                self.context.add("record-not-shortest", name, message, at=at)

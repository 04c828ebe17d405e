"""Murphi, as Rumur reads it: a rule for each step, invariants for the rules."""

from __future__ import annotations

from collections.abc import Iterator

from tdxcheck.checker.export.assigning import in_order
from tdxcheck.checker.export.infix import Syntax, Writer
from tdxcheck.checker.export.names import Vocabulary
from tdxcheck.checker.export.start import first_states
from tdxcheck.checker.export.subject import Subject
from tdxcheck.checker.ground.system import GroundSlot, GroundStep
from tdxcheck.checker.ground.terms import TRUE, Slot

SYNTAX = Syntax(
    true="true",
    false="false",
    not_="!",
    and_="&",
    or_="|",
    equal="=",
    unequal="!=",
    if_="{0} ? {1} : {2}",
)

WORDS = """
    alias aliasrule aliasstatement array assert assume begin boolean by case clear
    const cover do else elsif end endalias endexists endfor endforall endfunction
    endif endprocedure endrecord endrule endruleset endstartstate endswitch endwhile
    enum error exists externfun externproc false for forall from function if import
    in invariant isundefined liveness multiset multisetadd multisetcount
    multisetremove multisetremovepred of procedure process program put record return
    rule ruleset scalarset startstate switch then to traceuntil true type undefine
    union var while
""".split()


def murphi(subject: Subject) -> str:
    """The subject as a model for Rumur."""
    return "".join(f"{line}\n" for line in _Murphi(subject).lines())


class _Murphi:
    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.system = subject.system
        self.words = Vocabulary(subject.system, WORDS)
        self.writer = Writer(self.words, SYNTAX)

    def lines(self) -> Iterator[str]:
        yield from self.head()
        constants = list(self.words.constants())
        if constants:
            yield "const"
        for name, number in constants:
            yield f"  {name}: {number};"
        if self.system.slots:
            yield "var"
        for slot, name in zip(self.system.slots, self.words.slots, strict=True):
            location = slot.entry[0].location
            yield f"  {name}: {_type(slot.term)}; -- {location}"
        yield ""
        yield from self.start()
        for step in self.system.steps:
            yield ""
            yield from self.step(step)
        for check, name in zip(self.subject.checks, self.words.rules, strict=True):
            yield ""
            yield f"-- {check.rule.summary}"
            yield f"-- {name} ({check.rule.mode.value}): {check.rule.location}"
            if check.state is not TRUE:  # Else it is asserted in its steps.
                yield f'invariant "{name}"'
                yield f"  {self.writer.bare(check.state)};"

    def head(self) -> Iterator[str]:
        yield f"-- {self.subject.title}"
        for note in self.subject.notes:
            yield f"-- {note}"
        yield "-- rumur --deadlock-detection off -o host.c FILE"
        yield "-- gcc -O3 -march=native -o host host.c -lpthread && ./host"
        yield ""

    def start(self) -> Iterator[str]:
        """The initial states: all choices, those that no condition allows left out.

        They are left out by starting in the first of the others instead.
        """
        (first,) = first_states(self.system, 1)
        free = [slot for slot in self.system.slots if slot.start is None]
        chosen = {s.number: self.words.names.new(f"any {s.name}") for s in free}
        if free:
            names = (f"{chosen[s.number]}: {_type(s.term)}" for s in free)
            yield f"ruleset {'; '.join(names)} do"
        yield "startstate"
        yield "begin"
        for slot, name in zip(self.system.slots, self.words.slots, strict=True):
            start = chosen.get(slot.number) or self.value(slot, first[slot.number])
            yield f"  {name} := {start};"
        conditions = self.writer.parts(self.system.initial)
        if conditions and free:
            yield f"  if !({' & '.join(f'({c})' for c in conditions)}) then"
            for slot in free:
                name = self.words.slots[slot.number]
                yield f"    {name} := {self.value(slot, first[slot.number])};"
            yield "  end;"
        yield "end;"
        if free:
            yield "end;"

    def value(self, slot: GroundSlot, number: int) -> str:
        if slot.term.boolean:
            return SYNTAX.true if number else SYNTAX.false
        return self.words.value(number, slot.entry[0].sort)

    def step(self, step: GroundStep) -> Iterator[str]:
        yield f"-- {step}"
        yield f"-- {step.action.location}"
        yield f'rule "{self.words.steps[step.number]}"'
        guards = self.writer.parts(step.guards)
        for at, guard in enumerate(guards or ["true"]):
            last = at >= len(guards) - 1
            shown = guard if len(guards) < 2 else f"({guard})"
            yield f"  {shown}{' ==>' if last else ' &'}"
        effect = in_order(step.updates)
        saved = {n: f"old_{self.words.slots[n]}" for n in effect.saved}
        if saved:
            yield "var"
        for number, name in saved.items():
            yield f"  {name}: {_type(self.system.slots[number].term)};"
        yield "begin"
        for check in self.subject.checks:
            condition = check.steps.get(step.number, TRUE)
            if condition is not TRUE:
                text = self.writer.bare(condition)
                yield f'  assert "{check.rule.name}" {text};'
        for number, name in saved.items():
            yield f"  {name} := {self.words.slots[number]};"
        for number, value in effect.ordered:
            sort = self.system.slots[number].entry[0].sort
            text = self.writer.bare(value, sort, saved)
            yield f"  {self.words.slots[number]} := {text};"
        yield "end;"


def _type(term: Slot) -> str:
    return "boolean" if term.boolean else f"{term.low}..{term.high}"

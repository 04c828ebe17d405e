"""The violated clause: the innermost part of a rule that is false, and why it is.

A rule such as "for every block, usable implies in a TDMR" is false because of
one block; the reader is told which, what holds of it, and what does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tdxcheck.checker.language.instance import (
    Entry,
    show_answer,
    show_element,
    show_value,
)
from tdxcheck.checker.language.interpreter import Interpreter, Recorder, View
from tdxcheck.checker.language.state import Definition
from tdxcheck.checker.language.terms import (
    And,
    Choice,
    Const,
    Element,
    Equal,
    Exists,
    Forall,
    Implies,
    Index,
    Ite,
    Less,
    Named,
    Not,
    Or,
    Reaction,
    Reacts,
    Read,
    Term,
)
from tdxcheck.checker.report.phrase import phrase


@dataclass(frozen=True, eq=False)
class Fact:
    """A part of a rule that cannot be taken apart usefully, and its value."""

    term: Term[Any]
    view: View
    text: str
    because: tuple[str, ...] = ()
    """Of a definition: the facts inside it that decide it."""


@dataclass(frozen=True, eq=False)
class Clause:
    """Why a condition is false: what is the case although it should not be."""

    elements: tuple[str, ...]
    """The elements that make it false: "block 2"."""
    others: tuple[str, ...]
    """Further elements of which the same is true."""
    given: tuple[Fact, ...]
    failed: tuple[Fact, ...]

    @property
    def text(self) -> str:
        """One sentence."""
        place = f"for {', '.join(self.elements)}: " if self.elements else ""
        failed = _joined(fact.text for fact in self.failed)
        given = _joined(fact.text for fact in self.given)
        sentence = f"{given}, but {failed}" if given else failed
        also = f" (the same for {', '.join(self.others)})" if self.others else ""
        return place + sentence + also


def _joined(texts: Iterator[str]) -> str:
    return " and ".join(dict.fromkeys(texts))


def why_false(interpreter: Interpreter, condition: Term[bool], view: View) -> Clause:
    """The innermost clause that makes a false condition false."""
    return _Search(interpreter).clause(condition, view)


def facts_of(
    interpreter: Interpreter, condition: Term[bool], view: View
) -> tuple[Fact, ...]:
    """The facts that give a condition the value that it has."""
    return tuple(_Search(interpreter).reasons(condition, view))


def reads_of(interpreter: Interpreter, facts: tuple[Fact, ...]) -> set[Entry]:
    """The entries whose values decide the facts."""
    recorder = Recorder(interpreter)
    for fact in facts:
        recorder.evaluate(fact.term, fact.view)
    return recorder.read


class _Search:
    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.elements: dict[str, None] = {}
        self.others: dict[str, None] = {}
        self.given: list[Fact] = []

    def clause(self, condition: Term[bool], view: View) -> Clause:
        failed = self.descend(condition, view)
        # "If it can be asked for, it is refused" has its fact on both sides.
        said = {fact.text for fact in failed}
        given = tuple(fact for fact in self.given if fact.text not in said)
        return Clause(tuple(self.elements), tuple(self.others), given, tuple(failed))

    def value(self, term: Term[Any], view: View) -> Any:
        return self.interpreter.evaluate(term, view)

    def descend(self, term: Term[bool], view: View) -> list[Fact]:
        """The facts that make a false term false; what it presumes is given."""
        match term:
            case Forall(index, body):
                inner = self.counterexample(index, body, view)
                return self.descend(body, inner)
            case Implies(premise, conclusion):
                self.given += self.reasons(premise, view)
                return self.descend(conclusion, view)
            case And(operands):
                false = [o for o in operands if not self.value(o, view)]
                return self.descend(false[0], view)
            case Named(_, _, body) if isinstance(body, Forall | Implies | Named):
                return self.descend(body, view)
        return self.reasons(term, view)

    def counterexample(self, index: Index, body: Term[bool], view: View) -> View:
        sort = type(index)
        views = [
            (show_element(sort, number), _with(view, index, number))
            for number in self.interpreter.instance.elements(sort)
        ]
        false = [(n, inner) for n, inner in views if not self.value(body, inner)]
        name, chosen = false[0]
        if not self.elements:
            self.others = dict.fromkeys(other for other, _ in false[1:])
        else:
            self.others = {}
        self.elements[name] = None
        return chosen

    def reasons(self, term: Term[Any], view: View) -> list[Fact]:
        """The facts that give a term the truth value that it has."""
        value = bool(self.value(term, view))
        match term:
            case Const():
                return []
            case Not(operand):
                return self.reasons(operand, view)
            case And(operands) | Or(operands):
                decides = isinstance(term, Or)
                if value is decides:
                    one = next(o for o in operands if self.value(o, view) is decides)
                    return self.reasons(one, view)
                facts = [fact for o in operands for fact in self.reasons(o, view)]
                return [f for f in facts if not _is_trivial(f.term)] or facts
            case Implies(premise, conclusion):
                if not value:
                    return [
                        *self.reasons(premise, view),
                        *self.reasons(conclusion, view),
                    ]
                falsified = not self.value(premise, view)
                return self.reasons(premise if falsified else conclusion, view)
            case Forall(index, body) if not value:
                inner = self.counterexample(index, body, view)
                return self.reasons(body, inner)
            case Exists(index, body) if value:
                return self.witness(index, body, view)
            case Ite(condition, then, otherwise):
                chosen = then if self.value(condition, view) else otherwise
                return [*self.reasons(condition, view), *self.reasons(chosen, view)]
            case Named(definition, _, body):
                return [self.named(term, definition, body, view, value)]
        return [Fact(term, view, self.atom(term, view, value))]

    def witness(self, index: Index, body: Term[bool], view: View) -> list[Fact]:
        for number in self.interpreter.instance.elements(type(index)):
            inner = _with(view, index, number)
            if self.value(body, inner):
                return self.reasons(body, inner)
        raise AssertionError("something exists")

    def named(
        self,
        term: Term[Any],
        definition: Definition,
        body: Term[Any],
        view: View,
        value: bool,
    ) -> Fact:
        text = f"{phrase(term, view)} {'holds' if value else 'does not hold'}"
        inner = _Search(self.interpreter).reasons(body, view)
        return Fact(term, view, text, tuple(fact.text for fact in inner))

    def atom(self, term: Term[Any], view: View, value: bool) -> str:
        match term:
            case Read():
                return f"{phrase(term, view)} is {show_value(value, bool)}"
            case Choice():
                return f"{term.name} is {show_value(value, bool)}"
            case Equal(left, right) if _is_trivial(term):
                relation = "is" if value else "is not"
                return f"{phrase(left, view)} {relation} {phrase(right, view)}"
            case Equal(left, Const() | Element() as right):
                return self.compared(left, right, view, value)
            case Equal(left, right):
                return f"{self.with_value(left, view)}, {self.with_value(right, view)}"
            case Less(left, right):
                relation = "is less than" if value else "is not less than"
                one = self.with_value(left, view)
                return f"{one} {relation} {self.with_value(right, view)}"
            case Forall() if value:
                return phrase(term, view)
            case Exists(index, body):
                shown = phrase(Exists(index, body), view)
                return "no" + shown.removeprefix("some")
            case Reacts():
                return self.reaction(term, view)
        shown = phrase(term, view)
        return shown if value else f"it is not so that {shown}"

    def compared(
        self, left: Term[Any], right: Term[Any], view: View, value: bool
    ) -> str:
        sort = left.sort
        actual = show_value(self.value(left, view), sort)
        name = phrase(left, view)
        if value:
            return f"{name} is {actual}"
        return f"{name} is {actual}, not {phrase(right, view)}"

    def with_value(self, term: Term[Any], view: View) -> str:
        if isinstance(term, Const | Element):
            return phrase(term, view)
        value = show_value(self.value(term, view), term.sort)
        return f"{phrase(term, view)} = {value}"

    def reaction(self, term: Reacts, view: View) -> str:
        """What becomes of the event, with the guard that refuses it, if one does."""
        numbers = tuple(self.value(a, view) for a in term.arguments)
        interpreter = self.interpreter
        sorts = term.event.parameters
        shown = ", ".join(map(show_element, sorts, numbers))
        event = f"{term.event.name} ({shown})" if shown else term.event.name

        def reacts(reaction: Reaction) -> bool:
            return interpreter.reaction(view.state, term.event, numbers, reaction)

        if reacts(Reaction.ACCEPTED):
            return f"{event} would be accepted"
        if reacts(Reaction.IMPOSSIBLE):
            return f"{event} cannot be attempted"
        told = reacts(Reaction.REFUSED_VISIBLY)
        manner = "refused" if told else "refused silently"
        guards = list(self.refusing(term, numbers, view))
        reason = ""
        if term.reaction is Reaction.REFUSED_WITH_REASON and not reacts(term.reaction):
            reason = ", and no line in the log says why"
        return f"{event} would be {manner}{''.join(guards[:1])}{reason}"

    def refusing(
        self, term: Reacts, numbers: tuple[int, ...], view: View
    ) -> Iterator[str]:
        instance = self.interpreter.instance
        for action, arguments in instance.requests(term.event, numbers):
            outcome = self.interpreter.attempt(view.state, action, arguments)
            if outcome.guard is not None and outcome.refusal is not None:
                assert outcome.answer is not None, "a refusal without an answer"
                answer = show_answer(outcome.answer)
                yield f" with {answer} ({outcome.guard.location})"


def _is_trivial(term: Term[Any]) -> bool:
    """The term compares elements, whatever the state."""
    names = Element | Index
    return isinstance(term, Equal) and all(
        isinstance(side, names) for side in (term.left, term.right)
    )


def _with(view: View, index: Index, number: int) -> View:
    binding = view.binding | {index: number}
    return View(view.state, binding, view.after, view.step)

"""Running functions of addresses on addresses that are not known.

The function runs as it is, on numbers that stand for any: where it compares them, z3 is
asked which answers are possible, and where both are, it runs once for each. What holds
at the end of every run holds for all numbers within the conditions. So what is proved
is proved of the function itself, and of no second statement of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

# Any, because z3 has no types.
Z3 = Any
T = TypeVar("T")


class Refuted(Exception):
    """What was to be proved does not hold; says for which numbers."""

    def __init__(self, claim: str, values: dict[str, int]) -> None:
        self.claim = claim
        self.values = values
        shown = ", ".join(f"{name} = {value:#x}" for name, value in values.items())
        super().__init__(f"{claim} does not hold for {shown}")


class Undecided(Exception):
    """z3 gave up on a question."""


class TooManyRuns(Exception):
    """There are more ways through the function than were allowed."""


@dataclass
class _Choice:
    taken: bool
    is_open: bool
    """The other answer is possible as well, and was not followed yet."""


class Explorer:
    """The ways through a function, one after the other, with what is known on each."""

    def __init__(self, most: int = 100_000) -> None:
        import z3

        self._z3 = z3
        self._solver = z3.Solver()
        self._solver.set("timeout", 60_000)
        self._most = most
        self._choices: list[_Choice] = []
        self._next = 0
        self._names: dict[str, Z3] = {}
        self._quotients: dict[tuple[int, int], tuple[Z3, Z3, Z3]] = {}
        self.runs = 0
        self.questions = 0

    def explore(self, function: Callable[[Explorer], None]) -> None:
        """Run it in every way that is possible; Refuted passes through."""
        while True:
            self.runs += 1
            if self.runs > self._most:
                raise TooManyRuns(f"more than {self._most:,} runs")
            self._next = 0
            self._names, self._quotients = {}, {}
            self._solver.push()
            try:
                function(self)
            finally:
                self._solver.pop()
            while self._choices and not self._choices[-1].is_open:
                self._choices.pop()
            if not self._choices:
                return
            last = self._choices[-1]
            last.taken, last.is_open = not last.taken, False

    def number(self, name: str) -> Number:
        """Any integer."""
        term = self._z3.Int(name)
        self._names[name] = term
        return Number(self, term)

    def assume(self, condition: Z3) -> None:
        """From here on only numbers with this."""
        self._solver.add(condition)

    def decide(self, condition: Z3) -> bool:
        """The answer to follow in this run."""
        if self._next < len(self._choices):
            taken = self._choices[self._next].taken
        else:
            can = self._possible(condition)
            cannot = self._possible(self._z3.Not(condition))
            taken = can
            self._choices.append(_Choice(taken, can and cannot))
        self._next += 1
        self._solver.add(condition if taken else self._z3.Not(condition))
        return taken

    def _possible(self, condition: Z3) -> bool:
        self.questions += 1
        answer = self._solver.check(condition)
        if answer == self._z3.unknown:
            raise Undecided(str(self._solver.reason_unknown()))
        return bool(answer == self._z3.sat)

    def prove(self, claim: str, condition: Z3) -> None:
        """It holds for all numbers of this run; else Refuted."""
        if self._possible(self._z3.Not(condition)):
            model = self._solver.model()
            values = {
                name: model.eval(term, True).as_long()
                for name, term in self._names.items()
            }
            raise Refuted(claim, values)

    def divide(self, term: Z3, by: int) -> tuple[Z3, Z3]:
        """The quotient and the remainder; the same ones of the same term."""
        key = (term.get_id(), by)
        if key not in self._quotients:
            quotient = self._z3.FreshInt("quotient")
            rest = self._z3.FreshInt("rest")
            self._solver.add(term == quotient * by + rest, rest >= 0, rest < by)
            # The term is kept: its number would be given to another one else.
            self._quotients[key] = (quotient, rest, term)
        quotient, rest, _ = self._quotients[key]
        return quotient, rest


class Number(int):
    """An integer that is not known. It is an int to type checkers only."""

    _explorer: Explorer
    term: Z3

    def __new__(cls, explorer: Explorer, term: Z3) -> Number:
        made = int.__new__(cls, 0)
        made._explorer, made.term = explorer, term
        return made

    def _with(self, term: Z3) -> Number:
        return Number(self._explorer, term)

    def __add__(self, other: int) -> Number:
        return self._with(self.term + _term(other))

    __radd__ = __add__

    def __sub__(self, other: int) -> Number:
        return self._with(self.term - _term(other))

    def __rsub__(self, other: int) -> Number:
        return self._with(_term(other) - self.term)

    def __neg__(self) -> Number:
        return self._with(-self.term)

    def __mul__(self, other: int) -> Number:
        return self._with(self.term * other)

    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> Number:
        return self._with(self._explorer.divide(self.term, other)[0])

    def __mod__(self, other: int) -> Number:
        return self._with(self._explorer.divide(self.term, other)[1])

    def __lt__(self, other: int) -> bool:
        return self._explorer.decide(self.term < _term(other))

    def __le__(self, other: int) -> bool:
        return self._explorer.decide(self.term <= _term(other))

    def __gt__(self, other: int) -> bool:
        return self._explorer.decide(self.term > _term(other))

    def __ge__(self, other: int) -> bool:
        return self._explorer.decide(self.term >= _term(other))

    def __eq__(self, other: object) -> bool:
        return self._explorer.decide(self.term == _term(other))

    def __ne__(self, other: object) -> bool:
        return self._explorer.decide(self.term != _term(other))

    def __bool__(self) -> bool:
        return self._explorer.decide(self.term != 0)

    __hash__ = None  # type: ignore[assignment]

    def __format__(self, how: str) -> str:
        return str(self.term)

    def __repr__(self) -> str:
        return str(self.term)

    __str__ = __repr__


def _term(value: object) -> Z3:
    return value.term if isinstance(value, Number) else value


def known(value: int) -> Z3:
    """The number for z3, whether it is known or not."""
    return _term(value)

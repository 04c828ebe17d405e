"""Matching: what a file asks is what is to be asked, whatever it calls elements.

The constants of a question that stand for some element, and for some number of them,
are numbered as they come. So a question says the same as another if each of its
assertions is one of the other's, with other such constants in the place of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import z3

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificate_solvers import told_by
from tdxcheck.checker.certificates.asked import Command, File, commands_of
from tdxcheck.checker.engines.parametric import formulas as f
from tdxcheck.checker.engines.parametric.discharging import Discharged
from tdxcheck.checker.engines.parametric.formulas import Formula
from tdxcheck.checker.engines.parametric.obligations import Obligation, Obligations
from tdxcheck.checker.engines.parametric.results import Argument

LOOSE = re.compile(r".+\.\d+|count!\d+")
"""The name of such a constant."""
FLAT = (z3.Z3_OP_AND, z3.Z3_OP_OR, z3.Z3_OP_ADD)
"""What z3 writes without brackets where it stands in the same."""
ANYHOW = (*FLAT, z3.Z3_OP_EQ, z3.Z3_OP_DISTINCT)
"""What z3 may write in another order, by what it has made before."""
AGAIN = re.compile(r"_+(?=\.|$)")
"""What is added to the name of an enumeration if another has the same."""


Heading = tuple[str, frozenset[str]]
"""The title of a question, and the names of the facts that it makes use of."""


@dataclass(frozen=True)
class Shape:
    """A formula without the names of its loose constants, and these."""

    shape: tuple[str, ...]
    loose: tuple[str, ...]


class Shapes:
    """The shapes of formulas of one context, each worked out once."""

    def __init__(self) -> None:
        self._known: dict[int, Shape] = {}
        self._parts: dict[int, _Part] = {}
        """Formulas are kept, since z3 gives the number of a dead one to another."""

    def of(self, formula: Formula) -> Shape:
        """Its different parts in the order in which they end, by what is in them."""
        number = f.number(formula)
        if number not in self._known:
            places: dict[int, int] = {}
            told: dict[str, int] = {}
            loose: list[str] = []
            stack = [(self._part(formula), False)]
            while stack:
                part, is_open = stack.pop()
                if part.number in places:
                    continue
                if not is_open:
                    stack.append((part, True))
                    stack += [(self._part(one), False) for one in part.inside[::-1]]
                    continue
                name = part.name
                if part.is_loose:
                    loose.append(name)
                    name = f"?{len(loose)}"
                own = " ".join(str(places[f.number(one)]) for one in part.inside)
                text = f"{name}:{part.sort} {own}"
                places[part.number] = told.setdefault(text, len(told))
            self._known[number] = Shape(tuple(told), tuple(loose))
        return self._known[number]

    def _part(self, formula: Formula) -> _Part:
        number = f.number(formula)
        if number not in self._parts:
            self._order(formula)
        return self._parts[number]

    def _order(self, formula: Formula) -> None:
        """Put what is in it in an order that is not that in which z3 has met it."""
        stack = [_Part(formula)]
        while stack:
            part = stack[-1]
            new = [o for o in part.inside if f.number(o) not in self._parts]
            if new:
                stack += map(_Part, new)
                continue
            stack.pop()
            if z3.is_app(part.formula) and f.kind(part.formula) in ANYHOW:
                part.inside.sort(key=lambda one: self._parts[f.number(one)].told)
            inside = (self._parts[f.number(one)].told for one in part.inside)
            part.told = hash(("?" if part.is_loose else part.name, part.sort, *inside))
            self._parts[part.number] = part


class _Part:
    """What is to be known of a formula."""

    def __init__(self, formula: Formula) -> None:
        self.formula = formula
        self.number: int = f.number(formula)
        self.inside = _inside(formula)
        self.sort = _plain(formula.sort().name())
        self.name = _name(formula)
        is_constant = not self.inside and z3.is_const(formula)
        self.is_loose = is_constant and LOOSE.fullmatch(self.name) is not None
        self.told = 0
        """The same of all that are equal but for their loose constants."""


def _inside(formula: Formula) -> list[Formula]:
    """What it is made of; of one sum, say, in another, what that is made of."""
    if z3.is_quantifier(formula):
        return [formula.body()]
    own = f.kind(formula)
    if own not in FLAT:
        return list(formula.children())
    found: list[Formula] = []
    left = [formula]
    while left:
        one = left.pop()
        if f.kind(one) == own:
            left += reversed(one.children())
        else:
            found.append(one)
    return found


def _name(formula: Formula) -> str:
    """What it is made by."""
    if z3.is_quantifier(formula):
        kind = "forall" if formula.is_forall() else "exists"
        sorts = (formula.var_sort(n).name() for n in range(formula.num_vars()))
        return " ".join((kind, *map(_plain, sorts)))
    if z3.is_var(formula):
        return f"bound {z3.get_var_index(formula)}"
    if z3.is_int_value(formula):
        return str(formula.as_string())
    return _plain(formula.decl().name())


@cache
def _plain(name: str) -> str:
    return AGAIN.sub("", name)


class Due:
    """What is to be asked of one family."""

    def __init__(self, obligations: Obligations) -> None:
        self.obligations = obligations
        self.shapes = Shapes()
        self._known: dict[tuple[Heading, str], set[Obligation]] = {}
        """What a question with such a heading is, where names mean the same."""

    def compare(
        self,
        file: File,
        headings: Sequence[Heading],
        found: Argument,
        *,
        alike: bool,
    ) -> None:
        """Refuse the file if a question is not the one that its heading names.

        All that it declares may mean what it has meant in other files.
        """
        self._compare_sorts(file)
        due: dict[str, list[Discharged]] = {}
        for one in found.shown:
            due.setdefault(one.obligation.title, []).append(one)
        asked = list(zip(headings, file.texts, strict=True))
        known = self._known if alike else {}
        left = []
        for place, question in enumerate(asked):
            for one in (ones := due.get(question[0][0], [])):
                if one.obligation in known.get(question, ()):
                    ones.remove(one)
                    break
            else:
                left.append(place)
        counting = self.obligations.translator.counting
        axioms = [self.shapes.of(one) for one in counting.axioms(counting.names())]
        shapes = Shapes()
        read = formulas_in(file.declared, [file.assertions(place) for place in left])
        for place, assertions in zip(left, read, strict=True):
            title, names = headings[place]
            says = [shapes.of(formula) for formula in assertions]
            for one in (ones := due.get(title, [])):
                if says_the_same(says, [*self._may_say(one, names, found), *axioms]):
                    ones.remove(one)
                    known.setdefault(asked[place], set()).add(one.obligation)
                    break
            else:
                raise Refused(f"this is not what it asks: {title}")

    def _compare_sorts(self, file: File) -> None:
        """Refuse a file in which a sort has other values than it has."""
        sorts = self._sorts()
        for command in file.head:
            tokens = _tokens(command)
            for name in _sorts_in(command):
                if name in sorts and tokens not in sorts[name]:
                    raise Refused(f"it has another sort with the name {name}")

    def _sorts(self) -> dict[str, list[tuple[str, ...]]]:
        """By the name of a sort, how those of this name are declared."""
        found: dict[str, list[tuple[str, ...]]] = {"Bool": [], "Int": []}
        for command in commands_of(self.obligations.writer.text([])):
            tokens = _tokens(command)
            for name in _sorts_in(command):
                found.setdefault(name, []).append(tokens)
        return found

    def _may_say(
        self, one: Discharged, names: Collection[str], found: Argument
    ) -> list[Shape]:
        """What may be asserted there: the base, the wrong, and these facts."""
        parts = (fact for fact in found.facts if fact.name in names)
        facts = map(self.obligations.formula, parts)
        asserted = (*one.obligation.base, *one.obligation.wrong, *facts)
        return [self.shapes.of(formula) for formula in asserted]


def _sorts_in(command: Command) -> tuple[str, ...]:
    """The names of sorts that it declares, and of what is in them."""
    if command.name not in ("declare-sort", "declare-datatypes"):
        return ()
    names = (name for name in command.declares if name not in "()")
    return tuple(_plain(name) for name in names if not name.isdigit())


def _tokens(command: Command) -> tuple[str, ...]:
    return tuple(map(_plain, command.tokens))


def says_the_same(asked: Iterable[Shape], due: Iterable[Shape]) -> bool:
    """Each formula that is asked is one of those due, by one choice of constants."""
    by: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for one in due:
        by.setdefault(one.shape, set()).add(one.loose)
    left = list(dict.fromkeys(asked))
    if any(one.shape not in by for one in left):
        return False
    means: dict[str, str] = {}
    while left := [one for one in left if not set(one.loose) <= means.keys()]:
        ways = [list(_ways(one, by[one.shape], means)) for one in left]
        # What can mean but one thing says what the others mean.
        fewest = min(ways, key=len)
        if not fewest:
            return False
        means |= fewest[0]
    return all(
        tuple(means[name] for name in one.loose) in by[one.shape] for one in asked
    )


def _ways(
    one: Shape, due: Iterable[tuple[str, ...]], means: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """What its constants may mean, by what is known of them."""
    for loose in sorted(due):
        found = dict(zip(one.loose, loose, strict=True))
        if all(means.get(name, meant) == meant for name, meant in found.items()):
            yield found


def formulas_in(
    declared: str, questions: Sequence[Sequence[str]]
) -> list[list[Formula]]:
    """The assertions of each question, as z3 reads them in a context of their own.

    Raises Refused if it does not understand them.
    """
    numbers: dict[str, int] = {}
    for question in questions:
        for assertion in question:
            numbers.setdefault(assertion, len(numbers))
    text = "\n".join((declared, *numbers))
    try:
        read = list(z3.parse_smt2_string(text, ctx=z3.Context()))
    except z3.Z3Exception as error:
        said = told_by(error)
        raise Refused(f"z3 does not understand the file: {said}") from error
    if len(read) != len(numbers):
        raise Refused("z3 does not understand the file")
    return [[read[numbers[one]] for one in question] for question in questions]

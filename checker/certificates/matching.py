"""Matching: what a file asks is what is to be asked, whatever it calls elements.

The constants of a question that stand for some element, and for some number of them,
are numbered as they come. So a question says the same as another if each of its
assertions is one of the other's, with other such constants in the place of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificates.asked import File
from tdxcheck.checker.certificates.declared import Declared, Names
from tdxcheck.checker.certificates.shapes import Shape, Shapes, formulas_in
from tdxcheck.checker.engines.parametric.formulas import Formula
from tdxcheck.checker.engines.parametric.obligations import (
    Fact,
    Obligation,
    Obligations,
)

Heading = tuple[str, frozenset[Fact]]
"""The title of a question, and the facts that it makes use of."""
Grouped = Mapping[tuple[str, ...], Collection[tuple[str, ...]]]
"""By shapes, the loose constants that formulas of this shape have."""


class Matching:
    """What the questions of one family are to say."""

    def __init__(self, obligations: Obligations) -> None:
        self.obligations = obligations
        self.declared = Declared(obligations)
        self._by_words = _Side(self.declared.shape)
        self._by_parts = _Side(Shapes(self.declared.plain).of)
        self._known: dict[tuple[str, frozenset[Fact], str], set[Obligation]] = {}
        """What a question of this title, by these facts, and with this text is."""

    def compare(
        self,
        file: File,
        headings: Sequence[Heading],
        due: Iterable[Obligation],
        *,
        alike: bool,
    ) -> None:
        """Refuse the file unless its questions are those due, each by its facts.

        All that it declares may mean what it has meant in other files. Raises Refused.
        """
        names = Names(file.head)
        self.declared.compare(names)
        left: dict[str, list[Obligation]] = {}
        for one in due:
            left.setdefault(one.title, []).append(one)
        known = self._known if alike else {}
        others: list[int] = []
        for place, (title, facts) in enumerate(headings):
            which = known.setdefault((title, facts, file.texts[place]), set())
            ones = left.get(title, [])
            found = next((one for one in ones if one in which), None)
            if found is None:
                asked = [names.shape(text) for text in file.formulas(place)]
                found = self._which(asked, ones, facts, self._by_words)
            if found is None:
                others.append(place)
            else:
                which.add(found)
                ones.remove(found)
        if others:
            self._compare_parts(file, headings, others, left)

    def _compare_parts(
        self,
        file: File,
        headings: Sequence[Heading],
        places: Sequence[int],
        left: Mapping[str, list[Obligation]],
    ) -> None:
        """Compare questions that say in other words what they are to say, at best."""
        shapes = Shapes(Names(file.head).plain)
        read = formulas_in(file.declared, [file.assertions(each) for each in places])
        for place, assertions in zip(places, read, strict=True):
            title, facts = headings[place]
            asked = [shapes.of(formula) for formula in assertions]
            ones = left.get(title, [])
            one = self._which(asked, ones, facts, self._by_parts)
            if one is None:
                raise Refused(f"this is not what it asks: {title}")
            ones.remove(one)

    def _which(
        self,
        asked: Sequence[Shape],
        ones: Iterable[Obligation],
        facts: Collection[Fact],
        side: _Side,
    ) -> Obligation | None:
        """The obligation that is asked by all these facts, if it is one of these."""
        axioms = side.axioms(self.obligations)
        given = [side.shape(self.obligations.formula(fact)) for fact in facts]
        if not {one.shape for one in given} <= {one.shape for one in asked}:
            return None
        for one in ones:
            own = grouped((*map(side.shape, one.wrong), *given))
            if all(map(one.may_rest_on, facts)) and says_the_same(
                asked, (own, side.base(one), axioms)
            ):
                return one
        return None


class _Side:
    """What may be asserted, as it is told by words, or by parts."""

    def __init__(self, shape: Callable[[Formula], Shape]) -> None:
        self.shape = shape
        self._bases: dict[int, tuple[Obligation, Grouped]] = {}
        self._axioms: Grouped = {}
        self._met = 0

    def base(self, one: Obligation) -> Grouped:
        """What is known there anyway, which many obligations have in common."""
        key = id(one.base)
        if key not in self._bases:
            # The obligation is kept, so that no other has a base with this number.
            self._bases[key] = one, grouped(map(self.shape, one.base))
        return self._bases[key][1]

    def axioms(self, obligations: Obligations) -> Grouped:
        """What is known of the numbers of elements that are spoken of by now."""
        counting = obligations.translator.counting
        if self._met != len(counting.sets):
            self._met = len(counting.sets)
            self._axioms = grouped(map(self.shape, counting.axioms(counting.names())))
        return self._axioms


def grouped(shapes: Iterable[Shape]) -> Grouped:
    """The constants of those with one shape."""
    found: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for one in shapes:
        found.setdefault(one.shape, set()).add(one.loose)
    return found


def says_the_same(asked: Iterable[Shape], due: Sequence[Grouped]) -> bool:
    """Each formula that is asked is one of those due, by one choice of constants."""
    left = list(dict.fromkeys(asked))
    by = {
        one.shape: set().union(*(each.get(one.shape, ()) for each in due))
        for one in left
    }
    if not all(by.values()):
        return False
    means: dict[str, str] = {}
    while unsettled := [one for one in left if not means.keys() >= set(one.loose)]:
        ways = [list(_ways(one, by[one.shape], means)) for one in unsettled]
        # What can mean but one thing says what the others mean.
        fewest = min(ways, key=len)
        if not fewest:
            return False
        means |= fewest[0]
    return all(
        tuple(means[name] for name in one.loose) in by[one.shape] for one in left
    )


def _ways(
    one: Shape, due: Iterable[tuple[str, ...]], means: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """What its constants may mean, by what is known of them."""
    for loose in sorted(due):
        found = dict(zip(one.loose, loose, strict=True))
        if all(means.get(name, meant) == meant for name, meant in found.items()):
            yield found

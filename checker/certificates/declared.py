"""Declared: what the names in a file mean, and what formulas say by their words.

A file may call enumerations and loose constants otherwise than they are called here.
All else that it declares must be declared here in the same words. Then a formula of the
file that has the words of one from here means the same as that one does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificates.asked import DECLARING, Command, commands_of
from tdxcheck.checker.certificates.shapes import LOOSE, Shape
from tdxcheck.checker.engines.parametric.formulas import Formula, number
from tdxcheck.checker.engines.parametric.obligations import Obligations

WORD = re.compile(r"[()]|[^\s()]+", re.ASCII)
BUILT_IN = ("Bool", "Int")
ENUM = "declare-datatypes"


class Names:
    """What is called how, on one side."""

    def __init__(self, commands: Iterable[Command]) -> None:
        self.commands = [one for one in commands if one.name in DECLARING]
        self.plain: dict[str, str] = {}
        """By each name of an enumeration and of its members, the plain one.

        An enumeration has `_` behind its name if another one has the same.
        """
        self.sorts: dict[str, str] = {}
        """Of each loose constant."""
        self._shapes: dict[str, Shape] = {}
        enums = [_names_in(one) for one in self.commands if one.name == ENUM]
        times = Counter(names[0].rstrip("_") for names in enums if names)
        for whole, *members in filter(None, enums):
            name = whole.rstrip("_")
            name = name if times[name] == 1 else whole
            self.plain[whole] = name
            for member in members:
                rest = member.removeprefix(f"{whole}.")
                self.plain[member] = member if rest == member else f"{name}.{rest}"
        for command in self.commands:
            if is_constant(tokens := self.tokens(command)):
                self.sorts[tokens[2]] = tokens[5]

    def tokens(self, command: Command) -> tuple[str, ...]:
        """The command in plain names."""
        return tuple(self.plain.get(token, token) for token in command.tokens)

    def shape(self, text: str) -> Shape:
        """The shape of a formula by its words.

        Of two that are equal each is the other, once its loose names, of constants and
        of bound variables, are exchanged for others, different ones for different ones
        of the same sort.
        """
        if text not in self._shapes:
            self._shapes[text] = self._shape(text)
        return self._shapes[text]

    def _shape(self, text: str) -> Shape:
        places: dict[str, str] = {}
        loose: list[str] = []
        words: list[str] = []
        for word in WORD.findall(text):
            place = places.get(word)
            if place is None:
                place = self.plain.get(word, word)
                if LOOSE.fullmatch(word):
                    sort = self.sorts.get(word, "")
                    place = f"?{len(places)}:{sort}"
                    # What is declared nowhere is but bound.
                    loose += [word] * bool(sort)
                places[word] = place
            words.append(place)
        return Shape((" ".join(words),), tuple(loose))


class Declared:
    """What the names of one family mean."""

    def __init__(self, obligations: Obligations) -> None:
        self.writer = obligations.writer
        self._names = Names(())
        self.plain: dict[str, str] = {}
        """As `Names` has it, of all that have a meaning by now."""
        self._shapes: dict[int, Shape] = {}

    @property
    def names(self) -> Names:
        """Those that have a meaning by now."""
        made = self.writer.vocabulary
        total = len(made.sorts) + len(made.enums) + len(made.symbols)
        if len(self._names.commands) != total:
            functions = (one.sexpr() for one in made.symbols.values())
            text = "\n".join((self.writer.text([]), *functions))
            self._names = Names(commands_of(text))
            self.plain |= self._names.plain
        return self._names

    def shape(self, formula: Formula) -> Shape:
        """The shape, by its words, of a formula whose names all have a meaning."""
        key = number(formula)
        if key not in self._shapes:
            self._shapes[key] = self.names.shape(self.writer.formula(formula))
        return self._shapes[key]

    def compare(self, names: Names) -> None:
        """Refuse a file in which a name has another meaning."""
        own = self.names
        known = {own.tokens(one) for one in own.commands}
        taken = {*BUILT_IN, *own.plain.values()}
        taken |= {one.declares[0] for one in own.commands if one.name != ENUM}
        for command in names.commands:
            tokens = names.tokens(command)
            name = tokens[2]
            if command.name == ENUM:
                name, *members = [names.plain[o] for o in _names_in(command)] or [""]
                # Of one that there is not here, no formula from here speaks.
                is_good = taken.isdisjoint((name, *members)) and all(
                    member.startswith(f"{name}.") for member in members
                )
            else:
                is_good = is_constant(tokens) and bool(LOOSE.fullmatch(name))
            if tokens not in known and not is_good:
                raise Refused(f"it has another meaning of the name {name}")


def is_constant(tokens: Sequence[str]) -> bool:
    """What is declared is one thing of some sort."""
    form = (*tokens[:2], *tokens[3:5], *tokens[6:])
    return form == ("(", "declare-fun", "(", ")", ")")


def _names_in(enum: Command) -> list[str]:
    """The name of an enumeration, and those of its members."""
    return [name for name in enum.declares if name not in "()0"]

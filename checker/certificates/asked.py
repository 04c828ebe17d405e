"""Asked: the questions of certificates for every number, put to solvers but once.

The certificates of one family share most of their questions, word by word. Two are the
same if all that is declared of the names in both files is the same, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import takewhile

from tdxcheck.checker.certificate_checker import Refused, Undecided
from tdxcheck.checker.certificate_solvers import by_z3
from tdxcheck.checker.engines.parametric import second
from tdxcheck.checker.engines.parametric.family import Unsupported

STATUS = "(set-info :status unsat)"
NOTHING = re.compile(r"(?:;[^\n]*(?:\n|\Z)|\s)*", re.ASCII)
TOKEN = re.compile(NOTHING.pattern + r'(\|[^|]*\||"[^"]*"|[()]|[^\s()|";]+)', re.ASCII)
BEGINS = re.compile(r"\n(?=\((?!let\b))")
"""Where a command may begin: z3 begins lines with brackets only before `let`."""
DECLARING = ("declare-sort", "declare-datatypes", "declare-fun", "declare-const")
LOGIC = "(set-logic ALL)"
ASKING = ["( push 1 )", "( check-sat )", "( pop 1 )"]
QUESTION = ("push", "assert", "check-sat", "pop")
COMMANDS = frozenset(("set-logic", "set-info", *DECLARING, *QUESTION))


@dataclass(frozen=True)
class Command:
    """One of the commands of a file."""

    tokens: tuple[str, ...]
    """All of them, but of an assertion only what it is."""
    text: str

    @property
    def name(self) -> str:
        return self.tokens[1] if len(self.tokens) > 1 else ""

    @property
    def declares(self) -> tuple[str, ...]:
        """The names that it gives a meaning to; more than these, at the most."""
        if self.name not in DECLARING:
            return ()
        names = (
            self.tokens[2:] if self.name == "declare-datatypes" else self.tokens[2:3]
        )
        return tuple(name.strip("|") for name in names)


@dataclass(frozen=True)
class File:
    """What stands in one file: declarations, and then questions."""

    head: tuple[Command, ...]
    questions: tuple[tuple[Command, ...], ...]

    @property
    def declared(self) -> str:
        return "\n".join(command.text for command in self.head)

    @cached_property
    def texts(self) -> list[str]:
        """Each question as it stands there."""
        return ["\n".join(one.text for one in each) for each in self.questions]

    def assertions(self, place: int) -> list[str]:
        """What the question asserts that comes after so many others."""
        return [one.text for one in self.questions[place][1:-2]]

    def formulas(self, place: int) -> list[str]:
        """The formulas alone."""
        asserted = self.assertions(place)
        return [text.removeprefix("(assert").removesuffix(")") for text in asserted]


@dataclass
class Asked:
    """What was answered already, of files whose declarations agree."""

    _declared: dict[str, str] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)

    def agrees(self, file: File) -> bool:
        """All that it declares means what it has meant in the files before."""
        meant = {n: c.text for c in file.head for n in c.declares if n not in "()"}
        alike = all(self._declared.get(n, said) == said for n, said in meant.items())
        if alike:
            self._declared |= meant
        return alike

    def check(self, file: File, *, alike: bool) -> None:
        """Refuse a file unless each of its questions is answered with unsat."""
        known = self._answered if alike else frozenset()
        left = [one for one in dict.fromkeys(file.texts) if one not in known]
        if left:
            _are_answered(file.declared, left)
        if alike:
            self._answered.update(left)


def file_of(text: str, total: int) -> File:
    """What the text has; refused if it is anything but so many questions."""
    commands = list(commands_of(text))
    _only_asks(commands)
    head = tuple(takewhile(lambda one: one.name not in QUESTION, commands))
    questions = _questions(commands[len(head) :])
    if questions is None:
        raise Refused("it is not one question after the other")
    if len(questions) != total:
        raise Refused(f"it has {len(questions)} of {total} questions")
    return File(head, tuple(questions))


def commands_of(text: str) -> Iterator[Command]:
    """The commands of the text, one after the other. Raises Refused.

    No line in one of them begins as a command does.
    """
    for part in BEGINS.split(text):
        yield from _commands_in(part)


@lru_cache(1 << 16)
def _commands_in(text: str) -> tuple[Command, ...]:
    """The commands of a part of a file; many parts are the same."""
    found: list[Command] = []
    depth = start = end = 0
    tokens: list[str] = []
    for match in TOKEN.finditer(text):
        if match.start() != end:
            break
        if not tokens:
            start = match.start(1)
        end = match.end()
        tokens.append(match[1])
        depth += (match[1] == "(") - (match[1] == ")")
        if depth == 0:
            # Of what is asserted the text is enough, and much shorter.
            kept = tokens[:2] if tokens[1:2] == ["assert"] else tokens
            found.append(Command(tuple(kept), text[start:end]))
            tokens = []
    if tokens or not NOTHING.fullmatch(text, end):
        raise Refused(f"this is not understood: {text[end:].strip()[:60]}")
    return tuple(found)


def _only_asks(commands: Sequence[Command]) -> None:
    """There is no command but those that state and ask.

    Another could have a solver write to files, or take something for granted always.
    """
    asking = 0
    stated = [one.text for one in commands if one.name not in ("set-info", *QUESTION)]
    if stated[:1] != [LOGIC] or stated.count(LOGIC) != 1:
        raise Refused("it is not of the logic ALL from the beginning")
    if len(set(stated)) != len(stated):
        raise Refused("it says something twice")
    for command in commands:
        if command.name not in COMMANDS:
            raise Refused(
                f"it has a command that is none of a certificate: {command.name}"
            )
        asking += (command.name == "push") - (command.name == "pop")
        if command.name == "assert" and not asking:
            raise Refused("it asserts something of all questions at once")


def _questions(commands: Sequence[Command]) -> list[tuple[Command, ...]] | None:
    """Each question by itself; None if the commands are anything else as well."""
    found: list[tuple[Command, ...]] = []
    inside: list[Command] = []
    for command in commands:
        inside.append(command)
        if command.name == "pop":
            words = [" ".join(one.tokens) for one in inside if one.name != "assert"]
            places = [inside[0].name, *(one.name for one in inside[-2:])]
            # Another number would leave assertions for the questions that follow.
            if words != ASKING or places != ["push", "check-sat", "pop"]:
                return None
            found.append(tuple(inside))
            inside = []
    return None if inside else found


def _are_answered(declared: str, questions: Sequence[str]) -> None:
    """Refuse the questions unless each is answered with unsat by every solver."""
    # z3 would stop at an answer that is not the one that the file announces.
    text = "\n".join((declared, *questions)).replace(STATUS, "")
    _are_agreed("z3", by_z3(text), len(questions))
    if second.is_installed():
        try:
            _are_agreed("cvc5", _by_cvc5(declared, questions), len(questions))
        except Unsupported as error:
            raise Refused(f"it has {error}") from error


def _by_cvc5(declared: str, questions: Sequence[str]) -> Sequence[str]:
    """The answers of cvc5; what it leaves open is asked again in other ways."""
    found: dict[str, str] = {}
    for ways in second.WAYS:
        left = [one for one in questions if found.get(one, "unknown") == "unknown"]
        if left:
            said = second.answers("\n".join((declared, *left)), ways)
            found |= zip(left, said, strict=False)
    return list(found.values())


def _are_agreed(solver: str, said: Sequence[str], total: int) -> None:
    if len(said) != total:
        raise Refused(f"{solver} gave {len(said)} of {total} answers")
    for answer in said:
        if answer != "unsat":
            failed = Undecided if answer == "unknown" else Refused
            raise failed(f"a question of the file: {solver} says {answer[:60]}")

"""Certificates of proofs for every number: accepted, refused, and kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import z3

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificate_solvers import by_z3
from tdxcheck.checker.certificates.matching import grouped, says_the_same
from tdxcheck.checker.certificates.quantified import Families
from tdxcheck.checker.certificates.rechecking import Rechecker
from tdxcheck.checker.certificates.shapes import Shapes
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.engines.parametric.family import family_of
from tdxcheck.checker.engines.parametric.recorded import (
    MARK,
    Unreadable,
    clauses_in,
)
from tdxcheck.checker.engines.parametric.telling import SETTLED
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.judging.work import ENGINES, Answer
from tdxcheck.checker.verdict import ProvedForEvery
from tdxcheck.models.catalogue import CATALOGUE

DESIGN, RULE = "v6.8", "pamt_is_not_in_the_allocator"


def run(*arguments: str) -> int:
    return main(arguments, Context(lambda: CATALOGUE, lambda: ENGINES))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("every")
    cache = str(tmp_path_factory.mktemp("cache"))
    arguments = ("--engine", "parametric", "--rule", RULE, "--cache", cache)
    assert run("verify", DESIGN, *arguments, "--certificate", str(folder)) == 0
    return folder / f"{DESIGN}-{RULE}.smt2"


@pytest.fixture(scope="module")
def case() -> Case:
    (found,) = cases_of(CATALOGUE, [CATALOGUE.design(DESIGN)], {}, names=[RULE])
    return found


@pytest.fixture(scope="module")
def families() -> Families:
    return Families()


def clause_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(MARK)]


def test_it_is_accepted(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check-certificate", str(written)) == 0
    said = capsys.readouterr().out
    assert "accepted by z3" in said and "holds for every number" in said
    story = written.with_suffix(".txt").read_text()
    assert "with any number of CPUs, packages, blocks and TDMRs" in story
    assert f"1. {RULE}" in story


def test_what_is_joined_in_another_order_is_the_same(
    written: Path, case: Case, families: Families
) -> None:
    text = written.read_text()
    other = text.replace("(= tdx Tdx.UNINITIALIZED)", "(= Tdx.UNINITIALIZED tdx)")
    assert other != text
    assert families.check(case, 0, other) == families.check(case, 0, text)


def test_any_solver_can_discharge_it(written: Path) -> None:
    text = written.read_text()
    said = by_z3(text)
    assert set(said) == {"unsat"}
    assert len(said) == text.count("(check-sat)") > 0


def test_every_clause_is_missed(written: Path, case: Case, families: Families) -> None:
    text = written.read_text()
    assert families.check(case, 0, text) == 1 + len(clause_lines(text))
    assert clause_lines(text)
    for line in clause_lines(text):
        with pytest.raises(Refused, match="its invariant is another one"):
            families.check(case, 0, text.replace(f"{line}\n", ""))


def test_every_part_is_missed(written: Path, case: Case, families: Families) -> None:
    """Also if nothing speaks of it any more, and whatever is no longer given."""
    text = written.read_text()
    lines = clause_lines(text)
    parts = re.findall(r"^; +(\d+)\. (.*)$", text, re.MULTILINE)
    assert len(parts) > len(lines) > 0
    for number, name in parts:
        for line in [""] if number == "1" else lines:
            less = text.replace(f"{line}\n", "", 1) if line else text
            less = less.replace(f";     {number}. {name}\n", "")
            for asked in QUESTION.findall(less):
                if asked.splitlines()[0].endswith(f": {name}"):
                    less = less.replace(asked, "")
            with pytest.raises(Refused):
                families.check(case, 0, less)
            by = rf"(?<=^; by )(.*)\b{number}\b(?:, )?"
            with pytest.raises(Refused):
                families.check(case, 0, re.sub(by, r"\1", less, flags=re.MULTILINE))


def test_every_assertion_is_missed_or_spare(
    written: Path, case: Case, families: Families
) -> None:
    """Without what is given more is asked; without what is wrong it fails."""
    text = written.read_text()
    asked = QUESTION.findall(text)[-1]
    given = re.split(r"\n(?=\((?!let))", asked)
    refused = 0
    for place, one in enumerate(given):
        if one.startswith("(assert"):
            less = "\n".join((*given[:place], *given[place + 1 :]))
            try:
                families.check(case, 0, text.replace(asked, less))
            except Refused as error:
                assert re.search("says sat|not what it asks", str(error))
                refused += 1
    assert refused > 0


def test_a_variable_that_changes_is_not_settled(
    written: Path, case: Case, families: Families
) -> None:
    """Each proof below would be one if every variable kept its first value."""
    text = written.read_text()
    variables = case.instance.system.state.variables()
    family = family_of(case.instance, case.unbounded, case.common)
    starts = {v.name: family.start(v) for v in variables if not v.frozen}
    names = ", ".join(n for n, v in starts.items() if v is not None and not callable(v))
    every = re.sub(rf"({SETTLED}).*", rf"\g<1>{names}", text)
    assert every != text
    with pytest.raises(Refused, match=r"is not asked: .* stays as it is"):
        families.check(case, 0, every)
    for line in clause_lines(text):
        with pytest.raises(Refused):
            families.check(case, 0, every.replace(f"{line}\n", ""))


QUESTION = re.compile(
    r"^; [^\n]*\n(?:; by [^\n]*\n)?\(push 1\)$.*?^\(pop 1\)\n",
    re.MULTILINE | re.DOTALL,
)


def first_question(text: str) -> str:
    found = QUESTION.search(text)
    assert found
    return found[0]


def weaker(text: str) -> str:
    """The last question without anything that is given in it."""
    asked = QUESTION.findall(text)[-1]
    heading = asked.splitlines()[0]
    return text.replace(asked, f"{heading}\n(push 1)\n(check-sat)\n(pop 1)\n")


def contradictory(text: str) -> str:
    """Every question, asked of what cannot be so anyway."""
    return text.replace("(push 1)\n", "(push 1)\n(assert false)\n")


def given_at_first(text: str) -> str:
    """Each question about the beginning, with the first part of the invariant given."""
    said: dict[bool, list[set[str]]] = {True: [], False: []}
    for asked in QUESTION.findall(text):
        by = re.search(r"^; by (.*)$", asked, re.MULTILINE)
        has_first = by is not None and "1" in by[1].split(", ")
        said[has_first].append(set(re.split(r"\n(?=\((?!let))", asked)))
    if not said[True]:
        return text
    others = set[str]().union(*said[False])
    part = next(one for one in set.intersection(*said[True]) if one not in others)
    return re.sub(
        r"^(; at first: .*\n)(\(push 1\)\n)",
        lambda match: f"{match[1]}; by 1\n{match[2]}{part}\n",
        text,
        flags=re.MULTILINE,
    )


def of_one_element(text: str) -> str:
    """Every question, asked of machines with a single CPU."""
    sort = "(declare-sort Cpu 0)"
    return text.replace(sort, "(declare-datatypes ((Cpu 0)) (((Cpu.one))))")


FORGERIES: dict[str, tuple[Callable[[str], str], str]] = {
    "a contradiction that is given": (contradictory, "not what it asks"),
    "what was asked before is given still": (
        lambda text: text.replace("(pop 1)", "(pop 0)", 1),
        "not one question after the other",
    ),
    "more is forgotten than was said": (
        lambda text: text.replace("(pop 1)", "(pop 2)", 1),
        "not one question after the other",
    ),
    "a question in a question": (
        lambda text: text.replace("(check-sat)", "(push 1)\n(check-sat)\n(pop 1)", 1),
        "not one question after the other",
    ),
    "a logic of its own": (
        lambda text: text.replace("(set-logic ALL)", "(set-logic QF_UF)"),
        "not of the logic ALL",
    ),
    "two logics": (
        lambda text: text.replace("(set-logic ALL)", "(set-logic ALL)\n" * 2),
        "not of the logic ALL",
    ),
    "an operator of its own": (
        lambda text: text.replace(
            "(declare-sort Cpu 0)",
            "(declare-fun and (Bool Bool) Bool)\n(declare-sort Cpu 0)",
        ),
        "another meaning of the name and",
    ),
    "a function with another result": (
        lambda text: re.sub(
            r"\(declare-fun (\w+) \(Cpu\) Bool\)",
            r"(declare-fun \1 (Cpu) Int)",
            text,
            count=1,
        ),
        "another meaning of the name",
    ),
    "a member that means something": (
        lambda text: text.replace(
            "(declare-sort Cpu 0)",
            "(declare-datatypes ((More 0)) (((not))))\n(declare-sort Cpu 0)",
        ),
        "another meaning of the name More",
    ),
    "half of a name": (
        lambda text: text.replace("(check-sat)", "|(check-sat)", 1),
        "not understood",
    ),
    "a contradiction in the place of what is wrong": (
        lambda text: text.replace(
            "(check-sat)\n", "(assert (not (= running running)))\n(check-sat)\n", 1
        ),
        "not what it asks",
    ),
    "a sort of but one element": (of_one_element, "another meaning of the name Cpu"),
    "a value less": (
        lambda text: re.sub(r" \(Presence_*\.ONLINE\)", "", text, count=1),
        "another meaning of the name Presence",
    ),
    "numbers for truth values": (
        lambda text: text.replace(
            "(declare-sort Cpu 0)", "(declare-sort Cpu 0)(declare-sort Bool 0)"
        ),
        "another meaning of the name Bool",
    ),
    "other parts of the invariant than are used": (
        lambda text: re.sub(r"^; by .*$", "; by 1", text, flags=re.MULTILINE),
        "not what it asks",
    ),
    "parts of the invariant that there are not": (
        lambda text: re.sub(r"^; by .*$", "; by 7", text, flags=re.MULTILINE),
        "not what it asks",
    ),
    "another name for a part of the invariant": (
        lambda text: re.sub(
            r"^;     2\. .*$", ";     2. all", text, flags=re.MULTILINE
        ),
        "its invariant is another one",
    ),
    "a variable that changes among the settled": (
        lambda text: text.replace(SETTLED, f"{SETTLED}kvm, "),
        "is not asked: .*: kvm stays as it is",
    ),
    "a variable that there is not among the settled": (
        lambda text: text.replace(SETTLED, f"{SETTLED}nothing, "),
        "not the same variables keep their first value: nothing",
    ),
    "a question less": (
        lambda text: text.replace(first_question(text), ""),
        "is not asked",
    ),
    "a question twice": (lambda text: text + first_question(text), "not to be asked"),
    "a question without what is given": (weaker, "says sat"),
    "an assertion for all": (
        lambda text: text.replace("(set-logic ALL)", "(set-logic ALL)(assert false)"),
        "of all questions at once",
    ),
    "a command that writes": (
        lambda text: text.replace(
            "(set-logic ALL)",
            '(set-logic ALL)(set-option :regular-output-channel "written")',
        ),
        "none of a certificate: set-option",
    ),
    "a command after a comment": (
        lambda text: f"{text}; |\n(exit)\n",
        "none of a certificate: exit",
    ),
    "no SMT-LIB": (lambda text: f"{text}))((", "answers|understand|none of"),
    "a clause of clauses without end": (
        lambda text: f"{MARK}{'[' * 100_000}\n{text}",
        "no clause of this system",
    ),
    "a clause twice": (
        lambda text: f"{clause_lines(text)[0]}\n{text}",
        "show nothing",
    ),
    "a clause of nothing known": (
        lambda text: f'{MARK}{{"of": [], "never": [{{"what": "x"}}]}}\n{text}',
        "no clause of this system",
    ),
    "a clause that is no data": (lambda text: f"{MARK}(\n{text}", "no clause"),
    "what is to be shown at first, given at first": (
        given_at_first,
        "not what it asks",
    ),
    "a part in the heading that is not given": (
        lambda text: re.sub(r"^(; at first: .*)$", r"\1\n; by 1", text, flags=re.M),
        "not what it asks",
    ),
    "nothing": (lambda text: "", "its invariant is another one"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forgeries_are_refused(
    written: Path, case: Case, families: Families, forgery: str
) -> None:
    change, reason = FORGERIES[forgery]
    text = written.read_text()
    changed = change(text)
    assert changed != text
    with pytest.raises(Refused, match=reason):
        families.check(case, 0, changed)


def test_a_constant_means_one_thing_throughout() -> None:
    sort = z3.DeclareSort("Anything")
    holds = z3.Function("holds", sort, z3.BoolSort())
    a, b, c = (z3.Const(name, sort) for name in ("a.1", "b.2", "c.3"))
    named = z3.Const("Anything!0", sort)
    of = Shapes().of
    due = [grouped((of(holds(a)), of(z3.Not(holds(b))))), grouped([of(a == named)])]
    assert says_the_same([of(z3.Not(holds(c))), of(holds(b))], due)
    assert says_the_same([of(holds(b)), of(b == named)], due)
    assert not says_the_same([of(holds(c)), of(z3.Not(holds(c)))], due)
    assert not says_the_same([of(z3.Not(holds(b))), of(b == named)], due)
    assert not says_the_same([of(holds(named))], due)


def test_what_z3_writes_in_another_order_is_the_same() -> None:
    """It orders what is joined by what it has made before."""
    a, b, c = z3.Consts("a.1 b.2 c", z3.DeclareSort("Worker"))
    holds = z3.Function("holds", z3.DeclareSort("Worker"), z3.BoolSort())
    x, y = z3.Ints("x y")
    shape = Shapes().of
    for one, other in (
        (
            z3.Or(x >= 0, z3.And(holds(a), y > 0)),
            z3.Or(z3.And(y > 0, holds(b)), x >= 0),
        ),
        (z3.And(holds(c), z3.Not(a == c)), z3.And(z3.Not(c == b), holds(c))),
        (x + y == 3, 3 == y + x),
    ):
        assert says_the_same([Shapes().of(one)], [grouped([shape(other)])])
    for one, other in (
        (x - y > 0, y - x > 0),
        (z3.Implies(x > 0, y > 0), z3.Implies(y > 0, x > 0)),
        (z3.If(x > 0, x, y) > 0, z3.If(x > 0, y, x) > 0),
        (z3.And(x > 0, y > 0), z3.Or(x > 0, y > 0)),
    ):
        assert not says_the_same([Shapes().of(one)], [grouped([shape(other)])])


def test_it_is_none_of_a_design_that_breaks_the_rule(
    written: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    moved = tmp_path / "moved.smt2"
    text = written.read_text().replace('design "v6.8"', 'design "v3"')
    moved.write_text(text)
    assert run("check-certificate", str(moved)) == 1
    assert "REFUSED: " in capsys.readouterr().out


@pytest.mark.parametrize("sizes", ["cpus", "cpus four", "4 cpus", "cpu 4"])
def test_it_is_none_of_no_machine(
    written: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, sizes: str
) -> None:
    moved = tmp_path / "moved.smt2"
    text = re.sub(r'sizes "[^"]*"', f'sizes "{sizes}"', written.read_text())
    moved.write_text(text)
    assert run("check-certificate", str(moved)) == 1
    said = capsys.readouterr().out
    assert f"REFUSED: no sizes of a machine: {sizes}" in said
    assert said.count("\n") == 1


def test_what_is_kept_is_believed_by_it_alone(written: Path, case: Case) -> None:
    text = written.read_text()
    recheck = Rechecker()
    good = ProvedForEvery("anything", "somehow", (), text)
    assert recheck(case, 0, Answer(good, None))
    less = text.replace(f"{clause_lines(text)[0]}\n", "")
    for bad in (less, ""):
        assert not recheck(case, 0, Answer(ProvedForEvery("", "", (), bad), None))


@pytest.mark.parametrize(
    "line",
    [
        '{"of": ["Cpu"], "never": [{"what": "vmx_on", "at": [{"any": 0}]}]}',
        '{"of": [], "never": [{"what": "kvm", "at": [], "is": ["NONE"]}]}',
        '{"of": [], "never": [{"what": "kvm", "at": [], "is": []}]}',
        '{"of": [], "never": [{"what": "kvm", "at": [0], "is": ["LOADED"]}]}',
        '{"of": [], "never": [{"what": "hibernation", "at": [], "is": [1]}]}',
        '{"of": ["Nothing"], "never": []}',
        "[]",
        "7",
    ],
)
def test_what_is_of_no_such_sort_is_no_clause(case: Case, line: str) -> None:
    family = family_of(case.instance, case.unbounded, case.common)
    with pytest.raises(Unreadable):
        clauses_in(f"{MARK}{line}", family)

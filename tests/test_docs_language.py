"""Every error that docs/language.md lists can be provoked, and every one is listed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tdxcheck.checker.language import SpecificationError
from tdxcheck.checker.language.terms import Element
from tdxcheck.checker.language.validate import validate
from tests.pages import LANGUAGE, ROOT, Namespace, pieces, quoted, run

SLIPS = {
    "a conjunction by and": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.require(host.busy and host.retries)
""",
    "a value of another sort": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.phase = Status.BUSY
""",
    "an unknown variable assigned": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.bussy = True
""",
    "an unknown variable read": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.require(~host.bussy)
""",
    "a definition assigned": """
class Bussy(Toy):
    @definition
    def bussy(self) -> Term[bool]:
        "The host is busy."
        return self.busy

Bussy.__name__ = "Toy"

@action()
def wrong(host: Bussy) -> None:
    "Wrong."
    host.bussy = True
""",
    "a range without integers": """
class Wrong(State):
    failures = Var(Int(2, 1))
""",
    "an initial value out of range": """
class Wrong(State):
    failures = Var(Int(0, 2), 3)
""",
    "another sort of index": """
@action()
def wrong(host: Toy, cpu: Cpu) -> None:
    "Wrong."
    host.online[cpu] = True
""",
    "an answer that is no member": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.require(host.retries, "busy")
""",
    "a refusal whose answer is no member": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.require(host.retries, Refusal("busy"))
""",
    "a success that is no member": """
@action(success="busy")
def wrong(host: Toy) -> None:
    "Wrong."
""",
    "a map assigned as a whole": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.online = True
""",
    "a map over pairs assigned as a whole": """
class Pairs(State):
    online = Map2(Cpu, Cpu, bool)

@action()
def wrong(host: Pairs) -> None:
    "Wrong."
    host.online = True
""",
    "configuration assigned": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.erratum = True
""",
    "two effects": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.busy = True
    host.busy = False
""",
    "a read of an assigned variable": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.busy = True
    host.phase = ite(host.busy, Phase.OFF, Phase.READY)
""",
    "a guard after an effect": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.busy = True
    host.require(host.retries)
""",
    "a mark after an effect": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.busy = True
    host.mark(Place.LOCKED)
""",
    "a part up to a mark that is not made": """
between(leaf_init, None, Phase.READY)
""",
    "an action over a state that is not its own": """
over(initialize, State)
""",
    "two calls": """
@action()
def wrong(host: Toy, cpu: Cpu) -> None:
    "Wrong."
    host.call(leaf_init, cpu)
    host.call(leaf_init, cpu)
""",
    "a call of what has no answer": """
@action()
def wrong(host: Defined) -> None:
    "Wrong."
    host.call(finish)
""",
    "a call with too few arguments": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.call(leaf_init)
""",
    "an event of other arguments": """
@invariant()
def wrong(host: Toy) -> Term[bool]:
    "Wrong."
    return forall(Cpu, lambda cpu: host.accepts(MEMORY_ONLINE, cpu))
""",
    "a reaction after a step": """
@step_rule()
def wrong(before: Toy, step: Step, after: Toy) -> Term[bool]:
    "Wrong."
    return forall(Block, lambda block: after.accepts(MEMORY_ONLINE, block))
""",
    "a call of what fills a map": """
@action(success=Status.SUCCESS)
def leaf_reset(host: Toy) -> None:
    "LEAF.RESET."
    host.initialized.fill(False)

@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.call(leaf_reset)
""",
    "fairness to nothing": """
@fairness()
def wrong(host: Toy) -> Term[bool]:
    "Wrong."
    return host.busy
""",
    "an action without a docstring": """
@action()
def wrong(host: Toy) -> None:
    host.busy = True
""",
    "a definition without a docstring": """
class Wrong(Toy):
    @definition
    def wrong(self) -> Term[bool]:
        return self.busy
""",
    "a docstring that names no parameter": """
@action()
def wrong(host: Toy, cpu: Cpu) -> None:
    "Wrong on {cup}."
""",
    "an annotation that cannot be read": """
@action()
def wrong(host: Tay) -> None:
    "Wrong."
""",
    "a rule that raises": """
@invariant()
def wrong(host: Toy) -> Term[bool]:
    "Wrong."
    return forall(Cpu, lambda cpu: 1 / 0)
""",
    "a setting by a name": """
TOY.variant("wrong", "Wrong.", settings={"retries": True})
""",
    "no state": """
@action()
def wrong(cpu: Cpu) -> None:
    "Wrong."
""",
    "a parameter of no sort": """
@action()
def wrong(host: Toy, n: int) -> None:
    "Wrong."
""",
    "an action that does not fit its event": """
@action(event=MEMORY_ONLINE)
def wrong(host: Toy, cpu: Cpu) -> None:
    "Wrong."
""",
    "a kind and an action": """
@step_rule()
def wrong(before: Toy, step: Step, after: Toy) -> Term[bool]:
    "Wrong."
    return step.is_(Kind.FAULT, initialize)
""",
    "two actions of one name": """
@action()
def again(host: Toy) -> None:
    "Again."

again = replace(again, name="fail")
TOY.variant("wrong", "Wrong.", added=(again,))
""",
    "a variant of what is not there": """
TOY.variant("wrong", "Wrong.", removed=(memory_online_checked,))
""",
    "a scope without a sort": """
ground(TOY, {Cpu: 2})
""",
    "an effect that no guard keeps in its bound": """
ground(BROKEN, {Cpu: 1, Block: 1})
""",
    "a variable without values": """
class Wrong(State):
    chosen = Var(Int(1, Cpu))

@action()
def choose(host: Wrong) -> None:
    "Choose."

ground(TransitionSystem("wrong", "Wrong.", Wrong, (choose,)), {Cpu: 0})
""",
    "a setting of another state": """
class Wrong(State):
    extra = Var(bool, frozen=True)

ground(TOY.variant("wrong", "Wrong.", settings={Wrong.extra: True}), SCOPE)
""",
    "a setting of another sort": """
ground(TOY.variant("wrong", "Wrong.", settings={Toy.retries: 7}), SCOPE)
""",
    "an effect on what the called action assigns": """
@action(success=Status.SUCCESS)
def leaf_busy(host: Toy) -> None:
    "LEAF.BUSY."
    host.busy = True

@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.busy = True
    host.call(leaf_busy)
""",
    "two effects, not recorded but put together": """
@action()
def once(host: Toy) -> None:
    "Once."
    host.busy = True

twice = replace(once, updates=once.updates * 2)
ground(TransitionSystem("wrong", "Wrong.", Toy, (twice,)), SCOPE)
""",
    "an entry that the scope does not have, read": """
@invariant()
def wrong(host: Toy) -> Term[bool]:
    "Wrong."
    return host.online[Element(Block, 7)]

ground(TOY.variant("wrong", "Wrong.", properties=(wrong,)), SCOPE)
""",
    "an entry that the scope does not have, assigned": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.online[Element(Block, 7)] = True

ground(TransitionSystem("wrong", "Wrong.", Toy, (wrong,)), SCOPE)
""",
    "an index outside its quantifier": """
@invariant()
def wrong(host: Toy) -> Term[bool]:
    "Wrong."
    kept = []
    forall(Cpu, lambda cpu: kept.append(cpu) or True)
    return host.initialized[kept[0]]

ground(TOY.variant("wrong", "Wrong.", properties=(wrong,)), SCOPE)
""",
    "the step, outside a step rule": """
@invariant()
def wrong(host: Toy) -> Term[bool]:
    "Wrong."
    return Step().is_(fail)

ground(TOY.variant("wrong", "Wrong.", properties=(wrong,)), SCOPE)
""",
    "conditions that contradict each other": """
@initial
def nothing_is_online(host: Toy) -> Term[bool]:
    "Nothing is online, although something is convertible."
    return forall(Block, lambda block: ~host.online[block] & host.convertible[block])

conditions = (boot_memory_is_online, nothing_is_online)
from tdxcheck.checker.engines.starting import check_start
check_start(ground(replace(TOY, name="wrong", initial=conditions), SCOPE))
""",
    "a variable that nothing reads": """
@action()
def wrong(host: Toy) -> None:
    "Wrong."
    host.require(host.phase == Phase.OFF)

validate(TransitionSystem("wrong", "Wrong.", Toy, (wrong,)))
""",
    "a replay of an effect out of bound": """
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.interpreter import Interpreter

interpreter = Interpreter(Instance(BROKEN, {Cpu: 1, Block: 1}))
state = next(interpreter.initial_states())
for _ in range(3):
    state = interpreter.attempt(state, fail_unguarded, ()).after
""",
}


@pytest.fixture(scope="module")
def toy() -> Namespace:
    namespace: Namespace = {"__name__": "toy"}
    for piece in pieces(LANGUAGE):
        run(piece, "toy.py", namespace)
    scope = {namespace["Cpu"]: 1, namespace["Block"]: 1}
    more = {"Element": Element, "SCOPE": scope, "replace": replace}
    return namespace | more | {"validate": validate}


@dataclass(frozen=True)
class Report:
    """An error that was provoked: where it was raised, and what it says."""

    file: str
    line: int
    message: str


def provoke(slip: str, toy: Namespace) -> Report:
    with pytest.raises(SpecificationError) as caught:
        exec(compile(slip, "slip.py", "exec"), dict(toy))
    raised = caught.traceback[-1]
    message = str(caught.value).removeprefix(f"{caught.value.location}: ")
    return Report(Path(raised.path).name, raised.lineno + 1, message)


def test_every_error_is_in_the_table_and_every_row_is_an_error(toy: Namespace) -> None:
    seen = {provoke(slip, toy).message for slip in SLIPS.values()}
    text = LANGUAGE.read_text(encoding="utf-8").partition("\n## 11. ")[2]
    rows = re.findall(r"^\| (`.+?`) \|", text, flags=re.MULTILINE)
    assert {message for row in rows for message in quoted(row)} == seen


def places() -> Iterator[tuple[str, int, int]]:
    """Every statement that raises the error, itself or as a function makes it."""
    trees = {
        path.name: ast.parse(path.read_text(encoding="utf-8"))
        for path in (
            *(ROOT / "checker" / "language").glob("*.py"),
            *(ROOT / "checker" / "ground").glob("*.py"),
            ROOT / "checker" / "engines" / "explicit.py",
        )
    }
    nodes = [(file, node) for file, tree in trees.items() for node in ast.walk(tree)]
    error = SpecificationError.__name__
    makers = {error} | {
        node.name
        for _, node in nodes
        if isinstance(node, ast.FunctionDef)
        and node.returns is not None
        and ast.unparse(node.returns) == error
    }
    for file, node in nodes:
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            if ast.unparse(node.exc.func).rpartition(".")[2] in makers:
                yield file, node.lineno, node.end_lineno or node.lineno


def test_every_place_that_reports_an_error_is_provoked(toy: Namespace) -> None:
    reports = [provoke(slip, toy) for slip in SLIPS.values()]
    missed = {
        (file, first)
        for file, first, last in places()
        if not any(r.file == file and first <= r.line <= last for r in reports)
    }
    assert missed == set()


UNNOTICED = """
@action()
def quiet(host: Toy, cpu: Cpu) -> None:
    "Nothing is said of {cpu}."
    host.require(host.phase is Phase.OFF)
    host._busy = True
    host.busy = True
    host.call(leaf_init, cpu)

@initial
def dropped(host: Toy) -> Term[bool]:
    "The host is not busy, and much is required."
    host.require(host.retries)
    return ~host.busy

@invariant()
def also_dropped(host: Toy) -> Term[bool]:
    "The host is busy from now on."
    host.busy = True
    return ~host.accepts(Event("nothing", "nothing happens", ()))

@step_rule()
def never(before: Toy, step: Step, after: Toy) -> Term[bool]:
    "No such step is taken."
    return ~step.is_(finish) & ~step.answers(Phase.OFF)

rules = (also_dropped, never, never)
ground(TransitionSystem("quiet", "Quiet.", Toy, (quiet,), rules, (dropped,)), SCOPE)
"""


def test_what_the_page_calls_unnoticed_is_not_noticed(toy: Namespace) -> None:
    """If it is noticed one day, the page has to change."""
    exec(compile(UNNOTICED, "unnoticed.py", "exec"), dict(toy))


EXCEPTIONS = {
    "another state": (
        KeyError,
        """
class Other(State):
    extra = Var(bool)

@invariant()
def wrong(host: Other) -> Term[bool]:
    "Wrong."
    return host.extra

ground(TOY.variant("wrong", "Wrong.", properties=(wrong,)), SCOPE)
""",
    ),
    "a setting of other numbers": (
        TypeError,
        """
settings = {Toy.online: lambda one, two: True}
ground(TOY.variant("wrong", "Wrong.", settings=settings), SCOPE)
""",
    ),
}


@pytest.mark.parametrize(("error", "code"), EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_what_the_page_leaves_to_python_is_left_to_it(
    error: type[Exception], code: str, toy: Namespace
) -> None:
    with pytest.raises(error):
        exec(compile(code, "exception.py", "exec"), dict(toy))

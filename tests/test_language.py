"""Each slip in a rule is refused when it is written, with the line where it stands."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest

from tdxcheck.checker.ground import ground
from tdxcheck.checker.language import (
    Event,
    Index,
    Int,
    Map,
    Map2,
    SpecificationError,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    count,
    definition,
    forall,
    implies,
    initial,
    invariant,
    ite,
    leads_to,
    reachable,
    step_rule,
)
from tdxcheck.checker.language.validate import validate


class Cpu(Index):
    """A processor."""


class Block(Index):
    """A block of memory."""


class Mode(Enum):
    OFF = "off"
    ON = "on"


class Fault(Enum):
    NONE = "none"
    SOME = "some"


class Host(State):
    mode = Var(Mode, Mode.OFF)
    ready = Var(bool, False)
    level = Var(Int(0, 3), 0)
    erratum = Var(bool, frozen=True)
    online = Map(Cpu, bool, True)
    owner = Map2(Cpu, Block, bool, False)


def start(host: Host) -> None:
    """Start."""
    host.require(~host.ready)
    host.ready = True


START = action()(start)


class Wide(State):
    total = Var(Int(0, 16), 0)
    bits = Map(Cpu, bool)


class Defined(State):
    used = Map(Cpu, bool, False)

    @definition
    def fine(self, cpu: Cpu) -> Term[bool]:
        """It is fine."""
        return self.used[cpu]


HAPPENS = Event("happens", "Something happens.", (Cpu,))


@action()
def other(host: Host) -> None:
    """Another action."""
    host.require(host.ready)


@action(success=Fault.NONE)
def callable_action(host: Host, cpu: Cpu) -> None:
    """An action that can be called, for {cpu}."""
    host.require(host.online[cpu], Fault.SOME)
    host.online[cpu] = False


@action(success=Fault.NONE)
def assigns(host: Host, cpu: Cpu) -> None:
    """An action that only assigns, for {cpu}."""
    host.online[cpu] = False


@action(success=Fault.NONE)
def fills(host: Host) -> None:
    """An action that assigns a whole map."""
    host.online.fill(True)


SYSTEM = TransitionSystem("host", "A host.", Host, (START, other, callable_action), ())


def expect(slip: Callable[[], Any], message: str) -> None:
    """The slip is refused in the line of it that is marked "slip"."""
    with pytest.raises(SpecificationError, match=message) as caught:
        slip()
    lines, first = inspect.getsourcelines(slip)
    (line,) = (first + n for n, text in enumerate(lines) if text.endswith("# slip\n"))
    assert caught.value.location.file == __file__
    assert caught.value.location.first <= line <= caught.value.location.last
    assert str(caught.value).startswith(f"{caught.value.location}: ")
    assert caught.value.location.path.endswith("tests/test_language.py")


def test_a_value_of_the_wrong_type_is_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host) -> None:
            """Assign."""
            host.ready = 1  # type: ignore[assignment]  # slip

    expect(slip, "expected a term of sort bool, but 1 is of sort int")


def test_a_member_of_the_wrong_enumeration_is_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host) -> None:
            """Compare."""
            host.require(host.mode == Fault.SOME)  # type: ignore[arg-type]  # slip

    expect(slip, "expected a term of sort Mode, but Fault.SOME is of sort Fault")


def test_a_condition_that_is_not_one_is_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host) -> None:
            """Require."""
            host.require(host.mode)  # type: ignore[arg-type]  # slip

    expect(slip, "expected a term of sort bool")


def test_an_invariant_that_is_not_a_condition_is_refused() -> None:
    def slip() -> None:
        @invariant()
        def rule(host: Host) -> Term[bool]:
            """Say nothing."""
            return implies(host.ready, host.level)  # type: ignore[arg-type]  # slip

    expect(slip, "expected a term of sort bool")


def test_arithmetic_on_what_is_no_number_is_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host) -> None:
            """Add."""
            host.level = host.level + host.ready  # type: ignore[operator]  # slip

    expect(slip, "expected a term of sort int")


def test_branches_of_two_sorts_are_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host) -> None:
            """Choose."""
            host.level = ite(host.ready, 1, False)  # slip

    expect(slip, "expected a term of sort int, but False is of sort bool")


def test_an_index_of_the_wrong_sort_is_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host, block: Block) -> None:
            """Read for {block}."""
            host.require(host.online[block])  # slip

    expect(slip, r"online has entries for \(Cpu\)")


def test_indices_in_the_wrong_order_are_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host, cpu: Cpu, block: Block) -> None:
            """Assign for {cpu}, {block}."""
            host.owner[block, cpu] = True  # slip

    expect(slip, r"owner has entries for \(Cpu, Block\)")


def test_a_number_as_an_index_is_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host) -> None:
            """Read."""
            host.require(host.online[0])  # type: ignore[index]  # slip

    expect(slip, r"online has entries for \(Cpu\)")


def test_assigning_a_map_as_a_whole_is_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host) -> None:
            """Assign."""
            host.online = True  # type: ignore[assignment]  # slip

    expect(slip, "assign an entry of online")


def test_two_effects_on_one_variable_are_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host) -> None:
            """Assign twice."""
            host.ready = True
            host.ready = False  # slip

    expect(slip, "ready is assigned twice")


def test_two_effects_on_entries_that_may_be_one_are_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host, one: Cpu, two: Cpu) -> None:
            """Assign for {one} and {two}."""
            host.online[one] = True
            host.online[two] = False  # slip

    expect(slip, "online is assigned twice")


def test_reading_after_assigning_is_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host, cpu: Cpu) -> None:
            """Read too late, of {cpu}."""
            host.online[cpu] = False
            host.ready = host.online[cpu]  # slip

    expect(slip, "online is read after its assignment")


def test_a_guard_after_an_effect_is_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host) -> None:
            """Require too late."""
            host.ready = True
            host.require(host.mode == Mode.ON)  # slip

    expect(slip, "guards come before effects")


def test_a_call_that_assigns_what_its_caller_assigned_is_refused() -> None:
    with pytest.raises(SpecificationError, match="online is assigned twice") as caught:

        @action()
        def rule(host: Host, cpu: Cpu) -> None:
            """Call too late, for {cpu}."""
            host.online[cpu] = True
            host.call(assigns, cpu)

    assert "host.online[cpu] = False" in caught.value.location.text


def test_assigning_configuration_is_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host) -> None:
            """Change the configuration."""
            host.erratum = False  # slip

    expect(slip, "erratum is configuration")


def test_truth_values_of_terms_are_refused() -> None:
    def slip_and() -> None:
        @invariant()
        def rule(host: Host) -> Term[bool]:
            """And."""
            return host.ready and host.erratum  # slip

    def slip_or() -> None:
        @invariant()
        def rule(host: Host) -> Term[bool]:
            """Or."""
            return host.ready or host.erratum  # slip

    def slip_not() -> None:
        @invariant()
        def rule(host: Host) -> Term[bool]:
            """Not."""
            return not host.ready  # type: ignore[return-value]  # slip

    def slip_if() -> None:
        @action()
        def rule(host: Host) -> None:
            """If."""
            if host.ready:  # slip
                host.level = 1

    def slip_chain() -> None:
        @invariant()
        def rule(host: Host) -> Term[bool]:
            """Chain."""
            return 0 < host.level < 2  # slip

    def slip_in() -> None:
        @invariant()
        def rule(host: Host) -> Term[bool]:
            """In."""
            return host.mode in (Mode.ON, Mode.OFF)  # type: ignore[return-value]  # slip

    for slip in (slip_and, slip_or, slip_not, slip_if, slip_chain, slip_in):
        expect(slip, "a term has no truth value")


def test_a_rule_without_a_docstring_is_refused() -> None:
    def slip_action() -> None:
        @action()  # slip
        def rule(host: Host) -> None:
            host.ready = True

    def slip_invariant() -> None:
        @invariant()  # slip
        def rule(host: Host) -> Term[bool]:
            return host.ready

    def slip_step_rule() -> None:
        @step_rule()  # slip
        def rule(before: Host, step: Step, after: Host) -> Term[bool]:
            return after.ready

    def slip_initial() -> None:
        @initial  # slip
        def rule(host: Host) -> Term[bool]:
            return host.ready

    def slip_definition() -> None:
        @definition  # slip
        def rule(host: Host) -> Term[bool]:
            return host.ready

    slips = (slip_action, slip_invariant, slip_step_rule, slip_initial, slip_definition)
    for slip in slips:
        expect(slip, "rule has no docstring")


def test_a_parameter_without_a_sort_is_refused() -> None:
    def slip_none() -> None:
        @action()  # slip
        def rule(host: Host, cpu) -> None:  # type: ignore[no-untyped-def]
            """Act on {cpu}."""

    def slip_int() -> None:
        @action()  # slip
        def rule(host: Host, cpu: int) -> None:
            """Act on {cpu}."""

    def slip_term() -> None:
        @action()  # slip
        def rule(host: Host, cpu: Term[int]) -> None:
            """Act on {cpu}."""

    for slip in (slip_none, slip_int, slip_term):
        expect(slip, "parameter cpu of rule must be annotated with an index sort")


def test_a_rule_of_no_state_is_refused() -> None:
    def slip() -> None:
        @action()  # slip
        def rule(cpu: Cpu) -> None:
            """Act on {cpu}."""

    expect(slip, "the first parameter of rule must be annotated with a State")


def test_an_unknown_variable_is_refused() -> None:
    def slip_read() -> None:
        @action()
        def rule(host: Host) -> None:
            """Read what there is not."""
            host.require(host.raedy)  # type: ignore[attr-defined]  # slip

    def slip_assigned() -> None:
        @action()
        def rule(host: Host) -> None:
            """Assign what there is not."""
            host.raedy = True  # type: ignore[attr-defined]  # slip

    for slip in (slip_read, slip_assigned):
        expect(slip, "raedy")


def test_an_event_with_other_parameters_is_refused() -> None:
    def slip() -> None:
        @action(event=HAPPENS)  # slip
        def rule(host: Host, block: Block) -> None:
            """Happen to {block}."""

    expect(slip, "rule must begin with the parameters of the event happens: Cpu")


def test_calling_what_has_no_answer_is_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host) -> None:
            """Call what has no answer."""
            host.call(other)  # slip

    expect(slip, "other has no answer to give")


def test_two_calls_are_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host, cpu: Cpu) -> None:
            """Call twice for {cpu}."""
            host.call(fills_nothing)
            host.call(callable_action, cpu)  # slip

    expect(slip, "an action makes at most one call")


@action(success=Fault.NONE)
def fills_nothing(host: Host) -> None:
    """An action without effects."""


def test_an_effect_outside_a_bound_is_refused() -> None:
    def slip() -> None:
        @action()
        def rule(host: Host) -> None:
            """Count for ever."""
            host.level = host.level + 1  # slip

        ground(TransitionSystem("host", "A host.", Host, (rule,)), {Cpu: 1, Block: 1})

    expect(slip, r"level can leave 0\.\.3 .* where level = 3")


def test_an_effect_that_guards_keep_within_its_bound_is_accepted() -> None:
    @action()
    def rule(host: Host) -> None:
        """Count up to three."""
        host.require(host.level < 3)
        host.level = host.level + 1

    ground(TransitionSystem("host", "A host.", Host, (rule,)), {Cpu: 1, Block: 1})


def test_a_bound_that_only_a_solver_can_check_is_checked() -> None:
    def slip() -> None:
        @action()
        def rule(wide: Wide) -> None:
            """Count bits and one."""
            wide.total = count(Cpu, lambda cpu: wide.bits[cpu]) + 1  # slip

        ground(TransitionSystem("wide", "Bits.", Wide, (rule,)), {Cpu: 17})

    @action()
    def narrow(wide: Wide) -> None:
        """Count bits if there are few."""
        wide.require(count(Cpu, lambda cpu: wide.bits[cpu]) < 16)
        wide.total = count(Cpu, lambda cpu: wide.bits[cpu]) + 1

    expect(slip, r"total can leave 0\.\.16")
    ground(TransitionSystem("wide", "Bits.", Wide, (narrow,)), {Cpu: 17})


def test_a_sort_without_a_scope_is_refused() -> None:
    with pytest.raises(SpecificationError, match="no number of elements for Block"):
        ground(SYSTEM, {Cpu: 2})


def test_a_variant_of_an_action_that_is_not_there_is_refused() -> None:
    with pytest.raises(SpecificationError, match="host has no action fills") as caught:
        SYSTEM.variant("variant", "A variant.", replaced={fills: START})
    assert caught.value.location == fills.location
    with pytest.raises(SpecificationError, match="host has no action fills") as caught:
        SYSTEM.variant("variant", "A variant.", removed=[fills])
    assert caught.value.location == fills.location


def test_a_variant_replaces_removes_and_adds_in_order() -> None:
    variant = SYSTEM.variant(
        "variant", "A variant.", replaced={START: fills}, removed=[other], added=[START]
    )
    assert variant.actions == (fills, callable_action, START)
    assert variant.base is SYSTEM


def test_a_called_action_that_fills_a_map_is_refused() -> None:
    with pytest.raises(SpecificationError, match="entry by entry") as caught:

        @action()
        def rule(host: Host) -> None:
            """Call what fills a map."""
            host.call(fills)

    assert "host.online.fill(True)" in caught.value.location.text


class Unused(State):
    used = Var(bool, False)
    never_read = Var(bool, False)


def test_a_variable_that_is_only_assigned_is_unused() -> None:
    @action()
    def rule(state: Unused) -> None:
        """Assign both, and read one for itself."""
        state.require(~state.used)
        state.used = True
        state.never_read = ~state.never_read

    system = TransitionSystem("unused", "Something unused.", Unused, (rule,))
    with pytest.raises(SpecificationError, match="never_read is unused") as caught:
        validate(system)
    assert caught.value.location == Unused.never_read.location
    assert caught.value.location.text == "never_read = Var(bool, False)"


def test_a_variable_that_anything_reads_is_used() -> None:
    @action()
    def takes(state: Unused) -> None:
        """Use one."""
        state.require(state.used)

    @action()
    def guards(state: Unused) -> None:
        """Require the other."""
        state.require(state.never_read)

    @action()
    def copies(state: Unused) -> None:
        """Copy the other."""
        state.used = state.never_read

    @action()
    def tells(state: Unused) -> None:
        """Tell about the other."""
        state.require(state.used, ite(state.never_read, Fault.NONE, Fault.SOME))

    @invariant()
    def holds(state: Unused) -> Term[bool]:
        """Speak of the other."""
        return forall(Cpu, lambda cpu: state.never_read)

    @reachable()
    def comes(state: Unused) -> Term[bool]:
        """Speak of the other."""
        return state.never_read

    @leads_to(fair=())
    def follows(state: Unused) -> tuple[Term[bool], Term[bool]]:
        """One leads to the other."""
        return state.used, state.never_read

    @step_rule()
    def steps(before: Unused, step: Step, after: Unused) -> Term[bool]:
        """Speak of the other afterwards."""
        return after.never_read

    @initial
    def begins(state: Unused) -> Term[bool]:
        """Speak of the other at first."""
        return state.never_read

    base = TransitionSystem("base", "Something unused.", Unused, (takes,))
    with pytest.raises(SpecificationError):
        validate(base)
    for reader in (guards, copies, tells):
        validate(base.variant("reader", "Reads.", added=[reader]))
    for rule in (holds, comes, follows, steps):
        validate(base.variant("property", "Reads.", properties=[rule]))
    validate(TransitionSystem("begins", "B.", Unused, (takes,), (), (begins,)))
    validate(base, base.variant("reader", "Reads.", added=[guards]))


def test_a_variable_that_a_definition_reads_is_used() -> None:
    @action()
    def rule(state: Defined) -> None:
        """Do nothing."""

    validate(TransitionSystem("defined", "Something defined.", Defined, (rule,)))

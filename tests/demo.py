"""A tiny host for the tests of the command line, of traces and of records.

The module is initialised in three steps; a hot-added block may come online. The
`open` design lets it, the `closed` one refuses, so both tell a story.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.catalogue import (
    Assumption,
    Catalogue,
    Claim,
    Design,
    Expectation,
    Machine,
    Outcome,
    Rule,
    Setup,
    Sizes,
    UsageError,
)
from tdxcheck.checker.language import (
    Document,
    Index,
    Kind,
    Map,
    Severity,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    deadlock_free,
    definition,
    forall,
    implies,
    invariant,
    leads_to,
    reachable,
    step_rule,
)

MANUAL = Document("manual", "The manual")


class Cpu(Index):
    label = "CPU"


class Block(Index):
    label = "block"


class Actor(Enum):
    KERNEL = "kernel"
    ADMIN = "administrator"


class Module(Enum):
    LOADED = 0
    STARTED = 1
    READY = 2


class Memory(Enum):
    ABSENT = 0
    ONLINE = 1


class Status(Enum):
    SUCCESS = 0
    NOT_PENDING = 1
    EPERM = 2


class Host(State):
    module = Var(Module, Module.LOADED)
    initialized = Map(Cpu, bool, False)
    memory = Map(Block, Memory)
    covered = Map(Block, bool, False)
    hotplug = Var(bool, True, frozen=True)
    erratum = Var(bool, frozen=True)

    @definition
    def usable(self, block: Block) -> Term[bool]:
        """The allocator may hand the block to a TD."""
        return (self.module == Module.READY) & (self.memory[block] == Memory.ONLINE)


@action(actor=Actor.KERNEL, kinds={Kind.SEAMCALL}, success=Status.SUCCESS)
def start(host: Host) -> None:
    """TDH.SYS.INIT: start the module."""
    host.require(host.module == Module.LOADED, Status.NOT_PENDING)
    host.module = Module.STARTED


@action(actor=Actor.KERNEL, kinds={Kind.SEAMCALL}, success=Status.SUCCESS)
def initialize(host: Host, cpu: Cpu) -> None:
    """TDH.SYS.LP.INIT on {cpu}."""
    host.require(host.module == Module.STARTED, Status.NOT_PENDING)
    host.require(~host.initialized[cpu], Status.NOT_PENDING)
    host.initialized[cpu] = True


@action(actor=Actor.KERNEL, sources=(MANUAL.at("chapter 1"),))
def enable(host: Host) -> None:
    """Give the module all memory that there is."""
    host.require(host.module == Module.STARTED)
    host.require(forall(Cpu, lambda cpu: host.initialized[cpu]))
    host.module = Module.READY
    host.covered.update(lambda block: host.memory[block] == Memory.ONLINE)


@action(actor=Actor.ADMIN, kinds={Kind.REQUEST}, sources=(MANUAL.at("chapter 2"),))
def hot_add(host: Host, block: Block) -> None:
    """Bring {block} online."""
    host.require(host.hotplug)
    host.require(host.memory[block] == Memory.ABSENT)
    host.memory[block] = Memory.ONLINE


@action(actor=Actor.ADMIN, kinds={Kind.REQUEST}, sources=(MANUAL.at("chapter 3"),))
def hot_add_unless_ready(host: Host, block: Block) -> None:
    """Bring {block} online, unless TDX is in use."""
    host.require(host.hotplug)
    host.require(host.memory[block] == Memory.ABSENT)
    host.require(host.module != Module.READY, Status.EPERM)
    host.memory[block] = Memory.ONLINE


@action(actor=Actor.KERNEL)
def idle(host: Host) -> None:
    """Nothing happens."""
    host.require(host.module == Module.READY)


@invariant(severity=Severity.GUEST, sources=(MANUAL.at("chapter 4"),))
def usable_memory_is_covered(host: Host) -> Term[bool]:
    """Every block that a TD may use is covered.

    A TD that is given another one is killed.
    """
    return forall(Block, lambda b: implies(host.usable(b), host.covered[b]))


@step_rule()
def covered_stays_covered(before: Host, step: Step, after: Host) -> Term[bool]:
    """No step uncovers a block."""
    return forall(Block, lambda b: implies(before.covered[b], after.covered[b]))


@invariant()
def nothing_without_blocks(host: Host) -> Term[bool]:
    """What never is the case is harmless."""
    loaded = host.module == Module.LOADED
    return forall(Cpu, lambda c: implies(loaded & host.initialized[c], host.erratum))


@reachable()
def tdx_can_be_used(host: Host) -> Term[bool]:
    """TDX can be brought into use."""
    return host.module == Module.READY


@deadlock_free()
def goes_on(host: Host) -> Term[bool]:
    """Something can always happen."""
    return host.erratum & ~host.erratum


@leads_to(fair=(start,))
def starts(host: Host) -> tuple[Term[bool], Term[bool]]:
    """The module is started in the end."""
    return host.module == Module.LOADED, host.module == Module.STARTED


@invariant()
def memory_never_grows(host: Host) -> Term[bool]:
    """No block is usable without being covered, if nobody adds any."""
    return forall(Block, lambda b: implies(host.usable(b), host.covered[b]))


OPEN = TransitionSystem(
    "open", "Lets memory in.", Host, (start, initialize, enable, hot_add, idle)
)
CLOSED = OPEN.variant(
    "closed",
    "Refuses memory once TDX is in use.",
    replaced={hot_add: hot_add_unless_ready},
    sources=(MANUAL.at("chapter 5"),),
)

NO_HOTPLUG = Assumption("no-hotplug", "Nobody adds memory.", {Host.hotplug: False})
NO_ERRATUM = Assumption("no-erratum", "There is no erratum.", {Host.erratum: False})


def build(sizes: Sizes) -> Setup:
    cpus, blocks = sizes["cpus"], sizes["blocks"]
    if blocks < 2:
        raise UsageError(f"--blocks {blocks}: at least 2 are needed")
    return Setup(
        {Cpu: cpus, Block: blocks},
        {Host.memory: lambda block: Memory.ABSENT if block else Memory.ONLINE},
        f"{cpus} CPUs, {blocks} blocks",
    )


VACUOUS = Expectation(Outcome.VACUOUS, "for the tests")
KNOWN = Expectation(note="nobody looks at hot-added memory")

DEMO = Catalogue(
    designs=(
        Design(
            "open",
            OPEN,
            {"usable_memory_is_covered": KNOWN, "nothing_without_blocks": VACUOUS},
        ),
        Design("closed", CLOSED, {"nothing_without_blocks": VACUOUS}),
    ),
    rules=(
        Rule(usable_memory_is_covered, "memory"),
        Rule(covered_stays_covered, "memory"),
        Rule(nothing_without_blocks, "memory"),
        Rule(tdx_can_be_used, "service"),
        Rule(goes_on, "service"),
        Rule(starts, "service"),
    ),
    machine=Machine({"cpus": 2, "blocks": 3}, build),
    claims=(
        Claim(
            "D1",
            "Memory never grows.",
            "open",
            memory_never_grows,
            (NO_HOTPLUG, NO_ERRATUM),
            sizes={"blocks": 2},
        ),
    ),
    assumptions=(NO_HOTPLUG, NO_ERRATUM),
)

"""Two-phase commit: a transaction manager leads the resource managers to agree.

TLA+ Examples, transaction_commit/TwoPhase.tla. TLC reaches 288 states with three
resource managers (TwoPhase.cfg), in a depth of 11 states, which is 10 steps; the
last comment of the file says 50,816 states for six. Messages are never lost and
never removed, so of each there is only whether it was ever sent.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import (
    Map,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    any_of,
    count,
    deadlock_free,
    forall,
    implies,
    step_rule,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.models.classic.transaction_commit import (
    Manager,
    Progress,
    Transaction,
    managers_agree,
)


class Decision(Enum):
    """What the transaction manager has decided."""

    NONE = 0
    COMMITTED = 1
    ABORTED = 2


class Protocol(Transaction):
    decision = Var(Decision, Decision.NONE)
    known_prepared = Map(Manager, bool, False)
    """The transaction manager has received the manager's message."""

    prepared_sent = Map(Manager, bool, False)
    commit_sent = Var(bool, False)
    abort_sent = Var(bool, False)


@action()
def receive_prepared(protocol: Protocol, manager: Manager) -> None:
    """The transaction manager hears that {manager} is prepared."""
    protocol.require(protocol.decision == Decision.NONE)
    protocol.require(protocol.prepared_sent[manager])
    protocol.known_prepared[manager] = True


@action()
def decide_commit(protocol: Protocol) -> None:
    """The transaction manager, knowing all prepared, tells them to commit."""
    protocol.require(protocol.decision == Decision.NONE)
    protocol.require(forall(Manager, lambda manager: protocol.known_prepared[manager]))
    protocol.decision = Decision.COMMITTED
    protocol.commit_sent = True


@action()
def decide_abort(protocol: Protocol) -> None:
    """The transaction manager tells all to abort, for whatever reason."""
    protocol.require(protocol.decision == Decision.NONE)
    protocol.decision = Decision.ABORTED
    protocol.abort_sent = True


@action()
def prepare(protocol: Protocol, manager: Manager) -> None:
    """{manager} gets prepared, and says so."""
    protocol.require(protocol.progress[manager] == Progress.WORKING)
    protocol.progress[manager] = Progress.PREPARED
    protocol.prepared_sent[manager] = True


@action()
def abort_alone(protocol: Protocol, manager: Manager) -> None:
    """{manager} aborts, and tells nobody."""
    protocol.require(protocol.progress[manager] == Progress.WORKING)
    protocol.progress[manager] = Progress.ABORTED


@action()
def receive_commit(protocol: Protocol, manager: Manager) -> None:
    """{manager} is told to commit."""
    protocol.require(protocol.commit_sent)
    protocol.progress[manager] = Progress.COMMITTED


@action()
def receive_abort(protocol: Protocol, manager: Manager) -> None:
    """{manager} is told to abort."""
    protocol.require(protocol.abort_sent)
    protocol.progress[manager] = Progress.ABORTED


@step_rule()
def steps_are_those_of_transaction_commit(
    before: Protocol, step: Step, after: Protocol
) -> Term[bool]:
    """The resource managers do nothing that transaction commit forbids."""

    def becomes(manager: Manager, progress: Progress) -> Term[bool]:
        return after.progress[manager] == progress

    def changes(manager: Manager) -> Term[bool]:
        return before.progress[manager] != after.progress[manager]

    def allowed(manager: Manager) -> Term[bool]:
        working = before.progress[manager] == Progress.WORKING
        return any_of(
            working & becomes(manager, Progress.PREPARED),
            before.may_commit(manager) & becomes(manager, Progress.COMMITTED),
            before.may_abort(manager) & becomes(manager, Progress.ABORTED),
        )

    return (count(Manager, changes) <= 1) & forall(
        Manager, lambda manager: implies(changes(manager), allowed(manager))
    )


@deadlock_free()
def something_can_happen(protocol: Protocol) -> Term[bool]:
    """Some step is always possible, if only to hear a message again."""
    return any_of()


TWO_PHASE = TransitionSystem(
    name="two-phase commit",
    summary="A transaction manager leads resource managers to agree.",
    state=Protocol,
    actions=(
        receive_prepared,
        decide_commit,
        decide_abort,
        prepare,
        abort_alone,
        receive_commit,
        receive_abort,
    ),
    properties=(
        managers_agree,
        steps_are_those_of_transaction_commit,
        something_can_happen,
    ),
)

SCOPE: Scope = {Manager: 3}
SIX_MANAGERS: Scope = {Manager: 6}

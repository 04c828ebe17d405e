"""Transaction commit: what resource managers that agree on an outcome may do.

TLA+ Examples, transaction_commit/TCommit.tla. TLC reaches 34 states with three
resource managers (TCommit.cfg); its depth of 7 counts states: 6 steps.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import (
    Index,
    Map,
    State,
    Term,
    TransitionSystem,
    action,
    forall,
    invariant,
    one_of,
)
from tdxcheck.checker.language.instance import Scope


class Progress(Enum):
    """How far a resource manager is with the transaction."""

    WORKING = 0
    PREPARED = 1
    COMMITTED = 2
    ABORTED = 3


class Manager(Index):
    """A resource manager."""


class Transaction(State):
    progress = Map(Manager, Progress, Progress.WORKING)

    def may_commit(self, manager: Manager) -> Term[bool]:
        """The manager is prepared, and every other is prepared or has committed."""
        return (self.progress[manager] == Progress.PREPARED) & forall(
            Manager,
            lambda other: one_of(
                self.progress[other], Progress.PREPARED, Progress.COMMITTED
            ),
        )

    def may_abort(self, manager: Manager) -> Term[bool]:
        """The manager has not decided, and none has committed."""
        return one_of(
            self.progress[manager], Progress.WORKING, Progress.PREPARED
        ) & forall(Manager, lambda other: self.progress[other] != Progress.COMMITTED)


@action()
def prepare(transaction: Transaction, manager: Manager) -> None:
    """{manager} gets prepared."""
    transaction.require(transaction.progress[manager] == Progress.WORKING)
    transaction.progress[manager] = Progress.PREPARED


@action()
def commit(transaction: Transaction, manager: Manager) -> None:
    """{manager} commits."""
    transaction.require(transaction.may_commit(manager))
    transaction.progress[manager] = Progress.COMMITTED


@action()
def abort(transaction: Transaction, manager: Manager) -> None:
    """{manager} aborts."""
    transaction.require(transaction.may_abort(manager))
    transaction.progress[manager] = Progress.ABORTED


@invariant()
def managers_agree(transaction: Transaction) -> Term[bool]:
    """No resource manager has aborted while another has committed."""
    return forall(
        Manager,
        lambda one: forall(
            Manager,
            lambda other: (
                ~(
                    (transaction.progress[one] == Progress.ABORTED)
                    & (transaction.progress[other] == Progress.COMMITTED)
                )
            ),
        ),
    )


TRANSACTION_COMMIT = TransitionSystem(
    name="transaction commit",
    summary="Resource managers that agree to commit or to abort.",
    state=Transaction,
    actions=(prepare, commit, abort),
    properties=(managers_agree,),
)

SCOPE: Scope = {Manager: 3}

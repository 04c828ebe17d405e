"""Classic models with published answers, by which the engines are validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tdxcheck.checker.language import Document, Property, Source, TransitionSystem
from tdxcheck.checker.language.instance import Scope
from tdxcheck.models.classic import (
    bakery,
    barriers,
    chang_roberts,
    coffee_can,
    die_hard,
    dining_philosophers,
    ewd840,
    hanoi,
    lamport_mutex,
    peterson,
    prisoners,
    spanning_tree,
    teaching_concurrency,
    termination_detection,
    transaction_commit,
    two_phase,
)


@dataclass(frozen=True)
class Classic:
    """A model in a scope, with what was published of it."""

    system: TransitionSystem
    scope: Scope
    source: Source
    states: int | None = None
    """TLC's count of distinct states; None if none is published."""

    steps: int | None = None
    """TLC's count of generated states, less the initial ones: a step each.

    None where TLC counts something else, such as a step once for each alternative
    of a guard, or a step to where there is none here.
    """

    depth: int | None = None
    """Steps to the farthest state: TLC's depth, which counts states, less one.

    None where it is not exact. The collection runs TLC with as many workers as
    there are processors, and with more than one it may report too much.
    """

    broken: Mapping[Property, int] = field(default_factory=dict)
    """The properties that do not hold, with the steps of a shortest counterexample."""


EXAMPLES = Document("tlaplus-examples", "TLA+ Examples")

CLASSICS = (
    Classic(
        dining_philosophers.DINING_PHILOSOPHERS,
        dining_philosophers.SCOPE,
        EXAMPLES.at("DiningPhilosophers/DiningPhilosophers.cfg"),
        states=67,
        steps=336 - 1,
        depth=29 - 1,
    ),
    Classic(
        transaction_commit.TRANSACTION_COMMIT,
        transaction_commit.SCOPE,
        EXAMPLES.at("transaction_commit/TCommit.cfg"),
        states=34,
        steps=94 - 1,
        depth=7 - 1,
    ),
    Classic(
        two_phase.TWO_PHASE,
        two_phase.SCOPE,
        EXAMPLES.at("transaction_commit/TwoPhase.cfg"),
        states=288,
        steps=1_146 - 1,
        depth=11 - 1,
    ),
    Classic(
        two_phase.TWO_PHASE,
        two_phase.SIX_MANAGERS,
        EXAMPLES.at("transaction_commit/TwoPhase.tla, last comment"),
        states=50_816,
    ),
    Classic(
        ewd840.EWD840,
        ewd840.SCOPE,
        EXAMPLES.at("ewd840/EWD840.cfg"),
        states=302,
        broken={ewd840.token_is_always_black: 1, ewd840.no_node_changes_color: 1},
    ),
    Classic(
        ewd840.EWD840,
        ewd840.FOUR_NODES,
        EXAMPLES.at("ewd840/EWD840_json.cfg"),
        states=1_566,
        depth=12 - 1,
        broken={ewd840.token_is_always_black: 1, ewd840.no_node_changes_color: 1},
    ),
    Classic(
        coffee_can.COFFEE_CAN,
        coffee_can.HUNDRED_BEANS,
        EXAMPLES.at("CoffeeCan/CoffeeCan100Beans.cfg"),
        states=5_150,
        depth=1 - 1,
    ),
    Classic(
        coffee_can.COFFEE_CAN,
        coffee_can.THOUSAND_BEANS,
        EXAMPLES.at("CoffeeCan/CoffeeCan1000Beans.cfg"),
        states=501_500,
        depth=1 - 1,
    ),
    Classic(
        prisoners.PRISONERS,
        prisoners.SCOPE,
        EXAMPLES.at("Prisoners/Prisoners.cfg"),
        states=214,
        steps=860 - 4,
        depth=14 - 1,
    ),
    Classic(
        bakery.BAKERY,
        bakery.SCOPE,
        EXAMPLES.at("Bakery-Boulangerie/MCBakery.cfg"),
        states=655_200,
        steps=3_403_584 - 655_200,
        depth=1 - 1,
    ),
    Classic(
        lamport_mutex.LAMPORT_MUTEX,
        lamport_mutex.SCOPE,
        EXAMPLES.at("lamport_mutex/MCLamportMutex.cfg"),
        states=724_274,
        depth=61 - 1,
    ),
    Classic(
        peterson.PETERSON,
        peterson.SCOPE,
        EXAMPLES.at("locks_auxiliary_vars/Peterson.cfg"),
        states=42,
        steps=77 - 1,
        depth=11 - 1,
    ),
    Classic(
        peterson.TURN_FIRST,
        peterson.SCOPE,
        EXAMPLES.at("locks_auxiliary_vars/Peterson.tla, two lines exchanged"),
        broken={peterson.one_at_most_is_inside: 8},
    ),
    Classic(
        peterson.NO_TURN,
        peterson.SCOPE,
        EXAMPLES.at("locks_auxiliary_vars/Peterson.tla, without the turn"),
        broken={
            peterson.somebody_can_act: 6,
            peterson.who_waits_alone_enters: 6,
        },
    ),
    Classic(
        die_hard.DIE_HARD,
        die_hard.SCOPE,
        EXAMPLES.at("DieHard/DieHard.cfg"),
        broken={die_hard.goal_is_not_measured: 6},
    ),
    Classic(
        hanoi.HANOI,
        hanoi.SCOPE,
        EXAMPLES.at("tower_of_hanoi/Hanoi.toolbox/Model_1/MC.out"),
        states=243,
        depth=32 - 1,
        broken={hanoi.puzzle_is_not_solved: 31},
    ),
    Classic(
        barriers.BARRIERS,
        barriers.SCOPE,
        EXAMPLES.at("barriers/Barriers.cfg"),
        states=29_279,
        steps=104_515 - 1,
        depth=93 - 1,
    ),
    Classic(
        spanning_tree.SPANNING_TREE,
        spanning_tree.SCOPE,
        EXAMPLES.at("SpanningTree/SpanTree.cfg"),
        states=1_236,
        steps=10_278 - 1,
    ),
    Classic(
        termination_detection.TERMINATION_DETECTION,
        termination_detection.SCOPE,
        EXAMPLES.at("ewd998/AsyncTerminationDetection.cfg"),
        states=4_097,
        depth=14 - 1,
    ),
    Classic(
        chang_roberts.CHANG_ROBERTS,
        chang_roberts.SCOPE,
        EXAMPLES.at("chang_roberts/MCChangRoberts.cfg"),
        states=137,
        steps=227 - 8,
        depth=10 - 1,
    ),
    Classic(
        teaching_concurrency.TEACHING_CONCURRENCY,
        teaching_concurrency.SCOPE,
        EXAMPLES.at("TeachingConcurrency/Simple.cfg"),
        states=723,
        depth=11 - 1,
    ),
)

"""The symbolic engines: bounded model checking, k-induction and Spacer, by z3."""

from tdxcheck.checker.engines.symbolic.bmc import bmc
from tdxcheck.checker.engines.symbolic.judge import Budget, Judge, judge

__all__ = ["Budget", "Judge", "bmc", "judge"]

"""Ground systems: a system in a scope, with no parameter or quantifier left in it."""

from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundProperty, GroundStep, GroundSystem

__all__ = ["GroundProperty", "GroundStep", "GroundSystem", "ground"]

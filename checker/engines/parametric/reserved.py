"""Words that mean something to a solver, by which nothing of a model may be called.

Those of SMT-LIB, of z3 and of cvc5 that could be names in Python. cvc5 refuses a file
that declares one, and z3 may take it for its own.
"""

from __future__ import annotations

SORTS = """
    Array BitVec Bool Complex FiniteSet Float128 Float16 Float32 Float64 FloatingPoint
    Int List Real RegEx RegLan Relation RoundingMode Seq Set String StringSequence Table
    Unicode UnitTuple
"""
FUNCTIONS = """
    RNA RNE RTN RTP RTZ abs arccos arccot arccsc arcsec arcsin arctan bag bv bv2nat
    bvadd bvand bvashr bvcomp bvite bvlshr bvmul bvnand bvneg bvnego bvnor bvnot bvor
    bvredand bvredor bvsaddo bvsdiv bvsdivo bvsge bvsgt bvshl bvsle bvslt bvsmod bvsmulo
    bvsrem bvssubo bvsub bvuaddo bvudiv bvuge bvugt bvule bvult bvumulo bvurem bvusubo
    bvxnor bvxor concat cos cot csc distinct div div_total eqrange exists exp extract
    false forall fp iff implies is_int ite let map match mod mod_total par piand pto
    repeat roundNearestTiesToAway roundNearestTiesToEven roundTowardNegative
    roundTowardPositive roundTowardZero sbv_to_int sec select sep sin sqrt store tan
    to_int to_real true tuple ubv_to_int wand xor
"""
WORDS = frozenset(f"_ {SORTS} {FUNCTIONS}".split())


def spelt(name: str) -> str:
    """The name, or one that no solver has a meaning for, and no specification."""
    return f"{name}!" if name in WORDS else name

"""Arithmetic over index sorts that several of the classic models need."""

from __future__ import annotations

from tdxcheck.checker.language import Index, Term, all_of, count


def size(sort: type[Index]) -> Term[int]:
    """How many elements the sort has in this scope."""
    return count(sort, lambda element: all_of())

"""Judging: every question asked of every design, by both engines, and compared."""

"""Exports: ground systems in the languages of other model checkers."""

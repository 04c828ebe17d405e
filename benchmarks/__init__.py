"""Measurements of the engines, side by side with other model checkers."""

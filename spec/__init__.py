"""The rules of a TDX host and their vocabulary."""

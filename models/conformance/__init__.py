"""Conformance: the module model replays what the real module was seen to do."""

"""Exit codes: what the end of a command says."""

OK = 0
REFUTED = 1
"""A rule is refuted that should hold, or a record is not true any more."""
USAGE = 2
"""Wrong usage, or a broken specification."""
UNDECIDED = 3
"""A limit was met before there was an answer."""
INTERNAL = 4
"""The tool contradicts itself."""
INTERRUPTED = 130
NO_READER = 141

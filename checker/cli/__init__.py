"""The command line.

Nothing heavy is imported until a command runs, so that --help answers at once.
"""

from tdxcheck.checker.cli.main import main

__all__ = ["main"]

"""The entry point: finds the command, and makes one line of every error."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple, Never, TextIO

from tdxcheck.checker.cli.status import (
    INTERNAL,
    INTERRUPTED,
    NO_READER,
    UNDECIDED,
    USAGE,
)

if TYPE_CHECKING:
    import argparse

    from tdxcheck.checker.catalogue import Catalogue
    from tdxcheck.checker.judging.work import Engines


class Context(NamedTuple):
    """What commands work on; a test gives its own."""

    load: Callable[[], Catalogue]
    engines: Callable[[], Engines]
    address: str = ""
    """Where another process finds the catalogue: `package.module:NAME`."""


def _catalogue() -> Catalogue:
    from tdxcheck.models.catalogue import CATALOGUE

    return CATALOGUE


def _engines() -> Engines:
    from tdxcheck.checker.judging.work import ENGINES

    return ENGINES


TDX = Context(_catalogue, _engines, "tdxcheck.models.catalogue:CATALOGUE")


def _of_project(arguments: argparse.Namespace, context: Context) -> Context:
    """The same on the catalogue of a project, if there is one, or one is asked for."""
    asked = getattr(arguments, "catalogue", None)
    if not hasattr(arguments, "catalogue") or asked == "tdxcheck":
        return context
    if asked is None and context is not TDX:
        return context

    def load() -> Catalogue:
        from tdxcheck.checker.project import Project, load, project_of

        here = Path.cwd()
        project = Project.named(asked, here) if asked else project_of(here)
        return load(project) if project else context.load()

    return context._replace(load=load)


def main(argv: Sequence[str] | None = None, context: Context = TDX) -> int:
    """Run one command; the exit code."""
    try:
        # Even what is quick to import comes late: an interrupt may come at once.
        from tdxcheck.checker.cli.arguments import parser
        from tdxcheck.checker.cli.plain import bear_any_encoding

        _open_streams()
        _no_idle_threads()
        bear_any_encoding()
        _end_as_if_interrupted()
        if sys.flags.optimize > 1:
            return _fail(USAGE, "specifications need docstrings: not with python -OO")
        try:
            arguments = parser().parse_args(argv)
        except SystemExit as end:
            status = int(end.code or 0)
        else:
            status = _run(arguments, context)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        _forget(sys.stdout)
        return _fail(NO_READER, "nobody reads the output any more; it is not complete")
    except KeyboardInterrupt:
        return _fail(INTERRUPTED, "interrupted")
    except MemoryError:
        return _fail(UNDECIDED, "out of memory; take a smaller machine, or set limits")
    except Exception as error:
        return _explained(error)


def _open_streams() -> None:
    """Write to nowhere what a caller has closed; Python leaves None there."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))


def _no_idle_threads() -> None:
    """Keep OpenBLAS, which nothing here uses, from threads that wait by spinning.

    numpy starts them when it is imported, here and in the processes that are started.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _forget(stream: TextIO) -> None:
    """Write to nowhere from now on: Python would fail once more when it flushes."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _end_as_if_interrupted() -> None:
    """Take a request to end for Ctrl-C, so that no process is left behind."""

    def end(number: int, frame: FrameType | None) -> Never:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # Not in the main thread.
                signal.signal(number, end)


def _run(arguments: argparse.Namespace, context: Context) -> int:
    context = _of_project(arguments, context)
    # Each command imports what it needs, and only that.
    if arguments.version:
        from tdxcheck.checker.cli.versions import versions

        return versions()
    match arguments.command:
        case "verify":
            from tdxcheck.checker.cli.verify import verify

            return verify(arguments, context.load(), context.engines(), context.address)
        case "check-certificate":
            from tdxcheck.checker.cli.certificates import check_certificate

            return check_certificate(arguments, context.load())
        case "guards":
            from tdxcheck.checker.cli.guards import guards

            return guards(arguments, context.load())
        case "lines":
            from tdxcheck.checker.cli.lines import lines

            return lines(arguments, context.load())
        case "diff":
            from tdxcheck.checker.cli.diff import diff

            return diff(arguments, context.load(), context.engines())
        case "gate":
            from tdxcheck.checker.cli.gate import gate

            return gate(arguments)
        case "matrix":
            from tdxcheck.checker.cli.matrix import matrix

            return matrix(arguments, context.load())
        case "list":
            from tdxcheck.checker.cli.browse import list_

            return list_(arguments, context.load())
        case "explain":
            from tdxcheck.checker.cli.browse import explain

            return explain(arguments, context.load())
        case "show":
            from tdxcheck.checker.cli.recorded import show

            return show(arguments, context.load())
        case "replay" if arguments.events is not None:
            from tdxcheck.checker.cli.events import replay_events

            return replay_events(arguments, context.load())
        case "replay":
            from tdxcheck.checker.cli.recorded import replay

            return replay(arguments, context.load(), context.engines())
        case "why":
            from tdxcheck.checker.cli.why import why

            return why(arguments, context.load(), context.engines())
        case "why-not":
            from tdxcheck.checker.cli.why_not import why_not

            return why_not(arguments, context.load())
        case "coverage":
            from tdxcheck.checker.cli.coverage import cover

            return cover(arguments, context.load())
        case "graph":
            from tdxcheck.checker.cli.graph import graph

            return graph(arguments, context.load())
        case "audit":
            from tdxcheck.checker.cli.audit import audit

            return audit(arguments, context.load())
        case "status":
            from tdxcheck.checker.cli.decode import decode

            return decode(arguments)
        case "export":
            from tdxcheck.checker.cli.export import export

            return export(arguments, context.load())
        case "conform":
            from tdxcheck.checker.cli.conform import conform

            return conform(arguments)
        case "layout":
            from tdxcheck.checker.cli.layout import layout

            return layout(arguments)
        case "schema":
            from tdxcheck.checker.cli.schema import schema

            return schema(arguments)
        case "completion":
            from tdxcheck.checker.cli.completion import completion

            return completion(arguments, context.load())
        case "new":
            from tdxcheck.checker.cli.new import new

            return new(arguments)
    from tdxcheck.checker.cli.arguments import parser

    parser().print_help()
    return USAGE


def _explained(error: Exception) -> int:
    """The exit code of an error, after one line that says what it is."""
    from tdxcheck.checker.catalogue import UsageError
    from tdxcheck.checker.judging.combine import InternalError
    from tdxcheck.checker.judging.processes import BrokenSpecification
    from tdxcheck.checker.language.location import SpecificationError

    match error:
        case UsageError():
            return _fail(USAGE, str(error))
        case SpecificationError() | BrokenSpecification():
            return _fail(USAGE, f"the specification is broken: {error}")
        case InternalError():
            return _fail(INTERNAL, f"INTERNAL ERROR, trust nothing: {error}")
        case OSError():
            return _fail(USAGE, _place(error))
    if "TDXCHECK_DEBUG" in os.environ:
        raise error
    what = f"{type(error).__name__}: {error}"
    return _fail(INTERNAL, f"INTERNAL ERROR: {what} (TDXCHECK_DEBUG=1 says where)")


def _place(error: OSError) -> str:
    """What could not be read or written, if that is known, and why."""
    full = (errno.ENOSPC, errno.EIO, errno.EDQUOT)
    if error.filename is None and error.errno in full:
        _forget(sys.stdout)
        return f"standard output: {error.strerror}"
    where = f"{error.filename}: " if error.filename is not None else ""
    return f"{where}{error.strerror or error}"


def _fail(status: int, message: str) -> int:
    """The exit code, after one line; which may be all that is left to tell."""
    from tdxcheck.checker.cli.plain import one_line

    try:
        print(one_line(f"tdxcheck: {message}"), file=sys.stderr, flush=True)
    except OSError:
        _forget(sys.stderr)
    return status

"""The arguments of the command line."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Never

from tdxcheck.checker.cli.plain import one_line

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    # Only type checkers know it as generic.
    _Commands = argparse._SubParsersAction["Parser"]

EXIT_CODES = """\
exit codes:
  0    everything is as expected
  1    a rule is refuted that should hold, or an expected refutation is gone;
       a recorded trace is stale or not shortest; a certificate is refused;
       the module model does not conform;
       by a log TDX has failed or refused something; what was seen is no run;
       a change to a specification allows, forbids or loses something;
       something never happens, and nobody has said why
  2    wrong usage, a file that cannot be read or written,
       or a broken specification
  3    undecided: the limit of depth, states, memory or time was met;
       a log does not say what became of TDX
  4    internal error: the engines disagree, or a trace does not replay
  130  interrupted, by Ctrl-C, SIGTERM or SIGHUP
  141  nobody reads the output any more
"""

EXAMPLES = """\
examples:
  tdxcheck new my-design            a project of your own, to be changed and judged
  tdxcheck verify                   judge every design by every rule
  tdxcheck verify v3 --rule ID      one design, one rule
  tdxcheck guards v6.8              what each of its safeguards is good for
  tdxcheck diff v6.18 v7.1          what they do differently, and what comes of it
  tdxcheck gate --base main         what a change to the specification means
  tdxcheck matrix v3                on which machines it breaks which rule
  tdxcheck explain v3               what a design is, and how it differs
  tdxcheck show B28                 tell a recorded counterexample
  tdxcheck why v3 suspend_is_refused   why a rule is broken, or what keeps it
  tdxcheck why-not v6.8 kexec       what stands in the way of an action
  tdxcheck layout dmesg.txt         do this host's TDMRs cover its memory
  tdxcheck audit dmesg.txt          what became of TDX on a machine, and why
  tdxcheck status 0xc000050500000000   what a SEAMCALL has answered
  tdxcheck export v3 --to promela   the design as a model for SPIN
"""


USUAL_KERNEL = "v6.8"
"""Whose way of building TDMRs is taken where nothing tells a kernel."""

LONGEST = 1e8
"""Seconds: three years, which every system's timer can be set to."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> Never:
        said = one_line(f"{self.prog}: {message}; see '{self.prog} --help'")
        self.exit(2, f"{said}\n")

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Unlike argparse, which takes a full disk for a success."""
        print(self.format_help(), end="", file=file or sys.stdout)


def parser() -> argparse.ArgumentParser:
    top = Parser(
        prog="tdxcheck",
        description="The lifecycle rules of an Intel TDX host, specified and checked.",
        epilog=f"{EXAMPLES}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="store_true", help="show versions and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    _verify(commands)
    _check_certificate(commands)
    _guards(commands)
    _diff(commands)
    _gate(commands)
    _matrix(commands)
    _list(commands)
    _explain(commands)
    _show(commands)
    _replay(commands)
    _why(commands)
    _why_not(commands)
    _coverage(commands)
    _graph(commands)
    _export(commands)
    _conform(commands)
    _layout(commands)
    _audit(commands)
    _status(commands)
    _new(commands)
    _schema(commands)
    _completion(commands)
    for name, command in commands.choices.items():
        if name not in WITHOUT_CATALOGUE:
            _catalogue(command)
    return top


WITHOUT_CATALOGUE = ("audit", "conform", "gate", "layout", "new", "schema", "status")
"""Commands that are not about the designs of a catalogue, or load one themselves."""


WITH_SCHEMA = (
    "verify", "guards", "coverage", "diff", "matrix", "gate", "audit", "status",
    "layout", "replay",
)  # fmt: skip
"""Commands whose JSON has a schema."""


def _catalogue(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--catalogue", metavar="FILE",
        help="work on the designs and rules of this Python file, or 'tdxcheck' for its "
        "own (default: what pyproject.toml says)",
    )  # fmt: skip


def _command(commands: _Commands, name: str, help: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _verify(commands: _Commands) -> None:
    verify = _command(
        commands, "verify", "judge designs by the rules, with several engines"
    )
    verify.add_argument("designs", nargs="*", metavar="DESIGN", help="default: all")
    verify.add_argument(
        "--rule", action="append", default=[], metavar="ID",
        help="only this rule or claim; may be repeated",
    )  # fmt: skip
    _machine(verify)
    verify.add_argument(
        "--engine", action="append", default=[], metavar="NAME",
        choices=(
            "all", "diagrams", "explicit", "symbolic", "orbits", "pdr", "parametric",
        ),
        help="diagrams, explicit, symbolic, orbits (up to symmetry), pdr (proofs by "
        "invariants), parametric (any number of CPUs, packages, blocks), or all but "
        "the last three, which is the default; may be repeated: they are compared",
    )  # fmt: skip
    verify.add_argument(
        "--assume", action="append", default=[], metavar="KEY",
        help="make this assumption; may be repeated (see 'tdxcheck list assumptions')",
    )  # fmt: skip
    _limits(verify)
    verify.add_argument(
        "--jobs", type=_positive, default=default_jobs(), metavar="N",
        help="processes at a time (default: %(default)s)",
    )  # fmt: skip
    verify.add_argument(
        "--scheduler", default=None, metavar="ADDRESS",
        help="run on the workers of this Dask scheduler, such as tcp://host:8786, or "
        "'local' for one of its own with --jobs workers",
    )  # fmt: skip
    _cache(verify)
    verify.add_argument(
        "--resume", type=Path, default=None, metavar="DIR",
        help="keep the search of --engine explicit there, and go on from what is there",
    )  # fmt: skip
    verify.add_argument(
        "--certificate", type=Path, default=None, metavar="DIR",
        help="write there the certificate of each proof (see check-certificate)",
    )  # fmt: skip
    _formats(verify)
    verify.add_argument(
        "--record", action="store_true",
        help="keep the trace of every refutation among the counterexamples",
    )  # fmt: skip
    _folder(verify)


def _check_certificate(commands: _Commands) -> None:
    command = _command(
        commands, "check-certificate", "check proofs apart from what has found them"
    )
    command.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH",
        help="a certificate of 'tdxcheck verify --certificate', or a folder of them",
    )  # fmt: skip


def _guards(commands: _Commands) -> None:
    command = _command(
        commands, "guards", "take each safeguard out of a design, and see what breaks"
    )
    command.add_argument("designs", nargs="*", metavar="DESIGN", help="default: all")
    command.add_argument(
        "--guard", action="append", default=[], metavar="NAME",
        help="only this safeguard, and tell its shortest trace; may be repeated",
    )  # fmt: skip
    _machine(command)
    _limits(command)
    command.add_argument(
        "--jobs", type=_positive, default=default_jobs(), metavar="N",
        help="processes at a time (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--record", action="store_true",
        help="keep the shortest trace of each safeguard that a design is first to have",
    )  # fmt: skip
    _folder(command)
    _formats(command)


def _diff(commands: _Commands) -> None:
    command = _command(
        commands, "diff", "what two designs do differently, and which verdicts change"
    )
    command.add_argument("one", metavar="DESIGN")
    command.add_argument("other", metavar="DESIGN")
    _machine(command)
    _limits(command)
    command.add_argument(
        "--jobs", type=_positive, default=default_jobs(), metavar="N",
        help="processes at a time (default: %(default)s)",
    )  # fmt: skip
    _format(command)
    _mail(command)


def _gate(commands: _Commands) -> None:
    command = _command(
        commands, "gate", "what a change to a specification allows, forbids and loses"
    )
    command.add_argument(
        "--base", default="HEAD", metavar="REF",
        help="the revision to compare with (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--head", default=None, metavar="REF",
        help="the revision that is compared (default: the working tree)",
    )  # fmt: skip
    command.add_argument(
        "--catalogue", default=None, metavar="FILE.py:NAME",
        help="of a specification elsewhere, or MODULE:NAME (default: what "
        "pyproject.toml says, or tdxcheck's own)",
    )  # fmt: skip
    command.add_argument(
        "--folder", type=Path, default=None, metavar="DIR",
        help="of the recorded counterexamples (default: counterexamples)",
    )  # fmt: skip
    command.add_argument(
        "--time", type=_seconds, default=None, metavar="S",
        help="seconds for everything; 0 for no limit (default: 300)",
    )  # fmt: skip
    command.add_argument(
        "--max-memory", "--memory", type=_memory, metavar="SIZE", default=6 << 30,
        help="of a search, such as 512M or 4G (default: 6G)",
    )  # fmt: skip
    _cache(command)
    command.add_argument(
        "--record-facts", action="store_true",
        help="write down the fact that each cited clause is cited for; compare nothing",
    )  # fmt: skip
    _formats(command)


def _matrix(commands: _Commands) -> None:
    command = _command(
        commands, "matrix", "which features of a machine break which rule of a design"
    )
    command.add_argument("designs", nargs="*", metavar="DESIGN", help="default: all")
    _machine(command)
    command.add_argument(
        "--jobs", type=_positive, default=default_jobs(), metavar="N",
        help="processes at a time (default: %(default)s)",
    )  # fmt: skip
    _format(command)


def _machine(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the machine (default: the smallest sensible)")
    group.add_argument("--cpus", type=_positive, metavar="N")
    group.add_argument("--packages", type=_positive, metavar="P")
    group.add_argument("--blocks", type=_positive, metavar="M", help="memory blocks")


def _limits(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("limits, at which verdicts are partial")
    group.add_argument("--max-states", type=_positive, metavar="N", help="per design")
    group.add_argument(
        "--max-memory", "--memory", type=_memory, metavar="SIZE",
        help="per process, such as 512M or 4G (default: what is available, shared)",
    )  # fmt: skip
    group.add_argument("--depth", type=_positive, metavar="K", help="steps of a run")
    group.add_argument(
        "--time", type=_seconds, default=None, metavar="S",
        help="seconds for everything; 0 for no limit (default: 120, more for many)",
    )  # fmt: skip


def _cache(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--cache", type=Path, default=None, metavar="DIR",
        help="where results are kept for later runs (default: ~/.cache/tdxcheck)",
    )  # fmt: skip
    command.add_argument(
        "--no-cache", action="store_true", help="judge everything anew, keep nothing"
    )


def _folder(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--folder", type=Path, default=None, metavar="DIR",
        help="of the recorded counterexamples (default: those of tdxcheck)",
    )  # fmt: skip


def _formats(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the report")
    group.add_argument(
        "--format", default="text", metavar="NAME",
        choices=("text", "json", "junit", "sarif", "markdown", "github"),
        help="text, json ('tdxcheck schema' documents it), junit, sarif, markdown, or "
        "github: text, annotations, and the job's summary (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--output", type=Path, action="append", default=[], metavar="FILE",
        help="write it there as well, in the format of its ending: .txt, .json, .xml "
        "(JUnit), .sarif or .md; may be repeated",
    )  # fmt: skip
    _mail(group)


def _mail(command: argparse._ActionsContainer) -> None:
    command.add_argument(
        "--mail", action="store_true", help="text of 72 columns, without colour"
    )


def _list(commands: _Commands) -> None:
    command = _command(commands, "list", "list what there is")
    command.add_argument(
        "what", nargs="?",
        choices=(
            "designs", "rules", "claims", "assumptions", "safeguards",
            "counterexamples",
        ),
        help="default: everything",
    )  # fmt: skip
    _folder(command)


def _explain(commands: _Commands) -> None:
    command = _command(
        commands, "explain", "explain a rule, design, claim, assumption or safeguard"
    )
    command.add_argument("name", metavar="NAME")
    _mail(command)


def _show(commands: _Commands) -> None:
    command = _command(commands, "show", "tell a recorded counterexample step by step")
    command.add_argument("trace", metavar="TRACE", help="a name, or a .itf.json file")
    _folder(command)
    _mail(command)


def _replay(commands: _Commands) -> None:
    command = _command(
        commands,
        "replay",
        "check that recorded counterexamples still are shortest, or that events are a "
        "run of a design",
    )
    command.add_argument(
        "traces", nargs="*", metavar="TRACE", help="a name, or a .itf.json file"
    )
    command.add_argument(
        "--events", metavar="FILE",
        help="a stream of events in JSON lines, or -: is it a run of the design?",
    )  # fmt: skip
    command.add_argument(
        "--design", metavar="DESIGN",
        help="that the events are followed in (default: what the stream says, or v6.8)",
    )  # fmt: skip
    command.add_argument(
        "--format", choices=("text", "json"), default="text",
        help="with --events: json is for programs; see 'tdxcheck schema replay'",
    )  # fmt: skip
    _limits(command)
    _folder(command)


def _why(commands: _Commands) -> None:
    command = _command(
        commands,
        "why",
        "why a rule is broken, or what keeps it, and what would change it",
    )
    command.add_argument(
        "subject", nargs="+", metavar="TRACE | DESIGN RULE",
        help="a recorded trace; or a design and a rule, which is then judged",
    )  # fmt: skip
    command.add_argument(
        "--next", action="count", default=0,
        help="the next counterexample that is different: another clause, another "
        "action that breaks it, or other steps that lead there; may be repeated",
    )  # fmt: skip
    _machine(command)
    _limits(command)
    _folder(command)


def _why_not(commands: _Commands) -> None:
    command = _command(
        commands, "why-not", "what stands in the way of an action, and what would help"
    )
    command.add_argument("design", metavar="DESIGN")
    command.add_argument(
        "action", nargs="?", metavar="ACTION",
        help="an action or an event of the design (default: each, in one line)",
    )  # fmt: skip
    command.add_argument(
        "arguments", nargs="*", metavar="ARG",
        help="in their order, such as 1 for CPU 1, or as NAME=VALUE; else the nearest",
    )  # fmt: skip
    command.add_argument(
        "--at", action="append", default=[], metavar="STATE",
        help="TRACE[:STEP], the state after a step of a recorded trace; or "
        "VARIABLE=VALUE, repeated: the end of a shortest run (default: the start)",
    )  # fmt: skip
    command.add_argument("--assume", action="append", default=[], metavar="KEY")
    _machine(command)
    _folder(command)


def _coverage(commands: _Commands) -> None:
    command = _command(
        commands, "coverage", "what of a design ever happens, and what never does"
    )
    command.add_argument("design", metavar="DESIGN")
    command.add_argument(
        "--trace", metavar="NAME", help="tell a shortest run to what has this name"
    )
    command.add_argument(
        "--all", action="store_true",
        help="list guard literals and refused SEAMCALLs too, and what is settled",
    )  # fmt: skip
    command.add_argument("--assume", action="append", default=[], metavar="KEY")
    _machine(command)
    command.add_argument(
        "--format", choices=("text", "json"), default="text",
        help="json: documented in tdxcheck/checker/report/coverage.py",
    )  # fmt: skip


def _graph(commands: _Commands) -> None:
    command = _command(commands, "graph", "write the graph of reachable states")
    command.add_argument("design", metavar="DESIGN")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE",
        help="ending in .graphml, .json (node-link) or .dot",
    )  # fmt: skip
    command.add_argument("--assume", action="append", default=[], metavar="KEY")
    command.add_argument(
        "--max-states", type=_positive, default=20_000, metavar="N",
        help="refuse larger graphs (default: %(default)s)",
    )  # fmt: skip
    _machine(command)


def _export(commands: _Commands) -> None:
    command = _command(
        commands, "export", "write a design in the language of another model checker"
    )
    command.add_argument("design", metavar="DESIGN")
    command.add_argument(
        "--to", required=True,
        choices=("promela", "murphi", "tla", "aiger", "aiger-ascii"),
        help="for SPIN, Rumur, TLC, ABC; the last to be read by people",
    )  # fmt: skip
    command.add_argument(
        "--rule", action="append", default=[], metavar="ID",
        help="only what this rule depends on; may be repeated (default: every rule)",
    )  # fmt: skip
    command.add_argument("--assume", action="append", default=[], metavar="KEY")
    command.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="default: standard output; of tla a .cfg is written beside it",
    )  # fmt: skip
    _machine(command)


def _conform(commands: _Commands) -> None:
    command = _command(
        commands, "conform", "compare the module model with recorded answers of Intel's"
    )
    command.add_argument("folder", type=Path, metavar="DIR", help="of the vectors")


def _layout(commands: _Commands) -> None:
    command = _command(
        commands, "layout", "the TDMRs of a machine's memory, and what comes of them"
    )
    command.add_argument(
        "map", metavar="MAP",
        help="a memory map (JSON), a boot log, or 'live': this machine",
    )  # fmt: skip
    command.add_argument(
        "--kernel", default=None, metavar="DESIGN",
        help="whose way of building TDMRs is taken (default: of a log that of its "
        f"kernel, else {USUAL_KERNEL})",
    )  # fmt: skip
    command.add_argument(
        "--svg", type=Path, default=None, metavar="FILE", help="draw the map there"
    )
    command.add_argument(
        "--format", choices=("text", "json"), default="text",
        help="json: 'tdxcheck schema layout' documents it",
    )  # fmt: skip
    command.add_argument(
        "--root", type=Path, default=None, metavar="DIR",
        help="with 'live': where /sys and /proc are (default: /)",
    )  # fmt: skip


def _audit(commands: _Commands) -> None:
    command = _command(
        commands, "audit", "say what became of TDX on a machine, from its kernel log"
    )
    command.add_argument(
        "logs", nargs="+", metavar="LOG",
        help="dmesg, journalctl text or JSON, or a part of it, gzipped or not; "
        "a folder of such files; - for standard input",
    )  # fmt: skip
    command.add_argument(
        "--judge", action="store_true",
        help="judge the rules anew, on a machine such as the log shows",
    )  # fmt: skip
    _format(command)


def _status(commands: _Commands) -> None:
    command = _command(
        commands, "status", "decode the 64-bit statuses that SEAMCALLs answer"
    )
    command.add_argument(
        "codes", nargs="+", metavar="CODE", help="hexadecimal or decimal"
    )
    _format(command)


def _new(commands: _Commands) -> None:
    command = _command(
        commands, "new", "make a project of your own: a design, a rule, a test, CI"
    )
    command.add_argument(
        "folder", type=Path, metavar="DIR", help="to be made; its name is the design's"
    )


def _schema(commands: _Commands) -> None:
    command = _command(
        commands,
        "schema",
        "print what the JSON of a command looks like, as JSON Schema",
    )
    command.add_argument(
        "of", metavar="COMMAND",
        choices=WITH_SCHEMA, help=", ".join(WITH_SCHEMA),
    )  # fmt: skip


def _completion(commands: _Commands) -> None:
    command = _command(
        commands, "completion", "print what completes command lines in a shell"
    )
    command.add_argument(
        "shell", metavar="SHELL", choices=("bash", "zsh", "fish"),
        help="bash, zsh or fish; source it, as in 'source <(tdxcheck completion bash)'",
    )  # fmt: skip


def _format(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--format", choices=("text", "json"), default="text",
        help="for people or, as 'tdxcheck schema' documents it, for programs "
        "(default: %(default)s)",
    )  # fmt: skip


def default_jobs() -> int:
    if sys.platform == "linux":
        return min(2, len(os.sched_getaffinity(0)))
    return min(2, os.cpu_count() or 1)


def _positive(text: str) -> int:
    if not re.fullmatch(r"0*[1-9](_?[0-9]){0,17}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 up")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= LONGEST:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds")
    return value


def _memory(text: str) -> int:
    found = re.fullmatch(r"0*([1-9][0-9]{0,17})([KMG]?)(?:i?B)?", text, re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size such as 512M or 4G")
    return int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2].upper()]

"""The arguments of the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Never

from tdxcheck.checker.cli import options
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
  tdxcheck lines v6.8               which of its lines no rule needs
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
    _lines(commands)
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
            options.catalogue(command)
    return top


WITHOUT_CATALOGUE = ("audit", "conform", "gate", "layout", "new", "schema", "status")
"""Commands that are not about the designs of a catalogue, or load one themselves."""


WITH_SCHEMA = (
    "verify", "guards", "lines", "coverage", "diff", "matrix", "gate", "audit",
    "status", "layout", "replay",
)  # fmt: skip
"""Commands whose JSON has a schema."""


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
    options.machine(verify)
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
        "--strongest", action="store_true",
        help="in the time that is left, look for proofs of the rules for every number "
        "of CPUs, packages and blocks",
    )  # fmt: skip
    verify.add_argument(
        "--assume", action="append", default=[], metavar="KEY",
        help="make this assumption; may be repeated (see 'tdxcheck list assumptions')",
    )  # fmt: skip
    options.limits(verify)
    verify.add_argument(
        "--jobs", type=options.positive, default=options.default_jobs(), metavar="N",
        help="processes at a time (default: %(default)s)",
    )  # fmt: skip
    verify.add_argument(
        "--scheduler", default=None, metavar="ADDRESS",
        help="run on the workers of this Dask scheduler, such as tcp://host:8786, or "
        "'local' for one of its own with --jobs workers",
    )  # fmt: skip
    options.cache(verify)
    verify.add_argument(
        "--resume", type=Path, default=None, metavar="DIR",
        help="keep the search of --engine explicit there, and go on from what is there",
    )  # fmt: skip
    verify.add_argument(
        "--certificate", type=Path, default=None, metavar="DIR",
        help="write there the certificate of each proof (see check-certificate)",
    )  # fmt: skip
    options.formats(verify)
    verify.add_argument(
        "--record", action="store_true",
        help="keep the trace of every refutation among the counterexamples",
    )  # fmt: skip
    options.folder(verify)


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
    options.machine(command)
    options.limits(command)
    command.add_argument(
        "--jobs", type=options.positive, default=options.default_jobs(), metavar="N",
        help="processes at a time (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--record", action="store_true",
        help="keep the shortest trace of each safeguard that a design is first to have",
    )  # fmt: skip
    options.folder(command)
    options.formats(command)


def _lines(commands: _Commands) -> None:
    command = _command(
        commands, "lines", "take each guard and each effect out, and see which rule is"
        " broken",
    )  # fmt: skip
    command.add_argument("design", metavar="DESIGN")
    command.add_argument(
        "--action", action="append", default=[], metavar="NAME",
        help="the lines of this action (default: of those that the design it is stated "
        "upon has not); may be repeated",
    )  # fmt: skip
    command.add_argument(
        "--line", action="append", default=[], metavar="NAME",
        help="this line, and tell the shortest run that breaks a rule without it; may "
        "be repeated",
    )  # fmt: skip
    command.add_argument(
        "--all", action="store_true", help="the lines of every action of the design"
    )
    options.machine(command)
    options.resources(command.add_argument_group("limits"), "no limit")
    command.add_argument(
        "--jobs", type=options.positive, default=options.default_jobs(), metavar="N",
        help="processes at a time (default: %(default)s)",
    )  # fmt: skip
    options.format(command)


def _diff(commands: _Commands) -> None:
    command = _command(
        commands, "diff", "what two designs do differently, and which verdicts change"
    )
    command.add_argument("one", metavar="DESIGN")
    command.add_argument("other", metavar="DESIGN")
    options.machine(command)
    options.limits(command)
    command.add_argument(
        "--jobs", type=options.positive, default=options.default_jobs(), metavar="N",
        help="processes at a time (default: %(default)s)",
    )  # fmt: skip
    options.format(command)
    options.mail(command)


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
        "--time", type=options.seconds, default=None, metavar="S",
        help="seconds for everything; 0 for no limit (default: 300)",
    )  # fmt: skip
    command.add_argument(
        "--max-memory", "--memory", type=options.memory, default=6 << 30,
        metavar="SIZE",
        help="of a search, such as 512M or 4G (default: 6G)",
    )  # fmt: skip
    options.cache(command)
    command.add_argument(
        "--record-facts", action="store_true",
        help="write down the fact that each cited clause is cited for; compare nothing",
    )  # fmt: skip
    options.formats(command)


def _matrix(commands: _Commands) -> None:
    command = _command(
        commands, "matrix", "which features of a machine break which rule of a design"
    )
    command.add_argument("designs", nargs="*", metavar="DESIGN", help="default: all")
    options.machine(command)
    command.add_argument(
        "--jobs", type=options.positive, default=options.default_jobs(), metavar="N",
        help="processes at a time (default: %(default)s)",
    )  # fmt: skip
    options.format(command)


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
    options.folder(command)


def _explain(commands: _Commands) -> None:
    command = _command(
        commands, "explain", "explain a rule, design, claim, assumption or safeguard"
    )
    command.add_argument("name", metavar="NAME")
    options.mail(command)


def _show(commands: _Commands) -> None:
    command = _command(commands, "show", "tell a recorded counterexample step by step")
    command.add_argument("trace", metavar="TRACE", help="a name, or a .itf.json file")
    options.folder(command)
    options.mail(command)


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
    options.limits(command)
    options.folder(command)


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
    options.machine(command)
    options.limits(command)
    options.folder(command)


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
    options.machine(command)
    options.folder(command)


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
    options.machine(command)
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
        "--max-states", type=options.positive, default=20_000, metavar="N",
        help="refuse larger graphs (default: %(default)s)",
    )  # fmt: skip
    options.machine(command)


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
    options.machine(command)


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
    options.format(command)


def _status(commands: _Commands) -> None:
    command = _command(
        commands, "status", "decode the 64-bit statuses that SEAMCALLs answer"
    )
    command.add_argument(
        "codes", nargs="+", metavar="CODE", help="hexadecimal or decimal"
    )
    options.format(command)


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

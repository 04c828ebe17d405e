"""tdxcheck check-certificate: check proofs apart from what has found them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tdxcheck.checker.catalogue import Catalogue, UsageError
from tdxcheck.checker.certificate_checker import (
    INFO,
    Refused,
    Undecided,
    check,
    read,
)
from tdxcheck.checker.certificate_endings import shown
from tdxcheck.checker.certificate_solvers import solvers
from tdxcheck.checker.certificates.writing import EVERY
from tdxcheck.checker.cli.plain import one_line
from tdxcheck.checker.cli.status import OK, REFUTED, UNDECIDED
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.question import Case, cases_of

if TYPE_CHECKING:
    from tdxcheck.checker.certificates.quantified import Families

Asked = tuple[str, Case, int]
"""A question by its name: its case, and its number there."""
SUFFIX = ".smt2"
MOST = 64 << 20
"""Bytes of a file that is read."""


def check_certificate(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    """Tell of each certificate, and by the exit code whether all are good."""
    checking = _Checking(catalogue)
    status = OK
    for path in list(_files(arguments.paths)):
        started = time.monotonic()
        try:
            said = checking.check(path)
        except Refused as error:
            said, status = f"REFUSED: {error}", REFUTED
        except Undecided as error:
            said, status = f"undecided: {error}", status or UNDECIDED
        spent = time.monotonic() - started
        print(f"{path}: {one_line(said)} ({spent:.2f} s)", flush=True)
    return status


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(one for one in path.glob(f"*{SUFFIX}") if one.is_file())
        if not found:
            raise UsageError(f"there is no certificate in {path}: no *{SUFFIX}")
        yield from found


class _Checking:
    """Checks certificates, and grounds each system that they are about only once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.solvers = solvers()
        self.asked: dict[tuple[str, ...], list[Asked]] = {}
        self.grounded: dict[int, tuple[Case, GroundSystem]] = {}
        self.families: Families | None = None

    def check(self, path: Path) -> str:
        """What is said of a certificate that is accepted."""
        text = _content(path)
        info = dict(INFO.findall(text))
        if info.get("says") == EVERY:
            clauses, save = self._for_every(text, info)
            info["says"] += f", save with {save}" if save else ""
        else:
            certificate = read(text)
            info = certificate.info
            _, case, number = self._subject(info)
            system = self._grounded(case)
            rule = shown(system, system.properties[number], info)
            clauses = check(certificate, system, rule, self.solvers)
        names = " and ".join(self.solvers)
        return (
            f"accepted by {names}: {info['question']} of {info['design']} "
            f"{info['says']}, by {clauses} clause{'s' * (clauses != 1)}"
        )

    def _for_every(self, text: str, info: dict[str, str]) -> tuple[int, str]:
        """Check a proof for every number of things.

        Tell how many parts it has, and of which machines it says nothing.
        """
        from tdxcheck.checker.certificates.quantified import Families

        self.families = self.families or Families()
        _, case, number = self._subject(info)
        parts = self.families.check(case, number, text)
        return parts, self.families.excepted(case, number, text)

    def _grounded(self, case: Case) -> GroundSystem:
        if id(case) not in self.grounded:
            system = ground(case.instance.system, case.instance.scope)
            self.grounded[id(case)] = case, system
        return self.grounded[id(case)][1]

    def _subject(self, info: dict[str, str]) -> Asked:
        """What the certificate says that it is about."""
        keys = ("design", "question", "sizes", "assumed")
        if missing := [key for key in keys if key not in info]:
            raise Refused(f"it does not name its {missing[0]}")
        for asked in self._questions(info):
            if asked[0] == info["question"]:
                return asked
        raise Refused(f"nothing is called {info['question']} in {info['design']}")

    def _questions(self, info: dict[str, str]) -> Iterator[Asked]:
        """Everything that can be asked of the design on that machine."""
        claim = info["question"].partition("-without-")[0]
        is_claim = any(claim == known.key for known in self.catalogue.claims)
        key = (info["design"], info["sizes"], info["assumed"], claim * is_claim)
        if key not in self.asked:
            try:
                design = self.catalogue.design(info["design"])
                assumed = map(self.catalogue.assumption, info["assumed"].split())
                sizes = self._sizes(info["sizes"])
                names = [claim] if is_claim else [r.id for r in self.catalogue.rules]
                cases = cases_of(
                    self.catalogue,
                    [design],
                    sizes,
                    names=names,
                    assumed=tuple(assumed),
                )
            except (UsageError, ValueError) as error:
                raise Refused(str(error)) from error
            self.asked[key] = [
                (question.name, case, number)
                for case in cases
                for number, question in enumerate(case.questions)
            ]
        yield from self.asked[key]

    def _sizes(self, said: str) -> dict[str, int]:
        """Such as `cpus 4 packages 2`."""
        words = said.split()
        try:
            sizes = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        except ValueError as error:
            raise Refused(f"no sizes of a machine: {said}") from error
        if sizes.keys() - self.catalogue.machine.sizes.keys():
            raise Refused(f"no sizes of a machine: {said}")
        return sizes


def _content(path: Path) -> str:
    if path.stat().st_size > MOST:
        raise UsageError(f"{path} is larger than any certificate")
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise Refused("it is no text") from error
    if not text.replace("\n", "").isprintable():
        # Another program could take it for the end of a line, or for nothing.
        raise Refused("it has a character that is not printed")
    return text

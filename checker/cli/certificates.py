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
from tdxcheck.checker.certificates import manifest
from tdxcheck.checker.certificates.posing import subject_of
from tdxcheck.checker.certificates.wording import (
    compare,
    says_what_is_shown,
    says_what_is_shown_for_every,
)
from tdxcheck.checker.certificates.writing import EVERY, VACUOUS_FOR_EVERY
from tdxcheck.checker.cli.plain import one_line
from tdxcheck.checker.cli.status import OK, REFUTED, UNDECIDED
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.question import Case, cases_of

if TYPE_CHECKING:
    from tdxcheck.checker.certificates.quantified import Families

Asked = tuple[str, Case, int]
"""A question by its name: its case, and its number there."""
SUFFIX, WORDS = ".smt2", ".txt"
MOST = 64 << 20
"""Bytes of a file that is read."""


def check_certificate(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    """Tell of each certificate, and by the exit code whether all are good."""
    checking = _Checking(catalogue)
    status = OK
    for folder, path in list(_files(arguments.paths)):
        started = time.monotonic()
        try:
            if path == folder:
                manifest.compare(folder)
                continue
            said = checking.check(path, is_named=folder is not None)
        except Refused as error:
            said, status = f"REFUSED: {error}", REFUTED
        except OSError as error:
            if folder is None:
                raise
            said, status = f"REFUSED: it cannot be read: {error.strerror}", REFUTED
        except Undecided as error:
            said, status = f"undecided: {error}", status or UNDECIDED
        spent = time.monotonic() - started
        print(f"{path}: {one_line(said)} ({spent:.2f} s)", flush=True)
    return status


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path | None, Path]]:
    """Each file, and its folder if that was named; the folder itself comes first."""
    for path in paths:
        if not path.is_dir():
            yield None, path
            continue
        found = sorted(path.glob(f"*{SUFFIX}"))
        if not found and not (path / manifest.NAME).exists():
            raise UsageError(f"there is no certificate in {path}: no *{SUFFIX}")
        yield path, path
        yield from ((path, one) for one in found)


class _Checking:
    """Checks certificates, and grounds each system that they are about only once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.solvers = solvers()
        self.asked: dict[tuple[str, ...], list[Asked]] = {}
        self.grounded: dict[int, tuple[Case, GroundSystem]] = {}
        self.families: Families | None = None

    def check(self, path: Path, *, is_named: bool = False) -> str:
        """What is said of a certificate that is accepted.

        Its file may have to be named by what it is of.
        """
        text = _content(path)
        said = INFO.findall(text)
        info = dict(said)
        if len(said) != len(info):
            raise Refused("it says something twice")
        is_for_every = info.get("says") in (EVERY, VACUOUS_FOR_EVERY)
        certificate = None if is_for_every else read(text)
        info = info if certificate is None else certificate.info
        _, case, number = self._subject(info)
        if is_named and path.stem != f"{info['design']}-{info['question']}":
            raise Refused(f"it is of {info['question']} of {info['design']}")
        save = ""
        if certificate is None:
            clauses, words, save = self._for_every(text, case, number, info["says"])
        else:
            system = self._grounded(case)
            rule = shown(system, system.properties[number], info)
            clauses = check(certificate, system, rule, self.solvers)
            subject = subject_of(case, number, info["says"])
            words = says_what_is_shown(text, certificate, system, number, subject)
        beside = path.with_suffix(WORDS)
        if beside.is_file():
            compare(_content(beside).splitlines(), words.splitlines())
        names = " and ".join(self.solvers)
        save = f", save with {save}" if save else ""
        save += f", assuming {info['assumed']}" if info["assumed"] else ""
        return (
            f"accepted by {names}: {info['question']} of {info['design']} "
            f"{info['says']}{save}, by {clauses} clause{'s' * (clauses != 1)}"
        )

    def _for_every(
        self, text: str, case: Case, number: int, says: str
    ) -> tuple[int, str, str]:
        """Check a proof for every number of things.

        Tell how many parts it has, what is said of it beside it, and of which machines
        it says nothing.
        """
        from tdxcheck.checker.certificates.quantified import Families

        self.families = self.families or Families()
        is_vacuous = says == VACUOUS_FOR_EVERY
        parts = self.families.check(case, number, text, vacuous=is_vacuous)
        told = self.families.told(case, number, text)
        subject = subject_of(case, number, says)
        words = says_what_is_shown_for_every(text, told, subject)
        return parts, words, told.excepted

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
    size = path.stat().st_size
    if not path.is_file():
        raise Refused("it is no file")
    if size > MOST:
        raise Refused("it is larger than any certificate")
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise Refused("it is no text") from error
    if not text.replace("\n", "").isprintable():
        # Another program could take it for the end of a line, or for nothing.
        raise Refused("it has a character that is not printed")
    return text

"""The plugin of pytest: each rule of a project's own catalogue is a test.

A project turns it on in pyproject.toml, where it also names its catalogue:

    [tool.pytest.ini_options]
    tdxcheck = true

The tests are collected in the file of the catalogue, as FILE::DESIGN::RULE, without
being judged. When the first of a design runs, all of the design's that are to run are
judged in one search, once in each process of pytest-xdist.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tdxcheck.checker.catalogue import Catalogue, Design
    from tdxcheck.checker.judging.question import Question
    from tdxcheck.checker.report.finding import Finding

ENABLED = "tdxcheck"
PROJECT = pytest.StashKey[Any]()

# Nothing is imported until it is turned on: every run of pytest loads this file.


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        ENABLED,
        "take the rules of the catalogue of [tool.tdxcheck] for tests",
        type="bool",
        default=False,
    )


def pytest_configure(config: pytest.Config) -> None:
    if not config.getini(ENABLED):
        return
    from tdxcheck.checker.catalogue import UsageError
    from tdxcheck.checker.project import project_of

    try:
        project = project_of(config.rootpath)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    if project is None:
        raise pytest.UsageError(
            "tdxcheck is on, but no pyproject.toml names a catalogue: "
            '[tool.tdxcheck] catalogue = "FILE"'
        )
    config.stash[PROJECT] = project


def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> pytest.Collector | None:
    project = parent.config.stash.get(PROJECT, None)
    if project is None or file_path.resolve() != project.file:
        return None
    return CatalogueFile.from_parent(parent, path=file_path)


class CatalogueFile(pytest.File):
    """The file that has the catalogue."""

    def collect(self) -> Iterator[pytest.Collector]:
        from tdxcheck.checker.catalogue import UsageError
        from tdxcheck.checker.language.location import SpecificationError
        from tdxcheck.checker.project import load

        try:
            catalogue = load(self.config.stash[PROJECT])
            for design in catalogue.designs:
                yield DesignTests.from_parent(
                    self, name=design.key, catalogue=catalogue, design=design
                )
        except (UsageError, SpecificationError) as error:
            raise self.CollectError(str(error)) from None


class DesignTests(pytest.Collector):
    """Everything that is asked of a design."""

    def __init__(self, catalogue: Catalogue, design: Design, **given: Any) -> None:
        super().__init__(**given)
        self.catalogue = catalogue
        self.design = design
        self._found: dict[str, Finding] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        from tdxcheck.checker.catalogue import UsageError
        from tdxcheck.checker.judging.question import cases_of
        from tdxcheck.checker.language.location import SpecificationError

        try:
            cases = cases_of(self.catalogue, [self.design], {})
        except (UsageError, SpecificationError) as error:
            raise self.CollectError(str(error)) from None
        for case in cases:
            for question in case.questions:
                yield RuleTest.from_parent(self, name=question.name, question=question)

    def found(self, name: str) -> Finding:
        """What is found of a question; all that are to run are judged together."""
        if self._found is None:
            self._found = self._judged()
        return self._found[name]

    def _judged(self) -> dict[str, Finding]:
        from tdxcheck.checker.judging.assess import assess
        from tdxcheck.checker.judging.combine import Engine
        from tdxcheck.checker.judging.question import cases_of
        from tdxcheck.checker.judging.work import Budget, judge_by_diagrams
        from tdxcheck.checker.report.finding import finding_of

        items = [item for item in self.session.items if item.parent is self]
        # A claim is asked for by its name, with each of its assumptions dropped.
        names = {
            item.question.claim.key if item.question.claim else item.name
            for item in items
            if isinstance(item, RuleTest)
        }
        cases = cases_of(self.catalogue, [self.design], {}, names=names)
        engines = {Engine.DIAGRAMS: judge_by_diagrams}
        assessment = assess(cases, engines, Budget(), 1)
        if assessment.interrupted:
            raise KeyboardInterrupt
        return {j.question.name: finding_of(j) for j in assessment.judgements}


class NotAsExpected(Exception):
    """The rule is broken, undecided, or not as it is known to be."""


class RuleTest(pytest.Item):
    """A design, judged by a rule."""

    parent: DesignTests

    def __init__(self, question: Question, **given: Any) -> None:
        super().__init__(**given)
        self.question = question

    def runtest(self) -> None:
        from tdxcheck.checker.report.finding import Result

        found = self.parent.found(self.name)
        match found.result:
            case Result.SKIPPED:
                pytest.skip(found.message)
            case Result.FAILED | Result.UNDECIDED:
                raise NotAsExpected(found.report or found.message)
            case Result.PASSED:
                self.add_report_section("call", "tdxcheck", found.message)

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, NotAsExpected):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        location = self.question.rule.location
        asked = f"{self.parent.name}: {self.name}"
        return Path(location.file), location.first - 1, asked

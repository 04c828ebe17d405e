"""The report: every file of vectors in a folder, judged and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tdxcheck.models.conformance.leaves import LEAVES, Leaves
from tdxcheck.models.conformance.replay import (
    Agreed,
    Disagreed,
    Result,
    Skipped,
    replay,
)
from tdxcheck.models.conformance.single_calls import (
    judge_cell,
    judge_layout,
    judge_register,
)
from tdxcheck.models.conformance.vectors import (
    MalformedVectors,
    Sequence,
    find,
    read_cells,
    read_layouts,
    read_prefixes,
    read_registers,
    read_sequences,
)

FILES = (
    "leaf-state-table",
    "layouts",
    "platform-checks",
    "sequences-random",
    "sequences-other",
    "pairs",
    "interleavings",
)
SHOWN = 10
"""How many disagreements of a file are shown."""


@dataclass
class FileReport:
    """What came of one file's records."""

    name: str
    agreed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    unmodelled: Counter[str] = field(default_factory=Counter)
    """Parts of agreed records that the model has nothing to compare with."""
    disagreed: list[Disagreed] = field(default_factory=list)

    @property
    def records(self) -> int:
        return self.agreed + self.skipped.total() + len(self.disagreed)

    def count(self, result: Result) -> None:
        match result:
            case Agreed(unmodelled):
                self.agreed += 1
                self.unmodelled.update(unmodelled)
            case Skipped(reason):
                self.skipped[reason] += 1
            case Disagreed():
                self.disagreed.append(result)

    def lines(self) -> Iterator[str]:
        yield (
            f"{self.name}: {self.records} records, {self.agreed} agree, "
            f"{self.skipped.total()} out of scope, {len(self.disagreed)} disagree"
        )
        for reason, number in self.skipped.most_common():
            yield f"  out of scope: {number} for {reason}"
        for part, number in self.unmodelled.most_common():
            yield f"  not compared: {part} of {number} records that agree"
        for disagreed in self.disagreed[:SHOWN]:
            yield f"  disagrees: {disagreed}"
        if len(self.disagreed) > SHOWN:
            yield f"  ... and {len(self.disagreed) - SHOWN} more"


@dataclass(frozen=True)
class Report:
    """What came of a folder of vectors."""

    folder: Path
    files: tuple[FileReport, ...]

    @property
    def conforms(self) -> bool:
        """Something was compared, and nothing disagreed."""
        agreed = sum(file.agreed for file in self.files)
        return agreed > 0 and not any(file.disagreed for file in self.files)

    @property
    def text(self) -> str:
        """The report for a reader."""
        parts = [line for file in self.files for line in file.lines()]
        total = sum(file.records for file in self.files)
        agreed = sum(file.agreed for file in self.files)
        skipped = sum(file.skipped.total() for file in self.files)
        disagreed = sum(len(file.disagreed) for file in self.files)
        parts.append(
            f"{self.folder}: {total} records, {agreed} agree, "
            f"{skipped} out of scope, {disagreed} disagree"
        )
        return "\n".join(parts)


def conform(folder: Path, leaves: Leaves = LEAVES) -> Report:
    """Replay every record in the folder on the model."""
    reports = []
    prefixes = read_prefixes(folder)
    for name in FILES:
        path = find(folder, name)
        if path is not None:
            report = FileReport(name)
            for result in judge_file(name, path, prefixes, leaves):
                report.count(result)
            reports.append(report)
    if not reports:
        raise MalformedVectors(str(folder), "holds no vectors")
    return Report(folder, tuple(reports))


def judge_file(
    name: str, path: Path, prefixes: Mapping[str, Sequence], leaves: Leaves = LEAVES
) -> Iterator[Result]:
    """What comes of each record of one file."""
    if name == "leaf-state-table":
        for cell in read_cells(path):
            yield judge_cell(cell, leaves)
    elif name == "layouts":
        for layout in read_layouts(path):
            yield judge_layout(layout, leaves)
    elif name == "platform-checks":
        for register in read_registers(path):
            yield from judge_register(register, leaves)
    else:
        for sequence in read_sequences(path, prefixes):
            yield from replay(sequence, leaves)

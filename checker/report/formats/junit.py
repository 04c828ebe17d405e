"""JUnit XML: a test suite for each thing that was judged, a test case for a question.

Nothing that is undecided passes: it is an error, and so is what a limit or an interrupt
has left open. What is known to be broken passes, and its output says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from tdxcheck.checker.report.finding import Finding, Result, Results


def junit(results: Results) -> str:
    root = ElementTree.Element("testsuites", name=f"tdxcheck {results.command}")
    root.attrib |= _counts(results.findings)
    # The schema that Jenkins has published counts what is skipped in suites only.
    del root.attrib["skipped"]
    root.set("time", f"{results.seconds:.3f}")
    for subject in dict.fromkeys(finding.subject for finding in results.findings):
        own = [f for f in results.findings if f.subject == subject]
        suite = ElementTree.SubElement(root, "testsuite", name=_legal(subject))
        suite.attrib |= _counts(own)
        if subject in results.by_subject:
            suite.set("time", f"{results.by_subject[subject]:.3f}")
        for finding in own:
            _case(suite, finding)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _counts(findings: Sequence[Finding]) -> dict[str, str]:
    counted = [finding.result for finding in findings]
    return {
        "tests": str(len(counted)),
        "failures": str(counted.count(Result.FAILED)),
        "errors": str(counted.count(Result.UNDECIDED)),
        "skipped": str(counted.count(Result.SKIPPED)),
    }


def _case(suite: ElementTree.Element, finding: Finding) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        name=_legal(finding.name),
        # Readers take what stands before the last dot for a package.
        classname=_legal(finding.subject).replace(".", "_"),
    )
    message = _legal(finding.message)
    match finding.result:
        case Result.FAILED:
            _say(case, "failure", finding, type="unexpected", message=message)
        case Result.UNDECIDED:
            _say(case, "error", finding, type="undecided", message=message)
        case Result.SKIPPED:
            ElementTree.SubElement(case, "skipped", message=message)
        case Result.PASSED:
            said = ElementTree.SubElement(case, "system-out")
            said.text = "\n".join(filter(None, (message, _legal(finding.report))))


def _say(
    case: ElementTree.Element, tag: str, finding: Finding, **attributes: str
) -> None:
    said = ElementTree.SubElement(case, tag, attributes)
    said.text = _legal(finding.report or f"{finding.message}\n{finding.meaning}")


def _legal(text: str) -> str:
    """The text without the characters that XML has no way to write."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)

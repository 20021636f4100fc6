"""The report as JUnit XML, for continuous integration that knows nothing else.

Guarantees: one test case per overlay, per stage and per reason. An overlay or reason
that is not ALLOW is a failure whose ``type`` is its verdict; a stage that is incomplete
is a failure of type INCOMPLETE with its problems; a stage that did not run and a waived
reason are skipped, with the reason said. No duration or clock: equal reports give equal
bytes.

There is no specification of this form; it follows what Jenkins' xUnit schema accepts.
Every text passes ``text.visible``, so that nothing XML 1.0 forbids (2.2) can occur.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET  # builds only; nothing is parsed

from fwverify.model import Reason, Report, Stage, Verdict
from fwverify.report import summary
from fwverify.report.text import visible


def junit(report: Report) -> bytes:
    """Return the document, in UTF-8 with its declaration."""
    index = summary.by_fingerprint(report)
    suites = (
        _suite("overlays", [_overlay(name, word) for name, word in summary.overlays(report)]),
        _suite("stages", [_stage(name, stage) for name, stage in summary.stages(report)]),
        _suite("reasons", [_reason(index, each) for each in summary.reasons(report)]),
    )
    root = ET.Element("testsuites", {"name": "fwverify", **_counts(suites)})
    root.extend(suites)
    _property(suites[0], "subject", report.subject.name)
    _property(suites[0], "sha256", report.subject.sha256)
    _property(suites[0], "verdict", report.verdict or "none")
    _property(suites[0], "notice", summary.notice(report))
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _suite(name: str, cases: list[ET.Element]) -> ET.Element:
    suite = ET.Element("testsuite", {"name": f"fwverify.{name}", **_counts(cases)})
    suite.extend(cases)
    return suite


def _counts(elements: Iterable[ET.Element]) -> dict[str, str]:
    """Return how many test cases, failures and skipped ones ``elements`` hold."""
    listed = list(elements)
    return {
        key: str(sum(len(list(each.iter(tag))) for each in listed))
        for key, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped"))
    } | {"errors": "0"}


def _property(suite: ET.Element, name: str, value: str) -> None:
    held = suite.find("properties")
    if held is None:
        held = ET.Element("properties")
        suite.insert(0, held)
    ET.SubElement(held, "property", {"name": name, "value": visible(value)})


def _case(group: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": f"fwverify.{group}", "name": visible(name)})


def _fail(case: ET.Element, kind: str, message: str, lines: Iterable[str] = ()) -> None:
    failure = ET.SubElement(case, "failure", {"type": kind, "message": visible(message)})
    failure.text = "\n".join(visible(line) for line in lines) or None


def _skip(case: ET.Element, message: str) -> None:
    ET.SubElement(case, "skipped", {"message": visible(message)})


def _overlay(name: str, verdict: Verdict) -> ET.Element:
    case = _case("overlays", f"{name} rules")
    if verdict is not Verdict.ALLOW:
        _fail(case, verdict, f"{name} rules: {verdict}")
    return case


def _stage(name: str, stage: Stage) -> ET.Element:
    case = _case("stages", name)
    if stage.status == "skipped":
        _skip(case, "this stage did not run")
    elif stage.status == "incomplete" or stage.problems:
        lines = [f"{each.code} {each.path}: {each.text}" for each in stage.problems]
        _fail(case, Verdict.INCOMPLETE, f"{name} is incomplete", lines)
    return case


def _reason(index: summary.Index, reason: Reason) -> ET.Element:
    case = _case("reasons", f"{reason.rule}: {reason.text}")
    if reason.waived_by is not None:
        _skip(case, f"{reason.verdict}, waived by {reason.waived_by}")
    elif reason.verdict is not Verdict.ALLOW:
        paths = dict.fromkeys(each.path for each in summary.findings_of(index, reason))
        step = f"next ({reason.next.owner}): {reason.next.action}"
        _fail(case, reason.verdict, reason.text, (*paths, step))
    return case

"""JUnit XML: what is not ALLOW or not complete fails, and any text is well-formed XML."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fwverify.model import Stage, Stages, Verdict, Verdicts
from fwverify.report.junit import junit
from tests.builders.reports import ALLOW, COMPLETE, DENY, EXAMPLES, INCOMPLETE, REVIEW, hostile
from tests.report import golden


def read(report) -> ET.Element:
    root = ET.fromstring(junit(report))
    for element in (root, *root.findall("testsuite")):
        for key, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
            assert int(element.get(key, "-1")) == len(list(element.iter(tag)))
    return root


def failures(report) -> dict[str, str]:
    """The names of the failed cases with their types."""
    return {
        case.get("name", ""): failure.get("type", "")
        for case in read(report).iter("testcase")
        for failure in case.iter("failure")
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_golden(name):
    golden.check(f"{name}.junit.xml", junit(EXAMPLES[name]))


def test_an_allow_passes():
    root = read(ALLOW)
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("8", "0", "0")


def test_a_deny_fails_by_overlay_and_reason():
    told = failures(DENY)
    assert told["type approval rules"] == "REVIEW"
    assert told["national security rules"] == "DENY"
    assert sorted(told.values()) == ["DENY", "DENY", "REVIEW", "REVIEW"]


def test_an_incomplete_stage_fails_with_its_problems():
    told = failures(INCOMPLETE)
    assert told["unpack"] == told["analyse"] == "INCOMPLETE"
    text = "".join(read(INCOMPLETE).itertext())
    assert "AES-GCM content and no key was given" in text
    assert "next (vendor): send the key" in text


def test_problems_fail_even_where_the_stage_says_complete():
    problems = INCOMPLETE.stages.unpack.problems
    stages = replace(COMPLETE, unpack=Stage(status="complete", problems=problems))
    assert failures(replace(ALLOW, stages=stages)) == {"unpack": "INCOMPLETE"}


def test_skipped_and_waived_are_said():
    root = read(REVIEW)
    told = [each.get("message") for each in root.iter("skipped")]
    assert told == ["this stage did not run", "REVIEW, waived by W-7"]
    assert sum(1 for value in failures(REVIEW).values() if value == "REVIEW") == 3


@pytest.mark.parametrize("verdict", list(Verdict))
def test_each_verdict_of_each_overlay(verdict):
    verdicts = Verdicts(type_approval_rules=verdict, national_security_rules=Verdict.ALLOW)
    told = failures(replace(ALLOW, verdicts=verdicts))
    expected = {} if verdict is Verdict.ALLOW else {"type approval rules": str(verdict)}
    assert told == expected


def test_nothing_decided_has_no_overlay():
    root = read(replace(ALLOW, verdict=None, verdicts=None, stages=Stages()))
    assert (root.get("tests"), root.get("skipped")) == ("6", "6")


@pytest.mark.parametrize("length", [0, 10_000])
def test_hostile_text_is_well_formed(length):
    made = junit(hostile(length=length))
    read(hostile(length=length))
    for raw in ("\x1b", "\u202e", "\x00", "\ufffe"):
        assert raw not in made.decode()


@given(st.text(st.characters(), max_size=60))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_any_text_is_well_formed(text):
    read(hostile(text, length=0))

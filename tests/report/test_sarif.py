"""The SARIF log has the shape of SARIF 2.1.0 and hides nothing from a collector.

The official schema is not part of the project; ``check`` asserts the required properties
and the closed sets of words of the objects that are used here (sections in comments).
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fwverify.model import Member, Stage, Verdict
from fwverify.report.sarif import sarif, uri
from tests.builders.reports import (
    ALLOW,
    COMPLETE,
    DENY,
    EXAMPLES,
    INCOMPLETE,
    REVERSE,
    REVIEW,
    TELNET,
    hostile,
    reason,
)
from tests.report import golden

LEVELS = {"none", "note", "warning", "error"}  # 3.27.10
URI = re.compile(r"[A-Za-z0-9._~!@/\-]|%[0-9A-F]{2}")
KEYS = {
    "log": {"$schema", "version", "runs"},
    "run": {"tool", "invocations", "artifacts", "columnKind", "results", "properties"},
    "result": {
        "ruleId", "ruleIndex", "level", "message", "locations", "relatedLocations",
        "partialFingerprints", "suppressions", "properties",
    },
    "location": {"physicalLocation", "logicalLocations"},
    "region": {"byteOffset", "byteLength", "snippet"},
}  # fmt: skip


def run_of(report) -> dict[str, Any]:
    log = json.loads(sarif(report))
    check(log)
    (run,) = log["runs"]
    return run


def check(log: dict[str, Any]) -> None:
    """Assert the structure of a log with one run."""
    assert set(log) == KEYS["log"]
    assert log["version"] == "2.1.0"  # 3.13.2
    assert log["$schema"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    (run,) = log["runs"]
    assert set(run) == KEYS["run"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "fwverify"  # 3.19.8
    rules = driver["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["defaultConfiguration"]["level"] in LEVELS
        check_message(rule["shortDescription"])
    (invocation,) = run["invocations"]
    assert isinstance(invocation["executionSuccessful"], bool)  # 3.20.14, required
    for each in invocation["toolExecutionNotifications"]:
        assert each["level"] in LEVELS
        assert each["descriptor"]["id"]
        check_message(each["message"])
        for location in each.get("locations", ()):
            check_location(location)
    assert all(check_uri(each["location"]["uri"]) for each in run["artifacts"])
    for result in run["results"]:
        check_result(result, rules)


def check_result(result: dict[str, Any], rules: list[dict[str, Any]]) -> None:
    assert set(result) <= KEYS["result"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"]  # 3.27.6
    assert result["level"] in LEVELS
    check_message(result["message"])
    assert len(result["locations"]) == 1
    related = result.get("relatedLocations", [])
    assert len({json.dumps(each) for each in related}) == len(related)
    for location in (*result["locations"], *related):
        check_location(location)
    for suppression in result.get("suppressions", ()):
        assert suppression["kind"] in {"inSource", "external"}  # 3.35.2, required
        assert suppression["status"] in {"accepted", "underReview", "rejected"}


def check_location(location: dict[str, Any]) -> None:
    assert set(location) == KEYS["location"]
    physical = location["physicalLocation"]
    check_uri(physical["artifactLocation"]["uri"])
    region = physical.get("region", {"byteOffset": 0})
    assert set(region) <= KEYS["region"]
    assert region["byteOffset"] >= 0
    assert region.get("byteLength", 0) >= 0
    (logical,) = location["logicalLocations"]
    assert logical["fullyQualifiedName"].isprintable()


def check_message(message: dict[str, Any]) -> None:
    text = message["text"]
    assert text
    assert text.isprintable()
    assert "](" not in text
    bare = text.replace("{{", "").replace("}}", "")
    assert "{" not in bare
    assert "}" not in bare


def check_uri(text: str) -> bool:
    assert text
    assert URI.sub("", text) == ""
    assert not text.startswith("/")
    return True


@pytest.mark.parametrize("name", EXAMPLES)
def test_golden(name):
    golden.check(f"{name}.sarif", sarif(EXAMPLES[name]))


@pytest.mark.parametrize("name", EXAMPLES)
def test_structure(name):
    check(json.loads(sarif(EXAMPLES[name])))


def test_only_an_allow_is_empty():
    assert run_of(ALLOW)["results"] == []
    for name in ("deny", "incomplete", "review"):
        results = run_of(EXAMPLES[name])["results"]
        assert any(each["level"] in {"error", "warning"} for each in results), name


def test_a_finding_is_placed():
    result = next(
        each for each in run_of(DENY)["results"] if each["ruleId"] == "remote_access.telnetd_launch"
    )
    assert result["level"] == "error"
    assert result["partialFingerprints"] == {"fwverify/v1": TELNET.fingerprint}
    (location,) = result["locations"]
    assert location["logicalLocations"][0]["fullyQualifiedName"] == TELNET.path
    assert location["physicalLocation"]["region"] == {
        "byteOffset": 211,
        "byteLength": 24,
        "snippet": {"text": "telnetd -p 2323 -l /bin/sh"},
    }
    assert result["properties"]["r155"] == ["16.1", "29.1"]
    assert "suppressions" not in result


@pytest.mark.parametrize(
    ("severity", "level"),
    [("critical", "error"), ("high", "error"), ("medium", "warning"), ("low", "note"),
     ("info", "note")],
)  # fmt: skip
def test_levels(severity, level):
    report = replace(ALLOW, findings=(replace(TELNET, severity=severity),))
    (result,) = run_of(report)["results"]
    assert result["level"] == level


def test_a_deny_over_a_small_finding_is_still_an_error():
    small = replace(TELNET, severity="info")
    report = replace(DENY, findings=(small,), reasons=(reason("r", Verdict.DENY, "no", small),))
    levels = {each["ruleId"]: each["level"] for each in run_of(report)["results"]}
    assert levels == {"remote_access.telnetd_launch": "note", "r": "error"}


def test_a_reason_names_its_places():
    result = next(each for each in run_of(DENY)["results"] if each["ruleId"] == "remote.new")
    names = [
        each["logicalLocations"][0]["fullyQualifiedName"]
        for each in (*result["locations"], *result["relatedLocations"])
    ]
    assert names == [TELNET.path, REVERSE.path]
    assert result["properties"]["nextOwner"] == "vendor"


def test_waived_is_suppressed_and_still_there():
    results = run_of(REVIEW)["results"]
    waived = [each for each in results if "suppressions" in each]
    assert {each["ruleId"] for each in waived} == {"meter.push_setup", "meter.push"}
    assert waived[0]["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "waiver W-7, until 2027-01-01T00:00:00Z",
        }
    ]


def test_unexamined_is_a_result_and_a_failed_run():
    run = run_of(INCOMPLETE)
    assert run["invocations"][0]["executionSuccessful"] is False
    gaps = [each for each in run["results"] if "stage" in each["properties"]]
    assert [each["level"] for each in gaps] == ["error"] * 4
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == 4
    skipped = replace(ALLOW, stages=replace(COMPLETE, compare=Stage()))
    (result,) = run_of(skipped)["results"]
    assert (result["ruleId"], result["level"]) == ("stage.skipped", "warning")


def test_a_problem_fails_the_run_even_where_the_stage_says_complete():
    problems = INCOMPLETE.stages.unpack.problems
    stages = replace(COMPLETE, unpack=Stage(status="complete", problems=problems))
    run = run_of(replace(ALLOW, stages=stages))
    assert run["invocations"][0]["executionSuccessful"] is False
    assert [each["level"] for each in run["results"]] == ["error", "error"]


def test_the_verdict_travels_along():
    properties = run_of(DENY)["properties"]
    assert properties["verdict"] == "DENY"
    assert properties["verdicts"] == {"type approval": "REVIEW", "national security": "DENY"}
    assert properties["notice"].endswith("not a national-security judgement.")


def test_a_secret_member_has_no_digest():
    member = Member(path="key.bin", sha256=None, size=16, role="secret")
    report = replace(ALLOW, subject=replace(ALLOW.subject, members=(member,)))
    (artifact,) = run_of(report)["artifacts"]
    assert "hashes" not in artifact


@pytest.mark.parametrize(
    ("path", "encoded"),
    [
        ("a.swu!/b c", "a.swu!/b%20c"),
        ("a%20b", "a%2520b"),
        ("c:evil", "c%3Aevil"),
        ("@0x1a40.squashfs", "@0x1a40.squashfs"),
        ("x#y?z", "x%23y%3Fz"),
        ("", "%2E"),
    ],
)
def test_uri(path, encoded):
    assert uri(path) == encoded


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_a_uri_gives_the_path_back(path):
    assert unquote(uri(path)) == path
    assert ":" not in uri(path)


def test_a_link_in_a_name_is_no_link():
    report = replace(ALLOW, findings=(replace(TELNET, text="[click](http://x) {0}"),))
    (result,) = run_of(report)["results"]
    assert result["message"]["text"].startswith("[click] (http://x) {{0}} (evidence: ")


def test_a_message_says_what_shows_it_and_what_to_do():
    report = replace(ALLOW, findings=(replace(TELNET, evidence=("S50zz", "rule:x both low/low")),))
    (result,) = run_of(report)["results"]
    assert result["message"]["text"] == f"{TELNET.text} (evidence: S50zz)"
    bare = replace(ALLOW, findings=(replace(TELNET, evidence=(TELNET.text,)),))
    assert run_of(bare)["results"][0]["message"]["text"] == TELNET.text


def test_the_message_of_a_reason_names_the_next_step_and_its_owner():
    for result in run_of(DENY)["results"]:
        properties = result["properties"]
        if "nextAction" in properties:
            told = f"; next, {properties['nextOwner']}: {properties['nextAction']}"
            assert result["message"]["text"].endswith(told)


@given(st.text(st.characters(), max_size=60))
@settings(max_examples=25, derandomize=True, deadline=None)
def test_any_text_keeps_the_structure(text):
    check(json.loads(sarif(hostile(text, length=0))))

"""What a release has to name: nothing that stands open may be passed over."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import make_finding
from fwverify.model import Next, Node, Problem, Report, Stage, Stages, Subject, Verdict
from fwverify.release.remainders import Accepted, NotReleasable, parse, unnamed

BLOB, OTHER = "a" * 64, "b" * 64
AXES = {"authentic": "pass", "trusted": "fail", "covered": "pass", "strong": "fail",
        "fresh": "not-applicable"}  # fmt: skip
FOUND = make_finding(rule="remote.shell", path="u!/x", text="t", offset=100, length=20)
HOLE = make_finding(rule="unpack.unexplained", path="u!/x", text="t", offset=8, length=8)


def node(path, sha256=BLOB, unexplained=0):
    identity = dict.fromkeys(("vendor", "product", "version", "build", "arch"))
    classes = {"extracted": 0, "parsed": 0, "padding": 0, "signature": 0}
    return msgspec.convert(
        {"path": path, "name_raw": None, "kind": "file", "sha256": sha256, "size": 10,
         "format": None, "offset": None, "mode": None, "uid": None, "gid": None, "mtime": None,
         "link": None, "identity": identity,
         "coverage": classes | {"unexplained": unexplained}},
        Node,
    )  # fmt: skip


def reason(rule="my.rule", verdict="DENY", findings=(), knock_out=False):
    return {"rule": rule, "verdict": verdict, "text": "t", "waived_by": None,
            "findings": [each.fingerprint for each in findings], "knock_out": knock_out,
            "next": msgspec.to_builtins(Next(owner="lab", action="x"))}  # fmt: skip


NODES = (node("u!/x"),)


def report(*reasons, nodes=NODES, findings=(FOUND, HOLE), signed=False, stages=None):
    plain = {
        "at": "2026-11-21T00:00:00Z", "verdict": "DENY", "reasons": list(reasons),
        "subject": msgspec.to_builtins(Subject(kind="file", name="u", sha256=OTHER, size=10,
                                               members=())),
        "nodes": msgspec.to_builtins(nodes), "findings": msgspec.to_builtins(findings),
        "stages": msgspec.to_builtins(stages or Stages()),
        "signatures": [{"path": "u", "scheme": "s", "signer": "x", "key_sha256": None,
                        "axes": AXES, "covered": [], "vouches": [], "known_bad": None,
                        "reason": ""}] if signed else [],
    }  # fmt: skip
    return msgspec.convert(plain, Report)


def left(found, *accepted):
    return unnamed(found, tuple(parse(f"{each} = evidence") for each in accepted))


PROBLEM = Stages(
    unpack=Stage(status="incomplete", problems=(Problem(code="c", path="u!/x", text="t"),))
)

OPEN = {
    "a finding": (report(reason(findings=(FOUND,))), (f"finding {FOUND.fingerprint}",)),
    "its content": (report(reason(findings=(FOUND,))), (f"blob {BLOB}",)),
    "a range around it": (report(reason(findings=(FOUND,))), ("range 100-120 u!/x",)),
    "an axis each": (report(reason("trust.unsatisfied"), signed=True),
                     ("axis strong u", "axis trusted u")),
    "unsigned": (report(reason("trust.unsigned")), ("reason trust.unsigned",)),
    "no baseline": (report(reason("baseline.none")), ("reason baseline.none",)),
    "unexplained": (report(reason("unpack.unexplained", findings=(HOLE,)),
                           nodes=(node("u!/x", unexplained=8),)), (f"blob {BLOB}",)),
    "unexplained, by range": (report(reason("unpack.unexplained", findings=(HOLE,)),
                                     nodes=(node("u!/x", unexplained=8),)), ("range 8-16 u!/x",)),
    "not opened": (report(reason("unpack.incomplete"), stages=PROBLEM),
                   (f"blob {BLOB}", "reason unpack.incomplete")),
    "a stage": (report(reason("stage.incomplete.unpack"), stages=PROBLEM), (f"blob {BLOB}",)),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(OPEN))
def test_all_of_it_named_and_each_left_out(name):
    found, accepted = OPEN[name]
    assert left(found, *accepted) == ()
    for at in range(len(accepted)):
        assert left(found, *accepted[:at], *accepted[at + 1 :])


@pytest.mark.parametrize(
    "accepted",
    [
        "range 101-120 u!/x", "range 100-119 u!/x", "range 0-1000 u!/y", f"blob {OTHER}",
        f"finding {HOLE.fingerprint}", "reason my.rule", "axis trusted u",
    ],
)  # fmt: skip
def test_what_does_not_name_it(accepted):
    assert left(report(reason(findings=(FOUND,))), accepted)


@pytest.mark.parametrize(
    "rule",
    ["ad_hoc.option", "context.changed", "decide.error", "intake.refused", "policy.not_configured",
     "signature.known_bad", "stage.skipped.analyse", "trust.no_rule", "unpack.empty",
     "unpack.unaccounted", "coverage.unaccounted", "stage.incomplete.verify"],
)  # fmt: skip
def test_what_is_put_right_and_never_accepted(rule):
    found = report(reason(rule, findings=(FOUND,)), signed=True)
    told = left(found, f"reason {rule}", f"finding {FOUND.fingerprint}", "axis trusted u",
                "axis strong u", f"blob {BLOB}")  # fmt: skip
    assert any(each.startswith(rule) for each in told)


NAMES = [f"finding {FOUND.fingerprint}", f"blob {BLOB}", "reason my.rule", "range 0-999 u!/x",
         "axis trusted u"]  # fmt: skip


@given(st.sets(st.sampled_from(NAMES)), st.sampled_from(sorted(OPEN)))
@settings(derandomize=True, max_examples=60, deadline=None)
def test_a_knock_out_is_never_released(names, also):
    found, accepted = OPEN[also]
    more = [reason(findings=(FOUND,), knock_out=True)]
    plain = msgspec.to_builtins(found)
    plain["reasons"] = [*plain["reasons"], *more]
    told = left(msgspec.convert(plain, Report), *names, *accepted)
    assert any("knock-out" in each for each in told)


def test_no_verdict_and_no_reasons():
    assert left(report())
    assert left(msgspec.structs.replace(report(reason()), verdict=None))
    assert left(report(reason("allow", "ALLOW"))) == ()
    assert Verdict.ALLOW


@pytest.mark.parametrize(
    "text",
    ["", "finding", "finding x = y", f"finding {BLOB}", f"blob {BLOB.upper()} = y", "blob = y",
     "range 5 u = y", "range 0-05 u = y", "all things = y", f"finding {BLOB} =  "],
)  # fmt: skip
def test_what_names_nothing(text):
    with pytest.raises(NotReleasable):
        parse(text)


def test_evidence_of_a_file(tmp_path):
    (tmp_path / "test.pdf").write_bytes(b"measured")
    told = parse(f"reason baseline.none = @{tmp_path}/test.pdf")
    assert told.evidence.startswith("file test.pdf sha256 ")
    assert Accepted("reason", "a", "b").text == "reason a = b"

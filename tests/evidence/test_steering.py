"""What steered a decision: in the package by digest and in words, for whom it is, and no secret."""

from __future__ import annotations

import hashlib
import json
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import canonical_json, seal
from fwverify.evidence import building, inputs, layout, package, redact, replay, sealing
from fwverify.evidence.check import check
from fwverify.evidence.package import PackageError
from fwverify.evidence.steering import FILE, read_steering
from fwverify.model import Superseded, Verdict, Verdicts
from fwverify.policy.load import load_class, select_policy
from fwverify.reader import Malformed
from fwverify.report.views import RECIPIENTS, rendered
from tests.builders import reports
from tests.evidence import lab

PLANTED = ("CasePlanted", "SitePlanted", "VendorPlanted")
NATIONAL = "MeasurePlanted"
BY = sealing.Seal(at=lab.NOW)


def both():
    """A report under both overlays, which do not agree, and what steered it."""
    verdicts = Verdicts(type_approval_rules=Verdict.REVIEW, national_security_rules=Verdict.DENY)
    report = msgspec.structs.replace(reports.REVIEW, verdict=Verdict.DENY, verdicts=verdicts)
    return lab.steered(seal(report))


def packages(pdf=None, steered=None):
    """Files of the two packages, by kind."""
    report, steering = steered or both()
    made = building.packages(report, BY, steering, pdf)
    return {
        "national" if "national" in name else "own": package.read(data)
        for name, data in made.items()
    }


def joined(files):
    return b"".join(files.values())


def test_the_digests_of_the_report_can_be_computed_again_without_us():
    report, steering = both()
    files = packages()["national"]
    told = json.loads(files["case.json"])["digests"]
    assert hashlib.sha256(files[inputs.CASE]).hexdigest() == told["case"]
    total = ""
    for step in json.loads(files[inputs.POLICY])["steps"]:
        own = hashlib.sha256(files[step["file"]]).hexdigest()
        assert own == step["sha256"]
        pair = json.dumps([total, own], separators=(",", ":")).encode()
        total = own if step["kind"] == "class" else hashlib.sha256(pair).hexdigest()
    assert total == told["policy"] == report.digests.policy
    effective = json.loads(files[inputs.POLICY])["effective"]
    assert canonical_json(effective) == canonical_json(steering.policy.effective)
    assert files[inputs.VENDOR].decode() == lab.VENDOR


def test_the_other_overlay_stays_in_its_own_package():
    made = packages()
    for word in PLANTED:
        assert word.encode() in joined(made["own"]), word
        assert word.encode() in joined(made["national"]), word
    assert NATIONAL.encode() not in joined(made["own"])
    assert NATIONAL.encode() in joined(made["national"])
    assert b"national_security_rules" not in made["own"][inputs.POLICY]
    steps = json.loads(made["own"][inputs.POLICY])["steps"]
    assert [step["file"] for step in steps] == [None, "policy/02.toml", None]
    assert {step["why"] for step in steps if step["file"] is None} == {inputs._OTHER}
    assert json.loads(made["own"][inputs.POLICY])["left_out"]


def test_a_jurisdiction_and_what_cannot_be_read_are_not_shown():
    loaded = lab.policy()
    (source, *_) = loaded.sources
    for text in ("[[jurisdictions]]\n", "not toml ["):
        bad = msgspec.structs.replace(source, text=text)
        assert inputs._is_of_another(bad, "type_approval_rules")
    mine = load_class("vehicle-ecu").policy
    less = inputs.reduced(mine, "type_approval_rules")
    assert {each.overlays for each in less.rules} == {("type_approval_rules",)}
    assert 0 < len(less.rules) < len(mine.rules)
    assert less.jurisdictions == ()


@pytest.mark.parametrize("reader", RECIPIENTS)
def test_no_view_but_the_package_shows_policy_case_or_trust(reader):
    report, _ = both()
    for form in ("text", "html", "json"):
        said = rendered(report, reader, form).decode()
        for word in (*PLANTED, NATIONAL):
            assert word not in said, (reader, form, word)


def test_what_is_published_holds_none_of_it():
    original = packages()["own"]
    secret = b"0123456789abcdef"
    core, update = redact.redact(original, ("meter-2.1",), secret)
    by = sealing.Seal(at=lab.NOW, lab=lab.signatory(lab.person("Lab")))
    data = sealing.seal(core, "redacted", update, by, None)
    left = package.read(data)
    assert check(data, lab.trust()).state == "verified"
    for word in (*PLANTED, NATIONAL):
        assert word.encode() not in joined(left), word
    assert not [name for name in left if inputs.is_steering(name)]
    gone = {one.path for one in redact.listed(left).withheld}
    assert {name for name in original if inputs.is_steering(name)} <= gone
    assert redact.faults(left, original, secret) == ()
    listed = redact.listed(left)
    fewer = tuple(one for one in listed.withheld if one.path != inputs.CASE)
    left[redact.FILE] = canonical_json(msgspec.structs.replace(listed, withheld=fewer))
    assert f"{inputs.CASE} is absent and not listed" in redact.faults(left, original, secret)


def test_what_is_not_there_is_said():
    report, _ = both()
    files = package.read(next(iter(building.packages(report, BY).values())))
    told = inputs.read_inputs(files)
    assert {name for name in files if inputs.is_steering(name)} == {inputs.INPUTS}
    assert len(told.absent) == 2 and "not at hand" in told.absent[0]
    assert layout.NOT_ASKED in told.absent[1]
    bare, steering = lab.steered(vendor=None)
    lacking = msgspec.structs.replace(steering, case=None, policy=None, trust=None)
    files = inputs.files(bare, lacking, inputs.Annex(present=False, why="none"), None)
    assert set(files) == {inputs.INPUTS}
    assert len(inputs.read_inputs(files).absent) == 4


# --- what does not fit ---------------------------------------------------------------------


def test_what_steered_another_report_makes_no_package():
    report, steering = both()
    _, other = lab.steered(reports.DENY)
    with pytest.raises(PackageError, match="another report"):
        building.packages(report, BY, other)
    wrong = msgspec.structs.replace(steering, case=msgspec.structs.replace(lab.CASE, id="x"))
    with pytest.raises(PackageError, match="not the case"):
        building.packages(report, BY, wrong)
    loaded = msgspec.structs.replace(steering.policy, sources=steering.policy.sources[::-1])
    with pytest.raises(PackageError, match="policy"):
        building.packages(report, BY, msgspec.structs.replace(steering, policy=loaded))
    data = canonical_json(steering)
    assert read_steering(data, report) == steering
    for bad, of in ((data, reports.DENY), (data[:-1], report), (b"{}", report), (b"[", report)):
        with pytest.raises(Malformed, match=FILE):
            read_steering(bad, of)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.data())
def test_no_byte_of_case_policy_or_trust_can_change(data):
    report, steering = lab.steered(seal(reports.ALLOW))
    files = inputs.files(report, steering, inputs.Annex(present=False, why="no"), None)
    assert inputs.fault(files, report) == ""
    name = data.draw(st.sampled_from(sorted(set(files) - {inputs.INPUTS, inputs.POLICY})))
    at = data.draw(st.integers(0, len(files[name]) - 1))
    whole = files[name]
    files[name] = whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]
    assert name in inputs.fault(files, report)


@pytest.mark.parametrize("name", [inputs.INPUTS, inputs.POLICY])
def test_an_index_cut_short_is_refused(name):
    report, steering = lab.steered(seal(reports.ALLOW))
    files = inputs.files(report, steering, inputs.Annex(present=False, why="no"), None)
    for length in range(0, len(files[name]), 97):
        with pytest.raises(Malformed, match=name):
            inputs.fault({**files, name: files[name][:length]}, report)
    told = msgspec.json.decode(files[inputs.POLICY], type=inputs.Packaged)
    many = msgspec.structs.replace(told, steps=told.steps * inputs.MAX_STEPS)
    crowded = {**files, inputs.POLICY: canonical_json(many)}
    assert "more than" in inputs.fault(crowded, report)


# --- the policy's documents ------------------------------------------------------------------


@pytest.mark.parametrize("site", [None, "depot"])
def test_every_policy_is_told_by_its_documents(tmp_path, site):
    (tmp_path / "fleet.toml").write_text(
        load_class("vehicle-ecu").sources[0].text.replace('"vehicle-ecu"', '"fleet"')
        .replace('version = ', 'extends = "vehicle-ecu"\nversion = ', 1)
        .replace('"builtin-vehicle-ecu"', '"fleet"')
    )  # fmt: skip
    over = tmp_path / "over.toml"
    over.write_text("unexplained_max_bytes = 1\n")
    for device, file in (("generic", None), ("fleet", None), ("vehicle-ecu", over)):
        loaded = select_policy(device, tmp_path, file, (), site)
        steps = tuple(inputs._step(each, "x") for each in loaded.sources)
        assert inputs.composed(steps) == loaded.sha256, device
        assert [one.kind for one in steps][-1] == (
            "tightening" if site else {"generic": "class", "fleet": "extends"}.get(device, "ad-hoc")
        )
    assert inputs.composed(()) == ""


# --- the annex ---------------------------------------------------------------------------------


def test_the_annex_is_there_when_asked_and_else_it_is_said():
    pytest.importorskip("typst", reason="typst (fwverify[pdf]) is not installed: no annex")
    report, _ = both()
    annex = building.annex(report)
    made = packages(annex)
    assert made["own"][inputs.PDF].startswith(b"%PDF") and annex == building.annex(report)
    assert inputs.read_inputs(made["own"]).annex.tool.startswith("typst ")
    assert inputs.PDF not in made["national"]
    assert "type approval" in inputs.read_inputs(made["national"]).annex.why
    assert inputs.PDF not in packages()["own"]
    del made["own"][inputs.PDF]
    assert inputs.PDF in inputs.fault(made["own"], layout.under(report))


def test_without_the_library_the_package_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    report, _ = both()
    annex, data = building.annex(report)
    assert (annex.present, data) == (False, b"")
    files = packages((annex, data))["own"]
    assert inputs.PDF not in files
    assert any("not installed" in one for one in inputs.read_inputs(files).absent)


# --- replay --------------------------------------------------------------------------------------


def test_a_replay_says_what_it_lacks():
    left = Superseded(ref="case-1", core_sha256="1" * 64, verdict=Verdict.DENY)
    before = msgspec.structs.replace(reports.ALLOW, supersedes="case-1", superseded=left)
    told = inputs.read_inputs(packages()["own"])
    then = msgspec.structs.replace(reports.DENY, core_sha256="1" * 64)
    other = msgspec.structs.replace(reports.DENY, core_sha256="2" * 64)
    assert "case-1" in replay.lacking(told, before, replay.Given(None, engine=True))
    assert "another report" in replay.lacking(told, before, replay.Given(other, engine=True))
    assert replay.lacking(told, before, replay.Given(then, engine=False)) == ""
    assert "another report" in replay.lacking(told, reports.ALLOW, replay.Given(other, engine=True))
    second = msgspec.structs.replace(
        told, asked=msgspec.structs.replace(told.asked, second="unblob")
    )
    said = replay.lacking(second, reports.ALLOW, replay.Given(None, engine=False))
    assert "unblob" in said and "not installed" in said
    assert replay.lacking(second, reports.ALLOW, replay.Given(None, engine=True)) == ""


def test_a_replay_says_in_what_it_was_steered_otherwise():
    report, steering = both()
    files = packages()["own"]
    assert replay.compare(files, report, steering).same
    again = msgspec.structs.replace(steering, revoked=3)
    found = replay.compare(files, report, again)
    assert not found.same
    assert found.files == (inputs.INPUTS,)
    assert any("revoked baselines" in one for one in found.causes)
    without = package.read(next(iter(building.packages(report, BY).values())))
    assert replay.compare(without, report, steering).same

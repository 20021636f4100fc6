"""Rows 1 to 9 of docs/requirements.md, each through the product's own entry points."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import pytest

from fwverify.analyse.declared_flows import with_declared
from fwverify.case import DeclaredFlow
from fwverify.model import DataFlow, Verdict
from fwverify.policy.decide import decide
from fwverify.policy.load import load_class
from tests.analyse.test_ruleset import COMPLETE
from tests.builders import keys
from tests.builders.cases import case_for
from tests.builders.facts import good_facts
from tests.evidence import lab
from tests.evidence.test_redact import PLANTED, SECRET, report
from tests.requirements import signed_desk as desks
from tests.requirements.contents import CONTENTS
from tests.requirements.signed_desk import NEXT, VENDOR, rules
from tests.verify import stores

ALLOW, REVIEW, DENY = Verdict.ALLOW, Verdict.REVIEW, Verdict.DENY


def test_row_01_one_image_of_two_suppliers_has_the_same_findings_and_two_verdicts(tmp_path):
    """Two suppliers send one image: every finding is the same, the refused one gets DENY."""
    desk = desks.make(tmp_path, paths=("policies", "suppliers"))
    rule = stores.RULE.replace('"M-*"', '"*"')
    keys.vendor_folder(
        tmp_path / "trust", "beta", {"keys/release.pem": keys.pem(VENDOR)},
        stores.HEAD.replace("acme", "beta") + stores.key_table(VENDOR) + rule,
    )  # fmt: skip
    update = desk.update({**NEXT, **CONTENTS["video"].files})
    gave = {}
    for vendor, outcome in (("acme", "accept"), ("beta", "refuse")):
        country = {"acme": "CN", "beta": "NL"}[vendor]
        desk.run("supplier", "add", vendor, "--name", vendor, "--vendor", vendor, "--established",
                 country)  # fmt: skip
        decided = desk.run("supplier", "assess", vendor, "--decide", outcome, "--context",
                           "generic/unstated", "--assessor", "A. Assessor", "--source", "file 1",
                           "--text", "weighed", "--date", "2026-11-01")  # fmt: skip
        assert decided.code == 0, decided
        gave[vendor] = desk.check(update, desk.case(f"{vendor}.toml", vendor=vendor), ref=None)
    one, other = gave["acme"].json, gave["beta"].json
    assert one["findings"] == other["findings"] and one["capabilities"]["present"]
    assert (one["verdict"], other["verdict"]) == ("REVIEW", "DENY")
    assert rules(gave["beta"]) - rules(gave["acme"]) == {"supplier.refused"}


def test_row_02_a_rule_that_names_no_threat_is_refused(tmp_path):
    """The lint refuses a rule without espionage or sabotage, and every shipped rule has one."""
    desk = desks.make(tmp_path)
    named = desk.write("named/a.yar", COMPLETE).parent
    silent = desk.write("silent/a.yar", COMPLETE.replace('threat = "both"', 'x = "both"')).parent
    wrong = desk.write("wrong/a.yar", COMPLETE.replace('"both"', '"nuisance"')).parent
    assert desk.run("rules", "lint", named).code == 0
    for folder in (silent, wrong):
        ran = desk.run("rules", "lint", folder)
        assert (ran.code, "threat" in ran.out + ran.err) == (4, True), ran
    threats = {each["threat"] for each in desk.run("rules", "list", "--format", "json").json}
    assert threats == {"both", "espionage", "sabotage"}


def test_row_03_location_vehicle_identity_and_contacts_that_leave_are_listed(calm, evil):
    """What is collected and where it goes is in the inventory, and told as new."""
    flows = {(each["source"], each["sink"]) for each in evil.json["dataflows"]}
    place = "https://collect.fleet-data.cn"
    assert {("location", place), ("vin", place), ("contacts", place)} <= flows
    new = {(each["source"], each["sink"]) for each in evil.json["delta"]["dataflows_added"]}
    assert flows == new
    assert calm.json["dataflows"] == calm.json["delta"]["dataflows_added"] == []
    assert (calm.json["verdict"], calm.code) == ("ALLOW", 0)


def test_row_04_a_redacted_package_verifies_and_holds_no_secret(tmp_path):
    """The published variant verifies with the lab's authority alone; the strings are nowhere."""
    desk = desks.make(tmp_path)
    who = lab.person("Lab")
    (tmp_path / "lab.key").write_bytes(lab.key_pem(who))
    (tmp_path / "lab.crt").write_bytes(who.pem)
    (tmp_path / "ca.pem").write_bytes(lab.authority("Lab CA").pem)
    (tmp_path / "full.asice").write_bytes(lab.package(report()[0], who))
    (tmp_path / "secret").write_bytes(SECRET)
    desk.write("strings", "\n".join(PLANTED) + "\n")
    made = desk.run("evidence", "redact", "full.asice", "--out", "public.asice", "--strings",
                    "strings", "--secret", "secret", "--key", "lab.key", "--certificate",
                    "lab.crt")  # fmt: skip
    assert made.code == 0, made
    for name, held in (("full.asice", True), ("public.asice", False)):
        ran = desk.run("evidence", "verify", name, "--anchor", "ca.pem")
        assert ran.code == 0, ran
        shown = (tmp_path / name).read_bytes()
        assert all((word.encode() in shown) is held for word in PLANTED[:2]), name
    same = desk.run("evidence", "verify", "public.asice", "--anchor", "ca.pem", "--original",
                    "full.asice", "--secret", "secret")  # fmt: skip
    assert same.code == 0, same
    cut = bytearray((tmp_path / "public.asice").read_bytes())
    cut[len(cut) // 2] ^= 1
    (tmp_path / "public.asice").write_bytes(cut)
    assert desk.run("evidence", "verify", "public.asice", "--anchor", "ca.pem").code != 0


@pytest.mark.parametrize(("device", "verdict"), [("generic", REVIEW), ("vehicle-ecu", DENY)])
def test_row_05_recording_and_sending_pictures_is_told(scanned, device, verdict):
    """An update that films and sends is REVIEW, in a vehicle DENY; one that plays a film is not."""
    assert "surv.video" in scanned.abilities("video")
    decision = scanned.decide("video", device)
    assert decision.verdict == verdict
    (film,) = (each for each in scanned.findings("video") if each.capability == "surv.video")
    assert film.fingerprint in {one for each in decision.reasons for one in each.findings}
    assert scanned.decide("video", device, site_class="high").verdict == DENY
    assert "surv.video" not in scanned.abilities("video-twin")
    assert scanned.decide("video-twin", device, site_class="high").verdict == ALLOW


def test_row_06_a_higher_threat_level_is_stricter_over_the_same_findings(scanned):
    """The findings stay, the level goes up, and the verdict goes from REVIEW to DENY."""
    given = {}
    for level in ("normal", "raised", "high"):
        given[level] = scanned.decide("bridge", "generic", threat_level=level)
        assert scanned.decide("bridge-twin", "generic", threat_level=level).verdict == ALLOW
    assert [each.verdict for each in given.values()] == [REVIEW, REVIEW, DENY]
    named = [{each.rule for each in decision.reasons} for decision in given.values()]
    assert named[0] == named[1] == named[2]


def test_row_07_a_high_risk_site_turns_a_review_into_a_denial(scanned):
    """The same content is REVIEW at a site of low class and DENY at one of high class."""
    low, high = (scanned.decide("bridge", site_class=each) for each in ("low", "high"))
    assert (low.verdict, high.verdict) == (REVIEW, DENY)
    assert any("site of class high" in each.text for each in high.reasons)
    assert scanned.decide("bridge-twin", site_class="high").verdict == ALLOW


def test_row_08_a_flow_is_recorded_with_purpose_and_an_undeclared_one_is_a_finding(scanned):
    """Category, recipient, purpose and declared or not; what is not declared is for a person."""
    policy = load_class("generic").policy
    analysed = scanned.analysed("agent")

    def judged(*flows):
        given = with_declared(analysed, flows)
        facts = good_facts(analysed=given, case=case_for(policy, declared_flows=flows))
        found = [each for each in given.findings if each.rule == "dataflow.undeclared"]
        return given.dataflows, found, decide(facts, policy).verdict

    stated = DeclaredFlow(source="location", sink="*", purpose="emergency call")
    flows, found, verdict = judged(stated)
    one = next(each for each in flows if (each.source, each.sink[:5]) == ("location", "https"))
    assert one == DataFlow(
        source="location", sink="https://collect.fleet-data.cn", declared=True, path=one.path,
        category="personal: location", purpose="emergency call", evidence=one.evidence,
    )  # fmt: skip
    assert [each.severity for each in found] == ["medium"] and verdict == REVIEW
    _, found, verdict = judged(DeclaredFlow(source="*", sink="*", purpose="all of it"))
    assert (found, verdict) == ([], ALLOW)


def test_row_09_flows_links_and_endpoints_are_exported_for_a_supervisor(desk, calm, evil):
    """CSV and JSON name each endpoint, service, account, key and flow; both say the same."""
    wanted = {
        "dataflows": ("source", {"location", "vin", "contacts"}),
        "endpoints": ("value", {"collect.fleet-data.cn", "https://collect.fleet-data.cn/v1"}),
        "interfaces": ("name", {"app", "maint", "root", "support"}),
    }
    for what, (column, values) in wanted.items():
        made = {
            form: desk.run("export", what, "evil/report.json", "--format", form).out
            for form in ("csv", "json")
        }
        rows = list(csv.DictReader(io.StringIO(made["csv"], newline="")))
        listed = json.loads(made["json"])[what]
        assert [row[column] for row in rows] == [each[column] for each in listed]
        assert values <= {row[column] for row in rows}
        quiet = json.loads(desk.run("export", what, "calm/report.json", "--format", "json").out)
        assert not values & {each[column] for each in quiet[what]} - {"root", "app"}
    report_ = json.loads((desk.folder / "evil" / "report.json").read_text())
    report_["endpoints"] = []
    desk.write("altered.json", msgspec.json.encode(report_).decode())
    assert desk.run("export", "endpoints", "altered.json").code == 2

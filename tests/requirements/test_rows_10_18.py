"""Rows 10 to 18 of docs/requirements.md, each through the product's own entry points."""

from __future__ import annotations

from importlib import resources

import pytest
from msgspec.structs import replace

from fwverify.model import Verdict
from fwverify.policy.load import load_class
from tests.analyse.test_ruleset import COMPLETE
from tests.catalogue.test_catalogues import SMALL
from tests.requirements.signed_desk import AT, NEXT, REF

ALLOW, REVIEW, DENY = Verdict.ALLOW, Verdict.REVIEW, Verdict.DENY


def view(desk, report, reader, *more):
    """Return a view as JSON, and as one text."""
    ran = desk.run("report", "render", f"{report}/report.json", "--for", reader, "--format",
                   "json", *more)  # fmt: skip
    assert ran.code == 0, ran
    return ran.json, ran.out


def test_row_10_evidence_is_mapped_to_the_paragraphs_of_r155_and_r156(desk, calm, evil):
    """The annex for the authority names paragraphs and threats; a new shell contradicts some."""
    found = {}
    for name in ("calm", "evil"):
        for catalogue in ("r155", "r156"):
            document, text = view(desk, name, "authority", "--catalogue", catalogue)
            assert text.isascii()
            found[name, catalogue] = {
                row[0]: " ".join(row)
                for section in document["sections"]
                for table in section["tables"]
                for row in table["rows"]
                if row[0][:1] != "F"
            }
    for catalogue, number in (("r155", 60), ("r156", 40)):
        calm_, evil_ = found["calm", catalogue], found["evil", catalogue]
        assert len(calm_.keys() & evil_.keys()) > number
    mine = next(each for each in found["evil", "r155"] if each.split()[-1] == "1.2")
    assert "contradict" in found["evil", "r155"][mine]
    assert "contradict" not in found["calm", "r155"][mine]
    assert any(each.endswith("7.1.2.5(b)") for each in found["calm", "r156"])
    assert desk.run("catalogue", "lint").code == 0


def test_row_11_the_class_of_buses_and_trucks_has_rules_of_its_own(scanned):
    """Injected J1939 frames, a bridge around the trailer's gateway and wiped records are DENY."""
    rows = {"bridge": "29.2", "j1939": "11.1", "wipe": "21.1"}
    for name, threat in rows.items():
        assert threat in {one for each in scanned.findings(name) for one in each.r155}, name
        decision = scanned.decide(name, "bus-truck")
        assert decision.verdict == DENY, (name, decision.reasons)
        assert scanned.decide(f"{name}-twin", "bus-truck").verdict == ALLOW
    named = {each.rule for each in scanned.decide("wipe", "bus-truck").reasons}
    assert "monitoring.circumvented" in named
    assert scanned.decide("wipe", "generic").verdict == REVIEW


CRANE = """\
schema = "fwverify.policy/1"
name = "cranes"
class = "crane"
version = "1"
extends = "generic"
unexplained_max_bytes = 65536
unexplained_entropy_milli = 7200
[signatures]
required = true
[baseline]
approved_required = true
[otherwise]
at_least = "medium"
verdict = "REVIEW"
next = { owner = "lab", action = "look" }
[[rules]]
id = "crane.bus"
overlays = ["type_approval_rules", "national_security_rules"]
verdict = "DENY"
text = "a bridge to the bus of a crane"
next = { owner = "vendor", action = "remove it" }
when = [{ field = "capability", op = "prefix", value = "can." }]
"""


def test_row_12_a_new_class_of_device_is_one_file(desk, scanned):
    """A TOML file in the operator's folder is a class that judges; a class nobody made is refused.

    The same content is milder under the class that it extends.
    """
    file = desk.write("policies/crane.toml", CRANE)
    assert desk.run("policy", "lint", file).code == 0
    made = load_class("crane", (file.parent,)).policy
    decision = scanned.decide("bridge", policy=made)
    assert decision.verdict == DENY
    assert "crane.bus" in {each.rule for each in decision.reasons}
    assert scanned.decide("bridge", "generic").verdict == REVIEW
    assert scanned.decide("bridge-twin", policy=made).verdict == ALLOW
    update = desk.update(NEXT)
    known = desk.check(update, desk.case("crane.toml", class_name="crane"), ref=None)
    assert (known.code, known.json["policy"].partition(" ")[0]) == (3, "cranes")
    unknown = desk.check(update, desk.case("ferry.toml", class_name="ferry"), ref=None)
    assert (unknown.code, "ferry" in unknown.err) == (2, True)


PART = '[[members]]\npath = "unit.tar"\nrole = "update"\necu = "{}"\nhw_id = "{}"\n'


def test_row_13_a_baseline_is_of_one_make_type_ecu_hardware_and_rxswin(desk, calm):
    """What it is registered for is shown; another product's is refused, another part is told."""
    first = desk.update(NEXT)
    case = desk.case("ecu.toml", PART.format("GW", "HW-7"), product="telematics")
    made = ("baseline", "approve", first, "--case", case, "--ref", "acme/tel/1", "--reason", "r",
            "--by", "Ann", "--by", "Bob", "--at", AT)  # fmt: skip
    assert desk.run(*made, "--rxswin", "R155-1").code == 0
    shown = desk.run("baseline", "show", "acme/tel/1").out
    assert all(each in shown for each in ("acme", "telematics", "GW", "HW-7", "R155-1"))
    other = desk.run(*made[:-8], "acme/tel/1", "--reason", "r", "--by", "Cy", "--at", AT,
                     "--rxswin", "R155-2")  # fmt: skip
    assert other.code == 2, other
    same = desk.check(first, case, ref="acme/tel/1")
    assert (same.code, same.json["verdict"]) == (0, "ALLOW"), same.json["reasons"]
    wrong = desk.case("other.toml", PART.format("GW", "HW-8"), product="telematics")
    told = desk.check(first, wrong, ref="acme/tel/1")
    assert told.code == 3
    assert {each["rule"] for each in told.json["findings"]} >= {"set.other_part"}
    foreign = desk.check(first, case, ref=REF)
    assert (foreign.code, "is of acme unit" in foreign.err) == (2, True)


def test_row_14_each_reader_gets_his_view(desk, evil):
    """Authority, privacy authority, CSIRT, operator: each what is his, and not the others'."""
    texts = {
        reader: view(desk, "evil", reader)[1]
        for reader in ("lab", "vendor", "authority", "privacy", "csirt", "operator")
    }
    assert all("shell.new" in texts[reader] for reader in ("lab", "authority"))
    assert "R155" in texts["authority"]
    for reader in ("vendor", "privacy", "csirt"):
        assert "shell.new" not in texts[reader], reader
    assert "personal: location" in texts["privacy"]
    assert "collect.fleet-data.cn" in texts["csirt"]
    assert "DENY" in texts["operator"] and "DENY" not in texts["csirt"]
    assert len(set(texts.values())) == len(texts)
    assert desk.run("report", "render", "evil/report.json", "--for", "press").code == 2


def test_row_15_a_new_endpoint_or_listener_stands_before_other_changes(desk, calm):
    """The comparison's first screen lists endpoint and listener above what merely changed."""
    plain = {f"usr/share/doc/{each}": b"old\n" for each in range(12)}
    old = desk.update(plain, "a.tar")
    changed = dict.fromkeys(plain, b"new\n")
    listens = {"etc/init.d/S60x": b"#!/bin/sh\nnc -l -p 4444 &\ncurl https://a.example.cn/x\n"}
    ran = desk.run("diff", old, desk.update({**changed, **listens}, "a.tar"), "--at", AT)
    lines = ran.out.splitlines()
    kinds = [line.split("  ")[0].strip() for line in lines]
    assert ran.code == 3 and "~ changed" in kinds
    for first in ("+ endpoint", "+ service"):
        assert kinds.index(first) < kinds.index("~ changed"), ran.out
    quiet = calm.json["delta"]
    assert quiet["changed"] and not quiet["endpoints_added"] + quiet["services_added"]


@pytest.mark.parametrize("threat", ["99.9", "22.1", "14.1", "30.1"])
def test_row_16_an_id_that_the_regulation_does_not_have_is_refused(desk, tmp_path, threat):
    """A rule or catalogue that names a paragraph which does not exist is refused by name."""
    rule = tmp_path / "a.yar"
    rule.write_text(COMPLETE.replace('"1.2, 16.1"', f'"{threat}"'))
    ran = desk.run("rules", "lint", tmp_path)
    assert ran.code == 4 and threat in ran.out + ran.err
    rule.write_text(COMPLETE)
    assert desk.run("rules", "lint", tmp_path).code == 0
    catalogue = tmp_path / "house.toml"
    checks = f'checks = ["signed"]\nthreats = ["{threat}"]'
    catalogue.write_text(SMALL.replace('checks = ["signed"]', checks))
    assert desk.run("catalogue", "lint", catalogue).code == 4
    catalogue.write_text(SMALL.replace('checks = ["signed"]', 'checks = ["signed"]'))
    assert desk.run("catalogue", "lint", catalogue).code == 0
    listed = desk.run("catalogue", "list").out
    assert "OJ 2025/5" in listed and "OJ L 82" in listed


def test_row_17_two_overlays_judge_apart_and_the_worse_one_counts(scanned):
    """One overlay says ALLOW, the other DENY: both are shown, and the verdict is DENY."""
    policy = load_class("generic").policy
    rule = next(each for each in policy.rules if each.id == "medium.new")
    national = ("national_security_rules",)
    only = tuple(
        replace(each, overlays=national, verdict="DENY") if each is rule else each
        for each in policy.rules
    )
    first = scanned.decide("vpn", policy=replace(policy, rules=only))
    assert first.verdict == DENY
    assert first.verdicts.national_security_rules == DENY
    assert first.verdicts.type_approval_rules in (ALLOW, REVIEW)
    mirrored = replace(rule, overlays=("type_approval_rules",), verdict="DENY")
    without = tuple(mirrored if each is rule else each for each in policy.rules)
    second = scanned.decide("vpn", policy=replace(policy, rules=without))
    assert second.verdict == second.verdicts.type_approval_rules == DENY
    assert second.verdicts.national_security_rules in (ALLOW, REVIEW)
    assert scanned.decide("vpn-twin", policy=replace(policy, rules=only)).verdict == ALLOW


def test_row_18_rules_of_another_country_count_only_where_they_are_adopted(scanned, tmp_path):
    """Without `adopt` a host under .cn gives no reason; with it one, in one overlay alone."""
    source = resources.files("fwverify.policy") / "builtin" / "generic.toml"
    text = source.read_text().replace("unexplained_max", 'adopt = ["us-cvr"]\nunexplained_max', 1)
    (tmp_path / "generic.toml").write_text(text)
    adopting = load_class("generic", (tmp_path,))
    plain = scanned.decide("agent")
    adopted = scanned.decide("agent", policy=adopting.policy)
    assert plain.verdict == plain.verdicts.national_security_rules == ALLOW
    assert adopted.verdicts.national_security_rules == REVIEW
    assert adopted.verdicts.type_approval_rules == ALLOW
    assert any("collect.fleet-data.cn (CN)" in each.text for each in adopted.reasons)
    assert "us-cvr" in adopting.label and "us-cvr" not in load_class("generic").label
    assert scanned.decide("agent-twin", policy=adopting.policy).verdict == ALLOW

"""The whole way: check, release by two people in two steps, pins, list, gate, revocation."""

from __future__ import annotations

import json
import subprocess

import msgspec
import pytest

from fwverify.gate import form
from tests.cli.program import fwverify
from tests.gate_release.papers import SCRIPT
from tests.ledger.people import ANN_KEY, BOB_KEY, CY_KEY, EVE_KEY, pem, private_pem

AT = ("--at", "2026-11-21T00:00:00Z")
KEYS = {"Ann": ANN_KEY, "Bob": BOB_KEY, "Desk": CY_KEY, "Eve": EVE_KEY}
CASE = """\
schema = "fwverify.case/1"
id = "case-1"
vendor = "acme"
product = "gateway"
class = "generic"
submitter = "Desk"
[context]
site = "Rotterdam"
connectivity = "stand-alone"
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "case.toml").write_text(CASE)
    (tmp_path / "update").mkdir()
    (tmp_path / "update" / "notes.txt").write_text("release 1\n")
    (tmp_path / "update" / "settings.ini").write_text("[a]\nb=1\n")
    for name, key in KEYS.items():
        (tmp_path / f"{name}.key").write_bytes(private_pem(key))
        (tmp_path / f"{name}.pub").write_bytes(pem(key))
    people = "".join(
        f'[[people]]\nname = "{each}"\nkey = "{each}.pub"\n' for each in ("Ann", "Bob", "Desk")
    )
    (tmp_path / "fwverify.toml").write_text(
        f'schema = "fwverify.config/1"\n[ledger]\nurl = "sqlite:///l.sqlite"\n'
        f'[paths]\nstore = "store"\ncases = "cases"\n{people}'
    )
    return tmp_path


def run(place, *arguments):
    return fwverify(*arguments, cwd=place)


def checked(place, *more):
    ran = run(place, "check", "update", "--case", "case.toml", "--record", "--out", "out",
              "--format", "json", *AT, *more)  # fmt: skip
    return ran.json


def named(place, report):
    """Return what has to be named, as the refusal itself tells it."""
    ran = release(place)
    assert ran.code == 2, ran
    accepted = []
    for line in ran.err.splitlines():
        text = line.removeprefix("fwverify: ")
        if " is not named" in text:
            accepted.append(text.partition(" is not named")[0] + " = looked at")
    assert accepted, ran.err
    return tuple(word for each in accepted for word in ("--accept", each))


def release(place, *more, signers=("Ann",), expires="2026-12-01T00:00:00Z"):
    keys = tuple(word for each in signers for word in ("--signer", f"{each}.key"))
    return run(place, "release", "out", "--case", "case.toml", "--expires", expires, *keys,
               "--out", "release.txt", *AT, *more)  # fmt: skip


def gate(place, *more, update="update", at="2026-11-21T01:00:00Z"):
    """Return the exit code of the gate; both have to agree."""
    files = ("--release", "release.txt", "--context", "context.json", "--pins", "pins.txt",
             "--revocations", "list.txt", "--at", at, *more)  # fmt: skip
    ran = run(place, "gate", update, *files)
    sh = subprocess.run(["sh", str(SCRIPT), update, *files], cwd=place, check=False,
                        capture_output=True, text=True)  # fmt: skip
    assert sh.returncode == ran.code, (sh, ran)
    return ran.code


def papers(place, next_update="2026-11-28T00:00:00Z", at=AT):
    assert run(place, "release", "pins", "--out", "pins.txt").code == 0
    assert run(place, "release", "context", "case.toml", "--out", "context.json").code == 0
    ran = run(place, "release", "revocations", "--next-update", next_update, "--signer",
              "Desk.key", "--out", "list.txt", *at)  # fmt: skip
    assert ran.code == 0, ran


def test_two_people_in_two_steps(place):
    report = checked(place)
    assert report["verdict"] == "DENY"
    assert "trust.no_rule" in {each["rule"] for each in report["reasons"]}
    refused = release(place)
    assert refused.code == 2
    assert "trust.no_rule: has to be put right" in refused.err
    report = altered(place, [reason("baseline.none"), reason("superseded.outside")])
    accepted = named(place, report)
    half = release(place, *accepted, "--condition", "only in the lab")
    assert half.code == 0, half.err
    assert ": none" in half.out
    papers(place)
    assert gate(place) == 4
    digest = half.out.split()[1].rstrip(":")
    assert run(place, "release", "show", digest[:12], *AT).code == 4
    again = run(place, "release", "sign", digest[:12], "--signer", "Ann.key", *AT)
    assert again.code == 2
    assert "signed already" in again.err
    assert "submitted" in run(place, "release", "sign", digest, "--signer", "Desk.key", *AT).err
    assert run(place, "release", "sign", digest, "--signer", "Eve.key", *AT).code == 2
    whole = run(place, "release", "sign", digest, "--signer", "Bob.key", "--out", "release.txt",
                *AT)  # fmt: skip
    assert whole.code == 0, whole
    assert ": released-with-conditions" in whole.out
    assert gate(place) == 0
    assert gate(place, at="2026-11-29T00:00:00Z") == 4
    assert gate(place, at="2026-12-02T00:00:00Z") == 4
    assert run(place, "gate", "update", "--exit-zero").code == 2
    (place / "update" / "more").write_text("x")
    assert gate(place) == 4
    (place / "update" / "more").unlink()
    listed = run(place, "release", "list", "--json", *AT).json
    assert [each["state"] for each in listed] == ["released-with-conditions"]
    assert listed[0]["verdict"] == report["verdict"]
    due = run(place, "release", "list", "--due", *AT).out
    assert "ends within 14 days" in due
    assert run(place, "release", "revoke", digest, "--by", "Ann", "--reason", "new rule",
               *AT).code == 0  # fmt: skip
    assert gate(place) == 0  # the gate has the old list, until it is due
    papers(place)
    assert gate(place) == 4
    assert run(place, "release", "show", digest, *AT).code == 4
    later = release(place, *accepted, "--condition", "only in the lab", signers=("Ann", "Bob"))
    assert later.code == 2
    assert "revoked" in later.err
    assert run(place, "ledger", "check").code == 0


def altered(place, reasons, verdict="REVIEW", **more):
    """Replace the report by one with other reasons, recorded as if a check had made it."""
    from fwverify.canonical import canonical_json, seal
    from fwverify.ledger import Ledger
    from fwverify.ledger.model import VerdictEntry
    from fwverify.model import Report

    file = place / "out" / "report.json"
    plain = json.loads(file.read_text()) | {"reasons": reasons, "verdict": verdict} | more
    report = seal(msgspec.convert(plain, Report))
    file.write_bytes(canonical_json(report))
    with Ledger(f"sqlite:///{place / 'l.sqlite'}") as ledger:
        ledger.log_verdict(VerdictEntry(
            at=report.at, subject_sha256=report.subject.sha256, verdict=report.verdict,
            core_sha256=report.core_sha256, baseline=None, digests=report.digests,
        ))  # fmt: skip
    return msgspec.to_builtins(report)


def reason(rule, verdict="REVIEW", findings=(), knock_out=False):
    return {
        "rule": rule, "verdict": verdict, "text": f"about {rule}", "findings": list(findings),
        "waived_by": None, "next": {"owner": "lab", "action": "look"}, "knock_out": knock_out,
    }  # fmt: skip


def test_a_text_is_only_its_form(place):
    assert form.is_text("a%25b")
    assert not form.is_text("a%b")


def test_nobody_is_registered(place):
    text = (place / "fwverify.toml").read_text()
    (place / "fwverify.toml").write_text(text.partition("[[people]]")[0])
    ran = run(place, "release", "pins", "--out", "pins.txt")
    assert ran.code == 2
    assert "registers no" in ran.err


def test_the_printed_checker_is_the_one_that_is_tested(place):
    assert run(place, "gate", "--print-checker").out == SCRIPT.read_text()


def test_what_cannot_be_released(place):
    checked(place)
    named_all = ("--accept", "reason generic.ko = seen", "--condition", "x")
    both = {"signers": ("Ann", "Bob")}
    for rule, ko, why in (
        ("generic.ko", True, "a knock-out cannot be released"),
        ("context.changed", False, "has to be put right"),
        ("ad_hoc.option", False, "has to be put right"),
        ("stage.incomplete.unpack", False, "names no problem"),
        ("other.rule", False, "reason other.rule is not named"),
    ):
        altered(place, [reason(rule, "DENY", knock_out=ko)], "DENY")
        ran = release(place, *named_all, **both)
        assert (ran.code, why in ran.err) == (2, True), ran.err
        assert not (place / "release.txt").exists()
    altered(place, [reason("generic.ko", "DENY")], "DENY")
    assert "nothing that stands open" in release(place, *named_all, "--accept",
                                                 "reason typo = x", **both).err  # fmt: skip
    assert release(place, *named_all, **both).code == 0


def test_how_long_a_release_may_hold(place):
    checked(place)
    altered(place, [reason("baseline.none")])
    name = ("--accept", "reason baseline.none = first delivery")
    long = release(place, *name, "--emergency", "--condition", "x", expires="2026-11-29T00:00:00Z")
    assert "7 days at most" in long.err
    assert "needs a --condition" in release(place, *name, "--emergency",
                                            expires="2026-11-27T00:00:00Z").err  # fmt: skip
    assert "90 days" in release(place, *name, "--interim", "--condition", "x",
                                expires="2027-11-27T00:00:00Z").err  # fmt: skip
    assert "before it begins" in release(place, *name, expires="2026-11-20T00:00:00Z").err
    one = release(place, *name, "--emergency", "--condition", "x", expires="2026-11-27T00:00:00Z")
    assert ": none" in one.out  # REQUIREMENTS, row 36: no second signer
    two = release(place, *name, "--emergency", "--condition", "x", signers=("Ann", "Bob"),
                  expires="2026-11-27T00:00:00Z")  # fmt: skip
    assert "an emergency is reviewed again" in two.out
    papers(place)
    assert gate(place) == 0
    assert gate(place, at="2026-11-27T00:00:01Z") == 4  # REQUIREMENTS, row 35
    assert "emergency" in run(place, "release", "list", "--due", *AT).out
    assert release(place, *name, signers=("Ann", "Bob")).code == 0
    assert "emergency" not in run(place, "release", "list", "--due", *AT).out


def test_a_report_that_no_check_recorded(place):
    checked(place)
    altered(place, [reason("baseline.none")])
    (place / "l.sqlite").rename(place / "gone.sqlite")
    run(place, "check", "update", "--case", "case.toml", "--record", *AT)
    ran = release(place, "--accept", "reason baseline.none = x", signers=("Ann", "Bob"))
    assert ran.code == 2
    assert "no check recorded" in ran.err


def test_another_case_another_deployment_an_altered_report(place):
    checked(place)
    altered(place, [reason("baseline.none")])
    name = ("--accept", "reason baseline.none = x")
    (place / "case.toml").write_text(CASE.replace("stand-alone", "networked"))
    assert "another case" in release(place, *name).err
    (place / "case.toml").write_text(CASE)
    (place / "elsewhere.json").write_text("{}")
    assert "re-test" in release(place, *name, "--context", "elsewhere.json").err
    report = place / "out" / "report.json"
    report.write_text(report.read_text().replace("about baseline", "about nothing"))
    assert "altered" in release(place, *name).err


def test_a_signed_verdict(place):
    """REQUIREMENTS, row 32: another organisation checks it with the signers' keys only."""
    checked(place)
    altered(place, [reason("allow", "ALLOW")], "ALLOW")
    assert release(place, signers=("Ann", "Bob")).code == 0
    assert (place / "release.txt").read_text().startswith("fwverify-verdict/1\n")
    papers(place)
    assert gate(place) == 0


def test_a_revoked_key_and_update(place):
    """REQUIREMENTS, rows 31 and 72."""
    checked(place)
    report = altered(place, [reason("allow", "ALLOW")], "ALLOW")
    assert release(place, signers=("Ann", "Bob")).code == 0
    subject = report["subject"]["sha256"]
    (place / "fleet.csv").write_text(
        "device,vendor,product,site,image_sha256,version,seen_at\n"
        f"bus-1,acme,gateway,Rotterdam,{subject},1,2026-11-01T00:00:00Z\n"
    )
    assert run(place, "devices", "import", "fleet.csv", "--by", "Ann", *AT).code == 0
    ran = run(place, "release", "revoke", subject, "--what", "subject", "--by", "Bob",
              "--reason", "the re-test failed", *AT)  # fmt: skip
    assert "runs it: bus-1" in ran.out
    affected = run(place, "devices", "affected", "--revoked")
    assert (affected.code, "bus-1" in affected.out) == (3, True)
    assert run(place, "devices", "affected", subject).code == 3
    assert run(place, "devices", "affected", "0" * 64).code == 0
    assert run(place, "devices", "affected").code == 2
    papers(place)
    assert gate(place) == 4
    assert "revoked by Bob" in run(place, "release", "list", "--json", *AT).json[0]["why"]


def test_a_waiver_from_report_to_report(place):
    """The finding stays, marked; the verdict is a REVIEW at its mildest."""
    (place / "update" / "shadow").write_text("root::20454:0:99999:7:::\n")
    (place / "update" / "etc").mkdir()
    (place / "update" / "etc" / "shadow").write_text("root::20454:0:99999:7:::\n")
    report = checked(place)
    found = {each["fingerprint"]: each for each in report["findings"]}
    reasons = [each for each in report["reasons"] if each["findings"]]
    knocked = [each for each in reasons if each["knock_out"]]
    for each in knocked[:1]:
        ran = waive(place, each["findings"][0], "Ann", "Bob")
        assert (ran.code, "cannot be waived" in ran.err) == (2, True)
    from fwverify.model import Finding, Reason
    from fwverify.policy.waived import waivable

    def about(reason):
        return [msgspec.convert(found[name], Finding) for name in reason["findings"]]

    held = {name for each in reasons for name in each["findings"]
            if not waivable(msgspec.convert(each, Reason), about(each))}  # fmt: skip
    free = sorted(set(found) - held)
    assert free, report["reasons"]
    assert waive(place, free[0], "Ann").code == 0
    assert checked(place)["waivers"] == []
    ran = waive(place, free[0], "Ann", "Bob")
    assert ": counts" in ran.out, ran
    after = checked(place)
    assert [each["fingerprint"] for each in after["waivers"]] == [free[0]]
    marked = [each for each in after["findings"] if each["waived_by"]]
    assert [each["fingerprint"] for each in marked] == [free[0]]
    sarif = json.loads((place / "out" / "findings.sarif").read_text())
    assert any(each.get("suppressions") for each in sarif["runs"][0]["results"])
    late = run(place, "check", "update", "--case", "case.toml", "--format", "json", "--at",
               "2027-11-21T00:00:00Z").json  # fmt: skip
    assert late["waivers"] == []
    name = after["waivers"][0]["id"]
    assert any(each["counts"] for each in run(place, "waiver", "list", "--json", *AT).json)
    assert run(place, "waiver", "revoke", name, "--by", "Bob", "--reason", "no", *AT).code == 0
    assert checked(place)["waivers"] == []


def waive(place, finding, *signers):
    keys = tuple(word for each in signers for word in ("--signer", f"{each}.key"))
    return run(place, "waiver", "add", "out", "--case", "case.toml", "--finding", finding,
               "--reason", "r", "--ticket", "T-1", "--control", "watched", "--not-after",
               "2026-12-21T00:00:00Z", *keys, *AT)  # fmt: skip


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (("release", "sign", "abc", "--signer", "Bob.key"),
         "0 releases 'abc': 8 or more digits of its digest are meant (release list)"),
        (("waiver", "revoke", "0123456789", "--by", "Ann", "--reason", "r"), "(waiver list)"),
        (("release", "out", "--case", "other.toml", "--expires", "2026-12-01T00:00:00Z",
          "--signer", "Ann.key", *AT), "fwverify: the report was made under another case"),
        (("release", "out", "--case", "case.toml", "--expires", "2026-12-01T00:00:00Z",
          "--signer", "Ann.pub", *AT), "Ann.pub: a public key: the private one signs"),
        (("baseline", "approve", "--ref", "a/b/1", "--reason", "r", "--by", "Anne", "--sign-with",
          "Ann.key"), "for Anne, who is none of the [[people]]: Ann, Bob, Desk"),
    ],
)  # fmt: skip
def test_the_obvious_mistake_says_what_to_do(place, call, says):
    checked(place)
    (place / "case.toml").write_text(CASE)
    (place / "other.toml").write_text(CASE.replace("vehicle", "v").replace("gateway", "meter"))
    altered(place, [reason("baseline.none")])
    more = ("--accept", "reason baseline.none = x") if "Ann.pub" in call else ()
    ran = run(place, *call, *more)
    assert ran.code == 2
    assert says in ran.err


def test_the_refusal_tells_the_option_and_pins_have_no_signatures(place):
    checked(place)
    altered(place, [reason("baseline.none")])
    assert "is named with --accept" in release(place).err.splitlines()[-1]
    assert run(place, "release", "pins", "--out", "pins.txt").out == "pins.txt\n"
    done = release(place, "--accept", "reason baseline.none = x")
    assert done.out.endswith("release.txt: 1 signature\n")

"""Rows 28 to 36 of docs/requirements.md, each through the product's own entry points."""

from __future__ import annotations

import csv
import hashlib
import io

import pytest

from fwverify.gate import form
from fwverify.model import Verdict
from fwverify.policy.load import load_class
from tests.gate_release import papers
from tests.gate_release.papers import Trial
from tests.ledger.people import ANN_KEY, BOB_KEY, CY_KEY, EVE_KEY, pem, private_pem
from tests.policy.situation import a_rule, altered
from tests.requirements import signed_desk as desks
from tests.requirements.signed_desk import AT, NEXT, PLAIN, REF, Desk, rules

ALLOW, REVIEW, DENY = Verdict.ALLOW, Verdict.REVIEW, Verdict.DENY
DAY = ("--date", "2026-11-01")
PEOPLE = {"Ann": ANN_KEY, "Bob": BOB_KEY, "Desk": CY_KEY, "Eve": EVE_KEY}


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    """A desk with a supplier register: acme is assessed, and supplies two of three parts."""
    desk = desks.make(tmp_path_factory.mktemp("register"), paths=("policies", "suppliers"))
    desk.approve(desk.update(PLAIN), desk.case())
    for name in ("acme", "beta"):
        desk.run("supplier", "add", name, "--name", name, "--vendor", name)
    for part, names in (("gateway", ("acme", "beta")), ("modem", ("acme",)), ("clock", ("beta",))):
        for name in names:
            source = ("--component", part, "--supplier", name, "--status", "approved", *DAY)
            desk.run("supplier", "dual-source", *source, "--by", "B. Buyer", "--text", "test")
    desk.run("supplier", "assess", "acme", "--decide", "accept", "--context", "generic/unstated",
             "--assessor", "A. Assessor", "--source", "file", "--text", "x", *DAY)  # fmt: skip
    return desk


def test_row_28_a_supplier_without_a_quick_scan_is_for_a_person(registered):
    """No quick scan on record is REVIEW; with its reference and outcome the update is ALLOW."""
    update, case = registered.update(NEXT), registered.folder / "case.toml"
    before = registered.check(update, case)
    assert (before.code, rules(before)) == (3, {"supplier.quickscan"})
    assert before.json["verdicts"]["type_approval_rules"] == "ALLOW"
    scan = ("supplier", "quickscan", "acme", "--reference", "QS-2026-7", "--source", "file 7")
    assert registered.run(*scan, "--outcome", "no-objection", *DAY).code == 0
    after = registered.check(update, case)
    assert (after.code, after.json["verdict"]) == (0, "ALLOW"), after.json["reasons"]
    assert "quick scan QS-2026-7: no-objection" in registered.run("supplier", "show", "acme").out
    assert "quick scan" not in registered.run("supplier", "show", "beta").out


def test_row_29_dependence_on_one_supplier_is_counted(registered):
    """Per supplier: on how many parts it is approved, and for which it is the only one."""
    listed = registered.run("supplier", "concentration", "--format", "json", "--at", AT).json
    found = {each["supplier"]: each for each in listed["suppliers"]}
    assert found["acme"]["alone"] == ["modem"] and found["beta"]["alone"] == ["clock"]
    assert found["acme"]["components"] == ["gateway", "modem"]
    early = registered.run("supplier", "concentration", "--format", "json", "--at",
                           "2026-01-01T00:00:00Z").json  # fmt: skip
    assert not any(each["alone"] for each in early["suppliers"])


TABLE = """\
schema = "fwverify.operator/1"
hosts = []
keys = []
[[jurisdiction]]
country = "US"
source = "register, 2026-01-01"
hosts = ["fleet-data.cn"]
"""


def test_row_30_a_place_under_foreign_law_is_flagged_and_an_unknown_one_said(desk, evil, scanned):
    """A rule over jurisdictions names the country; the export has one word for every endpoint."""
    rule = a_rule("jurisdiction", "in", ("CN",), over="endpoint")
    policy = altered(load_class("generic").policy, rules=(rule,))
    decision = scanned.decide("agent", policy=policy)
    assert decision.verdict == REVIEW and "(CN)" in decision.reasons[0].text
    assert scanned.decide("agent-twin", policy=policy).verdict == ALLOW
    unknown = altered(policy, rules=(a_rule("jurisdiction", "in", ("unknown",), over="endpoint"),))
    assert scanned.decide("lte", policy=unknown).verdict == REVIEW
    table = desk.write("operator.toml", TABLE)
    for more, country in (((), "CN"), (("--jurisdictions", table), "US")):
        made = desk.run("export", "endpoints", "evil/report.json", "--format", "csv", *more).out
        rows = list(csv.DictReader(io.StringIO(made, newline="")))
        assert {row["jurisdiction"] for row in rows} == {country}


def test_row_31_a_second_test_decides_again_and_the_first_counts_no_more(tmp_path):
    """A revoked approval is refused as a baseline, its update is DENY, and a gate stays shut."""
    desk = desks.make(tmp_path)
    first, case = desk.update(PLAIN), desk.case()
    desk.approve(first, case)
    again = desk.check(first, case)
    assert again.code == 0, again.json["reasons"]
    done = desk.run("baseline", "revoke", REF, "--by", "Cy", "--reason", "the re-test failed",
                    "--at", AT)  # fmt: skip
    assert done.code == 0
    refused = desk.check(first, case)
    assert (refused.code, "the re-test failed" in refused.err) == (2, True)
    bare = desk.check(first, case, ref=None)
    assert (bare.code, "ledger.revoked" in bare.out) == (4, True)
    other = desk.check(desk.update(NEXT), case, "--supersedes", "case-1", ref=None)
    assert (other.json["supersedes"], bare.json["supersedes"]) == ("case-1", None)
    assert (other.code, "ledger.revoked" in other.out) == (3, False)
    trial = Trial()
    digest = hashlib.sha256(papers.CONTENT).hexdigest()
    revoked = trial.with_(revocations=papers.revocations(subject=(digest,)))
    assert (gate(desk, trial), gate(desk, revoked)) == (0, 4)


def gate(desk, trial):
    """Return the exit code of the gate at the command line."""
    folder = desk.folder / "gate"
    update = trial.write(folder)
    files = [word for name in ("release", "context", "pins", "revocations")
             for word in (f"--{name}", folder / name)]  # fmt: skip
    return desk.run("gate", update, *files, "--at", trial.at).code


def people(folder, *names, partners=(), name="fwverify.toml"):
    """Write a configuration with registered people and partners, and everybody's keys."""
    for each, key in PEOPLE.items():
        (folder / f"{each}.key").write_bytes(private_pem(key))
        (folder / f"{each}.pub").write_bytes(pem(key))
    text = f'schema = "fwverify.config/1"\n[ledger]\nurl = "sqlite:///{name}.sqlite"\n'
    text += '[paths]\nstore = "store"\ncases = "cases"\n'
    text += "".join(f'[[people]]\nname = "{each}"\nkey = "{each}.pub"\n' for each in names)
    text += "".join(f'[[partners]]\nname = "Lab {each}"\nkey = "{each}.pub"\n' for each in partners)
    (folder / name).write_text(text)
    return Desk(folder)


def test_row_32_another_organisations_baseline_is_verified_with_its_key_alone(tmp_path):
    """A signed export arrives provisional where its signer is a partner, and nowhere else."""
    desk = people(tmp_path, "Ann", "Bob")
    people(tmp_path, "Eve", partners=("Ann",), name="partner.toml")
    people(tmp_path, "Eve", partners=("Bob",), name="stranger.toml")
    case = desk.case()
    update = desk.write("in/fw.txt", "release 1\n")
    signed = [word for each in ("Ann", "Bob") for word in ("--by", each, "--sign-with",
                                                           f"{each}.key")]  # fmt: skip
    made = desk.run("baseline", "approve", update, "--case", case, "--ref", REF, "--reason", "r",
                    *signed, "--at", AT)  # fmt: skip
    assert made.code == 0, made
    sent = desk.run("baseline", "export", REF, "out.zip", "--by", "Ann", "--sign-with", "Ann.key",
                    "--at", AT)  # fmt: skip
    assert sent.code == 0
    came = desk.run("baseline", "import", "out.zip", "--at", AT, config="partner.toml")
    assert (came.code, "provisional, of Lab Ann" in came.out) == (0, True)
    refused = desk.run("baseline", "import", "out.zip", "--at", AT, config="stranger.toml")
    assert (refused.code, "no partner" in refused.err) == (2, True)
    data = bytearray((tmp_path / "out.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "out.zip").write_bytes(data)
    assert desk.run("baseline", "import", "out.zip", "--at", AT, config="partner.toml").code == 2


def test_row_33_declared_maintenance_is_for_a_person_and_an_undeclared_link_refused(scanned):
    """A declared VPN is REVIEW, an undeclared one DENY; a declaration covers no modem."""
    device = "scanner-port-networked"
    said = {"declared_changes": ("tunnel.vpn",)}
    assert scanned.decide("vpn", device, **said).verdict == REVIEW
    assert scanned.decide("vpn", device).verdict == DENY
    assert scanned.decide("lte", device, **said).verdict == DENY
    assert scanned.decide("lte-twin", device).verdict == ALLOW
    assert scanned.decide("vpn-twin", device).verdict == ALLOW


def test_row_34_a_link_that_is_not_secured_is_told(scanned):
    """A fixed private key is DENY, a certificate that nobody checks REVIEW; their twins neither."""
    for name, ability, verdict in (("fixed-key", "key.private", DENY), ("tls", "net.tls_off",
                                                                      REVIEW)):  # fmt: skip
        assert ability in scanned.abilities(name)
        assert scanned.decide(name).verdict == verdict
        assert ability not in scanned.abilities(f"{name}-twin")
    found = {each.path for each in scanned.findings("tls") if each.capability == "net.tls_off"}
    assert len(found) == 2
    assert scanned.decide("tls-twin").verdict == ALLOW


def test_row_35_an_interim_release_ends_by_itself(tmp_path):
    """Until its end the gate opens, after it the gate is shut; the end cannot be moved."""
    desk = Desk(tmp_path)
    desk.write("fwverify.toml", 'schema = "fwverify.config/1"\n')
    interim = papers.release(form.RELEASE, mode="interim", not_after="2026-12-01T00:00:00Z")
    late = papers.revocations(this_update="2026-11-30T00:00:00Z",
                              next_update="2026-12-30T00:00:00Z")  # fmt: skip
    trial = Trial().with_(release=interim, revocations=late)
    given = {at: gate(desk, trial.with_(at=at)) for at in (
        "2026-11-30T12:00:00Z", "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z")}  # fmt: skip
    assert [*given.values()] == [0, 0, 4]
    longer = interim.replace(b"2026-12-01", b"2027-12-01")
    assert gate(desk, trial.with_(release=longer, at="2026-11-30T12:00:00Z")) == 4


def test_row_36_an_emergency_needs_two_people_ends_soon_and_is_due_again(tmp_path):
    """One signer opens nothing; eight days are refused; what was released is listed as due."""
    people(tmp_path, "Ann", "Bob", "Desk")
    tables = (tmp_path / "fwverify.toml").read_text().partition("[[people]]")
    desk = desks.make(tmp_path, "".join(tables[1:]))
    case = desk.case(id="case-1")
    checked = desk.check(desk.update(PLAIN), case, "--record", "--out", "out", ref=None)
    named = emergency(desk, "Ann").err
    accepted = [word for line in named.splitlines() if " is not named" in line
                for word in ("--accept", line.removeprefix("fwverify: ").partition(" is not")[0]
                             + " = looked at")]  # fmt: skip
    assert checked.json["verdict"] != "ALLOW", named
    half = emergency(desk, "Ann", *accepted)
    assert (half.code, ": none" in half.out) == (0, True), half
    digest = half.out.split()[1].rstrip(":")
    assert desk.run("release", "show", digest, "--at", AT).code == 4
    long = emergency(desk, "Ann", *accepted, expires="2026-11-29T12:00:01Z")
    assert (long.code, "7 days at most" in long.err) == (2, True)
    whole = desk.run("release", "sign", digest, "--signer", "Bob.key", "--at", AT)
    assert (whole.code, ": released-with-conditions" in whole.out) == (0, True), whole
    assert desk.run("release", "show", digest, "--at", "2026-11-26T00:00:00Z").code == 4
    assert digest[:12] in desk.run("release", "list", "--due", "--at", AT).out


def emergency(desk, signer, *more, expires="2026-11-24T12:00:00Z"):
    """Ask for an emergency release of the report in ``out``."""
    return desk.run("release", "create", "out", "--case", "case.toml", "--emergency", "--condition",
                    "watched", "--expires", expires, "--signer", f"{signer}.key", "--at", AT,
                    *more)  # fmt: skip

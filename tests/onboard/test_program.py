"""The whole way through the real program, with the samples' benign and trojaned builds."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3

import pytest

from samples.build import OUT
from tests.cli.test_secrets import PASSWORD, password, secrets
from tests.onboard.conftest import AT, METER, VEHICLE, made
from tests.unpack_envelopes.zips import encrypted_zip

TROJAN = "vehicle-1.1.0-trojan-a.raucb"
PLANTED = f"{TROJAN}!/rootfs.squashfs!/etc/init.d/S50telematics"


def reasons(ran):
    return {each["rule"]: each for each in ran.json["reasons"]}


def test_the_second_delivery_is_one_command(promoted):
    good = promoted.check("vehicle-1.1.0.raucb")
    assert (good.code, good.json["verdict"]) == (0, "ALLOW")
    assert good.json["baseline"]["approved"] is True
    assert good.json["subject"]["members"][0]["role"] == "update"
    bad = promoted.check(TROJAN)
    assert bad.code == 4
    assert PLANTED in reasons(bad)["shell.new"]["text"]


def approve(place, update, *people, ref="norden/1.1.0", at=AT, context=""):
    """Approve ``update`` as an ordinary baseline of the product."""
    (place.path / "later.toml").write_text(
        'schema = "fwverify.case/1"\nvendor = "norden-vehicles"\nproduct = "telematics-unit"\n'
        f'class = "vehicle-ecu"\nsubmitter = "Desk"\n{context}'
    )
    signed = [part for each in people for part in ("--by", each, "--sign-with", f"{each}.key")]
    return place.run("baseline", "approve", OUT / update, "--case", "later.toml", "--ref", ref,
                     "--reason", "tested", *signed, *at)  # fmt: skip


def test_the_third_delivery_is_one_command_too(promoted):
    first = f"ledger:{promoted.record()['ref']}"
    waiting = approve(promoted, "vehicle-1.1.0.raucb", "Ann")
    assert waiting.code == 0, waiting.err
    assert promoted.check("vehicle-1.1.0.raucb").json["baseline"]["ref"] == first
    assert approve(promoted, "vehicle-1.1.0.raucb", "Bob").code == 0
    moved = promoted.check("vehicle-1.1.0.raucb")
    assert moved.json["baseline"]["ref"] == "ledger:norden/1.1.0"
    assert (moved.code, moved.json["delta"]["changed"]) == (0, [])
    named = promoted.check("vehicle-1.1.0.raucb", more=("--baseline", first))
    assert named.json["baseline"]["ref"] == first
    gone = promoted.run("baseline", "revoke", "norden/1.1.0", "--by", "Cy", "--reason", "no", *AT)
    assert gone.code == 0
    again = promoted.check("vehicle-1.1.0.raucb")
    assert again.json["baseline"]["ref"] == first
    assert "ledger.revoked" in {each["rule"] for each in again.json["findings"]}


@pytest.mark.parametrize(
    ("when", "context"),
    [
        ("2026-11-20T00:00:00Z", ""),
        ("2026-11-21T00:00:00Z", '[context]\nsite = "depot 4"\n'),
    ],
    ids=["proposed before the first", "of another context"],
)
def test_another_baseline_is_not_the_newest(promoted, when, context):
    first = f"ledger:{promoted.record()['ref']}"
    done = approve(
        promoted, "vehicle-1.1.0.raucb", "Ann", "Bob", at=("--at", when), context=context
    )
    assert done.code == 0, done.err
    assert promoted.check("vehicle-1.1.0.raucb").json["baseline"]["ref"] == first


def test_what_is_approved_later_launders_nothing_either(promoted):
    """Two people approve a trojaned second delivery: the third is denied for it all the same."""
    assert approve(promoted, TROJAN, "Ann", "Bob").code == 0
    again = promoted.check(TROJAN)
    assert again.json["baseline"] == {
        "approved": True, "ref": "ledger:norden/1.1.0", "sha256": again.json["subject"]["sha256"],
    }  # fmt: skip
    assert again.code == 4
    assert PLANTED in reasons(again)["shell.new"]["text"]
    assert "approved before" in reasons(again)["shell.new"]["text"]


def test_nothing_is_trusted_before_the_promotion(begun):
    assert not (begun.path / "trust" / "vendors").exists()
    assert begun.confirm().code == 0
    assert not (begun.path / "trust" / "vendors").exists()
    for name in ("trust.no_rule", "baseline.provisional"):
        assert name in reasons(begun.check("vehicle-1.1.0.raucb"))
    begun.explain()
    first = begun.promote("Ann")
    assert first.code == 0
    assert "provisional" in first.out
    assert not (begun.path / "trust" / "vendors").exists()


def test_a_known_vendors_product_is_at_best_review_until_promoted(tmp_path):
    place = made(tmp_path, known=True)
    done = place.onboard()
    assert done.code == 3
    assert place.record()["trusted"] is True
    assert not place.file("vendor.toml").exists()
    later = place.check("vehicle-1.1.0.raucb")
    assert later.code == 3
    assert "baseline.provisional" in reasons(later)
    place.explain()
    assert place.promote("Ann", "Bob").code == 0
    assert place.check("vehicle-1.1.0.raucb").code == 0


def test_what_stands_in_the_way_is_all_said(begun):
    refused = begun.promote("Ann", "Bob")
    assert refused.code == 4
    assert "no rationale: key certificate in vehicle-1.0.0.raucb" in refused.out
    assert "not confirmed: candidate-1, SHA-256 " in refused.out
    shown = begun.run("onboard", "show", *VEHICLE)
    assert shown.code == 3
    assert "provisional" in shown.out
    begun.explain(why="  ")
    begun.confirm()
    blank = begun.promote("Ann", "Bob")
    assert blank.code == 4
    assert "no rationale" in blank.out


def test_a_trojaned_first_delivery_is_not_laundered(place):
    done = place.onboard(TROJAN)
    assert done.code == 4
    assert PLANTED in done.out
    place.confirm()
    place.explain()
    refused = place.promote("Ann", "Bob")
    assert refused.code == 4
    assert PLANTED in refused.out
    record = place.record()
    assert any(each["rule"] == "shell.new" for each in record["refused"])
    place.file("onboarding.json").write_text(json.dumps(record | {"refused": []}))
    assert PLANTED in place.promote("Ann", "Bob").out  # judged anew from the ledger


def test_nor_is_one_that_two_people_approve_past_every_question(tmp_path):
    """The ledger itself asked, with a seal: the check still denies what is in its baseline."""
    from fwverify.config import load_config
    from fwverify.ledger import Ledger
    from fwverify.onboarding import place as files
    from tests.onboard.conftest import KEYS

    place = made(tmp_path, known=True)
    assert place.onboard(TROJAN).code == 4
    config = load_config(tmp_path / "fwverify.toml")
    found = files.load(place.file(""))
    with Ledger(config.ledger_url, people=config.people) as ledger:
        for name in ("Ann", "Bob"):
            ledger.approve(found.record.ref, by=name, reason="r", at=AT[1], key=KEYS[name],
                           sealed=found.sealed)  # fmt: skip
    for more in ((), ("--baseline", f"ledger:{found.record.ref}")):
        again = place.check(TROJAN, more=more)
        assert again.json["baseline"]["approved"] is True
        assert again.json["delta"]["added"] == []
        assert again.code == 4
        assert PLANTED in reasons(again)["shell.new"]["text"]


def test_no_other_command_approves_it(begun):
    ref = begun.record()["ref"]
    begun.path.joinpath("case.toml").write_text(
        'schema = "fwverify.case/1"\nvendor = "norden-vehicles"\nproduct = "telematics-unit"\n'
        'class = "vehicle-ecu"\nsubmitter = "Desk"\n'
    )
    for update in ((), (OUT / "vehicle-1.0.0.raucb",)):
        ran = begun.run("baseline", "approve", *update, "--case", "case.toml", "--ref", ref,
                        "--reason", "r", "--by", "Ann", "--sign-with", "Ann.key", *AT)  # fmt: skip
        assert ran.code == 2
        assert "is promoted" in ran.err
    seal = f"onboarding record sha256 {'0' * 64}"
    ran = begun.run("baseline", "approve", OUT / "vehicle-1.0.0.raucb", "--case", "case.toml",
                    "--ref", "mine/1", "--reason", "r", "--by", "Ann", "--sign-with", "Ann.key",
                    "--condition", seal, *AT)  # fmt: skip
    assert ran.code == 2


def test_running_it_again_changes_nothing_and_completes(begun):
    def state():
        files = {f: f.read_bytes() for f in begun.file("").rglob("*") if f.is_file()}
        with sqlite3.connect(begun.path / "ledger.sqlite") as ledger:
            return files, ledger.execute("SELECT * FROM run_log").fetchall()

    before = state()
    assert begun.onboard(more=("--at", "2026-11-22T00:00:00Z")).code == 4
    assert state() == before
    for name in ("onboarding.json", "recipe.toml", "confirmed.json", "roots/candidate-1.pem"):
        begun.file(name).unlink()
    assert begun.onboard().code == 4
    assert state() == before
    (begun.path / "ledger.sqlite").unlink()  # stopped before the ledger was written
    begun.onboard()
    begun.confirm()
    begun.explain()
    assert begun.promote("Ann", "Bob").code == 0


def test_a_promotion_that_stopped_before_the_trust_store_goes_on(promoted):
    store = promoted.path / "trust" / "vendors"
    shutil.rmtree(store)
    assert promoted.check("vehicle-1.1.0.raucb").code == 4
    again = promoted.promote("Bob")
    assert "keys and rule are in force" in again.out
    assert promoted.check("vehicle-1.1.0.raucb").code == 0
    before = (store / "norden-vehicles" / "vendor.toml").read_bytes()
    assert promoted.promote("Ann").code == 0
    assert (store / "norden-vehicles" / "vendor.toml").read_bytes() == before
    assert b'approved_by = "Bob"' in before
    assert b"telephone" in before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("recipe.toml", 'role = "update"', 'role = "part"'),
        ("rationale.toml", "the vendor's own", "another reason"),
        ("confirmed.json", "Ann", "Eve"),
        ("onboarding.json", '"submitted_by":"Desk"', '"submitted_by":"Dusk"'),
        ("vendor.toml", "all-executable", "all"),
    ],
)
def test_files_changed_after_the_promotion_decide_nothing(promoted, name, old, new):
    file = promoted.file(name)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    ran = promoted.check("vehicle-1.1.0.raucb")
    assert ran.code == 2
    assert "changed since the promotion" in ran.err


def test_two_people_sign_one_and_the_same_record(begun):
    begun.confirm()
    begun.explain()
    assert "provisional" in begun.promote("Ann").out
    file = begun.file("rationale.toml")
    file.write_text(file.read_text().replace("in the contract", "in a dream"))
    assert "provisional" in begun.promote("Bob").out
    again = begun.promote("Ann", more=("--at", "2026-11-21T01:00:00Z"))
    assert "approved" in again.out  # what Bob signed


@pytest.mark.parametrize(
    ("people", "why"),
    [
        (("Eve", "Bob"), "does not register this key"),
        (("Desk", "Bob"), "does not register"),
        (("Ann", "ann"), ""),
    ],
)
def test_four_eyes_of_registered_people(begun, people, why):
    for name in people:
        (begun.path / f"{name}.key").touch()
        if not (begun.path / f"{name}.key").read_bytes():
            (begun.path / f"{name}.key").write_bytes((begun.path / "Ann.key").read_bytes())
    begun.confirm()
    begun.explain()
    ran = begun.promote(*people)
    if why:
        assert ran.code == 2
        assert why in ran.err
    assert "approved" not in ran.out
    assert not (begun.path / "trust" / "vendors").exists()


def test_the_submitter_neither_confirms_nor_promotes(tmp_path):
    place = made(tmp_path)
    place.onboard(by="Ann")
    ran = place.confirm(who="ANN")
    assert ran.code == 2
    assert "another person" in ran.err
    assert place.confirm(who="Bob").code == 0
    place.explain()
    ran = place.promote("Ann", "Bob")
    assert ran.code == 2
    assert "submitted" in ran.err
    assert not (tmp_path / "trust" / "vendors").exists()


def test_without_registered_people_nothing_is_promoted(begun):
    begun.confirm()
    begun.explain()
    begun.configure()
    ran = begun.run("onboard", "promote", *VEHICLE, "--by", "Ann", "--by", "Bob", "--reason", "r")
    assert ran.code == 2
    assert "registered people" in ran.err


def test_names_as_typed_do_not_keep_a_promotion(promoted):
    assert promoted.run("onboard", "show", *VEHICLE).code == 0
    promoted.configure()
    shown = promoted.run("onboard", "show", *VEHICLE)
    assert shown.code == 3
    assert "provisional" in shown.out


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"fingerprint": "ab" * 32}, "do not trust it"),
        ({"fingerprint": "ab" * 8}, "16 were given"),
        ({"who": "Desk"}, "another person"),
        ({"who": " "}, "empty"),
        ({"channel": ""}, "empty"),
        ({"how": "\u200b"}, "invisible"),
        ({"when": "yesterday"}, "no RFC 3339 time"),
        ({"when": "2026-11-20T10:00:00"}, "no RFC 3339 time"),
    ],
)
def test_a_confirmation_is_whole_or_none(begun, changes, why):
    ran = begun.confirm(**changes)
    assert ran.code == 2
    assert why in ran.err
    assert json.loads(begun.file("confirmed.json").read_bytes())["confirmation"] == []


def test_a_bare_signature_needs_the_key_that_the_vendor_gave(tmp_path):
    place = made(tmp_path)
    place.onboard("meter-2.0.0.hex", METER)
    assert place.record(METER)["candidates"] == []
    place.explain(METER)
    ran = place.promote("Ann", "Bob", product=METER)
    assert ran.code == 4
    assert "onboard it with --key" in ran.out
    key = OUT / "trust" / "vendors" / "norden-meters" / "keys" / "release.pem"
    done = place.onboard("meter-2.0.0.hex", METER, more=("--key", key))
    assert done.code == 3, done
    assert [each["table"] for each in place.record(METER)["candidates"]] == ["key"]
    assert place.record(METER)["refused"] == []
    assert place.confirm(METER).code == 0
    ran = place.promote("Ann", "Bob", product=METER)
    assert ran.code == 0, ran
    assert place.check("meter-2.1.0.hex", METER).code == 0
    bad = place.check("meter-2.1.0-trojan.hex", METER)
    assert bad.code == 4
    assert "meter.disconnect" in bad.json["delta"]["capabilities_added"]


def test_a_vendor_that_was_added_otherwise_is_taken_note_of(tmp_path):
    place = made(tmp_path)
    assert place.onboard("meter-2.0.0.hex", METER).code == 4
    before = place.file("onboarding.json", METER).read_bytes()
    assert place.onboard("meter-2.0.0.hex", METER, more=("--at", "2026-11-22T00:00:00Z")).code == 4
    assert place.file("onboarding.json", METER).read_bytes() == before
    shutil.copytree(OUT / "trust" / "vendors", tmp_path / "trust" / "vendors")
    assert place.onboard("meter-2.0.0.hex", METER).code == 3
    assert place.record(METER)["trusted"] is True
    place.explain(METER)
    assert place.promote("Ann", "Bob", product=METER).code == 0


def test_a_delivery_that_looks_otherwise_is_for_a_person(promoted):
    other = promoted.path / "another.bin"
    other.write_bytes((OUT / "vehicle-1.1.0.raucb").read_bytes())
    ran = promoted.run("check", other, *VEHICLE, *AT, "--format", "json")
    assert ran.code == 3
    rules = {each["rule"] for each in ran.json["findings"]}
    assert {"recipe.unexpected", "recipe.missing", "recipe.envelope"} <= rules


def test_another_class_and_another_update_are_refused(begun):
    ran = begun.check("vehicle-1.1.0.raucb", more=("--class", "meter"))
    assert ran.code == 2
    assert "onboarded as class vehicle-ecu" in ran.err
    ran = begun.onboard("vehicle-1.1.0.raucb")
    assert ran.code == 2
    assert "revoke that first" in ran.err
    ref = begun.record()["ref"]
    assert begun.run("baseline", "revoke", ref, "--by", "Ann", "--reason", "r").code == 0
    assert begun.check("vehicle-1.1.0.raucb").code == 2
    assert begun.onboard("vehicle-1.1.0.raucb").code == 4
    assert begun.record()["name"] == "vehicle-1.1.0.raucb"
    assert len(list(begun.file("").parent.iterdir())) == 2


def test_what_could_not_be_examined_begins_nothing(place):
    whole = (OUT / "vehicle-1.0.0.raucb").read_bytes()
    (place.path / "cut.raucb").write_bytes(b"")
    for name, data in (("cut.raucb", b""), ("cut2.raucb", whole[: len(whole) // 2])):
        (place.path / name).write_bytes(data)
        ran = place.run("onboard", name, *VEHICLE, "--by", "Desk", *AT)
        assert ran.code in (4, 5)
        assert "Nothing was begun" in ran.out
    assert not place.file("").exists()
    assert not (place.path / "ledger.sqlite").exists()


@pytest.mark.parametrize(
    "call",
    [
        ("--by", "Desk"),
        ("--vendor", "v", "--by", "Desk"),
        ("--vendor", "v", "--product", "p"),
        ("--vendor", "../v", "--product", "p", "--by", "Desk"),
        ("--vendor", "v", "--product", "p*", "--by", "Desk"),
        ("--vendor", "v", "--product", "p", "--by", "\u200b"),
    ],
)
def test_misuse_writes_nothing(place, call):
    ran = place.run("onboard", OUT / "vehicle-1.0.0.raucb", *call, *AT)
    assert ran.code == 2
    assert not (place.path / "onboarding").exists()
    assert not (place.path / "ledger.sqlite").exists()


def test_secrets_stand_in_the_recipe_by_name(place):
    (place.path / "keys").mkdir()
    secret = secrets(place.path, password())
    zipped = encrypted_zip(b"#!/bin/sh\nexit 0\n", PASSWORD.encode())
    (place.path / "fw-1.zip").write_bytes(zipped)
    call = ("onboard", "fw-1.zip", "--vendor", "acme", "--product", "gate", "--by", "Desk", *AT)
    bare = place.run(*call)
    assert bare.code in (4, 5)
    assert "Nothing was begun" in bare.out
    done = place.run(*call, "--secret", secret)
    assert "Nothing was begun" not in done.out, done
    folder = place.path / "onboarding" / "acme" / "gate"
    assert 'secret = "password"' in (folder / "recipe.toml").read_text()
    later = ("check", "fw-1.zip", "--vendor", "acme", "--product", "gate", *AT)
    assert "the recipe names a secret (password)" in place.run(*later).err
    for file in folder.rglob("*"):
        assert file.is_dir() or PASSWORD.encode() not in file.read_bytes()


def test_a_revoked_update_is_no_clean_first_delivery(begun):
    """Whatever decides asks the ledger what was revoked; onboarding did not."""
    digest = hashlib.sha256((OUT / "vehicle-1.0.0.raucb").read_bytes()).hexdigest()
    why = ("--what", "subject", "--by", "Cy", "--reason", "a leak", *AT)
    assert begun.run("release", "revoke", digest, *why).code == 0
    again = begun.onboard(more=("--format", "json"))
    assert again.code == 4
    assert "ledger.revoked" in {each["rule"] for each in again.json["findings"]}

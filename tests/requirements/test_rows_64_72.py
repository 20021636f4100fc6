"""Rows 64 to 72 of docs/requirements.md, each through the product's own entry points."""

from __future__ import annotations

import hashlib
import re
from importlib import resources

import pytest

from tests.builders import keys
from tests.requirements import desk as desks
from tests.requirements.desk import AT, PLAIN, Desk, reason, rules
from tests.requirements.meter import against, held, image
from tests.verify import stores

MEASURING = {
    **PLAIN,
    "fw/app.bin": image("kWh"),
    "etc/calibration.conf": b"ct_ratio = 1000\npulse_constant = 800\n",
}
NEXT = {**MEASURING, "etc/version": b"release 2\n"}
DECLARED = 'declared_changes = ["etc/version"{}]\n'
ALONE = 'connectivity = "stand-alone"\n'


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Desk:
    """A desk with an approved measuring module."""
    made = desks.make(tmp_path_factory.mktemp("meter"))
    case = made.case(class_name="meter-measurement", more=DECLARED.format(""), context=ALONE)
    made.approve(made.update(MEASURING), case)
    return made


def test_row_64_a_new_function_leaves_the_low_class_and_asks_for_a_new_test(desk):
    """An approved measuring module that gains a modem is refused in its class, and as the
    class of communicating modules the approval is void: re-test. Without it neither is."""
    modem = b'#!/bin/sh\necho AT+CGDCONT=1,"IP","internet.acme" > /dev/ttyS1\n'
    low = desk.case(class_name="meter-measurement", more=DECLARED.format(""), context=ALONE)
    high = desk.case("high.toml", class_name="meter-communication", context=ALONE,
                     more=DECLARED.format(""))  # fmt: skip
    gained = desk.update({**NEXT, "etc/init.d/S60ppp": modem})
    refused = desk.check(gained, low)
    assert refused.code == 4
    assert reason(refused, "capability.forbidden")["verdict"] == "DENY"
    assert "modem.apn" in reason(refused, "capability.forbidden")["text"]
    again = reason(desk.check(gained, high), "context.changed")
    assert (again["verdict"], again["text"].startswith("re-test")) == ("DENY", True)
    assert not rules(desk.check(desk.update(NEXT), low)) & {
        "capability.forbidden", "context.changed"
    }  # fmt: skip


def test_row_65_a_changed_constant_is_told_by_its_value(desk):
    """A calibration constant and one byte of the image change beside what was declared: both
    files are told with old and new value and both digests. Declared, they are not asked."""
    changed = {
        **NEXT,
        "etc/calibration.conf": b"ct_ratio = 1000\npulse_constant = 640\n",
        "fw/app.bin": MEASURING["fw/app.bin"][:2000] + b"\x55" + MEASURING["fw/app.bin"][2001:],
    }
    said = {}
    for more in ("", ', "etc/calibration.conf", "fw/*"'):
        case = desk.case("constant.toml", class_name="meter-measurement", context=ALONE,
                         more=DECLARED.format(more))  # fmt: skip
        ran = desk.check(desk.update(changed), case)
        rows = {each["path"].partition("!/")[2]: each for each in ran.json["delta"]["changed"]}
        assert [each["text"] for each in rows["etc/calibration.conf"]["facts"]] == [
            "pulse_constant: 800 -> 640"
        ]
        assert "(1 bytes) 00 -> 55" in rows["fw/app.bin"]["facts"][1]["text"]
        for name in ("etc/calibration.conf", "fw/app.bin"):
            old = hashlib.sha256(MEASURING[name]).hexdigest()
            new = hashlib.sha256(changed[name]).hexdigest()
            assert (rows[name]["old_sha256"], rows[name]["new_sha256"]) == (old, new)
        said[more] = [each for each in ran.json["delta"]["undeclared"] if "!/" in each]
    assert said[""] == ["unit.tar!/etc/calibration.conf", "unit.tar!/fw/app.bin"]
    assert said[', "etc/calibration.conf", "fw/*"'] == []


CATALOGUE = """schema = "fwverify.catalogue/1"
id = "decree"
title = "A decree in force by transition"
version = "article 4"
valid_from = "2012-01-01"
{}
scope = "all"
checked = "by hand"
[[parts]]
name = "Articles"
ids = ["4"]
[[requirements]]
part = "Articles"
id = "4"
title = "what a meter that is read from afar has to withstand"
coverage = "partial"
basis = "abilities"
checks = ["unpacked"]
"""


@pytest.mark.parametrize(
    ("line", "warned"),
    [
        ('valid_until = "2026-11-20"', "no longer in force: valid until 2026-11-20"),
        ('valid_until = "2026-11-21"', ""),
        ("", ""),
    ],
    ids=["ended", "last day", "open"],
)
def test_row_66_a_requirement_that_ended_is_told(desk, line, warned):
    """A decree that ended the day before the decision is mapped with a warning and supports
    nothing; on its last day, and without an end, it does. The shipped one has article 4."""
    case = desk.case("plain.toml")
    desk.check(desk.update(MEASURING), case, "--out", "out66", ref=None)
    desk.write("catalogues/decree.toml", CATALOGUE.format(line))
    shown = ("report", "render", "out66/report.json", "--for", "authority", "--format", "json")
    ran = desk.run(*shown, "--catalogues", "catalogues", "--catalogue", "decree")
    assert ran.code == 0, ran
    assert (warned in ran.out) if warned else ("in force: " not in ran.out)
    assert ("not in force at this time" in ran.out) == bool(warned)
    assert "boaum" in desk.run("catalogue", "list").out


def test_row_67_sha1_is_accepted_until_its_day_and_refused_from_then_on(tmp_path):
    """A policy ends SHA-1 on 1 January 2027. An image that is signed with it is strong on
    the day before and denied as weak on that day; the same image under SHA-256 is neither."""
    desk = desks.make(tmp_path)
    private = keys.rsa_key(2048, 90)
    rule = re.sub(r"schemes = .*", 'schemes = ["raw"]', stores.RULE).replace("M-*", "*")
    stores.vendor(tmp_path, stores.key_table(private), {"keys/release.pem": keys.pem(private)},
                  rule)  # fmt: skip
    floors = tmp_path / "trust" / "policy.toml"
    floors.write_text(floors.read_text().replace('digests = ["', 'digests = ["sha1", "'))
    shipped = (resources.files("fwverify.policy") / "builtin" / "generic.toml").read_text()
    desk.write("policies/generic.toml", f'{shipped}\n[[crypto]]\nfrom_date = "2027-01-01"\n'
               'digests = ["sha256", "sha384", "sha512"]\n')  # fmt: skip
    case, update = desk.case(), desk.update(PLAIN, signed=False)
    seen = {}
    for digest in ("sha1", "sha256"):
        data = update.read_bytes()
        update.with_name("unit.tar.sig").write_bytes(keys.sign_rsa(private, data, digest))
        for day in ("2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"):
            ran = desk.check(update, case, ref=None, at=day)
            (signature,) = ran.json["signatures"]
            weak = [each for each in ran.json["reasons"] if each["rule"] == "signature.weak"]
            assert signature["axes"]["authentic"] == "pass"
            seen[digest, day[:4]] = (signature["axes"]["strong"], [w["verdict"] for w in weak])
    assert seen == {
        ("sha1", "2026"): ("pass", []),
        ("sha1", "2027"): ("fail", ["DENY"]),
        ("sha256", "2026"): ("pass", []),
        ("sha256", "2027"): ("pass", []),
    }


def test_row_68_a_profile_of_sixty_seconds_refutes_the_quarter_of_an_hour():
    """A capture period of 60 s refutes CAPTURE_PERIOD of 900 s and denies; 900 s stands."""
    against("CAPTURE_PERIOD", "etc/profile.conf", "capture period 60 s, declared 900 s")


def test_row_69_a_schedule_of_every_hour_refutes_once_a_day():
    """A push every hour is told as 24 per day and refutes METER_PUSH_MAX of 1/day; one push
    in 86 400 seconds stands."""
    against("METER_PUSH_MAX", "etc/push.conf", "push 24 per day, declared 1 per day")


def test_row_70_a_register_that_nobody_declared_is_told():
    """A COSEM register of the object list that is not among the declared ones refutes
    ONLY_DECLARED_REGISTERS by its OBIS code; declared ones are silent."""
    against("ONLY_DECLARED_REGISTERS", "fw/objects.bin", "register 1-0:2.8.0*255")
    assert not any("1-0:1.8.0" in each for each in
                   held("good", "ONLY_DECLARED_REGISTERS")["evidence"])  # fmt: skip


def test_row_71_another_host_than_the_operators_is_refused():
    """A backend of the vendor refutes BACKEND_ALLOW_LIST and denies; the operator's own
    head-end and key stand."""
    against("BACKEND_ALLOW_LIST", "etc/backend.conf", "host vendor.example.com is no declared")
    against("BACKEND_ALLOW_LIST", "etc/recipient.pem", "public key")


def test_row_72_a_revocation_names_the_devices_that_it_concerns(tmp_path):
    """Of two approved images one is revoked: the device that runs it is listed, the other
    one is not, and the revoked image is refused when it is submitted again."""
    desk = desks.make(tmp_path)
    case = desk.case()
    images = {name: desk.update({**PLAIN, "etc/version": f"release {name}\n".encode()})
              for name in ("1", "2")}  # fmt: skip
    lines = ["device,vendor,product,site,image_sha256,version,seen_at"]
    for name, file in images.items():
        desk.approve(file, case, f"acme/unit/{name}")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        lines.append(f"meter-{name},acme,unit,Utrecht,{digest},{name},2026-11-20T00:00:00Z")
    desk.write("devices.csv", "\n".join(lines) + "\n")
    assert desk.run("devices", "import", "devices.csv", "--by", "Cy", "--at", AT).code == 0
    before = desk.run("devices", "affected", "--revoked")
    assert (before.code, before.out) == (0, "no devices\n")
    ran = desk.run("baseline", "revoke", "acme/unit/1", "--by", "Cy", "--reason", "a new risk",
                   "--at", AT)  # fmt: skip
    assert ran.code == 0, ran
    after = desk.run("devices", "affected", "--revoked")
    assert after.code == 3
    assert "meter-1" in after.out
    assert "meter-2" not in after.out
    assert desk.run("devices", "unapproved", "--at", AT).out.startswith("meter-1")
    again = desk.check(images["1"], case, ref="acme/unit/2")
    assert again.code == 4
    assert any("revoked" in each["text"] for each in again.json["reasons"])
    assert desk.check(images["2"], case, ref="acme/unit/2").code == 0

"""``fwverify keys`` and what it changes for ``check``, as users run it."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from tests.builders import boot, keys, pki
from tests.cli.program import Ran, fwverify, inside
from tests.keys.stores import store
from tests.verify.stores import SHIPPED
from tests.verify_boot.build import mcuboot

AT = ("--at", "2026-11-21T00:00:00Z")
EC = keys.ec_key()
PRINT = keys.spki_sha256(EC)
CASE = """\
schema = "fwverify.case/1"
vendor = "acme"
product = "M-200"
class = "generic"
submitter = "Intake Desk"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    store(tmp_path)
    (tmp_path / "release.pub").write_bytes(keys.pem(EC))
    (tmp_path / "case.toml").write_text(CASE)
    configure(tmp_path)
    return tmp_path


def configure(home: Path, more: str = "") -> None:
    (home / "fwverify.toml").write_text(
        'schema = "fwverify.config/1"\n[paths]\ntrust = "trust"\n'
        f'[ledger]\nurl = "sqlite:///ledger.sqlite"\n{more}'
    )


def run(home: Path, *call: str | Path) -> Ran:
    return fwverify("--config", home / "fwverify.toml", *call)


def add(home: Path) -> Ran:
    return run(home, "keys", "add", "acme", home / "release.pub", "--role", "release",
               "--product", "M-*", "--scheme", "mcuboot", "--by", "Ann", *AT)  # fmt: skip


def activate(home: Path, person: str = "Bob", fingerprint: str = PRINT) -> Ran:
    return run(home, "keys", "add", "acme", "--activate", "release", "--by", person,
               "--fingerprint", fingerprint, "--channel", "telephone", *AT)  # fmt: skip


def image(home: Path, counter: int, name: str = "update.bin") -> Path:
    path = home / name
    protected = boot.tlv(0x50, struct.pack("<I", counter))
    path.write_bytes(mcuboot(0x22, lambda s, _: keys.sign_ec(EC, s), protected=protected))
    return path


def verify(home: Path, update: Path) -> Ran:
    return run(home, "verify", update, "--case", home / "case.toml", "--no-cache",
               "--format", "json", *AT)  # fmt: skip


def test_a_vendor_from_nothing(home: Path) -> None:
    update = image(home, 1)
    shown = add(home)
    assert shown.code == 0
    assert PRINT in shown.out
    assert "ec-secp256r1 of 256 bits" in shown.out
    assert "above the floors" in shown.out
    assert verify(home, update).code == 4
    refused = activate(home, person=" ANN ")
    assert (refused.code, "another person" in refused.err) == (2, True)
    refused = activate(home, fingerprint=PRINT[:16])
    assert (refused.code, "64 digits" in refused.err) == (2, True)
    assert activate(home).code == 0
    assert verify(home, update).code == 0
    listed = run(home, "keys", "list", "--format", "json").json
    assert [(one["id"], one["status"]) for one in listed["keys"]] == [("release", "active")]
    assert run(home, "keys", "check", *AT).code == 0
    assert max(map(len, run(home, "keys", "list").out.splitlines()[1:])) <= 80
    gone = run(home, "keys", "revoke", "acme", "release", "--by", "Ann", "--reason", "leaked", *AT)
    assert gone.code == 0
    assert verify(home, update).code == 4
    assert activate(home).code == 2


@pytest.mark.parametrize(
    "call",
    [
        ("add", "acme", "--by", "Ann"),
        ("add", "acme", "release.pub", "--by", "Ann"),
        ("add", "acme", "release.pub", "--role", "r", "--by", "Ann", "--fingerprint", PRINT),
        ("add", "acme", "--activate", "x", "--by", "Ann"),
        ("add", "acme", "release.pub", "--activate", "x", "--by", "B", "--fingerprint", PRINT,
         "--channel", "c"),
        ("add", "acme", "absent.pub", "--role", "r", "--by", "Ann"),
        ("revoke", "acme", "release", "--by", "Ann"),
        ("retire", "nobody", "release", "--by", "Ann"),
        ("retire", "../acme", "release", "--by", "Ann"),
        ("sign", "--key", "release.pub", "--by", "Ann"),
    ],
)  # fmt: skip
def test_misuse(home: Path, call: tuple[str, ...]) -> None:
    ran = run(home, "keys", *(str(home / each) if "pub" in each else each for each in call))
    assert ran.code == 2
    assert ran.err.startswith(("fwverify: ", "Usage"))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("add", "acme", "release.pub", "--by", "Ann"), "--role ROLE"),
        (("add", "acme", "release.pub", "--use", "time", "--role", "r", "--by", "A"), "leave out"),
        (("add", "acme", "--by", "Ann"), "--activate ID"),
        (("add", "acme", "--activate", "release", "--by", "Bob"), "--fingerprint (the SHA-256"),
        (("retire", "acmee", "release", "--by", "Ann"), "no vendor acmee; it has acme"),
        (("revoke", "acme", "old", "--by", "A", "--reason", "x"), "'old'; it has release"),
        (("add", "acme", "two.pub", "--role", "r", "--by", "Ann"), "holds 2 certificates"),
    ],
)
def test_a_refusal_says_what_to_do(home: Path, call: tuple[str, ...], said: str) -> None:
    made = pki.root("Acme Code CA").pem
    (home / "two.pub").write_bytes(made + pki.root("Acme Other CA").pem)
    add(home)
    ran = inside("--config", home / "fwverify.toml", "keys",
                 *(home / each if ".pub" in each else each for each in call), cwd=home)  # fmt: skip
    assert ran.code == 2
    assert said in ran.err, ran.err


def test_who_activates_sees_what_is_put_into_force(home: Path) -> None:
    """The second person did not see it being added: a weak key, and which rule it brings."""
    weak = keys.rsa_key(1024)
    (home / "release.pub").write_bytes(keys.pem(weak))
    add(home)
    shown = activate(home, fingerprint=keys.spki_sha256(weak))
    assert shown.code == 0
    assert "strength   key: rsa of 1024 bits, the floor is 2048" in shown.out
    assert "rule-1: rule active" in shown.out
    assert "  products M-*\n  schemes mcuboot\n  wants 1 x release over all-executable" in shown.out


def test_the_list_has_rules_and_anchors(home: Path) -> None:
    shutil.copytree(SHIPPED / "anchors", home / "trust" / "anchors", dirs_exist_ok=True)
    add(home)
    call = ("--config", home / "fwverify.toml", "keys", "list")
    short, long = inside(*call, cwd=home).out, inside(*call, "--anchors", cwd=home).out
    assert "pending  acme/rule-1\n" in short
    assert "microsoft-uefi-2023" not in short
    assert "(--anchors lists them)" in short
    assert "timestamp microsoft-timestamp: Microsoft roots for time stamps\n" in long
    assert max(map(len, long.splitlines()[1:])) <= 80


def test_a_private_key_is_refused_by_name(home: Path) -> None:
    (home / "release.pub").write_bytes(keys.private_pem(EC))
    ran = add(home)
    assert ran.code == 2
    assert "a private key" in ran.err
    assert not (home / "trust/vendors/acme").exists()


def test_check_exits_4_on_a_fault(home: Path) -> None:
    add(home)
    (home / "trust/vendors/acme/keys/release.pem").unlink()
    ran = run(home, "keys", "check", *AT)
    assert ran.code == 4
    assert "fault: vendors/acme/vendor.toml: key.0.file" in ran.out


def test_nothing_is_decided_on_a_store_that_is_not_signed_as_configured(home: Path) -> None:
    update = image(home, 1)
    people = {"Ann": keys.ed_key(51), "Bob": keys.ed_key(52)}
    for name, private in people.items():
        (home / f"{name}.pem").write_bytes(keys.pem(private))
        (home / f"{name}.key").write_bytes(keys.private_pem(private))
    add(home)
    activate(home)
    configure(home, '[trust]\nsigners = ["Ann.pem", "Bob.pem"]\nsignatures_required = 2\n')
    refused = verify(home, update)
    assert (refused.code, refused.out) == (2, "")
    assert "0 of 2 signatures hold" in refused.err
    assert run(home, "keys", "check", *AT).code == 4
    (home / "Eve.key").write_bytes(keys.private_pem(keys.ed_key(53)))
    stranger = run(home, "keys", "sign", "--key", home / "Eve.key", "--by", "Eve", *AT)
    assert "0 of 2 signatures hold over it" in stranger.out
    assert "Eve: is by a key that is no signer of the configuration" in stranger.out
    for name in people:
        signed = run(home, "keys", "sign", "--key", home / f"{name}.key", "--by", name, *AT)
        assert signed.code == 0
    assert "3 distinct keys" in signed.out
    assert "2 of 2 signatures hold over it" in signed.out
    ran = verify(home, update)
    assert ran.code == 0
    digest = run(home, "keys", "list", "--format", "json").json["sha256"]
    assert ran.json["digests"]["trust"] == digest
    run(home, "keys", "retire", "acme", "release", "--by", "Ann", *AT)
    stale = verify(home, update)
    assert stale.code == 2
    assert "another state of the store" in stale.err
    assert "keys sign" in stale.err


def approve(home: Path, update: Path, ref: str) -> Ran:
    return run(home, "baseline", "approve", update, "--case", home / "case.toml", "--ref", ref,
               "--reason", "tested", "--by", "A", "--by", "B", "--no-cache", *AT)  # fmt: skip


def axis(ran: Ran) -> list[str]:
    return [one["axes"]["fresh"] for one in ran.json["signatures"]]


def test_an_update_below_an_approved_one_is_refused(home: Path) -> None:
    add(home)
    activate(home)
    path = home / "trust/vendors/acme/vendor.toml"
    text = path.read_text()
    path.write_text(text.replace("coverage =", 'rollback = "security-counter"\ncoverage ='))
    first = verify(home, image(home, 7))
    assert (first.code, axis(first)) == (5, ["unverifiable"])
    assert "no accepted one is in the ledger" in first.json["signatures"][0]["reason"]
    approved = approve(home, image(home, 7), "acme/M-200/7")
    assert approved.code == 0, approved.err
    same = verify(home, image(home, 7))
    assert (same.code, axis(same)) == (0, ["pass"])
    higher = verify(home, image(home, 8, "update-2.bin"))
    assert (higher.code, axis(higher)) == (0, ["pass"])
    again = verify(home, image(home, 7))
    assert again.code == 0, "a check alone raises nothing"
    lower = verify(home, image(home, 6))
    assert (lower.code, axis(lower)) == (4, ["fail"])
    checked = run(home, "check", image(home, 6), "--case", home / "case.toml", "--no-cache",
                  "--format", "json", *AT)  # fmt: skip
    assert (checked.code, checked.json["verdict"]) == (4, "DENY")
    rules = {one["rule"] for one in checked.json["reasons"]}
    assert "signature.not_fresh" in rules
    assert "rolled back" in checked.out


def test_a_profile_is_tried(home: Path) -> None:
    profile = Path("signatures/profiles/comma-panda.toml").resolve()
    private = keys.rsa_key(1024)
    (home / "good.bin").write_bytes(keys.panda_image(private, bytes(range(256))))
    (home / "panda.pub").write_bytes(keys.pem(private))
    ran = run(home, "keys", "profile", "test", profile, home / "good.bin", "--key",
              home / "panda.pub")  # fmt: skip
    assert ran.code == 0
    assert "mutants refused" in ran.out
    (home / "good.bin").write_bytes(keys.panda_image(private, bytes(range(256)))[:-1] + b"x")
    ran = run(home, "keys", "profile", "test", profile, home / "good.bin", "--key",
              home / "panda.pub")  # fmt: skip
    assert ran.code == 4

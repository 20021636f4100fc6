"""The whole way through the command line, with registered people and a partner."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from fwverify.config import load_config
from fwverify.keyring.detached import SigningError, load_private, sign, spki_of
from fwverify.strict import InputFileError
from tests.cli.program import fwverify, inside
from tests.ledger import old
from tests.ledger.people import ANN_KEY, BOB_KEY, CY_KEY, EVE_KEY, pem, private_pem

AT = ("--at", "2026-11-21T00:00:00Z")
KEYS = {"Ann": ANN_KEY, "Bob": BOB_KEY, "Cy": CY_KEY, "Eve": EVE_KEY}
REF = "acme/gateway/1"
CASE = """\
schema = "fwverify.case/1"
id = "case-1"
vendor = "acme"
product = "gateway"
class = "generic"
submitter = "Desk"
"""
RULE = """
rule new_discovery {
  meta:
    id = "bench.new"
    capability = "%s"
    severity = "critical"
    confidence = "high"
    threat = "%s"
    description = "found later"
  strings: $a = "quietly dial home"
  condition: $a
}
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "case.toml").write_text(CASE)
    (tmp_path / "update.txt").write_text("release 1, quietly dial home\n")
    for name, key in KEYS.items():
        (tmp_path / f"{name}.key").write_bytes(private_pem(key))
        (tmp_path / f"{name}.pub").write_bytes(pem(key))
    config(tmp_path, "Ann", "Bob", "Cy")
    return tmp_path


def config(place, *people, partners=(), name="fwverify.toml"):
    tables = [f'[[people]]\nname = "{each}"\nkey = "{each}.pub"\n' for each in people]
    tables += [f'[[partners]]\nname = "Lab {each}"\nkey = "{each}.pub"\n' for each in partners]
    ledger = name.replace("toml", "sqlite")
    text = f'schema = "fwverify.config/1"\n[ledger]\nurl = "sqlite:///{ledger}"\n'
    text += '[paths]\nstore = "cache"\n' + "".join(tables)
    (place / name).write_text(text)


def run(place, *call, config="fwverify.toml"):
    """Run in this process; ``tests.cli`` proves the same exit codes for a process of its own."""
    return inside("--config", config, *call, cwd=place)


def approve(place, *people, update=True, keys=True, config="fwverify.toml", more=()):
    named = [part for each in people for part in ("--by", each)]
    signed = [part for each in people for part in ("--sign-with", f"{each}.key")] if keys else []
    return run(place, "baseline", "approve", *(["update.txt"] if update else []), "--case",
               "case.toml", "--ref", REF, "--reason", "tested", *named, *signed, *AT, *more,
               config=config)  # fmt: skip


def check(place, at="2026-11-21T00:00:00Z"):
    return run(place, "check", "update.txt", "--case", "case.toml", "--baseline", f"ledger:{REF}",
               "--at", at, "--format", "json")  # fmt: skip


def test_signed_by_two_and_judged_at_each_use(place):
    assert "--sign-with" in approve(place, "Ann", "Bob", keys=False).err
    assert not (place / "fwverify.sqlite").exists()
    end = "2026-12-01T00:00:00Z"
    done = approve(place, "Ann", "Bob", more=("--condition", "site A", "--not-after", end))
    assert f"{REF}: approved" in done.out
    assert "if site A" in done.out
    assert f"until {end}" in done.out
    assert check(place).json["baseline"]["approved"] is True
    late = fwverify("check", "update.txt", "--case", "case.toml", "--baseline", f"ledger:{REF}",
                    "--at", "2026-12-02T00:00:00Z", cwd=place)  # fmt: skip
    assert late.code == 2
    assert "expired" in late.err
    config(place, "Ann", "Cy")
    left = check(place)
    assert left.code == 2
    assert "nobody's in the configuration" in left.err
    listed = run(place, "baseline", "list")
    assert listed.code == 0
    assert listed.out.startswith("provisional")
    assert "does not count" in listed.out


def test_a_wrong_key_records_nothing(place):
    for file, by in (("Bob.key", "Ann"), ("Eve.key", "Eve")):
        ran = run(place, "baseline", "approve", "update.txt", "--case", "case.toml", "--ref", REF,
                  "--reason", "r", "--by", by, "--sign-with", file, *AT)  # fmt: skip
        assert ran.code == 2
        assert "does not register this key" in ran.err
    assert not (place / "fwverify.sqlite").exists()


def test_approvals_by_name_wait_for_signatures(place):
    config(place)
    approve(place, "Ann", "Bob", keys=False)
    assert check(place).json["baseline"]["approved"] is True
    config(place, "Ann", "Bob")
    assert check(place).json["baseline"]["approved"] is False
    assert "is not signed" in run(place, "baseline", "show", REF).out
    assert run(place, "baseline", "show", REF, "--json").json["state"] == "provisional"
    done = approve(place, "Ann", "Bob", update=False, more=("--at", "2026-11-21T01:00:00Z"))
    assert done.code == 0
    assert check(place).json["baseline"]["approved"] is True


def test_an_altered_approval_is_said_everywhere(place):
    approve(place, "Ann", "Bob")
    assert run(place, "ledger", "check").code == 0
    with sqlite3.connect(place / "fwverify.sqlite") as database:
        database.execute("UPDATE approvals SET reason = 'looks fine'")
    for call in (("baseline", "list"), ("baseline", "show", REF), ("ledger", "check")):
        ran = run(place, *call)
        assert ran.code == 2
        assert "run log" in ran.err
    assert check(place).code == 2


def test_a_baseline_travels_to_a_partner(place):
    approve(place, "Ann", "Bob")
    config(place, "Cy", "Eve", partners=("Ann",), name="other.toml")
    sent = run(place, "baseline", "export", REF, "out.zip", "--by", "Ann", "--sign-with",
               "Ann.key", *AT)  # fmt: skip
    assert sent.code == 0
    came = run(place, "baseline", "import", "out.zip", *AT, config="other.toml")
    assert "provisional, of Lab Ann" in came.out
    config(place, "Cy", partners=("Eve",), name="third.toml")
    refused = run(place, "baseline", "import", "out.zip", *AT, config="third.toml")
    assert refused.code == 2
    assert "no partner" in refused.err
    assert not (place / "third.sqlite").exists()
    done = approve(place, "Cy", "Eve", update=False, config="other.toml")
    assert f"{REF}: approved" in done.out


def test_new_rules_revoke_and_name_the_devices(place):
    approve(place, "Ann", "Bob")
    image = hashlib.sha256((place / "update.txt").read_bytes()).hexdigest()
    (place / "list.csv").write_text(
        "device,vendor,product,site,image_sha256,version,seen_at\n"
        f"d1,acme,gateway,port,{image},1.0,2026-11-20T00:00:00Z\n"
    )
    assert "1 devices" in run(place, "devices", "import", "list.csv", "--by", "Desk", *AT).out
    assert run(place, "devices", "unapproved", *AT).code == 0
    (place / "rules").mkdir()
    (place / "rules" / "new.yar").write_text(RULE % _SAMPLE_META)
    quiet = run(place, "baseline", "rescan", "--by", "Cy", *AT)
    assert (quiet.code, "nothing new is denied" in quiet.out) == (0, True), quiet
    hit = run(place, "baseline", "rescan", "--by", "Cy", "--rules", "rules", *AT)
    assert hit.code == 4
    assert "revoked by Cy" in hit.out
    assert "runs it: d1" in hit.out
    assert check(place).code == 2
    assert run(place, "devices", "unapproved", *AT).code == 3


_SAMPLE_META = ("", "")


def test_a_purged_case_cannot_be_examined_again(place):
    approve(place, "Ann", "Bob")
    cached = [each for each in (place / "cache").rglob("*") if each.is_file()]
    assert cached
    done = run(place, "case", "purge", "case-1", "--by", "Desk", "--reason", "contract ended", *AT)
    assert "1 kept files" in done.out
    assert not [each for each in (place / "cache").rglob("*") if each.is_file()]
    again = run(place, "baseline", "rescan", "--by", "Cy", *AT)
    assert again.code == 5
    assert "not kept" in again.out
    assert check(place).json["baseline"]["approved"] is True


def test_an_old_ledger_is_brought_along(place):
    old.write(place / "fwverify.sqlite")
    done = run(place, "ledger", "upgrade")
    assert "8 log entries, all whole" in done.out
    assert (place / "fwverify.sqlite.schema-1.bak").is_file()
    assert "not signed" in run(place, "baseline", "list").out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[[people]]\nname = "Ann"\nkey = "Ann.pub"\n[[people]]\nname = "ann"\nkey = "Bob.pub"\n',
         "stands in"),
        ('[[people]]\nname = "Ann"\nkey = "Ann.pub"\n[[people]]\nname = "Bob"\nkey = "Ann.pub"\n',
         "a key belongs to one"),
        ('[[people]]\nname = "Ann"\nkey = "Ann.pub"\n[[partners]]\nname = "L"\nkey = "Ann.pub"\n',
         "a key belongs to one"),
        ('[[people]]\nname = "Ann"\nkey = "Ann.key"\n', "private key"),
        ('[[people]]\nname = "Ann"\nkey = "absent.pub"\n', "absent.pub"),
        ('[[people]]\nname = "\\u200b"\nkey = "Ann.pub"\n', "name"),
        ('[[people]]\nname = "Ann"\nkey = "Ann.pub"\nroles = ["king"]\n', "roles"),
        ('[[partners]]\nname = "L"\nkey = "Ann.pub"\nsignatures_required = 2\n', "cannot give 2"),
    ],
)  # fmt: skip
def test_a_register_that_is_not_plain_is_refused(place, text, why):
    (place / "fwverify.toml").write_text('schema = "fwverify.config/1"\n' + text)
    with pytest.raises(InputFileError) as caught:
        load_config(place / "fwverify.toml")
    assert why in str(caught.value)


def test_keys_are_read_from_pkcs12():
    for passphrase in (None, b"open sesame"):
        hidden = (
            serialization.BestAvailableEncryption(passphrase)
            if passphrase
            else serialization.NoEncryption()
        )
        data = pkcs12.serialize_key_and_certificates(b"ann", ANN_KEY, None, None, hidden)
        key = load_private(data, "k", passphrase)
        assert spki_of(key) == spki_of(ANN_KEY)
        assert sign(key, b"x") == sign(ANN_KEY, b"x")
    with pytest.raises(TypeError):
        load_private(data, "k")
    with pytest.raises(SigningError, match="wrong passphrase"):
        load_private(data, "k", b"wrong")
    for broken in (data[:-5], b"\x30\x03\x02\x01\x03", b"\x30"):
        with pytest.raises(SigningError):
            load_private(broken, "k", b"open sesame")


def test_what_changes_nothing_is_said_and_what_comes_next(place):
    first = approve(place, "Ann")
    assert "submitted by Desk" in first.out
    assert "next     one more person besides the submitter:\n" in first.out
    assert f"fwverify baseline approve --ref {REF}" in first.out
    assert "--sign-with FILE" in first.out
    again = approve(place, "Ann", update=False, more=("--not-after", "2027-01-01T00:00:00Z"))
    assert again.code == 0
    assert f"Ann approved {REF} before, for as long or longer: nothing was recorded" in again.err
    assert "nothing was recorded" not in approve(place, "Bob", update=False).err
    over = approve(place, "Cy", update=False, more=("--not-after", "2020-01-01T00:00:00Z"))
    assert (over.code, "cannot end at 2020" in over.err) == (2, True)
    late = approve(place, "Ann", more=("--rxswin", "R1"))
    assert late.code == 2
    assert f"{REF} was proposed without RXSWIN" in late.err
    run(place, "case", "purge", "case-1", "--by", "Desk", "--reason", "ended", *AT)
    assert "case.purged        Desk             case-1" in run(place, "history").out


def test_a_log_that_was_cut_off_is_noticed_by_a_head_kept_elsewhere(place):
    approve(place, "Ann")
    shutil.copy(place / "fwverify.sqlite", place / "older.sqlite")
    approve(place, "Bob", update=False)
    head = run(place, "ledger", "check").out.split()[-1]
    run(place, "baseline", "revoke", REF, "--by", "Cy", "--reason", "r", *AT)
    assert run(place, "ledger", "check", "--head", head).code == 0
    (place / "fwverify.sqlite").unlink()
    for each in place.glob("fwverify.sqlite-*"):
        each.unlink()
    shutil.copy(place / "older.sqlite", place / "fwverify.sqlite")
    assert run(place, "ledger", "check").code == 0
    replaced = run(place, "ledger", "check", "--head", head)
    assert replaced.code == 2
    assert "it was cut off, or is another ledger's" in replaced.err

"""The whole way: check, release by two people in two steps, pins, list, gate, revocation."""

from __future__ import annotations

import json
import subprocess

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
POLICY = """\
schema = "fwverify.policy/1"
name = "lab"
class = "lab"
version = "1"
extends = "generic"
unexplained_max_bytes = 65536
[signatures]
required = false
reason = "nobody signs there"
[baseline]
approved_required = false
[otherwise]
at_least = "medium"
verdict = "REVIEW"
next = { owner = "lab", action = "look" }
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
    trusting(place)
    report = checked(place)
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


def trusting(place):
    """Put a rule for the vendor into a trust store of our own; nothing here is signed."""
    import shutil

    from fwverify.data import data_folder

    shutil.copytree(data_folder("signatures"), place / "trust", dirs_exist_ok=True)
    run(place, "case", "list")
    (place / "policies").mkdir(exist_ok=True)
    config = (place / "fwverify.toml").read_text()
    key = (place / "Eve.pub").read_text()
    (place / "trust" / "acme.pub").write_text(key)
    (place / "fwverify.toml").write_text(config.replace("[paths]\n", '[paths]\ntrust = "trust"\n'))
    added = run(place, "keys", "--help")
    assert added.code == 0


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

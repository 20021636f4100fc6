"""What was revoked is refused wherever it comes back: check, batch, and at the gates."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from fwverify.compare.revoked import Revoked
from fwverify.release import kept
from tests.cli import signed
from tests.cli.program import fwverify
from tests.cli.signed import AT, CONTENT, VENDOR

SUBJECT = hashlib.sha256(CONTENT).hexdigest()


def run(gate, *arguments):
    return fwverify("--config", gate.folder / "fwverify.toml", *arguments)


def batch(gate, *updates):
    case = ("--case", gate.folder / "case.toml", "--at", AT, "--baseline", "ledger:acme/1")
    return run(gate, "batch", *(updates or (gate.update,)), *case)


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    gate = signed.make(tmp_path_factory.mktemp("revoked"), "raw")
    gate.put("fw.txt.sig", VENDOR.sign(CONTENT))
    return gate


def test_a_revoked_baseline_and_a_revoked_update(ready):
    other = CONTENT + b"# 8\n"
    update = ready.put("fw2.txt", other)
    ready.put("fw2.txt.sig", VENDOR.sign(other))
    assert (ready.check().code, ready.check(update=update).code) == (0, 0)
    assert batch(ready, ready.update, update).code == 0
    approve = ("baseline", "approve", update, "--case", ready.folder / "case.toml", "--ref",
               "acme/2", "--reason", "tested", "--by", "A", "--by", "B", "--at", AT)  # fmt: skip
    assert run(ready, *approve).code == 0
    revoke = ("--by", "C", "--reason", "a leak", "--at", AT)
    assert run(ready, "baseline", "revoke", "acme/2", *revoke).code == 0
    assert ready.check(update=update).code == 4
    ran = batch(ready, ready.update, update)
    assert ran.code == 4
    assert [line.split()[0] for line in ran.out.splitlines()] == ["ALLOW", "DENY"]
    assert run(ready, "release", "revoke", SUBJECT, "--what", "subject", *revoke).code == 0
    ran = ready.check()
    assert ran.code == 4
    found = [each for each in ran.json["findings"] if each["rule"] == "ledger.revoked"]
    assert [each["text"] for each in found] == [f"was revoked by C at {AT}: a leak"]
    assert [line.split()[0] for line in batch(ready).out.splitlines()] == ["DENY"]
    as_path = run(ready, "check", update, "--baseline", ready.update, "--at", AT)
    assert (as_path.code, "was revoked by C" in as_path.err) == (2, True)


def test_of_equal_bytes_the_worst_report_is_kept(ready, tmp_path):
    content = CONTENT + b"# 9\n"
    good, bare = ready.put("fw3.txt", content), tmp_path / "fw3.txt"
    ready.put("fw3.txt.sig", VENDOR.sign(content))
    bare.write_bytes(content)
    case = ("--case", ready.folder / "case.toml", "--at", AT, "--baseline", "ledger:acme/1")
    ran = run(ready, "batch", bare, good, "--out", tmp_path / "out", *case)
    assert [line.split()[0] for line in ran.out.splitlines()] == ["DENY", "ALLOW"]
    (kept_one,) = (tmp_path / "out").iterdir()
    assert json.loads((kept_one / "report.json").read_text())["verdict"] == "DENY"


class _Ledger:
    """Of a ledger, what ``revoked_updates`` asks."""

    def history(self):
        return ()

    def revoked(self, _at):
        return (Revoked("b" * 64, "acme/2", "by C"), Revoked("a" * 64, "acme/1", "by C"))


def test_the_list_for_gates_has_both_kinds(tmp_path):
    """A baseline that a rescan revoked is told to gates without another command."""
    from tests.ledger.people import ANN_KEY, pem, private_pem

    gate = signed.make(tmp_path, "raw")
    (tmp_path / "ann.key").write_bytes(private_pem(ANN_KEY))
    (tmp_path / "ann.pub").write_bytes(pem(ANN_KEY))
    revoke = ("--by", "C", "--reason", "a leak", "--at", AT)
    assert run(gate, "baseline", "revoke", "acme/1", *revoke).code == 0
    text = (tmp_path / "fwverify.toml").read_text()
    people = '[[people]]\nname = "Ann"\nkey = "ann.pub"\n'
    (tmp_path / "fwverify.toml").write_text(text + people)
    assert run(gate, "release", "revoke", "e" * 64, "--what", "subject", *revoke).code == 0
    ends = ("--next-update", "2026-06-08T00:00:00Z", "--at", AT)
    signer = ("--signer", tmp_path / "ann.key", "--out", tmp_path / "list.txt")
    ran = run(gate, "release", "revocations", *ends, *signer)
    assert ran.code == 0, ran
    told = re.findall("^subject: (.*)$", (tmp_path / "list.txt").read_text(), re.MULTILINE)
    assert told == sorted({SUBJECT, "e" * 64})


def test_revoked_updates_are_sorted_and_from_both():
    assert [each.sha256[0] for each in kept.revoked_updates(_Ledger(), AT)] == ["a", "b"]

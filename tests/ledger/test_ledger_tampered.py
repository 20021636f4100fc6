"""A ledger that was altered, cut, or written by two at once."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import msgspec
import pytest

from fwverify.ledger import Ledger, LedgerError, VerdictEntry, profiles, schema
from fwverify.model import Digests, Verdict
from tests.builders.profiles import node, profile, sha
from tests.ledger.baseline import AT, PROFILE, REF, alter, approve, propose


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_a_tampered_profile_is_never_used(ledger, file):
    propose(ledger)
    body, _ = profiles.packed(PROFILE)
    other, other_sha256 = profiles.packed(profile(node("update.swu", "evil")))
    tampered = [_flip(body, at) for at in range(0, len(body), 7)]
    for data in (*tampered, other, body[:-1], body + b"x", b"", zlib.compress(b"{}")):
        alter(file, "UPDATE baselines SET profile = ?", data)
        with pytest.raises(LedgerError):
            ledger.get(REF)
    alter(file, "UPDATE baselines SET profile = ?, profile_sha256 = ?", other, other_sha256)
    with pytest.raises(LedgerError, match="recorded digest"):
        ledger.get(REF)
    alter(
        file,
        "UPDATE baselines SET profile = ?, profile_sha256 = ?",
        body,
        hashlib.sha256(zlib.decompress(body)).hexdigest(),
    )
    assert ledger.get(REF).profile == PROFILE


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "approved"),
        ("state", "revoked"),
        ("state", "blessed"),
        ("ref", "acme/telematics/9"),
        ("version", "9"),
        ("version", None),
        ("subject_sha256", "0" * 64),
        ("subject_sha256", "no digest"),
        ("context_sha256", "0" * 64),
        ("submitted_by", "Somebody Else"),
        ("created_at", "1999-01-01T00:00:00Z"),
        ("record_sha256", "0" * 64),
    ],
)
def test_a_tampered_record_is_refused(ledger, file, column, value):
    propose(ledger)
    alter(file, f"UPDATE baselines SET {column} = ?", value)
    ref = value if column == "ref" else REF
    for act in (ledger.get, ledger.show, lambda _: ledger.list()):
        with pytest.raises(LedgerError):
            act(ref)


def test_a_tampered_product_is_refused(ledger, file):
    propose(ledger)
    alter(file, "UPDATE products SET vendor = 'other'")
    with pytest.raises(LedgerError, match="recorded digest"):
        ledger.get(REF)


def test_deleted_or_invented_approvals_are_noticed(ledger, file):
    propose(ledger)
    approve(ledger, "A. Approver")
    approve(ledger, "B. Second")
    alter(file, "UPDATE approvals SET person = 'S. Submitter' WHERE person = 'B. Second'")
    with pytest.raises(LedgerError, match="its approvals make it provisional"):
        ledger.get(REF)
    alter(file, "UPDATE approvals SET role = 'king'")
    with pytest.raises(LedgerError, match="unknown role"):
        ledger.get(REF)
    alter(file, "DELETE FROM approvals")
    with pytest.raises(LedgerError, match="its approvals make it provisional"):
        ledger.get(REF)


def verdict(name="update"):
    return VerdictEntry(
        at=AT,
        subject_sha256=sha(name),
        verdict=Verdict.DENY,
        core_sha256=sha("core"),
        baseline=f"ledger:{REF}",
        digests=Digests(policy=sha("policy")),
    )


def test_the_log_is_a_chain_of_everything_done(ledger, file):
    propose(ledger)
    approve(ledger, "A. Approver")
    head = ledger.log_verdict(verdict())
    assert ledger.verify_log() == head
    assert head.entries == 3
    rows = sqlite3.connect(file).execute("SELECT prev_hash, body, hash FROM run_log").fetchall()
    previous = "0" * 64
    for before, body, recorded in rows:
        assert before == previous
        previous = hashlib.sha256(f"{before}\n{body}".encode()).hexdigest()
        assert recorded == previous
    kinds = [msgspec.json.decode(body)["kind"] for _, body, _ in rows]
    assert kinds == ["baseline.proposed", "baseline.approver", "verdict"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE run_log SET body = replace(body, 'DENY', 'ALLOW') WHERE entry = 2",
        "UPDATE run_log SET hash = upper(hash) WHERE entry = 2",
        "UPDATE run_log SET prev_hash = hash WHERE entry = 2",
        "DELETE FROM run_log WHERE entry = 1",
        "DELETE FROM run_log WHERE entry = 2",
        "DELETE FROM run_log WHERE entry = 3",
        "DELETE FROM run_log",
        "UPDATE run_log SET entry = 9 WHERE entry = 3",
        "INSERT INTO run_log VALUES (4, 'x', 'y', 'z')",
        "UPDATE ledger_schema SET log_entries = 2",
    ],
)
def test_a_tampered_log_is_detected(ledger, file, statement):
    for name in ("one", "two", "three"):
        ledger.log_verdict(verdict(name))
    ledger.verify_log()
    if "run_log" in statement and not statement.startswith("INSERT"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            alter(file, statement)
        alter(file, "DROP TRIGGER run_log_no_update")
        alter(file, "DROP TRIGGER run_log_no_delete")
    alter(file, statement)
    with pytest.raises(LedgerError, match="run log"):
        ledger.verify_log()


def test_a_newer_schema_is_refused_and_nothing_changes(file, ledger):
    propose(ledger)
    ledger.close()
    alter(file, "UPDATE ledger_schema SET version = 3")
    before = file.read_bytes()
    with pytest.raises(LedgerError, match="schema 3, this program knows 2"):
        Ledger(f"sqlite:///{file}")
    assert file.read_bytes() == before


@pytest.mark.parametrize("version", [0, -1])
def test_an_unknown_older_schema_is_refused(file, ledger, version):
    ledger.close()
    alter(file, "UPDATE ledger_schema SET version = ?", version)
    with pytest.raises(LedgerError, match="unknown schema"):
        Ledger(f"sqlite:///{file}")


def test_foreign_databases_are_refused_unchanged(tmp_path):
    other = tmp_path / "other.sqlite"
    alter(other, "CREATE TABLE accounts (name TEXT)")
    empty_schema = tmp_path / "half.sqlite"
    alter(empty_schema, "CREATE TABLE ledger_schema (id INTEGER, version INTEGER)")
    text = tmp_path / "text.sqlite"
    text.write_bytes(b"this is no database at all, but long enough to be read as one" * 20)
    for path in (other, empty_schema, text):
        before = path.read_bytes()
        with pytest.raises(LedgerError):
            Ledger(f"sqlite:///{path}")
        assert path.read_bytes() == before


def test_a_truncated_database_is_never_silently_fine(file, ledger, tmp_path):
    propose(ledger)
    approve(ledger, "A. Approver")
    approve(ledger, "B. Second")
    ledger.close()
    whole = file.read_bytes()
    cut = tmp_path / "cut.sqlite"
    for size in range(0, len(whole), 1024):
        cut.write_bytes(whole[:size])
        for suffix in ("-wal", "-shm"):
            Path(f"{cut}{suffix}").unlink(missing_ok=True)
        with pytest.raises(LedgerError):  # noqa: PT012  (opening or reading may be the one)
            damaged = Ledger(f"sqlite:///{cut}")
            try:
                damaged.get(REF)
            finally:
                damaged.close()


def test_two_processes_see_each_other(file, ledger):
    propose(ledger)
    second = Ledger(f"sqlite:///{file}")
    approve(second, "A. Approver")
    assert approve(ledger, "B. Second").state == "approved"
    assert second.get(REF).baseline.approved
    second.close()


def test_a_change_takes_the_write_lock_before_it_reads(file, ledger):
    """Else two approvers read the same old state and one of them is lost or fails."""
    propose(ledger)
    second = Ledger(f"sqlite:///{file}")
    done = threading.Event()

    def other():
        approve(second, "B. Second")
        done.set()

    thread = threading.Thread(target=other)
    with schema.writing(ledger._engine):
        thread.start()
        assert not done.wait(0.3)
    thread.join(timeout=30)
    assert done.is_set()
    assert approve(ledger, "A. Approver").state == "approved"
    second.close()


_CHILD = """
import sys
from fwverify.ledger import Ledger
from fwverify.ledger.schema import is_absent
from tests.builders.profiles import node, profile
ledger = Ledger(sys.argv[1])
for number in range(100000):
    ref = f"ref/{number}"
    ledger.propose(ref, profile(node("u", str(number) * 2000)), vendor="v", product=ref,
                   submitter="s", at="2026-11-21T00:00:00Z")
    ledger.approve(ref, "a", "r", "2026-11-21T00:00:00Z")
    ledger.approve(ref, "b", "r", "2026-11-21T00:00:00Z")
    print(number, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 4, 9])
def test_kill_9_leaves_the_ledger_whole(file, lines):
    url = f"sqlite:///{file}"
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, url],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    )
    with child:
        for _ in range(lines):
            last = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    ledger = Ledger(url)
    entries = {each.ref: each for each in ledger.list()}
    for number in range(last + 1):
        assert entries[f"ref/{number}"].state == "approved"
        assert ledger.get(f"ref/{number}").baseline.approved
    assert len(entries) <= ledger.verify_log().entries <= 3 * len(entries)
    ledger.close()

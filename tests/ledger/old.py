"""Ledgers as the program of schema 1 wrote them: its tables, its rows, its log."""

from __future__ import annotations

import sqlite3

import msgspec

from fwverify.canonical import canonical_json, sha256_hex
from fwverify.ledger import Ledger
from tests.builders.profiles import node, profile

AT = "2026-11-21T00:00:00Z"
REFS = ("old/1", "old/2", "old/3")

_TABLES = """
CREATE TABLE ledger_schema (id INTEGER NOT NULL, version INTEGER NOT NULL,
  log_entries INTEGER NOT NULL, log_head VARCHAR(64) NOT NULL, PRIMARY KEY (id));
CREATE TABLE products (id INTEGER NOT NULL, vendor TEXT NOT NULL, product TEXT NOT NULL,
  PRIMARY KEY (id), UNIQUE (vendor, product));
CREATE TABLE baselines (id INTEGER NOT NULL, ref VARCHAR(200) NOT NULL,
  product_id INTEGER NOT NULL, version TEXT, subject_sha256 VARCHAR(64) NOT NULL,
  profile BLOB NOT NULL, profile_sha256 VARCHAR(64) NOT NULL, context_sha256 VARCHAR(64),
  state VARCHAR(16) NOT NULL, submitted_by TEXT NOT NULL, created_at VARCHAR(32) NOT NULL,
  record_sha256 VARCHAR(64) NOT NULL, PRIMARY KEY (id), UNIQUE (ref),
  FOREIGN KEY(product_id) REFERENCES products (id));
CREATE TABLE approvals (id INTEGER NOT NULL, baseline_id INTEGER NOT NULL, person TEXT NOT NULL,
  person_key TEXT NOT NULL, role VARCHAR(16) NOT NULL, at VARCHAR(32) NOT NULL,
  reason TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (baseline_id, person_key, role),
  FOREIGN KEY(baseline_id) REFERENCES baselines (id));
CREATE TABLE run_log (entry INTEGER NOT NULL, prev_hash VARCHAR(64) NOT NULL, body TEXT NOT NULL,
  hash VARCHAR(64) NOT NULL, PRIMARY KEY (entry), UNIQUE (hash));
CREATE TRIGGER run_log_no_update BEFORE UPDATE ON run_log
  BEGIN SELECT RAISE(ABORT, 'the run log is append-only'); END;
CREATE TRIGGER run_log_no_delete BEFORE DELETE ON run_log
  BEGIN SELECT RAISE(ABORT, 'the run log is append-only'); END;
"""
_ROWS = {
    "products": "id, vendor, product",
    "baselines": "id, ref, product_id, version, subject_sha256, profile, profile_sha256, "
    "context_sha256, state, submitted_by, created_at, record_sha256",
    "approvals": "id, baseline_id, person, person_key, role, at, reason",
}
_NEW = ("conditions", "not_after", "key_sha256", "signature")


def write(file, *, wal=True):
    """Write a ledger of schema 1: one baseline approved, one waiting, one revoked."""
    newer = file.with_suffix(".newer")
    with Ledger(f"sqlite:///{newer}") as ledger:
        for ref in REFS:
            ledger.propose(ref, profile(node("u", ref)), vendor="acme", product="meter",
                           submitter="Desk", at=AT)  # fmt: skip
            ledger.approve(ref, "Ann", "examined", AT)
        ledger.approve(REFS[0], "Bob", "examined", AT)
        ledger.revoke(REFS[2], "Cy", "leaked key", AT)
    connection = sqlite3.connect(file)
    if wal:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(_TABLES)
    connection.execute("ATTACH ? AS newer", (str(newer),))
    with connection:
        for table, columns in _ROWS.items():
            connection.execute(
                f"INSERT INTO {table} ({columns}) SELECT {columns} FROM newer.{table}"
            )
        previous, count = "0" * 64, 0
        bodies = connection.execute("SELECT body FROM newer.run_log ORDER BY entry").fetchall()
        for (body,) in bodies:
            told = msgspec.json.decode(body)
            for name in _NEW:
                told["content"].pop(name, None)
            old = canonical_json(told).decode()
            now = sha256_hex(f"{previous}\n{old}".encode())
            count += 1
            connection.execute("INSERT INTO run_log VALUES (?, ?, ?, ?)",
                               (count, previous, old, now))  # fmt: skip
            previous = now
        connection.execute("INSERT INTO ledger_schema VALUES (1, 1, ?, ?)", (count, previous))
    connection.close()
    newer.unlink()

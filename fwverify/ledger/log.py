"""The run log: append-only, each entry bound to all before it.

Guarantees: ``hash = SHA-256(prev_hash as text, newline, body)`` with ``prev_hash`` of
the entry before (64 zeros for the first) and ``body`` canonical JSON; entries are
numbered without gaps and the ledger keeps the number and hash of the last, so that an
altered, removed, inserted, reordered or cut-off entry is noticed.

What it does not do: notice that all of it was written anew by someone who may write
the file. For that a ``LogHead`` is kept elsewhere (the evidence package).
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from fwverify.canonical import canonical_json, sha256_hex
from fwverify.ledger.model import LedgerError, LogEntry, LogHead
from fwverify.ledger.tables import LOG, LOG_START, VERSION


def append(connection: Connection, kind: str, content: Any) -> LogHead:
    """Add an entry of ``kind`` inside the caller's write transaction; return the new head.

    That transaction holds the ledger's one write lock (``schema.writing``).
    """
    row = connection.execute(select(VERSION.c.log_entries, VERSION.c.log_head)).one()
    body = canonical_json({"kind": kind, "content": content}).decode()
    head = LogHead(entries=row.log_entries + 1, hash=_hash(row.log_head, body))
    connection.execute(
        insert(LOG).values(entry=head.entries, prev_hash=row.log_head, body=body, hash=head.hash)
    )
    connection.execute(update(VERSION).values(log_entries=head.entries, log_head=head.hash))
    return head


def verify(connection: Connection) -> LogHead:
    """Return the head after checking every entry; raises ``LedgerError`` at the first fault."""
    count, previous = 0, LOG_START
    for row in connection.execute(select(LOG).order_by(LOG.c.entry)):
        count += 1
        if row.entry != count:
            raise LedgerError(f"run log: entry {count} is missing")
        if row.prev_hash != previous or row.hash != _hash(previous, row.body):
            raise LedgerError(f"run log: entry {count} was altered")
        previous = row.hash
    kept = connection.execute(select(VERSION.c.log_entries, VERSION.c.log_head)).one()
    if (kept.log_entries, kept.log_head) != (count, previous):
        raise LedgerError(f"run log: {kept.log_entries} entries were written, {count} are there")
    return LogHead(entries=count, hash=previous)


def entries(connection: Connection) -> tuple[LogEntry, ...]:
    """Return every entry in order; check the chain with ``verify`` first."""
    rows = connection.execute(select(LOG.c.entry, LOG.c.body, LOG.c.hash).order_by(LOG.c.entry))
    return tuple(LogEntry(entry=row.entry, body=row.body, hash=row.hash) for row in rows)


def read(entry: LogEntry) -> tuple[str, dict[str, Any]]:
    """Return the kind and the content of ``entry``."""
    body = msgspec.json.decode(entry.body.encode())
    return str(body["kind"]), dict(body["content"])


def _hash(previous: str, body: str) -> str:
    return sha256_hex(f"{previous}\n{body}".encode())

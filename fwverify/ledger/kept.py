"""The submitted bytes of baselines, kept for rules that are written later.

Guarantees: what is kept is exactly the submitted members that the profile lists, each
under its SHA-256 and checked by it when read; members with the role ``secret`` and
nothing that was decrypted or unpacked are ever kept; the sum is bounded. Purging a case
removes its bytes (SQLite overwrites them) and leaves the digests, and says so in the log.

Not done: telling PostgreSQL or a backup to forget; what was removed stays in its files
until they are vacuumed or expire.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from fwverify.ledger import log, records
from fwverify.ledger.model import LedgerError
from fwverify.ledger.tables import BASELINES, KEPT, KEPT_OF
from fwverify.model import Member, Profile, Sha256, _Value

MAX_KEPT_BYTES: Final = 1024 * 1024 * 1024
PART_BYTES: Final = 1024 * 1024

Content = Callable[[str], Iterable[bytes]]
"""Gives the bytes of a digest in pieces."""


class KeptBlob(_Value, frozen=True, kw_only=True):
    """One submitted file that is kept."""

    path: str
    sha256: Sha256
    size: int


class Purged(_Value, frozen=True, kw_only=True):
    """What the run log keeps of a purge: digests, and who asked for it."""

    case: str
    refs: tuple[str, ...]
    blobs: tuple[Sha256, ...]
    person: str
    reason: str
    at: str


def members(profile: Profile) -> tuple[Member, ...]:
    """Return the submitted files whose bytes may be kept."""
    return tuple(each for each in profile.subject.members if each.sha256 and each.role != "secret")


def fits(profile: Profile) -> bool:
    """Return whether the submitted files are few enough bytes to be kept."""
    return sum(each.size for each in members(profile)) <= MAX_KEPT_BYTES


def add(connection: Connection, number: int, profile: Profile, content: Content) -> None:
    """Keep the submitted files of a baseline inside the caller's transaction."""
    if not fits(profile):
        raise LedgerError(f"the update has more than {MAX_KEPT_BYTES} bytes and is not kept")
    for each in members(profile):
        sha256 = str(each.sha256)
        connection.execute(
            insert(KEPT_OF).values(
                baseline_id=number, path=each.path, sha256=sha256, size=each.size
            )
        )
        known = select(KEPT.c.part).where(KEPT.c.sha256 == sha256).limit(1)
        if connection.execute(known).first() is None:
            _write(connection, sha256, content(sha256))


def _write(connection: Connection, sha256: str, pieces: Iterable[bytes]) -> None:
    told = hashlib.sha256()
    for part, body in enumerate(_parts(pieces)):
        told.update(body)
        connection.execute(insert(KEPT).values(sha256=sha256, part=part, body=body))
    if told.hexdigest() != sha256:
        raise LedgerError(f"the content to be kept does not have its digest {sha256[:16]}")


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield ``pieces`` cut to ``PART_BYTES``, at least one."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) > PART_BYTES:
            yield bytes(waiting[:PART_BYTES])
            del waiting[:PART_BYTES]
    yield bytes(waiting)


def of(connection: Connection, number: int) -> tuple[KeptBlob, ...]:
    """Return what is kept of a baseline, sorted by path."""
    rows = connection.execute(select(KEPT_OF).where(KEPT_OF.c.baseline_id == number)).mappings()
    told = (KeptBlob(path=row["path"], sha256=row["sha256"], size=row["size"]) for row in rows)
    return tuple(sorted(told, key=lambda each: each.path))


def read(connection: Connection, sha256: str) -> Iterator[bytes]:
    """Yield the kept bytes of ``sha256``; raises ``LedgerError`` at their end if altered.

    Use nothing of it before the end.
    """
    told = hashlib.sha256()
    rows = connection.execute(
        select(KEPT.c.body).where(KEPT.c.sha256 == sha256).order_by(KEPT.c.part)
    )
    for (body,) in rows:
        told.update(body)
        yield body
    if told.hexdigest() != sha256:
        raise LedgerError(f"the kept content {sha256[:16]} is not there, or was altered")


def purge(connection: Connection, case: str, by: str, reason: str, at: str) -> Purged:
    """Remove what is kept of the baselines of ``case``; return what the log then says.

    Bytes that another case's baseline has, too, stay. Raises ``LedgerError`` where no
    baseline is of that case.
    """
    found = connection.execute(
        select(BASELINES.c.id, BASELINES.c.ref).where(BASELINES.c.case_id == case)
    ).all()
    if not found:
        raise LedgerError(f"the ledger has no baseline of the case {case!a}")
    numbers = [row.id for row in found]
    mine = {blob.sha256 for number in numbers for blob in of(connection, number)}
    connection.execute(delete(KEPT_OF).where(KEPT_OF.c.baseline_id.in_(numbers)))
    others = set(connection.execute(select(KEPT_OF.c.sha256)).scalars())
    gone = tuple(sorted(mine - others))
    for sha256 in gone:
        connection.execute(delete(KEPT).where(KEPT.c.sha256 == sha256))
    done = Purged(
        case=case,
        refs=tuple(sorted(row.ref for row in found)),
        blobs=gone,
        person=by,
        reason=reason,
        at=at,
    )
    log.append(connection, "case.purged", done)
    return done


def number_of(connection: Connection, ref: str) -> int:
    """Return the number of the baseline ``ref``. Raises ``LedgerError``."""
    return int(records.found(connection, ref)["id"])

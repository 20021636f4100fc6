"""Installed packages of an RPM database: SQLite (rpmdb.sqlite) and NDB (Packages.db).

Layouts: a blob of the table ``Packages``, and a blob of NDB, is a header without its lead
(rpm's "Package Format V4", "Header": big-endian number of entries and size of the data,
entries of tag, type, offset and count, then the data). NDB (rpm's ``lib/backend/ndb/
rpmpkg.c``): little-endian, a header of 32 bytes, slots of 16 bytes in pages of 4096, each
naming a blob in blocks of 16 bytes.

Guarantees: every offset is checked; a database that breaks its layout is ``Malformed``,
and so is one that asks more of SQLite than ``MAX_STEPS``. SQLite gets the bytes in memory,
for reading, without anything of the schema being run: ``Packages`` must be a table.

What it does not see: Berkeley DB, rows that only stand in a write-ahead log beside the file.
"""

from __future__ import annotations

import re
import sqlite3
import struct
from collections.abc import Iterator
from typing import Final

from fwverify.reader import Buffer, Malformed, Reader

SQLITE: Final = b"SQLite format 3\0"
NDB: Final = b"RpmP"
MAX_DATABASE_BYTES: Final = 128 * 1024 * 1024
MAX_PACKAGES: Final = 20_000
MAX_ENTRIES: Final = 4096
MAX_STEPS: Final = 2_000
"""Of 10,000 instructions of SQLite's machine each."""

_TABLE: Final = re.compile(rb"CREATE TABLE\s+['\"`\[]?Packages['\"`\]]?\s*\([^)]{0,400}\bblob\b")
_PAGE_AT, _PAGES_AT = 16, 28
_MODES_AT: Final = 18
"""Read and write version of the file format; 2 asks for a log beside the file."""

_STEP_INSTRUCTIONS: Final = 10_000
_NAME, _VERSION, _RELEASE, _EPOCH = 1000, 1001, 1002, 1003
_INT32, _STRING = 4, 6
_NDB_HEADER, _SLOT_BYTES, _PAGE_BYTES, _BLOCK_BYTES = 32, 16, 4096, 16

Package = tuple[str, str]


def is_database(head: bytes) -> bool:
    """Return whether ``head`` begins an SQLite or NDB file."""
    return head.startswith((SQLITE, NDB))


def installed(buffer: Buffer) -> tuple[Package, ...]:
    """Return (name, version) of each package; nothing for another database.

    Raises ``Malformed``; a version is ``epoch:version-release`` without a missing epoch.
    """
    blobs = _slots(buffer) if bytes(buffer[:4]) == NDB else _rows(bytes(buffer))
    found: set[Package] = set()
    spent = 0
    for number, blob in enumerate(blobs):
        spent += len(blob)
        if spent > len(buffer):
            raise Malformed(0, "rpmdb", "its packages share their bytes")
        if number >= MAX_PACKAGES:
            raise Malformed(0, "rpmdb", f"more than {MAX_PACKAGES} packages")
        found.add(_package(blob))
    return tuple(sorted(found))


def _rows(content: bytes) -> Iterator[bytes]:
    """Yield the blobs of the table ``Packages`` (rpm's ``lib/backend/sqlite.c``)."""
    if not _TABLE.search(content):
        return
    (page,) = struct.unpack_from(">H", content, _PAGE_AT)
    (pages,) = struct.unpack_from(">I", content, _PAGES_AT)
    if len(content) != pages * (page if page > 1 else 65_536):
        raise Malformed(_PAGES_AT, "rpmdb.sqlite", f"{pages} pages of {page} bytes")
    steps = iter(range(MAX_STEPS))
    content = content[:_MODES_AT] + b"\1\1" + content[_MODES_AT + 2 :]  # as if without a log
    base = sqlite3.connect(":memory:")
    try:
        base.deserialize(content)
        base.set_progress_handler(lambda: next(steps, None) is None, _STEP_INSTRUCTIONS)
        base.execute("PRAGMA trusted_schema=OFF")
        base.execute("PRAGMA cell_size_check=ON")
        base.execute("PRAGMA query_only=ON")
        table = "SELECT count(*) FROM sqlite_master WHERE type='table' AND name='Packages'"
        if not base.execute(table).fetchone()[0]:
            return
        for (blob,) in base.execute("SELECT blob FROM Packages ORDER BY rowid"):
            if not isinstance(blob, bytes):
                raise Malformed(0, "rpmdb.Packages", "a row holds no header")
            yield blob
    except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeDecodeError) as error:
        raise Malformed(0, "rpmdb.sqlite", str(error)[:200]) from error
    finally:
        base.close()


def _slots(buffer: Buffer) -> Iterator[bytes]:
    """Yield the blobs that the slots of an NDB file name."""
    reader = Reader(buffer)
    _, version, _, pages = struct.unpack("<4I", reader.peek(0, 16, "ndb.header"))
    if version != 0:
        raise Malformed(4, "ndb.version", str(version))
    table = reader.peek(0, pages * _PAGE_BYTES, "ndb.slots")
    for at in range(_NDB_HEADER, len(table), _SLOT_BYTES):
        mark, number, block, count = struct.unpack_from("<4s3I", table, at)
        if mark != b"Slot":
            raise Malformed(at, "ndb.slot", "has no mark")
        if not block:
            continue  # a slot without a package
        start = block * _BLOCK_BYTES
        head = struct.unpack("<4s3I", reader.peek(start, 16, "ndb.blob"))
        if head[0] != b"BlbS" or head[1] != number or not number or head[3] > count * _BLOCK_BYTES:
            raise Malformed(start, "ndb.blob", "is not that of its slot")
        yield reader.peek(start + 16, head[3], "ndb.blob")


def _package(blob: bytes) -> Package:
    """Return name and version of one header."""
    if len(blob) < 8:
        raise Malformed(0, "rpm.header", f"{len(blob)} bytes")
    count, size = struct.unpack_from(">2I", blob)
    data = 8 + 16 * count
    if count > MAX_ENTRIES or data + size > len(blob):
        raise Malformed(0, "rpm.header", f"{count} entries and {size} bytes")
    found: dict[int, str] = {}
    for index in range(count):
        tag, kind, offset, _ = struct.unpack_from(">4I", blob, 8 + 16 * index)
        if tag in (_NAME, _VERSION, _RELEASE) and kind == _STRING:
            found[tag] = _text(blob, data + offset, data + size)
        elif tag == _EPOCH and kind == _INT32 and offset + 4 <= size:
            found[tag] = str(struct.unpack_from(">I", blob, data + offset)[0])
    if not {_NAME, _VERSION, _RELEASE} <= found.keys():
        raise Malformed(0, "rpm.header", "has no name, version and release")
    epoch = f"{found[_EPOCH]}:" if _EPOCH in found else ""
    return found[_NAME], f"{epoch}{found[_VERSION]}-{found[_RELEASE]}"


def _text(blob: bytes, start: int, end: int) -> str:
    stop = blob.find(b"\0", start, min(end, start + 256))
    if start >= end or stop == -1:
        raise Malformed(start, "rpm.header.string", "does not end")
    return blob[start:stop].decode("utf-8", "backslashreplace")

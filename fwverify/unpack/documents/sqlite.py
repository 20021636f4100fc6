"""SQLite databases: the header, every page by its kind, the schema.

Guarantees: the file is exactly the pages its header states; each b-tree page reachable
from a table or index is walked once, with its overflow pages; free pages and space inside
pages that holds bytes stay unexplained, because deleted and hidden content lives there;
the content is a child ``content`` in which the payload of every cell stands one after the
other, so that it is searched; the SQL of the schema is a child ``schema.sql`` and triggers
and views are observed.

Specification: sqlite.org "Database File Format", sections 1.3 to 1.6 and 2.6. Integers are
big-endian.

Not checked: the types of columns, index order, write-ahead logs beside the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

MAGIC: Final = b"SQLite format 3\x00"
_HEADER_BYTES: Final = 100
_MAX_PAGES: Final = 4_000_000
_MAX_PAYLOAD: Final = 64 * 1024 * 1024
_INDEX_INNER, _TABLE_INNER, _INDEX_LEAF, _TABLE_LEAF = 2, 5, 10, 13
_ACTIVE: Final = re.compile(rb"\s*CREATE\s+(?:TEMP\w*\s+)?(TRIGGER|VIEW)\b", re.IGNORECASE)
_HEAD_BYTES: Final = {_INDEX_INNER: 12, _TABLE_INNER: 12, _INDEX_LEAF: 8, _TABLE_LEAF: 8}


class _Database(Struct):
    """The pages of one file and which were seen. Belongs to one call."""

    found: Gathered
    page_bytes: int
    usable: int
    pages: int
    seen: set[int] = field(default_factory=set)

    def start(self, page: int) -> int:
        """Return where page ``page`` (from 1) begins. Raises ``Malformed``."""
        if not 1 <= page <= self.pages:
            raise Malformed(0, "page number", f"{page} of {self.pages}")
        return (page - 1) * self.page_bytes


def open_sqlite(source: Source) -> Opened:
    """Return the content and the schema. Raises ``Malformed`` for a bad header."""
    found = Gathered(source, "sqlite")
    base = _read_header(found, source.buffer)
    found.claim(0, _HEADER_BYTES)
    schema: list[bytes] = []
    fault: list[Malformed] = []
    try:
        digest, size = source.put_stream(_contents(base, schema, fault))
        found.add(Entry(name=b"content", kind="stream", sha256=digest, size=size, generated=True))
        if schema:
            digest, size = source.put_stream(each + b";\n" for each in schema)
            found.add(Entry(name=b"schema.sql", sha256=digest, size=size, generated=True))
    except LimitHit as error:
        found.limit(error)
    for each in fault:
        found.malformed(each)
    for sql in schema:
        kind = _ACTIVE.match(sql)
        if kind is not None:
            text = f"the schema has a {kind[1].decode().lower()}"
            shown = sql[:200].decode("utf-8", "replace")
            found.observe("sqlite.active", text, severity="info", evidence=(shown,))
    return found.finish()


def _read_header(found: Gathered, buffer: Buffer) -> _Database:
    reader = Reader(buffer)
    reader.expect(MAGIC, "magic")
    size = reader.u16be("page size")
    size = 65536 if size == 1 else size
    if size < 512 or size & size - 1:
        raise Malformed(16, "page size", f"{size}")
    head = reader.peek(0, _HEADER_BYTES, "header")
    reserved = head[20]
    pages = int.from_bytes(head[28:32], "big") or len(buffer) // size
    if head[21:24] != b"\x40\x20\x20" or size - reserved < 480:
        raise Malformed(20, "payload fractions", head[20:24].hex())
    if not 1 <= pages <= _MAX_PAGES:
        raise Malformed(28, "page count", f"{pages}")
    if any(head[72:92]):
        raise Malformed(72, "reserved", "is not zero")
    if head[24:28] != head[92:96]:
        pages = len(buffer) // size
    if pages * size > len(buffer):
        have = len(buffer) // size
        found.malformed(Malformed(28, "page count", f"{pages}, {have} are here", past_end=True))
        pages = have
    if not pages:
        raise Malformed(28, "page count", "not one page is here", past_end=True)
    return _Database(found, size, size - reserved, pages)


def _contents(base: _Database, schema: list[bytes], fault: list[Malformed]) -> Iterator[bytes]:
    """Yield every cell's payload; the schema's rows give the other roots."""
    roots, known = [1], {1}
    while roots:
        root = roots.pop()
        try:
            for payload in _tree(base, root):
                yield payload
                if root == 1:
                    row = _record(payload)
                    if len(row) > 4 and isinstance(row[4], bytes) and row[4]:
                        schema.append(row[4])
                    number = row[3] if len(row) > 3 else 0
                    if isinstance(number, int) and number and number not in known:
                        known.add(number)
                        roots.append(number)
        except Malformed as error:
            if len(fault) < 20:
                fault.append(error)


def _tree(base: _Database, root: int) -> Iterator[bytes]:
    """Yield the payloads of one b-tree; a page that is met twice is an attack or damage."""
    waiting = [root]
    while waiting:
        page = waiting.pop()
        if page in base.seen:
            raise Malformed(base.start(page), "page", f"page {page} is used twice")
        base.seen.add(page)
        yield from _page(base, page, waiting)


def _page(base: _Database, page: int, waiting: list[int]) -> Iterator[bytes]:
    start = base.start(page)
    begin = start + (_HEADER_BYTES if page == 1 else 0)
    buffer = base.found.buffer
    reader = Reader(buffer, begin, start + base.usable)
    kind = reader.u8("page type")
    if kind not in _HEAD_BYTES:
        raise Malformed(begin, "page type", f"{kind} does not exist")
    _, count, _, _ = reader.unpack(">HHHB", "page header")
    if kind in (_INDEX_INNER, _TABLE_INNER):
        waiting.append(reader.u32be("right-most page"))
    base.found.claim(begin, begin + _HEAD_BYTES[kind] + 2 * reader.count(count, 2, "cells"))
    for pointer in [reader.u16be("cell pointer") for _ in range(count)]:
        cell = Reader(buffer, start, start + base.usable)
        cell.seek(start + (pointer or 65536), "cell pointer")
        yield from _cell(base, kind, cell, waiting)


def _cell(base: _Database, kind: int, cell: Reader, waiting: list[int]) -> Iterator[bytes]:
    at = cell.offset
    if kind in (_INDEX_INNER, _TABLE_INNER):
        waiting.append(cell.u32be("left child"))
    if kind == _TABLE_INNER:
        _varint(cell)
        base.found.claim(at, cell.offset)
        return
    size = _varint(cell)
    if kind == _TABLE_LEAF:
        _varint(cell)
    if size > _MAX_PAYLOAD:
        raise Malformed(at, "payload size", f"{size}")
    local = _local_bytes(base.usable, size, table=kind == _TABLE_LEAF)
    data = cell.take(local, "payload")
    following = cell.u32be("overflow page") if local < size else 0
    base.found.claim(at, cell.offset, "extracted")
    parts = [data]
    left = size - local
    while left:
        start = base.start(following)
        if following in base.seen:
            raise Malformed(start, "overflow page", f"page {following} is used twice")
        base.seen.add(following)
        reader = Reader(base.found.buffer, start, start + base.usable)
        following = reader.u32be("next overflow page")
        parts.append(reader.take(min(left, base.usable - 4), "overflow"))
        left -= len(parts[-1])
        base.found.claim(start, reader.offset, "extracted")
    yield b"".join(parts)


def _local_bytes(usable: int, size: int, *, table: bool) -> int:
    """Return how much of a payload stands in its page (section 1.6)."""
    most = usable - 35 if table else (usable - 12) * 64 // 255 - 23
    if size <= most:
        return size
    least = (usable - 12) * 32 // 255 - 23
    local = least + (size - least) % (usable - 4)
    return local if local <= most else least


def _varint(reader: Reader) -> int:
    value = 0
    for number in range(9):
        byte = reader.u8("varint")
        if number == 8:
            return value << 8 | byte
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            break
    return value


def _record(payload: bytes) -> list[int | bytes | None]:
    """Return the columns of a row (section 2.1); text and blobs as bytes."""
    reader = Reader(payload)
    try:
        header = _varint(reader)
        kinds = []
        while reader.offset < header:
            kinds.append(_varint(reader))
        reader.seek(header)
        return [_column(reader, kind) for kind in kinds]
    except Malformed:
        return []


def _column(reader: Reader, kind: int) -> int | bytes | None:
    if kind >= 12:
        return reader.take((kind - 12) // 2, "column")
    if kind in (8, 9):
        return kind - 8
    width = (0, 1, 2, 3, 4, 6, 8, 8)[kind] if kind < 8 else 0
    return int.from_bytes(reader.take(width, "column"), "big", signed=True) if width else None


SQLITE: Final = Format(
    name="sqlite",
    title="SQLite database",
    family="document",
    specification="https://www.sqlite.org/fileformat.html",
    limitations="free pages and free space stay unexplained; logs beside the file are not merged; "
    "pointer-map pages stay unexplained",
    recognise=lambda buffer, _: bytes(buffer[: len(MAGIC)]) == MAGIC,
    open=open_sqlite,
)

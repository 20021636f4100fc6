"""Android device tree tables (dtbo.img, dtb.img).

Guarantees: every entry's tree is a child ``dt-<index>``, decompressed where version 1
says zlib or gzip; equal ranges that several entries name are one content under each name.

Specification: AOSP ``system/libufdt/utils/src/dt_table.h``.

Not checked: ids, revisions and custom fields, which a boot loader selects by; they are
attributes.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from typing import Final

from fwverify.model import Entry, Opened
from fwverify.reader import Malformed, Reader
from fwverify.unpack.android.parts import check_range, noted
from fwverify.unpack.decoders import Inflate, decode
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source

NAME: Final = "android-dtbo"
MAGIC: Final = b"\xd7\xb7\xab\x1e"
MAX_TREES: Final = 1024
_HEADER_BYTES: Final = 32
_ENTRY_BYTES: Final = 32
_COMPRESSION: Final = {0: 0, 1: zlib.MAX_WBITS, 2: zlib.MAX_WBITS | 16}


def open_dtbo(source: Source) -> Opened:
    """Return the trees as children. Raises ``Malformed`` for a broken header."""
    reader = Reader(source.buffer)
    reader.expect(MAGIC, "dtbo.magic")
    total, header_bytes, entry_bytes, count = reader.unpack(">4I", "dtbo.header")
    start, page_bytes, version = reader.unpack(">3I", "dtbo.header")
    if header_bytes != _HEADER_BYTES or entry_bytes != _ENTRY_BYTES:
        raise Malformed(8, "dtbo.header_size", f"{header_bytes} and {entry_bytes}")
    if count > MAX_TREES or version > 1:
        raise Malformed(16, "dtbo.dt_entry_count", f"{count} entries, version {version}")
    found = Gathered(source, NAME)
    found.claim(0, _HEADER_BYTES)
    with noted(found):
        check_range(found, 0, total, "dtbo.total_size")
        entries = Reader(source.buffer, start, total)
        entries.count(count, _ENTRY_BYTES, "dtbo.dt_entry_count")
        for index in range(count):
            _take(found, entries, index, total, version)
    found.attribute("page_bytes", str(page_bytes))
    return found.finish()


def _take(found: Gathered, reader: Reader, index: int, total: int, version: int) -> None:
    at = reader.offset
    size, offset, number, revision = reader.unpack(">4I", "dtbo.entry")
    custom = reader.unpack(">4I", "dtbo.entry.custom")
    if not found.claim(at, reader.offset):
        found.observe("unpack.evasion.overlap", "two structures share bytes", offset=at)
    found.attribute(f"dt_{index}", f"id={number:#x} rev={revision:#x} custom={custom[1:]}")
    compression = custom[0] & 15 if version else 0
    if offset + size > total or compression not in _COMPRESSION:
        raise Malformed(at, "dtbo.entry", f"{size} bytes at {offset}, kind {compression}")
    stored = not compression
    if stored:
        digest, length = found.source.put_range(offset, offset + size)
    else:
        inflate = Inflate(_COMPRESSION[compression])
        pieces = decode(found.buffer, offset, offset + size, inflate, "dtbo.entry.data")
        ends: list[int] = []
        digest, length = found.source.put_stream(_ended(pieces, ends))
        if ends != [offset + size]:
            found.malformed(Malformed(offset, "dtbo.entry.dt_size", "has a tail"))
        size = ends[0] - offset
    found.claim(offset, offset + size, "extracted")
    extents = ((offset, offset + size),) if size else ()
    name = b"dt-%d" % index
    found.add(
        Entry(name=name, sha256=digest, size=length, extents=extents, stored=stored, generated=True)
    )


def _ended(pieces: Generator[bytes, None, int], ends: list[int]) -> Iterator[bytes]:
    """Yield ``pieces``; where they ended goes to ``ends``."""
    ends.append((yield from pieces))


DTBO: Final = Format(
    name=NAME,
    title="Android device tree table",
    family="android",
    specification="https://source.android.com/docs/core/architecture/dto/partitions",
    limitations="which tree a device selects is not judged",
    recognise=lambda buffer, _: bytes(buffer[:4]) == MAGIC,
    open=open_dtbo,
)

"""Android DEX files: header, string table, map.

Guarantees: Adler-32, SHA-1 and size of the header are compared; the strings are a child
of their own, one a line; a byte counts as parsed when a table, a string or a section of the
map names it, as in an ELF file; bytes that none names stay unexplained.

Specification: "Dalvik executable format", versions 035 to 041.

Not checked: what the code does, and whether a section holds what the map says. Carving
looks into the sections too.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Final

from fwverify.model import Entry, Opened
from fwverify.reader import Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.android.parts import noted
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source

NAME: Final = "dex"
HEADER_BYTES: Final = 0x70
MAX_STRINGS: Final = 2_000_000
MAX_STRING_BYTES: Final = 1024 * 1024
MAX_SECTIONS: Final = 64
_LITTLE: Final = 0x12345678
_VERSIONS: Final = tuple(f"{number:03}".encode() for number in range(35, 42))
_CODE: Final = 0x2001
_DATA: Final = (0x1001, 0x1002, 0x1003, 0x2000, _CODE, 0x2003, 0x2004, 0x2005, 0x2006, 0xF000)
"""Sections of items of no fixed size: lists, class data, code, annotations, values."""

_TABLES: Final = (
    ("string_ids", 4), ("type_ids", 4), ("proto_ids", 12), ("field_ids", 8),
    ("method_ids", 8), ("class_defs", 32),
)  # fmt: skip


def open_dex(source: Source) -> Opened:
    """Return the strings as a child. Raises ``Malformed`` for a broken header."""
    reader = Reader(source.buffer)
    reader.expect(b"dex\n", "dex.magic")
    version = reader.take(3, "dex.version")
    reader.skip(1, "dex.version")
    checksum, signature = reader.u32le("dex.checksum"), reader.take(20, "dex.signature")
    size, header_bytes, endian = reader.unpack("<3I", "dex.file_size")
    reader.skip(8, "dex.link")
    (map_offset,) = reader.unpack("<I", "dex.map_off")
    if header_bytes < HEADER_BYTES or endian != _LITTLE or version not in _VERSIONS:
        raise Malformed(36, "dex.header_size", f"{header_bytes}, order {endian:#x}")
    if not HEADER_BYTES <= size <= source.size:
        raise Malformed(32, "dex.file_size", f"{size}", past_end=size > source.size)
    found = Gathered(source, NAME)
    found.claim(0, HEADER_BYTES)
    with noted(found):
        _compare(found, size, checksum, signature)
    with noted(found):
        tables = _tables(found, reader, size)
        _strings(found, tables["string_ids"], size)
    with noted(found):
        _map(found, map_offset, size)
    found.attribute("dex_version", version.decode())
    return found.finish(executable=True)


def _compare(found: Gathered, size: int, checksum: int, signature: bytes) -> None:
    adler, sha1 = 1, hashlib.sha1(usedforsecurity=False)
    for at in range(12, size, CHUNK_BYTES):
        piece = bytes(found.buffer[at : min(at + CHUNK_BYTES, size)])
        adler = zlib.adler32(piece, adler)
        sha1.update(piece if at > 12 else piece[20:])
    if adler != checksum:
        raise Malformed(8, "dex.checksum", "is not the Adler-32 of the file")
    if sha1.digest() != signature:
        raise Malformed(12, "dex.signature", "is not the SHA-1 of the file")


def _tables(found: Gathered, reader: Reader, size: int) -> dict[str, tuple[int, int]]:
    """Return count and offset of each table of items of fixed size, claimed."""
    result = {}
    for name, width in _TABLES:
        at = reader.offset
        count, start = reader.unpack("<2I", f"dex.{name}")
        if count and start + count * width > size:
            raise Malformed(at, f"dex.{name}", f"{count} at {start}")
        if count:
            found.claim(start, start + count * width)
        result[name] = (count, start)
    return result


def _strings(found: Gathered, table: tuple[int, int], size: int) -> None:
    """Store every string; claim those that stand alone."""
    count, start = table
    if count > MAX_STRINGS:
        raise Malformed(56, "dex.string_ids_size", f"{count}")
    reader = Reader(found.buffer, start, size)
    offsets = reader.unpack(f"<{count}I", "dex.string_ids")
    lines = []
    budget = 2 * size
    for offset in offsets:
        own = Reader(found.buffer, offset, size)
        while own.u8("dex.string.length") & 0x80:
            pass
        window = own.peek(own.offset, min(own.remaining, 256), "dex.string")
        if b"\0" not in window:
            wide = min(own.remaining, MAX_STRING_BYTES)
            window = own.peek(own.offset, wide, "dex.string")
        text, end, _ = window.partition(b"\0")
        budget -= len(text) + 1
        if not end or budget < 0:
            raise Malformed(offset, "dex.string", "has no end, or shares its bytes with many")
        found.claim(offset, own.offset + len(text) + 1)
        lines.append(text.decode("utf-8", "replace").encode())
    if lines:
        digest, length = found.source.put(b"\n".join(lines) + b"\n")
        found.add(Entry(name=b"@strings", sha256=digest, size=length, generated=True))


def _map(found: Gathered, at: int, size: int) -> None:
    """Claim the sections of the map: each runs to where the next one begins."""
    reader = Reader(found.buffer, at, size)
    count = reader.count(reader.u32le("dex.map.size"), 12, "dex.map.size")
    if not 0 < count <= MAX_SECTIONS:
        raise Malformed(at, "dex.map.size", f"{count}")
    found.claim(at, reader.offset + 12 * count)
    starts: list[tuple[int, int]] = []
    for _ in range(count):
        kind, _, items, offset = reader.unpack("<2H2I", "dex.map.item")
        if offset >= size or (starts and offset <= starts[-1][0]):
            raise Malformed(reader.offset - 4, "dex.map.offset", f"{offset} of {size}")
        found.attribute(f"map_{kind:#06x}", f"{items} at {offset:#x}")
        starts.append((offset, kind))
    ends = [offset for offset, _ in starts[1:]] + [size]
    for (start, kind), end in zip(starts, ends, strict=True):
        if kind in _DATA:
            found.claim(start, end, executable=kind == _CODE)


DEX: Final = Format(
    name=NAME,
    title="Android DEX",
    family="android",
    specification="https://source.android.com/docs/core/runtime/dex-format",
    limitations="strings and tables are read; code and annotations by their section only",
    recognise=lambda buffer, _: (
        bytes(buffer[:4]) == b"dex\n" and bytes(buffer[7:8]) == b"\0" and len(buffer) >= 112
    ),
    open=open_dex,
)

"""Windows Imaging files (WIM, ESD).

Guarantees: 7-Zip decodes and lists (``sevenzip``); the header and the lookup table are
read here, and a resource counts as extracted only when a child has the SHA-1 that the
table states for it. A stream that no file uses, a content whose SHA-1 the table does not
have, an integrity table that does not hold and a part of a split set are said.

Specification: Microsoft, "Windows Imaging File Format (WIM)". All integers are
little-endian.

Not checked: security descriptors and reparse data, which 7-Zip may leave out (their
streams then stay unexplained), and where a link leads: its reparse data is its content.
The metadata of an image counts as parsed when 7-Zip listed it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from fwverify.model import Entry, Identity, Opened, Problem, Region
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack import claims
from fwverify.unpack.sevenzip import Kind, open_kind
from fwverify.unpack.sevenzip_layout import Layout
from fwverify.unpack.source import Format, Source

NAME: Final = "wim"
MAGIC: Final = b"MSWIM\0\0\0"
MAX_XML_BYTES: Final = 16 * 1024 * 1024
_HEADER_BYTES: Final = 208
_FIELDS_BYTES: Final = 148
"""The header's fields; what follows is reserved and zero."""

_ROW_BYTES: Final = 50
_FREE, _METADATA, _COMPRESSED, _SPANNED, _SOLID = 1, 2, 4, 8, 16
_SOLID_MARK: Final = 0x1_0000_0000
_ARCHITECTURES: Final = {"0": "x86", "5": "arm", "6": "ia64", "9": "x86_64", "12": "aarch64"}


class Resource(Struct, frozen=True):
    """A range of the file with its flags; ``plain`` is its decoded size."""

    start: int
    size: int
    plain: int
    flags: int

    @property
    def end(self) -> int:
        """Behind the last byte."""
        return self.start + self.size


class Header(Struct, frozen=True):
    """What the header leads to."""

    part: int
    parts: int
    images: int
    table: Resource
    xml: Resource
    integrity: Resource


class Row(Struct, frozen=True):
    """One row of the lookup table."""

    resource: Resource
    part: int
    sha1: bytes


def _resource(reader: Reader, field: str) -> Resource:
    packed, offset, plain = reader.unpack("<3Q", field)
    return Resource(offset, packed & (1 << 56) - 1, plain, packed >> 56)


def read_header(buffer: Buffer) -> Header:
    """Return the header. Raises ``Malformed``."""
    reader = Reader(buffer)
    reader.expect(MAGIC, "wim.magic")
    size, version, *_ = reader.unpack("<4I", "wim.header")
    if size != _HEADER_BYTES or version >> 16 not in (1, 0):
        raise Malformed(8, "wim.header", f"{size} bytes, version {version:#x}")
    reader.skip(16, "wim.guid")
    part, parts, images = reader.unpack("<2HI", "wim.parts")
    table, xml = _resource(reader, "wim.table"), _resource(reader, "wim.xml")
    _resource(reader, "wim.boot")
    reader.u32le("wim.boot_index")
    integrity = _resource(reader, "wim.integrity")
    return Header(part, parts, images, table, xml, integrity)


def read_table(buffer: Buffer, table: Resource) -> tuple[Row, ...]:
    """Return the rows of the lookup table, which is stored plain. Raises ``Malformed``."""
    if table.flags & _COMPRESSED or table.size % _ROW_BYTES or table.size != table.plain:
        raise Malformed(48, "wim.table", f"{table.size} bytes, flags {table.flags:#x}")
    reader = Reader(buffer)
    reader.seek(table.start, "wim.table")
    reader.count(table.size, 1, "wim.table")
    rows = []
    for _ in range(table.size // _ROW_BYTES):
        resource = _resource(reader, "wim.row")
        part, _ = reader.unpack("<HI", "wim.row")
        rows.append(Row(resource, part, reader.take(20, "wim.row.sha1")))
    return tuple(rows)


def _layout(source: Source, entries: tuple[Entry, ...]) -> Layout:
    """Return the claims, by the SHA-1 of what came out. Raises ``Malformed``."""
    header = read_header(source.buffer)
    rows = read_table(source.buffer, header.table)
    have = _sums(source, entries)
    reserved = any(bytes(source.buffer[_FIELDS_BYTES:_HEADER_BYTES]))
    regions = [
        _region(0, _FIELDS_BYTES if reserved else _HEADER_BYTES),
        _region(header.table.start, header.table.end),
    ]
    for place in (header.xml, header.integrity):
        if place.end > source.size:
            raise Malformed(72, "wim.resource", f"ends at {place.end}", past_end=True)
    complaints = [*_integrity(source.buffer, header), *_unknown(have, rows)]
    regions.append(_region(header.integrity.start, header.integrity.end))
    regions.append(_region(header.xml.start, header.xml.end))
    groups = _grouped(rows)
    described = sum(bool(place.flags & _METADATA) for place in groups)
    if described > header.images:
        complaints.append(f"{described} resources call themselves one of {header.images} images")
    for place, sums in groups.items():
        if place.end > source.size:
            raise Malformed(header.table.start, "wim.row", f"ends at {place.end}", past_end=True)
        if place.flags & _METADATA:
            regions.append(_region(place.start, place.end))
        elif sums and sums <= have:
            regions.append(_region(place.start, place.end, "extracted"))
        elif place.size and not place.flags & _FREE:
            complaints.append(f"no file has the stream of {place.size} bytes at {place.start}")
    return Layout(claims.resolve(regions), "; ".join(complaints[:3]))


def _region(start: int, end: int, kind: str = "parsed") -> Region:
    return Region(start=start, end=end, kind=kind)  # type: ignore[arg-type]


def _grouped(rows: Iterable[Row]) -> dict[Resource, set[bytes]]:
    """Return the SHA-1 sums that each range of the file must give.

    A row of a solid resource (version 0xE00) has the mark as its plain size; the rows of
    its members follow it and count offsets inside it.
    """
    groups: dict[Resource, set[bytes]] = {}
    solid: list[Resource] = []
    closed = False
    for row in rows:
        place = row.resource
        if place.flags & _SOLID and place.plain == _SOLID_MARK:
            solid = [place] if closed or not solid else [*solid, place]
            closed = False
            groups.setdefault(place, set())
        elif place.flags & _SOLID:
            closed = True
            for each in solid:
                groups[each].add(row.sha1)
        else:
            groups.setdefault(place, set()).add(row.sha1)
    return groups


def _sums(source: Source, entries: tuple[Entry, ...]) -> set[bytes]:
    """Return the SHA-1 of every content that came out."""
    result = set()
    for digest in {entry.sha256 for entry in entries if entry.sha256 and entry.size}:
        sum_ = hashlib.sha1(usedforsecurity=False)
        with source.store.open(digest) as handle:
            while chunk := handle.read(CHUNK_BYTES):
                sum_.update(chunk)
        result.add(sum_.digest())
    return result


def _unknown(have: set[bytes], rows: tuple[Row, ...]) -> list[str]:
    strange = len(have - {row.sha1 for row in rows})
    return [f"{strange} contents have a SHA-1 that the table does not have"] if strange else []


def _integrity(buffer: Buffer, header: Header) -> list[str]:
    """Return a complaint when the integrity table's SHA-1 sums do not hold."""
    place = header.integrity
    if not place.size:
        return []
    reader = Reader(buffer, place.start, place.end)
    size, count, chunk = reader.unpack("<3I", "wim.integrity")
    covered = header.table.end - _HEADER_BYTES
    if size != place.size or not chunk or count != -(-covered // chunk):
        raise Malformed(place.start, "wim.integrity", f"{count} chunks of {chunk} bytes")
    for number in range(reader.count(count, 20, "wim.integrity")):
        stated = reader.take(20, "wim.integrity")
        low = _HEADER_BYTES + number * chunk
        sum_ = hashlib.sha1(usedforsecurity=False)
        for at in range(low, min(low + chunk, header.table.end), CHUNK_BYTES):
            sum_.update(buffer[at : min(at + CHUNK_BYTES, low + chunk, header.table.end)])
        if sum_.digest() != stated:
            return [f"the integrity sum of chunk {number} does not hold"]
    return []


_KIND: Final = Kind(NAME, "wim", _layout)


def open_wim(source: Source) -> Opened:
    """Return what the file holds. Raises ``Malformed`` for a broken header."""
    header = read_header(source.buffer)
    if header.xml.size > MAX_XML_BYTES:
        raise Malformed(72, "wim.xml", f"{header.xml.size} bytes")
    xml = Reader(source.buffer).peek(header.xml.start, header.xml.size, "wim.xml")
    opened = open_kind(source, _KIND)
    entries, problems = opened.entries, opened.problems
    if xml:
        digest, size = source.put(xml)
        place = ((header.xml.start, header.xml.end),)
        entry = Entry(
            name=b"@wim.xml",
            sha256=digest,
            size=size,
            extents=place,
            stored=True,
            generated=True,
        )
        entries = (*entries, entry)
    if header.parts != 1:
        text = f"part {header.part} of a set of {header.parts}"
        problems = (*problems, Problem(code="missing.volume", path="", text=text))
    return msgspec.structs.replace(
        opened,
        entries=entries,
        problems=problems,
        complete=opened.complete and not problems,
        identity=_identity(xml),
    )


def _identity(xml: bytes) -> Identity:
    """Return what the first image of the XML says of itself."""
    text = xml.decode("utf-16", "replace")

    def first(tag: str) -> str | None:
        match = re.search(f"<{tag}>([^<]{{1,200}})</{tag}>", text)
        return match[1].strip() if match and match[1].isprintable() else None

    numbers = [first(tag) for tag in ("MAJOR", "MINOR", "BUILD", "SPBUILD")]
    known = [each for each in numbers if each]
    arch = first("ARCH")
    return Identity(
        product=first("DISPLAYNAME") or first("NAME"),
        version=".".join(known) or None,
        arch=None if arch is None else _ARCHITECTURES.get(arch, f"wim-arch-{arch}"),
    )


WIM: Final = Format(
    name=NAME,
    title="Windows Imaging file (WIM, ESD)",
    family="installer",
    specification="https://www.microsoft.com/en-us/download/details.aspx?id=13096",
    limitations="decoded with 7-Zip; split sets, security and reparse data are not read",
    recognise=lambda buffer, _: bytes(buffer[:8]) == MAGIC,
    open=open_wim,
)

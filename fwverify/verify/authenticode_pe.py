"""The layout of a PE file as Authenticode sees it: what is hashed, and what is left out.

Guarantees: the certificate table lies behind the headers and every section, and ends
with the file, so that no byte that is loaded can be left out of the hash by being called
a signature; its entries fill it exactly; an entry that is no PKCS #7 SignedData, content
between a SignedData and the end of its entry (CVE-2013-3900), and padding that is not
zero are refused. Only the checksum, the directory entry of the table and the table are
left out of the hash.

Specification: Microsoft, "Windows Authenticode Portable Executable Signature Format",
"Calculating the PE Image Hash"; "PE Format", "The Attribute Certificate Table". All
integers are little-endian.

Two readings of that specification exist. Windows hashes the file from its first byte to
the table; firmware hashes headers and sections one by one and counts the bytes. They
differ for files with gaps between sections. Both are known here (``readings``), each with
exactly the ranges that it hashes.

Not checked: the PE checksum, which is outside the signature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fwverify import der
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.verify import primitives
from fwverify.verify.ranges import without
from fwverify.verify.scheme import Range

MAX_SECTIONS: Final = 4096
MAX_ENTRIES: Final = 16
MAX_HASHED_TWICE: Final = 2
MAX_PAGES: Final = 1 << 20
MAX_PAGE_BYTES: Final = 64 * 1024
_PE32, _PE32_PLUS = 0x10B, 0x20B
_CERTIFICATE_DIRECTORY: Final = 4
_ENTRY_HEADER_BYTES: Final = 8
_REVISION_2: Final = 0x0200
_PKCS_SIGNED_DATA: Final = 0x0002
_ALIGNMENT: Final = 8


@dataclass(frozen=True)
class Image:
    """Where things lie in a PE file. ``table`` is empty, at the end, in an unsigned one."""

    size: int
    checksum_at: int
    directory_at: int | None
    table: Range
    headers_bytes: int
    sections: tuple[Range, ...]
    page_bytes: int

    @property
    def excluded(self) -> tuple[Range, ...]:
        """The ranges that no signature covers: checksum, directory entry and table."""
        checksum = (self.checksum_at, self.checksum_at + 4)
        entry = () if self.directory_at is None else ((self.directory_at, self.directory_at + 8),)
        return tuple(each for each in (checksum, *entry, self.table) if each[0] < each[1])


def is_pe(content: Buffer) -> bool:
    """Return whether the content begins as a PE file: ``MZ``, and ``PE`` where it points."""
    head = bytes(content[:64])
    if len(head) < 64 or head[:2] != b"MZ":
        return False
    at = int.from_bytes(head[60:64], "little")
    return bytes(content[at : at + 4]) == b"PE\0\0"


def read_image(content: Buffer) -> Image:
    """Return the layout of the PE file. Raises ``Malformed``."""
    reader = Reader(content)
    count, optional, optional_bytes, directory_at = _headers(reader)
    page_bytes = _u32(reader, optional + 32, "SectionAlignment")
    headers_bytes = _u32(reader, optional + 60, "SizeOfHeaders")
    table = _table(reader, directory_at)
    if count > MAX_SECTIONS:
        raise Malformed(optional - 18, "NumberOfSections", f"{count} sections")
    reader.seek(optional + optional_bytes, "section table")
    sections = tuple(_section(reader) for _ in range(count))
    image = Image(
        size=len(content),
        checksum_at=optional + 64,
        directory_at=directory_at,
        table=table,
        headers_bytes=headers_bytes,
        sections=tuple(sorted(each for each in sections if each[0] < each[1])),
        page_bytes=page_bytes,
    )
    _check_bounds(image, reader.offset)
    return image


def claims_signature(content: Buffer) -> bool:
    """Return whether the header says that there is a certificate table, anywhere.

    A file whose header cannot be read that far says nothing.
    """
    reader = Reader(content)
    try:
        *_, directory_at = _headers(reader)
        return directory_at is not None and any(reader.peek(directory_at, 8, "Certificate Table"))
    except Malformed:
        return False


def _headers(reader: Reader) -> tuple[int, int, int, int | None]:
    """Return number of sections, optional header and its size, and the table's entry.

    Raises ``Malformed``.
    """
    reader.seek(60)
    reader.seek(reader.u32le("e_lfanew"), "e_lfanew")
    reader.expect(b"PE\0\0", "PE signature")
    _, count = reader.unpack("<HH", "file header")
    reader.skip(12, "file header")
    optional_bytes, _ = reader.unpack("<HH", "file header")
    optional = reader.offset
    magic = reader.u16le("optional header magic")
    if magic not in (_PE32, _PE32_PLUS):
        raise Malformed(optional, "optional header magic", f"{magic:#x} is none")
    return count, optional, optional_bytes, _directory_at(reader, optional, optional_bytes, magic)


def _u32(reader: Reader, at: int, field: str) -> int:
    return int.from_bytes(reader.peek(at, 4, field), "little")


def _directory_at(reader: Reader, optional: int, optional_bytes: int, magic: int) -> int | None:
    """Return where the table's directory entry lies, None where the header has none."""
    directories = optional + (96 if magic == _PE32 else 112)
    listed = _u32(reader, directories - 4, "NumberOfRvaAndSizes")
    at = directories + 8 * _CERTIFICATE_DIRECTORY
    if listed <= _CERTIFICATE_DIRECTORY:
        return None
    if at + 8 > optional + optional_bytes:
        raise Malformed(at, "Certificate Table", "its entry lies behind the optional header")
    return at


def _table(reader: Reader, directory_at: int | None) -> Range:
    """Return the certificate table. Its address is an offset in the file, not an RVA."""
    if directory_at is None:
        return reader.end, reader.end
    start = _u32(reader, directory_at, "Certificate Table")
    size = _u32(reader, directory_at + 4, "Certificate Table size")
    if not size and not start:
        return reader.end, reader.end
    end = start + size
    if end > reader.end:
        why = f"[{start}, {end}) of {reader.end} bytes"
        raise Malformed(directory_at, "Certificate Table", why, past_end=True)
    if end != reader.end:
        raise Malformed(end, "Certificate Table", f"{reader.end - end} bytes follow it")
    if size < _ENTRY_HEADER_BYTES:
        raise Malformed(directory_at, "Certificate Table", f"{size} bytes hold no entry")
    return start, end


def _section(reader: Reader) -> Range:
    """Return where the section's raw data lies; empty where it has none."""
    reader.skip(16, "section header")
    size, start = reader.unpack("<II", "section header")
    reader.skip(16, "section header")
    return (start, start + size) if size else (0, 0)


def _check_bounds(image: Image, headers_end: int) -> None:
    """Refuse a table over what is loaded, and sections outside the file."""
    behind = max((end for _, end in image.sections), default=0)
    behind = max(behind, image.headers_bytes, headers_end)
    limit = image.table[0]
    if behind > limit:
        where = "the certificate table" if image.table[0] < image.table[1] else "the file's end"
        raise Malformed(limit, "section table", f"headers or sections reach over {where}")


def readings(image: Image) -> tuple[tuple[str, tuple[Range, ...]], ...]:
    """Return the ways to hash the image, by name, as ranges in the order of hashing.

    Sections that share bytes are hashed again and again in the second: past a bound, which
    no linker comes near, there is only the first.
    """
    linear = without(((0, image.table[0]),), image.excluded)
    by_section = _by_section(image)
    same = tuple(_joined(by_section)) == tuple(_joined(linear))
    if same or _stored(by_section) > MAX_HASHED_TWICE * image.size:
        return (("whole file", linear),)
    return (("whole file", linear), ("section by section", by_section))


def _stored(ranges: Iterable[Range]) -> int:
    """Return the bytes in all ranges, shared ones counted each time."""
    return sum(end - start for start, end in ranges)


def _by_section(image: Image) -> tuple[Range, ...]:
    """Return the ranges of steps 3 to 14 of the specification's calculation."""
    excluded = image.excluded
    ranges = list(without(((0, image.headers_bytes),), excluded))
    counted = image.headers_bytes
    for start, end in image.sections:
        ranges.extend(without(((start, end),), excluded))
        counted += end - start
    if counted < image.table[0]:
        ranges.append((counted, image.table[0]))
    return tuple(ranges)


def _joined(ranges: Iterable[Range]) -> Iterator[Range]:
    """Yield the ranges with neighbours that follow each other joined."""
    last: Range | None = None
    for each in ranges:
        if last is not None and last[1] == each[0]:
            last = (last[0], each[1])
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last


def digest(content: Buffer, ranges: Iterable[Range], name: str) -> bytes:
    """Return the ``name`` digest of the ranges, in their order."""
    state = hashlib.new(name, usedforsecurity=False)
    for start, end in ranges:
        for piece in primitives.pieces(content, start, end):
            state.update(piece)
    return state.digest()


def image_hash(content: Buffer, name: str = "sha256") -> str:
    """Return the image hash in hexadecimal: equal where two files differ in signatures only.

    A file without signatures is hashed with the zeros that signing it would append.
    Raises ``Malformed`` for content that is no PE file.
    """
    image = read_image(content)
    state = hashlib.new(name, usedforsecurity=False)
    for start, end in readings(image)[0][1]:
        for piece in primitives.pieces(content, start, end):
            state.update(piece)
    if image.table[0] == image.table[1]:
        state.update(bytes(-image.size % _ALIGNMENT))
    return state.hexdigest()


@dataclass(frozen=True)
class CertificateEntry:
    """One WIN_CERTIFICATE: its DER message, and the range of the message in the file."""

    message: bytes
    start: int
    end: int


def entries(content: Buffer, image: Image) -> tuple[CertificateEntry, ...]:
    """Return the entries of the certificate table. Raises ``Malformed``."""
    start, end = image.table
    found: list[CertificateEntry] = []
    reader = Reader(content, start, end)
    while reader.remaining:
        if len(found) == MAX_ENTRIES:
            raise Malformed(reader.offset, "Certificate Table", f"more than {MAX_ENTRIES} entries")
        found.append(_entry(reader))
    return tuple(found)


def _entry(reader: Reader) -> CertificateEntry:
    at = reader.offset
    length, revision, kind = reader.unpack("<IHH", "WIN_CERTIFICATE")
    if kind != _PKCS_SIGNED_DATA:
        raise Malformed(at + 6, "wCertificateType", f"{kind:#06x} is not PKCS #7 SignedData")
    if revision != _REVISION_2:
        raise Malformed(at + 4, "wRevision", f"{revision:#06x} is not 0x0200")
    body = at + _ENTRY_HEADER_BYTES
    if not _ENTRY_HEADER_BYTES < length <= reader.end - at:
        raise Malformed(at, "dwLength", f"{length} bytes of {reader.end - at}")
    data = reader.take(length - _ENTRY_HEADER_BYTES, "bCertificate")
    size = der.element(data, 0, len(data)).end
    _check_padding(data[size:], body + size)
    padding = min(-length % _ALIGNMENT, reader.remaining)
    _check_padding(reader.take(padding, "padding"), reader.offset - padding)
    return CertificateEntry(data[:size], body, body + size)


def _check_padding(padding: bytes, at: int) -> None:
    """Refuse what is more than the alignment to eight bytes needs (CVE-2013-3900)."""
    if len(padding) >= _ALIGNMENT:
        why = f"{len(padding)} bytes follow the signature in its entry (CVE-2013-3900)"
        raise Malformed(at, "bCertificate", why)
    if padding.strip(b"\0"):
        raise Malformed(at, "bCertificate", "the padding is not zero (CVE-2013-3900)")


def page_hashes(content: Buffer, image: Image, name: str) -> bytes:
    """Return the table of page hashes: offset (four bytes) and hash, page after page.

    The first page is the headers without what the image hash leaves out; a page that the
    file does not fill is filled with zeros; the last entry has the end of the sections
    and a hash of zeros. Raises ``Malformed`` for a page size or number that is absurd.
    """
    size = image.page_bytes
    if not 512 <= size <= MAX_PAGE_BYTES or size & (size - 1):
        raise Malformed(image.checksum_at - 32, "SectionAlignment", f"{size} is no page size")
    pages = sum(-(-(end - start) // size) for start, end in image.sections)
    if pages > MAX_PAGES or _stored(image.sections) > image.size:
        raise Malformed(image.checksum_at, "page hashes", f"{pages} pages")
    headers = without(((0, image.headers_bytes),), image.excluded)
    table = [bytes(4), _page(content, headers, max(0, size - image.headers_bytes), name)]
    last = image.headers_bytes
    for start, end in image.sections:
        for at in range(start, end, size):
            stop = min(at + size, end)
            table.append(at.to_bytes(4, "little"))
            table.append(_page(content, ((at, stop),), size - (stop - at), name))
        last = end
    table.append(last.to_bytes(4, "little"))
    table.append(bytes(hashlib.new(name, usedforsecurity=False).digest_size))
    return b"".join(table)


def _page(content: Buffer, ranges: tuple[Range, ...], zeros: int, name: str) -> bytes:
    state = hashlib.new(name, usedforsecurity=False)
    for start, end in ranges:
        state.update(bytes(content[start:end]))
    state.update(bytes(zeros))
    return state.digest()

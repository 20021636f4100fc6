"""Sections of a UEFI firmware file: encapsulations are walked, contents are children.

Guarantees: every section lies inside its file; programs, raw contents and nested volumes
are children with the bytes as they stand; user-interface names, versions and dependency
expressions are parsed and checked to be nothing else; compressed sections are decoded to
their stated size, or said; a CRC-32 section is compared. Depth and number are bounded.

Specification: UEFI Platform Initialization 1.8, volume 3, sections 2.2.4 and 3.2.5
"Firmware file sections"; LZMA, Tiano, Brotli and CRC-32 by the GUIDs of EDK II.
All integers are little-endian.

Not checked: the signature of a section signed by GUID; LZMA with the x86 filter is said
and not decoded.
"""

from __future__ import annotations

import lzma
import re
import uuid
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.decoders import DICTIONARY_BYTES, decode
from fwverify.unpack.gather import Gathered
from fwverify.unpack.parts import Parts, claim_padding, crc32
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.uefi.tiano import MAX_OUT_BYTES, expand

SUFFIX: Final = b".sections"
MAX_DEPTH: Final = 16
MAX_SECTIONS: Final = 20_000
MAX_NAME_BYTES: Final = 512
MAX_DEPEX_BYTES: Final = 1024
"""Real expressions have under twenty operands of 17 bytes."""

_COMPRESSION, _GUIDED, _DISPOSABLE = 0x01, 0x02, 0x03
_PE32, _VERSION, _UI, _FREEFORM = 0x10, 0x14, 0x15, 0x18
_DEPEX: Final = (0x13, 0x1B, 0x1C)
_KINDS: Final = {
    0x10: "pe32", 0x11: "pic", 0x12: "te", 0x16: "compatibility16", 0x17: "volume",
    0x18: "freeform", 0x19: "raw",
}  # fmt: skip
_TYPES: Final = frozenset((_COMPRESSION, _GUIDED, _DISPOSABLE, _VERSION, _UI, *_DEPEX, *_KINDS))
_LZMA: Final = "EE4E5898-3914-4259-9D6E-DC7BD79403CF"
_TIANO: Final = "A31280AD-481E-41B6-95E8-127F4C984779"
_BROTLI: Final = "3D532050-5CDA-4FD0-879E-0F7F630D5AFB"
_CRC32: Final = "FC1BCDB0-7D31-49AA-936A-A4600D9DD083"
_SAFE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_PROCESSING_REQUIRED: Final = 1


def guid(data: bytes) -> str:
    """Return 16 bytes as a GUID is written (UEFI 2.10, appendix A): mixed byte order."""
    return str(uuid.UUID(bytes_le=data)).upper()


class Section(Struct, frozen=True):
    """One section: its type, and where header, body and end lie."""

    kind: int
    start: int
    body: int
    end: int


def read_sections(buffer: Buffer, start: int, end: int) -> Iterator[Section]:
    """Yield the sections of ``[start, end)``, each aligned to 4. Raises ``Malformed``."""
    reader = Reader(buffer, start, end)
    while reader.remaining >= 4:
        at = reader.offset
        word = reader.u32le("section.size")
        size, kind = word & 0xFFFFFF, word >> 24
        if size == 0xFFFFFF:
            size = reader.u32le("section.extended_size")
        if size < reader.offset - at or kind not in _TYPES:
            raise Malformed(at, "section", f"type {kind:#04x} of {size} bytes")
        body = reader.offset
        reader.seek(at)
        reader.skip(size, "section.size")
        yield Section(kind, at, body, reader.offset)
        reader.skip(min(-(reader.offset - start) % 4, reader.remaining), "section.padding")


class Sections:
    """Walks the sections of one blob. Belongs to one call of one opener."""

    def __init__(self, found: Gathered) -> None:
        self.found = found
        self.parts = Parts(found)
        self._count = 0

    def walk(self, start: int, end: int, prefix: bytes, depth: int = 0) -> None:
        """Give every section of ``[start, end)`` its class. Raises ``Malformed``."""
        if depth > MAX_DEPTH:
            raise Malformed(start, "section", f"nested deeper than {MAX_DEPTH}")
        for number, each in enumerate(read_sections(self.found.buffer, start, end)):
            self._count += 1
            if self._count > MAX_SECTIONS:
                raise Malformed(each.start, "section", f"more than {MAX_SECTIONS}")
            self.found.claim(each.start, each.body)
            self._one(each, prefix + b"%d" % number, depth)
            claim_padding(self.found, each.end, min(each.end + -(each.end - start) % 4, end))

    def _one(self, each: Section, name: bytes, depth: int) -> None:
        if each.kind == _COMPRESSION:
            self._compressed(each, name, depth)
        elif each.kind == _GUIDED:
            self._guided(each, name, depth)
        elif each.kind == _DISPOSABLE:
            self.walk(each.body, each.end, name + b".", depth + 1)
        elif each.kind == _UI:
            self._text(each, each.body, "user interface name")
        elif each.kind == _VERSION:
            self.found.claim(each.body, min(each.body + 2, each.end))
            self._text(each, min(each.body + 2, each.end), "version")
        elif each.kind in _DEPEX and is_depex(bytes(self.found.buffer[each.body : each.end])):
            self.found.claim(each.body, each.end)
        else:
            self._content(each, name)

    def _content(self, each: Section, name: bytes) -> None:
        body = each.body
        if each.kind == _FREEFORM:
            body = min(body + 16, each.end)
            self.found.claim(each.body, body)
        kind = _KINDS.get(each.kind, "depex").encode()
        if not claim_padding(self.found, body, each.end):
            self.parts.add(name + b"." + kind, body, each.end, "section", generated=True)

    def _text(self, each: Section, start: int, what: str) -> None:
        """Claim a string of UTF-16 that ends in NUL and holds nothing else."""
        text = section_text(self.found.buffer, start, each.end)
        if text is None:
            self.found.observe("uefi.text", f"a {what} is no text", offset=each.start)
            return
        self.found.claim(start, each.end)

    def _compressed(self, each: Section, name: bytes, depth: int) -> None:
        """Volume 3, 3.2.5.2: not compressed, or the algorithm of EFI and Tiano."""
        reader = Reader(self.found.buffer, each.body, each.end)
        size, kind = reader.unpack("<IB", "section.compression")
        self.found.claim(each.body, reader.offset)
        if kind == 0:
            self.walk(reader.offset, each.end, name + b".", depth + 1)
        elif kind == 1:
            self._tiano(name, reader.offset, each.end, size, (4, 5))
        else:
            self._lzma(name, reader.offset, each.end)

    def _guided(self, each: Section, name: bytes, depth: int) -> None:
        """Volume 3, 3.2.5.7: what a GUID says about the data behind ``DataOffset``."""
        reader = Reader(self.found.buffer, each.body, each.end)
        kind = guid(reader.take(16, "section.guid"))
        offset, attributes = reader.unpack("<HH", "section.guid")
        start = each.start + offset
        if not reader.offset <= start <= each.end:
            raise Malformed(each.body + 16, "section.DataOffset", f"{offset}")
        self.found.claim(each.body, reader.offset)
        if kind == _LZMA:
            self._lzma(name, start, each.end)
        elif kind == _TIANO:
            self._tiano(name, start, each.end, None, (5,))
        elif kind == _BROTLI:
            self._brotli(name, start, each.end)
        elif kind == _CRC32 and start - reader.offset == 4:
            stated = reader.u32le("section.crc32")
            self.found.claim(start - 4, start)
            if stated != crc32(self.found.buffer, start, each.end):
                error = Malformed(start - 4, "section.crc32", "the checksum is wrong")
                self.found.malformed(error)
            self.walk(start, each.end, name + b".", depth + 1)
        elif attributes & _PROCESSING_REQUIRED:
            text = f"section {name.decode('latin-1')} is encoded by {kind}"
            self.found.trouble("unsupported", text)
        else:
            self.found.observe(
                "uefi.guided", f"a section of {kind}", offset=each.start, severity="info"
            )
            self.walk(start, each.end, name + b".", depth + 1)

    def _lzma(self, name: bytes, start: int, end: int) -> None:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=DICTIONARY_BYTES)
        try:
            ended: list[int] = []
            pieces = decode(self.found.buffer, start, end, decoder, "LZMA section")

            def counted() -> Iterator[bytes]:
                ended.append((yield from pieces))

            self._decoded(name, counted(), start, end, ended)
        except Malformed as error:
            self.found.malformed(error)

    def _tiano(
        self, name: bytes, start: int, end: int, stated: int | None, widths: tuple[int, ...]
    ) -> None:
        if end - start > MAX_OUT_BYTES:
            raise LimitHit("memory_bytes", f"a compressed section of {end - start} bytes")
        try:
            data, used = expand(bytes(self.found.buffer[start:end]), start, widths)
        except Malformed as error:
            self.found.malformed(error)
            return
        if stated is not None and stated != len(data):
            why = f"{stated} bytes stated, {len(data)} came"
            self.found.malformed(Malformed(start, "section.UncompressedLength", why))
        self._decoded(name, iter((data,)), start, end, [start + used])

    def _brotli(self, name: bytes, start: int, end: int) -> None:
        """EDK II puts the sizes of output and scratch (u64 each) before the stream."""
        text = f"section {name.decode('latin-1')} is compressed by Brotli"
        self.found.trouble("unsupported", text)
        del start, end

    def _decoded(
        self, name: bytes, pieces: Iterator[bytes], start: int, end: int, ended: list[int]
    ) -> None:
        """Store decoded sections as a child over what was read of ``[start, end)``."""
        digest, size = self.found.source.put_stream(pieces)
        stop = ended[0] if ended else end
        self.found.claim(start, stop, "extracted")
        self.found.add(
            Entry(
                name=name + SUFFIX,
                sha256=digest,
                size=size,
                extents=((start, stop),),
                generated=True,
            )
        )


def section_text(buffer: Buffer, start: int, end: int) -> str | None:
    """Return printable UTF-16 that ends at its only NUL and at ``end``, or None."""
    data = bytes(buffer[start : min(end, start + MAX_NAME_BYTES + 1)])
    if len(data) > MAX_NAME_BYTES or len(data) % 2 or data[-2:] != b"\0\0":
        return None
    text = data[:-2].decode("utf-16-le", "replace")
    return text if text.isprintable() and "\ufffd" not in text else None


def safe_name(buffer: Buffer, start: int, end: int) -> str | None:
    """Return the user-interface name among the sections of a file, where it is plain."""
    try:
        for each in read_sections(buffer, start, end):
            if each.kind == _UI:
                text = section_text(buffer, each.body, each.end) or ""
                return text if _SAFE.match(text) else None
    except Malformed:
        return None
    return None


def is_depex(data: bytes) -> bool:
    """Return whether ``data`` is exactly one dependency expression (volume 2, 10.7)."""
    at = 0
    while at < min(len(data), MAX_DEPEX_BYTES):
        code = data[at]
        if code == 8:
            return at + 1 == len(data)
        if code > 9:
            return False
        at += 17 if code <= 2 else 1
    return False


def _recognise(buffer: Buffer, name: str) -> bool:
    """Return whether it has this project's name for one and reads to its end: no magic."""
    if not name.encode("latin-1", "replace").endswith(SUFFIX):
        return False
    try:
        count = 0
        for _ in read_sections(buffer, 0, len(buffer)):
            count += 1
            if count >= MAX_SECTIONS:
                return True
    except Malformed:
        return False
    return count > 0


def open_sections(source: Source) -> Opened:
    """Return the sections of a decoded stream."""
    found = Gathered(source, "uefi-sections")
    try:
        Sections(found).walk(0, source.size, b"")
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish()


SECTIONS: Final = Format(
    name="uefi-sections",
    title="UEFI firmware file sections, decoded",
    family="UEFI",
    specification="https://uefi.org/specs/PI/1.8/V3_Code_Definitions.html",
    limitations="only inside volumes; Brotli and LZMA with the x86 filter are said, not decoded",
    recognise=_recognise,
    open=open_sections,
)

"""ODX flash documents (ODX-F): XML that carries or names the data of an ECU's flash.

Guarantees: the data of each internal FLASHDATA is a child, cut into its segments with
their addresses where the segments' sizes are the data's; its text is decoded from the
very bytes of the document. A document type declaration is refused and observed. Data
that is encrypted or compressed, external data and a reference to nothing are said.
CRC-32 checksums of a session are computed.

Specification: ISO 22901-1 (ODX 2.2), section 7.4; W3C XML 1.0. The method of encryption
and compression is that of ISO 14229-1, 14.2: compression in the high nibble.

Not checked: signatures (``FW-SIGNATURE`` has its class), checksums with other
algorithms (named in an observation), and the documents that this one refers to.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Identity, Observation, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.vehicle.odx_model import (
    Checksum,
    Collector,
    Document,
    Flashdata,
    Segment,
    blocks_of,
)
from fwverify.unpack.vehicle.prose import claim_text, shown, with_observations
from fwverify.unpack.vehicle.xmlstream import Refused, parse

NAME: Final = "odx-f"
MAX_FILE_BYTES: Final = 1024 * 1024 * 1024
MAX_SIGNATURE_CHARS: Final = 16_384
_HEAD_BYTES: Final = 64 * 1024
_ROOT: Final = re.compile(r"<(?:[A-Za-z_][\w.-]{0,80}:)?ODX[\s>/]")
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff", b"<\x00?\x00", b"\x00<\x00?")
_BLANK: Final = b" \t\r\n"
_NOT_HEX: Final = re.compile(rb"[^0-9A-Fa-f \t\r\n]")
_CDATA: Final = (b"<![CDATA[", b"]]>")
_TEXT_FORMS: Final = {"INTEL-HEX": "hex", "MOTOROLA-S": "srec"}


class _Piece(Struct, frozen=True):
    """Decoded data of one child: bytes ``[start, end)`` of the decoded FLASHDATA."""

    name: str
    address: int | None
    start: int
    end: int | None


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    head = bytes(buffer[:_HEAD_BYTES])
    if head.startswith(_UTF16):
        text = head.replace(b"\0", b"").decode("latin-1").lstrip("\xff\xfe")
    else:
        text = head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    return text.lstrip().startswith("<") and _ROOT.search(text) is not None


def open_document(source: Source) -> Opened:
    """Return the flash data as children. Raises ``Malformed`` for an absurd size."""
    if source.size > MAX_FILE_BYTES:
        raise Malformed(0, "odx.size", f"{source.size} bytes")
    found = Gathered(source, NAME)
    collector = Collector(source.buffer)
    try:
        parse(source.buffer, collector.began, collector.ended)
    except Refused as error:
        found.observe("unpack.evasion.xml", f"{error}", offset=error.offset, severity="high")
        found.trouble("format.malformed", f"{NAME}: {error}")
        return found.finish()
    except Malformed as error:
        found.malformed(error)
        return found.finish(identity=_identity(collector.document))
    if not collector.is_odx:
        raise Malformed(0, "odx.root", "is no ODX element")
    observed = _take(found, collector.document)
    return with_observations(found.finish(identity=_identity(collector.document)), observed)


def _take(found: Gathered, document: Document) -> tuple[Observation, ...]:
    """Store the children and claim the document's bytes."""
    try:
        _claim_signatures(found, document)
        for item in document.flashdata.values():
            _store(found, document, item)
        _judge(found, document)
    except LimitHit as error:
        found.limit(error)
        return ()
    observed: list[Observation] = []
    for start, end in found.claims.free(0, found.source.size):
        seen = claim_text(found, start, end)
        if seen is None:
            found.trouble("unsupported", f"bytes from {start:#x} on are no UTF-8 text")
        observed.extend(seen or ())
    return tuple(observed)


def _identity(document: Document) -> Identity:
    """Return what the document says of itself; the hardware is what it expects to find."""
    hardware = next((value for _, value in document.expected if value), None)
    return Identity(
        vendor=shown(document.company) or None,
        product=shown(document.product) or None,
        version=shown(_version(document)) or None,
        build=shown(document.part_number) or None,
        hardware=shown(hardware) if hardware else None,
    )


def _version(document: Document) -> str:
    """Return the version that the data states of itself, else the document's revision."""
    own = [value for name, value in document.own if "VERSION" in name.upper() and value]
    return own[0] if len(set(own)) == 1 else document.revision


def _claim_signatures(found: Gathered, document: Document) -> None:
    for start, end in document.signatures:
        text = bytes(found.buffer[start : min(end, start + MAX_SIGNATURE_CHARS + 1)])
        if end - start > MAX_SIGNATURE_CHARS or _NOT_HEX.search(text):
            found.trouble("format.malformed", f"the FW-SIGNATURE at {start:#x} is no hexBinary")
            continue
        found.claim(start, end, "signature", note="FW-SIGNATURE")
        found.attribute("signature.range", f"{start}-{end}")
    for method in document.methods:
        found.attribute("signature.method", shown(method))


# --- data --------------------------------------------------------------------------


def _store(found: Gathered, document: Document, item: Flashdata) -> None:
    """Store one FLASHDATA. Raises ``LimitHit``."""
    name = item.name or item.id or "FLASHDATA"
    if item.file is not None:
        found.attribute("external", shown(item.file))
        text = f"the data of {shown(name)} is in another file: {shown(item.file)}"
        found.observe("odx.external", text, severity="info")
        if item.latebound:
            text = f"{shown(name)} is read from a file that is chosen later: {shown(item.file)}"
            found.trouble("odx.missing", text)
        return
    if item.data is None:
        found.trouble("format.malformed", f"{shown(name)} has no data")
        return
    segments = [each for block in blocks_of(document, item) for each in block.segments]
    _say_packed(found, item, segments, name)
    place = _content(found, item.data)
    if place is None:
        found.trouble("unsupported", f"{shown(name)}: its data is written as markup")
        return
    if item.form in _TEXT_FORMS:
        _store_text(found, name, _TEXT_FORMS[item.form], place)
    elif item.form == "BINARY":
        _store_binary(found, name, place, segments)
    else:
        text = f"{shown(name)}: the data format {shown(item.form) or 'that is absent'} is not read"
        found.trouble("unsupported", text)


def _say_packed(found: Gathered, item: Flashdata, segments: list[Segment], name: str) -> None:
    """Say that data is encrypted or compressed, as its method's digits tell."""
    for method in sorted({item.method, *(each.method for each in segments)} - {""}):
        try:
            value = int(method, 16)
        except ValueError:
            value = 0x10
        if value & 0x0F:
            found.trouble("encrypted", f"{shown(name)} is encrypted (method {shown(method)})")
        elif value:
            found.trouble("unsupported", f"{shown(name)} is compressed (method {shown(method)})")


def _content(found: Gathered, place: tuple[int, int]) -> tuple[int, int] | None:
    """Return the bytes of a text inside its element, without a CDATA section's marks.

    None where markup or references stand between: then the bytes are not the text.
    """
    start, end = place
    head = bytes(found.buffer[start : min(end, start + 4096)])
    lead = len(head) - len(head.lstrip(_BLANK))
    if head[lead:].startswith(_CDATA[0]):
        tail = bytes(found.buffer[max(start, end - 4096) : end]).rstrip(_BLANK)
        if not tail.endswith(_CDATA[1]):
            return None
        start, end = start + lead + len(_CDATA[0]), max(start, end - 4096) + len(tail) - 3
        return (start, end) if start <= end else None
    with memoryview(found.buffer) as whole, whole[start:end] as part:
        return None if re.search(rb"[<&]", part) else (start, end)


def _store_text(found: Gathered, name: str, suffix: str, place: tuple[int, int]) -> None:
    """Store a HEX or S-record text as it stands; it is opened as a file of its own."""
    digest, size = found.source.put_range(*place)
    found.claim(*place, "extracted")
    found.add(
        Entry(
            name=f"{name}.{suffix}".encode(),
            sha256=digest,
            size=size,
            extents=(place,) if size else (),
            stored=True,
        )
    )


def _digits(buffer: Buffer, place: tuple[int, int]) -> Iterator[bytes]:
    """Yield the bytes that hexadecimal text encodes. Raises ``Malformed``."""
    carry = b""
    for at in range(place[0], place[1], CHUNK_BYTES):
        raw = bytes(buffer[at : min(at + CHUNK_BYTES, place[1])])
        wrong = _NOT_HEX.search(raw)
        if wrong:
            raise Malformed(at + wrong.start(), "odx.DATA", "is no hexadecimal digit")
        digits = carry + raw.translate(None, _BLANK)
        even = len(digits) & ~1
        carry = digits[even:]
        yield bytes.fromhex(digits[:even].decode("ascii"))
    if carry:
        raise Malformed(place[1], "odx.DATA", "has half a byte")


def _store_binary(
    found: Gathered, name: str, place: tuple[int, int], segments: list[Segment]
) -> None:
    """Store decoded data whole, or cut into its segments. Raises ``LimitHit``."""
    try:
        total = sum(len(piece) for piece in _digits(found.buffer, place))
    except Malformed as error:
        found.malformed(error)
        return
    for piece in _pieces(found, name, segments, total):
        chunks = _cut(_digits(found.buffer, place), piece.start, piece.end)
        digest, size = found.source.put_stream(chunks)
        found.add(
            Entry(
                name=piece.name.encode(),
                sha256=digest,
                size=size,
                extents=(place,) if place[0] < place[1] else (),
                address=piece.address,
            )
        )
    found.claim(*place, "extracted")


MAX_CUT_SEGMENTS: Final = 64
"""Each segment reads the text once more; real blocks have under ten."""


def _pieces(found: Gathered, name: str, segments: list[Segment], total: int) -> list[_Piece]:
    """Return how data of ``total`` bytes is cut: by its segments, where they fit it."""
    distinct = list(dict.fromkeys(segments))
    if len(distinct) == 1 and distinct[0].size in (None, total):
        return [_Piece(name, distinct[0].address, 0, total)]
    sizes = [each.size or 0 for each in distinct]
    if not distinct or sum(sizes) != total or 0 in sizes or len(distinct) > MAX_CUT_SEGMENTS:
        if distinct:
            text = f"the segments of {shown(name)} have {sum(sizes)} bytes, its data {total}"
            found.observe("odx.segments", text)
        return [_Piece(name, None, 0, total)]
    result, position = [], 0
    for each in distinct:
        label = f"{name}@{each.address:#010x}"
        result.append(_Piece(label, each.address, position, position + (each.size or 0)))
        position += each.size or 0
    return result


def _cut(pieces: Iterator[bytes], start: int, end: int | None) -> Iterator[bytes]:
    """Yield the bytes ``[start, end)`` of what ``pieces`` are together."""
    position = 0
    for piece in pieces:
        low = max(0, start - position)
        high = len(piece) if end is None else min(len(piece), end - position)
        if low < high:
            yield piece[low:high]
        position += len(piece)


# --- what the document says of its data --------------------------------------------


def _judge(found: Gathered, document: Document) -> None:
    """Observe references to nothing, doubles and checksums; record idents."""
    if not document.is_flash:
        found.attribute("content", "diagnostic description")
    for offset, what in document.doubles:
        text = f"{shown(what)} stands twice"
        found.observe("odx.duplicate_id", text, offset=offset, severity="high")
    used = {block.flashdata for block in document.blocks}
    for item in document.flashdata.values():
        if item.id not in used:
            found.observe("odx.unused", f"no data block refers to FLASHDATA {shown(item.id)}")
    for block in document.blocks:
        if block.flashdata not in document.flashdata:
            text = f"{shown(block.name)} refers to {shown(block.flashdata)}, which is not here"
            found.trouble("odx.missing", text)
    for name, value in document.own:
        found.attribute("own_ident", f"{shown(name)}={shown(value)}")
    for name, value in document.expected:
        found.attribute("expected_ident", f"{shown(name)}={shown(value)}")
    _judge_addresses(found, document)
    for each in document.checksums:
        _judge_checksum(found, each)


def _judge_addresses(found: Gathered, document: Document) -> None:
    """Observe segments of different data that write one address."""
    placed = sorted(
        (each.address, each.address + (each.size or 0), block.flashdata)
        for block in document.blocks
        for each in block.segments
    )
    reach, holder = -1, ""
    for start, end, flashdata in placed:
        if start < reach and flashdata != holder:
            text = f"address {start:#010x} is written by two FLASHDATA"
            found.observe("odx.overlap", text, severity="high")
        if end > reach:
            reach, holder = end, flashdata


def _judge_checksum(found: Gathered, checksum: Checksum) -> None:
    """Compare a CRC-32 over exactly one child; name what is not compared."""
    length = checksum.size
    if length is None and None not in (checksum.start, checksum.end):
        length = (checksum.end or 0) - (checksum.start or 0) + 1
    fitting = [
        each
        for each in found.entries
        if each.address == checksum.start and each.size == length and each.sha256
    ]
    algorithm = re.sub(r"[^A-Z0-9]", "", checksum.algorithm.upper())
    if algorithm not in ("CRC32", "CRC32ISOHDLC", "CRC32IEEE") or len(fitting) != 1:
        text = f"the checksum {shown(checksum.algorithm)} was not computed"
        found.observe("odx.checksum_unread", text, severity="info")
        return
    value = _crc32(found, fitting[0])
    if value is not None and f"{value:08X}" != checksum.result.upper().zfill(8):
        name = fitting[0].name.decode()
        text = f"{shown(name)} has the CRC-32 {value:08X}, not {shown(checksum.result)}"
        found.observe("odx.checksum", text, severity="high")
        found.trouble("format.malformed", text, fitting[0].name)


def _crc32(found: Gathered, entry: Entry) -> int | None:
    """Return the CRC-32 of a child, None where it is not kept (a trial while carving)."""
    store = found.source.store
    if entry.sha256 is None or entry.sha256 not in store:
        return None
    value = 0
    with store.view(entry.sha256) as content:
        for at in range(0, len(content), CHUNK_BYTES):
            value = zlib.crc32(bytes(content[at : at + CHUNK_BYTES]), value)
    return value


ODX: Final = Format(
    name=NAME,
    title="ODX flash document (ODX-F)",
    family="vehicle update",
    specification="https://www.iso.org/standard/41207.html",
    limitations="flash data in UTF-16 or with references in it is named, not decoded; of the "
    "checksums only CRC-32 is computed; external data files are named",
    recognise=_recognise,
    open=open_document,
)

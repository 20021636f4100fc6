"""PDF documents: every object from the first byte to the last, without trusting the table.

Guarantees: objects are found by reading the file in order, so that one which no
cross-reference table names is read too; each stream is decoded into a child, or its bytes
stay unexplained; names that run, open, send or fetch something are observed with their
offset, also inside object streams; embedded files are streams and thus children; what
stands between objects and behind the last end mark stays unexplained; an encrypted
document is ``encrypted``. The text of pages is a child ``text`` as far as its fonts have a
plain encoding.

Specification: ISO 32000-2: 7.3.8 (streams), 7.4 (filters), 7.5 (file structure), 7.6
(encryption), 12.6 (actions).

Not checked: signatures; the cross-reference tables; what a page looks like.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Opened, Severity
from fwverify.reader import Malformed
from fwverify.unpack.decoders import Inflate, decode
from fwverify.unpack.documents.pdf_lexer import (
    Token,
    name_of,
    read_dictionary,
    read_object,
    top_level,
)
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

MAX_FILE_BYTES: Final = 96 * 1024 * 1024
MAX_OBJECTS: Final = 500_000
MAX_FAULTS: Final = 200
_MAX_TEXT_BYTES: Final = 16 * 1024 * 1024
_MAX_STREAM_BYTES: Final = 64 * 1024 * 1024
_LONG_STRING: Final = 1024
_LONG_COMMENT: Final = 128
_OBJECT: Final = re.compile(rb"(\d{1,10})[\x00\t\n\f\r ]+(\d{1,5})[\x00\t\n\f\r ]+obj\b")
_SPACE: Final = re.compile(rb"[\x00\t\n\f\r ]{0,4096}")
_COMMENT: Final = re.compile(rb"%[^\r\n]*")
_XREF: Final = re.compile(rb"xref[\r\n ]+(?:\d+ \d+[\r\n ]+(?:\d{10} \d{5} [fn][\r\n ]{1,2})*)*")
_TRAILER: Final = re.compile(rb"trailer")
_STARTXREF: Final = re.compile(rb"startxref[\r\n ]+(\d{1,12})")
_NEXT: Final = re.compile(
    rb"\d{1,10}[\x00\t\n\f\r ]+\d{1,5}[\x00\t\n\f\r ]+obj\b"
    rb"|\btrailer\b|\bxref\b|\bstartxref\b|%%EOF"
)
_STREAM_START: Final = re.compile(rb"\r\n|\n|\r")
_STREAM_END: Final = re.compile(rb"[\r\n]{0,2}endstream[\x00\t\n\f\r ]*endobj")
_ANY_NAME: Final = re.compile(rb"/[^\x00\t\n\f\r ()<>\[\]{}/%]+")
_SHOWN: Final = re.compile(
    rb"(\((?:[^()\\]|\\.)*\)|\[(?:[^\[\]\\()]|\((?:[^()\\]|\\.)*\))*\])\s*T[jJ]", re.DOTALL
)
_LITERAL: Final = re.compile(rb"\(((?:[^()\\]|\\.)*)\)", re.DOTALL)
_ACTIVE: Final = frozenset({
    "JavaScript", "JS", "OpenAction", "AA", "Launch", "EmbeddedFile", "EmbeddedFiles", "RichMedia",
    "XFA", "SubmitForm", "ImportData", "GoToR", "GoToE", "Movie", "Sound", "Rendition", "3D", "URI",
})  # fmt: skip
_AS_STORED: Final = {
    "DCTDecode": ".jpg", "DCT": ".jpg", "JPXDecode": ".jp2", "JBIG2Decode": ".jbig2",
    "CCITTFaxDecode": ".ccitt", "CCF": ".ccitt",
}  # fmt: skip
_FLATE: Final = ("FlateDecode", "Fl")
_ASCII: Final = ("ASCIIHexDecode", "AHx", "ASCII85Decode", "A85")


class _Document(Struct):
    """What is collected of one file. Belongs to one call of ``open_pdf``."""

    found: Gathered
    data: bytes
    encrypted: bool = False
    objects: int = 0
    ends: int = 0
    faults: int = 0
    unended: bool = False
    text: bytearray | None = None


def open_pdf(source: Source) -> Opened:
    """Return the streams as children. Raises ``Malformed`` when no object is readable."""
    found = Gathered(source, "pdf")
    if source.size > MAX_FILE_BYTES:
        raise LimitHit("memory_bytes", f"a PDF of more than {MAX_FILE_BYTES} bytes")
    document = _Document(found, bytes(source.buffer[:]), text=bytearray())
    document.encrypted = b"/Encrypt" in document.data
    if document.encrypted:
        found.trouble("encrypted", "the document says it is encrypted; its streams are not read")
    try:
        _walk(document)
        _finish_text(document)
    except LimitHit as error:
        found.limit(error)
    if not document.objects:
        raise Malformed(0, "object", "there is none")
    if not document.ends:
        found.malformed(Malformed(source.size, "%%EOF", "is not there", past_end=True))
    elif document.ends > 1:
        text = f"the document was changed after it was written: {document.ends} end marks"
        found.observe("pdf.updates", text, severity="info")
    found.attribute("pdf.version", document.data[5:8].decode("latin-1"))
    found.attribute("pdf.objects", str(document.objects))
    return found.finish()


def _walk(document: _Document) -> None:
    """Read what stands at the top level, in order; skip what is nothing of PDF's."""
    data, found, at = document.data, document.found, 0
    while at < len(data):
        space = _SPACE.match(data, at)
        if space is not None and space.end() > at:
            found.claim(at, space.end())
            at = space.end()
            continue
        try:
            at = _take(document, at)
        except Malformed as error:
            found.malformed(error)
            document.faults += 1
            if document.faults > MAX_FAULTS:
                raise LimitHit("faults", f"more than {MAX_FAULTS} broken objects") from error
            following = _NEXT.search(data, at + 1)
            at = len(data) if following is None else following.start()


def _take(document: _Document, at: int) -> int:
    """Read one thing at ``at``; return what follows it. Raises ``Malformed``."""
    data, found = document.data, document.found
    if (match := _COMMENT.match(data, at)) is not None:
        document.ends += match[0].startswith(b"%%EOF")
        if match.end() - at <= _LONG_COMMENT:
            found.claim(at, match.end())
        else:
            _put(found, f"comment@{at:#x}", match[0], (at, match.end()))
        return match.end()
    if (match := _OBJECT.match(data, at)) is not None:
        document.objects += 1
        if document.objects > MAX_OBJECTS:
            raise LimitHit("files", f"more than {MAX_OBJECTS} objects")
        return _take_object(document, match)
    for pattern in (_XREF, _STARTXREF):
        if (match := pattern.match(data, at)) is not None:
            found.claim(at, match.end())
            return match.end()
    if (match := _TRAILER.match(data, at)) is not None:
        tokens, end = read_dictionary(data, match.end())
        _observe_names(document, tokens)
        _claim_tokens(document, at, end, tokens)
        return end
    following = _NEXT.search(data, at + 1)
    if data[at : at + 1].isalnum() or following is not None:
        raise Malformed(at, "object", "bytes that are nothing of PDF's stand here")
    return len(data)  # behind everything: left unexplained


def _take_object(document: _Document, match: re.Match[bytes]) -> int:
    data = document.data
    tokens, end = read_object(data, match.end())
    _observe_names(document, tokens)
    last = tokens[-1]
    if last.text == b"obj":
        raise Malformed(match.start(), "object", "does not end before the next one")
    _claim_tokens(document, match.start(), end, tokens)
    if last.text == b"endobj":
        return end
    return _take_stream(document, match, top_level(tokens), end)


def _claim_tokens(document: _Document, start: int, end: int, tokens: list[Token]) -> None:
    """Claim an object's bytes; long strings are children."""
    for token in tokens:
        if token.kind in ("paren", "hex") and token.end - token.start > _LONG_STRING:
            content = token.text[1:-1]
            if token.kind == "hex":
                digits = b"".join(content.split())
                content = binascii.unhexlify(digits + b"0" * (len(digits) % 2))
            _put(document.found, f"string@{token.start:#x}", content, (token.start, token.end))
        elif token.kind == "comment" and token.end - token.start > _LONG_COMMENT:
            _put(document.found, f"comment@{token.start:#x}", token.text, (token.start, token.end))
    document.found.claim(start, end)


def _put(found: Gathered, name: str, data: bytes, extent: tuple[int, int]) -> None:
    digest, size = found.source.put(data)
    found.claim(*extent, "extracted")
    found.add(
        Entry(name=name.encode(), sha256=digest, size=size, extents=(extent,), generated=True)
    )


def _observe_names(document: _Document, tokens: list[Token]) -> None:
    for token in tokens:
        if token.kind == "name" and name_of(token.text) in _ACTIVE:
            _observe_active(document, name_of(token.text), token.start)


def _observe_active(document: _Document, name: str, offset: int) -> None:
    severity: Severity = "high" if name in ("JavaScript", "Launch") else "medium"
    severity = "info" if name == "URI" else severity
    text = f"the document has active content: /{name}"
    document.found.observe(
        "pdf.active", text, offset=offset, severity=severity, evidence=(f"name:{name}",)
    )


# --- streams -------------------------------------------------------------------------


def _take_stream(
    document: _Document, match: re.Match[bytes], entries: dict[str, list[Token]], at: int
) -> int:
    """Decode the stream whose keyword ends at ``at``; return what follows its object."""
    data, found = document.data, document.found
    line = _STREAM_START.match(data, at)
    start = at if line is None else line.end()
    end, after = _stream_end(document, entries, start)
    found.claim(at, start)
    found.claim(end, after)
    if document.encrypted:
        return after
    name = f"obj-{int(match[1])}-{int(match[2])}"
    _decode_stream(document, name, entries, (start, end))
    return after


def _stream_end(
    document: _Document, entries: dict[str, list[Token]], start: int
) -> tuple[int, int]:
    """Return where the data and where the object ends: by its Length, else by its keyword."""
    data, length = document.data, entries.get("Length", [])
    if len(length) == 1 and length[0].text.isdigit() and len(length[0].text) < 12:
        end = start + int(length[0].text)
        match = _STREAM_END.match(data, end) if end <= len(data) else None
        if match is not None:
            return end, match.end()
    match = None if document.unended else _STREAM_END.search(data, start)
    if match is None:
        document.unended = True  # there is none behind this place either
        raise Malformed(start, "stream", "is not ended", past_end=True)
    return match.start(), match.end()


def _filters(entries: dict[str, list[Token]]) -> list[str]:
    tokens = entries.get("Filter", entries.get("F", []))
    return [name_of(token.text) for token in tokens if token.kind == "name"]


def _decode_stream(
    document: _Document, name: str, entries: dict[str, list[Token]], extent: tuple[int, int]
) -> None:
    found, (start, end) = document.found, extent
    content: bytes = document.data[start:end]
    filters = _filters(entries)
    for number, each in enumerate(filters):
        if each in _AS_STORED and number == len(filters) - 1:
            name += _AS_STORED[each]
            break
        decoded = _decoded(content, each, start)
        if decoded is None:
            found.trouble("unsupported", f"{name}: the filter {each!a} cannot be undone yet")
            return
        content, rest = decoded
        if rest.strip(b"\r\n\x00"):
            text = f"{name}: {len(rest)} bytes stand behind the compressed data"
            found.observe("pdf.hidden", text, offset=start, severity="high")
            _put(found, f"{name}.rest", rest, (end - len(rest), end))
            end -= len(rest)
    if start == end:
        return
    _put(found, name, content, (start, end))
    _look_inside(document, content, start, entries)


def _decoded(content: bytes, name: str, offset: int) -> tuple[bytes, bytes] | None:
    """Return the content without the filter ``name`` and what stands behind its end."""
    if name in _FLATE:
        pieces, out = decode(content, 0, len(content), Inflate(zlib.MAX_WBITS), "FlateDecode"), []
        total = 0
        try:
            while True:
                out.append(next(pieces))
                total += len(out[-1])
                if total > _MAX_STREAM_BYTES:
                    raise LimitHit("bytes_out", f"a stream of more than {_MAX_STREAM_BYTES} bytes")
        except StopIteration as stop:
            return b"".join(out), content[stop.value :]
        except Malformed as error:
            raise Malformed(offset + error.offset, error.field, error.why) from error
    if name in _ASCII[:2]:
        digits = b"".join(content.partition(b">")[0].split())
        try:
            return binascii.unhexlify(digits + b"0" * (len(digits) % 2)), b""
        except binascii.Error as error:
            raise Malformed(offset, name, str(error)) from error
    if name in _ASCII[2:]:
        text = content.strip().removeprefix(b"<~").partition(b"~>")[0]
        try:
            return base64.a85decode(text), b""
        except ValueError as error:
            raise Malformed(offset, name, str(error)) from error
    return None


def _look_inside(
    document: _Document, content: bytes, offset: int, entries: dict[str, list[Token]]
) -> None:
    """Look for active names in object streams and for shown text in page contents."""
    kind = next((name_of(token.text) for token in entries.get("Type", [])), "")
    if kind == "ObjStm":
        for match in _ANY_NAME.finditer(content):
            if name_of(match[0]) in _ACTIVE:
                _observe_active(document, name_of(match[0]), offset)
    if not kind and document.text is not None and b"BT" in content:
        for shown in _SHOWN.finditer(content[:_MAX_STREAM_BYTES]):
            document.text += b"".join(_LITERAL.findall(shown[1])) + b"\n"
            if len(document.text) > _MAX_TEXT_BYTES:
                raise LimitHit("bytes_out", f"more than {_MAX_TEXT_BYTES} bytes of text")


def _finish_text(document: _Document) -> None:
    """Store the shown text, so that release notes can be read and searched."""
    if document.text:
        plain = bytes(
            byte if 0x20 <= byte < 0x7F or byte == 0x0A else 0x2E for byte in document.text
        )
        digest, size = document.found.source.put(plain)
        document.found.add(Entry(name=b"text", sha256=digest, size=size, generated=True))


PDF: Final = Format(
    name="pdf",
    title="PDF document",
    family="document",
    specification="https://pdfa.org/resource/iso-32000-2/",
    limitations="encrypted documents and LZW, RunLength and Crypt filters are not decoded; "
    "text only of fonts with a plain encoding; signatures are not judged",
    recognise=lambda buffer, _: re.match(rb"%PDF-[12]\.\d", bytes(buffer[:8])) is not None,
    open=open_pdf,
)

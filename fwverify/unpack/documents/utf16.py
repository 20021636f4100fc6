"""Text in UTF-16, with or without a byte order mark.

Guarantees: the whole blob decodes strictly and holds no control characters; its text is a
child in UTF-8, so that every analysis that reads bytes sees it. Without a mark the text
must be mostly Latin, because any bytes decode as UTF-16.

Specification: RFC 2781.

Not checked: UTF-32 and older encodings.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source, highest_entropy_milli

_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\U0010fffe\U0010ffff]"
)
_SMALLEST_BYTES: Final = 8
_LATIN_SHARE: Final = 0.9
_DENSE_MILLI: Final = 7200
_HEAD_BYTES: Final = 4096


def _encoding(buffer: Buffer) -> str | None:
    """Return which UTF-16 the head looks like, None where it is none."""
    head = bytes(buffer[:_HEAD_BYTES])
    if head[:2] in _MARKS:
        return _MARKS[head[:2]]
    if len(head) < _SMALLEST_BYTES or len(buffer) % 2:
        return None
    for encoding, high, low in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        if head[high::2].count(0) < _LATIN_SHARE * (len(head) // 2):
            continue
        pairs = zip(head[high::2], head[low::2], strict=False)
        latin = sum(not top and _is_latin(letter) for top, letter in pairs)
        if latin >= _LATIN_SHARE * (len(head) // 2):
            return encoding
    return None


def _is_latin(letter: int) -> bool:
    return 0x20 <= letter < 0x7F or letter in b"\t\r\n"


def _pieces(buffer: Buffer, encoding: str) -> Iterator[bytes]:
    """Yield the text in UTF-8, without its mark. Raises ``Malformed``."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for at in range(0, len(buffer), CHUNK_BYTES):
        data = bytes(buffer[at : at + CHUNK_BYTES])
        try:
            text = decoder.decode(data, final=at + CHUNK_BYTES >= len(buffer))
        except UnicodeDecodeError as error:
            raise Malformed(at + error.start, "UTF-16", error.reason) from error
        text = text.removeprefix("\ufeff") if at == 0 else text
        if _CONTROLS.search(text):
            raise Malformed(at, "UTF-16", "a control character stands in the text")
        yield text.encode()


def _recognise(buffer: Buffer, _: str) -> bool:
    encoding = _encoding(buffer)
    if encoding is None:
        return False
    try:
        for _piece in _pieces(buffer, encoding):
            pass
    except Malformed:
        return False
    return highest_entropy_milli(buffer, 0, len(buffer)) < _DENSE_MILLI


def open_utf16(source: Source) -> Opened:
    """Return the text in UTF-8 as a child. Raises ``Malformed`` for what is no UTF-16."""
    encoding = _encoding(source.buffer)
    if encoding is None:
        raise Malformed(0, "UTF-16", "does not look like it")
    found = Gathered(source, "text-utf16")
    try:
        digest, size = source.put_stream(_pieces(source.buffer, encoding))
    except LimitHit as error:
        found.limit(error)
        return found.finish()
    found.claim(0, source.size, "extracted")
    found.add(Entry(name=b"text", kind="stream", sha256=digest, size=size, generated=True))
    found.attribute("text.encoding", encoding)
    if bytes(source.buffer[:2]) not in _MARKS:
        found.observe("text.no_mark", f"{encoding} text without a byte order mark", severity="low")
    return found.finish()


UTF16: Final = Format(
    name="text-utf16",
    title="text in UTF-16",
    family="document",
    specification="https://www.rfc-editor.org/rfc/rfc2781",
    limitations="without a byte order mark only text that is mostly Latin",
    recognise=_recognise,
    open=open_utf16,
)

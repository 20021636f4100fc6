"""Property sets: the summary of a compound file.

Guarantees: each property is returned as text with the range of the bytes it was read
from, so that what no property uses is seen.

Specification: [MS-OLEPS] 2.21 (PropertySetStream), 2.20 (PropertySet), 2.15
(TypedPropertyValue). All integers are little-endian.

Not checked: vectors, arrays, dictionaries and clipboard data are shown by type only, and
their bytes stay unclaimed.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from fwverify.reader import Malformed, Reader
from fwverify.unpack.claims import Range

MAX_SETS: Final = 2
MAX_PROPERTIES: Final = 4_096
SUMMARY: Final = bytes.fromhex("e0859ff2f94f6810ab9108002b27b3d9")
"""FMTID_SummaryInformation, as it is stored."""

_NAMES: Final = {
    1: "CodePage", 2: "Title", 3: "Subject", 4: "Author", 5: "Keywords", 6: "Comments",
    7: "Template", 8: "LastAuthor", 9: "RevisionNumber", 10: "EditTime", 11: "LastPrinted",
    12: "Created", 13: "LastSaved", 14: "PageCount", 15: "WordCount", 16: "CharCount",
    18: "AppName", 19: "Security",
}  # fmt: skip
_I2, _I4, _LPSTR, _LPWSTR, _FILETIME = 2, 3, 30, 31, 64
_FIXED: Final = {_I2: 2, _I4: 4, _FILETIME: 8}
_CODEPAGES: Final = {0: "cp1252", 10000: "mac-roman", 65001: "utf-8", 1200: "utf-16-le"}


class PropertySet(Struct, frozen=True):
    """The properties of a stream by name, and the bytes that were read."""

    values: tuple[tuple[str, str], ...]
    read: tuple[Range, ...]


def read_property_set(data: bytes) -> PropertySet:
    """Return the properties of the stream ``data``. Raises ``Malformed``."""
    reader = Reader(data)
    reader.expect(b"\xfe\xff", "oleps.byte_order")
    reader.skip(22, "oleps.header")
    count = reader.u32le("oleps.sets")
    if not 1 <= count <= MAX_SETS:
        raise Malformed(24, "oleps.sets", f"{count} sets")
    places = []
    for _ in range(count):
        form = reader.take(16, "oleps.fmtid")
        places.append((form, reader.u32le("oleps.offset")))
    read: list[Range] = [(0, reader.offset)]
    values: list[tuple[str, str]] = []
    for form, place in places:
        values.extend(_read_set(data, form, place, read))
    return PropertySet(tuple(values), tuple(read))


def _read_set(data: bytes, form: bytes, place: int, read: list[Range]) -> list[tuple[str, str]]:
    head = Reader(data)
    head.seek(place, "oleps.set")
    size, count = head.unpack("<2I", "oleps.set")
    if count > MAX_PROPERTIES:
        raise Malformed(place + 4, "oleps.properties", f"{count} properties")
    end = min(len(data), place + size)
    listed = [head.unpack("<2I", "oleps.property") for _ in range(count)]
    read.append((place, head.offset))
    window = Reader(data, place, max(place, end))
    encoding = "cp1252"
    for number, offset in listed:
        if number == 1:
            window.seek(place + offset, "oleps.codepage")
            window.u32le("oleps.codepage")
            page = window.u16le("oleps.codepage")
            encoding = _CODEPAGES.get(page, f"cp{page}" if 437 <= page <= 1258 else "latin-1")
    values = []
    for number, offset in listed:
        window.seek(place + offset, "oleps.property")
        text = _value(window, encoding)
        read.append((place + offset, window.offset))
        name = _NAMES.get(number) if form == SUMMARY else None
        values.append((name or f"{form.hex()}:{number}", text))
    return values


def _value(reader: Reader, encoding: str) -> str:
    """Read one typed value; the cursor ends behind what was read."""
    kind = reader.u32le("oleps.type")
    if kind in _FIXED:
        raw = reader.take(_FIXED[kind], "oleps.value")
        return str(int.from_bytes(raw, "little", signed=kind != _FILETIME))
    if kind not in (_LPSTR, _LPWSTR):
        return f"<type {kind:#x}>"
    length = reader.u32le("oleps.length")
    raw = reader.take(length * (2 if kind == _LPWSTR else 1), "oleps.value")
    try:
        text = raw.decode("utf-16-le" if kind == _LPWSTR else encoding, "backslashreplace")
    except LookupError:
        text = raw.decode("latin-1")
    return text.rstrip("\0")

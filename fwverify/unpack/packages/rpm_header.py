"""The header structure of RPM packages: an index of typed entries and their data.

Guarantees: the counts, offsets and types of all entries are checked against the store
before any value is read; a string ends inside the store; the data of two entries that
share bytes is reported by the caller through ``Section.overlaps``. Offsets are absolute,
integers are big-endian.

Specification: RPM package format, "Header" (rpm.org, ``manual/format_header``); tags in
``manual/tags`` and ``manual/format_v4``.

Not checked here: what a tag means (``rpm``).
"""

from __future__ import annotations

import struct
from typing import Final

from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader

HEADER_MAGIC: Final = b"\x8e\xad\xe8\x01"
INTRO_BYTES: Final = 16
ENTRY_BYTES: Final = 16
MAX_ENTRIES: Final = 65_535
MAX_STORE_BYTES: Final = 64 * 1024 * 1024 - 1
"""RPM itself takes 256 MiB since 4.14; the largest header of a distribution is 20 MiB."""

CHAR, INT8, INT16, INT32, INT64, STRING, BINARY, STRING_ARRAY, I18N = 1, 2, 3, 4, 5, 6, 7, 8, 9
_WIDTHS: Final = {0: 0, CHAR: 1, INT8: 1, INT16: 2, INT32: 4, INT64: 8, BINARY: 1}
_LETTERS: Final = {CHAR: "B", INT8: "B", INT16: "H", INT32: "I", INT64: "Q"}
_REGION_TAGS: Final = (61, 62, 63)
_REGION_BYTES: Final = 16
STRINGS: Final = (STRING, STRING_ARRAY, I18N)


class Tag(Struct, frozen=True):
    """One entry. ``[start, end)`` is its data; ``data`` those bytes."""

    number: int
    type: int
    count: int
    start: int
    end: int
    data: bytes

    def strings(self) -> tuple[bytes, ...]:
        """Return the strings, without NULs; empty for another type."""
        if self.type not in STRINGS:
            return ()
        return tuple(self.data.split(b"\x00")[: self.count])

    def numbers(self) -> tuple[int, ...]:
        """Return the integers; empty for another type."""
        letter = _LETTERS.get(self.type)
        return () if letter is None else struct.unpack(f">{self.count}{letter}", self.data)


class Section(Struct, frozen=True):
    """A header: ``[start, end)``, its index up to ``store``, and the tags in order."""

    start: int
    store: int
    end: int
    tags: tuple[Tag, ...]

    def tag(self, number: int) -> Tag | None:
        """Return the first tag with ``number``, which is the one that RPM's index finds."""
        return next((tag for tag in self.tags if tag.number == number), None)

    def text(self, number: int) -> str | None:
        """Return the first string of a tag, None where it has none."""
        tag = self.tag(number)
        values = () if tag is None else tag.strings()
        return values[0].decode("utf-8", "backslashreplace") if values else None

    def number(self, number: int) -> int | None:
        """Return the first integer of a tag, None where it has none."""
        tag = self.tag(number)
        values = () if tag is None else tag.numbers()
        return values[0] if values else None


def read_section(buffer: Buffer, start: int) -> Section:
    """Return the header at ``start``. Raises ``Malformed``."""
    reader = Reader(buffer, start)
    reader.expect(HEADER_MAGIC, "header magic")
    reader.skip(4, "reserved")
    count, size = reader.u32be("nindex"), reader.u32be("hsize")
    if not 1 <= count <= MAX_ENTRIES:
        raise Malformed(start + 8, "nindex", f"{count} is not between 1 and {MAX_ENTRIES}")
    if size > MAX_STORE_BYTES:
        raise Malformed(start + 12, "hsize", f"{size} is more than {MAX_STORE_BYTES}")
    reader.count(count, ENTRY_BYTES, "nindex")
    index = reader.take(count * ENTRY_BYTES, "index")
    store = reader.offset
    data = reader.take(size, "store")
    read = _Store(data, store)
    tags = [
        read.tag(number, kind, offset, values, start + INTRO_BYTES + at * ENTRY_BYTES)
        for at, (number, kind, offset, values) in enumerate(struct.iter_unpack(">IIiI", index))
    ]
    return Section(start, store, reader.offset, tuple(tags))


class _Store:
    """The data of one header; ``budget`` bounds what overlapping entries can copy."""

    def __init__(self, data: bytes, base: int) -> None:
        self._data = data
        self._base = base
        self._budget = 4 * len(data) + 65_536

    def tag(self, number: int, kind: int, offset: int, count: int, at: int) -> Tag:
        """Return the entry whose index record stands at ``at``. Raises ``Malformed``."""
        if not 0 <= offset <= len(self._data):
            raise Malformed(at + 8, "entry offset", f"{offset} is outside the store")
        if number in _REGION_TAGS and kind == BINARY:
            end = offset + _REGION_BYTES
        elif kind in _WIDTHS:
            end = offset + count * _WIDTHS[kind]
        elif kind in STRINGS:
            end = self._strings_end(offset, 1 if kind == STRING else count, at)
        else:
            raise Malformed(at + 4, "entry type", f"{kind} does not exist")
        if end > len(self._data) or (kind == STRING and count != 1):
            raise Malformed(at + 12, "entry count", f"{count} values do not fit")
        self._budget -= end - offset
        if self._budget < 0:
            raise Malformed(at, "entry", "entries share their bytes without end")
        return Tag(
            number, kind, count, self._base + offset, self._base + end, self._data[offset:end]
        )

    def _strings_end(self, offset: int, count: int, at: int) -> int:
        if count > len(self._data) - offset:
            raise Malformed(at + 12, "entry count", f"{count} strings do not fit")
        for _ in range(count):
            found = self._data.find(b"\x00", offset)
            if found < 0:
                raise Malformed(at + 12, "entry count", "a string is not ended by NUL")
            self._budget -= 1
            offset = found + 1
        return offset

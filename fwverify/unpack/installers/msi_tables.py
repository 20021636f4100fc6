"""The string pool and the tables of a Windows Installer database.

Guarantees: a table is returned only when its stream is a whole number of rows of the
columns that ``_Columns`` states; a string number that the pool does not have is shown as
such; every string of the pool can be listed, used or not. The text of a table is
deterministic: tab-separated, one row a line, control characters escaped.

Specification: [MS-OVBA] has none of it; the layout is that of msitools and Wine
(``dlls/msi/string.c``, ``table.c``): strings in ``_StringPool`` (length, references) and
``_StringData``, tables by columns, integers with an offset so that 0 is null.

Not checked: primary keys, references between tables, and the validation rules.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.reader import Malformed

MAX_STRINGS: Final = 4_000_000
MAX_TABLES: Final = 4_096
MAX_COLUMNS: Final = 65_536
MAX_CELLS: Final = 8_000_000
"""All tables of one database together: real installers stay far under a million."""

_LONG_REFERENCES: Final = 0x8000_0000
_STRING, _NULLABLE, _VALID = 0x0800, 0x1000, 0x0100
_CODEPAGES: Final = {0: "cp1252", 65001: "utf-8", 932: "cp932", 936: "gbk", 949: "cp949",
                     950: "cp950", 1250: "cp1250", 1251: "cp1251", 1252: "cp1252",
                     1253: "cp1253", 1254: "cp1254", 1255: "cp1255", 1256: "cp1256",
                     1257: "cp1257", 1258: "cp1258"}  # fmt: skip
Value = str | int | None


class Strings(Struct, frozen=True):
    """The string pool. Number 0 is the empty string; ``references`` are the stated counts."""

    texts: tuple[str, ...]
    references: tuple[int, ...]
    codepage: int
    reference_bytes: int

    def get(self, number: int) -> str | None:
        """Return string ``number``, None for 0; a number that is none is shown."""
        if not number:
            return None
        return self.texts[number] if number < len(self.texts) else f"<no string {number}>"


class Column(Struct, frozen=True):
    """One column; ``width`` is in bytes."""

    name: str
    is_string: bool
    is_stream: bool
    width: int


class Table(Struct, frozen=True):
    """A table with its rows. A stream's cell holds a number that says nothing."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]

    def dicts(self) -> Iterator[dict[str, Value]]:
        """Yield each row by the names of the columns."""
        names = [column.name for column in self.columns]
        for row in self.rows:
            yield dict(zip(names, row, strict=True))

    def text(self) -> bytes:
        """Return the table as tab-separated text with a line of names first."""
        lines = ["\t".join(escape(column.name) for column in self.columns)]
        lines.extend("\t".join(_cell(value) for value in row) for row in self.rows)
        return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def read_strings(pool: bytes, data: bytes) -> Strings:
    """Return the pool of ``_StringPool`` and ``_StringData``. Raises ``Malformed``."""
    if len(pool) < 4 or len(pool) % 4:
        raise Malformed(0, "msi._StringPool", f"{len(pool)} bytes")
    head, *_ = struct.unpack_from("<I", pool)
    words = struct.unpack(f"<{len(pool) // 2 - 2}H", pool[4:])
    if len(words) // 2 > MAX_STRINGS:
        raise Malformed(0, "msi._StringPool", f"{len(words) // 2} strings")
    codepage = head & ~_LONG_REFERENCES & 0xFFFFFFFF
    encoding = _CODEPAGES.get(codepage, "latin-1")
    texts, counts, at, position = [""], [0], 0, 0
    while at < len(words):
        length, count = words[at], words[at + 1]
        at += 2
        if not length and count:  # a string of 64 KiB or more: the next pair is its length
            if at >= len(words):
                raise Malformed(4 + 2 * at, "msi._StringPool", "ends within a long string")
            length = words[at] | words[at + 1] << 16
            at += 2
        if position + length > len(data):
            raise Malformed(4 + 2 * at, "msi._StringPool", "names more text than there is")
        raw = data[position : position + length]
        texts.append(raw.decode(encoding, "backslashreplace"))
        counts.append(count)
        position += length
    if position != len(data):
        raise Malformed(0, "msi._StringData", f"{len(data) - position} bytes belong to no string")
    width = 3 if head & _LONG_REFERENCES else 2
    return Strings(tuple(texts), tuple(counts), codepage, width)


def read_columns(strings: Strings, data: bytes) -> dict[str, tuple[Column, ...]]:
    """Return the columns of every table from ``_Columns``. Raises ``Malformed``."""
    wide = strings.reference_bytes
    plan = (
        Column("Table", True, False, wide),
        Column("Number", False, False, 2),
        Column("Name", True, False, wide),
        Column("Type", False, False, 2),
    )
    listed: dict[str, dict[int, Column]] = {}
    for table, number, name, kind in read_rows("_Columns", plan, strings, data, MAX_COLUMNS):
        columns = listed.setdefault(str(table), {})
        if not isinstance(number, int) or not isinstance(kind, int) or number in columns:
            raise Malformed(0, "msi._Columns", f"column {number} of {str(table)!r:.80}")
        columns[number] = _column(str(name), kind & 0xFFFF, wide)
        if len(listed) > MAX_TABLES:
            raise Malformed(0, "msi._Columns", f"more than {MAX_TABLES} tables")
    for table, columns in listed.items():
        if sorted(columns) != list(range(1, len(columns) + 1)):
            raise Malformed(0, "msi._Columns", f"columns of {table!r:.80} are missing")
    return {table: tuple(by[at] for at in sorted(by)) for table, by in listed.items()}


def _column(name: str, kind: int, wide: int) -> Column:
    if kind & ~_NULLABLE & 0x8FFF & ~0x200 == _STRING | _VALID:
        return Column(name, False, True, 2)
    if kind & _STRING:
        return Column(name, True, False, wide)
    return Column(name, False, False, 2 if kind & 0xFF <= 2 else 4)


def read_rows(
    name: str, columns: tuple[Column, ...], strings: Strings, data: bytes, max_cells: int
) -> tuple[tuple[Value, ...], ...]:
    """Return the rows of a table stored by columns. Raises ``Malformed``."""
    row_bytes = sum(column.width for column in columns)
    if not row_bytes or len(data) % row_bytes:
        raise Malformed(0, f"msi.{name:.80}", f"{len(data)} bytes in rows of {row_bytes}")
    count = len(data) // row_bytes
    if count * len(columns) > max_cells:
        raise Malformed(0, f"msi.{name:.80}", f"{count} rows of {len(columns)} columns")
    values: list[list[Value]] = []
    position = 0
    for column in columns:
        raw = data[position : position + count * column.width]
        values.append([_value(column, number, strings) for number in _numbers(raw, column.width)])
        position += len(raw)
    return tuple(zip(*values, strict=True))


def _numbers(raw: bytes, width: int) -> Iterator[int]:
    for at in range(0, len(raw), width):
        yield int.from_bytes(raw[at : at + width], "little")


def _value(column: Column, number: int, strings: Strings) -> Value:
    if column.is_string:
        return strings.get(number)
    if not number:
        return None
    return number - (1 << (8 * column.width - 1))


def strings_text(strings: Strings) -> bytes:
    """Return every string of the pool: number, stated references and text."""
    rows = enumerate(zip(strings.texts, strings.references, strict=True))
    lines = [f"{at}\t{count}\t{escape(text)}" for at, (text, count) in rows if at]
    return ("\n".join(["Number\tReferences\tText", *lines]) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def _cell(value: Value) -> str:
    return "" if value is None else escape(str(value))


def escape(text: str) -> str:
    """Return ``text`` without tab, line end or another control character."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_escaped(char) for char in text)


def _escaped(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if char.isprintable():
        return char
    return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(char, f"\\u{ord(char):04x}")

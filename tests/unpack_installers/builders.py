"""Writers of compound files and installer databases ([MS-CFB]; see ``msi_tables``)."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping, Sequence

from fwverify.unpack.installers.msi_names import encode_stream_name

FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
MSI_CLSID = bytes.fromhex("84100c0000000000c000000000000046")
MSP_CLSID = bytes.fromhex("86100c0000000000c000000000000046")
MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def utf16(name: str) -> bytes:
    return name.encode("utf-16-le")


class CompoundFile:
    """Lays streams out in order: content, mini stream, mini FAT, directory, FAT."""

    def __init__(self, *, major: int = 3, clsid: bytes = bytes(16)) -> None:
        self.step = 512 if major == 3 else 4096
        self.major = major
        self.clsid = clsid
        self.fat: list[int] = []
        self.body = bytearray()
        self.mini = bytearray()
        self.mini_fat: list[int] = []
        self.rows: list[tuple[bytes, int, int, int]] = []  # name, type, first, size
        self.children: dict[int, list[int]] = {0: []}

    def _place(self, data: bytes) -> int:
        count = -(-len(data) // self.step)
        first = len(self.fat)
        self.fat += [*range(first + 1, first + count), END] if count else []
        self.body += data.ljust(count * self.step, b"\0")
        return first if count else END

    def stream(self, name: bytes, data: bytes, parent: int = 0) -> int:
        if len(data) >= 4096:
            first = self._place(data)
        elif data:
            count = -(-len(data) // 64)
            first = len(self.mini_fat)
            self.mini_fat += [*range(first + 1, first + count), END]
            self.mini += data.ljust(count * 64, b"\0")
        else:
            first = END
        return self._row(name, 2, first, len(data), parent)

    def storage(self, name: bytes, parent: int = 0) -> int:
        number = self._row(name, 1, 0, 0, parent)
        self.children[number] = []
        return number

    def _row(self, name: bytes, kind: int, first: int, size: int, parent: int) -> int:
        self.rows.append((name, kind, first, size))
        self.children[parent].append(len(self.rows))
        return len(self.rows)

    def build(self) -> bytes:
        mini_first = self._place(bytes(self.mini))
        words = struct.pack(f"<{len(self.mini_fat)}I", *self.mini_fat)
        pad = -len(words) % self.step
        mini_fat_first = self._place(words + b"\xff" * pad)
        directory = self._directory(mini_first)
        directory_first = self._place(directory)
        per = self.step // 4
        fat_first, fat_count = len(self.fat), 1
        while len(self.fat) + fat_count > fat_count * per:
            fat_count += 1
        fat = [*self.fat, *[FAT] * fat_count]
        fat += [FREE] * (fat_count * per - len(fat))
        difat = [*range(fat_first, fat_first + fat_count), *[FREE] * (109 - fat_count)]
        shift = self.step.bit_length() - 1
        head = MAGIC + bytes(16) + struct.pack("<5H6x", 0x3E, self.major, 0xFFFE, shift, 6)
        head += struct.pack("<5I", 0, fat_count, directory_first, 0, 4096)
        head += struct.pack("<4I109I", mini_fat_first, 1, END, 0, *difat)
        self.fat_at = (fat_first + 1) * self.step
        self.directory_at = (directory_first + 1) * self.step
        return head.ljust(self.step, b"\0") + bytes(self.body) + struct.pack(f"<{len(fat)}I", *fat)

    def _directory(self, mini_first: int) -> bytes:
        rights = {}
        for members in self.children.values():
            rights.update(itertools.pairwise(members))
        size = len(self.mini)
        rows = [self._entry(utf16("Root Entry"), 5, FREE, self._child(0), mini_first, size)]
        for number, (name, kind, first, length) in enumerate(self.rows, 1):
            right = rights.get(number, FREE)
            rows.append(self._entry(name, kind, right, self._child(number), first, length))
        empty = bytes(68) + b"\xff" * 12 + bytes(48)
        rows += [empty] * (-len(rows) % (self.step // 128))
        return b"".join(rows)

    def _child(self, number: int) -> int:
        members = self.children.get(number)
        return members[0] if members else FREE

    def _entry(
        self, name: bytes, kind: int, right: int, child: int, first: int, size: int
    ) -> bytes:
        clsid = self.clsid if kind == 5 else bytes(16)
        return struct.pack(
            "<64sHBBIII16sIQQIQ",
            *(name, len(name) + 2, kind, 1, FREE, right, child, clsid, 0, 0, 0, first, size),
        )


Cell = str | int | None


class Database:
    """An installer database: tables of (column name, type) and rows."""

    def __init__(self, *, major: int = 3, clsid: bytes = MSI_CLSID, long_refs: bool = False):
        self.file = CompoundFile(major=major, clsid=clsid)
        self.long_refs = long_refs
        self.texts: list[str] = []
        self.tables: dict[str, tuple[Sequence[tuple[str, int]], Sequence[Sequence[Cell]]]] = {}

    def number(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1

    def table(self, name: str, columns: Sequence[tuple[str, int]], *rows: Sequence[Cell]) -> None:
        self.tables[name] = (columns, rows)

    def _pack(self, columns: Sequence[tuple[str, int]], rows: Sequence[Sequence[Cell]]) -> bytes:
        data = b""
        for at, (_, kind) in enumerate(columns):
            for row in rows:
                data += self._cell(kind, row[at])
        return data

    def _cell(self, kind: int, value: Cell) -> bytes:
        if kind & 0x0800:
            width = 3 if self.long_refs else 2
            if kind & 0x0FFF == 0x0900:
                return (1).to_bytes(2, "little")
            return (self.number(value) if isinstance(value, str) and value else 0).to_bytes(
                width, "little"
            )
        width = 2 if kind & 0xFF <= 2 else 4
        stored = 0 if value is None else int(value) + (1 << (8 * width - 1))
        return stored.to_bytes(width, "little")

    def put(self, name: str, data: bytes) -> None:
        self.file.stream(encode_stream_name(name), data)

    def build(self) -> bytes:
        for name, (columns, rows) in self.tables.items():
            self.file.stream(encode_stream_name(name, table=True), self._pack(columns, rows))
        text = 0x2D40
        plan = [("Table", text), ("Number", 0x2502), ("Name", text), ("Type", 0x502)]
        listed = [
            (name, at, column, kind - 0x8000)
            for name, (columns, _) in self.tables.items()
            for at, (column, kind) in enumerate(columns, 1)
        ]
        self.file.stream(encode_stream_name("_Columns", table=True), self._pack(plan, listed))
        names = self._pack(plan[:1], [(name,) for name in self.tables])
        self.file.stream(encode_stream_name("_Tables", table=True), names)
        head = 1252 | (0x80000000 if self.long_refs else 0)
        pool, data = struct.pack("<I", head), b""
        for entry in self.texts:
            raw = entry.encode("cp1252")
            if len(raw) > 0xFFFF:
                pool += struct.pack("<HHI", 0, 1, len(raw))
            else:
                pool += struct.pack("<HH", len(raw), 1)
            data += raw
        self.file.stream(encode_stream_name("_StringPool", table=True), pool)
        self.file.stream(encode_stream_name("_StringData", table=True), data)
        return self.file.build()


KEY, TEXT, NUMBER, STREAM = 0x2D48, 0x1DFF, 0x1502, 0x1900


def product(
    actions: Sequence[tuple[str, int, str, str]] = (), extra: Mapping[str, bytes] | None = None
) -> Database:
    """Return a database with a product, ``actions`` and the streams of ``extra``."""
    made = Database()
    made.table(
        "Property",
        [("Property", KEY), ("Value", TEXT)],
        ("ProductName", "Scanner Suite"),
        ("Manufacturer", "Acme Imaging"),
        ("ProductVersion", "3.4.5"),
        ("ProductCode", "{1}"),
        ("Script", "WScript.Echo 'p'"),
    )
    columns = [("Action", KEY), ("Type", NUMBER), ("Source", TEXT), ("Target", TEXT)]
    made.table("CustomAction", columns, *actions)
    for name, data in (extra or {}).items():
        made.put(name, data)
    return made


def summary(*values: tuple[int, int, bytes]) -> bytes:
    """Return a summary property set; each value is its number, type and raw bytes."""
    body, listed = b"", b""
    place = 8 + 8 * len(values)
    for number, kind, raw in values:
        listed += struct.pack("<II", number, place + len(body))
        value = struct.pack("<I", len(raw)) + raw if kind == 30 else raw
        body += struct.pack("<I", kind) + value + bytes(-len(value) % 4)
    head = struct.pack("<HHI16xI", 0xFFFE, 0, 2, 1)
    head += bytes.fromhex("e0859ff2f94f6810ab9108002b27b3d9") + struct.pack("<I", 48)
    return head + struct.pack("<II", place + len(body), len(values)) + listed + body

"""Registry hives: keys and values as cells behind a base block (``regf``)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

NONE = 0xFFFFFFFF


@dataclass
class Key:
    name: str
    values: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    keys: tuple[Key, ...] = ()


def text(value: str) -> tuple[int, bytes]:
    return 1, value.encode("utf-16-le") + b"\0\0"


def dword(value: int) -> tuple[int, bytes]:
    return 4, struct.pack("<I", value)


class _Cells:
    def __init__(self) -> None:
        self.content = bytearray(b"hbin" + struct.pack("<II", 0, 0).ljust(28, b"\0"))

    def add(self, data: bytes) -> int:
        at = len(self.content)
        size = len(data) + 4 + 7 & ~7
        self.content += struct.pack("<i", -size) + data.ljust(size - 4, b"\0")
        return at

    def value(self, name: str, kind: int, data: bytes) -> int:
        raw = name.encode("latin-1")
        if len(data) <= 4:
            size, place = len(data) | 0x80000000, int.from_bytes(data.ljust(4, b"\0"), "little")
        else:
            size, place = len(data), self.add(data)
        head = struct.pack("<2sHIIIHH", b"vk", len(raw), size, place, kind, 1, 0)
        return self.add(head + raw)

    def key(self, key: Key, parent: int, flags: int, listing: bytes) -> int:
        raw = key.name.encode("latin-1")
        values = [self.value(name, *value) for name, value in key.values.items()]
        value_list = self.add(struct.pack(f"<{len(values)}I", *values)) if values else NONE
        children = [self.key(child, 0, 0x20, listing) for child in key.keys]
        subkeys = self._list(children, listing) if children else NONE
        head = struct.pack("<2sHQII", b"nk", flags, 0, 0, parent)
        head += struct.pack("<6I", len(children), 0, subkeys, NONE, len(values), value_list)
        head += struct.pack("<7I", NONE, NONE, 0, 0, 0, 0, 0)
        return self.add(head + struct.pack("<HH", len(raw), 0) + raw)

    def _list(self, children: list[int], listing: bytes) -> int:
        if listing == b"ri":
            inner = [self._list([child], b"li") for child in children]
            return self.add(b"ri" + struct.pack(f"<H{len(inner)}I", len(inner), *inner))
        width = "I" if listing == b"li" else "I4x"
        body = b"".join(struct.pack(f"<{width}", child) for child in children)
        return self.add(listing + struct.pack("<H", len(children)) + body)


def hive(root: Key, listing: bytes = b"lf") -> bytes:
    """Return a hive of one bin whose subkeys are listed by ``listing`` cells."""
    cells = _Cells()
    at = cells.key(root, NONE, 0x2C, listing)
    size = len(cells.content) + 4095 & ~4095
    free = size - len(cells.content)
    if free:
        cells.content += struct.pack("<i", free).ljust(free, b"\0")
    struct.pack_into("<II", cells.content, 4, 0, size)
    base = struct.pack("<4sIIQIIIIII", b"regf", 1, 1, 0, 1, 5, 0, 1, at, size)
    base = base.ljust(508, b"\0")
    total = 0
    for (word,) in struct.iter_unpack("<I", base):
        total ^= word
    return (base + struct.pack("<I", total)).ljust(4096, b"\0") + bytes(cells.content)

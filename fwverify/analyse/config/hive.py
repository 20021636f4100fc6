"""Registry values out of a hive file (``regf``), read strictly and bounded.

Layout: the public descriptions of the format (Suhanov, "Windows registry file format
specification"): a base block of 4096 bytes, then cells whose size is a signed 32-bit
number (negative: in use), at offsets from the end of the base block. Keys (``nk``) name
subkey lists (``lf``, ``lh``, ``li``, ``ri``), value lists and values (``vk``); data of more
than 16344 bytes stands in segments (``db``). All numbers are little-endian.

Guarantees: every offset is checked; each cell of a key is visited once, so that circles
end; depth and counts are bounded, and passing a bound or a broken cell is ``Malformed``.
Transaction logs (``.LOG1``) are not applied: a dirty hive is read as it stands.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.config.registry import RegistryValue
from fwverify.reader import Buffer, Malformed, Reader

MAGIC: Final = b"regf"
BASE_BYTES: Final = 4096
MAX_KEYS: Final = 500_000
MAX_VALUES_PER_KEY: Final = 20_000
MAX_DEPTH: Final = 512
MAX_DATA_BYTES: Final = 8192
_NONE: Final = 0xFFFFFFFF
_COMPRESSED_NAME: Final = 0x20
_VALUE_NAME_ASCII: Final = 1
_ROOT_KEY: Final = 4
_INLINE: Final = 0x80000000
_TEXT_KINDS, _DWORD = (1, 2, 7), 4


class Hive:
    """A hive whose base block has been read."""

    def __init__(self, buffer: Buffer) -> None:
        self._reader = Reader(buffer)
        self._reader.expect(MAGIC, "regf.signature")
        self._reader.seek(36)
        self._root = self._reader.u32le("regf.root")
        self._seen: set[int] = set()

    def values(self) -> Iterator[RegistryValue]:
        """Yield each value, and each key as a value without name and data."""
        waiting = [(self._root, "", 0)]
        while waiting:
            cell, path, depth = waiting.pop()
            if cell in self._seen:
                raise Malformed(self._at(cell), "nk", "a key stands twice in the tree")
            self._seen.add(cell)
            if len(self._seen) > MAX_KEYS or depth > MAX_DEPTH:
                raise Malformed(self._at(cell), "nk", "more keys than are read")
            key = _Key(self._cell(cell, "nk"), self._at(cell))
            name = path if key.flags & _ROOT_KEY else f"{path}\\{key.name}".lstrip("\\")
            yield RegistryValue(name, "", "", self._at(cell))
            yield from self._values(key, name)
            children = [(child, name, depth + 1) for child in self._children(key)]
            waiting.extend(reversed(children))

    def _at(self, cell: int) -> int:
        return BASE_BYTES + cell

    def _cell(self, cell: int, field: str, size: int | None = None) -> bytes:
        """Return the content of a cell in use, at most ``size`` bytes of it."""
        (length,) = struct.unpack("<i", self._reader.peek(self._at(cell), 4, field))
        if length >= 0:
            raise Malformed(self._at(cell), field, "the cell is not in use")
        wanted = -length - 4 if size is None else min(size, -length - 4)
        if wanted < 0:
            raise Malformed(self._at(cell), field, f"a cell of {-length} bytes")
        return self._reader.peek(self._at(cell) + 4, wanted, field)

    def _children(self, key: _Key) -> list[int]:
        """Return the cells of the subkeys; an ``ri`` list names further lists."""
        if not key.subkeys or key.subkey_list == _NONE:
            return []
        found: list[int] = []
        lists = [key.subkey_list]
        opened = 0
        while lists:
            at = lists.pop()
            opened += 1
            if opened > MAX_KEYS or len(found) > MAX_KEYS:
                raise Malformed(self._at(at), "subkeys", "more subkeys than are read")
            content = self._cell(at, "subkeys")
            kind, count = content[:2], int.from_bytes(content[2:4], "little")
            width = {b"lf": 8, b"lh": 8, b"li": 4, b"ri": 4}.get(kind)
            if width is None or 4 + width * count > len(content):
                raise Malformed(self._at(at), "subkeys", f"a list {kind!r} of {count}")
            offsets = [
                int.from_bytes(content[place : place + 4], "little")
                for place in range(4, 4 + width * count, width)
            ]
            (lists if kind == b"ri" else found).extend(offsets)
        return found

    def _values(self, key: _Key, path: str) -> Iterator[RegistryValue]:
        if not key.values or key.value_list == _NONE:
            return
        if key.values > MAX_VALUES_PER_KEY:
            raise Malformed(key.offset, "nk.values", f"{key.values} values")
        listed = self._cell(key.value_list, "values")
        if len(listed) < 4 * key.values:
            raise Malformed(self._at(key.value_list), "values", "the list is shorter than it says")
        for cell in struct.unpack_from(f"<{key.values}I", listed):
            content = self._cell(cell, "vk")
            if content[:2] != b"vk" or len(content) < 20:
                raise Malformed(self._at(cell), "vk", "is no value")
            length, size, data, kind, flags = struct.unpack_from("<HIIIH", content, 2)
            raw = content[20 : 20 + length]
            name = raw.decode("latin-1" if flags & _VALUE_NAME_ASCII else "utf-16-le", "replace")
            yield RegistryValue(path, name, self._data(size, data, kind), self._at(cell))

    def _data(self, size: int, data: int, kind: int) -> str:
        """Return data as text: numbers in decimal, binary data in hexadecimal digits."""
        length = size & ~_INLINE
        if size & _INLINE:
            raw = struct.pack("<I", data)[: min(length, 4)]
        elif not length:
            raw = b""
        else:
            raw = self._cell(data, "data", min(length, MAX_DATA_BYTES))
        if kind in _TEXT_KINDS:
            return raw.decode("utf-16-le", "replace").rstrip("\0").replace("\0", " ")
        if kind == _DWORD and len(raw) == 4:
            return str(int.from_bytes(raw, "little"))
        return raw[:256].hex()


class _Key:
    """The fields of an ``nk`` cell."""

    def __init__(self, content: bytes, offset: int) -> None:
        if content[:2] != b"nk" or len(content) < 76:
            raise Malformed(offset, "nk", "is no key")
        self.offset = offset
        (self.flags,) = struct.unpack_from("<H", content, 2)
        self.subkeys, _, self.subkey_list, _, self.values, self.value_list = struct.unpack_from(
            "<6I", content, 20
        )
        (length,) = struct.unpack_from("<H", content, 72)
        if 76 + length > len(content):
            raise Malformed(offset, "nk.name", f"{length} bytes")
        raw = content[76 : 76 + length]
        coding = "latin-1" if self.flags & _COMPRESSED_NAME else "utf-16-le"
        self.name = raw.decode(coding, "replace").replace("\\", "?")

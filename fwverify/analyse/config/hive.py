"""Registry values out of a hive file (``regf``), read strictly and bounded.

Layout: the public descriptions of the format (Suhanov, "Windows registry file format
specification"): a base block of 4096 bytes, then cells whose size is a signed 32-bit
number (negative: in use), at offsets from the end of the base block. Keys (``nk``) name
subkey lists (``lf``, ``lh``, ``li``, ``ri``), value lists and values (``vk``); data of more
than 16344 bytes stands in segments (``db``). All numbers are little-endian.

Guarantees: every offset is checked; each cell of a key is visited once, so that circles
end; depth, counts and lengths are bounded, those of lists that several keys share over the
whole hive, and passing a bound or a broken cell is ``Malformed``. ``raw`` gives each value whole,
for comparison: what differs in a hive differs there.
Transaction logs (``.LOG1``) are not applied: a dirty hive is read as it stands.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.config.registry import RegistryValue
from fwverify.reader import Buffer, Malformed, Reader

MAGIC: Final = b"regf"
BASE_BYTES: Final = 4096
MAX_KEYS: Final = 500_000
MAX_VALUES_PER_KEY: Final = 20_000
MAX_DEPTH: Final = 512
MAX_VALUES: Final = 2_000_000
MAX_DATA_BYTES: Final = 8192
MAX_NAME_BYTES: Final = 1024
"""A key's name has at most 255 characters (Microsoft, "Registry element size limits")."""

MAX_RAW_BYTES: Final = 512 * 1024 * 1024
"""All data that ``raw`` gives; cells that many values share count once for each."""

_SEGMENT_BYTES: Final = 16344
_NONE: Final = 0xFFFFFFFF
_COMPRESSED_NAME: Final = 0x20
_VALUE_NAME_ASCII: Final = 1
_ROOT_KEY: Final = 4
_INLINE: Final = 0x80000000
_TEXT_KINDS, _DWORD = (1, 2, 7), 4


@dataclass(frozen=True)
class Raw:
    """A value with its kind (REG_SZ is 1) and data as they are stored.

    Of a key itself the kind is None, and the data its security descriptor.
    """

    key: str
    name: str
    kind: int | None
    data: bytes


class Hive:
    """A hive whose base block has been read."""

    def __init__(self, buffer: Buffer) -> None:
        self._reader = Reader(buffer)
        self._reader.expect(MAGIC, "regf.signature")
        self._reader.seek(36)
        self._root = self._reader.u32le("regf.root")
        self._seen: set[int] = set()
        self._lists = self._count = self._bytes = 0

    def values(self) -> Iterator[RegistryValue]:
        """Yield each value, and each key as a value without name and data."""
        for cell, key, path in self._keys():
            yield RegistryValue(path, "", "", self._at(cell))
            for at, value in self._listed(key):
                data = self._data(value.size, value.data, value.kind)
                yield RegistryValue(path, value.name, data, self._at(at))

    def raw(self) -> Iterator[Raw]:
        """Yield each key with its security descriptor, then its values, with their whole data.

        A name that no Windows writes, and that could stand for another path, is ``Malformed``.
        """
        for cell, key, path in self._keys():
            if key.is_odd and not self._is_root(cell, key):
                raise Malformed(self._at(cell), "nk.name", "empty, undecodable or with a backslash")
            yield Raw(path, "", None, self._bounded(self._security(key)))
            for at, value in self._listed(key):
                if "\ufffd" in value.name:
                    raise Malformed(self._at(at), "vk.name", "cannot be decoded")
                data = self._whole(value.size, value.data)
                yield Raw(path, value.name, value.kind, self._bounded(data))

    def _bounded(self, data: bytes) -> bytes:
        self._bytes += len(data)
        if self._bytes > MAX_RAW_BYTES:
            raise Malformed(0, "data", f"more than {MAX_RAW_BYTES} bytes of values")
        return data

    def _keys(self) -> Iterator[tuple[int, _Key, str]]:
        """Yield the cell, the fields and the path of each key, parents first."""
        waiting = [(self._root, "", 0)]
        while waiting:
            cell, path, depth = waiting.pop()
            if cell in self._seen:
                raise Malformed(self._at(cell), "nk", "a key stands twice in the tree")
            self._seen.add(cell)
            if len(self._seen) > MAX_KEYS or depth > MAX_DEPTH:
                raise Malformed(self._at(cell), "nk", "more keys than are read")
            key = _Key(self._cell(cell, "nk"), self._at(cell))
            name = path if self._is_root(cell, key) else f"{path}\\{key.name}".lstrip("\\")
            yield cell, key, name
            children = [(child, name, depth + 1) for child in self._children(key)]
            waiting.extend(reversed(children))

    def _is_root(self, cell: int, key: _Key) -> bool:
        """Return whether ``key`` is the root, which gives no path a name.

        Its place says so and its flag: a key inside that bears the flag hides no level.
        """
        return cell == self._root and bool(key.flags & _ROOT_KEY)

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
        while lists:
            at = lists.pop()
            self._lists += 1
            if self._lists > 2 * MAX_KEYS or len(found) > MAX_KEYS:
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

    def _listed(self, key: _Key) -> Iterator[tuple[int, _Value]]:
        """Yield the cell and the fields of each value of ``key``."""
        if not key.values or key.value_list == _NONE:
            return
        self._count += key.values
        if key.values > MAX_VALUES_PER_KEY or self._count > MAX_VALUES:
            raise Malformed(key.offset, "nk.values", f"{key.values} values")
        listed = self._cell(key.value_list, "values")
        if len(listed) < 4 * key.values:
            raise Malformed(self._at(key.value_list), "values", "the list is shorter than it says")
        for cell in struct.unpack_from(f"<{key.values}I", listed):
            yield cell, _Value(self._cell(cell, "vk"), self._at(cell))

    def _security(self, key: _Key) -> bytes:
        """Return the descriptor of a key's ``sk`` cell, empty where it has none."""
        if key.security == _NONE:
            return b""
        content = self._cell(key.security, "sk")
        length = int.from_bytes(content[16:20], "little")
        if content[:2] != b"sk" or 20 + length > len(content):
            raise Malformed(self._at(key.security), "sk", "is no security descriptor")
        return content[20 : 20 + length]

    def _whole(self, size: int, data: int) -> bytes:
        """Return all data of a value: in its place, in a cell, or in segments (``db``)."""
        length = size & ~_INLINE
        if size & _INLINE or not length:
            return struct.pack("<I", data)[: min(length, 4)]
        content = self._cell(data, "data", max(length, 8))
        if length > _SEGMENT_BYTES and content[:2] == b"db":
            content = self._segments(content, data, length)
        if len(content) < length:
            raise Malformed(self._at(data), "data", f"is shorter than {length} bytes")
        return content[:length]

    def _segments(self, head: bytes, data: int, length: int) -> bytes:
        (count, listed) = struct.unpack_from("<HI", head, 2)
        offsets = self._cell(listed, "db")
        if 4 * count > len(offsets) or count * _SEGMENT_BYTES < length:
            raise Malformed(self._at(data), "db", f"{count} segments for {length} bytes")
        places = struct.unpack_from(f"<{count}I", offsets)
        return b"".join(self._cell(place, "db", _SEGMENT_BYTES) for place in places)

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
        self.subkeys, _, self.subkey_list, _, self.values, self.value_list, self.security = (
            struct.unpack_from("<7I", content, 20)
        )
        (length,) = struct.unpack_from("<H", content, 72)
        if 76 + length > len(content) or length > MAX_NAME_BYTES:
            raise Malformed(offset, "nk.name", f"{length} bytes")
        raw = content[76 : 76 + length]
        coding = "latin-1" if self.flags & _COMPRESSED_NAME else "utf-16-le"
        name = raw.decode(coding, "replace")
        self.is_odd = not name or "\\" in name or "\ufffd" in name
        self.name = name.replace("\\", "?")


class _Value:
    """The fields of a ``vk`` cell."""

    def __init__(self, content: bytes, offset: int) -> None:
        if content[:2] != b"vk" or len(content) < 20:
            raise Malformed(offset, "vk", "is no value")
        length, self.size, self.data, self.kind, flags = struct.unpack_from("<HIIIH", content, 2)
        raw = content[20 : 20 + length]
        coding = "latin-1" if flags & _VALUE_NAME_ASCII else "utf-16-le"
        self.name = raw.decode(coding, "replace")

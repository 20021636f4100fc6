"""CBOR as COSE and SUIT need it: items with their places, nothing copied, bounds on all.

Guarantees: every length lies inside what remains; depth, number of items and the bytes of
texts are bounded by named constants; no map has a key twice; a byte string is its place
in the buffer, so a message of any size costs no memory. It raises ``Malformed`` and
nothing else for bad input, ``Unread`` for what is well-formed and has no place in signed
structures (indefinite lengths, floats, keys that are neither numbers nor texts).

Specification: RFC 8949, 3 (encoding) and 5.6 (duplicate keys).

Not asked for: the shortest encoding of numbers and sorted maps (4.2). What is signed is
always taken as the bytes it came as.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.verify.signed_json import Unread

MAX_DEPTH: Final = 16
MAX_ITEMS: Final = 20_000
MAX_TEXT_BYTES: Final = 64 * 1024

Kind = Literal["int", "bytes", "text", "array", "map", "tag", "bool", "null"]
Key = int | str


@dataclass(frozen=True)
class Item:
    """One data item: ``[at, end)`` with its head, its content from ``start`` on.

    ``number`` is an integer's value, a tag's number or a truth value; ``text`` a text;
    ``items`` an array's members or the one item of a tag; ``pairs`` a map's.
    """

    kind: Kind
    at: int
    start: int
    end: int
    number: int = 0
    text: str = ""
    items: tuple[Item, ...] = ()
    pairs: tuple[tuple[Key, Item], ...] = ()

    def get(self, key: Key) -> Item | None:
        """Return the value of a map at ``key``."""
        return next((value for name, value in self.pairs if name == key), None)

    def octets(self, buffer: Buffer) -> bytes:
        """Return the content of a byte string."""
        return bytes(buffer[self.start : self.end])


def read(buffer: Buffer, start: int = 0, end: int | None = None, field: str = "cbor") -> Item:
    """Return the one item that fills ``[start, end)``. Raises ``Malformed`` and ``Unread``."""
    reader = Reader(buffer, start, end)
    item = _Decoder(reader, field).item(0)
    if reader.remaining:
        raise Malformed(reader.offset, field, f"{reader.remaining} bytes follow")
    return item


class _Decoder:
    """Reads items and counts them. Belongs to one call of ``read``."""

    def __init__(self, reader: Reader, field: str) -> None:
        self._reader = reader
        self._field = field
        self._left = MAX_ITEMS

    def item(self, depth: int) -> Item:
        """Return the next item."""
        reader, field = self._reader, self._field
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise Malformed(
                reader.offset, field, f"more than {MAX_ITEMS} items or {MAX_DEPTH} deep"
            )
        at = reader.offset
        major, extra = divmod(reader.u8(field), 32)
        if major == 7:
            return self._simple(at, extra)
        value = self._argument(extra)
        start = reader.offset
        if major <= 1:
            return Item("int", at, start, start, number=value if major == 0 else -1 - value)
        if major == 2:
            reader.skip(value, field)
            return Item("bytes", at, start, reader.offset)
        if major == 3:
            return Item("text", at, start, start + value, text=self._text(value))
        if major == 4:
            members = tuple(
                self.item(depth + 1) for _ in range(reader.count(value, 1, f"{field}.array"))
            )
            return Item("array", at, start, reader.offset, items=members)
        if major == 5:
            pairs = self._pairs(value, depth)
            return Item("map", at, start, reader.offset, pairs=pairs)
        inner = (self.item(depth + 1),)
        return Item("tag", at, start, reader.offset, number=value, items=inner)

    def _argument(self, extra: int) -> int:
        if extra < 24:
            return extra
        if extra > 27:
            if extra == 31:
                raise Unread(f"{self._field}: an indefinite length")
            raise Malformed(self._reader.offset, self._field, "a reserved length")
        return int.from_bytes(self._reader.take(1 << (extra - 24), self._field), "big")

    def _simple(self, at: int, extra: int) -> Item:
        reader = self._reader
        if extra in (20, 21):
            return Item("bool", at, reader.offset, reader.offset, number=extra - 20)
        if extra == 22:
            return Item("null", at, reader.offset, reader.offset)
        if extra in (25, 26, 27, 31):
            raise Unread(f"{self._field}: a float or an indefinite length")
        raise Malformed(at, self._field, f"simple value {extra}")

    def _text(self, size: int) -> str:
        if size > MAX_TEXT_BYTES:
            raise Malformed(self._reader.offset, self._field, f"a text of {size} bytes")
        try:
            return self._reader.take(size, self._field).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed(self._reader.offset, self._field, "a text is no UTF-8") from error

    def _pairs(self, count: int, depth: int) -> tuple[tuple[Key, Item], ...]:
        found: dict[Key, Item] = {}
        for _ in range(self._reader.count(count, 2, f"{self._field}.map")):
            key = self.item(depth + 1)
            if key.kind not in ("int", "text"):
                raise Unread(f"{self._field}: a map's key is neither number nor text")
            name: Key = key.number if key.kind == "int" else key.text
            if name in found:
                raise Malformed(key.at, self._field, f"key {str(name)[:40]!a} stands twice")
            found[name] = self.item(depth + 1)
        return tuple(found.items())


def head(major: int, value: int) -> bytes:
    """Return the head of an item in its shortest form (RFC 8949, 4.2.1)."""
    if value < 24:
        return bytes((major << 5 | value,))
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 1 << (8 * size):
            return bytes((major << 5 | extra,)) + value.to_bytes(size, "big")
    raise ValueError(f"{value} has more than 64 bits")


def octets(data: bytes) -> bytes:
    """Return ``data`` as a byte string."""
    return head(2, len(data)) + data

"""Protocol buffer messages, read field by field without a schema compiler.

Guarantees: every varint, length and count is bounded by what remains; a message that
breaks the wire format is a ``Malformed`` with its offset. Groups are refused: no message
here has them. Fields that a caller does not ask for are returned with the others, so that
nothing is dropped unseen.

Specification: Protocol Buffers, "Encoding" (wire types 0, 1, 2, 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from fwverify.reader import Malformed

MAX_FIELDS: Final = 1_000_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES: Final = 10


def varint(data: bytes, at: int, end: int, field: str) -> tuple[int, int]:
    """Return the varint at ``at`` and the offset behind it. Raises ``Malformed``."""
    value = 0
    for count in range(_MAX_VARINT_BYTES):
        if at >= end:
            raise Malformed(at, field, "a varint ends early")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise Malformed(at, field, "a varint of more than 10 bytes")


Schema = Mapping[int, "int | Schema"]
"""A message's fields by number: ``NUMBER``, the most bytes it may have, or a message."""

NUMBER: Final = 0


def unknown(
    data: bytes, where: slice, schema: Schema, name: str = "message"
) -> Iterator[tuple[int, int]]:
    """Yield the ranges of ``data`` in ``where`` that no field of ``schema`` accounts for.

    Raises ``Malformed``.
    """
    for number, start, value, end in _spans(data, where.start, where.stop, name):
        kind = schema.get(number)
        if isinstance(value, int):
            fits = kind == NUMBER
        elif isinstance(kind, Mapping):
            yield from unknown(data, value, kind, name)
            fits = True
        else:
            fits = kind is not None and value.stop - value.start <= kind
        if not fits:
            yield start, end


def fields(data: bytes, start: int, end: int, name: str) -> Iterator[tuple[int, int | slice]]:
    """Yield each field's number with its integer, or the slice of ``data`` that is its value."""
    for number, _, value, _ in _spans(data, start, end, name):
        yield number, value


def _spans(
    data: bytes, start: int, end: int, name: str
) -> Iterator[tuple[int, int, int | slice, int]]:
    """Yield each field: number, where it starts, its value, where it ends."""
    at = start
    for _ in range(MAX_FIELDS):
        if at >= end:
            return
        begin = at
        key, at = varint(data, at, end, name)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = varint(data, at, end, name)
            yield number, begin, value, at
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
            if at + size > end:
                raise Malformed(at, name, "a fixed field ends early")
            yield number, begin, int.from_bytes(data[at : at + size], "little"), at + size
            at += size
        elif wire == _BYTES:
            size, at = varint(data, at, end, name)
            if size > end - at:
                raise Malformed(at, name, f"{size} bytes, {end - at} remain")
            yield number, begin, slice(at, at + size), at + size
            at += size
        else:
            raise Malformed(at, name, f"wire type {wire}")
    raise Malformed(at, name, f"more than {MAX_FIELDS} fields")


class Message(Struct, frozen=True):
    """One message: integers and byte ranges by field number, in order."""

    data: bytes
    name: str
    integers: dict[int, list[int]]
    slices: dict[int, list[slice]]

    @staticmethod
    def read(data: bytes, where: slice, name: str) -> Message:
        """Return the message in ``where`` of ``data``. Raises ``Malformed``."""
        integers: dict[int, list[int]] = {}
        slices: dict[int, list[slice]] = {}
        for number, value in fields(data, where.start, where.stop, name):
            if isinstance(value, int):
                integers.setdefault(number, []).append(value)
            else:
                slices.setdefault(number, []).append(value)
        return Message(data, name, integers, slices)

    def integer(self, number: int, default: int = 0) -> int:
        """Return the last value of an optional integer (the last one counts)."""
        return self.integers.get(number, [default])[-1]

    def octets(self, number: int) -> bytes:
        """Return the last value of an optional bytes field, empty where there is none."""
        found = self.slices.get(number)
        return self.data[found[-1]] if found else b""

    def text(self, number: int) -> str:
        """Return the last value of an optional string."""
        return self.octets(number).decode("utf-8", "backslashreplace")

    def messages(self, number: int, name: str) -> list[Message]:
        """Return the messages of a repeated field."""
        return [Message.read(self.data, where, name) for where in self.slices.get(number, [])]

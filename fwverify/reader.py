"""A bounded reader over one blob, for parsers of hostile input.

Guarantees: no read outside ``[0, size)``; every failure is a ``Malformed`` that names
the offset and the field; counts and sizes from the input are checked against what
remains before anything is allocated. It never raises anything else for bad input, and
it reads from one open descriptor (or one bytes object), so that what was hashed is what
is parsed (UNPACKING, rule 7).
"""

from __future__ import annotations

import mmap
import struct
from typing import Final

Buffer = bytes | mmap.mmap | memoryview

MAX_READ_BYTES: Final = 64 * 1024 * 1024
"""No single field is larger than this; larger content is copied by ranges."""


class Malformed(Exception):
    """The input breaks its format's rules at ``offset``, in ``field``.

    ``past_end`` says that what it promises lies behind the end of the whole input: it
    was cut short, or it lies about its size.
    """

    def __init__(self, offset: int, field: str, why: str, *, past_end: bool = False) -> None:
        super().__init__(f"offset {offset:#x}: {field}: {why}")
        self.offset = offset
        self.field = field
        self.why = why
        self.past_end = past_end


class Reader:
    """Reads fields of ``buffer`` between ``start`` and ``end`` (half-open, absolute)."""

    def __init__(self, buffer: Buffer, start: int = 0, end: int | None = None) -> None:
        limit = len(buffer)
        self._buffer = buffer
        self._end = limit if end is None else end
        if not 0 <= start <= self._end <= limit:
            raise Malformed(
                start,
                "window",
                f"[{start}, {self._end}) outside {limit} bytes",
                past_end=start >= 0 and self._end > limit,
            )
        self.start = start
        self.offset = start

    @property
    def end(self) -> int:
        """The absolute offset behind the last readable byte."""
        return self._end

    @property
    def remaining(self) -> int:
        """Bytes between the cursor and the end."""
        return self._end - self.offset

    def seek(self, offset: int, field: str = "seek") -> None:
        """Move the cursor to the absolute ``offset``, which may equal the end."""
        if not self.start <= offset <= self._end:
            why = f"outside [{self.start}, {self._end})"
            raise Malformed(offset, field, why, past_end=self._is_past_end(offset))
        self.offset = offset

    def skip(self, count: int, field: str) -> None:
        """Move the cursor ``count`` bytes on."""
        if count < 0:
            raise Malformed(self.offset, field, f"negative length {count}")
        self.seek(self.offset + count, field)

    def take(self, count: int, field: str) -> bytes:
        """Return the next ``count`` bytes and move on."""
        data = self.peek(self.offset, count, field)
        self.offset += count
        return data

    def peek(self, offset: int, count: int, field: str) -> bytes:
        """Return ``count`` bytes at the absolute ``offset``; the cursor stays."""
        if count < 0 or count > MAX_READ_BYTES:
            raise Malformed(offset, field, f"length {count} is absurd")
        if offset < self.start or offset + count > self._end:
            have = max(0, self._end - offset)
            why = f"needs {count} bytes, {have} remain"
            raise Malformed(offset, field, why, past_end=self._is_past_end(offset + count))
        return bytes(self._buffer[offset : offset + count])

    def unpack(self, layout: str, field: str) -> tuple[int, ...]:
        """Return the integers of ``layout`` (a ``struct`` format) and move on."""
        size = struct.calcsize(layout)
        return struct.unpack(layout, self.take(size, field))

    def u8(self, field: str) -> int:
        """Return an unsigned byte."""
        return self.take(1, field)[0]

    def u16le(self, field: str) -> int:
        """Return a little-endian unsigned 16-bit integer."""
        return int.from_bytes(self.take(2, field), "little")

    def u32le(self, field: str) -> int:
        """Return a little-endian unsigned 32-bit integer."""
        return int.from_bytes(self.take(4, field), "little")

    def u64le(self, field: str) -> int:
        """Return a little-endian unsigned 64-bit integer."""
        return int.from_bytes(self.take(8, field), "little")

    def u16be(self, field: str) -> int:
        """Return a big-endian unsigned 16-bit integer."""
        return int.from_bytes(self.take(2, field), "big")

    def u32be(self, field: str) -> int:
        """Return a big-endian unsigned 32-bit integer."""
        return int.from_bytes(self.take(4, field), "big")

    def u64be(self, field: str) -> int:
        """Return a big-endian unsigned 64-bit integer."""
        return int.from_bytes(self.take(8, field), "big")

    def count(self, value: int, item_bytes: int, field: str) -> int:
        """Return ``value`` if that many items of ``item_bytes`` can still follow."""
        if value < 0 or value * max(1, item_bytes) > self.remaining:
            end = self.offset + value * max(1, item_bytes)
            why = f"{value} items of {item_bytes} bytes, {self.remaining} remain"
            raise Malformed(self.offset, field, why, past_end=self._is_past_end(end))
        return value

    def _is_past_end(self, position: int) -> bool:
        return position > len(self._buffer)

    def expect(self, magic: bytes, field: str) -> None:
        """Read ``magic`` or raise."""
        found = self.take(len(magic), field)
        if found != magic:
            raise Malformed(self.offset - len(magic), field, f"{found.hex()} is not {magic.hex()}")

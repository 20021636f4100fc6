"""LZW as compress(1) writes it (.Z files).

Guarantees: output comes in bounded pieces; the table never holds more than 2^16 codes; a
code that cannot exist yet is ``Malformed``; bits behind the last whole code must be zero.

Specification: ncompress 5.0 (``compress.c``) as the builder: codes least significant bit
first, 9 to ``maxbits`` bits wide; codes come in groups of eight, and when the width grows
or code 256 (CLEAR, block mode) comes, the rest of the group is skipped.

Not checked: the format carries no checksum, no size and no end mark.
"""

from __future__ import annotations

from typing import Final

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.decoders import IN_BYTES, Pieces
from fwverify.unpack.source import LimitHit

_OUT_BYTES: Final = 64 * 1024
_MAX_TABLE_BYTES: Final = 128 * 1024 * 1024
"""What all codes may stand for together: zeros make each code one longer than the last."""

_CLEAR: Final = 256


class _Codes:
    """Reads codes from groups of eight, whose width the decoder sets."""

    def __init__(self, buffer: Buffer, start: int) -> None:
        self._buffer = buffer
        self._window = b""
        self._window_at = start
        self._group_at = start
        self._index = 0
        self.width = 9

    def next(self) -> int | None:
        """Return the next code, None at the end of the input."""
        if self._index == 8:
            self.end_group()
        bit = self._index * self.width
        at = self._group_at + bit // 8
        shift = bit % 8
        data = self._bytes(at, (shift + self.width + 7) // 8)
        if data is None:
            return None
        self._index += 1
        return int.from_bytes(data, "little") >> shift & ((1 << self.width) - 1)

    def end_group(self) -> None:
        """Move to the next group; a group of width n is n bytes long."""
        if self._index:
            self._group_at += self.width
            self._index = 0

    def tail(self) -> tuple[int, int]:
        """Return where the last code ended: offset and the bit inside its byte."""
        bit = self._index * self.width
        return self._group_at + bit // 8, bit % 8

    def _bytes(self, at: int, count: int) -> bytes | None:
        low = at - self._window_at
        if not 0 <= low <= len(self._window) - count:
            self._window = bytes(self._buffer[at : at + IN_BYTES])
            self._window_at, low = at, 0
        data = self._window[low : low + count]
        return data if len(data) == count else None


def compress_stream(buffer: Buffer, start: int) -> Pieces:
    """Yield the content of the .Z file at ``start``; return its end. Raises ``Malformed``."""
    reader = Reader(buffer, start)
    reader.expect(b"\x1f\x9d", "magic")
    flags = reader.u8("flags")
    widest, block_mode = flags & 31, bool(flags & 0x80)
    if flags & 0x60 or not 9 <= widest <= 16:
        raise Malformed(start + 2, "flags", f"{flags:#04x} does not exist")
    codes = _Codes(buffer, reader.offset)
    yield from _decoded(codes, widest, block_mode)
    end, bits = codes.tail()
    rest = bytes(buffer[end : end + 4])
    if bits and rest and rest[0] >> bits:
        raise Malformed(end, "last code", "is cut off or followed by bits that are not zero")
    whole = end + bool(bits)
    if len(buffer) - whole > 2 or any(bytes(buffer[whole : len(buffer)])):
        raise Malformed(whole, "last code", "is cut off", past_end=True)
    return len(buffer)


def _decoded(codes: _Codes, widest: int, block_mode: bool) -> Pieces:
    first = _CLEAR + block_mode
    table = [bytes((value,)) for value in range(256)] + [b""] * (first - 256)
    previous: bytes | None = None
    out, limit, free, held = bytearray(), 1 << widest, first, 0
    while (code := codes.next()) is not None:
        if code == _CLEAR and block_mode:
            codes.end_group()
            codes.width, free, previous, held = 9, first, None, 0
            del table[first:]
            continue
        if previous is None:
            if code > 255:
                raise Malformed(codes.tail()[0], "code", f"{code} stands first")
            word = table[code]
        elif code < free:
            word = table[code]
        elif code == free and free < limit:
            word = previous + previous[:1]
        else:
            raise Malformed(codes.tail()[0], "code", f"{code} does not exist yet")
        out += word
        if previous is not None and free < limit:
            table.append(previous + word[:1])
            free += 1
            held += len(previous) + 1
            if held > _MAX_TABLE_BYTES:
                raise LimitHit("memory_bytes", f"the table grows past {_MAX_TABLE_BYTES} bytes")
        previous = word
        if free > (1 << codes.width) - 1 and codes.width < widest:
            codes.end_group()
            codes.width += 1
        if len(out) >= _OUT_BYTES:
            yield bytes(out)
            out.clear()
    if out:
        yield bytes(out)
    return 0

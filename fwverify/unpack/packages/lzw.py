"""LZW as compress(1) writes it (.Z files).

Guarantees: output comes in bounded pieces; the table never holds more than 2^16 codes; a
code that cannot exist yet is ``Malformed``; bits behind the last whole code must be zero.

Specification: ncompress 5.0 (``compress.c``) as the builder: codes least significant bit
first, 9 to ``maxbits`` bits wide; codes come in groups of eight, and when the width grows
or code 256 (CLEAR, block mode) comes, the rest of the group is skipped.

Not checked: the format carries no checksum, no size and no end mark.
"""

from __future__ import annotations

import struct
from typing import Final

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.decoders import Pieces
from fwverify.unpack.source import LimitHit

_OUT_BYTES: Final = 64 * 1024
_MAX_TABLE_BYTES: Final = 128 * 1024 * 1024
"""What all codes may stand for together: zeros make each code one longer than the last."""

_CLEAR: Final = 256
_GROUPS: Final = 256
"""Groups read ahead; where the width changes the rest is read anew."""


class _Codes:
    """Reads codes many at a time; the decoder says how many it took before the width changed.

    Codes of one width stand in groups of eight, which are as many bytes long as a code
    has bits.
    """

    def __init__(self, buffer: Buffer, start: int) -> None:
        self._buffer = buffer
        self._base = start
        self._taken = 0
        self.width = 9

    def following(self) -> tuple[int, ...]:
        """Return the next codes; none at the end of the input."""
        if self._taken % 8:
            return ()
        at = self._base + self._taken // 8 * self.width
        data = bytes(self._buffer[at : at + _GROUPS * self.width])
        if self.width == 16:
            return struct.unpack_from(f"<{len(data) // 2}H", data)
        mask = (1 << self.width) - 1
        shifts = range(0, 8 * self.width, self.width)
        groups = (
            int.from_bytes(data[low : low + self.width], "little")
            for low in range(0, len(data), self.width)
        )
        codes = tuple(group >> shift & mask for group in groups for shift in shifts)
        return codes[: 8 * len(data) // self.width]

    def take(self, count: int) -> None:
        """Move behind the next ``count`` codes."""
        self._taken += count

    def end_group(self, count: int) -> None:
        """Take ``count`` codes and move behind their last group."""
        self._base += -(-(self._taken + count) // 8) * self.width
        self._taken = 0

    def tail(self, further: int = 0) -> tuple[int, int]:
        """Return where the last code taken, or one further on, ended: offset and bit."""
        bits = (self._taken + further) * self.width
        return self._base + bits // 8, bits % 8


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
    clear = _CLEAR if block_mode else -1
    first = _CLEAR + block_mode
    table = [bytes((value,)) for value in range(256)] + [b""] * (first - 256)
    previous = b""
    out, limit, held = bytearray(), 1 << widest, 0
    while following := codes.following():
        full = limit if codes.width == widest else (1 << codes.width) - 1
        for count, code in enumerate(following, 1):
            if code == clear:
                codes.end_group(count)
                codes.width, previous, held = 9, b"", 0
                del table[first:]
                break
            if code < len(table) and (previous or code < 256):
                word = table[code]
            elif code == len(table) < limit and previous:
                word = previous + previous[:1]
            else:
                why = "does not exist yet" if previous else "stands first"
                raise Malformed(codes.tail(count)[0], "code", f"{code} {why}")
            out += word
            if previous and len(table) < limit:
                table.append(previous + word[:1])
                held += len(previous) + 1
                if held > _MAX_TABLE_BYTES:
                    text = f"the table grows past {_MAX_TABLE_BYTES} bytes"
                    raise LimitHit("memory_bytes", text)
            previous = word
            if len(table) > full:
                codes.end_group(count)
                codes.width += 1
                break
            if len(out) >= _OUT_BYTES:
                yield bytes(out)
                out.clear()
        else:
            codes.take(len(following))
    if out:
        yield bytes(out)
    return 0

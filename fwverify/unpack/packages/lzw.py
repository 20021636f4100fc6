"""LZW as compress(1) writes it (.Z files).

Guarantees: output comes in bounded pieces; the table never holds more than 2^16 codes; a
code that cannot exist yet is ``Malformed``; bits behind the last whole code must be zero.

Specification: ncompress 5.0 (``compress.c``) as the builder: codes least significant bit
first, 9 to ``maxbits`` bits wide; codes come in groups of eight, and when the width grows
or code 256 (CLEAR, block mode) comes, the rest of the group is skipped.

Not checked: the format carries no checksum, no size and no end mark.
"""

from __future__ import annotations

import itertools
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

_RUN: Final = 32
"""Codes looked up together; few enough that seldom one of them names another's entry."""


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

    def end_group(self, width: int) -> None:
        """Move to the next group, which has codes of ``width`` bits."""
        self._base += -(-self._taken // 8) * self.width
        self._taken = 0
        self.width = width

    def tail(self) -> tuple[int, int]:
        """Return where the last code taken ended: offset and the bit inside its byte."""
        bits = self._taken * self.width
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


class _Table:
    """What the codes stand for, and the word before, with which the next entry begins."""

    def __init__(self, first: int, limit: int) -> None:
        self._first = first
        self._limit = limit
        self._held = 0
        self.words = [bytes((value,)) for value in range(256)] + [b""] * (first - 256)
        self.previous = b""

    def clear(self) -> None:
        """Forget every entry that was added."""
        del self.words[self._first :]
        self.previous, self._held = b"", 0

    def word(self, code: int) -> bytes | None:
        """Return the word of ``code``, None where it cannot exist yet, and add an entry."""
        words, previous = self.words, self.previous
        if code < len(words) and (previous or code < 256):
            word = words[code]
        elif code == len(words) < self._limit and previous:
            word = previous + previous[:1]
        else:
            return None
        if previous and len(words) < self._limit:
            self._add([previous + word[:1]])
        self.previous = word
        return word

    def known(self, codes: tuple[int, ...], full: int) -> list[bytes]:
        """Return the words of ``codes``; none where an entry among them is not there yet.

        That is: where one may be that these codes add, or the table passes ``full``.
        """
        words = self.words
        grows = len(words) < self._limit
        if not self.previous or max(codes) >= len(words):
            return []
        if grows and len(words) + len(codes) > full:
            return []
        found = [words[code] for code in codes]
        if grows:
            before = itertools.chain((self.previous,), found)
            self._add([old + new[:1] for old, new in zip(before, found, strict=False)])
        self.previous = found[-1]
        return found

    def _add(self, entries: list[bytes]) -> None:
        self.words += entries
        self._held += sum(map(len, entries))
        if self._held > _MAX_TABLE_BYTES:
            text = f"the table grows past {_MAX_TABLE_BYTES} bytes"
            raise LimitHit("memory_bytes", text)


def _decoded(codes: _Codes, widest: int, block_mode: bool) -> Pieces:
    table = _Table(_CLEAR + block_mode, 1 << widest)
    out = bytearray()
    while following := codes.following():
        for at in range(0, len(following), _RUN):
            run = following[at : at + _RUN]
            if not _take(codes, table, run, widest, block_mode, out):
                break
            if len(out) >= _OUT_BYTES:
                yield bytes(out)
                out.clear()
    if out:
        yield bytes(out)
    return 0


def _take(
    codes: _Codes,
    table: _Table,
    run: tuple[int, ...],
    widest: int,
    block_mode: bool,
    out: bytearray,
) -> bool:
    """Append what ``run`` stands for to ``out``; return False where the width changed in it."""
    full = (1 << codes.width) - 1 if codes.width < widest else 1 << widest
    if not block_mode or _CLEAR not in run:
        words = table.known(run, full)
        if words:
            out += b"".join(words)
            codes.take(len(run))
            return True
    for code in run:
        codes.take(1)
        if code == _CLEAR and block_mode:
            table.clear()
            codes.end_group(9)
            return False
        word = table.word(code)
        if word is None:
            why = "does not exist yet" if table.previous else "stands first"
            raise Malformed(codes.tail()[0], "code", f"{code} {why}")
        out += word
        if len(table.words) > full:
            codes.end_group(codes.width + 1)
            return False
    return True

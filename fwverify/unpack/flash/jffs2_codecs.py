"""JFFS2's compressors: zlib, rtime, the two Rubin coders, LZO and OpenWrt's LZMA.

Guarantees: output is never more than the node states; input that ends too early, points
outside what was produced or is of an unknown kind is a ``Malformed`` with its offset;
each says how many bytes it used, so that what stands behind a stream is seen.

There is no specification but the writers': Linux ``fs/jffs2/compr_*.c``. rtime and Rubin
exist nowhere else, so no library has them under a licence that can be used here.
"""

from __future__ import annotations

import lzma
import zlib
from typing import Final

from fwverify.reader import Malformed
from fwverify.unpack import lzo

NONE, ZERO, RTIME, RUBIN_MIPS, COPY, DYNAMIC_RUBIN, ZLIB, LZO, LZMA = range(9)

_LZMA_FILTER: Final = {
    "id": lzma.FILTER_LZMA1, "dict_size": 0x2000, "lc": 0, "lp": 0, "pb": 0,
}  # fmt: skip
_MIPS_WEIGHTS: Final = (277, 249, 290, 267, 229, 341, 212, 241)
_MIPS_TOTAL: Final = 1043
_DYNAMIC_TOTAL: Final = 256
_HALF: Final = 1 << 15
_REGISTER_BITS: Final = 16


def decode(kind: int, data: bytes, size: int, at: int) -> tuple[bytes, int]:
    """Return ``size`` bytes that ``data`` (read at ``at``) holds, and the bytes used.

    Raises ``Malformed``.
    """
    if kind == ZERO:
        content, used = bytes(size), 0
    elif kind in (NONE, COPY):
        content, used = data[:size], min(size, len(data))
    elif kind == LZO:
        content, used = lzo.decompress(data, size, at, "jffs2.lzo")
    else:
        content, used = _unpacked(kind, data, size, at)
    if len(content) != size:
        raise Malformed(at, "jffs2.inode.dsize", f"{len(content)} bytes, not {size}")
    return content, used


def _unpacked(kind: int, data: bytes, size: int, at: int) -> tuple[bytes, int]:
    try:
        if kind == ZLIB:
            inflate = zlib.decompressobj()
            content = inflate.decompress(data, size + 1)
            if not inflate.eof:
                content += inflate.decompress(inflate.unconsumed_tail, 1)
            return content, len(data) - len(inflate.unused_data)
        if kind == LZMA:
            decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[_LZMA_FILTER])
            return decoder.decompress(data, size), len(data) - len(decoder.unused_data)
        if kind == RTIME:
            return _rtime(data, size)
        if kind == RUBIN_MIPS:
            return _Rubin(data, _MIPS_WEIGHTS, _MIPS_TOTAL).take(size), len(data)
        if kind == DYNAMIC_RUBIN:
            weights = tuple(data[:8])
            return _Rubin(data[8:], weights, _DYNAMIC_TOTAL).take(size), len(data)
    except (zlib.error, lzma.LZMAError, IndexError) as error:
        raise Malformed(at, "jffs2.inode.data", str(error)) from error
    raise Malformed(at, "jffs2.inode.compr", f"{kind}")


def _rtime(data: bytes, size: int) -> tuple[bytes, int]:
    """Undo rtime: each byte is followed by how many to repeat from its last occurrence."""
    last = [0] * 256
    out = bytearray()
    used = 0
    while len(out) < size:
        value, repeat = data[used], data[used + 1]
        used += 2
        out.append(value)
        source, last[value] = last[value], len(out)
        for step in range(min(repeat, size - len(out))):
            out.append(out[source + step])
    return bytes(out), used


class _Rubin:
    """A binary range decoder with a fixed weight for each of the eight bits of a byte."""

    def __init__(self, data: bytes, weights: tuple[int, ...], total: int) -> None:
        if len(weights) != 8:
            raise IndexError("the weights are cut short")
        self._data = data
        self._weights = weights
        self._total = total
        self._position = 0
        self._low, self._range = 0, 2 * _HALF
        self._value = 0
        for _ in range(_REGISTER_BITS):
            self._value = self._value << 1 | self._bit()

    def _bit(self) -> int:
        """Return the next bit, the highest of a byte first; zeros behind the end."""
        index, shift = self._position >> 3, 7 - (self._position & 7)
        if index > len(self._data) + _REGISTER_BITS:
            raise IndexError("the Rubin stream is cut short")
        self._position += 1
        return self._data[index] >> shift & 1 if index < len(self._data) else 0

    def _symbol(self, weight: int) -> int:
        while self._low >= _HALF or self._low + self._range <= _HALF:
            self._low = (self._low & (_HALF - 1)) << 1
            self._range <<= 1
            self._value = (self._value & (_HALF - 1)) << 1 | self._bit()
        zero = weight * self._range // self._total
        zero = min(max(zero, 1), self._range - 1)
        if self._value >= self._low + zero:
            self._low += zero
            self._range -= zero
            return 1
        self._range = zero
        return 0

    def take(self, size: int) -> bytes:
        """Return ``size`` decoded bytes."""
        weights = [self._total - weight for weight in self._weights]
        return bytes(
            sum(self._symbol(weight) << index for index, weight in enumerate(weights))
            for _ in range(size)
        )

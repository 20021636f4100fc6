"""bsdiff patches: BSDIFF40 (bzip2) and BSDF2 (bzip2, brotli or plain streams).

Guarantees: ``apply`` yields the new content in bounded pieces; every length is bounded
before it is used; reads outside the old content give zeros, as the reference program
does; a stream that ends early or gives more than it should is a ``Malformed``.

Specification: ``bsdiff.c`` and ``bspatch.c`` of Colin Percival (BSDIFF40); AOSP
``external/bsdiff``, ``patch_writer.cc`` (BSDF2).

Not checked: whether the old content is the right one. The format does not say; see
``bases``.
"""

from __future__ import annotations

import bz2
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import brotli

from fwverify.reader import Buffer, Malformed, Reader

NAME: Final = "bsdiff"
MAGIC: Final = b"BSDIFF40"
MAGIC2: Final = b"BSDF2"
HEADER_BYTES: Final = 32
PIECE_BYTES: Final = 256 * 1024
MAX_NEW_BYTES: Final = 1 << 40
MAX_STEPS: Final = 5_000_000
MAX_EMPTY_STEPS: Final = 100_000
"""Control entries that add nothing and only move: a patch of them would never end."""

_NONE, _BZIP2, _BROTLI = 0, 1, 2


class _Stream:
    """Reads exact amounts of one compressed stream ``[start, end)``."""

    def __init__(self, buffer: Buffer, start: int, end: int, kind: int, field: str) -> None:
        self._buffer = buffer
        self._at, self._end = start, end
        self._field = field
        self._waiting = bytearray()
        self._decoder = _decoder(kind, start)

    def take(self, count: int) -> bytes:
        """Return exactly ``count`` bytes. Raises ``Malformed`` where they are not there."""
        while len(self._waiting) < count:
            self._waiting += self._more()
        result = bytes(self._waiting[:count])
        del self._waiting[:count]
        return result

    def rest(self) -> bool:
        """Return whether the stream, or its place behind it, holds more than was taken."""
        try:
            while not (self._waiting or self._decoder.finished):
                self._waiting += self._more()
        except Malformed:
            return bool(self._waiting)
        return bool(self._waiting or self._decoder.unused or self._at < self._end)

    def _more(self) -> bytes:
        decoder, data = self._decoder, b""
        if not decoder.finished and decoder.hungry:
            data = bytes(self._buffer[self._at : min(self._at + PIECE_BYTES, self._end)])
            self._at += len(data)
        piece = b"" if decoder.finished else self._step(data)
        more = decoder.hungry and self._at < self._end
        if not piece and not data and not more:
            raise Malformed(self._at, self._field, "the stream ends early")
        return piece

    def _step(self, data: bytes) -> bytes:
        try:
            return self._decoder.step(data)
        except (OSError, EOFError, ValueError, brotli.error) as error:
            raise Malformed(self._at, self._field, str(error)) from error


class _Decoder(Protocol):
    """One decoder; ``hungry`` says that it takes input, ``finished`` that its stream ended."""

    @property
    def hungry(self) -> bool: ...

    @property
    def finished(self) -> bool: ...

    @property
    def unused(self) -> bytes: ...

    def step(self, data: bytes) -> bytes: ...


class _Plain:
    hungry = True
    finished = False
    unused = b""

    def step(self, data: bytes) -> bytes:
        return data


class _Bzip2:
    def __init__(self) -> None:
        self._inner = bz2.BZ2Decompressor()

    @property
    def hungry(self) -> bool:
        return self._inner.needs_input

    @property
    def finished(self) -> bool:
        return self._inner.eof

    @property
    def unused(self) -> bytes:
        return self._inner.unused_data

    def step(self, data: bytes) -> bytes:
        return self._inner.decompress(data, PIECE_BYTES)


class _Brotli:
    def __init__(self) -> None:
        self._inner: Any = brotli.Decompressor()
        self._drained = True

    @property
    def hungry(self) -> bool:
        return self._drained and bool(self._inner.can_accept_more_data())

    @property
    def finished(self) -> bool:
        return bool(self._inner.is_finished())

    @property
    def unused(self) -> bytes:
        return b""  # its library refuses what follows the stream

    def step(self, data: bytes) -> bytes:
        piece: bytes = self._inner.process(data, output_buffer_limit=PIECE_BYTES)
        self._drained = not piece  # the library takes input while output still waits in it
        return piece


def _decoder(kind: int, start: int) -> _Decoder:
    makers: dict[int, Callable[[], _Decoder]] = {_NONE: _Plain, _BZIP2: _Bzip2, _BROTLI: _Brotli}
    if kind not in makers:
        raise Malformed(start, "bsdiff.compressor", f"{kind} is unknown")
    return makers[kind]()


def read_header(patch: Buffer) -> tuple[tuple[int, int, int], tuple[int, int], int]:
    """Return the compressors, the ends of control and diff, and the new size in bytes.

    Raises ``Malformed``.
    """
    reader = Reader(patch)
    magic = reader.take(8, "bsdiff.magic")
    if magic == MAGIC:
        kinds = (_BZIP2,) * 3
    elif magic[:5] == MAGIC2:
        kinds = (magic[5], magic[6], magic[7])
    else:
        raise Malformed(0, "bsdiff.magic", f"{magic!r}")
    control, diff, size = (_signed(reader.take(8, "bsdiff.header")) for _ in range(3))
    if min(control, diff, size) < 0 or size > MAX_NEW_BYTES:
        raise Malformed(8, "bsdiff.header", f"{control}, {diff} and {size} bytes")
    if HEADER_BYTES + control + diff > len(patch):
        raise Malformed(8, "bsdiff.header", f"{control} and {diff} bytes", past_end=True)
    return kinds, (HEADER_BYTES + control, HEADER_BYTES + control + diff), size


def _signed(field: bytes) -> int:
    """Return an 8-byte little-endian number whose highest bit is its sign."""
    value = int.from_bytes(field, "little")
    return -(value & (1 << 63) - 1) if value >> 63 else value


def _triple(control: _Stream) -> tuple[int, int, int]:
    """Return the next control entry: bytes to add, bytes to copy, how far to move."""
    data = control.take(24)
    return _signed(data[:8]), _signed(data[8:16]), _signed(data[16:])


def apply(patch: Buffer, old: Buffer, size: int | None = None) -> Iterator[bytes]:
    """Yield the new content. ``size`` is what it must have, where that is known.

    Raises ``Malformed``.
    """
    kinds, (control_end, diff_end), new_size = read_header(patch)
    if size is not None and new_size != size:
        raise Malformed(24, "bsdiff.new_size", f"{new_size} is not {size}")
    control = _Stream(patch, HEADER_BYTES, control_end, kinds[0], "bsdiff.control")
    diff = _Stream(patch, control_end, diff_end, kinds[1], "bsdiff.diff")
    extra = _Stream(patch, diff_end, len(patch), kinds[2], "bsdiff.extra")
    written = position = empty = 0
    while written < new_size:
        add, copy, seek = _triple(control)
        if add < 0 or copy < 0 or add + copy > new_size - written:
            raise Malformed(HEADER_BYTES, "bsdiff.control", f"{add} and {copy} bytes")
        empty += not (add or copy)
        if empty > MAX_EMPTY_STEPS or abs(position + seek) > MAX_NEW_BYTES:
            raise Malformed(HEADER_BYTES, "bsdiff.control", "moves without end")
        for start in range(0, add, PIECE_BYTES):
            length = min(PIECE_BYTES, add - start)
            yield _added(diff.take(length), _old(old, position + start, length))
        for start in range(0, copy, PIECE_BYTES):
            yield extra.take(min(PIECE_BYTES, copy - start))
        written += add + copy
        position += add + seek
    if any(stream.rest() for stream in (control, diff, extra)):
        raise Malformed(HEADER_BYTES, "bsdiff", "the streams hold more than the new content")


def needed_bytes(patch: Buffer) -> int:
    """Return how far into the old content the patch reads. Raises ``Malformed``."""
    kinds, (control_end, _), new_size = read_header(patch)
    control = _Stream(patch, HEADER_BYTES, control_end, kinds[0], "bsdiff.control")
    written = position = reach = steps = empty = 0
    while written < new_size:
        add, copy, seek = _triple(control)
        steps += 1
        if min(add, copy) < 0 or steps > MAX_STEPS:
            raise Malformed(HEADER_BYTES, "bsdiff.control", f"{add} and {copy} bytes")
        empty += not (add or copy)
        if empty > MAX_EMPTY_STEPS:
            raise Malformed(HEADER_BYTES, "bsdiff.control", "moves without end")
        reach = max(reach, position + add if add else 0)
        written += add + copy
        position += add + seek
    return reach


def _old(old: Buffer, start: int, length: int) -> bytes:
    """Return ``length`` old bytes from ``start``; zeros where there are none."""
    low, high = max(0, start), min(len(old), start + length)
    if low >= high:
        return bytes(length)
    return bytes(low - start) + bytes(old[low:high]) + bytes(start + length - high)


def _added(left: bytes, right: bytes) -> bytes:
    """Return the sums of bytes modulo 256, all at once."""
    if left.count(0) == len(left):
        return right
    even = int.from_bytes(b"\xff\x00" * (len(left) // 2 + 1), "little")
    one, two = int.from_bytes(left, "little"), int.from_bytes(right, "little")
    low = (one & even) + (two & even) & even
    high = ((one >> 8) & even) + ((two >> 8) & even) & even
    return (low | high << 8).to_bytes(len(left) + 2, "little")[: len(left)]

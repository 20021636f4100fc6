"""LZO1X blocks: decoding within a bound, and knowing where each ends.

Guarantees: what could grow past ``MAX_GROWTH_BYTES`` is refused before it is decoded,
because the library grows its buffer as far as the input asks; more than the caller's
bound is a ``Malformed``; bytes behind the end mark are told apart from the block, so
that what hides behind a block stays visible.

The format has no specification but Linux ``Documentation/staging/lzo.rst``. A block has
no checksum: its container must bring one. LZO-RLE (version 1 bitstreams, used in memory
only) is not decoded.
"""

from __future__ import annotations

import re
from typing import Final

import lzallright

from fwverify.reader import Malformed

MAX_GROWTH_BYTES: Final = 256 * 1024 * 1024
"""What one block may ask for. Every container named here uses blocks of 1 MiB at most."""

_GROWTH_OF_ZERO: Final = 255
_GROWTH_OF_BYTE: Final = 75
"""A zero byte lengthens a match by 255; the longest other match is 290 bytes from four."""

_END_MARK: Final = re.compile(rb"\x11\x00\x00")
_MAX_END_MARKS: Final = 32


def decompress(data: bytes, limit_bytes: int, at: int, field: str) -> tuple[bytes, int]:
    """Return what the block ``data`` (read at offset ``at``) holds and the bytes it used.

    Raises ``Malformed`` naming ``field`` when it does not decode, is cut short, grows
    past ``limit_bytes``, or could grow past ``MAX_GROWTH_BYTES``.
    """
    growth = data.count(0) * _GROWTH_OF_ZERO + len(data) * _GROWTH_OF_BYTE
    if growth > max(MAX_GROWTH_BYTES, limit_bytes):
        raise Malformed(at, field, f"{len(data)} bytes could grow past {MAX_GROWTH_BYTES}")
    used = len(data)
    try:
        result = _decoded(data, limit_bytes)
    except lzallright.InputNotConsumed as error:
        result = bytes(error.args[1])
        used = _end(data, limit_bytes, at, field)
    except (lzallright.LZOError, ValueError) as error:
        raise Malformed(at, field, f"LZO: {error}") from error
    if len(result) > limit_bytes:
        raise Malformed(at, field, f"grows past {limit_bytes} bytes")
    return result, used


def _decoded(data: bytes, hint_bytes: int) -> bytes:
    return bytes(lzallright.LZOCompressor.decompress(data, output_size_hint=hint_bytes))


def _end(data: bytes, limit_bytes: int, at: int, field: str) -> int:
    """Return where the block ends that has bytes behind it: at one of its end marks."""
    for count, mark in enumerate(_END_MARK.finditer(data)):
        if count >= _MAX_END_MARKS:
            break
        try:
            _decoded(data[: mark.end()], limit_bytes)
        except (lzallright.LZOError, lzallright.InputNotConsumed, ValueError):
            continue
        return mark.end()
    raise Malformed(at, field, "LZO: the end of the block is not where an end mark is")

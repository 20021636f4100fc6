"""LZNT1, the compression of NTFS.

Guarantees: output is bounded by what the caller allows; a copy never reaches before its
chunk; damage is a ``Malformed`` with its offset.

Specification: Microsoft, [MS-XCA], section 2.5 "LZNT1 Algorithm Details".
"""

from __future__ import annotations

from typing import Final

from fwverify.reader import Malformed

CHUNK_BYTES: Final = 4096
_COMPRESSED, _SIGNATURE, _SIZE = 0x8000, 0x7000, 0x0FFF


def decompress(data: bytes, limit_bytes: int, at: int) -> bytes:
    """Return what ``data`` decompresses to, at most ``limit_bytes``.

    ``at`` is where ``data`` stands, for errors. Raises ``Malformed``.
    """
    result = bytearray()
    position = 0
    while position + 2 <= len(data) and len(result) < limit_bytes:
        header = int.from_bytes(data[position : position + 2], "little")
        if header == 0:
            break
        size = (header & _SIZE) + 1
        chunk = data[position + 2 : position + 2 + size]
        if header & _SIGNATURE != 0x3000 or len(chunk) < size:
            raise Malformed(at + position, "lznt1.header", f"{header:#x}")
        if len(result) % CHUNK_BYTES:
            result += bytes(-len(result) % CHUNK_BYTES)
        result += _chunk(chunk, at + position) if header & _COMPRESSED else chunk
        position += 2 + size
    if len(result) > limit_bytes:
        raise Malformed(at, "lznt1.size", f"more than {limit_bytes} bytes")
    return bytes(result)


def _chunk(data: bytes, at: int) -> bytearray:
    """Return one chunk's content. Raises ``Malformed``."""
    output = bytearray()
    position = 0
    while position < len(data):
        flags = data[position]
        position += 1
        for bit in range(8):
            if position >= len(data):
                break
            if not flags >> bit & 1:
                output.append(data[position])
                position += 1
                continue
            if position + 2 > len(data):
                raise Malformed(at + position, "lznt1.token", "is cut short")
            _copy(output, data[position] | data[position + 1] << 8, at + position)
            position += 2
        if len(output) > CHUNK_BYTES:
            raise Malformed(at + position, "lznt1.chunk", f"more than {CHUNK_BYTES} bytes")
    return output


def _copy(output: bytearray, token: int, at: int) -> None:
    """Append what a token copies; its split moves with the place in the chunk."""
    length_bits = 12 - max(0, (len(output) - 1).bit_length() - 4)
    length = (token & (1 << length_bits) - 1) + 3
    distance = (token >> length_bits) + 1
    if distance > len(output):
        raise Malformed(at, "lznt1.token", f"{distance} bytes back of {len(output)}")
    start = len(output) - distance
    if distance >= length:
        output += output[start : start + length]
        return
    pattern = output[start:]
    output += (pattern * (length // distance + 1))[:length]

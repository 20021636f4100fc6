"""What openers of boot images and UEFI share: parts as children, and digests over ranges.

Guarantees: a part is stored once where its header says it lies, as far as it is there; a
part that leaves the blob and a part that lies over other parts are said with the offset
and the field; the work that overlapping parts can ask for is bounded.

Not checked: what a part holds. It is a blob of its own.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Final

from fwverify.model import Entry
from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import is_padding

MAX_OVERLAPS: Final = 16
"""Each part that lies over another costs its bytes again."""

_SAFE: Final = re.compile(r"[^ -~]")


class Parts:
    """Adds parts of one blob to what is gathered. Belongs to one call of one opener."""

    def __init__(self, found: Gathered) -> None:
        self.found = found
        self._overlaps = 0

    def add(
        self,
        name: bytes,
        start: int,
        end: int,
        field: str,
        *,
        generated: bool = False,
        address: int | None = None,
        mtime: int | None = None,
    ) -> int:
        """Store ``[start, end)`` as a child and claim it; return the end that is there.

        Raises ``Malformed`` when it begins outside the blob, ``LimitHit`` like ``Source``.
        """
        size = self.found.source.size
        if not 0 <= start <= size or end < start:
            raise Malformed(start, field, f"[{start}, {end}) outside {size} bytes", past_end=True)
        if end > size:
            why = f"needs {end - start} bytes, {size - start} remain"
            self.found.malformed(Malformed(start, field, why, past_end=True))
        stop = min(end, size)
        if not self.found.claim(start, stop, "extracted"):
            self._overlap(start, stop, field)
        digest, length = self.found.source.put_range(start, stop)
        self.found.add(
            Entry(
                name=name,
                sha256=digest,
                size=length,
                extents=((start, stop),) if length else (),
                stored=True,
                generated=generated,
                address=address,
                mtime=mtime,
            )
        )
        return stop

    def _overlap(self, start: int, end: int, field: str) -> None:
        self._overlaps += 1
        self.found.observe(
            "unpack.evasion.overlap",
            f"{field} lies over other parts of the file",
            offset=start,
            length=end - start,
            severity="high",
        )
        if self._overlaps > MAX_OVERLAPS:
            raise Malformed(start, field, f"more than {MAX_OVERLAPS} parts lie over others")


def claim_padding(found: Gathered, start: int, end: int) -> bool:
    """Claim ``[start, end)`` if it is one repeated 0x00 or 0xFF; return whether it is.

    For padding whose end is known: what follows it must not hide it, nor be hidden.
    """
    if not is_padding(found.buffer, start, end):
        return False
    if start < end:
        found.claim(start, end, "padding", note=f"{found.buffer[start]:#04x}")
    return True


def chunks(buffer: Buffer, start: int, end: int) -> Iterator[bytes]:
    """Yield ``[start, end)`` in bounded pieces."""
    for at in range(start, end, CHUNK_BYTES):
        yield bytes(buffer[at : min(at + CHUNK_BYTES, end)])


def crc32(buffer: Buffer, start: int, end: int) -> int:
    """Return the CRC-32 (IEEE 802.3) of ``[start, end)``."""
    value = 0
    for piece in chunks(buffer, start, end):
        value = zlib.crc32(piece, value)
    return value


def sum16(data: bytes) -> int:
    """Return the sum of little-endian 16-bit words modulo 2^16; an odd byte counts alone."""
    return (sum(data[::2]) + 256 * sum(data[1::2])) & 0xFFFF


def digest(buffer: Buffer, start: int, end: int, algorithm: str) -> bytes:
    """Return the digest of ``[start, end)`` by a name that ``hashlib`` knows."""
    value = hashlib.new(algorithm, usedforsecurity=False)
    for piece in chunks(buffer, start, end):
        value.update(piece)
    return value.digest()


def text(data: bytes, limit: int = 256) -> str:
    """Return ``data`` up to its first NUL as printable ASCII; anything else is escaped."""
    plain = data.split(b"\0", 1)[0][:limit].decode("latin-1")
    return _SAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", plain)


def starts(*magics: bytes) -> Callable[[Buffer, str], bool]:
    """Return a recogniser: the blob begins with one of ``magics``."""
    longest = max(map(len, magics))
    return lambda buffer, _: bytes(buffer[:longest]).startswith(magics)

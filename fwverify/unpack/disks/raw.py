"""The one child of a virtual disk: the raw disk, streamed out of blocks and holes.

Guarantees: the child is exactly as long as the disk says; blocks are claimed while they
are read, and two uses of one block are said; a disk past the bound on output is refused
before anything is written, so that terabytes of zeros cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from fwverify.model import Entry
from fwverify.reader import Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.decoders import STREAM_NAME
from fwverify.unpack.filesystems.runs import MAX_EXTENTS, claim, require_room, zeros
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import LimitHit

MAX_BLOCKS: Final = 1 << 22
"""Blocks of one disk; with blocks of 64 KiB this is 256 GiB."""


class RawDisk:
    """Gives the pieces of one disk in order, and notes where they stand."""

    def __init__(self, found: Gathered, size_bytes: int) -> None:
        self.found = found
        self.size = size_bytes
        self._left = size_bytes
        self._extents: list[tuple[int, int]] = []
        self._verbatim = True
        self._overlap = False

    def bytes_at(self, start: int, length: int, field: str) -> Iterator[bytes]:
        """Yield ``length`` bytes at ``start``, cut to what the disk still lacks.

        Raises ``Malformed`` naming ``field`` outside the blob.
        """
        length = min(length, self._left)
        end = start + length
        if start < 0 or end > self.found.source.size:
            why = f"[{start}, {end}) outside {self.found.source.size} bytes"
            raise Malformed(start, field, why, past_end=True)
        self._left -= length
        self._claim(start, end)
        for at in range(start, end, CHUNK_BYTES):
            yield bytes(self.found.buffer[at : min(at + CHUNK_BYTES, end)])

    def decoded(self, data: bytes, start: int, end: int) -> Iterator[bytes]:
        """Yield ``data``, which was decoded from ``[start, end)``."""
        self._verbatim = False
        data = data[: self._left]
        self._left -= len(data)
        self._claim(start, end)
        yield data

    def hole(self, length: int) -> Iterator[bytes]:
        """Yield ``length`` zeros that no block holds."""
        self._verbatim = False
        length = min(length, self._left)
        self._left -= length
        yield from zeros(length)

    def claim(self, start: int, end: int, kind: str = "parsed") -> None:
        """Claim ``[start, end)``; of several overlaps the first is said."""
        if not claim(self.found, start, end, kind, shared=self._overlap):
            self._overlap = True

    def _claim(self, start: int, end: int) -> None:
        if start >= end:
            return
        self.claim(start, end, "extracted")
        if self._extents and self._extents[-1][1] == start:
            self._extents[-1] = (self._extents[-1][0], end)
        elif len(self._extents) <= MAX_EXTENTS:
            self._extents.append((start, end))

    def store(self, pieces: Iterable[bytes], blocks: int) -> None:
        """Add the child whose content is ``pieces``; what they lack at the end is zeros.

        A broken block ends it: then there is no child, and the reason is recorded.
        """
        try:
            if blocks > MAX_BLOCKS:
                raise LimitHit("blocks", f"a disk of {blocks} blocks")
            require_room(self.found, self.size)
            digest, size = self.found.source.put_stream(self._whole(pieces))
        except Malformed as error:
            self.found.malformed(error)
            return
        except LimitHit as error:
            self.found.limit(error)
            return
        listed = len(self._extents) <= MAX_EXTENTS
        self.found.add(
            Entry(
                name=STREAM_NAME,
                kind="stream",
                sha256=digest,
                size=size,
                extents=tuple(self._extents) if listed else (),
                stored=self._verbatim and listed and bool(self._extents),
                generated=True,
            )
        )

    def _whole(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        yield from pieces
        yield from self.hole(self._left)

"""Decoding compressed streams piece by piece, and knowing exactly where each ends.

Guarantees: output comes in bounded pieces, so that the source's budget stops a bomb while
it grows; a dictionary is bounded before it is allocated; the offset behind a stream is
exact, so that what follows it stays visible; damage is a ``Malformed`` with its offset.
``Chain`` takes streams that follow each other as one content and keeps what was decoded
before a fault.

What it does not do: know any header. The formats do (``streams``, ``archives_zip_open``).
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Generator
from typing import Final, Protocol

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import LimitHit, Source

STREAM_NAME: Final = b"data"

IN_BYTES: Final = 64 * 1024
OUT_BYTES: Final = 1024 * 1024
DICTIONARY_BYTES: Final = 512 * 1024**2
"""A decoder's memory. Larger dictionaries exist only where someone asks for them."""

Pieces = Generator[bytes, None, int]
"""Yields decoded pieces and returns the offset behind the stream's last byte."""


class Decoder(Protocol):
    """What bz2, lzma and lz4 offer alike: bounded output, and where the stream ended."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was read."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether no output is waiting."""
        ...

    @property
    def unused_data(self) -> bytes | None:
        """What was given beyond the end of the stream."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return at most ``max_length`` bytes of content."""
        ...


class Inflate:
    """zlib's decoder with the interface of ``Decoder``; ``wbits`` is zlib's."""

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)
        self._full = False

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was read."""
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        """Whether no input or output is waiting inside."""
        return not self._inner.unconsumed_tail and not self._full

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end of the stream."""
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return at most ``max_length`` bytes of content. Raises ``zlib.error``."""
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._full = len(out) == max_length
        return out


def decode(buffer: Buffer, start: int, end: int, decoder: Decoder, field: str) -> Pieces:
    """Yield the content of the one stream at ``start``; return the offset behind it.

    Raises ``Malformed`` naming ``field`` when the stream is damaged or reaches ``end``
    unfinished, ``LimitHit`` when its dictionary is larger than the bound.
    """
    position = start
    while not decoder.eof:
        data = b""
        if decoder.needs_input:
            data = bytes(buffer[position : min(position + IN_BYTES, end)])
            if not data:
                why = "the stream ends before its end mark"
                raise Malformed(position, field, why, past_end=position >= len(buffer))
            position += len(data)
        piece = _step(decoder, data, position, field)
        if piece:
            yield piece
        elif not data and not decoder.eof and not decoder.needs_input:
            raise Malformed(position, field, "the decoder makes no progress")
    return position - len(decoder.unused_data or b"")


def _step(decoder: Decoder, data: bytes, position: int, field: str) -> bytes:
    try:
        return decoder.decompress(data, OUT_BYTES)
    except lzma.LZMAError as error:
        if "limit" in str(error).lower():
            raise LimitHit("memory_bytes", f"the dictionary is too large: {error}") from error
        raise Malformed(position, field, str(error)) from error
    except (zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
        raise Malformed(position, field, str(error)) from error


class Chain:
    """Streams that follow each other, decoded as one content.

    ``one`` decodes the stream at an offset; ``at`` returns where the next one starts at
    or behind an offset, or None. Afterwards ``spans`` are the whole streams and
    ``fault`` says why the last one broke off.
    """

    def __init__(
        self,
        buffer: Buffer,
        one: Callable[[Buffer, int], Pieces],
        at: Callable[[Buffer, int], int | None],
    ) -> None:
        self._buffer = buffer
        self._one = one
        self._at = at
        self.spans: list[tuple[int, int]] = []
        self.fault: Malformed | None = None
        self.produced = 0

    def pieces(self) -> Generator[bytes, None, None]:
        """Yield the content; a damaged stream ends it without raising."""
        position: int | None = self._at(self._buffer, 0)
        while position is not None:
            try:
                end = yield from self._counted(self._one(self._buffer, position))
            except Malformed as error:
                self.fault = error
                return
            self.spans.append((position, end))
            position = self._at(self._buffer, end)

    def _counted(self, pieces: Pieces) -> Pieces:
        try:
            while True:
                piece = next(pieces)
                self.produced += len(piece)
                yield piece
        except StopIteration as stop:
            end: int = stop.value
            return end


def open_chain(source: Source, name: str, chain: Chain) -> Gathered:
    """Return what a chain of streams gave: one child ``data`` over all of them.

    Raises ``Malformed`` when not even a first piece could be decoded.
    """
    found = Gathered(source, name)
    try:
        digest, size = source.put_stream(chain.pieces())
    except LimitHit as error:
        found.limit(error)
        return found
    if chain.fault is not None:
        if not chain.spans and not chain.produced:
            raise chain.fault
        found.malformed(chain.fault)
    whole = chain.fault is None
    found.add(
        Entry(
            name=STREAM_NAME,
            kind="stream",
            sha256=digest,
            size=size,
            extents=tuple(chain.spans) if whole else (),
            generated=True,
        )
    )
    return found


def open_plain(source: Source, name: str, chain: Chain) -> Opened:
    """Return what a chain of streams without structure of its own gave."""
    found = open_chain(source, name, chain)
    if found.entries:
        for start, end in chain.spans:
            found.claim(start, end, "extracted")
    return found.finish()


def directly(magic: bytes) -> Callable[[Buffer, int], int | None]:
    """Return a function that says whether ``magic`` stands at an offset: it, or None."""

    def at(buffer: Buffer, offset: int) -> int | None:
        return offset if bytes(buffer[offset : offset + len(magic)]) == magic else None

    return at

"""What a format's opener is given, and the arithmetic of byte classes.

An opener receives a ``Source``: one blob, mapped read-only, the store to put children
in, and the bounds. It returns an ``Opened`` whose regions partition the blob. Children
are written while they are made and bounded while they are written (UNPACKING, rule 4).

``partition`` completes an opener's claims: bytes that no claim names are padding where
they are one repeated 0x00 or 0xFF, else unexplained with their entropy. An opener claims
``extracted`` for bytes whose content is in a child and ``parsed`` for structure it read
completely; recognising is not parsing (rule 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from fwverify.limits import Limits
from fwverify.model import Opened, Region
from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES, Store, StoreFull
from fwverify.unpack.entropy import (
    BLOCK_BYTES,
    SATURATED_MILLI,
    entropy_milli,
    highest_entropy_milli,
)
from fwverify.unpack.given import Given

__all__ = [
    "BLOCK_BYTES",
    "SATURATED_MILLI",
    "Budget",
    "Format",
    "LimitHit",
    "Source",
    "entropy_milli",
    "gap_region",
    "highest_entropy_milli",
    "is_padding",
    "partition",
]

_PADDING_BYTES: Final = (0x00, 0xFF)


class LimitHit(Exception):
    """A bound of ``Limits`` was reached; ``name`` is the bound's."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


@dataclass
class Budget:
    """Counts what has come out of one blob."""

    bytes_left: int
    files_left: int


@dataclass(frozen=True)
class Source:
    """One blob to open. ``name`` is the last path entry, a hint and never proof.

    ``given`` is what the operator gave beside the update; an opener that uses any of it
    sets ``Opened.given``.
    """

    buffer: Buffer
    store: Store
    limits: Limits
    name: str
    budget: Budget = field(repr=False)
    given: Given = field(default_factory=Given, repr=False)

    @property
    def size(self) -> int:
        """The blob's size in bytes."""
        return len(self.buffer)

    def put_stream(self, chunks: Iterable[bytes | memoryview]) -> tuple[str, int]:
        """Store a child given in pieces; return its SHA-256 and size in bytes.

        Raises ``LimitHit`` when the blob has given more bytes or files than allowed;
        what was written of this child is dropped, earlier children stay.
        """
        if self.budget.files_left <= 0:
            raise LimitHit("files", f"more than {self.limits.files} entries")
        allowed = self.budget.bytes_left
        try:
            with self.store.writer(allowed) as writer:
                for chunk in chunks:
                    writer.write(chunk)
                digest, size = writer.commit()
        except StoreFull as error:
            raise LimitHit("bytes_out", f"content grows past its bound: {error}") from error
        self.budget.bytes_left -= size
        self.budget.files_left -= 1
        return digest, size

    def spool(self, chunks: Iterable[bytes], limit_bytes: int) -> str:
        """Store what is needed between two steps and is no child; return its SHA-256.

        Raises ``LimitHit`` past ``limit_bytes``.
        """
        try:
            with self.store.writer(limit_bytes) as writer:
                for chunk in chunks:
                    writer.write(chunk)
                return writer.commit()[0]
        except StoreFull as error:
            raise LimitHit("bytes_out", f"content grows past its bound: {error}") from error

    def put(self, data: bytes) -> tuple[str, int]:
        """Store ``data`` as a child; return its SHA-256 and size in bytes."""
        return self.put_stream((data,))

    def put_range(self, start: int, end: int) -> tuple[str, int]:
        """Store ``[start, end)`` of this blob as a child.

        Raises ``Malformed`` when the range is not inside the blob.
        """
        if not 0 <= start <= end <= self.size:
            raise Malformed(start, "range", f"[{start}, {end}) outside {self.size} bytes")
        return self.put_stream(
            bytes(self.buffer[at : min(at + CHUNK_BYTES, end)])
            for at in range(start, end, CHUNK_BYTES)
        )


class Format(Struct, frozen=True):
    """A format as ``fwverify formats`` lists it.

    ``recognise`` looks at the first bytes (and may look anywhere) and must be cheap and
    never raise for bad input; ``open`` is None for what can only be detected: that is
    said by name and is INCOMPLETE. ``named_only`` says the same of a format whose ``open``
    only tells why nothing comes out. ``leaf`` formats have no children.
    """

    name: str
    title: str
    family: str
    specification: str
    limitations: str
    recognise: Callable[[Buffer, str], bool]
    open: Callable[[Source], Opened] | None
    leaf: bool = False
    named_only: bool = False


def is_padding(buffer: Buffer, start: int, end: int) -> bool:
    """Return whether ``[start, end)`` is one repeated 0x00 or 0xFF."""
    if start >= end:
        return True
    first = buffer[start]
    if first not in _PADDING_BYTES:
        return False
    for at in range(start, end, CHUNK_BYTES):
        piece = bytes(buffer[at : min(at + CHUNK_BYTES, end)])
        if piece.count(first) != len(piece):
            return False
    return True


def partition(buffer: Buffer, claims: Iterable[Region]) -> tuple[Region, ...]:
    """Return regions over the whole of ``buffer``: the claims and what lies between.

    Empty claims are dropped. Raises ``Malformed`` when claims overlap or leave the
    blob: an opener resolves overlaps itself, because it knows which are an attack.
    """
    result: list[Region] = []
    position = 0
    for claim in sorted(claims, key=lambda region: (region.start, region.end)):
        if claim.start == claim.end:
            continue
        if claim.start < position or claim.end > len(buffer) or claim.end < claim.start:
            raise Malformed(claim.start, "region", f"[{claim.start}, {claim.end}) overlaps")
        result.extend(_gap(buffer, position, claim.start))
        result.append(claim)
        position = claim.end
    result.extend(_gap(buffer, position, len(buffer)))
    return tuple(result)


def _gap(buffer: Buffer, start: int, end: int) -> Iterable[Region]:
    if start >= end:
        return ()
    return (gap_region(buffer, start, end),)


def gap_region(buffer: Buffer, start: int, end: int) -> Region:
    """Return ``[start, end)`` as padding or as unexplained with its entropy."""
    if is_padding(buffer, start, end):
        return Region(start=start, end=end, kind="padding")
    return Region(
        start=start,
        end=end,
        kind="unexplained",
        entropy_milli=highest_entropy_milli(buffer, start, end),
    )

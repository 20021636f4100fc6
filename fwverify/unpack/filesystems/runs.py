"""Content that lies in pieces of a blob, with holes that read as zeros.

Guarantees: content is exactly as long as stated; every piece lies in the blob; a size
past the bound on output is refused before anything is written; holes take no memory.
Bytes that two contents claim are said (``unpack.evasion.overlap``) unless the caller
knows that its format shares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import LimitHit, is_padding

_ZEROS: Final = bytes(CHUNK_BYTES)
MAX_RUNS: Final = 1 << 19
"""Pieces of one content; a file of 512 GiB in whole groups has 4,096."""

MAX_EXTENTS: Final = 4096
"""Content in more pieces than this is stored, but its pieces are not listed."""


class Run(Struct, frozen=True):
    """``length`` bytes of content at ``start`` of the blob; ``start`` None is a hole."""

    start: int | None
    length: int


class Stored(Struct, frozen=True):
    """A content that was put into the store, with the pieces of the blob it came from."""

    sha256: str
    size: int
    extents: tuple[tuple[int, int], ...]
    stored: bool


def fitted(runs: Iterable[Run], size_bytes: int) -> list[Run]:
    """Return ``runs`` joined and cut to ``size_bytes``; what is missing is a hole."""
    result: list[Run] = []
    left = size_bytes
    for run in runs:
        if left <= 0:
            break
        length = min(run.length, left)
        append_run(result, Run(run.start, length))
        left -= length
    if left > 0:
        append_run(result, Run(None, left))
    return result


def append_run(result: list[Run], run: Run) -> None:
    """Append ``run``, joined with the last one where it goes on; bound their number.

    Raises ``LimitHit`` past ``MAX_RUNS``.
    """
    if run.length <= 0:
        return
    if result:
        last = result[-1]
        both_holes = last.start is None and run.start is None
        if both_holes or (
            last.start is not None
            and run.start is not None
            and last.start + last.length == run.start
        ):
            result[-1] = Run(last.start, last.length + run.length)
            return
    if len(result) >= MAX_RUNS:
        raise LimitHit("blocks", f"content in more than {MAX_RUNS} pieces")
    result.append(run)


def zeros(count: int) -> Iterator[bytes]:
    """Yield ``count`` zero bytes in pieces."""
    while count > 0:
        step = min(count, CHUNK_BYTES)
        yield _ZEROS[:step]
        count -= step


def pieces(buffer: Buffer, runs: Iterable[Run]) -> Iterator[bytes]:
    """Yield the content of ``runs``, which lie in ``buffer``."""
    for run in runs:
        if run.start is None:
            yield from zeros(run.length)
            continue
        end = run.start + run.length
        for at in range(run.start, end, CHUNK_BYTES):
            yield bytes(buffer[at : min(at + CHUNK_BYTES, end)])


def require_room(found: Gathered, size_bytes: int) -> None:
    """Raise ``LimitHit`` when ``size_bytes`` more are past the bound on output."""
    if size_bytes > found.source.budget.bytes_left:
        raise LimitHit("bytes_out", f"content of {size_bytes} bytes grows past its bound")


def store_runs(
    found: Gathered, runs: Iterable[Run], size_bytes: int, field: str, *, shared: bool = False
) -> Stored:
    """Store the content of ``runs`` cut to ``size_bytes``, and claim its bytes.

    Raises ``Malformed`` naming ``field`` when a run leaves the blob, and ``LimitHit``.
    """
    kept = fitted(runs, size_bytes)
    for run in kept:
        if run.start is not None and not 0 <= run.start <= found.source.size - run.length:
            why = f"[{run.start}, {run.start + run.length}) outside {found.source.size} bytes"
            raise Malformed(run.start, field, why, past_end=True)
    require_room(found, size_bytes)
    digest, size = found.source.put_stream(pieces(found.buffer, kept))
    extents = tuple((run.start, run.start + run.length) for run in kept if run.start is not None)
    for start, end in extents:
        shared = not claim(found, start, end, "extracted", shared=shared) or shared
    whole = bool(extents) and all(run.start is not None for run in kept)
    listed = len(extents) <= MAX_EXTENTS
    return Stored(digest, size, extents if listed else (), whole and listed)


def claim(
    found: Gathered, start: int, end: int, kind: str = "parsed", *, shared: bool = False
) -> bool:
    """Claim ``[start, end)``; say when somebody had claimed any of it, and return not so.

    Who claims many ranges passes ``shared`` after the first that was not free: one
    sentence per content is enough.
    """
    free = found.claim(start, end, "extracted" if kind == "extracted" else "parsed")
    if not free and not shared:
        found.observe(
            "unpack.evasion.overlap",
            f"two structures share bytes of [{start:#x}, {end:#x})",
            offset=start,
            length=end - start,
            severity="high",
        )
    return free


def require_names(found: Gathered, waiting: int) -> None:
    """Raise ``LimitHit`` when ``waiting`` more entries are past the bound on entries."""
    if len(found.entries) + waiting > found.source.limits.files:
        raise LimitHit("files", f"more than {found.source.limits.files} entries")


def claim_read(found: Gathered, start: int, end: int, used_end: int) -> None:
    """Claim ``[start, used_end)``, and the rest up to ``end`` where it is only zeros."""
    rest_is_zero = used_end < end and found.buffer[used_end] == 0
    if rest_is_zero and is_padding(found.buffer, used_end, end):
        used_end = end
    claim(found, start, used_end)


def claim_padding(found: Gathered, end: int) -> None:
    """Claim as padding what is free before ``end`` and one repeated 0x00 or 0xFF.

    A file system's free space belongs to it: carving must not cut it off.
    """
    for low, high in found.claims.free(0, min(end, found.source.size)):
        if is_padding(found.buffer, low, high):
            found.claim(low, high, "padding")


def claim_zero_clusters(found: Gathered, start: int, end: int, cluster_bytes: int) -> None:
    """Claim as padding what is free of ``[start, end)`` and zero: gaps, else clusters.

    What deleted files leave then stays unexplained alone, and not with all that is free.
    """
    for low, high in found.claims.free(start, min(end, found.source.size)):
        if _is_zero(found, low, high):
            found.claim(low, high, "padding")
            continue
        begin = at = start + -(-(low - start) // cluster_bytes) * cluster_bytes
        while at + cluster_bytes <= high:
            if not _is_zero(found, at, at + cluster_bytes):
                found.claim(begin, at, "padding")
                begin = at + cluster_bytes
            at += cluster_bytes
        if begin < at:
            found.claim(begin, at, "padding")


def _is_zero(found: Gathered, start: int, end: int) -> bool:
    return found.buffer[start] == 0 and is_padding(found.buffer, start, end)

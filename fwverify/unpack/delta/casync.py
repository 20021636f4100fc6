"""casync indexes (.caibx, .caidx): which chunks, by digest, make up a content.

Guarantees: the table is read to its end mark and every offset is ascending. The content
is put together from baseline contents that hold each chunk at the same place, each chunk
compared with its digest; where a chunk is missing, ``delta.base`` says how many of how
many.

Specification: casync, ``src/caformat.h`` (CaFormatIndex, CaFormatTable).

Not checked: a chunk store beside the index (.castr), which is other files of the update.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import msgspec

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.android.parts import noted
from fwverify.unpack.decoders import STREAM_NAME
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source

NAME: Final = "casync-index"
INDEX_BYTES: Final = 48
MAX_CHUNK_BYTES: Final = 128 * 1024 * 1024
MAX_BASES: Final = 16
_INDEX_TYPE: Final = 0x96824D9C7B129FF9
_TABLE_TYPE: Final = 0xE75B9E112F17417D
_TAIL: Final = 0x4B4F050E5549ECD1
_SHA512_256: Final = 1 << 61
_MAGIC: Final = INDEX_BYTES.to_bytes(8, "little") + _INDEX_TYPE.to_bytes(8, "little")

Chunk = tuple[int, int, bytes]
"""Start and end in the content, and digest."""


def read_index(buffer: Buffer) -> tuple[int, list[Chunk], int]:
    """Return the feature flags, the chunks, and the offset behind the table.

    Raises ``Malformed``.
    """
    reader = Reader(buffer)
    reader.expect(_MAGIC, "casync.index")
    flags, _, _, largest = reader.unpack("<4Q", "casync.index")
    size, kind = reader.unpack("<2Q", "casync.table")
    if size != 0xFFFFFFFFFFFFFFFF or kind != _TABLE_TYPE or largest > MAX_CHUNK_BYTES:
        raise Malformed(INDEX_BYTES, "casync.table", f"type {kind:#x}, chunks of {largest}")
    chunks: list[Chunk] = []
    position = 0
    while True:
        at = reader.offset
        end = reader.u64le("casync.table.offset")
        if not end:
            zero, index, stated, mark = reader.unpack("<4Q", "casync.table.tail")
            wanted = reader.offset - INDEX_BYTES
            if (zero, index, mark) != (0, INDEX_BYTES, _TAIL) or stated != wanted:
                raise Malformed(at, "casync.table.tail", f"{stated} bytes at {index}")
            return flags, chunks, reader.offset
        digest = reader.take(32, "casync.table.chunk")
        if not position < end <= position + largest:
            raise Malformed(at, "casync.table.offset", f"{position} to {end}")
        chunks.append((position, end, digest))
        position = end


def open_index(source: Source) -> Opened:
    """Return the content where the baseline holds all of it. Raises ``Malformed``."""
    flags, chunks, end = read_index(source.buffer)
    found = Gathered(source, NAME)
    found.claim(0, end)
    size = chunks[-1][1] if chunks else 0
    found.attribute("content_size", str(size))
    found.attribute("chunks", str(len(chunks)))
    algorithm = "sha512_256" if flags & _SHA512_256 else "sha256"
    found.attribute("digest", algorithm)
    with ExitStack() as stack, noted(found):
        views = [
            stack.enter_context(source.store.view(each.sha256))
            for each in sorted(source.given.bases, key=lambda each: abs(each.size - size))[
                :MAX_BASES
            ]
        ]
        held = [_holder(views, each, algorithm) for each in chunks]
        missing = sum(each is None for each in held)
        if missing:
            text = f"{missing} of {len(chunks)} chunks are neither here nor in the baseline"
            found.trouble("delta.base", text)
        else:
            digest, size = source.put_stream(_content(held, chunks))
            found.add(
                Entry(name=STREAM_NAME, kind="stream", sha256=digest, size=size, generated=True)
            )
    return msgspec.structs.replace(found.finish(), given=bool(source.given.bases))


def _holder(views: list[Buffer], chunk: Chunk, algorithm: str) -> Buffer | None:
    """Return the content that holds ``chunk`` at its place, or None."""
    low, high, digest = chunk
    for view in views:
        if high <= len(view) and hashlib.new(algorithm, view[low:high]).digest() == digest:
            return view
    return None


def _content(held: list[Buffer | None], chunks: list[Chunk]) -> Iterator[bytes]:
    for view, (low, high, _) in zip(held, chunks, strict=True):
        if view is not None:
            yield bytes(view[low:high])


CASYNC: Final = Format(
    name=NAME,
    title="casync index (.caibx, .caidx)",
    family="delta",
    specification="https://github.com/systemd/casync/blob/main/src/caformat.h",
    limitations="chunks come from the baseline at the same place only; stores are not searched",
    recognise=lambda buffer, _: bytes(buffer[:16]) == _MAGIC,
    open=open_index,
)

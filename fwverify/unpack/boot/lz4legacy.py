"""LZ4 legacy frames, as compressed kernels and their built-in initramfs use them.

Guarantees: blocks are decoded one by one, each to at most 8 MiB; the frame ends where the
next word is no block's size, so that what follows it stays visible; frames in sequence are
one content. Damage inside a block is said with its offset.

Specification: LZ4 frame format 1.6.4, "Legacy frame". Little-endian.

Not checked: the format has no checksum. The four bytes of size that kernels append read
like a block's header; they are left unexplained.
"""

from __future__ import annotations

from typing import Final

from fwverify.model import Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.decoders import Chain, Pieces, directly, open_plain
from fwverify.unpack.parts import starts
from fwverify.unpack.source import Format, Source

NAME: Final = "lz4-legacy"
MAGIC: Final = b"\x02\x21\x4c\x18"
BLOCK_BYTES: Final = 8 * 1024 * 1024
MAX_PACKED_BYTES: Final = BLOCK_BYTES + BLOCK_BYTES // 255 + 16


def _frame(buffer: Buffer, start: int) -> Pieces:
    """Yield the blocks of the frame at ``start``; return the offset behind it."""
    import lz4.block

    reader = Reader(buffer, start + len(MAGIC))
    full = True
    while reader.remaining > 4:
        at = reader.offset
        size = reader.u32le("block size")
        known = 0 < size <= min(MAX_PACKED_BYTES, reader.remaining)
        if not known or not full:  # a block before the last one holds 8 MiB
            if at == start + len(MAGIC) or (full and 0 < size <= MAX_PACKED_BYTES):
                why = f"{size} bytes, {reader.remaining} remain"
                raise Malformed(at, "block size", why, past_end=size > reader.remaining)
            return at
        try:
            piece: bytes = lz4.block.decompress(
                reader.take(size, "block"), uncompressed_size=BLOCK_BYTES
            )
        except (lz4.block.LZ4BlockError, ValueError) as error:
            raise Malformed(at + 4, "block", str(error)) from error
        full = len(piece) == BLOCK_BYTES
        yield piece
    return reader.offset


def open_stream(source: Source) -> Opened:
    """Return the content as the child ``data``. Raises ``Malformed``."""
    return open_plain(source, NAME, Chain(source.buffer, _frame, directly(MAGIC)))


LZ4_LEGACY: Final = Format(
    name=NAME,
    title="LZ4 legacy frame",
    family="compression",
    specification="https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md",
    limitations="has no checksum and no end mark: it ends with a block that is not full",
    recognise=starts(MAGIC),
    open=open_stream,
)

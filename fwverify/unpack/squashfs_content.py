"""SquashFS 4.0: the content of files, out of data blocks and fragments.

Guarantees: a file's bytes are complete and exactly as long as its inode says, or
``Malformed`` is raised; each block is inside the image and no larger than a block; the
bytes of a block behind the end of its compressed stream are never claimed.

Specification: as in ``squashfs_blocks``; sections "File Inodes", "Fragment Table".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, Observation, Problem
from fwverify.paths import encode_name
from fwverify.reader import Malformed
from fwverify.unpack.claims import Range
from fwverify.unpack.source import Source
from fwverify.unpack.squashfs_blocks import SUPERBLOCK_BYTES, decompress
from fwverify.unpack.squashfs_inodes import NO_FRAGMENT, Inode
from fwverify.unpack.squashfs_tables import Tables

_STORED_BLOCK: Final = 1 << 24
_BLOCK_SIZE_MASK: Final = _STORED_BLOCK - 1
_FRAGMENT_CACHE: Final = 8


class Notes(Struct):
    """What is collected while one image is read; private to a call of ``read_image``."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    blocks: set[Range] = field(default_factory=set)
    inodes: list[Range] = field(default_factory=list)
    listings: list[Range] = field(default_factory=list)
    tails: dict[int, list[Range]] = field(default_factory=dict)
    stored: dict[tuple[object, ...], tuple[str, int]] = field(default_factory=dict)
    decoded: dict[int, bytes] = field(default_factory=dict)
    lengths: dict[int, int] = field(default_factory=dict)
    stopped: bool = False

    def problem(self, code: str, name: bytes, text: str) -> None:
        """Record why something was not read."""
        self.problems.append(Problem(code=code, path=relative(name), text=text))

    def observe(self, rule: str, text: str, offset: int, name: bytes, length: int = 0) -> None:
        """Record what no honest writer of this format does."""
        self.observations.append(
            Observation(
                rule=rule,
                text=text,
                severity="high",
                offset=offset,
                length=length,
                evidence=(relative(name),) if name else (),
            )
        )


def relative(name: bytes) -> str:
    """Return ``name`` in the path grammar; the image itself is the empty text."""
    return encode_name(name) if name else ""


def store_file(
    source: Source, tables: Tables, inode: Inode, notes: Notes
) -> tuple[str, int, tuple[Range, ...], bool]:
    """Return a file's digest, size, extents and whether they are its bytes verbatim."""
    blocks = _block_ranges(source, tables, inode)
    if not _fits(tables, inode):
        raise Malformed(inode.start, "squashfs.inode.file.fragment", f"{inode.fragment}")
    known = notes.stored.get(inode.content_key)
    if known is None:
        known = source.put_stream(_content(source, tables, inode, blocks, notes))
        notes.stored[inode.content_key] = known
    ranges = [(start, end) for start, end, _ in blocks if start < end]
    verbatim = all(is_stored and start < end for start, end, is_stored in blocks)
    tail = inode.size % tables.superblock.block_size
    if inode.fragment != NO_FRAGMENT and tail:
        start, word = tables.fragments[inode.fragment]
        if word & _STORED_BLOCK:
            ranges.append((start + inode.offset, start + inode.offset + tail))
        else:
            ranges.append((start, start + (word & _BLOCK_SIZE_MASK)))
            verbatim = False
    return (*known, _joined(ranges), verbatim)


def _joined(ranges: list[Range]) -> tuple[Range, ...]:
    """Return ``ranges`` in order with those that touch joined."""
    joined: list[Range] = []
    for start, end in ranges:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _fits(tables: Tables, inode: Inode) -> bool:
    """Return whether a file's fragment, if it has one, exists and holds its tail."""
    tail = inode.size % tables.superblock.block_size
    if inode.fragment == NO_FRAGMENT:
        return True
    inside = inode.offset + tail <= tables.superblock.block_size
    return inode.fragment < len(tables.fragments) and inside


def _block_ranges(
    source: Source, tables: Tables, inode: Inode
) -> tuple[tuple[int, int, bool], ...]:
    """Return (start, end, stored) of each block; an empty range is sparse.

    Raises ``Malformed`` when a block leaves the image or is larger than a block.
    """
    position, end = inode.start, min(source.size, tables.superblock.bytes_used)
    blocks = []
    for word in inode.sizes:
        size = word & _BLOCK_SIZE_MASK
        if size > tables.superblock.block_size or (size and position + size > end):
            raise Malformed(position, "squashfs.block", f"{size} bytes, the image has {end}")
        blocks.append((position, position + size, bool(word & _STORED_BLOCK)))
        position += size
    return tuple(blocks)


def _content(
    source: Source,
    tables: Tables,
    inode: Inode,
    blocks: tuple[tuple[int, int, bool], ...],
    notes: Notes,
) -> Iterator[bytes]:
    """Yield a file's bytes block by block and note which of the image's it used."""
    block_size, left = tables.superblock.block_size, inode.size
    for start, end, stored in blocks:
        wanted = min(left, block_size)
        left -= wanted
        if start == end:
            yield bytes(wanted)
            continue
        piece = _block(source, tables, start, end, stored, notes)
        if len(piece) != wanted:
            raise Malformed(start, "squashfs.block", f"{len(piece)} bytes, not {wanted}")
        yield piece
    if left:
        data = fragment(source, tables, inode.fragment, notes)
        piece = data[inode.offset : inode.offset + left]
        if len(piece) != left:
            raise Malformed(inode.start, "squashfs.fragment", f"{len(piece)} bytes, not {left}")
        notes.tails.setdefault(inode.fragment, []).append((inode.offset, inode.offset + left))
        yield piece


def _block(
    source: Source, tables: Tables, start: int, end: int, stored: bool, notes: Notes
) -> bytes:
    """Return a data block's content; what its decoder left over stays unclaimed."""
    raw = bytes(source.buffer[start:end])
    if stored:
        notes.blocks.add((start, end))
        return raw
    superblock = tables.superblock
    piece, used = decompress(superblock.compressor, raw, superblock.block_size, start)
    if used != len(raw) and (start, start + used) not in notes.blocks:
        text = f"{len(raw) - used} bytes stand behind the end of a compressed block"
        notes.observe("squashfs.block_slack", text, start + used, b"", len(raw) - used)
    notes.blocks.add((start, start + used))
    return piece


def fragment(source: Source, tables: Tables, index: int, notes: Notes) -> bytes:
    """Return a fragment block's content; the last few are kept."""
    if index in notes.decoded:
        return notes.decoded[index]
    start, word = tables.fragments[index]
    end = start + (word & _BLOCK_SIZE_MASK)
    limit = min(source.size, tables.superblock.bytes_used)
    if not SUPERBLOCK_BYTES <= start < end <= limit or end - start > tables.superblock.block_size:
        raise Malformed(start, "squashfs.fragment", f"[{start}, {end}) of {limit} bytes")
    data = _block(source, tables, start, end, bool(word & _STORED_BLOCK), notes)
    if len(notes.decoded) >= _FRAGMENT_CACHE:
        notes.decoded.pop(next(iter(notes.decoded)))
    notes.decoded[index] = data
    notes.lengths[index] = len(data)
    return data

"""cramfs file systems of either byte order, read without mounting.

Guarantees: names, modes, owners and device numbers are those of the inodes; the CRC-32
over the image is compared where the image has one; every block is decoded once and must
give as many bytes as the file has there. A file that shares its blocks with another is
the same content under both names, as the builder stores equal files once.

Specification: Linux kernel, Documentation/filesystems/cramfs.rst and
include/uapi/linux/cramfs_fs.h.

Not checked: direct block pointers of execute-in-place images are INCOMPLETE by name.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct, field

from fwverify.model import Entry, NodeKind, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.filesystems.runs import (
    Stored,
    claim,
    claim_padding,
    require_names,
    require_room,
)
from fwverify.unpack.gather import MAX_LINK_BYTES, Gathered
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "cramfs"
MAGIC: Final = 0x28CD3D45
SIGNATURE: Final = b"Compressed ROMFS"
BLOCK_BYTES: Final = 4096
MAX_PATH_BYTES: Final = 4096
_ROOT_AT: Final = 64
_HEAD_BYTES: Final = 76
_VERSION_2, _WRONG_SIGNATURE, _EXTENDED = 1, 0x200, 0x800
_KNOWN_FLAGS: Final = 0x1 | 0x2 | 0x100 | 0x200 | 0x400

KINDS: Final[dict[int, NodeKind]] = {
    0x1: "fifo",
    0x2: "device",
    0x4: "directory",
    0x6: "device",
    0x8: "file",
    0xA: "symlink",
    0xC: "socket",
}


class Inode(Struct, frozen=True):
    """One inode. ``at`` is its offset, ``offset`` that of its data."""

    at: int
    kind: NodeKind
    mode: int
    uid: int
    gid: int
    size: int
    name_bytes: int
    offset: int


class _Image(Struct):
    """One file system while it is read; private to a call of ``open_image``."""

    found: Gathered
    order: Literal["little", "big"]
    contents: dict[tuple[int, int], Stored | None] = field(default_factory=dict)
    links: dict[tuple[int, int], bytes] = field(default_factory=dict)


def _order(buffer: Buffer) -> Literal["little", "big"] | None:
    raw = bytes(buffer[:4])
    if int.from_bytes(raw, "little") == MAGIC:
        return "little"
    return "big" if int.from_bytes(raw, "big") == MAGIC else None


def open_image(source: Source) -> Opened:
    """Return the file system at the blob's start. Raises ``Malformed`` without a header."""
    order = _order(source.buffer)
    if order is None:
        raise Malformed(0, "cramfs.magic", "is not there")
    found = Gathered(source, NAME)
    raw = Reader(source.buffer).peek(0, _HEAD_BYTES, "cramfs.superblock")
    size, flags, _ = struct.unpack_from("<III" if order == "little" else ">III", raw, 4)
    (crc,) = struct.unpack_from("<I" if order == "little" else ">I", raw, 32)
    found.claim(0, _ROOT_AT)
    unknown = flags & ~_KNOWN_FLAGS
    if unknown:
        found.trouble("unsupported", f"cramfs: the flags {unknown:#x} are not supported")
    if flags & _VERSION_2:
        _checksum(found, size, crc)
    if not unknown:
        try:
            _walk(_Image(found, order))
        except LimitHit as error:
            found.limit(error)
    claim_padding(found, size if flags & _VERSION_2 else source.size)
    return found.finish()


def _checksum(found: Gathered, size: int, stated: int) -> None:
    """Compare the CRC-32 over the image, its own field as zeros."""
    if size > found.source.size:
        found.trouble("truncated", f"{found.source.size} of {size} bytes are there")
        return
    value = zlib.crc32(bytes(found.buffer[:32]) + bytes(4))
    for at in range(36, size, CHUNK_BYTES):
        value = zlib.crc32(found.buffer[at : min(at + CHUNK_BYTES, size)], value)
    if value != stated:
        text = "cramfs: the checksum is wrong"
        found.observe("unpack.malformed", text, offset=32)
        found.trouble("format.malformed", text)


def _inode(image: _Image, at: int) -> Inode:
    """Return one inode of 12 bytes: three words of bit fields, in the builder's order."""
    raw = Reader(image.found.buffer).peek(at, 12, "cramfs.inode")
    words = struct.unpack("<III" if image.order == "little" else ">III", raw)
    if image.order == "little":
        mode, uid = words[0] & 0xFFFF, words[0] >> 16
        size, gid = words[1] & 0xFFFFFF, words[1] >> 24
        name, offset = words[2] & 0x3F, words[2] >> 6
    else:
        mode, uid = words[0] >> 16, words[0] & 0xFFFF
        size, gid = words[1] >> 8, words[1] & 0xFF
        name, offset = words[2] >> 26, words[2] & 0x3FFFFFF
    kind = KINDS.get(mode >> 12)
    if kind is None:
        raise Malformed(at, "cramfs.inode.mode", f"{mode:#o}")
    return Inode(at, kind, mode & 0o7777, uid, gid, size, 4 * name, 4 * offset)


# --- the tree ------------------------------------------------------------------------


def _walk(image: _Image) -> None:
    found = image.found
    try:
        root = _inode(image, _ROOT_AT)
        if root.kind != "directory":
            raise Malformed(_ROOT_AT, "cramfs.root", f"is a {root.kind}")
        claim(found, _ROOT_AT, _ROOT_AT + 12)
    except Malformed as error:
        found.malformed(error)
        return
    seen = {root.offset}
    pending = _children(image, root, b"")
    while pending:
        name, inode = pending.pop()
        _record(image, inode, name)
        if inode.kind != "directory" or not inode.size:
            continue
        if inode.offset in seen:
            text = "the directory is reached twice: not descended"
            found.observe("unpack.evasion.directory", text, offset=inode.at, severity="high")
            found.trouble("format.malformed", text, name)
        elif len(name) > MAX_PATH_BYTES:
            found.trouble("format.malformed", "the path is too long: not descended", name)
        else:
            seen.add(inode.offset)
            pending += _children(image, inode, name + b"/")
            require_names(found, len(pending))


def _children(image: _Image, folder: Inode, path: bytes) -> list[tuple[bytes, Inode]]:
    """Return a directory's entries, the last first; a fault keeps what came before."""
    result: list[tuple[bytes, Inode]] = []
    position, end = folder.offset, folder.offset + folder.size
    try:
        while position < end:
            inode = _inode(image, position)
            raw = Reader(image.found.buffer).peek(position + 12, inode.name_bytes, "cramfs.name")
            name = raw.rstrip(b"\0")
            if not name or b"\0" in name or len(raw) - len(name) > 3:
                raise Malformed(position + 12, "cramfs.name", raw.hex())
            if b"/" in name or name in (b".", b".."):
                text = "a name that no Linux file can have"
                image.found.observe("unpack.evasion.name", text, offset=position, severity="high")
            claim(image.found, position, position + 12 + inode.name_bytes)
            result.append((path + name, inode))
            position += 12 + inode.name_bytes
        if position != end:
            raise Malformed(end, "cramfs.directory", "the last entry leaves its directory")
    except Malformed as error:
        _fault(image, error, path)
    return result[::-1]


def _fault(image: _Image, error: Malformed, name: bytes) -> None:
    image.found.observe("unpack.malformed", f"{NAME}: {error}", offset=max(0, error.offset))
    code = "truncated" if error.past_end else "format.malformed"
    image.found.trouble(code, str(error), name or None)


def _record(image: _Image, inode: Inode, name: bytes) -> None:
    key = (inode.offset, inode.size)
    try:
        if inode.kind == "file" and key not in image.contents:
            image.contents[key] = None
            image.contents[key] = _store(image, inode)
        if inode.kind == "symlink" and key not in image.links:
            if inode.size > MAX_LINK_BYTES:
                raise Malformed(inode.at, "cramfs.inode.size", f"a link of {inode.size} bytes")
            image.links[key] = b"".join(_content(image, inode, "parsed"))
    except Malformed as error:
        _fault(image, error, name)
    stored = image.contents.get(key) if inode.kind == "file" else None
    device = (inode.size >> 8 & 0xFF, inode.size & 0xFF) if inode.kind == "device" else None
    image.found.add(
        Entry(
            name=name,
            kind=inode.kind,
            sha256=stored.sha256 if stored else None,
            size=stored.size if stored else None,
            extents=stored.extents if stored else (),
            mode=inode.mode,
            uid=inode.uid,
            gid=inode.gid,
            link=image.links.get(key) if inode.kind == "symlink" else None,
            device=device,
        )
    )


def _store(image: _Image, inode: Inode) -> Stored:
    require_room(image.found, inode.size)
    digest, size = image.found.source.put_stream(_content(image, inode, "extracted"))
    start = inode.offset
    ends = _pointers(image, inode) if size else ()
    extents = ((start, ends[-1]),) if ends and ends[-1] > start else ()
    return Stored(digest, size, extents, stored=False)


def _pointers(image: _Image, inode: Inode) -> tuple[int, ...]:
    """Return the offset behind each block of a file. Raises ``Malformed``."""
    count = -(-inode.size // BLOCK_BYTES)
    raw = Reader(image.found.buffer).peek(inode.offset, 4 * count, "cramfs.pointers")
    return struct.unpack(f"{'<' if image.order == 'little' else '>'}{count}I", raw)


def _content(image: _Image, inode: Inode, kind: str) -> Iterator[bytes]:
    """Yield a file's content, block by block, and claim it. Raises ``Malformed``."""
    if not inode.size:
        return
    ends = _pointers(image, inode)
    start = inode.offset + 4 * len(ends)
    claim(image.found, inode.offset, start)
    left = inode.size
    shared = False
    for end in ends:
        wanted = min(BLOCK_BYTES, left)
        left -= wanted
        if end < start or end - start > 2 * BLOCK_BYTES:
            raise Malformed(inode.offset, "cramfs.pointers", f"a block of {end - start} bytes")
        if end == start:
            yield bytes(wanted)
            continue
        raw = Reader(image.found.buffer).peek(start, end - start, "cramfs.block")
        inflate = zlib.decompressobj()
        try:
            data = inflate.decompress(raw, BLOCK_BYTES + 1)
        except zlib.error as error:
            raise Malformed(start, "cramfs.block", str(error)) from error
        if len(data) != wanted or not inflate.eof:
            raise Malformed(start, "cramfs.block", f"{len(data)} of {wanted} bytes")
        stop = end - len(inflate.unused_data)
        shared = not claim(image.found, start, stop, kind, shared=shared) or shared
        yield data
        start = end


CRAMFS: Final = Format(
    name=NAME,
    title="cramfs file system",
    family="file system",
    specification="https://www.kernel.org/doc/html/latest/filesystems/cramfs.html",
    limitations="execute-in-place images with direct block pointers are named, not read",
    recognise=lambda buffer, _: bytes(buffer[16:32]) == SIGNATURE,
    open=open_image,
)

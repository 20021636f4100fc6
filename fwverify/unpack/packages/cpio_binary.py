"""The binary cpio of old, in both byte orders.

Guarantees: names, modes, owners, links, devices and times are those of the headers; what
follows the trailer stays unexplained; an archive without its trailer is not complete.

Specification: cpio(5) of FreeBSD, "Old Binary Format": thirteen 16-bit words, of 32-bit
numbers the high word first; names and contents are padded to an even length.

Not checked: the format carries no checksum.
"""

from __future__ import annotations

import stat
from typing import Final

from fwverify.model import Entry, NodeKind, Opened
from fwverify.paths import encode_name
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.archives_cpio import TRAILER
from fwverify.unpack.gather import Gathered, is_link_target
from fwverify.unpack.source import Format, LimitHit, Source

HEADER_BYTES: Final = 26
_ORDERS: Final = {b"\xc7\x71": "<", b"\x71\xc7": ">"}
_MAX_NAME_BYTES: Final = 4096
_MAX_LINK_BYTES: Final = 65_536
_KINDS: Final[dict[int, NodeKind]] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


def open_cpio_binary(source: Source) -> Opened:
    """Return what the archive holds. Raises ``Malformed`` for a bad first header."""
    found = Gathered(source, "cpio-binary")
    order = _ORDERS.get(bytes(source.buffer[:2]))
    if order is None:
        raise Malformed(0, "magic", "is not that of binary cpio")
    reader = Reader(source.buffer)
    try:
        while _take(found, reader, order):
            pass
    except Malformed as error:
        if not found.entries:
            raise
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish()


def _take(found: Gathered, reader: Reader, order: str) -> bool:
    """List the entry at the cursor and move behind it; return whether it was no trailer."""
    start = reader.offset
    fields = reader.unpack(f"{order}13H", "header")
    magic, _, _, mode, uid, gid, _, rdev = fields[:8]
    mtime, name_size, size = fields[8] << 16 | fields[9], fields[10], fields[11] << 16 | fields[12]
    if magic != 0o070707:
        raise Malformed(start, "magic", f"{magic:o} is not 070707")
    if not 1 <= name_size <= _MAX_NAME_BYTES:
        raise Malformed(start + 20, "namesize", f"{name_size}")
    name = reader.take(name_size, "name")
    if name[-1:] != b"\x00":
        raise Malformed(reader.offset - 1, "name", "is not ended by NUL")
    found.claim(start, reader.offset)
    if name[:-1] == TRAILER:
        if reader.remaining:
            _even(found, reader)
        return False
    _even(found, reader)
    begin, end = reader.offset, reader.offset + size
    reader.skip(size, "filesize")
    found.add(_entry(found, name[:-1], mode, uid, gid, mtime, rdev, begin, end))
    _even(found, reader)
    return True


def _even(found: Gathered, reader: Reader) -> None:
    if reader.offset % 2:
        at = reader.offset
        if reader.take(1, "padding") == b"\x00":
            found.claim(at, at + 1, "padding")


def _entry(
    found: Gathered, name: bytes, mode: int, uid: int, gid: int, mtime: int, rdev: int,
    start: int, end: int,
) -> Entry:  # fmt: skip
    """Return the entry, its content stored; content where none belongs is a file's."""
    kind = _KINDS.get(stat.S_IFMT(mode))
    target = bytes(found.buffer[start : min(end, start + _MAX_LINK_BYTES)])
    link = target if kind == "symlink" and is_link_target(target) else None
    digest, size = None, None
    if link is not None:
        found.claim(start, end)
    elif kind in (None, "file") or end > start:
        if kind != "file":
            text = f"{encode_name(name)} is no file and has the content of one"
            found.observe("unpack.evasion.mismatch", text, offset=start)
        digest, size = found.source.put_range(start, end)
        found.claim(start, end, "extracted")
    device = (rdev >> 8, rdev & 0xFF) if kind == "device" else None
    return Entry(
        name=name,
        kind=kind if kind is not None and digest is None else "file",
        sha256=digest,
        size=size,
        extents=((start, end),) if size else (),
        stored=digest is not None,
        mode=mode & 0o7777,
        uid=uid,
        gid=gid,
        mtime=mtime,
        link=link,
        device=device,
    )


def _recognise(buffer: Buffer, _: str) -> bool:
    """Return whether a header with a name that fits stands first; the magic is two bytes."""
    head = bytes(buffer[:HEADER_BYTES])
    order = _ORDERS.get(head[:2])
    if order is None or len(head) < HEADER_BYTES:
        return False
    size = int.from_bytes(head[20:22], "little" if order == "<" else "big")
    name = bytes(buffer[HEADER_BYTES : HEADER_BYTES + min(size, _MAX_NAME_BYTES)])
    return 2 <= size <= _MAX_NAME_BYTES and len(name) == size and name.find(b"\x00") == size - 1


CPIO_BINARY: Final = Format(
    name="cpio-binary",
    title="binary cpio",
    family="package",
    specification="https://man.freebsd.org/cgi/man.cgi?query=cpio&sektion=5",
    limitations="hard links are files of their own; carries no checksum",
    recognise=_recognise,
    open=open_cpio_binary,
)

"""Writes SquashFS 4.0 images for the samples, byte for byte the same for the same input.

Specification: the kernel's ``Documentation/filesystems/squashfs.rst`` and
``fs/squashfs/squashfs_fs.h`` (all fields little endian). Written are basic directories,
files and symbolic links; no fragments, no extended attributes, no export table. A block
is compressed with zlib where that makes it smaller, else stored; inode, directory and
id tables are stored plain. The image is padded to 4096 bytes, as RAUC demands.

This is no general tool: a directory listing over 64 KiB or more than 65,536 distinct
owners is refused.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_MAGIC: Final = 0x73717368
_BLOCK_BYTES: Final = 131072
_METADATA_BYTES: Final = 8192
_STORED_METADATA: Final = 0x8000
_STORED_BLOCK: Final = 1 << 24
_ABSENT: Final = 0xFFFFFFFFFFFFFFFF
_NO_FRAGMENT: Final = 0xFFFFFFFF
# Inodes and ids stored plain (0x1, 0x800), no fragments (0x10), no xattrs (0x200).
_FLAGS: Final = 0x0001 | 0x0010 | 0x0200 | 0x0800
_ZLIB: Final = 1
_DIRECTORY, _FILE, _SYMLINK = 1, 2, 3
_SUPERBLOCK_BYTES: Final = 96
_PAD_BYTES: Final = 4096
_ENTRIES_PER_HEADER: Final = 256
_LISTING_MAX_BYTES: Final = 65535 - 3


@dataclass(frozen=True)
class Entry:
    """One entry: a file (``content``), a link (``target``) or, with neither, a directory."""

    mode: int
    content: bytes | None = None
    target: bytes | None = None
    uid: int = 0
    gid: int = 0


class _Metadata:
    """A table of metadata blocks, all stored plain; positions are (block start, offset)."""

    def __init__(self) -> None:
        self._data = bytearray()

    def position(self) -> tuple[int, int]:
        whole, offset = divmod(len(self._data), _METADATA_BYTES)
        return whole * (_METADATA_BYTES + 2), offset

    def append(self, data: bytes) -> tuple[int, int]:
        at = self.position()
        self._data += data
        return at

    def encoded(self) -> bytes:
        return b"".join(
            struct.pack("<H", len(piece) | _STORED_METADATA) + piece
            for start in range(0, len(self._data), _METADATA_BYTES)
            for piece in (bytes(self._data[start : start + _METADATA_BYTES]),)
        )


@dataclass(frozen=True)
class _Placed:
    """An inode that has been written: where it lies, its number and its type."""

    block: int
    offset: int
    number: int
    kind: int


class _Writer:
    def __init__(self, entries: Mapping[str, Entry], mtime: int) -> None:
        self._entries = dict(entries)
        self._mtime = mtime
        self._numbers = {path: n for n, path in enumerate(sorted(self._entries), start=1)}
        owners = {entry.uid for entry in entries.values()} | {e.gid for e in entries.values()}
        self._ids = sorted(owners)
        self._body = bytearray()
        self._inodes = _Metadata()
        self._listings = _Metadata()

    def image(self) -> bytes:
        root = self._directory("")
        parts = [bytes(self._body)]
        starts = []
        position = _SUPERBLOCK_BYTES + len(self._body)
        for table in (self._inodes.encoded(), self._listings.encoded()):
            starts.append(position)
            parts.append(table)
            position += len(table)
        # A table of no fragments still has a place: 7-Zip takes it for the end of listings.
        fragment_table = position
        ids = _Metadata()
        ids.append(struct.pack(f"<{len(self._ids)}I", *self._ids))
        encoded = ids.encoded()
        parts += [encoded, struct.pack("<Q", position)]
        id_table = position + len(encoded)
        used = id_table + 8
        head = struct.pack(
            "<IIIIIHHHHHHQQQQQQQQ",
            _MAGIC,
            len(self._entries),
            self._mtime,
            _BLOCK_BYTES,
            0,
            _ZLIB,
            _BLOCK_BYTES.bit_length() - 1,
            _FLAGS,
            len(self._ids),
            4,
            0,
            root.block << 16 | root.offset,
            used,
            id_table,
            _ABSENT,
            starts[0],
            starts[1],
            fragment_table,
            _ABSENT,
        )
        return b"".join((head, *parts, b"\0" * (-used % _PAD_BYTES)))

    def _children(self, path: str) -> list[str]:
        prefix = f"{path}/" if path else ""
        return sorted(
            name
            for name in self._entries
            if name and name.startswith(prefix) and "/" not in name[len(prefix) :]
        )

    def _place(self, path: str) -> _Placed:
        entry = self._entries[path]
        if entry.content is not None:
            return self._file(path, entry.content)
        if entry.target is not None:
            body = struct.pack("<II", 1, len(entry.target)) + entry.target
            return self._inode(path, _SYMLINK, body)
        return self._directory(path)

    def _file(self, path: str, content: bytes) -> _Placed:
        start = _SUPERBLOCK_BYTES + len(self._body)
        sizes = []
        for at in range(0, len(content), _BLOCK_BYTES):
            plain = content[at : at + _BLOCK_BYTES]
            packed = zlib.compress(plain, 9)
            smaller = len(packed) < len(plain)
            self._body += packed if smaller else plain
            sizes.append(len(packed) if smaller else len(plain) | _STORED_BLOCK)
        body = struct.pack("<IIII", start, _NO_FRAGMENT, 0, len(content))
        return self._inode(path, _FILE, body + struct.pack(f"<{len(sizes)}I", *sizes))

    def _directory(self, path: str) -> _Placed:
        children = self._children(path)
        placed = [(child.rsplit("/", 1)[-1].encode(), self._place(child)) for child in children]
        listing = _listing(placed)
        if len(listing) > _LISTING_MAX_BYTES:
            raise ValueError(f"{path}: too many entries for a basic directory")
        block, offset = self._listings.append(listing)
        links = 2 + sum(1 for _, child in placed if child.kind == _DIRECTORY)
        # The root's parent is one past the last inode, as mksquashfs writes it.
        parent = self._numbers[path.rpartition("/")[0]] if path else len(self._entries) + 1
        body = struct.pack("<IIHHI", block, links, len(listing) + 3, offset, parent)
        return self._inode(path, _DIRECTORY, body)

    def _inode(self, path: str, kind: int, body: bytes) -> _Placed:
        entry, number = self._entries[path], self._numbers[path]
        head = struct.pack(
            "<HHHHII",
            kind,
            entry.mode,
            self._ids.index(entry.uid),
            self._ids.index(entry.gid),
            self._mtime,
            number,
        )
        block, offset = self._inodes.append(head + body)
        return _Placed(block, offset, number, kind)


def _listing(placed: list[tuple[bytes, _Placed]]) -> bytes:
    """Return a directory's listing: runs of entries that share an inode block."""
    runs: list[list[tuple[bytes, _Placed]]] = []
    for item in placed:
        last = runs[-1] if runs else None
        fits = last and len(last) < _ENTRIES_PER_HEADER and last[0][1].block == item[1].block
        if last is not None and fits:
            last.append(item)
        else:
            runs.append([item])
    result = bytearray()
    for run in runs:
        base = run[0][1]
        result += struct.pack("<III", len(run) - 1, base.block, base.number)
        for name, inode in run:
            difference = inode.number - base.number
            result += struct.pack("<HhHH", inode.offset, difference, inode.kind, len(name) - 1)
            result += name
    return bytes(result)


def write_squashfs(entries: Mapping[str, Entry], *, mtime: int) -> bytes:
    """Return an image of ``entries``, keyed by path without a leading slash.

    Parent directories that are not named are added, mode 0755, owned by 0:0. ``mtime``
    is in seconds since 1970 and is given to every inode. Raises ``ValueError`` for an
    entry whose parent is no directory or a directory that does not fit.
    """
    complete = {"": Entry(0o755), **entries}
    for path in entries:
        parents = path.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            parent = complete.setdefault("/".join(parents[:depth]), Entry(0o755))
            if parent.content is not None or parent.target is not None:
                raise ValueError(f"{path}: {'/'.join(parents[:depth])} is no directory")
    return _Writer(complete, mtime).image()

"""Makes small SquashFS 4.0 images byte by byte, good and hostile.

A tree is a dict: ``bytes`` is a file, ``dict`` a folder, ``str`` a symlink, ``Device`` a
device. Metadata blocks are stored unless a codec is given. ``Layout`` says where things
ended up, so that a test can break exactly one of them.
"""

import lzma
import struct
import zlib
from dataclasses import dataclass, field

import lz4.block
import zstandard

ABSENT = 0xFFFF_FFFF_FFFF_FFFF
CODECS = {
    "gzip": (1, lambda data: zlib.compress(data, 9)),
    "xz": (4, lambda data: lzma.compress(data, check=lzma.CHECK_CRC32)),
    "lz4": (5, lambda data: lz4.block.compress(data, store_size=False)),
    "zstd": (6, lambda data: zstandard.ZstdCompressor().compress(data)),
}


@dataclass(frozen=True)
class Device:
    major: int
    minor: int
    character: bool = True


@dataclass
class Layout:
    """Offsets of what a test wants to break."""

    image: bytearray = field(default_factory=bytearray)
    blocks: dict = field(default_factory=dict)
    inodes: int = 0
    directories: int = 0
    fragments: int = 0
    bytes_used: int = 0


def _meta(data, codec):
    """Return metadata blocks; one that does not shrink is stored."""
    out = bytearray()
    for at in range(0, len(data), 8192):
        piece = data[at : at + 8192]
        packed = CODECS[codec][1](piece) if codec else piece
        stored = len(packed) >= len(piece)
        body = piece if stored else packed
        out += struct.pack("<H", len(body) | (0x8000 if stored else 0)) + body
    return bytes(out)


class Builder:
    """Collects inodes and listings, children first, then writes the tables."""

    def __init__(self, codec="gzip", block_size=4096, stored_metadata=True, mode=0o644):
        self.number, self.pack = CODECS[codec]
        self.codec = None if stored_metadata else codec
        self.block_size = block_size
        self.mode = mode
        self.layout = Layout(bytearray(96))
        self.inodes = bytearray()
        self.listings = bytearray()
        self.tail = bytearray()
        self.count = 0

    def block(self, data):
        """Write a data block; return its size word."""
        packed = self.pack(data)
        stored = len(packed) >= len(data)
        body = data if stored else packed
        self.layout.image += body
        return len(body) | (1 << 24 if stored else 0)

    def add_inode(self, kind, body, mode=None):
        """Write an inode; return its place in the inode table."""
        self.count += 1
        place = len(self.inodes)
        mode = self.mode if mode is None else mode
        self.inodes += struct.pack("<4H2I", kind, mode, 0, 0, 1000, self.count) + body
        return place

    def add_file(self, name, data):
        start = len(self.layout.image)
        whole = len(data) // self.block_size * self.block_size
        words = []
        for at in range(0, whole, self.block_size):
            piece = data[at : at + self.block_size]
            words.append(self.block(piece) if any(piece) else 0)
        fragment, offset = 0xFFFF_FFFF, 0
        if len(data) > whole:
            fragment, offset = 0, len(self.tail)
            self.tail += data[whole:]
        self.layout.blocks[name] = (start, len(self.layout.image))
        body = struct.pack("<4I", start, fragment, offset, len(data))
        return 2, self.add_inode(2, body + struct.pack(f"<{len(words)}I", *words))

    def add(self, name, item):
        """Write ``item``; return its basic type and the place of its inode."""
        if isinstance(item, bytes):
            return self.add_file(name, item)
        if isinstance(item, dict):
            return self.add_folder(name, item)
        if isinstance(item, str):
            target = item.encode()
            return 3, self.add_inode(3, struct.pack("<2I", 1, len(target)) + target, 0o777)
        kind = 5 if item.character else 4
        number = (item.major << 8) | (item.minor & 0xFF) | ((item.minor & 0xFFF00) << 12)
        return kind, self.add_inode(kind, struct.pack("<2I", 1, number), 0o600)

    def add_folder(self, name, tree):
        placed = [(key, *self.add(f"{name}/{key}".lstrip("/"), tree[key])) for key in sorted(tree)]
        return 1, self.finish_folder([(key.encode(), *rest) for key, *rest in placed])

    def finish_folder(self, entries):
        """Write a listing of (name, type, inode place) and the folder's inode."""
        start = len(self.listings)
        for name, kind, place in entries:
            block, offset = self.reference(place)
            self.listings += struct.pack("<3I", 0, block, 1)
            self.listings += struct.pack("<HhHH", offset, 0, kind, len(name) - 1) + name
        block, offset = self.reference(start)
        size = len(self.listings) - start + 3
        return self.add_inode(1, struct.pack("<2I2HI", block, 2, size, offset, 0), 0o755)

    def reference(self, place):
        """Return (block start, offset) of a place; right for stored metadata only."""
        return place // 8192 * 8194, place % 8192

    def finish(self, root):
        """Write the tables and the superblock; return the layout."""
        layout = self.layout
        fragment_count, fragment_items = 0, b""
        if self.tail:
            start = len(layout.image)
            fragment_count = 1
            fragment_items = struct.pack("<Q2I", start, self.block(bytes(self.tail)), 0)
            layout.blocks["@fragment"] = (start, len(layout.image))
        layout.inodes = len(layout.image)
        layout.image += _meta(bytes(self.inodes), self.codec)
        layout.directories = len(layout.image)
        layout.image += _meta(bytes(self.listings), self.codec)
        fragments = self._lookup(fragment_items) if fragment_items else ABSENT
        layout.fragments = fragments
        ids = self._lookup(struct.pack("<I", 0))
        block, offset = self.reference(root)
        layout.bytes_used = len(layout.image)
        struct.pack_into(
            "<5I6H8Q", layout.image, 0,
            0x73717368, self.count, 1234, self.block_size, fragment_count,
            self.number, self.block_size.bit_length() - 1, 0, 1, 4, 0,
            block << 16 | offset, layout.bytes_used, ids, ABSENT,
            layout.inodes, layout.directories, fragments, ABSENT,
        )  # fmt: skip
        return layout

    def _lookup(self, items):
        at = len(self.layout.image)
        self.layout.image += _meta(items, self.codec)
        start = len(self.layout.image)
        self.layout.image += struct.pack("<Q", at)
        return start


def build(tree, **options):
    """Return the layout of an image of ``tree``."""
    builder = Builder(**options)
    return builder.finish(builder.add_folder("", tree)[1])


def image(tree, **options):
    """Return an image of ``tree``, padded to 4 KiB as mksquashfs does."""
    data = bytes(build(tree, **options).image)
    return data + bytes(-len(data) % 4096)

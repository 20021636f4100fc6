"""UBI, UBIFS, JFFS2 and YAFFS2 images as their builders write them, made to be broken."""

from __future__ import annotations

import stat
import struct
import zlib
from dataclasses import dataclass, field


def ones(data):
    return zlib.crc32(data) ^ 0xFFFFFFFF


def zeros(data):
    return zlib.crc32(data, 0xFFFFFFFF) ^ 0xFFFFFFFF


# --- UBI -----------------------------------------------------------------------------

PEB, VID_AT, DATA_AT = 4096, 512, 1024
LEB = PEB - DATA_AT
LAYOUT = 0x7FFFEFFF


def sealed(head):
    return head + struct.pack(">I", ones(head))


def ec(image_seq=7, vid_at=VID_AT, data_at=DATA_AT):
    return sealed(struct.pack(">4sB3xQ3I32x", b"UBI#", 1, 0, vid_at, data_at, image_seq))


def vid(volume, lnum, sqnum=0, *, kind=1, copied=0, data=b"", used=0, pad=0, crc=None, size=None):
    head = struct.pack(
        ">4s4B2I4x4I4xQ12x", b"UBI!", 1, kind, copied, 0, volume, lnum,
        len(data) if size is None else size, used, pad, ones(data) if crc is None else crc, sqnum,
    )  # fmt: skip
    return sealed(head)


def peb(header=b"", data=b"", image_seq=7):
    page = ec(image_seq).ljust(VID_AT, b"\xff") + header
    return (page.ljust(DATA_AT, b"\xff") + data).ljust(PEB, b"\xff")


def record(name, pebs=4, *, kind=1, marker=0, pad=0):
    body = struct.pack(">3I2BH128sB23x", pebs, 1, pad, kind, marker, len(name), name, 0)
    return sealed(body)


def table(records):
    empty = sealed(bytes(168))
    return b"".join(records.get(number, empty) for number in range(LEB // 172))


def layout_pebs(records):
    data = table(records)
    return [peb(vid(LAYOUT, lnum), data) for lnum in (0, 1)]


def dynamic(volume, content, first_sqnum=1):
    pieces = [content[at : at + LEB] for at in range(0, len(content), LEB)]
    return [peb(vid(volume, n, first_sqnum + n), piece) for n, piece in enumerate(pieces)]


def static(volume, content):
    pieces = [content[at : at + LEB] for at in range(0, len(content), LEB)]
    used = len(pieces)
    return [
        peb(vid(volume, n, 1 + n, kind=2, data=piece, used=used), piece)
        for n, piece in enumerate(pieces)
    ]


# --- UBIFS ---------------------------------------------------------------------------

BLOCK = 16384


def node(kind, body, sqnum=1):
    tail = struct.pack("<QIBB2x", sqnum, 24 + len(body), kind, 0) + body
    return struct.pack("<II", 0x06101831, ones(tail)) + tail


def key(inode, kind, rest=0):
    return struct.pack("<II", inode, kind << 29 | rest)


def inode_node(number, mode, data=b"", *, size=0, nlink=1, flags=1, sqnum=1, uid=0, gid=0, mtime=9):
    body = key(number, 0).ljust(16, b"\0") + struct.pack(
        "<QQ3Q3I7II4xIH26x", 1, size, 0, 0, mtime, 0, 0, 0, nlink, uid, gid, mode, flags,
        len(data), 0, 0, 0, 0,
    )  # fmt: skip
    return node(0, body + data, sqnum)


def dent(parent, name, inode, kind, *, sqnum=1, key_kind=2, node_kind=2):
    rest = zlib.crc32(name) & 0x1FFFFFFF
    body = key(parent, key_kind, rest).ljust(16, b"\0")
    body += struct.pack("<QBBHI", inode, 0, kind, len(name), 0) + name + b"\0"
    return node(node_kind, body, sqnum)


def data_node(inode, block, content, *, sqnum=1, compressor=0, packed=None, size=None):
    body = key(inode, 1, block).ljust(16, b"\0")
    body += struct.pack("<IHH", len(content) if size is None else size, compressor, 0)
    return node(1, body + (content if packed is None else packed), sqnum)


def crc16(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


def lpt_node(kind, fields):
    """``fields`` are (value, bits) pairs behind CRC and kind."""
    value, shift = kind, 4
    for number, bits in fields:
        value |= number << shift
        shift += bits
    body = value.to_bytes(-(-shift // 8), "little")
    return struct.pack("<H", crc16(body)) + body


@dataclass
class Ubifs:
    """A file system of nine blocks: one of leaves (6), one of index (7), one bud (8)."""

    leaves: list = field(default_factory=list)
    journal: list = field(default_factory=list)
    flags: int = 0
    master_flags: int = 2
    dead: bytes = b""

    def file(self, parent, name, number, content, mode=0o100644, **options):
        self.leaves.append(inode_node(number, mode, size=len(content), **options))
        self.leaves.append(dent(parent, name, number, 0))
        for at in range(0, len(content), 4096):
            self.leaves.append(data_node(number, at // 4096, content[at : at + 4096]))

    def build(self, root=True, level=0):
        leaves = ([inode_node(1, 0o40755, nlink=2)] if root else []) + self.leaves
        main, places = b"", []
        for leaf in leaves:
            places.append((6, len(main), len(leaf), leaf[24:32]))
            main += leaf.ljust(-(-len(leaf) // 8) * 8, b"\0")
        main += self.dead
        branches = b"".join(struct.pack("<3I", *place[:3]) + place[3] for place in places)
        index = node(9, struct.pack("<2H", len(places), level) + branches)
        bud = b"".join(each.ljust(-(-len(each) // 8) * 8, b"\0") for each in self.journal)
        log = node(10, struct.pack("<Q", 5), 50).ljust(64, b"\0")
        log += node(8, struct.pack("<3I28x", 8, 0, 1), 51)
        lpt, nnode_at, ltab_at = self.lpt()
        master = struct.pack(
            "<QQ8I6Q12I", 100, 5, self.master_flags, 3, 7, 0, len(index), 0, 0, 0,
            0, 0, 0, 0, 0, 0, 4, nnode_at, 4, 0, 4, ltab_at, 0, 0, 0, 0, 0, 9,
        ).ljust(488, b"\0")  # fmt: skip
        master = node(7, master, 52)
        blocks = [self.superblock(), master, master, log, lpt, b"", main, index, bud]
        assert all(len(block) <= BLOCK for block in blocks)
        return b"".join(block.ljust(BLOCK, b"\xff") for block in blocks)

    def superblock(self):
        body = struct.pack(
            "<2x2B4IIQ6IIH2x2IQI16sI", 0, 0, self.flags, 8, BLOCK, 9, 9, 1 << 20, 1, 1, 1, 1, 8,
            0, 4, 0, 0, 0, 0, 0, b"u" * 16, 0,
        )  # fmt: skip
        return node(6, body.ljust(4072, b"\0"))

    @staticmethod
    def lpt():
        space, leb_bits, offset_bits = BLOCK.bit_length() - 3, 1, (BLOCK - 1).bit_length()
        pnode = lpt_node(0, [(0, space * 2 + 1)] * 4)
        none = (1 | 0 << leb_bits, leb_bits + offset_bits)
        nnode = lpt_node(1, [(0, leb_bits + offset_bits), none, none, none])
        ltab = lpt_node(2, [(0, BLOCK.bit_length() * 2)])
        return pnode + nnode + ltab, len(pnode), len(pnode) + len(nnode)


# --- JFFS2 ---------------------------------------------------------------------------


@dataclass
class Jffs2:
    """Nodes in one byte order, one after another, aligned to four bytes."""

    order: str = "<"
    image: bytes = b""

    def add(self, kind, body, *, covered=None, tail=b"", obsolete=False):
        """Append a node: ``body`` up to its own CRC, which covers ``covered`` bytes."""
        length = 12 + len(body) + (4 if covered else 0) + len(tail)
        head = struct.pack(self.order + "2HI", 0x1985, kind, length)
        head += struct.pack(self.order + "I", zeros(head))
        made = head + body
        if covered:
            made += struct.pack(self.order + "I", zeros(made[:covered]))
        made += tail
        if obsolete:
            made = struct.pack(self.order + "2H", 0x1985, kind & ~0x2000) + made[4:]
        self.image += made.ljust(-(-len(made) // 4) * 4, b"\xff")
        return self

    def name(self, parent, name, inode, kind, version=1, **options):
        body = struct.pack(self.order + "4I2B2x", parent, version, inode, 9, len(name), kind)
        crc = struct.pack(self.order + "I", zeros(name))
        return self.add(0xE001, body, covered=32, tail=crc + name, **options)

    def piece(
        self, inode, content=b"", *, version=1, mode=0o100644, offset=0, size=None, compressor=0,
        packed=None, length=None, crc=None, **options,
    ):  # fmt: skip
        packed = content if packed is None else packed
        length = len(content) if length is None else length
        size = offset + length if size is None else size
        body = struct.pack(
            self.order + "3I2H7I2BHI", inode, version, mode, 5, 6, size, 1, 9, 1, offset,
            len(packed), length, compressor, 0, 0, zeros(packed) if crc is None else crc,
        )  # fmt: skip
        return self.add(0xE002, body, covered=60, tail=packed, **options)

    def file(self, parent, name, inode, content, **options):
        self.piece(inode, content, **options)
        return self.name(parent, name, inode, 8)

    def folder(self, parent, name, inode):
        self.piece(inode, mode=0o40755)
        return self.name(parent, name, inode, 4)


def rubin(data, weights, total):
    """Encode like the range coder in the kernel's ``compr_rubin.c``: the decoder's mirror."""
    half, bits = 1 << 15, []
    low, width = 0, 2 * half
    for byte in data:
        for index, weight in enumerate(weights):
            while low >= half or low + width <= half:
                bits.append(low >> 15 & 1)
                low = (low & (half - 1)) << 1
                width <<= 1
            zero = min(max((total - weight) * width // total, 1), width - 1)
            if byte >> index & 1:
                low += zero
                width -= zero
            else:
                width = zero
    for _ in range(16):
        bits.append(low >> 15 & 1)
        low = (low & (half - 1)) << 1
    bits += [0] * (-len(bits) % 8)
    return bytes(
        sum(bit << 7 - at for at, bit in enumerate(bits[start : start + 8]))
        for start in range(0, len(bits), 8)
    )


def rtime(data):
    last, out, at = [0] * 256, b"", 0
    while at < len(data):
        value = data[at]
        back, last[value] = last[value], at + 1
        at += 1
        run = 0
        while run < 255 and at < len(data) and back < at and data[back + run] == data[at]:
            run, at = run + 1, at + 1
        out += bytes((value, run))
    return out


# --- YAFFS2 --------------------------------------------------------------------------

_COLUMNS = [
    0x00, 0x55, 0x59, 0x0C, 0x65, 0x30, 0x3C, 0x69, 0x69, 0x3C, 0x30, 0x65, 0x0C, 0x59, 0x55, 0x00,
]  # fmt: skip
_HIGH = [
    0x00, 0x95, 0x99, 0x0C, 0xA5, 0x30, 0x3C, 0xA9, 0xA9, 0x3C, 0x30, 0xA5, 0x0C, 0x99, 0x95, 0x00,
]  # fmt: skip


def yaffs_ecc(tags):
    column = line = prime = 0
    for index, byte in enumerate(tags):
        entry = _COLUMNS[byte & 15] ^ _HIGH[byte >> 4]
        column ^= entry
        if entry & 1:
            line, prime = line ^ index, prime ^ ~index
    return column >> 2 & 63, line, prime & 0xFFFFFFFF


@dataclass
class Yaffs:
    """Pages with their spare areas."""

    page: int = 2048
    spare: int = 64
    place: int = 0
    order: str = "<"
    sequence: int = 0x1000
    image: bytes = b""
    filler: bytes = b"\xff"

    def add(self, content, number, chunk, length):
        tags = struct.pack(self.order + "4I", self.sequence, number, chunk, length)
        packed = tags + struct.pack(self.order + "B3xII", *yaffs_ecc(tags))
        spare = (b"\xff" * self.place + packed).ljust(self.spare, self.filler)
        self.image += content.ljust(self.page, b"\xff") + spare
        return self

    def header(
        self, number, kind, parent, name, *, mode=0, size=0, equivalent=0, alias=b"", device=0
    ):
        body = struct.pack(self.order + "2IH256s2x", kind, parent, 0xFFFF, name)
        body += struct.pack(self.order + "8I", mode, 5, 6, 1, 9, 1, size, equivalent)
        body += struct.pack(self.order + "160sI", alias, device)
        body = body.ljust(496, b"\0") + struct.pack(self.order + "I", 0xFFFFFFFF)
        return self.add(body.ljust(512, b"\0"), number, 0, 0xFFFF)

    def file(self, number, parent, name, content, mode=0o100644):
        self.header(number, 1, parent, name, mode=mode, size=len(content))
        for index, at in enumerate(range(0, len(content), self.page)):
            piece = content[at : at + self.page]
            self.add(piece, number, index + 1, len(piece))
        return self


FILE, FOLDER, LINK, DEVICE = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFCHR

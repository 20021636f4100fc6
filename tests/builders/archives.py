"""Archives made byte by byte, so that each field can be made to lie."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from dataclasses import dataclass, field, replace

# --- ZIP -----------------------------------------------------------------------------


@dataclass(frozen=True)
class ZipItem:
    name: bytes
    data: bytes = b""
    method: int = 8
    mode: int | None = 0o100644
    flags: int = 0
    descriptor: bool = False
    zip64: bool = False
    extra: bytes = b""
    comment: bytes = b""
    local_name: bytes | None = None
    crc32: int | None = None
    size: int | None = None
    packed: bytes | None = None
    listed: bool = True
    gap_before: bytes = b""


def deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def zip_packed(item: ZipItem) -> bytes:
    if item.packed is not None:
        return item.packed
    if item.method == 8:
        return deflate(item.data)
    if item.method == 12:
        return bz2.compress(item.data)
    if item.method == 14:
        alone = lzma.compress(item.data, format=lzma.FORMAT_ALONE)
        return b"\x09\x14\x05\x00" + alone[:5] + alone[13:]
    if item.method == 93:
        import zstandard

        return zstandard.ZstdCompressor().compress(item.data)
    if item.method == 95:
        return lzma.compress(item.data)
    return item.data


def zip_local(item: ZipItem) -> bytes:
    packed = zip_packed(item)
    crc = zlib.crc32(item.data) if item.crc32 is None else item.crc32
    size = len(item.data) if item.size is None else item.size
    flags = item.flags | (8 if item.descriptor else 0)
    if item.method == 14:
        flags |= 2
    sizes = (0, 0, 0) if item.descriptor else (crc, len(packed), size)
    extra = item.extra
    if item.zip64:
        extra = struct.pack("<HHQQ", 1, 16, size, len(packed)) + extra
        sizes = (crc, 0xFFFFFFFF, 0xFFFFFFFF)
    name = item.name if item.local_name is None else item.local_name
    head = struct.pack(
        "<4s5H3I2H", b"PK\x03\x04", 20, flags, item.method, 0x6000, 0x5A21, *sizes,
        len(name), len(extra),
    )  # fmt: skip
    tail = struct.pack("<4sIII", b"PK\x07\x08", crc, len(packed), size) if item.descriptor else b""
    return head + name + extra + packed + tail


def zip_central(item: ZipItem, offset: int) -> bytes:
    packed = zip_packed(item)
    crc = zlib.crc32(item.data) if item.crc32 is None else item.crc32
    size = len(item.data) if item.size is None else item.size
    flags = item.flags | (8 if item.descriptor else 0) | (2 if item.method == 14 else 0)
    extra = item.extra
    sizes = (crc, len(packed), size)
    if item.zip64:
        extra = struct.pack("<HHQQQ", 1, 24, size, len(packed), offset) + extra
        sizes, offset = (crc, 0xFFFFFFFF, 0xFFFFFFFF), 0xFFFFFFFF
    made_by = 20 if item.mode is None else 3 << 8 | 20
    attributes = 0 if item.mode is None else item.mode << 16
    head = struct.pack(
        "<4s6H3I5H2I", b"PK\x01\x02", made_by, 20, flags, item.method, 0x6000, 0x5A21, *sizes,
        len(item.name), len(extra), len(item.comment), 0, 0, attributes, offset,
    )  # fmt: skip
    return head + item.name + extra + item.comment


def zip_end(count: int, size: int, start: int, comment: bytes = b"") -> bytes:
    head = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, size, start, len(comment))
    return head + comment


def zip64_end(count: int, size: int, start: int) -> bytes:
    place = start + size
    record = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, place, 1)
    return record + locator + zip_end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


def zip_archive(
    *items: ZipItem, comment: bytes = b"", prefix: bytes = b"", before_end: bytes = b"",
    zip64: bool = False, suffix: bytes = b"",
) -> bytes:  # fmt: skip
    body = b""
    offsets = []
    for item in items:
        body += item.gap_before
        offsets.append(len(body))
        body += zip_local(item)
    body += before_end
    listed = [(item, at) for item, at in zip(items, offsets, strict=True) if item.listed]
    central = b"".join(zip_central(item, at) for item, at in listed)
    if zip64:
        end = zip64_end(len(listed), len(central), len(body))
    else:
        end = zip_end(len(listed), len(central), len(body), comment)
    return prefix + body + central + end + suffix


# --- tar -----------------------------------------------------------------------------


@dataclass(frozen=True)
class TarItem:
    name: bytes
    data: bytes = b""
    type: bytes = b"0"
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 1_700_000_000
    link: bytes = b""
    magic: bytes = b"ustar\x0000"
    size: int | None = None
    device: tuple[int, int] = (0, 0)
    prefix: bytes = b""
    pad: int = 0
    checksum: int | None = None
    pax: dict[str, bytes] = field(default_factory=dict)


def _octal(value: int, width: int) -> bytes:
    return b"%0*o\x00" % (width - 1, value)


def tar_header(item: TarItem) -> bytes:
    size = len(item.data) if item.size is None else item.size
    block = (
        item.name[:100].ljust(100, b"\x00")
        + _octal(item.mode, 8) + _octal(item.uid, 8) + _octal(item.gid, 8)
        + _octal(size, 12) + _octal(item.mtime, 12) + b" " * 8 + item.type
        + item.link[:100].ljust(100, b"\x00") + item.magic.ljust(8, b"\x00")
        + b"root".ljust(32, b"\x00") + b"root".ljust(32, b"\x00")
        + _octal(item.device[0], 8) + _octal(item.device[1], 8)
        + item.prefix.ljust(155, b"\x00") + bytes(12)
    )  # fmt: skip
    return tar_sign(block, item.checksum)


def tar_sign(block: bytes, checksum: int | None = None) -> bytes:
    block = block[:148] + b" " * 8 + block[156:]
    total = sum(block) if checksum is None else checksum
    return block[:148] + b"%06o\x00 " % total + block[156:]


def pax_record(key: str, value: bytes) -> bytes:
    tail = b" " + key.encode() + b"=" + value + b"\n"
    length = len(tail) + 1
    while len(str(length)) + len(tail) != length:
        length = len(str(length)) + len(tail)
    return str(length).encode() + tail


def tar_blocks(item: TarItem) -> bytes:
    blocks = b""
    if item.pax:
        records = b"".join(pax_record(key, value) for key, value in item.pax.items())
        blocks += tar_blocks(TarItem(b"PaxHeader", records, b"x"))
    pad = bytes([item.pad]) * (-len(item.data) % 512)
    return blocks + tar_header(item) + item.data + pad


def tar_archive(*items: TarItem, end: bytes = bytes(1024)) -> bytes:
    return b"".join(tar_blocks(item) for item in items) + end


# --- cpio ----------------------------------------------------------------------------


@dataclass(frozen=True)
class CpioItem:
    name: bytes
    data: bytes = b""
    mode: int = 0o100644
    ino: int = 1
    uid: int = 0
    gid: int = 0
    nlink: int = 1
    mtime: int = 1_700_000_000
    rdev: tuple[int, int] = (0, 0)
    checksum: int | None = None


def cpio_item(item: CpioItem, magic: bytes = b"070701") -> bytes:
    if magic == b"070707":
        head = magic + b"%06o%06o%06o%06o%06o%06o%06o%011o%06o%011o" % (
            0, item.ino, item.mode, item.uid, item.gid, item.nlink,
            item.rdev[0] << 8 | item.rdev[1], item.mtime, len(item.name) + 1, len(item.data),
        )  # fmt: skip
        return head + item.name + b"\x00" + item.data
    total = sum(item.data) & 0xFFFFFFFF if item.checksum is None else item.checksum
    fields = (
        item.ino, item.mode, item.uid, item.gid, item.nlink, item.mtime, len(item.data), 8, 1,
        *item.rdev, len(item.name) + 1, total if magic == b"070702" else 0,
    )  # fmt: skip
    head = magic + b"".join(b"%08X" % value for value in fields) + item.name + b"\x00"
    head += bytes(-len(head) % 4)
    return head + item.data + bytes(-len(item.data) % 4)


def cpio_archive(*items: CpioItem, magic: bytes = b"070701", trailer: bool = True) -> bytes:
    end = CpioItem(b"TRAILER!!!", mode=0, ino=0, mtime=0)
    return b"".join(cpio_item(item, magic) for item in (*items, *((end,) if trailer else ())))


# --- ar ------------------------------------------------------------------------------


def ar_member(name: bytes, data: bytes, mode: int = 0o100644) -> bytes:
    head = b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (name, 1_700_000_000, 0, 0, mode, len(data))
    return head + data + b"\n" * (len(data) % 2)


def ar_archive(*members: tuple[bytes, bytes]) -> bytes:
    return b"!<arch>\n" + b"".join(ar_member(name, data) for name, data in members)


# --- executables ---------------------------------------------------------------------


def elf(
    code: bytes = b"\x90" * 64, *, machine: int = 62, wide: bool = True, big: bool = False
) -> bytes:
    """A little ELF: one segment over the code, a null section and one over the code."""
    order = ">" if big else "<"
    head_size, segment_size, section_size = (64, 56, 64) if wide else (52, 32, 40)
    start = head_size + segment_size
    sections = start + len(code)
    ident = b"\x7fELF" + bytes((2 if wide else 1, 2 if big else 1, 1)) + bytes(9)
    head = ident + struct.pack(
        order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"),
        2, machine, 1, 0x400000, head_size, sections, 0, head_size, segment_size, 1,
        section_size, 2, 0,
    )  # fmt: skip
    if wide:
        segment = struct.pack(order + "IIQQQQQQ", 1, 5, start, 0x400000, 0, len(code), len(code), 1)
        section = struct.pack(order + "IIQQQQIIQQ", 0, 1, 6, 0, start, len(code), 0, 0, 1, 0)
    else:
        segment = struct.pack(order + "IIIIIIII", 1, start, 0x400000, 0, len(code), len(code), 5, 1)
        section = struct.pack(order + "10I", 0, 1, 6, 0, start, len(code), 0, 0, 1, 0)
    return head + segment + code + bytes(section_size) + section


def pe(code: bytes = b"\xcc" * 512, *, certificate: bytes = b"", resource: bytes = b"") -> bytes:
    """A little PE32+ with one or two sections and maybe a certificate table."""
    bodies = [(b".text", code)] + ([(b".rsrc", resource)] if resource else [])
    headers_size = 0x200
    stub = b"MZ".ljust(60, b"\x00") + struct.pack("<I", 64)
    offset = headers_size
    table = b""
    for name, body in bodies:
        table += struct.pack("<8s4I16x", name, len(body), 0x1000, len(body), offset)
        offset += len(body)
    certificate_start = offset if certificate else 0
    directories = [(0, 0)] * 16
    directories[4] = (certificate_start, len(certificate))
    optional = struct.pack("<H", 0x20B) + bytes(106) + struct.pack("<I", 16)
    optional += b"".join(struct.pack("<II", *pair) for pair in directories)
    header = struct.pack("<4sHHIIIHH", b"PE\x00\x00", 0x8664, len(bodies), 0, 0, 0,
                         len(optional), 0x22)  # fmt: skip
    head = (stub + header + optional + table).ljust(headers_size, b"\x00")
    return head + b"".join(body for _, body in bodies) + certificate


def win_certificate(data: bytes) -> bytes:
    length = 8 + len(data)
    return struct.pack("<IHH", length, 0x200, 2) + data + bytes(-length % 8)


def version_resource(**strings: str) -> bytes:
    body = "VS_VERSION_INFO\x00".encode("utf-16-le") + bytes(60)
    for key, value in strings.items():
        body += f"{key}\x00".encode("utf-16-le") + bytes(2) + f"{value}\x00".encode("utf-16-le")
    return body + bytes(-len(body) % 16)


def png(width: int = 4, height: int = 4, extra: bytes = b"", after: bytes = b"") -> bytes:
    pixels = b"".join(b"\x00" + bytes(3 * width) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra
        + png_chunk(b"IDAT", zlib.compress(pixels)) + png_chunk(b"IEND", b"") + after
    )  # fmt: skip


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def changed(item: ZipItem, **fields: object) -> ZipItem:
    return replace(item, **fields)

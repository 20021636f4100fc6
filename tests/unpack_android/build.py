"""Builders of Android images, written from the specifications."""

from __future__ import annotations

import bz2
import hashlib
import lzma
import struct
import zlib

from fwverify.unpack.android import verity


def padded(data: bytes, unit: int) -> bytes:
    return data + bytes(-len(data) % unit)


# --- sparse --------------------------------------------------------------------------


def sparse(chunks, *, block=4096, blocks=None, checksum=0, major=1, count=None) -> bytes:
    """``chunks`` are (kind, blocks, payload)."""
    total = sum(each[1] for each in chunks) if blocks is None else blocks
    count = len(chunks) if count is None else count
    head = struct.pack("<I4H4I", 0xED26FF3A, major, 0, 28, 12, block, total, count, checksum)
    body = b"".join(
        struct.pack("<2H2I", kind, 0, number, 12 + len(data)) + data
        for kind, number, data in chunks
    )
    return head + body


# --- boot ----------------------------------------------------------------------------


def boot_v2(kernel, ramdisk, second=b"", dtbo=b"", dtb=b"", *, name=b"board", identifier=None):
    parts = (kernel, ramdisk, second, dtbo, dtb)
    total = hashlib.sha1()
    for part in parts:
        total.update(part + struct.pack("<I", len(part)))
    identifier = total.digest() if identifier is None else identifier
    version = (11 << 14 | 2 << 7 | 1) << 11 | (2024 - 2000) << 4 | 5
    head = b"ANDROID!" + struct.pack(
        "<10I", len(kernel), 0x8000, len(ramdisk), 0, len(second), 0, 0, 2048, 2, version
    )
    head += name.ljust(16, b"\0") + b"console=ttyS0".ljust(512, b"\0") + identifier.ljust(32, b"\0")
    head += bytes(1024) + struct.pack("<IQI", len(dtbo), 0, 1660) + struct.pack("<IQ", len(dtb), 0)
    return padded(head, 2048) + b"".join(padded(part, 2048) for part in parts)


def boot_v4(kernel, ramdisk, signature=b"") -> bytes:
    version = (13 << 14) << 11 | 23 << 4 | 1
    head = b"ANDROID!" + struct.pack("<4I", len(kernel), len(ramdisk), version, 1584)
    head += bytes(16) + struct.pack("<I", 4) + b"quiet".ljust(1536, b"\0")
    head += struct.pack("<I", len(signature))
    return padded(head, 4096) + b"".join(
        padded(each, 4096) for each in (kernel, ramdisk, signature)
    )


def vendor_boot(ramdisks, dtb=b"", config=b"", *, entry=108) -> bytes:
    whole = b"".join(data for _, data in ramdisks)
    table, offset = b"", 0
    for name, data in ramdisks:
        table += struct.pack("<3I", len(data), offset, 1) + name.ljust(32, b"\0") + bytes(64)
        offset += len(data)
    head = b"VNDRBOOT" + struct.pack("<5I", 4, 4096, 0, 0, len(whole)) + bytes(2048)
    head += bytes(4) + b"vendor".ljust(16, b"\0") + struct.pack("<2IQ", 2128, len(dtb), 0)
    head += struct.pack("<4I", len(table), len(ramdisks), entry, len(config))
    return padded(head, 4096) + b"".join(padded(each, 4096) for each in (whole, dtb, table, config))


def dtbo(trees, *, version=0, flags=0, total=None) -> bytes:
    start = 32 + 32 * len(trees)
    rows, body = b"", b""
    for number, tree in enumerate(trees):
        rows += struct.pack(">8I", len(tree), start + len(body), number, 0, flags, 0, 0, 0)
        body += tree
    total = start + len(body) if total is None else total
    return (
        struct.pack(">8I", 0xD7B7AB1E, total, 32, 32, len(trees), 32, 2048, version) + rows + body
    )


# --- super ---------------------------------------------------------------------------


def geometry(size=4096, slots=2) -> bytes:
    plain = struct.pack("<2I32s3I", 0x616C4467, 52, bytes(32), size, slots, 4096)
    return plain[:8] + hashlib.sha256(plain).digest() + plain[40:]


def lp_metadata(partitions, extents) -> bytes:
    """``partitions`` are (name, first extent, count); ``extents`` (sectors, kind, start, dev)."""
    rows = [
        b"".join(
            struct.pack("<36s4I", name, 1, first, count, 0) for name, first, count in partitions
        ),
        b"".join(struct.pack("<QIQI", *each) for each in extents),
        struct.pack("<36sIQ", b"default", 0, 0),
        struct.pack("<Q2IQ36sI", 2048, 4096, 0, 1 << 20, b"super", 0),
    ]
    widths = (52, 24, 48, 64)
    tables, descriptors = b"", b""
    for row, width in zip(rows, widths, strict=True):
        descriptors += struct.pack("<3I", len(tables), len(row) // width, width)
        tables += row
    head = struct.pack("<I2HI32sI32s", 0x414C5030, 10, 0, 128, bytes(32), len(tables),
                       hashlib.sha256(tables).digest()) + descriptors  # fmt: skip
    head = head.ljust(128, b"\0")
    return head[:12] + hashlib.sha256(head).digest() + head[44:] + tables


def super_image(metadata, contents, *, slots=2, size=4096) -> bytes:
    """``contents`` are (sector, data)."""
    meta = metadata.ljust(size, b"\0") * (2 * slots)
    image = bytearray(bytes(4096) + geometry(size, slots).ljust(4096, b"\0") * 2 + meta)
    for sector, data in contents:
        image.extend(bytes(max(0, sector * 512 + len(data) - len(image))))
        image[sector * 512 : sector * 512 + len(data)] = data
    return bytes(image)


# --- AVB -----------------------------------------------------------------------------


RSA_KEY = struct.pack(">2I", 2048, 1) + b"P" * 512


def descriptor(tag: int, body: bytes) -> bytes:
    body = padded(body, 8)
    return struct.pack(">2Q", tag, len(body)) + body


def hash_descriptor(image: bytes, name=b"boot", salt=b"salt") -> bytes:
    digest = hashlib.sha256(salt + image).digest()
    fixed = struct.pack(">Q32s4I60s", len(image), b"sha256", len(name), len(salt), 32, 0, b"")
    return descriptor(2, fixed + name + salt + digest)


def property_descriptor(key=b"com.android.build.system.os_version", value=b"14") -> bytes:
    return descriptor(0, struct.pack(">2Q", len(key), len(value)) + key + b"\0" + value + b"\0")


def chain_descriptor(name=b"vendor", key=b"K" * 64) -> bytes:
    return descriptor(4, struct.pack(">4I60s", 1, len(name), len(key), 0, b"") + name + key)


def hashtree_descriptor(image, tree, root, *, salt=b"s" * 32, fec=b"", name=b"system") -> bytes:
    fixed = struct.pack(
        ">I3Q3I2Q32s4I60s", 1, len(image), len(image), len(tree), 4096, 4096, 2 if fec else 0,
        len(image) + len(tree) if fec else 0, len(fec), b"sha256", len(name), len(salt), 32, 0, b"",
    )  # fmt: skip
    return descriptor(1, fixed + name + salt + root)


def vbmeta(descriptors=b"", *, flags=0, algorithm=1, rollback=7, key=RSA_KEY) -> bytes:
    aux = padded(descriptors + key, 64)
    size = {0: 0, 1: 256, 2: 512}[algorithm]
    auth_bytes = len(padded(bytes(32 + size), 64)) if algorithm else 0
    hashed = 32 if algorithm else 0
    head = struct.pack(
        ">4s2I2QI10QQ2I48s80s", b"AVB0", 1, 0, auth_bytes, len(aux), algorithm, 0, hashed, hashed,
        size, len(descriptors), len(key), 0, 0, 0, len(descriptors), rollback, flags, 0,
        b"avbtool 1.3.0", b"",
    )  # fmt: skip
    auth = hashlib.sha256(head + aux).digest() + b"\xa5" * size if algorithm else b""
    return head + padded(auth, 64) + aux


def footed(image: bytes, between: bytes, meta: bytes) -> bytes:
    start = len(padded(image + between, 4096))
    body = padded(padded(image + between, 4096) + meta, 4096)
    foot = struct.pack(">4s2I3Q28s", b"AVBf", 1, 0, len(image), start, len(meta), b"")
    return body + bytes(4096 - 64) + foot


def verity_image(image: bytes, *, fec=True) -> bytes:
    tree, root = verity.tree(image, len(image), 4096, "sha256", b"s" * 32)
    whole = image + tree
    parity = b"".join(verity.parity(whole, len(whole), 2, 4096)) if fec else b""
    meta = vbmeta(hashtree_descriptor(image, tree, root, fec=parity))
    return footed(image, tree + parity, meta)


# --- payload -------------------------------------------------------------------------


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes((value & 127 | 128,))
        value >>= 7
    return out + bytes((value,))


def integer(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def octets(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def extent(number: int, start: int, count: int) -> bytes:
    return octets(number, integer(1, start) + integer(2, count))


SIGNATURES = octets(1, octets(2, b"S" * 256) + b"\x1d\x00\x01\x00\x00")


class Payload:
    """Collects operations and data."""

    def __init__(self, minor=0) -> None:
        self.data = b""
        self.partitions = b""
        self.minor = minor

    def operation(self, kind, target, data=None, source=(), *, digest=None, old=None) -> bytes:
        out = integer(1, kind)
        if data is not None:
            out += integer(2, len(self.data)) + integer(3, len(data))
            out += octets(8, hashlib.sha256(data).digest() if digest is None else digest)
            self.data += data
        for each in source:
            out += extent(4, *each)
        for each in target:
            out += extent(6, *each)
        if old is not None:
            out += octets(9, hashlib.sha256(old).digest())
        return octets(8, out)

    def partition(self, name, new, operations, old=b"", extra=b"", *, digest=None) -> None:
        info = integer(1, len(new)) + octets(2, digest or hashlib.sha256(new).digest())
        body = octets(1, name)
        if old:
            body += octets(6, integer(1, len(old)) + octets(2, hashlib.sha256(old).digest()))
        body += octets(7, info) + b"".join(operations) + extra
        self.partitions += octets(13, body)

    def build(self, *, signed=True, metadata=SIGNATURES, extra=b"") -> bytes:
        manifest = integer(3, 4096) + integer(12, self.minor) + integer(14, 1700000000)
        manifest += self.partitions + octets(18, b"2024-05-05") + extra
        if signed:
            manifest += integer(4, len(self.data)) + integer(5, len(SIGNATURES))
        head = b"CrAU" + struct.pack(">2QI", 2, len(manifest), len(metadata))
        return head + manifest + metadata + self.data + (SIGNATURES if signed else b"")


REPLACE, BZ, COPY, BSDIFF, ZERO, XZ, PUFF, BROTLI = 0, 1, 4, 5, 6, 8, 9, 10


def full_payload():
    """A full payload and its partition."""
    blocks = [bytes((number,)) * 4096 for number in range(1, 8)]
    new = b"".join(blocks[:4]) + bytes(4096 * 2)
    payload = Payload()
    payload.partition(
        b"boot",
        new,
        [
            payload.operation(REPLACE, [(0, 1)], blocks[0]),
            payload.operation(BZ, [(2, 1), (1, 1)], bz2.compress(blocks[2] + blocks[1])),
            payload.operation(XZ, [(3, 1)], lzma.compress(blocks[3], check=lzma.CHECK_CRC32)),
            payload.operation(ZERO, [(4, 2)]),
        ],
    )
    return payload, new


# --- cpio, tar -----------------------------------------------------------------------


def cpio(files) -> bytes:
    out = b""
    for number, (name, data) in enumerate([*files, (b"TRAILER!!!", b"")]):
        fields = (number, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1,
                  sum(data) & 0xFFFFFFFF)  # fmt: skip
        out += b"070702" + b"".join(b"%08X" % each for each in fields) + name + b"\0"
        out = padded(out, 4) + data
        out = padded(out, 4)
    return out


def zlib_adler(data: bytes) -> int:
    return zlib.adler32(data)

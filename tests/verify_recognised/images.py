"""Boot images with the signatures of chip makers, as far as they are recognised."""

from __future__ import annotations

import struct

from tests.builders import pki

PAYLOAD = bytes(range(256)) * 4


def hab(*, place: int = 0, csf: int = 0x200, version: int = 0x41, tag: int = 0xD4) -> bytes:
    own = 0x80000000
    ivt = b"\xd1\x00\x20" + bytes((version,))
    ivt += struct.pack("<7I", own + 0x100, 0, 0, own + 32, own, own + csf if csf else 0, 0)
    body = bytearray(place + 0x400)
    body[place : place + 32] = ivt
    if csf:
        commands = b"\xbe\x00\x0c\x00" + bytes(8)
        block = struct.pack(">BHB", tag, 4 + len(commands), 0x43) + commands
        body[place + csf : place + csf + len(block)] = block
    return bytes(body)


def ahab(*, flags: int = 1, images: int = 1, srk: int = 0xD7, tag: int = 0x87) -> bytes:
    block_at = 16 + 128 * images
    block = struct.pack("<BHB4HI", 0, 96, 0x90, 0, 16, 32, 0, 0) + bytes((srk,)) + bytes(79)
    length = block_at + len(block)
    head = struct.pack("<BHB", 0, length, tag) + struct.pack(
        "<IHBBHH", flags, 0, 0, images, block_at, 0
    )
    return head + bytes(128 * images) + block + PAYLOAD


def stm32(*, version: int = 0x00010000, signature: bytes = b"s" * 64, checksum: int | None = None):
    total = sum(PAYLOAD) & 0xFFFFFFFF if checksum is None else checksum
    head = b"STM2" + signature + struct.pack("<3I", total, version, len(PAYLOAD))
    if version == 0x00010000:
        return head.ljust(256, b"\0") + PAYLOAD
    head = head.ljust(104, b"\0") + struct.pack("<I", 384)
    return head.ljust(128 + 384, b"\0") + PAYLOAD


def ti(*, oid: str = "1.3.6.1.4.1.294.1.1", behind: bytes = PAYLOAD) -> bytes:
    extension = pki.extension(oid, pki.seq(pki.integer(1)))
    return pki.issue("boot", pki.key("p256", 71), extensions=(extension,)).der + behind

"""A maker of encrypted ZIP files, apart from the code that reads them."""

from __future__ import annotations

import hashlib
import hmac
import struct
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

STRENGTHS = {1: (8, 16), 2: (12, 24), 3: (16, 32)}


def traditional(plain: bytes, password: bytes, crc32: int) -> bytes:
    keys = [0x12345678, 0x23456789, 0x34567890]

    def crc(value: int, byte: int) -> int:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        return value

    def update(byte: int) -> None:
        keys[0] = crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 255)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    for byte in password:
        update(byte)
    result = bytearray()
    for byte in bytes(11) + bytes([crc32 >> 24]) + plain:
        word = (keys[2] | 2) & 0xFFFF
        result.append(byte ^ ((word * (word ^ 1)) >> 8 & 255))
        update(byte)
    return bytes(result)


def winzip(plain: bytes, password: bytes, strength: int) -> bytes:
    salt_bytes, key_bytes = STRENGTHS[strength]
    salt = bytes(range(salt_bytes))
    derived = hashlib.pbkdf2_hmac("sha1", password, salt, 1000, 2 * key_bytes + 2)
    blocks = -(-len(plain) // 16)
    counters = b"".join(struct.pack("<QQ", n + 1, 0) for n in range(blocks))
    stream = Cipher(algorithms.AES(derived[:key_bytes]), modes.ECB()).encryptor().update(counters)
    cipher = bytes(a ^ b for a, b in zip(plain, stream, strict=False))
    code = hmac.new(derived[key_bytes : 2 * key_bytes], cipher, "sha1").digest()[:10]
    return salt + derived[-2:] + cipher + code


def encrypted_zip(
    content: bytes, password: bytes, *, strength: int = 0, version: int = 2, crc: int | None = None
) -> bytes:
    """One deflated entry ``fw.bin``; strength 0 is the traditional cipher."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = squeeze.compress(content) + squeeze.flush()
    checksum = zlib.crc32(content) if crc is None else crc
    extra, method = b"", 8
    if strength:
        data = winzip(packed, password, strength)
        extra, method = struct.pack("<HHH2sBH", 0x9901, 7, version, b"AE", strength, 8), 99
        checksum = 0 if version == 2 and crc is None else checksum
    else:
        data = traditional(packed, password, checksum)
    name = b"fw.bin"
    sizes = struct.pack("<III", checksum, len(data), len(content))
    core = struct.pack("<HHHH", 1, method, 0, 33) + sizes
    local = b"PK\x03\x04\x33\x00" + core + struct.pack("<HH", len(name), len(extra))
    local += name + extra
    central = b"PK\x01\x02\x33\x03\x33\x00" + core
    central += struct.pack("<HHHHHII", len(name), len(extra), 0, 0, 0, 0o100755 << 16, 0)
    central += name + extra
    start = len(local) + len(data)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(central), start, 0)
    return local + data + central + end

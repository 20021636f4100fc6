"""Decrypting ZIP entries: the traditional cipher and WinZip's AES.

Guarantees: WinZip AES is decrypted only after its HMAC has been verified over the whole
cipher text; the traditional cipher has no such thing, so its result counts only when the
caller finds the entry's CRC-32 and size in it. Cipher text is read in pieces; the result
is a blob of the store, because the decompressors read from one.

Specification: APPNOTE.TXT 6.3.10, section 6.1 (traditional); WinZip, "AES Encryption
Information: Encryption Specification AE-1 and AE-2" (extra field 0x9901).

Not done: PKWARE's strong encryption (7.0) and encrypted central directories. The
traditional cipher runs in Python at about 1 MiB/s.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Iterator
from typing import Final

from fwverify.reader import Buffer
from fwverify.unpack.archives_zip import FLAG_DESCRIPTOR, FLAG_MASKED, FLAG_STRONG, Header
from fwverify.unpack.envelopes.ciphers import WrongKey, pieces
from fwverify.unpack.source import Source

AES_METHOD: Final = 99
TRADITIONAL_HEADER_BYTES: Final = 12
_SALT_BYTES: Final = {1: 8, 2: 12, 3: 16}
_KEY_BYTES: Final = {1: 16, 2: 24, 3: 32}
_ITERATIONS: Final = 1000
_VERIFIER_BYTES: Final = 2
_CODE_BYTES: Final = 10
_MASK: Final = 0xFFFFFFFF
_CRC_TABLE: Final = tuple(zlib.crc32(bytes([n]), _MASK) ^ _MASK for n in range(256))


def supported(header: Header) -> bool:
    """Return whether the entry is encrypted in one of the two ways."""
    if header.flags & (FLAG_STRONG | FLAG_MASKED):
        return False
    return (header.aes is not None) == (header.method == AES_METHOD)


def decrypt(source: Source, header: Header, start: int, end: int, password: bytes) -> str:
    """Return the digest of the decrypted, still compressed data of one entry.

    Raises ``WrongKey`` where the password is not the entry's.
    """
    if header.aes is not None:
        plain = _aes(source.buffer, start, end, password, header.aes[1])
    else:
        plain = _traditional(source.buffer, header, start, end, password)
    return source.spool(plain, end - start)


# --- WinZip AES ------------------------------------------------------------------------


def _aes(buffer: Buffer, start: int, end: int, password: bytes, strength: int) -> Iterator[bytes]:
    salt_bytes, key_bytes = _SALT_BYTES[strength], _KEY_BYTES[strength]
    first = start + salt_bytes + _VERIFIER_BYTES
    last = end - _CODE_BYTES
    if last < first:
        raise WrongKey("the entry is too short for its encryption header")
    salt = bytes(buffer[start : start + salt_bytes])
    size = 2 * key_bytes + _VERIFIER_BYTES
    derived = hashlib.pbkdf2_hmac("sha1", password, salt, _ITERATIONS, size)
    if not hmac.compare_digest(derived[-2:], bytes(buffer[first - 2 : first])):
        raise WrongKey("the password is not the entry's")
    code = hmac.new(derived[key_bytes : 2 * key_bytes], digestmod=hashlib.sha1)
    for piece in pieces(buffer, first, last):
        code.update(piece)
    if not hmac.compare_digest(code.digest()[:_CODE_BYTES], bytes(buffer[last:end])):
        raise WrongKey("the authentication code does not hold (wrong password, or changed)")
    return _counted(buffer, first, last, derived[:key_bytes])


def _counted(buffer: Buffer, start: int, end: int, key: bytes) -> Iterator[bytes]:
    """Yield the plain text; the counter is little-endian and begins at 1."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    context = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305  (a counter's key stream)
    number = 1
    for piece in pieces(buffer, start, end):
        blocks = -(-len(piece) // 16)
        counters = b"".join(at.to_bytes(16, "little") for at in range(number, number + blocks))
        stream = context.update(counters)[: len(piece)]
        number += blocks
        mixed = int.from_bytes(piece, "little") ^ int.from_bytes(stream, "little")
        yield mixed.to_bytes(len(piece), "little")


# --- traditional -----------------------------------------------------------------------


def _traditional(
    buffer: Buffer, header: Header, start: int, end: int, password: bytes
) -> Iterator[bytes]:
    """Yield the plain text behind the header of twelve bytes (6.1.5 and 6.1.6)."""
    if end - start < TRADITIONAL_HEADER_BYTES:
        raise WrongKey("the entry is too short for its encryption header")
    stream = _Traditional(password)
    head = stream.decrypt(bytes(buffer[start : start + TRADITIONAL_HEADER_BYTES]))
    if not header.flags & FLAG_DESCRIPTOR and head[-1] != header.crc32 >> 24:
        raise WrongKey("the password is not the entry's")
    for piece in pieces(buffer, start + TRADITIONAL_HEADER_BYTES, end):
        yield stream.decrypt(piece)


class _Traditional:
    """The three keys of the traditional cipher, as they change from byte to byte."""

    def __init__(self, password: bytes) -> None:
        self._keys = (0x12345678, 0x23456789, 0x34567890)
        self._run(password, plain=True)

    def decrypt(self, data: bytes) -> bytes:
        """Return the plain text of the next bytes."""
        return self._run(data, plain=False)

    def _run(self, data: bytes, *, plain: bool) -> bytes:
        first, second, third = self._keys
        table, result = _CRC_TABLE, bytearray()
        for byte in data:
            value = byte
            if not plain:
                word = third | 2
                value ^= (word * (word ^ 1) >> 8) & 0xFF
            result.append(value)
            first = first >> 8 ^ table[(first ^ value) & 0xFF]
            second = ((second + (first & 0xFF)) * 134775813 + 1) & _MASK
            third = third >> 8 ^ table[(third ^ second >> 24) & 0xFF]
        self._keys = (first, second, third)
        return bytes(result)

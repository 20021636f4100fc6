"""OpenPGP packets: their headers, and the shape of signatures and keys.

Guarantees: a packet lies inside the range it is read from; partial body lengths are
followed and never past the end; ``is_signature`` and ``is_public_key`` accept a body only
when its fields fill it to the last byte.

Specification: RFC 9580, section 4.2 (headers), 5.2 (signatures), 5.5 (keys). All integers
are big-endian.

Not checked: any signature; that is the verify stage.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader

MAX_PACKETS: Final = 65_536
MAX_BODY_BYTES: Final = 256 * 1024
"""Signatures and keys are far smaller; a longer body is not judged."""

MAX_UNHASHED_BYTES: Final = 1024
"""Nobody signed the unhashed subpackets; real ones hold an issuer and some notations."""

SIGNATURE, SECRET_KEY, PUBLIC_KEY, SECRET_SUBKEY = 2, 5, 6, 7
_PUBLIC_SUBKEY: Final = 14
PUBLIC: Final = (PUBLIC_KEY, _PUBLIC_SUBKEY)
SECRET: Final = (SECRET_KEY, SECRET_SUBKEY)
_PARTIAL_TAGS: Final = (8, 9, 11, 18)
_SIGNATURE_MPIS: Final = {1: 1, 3: 1, 17: 2, 19: 2, 22: 2}
_SIGNATURE_BYTES: Final = {27: 64, 28: 114}
_KEY_MPIS: Final = {1: 2, 2: 2, 3: 2, 16: 3, 17: 4}
_CURVES: Final = (18, 19, 22)
_KEY_BYTES: Final = {25: 32, 26: 56, 27: 32, 28: 57}
_MAX_MPI_BITS: Final = 16_384


class Packet(Struct, frozen=True):
    """One packet at ``[start, end)``; ``parts`` are the ranges of its body, in order."""

    tag: int
    start: int
    end: int
    parts: tuple[tuple[int, int], ...]

    def body(self, buffer: Buffer) -> bytes:
        """Return the body. Raises ``Malformed`` when it is longer than any is here."""
        size = sum(end - start for start, end in self.parts)
        if size > MAX_BODY_BYTES:
            raise Malformed(self.start, "packet", f"a body of {size} bytes")
        return b"".join(bytes(buffer[start:end]) for start, end in self.parts)


def read_packet(buffer: Buffer, start: int, end: int) -> Packet:
    """Return the packet at ``start`` (section 4.2). Raises ``Malformed``."""
    reader = Reader(buffer, start, end)
    first = reader.u8("packet tag")
    if not first & 0x80:
        raise Malformed(start, "packet tag", f"{first:#04x} has no first bit")
    if not first & 0x40:
        return _old_packet(reader, first, start)
    tag, partial = first & 63, True
    parts: list[tuple[int, int]] = []
    while partial:
        length, partial = _new_length(reader)
        if partial and tag not in _PARTIAL_TAGS:
            raise Malformed(start, "packet length", "a partial length where none is allowed")
        if len(parts) > MAX_PACKETS:
            raise Malformed(start, "packet length", "too many partial lengths")
        parts.append((reader.offset, reader.offset + length))
        reader.skip(length, "packet body")
    return Packet(tag, start, reader.offset, tuple(parts))


def _old_packet(reader: Reader, first: int, start: int) -> Packet:
    kind = first & 3
    length = reader.remaining if kind == 3 else 0
    if kind != 3:
        length = int.from_bytes(reader.take((1, 2, 4)[kind], "packet length"), "big")
    begin = reader.offset
    reader.skip(length, "packet body")
    return Packet(first >> 2 & 15, start, reader.offset, ((begin, reader.offset),))


def _new_length(reader: Reader) -> tuple[int, bool]:
    first = reader.u8("packet length")
    if first < 192:
        return first, False
    if first < 224:
        return (first - 192 << 8) + reader.u8("packet length") + 192, False
    if first == 255:
        return reader.u32be("packet length"), False
    return 1 << (first & 31), True


def is_signature(body: bytes) -> bool:
    """Return whether ``body`` is a signature packet's, to its last byte (section 5.2)."""
    reader = Reader(body)
    try:
        _read_signature(reader)
    except Malformed:
        return False
    return not reader.remaining


def issuer_of(body: bytes) -> str | None:
    """Return the key id or fingerprint that a version 4 or 6 signature names, in hex."""
    reader = Reader(body)
    try:
        version = reader.u8("version")
        reader.skip(3, "algorithms")
        for _ in range(2):
            area = Reader(reader.take(_area_bytes(reader, version), "subpackets"))
            while area.remaining:
                kind, value = _subpacket(area)
                if kind in (16, 33):
                    return value[1:].hex() if kind == 33 else value.hex()
    except Malformed:
        return None
    return None


def _area_bytes(reader: Reader, version: int) -> int:
    return reader.u32be("subpackets") if version == 6 else reader.u16be("subpackets")


def _subpacket(reader: Reader) -> tuple[int, bytes]:
    first = reader.u8("subpacket length")
    if first == 255:
        length = reader.u32be("subpacket length")
    elif first >= 192:
        length = (first - 192 << 8) + reader.u8("subpacket length") + 192
    else:
        length = first
    if not length:
        raise Malformed(reader.offset, "subpacket length", "is zero")
    data = reader.take(length, "subpacket")
    return data[0] & 0x7F, data[1:]


def _read_signature(reader: Reader) -> None:
    version = reader.u8("version")
    if version == 3:
        reader.skip(1 + 5 + 8, "hashed material")
        algorithm = reader.u8("public-key algorithm")
        reader.skip(1 + 2, "hash algorithm")
    elif version in (4, 6):
        reader.skip(1, "signature type")
        algorithm = reader.u8("public-key algorithm")
        reader.skip(1, "hash algorithm")
        for hashed in (True, False):
            size = _area_bytes(reader, version)
            if not hashed and size > MAX_UNHASHED_BYTES:
                raise Malformed(reader.offset, "unhashed subpackets", f"{size} bytes")
            area = Reader(reader.take(size, "subpackets"))
            while area.remaining:
                _subpacket(area)
        reader.skip(2, "left 16 bits")
        if version == 6:
            reader.skip(reader.u8("salt size"), "salt")
    else:
        raise Malformed(0, "version", f"{version} is unknown")
    _read_numbers(reader, algorithm, _SIGNATURE_MPIS, _SIGNATURE_BYTES)


def _read_numbers(
    reader: Reader, algorithm: int, mpis: dict[int, int], octets: dict[int, int]
) -> None:
    if algorithm in octets:
        reader.skip(octets[algorithm], "octets")
        return
    if algorithm not in mpis:
        raise Malformed(reader.offset, "public-key algorithm", f"{algorithm} is unknown")
    for _ in range(mpis[algorithm]):
        _mpi(reader)


def _mpi(reader: Reader) -> None:
    """Read a multiprecision integer (section 3.2)."""
    bits = reader.u16be("MPI length")
    if bits > _MAX_MPI_BITS:
        raise Malformed(reader.offset - 2, "MPI length", f"{bits} bits")
    data = reader.take((bits + 7) // 8, "MPI")
    if int.from_bytes(data, "big").bit_length() != bits:
        raise Malformed(reader.offset - len(data), "MPI", "is not of its stated length")


def public_key_end(body: bytes) -> int | None:
    """Return where the public fields of a key packet's body end, None where unreadable.

    Version 4 (section 5.5.2.2) and 6 (5.5.2.3).
    """
    reader = Reader(body)
    try:
        version = reader.u8("version")
        if version not in (4, 6):
            return None
        reader.skip(4, "creation time")
        algorithm = reader.u8("public-key algorithm")
        if version == 6:
            reader.skip(4, "length of the key material")
        if algorithm in _CURVES:
            reader.skip(reader.u8("curve OID length"), "curve OID")
            _mpi(reader)
            if algorithm == 18:
                reader.skip(reader.u8("KDF parameters length"), "KDF parameters")
        else:
            _read_numbers(reader, algorithm, _KEY_MPIS, _KEY_BYTES)
    except Malformed:
        return None
    return reader.offset


def is_public_key(body: bytes) -> bool:
    """Return whether ``body`` is a public key packet's, to its last byte."""
    return public_key_end(body) == len(body)


def is_signatures(data: bytes) -> bool:
    """Return whether ``data`` is one or more signature packets and nothing else."""
    at = 0
    try:
        while at < len(data):
            packet = read_packet(data, at, len(data))
            if packet.tag != SIGNATURE or not is_signature(packet.body(data)):
                return False
            at = packet.end
    except Malformed:
        return False
    return bool(data)

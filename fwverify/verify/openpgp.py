"""Keys out of OpenPGP key files: framing, armor and key material, and nothing more.

Guarantees: only the framing and the primary key packets of versions 4 and 6 are read
(RFC 9580, 4.2, 5.5.2, 6; RFC 4880 for the old framing); every length is checked before
it is used; the key comes out as DER SubjectPublicKeyInfo by the library.

Not checked here: user ids, binding signatures, expiry and revocation: the packets of
each certificate are kept for ``fwverify.verify.openpgp_certificate``, which judges them.
An operator who hands the file in says by that whose key it is. A subkey alone serves no
raw signature.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from fwverify.reader import Malformed, Reader

ARMOR_BEGIN: Final = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
_ARMOR_END: Final = b"-----END PGP PUBLIC KEY BLOCK-----"

_SIGNATURE, _SECRET_KEY, _PUBLIC_KEY, _SECRET_SUBKEY = 2, 5, 6, 7
_VERSION_4, _VERSION_6 = 4, 6
_RSA: Final = (1, 3)
_ECDSA, _EDDSA_LEGACY, _ED25519, _ED448 = 19, 22, 27, 28
_ED25519_LEGACY_OID: Final = bytes.fromhex("2b06010401da470f01")
_CURVES: Final[dict[bytes, ec.EllipticCurve]] = {
    bytes.fromhex("2a8648ce3d030107"): ec.SECP256R1(),
    bytes.fromhex("2b81040022"): ec.SECP384R1(),
    bytes.fromhex("2b81040023"): ec.SECP521R1(),
}
_MIN_KEY_BYTES: Final = 38
"""Version, time, algorithm and the shortest key: no raw 32-byte key looks like a packet."""

_MAX_PACKETS: Final = 100_000
_MAX_MPI_BITS: Final = 16_384
Packet = tuple[int, bytes]
"""A packet's tag (type) and its body."""

_CRC24_INIT, _CRC24_POLY = 0xB704CE, 0x1864CFB


def _crc24_of_byte(byte: int) -> int:
    crc = byte << 16
    for _ in range(8):
        crc = crc << 1 ^ (_CRC24_POLY if crc & 0x800000 else 0)
    return crc & 0xFFFFFF


_CRC24_TABLE: Final = tuple(map(_crc24_of_byte, range(256)))


def is_binary(data: bytes) -> bool:
    """Return whether ``data`` begins with the framing of a version 4 or 6 public key packet."""
    return _first_packet(data) == _PUBLIC_KEY


def is_secret(data: bytes) -> bool:
    """Return whether ``data`` begins with the framing of a secret key packet."""
    return _first_packet(data) in (_SECRET_KEY, _SECRET_SUBKEY)


def is_signature(data: bytes) -> bool:
    """Return whether ``data`` is armored signatures, or signature packets and nothing else."""
    if data.lstrip().startswith(b"-----BEGIN PGP SIGNATURE-----"):
        return True
    try:
        found = tuple(packets(data))
    except Malformed:
        return False
    return bool(found) and all(
        tag == _SIGNATURE and body[:1] in (b"\x03", b"\x04", b"\x06") for tag, body in found
    )


def _first_packet(data: bytes) -> int | None:
    """Return the tag of the first packet if it frames a key of a known version, else None."""
    if len(data) < 8 or not data[0] & 0x80:
        return None
    try:
        tag, body = next(packets(data))
    except Malformed:
        return None
    return tag if len(body) >= _MIN_KEY_BYTES and body[:1] in (b"\x04", b"\x06") else None


def public_keys(data: bytes) -> tuple[bytes, ...]:
    """Return the SPKI of each primary key in ``data``, armored or binary, in order.

    Raises ``Malformed`` for broken armor or packets and for keys of another kind.
    """
    return tuple(spki for spki, _ in certificates(data))


def certificates(data: bytes) -> tuple[tuple[bytes, tuple[Packet, ...]], ...]:
    """Return (SPKI of the primary key, all packets) of each certificate in ``data``, in order.

    Armored or binary. Raises ``Malformed`` as ``public_keys`` does.
    """
    binary = dearmor(data) if ARMOR_BEGIN in data else data
    found: list[tuple[bytes, list[Packet]]] = []
    for number, (tag, body) in enumerate(packets(binary)):
        if number >= _MAX_PACKETS:
            raise Malformed(0, "openpgp.packets", f"more than {_MAX_PACKETS}")
        if tag in (_SECRET_KEY, _SECRET_SUBKEY):
            raise Malformed(0, "openpgp.tag", "a private key: give the public key")
        if tag == _PUBLIC_KEY:
            found.append((key_of_packet(body), []))
        if found:
            found[-1][1].append((tag, body))
    return tuple((spki, tuple(parts)) for spki, parts in found)


def dearmor(data: bytes, begin: bytes = ARMOR_BEGIN, end: bytes = _ARMOR_END) -> bytes:
    """Return the bytes inside the armor (RFC 9580, 6); the checksum counts where present.

    Text outside the armor is ignored here. Raises ``Malformed``.
    """
    result = b""
    at = 0
    while (start := data.find(begin, at)) >= 0:
        stop = data.find(end, start)
        if stop < 0:
            raise Malformed(start, "openpgp.armor", "is not closed")
        result += _armor_body(data[start + len(begin) : stop], start)
        at = stop
    return result


def _armor_body(text: bytes, offset: int) -> bytes:
    lines = [line.strip() for line in text.splitlines()][1:]
    if b"" not in lines:
        raise Malformed(offset, "openpgp.armor", "has no empty line after its headers")
    content = [line for line in lines[lines.index(b"") + 1 :] if line]
    checksum = content.pop()[1:] if content and content[-1].startswith(b"=") else None
    try:
        body = base64.b64decode(b"".join(content), validate=True)
        wanted = None if checksum is None else base64.b64decode(checksum, validate=True)
    except binascii.Error as error:
        raise Malformed(offset, "openpgp.armor", str(error)) from error
    if wanted is not None and wanted != _crc24(body).to_bytes(3, "big"):
        raise Malformed(offset, "openpgp.armor", "has a wrong checksum")
    return body


def _crc24(data: bytes) -> int:
    """Return the CRC-24 of RFC 9580, 6.1.1, a byte at a time."""
    crc = _CRC24_INIT
    for byte in data:
        crc = (crc << 8 ^ _CRC24_TABLE[crc >> 16 ^ byte]) & 0xFFFFFF
    return crc


def packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, body) of each packet (RFC 9580, 4.2; partial and indeterminate refused)."""
    reader = Reader(data)
    while reader.remaining:
        first = reader.u8("openpgp.tag")
        if not first & 0x80:
            raise Malformed(reader.offset - 1, "openpgp.tag", "bit 7 is clear")
        if first & 0x40:
            tag, length = first & 0x3F, _new_length(reader)
        else:
            tag, length = first >> 2 & 0x0F, _old_length(reader, first & 3)
        yield tag, reader.take(length, "openpgp.body")


def _new_length(reader: Reader) -> int:
    first = reader.u8("openpgp.length")
    if first < 192:
        return first
    if first < 224:
        return (first - 192 << 8) + reader.u8("openpgp.length") + 192
    if first == 255:
        return reader.u32be("openpgp.length")
    raise Malformed(reader.offset - 1, "openpgp.length", "partial bodies are not for keys")


def _old_length(reader: Reader, kind: int) -> int:
    if kind == 0:
        return reader.u8("openpgp.length")
    if kind == 1:
        return reader.u16be("openpgp.length")
    if kind == 2:
        return reader.u32be("openpgp.length")
    raise Malformed(reader.offset - 1, "openpgp.length", "indeterminate bodies are not for keys")


def key_of_packet(body: bytes) -> bytes:
    """Return the SPKI of a public key or subkey packet's body (5.5.2). Raises ``Malformed``."""
    reader = Reader(body)
    version = reader.u8("openpgp.version")
    if version not in (_VERSION_4, _VERSION_6):
        raise Malformed(0, "openpgp.version", f"{version} is not 4 or 6")
    reader.skip(4, "openpgp.created")
    algorithm = reader.u8("openpgp.algorithm")
    if version == _VERSION_6:
        size = reader.u32be("openpgp.material")
        if size != reader.remaining:
            raise Malformed(6, "openpgp.material", f"{size} bytes, {reader.remaining} remain")
    try:
        return key_material(reader, algorithm)
    except ValueError as error:
        raise Malformed(reader.offset, "openpgp.material", str(error)) from error


def key_material(reader: Reader, algorithm: int) -> bytes:
    """Return the SPKI of the algorithm-specific fields (5.5.5), which must fill the rest."""
    key: (
        rsa.RSAPublicKey
        | ec.EllipticCurvePublicKey
        | ed25519.Ed25519PublicKey
        | ed448.Ed448PublicKey
    )
    if algorithm in _RSA:
        modulus, exponent = mpi(reader), mpi(reader)
        key = rsa.RSAPublicNumbers(
            int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big")
        ).public_key()
    elif algorithm == _ECDSA:
        oid = reader.take(reader.u8("openpgp.curve"), "openpgp.curve")
        if oid not in _CURVES:
            raise Malformed(reader.offset, "openpgp.curve", f"{oid.hex()} is not known")
        key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[oid], mpi(reader))
    elif algorithm == _EDDSA_LEGACY:
        oid = reader.take(reader.u8("openpgp.curve"), "openpgp.curve")
        point = mpi(reader)
        if oid != _ED25519_LEGACY_OID or len(point) != 33 or point[:1] != b"\x40":
            raise Malformed(reader.offset, "openpgp.curve", "is not Ed25519")
        key = ed25519.Ed25519PublicKey.from_public_bytes(point[1:])
    elif algorithm == _ED25519:
        key = ed25519.Ed25519PublicKey.from_public_bytes(reader.take(32, "openpgp.point"))
    elif algorithm == _ED448:
        key = ed448.Ed448PublicKey.from_public_bytes(reader.take(57, "openpgp.point"))
    else:
        raise Malformed(5, "openpgp.algorithm", f"{algorithm} is not RSA, ECDSA or EdDSA")
    if reader.remaining:
        raise Malformed(reader.offset, "openpgp.material", f"{reader.remaining} bytes too many")
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def mpi(reader: Reader) -> bytes:
    """Return a multiprecision integer's bytes: bit count (u16be), then big-endian bytes."""
    bits = reader.u16be("openpgp.mpi")
    if bits > _MAX_MPI_BITS:
        raise Malformed(reader.offset - 2, "openpgp.mpi", f"{bits} bits are absurd")
    return reader.take((bits + 7) // 8, "openpgp.mpi")

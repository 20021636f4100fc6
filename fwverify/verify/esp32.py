"""Espressif secure boot: the signature sector of version 2, the trailer of version 1.

Guarantees:

- Version 2: the image ends where its header and segments say; the signature sector is
  the next 4096 bytes, and the digest in a signature block must be that of everything
  before the sector. Up to three blocks, each with its checksum, each a result of its
  own: RSA-PSS 3072 (salt 32) or ECDSA over P-256, with SHA-256. The constants beside an RSA
  key are recomputed: the boot loader calculates with them. The key in the block is
  never trusted: it must be one of the rule's.
- Version 1: ECDSA over P-256 (r and s big-endian) over the whole image.
- The bytes behind the last block are erased flash (0xFF) or the blocks do not count.

Specification: ESP-IDF "Secure Boot v2", "Signature Block Format"; "Secure Boot v1",
"Signing"; esptool "Firmware image format". Blocks are little-endian throughout.

Not checked: ECDSA over P-192 and P-384 (unverifiable), key digests in eFuses, and the
anti-rollback counter (an eFuse).
"""

from __future__ import annotations

import zlib
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from fwverify.reader import Buffer, Malformed
from fwverify.unpack.boot.esp import read_image
from fwverify.verify import primitives
from fwverify.verify.ecdsa_raw import to_der
from fwverify.verify.embedded import (
    Claim,
    demanding,
    digest_of,
    ec_spki,
    hashed,
    judge,
    refused,
    rsa_spki,
)
from fwverify.verify.scheme import Material, Scheme, Signed, View

NAME: Final = "esp32"
SECTOR_BYTES: Final = 4096
BLOCK_BYTES: Final = 1216
MAX_BLOCKS: Final = 3
_RSA, _ECDSA = 2, 3
_V1_BYTES: Final = 68
_P256: Final = 2
_RSA_BITS: Final = 3072


def _end(buffer: Buffer) -> int | None:
    """Return where the image ends with its digest, None where there is no image."""
    try:
        image = read_image(buffer, extended=True)
    except Malformed:
        return None
    return image.end + 32 * image.hashed


def _applies(view: View) -> bool:
    if bytes(view.content[:1]) != b"\xe9":
        return False
    end = _end(view.content)
    if end is None:
        return False
    return _has_sector(view.content, end) or _has_trailer(view.content, end)


def _sector(end: int) -> int:
    return end + -end % SECTOR_BYTES


def _has_sector(buffer: Buffer, end: int) -> bool:
    at = _sector(end)
    return bytes(buffer[at : at + 1]) == b"\xe7"


def _has_trailer(buffer: Buffer, end: int) -> bool:
    return len(buffer) == end + _V1_BYTES and not any(bytes(buffer[end : end + 4]))


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    end = _end(view.content)
    if end is None:
        return (refused(view.path, NAME, "the image's header is broken"),)
    if not _has_sector(view.content, end):
        return (_version_1(view, end, material),)
    try:
        return _version_2(view, _sector(end), material)
    except Malformed as error:
        return (refused(view.path, NAME, str(error)),)


def _version_1(view: View, end: int, material: Material) -> Signed:
    encoded = to_der(bytes(view.content[end + 4 : end + _V1_BYTES]), 256) or b""
    claim = Claim(
        path=view.path,
        scheme=NAME,
        what="secure boot version 1",
        algorithm=primitives.ECDSA,
        digest="sha256",
        covered=((0, end),),
        container=((end, end + _V1_BYTES),),
    )
    value = digest_of("sha256", view.content, ((0, end),))
    check = hashed(primitives.ECDSA, "sha256", encoded, value, (None,))
    return judge(claim, demanding(check, "secp256r1", 256), material)


def _version_2(view: View, sector: int, material: Material) -> tuple[Signed, ...]:
    buffer = view.content
    if len(buffer) < sector + SECTOR_BYTES:
        why = f"{len(buffer) - sector} bytes of the sector are there"
        raise Malformed(sector, "signature sector", why, past_end=True)
    blocks = []
    for at in range(sector, sector + MAX_BLOCKS * BLOCK_BYTES, BLOCK_BYTES):
        if buffer[at] != 0xE7:
            break
        blocks.append(at)
    rest = sector + len(blocks) * BLOCK_BYTES
    if bytes(buffer[rest : sector + SECTOR_BYTES]).strip(b"\xff"):
        raise Malformed(rest, "signature sector", "holds more than its blocks")
    value = digest_of("sha256", buffer, ((0, sector),))
    return tuple(_block(view, sector, at, value, material) for at in blocks)


def _block(view: View, sector: int, at: int, value: bytes, material: Material) -> Signed:
    block = bytes(view.content[at : at + BLOCK_BYTES])
    what = f"secure boot version 2, block at {at:#x}"
    if zlib.crc32(block[:1196]) != int.from_bytes(block[1196:1200], "little"):
        return refused(view.path, NAME, f"{what}: its checksum is wrong")
    if any(block[1200:]) or any(block[2:4]):
        return refused(view.path, NAME, f"{what}: its reserved bytes are set")
    if block[1] == _ECDSA and block[36] != _P256:
        return refused(view.path, NAME, f"{what}: curve {block[36]} is not known", "unverifiable")
    if block[4:36] != value:
        return refused(view.path, NAME, f"{what}: its digest is not the image's")
    if block[1] not in (_RSA, _ECDSA):
        return refused(view.path, NAME, f"{what}: version {block[1]}", "unverifiable")
    is_rsa = block[1] == _RSA
    if is_rsa and block[424:812] != _montgomery(int.from_bytes(block[36:420], "little")):
        return refused(view.path, NAME, f"{what}: its Montgomery constants are not the key's")
    claim = Claim(
        path=view.path,
        scheme=NAME,
        what=what,
        algorithm=primitives.RSA_PSS if is_rsa else primitives.ECDSA,
        digest="sha256",
        covered=((0, sector),),
        container=((sector, sector + SECTOR_BYTES),),
        spki=_rsa_key(block) if is_rsa else _ec_key(block),
    )
    if is_rsa:
        check = hashed(primitives.RSA_PSS, "sha256", block[812:1196][::-1], value, (32,))
        return judge(claim, demanding(check, "rsa", 3072), material)
    if any(block[165:1196]):
        return refused(view.path, NAME, f"{what}: its reserved bytes are set")
    encoded = to_der(block[101:165], 256, "little") or b""
    check = hashed(primitives.ECDSA, "sha256", encoded, value, (None,))
    return judge(claim, demanding(check, "secp256r1", 256), material)


def _montgomery(modulus: int) -> bytes:
    """Return R and M' of the block: 2^6144 mod n, and -1/n mod 2^32 (little-endian).

    The boot loader computes with them, and nothing signs them.
    """
    if modulus % 2 == 0:
        return b""
    inverse = -pow(modulus, -1, 1 << 32) % (1 << 32)
    return pow(2, 2 * _RSA_BITS, modulus).to_bytes(_RSA_BITS // 8, "little") + inverse.to_bytes(
        4, "little"
    )


def _rsa_key(block: bytes) -> bytes | None:
    return rsa_spki(
        int.from_bytes(block[36:420], "little"), int.from_bytes(block[420:424], "little")
    )


def _ec_key(block: bytes) -> bytes | None:
    x, y = (int.from_bytes(block[at : at + 32], "little") for at in (37, 69))
    return ec_spki(ec.SECP256R1(), x, y)


ESP32: Final = Scheme(
    name=NAME,
    title="Espressif secure boot (versions 1 and 2)",
    specification="https://docs.espressif.com/projects/esp-idf/en/latest/esp32/security/",
    limitations="RSA 3072 and ECDSA P-256; P-192 and P-384 are unverifiable",
    applies=_applies,
    verify=_verify,
)

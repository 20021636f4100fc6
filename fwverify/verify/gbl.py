"""Silicon Labs GBL: the ECDSA tag over everything before it, and the certificate tag.

Guarantees: the tags are walked from the header to the end tag; the signature tag covers
every byte before its own header; there is exactly one, and nothing but the end tag and
its CRC stands behind it in the file (a tag behind it is unsigned and named). Where a
certificate tag stands before it, the certificate's own signature is verified under the
key of the rule and the file's under the certificate's key.

Specification: Silicon Labs UG489 "Gecko Bootloader", "GBL file format"; the bootloader
SDK's ``btl_gbl_format.h`` (``GblSignatureEcdsaP256_t``, ``ApplicationCertificate_t``).
ECDSA over P-256 with SHA-256, r and s big-endian, 32 bytes each; tags little-endian.

Not checked: what an encrypted program holds (the ciphertext is signed), the certificate's
version against the device's, GBL version 4.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.verify import primitives
from fwverify.verify.ecdsa_raw import to_der
from fwverify.verify.embedded import (
    Check,
    Claim,
    degraded,
    demanding,
    digest_of,
    ec_spki,
    hashed,
    judge,
    refused,
)
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "gbl"
MAX_TAGS: Final = 4096
_HEADER, _END = 0x03A617EB, 0xFC0404FC
_SIGNATURE, _CERTIFICATE = 0xF70A0AF7, 0xF30B0BF3
_MAGIC: Final = b"\xeb\x17\xa6\x03\x08\x00\x00\x00"
_CRC_BYTES, _SIGNATURE_BYTES, _CERTIFICATE_BYTES = 4, 64, 136
_CERTIFICATE_SIGNED: Final = 72


@dataclass(frozen=True)
class Tag:
    """One tag: its identifier, where its header starts, and its value's range."""

    kind: int
    at: int
    start: int
    end: int


def parse(buffer: Buffer) -> tuple[Tag, ...]:
    """Return the tags up to and with the end tag. Raises ``Malformed``."""
    reader = Reader(buffer)
    tags: list[Tag] = []
    while not tags or tags[-1].kind != _END:
        at = reader.offset
        kind, length = reader.unpack("<2I", "gbl.tag")
        if not tags and kind != _HEADER:
            raise Malformed(at, "gbl.header", f"{kind:#010x} is not its tag")
        if len(tags) >= MAX_TAGS:
            raise Malformed(at, "gbl.tag", f"more than {MAX_TAGS}")
        reader.skip(length, f"length of tag {kind:#010x}")
        tags.append(Tag(kind, at, at + 8, reader.offset))
    return tuple(tags)


def _applies(view: View) -> bool:
    return view.placed.node.format == NAME or bytes(view.content[:8]) == _MAGIC


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    try:
        tags = parse(view.content)
        signatures = [one for one in tags if one.kind == _SIGNATURE]
        if not signatures:
            return ()
        if len(signatures) > 1:
            raise Malformed(signatures[1].at, "gbl.signature", f"{len(signatures)} of them")
        if tags[-1].end - tags[-1].start != _CRC_BYTES:
            raise Malformed(tags[-1].at, "gbl.end", "holds more than its CRC")
        one = signatures[0]
        if one.end - one.start != _SIGNATURE_BYTES:
            raise Malformed(one.start, "gbl.signature", f"{one.end - one.start} bytes")
        return (_judge(view, tags, one, material),)
    except Malformed as error:
        return (refused(view.path, NAME, str(error)),)


def _judge(view: View, tags: tuple[Tag, ...], one: Tag, material: Material) -> Signed:
    behind = [tag for tag in tags if tag.at > one.at and tag.kind != _END]
    content = view.content
    container: list[Range] = [(one.at, one.end)]
    container += [(tag.at, tag.end) for tag in tags if tag.kind == _END]
    claim = Claim(
        path=view.path,
        scheme=NAME,
        what="GBL signature tag",
        algorithm=primitives.ECDSA,
        digest="sha256",
        covered=((0, one.at),),
        container=tuple(container),
        steering=tuple((tag.at, tag.end) for tag in behind),
    )
    own = _check(content, one, ((0, one.at),))
    certificates = [tag for tag in tags if tag.kind == _CERTIFICATE]
    if certificates:
        result = _by_certificate(content, certificates, one, claim, own, material)
    else:
        result = judge(claim, own, material)
    if behind:
        named = ", ".join(f"{tag.kind:#010x}" for tag in behind[:4])
        return degraded(result, f"{len(behind)} tags stand behind the signature: {named}")
    return result


def _check(buffer: Buffer, at: Tag, ranges: tuple[Range, ...]) -> Check:
    """Return the check of the 64 bytes that end the tag ``at`` over ``ranges``."""
    encoded = to_der(bytes(buffer[at.end - _SIGNATURE_BYTES : at.end]), 256) or b""
    value = digest_of("sha256", buffer, ranges)
    return demanding(hashed(primitives.ECDSA, "sha256", encoded, value, (None,)), "secp256r1", 256)


def _by_certificate(
    buffer: Buffer,
    certificates: list[Tag],
    one: Tag,
    claim: Claim,
    own: Check,
    material: Material,
) -> Signed:
    """Return the result for a file signed by a certificate's key."""
    tag = certificates[0]
    if len(certificates) > 1 or tag.at > one.at or tag.end - tag.start != _CERTIFICATE_BYTES:
        raise Malformed(tag.at, "gbl.certificate", "is not one of 136 bytes before the signature")
    point = bytes(buffer[tag.start + 4 : tag.start + 68])
    x, y = (int.from_bytes(half, "big") for half in (point[:32], point[32:]))
    spki = ec_spki(ec.SECP256R1(), x, y)
    if spki is None:
        raise Malformed(tag.start + 4, "gbl.certificate.key", "is no point of P-256")
    outcome = own(spki)
    if outcome.axis != "pass":
        return refused(claim.path, NAME, f"under the certificate's key: {outcome.reason}")
    version = int.from_bytes(bytes(buffer[tag.start + 68 : tag.start + 72]), "little")
    named = dataclasses.replace(
        claim, what="GBL signature tag by certificate", note=f"certificate version {version}"
    )
    signed = ((tag.start, tag.start + _CERTIFICATE_SIGNED),)
    result = judge(named, _check(buffer, tag, signed), material)
    return dataclasses.replace(result, leans_on=(spki,))


GBL: Final = Scheme(
    name=NAME,
    title="Silicon Labs GBL signature tag",
    specification="https://docs.silabs.com/mcu-bootloader/latest/",
    limitations="version 3; ECDSA P-256; an encrypted program is signed as ciphertext",
    applies=_applies,
    verify=_verify,
)

"""Whether a value of an APK Signing Block is what its number says.

Guarantees: a value counts as a signature only when its signers account for every byte of
it: digests and signatures of a digest's and a signature's size, certificates and a public
key that parse, attributes that are defined. A value can be megabytes of anything; what is
not accounted for must not be called a signature.

Specification: Android "APK Signature Scheme v2" and "v3", "Format". All integers are
little-endian, all sequences have a 32-bit length.

Not checked: the signatures (the verify stage).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fwverify.reader import Malformed, Reader

MAX_VALUE_BYTES: Final = 1024 * 1024
MAX_SIGNERS: Final = 16
_MAX_CERTIFICATE_BYTES: Final = 16 * 1024
_MAX_SIGNATURE_BYTES: Final = 1024
_DIGEST_BYTES: Final = (20, 32, 64)
_ATTRIBUTES: Final = {
    0xBEEFF00D: 4, 0x559F8B02: 4, 0xC2A6B3BA: 4, 0x3BA06F8C: 64 * 1024,
}  # fmt: skip
"""Stripping protection, two of rotation, and the proof of rotation, with the most bytes."""


def is_signature(data: bytes, *, has_versions: bool) -> bool:
    """Return whether ``data`` is a sequence of signers; v3 has SDK versions in each."""
    reader = Reader(data)
    try:
        for count, signer in enumerate(_items(_inner(reader))):
            if count >= MAX_SIGNERS or not _is_signer(signer, has_versions=has_versions):
                return False
    except Malformed:
        return False
    return not reader.remaining


def is_stamp(data: bytes) -> bool:
    """Return whether ``data`` begins with a certificate, and is no longer than a stamp."""
    reader = Reader(data)
    try:
        certificate = _bytes(_inner(_inner(reader)))
    except Malformed:
        return False
    return len(data) <= 2 * _MAX_CERTIFICATE_BYTES and _is_certificate(certificate)


def _inner(reader: Reader) -> Reader:
    """Return a reader over the length-prefixed sequence at the cursor."""
    size = reader.count(reader.u32le("apk.signer"), 1, "apk.signer")
    return Reader(reader.take(size, "apk.signer"))


def _items(reader: Reader) -> Iterator[Reader]:
    while reader.remaining:
        yield _inner(reader)


def _bytes(reader: Reader) -> bytes:
    return reader.take(reader.remaining, "apk.signer")


def _is_signer(reader: Reader, *, has_versions: bool) -> bool:
    signed = _inner(reader)
    if has_versions:
        reader.skip(8, "apk.signer.sdk")
    signatures, key = _inner(reader), _bytes(_inner(reader))
    return (
        not reader.remaining
        and _is_signed(signed, has_versions=has_versions)
        and all(_is_pair(each, range(1, _MAX_SIGNATURE_BYTES + 1)) for each in _items(signatures))
        and _is_key(key)
    )


def _is_signed(reader: Reader, *, has_versions: bool) -> bool:
    digests, certificates = _inner(reader), _inner(reader)
    if has_versions:
        reader.skip(8, "apk.signed_data.sdk")
    attributes = _inner(reader)
    return (
        all(_is_pair(each, _DIGEST_BYTES) for each in _items(digests))
        and all(_is_certificate(_bytes(each)) for each in _items(certificates))
        and all(_is_attribute(each) for each in _items(attributes))
        and not any(_bytes(reader))
    )


def _is_pair(reader: Reader, sizes: range | tuple[int, ...]) -> bool:
    """Return whether it is an algorithm and a value of one of ``sizes``."""
    reader.skip(4, "apk.algorithm")
    return _inner(reader).remaining in sizes and not reader.remaining


def _is_attribute(reader: Reader) -> bool:
    number = reader.u32le("apk.attribute")
    return reader.remaining <= _ATTRIBUTES.get(number, -1)


def _is_certificate(data: bytes) -> bool:
    from asn1crypto import x509

    return len(data) <= _MAX_CERTIFICATE_BYTES and _parses(x509.Certificate, data)


def _is_key(data: bytes) -> bool:
    from asn1crypto import keys

    return len(data) <= _MAX_SIGNATURE_BYTES and _parses(keys.PublicKeyInfo, data)


def _parses(kind: type, data: bytes) -> bool:
    try:
        kind.load(data, strict=True).native  # type: ignore[attr-defined]  # noqa: B018
    except (ValueError, TypeError, KeyError):
        return False
    return True

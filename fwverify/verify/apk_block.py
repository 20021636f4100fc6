"""The APK Signing Block and the signers in it, parsed strictly; nothing is verified here.

Guarantees: the block lies right before the central directory and says its size twice,
alike; its pairs fill it exactly, no id stands twice; a signer's fields fill its bytes
exactly; counts and sizes are bounded. Every byte of a signature pair belongs to a field.

Specification: Android "APK Signature Scheme v2" ("APK Signing Block", "APK Signature
Scheme v2 Block"), "v3" and "v3.1"; integers are little-endian, every sequence and
element is preceded by its length in 32 bits.

Not checked: signatures, digests, certificates (``apk``), proof of rotation
(``apk_lineage``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.verify import primitives
from fwverify.verify.apk_digest import VERITY, Sections
from fwverify.verify.apk_zip import End

MAGIC: Final = b"APK Sig Block 42"
FOOTER_BYTES: Final = 24
MAX_BLOCK_BYTES: Final = 64 * 1024 * 1024
MAX_PAIRS: Final = 256
MAX_SIGNERS: Final = 10
MAX_ITEMS: Final = 64
"""Digests, certificates, attributes or signatures of one signer."""

V2: Final = 0x7109871A
V3: Final = 0xF05368C0
V31: Final = 0x1B93AD61
PADDING: Final = 0x42726577


@dataclass(frozen=True)
class Algorithm:
    """What a signature algorithm id stands for; ``content`` names the content digest."""

    name: str
    digest: str
    content: str
    salt: int | None = None


ALGORITHMS: Final[dict[int, Algorithm]] = {
    0x0101: Algorithm(primitives.RSA_PSS, "sha256", "sha256", 32),
    0x0102: Algorithm(primitives.RSA_PSS, "sha512", "sha512", 64),
    0x0103: Algorithm(primitives.RSA_PKCS1, "sha256", "sha256"),
    0x0104: Algorithm(primitives.RSA_PKCS1, "sha512", "sha512"),
    0x0201: Algorithm(primitives.ECDSA, "sha256", "sha256"),
    0x0202: Algorithm(primitives.ECDSA, "sha512", "sha512"),
    0x0421: Algorithm(primitives.RSA_PKCS1, "sha256", VERITY),
    0x0423: Algorithm(primitives.ECDSA, "sha256", VERITY),
}
"""Those verified here; DSA (0x0301, 0x0425) is not."""


@dataclass(frozen=True)
class Pair:
    """One id and its value ``[start, end)``; ``at`` is where its length stands."""

    number: int
    at: int
    start: int
    end: int


@dataclass(frozen=True)
class Block:
    """The signing block ``[start, end)`` and its pairs in order."""

    start: int
    end: int
    pairs: tuple[Pair, ...]

    def pair(self, number: int) -> Pair | None:
        """Return the pair with the id ``number``."""
        return next((pair for pair in self.pairs if pair.number == number), None)

    def sections(self, end: End) -> Sections:
        """Return where the signed parts of the package lie."""
        return Sections(self.start, end.directory, end.at)


@dataclass(frozen=True)
class Signer:
    """One signer. ``signed`` are the bytes its signatures are over.

    ``digests`` and ``signatures`` are (algorithm id, bytes); ``sdk`` is the least and
    highest platform version (0 and 2**32-1 under v2, which has none).
    """

    signed: bytes
    digests: tuple[tuple[int, bytes], ...]
    certificates: tuple[bytes, ...]
    attributes: tuple[tuple[int, bytes], ...]
    sdk: tuple[int, int]
    signatures: tuple[tuple[int, bytes], ...]
    public_key: bytes

    def attribute(self, number: int) -> bytes | None:
        """Return the value of the signed attribute ``number``."""
        return dict(self.attributes).get(number)


def has_block(buffer: Buffer, end: End) -> bool:
    """Return whether the block's magic stands right before the central directory."""
    low, high = end.directory - len(MAGIC), end.directory
    return low >= 0 and high <= len(buffer) and bytes(buffer[low:high]) == MAGIC


def read_block(buffer: Buffer, end: End) -> Block:
    """Return the block. Raises ``Malformed`` where it is not one, whole and exact."""
    footer = Reader(buffer, max(0, end.directory - FOOTER_BYTES), end.directory)
    size = footer.u64le("apk.block.size")
    footer.expect(MAGIC, "apk.block.magic")
    start = end.directory - size - 8
    if not FOOTER_BYTES <= size <= MAX_BLOCK_BYTES or start < 0:
        raise Malformed(end.directory - FOOTER_BYTES, "apk.block.size", f"{size}")
    reader = Reader(buffer, start, end.directory - FOOTER_BYTES)
    if reader.u64le("apk.block.size") != size:
        raise Malformed(start, "apk.block.size", "differs from the one at the end")
    pairs: list[Pair] = []
    while reader.remaining:
        pairs.append(_pair(reader))
        if len(pairs) > MAX_PAIRS:
            raise Malformed(reader.offset, "apk.block", f"more than {MAX_PAIRS} pairs")
    numbers = [pair.number for pair in pairs]
    if len(set(numbers)) != len(numbers):
        raise Malformed(start, "apk.block", "the same id twice: readers may differ")
    return Block(start, end.directory, tuple(pairs))


def _pair(reader: Reader) -> Pair:
    at = reader.offset
    length = reader.u64le("apk.pair.length")
    if length < 4:
        raise Malformed(at, "apk.pair.length", f"{length}")
    reader.count(length, 1, "apk.pair.length")
    number = reader.u32le("apk.pair.id")
    start = reader.offset
    reader.skip(length - 4, "apk.pair.value")
    return Pair(number, at, start, reader.offset)


def read_signers(buffer: Buffer, pair: Pair) -> tuple[Signer, ...]:
    """Return the signers of a v2, v3 or v3.1 pair. Raises ``Malformed``."""
    outer = Reader(buffer, pair.start, pair.end)
    signers = _elements(outer, "signers", MAX_SIGNERS)
    _done(outer, "signers")
    if not signers:
        raise Malformed(pair.start, "apk.signers", "there is none")
    return tuple(_signer(one, pair.number != V2) for one in signers)


def _signer(reader: Reader, has_sdk: bool) -> Signer:
    signed = slice_of(reader, "signer.signed_data")
    sdk = _sdk(reader) if has_sdk else (0, 0xFFFFFFFF)
    signatures = tuple(_numbered(one, "signature") for one in _list(reader, "signer.signatures"))
    public_key = _bytes(reader, "signer.public_key")
    _done(reader, "signer")
    body = signed.peek(signed.start, signed.remaining, "signer.signed_data")
    digests = tuple(_numbered(one, "digest") for one in _list(signed, "signed_data.digests"))
    certificates = tuple(_rest(one) for one in _list(signed, "signed_data.certificates"))
    if has_sdk and _sdk(signed) != sdk:
        raise Malformed(signed.offset, "signed_data.sdk", "differs from the unsigned one")
    attributes = tuple(
        (one.u32le("attribute.id"), _rest(one)) for one in _list(signed, "signed_data.attributes")
    )
    if signed.remaining and any(_rest(signed)):  # apksig writes an empty sequence here
        raise Malformed(signed.offset, "signed_data", "bytes follow the attributes")
    if len({number for number, _ in attributes}) != len(attributes):
        raise Malformed(signed.start, "signed_data.attributes", "the same id twice")
    return Signer(body, digests, certificates, attributes, sdk, signatures, public_key)


def _sdk(reader: Reader) -> tuple[int, int]:
    low, high = reader.u32le("signer.min_sdk"), reader.u32le("signer.max_sdk")
    if low > high:
        raise Malformed(reader.offset, "signer.sdk", f"{low} to {high}")
    return low, high


def slice_of(reader: Reader, field: str) -> Reader:
    """Return a reader over the next element: 32 bits of length, then that many bytes."""
    length = reader.count(reader.u32le(f"apk.{field}.length"), 1, f"apk.{field}")
    data = reader.take(length, f"apk.{field}")
    return Reader(data)


def _elements(reader: Reader, field: str, most: int) -> list[Reader]:
    inside = slice_of(reader, field)
    found: list[Reader] = []
    while inside.remaining:
        found.append(slice_of(inside, field))
        if len(found) > most:
            raise Malformed(reader.offset, f"apk.{field}", f"more than {most}")
    return found


def _list(reader: Reader, field: str) -> list[Reader]:
    return _elements(reader, field, MAX_ITEMS)


def _numbered(reader: Reader, field: str) -> tuple[int, bytes]:
    number = reader.u32le(f"apk.{field}.algorithm")
    value = _bytes(reader, field)
    _done(reader, field)
    return number, value


def _bytes(reader: Reader, field: str) -> bytes:
    return _rest(slice_of(reader, field))


def _rest(reader: Reader) -> bytes:
    return reader.take(reader.remaining, "apk.value")


def _done(reader: Reader, field: str) -> None:
    if reader.remaining:
        raise Malformed(reader.offset, f"apk.{field}", f"{reader.remaining} bytes follow")

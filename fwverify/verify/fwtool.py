"""OpenWrt's fwtool trailer: a usign signature, or a ucert chain, behind the image.

Guarantees:

- Trailers are walked from the end of the file; the signature covers every byte before
  its own (the metadata trailer with it), and each trailer's CRC is compared. Bytes that
  a later trailer adds behind the signature are ``steering``.
- A usign signature is Ed25519 over the image. In a ucert chain the first certificate is
  verified under a key of the rule, each further one under the key of the one before, and
  the image under the last; all must be authorisations valid at the verification time.
  A chain never looks like a second signer: its result is the rule's key, and leans on
  the chain's.

Specification: OpenWrt ``fwtool`` (``fwimage.h``: header, data, trailer ``FWx0``),
``usign`` and ``ucert`` (libubox blob and blobmsg). Trailers and blobs are big-endian.

Not checked: revocation files of ucert, key fingerprints (every Ed25519 key is tried).
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.verify import minisign, primitives
from fwverify.verify.embedded import Check, Claim, judge, refused
from fwverify.verify.primitives import Outcome
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "fwtool"
MAGIC: Final = b"FWx0"
TRAILER_BYTES: Final = 16
MAX_TRAILERS: Final = 8
MAX_SIGNATURE_BYTES: Final = 64 * 1024
MAX_CERTIFICATES: Final = 8
_SIGNATURE, _INFO = 0, 1
_SPKI: Final = bytes.fromhex("302a300506032b6570032100")
_STRING, _INT64, _INT32, _TABLE = 3, 4, 5, 2
_AUTHORISATION: Final = 1


@dataclass(frozen=True)
class Trailer:
    """One trailer: its data is ``[start, end - 16)`` of the file."""

    kind: int
    start: int
    end: int


def trailers(buffer: Buffer) -> tuple[Trailer, ...]:
    """Return the trailers from the end of the file. Raises ``Malformed`` for a broken one."""
    found: list[Trailer] = []
    end = len(buffer)
    while end >= TRAILER_BYTES and bytes(buffer[end - TRAILER_BYTES : end - 12]) == MAGIC:
        if len(found) >= MAX_TRAILERS:
            raise Malformed(end, "fwtool", f"more than {MAX_TRAILERS} trailers")
        reader = Reader(buffer, end - 12, end)
        crc, kind = reader.unpack(">IB", "fwtool.trailer")
        pad = reader.take(3, "fwtool.pad")
        size = reader.u32be("fwtool.size")
        start = end - size
        if size < TRAILER_BYTES or start < 0 or any(pad):
            raise Malformed(end - 4, "fwtool.size", f"{size}")
        if crc != _crc(buffer, end - TRAILER_BYTES):
            raise Malformed(end - 12, "fwtool.crc32", "is wrong")
        found.append(Trailer(kind, start, end))
        end = start
    return tuple(found)


def _crc(buffer: Buffer, end: int) -> int:
    """Return the CRC-32 of the file up to ``end``, without the final complement."""
    value = 0
    for piece in primitives.pieces(buffer, 0, end):
        value = zlib.crc32(piece, value)
    return value ^ 0xFFFFFFFF


def _applies(view: View) -> bool:
    size = len(view.content)
    return bytes(view.content[max(0, size - TRAILER_BYTES) : max(0, size - 12)]) == MAGIC


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    try:
        found = trailers(view.content)
        signatures = [one for one in found if one.kind == _SIGNATURE]
        if not signatures:
            return ()  # metadata alone: not signed
        return (_judge(view, signatures[0], material),)
    except Malformed as error:
        return (refused(view.path, NAME, str(error)),)


def _judge(view: View, one: Trailer, material: Material) -> Signed:
    data = bytes(view.content[one.start : one.end - TRAILER_BYTES])
    if len(data) > MAX_SIGNATURE_BYTES:
        raise Malformed(one.start, "fwtool.signature", f"{len(data)} bytes are absurd")
    if one.start > primitives.ONE_SHOT_BYTES:
        raise Malformed(one.start, "fwtool.signature", f"over {one.start} bytes")
    claim = Claim(
        path=view.path,
        scheme=NAME,
        what="fwtool trailer",
        algorithm=primitives.ED25519,
        digest="",
        covered=((0, one.start),) if one.start else (),
        container=((one.start, one.end),),
        steering=((one.end, len(view.content)),) if one.end < len(view.content) else (),
    )
    if minisign.is_signature(data):
        return judge(claim, _usign(view.content, one.start, data), material)
    certificates, last = _chain(data)
    if not certificates:
        return judge(claim, _usign(view.content, one.start, last), material)
    return _by_chain(view, claim, one.start, certificates, last, material)


def _signature(text: bytes) -> bytes:
    """Return the 64 bytes of a usign signature. Raises ``Malformed``."""
    parsed = minisign.parse(text.rstrip(b"\0\n") + b"\n")
    if parsed.prehashed or parsed.comment is not None:
        raise Malformed(0, "usign", "is not a usign signature")
    return parsed.signature


def _usign(buffer: Buffer, end: int, text: bytes) -> Check:
    """Return the check of a usign signature over ``[0, end)``."""
    signature = _signature(text)

    def check(spki: bytes) -> Outcome:
        with memoryview(buffer) as whole, whole[:end] as part:
            return primitives.check(spki, primitives.ED25519, "", signature, part)

    return check


# --- ucert -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    """One ucert: the signature of its payload, and what the payload says."""

    signature: bytes
    payload: bytes
    spki: bytes
    valid_from: int
    expires_at: int


def _chain(data: bytes) -> tuple[tuple[Certificate, ...], bytes]:
    """Return the certificates and the image's own signature text. Raises ``Malformed``."""
    certificates: list[Certificate] = []
    last = b""
    for _, body in _blobs(data, (0, len(data))):
        parts = dict(_blobs(data, body))
        text = data[slice(*parts[0])] if 0 in parts else b""
        if last or not text or len(certificates) >= MAX_CERTIFICATES:
            raise Malformed(body[0], "ucert", "is no chain that ends in the image's signature")
        if 1 in parts:
            certificates.append(_certificate(text, data[slice(*parts[1])]))
        else:
            last = text
    if not last:
        raise Malformed(0, "ucert", "has no signature of the image")
    return tuple(certificates), last


def _blobs(data: bytes, within: Range) -> Iterator[tuple[int, Range]]:
    """Yield id and content of each ``blob_attr`` (libubox), padded to 4. Raises ``Malformed``."""
    at, end = within
    seen: set[int] = set()
    while at < end:
        header = int.from_bytes(data[at : at + 4], "big")
        size = header & 0xFFFFFF
        if at + 4 > end or size < 4 or at + size > end:
            raise Malformed(at, "ucert.blob", f"{size} bytes")
        kind = header >> 24 & 0x7F
        if within[0] and kind in seen:
            raise Malformed(at, "ucert.blob", f"attribute {kind} twice")
        seen.add(kind)
        yield kind, (at + 4, at + size)
        at += size + -size % 4


def _messages(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Return the fields of a blobmsg table by name: type and value. Raises ``Malformed``."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while at < len(data):
        header = int.from_bytes(data[at : at + 4], "big")
        size = header & 0xFFFFFF
        length = int.from_bytes(data[at + 4 : at + 6], "big")
        start = 4 + (2 + length + 1 + 3) // 4 * 4
        if not header >> 31 or size < start or at + size > len(data):
            raise Malformed(at, "ucert.blobmsg", f"{size} bytes")
        name = data[at + 6 : at + 6 + length].decode("ascii", "backslashreplace")
        if name in found or data[at + 6 + length]:
            raise Malformed(at, "ucert.blobmsg", f"{name!a} twice, or not ended")
        found[name] = (header >> 24 & 0x7F, data[at + start : at + size])
        at += size + -size % 4
    return found


def _certificate(text: bytes, payload: bytes) -> Certificate:
    kind, table = _messages(payload).get("ucert", (0, b""))
    fields = _messages(table) if kind == _TABLE else {}
    numbers = {
        name: int.from_bytes(fields.get(name, (0, b""))[1], "big")
        for name, wanted, size in (
            ("certtype", _INT32, 4),
            ("validfrom", _INT64, 8),
            ("expiresat", _INT64, 8),
        )
        if fields.get(name, (0, b""))[0] == wanted and len(fields[name][1]) == size
    }
    key = fields.get("pubkey", (0, b""))
    if len(numbers) != 3 or key[0] != _STRING or numbers["certtype"] != _AUTHORISATION:
        raise Malformed(0, "ucert.payload", "is no authorisation with key and validity")
    spki = _public_key(key[1])
    return Certificate(_signature(text), payload, spki, numbers["validfrom"], numbers["expiresat"])


def _public_key(text: bytes) -> bytes:
    lines = text.rstrip(b"\0\n").split(b"\n")
    try:
        body = base64.b64decode(lines[-1], validate=True)
    except binascii.Error as error:
        raise Malformed(0, "ucert.pubkey", str(error)) from error
    if len(body) != 42 or body[:2] != b"Ed":
        raise Malformed(0, "ucert.pubkey", f"{len(body)} bytes are no usign key")
    return _SPKI + body[10:]


def _by_chain(
    view: View,
    claim: Claim,
    end: int,
    certificates: tuple[Certificate, ...],
    last: bytes,
    material: Material,
) -> Signed:
    """Return the result for an image under a chain whose first link a rule's key signs."""
    now = int(material.at.timestamp())
    for number, one in enumerate(certificates, 1):
        if not one.valid_from <= now < one.expires_at:
            return refused(claim.path, NAME, f"ucert {number} is not valid at this time")
    keys = [one.spki for one in certificates]
    for number, (spki, one) in enumerate(zip(keys, certificates[1:], strict=False), 2):
        if _ed25519(spki, one).axis != "pass":
            return refused(claim.path, NAME, f"ucert {number} is not signed by the one before")
    outcome = _usign(view.content, end, last)(keys[-1])
    if outcome.axis != "pass":
        return refused(claim.path, NAME, f"the image under the last ucert's key: {outcome.reason}")
    named = dataclasses.replace(
        claim,
        what=f"fwtool trailer, ucert chain of {len(keys)}",
        note=f"the image is signed by the chain's key {keys[-1][-32:].hex()[:16]}",
    )
    result = judge(named, lambda spki: _ed25519(spki, certificates[0]), material)
    return dataclasses.replace(result, leans_on=tuple(keys))


def _ed25519(spki: bytes, one: Certificate) -> Outcome:
    return primitives.check(spki, primitives.ED25519, "", one.signature, one.payload)


FWTOOL: Final = Scheme(
    name=NAME,
    title="OpenWrt fwtool trailer (usign, ucert)",
    specification="https://git.openwrt.org/project/fwtool.git, https://git.openwrt.org/project/ucert.git",
    limitations="revocation files of ucert are not read; images up to 256 MiB",
    applies=_applies,
    verify=_verify,
)

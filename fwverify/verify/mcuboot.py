"""MCUboot images: the signature TLV over header, payload and protected TLVs.

Guarantees:

- The signed bytes are header, payload and protected TLV area; exactly one hash TLV
  stands in the unprotected area and equals their digest, and a signature is over that
  digest (or, with SIG_PURE, over the bytes themselves: Ed25519 only).
- Both TLV areas are read to their last byte; an entry past its area is refused.
- KEYHASH and the public key TLV are hints: the keys of the rule are tried, and a
  signature that holds only under the key it carries is authentic and not trusted.
- Unprotected TLVs that are neither hash, key hint nor signature are ``steering``: nothing
  signs them. A security counter counts only in the protected area, as in the boot loader.

Specification: MCUboot "Boot loader" design, "Image format" and "TLV"; ``imgtool`` as the
builder: RSA-PSS with SHA-256 and a salt of 32 bytes (TLV 0x20 and 0x23), ECDSA as DER
(0x22, P-256 with SHA-256 or P-384 with SHA-384; zeros may follow the DER), Ed25519 over
the digest (0x24). All integers are little-endian.

Not checked: dependencies, whether the counter is above the stored one (freshness is the
ledger's), decompressed signatures. An encrypted image is signed over its plaintext and
stays ``unverifiable``.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Final

from fwverify import der
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.boot.mcuboot import MAGICS, Header, read_header
from fwverify.verify import primitives
from fwverify.verify.embedded import Check, Claim, demanding, digest_of, hashed, judge, refused
from fwverify.verify.keys import describe
from fwverify.verify.primitives import Outcome
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "mcuboot"
MAX_TLVS: Final = 512
MAX_VALUE_BYTES: Final = 1024
MAX_SIGNATURES: Final = 8
MAX_PURE_BYTES: Final = 64 * 1024 * 1024
"""What Ed25519 over the bytes themselves may hold in memory; slots are far smaller."""

_PROTECTED, _UNPROTECTED = 0x6908, 0x6907
_ENCRYPTED: Final = 0x04 | 0x08
_HASHES: Final = {0x10: "sha256", 0x11: "sha384", 0x12: "sha512"}
_RSA: Final = {0x20: 2048, 0x23: 3072}
_ECDSA_P224, _ECDSA, _ED25519, _PURE, _COUNTER = 0x21, 0x22, 0x24, 0x25, 0x50
_KEY_HASH, _PUBLIC_KEY = 0x01, 0x02
_HASH_BYTES: Final = (32, 48, 64)
_SIGNATURES: Final = (*_RSA, _ECDSA_P224, _ECDSA, _ED25519)


@dataclass(frozen=True)
class Tlv:
    """One entry: its kind, where its header starts, and its value's range."""

    kind: int
    at: int
    start: int
    end: int


@dataclass(frozen=True)
class Image:
    """The areas of an image. ``tlvs`` are the unprotected ones."""

    header: Header
    signed_end: int
    end: int
    protected: tuple[Tlv, ...]
    tlvs: tuple[Tlv, ...]

    def of_kind(self, kind: int) -> tuple[Tlv, ...]:
        """Return the unprotected entries of one kind."""
        return tuple(one for one in self.tlvs if one.kind == kind)


def parse(buffer: Buffer) -> Image:
    """Return the image at offset 0 with its TLVs. Raises ``Malformed``."""
    header = read_header(buffer)
    at = header.image_end
    protected: tuple[Tlv, ...] = ()
    if header.protected_bytes:
        protected, at = _area(buffer, at, _PROTECTED)
        if at != header.image_end + header.protected_bytes:
            raise Malformed(10, "ih_protect_tlv_size", f"the area ends at {at}")
    tlvs, end = _area(buffer, at, _UNPROTECTED)
    return Image(header, at, end, protected, tlvs)


def _area(buffer: Buffer, at: int, magic: int) -> tuple[tuple[Tlv, ...], int]:
    reader = Reader(buffer, min(at, len(buffer)))
    found, total = reader.unpack("<HH", "tlv_info")
    if found != magic:
        raise Malformed(at, "tlv_info.it_magic", f"{found:#06x} is not {magic:#06x}")
    area = Reader(buffer, at, at + total)
    area.skip(4, "tlv_info.it_tlv_tot")
    tlvs: list[Tlv] = []
    while area.remaining:
        start = area.offset
        kind, length = area.unpack("<HH", "tlv")
        area.skip(length, f"tlv {kind:#06x}")
        if len(tlvs) >= MAX_TLVS:
            raise Malformed(start, "tlv", f"more than {MAX_TLVS}")
        tlvs.append(Tlv(kind, start, start + 4, area.offset))
    return tuple(tlvs), area.offset


def _applies(view: View) -> bool:
    """Return whether the node is, or begins as, an image with a TLV area behind it."""
    if view.placed.node.format == NAME:
        return True
    if bytes(view.content[:4]) not in MAGICS:
        return False
    with contextlib.suppress(Malformed):
        parse(view.content)
        return True
    return False


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    try:
        image = parse(view.content)
        signatures = tuple(one for one in image.tlvs if one.kind in _SIGNATURES)
        if not signatures:
            return ()  # not signed at all: the stage says so
        if len(signatures) > MAX_SIGNATURES:
            raise Malformed(signatures[0].at, "tlv", f"{len(signatures)} signatures")
        if image.header.flags & _ENCRYPTED:
            reason = "the payload is encrypted and its signature is over the plaintext"
            return (refused(view.path, NAME, reason, "unverifiable"),)
        digest, value = _hash(view.content, image)
    except Malformed as error:
        return (refused(view.path, NAME, str(error)),)
    return tuple(_judge(view, image, one, digest, value, material) for one in signatures)


def _hash(buffer: Buffer, image: Image) -> tuple[str, bytes]:
    """Return the digest of the signed bytes, which the one hash TLV must state."""
    found = [one for one in image.tlvs if one.kind in _HASHES]
    if len(found) != 1:
        raise Malformed(image.signed_end, "tlv", f"{len(found)} hashes of the image, not one")
    digest = _HASHES[found[0].kind]
    value = digest_of(digest, buffer, ((0, image.signed_end),))
    if bytes(buffer[found[0].start : found[0].end]) != value:
        raise Malformed(found[0].at, f"tlv {digest}", "is not the digest of the image")
    return digest, value


def _judge(
    view: View, image: Image, one: Tlv, digest: str, value: bytes, material: Material
) -> Signed:
    what = f"signature TLV {one.kind:#06x} at {one.at:#x}"
    if one.end - one.start > MAX_VALUE_BYTES:
        return refused(view.path, NAME, f"{what}: {one.end - one.start} bytes are absurd")
    signature = bytes(view.content[one.start : one.end])
    container, steering = _unsigned(view.content, image)
    claim = Claim(
        path=view.path,
        scheme=NAME,
        what=what,
        algorithm=primitives.RSA_PSS,
        digest=digest,
        covered=((0, image.signed_end),),
        container=container,
        steering=steering,
        note=_facts(view.content, image),
        counters=_counters(view.content, image),
        spki=_carried(view.content, image),
    )
    pure = bool(image.of_kind(_PURE))
    if one.kind == _ED25519:
        if pure and image.signed_end > MAX_PURE_BYTES:
            return refused(view.path, NAME, f"{what}: SIG_PURE over {image.signed_end} bytes")
        signed = view.content[: image.signed_end] if pure else value
        claim = replace(claim, algorithm=primitives.ED25519, digest="" if pure else digest)
        return judge(claim, _ed25519(signature, bytes(signed)), material)
    if pure:
        return refused(view.path, NAME, f"{what}: SIG_PURE stands for Ed25519 alone")
    if one.kind in _RSA:
        check = demanding(
            hashed(primitives.RSA_PSS, digest, signature, value, (32,)), "rsa", _RSA[one.kind]
        )
        if digest != "sha256":
            return refused(view.path, NAME, f"{what}: RSA stands with SHA-256, not {digest}")
        return judge(claim, check, material)
    if one.kind == _ECDSA_P224:
        return refused(
            view.path, NAME, f"{what}: ECDSA over P-224 is not known here", "unverifiable"
        )
    claim = replace(claim, algorithm=primitives.ECDSA)
    return judge(
        claim, hashed(primitives.ECDSA, digest, _unpadded(signature), value, (None,)), material
    )


def _ed25519(signature: bytes, signed: bytes) -> Check:
    def check(spki: bytes) -> Outcome:
        return primitives.check(spki, primitives.ED25519, "", signature, signed)

    return check


def _unpadded(signature: bytes) -> bytes:
    """Return the DER without the zeros that fixed-size signatures have behind it."""
    with contextlib.suppress(Malformed):
        end = der.element(signature, 0, len(signature)).end
        if not signature[end:].strip(b"\0"):
            return signature[:end]
    return signature


def _unsigned(buffer: Buffer, image: Image) -> tuple[tuple[Range, ...], tuple[Range, ...]]:
    """Return container and steering bytes of the unprotected area; what is absurd is neither."""
    ours = (*_HASHES, *_SIGNATURES, _KEY_HASH, _PUBLIC_KEY)
    container = [(image.signed_end, image.signed_end + 4)]
    steering = [(one.at, one.end) for one in image.tlvs if one.kind not in ours]
    for kind in ours:
        # one hint or key per signature: many of them are a program in pieces
        several = image.of_kind(kind)[:MAX_SIGNATURES]
        container += [(one.at, one.end) for one in several if _is_sane(buffer, one)]
    return tuple(container), tuple(steering)


def _is_sane(buffer: Buffer, one: Tlv) -> bool:
    """Return whether an entry that nothing signs is what its kind says, by its form."""
    size = one.end - one.start
    if one.kind == _KEY_HASH:
        return size in _HASH_BYTES
    if one.kind == _PUBLIC_KEY and size <= MAX_VALUE_BYTES:
        return describe(bytes(buffer[one.start : one.end]))[0] != "unknown"
    return size <= MAX_VALUE_BYTES  # a program is no signature


def _facts(buffer: Buffer, image: Image) -> str:
    """Return version, security counter and key hint in words."""
    facts = [f"version {image.header.version}"]
    for one in image.protected:
        if one.kind == _COUNTER and one.end - one.start == 4:
            counter = int.from_bytes(bytes(buffer[one.start : one.end]), "little")
            facts.append(f"security counter {counter}")
    if image.of_kind(_COUNTER):
        facts.append("a security counter outside the signed TLVs does not count")
    hints = [bytes(buffer[one.start : one.end])[:32].hex() for one in image.of_kind(_KEY_HASH)]
    facts += [f"it names the key {hint}" for hint in hints[:1]]
    return ", ".join(facts)


def _counters(buffer: Buffer, image: Image) -> tuple[tuple[str, str, str], ...]:
    """Return the security counter where the protected area states exactly one."""
    found = [one for one in image.protected if one.kind == _COUNTER]
    if len(found) != 1 or found[0].end - found[0].start != 4:
        return ()
    value = int.from_bytes(bytes(buffer[found[0].start : found[0].end]), "little")
    return (("security-counter", "", str(value)),)


def _carried(buffer: Buffer, image: Image) -> bytes | None:
    """Return the public key TLV's value, where there is one of sane size."""
    for one in image.of_kind(_PUBLIC_KEY)[:1]:
        if one.end - one.start <= MAX_VALUE_BYTES:
            return bytes(buffer[one.start : one.end])
    return None


MCUBOOT: Final = Scheme(
    name=NAME,
    title="MCUboot image signature TLV",
    specification="https://docs.mcuboot.com/design.html",
    limitations="encrypted images stay unverifiable; ECDSA over P-224 is not known",
    applies=_applies,
    verify=_verify,
)

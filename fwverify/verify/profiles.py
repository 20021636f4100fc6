"""Trailer profiles: proprietary signatures described as data, not code.

A profile (``signatures/profiles/<id>.toml``) says where in a file the signed bytes and
the signature stand, under which digest and padding, and which header fields must agree
with that. Places are relative to the start or the end of the file or to a field's value.

Guarantees: the schema is strict; every place is resolved and checked against the file
before a byte is read; a profile applies only where all its fields and magics agree, so a
truncated or padded file is no such file. RSA padding is checked by building the whole
expected block and comparing it (RFC 8017, 8.2.2 step 4 for the method), so that no
forgery under a small exponent can hide bytes; the signature must be below the modulus.

A profile with a ``[document]`` table describes a signature over the data that a VBF, ODX,
Intel HEX or S-record file carries instead (``fwverify.verify.profile_document`` reads it).

Steering bytes are unsigned bytes that decide how the rest is used. Where a field of
theirs is fixed by the profile (it must equal a place) another value makes the profile
not apply.

Not checked: anything the profile does not say. ``fwverify keys profile test`` is where
a profile earns its trust.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from msgspec import Meta, field

from fwverify.model import Axis
from fwverify.model import _Value as Value
from fwverify.reader import Buffer, Malformed
from fwverify.strict import InputFileError, load_toml
from fwverify.verify import primitives
from fwverify.verify.ecdsa_raw import to_der
from fwverify.verify.scheme import Material, Range, Scheme, Signed, TrustedKey, View

SCHEME_PREFIX: Final = "profile:"
MAX_SIGNATURE_BYTES: Final = 8192
_WIDTHS: Final = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}

Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2})+$")]
Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]*$")]
Layout = Literal["u8", "u16le", "u16be", "u32le", "u32be", "u64le", "u64be"]
Padding = Literal["pkcs1v15", "pss", "raw-type1-no-digestinfo", "ecdsa-raw"]


class Place(Value, frozen=True, kw_only=True):
    """A byte offset: ``offset`` counted from the start, the end or the value of a field."""

    origin: Literal["start", "end", "field"] = field(name="from")
    offset: int = 0
    field_name: Name | None = field(name="field", default=None)


class Field(Value, frozen=True, kw_only=True):
    """An unsigned integer of the file; it must equal a place or a value where one is named."""

    name: Name
    at: Place
    layout: Layout
    equals: Place | None = None
    value: Annotated[int, Meta(ge=0)] | None = None


class Magic(Value, frozen=True, kw_only=True):
    """Bytes that must stand at a place."""

    at: Place
    bytes: Hex


class Span(Value, frozen=True, kw_only=True):
    """Bytes between two places, half-open."""

    start: Place
    end: Place


class AddressRange(Value, frozen=True, kw_only=True):
    """Addresses ``[start, end)`` whose bytes are signed; without ``end`` up to the last one.

    ``fill`` is the value of addresses that the file does not write; without it they are an
    error.
    """

    start: Annotated[int, Meta(ge=0, lt=1 << 32)]
    end: Annotated[int, Meta(gt=0, le=1 << 32)] | None = None
    fill: Annotated[int, Meta(ge=0, le=255)] | None = None


class Document(Value, frozen=True, kw_only=True):
    """What is signed of a file that carries its data in another form.

    ``message``: the ``data`` of all blocks as the file orders them (VBF, ODX), the
    verification block ``table`` of a VBF, or the memory ``image`` over the ranges (Intel
    HEX, S-record). ``signature`` is the key of a VBF header that holds it; an ODX holds it in
    FW-SIGNATURE, and beside a HEX it stands in a file of its own. ``per``: one signature
    over all data, or (ODX) one over each FLASHDATA.
    """

    format: Literal["vbf", "odx-f", "intel-hex", "srec"]
    message: Literal["data", "table", "image"]
    signature: Annotated[str, Meta(pattern="^[a-z0-9_]+$")] = ""
    per: Literal["file", "block"] = "file"
    range: tuple[AddressRange, ...] = ()


class Profile(Value, frozen=True, kw_only=True):
    """One profile. ``byte_order`` is that of the signature's numbers."""

    schema: Literal["fwverify.profile/1"]
    id: Name
    title: Annotated[str, Meta(min_length=1)]
    source: Annotated[tuple[Annotated[str, Meta(pattern="^https://")], ...], Meta(min_length=1)]
    limitations: str = ""
    digest: Literal["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]
    padding: Padding
    byte_order: Literal["big", "little"] = "big"
    modulus_bits: tuple[Annotated[int, Meta(ge=512, le=16384, multiple_of=8)], ...] = ()
    exponents: tuple[Annotated[int, Meta(ge=3)], ...] = ()
    curves: tuple[Literal["secp256r1", "secp384r1", "secp521r1"], ...] = ()
    salt_bytes: Annotated[int, Meta(ge=0, le=512)] | None = None
    signed: tuple[Span, ...] = ()
    signature: Span | None = None
    steering: tuple[Span, ...] = ()
    field: tuple[Field, ...] = ()
    magic: tuple[Magic, ...] = ()
    document: Document | None = None

    @property
    def scheme(self) -> str:
        """The scheme's name in rules and results."""
        return SCHEME_PREFIX + self.id


@dataclass(frozen=True)
class Layouted:
    """A profile's places in one file, in bytes from its start."""

    signed: tuple[Range, ...]
    signature: Range
    steering: tuple[Range, ...]


def load_profile(path: Path) -> Profile:
    """Return the profile in ``path``. Raises ``InputFileError`` for anything inconsistent."""
    profile = load_toml(path, Profile)
    why = _inconsistency(profile, path.stem)
    if why:
        raise InputFileError(path, None, why[0], why[1])
    return profile


def _inconsistency(profile: Profile, stem: str) -> tuple[str, str] | None:
    """Return key and reason where the profile contradicts itself."""
    if profile.id != stem:
        return "id", f"{profile.id} is not the file's name"
    if profile.padding == "ecdsa-raw":
        if not profile.curves or profile.modulus_bits or profile.exponents:
            return "curves", "ecdsa-raw names curves, and no modulus_bits or exponents"
    elif not profile.modulus_bits or not profile.exponents or profile.curves:
        return "modulus_bits", "an RSA padding names modulus_bits and exponents, and no curves"
    if any(exponent % 2 == 0 for exponent in profile.exponents):
        return "exponents", "an RSA exponent is odd"
    if (profile.padding == "pss") != (profile.salt_bytes is not None):
        return "salt_bytes", "is named for pss, and only for it"
    if profile.document is not None:
        return _document_inconsistency(profile, profile.document)
    if profile.signature is None or not profile.signed:
        return "signature", "signed and signature are named, or a document"
    if not profile.field and not profile.magic:
        return "field", "no field or magic: such a profile would apply to every file"
    return _field_inconsistency(profile)


_MESSAGES: Final = {
    "vbf": ("data", "table"),
    "odx-f": ("data",),
    "intel-hex": ("image",),
    "srec": ("image",),
}


def _document_inconsistency(profile: Profile, document: Document) -> tuple[str, str] | None:
    """Return key and reason where what is said of a document does not fit its format."""
    if profile.signature is not None or profile.signed or profile.steering:
        return "document", "stands instead of signed, signature and steering"
    if profile.field or profile.magic:
        return "document", "stands instead of field and magic"
    allowed = _MESSAGES[document.format]
    if document.message not in allowed:
        return "document.message", f"{document.format} has {' or '.join(allowed)}"
    if (document.format == "vbf") != bool(document.signature):
        return "document.signature", "is named for vbf, and only for it"
    if document.per == "block" and document.format != "odx-f":
        return "document.per", "block is for odx-f alone"
    return _range_inconsistency(document)


def _range_inconsistency(document: Document) -> tuple[str, str] | None:
    if (document.message == "image") != bool(document.range):
        return "document.range", "is named for an image, and only for it"
    reached = -1
    for number, one in enumerate(document.range):
        if one.start < reached or (one.end is not None and one.end <= one.start):
            return "document.range", "the ranges hold something, rise and do not overlap"
        if one.end is None and number + 1 < len(document.range):
            return "document.range", "only the last one may be open"
        reached = one.start if one.end is None else one.end
    return None


def _field_inconsistency(profile: Profile) -> tuple[str, str] | None:
    known: set[str] = set()
    for one in profile.field:
        if one.name in known:
            return "field.name", f"{one.name} stands twice"
        if one.at.origin == "field" and one.at.field_name not in known:
            return "field.at", "a field stands relative to an earlier field only"
        known.add(one.name)
    for place in _places(profile):
        if (place.origin == "field") != (place.field_name is not None):
            return "from", 'field = "…" stands with from = "field", and only with it'
        if place.field_name is not None and place.field_name not in known:
            return "field", f"{place.field_name} is no field of the profile"
    return None


def _places(profile: Profile) -> list[Place]:
    own = () if profile.signature is None else (profile.signature,)
    spans = (*profile.signed, *own, *profile.steering)
    places = [place for span in spans for place in (span.start, span.end)]
    for one in profile.field:
        places += [one.at] + ([one.equals] if one.equals is not None else [])
    return places + [magic.at for magic in profile.magic]


# --- one file ------------------------------------------------------------------------


def lay_out(profile: Profile, content: Buffer) -> Layouted:
    """Return where the profile's parts lie in ``content``.

    Raises ``Malformed`` where a field or magic disagrees, a place is outside the file,
    or signed, signature and steering bytes overlap.
    """
    if profile.signature is None:
        raise Malformed(0, "profile", "is of documents")
    size = len(content)
    values: dict[str, int] = {}
    for one in profile.field:
        at = _resolve(one.at, size, values, f"{one.name}.at")
        values[one.name] = _read(content, at, one)
    for one in profile.field:
        _check_field(one, values, size)
    for magic in profile.magic:
        wanted = bytes.fromhex(magic.bytes)
        at = _resolve(magic.at, size, values, "magic.at")
        if bytes(content[at : at + len(wanted)]) != wanted:
            raise Malformed(at, "magic", f"is not {magic.bytes}")
    layouted = Layouted(
        signed=tuple(_span(span, size, values, "signed") for span in profile.signed),
        signature=_span(profile.signature, size, values, "signature"),
        steering=tuple(_span(span, size, values, "steering") for span in profile.steering),
    )
    _refuse_overlap(layouted)
    return layouted


def _resolve(place: Place, size: int, values: dict[str, int], what: str) -> int:
    base = {"start": 0, "end": size}.get(place.origin)
    if base is None:
        base = values[place.field_name or ""]
    at = base + place.offset
    if not 0 <= at <= size:
        raise Malformed(max(at, 0), what, f"{at} is outside {size} bytes")
    return at


def _read(content: Buffer, at: int, one: Field) -> int:
    width = _WIDTHS[one.layout.removesuffix("le").removesuffix("be")]
    raw = bytes(content[at : at + width])
    if len(raw) != width:
        raise Malformed(at, one.name, f"needs {width} bytes, {len(raw)} remain")
    return int.from_bytes(raw, "little" if one.layout.endswith("le") else "big")


def _check_field(one: Field, values: dict[str, int], size: int) -> None:
    value = values[one.name]
    if one.value is not None and value != one.value:
        raise Malformed(0, one.name, f"{value} is not {one.value}")
    if one.equals is not None:
        wanted = _resolve(one.equals, size, values, f"{one.name}.equals")
        if value != wanted:
            raise Malformed(0, one.name, f"{value} is not {wanted}")


def _span(span: Span, size: int, values: dict[str, int], what: str) -> Range:
    start = _resolve(span.start, size, values, f"{what}.start")
    end = _resolve(span.end, size, values, f"{what}.end")
    if start >= end:
        raise Malformed(start, what, f"[{start}, {end}) holds nothing")
    return start, end


def _refuse_overlap(layouted: Layouted) -> None:
    ordered = sorted((*layouted.signed, layouted.signature, *layouted.steering))
    for (_, end), (start, _) in itertools.pairwise(ordered):
        if start < end:
            raise Malformed(start, "layout", "signed, signature and steering bytes overlap")
    if layouted.signature[1] - layouted.signature[0] > MAX_SIGNATURE_BYTES:
        raise Malformed(layouted.signature[0], "signature", "is absurdly long")


def check(profile: Profile, content: Buffer, layouted: Layouted, spki: bytes) -> tuple[Axis, str]:
    """Return whether the signature of the laid-out file holds under the key, and why not."""
    signature = bytes(content[layouted.signature[0] : layouted.signature[1]])
    return check_hashed(profile, _digest(profile, content, layouted), signature, spki)


def check_hashed(
    profile: Profile, hashed: bytes, signature: bytes, spki: bytes
) -> tuple[Axis, str]:
    """Return whether ``signature`` over bytes with the digest ``hashed`` holds, and why not."""
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        return "unverifiable", f"the key cannot be read: {error}"
    if profile.padding == "ecdsa-raw":
        return _check_ecdsa(profile, hashed, key, spki, signature)
    if not isinstance(key, rsa.RSAPublicKey):
        return "fail", "the profile is RSA, the key is none"
    if key.key_size not in profile.modulus_bits:
        return "fail", f"the key has {key.key_size} bits"
    if key.public_numbers().e not in profile.exponents:
        return "fail", f"the key's exponent is {key.public_numbers().e}"
    if len(signature) != key.key_size // 8:
        return "fail", f"the signature has {len(signature)} bytes"
    if profile.byte_order == "little":
        signature = signature[::-1]
    if profile.padding == "raw-type1-no-digestinfo":
        return _check_type1(key.public_numbers(), signature, hashed)
    algorithm = primitives.RSA_PSS if profile.padding == "pss" else primitives.RSA_PKCS1
    outcome = primitives.check_hashed(
        spki, algorithm, profile.digest, signature, hashed, pss_salt=profile.salt_bytes
    )
    return outcome.axis, outcome.reason


def _digest(profile: Profile, content: Buffer, layouted: Layouted) -> bytes:
    """Return the digest of the signed ranges, in the order the profile lists them."""
    state = hashlib.new(profile.digest, usedforsecurity=False)
    for start, end in layouted.signed:
        for piece in primitives.pieces(content, start, end):
            state.update(piece)
    return state.digest()


def _check_type1(
    numbers: rsa.RSAPublicNumbers, signature: bytes, hashed: bytes
) -> tuple[Axis, str]:
    """Return whether the block is ``00 01 FF… 00 digest``, exactly.

    This is block type 1 of PKCS #1 v1.5 (RFC 8017, 9.2) with the bare digest where the
    standard has a DigestInfo. Every byte of the block is fixed by the digest.
    """
    value = int.from_bytes(signature, "big")
    if value >= numbers.n:
        return "fail", "the signature is not below the modulus"
    filling = len(signature) - 3 - len(hashed)
    if filling < 8:
        return "fail", "the modulus is too short for the digest"
    block = b"\x00\x01" + b"\xff" * filling + b"\x00" + hashed
    opened = pow(value, numbers.e, numbers.n).to_bytes(len(signature), "big")
    if not hmac.compare_digest(opened, block):
        return "fail", "the signature does not match the signed bytes"
    return "pass", "RSA, type 1 block without DigestInfo, holds"


def _check_ecdsa(
    profile: Profile,
    hashed: bytes,
    key: object,
    spki: bytes,
    signature: bytes,
) -> tuple[Axis, str]:
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in profile.curves:
        return "fail", "the key is not on a curve of the profile"
    encoded = to_der(signature, key.curve.key_size, profile.byte_order)
    if encoded is None:
        return "fail", f"the signature has {len(signature)} bytes"
    outcome = primitives.check_hashed(spki, primitives.ECDSA, profile.digest, encoded, hashed)
    return outcome.axis, outcome.reason


# --- the scheme ----------------------------------------------------------------------


def _applies(_: View) -> bool:
    return True  # which profiles apply is known only with the material


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    results = []
    for profile in material.profiles:
        if profile.document is not None:
            continue
        try:
            layouted = lay_out(profile, view.content)
        except Malformed:
            continue  # another format: the profile is recognised by its fields
        results.append(_signed(view, profile, layouted, material.keys))
    return tuple(results)


def _signed(
    view: View, profile: Profile, layouted: Layouted, keys: tuple[TrustedKey, ...]
) -> Signed:
    axis: Axis = "unverifiable"
    reason = "no key to verify it with"
    for key in keys:
        outcome, why = check(profile, view.content, layouted, key.spki)
        if outcome == "pass":
            return _passed(view, profile, layouted, key, why)
        if axis != "fail":
            axis, reason = outcome, why
    if axis == "fail" and len(keys) > 1:
        reason = "no key of the rule verifies it"
    return result_of(view, profile, axis, reason)


def _passed(view: View, profile: Profile, layouted: Layouted, key: TrustedKey, why: str) -> Signed:
    return dataclasses.replace(
        passed(view, profile, key, why),
        covered=layouted.signed,
        container=(layouted.signature,),
        steering=layouted.steering,
    )


def result_of(view: View, profile: Profile, axis: Axis, reason: str) -> Signed:
    """Return the result ``axis`` of a signature by the profile, without key or bytes."""
    return Signed(
        path=view.path,
        scheme=profile.scheme,
        authentic=axis,
        trusted=axis,
        reason=f"{profile.title}: {reason}",
        digest=profile.digest,
        algorithm=_algorithm(profile),
    )


def passed(view: View, profile: Profile, key: TrustedKey, why: str) -> Signed:
    """Return the result of a signature that holds under ``key``; over what is the caller's."""
    result = result_of(view, profile, "pass", why)
    return dataclasses.replace(
        result,
        trusted="pass" if key.usable else "fail",
        reason=result.reason if key.usable else f"{key.why_not}; {result.reason}",
        signer=key.id,
        spki=key.spki,
        key_id=key.id,
        roles=key.roles,
    )


def _algorithm(profile: Profile) -> str:
    """Return the name of the profile's algorithm, as results and floors have it."""
    return {
        "pkcs1v15": primitives.RSA_PKCS1,
        "pss": primitives.RSA_PSS,
        "raw-type1-no-digestinfo": "rsa-raw",
        "ecdsa-raw": primitives.ECDSA,
    }[profile.padding]


TRAILER_PROFILE: Final = Scheme(
    name="profile",
    title="Trailer profile: proprietary signature described in the trust store",
    specification="signatures/profiles/*.toml",
    limitations="only what the profile says is checked",
    applies=_applies,
    verify=_verify,
)

"""UEFI's own signatures: updates of authenticated variables, and capsule payloads.

Guarantees:

- db, dbx, KEK, PK updates (EFI_VARIABLE_AUTHENTICATION_2): the signature is over name,
  vendor GUID and attributes of the variable, the time stamp and the payload. The first
  three are not in the file: the known variables are tried and the one that holds is
  named, so an update for dbx can never pass as one for db.
- Capsule payloads (EFI_FIRMWARE_IMAGE_AUTHENTICATION): the signature is over the image
  and the monotonic count in front of it. Everything else of the capsule (which device,
  which index, the order of payloads, vendor code) is outside the signature and steers:
  it is listed.
- Structures are read here again; what the opener recorded is not believed. Bytes that
  belong to no structure stay uncovered.
- The SignedData may stand with or without its ContentInfo (UEFI 2.10, 8.2.2); the digest
  is SHA-256 as 8.2.2 demands of variables.

Specification: UEFI 2.10, 8.2.2 "EFI_VARIABLE_AUTHENTICATION_2", 23.1
"EFI_FIRMWARE_IMAGE_AUTHENTICATION", 23.3 "Delivering capsules", 32.2.4 WIN_CERTIFICATE.
All integers are little-endian.

Not checked: that the time stamp is later than the variable's last one and the monotonic
count (the device knows them), the version rules of a device, private variables of a
vendor, and firmware's habit of ignoring certificate validity: here a certificate must
be valid at the verification time.
"""

from __future__ import annotations

import dataclasses
import itertools
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from asn1crypto import x509 as asn1_x509

from fwverify import der
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.verify import cms
from fwverify.verify.chain import CODE_SIGNING, EMAIL_PROTECTION, Purpose
from fwverify.verify.cms_signer import Frame, judge, refused
from fwverify.verify.ranges import without
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

VARIABLE_NAME: Final = "uefi-variable"
CAPSULE_NAME: Final = "uefi-capsule"
PKCS7: Final = uuid.UUID("4aafd29d-68df-49ee-8aa9-347d375665a7").bytes_le
FMP: Final = uuid.UUID("6dcbd5ed-e82d-4c44-bda1-7194199ad92a").bytes_le
MAX_ITEMS: Final = 256
_CERTIFICATE: Final = struct.Struct("<IHH16s")
_TIME: Final = struct.Struct("<H6BIhBB")
_COUNT_BYTES: Final = 8
_IMAGE_HEADER_BYTES: Final = {1: 32, 2: 40, 3: 48}
_MICROSOFT_KEK: Final = "1.3.6.1.4.1.311.79.1"
_KEY_EXCHANGE: Final = Purpose((CODE_SIGNING, EMAIL_PROTECTION, _MICROSOFT_KEK))
"""Firmware asks for no purpose; one that is stated must still be a signer's."""

_SECURITY: Final = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
_GLOBAL: Final = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
_NAMES: Final = (
    ("dbx", _SECURITY),
    ("db", _SECURITY),
    ("KEK", _GLOBAL),
    ("PK", _GLOBAL),
    ("dbt", _SECURITY),
    ("dbr", _SECURITY),
)
_TIME_BASED: Final = 0x27
"""NON_VOLATILE, BOOTSERVICE_ACCESS, RUNTIME_ACCESS, TIME_BASED_AUTHENTICATED_WRITE."""

_APPEND: Final = 0x40


@dataclass(frozen=True)
class Joined(cms.Window):
    """Bytes in memory, then a range of the buffer, then bytes in memory."""

    before: bytes = b""
    after: bytes = b""

    @property
    def size(self) -> int:
        """The size of all together, in bytes."""
        return len(self.before) + self.end - self.start + len(self.after)

    def head(self, count: int) -> bytes:
        """Return up to ``count`` bytes from the start."""
        body = bytes(self.buffer[self.start : min(self.end, self.start + count)])
        return (self.before + body + (self.after if self.start + count > self.end else b""))[:count]

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in pieces."""
        yield self.before
        yield from super().pieces()
        yield self.after


@dataclass(frozen=True)
class Variable:
    """A variable that an update may be for."""

    name: str
    vendor: uuid.UUID
    attributes: int

    def prefix(self) -> bytes:
        """Return what is hashed in front of the time stamp (UEFI 2.10, 8.2.2, step 2)."""
        name = self.name.encode("utf-16-le")
        return name + self.vendor.bytes_le + struct.pack("<I", self.attributes)

    def __str__(self) -> str:
        kind = "append to" if self.attributes & _APPEND else "replace"
        return f"{kind} {self.name}-{self.vendor} (attributes {self.attributes:#04x})"


VARIABLES: Final = tuple(
    Variable(name, vendor, attributes)
    for attributes in (_TIME_BASED | _APPEND, _TIME_BASED)
    for name, vendor in _NAMES
)


def read_certificate(reader: Reader) -> tuple[cms.SignedData, Range]:
    """Return the SignedData of a WIN_CERTIFICATE_UEFI_GUID at the cursor, and its range.

    The cursor moves behind it. Raises ``Malformed``.
    """
    at = reader.offset
    fields = _CERTIFICATE.unpack(reader.take(_CERTIFICATE.size, "AuthInfo"))
    length, revision, kind, guid = fields
    if (revision, kind) != (0x0200, 0x0EF1) or guid != PKCS7:
        raise Malformed(at, "AuthInfo", f"revision {revision:#x}, type {kind:#x}: no PKCS #7")
    if length <= _CERTIFICATE.size:
        raise Malformed(at, "AuthInfo.dwLength", f"{length} bytes hold no signature")
    message = reader.take(length - _CERTIFICATE.size, "AuthInfo.CertData")
    return cms.parse_signed_data(_in_content_info(message)), (at, reader.offset)


def _in_content_info(message: bytes) -> bytes:
    """Return the message with its ContentInfo, put around a bare SignedData."""
    outer = der.element(message, 0, len(message))
    inside = der.children(message, outer)
    if inside and inside[0].tag == 0x02:  # SignedData begins with its version
        oid = bytes.fromhex("06092a864886f70d010702")
        return der.wrap(der.SEQUENCE, oid + der.wrap(0xA0, message))
    return message


# --- authenticated variables -----------------------------------------------------------


def _applies_variable(view: View) -> bool:
    head = bytes(view.content[:40])
    return head[20:24] == b"\x00\x02\xf1\x0e" and head[24:] == PKCS7


def _verify_variable(view: View, material: Material) -> tuple[Signed, ...]:
    frame = Frame(view.path, VARIABLE_NAME, purpose=_KEY_EXCHANGE)
    size = len(view.content)
    try:
        reader = Reader(view.content)
        stamp = reader.take(_TIME.size, "TimeStamp")
        when = _time(stamp)
        data, (start, end) = read_certificate(reader)
        if data.content is not None:
            raise Malformed(start, "AuthInfo", "the SignedData has content of its own")
        _check_digests(data, start)
    except Malformed as error:
        return (refused(frame, str(error)),)
    covered = tuple(each for each in ((0, _TIME.size), (end, size)) if each[0] < each[1])
    frame = dataclasses.replace(frame, covered=covered, container=((start, end),))
    known = (*data.certificates, *material.pins)
    for variable in VARIABLES:
        content = Joined(view.content, end, size, before=variable.prefix() + stamp)
        if _holds(data, known, content):
            note = f"{variable}, time stamp {when}"
            return judge(dataclasses.replace(frame, note=note), data, content, material)
    content = Joined(view.content, end, size, before=VARIABLES[0].prefix() + stamp)
    note = "no known variable (db, dbx, dbt, dbr, KEK, PK) fits the signature"
    results = judge(dataclasses.replace(frame, note=note), data, content, material)
    return tuple(dataclasses.replace(one, reason=f"{note}; {one.reason}") for one in results)


def _time(stamp: bytes) -> str:
    """Return the EFI_TIME; raises ``Malformed`` where 8.2.2 wants zeros or it is no time."""
    year, month, day, hour, minute, second, pad1, nanosecond, zone, light, pad2 = _TIME.unpack(
        stamp
    )
    if pad1 or nanosecond or zone or light or pad2:
        raise Malformed(7, "TimeStamp", "fields that must be zero are not (8.2.2)")
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
        raise Malformed(0, "TimeStamp", "is no time")
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}Z"


def _check_digests(data: cms.SignedData, at: int) -> None:
    for signer in data.signers:
        if signer.algorithm is not None and signer.digest != "sha256":
            raise Malformed(at, "digestAlgorithm", f"{signer.digest}; 8.2.2 demands SHA-256")


def _holds(
    data: cms.SignedData, known: tuple[asn1_x509.Certificate, ...], content: cms.Window
) -> bool:
    """Return whether any signer's mathematics holds over the content."""
    for signer in data.signers:
        try:
            certificate = cms.find_certificate(signer, known)
        except Malformed:
            return False
        if certificate is not None:
            return cms.check_signer(data, signer, certificate, content).axis == "pass"
    return False


# --- capsules --------------------------------------------------------------------------


@dataclass(frozen=True)
class Payload:
    """One image of a capsule: its range with the authentication in front, if it has one."""

    number: int
    start: int
    end: int
    signed: bool


def _is_authenticated(content: Buffer, start: int, end: int) -> bool:
    """Return whether an EFI_FIRMWARE_IMAGE_AUTHENTICATION stands at ``start``."""
    head = bytes(content[start : min(start + _COUNT_BYTES + _CERTIFICATE.size, end)])
    return head[12:16] == b"\x00\x02\xf1\x0e" and head[16:32] == PKCS7


def _applies_capsule(view: View) -> bool:
    content = view.content
    if bytes(content[:16]) != FMP:
        return _is_authenticated(content, 0, len(content))
    try:
        return any(each.signed for each in read_payloads(content))
    except Malformed:
        return True


def read_payloads(content: Buffer) -> tuple[Payload, ...]:
    """Return the images of an FMP capsule, or the one of a bare payload. Raises ``Malformed``."""
    if bytes(content[:16]) != FMP:
        return (Payload(0, 0, len(content), signed=True),)
    reader = Reader(content)
    reader.skip(16, "CapsuleGuid")
    header, _, total = reader.unpack("<3I", "capsule header")
    if not 28 <= header <= total or total != len(content):
        why = f"{total} bytes with a header of {header}, {len(content)} are there"
        raise Malformed(24, "CapsuleImageSize", why, past_end=total > len(content))
    reader.seek(header, "HeaderSize")
    version, drivers, payloads = reader.unpack("<IHH", "FMP capsule header")
    if version != 1 or drivers + payloads > MAX_ITEMS:
        raise Malformed(header, "FMP capsule header", f"version {version}, {drivers + payloads}")
    offsets = [reader.u64le("ItemOffsetList") for _ in range(drivers + payloads)]
    found = [
        _payload(content, number, header + offset)
        for number, offset in enumerate(offsets[drivers:])
    ]
    inside = sorted((each.start, each.end) for each in found)
    if any(one[1] > other[0] for one, other in itertools.pairwise(inside)):
        raise Malformed(header, "ItemOffsetList", "payloads overlap")
    return tuple(found)


def _payload(content: Buffer, number: int, at: int) -> Payload:
    """Return the image behind EFI_FIRMWARE_MANAGEMENT_CAPSULE_IMAGE_HEADER (23.3)."""
    reader = Reader(content)
    reader.seek(at, "ItemOffsetList")
    version = reader.u32le("image header")
    fixed = _IMAGE_HEADER_BYTES.get(version)
    if fixed is None:
        raise Malformed(at, "image header", f"version {version}")
    reader.skip(20, "image header")
    size = reader.u32le("UpdateImageSize")
    reader.seek(at, "image header")
    reader.skip(fixed, "image header")
    start = reader.offset
    reader.skip(size, "UpdateImageSize")
    return Payload(number, start, reader.offset, _is_authenticated(content, start, reader.offset))


def _verify_capsule(view: View, material: Material) -> tuple[Signed, ...]:
    frame = Frame(view.path, CAPSULE_NAME, purpose=_KEY_EXCHANGE)
    try:
        payloads = read_payloads(view.content)
    except Malformed as error:
        return (refused(frame, str(error)),)
    images = tuple((each.start, each.end) for each in payloads)
    steering = without(((0, len(view.content)),), images)
    return tuple(
        dataclasses.replace(one, steering=steering if one.covered else ())
        for each in payloads
        for one in _verify_payload(view, frame, each, material)
    )


def _verify_payload(
    view: View, frame: Frame, payload: Payload, material: Material
) -> tuple[Signed, ...]:
    """Return what the payload's signature shows: over image, then monotonic count."""
    what = f"payload {payload.number}"
    if not payload.signed:
        return (refused(frame, f"{what} has no signature"),)
    try:
        reader = Reader(view.content, payload.start, payload.end)
        count = reader.take(_COUNT_BYTES, "MonotonicCount")
        data, (start, end) = read_certificate(reader)
        if data.content is not None:
            raise Malformed(start, "AuthInfo", "the SignedData has content of its own")
    except Malformed as error:
        return (refused(frame, f"{what}: {error}"),)
    covered = ((payload.start, payload.start + _COUNT_BYTES), (end, payload.end))
    number = int.from_bytes(count, "little")
    frame = dataclasses.replace(
        frame,
        covered=tuple(each for each in covered if each[0] < each[1]),
        container=((start, end),),
        note=f"{what}, monotonic count {number}",
    )
    content = Joined(view.content, end, payload.end, after=count)
    return judge(frame, data, content, material)


UEFI_VARIABLE: Final = Scheme(
    name=VARIABLE_NAME,
    title="UEFI authenticated variable update (db, dbx, KEK, PK)",
    specification="UEFI 2.10, 8.2.2",
    limitations="variables with other names are refused; the device's last time stamp is unknown",
    applies=_applies_variable,
    verify=_verify_variable,
)

UEFI_CAPSULE: Final = Scheme(
    name=CAPSULE_NAME,
    title="UEFI capsule payload (EFI_FIRMWARE_IMAGE_AUTHENTICATION)",
    specification="UEFI 2.10, 23.1 and 23.3",
    limitations="capsules of other kinds than FMP are not known; headers are outside the signature",
    applies=_applies_capsule,
    verify=_verify_capsule,
)

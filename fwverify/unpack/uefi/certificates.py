"""What UEFI signs with: WIN_CERTIFICATE structures and signature lists.

Guarantees: a PKCS #7 certificate has the class ``signature`` only when it is exactly one
DER SignedData behind its header; a signature list is read entry by entry, every hash is
an attribute and every certificate a child.

Specification: UEFI 2.10, 32.2.4 "WIN_CERTIFICATE", 32.4.1 "Signature database",
8.2.2 "EFI_VARIABLE_AUTHENTICATION_2". All integers are little-endian.

Not checked: signatures (the verify stage).
"""

from __future__ import annotations

import struct
from typing import Final

from fwverify.model import Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.leaves import MAX_SIGNATURE_BYTES, der_length, is_detached_signature
from fwverify.unpack.parts import Parts
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.uefi.sections import guid

NAME: Final = "uefi-auth-variable"
PKCS7: Final = bytes.fromhex("9dd2af4adf68ee498aa9347d375665a7")
CERTIFICATE_HEADER_BYTES: Final = 24
MAX_LISTS: Final = 1024
MAX_SIGNATURES: Final = 100_000
_TIME_BYTES: Final = 16
_UEFI_GUID: Final = 0x0EF1
_REVISION: Final = 0x0200
_HASHES: Final = {
    "C1C41626-504C-4092-ACA9-41F936934328": ("sha256", 48),
    "826CA512-CF10-4AC9-B187-BE01496631BD": ("sha1", 36),
    "FF3E5307-9FD0-48C9-85F1-8AD56C701E01": ("sha384", 64),
    "093E0FAE-A6C4-4F50-9F1B-D41E2B89C19A": ("sha512", 80),
    "3BD2A492-96C0-4079-B420-FCF98EF103ED": ("x509-sha256", 64),
}
_CERTIFICATE: Final = "A5C059A1-94E4-4AA7-87B5-AB155C2BF072"


def read_certificate(found: Gathered, start: int, field: str) -> int:
    """Give the WIN_CERTIFICATE_UEFI_GUID at ``start`` its classes; return its end.

    Raises ``Malformed`` unless it is one with PKCS #7.
    """
    reader = Reader(found.buffer, start)
    length, revision, kind = reader.unpack("<IHH", field)
    if (revision, kind) != (_REVISION, _UEFI_GUID) or length < CERTIFICATE_HEADER_BYTES:
        raise Malformed(start, field, f"revision {revision:#x}, type {kind:#x}, {length} bytes")
    if reader.take(16, field) != PKCS7:
        raise Malformed(start + 8, field, "is no PKCS #7")
    reader.seek(start)
    reader.skip(length, field)
    found.claim(start, start + CERTIFICATE_HEADER_BYTES)
    low, end = start + CERTIFICATE_HEADER_BYTES, reader.offset
    found.attribute("pkcs7", f"{low}-{end}")
    if is_signed_data(found.buffer, low, end):
        found.claim(low, end, "signature")
    else:
        found.malformed(Malformed(low, field, "is not exactly one SignedData"))
    return end


def is_signed_data(buffer: Buffer, start: int, end: int) -> bool:
    """Return whether the range is one detached SignedData, with or without its ContentInfo.

    UEFI 2.10, 8.2.2 allows the bare SignedData; it is put into a ContentInfo to be judged
    like any other.
    """
    from asn1crypto import cms

    if not 0 < end - start <= MAX_SIGNATURE_BYTES:
        return False
    data = bytes(buffer[start:end])
    if der_length(data) != len(data):
        return False
    if is_detached_signature(data):
        return True
    try:
        signed = cms.SignedData.load(data, strict=True)
        wrapped = cms.ContentInfo({"content_type": "signed_data", "content": signed})
        return is_detached_signature(wrapped.dump())
    except (ValueError, TypeError, KeyError):
        return False


def read_lists(found: Gathered, start: int, end: int) -> int:
    """Read the EFI_SIGNATURE_LISTs in ``[start, end)``; return how many signatures they hold.

    Raises ``Malformed``.
    """
    reader, parts, total = Reader(found.buffer, start, end), Parts(found), 0
    for _ in range(MAX_LISTS):
        if not reader.remaining:
            return total
        total += _list(parts, reader, total)
    raise Malformed(reader.offset, "signature list", f"more than {MAX_LISTS}")


def _list(parts: Parts, reader: Reader, before: int) -> int:
    at = reader.offset
    kind = guid(reader.take(16, "SignatureType"))
    length, header, size = reader.unpack("<3I", "signature list")
    reader.seek(at)
    reader.skip(length, "SignatureListSize")
    body = at + 28 + header
    if length < 28 + header or size <= 16 or (length - 28 - header) % size:
        raise Malformed(at, "SignatureListSize", f"{length} bytes of {size}, header {header}")
    count = (length - 28 - header) // size
    if before + count > MAX_SIGNATURES:
        raise Malformed(at, "signature list", f"more than {MAX_SIGNATURES}")
    parts.found.claim(at, at + 28)
    name, expected = _HASHES.get(kind, ("", 0))
    for number in range(count):
        low = body + number * size
        if kind == _CERTIFICATE:
            parts.found.claim(low, low + 16)
            label = b"certificate.%d.der" % (before + number)
            parts.add(label, low + 16, low + size, "certificate", generated=True)
        elif size == expected:
            parts.found.claim(low, low + size)
            value = bytes(parts.found.buffer[low + 16 : low + size]).hex()
            parts.found.attribute(f"signature.{before + number:05d}", f"{name} {value}")
    if kind != _CERTIFICATE and size != expected:
        parts.found.trouble("unsupported", f"signatures of type {kind} are not known")
    return count


def open_variable(source: Source) -> Opened:
    """Return an authenticated variable update: time, signature, and its payload.

    Raises ``Malformed``.
    """
    found = Gathered(source, NAME)
    year, month, day, hour, minute, second = struct.unpack(
        "<H5B", Reader(source.buffer).peek(0, 7, "TimeStamp")
    )
    stamp = f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}Z"
    end = read_certificate(found, _TIME_BYTES, "AuthInfo")
    found.claim(0, _TIME_BYTES)
    found.attribute("timestamp", stamp)
    found.attribute("payload", f"{end}-{source.size}")
    try:
        total = read_lists(found, end, source.size)
        found.attribute("signatures", str(total))
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish()


def _recognise(buffer: Buffer, _: str) -> bool:
    head = bytes(buffer[:40])
    return head[20:24] == b"\x00\x02\xf1\x0e" and head[24:] == PKCS7


AUTH_VARIABLE: Final = Format(
    name=NAME,
    title="UEFI authenticated variable update",
    family="UEFI",
    specification="https://uefi.org/specs/UEFI/2.10/08_Services_Runtime_Services.html",
    limitations="the payload is read as signature lists (db, dbx, KEK, PK)",
    recognise=_recognise,
    open=open_variable,
)

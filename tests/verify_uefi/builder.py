"""Builders of UEFI's signed structures, from UEFI 2.10, 8.2.2, 23.1 and 23.3."""

from __future__ import annotations

import struct
import uuid

from tests.builders import pki, uefi

SECURITY = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
TIME = struct.pack("<H6BIhBB", 2026, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0)
LIST = uefi.signature_list(b"\x11" * 32, b"\x22" * 32)


def bare(message: bytes) -> bytes:
    """Return the SignedData out of its ContentInfo."""
    from fwverify import der

    outer = der.children(message, der.element(message, 0, len(message)))
    (inner,) = der.children(message, outer[1])
    return message[inner.at : inner.end]


def certificate(data: bytes, *, kind=0x0EF1, revision=0x200, guid=uefi.PKCS7, more=0) -> bytes:
    head = struct.pack("<IHH", 24 + len(data) + more, revision, kind)
    return head + uuid.UUID(guid).bytes_le + data


def variable(
    payload: bytes = LIST,
    *,
    name: str = "dbx",
    vendor: uuid.UUID = SECURITY,
    attributes: int = 0x67,
    stamp: bytes = TIME,
    wrapped: bool = False,
    signed=None,
    **options,
) -> bytes:
    """Return an update of an authenticated variable; ``signed`` None has no attributes."""
    content = name.encode("utf-16-le") + vendor.bytes_le + struct.pack("<I", attributes)
    message = pki.message(content + stamp + payload, signed=signed, **options)
    return stamp + certificate(message if wrapped else bare(message)) + payload


def payload(
    image: bytes, count: int = 3, *, over: bytes | None = None, wrapped: bool = True, **options
) -> bytes:
    """Return EFI_FIRMWARE_IMAGE_AUTHENTICATION and the image."""
    number = struct.pack("<Q", count)
    message = pki.message(image + number if over is None else over, **options)
    return number + certificate(message if wrapped else bare(message)) + image


def capsule(*images: bytes, drivers: tuple[bytes, ...] = (), vendor: bytes = b"") -> bytes:
    return uefi.fmp_capsule(*images, drivers=drivers, vendor=vendor)

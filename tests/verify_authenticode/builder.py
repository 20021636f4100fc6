"""Builders of Authenticode signatures, laid out by hand from Microsoft's specification."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

from tests.builders import pki
from tests.builders.pefile import pe_program
from tests.unpack_installers.builders import MSI_CLSID, CompoundFile, utf16

INDIRECT = "1.3.6.1.4.1.311.2.1.4"
CTL = "1.3.6.1.4.1.311.10.1"
PE_DATA = "1.3.6.1.4.1.311.2.1.15"
CAB_DATA = "1.3.6.1.4.1.311.2.1.25"
SIP_INFO = "1.3.6.1.4.1.311.2.1.30"
NESTED = "1.3.6.1.4.1.311.2.4.1"
STAMP = "1.3.6.1.4.1.311.3.3.1"
COUNTER = "1.2.840.113549.1.9.6"
SIGNING_TIME = "1.2.840.113549.1.9.5"
PAGES = bytes.fromhex("a6b586d5b4a12466ae05a217da8e60d6")

PROGRAM = pe_program({"KERNEL32.dll": ("ExitProcess", "CreateFileW")})


def digest_info(digest: str, value: bytes) -> bytes:
    return pki.seq(pki.seq(pki.oid(pki.DIGEST_OIDS[digest]), pki.NULL), pki.octets(value))


def image_data(link: bytes | None = None) -> bytes:
    """Return SpcPeImageData with the obsolete name, or with ``link``."""
    name = pki.tlv(0xA2, pki.tlv(0x80, "<<<Obsolete>>>".encode("utf-16-be")))
    return pki.seq(pki.tlv(0x03, b"\0"), pki.tlv(0xA0, link or name))


def pages_link(table: bytes, *, kind: str = "1.3.6.1.4.1.311.2.3.2", identifier=PAGES) -> bytes:
    data = pki.tlv(0x31, pki.seq(pki.oid(kind), pki.tlv(0x31, pki.octets(table))))
    return pki.tlv(0xA1, pki.octets(identifier), pki.octets(data))


def indirect(
    value: bytes, *, digest: str = "sha256", kind: str = PE_DATA, data: bytes | None = None
) -> bytes:
    inner = image_data() if data is None else data
    return pki.seq(pki.seq(pki.oid(kind), inner), digest_info(digest, value))


def message(
    content: bytes,
    identity: pki.Identity | None = None,
    *,
    digest: str = "sha256",
    content_type: str = INDIRECT,
    certificates: tuple[pki.Identity, ...] | None = None,
    infos: int = 1,
    **options,
) -> bytes:
    """Return a PKCS #7 message around ``content``, a DER SEQUENCE."""
    identity = identity or pki.signer()
    bag = (identity, pki.intermediate()) if certificates is None else certificates
    header = 2 if content[1] < 0x80 else 2 + (content[1] & 0x7F)
    info = pki.signer_info(
        identity, content[header:], digest=digest, content_type=content_type, **options
    )
    body = pki.seq(
        pki.integer(1),
        pki.tlv(0x31, pki.digest_id(digest)),
        pki.seq(pki.oid(content_type), pki.tlv(0xA0, content)),
        pki.tlv(0xA0, *(one.der for one in bag)) if bag else b"",
        pki.tlv(0x31, *([info] * infos)),
    )
    return pki.seq(pki.oid("1.2.840.113549.1.7.2"), pki.tlv(0xA0, body))


# --- PE --------------------------------------------------------------------------------


def places(program: bytes) -> tuple[int, int]:
    """Return where checksum and certificate directory entry of a PE32 program are."""
    optional = struct.unpack_from("<I", program, 60)[0] + 24
    magic = struct.unpack_from("<H", program, optional)[0]
    return optional + 64, optional + (96 if magic == 0x10B else 112) + 32


def padded(program: bytes) -> bytes:
    return program + bytes(-len(program) % 8)


def image_digest(program: bytes, digest: str = "sha256") -> bytes:
    """Return the image hash of an unsigned program, by the specification's steps."""
    checksum, entry = places(program)
    data = padded(program)
    parts = data[:checksum], data[checksum + 4 : entry], data[entry + 8 :]
    return hashlib.new(digest, b"".join(parts), usedforsecurity=False).digest()


def certificate(data: bytes, *, kind: int = 2, revision: int = 0x200, inner: bytes = b"") -> bytes:
    """Return a WIN_CERTIFICATE; ``inner`` is counted in its length."""
    body = data + inner
    return struct.pack("<IHH", 8 + len(body), revision, kind) + body + bytes(-len(body) % 8)


def attach(program: bytes, *certificates: bytes, behind: bytes = b"", size=None) -> bytes:
    """Return the program with the certificate table behind it."""
    _, entry = places(program)
    data = bytearray(padded(program))
    table = b"".join(certificates)
    struct.pack_into("<II", data, entry, len(data), len(table) if size is None else size)
    return bytes(data) + table + behind


def signed_pe(
    program: bytes = PROGRAM,
    identity: pki.Identity | None = None,
    *,
    digest: str = "sha256",
    content: bytes | None = None,
    **options,
) -> bytes:
    signed = content or indirect(image_digest(program, digest), digest=digest)
    return attach(program, certificate(message(signed, identity, digest=digest, **options)))


def stamped(time, *, oid: str = STAMP, **options) -> Callable[[bytes], tuple[bytes, ...]]:
    return lambda value: (pki.attribute(oid, pki.token(value, time, **options)),)


def countersigned(
    time,
    identity: pki.Identity,
    *,
    digest: str = "sha256",
    over: bytes | None = None,
    more: tuple[bytes, ...] = (),
) -> Callable[[bytes], tuple[bytes, ...]]:
    """Return unsigned attributes with a PKCS #9 countersignature by ``identity``."""

    def attributes(value: bytes) -> tuple[bytes, ...]:
        info = pki.signer_info(
            identity,
            over or value,
            digest=digest,
            more=(pki.attribute(SIGNING_TIME, pki.when(time)), *more),
        )
        return (pki.attribute(COUNTER, info),)

    return attributes


# --- catalogues ------------------------------------------------------------------------


def member(value: bytes, *, digest: str = "sha256", kind: str = CAB_DATA) -> bytes:
    data = image_data() if kind == PE_DATA else pki.seq()
    attribute = pki.attribute(INDIRECT, indirect(value, digest=digest, kind=kind, data=data))
    return pki.seq(pki.octets(value.hex().upper().encode("utf-16-le")), pki.tlv(0x31, attribute))


def trust_list(*members: bytes) -> bytes:
    return pki.seq(
        pki.seq(pki.oid("1.3.6.1.4.1.311.12.1.1")),
        pki.octets(bytes(16)),
        pki.when(pki.FROM),
        pki.seq(pki.oid("1.3.6.1.4.1.311.12.1.3"), pki.NULL),
        pki.seq(*members),
    )


def catalogue(*members: bytes, **options) -> bytes:
    return message(trust_list(*members), content_type=CTL, **options)


# --- cabinets --------------------------------------------------------------------------


def cabinet(data: bytes = b"payload " * 20, *, number: int = 0, reserved: int = 0) -> bytes:
    """Return a cabinet of one stored file with an empty area for a signature."""
    name = b"firmware.bin\0"
    files_at = 60 + 8
    data_at = files_at + 16 + len(name)
    size = data_at + 8 + len(data)
    head = b"MSCF" + struct.pack("<5I", reserved, size, 0, files_at, 0)
    head += struct.pack("<BB5H", 3, 1, 1, 1, 4, 77, number) + struct.pack("<HBB", 20, 0, 0)
    head += b"\0\0\x10\0" + bytes(16)
    head += struct.pack("<IHH", data_at, 1, 0)
    head += struct.pack("<II4H", len(data), 0, 0, 0, 0, 0) + name
    return head + struct.pack("<IHH", 0, len(data), len(data)) + data


def cabinet_digest(cab: bytes, digest: str = "sha256") -> bytes:
    data = cab[:4] + cab[8:34] + cab[56:]
    return hashlib.new(digest, data, usedforsecurity=False).digest()


def attach_cab(cab: bytes, signature: bytes, behind: bytes = b"") -> bytes:
    signature += bytes(-len(signature) % 8)
    where = struct.pack("<II", len(cab), len(signature))
    return cab[:44] + where + cab[52:] + signature + behind


def signed_cab(cab: bytes | None = None, **options) -> bytes:
    cab = cab or cabinet()
    content = indirect(cabinet_digest(cab), kind=CAB_DATA, data=pki.seq())
    return attach_cab(cab, message(content, **options))


# --- installer databases ---------------------------------------------------------------

SIP = pki.seq(
    pki.integer(1),
    pki.octets(bytes.fromhex("f1100c0000000000c000000000000046")),
    *(pki.integer(0) for _ in range(5)),
)
STREAMS = {"Alpha": b"first " * 3, "Beta": b"B" * 5000, "Alp": b"prefix"}


def msi_digest(streams: dict[str, bytes], extended: bytes = b"") -> bytes:
    ordered = sorted((utf16(name), data) for name, data in streams.items())
    return hashlib.sha256(extended + b"".join(data for _, data in ordered) + MSI_CLSID).digest()


def msi_metadata(streams: dict[str, bytes]) -> bytes:
    """Return what ``MsiDigitalSignatureEx`` is the hash of, for streams without times."""
    found = MSI_CLSID + bytes(4)
    for name, data in sorted((utf16(name), data) for name, data in streams.items()):
        found += name + struct.pack("<I", len(data)) + bytes(4) + bytes(16)
    return found


def msi(streams: dict[str, bytes], signature: bytes | None, extended: bytes | None) -> bytes:
    made = CompoundFile(clsid=MSI_CLSID)
    for name, data in streams.items():
        made.stream(utf16(name), data)
    if signature is not None:
        made.stream(utf16("\x05DigitalSignature"), signature)
    if extended is not None:
        made.stream(utf16("\x05MsiDigitalSignatureEx"), extended)
    return made.build()


def signed_msi(
    streams: dict[str, bytes] = STREAMS, *, with_metadata: bool = True, **options
) -> bytes:
    extended = hashlib.sha256(msi_metadata(streams)).digest() if with_metadata else None
    value = msi_digest(streams, extended or b"")
    content = indirect(value, kind=SIP_INFO, data=SIP)
    return msi(streams, message(content, **options), extended)

"""Authenticode signatures in PE files: Windows programs and drivers, EFI applications.

Guarantees:

- Every entry of the certificate table and every nested signature is judged and reported
  by itself; a table that is not exactly a list of PKCS #7 signatures refuses the file
  (``authenticode_pe``).
- The image hash is recomputed over everything but the checksum, the table's directory
  entry and the table; what a signature covers is exactly what was hashed.
- Page hashes, where the signed content has them, are recomputed; a table of a kind that
  is not known is unverifiable.
- The image hash stands in the reason: two files with the same one differ in signatures
  only (``image_hash`` for a comparison).

Specification: Microsoft, "Windows Authenticode Portable Executable Signature Format";
UEFI 2.10, 32.5 for signed EFI images, which are the same with other roots.

Not checked: the checksum field of the header, the policy of an operating system (which
roots it wants for a driver), and UEFI's habit of ignoring the time: here a certificate
must have been valid when it signed.
"""

from __future__ import annotations

import dataclasses
import hmac
from typing import Final

from asn1crypto import core as asn1_core

from fwverify import der
from fwverify.reader import Buffer, Malformed
from fwverify.verify import authenticode_pe as pe
from fwverify.verify import cms
from fwverify.verify.authenticode_spc import (
    Indirect,
    Message,
    check_digest_names,
    judge_message,
    nested_results,
    read_indirect,
    read_message,
)
from fwverify.verify.cms_signer import Frame, refused
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "authenticode"
PE_IMAGE_DATA: Final = "1.3.6.1.4.1.311.2.1.15"
_PAGE_HASHES: Final = bytes.fromhex("a6b586d5b4a12466ae05a217da8e60d6")
_PAGE_HASH_OIDS: Final = {"1.3.6.1.4.1.311.2.3.1": "sha1", "1.3.6.1.4.1.311.2.3.2": "sha256"}


def _applies(view: View) -> bool:
    """Return whether the node is a PE file whose header points at a certificate table."""
    return pe.is_pe(view.content) and pe.claims_signature(view.content)


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    frame = Frame(view.path, NAME)
    try:
        image = pe.read_image(view.content)
        entries = pe.entries(view.content, image)
    except Malformed as error:
        return (refused(frame, str(error)),)
    frame = dataclasses.replace(frame, container=image.excluded)
    hashes = _Hashes(view.content, image)
    results: list[Signed] = []
    for number, entry in enumerate(entries, 1):
        which = f"signature {number} of {len(entries)}" if len(entries) > 1 else ""
        results.extend(_verify_entry(frame, hashes, entry, which, material))
    return tuple(results)


class _Hashes:
    """The image's hashes, each computed once. Belongs to one call of ``_verify``."""

    def __init__(self, content: Buffer, image: pe.Image) -> None:
        self.content = content
        self.image = image
        self._known: dict[tuple[str, str], bytes] = {}
        self._pages: dict[str, bytes] = {}

    def find(self, name: str, wanted: bytes) -> tuple[str, tuple[Range, ...]] | None:
        """Return the reading whose hash is ``wanted``: its name and its ranges."""
        for reading, ranges in pe.readings(self.image):
            if (reading, name) not in self._known:
                self._known[reading, name] = pe.digest(self.content, ranges, name)
            if hmac.compare_digest(self._known[reading, name], wanted):
                return reading, ranges
        return None

    def pages(self, name: str) -> bytes:
        """Return the table of page hashes. Raises ``Malformed``."""
        if name not in self._pages:
            self._pages[name] = pe.page_hashes(self.content, self.image, name)
        return self._pages[name]


def _verify_entry(
    frame: Frame, hashes: _Hashes, entry: pe.CertificateEntry, which: str, material: Material
) -> tuple[Signed, ...]:
    try:
        message = read_message(entry.message)
    except Malformed as error:
        return (refused(frame, f"{which}: {error}" if which else str(error)),)
    results = [_verify_message(frame, hashes, message, which, material)]
    for number, (inner, refusal) in enumerate(nested_results(frame, message.nested), 1):
        if inner is not None:
            name = f"nested signature {number}"
            results.append(_verify_message(frame, hashes, inner, name, material))
        elif refusal is not None:
            results.append(refusal)
    return tuple(results)


def _verify_message(
    frame: Frame, hashes: _Hashes, message: Message, which: str, material: Material
) -> Signed:
    """Return what one message shows: its hash is the image's, and its signature holds."""
    prefix = f"{which}: " if which else ""
    try:
        indirect = read_indirect(message.content)
        if indirect.kind != PE_IMAGE_DATA:
            raise Malformed(0, "SpcIndirectDataContent", f"{indirect.kind} is no PE image")
        check_digest_names(message, indirect)
        found = hashes.find(indirect.digest_name, indirect.digest)
        if found is None:
            raise Malformed(0, "messageDigest", "is not the hash of this image")
        pages = _check_pages(indirect, hashes)
    except _UnknownPages as error:
        return refused(frame, f"{prefix}{error}", "unverifiable")
    except Malformed as error:
        return refused(frame, f"{prefix}{error}")
    reading, ranges = found
    note = f"{prefix}image hash {indirect.digest_name}:{indirect.digest.hex()}"
    if reading != "whole file":
        note += f", hashed {reading}"
    frame = dataclasses.replace(frame, covered=ranges, note=note + pages)
    return judge_message(frame, message, material)


class _UnknownPages(Exception):
    """The signed content has a serialised object that is not known here."""


def _check_pages(indirect: Indirect, hashes: _Hashes) -> str:
    """Compare the page hashes; return what to say. Raises ``Malformed``.

    They stand in SpcPeImageData as SpcLink, moniker, SpcSerializedObject: a class
    identifier and a SET of one attribute whose value is the table.
    """
    found = _serialised(indirect.value)
    if found is None:
        return ""
    identifier, data = found
    if identifier != _PAGE_HASHES:
        raise _UnknownPages(f"a serialised object {identifier.hex()} is not known")
    outer = der.element(data, 0, len(data))
    (attribute,) = _exactly(data, outer, der.SET, 1)
    oid, values = _exactly(data, attribute, der.SEQUENCE, 2)
    dotted = str(asn1_core.ObjectIdentifier.load(data[oid.at : oid.end], strict=True).dotted)
    name = _PAGE_HASH_OIDS.get(dotted)
    if name is None:
        raise _UnknownPages(f"page hashes of kind {dotted} are not known")
    (value,) = _exactly(data, values, der.SET, 1)
    if value.tag != der.OCTET_STRING or outer.end != len(data):
        raise Malformed(0, "page hashes", "are no OCTET STRING")
    stated = data[value.start : value.end]
    if not hmac.compare_digest(stated, hashes.pages(name)):
        raise Malformed(0, "page hashes", "are not those of this image")
    return f", {name} page hashes hold"


def _exactly(data: bytes, parent: der.Element, tag: int, count: int) -> tuple[der.Element, ...]:
    inside = der.children(data, parent)
    if parent.tag != tag or len(inside) != count:
        raise Malformed(parent.at, "page hashes", f"{len(inside)} elements, not {count}")
    return inside


def _serialised(value: bytes) -> tuple[bytes, bytes] | None:
    """Return class and data of the SpcSerializedObject in a SpcPeImageData, None without one.

    SpcPeImageData is flags and [0] file; the file is a SpcLink: [0] URL, [1] moniker,
    or [2] a name, which is what a signature without page hashes has.
    """
    if not value:
        return None
    try:
        outer = der.element(value, 0, len(value))
        files = [one for one in der.children(value, outer) if one.tag == 0xA0]
        links = [link for one in files for link in der.children(value, one)]
        objects = [link for link in links if link.tag == 0xA1]
        if not objects:
            return None
        parts = der.children(value, objects[0])
        if len(objects) != 1 or [part.tag for part in parts] != [der.OCTET_STRING] * 2:
            raise Malformed(objects[0].at, "SpcPeImageData.file", "is no serialised object")
    except der.LIBRARY_ERRORS as error:
        raise Malformed(0, "SpcPeImageData", cms.one_line(error)) from error
    return value[parts[0].start : parts[0].end], value[parts[1].start : parts[1].end]


AUTHENTICODE_PE: Final = Scheme(
    name=NAME,
    title="Authenticode signature of a PE file (Windows, EFI)",
    specification="Microsoft, Windows Authenticode Portable Executable Signature Format; RFC 2315",
    limitations="the PE checksum is not compared; messages up to 16 MiB",
    applies=_applies,
    verify=_verify,
)

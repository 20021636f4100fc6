"""Authenticode signatures in cabinet files.

Guarantees: the signature stands behind the cabinet, where the header's reserved area
says, and the file ends with it; everything of the cabinet is hashed but the fields that
signing changes, and those must hold what signing writes. A cabinet with reserved areas
per folder or data block, which the hash would misread, is refused.

Form (Microsoft, "Cabinet File Format", CFHEADER; the reserved area as the Windows SDK's
signtool writes it): at 36 cbCFHeader = 20, cbCFFolder = cbCFData = 0; at 40 four bytes
``00 00 10 00``, at 44 the signature's offset, at 48 its size, eight more bytes. Hashed are
bytes 0 to 3, 8 to 33, and 56 to the signature. All integers are little-endian.

Not checked: the number of the cabinet in a set (``iCabinet``, outside the hash: listed as
steering where it is not zero), and checksums of data blocks (the unpack stage does).
"""

from __future__ import annotations

import dataclasses
import hmac
from typing import Final

from fwverify import der
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.verify import authenticode_pe as pe
from fwverify.verify.authenticode_spc import (
    Message,
    check_digest_names,
    judge_message,
    nested_results,
    read_indirect,
    read_message,
)
from fwverify.verify.cms_signer import Frame, refused
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "authenticode-cab"
CAB_DATA: Final = "1.3.6.1.4.1.311.2.1.25"
_MAGIC: Final = b"MSCF"
_HAS_RESERVE: Final = 0x0004
_RESERVE_BYTES: Final = 20
_FIXED_END: Final = 60
_SIGN_MARK: Final = b"\x00\x00\x10\x00"


def _applies(view: View) -> bool:
    """Return whether the cabinet has a reserved area of the size that signing makes."""
    head = bytes(view.content[:40])
    if head[:4] != _MAGIC or len(head) < 40:
        return False
    flags = int.from_bytes(head[30:32], "little")
    return bool(flags & _HAS_RESERVE) and int.from_bytes(head[36:38], "little") == _RESERVE_BYTES


def signature_range(content: Buffer) -> Range:
    """Return where the signature stands. Raises ``Malformed``."""
    reader = Reader(content)
    reader.expect(_MAGIC, "cab.signature")
    if any(reader.take(4, "reserved1")):
        raise Malformed(4, "reserved1", "is not zero, and outside the signature")
    size = reader.u32le("cbCabinet")
    reader.seek(38, "cab.reserve")
    if any(reader.take(2, "cab.reserve")):
        raise Malformed(38, "cab.reserve", "folders or data have reserved areas")
    if reader.take(4, "abReserve") != _SIGN_MARK:
        raise Malformed(40, "abReserve", "does not begin as signing writes it")
    start, length = reader.unpack("<II", "abReserve")
    if any(reader.take(4, "abReserve")):
        raise Malformed(52, "abReserve", "is not zero, and outside the signature")
    if not start and not length:
        raise Malformed(44, "abReserve", "has room for a signature and none")
    if not start >= _FIXED_END or start != size:
        raise Malformed(44, "signature offset", f"{start}, the cabinet has {size} bytes")
    if start + length > reader.end:
        why = f"{length} bytes of {reader.end - start}"
        raise Malformed(48, "signature size", why, past_end=True)
    if start + length != reader.end:
        raise Malformed(start + length, "cab", f"{reader.end - start - length} bytes follow")
    return start, start + length


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    frame = Frame(view.path, NAME)
    try:
        start, end = signature_range(view.content)
        data = bytes(view.content[start : min(end, start + der.MAX_BYTES)])
        size = der.element(data, 0, len(data)).end
        padding = data[size:]
        if len(padding) >= 8 or padding.strip(b"\0") or start + len(data) != end:
            raise Malformed(start + size, "signature", f"{end - start - size} bytes follow it")
        message = read_message(data[:size])
    except Malformed as error:
        return (refused(frame, str(error)),)
    numbered = any(bytes(view.content[34:36]))
    container: tuple[Range, ...] = ((4, 8), (36, 56) if numbered else (34, 56), (start, end))
    frame = dataclasses.replace(frame, covered=((0, 4), (8, 34), (56, start)), container=container)
    results = [_verify_message(view, frame, message, "", material)]
    for number, (inner, refusal) in enumerate(nested_results(frame, message.nested), 1):
        if inner is not None:
            which = f"nested signature {number}: "
            results.append(_verify_message(view, frame, inner, which, material))
        elif refusal is not None:
            results.append(refusal)
    steering: tuple[Range, ...] = ((34, 36),) if numbered else ()
    return tuple(
        dataclasses.replace(one, steering=steering if one.covered else ()) for one in results
    )


def _verify_message(
    view: View, frame: Frame, message: Message, which: str, material: Material
) -> Signed:
    try:
        indirect = read_indirect(message.content)
        if indirect.kind != CAB_DATA:
            raise Malformed(0, "SpcIndirectDataContent", f"{indirect.kind} is no cabinet")
        check_digest_names(message, indirect)
        found = pe.digest(view.content, frame.covered, indirect.digest_name)
        if not hmac.compare_digest(found, indirect.digest):
            raise Malformed(0, "messageDigest", "is not the hash of this cabinet")
    except Malformed as error:
        return refused(frame, f"{which}{error}")
    return judge_message(dataclasses.replace(frame, note=which.rstrip(": ")), message, material)


AUTHENTICODE_CAB: Final = Scheme(
    name=NAME,
    title="Authenticode signature of a cabinet",
    specification="Microsoft, Cabinet File Format; Windows Authenticode; RFC 2315",
    limitations="cabinets with reserved areas per folder or data block are refused",
    applies=_applies,
    verify=_verify,
)

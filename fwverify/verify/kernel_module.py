"""Linux kernel modules with an appended signature.

Guarantees: the marker is the last thing in the file and everything before the signature
is covered; only PKCS #7 messages are taken, with the reserved fields zero, as the kernel
does (``kernel/module_signature.c``, ``mod_check_sig``); a module that has the marker
anywhere but at its end is refused and not called unsigned.

Form (Linux, ``include/linux/module_signature.h``, ``scripts/sign-file.c``): the module, a
detached PKCS #7 message, ``struct module_signature`` of 12 bytes (algo, hash, id_type,
signer_len, key_id_len, 3 bytes of padding, sig_len in big endian), and
``~Module signature appended~`` with a newline.

Messages name a certificate that is usually not in them: it comes from the trust store,
as a pin or as a root that is no authority.

An update holds thousands of modules by one key. Messages that differ in nothing but the
signature value are parsed once, and a certificate is chained once for the same material.

Not checked: the purpose of the certificate beyond what every signature needs (the kernel
asks for none), IMA signatures in extended attributes, and the kernel's own revocation
list.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

from asn1crypto import x509 as asn1_x509

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.verify import cms
from fwverify.verify.cms_signer import Frame, judge, refused
from fwverify.verify.scheme import Material, Scheme, Signed, View

NAME: Final = "kernel-module"
MARKER: Final = b"~Module signature appended~\n"
MAX_SIGNATURE_BYTES: Final = 64 * 1024
_TRAILER_BYTES: Final = 12
_ID_PKCS7: Final = 2
_SEARCHED_BYTES: Final = 64 * 1024
_RELOCATABLE: Final = (b"\x01\x00", b"\x00\x01")


@dataclass(frozen=True)
class Appended:
    """A module's signature: the message, and where it starts."""

    message: bytes
    start: int


def split(content: Buffer) -> Appended:
    """Return the appended signature. Raises ``Malformed``."""
    size = len(content)
    end = size - len(MARKER)
    reader = Reader(content)
    reader.seek(max(0, end), "marker")
    reader.expect(MARKER, "marker")
    if end < _TRAILER_BYTES:
        raise Malformed(0, "module_signature", f"{end} bytes before the marker")
    at = end - _TRAILER_BYTES
    reader.seek(at, "module_signature")
    algorithm, digest, kind, signer, key, *padding = reader.unpack("<8B", "module_signature")
    length = reader.u32be("sig_len")
    if kind != _ID_PKCS7:
        raise Malformed(at + 2, "id_type", f"{kind} is not PKCS #7")
    if any((algorithm, digest, signer, key, *padding)):
        raise Malformed(at, "module_signature", "fields that must be zero are not")
    if not 0 < length <= min(at, MAX_SIGNATURE_BYTES):
        raise Malformed(at + 8, "sig_len", f"{length} bytes of {at}")
    return Appended(bytes(content[at - length : at]), at - length)


def _applies(view: View) -> bool:
    """Return whether the node ends with the marker, or is a module that holds it nearby."""
    content = view.content
    size = len(content)
    if bytes(content[max(0, size - len(MARKER)) : size]) == MARKER:
        return True
    head = bytes(content[:18])
    if head[:4] != b"\x7fELF" or head[16:18] not in _RELOCATABLE:
        return False
    return MARKER[:-1] in bytes(content[max(0, size - _SEARCHED_BYTES) : size])


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    frame = Frame(view.path, NAME)
    try:
        appended = split(view.content)
    except Malformed as error:
        return (refused(frame, str(error)),)
    size = len(view.content)
    covered = ((0, appended.start),) if appended.start else ()
    frame = dataclasses.replace(frame, covered=covered, container=((appended.start, size),))
    content = cms.Window(view.content, 0, appended.start)
    seen = _SEEN.find(appended.message, material)
    if seen is not None:
        again = _again(frame, seen, appended.message, content)
        if again is not None:
            return (again,)
    try:
        data = cms.parse_signed_data(appended.message)
        if data.content is not None:
            raise Malformed(appended.start, "SignedData", "has content of its own")
    except Malformed as error:
        return (refused(Frame(view.path, NAME), str(error)),)
    data = _with_ends(data, material)
    results = judge(frame, data, content, material)
    _SEEN.keep(appended.message, data, results, material)
    return results


def _with_ends(data: cms.SignedData, material: Material) -> cms.SignedData:
    """Return the message with the roots that are no authority among its certificates.

    They serve to find the signer; whether it is trusted is decided by the chain.
    """
    ends = tuple(root for root in material.code_roots if not root.ca)
    return dataclasses.replace(data, certificates=(*data.certificates, *ends)) if ends else data


@dataclass(frozen=True)
class _Shape:
    """A message without its signature value, which is its last ``signature_bytes``."""

    data: cms.SignedData
    certificate: asn1_x509.Certificate
    signature_bytes: int
    result: Signed


class _Seen:
    """Shapes whose signature held once, for one material.

    A shape is a message up to the content of its last element, the signature value: the
    headers fix how it is parsed, so another message with the same bytes there and the
    same size has the same meaning but for that value. Only messages without attributes
    are kept: nothing else in them can depend on the value (a time stamp would).
    """

    def __init__(self) -> None:
        self._material: Material | None = None
        self._shapes: dict[bytes, _Shape] = {}
        self._sizes: set[int] = set()

    def find(self, message: bytes, material: Material) -> _Shape | None:
        """Return the shape of the message, None where it has not been seen."""
        if self._material is not material:
            return None
        for size in self._sizes:
            shape = self._shapes.get(message[:-size])
            if shape is not None and shape.signature_bytes == size:
                return shape
        return None

    def keep(
        self,
        message: bytes,
        data: cms.SignedData,
        results: tuple[Signed, ...],
        material: Material,
    ) -> None:
        """Remember the message's shape where it has one and its signature held."""
        if len(results) != 1 or results[0].authentic != "pass":
            return
        (signer,) = data.signers
        size = len(signer.signature)
        plain = signer.signed is None and not signer.unsigned_attributes
        if not plain or not size or not message.endswith(signer.signature):
            return
        certificate = cms.find_certificate(signer, (*data.certificates, *material.pins))
        if certificate is None:
            return
        if self._material is not material or len(self._shapes) >= _MAX_SHAPES:
            self._material, self._shapes, self._sizes = material, {}, set()
        self._shapes[message[:-size]] = _Shape(data, certificate, size, results[0])
        self._sizes.add(size)


_MAX_SHAPES: Final = 64
_SEEN: Final = _Seen()
"""A cache only: what it returns is what a fresh judgement would, for the same material."""


def _again(frame: Frame, shape: _Shape, message: bytes, content: cms.Window) -> Signed | None:
    """Return the result for another message of the shape, None where it does not hold."""
    (known,) = shape.data.signers
    signer = dataclasses.replace(known, signature=message[-shape.signature_bytes :])
    outcome = cms.check_signer(shape.data, signer, shape.certificate, content)
    if outcome.axis != "pass":
        return None
    return dataclasses.replace(
        shape.result, path=frame.path, covered=frame.covered, container=frame.container
    )


KERNEL_MODULE: Final = Scheme(
    name=NAME,
    title="Linux kernel module with an appended signature",
    specification="Linux, include/linux/module_signature.h, scripts/sign-file.c; RFC 5652",
    limitations="PKCS #7 only; IMA signatures in extended attributes are not read",
    applies=_applies,
    verify=_verify,
)

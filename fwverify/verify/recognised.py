"""Signatures that are recognised and cannot be verified here, so that a report names them.

Guarantees: each is known by its structure, several fields of which must agree; what it
gives is ``unverifiable`` with its reason, and nothing else: no byte is covered, nothing
vouched for, and no other signature is judged better or worse for it.

- NXP HAB (i.MX 6, 7, 8M): image vector table (tag D1, version 4.x) whose CSF pointer leads
  to a command sequence (tag D4). Form: NXP AN4581, HABv4 API, "Image Vector Table".
- NXP AHAB (i.MX 8, 8X, 9): container (tag 87) whose flags name a key set and whose
  signature block (tag 90) holds an SRK table (tag D7). Form: U-Boot ``imx8image.h``.
- STM32MP: header "STM2", version 1.0 to 2.2, whose checksum over the payload holds and
  whose signature is not empty. Form: ST wiki, "STM32 header for binary files".
- TI K3: an X.509 certificate with TI's extensions (1.3.6.1.4.1.294.1) before the image.
  Form: TI, "K3 X.509 certificate" (TISCI, security).
- Zigbee OTA elements 1 and 5: ECDSA over the binary curves sect163k1 and sect283k1, which
  the library does not have. Form: Zigbee Cluster Library 8, 11.4.
- Containers that stay encrypted: what is signed inside cannot be seen.

Why not verified: the keys of HAB, AHAB, STM32MP and K3 are hashes in a device's fuses and
the signed ranges depend on commands and addresses in memory; no public samples exist that
a verifier could be held against.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fwverify import der
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.verify import cms, primitives
from fwverify.verify.embedded import refused
from fwverify.verify.scheme import Material, Scheme, Signed, View

Recogniser = Callable[[View], str]
"""Returns what is there in words, empty for nothing."""

_IVT_PLACES: Final = (0, 0x100, 0x400, 0x1000)
_IVT_HEAD: Final = b"\xd1\x00\x20"
_AHAB_PLACES: Final = (0, 0x400, 0x8000)
_TI_ARC: Final = "1.3.6.1.4.1.294.1."
_MAX_CERTIFICATE_BYTES: Final = 16 * 1024
_CSF_COMMANDS: Final = (0xB1, 0xB2, 0xB4, 0xBE, 0xC0, 0xCA, 0xCC, 0xCF)
_STM32_VERSIONS: Final = {0x00010000: 256, 0x00020000: 128, 0x00020200: 128}
_ENCRYPTED: Final = (
    *("luks", "age", "openssl-enc", "bitlocker", "openpgp-message", "cms-enveloped"),
    *("dlms-ciphered",),
)


def _hab(view: View) -> str:
    for place in _IVT_PLACES:
        if bytes(view.content[place : place + 3]) != _IVT_HEAD:
            continue
        try:
            start, size = _csf(view.content, place)
        except Malformed:
            continue
        return f"NXP HAB: image vector table at {place:#x}, {size} bytes of CSF at {start:#x}"
    return ""


def _csf(content: Buffer, place: int) -> tuple[int, int]:
    """Return where the CSF that an IVT points at starts, and its size. Raises ``Malformed``."""
    reader = Reader(content, min(place, len(content)))
    reader.expect(_IVT_HEAD, "ivt.header")
    if reader.u8("ivt.version") >> 4 != 4:
        raise Malformed(place + 3, "ivt.version", "is not 4.x")
    entry, zero, _, _, own, csf, last = reader.unpack("<7I", "ivt")
    if not entry or zero or last or csf <= own or not own:
        raise Malformed(place, "ivt", "has fields that contradict each other")
    start = place + csf - own
    reader = Reader(content, min(start, len(content)))
    tag, size, version = reader.unpack(">BHB", "csf.header")
    if tag != 0xD4 or version >> 4 != 4 or size < 8 or size > 4 + reader.remaining:
        raise Malformed(start, "csf.header", "is none")
    if reader.u8("csf.command") not in _CSF_COMMANDS:
        raise Malformed(start + 4, "csf.command", "is not known")
    return start, size


def _ahab(view: View) -> str:
    for place in _AHAB_PLACES:
        if bytes(view.content[place + 3 : place + 4]) != b"\x87":
            continue
        try:
            images, keys = _container(view.content, place)
        except Malformed:
            continue
        return f"NXP AHAB: container at {place:#x} of {images} images, signed by key set {keys}"
    return ""


def _container(content: Buffer, place: int) -> tuple[int, int]:
    """Return the images and the key set of a signed container. Raises ``Malformed``."""
    reader = Reader(content, min(place, len(content)))
    version, length, tag = reader.unpack("<BHB", "ahab.header")
    flags, _, _, images, block, zero = reader.unpack("<IHBBHH", "ahab.header")
    if tag != 0x87 or version not in (0, 2) or not 1 <= images <= 16 or zero:
        raise Malformed(place, "ahab.header", "is none")
    if not flags & 3 or block % 4 or not 16 + 128 * images <= block <= length - 16:
        raise Malformed(place, "ahab.flags", "name no key set, or no block lies there")
    reader = Reader(content, min(place + block, len(content)), min(place + length, len(content)))
    version, size, tag = reader.unpack("<BHB", "ahab.block")
    _, table, signature, _ = reader.unpack("<4H", "ahab.block")
    if tag != 0x90 or version > 1 or not 16 <= table < signature < size <= length - block:
        raise Malformed(place + block, "ahab.block", "is none")
    if content[place + block + table : place + block + table + 1] != b"\xd7":
        raise Malformed(place + block + table, "ahab.srk_table", "is none")
    return images, flags & 3


def _stm32(view: View) -> str:
    content = view.content
    if bytes(content[:4]) != b"STM2":
        return ""
    try:
        reader = Reader(content, 4)
        signature = reader.take(64, "stm32.signature")
        checksum, version, length = reader.unpack("<3I", "stm32.header")
        start = _STM32_VERSIONS.get(version, 0)
        if version >= 0x00020000:
            reader.seek(104, "stm32.post_header")
            start += reader.u32le("stm32.post_header_length")
    except Malformed:
        return ""
    if not start or not length or start + length > len(content) or not any(signature):
        return ""
    total = sum(sum(piece) for piece in primitives.pieces(content, start, start + length))
    if total & 0xFFFFFFFF != checksum:
        return ""
    return f"STM32 header {version >> 16}.{version >> 8 & 255} over {length} bytes"


def _ti(view: View) -> str:
    head = bytes(view.content[: _MAX_CERTIFICATE_BYTES + 1])
    if head[:2] not in (b"\x30\x82", b"\x30\x81"):
        return ""
    try:
        outer = der.element(head, 0, min(len(head), _MAX_CERTIFICATE_BYTES))
        certificate = cms.read_certificate(head[: outer.end])
        extensions = certificate["tbs_certificate"]["extensions"]
        kinds = sorted({str(one["extn_id"].dotted) for one in extensions})
    except (Malformed, *der.LIBRARY_ERRORS):
        return ""
    found = [kind.removeprefix(_TI_ARC) for kind in kinds if kind.startswith(_TI_ARC)]
    if not found or outer.end == len(view.content):
        return ""
    return f"TI K3 boot certificate (extensions {', '.join(found)[:80]}) before the image"


def _zigbee(view: View) -> str:
    if view.placed.node.format != "zigbee-ota":
        return ""
    names = (("ecdsa-signature", "sect163k1"), ("ecdsa-signature-2", "sect283k1"))
    found = [curve for name, curve in names if view.child(name) is not None]
    return f"Zigbee ECDSA over {' and '.join(found)}" if found else ""


def _encrypted(view: View) -> str:
    name = view.placed.node.format
    if name not in _ENCRYPTED or view.placed.complete:
        return ""
    return f"{name}: it stays encrypted, so what is signed inside cannot be seen"


def _scheme(
    name: str, title: str, specification: str, recognise: Recogniser, why: str = ""
) -> Scheme:
    def applies(view: View) -> bool:
        return bool(recognise(view))

    def verify(view: View, material: Material) -> tuple[Signed, ...]:
        del material
        found = recognise(view)
        reason = f"{found}; {why}" if why else found
        return (refused(view.path, name, reason, "unverifiable"),)

    return Scheme(
        name=name,
        title=title,
        specification=specification,
        limitations="recognised, never verified: always unverifiable",
        applies=applies,
        verify=verify,
    )


_FUSES: Final = "it is verified by the device against its fuses and is not verified here"

RECOGNISED: Final[tuple[Scheme, ...]] = (
    _scheme("nxp-hab", "NXP HAB signature (recognised)", "NXP AN4581", _hab, _FUSES),
    _scheme("nxp-ahab", "NXP AHAB container (recognised)", "NXP AN12312", _ahab, _FUSES),
    _scheme(
        "stm32mp",
        "STM32MP header (recognised)",
        "ST, STM32 header for binary files",
        _stm32,
        _FUSES,
    ),
    _scheme("ti-k3", "TI K3 boot certificate (recognised)", "TI TISCI, security", _ti, _FUSES),
    _scheme(
        "zigbee-ecdsa",
        "Zigbee OTA ECDSA over a binary curve (recognised)",
        "Zigbee Cluster Library 8, 11.4",
        _zigbee,
        "this curve is not in the library and is not verified here",
    ),
    _scheme(
        "encrypted",
        "Encrypted container (recognised)",
        "RFC 9580, RFC 5652, LUKS, DLMS",
        _encrypted,
    ),
)

"""MCUboot images: header, payload, protected and unprotected TLVs, and the slot's trailer.

Guarantees: the payload is a child; every TLV is read within the sizes its area states;
the SHA of header, payload and protected TLVs is compared; a signature TLV has the class
``signature`` and its place is an attribute; an encrypted image is said to be one. Two
hashes, a hash of no known kind or none are said. The trailer is read where only padding
lies between it and the image; unknown TLVs stay unexplained.

Specification: MCUboot "Boot loader" design, "Image format" and "Image trailer", and
``imgtool``. All integers are little-endian.

Not checked: signatures (the verify stage), and whether the image fits its slot.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from fwverify.model import Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.parts import Parts, digest, starts
from fwverify.unpack.source import Format, LimitHit, Source, is_padding

NAME: Final = "mcuboot"
MAGICS: Final = (b"\x3d\xb8\xf3\x96", b"\x3c\xb8\xf3\x96")
HEADER_BYTES: Final = 32
MAX_TLVS: Final = 512
MAX_SIGNATURE_BYTES: Final = 1024
_PROTECTED, _UNPROTECTED = 0x6908, 0x6907
_ENCRYPTED: Final = 0x04 | 0x08
_HASHES: Final = {0x10: ("sha256", 32), 0x11: ("sha384", 48), 0x12: ("sha512", 64)}
_SIGNATURES: Final = {
    0x20: "rsa2048-pss", 0x21: "ecdsa224", 0x22: "ecdsa", 0x23: "rsa3072-pss", 0x24: "ed25519",
    0x72: "decompressed-signature",
}  # fmt: skip
_KEYS: Final = {
    0x30: "enc-rsa2048", 0x31: "enc-kw", 0x32: "enc-ec256", 0x33: "enc-x25519",
    0x34: "enc-x25519-sha512",
}  # fmt: skip
_FACTS: Final = {
    0x01: "keyhash", 0x02: "public-key", 0x25: "sig-pure", 0x40: "dependency",
    0x50: "security-counter", 0x60: "boot-record", 0x70: "decompressed-size",
    0x71: "decompressed-sha", 0x73: "compressed-size", 0x74: "uuid-vendor", 0x75: "uuid-class",
}  # fmt: skip
_SIZES: Final = {
    0x01: (32, 48, 64), 0x25: (1,), 0x40: (12,), 0x50: (4,), 0x70: (4, 8), 0x71: (32, 48, 64),
    0x73: (4, 8), 0x74: (16,), 0x75: (16,), 0x20: (256,), 0x23: (384,), 0x24: (64,), 0x30: (256,),
    0x31: (24, 40), 0x32: (113, 129), 0x33: (80, 96), 0x34: (112, 128),
}  # fmt: skip
"""Sizes of the values by kind; what has another size is not what its kind says."""

_LONGEST: Final = {0x02: 600, 0x60: 256, 0x21: 80, 0x22: 144, 0x72: 512}
_SECURITY_COUNTER: Final = 0x50
_TRAILER_MAGIC: Final = bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")
_TRAILER_TAIL: Final = bytes.fromhex("2de15d29410b8d77679c110f1f8a")
MAX_ALIGNMENT: Final = 1024


class Header(Struct, frozen=True):
    """``struct image_header``."""

    load: int
    header_bytes: int
    protected_bytes: int
    image_bytes: int
    flags: int
    version: str

    @property
    def image_end(self) -> int:
        """Where the payload ends."""
        return self.header_bytes + self.image_bytes


def read_header(buffer: Buffer) -> Header:
    """Return the header at offset 0. Raises ``Malformed``."""
    reader = Reader(buffer)
    if reader.take(4, "ih_magic") not in MAGICS:
        raise Malformed(0, "ih_magic", "is none")
    load, size, protected, image, flags = reader.unpack("<IHHII", "image_header")
    major, minor, revision, build = reader.unpack("<BBHI", "ih_ver")
    pad = reader.unpack("<I", "_pad1")[0]
    if size < HEADER_BYTES or pad:
        raise Malformed(8, "ih_hdr_size", f"{size} bytes, or reserved bytes are set")
    return Header(load, size, protected, image, flags, f"{major}.{minor}.{revision}+{build}")


def _prove(buffer: Buffer, header: Header) -> None:
    """Raise ``Malformed`` unless a TLV area stands behind the payload.

    Every boot loader built with MCUboot holds the magic: four bytes are no image.
    """
    reader = Reader(buffer)
    reader.seek(header.image_end, "ih_img_size")
    expected = _PROTECTED if header.protected_bytes else _UNPROTECTED
    found = reader.u16le("tlv_info.it_magic")
    if found != expected:
        why = f"{found:#06x} is not {expected:#06x}"
        raise Malformed(header.image_end, "tlv_info.it_magic", why)


def open_image(source: Source) -> Opened:
    """Return the payload as a child, the TLVs as facts. Raises ``Malformed``."""
    header = read_header(source.buffer)
    _prove(source.buffer, header)
    found = Gathered(source, NAME)
    found.claim(0, HEADER_BYTES)
    found.attribute("flags", f"{header.flags:#x}")
    found.attribute("load", f"{header.load:#010x}")
    try:
        name = b"payload" + (b".encrypted" if header.flags & _ENCRYPTED else b"")
        parts = Parts(found)
        parts.add(name, header.header_bytes, header.image_end, "ih_img_size", generated=True)
        end = _Tlvs(found, header).read()
        _trailer(found, end)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    if header.flags & _ENCRYPTED:
        found.trouble("encrypted", "the payload is encrypted; its hash is that of the plaintext")
    return found.finish(identity=Identity(version=header.version))


class _Tlvs:
    """Reads the TLV areas behind one image. Belongs to one call of ``open_image``."""

    def __init__(self, found: Gathered, header: Header) -> None:
        self.found = found
        self.header = header
        self.signed_end = header.image_end + header.protected_bytes
        self.hashes = 0
        self.signatures = 0
        self.counters = 0
        self.count = 0

    def read(self) -> int:
        """Return the end of the last area. Raises ``Malformed``."""
        at = self.header.image_end
        if self.header.protected_bytes:
            at = self._area(at, _PROTECTED)
            if at != self.signed_end:
                raise Malformed(10, "ih_protect_tlv_size", f"the area ends at {at}")
        end = self._area(at, _UNPROTECTED)
        self.found.attribute("signed_area", f"0-{self.signed_end}")
        if self.hashes != 1:
            text = f"{self.hashes} hashes of the image instead of one"
            self.found.observe("mcuboot.hash", text, offset=at, severity="high")
        if self.signatures > 1:
            text = f"{self.signatures} signatures; boot loaders read the first or the last"
            self.found.observe("mcuboot.signatures", text, offset=at)
        return end

    def _area(self, at: int, magic: int) -> int:
        reader = Reader(self.found.buffer, at)
        found, total = reader.unpack("<HH", "tlv_info")
        if found != magic:
            raise Malformed(at, "tlv_info.it_magic", f"{found:#06x} is not {magic:#06x}")
        area = Reader(self.found.buffer, at, at + total)
        area.skip(4, "tlv_info.it_tlv_tot")
        self.found.claim(at, at + 4)
        while area.remaining:
            start = area.offset
            kind, length = area.unpack("<HH", "tlv")
            area.skip(length, f"tlv {kind:#06x}")
            self.count += 1
            if self.count > MAX_TLVS:
                raise Malformed(start, "tlv", f"more than {MAX_TLVS}")
            self._one(kind, start, area.offset, protected=magic == _PROTECTED)
        return area.offset

    def _one(self, kind: int, start: int, end: int, *, protected: bool) -> None:
        """Give the TLV in ``[start, end)`` its class and record what it says."""
        value = bytes(self.found.buffer[start + 4 : min(end, start + 4 + MAX_SIGNATURE_BYTES)])
        size = end - start - 4
        name = f"tlv-{start:#x}"
        self.found.claim(start, start + 4)
        known = size in _SIZES.get(kind, range(1, _LONGEST.get(kind, 0) + 1))
        if kind in _SIGNATURES and known:
            self.signatures += 1
            self.found.claim(start + 4, end, "signature")
            self.found.attribute(f"{name}.signature", f"{_SIGNATURES[kind]} {start + 4}-{end}")
        elif kind in _HASHES and not protected:
            self.found.claim(start + 4, end)
            self._hash(kind, start, value)
        elif kind in _KEYS and known:
            self.found.claim(start + 4, end)
            self.found.attribute(f"{name}.{_KEYS[kind]}", f"{start + 4}-{end}")
        elif kind in _FACTS and known:
            self.found.claim(start + 4, end)
            self.found.attribute(f"{name}.{_FACTS[kind]}", value.hex())
            if kind == _SECURITY_COUNTER:
                self._counter(start, value, protected=protected)
        else:
            text = (
                f"TLV {kind:#06x} of {size} bytes is not known here"  # its value stays unexplained
            )
            self.found.observe("mcuboot.tlv", text, offset=start, severity="low")

    def _counter(self, start: int, value: bytes, *, protected: bool) -> None:
        """Record the rollback counter; boot loaders take it from the protected area alone."""
        if protected and not self.counters:
            self.found.attribute("rollback_counter", str(int.from_bytes(value, "little")))
        else:
            text = "a security counter stands twice, or where no hash protects it"
            self.found.observe("mcuboot.counter", text, offset=start, severity="high")
        self.counters += protected

    def _hash(self, kind: int, start: int, value: bytes) -> None:
        """Compare the hash of header, payload and protected TLVs (imgtool's digest)."""
        algorithm, size = _HASHES[kind]
        self.hashes += 1
        self.found.attribute("hash", f"{algorithm} {value.hex()}")
        if self.header.flags & _ENCRYPTED:
            return
        if self.hashes > 3:
            raise Malformed(start, "tlv", "too many hashes")
        actual = digest(self.found.buffer, 0, self.signed_end, algorithm)
        if len(value) != size or value != actual:
            self.found.malformed(Malformed(start, algorithm, "the image's hash is wrong"))


def _trailer(found: Gathered, image_end: int) -> None:
    """Claim the trailer at the end of the slot where only padding lies before it.

    From the end: magic (16), then ``image_ok``, ``copy_done`` and ``swap_info``, each
    one byte aligned to the write size with erased bytes behind it.
    """
    size = found.source.size
    magic = size - 16
    if magic < image_end:
        return
    tail = bytes(found.buffer[magic:size])
    align = 8
    if tail != _TRAILER_MAGIC:
        align = int.from_bytes(tail[:2], "little")
        if tail[2:] != _TRAILER_TAIL or not 8 <= align <= MAX_ALIGNMENT or align & (align - 1):
            return
    flags = (magic & ~(align - 1)) - 3 * align
    if flags < image_end or not _flags_at(found, flags, align):
        return
    names = ("swap_info", "copy_done", "image_ok")
    if not is_padding(found.buffer, image_end, flags - align):
        return
    found.claim(flags, magic & ~(align - 1))
    found.claim(magic, size)
    for at, name in enumerate(names):
        found.attribute(f"trailer.{name}", f"{found.buffer[flags + at * align]:#04x}")


def _flags_at(found: Gathered, at: int, align: int) -> bool:
    data = bytes(found.buffer[at : at + 3 * align])
    return all(
        not data[begin + 1 : begin + align].strip(b"\xff\0") for begin in range(0, 3 * align, align)
    )


MCUBOOT: Final = Format(
    name=NAME,
    title="MCUboot image",
    family="boot image",
    specification="https://docs.mcuboot.com/design.html",
    limitations="signatures are facts for the verify stage; compressed payloads are not expanded",
    recognise=starts(*MAGICS),
    open=open_image,
)

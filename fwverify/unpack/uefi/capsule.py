"""UEFI capsules: the header, and the firmware management protocol's payloads.

Guarantees: drivers and payload items of an FMP capsule are children; an item's
authentication block is read, its PKCS #7 has the class ``signature``; the header in front
of the payload (``MSS1``) gives the version; items that overlap are an evasion. The body
of another capsule is one child.

Specification: UEFI 2.10, 8.5.3 "UpdateCapsule", 23.3 "Delivering capsules" (FMP capsule,
EFI_FIRMWARE_IMAGE_AUTHENTICATION); EDK II ``FmpPayloadHeader``. Little-endian.

Not checked: signatures (the verify stage).
"""

from __future__ import annotations

from typing import Final

from fwverify.model import Identity, Opened
from fwverify.reader import Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.parts import Parts, starts
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.uefi.certificates import PKCS7, read_certificate
from fwverify.unpack.uefi.sections import guid

NAME: Final = "uefi-capsule"
FMP: Final = bytes.fromhex("edd5cb6d2de8444cbda17194199ad92a")
_EDK2: Final = bytes.fromhex("bd86663b760d3040b70eb5519e2fc5a0")
_APTIO: Final = (
    bytes.fromhex("b9829153b5ab9143b69ae3a943f72fcc"),
    bytes.fromhex("8ba63c4a2377fb48803d578cc1fec44d"),
)
MAX_ITEMS: Final = 256
_FIXED: Final = {1: 32, 2: 40, 3: 48}


def open_capsule(source: Source) -> Opened:
    """Return the capsule's parts as children. Raises ``Malformed`` for a bad header."""
    reader = Reader(source.buffer)
    kind = reader.take(16, "CapsuleGuid")
    header, flags, total = reader.unpack("<3I", "capsule header")
    if not 28 <= header <= total or header > source.size:
        raise Malformed(16, "HeaderSize", f"{header} of {total} bytes")
    found = Gathered(source, NAME)
    found.claim(0, 28)
    found.attribute("flags", f"{flags:#x}")
    end = min(total, source.size)
    identity = Identity(hardware=guid(kind))
    try:
        if total > source.size:
            why = f"{total} bytes, {source.size} are there"
            found.malformed(Malformed(24, "CapsuleImageSize", why, past_end=True))
        if kind == FMP:
            identity = _Payloads(found, header, end).read()
        else:
            Parts(found).add(b"body", header, end, "capsule body", generated=True)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish(identity=identity)


class _Payloads:
    """Reads the items of one FMP capsule. Belongs to one call of ``open_capsule``."""

    def __init__(self, found: Gathered, start: int, end: int) -> None:
        self.found = found
        self.parts = Parts(found)
        self.start = start
        self.end = end
        self.types: set[str] = set()
        self.versions: set[str] = set()

    def read(self) -> Identity:
        """Return what the items say of themselves. Raises ``Malformed``."""
        reader = Reader(self.found.buffer, self.start, self.end)
        version, drivers, payloads = reader.unpack("<IHH", "FMP capsule header")
        if version != 1 or drivers + payloads > MAX_ITEMS:
            why = f"version {version}, {drivers} drivers, {payloads} payloads"
            raise Malformed(self.start, "FMP capsule header", why)
        reader.count(drivers + payloads, 8, "item count")
        offsets = [reader.u64le("ItemOffsetList") for _ in range(drivers + payloads)]
        self.found.claim(self.start, reader.offset)
        bounds = sorted({self.start + each for each in offsets})
        for number, offset in enumerate(offsets):
            at = self.start + offset
            if not reader.offset <= at < self.end:
                raise Malformed(at, "ItemOffsetList", f"item {number} is outside", past_end=True)
            following = min((each for each in bounds if each > at), default=self.end)
            if number < drivers:
                name = b"driver.%d" % number
                self.parts.add(name, at, following, "driver", generated=True)
            else:
                self._payload(number - drivers, at)
        return Identity(
            hardware=self.types.pop() if len(self.types) == 1 else None,
            version=self.versions.pop() if len(self.versions) == 1 else None,
        )

    def _payload(self, number: int, at: int) -> None:
        """Read EFI_FIRMWARE_MANAGEMENT_CAPSULE_IMAGE_HEADER and what follows it."""
        reader = Reader(self.found.buffer, at, self.end)
        version = reader.u32le("image header")
        if version not in _FIXED:
            raise Malformed(at, "image header", f"version {version}")
        self.types.add(guid(reader.take(16, "UpdateImageTypeId")))
        index, size, vendor = reader.unpack("<B3xII", "image header")
        hardware = reader.u64le("UpdateHardwareInstance") if version > 1 else 0
        if version > 2:
            reader.skip(8, "ImageCapsuleSupport")
        self.found.claim(at, reader.offset)
        self.found.attribute(f"payload.{number}", f"index {index}, hardware {hardware:#x}")
        start = reader.offset
        reader.skip(size, "UpdateImageSize")
        self._image(number, start, reader.offset)
        low = reader.offset
        reader.skip(vendor, "UpdateVendorCodeSize")
        if vendor:
            name = b"vendor-code.%d" % number
            self.parts.add(name, low, reader.offset, "vendor code", generated=True)

    def _image(self, number: int, start: int, end: int) -> None:
        """Read the image's authentication and payload header, where it has them."""
        if bytes(self.found.buffer[start + 16 : min(start + 32, end)]) == PKCS7:
            counter = int.from_bytes(bytes(self.found.buffer[start : start + 8]), "little")
            after = read_certificate(self.found, start + 8, "AuthInfo")
            if after > end:
                raise Malformed(start + 8, "AuthInfo", "leaves its image")
            self.found.claim(start, start + 8)
            self.found.attribute(f"payload.{number}.signed", f"{after}-{end}, counter {counter}")
            start = after
        if bytes(self.found.buffer[start : min(start + 4, end)]) == b"MSS1":
            reader = Reader(self.found.buffer, start + 4, end)
            header, version, lowest = reader.unpack("<3I", "FmpPayloadHeader")
            if 16 <= header <= end - start:
                self.found.claim(start, start + 16)
                self.versions.add(f"{version:#010x}")
                self.found.attribute(f"payload.{number}.lowest_version", f"{lowest:#010x}")
                start += header
        self.parts.add(b"payload.%d" % number, start, end, "payload", generated=True)


CAPSULE: Final = Format(
    name=NAME,
    title="UEFI capsule",
    family="UEFI",
    specification="https://uefi.org/specs/UEFI/2.10/23_Firmware_Update_and_Reporting.html",
    limitations="the body of a capsule that is no FMP capsule is one child",
    recognise=starts(FMP, _EDK2, *_APTIO),
    open=open_capsule,
)

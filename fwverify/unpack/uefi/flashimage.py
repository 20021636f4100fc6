"""Whole flash images of Intel platforms: the descriptor and its regions.

Guarantees: the regions that the descriptor names are children with the bytes as they
stand; the descriptor itself is parsed only where its map is, the rest of it stays
unexplained; regions over each other are an evasion. Bytes in no region are left over.

Specification: Intel "SPI Programming Guide", flash descriptor: signature at 0x10, map
(FLMAP0), region section (FLREG, base and limit in 4 KiB). Little-endian.

Not checked: access rights and straps; the management engine's own format.
"""

from __future__ import annotations

from typing import Final

from fwverify.model import Opened
from fwverify.reader import Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.parts import Parts
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "intel-flash"
DESCRIPTOR_BYTES: Final = 4096
_MAGIC: Final = b"\x5a\xa5\xf0\x0f"
_NAMES: Final = (
    *("descriptor", "bios", "me", "gbe", "platform-data", "device-expansion-1", "bios-2"),
    *("microcode", "ec", "device-expansion-2", "ie", "10gbe-1", "10gbe-2", "region-13"),
    *("region-14", "ptt"),
)


def open_flash(source: Source) -> Opened:
    """Return the regions as children. Raises ``Malformed`` where the map is not readable."""
    reader = Reader(source.buffer, 0x10)
    reader.expect(_MAGIC, "FLVALSIG")
    base = (reader.u32le("FLMAP0") >> 16 & 0xFF) << 4
    found = Gathered(source, NAME)
    table = Reader(source.buffer, 0, min(DESCRIPTOR_BYTES, source.size))
    table.seek(base, "FRBA")
    words = table.unpack("<16I" if base + 64 <= 0x100 else "<8I", "FLREG")
    found.claim(0x10, 0x18)
    found.claim(base, table.offset)
    parts = Parts(found)
    try:
        for name, word in zip(_NAMES, words, strict=False):
            low, limit = (word & 0x7FFF) << 12, (word >> 16 & 0x7FFF) << 12
            if name == "descriptor" or limit < low or word in (0, 0xFFFFFFFF, 0x7FFF):
                continue
            end = limit + DESCRIPTOR_BYTES
            parts.add(name.encode(), low, end, f"FLREG {name}", generated=True)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish()


INTEL_FLASH: Final = Format(
    name=NAME,
    title="Intel flash image with descriptor",
    family="UEFI",
    specification="https://www.intel.com/content/www/us/en/resources-documentation/developer.html",
    limitations="regions are children; the management engine is not opened, straps not explained",
    recognise=lambda buffer, _: bytes(buffer[0x10:0x14]) == _MAGIC,
    open=open_flash,
)

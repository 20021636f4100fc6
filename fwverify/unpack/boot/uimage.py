"""U-Boot's legacy images: a header of 64 bytes and one content, or several with a table.

Guarantees: the header's CRC proves it before anything else is believed; the data's CRC is
compared; of a multi-file or script image every member is a child. Bytes behind the data
are left to the next reader.

Specification: U-Boot ``include/image.h``, "Legacy format image header". All integers are
big-endian.

Not checked: load and entry addresses, and what the content is.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

from msgspec import Struct

from fwverify.model import Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.parts import Parts, crc32, starts, text
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "uimage"
MAGIC: Final = b"\x27\x05\x19\x56"
HEADER_BYTES: Final = 64
MAX_MEMBERS: Final = 256
_MULTI, _SCRIPT = 4, 6
_ARCHES: Final = {
    1: "alpha", 2: "arm", 3: "x86", 4: "ia64", 5: "mips", 6: "mips64", 7: "powerpc", 8: "s390",
    9: "superh", 10: "sparc", 11: "sparc64", 12: "m68k", 13: "nios", 14: "microblaze",
    15: "nios2", 16: "blackfin", 17: "avr32", 18: "st200", 19: "sandbox", 20: "nds32",
    21: "openrisc", 22: "aarch64", 23: "arc", 24: "x86_64", 25: "xtensa", 26: "riscv",
}  # fmt: skip
_TYPES: Final = {
    1: "standalone", 2: "kernel", 3: "ramdisk", 4: "multi", 5: "firmware", 6: "script",
    7: "filesystem", 8: "flat_dt", 9: "kwbimage", 10: "imximage", 14: "kernel_noload",
}  # fmt: skip
_COMPRESSIONS: Final = {
    0: "none", 1: "gzip", 2: "bzip2", 3: "lzma", 4: "lzo", 5: "lz4", 6: "zstd",
}  # fmt: skip
_VERSION: Final = re.compile(r"(?:^|[^0-9])(?P<number>[0-9]+\.[0-9]+[0-9A-Za-z.+_-]*)")


class Header(Struct, frozen=True):
    """The header's fields, as ``image.h`` names them."""

    time: int
    size: int
    load: int
    entry: int
    data_crc: int
    os: int
    arch: int
    type: int
    compression: int
    name: str


def read_header(buffer: Buffer) -> Header:
    """Return the header at offset 0. Raises ``Malformed`` where its CRC is wrong."""
    reader = Reader(buffer)
    raw = reader.peek(0, HEADER_BYTES, "ih_header")
    reader.expect(MAGIC, "ih_magic")
    stated, time, size, load, entry, data_crc = reader.unpack(">6I", "ih_header")
    if zlib.crc32(raw[:4] + bytes(4) + raw[8:]) != stated:
        raise Malformed(4, "ih_hcrc", "the header's checksum is wrong")
    system, arch, kind, compression = reader.unpack(">4B", "ih_header")
    name = text(reader.take(32, "ih_name"))
    return Header(time, size, load, entry, data_crc, system, arch, kind, compression, name)


def open_image(source: Source) -> Opened:
    """Return the content or the members as children. Raises ``Malformed``."""
    header = read_header(source.buffer)
    found = Gathered(source, NAME)
    found.claim(0, HEADER_BYTES)
    end = HEADER_BYTES + header.size
    try:
        if end > source.size:
            why = f"needs {header.size} bytes, {source.size - HEADER_BYTES} remain"
            found.malformed(Malformed(12, "ih_size", why, past_end=True))
        elif crc32(source.buffer, HEADER_BYTES, end) != header.data_crc:
            found.malformed(Malformed(24, "ih_dcrc", "the data's checksum is wrong"))
        _contents(Parts(found), header, min(end, source.size))
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return _described(found, header)


def _contents(parts: Parts, header: Header, end: int) -> None:
    if header.type not in (_MULTI, _SCRIPT):
        parts.add(b"data", HEADER_BYTES, end, "data", generated=True, address=header.load)
        return
    reader = Reader(parts.found.buffer, HEADER_BYTES, end)
    sizes: list[int] = []
    while size := reader.unpack(">I", "size table")[0]:
        sizes.append(size)
        if len(sizes) > MAX_MEMBERS:
            raise Malformed(reader.offset, "size table", f"more than {MAX_MEMBERS} members")
    parts.found.claim(HEADER_BYTES, reader.offset)
    for at, size in enumerate(sizes):
        start = reader.offset
        reader.count(size, 1, f"size of member {at}")
        parts.add(b"%d" % at, start, start + size, f"member {at}", generated=True)
        reader.seek(start + size)
        reader.skip(min(-size % 4, reader.remaining), "padding")


def _described(found: Gathered, header: Header) -> Opened:
    facts = {
        "compression": _COMPRESSIONS.get(header.compression, str(header.compression)),
        "entry": f"{header.entry:#010x}",
        "load": f"{header.load:#010x}",
        "os": str(header.os),
        "time": str(header.time),
        "type": _TYPES.get(header.type, str(header.type)),
    }
    for name, value in facts.items():
        found.attribute(name, value)
    version = _VERSION.search(header.name)
    return found.finish(
        identity=Identity(
            product=header.name or None,
            version=version["number"] if version else None,
            arch=_ARCHES.get(header.arch, f"uimage-arch-{header.arch}"),
        )
    )


UIMAGE: Final = Format(
    name=NAME,
    title="U-Boot legacy image",
    family="boot image",
    specification="https://docs.u-boot.org/en/latest/usage/cmd/imi.html",
    limitations="has no signature; the content opens by its own format",
    recognise=starts(MAGIC),
    open=open_image,
)

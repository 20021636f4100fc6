"""Terse executables (TE): PE images of UEFI with a shortened header.

Guarantees: header and section table are read; every section lies inside the file.

Specification: UEFI Platform Initialization 1.8, volume 1, chapter 15 "TE image".
Little-endian; section offsets count from the PE header that was stripped.

Not checked: what the code does.
"""

from __future__ import annotations

from typing import Final

from fwverify.model import Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source

NAME: Final = "uefi-te"
HEADER_BYTES: Final = 40
_MACHINES: Final = {
    0x014C: "x86", 0x8664: "x86_64", 0xAA64: "aarch64", 0x01C2: "arm", 0x01C0: "arm",
    0x0200: "ia64", 0x0EBC: "efi-byte-code", 0x5064: "riscv64", 0x5032: "riscv32",
    0x6264: "loongarch64",
}  # fmt: skip
_SUBSYSTEMS: Final = range(9, 14)


def _recognise(buffer: Buffer, _: str) -> bool:
    head = bytes(buffer[:HEADER_BYTES])
    return (
        len(head) == HEADER_BYTES
        and head[:2] == b"VZ"
        and int.from_bytes(head[2:4], "little") in _MACHINES
        and head[5] in _SUBSYSTEMS
    )


def open_image(source: Source) -> Opened:
    """Return the image as a leaf. Raises ``Malformed`` for a bad header."""
    reader = Reader(source.buffer, 2)
    machine, count, _, stripped, _, _, _ = reader.unpack("<HBBHIIQ", "TE header")
    reader.seek(HEADER_BYTES)
    reader.count(count, 40, "NumberOfSections")
    found = Gathered(source, NAME)
    shift = stripped - HEADER_BYTES
    found.claim(0, HEADER_BYTES + 40 * count, executable=True)
    try:
        for number in range(count):
            reader.skip(16, "section")
            size, start = reader.unpack("<II", "section")
            reader.skip(16, "section")
            low = start - shift
            if size and not HEADER_BYTES + 40 * count <= low <= low + size <= source.size:
                why = f"[{low}, {low + size}) outside {source.size} bytes"
                raise Malformed(reader.offset - 40, f"section {number}", why, past_end=True)
            if size:
                found.claim(low, low + size, executable=True)
    except Malformed as error:
        found.malformed(error)
    return found.finish(identity=Identity(arch=_MACHINES.get(machine)), executable=True)


TE: Final = Format(
    name=NAME,
    title="UEFI terse executable",
    family="UEFI",
    specification="https://uefi.org/specs/PI/1.8/V1_TE_Image.html",
    limitations="relocations are not applied",
    recognise=_recognise,
    open=open_image,
    leaf=True,
)

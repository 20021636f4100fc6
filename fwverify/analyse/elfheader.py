"""The ELF header and program headers, read strictly and before any other parser.

ELF gABI, "ELF Header" and "Program Header". Guarantees: every field comes from the file;
what a loader would map (PT_LOAD, PT_DYNAMIC, PT_INTERP) lies inside the file, so that a
cut-off program is never taken for a whole one. Unknown types and machines are numbers.
Section headers are not read: a loader does not need them, and an attacker may ruin them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fwverify.reader import Buffer, Malformed, Reader

MAGIC: Final = b"\x7fELF"
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
PT_GNU_STACK, PT_GNU_RELRO = 0x6474E551, 0x6474E552
ET_EXEC, ET_DYN = 2, 3
PF_X: Final = 1

_HEADER_BYTES: Final = {1: 52, 2: 64}
_PROGRAM_BYTES: Final = {1: 32, 2: 56}
_MAPPED: Final = (PT_LOAD, PT_DYNAMIC, PT_INTERP)
_MACHINES: Final = {
    2: "SPARC",
    3: "I386",
    4: "M68K",
    8: "MIPS",
    20: "PPC",
    21: "PPC64",
    22: "S390",
    40: "ARM",
    42: "SH",
    62: "X86_64",
    83: "AVR",
    93: "ARC",
    94: "XTENSA",
    183: "AARCH64",
    189: "MICROBLAZE",
    195: "ARC_COMPACT2",
    243: "RISCV",
    247: "BPF",
    258: "LOONGARCH",
}


@dataclass(frozen=True)
class Segment:
    """One program header: its type, its range in the file, its flags, its virtual address."""

    kind: int
    offset: int
    size: int
    flags: int
    address: int = 0


@dataclass(frozen=True)
class ElfHeader:
    """What the header says. ``bits`` is 32 or 64; ``kind`` is e_type."""

    bits: int
    little: bool
    kind: int
    machine: str
    segments: tuple[Segment, ...]

    def has(self, kind: int) -> bool:
        """Return whether there is a segment of type ``kind``."""
        return any(segment.kind == kind for segment in self.segments)

    @property
    def is_program(self) -> bool:
        """Whether this is something that is started, not a library or an object."""
        return self.kind == ET_EXEC or self.has(PT_INTERP)


def read_header(buffer: Buffer) -> ElfHeader:
    """Return the header of ``buffer``; raises ``Malformed`` with offset and field."""
    reader = Reader(buffer)
    reader.expect(MAGIC, "EI_MAG")
    width, order = reader.u8("EI_CLASS"), reader.u8("EI_DATA")
    if width not in _HEADER_BYTES:
        raise Malformed(4, "EI_CLASS", f"{width} is neither 1 nor 2")
    if order not in (1, 2):
        raise Malformed(5, "EI_DATA", f"{order} is neither 1 nor 2")
    reader.peek(0, _HEADER_BYTES[width], "Ehdr")
    mark = "<" if order == 1 else ">"
    reader.seek(16)
    kind, machine = reader.unpack(f"{mark}HH", "e_type")
    return ElfHeader(
        bits=32 * width,
        little=order == 1,
        kind=kind,
        machine=_MACHINES.get(machine, str(machine)),
        segments=_segments(reader, width, mark),
    )


def _segments(reader: Reader, width: int, mark: str) -> tuple[Segment, ...]:
    reader.seek(28 if width == 1 else 32)
    (table,) = reader.unpack(f"{mark}{'I' if width == 1 else 'Q'}", "e_phoff")
    reader.seek(42 if width == 1 else 54)
    entry_bytes, count = reader.unpack(f"{mark}HH", "e_phentsize")
    if count == 0:
        return ()
    if entry_bytes != _PROGRAM_BYTES[width]:
        raise Malformed(reader.offset, "e_phentsize", f"{entry_bytes} bytes")
    reader.seek(table, "e_phoff")
    reader.count(count, entry_bytes, "e_phnum")
    return tuple(_segment(reader, width, mark) for _ in range(count))


def _segment(reader: Reader, width: int, mark: str) -> Segment:
    at = reader.offset
    if width == 1:
        kind, offset, address, _, size, _, flags, _ = reader.unpack(f"{mark}8I", "Phdr")
    else:
        kind, flags, offset, address, _, size, _, _ = reader.unpack(f"{mark}2I6Q", "Phdr")
    if kind in _MAPPED and offset + size > reader.end:
        why = f"segment of type {kind} ends at {offset + size}, the file at {reader.end}"
        raise Malformed(at, "p_filesz", why)
    return Segment(kind, offset, size, flags, address)

"""The section headers of an ELF file, for what is measured and named by section.

ELF gABI, "Section Header". Guarantees: the table and the content of each section lie in
the file, else ``Malformed``; there are at most ``MAX_SECTIONS``. No loader needs them, so
that nothing may depend on their being there or being true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.plaindata import HashTable
from fwverify.analyse.values import Range, printable
from fwverify.reader import Buffer, Malformed, Reader

MAX_SECTIONS: Final = 4096
_SHT_NOBITS: Final = 8
_SHT_GNU_HASH: Final = 0x6FFF_FFF6
_NAME_BYTES: Final = 64
_SECTION_BYTES: Final = {32: 40, 64: 64}


@dataclass(frozen=True)
class Section:
    """One header: its name, type, range in the file (empty: no content) and ``sh_link``."""

    name: str
    kind: int
    place: Range
    link: int


def elf_sections(buffer: Buffer, bits: int, *, little: bool) -> tuple[Section, ...]:
    """Return the sections in the order of their headers; nothing where there are none.

    Raises ``Malformed`` when the table or a section's content lies outside the file.
    """
    reader, mark = Reader(buffer), "<" if little else ">"
    reader.seek(32 if bits == 32 else 40)
    (table,) = reader.unpack(f"{mark}{'I' if bits == 32 else 'Q'}", "e_shoff")
    reader.seek(46 if bits == 32 else 58)
    entry_bytes, count, names = reader.unpack(f"{mark}3H", "e_shentsize")
    if table == 0 or count == 0:
        return ()
    if entry_bytes != _SECTION_BYTES[bits]:
        raise Malformed(reader.offset, "e_shentsize", f"{entry_bytes} bytes")
    reader.seek(table, "e_shoff")
    reader.count(count, entry_bytes, "e_shnum")
    layout = f"{mark}{'10I' if bits == 32 else '2I4Q2I2Q'}"
    if count > MAX_SECTIONS:
        raise Malformed(reader.offset, "e_shnum", f"{count} sections")
    headers = [reader.unpack(layout, "Shdr") for _ in range(count)]
    strings = headers[names][4] if names < len(headers) else 0
    found = []
    for name, kind, _, _, offset, written, link, *_ in headers:
        size = 0 if kind in (0, _SHT_NOBITS) else written
        if size and offset + size > len(buffer):
            raise Malformed(reader.offset, "sh_size", f"a section ends at {offset + size}")
        text = bytes(buffer[strings + name : strings + name + _NAME_BYTES]).split(b"\0")[0]
        found.append(Section(printable(text), kind, (offset, offset + size), link))
    return tuple(found)


def hash_tables(sections: tuple[Section, ...], bits: int, *, little: bool) -> Iterator[HashTable]:
    """Yield the GNU hash sections with the symbols and strings that they link to."""
    for section in sections:
        if section.kind != _SHT_GNU_HASH or section.link >= len(sections):
            continue
        symbols = sections[section.link]
        if symbols.link < len(sections):
            strings = sections[symbols.link]
            yield HashTable(section.place, symbols.place, strings.place, bits, little)

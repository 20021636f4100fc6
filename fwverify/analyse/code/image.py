"""A program as its loader maps it: executable ranges, addresses, and imported symbols.

ELF gABI, "Program Header" and "Dynamic Section"; processor supplements for the global
offset table (MIPS: "Global Offset Table", DT_MIPS_LOCAL_GOTNO, DT_MIPS_GOTSYM). Nothing
is taken from section headers: a loader does not read them.

Guarantees: every address is looked up in PT_LOAD segments that ``elfheader`` has found
inside the file; tables are cut at the end of their segment and at ``MAX_SYMBOLS``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from fwverify.analyse.elfheader import PF_X, PT_DYNAMIC, PT_LOAD, ElfHeader, Segment

MAX_SYMBOLS: Final = 500_000
MAX_DYNAMIC_ENTRIES: Final = 4096
MAX_NAME_BYTES: Final = 256
_DT_PLTRELSZ, _DT_PLTGOT, _DT_STRTAB, _DT_SYMTAB, _DT_RELA, _DT_RELASZ = 2, 3, 5, 6, 7, 8
_DT_STRSZ, _DT_REL, _DT_RELSZ, _DT_PLTREL, _DT_JMPREL = 10, 17, 18, 20, 23
_DT_MIPS_LOCAL_GOTNO, _DT_MIPS_SYMTABNO, _DT_MIPS_GOTSYM = 0x7000000A, 0x70000011, 0x70000013
_MIPS_GP_OFFSET: Final = 0x7FF0


@dataclass(frozen=True)
class Code:
    """One executable segment: its bytes, and the address of the first one."""

    address: int
    offset: int
    content: bytes


class Image:
    """The mapped view of ``data``; ``dynamic`` is the first value of each tag."""

    def __init__(self, data: bytes, header: ElfHeader) -> None:
        self.data = data
        self.header = header
        self._loads = [item for item in header.segments if item.kind == PT_LOAD and item.size]
        self._spans = [
            (each.address, each.address + each.size, each.offset) for each in self._loads
        ]
        self._order = "<" if header.little else ">"
        self._bytes: Literal["little", "big"] = "little" if header.little else "big"
        self._word = "Q" if header.bits == 64 else "I"
        self._word_bytes = header.bits // 8
        self.dynamic = self._dynamic()

    @property
    def code_bytes(self) -> int:
        """The size of all executable segments."""
        return sum(item.size for item in self._executable())

    def code(self) -> Iterator[Code]:
        """Yield each executable segment."""
        for item in self._executable():
            yield Code(item.address, item.offset, self.data[item.offset : item.offset + item.size])

    def _executable(self) -> list[Segment]:
        return [item for item in self._loads if item.flags & PF_X]

    def offset_of(self, address: int) -> int | None:
        """Return where in the file the byte at ``address`` stands; None where nowhere."""
        for start, end, offset in self._spans:
            if start <= address < end:
                return offset + address - start
        return None

    def word32(self, address: int) -> int | None:
        """Return the 32-bit word at ``address`` in the file's byte order."""
        at = self.offset_of(address)
        if at is None or at + 4 > len(self.data):
            return None
        return int(struct.unpack_from(f"{self._order}I", self.data, at)[0])

    def _dynamic(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for item in self.header.segments:
            if item.kind != PT_DYNAMIC:
                continue
            count = min(item.size // (2 * self._word_bytes), MAX_DYNAMIC_ENTRIES)
            layout = f"{self._order}{2 * count}{self._word}"
            words = struct.unpack_from(layout, self.data, item.offset)
            for tag, value in zip(words[::2], words[1::2], strict=True):
                if tag == 0:
                    break
                found.setdefault(tag, value)
        return found

    def slots(self, wanted: frozenset[str]) -> dict[int, str]:
        """Return address to name of the offset table's entries for ``wanted`` functions."""
        if _DT_SYMTAB not in self.dynamic or _DT_STRTAB not in self.dynamic:
            return {}
        found: dict[int, str] = {}
        named: dict[int, str] = {}
        for table, size, explicit in self._relocations():
            for address, index in self._entries(table, size, explicit=explicit):
                if index not in named:
                    named[index] = self._symbol(index)
                if named[index] in wanted:
                    found[address] = named[index]
        return found

    def _relocations(self) -> Iterator[tuple[int, int, bool]]:
        """Yield (offset, size, has addends) of each relocation table."""
        with_addends = self.dynamic.get(_DT_PLTREL) == _DT_RELA
        for table, size, explicit in (
            (_DT_JMPREL, _DT_PLTRELSZ, with_addends),
            (_DT_RELA, _DT_RELASZ, True),
            (_DT_REL, _DT_RELSZ, False),
        ):
            at = self.offset_of(self.dynamic.get(table, -1))
            if at is not None:
                yield at, min(self.dynamic.get(size, 0), len(self.data) - at), explicit

    def _entries(self, at: int, size: int, *, explicit: bool) -> Iterator[tuple[int, int]]:
        """Yield (address, symbol index) of each relocation with a symbol."""
        words = 3 if explicit else 2
        entry = words * self._word_bytes
        shift = 32 if self._word_bytes == 8 else 8
        layout = f"{self._order}{words}{self._word}"
        end = at + min(size // entry, MAX_SYMBOLS) * entry
        for item in struct.iter_unpack(layout, self.data[at:end]):
            if item[1] >> shift:
                yield item[0], item[1] >> shift

    def _symbol(self, index: int) -> str:
        """Return the name of a dynamic symbol; empty where it cannot be read."""
        entry = 24 if self._word_bytes == 8 else 16
        at = self.offset_of(self.dynamic[_DT_SYMTAB] + index * entry)
        if at is None or at + 4 > len(self.data):
            return ""
        name = int.from_bytes(self.data[at : at + 4], self._bytes)
        start = self.offset_of(self.dynamic[_DT_STRTAB] + name)
        if start is None or name >= self.dynamic.get(_DT_STRSZ, 0):
            return ""
        stop = self.data.find(0, start, start + MAX_NAME_BYTES)
        return self.data[start : stop if stop >= 0 else start + MAX_NAME_BYTES].decode("latin-1")

    @property
    def global_table(self) -> int:
        """The address of the global offset table (DT_PLTGOT); 0 where none is named."""
        return self.dynamic.get(_DT_PLTGOT, 0)

    def mips_slots(self, wanted: frozenset[str]) -> dict[int, str]:
        """Return distance from the global pointer to name, for ``wanted`` symbols.

        The table's global part follows its local part in the order of the symbols.
        """
        first = self.dynamic.get(_DT_MIPS_GOTSYM, MAX_SYMBOLS)
        local = self.dynamic.get(_DT_MIPS_LOCAL_GOTNO, 0)
        last = min(self.dynamic.get(_DT_MIPS_SYMTABNO, 0), first + MAX_SYMBOLS)
        if _DT_SYMTAB not in self.dynamic or _DT_STRTAB not in self.dynamic:
            return {}
        found: dict[int, str] = {}
        for index in range(first, last):
            name = self._symbol(index)
            if name in wanted:
                place = (local + index - first) * self._word_bytes
                found[place - _MIPS_GP_OFFSET] = name
        return found

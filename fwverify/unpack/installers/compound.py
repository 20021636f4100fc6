"""The sectors and the directory of a compound file (OLE, structured storage).

Guarantees: every sector belongs to at most one chain, so that loops and shared sectors
are found and the whole reading is linear in the file; every count and sector number is
bounded by the sectors there are; the directory tree is walked once per entry. Entries
that the tree does not reach are returned too and called orphans.

Specification: [MS-CFB] 2.1 to 2.6. All integers are little-endian.

Not checked: the order and the colours of the red-black tree (a reader that searches by
name may see fewer entries than are listed here), and transaction fields.
"""

from __future__ import annotations

import bisect
import struct
from array import array
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.claims import Range

MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAX_ENTRIES: Final = 1_000_000
MAX_DEPTH: Final = 64
MAX_RUNS: Final = 1 << 21
"""Runs of sectors in one stream: 1 GiB in single sectors of 512 bytes."""

_HEADER_BYTES: Final = 512
_HEADER_DIFAT: Final = 109
_ENTRY_BYTES: Final = 128
_MAX_REGULAR: Final = 0xFFFFFFFA
_END_OF_CHAIN: Final = 0xFFFFFFFE
_NO_STREAM: Final = 0xFFFFFFFF
_FREE: Final = 0xFFFFFFFF
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_ENTRY: Final = struct.Struct("<64sHBBIII16sIQQIQ")
_FILETIME_1970: Final = 11_644_473_600


class Header(Struct, frozen=True):
    """The fields of the header that lead to everything else. Sizes are in bytes."""

    major: int
    sector_bytes: int
    mini_bytes: int
    mini_cutoff_bytes: int
    fat_sectors: int
    first_directory: int
    first_mini_fat: int
    first_difat: int
    difat_sectors: int
    difat: tuple[int, ...]


class DirectoryEntry(Struct, frozen=True):
    """One directory entry; ``name`` is UTF-16LE, ``at`` the entry's offset in the file."""

    number: int
    name: bytes
    kind: int
    left: int
    right: int
    child: int
    clsid: bytes
    mtime: int | None
    first: int
    size: int
    at: int = 0

    @property
    def is_stream(self) -> bool:
        """Whether the entry is a stream."""
        return self.kind == _STREAM


class Placed(Struct, frozen=True):
    """An entry with the raw names of the storages above it."""

    entry: DirectoryEntry
    folders: tuple[bytes, ...]
    orphan: bool = False


class Fault(Struct, frozen=True):
    """What breaks the rules at ``offset`` without ending the reading."""

    rule: str
    text: str
    offset: int


def read_header(buffer: Buffer) -> Header:
    """Return the header. Raises ``Malformed`` for one that no chain can be followed with."""
    reader = Reader(buffer)
    reader.expect(MAGIC, "cfb.signature")
    reader.skip(16, "cfb.clsid")
    _, major, order, shift, mini_shift = reader.unpack("<5H", "cfb.header")
    if order != 0xFFFE or (major, shift) not in ((3, 9), (4, 12)) or mini_shift != 6:
        raise Malformed(26, "cfb.version", f"{major}, sector shifts {shift} and {mini_shift}")
    reader.skip(6, "cfb.reserved")
    _, fat, directory, _, cutoff = reader.unpack("<5I", "cfb.header")
    mini, _, difat, difat_count = reader.unpack("<4I", "cfb.header")
    if cutoff != 4096:
        raise Malformed(56, "cfb.mini_cutoff", f"{cutoff} is not 4096")
    return Header(
        major=major,
        sector_bytes=1 << shift,
        mini_bytes=1 << mini_shift,
        mini_cutoff_bytes=cutoff,
        fat_sectors=fat,
        first_directory=directory,
        first_mini_fat=mini,
        first_difat=difat,
        difat_sectors=difat_count,
        difat=reader.unpack(f"<{_HEADER_DIFAT}I", "cfb.difat"),
    )


class Compound:
    """A compound file's chains. Belongs to one call of one opener."""

    def __init__(self, buffer: Buffer) -> None:
        """Read header, DIFAT, FAT, directory and mini FAT. Raises ``Malformed``."""
        self.buffer = buffer
        self.header = read_header(buffer)
        size = self.header.sector_bytes
        self.sectors = max(0, -(-len(buffer) // size) - 1)
        self.faults: list[Fault] = []
        listed = min(self.header.fat_sectors, _HEADER_DIFAT)
        unused = set(self.header.difat[listed:]) <= {_FREE}
        used = _HEADER_BYTES if unused else _HEADER_BYTES - 4 * (_HEADER_DIFAT - listed)
        self.structure: list[Range] = [(0, used)]
        self._taken = bytearray(self.sectors)
        self._fat = self._read_fat()
        self.entries = self._read_directory()
        self._mini_taken = bytearray()
        self._mini_fat = array("I")
        self._mini_runs: tuple[Range, ...] = ()
        self._mini_starts: list[int] = []
        self._read_mini()

    def used_end(self) -> int:
        """Return the offset behind the last sector that a table or a chain has taken."""
        return self.place(self._taken.rfind(1) + 1)

    def place(self, sector: int) -> int:
        """Return the file offset of ``sector``."""
        return (sector + 1) * self.header.sector_bytes

    def _fault(self, rule: str, text: str, offset: int) -> None:
        self.faults.append(Fault(rule, text, offset))

    # --- allocation tables ---------------------------------------------------------

    def _table_sector(self, sector: int, field: str) -> array[int]:
        """Return the 32-bit words of a sector of a table, which is then taken."""
        if sector >= self.sectors or self._taken[sector]:
            raise Malformed(self.place(min(sector, self.sectors)), field, f"sector {sector:#x}")
        start = self.place(sector)
        data = Reader(self.buffer).peek(start, self.header.sector_bytes, field)
        self._taken[sector] = 1
        return _words(data)

    def _read_fat(self) -> array[int]:
        """Return the FAT; its words for sectors that do not exist are left unclaimed."""
        fat: array[int] = array("I")
        for sector in self._fat_sectors():
            words = self._table_sector(sector, "cfb.fat")
            used = min(len(words), max(0, self.sectors - len(fat)))
            self.structure.append((self.place(sector), self.place(sector) + 4 * used))
            fat.extend(words)
        return fat

    def _fat_sectors(self) -> Iterator[int]:
        """Yield the FAT's sectors: those the header lists, then those of the DIFAT chain."""
        left = self.header.fat_sectors
        if left > self.sectors:
            past = left * self.header.sector_bytes > len(self.buffer)
            raise Malformed(44, "cfb.fat_sectors", f"{left} of {self.sectors}", past_end=past)
        listed = self.header.difat[:left]
        yield from listed
        left -= len(listed)
        following = self.header.first_difat
        for _ in range(self.header.difat_sectors if left else 0):
            words = self._table_sector(following, "cfb.difat")
            start, used = self.place(following), min(left, len(words) - 1)
            self.structure += [(start, start + 4 * used)]
            self.structure += [(start + 4 * len(words) - 4, start + 4 * len(words))]
            yield from words[:used]
            left -= used
            following = words[-1]
            if not left:
                return
        if left:
            raise Malformed(68, "cfb.difat", f"{left} sectors of the FAT are not listed")

    # --- chains --------------------------------------------------------------------

    def chain(self, first: int, size: int, what: str) -> tuple[Range, ...]:
        """Return the file ranges of ``size`` bytes that begin at sector ``first``.

        Raises ``Malformed`` when the chain loops, shares a sector, leaves the file or
        ends early. What it took before that stays taken.
        """
        step = self.header.sector_bytes
        runs = self._follow(first, -(-size // step), self._fat, self._taken, what)
        places = ((self.place(low), self.place(low) + step * count) for low, count in runs)
        return self._cut(places, size, what)

    def _follow(
        self, first: int, needed: int, table: array[int], taken: bytearray, what: str
    ) -> tuple[Range, ...]:
        """Return runs (first sector, count) of ``needed`` sectors; a longer chain is a fault."""
        runs: list[Range] = []
        sector = first
        for _ in range(needed):
            if sector >= min(len(table), len(taken)):
                why = "ends early" if sector >= _MAX_REGULAR else f"leads to sector {sector:#x}"
                past = sector < _MAX_REGULAR
                raise Malformed(0, f"cfb.chain of {what}", why, past_end=past)
            if taken[sector]:
                raise Malformed(0, f"cfb.chain of {what}", f"sector {sector:#x} is used twice")
            taken[sector] = 1
            if runs and sum(runs[-1]) == sector:
                runs[-1] = (runs[-1][0], runs[-1][1] + 1)
            elif len(runs) >= MAX_RUNS:
                raise Malformed(0, f"cfb.chain of {what}", "has too many pieces")
            else:
                runs.append((sector, 1))
            sector = table[sector]
        if needed and sector != _END_OF_CHAIN:
            text = f"the chain of {what} goes on behind its size"
            self._fault("ole.long_chain", text, self.place(min(sector, self.sectors)))
        return tuple(runs)

    def _cut(self, ranges: Iterator[Range], size: int, what: str) -> tuple[Range, ...]:
        """Return the first ``size`` bytes of ``ranges``; all of them lie in the file."""
        result: list[Range] = []
        for start, end in ranges:
            stop = min(end, start + size)
            if stop > len(self.buffer):
                raise Malformed(start, f"cfb.chain of {what}", "is cut short", past_end=True)
            if stop > start:
                result.append((start, stop))
            size -= stop - start
        return tuple(result)

    def _structure_chain(self, first: int, what: str) -> tuple[Range, ...]:
        """Return the ranges of a chain that ends by itself."""
        count, sector = 0, first
        while sector < min(len(self._fat), self.sectors) and count <= self.sectors:
            sector = self._fat[sector]
            count += 1
        if count > self.sectors:
            raise Malformed(0, f"cfb.chain of {what}", "is a loop")
        return self.chain(first, count * self.header.sector_bytes, what)

    # --- directory -----------------------------------------------------------------

    def _read_directory(self) -> tuple[DirectoryEntry, ...]:
        result: list[DirectoryEntry] = []
        wide = self.header.major == 4
        for start, end in self._structure_chain(self.header.first_directory, "the directory"):
            for at in range(start, end, _ENTRY_BYTES):
                if len(result) >= MAX_ENTRIES:
                    raise Malformed(at, "cfb.directory", f"more than {MAX_ENTRIES} entries")
                result.append(self._entry(at, len(result), wide))
        if not result or result[0].kind != _ROOT:
            raise Malformed(self.header.sector_bytes, "cfb.root", "there is none")
        return tuple(result)

    def _entry(self, at: int, number: int, wide: bool) -> DirectoryEntry:
        data = Reader(self.buffer).peek(at, _ENTRY_BYTES, "cfb.entry")
        raw, length, kind, _, left, right, child, clsid, _, _, mtime, first, size = _ENTRY.unpack(
            data
        )
        if kind not in (0, _STORAGE, _STREAM, _ROOT) or (kind and not 2 <= length <= 64):
            self._fault("ole.entry", f"entry {number} has type {kind}, name of {length} bytes", at)
            length = min(length, 64)
        name = raw[: max(0, (length & ~1) - 2)]
        if kind and raw[len(name) :].strip(b"\0"):
            self._fault("ole.entry", f"bytes stand behind the name of entry {number}", at)
        if kind == 0 and (data[:68] + data[80:]).strip(b"\0"):
            self._fault("ole.entry", f"the unused entry {number} is not empty", at)
        else:
            self.structure.append((at, at + _ENTRY_BYTES))
        return DirectoryEntry(
            number=number,
            name=name,
            kind=kind,
            left=left,
            right=right,
            child=child,
            clsid=clsid,
            mtime=_seconds(mtime),
            first=first,
            size=size if wide else size & 0xFFFFFFFF,
            at=at,
        )

    def walk(self) -> Iterator[Placed]:
        """Yield every entry once: those of the tree in order of names, then the orphans."""
        seen = bytearray(len(self.entries))
        seen[0] = 1
        pending: list[tuple[int, tuple[bytes, ...], bool]] = [(self.entries[0].child, (), False)]
        while pending:
            number, folders, ready = pending.pop()
            if number == _NO_STREAM:
                continue
            if number >= len(self.entries) or (seen[number] and not ready):
                self._fault("ole.loop", f"entry {number} is reached again or is none", 0)
                continue
            entry = self.entries[number]
            if not ready:
                seen[number] = 1
                pending += [(entry.right, folders, False), (number, folders, True)]
                pending.append((entry.left, folders, False))
                continue
            yield Placed(entry, folders)
            if entry.kind == _STORAGE and len(folders) < MAX_DEPTH:
                pending.append((entry.child, (*folders, entry.name), False))
        for entry in self.entries:
            if entry.kind and not seen[entry.number]:
                yield Placed(entry, (), orphan=True)

    # --- streams -------------------------------------------------------------------

    def _read_mini(self) -> None:
        root = self.entries[0]
        if root.size:
            self._mini_runs = self.chain(root.first, root.size, "the mini stream")
        self._mini_starts = _starts(self._mini_runs)
        mini_sectors = -(-root.size // self.header.mini_bytes)
        self._mini_taken = bytearray(mini_sectors)
        if self.header.first_mini_fat < _MAX_REGULAR:
            for start, end in self._structure_chain(self.header.first_mini_fat, "the mini FAT"):
                used = min(end - start, max(0, 4 * (mini_sectors - len(self._mini_fat))))
                self.structure.append((start, start + used))
                self._mini_fat.extend(_words(bytes(self.buffer[start:end])))

    def ranges(self, entry: DirectoryEntry) -> tuple[Range, ...]:
        """Return where the content of the stream ``entry`` stands. Raises ``Malformed``."""
        what = f"entry {entry.number}"
        if entry.size > len(self.buffer):
            raise Malformed(0, f"cfb.size of {what}", f"{entry.size} bytes", past_end=True)
        if not entry.size:
            return ()
        if entry.size >= self.header.mini_cutoff_bytes:
            return self.chain(entry.first, entry.size, what)
        step = self.header.mini_bytes
        needed = -(-entry.size // step)
        runs = self._follow(entry.first, needed, self._mini_fat, self._mini_taken, what)
        places = (
            piece
            for low, count in runs
            for piece in self._in_mini_stream(low * step, (low + count) * step)
        )
        return self._cut(places, entry.size, what)

    def _in_mini_stream(self, start: int, end: int) -> Iterator[Range]:
        """Yield the file ranges of ``[start, end)`` of the mini stream."""
        at = max(0, bisect.bisect_right(self._mini_starts, start) - 1)
        while at < len(self._mini_runs) and self._mini_starts[at] < end:
            low, high = self._mini_runs[at]
            position = self._mini_starts[at]
            begin, stop = max(start, position), min(end, position + high - low)
            if begin < stop:
                yield low + begin - position, low + stop - position
            at += 1

    def lost_sectors(self) -> int:
        """Return how many sectors the FAT calls used that no chain has reached."""
        known = min(len(self._fat), self.sectors)
        return sum(self._fat[at] != _FREE and not self._taken[at] for at in range(known))


def slices(ranges: tuple[Range, ...], start: int, end: int) -> Iterator[Range]:
    """Yield the file ranges of ``[start, end)`` of a content that stands in ``ranges``."""
    position = 0
    for low, high in ranges:
        begin, stop = max(start, position), min(end, position + high - low)
        if begin < stop:
            yield low + begin - position, low + stop - position
        position += high - low


def _starts(runs: tuple[Range, ...]) -> list[int]:
    """Return where in the whole each of ``runs`` begins."""
    position, result = 0, []
    for low, high in runs:
        result.append(position)
        position += high - low
    return result


def _words(data: bytes) -> array[int]:
    return array("I", struct.unpack(f"<{len(data) // 4}I", data[: len(data) & ~3]))


def _seconds(filetime: int) -> int | None:
    """Return seconds since 1970 of 100-nanosecond ticks since 1601; None for none."""
    return filetime // 10_000_000 - _FILETIME_1970 if filetime else None

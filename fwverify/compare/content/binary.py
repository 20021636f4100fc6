"""Two binaries: which bytes, in which section or segment, at which address.

Guarantees: linear time; every differing byte lies in a range that is listed or counted;
ranges of a HEX or S-record segment carry its load addresses, so that a calibration value
is found where the vendor's map file has it. Short ranges show their bytes.

What it does not do: align. Where the size differs, what lies between the common
beginning and the common end is one range.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Final

from fwverify.compare.content.values import MAX_LISTED, bounded, fact
from fwverify.model import Fact
from fwverify.reader import Buffer

Range = tuple[int, int]

_BLOCK: Final = 4096
_JOIN: Final = 8
"""Differing bytes with fewer equal ones between them are one range."""

_MAX_RANGES: Final = 4096
_MAX_BLOCKS: Final = 1024
"""Above this many differing blocks a content is told by its blocks."""

_SHOWN_BYTES: Final = 8
_MAX_SECTIONS: Final = 4096
_OBIS: Final = re.compile(rb"(?<![\d.:-])\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}(?:\*\d{1,3})?")
_MAX_CODES: Final = 4096


def byte_facts(old: Buffer, new: Buffer, base: int) -> tuple[Fact, ...]:
    """Return where the bytes differ; ``base`` is the address of the first one."""
    if len(old) != len(new):
        start, ends = _frame(old, new)
        told = f"{_place(start, ends[0], base)} became {ends[1] - start} bytes"
        return (fact("bytes", told),)
    blocks = tuple(_blocks(old, new))
    if len(blocks) > _MAX_BLOCKS:
        last = min(blocks[-1] + _BLOCK, len(old))
        told = f"{len(blocks)} blocks of {_BLOCK} bytes differ, {_place(blocks[0], last, base)}"
        return (fact("bytes", told),)
    ranges, changed, left_out = differing(old, new, blocks)
    texts = tuple(_place(start, end, base) + _values(old, new, start, end) for start, end in ranges)
    total = f"{changed} bytes differ in {len(ranges) + left_out} ranges"
    return (fact("bytes", total), *bounded("bytes at", texts[: MAX_LISTED + 1]))


def differing(
    old: Buffer, new: Buffer, blocks: tuple[int, ...]
) -> tuple[tuple[Range, ...], int, int]:
    """Return the ranges that differ, how many bytes do, and how many ranges are left out.

    ``blocks`` are the offsets of the blocks to look at.
    """
    ranges: list[list[int]] = []
    changed = left_out = 0
    for at in blocks:
        for offset in _bytes(bytes(old[at : at + _BLOCK]), bytes(new[at : at + _BLOCK])):
            changed += 1
            place = at + offset
            if ranges and place - ranges[-1][1] < _JOIN:
                ranges[-1][1] = place + 1
            elif len(ranges) < _MAX_RANGES:
                ranges.append([place, place + 1])
            else:
                left_out += 1
    return tuple((low, high) for low, high in ranges), changed, left_out


def _blocks(old: Buffer, new: Buffer) -> Iterator[int]:
    for at in range(0, len(old), _BLOCK):
        if old[at : at + _BLOCK] != new[at : at + _BLOCK]:
            yield at


def _bytes(old: bytes, new: bytes) -> Iterator[int]:
    for offset, (mine, theirs) in enumerate(zip(old, new, strict=True)):
        if mine != theirs:
            yield offset


def _frame(old: Buffer, new: Buffer) -> tuple[int, tuple[int, int]]:
    """Return the end of the common beginning, and in each the start of the common end."""
    shorter = min(len(old), len(new))
    a, b = len(old), len(new)
    start = _common(lambda at, size: old[at : at + size] == new[at : at + size], shorter)
    tail = _common(
        lambda at, size: old[a - at - size : a - at] == new[b - at - size : b - at],
        shorter - start,
    )
    return start, (a - tail, b - tail)


def _common(equal: Callable[[int, int], bool], limit: int) -> int:
    """Return how far ``equal(at, size)`` holds from 0: whole blocks, then single bytes."""
    at = 0
    while at < limit and equal(at, min(_BLOCK, limit - at)):
        at += min(_BLOCK, limit - at)
    while at < limit and equal(at, 1):
        at += 1
    return at


def _place(start: int, end: int, base: int) -> str:
    return f"{base + start:#010x}-{base + end:#010x} ({end - start} bytes)"


def _values(old: Buffer, new: Buffer, start: int, end: int) -> str:
    if end - start > _SHOWN_BYTES:
        return ""
    return f" {bytes(old[start:end]).hex(' ')} -> {bytes(new[start:end]).hex(' ')}"


def code_facts(old: Buffer, new: Buffer) -> tuple[Fact, ...]:
    """Return the OBIS codes (IEC 62056-61, as text) that came and went."""
    before, now = _codes(old), _codes(new)
    return (
        *bounded("obis added", tuple(sorted(now - before))),
        *bounded("obis removed", tuple(sorted(before - now))),
    )


def _codes(content: Buffer) -> set[str]:
    found: set[str] = set()
    for match in _OBIS.finditer(content):
        found.add(match[0].decode("ascii"))
        if len(found) >= _MAX_CODES:
            break
    return found


# --- ELF ---------------------------------------------------------------------------------


def section_facts(old: Buffer, new: Buffer) -> tuple[Fact, ...]:
    """Return the sections and functions of two ELF files whose bytes differ.

    A file without a readable section table has none: it is told by its bytes.
    """
    before, now = _sections(old), _sections(new)
    if before is None or now is None:
        return ()
    texts = []
    for name in sorted(before.keys() & now.keys()):
        (_, low, high, _), (_, first, last, _) = before[name], now[name]
        if old[low:high] != new[first:last]:
            texts.append(f"{name}: {high - low} -> {last - first} bytes, content differs")
    named = (old, before, new, now)
    functions = (*_changed_functions(*named), *_changed_resolvers(*named))
    return (*bounded("section changed", tuple(texts)), *functions)


_Section = tuple[int, int, int, int]
"""Type, start and end in the file, virtual address."""


def _sections(content: Buffer) -> dict[str, _Section] | None:
    """Return the sections by name (gABI, "Section Header"); None where that is not whole."""
    if bytes(content[:4]) != b"\x7fELF" or len(content) < 64 or content[5] not in (1, 2):
        return None
    wide, mark = content[4] == 2, "<" if content[5] == 1 else ">"
    if wide:
        (table,) = struct.unpack_from(f"{mark}Q", content, 40)
        size, count, names = struct.unpack_from(f"{mark}HHH", content, 58)
    else:
        (table,) = struct.unpack_from(f"{mark}I", content, 32)
        size, count, names = struct.unpack_from(f"{mark}HHH", content, 46)
    layout = f"{mark}IIQQQQ" if wide else f"{mark}IIIIII"
    least = struct.calcsize(layout)
    if not count or size < least or names >= count or count > _MAX_SECTIONS:
        return None
    if table + size * count > len(content):
        return None
    rows = [struct.unpack_from(layout, content, table + size * each) for each in range(count)]
    texts = bytes(content[rows[names][4] : rows[names][4] + min(rows[names][5], 1 << 20)])
    found: dict[str, _Section] = {}
    for name, kind, _, address, start, length in rows:
        label = texts[name : name + 64].split(b"\0")[0].decode("latin-1")
        if label and kind not in (0, 8) and start + length <= len(content):
            found.setdefault(label, (kind, start, start + length, address))
    return found


_MAX_SYMBOLS: Final = 100_000
_FUNCTION, _RESOLVER = 2, 10
"""STT_FUNC (gABI, "Symbol Table") and STT_GNU_IFUNC (GNU extension to the gABI)."""


def _functions(
    content: Buffer, sections: dict[str, _Section], kind: int = _FUNCTION
) -> dict[str, Range]:
    """Return where the named functions of ``kind`` lie, by the symbol table or the dynamic one."""
    table = sections.get(".symtab") or sections.get(".dynsym")
    texts = sections.get(".strtab") if ".symtab" in sections else sections.get(".dynstr")
    if table is None or texts is None:
        return {}
    wide, mark = content[4] == 2, "<" if content[5] == 1 else ">"
    layout = struct.Struct(f"{mark}IBBHQQ" if wide else f"{mark}IIIBBH")
    code = sorted(
        (address, start, end)
        for _, start, end, address in (sections.get(".text", (0, 0, 0, 0)),)
        if end > start
    )
    found: dict[str, Range] = {}
    body = bytes(content[table[1] : table[2]])
    names = bytes(content[texts[1] : texts[2]])
    usable = min(len(body) // layout.size, _MAX_SYMBOLS) * layout.size
    for row in layout.iter_unpack(body[:usable]):
        name, info = row[0], row[1] if wide else row[3]
        value, size = (row[4], row[5]) if wide else (row[1], row[2])
        for address, start, end in code:
            low = value - address + start
            if info & 15 == kind and size and start <= low <= low + size <= end:
                label = names[name : name + 120].split(b"\0")[0].decode("latin-1")
                found.setdefault(label, (low, low + size))
    return found


def _changed_functions(
    old: Buffer, before: dict[str, _Section], new: Buffer, now: dict[str, _Section]
) -> tuple[Fact, ...]:
    """Return the named functions that came, went or differ.

    A relinked program moves its functions, and calls in them differ: where most do, only
    their number is told.
    """
    left, right = _functions(old, before), _functions(new, now)
    both = sorted(left.keys() & right.keys())
    differ = tuple(
        name
        for name in both
        if old[left[name][0] : left[name][1]] != new[right[name][0] : right[name][1]]
    )
    told = (
        (fact("function changed", f"{len(differ)} of {len(both)}"),)
        if len(differ) > MAX_LISTED
        else bounded("function changed", differ)
    )
    return (
        *told,
        *bounded("function added", tuple(sorted(right.keys() - left.keys()))),
        *bounded("function removed", tuple(sorted(left.keys() - right.keys()))),
    )


def _changed_resolvers(
    old: Buffer, before: dict[str, _Section], new: Buffer, now: dict[str, _Section]
) -> tuple[Fact, ...]:
    """Return the functions that are chosen by code of the file while it is loaded, where new.

    That code runs before the program does, in whatever loads the library: CVE-2024-3094
    came alive by it.
    """
    left, right = _functions(old, before, _RESOLVER), _functions(new, now, _RESOLVER)
    differ = tuple(
        name
        for name in sorted(left.keys() & right.keys())
        if old[left[name][0] : left[name][1]] != new[right[name][0] : right[name][1]]
    )
    return (
        *bounded("resolver added", tuple(sorted(right.keys() - left.keys()))),
        *bounded("resolver changed", differ),
        *bounded("resolver removed", tuple(sorted(left.keys() - right.keys()))),
    )

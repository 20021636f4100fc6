"""What looks as rich as compressed content and is plain data: tables, hashes of names.

Guarantees: ``is_columned`` holds where the bytes of a block differ in richness by their
place in words of eight bytes, as numbers, code points and instructions do, and the output
of a compressor or a cipher never does. ``name_hashes`` gives the place of a GNU hash
section only where every word of it follows from the symbol names that it stands for
(the layout of ``DT_GNU_HASH`` as binutils writes it and as glibc's ``elf/dl-lookup.c``
reads it), so that nothing else can stand there. ``without_linear`` blanks tables of 256 words
of which each is the exclusive or of others, as those of cyclic redundancy checks are (R. N.
Williams, "A Painless Guide to CRC Error Detection Algorithms", section 10): eight words make
the whole table, so that nothing else can stand there either.

What it does not see: content that is given a poor byte in every word to look like a table;
that costs as much as any other writing that looks poorer than it is.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.values import Range
from fwverify.reader import Buffer

WORD_BYTES: Final = 8
MIN_DIFFERENCE: Final = 0.5
"""In bits. Random, deflated and LZMA blocks of 4 KiB stay below 0.25 (measured)."""

_LINEAR_WORDS: Final = 256
_LINEAR_BYTES: Final = (8, 4, 2)
"""Widths of the words of such tables."""

MAX_HASHED_NAMES: Final = 500_000
MAX_HASHED_BYTES: Final = 16 * 1024 * 1024
MAX_NAME_BYTES: Final = 4096
_HASH_START, _HASH_FACTOR, _MASK = 5381, 33, 0xFFFF_FFFF
_HEADER_BYTES: Final = 16
_SYMBOL_BYTES: Final = {32: 16, 64: 24}


def is_columned(block: bytes) -> bool:
    """Return whether one byte of each word is far poorer than another."""
    rich = [_entropy(block[place::WORD_BYTES]) for place in range(WORD_BYTES)]
    return max(rich) - min(rich) >= MIN_DIFFERENCE


def _entropy(data: bytes) -> float:
    total = len(data)
    if not total:
        return 0.0
    return (
        math.log2(total) - sum(count * math.log2(count) for count in Counter(data).values()) / total
    )


def without_linear(buffer: Buffer, start: int, end: int) -> bytes:
    """Return ``[start, end)`` with the bytes of linear tables set to zero.

    A table may begin before the range and end behind it; it stands at a multiple of the
    width of its words, in either byte order.
    """
    block = bytearray(buffer[start:end])
    for width in _LINEAR_BYTES:
        size = width * _LINEAR_WORDS
        low = max(0, start - size + width)
        window = bytes(buffer[low : end + size])
        at = window.find(bytes(width))
        while 0 <= at < end - low:
            if (low + at) % width == 0 and _is_linear(window[at : at + size], width):
                first, last = max(low + at, start), min(low + at + size, end)
                block[first - start : last - start] = bytes(max(0, last - first))
                at += size
            else:
                at += 1
            at = window.find(bytes(width), at)
    return bytes(block)


def _is_linear(table: bytes, width: int) -> bool:
    """Return whether word ``a ^ b`` is word ``a`` exclusive or word ``b``, for all of them."""
    if len(table) != width * _LINEAR_WORDS or not any(table[width : 2 * width]):
        return False
    one, two, three = (
        int.from_bytes(table[width * index : width * index + width]) for index in (1, 2, 3)
    )
    if one ^ two != three:
        return False  # before the other words cost anything
    words = [int.from_bytes(table[at : at + width]) for at in range(0, len(table), width)]
    return all(
        words[bit | rest] == words[bit] ^ words[rest]
        for bit in (1 << place for place in range(8))
        for rest in range(bit)
    )


@dataclass(frozen=True)
class HashTable:
    """A GNU hash section with the symbol and string tables that it is made for."""

    place: Range
    symbols: Range
    strings: Range
    bits: int
    little: bool


def name_hashes(buffer: Buffer, table: HashTable) -> bool:
    """Return whether ``table`` holds what its symbol names make of it and nothing else."""
    order = "<" if table.little else ">"
    start, end = table.place
    if end - start < _HEADER_BYTES:
        return False
    header = struct.unpack(f"{order}4I", bytes(buffer[start : start + _HEADER_BYTES]))
    buckets, first, words, shift = header
    symbols = (table.symbols[1] - table.symbols[0]) // _SYMBOL_BYTES[table.bits]
    named = symbols - first
    size = _HEADER_BYTES + words * table.bits // 8 + 4 * buckets + 4 * named
    sound = buckets > 0 and words > 0 and 0 <= named <= MAX_HASHED_NAMES
    if not sound or size != end - start or shift >= table.bits:
        return False
    hashes = _hashes(buffer, table, first, symbols)
    if hashes is None:
        return False
    return bytes(buffer[start:end]) == _section(hashes, header, table.bits, order)


def _hashes(buffer: Buffer, table: HashTable, first: int, symbols: int) -> list[int] | None:
    """Return the hash of each name, or None where a name or the work is out of bounds."""
    order = "<" if table.little else ">"
    step = _SYMBOL_BYTES[table.bits]
    base, limit = table.strings
    known: dict[int, int] = {}
    found: list[int] = []
    spent = 0
    for index in range(first, symbols):
        at = table.symbols[0] + index * step
        (offset,) = struct.unpack(f"{order}I", bytes(buffer[at : at + 4]))
        if offset not in known:
            name = bytes(buffer[base + offset : min(base + offset + MAX_NAME_BYTES, limit)])
            text, mark, _ = name.partition(b"\0")
            spent += len(text)
            if not mark or spent > MAX_HASHED_BYTES:
                return None
            known[offset] = _hash(text)
        found.append(known[offset])
    return found


def _hash(name: bytes) -> int:
    value = _HASH_START
    for byte in name:
        value = (value * _HASH_FACTOR + byte) & _MASK
    return value


def _section(hashes: list[int], header: tuple[int, ...], bits: int, order: str) -> bytes:
    """Return the section that ``hashes`` make: bloom words, buckets and chains."""
    buckets, first, words, shift = header
    bloom, heads, chain = [0] * words, [0] * buckets, []
    for index, value in enumerate(hashes):
        bloom[value // bits % words] |= 1 << value % bits | 1 << (value >> shift) % bits
        bucket = value % buckets
        heads[bucket] = heads[bucket] or first + index
        last = index + 1 == len(hashes) or hashes[index + 1] % buckets != bucket
        chain.append(value & ~1 | last)
    return struct.pack(
        f"{order}4I{words}{'Q' if bits == 64 else 'I'}{buckets}I{len(chain)}I",
        *header,
        *bloom,
        *heads,
        *chain,
    )

"""Parts of a program that hold compressed or encrypted content.

Guarantees: every range that the section headers or the program headers of an ELF file,
or the section table, resources and certificate table of a PE file name is measured in
blocks of 4 KiB, loaded or not; one finding per range that holds a block with at least
``MIN_ENTROPY_MILLI``, with the digest of the range, so that only the same bytes are
quiet against a baseline. Where the section headers of an ELF file cannot be read, the
whole file is one range.

What it does not see: content that is encoded to look poorer than it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, Range, printable
from fwverify.analyse.windows import Extracted
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.entropy import BLOCK_BYTES, block_entropies_milli

MIN_ENTROPY_MILLI: Final = 7200
MAX_RANGES: Final = 4096
_SHT_NOBITS: Final = 8
_AT_ONCE: Final = 1024
"""Blocks measured in one call."""

_SECTION_BYTES: Final = {32: 40, 64: 64}


def opaque(
    rule: str, buffer: Buffer, ranges: Iterable[tuple[str, Range]], extracted: Extracted
) -> tuple[Hit, ...]:
    """Return a finding for each named range (absolute, half-open) that is opaque.

    The smallest ranges come first; one that holds them is reported for what it has
    beside them. Blocks in ``extracted`` are left to the children that they became.
    """
    hits: list[Hit] = []
    done: list[Range] = list(extracted.ranges)
    named = sorted(set(ranges), key=lambda item: (item[1][1] - item[1][0], item[1], item[0]))
    poor = _poor(buffer, [place for _, place in named])
    for name, (start, end) in named:
        if end - start >= BLOCK_BYTES and _is_rich((start, end), done, poor):
            done.append((start, end))
            hits.append(_hit(rule, buffer, name, start, end))
    return tuple(sorted(hits, key=lambda hit: (hit.offset or 0, hit.evidence)))


def _is_rich(place: Range, done: list[Range], poor: set[int]) -> bool:
    """Return whether a block of ``place`` outside ``done`` is rich.

    Blocks start at multiples of their size, so that a segment and its sections are
    measured once, and at both ends of the range; ``poor`` are all that are not rich.
    """
    start, end = place
    aligned = range(-(-start // BLOCK_BYTES) * BLOCK_BYTES, end, BLOCK_BYTES)
    inside = [item for item in done if item[0] < end and start < item[1]]
    for at in (start, end - BLOCK_BYTES, *aligned):
        if at in poor or at + BLOCK_BYTES > end:
            continue
        if not any(low < at + BLOCK_BYTES and at < high for low, high in inside):
            return True
    return False


def _poor(buffer: Buffer, places: list[Range]) -> set[int]:
    """Return where the blocks begin that ``_is_rich`` asks for and that are not rich."""
    places = [(start, end) for start, end in places if end - start >= BLOCK_BYTES]
    if not places:
        return set()
    found: set[int] = set()
    whole = len(buffer) - len(buffer) % BLOCK_BYTES
    for low in range(0, whole, _AT_ONCE * BLOCK_BYTES):
        block = buffer[low : min(low + _AT_ONCE * BLOCK_BYTES, whole)]
        starts = range(low, low + len(block), BLOCK_BYTES)
        found.update(_poor_of(starts, block))
    ends = {at for start, end in places for at in (start, end - BLOCK_BYTES) if at % BLOCK_BYTES}
    fitting = sorted(at for at in ends if at <= len(buffer) - BLOCK_BYTES)
    for first in range(0, len(fitting), _AT_ONCE):
        chosen = fitting[first : first + _AT_ONCE]
        blocks = b"".join(bytes(buffer[at : at + BLOCK_BYTES]) for at in chosen)
        found.update(_poor_of(chosen, blocks))
    return found


def _poor_of(starts: Sequence[int], blocks: Buffer) -> Iterator[int]:
    """Yield those of ``starts`` whose block of ``blocks``, one after the other, is not rich."""
    for at, milli in zip(starts, block_entropies_milli(blocks), strict=True):
        if milli < MIN_ENTROPY_MILLI:
            yield at


def _hit(rule: str, buffer: Buffer, name: str, start: int, end: int) -> Hit:
    seal = hashlib.sha256()
    for at in range(start, end, CHUNK_BYTES):
        seal.update(bytes(buffer[at : min(at + CHUNK_BYTES, end)]))
    return Hit(
        rule=rule,
        text=f"{name} holds compressed or encrypted content that nothing here could read",
        capability="evade.packed",
        threat="both",
        severity="medium",
        confidence="medium",
        offset=start,
        length=end - start,
        excerpt=name,
        evidence=(f"content sha256:{seal.hexdigest()}", f"part {name}", f"size {end - start}"),
        r155=R155_BY_ID["evade.packed"],
    )


def elf_sections(buffer: Buffer, bits: int, *, little: bool) -> Iterator[tuple[str, Range]]:
    """Yield name and range of each section with content (gABI, "Section Header").

    Raises ``Malformed`` when the table or a section's content lies outside the file.
    """
    reader, mark = Reader(buffer), "<" if little else ">"
    reader.seek(32 if bits == 32 else 40)
    (table,) = reader.unpack(f"{mark}{'I' if bits == 32 else 'Q'}", "e_shoff")
    reader.seek(46 if bits == 32 else 58)
    entry_bytes, count, names = reader.unpack(f"{mark}3H", "e_shentsize")
    if table == 0 or count == 0:
        return
    if entry_bytes != _SECTION_BYTES[bits]:
        raise Malformed(reader.offset, "e_shentsize", f"{entry_bytes} bytes")
    reader.seek(table, "e_shoff")
    reader.count(count, entry_bytes, "e_shnum")
    layout = f"{mark}{'10I' if bits == 32 else '2I4Q2I2Q'}"
    if count > MAX_RANGES:
        raise Malformed(reader.offset, "e_shnum", f"{count} sections")
    headers = [reader.unpack(layout, "Shdr") for _ in range(count)]
    strings = headers[names][4] if names < len(headers) else 0
    for header in headers:
        name, kind, offset, size = header[0], header[1], header[4], header[5]
        if kind in (0, _SHT_NOBITS) or not size:
            continue
        if offset + size > len(buffer):
            raise Malformed(reader.offset, "sh_size", f"a section ends at {offset + size}")
        text = bytes(buffer[strings + name : strings + name + 64]).split(b"\0")[0]
        yield f"section {printable(text)}", (offset, offset + size)

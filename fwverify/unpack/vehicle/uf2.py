"""UF2: flash files of microcontrollers whose boot loader shows itself as a disk.

Guarantees: every 512-byte block is read whole; the payloads of one family that follow
each other in address are a child named by the address, with the family's name where a
file holds several; a file that blocks carry (file container) is a child under its own
name; extension tags give the identity; MD5 sums are computed where the file holds the
bytes they speak of. Blocks out of order, missing, twice or over each other are observed;
a block that is none is unexplained.

Specification: Microsoft, "USB Flashing Format (UF2)", README of microsoft/uf2, sections
"File format", "Embedding files", "MD5 checksum", "Extension tags"; family numbers from
``utils/uf2families.json`` of the same. All integers are little-endian.

Not checked: that an address exists in the family's devices.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Identity, Opened
from fwverify.paths import encode_name
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.vehicle.placed import Block, content, store_runs
from fwverify.unpack.vehicle.prose import shown
from fwverify.unpack.vehicle.uf2_families import FAMILIES

NAME: Final = "uf2"
BLOCK_BYTES: Final = 512
MAX_BLOCKS: Final = 1_048_576
MAX_NAME_BYTES: Final = 255
MAX_TAG_BYTES: Final = 200
_HASHED_RATIO: Final = 8
_HEADER: Final = struct.Struct("<8I")
_HEADER_BYTES: Final = 32
_DATA_BYTES: Final = 476
_MAGIC: Final = b"UF2\n\x57\x51\x5d\x9e"
_END: Final = b"\x30\x6f\xb1\x0a"
_NOT_MAIN_FLASH: Final = 0x0000_0001
_FILE_CONTAINER: Final = 0x0000_1000
_FAMILY: Final = 0x0000_2000
_MD5: Final = 0x0000_4000
_TAGS: Final = 0x0000_8000
_KNOWN_FLAGS: Final = _NOT_MAIN_FLASH | _FILE_CONTAINER | _FAMILY | _MD5 | _TAGS
_SUM: Final = struct.Struct("<II16s")
_TAG_VERSION, _TAG_DEVICE, _TAG_DEVICE_ID = 0x9FC7BC, 0x650D9D, 0xC8A729
_TAG_PAGE, _TAG_SHA2 = 0x0BE9F7, 0xB46DB0


class Part(Struct, frozen=True):
    """One block. ``at`` is its offset; ``payload`` where its content stands."""

    at: int
    flags: int
    block: Block
    number: int
    count: int
    family: int

    @property
    def group(self) -> tuple[int, int]:
        """What numbers its blocks together: the family and what becomes of them."""
        special = self.flags & (_NOT_MAIN_FLASH | _FILE_CONTAINER)
        return self.family if self.flags & _FAMILY else 0, special


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    head = bytes(buffer[:BLOCK_BYTES])
    return head.startswith(_MAGIC) and head[-4:] == _END and len(head) == BLOCK_BYTES


def read_part(buffer: Buffer, at: int) -> Part:
    """Return the block at ``at``. Raises ``Malformed``."""
    raw = bytes(buffer[at : at + BLOCK_BYTES])
    if len(raw) < BLOCK_BYTES:
        raise Malformed(at, "uf2.block", f"has {len(raw)} bytes", past_end=True)
    if not raw.startswith(_MAGIC) or not raw.endswith(_END):
        raise Malformed(at, "uf2.magic", "is not there")
    _, _, flags, address, size, number, count, family = _HEADER.unpack_from(raw)
    room = _DATA_BYTES - (_SUM.size if flags & _MD5 else 0)
    if size > room:
        raise Malformed(at + 16, "uf2.payload_size", f"{size}")
    start = at + _HEADER_BYTES
    return Part(at, flags, Block(address, start, start + size), number, count, family)


def open_file(source: Source) -> Opened:
    """Return the runs as children. Raises ``Malformed`` when the first block is none."""
    read_part(source.buffer, 0)
    found = Gathered(source, NAME)
    groups: dict[tuple[int, int], list[Part]] = {}
    facts: dict[str, str] = {}
    try:
        for part in _read_parts(found):
            groups.setdefault(part.group, []).append(part)
            _claim_fields(found, part, facts)
        for key in sorted(groups):
            _judge_numbers(found, groups[key])
            _store_group(found, key, groups[key], several=len(groups) > 1)
        _judge_sums(found, groups)
    except LimitHit as error:
        found.limit(error)
    for name in sorted({"page_bytes", "sha2"} & facts.keys()):
        found.attribute(name, facts[name])
    return found.finish(identity=_identity(groups, facts))


def _read_parts(found: Gathered) -> Iterator[Part]:
    """Yield the blocks; what is none stays unclaimed and is said."""
    size = found.source.size
    if size > MAX_BLOCKS * BLOCK_BYTES:
        raise LimitHit("files", f"more than {MAX_BLOCKS} blocks")
    for at in range(0, size, BLOCK_BYTES):
        try:
            yield read_part(found.buffer, at)
        except Malformed as error:
            found.malformed(error)
            return


def _claim_fields(found: Gathered, part: Part, facts: dict[str, str]) -> None:
    """Claim a block's header, tags and sum; the rest of its data area is filled later."""
    end = part.at + BLOCK_BYTES
    found.claim(part.at, part.block.start)
    found.claim(end - 4, end)
    limit = end - 4
    if part.flags & _MD5:
        limit -= _SUM.size
        found.claim(limit, end - 4)
    if part.flags & ~_KNOWN_FLAGS:
        text = f"a block has the unknown flags {part.flags & ~_KNOWN_FLAGS:#010x}"
        found.observe("uf2.flags", text, offset=part.at + 8)
    if part.flags & _TAGS:
        try:
            _read_tags(found, part.block.end, limit, facts)
        except Malformed as error:
            found.malformed(error)


def _read_tags(found: Gathered, start: int, limit: int, facts: dict[str, str]) -> None:
    """Read extension tags: length (u8), tag (u24), data, each filled to four bytes."""
    at = start + (-start) % 4
    while at + 4 <= limit:
        length = found.buffer[at]
        tag = int.from_bytes(bytes(found.buffer[at + 1 : at + 4]), "little")
        if length == 0:
            found.claim(at, at + 4)
            return
        if length < 4 or at + length > limit:
            raise Malformed(at, "uf2.tag.length", f"{length}")
        data = bytes(found.buffer[at + 4 : at + length])
        if _take_tag(found, at, tag, data, facts):
            found.claim(at, at + length)
        at += length + (-length) % 4


def _take_tag(found: Gathered, at: int, tag: int, data: bytes, facts: dict[str, str]) -> bool:
    """Keep what a known tag says; return whether all of its bytes were understood.

    Tags that say different things of one fact say nothing of it.
    """
    fact = _fact(tag, data)
    if fact is None:
        return False
    name, value = fact
    if facts.setdefault(name, value) != value:
        text = f"the tag {name} stands twice and differs"
        found.observe("uf2.tag", text, offset=at, severity="high")
        facts[name] = ""
        return False
    return True


def _fact(tag: int, data: bytes) -> tuple[str, str] | None:
    """Return the fact that a known tag states, None for one that is not wholly read."""
    if tag in (_TAG_VERSION, _TAG_DEVICE):
        text = data.decode("utf-8", "backslashreplace")
        name = "version" if tag == _TAG_VERSION else "device"
        return (name, text) if shown(text) == text and len(data) <= MAX_TAG_BYTES else None
    if tag == _TAG_DEVICE_ID and len(data) in (4, 8):
        return "device_id", f"{int.from_bytes(data, 'little'):#x}"
    if tag == _TAG_PAGE and len(data) == 4:
        return "page_bytes", str(int.from_bytes(data, "little"))
    if tag == _TAG_SHA2 and len(data) in (28, 32, 48, 64):
        return "sha2", data.hex()
    return None


def _judge_numbers(found: Gathered, parts: list[Part]) -> None:
    """Compare the blocks' numbers with the count they state."""
    counts = {part.count for part in parts}
    numbers = [part.number for part in parts]
    if numbers != sorted(numbers):
        found.observe("uf2.order", "blocks are out of order", offset=parts[0].at, severity="low")
    if len(counts) != 1:
        found.observe("uf2.count", "blocks state different counts", offset=parts[0].at)
    count = max(counts)
    if len(set(numbers)) < len(numbers):
        found.observe("uf2.duplicate", "block numbers stand twice", offset=parts[0].at)
    if len(set(numbers)) < count or max(numbers) >= count:
        have = len({number for number in numbers if number < count})
        found.trouble("truncated", f"{have} of {count} blocks are there")


def _store_group(
    found: Gathered, key: tuple[int, int], parts: list[Part], *, several: bool
) -> None:
    family, special = key
    if special & _FILE_CONTAINER:
        _store_files(found, parts)
        return
    label = _family_name(family) if several and family else ""
    if special & _NOT_MAIN_FLASH:
        label = "skipped"
        text = "blocks are marked as not for the main flash"
        found.observe("uf2.skipped", text, offset=parts[0].at, severity="low")
    store_runs(found, (part.block for part in parts), label, "uf2.overlap")


def _family_name(family: int) -> str:
    return FAMILIES.get(family, f"{family:#010x}")


# --- files in blocks ---------------------------------------------------------------


def _store_files(found: Gathered, parts: list[Part]) -> None:
    """Store the files that blocks carry, each from its offsets. Raises ``LimitHit``."""
    files: dict[bytes, list[Part]] = {}
    for part in parts:
        end = part.at + BLOCK_BYTES - 4
        tail = bytes(found.buffer[part.block.end : min(end, part.block.end + MAX_NAME_BYTES + 1)])
        name, nul, _ = tail.partition(b"\0")
        if not nul or not name:
            found.malformed(Malformed(part.block.end, "uf2.file_name", "is not there"))
            continue
        found.claim(part.block.end, part.block.end + len(name) + 1)
        files.setdefault(name, []).append(part)
    for name in sorted(files):
        _store_file(found, name, sorted(files[name], key=lambda each: each.block))


def _store_file(found: Gathered, name: bytes, parts: list[Part]) -> None:
    position, blocks = 0, []
    for part in parts:
        if part.block.address != position:
            text = f"{encode_name(name)} has a hole or an overlap at {position:#x}"
            found.observe("uf2.file_hole", text, offset=part.at, severity="high")
            found.trouble("format.malformed", text, name)
            break
        blocks.append(part.block)
        position = part.block.address_end
    sizes = {part.family for part in parts if not part.flags & _FAMILY}
    if sizes and sizes != {position}:
        text = f"{encode_name(name)} has {position} bytes, its blocks say {min(sizes)}"
        found.trouble("truncated", text, name)
    digest, size = found.source.put_stream(content(found, blocks))
    for block in blocks:
        found.claim(block.start, block.end, "extracted")
    extents = tuple((block.start, block.end) for block in blocks if block.start < block.end)
    found.add(Entry(name=name, sha256=digest, size=size, extents=extents, stored=True))


# --- sums and identity -------------------------------------------------------------


def _judge_sums(found: Gathered, groups: dict[tuple[int, int], list[Part]]) -> None:
    """Compare each MD5 sum with the range of addresses it speaks of.

    Raises ``LimitHit`` when all sums together speak of many times the file.
    """
    seen: set[bytes] = set()
    allowed = _HASHED_RATIO * found.source.size
    for key in sorted(groups):
        blocks = sorted(part.block for part in groups[key])
        for part in groups[key]:
            at = part.at + BLOCK_BYTES - 4 - _SUM.size
            raw = bytes(found.buffer[at : at + _SUM.size]) if part.flags & _MD5 else b""
            if not raw or raw in seen:
                continue
            seen.add(raw)
            allowed -= _SUM.unpack(raw)[1] + BLOCK_BYTES
            if allowed < 0:
                raise LimitHit("bytes_out", "MD5 sums speak of more bytes than are hashed")
            _judge_sum(found, at, raw, blocks)


def _judge_sum(found: Gathered, at: int, raw: bytes, blocks: list[Block]) -> None:
    start, length, stated = _SUM.unpack(raw)
    digest = hashlib.md5(usedforsecurity=False)
    position = start
    first = max(0, bisect.bisect_right(blocks, start, key=lambda each: each.address) - 1)
    for block in itertools.islice(blocks, first, None):
        if position >= start + length or block.address > position:
            break
        low = block.start + position - block.address
        high = min(block.end, low + start + length - position)
        if low < high:
            digest.update(bytes(found.buffer[low:high]))
            position += high - low
    if position < start + length:
        text = f"an MD5 sum speaks of {start:#010x} and {length} bytes, not all of them here"
        found.observe("uf2.md5_unread", text, offset=at, severity="info")
    elif digest.digest() != stated:
        text = f"the MD5 sum of {length} bytes from {start:#010x} on is wrong"
        found.observe("uf2.md5", text, offset=at, severity="high")
        found.trouble("format.malformed", text)


def _identity(groups: dict[tuple[int, int], list[Part]], facts: dict[str, str]) -> Identity:
    """Return what the tags and the families say."""
    families = sorted({_family_name(family) for family, _ in groups if family})
    return Identity(
        product=facts.get("device") or None,
        version=facts.get("version") or None,
        arch=families[0] if len(families) == 1 else None,
        hardware=facts.get("device_id") or ",".join(families) or None,
    )


UF2: Final = Format(
    name=NAME,
    title="USB flashing format (UF2)",
    family="vehicle update",
    specification="https://github.com/microsoft/uf2",
    limitations="unknown extension tags are unexplained; MD5 sums of bytes that the file does "
    "not hold are named",
    recognise=_recognise,
    open=open_file,
)

"""The short ways of the analysers find what the long ones do."""

from __future__ import annotations

import random
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse import opaque
from fwverify.analyse.code import branches
from fwverify.analyse.code.image import Code
from fwverify.analyse.windows import Extracted
from fwverify.unpack.source import BLOCK_BYTES, entropy_milli

NOISE = random.Random(3)
PACKED = zlib.compress(NOISE.randbytes(60_000) + b"text " * 4000)
POOR = b"".join(NOISE.choice((b"\x48\x8b\x45\xf8", b"\x00\x00\x00\xe8")) for _ in range(5000))


def rich(content: bytes, start: int, end: int) -> bool:
    """Return whether a block of the range is rich, each measured by itself."""
    places = {start, end - BLOCK_BYTES, *range(-(-start // BLOCK_BYTES) * BLOCK_BYTES, end, 4096)}
    return any(
        entropy_milli(content[at : at + BLOCK_BYTES]) >= opaque.MIN_ENTROPY_MILLI
        for at in places
        if start <= at and at + BLOCK_BYTES <= end
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 30), st.integers(0, 9000), st.integers(4096, 50_000))
def test_one_pass_finds_the_ranges_that_single_blocks_do(seed: int, start: int, size: int) -> None:
    chance = random.Random(seed)
    pieces = []
    for _ in range(12):
        source = chance.choice((PACKED, POOR, bytes(9000)))
        at = chance.randrange(len(source) - 8000)
        pieces.append(source[at : at + chance.randrange(1, 8000)])
    content = b"".join(pieces)
    end = min(start + size, len(content))
    if end - start < BLOCK_BYTES:
        return
    hits = opaque.opaque("elf.opaque", content, [("part", (start, end))], Extracted(()))
    assert bool(hits) == rich(content, start, end)


@pytest.mark.parametrize("cut", [0, 1, 4095])
def test_the_rich_end_of_a_range_is_seen_wherever_it_lies(cut: int) -> None:
    content = POOR[: 3 * BLOCK_BYTES + cut] + PACKED[:BLOCK_BYTES] + POOR[:100]
    end = len(content) - 100
    (hit,) = opaque.opaque("elf.opaque", content, [("part", (cut, end))], Extracted(()))
    assert hit.offset == cut
    assert not opaque.opaque("elf.opaque", content, [("part", (0, end - 4096))], Extracted(()))


def test_short_ranges_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> list[int]:
        raise AssertionError

    monkeypatch.setattr(opaque, "block_entropies_milli", refuse)
    assert not opaque.opaque("elf.opaque", PACKED, [("part", (5, 4000))], Extracted(()))


# --- calls -----------------------------------------------------------------------------


def every_thumb_call(code: Code, wanted: frozenset[int]) -> list[branches.Branch]:
    """Return the calls, each halfword computed by itself."""
    found = []
    for at in range(0, len(code.content) - 3, 2):
        first, second = struct.unpack_from("<2H", code.content, at)
        if first >> 11 == 0x1E and second >> 14 == 3:
            target = branches._thumb_target(code.address + at, first, second)
            if target in wanted:
                found.append((at, at + 4, target))
    return found


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 30), st.integers(0, 3), st.integers(0, 3))
def test_thumb_calls_are_found_as_one_by_one(seed: int, cut: int, address: int) -> None:
    chance = random.Random(seed)
    words = bytearray()
    for _ in range(600):
        first = chance.choice((0xF000, 0xF3FF, 0xF400, 0xF7FF, chance.randrange(65536)))
        second = chance.choice((0xC000, 0xD000, 0xE800, 0xF800)) | chance.randrange(0x800)
        words += struct.pack("<2H", first, second)
    content = bytes(words[: len(words) - cut])
    code = Code(address=0x8000 + address, offset=0, content=content)
    everywhere = frozenset(
        branches._thumb_target(code.address + at, *struct.unpack_from("<2H", content, at))
        for at in range(0, len(content) - 3, 2)
        if chance.random() < 0.2
    )
    assert branches.thumb(code, everywhere) == every_thumb_call(code, everywhere)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.binary(min_size=0, max_size=400), st.sampled_from("<>"))
def test_words_are_found_by_their_highest_byte(content: bytes, order: str) -> None:
    content = content.replace(b"\x00", b"\x95")
    place, whole = 3 if order == "<" else 0, range(len(content) // 4)
    expected = [at for at in whole if 0x94 <= content[4 * at + place] <= 0x97]
    assert list(branches._bytes(content, order, range(0x94, 0x98), whole)) == expected

"""Plain data that is as rich as compressed content is no finding; nothing else hides there."""

from __future__ import annotations

import lzma
import random
import struct
import zlib
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.elf import elf
from fwverify.analyse.opaque import MAX_LOOKED
from fwverify.analyse.plaindata import HashTable, is_columned, name_hashes, without_linear
from fwverify.analyse.values import Hit
from tests.analyse.test_opaque import NOISE, with_section
from tests.builders.linuxfs import elf_program

SOURCE = random.Random(11)
DOUBLES = struct.pack("<1024d", *(SOURCE.uniform(-1, 1) for _ in range(1024)))
CODE_POINTS = struct.pack("<4096H", *(SOURCE.randrange(0x4E00, 0x9FA5) for _ in range(4096)))
WORDS = " ".join(str(SOURCE.random()) for _ in range(6000)).encode()


def opaque(content: bytes) -> list[Hit]:
    return [hit for hit in elf(content)[1] if hit.rule == "elf.opaque"]


@pytest.mark.parametrize("table", [DOUBLES, CODE_POINTS])
def test_a_table_of_numbers_is_not_opaque(table: bytes) -> None:
    assert opaque(with_section(table)) == []
    assert is_columned(table[:4096])


@pytest.mark.parametrize(
    "payload",
    [
        NOISE,
        zlib.compress(WORDS, 9),
        lzma.compress(WORDS),
        bytes(512) + NOISE[:3584],
        b"A message of some length.  " * 20 + NOISE[:3556],
    ],
)
def test_what_is_compressed_or_encrypted_has_no_columns(payload: bytes) -> None:
    blocks = [payload[at : at + 4096] for at in range(0, len(payload) - 4095, 4096)]
    assert blocks
    assert not any(is_columned(block) for block in blocks)


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.integers(0, 1 << 32))
def test_noise_never_has_columns(seed: int) -> None:
    assert not is_columned(random.Random(seed).randbytes(4096))


def test_a_table_hides_no_payload_behind_it() -> None:
    (hit,) = opaque(with_section(DOUBLES + NOISE[:8192]))
    assert hit.length == len(DOUBLES) + 8192


def test_more_tables_than_are_looked_at_are_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_LOOKED * 4096 >= 64 * 1024 * 1024
    monkeypatch.setattr("fwverify.analyse.opaque.MAX_LOOKED", 1)
    assert len(opaque(with_section(DOUBLES * 3))) == 1


# --- the hashes of names -----------------------------------------------------------------


def gnu_hash(name: bytes) -> int:
    value = 5381
    for byte in name:
        value = (value * 33 + byte) % (1 << 32)
    return value


def hash_section(names: list[bytes], buckets: int, first: int) -> bytes:
    """Return the section for ``names``, which are sorted by bucket, in 32-bit words."""
    words, shift = 64, 6
    bloom = [0] * words
    heads = [0] * buckets
    chain = []
    for index, name in enumerate(names):
        value = gnu_hash(name)
        bloom[value // 32 % words] |= (1 << value % 32) | (1 << (value >> shift) % 32)
        if not heads[value % buckets]:
            heads[value % buckets] = first + index
        end = index + 1 == len(names) or gnu_hash(names[index + 1]) % buckets != value % buckets
        chain.append(value - value % 2 + end)
    body = [buckets, first, words, shift, *bloom, *heads, *chain]
    return struct.pack(f"<{len(body)}I", *body)


def with_hashes(count: int = 3000) -> tuple[bytes, int, int]:
    """Return a program with a GNU hash section, and where the section stands."""
    buckets = 509
    names = sorted(
        (
            f"{random.Random(number).randbytes(9).hex()}_{number}".encode()
            for number in range(count)
        ),
        key=lambda name: gnu_hash(name) % buckets,
    )
    strings = b"\0" + b"\0".join(names) + b"\0"
    symbols = bytes(16)
    at = 1
    for name in names:
        symbols += struct.pack("<IIIBBH", at, 0, 0, 0x12, 0, 1)
        at += len(name) + 1
    hashes = hash_section(names, buckets, 1)
    program = bytearray(elf_program(("connect",)))
    program += bytes(-len(program) % 4)
    places = []
    for part in (hashes, symbols, strings, b"\0.x\0"):
        places.append((len(program), len(part)))
        program += part + bytes(-len(part) % 4)
    kinds = ((0x6FFFFFF6, 2), (11, 3), (3, 0), (3, 0))
    table = len(program)
    program += bytes(40)
    for (kind, link), (offset, size) in zip(kinds, places, strict=True):
        program += struct.pack("<10I", 1, kind, 0, 0, offset, size, link, 0, 4, 0)
    struct.pack_into("<I", program, 32, table)
    struct.pack_into("<HHH", program, 46, 40, 5, 4)
    return bytes(program), places[0][0], places[0][1]


def test_hashes_of_the_names_are_not_opaque() -> None:
    program, _, size = with_hashes()
    assert size > 8192
    assert opaque(program) == []


@pytest.mark.parametrize("place", [0, 4, 8, 16, 300, 2400, 12_000, -4])
def test_one_other_word_makes_the_hashes_opaque(place: int) -> None:
    program, at, size = with_hashes()
    changed = bytearray(program)
    changed[at + place % size] ^= 0x10
    (hit,) = opaque(bytes(changed))
    assert (hit.offset, hit.length) == (at, size)


def test_a_name_that_differs_makes_the_hashes_opaque() -> None:
    program, _, _ = with_hashes()
    assert len(opaque(program.replace(b"_77\0", b"_78\0"))) == 1


def test_noise_that_is_called_a_hash_section_is_opaque() -> None:
    program, at, size = with_hashes()
    noisy = program[: at + 16] + NOISE[: size - 16] + program[at + size :]
    assert len(opaque(noisy)) == 1


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.binary(max_size=64), st.integers(0, 80), st.integers(0, 80), st.booleans())
def test_broken_tables_never_raise(data: bytes, symbols: int, names: int, little: bool) -> None:
    for bits in (32, 64):
        table = HashTable((0, len(data)), (0, symbols), (names, len(data)), bits, little)
        assert name_hashes(data, table) is False or len(data) >= 16


@pytest.mark.skipif(not Path("/usr/bin/apt-get").exists(), reason="NO ORACLE: no Debian program")
def test_a_real_hash_section_follows_from_its_names() -> None:
    from fwverify.analyse.elfheader import read_header
    from fwverify.analyse.elfsections import elf_sections, hash_tables

    found = 0
    for path in sorted(Path("/usr/lib").glob("*-linux-gnu/lib[a-z]*.so.*"))[:12]:
        content = path.read_bytes()
        if content[:4] != b"\x7fELF":
            continue
        header = read_header(content)
        sections = elf_sections(content, header.bits, little=header.little)
        for table in hash_tables(sections, header.bits, little=header.little):
            found += 1
            assert name_hashes(content, table), path.name
    assert found


def crc_tables(width: int, polynomial: int, tables: int, order: Literal["little", "big"]) -> bytes:
    """Return the tables of a reflected CRC that takes ``tables`` bytes at once."""
    rows = [[0] * 256]
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        rows[0][byte] = value
    for _ in range(tables - 1):
        rows.append([value >> 8 ^ rows[0][value & 255] for value in rows[-1]])
    return b"".join(value.to_bytes(width, order) for row in rows for value in row)


CRC16 = crc_tables(2, 0xA001, 8, "little")
CRC32 = crc_tables(4, 0xEDB88320, 8, "little")
CRC64 = crc_tables(8, 0xC96C5795D7870F42, 4, "big")


@pytest.mark.parametrize("table", [CRC16, CRC32, CRC64, crc_tables(4, 0x82F63B78, 8, "big")])
@pytest.mark.parametrize("before", [0, 8, 1000])
def test_tables_of_checksums_are_not_opaque(table: bytes, before: int) -> None:
    assert opaque(with_section(b"text of it.\n" * 500 + bytes(before) + table * 2)) == []


@pytest.mark.parametrize("table", [CRC32, CRC64])
def test_a_table_that_is_not_quite_linear_is_opaque(table: bytes) -> None:
    spoilt = bytearray(table * 2)
    for at in range(16, len(spoilt), 512):
        spoilt[at] ^= 1
    (hit,) = opaque(with_section(bytes(spoilt)))
    assert hit.capability == "evade.packed"


def test_tables_hide_no_payload_between_them() -> None:
    (hit,) = opaque(with_section(CRC32 + NOISE[:4096] + CRC32))
    assert hit.capability == "evade.packed"


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(0, 4096))
def test_only_whole_tables_are_blanked(seed: int, start: int) -> None:
    """What is set to zero is made of eight words; random bytes stay, wherever they begin."""
    noise = random.Random(seed).randbytes(4096)
    content = noise + CRC32 + noise
    left = without_linear(content, start, start + 4096)
    kept = max(0, 4096 - start)
    assert left[:kept] == noise[start : start + kept]
    assert not any(left[kept:])
    assert len(left) == 4096

"""Streams: exact ends, exact content, bombs that stop, damage that is said."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.limits import Limits
from tests.unpack.helpers import BROKEN, Bench, codes, is_broken, kinds, noise, rules, sha

TEXT = b"some content\n" * 500


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def _lz4(data: bytes) -> bytes:
    return lz4.frame.compress(data, content_checksum=True)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
    "lz4": _lz4,
}
ALL = PACKERS | {"lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE)}


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("data", [TEXT, noise(300_000), bytes(3_000_000)])
def test_content_comes_out_exactly(bench: Bench, name: str, data: bytes) -> None:
    opened = bench.open(ALL[name](data))
    (entry,) = opened.entries
    assert (opened.format, opened.complete) == (name, True)
    assert (entry.name, entry.kind, entry.sha256, entry.size) == (
        b"data", "stream", sha(data), len(data),
    )  # fmt: skip
    assert not entry.stored
    assert set(kinds(opened)) <= {"extracted", "parsed"}


@pytest.mark.parametrize("name", PACKERS)
def test_streams_in_sequence_are_one_content(bench: Bench, name: str) -> None:
    pack = PACKERS[name]
    opened = bench.open(pack(b"first ") + pack(b"second"))
    assert bench.content(opened, b"data") == b"first second"
    assert set(kinds(opened)) <= {"extracted", "parsed"}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("tail", [noise(37), b"\x00\x01\x02" * 9])
def test_trailing_bytes_are_unexplained(bench: Bench, name: str, tail: bytes) -> None:
    packed = ALL[name](TEXT)
    opened = bench.open(packed + tail)
    assert kinds(opened)["unexplained"] == len(tail)
    assert opened.regions[-1].start == len(packed)
    assert bench.content(opened, b"data") == TEXT


@pytest.mark.parametrize("name", ALL)
def test_truncation_anywhere_is_never_complete(bench: Bench, name: str) -> None:
    packed = ALL[name](noise(2000))
    assert bench.open(packed).complete
    for length in [*range(14, len(packed), 61), *range(len(packed) - 12, len(packed))]:
        opened = bench.open(packed[:length])
        unread = opened.format == "unknown" and set(kinds(opened)) == {"unexplained"}
        assert unread or codes(opened) & BROKEN, length


@pytest.mark.parametrize("name", PACKERS)
def test_a_flipped_bit_is_never_silent(bench: Bench, name: str) -> None:
    packed = PACKERS[name](TEXT)
    for at in range(0, len(packed), max(1, len(packed) // 60)):
        changed = bytearray(packed)
        changed[at] ^= 0x10
        opened = bench.open(bytes(changed))
        same = [entry.sha256 for entry in opened.entries] == [sha(TEXT)]
        assert same or not opened.complete or "unexplained" in kinds(opened), at


@pytest.mark.parametrize("name", ALL)
def test_a_bomb_stops_at_its_bound(name: str) -> None:
    bench = Bench(Limits(ratio=20, ratio_free_bytes=100_000))
    opened = bench.open(ALL[name](bytes(8_000_000)))
    assert codes(opened) == {"limit.ratio"}
    assert "limits.ratio" in opened.problems[0].text
    assert opened.entries == ()


def test_an_xz_bomb_of_305_kilobytes_stops_under_the_default_limits() -> None:
    packed = lzma.compress(bytes(1 << 26)) * 32  # two GiB of zeros
    assert 290_000 < len(packed) < 330_000
    bench = Bench()
    opened = bench.open(packed)
    assert codes(opened) == {"limit.ratio"}
    assert opened.entries == ()


def test_the_total_bound_has_its_own_name() -> None:
    bench = Bench(Limits(bytes_out=50_000))
    assert codes(bench.open(_gzip(bytes(60_000)))) == {"limit.bytes_out"}


def test_a_dictionary_past_the_bound_is_a_limit(bench: Bench) -> None:
    packed = bytearray(lzma.compress(TEXT, format=lzma.FORMAT_ALONE))
    packed[1:5] = struct.pack("<I", 1 << 31)
    assert codes(bench.open(bytes(packed))) == {"limit.memory_bytes"}


def test_what_was_decoded_before_the_fault_is_kept(bench: Bench) -> None:
    packed = _gzip(b"first part ") + _gzip(noise(5000))[:-9]
    opened = bench.open(packed)
    assert is_broken(opened)
    assert bench.content(opened, b"data").startswith(b"first part ")
    assert opened.entries[0].extents == ()


@pytest.mark.parametrize(
    ("at", "value", "field"),
    [(-8, 0x55, "CRC32"), (-4, 0x55, "ISIZE"), (3, 0xE0, "FLG")],
)
def test_gzip_fields_that_lie_are_named(bench: Bench, at: int, value: int, field: str) -> None:
    packed = bytearray(_gzip(TEXT))
    packed[at] ^= value
    opened = bench.open(bytes(packed))
    assert [each.evidence for each in opened.observations] == [
        (f"field:{field}", "format:gzip")[::-1]
    ]


def test_gzip_header_fields_are_parsed_or_unexplained(bench: Bench) -> None:
    deflated = zlib.compressobj(wbits=-15)
    body = deflated.compress(TEXT) + deflated.flush()
    trailer = struct.pack("<II", zlib.crc32(TEXT), len(TEXT))
    head = b"\x1f\x8b\x08\x1c" + struct.pack("<IBB", 77, 0, 3)
    secret = noise(50, seed=3)
    packed = head + struct.pack("<H", 50) + secret + b"name.bin\x00comment\x00" + body + trailer
    opened = bench.open(packed)
    assert opened.complete
    assert kinds(opened)["unexplained"] == 50
    assert dict(opened.attributes) == {"gzip_mtime": "77"}


@pytest.mark.parametrize("name", ["zstd", "lz4"])
def test_skippable_frames_are_skipped_and_unexplained(bench: Bench, name: str) -> None:
    skippable = b"\x53\x2a\x4d\x18" + struct.pack("<I", 30) + noise(30)
    pack = PACKERS[name]
    opened = bench.open(skippable + pack(b"a") + skippable + pack(b"b"))
    assert opened.format == name
    assert bench.content(opened, b"data") == b"ab"
    assert kinds(opened)["unexplained"] == 2 * len(skippable)


def test_xz_stream_padding_is_padding(bench: Bench) -> None:
    opened = bench.open(lzma.compress(b"a") + bytes(8) + lzma.compress(b"b") + bytes(4))
    assert bench.content(opened, b"data") == b"ab"
    assert kinds(opened)["padding"] == 12


@pytest.mark.parametrize("name", [noise(60).replace(b"\x00", b"\x01"), b"n" * 300])
def test_a_gzip_name_that_is_none_is_unexplained(bench: Bench, name: bytes) -> None:
    plain = _gzip(TEXT)
    packed = plain[:3] + b"\x08" + plain[4:10] + name + b"\x00" + plain[10:]
    opened = bench.open(packed)
    assert opened.complete
    assert kinds(opened)["unexplained"] == len(name)


def test_text_that_begins_like_a_stream_is_text(bench: Bench) -> None:
    opened = bench.open(b"BZh is how a bzip2 file begins\n")
    assert (opened.format, opened.complete) == ("text", True)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.sampled_from(sorted(ALL)), st.binary(max_size=400), st.data())
def test_mutations_neither_crash_nor_break_the_sums(
    name: str, content: bytes, data: st.DataObject
) -> None:
    packed = bytearray(ALL[name](content))
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    opened = Bench().open(bytes(packed))
    assert "unpack.unknown" not in rules(opened)

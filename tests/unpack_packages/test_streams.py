import shutil
import struct
import subprocess
import zlib

import brotli
import lz4.block
import pytest

from fwverify.limits import Limits
from fwverify.unpack.boot.lz4legacy import LZ4_LEGACY
from fwverify.unpack.packages.streams_small import BROTLI, COMPRESS, LZIP, ZLIB
from tests.unpack.helpers import Bench, codes, kinds, noise
from tests.unpack_packages.helpers import (
    never_complete_when_cut,
    never_raises_when_flipped,
    opened_by,
)

TEXT = b"".join(b"line %d of a meter's log\n" % number for number in range(3000))


def tool(command, data, package):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed (Debian package {package})")
    done = subprocess.run(command, input=data, capture_output=True)
    assert done.returncode in (0, 2)  # 2: compress could not make it smaller
    return done.stdout


def lzip_member(data, crc=None):
    import lzma

    alone = lzma.compress(data, lzma.FORMAT_ALONE,
                          filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 65536}])  # fmt: skip
    body = b"LZIP\x01\x10" + alone[13:]
    crc = zlib.crc32(data) if crc is None else crc
    return body + struct.pack("<IQQ", crc, len(data), len(body) + 20)


def lz4_legacy(data):
    result = b"\x02\x21\x4c\x18"
    for at in range(0, len(data), 8 << 20):
        block = lz4.block.compress(data[at : at + (8 << 20)], store_size=False)
        result += struct.pack("<I", len(block)) + block
    return result


def lzw(data, widest=16):
    """As compress writes it, without ever clearing the table."""
    table, width, free = {bytes((v,)): v for v in range(256)}, 9, 257
    groups, group, word = bytearray(), [], b""

    def close():
        nonlocal group
        bits = sum(code << width * at for at, code in enumerate(group))
        groups.extend(bits.to_bytes(width, "little"))
        group = []

    def put(code):
        group.append(code)
        if len(group) == 8:
            close()

    for value in data:
        longer = word + bytes((value,))
        if longer in table:
            word = longer
            continue
        put(table[word])
        if free < 1 << widest:
            table[longer] = free
            free += 1
        if free > 1 << width and width < widest:
            if group:
                close()
            width += 1
        word = bytes((value,))
    if word:
        put(table[word])
    bits = sum(code << width * at for at, code in enumerate(group))
    groups.extend(bits.to_bytes(-(-len(group) * width // 8), "little"))
    return b"\x1f\x9d" + bytes((0x80 | widest,)) + bytes(groups)


CASES = [
    (LZIP, lzip_member(TEXT)),
    (LZ4_LEGACY, lz4_legacy(TEXT)),
    (COMPRESS, lzw(TEXT)),
    (ZLIB, zlib.compress(TEXT, 9)),
]
IDS = [fmt.name for fmt, _ in CASES]


@pytest.mark.parametrize(("fmt", "data"), CASES, ids=IDS)
def test_content_comes_out_and_every_byte_is_extracted(fmt, data):
    bench = Bench()
    opened = bench.open(data)
    assert (opened.format, opened.complete) == (fmt.name, True)
    assert bench.content(opened, b"data") == TEXT
    assert kinds(opened) == {"extracted": len(data)}


@pytest.mark.parametrize(
    ("fmt", "command"),
    [
        (LZIP, ["lzip", "-c"]), (LZ4_LEGACY, ["lz4", "-l", "-c"]), (COMPRESS, ["compress", "-c"]),
        (COMPRESS, ["compress", "-b", "10", "-c"]), (COMPRESS, ["compress", "-b", "13", "-c"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 300, 40_000, 400_000])
def test_what_the_tools_write_is_read(fmt, command, size):
    plain = (TEXT * 6)[: size // 2] + bytes(noise(size // 2 + 1))
    data = tool(command, plain, {"compress": "ncompress"}.get(command[0], command[0]))
    if data == plain or not data:
        pytest.skip("the tool refused to make it smaller")
    bench = Bench()
    opened = bench.open(data)
    assert opened.complete
    assert bench.content(opened, b"data") == plain


@pytest.mark.parametrize(("fmt", "data"), CASES[:1] + CASES[3:], ids=["lzip", "zlib"])
def test_truncation_is_never_complete(fmt, data):
    never_complete_when_cut(fmt, data, step=max(1, len(data) // 150))
    assert not Bench().open(data[:-1]).complete


def test_a_cut_lz4_block_is_incomplete():
    data = lz4_legacy(TEXT)
    never_complete_when_cut(LZ4_LEGACY, data, step=37)


def test_a_checksum_that_is_wrong_is_incomplete():
    opened = Bench().open(lzip_member(TEXT, crc=1))
    assert not opened.complete
    assert "CRC32" in opened.problems[0].text
    spoiled = zlib.compress(TEXT)[:-1] + b"\x00"
    assert not Bench().open(spoiled).complete


def test_members_of_lzip_are_one_content_and_a_tail_is_unexplained():
    bench = Bench()
    opened = bench.open(lzip_member(b"a" * 99) + lzip_member(b"b" * 99) + noise(64))
    assert bench.content(opened, b"data") == b"a" * 99 + b"b" * 99
    assert kinds(opened)["unexplained"] == 64


def test_a_second_lzip_member_that_is_broken_keeps_the_first():
    opened = Bench().open(lzip_member(b"a" * 99) + lzip_member(b"b" * 99, crc=7))
    assert not opened.complete
    assert opened.entries[0].size == 198


@pytest.mark.parametrize("coded", [0x00, 0x0B, 0x1E, 0x1F])
def test_a_dictionary_that_lzip_does_not_have_is_malformed(coded):
    data = bytearray(lzip_member(TEXT))
    data[5] = coded
    assert opened_by(LZIP, bytes(data)) is None


@pytest.mark.parametrize("size", [0xFFFFFFFF, 9 << 20, 0x7FFFFFFF])
def test_an_lz4_block_larger_than_any_is_malformed(size):
    assert opened_by(LZ4_LEGACY, b"\x02\x21\x4c\x18" + struct.pack("<I", size) + bytes(50)) is None


def test_the_kernels_size_behind_lz4_stays_visible():
    opened = Bench().open(lz4_legacy(TEXT) + struct.pack("<I", len(TEXT)))
    assert kinds(opened)["unexplained"] == 4


@pytest.mark.parametrize("flags", [0x88, 0x91, 0xB0, 0xF0, 0x00])
def test_compress_flags_that_do_not_exist_are_not_read(flags):
    data = b"\x1f\x9d" + bytes((flags,)) + lzw(TEXT)[3:]
    assert not COMPRESS.recognise(data, "x")
    assert opened_by(COMPRESS, data) is None


def test_a_code_that_cannot_exist_yet_is_incomplete():
    bits = (ord("a") | 400 << 9).to_bytes(3, "little")
    assert opened_by(COMPRESS, b"\x1f\x9d\x90" + bits) is None
    assert opened_by(COMPRESS, b"\x1f\x9d\x90" + (300).to_bytes(2, "little")) is None


def test_a_compress_table_is_bounded(monkeypatch):
    monkeypatch.setattr("fwverify.unpack.packages.lzw._MAX_TABLE_BYTES", 10_000)
    assert codes(Bench().open(lzw(b"\0" * 200_000))) == {"limit.memory_bytes"}


@pytest.mark.parametrize(("fmt", "data"), CASES, ids=IDS)
def test_flips_never_raise_and_checksums_hold(fmt, data):
    if fmt in (LZIP, ZLIB):
        bench = Bench()
        (good,) = [each.sha256 for each in bench.open(data).entries]
        never_raises_when_flipped(
            fmt,
            data,
            60,
            good=lambda opened: not opened.entries or opened.entries[0].sha256 == good,
        )
    else:
        never_raises_when_flipped(fmt, data, 60)


@pytest.mark.parametrize(
    "data", [b"", b"\x78", b"\x78\x9c", b"\x78\x9c" + noise(300), b"x\x01" * 40]
)
def test_what_is_no_zlib_stream(data):
    assert not ZLIB.recognise(data, "x")


def test_a_brotli_stream_is_known_by_its_name_and_opens_whole():
    bench = Bench()
    data = brotli.compress(TEXT)
    opened = bench.open(data, "file.br")
    assert opened.format == BROTLI.name
    assert opened.complete
    assert bench.content(opened, b"data") == TEXT
    assert bench.open(data, "file.bin").format != BROTLI.name


@pytest.mark.parametrize(
    "spoil", [lambda d: d[:-1], lambda d: d[: len(d) // 2], lambda d: d + b"x"]
)
def test_a_cut_or_followed_brotli_stream_is_incomplete(spoil):
    opened = Bench().open(spoil(brotli.compress(TEXT)), "file.br")
    assert not opened.complete


def test_a_brotli_bomb_meets_the_bound():
    limits = Limits(ratio=10, ratio_free_bytes=1 << 20)
    opened = Bench(limits).open(brotli.compress(bytes(4 << 20)), "file.br")
    assert "limit.ratio" in codes(opened)


def test_a_large_brotli_stream_opens_whole():
    bench = Bench()
    content = b"".join(noise(9000, seed) * 40 for seed in range(20))
    opened = bench.open(brotli.compress(content, quality=4), "file.br")
    assert opened.complete
    assert bench.content(opened, b"data") == content

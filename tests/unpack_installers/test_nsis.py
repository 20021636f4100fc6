"""NSIS installers: what must be said, then what comes out."""

from __future__ import annotations

import lzma
import random
import shutil
import struct
import subprocess
import zlib

import pytest

from fwverify.reader import Malformed
from fwverify.unpack.installers.nsis import MAGIC, NSIS
from fwverify.unpack.installers.nsis_script import read_script
from tests.unpack.helpers import Bench, codes, kinds, noise, rules, sha, unpack_all

APP, BIG = b"hello application\n", noise(6000, 7)


def script(*entries, strings=("",)):
    """A header of ``entries`` and the string table ``strings`` (bytes, no codes)."""
    table = b"".join(each.encode() + b"\0" for each in strings)
    body = b"".join(struct.pack("<7I", *(*entry, *[0] * (7 - len(entry)))) for entry in entries)
    start = 4 + 64
    places = [(0, 0)] * 8
    places[2] = (start, len(entries))
    places[3] = (start + len(body), 0)
    places[4] = (start + len(body) + len(table), 0)
    return struct.pack("<I", 0) + b"".join(struct.pack("<2I", *at) for at in places) + body + table


HEADER = script((20, 0, 1, 0), (20, 0, 9, 4 + len(APP)), strings=("", "app.txt", "big.bin"))


def deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def lzma_packed(data):
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
    packer = lzma.LZMACompressor(format=lzma.FORMAT_RAW, filters=filters)
    return b"\x5d" + struct.pack("<I", 1 << 16) + packer.compress(data) + packer.flush()


def first(data, header=HEADER, flags=0, total=None):
    total = 28 + len(data) + 4 if total is None else total
    return (
        struct.pack("<I", flags) + MAGIC + struct.pack("<2I", len(header), total) + data + b"CRC!"
    )


def separate(*blocks, header=HEADER, pack=deflate):
    rows = b""
    for data, packed in ((header, True), *blocks):
        content = pack(data) if packed else data
        rows += struct.pack("<I", len(content) | (0x80000000 if packed else 0)) + content
    return first(rows, header)


def solid(*blocks, header=HEADER, pack=lzma_packed):
    plain = b"".join(struct.pack("<I", len(data)) + data for data in (header, *blocks))
    return first(pack(plain), header)


def hashes(opened):
    return {entry.name: entry.sha256 for entry in opened.entries}


def test_a_block_that_no_instruction_names_comes_out_and_is_said():
    opened = Bench().open(separate((APP, False), (BIG, True), (b"unnamed", False)))
    assert "nsis.unnamed" in rules(opened)
    assert hashes(opened)[b"@block-2"] == sha(b"unnamed")


def test_a_block_longer_than_the_data_is_malformed():
    rows = struct.pack("<I", 0x80000000 | len(deflate(HEADER))) + deflate(HEADER)
    opened = Bench().open(first(rows + struct.pack("<I", 1 << 30) + b"x"))
    assert "format.malformed" in codes(opened) or "truncated" in codes(opened)


def test_a_block_that_does_not_decode_leaves_its_bytes_unexplained():
    rows = struct.pack("<I", 0x80000000 | len(deflate(HEADER))) + deflate(HEADER)
    opened = Bench().open(first(rows + struct.pack("<I", 0x80000000 | 600) + b"\xff" + BIG[:599]))
    assert not opened.complete
    assert kinds(opened)["unexplained"] == 600


def test_bytes_behind_a_stream_inside_its_block_are_unexplained():
    content = deflate(APP) + b"smuggled bytes"
    rows = struct.pack("<I", 0x80000000 | len(deflate(HEADER))) + deflate(HEADER)
    opened = Bench().open(first(rows + struct.pack("<I", 0x80000000 | len(content)) + content))
    assert kinds(opened)["unexplained"] == len(b"smuggled bytes")


def test_a_solid_stream_that_ends_inside_a_block_is_malformed():
    plain = struct.pack("<I", len(HEADER)) + HEADER + struct.pack("<I", 99) + b"short"
    opened = Bench().open(first(lzma_packed(plain)))
    assert not opened.complete
    assert kinds(opened)["unexplained"] > 0


def test_bytes_behind_a_solid_stream_are_unexplained():
    plain = struct.pack("<I", len(HEADER)) + HEADER
    opened = Bench().open(first(lzma_packed(plain) + b"smuggled"))
    assert kinds(opened)["unexplained"] == len(b"smuggled")


@pytest.mark.parametrize("packed", [b"\x31\x00\x0c", b"\x31\x03\x00"])
def test_bzip2_of_nsis_is_incomplete_by_name(packed):
    assert codes(Bench().open(first(packed + noise(300)))) == {"unsupported"}


@pytest.mark.parametrize(
    "change",
    [{"flags": 0x4000}, {"total": 3}, {"header": b""}, {"total": 1 << 30}],
)
def test_a_hostile_first_header_is_incomplete(change):
    rows = struct.pack("<I", 0x80000000 | len(deflate(HEADER))) + deflate(HEADER)
    assert not Bench().open(first(rows, **change)).complete


def test_an_absurd_dictionary_is_refused():
    data = bytearray(lzma_packed(struct.pack("<I", len(HEADER)) + HEADER))
    data[1:5] = struct.pack("<I", 0xC0000000)
    assert not Bench().open(first(bytes(data))).complete


@pytest.mark.parametrize("more", [-4, 4])
def test_a_header_of_another_length_than_stated_is_malformed(more):
    rows = struct.pack("<I", 0x80000000 | len(deflate(HEADER))) + deflate(HEADER)
    stated = bytearray(first(rows))
    struct.pack_into("<I", stated, 20, len(HEADER) + more)
    opened = Bench().open(bytes(stated))
    assert codes(opened) == {"format.malformed"}
    assert "script" not in str(opened.entries)


@pytest.mark.parametrize("cut", [0, 30, 67, 80])
def test_a_cut_script_raises(cut):
    with pytest.raises(Malformed):
        read_script(HEADER[:cut])


@pytest.mark.parametrize("at", [4 + 8 * 2 + 4, 4 + 8 * 2, 4 + 8 * 3, 4 + 8 * 4])
def test_absurd_places_in_the_script_raise(at):
    changed = bytearray(HEADER)
    struct.pack_into("<I", changed, at, 0x7FFFFFFF)
    with pytest.raises(Malformed):
        read_script(bytes(changed))


def test_what_the_script_runs_and_loads_is_said():
    strings = ("", "cmd /c calc", "https://evil.example/a.exe")
    header = script((41, 1), strings=strings)
    opened = Bench().open(separate(header=header))
    assert {"nsis.runs", "nsis.download"} <= rules(opened)


def test_a_name_that_leaves_its_folder_is_evasion():
    header = script((20, 0, 1, 0), strings=("", "..\\..\\evil.exe"))
    assert "unpack.evasion.name" in rules(Bench().open(separate((APP, False), header=header)))


@pytest.mark.parametrize("data", [separate((APP, False), (BIG, True)), solid(APP, BIG)])
def test_every_prefix_is_incomplete(data):
    for end in range(21, len(data), 211):
        opened = Bench().open(data[:end])
        assert not opened.complete


@pytest.mark.parametrize("data", [separate((APP, False), (BIG, True)), solid(APP, BIG)])
def test_flipped_bytes_never_raise(data):
    chance, bench = random.Random(3), Bench()
    for _ in range(25):
        changed = bytearray(data)
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        bench.open(bytes(changed))


@pytest.mark.parametrize(
    "data",
    [
        separate((APP, False), (BIG, True)),
        separate((APP, True), (BIG, True), pack=lzma_packed),
        solid(APP, BIG),
        solid(APP, BIG, pack=deflate),
    ],
    ids=["deflate", "lzma", "solid lzma", "solid deflate"],
)
def test_every_block_and_every_byte(data):
    opened = Bench().open(data)
    assert opened.complete
    assert "unexplained" not in kinds(opened)
    assert hashes(opened)[b"app.txt"] == sha(APP)
    assert sha(BIG) in hashes(opened).values()


def test_the_format_is_named():
    assert NSIS.recognise(solid(), "")
    assert not NSIS.recognise(MAGIC, "")


@pytest.mark.skipif(
    shutil.which("makensis") is None,
    reason="FORMAT NOT TESTED: makensis is absent (Debian: nsis)",
)
@pytest.mark.parametrize("method", ["zlib", "/SOLID zlib", "lzma", "/SOLID lzma"])
def test_makensis_programs_give_their_files(method, tmp_path):
    (tmp_path / "app.txt").write_bytes(APP)
    (tmp_path / "big.bin").write_bytes(BIG)
    (tmp_path / "a.nsi").write_text(
        f'Name "A"\nOutFile "a.exe"\nSetCompressor {method}\nSection\nSetOutPath $INSTDIR\\sub\n'
        "File app.txt\nFile big.bin\nExec '$INSTDIR\\sub\\x.exe /q'\nSectionEnd\n"
    )
    subprocess.run(["makensis", "-V1", "a.nsi"], cwd=tmp_path, check=True, timeout=60)
    unpacked = unpack_all(("a.exe", (tmp_path / "a.exe").read_bytes()))
    found = {placed.node.path.rpartition("!/")[2]: placed.node.sha256 for placed in unpacked.nodes}
    assert found["$INSTDIR/sub/app.txt"] == sha(APP)
    assert found["$INSTDIR/sub/big.bin"] == sha(BIG)
    assert "nsis.runs" in {finding.rule for finding in unpacked.findings}

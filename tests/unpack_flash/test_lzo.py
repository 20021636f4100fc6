import struct
import zlib

import lzallright
import pytest

from fwverify.reader import Malformed
from fwverify.unpack import lzo
from fwverify.unpack.flash.lzop import LZOP, MAGIC
from tests.unpack.helpers import codes, kinds, noise, rules, sha
from tests.unpack_flash.shared import (
    named,
    needs,
    never_complete_when_cut,
    never_silently_different,
    opener,
    run,
)

OPEN = opener(LZOP)
TEXT = b"configuration\n" * 400


def pack(data):
    return bytes(lzallright.LZOCompressor().compress(data))


def block(content, packed=None, *, flags=0x3, sums=0):
    packed = pack(content) if packed is None else packed
    made = struct.pack(">II", len(content), len(packed))
    made += struct.pack(">I", zlib.adler32(content) ^ sums) if flags & 1 else b""
    if len(packed) < len(content) and flags & 2:
        made += struct.pack(">I", zlib.adler32(packed) ^ sums)
    return made + packed


def member(*blocks, name=b"file.txt", flags=0x3, method=1, end=True, mode=0o100755, sums=0):
    head = struct.pack(">HHHBBIIIIB", 0x1030, 0x20A0, 0x940, method, 5, flags, mode, 77, 0,
                       len(name)) + name  # fmt: skip
    head += struct.pack(">I", zlib.adler32(head) ^ sums)
    return MAGIC + head + b"".join(blocks) + (bytes(4) if end else b"")


# --- blocks --------------------------------------------------------------------------


def test_a_block_says_how_many_bytes_it_used():
    packed = pack(TEXT)
    assert lzo.decompress(packed, len(TEXT), 0, "x") == (TEXT, len(packed))
    assert lzo.decompress(packed + b"behind", len(TEXT), 0, "x") == (TEXT, len(packed))


@pytest.mark.parametrize("data", [b"", b"\x11", noise(100), pack(TEXT)[:-4], b"\x00" * 50])
def test_what_does_not_decode_is_malformed(data):
    with pytest.raises(Malformed) as error:
        lzo.decompress(data, 1 << 20, 7, "here")
    assert (error.value.offset, error.value.field) == (7, "here")


def test_more_than_the_bound_is_malformed():
    with pytest.raises(Malformed, match="grows"):
        lzo.decompress(pack(TEXT), len(TEXT) - 1, 0, "x")


def test_what_could_grow_past_every_bound_is_not_even_tried():
    with pytest.raises(Malformed, match="could grow"):
        lzo.decompress(bytes(2 << 20), 1 << 20, 0, "x")


# --- lzop ----------------------------------------------------------------------------


def test_a_member_comes_out_with_its_facts():
    opened = OPEN(member(block(TEXT), block(b"stored", b"stored")))
    entry = named(opened)[b"file.txt"]
    assert opened.complete
    assert not opened.observations
    assert (entry.sha256, entry.mode, entry.mtime) == (sha(TEXT + b"stored"), 0o755, 77)
    assert kinds(opened).get("unexplained", 0) == 0


def test_members_follow_each_other():
    opened = OPEN(member(block(TEXT), name=b"one") + member(block(b"two" * 9), name=b"two"))
    assert set(named(opened)) == {b"one", b"two"}
    assert opened.complete


@pytest.mark.parametrize(
    "data",
    [
        member(block(TEXT, sums=1)),
        member(block(TEXT), end=False),
        member(block(TEXT, noise(50))),
        member(block(TEXT), sums=1),
        member(block(TEXT), method=9),
        member(block(TEXT), flags=0x403),
        member(struct.pack(">IIII", 5, 9, 0, 0) + bytes(9)),
        member(struct.pack(">IIII", 1 << 31, 9, 0, 0) + bytes(9)),
        member(struct.pack(">II", 20, 20) + struct.pack(">I", 5) + bytes(20)),
    ],
)
def test_a_member_that_breaks_the_rules_is_incomplete(data):
    assert not OPEN(data).complete


def test_bytes_behind_a_block_or_a_member_are_seen():
    packed = pack(TEXT) + b"smuggled"
    opened = OPEN(member(block(TEXT, packed)))
    assert "lzop.block_slack" in rules(opened)
    assert kinds(opened)["unexplained"] == 8
    assert kinds(OPEN(member(block(TEXT)) + noise(30)))["unexplained"] == 30


def test_a_hostile_name_is_evasion():
    assert "unpack.evasion.name" in rules(OPEN(member(block(TEXT), name=b"../../x")))


def test_a_cut_file_is_never_complete():
    never_complete_when_cut(LZOP, member(block(TEXT)), 3, 10)


def test_a_flipped_byte_is_never_silent():
    never_silently_different(LZOP, member(block(TEXT)), 1)


@needs("lzop")
@pytest.mark.parametrize("options", [(), ("-9",), ("--crc32",), ("-F",)])
def test_what_lzop_wrote_comes_out_again(options, tmp_path):
    content = TEXT * 100 + noise(300_000)
    (tmp_path / "data").write_bytes(content)
    run("lzop", "-q", *options, "-o", tmp_path / "made", tmp_path / "data")
    opened = OPEN((tmp_path / "made").read_bytes())
    assert opened.complete
    assert codes(opened) == set()
    assert named(opened)[b"data"].sha256 == sha(content)
    assert kinds(opened).get("unexplained", 0) == 0

"""RAR archives: what must be said, then what comes out."""

from __future__ import annotations

import random
import struct
import zlib

import pytest

from fwverify.reader import Malformed
from fwverify.unpack.installers.rar_headers import MAGIC_4, MAGIC_5, read_blocks
from tests.unpack.helpers import Bench, codes, is_broken, kinds, noise, rules, sha

CONTENT = noise(3000, 21)


def vint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def block_5(kind, body=b"", *, data=b"", extra=b"", flags=0):
    flags |= (1 if extra else 0) | (2 if data else 0)
    head = vint(kind) + vint(flags)
    head += (vint(len(extra)) if extra else b"") + (vint(len(data)) if data else b"") + body + extra
    sized = vint(len(head)) + head
    return struct.pack("<I", zlib.crc32(sized)) + sized + data


def file_5(name, data=CONTENT, *, method=0, crc=None, size=None, flags=0, extra=b"", mode=0o100755):
    crc = zlib.crc32(data) if crc is None else crc
    body = vint(4) + vint(len(data) if size is None else size) + vint(mode)
    body += struct.pack("<I", crc) + vint(method << 7) + vint(1) + vint(len(name)) + name
    return block_5(2, body, data=data, extra=extra, flags=flags)


MAIN_5, END_5 = block_5(1, vint(0)), block_5(5, vint(0))


def rar_5(*blocks):
    return MAGIC_5 + MAIN_5 + b"".join(blocks) + END_5


def block_4(code, body=b"", *, flags=0, data=b""):
    rest = struct.pack("<BHH", code, flags, 7 + len(body)) + body
    return struct.pack("<H", zlib.crc32(rest) & 0xFFFF) + rest + data


def file_4(name, data=CONTENT, *, method=0x30, crc=None, flags=0):
    crc = zlib.crc32(data) if crc is None else crc
    body = struct.pack(
        "<IIBIIBBHI", len(data), len(data), 3, crc, 0, 29, method, len(name), 0o100644
    )
    return block_4(0x74, body + name, flags=0x8000 | flags, data=data)


def rar_4(*blocks, main=0):
    return MAGIC_4 + block_4(0x73, bytes(6), flags=main) + b"".join(blocks) + block_4(0x7B)


BOTH = [(rar_5, file_5), (rar_4, file_4)]


@pytest.mark.parametrize(("archive", "member"), BOTH)
def test_a_content_that_its_crc_does_not_fit_is_dropped(archive, member):
    opened = Bench().open(archive(member(b"a", crc=1), member(b"b")))
    entries = {entry.name: entry.sha256 for entry in opened.entries}
    assert entries == {b"a": None, b"b": sha(CONTENT)}
    assert not opened.complete
    assert kinds(opened)["unexplained"] == len(CONTENT)


@pytest.mark.parametrize(("archive", "member"), BOTH)
def test_bytes_behind_the_end_block_are_unexplained(archive, member):
    opened = Bench().open(archive(member(b"a")) + b"smuggled")
    assert kinds(opened)["unexplained"] == len(b"smuggled")


def test_an_encrypted_file_is_said():
    extra = vint(2) + vint(1) + b"x"
    assert codes(Bench().open(rar_5(file_5(b"a", extra=extra)))) == {"encrypted"}
    assert codes(Bench().open(rar_4(file_4(b"a", flags=4)))) == {"encrypted"}


def test_encrypted_headers_are_said():
    assert codes(Bench().open(MAGIC_5 + block_5(4, b"\0\0") + noise(99))) == {"encrypted"}
    assert codes(Bench().open(rar_4(main=0x80))) == {"encrypted"}


@pytest.mark.parametrize("flags", [0x08, 0x10])
def test_a_part_of_a_set_is_incomplete(flags):
    assert codes(Bench().open(rar_5(file_5(b"a", flags=flags)))) == {"missing.volume"}


@pytest.mark.parametrize("flags", [1, 2])
def test_a_part_of_a_set_of_version_4_is_incomplete(flags):
    assert codes(Bench().open(rar_4(file_4(b"a", flags=flags)))) == {"missing.volume"}


@pytest.mark.parametrize(
    ("archive", "member"),
    [
        (rar_5, lambda: file_5(b"a", noise(90), method=3)),
        (rar_4, lambda: file_4(b"a", noise(90), method=0x33)),
    ],
)
def test_packed_content_that_does_not_decode_is_incomplete(archive, member):
    opened = Bench().open(archive(member()))
    assert not opened.complete
    assert opened.entries[0].sha256 is None
    assert "extracted" not in kinds(opened)


def test_a_missing_decoder_is_said(monkeypatch):
    monkeypatch.setattr("fwverify.unpack.installers.rar.bundled", lambda: None)
    opened = Bench().open(rar_5(file_5(b"a", noise(90), method=3)))
    assert "tool.missing" in codes(opened)


def test_an_absurd_size_is_a_limit_and_starts_no_program():
    opened = Bench().open(rar_5(file_5(b"a", noise(90), method=3, size=1 << 60)))
    assert "limit.ratio" in codes(opened)


@pytest.mark.parametrize("at", [9, 14, 20, 30])
def test_a_changed_header_is_broken(at):
    data = bytearray(rar_5(file_5(b"a")))
    data[at] ^= 0x10
    assert is_broken(Bench().open(bytes(data)))


def test_a_number_without_an_end_is_broken():
    with pytest.raises(Malformed):
        list(read_blocks(MAGIC_5 + b"\0" * 4 + b"\xff" * 20))


def test_hostile_names_are_evasion():
    assert "unpack.evasion.name" in rules(Bench().open(rar_5(file_5(b"../../etc/passwd"))))


def test_links_are_links():
    link = vint(1) + vint(0) + vint(5) + b"/etc/"
    extra = vint(len(vint(5) + link)) + vint(5) + link
    opened = Bench().open(rar_5(file_5(b"l", b"", extra=extra)))
    assert opened.entries[0].kind == "symlink"
    assert opened.entries[0].link == b"/etc/"


@pytest.mark.parametrize(
    "data", [rar_5(file_5(b"a"), file_5(b"b")), rar_4(file_4(b"a"), file_4(b"b"))]
)
def test_every_prefix_is_incomplete(data):
    for end in range(9, len(data), 97):
        assert not Bench().open(data[:end]).complete


@pytest.mark.parametrize("data", [rar_5(file_5(b"a")), rar_4(file_4(b"a"))])
def test_a_flipped_byte_is_never_silent(data):
    chance = random.Random(2)
    for _ in range(30):
        changed = bytearray(data)
        changed[chance.randrange(8, len(data))] ^= 1 << chance.randrange(8)
        opened = Bench().open(bytes(changed))
        assert not opened.complete or opened.format != "rar"


@pytest.mark.parametrize(("archive", "member"), BOTH)
def test_every_file_and_every_byte(archive, member):
    opened = Bench().open(archive(member(b"dir/a"), member(b"b", b"text\n")))
    assert opened.complete
    assert "unexplained" not in kinds(opened)
    entries = {entry.name: entry for entry in opened.entries}
    assert entries[b"dir/a"].sha256 == sha(CONTENT)
    assert entries[b"b"].sha256 == sha(b"text\n")
    assert entries[b"b"].mode == (0o755 if archive is rar_5 else 0o644)

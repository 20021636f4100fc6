"""cpio, ar and Debian packages."""

from __future__ import annotations

import gzip
import lzma

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.archives import (
    CpioItem,
    TarItem,
    ar_archive,
    ar_member,
    cpio_archive,
    tar_archive,
)
from tests.unpack.helpers import Bench, is_broken, kinds, node, noise, rules, sha, unpack_all

GOOD = CpioItem(b"bin/busybox", noise(301), mode=0o104755, uid=3, gid=4)
MAGICS = [b"070701", b"070702", b"070707"]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("magic", MAGICS)
def test_every_dialect_gives_content_mode_and_owner(bench: Bench, magic: bytes) -> None:
    opened = bench.open(cpio_archive(GOOD, CpioItem(b"e"), magic=magic))
    first, empty = opened.entries
    assert (opened.format, opened.complete) == ("cpio", True)
    assert (first.sha256, first.mode, first.uid, first.gid) == (sha(GOOD.data), 0o4755, 3, 4)
    assert (empty.sha256, empty.size) == (sha(b""), 0)
    assert "unexplained" not in kinds(opened)


@pytest.mark.parametrize("magic", MAGICS)
def test_special_files(bench: Bench, magic: bytes) -> None:
    opened = bench.open(
        cpio_archive(
            CpioItem(b"d", mode=0o040755),
            CpioItem(b"l", b"busybox", mode=0o120777),
            CpioItem(b"c", mode=0o020600, rdev=(5, 1)),
            CpioItem(b"p", mode=0o010600),
            magic=magic,
        )
    )
    assert [entry.kind for entry in opened.entries] == ["directory", "symlink", "device", "fifo"]
    assert opened.entries[1].link == b"busybox"
    assert opened.entries[2].device == (5, 1)
    assert opened.complete


def test_names_of_one_inode_are_hard_links_to_its_content(bench: Bench) -> None:
    opened = bench.open(
        cpio_archive(
            CpioItem(b"one", ino=7, nlink=2),
            CpioItem(b"two", b"content", ino=7, nlink=2),
            CpioItem(b"alone", ino=8, nlink=2),
        )
    )
    assert [entry.kind for entry in opened.entries] == ["hardlink", "file", "file"]
    assert opened.entries[0].link == b"two"


@pytest.mark.parametrize("mode", [0o040755, 0o020600, 0o120777])
def test_content_of_what_has_none_is_a_file(bench: Bench, mode: int) -> None:
    opened = bench.open(cpio_archive(CpioItem(b"x", noise(5000), mode=mode)))
    assert opened.entries[0].sha256 == sha(noise(5000))
    assert "unpack.evasion.mismatch" in rules(opened)


def test_the_checksum_of_crc_archives_is_compared(bench: Bench) -> None:
    opened = bench.open(cpio_archive(CpioItem(b"a", b"x", checksum=5), magic=b"070702"))
    assert is_broken(opened)
    assert bench.content(opened, b"a") == b"x"


def test_a_concatenated_initramfs_is_opened_part_by_part() -> None:
    early = cpio_archive(CpioItem(b"microcode.bin", noise(600)))
    main = gzip.compress(cpio_archive(CpioItem(b"init", b"#!/bin/sh\n", mode=0o100755)))
    unpacked = unpack_all(("initrd", early.ljust(2048, b"\x00") + main))
    assert node(unpacked, "initrd!/@0x800.gzip!/data!/init").executable
    assert unpacked.problems == ()


@pytest.mark.parametrize("magic", MAGICS)
def test_truncation_anywhere_is_never_complete(bench: Bench, magic: bytes) -> None:
    archive = cpio_archive(GOOD, CpioItem(b"tail", b"x" * 9), magic=magic)
    end = archive.index(b"TRAILER!!!\x00") + len(b"TRAILER!!!\x00")
    for length in range(6, end, 7):
        assert not bench.open(archive[:length]).complete, length


@pytest.mark.parametrize("at", [6, 14, 54, 94, 95, 101])
def test_a_header_field_that_is_no_number_is_malformed(bench: Bench, at: int) -> None:
    archive = bytearray(cpio_archive(GOOD, GOOD))
    archive[archive.index(b"070701", 6) + at] = ord("g")
    opened = bench.open(bytes(archive))
    assert is_broken(opened)
    assert opened.entries[0].sha256 == sha(GOOD.data)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.data())
def test_mutated_cpio_neither_crashes_nor_breaks_the_sums(data: st.DataObject) -> None:
    magic = data.draw(st.sampled_from(MAGICS))
    archive = bytearray(cpio_archive(CpioItem(b"a", b"xyz"), CpioItem(b"b", b"1"), magic=magic))
    for _ in range(data.draw(st.integers(1, 4))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    Bench().open(bytes(archive))


# --- ar and deb ----------------------------------------------------------------------


def test_short_gnu_and_bsd_names(bench: Bench) -> None:
    opened = bench.open(
        ar_archive(
            (b"/", b"\x00\x00\x00\x00"),
            (b"//", b"a-very-long-member-name.o/\nanother-one.o/\n"),
            (b"/0", b"first"),
            (b"/27", b"second"),
            (b"short.o/", b"third"),
            (b"#1/20", b"bsd-name-of-20-bytesfourth"),
        )
    )
    assert [entry.name for entry in opened.entries[2:]] == [
        b"a-very-long-member-name.o", b"another-one.o", b"short.o", b"bsd-name-of-20-bytes",
    ]  # fmt: skip
    assert bench.content(opened, b"bsd-name-of-20-bytes") == b"fourth"
    assert opened.complete
    assert "unexplained" not in kinds(opened)


def deb() -> bytes:
    control = lzma.compress(tar_archive(TarItem(b"./control", b"Package: x\nVersion: 1\n")))
    data = lzma.compress(tar_archive(TarItem(b"./usr/bin/x", b"#!/bin/sh\n", mode=0o755)))
    return ar_archive(
        (b"debian-binary", b"2.0\n"), (b"control.tar.xz", control), (b"data.tar.xz", data)
    )


def test_a_debian_package_is_opened_to_its_files() -> None:
    unpacked = unpack_all(("x.deb", deb()))
    tool = node(unpacked, "x.deb!/data.tar.xz!/data!/usr/bin/x")
    assert (tool.node.mode, tool.executable, tool.node.format) == (0o755, True, "script")
    assert node(unpacked, "x.deb").node.format == "deb"
    assert unpacked.problems == ()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b"`\n", b"``", 1),
        lambda data: data[:56] + b"9999999999" + data[66:],
        lambda data: data[:56] + b"-1".ljust(10) + data[66:],
        lambda data: data[:60],
        lambda data: b"!<arch>\n" + ar_member(b"/99", b"x"),
        lambda data: b"!<arch>\n" + ar_member(b"#1/99", b"x"),
    ],
)
def test_damaged_ar_is_incomplete(bench: Bench, damage) -> None:
    assert is_broken(bench.open(damage(deb())))


@pytest.mark.parametrize("size", [b"9999999999", b"-1        ", b"0x10      ", b" " * 10])
def test_a_member_size_that_lies_is_named(bench: Bench, size: bytes) -> None:
    data = deb()
    opened = bench.open(data[:56] + size + data[66:])
    assert [each.evidence for each in opened.observations] == [("format:ar", "field:ar_size")]


def test_an_ar_without_members_is_just_its_magic(bench: Bench) -> None:
    assert bench.open(b"!<arch>\n").complete


def test_truncated_ar_is_incomplete_wherever_a_member_is_cut(bench: Bench) -> None:
    archive = ar_archive((b"a", b"12345"), (b"b", noise(200)))
    second = 8 + 60 + 6
    for length in [*range(9, second - 1, 4), *range(second + 1, len(archive), 9)]:
        assert not bench.open(archive[:length]).complete, length


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.integers(8, 200), st.integers(0, 255), st.integers(8, 200), st.integers(0, 255))
def test_mutated_ar_neither_crashes_nor_breaks_the_sums(a: int, b: int, c: int, d: int) -> None:
    archive = bytearray(deb())
    archive[a], archive[c] = b, d
    Bench().open(bytes(archive))

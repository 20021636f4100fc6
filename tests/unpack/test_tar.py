"""tar: headers are the inventory, in every dialect; damage is said."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.archives import (
    TarItem,
    pax_record,
    tar_archive,
    tar_blocks,
    tar_header,
    tar_sign,
)
from tests.unpack.helpers import Bench, codes, is_broken, kinds, noise, rules, sha

GOOD = TarItem(b"etc/init.d/rcS", b"#!/bin/sh\n", mode=0o4755, uid=12, gid=34)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_file_comes_out_with_all_its_header_says(bench: Bench) -> None:
    opened = bench.open(tar_archive(GOOD))
    (entry,) = opened.entries
    assert (opened.format, opened.complete, opened.observations) == ("tar", True, ())
    assert (entry.name, entry.mode, entry.uid, entry.gid) == (b"etc/init.d/rcS", 0o4755, 12, 34)
    assert (entry.mtime, entry.sha256, entry.stored) == (1_700_000_000, sha(GOOD.data), True)
    assert set(kinds(opened)) == {"extracted", "parsed", "padding"}


def test_links_devices_folders_and_pipes_have_no_content(bench: Bench) -> None:
    opened = bench.open(
        tar_archive(
            TarItem(b"l", type=b"2", link=b"../../etc/shadow"),
            TarItem(b"h", type=b"1", link=b"etc/passwd"),
            TarItem(b"c", type=b"3", device=(4, 64)),
            TarItem(b"b", type=b"4", device=(8, 1)),
            TarItem(b"d/", type=b"5", mode=0o1777),
            TarItem(b"p", type=b"6"),
        )
    )
    assert [entry.kind for entry in opened.entries] == [
        "symlink", "hardlink", "device", "device", "directory", "fifo",
    ]  # fmt: skip
    assert [entry.link for entry in opened.entries[:2]] == [b"../../etc/shadow", b"etc/passwd"]
    assert [entry.device for entry in opened.entries[2:4]] == [(4, 64), (8, 1)]
    assert all(entry.sha256 is None for entry in opened.entries)
    assert opened.complete


@pytest.mark.parametrize("dialect", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_the_standard_library_writes_is_read(bench: Bench, dialect: int) -> None:
    long_name = "/".join(["folder-with-a-name"] * 6) + "/file" + "x" * 30
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=dialect) as archive:
        info = tarfile.TarInfo(long_name)
        info.size, info.mode, info.mtime = 700, 0o640, 1234
        archive.addfile(info, io.BytesIO(b"y" * 700))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "t" * (90 if dialect == 0 else 150)
        archive.addfile(link)
    opened = bench.open(target.getvalue())
    file, symlink = opened.entries
    assert (file.name, file.mode, file.mtime) == (long_name.encode(), 0o640, 1234)
    assert file.sha256 == sha(b"y" * 700)
    assert symlink.link == link.linkname.encode()
    assert opened.complete
    assert "unexplained" not in kinds(opened)


def test_pax_records_decide_over_the_header(bench: Bench) -> None:
    pax = {"path": b"real/name", "uid": b"70000", "mtime": b"5.25", "size": b"10"}
    (entry,) = bench.open(tar_archive(TarItem(b"x", b"0123456789", pax=pax))).entries
    assert (entry.name, entry.uid, entry.mtime, entry.size) == (b"real/name", 70000, 5, 10)


def test_a_global_header_holds_for_all_that_follow(bench: Bench) -> None:
    common = TarItem(b"g", pax_record("gid", b"99"), type=b"g")
    opened = bench.open(tar_archive(common, TarItem(b"a", b"1"), TarItem(b"b", b"2")))
    assert [entry.gid for entry in opened.entries] == [99, 99]


@pytest.mark.parametrize("key", ["VENDOR.blob", "SCHILY.xattr.security.capability"])
def test_pax_records_that_mean_nothing_here_are_unexplained(bench: Bench, key: str) -> None:
    opened = bench.open(tar_archive(TarItem(b"a", b"1", pax={key: b"\x01secret"})))
    assert kinds(opened)["unexplained"] == len(pax_record(key, b"\x01secret"))


@pytest.mark.parametrize(
    "value",
    ["0100000200200000" + "00" * 12, "0000000100200000" + "00" * 4, "0100000300200000" + "00" * 16],
)
def test_file_capabilities_are_told(bench: Bench, value: str) -> None:
    pax = {"SCHILY.xattr.security.capability": bytes.fromhex(value)}
    opened = bench.open(tar_archive(TarItem(b"opt/a", b"1", pax=pax), TarItem(b"b", b"2")))
    assert "unexplained" not in kinds(opened)
    (seen,) = opened.observations
    assert (seen.rule, seen.evidence) == ("tar.file_capability", ("opt/a", f"capability:{value}"))


@pytest.mark.parametrize("value", ["", "01000002", "0100000400200000" + "00" * 12, "ff" * 20])
def test_values_that_are_no_capabilities_are_unexplained(bench: Bench, value: str) -> None:
    pax = {"SCHILY.xattr.security.capability": bytes.fromhex(value)}
    opened = bench.open(tar_archive(TarItem(b"opt/a", b"1", pax=pax)))
    assert opened.observations == ()
    assert kinds(opened)["unexplained"] > 0


def test_text_hidden_behind_a_name_is_unexplained(bench: Bench) -> None:
    block = tar_header(TarItem(b"a"))
    hidden = tar_sign(block[:2] + noise(80) + block[82:])
    opened = bench.open(hidden + bytes(1024))
    assert opened.entries[0].name == b"a"
    assert kinds(opened)["unexplained"] >= 80


def test_padding_that_is_not_zero_is_unexplained(bench: Bench) -> None:
    opened = bench.open(tar_archive(TarItem(b"a", b"123", pad=0x41)))
    assert kinds(opened)["unexplained"] == 509


def test_bytes_behind_the_end_mark_are_unexplained_and_carved(bench: Bench) -> None:
    second = tar_archive(TarItem(b"hidden", b"payload"))
    opened = bench.open(tar_archive(GOOD) + second)
    names = [entry.name for entry in opened.entries]
    assert names == [b"etc/init.d/rcS", b"@0x800.tar"]
    assert opened.complete


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (TarItem(b"a", b"123", checksum=1), "format.malformed"),
        (TarItem(b"a", b"123", type=b"S"), "unsupported"),
        (TarItem(b"a", b"123", type=b"M"), "unsupported"),
        (TarItem(b"a", b"123", pax={"GNU.sparse.major": b"1"}), "unsupported"),
        (TarItem(b"a", b"123", pax={"size": b"many"}), "format.malformed"),
        (TarItem(b"a", b"123", size=1 << 30), "format.malformed"),
        (TarItem(b"long", b"x" * 40, type=b"x"), "format.malformed"),
    ],
)
def test_what_cannot_be_read_is_incomplete_and_the_rest_stays(
    bench: Bench, item: TarItem, code: str
) -> None:
    opened = bench.open(tar_archive(GOOD, item))
    assert code in codes(opened)
    assert bench.content(opened, GOOD.name) == GOOD.data


@pytest.mark.parametrize("end", [b"", bytes(512), noise(1024)])
def test_an_archive_without_its_end_mark_is_incomplete(bench: Bench, end: bytes) -> None:
    opened = bench.open(tar_archive(GOOD, end=end))
    assert is_broken(opened)


@pytest.mark.parametrize("type_", [b"1", b"2", b"3", b"5"])
def test_a_size_where_none_belongs_is_reported_and_hides_nothing(
    bench: Bench, type_: bytes
) -> None:
    opened = bench.open(
        tar_archive(TarItem(b"x", type=type_, link=b"t", size=1024), TarItem(b"next", b"here"))
    )
    assert "unpack.evasion.mismatch" in rules(opened)
    assert bench.content(opened, b"next") == b"here"
    with_data = tar_archive(TarItem(b"x", noise(600), type=type_, link=b"t"), GOOD)
    opened = bench.open(with_data)
    assert kinds(opened)["unexplained"] >= 600
    assert bench.content(opened, GOOD.name) == GOOD.data


def test_duplicates_and_hostile_names_are_reported(bench: Bench) -> None:
    opened = bench.open(
        tar_archive(TarItem(b"a", b"1"), TarItem(b"a", b"2"), TarItem(b"../x", b"3"))
    )
    assert rules(opened) == {"unpack.evasion.duplicate", "unpack.evasion.name"}


def test_absurd_numbers_are_left_out_and_reported(bench: Bench) -> None:
    block = tar_header(TarItem(b"a"))
    absurd = tar_sign(block[:136] + b"\x80" + b"\xff" * 11 + block[148:])
    opened = bench.open(absurd + bytes(1024))
    assert opened.entries[0].mtime is None
    assert "unpack.malformed" in rules(opened)


def test_a_negative_base256_time_is_read(bench: Bench) -> None:
    block = tar_header(TarItem(b"a"))
    early = tar_sign(block[:136] + b"\xff" * 11 + b"\xfe" + block[148:])
    assert bench.open(early + bytes(1024)).entries[0].mtime == -2


def test_a_v7_archive_is_recognised_by_its_checksum(bench: Bench) -> None:
    old = TarItem(b"old", b"content", magic=b"")
    block = tar_header(old)
    plain = tar_sign(block[:257] + bytes(255))
    opened = bench.open(plain + b"content".ljust(512, b"\x00") + bytes(1024))
    assert opened.format == "tar"
    assert bench.content(opened, b"old") == b"content"


def test_truncation_anywhere_is_never_complete(bench: Bench) -> None:
    archive = tar_archive(GOOD, TarItem(b"n" * 20, noise(700), pax={"path": b"p" * 120}))
    for length in [*range(512, len(archive), 97), *range(len(archive) - 520, len(archive), 13)]:
        assert not bench.open(archive[:length]).complete, length


def test_a_flip_in_any_header_byte_is_never_silent(bench: Bench) -> None:
    blocks = tar_blocks(TarItem(b"a", b"1"))
    for at in range(0, 512, 5):
        if at == 155:  # the checksum's last byte: a space and NUL both end it
            continue
        changed = bytearray(blocks + bytes(1024))
        changed[at] ^= 0x20
        opened = bench.open(bytes(changed))
        assert not opened.complete or set(kinds(opened)) == {"unexplained"}, at


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.data())
def test_mutations_neither_crash_nor_break_the_sums(data: st.DataObject) -> None:
    archive = bytearray(
        tar_archive(GOOD, TarItem(b"b", noise(90), pax={"path": b"c", "mtime": b"1.5"}))
    )
    for _ in range(data.draw(st.integers(1, 5))):
        block = data.draw(st.integers(0, len(archive) // 512 - 1)) * 512
        at = block + data.draw(st.integers(0, 511))
        archive[at] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):  # a checksum that holds lets the mutation through
            archive[block : block + 512] = tar_sign(bytes(archive[block : block + 512]))
    Bench().open(bytes(archive))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.binary(min_size=1, max_size=90).filter(lambda name: b"\x00" not in name),
            st.binary(max_size=1200),
            st.integers(0, 0o7777),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_goes_in_comes_out(items: list[tuple[bytes, bytes, int]]) -> None:
    named = [(b"n" + name.rstrip(b"/"), data, mode) for name, data, mode in items]
    opened = Bench().open(tar_archive(*(TarItem(n, d, mode=m) for n, d, m in named)))
    assert [(e.name, e.sha256, e.mode) for e in opened.entries] == [
        (n, sha(d), m) for n, d, m in named
    ]
    assert opened.complete

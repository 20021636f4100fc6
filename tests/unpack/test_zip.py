"""ZIP: what is listed comes out exactly; what lies is said."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.archives import ZipItem, deflate, zip_archive, zip_central, zip_end, zip_local
from tests.unpack.helpers import BROKEN, Bench, codes, kinds, noise, rules, sha

TEXT = b"a line of text\n" * 40
GOOD = ZipItem(b"etc/passwd", TEXT, mode=0o100600)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("method", [0, 8, 12, 14, 93, 95])
@pytest.mark.parametrize("data", [TEXT, b"x", noise(70_000), bytes(200_000)])
def test_every_method_gives_content_and_mode(bench: Bench, method: int, data: bytes) -> None:
    archive = zip_archive(ZipItem(b"bin/tool", data, method=method, mode=0o104755))
    opened = bench.open(archive)
    (entry,) = opened.entries
    assert (opened.format, opened.complete, opened.observations) == ("zip", True, ())
    assert (entry.sha256, entry.size, entry.mode) == (sha(data), len(data), 0o4755)
    assert entry.stored == (method == 0)
    assert set(kinds(opened)) == {"extracted", "parsed"}


@pytest.mark.parametrize(
    "change",
    [{"descriptor": True}, {"zip64": True}, {"extra": struct.pack("<HHBI", 0x5455, 5, 1, 1234)}],
)
def test_variants_of_the_headers_are_understood(bench: Bench, change: dict[str, object]) -> None:
    opened = bench.open(zip_archive(ZipItem(b"a", TEXT, **change)))  # type: ignore[arg-type]
    assert opened.complete
    assert set(kinds(opened)) == {"extracted", "parsed"}
    assert opened.entries[0].sha256 == sha(TEXT)


def test_the_zip64_end_record_is_followed(bench: Bench) -> None:
    opened = bench.open(zip_archive(GOOD, zip64=True))
    assert opened.complete
    assert opened.entries[0].sha256 == sha(TEXT)
    assert set(kinds(opened)) == {"extracted", "parsed"}


def test_owner_and_time_come_from_the_extra_fields(bench: Bench) -> None:
    extra = struct.pack("<HHBI", 0x5455, 5, 1, 99) + struct.pack(
        "<HHBBIBI", 0x7875, 11, 1, 4, 7, 4, 8
    )
    entry = bench.open(zip_archive(ZipItem(b"a", b"b", extra=extra))).entries[0]
    assert (entry.mtime, entry.uid, entry.gid) == (99, 7, 8)


def test_folders_links_and_devices_are_what_their_mode_says(bench: Bench) -> None:
    opened = bench.open(
        zip_archive(
            ZipItem(b"d/", mode=0o040755, method=0),
            ZipItem(b"l", b"/etc/shadow", mode=0o120777),
            ZipItem(b"c", mode=0o020600, method=0),
        )
    )
    folder, link, device = opened.entries
    assert (folder.kind, link.kind, device.kind) == ("directory", "symlink", "device")
    assert (folder.sha256, link.sha256, device.sha256) == (None, None, None)
    assert link.link == b"/etc/shadow"
    assert opened.complete


@pytest.mark.parametrize(("name", "mode"), [(b"d/", 0o040755), (b"c", 0o020600), (b"l", 0o120777)])
def test_content_behind_a_folder_a_device_or_an_odd_link_is_a_file(
    bench: Bench, name: bytes, mode: int
) -> None:
    payload = noise(5000)
    opened = bench.open(zip_archive(ZipItem(name, payload, mode=mode)))
    (entry,) = opened.entries
    assert (entry.kind, entry.sha256) == ("file", sha(payload))
    assert "unpack.evasion.mismatch" in rules(opened)


@pytest.mark.parametrize(
    "name", [b"../up", b"a/../../b", b"/abs", b"C:\\x", b"a\x00b", b"a\\b", b"a\nb"]
)
def test_hostile_names_are_kept_and_reported(bench: Bench, name: bytes) -> None:
    opened = bench.open(zip_archive(ZipItem(name, TEXT)))
    assert opened.entries[0].name == name
    assert rules(opened) == {"unpack.evasion.name"}


def test_duplicates_are_kept_apart_and_reported(bench: Bench) -> None:
    opened = bench.open(zip_archive(ZipItem(b"a", b"first"), ZipItem(b"./a", b"second")))
    assert [entry.sha256 for entry in opened.entries] == [sha(b"first"), sha(b"second")]
    assert "unpack.evasion.duplicate" in rules(opened)


def test_a_local_header_that_differs_is_reported(bench: Bench) -> None:
    opened = bench.open(zip_archive(ZipItem(b"good.txt", TEXT, local_name=b"evil.txt")))
    assert [entry.name for entry in opened.entries] == [b"good.txt"]
    (seen,) = opened.observations
    assert seen.rule == "unpack.evasion.mismatch"
    assert seen.evidence == ("field:name", "central:good.txt", "local:evil.txt")


def test_an_unlisted_entry_is_extracted_and_reported(bench: Bench) -> None:
    hidden = ZipItem(b"hidden.sh", b"#!/bin/sh\n", listed=False)
    opened = bench.open(zip_archive(GOOD, hidden, ZipItem(b"z", b"last")))
    assert bench.content(opened, b"hidden.sh") == b"#!/bin/sh\n"
    assert "unpack.evasion.unlisted" in rules(opened)


def test_an_unlisted_entry_with_a_descriptor_is_extracted(bench: Bench) -> None:
    hidden = ZipItem(b"hidden", TEXT, listed=False, descriptor=True)
    opened = bench.open(zip_archive(GOOD, hidden))
    assert bench.content(opened, b"hidden") == TEXT
    assert opened.complete


def test_two_end_records_are_reported(bench: Bench) -> None:
    inner = zip_archive(ZipItem(b"x", b"x"))
    opened = bench.open(zip_archive(GOOD, comment=inner))
    assert "unpack.evasion.directory" in rules(opened)


def test_a_stored_archive_inside_is_no_second_directory(bench: Bench) -> None:
    inner = zip_archive(ZipItem(b"x", TEXT))
    opened = bench.open(zip_archive(ZipItem(b"inner.zip", inner, method=0)))
    assert opened.observations == ()
    assert opened.complete


def test_bytes_between_entries_are_unexplained(bench: Bench) -> None:
    opened = bench.open(zip_archive(GOOD, ZipItem(b"b", TEXT, gap_before=noise(300))))
    assert kinds(opened)["unexplained"] == 300
    assert [entry.name for entry in opened.entries] == [b"etc/passwd", b"b"]


def test_zeros_between_entries_are_padding(bench: Bench) -> None:
    opened = bench.open(zip_archive(GOOD, ZipItem(b"b", TEXT, gap_before=bytes(300))))
    assert kinds(opened)["padding"] == 300


def test_bytes_before_and_behind_are_unexplained(bench: Bench) -> None:
    archive = zip_archive(GOOD)
    opened = bench.open(noise(77) + archive + noise(99))
    assert opened.format == "unknown"
    (entry,) = opened.entries
    assert entry.name == b"@0x4d.zip"
    assert entry.sha256 == sha(archive)
    assert kinds(opened) == {"unexplained": 176, "extracted": len(archive)}


def test_a_text_comment_is_parsed_and_another_is_not(bench: Bench) -> None:
    assert set(kinds(bench.open(zip_archive(GOOD, comment=b"made by hand")))) == {
        "extracted",
        "parsed",
    }
    assert kinds(bench.open(zip_archive(GOOD, comment=noise(200))))["unexplained"] == 200


def test_unknown_extra_fields_are_unexplained(bench: Bench) -> None:
    extra = struct.pack("<HH", 0x4242, 40) + noise(40)
    opened = bench.open(zip_archive(ZipItem(b"a", TEXT, extra=extra)))
    assert kinds(opened)["unexplained"] == 88  # in both headers


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (ZipItem(b"a", TEXT, flags=1), "encrypted"),
        (ZipItem(b"a", TEXT, flags=0x2000), "encrypted"),
        (ZipItem(b"a", TEXT, method=9), "unsupported"),
        (ZipItem(b"a", TEXT, method=98), "unsupported"),
        (ZipItem(b"a", TEXT, crc32=1), "format.malformed"),
        (ZipItem(b"a", TEXT, size=len(TEXT) - 1), "format.malformed"),
        (ZipItem(b"a", TEXT, size=len(TEXT) + 1), "format.malformed"),
        (ZipItem(b"a", TEXT, packed=b"\xff" * 40), "format.malformed"),
    ],
)
def test_content_that_cannot_be_had_is_incomplete(bench: Bench, item: ZipItem, code: str) -> None:
    opened = bench.open(zip_archive(item, ZipItem(b"b", b"still there")))
    assert code in codes(opened)
    assert bench.content(opened, b"b") == b"still there"


def test_slack_behind_a_compressed_stream_is_unexplained(bench: Bench) -> None:
    opened = bench.open(zip_archive(ZipItem(b"a", TEXT, packed=deflate(TEXT) + noise(500))))
    assert kinds(opened)["unexplained"] == 500
    assert codes(opened) & BROKEN


def test_overlapping_contents_are_reported(bench: Bench) -> None:
    first = zip_local(ZipItem(b"a", TEXT))
    central = zip_central(ZipItem(b"a", TEXT), 0) * 2
    opened = bench.open(first + central + zip_end(2, len(central), len(first)))
    assert {"unpack.evasion.overlap", "unpack.evasion.duplicate"} <= rules(opened)


def test_content_that_spans_another_entry_is_reported(bench: Bench) -> None:
    inner = ZipItem(b"inner", TEXT, method=0)
    outer = ZipItem(b"outer", zip_local(inner), method=0)
    body = zip_local(outer)
    central = zip_central(inner, body.index(zip_local(inner))) + zip_central(outer, 0)
    opened = bench.open(body + central + zip_end(2, len(central), len(body)))
    assert rules(opened) == {"unpack.evasion.overlap"}
    assert [entry.sha256 for entry in opened.entries] == [sha(TEXT), sha(zip_local(inner))]


@pytest.mark.parametrize("field", [4, 6, 8, 10, 12, 16])
def test_an_end_record_that_lies_is_never_complete(bench: Bench, field: int) -> None:
    archive = bytearray(zip_archive(GOOD, ZipItem(b"b", TEXT)))
    archive[len(archive) - 22 + field] ^= 0x01
    opened = bench.open(bytes(archive))
    quiet = opened.complete and not opened.observations
    assert not quiet or "unexplained" in kinds(opened)


def test_truncation_anywhere_is_never_complete(bench: Bench) -> None:
    archive = zip_archive(GOOD, ZipItem(b"b", noise(900), method=0))
    for length in [*range(4, len(archive), 11), *range(len(archive) - 24, len(archive))]:
        opened = bench.open(archive[:length])
        assert not opened.complete, length
        assert codes(opened) & BROKEN


def test_without_a_directory_the_local_entries_still_come_out(bench: Bench) -> None:
    archive = zip_archive(GOOD, ZipItem(b"b", b"second"))
    opened = bench.open(archive[: archive.index(b"PK\x01\x02")])
    assert bench.content(opened, b"etc/passwd") == TEXT
    assert bench.content(opened, b"b") == b"second"
    assert not opened.complete


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.data())
def test_mutations_neither_crash_nor_break_the_sums(data: st.DataObject) -> None:
    archive = bytearray(
        zip_archive(
            GOOD,
            ZipItem(b"b", noise(50), method=0, extra=struct.pack("<HHBI", 0x5455, 5, 1, 3)),
            ZipItem(b"c", TEXT, descriptor=True),
            comment=b"note",
        )
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(archive) - 1))
        archive[at] = data.draw(st.integers(0, 255))
    Bench().open(bytes(archive))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.binary(min_size=1, max_size=20),
            st.binary(max_size=300),
            st.sampled_from([0, 8, 12, 95]),
            st.integers(0, 0o7777),
        ),
        max_size=6,
    )
)
def test_what_goes_in_comes_out(items: list[tuple[bytes, bytes, int, int]]) -> None:
    archive = zip_archive(
        *(ZipItem(name.rstrip(b"/") or b"n", data, method, 0o100000 | mode)
          for name, data, method, mode in items)
    )  # fmt: skip
    opened = Bench().open(archive)
    assert [(entry.sha256, entry.mode) for entry in opened.entries] == [
        (sha(data), mode) for _, data, _, mode in items
    ]
    assert opened.complete

"""Carving: hidden content comes out; chance matches do not."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import signal
import struct
import time

import lz4.frame
import pytest
import zstandard

from fwverify.limits import Limits
from fwverify.unpack import proposals
from tests.builders.archives import (
    CpioItem,
    TarItem,
    ZipItem,
    ar_archive,
    cpio_archive,
    elf,
    pe,
    png,
    png_chunk,
    tar_archive,
    zip_archive,
)
from tests.unpack.helpers import Bench, codes, is_broken, kinds, node, noise, sha, unpack_all

SECRET = b"the hidden payload\n" * 30
HIDDEN = {
    "zip": zip_archive(ZipItem(b"payload", SECRET)),
    "gzip": gzip.compress(SECRET, mtime=0),
    "bzip2": bz2.compress(SECRET),
    "xz": lzma.compress(SECRET),
    "zstd": zstandard.ZstdCompressor().compress(SECRET),
    "lz4": lz4.frame.compress(SECRET),
    "tar": tar_archive(TarItem(b"payload", SECRET)),
    "cpio": cpio_archive(CpioItem(b"payload", SECRET)),
    "ar": ar_archive((b"payload", SECRET)),
    "elf": elf(SECRET),
    "pe": pe(SECRET.ljust(1024, b"\x00")),
    "png": png(),
}


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(params=[True, False], ids=["binwalk", "own-table-only"])
def _with_and_without(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(proposals, "_scanner", lambda: None)


@pytest.mark.usefixtures("_with_and_without")
@pytest.mark.parametrize("name", HIDDEN)
def test_content_between_noise_is_found_with_its_exact_ends(bench: Bench, name: str) -> None:
    opened = bench.open(noise(211) + HIDDEN[name] + noise(307, 9))
    (entry,) = opened.entries
    assert (entry.name, entry.stored, entry.generated) == (f"@0xd3.{name}".encode(), True, True)
    end = entry.extents[0][1]
    whole = 211 + len(HIDDEN[name])
    tail = (noise(211) + HIDDEN[name])[end:]
    assert entry.extents[0][0] == 211
    assert end <= whole
    assert not any(tail)  # only zero padding may stand outside
    assert kinds(opened)["unexplained"] <= 211 + 307 + len(tail)


@pytest.mark.usefixtures("_with_and_without")
@pytest.mark.parametrize("host", ["elf", "pe", "png", "zip", "gzip", "tar"])
@pytest.mark.parametrize("name", ["zip", "xz", "elf", "tar", "cpio"])
def test_polyglots_are_opened_on_both_sides(host: str, name: str) -> None:
    data = HIDDEN[host] + b"\x5a" * 3 + HIDDEN[name]
    unpacked = unpack_all(("x", data))
    formats = {placed.node.format for placed in unpacked.nodes}
    assert {host, name} <= formats
    digests = {placed.node.sha256 for placed in unpacked.nodes}
    assert sha(SECRET) in digests or name == "elf"


def test_an_archive_called_a_section_is_found(bench: Bench) -> None:
    archive = zip_archive(ZipItem(b"payload", SECRET))
    opened = bench.open(elf(b"\x90" * 100 + archive + b"\x90" * 60))
    (entry,) = opened.entries
    assert entry.sha256 == sha(archive)
    assert kinds(opened)["extracted"] == len(archive)
    assert "unexplained" not in kinds(opened)


def test_archives_that_follow_each_other_in_code_are_told_apart(bench: Bench) -> None:
    first = zip_archive(ZipItem(b"a", SECRET))
    second = zip_archive(ZipItem(b"b", noise(50), method=0))
    opened = bench.open(elf(b"PK\x03\x04\x90" + first + b"\x90" * 9 + second + b"\x90"))
    assert [entry.sha256 for entry in opened.entries] == [sha(first), sha(second)]


def test_an_archive_in_a_png_chunk_is_found(bench: Bench) -> None:
    archive = HIDDEN["zip"]
    opened = bench.open(png(extra=png_chunk(b"prVt", archive)))
    assert [entry.sha256 for entry in opened.entries] == [sha(archive)]


def test_a_script_with_a_payload_is_opened() -> None:
    payload = gzip.compress(tar_archive(TarItem(b"setup", b"#!/bin/sh\n", mode=0o755)), mtime=0)
    unpacked = unpack_all(("setup.run", b"#!/bin/sh\ntail -n +3 $0\nexit\n" + payload))
    assert node(unpacked, "setup.run!/@0x1d.gzip!/data!/setup").executable


def test_chance_magics_in_code_give_no_content(bench: Bench) -> None:
    magics = b"".join(magic + noise(40, at) for at, (magic, _) in enumerate(proposals._MAGICS))
    opened = bench.open(elf(magics * 8))
    assert opened.entries == ()
    assert opened.complete


def test_a_truncated_archive_in_unexplained_bytes_is_incomplete() -> None:
    unpacked = unpack_all(("x", noise(100) + HIDDEN["tar"][:700]))
    assert is_broken(unpacked)
    assert [problem.path for problem in unpacked.problems] == ["x!/@0x64.tar"]


def test_an_encrypted_archive_in_an_overlay_is_incomplete() -> None:
    unpacked = unpack_all(("x", elf() + zip_archive(ZipItem(b"a", SECRET, flags=1))))
    assert "encrypted" in codes(unpacked)


def test_a_bomb_in_an_overlay_is_a_limit() -> None:
    limits = Limits(ratio=5, ratio_free_bytes=10_000)
    unpacked = unpack_all(("x", elf() + gzip.compress(bytes(5_000_000))), limits=limits)
    assert "limit.ratio" in codes(unpacked)


def test_too_many_attempts_are_a_limit(bench: Bench) -> None:
    opened = bench.open(b"\x01" + b"\x1f\x8b\x08\x00" * 9000)
    assert codes(opened) == {"limit.carving"}


def test_too_many_hits_are_a_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "MAX_HITS", 100)
    assert codes(bench.open(b"\x01" + b"MZ" * 200)) == {"limit.carving"}


class _Loops:
    def scan_bytes(self, data: bytes) -> list[object]:
        while data:
            time.sleep(0.01)
        return []


class _Dies:
    def scan_bytes(self, data: bytes) -> list[object]:
        raise RuntimeError("a signature's panic")


@pytest.mark.parametrize("scanner", [_Loops(), _Dies()])
def test_a_scanner_that_hangs_or_dies_is_a_problem_and_the_table_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, scanner: object
) -> None:
    monkeypatch.setattr(proposals, "_scanner", lambda: scanner)
    monkeypatch.setattr(proposals, "_apart", [])
    monkeypatch.setattr(proposals, "_BASE_SECONDS", 0.3)
    opened = bench.open(noise(50) + HIDDEN["zip"])
    assert codes(opened) == {"tool.binwalk"}
    assert opened.entries[0].sha256 == sha(HIDDEN["zip"])
    monkeypatch.undo()
    assert codes(bench.open(noise(51) + HIDDEN["zip"])) == set()


def test_a_scanner_that_was_killed_is_begun_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pybinwalk")
    monkeypatch.setattr(proposals, "_apart", [])
    assert codes(bench.open(noise(52))) == set()
    (first,) = proposals._apart
    os.kill(first._process, signal.SIGKILL)
    assert codes(bench.open(noise(53))) == {"tool.binwalk"}
    assert codes(bench.open(noise(54))) == set()
    assert proposals._apart != [first]


def test_one_magic_too_often_for_yara_is_a_limit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "MAX_HITS", 5_000_000)
    assert codes(bench.open(b"\x01" + b"MZ" * 1_200_000)) == {"limit.carving"}


def test_a_machine_that_allows_no_process_is_a_problem(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(proposals, "_scanner", _Loops)
    monkeypatch.setattr(proposals, "_apart", [])
    monkeypatch.setattr(proposals.os, "fork", refuse)
    opened = bench.open(noise(50) + HIDDEN["zip"])
    assert codes(opened) == {"tool.binwalk"}
    assert opened.entries[0].sha256 == sha(HIDDEN["zip"])


def test_a_truncated_bzip2_stream_does_not_hang_the_scan(bench: Bench) -> None:
    started = time.monotonic()
    opened = bench.open(noise(20) + bz2.compress(noise(3000))[:-40])
    assert time.monotonic() - started < 8
    assert opened.complete
    assert set(kinds(opened)) == {"unexplained"}


def test_content_at_the_edge_of_a_window_is_found(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "WINDOW_BYTES", 4096)
    monkeypatch.setattr(proposals, "OVERLAP_BYTES", 1024)
    archive = HIDDEN["zip"]
    for shift in (4090, 4096, 3072, 3070):
        opened = bench.open(noise(shift) + archive + noise(5000, 4))
        assert [entry.extents[0][0] for entry in opened.entries] == [shift]


def test_nested_content_in_a_carved_slice_has_its_own_offsets() -> None:
    inner = zip_archive(ZipItem(b"deep", SECRET, method=0))
    outer = tar_archive(TarItem(b"inner.zip", inner))
    unpacked = unpack_all(("fw.bin", struct.pack(">I", 0xDEADBEEF) * 4 + outer))
    placed = node(unpacked, "fw.bin!/@0x10.tar!/inner.zip!/deep")
    assert placed.node.sha256 == sha(SECRET)
    assert placed.node.offset == inner.index(SECRET)

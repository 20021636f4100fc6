"""Cabinets with bytes beside the packed data that no file is decoded from."""

from __future__ import annotations

import shutil
import struct
import zlib

import pytest

from tests.unpack_formats.test_sevenzip import count, opened

pytestmark = pytest.mark.skipif(shutil.which("7zz") is None, reason="7zz is not installed")
PLAIN = b"firmware " * 100
FULL = 32_768
LONG = (b"firmware " * 4000)[: FULL + 99]
HIDDEN = b"#!/bin/sh\nhidden\n" * 20


def mszip(plain: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"CK" + packer.compress(plain) + packer.flush()


def cab(method: int, *folders: tuple[tuple[bytes, int], ...], size: int = len(PLAIN)) -> bytes:
    """Return a cabinet of one file in its first folder; folders are (packed, plain size)."""
    name = struct.pack("<2I4H", size, 0, 0, 0x21, 0, 0x20) + b"firmware.bin\0"
    files_at = 36 + 8 * len(folders)
    at, rows, data = files_at + len(name), b"", b""
    for blocks in folders:
        rows += struct.pack("<I2H", at + len(data), len(blocks), method)
        data += b"".join(
            struct.pack("<I2H", 0, len(packed), plain) + packed for packed, plain in blocks
        )
    head = b"MSCF" + struct.pack("<5I", 0, at + len(data), 0, files_at, 0)
    return head + struct.pack("<2B5H", 3, 1, len(folders), 1, 0, 1, 0) + rows + name + data


GOOD = {0: (PLAIN, len(PLAIN)), 1: (mszip(PLAIN), len(PLAIN))}
CASES = {
    "a folder of nothing, stored": cab(0, (GOOD[0],), ((HIDDEN, 0),)),
    "a folder of nothing, packed": cab(1, (GOOD[1],), ((HIDDEN, 0),)),
    "a block of nothing behind, stored": cab(0, (GOOD[0], (HIDDEN, 0))),
    "a block of nothing before, stored": cab(0, ((HIDDEN, 0), GOOD[0])),
    "a block of nothing behind, packed": cab(1, (GOOD[1], (HIDDEN, 0))),
    "a packed block of nothing behind": cab(1, (GOOD[1], (mszip(b"") + HIDDEN, 0))),
    "more than is stored": cab(0, ((PLAIN + HIDDEN, len(PLAIN)),)),
    "bytes behind a block that is not the last": cab(
        1, ((mszip(LONG[:FULL]) + HIDDEN, FULL), (mszip(LONG[FULL:]), 99)), size=len(LONG)
    ),
    "bytes behind the packed data": cab(1, ((mszip(PLAIN) + HIDDEN, len(PLAIN)),)),
}


@pytest.mark.parametrize("name", CASES)
def test_bytes_that_nothing_is_decoded_from_are_not_extracted(tmp_path, name):
    result = opened("cab", CASES[name], tmp_path)
    assert not result.complete
    assert count(result, "unexplained") >= len(HIDDEN), result.problems
    held = [span for entry in result.entries for span in entry.extents]
    at = CASES[name].index(HIDDEN)
    assert not any(start <= at < end for start, end in held)


def test_packed_data_in_two_blocks_is_whole(tmp_path):
    blocks = ((mszip(LONG[:FULL]), FULL), (mszip(LONG[FULL:]), 99))
    assert opened("cab", cab(1, blocks, size=len(LONG)), tmp_path).complete


@pytest.mark.parametrize("method", GOOD)
def test_a_good_cabinet_of_either_kind_is_whole(tmp_path, method):
    result = opened("cab", cab(method, (GOOD[method],)), tmp_path)
    assert result.complete
    assert count(result, "unexplained") == 0

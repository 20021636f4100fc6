"""Attacks on deltas and NSIS: bytes that nothing that comes out accounts for."""

import bz2
import hashlib
import lzma
import struct

import pytest

from fwverify.unpack.delta import bsdiff
from tests.attack3.helpers import SCRIPT, seen
from tests.unpack.helpers import Bench
from tests.unpack_delta.test_deltas import ci, zchunk
from tests.unpack_installers import test_nsis as nsis


def patch(*, control=b"", diff=b"", extra=b"", magic=bsdiff.MAGIC):
    """A patch that makes 100 bytes of nothing, with bytes behind each stream."""
    streams = [
        bz2.compress(struct.pack("<3Q", 0, 100, 0)) + control,
        bz2.compress(b"") + diff,
        bz2.compress(b"n" * 100) + extra,
    ]
    sizes = struct.pack("<3Q", len(streams[0]), len(streams[1]), 100)
    return magic + sizes + b"".join(streams)


def test_the_plain_patch_is_applied():
    assert b"".join(bsdiff.apply(patch(), b"old")) == b"n" * 100


@pytest.mark.parametrize("place", ["control", "diff", "extra"])
def test_bytes_behind_a_stream_of_a_patch_are_refused(place):
    from fwverify.reader import Malformed

    with pytest.raises(Malformed):
        b"".join(bsdiff.apply(patch(**{place: SCRIPT}), b"old"))


def with_dictionary(dictionary, chunks):
    rows = [hashlib.sha512(dictionary).digest()[:16] + ci(len(dictionary)) * 2]
    rows += [hashlib.sha512(each).digest()[:16] + ci(len(each)) * 2 for each in chunks]
    index = ci(3) + ci(len(rows)) + b"".join(rows)
    data = b"".join([dictionary, *chunks])
    body = hashlib.sha256(data).digest() + ci(0) + ci(0) + ci(len(index)) + index + b"\x80"
    lead = b"\0ZCK1" + ci(1) + ci(len(body))
    return lead + hashlib.sha256(lead + body).digest() + body + data


def test_a_script_as_the_dictionary_of_a_zchunk_is_a_child():
    data = with_dictionary(SCRIPT, [b"content" * 20])
    bench = Bench()
    assert bench.content(bench.open(data), b"@dictionary") == SCRIPT


def test_a_script_as_a_signature_of_a_zchunk_is_seen():
    assert seen(zchunk([b"abc" * 50], signatures=ci(1) + ci(0) + ci(len(SCRIPT)) + SCRIPT))


def test_a_script_behind_a_frame_of_a_chunk_is_seen():
    import zstandard

    chunk = zstandard.ZstdCompressor().compress(b"c" * 600) + SCRIPT
    rows = [bytes(16) + ci(0) * 2]
    rows += [hashlib.sha512(chunk).digest()[:16] + ci(len(chunk)) + ci(600)]
    index = ci(3) + ci(2) + b"".join(rows)
    body = hashlib.sha256(chunk).digest() + ci(0) + ci(2) + ci(len(index)) + index + b"\x80"
    lead = b"\0ZCK1" + ci(1) + ci(len(body))
    data = lead + hashlib.sha256(lead + body).digest() + body + chunk
    assert Bench().open(data).format == "zchunk"
    assert seen(data)


def test_more_than_a_section_of_a_delta_needs_is_refused():
    from fwverify.reader import Malformed
    from fwverify.unpack.delta.vcdiff import _Secondary

    packed = lzma.compress(b"A" * 10 + SCRIPT)
    with pytest.raises(Malformed):
        _Secondary().unpack(0, b"\x0a" + packed, 0)
    good = lzma.compress(b"A" * 10)
    assert _Secondary().unpack(0, b"\x0a" + good, 0) == b"A" * 10
    with pytest.raises(Malformed):
        _Secondary().unpack(0, b"\x0a" + good + SCRIPT, 0)


def test_a_script_in_the_pages_of_an_nsis_header_is_a_child():
    header = nsis.HEADER + SCRIPT
    bench = Bench()
    opened = bench.open(nsis.separate((b"block" * 20, False), header=header))
    assert opened.format == "nsis"
    contents = [bench.store.read(each.sha256) for each in opened.entries if each.sha256]
    assert any(SCRIPT in each for each in contents)


def test_a_string_longer_than_any_of_nsis_is_said():
    header = nsis.script(strings=("", "x" * 9000 + SCRIPT.decode()))
    assert not Bench().open(nsis.separate((b"block" * 20, False), header=header)).complete

"""Deltas: bsdiff, VCDIFF, zchunk, casync. What is wrong comes first."""

from __future__ import annotations

import bz2
import hashlib
import shutil
import struct
import subprocess
import zlib

import pytest

from tests.unpack.helpers import Bench, codes, kinds, noise, rules
from tests.unpack_android.test_payload import bsdf2, bspatch40, opened_with, own

OLD = noise(9000, 21)
NEW = OLD[:4000] + b"changed" * 20 + OLD[4140:]
PATCH = bspatch40(OLD, NEW)


def tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"ORACLE ABSENT: {name} (Debian package {package})")
    return found


def made(tmp_path, *command: str, old=OLD, new=NEW) -> bytes:
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return (tmp_path / "delta").read_bytes()


# --- bsdiff ----------------------------------------------------------------------------


def test_a_patch_without_baseline_is_said():
    opened = Bench().open(PATCH)
    assert opened.format == "bsdiff"
    assert codes(opened) == {"delta.base"}
    assert own(opened) == ()


def test_a_patch_that_several_contents_fit_is_applied_to_none():
    opened = opened_with(Bench(), PATCH, OLD, noise(9001, 3))
    assert codes(opened) == {"delta.base"}
    assert not own(opened)


def test_a_patch_that_reads_past_the_baseline_fits_nothing():
    assert codes(opened_with(Bench(), PATCH, OLD[:5000])) == {"delta.base"}


@pytest.mark.parametrize("at", [9, 17, 25])
@pytest.mark.parametrize("value", [b"\xff" * 7, b"\x00" * 6 + b"\x01", b"\x00" * 6 + b"\x80"])
def test_absurd_lengths_never_raise(at, value):
    opened = opened_with(Bench(), PATCH[:at] + value + PATCH[at + 7 :], OLD)
    assert not opened.complete or opened.format != "bsdiff"


def test_a_control_that_never_ends_is_refused():
    control = bz2.compress(struct.pack("<3q", 0, 0, 1) * 110_000)
    head = b"BSDIFF40" + struct.pack("<3q", len(control), 0, 100)
    assert not opened_with(Bench(), head + control, OLD).complete


def test_a_cut_patch_is_never_complete():
    for end in range(32, len(PATCH) - 14, 53):
        assert not opened_with(Bench(), PATCH[:end], OLD).complete


@pytest.mark.parametrize("patch", [PATCH, bsdf2(OLD, NEW)])
def test_a_patch_is_applied_and_the_guess_is_said(patch):
    bench = Bench()
    opened = opened_with(bench, patch, OLD)
    assert opened.complete, opened.problems
    assert opened.given
    assert bench.content(opened, b"data") == NEW
    assert rules(opened) == {"delta.base_unproven"}
    assert kinds(opened) == {"parsed": 32, "extracted": len(patch) - 32}


# --- VCDIFF ----------------------------------------------------------------------------


def vcdiff(windows, *, indicator=0, extra=b"") -> bytes:
    return b"\xd6\xc3\xc4\x00" + bytes((indicator,)) + extra + b"".join(windows)


def number(value: int) -> bytes:
    out = bytes((value & 127,))
    while value := value >> 7:
        out = bytes((value & 127 | 128,)) + out
    return out


def window(data, codes_, addresses, size, *, source=None, adler=None, packed=0) -> bytes:
    body = number(size) + bytes((packed,))
    body += b"".join(number(len(each)) for each in (data, codes_, addresses))
    body += struct.pack(">I", adler) if adler is not None else b""
    body += data + codes_ + addresses
    kind = (1 if source else 0) | (4 if adler is not None else 0)
    place = number(source[1]) + number(source[0]) if source else b""
    return bytes((kind,)) + place + number(len(body)) + body


@pytest.mark.parametrize(
    "bad",
    [
        vcdiff([window(b"abc", b"\x04", b"", 4)]),  # adds 3, states 4
        vcdiff([window(b"ab", b"\x04", b"", 3)]),  # adds 3 of 2
        vcdiff([window(b"", b"\x13\x04", b"\x05", 4)]),  # copies from the future
        vcdiff([window(b"a", b"\x00\xff\xff\xff\xff\x7f", b"", 10)]),  # a run without end
        vcdiff([window(b"abc", b"\x04", b"", 3, adler=1)]),
        vcdiff([window(b"abc", b"\x04", b"", 3, packed=1)]),
        vcdiff([window(b"abc", b"\x04", b"", 1 << 40)]),
        vcdiff([window(b"abc", b"\x04", b"", 3)[:-1]]),
        vcdiff([b"\x03\x00"]),
        vcdiff([], indicator=2),
        vcdiff([], indicator=0x80),
    ],
)
def test_a_wrong_window_is_said(bad):
    opened = Bench().open(bad)
    assert not opened.complete
    assert own(opened) == ()


def test_a_delta_that_is_only_compression_needs_no_base():
    bench = Bench()
    # add "abc", run 5 of "x", copy 4 from address 0
    delta = vcdiff(
        [window(b"abcx", b"\x04\x00\x05\x14", b"\x00", 12, adler=zlib.adler32(b"abcxxxxxabcx"))]
    )
    opened = bench.open(delta)
    assert opened.complete, opened.problems
    assert bench.content(opened, b"data") == b"abcxxxxxabcx"


@pytest.mark.parametrize("secondary", ["none", "lzma", "djw"])
def test_vcdiff_equals_the_reference_program(tmp_path, secondary):
    xdelta = tool("xdelta3", "xdelta3")
    new = NEW + b"".join(b"%d %s\n" % (i, b"text" * (i % 9)) for i in range(3000)) + OLD[100:5000]
    delta = made(tmp_path, xdelta, "-e", "-S", secondary, "-s", "old", "new", "delta", new=new)
    assert codes(Bench().open(delta)) <= {"delta.base", "format.unsupported"}
    bench = Bench()
    opened = opened_with(bench, delta, noise(20000, 5), OLD)
    if secondary == "djw" and not opened.complete:
        assert codes(opened) == {"format.unsupported"}
        return
    assert opened.complete, opened.problems
    assert bench.content(opened, b"data") == new
    assert not rules(opened) & {"delta.base_unproven"}


def test_a_wrong_base_is_not_taken(tmp_path):
    delta = made(tmp_path, tool("xdelta3", "xdelta3"), "-e", "-s", "old", "new", "delta")
    assert codes(opened_with(Bench(), delta, noise(9000, 77))) == {"delta.base"}


def test_a_changed_vcdiff_is_never_silent(tmp_path):
    delta = made(tmp_path, tool("xdelta3", "xdelta3"), "-e", "-s", "old", "new", "delta")
    bench = Bench()
    for at in range(5, len(delta), 7):
        opened = opened_with(bench, delta[:at] + bytes((delta[at] ^ 1,)) + delta[at + 1 :], OLD)
        if opened.complete and opened.format == "vcdiff":
            assert bench.content(opened, b"data") == NEW


# --- zchunk ----------------------------------------------------------------------------


def ci(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes((value & 127,))
        value >>= 7
    return out + bytes((value | 128,))


def zchunk(chunks, *, magic=b"\0ZCK1", flags=0, digest=None, count=None, signatures=b"\x80"):
    """``chunks`` are contents, stored without compression; the dictionary is empty."""
    rows = [bytes(16) + ci(0) + ci(0)]
    rows += [hashlib.sha512(each).digest()[:16] + ci(len(each)) * 2 for each in chunks]
    index = ci(3) + ci(len(rows) if count is None else count) + b"".join(rows)
    body = digest or hashlib.sha256(b"".join(chunks)).digest()
    body += ci(flags) + ci(0) + ci(len(index)) + index + signatures
    lead = magic + ci(1) + ci(len(body))
    return lead + hashlib.sha256(lead + body).digest() + body + b"".join(chunks)


ZCK = zchunk([noise(500, 1), noise(600, 2)])


@pytest.mark.parametrize(
    "bad",
    [
        zchunk([b"abc"], magic=b"\0ZHR1"),
        zchunk([b"abc"], digest=bytes(32)),
        zchunk([b"abc"], flags=1),
        zchunk([b"abc"], count=1 << 40),
        zchunk([b"abc"], signatures=ci(1) + ci(0) + ci(1 << 30)),
        ZCK[:-1],
        ZCK[:-1] + bytes((ZCK[-1] ^ 1,)),
        ZCK[:60] + bytes((ZCK[60] ^ 1,)) + ZCK[61:],
    ],
)
def test_a_wrong_zchunk_is_said(bad):
    opened = Bench().open(bad)
    assert not opened.complete
    assert own(opened) == ()


def test_zchunk_gives_its_content():
    bench = Bench()
    opened = bench.open(
        zchunk([noise(500, 1), noise(600, 2)], signatures=ci(1) + ci(0) + ci(4) + b"SIGN")
    )
    assert opened.complete, opened.problems
    assert bench.content(opened, b"data") == noise(500, 1) + noise(600, 2)
    assert kinds(opened)["signature"] == 6


def test_zchunk_equals_the_reference_program(tmp_path):
    new = b"".join(b"line %d %s\n" % (i, b"abc" * (i % 50)) for i in range(4000))
    delta = made(tmp_path, tool("zck", "zchunk"), "-o", "delta", "new", new=new)
    bench = Bench()
    opened = bench.open(delta)
    assert opened.complete, opened.problems
    assert bench.content(opened, b"data") == new
    for end in range(40, len(delta), len(delta) // 12):
        assert not bench.open(delta[:end]).complete


# --- casync ----------------------------------------------------------------------------


def caibx(chunks, *, flags=0, largest=1 << 16, tail=None) -> bytes:
    head = struct.pack("<6Q", 48, 0x96824D9C7B129FF9, flags, 1, 2, largest)
    rows, end = b"", 0
    for each in chunks:
        end += len(each)
        rows += struct.pack("<Q", end) + hashlib.sha256(each).digest()
    table = struct.pack("<2Q", 0xFFFFFFFFFFFFFFFF, 0xE75B9E112F17417D) + rows
    size = len(table) + 40 if tail is None else tail
    return head + table + struct.pack("<5Q", 0, 0, 48, size, 0x4B4F050E5549ECD1)


CHUNKS = [OLD[:3000], OLD[3000:7000], OLD[7000:]]


@pytest.mark.parametrize(
    "bad",
    [caibx(CHUNKS, largest=100), caibx(CHUNKS, tail=7), caibx(CHUNKS)[:-1], caibx(CHUNKS)[:100]],
)
def test_a_wrong_index_is_said(bad):
    opened = opened_with(Bench(), bad, OLD)
    assert not opened.complete
    assert own(opened) == ()


def test_missing_chunks_are_counted():
    opened = opened_with(Bench(), caibx([*CHUNKS, b"new"]), OLD)
    assert codes(opened) == {"delta.base"}
    assert "1 of 4 chunks" in opened.problems[0].text
    assert codes(Bench().open(caibx(CHUNKS))) == {"delta.base"}


def test_an_index_is_put_together_from_baselines():
    bench = Bench()
    opened = opened_with(bench, caibx(CHUNKS), OLD[:7000] + bytes(2000), bytes(7000) + OLD[7000:])
    assert opened.complete, opened.problems
    assert bench.content(opened, b"data") == OLD


def test_the_index_equals_the_reference_program(tmp_path):
    casync = tool("casync", "casync")
    new = noise(300_000, 6)
    (tmp_path / "new").write_bytes(new)
    command = [casync, "make", "new.caibx", "new", "--store=store.castr"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True)
    if done.returncode:
        pytest.skip("ORACLE FAILED: casync could not make an index here")
    index = (tmp_path / "new.caibx").read_bytes()
    assert codes(Bench().open(index)) == {"delta.base"}
    bench = Bench()
    opened = opened_with(bench, index, new)
    assert opened.complete, opened.problems
    assert bench.content(opened, b"data") == new

"""WIM files: what must be said, then what comes out."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess

import pytest

from fwverify.reader import Malformed
from fwverify.unpack.installers.wim import (
    MAGIC,
    WIM,
    Resource,
    Row,
    _grouped,
    _layout,
    read_header,
    read_table,
)
from fwverify.unpack.sevenzip_tool import locate
from tests.unpack.helpers import Bench, codes, kinds, noise, sha
from tests.unpack_formats.helpers import new_store, source

needs_tools = pytest.mark.skipif(
    shutil.which("wimlib-imagex") is None or locate() is None,
    reason="FORMAT NOT TESTED: wimlib-imagex or 7zz is absent (Debian: wimtools, 7zip)",
)
FILES = {"a.txt": b"hello\n", "sub/big.bin": noise(40_000), "sub/same.txt": b"hello\n"}


def capture(folder, *options):
    root = folder / "root"
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    made = folder / "a.wim"
    command = ["wimlib-imagex", "capture", root, made, "Scanner image", *options]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return made.read_bytes()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return capture(tmp_path_factory.mktemp("wim"), "--compress=none", "--check")


def header(**changes):
    fields = {"size": 208, "version": 0x10D00, "parts": 1, "table": (208, 0, 0)} | changes
    packed, offset, plain_bytes = fields["table"][1], fields["table"][0], fields["table"][2]
    data = MAGIC + struct.pack("<4I", fields["size"], fields["version"], 0, 0) + bytes(16)
    data += struct.pack("<2HI", 1, fields["parts"], 0) + struct.pack(
        "<3Q", packed, offset, plain_bytes
    )
    return data.ljust(208, b"\0")


@pytest.mark.parametrize("change", [{"size": 9}, {"version": 7 << 16}])
def test_a_hostile_header_is_broken(change):
    with pytest.raises(Malformed):
        read_header(header(**change))


@pytest.mark.parametrize(
    "table", [(208, 49, 49), (208, 50, 51), (208, 1 << 50, 1 << 50), (208, 50 | 4 << 56, 50)]
)
def test_a_hostile_table_is_broken(table):
    data = header(table=table)
    with pytest.raises(Malformed):
        read_table(data, read_header(data).table)


def test_rows_of_two_solid_resources_do_not_mix():
    first, second = Resource(208, 10, 1 << 32, 16), Resource(218, 10, 1 << 32, 16)
    member = Resource(0, 5, 0, 16)
    rows = (Row(first, 1, b"-"), Row(member, 1, b"a"), Row(second, 1, b"-"), Row(member, 1, b"b"))
    assert _grouped(rows) == {first: {b"a"}, second: {b"b"}}


@needs_tools
def test_a_changed_content_is_never_extracted(plain):
    at = plain.index(FILES["sub/big.bin"][:64])
    changed = bytearray(plain)
    changed[at + 9] ^= 1
    opened = Bench().open(bytes(changed))
    assert not opened.complete
    assert kinds(opened)["unexplained"] >= 40_000


@needs_tools
def test_an_integrity_table_that_does_not_hold_is_said(plain):
    place = read_header(plain).integrity
    changed = bytearray(plain)
    changed[place.start + 12] ^= 1
    opened = Bench().open(bytes(changed))
    assert "format.malformed" in codes(opened)


@needs_tools
def test_a_resource_without_a_content_of_its_sum_is_not_extracted(plain, tmp_path):
    layout = _layout(source(plain, new_store(tmp_path)), ())
    assert "extracted" not in {region.kind for region in layout.regions}
    assert "no file has" in layout.complaint


@needs_tools
def test_a_part_of_a_set_is_incomplete(plain):
    changed = bytearray(plain)
    changed[42:44] = b"\x02\x00"
    assert "missing.volume" in codes(Bench().open(bytes(changed)))


@needs_tools
def test_a_stream_that_no_file_uses_is_unexplained(plain):
    """A row's SHA-1 that no content has: its bytes belong to no file."""
    table = read_header(plain).table
    rows = read_table(plain, table)
    number = next(at for at, row in enumerate(rows) if row.resource.size == 40_000)
    changed = bytearray(plain)
    changed[table.start + 50 * number + 30] ^= 0xFF
    opened = Bench().open(bytes(changed))
    assert not opened.complete
    assert kinds(opened)["unexplained"] >= 40_000


@needs_tools
def test_bytes_behind_and_between_are_unexplained(plain):
    assert kinds(Bench().open(plain + noise(100)))["unexplained"] >= 100


@needs_tools
def test_every_prefix_is_incomplete(plain):
    for end in range(208, len(plain), 6007):
        assert not Bench().open(plain[:end]).complete


@needs_tools
def test_flipped_bytes_never_raise(plain):
    chance = random.Random(4)
    for _ in range(12):
        changed = bytearray(plain)
        changed[chance.randrange(300)] ^= 1 << chance.randrange(8)
        Bench().open(bytes(changed))


@needs_tools
@pytest.mark.parametrize(
    "options",
    [["--compress=none"], ["--compress=xpress"], ["--compress=lzx"], ["--solid"], ["--check"]],
    ids=" ".join,
)
def test_every_file_and_every_byte(options, tmp_path):
    opened = Bench().open(capture(tmp_path, *options))
    assert opened.complete
    assert "unexplained" not in kinds(opened)
    entries = {entry.name.decode(): entry.sha256 for entry in opened.entries}
    assert {name: entries[name] for name in FILES} == {n: sha(d) for n, d in FILES.items()}
    assert opened.identity.product == "Scanner image"


def test_the_format_is_named():
    assert WIM.recognise(header(), "")
    assert not WIM.recognise(b"MSWIM\0\0\1", "")

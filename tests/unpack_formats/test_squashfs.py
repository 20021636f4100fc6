import hashlib
import os
import shutil
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.limits import Limits
from fwverify.reader import Malformed
from fwverify.unpack.squashfs import SQUASHFS, open_image
from tests.builders.squashfs import ABSENT, Builder, Device, build, image
from tests.unpack_formats.helpers import by_name, check, count, new_store, source

TREE = {
    "bin": {"busybox": b"\x7fELF" + b"code" * 3000, "sh": "busybox"},
    "dev": {"console": Device(5, 1), "disk": Device(300, 70_000, character=False)},
    "etc": {"passwd": b"root:x:0:0::/:/bin/sh\n", "empty": b""},
    "sparse": b"a" * 4096 + bytes(4096 * 3) + b"z" * 10,
}


def sha(data):
    return hashlib.sha256(data).hexdigest()


def opened(data, tmp_path, **options):
    store = new_store(tmp_path)
    return check(open_image(source(data, store, **options)), data, store)


def rules(result):
    return {observation.rule for observation in result.observations}


def codes(result):
    return {problem.code for problem in result.problems}


@pytest.mark.parametrize("codec", ["gzip", "xz", "lz4", "zstd"])
def test_every_file_comes_out_with_its_header_facts(codec, tmp_path):
    data = image(TREE, codec=codec)
    result = opened(data, tmp_path)
    entries = by_name(result)
    assert result.complete
    assert not result.observations
    assert entries[b"bin/busybox"].sha256 == sha(TREE["bin"]["busybox"])
    assert entries[b"etc/empty"].sha256 == sha(b"")
    assert entries[b"sparse"].sha256 == sha(TREE["sparse"])
    assert entries[b"bin/sh"].link == b"busybox"
    assert entries[b"dev/console"].device == (5, 1)
    assert entries[b"dev/disk"].device == (300, 70_000)
    assert entries[b"bin"].mode == 0o755
    assert entries[b"bin/busybox"].mtime == 1000
    assert count(result, "unexplained") == 0
    assert count(result, "padding") == len(data) - int(dict(result.attributes)["bytes_used"])


def test_special_permission_bits_are_kept(tmp_path):
    entries = by_name(opened(image({"su": b"x"}, mode=0o6755), tmp_path))
    assert entries[b"su"].mode == 0o6755


def test_bytes_behind_the_image_are_unexplained(tmp_path):
    data = image(TREE) + b"appended payload"
    result = opened(data, tmp_path)
    assert result.regions[-1].kind == "unexplained"
    assert result.regions[-1].end == len(data)


def test_bytes_between_blocks_are_unexplained(tmp_path):
    builder = Builder()
    first = builder.add_file("a", b"A" * 4096)
    builder.layout.image += b"hidden between blocks"
    second = builder.add_file("b", b"B" * 4096)
    root = builder.finish_folder([(b"a", *first), (b"b", *second)])
    data = bytes(builder.finish(root).image)
    result = opened(data, tmp_path)
    hidden = data.index(b"hidden between")
    region = next(r for r in result.regions if r.start <= hidden < r.end)
    assert region.kind == "unexplained"


def test_bytes_behind_a_compressed_stream_are_seen(tmp_path):
    builder = Builder()
    pack = builder.pack
    builder.pack = lambda data: pack(data) + b"smuggled"
    root = builder.add_folder("", {"a": b"A" * 4096})[1]
    data = bytes(builder.finish(root).image)
    result = opened(data, tmp_path)
    assert "squashfs.block_slack" in rules(result)
    assert count(result, "unexplained") == len(b"smuggled")


def test_an_inode_that_no_directory_names_is_unpacked(tmp_path):
    builder = Builder()
    builder.add_file("ghost", b"backdoor" * 512)
    root = builder.add_folder("", {"a": b"visible"})[1]
    result = opened(bytes(builder.finish(root).image), tmp_path)
    assert by_name(result)[b"@inode-1"].sha256 == sha(b"backdoor" * 512)
    assert "squashfs.orphan" in rules(result)


def test_the_unused_part_of_a_fragment_is_unpacked(tmp_path):
    builder = Builder()
    builder.tail += b"nobody asks for this"
    root = builder.add_folder("", {"a": b"visible"})[1]
    result = opened(bytes(builder.finish(root).image), tmp_path)
    assert by_name(result)[b"@fragment-0"].sha256 == sha(b"nobody asks for this")
    assert "squashfs.unused_fragment" in rules(result)


def test_directory_bytes_that_no_directory_lists_are_a_problem(tmp_path):
    builder = Builder()
    builder.listings += b"a hidden note"
    root = builder.add_folder("", {"a": b"visible"})[1]
    result = opened(bytes(builder.finish(root).image), tmp_path)
    assert not result.complete
    assert "squashfs.unread_listing" in rules(result)
    assert b"a" in by_name(result)


def test_a_directory_loop_ends_and_is_named(tmp_path):
    builder = Builder()
    loop = len(builder.inodes)
    builder.finish_folder([(b"again", 1, loop)])
    root = builder.finish_folder([(b"d", 1, loop)])
    result = opened(bytes(builder.finish(root).image), tmp_path)
    assert "squashfs.loop" in rules(result)
    assert not result.complete
    assert len(result.entries) == 2


def test_two_names_of_one_inode_keep_their_content(tmp_path):
    builder = Builder()
    file = builder.add_file("a", b"shared" * 1000)
    root = builder.finish_folder([(b"a", *file), (b"b", *file)])
    result = opened(bytes(builder.finish(root).image), tmp_path)
    entries = by_name(result)
    assert entries[b"a"].sha256 == entries[b"b"].sha256 == sha(b"shared" * 1000)
    assert result.complete
    assert "squashfs.inode_overlap" not in rules(result)


def test_a_name_listed_twice_is_an_observation(tmp_path):
    builder = Builder()
    one, two = builder.add_file("a", b"benign"), builder.add_file("b", b"other")
    root = builder.finish_folder([(b"a", *one), (b"a", *two)])
    store = new_store(tmp_path)
    data = bytes(builder.finish(root).image)
    result = check(open_image(source(data, store)), data, store)
    assert "squashfs.duplicate_name" in rules(result)
    assert {entry.sha256 for entry in result.entries} == {sha(b"benign"), sha(b"other")}


@pytest.mark.parametrize("name", [b"..", b".", b"a/b", b"nul\0", b"../../etc/cron.d/x"])
def test_a_name_no_file_can_have_is_an_observation(name, tmp_path):
    builder = Builder()
    file = builder.add_file("a", b"content")
    root = builder.finish_folder([(name, *file)])
    result = opened(bytes(builder.finish(root).image), tmp_path)
    assert "squashfs.name" in rules(result)
    assert by_name(result)[name].sha256 == sha(b"content")


def test_an_entry_whose_type_differs_from_its_inode_is_an_observation(tmp_path):
    builder = Builder()
    _, place = builder.add_file("a", b"content")
    root = builder.finish_folder([(b"a", 3, place)])
    assert "squashfs.type_mismatch" in rules(opened(bytes(builder.finish(root).image), tmp_path))


def test_blocks_that_overlap_are_an_observation(tmp_path):
    builder = Builder()
    content = bytes(range(256)) * 16 + bytes(reversed(range(256))) * 16
    builder.pack = lambda data: data
    file = builder.add_file("a", content)
    start = builder.layout.blocks["a"][0]
    body = struct.pack("<5I", start + 2048, 0xFFFF_FFFF, 0, 4096, 4096 | 1 << 24)
    shifted = builder.add_inode(2, body)
    root = builder.finish_folder([(b"a", *file), (b"b", 2, shifted)])
    result = opened(bytes(builder.finish(root).image), tmp_path)
    assert "squashfs.overlap" in rules(result)
    assert by_name(result)[b"b"].sha256 == sha(content[2048:6144])


def test_a_block_outside_the_image_costs_that_file_alone(tmp_path):
    builder = Builder()
    good = builder.add_file("a", b"good" * 1024)
    body = struct.pack("<5I", 0x7FFF_0000, 0xFFFF_FFFF, 0, 4096, 4096)
    bad = builder.add_inode(2, body)
    root = builder.finish_folder([(b"a", *good), (b"b", 2, bad)])
    result = opened(bytes(builder.finish(root).image), tmp_path)
    entries = by_name(result)
    assert entries[b"a"].sha256 == sha(b"good" * 1024)
    assert entries[b"b"].sha256 is None
    assert [problem.path for problem in result.problems] == ["b"]


def test_an_absurd_file_size_allocates_nothing(tmp_path):
    builder = Builder()
    body = struct.pack("<3Q4I", 96, 1 << 62, 0, 1, 0xFFFF_FFFF, 0, 0xFFFF_FFFF)
    huge = builder.add_inode(9, body)
    root = builder.finish_folder([(b"huge", 2, huge)])
    result = opened(bytes(builder.finish(root).image), tmp_path)
    assert not result.complete


def test_a_sparse_bomb_stops_at_its_bound(tmp_path):
    builder = Builder(block_size=1 << 20)
    size = 8192 << 20
    body = struct.pack("<3Q4I", 96, size, 0, 1, 0xFFFF_FFFF, 0, 0xFFFF_FFFF)
    bomb = builder.add_inode(9, body + bytes(4 * 8192))
    root = builder.finish_folder([(b"bomb", 2, bomb)])
    limits = Limits(ratio_free_bytes=1 << 20, ratio=10)
    result = opened(bytes(builder.finish(root).image), tmp_path, limits=limits)
    assert codes(result) == {"limit.bytes_out"}


def test_more_entries_than_allowed_is_a_limit(tmp_path):
    data = image({f"f{i}": b"x" for i in range(20)})
    result = opened(data, tmp_path, limits=Limits(files=10))
    assert "limit.files" in codes(result)


@pytest.mark.parametrize(
    ("offset", "layout", "value"),
    [
        (12, "<I", 12345),  # block size is not a power of two
        (22, "<H", 40),  # block log
        (64, "<Q", 1 << 40),  # inode table behind the end
        (72, "<Q", 10),  # directory table before the inodes
        (32, "<Q", 0xFFFF_0000),  # root inode
        (40, "<Q", 5),  # bytes used
    ],
)
def test_a_superblock_that_contradicts_itself_is_malformed(offset, layout, value, tmp_path):
    data = bytearray(image(TREE))
    struct.pack_into(layout, data, offset, value)
    with pytest.raises(Malformed) as error:
        open_image(source(bytes(data), new_store(tmp_path)))
    assert error.value.field.startswith("squashfs.")


@pytest.mark.parametrize(
    ("offset", "value"), [(28, 3), (28, 5), (20, 9)], ids=["v3", "v5", "vendor"]
)
def test_what_it_cannot_decode_is_named_and_incomplete(offset, value, tmp_path):
    data = bytearray(image(TREE, stored_metadata=True))
    struct.pack_into("<H", data, offset, value)
    result = opened(bytes(data), tmp_path)
    assert not result.complete
    assert "unsupported" in codes(result)


@pytest.mark.parametrize("magic", [b"sqsh", b"shsq", b"qshs"])
def test_other_spellings_are_detected_and_incomplete(magic, tmp_path):
    data = magic + image(TREE)[4:]
    assert SQUASHFS.recognise(data, "x")
    result = opened(data, tmp_path)
    assert codes(result) == {"unsupported"}
    assert count(result, "parsed") == 0


@pytest.mark.parametrize("junk", [b"\x10\x00not a zlib stream!", b"\xff\x7fabc", b"\x00\x80"])
@pytest.mark.parametrize("table", ["inodes", "directories"])
def test_a_metadata_block_that_cannot_be_decoded_is_incomplete(table, junk, tmp_path):
    builder = Builder()
    root = builder.add_folder("", {"a": b"visible"})[1]
    good = bytes(builder.finish(root).image)
    layout = builder.layout
    at = layout.directories if table == "inodes" else layout.fragments - 18
    data = bytearray(good[:at] + junk + good[at:])
    for field in (40, 48, 72, 80):  # what stands behind the junk moves
        (place,) = struct.unpack_from("<Q", data, field)
        if place >= at:
            struct.pack_into("<Q", data, field, place + len(junk))
    for lookup in (48, 80):
        (place,) = struct.unpack_from("<Q", data, lookup)
        (block,) = struct.unpack_from("<Q", data, place)
        struct.pack_into("<Q", data, place, block + len(junk))
    result = opened(bytes(data), tmp_path)
    assert by_name(result)[b"a"].sha256 == sha(b"visible")
    assert not result.complete
    assert count(result, "unexplained") >= len(junk)


@pytest.mark.parametrize("table", [48, 80])
def test_a_missing_table_is_a_problem(table, tmp_path):
    data = bytearray(image(TREE))
    struct.pack_into("<Q", data, table, ABSENT - 9)
    result = opened(bytes(data), tmp_path)
    assert not result.complete
    assert b"bin/sh" in by_name(result)


def test_a_truncated_image_is_never_complete(tmp_path):
    layout = build(TREE)
    data = bytes(layout.image)
    store = new_store(tmp_path)
    for size in range(4, len(data), 37):
        piece = data[:size]
        try:
            result = check(open_image(source(piece, store)), piece, store)
        except Malformed:
            continue
        assert not result.complete, size


def test_a_damaged_block_costs_that_file_alone(tmp_path):
    layout = build(TREE, codec="zstd")
    start, end = layout.blocks["bin/busybox"]
    data = bytearray(layout.image)
    data[(start + end) // 2] ^= 0xFF
    data[start] ^= 0xFF
    result = opened(bytes(data), tmp_path)
    assert {problem.path for problem in result.problems} == {"bin/busybox"}
    assert by_name(result)[b"etc/passwd"].sha256 == sha(TREE["etc"]["passwd"])


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.integers(0, 1 << 20), st.integers(1, 255), st.integers(0, 3))
def test_a_flipped_byte_never_crashes_and_sums_hold(tmp_path_factory, at, flip, target):
    layout = build(TREE)
    data = bytearray(layout.image)
    starts = (0, layout.inodes, layout.directories, 0)
    ends = (96, layout.directories, len(data), len(data))
    data[starts[target] + at % (ends[target] - starts[target])] ^= flip
    store = new_store(tmp_path_factory.mktemp("s"))
    try:
        check(open_image(source(bytes(data), store)), bytes(data), store)
    except Malformed as error:
        assert error.field  # noqa: PT017


# --- a second opinion: squashfs-tools -------------------------------------------------

needs_mksquashfs = pytest.mark.skipif(
    shutil.which("mksquashfs") is None,
    reason="SQUASHFS NOT COMPARED: mksquashfs is absent (Debian: squashfs-tools)",
)

trees = st.dictionaries(
    st.from_regex(r"[a-z]{1,12}", fullmatch=True),
    st.tuples(st.sampled_from([0, 1, 77, 4096, 5000, 131072, 200_001]), st.integers(0, 3)),
    min_size=1,
    max_size=8,
)


@needs_mksquashfs
@pytest.mark.parametrize("codec", ["gzip", "xz", "lzma", "lz4", "lzo", "zstd"])
@settings(max_examples=4, derandomize=True, deadline=None)
@given(tree=trees, options=st.sampled_from([(), ("-noI", "-noD"), ("-b", "4096"), ("-noF",)]))
def test_what_mksquashfs_wrote_comes_out_again(tmp_path_factory, codec, tree, options):
    tmp_path = tmp_path_factory.mktemp("mk")
    root = tmp_path / "root"
    for name, (size, kind) in tree.items():
        folder = root / f"d{kind}"
        folder.mkdir(parents=True, exist_ok=True)
        unit = hashlib.sha256(name.encode()).digest()
        (folder / name).write_bytes(b"".join(unit for _ in range(size // 32 + 1))[:size])
        (folder / name).chmod((0o644, 0o4755, 0o600, 0o2711)[kind])
        (folder / f"{name}.link").symlink_to(f"../{name}")
    made = tmp_path / "image"
    command = ["mksquashfs", root, made, "-comp", codec, "-quiet", "-no-progress", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    result = opened(made.read_bytes(), tmp_path)
    entries = by_name(result)
    for path in root.rglob("*"):
        entry = entries.pop(str(path.relative_to(root)).encode())
        assert entry.mode == path.lstat().st_mode & 0o7777
        if path.is_symlink():
            assert entry.link == bytes(path.readlink())
        elif path.is_file():
            assert entry.sha256 == sha(path.read_bytes())
    assert not entries
    assert result.complete
    assert not result.observations
    assert count(result, "unexplained") == 0


@needs_mksquashfs
def test_extended_attributes_are_read(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "net").write_bytes(b"hello\n")
    try:
        os.setxattr(root / "net", "user.note", b"payload-in-an-attribute")
    except OSError as error:
        pytest.skip(f"EXTENDED ATTRIBUTES NOT TESTED: this disk refuses them ({error})")
    made = tmp_path / "image"
    command = ["mksquashfs", root, made, "-quiet", "-no-progress"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    store = new_store(tmp_path)
    data = made.read_bytes()
    result = check(open_image(source(data, store)), data, store)
    assert result.complete
    assert b"payload-in-an-attribute" in store.read(by_name(result)[b"@xattrs"].sha256)
    assert count(result, "unexplained") == 0

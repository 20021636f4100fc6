import struct
import zlib

import pytest

from fwverify.unpack.documents.pictures import BMP, GIF, ICON, JPEG, RIFF
from tests.builders.archives import png
from tests.unpack.helpers import Bench, kinds, noise, rules
from tests.unpack_packages.helpers import (
    never_complete_when_cut,
    never_raises_when_flipped,
    opened_by,
)


def segment(marker, body):
    return b"\xff" + bytes((marker,)) + struct.pack(">H", len(body) + 2) + body


def jpeg(*, extra=b"", scan=b"\x12\xff\x00\x34" * 20, width=64, height=64, end=b"\xff\xd9"):
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    return (
        b"\xff\xd8" + segment(0xE0, b"JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00")
        + extra + segment(0xDB, b"\x00" + bytes(range(1, 65))) + segment(0xC0, frame)
        + segment(0xC4, b"\x00" + bytes(16)) + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
        + scan + end
    )  # fmt: skip


def gif(width=8, height=8, *, data=None, extra=b"", tail=b""):
    if data is None:
        codes = [4, *[0] * (width * height), 5]  # clear often enough to stay at 3 bits
        codes = [4]
        for _ in range(width * height):
            codes += [0, 4]
        codes.append(5)
        bits = sum(code << 3 * at for at, code in enumerate(codes))
        data = bits.to_bytes(-(-3 * len(codes) // 8), "little")
    data += tail
    blocks = b"".join(
        bytes((len(data[at : at + 255]),)) + data[at : at + 255] for at in range(0, len(data), 255)
    )
    screen = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\x00\x00" + bytes(6)
    head = b"\x2c" + struct.pack("<4HB", 0, 0, width, height, 0)
    return screen + extra + head + b"\x02" + blocks + b"\x00\x3b"


def bmp(width=6, height=4, *, after=b""):
    pixels = bytes(range(18)) + b"\0\0"
    body = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + pixels * 4
    return b"BM" + struct.pack("<3I", 14 + len(body), 0, 54) + body + after


def icon(picture=None):
    picture = png() if picture is None else picture
    entry = struct.pack("<4BHHII", 16, 16, 0, 0, 1, 32, len(picture), 22)
    return struct.pack("<3H", 0, 1, 1) + entry + picture


def riff(*chunks, form=b"WAVE"):
    body = form
    for kind, data in chunks:
        body += kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


WAV = riff((b"fmt ", bytes(16)), (b"data", b"sound" * 9))
CASES = [(JPEG, jpeg()), (GIF, gif()), (BMP, bmp()), (ICON, icon()), (RIFF, WAV)]
IDS = [fmt.name for fmt, _ in CASES]


@pytest.mark.parametrize(("fmt", "data"), CASES, ids=IDS)
def test_every_byte_has_its_class(fmt, data):
    opened = Bench().open(data)
    assert opened.complete
    assert opened.format == {"riff": "wav"}.get(fmt.name, fmt.name)
    assert "unexplained" not in kinds(opened)
    assert not rules(opened)


@pytest.mark.parametrize(("fmt", "data"), CASES, ids=IDS)
def test_what_stands_behind_is_unexplained(fmt, data):
    assert kinds(Bench().open(data + noise(100)))["unexplained"] == 100


@pytest.mark.parametrize(("fmt", "data"), CASES, ids=IDS)
def test_truncation_is_never_complete(fmt, data):
    never_complete_when_cut(fmt, data)


@pytest.mark.parametrize(("fmt", "data"), CASES, ids=IDS)
def test_flips_never_raise(fmt, data):
    never_raises_when_flipped(fmt, data)


def test_an_archive_behind_a_picture_is_found():
    from tests.builders.archives import ZipItem, zip_archive

    opened = Bench().open(jpeg() + zip_archive(ZipItem(b"evil", b"x" * 50)))
    assert [each.name.split(b".")[-1] for each in opened.entries] == [b"zip"]


@pytest.mark.parametrize("marker", [0xE1, 0xE2, 0xED, 0xFE])
def test_metadata_is_a_child(marker):
    bench = Bench()
    opened = bench.open(jpeg(extra=segment(marker, b"Exif http://x.example")))
    assert bench.store.read(opened.entries[0].sha256) == b"Exif http://x.example"


def test_coded_data_longer_than_the_picture_can_need_is_unexplained():
    hidden = noise(60_000).replace(b"\xff", b"\x00")
    opened = Bench().open(jpeg(scan=hidden))
    assert "picture.too_long" in rules(opened)
    assert kinds(opened)["unexplained"] == 60_000


@pytest.mark.parametrize(
    "data",
    [b"\xff\xd8\xff\xd9", b"\xff\xd8" + segment(0xDA, b"x") + b"\xff\xd9",
     b"\xff\xd8\xff\xe0\x00\x00", b"\xff\xd8\xff\xe0\x00\x01", jpeg(width=0)],
)  # fmt: skip
def test_a_jpeg_without_a_picture_is_not_read(data):
    assert opened_by(JPEG, data) is None


def test_endless_segments_are_bounded():
    data = jpeg()[:-2] + segment(0xDB, bytes(65)) * 2000 + b"\xff\xd9"
    assert not opened_by(JPEG, data).complete


def test_bytes_behind_a_gifs_end_code_are_unexplained():
    opened = Bench().open(gif(tail=noise(200)))
    assert "picture.hidden" in rules(opened)
    assert kinds(opened)["unexplained"] > 200


@pytest.mark.parametrize("size", [(9, 8), (8, 9), (7, 8), (65535, 65535)])
def test_a_gif_with_other_pixels_than_it_says_is_incomplete(size):
    data = gif()[: 6 + 4 + 3 + 6] + b"\x2c" + struct.pack("<4HB", 0, 0, *size, 0)
    data += gif()[6 + 4 + 3 + 6 + 10 :]
    assert not opened_by(GIF, data).complete


def test_a_gif_comment_is_a_child():
    bench = Bench()
    opened = bench.open(gif(extra=b"\x21\xfe\x05hello\x00"))
    assert bench.store.read(opened.entries[0].sha256) == b"hello"


@pytest.mark.parametrize(
    ("at", "value"), [(10, 55), (14, 12), (28, 7), (30, 1), (18, 0), (18, 0x7FFFFFFF), (46, 300)]
)
def test_a_bitmap_with_absurd_fields_is_not_read(at, value):
    data = bytearray(bmp())
    data[at : at + 4] = struct.pack("<I", value) if at != 28 else b"\x07\x00\x00\x00"
    assert opened_by(BMP, bytes(data)) is None


def test_icon_pictures_that_share_bytes_are_said():
    entry = struct.pack("<4BHHII", 16, 16, 0, 0, 1, 32, len(png()), 38)
    opened = Bench().open(struct.pack("<3H", 0, 1, 2) + entry * 2 + png())
    assert "unpack.evasion.overlap" in rules(opened)


def test_an_icon_bitmap_of_another_size_stays_unexplained():
    head = struct.pack("<IiiHHIIiiII", 40, 16, 32, 1, 32, 0, 0, 0, 0, 0, 0)
    exact = head + noise(16 * 16 * 4 + 64)
    assert "unexplained" not in kinds(Bench().open(icon(exact)))
    assert kinds(Bench().open(icon(exact + noise(500))))["unexplained"] == len(exact) + 500


def test_webp_data_is_bounded_by_its_picture():
    head = b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", 8, 8)
    good = Bench().open(riff((b"VP8 ", head + noise(300)), form=b"WEBP"))
    assert kinds(good).get("extracted") is None
    long = Bench().open(riff((b"VP8 ", head + noise(50_000)), form=b"WEBP"))
    assert kinds(long)["extracted"] == 50_010


def test_a_png_is_what_it_was():
    assert zlib.crc32(png()) and Bench().open(png()).format == "png"


def test_content_inside_unexplained_bytes_is_carved():
    opened = Bench().open(noise(500, 40) + jpeg() + noise(300, 41) + gif() + noise(200, 42))
    formats = sorted(each.name.rpartition(b".")[2] for each in opened.entries)
    assert formats == [b"gif", b"jpeg"]
    assert kinds(opened)["unexplained"] == 1000

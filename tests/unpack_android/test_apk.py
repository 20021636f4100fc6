"""APK and OTA archives: signing block, binary XML, resources, DEX. Wrong comes first."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import zipfile
import zlib

import pytest

from tests.builders import pki
from tests.corpus import CORPUS, needs_corpus
from tests.unpack.helpers import Bench, codes, kinds, noise, rules


def chunk(kind: int, head: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<2HI", kind, 8 + len(head), 8 + len(head) + len(body)) + head + body


def pool(strings, *, wide=True) -> bytes:
    data, offsets = b"", []
    for text in strings:
        offsets.append(len(data))
        if wide:
            data += struct.pack("<H", len(text)) + text.encode("utf-16-le") + b"\0\0"
        else:
            raw = text.encode()
            data += bytes((len(text), len(raw))) + raw + b"\0"
    data += bytes(-len(data) % 4)
    rows = b"".join(struct.pack("<I", each) for each in offsets)
    flags = 0 if wide else 256
    head = struct.pack("<5I", len(strings), 0, flags, 28 + len(rows), 0)
    return chunk(1, head, rows + data)


STRINGS = ["versionCode", "versionName", "name", "package", "manifest", "org.example.app", "4.5",
           "uses-permission", "android.permission.INTERNET"]  # fmt: skip
NONE = 0xFFFFFFFF


def manifest(strings=STRINGS, *, wide=True) -> bytes:
    def attr(key, raw, kind, data):
        return struct.pack("<3I", NONE, key, raw) + struct.pack("<HBBI", 8, 0, kind, data)

    def start(name, *attributes):
        body = struct.pack("<2I6H", NONE, name, 20, 20, len(attributes), 0, 0, 0)
        body += b"".join(attributes)
        return struct.pack("<2HI2I", 0x102, 16, 16 + len(body), 1, NONE) + body

    def end(name):
        return struct.pack("<2HI4I", 0x103, 16, 24, 1, NONE, NONE, name)

    ids = chunk(0x180, b"", struct.pack("<3I", 0x0101021B, 0x0101021C, 0x01010003))
    body = pool(strings, wide=wide) + ids
    body += start(4, attr(0, NONE, 16, 45), attr(1, 6, 3, 6), attr(3, 5, 3, 5))
    body += start(7, attr(2, 8, 3, 8)) + end(7) + end(4)
    return struct.pack("<2HI", 3, 8, 8 + len(body)) + body


def dex(strings=("alpha", "https://evil.example/c2"), *, good=True) -> bytes:
    data = b""
    table, count = 0x70, len(strings)
    place = table + 4 * count
    offsets = []
    for text in strings:
        offsets.append(place + len(data))
        data += bytes((len(text),)) + text.encode() + b"\0"
    code = place + len(data)
    data += b"\x12\x34" * 20
    mapping = code + 40
    entries = [(0, 1, 0), (1, count, table), (0x2002, count, place), (0x2001, 1, code),
               (0x1000, 1, mapping)]  # fmt: skip
    data += struct.pack("<I", len(entries)) + b"".join(
        struct.pack("<2H2I", kind, 0, items, at) for kind, items, at in entries
    )
    body = b"".join(struct.pack("<I", each) for each in offsets) + data
    size = 0x70 + len(body)
    tail = struct.pack("<3I", size, 0x70, 0x12345678) + struct.pack("<3I", 0, 0, mapping)
    tail += struct.pack("<2I", count, table) + struct.pack("<12I", *([0] * 12)) + body
    digest = hashlib.sha1(tail).digest() if good else bytes(20)
    return b"dex\n035\0" + struct.pack("<I", zlib.adler32(digest + tail)) + digest + tail


def archive(files, *, comment=b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
        for name, data in files:
            written.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data)
        written.comment = comment
    return out.getvalue()


def with_block(data: bytes, pairs, *, size=None) -> bytes:
    """Put a signing block before the central directory and move what points at it."""
    end = data.rindex(b"PK\x05\x06")
    start = struct.unpack("<I", data[end + 16 : end + 20])[0]
    body = b"".join(struct.pack("<QI", len(value) + 4, key) + value for key, value in pairs)
    length = len(body) + 24
    block = struct.pack("<Q", length if size is None else size) + body
    block += struct.pack("<Q", length) + b"APK Sig Block 42"
    moved = data[: end + 16] + struct.pack("<I", start + len(block)) + data[end + 20 :]
    return moved[:start] + block + moved[start:]


def lp(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def signers(*, versions=b"", attributes=b"", certificate=None, digest=b"d" * 32) -> bytes:
    """One signer of scheme v2, or of v3 with ``versions``."""
    who = pki.signer()
    algorithm = struct.pack("<I", 0x0103)
    signed = lp(lp(algorithm + lp(digest))) + lp(
        lp(who.der if certificate is None else certificate)
    )
    signed += versions + lp(attributes)
    signature = lp(lp(algorithm + lp(b"s" * 256)))
    return lp(lp(lp(signed) + versions + signature + lp(pki.spki(who.private))))


SIGNERS = signers()
PLAIN = archive([("AndroidManifest.xml", manifest()), ("classes.dex", dex())])
APK = with_block(PLAIN, [(0x7109871A, SIGNERS), (0x42726577, bytes(40))])


def test_an_unknown_pair_is_not_explained():
    opened = Bench().open(with_block(PLAIN, [(0xDEADBEEF, noise(100))]))
    assert kinds(opened)["unexplained"] >= 100


def test_padding_that_is_not_zero_is_not_explained():
    opened = Bench().open(with_block(PLAIN, [(0x42726577, b"hidden" * 10)]))
    assert kinds(opened)["unexplained"] >= 60


def test_a_pair_that_stands_twice_is_said():
    pairs = [(0x7109871A, b"one"), (0x7109871A, b"two")]
    assert "unpack.evasion.duplicate" in rules(Bench().open(with_block(PLAIN, pairs)))


@pytest.mark.parametrize("size", [0, 7, 1 << 62])
def test_a_block_whose_sizes_differ_is_said(size):
    opened = Bench().open(with_block(PLAIN, [(0x7109871A, b"x")], size=size))
    assert not opened.complete


def test_an_apk_has_identity_and_its_signature_is_delimited():
    opened = Bench().open(APK)
    assert opened.complete, opened.problems
    assert opened.identity.product == "org.example.app"
    assert (opened.identity.version, opened.identity.build) == ("4.5", "45")
    assert kinds(opened)["signature"] == len(SIGNERS)
    facts = dict(opened.attributes)
    start, end = map(int, facts["apk_signature_v2"].split("-"))
    assert APK[start:end] == SIGNERS
    assert facts["permission_000"] == "android.permission.INTERNET"
    assert "unexplained" not in kinds(opened)


# --- binary XML and tables -----------------------------------------------------------------


@pytest.mark.parametrize("at", range(0, 120, 3))
@pytest.mark.parametrize("value", [0xFF, 0x7F])
def test_absurd_numbers_in_binary_xml_never_raise(at, value):
    data = manifest()
    Bench().open(data[:at] + bytes((value,)) * 4 + data[at + 4 :])


def test_cut_binary_xml_is_never_complete():
    data, bench = manifest(), Bench()
    for end in range(16, len(data), 29):
        assert not bench.open(data[:end]).complete


@pytest.mark.parametrize("wide", [True, False])
def test_strings_of_binary_xml_are_a_child(wide):
    bench = Bench()
    opened = bench.open(manifest(wide=wide))
    assert opened.complete, opened.problems
    assert bench.content(opened, b"@strings").decode().splitlines() == STRINGS
    assert opened.identity.product == "org.example.app"
    assert set(kinds(opened)) <= {"parsed", "padding"}
    assert kinds(opened).get("padding", 0) < 4


def resources(*, flags=0, count=2) -> bytes:
    offsets = struct.pack("<2I", 0, 16)
    entries = struct.pack("<2HI2HI", 8, 0, 0, 8, 0x300, 0)
    entries += struct.pack("<2HI2I", 16, 1, 1, 0, 1) + struct.pack("<I2HI", 2, 8, 0x300, 1)
    config = struct.pack("<I", 28) + bytes(24)
    head = struct.pack("<4B2I", 1, flags, 0, 0, count, 8 + 12 + 28 + len(offsets)) + config
    kind = chunk(0x201, head, offsets + entries)
    spec = chunk(0x202, struct.pack("<4BI", 1, 0, 0, 0, 2), bytes(8))
    name = "org.example".encode("utf-16-le").ljust(256, b"\0")
    body = pool(["string"]) + pool(["a", "b"]) + spec + kind
    package = chunk(0x200, struct.pack("<I", 127) + name + bytes(20), body)
    values = pool(["http://table.example/"])
    return struct.pack("<2H2I", 2, 12, 12 + len(values) + len(package), 1) + values + package


def test_a_table_with_sparse_types_is_not_explained():
    assert kinds(Bench().open(resources(flags=1)))["unexplained"] > 0


def test_an_absurd_table_is_said():
    assert not Bench().open(resources(count=1 << 30)).complete
    data, bench = resources(), Bench()
    for at in range(4, len(data) - 4, 17):
        bench.open(data[:at] + b"\xff\xff\xff\x7f" + data[at + 4 :])


def test_a_resource_table_is_read():
    bench = Bench()
    opened = bench.open(resources())
    assert opened.complete, opened.problems
    assert bench.content(opened, b"@strings").splitlines()[0] == b"http://table.example/"
    assert set(kinds(opened)) <= {"parsed", "padding"}
    assert kinds(opened).get("padding", 0) < 4


# --- DEX -----------------------------------------------------------------------------------


def test_a_dex_with_a_wrong_checksum_is_said():
    data = dex()
    assert not Bench().open(dex(good=False)).complete
    assert not Bench().open(data[:-1] + b"X").complete


def test_a_cut_dex_is_never_complete():
    data, bench = dex(), Bench()
    for end in range(112, len(data), 13):
        assert not bench.open(data[:end]).complete


def test_bytes_behind_a_dex_are_not_explained():
    opened = Bench().open(dex() + b"overlay" * 5)
    assert kinds(opened)["unexplained"] == 35


def test_strings_of_a_dex_are_a_child():
    bench = Bench()
    opened = bench.open(dex())
    assert opened.complete, opened.problems
    assert bench.content(opened, b"@strings") == b"alpha\nhttps://evil.example/c2\n"
    assert set(kinds(opened)) <= {"parsed", "padding"}
    assert kinds(opened).get("padding", 0) < 4
    assert opened.executable


# --- OTA -----------------------------------------------------------------------------------

FACTS = b"post-build=acme/dev:14/XYZ\npost-timestamp=1700000000\npre-device=dev\n"


def test_a_downgrade_is_said():
    data = archive([("META-INF/com/android/metadata", FACTS + b"ota-downgrade=yes\n")])
    assert "ota.downgrade" in rules(Bench().open(data))


def test_a_comment_that_only_looks_signed_is_not():
    text = b"signed by SignApk\0" + noise(50)
    size = len(text) + 6
    for footer in (struct.pack("<3H", size + 1, 0xFFFF, size), struct.pack("<3H", 40, 0xFFFF, 7)):
        opened = Bench().open(archive([("a", b"b")], comment=text + footer))
        assert "signature" not in kinds(opened)


@pytest.mark.parametrize("line", [b"FILE_HASH=AAAA", b"FILE_SIZE=1", b""])
def test_properties_that_are_not_those_of_the_payload_are_said(line):
    data = noise(100)
    good = b"FILE_HASH=" + base64.b64encode(hashlib.sha256(data).digest()) + b"\nFILE_SIZE=100\n"
    wrong = archive([("payload.bin", data), ("payload_properties.txt", good + line + b"\n")])
    assert Bench().open(wrong).complete == (not line)


def test_a_block_based_update_is_said():
    files = [("system.transfer.list", b"4\n2\n0\n0\nnew 2,0,2\n"), ("system.new.dat", noise(8192))]
    assert codes(Bench().open(archive(files))) == {"format.unsupported"}
    assert codes(Bench().open(archive([*files, ("system.patch.dat", b"patch")]))) == {"delta.base"}


def test_an_ota_package_has_identity_and_a_delimited_signature():
    signature = pki.message(b"content")
    comment = b"signed by SignApk\0" + signature
    comment += struct.pack("<3H", len(signature) + 6, 0xFFFF, len(comment) + 6)
    data = archive([("META-INF/com/android/metadata", FACTS)], comment=comment)
    opened = Bench().open(data)
    assert opened.complete
    assert opened.identity.version == "acme/dev:14/XYZ"
    assert opened.identity.product == "dev"
    assert kinds(opened)["signature"] == len(signature) + 6
    start, end = map(int, dict(opened.attributes)["ota_signature"].split("-"))
    assert data[start:end] == signature


@needs_corpus
@pytest.mark.parametrize("name", ["otasigned_v1.zip", "otasigned_v2.zip"])
def test_real_packages_have_a_delimited_signature(name):
    opened = Bench().open((CORPUS / "android_ota_apk" / name).read_bytes())
    assert kinds(opened).get("signature", 0) > 1000


@needs_corpus
def test_a_real_apk_is_read_to_its_last_byte():
    path = CORPUS / "android_ota_apk" / "apk" / "golden-aligned-v1v2v3-out.apk"
    opened = Bench().open(path.read_bytes())
    assert opened.complete, opened.problems
    assert kinds(opened)["signature"] > 1000
    assert opened.identity.product
    assert not codes(opened)

"""Attacks on Android images: content in signatures, manifests, tables and gaps."""

import hashlib
import json
import struct
import zlib

import pytest

from tests.attack3.helpers import SCRIPT, seen
from tests.unpack.helpers import Bench, rules
from tests.unpack_android import build
from tests.unpack_android.test_apk import PLAIN, archive, lp, manifest, pool, signers, with_block


def test_a_script_as_a_boot_signature_is_seen():
    assert seen(build.boot_v4(b"k" * 64, b"r" * 64, SCRIPT))
    assert seen(build.boot_v4(b"k" * 64, b"r" * 64, build.vbmeta() + SCRIPT))


@pytest.mark.parametrize("algorithm", [0, 1])
def test_a_script_as_a_vbmeta_key_is_seen(algorithm):
    assert seen(build.vbmeta(key=SCRIPT, algorithm=algorithm))


def vbmeta_with(index, hidden, algorithm=0):
    """A vbmeta whose pair ``index`` of offset and size holds ``hidden``."""
    block = hidden.ljust(-(-len(hidden) // 64) * 64, b"\0")
    pairs = [0] * 10
    pairs[2 * index + 1] = len(hidden)
    sizes = (len(block), 0) if index < 2 else (0, len(block))
    head = struct.pack(
        ">4s2I2QI10QQ2I48s80s", b"AVB0", 1, 0, *sizes, algorithm, *pairs, 0, 0, 0, b"avb", b""
    )
    return head + block


@pytest.mark.parametrize("index", range(5))
def test_a_script_in_a_part_of_an_unsigned_vbmeta_is_seen(index):
    assert seen(vbmeta_with(index, SCRIPT))


def test_a_script_as_a_vbmeta_property_is_seen():
    hidden = SCRIPT * 4
    data = build.vbmeta(build.property_descriptor(value=hidden))
    assert seen(data, hidden)


def test_a_script_as_the_salt_of_a_digest_is_seen():
    hidden = SCRIPT * 4
    assert seen(build.vbmeta(build.hash_descriptor(b"x", salt=hidden)), hidden)


def test_a_script_behind_the_tables_of_super_is_seen():
    plain = build.lp_metadata([(b"a", 0, 1)], [(8, 0, 2048, 0)])
    tables = plain[128:] + SCRIPT
    head = bytearray(plain[:128])
    head[44:48] = struct.pack("<I", len(tables))
    head[48:80] = hashlib.sha256(tables).digest()
    head[12:44] = bytes(32)
    head[12:44] = hashlib.sha256(bytes(head)).digest()
    data = build.super_image(bytes(head) + tables, [(2048, b"c" * 4096)])
    assert seen(data)


@pytest.mark.parametrize("window", [zlib.MAX_WBITS, zlib.MAX_WBITS | 16])
def test_a_script_behind_a_compressed_tree_is_seen(window):
    packer = zlib.compressobj(wbits=window)
    tree = packer.compress(b"t" * 600) + packer.flush()
    flags = 1 if window == zlib.MAX_WBITS else 2
    assert Bench().open(build.dtbo([tree], version=1, flags=flags)).complete
    assert seen(build.dtbo([tree + SCRIPT], version=1, flags=flags))


def payload(hidden=b"", kind=build.ZERO, **options):
    made = build.Payload()
    new = bytes(4096)
    made.partition(b"boot", new, [made.operation(kind, [(0, 1)], hidden)])
    return made.build(**options)


def test_the_plain_payload_is_complete():
    assert Bench().open(payload()).complete


def test_a_script_as_the_data_of_an_operation_that_clears_is_seen():
    assert seen(payload(SCRIPT))


def test_a_script_as_a_signature_of_a_payload_is_seen():
    assert seen(payload(metadata=SCRIPT))
    assert seen(payload(metadata=build.octets(1, build.octets(2, SCRIPT * 4))), SCRIPT)
    assert seen(payload(metadata=build.octets(1, build.octets(7, SCRIPT))), SCRIPT)


@pytest.mark.parametrize("number", [99, 9, 200])
def test_a_script_in_an_unknown_field_of_a_manifest_is_seen(number):
    assert seen(payload(extra=build.octets(number, SCRIPT)))


def test_a_script_as_a_text_of_a_manifest_is_seen():
    assert seen(payload(extra=build.octets(18, SCRIPT)))


def test_a_script_in_the_slack_of_a_string_pool_is_seen():
    document = manifest()
    body = document[8:]
    size = struct.unpack("<I", body[4:8])[0]
    wide = body[:4] + struct.pack("<I", size + len(SCRIPT) + 1) + body[8:size] + SCRIPT + b"\n"
    rest = body[size:]
    data = document[:4] + struct.pack("<I", 8 + len(wide + rest)) + wide + rest
    assert seen(data)
    table = pool(["a"]) + b""
    grown = table[:4] + struct.pack("<I", len(table) + len(SCRIPT)) + table[8:] + SCRIPT
    assert seen(struct.pack("<2H2I", 2, 12, 12 + len(grown), 0) + grown)


def test_a_script_as_a_resource_map_is_seen():
    hidden = SCRIPT[: len(SCRIPT) & ~3]
    document = manifest()
    grown = document + struct.pack("<2HI", 0x180, 8, 8 + len(hidden)) + hidden
    assert seen(grown[:4] + struct.pack("<I", len(grown)) + grown[8:], hidden)


def test_a_script_in_the_header_of_a_package_is_seen():
    head = struct.pack("<I", 1) + bytes(256) + bytes(20) + SCRIPT
    package = struct.pack("<2HI", 0x200, 8 + len(head), 8 + len(head)) + head
    assert seen(struct.pack("<2H2I", 2, 12, 12 + len(package), 1) + package)


@pytest.mark.parametrize("number", [0x7109871A, 0xF05368C0, 0x1B93AD61, 0x2B09189E, 0x6DFF800D])
def test_a_script_as_an_apk_signature_is_seen(number):
    assert seen(with_block(PLAIN, [(number, SCRIPT)]))


@pytest.mark.parametrize("versions", [b"", bytes(8)])
def test_a_script_inside_an_apk_signer_is_seen(versions):
    number = 0xF05368C0 if versions else 0x7109871A
    good = signers(versions=versions)
    assert "apk.signature" not in rules(Bench().open(with_block(PLAIN, [(number, good)])))
    unknown = lp(struct.pack("<I", 0x1234) + SCRIPT)
    for options in ({"attributes": unknown}, {"certificate": SCRIPT}, {"digest": SCRIPT}):
        bad = signers(versions=versions, **options)
        assert seen(with_block(PLAIN, [(number, bad)]))


def test_a_script_as_an_ota_signature_is_seen():
    comment = b"\x30" + SCRIPT
    comment += struct.pack("<3H", len(comment) + 6, 0xFFFF, len(comment) + 6)
    assert seen(archive([("a", b"b")], comment=comment))


@pytest.mark.parametrize(
    "info",
    [
        {"artifact_name": "old", "artifact_provides": {"artifact_name": "new"}},
        '{"artifact_name": "a", "artifact_name": "b"}',
        '{"artifact_name": "a", "Artifact_Name": "b"}',
    ],
)
def test_two_names_of_an_artifact_state_no_version(info):
    from fwverify.reader import Malformed
    from fwverify.unpack.android.mender import _identity

    text = info if isinstance(info, str) else json.dumps(info)
    with pytest.raises(Malformed):
        _identity(text.encode())


def test_odd_types_in_a_mender_header_do_not_raise():
    from fwverify.unpack.android.mender import _identity

    for value in ([1], "x", 3):
        body = {"artifact_provides": value, "artifact_depends": value}
        assert _identity(json.dumps(body).encode()).version is None


def test_many_unknown_fields_of_a_manifest_are_one_range():
    extra = (build.integer(99, 1) + build.integer(16, 1)) * 3000
    opened = Bench().open(payload(extra=extra))
    assert len(opened.regions) < 20
    assert (
        sum(each.end - each.start for each in opened.regions if each.kind == "unexplained") > 8000
    )

import shutil
import subprocess

import pytest
from asn1crypto import cms
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.reader import Malformed
from fwverify.unpack.rauc import RAUC, parse_manifest
from tests.builders.squashfs import image
from tests.corpus import CORPUS, needs_corpus
from tests.unpack_formats.helpers import by_name, check, count, new_store, source

PLAIN = b"[update]\ncompatible=Meter X\nversion=2.1\nbuild=20260101\n"
VERITY = PLAIN + b"\n[bundle]\nformat=verity\nverity-hash=00\nverity-salt=00\nverity-size=4096\n"
CRYPT = VERITY.replace(b"format=verity", b"format=crypt")
TREE = bytes(range(32)) * 128
FILES = {"rootfs.img": b"rootfs" * 3000, "hook.sh": b"#!/bin/sh\n"}


def message(content=None):
    """Return a CMS message that says nothing but what it carries."""
    inner = {"content_type": "data"}
    if content is not None:
        inner["content"] = content
    signed = {
        "version": "v1",
        "digest_algorithms": [],
        "encap_content_info": inner,
        "signer_infos": [],
    }
    return cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()


def bundle(payload, cms_message, tree=b""):
    return payload + tree + cms_message + len(cms_message).to_bytes(8, "big")


def plain(manifest=PLAIN):
    return bundle(image({**FILES, "manifest.raucm": manifest}), message())


def verity(manifest=VERITY, tree=TREE):
    return bundle(image(FILES), message(manifest), tree)


def opened(data, tmp_path):
    store = new_store(tmp_path)
    return check(RAUC.open(source(data, store)), data, store)


def codes(result):
    return {problem.code for problem in result.problems}


def rules(result):
    return {observation.rule for observation in result.observations}


def test_a_plain_bundle(tmp_path):
    data = plain()
    assert RAUC.recognise(data, "x")
    result = opened(data, tmp_path)
    facts = dict(result.attributes)
    assert result.complete
    assert facts["bundle_format"] == "plain"
    assert facts["cms_offset"] == facts["payload_end"]
    assert int(facts["cms_offset"]) + int(facts["cms_size"]) + 8 == len(data)
    assert result.identity.product == "Meter X"
    assert result.identity.version == "2.1"
    assert result.identity.build == "20260101"
    assert count(result, "signature") == int(facts["cms_size"]) + 8
    assert count(result, "unexplained") == 0
    assert {b"rootfs.img", b"hook.sh", b"manifest.raucm"} == set(by_name(result))


def test_a_verity_bundle_keeps_its_tree_apart(tmp_path):
    data = verity()
    result = opened(data, tmp_path)
    facts = dict(result.attributes)
    tree = next(region for region in result.regions if region.note == "verity-tree")
    assert result.complete
    assert facts["bundle_format"] == "verity"
    assert tree.kind == "unexplained"
    assert (tree.start, tree.end) == (int(facts["payload_end"]), int(facts["cms_offset"]))
    assert bytes(data[tree.start : tree.end]) == TREE
    assert tree.entropy_milli == 5000
    assert by_name(result)[b"@manifest.raucm"].stored
    assert result.identity.version == "2.1"


def test_a_tree_of_zeros_is_not_padding(tmp_path):
    result = opened(verity(tree=bytes(4096)), tmp_path)
    assert [region.note for region in result.regions if region.kind == "unexplained"] == [
        "verity-tree"
    ]


def test_a_crypt_bundle_is_encrypted_and_unexplained(tmp_path):
    payload = bytes(range(256)) * 32
    result = opened(bundle(payload, message(CRYPT), TREE), tmp_path)
    assert codes(result) == {"encrypted"}
    assert not result.complete
    assert count(result, "unexplained") == len(payload) + len(TREE)


def test_an_enveloped_message_is_encrypted(tmp_path):
    body = bytes.fromhex("06092a864886f70d010703a0023000")
    data = bundle(bytes(range(256)) * 32, b"\x30" + bytes([len(body)]) + body)
    result = opened(data, tmp_path)
    assert codes(result) == {"encrypted"}
    assert dict(result.attributes)["bundle_format"] == "crypt"


def test_bytes_between_payload_and_message_are_unexplained(tmp_path):
    data = bundle(image({"manifest.raucm": PLAIN}) + b"smuggled payload", message())
    result = opened(data, tmp_path)
    hidden = data.index(b"smuggled")
    region = next(r for r in result.regions if r.start <= hidden < r.end)
    assert region.kind == "unexplained"


def test_a_payload_cannot_reach_into_the_message(tmp_path):
    payload = bytearray(image({**FILES, "manifest.raucm": PLAIN}))
    payload[40:48] = (len(payload) + 20).to_bytes(8, "little")
    result = opened(bundle(bytes(payload), message()), tmp_path)
    assert "truncated" in codes(result)


@pytest.mark.parametrize(
    "manifest",
    [
        b"[update]\ncompatible=a\ncompatible=b\n",
        b"[update]\nx=1\n[update]\ny=1\n",
        b"no section=1\n",
        b"[update]\nno equals sign\n",
        b"\xff\xfe",
    ],
)
def test_a_manifest_two_readers_could_read_differently(manifest, tmp_path):
    with pytest.raises(Malformed):
        parse_manifest(manifest)
    result = opened(plain(manifest), tmp_path)
    assert "rauc.manifest" in rules(result)
    assert result.identity.product is None


def test_a_plain_bundle_that_calls_itself_verity(tmp_path):
    result = opened(plain(PLAIN + b"[bundle]\nformat=verity\n"), tmp_path)
    assert "rauc.format_mismatch" in rules(result)


def test_a_bundle_without_a_manifest_is_incomplete(tmp_path):
    result = opened(bundle(image(FILES), message()), tmp_path)
    assert not result.complete


@pytest.mark.parametrize("size", [b"0", b"4095", b"-4096", b"99999999999", b"", b"4096x"])
def test_an_absurd_tree_size_is_malformed(size, tmp_path):
    manifest = VERITY.replace(b"verity-size=4096", b"verity-size=" + size)
    with pytest.raises(Malformed) as error:
        opened(verity(manifest), tmp_path)
    assert error.value.field == "rauc.verity-size"


def test_an_unknown_bundle_format_is_malformed(tmp_path):
    with pytest.raises(Malformed):
        opened(verity(VERITY.replace(b"format=verity", b"format=new")), tmp_path)


def test_a_damaged_payload_is_incomplete_and_unexplained(tmp_path):
    data = b"XXXX" + plain()[4:]
    result = opened(data, tmp_path)
    assert not result.complete
    assert count(result, "parsed") == 0


@pytest.mark.parametrize("size", [0, 1, 19, 10**6, 1 << 63])
def test_a_trailer_that_points_nowhere_is_not_a_bundle(size, tmp_path):
    data = plain()[:-8] + size.to_bytes(8, "big")
    assert not RAUC.recognise(data, "x")
    with pytest.raises(Malformed):
        opened(data, tmp_path)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.integers(0, 1 << 20), st.integers(1, 255), st.booleans())
def test_a_flipped_byte_never_crashes_and_sums_hold(tmp_path_factory, at, flip, tail):
    data = bytearray(verity())
    data[-1 - at % 400 if tail else at % len(data)] ^= flip
    store = new_store(tmp_path_factory.mktemp("s"))
    try:
        check(RAUC.open(source(bytes(data), store)), bytes(data), store)
    except Malformed as error:
        assert error.field  # noqa: PT017


def test_truncation_is_never_a_bundle(tmp_path):
    data = plain()
    for size in range(0, len(data), 61):
        assert not RAUC.recognise(data[:size], "x")


@needs_corpus
@pytest.mark.parametrize("name", ["good-bundle", "good-verity-bundle"])
def test_real_bundles_are_read_like_rauc_reads_them(name, tmp_path):
    file = CORPUS / "rauc_test_bundles" / f"{name}.raucb"
    data = file.read_bytes()
    result = opened(data, tmp_path)
    assert result.complete
    assert dict(result.attributes)["bundle_format"] == ("verity" if "verity" in name else "plain")
    if shutil.which("rauc") is None:
        pytest.skip("RAUC NOT COMPARED: rauc is absent (Debian: rauc)")
    command = ["rauc", "info", "--no-verify", "--output-format=shell", file]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert f"RAUC_MF_COMPATIBLE='{result.identity.product}'" in shown
    assert f"RAUC_MF_VERSION='{result.identity.version}'" in shown
    entries = by_name(result)
    for index in ("0", "1"):
        line = next(x for x in shown.splitlines() if x.startswith(f"RAUC_IMAGE_NAME_{index}="))
        digest = next(x for x in shown.splitlines() if x.startswith(f"RAUC_IMAGE_DIGEST_{index}="))
        assert entries[line.split("'")[1].encode()].sha256 == digest.split("'")[1]


@needs_corpus
def test_a_real_bundle_with_a_broken_payload_is_incomplete(tmp_path):
    data = (CORPUS / "rauc_test_bundles" / "invalid-sig-bundle.raucb").read_bytes()
    assert not opened(data, tmp_path).complete


def test_what_the_installer_runs_and_what_nobody_names_is_said(tmp_path):
    manifest = PLAIN + b"\n[handler]\nfilename=install.sh\n[hooks]\nfilename=hook\n"
    files = {**FILES, "manifest.raucm": manifest, "install.sh": b"#!/bin/sh\n", "more": b"x\n"}
    result = opened(bundle(image(files), message()), tmp_path)
    assert {"rauc.program", "rauc.unlisted"} <= rules(result)
    assert "rauc.missing" in codes(result)
    said = [each.text for each in result.observations if each.rule == "rauc.unlisted"]
    assert [text.split("'")[1] for text in said] == ["hook.sh", "more", "rootfs.img"]

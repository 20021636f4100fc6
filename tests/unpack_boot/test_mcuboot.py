"""MCUboot images: hash, TLVs, encryption, trailers, and imgtool as a builder."""

import shutil
import struct
import subprocess

import pytest

from fwverify.unpack.boot.mcuboot import MCUBOOT
from tests.builders.boot import mcuboot, mcuboot_slot, tlv
from tests.corpus import CORPUS, needs_corpus
from tests.unpack.helpers import Bench, kinds, noise, sha
from tests.unpack_boot.helpers import (
    Format,
    codes,
    flips_are_said,
    left,
    noise_never_raises,
    rules,
    truncations_are_said,
)

FORM = Format(MCUBOOT)
PAYLOAD = b"code" * 200


def test_the_payload_is_a_child_and_the_signature_has_its_class():
    opened = FORM.open(mcuboot(PAYLOAD))
    assert opened.complete and not opened.observations
    assert opened.entries[0].sha256 == sha(PAYLOAD)
    assert opened.identity.version == "1.2.3+4"
    assert kinds(opened)["signature"] == 70
    assert left(opened) == 0
    assert dict(opened.attributes)["signed_area"] == f"0-{64 + len(PAYLOAD)}"


def test_protected_tlvs_are_part_of_the_hash():
    counter = tlv(0x50, struct.pack("<I", 9))
    opened = FORM.open(mcuboot(PAYLOAD, protected=counter))
    assert opened.complete
    assert dict(opened.attributes)["rollback_counter"] == "9"
    broken = bytearray(mcuboot(PAYLOAD, protected=counter))
    broken[64 + len(PAYLOAD) + 8] ^= 1
    assert codes(FORM.open(bytes(broken))) == {"format.malformed"}


@pytest.mark.parametrize("digest", [bytes(32), b"\1" * 31])
def test_a_wrong_hash_is_said(digest):
    assert codes(FORM.open(mcuboot(PAYLOAD, digest=digest))) == {"format.malformed"}


def test_no_hash_and_two_hashes_are_said():
    assert "mcuboot.hash" in rules(FORM.open(mcuboot(PAYLOAD, digest=b"")))
    assert "mcuboot.hash" in rules(FORM.open(mcuboot(PAYLOAD, extra=tlv(0x10, bytes(32)))))


def test_a_hash_among_the_protected_tlvs_does_not_count():
    opened = FORM.open(mcuboot(PAYLOAD, digest=b"", protected=tlv(0x10, bytes(32))))
    assert "mcuboot.hash" in rules(opened)


def test_two_signatures_are_said():
    assert "mcuboot.signatures" in rules(FORM.open(mcuboot(PAYLOAD, extra=tlv(0x24, b"x" * 64))))


@pytest.mark.parametrize("flag", [4, 8])
def test_an_encrypted_payload_is_said(flag):
    opened = FORM.open(mcuboot(PAYLOAD, flags=flag, extra=tlv(0x32, bytes(113))))
    assert codes(opened) == {"encrypted"}


def test_an_unknown_tlv_stays_unexplained():
    opened = FORM.open(mcuboot(PAYLOAD, extra=tlv(0xA0, noise(90))))
    assert left(opened) == 90
    assert "mcuboot.tlv" in rules(opened)


def test_a_signature_too_large_for_one_stays_unexplained():
    assert left(FORM.open(mcuboot(PAYLOAD, signature=noise(3000)))) == 3000


def test_a_trailer_is_read_behind_erased_flash():
    opened = FORM.open(mcuboot_slot(mcuboot(PAYLOAD), 8192))
    facts = dict(opened.attributes)
    assert facts["trailer.image_ok"] == facts["trailer.copy_done"] == "0x01"
    assert left(opened) == 0


def test_content_before_the_trailer_is_left():
    data = bytearray(mcuboot_slot(mcuboot(PAYLOAD), 8192))
    data[5000:5300] = noise(300)
    assert left(FORM.open(bytes(data))) >= 300


def test_slots_of_a_dump_come_apart():
    bench = Bench()
    second = mcuboot(PAYLOAD + b"new!", version=(2, 0, 0, 0))
    dump = noise(4096) + mcuboot_slot(mcuboot(PAYLOAD), 8192) + mcuboot_slot(second, 8192)
    opened = bench.open(dump)
    assert [each.name for each in opened.entries] == [b"@0x1000.mcuboot", b"@0x3000.mcuboot"]


def test_absurd_headers_are_refused_or_said():
    good = mcuboot(PAYLOAD)
    for at, layout, value in (
        (8, "<H", 4), (8, "<H", 0xFFFF), (10, "<H", 0xFFFF), (12, "<I", 0xFFFFFFFF), (28, "<I", 1),
    ):  # fmt: skip
        broken = bytearray(good)
        struct.pack_into(layout, broken, at, value)
        opened = FORM.open(bytes(broken))
        assert opened is None or not opened.complete


def test_truncated_and_flipped_images_are_said():
    data = mcuboot(PAYLOAD, protected=tlv(0x50, bytes(4)))
    truncations_are_said(FORM, data)
    flips_are_said(FORM, data, checked=((0, 64 + len(PAYLOAD)),))
    noise_never_raises(FORM, data)


def test_many_tlvs_end():
    assert not FORM.open(mcuboot(PAYLOAD, extra=tlv(0x70, b"") * 2000)).complete


def test_what_imgtool_builds_opens(tmp_path):
    if not shutil.which("imgtool"):
        pytest.skip("MCUBOOT NOT COMPARED WITH ITS BUILDER: imgtool is absent")
    payload = noise(5000)
    (tmp_path / "in.bin").write_bytes(bytes(512) + payload)
    subprocess.run(
        ["imgtool", "keygen", "-k", "k.pem", "-t", "ecdsa-p256"], cwd=tmp_path, check=True
    )
    command = [
        *("imgtool", "sign", "-k", "k.pem", "--header-size", "512", "--align", "8"),
        *("--version", "3.4.5+6", "--slot-size", "65536", "--pad", "--security-counter", "7"),
        *("in.bin", "out.bin"),
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    opened = FORM.open((tmp_path / "out.bin").read_bytes())
    assert opened.complete, opened.problems
    assert opened.identity.version == "3.4.5+6"
    assert opened.entries[0].sha256 == sha(payload)
    assert dict(opened.attributes)["rollback_counter"] == "7"
    assert left(opened) == 0
    assert kinds(opened)["signature"] in range(68, 73)


@needs_corpus
def test_real_images_are_explained_to_the_last_byte():
    for path in sorted((CORPUS / "mcuboot_nrf52840dk").glob("*.bin")):
        opened = FORM.open(path.read_bytes())
        assert opened.complete and left(opened) == 0

"""MCUboot, GBL and ESP32: what is signed, what is a hint, and what stands behind it."""

from __future__ import annotations

import struct
import zlib

import pytest

from tests.builders import boot, keys
from tests.verify_boot.build import (
    CODE,
    EC,
    ED,
    ESP32,
    GBL,
    MCUBOOT,
    RSA,
    RSA3072,
    Case,
    accepted,
    esp,
    esp_block,
    gbl,
    mcuboot,
    point,
)


def run(scheme, content, key, **changes):
    return Case("mcu", scheme, content, key).run(**changes)


def one(scheme, content, key, **changes):
    return run(scheme, content, key, **changes)[0]


def p256(signed, _):
    return keys.sign_ec(EC, signed)


# --- MCUboot -------------------------------------------------------------------------------


def test_an_image_without_signature_has_none():
    content = boot.mcuboot(CODE, signature=b"")
    assert run(MCUBOOT, content, EC) == ()


def test_protected_tlvs_are_covered_and_the_counter_is_a_fact():
    content = mcuboot(0x22, p256)
    result = one(MCUBOOT, content, EC)
    at = content.index(boot.tlv(0x50, struct.pack("<I", 9)))
    assert result.covered[0][0] == 0
    assert result.covered[0][1] == at + 8
    assert "security counter 9" in result.reason
    assert "version 1.2.3+4" in result.reason


def test_a_counter_that_nothing_signs_does_not_count_and_steers():
    extra = boot.tlv(0x50, struct.pack("<I", 99))
    content = mcuboot(0x22, p256, protected=b"", extra=extra)
    result = one(MCUBOOT, content, EC)
    assert "does not count" in result.reason
    at = content.index(extra)
    assert result.steering == ((at, at + 8),)


@pytest.mark.parametrize("kind", [0x01, 0x02, 0x10, 0x20])
def test_a_program_in_a_tlv_of_the_signature_is_no_container(kind):
    program = b"\x7fELF" + bytes(3000)
    extra = boot.tlv(kind, program)
    content = mcuboot(0x22, p256, extra=extra)
    results = [one for one in run(MCUBOOT, content, EC) if one.authentic == "pass"]
    at = content.index(program)
    for one in results:
        assert not any(start <= at < end for start, end in (*one.container, *one.covered))
    assert results or kind != 0x01


def test_the_key_hash_is_only_a_hint():
    content = bytearray(mcuboot(0x22, p256))
    at = content.index(boot.tlv(0x01, bytes(32)))
    content[at + 4 : at + 36] = b"\xee" * 32
    assert one(MCUBOOT, bytes(content), EC).trusted == "pass"
    assert one(MCUBOOT, bytes(content), keys.ec_key("secp256r1", 1)).authentic == "fail"


def test_a_key_in_the_image_is_never_trusted():
    content = mcuboot(0x22, p256, extra=boot.tlv(0x02, keys.spki(EC)))
    result = one(MCUBOOT, content, None)
    assert (result.authentic, result.trusted) == ("pass", "fail")
    assert result.spki == keys.spki(EC)


def test_zeros_behind_the_der_are_the_old_padding():
    content = mcuboot(0x22, lambda s, _: p256(s, _).ljust(72, b"\0"))
    assert one(MCUBOOT, content, EC).trusted == "pass"
    content = mcuboot(0x22, lambda s, _: p256(s, _) + b"\0\x01")
    assert one(MCUBOOT, content, EC).authentic == "fail"


@pytest.mark.parametrize(
    ("kind", "sign", "options"),
    [
        (0x20, lambda s, _: keys.sign_rsa(RSA, s), {}),  # PKCS #1 v1.5 in a PSS TLV
        (0x20, lambda s, _: keys.sign_rsa(RSA, s, pss_salt=20), {}),
        (0x20, lambda s, _: keys.sign_rsa(RSA3072, s, pss_salt=32), {}),
        (0x23, lambda s, _: keys.sign_rsa(RSA, s, pss_salt=32), {}),
        (0x22, lambda s, _: keys.sign_ec(EC, s, "sha384"), {}),
        (0x22, lambda s, _: b"\x30\x06\x02\x01\0\x02\x01\0", {}),  # r = s = 0
        (0x22, lambda s, _: b"", {}),
        (0x22, p256, {"digest": "sha512"}),
        (0x24, lambda s, _: ED.sign(s), {}),  # over the bytes, and SIG_PURE is absent
        (0x24, lambda _, d: ED.sign(d), {"extra": boot.tlv(0x25, b"\1")}),
        (0x22, p256, {"extra": boot.tlv(0x25, b"\1")}),
        (0x22, p256, {"extra": boot.tlv(0x10, bytes(32))}),  # two hashes
        (0x22, p256, {"extra": boot.tlv(0x12, bytes(64))}),
        (0x22, lambda s, _: p256(s, _) + bytes(2000), {}),
    ],
)
def test_signatures_that_are_not_what_their_tlv_says(kind, sign, options):
    content = mcuboot(kind, sign, **options)
    for key in (RSA, RSA3072, EC, ED):
        assert not accepted(run(MCUBOOT, content, key))


def test_a_hash_that_is_not_the_images_is_refused_though_the_signature_holds():
    content = mcuboot(0x22, p256)
    at = content.index(boot.tlv(0x01, bytes(32))) - 1
    altered = content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :]
    assert "is not the digest" in one(MCUBOOT, altered, EC).reason


def test_an_image_without_a_hash_is_refused():
    body = boot.mcuboot(CODE, digest=b"", signature=b"x" * 70)
    assert "0 hashes" in one(MCUBOOT, body, EC).reason


def test_an_encrypted_image_is_unverifiable():
    result = one(MCUBOOT, mcuboot(0x22, p256, flags=4), EC)
    assert result.authentic == "unverifiable"


def test_a_kind_that_is_not_known_is_unverifiable():
    assert one(MCUBOOT, mcuboot(0x21, p256), EC).authentic == "unverifiable"


def test_too_many_signatures_and_tlvs_are_refused():
    content = mcuboot(0x22, p256, extra=boot.tlv(0x22, b"x") * 9)
    assert one(MCUBOOT, content, EC).authentic == "fail"
    content = mcuboot(0x22, p256, extra=boot.tlv(0xA0, b"") * 600)
    assert not accepted(run(MCUBOOT, content, EC))


def test_a_second_signature_that_does_not_hold_is_reported():
    content = mcuboot(0x22, p256, extra=boot.tlv(0x22, keys.sign_ec(EC, b"else")))
    assert [one.authentic for one in run(MCUBOOT, content, EC)] == ["fail", "pass"]


# --- GBL -----------------------------------------------------------------------------------


def test_a_file_without_signature_tag_has_none():
    assert run(GBL, boot.gbl(boot.gbl_application()), EC) == ()


def test_tags_behind_the_signature_are_refused():
    result = one(GBL, gbl(behind=boot.gbl_program(0x8000, b"evil")), EC)
    assert result.authentic == "fail"
    assert "behind the signature" in result.reason


def test_two_signature_tags_are_refused():
    behind = boot.gbl_tag(0xF70A0AF7, bytes(64))
    assert "2 of them" in one(GBL, gbl(behind=behind), EC).reason


def test_a_certificate_must_be_the_rules_and_sign_the_file():
    application = keys.ec_key("secp256r1", 7)
    assert one(GBL, gbl(application, certificate=EC), EC).trusted == "pass"
    for content, key in (
        (gbl(application, certificate=keys.ec_key("secp256r1", 1)), EC),
        (gbl(application, certificate=EC), application),  # the key in the file itself
        (gbl(application, certificate=EC, signer=keys.ec_key("secp256r1", 1)), EC),
    ):
        assert not accepted(run(GBL, content, key))
    # a certificate for another key: the file is not signed by it
    honest = gbl(application, certificate=EC)
    other = gbl(keys.ec_key("secp256r1", 8), certificate=EC)
    swapped = honest.replace(point(application), point(keys.ec_key("secp256r1", 8)))
    assert len(other) == len(swapped)
    assert not accepted(run(GBL, swapped, EC))


def test_a_certificate_whose_key_is_no_point_is_refused():
    content = gbl(keys.ec_key("secp256r1", 7), certificate=EC)
    bent = content.replace(point(keys.ec_key("secp256r1", 7)), bytes(64))
    assert "no point" in one(GBL, bent, EC).reason


def test_lengths_that_leave_the_file_are_refused():
    content = bytearray(gbl())
    struct.pack_into("<I", content, 20, 0xFFFFFFFF)
    assert one(GBL, bytes(content), EC).authentic == "fail"


def test_r_and_s_of_zero_are_refused():
    content = gbl()
    at = content.rindex(struct.pack("<II", 0xF70A0AF7, 64)) + 8
    assert not accepted(run(GBL, content[:at] + bytes(64) + content[at + 64 :], EC))


# --- ESP32 ---------------------------------------------------------------------------------


def test_an_image_without_a_sector_has_none():
    image = boot.esp_image((0x3F400020, CODE))
    assert run(ESP32, image, RSA3072) == ()


def test_the_key_in_a_block_is_never_trusted():
    for content, private in ((esp(), RSA3072), (esp(EC), EC)):
        result = one(ESP32, content, None)
        assert (result.authentic, result.trusted) == ("pass", "fail")
        assert result.spki == keys.spki(private)


def test_three_blocks_are_three_results():
    results = run(ESP32, esp(blocks=3), RSA3072)
    assert len(results) == 3
    assert len(accepted(results)) == 3


def test_bytes_hidden_behind_the_blocks_are_refused():
    content = bytearray(esp())
    content[-5] = 0x41
    assert "more than its blocks" in one(ESP32, bytes(content), RSA3072).reason


@pytest.mark.parametrize("at", [1, 3, 10, 40, 900, 1197, 1201])
def test_a_bent_block_is_refused(at):
    content = bytearray(esp())
    start = len(content) - 4096
    content[start + at] ^= 1
    if at < 1196:  # with its checksum made right again
        crc = zlib.crc32(bytes(content[start : start + 1196]))
        struct.pack_into("<I", content, start + 1196, crc)
    assert not accepted(run(ESP32, bytes(content), RSA3072)) or at == 40
    assert one(ESP32, bytes(content), None).trusted != "pass"


def test_a_block_for_another_image_is_refused():
    image = boot.esp_image((0x3F400020, CODE))
    image += b"\xff" * (-len(image) % 4096)
    other = esp_block(RSA3072, image[:-1] + b"\xfe")
    content = image + other.ljust(4096, b"\xff")
    assert "not the image's" in one(ESP32, content, RSA3072).reason
    lying = esp_block(
        RSA3072, image[:-1] + b"\xfe", digest=__import__("hashlib").sha256(image).digest()
    )
    assert not accepted(run(ESP32, image + lying.ljust(4096, b"\xff"), RSA3072))


def test_a_sector_that_is_cut_is_refused():
    content = esp()
    assert one(ESP32, content[:-1], RSA3072).authentic == "fail"


def test_a_curve_that_is_not_known_is_unverifiable():
    content = bytearray(esp(EC))
    start = len(content) - 4096
    content[start + 36] = 3
    struct.pack_into("<I", content, start + 1196, zlib.crc32(bytes(content[start : start + 1196])))
    assert one(ESP32, bytes(content), EC).authentic == "unverifiable"

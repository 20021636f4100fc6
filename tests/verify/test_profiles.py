"""Trailer profiles: strict as data, exact as mathematics."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.reader import Malformed
from fwverify.strict import InputFileError
from fwverify.verify.profiles import check, lay_out, load_profile
from tests.builders import keys
from tests.corpus import CORPUS, needs_corpus
from tests.verify.stores import SHIPPED
from tests.verify.trees import write

PANDA = load_profile(SHIPPED / "profiles" / "comma-panda.toml")
KEY = keys.rsa_key(1024)
CODE = bytes(range(256)) * 4
IMAGE = keys.panda_image(KEY, CODE)

RSA_PROFILE = """
schema = "fwverify.profile/1"
id = "acme"
title = "Acme image"
source = ["https://example.org/acme"]
digest = "sha256"
padding = "pkcs1v15"
modulus_bits = [2048]
exponents = [65537]

[signature]
start = { from = "field", field = "end" }
end = { from = "field", field = "end", offset = 256 }

[[signed]]
start = { from = "start" }
end = { from = "field", field = "end" }

[[field]]
name = "end"
at = { from = "start", offset = 4 }
layout = "u32be"

[[magic]]
at = { from = "start" }
bytes = "41434d45"
"""


def holds(image: bytes, key=KEY, profile=PANDA) -> bool:
    try:
        layouted = lay_out(profile, image)
    except Malformed:
        return False
    return check(profile, image, layouted, keys.spki(key))[0] == "pass"


def test_a_signed_image_holds_under_its_key_alone():
    assert holds(IMAGE)
    assert not holds(IMAGE, keys.rsa_key(1024, 1))
    assert not holds(IMAGE, keys.rsa_key(2048)), "a modulus size the profile does not name"
    assert not holds(IMAGE, keys.ec_key())
    layouted = lay_out(PANDA, IMAGE)
    assert layouted.signed == ((4, len(IMAGE) - 128),)
    assert layouted.steering == ((0, 4),)
    assert layouted.signature == (len(IMAGE) - 128, len(IMAGE))


@given(st.integers(0, len(IMAGE) * 8 - 1))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_no_flipped_bit_anywhere_holds(bit):
    changed = bytearray(IMAGE)
    changed[bit // 8] ^= 1 << bit % 8
    assert not holds(bytes(changed))


@pytest.mark.parametrize("cut", [1, 2, 4, 100, 127, 128, 129, 1000, len(IMAGE) - 4, len(IMAGE)])
def test_no_truncated_or_grown_image_holds(cut):
    assert not holds(IMAGE[:-cut])
    assert not holds(IMAGE + bytes(cut))
    assert not holds(bytes(cut) + IMAGE)


def forge(block: bytes, key=KEY) -> bytes:
    """Sign an arbitrary block: what a lax check of the padding would let through."""
    numbers = key.private_numbers()
    signature = pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n)
    return IMAGE[:-128] + signature.to_bytes(128, "big")


DIGEST = hashlib.sha1(CODE).digest()


@pytest.mark.parametrize(
    "block",
    [
        b"\x00\x02" + b"\xff" * 105 + b"\x00" + DIGEST,
        b"\x00\x01" + b"\xfe" * 105 + b"\x00" + DIGEST,
        b"\x00\x01" + b"\xff" * 104 + b"\x00" + DIGEST + b"\x00",
        b"\x00\x01" + b"\xff" * 8 + b"\x00" + DIGEST + bytes(97),
        b"\x00\x01" + b"\xff" * 105 + b"\x01" + DIGEST,
        b"\x00\x00" + b"\xff" * 105 + b"\x00" + DIGEST,
        b"\x00\x01"
        + b"\xff" * 90
        + b"\x00"
        + bytes.fromhex("3021300906052b0e03021a05000414")
        + DIGEST,
    ],
)
def test_every_other_block_is_refused(block):
    assert len(block) == 128
    assert not holds(forge(block))
    assert holds(forge(b"\x00\x01" + b"\xff" * 105 + b"\x00" + DIGEST))


def test_a_cube_root_forgery_under_exponent_three_is_refused():
    key = keys.rsa_key(1024, 0, 3)
    wanted = int.from_bytes(b"\x00\x01" + b"\xff" * 8 + b"\x00" + DIGEST + bytes(97), "big")
    low, high = 0, 1 << 400
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < wanted else (low, middle)
    assert not holds(IMAGE[:-128] + low.to_bytes(128, "big"), key)
    assert holds(keys.panda_image(key, CODE), key), "e = 3 itself is what the profile allows"


def test_a_signature_that_is_not_below_the_modulus_is_refused():
    """Adding the modulus leaves the number the same: it must not be a second signature."""
    modulus = KEY.public_key().public_numbers().n
    images = (keys.panda_image(KEY, CODE + bytes((number,))) for number in range(256))
    image = next(one for one in images if _signature(one) + modulus < 1 << 1024)
    assert holds(image)
    assert not holds(image[:-128] + (_signature(image) + modulus).to_bytes(128, "big"))
    assert not holds(IMAGE[:-128] + b"\xff" * 128)


def _signature(image: bytes) -> int:
    return int.from_bytes(image[-128:], "big")


def acme(tmp_path, text: str = RSA_PROFILE):
    return load_profile(write(tmp_path, "acme.toml", text))


def test_a_profile_with_a_length_field_and_a_magic(tmp_path):
    profile = acme(tmp_path)
    body = b"ACME" + (508).to_bytes(4, "big") + bytes(500)
    image = body + keys.sign_rsa(keys.rsa_key(), body) + b"trailing"
    assert holds(image, keys.rsa_key(), profile)
    assert lay_out(profile, image).signed == ((0, 508),), "the trailing bytes are not signed"
    for end in (0, 7, 509, 516, 2**32 - 1):
        lying = b"ACME" + end.to_bytes(4, "big") + image[8:]
        assert not holds(lying, keys.rsa_key(), profile)
    assert not holds(b"ACMF" + image[4:], keys.rsa_key(), profile)


@pytest.mark.parametrize("salt", [32, 20])
def test_pss_wants_the_salt_the_profile_names(tmp_path, salt):
    profile = acme(tmp_path, RSA_PROFILE.replace('"pkcs1v15"', '"pss"\nsalt_bytes = 32'))
    body = b"ACME" + (508).to_bytes(4, "big") + bytes(500)
    image = body + keys.sign_rsa(keys.rsa_key(), body, pss_salt=salt)
    assert holds(image, keys.rsa_key(), profile) == (salt == 32)


def test_little_endian_numbers(tmp_path):
    profile = acme(tmp_path, RSA_PROFILE.replace('"pkcs1v15"', '"pkcs1v15"\nbyte_order = "little"'))
    body = b"ACME" + (508).to_bytes(4, "big") + bytes(500)
    signature = keys.sign_rsa(keys.rsa_key(), body)
    assert holds(body + signature[::-1], keys.rsa_key(), profile)
    assert not holds(body + signature, keys.rsa_key(), profile)


def test_bare_ecdsa(tmp_path):
    text = RSA_PROFILE.replace('"pkcs1v15"', '"ecdsa-raw"\ncurves = ["secp256r1"]')
    text = text.replace("modulus_bits = [2048]\nexponents = [65537]\n", "").replace("256 }", "64 }")
    profile = acme(tmp_path, text)
    body = b"ACME" + (508).to_bytes(4, "big") + bytes(500)
    signature = keys.sign_ec(keys.ec_key(), body, bare=True)
    assert holds(body + signature, keys.ec_key(), profile)
    assert not holds(body + signature, keys.ec_key("secp256r1", 1), profile)
    assert not holds(body + signature, keys.rsa_key(), profile)
    assert not holds(body + bytes(64), keys.ec_key(), profile), "r = s = 0 (CVE-2022-24884)"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('id = "acme"', 'id = "other"', "not the file's name"),
        ('digest = "sha256"', 'digest = "crc32"', "digest"),
        ('padding = "pkcs1v15"', 'padding = "none"', "padding"),
        ('padding = "pkcs1v15"', 'padding = "pkcs1v15"\npad = 1', "unknown field `pad`"),
        ('padding = "pkcs1v15"', 'padding = "pss"', "salt_bytes"),
        ('padding = "pkcs1v15"', 'padding = "pkcs1v15"\nsalt_bytes = 1', "salt_bytes"),
        ('padding = "pkcs1v15"', 'padding = "ecdsa-raw"', "curves"),
        ("modulus_bits = [2048]", "", "modulus_bits"),
        ("modulus_bits = [2048]", "modulus_bits = [2047]", "modulus_bits"),
        ("exponents = [65537]", "exponents = [4]", "odd"),
        ("exponents = [65537]", "exponents = [1]", "exponents"),
        ('layout = "u32be"', 'layout = "u24be"', "layout"),
        ('source = ["https://example.org/acme"]', "source = []", "source"),
        ('field = "end", offset', 'field = "start", offset', "start is no field"),
        (
            'from = "field", field = "end", offset',
            'from = "end", field = "end", offset',
            "only with",
        ),
        ('bytes = "41434d45"', 'bytes = "41434d4"', "bytes"),
    ],
)
def test_each_inconsistency_of_a_profile_is_an_error(tmp_path, old, new, why):
    assert old in RSA_PROFILE
    with pytest.raises(InputFileError, match=why) as caught:
        acme(tmp_path, RSA_PROFILE.replace(old, new, 1))
    assert caught.value.file.endswith("acme.toml")


def test_a_profile_that_would_fit_every_file_is_an_error(tmp_path):
    text = RSA_PROFILE.split("[[field]]")[0].replace('"field", field = "end"', '"end"')
    with pytest.raises(InputFileError, match="every file"):
        acme(tmp_path, text.replace("offset = 256", "offset = 0"))


@given(st.binary(max_size=600))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_arbitrary_files_never_crash_a_profile(data):
    assert not holds(data)
    assert not holds((len(data) + 4).to_bytes(4, "little") + data + bytes(128))


@needs_corpus
def test_the_panda_images_hold_under_the_release_key_alone():
    from fwverify.verify.keys import read_keys

    folder = CORPUS / "vehicle_panda_release"
    release, debug = (
        read_keys((folder / "keys" / f"{name}.pub").read_bytes(), name)[0].spki
        for name in ("release", "debug")
    )
    images = sorted(folder.glob("*.signed"))
    assert len(images) == 4
    for image in images:
        data = image.read_bytes()
        layouted = lay_out(PANDA, data)
        assert check(PANDA, data, layouted, release)[0] == "pass"
        assert check(PANDA, data, layouted, debug)[0] == "fail"

"""AES content that only the operator calls encrypted, plain texts, and SWUpdate images."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fwverify.unpack.envelopes.swupdate import derived, images
from tests.builders.archives import CpioItem, cpio_archive
from tests.unpack.helpers import codes, kinds, noise, rules
from tests.unpack_envelopes.helpers import IV, KEY, TEXT, Keyed, encrypted, secret

OTHER = bytes(32)


@pytest.fixture
def bench() -> Keyed:
    return Keyed()


def cbc(plain: bytes, key: bytes = KEY, iv: bytes = IV) -> bytes:
    pad = padding.PKCS7(128).padder()
    data = pad.update(plain) + pad.finalize()
    return Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor().update(data)


def ctr(plain: bytes, key: bytes = KEY, iv: bytes = IV) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor().update(plain)


def gcm(plain: bytes, aad: bytes = b"") -> bytes:
    return AESGCM(KEY).encrypt(IV[:12], plain, aad)


def cbc_secret(key: bytes = KEY, **values: bytes):
    return secret("aes-cbc", **{"key": key, "iv": IV, "padding": b"pkcs7"} | values)


# --- what must not open ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "given"),
    [
        (cbc(TEXT), cbc_secret(OTHER)),
        (cbc(TEXT)[:-1], cbc_secret()),
        (cbc(TEXT)[:-16], cbc_secret()),
        (ctr(TEXT), secret("aes-ctr", key=OTHER, iv=IV)),
        (ctr(TEXT), secret("aes-ctr", key=KEY, iv=bytes(16))),
        (gcm(TEXT), secret("aes-gcm", key=OTHER, iv=IV[:12])),
        (gcm(TEXT), secret("aes-gcm", key=KEY, iv=IV[:12], aad=b"x")),
        (gcm(TEXT)[:-1], secret("aes-gcm", key=KEY, iv=IV[:12])),
        (gcm(TEXT)[1:], secret("aes-gcm", key=KEY, iv=IV[:12])),
        (gcm(TEXT), secret("aes-gcm", key=KEY, iv=IV[:12], tag=bytes(16))),
        (b"short", secret("aes-gcm", key=KEY, iv=IV[:12])),
        (cbc(TEXT), cbc_secret(offset=b"99999999")),
        (cbc(TEXT), cbc_secret(length=b"99999999")),
        (cbc(TEXT), secret("aes-cbc", key=KEY, iv_offset=b"99999", padding=b"pkcs7")),
        (gcm(TEXT), secret("aes-gcm", key=KEY, iv=IV[:12], tag_offset=b"99999")),
    ],
)
def test_a_wrong_key_or_place_is_encrypted_and_explains_nothing(bench, data, given) -> None:
    opened = bench.with_secrets(data, given)
    assert encrypted(opened)
    assert set(kinds(opened)) == {"unexplained"}
    assert KEY.hex() not in repr(opened) and OTHER.hex() not in repr(opened)


def test_changed_bytes_of_gcm_are_refused(bench) -> None:
    data = gcm(TEXT[:100])
    for at in (0, 1, 50, 99, 100, 107, 115):  # cipher text and tag
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        opened = bench.with_secrets(changed, secret("aes-gcm", key=KEY, iv=IV[:12]))
        assert encrypted(opened) and not opened.entries


@pytest.mark.parametrize("mode", ["aes-cbc", "aes-ctr"])
def test_what_is_not_recognised_is_unproven(bench, mode) -> None:
    plain = noise(5000)
    data = cbc(plain) if mode == "aes-cbc" else ctr(plain)
    opened = bench.with_secrets(data, secret(mode, key=KEY, iv=IV, padding=b"pkcs7"))
    assert encrypted(opened)
    assert any("binding unproven" in each.text for each in opened.problems)
    assert set(kinds(opened)) == {"unexplained"}


def test_a_few_recognised_bytes_prove_nothing(bench) -> None:
    assert encrypted(bench.with_secrets(ctr(b"text"), secret("aes-ctr", key=KEY, iv=IV)))


def test_a_plain_text_that_is_not_the_content_is_unproven(bench) -> None:
    for given in ((), (secret("aes-ctr", key=OTHER, iv=IV),), (secret("aes-ctr", key=KEY, iv=IV),)):
        opened = bench.with_secrets(ctr(TEXT), *given, plaintexts=(TEXT + b"x",))
        assert "plaintext.unproven" in rules(opened)
        assert b"@plaintext" in [each.name for each in opened.entries]
        assert opened.given


# --- what opens ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "given"),
    [
        (cbc(TEXT), cbc_secret()),
        (IV + cbc(TEXT), secret("aes-cbc", key=KEY, iv_offset=b"0", padding=b"pkcs7")),
        (cbc(TEXT, KEY[:16]), cbc_secret(KEY[:16])),
        (ctr(TEXT), secret("aes-ctr", key=KEY, iv=IV)),
        (gcm(TEXT), secret("aes-gcm", key=KEY, iv=IV[:12])),
        (gcm(TEXT, b"head"), secret("aes-gcm", key=KEY, iv=IV[:12], aad=b"head")),
        (IV[:12] + gcm(TEXT), secret("aes-gcm", key=KEY, iv_offset=b"0")),
        (gcm(TEXT)[:-16], secret("aes-gcm", key=KEY, iv=IV[:12], tag=gcm(TEXT)[-16:])),
    ],
)
def test_the_right_key_gives_the_content(bench, data, given) -> None:
    opened = bench.with_secrets(data, given)
    assert opened.complete and opened.given
    assert bench.content(opened, b"data") == TEXT
    assert "unexplained" not in kinds(opened)


def test_bytes_around_the_cipher_text_stay_unexplained(bench) -> None:
    head = noise(64, seed=3)
    data = head + ctr(TEXT) + b"trailer of some kind"
    given = secret("aes-ctr", key=KEY, iv=IV, offset=b"64", length=str(len(TEXT)).encode())
    opened = bench.with_secrets(data, given)
    assert bench.content(opened, b"data") == TEXT
    assert kinds(opened)["unexplained"] == 64 + 20


def test_the_second_of_two_keys_opens(bench) -> None:
    opened = bench.with_secrets(cbc(TEXT), cbc_secret(OTHER), cbc_secret())
    assert bench.content(opened, b"data") == TEXT


def test_a_plain_text_that_encrypts_to_the_cipher_text_counts(bench) -> None:
    plain = noise(5000)
    given = secret("aes-ctr", key=KEY, iv=IV)
    opened = bench.with_secrets(ctr(plain), given, plaintexts=(plain,))
    assert opened.complete
    assert "plaintext.unproven" not in rules(opened)
    assert bench.content(opened, b"data") == plain


# --- SWUpdate --------------------------------------------------------------------------

DESCRIPTION = """software = { version = "1.2";
  images: ( { filename = "rootfs.bin"; encrypted = true; ivt = "%s"; },
            { filename = "plain.bin"; }, /* { filename = "no.bin"; encrypted = true; } */
            { filename = "own.bin"; encrypted = true; } );
};
"""


def swu(description: bytes, *files: tuple[bytes, bytes]) -> bytes:
    items = (CpioItem(b"sw-description", description), *(CpioItem(*each) for each in files))
    return cpio_archive(*items)


def test_images_are_those_that_say_so() -> None:
    ivt = bytes(16).hex()
    assert images(DESCRIPTION % ivt) == {"rootfs.bin": ivt, "own.bin": ""}
    twice = '{filename="a";encrypted=true;ivt="00"} {filename="a";encrypted=true;ivt="11"}'
    assert images(twice) == {}
    assert images('{"images":[{"filename":"j","encrypted":true,"ivt":"00"}]}') == {"j": "00"}
    assert images("{" * 5000) == {}


def test_each_image_has_its_own_iv(bench) -> None:
    given = secret("swupdate", key=KEY, iv=IV)
    archive = swu((DESCRIPTION % bytes(16).hex()).encode(), (b"rootfs.bin", cbc(TEXT)))
    opened = bench.with_secrets(archive, given)
    assert opened.given
    (own,) = derived(opened, b"rootfs.bin", (given,))
    assert own.values["iv"] == bytes(16)
    (own,) = derived(opened, b"own.bin", (given,))
    assert own.values["iv"] == IV
    assert derived(opened, b"plain.bin", (given,)) == ()
    assert derived(bench.open(archive), b"rootfs.bin", (given,)) == ()


def test_an_encrypted_description_is_read_with_the_key(bench) -> None:
    archive = swu(cbc((DESCRIPTION % bytes(16).hex()).encode()))
    opened = bench.with_secrets(archive, secret("swupdate", key=KEY, iv=IV))
    assert derived(opened, b"sw-description", (secret("swupdate", key=KEY, iv=IV),))
    assert derived(opened, b"rootfs.bin", (secret("swupdate", key=KEY, iv=IV),))
    wrong = secret("swupdate", key=OTHER, iv=IV)
    assert not derived(bench.with_secrets(archive, wrong), b"rootfs.bin", (wrong,))
    assert "encrypted" not in codes(opened)

"""CMS envelopes, OpenPGP messages, ciphered DLMS APDUs and RAUC crypt bundles."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.unpack.helpers import codes, kinds, noise
from tests.unpack_envelopes.helpers import KEY, TEXT, Keyed, encrypted, secret

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is absent")
needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is absent")
CMS_WAYS = {
    "rsa-cbc": ("rsa", ["-aes-256-cbc"], []),
    "rsa-128": ("rsa", ["-aes-128-cbc"], []),
    "rsa-gcm": ("rsa", ["-aes-256-gcm"], []),
    "rsa-oaep": ("rsa", ["-aes-256-cbc"], ["-keyopt", "rsa_padding_mode:oaep"]),
    "rsa-oaep-256": (
        "rsa",
        ["-aes-256-gcm"],
        ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"],
    ),
    "ec-cbc": ("ec", ["-aes-256-cbc"], []),
    "ec-gcm": ("ec", ["-aes-256-gcm"], []),
    "ec-stream": ("ec", ["-stream", "-aes-256-cbc"], []),
}


@pytest.fixture
def bench() -> Keyed:
    return Keyed()


def run(*command: str, cwd: Path, data: bytes | None = None) -> bytes:
    environment = os.environ | {"GNUPGHOME": str(cwd)}
    done = subprocess.run(
        command, cwd=cwd, check=True, capture_output=True, input=data, env=environment
    )
    return done.stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    ec = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    for name, kind in (("rsa", ["rsa:2048"]), ("ec", ec), ("other", ["rsa:2048"])):
        run(
            *("openssl", "req", "-x509", "-nodes", "-newkey", *kind, "-subj", f"/CN={name}"),
            *("-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "999"),
            cwd=folder,
        )
    return folder


def cms(keys: Path, way: str, plain: bytes = TEXT) -> bytes:
    name, cipher, options = CMS_WAYS[way]
    (keys / "plain").write_bytes(plain)
    return run(
        *("openssl", "cms", "-encrypt", "-binary", "-outform", "DER", "-in", "plain"),
        *(*cipher, "-recip", f"{name}.crt", *options),
        cwd=keys,
    )


def key_of(keys: Path, name: str):
    return secret("cms", key=(keys / f"{name}.key").read_bytes())


# --- CMS -------------------------------------------------------------------------------


@needs_openssl
@pytest.mark.parametrize("way", CMS_WAYS)
def test_a_cms_envelope_without_its_key(bench, keys, way) -> None:
    data = cms(keys, way)
    wrong = "ec" if way.startswith("rsa") else "rsa"
    for secrets in ((), (key_of(keys, wrong),), (key_of(keys, "other"),)):
        opened = bench.with_secrets(data, *secrets)
        assert opened.format == "cms-enveloped"
        assert encrypted(opened)
        assert set(kinds(opened)) == {"unexplained"}


@needs_openssl
@pytest.mark.parametrize("way", CMS_WAYS)
def test_a_cms_envelope_with_its_key(bench, keys, way) -> None:
    name = CMS_WAYS[way][0]
    opened = bench.with_secrets(cms(keys, way), key_of(keys, "other"), key_of(keys, name))
    assert opened.complete and opened.given
    assert bench.content(opened, b"data") == TEXT
    assert "unexplained" not in kinds(opened)


@needs_openssl
def test_what_cbc_gives_and_nothing_recognises_is_unproven(bench, keys) -> None:
    opened = bench.with_secrets(cms(keys, "rsa-cbc", noise(4000)), key_of(keys, "rsa"))
    assert encrypted(opened)
    assert any("binding unproven" in each.text for each in opened.problems)
    proven = bench.with_secrets(
        cms(keys, "rsa-gcm", noise(4000)), key_of(keys, "rsa")
    )  # authenticated
    assert bench.content(proven, b"data") == noise(4000)


@needs_openssl
def test_changed_and_cut_envelopes_never_open_silently(bench, keys) -> None:
    data = cms(keys, "rsa-gcm", TEXT[:200])
    for at in range(0, len(data), 31):
        changed = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
        opened = bench.with_secrets(changed, key_of(keys, "rsa"))
        if any(each.name == b"data" and each.sha256 for each in opened.entries):
            assert bench.content(opened, b"data") == TEXT[:200], at
        cut = bench.with_secrets(data[:at], key_of(keys, "rsa"))
        assert not [each for each in cut.entries if each.name == b"data"], at


@needs_openssl
def test_bytes_behind_an_envelope_stay_unexplained(bench, keys) -> None:
    opened = bench.with_secrets(cms(keys, "ec-gcm") + noise(99), key_of(keys, "ec"))
    assert kinds(opened)["unexplained"] == 99


@pytest.mark.parametrize("key", [b"no key at all", b"-----BEGIN PRIVATE KEY-----\nAA==\n", b""])
@needs_openssl
def test_a_key_that_is_none_is_not_repeated(bench, keys, key) -> None:
    opened = bench.with_secrets(cms(keys, "rsa-cbc"), secret("cms", key=key))
    assert encrypted(opened)
    assert not any("no key at all" in each.text for each in opened.problems)


def test_junk_that_looks_like_an_envelope_is_no_exception(bench) -> None:
    oid = bytes.fromhex("06092a864886f70d010703")
    for tail in (b"", b"\xa0\x80", noise(300), b"\xa0\x82\x01\x00" + noise(256)):
        body = oid + tail
        opened = bench.with_secrets(
            b"\x30\x82" + len(body).to_bytes(2, "big") + body, secret("cms", content_key=KEY)
        )
        assert not opened.complete


# --- OpenPGP ---------------------------------------------------------------------------


def pgp(folder: Path, plain: bytes = TEXT, *options: str) -> bytes:
    return run(
        *("gpg", "-q", "--batch", "--pinentry-mode", "loopback", "--passphrase", "Pass 1"),
        *("--s2k-count", "65536", *options, "-c"),
        cwd=folder,
        data=plain,
    )


@needs_gpg
@pytest.mark.parametrize("compression", ["0", "1", "2", "3"])
def test_openpgp_with_a_password(bench, tmp_path, compression) -> None:
    data = pgp(tmp_path, TEXT, "--compress-algo", compression)
    for secrets in ((), (secret("openpgp", password=b"Pass 2"),)):
        assert encrypted(bench.with_secrets(data, *secrets))
    opened = bench.with_secrets(data, secret("openpgp", password=b"Pass 1"))
    assert opened.complete and opened.given
    assert bench.content(opened, b"data") == TEXT
    assert "unexplained" not in kinds(opened)


@needs_gpg
def test_openpgp_changed_or_cut_is_never_silent(bench, tmp_path) -> None:
    data = pgp(tmp_path, noise(200), "--compress-algo", "0")
    given = secret("openpgp", password=b"Pass 1")
    for at in range(16, len(data), 9):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        opened = bench.with_secrets(changed, given)
        assert not opened.complete and not opened.entries, at
        assert not bench.with_secrets(data[:at], given).entries, at


@needs_gpg
def test_openpgp_with_the_session_key_that_gpg_shows(bench, tmp_path) -> None:
    data = pgp(tmp_path)
    (tmp_path / "m").write_bytes(data)
    done = subprocess.run(
        [
            "gpg",
            "--batch",
            "--pinentry-mode",
            "loopback",
            "--passphrase-fd",
            "0",
            "--show-session-key",
            "-d",
            "m",
        ],
        input=b"Pass 1",
        cwd=tmp_path,
        capture_output=True,
        env=os.environ | {"GNUPGHOME": str(tmp_path)},
    )
    (line,) = [each for each in done.stderr.decode().splitlines() if "session key:" in each]
    key = bytes.fromhex(line.rpartition(":")[2].strip(" '"))
    opened = bench.with_secrets(data, secret("openpgp", session_key=key))
    assert bench.content(opened, b"data") == TEXT


@needs_gpg
def test_an_armoured_message_is_encrypted(bench, tmp_path) -> None:
    data = pgp(tmp_path, TEXT, "--armor")
    assert encrypted(bench.with_secrets(data, secret("openpgp", password=b"Pass 1")))


# --- DLMS ------------------------------------------------------------------------------

TITLE = b"ABC\x00\x00\x00\x01\x02"
AUTHENTICATION_KEY = bytes(range(16, 32))


def apdu(plain: bytes, control: int = 0x30, tag: int = 0xDB, key: bytes = KEY[:16]) -> bytes:
    head = bytes([control]) + b"\x00\x00\x00\x07"
    aad = head[:1] + AUTHENTICATION_KEY
    sealed = AESGCM(key).encrypt(TITLE + head[1:], plain, aad)
    body = head + sealed[:-4]  # a tag of 12 bytes
    return bytes([tag, 8]) + TITLE + b"\x82" + len(body).to_bytes(2, "big") + body


def dlms(key: bytes = KEY[:16], authentication: bytes = AUTHENTICATION_KEY):
    return secret("dlms", encryption_key=key, authentication_key=authentication)


def test_a_ciphered_apdu_without_its_keys(bench) -> None:
    for secrets in ((), (dlms(bytes(16)),), (dlms(authentication=bytes(16)),), (dlms(KEY),)):
        opened = bench.with_secrets(apdu(TEXT), *secrets)
        assert opened.format == "dlms-ciphered"
        assert encrypted(opened) and not opened.entries


def test_a_changed_apdu_is_never_silent(bench) -> None:
    data = apdu(TEXT[:60])
    for at in (*range(18), *range(18, len(data), 9), len(data) - 1):
        changed = data[:at] + bytes([data[at] ^ 2]) + data[at + 1 :]
        opened = bench.with_secrets(changed, dlms())
        assert not [each for each in opened.entries if each.name == b"data"], at
        assert not bench.with_secrets(data[:at], dlms()).entries


@pytest.mark.parametrize(("control", "key"), [(0x30, KEY[:16]), (0x31, KEY[:16]), (0x32, KEY)])
@pytest.mark.parametrize("tag", [0xDB, 0xDC])
def test_a_ciphered_apdu_with_its_keys(bench, control, key, tag) -> None:
    opened = bench.with_secrets(apdu(TEXT, control, tag, key), dlms(key))
    assert opened.complete and opened.given
    assert bench.content(opened, b"data") == TEXT
    assert kinds(opened)["signature"] == 12


def test_an_apdu_without_authentication_is_unproven(bench) -> None:
    assert encrypted(bench.with_secrets(apdu(TEXT, 0x20), dlms()))
    assert "unsupported" in codes(bench.with_secrets(apdu(TEXT, 0xB0), dlms()))


# --- recognised only -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"LUKS\xba\xbe\x00\x02" + noise(600), "luks"),
        (b"\xeb\x58\x90-FVE-FS-" + noise(600), "bitlocker"),
        (b"age-encryption.org/v1\n-> X25519 " + noise(90), "age"),
        (b"Salted__" + noise(600), "openssl-enc"),
        (b"U2FsdGVkX1" + b"A" * 600, "openssl-enc"),
        (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n", "openpgp-message"),
        (b"\x85\x01\x0c\x03" + noise(268), "openpgp-message"),
    ],
)
def test_encrypted_things_are_said_by_name(bench, data, name) -> None:
    opened = bench.with_secrets(data)
    assert opened.format == name
    assert encrypted(opened)
    assert set(kinds(opened)) == {"unexplained"}

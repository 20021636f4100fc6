"""ZIP: the traditional cipher and WinZip AES, with the right password and every other way."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unpack.helpers import kinds, noise
from tests.unpack_envelopes.helpers import TEXT, Keyed, encrypted, password
from tests.unpack_envelopes.zips import encrypted_zip

PASSWORD = b"Feuerwehr 7"
WAYS = [(0, 2), (1, 1), (1, 2), (2, 2), (3, 1), (3, 2)]


@pytest.fixture
def bench() -> Keyed:
    return Keyed()


@pytest.mark.parametrize(("strength", "version"), WAYS)
def test_without_or_with_a_wrong_password_nothing_comes_out(bench, strength, version) -> None:
    data = encrypted_zip(TEXT, PASSWORD, strength=strength, version=version)
    for secrets in ((), (password(b"wrong"),), (password(b"wrong"), password(b"Feuerwehr 8"))):
        opened = bench.with_secrets(data, *secrets)
        assert encrypted(opened)
        assert [each.sha256 for each in opened.entries] == [None]
        assert kinds(opened)["unexplained"] > 20
        assert "extracted" not in kinds(opened)
        assert not any("wrong" in each.text and "Feuer" in each.text for each in opened.problems)


@pytest.mark.parametrize(("strength", "version"), WAYS)
def test_any_changed_byte_of_the_data_is_never_silent(bench, strength, version) -> None:
    content = noise(300)
    data = encrypted_zip(content, PASSWORD, strength=strength, version=version)
    begin = data.index(b"fw.bin") + 6 + (11 if strength else 0)
    for at in range(begin, begin + 320, 7):
        changed = data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]
        opened = bench.with_secrets(changed, password(PASSWORD))
        assert not opened.complete, at
        assert all(each.sha256 is None for each in opened.entries), at


def test_truncation_is_never_complete(bench) -> None:
    data = encrypted_zip(TEXT, PASSWORD, strength=3)
    for size in range(4, len(data), 13):
        opened = bench.with_secrets(data[:size], password(PASSWORD))
        assert not opened.complete, size


def test_a_stated_crc_that_the_content_has_not_is_not_believed(bench) -> None:
    for strength, version in ((0, 2), (3, 1)):
        data = encrypted_zip(TEXT, PASSWORD, strength=strength, version=version, crc=0x12345678)
        assert encrypted(bench.with_secrets(data, password(PASSWORD)))


def test_absurd_extra_fields_do_not_open(bench) -> None:
    data = encrypted_zip(TEXT, PASSWORD, strength=3)
    for old, new in ((b"AE\x03", b"AE\x04"), (b"AE\x03", b"AX\x03"), (b"\x63\x00", b"\x08\x00")):
        assert encrypted(bench.with_secrets(data.replace(old, new), password(PASSWORD)))


@pytest.mark.parametrize(("strength", "version"), WAYS)
def test_the_right_password_gives_the_content(bench, strength, version) -> None:
    data = encrypted_zip(TEXT, PASSWORD, strength=strength, version=version)
    opened = bench.with_secrets(data, password(b"wrong"), password(PASSWORD))
    assert opened.complete and opened.given
    assert bench.content(opened, b"fw.bin") == TEXT
    assert opened.entries[0].mode == 0o755
    assert "unexplained" not in kinds(opened)


@pytest.mark.skipif(shutil.which("7zz") is None, reason="7zz is the oracle and is absent")
@pytest.mark.parametrize("method", ["AES256", "AES128", "ZipCrypto"])
def test_seven_zip_makes_what_is_read(bench, method, tmp_path: Path) -> None:
    (tmp_path / "fw.bin").write_bytes(TEXT)
    command = ["7zz", "a", "-tzip", f"-mem={method}", "-pFeuerwehr 7", "o.zip", "fw.bin"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    opened = bench.with_secrets((tmp_path / "o.zip").read_bytes(), password(PASSWORD))
    assert opened.complete
    assert bench.content(opened, b"fw.bin") == TEXT
    assert encrypted(bench.with_secrets((tmp_path / "o.zip").read_bytes(), password(b"x")))


@pytest.mark.skipif(shutil.which("7zz") is None, reason="7zz is the oracle and is absent")
@pytest.mark.parametrize("headers", ["on", "off"])
def test_seven_zip_archives(bench, headers, tmp_path: Path) -> None:
    (tmp_path / "fw.bin").write_bytes(TEXT)
    command = ["7zz", "a", f"-mhe={headers}", "-pFeuerwehr 7", "o.7z", "fw.bin"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    data = (tmp_path / "o.7z").read_bytes()
    for secrets in ((), (password(b"wrong"),), (password(b"a\nb"),)):
        opened = bench.with_secrets(data, *secrets)
        assert encrypted(opened)
        told = [each.text for each in opened.problems]
        assert ("no password that was given opens it" in told) == bool(secrets)
        assert not any("not here" in text for text in told)
    opened = bench.with_secrets(data, password(b"wrong"), password(PASSWORD))
    assert opened.complete and opened.given
    assert bench.content(opened, b"fw.bin") == TEXT

"""RAUC crypt bundles, made with the cipher that dm-crypt uses."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.builders import pki
from tests.builders.squashfs import image
from tests.unpack.helpers import codes, kinds
from tests.unpack_envelopes.helpers import KEY, Keyed, encrypted, secret
from tests.unpack_envelopes.test_messages import run
from tests.verify_cms.bundles import join, manifest, tree_of

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is absent")
ROOT = b"root file system " * 99


def sectors(data: bytes, key: bytes = KEY) -> bytes:
    result = b""
    for at in range(0, len(data), 4096):
        iv = (at // 512).to_bytes(16, "little")
        context = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
        result += context.update(data[at : at + 4096])
    return result


def bundle(folder: Path, *, enveloped: bool = True, stated: str = KEY.hex()) -> bytes:
    payload = image({"rootfs.img": ROOT})
    data = sectors(payload)
    tree, root = tree_of(data)
    tree = tree or bytes(4096)
    text = manifest(
        kind="crypt",
        files={"rootfs.img": ROOT},
        crypt_key=stated,
        verity_hash=root.hex(),
        verity_salt=hashlib.sha256(b"salt").hexdigest(),
        verity_size=str(len(tree)),
    )
    message = pki.message(text, attached=True)
    if enveloped:
        (folder / "m").write_bytes(message)
        command = "openssl cms -encrypt -binary -in m -outform DER -aes-256-cbc -recip rsa.crt"
        message = run(*command.split(), cwd=folder)
    return join(data + tree, message)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("rauc")
    for name in ("rsa", "other"):
        run(
            *f"openssl req -x509 -nodes -newkey rsa:2048 -subj /CN={name}".split(),
            *f"-keyout {name}.key -out {name}.crt -days 999".split(),
            cwd=made,
        )
    return made


@pytest.fixture
def bench() -> Keyed:
    return Keyed()


def key_of(folder: Path, name: str):
    return secret("rauc-crypt", key=(folder / f"{name}.key").read_bytes())


def test_without_its_key_the_payload_is_encrypted(bench, folder) -> None:
    data = bundle(folder)
    for secrets in ((), (key_of(folder, "other"),), (secret("rauc-crypt", key=b"none"),)):
        opened = bench.with_secrets(data, *secrets)
        assert opened.format == "rauc"
        assert encrypted(opened) and not opened.entries
        assert "extracted" not in kinds(opened)


def test_a_manifest_with_a_wrong_payload_key_is_unproven(bench, folder) -> None:
    for stated in ("00" * 32, "00", "zz"):
        opened = bench.with_secrets(bundle(folder, stated=stated), key_of(folder, "rsa"))
        assert encrypted(opened)
        assert b"rootfs.img" not in [each.name for each in opened.entries]


def test_with_its_key_every_file_is_there_and_the_key_is_in_no_blob(bench, folder) -> None:
    opened = bench.with_secrets(bundle(folder), key_of(folder, "other"), key_of(folder, "rsa"))
    assert opened.given
    assert bench.content(opened, b"rootfs.img") == ROOT
    assert b"crypt-key=(left out)" in bench.content(opened, b"@manifest.raucm")
    assert "encrypted" not in codes(opened)
    for file in bench.store.root.rglob("*"):
        if file.is_file():
            assert KEY.hex().encode() not in file.read_bytes()


def test_changed_bytes_never_raise(bench, folder) -> None:
    data = bundle(folder)
    for at in range(0, len(data), 1499):
        changed = data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]
        bench.with_secrets(changed, key_of(folder, "rsa"))


def test_a_bundle_that_states_its_own_key(bench, folder) -> None:
    opened = bench.with_secrets(bundle(folder, enveloped=False))
    assert bench.content(opened, b"rootfs.img") == ROOT

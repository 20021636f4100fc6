"""Keys on a token (SoftHSM): they sign what openssl verifies, and never leave it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fwverify.evidence import signers
from fwverify.evidence.check import check
from fwverify.keyring import detached, token
from fwverify.keyring.detached import SigningError
from fwverify.verify.keys import read_keys
from tests.builders import pki, reports
from tests.evidence import lab

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "4711"


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A token with an elliptic and an RSA key; the URI lacks the object's name."""
    pytest.importorskip("pkcs11", reason="the extra fwverify[pkcs11] is not installed")
    if shutil.which("softhsm2-util") is None or not MODULE.is_file():
        pytest.skip("softhsm2 is not here")
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    (folder / "pin").write_text(f"{PIN}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        made = f"softhsm2-util --init-token --free --label lab --pin {PIN} --so-pin 0815"
        subprocess.run(made.split(), check=True, capture_output=True)
        for number, name in enumerate(("p256", "rsa3072")):
            key = lab.key_pem(identity(name))
            (folder / name).write_bytes(key)
            put = f"softhsm2-util --import {name} --token lab --label {name} --id 0{number}"
            subprocess.run(
                [*put.split(), "--pin", PIN], check=True, capture_output=True, cwd=folder
            )
        yield f"pkcs11:token=lab;object={{}}?module-path={MODULE}&pin-source={folder}/pin"


def identity(kind):
    key = pki.key(kind, 4712)
    name = f"Token {kind}"
    return pki.issue(name, key, lab.authority("Lab CA"), extensions=lab.SIGNING, **lab.VALID)


@pytest.mark.parametrize("kind", ["p256", "rsa3072"])
def test_a_package_is_signed_on_the_token(uri, kind):
    cert = identity(kind)
    by = signers.signatory(b"", cert.pem, uri.format(kind), lab.NOW)
    assert isinstance(by.private, token.TokenKey)
    assert PIN not in repr(by) + repr(by.private)
    message = signers.sign(by, b"manifest", lab.NOW)
    assert signers.fault(message, b"manifest", cert.cert) == ""
    assert signers.fault(message, b"Manifest", cert.cert)
    value = detached.sign(by.private, b"approval")
    assert detached.fault(read_keys(_public(by), "key")[0], value, b"approval") == ""


def _public(by):
    from asn1crypto import pem

    return pem.armor("PUBLIC KEY", by.private.spki)


def test_a_whole_package(uri):
    from fwverify.canonical import seal as canonical_seal
    from fwverify.evidence import layout, sealing, statements

    by = signers.signatory(b"", identity("p256").pem, uri.format("p256"), lab.NOW)
    report = canonical_seal(reports.ALLOW)
    core, said = layout.core(report), statements.of(report)
    seal = sealing.Seal(at=lab.NOW, lab=by)
    data = sealing.seal(core, "evidence", report.subject.sha256, seal, said)
    assert check(data, lab.trust()).state == "verified"


def test_what_is_not_there(uri, tmp_path):
    with pytest.raises(SigningError):
        token.load(uri.format("absent"))
    with pytest.raises(SigningError):
        token.load(uri.format("p256").replace("token=lab", "token=other"))
    (tmp_path / "pin").write_text("0000")
    wrong = uri.format("p256").partition("&")[0] + f"&pin-source={tmp_path}/pin"
    with pytest.raises(SigningError):
        token.load(wrong)
    with pytest.raises(TypeError):
        token.load(uri.format("p256").partition("&")[0])
    with pytest.raises(SigningError, match="certificates are of this key"):
        signers.signatory(b"", identity("rsa3072").pem, uri.format("p256"), lab.NOW)


@pytest.mark.parametrize(
    "name",
    [
        "pkcs11:",
        "pkcs11:token=a;object=b",
        "pkcs11:token=a;object=b;object=c?module-path=/x",
        "pkcs11:token=a;object=b?module-path=/x&pin-value=1",
        "pkcs11:token=a;object=b;serial=1?module-path=/x",
        "pkcs11:token=a;object=?module-path=/x",
        "pkcs11:token=a;object=b?module-path=/nowhere.so&pin-source=/nowhere",
    ],
)
def test_names_of_nothing(name):
    with pytest.raises(SigningError):
        token.load(name, "1")

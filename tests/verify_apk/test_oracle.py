"""Agreement with apksigner and jarsigner, and the corpus.

Not compared: RSASSA-PSS (apksigner ends with an exception: its Java does not know the
algorithm by that name) and platforms below 21 (no SHA-256 with ECDSA there). apksigner
refuses under v1 a certificate whose key usage lacks digitalSignature; here an exact pin
is spared questions of purpose.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess

import pytest
from asn1crypto import pem as asn1_pem
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import serialization

from fwverify.verify.android_ota import ANDROID_OTA
from fwverify.verify.apk import APK
from fwverify.verify.jar import JAR
from tests.builders import pki
from tests.corpus import CORPUS, needs_corpus
from tests.verify_apk import build
from tests.verify_apk.build import EC_256, RSA_256, Signer, owner
from tests.verify_apk.helpers import accepted, material, run

FOLDER = CORPUS / "android_ota_apk"
needs_apksigner = pytest.mark.skipif(
    shutil.which("apksigner") is None, reason="NOT COMPARED: apksigner is absent (apt: apksigner)"
)
needs_jarsigner = pytest.mark.skipif(
    shutil.which("jarsigner") is None, reason="NOT COMPARED: jarsigner is absent (apt: default-jdk)"
)


def apksigner_accepts(folder, content: bytes, least: int = 24) -> bool:
    path = folder / "app.apk"
    path.write_bytes(content)
    command = ["apksigner", "verify", "--min-sdk-version", str(least), str(path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return done.returncode == 0


def broken(content: bytes, what: bytes) -> bytes:
    at = content.index(what)
    return content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :]


RSA = Signer(owner("RSA", "rsa2048"), (RSA_256,))


@needs_apksigner
@pytest.mark.parametrize(
    ("content", "least"),
    [
        (build.apk, 24),
        (lambda: build.apk(RSA), 24),
        (lambda: build.apk(Signer(sdk=(24, 0x7FFFFFFF)), number=build.V3), 28),
        (lambda: broken(build.apk(), b"dex\n"), 24),
        (lambda: build.apk(Signer(signatures=((EC_256, bytes(70)),))), 24),
        (lambda: build.apk(Signer(attributes=((0xBEEFF00D, b"\3\0\0\0"),))), 24),
        (lambda: build.apk(base=build.jar(extra=b"X-Android-APK-Signed: 2\r\n")), 21),
        (lambda: build.jar(extra=b"X-Android-APK-Signed: 2\r\n"), 21),
        (build.jar, 21),
    ],
)
def test_apksigner_agrees(tmp_path, content, least):
    made = content()
    results = run(made, APK) + run(made, JAR)
    mine = bool(results) and all(one.authentic == "pass" for one in results)
    assert apksigner_accepts(tmp_path, made, least) == mine


@needs_apksigner
def test_what_apksigner_signs_is_accepted(tmp_path):
    one = owner("RSA", "rsa2048")
    (tmp_path / "in.apk").write_bytes(build.archive())
    private = one.private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "key.pk8").write_bytes(private)
    (tmp_path / "cert.pem").write_bytes(one.pem)
    command = "apksigner sign --min-sdk-version 18 --key key.pk8 --cert cert.pem --out out.apk"
    subprocess.run([*command.split(), "in.apk"], cwd=tmp_path, check=True, timeout=60)
    made = (tmp_path / "out.apk").read_bytes()
    trust = material(one)
    assert len(run(made, APK, trust=trust)) == 2
    assert accepted(run(made, APK, trust=trust))
    assert accepted(run(made, JAR, trust=trust))


@needs_jarsigner
def test_what_jarsigner_signs_is_accepted(tmp_path):
    plain = {"a.class": b"\xca\xfe\xba\xbe" * 9, "folder/b": b"b"}
    (tmp_path / "a.jar").write_bytes(build.archive(plain))
    make = (
        "keytool -genkeypair -keystore k -storepass secret1 -alias a -dname CN=A "
        "-keyalg EC -groupname secp256r1 -validity 3650"
    )
    subprocess.run(make.split(), cwd=tmp_path, check=True, capture_output=True, timeout=60)
    sign = "jarsigner -keystore k -storepass secret1 a.jar a"
    subprocess.run(sign.split(), cwd=tmp_path, check=True, capture_output=True, timeout=60)
    (result,) = run((tmp_path / "a.jar").read_bytes(), JAR)
    assert result.authentic == "pass", result.reason
    assert {one.path.removeprefix("update.zip!/") for one in result.vouches} >= set(plain)


# --- corpus ------------------------------------------------------------------------------


def certificate(name: str) -> asn1_x509.Certificate:
    encoded = asn1_pem.unarmor((FOLDER / "keys" / name).read_bytes())[2]
    return asn1_x509.Certificate.load(encoded)


def trusting(name: str):
    found = certificate(name)
    made = material(at=pki.AT)
    pins = () if found.ca else (found,)
    return dataclasses.replace(made, code_roots=(found,) if found.ca else (), pins=pins)


@needs_corpus
@pytest.mark.parametrize(
    ("name", "scheme", "key", "expected"),
    [
        ("otasigned_v1.zip", ANDROID_OTA, "testkey_v1.x509.pem", ("pass", "pass")),
        ("otasigned_v2.zip", ANDROID_OTA, "testkey_v2.x509.pem", ("pass", "pass")),
        ("otasigned_v1.zip", ANDROID_OTA, "testkey_v2.x509.pem", ("pass", "fail")),
        ("fake-eocd.zip", ANDROID_OTA, "testkey_v1.x509.pem", ("fail", "fail")),
        ("unsigned.zip", ANDROID_OTA, "testkey_v1.x509.pem", None),
        ("jarsigned.zip", ANDROID_OTA, "testkey_v1.x509.pem", None),
        ("apk/golden-aligned-v1v2v3-out.apk", APK, "rsa-2048.x509.pem", ("pass", "pass")),
        ("apk/golden-aligned-v1v2v3-out.apk", JAR, "rsa-2048.x509.pem", ("pass", "pass")),
        ("apk/golden-aligned-v1v2v3-out.apk", APK, "testkey_v1.x509.pem", ("pass", "fail")),
        ("apk/two-signers-second-signer-v2-broken.apk", APK, "rsa-2048.x509.pem", ("fail", "fail")),
    ],
)
def test_corpus(name, scheme, key, expected):
    content = (FOLDER / name).read_bytes()
    results = run(content, scheme, trust=trusting(key), files={})
    if expected is None:
        assert not results
        return
    assert {(one.authentic, one.trusted) for one in results} == {expected}


@needs_corpus
def test_corpus_rotation_and_weakness():
    content = (FOLDER / "apk/golden-aligned-v1v2v3-lineage-out.apk").read_bytes()
    results = run(content, APK, trust=trusting("rsa-2048.x509.pem"))
    assert [(one.authentic, one.trusted) for one in results] == [("pass", "pass"), ("pass", "fail")]
    assert "rotated from" in results[1].reason
    weak = next((FOLDER / "apk").glob("v1-only-with-rsa-pkcs1-md5-*.apk")).read_bytes()
    (result,) = run(weak, JAR, trust=trusting("rsa-2048.x509.pem"))
    assert (result.authentic, result.digest) == ("pass", "md5")
    assert result.weak


@needs_corpus
@pytest.mark.parametrize("name", ["otasigned_v2.zip", "apk/golden-aligned-v1v2v3-out.apk"])
def test_corpus_altered(name):
    content = (FOLDER / name).read_bytes()
    scheme, key = (ANDROID_OTA, "testkey_v2.x509.pem")
    if name.endswith(".apk"):
        scheme, key = (APK, "rsa-2048.x509.pem")
    trust = trusting(key)
    (good, *_) = run(content, scheme, trust=trust)
    for low, high in good.covered:
        for position in range(low, high, 97):
            altered = bytearray(content)
            altered[position] ^= 0x10
            assert not accepted(run(bytes(altered), scheme, trust=trust)), position

"""Mender artifacts: what the manifest's signature reaches, and what must break it."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import tarfile

import pytest

from fwverify.reader import Malformed
from fwverify.verify.mender import MENDER, members_of
from tests.builders import keys
from tests.unpack.helpers import Bench
from tests.verify_cms.helpers import accepted, axes
from tests.verify_mender import fuzz
from tests.verify_mender.artifacts import (
    DATA,
    EC,
    ED,
    HEADER,
    PAYLOAD,
    RSA,
    TRUST,
    VERSION,
    build,
    manifest,
    material,
    members,
    seen,
    sha,
    tar,
)

OTHER = keys.ec_key("secp256r1", 5)


def one(content: bytes, trust=TRUST, **options):
    view = seen(content, **options)
    assert MENDER.applies(view)
    (result,) = MENDER.verify(view, trust)
    return result


def member_of(content: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return archive.extractfile(name).read()


@pytest.mark.parametrize(
    ("private", "algorithm"), [(RSA, "rsa-pkcs1v15"), (EC, "ecdsa"), (ED, "ed25519")]
)
def test_the_manifest_vouches_for_what_it_lists(private, algorithm):
    content = build(private=private)
    result = one(content, material(OTHER, private))
    assert axes(result) == ("pass", "pass"), result.reason
    assert (result.algorithm, result.key_id) == (algorithm, "1")
    reached = [content[low:high] for low, high in result.covered]
    assert reached == [VERSION, manifest(), HEADER]
    ((low, high),) = result.container
    assert content[low:high] == member_of(content, "manifest.sig")
    assert [(v.path, v.sha256) for v in result.vouches] == [
        ("a.mender!/data/0000.tar.gz!/data!/rootfs.ext4", sha(PAYLOAD))
    ]


def test_der_signatures_hold_too():
    content = build(signature=base64.b64encode(keys.sign_ec(EC, manifest())) + b"\n")
    assert accepted((one(content),))


def altered(**changes) -> bytes:
    return tar(*((name, changes.get(name.split(".")[0], data)) for name, data in members()))


@pytest.mark.parametrize(
    "content",
    [
        altered(version=VERSION + b" "),
        altered(header=HEADER + b"x"),
        altered(manifest=manifest() + b"\n"),
        build(signature=b""),
        build(signature=b"@@@"),
        build(signature=base64.b64encode(bytes(64))),
        build(signature=b"A" * 9000),
        build(private=OTHER),
        build(manifest().replace(b"  ", b" ")),
        build(manifest() + manifest()),
        build(manifest(version="")),
        build(manifest(**{"header.tar.gz": ""})),
        build(manifest(**{"header.tar.gz": sha(b"other")})),
        build(manifest(data__0000__extra=sha(b"not here"))),
        build(manifest(data__0001__rootfs=sha(PAYLOAD))),
        build(manifest(**{"manifest.sig": sha(b"")})),
        build(manifest(other=sha(VERSION))),
        build(b""),
        tar(*members(), ("manifest", manifest())),
        tar(*members(), ("data/0000.tar.gz", DATA)),
        tar(*members(), ("evil.sh", b"rm")),
        tar(*(each for each in members() if each[0] != "manifest")),
        build() + b"x",
        build()[:-1] + b"\1",
        build()[:1500],
    ],
)
def test_an_artifact_that_must_not_count(content):
    result = one(content)
    assert axes(result) == ("fail", "fail"), result.reason
    assert (result.covered, result.vouches) == ((), ())


@pytest.mark.parametrize("options", [{"payload": PAYLOAD + b"x"}, {"name": "other.ext4"}])
def test_a_payload_that_is_not_the_listed_one(options):
    assert axes(one(build(), **options)) == ("fail", "fail")


def test_what_is_augmented_is_signed_by_nobody():
    augment = f"{sha(b'delta')}  data/0000/delta\n".encode()
    content = tar(*members(), ("manifest-augment", augment), ("header-augment.tar.gz", HEADER))
    result = one(content)
    assert accepted((result,))
    assert [content[low:high] for low, high in result.steering] == [augment, HEADER]


def test_keys_that_do_not_serve():
    assert axes(one(build(), material())) == ("unverifiable", "unverifiable")
    assert axes(one(build(), material(EC, usable=False))) == ("pass", "fail")


def test_what_is_no_signed_artifact():
    unsigned = tar(*(each for each in members() if each[0] != "manifest.sig"))
    assert not MENDER.applies(seen(unsigned))
    assert not MENDER.applies(seen(b"version"))
    with pytest.raises(Malformed):
        members_of(b"version\0" + bytes(504))


def test_mutants():
    fuzz.check_artifact(250)


@pytest.mark.skipif(not shutil.which("mender-artifact"), reason="mender-artifact is not installed")
def test_what_mender_artifact_signs(tmp_path):
    (tmp_path / "key.pem").write_bytes(_traditional(EC))
    (tmp_path / "rootfs.ext4").write_bytes(PAYLOAD)
    made = tmp_path / "a.mender"
    command = ["mender-artifact", "write", "rootfs-image", "-t", "device", "-n", "release"]
    more = ["-f", str(tmp_path / "rootfs.ext4"), "-o", str(made), "-k", str(tmp_path / "key.pem")]
    subprocess.run([*command, *more], check=True, capture_output=True)
    content = made.read_bytes()
    assert one(content).authentic == "pass", one(content).reason
    assert Bench().open(content, "a.mender").format == "mender"
    assert not accepted((one(content, material(OTHER)),))


def _traditional(private) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )

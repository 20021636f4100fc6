"""RAUC bundles: the corpus under the right and the wrong CA, and our own made wrong."""

from __future__ import annotations

import functools
import mmap
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import pem as asn1_pem
from asn1crypto import x509 as asn1_x509
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.reader import Malformed
from fwverify.verify import rauc
from fwverify.verify.scheme import Material
from tests.builders import pki
from tests.corpus import CORPUS, needs_corpus
from tests.verify_cms import bundles
from tests.verify_cms.bundles import IMAGE, PAYLOAD
from tests.verify_cms.helpers import accepted, axes, material, view

FOLDER = CORPUS / "rauc_test_bundles"


COMPLETE_VERITY = bundles.manifest(
    kind="verity", verity_hash="0" * 64, verity_salt="0" * 64, verity_size="4096"
)


def verify(content, *, trust=None, **options):
    seen = view(content, name="update.raucb", **options)
    assert rauc.RAUC_BUNDLE.applies(seen)
    return rauc.RAUC_BUNDLE.verify(seen, trust or material())


def one(content, **options):
    (result,) = verify(content, **options)
    return result


# --- the corpus ----------------------------------------------------------------------


def ca(name: str) -> Material:
    certificates, crls = [], []
    for label, _, encoded in asn1_pem.unarmor((FOLDER / "keys" / name).read_bytes(), multiple=True):
        if label == "CERTIFICATE":
            certificates.append(asn1_x509.Certificate.load(encoded))
        elif label == "X509 CRL":
            crls.append(asn1_crl.CertificateList.load(encoded))
    return Material(
        at=datetime(2026, 6, 1, tzinfo=UTC), code_roots=tuple(certificates), crls=tuple(crls)
    )


@needs_corpus
@pytest.mark.parametrize(
    ("name", "authority", "expected"),
    [
        ("good-bundle.raucb", "dev-ca.pem", ("pass", "pass")),
        ("good-verity-bundle.raucb", "dev-ca.pem", ("pass", "pass")),
        ("invalid-sig-bundle.raucb", "dev-ca.pem", ("fail", "fail")),
        ("good-bundle.raucb", "web-ca.pem", ("pass", "fail")),
        ("good-verity-bundle.raucb", "web-ca.pem", ("pass", "fail")),
        ("invalid-sig-bundle.raucb", "web-ca.pem", ("fail", "fail")),
    ],
)
def test_corpus(name, authority, expected):
    content = (FOLDER / name).read_bytes()
    result = one(content, trust=ca(authority))
    assert axes(result) == expected, result.reason
    if expected[0] == "pass":
        start = len(content) - 8 - int.from_bytes(content[-8:], "big")
        assert result.covered == ((0, start),)
        assert result.container == ((start, len(content)),)
        assert "Test Org Release-1" in result.signer


@needs_corpus
@pytest.mark.parametrize("name", ["good-bundle.raucb", "good-verity-bundle.raucb"])
def test_corpus_bundles_altered(name):
    content = (FOLDER / name).read_bytes()
    trust = ca("dev-ca.pem")
    start = len(content) - 8 - int.from_bytes(content[-8:], "big")
    for position in range(0, start, 397):
        altered = bytearray(content)
        altered[position] ^= 0x10
        assert not accepted(verify(bytes(altered), trust=trust)), position
    for size in range(0, len(content), 401):
        assert not accepted(verify(content[:size], trust=trust)), size


# --- plain ---------------------------------------------------------------------------


def test_plain():
    content = bundles.plain()
    result = one(content)
    assert axes(result) == ("pass", "pass"), result.reason
    assert result.covered == ((0, len(PAYLOAD)),)
    assert result.container == ((len(PAYLOAD), len(content)),)
    assert "was not compared" in result.reason


def test_the_recorded_attributes_are_not_believed():
    lies = (("bundle_format", "plain"), ("cms_offset", "0"), ("cms_size", "5"))
    assert one(bundles.plain(), attributes=lies).covered == ((0, len(PAYLOAD)),)


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 8, b"x" * 4096])
def test_appended_bytes(tail):
    assert not accepted(verify(bundles.plain() + tail))


def test_bytes_between_payload_and_signature():
    message = pki.message(PAYLOAD)
    assert not accepted(verify(bundles.join(PAYLOAD + b"\0" * 4096, message)))


@pytest.mark.parametrize("change", [-(1 << 40), -100, -1, 1, 7, 100, 1 << 20, 1 << 62])
def test_a_size_field_that_lies(change):
    message = pki.message(PAYLOAD)
    size = (len(message) + change) % (1 << 64)
    assert not accepted(verify(bundles.join(PAYLOAD, message, size)))


def test_a_size_field_that_hides_a_shorter_signature():
    """A signature over fewer bytes, moved up inside the message's place."""
    inner = pki.message(PAYLOAD[:5])
    content = bundles.join(PAYLOAD, inner)
    assert not accepted(verify(content))
    assert not accepted(verify(PAYLOAD[:5] + inner + PAYLOAD[5:] + content[-8:]))


@settings(max_examples=120, derandomize=True, deadline=None)
@given(st.integers(0, len(PAYLOAD) - 1), st.integers(0, 7))
def test_no_covered_bit_may_flip(position, bit):
    content = bytearray(bundles.join(PAYLOAD, _message()))
    content[position] ^= 1 << bit
    result = one(bytes(content))
    assert (axes(result), result.covered) == (("fail", "fail"), ())


@functools.cache
def _message() -> bytes:
    return pki.message(PAYLOAD)


def test_the_message_truncated_anywhere():
    message = _message()
    for size in range(1, len(message), 5):
        assert not accepted(verify(bundles.join(PAYLOAD, message[:size])))
        assert not accepted(verify(bundles.join(PAYLOAD, message[:size], len(message))))


@pytest.mark.parametrize("start", [b"\x30\x03", b"\x31\x04", b"\x30\x80", b"\x30\x05", b"\0\0"])
def test_a_place_where_no_message_lies(start):
    with pytest.raises(Malformed):
        rauc.split(bundles.join(PAYLOAD, start + b"\0" * 4))


@pytest.mark.parametrize("content", [b"", b"\0", b"\0" * 8, b"\0" * 7 + b"\1", b"\xff" * 64])
def test_no_bundle_at_all(content):
    assert axes(one(content)) == ("fail", "fail")


def test_beyond_two_gibibytes_every_byte_counts(tmp_path):
    """CVE-2026-34155: a size above 2 GiB must not wrap. Holes make the file cheap."""
    size = (1 << 31) + 5
    path = tmp_path / "large.raucb"
    with path.open("wb") as file:
        file.truncate(size)
    message = pki.message(b"\0" * 5)
    with path.open("ab") as file:
        file.write(message + len(message).to_bytes(8, "big"))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        seen = view(b"", name="large.raucb")
        large = type(seen)(seen.placed, mapped, (), seen.child, seen.read)
        (result,) = rauc.RAUC_BUNDLE.verify(large, material())
        assert rauc.split(mapped) == size
    assert axes(result) == ("fail", "fail")
    assert "messageDigest" in result.reason


@pytest.mark.parametrize("prefix", ["", "@0x0.squashfs!/"])
def test_listed_images_are_vouched_for(prefix):
    files = {prefix + "manifest.raucm": bundles.manifest(), prefix + "rootfs.img": IMAGE}
    result = one(bundles.plain(), files=files)
    assert axes(result) == ("pass", "pass")
    (vouch,) = result.vouches
    assert vouch.path == f"update.raucb!/{prefix}rootfs.img"


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"manifest.raucm": bundles.manifest(), "rootfs.img": b"other"}, "is not the image"),
        ({"manifest.raucm": b"\xff\xfe"}, "manifest"),
        ({"manifest.raucm": b"no section"}, "manifest"),
        ({"manifest.raucm": bundles.manifest() + b"[image.rootfs]\n"}, "already exists"),
        ({"manifest.raucm": b"[image.a]\nfilename=x\nsha256=12\n"}, "sha256"),
        ({"manifest.raucm": b"[image.a]\nfilename=x\n"}, "sha256"),
        ({"manifest.raucm": bundles.manifest(files={"../x": b""})}, "leaves the bundle"),
        ({"manifest.raucm": bundles.manifest(kind="verity", verity_hash="0" * 64)}, "verity"),
        ({"manifest.raucm": COMPLETE_VERITY}, "verity under a detached CMS"),
        ({"manifest.raucm": b"[bundle]\nformat=other\nverity-hash=1\n"}, "verity-hash"),
    ],
)
def test_manifests_that_contradict(files, why):
    result = one(bundles.plain(), files=files)
    assert (axes(result), result.covered, result.vouches) == (("fail", "fail"), (), ())
    assert why in result.reason


def test_a_listed_image_that_is_absent_is_named():
    result = one(bundles.plain(), files={"manifest.raucm": bundles.manifest()})
    assert "not found: rootfs.img" in result.reason
    assert result.vouches == ()


# --- verity and crypt ----------------------------------------------------------------


def test_verity():
    content = bundles.verity()
    result = one(content, files={"rootfs.img": IMAGE})
    assert axes(result) == ("pass", "pass"), result.reason
    start = rauc.split(content)
    assert (result.covered, result.container) == (((0, start),), ((start, len(content)),))
    assert [vouch.path for vouch in result.vouches] == ["update.raucb!/rootfs.img"]
    assert axes(one(content, files={"rootfs.img": b"other"})) == ("fail", "fail")


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(min_value=0), st.integers(0, 7))
def test_verity_no_bit_may_flip(position, bit):
    content = bytearray(_verity())
    content[position % rauc.split(_verity())] ^= 1 << bit
    result = one(bytes(content))
    assert (axes(result), result.covered) == (("fail", "fail"), ())


@functools.cache
def _verity() -> bytes:
    return bundles.verity(bundles.blocks(140))


@pytest.mark.parametrize(
    "changes",
    [
        {"verity_hash": "0" * 64},
        {"verity_hash": "0" * 62},
        {"verity_hash": "g" * 64},
        {"verity_salt": "0" * 64},
        {"verity_salt": ""},
        {"verity_size": "0"},
        {"verity_size": "-4096"},
        {"verity_size": "4096"},
        {"verity_size": "4097"},
        {"verity_size": str(1 << 40)},
        {"verity_size": "9" * 40},
        {"verity_size": "12288 "},
        {"kind": "plain"},
        {"kind": "other"},
    ],
)
def test_signed_manifests_that_do_not_fit_the_payload(changes):
    result = one(bundles.verity(**changes))
    expected = "pass" if changes == {"verity_size": "12288 "} else "fail"
    assert result.authentic == expected, result.reason


def test_verity_blocks_moved_in_or_out():
    data, other = bundles.blocks(200), bundles.blocks(201)
    good, more = bundles.verity(data), bundles.verity(other)
    start = rauc.split(good)
    assert not accepted(verify(more[: rauc.split(more)] + good[start:]))
    assert not accepted(verify(good[: start - 4096] + good[start:]))
    assert not accepted(verify(b"\0" * 4096 + good))


def test_a_manifest_in_the_wrong_kind_of_message():
    text = bundles.manifest()
    attached_plain = bundles.join(PAYLOAD, pki.message(text, attached=True))
    assert "attached CMS" in one(attached_plain).reason
    assert not accepted(verify(attached_plain))


def test_crypt_stays_unverifiable():
    result = one(bundles.verity(kind="crypt"))
    assert (axes(result), result.covered) == (("unverifiable", "unverifiable"), ())
    assert "needs the key" in result.reason
    enveloped = pki.seq(pki.oid("1.2.840.113549.1.7.3"), pki.tlv(0xA0, pki.seq(pki.integer(0))))
    result = one(bundles.join(PAYLOAD, enveloped))
    assert axes(result) == ("unverifiable", "unverifiable")
    assert "encrypted" in result.reason
    broken = bytearray(bundles.verity(kind="crypt"))
    broken[0] ^= 1
    assert axes(one(bytes(broken))) == ("fail", "fail")


# --- who may sign, and when it applies -----------------------------------------------


def test_trust_is_that_of_the_chain():
    assert axes(one(bundles.plain(), trust=material(code_roots=()))) == ("pass", "fail")
    tls = pki.issue(
        "TLS",
        pki.key("p256", 9),
        pki.intermediate(),
        extensions=(pki.extended_key_usage(pki.TLS_SERVER),),
    )
    assert axes(one(bundles.plain(identity=tls))) == ("pass", "fail")


def test_applies_by_content_and_by_claim():
    applies = rauc.RAUC_BUNDLE.applies
    assert applies(view(bundles.plain(), name="x.bin"))
    assert applies(view(b"broken", name="x.raucb"))
    assert applies(view(b"broken", name="x.bin", kind="rauc"))
    for other in (b"", b"broken", b"hsqs" + b"\0" * 4096, PAYLOAD, bundles.plain() + b"\0"):
        assert not applies(view(other, name="x.bin"))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 320))
def test_random_trailers_never_crash(data, size):
    content = data + size.to_bytes(8, "big")
    try:
        start = rauc.split(content)
    except Malformed:
        start = -1
    assert start < len(content)
    assert not accepted(verify(content))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.binary(max_size=200))
def test_random_manifests_are_read_or_malformed(text):
    for candidate in (text, b"[bundle]\nformat=verity\n" + text, b"[image.a]\n" + text):
        try:
            found = rauc.read_manifest(candidate)
        except Malformed:
            continue
        assert found.format


# --- the reference implementation ----------------------------------------------------

needs_rauc = pytest.mark.skipif(
    not (shutil.which("rauc") and shutil.which("mksquashfs")),
    reason="NOT COMPARED WITH rauc: rauc and squashfs-tools are not installed",
)


@needs_rauc
@pytest.mark.parametrize("kind", ["plain", "verity"])
def test_bundles_made_by_rauc(tmp_path, kind):
    content = tmp_path / "content"
    content.mkdir()
    (content / "rootfs.img").write_bytes(bundles.blocks(150))
    text = f"[update]\ncompatible=Test\nversion=1\n\n[bundle]\nformat={kind}\n\n"
    (content / "manifest.raucm").write_text(text + "[image.rootfs]\nfilename=rootfs.img\n")
    identity = pki.issue("RAUC Signer", pki.key("p256", 21), pki.root())
    (tmp_path / "cert.pem").write_bytes(identity.pem)
    (tmp_path / "key.pem").write_bytes(pki.pem(identity.private))
    (tmp_path / "ca.pem").write_bytes(pki.root().pem)
    made = tmp_path / "made.raucb"
    command = ["rauc", "--cert", "cert.pem", "--key", "key.pem", "bundle", "content", made.name]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert made.is_file(), run.stdout + run.stderr
    result = one(made.read_bytes())
    assert axes(result) == ("pass", "pass"), result.reason
    altered = bytearray(made.read_bytes())
    altered[200] ^= 1
    assert not accepted(verify(bytes(altered)))

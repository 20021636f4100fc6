"""Signed JARs and APK v1: stripping, duplicates, Janus, digests that do not hold."""

from __future__ import annotations

import hashlib

import pytest

from fwverify.reader import Malformed
from fwverify.verify import jar_manifest
from fwverify.verify.jar import JAR
from tests.builders import pki
from tests.verify_apk import build
from tests.verify_apk.build import FILES, Signer, archive, jar, owner
from tests.verify_apk.helpers import accepted, cuts, flips, material, reasons, run

PLAIN = {name: data for name, data in FILES.items() if name != "AndroidManifest.xml"}
MANIFEST = "META-INF/MANIFEST.MF"


def replace_entry(name: str, data: bytes):
    return lambda entries: {**entries, name: data}


def without(*names: str):
    return lambda entries: {n: d for n, d in entries.items() if n not in names}


def duplicate() -> bytes:
    return jar({"aa": b"good", "ab": b"evil"}, listed={"aa": b"good"}).replace(b"ab", b"aa")


def twice_in_manifest() -> bytes:
    text = build.manifest(PLAIN)
    section = text.split(b"\r\n\r\n")[1] + b"\r\n\r\n"
    signed = build.signature_file(text + section)
    block = pki.message(signed, owner(), certificates=(owner(),), signed=None)
    names = (MANIFEST, "META-INF/A.SF", "META-INF/A.EC")
    return archive(dict(zip(names, (text + section, signed, block), strict=True)) | PLAIN)


def attached() -> bytes:
    return pki.message(b"other", owner(), certificates=(owner(),), attached=True)


# --- refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (lambda: jar(change=replace_entry("classes.dex", b"evil")), "is not the one listed"),
        (lambda: jar(change=replace_entry("added", b"evil")), "is not signed"),
        (lambda: jar(change=replace_entry("META-INF/evil.so", b"evil")), "is not signed"),
        (lambda: jar(change=without("res/a")), "not there"),
        (lambda: jar(PLAIN, change=without("res/a")), "not there"),
        (lambda: jar(change=without("META-INF/CERT.SF")), "without its block"),
        (lambda: jar(change=without("META-INF/CERT.EC")), "without its block"),
        (lambda: jar(change=without(MANIFEST)), "there is none"),
        (lambda: jar(change=replace_entry("META-INF/CERT.EC", b"junk")), "fail"),
        (lambda: jar(change=replace_entry("META-INF/CERT.RSA", b"junk")), "two files"),
        (lambda: jar(change=replace_entry(MANIFEST, build.manifest(FILES) + b" x")), "fail"),
        (lambda: jar(extra=b"X-Android-APK-Signed: 2\r\n"), "stripped"),
        (lambda: jar(extra=b"X-Android-APK-Signed: 2, 3\r\n"), "stripped"),
        (lambda: jar(extra=b"X-Android-APK-Signed: x\r\n"), "stripped"),
        (duplicate, "stands twice"),
        (twice_in_manifest, "absent or twice"),
        (lambda: b"dex\n035" + bytes(100) + jar(), "fail"),
        (lambda: jar(signature=bytes(70)), "fail"),
        (lambda: jar(change=replace_entry("META-INF/CERT.EC", attached())), "content of its own"),
    ],
)
def test_refused(content, why):
    results = run(content(), JAR)
    assert results
    assert all(one.authentic == "fail" for one in results)
    assert not any(one.covered or one.container or one.vouches for one in results)
    assert why in reasons(results)


def moved(content: bytes, prefix: bytes) -> bytes:
    """Return the archive behind ``prefix`` with every offset moved: a well-formed Janus file."""
    directory, end = build.directory_of(content), build.end_of(content)
    made = bytearray(content)
    at = directory
    while made[at : at + 4] == b"PK\1\2":
        offset = int.from_bytes(made[at + 42 : at + 46], "little") + len(prefix)
        made[at + 42 : at + 46] = offset.to_bytes(4, "little")
        at += 46 + sum(int.from_bytes(made[at + n : at + n + 2], "little") for n in (28, 30, 32))
    made[end + 16 : end + 20] = (directory + len(prefix)).to_bytes(4, "little")
    return prefix + bytes(made)


def test_janus_is_refused():
    assert accepted(run(jar(), JAR))
    results = run(moved(jar(), b"dex\n035\0" + bytes(104)), JAR)
    assert not accepted(results)
    assert "Janus" in reasons(results)


def test_two_central_directories_are_refused():
    made = jar()
    directory, end = build.directory_of(made), build.end_of(made)
    results = run(made[:end] + made[directory:end] + made[end:], JAR)
    assert "zip.directory" in reasons(results)


def test_headers_that_differ_are_refused():
    made = jar()
    local = made.index(b"classes.dex" + FILES["classes.dex"])
    other = made[:local] + b"Classes.dex" + made[local + 11 :]
    assert "zip.local.name" in reasons(run(other, JAR))


def test_a_section_changed_behind_a_wrong_whole_digest_is_refused():
    text = build.manifest(PLAIN)
    signed = build.signature_file(text)
    changed = build.manifest(PLAIN | {"res/a": b"evil"})
    block = pki.message(signed, owner(), certificates=(owner(),), signed=None)
    names = (MANIFEST, "META-INF/A.SF", "META-INF/A.EC")
    entries = dict(zip(names, (changed, signed, block), strict=True))
    assert "not the one signed" in reasons(run(archive(entries | PLAIN | {"res/a": b"evil"}), JAR))


def test_changed_main_attributes_are_refused():
    text = build.manifest(PLAIN)
    signed = build.signature_file(text, whole=False)
    changed = text.replace(b"Created-By: test", b"Class-Path: evil")
    block = pki.message(signed, owner(), certificates=(owner(),), signed=None)
    names = (MANIFEST, "META-INF/A.SF", "META-INF/A.EC")
    entries = dict(zip(names, (changed, signed, block), strict=True))
    assert "main attributes" in reasons(run(archive(entries | PLAIN), JAR))


def test_several_signers_stand_only_together():
    def second(good: bool):
        def change(entries):
            signed = entries["META-INF/CERT.SF"] + (b"" if good else b"\r\n")
            other = owner("Other")
            block = pki.message(
                entries["META-INF/CERT.SF"], other, certificates=(other,), signed=None
            )
            return entries | {"META-INF/B.SF": signed, "META-INF/B.EC": block}

        return change

    trust = material(owner(), owner("Other"))
    assert accepted(run(jar(change=second(True)), JAR, trust=trust))
    results = run(jar(change=second(False)), JAR, trust=trust)
    assert [one.authentic for one in results] == ["fail", "fail"]


def test_by_nobody_known():
    (result,) = run(jar(identity=owner("Other")), JAR)
    assert (result.authentic, result.trusted) == ("pass", "fail")
    (result,) = run(jar(), JAR, trust=material(keys=(owner(),)))
    assert (result.trusted, result.key_id) == ("pass", "key-0")


def test_weak_digests_are_named():
    (result,) = run(jar(digest="sha1"), JAR)
    assert result.authentic == "pass"
    assert "entries are listed by sha1 alone" in result.weak
    assert "the manifest is signed by sha1 alone" in result.weak
    md5 = owner("RSA", "rsa2048")
    names = ("META-INF/A.SF", "META-INF/A.RSA")
    text = build.manifest(FILES)
    signed = build.signature_file(text)
    block = pki.message(signed, md5, certificates=(md5,), signed=None, digest="md5")
    entries = {MANIFEST: text, names[0]: signed, names[1]: block, **FILES}
    (result,) = run(archive(entries), JAR, trust=material(md5))
    assert (result.authentic, result.digest) == ("pass", "md5")


# --- accepted ----------------------------------------------------------------------------


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_vouched_for(stored, whole):
    content = jar(stored=stored, whole=whole)
    (result,) = run(content, JAR)
    assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason
    assert result.covered == ()
    vouched = {one.path.removeprefix("update.zip!/"): one.sha256 for one in result.vouches}
    expected = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    assert {name: vouched[name] for name in FILES} == expected
    assert (MANIFEST in vouched) == whole
    assert "META-INF/CERT.EC" not in vouched
    ((low, high),) = result.container
    assert content[low:high][:1] == b"\x30" or not stored


def test_unlisted_entries_of_a_plain_jar_are_not_vouched_for():
    (result,) = run(jar(PLAIN, change=replace_entry("added", b"?")), JAR)
    assert result.authentic == "pass"
    assert "update.zip!/added" not in {one.path for one in result.vouches}
    assert "1 not" in result.reason


def test_v1_beside_v2():
    base = jar(extra=b"X-Android-APK-Signed: 2\r\n")
    assert accepted(run(build.apk(Signer(), base=base), JAR))
    promised = jar(extra=b"X-Android-APK-Signed: 2, 3\r\n")
    assert "stripped" in reasons(run(build.apk(Signer(), base=promised), JAR))


def test_zip64_and_encryption_are_unverifiable():
    made = bytearray(jar())
    at = build.directory_of(bytes(made))
    made[at + 8] |= 1
    (result,) = run(bytes(made), JAR)
    assert result.authentic == "unverifiable"


def test_other_files_are_not_ours():
    for content in (b"", archive(), b"PK\5\6" + bytes(18), b"META-INF/A.SF" * 50):
        assert not run(content, JAR)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\r\n",
        b" continued",
        b"Name: a\r\n\r\n",
        b"Manifest-Version: 1.0\r\n\r\nX: y\r\n\r\n",
        b"Manifest-Version: 1.0\r\nManifest-Version: 2\r\n",
        b"Manifest-Version: 1.0\r\nno attribute\r\n",
        b"A: b\0\r\n",
        b"A: b\r\n\r\nName: x\r\n\r\nName: x\r\n",
    ],
)
def test_manifests_that_are_none(text):
    with pytest.raises(Malformed):
        jar_manifest.parse(text, "jar.manifest")


def test_manifest_lines():
    text = jar_manifest.parse(b"A: b\n c\n\nName: x\r\n y\r\nSHA-256-Digest: QQ==\r\r\n", "m")
    assert text.main.attributes == {"a": b"bc"}
    assert text.bytes_of(text.main) == b"A: b\n c\n\n"
    assert text.named[b"xy"].digests("digest") == {"sha256": b"A"}


def test_no_changed_byte_of_vouched_content_is_accepted():
    content = jar()
    (good,) = run(content, JAR)
    for position, altered in flips(content, 500):
        results = run(altered, JAR)
        if accepted(results):  # names' attributes, times, the block's place: never content
            assert results[0].vouches == good.vouches, position


def test_no_cut_archive_is_accepted():
    for cut in cuts(jar(), 150):
        assert not accepted(run(cut, JAR))

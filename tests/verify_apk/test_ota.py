"""Android OTA packages: the signature in the comment."""

from __future__ import annotations

import pytest

from fwverify.verify.android_ota import ANDROID_OTA
from tests.builders import pki
from tests.verify_apk import build
from tests.verify_apk.build import archive, ota, owner
from tests.verify_apk.helpers import accepted, cuts, flips, inside, material, reasons, run

FAKE_END = b"PK\5\6" + bytes(18)


def later_directory() -> bytes:
    """A comment that is an archive of its own: what a reader from the end would open."""
    evil = archive({"evil": b"evil"})
    return ota(words=evil[build.directory_of(evil) :])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (lambda: ota(words=b"x" + FAKE_END), "fake-eocd"),
        (later_directory, "fake-eocd"),
        (lambda: ota(start=6), "ota.signature_start"),
        (lambda: ota(start=0), "ota.signature_start"),
        (lambda: ota(start=0xFFFF), "ota.signature_start"),
        (lambda: ota(start=40), "fail"),
        (lambda: ota(size=40), "fail"),
        (lambda: ota(message=b"junk"), "fail"),
        (lambda: ota(message=b""), "fail"),
        (lambda: ota(message=pki.message(b"other", attached=True)), "content of its own"),
        (lambda: ota(message=pki.signed_data(())), "no signer"),
        (lambda: ota(archive({"a": b"1", "b": b"2"}).replace(b"b", b"a")), "stands twice"),
        (lambda: ota(archive({"a": b"1"}) + b"\0"), "fail"),
    ],
)
def test_refused(content, why):
    results = run(content(), ANDROID_OTA)
    assert results
    assert all(one.authentic == "fail" for one in results)
    assert not any(one.covered or one.container for one in results)
    assert why in reasons(results)


def test_a_footer_that_is_gone_leaves_no_signature():
    assert not run(archive(), ANDROID_OTA)
    assert not run(ota()[:-1], ANDROID_OTA)
    assert not run(ota(marker=b"\xff\xfe"), ANDROID_OTA)


def test_bytes_of_a_good_package():
    content = ota()
    (result,) = run(content, ANDROID_OTA)
    assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason
    signed = len(archive()) - 2
    assert result.covered == ((0, signed),)
    assert result.container == ((signed, len(content)),)


def test_other_bytes_in_the_comment_are_listed():
    content = ota(words=b"#!/bin/sh evil\0")
    (result,) = run(content, ANDROID_OTA)
    assert result.authentic == "pass"
    at = content.index(b"#!/bin/sh")
    assert not inside(at, (*result.covered, *result.container))


def test_by_nobody_known_and_by_a_bare_key():
    (result,) = run(ota(identity=owner("Other")), ANDROID_OTA)
    assert (result.authentic, result.trusted) == ("pass", "fail")
    (result,) = run(ota(), ANDROID_OTA, trust=material(keys=(owner(),)))
    assert (result.trusted, result.key_id) == ("pass", "key-0")
    (result,) = run(ota(), ANDROID_OTA, trust=material(at=pki.UNTIL.replace(year=2031)))
    assert (result.authentic, result.trusted) == ("pass", "fail")


def test_weak_digests_are_facts():
    rsa = owner("RSA", "rsa2048")
    for digest in ("md5", "sha1"):
        (result,) = run(ota(identity=rsa, digest=digest), ANDROID_OTA, trust=material(rsa))
        assert (result.authentic, result.digest) == ("pass", digest)


def test_no_changed_byte_is_accepted():
    content = ota()
    (good,) = run(content, ANDROID_OTA)
    for position, altered in flips(content, 300):
        results = run(altered, ANDROID_OTA)
        if inside(position, good.covered):
            assert not accepted(results), position
        elif accepted(results):
            assert not inside(position, results[0].covered), position


def test_no_cut_package_is_accepted():
    for cut in cuts(ota(), 200):
        assert not accepted(run(cut, ANDROID_OTA))

"""APK Signature Schemes v2 to v3.1: what must be refused, and what each byte is."""

from __future__ import annotations

import pytest

from fwverify.verify.apk import APK, APK_V4
from tests.builders import pki
from tests.verify_apk import build
from tests.verify_apk.build import (
    DSA_256,
    EC_256,
    PSS_256,
    RSA_256,
    RSA_512,
    V2,
    V3,
    V31,
    VERITY_EC,
    Signer,
    apk,
    archive,
    owner,
)
from tests.verify_apk.helpers import accepted, cuts, flips, inside, material, reasons, run

OTHER = "Other"


def rsa_signer(*numbers: int, bits: int = 2048) -> Signer:
    return Signer(owner("RSA", f"rsa{bits}"), numbers)


# --- refused -----------------------------------------------------------------------------

BASE = archive()
PROMISES_V3 = ((0xBEEFF00D, (3).to_bytes(4, "little")),)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (lambda: apk(Signer(digests=((EC_256, bytes(32)),))), "apk.digest"),
        (lambda: apk(Signer(signatures=((EC_256, b"\x30\x06\x02\x01\0\x02\x01\0"),))), "r or s"),
        (lambda: apk(Signer(signatures=((EC_256, bytes(70)),))), "malformed"),
        (lambda: apk(Signer(public_key=pki.spki(owner(OTHER).private))), "apk.public_key"),
        (lambda: apk(Signer(certificates=(owner(OTHER).der,))), "apk.public_key"),
        (lambda: apk(Signer(certificates=(b"\x30\x03\x02\x01\x01",))), "certificate"),
        (lambda: apk(Signer(algorithms=(EC_256, EC_256))), "same algorithm twice"),
        (lambda: apk(Signer(signatures=((RSA_256, b"x"),))), "not for the algorithms"),
        (lambda: apk(Signer(after_signature=b"payload")), "bytes follow"),
        (lambda: apk(Signer(tail=b"\x04\0\0\0evil")), "bytes follow the attributes"),
        (lambda: apk(Signer(attributes=((1, b""), (1, b"x")))), "same id twice"),
        (lambda: apk(Signer(attributes=PROMISES_V3)), "apk.stripping"),
        (lambda: apk(Signer(algorithms=(RSA_256,))), "fail"),
        (lambda: apk(Signer(), Signer(owner(OTHER), signatures=((EC_256, b"x"),))), "signer 2"),
        (lambda: apk(*(Signer() for _ in range(11))), "more than 10"),
        (lambda: apk(Signer(), more=(build.signed_pair(BASE, Signer()),)), "same id twice"),
        (lambda: apk(Signer(sdk=(30, 20)), number=V3), "signer.sdk"),
        (lambda: apk(Signer(outer_sdk=(20, 90)), number=V3), "signed_data.sdk"),
        (lambda: apk(Signer(sdk=(1, 30)), Signer(sdk=(30, 40)), number=V3), "same platform"),
        (lambda: apk(Signer(sdk=(0, 0xFFFFFFFF)), Signer(), number=V3), "same platform"),
        (lambda: apk(Signer(attributes=((0x559F8B02, b"!\0\0\0"),)), number=V3), "v3.1"),
        (lambda: build.with_block(BASE, build.block_of(build.pair(V2, b""))), "v2"),
        (lambda: build.with_block(BASE, build.block_of(build.pair(V2, build.lp()))), "is none"),
        (lambda: build.with_block(BASE, build.block_of(b"", size=23)), "apk.block.size"),
        (lambda: build.with_block(BASE, build.block_of(b"", size=1 << 40)), "apk.block.size"),
        (lambda: build.with_block(BASE, build.block_of(b"\0" * 9)), "apk.pair"),
        (lambda: build.with_block(BASE, build.block_of(b"\xff" * 16)), "apk.pair"),
        (lambda: build.with_block(BASE, build.block_of(build.pair(V2, b"\xff" * 8))), "items"),
    ],
)
def test_refused(content, why):
    results = run(content(), APK)
    assert results
    assert not accepted(results)
    assert all(one.authentic == "fail" for one in results)
    assert not any(one.covered or one.vouches for one in results)
    assert why in reasons(results)


def test_a_signature_by_nobody_known_is_authentic_and_not_trusted():
    (result,) = run(apk(Signer(owner(OTHER))), APK)
    assert (result.authentic, result.trusted) == ("pass", "fail")
    below = pki.issue("Same Name", pki.key("p256", 77))
    assert not accepted(run(apk(Signer(below)), APK))


def test_expired_certificates_and_unusable_keys_are_not_trusted():
    (result,) = run(apk(), APK, trust=material(at=pki.UNTIL.replace(year=2031)))
    assert (result.authentic, result.trusted) == ("pass", "fail")


def test_only_unknown_algorithms_are_unverifiable():
    (result,) = run(apk(Signer(algorithms=(DSA_256,))), APK)
    assert (result.authentic, result.trusted) == ("unverifiable", "unverifiable")
    assert "0x0301" in result.reason
    (result,) = run(build.with_block(BASE, build.block_of(build.pair(7, b"x"))), APK)
    assert result.authentic == "unverifiable"


def test_an_entry_inside_the_block_is_refused():
    made = apk()
    at = made.index(b"PK\1\2")
    moved = made[: at + 20] + (1 << 20).to_bytes(4, "little") + made[at + 24 :]
    assert not accepted(run(moved, APK))


def test_duplicate_names_and_a_second_directory_are_refused():
    double = archive({"a": b"1", "b": b"2"}).replace(b"b", b"a")
    assert "stands twice" in reasons(run(apk(base=double), APK))
    made = apk()
    directory, end = build.directory_of(made), build.end_of(made)
    second = made[:end] + made[directory:end] + made[end:]
    results = run(second, APK)
    assert results
    assert "zip.directory" in reasons(results)


def test_a_second_end_record_is_refused():
    base = archive()
    fake = base[:-2] + (22).to_bytes(2, "little") + base[-22:]
    results = run(apk(base=fake), APK)
    assert not accepted(results)
    comment = base[:-2] + (30).to_bytes(2, "little") + b"1234" + base[-22:] + b"5678"
    assert not accepted(run(apk(base=comment), APK))


# --- accepted ----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [V2, V3, V31])
def test_bytes_of_a_good_package(number):
    content = apk(number=number, more=(build.pair(0x42, b"unknown"),))
    (result,) = run(content, APK)
    assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason
    assert (result.digest, result.algorithm) == ("sha256", "ecdsa")
    directory = build.directory_of(content)
    start = build.directory_of(archive())
    assert result.covered == ((0, start), (directory, len(content)))
    unknown = content.index(b"unknown")
    for position in range(start, directory):
        assert inside(position, result.container) != (unknown - 12 <= position < unknown + 7)


@pytest.mark.parametrize("numbers", [(RSA_256,), (RSA_512,), (PSS_256,), (RSA_256, RSA_512)])
def test_rsa(numbers):
    signer = rsa_signer(*numbers)
    (result,) = run(apk(signer), APK, trust=material(signer.identity))
    assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason
    assert result.digest == ("sha512" if numbers == (RSA_512,) else "sha256")


def test_a_second_known_algorithm_must_hold_too():
    signer = rsa_signer(RSA_256, RSA_512)
    good = build.chunked((BASE,))
    bad = Signer(signer.identity, (RSA_256, RSA_512), digests=((RSA_256, good), (RSA_512, good)))
    assert not accepted(run(apk(bad), APK, trust=material(signer.identity)))


@pytest.mark.parametrize("size", [1, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_chunks(size):
    content = apk(base=archive({"big": bytes(range(251)) * (size // 251 + 1)}))
    assert accepted(run(content, APK))
    altered = bytearray(content)
    altered[len(content) // 2] ^= 1
    assert not accepted(run(bytes(altered), APK))


def test_verity_digests():
    base = archive({"big": b"x" * (4096 * 300 - 33)})
    directory = build.directory_of(base)
    assert directory % 4096 == 0
    signed = build.signed_pair(base, Signer(algorithms=(VERITY_EC,)))
    fill = (-(len(signed) + 32 + 12)) % 4096
    block = build.block_of(signed, build.pair(0x42726577, bytes(fill)))
    content = build.with_block(base, block)
    assert accepted(run(content, APK)), reasons(run(content, APK))
    altered = bytearray(content)
    altered[5000] ^= 1
    assert not accepted(run(bytes(altered), APK))
    assert "whole blocks" in reasons(run(apk(Signer(algorithms=(VERITY_EC,))), APK))


def test_a_bare_key_of_the_rule():
    (result,) = run(apk(), APK, trust=material(keys=(owner(),)))
    assert (result.trusted, result.key_id, result.roles) == ("pass", "key-0", ("release",))


def test_rotation():
    old, new = owner("Old"), owner("New")
    proof = ((0x3BA06F8C, build.lineage(old, new)),)
    content = apk(Signer(new, attributes=proof), number=V3)
    (result,) = run(content, APK, trust=material(new))
    assert (result.authentic, result.trusted) == ("pass", "pass")
    assert "rotated from Common Name: Old" in result.reason
    (result,) = run(content, APK, trust=material(old))
    assert (result.authentic, result.trusted) == ("pass", "fail")


@pytest.mark.parametrize(
    "proof",
    [
        lambda old, new: build.lineage(old, new, break_at=1),
        lambda old, new: build.lineage(new, old),
        lambda old, new: build.lineage(old, new, numbers={1: RSA_256}),
        lambda old, new: build.lineage(old, new, new),
        lambda old, new: build.lineage(old),
        lambda old, new: b"\2\0\0\0" + build.lineage(old, new)[4:],
        lambda old, new: build.lineage(old, new) + b"x",
        lambda old, new: build.lineage(old, new)[:-3],
    ],
)
def test_a_broken_rotation_is_refused(proof):
    old, new = owner("Old"), owner("New")
    attributes = ((0x3BA06F8C, proof(old, new)),)
    (result,) = run(apk(Signer(new, attributes=attributes), number=V3), APK, trust=material(new))
    assert result.authentic == "fail"
    assert "lineage" in result.reason


def test_v2_and_v3_are_both_judged():
    v3 = build.signed_pair(BASE, Signer(), number=V3)
    good = apk(Signer(attributes=PROMISES_V3), base=BASE, more=(v3,))
    results = run(good, APK)
    assert len(results) == 2
    assert accepted(results)
    stranger = build.signed_pair(BASE, Signer(owner(OTHER)), number=V3)
    mixed = run(apk(Signer(attributes=PROMISES_V3), base=BASE, more=(stranger,)), APK)
    assert [one.trusted for one in mixed] == ["pass", "fail"]


def test_v4_is_said_aloud():
    (result,) = run(b"\2\0\0\0" + bytes(60), APK_V4, name="app.apk.idsig")
    assert result.authentic == "unverifiable"
    assert not run(bytes(64), APK_V4, name="app.apk.idsig")


def test_other_files_are_not_ours():
    for content in (b"", b"PK\5\6", b"PK\5\6" + bytes(18), archive(), bytes(5000)):
        assert not run(content, APK)


# --- properties --------------------------------------------------------------------------


def test_no_changed_byte_that_is_covered_is_accepted():
    content = apk(more=(build.pair(0x42, b"u" * 200),))
    (good,) = run(content, APK)
    for position, altered in flips(content, 400):
        results = run(altered, APK)
        if inside(position, good.covered):
            assert not accepted(results), position
        elif accepted(results):  # listed: container or uncovered, never covered
            assert not any(inside(position, one.covered) for one in results), position


def test_no_cut_package_is_accepted():
    content = apk()
    for cut in cuts(content, 200):
        assert not accepted(run(cut, APK))

"""Detached raw and minisign signatures: every natural form holds, every change breaks it."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.reader import Malformed
from fwverify.verify.minisign import MINISIGN, parse
from fwverify.verify.raw import DETACHED_RAW
from fwverify.verify.scheme import Material, TrustedKey, View
from tests.builders import keys
from tests.verify.trees import Leaf, place

DATA = b"firmware " * 500
RSA, EC, ED = keys.rsa_key(), keys.ec_key(), keys.ed_key()
OTHERS = (keys.rsa_key(2048, 1), keys.ec_key("secp256r1", 1), keys.ed_key(1))
AT = datetime(2026, 6, 1, tzinfo=UTC)


def trusted(*privates, usable: bool = True) -> tuple[TrustedKey, ...]:
    why = "" if usable else "the key 0 is retired"
    return tuple(
        TrustedKey(str(number), keys.spki(one), ("release",), usable, why)
        for number, one in enumerate(privates)
    )


@pytest.fixture
def run(tmp_path):
    from fwverify.store import Store

    store = Store(tmp_path / "store")

    def runner(member: bytes, *privates, data=DATA, name="fw.sig", usable=True, algorithms=()):
        _, unpacked = place(store, Leaf("fw.bin", data))
        view = View(unpacked.nodes[0], data, ((name, member),), lambda _: None, lambda _: b"")
        material = Material(at=AT, keys=trusted(*privates, usable=usable), algorithms=algorithms)
        return tuple(
            signed
            for scheme in (MINISIGN, DETACHED_RAW)
            if scheme.applies(view)
            for signed in scheme.verify(view, material)
        )

    return runner


HOLDING = [
    (RSA, keys.sign_rsa(RSA, DATA), "rsa-pkcs1v15", "sha256"),
    (RSA, keys.sign_rsa(RSA, DATA, "sha384"), "rsa-pkcs1v15", "sha384"),
    (RSA, keys.sign_rsa(RSA, DATA, "sha512"), "rsa-pkcs1v15", "sha512"),
    (RSA, keys.sign_rsa(RSA, DATA, "sha1"), "rsa-pkcs1v15", "sha1"),
    (RSA, keys.sign_rsa(RSA, DATA, "md5"), "rsa-pkcs1v15", "md5"),
    (RSA, keys.sign_rsa(RSA, DATA, pss_salt=32), "rsa-pss", "sha256"),
    (RSA, keys.sign_rsa(RSA, DATA, pss_salt=222), "rsa-pss", "sha256"),
    (RSA, keys.sign_rsa(RSA, DATA, "sha512", pss_salt=64), "rsa-pss", "sha512"),
    (RSA, base64.encodebytes(keys.sign_rsa(RSA, DATA)), "rsa-pkcs1v15", "sha256"),
    (RSA, keys.sign_rsa(RSA, DATA).hex().encode() + b"\n", "rsa-pkcs1v15", "sha256"),
    (EC, keys.sign_ec(EC, DATA), "ecdsa", "sha256"),
    (EC, keys.sign_ec(EC, DATA, bare=True), "ecdsa", "sha256"),
    (EC, keys.sign_ec(EC, DATA, "sha512"), "ecdsa", "sha512"),
    (EC, base64.b64encode(keys.sign_ec(EC, DATA)), "ecdsa", "sha256"),
    (
        keys.ec_key("secp384r1"),
        keys.sign_ec(keys.ec_key("secp384r1"), DATA, "sha384"),
        "ecdsa",
        "sha384",
    ),
    (
        keys.ec_key("secp521r1"),
        keys.sign_ec(keys.ec_key("secp521r1"), DATA, "sha512", bare=True),
        "ecdsa",
        "sha512",
    ),
    (ED, ED.sign(DATA), "ed25519", ""),
    (ED, ED.sign(DATA).hex().encode(), "ed25519", ""),
    (ED, keys.minisign(ED, DATA), "ed25519", "blake2b"),
    (ED, keys.minisign(ED, DATA, prehashed=False), "ed25519", ""),
    (ED, keys.signify(ED, DATA), "ed25519", ""),
]


@pytest.mark.parametrize(("private", "member", "algorithm", "digest"), HOLDING)
def test_every_natural_form_holds_over_the_whole_file(run, private, member, algorithm, digest):
    (signed,) = run(member, *OTHERS, private)
    assert (signed.authentic, signed.trusted) == ("pass", "pass"), signed.reason
    assert (signed.algorithm, signed.digest) == (algorithm, digest)
    assert signed.covered == ((0, len(DATA)),)
    assert signed.key_id == "3"
    assert signed.spki == keys.spki(private)


@pytest.mark.parametrize(("private", "member", "algorithm", "digest"), HOLDING)
def test_nothing_holds_over_other_bytes_or_under_another_key(
    run, private, member, algorithm, digest
):
    for data in (DATA + b"x", DATA[:-1], b"X" + DATA[1:], DATA[:-1] + b"!", b"x"):
        (signed,) = run(member, *OTHERS, private, data=data)
        assert (signed.authentic, signed.trusted, signed.covered) == ("fail", "fail", ())
    (signed,) = run(member, *OTHERS)
    assert signed.authentic == "fail"
    assert algorithm
    assert digest is not None


@pytest.mark.parametrize(("private", "member", "algorithm", "digest"), HOLDING[::3])
def test_a_key_that_is_not_usable_is_authentic_and_not_trusted(
    run, private, member, algorithm, digest
):
    (signed,) = run(member, private, usable=False)
    assert (signed.authentic, signed.trusted) == ("pass", "fail")
    assert "retired" in signed.reason
    assert algorithm
    assert digest is not None


@given(st.integers(0, 64 * 8 - 1))
@settings(derandomize=True, deadline=None, max_examples=64)
def test_no_flipped_bit_of_a_signature_holds(bit):
    for private, signature in ((ED, bytearray(ED.sign(DATA))), (EC, bytearray(BARE))):
        signature[bit // 8] ^= 1 << bit % 8
        view = _bare_view(bytes(signature))
        (signed,) = DETACHED_RAW.verify(view, Material(at=AT, keys=trusted(private)))
        assert signed.authentic == "fail"


BARE = keys.sign_ec(EC, DATA, bare=True)


def _bare_view(member: bytes) -> View:
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from fwverify.store import Store

    with TemporaryDirectory() as folder:
        _, unpacked = place(Store(Path(folder)), Leaf("fw.bin", DATA))
    return View(unpacked.nodes[0], DATA, (("fw.sig", member),), lambda _: None, lambda _: b"")


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"garbage",
        bytes(64),
        bytes(256),
        b"\xff" * 256,
        bytes(20_000),
        keys.sign_ec(EC, DATA) + b"\x00",
        b"\x30\x06\x02\x01\x00\x02\x01\x00",
        keys.sign_rsa(RSA, DATA)[:-1],
        b"\x00" + keys.sign_rsa(RSA, DATA),
        keys.sign_rsa(RSA, DATA, pss_salt=10),
    ],
)
def test_what_is_no_signature_never_holds_and_is_never_silent(run, member):
    (signed,) = run(member, RSA, EC, ED)
    assert signed.authentic in ("fail", "unverifiable")
    assert signed.trusted == signed.authentic
    assert signed.reason


def test_without_a_key_it_is_unverifiable(run):
    for member in (ED.sign(DATA), keys.minisign(ED, DATA)):
        (signed,) = run(member)
        assert signed.authentic == "unverifiable"
        assert "no" in signed.reason
        assert "key" in signed.reason


@pytest.mark.parametrize(
    "member",
    [
        b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n",
        b"\xc2\x05\x04\x00\x01\x08\x00",
        b"\x88\x05\x04\x00\x01\x08\x00",
    ],
)
def test_openpgp_is_another_scheme(run, member):
    assert run(member, RSA) == ()


def test_other_kinds_are_said_by_name(run):
    (signed,) = run(b"\x1f\x8b\x08" + bytes(20), RSA)
    assert signed.authentic == "unverifiable"
    assert "JCAT" in signed.reason
    assert run(b"\x1f\x8b\x08" + bytes(20), RSA, name="fw.jcat") == ()


def test_a_broken_signature_that_begins_like_openpgp_is_still_broken(run):
    (signed,) = run(b"\xc2" + keys.sign_rsa(RSA, DATA)[1:], RSA)
    assert signed.authentic == "fail"


@pytest.mark.parametrize(
    ("allowed", "holds"),
    [(("ecdsa:sha256",), True), (("ecdsa:sha384",), False), (("ed25519",), False)],
)
def test_a_rule_limits_the_algorithms(run, allowed, holds):
    (signed,) = run(keys.sign_ec(EC, DATA), EC, algorithms=allowed)
    assert (signed.authentic == "pass") == holds
    (signed,) = run(keys.minisign(ED, DATA), ED, algorithms=("ed25519",))
    assert signed.authentic == "fail"
    (signed,) = run(keys.minisign(ED, DATA), ED, algorithms=("ed25519:blake2b",))
    assert signed.authentic == "pass"


def test_an_empty_file_can_be_signed_and_covers_nothing(run):
    (signed,) = run(ED.sign(b""), ED, data=b"")
    assert (signed.authentic, signed.covered) == ("pass", ())


# --- minisign ------------------------------------------------------------------------


def lines(member: bytes) -> list[bytes]:
    return member.splitlines()


def test_the_trusted_comment_must_be_the_signers(run):
    good = lines(keys.minisign(ED, DATA, comment=b"version 1"))
    changed = [good[0], good[1], b"trusted comment: version 9", good[3]]
    (signed,) = run(b"\n".join(changed) + b"\n", ED)
    assert signed.authentic == "fail"
    assert "comment" in signed.reason
    other = lines(keys.minisign(ED, b"another file", comment=b"version 9"))
    (signed,) = run(b"\n".join([*good[:2], *other[2:]]) + b"\n", ED)
    assert signed.authentic == "fail"
    (signed,) = run(b"\n".join(good) + b"\n", ED)
    assert signed.authentic == "pass"
    assert "version 1" in signed.reason


def test_a_prehashed_signature_without_its_comment_is_refused(run):
    good = lines(keys.minisign(ED, DATA))
    (signed,) = run(b"\n".join(good[:2]) + b"\n", ED)
    assert signed.authentic == "fail"
    assert "cut off" in signed.reason


def test_a_prehash_is_not_a_legacy_signature_over_the_file(run):
    good = keys.minisign(ED, DATA)
    blob = base64.b64decode(lines(good)[1])
    legacy = base64.b64encode(b"Ed" + blob[2:])
    (signed,) = run(good.replace(lines(good)[1], legacy), ED)
    assert signed.authentic == "fail"
    assert len(hashlib.blake2b(DATA).digest()) == 64


def test_control_characters_of_a_comment_do_not_reach_the_reason(run):
    (signed,) = run(keys.minisign(ED, DATA, comment=b"\x1b[31mred\x07" + b"y" * 500), ED)
    assert signed.authentic == "pass"
    assert "\x1b" not in signed.reason
    assert "\x07" not in signed.reason
    assert len(signed.reason) < 300


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + b"more\n",
        lambda text: text + b"\n\n",
        lambda text: text.replace(b"trusted comment: v1", b"comment: v1"),
        lambda text: b"\n" + text,
        lambda text: text.replace(lines(text)[1], lines(text)[1][:-4]),
        lambda text: text.replace(lines(text)[1], b"!" + lines(text)[1][1:]),
        lambda text: text.replace(lines(text)[3], lines(text)[1]),
        lambda text: b"\n".join(lines(text)[:3]),
        lambda text: b"x" * 70_000,
    ],
)
def test_what_is_not_exactly_in_form_is_malformed(change):
    with pytest.raises(Malformed):
        parse(change(keys.minisign(ED, DATA)))


@given(st.binary(max_size=120))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_arbitrary_members_never_crash(data):
    for member in (data, b"untrusted comment: x\n" + data, keys.minisign(ED, DATA)[:-1] + data):
        view = _bare_view(member)
        for scheme in (MINISIGN, DETACHED_RAW):
            if scheme.applies(view):
                for signed in scheme.verify(view, Material(at=AT, keys=trusted(ED))):
                    whole = member.rstrip(b"\r\n") == keys.minisign(ED, DATA).rstrip()
                    assert signed.authentic != "pass" or whole

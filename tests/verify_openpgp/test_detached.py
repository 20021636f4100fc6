"""OpenPGP detached signatures and the certificates behind them: what must not count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fwverify.verify.openpgp_schemes import OPENPGP_DETACHED
from fwverify.verify.raw import DETACHED_RAW
from tests.verify_cms.helpers import accepted, axes, view
from tests.verify_openpgp import pgp
from tests.verify_openpgp.fuzz import check_detached
from tests.verify_openpgp.pgp import AT, MADE, SIGNED, sub, u32

DATA = b"firmware\r\n " * 300
PRIMARY, CHILD, OTHER = pgp.key(), pgp.key(number=1), pgp.key(number=9)
CERT = pgp.certificate(PRIMARY)
YEAR = 365 * 86400
PLAIN = pgp.sub(27, b"\x03")


def verify(member, *certificates, data=DATA, name="fw.bin.asc", **options):
    seen = view(data, name="fw.bin", detached=((name, member),))
    assert OPENPGP_DETACHED.applies(seen)
    assert not DETACHED_RAW.applies(seen)
    return OPENPGP_DETACHED.verify(seen, pgp.material(*certificates, **options))


def one(member, *certificates, **options):
    (result,) = verify(member, *certificates, **options)
    return result


KINDS = [
    (pgp.RSA, 4, "sha256", "rsa-pkcs1v15"),
    (pgp.RSA, 4, "sha512", "rsa-pkcs1v15"),
    (pgp.RSA, 4, "sha1", "rsa-pkcs1v15"),
    (pgp.RSA, 4, "md5", "rsa-pkcs1v15"),
    (pgp.RSA, 6, "sha256", "rsa-pkcs1v15"),
    (pgp.ECDSA, 4, "sha256", "ecdsa"),
    (pgp.ECDSA, 6, "sha384", "ecdsa"),
    (pgp.EDDSA, 4, "sha256", "ed25519"),
    (pgp.EDDSA, 4, "sha512", "ed25519"),
    (pgp.ED25519, 4, "sha256", "ed25519"),
    (pgp.ED25519, 6, "sha512", "ed25519"),
    (pgp.ED448, 6, "sha512", "ed448"),
]


@pytest.mark.parametrize(("algorithm", "version", "digest", "name"), KINDS)
@pytest.mark.parametrize("armor", [True, False])
def test_every_kind_holds_over_the_whole_file(algorithm, version, digest, name, armor):
    signer = pgp.key(algorithm, 0, version)
    member = pgp.detached(signer, DATA, digest=digest)
    result = one(pgp.armored(member) if armor else member, CERT, pgp.certificate(signer))
    assert axes(result) == ("pass", "pass"), result.reason
    assert (result.algorithm, result.digest, result.key_id) == (name, digest, "1")
    assert (result.covered, result.spki) == (((0, len(DATA)),), signer.spki)


@pytest.mark.parametrize(("algorithm", "version", "digest", "name"), KINDS)
def test_nothing_holds_over_other_bytes(algorithm, version, digest, name):
    signer = pgp.key(algorithm, 0, version)
    member = pgp.detached(signer, DATA, digest=digest)
    for data in (DATA + b"x", DATA[:-1], b"X" + DATA[1:], DATA.replace(b"\r\n", b"\n"), b"x"):
        result = one(member, pgp.certificate(signer), data=data)
        assert (axes(result), result.covered) == (("fail", "fail"), ()), name


def test_a_key_that_is_not_in_the_rule_is_unverifiable():
    assert axes(one(pgp.detached(OTHER, DATA), CERT)) == ("unverifiable", "unverifiable")
    assert axes(one(pgp.detached(OTHER, DATA))) == ("unverifiable", "unverifiable")


def test_another_key_under_the_named_issuer():
    forged = pgp.detached(OTHER, DATA, issuer=b"\x04" + PRIMARY.fingerprint)
    assert axes(one(forged, CERT)) == ("fail", "fail")


@pytest.mark.parametrize("issuer", [b"", b"\x04" + bytes(20)])
def test_the_issuer_is_a_hint(issuer):
    result = one(pgp.detached(PRIMARY, DATA, issuer=issuer), CERT)
    assert accepted((result,)) is (issuer == b"")


def test_a_key_id_in_the_unhashed_area_finds_the_key():
    unhashed = sub(16, PRIMARY.fingerprint[-8:])
    result = one(pgp.detached(PRIMARY, DATA, issuer=b"", unhashed=unhashed), CERT, CERT)
    assert accepted((result,))
    assert result.weak == ()


def test_payload_in_the_unhashed_area_is_named():
    result = one(pgp.detached(PRIMARY, DATA, unhashed=sub(100, bytes(5000))), CERT)
    assert result.weak == ("unhashed subpacket 100 of 5000 bytes",)


def test_what_the_unhashed_area_states_decides_nothing():
    late = sub(3, u32(1))  # an expiry that nobody signed
    assert accepted(verify(pgp.detached(PRIMARY, DATA, unhashed=late), CERT))
    member = pgp.detached(PRIMARY, DATA, made=None, unhashed=sub(2, u32(SIGNED)))
    assert axes(one(member, CERT)) == ("fail", "fail")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"made": None}, "no creation time"),
        ({"made": AT + timedelta(seconds=1)}, "after the verification time"),
        ({"made": MADE - timedelta(seconds=1)}, "before its key"),
        ({"hashed": sub(3, u32(60))}, "expired"),
        ({"hashed": sub(2, u32(SIGNED))}, "stands twice"),
        ({"hashed": sub(3, b"\0")}, "not 4 bytes"),
        ({"hashed": sub(101, b"x", critical=True)}, "critical subpacket 101"),
        ({"unhashed": sub(101, b"x", critical=True)}, "critical subpacket 101"),
        ({"hashed": sub(20, bytes(4) + b"\0\1\0\1ab", critical=True)}, "critical notation"),
        ({"check": b"\0\0"}, "another digest"),
        ({"kind": 0x10}, "signs no document"),
        ({"kind": 0x02}, "signs no document"),
        ({"kind": 0x18}, "signs no document"),
        ({"stated_hash": 3}, "hash algorithm 3"),
        ({"stated_algorithm": 17}, "algorithm 17"),
        ({"stated_algorithm": 1}, "openpgp"),
        ({"value": bytes(64)}, "does not match"),
        ({"value": b""}, "openpgp.signature.value"),
        ({"value": bytes(63)}, "needs 64 bytes"),
        ({"value": bytes(65)}, "something follows"),
        ({"hashed": b"\x05"}, "openpgp.signature.hashed"),
        ({"hashed": b"\x00"}, "empty subpacket"),
        ({"hashed": b"\x02\x1e\x01" * 300}, "more than 256"),
        ({"version": 3}, "version"),
        ({"version": 6}, "another version"),
    ],
)
def test_a_signature_that_must_not_count(options, why):
    result = one(pgp.detached(PRIMARY, DATA, **options), CERT)
    assert not accepted((result,))
    assert why in result.reason, result.reason


def test_r_and_s_of_zero():
    signer = pgp.key(pgp.ECDSA)
    member = pgp.detached(signer, DATA, value=pgp.mpi(0) + pgp.mpi(0))
    assert axes(one(member, pgp.certificate(signer))) == ("fail", "fail")


def test_a_notation_is_shown():
    hashed = sub(20, b"\x80\0\0\0\0\x04\0\x03name1.2")
    assert "name=1.2" in one(pgp.detached(PRIMARY, DATA, hashed=hashed), CERT).reason


def test_a_text_signature_says_what_it_leaves_open():
    text = DATA.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    member = pgp.detached(PRIMARY, text, kind=0x01)
    result = one(member, CERT, data=DATA)
    assert accepted((result,))
    assert result.weak == ("text signature: its line endings are not covered",)


# --- the member ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m + b"text\n" + m,
        lambda m: m + m[:40],
        lambda m: m.replace(b"-----\n\n", b"-----\nComment: " + b"x" * 300 + b"\n\n"),
        lambda m: m.replace(b"-----\n\n", b"-----\n"),
        lambda m: m[: len(m) // 2],
        lambda m: pgp.armored(pgp.packet(11, b"literal")),
        lambda m: pgp.armored(pgp.packet(2, b"\x04")),
        lambda m: pgp.armored(b""),
        lambda m: pgp.armored(pgp.detached(PRIMARY, DATA) + b"\0"),
        lambda m: pgp.armored(pgp.detached(PRIMARY, DATA) * 17),
        lambda m: pgp.armored(pgp.packet(11, b"x") + pgp.detached(PRIMARY, DATA)),
        lambda m: b"-----BEGIN PGP SIGNATURE-----\n" + bytes(2_000_000),
    ],
)
def test_a_member_that_is_not_only_signatures(change):
    member = change(pgp.armored(pgp.detached(PRIMARY, DATA)))
    seen = view(DATA, name="fw.bin", detached=(("fw.asc", member),))
    results = OPENPGP_DETACHED.verify(seen, pgp.material(CERT))
    assert results
    assert not accepted(results)


def test_two_signatures_by_two_keys():
    member = pgp.detached(PRIMARY, DATA) + pgp.detached(OTHER, DATA)
    assert [axes(one) for one in verify(member, CERT, pgp.certificate(OTHER))] == [
        ("pass", "pass"),
        ("pass", "pass"),
    ]
    alone = one(member, CERT)
    assert OTHER.fingerprint.hex() in alone.reason
    broken = pgp.detached(PRIMARY, DATA) + pgp.detached(OTHER, b"other")
    assert [one.authentic for one in verify(broken, CERT, pgp.certificate(OTHER))] == [
        "pass",
        "fail",
    ]


def test_a_key_of_the_rule_that_is_not_usable():
    result = one(pgp.detached(PRIMARY, DATA), CERT, usable=False)
    assert axes(result) == ("pass", "fail")
    assert "retired" in result.reason


def test_the_rules_algorithms():
    allowed = one(pgp.detached(PRIMARY, DATA), CERT, algorithms=("ed25519",))
    assert axes(allowed) == ("pass", "pass")
    refused = one(pgp.detached(PRIMARY, DATA), CERT, algorithms=("ecdsa:sha256",))
    assert axes(refused) == ("pass", "fail")


# --- the certificate -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((b"",), "no valid self-signature"),
        ((pgp.packet(13, b"Release"),), "no valid self-signature"),
        ((pgp.user_id(PRIMARY, made=AT + timedelta(days=1)),), "no valid self-signature"),
        ((pgp.user_id(PRIMARY, hashed=PLAIN + sub(3, u32(60))),), "no valid self-signature"),
        ((pgp.user_id(OTHER),), "no valid self-signature"),
        ((pgp.user_id(PRIMARY, hashed=PLAIN + sub(9, u32(YEAR))),), "expired on 2024-12-31"),
        ((pgp.user_id(PRIMARY, hashed=sub(27, b"\x01")),), "may not sign"),
        ((pgp.user_id(PRIMARY, hashed=sub(27, b"")),), "may not sign"),
        ((pgp.revocation(PRIMARY), pgp.user_id(PRIMARY)), "revoked"),
        ((pgp.revocation(PRIMARY, 2), pgp.user_id(PRIMARY)), "revoked"),
        ((pgp.revocation(PRIMARY, 2, AT + timedelta(days=9)), pgp.user_id(PRIMARY)), "revoked"),
        ((pgp.revocation(PRIMARY, 1, MADE), pgp.user_id(PRIMARY)), "revoked"),
        ((pgp.revocation(PRIMARY, 3, AT), pgp.user_id(PRIMARY)), "revoked"),
        (
            (
                pgp.packet(2, pgp.signature(OTHER, PRIMARY.framed, 0x20)),
                pgp.direct(PRIMARY, hashed=PLAIN + sub(12, b"\x80\x01" + OTHER.fingerprint)),
            ),
            "designated revoker",
        ),
    ],
)
def test_a_primary_key_that_may_not_sign(parts, why):
    result = one(pgp.detached(PRIMARY, DATA), pgp.certificate(PRIMARY, *parts))
    assert axes(result) == ("pass", "fail")
    assert why in result.reason, result.reason


@pytest.mark.parametrize(
    "parts",
    [
        (pgp.direct(PRIMARY),),
        (pgp.user_id(PRIMARY, hashed=b""),),
        (pgp.revocation(PRIMARY, 3, AT + timedelta(days=9)), pgp.user_id(PRIMARY)),
        (pgp.packet(2, pgp.signature(OTHER, PRIMARY.framed, 0x20)), pgp.user_id(PRIMARY)),
        (pgp.packet(2, b"garbage"), pgp.user_id(PRIMARY)),
        (
            pgp.direct(PRIMARY, made=SIGNED, hashed=PLAIN + sub(9, u32(9 * YEAR))),
            pgp.user_id(PRIMARY, hashed=PLAIN + sub(9, u32(YEAR))),
        ),
    ],
)
def test_a_primary_key_that_may_sign(parts):
    result = one(pgp.detached(PRIMARY, DATA), pgp.certificate(PRIMARY, *parts))
    assert axes(result) == ("pass", "pass"), result.reason


def test_the_latest_self_signature_speaks():
    short = pgp.user_id(PRIMARY, b"new", made=SIGNED, hashed=PLAIN + sub(9, u32(YEAR)))
    cert = pgp.certificate(PRIMARY, pgp.user_id(PRIMARY), short)
    assert axes(one(pgp.detached(PRIMARY, DATA), cert)) == ("pass", "fail")


def test_a_withdrawn_user_id_speaks_no_more():
    framed = PRIMARY.framed + b"\xb4" + u32(7) + b"Release"
    withdrawn = pgp.packet(2, pgp.signature(PRIMARY, framed, 0x30))
    cert = pgp.certificate(PRIMARY, pgp.user_id(PRIMARY), withdrawn)
    assert "no valid self-signature" in one(pgp.detached(PRIMARY, DATA), cert).reason


def test_a_version_6_key_needs_its_own_self_signature():
    signer = pgp.key(pgp.ED25519, 0, 6)
    cert = pgp.certificate(signer, pgp.user_id(signer))
    assert axes(one(pgp.detached(signer, DATA), cert)) == ("pass", "fail")


def test_a_self_signature_by_sha1_is_weak():
    signer = pgp.key(pgp.RSA)
    cert = pgp.certificate(signer, pgp.user_id(signer, digest="sha1"))
    assert one(pgp.detached(signer, DATA), cert).weak == ("self-signature by sha1",)


# --- subkeys ---------------------------------------------------------------------------


def with_subkey(**options) -> bytes:
    return pgp.certificate(PRIMARY, pgp.user_id(PRIMARY), pgp.subkey(PRIMARY, CHILD, **options))


def test_a_bound_subkey_signs():
    result = one(pgp.detached(CHILD, DATA), with_subkey())
    assert axes(result) == ("pass", "pass"), result.reason
    assert (result.spki, result.leans_on) == (PRIMARY.spki, (CHILD.spki,))
    assert CHILD.fingerprint.hex() in result.signer


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"back": pgp.signature(OTHER, PRIMARY.framed + CHILD.framed, 0x19)}, "own signature"),
        ({"back": pgp.signature(CHILD, OTHER.framed + CHILD.framed, 0x19)}, "own signature"),
        ({"back": pgp.signature(CHILD, PRIMARY.framed + CHILD.framed, 0x18)}, "own signature"),
        (
            {
                "back": pgp.signature(
                    CHILD, PRIMARY.framed + CHILD.framed, 0x19, hashed=sub(3, u32(9))
                )
            },
            "own signature",
        ),
        ({"back": b"\x04"}, "own signature"),
        ({"back": b"\0" * 40}, "own signature"),
        ({"signer": OTHER}, "no valid binding"),
        ({"signer": CHILD}, "no valid binding"),
        ({"flags": b""}, "may not sign"),
        ({"flags": sub(27, b"\x0c")}, "may not sign"),
        ({"hashed": sub(9, u32(YEAR))}, "expired"),
        ({"hashed": sub(3, u32(YEAR))}, "no valid binding"),
        ({"hashed": sub(99, b"x", critical=True)}, "no valid binding"),
        ({"made": AT + timedelta(days=1)}, "no valid binding"),
        (
            {"extra": pgp.packet(2, pgp.signature(PRIMARY, PRIMARY.framed + CHILD.framed, 0x28))},
            "revoked",
        ),
    ],
)
def test_a_subkey_that_may_not_sign(options, why):
    result = one(pgp.detached(CHILD, DATA), with_subkey(**options))
    assert axes(result) == ("pass", "fail")
    assert why in result.reason, result.reason


def test_a_subkey_of_a_key_that_may_not_sign_itself_signs():
    certify = pgp.user_id(PRIMARY, hashed=sub(27, b"\x01"))
    cert = pgp.certificate(PRIMARY, certify, pgp.subkey(PRIMARY, CHILD))
    assert axes(one(pgp.detached(CHILD, DATA), cert)) == ("pass", "pass")


@pytest.mark.parametrize("parts", [(pgp.revocation(PRIMARY), pgp.user_id(PRIMARY)), (b"",)])
def test_a_subkey_falls_with_its_primary(parts):
    cert = pgp.certificate(PRIMARY, *parts, pgp.subkey(PRIMARY, CHILD))
    assert axes(one(pgp.detached(CHILD, DATA), cert)) == ("pass", "fail")


def test_a_stolen_subkey_under_another_certificate():
    """Somebody binds the vendor's public subkey to his own key: no back signature."""
    cert = pgp.certificate(OTHER, pgp.user_id(OTHER), pgp.subkey(OTHER, CHILD, back=b""))
    assert axes(one(pgp.detached(CHILD, DATA), cert)) == ("pass", "fail")


def test_a_key_made_in_the_future():
    young = pgp.key(number=5, made=datetime(2027, 1, 1, tzinfo=UTC))
    cert = pgp.certificate(young, pgp.user_id(young, made=SIGNED))
    assert axes(one(pgp.detached(young, DATA), cert)) == ("pass", "fail")


def test_mutants():
    check_detached(400)

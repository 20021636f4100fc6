"""Whom to trust: every way in which a mathematically good signature must not be."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import crl as asn1_crl

from tests.builders import pki
from tests.verify_cms.helpers import CONTENT, axes, one

DAY = timedelta(days=1)
EARLY, LATE = datetime(2024, 6, 1, tzinfo=UTC), datetime(2025, 12, 15, tzinfo=UTC)


def child(common="Odd", issuer=None, *, kind="p256", number=99, **options):
    return pki.issue(common, pki.key(kind, number), issuer or pki.intermediate(), **options)


def signed_by(identity, *more, **changes):
    return one(
        pki.message(CONTENT, identity, certificates=(identity, *more, pki.intermediate())),
        **changes,
    )


def refused(result, why):
    assert axes(result) == ("pass", "fail"), result.reason
    assert why in result.reason


def test_no_anchor_and_other_anchors():
    refused(signed_by(pki.signer(), code_roots=()), "no root")
    refused(signed_by(pki.signer(), code_roots=(pki.root("Other").cert,)), "no issuer matching")
    refused(signed_by(pki.signer(), pki.root(), code_roots=(pki.root("Other").cert,)), "")
    refused(signed_by(pki.signer(), code_roots=(), time_roots=(pki.root().cert,)), "no root")


def test_a_root_of_the_same_name_and_another_key():
    false_root = pki.issue("Test Root", pki.key("p256", 1234), ca=True)
    refused(signed_by(pki.signer(), code_roots=(false_root.cert,)), "")


def test_the_intermediate_may_be_the_anchor_and_may_be_missing():
    message = pki.message(CONTENT, certificates=(pki.signer(),))
    assert axes(one(message)) == ("pass", "fail")
    assert axes(one(message, code_roots=(pki.intermediate().cert,))) == ("pass", "pass")


def test_self_signed():
    alone = pki.issue("Alone", pki.key("p256", 50))
    refused(signed_by(alone), "")
    assert axes(signed_by(alone, pins=(alone.cert,))) == ("pass", "pass")
    assert axes(signed_by(alone, code_roots=(alone.cert,))) == ("pass", "pass")
    renewed = pki.issue("Alone", pki.key("p256", 50), serial=2)
    refused(signed_by(alone, pins=(renewed.cert,), code_roots=()), "")


def test_an_authority_signs_nothing_unless_pinned():
    for signer in (pki.intermediate(), pki.root()):
        refused(signed_by(signer), "is an authority")
        assert axes(signed_by(signer, pins=(signer.cert,))) == ("pass", "pass")


def test_a_leaf_used_as_authority():
    below = child("Below", pki.signer(), number=51)
    refused(signed_by(below, pki.signer()), "")
    plain = child("No constraints", number=52)
    refused(signed_by(child("Below 2", plain, number=53), plain), "")


def test_a_pinned_leaf_issues_nothing():
    below = child("Below", pki.signer(), number=51)
    refused(signed_by(below, pki.signer(), code_roots=(pki.signer().cert,)), "")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"extensions": (pki.extended_key_usage(pki.TLS_SERVER),)}, "not for signing"),
        ({"extensions": (pki.extended_key_usage(pki.TIME_STAMPING),)}, "not for signing"),
        ({"extensions": (pki.extended_key_usage("1.2.3.4"),)}, "not for signing"),
        ({"extensions": (pki.key_usage(2),)}, "key usage"),
        ({"extensions": (pki.key_usage(5, 6),)}, "key usage"),
        ({"extensions": (pki.extension("1.2.3.4.5", pki.NULL, critical=True),)}, "critical"),
        ({"until": EARLY}, "expired"),
        ({"since": pki.AT + DAY}, "not valid until"),
    ],
)
def test_certificates_that_must_not_sign(options, why):
    refused(signed_by(child(**options)), why)


@pytest.mark.parametrize(
    "extensions",
    [
        (),
        (pki.extended_key_usage(pki.EMAIL),),
        (pki.extended_key_usage(pki.TLS_SERVER, pki.CODE_SIGNING),),
        (pki.extended_key_usage("2.5.29.37.0"),),
        (pki.key_usage(1),),
        (pki.extension("1.2.3.4.5", pki.NULL),),
    ],
)
def test_certificates_that_may_sign(extensions):
    result = signed_by(child(extensions=extensions))
    assert axes(result) == ("pass", "pass"), result.reason


def test_authorities_nest_their_purposes():
    tls = pki.issue(
        "TLS CA",
        pki.key("p256", 60),
        pki.root(),
        ca=True,
        extensions=(pki.extended_key_usage(pki.TLS_SERVER),),
    )
    refused(signed_by(child(issuer=tls), tls), "authority")


def test_path_length_of_intermediates_and_anchors():
    closed = pki.issue("Closed", pki.key("p256", 61), ca=True, path_length=0)
    sub = pki.issue("Sub", pki.key("p256", 62), closed, ca=True)
    leaf = child(issuer=sub)
    refused(signed_by(leaf, sub, code_roots=(closed.cert,)), "")
    assert axes(signed_by(leaf, sub, code_roots=(sub.cert,))) == ("pass", "pass")
    direct = child(issuer=closed, number=63)
    assert axes(signed_by(direct, code_roots=(closed.cert,))) == ("pass", "pass")


def test_an_expired_authority_and_an_expired_anchor():
    old = pki.issue("Old CA", pki.key("p256", 64), pki.root(), ca=True, until=EARLY)
    refused(signed_by(child(issuer=old), old), "expired")
    old_root = pki.issue("Old Root", pki.key("p256", 65), ca=True, until=EARLY)
    refused(signed_by(child(issuer=old_root), code_roots=(old_root.cert,)), "no root that is")
    new_root = pki.issue("Old Root", pki.key("p256", 65), ca=True, serial=9)
    both = (old_root.cert, new_root.cert)
    assert axes(signed_by(child(issuer=old_root), code_roots=both)) == ("pass", "pass")


def test_generalized_time_before_2050_is_read():
    far = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    top = pki.issue(
        "Odd Times",
        pki.key("p256", 66),
        ca=True,
        always_generalized=True,
        since=datetime(1970, 1, 1, tzinfo=UTC),
        until=far,
    )
    leaf = child(issuer=top, always_generalized=True, until=far)
    assert axes(signed_by(leaf, code_roots=(top.cert,))) == ("pass", "pass")


def test_an_anchor_may_carry_an_unknown_critical_extension():
    netscape = pki.extension("2.16.840.1.113730.1.1", b"\x03\x02\x00\x07", critical=True)
    top = pki.issue("Netscape CA", pki.key("p256", 67), ca=True, extensions=(netscape,))
    assert axes(signed_by(child(issuer=top), code_roots=(top.cert,))) == ("pass", "pass")


def test_weak_links_build_a_path_and_are_named():
    small = pki.issue("RSA CA", pki.key("rsa1024", 1), pki.root(), ca=True)
    leaf = child(issuer=small, digest="sha1", kind="rsa1024", number=2)
    result = signed_by(leaf, small)
    assert axes(result) == ("pass", "pass"), result.reason
    assert result.weak == ("link 0: sha1", "link 0: rsa-1024", "link 1: rsa-1024")
    md5 = child(issuer=small, digest="md5", number=3)
    assert "link 0: md5" in signed_by(md5, small).weak
    sha1_root = pki.issue("SHA-1 Root", pki.key("rsa2048", 4), ca=True, digest="sha1")
    strong = child(issuer=sha1_root, number=5)
    assert signed_by(strong, code_roots=(sha1_root.cert,)).weak == ()


def test_pss_and_post_quantum_chains():
    pss = pki.issue("PSS CA", pki.key("rsa2048", 6), pki.root(), ca=True)
    leaf = child(issuer=pss, pss_salt=32)
    assert axes(signed_by(leaf, pss)) == ("pass", "pass")
    lattice = pki.issue("ML CA", pki.key("mldsa65", 7), ca=True)
    leaf = child(issuer=lattice, number=8)
    result = signed_by(leaf, code_roots=(lattice.cert,))
    assert axes(result) == ("pass", "pass"), result.reason


def test_an_altered_intermediate_does_not_serve():
    altered = bytearray(pki.intermediate().der)
    altered[-5] ^= 1
    fake = pki.Identity(bytes(altered), pki.intermediate().private)
    message = pki.message(CONTENT, certificates=(pki.signer(), fake))
    assert axes(one(message))[1] == "fail"


def test_a_maze_of_authorities_ends_soon():
    """Forty authorities that all issued each other, by name and key, and no root."""
    key = pki.key("p256", 70)
    maze = tuple(
        pki.issue("Maze", key, pki.issue("Maze", key, ca=True), ca=True, serial=n + 10)
        for n in range(40)
    )
    leaf = child(issuer=maze[0])
    started = time.monotonic()
    result = signed_by(leaf, *maze)
    assert axes(result) == ("pass", "fail")
    assert time.monotonic() - started < 10


# --- revocation ----------------------------------------------------------------------

SERIAL = pki.signer().cert.serial_number


def crl(*entries, **options):
    return pki.crl(pki.intermediate(), entries, **options)


@pytest.mark.parametrize("reason", [None, 1, 2, 4, 5, 6])
def test_revoked_before_the_check(reason):
    result = signed_by(pki.signer(), crls=(crl((SERIAL, EARLY, reason, None)),))
    refused(result, "revoked")
    assert "2024-06-01" in result.reason


@pytest.mark.parametrize(("reason", "outcome"), [(None, "fail"), (1, "fail"), (4, "pass")])
def test_revoked_after_the_check_time_saves_no_compromised_key(reason, outcome):
    later = crl((SERIAL, pki.AT + DAY, reason, None))
    assert signed_by(pki.signer(), crls=(later,)).trusted == outcome


@pytest.mark.parametrize(
    ("stamp", "reason", "invalid", "outcome"),
    [
        (EARLY - DAY, 1, None, "pass"),
        (EARLY + DAY, 1, None, "fail"),
        (EARLY, 1, None, "fail"),
        (EARLY - DAY, 1, EARLY - 2 * DAY, "fail"),
        (EARLY - 3 * DAY, 1, EARLY - 2 * DAY, "pass"),
        (EARLY - DAY, None, None, "pass"),
        (EARLY - DAY, 4, None, "pass"),
        (EARLY + DAY, 4, None, "fail"),
    ],
)
def test_only_a_time_stamp_before_the_revocation_saves(stamp, reason, invalid, outcome):
    message = pki.message(CONTENT, unsigned=pki.stamped_with(stamp))
    result = one(message, crls=(crl((SERIAL, EARLY, reason, invalid)),))
    assert axes(result) == ("pass", outcome), result.reason


def test_a_stale_list_still_revokes():
    stale = crl((SERIAL, EARLY, 1, None), since=EARLY, until=EARLY + DAY)
    refused(signed_by(pki.signer(), crls=(stale,)), "revoked")


def test_an_entry_for_another_serial_or_a_forged_list_revokes_nothing():
    other = crl((SERIAL + 1, EARLY, 1, None))
    forged = crl((SERIAL, EARLY, 1, None), private=pki.key("p256", 5))
    foreign = pki.crl(pki.root(), ((SERIAL, EARLY, 1, None),))
    assert axes(signed_by(pki.signer(), crls=(other, forged, foreign))) == ("pass", "pass")


def test_a_revoked_intermediate():
    top = pki.crl(pki.root(), ((pki.intermediate().cert.serial_number, EARLY, 2, None),))
    refused(signed_by(pki.signer(), crls=(top,)), "link 1")
    as_anchor = (pki.intermediate().cert, pki.root().cert)
    refused(signed_by(pki.signer(), crls=(top,), code_roots=as_anchor), "link 0")


def test_a_revoked_pin():
    revoking = crl((SERIAL, EARLY, 1, None))
    result = signed_by(
        pki.signer(),
        pins=(pki.signer().cert,),
        code_roots=(pki.intermediate().cert,),
        crls=(revoking,),
    )
    refused(result, "revoked")


def required(*crls, **changes):
    return signed_by(pki.signer(), crls=crls, require_crl=True, **changes)


def test_required_lists():
    top = pki.crl(pki.root())
    assert axes(required(crl(), top)) == ("pass", "pass")
    stale = crl(since=EARLY, until=EARLY + DAY)
    early = crl(since=pki.AT + DAY, until=pki.AT + 2 * DAY)
    endless = crl(until=None)
    forged = crl(private=pki.key("p256", 5))
    partial = crl(
        extensions=(pki.extension("2.5.29.28", pki.seq(pki.tlv(0x82, b"\xff")), critical=True),)
    )
    delta = crl(extensions=(pki.extension("2.5.29.27", pki.integer(1), critical=True),))
    for unfit in (stale, early, endless, forged, partial, delta):
        result = required(unfit, top)
        assert axes(result) == ("pass", "unverifiable"), result.reason
        assert "link 0" in result.reason
    assert axes(required(top)) == ("pass", "unverifiable")
    assert axes(required(crl())) == ("pass", "unverifiable")
    assert axes(required()) == ("pass", "unverifiable")
    assert axes(required(stale, crl(), top)) == ("pass", "pass")


def test_a_list_for_users_only_does_not_speak_of_authorities():
    users = pki.extension("2.5.29.28", pki.seq(pki.tlv(0x81, b"\xff")), critical=True)
    narrow_top = pki.crl(pki.root(), extensions=(users,))
    narrow = crl(extensions=(users,))
    assert axes(required(narrow, pki.crl(pki.root()))) == ("pass", "pass")
    assert axes(required(crl(), narrow_top)) == ("pass", "unverifiable")


def test_a_list_that_cannot_be_read_is_not_passed_over():
    unknown = pki.algorithm_id(pki.intermediate().private, "sha256")
    encoded = crl().dump().replace(unknown, unknown[:-1] + b"\x7f")
    broken = asn1_crl.CertificateList.load(encoded)
    result = signed_by(pki.signer(), crls=(broken,))
    assert axes(result) == ("pass", "unverifiable"), result.reason
    assert "cannot be read" in result.reason

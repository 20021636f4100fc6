"""Floors: what is not listed is weak, what cannot be named is unverifiable."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

import msgspec
import pytest

from fwverify.verify.scheme import Signed
from fwverify.verify.strength import judge, tightened
from tests.builders import keys, pki
from tests.verify.stores import AT, shipped

FLOORS = shipped().floors
GOOD = Signed(
    path="u",
    scheme="raw",
    authentic="pass",
    trusted="pass",
    reason="",
    spki=keys.spki(keys.rsa_key()),
    digest="sha256",
    algorithm="rsa-pkcs1v15",
)


def change(**fields) -> Signed:
    return dataclasses.replace(GOOD, **fields)


@pytest.mark.parametrize(
    "signed",
    [
        GOOD,
        change(algorithm="rsa-pss", digest="sha512"),
        change(algorithm="ecdsa", spki=keys.spki(keys.ec_key())),
        change(algorithm="ed25519", digest="", spki=keys.spki(keys.ed_key())),
        change(algorithm="ed25519", digest="blake2b", spki=keys.spki(keys.ed_key())),
        change(chain=(pki.signer().der, pki.intermediate().der, pki.root().der)),
    ],
)
def test_what_is_above_the_floors_passes(signed):
    assert judge(signed, FLOORS, AT).axis == "pass"


@pytest.mark.parametrize(
    ("signed", "why"),
    [
        (change(digest="sha1"), "digest sha1"),
        (change(digest="md5"), "digest md5"),
        (change(digest="SHA256"), "digest SHA256"),
        (change(digest=""), "(none)"),
        (change(algorithm="rsa-raw"), "algorithm rsa-raw"),
        (change(algorithm="dsa"), "algorithm dsa"),
        (change(spki=keys.spki(keys.rsa_key(1024))), "1024 bits"),
        (change(weak=("link 1: sha1",)), "link 1: sha1"),
        (
            change(chain=(pki.signer().der, pki.issue("W", pki.key("rsa1024"), ca=True).der)),
            "link 1: rsa of 1024",
        ),
        (
            change(chain=(pki.issue("W", pki.key("rsa2048"), digest="sha1").der, pki.root().der)),
            "link 0: digest sha1",
        ),
    ],
)
def test_what_is_below_a_floor_is_weak_and_says_why(signed, why):
    strength = judge(signed, FLOORS, AT)
    assert strength.axis == "fail"
    assert any(why in reason for reason in strength.reasons), strength


@pytest.mark.parametrize(
    "signed",
    [
        change(algorithm=""),
        change(spki=None),
        change(spki=b"\x30\x00"),
        change(chain=(b"\x30\x03\x02\x01\x01",)),
    ],
)
def test_what_cannot_be_named_is_unverifiable(signed):
    assert judge(signed, FLOORS, AT).axis == "unverifiable"


def test_the_anchors_own_signature_proves_nothing_and_its_key_counts():
    leaf = pki.signer().der
    old = pki.issue("Old Root", pki.key("rsa2048"), ca=True, digest="sha1").der
    assert judge(change(chain=(leaf, old)), FLOORS, AT).axis == "pass"


def test_floors_rise_with_their_dates():
    late = datetime(2031, 1, 1, tzinfo=UTC)
    assert judge(GOOD, FLOORS, datetime(2030, 12, 31, 23, tzinfo=UTC)).axis == "pass"
    assert "floor is 3072" in " ".join(judge(GOOD, FLOORS, late).reasons)
    ended = judge(
        change(spki=keys.spki(keys.rsa_key(3072))), FLOORS, datetime(2036, 1, 1, tzinfo=UTC)
    )
    assert "allowed until 2035-12-31" in " ".join(ended.reasons)


def test_tightening_only_takes_away():
    strict = msgspec.structs.replace(
        FLOORS,
        digests=("sha512", "sha1"),
        min_bits=(msgspec.structs.replace(FLOORS.min_bits[0], bits=1024),),
        algorithm=(
            msgspec.structs.replace(FLOORS.algorithm[0], not_after=date(2026, 1, 1)),
            msgspec.structs.replace(FLOORS.algorithm[0], name="rsa-raw", not_after=None),
        ),
    )
    both = tightened(FLOORS, strict)
    assert both.digests == ("sha512",)
    assert both.bits("rsa", AT) == 2048
    assert [(one.name, one.not_after) for one in both.algorithm] == [
        ("rsa-pkcs1v15", date(2026, 1, 1))
    ]
    assert tightened(strict, FLOORS).digests == ("sha512",)
    nothing = tightened(FLOORS, msgspec.structs.replace(FLOORS, digests=("sha1",)))
    assert judge(GOOD, nothing, AT).axis == "fail"

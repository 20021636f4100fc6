"""What a time stamp may prove, and what it must not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.verify.chain import Anchors
from fwverify.verify.timestamp import check_token
from tests.builders import pki
from tests.verify_cms.helpers import CONTENT, axes, one

DAY = timedelta(days=1)
GOOD_TIME = datetime(2024, 1, 1, tzinfo=UTC)
EXPIRY = datetime(2025, 1, 1, tzinfo=UTC)
EXPIRED = pki.issue("Expired", pki.key("p256", 5), pki.intermediate(), until=EXPIRY)
ANCHORS = Anchors((pki.authority().cert,))
VALUE = b"a signature value"


def expired(unsigned=None, **changes):
    return one(pki.message(CONTENT, EXPIRED, unsigned=unsigned), **changes)


def test_a_valid_stamp_carries_a_signature_past_expiry():
    assert axes(expired()) == ("pass", "fail")
    result = expired(pki.stamped_with(GOOD_TIME))
    assert axes(result) == ("pass", "pass"), result.reason
    assert "2024-01-01" in result.reason
    assert result.weak == ()


def test_a_claimed_signing_time_proves_nothing():
    claimed = pki.attribute("1.2.840.113549.1.9.5", pki.when(GOOD_TIME))
    result = one(pki.message(CONTENT, EXPIRED, more=(claimed,)))
    assert axes(result) == ("pass", "fail")


@pytest.mark.parametrize(
    "unsigned",
    [
        pki.stamped_with(EXPIRY + DAY),
        pki.stamped_with(
            pki.FROM - DAY, identity=pki.stamper(since=datetime(2010, 1, 1, tzinfo=UTC))
        ),
        pki.stamped_with(pki.AT + DAY),
        lambda value: (pki.attribute(pki.TOKEN, pki.token(b"other bytes", GOOD_TIME)),),
        lambda value: (pki.attribute(pki.TOKEN, pki.NULL),),
        lambda value: (pki.attribute(pki.TOKEN),),
        lambda value: (pki.attribute("1.2.840.113549.1.9.16.2.15", pki.token(value, GOOD_TIME)),),
    ],
)
def test_stamps_that_carry_nothing(unsigned):
    assert axes(expired(unsigned)) == ("pass", "fail")


def test_a_stamp_inside_the_signed_attributes_is_none():
    inside = pki.attribute(pki.TOKEN, pki.token(b"x", GOOD_TIME))
    assert axes(one(pki.message(CONTENT, EXPIRED, more=(inside,)))) == ("pass", "fail")


def test_code_roots_and_time_roots_are_apart():
    swapped = {"time_roots": (pki.root().cert,)}
    assert axes(expired(pki.stamped_with(GOOD_TIME), **swapped)) == ("pass", "fail")
    under_code_root = pki.issue(
        "TSA under code root",
        pki.key("p256", 6),
        pki.root(),
        extensions=(pki.extended_key_usage(pki.TIME_STAMPING, critical=True),),
    )
    stamp = pki.stamped_with(GOOD_TIME, identity=under_code_root)
    assert axes(expired(stamp)) == ("pass", "fail")
    assert axes(expired(stamp, time_roots=(pki.root().cert,))) == ("pass", "pass")


def test_a_broken_stamp_is_a_weakness_even_where_it_is_not_needed():
    broken = pki.attribute(pki.TOKEN, pki.token(b"other bytes", GOOD_TIME))
    result = one(pki.message(CONTENT, unsigned=lambda _: (broken,)))
    assert axes(result) == ("pass", "pass")
    assert any("stamps other bytes" in weakness for weakness in result.weak)
    foreign = pki.stamped_with(GOOD_TIME, identity=pki.stamper())
    result = one(pki.message(CONTENT, unsigned=foreign), time_roots=())
    assert (axes(result), result.weak) == (("pass", "pass"), ())


def shown(**options):
    time = options.pop("time", GOOD_TIME)
    return check_token(pki.token(VALUE, time, **options), VALUE, ANCHORS, pki.AT)


def tsa(*extensions, **options):
    return pki.issue(
        "Odd TSA", pki.key("p256", 7), pki.root("Time Root"), extensions=extensions, **options
    )


@pytest.mark.parametrize("identity", [None, pki.stamper("TSA 2")])
def test_good_tokens(identity):
    stamp = shown(identity=identity)
    assert (stamp.authentic, stamp.axis, stamp.time) == ("pass", "pass", GOOD_TIME)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"imprint": b"\0" * 32}, "other bytes"),
        ({"imprint": b"\0"}, "other bytes"),
        ({"digest": "md5"}, "MD5"),
        ({"named": False}, "absent"),
        ({"names": pki.stamper("TSA 2")}, "another certificate"),
        ({"certificates": ()}, "not in the token"),
        ({"content_type": pki.ID_DATA}, "is not TSTInfo"),
        ({"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"}, "does not match"),
        ({"signed": None}, "signedAttrs"),
    ],
)
def test_broken_tokens(options, why):
    stamp = shown(**options)
    assert (stamp.authentic, stamp.axis) == ("fail", "fail")
    assert why in stamp.reason


@pytest.mark.parametrize(
    ("identity", "why"),
    [
        (tsa(), "states no purpose"),
        (tsa(pki.extended_key_usage(pki.TIME_STAMPING)), "critically and solely"),
        (
            tsa(pki.extended_key_usage(pki.TIME_STAMPING, pki.CODE_SIGNING, critical=True)),
            "critically and solely",
        ),
        (tsa(pki.extended_key_usage(pki.CODE_SIGNING, critical=True)), "critically and solely"),
        (tsa(pki.extended_key_usage("2.5.29.37.0", critical=True)), "critically and solely"),
        (
            tsa(pki.extended_key_usage(pki.TIME_STAMPING, critical=True), until=GOOD_TIME - DAY),
            "expired",
        ),
        (
            tsa(pki.extended_key_usage(pki.TIME_STAMPING, critical=True), since=GOOD_TIME + DAY),
            "not valid",
        ),
        (pki.issue("Alone", pki.key("p256", 8)), ""),
        (pki.signer(), "critically and solely"),
        (pki.authority(), "is an authority"),
    ],
)
def test_authorities_that_prove_no_time(identity, why):
    stamp = shown(identity=identity)
    assert stamp.axis == "fail"
    assert why in stamp.reason


def test_a_token_from_after_the_check():
    stamp = shown(time=pki.AT + DAY)
    assert stamp.axis == "fail"
    assert "later than the verification time" in stamp.reason


def test_an_authority_that_expired_since_still_proves_its_time():
    identity = tsa(pki.extended_key_usage(pki.TIME_STAMPING, critical=True), until=GOOD_TIME + DAY)
    assert shown(identity=identity).axis == "pass"


@pytest.mark.parametrize(
    ("date", "reason", "axis"),
    [(GOOD_TIME - DAY, 1, "fail"), (GOOD_TIME + DAY, 4, "pass"), (GOOD_TIME - DAY, 4, "fail")],
)
def test_a_revoked_authority(date, reason, axis):
    crl = pki.crl(pki.authority(), ((pki.stamper().cert.serial_number, date, reason, None),))
    anchors = Anchors((pki.authority().cert,), (), (crl,))
    stamp = check_token(pki.token(VALUE, GOOD_TIME), VALUE, anchors, pki.AT)
    assert stamp.axis == axis, stamp.reason


def test_a_sha1_imprint_is_weak_where_it_is_needed():
    result = expired(pki.stamped_with(GOOD_TIME, digest="sha1"))
    assert axes(result) == ("pass", "pass")
    assert result.weak == ("time stamp: imprint is sha1",)


TOKEN = pki.token(VALUE, GOOD_TIME)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.integers(min_value=0), st.integers(0, 7))
def test_a_flipped_bit_never_moves_the_time(position, bit):
    token = bytearray(TOKEN)
    token[position % len(token)] ^= 1 << bit
    stamp = check_token(bytes(token), VALUE, ANCHORS, pki.AT)
    assert stamp.axis != "pass" or stamp.time == GOOD_TIME


def test_truncated_tokens():
    for size in range(0, len(TOKEN), 7):
        assert check_token(TOKEN[:size], VALUE, ANCHORS, pki.AT).axis == "fail"


def test_many_and_large_stamps_are_named():
    many = lambda value: (  # noqa: E731
        pki.attribute(pki.TOKEN, *(pki.token(value, GOOD_TIME + n * DAY) for n in range(6))),
    )
    result = one(pki.message(CONTENT, unsigned=many))
    assert any("6 time stamps" in weakness for weakness in result.weak)

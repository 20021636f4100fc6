"""What rides along unsigned in a signature: named as weak, or refused where it is large."""

from __future__ import annotations

import json

import pytest

from fwverify.verify.cose import COSE_DETACHED
from fwverify.verify.dsse import DSSE_DETACHED
from fwverify.verify.jws import JWS_DETACHED
from fwverify.verify.suit import SUIT
from tests.builders import keys
from tests.verify_statements import coses, dsses, jwss
from tests.verify_statements.helpers import CONTENT, run, shown, trust

ED, OTHER = keys.ed_key(), keys.ec_key()
PROGRAM = b"\x7fELF" + bytes(200)


def detached(scheme, name: str, member: bytes):
    return run(scheme, shown(CONTENT, detached=((name, member),)), trust(ED))


def suit(*blocks: bytes):
    return run(SUIT, shown(coses.envelope(blocks=list(blocks)), name="u.suit"), trust(ED))


def signed_digest(private=ED, **changes) -> bytes:
    inner = coses.wrapped(coses.manifest(CONTENT))
    return coses.sign1(private, bytes(coses.cbor(coses.digest(bytes(inner)))), **changes)


@pytest.mark.parametrize("label", [-70000, 7, 99, "extra"])
def test_a_strange_header_of_cose_is_weak(label):
    for results in (
        detached(COSE_DETACHED, "a.cose", coses.sign1(ED, unprotected={label: PROGRAM})),
        suit(signed_digest(unprotected={label: PROGRAM})),
    ):
        assert [one.authentic for one in results] == ["pass"]
        assert any(str(label) in weak and "unsigned header" in weak for weak in results[0].weak)


def test_key_identifiers_and_certificates_are_not_strange():
    headers = {4: b"key 1", 33: PROGRAM}
    (one,) = detached(COSE_DETACHED, "a.cose", coses.sign1(ED, unprotected=headers))
    assert one.authentic == "pass" and one.weak == ()
    (one,) = detached(COSE_DETACHED, "a.cose", coses.sign_many(ED))
    assert one.authentic == "pass" and one.weak == ()
    more = {"header": {"kid": "key 1", "x5c": ["AAAA"]}}
    (one,) = detached(JWS_DETACHED, "a.jws", jwss.flattened(ED, more=more))
    assert one.authentic == "pass" and one.weak == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"unprotected": {33: bytes(17_000)}},
        {"unprotected": {4: bytes(17_000)}},
        {"signature": bytes(200_000)},
    ],
)
def test_what_could_hold_a_program_is_refused(changes):
    for results in (
        detached(COSE_DETACHED, "a.cose", coses.sign1(ED, **changes)),
        suit(signed_digest(), signed_digest(OTHER, **changes)),
    ):
        assert {(one.authentic, one.trusted) for one in results} == {("fail", "fail")}


def test_a_block_that_nobody_knows_is_named():
    (one,) = suit(signed_digest(), signed_digest(OTHER))
    assert one.authentic == "pass"
    assert "1 other signatures are of no key of the rule" in one.reason


def test_a_strange_header_of_jws_is_weak_and_a_large_one_refused():
    more = {"header": {"extra": "x" * 500}}
    (one,) = detached(JWS_DETACHED, "a.jws", jwss.flattened(ED, more=more))
    assert one.authentic == "pass" and "extra" in one.weak[0]
    for large in ({"x5c": ["A" * 20_000]}, {"kid": ["A"] * 10_000}):
        (one,) = detached(JWS_DETACHED, "a.jws", jwss.flattened(ED, more={"header": large}))
        assert one.authentic == "fail"


@pytest.mark.parametrize("keyid", ["x" * 5000, ["x"], {"x": "y"}, 7])
def test_a_key_identifier_of_dsse_is_a_short_text(keyid):
    value = json.loads(dsses.envelope(ED))
    assert detached(DSSE_DETACHED, "a.dsse.json", json.dumps(value).encode())[0].trusted == "pass"
    value["signatures"][0]["keyid"] = keyid
    (one,) = detached(DSSE_DETACHED, "a.dsse.json", json.dumps(value).encode())
    assert one.authentic == "fail" and "keyid" in one.reason

"""COSE_Sign1 and COSE_Sign, and the CBOR under them: refusals first."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.reader import Malformed
from fwverify.verify import cbor
from fwverify.verify.cose import COSE_DETACHED
from fwverify.verify.signed_json import Unread
from tests.builders import keys
from tests.verify_boot import test_lms as lms_keys
from tests.verify_cms.helpers import accepted
from tests.verify_statements import coses, fuzz
from tests.verify_statements.coses import Raw, sign1, sign_many
from tests.verify_statements.helpers import CONTENT, axes, run, shown, trust

EC, EC384, RSA, ED = keys.ec_key(), keys.ec_key("secp384r1"), keys.rsa_key(), keys.ed_key()
REFUSED, OPEN = [("fail", "fail")], [("unverifiable", "unverifiable")]


def beside(member: bytes, *privates, content: bytes = CONTENT, name: str = "fw.cose", **changes):
    seen = shown(content, detached=((name, member),))
    return run(COSE_DETACHED, seen, trust(*privates, **changes))


@pytest.mark.parametrize(
    ("member", "wanted"),
    [
        (sign1(ED, b"other"), REFUSED),
        (sign1(ED, b"other", attached=True), REFUSED),
        (sign1(ED, payload=b"other"), REFUSED),
        (sign1(ED, context="Signature"), REFUSED),
        (sign1(ED, aad=b"x"), REFUSED),
        (sign1(ED, tag=98), REFUSED),
        (sign1(ED, tag=17), REFUSED),
        (sign1(ED, tag=99), REFUSED),
        (sign1(ED, header={}), REFUSED),
        (sign1(ED, header={}, unprotected={1: -8}), REFUSED),
        (sign1(ED, unprotected={2: [1]}), REFUSED),
        (sign1(ED, header={1: -8, 4: b"k"}, unprotected={4: b"k"}), REFUSED),
        (sign1(ED, header={1: -8, 2: [77], 77: 1}), REFUSED),
        (sign1(ED, header={1: -8, 2: [3]}), REFUSED),
        (sign1(ED, header={1: -8, 2: []}), REFUSED),
        (sign1(ED, header={1: 5}), REFUSED),
        (sign1(ED, header={1: -65000}), OPEN),
        (sign1(ED, header={1: "EdDSA"}), OPEN),
        (sign1(EC, header={1: -8}), REFUSED),
        (sign1(EC, signature=bytes(64)), REFUSED),
        (sign1(EC, signature=b"\x30\x06\x02\x01\x01\x02\x01\x01"), REFUSED),
        (sign1(EC384, header={1: -9}), REFUSED),
        (sign1(ED) + b"\0", REFUSED),
        (b"", REFUSED),
        (b"\xd2\x84", REFUSED),
        (b"\x81" * 5000, REFUSED),
        (b"\x9b" + b"\xff" * 8, REFUSED),
        (b"\x5b" + b"\xff" * 8, REFUSED),
        (b"\x9f\xff", OPEN),
        (b"\xd2\x84\x58\x06\xa2\x01\x27\x01\x27\x00\xa0\xf6\x40", REFUSED),
        (bytes(coses.tagged(98, [b"", {}, None, []])), REFUSED),
        (bytes(coses.tagged(18, [b"", {}, 1, b""])), REFUSED),
        (bytes(coses.tagged(18, [{}, {}, None, b""])), REFUSED),
        (sign_many(ED, body={2: [9], 9: 1}), REFUSED),
    ],
)
def test_refused(member, wanted):
    results = beside(member, ED, EC, EC384)
    assert axes(results) == wanted, results
    assert not any(one.covered for one in results)


@pytest.mark.parametrize("private", [EC, EC384, RSA, ED])
@pytest.mark.parametrize("attached", [False, True])
@pytest.mark.parametrize("tag", [18, None])
def test_one_signature(private, attached, tag):
    member = sign1(private, attached=attached, tag=tag)
    (result,) = beside(member, keys.ed_key(4), private)
    assert accepted((result,)), result.reason
    assert result.covered == ((0, len(CONTENT)),)
    assert axes(beside(member, private, usable=False)) == [("pass", "fail")]
    assert axes(beside(member)) == OPEN
    assert axes(beside(member, private, content=CONTENT[:-1])) == REFUSED
    assert axes(beside(member, private, algorithms=("rsa-pkcs1v15:sha512",))) == REFUSED


def test_headers_that_say_nothing_are_empty_in_what_is_signed():
    unsaid = bytes(coses.tagged(98, [Raw(b"\x41\xa0"), {}, None, _parts()]))
    assert accepted(beside(unsaid, ED))


def _parts():
    own = bytes(coses.cbor({1: -8}))
    return [[own, {}, ED.sign(coses.cbor(["Signature", b"", own, b"", CONTENT]))]]


def test_several_signers_are_several_keys():
    results = beside(sign_many(ED, EC, ED, RSA), ED, EC)
    assert sorted(one.key_id for one in results) == ["key-0", "key-1"]
    assert all("1 other signatures" in one.reason for one in results)


def test_hss_lms(tmp_path):
    header = {1: -46}
    signed = coses.cbor(["Signature1", bytes(coses.cbor(header)), b"", CONTENT])
    signature = b"\0\0\0\0" + lms_keys.sign("root", 3, signed)
    member = sign1(ED, header=header, signature=signature)
    from fwverify.verify.keys import read_keys
    from fwverify.verify.scheme import TrustedKey

    (key,) = read_keys(lms_keys.KEY, "k.lms")
    known = (TrustedKey("lms", key.spki, ("release",), True),)
    seen = shown(CONTENT, detached=(("fw.cose", member),))
    (result,) = run(COSE_DETACHED, seen, trust(ED).__class__(at=trust().at, keys=known))
    assert accepted((result,)), result.reason
    assert result.algorithm == "hss-lms"


# --- CBOR ------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers(-9, 9) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


def plain(item, data):
    if item.kind == "array":
        return [plain(one, data) for one in item.items]
    if item.kind == "map":
        return {key: plain(one, data) for key, one in item.pairs}
    values = {"int": item.number, "bool": bool(item.number), "text": item.text, "null": None}
    return item.octets(data) if item.kind == "bytes" else values[item.kind]


@given(VALUES)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_cbor_round_trip(value):
    data = bytes(coses.cbor(value))
    item = cbor.read(data)
    assert plain(item, data) == value
    assert (item.at, item.end) == (0, len(data)) or item.kind in ("int", "bool", "null")
    library = pytest.importorskip("cbor2", reason="ORACLE NOT RUN: cbor2")
    assert library.loads(data) == value


@given(st.binary(max_size=40))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_cbor_never_raises_anything_else(data):
    with contextlib.suppress(Malformed, Unread):
        cbor.read(data)


@pytest.mark.parametrize("data", [b"\xa2\x01\x27\x01\x26", b"\xa2\x18\x01\x27\x01\x26"])
def test_a_key_stands_once_however_it_is_written(data):
    with pytest.raises(Malformed, match="twice"):
        cbor.read(data)


def test_a_bomb_costs_nothing():
    for bomb in (b"\x9a\x00\xff\xff\xff", b"\x84" * 100, b"\x98\xff" + b"\x80" * 255 * 300):
        with pytest.raises(Malformed):
            cbor.read(bomb)


def test_cwt_agrees():
    cwt = pytest.importorskip("cwt", reason="ORACLE NOT RUN: cwt")
    key = cwt.COSEKey.from_pem(keys.private_pem(EC), alg="ES256", kid="k")
    public = cwt.COSEKey.from_pem(keys.pem(EC), alg="ES256", kid="k")
    made = cwt.COSE.new(alg_auto_inclusion=True).encode(CONTENT, key)
    assert accepted(beside(made, EC))
    cose = cwt.COSE.new()
    assert cose.decode(sign1(EC, attached=True), public) == CONTENT
    for bad in (sign1(EC, payload=b"other"), sign1(EC, context="Signature", attached=True)):
        assert not accepted(beside(bad, EC))
        with pytest.raises(cwt.VerifyError):
            cose.decode(bad, public)


@pytest.mark.parametrize(("name", "check"), [one for one in fuzz.FUZZ if "cose" in one[0]])
def test_mutants(name, check):
    check(200)

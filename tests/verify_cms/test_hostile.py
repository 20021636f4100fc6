"""Certificates, lists and tokens with garbage in them, signed by whoever must sign them.

Bit flips alone end at the signature; here each altered body is signed again, so that
what is fuzzed is the reading of fields and the path building behind the signature.
"""

from __future__ import annotations

import functools

from asn1crypto import crl as asn1_crl
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify import der
from fwverify.reader import Malformed
from fwverify.verify import cms
from fwverify.verify.chain import Anchors, check_chain
from fwverify.verify.revocation import Times
from tests.builders import pki
from tests.verify_cms.helpers import axes, check

EDITS = st.lists(st.tuples(st.integers(4), st.integers(0, 255)), min_size=1, max_size=4)
ANCHORS = Anchors((pki.root().cert,))
AXES = ("pass", "fail", "unverifiable")
HARD = settings(max_examples=150, derandomize=True, deadline=None)

EXTENSIONS = (
    pki.key_usage(0),
    pki.extended_key_usage(pki.CODE_SIGNING),
    pki.extension(
        "2.5.29.31",
        pki.seq(pki.seq(pki.tlv(0xA0, pki.tlv(0xA0, pki.tlv(0x86, b"http://x.example/crl"))))),
    ),
    pki.extension("2.5.29.17", pki.seq(pki.tlv(0x82, b"a.example"))),
    pki.extension("2.5.29.32", pki.seq(pki.seq(pki.oid("1.2.3.4")))),
    pki.extension("2.5.29.30", pki.seq(pki.tlv(0xA0, pki.seq(pki.tlv(0x82, b".example"))))),
)


@functools.cache
def leaf():
    return pki.issue("Leaf", pki.key("p256", 500), pki.intermediate(), extensions=EXTENSIONS)


@functools.cache
def middle():
    return pki.issue("Middle", pki.key("p256", 501), pki.root(), ca=True, extensions=EXTENSIONS[2:])


@functools.cache
def below_middle():
    return pki.issue("Below", pki.key("p256", 502), middle())


def signed_again(encoded, issuer, edits):
    body = der.children(encoded, der.element(encoded, 0, len(encoded)))[0]
    altered = bytearray(encoded[body.at : body.end])
    for position, value in edits:
        altered[position % len(altered)] = value
    signature = pki.sign(issuer.private, "sha256", bytes(altered))
    algorithm = pki.algorithm_id(issuer.private, "sha256")
    return pki.seq(bytes(altered), algorithm, pki.bits(signature))


@HARD
@given(EDITS)
def test_leaves(edits):
    encoded = signed_again(leaf().der, pki.intermediate(), edits)
    try:
        certificate = cms.read_certificate(encoded)
    except Malformed:
        return
    chain = check_chain(certificate, (pki.intermediate().cert,), ANCHORS, Times(pki.AT))
    assert chain.axis in AXES
    assert chain.reason


@HARD
@given(EDITS)
def test_intermediates(edits):
    encoded = signed_again(middle().der, pki.root(), edits)
    try:
        certificate = cms.read_certificate(encoded)
    except Malformed:
        return
    chain = check_chain(below_middle().cert, (certificate,), ANCHORS, Times(pki.AT))
    assert chain.axis in AXES
    assert chain.axis != "pass" or certificate.ca


@HARD
@given(EDITS)
def test_lists(edits):
    narrow = pki.extension("2.5.29.28", pki.seq(pki.tlv(0x81, b"\xff")), critical=True)
    base = pki.crl(
        pki.intermediate(),
        ((pki.signer().cert.serial_number, pki.FROM, 1, pki.FROM),),
        extensions=(narrow, pki.extension("2.5.29.20", pki.integer(5))),
    )
    altered = asn1_crl.CertificateList.load(signed_again(base.dump(), pki.intermediate(), edits))
    anchors = Anchors((pki.root().cert,), (), (altered, pki.crl(pki.root())), require_crl=True)
    others = (pki.intermediate().cert,)
    chain = check_chain(pki.signer().cert, others, anchors, Times(pki.AT))
    assert chain.axis in AXES


@HARD
@given(EDITS)
def test_messages_with_edits_of_whole_bytes(edits):
    altered = bytearray(_message())
    for position, value in edits:
        altered[position % len(altered)] = value
    for result in check(bytes(altered), b"content"):
        if axes(result) == ("pass", "pass"):
            assert result.chain[0] == pki.signer().der


@functools.cache
def _message():
    stamp = pki.stamped_with(pki.AT)
    return pki.message(b"content", unsigned=stamp)

"""The message itself: everything that can be wrong in it, trust aside."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.reader import Malformed
from fwverify.verify import cms
from tests.builders import pki
from tests.verify_cms.helpers import CONTENT, accepted, axes, check, one

DIGEST = pki.message_digest_attribute(pki.digest_of("sha256", CONTENT))
TYPE = pki.content_type_attribute()


@pytest.mark.parametrize(
    ("kind", "digest", "salt"),
    [
        ("p256", "sha256", None),
        ("p384", "sha384", None),
        ("rsa2048", "sha256", None),
        ("rsa2048", "sha512", 64),
        ("ed25519", "sha512", None),
        ("ed448", "sha512", None),
        ("mldsa65", "sha512", None),
    ],
)
@pytest.mark.parametrize("signed", ["usual", None])
@pytest.mark.parametrize("by_key_id", [False, True])
def test_accepts(kind, digest, salt, signed, by_key_id):
    message = pki.message(
        CONTENT,
        pki.signer("Release " + kind, kind),
        digest=digest,
        pss_salt=salt,
        signed=signed,
        by_key_id=by_key_id,
    )
    result = one(message)
    assert axes(result) == ("pass", "pass"), result.reason
    assert result.covered == ((0, len(CONTENT)),)
    assert result.spki == pki.spki(pki.signer("Release " + kind, kind).private)
    assert (result.digest, len(result.chain)) == (digest, 3)
    assert axes(one(message, CONTENT + b"\0"))[0] == "fail"
    assert axes(one(message, CONTENT[:-1]))[0] == "fail"


def test_content_and_offset_of_an_attached_message():
    message = pki.message(CONTENT, attached=True)
    data = cms.parse_signed_data(message)
    assert data.content == CONTENT
    assert message[data.content_at : data.content_at + len(CONTENT)] == CONTENT
    assert cms.is_signed_data(message[:20])
    assert not cms.is_signed_data(CONTENT[:20])


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.integers(min_value=0), st.integers(0, 7))
def test_a_flipped_bit_of_the_message_is_never_better(position, bit):
    """Bits that nothing signs may flip, but what is shown must stay the same signer."""
    whole = _lean()
    message = bytearray(whole)
    message[position % len(whole)] ^= 1 << bit
    results = check(bytes(message), code_roots=(pki.intermediate().cert,))
    assert results
    for result in results:
        if axes(result) == ("pass", "pass"):
            assert result.spki == pki.spki(pki.signer().private)
            assert result.chain[0] == pki.signer().der


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(min_value=0), st.integers(0, 7))
def test_a_flipped_bit_of_the_content_is_refused(position, bit):
    content = bytearray(CONTENT)
    content[position % len(content)] ^= 1 << bit
    result = one(_fixed(), bytes(content))
    assert (result.authentic, result.covered) == ("fail", ())


@functools.cache
def _fixed() -> bytes:
    return pki.message(CONTENT)


@functools.cache
def _lean() -> bytes:
    return pki.message(CONTENT, certificates=(pki.signer(),))


def test_every_truncation_is_malformed():
    message = _fixed()
    for size in range(0, len(message), 3):
        with pytest.raises(Malformed):
            cms.parse_signed_data(message[:size])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.binary(max_size=200))
def test_garbage_is_malformed(data):
    for candidate in (data, pki.seq(pki.oid("1.2.840.113549.1.7.2"), pki.tlv(0xA0, data))):
        with pytest.raises(Malformed):
            cms.parse_signed_data(candidate)


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 16, b"\x30\x00"])
def test_trailing_bytes(tail):
    with pytest.raises(Malformed, match="trailing"):
        cms.parse_signed_data(_fixed() + tail)


def test_indefinite_length_is_named():
    inner = _fixed()[4:]
    with pytest.raises(Malformed, match="indefinite length: this is BER"):
        cms.parse_signed_data(b"\x30\x80" + inner + b"\0\0")


def test_other_content_infos():
    for kind in ("1.2.840.113549.1.7.1", "1.2.840.113549.1.7.3"):
        with pytest.raises(Malformed):
            cms.parse_signed_data(pki.seq(pki.oid(kind), pki.tlv(0xA0, pki.octets(b"x"))))


def test_bomb_of_nested_sequences_inside_the_message():
    bomb = pki.NULL
    for _ in range(2000):
        bomb = pki.seq(bomb)
    info = pki.signer_info(pki.signer(), CONTENT, more=(pki.attribute("1.2.3.4", bomb),))
    with pytest.raises(Malformed, match=r"asn1\.depth"):
        cms.parse_signed_data(pki.signed_data((info,), (pki.signer(),)))


def test_counts_are_bounded():
    info = pki.signer_info(pki.signer(), CONTENT)
    with pytest.raises(Malformed, match="signerInfos"):
        cms.parse_signed_data(pki.signed_data((info,) * (cms.MAX_SIGNERS + 1), (pki.signer(),)))
    with pytest.raises(Malformed, match="certificates"):
        cms.parse_signed_data(
            pki.signed_data((info,), (pki.signer(),) * (cms.MAX_CERTIFICATES + 1))
        )


def test_a_message_without_signer_fails():
    result = one(pki.signed_data((), (pki.signer(),)))
    assert axes(result) == ("fail", "fail")
    assert "no signer" in result.reason


# --- signed attributes ---------------------------------------------------------------


def order_reversed(parts):
    return b"".join(sorted(parts, reverse=True))


@pytest.mark.parametrize(
    ("signed", "why"),
    [
        ((DIGEST,), "contentType"),
        ((TYPE,), "messageDigest"),
        ((TYPE, pki.message_digest_attribute(b"\0" * 32)), "does not match"),
        ((TYPE, pki.message_digest_attribute(pki.digest_of("sha1", CONTENT))), "does not match"),
        ((TYPE, pki.message_digest_attribute(b"")), "does not match"),
        ((pki.content_type_attribute("1.2.3.4"), DIGEST), "contentType"),
        ((TYPE, DIGEST, DIGEST), "twice"),
        ((TYPE, TYPE, DIGEST), "twice"),
        ((TYPE, pki.attribute("1.2.840.113549.1.9.4")), "messageDigest"),
        (
            (
                TYPE,
                pki.attribute(
                    "1.2.840.113549.1.9.4",
                    pki.octets(pki.digest_of("sha256", CONTENT)),
                    pki.octets(b"\0" * 32),
                ),
            ),
            "messageDigest",
        ),
        ((TYPE, DIGEST, pki.seq(pki.oid("1.2.3"))), "set of attributes"),
        ((TYPE, DIGEST, pki.NULL), ""),
    ],
)
def test_signed_attributes_must_bind_the_content(signed, why):
    """The signature over each of these attribute sets is right; they do not bind."""
    result = one(pki.message(CONTENT, signed=signed))
    assert result.authentic == "fail"
    assert why in result.reason


def test_signed_attributes_out_of_order_are_refused():
    result = one(pki.message(CONTENT, signed=(TYPE, DIGEST), order=order_reversed))
    assert result.authentic == "fail"
    assert "DER order" in result.reason


def test_without_signed_attributes_the_content_is_id_data():
    info = pki.signer_info(pki.signer(), CONTENT, signed=None)
    message = pki.signed_data((info,), (pki.signer(),), content_type="1.2.3.4")
    result = one(message)
    assert result.authentic == "fail"
    assert "needs signed attributes" in result.reason


def test_signed_attributes_confusion():
    """The signature of one message is moved onto its own signed attributes as content."""
    attributes = pki.tlv(0x31, *sorted((TYPE, DIGEST)))
    signature = pki.sign(pki.signer().private, "sha256", attributes)
    info = pki.signer_info(pki.signer(), attributes, signed=None, signature=signature)
    result = one(pki.signed_data((info,), (pki.signer(), pki.intermediate())), attributes)
    assert result.authentic == "fail"
    assert "confusion" in result.reason
    near = pki.set_of(pki.NULL)  # a SET that is no set of attributes is only content
    assert axes(one(pki.message(near, signed=None), near)) == ("pass", "pass")


# --- algorithms ----------------------------------------------------------------------


def message_with(identity, *, digests=("sha256",), **options):
    info = pki.signer_info(identity, CONTENT, **options)
    return pki.signed_data((info,), (identity, pki.intermediate()), digests=digests)


@pytest.mark.parametrize(
    ("digests", "options", "why"),
    [
        (("sha1",), {}, "digestAlgorithms"),
        ((), {}, "digestAlgorithms"),
        (
            ("sha1", "sha256"),
            {"digest_algorithm": pki.digest_id("sha1")},
            "sha1, but the signature says sha256",
        ),
        (
            ("sha256",),
            {"algorithm": pki.seq(pki.oid("1.2.840.10045.4.3.4"))},
            "sha256, but the signature says sha512",
        ),
        (("sha256",), {"algorithm": pki.seq(pki.oid("1.2.840.113549.1.1.11"), pki.NULL)}, "RSA"),
        (
            ("sha256",),
            {"algorithm": pki.seq(pki.oid("1.2.840.10045.4.3.2"), pki.seq())},
            "takes none",
        ),
    ],
)
def test_algorithms_must_agree(digests, options, why):
    result = one(message_with(pki.signer(), digests=digests, **options))
    assert result.authentic == "fail"
    assert why in result.reason


@pytest.mark.parametrize(
    "algorithm", ["1.2.840.10040.4.3", "1.2.643.7.1.1.3.2", "2.16.840.1.101.3.4.3.20"]
)
def test_unknown_algorithms_are_unverifiable_by_name(algorithm):
    result = one(message_with(pki.signer(), algorithm=pki.seq(pki.oid(algorithm))))
    assert axes(result) == ("unverifiable", "unverifiable")
    assert algorithm in result.reason


def test_unknown_digest_is_unverifiable_by_name():
    whirlpool = pki.seq(pki.oid("1.0.10118.3.0.55"))
    info = pki.signer_info(pki.signer(), CONTENT, digest_algorithm=whirlpool)
    message = pki.signed_data((info,), (pki.signer(),))
    message = message.replace(pki.digest_id("sha256"), whirlpool, 1)
    result = one(message)
    assert result.authentic in ("unverifiable", "fail")
    assert not accepted((result,))


@pytest.mark.parametrize(
    ("algorithm", "why"),
    [
        (pki.pss_id("sha256", 20), "does not match"),
        (pki.pss_id("sha512", 32), "but the signature says sha512"),
        (pki.pss_id("sha256", 32, mask="sha1"), "maskGenAlgorithm"),
        (pki.pss_id("sha256", 32, trailer=2), ""),
        (pki.pss_id("sha256", 100_000), "absurd"),
        (pki.pss_id("sha256", -1), "absurd"),
        (pki.seq(pki.oid("1.2.840.113549.1.1.10")), "absent"),
        (pki.seq(pki.oid("1.2.840.113549.1.1.10"), pki.NULL), "RSASSAPSSParams"),
        (pki.seq(pki.oid("1.2.840.113549.1.1.10"), pki.seq()), "sha1"),
    ],
)
def test_pss_parameters_must_fit(algorithm, why):
    identity = pki.signer("Release rsa2048", "rsa2048")
    result = one(message_with(identity, pss_salt=32, algorithm=algorithm))
    assert result.authentic == "fail"
    assert why in result.reason


def test_ecdsa_zero_signature():
    zero = pki.seq(pki.integer(0), pki.integer(0))
    result = one(pki.message(CONTENT, signature=zero))
    assert result.authentic == "fail"
    assert "not positive" in result.reason


def protection(digest, algorithm):
    inner = algorithm[2:] if algorithm[0] == 0x30 else algorithm
    return pki.attribute(
        "1.2.840.113549.1.9.52", pki.seq(pki.digest_id(digest), pki.tlv(0xA1, inner))
    )


def test_algorithm_protection():
    ecdsa = pki.seq(pki.oid("1.2.840.10045.4.3.2"))
    good = pki.message(CONTENT, more=(protection("sha256", ecdsa),))
    assert axes(one(good)) == ("pass", "pass"), one(good).reason
    for wrong in (protection("sha1", ecdsa), protection("sha256", pki.seq(pki.oid("1.2.3")))):
        assert one(pki.message(CONTENT, more=(wrong,))).authentic == "fail"


# --- who signed ----------------------------------------------------------------------


def test_the_named_certificate_must_be_there_once():
    result = one(pki.message(CONTENT, certificates=(pki.intermediate(),)))
    assert axes(result) == ("unverifiable", "unverifiable")
    twin = pki.issue(
        "Twin", pki.key("p256", 77), pki.intermediate(), serial=pki.signer().cert.serial_number
    )
    result = one(pki.message(CONTENT, certificates=(pki.signer(), twin, pki.intermediate())))
    assert result.authentic == "fail"
    assert "names 2 certificates" in result.reason
    double = pki.message(CONTENT, certificates=(pki.signer(), pki.signer(), pki.intermediate()))
    assert axes(one(double)) == ("pass", "pass")


def test_another_certificate_with_the_same_name_does_not_serve():
    twin = pki.issue(
        "Twin", pki.key("p256", 77), pki.intermediate(), serial=pki.signer().cert.serial_number
    )
    result = one(pki.message(CONTENT, certificates=(twin, pki.intermediate())))
    assert result.authentic == "fail"


def test_a_pinned_certificate_need_not_be_in_the_message():
    message = pki.message(CONTENT, certificates=())
    assert axes(one(message)) == ("unverifiable", "unverifiable")
    pinned = one(message, pins=(pki.signer().cert,), code_roots=())
    assert axes(pinned) == ("pass", "pass")


@pytest.mark.parametrize("bad_first", [False, True])
def test_two_signers_of_whom_one_fails(bad_first):
    good = pki.signer_info(pki.signer(), CONTENT)
    bad = pki.signer_info(pki.signer("Release 2"), CONTENT + b"other")
    infos = (bad, good) if bad_first else (good, bad)
    results = check(
        pki.signed_data(infos, (pki.signer(), pki.signer("Release 2"), pki.intermediate()))
    )
    assert [result.authentic for result in results] == ["fail", "fail"]
    assert all(result.covered == () for result in results)
    number = 1 if bad_first else 2
    assert sum(f"signer {number} of 2 does not verify" in r.reason for r in results) == 1


def test_two_signers_of_whom_one_is_unverifiable():
    good = pki.signer_info(pki.signer(), CONTENT)
    odd = pki.signer_info(pki.signer("Release 2"), CONTENT, algorithm=pki.seq(pki.oid("1.2.3")))
    results = check(
        pki.signed_data((good, odd), (pki.signer(), pki.signer("Release 2"), pki.intermediate()))
    )
    assert [axes(r) for r in results] == [("unverifiable", "unverifiable")] * 2


def test_two_good_signers_are_two_results():
    infos = tuple(pki.signer_info(pki.signer(n), CONTENT) for n in ("Release 1", "Release 2"))
    bag = (pki.signer(), pki.signer("Release 2"), pki.intermediate())
    results = check(pki.signed_data(infos, bag))
    assert [axes(r) for r in results] == [("pass", "pass")] * 2
    assert results[0].spki != results[1].spki


# --- what nobody signed --------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 300_000])
def test_unsigned_attributes_are_weaknesses(size):
    hidden = pki.attribute("1.3.6.1.4.1.99999.1", pki.octets(b"x" * size))
    result = one(pki.message(CONTENT, unsigned=lambda _: (hidden,)))
    assert result.authentic == "pass"
    assert any("1.3.6.1.4.1.99999.1" in weakness for weakness in result.weak)


def test_crls_of_the_message_are_named_and_ignored():
    revoking = pki.crl(pki.intermediate(), ((pki.signer().cert.serial_number, pki.FROM, 1, None),))
    info = pki.signer_info(pki.signer(), CONTENT)
    bag = (pki.signer(), pki.intermediate())
    result = one(pki.signed_data((info,), bag, crls=(revoking.dump(),)))
    assert axes(result) == ("pass", "pass")
    assert "CRL in the message" in result.reason


def test_a_certificate_with_a_doubled_extension_is_refused():
    twice = pki.extended_key_usage(pki.CODE_SIGNING)
    identity = pki.issue("Odd", pki.key("p256", 5), pki.intermediate(), extensions=(twice, twice))
    result = one(pki.message(CONTENT, identity))
    assert result.authentic == "fail"
    assert "same extension twice" in result.reason

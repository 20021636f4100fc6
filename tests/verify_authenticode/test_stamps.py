"""Time stamps of Authenticode signatures: RFC 3161 and PKCS #9 countersignatures."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.builders import pki
from tests.verify_authenticode import builder
from tests.verify_authenticode.helpers import axes, pe

BEFORE = datetime(2024, 6, 1, tzinfo=UTC)
EXPIRED = datetime(2025, 1, 1, tzinfo=UTC)
AFTER = datetime(2025, 6, 1, tzinfo=UTC)
LIFETIME = "1.3.6.1.4.1.311.10.3.13"
STAMPING = (pki.key_usage(0), pki.extended_key_usage(pki.TIME_STAMPING))


def old(name="Old 1", **options):
    options.setdefault("extensions", (pki.key_usage(0), pki.extended_key_usage(pki.CODE_SIGNING)))
    key = pki.key("p256", pki.hash_number(name))
    return pki.issue(name, key, pki.intermediate(), until=EXPIRED, **options)


def authority(name="Counter", **options):
    options.setdefault("extensions", STAMPING)
    key = pki.key("p256", pki.hash_number(name))
    return pki.issue(name, key, pki.root("Time Root"), **options)


def signed(unsigned=None, *more, identity=None, **options):
    identity = identity or old()
    bag = (identity, pki.intermediate(), *more)
    content = builder.signed_pe(identity=identity, certificates=bag, unsigned=unsigned, **options)
    (result,) = pe(content)
    return result


def counter(time=BEFORE, identity=None, **options):
    identity = identity or authority()
    return signed(builder.countersigned(time, identity, **options), identity)


def test_expired_without_a_stamp():
    assert axes(signed()) == ("pass", "fail")


@pytest.mark.parametrize("oid", [builder.STAMP, pki.TOKEN])
def test_a_token_proves_that_the_certificate_was_valid(oid):
    result = signed(builder.stamped(BEFORE, oid=oid))
    assert (axes(result), result.stamped_at) == (("pass", "pass"), BEFORE), result.reason
    assert result.weak == ()


def test_a_countersignature_proves_it_too():
    result = counter()
    assert (axes(result), result.stamped_at) == (("pass", "pass"), BEFORE), result.reason
    assert result.weak == ()


def test_stamped_while_the_certificate_still_holds():
    result = signed(builder.stamped(BEFORE), identity=pki.signer())
    assert (axes(result), result.stamped_at) == (("pass", "pass"), BEFORE)
    alone = signed(identity=pki.signer())
    assert (axes(alone), alone.stamped_at) == (("pass", "pass"), None)


@pytest.mark.parametrize("time", [AFTER, datetime(2027, 1, 1, tzinfo=UTC)])
def test_stamped_too_late(time):
    for result in (signed(builder.stamped(time)), counter(time)):
        assert (axes(result), result.stamped_at) == (("pass", "fail"), None)


def test_a_stamp_that_is_broken_is_a_weakness_even_where_it_is_not_needed():
    tokens = {
        "of another signature": builder.stamped(BEFORE, imprint=b"\0" * 32),
        "not a token": lambda _: (pki.attribute(builder.STAMP, pki.seq()),),
        "another counter": builder.countersigned(BEFORE, authority(), over=b"other"),
        "no counter": lambda _: (pki.attribute(builder.COUNTER, pki.seq()),),
        "not DER": lambda _: (pki.attribute(builder.COUNTER, pki.octets(b"x")),),
    }
    for name, unsigned in tokens.items():
        for identity, trusted in ((old(), "fail"), (pki.signer(), "pass")):
            result = signed(unsigned, authority(), identity=identity)
            assert result.weak, name
            assert result.stamped_at is None
            assert axes(result) == ("pass", trusted), name


def test_a_countersignature_without_what_it_needs():
    digest = pki.message_digest_attribute
    when = pki.attribute(builder.SIGNING_TIME, pki.when(BEFORE))

    def bare(*attributes):
        def unsigned(value):
            signs = tuple(one(value) if callable(one) else one for one in attributes)
            info = pki.signer_info(authority(), value, signed=signs)
            return (pki.attribute(builder.COUNTER, info),)

        return unsigned

    def hashed(value):
        return digest(pki.digest_of("sha256", value))

    assert axes(signed(bare(hashed, when), authority())) == ("pass", "pass")
    for parts in (
        (when,),
        (hashed,),
        (hashed, digest(b"\0" * 32), when),
        (digest(b"\0" * 32), when),
    ):
        result = signed(bare(*parts), authority())
        assert axes(result) == ("pass", "fail")
        assert result.weak


def test_who_may_not_countersign():
    code = (pki.key_usage(0), pki.extended_key_usage(pki.CODE_SIGNING))
    for identity in (
        authority("For code", extensions=code),
        authority("No purpose", extensions=()),
        pki.issue("Code root", pki.key("p256", 90), pki.root(), extensions=STAMPING),
        authority("Gone", until=datetime(2023, 1, 1, tzinfo=UTC)),
        pki.stamper("By itself", extensions=(*code,)),
    ):
        result = counter(identity=identity)
        assert (axes(result), result.stamped_at) == (("pass", "fail"), None), result.reason


def test_a_countersigner_that_is_not_in_the_message():
    assert axes(signed(builder.countersigned(BEFORE, authority()))) == ("pass", "fail")


def test_a_weak_countersignature_is_named():
    result = counter(digest="sha1")
    assert axes(result) == ("pass", "pass")
    assert any("sha1" in one for one in result.weak)


@pytest.mark.parametrize("name", ["token", "counter"])
def test_lifetime_signing_ends_with_the_certificate(name):
    usage = (pki.key_usage(0), pki.extended_key_usage(pki.CODE_SIGNING, LIFETIME))
    identity = old("Lifetime", extensions=usage)
    stamps = {
        "token": builder.stamped(BEFORE),
        "counter": builder.countersigned(BEFORE, authority()),
    }
    result = signed(stamps[name], authority(), identity=identity)
    assert (axes(result), result.stamped_at) == (("pass", "fail"), None)


def test_a_token_that_names_issuer_and_serial_number():
    """ESSCertIDv2 with IssuerSerial, as Microsoft's and DigiCert's authorities write it."""
    import hashlib

    def token(value, serial=None):
        tsa = pki.stamper()
        number = tsa.cert.serial_number if serial is None else serial
        issuer = pki.seq(pki.seq(pki.tlv(0xA4, tsa.cert.issuer.dump())), pki.integer(number))
        ess = pki.seq(pki.seq(pki.seq(pki.octets(hashlib.sha256(tsa.der).digest()), issuer)))
        more = (pki.attribute("1.2.840.113549.1.9.16.2.47", ess),)
        info = pki.seq(
            pki.integer(1),
            pki.oid("1.3.6.1.4.1.4146.2.3"),
            pki.seq(pki.digest_id("sha256"), pki.octets(pki.digest_of("sha256", value))),
            pki.integer(7),
            pki.generalized(BEFORE),
        )
        signer = pki.signer_info(tsa, info, content_type=pki.ID_TST_INFO, more=more)
        return pki.signed_data((signer,), (tsa,), content=info, content_type=pki.ID_TST_INFO)

    good = signed(lambda value: (pki.attribute(builder.STAMP, token(value)),))
    assert (axes(good), good.weak) == (("pass", "pass"), ())
    other = signed(lambda value: (pki.attribute(builder.STAMP, token(value, 5)),))
    assert axes(other) == ("pass", "fail")
    assert other.weak

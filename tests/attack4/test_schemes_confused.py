"""One scheme's bytes taken for another's, one purpose's certificate for another's."""

from __future__ import annotations

import dataclasses

import pytest

from fwverify.verify.detached_cms import CMS_DETACHED
from fwverify.verify.jws import JWS_DETACHED
from fwverify.verify.raw import DETACHED_RAW
from fwverify.verify.schemes import DETACHED, EMBEDDED
from tests.builders import keys, pki
from tests.verify_boot import build as made
from tests.verify_cms import helpers
from tests.verify_cms.helpers import CONTENT
from tests.verify_statements import dsses
from tests.verify_statements import helpers as statements

ED, RSA = keys.ed_key(), keys.rsa_key()


@pytest.mark.parametrize("case", made.cases(), ids=lambda one: one.name)
def test_an_image_holds_under_its_own_scheme_alone(case):
    view = case.view()
    trust = made.material(case.key)
    accepted = {
        scheme.name
        for scheme in EMBEDDED
        if scheme.applies(view) and made.accepted(scheme.verify(view, trust))
    }
    assert accepted == {case.scheme.name}


MEMBERS = {
    "raw": keys.sign_rsa(RSA, CONTENT),
    "raw-ed": ED.sign(CONTENT),
    "minisign": keys.minisign(ED, CONTENT),
    "signify": keys.signify(ED, CONTENT),
    "dsse": dsses.envelope(ED, payload=dsses.statement(CONTENT)),
    "cms": pki.message(CONTENT),
}
NAMES = (".sig", ".p7s", ".asc", ".minisig", ".jcat", ".cat", ".jws", ".cose", ".suit", ".att")


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("suffix", NAMES)
def test_a_member_is_read_by_one_scheme_and_holds_over_its_file_alone(name, suffix):
    trust = dataclasses.replace(helpers.material(), keys=made.material(RSA, ED).keys)
    for data in (CONTENT, CONTENT + b"\0"):
        view = statements.shown(data, name="u", detached=((f"u{suffix}", MEMBERS[name]),))
        held = [
            scheme.name
            for scheme in DETACHED
            if scheme.applies(view) and made.accepted(scheme.verify(view, trust))
        ]
        assert len(held) <= (data == CONTENT), held


def test_signed_attributes_are_no_content():
    """RFC 5652, 11: the DER of the attributes, handed in as a file with the same signature."""
    inside = b"".join(
        sorted(
            (
                pki.content_type_attribute(),
                pki.message_digest_attribute(pki.digest_of("sha256", CONTENT)),
            )
        )
    )
    file = pki.tlv(0x31, inside)
    signature = pki.sign(pki.signer().private, "sha256", file)
    info = pki.signer_info(pki.signer(), file, signed=None, signature=signature)
    message = pki.signed_data((info,), (pki.signer(), pki.intermediate()))
    assert not helpers.accepted(helpers.check(message, file))


def test_a_raw_signature_over_signed_attributes_is_none_over_the_file():
    attributes = pki.content_type_attribute() + pki.message_digest_attribute(
        pki.digest_of("sha256", CONTENT)
    )
    value = keys.sign_rsa(RSA, pki.tlv(0x31, attributes))
    view = helpers.view(CONTENT, detached=(("update.bin.sig", value),))
    assert not helpers.accepted(DETACHED_RAW.verify(view, made.material(RSA)))


PURPOSES = {
    "tls": (pki.key_usage(0), pki.extended_key_usage(pki.TLS_SERVER)),
    "time": (pki.key_usage(0), pki.extended_key_usage(pki.TIME_STAMPING, critical=True)),
    "encryption": (pki.key_usage(2), pki.extended_key_usage(pki.CODE_SIGNING)),
    "issuing": (pki.key_usage(5), pki.extended_key_usage(pki.CODE_SIGNING)),
    "another": (pki.key_usage(0), pki.extended_key_usage("1.3.6.1.5.5.7.3.9")),
}


@pytest.mark.parametrize("name", PURPOSES)
def test_a_certificate_for_another_purpose_signs_no_code(name):
    one = pki.issue(
        f"For {name}", pki.key("p256", 700), pki.intermediate(), extensions=PURPOSES[name]
    )
    message = pki.message(CONTENT, one, certificates=(one, pki.intermediate()))
    view = helpers.view(CONTENT, detached=(("update.bin.p7s", message),))
    assert not helpers.accepted(CMS_DETACHED.verify(view, helpers.material()))


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "NONE"}, {}])
def test_a_token_that_signs_nothing(header):
    import base64
    import hmac
    import json

    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=")
    body = base64.urlsafe_b64encode(CONTENT).rstrip(b"=")
    mac = hmac.digest(keys.pem(RSA), head + b"." + body, "sha256")
    for value in (b"", mac):
        token = head + b".." + base64.urlsafe_b64encode(value).rstrip(b"=")
        view = helpers.view(CONTENT, detached=(("update.bin.jws", token),))
        assert not helpers.accepted(JWS_DETACHED.verify(view, made.material(RSA)))


def test_what_these_tests_would_accept_is_accepted():
    for name, scheme in (("raw", DETACHED_RAW), ("cms", CMS_DETACHED)):
        suffix = ".p7s" if name == "cms" else ".sig"
        view = helpers.view(CONTENT, detached=((f"update.bin{suffix}", MEMBERS[name]),))
        trust = dataclasses.replace(helpers.material(), keys=made.material(RSA).keys)
        assert helpers.accepted(scheme.verify(view, trust))

"""Signatures beside a file and around it."""

from __future__ import annotations

import pytest
from asn1crypto import pem as asn1_pem
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify import der
from fwverify.verify.detached_cms import CMS_ATTACHED, CMS_DETACHED
from tests.builders import pki
from tests.verify_cms.helpers import CONTENT, accepted, axes, material, view

MESSAGE = pki.message(CONTENT)


def beside(*members, content=CONTENT):
    seen = view(content, detached=members)
    assert CMS_DETACHED.applies(seen)
    return CMS_DETACHED.verify(seen, material())


def around(message):
    seen = view(message)
    assert CMS_ATTACHED.applies(seen)
    return CMS_ATTACHED.verify(seen, material())


@pytest.mark.parametrize("label", ["PKCS7", "CMS", None])
def test_detached(label):
    member = MESSAGE if label is None else asn1_pem.armor(label, MESSAGE)
    (result,) = beside(("update.bin.p7s", member))
    assert axes(result) == ("pass", "pass"), result.reason
    assert (result.covered, result.container) == (((0, len(CONTENT)),), ())
    assert "update.bin.p7s" in result.reason


def test_detached_that_carries_the_same_content_or_another():
    (same,) = beside(("a.p7m", pki.message(CONTENT, attached=True)))
    assert axes(same) == ("pass", "pass")
    for other in (CONTENT + b"\0", CONTENT[:-1], b""):
        (result,) = beside(("a.p7m", pki.message(other, attached=True)))
        assert axes(result) == ("fail", "fail")
        assert "not this file" in result.reason


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"garbage",
        MESSAGE[:-1],
        MESSAGE + b"\n",
        asn1_pem.armor("CERTIFICATE", MESSAGE),
        asn1_pem.armor("CMS", MESSAGE)[:-30],
        asn1_pem.armor("CMS", MESSAGE) * 2,
        b"-----BEGIN CMS-----\n!!!\n-----END CMS-----\n",
        b"-----BEGIN CMS-----\n-----END CMS-----\n",
        b"\xef\xbb\xbf" + asn1_pem.armor("CMS", MESSAGE),
    ],
)
def test_members_that_are_no_message(member):
    (result,) = beside(("update.bin.p7s", member))
    assert axes(result) == ("fail", "fail")


def test_every_member_is_judged():
    results = beside(("a.p7s", MESSAGE), ("b.p7s", pki.message(b"other")), ("c.txt", b"text"))
    assert [axes(r) for r in results] == [("pass", "pass"), ("fail", "fail")]


def test_detached_applies_to_cms_only():
    for members in ((), (("a.sig", b"raw signature"),), (("a.asc", b"-----BEGIN PGP"),)):
        assert not CMS_DETACHED.applies(view(CONTENT, detached=members))


def test_an_empty_file_is_signed_as_such():
    (result,) = beside(("a.p7s", pki.message(b"")), content=b"")
    assert (axes(result), result.covered) == (("pass", "pass"), ())


def test_attached():
    message = pki.message(CONTENT, attached=True)
    (result,) = around(message)
    assert axes(result) == ("pass", "pass"), result.reason
    ((start, end),) = result.covered
    assert message[start:end] == CONTENT
    assert result.container == ((0, start), (end, len(message)))


def test_attached_broken():
    message = pki.message(CONTENT, attached=True)
    for broken in (message + b"\0", message[:-1], message[: len(message) // 2]):
        (result,) = around(broken)
        assert axes(result) == ("fail", "fail")


def test_a_bare_signature_signs_another_file():
    assert not CMS_ATTACHED.applies(view(MESSAGE))
    assert not CMS_ATTACHED.applies(view(CONTENT))


def test_a_message_above_the_bound_is_unverifiable(monkeypatch):
    monkeypatch.setattr(der, "MAX_BYTES", 1000)
    (result,) = around(pki.message(CONTENT, attached=True))
    assert axes(result) == ("unverifiable", "unverifiable")


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(min_value=0), st.integers(0, 7))
def test_no_covered_bit_may_flip(position, bit):
    message = bytearray(ATTACHED)
    start, end = SPAN
    message[start + position % (end - start)] ^= 1 << bit
    results = around(bytes(message))
    assert not accepted(results)
    assert all(result.covered == () for result in results)


ATTACHED = pki.message(CONTENT, attached=True)
(SPAN,) = around(ATTACHED)[0].covered


@pytest.mark.parametrize("put", [b"%s\nrm -rf /\n", b"%s#", b"%s\n\x7fELF"])
def test_text_around_pem_is_refused(put):
    member = asn1_pem.armor("CMS", MESSAGE)
    assert axes(beside(("a.p7s", b"\n" + member + b"\n"))[0]) == ("pass", "pass")
    (result,) = beside(("a.p7s", put % member))
    assert axes(result) == ("fail", "fail"), result.reason


def test_headers_in_pem_are_refused():
    member = asn1_pem.armor("CMS", MESSAGE, headers={"Comment": "run me"})
    (result,) = beside(("a.p7s", member))
    assert axes(result) == ("fail", "fail") and "nobody signed" in result.reason

"""A revoked key bars whatever leans on it, not only its own entry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fwverify.verify.judge import _barred
from fwverify.verify.keys import secret_of
from fwverify.verify.rules import Barred, Rule
from fwverify.verify.scheme import Signed
from tests.builders import pki

SINCE = datetime(2026, 6, 1, tzinfo=UTC)
ROOT, ISSUER, LEAF = pki.root(), pki.intermediate(), pki.signer()
CHAIN = (LEAF.der, ISSUER.der, ROOT.der)


def rule(private) -> Rule:
    one = Barred("leaked", secret_of(pki.spki(private)), SINCE)
    return Rule("v/r", keys=(), roots=(), thresholds=(), barred=(one,))


def signed(**changes) -> Signed:
    fields = {"path": "f", "scheme": "s", "authentic": "pass", "trusted": "pass", "reason": ""}
    return Signed(**(fields | changes))


@pytest.mark.parametrize("link", [ROOT, ISSUER, LEAF])
def test_a_chain_through_a_revoked_key_is_barred(link):
    found = _barred(signed(spki=pki.spki(LEAF.private), chain=CHAIN), rule(link.private))
    assert found == "the key leaked was revoked on 2026-06-01"


def test_what_does_not_lean_on_it_is_not_barred():
    assert _barred(signed(chain=CHAIN), rule(pki.key("p256", number=99))) == ""
    assert _barred(signed(chain=CHAIN), Rule("v/r", keys=(), roots=(), thresholds=())) == ""


def test_a_time_stamp_before_the_revocation_clears_a_chain():
    early, late = SINCE - timedelta(seconds=1), SINCE
    assert _barred(signed(chain=CHAIN, stamped_at=early), rule(LEAF.private)) == ""
    assert _barred(signed(chain=CHAIN, stamped_at=late), rule(LEAF.private))


def test_a_bare_key_proves_no_time():
    early = SINCE - timedelta(days=1)
    spki = pki.spki(LEAF.private)
    assert _barred(signed(spki=spki, stamped_at=early), rule(LEAF.private))
    assert _barred(signed(leans_on=(spki,), stamped_at=early), rule(LEAF.private))

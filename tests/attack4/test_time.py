"""Time stamps: by an authority that was revoked, of another signature, of the wrong kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fwverify.verify.keys import secret_of
from fwverify.verify.rules import Barred, RootEntry, Rule, Threshold
from tests.attack4.helpers import judged
from tests.builders import pki
from tests.verify_cms import helpers

SIGNED = datetime(2024, 6, 1, tzinfo=UTC)
LATER = datetime(2025, 6, 1, tzinfo=UTC)
GONE = pki.issue(
    "Gone", pki.key("p256", 501), pki.intermediate(), until=datetime(2025, 1, 1, tzinfo=UTC),
    extensions=(pki.key_usage(0), pki.extended_key_usage(pki.CODE_SIGNING)),
)  # fmt: skip
TSA = pki.stamper()


def rule(*barred: Barred, required: bool = True) -> Rule:
    return Rule(
        "acme/r",
        keys=(),
        roots=(
            RootEntry("ca", pki.root().cert, ("release",)),
            RootEntry("time", pki.authority().cert, (), "time"),
        ),
        thresholds=(Threshold("release", 1),),
        schemes=("cms",),
        timestamp_required=required,
        barred=barred,
    )


def revoked(identity, since=LATER) -> Barred:
    return Barred("authority", secret_of(pki.spki(identity.private)), since)


def shown(identity, under: Rule):
    """Return the judged signature of a message of ``identity`` with a stamp of 2024."""

    def stamp(value: bytes):
        return (pki.attribute(pki.TOKEN, pki.token(value, SIGNED)),)

    message = pki.message(
        helpers.CONTENT, identity, certificates=(identity, pki.intermediate()), unsigned=stamp
    )
    material = under.material(pki.AT)
    (one,) = helpers.check(message, **{name: getattr(material, name) for name in NAMES})
    return judged(one, replace(under, ad_hoc=True))


NAMES = ("code_roots", "time_roots", "crls", "barred")


@pytest.mark.parametrize("identity", [GONE, pki.signer()])
def test_a_stamp_holds_and_a_revoked_authority_stamps_nothing(identity):
    assert shown(identity, rule()).result.axes.trusted == "pass"
    found = shown(identity, rule(revoked(TSA)))
    assert found.result.axes.trusted == "fail", "whoever stole its key writes any date"
    assert "revoked" in found.result.reason or "demands" in found.result.reason


@pytest.mark.parametrize("since", [SIGNED.replace(year=2020), LATER])
def test_an_earlier_date_of_its_stamp_clears_no_authority(since):
    assert shown(GONE, rule(revoked(TSA, since))).result.axes.trusted == "fail"


def test_a_revoked_authority_of_time_harms_no_signature_that_needs_no_stamp():
    found = shown(pki.signer(), rule(revoked(TSA), required=False))
    assert found.result.axes.trusted == "pass"


def test_the_root_of_time_may_be_revoked_as_well():
    assert shown(GONE, rule(revoked(pki.authority()))).result.axes.trusted == "fail"


def test_a_stamp_by_the_code_authority_proves_no_time():
    code = replace(rule(), roots=(RootEntry("ca", pki.root().cert, ("release",)),))
    assert shown(GONE, code).result.axes.trusted == "fail"


def test_the_time_authority_signs_no_code():
    time = pki.issue(
        "Time code", pki.key("p256", 502), pki.authority(),
        extensions=(pki.key_usage(0), pki.extended_key_usage(pki.CODE_SIGNING)),
    )  # fmt: skip
    assert shown(time, rule()).result.axes.trusted != "pass"


def test_a_stamp_of_another_signature_is_a_weakness():
    def stamp(_: bytes):
        return (pki.attribute(pki.TOKEN, pki.token(b"another signature", SIGNED)),)

    message = pki.message(helpers.CONTENT, pki.signer(), unsigned=stamp)
    (one,) = helpers.check(message)
    assert any("stamps other bytes" in weak for weak in one.weak)
    assert one.stamped_at is None

"""A key that everybody has, or that was revoked, hidden behind a key of the rule.

The rule's key vouches for a second key, and that one signs the code: a chained partition of
AVB, a ucert, the certificate of a GBL file, the roles of TUF. Whoever has the second key
signs what he likes.
"""

from __future__ import annotations

import pytest

from fwverify.verify.avb import AVB
from fwverify.verify.fwtool import FWTOOL
from fwverify.verify.gbl import GBL
from fwverify.verify.tuf import TUF
from tests.attack4.helpers import bad, judged, rule
from tests.builders import keys
from tests.unpack_android import build as android
from tests.verify_boot import build as made
from tests.verify_tuf import build as tuf
from tests.verify_tuf.folder import run as run_folder

SECOND = keys.ed_key(5)
CERTIFIED = keys.ec_key("secp256r1", 7)
VENDOR = android.footed(
    made.BOOT_IMAGE,
    b"",
    made.vbmeta(android.hash_descriptor(made.BOOT_IMAGE, b"vendor"), made.RSA4096),
)


def avb():
    case = made.Case("c", AVB, made.vbmeta(made.chain()), made.RSA, {"vendor.img": VENDOR})
    return case.run()[-1]


def ucert():
    content = made.fwtool(SECOND, chain=(made.ucert(made.ED, SECOND),))
    return made.Case("c", FWTOOL, content, made.ED).one()


def gbl():
    return made.Case("c", GBL, made.gbl(CERTIFIED, certificate=made.EC), made.EC).one()


def of_tuf():
    repo = tuf.Repo()
    return run_folder(tuf.update(repo), tuf.material(repo.key("root")), (TUF,))[0]


CASES = [
    (avb, made.RSA, made.RSA4096),
    (ucert, made.ED, SECOND),
    (gbl, made.EC, CERTIFIED),
    *((of_tuf, tuf.Repo().key("root"), tuf.Repo().key(role)) for role in tuf.ROLES[1:]),
]


@pytest.mark.parametrize(("show", "first", "second"), CASES)
def test_a_second_key_that_everybody_has_is_named(show, first, second):
    signed = show()
    assert (signed.authentic, signed.trusted) == ("pass", "pass")
    assert judged(signed, rule(first)).carries
    found = judged(signed, rule(first), bad(keys.spki(second)))
    assert not found.carries
    assert "everybody's" in (found.result.known_bad or "")


@pytest.mark.parametrize(("show", "first", "second"), CASES)
def test_a_second_key_that_was_revoked_is_refused(show, first, second):
    found = judged(show(), rule(first, revoked=(keys.spki(second),)))
    assert found.result.axes.trusted == "fail"
    assert "leaked was revoked" in found.result.reason


def test_a_second_key_below_the_floor_is_weak():
    """AVB has 2048 bits at least; of TUF's keys RSA may be shorter."""
    repo = tuf.Repo(kind="rsa1024", root_keys=[tuf.private("ed25519", 70)])
    (signed, *_) = run_folder(tuf.update(repo), tuf.material(repo.root_keys[0]), (TUF,))
    found = judged(signed, rule(repo.root_keys[0]))
    assert found.result.axes.strong == "fail"
    assert not found.carries


def test_the_second_key_is_no_second_signer():
    assert judged(avb(), rule(made.RSA)).identity == judged(ucert_first(), rule(made.RSA)).identity


def ucert_first():
    case = made.Case("c", AVB, made.vbmeta(made.chain()), made.RSA, {"vendor.img": VENDOR})
    return case.run()[0]

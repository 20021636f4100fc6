"""Text that nobody signed, carried along in a signature member.

A member that holds counts as signature container, so every byte of it must belong to the
signature: no script before the armor, none behind the padding of its base64.
"""

from __future__ import annotations

import base64

import pytest

from fwverify.reader import Malformed
from fwverify.verify.detached_cms import CMS_DETACHED, decode
from fwverify.verify.openpgp_schemes import OPENPGP_DETACHED
from tests.builders import pki
from tests.verify_boot import build as made
from tests.verify_boot.build import swu
from tests.verify_cms import helpers
from tests.verify_cms.helpers import CONTENT, material
from tests.verify_openpgp import pgp

SCRIPT = b"#!/bin/sh\nrm -rf /data\n"
LABEL = b"PKCS7"


def message() -> bytes:
    """Return a message whose base64 ends in padding."""
    for number in range(64):
        found = pki.message(CONTENT, pki.signer(f"Release {number}"))
        if len(found) % 3:
            return found
    raise AssertionError


MESSAGE = message()
TEXT = base64.encodebytes(MESSAGE)


def armored(body: bytes = TEXT, before: bytes = b"", behind: bytes = b"") -> bytes:
    return b"%b-----BEGIN %b-----\n%b-----END %b-----\n%b" % (before, LABEL, body, LABEL, behind)


def bent(text: bytes) -> bytes:
    """Return another text that a lenient reader takes for the same bytes (RFC 4648, 3.5)."""
    signs = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    bare = text.rstrip(b"=")
    last = signs[signs.index(bare[-1:]) + 1 :][:1]
    made = bare[:-1] + last + text[len(bare) :]
    assert base64.b64decode(made, validate=True) == base64.b64decode(text)
    return made


def shown(member: bytes, name: str = "update.bin.p7s"):
    seen = helpers.view(CONTENT, detached=((name, member),))
    assert CMS_DETACHED.applies(seen)
    return CMS_DETACHED.verify(seen, material())


BAD = {
    "a line of dashes before": armored(before=b"-----\n" + SCRIPT),
    "another label before": armored(before=b"-----NOTE-----\n" + SCRIPT),
    "behind the padding": armored(TEXT + SCRIPT),
    "behind the padding, as base64": armored(TEXT + base64.encodebytes(SCRIPT)),
    "signs that are no base64": armored(TEXT.replace(b"\n", b"\n$()$\n", 1)),
    "a header": armored(b"Comment: " + SCRIPT.replace(b"\n", b";") + b"\n\n" + TEXT),
    "behind": armored(behind=SCRIPT),
    "in front, blank": armored(before=b"\n" * 70 + SCRIPT),
    "bits behind the last byte": armored(bent(base64.b64encode(MESSAGE)) + b"\n"),
    "two messages": armored() + armored(),
    "no padding": armored(TEXT.rstrip(b"=\n") + b"\n"),
}


def test_the_armor_alone_holds():
    assert helpers.accepted(shown(armored()))
    assert helpers.accepted(shown(armored().replace(b"\n", b"\r\n")))
    assert helpers.accepted(shown(b"\n \n" + armored() + b"\n\n"))


@pytest.mark.parametrize("how", BAD)
def test_text_in_or_around_the_armor_is_refused(how):
    assert not helpers.accepted(shown(BAD[how]))


@pytest.mark.parametrize(
    "how", sorted(set(BAD) - {"in front, blank"})
)  # that is no armor, and no DER
def test_what_reads_the_armor_for_others_refuses_it_as_well(how):
    """JCAT, SWUpdate and attestations decode a message with this function."""
    with pytest.raises(Malformed):
        decode(BAD[how])


@pytest.mark.parametrize("script", [True, False])
def test_an_update_whose_signature_carries_a_script_is_refused(script):
    text = made.description()
    armor = armored(base64.encodebytes(pki.message(text)), b"-----\n" + SCRIPT if script else b"")
    case = made.Case("swu", made.SWUPDATE, swu(text, lambda _: armor), None)
    trust = material()
    results = case.run(code_roots=trust.code_roots, at=trust.at)
    assert bool(made.accepted(results)) is not script


@pytest.mark.parametrize(
    ("line", "holds"),
    [(b"Comment: by the vendor", True), (SCRIPT[10:-1], False), (b"Evil: x", False)],
)
def test_a_command_among_the_headers_of_openpgp_is_refused(line, holds):
    signer = pgp.key(pgp.EDDSA)
    member = pgp.armored(pgp.detached(signer, CONTENT), headers=line + b"\n")
    assert line in member
    seen = helpers.view(CONTENT, detached=(("update.bin.asc", member),))
    results = OPENPGP_DETACHED.verify(seen, pgp.material(pgp.certificate(signer)))
    assert helpers.accepted(results) is holds

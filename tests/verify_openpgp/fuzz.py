"""Seeded mutants of OpenPGP members, certificates and messages, for tests and fuzz bench.

Each entry of ``FUZZ`` takes a count and raises where a mutant crashes or is accepted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from fwverify.verify.debian import DEBIAN_RELEASE
from fwverify.verify.keys import KeyFormatError
from fwverify.verify.openpgp_schemes import OPENPGP_CLEARTEXT, OPENPGP_DETACHED
from tests.verify_cms.helpers import accepted, view
from tests.verify_openpgp import pgp

DATA = b"firmware \0\1\2" * 100
TEXT = b"-- one \nOrigin: x\t\n- dash\n\nlast line"
SIGNER = pgp.key()
TRUST = pgp.material(pgp.certificate(SIGNER))


def mutants(data: bytes, count: int, seed: int = 4) -> Iterator[tuple[bytes, int | None]]:
    """Yield (mutant, position of the flipped byte or None where it was cut or grown)."""
    chance = random.Random(seed)
    for number in range(count):
        at = chance.randrange(len(data))
        if number % 4 == 0:
            yield data[:at], None
        elif number % 4 == 1:
            yield data[:at] + chance.randbytes(1 + at % 9) + data[at:], None
        else:
            yield data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :], at


def check_detached(count: int) -> None:
    """Flip, cut and grow the signed file and the binary member."""
    member = pgp.detached(SIGNER, DATA)
    for data, _ in mutants(DATA, count // 2):
        seen = view(data, detached=(("a.sig", member),))
        assert not accepted(OPENPGP_DETACHED.verify(seen, TRUST))
    for changed, _ in mutants(member, count // 2):
        seen = view(DATA, detached=(("a.sig", changed),))
        if not OPENPGP_DETACHED.applies(seen):
            continue
        # the hints may change; the file is as it was signed: a result, and no crash
        assert OPENPGP_DETACHED.verify(seen, TRUST)


def check_cleartext(count: int) -> None:
    """Flip, cut and grow a message; a flip outside of ``covered`` must be listed."""
    message = pgp.cleartext(SIGNER, TEXT)
    (whole,) = OPENPGP_CLEARTEXT.verify(view(message), TRUST)
    assert accepted((whole,))
    for changed, at in mutants(message, count):
        seen = view(changed)
        results = OPENPGP_CLEARTEXT.verify(seen, TRUST) if OPENPGP_CLEARTEXT.applies(seen) else ()
        if at is not None and any(low <= at < high for low, high in whole.covered):
            assert not accepted(results), (at, changed)


def check_certificate(count: int) -> None:
    """A certificate that is altered never makes a stranger's signature count."""
    child, stranger = pgp.key(number=1), pgp.key(number=2)
    parts = (pgp.user_id(SIGNER), pgp.subkey(SIGNER, child))
    certificate = pgp.certificate(SIGNER, *parts)
    seen = view(DATA, detached=(("a.sig", pgp.detached(stranger, DATA, issuer=b"")),))
    for changed, _ in mutants(certificate, count):
        try:
            trust = pgp.material(changed)
        except KeyFormatError:
            continue
        assert not accepted(OPENPGP_DETACHED.verify(seen, trust))


def check_release(count: int) -> None:
    """Flip, cut and grow an InRelease."""
    digest = b"ab" * 32
    release = (
        b"Origin: Test\nSuite: stable\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n "
        + digest
        + b" 10 main/binary-amd64/Packages"
    )
    message = pgp.cleartext(SIGNER, release)
    (whole,) = DEBIAN_RELEASE.verify(view(message), TRUST)
    assert accepted((whole,)), whole.reason
    for changed, at in mutants(message, count):
        seen = view(changed)
        results = DEBIAN_RELEASE.verify(seen, TRUST) if DEBIAN_RELEASE.applies(seen) else ()
        if at is not None and any(low <= at < high for low, high in whole.covered):
            assert not accepted(results), (at, changed)


FUZZ: tuple[tuple[str, Callable[[int], None]], ...] = (
    ("openpgp-detached", check_detached),
    ("openpgp-cleartext", check_cleartext),
    ("openpgp-certificate", check_certificate),
    ("debian-release", check_release),
)

"""Mutants of what the core schemes sign: raw, minisign, trailers, CMS and RAUC."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from fwverify.verify import rauc
from fwverify.verify.detached_cms import CMS_ATTACHED, CMS_DETACHED
from fwverify.verify.minisign import MINISIGN
from fwverify.verify.profiles import TRAILER_PROFILE, load_profile
from fwverify.verify.raw import DETACHED_RAW
from fwverify.verify.scheme import Material, Scheme, Signed, TrustedKey
from tests.builders import keys, pki
from tests.verify.stores import SHIPPED
from tests.verify_authenticode.fuzz import mutants, refuse_mutants
from tests.verify_cms import bundles
from tests.verify_cms.helpers import accepted, material, view

DATA: Final = b"firmware \0\1\2" * 60
AT: Final = datetime(2026, 6, 1, tzinfo=UTC)


def _trust(private: object) -> Material:
    return Material(at=AT, keys=(TrustedKey("0", keys.spki(private), ("release",), True),))


def _detached(scheme: Scheme, member: bytes, trust: Material, data: bytes) -> tuple[Signed, ...]:
    seen = view(data, detached=(("update.bin.sig", member),))
    return scheme.verify(seen, trust) if scheme.applies(seen) else ()


def _refuse_detached(scheme: Scheme, member: bytes, trust: Material, count: int) -> None:
    """Mutants of the file, then of the signature beside it.

    A cut signature must not hold; one with other or more bytes may, where those say
    nothing (an untrusted comment, a line end), and then it holds over the whole file.
    """
    refuse_mutants(DATA, functools.partial(_detached, scheme, member, trust), count // 2)
    for mutant, changed in mutants(member, 11, count - count // 2):
        results = _detached(scheme, mutant, trust, DATA)
        if mutant != member and accepted(results):
            if changed is None and len(mutant.strip()) < len(member.strip()):
                raise AssertionError(f"a cut signature is accepted: {mutant!r}")
            if any(one.covered != ((0, len(DATA)),) for one in results):
                raise AssertionError("an accepted signature does not cover the file")


def _raw(sign: Callable[[bytes], bytes], private: object, count: int) -> None:
    _refuse_detached(DETACHED_RAW, sign(DATA), _trust(private), count)


def raw(count: int) -> None:
    """PKCS#1 v1.5, PSS, ECDSA in both forms, Ed25519."""
    rsa, ec, ed = keys.rsa_key(), keys.ec_key(), keys.ed_key()
    each = -(-count // 5)
    _raw(lambda data: keys.sign_rsa(rsa, data), rsa, each)
    _raw(lambda data: keys.sign_rsa(rsa, data, pss_salt=32), rsa, each)
    _raw(lambda data: keys.sign_ec(ec, data), ec, each)
    _raw(lambda data: keys.sign_ec(ec, data, bare=True), ec, each)
    _raw(ed.sign, ed, each)


def minisign(count: int) -> None:
    """Minisign, prehashed and not, and signify."""
    private = keys.ed_key()
    each = -(-count // 3)
    for member in (
        keys.minisign(private, DATA),
        keys.minisign(private, DATA, prehashed=False),
        keys.signify(private, DATA),
    ):
        _refuse_detached(MINISIGN, member, _trust(private), each)


def profile(count: int) -> None:
    """A vendor's trailer described as data."""
    private = keys.rsa_key(1024)
    panda = load_profile(SHIPPED / "profiles" / "comma-panda.toml")
    trust = replace(_trust(private), profiles=(panda,))

    def check(data: bytes) -> tuple[Signed, ...]:
        seen = view(data)
        return TRAILER_PROFILE.verify(seen, trust) if TRAILER_PROFILE.applies(seen) else ()

    refuse_mutants(keys.panda_image(private, bytes(range(256)) * 4), check, count)


def cms_attached(count: int) -> None:
    """A CMS message with its content inside; the content's place is what is covered."""

    def check(data: bytes) -> tuple[Signed, ...]:
        seen = view(data)
        return CMS_ATTACHED.verify(seen, material()) if CMS_ATTACHED.applies(seen) else ()

    refuse_mutants(pki.message(DATA, attached=True), check, count)


def cms_detached(count: int) -> None:
    """A CMS message beside its content."""
    _refuse_detached(CMS_DETACHED, pki.message(DATA), material(), count)


def _rauc(data: bytes) -> tuple[Signed, ...]:
    seen = view(data, name="update.raucb", files={"rootfs.img": bundles.IMAGE})
    return rauc.RAUC_BUNDLE.verify(seen, material()) if rauc.RAUC_BUNDLE.applies(seen) else ()


def rauc_plain(count: int) -> None:
    """A plain RAUC bundle."""
    refuse_mutants(bundles.plain(), _rauc, count)


def rauc_verity(count: int) -> None:
    """A verity bundle: blocks, hash tree, manifest, message, size."""
    refuse_mutants(bundles.verity(bundles.blocks(9)), _rauc, count)


def openssl_forms(count: int) -> None:
    """Base64 and hexadecimal forms of a raw signature, as tools write them."""
    ed = keys.ed_key()
    chance = random.Random(count)
    for encoded in (ed.sign(DATA).hex().encode(), ed.sign(DATA).hex().upper().encode()):
        for _ in range(count // 2):
            at = chance.randrange(len(encoded))
            other = chance.choice(b"0123456789abcdefgxyz =\n")
            mutant = encoded[:at] + bytes((other,)) + encoded[at + 1 :]
            same = mutant.lower() == encoded.lower()
            if accepted(_detached(DETACHED_RAW, mutant, _trust(ed), DATA)) and not same:
                raise AssertionError(f"accepted: {mutant!r}")


FUZZ: Final[tuple[tuple[str, Callable[[int], None]], ...]] = (
    ("raw", raw),
    ("raw-text", openssl_forms),
    ("minisign", minisign),
    ("profile", profile),
    ("cms-attached", cms_attached),
    ("cms-detached", cms_detached),
    ("rauc-plain", rauc_plain),
    ("rauc-verity", rauc_verity),
)

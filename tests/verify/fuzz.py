"""Mutants of what the core schemes sign: raw, minisign, trailers, CMS and RAUC."""

from __future__ import annotations

import functools
import random
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import msgspec

from fwverify.verify import rauc
from fwverify.verify.detached_cms import CMS_ATTACHED, CMS_DETACHED
from fwverify.verify.minisign import MINISIGN
from fwverify.verify.profile_document import DOCUMENT_PROFILE, IMAGE_PROFILE
from fwverify.verify.profiles import TRAILER_PROFILE, Profile, load_profile
from fwverify.verify.raw import DETACHED_RAW
from fwverify.verify.scheme import Material, Neighbour, Scheme, Signed, TrustedKey
from tests.builders import keys, pki, vendor_signed
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


_HEX_TEXT = re.compile(rb"[0-9A-Fa-f\s]+")


def _signed_bytes(data: bytes, results: tuple[Signed, ...]) -> tuple[set[bytes], set[str]]:
    """Return what the results that hold say is signed: pieces of the file, and contents.

    Of a hexadecimal text what it says: its letters' case and its blanks are no other bytes.
    """
    held = [one for one in results if one.authentic == "pass"]
    pieces = {data[start:end] for one in held for start, end in one.covered}
    return (
        {bytes.fromhex(one.decode()) if _HEX_TEXT.fullmatch(one) else one for one in pieces},
        {vouch.sha256 for one in held for vouch in one.vouches},
    )


def _refuse_other_data(id_: str, private: object, data: bytes, beside: bytes, count: int) -> None:
    """Fail where a mutant holds over other bytes; in a header or in blanks it may hold."""
    profile = msgspec.convert(tomllib.loads(vendor_signed.profile_texts()[id_]), Profile)
    trust = replace(_trust(private), profiles=(profile,), schemes=(profile.scheme,))
    scheme = IMAGE_PROFILE if beside else DOCUMENT_PROFILE
    detached = (("update.sig", beside),) if beside else ()

    def check(content: bytes) -> tuple[Signed, ...]:
        seen = view(content, kind=profile.document.format, detached=detached)
        seen = replace(seen, holders=lambda digest: (Neighbour("in", digest, 1),))
        return scheme.verify(seen, trust)

    good = _signed_bytes(data, check(data))
    if good == (set(), set()):
        raise AssertionError("the unchanged file is not accepted")
    for mutant, _ in mutants(data, 13, count):
        found = _signed_bytes(mutant, check(mutant))
        if not (found[0] <= good[0] and found[1] <= good[1]):  # one of two may be left
            raise AssertionError(f"other bytes are called signed: {mutant!r}")


def profile_document(count: int) -> None:
    """A VBF through its table, and an ODX with two signatures."""
    rsa, ec = keys.rsa_key(), keys.ec_key("secp384r1")
    half = count // 2
    _refuse_other_data("acme-vbf", rsa, vendor_signed.table_vbf(rsa), b"", half)
    values = vendor_signed.odx_signatures(ec)
    _refuse_other_data("acme-odx", ec, vendor_signed.signed_odx(*values), b"", count - half)


def profile_image(count: int) -> None:
    """An Intel HEX file and the signature beside it."""
    rsa = keys.rsa_key(3072)
    text, beside = vendor_signed.hex_pair(rsa)
    _refuse_other_data("acme-hex", rsa, text, beside, count)


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
    ("profile-document", profile_document),
    ("profile-image", profile_image),
    ("cms-attached", cms_attached),
    ("cms-detached", cms_detached),
    ("rauc-plain", rauc_plain),
    ("rauc-verity", rauc_verity),
)

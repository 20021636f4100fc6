"""Mutants of statements, bundles and tokens: ``FUZZ`` for the tests and the fuzz bench."""

from __future__ import annotations

import dataclasses
from typing import Final

from fwverify.verify.attested import ATTESTED
from fwverify.verify.cose import COSE_DETACHED
from fwverify.verify.dsse import DSSE, DSSE_DETACHED
from fwverify.verify.jws import JWS_DETACHED
from fwverify.verify.scheme import TrustedKey
from fwverify.verify.sigstore import SIGSTORE
from fwverify.verify.suit import SUIT, SUIT_DETACHED
from tests.builders import keys
from tests.cli.signed import LAB, attestation
from tests.verify import stores
from tests.verify_cms.helpers import accepted
from tests.verify_statements import bundles, coses, dsses, jwss
from tests.verify_statements.helpers import (
    CONTENT,
    Check,
    check_detached,
    mutants,
    run,
    shown,
    trust,
)


def dsse(count: int) -> None:
    private = keys.ed_key()
    check_detached(DSSE_DETACHED, "a.dsse.json", dsses.envelope(private), trust(private), count)


def dsse_inside(count: int) -> None:
    """Nothing but the file whose digest was signed is ever vouched for."""
    private = keys.ed_key()
    member = dsses.envelope(private)
    for altered, _ in mutants(member, count):
        seen = shown(altered, name="u.zip!/a.dsse.json", nodes={"u.zip!/fw.bin": CONTENT})
        for one in run(DSSE, seen, trust(private)):
            assert all(vouch.path == "u.zip!/fw.bin" for vouch in one.vouches)


def jws(count: int) -> None:
    private = keys.ec_key()
    check_detached(JWS_DETACHED, "a.jws", jwss.compact(private), trust(private), count)


def cose(count: int) -> None:
    private = keys.ed_key()
    check_detached(COSE_DETACHED, "a.cose", coses.sign1(private), trust(private), count // 2)
    many = coses.sign_many(private, keys.ec_key())
    check_detached(COSE_DETACHED, "a.cose", many, trust(private), count - count // 2)


def suit(count: int) -> None:
    """A covered byte never changes unnoticed, and nothing else is ever vouched for."""
    private = keys.ed_key()
    members = {20: coses.wrapped([21, 2]), "#fw": b"payload", "#x": b"unsigned"}
    content = coses.manifest(b"payload", CONTENT, severed={20: members[20]})
    data = coses.envelope(private, content=content, members=members)
    (whole,) = run(SUIT, shown(data, name="u.suit", nodes={"fw.bin": CONTENT}), trust(private))
    assert accepted((whole,)), whole.reason
    for altered, at in mutants(data, count):
        seen = shown(altered, name="u.suit", nodes={"fw.bin": CONTENT})
        results = run(SUIT, seen, trust(private))
        assert all(vouch.path == "fw.bin" for one in results for vouch in one.vouches)
        if at is None or not accepted(results):
            continue
        for one in results:
            spans = (*one.covered, *one.container)
            inside = any(low <= at < high for low, high in one.covered)
            assert not inside, f"covered byte {at} changed and was accepted"
            assert spans


def suit_detached(count: int) -> None:
    private = keys.ed_key()
    envelope = coses.envelope(private, content=coses.manifest(CONTENT))
    check_detached(SUIT_DETACHED, "a.suit", envelope, trust(private), count)


def sigstore(count: int) -> None:
    for number, member in enumerate((bundles.bundle(), bundles.with_envelope())):
        name, share = "a.sigstore.json", count // 2 + (count % 2) * number
        check_detached(SIGSTORE, name, member, bundles.material(), share)


def attested(count: int) -> None:
    """No altered statement, signature or file is attested."""
    statement = attestation(CONTENT)
    members = {"a.attested.toml": statement, "a.attested.toml.sig": LAB.sign(statement)}
    key = TrustedKey("lab", keys.spki(LAB), ("lab",), usable=True)
    material = dataclasses.replace(trust(at=stores.AT), lab_keys=(key,))
    for name, data in (*members.items(), ("", CONTENT)):
        for altered, _ in mutants(data, count // 3):
            held = {**members, name: altered} if name else members
            seen = shown(CONTENT if name else altered, detached=tuple(held.items()))
            for one in run(ATTESTED, seen, material):
                assert one.authentic != "pass"
                assert one.authentic != "attested" or altered.strip() == data.strip()


FUZZ: Final[tuple[tuple[str, Check], ...]] = (
    ("dsse", dsse),
    ("dsse-inside", dsse_inside),
    ("jws", jws),
    ("cose", cose),
    ("suit", suit),
    ("suit-detached", suit_detached),
    ("sigstore", sigstore),
    ("attested", attested),
)

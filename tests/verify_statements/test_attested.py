"""Attestations: what is refused, and that nothing of it is ever ``pass`` or covered."""

from __future__ import annotations

import dataclasses

import pytest

from fwverify.strict import InputFileError
from fwverify.verify.attested import ATTESTED
from fwverify.verify.scheme import TrustedKey
from fwverify.verify.trust import load_trust
from tests.builders import keys, pki
from tests.cli.signed import LAB, VENDOR, attestation
from tests.verify import stores
from tests.verify_statements import fuzz
from tests.verify_statements.helpers import CONTENT, axes, run, shown, trust

NAME = "fw.bin.attested.toml"
REFUSED, OPEN = [("fail", "fail")], [("unverifiable", "unverifiable")]
HELD = [("attested", "attested")]


def lab(*privates, usable: bool = True, **changes):
    why = "" if usable else "the key lab is retired"
    known = tuple(TrustedKey("lab", keys.spki(one), ("lab",), usable, why) for one in privates)
    return dataclasses.replace(trust(VENDOR, at=stores.AT), lab_keys=known, **changes)


def good(**changes: object) -> bytes:
    return attestation(CONTENT, **changes)


def beside(statement: bytes, signature: bytes | None, material=None, content: bytes = CONTENT):
    members = ((NAME, statement),) + (((f"{NAME}.sig", signature),) if signature else ())
    return run(ATTESTED, shown(content, detached=members), material or lab(LAB))


@pytest.mark.parametrize(
    "statement",
    [
        attestation(b"another file"),
        good(size=1),
        good(sha256='"' + "0" * 64 + '"'),
        good(confirmed_at="2026-06-02T00:00:00Z"),
        good(confirmed_at="2026-05-01T10:00:00"),
        good(confirmed_by='" "'),
        good(channel=None),
        good(evidence_sha256=None),
        good(extra='"x"'),
        good(schema='"fwverify.attested/2"'),
        good() + b'source = "twice"\n',
        b"",
        b"\xff",
        good() + b"#" * 70_000,
    ],
)
def test_a_statement_that_says_nothing(statement):
    results = beside(statement, LAB.sign(statement))
    assert axes(results) == REFUSED, results


def test_signatures():
    assert axes(beside(good(), LAB.sign(good()))) == HELD
    assert axes(beside(good(), LAB.sign(good()).hex().encode())) == HELD
    assert axes(beside(good(), None)) == OPEN
    assert axes(beside(good(), LAB.sign(good()), trust(VENDOR, at=stores.AT))) == OPEN
    assert axes(beside(good(), VENDOR.sign(good()))) == REFUSED
    assert axes(beside(good(), LAB.sign(good(size=2)))) == REFUSED
    assert axes(beside(good(), b"x")) == REFUSED
    retired = lab(LAB, usable=False)
    assert axes(beside(good(), LAB.sign(good()), retired)) == [("pass", "fail")]
    (result,) = beside(good(), LAB.sign(good()))
    assert not result.covered and not result.vouches and not result.container


def test_by_a_certificate_of_the_lab():
    material = lab(lab_roots=(pki.root().cert,), at=pki.AT)
    statement = good(confirmed_at="2025-05-01T10:00:00Z")
    assert axes(beside(statement, pki.message(statement), material)) == HELD
    assert axes(beside(statement, pki.message(b"other"), material)) == REFUSED
    assert axes(beside(statement, pki.message(statement, attached=True), material)) == REFUSED
    code = lab(code_roots=(pki.root().cert,), at=pki.AT)
    assert axes(beside(statement, pki.message(statement), code)) == OPEN
    other = lab(lab_roots=(pki.root("Another Root").cert,), at=pki.AT)
    assert axes(beside(statement, pki.message(statement), other)) == [("pass", "fail")]


@pytest.mark.parametrize("roles", ['["lab", "release"]', '["release", "lab"]'])
def test_a_key_is_of_the_lab_or_of_the_vendor(tmp_path, roles):
    tables = stores.key_table(VENDOR, roles=roles)
    with pytest.raises(InputFileError, match="no other role"):
        load_trust(stores.vendor(tmp_path, tables, {"keys/release.pem": keys.pem(VENDOR)}))


def test_no_rule_asks_the_lab_for_a_signature(tmp_path):
    tables = stores.key_table(LAB, roles='["lab"]').replace("release", "lab")
    rule = stores.RULE.replace('role = "release"', 'role = "lab"')
    with pytest.raises(InputFileError, match="signs no update"):
        load_trust(stores.vendor(tmp_path, tables, {"keys/lab.pem": keys.pem(LAB)}, rule))


@pytest.mark.parametrize(("name", "check"), [one for one in fuzz.FUZZ if "attested" in one[0]])
def test_mutants(name, check):
    check(200)

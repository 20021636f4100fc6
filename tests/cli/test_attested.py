"""Attested digests through the command line: REVIEW at best, and only by the lab's key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import keys
from tests.cli import signed
from tests.cli.program import Ran
from tests.cli.signed import CONTENT, LAB, VENDOR, attestation


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gate")


@pytest.fixture(scope="module")
def shared(folder: Path) -> signed.Gate:
    return signed.make(folder, "raw", "attested")


@pytest.fixture
def gate(shared: signed.Gate) -> signed.Gate:
    for file in shared.update.parent.iterdir():
        if file != shared.update:
            file.unlink()
    return shared


def attest(gate: signed.Gate, statement: bytes | None = None, private=LAB) -> Ran:
    statement = attestation() if statement is None else statement
    gate.put("fw.txt.attested.toml", statement)
    if private is not None:
        gate.put("fw.txt.attested.toml.sig", private.sign(statement))
    return gate.check()


def reasons(ran: Ran) -> set[str]:
    return {one["rule"] for one in ran.json["reasons"]}


def test_the_same_update_signed_by_the_vendor_is_allowed(gate: signed.Gate) -> None:
    """What makes the rest of this file mean something: nothing else stands in the way."""
    gate.put("fw.txt.sig", VENDOR.sign(CONTENT))
    ran = gate.check()
    assert (ran.code, ran.json["verdict"]) == (0, "ALLOW"), ran.json["reasons"]


def test_attested_is_review_and_never_better(gate: signed.Gate) -> None:
    ran = attest(gate)
    assert (ran.code, ran.json["verdict"]) == (3, "REVIEW"), ran.json["reasons"]
    assert "signature.attested" in reasons(ran)
    (result,) = ran.json["signatures"]
    axes = result["axes"]
    assert (axes["authentic"], axes["trusted"], axes["strong"]) == ("attested",) * 2 + ("pass",)
    assert not result["covered"]
    assert ran.json["signature_coverage"]["covered"] == 0
    assert "evidence sha256:" in result["reason"]


def test_not_even_beside_a_good_signature(gate: signed.Gate) -> None:
    gate.put("fw.txt.sig", VENDOR.sign(CONTENT))
    assert attest(gate).code == 3


def test_given_by_option(gate: signed.Gate, tmp_path: Path) -> None:
    statement = tmp_path / "statement.attested.toml"
    statement.write_bytes(attestation())
    signature = tmp_path / "statement.attested.toml.sig"
    signature.write_bytes(LAB.sign(statement.read_bytes()))
    ran = gate.check("--signature", statement, "--signature", signature)
    assert (ran.code, ran.json["verdict"]) == (3, "REVIEW")


@pytest.mark.parametrize(
    ("private", "code"), [(None, 5), (VENDOR, 4)], ids=["unsigned", "by the vendor"]
)
def test_what_attests_nothing(gate: signed.Gate, private, code: int) -> None:
    ran = attest(gate, private=private)
    assert ran.code == code, ran.json["reasons"]


def test_another_file(gate: signed.Gate) -> None:
    assert attest(gate, attestation(b"another file")).code == 4


def test_a_signature_over_another_statement(gate: signed.Gate) -> None:
    gate.put("fw.txt.attested.toml", attestation(source='"somebody else"'))
    gate.put("fw.txt.attested.toml.sig", LAB.sign(attestation()))
    assert gate.check().code == 4


def test_a_bad_signature_of_the_vendor_is_not_healed(gate: signed.Gate) -> None:
    gate.put("fw.txt.sig", VENDOR.sign(b"other"))
    assert attest(gate).code == 4


def test_the_labs_key_signs_no_update(gate: signed.Gate) -> None:
    gate.put("fw.txt.sig", LAB.sign(CONTENT))
    assert gate.check().code == 4


def test_a_rule_must_allow_it(tmp_path: Path) -> None:
    closed = signed.make(tmp_path, "raw")
    assert attest(closed).code == 4


def test_an_ad_hoc_key_is_no_lab(gate: signed.Gate, tmp_path: Path) -> None:
    key = tmp_path / "lab.pem"
    key.write_bytes(keys.pem(LAB))
    attest(gate)
    assert gate.check("--key", key).code in (4, 5)

"""Who may sign, and what the statements say."""

from __future__ import annotations

import base64
import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from fwverify.canonical import seal
from fwverify.evidence import layout, package, sealing, signers, statements
from fwverify.evidence.check import check
from fwverify.keyring.detached import SigningError
from fwverify.model import STAGES, Stage
from fwverify.reader import Malformed
from tests.builders import pki, reports
from tests.evidence import forgery, lab

AT = datetime.now(UTC)


def load(identity, at=AT, certificate=None):
    return signers.signatory(lab.key_pem(identity), certificate or identity.pem, "lab.key", at)


def made(name, kind="p256", **options):
    key = pki.key(kind, pki.hash_number(name))
    options = {"extensions": lab.SIGNING} | lab.VALID | options
    return pki.issue(name, key, lab.authority("Lab CA"), **options)


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa3072"])
@lab.needs_openssl
def test_signatures_hold_for_openssl(kind, tmp_path):
    by = load(made(f"Kind {kind}", kind))
    (tmp_path / "s").write_bytes(signers.sign(by, b"manifest", AT))
    (tmp_path / "m").write_bytes(b"manifest")
    (tmp_path / "ca").write_bytes(lab.authority("Lab CA").pem)
    command = "openssl cms -verify -cades -binary -inform DER -in s -content m -CAfile ca"
    done = subprocess.run(
        [*command.split(), "-no-CApath", "-no-CAstore", "-out", "/dev/null"],
        cwd=tmp_path,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["p256", "rsa3072"])
def test_pkcs12(kind):
    identity = made("P12", kind)
    cert = x509.load_der_x509_certificate(identity.der)
    ca = x509.load_der_x509_certificate(lab.authority("Lab CA").der)
    locked = serialization.BestAvailableEncryption(b"open")
    data = pkcs12.serialize_key_and_certificates(b"x", identity.private, cert, [ca], locked)
    by = signers.signatory(data, None, "lab.p12", AT, b"open")
    assert by.sha256 == lab.sha256_hex(identity.der)
    assert len(by.others) == 1
    with pytest.raises(TypeError):
        signers.signatory(data, None, "lab.p12", AT)
    with pytest.raises(SigningError):
        signers.signatory(data, None, "lab.p12", AT, b"wrong")


@pytest.mark.parametrize(
    ("identity", "why"),
    [
        (made("Old", until=AT - timedelta(days=1)), "expired"),
        (made("Young", since=AT + timedelta(days=1)), "not valid before"),
        (made("Web", extensions=forgery.TLS), "not for signing"),
        (made("Box", extensions=(pki.key_usage(2),)), "key usage"),
        (made("Weak", "rsa2048"), "3072"),
    ],
)
def test_who_may_not_sign(identity, why):
    with pytest.raises(SigningError, match=why):
        load(identity)


def test_edwards_keys_are_refused_aloud():
    with pytest.raises(SigningError, match="Ed25519"):
        signers.sign(load(made("Ed", "ed25519")), b"x", AT)


@pytest.mark.parametrize("certificate", [b"", b"nothing", lab.authority("Lab CA").pem])
def test_a_certificate_of_another_key(certificate):
    with pytest.raises(SigningError):
        load(lab.person("Lab"), certificate=certificate or b"\0")


def test_a_key_is_never_shown():
    assert "private" not in repr(load(lab.person("Lab")))


def test_lab_and_approver_are_two():
    one = lab.signatory(lab.person("Lab"))
    with pytest.raises(SigningError, match="one key"):
        sealing.seal({}, "evidence", "0" * 64, sealing.Seal(at=AT, lab=one, approver=one), None)


# --- statements --------------------------------------------------------------------------


def stated(report):
    files = package.read(lab.package(report, lab.person("Lab")))
    return {
        name.removeprefix(statements.FOLDER).partition(".")[0]: json.loads(
            base64.b64decode(json.loads(data)["payload"])
        )
        for name, data in files.items()
        if name.startswith(statements.FOLDER)
    }


def test_statements_name_update_and_core():
    report = reports.DENY
    found = stated(report)
    assert sorted(found) == ["scai", "svr", "test-result"]
    for one in found.values():
        assert one["_type"] == "https://in-toto.io/Statement/v1"
        assert one["subject"][0]["digest"] == {"sha256": report.subject.sha256}
        assert one["subject"][1]["name"] == "SHA256SUMS"


@pytest.mark.parametrize(
    ("report", "result"),
    [
        (reports.ALLOW, "PASSED"),
        (reports.REVIEW, "WARNED"),
        (reports.DENY, "FAILED"),
        (reports.INCOMPLETE, "FAILED"),
    ],
)
def test_the_result_is_never_better_than_the_verdict(report, result):
    found = stated(report)
    assert found["test-result"]["predicate"]["result"] == result
    allowed = "fwverify.verdict.ALLOW" in found["svr"]["predicate"]["properties"]
    assert allowed is (result == "PASSED")


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_that_did_not_finish_is_never_passed(name):
    import msgspec

    stages = msgspec.structs.replace(reports.ALLOW.stages, **{name: Stage(status="incomplete")})
    said = statements.of(msgspec.structs.replace(reports.ALLOW, stages=stages))
    predicates = {each: predicate for each, _, predicate in said.predicates}
    assert predicates["test-result"]["result"] == "FAILED"
    assert f"fwverify.stage.{name}.complete" not in predicates["svr"]["properties"]


def test_a_statement_by_another_key_is_refused():
    other = statements.signed(
        statements.of(reports.ALLOW), "0" * 64, lab.signatory(lab.person("Evil", "Evil CA"))
    )
    spki = lab.person("Lab").cert.public_key.dump()
    for name, data in other.items():
        with pytest.raises(Malformed, match="laboratory"):
            statements.check(name, data, spki, reports.ALLOW.subject.sha256, "0" * 64)


def test_a_statement_on_another_core_refuses_the_package():
    """Signed by the laboratory, manifest and all: the statement alone is wrong."""
    core = layout.core(seal(reports.ALLOW))
    by = sealing.Seal(at=AT, lab=lab.signatory(lab.person("Lab")))
    said = statements.Said("x", "1" * 64, statements.of(reports.ALLOW).predicates)
    data = sealing.seal(core, "evidence", reports.ALLOW.subject.sha256, by, said)
    found = check(data, lab.trust())
    assert (found.state, found.reason.partition(":")[0]) == ("refused", "statement")

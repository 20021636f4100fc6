"""What the laboratory attests of an update: in-toto statements, each in a DSSE envelope.

Guarantees: three statements about two subjects, the update and the core of the package,
signed by the laboratory's key: ``test-result`` (each stage and each reason of the verdict
as a test), ``scai`` (abilities found and the axes of signatures as attributes) and ``svr``
(what was verified, as properties). None says more than the report does: a verdict other
than ALLOW is never ``PASSED`` and no property; an ability is what was found, never that
others are absent.

Specification: in-toto attestation framework, Statement v1; predicates test-result v0.1,
scai/attribute-report v0.2, svr v0.1; DSSE v1.0.2, protocol.md (PAE).

Not done: several statements in one bundle; certificates in the envelope (the package's
``signature001.p7s`` carries the laboratory's).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from fwverify.canonical import canonical_json
from fwverify.evidence.signers import Signatory, raw_signature
from fwverify.model import STAGES, Report, Verdict
from fwverify.reader import Malformed
from fwverify.verify import primitives
from fwverify.verify.dsse import pae
from fwverify.verify.intoto import PAYLOAD_TYPE
from fwverify.verify.keys import identity_of

FOLDER: Final = "attestations/"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
SCAI: Final = "https://in-toto.io/attestation/scai/attribute-report/v0.2"
SVR: Final = "https://in-toto.io/attestation/svr/v0.1"
VERIFIER: Final = "urn:fwverify:check"
_RESULTS: Final = {Verdict.ALLOW: "PASSED", Verdict.REVIEW: "WARNED"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What the statements say: the name and digest of the update, and each predicate."""

    name: str
    update: str
    predicates: tuple[tuple[str, str, Json], ...]


def of(report: Report) -> Said:
    """Return the statements about ``report``: (file, predicate type, predicate)."""
    return Said(
        name=report.subject.name,
        update=report.subject.sha256,
        predicates=(
            ("test-result", TEST_RESULT, _test_result(report)),
            ("scai", SCAI, _scai(report)),
            ("svr", SVR, _svr(report)),
        ),
    )


def _test_result(report: Report) -> Json:
    """Return the predicate: a stage that is not complete and a reason to deny have failed."""
    passed: list[str] = []
    warned: list[str] = []
    failed: list[str] = []
    for name in STAGES:
        status = getattr(report.stages, name).status
        kept = passed if status == "complete" else warned if status == "skipped" else failed
        kept.append(f"stage.{name}")
    for reason in report.reasons:
        kept = {"ALLOW": passed, "REVIEW": warned}.get(reason.verdict, failed)
        kept.append(reason.rule)
    result = "FAILED" if report.verdict is None else _RESULTS.get(report.verdict, "FAILED")
    if failed or (warned and result == "PASSED"):
        result = "FAILED" if failed else "WARNED"
    return {
        "result": result,
        "configuration": _configuration(report),
        "passedTests": sorted(set(passed)),
        "warnedTests": sorted(set(warned)),
        "failedTests": sorted(set(failed)),
    }


def _configuration(report: Report) -> list[Json]:
    digests = msgspec.to_builtins(report.digests)
    named = [(name, digests[name]) for name in sorted(digests) if digests[name]]
    return [{"name": name, "digest": {"sha256": value}} for name, value in named]


def _scai(report: Report) -> Json:
    abilities = sorted(set(report.capabilities.present))
    found: list[Json] = [{"attribute": f"fwverify.ability.{name}"} for name in abilities]
    for one in report.signatures:
        conditions = {"path": one.path, "signer": one.signer, **msgspec.to_builtins(one.axes)}
        attribute = f"fwverify.signature.{one.scheme}"
        found.append({"attribute": attribute, "conditions": conditions})
    evidence = {"name": "decision.json", "mediaType": "application/json"}
    attribute = f"fwverify.verdict.{report.verdict or 'none'}"
    found.append({"attribute": attribute, "evidence": evidence})
    return {"attributes": found, "producer": {"uri": VERIFIER}}


def _svr(report: Report) -> Json:
    done = [name for name in STAGES if getattr(report.stages, name).status == "complete"]
    properties = [f"fwverify.stage.{name}.complete" for name in done]
    if report.verdict == Verdict.ALLOW:
        properties.append("fwverify.verdict.ALLOW")
    return {
        "verifier": {"id": VERIFIER},
        "timeCreated": report.at,
        "properties": sorted(properties),
    }


def signed(said: Said, core: str, by: Signatory) -> dict[str, bytes]:
    """Return the envelopes by name; ``core`` is the digest of ``SHA256SUMS``."""
    made: dict[str, bytes] = {}
    for name, kind, predicate in said.predicates:
        body = canonical_json(_statement(said, core, kind, predicate))
        made[f"{FOLDER}{name}.dsse.json"] = _envelope(body, by)
    return made


def _statement(said: Said, core: str, kind: str, predicate: Json) -> Json:
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": said.name, "digest": {"sha256": said.update}},
            {"name": "SHA256SUMS", "digest": {"sha256": core}},
        ],
        "predicateType": kind,
        "predicate": predicate,
    }


def _envelope(body: bytes, by: Signatory) -> bytes:
    value = raw_signature(by.private, pae(PAYLOAD_TYPE, body))
    keyid = identity_of(by.certificate.public_key.dump())
    return canonical_json(
        {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(body).decode("ascii"),
            "signatures": [{"keyid": keyid, "sig": base64.b64encode(value).decode("ascii")}],
        }
    )


def check(name: str, data: bytes, spki: bytes, update: str, core: str) -> None:
    """Raise ``Malformed`` unless ``data`` is a statement by ``spki`` on this update and core."""
    from fwverify.verify.dsse import parse_envelope
    from fwverify.verify.signed_json import Unread, load

    try:
        envelope = parse_envelope(load(data, name), name)
        body = load(envelope.payload, name)
    except Unread as error:
        raise Malformed(0, name, str(error)) from error
    if len(envelope.signatures) != 1 or not _holds(spki, envelope.signatures[0], envelope.signed):
        raise Malformed(0, name, "is not signed by the laboratory's key")
    digests = [one.get("digest") for one in body.get("subject", ()) if isinstance(one, dict)]
    if digests != [{"sha256": update}, {"sha256": core}] or body.get("_type") != STATEMENT:
        raise Malformed(0, name, "speaks of another update or another core")


def _holds(spki: bytes, signature: bytes, data: bytes) -> bool:
    from fwverify.verify.keys import describe

    kind = describe(spki)[0]
    algorithm = primitives.RSA_PSS if kind == "rsa" else primitives.ECDSA
    salt = 32 if kind == "rsa" else None
    outcome = primitives.check(spki, algorithm, "sha256", signature, data, pss_salt=salt)
    return outcome.axis == "pass"

"""What steered a decision, as values: policy, case, trust rule, rules, configuration.

Guarantees: nothing secret is among them: no passphrase, key or plaintext that was given,
no private key, and no path, host or user of the machine. What is here was in force in the
run that made the report whose digest is ``report``; ``gathered`` takes it from there.

``check --out`` keeps it beside the report (``FILE``), for ``evidence build``; how it stands
in a package, and for whom, is ``inputs``'s to say.

Not here: the update itself, other vendors' trust, and the supplier register, of which the
digest alone is in the report.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from fwverify.canonical import sha256_hex
from fwverify.case import Case
from fwverify.limits import Limits
from fwverify.model import Counter, Report, Sha256
from fwverify.model import _Value as Value
from fwverify.policy.model import Policy, Source
from fwverify.reader import Malformed
from fwverify.strict import NOT_JSON

if TYPE_CHECKING:
    from fwverify.pipeline import Means, Question
    from fwverify.verify.rules import Rule

FILE: Final = "evidence-inputs.json"
MAX_BYTES: Final = 64 * 1024 * 1024
_ROOT_STATUS: Final = "active"


class PolicyUsed(Value, frozen=True, kw_only=True):
    """The policy in force: composed, and the documents that it was composed of, in order."""

    label: str
    sha256: Sha256
    sources: tuple[Source, ...]
    effective: Policy


class KeyUsed(Value, frozen=True, kw_only=True):
    """A key or a certificate that the trust rule names: ``sha256`` is its identity."""

    id: str
    kind: Literal["key", "certificate"]
    sha256: Sha256
    roles: tuple[str, ...]
    status: str


class TrustUsed(Value, frozen=True, kw_only=True):
    """The trust rule that applied, and the vendor's file that it stands in."""

    rule: str
    keys: tuple[KeyUsed, ...]
    vendor: str | None


class Asked(Value, frozen=True, kw_only=True):
    """What was asked on the command line that steers a result.

    ``superseded`` is the digest of the superseded case's report where it was at hand.
    """

    ad_hoc: tuple[str, ...]
    baseline: str | None
    supersedes: str | None
    superseded: Sha256 | None
    second: str | None


class ConfigUsed(Value, frozen=True, kw_only=True):
    """What of the configuration matters to a result, beside what is named elsewhere."""

    engine: str
    limits: Limits
    signatures_required: int
    people: int


class Steering(Value, frozen=True, kw_only=True):
    """Everything that steered the report with the digest ``report``.

    ``accepted`` are the ledger's highest values for the rule's rollback field, ``revoked``
    counts the revoked baselines that the update was held against.
    """

    schema: Literal["fwverify.steering/1"] = "fwverify.steering/1"
    report: Sha256
    asked: Asked
    case: Case | None
    policy: PolicyUsed | None
    trust: TrustUsed | None
    config: ConfigUsed
    accepted: tuple[Counter, ...]
    revoked: int


def gathered(
    report: Report, question: Question, means: Means, config: ConfigUsed, trust: Path
) -> Steering:
    """Return what steered ``report``; ``trust`` is the folder of the trust store in force.

    Raises ``InputFileError`` for a trust store that has changed since it was read.
    """
    policy = means.policy
    return Steering(
        report=report.core_sha256,
        asked=Asked(
            ad_hoc=means.ad_hoc,
            baseline=report.baseline.ref if report.baseline else None,
            supersedes=question.supersedes,
            superseded=report.superseded.core_sha256 if report.superseded else None,
            second=question.second,
        ),
        case=question.case,
        policy=None
        if policy is None
        else PolicyUsed(
            label=policy.label,
            sha256=policy.sha256,
            sources=policy.sources,
            effective=policy.policy,
        ),
        trust=None if means.rule is None else _trust(means.rule, trust, means.trust.sha256),
        config=config,
        accepted=means.accepted,
        revoked=len(means.revoked),
    )


def _trust(rule: Rule, folder: Path, sha256: str) -> TrustUsed:
    keys = [
        KeyUsed(id=one.id, kind="key", sha256=one.key.identity, roles=one.roles, status=one.status)
        for one in (*rule.keys, *rule.lab_keys)
    ]
    keys += [
        KeyUsed(
            id=one.id,
            kind="certificate",
            sha256=sha256_hex(one.certificate.dump()),
            roles=one.roles,
            status=_ROOT_STATUS,
        )
        for one in (*rule.roots, *rule.lab_roots)
    ]
    listed = tuple(sorted(keys, key=lambda each: (each.kind, each.id, each.sha256)))
    vendor = None if rule.ad_hoc else _vendor(folder, rule.name.partition("/")[0], sha256)
    return TrustUsed(rule=rule.name, keys=listed, vendor=vendor)


def _vendor(folder: Path, name: str, sha256: str) -> str:
    """Return ``vendor.toml`` of the store whose digest is ``sha256``."""
    from fwverify.strict import InputFileError, read_bounded
    from fwverify.trust_listing import store_digest

    text = read_bounded(folder / "vendors" / name / "vendor.toml").decode("utf-8")
    if store_digest(folder) != sha256:
        raise InputFileError(folder, None, "", "was changed since it was read")
    return text


def read_steering(data: bytes, report: Report) -> Steering:
    """Return what ``FILE`` holds. Raises ``Malformed`` unless it is that of ``report``."""
    try:
        found = msgspec.json.decode(data, type=Steering)
    except NOT_JSON as error:
        raise Malformed(0, FILE, f"cannot be read: {error}") from error
    if found.report != report.core_sha256:
        raise Malformed(0, FILE, "is of another report")
    return found


def plain(value: Any) -> Any:
    """Return ``value`` as JSON has it."""
    return msgspec.to_builtins(value)

"""A policy as its TOML file states it.

Guarantees: every key is known and typed; a policy can ask for REVIEW or DENY and can
never name ALLOW; the two places where it can ask for less than the default
(``signatures.required`` and ``baseline.approved_required``) need a written reason; the
entropy bound can only be lowered, and what no rule names is judged by ``otherwise``.

What was added later has a default that asks for nothing, so that a policy written before
means what it meant. What a site, a higher threat level or a later date adds can only be
stricter: these keys have no value that is milder than leaving them out.

What stands elsewhere: what a tightening does to a policy (``tighten``), when a rule is in
force (``situation``), the checks that types cannot express (``load``), the meaning of a
condition (``conditions``), the built-in rules of CONTRACT's "Verdicts" (``checks``).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from fwverify.model import OVERLAYS, Confidence, Count, Next, Overlay, Severity, Sha256, _Value
from fwverify.places import Jurisdiction

POLICY_SCHEMA: Final = "fwverify.policy/1"
TIGHTENING_SCHEMA: Final = "fwverify.tightening/1"
ENTROPY_MILLI: Final = 7200

Text = Annotated[str, Meta(min_length=1, max_length=500)]
Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{0,79}$")]
ToughVerdict: TypeAlias = Literal["REVIEW", "DENY"]
Field: TypeAlias = Literal[
    "rule",
    "capability",
    "threat",
    "severity",
    "confidence",
    "path",
    "in_baseline",
    "kind",
    "value",
    "jurisdiction",
    "outside",
    "added",
    "name",
    "state",
    "fingerprint",
    "starts",
]
Over: TypeAlias = Literal["finding", "endpoint", "account", "key", "service"]
ThreatLevel: TypeAlias = Literal["normal", "raised", "high"]
SiteClass: TypeAlias = Literal["low", "medium", "high"]
Deployment: TypeAlias = Literal["stand-alone", "networked"]
UpdateKind: TypeAlias = Literal["planned", "corrective"]
Day = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Stance: TypeAlias = Literal["allowed", "declared", "forbidden"]
Requirement: TypeAlias = Literal[
    "clearance.vgb",
    "clearance.vog",
    "component",
    "countersign",
    "custody",
    "declared_changes",
    "deployment",
    "hardware_id",
    "operator",
    "permit",
    "rxswin",
    "site",
    "site_class",
    "submitter",
    "threat_level",
    "ticket",
    "update_kind",
    "version",
]
Operator: TypeAlias = Literal[
    "equals", "not_equals", "in", "not_in", "prefix", "suffix", "suffix_in", "at_least"
]
Value: TypeAlias = bool | str | tuple[str, ...]


_DEPLOYMENTS: Final[tuple[Deployment, ...]] = ("stand-alone", "networked")


class Signatures(_Value, frozen=True, kw_only=True):
    """Whether an update must be signed under a trust rule; ``reason`` if it need not."""

    required: bool
    reason: Text | None = None


class BaselineRule(_Value, frozen=True, kw_only=True):
    """Whether ALLOW needs an approved baseline; ``reason`` if it does not."""

    approved_required: bool
    reason: Text | None = None


class Strength(_Value, frozen=True, kw_only=True):
    """Floors above those of the trust store; the verify stage takes the stricter one."""

    min_rsa_bits: Annotated[int, Meta(ge=1024, le=16384)] | None = None
    min_ec_bits: Annotated[int, Meta(ge=160, le=521)] | None = None
    digests: Annotated[tuple[Name, ...], Meta(min_length=1)] | None = None


class Condition(_Value, frozen=True, kw_only=True):
    """One comparison over one finding or inventory row; true or false, nothing else."""

    field: Field
    op: Operator
    value: Value


class Rule(_Value, frozen=True, kw_only=True):
    """What a finding, or a row of the inventory, leads to when every condition holds.

    ``knock_out`` marks what no waiver and no release can accept. The rule is in force from
    ``from_threat``, ``from_site_class`` and ``from_date`` (UTC) on; ``deployment`` and
    ``update_kind`` restrict it to one of each, and what the case leaves open counts as both.
    ``deny_from_threat`` and ``deny_from_site_class`` turn its REVIEW into DENY.
    """

    id: Name
    overlays: Annotated[tuple[Overlay, ...], Meta(min_length=1)]
    when: Annotated[tuple[Condition, ...], Meta(min_length=1)]
    verdict: ToughVerdict
    text: Text
    next: Next
    knock_out: bool = False
    over: Over = "finding"
    from_threat: ThreatLevel = "normal"
    from_site_class: SiteClass = "low"
    from_date: Day | None = None
    deployment: Deployment | None = None
    update_kind: UpdateKind | None = None
    deny_from_threat: Literal["raised", "high"] | None = None
    deny_from_site_class: Literal["medium", "high"] | None = None


class CapabilityRule(_Value, frozen=True, kw_only=True):
    """Whether a capability, or a family (``tunnel.``), may be there at all.

    ``forbidden``: DENY, whether the baseline has it or not. ``declared``: a new one is
    DENY unless the case declares its id, and then REVIEW. ``allowed``: ``otherwise`` does
    not ask about it up to medium severity; it needs a reason and silences no rule.
    The first two judge findings of at least ``severity`` and ``confidence``.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*\.?$", max_length=80)]
    stance: Stance
    overlays: Annotated[tuple[Overlay, ...], Meta(min_length=1)] = OVERLAYS
    severity: Severity = "high"
    confidence: Confidence = "high"
    reason: Text | None = None


class DatedStrength(_Value, frozen=True, kw_only=True):
    """Floors that hold from the day ``from_date`` (UTC) on; the time is that of ``--at``."""

    from_date: Day
    min_rsa_bits: Annotated[int, Meta(ge=1024, le=16384)] | None = None
    min_ec_bits: Annotated[int, Meta(ge=160, le=521)] | None = None
    digests: Annotated[tuple[Name, ...], Meta(min_length=1)] | None = None


class Intake(_Value, frozen=True, kw_only=True):
    """What a case must state, always and for one kind of update; else it is refused."""

    required: tuple[Requirement, ...] = ()
    planned: tuple[Requirement, ...] = ()
    corrective: tuple[Requirement, ...] = ()


class Otherwise(_Value, frozen=True, kw_only=True):
    """What a new finding of this severity leads to when no rule of the overlay names it."""

    at_least: Literal["info", "low", "medium"]
    verdict: ToughVerdict
    next: Next


class Neighbour(_Value, frozen=True, kw_only=True):
    """Hosts (suffixes) and networks (CIDR) of a vendor whose equipment stands in the same room.

    An entry of the case's own vendor says which places are its own.
    """

    vendor: Text
    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


class Policy(
    _Value, frozen=True, kw_only=True, rename=lambda name: "class" if name == "device" else None
):
    """A whole policy. ``device`` is the key ``class``: the class it is meant for.

    Unexplained bytes are a REVIEW up to ``unexplained_max_bytes`` and INCOMPLETE above,
    and INCOMPLETE where any 4 KiB block has ``unexplained_entropy_milli`` thousandths of
    a bit per byte or more.

    ``extends`` names the class whose policy this one tightens, ``adopt`` sets of measures,
    ``site`` a site profile. ``threat_level`` and ``site_class`` are the least that count,
    whatever the case says; ``deployments`` are those that it is meant for.
    """

    schema: Literal["fwverify.policy/1"]
    name: Name
    device: Name
    version: Text
    unexplained_max_bytes: Count
    unexplained_entropy_milli: Annotated[int, Meta(ge=0, le=ENTROPY_MILLI)] = ENTROPY_MILLI
    signatures: Signatures
    baseline: BaselineRule
    otherwise: Otherwise
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1)]
    strength: Strength = Strength()
    extends: Name | None = None
    adopt: tuple[Name, ...] = ()
    site: Name | None = None
    threat_level: ThreatLevel = "normal"
    site_class: SiteClass = "low"
    deployments: Annotated[tuple[Deployment, ...], Meta(max_length=2)] = _DEPLOYMENTS
    capabilities: tuple[CapabilityRule, ...] = ()
    crypto: tuple[DatedStrength, ...] = ()
    intake: Intake = Intake()
    jurisdictions: tuple[Jurisdiction, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


class Tightening(_Value, frozen=True, kw_only=True):
    """What a site, or a set of measures that is adopted, asks for on top of a policy.

    Each key can only be stricter than what it is laid over (``tighten``).
    """

    schema: Literal["fwverify.tightening/1"]
    name: Name
    version: Text
    text: Text
    unexplained_max_bytes: Count | None = None
    unexplained_entropy_milli: Annotated[int, Meta(ge=0, le=ENTROPY_MILLI)] | None = None
    otherwise: Otherwise | None = None
    strength: Strength = Strength()
    threat_level: ThreatLevel = "normal"
    site_class: SiteClass = "low"
    deployments: Annotated[tuple[Deployment, ...], Meta(max_length=2)] = _DEPLOYMENTS
    capabilities: tuple[CapabilityRule, ...] = ()
    crypto: tuple[DatedStrength, ...] = ()
    intake: Intake = Intake()
    jurisdictions: tuple[Jurisdiction, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    rules: tuple[Rule, ...] = ()


class Source(_Value, frozen=True, kw_only=True):
    """One document of which a policy was composed, as it stood.

    Over ``class`` and ``ad-hoc`` the digest of the policy begins anew with ``sha256``; an
    ``extends`` or a ``tightening`` makes it that of the digest so far and its own (``load``).
    The text of ``ad-hoc`` is the policy that it gave, as RFC 8785.
    """

    kind: Literal["class", "extends", "tightening", "ad-hoc"]
    name: str
    version: str
    sha256: Sha256
    text: str


class LoadedPolicy(_Value, frozen=True, kw_only=True):
    """A policy and the SHA-256 of the file it was read from.

    With ``parts`` (what was laid over or under it, as ``name version``) the digest is that
    of all of them, in order; ``sources`` are the documents themselves.
    """

    policy: Policy
    sha256: Sha256
    file: str
    parts: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def label(self) -> str:
        """Name and version, as the report calls it."""
        return " + ".join((f"{self.policy.name} {self.policy.version}", *self.parts))


class LoadedTightening(_Value, frozen=True, kw_only=True):
    """A tightening and the SHA-256 of the file it was read from."""

    tightening: Tightening
    sha256: Sha256
    file: str
    text: str = ""

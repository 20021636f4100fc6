"""The case file: what the submitter says of an update, as strict TOML.

The case says who submits what for which product and class, and names roles of members.
It can never change configuration, trust or policy (CONTRACT, "Commands"): it only
selects among what the operator has, and an option on the command line that contradicts
it is an error, never an override.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from fwverify.canonical import digest
from fwverify.model import _Value as Value
from fwverify.strict import InputFileError, load_toml

CASE_SCHEMA = "fwverify.case/1"

ClaimName: TypeAlias = Literal[
    "BACKEND_ALLOW_LIST",
    "CAPTURE_PERIOD",
    "DECLARED_REMOTE_MAINTENANCE",
    "FUNCTIONALLY_EQUIVALENT",
    "MEASURE_ONLY",
    "METER_PUSH_MAX",
    "NO_LOCATION_UPLOAD",
    "NO_RECORDING",
    "NO_REMOTE_MAINTENANCE",
    "NO_REMOTE_OFF",
    "NO_SUPPLIER_READ",
    "NO_SWITCH",
    "NO_WAN_COMMS",
    "ONLY_DECLARED_REGISTERS",
    "STAND_ALONE",
]


class CaseMember(Value, frozen=True, kw_only=True):
    """What the case says of one member; ``path`` is as in ``subject.members``.

    A role never takes a member out of the analysis, hence no ``secret`` here.
    """

    path: str
    role: Literal["update", "part", "signature", "manifest", "release-notes", "other"]
    ecu: str | None = None
    hw_id: str | None = None
    sw_id: str | None = None


class Context(Value, frozen=True, kw_only=True):
    """The deployment for which the verdict is asked."""

    site: str | None = None
    site_class: Literal["low", "medium", "high"] | None = None
    connectivity: Literal["stand-alone", "networked"] | None = None
    threat_level: Literal["normal", "raised", "high"] | None = None


class DeclaredFlow(Value, frozen=True, kw_only=True):
    """A data flow that the vendor declares.

    ``source`` is a source of ``dataflows`` (``location``, ``vin``, ...) or ``*``; ``sink`` is
    a place, a protocol or a file as the report names it, where ``*`` stands for any text.
    """

    source: str
    sink: str
    purpose: str | None = None


class DeclaredClaim(Value, frozen=True, kw_only=True):
    """What vendor, operator or minister states of the product; ``source`` says where it stands.

    ``values`` are the claim's parameters: ``fwverify.claims.declared`` reads them.
    """

    claim: ClaimName
    values: tuple[str, ...] = ()
    source: str | None = None
    stated_by: Literal["vendor", "operator", "minister"] = "vendor"


class Case(Value, frozen=True, kw_only=True, rename={"class_name": "class"}):
    """A case file; ``class_name`` is its key ``class``.

    ``declared_changes`` are paths, patterns or capability ids that the vendor declares.
    With ``declared_flows`` every other data flow is a finding.
    """

    schema: Literal["fwverify.case/1"]
    vendor: str
    product: str
    class_name: str
    id: str | None = None
    version: str | None = None
    submitter: str | None = None
    update_kind: Literal["planned", "corrective"] | None = None
    declared_changes: tuple[str, ...] = ()
    declared_flows: tuple[DeclaredFlow, ...] = ()
    members: tuple[CaseMember, ...] = ()
    context: Context | None = None
    component: str | None = None
    declared_claims: tuple[DeclaredClaim, ...] = ()

    @property
    def label(self) -> str:
        """How the report calls the case: its id, and for what it was asked."""
        asked = f"{self.vendor}/{self.product} ({self.class_name})"
        return f"{self.id}: {asked}" if self.id else asked

    @property
    def context_sha256(self) -> str:
        """The digest of the product class and the deployment context.

        An approval is bound to both: the class chooses the policy, and the case, which
        names it, is the submitter's.
        """
        return digest([self.class_name, self.context])


def load_case(path: Path) -> Case:
    """Return the case in ``path``; raises ``InputFileError``."""
    case = load_toml(path, Case)
    seen: set[str] = set()
    for member in case.members:
        if member.path in seen:
            raise InputFileError(path, None, "members", f"{member.path} is named twice")
        seen.add(member.path)
    claims = [each.claim for each in case.declared_claims]
    for index, claim in enumerate(claims):
        if claim in claims[:index]:
            raise InputFileError(path, None, "declared_claims", f"{claim} is declared twice")
    if case.declared_claims:
        from fwverify.claims.declared import fault

        for index, declared in enumerate(case.declared_claims):
            if (why := fault(declared)) is not None:
                raise InputFileError(path, None, f"declared_claims.{index}", why)
    return case

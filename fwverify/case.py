"""The case file: what the submitter says of an update, as strict TOML.

The case says who submits what for which product and class, who held it when, and for
which deployment the verdict is asked. It can never change configuration, trust or policy
(CONTRACT, "Commands"): it only selects among what the operator has, and an option on the
command line that contradicts it is an error, never an override.

Guarantees: unknown and duplicate keys, wrong types, days and times that do not exist or
run backwards, and names with characters that do not show are each one ``InputFileError``
with file, line and key. Times are RFC 3339 with an offset, days are ISO 8601.

Not checked here: whether what is stated is enough (the policy's ``intake``), whether a
permit is still valid (``policy.checks_intake``, as of ``--at``), whether it is true.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from fwverify.canonical import canonical_json, sha256_hex
from fwverify.model import _Value as Value
from fwverify.people import UnusableText, one_line
from fwverify.strict import InputFileError, line_of, parse_toml, read_bounded

CASE_SCHEMA = "fwverify.case/1"
MAX_CASE_BYTES: Final = 1024 * 1024
MAX_STEPS: Final = 1_000
"""Steps of custody in one case."""

_LATER_CONTEXT_KEYS: Final = ("operator", "profile", "network", "colocated")
"""Keys that the context has had since 0.4; unset they do not enter its digest."""

Steps: TypeAlias = tuple[str | int, ...]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
CaseId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
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
    """The deployment for which the verdict is asked.

    ``site`` is the place's own name, ``profile`` the site profile that applies there;
    ``operator`` runs the equipment, ``network`` names the one that it is on, and
    ``colocated`` the other vendors whose equipment stands in the same room.
    """

    site: str | None = None
    site_class: Literal["low", "medium", "high"] | None = None
    connectivity: Literal["stand-alone", "networked"] | None = None
    threat_level: Literal["normal", "raised", "high"] | None = None
    operator: str | None = None
    profile: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{0,79}$")] | None = None
    network: str | None = None
    colocated: tuple[str, ...] = ()


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


class Rxswin(Value, frozen=True, kw_only=True):
    """The RX software identification number before and after the update (UN R156)."""

    before: str
    after: str


class Custody(Value, frozen=True, kw_only=True):
    """One step of who held the update: ``at`` is RFC 3339, ``person`` does the ``act``."""

    at: str
    person: str
    act: Literal["received", "handed-over", "stored", "checked", "installed", "returned"]
    place: str | None = None
    sha256: Digest | None = None
    note: str | None = None


class Permit(Value, frozen=True, kw_only=True):
    """The permit to work on the equipment; both days are inclusive, in UTC."""

    number: str
    issuer: str
    valid_from: str
    valid_until: str


class Clearance(Value, frozen=True, kw_only=True):
    """A person's clearance: VOG (conduct) or VGB (no objection, security screening)."""

    kind: Literal["VOG", "VGB"]
    person: str
    reference: str
    valid_until: str


class Countersign(Value, frozen=True, kw_only=True):
    """That the operator admitted the person and took note of the work."""

    person: str
    operator: str
    at: str


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
    hardware_id: str | None = None
    ticket: str | None = None
    rxswin: Rxswin | None = None
    declared_claims: tuple[DeclaredClaim, ...] = ()
    custody: Annotated[tuple[Custody, ...], Meta(max_length=MAX_STEPS)] = ()
    permit: Permit | None = None
    clearances: tuple[Clearance, ...] = ()
    countersign: Countersign | None = None

    @property
    def label(self) -> str:
        """How the report calls the case: its id, and for what it was asked."""
        asked = f"{self.vendor}/{self.product} ({self.class_name})"
        return f"{self.id}: {asked}" if self.id else asked

    @property
    def context_sha256(self) -> str:
        """The digest of the product class, the deployment context and the component, if any.

        An approval is bound to them: the class chooses the policy, the component the
        contract, and the case, which names both, is the submitter's.
        """
        return sha256_hex(self.context_document)

    @property
    def context_document(self) -> bytes:
        """What ``context_sha256`` is the digest of (RFC 8785): what a gate's site keeps."""
        named = [self.class_name, _bound(self.context)]
        return canonical_json(named if self.component is None else [*named, self.component])


def _bound(context: Context | None) -> dict[str, Any] | None:
    """Return what of ``context`` is hashed; later keys only where they say something."""
    if context is None:
        return None
    values: dict[str, Any] = msgspec.to_builtins(context)
    return {
        key: value
        for key, value in values.items()
        if key not in _LATER_CONTEXT_KEYS or value not in (None, [], ())
    }


def load_case(path: Path) -> Case:
    """Return the case in ``path``; raises ``InputFileError``."""
    return parse_case(read_bounded(path, MAX_CASE_BYTES), str(path))


def parse_case(data: bytes, file: str) -> Case:
    """Return the case in the TOML text ``data``; ``file`` names it in errors."""
    case = parse_toml(data, file, Case)
    for steps, why in faults(case):
        line = line_of(data.decode("utf-8"), list(steps))
        key = ".".join(str(step) for step in steps)
        raise InputFileError(file, line, key, why)
    return case


def faults(case: Case) -> Iterator[tuple[Steps, str]]:
    """Yield what the types cannot express, with the path of the key."""
    seen: set[str] = set()
    for member in case.members:
        if member.path in seen:
            yield ("members",), f"{member.path} is named twice"
        seen.add(member.path)
    yield from _line_faults(case)
    yield from _custody_faults(case)
    yield from _permit_faults(case)
    yield from _claim_faults(case)


def _claim_faults(case: Case) -> Iterator[tuple[Steps, str]]:
    if not case.declared_claims:
        return
    from fwverify.claims.declared import fault

    claims = [each.claim for each in case.declared_claims]
    for index, each in enumerate(case.declared_claims):
        if each.claim in claims[:index]:
            yield ("declared_claims", index, "claim"), f"{each.claim} is declared twice"
        if (why := fault(each)) is not None:
            yield ("declared_claims", index, "values"), why


def _line_faults(case: Case) -> Iterator[tuple[Steps, str]]:
    """Yield texts that are empty or hold what cannot be seen."""
    for key in ("id", "component", "hardware_id", "ticket", "version", "submitter"):
        yield from _text_fault((key,), getattr(case, key))
    for name, record in (
        ("context", case.context),
        ("rxswin", case.rxswin),
        ("permit", case.permit),
        ("countersign", case.countersign),
    ):
        yield from _record_faults((name,), record)
    for name, records in (("custody", case.custody), ("clearances", case.clearances)):
        for index, each in enumerate(records):
            yield from _record_faults((name, index), each)


def _record_faults(steps: Steps, record: msgspec.Struct | None) -> Iterator[tuple[Steps, str]]:
    for key in () if record is None else record.__struct_fields__:
        value = getattr(record, key)
        texts = value if isinstance(value, tuple) else (value,)
        for text in texts:
            yield from _text_fault((*steps, key), text)


def _text_fault(steps: Steps, text: str | None) -> Iterator[tuple[Steps, str]]:
    if text is None:
        return
    try:
        one_line(str(steps[-1]), text)
    except UnusableText as error:
        yield steps, str(error)


def _custody_faults(case: Case) -> Iterator[tuple[Steps, str]]:
    before: datetime | None = None
    for index, step in enumerate(case.custody):
        at = time_of(step.at)
        if at is None:
            yield ("custody", index, "at"), f"{step.at[:80]} is no RFC 3339 time with an offset"
        elif before is not None and at < before:
            yield ("custody", index, "at"), f"{step.at} is before the step that stands above it"
        before = at or before
    signed = case.countersign
    if signed is not None and time_of(signed.at) is None:
        yield ("countersign", "at"), f"{signed.at[:80]} is no RFC 3339 time with an offset"


def _permit_faults(case: Case) -> Iterator[tuple[Steps, str]]:
    days: list[tuple[Steps, str]] = [
        (("clearances", index, "valid_until"), each.valid_until)
        for index, each in enumerate(case.clearances)
    ]
    if case.permit is not None:
        days += [
            (("permit", "valid_from"), case.permit.valid_from),
            (("permit", "valid_until"), case.permit.valid_until),
        ]
    for steps, text in days:
        if day_of(text) is None:
            yield steps, f"{text[:80]} is no day (YYYY-MM-DD)"
    if case.permit is not None:
        first, last = day_of(case.permit.valid_from), day_of(case.permit.valid_until)
        if first is not None and last is not None and last < first:
            yield ("permit", "valid_until"), "the permit ends before it begins"


def day_of(text: str) -> date | None:
    """Return the day that ``text`` (YYYY-MM-DD) names, or None where there is no such day."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def time_of(text: str) -> datetime | None:
    """Return the RFC 3339 time ``text``, or None where it is none or has no offset."""
    if len(text) < len("2026-01-01T00:00:00Z") or text[10:11] not in ("T", "t", " "):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.tzinfo is None else at

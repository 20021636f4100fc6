"""``policy/`` and ``inputs/`` of a package: what steered the decision, by digest and in words.

Guarantees: ``files`` are a function of the report as its reader sees it and of what steered
it; every digest that the report names for case and policy can be computed again from them
(``fault`` does): ``inputs/case.json`` has the report's digest of the case, and the documents
in ``policy/`` give, in the order of ``policy.json``, the digest of the policy. What is not
there is named in ``absent`` with the reason. ``inputs.json`` names the report, so that it
fits no other one.

A package for type approval holds nothing of what the national-security overlay alone asks
for: no rule or capability of it, no table of jurisdictions, and no document in which such a
one stands; the digest of that document stays. A package that is published holds none of
these files (``redact``).

Not checked: that the policy is what its documents give (replay does), and the digests of
configuration, trust store, rules and supplier register, which are over files that do not
travel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeVar

import msgspec

from fwverify.canonical import canonical_json, digest, sha256_hex
from fwverify.evidence.steering import Asked, ConfigUsed, KeyUsed, PolicyUsed, Steering, plain
from fwverify.model import Counter, Digests, Overlay, Report, Sha256
from fwverify.model import _Value as Value
from fwverify.policy.model import Policy, Source
from fwverify.reader import Malformed
from fwverify.strict import NOT_JSON

INPUTS: Final = "inputs/inputs.json"
CASE: Final = "inputs/case.json"
VENDOR: Final = "inputs/vendor.toml"
POLICY: Final = "policy/policy.json"
PDF: Final = "reports/report.pdf"
FOLDERS: Final = ("inputs/", "policy/")
MAX_STEPS: Final = 64
_NOT_KEPT: Final = "what steered the decision was not at hand when the package was built"
_OTHER: Final = "rules of the other overlay stand in it"

Read = TypeVar("Read", bound=Value)


class Annex(Value, frozen=True, kw_only=True):
    """Whether the package holds the annex as PDF, made with what; ``why`` it does not."""

    present: bool
    why: str = ""
    tool: str = ""


class Step(Value, frozen=True, kw_only=True):
    """One document of the policy. ``file`` is null where ``why`` it is not in the package."""

    kind: Literal["class", "extends", "tightening", "ad-hoc"]
    name: str
    version: str
    sha256: Sha256
    file: str | None
    why: str = ""


class Packaged(Value, frozen=True, kw_only=True):
    """``policy.json``; ``left_out`` says why ``effective`` is not the whole policy."""

    schema: Literal["fwverify.package-policy/1"] = "fwverify.package-policy/1"
    label: str
    sha256: Sha256
    steps: tuple[Step, ...]
    effective: dict[str, object]
    left_out: str = ""


class CatalogueUsed(Value, frozen=True, kw_only=True):
    """One regulation map's catalogue: its digest is over its RFC 8785 form."""

    id: str
    version: str
    sha256: Sha256


class Trusted(Value, frozen=True, kw_only=True):
    """The trust rule that applied; the digest is that of ``vendor.toml``."""

    rule: str
    keys: tuple[KeyUsed, ...]
    vendor_sha256: Sha256 | None


class Inputs(Value, frozen=True, kw_only=True):
    """``inputs.json``. ``report`` is the digest that ``decision.json`` states."""

    schema: Literal["fwverify.inputs/1"] = "fwverify.inputs/1"
    report: Sha256
    digests: Digests
    catalogues: tuple[CatalogueUsed, ...]
    annex: Annex
    absent: tuple[str, ...]
    asked: Asked | None = None
    config: ConfigUsed | None = None
    trust: Trusted | None = None
    accepted: tuple[Counter, ...] = ()
    revoked: int = 0


def files(
    seen: Report, steering: Steering | None, annex: Annex, overlay: Overlay | None
) -> dict[str, bytes]:
    """Return ``policy/`` and ``inputs/`` of the package of ``seen``.

    ``overlay`` is the one whose package it is, None for that of both.
    """
    made: dict[str, bytes] = {}
    absent: list[str] = []
    if steering is None:
        absent.append(f"{CASE}, {POLICY}, {VENDOR}: {_NOT_KEPT}")
    else:
        made |= _case(steering, absent) | _policy(steering.policy, overlay, absent)
        made |= _vendor(steering, absent)
    if not annex.present:
        absent.append(f"{PDF}: {annex.why}")
    vendor = made.get(VENDOR)
    told = Inputs(
        report=seen.core_sha256,
        digests=seen.digests,
        catalogues=_catalogues(),
        annex=annex,
        absent=tuple(sorted(absent)),
        asked=steering.asked if steering else None,
        config=steering.config if steering else None,
        trust=None
        if steering is None or steering.trust is None
        else Trusted(
            rule=steering.trust.rule,
            keys=steering.trust.keys,
            vendor_sha256=sha256_hex(vendor) if vendor is not None else None,
        ),
        accepted=steering.accepted if steering else (),
        revoked=steering.revoked if steering else 0,
    )
    return made | {INPUTS: canonical_json(told)}


def _case(steering: Steering, absent: list[str]) -> dict[str, bytes]:
    if steering.case is None:
        absent.append(f"{CASE}: there was no case")
        return {}
    return {CASE: canonical_json(steering.case)}


def _vendor(steering: Steering, absent: list[str]) -> dict[str, bytes]:
    trust = steering.trust
    if trust is not None and trust.vendor is not None:
        return {VENDOR: trust.vendor.encode()}
    absent.append(f"{VENDOR}: {'no trust rule applied' if trust is None else 'an ad hoc rule'}")
    return {}


def _catalogues() -> tuple[CatalogueUsed, ...]:
    from fwverify.catalogue.load import shipped
    from fwverify.evidence.layout import CATALOGUES

    return tuple(
        CatalogueUsed(id=each.id, version=each.version, sha256=digest(each))
        for each in sorted(shipped(), key=lambda each: each.id)
        if each.id in CATALOGUES
    )


# --- the policy ----------------------------------------------------------------------------


def _policy(
    used: PolicyUsed | None, overlay: Overlay | None, absent: list[str]
) -> dict[str, bytes]:
    if used is None:
        absent.append(f"{POLICY}: there was no policy")
        return {}
    made: dict[str, bytes] = {}
    steps: list[Step] = []
    for number, source in enumerate(used.sources, start=1):
        kind = "json" if source.kind == "ad-hoc" else "toml"
        name: str | None = f"policy/{number:02}.{kind}"
        if overlay is not None and _is_of_another(source, overlay):
            name = None
        else:
            made[str(name)] = source.text.encode()
        steps.append(_step(source, name))
    seen = used.effective if overlay is None else reduced(used.effective, overlay)
    told = Packaged(
        label=used.label,
        sha256=used.sha256,
        steps=tuple(steps),
        effective=plain(seen),
        left_out="" if seen == used.effective else _OTHER,
    )
    return made | {POLICY: canonical_json(told)}


def _step(source: Source, name: str | None) -> Step:
    return Step(
        kind=source.kind,
        name=source.name,
        version=source.version,
        sha256=source.sha256,
        file=name,
        why="" if name else _OTHER,
    )


def reduced(policy: Policy, overlay: Overlay) -> Policy:
    """Return ``policy`` without what another overlay than ``overlay`` alone asks for.

    The table of jurisdictions is left out with the rules that ask about one.
    """
    rules = tuple(
        msgspec.structs.replace(one, overlays=(overlay,))
        for one in policy.rules
        if overlay in one.overlays
    )
    asks = any(
        condition.field in ("jurisdiction", "outside") for one in rules for condition in one.when
    )
    return msgspec.structs.replace(
        policy,
        rules=rules,
        capabilities=tuple(
            msgspec.structs.replace(one, overlays=(overlay,))
            for one in policy.capabilities
            if overlay in one.overlays
        ),
        jurisdictions=policy.jurisdictions if asks else (),
    )


def _is_of_another(source: Source, overlay: Overlay) -> bool:
    """Return whether something of ``source`` is for another overlay than ``overlay`` alone.

    It is read as the form it has; what cannot be read is not shown.
    """
    try:
        tree = (
            msgspec.json.decode(source.text)
            if source.kind == "ad-hoc"
            else msgspec.toml.decode(source.text)
        )
    except msgspec.DecodeError:
        return True
    if not isinstance(tree, dict) or tree.get("jurisdictions"):
        return True
    listed = [*tree.get("rules", ()), *tree.get("capabilities", ())]
    return any(overlay not in one.get("overlays", (overlay,)) for one in listed)


# --- checking ----------------------------------------------------------------------------------


def is_steering(name: str) -> bool:
    """Return whether a file of a package is one of those here, or the annex."""
    return name.startswith(FOLDERS) or name == PDF


def read_inputs(present: Mapping[str, bytes]) -> Inputs:
    """Return ``inputs.json``. Raises ``Malformed``."""
    return _read(present, INPUTS, Inputs)


def _read(present: Mapping[str, bytes], name: str, kind: type[Read]) -> Read:
    try:
        return msgspec.json.decode(present[name], type=kind)
    except KeyError as error:
        raise Malformed(0, name, "is absent") from error
    except NOT_JSON as error:
        raise Malformed(0, name, f"cannot be read: {error}") from error


def fault(present: Mapping[str, bytes], report: Report) -> str:
    """Return why these are not the files of what steered ``report``; "" where they are.

    ``report`` is the one that the package holds. Raises ``Malformed`` for a file that is
    absent or cannot be read.
    """
    told = read_inputs(present)
    if told.report != report.core_sha256 or told.digests != report.digests:
        return f"{INPUTS} is that of another report"
    wanted = {INPUTS}
    steered = told.asked is not None
    if steered and report.digests.case is not None:
        wanted.add(CASE)
        if sha256_hex(present.get(CASE, b"")) != report.digests.case:
            return f"{CASE} is not the case that the report names"
    if told.trust is not None and told.trust.vendor_sha256 is not None:
        wanted.add(VENDOR)
        if sha256_hex(present.get(VENDOR, b"")) != told.trust.vendor_sha256:
            return f"{VENDOR} is not the file that {INPUTS} names"
    if steered and report.digests.policy is not None:
        packaged = _read(present, POLICY, Packaged)
        wanted |= {POLICY, *(one.file for one in packaged.steps if one.file is not None)}
        if why := _policy_fault(present, packaged, report.digests.policy):
            return why
    if told.annex.present:
        wanted.add(PDF)
    there = {name for name in present if is_steering(name)}
    if there != wanted:
        return f"{min(there ^ wanted)} is {'absent' if wanted - there else 'not accounted for'}"
    return ""


def _policy_fault(present: Mapping[str, bytes], packaged: Packaged, sha256: str) -> str:
    """Return why the documents in ``policy/`` do not give the digest ``sha256``."""
    if len(packaged.steps) > MAX_STEPS:
        return f"{POLICY} names more than {MAX_STEPS} documents"
    for one in packaged.steps:
        if one.file is not None and sha256_hex(present.get(one.file, b"")) != one.sha256:
            return f"{one.file} is not the document that {POLICY} names"
    if composed(packaged.steps) != sha256 or packaged.sha256 != sha256:
        return f"{POLICY} is not the policy that the report names"
    return ""


def composed(steps: tuple[Step, ...]) -> str:
    """Return the digest of the policy that is composed of ``steps``; "" of none."""
    total = ""
    for one in steps:
        begins = one.kind in ("class", "ad-hoc")
        total = one.sha256 if begins else digest([total, one.sha256])
    return total

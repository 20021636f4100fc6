"""Makes a case that states everything a policy can ask for."""

from __future__ import annotations

import msgspec

from fwverify.case import Case, Clearance, Context, Countersign, Custody, Permit, Rxswin
from fwverify.policy.model import Policy
from tests.builders.facts import good_facts


def full_case(**changes) -> Case:
    """Return a case that meets every requirement at the time of ``good_facts``."""
    fields = {
        "schema": "fwverify.case/1",
        "vendor": "acme",
        "product": "gateway",
        "class_name": "generic",
        "id": "2026-001",
        "version": "2.0",
        "submitter": "Intake Desk",
        "update_kind": "planned",
        "declared_changes": ("bin/*",),
        "component": "gateway",
        "hardware_id": "GW-7",
        "ticket": "T-1",
        "rxswin": Rxswin(before="R1", after="R2"),
        "context": full_context(),
        "custody": (
            Custody(at="2026-11-20T08:00:00Z", person="A. Carrier", act="received"),
            Custody(at="2026-11-20T09:00:00+01:00", person="B. Keeper", act="stored"),
        ),
        "permit": Permit(
            number="P-7", issuer="Port", valid_from="2026-01-01", valid_until="2026-12-31"
        ),
        "clearances": (clearance("VGB"), clearance("VOG")),
        "countersign": Countersign(
            person="O. Perator", operator="Customs", at="2026-11-21T11:00:00Z"
        ),
    }
    return Case(**(fields | changes))


def clearance(kind: str, until: str = "2027-01-01") -> Clearance:
    return Clearance(kind=kind, person="M. Onteur", reference=f"{kind}-1", valid_until=until)


def full_context(**changes) -> Context:
    fields = {
        "site": "Hall 3",
        "site_class": "low",
        "connectivity": None,
        "threat_level": "normal",
        "operator": "Customs",
    }
    return Context(**(fields | changes))


def case_for(policy: Policy, **changes) -> Case:
    """Return a full case for the class and the deployment that ``policy`` is meant for."""
    only = policy.deployments[0] if len(policy.deployments) == 1 else "networked"
    context = full_context(connectivity=only)
    return full_case(**({"class_name": policy.device, "context": context} | changes))


def facts_for(policy: Policy, **changes):
    """Return facts that earn ALLOW under ``policy``."""
    return good_facts(**({"case": case_for(policy)} | changes))


def with_context(case: Case, **changes) -> Case:
    context = msgspec.structs.replace(case.context or Context(), **changes)
    return msgspec.structs.replace(case, context=context)

"""What the types of a policy cannot express, each with the path of its key.

Guarantees: a relaxation without a reason, a rule whose condition has no meaning, two
rules of one name, a knock-out that does not deny or that asks whether the baseline had
the finding (a knock-out in a baseline still denies: EVIDENCE, "Onboarding"), days and
networks that do not exist, and an escalation of what already denies are each a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from fwverify.case import day_of
from fwverify.places import network_of
from fwverify.policy.checks_capability import names
from fwverify.policy.conditions import check
from fwverify.policy.model import CapabilityRule, Policy, Rule, Tightening
from fwverify.policy.situation import LAST_DAY, strength_on

RESERVED_PREFIXES: Final = (
    "ad_hoc.",
    "allow",
    "baseline.",
    "capability.",
    "claim.",
    "component.",
    "context.",
    "coverage.",
    "decide.",
    "intake.",
    "neighbour.",
    "otherwise",
    "policy.",
    "signature.",
    "stage.",
    "supplier.",
    "trust.",
    "unpack.",
)
Steps: TypeAlias = tuple[str | int, ...]


def policy_faults(policy: Policy, capabilities: tuple[str, ...]) -> Iterator[tuple[Steps, str]]:
    """Yield the faults of ``policy``, in the order of the file's tables."""
    if not policy.signatures.required and not (policy.signatures.reason or "").strip():
        yield ("signatures", "reason"), "required = false needs a reason"
    if not policy.baseline.approved_required and not (policy.baseline.reason or "").strip():
        yield ("baseline", "reason"), "approved_required = false needs a reason"
    yield from shared_faults(policy, capabilities)
    try:
        strength_on(policy, LAST_DAY)
    except ValueError as error:
        yield ("crypto",), str(error)


def shared_faults(
    document: Policy | Tightening, capabilities: tuple[str, ...]
) -> Iterator[tuple[Steps, str]]:
    """Yield the faults that a policy and a tightening can have."""
    if document.otherwise is not None and not document.otherwise.next.action.strip():
        yield ("otherwise", "next"), "the action is empty"
    seen: set[str] = set()
    for index, rule in enumerate(document.rules):
        if rule.id in seen:
            yield ("rules", index, "id"), f"a second rule {rule.id}"
        seen.add(rule.id)
        for name, fault in _rule_faults(rule, capabilities):
            yield ("rules", index, name), fault
    for index, entry in enumerate(document.capabilities):
        for name, fault in _capability_faults(entry, capabilities):
            yield ("capabilities", index, name), fault
    yield from _table_faults(document)


def _rule_faults(rule: Rule, capabilities: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if rule.id.startswith(RESERVED_PREFIXES):
        yield "id", f"{rule.id} is a name the program itself uses"
    if len(set(rule.overlays)) != len(rule.overlays):
        yield "overlays", "an overlay is named twice"
    if not rule.next.action.strip():
        yield "next", "the action is empty"
    for condition in rule.when:
        fault = check(condition, capabilities, rule.over)
        if fault is not None:
            yield "when", f"{condition.field}: {fault}"
    if rule.knock_out and rule.verdict != "DENY":
        yield "knock_out", "a knock-out must be DENY"
    if rule.knock_out and any(each.field in ("in_baseline", "added") for each in rule.when):
        field = "in_baseline" if rule.over == "finding" else "added"
        yield "when", f"a knock-out must not depend on {field}"
    if rule.from_date is not None and day_of(rule.from_date) is None:
        yield "from_date", f"{rule.from_date} is no day (YYYY-MM-DD)"
    for name in ("deny_from_threat", "deny_from_site_class"):
        if rule.verdict == "DENY" and getattr(rule, name) is not None:
            yield name, "a rule that is DENY already cannot become graver"


def _capability_faults(
    entry: CapabilityRule, capabilities: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    if capabilities and not any(names(entry, each) for each in capabilities):
        yield "id", f"{entry.id!r} is no capability of the taxonomy"
    if entry.stance == "allowed" and not (entry.reason or "").strip():
        yield "reason", "allowed needs a reason"
    if len(set(entry.overlays)) != len(entry.overlays):
        yield "overlays", "an overlay is named twice"


def _table_faults(document: Policy | Tightening) -> Iterator[tuple[Steps, str]]:
    for index, dated in enumerate(document.crypto):
        if day_of(dated.from_date) is None:
            yield ("crypto", index, "from_date"), f"{dated.from_date} is no day (YYYY-MM-DD)"
        if (dated.min_rsa_bits, dated.min_ec_bits, dated.digests) == (None, None, None):
            yield ("crypto", index), "states no floor"
    for index, entry in enumerate(document.jurisdictions):
        for steps, fault in _place_faults(entry.hosts, entry.networks):
            yield ("jurisdictions", index, *steps), fault
    for index, neighbour in enumerate(document.neighbours):
        for steps, fault in _place_faults(neighbour.hosts, neighbour.networks):
            yield ("neighbours", index, *steps), fault
    if len(set(document.deployments)) != len(document.deployments):
        yield ("deployments",), "a deployment is named twice"
    if not document.deployments:
        yield ("deployments",), "names none: nothing could be deployed"


def _place_faults(hosts: tuple[str, ...], networks: tuple[str, ...]) -> Iterator[tuple[Steps, str]]:
    if not hosts and not networks:
        yield (), "names neither hosts nor networks"
    for host in hosts:
        if not host.strip(".") or not host.isascii() or any(each in host for each in "*/: "):
            yield ("hosts",), f"{host!r} is no host suffix"
    for text in networks:
        if network_of(text) is None:
            yield ("networks",), f"{text!r} is no network (CIDR)"

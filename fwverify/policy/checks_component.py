"""Is a component judged as its own class, and does it keep to its interface contract.

Guarantees: where the supplier register gives the case's component a class, an update that
asks to be judged as another class is DENY. Where it gives a contract, each claim of it that
the case does not declare is INCOMPLETE (a declared one is the claims' to judge), and each
interface beyond it is DENY with "re-test", whoever supplies it: an ability to speak with
others, a place that is named, or a port that is listened on. Two suppliers' versions are
thus held to one and the same contract. Without class and contract nothing is said.

Not checked: interfaces without any trace in the update, and how the parts are wired.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from fwverify.claims.declared import second_claim
from fwverify.claims.seen import host, within
from fwverify.model import Verdict
from fwverify.places import INSIDE, fit, is_self, overlaps
from fwverify.policy.facts import Facts
from fwverify.policy.judged import Judged, judged, listed
from fwverify.policy.model import Policy
from fwverify.suppliers.model import Contract
from fwverify.suppliers.supply import ComponentSupply

INTERFACES: Final = (
    "can.",
    "diag.",
    "exfil.",
    "lateral.",
    "meter.comms",
    "meter.push",
    "modem.",
    "net.",
    "remote.",
    "tunnel.",
    "update.",
)
"""The abilities that are an interface to others."""


def class_is_the_components(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """DENY a component that asks to be judged as another class than the register's."""
    part = _part(facts)
    if part is None or part.device is None or facts.supply is None:
        return
    asked = facts.supply.context.partition("/")[0]
    if asked != part.device:
        yield judged(
            "component.class",
            Verdict.DENY,
            f"{part.name} is judged as class {part.device}, and the case says {asked}",
            "approver",
            "test it as the class of its component",
        )


def contract_claimed(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """INCOMPLETE for claims of the contract that the case does not declare."""
    part = _part(facts)
    if part is None or part.contract is None:
        return
    stated = {
        (each.claim, tuple(sorted(each.values)))
        for each in (facts.case.declared_claims if facts.case else ())
    }
    missing = [each for each in part.contract.claims if second_claim(each) not in stated]
    if missing:
        yield judged(
            "component.claims",
            Verdict.INCOMPLETE,
            f"the contract of {part.name} promises what the case does not declare: "
            f"{listed(missing)}",
            "vendor",
            "declare every claim of the contract",
        )


def contract_kept(facts: Facts, _policy: Policy) -> Iterable[Judged]:
    """DENY interfaces that the contract of the component does not name."""
    part = _part(facts)
    if part is None or part.contract is None:
        return
    further = (*_abilities(facts, part.contract), *_places(facts, part.contract))
    if further:
        yield judged(
            "component.interface",
            Verdict.DENY,
            f"re-test: {part.name} has interfaces beyond its contract: {listed(further)}",
            "approver",
            "test the new interface, and change the contract for every supplier",
        )


def _part(facts: Facts) -> ComponentSupply | None:
    return None if facts.supply is None else facts.supply.component


def _abilities(facts: Facts, contract: Contract) -> Iterator[str]:
    for each in facts.findings:
        name = each.capability
        if within(name, INTERFACES) and not within(name, contract.capabilities):
            yield f"{name} in {each.path}"


def _places(facts: Facts, contract: Contract) -> Iterator[str]:
    """Yield endpoints, inside addresses and ports that the contract does not name."""
    if facts.analysed is None:
        return
    for place in facts.analysed.endpoints:
        name = host(place)
        if not is_self(name) and not _named(name, contract):
            yield f"{name} in {place.path}"
    for file in facts.analysed.facts:
        for fact in file.facts:
            if fact.kind == INSIDE and not _named(fact.text, contract):
                yield f"{fact.text} in {file.path}"
    for service in facts.analysed.services:
        for port in service.listens:
            if port not in contract.listens:
                yield f"{port} of {service.name} in {service.path}"


def _named(place: str, contract: Contract) -> bool:
    if "/" in place:
        return overlaps(place, contract.networks, wholly=True)
    return place in contract.hosts or fit(place, contract.hosts, contract.networks) >= 0

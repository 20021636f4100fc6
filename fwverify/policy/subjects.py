"""Rows of the inventory, as a policy's rules ask about them.

Guarantees: each endpoint, account, key and service of the analysis is one row, with
whether it is new against the baseline (``added``; without a comparison everything is new),
and each endpoint with the country whose law it lies under (``places``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from fwverify.model import Account, Endpoint, Key, Service
from fwverify.places import UNKNOWN, host_of, is_outside, jurisdiction
from fwverify.policy.facts import Facts
from fwverify.policy.model import Policy


@dataclass(frozen=True)
class Row:
    """One row; fields that its kind has not are empty. ``shown`` is for people."""

    path: str
    added: bool
    shown: str
    kind: str = ""
    value: str = ""
    name: str = ""
    state: str = ""
    fingerprint: str = ""
    starts: str = ""
    jurisdiction: str = UNKNOWN
    outside: bool = False


def endpoints(facts: Facts, policy: Policy) -> tuple[Row, ...]:
    """Return the endpoints with their jurisdiction, sorted as the analysis has them."""
    found = () if facts.analysed is None else facts.analysed.endpoints
    new = _added(facts, "endpoints_added")
    return tuple(_endpoint(each, policy, new) for each in found)


def _endpoint(each: Endpoint, policy: Policy, new: Collection[object] | None) -> Row:
    host = host_of(each.value)
    country = jurisdiction(host, policy.jurisdictions)
    return Row(
        path=each.path,
        added=new is None or each in new,
        shown=f"{each.value} ({country}) in {each.path}",
        kind=each.kind,
        value=each.value,
        jurisdiction=country,
        outside=is_outside(host),
    )


def accounts(facts: Facts, _policy: Policy) -> tuple[Row, ...]:
    """Return the accounts."""
    found: tuple[Account, ...] = () if facts.analysed is None else facts.analysed.accounts
    new = _added(facts, "accounts_added")
    return tuple(
        Row(
            path=each.path,
            added=new is None or each in new,
            shown=f"{each.name} ({each.state}) in {each.path}",
            name=each.name,
            state=each.state,
        )
        for each in found
    )


def keys(facts: Facts, _policy: Policy) -> tuple[Row, ...]:
    """Return the keys and certificates."""
    found: tuple[Key, ...] = () if facts.analysed is None else facts.analysed.keys
    new = _added(facts, "keys_added")
    return tuple(
        Row(
            path=each.path,
            added=new is None or each in new,
            shown=f"{each.kind} {each.fingerprint[:16]} in {each.path}",
            kind=each.kind,
            fingerprint=each.fingerprint,
        )
        for each in found
    )


def services(facts: Facts, _policy: Policy) -> tuple[Row, ...]:
    """Return what runs."""
    found: tuple[Service, ...] = () if facts.analysed is None else facts.analysed.services
    new = _added(facts, "services_added")
    return tuple(
        Row(
            path=each.path,
            added=new is None or each in new,
            shown=f"{each.name} in {each.path}",
            name=each.name,
            kind=each.kind,
            starts=each.starts,
        )
        for each in found
    )


def _added(facts: Facts, name: str) -> Collection[object] | None:
    """Return the rows that the comparison calls new; None where nothing was compared."""
    if facts.compared is None or facts.baseline is None:
        return None
    return frozenset(getattr(facts.compared.delta, name))

"""Rows of the inventory, as a policy's rules ask about them.

Guarantees: each endpoint, account, key and service of the analysis is one row, with
whether it is new against the baseline (``added``; without a comparison everything is new),
and each endpoint with the country whose law it lies under.

The jurisdiction is looked up offline: first what the policy states (host suffixes and
networks, the longest match counts), then the country that a two-letter top-level domain
stands for (ISO 3166-1; ``uk`` is GB, ``eu`` is EU). Everything else is ``unknown``, which a
rule can name: it is never left out. A domain says who registers names there, not where the
machine stands; the policy's own table is the place for what somebody found out.

Specification: RFC 1123 (host names), RFC 6890 (addresses that are not global).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from fwverify.model import Account, Endpoint, Key, Service
from fwverify.policy.facts import Facts
from fwverify.policy.model import Jurisdiction, Policy

UNKNOWN: Final = "unknown"
_SPECIAL_TLD: Final = {"uk": "GB", "ac": "SH", "su": "RU"}
_INSIDE: Final = ("local", "localhost", "lan", "internal", "home", "test", "invalid", "example")
_AUTHORITY: Final = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//(?:[^/?#@]*@)?([^/?#]*)", re.IGNORECASE)
_PORT: Final = re.compile(r":\d{1,5}$")
_MAX_HOST: Final = 255

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


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


def host_of(value: str) -> str:
    """Return the host of ``value`` (URL, host, address, mail address) in lower case."""
    found = _AUTHORITY.match(value)
    text = found[1] if found else value.rpartition("@")[2]
    if text.startswith("["):
        return text[1:].partition("]")[0].lower()
    if text.count(":") <= 1:
        text = _PORT.sub("", text)
    return text.rstrip(".").lower()[:_MAX_HOST]


def is_outside(host: str) -> bool:
    """Return whether ``host`` leads out of a closed network; a doubt counts as outside."""
    address = _address(host)
    if address is not None:
        return address.is_global and not address.is_multicast
    return "." in host and host.rpartition(".")[2] not in _INSIDE


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def jurisdiction(host: str, table: Iterable[Jurisdiction]) -> str:
    """Return the country code of ``host`` or ``unknown``; the longest entry that fits counts."""
    address = _address(host)
    best = (-1, UNKNOWN)
    for entry in table:
        for size in _fits(host, address, entry):
            best = max(best, (size, entry.country))
    if best[0] >= 0:
        return best[1]
    domain = host.rpartition(".")[2]
    if address is None and "." in host and len(domain) == 2 and domain.isalpha():
        return _SPECIAL_TLD.get(domain, domain.upper()) if domain.isascii() else UNKNOWN
    return UNKNOWN


def _fits(host: str, address: Address | None, entry: Jurisdiction) -> Iterable[int]:
    """Yield how much of ``host`` each entry that fits pins down."""
    if address is None:
        for suffix in entry.hosts:
            bare = suffix.lower().strip(".")
            if host == bare or host.endswith(f".{bare}"):
                yield len(bare)
        return
    for text in entry.networks:
        network = network_of(text)
        if network is not None and address.version == network.version and address in network:
            yield network.prefixlen


def network_of(text: str) -> Network | None:
    """Return the network that ``text`` (CIDR) names, or None."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None

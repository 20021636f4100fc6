"""Hosts of endpoints: which they are, whether they lie outside, under whose law.

Guarantees: pure and offline. A jurisdiction is looked up in the operator's table first
(host suffixes and networks, the longest match counts), then by the two-letter top-level
domain (ISO 3166-1; ``uk`` is GB, ``eu`` is EU). Everything else is ``unknown`` and is said
so: it is never left out. A domain says who registers names there, not where the machine
stands; what somebody found out belongs into the operator's table.

An address counts as the address whatever its spelling: within IPv6 (``::ffff:8.8.8.8``),
and in the classic forms that resolvers still take (``134744072``, ``0x8.8.8.8``, ``8.8.2056``).

Specification: RFC 3986 (authority), RFC 1123 (host names), RFC 4291 section 2.5.5 (IPv4
within IPv6), RFC 6890 (addresses that are not global), RFC 3490 section 3.1 (what counts as
a dot), POSIX ``inet_addr`` (classic forms).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

from fwverify.model import _Value as Value

UNKNOWN: Final = "unknown"
INSIDE: Final = "inside address"
"""The kind of fact that an address or a network (CIDR) inside a network is."""

_SPECIAL_TLD: Final = {"uk": "GB", "ac": "SH", "su": "RU"}
_INSIDE: Final = ("local", "localhost", "lan", "internal", "home", "test", "invalid", "example")
_AUTHORITY: Final = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//(?:[^/?#@]*@)?([^/?#]*)", re.IGNORECASE)
_PORT: Final = re.compile(r":\d{1,5}$")
_DOTS: Final = str.maketrans("\u3002\uff0e\uff61", "...")
_CLASSIC: Final = re.compile(r"0x[0-9a-f]{1,16}|[0-9]{1,16}")
_CLASSIC_PARTS: Final = 4
_MAX_HOST: Final = 255
_COUNTRY_LETTERS: Final = 2

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class Jurisdiction(Value, frozen=True, kw_only=True):
    """Host suffixes and networks (CIDR) that lie under the law of ``country`` (ISO 3166).

    ``source`` says where that was read, and when.
    """

    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")]
    source: Annotated[str, Meta(min_length=1, max_length=500)]
    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


def host_of(value: str) -> str:
    """Return the host of ``value`` (URL, host, address, mail address) in lower case."""
    found = _AUTHORITY.match(value)
    text = found[1] if found else value.rpartition("@")[2]
    if text.startswith("["):
        return text[1:].partition("]")[0].lower()
    if text.count(":") <= 1:
        text = _PORT.sub("", text)
    return text.translate(_DOTS).rstrip(".").lower()[:_MAX_HOST]


def is_outside(host: str) -> bool:
    """Return whether ``host`` leads out of a closed network; a doubt counts as outside."""
    address = address_of(host)
    if address is not None:
        return address.is_global and not address.is_multicast
    return "." in host and host.rpartition(".")[2] not in _INSIDE


def is_self(host: str) -> bool:
    """Return whether ``host`` is the device itself or nobody."""
    address = address_of(host)
    if address is not None:
        return address.is_loopback or address.is_unspecified
    return host in ("", "localhost")


def address_of(host: str) -> Address | None:
    """Return the address that ``host`` is, or None; IPv4 within IPv6 is the IPv4 address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _classic(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _classic(host: str) -> Address | None:
    """Return the address of one to four octal, decimal or ``0x`` numbers, or None.

    The last number fills the bytes that the others leave.
    """
    parts = host.lower().split(".")
    if len(parts) > _CLASSIC_PARTS or not all(_CLASSIC.fullmatch(each) for each in parts):
        return None
    try:
        *leading, last = (int(each, _base(each)) for each in parts)
    except ValueError:
        return None
    room = 8 * (_CLASSIC_PARTS - len(leading))
    if last >> room or any(each >> 8 for each in leading):
        return None
    value = last
    for index, each in enumerate(leading):
        value |= each << (24 - 8 * index)
    return ipaddress.IPv4Address(value)


def _base(digits: str) -> int:
    """Return the base that C reads ``digits`` in."""
    if digits.startswith("0x"):
        return 16
    return 8 if digits.startswith("0") and len(digits) > 1 else 10


def network_of(text: str) -> Network | None:
    """Return the network that ``text`` (CIDR) names, or None."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def jurisdiction(host: str, table: Iterable[Jurisdiction]) -> str:
    """Return the country of ``host`` or ``unknown``; the longest entry that fits counts."""
    best = max(
        ((fit(host, entry.hosts, entry.networks), entry.country) for entry in table),
        default=(-1, UNKNOWN),
    )
    if best[0] >= 0:
        return best[1]
    address = address_of(host)
    domain = host.rpartition(".")[2]
    country = len(domain) == _COUNTRY_LETTERS and domain.isalpha() and domain.isascii()
    if address is None and "." in host and country:
        return _SPECIAL_TLD.get(domain, domain.upper())
    return UNKNOWN


def fit(host: str, hosts: Iterable[str], networks: Iterable[str]) -> int:
    """Return how much of ``host`` the longest suffix or network that fits pins down, or -1."""
    return max(_fits(host, address_of(host), hosts, networks), default=-1)


def overlaps(text: str, networks: Iterable[str], *, wholly: bool = False) -> bool:
    """Return whether the network ``text`` meets, or is ``wholly`` in, one of ``networks``."""
    network = network_of(text)
    for each in map(network_of, networks):
        if network is None or each is None or each.version != network.version:
            continue
        inside = network.prefixlen >= each.prefixlen
        if each.overlaps(network) and (inside or not wholly):
            return True
    return False


def _fits(
    host: str, address: Address | None, hosts: Iterable[str], networks: Iterable[str]
) -> Iterator[int]:
    """Yield how much of ``host`` each suffix or network that fits pins down."""
    if address is None:
        for suffix in hosts:
            bare = suffix.lower().strip(".")
            if host == bare or host.endswith(f".{bare}"):
                yield len(bare)
        return
    for text in networks:
        network = network_of(text)
        if network is not None and address.version == network.version and address in network:
            yield network.prefixlen

"""Fixed public addresses in a program that dials.

A product that talks to its maker's server names it; a number in place of the name takes
away the operator's hold on it (CISA ICSMA-25-030-01: a patient monitor that sent records
to, and took programs from, two numbers). Found are dotted quads that stand alone as a text
(between zero bytes, with or without a port) in a program whose imports turn such a text
into an address and dial. Private, reserved, documentation and multicast ranges (IANA
special-purpose registry, as ``ipaddress`` has it), well-known resolvers and version
numbers of four small parts without a port are left out, and so are texts without one that
read as object identifiers (X.660) where longer ones stand in the program too.

What is not seen: addresses as four bytes, put together at run time, or beside other text.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit
from fwverify.reader import Buffer

MAX_ADDRESSES: Final = 64

_READS_NUMBER: Final = frozenset(("inet_addr", "inet_aton", "inet_pton"))
_DIALS: Final = frozenset(("connect", "sendto"))
_QUAD: Final = re.compile(
    rb"\.(?:(?<=\x00[1-9]\.)|(?<=\x00[1-9]\d\.)|(?<=\x00[1-9]\d\d\.))"
    rb"(\d{1,3}\.\d{1,3}\.\d{1,3})(:\d{2,5})?(?=\x00)"
)
"""From its first point on: a search for one byte costs a fraction of one for a set of bytes."""

_RESOLVERS: Final = frozenset(
    [
        "1.0.0.1",
        "1.1.1.1",
        "8.8.4.4",
        "8.8.8.8",
        "9.9.9.9",
        "114.114.114.114",
        "114.114.115.115",
        "119.29.29.29",
        "180.76.76.76",
        "208.67.220.220",
        "208.67.222.222",
        "223.5.5.5",
        "223.6.6.6",
    ]
)
_OCTET_DIGITS: Final = 3
_SMALL: Final = 32
_OBJECT: Final = re.compile(
    rb"\.(?:(?<=\x001\.)[0-3]|(?<=\x002\.)\d{1,2})(?:\.\d{1,8}){4,}(?=\x00)"
)
_OBJECT_ARCS: Final = (1, 2)
_SECOND_ARCS: Final = 40


def dialled(imports: frozenset[str], data: Buffer) -> tuple[Hit, ...]:
    """Return the finding for the fixed public addresses of ``data``, if there is one."""
    if not (imports & _READS_NUMBER and imports & _DIALS):
        return ()
    found = tuple(sorted(set(_public(data))))[:MAX_ADDRESSES]
    if not found:
        return ()
    hit = Hit(
        rule="elf.fixed_address",
        text="dials a machine outside by a fixed number in place of a name",
        capability="net.hardcoded_ip",
        threat="both",
        severity="medium",
        confidence="medium",
        excerpt=found[0],
        evidence=tuple(f"address {address}" for address in found),
        r155=R155_BY_ID["net.hardcoded_ip"],
    )
    return (hit,)


def _public(data: Buffer) -> Iterator[str]:
    objects = _OBJECT.search(data) is not None
    for match in _QUAD.finditer(data):
        before = bytes(data[max(0, match.start() - _OCTET_DIGITS) : match.start()])
        text = b".".join((before.rpartition(b"\0")[2], match[1])).decode("ascii")
        try:
            address = ipaddress.IPv4Address(text)
        except ValueError:
            continue
        version = max(address.packed) < _SMALL and match[2] is None
        first, second, *_ = address.packed
        if objects and match[2] is None and first in _OBJECT_ARCS and second < _SECOND_ARCS:
            continue
        if address.is_global and not (address.is_multicast or version or text in _RESOLVERS):
            yield text

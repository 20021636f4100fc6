r"""Indicators of a report for those who watch a network: Suricata rules, a STIX bundle.

Guarantees: an indicator is a host or address outside of the device that a file with a
finding of the given severity names (``--all``: every such place). Every byte of an update
that enters a rule is a letter, digit, dot or hyphen, or is written in hexadecimal, so that
no name can end a rule or begin another. Identifiers follow from the content (UUID version 5,
RFC 9562), times from the report; equal reports give equal bytes.

Specification: Suricata 7, "Rules Format" (dns.query, tls.sni, http.host, payload keywords);
STIX 2.1 (OASIS), 4.7 indicator and 9 patterns.

What an indicator is not: proof. A place in a benign file is no attack; the severity says
why it is in the list.
"""

from __future__ import annotations

import ipaddress
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fwverify.analyse.taxonomy import SEVERITIES
from fwverify.claims.seen import host
from fwverify.model import Report
from fwverify.places import address_of, is_outside

FIRST_SID: Final = 1_900_000
"""Local rules have numbers from 1000000 to 1999999."""

MAX_INDICATORS: Final = 50_000
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:fwverify:indicator")
_PLAIN: Final = re.compile(rb"[A-Za-z0-9.-]")
_KINDS: Final = ("host", "ipv4", "ipv6", "onion", "url")
_TITLE: Final = re.compile(r"[^A-Za-z0-9 ._-]")


@dataclass(frozen=True, order=True)
class Indicator:
    """A place, whether it is a name or an address, and why it is listed."""

    kind: str
    value: str
    rules: tuple[str, ...]
    severity: str


def indicators(report: Report, at_least: str, *, every: bool = False) -> tuple[Indicator, ...]:
    """Return the indicators, sorted; ``every`` takes places without a finding, too.

    Raises ``ValueError`` beyond ``MAX_INDICATORS``: a list that is cut short misleads.
    """
    floor = SEVERITIES.index(at_least)
    by_path: dict[str, list[tuple[int, str]]] = {}
    for finding in report.findings:
        level = SEVERITIES.index(finding.severity)
        if level >= floor:
            by_path.setdefault(finding.path, []).append((level, finding.rule))
    found: dict[tuple[str, str], tuple[int, set[str]]] = {}
    for endpoint in report.endpoints:
        behind = by_path.get(endpoint.path, [])
        place = host(endpoint)
        if endpoint.kind not in _KINDS or not is_outside(place) or not (behind or every):
            continue
        kind, place = _named(place)
        level, rules = found.get((kind, place), (0, set()))
        rules.update(rule for _, rule in behind)
        found[kind, place] = (max([level, *(each for each, _ in behind)]), rules)
    if len(found) > MAX_INDICATORS:
        raise ValueError(f"more than {MAX_INDICATORS} indicators: raise the severity")
    return tuple(
        Indicator(kind, value, tuple(sorted(rules)), SEVERITIES[level])
        for (kind, value), (level, rules) in sorted(found.items())
    )


def _named(place: str) -> tuple[str, str]:
    """Return the kind of ``place`` and its usual spelling, which other tools match by."""
    address = address_of(place)
    if address is None:
        return "name", place
    kind = "ipv6" if isinstance(address, ipaddress.IPv6Address) else "ipv4"
    return kind, str(address)


def suricata(report: Report, found: tuple[Indicator, ...], first: int = FIRST_SID) -> bytes:
    """Return one rule file; ``first`` is the number of its first rule."""
    head = (
        "# Places that an examined update names; not proof of anything by themselves.",
        f"# update sha256 {report.subject.sha256}, report {report.core_sha256}",
    )
    opened = (text for each in found for text in _rules(each, report))
    rules = [f"{text}; sid:{sid}; rev:1;)" for sid, text in enumerate(opened, first)]
    return ("\n".join((*head, *rules)) + "\n").encode("ascii")


def _rules(each: Indicator, report: Report) -> Iterator[str]:
    """Yield the beginnings of the rules for one indicator."""
    why = ", ".join(each.rules[:3]) or "named"
    title = _TITLE.sub("_", f"fwverify {report.subject.sha256[:12]} {each.severity} {why}")
    meta = f"metadata: severity {each.severity}; classtype:misc-activity"
    if each.kind != "name":
        address = each.value if each.kind == "ipv4" else f"[{each.value}]"
        yield f'alert ip $HOME_NET any -> {address} any (msg:"{title} address"; {meta}'
        return
    content = _content(each.value)
    for protocol, buffer in (("dns", "dns.query"), ("tls", "tls.sni"), ("http", "http.host")):
        opening = f'alert {protocol} $HOME_NET any -> any any (msg:"{title} {protocol}"'
        loose = "" if protocol == "http" else " nocase;"  # http.host is in lower case already
        yield f'{opening}; {buffer}; dotprefix; content:".{content}";{loose} endswith; {meta}'


def _content(value: str) -> str:
    """Return ``value`` as a content keyword has it: other bytes as ``|hex|``."""
    return "".join(
        chr(byte) if _PLAIN.match(bytes([byte])) else f"|{byte:02X}|"
        for byte in value.encode("utf-8")
    )


def stix(report: Report, found: tuple[Indicator, ...]) -> bytes:
    """Return a STIX 2.1 bundle of indicators under one identity."""
    identity = {
        "type": "identity",
        "spec_version": "2.1",
        "id": f"identity--{uuid.uuid5(_NAMESPACE, 'identity')}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "name": "fwverify",
        "identity_class": "system",
    }
    objects = [identity, *(_stix(report, each, str(identity["id"])) for each in found)]
    name = f"bundle {report.core_sha256} {len(objects)} {found}"
    bundle = {
        "type": "bundle",
        "id": f"bundle--{uuid.uuid5(_NAMESPACE, name)}",
        "objects": objects,
    }
    return json.dumps(bundle, indent=2, sort_keys=True, ensure_ascii=True).encode() + b"\n"


def _stix(report: Report, each: Indicator, author: str) -> dict[str, Any]:
    at = report.at.replace("Z", ".000Z")
    value = each.value.replace("\\", "\\\\").replace("'", "\\'")
    what = {"name": "domain-name", "ipv4": "ipv4-addr", "ipv6": "ipv6-addr"}[each.kind]
    mark = f"{report.subject.sha256} {report.at} {each.kind} {each.value}"
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid5(_NAMESPACE, mark)}",
        "created_by_ref": author,
        "created": at,
        "modified": at,
        "name": f"{each.value} in an examined update",
        "description": (
            f"Named by update sha256:{report.subject.sha256}; {each.severity}: "
            f"{', '.join(each.rules) or 'no finding'}"
        ),
        "indicator_types": ["anomalous-activity"],
        "pattern": f"[{what}:value = '{value}']",
        "pattern_type": "stix",
        "valid_from": at,
    }

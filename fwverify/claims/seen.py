"""What the engine looks at: findings and inventory of an update, path by path.

Guarantees: a ``Sign`` is what speaks against a claim, with its strength. ``refutes`` means
that code or configuration does it; ``indicates`` that strings, tables or names of it are
there without that; ``noted`` changes no verdict and is said all the same.

How strong a finding is: it refutes when it is of high confidence (a name together with an
import, system call, configuration or start: ``analyse.combine``), when an analyser of code
or configuration made it at medium confidence, or when calls or a start stand in its
evidence. Otherwise it indicates. Severity plays no part: a claim is about whether, not
about how bad.

Not known here: whether the code ever runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from fwverify.model import (
    Account,
    Analysed,
    DataFlow,
    Endpoint,
    Fact,
    Finding,
    Key,
    Service,
)
from fwverify.places import host_of

Strength = Literal["refutes", "indicates", "noted"]

_BEHIND: Final = ("import ", "syscall ", "call ", "needed ", "module ", "started")
_NETWORK_CALLS: Final = frozenset(
    (
        "accept",
        "accept4",
        "connect",
        "curl_easy_perform",
        "getaddrinfo",
        "gethostbyname",
        "gnutls_handshake",
        "HttpSendRequestA",
        "HttpSendRequestW",
        "InternetOpenUrlA",
        "InternetOpenUrlW",
        "mbedtls_ssl_handshake",
        "sendmsg",
        "sendto",
        "SSL_connect",
        "WinHttpSendRequest",
        "wolfSSL_connect",
        "WSAConnect",
        "WSAStartup",
    )
)
_CONFIGURATION: Final = re.compile(
    r"(?:^|/)etc/|\.(?:conf|cfg|cnf|ini|json|toml|ya?ml|xml|properties|env|sh|service|socket"
    r"|timer|network|ovpn|wg|reg|inf|bat|cmd|ps1|py|lua|js)$",
    re.IGNORECASE,
)
_CONFIGURATION_FACTS: Final = ("tunnel", "network", "ntp", "dns", "wifi", "route")


@dataclass(frozen=True, order=True)
class Sign:
    """What speaks against a claim: how strongly, in which words, by which finding."""

    strength: Strength
    text: str
    fingerprint: str | None = None


@dataclass(frozen=True)
class Operator:
    """What is the operator's own: hosts of its backends, digests of its keys and CAs.

    None where nobody stated them.
    """

    hosts: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Seen:
    """The findings and the inventory that claims are held against."""

    findings: tuple[Finding, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    services: tuple[Service, ...] = ()
    accounts: tuple[Account, ...] = ()
    keys: tuple[Key, ...] = ()
    dataflows: tuple[DataFlow, ...] = ()
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    operator: Operator = Operator()

    def of(self, kind: str) -> Iterable[tuple[str, str]]:
        """Yield path and text of each fact of ``kind``, by path."""
        for path in sorted(self.facts):
            for fact in self.facts[path]:
                if fact.kind == kind:
                    yield path, fact.text

    @cached_property
    def acting(self) -> frozenset[str]:
        """The paths whose endpoints are used: they configure, or call the network."""
        paths = {each.path for each in self.endpoints}
        return frozenset(path for path in paths if self._acts(path))

    def _acts(self, path: str) -> bool:
        return configures(path) or any(map(_uses, self.facts.get(path, ())))


def configures(path: str) -> bool:
    """Return whether the device reads ``path`` as configuration or runs it as a script."""
    return _CONFIGURATION.search(path) is not None


def _uses(fact: Fact) -> bool:
    """Return whether a content with ``fact`` uses the network, or says how to."""
    if fact.kind in (*_CONFIGURATION_FACTS, "stack", "load address"):
        return True  # a raw image has no imports: what is linked into it counts as used
    if fact.kind in ("import", "syscall"):
        return fact.text.rpartition("!")[2] in _NETWORK_CALLS
    return fact.kind == "socket" and fact.text == "connects"


def seen_of(
    analysed: Analysed, findings: tuple[Finding, ...], operator: Operator | None = None
) -> Seen:
    """Return what ``analysed`` and all stages' ``findings`` show."""
    return Seen(
        findings=findings,
        endpoints=analysed.endpoints,
        services=analysed.services,
        accounts=analysed.accounts,
        keys=analysed.keys,
        dataflows=analysed.dataflows,
        facts={each.path: each.facts for each in analysed.facts},
        operator=operator or Operator(),
    )


def strength_of(finding: Finding) -> Strength:
    """Return how strongly ``finding`` shows what its capability says (module docstring)."""
    if finding.confidence == "high":
        return "refutes"
    if finding.confidence == "medium":
        by_analyser = "." in finding.rule
        behind = any(item.startswith(_BEHIND) for item in finding.evidence)
        return "refutes" if by_analyser or behind else "indicates"
    return "indicates"


def of_finding(finding: Finding, strength: Strength | None = None) -> Sign:
    """Return the sign that ``finding`` is."""
    text = (
        f"{finding.capability or finding.rule}: {finding.text} ({finding.rule}) in {finding.path}"
    )
    return Sign(strength or strength_of(finding), text, finding.fingerprint)


def within(capability: str | None, families: Iterable[str]) -> bool:
    """Return whether ``capability`` is one of ``families``; those ending in ``.`` are families."""
    if capability is None:
        return False
    return any(
        capability.startswith(each) if each.endswith(".") else capability == each
        for each in families
    )


def host(endpoint: Endpoint) -> str:
    """Return the host of ``endpoint`` in lower case; the value of one that has none."""
    if endpoint.kind in ("phone", "apn"):
        return endpoint.value.lower()
    return host_of(endpoint.value)

"""What the update can do that its baseline could not: the approver's first screen.

Guarantees: a capability is known only at the path where the baseline had it; a service
or an account only with the same path, name and state; a key only at the same path; an
endpoint by its kind and value, wherever it stands; a data flow by its source and sink.
Paths of the baseline are translated
to the update's member names first (``pairing.Roots``).

Findings: ``compare.capability_added``, ``compare.endpoint_added``,
``compare.service_added``, ``compare.account_added`` and ``compare.key_added``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, get_args

from fwverify.canonical import digest, make_finding
from fwverify.model import (
    Account,
    Confidence,
    DataFlow,
    Endpoint,
    Finding,
    Key,
    Profile,
    Service,
    Severity,
)

Translate = Callable[[str], str]
_SEVERITIES: Final[tuple[str, ...]] = get_args(Severity)
_CONFIDENCES: Final[tuple[str, ...]] = get_args(Confidence)
_OPENS: Final = ("empty", "hash", "key-only", "unknown")
_GRAVE_KEYS: Final = ("private", "authorized")
_EXCERPT_VALUES: Final = 3
_SURE_WHEN_NEW: Final = ("elf.reverse_shell", "elf.bind_shell")


def known_fingerprints(findings: Iterable[Finding], translate: Translate) -> frozenset[str]:
    """Return the fingerprints that the baseline's findings would have in the update."""
    return frozenset(
        digest([each.rule, each.capability, translate(each.path), sorted(set(each.evidence))])
        for each in findings
    )


def capabilities(profile: Profile) -> frozenset[str]:
    """Return the taxonomy ids that any finding of ``profile`` carries."""
    return frozenset(each.capability for each in profile.findings if each.capability)


def capability_findings(new: Profile, old: Profile, translate: Translate) -> Iterator[Finding]:
    """Yield one finding for each capability at a path where the baseline lacked it.

    It is as severe and as sure as the strongest finding behind it: a weak hint does not
    become strong by being new (DETECTION, "low alone never blocks"). The exception are
    calls that make a shell together: many programs have them rightly, but hardly one
    gains them from one version to the next (DETECTION, "Capability delta is quiet").
    """
    had = {(each.capability, translate(each.path)) for each in old.findings}
    before = capabilities(old)
    fresh: dict[tuple[str, str], list[Finding]] = {}
    for finding in new.findings:
        if finding.capability and (finding.capability, finding.path) not in had:
            fresh.setdefault((finding.capability, finding.path), []).append(finding)
    for (capability, path), group in fresh.items():
        strongest = max(group, key=_strength)
        where = "here; the product had it elsewhere" if capability in before else "to the product"
        yield make_finding(
            rule="compare.capability_added",
            capability=capability,
            path=path,
            text=f"{capability} is new {where}: {strongest.text}",
            threat=strongest.threat,
            severity=strongest.severity,
            confidence=_confidence(strongest),
            offset=strongest.offset,
            length=strongest.length,
            excerpt=strongest.excerpt,
            evidence=tuple(f"{each.rule}:{item}" for each in group for item in each.evidence),
            r155=tuple(item for each in group for item in each.r155),
        )


def _confidence(finding: Finding) -> Confidence:
    sure = finding.rule in _SURE_WHEN_NEW and finding.severity == "high"
    return "high" if sure else finding.confidence


def _strength(finding: Finding) -> tuple[int, int, str]:
    return (
        _SEVERITIES.index(finding.severity),
        _CONFIDENCES.index(finding.confidence),
        finding.fingerprint,
    )


def endpoints_added(new: Profile, old: Profile) -> tuple[Endpoint, ...]:
    """Return each endpoint whose kind and value the baseline had nowhere."""
    had = {(each.kind, each.value) for each in old.endpoints}
    return tuple(
        sorted(
            {each for each in new.endpoints if (each.kind, each.value) not in had},
            key=lambda each: (each.path, each.kind, each.value),
        )
    )


def endpoint_findings(added: tuple[Endpoint, ...]) -> Iterator[Finding]:
    """Yield one finding per path that names new endpoints."""
    by_path: dict[str, list[str]] = {}
    for endpoint in added:
        by_path.setdefault(endpoint.path, []).append(f"{endpoint.kind}:{endpoint.value}")
    for path, values in by_path.items():
        shown = ", ".join(values[:_EXCERPT_VALUES])
        more = len(values) - _EXCERPT_VALUES
        yield make_finding(
            rule="compare.endpoint_added",
            path=path,
            text=f"names a place the baseline did not: {shown}"
            + (f" and {more} more" if more > 0 else ""),
            threat="espionage",
            evidence=tuple(values),
            r155=("7.1",),
        )


def services_added(new: Profile, old: Profile, translate: Translate) -> tuple[Service, ...]:
    """Return each service that the baseline did not have in the same way at its path."""
    had = {_service_key(each, translate(each.path)) for each in old.services}
    return tuple(
        sorted(
            {each for each in new.services if _service_key(each, each.path) not in had},
            key=lambda each: _service_key(each, each.path),
        )
    )


def _service_key(service: Service, path: str) -> tuple[str, str, str, str, tuple[str, ...]]:
    return path, service.name, service.kind, service.starts, tuple(sorted(service.listens))


def service_findings(added: tuple[Service, ...]) -> Iterator[Finding]:
    """Yield one finding per new or newly started service; a listener is graver."""
    for service in added:
        listens = ", ".join(service.listens)
        yield make_finding(
            rule="compare.service_added",
            path=service.path,
            text=f"{service.kind} {service.name} starts by {service.starts}"
            + (f" and listens on {listens}" if listens else ""),
            threat="both",
            severity="high" if service.listens else "medium",
            evidence=(
                f"name:{service.name}",
                f"kind:{service.kind}",
                f"starts:{service.starts}",
                *(f"listens:{each}" for each in service.listens),
            ),
            r155=("29.1",),
        )


def accounts_added(new: Profile, old: Profile, translate: Translate) -> tuple[Account, ...]:
    """Return each account that is new, or opens in another way, at its path."""
    had = {_account_key(each, translate(each.path)) for each in old.accounts}
    return tuple(
        sorted(
            {each for each in new.accounts if _account_key(each, each.path) not in had},
            key=lambda each: _account_key(each, each.path),
        )
    )


def _account_key(account: Account, path: str) -> tuple[str, str, int, str]:
    return path, account.name, -1 if account.uid is None else account.uid, account.state


def account_findings(added: tuple[Account, ...]) -> Iterator[Finding]:
    """Yield one finding per account; one that opens, or has uid 0, is graver."""
    for account in added:
        grave = account.state in _OPENS or account.uid == 0
        uid = "unknown" if account.uid is None else str(account.uid)
        yield make_finding(
            rule="compare.account_added",
            path=account.path,
            text=f"account {account.name}, uid {uid}, state {account.state}",
            threat="both",
            severity="high" if grave else "medium",
            evidence=(f"name:{account.name}", f"uid:{uid}", f"state:{account.state}"),
            r155=("9.1",),
        )


def keys_added(new: Profile, old: Profile, translate: Translate) -> tuple[Key, ...]:
    """Return each key or certificate that the baseline did not have at its path.

    The path counts: the same key under another name may open another door.
    """
    had = {(translate(each.path), each.kind, each.fingerprint) for each in old.keys}
    return tuple(
        sorted(
            {each for each in new.keys if (each.path, each.kind, each.fingerprint) not in had},
            key=lambda each: (each.path, each.kind, each.fingerprint),
        )
    )


def dataflows_added(new: Profile, old: Profile) -> tuple[DataFlow, ...]:
    """Return each data flow whose source and sink the baseline had nowhere together."""
    had = {(each.source, each.sink) for each in old.dataflows}
    return tuple(each for each in new.dataflows if (each.source, each.sink) not in had)


def key_findings(added: tuple[Key, ...]) -> Iterator[Finding]:
    """Yield one finding per key; private keys and keys that log in are graver."""
    for key in added:
        grave = any(word in key.kind for word in _GRAVE_KEYS)
        yield make_finding(
            rule="compare.key_added",
            path=key.path,
            text=f"{key.kind} {key.fingerprint} was not in the baseline here",
            threat="both",
            severity="high" if grave else "medium",
            evidence=(f"kind:{key.kind}", f"fingerprint:{key.fingerprint}"),
            r155=("19.3",) if "private" in key.kind else ("12.4",),
        )

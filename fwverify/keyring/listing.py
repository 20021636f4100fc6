"""The keys, certificates and rules of a trust store as a list, for people and programs.

Guarantees: every entry of every vendor stands in it, whatever its status, sorted by
vendor and place; the text fits 80 columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from fwverify.model import _Value as Value
from fwverify.strict import load_toml
from fwverify.verify.rules import Status
from fwverify.verify.trust import TrustStore, load_trust
from fwverify.verify.vendor_file import KeyTable, RootTable, RuleTable, VendorFile

_WIDTH = 80


class Listed(Value, frozen=True, kw_only=True):
    """One key or certificate. Times are RFC 3339."""

    vendor: str
    id: str
    kind: Literal["key", "root"]
    use: str
    status: Status
    roles: tuple[str, ...]
    sha256: str
    file: str
    added_by: str
    approved_by: str | None
    channel: str | None
    revoked_at: str | None
    reason: str | None = None


class ListedRule(Value, frozen=True, kw_only=True):
    """One rule: what must have signed which products."""

    vendor: str
    id: str
    status: Status
    products: tuple[str, ...]
    schemes: tuple[str, ...]
    roles: tuple[str, ...]
    coverage: str
    anchors: tuple[str, ...]


class ListedAnchor(Value, frozen=True, kw_only=True):
    """One shipped anchor and the rules that name it."""

    name: str
    title: str
    use: str
    rules: tuple[str, ...]


class Listing(Value, frozen=True, kw_only=True):
    """A trust store. ``sha256`` is the digest that stands in every report."""

    schema: Literal["fwverify.keys/1"] = "fwverify.keys/1"
    sha256: str
    keys: tuple[Listed, ...]
    rules: tuple[ListedRule, ...] = ()
    anchors: tuple[ListedAnchor, ...]


def listing(store: Path) -> Listing:
    """Return the list of the store. Raises ``InputFileError`` where it cannot be loaded."""
    trust = load_trust(store)
    files = tuple(
        load_toml(path, VendorFile) for path in sorted((store / "vendors").glob("*/vendor.toml"))
    )
    return Listing(
        sha256=trust.sha256,
        keys=tuple(one for file in files for one in _of_vendor(file)),
        rules=tuple(
            ListedRule(
                vendor=file.vendor,
                id=rule.id,
                status=rule.status,
                products=rule.products,
                schemes=rule.schemes,
                roles=_roles(rule),
                coverage=rule.coverage,
                anchors=rule.anchors,
            )
            for file in files
            for rule in file.rule
        ),
        anchors=_anchors(trust, files),
    )


def _roles(rule: RuleTable) -> tuple[str, ...]:
    return tuple(f"{one.threshold} x {one.role}" for one in rule.roles)


def of_rule(rule: RuleTable | ListedRule) -> tuple[str, ...]:
    """Return in words what a rule wants of whom, for who is to put it into force."""
    roles = rule.roles if isinstance(rule, ListedRule) else _roles(rule)
    anchors = f", anchored in {', '.join(rule.anchors)}" if rule.anchors else ""
    return (
        f"products {', '.join(rule.products)}",
        f"schemes {', '.join(rule.schemes)}",
        f"wants {', '.join(roles)} over {rule.coverage}{anchors}",
    )


def _of_vendor(file: VendorFile) -> Iterator[Listed]:
    entries: tuple[KeyTable | RootTable, ...] = (*file.key, *file.root)
    for entry in entries:
        yield Listed(
            vendor=file.vendor,
            id=entry.id,
            kind="key" if isinstance(entry, KeyTable) else "root",
            use=entry.use if isinstance(entry, RootTable) else "code",
            status=entry.status,
            roles=entry.roles,
            sha256=entry.spki_sha256 if isinstance(entry, KeyTable) else entry.sha256,
            file=entry.file,
            added_by=entry.added_by,
            approved_by=entry.approved_by,
            channel=entry.channel,
            revoked_at=f"{entry.revoked_at:%Y-%m-%dT%H:%M:%SZ}" if entry.revoked_at else None,
            reason=entry.reason,
        )


def _anchors(trust: TrustStore, files: tuple[VendorFile, ...]) -> tuple[ListedAnchor, ...]:
    return tuple(
        ListedAnchor(
            name=anchor.table.name,
            title=anchor.table.title,
            use=anchor.table.use,
            rules=tuple(
                f"{file.vendor}/{rule.id}"
                for file in files
                for rule in file.rule
                if anchor.table.name in rule.anchors
            ),
        )
        for anchor in trust.anchors
    )


def render(found: Listing, store: Path, *, anchors: bool = False) -> str:
    """Return the list as text of at most 80 columns, all shipped anchors only if asked for."""
    lines = [f"{store}", f"sha256 {found.sha256}", ""]
    lines.append(f"{'STATUS':<8} {'VENDOR/ID':<29} {'ROLES':<16} SHA-256")
    for one in found.keys:
        roles = ", ".join(one.roles) or one.use
        name = f"{one.vendor}/{one.id}"
        lines.append(f"{one.status:<8} {name:<29} {roles:<16} {one.sha256[:16]}...")
        people = f"added by {one.added_by}"
        people += f", approved by {one.approved_by}" if one.approved_by else ", not approved"
        lines.append(f"{'':<8} {people}")
        if one.revoked_at:
            lines.append(f"{'':<8} compromised since {one.revoked_at}: {one.reason or 'no reason'}")
    if not found.keys:
        lines.append("no vendor has a key")
    if found.rules:
        lines += ["", f"{'STATUS':<8} RULE"]
    for rule in found.rules:
        lines.append(f"{rule.status:<8} {rule.vendor}/{rule.id}")
        lines += [f"{'':<8} {text}" for text in of_rule(rule)]
    used = [one for one in found.anchors if one.rules]
    more = "" if anchors or not found.anchors else " (--anchors lists them)"
    lines += ["", f"{len(found.anchors)} shipped anchors, {len(used)} named by a rule{more}"]
    shown = found.anchors if anchors else used
    lines += [f"{one.use:<9} {one.name}: {', '.join(one.rules) or one.title}" for one in shown]
    return "".join(f"{_cut(line)}\n" for line in lines)


def _cut(line: str) -> str:
    line = line.rstrip()
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."

"""Is the trust store in order: everything that is wrong with it at once.

Guarantees: each fault names file and entry; a vendor that cannot be loaded hides the
others no more than itself. A ``fault`` needs a change before anything is decided with
the store; a ``note`` is for people to know (a key that waits for its second person, one
that nobody's rule uses).

Not checked: whether a rule asks for enough. That is policy.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from asn1crypto import x509 as asn1_x509

from fwverify.keyring import signing
from fwverify.keyring.candidate import of_certificate
from fwverify.model import _Value as Value
from fwverify.people import Person
from fwverify.strict import InputFileError, load_toml
from fwverify.trust_listing import SIGNATURES
from fwverify.verify.anchors import Anchor, load_anchors, open_anchor
from fwverify.verify.attested import ATTESTED
from fwverify.verify.keys import PublicKey
from fwverify.verify.profiles import load_profile
from fwverify.verify.rules import LAB_ROLE
from fwverify.verify.strength import key_faults
from fwverify.verify.trust import TrustStore, load_trust
from fwverify.verify.vendor import pinned_certificate, pinned_key, rules_of
from fwverify.verify.vendor_file import CrlTable, KeyTable, RootTable, RuleTable, VendorFile

_KNOWN_AT_TOP: Final = (
    "README.md",
    SIGNATURES,
    "anchors",
    "known_bad",
    "policy.toml",
    "profiles",
    "vendors",
)
_IN_USE: Final = ("pending", "active")


class Remark(Value, frozen=True, kw_only=True):
    """One thing about the store. ``file`` is relative to it, ``entry`` an id or empty."""

    level: Literal["fault", "note"]
    file: str
    entry: str
    text: str


def lint(
    store: Path,
    signers: tuple[PublicKey, ...],
    required: int,
    at: datetime,
    registered: tuple[Person, ...] = (),
) -> tuple[Remark, ...]:
    """Return all remarks about the store, faults first. Raises ``InputFileError`` if absent."""
    if not store.is_dir():
        raise InputFileError(store, None, "", "no such folder")
    found = [_fault(path.name, "", "belongs to no trust store") for path in _strangers(store)]
    try:
        trust = load_trust(store)
    except InputFileError as error:
        found += [*_broken_vendors(store), _fault(_inside(store, error.file), error.key, error.why)]
        return _sorted(found)
    for path in sorted((store / "vendors").glob("*/vendor.toml")):
        found += _vendor(store, path, trust, at)
    for anchor in trust.anchors:
        found += _anchor(store, anchor)
    found += _signatures(store, trust, signers, required, at, registered)
    return _sorted(found)


def _sorted(found: list[Remark]) -> tuple[Remark, ...]:
    unique = set(found)
    return tuple(sorted(unique, key=lambda one: (one.level, one.file, one.entry, one.text)))


def _strangers(store: Path) -> list[Path]:
    return [path for path in sorted(store.iterdir()) if path.name not in _KNOWN_AT_TOP]


def _broken_vendors(store: Path) -> list[Remark]:
    """Return the fault of each vendor that cannot be loaded by itself."""
    found: list[Remark] = []
    try:
        folder = store / "profiles"
        profiles = tuple(load_profile(path) for path in sorted(folder.glob("*.toml")))
        anchors = load_anchors(store / "anchors")
    except InputFileError:
        return found  # that fault is told by itself
    for path in sorted((store / "vendors").glob("*/vendor.toml")):
        try:
            rules_of(path, load_toml(path, VendorFile), profiles, anchors)
        except InputFileError as error:
            found.append(_fault(_inside(store, error.file), error.key, error.why))
    return found


def _vendor(store: Path, path: Path, trust: TrustStore, at: datetime) -> list[Remark]:
    file = load_toml(path, VendorFile)
    name = _inside(store, str(path))
    used = {role.role for rule in file.rule for role in rule.roles}
    if any(ATTESTED.name in rule.schemes for rule in file.rule):
        used.add(LAB_ROLE)  # no rule may ask for it: it stands beside those who sign
    found: list[Remark] = []
    for number, key in enumerate(file.key):
        found += [_fault(name, key.id, why) for why in _key_faults(path, number, key, trust, at)]
        found += _notes(name, key, used, key.roles)
    for number, root in enumerate(file.root):
        certificate = pinned_certificate(path, ["root", number], root)
        if root.status in _IN_USE:
            faults = certificate_faults(certificate, trust, at)
            found += [_fault(name, root.id, why) for why in faults]
        found += _notes(name, root, used, root.roles)
    by_name = {anchor.table.name: anchor for anchor in trust.anchors}
    for rule in file.rule:
        if rule.status == "pending":
            found.append(
                _note(name, rule.id, f"the rule waits for a second person ({rule.added_by})")
            )
        found += [_note(name, rule.id, why) for why in _rule_notes(file, rule)]
        for anchor in rule.anchors:
            found += _anchor_notes(name, rule.id, by_name[anchor], at)
    found += _unnamed(store, path, file)
    return found


def _key_faults(
    path: Path, number: int, key: KeyTable, trust: TrustStore, at: datetime
) -> list[str]:
    if key.status not in _IN_USE:
        return []
    public = pinned_key(path, ["key", number], key)
    found = list(key_faults(public.spki, trust.floors, at))
    bad = trust.known_bad.of_key(public.spki)
    if bad:
        found.append(bad)
    if key.not_after is not None and at > key.not_after:
        found.append(f"expired on {key.not_after:%Y-%m-%d}: retire it")
    return found


def certificate_faults(
    certificate: asn1_x509.Certificate, trust: TrustStore, at: datetime
) -> tuple[str, ...]:
    """Return why a certificate in use should not be: weak, publicly known, expired."""
    found = of_certificate(certificate, trust, at)
    end = certificate.not_valid_after.astimezone(UTC)
    expired = (f"expired on {end:%Y-%m-%d}: retire it",) if at > end else ()
    known = (found.known_bad,) if found.known_bad else ()
    return (*found.weak, *known, *expired)


def _rule_notes(file: VendorFile, rule: RuleTable) -> list[str]:
    """Return what people should know of a rule in force: nobody's, or one nothing can satisfy.

    A certificate or an anchor may stand for any number of signers: such roles are not counted.
    """
    if rule.status != "active":
        return []
    found = [] if rule.added_by and rule.approved_by else ["names no two people: written by hand"]
    for wanted in rule.roles:
        issued = any(wanted.role in one.roles and one.status == "active" for one in file.root)
        held = sum(wanted.role in one.roles and one.status == "active" for one in file.key)
        if not rule.anchors and not issued and held < wanted.threshold:
            keys = f"{held} active {'key has' if held == 1 else 'keys have'} it"
            found.append(f"wants {wanted.threshold} of role {wanted.role}, and {keys}")
    return found


def _notes(
    name: str, entry: KeyTable | RootTable, used: set[str], roles: tuple[str, ...]
) -> list[Remark]:
    found: list[Remark] = []
    if entry.status == "pending":
        found.append(
            _note(name, entry.id, f"waits for a second person (added by {entry.added_by})")
        )
    if entry.status in _IN_USE and roles and not set(roles) & used:
        found.append(_note(name, entry.id, f"no rule asks for {', '.join(roles)}"))
    return found


def _anchor(store: Path, anchor: Anchor) -> list[Remark]:
    try:
        open_anchor(anchor)
    except InputFileError as error:
        return [_fault(_inside(store, error.file), error.key, error.why)]
    return []


def _anchor_notes(name: str, rule: str, anchor: Anchor, at: datetime) -> list[Remark]:
    ends = [
        (entry.file, one.not_valid_after.astimezone(UTC))
        for entry, one in zip(
            anchor.table.certificate, open_anchor(anchor).certificates, strict=True
        )
    ]
    return [
        _note(name, rule, f"anchor {anchor.table.name}: {file} expired on {end:%Y-%m-%d}")
        for file, end in ends
        if at > end
    ]


def _unnamed(store: Path, path: Path, file: VendorFile) -> list[Remark]:
    """Return the files of the vendor's folder that ``vendor.toml`` does not name."""
    entries: tuple[KeyTable | RootTable | CrlTable, ...] = (*file.key, *file.root, *file.crl)
    named = {path.parent / one.file for one in entries} | {path}
    return [
        _note(_inside(store, str(other)), "", "is named by nothing")
        for other in sorted(path.parent.rglob("*"))
        if other.is_file() and other not in named
    ]


def _signatures(
    store: Path,
    trust: TrustStore,
    signers: tuple[PublicKey, ...],
    required: int,
    at: datetime,
    registered: tuple[Person, ...],
) -> list[Remark]:
    if not signers:
        return [_note(SIGNATURES, "", "the configuration asks for no signatures of the store")]
    found = signing.standing(store, trust, signers, at, registered)
    told = [_note(SIGNATURES, "", why) for why in found.faults]
    if len(found.keys) < required:
        why = f"{len(found.keys)} of {required} signatures hold over the store as it is"
        told.append(_fault(SIGNATURES, "", why))
    return told


def _inside(store: Path, name: str) -> str:
    path = Path(name)
    return path.relative_to(store).as_posix() if path.is_relative_to(store) else name


def _fault(file: str, entry: str, text: str) -> Remark:
    return Remark(level="fault", file=file, entry=entry, text=text)


def _note(file: str, entry: str, text: str) -> Remark:
    return Remark(level="note", file=file, entry=entry, text=text)

"""Trust rules: who may sign what, and how much of it.

Guarantees: a ``Rule`` holds everything that may anchor trust for one product; nothing
else can. A key that is retired, revoked, expired or not yet valid at the verification
time stays visible, so that a signature by it is called by its name, and is unusable.
Thresholds count distinct keys.

SIGNATURES, "The trust store", is the specification.

Not here: reading the store (``fwverify.verify.trust``) and judging signatures
(``fwverify.verify``).
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509

from fwverify.verify.keys import PublicKey
from fwverify.verify.profiles import Profile
from fwverify.verify.scheme import Holder, LogKey, Material, TrustedKey

Status: TypeAlias = Literal["pending", "active", "retired", "revoked"]
CoverageRule: TypeAlias = Literal["all-executable", "all", "listed"]
Use: TypeAlias = Literal["code", "time", "identity"]
AD_HOC_ROLE = "signer"
LAB_ROLE = "lab"
"""Who countersigns attestations. It is never a role that signs updates."""


@dataclass(frozen=True)
class KeyEntry:
    """A bare key of the store. Times are aware; ``revoked_at`` is set for revoked keys."""

    id: str
    key: PublicKey
    roles: tuple[str, ...]
    status: Status = "active"
    not_before: datetime | None = None
    not_after: datetime | None = None
    revoked_at: datetime | None = None

    def state(self, at: datetime) -> str:
        """Return ``usable``, the status, ``expired`` or ``not yet valid``.

        A bare key's signature proves no time, so a revoked key is revoked for all of it.
        """
        if self.status != "active":
            return self.status
        if self.not_before is not None and at < self.not_before:
            return "not yet valid"
        if self.not_after is not None and at > self.not_after:
            return "expired"
        return "usable"


@dataclass(frozen=True)
class RootEntry:
    """A certificate of the store: an authority, or an exact pin where it is none."""

    id: str
    certificate: asn1_x509.Certificate
    roles: tuple[str, ...]
    use: Use = "code"


@dataclass(frozen=True)
class Barred:
    """A key that was revoked: whatever signs with it, or chains through it, is refused.

    ``secret`` is what ``keys.secret_of`` says of it; a trusted time stamp before
    ``revoked_at`` clears a chain through it.
    """

    id: str
    secret: str
    revoked_at: datetime


@dataclass(frozen=True)
class Threshold:
    """How many distinct keys of a role must have signed."""

    role: str
    keys: int


@dataclass(frozen=True)
class Rule:
    """What must hold for one product. ``name`` is ``vendor/rule``.

    An ad hoc rule (from the command line) allows every scheme, format and profile.
    """

    name: str
    keys: tuple[KeyEntry, ...]
    roots: tuple[RootEntry, ...]
    thresholds: tuple[Threshold, ...]
    products: tuple[str, ...] = ("*",)
    formats: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    crls: tuple[asn1_crl.CertificateList, ...] = ()
    profiles: tuple[Profile, ...] = ()
    coverage: CoverageRule = "all-executable"
    listed: tuple[str, ...] = ()
    timestamp_required: bool = False
    crl_required: bool = False
    rollback_field: str | None = None
    barred: tuple[Barred, ...] = ()
    ad_hoc: bool = False
    lab_keys: tuple[KeyEntry, ...] = ()
    lab_roots: tuple[RootEntry, ...] = ()
    logs: tuple[LogKey, ...] = ()
    holders: tuple[Holder, ...] = ()
    notes: tuple[str, ...] = ()

    def material(self, at: datetime) -> Material:
        """Return all that may anchor trust under this rule at ``at``."""
        return Material(
            at=at,
            keys=tuple(_trusted(entry, at) for entry in self.keys),
            code_roots=tuple(
                root.certificate
                for root in self.roots
                if root.use == "code" and is_authority(root.certificate)
            ),
            time_roots=tuple(
                root.certificate for root in self.roots if _serves_time(root, self.ad_hoc)
            ),
            pins=tuple(
                root.certificate
                for root in self.roots
                if root.use == "code" and not is_authority(root.certificate)
            ),
            crls=self.crls,
            require_crl=self.crl_required,
            barred=tuple(one.secret for one in self.barred),
            schemes=self.schemes,
            profiles=self.profiles,
            algorithms=self.algorithms,
            identity_roots=tuple(root.certificate for root in self.roots if root.use == "identity"),
            logs=self.logs,
            holders=self.holders,
            lab_keys=tuple(_trusted(entry, at) for entry in self.lab_keys),
            lab_roots=tuple(
                root.certificate for root in self.lab_roots if is_authority(root.certificate)
            ),
            lab_pins=tuple(
                root.certificate for root in self.lab_roots if not is_authority(root.certificate)
            ),
        )

    def allows(self, scheme: str, format_name: str | None) -> bool:
        """Return whether a signature of ``scheme`` on a node of ``format_name`` may count."""
        if self.ad_hoc:
            return True
        return scheme in self.schemes and (not self.formats or format_name in self.formats)

    def roles_of(self, key_id: str | None, chain: tuple[bytes, ...]) -> tuple[str, ...]:
        """Return the roles of the key, or of the anchor a chain (leaf first) ends in."""
        if key_id is not None:
            return next((entry.roles for entry in self.keys if entry.id == key_id), ())
        known = {root.certificate.dump(): root.roles for root in self.roots if root.use != "time"}
        return next((known[link] for link in reversed(chain) if link in known), ())

    def key(self, key_id: str | None) -> KeyEntry | None:
        """Return the entry of the key ``key_id``."""
        return next((entry for entry in self.keys if entry.id == key_id), None)

    def matches(self, product: str) -> bool:
        """Return whether ``product`` is one of the rule's products (globs, case matters)."""
        return any(fnmatch.fnmatchcase(product, pattern) for pattern in self.products)


def is_authority(certificate: asn1_x509.Certificate) -> bool:
    """Return whether the certificate may issue others; one that may not is an exact pin.

    The rule is CONTRACT's (``--anchor``). A version 1 root, which cannot say that it is
    an authority, is a pin.
    """
    return bool(certificate.ca)


def _trusted(entry: KeyEntry, at: datetime) -> TrustedKey:
    state = entry.state(at)
    return TrustedKey(
        id=entry.id,
        spki=entry.key.spki,
        roles=entry.roles,
        usable=state == "usable",
        why_not="" if state == "usable" else f"the key {entry.id} is {state}",
        openpgp=entry.key.openpgp,
    )


def _serves_time(root: RootEntry, ad_hoc: bool) -> bool:
    """Return whether a root may anchor time stamps.

    In the store a root is for code or for time, never both. An ad hoc anchor serves
    time only where its EKU says so (CONTRACT, ``--anchor``).
    """
    if not ad_hoc:
        return root.use == "time"
    purposes = root.certificate.extended_key_usage_value
    return purposes is not None and "time_stamping" in purposes.native

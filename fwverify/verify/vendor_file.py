"""The tables of ``vendor.toml``, one vendor of the trust store, as data.

Guarantees: what is not named here is an error of the file (``fwverify.strict``). What the
values must have to do with each other is ``fwverify.verify.vendor``'s to check.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from fwverify.model import _Value as Value
from fwverify.verify.rules import Status

Text = Annotated[str, Meta(min_length=1, pattern=r"\S")]
Id = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Moment = Annotated[datetime, Meta(tz=True)]
Roles = Annotated[tuple[Id, ...], Meta(min_length=1)]


class KeyTable(Value, frozen=True, kw_only=True):
    """``[[key]]``: a bare public key.

    A ``pending`` one was added and not approved yet; it counts for nothing. ``channel``
    says how the fingerprint was confirmed, ``reason`` why it was revoked or retired.
    """

    id: Id
    file: Text
    spki_sha256: Digest
    roles: Roles
    added_by: Text
    approved_by: Text | None = None
    status: Status = "active"
    not_before: Moment | None = None
    not_after: Moment | None = None
    revoked_at: Moment | None = None
    added_at: Moment | None = None
    approved_at: Moment | None = None
    channel: Text | None = None
    retired_at: Moment | None = None
    retired_by: Text | None = None
    revoked_by: Text | None = None
    reason: Text | None = None


class RootTable(Value, frozen=True, kw_only=True):
    """``[[root]]``: one certificate; an authority, or an exact pin where it is none.

    Only an ``active`` one anchors anything; the other keys are those of ``[[key]]``.
    """

    id: Id
    file: Text
    sha256: Digest
    use: Literal["code", "time", "identity"]
    added_by: Text
    approved_by: Text | None = None
    roles: tuple[Id, ...] = ()
    status: Status = "active"
    revoked_at: Moment | None = None
    added_at: Moment | None = None
    approved_at: Moment | None = None
    channel: Text | None = None
    retired_at: Moment | None = None
    retired_by: Text | None = None
    revoked_by: Text | None = None
    reason: Text | None = None


class LogTable(Value, frozen=True, kw_only=True):
    """``[[log]]``: the key of a transparency log, and when the log was in use."""

    id: Id
    file: Text
    spki_sha256: Digest
    use: Literal["rekor", "ct"]
    added_by: Text
    approved_by: Text
    not_before: Moment | None = None
    not_after: Moment | None = None


class HolderTable(Value, frozen=True, kw_only=True):
    """Who may sign with a short-lived certificate: subject (may end in ``*``) and issuer."""

    subject: Annotated[str, Meta(pattern=r"^[^*\s]{8,}\*?$")]
    issuer: Annotated[str, Meta(pattern=r"^https://[^*\s]+$")]


class CrlTable(Value, frozen=True, kw_only=True):
    """``[[crl]]``: a revocation list. It is not pinned: it changes, and it is signed."""

    file: Text


class RoleTable(Value, frozen=True, kw_only=True):
    """A role of a rule and how many distinct keys of it must have signed."""

    role: Id
    threshold: Annotated[int, Meta(ge=1, le=64)] = 1


class RuleTable(Value, frozen=True, kw_only=True):
    """``[[rule]]``: what must hold for some products.

    A ``pending`` rule applies to nothing. ``anchors`` names shipped anchors
    (``fwverify.verify.anchors``); those for code hold ``anchor_role``, which may be left
    out where the rule has one role.
    """

    id: Id
    products: Annotated[tuple[Text, ...], Meta(min_length=1)]
    schemes: Annotated[tuple[Text, ...], Meta(min_length=1)]
    roles: Annotated[tuple[RoleTable, ...], Meta(min_length=1)]
    coverage: Literal["all-executable", "all", "listed"]
    listed: tuple[Text, ...] = ()
    formats: tuple[Text, ...] = ()
    algorithms: tuple[Text, ...] = ()
    timestamp: Literal["not-required", "required"] = "not-required"
    crl: Literal["not-required", "required"] = "not-required"
    rollback: Id | None = None
    anchors: tuple[Id, ...] = ()
    anchor_role: Id | None = None
    status: Literal["pending", "active"] = "active"
    added_by: Text | None = None
    approved_by: Text | None = None
    holders: tuple[HolderTable, ...] = ()


class VendorFile(Value, frozen=True, kw_only=True):
    """``vendor.toml``."""

    schema: Literal["fwverify.vendor/1"]
    vendor: Id
    rule: Annotated[tuple[RuleTable, ...], Meta(min_length=1)]
    title: str = ""
    key: tuple[KeyTable, ...] = ()
    root: tuple[RootTable, ...] = ()
    crl: tuple[CrlTable, ...] = ()
    log: tuple[LogTable, ...] = ()

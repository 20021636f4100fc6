"""One vendor of the trust store: ``vendor.toml``, its keys, roots, CRLs and rules.

Guarantees: see ``fwverify.verify.trust``. Every file named lies inside the vendor's
folder and has the pinned digest.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from asn1crypto import crl as asn1_crl
from msgspec import Meta

from fwverify.canonical import sha256_hex
from fwverify.model import _Value as Value
from fwverify.strict import InputFileError, line_of, load_toml, read_bounded
from fwverify.verify.keys import KeyFormatError, PublicKey, read_anchors, read_keys
from fwverify.verify.profiles import SCHEME_PREFIX, TRAILER_PROFILE, Profile
from fwverify.verify.raw import algorithm_names
from fwverify.verify.rules import LAB_ROLE, KeyEntry, RootEntry, Rule, Threshold
from fwverify.verify.scheme import Holder, LogKey
from fwverify.verify.schemes import SCHEMES

Text = Annotated[str, Meta(min_length=1, pattern=r"\S")]
Id = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Moment = Annotated[datetime, Meta(tz=True)]
Roles = Annotated[tuple[Id, ...], Meta(min_length=1)]


class KeyTable(Value, frozen=True, kw_only=True):
    """``[[key]]``: a bare public key."""

    id: Id
    file: Text
    spki_sha256: Digest
    roles: Roles
    added_by: Text
    approved_by: Text
    status: Literal["active", "retired", "revoked"] = "active"
    not_before: Moment | None = None
    not_after: Moment | None = None
    revoked_at: Moment | None = None


class RootTable(Value, frozen=True, kw_only=True):
    """``[[root]]``: one certificate; an authority, or an exact pin where it is none."""

    id: Id
    file: Text
    sha256: Digest
    use: Literal["code", "time", "identity"]
    added_by: Text
    approved_by: Text
    roles: tuple[Id, ...] = ()


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
    """``[[rule]]``: what must hold for some products."""

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


def load_vendor(folder: Path, profiles: tuple[Profile, ...]) -> tuple[Rule, ...]:
    """Return the rules of the vendor in ``folder``, in the order of the file.

    Raises ``InputFileError``.
    """
    path = folder / "vendor.toml"
    file = load_toml(path, VendorFile)
    if file.vendor != folder.name:
        raise _error(path, ["vendor"], f"{file.vendor} is not the folder's name")
    keys = _keys(path, file)
    roots = _roots(path, file)
    crls = tuple(
        crl
        for number, table in enumerate(file.crl)
        for crl in _crls(path, ["crl", number, "file"], table)
    )
    logs = _logs(path, file)
    _refuse_twice(path, "rule", [table.id for table in file.rule])
    rules = tuple(
        _rule(path, ["rule", number], file.vendor, table, keys, roots, crls, profiles)
        for number, table in enumerate(file.rule)
    )
    return tuple(replace(rule, logs=logs) for rule in rules)


def _keys(path: Path, file: VendorFile) -> tuple[KeyEntry, ...]:
    _refuse_twice(path, "key", [table.id for table in file.key])
    entries: list[KeyEntry] = []
    for number, table in enumerate(file.key):
        where: list[str | int] = ["key", number]
        _require_two_people(path, where, table)
        _refuse_mixed_lab(path, where, table)
        key = _pinned_key(path, where, table)
        if any(key.identity == other.key.identity for other in entries):
            raise _error(path, [*where, "file"], "this key already stands under another id")
        if (table.status == "revoked") != (table.revoked_at is not None):
            raise _error(path, [*where, "revoked_at"], "stands with revoked, and only with it")
        if table.not_before and table.not_after and table.not_before > table.not_after:
            raise _error(path, [*where, "not_after"], "is before not_before")
        entries.append(
            KeyEntry(
                id=table.id,
                key=key,
                roles=table.roles,
                status=table.status,
                not_before=table.not_before,
                not_after=table.not_after,
                revoked_at=table.revoked_at,
            )
        )
    return tuple(entries)


def _logs(path: Path, file: VendorFile) -> tuple[LogKey, ...]:
    _refuse_twice(path, "log", [table.id for table in file.log])
    found: list[LogKey] = []
    for number, table in enumerate(file.log):
        where: list[str | int] = ["log", number]
        _require_two_people(path, where, table)
        key = _pinned_key(path, where, table)
        found.append(LogKey(table.id, key.spki, table.use, table.not_before, table.not_after))
    return tuple(found)


def _pinned_key(path: Path, where: list[str | int], table: KeyTable | LogTable) -> PublicKey:
    data = _read(path, [*where, "file"], table.file)
    try:
        keys = read_keys(data, table.file)
    except KeyFormatError as error:
        raise _error(path, [*where, "file"], str(error)) from error
    if len(keys) != 1:
        raise _error(path, [*where, "file"], f"{table.file} holds {len(keys)} keys, not one")
    if keys[0].spki_sha256 != table.spki_sha256:
        why = f"{table.file} holds {keys[0].spki_sha256}"
        raise _error(path, [*where, "spki_sha256"], why)
    return keys[0]


def _roots(path: Path, file: VendorFile) -> tuple[RootEntry, ...]:
    _refuse_twice(path, "root", [table.id for table in file.root])
    entries: list[RootEntry] = []
    for number, table in enumerate(file.root):
        where: list[str | int] = ["root", number]
        _require_two_people(path, where, table)
        _refuse_mixed_lab(path, where, table)
        if (table.use == "time") == bool(table.roles):
            raise _error(
                path, [*where, "roles"], "stand with use = code or identity, and only with them"
            )
        try:
            anchors = read_anchors(_read(path, [*where, "file"], table.file), table.file)
        except KeyFormatError as error:
            raise _error(path, [*where, "file"], str(error)) from error
        if len(anchors.certificates) != 1 or anchors.crls:
            raise _error(path, [*where, "file"], f"{table.file} must hold one certificate")
        found = sha256_hex(anchors.certificates[0].dump())
        if found != table.sha256:
            raise _error(path, [*where, "sha256"], f"{table.file} holds {found}")
        entries.append(
            RootEntry(table.id, anchors.certificates[0], roles=table.roles, use=table.use)
        )
    return tuple(entries)


def _crls(
    path: Path, where: list[str | int], table: CrlTable
) -> tuple[asn1_crl.CertificateList, ...]:
    try:
        anchors = read_anchors(_read(path, where, table.file), table.file)
    except KeyFormatError as error:
        raise _error(path, where, str(error)) from error
    if anchors.certificates or not anchors.crls:
        raise _error(path, where, f"{table.file} must hold CRLs and nothing else")
    return anchors.crls


def _rule(
    path: Path,
    where: list[str | int],
    vendor: str,
    table: RuleTable,
    keys: tuple[KeyEntry, ...],
    roots: tuple[RootEntry, ...],
    crls: tuple[asn1_crl.CertificateList, ...],
    profiles: tuple[Profile, ...],
) -> Rule:
    wanted = [role.role for role in table.roles]
    if LAB_ROLE in wanted:
        raise _error(path, [*where, "roles"], f"{LAB_ROLE} attests, and signs no update")
    _refuse_twice(path, "rule.roles", wanted)
    for role in table.roles:
        holders = sum(role.role in one.roles for one in keys)
        # one authority may issue any number of signers' keys
        if holders < role.threshold and not any(role.role in one.roles for one in roots):
            why = f"{holders} keys have the role {role.role}, {role.threshold} must sign"
            raise _error(path, [*where, "roles"], why)
    for number, algorithm in enumerate(table.algorithms):
        if algorithm not in algorithm_names():
            why = f"{algorithm} is no algorithm that is known (such as ecdsa:sha256)"
            raise _error(path, [*where, "algorithms", number], why)
    if (table.coverage == "listed") != bool(table.listed):
        raise _error(path, [*where, "listed"], "stands with coverage = listed, and only with it")
    return Rule(
        name=f"{vendor}/{table.id}",
        keys=tuple(one for one in keys if set(one.roles) & set(wanted)),
        roots=tuple(one for one in roots if one.use == "time" or set(one.roles) & set(wanted)),
        thresholds=tuple(Threshold(role.role, role.threshold) for role in table.roles),
        products=table.products,
        formats=table.formats,
        schemes=table.schemes,
        algorithms=table.algorithms,
        crls=crls,
        profiles=_profiles(path, [*where, "schemes"], table.schemes, profiles),
        coverage=table.coverage,
        listed=table.listed,
        timestamp_required=table.timestamp == "required",
        crl_required=table.crl == "required",
        rollback_field=table.rollback,
        holders=tuple(Holder(one.subject, one.issuer) for one in table.holders),
        lab_keys=tuple(one for one in keys if LAB_ROLE in one.roles),
        lab_roots=tuple(one for one in roots if LAB_ROLE in one.roles and one.use == "code"),
    )


def _profiles(
    path: Path, where: list[str | int], schemes: tuple[str, ...], profiles: tuple[Profile, ...]
) -> tuple[Profile, ...]:
    known = {profile.scheme: profile for profile in profiles}
    names = {scheme.name for scheme in SCHEMES} - {TRAILER_PROFILE.name}
    for scheme in schemes:
        if scheme not in known and scheme not in names:
            kind = "profile" if scheme.startswith(SCHEME_PREFIX) else "scheme"
            raise _error(path, where, f"{scheme} is no {kind} that is known")
    return tuple(known[scheme] for scheme in schemes if scheme in known)


def _require_two_people(
    path: Path, where: list[str | int], table: KeyTable | RootTable | LogTable
) -> None:
    names = {" ".join(name.casefold().split()) for name in (table.added_by, table.approved_by)}
    if len(names) != 2:
        raise _error(path, [*where, "approved_by"], "who approves is not who added")


def _refuse_mixed_lab(path: Path, where: list[str | int], table: KeyTable | RootTable) -> None:
    """Refuse a key of the lab that also signs updates: it would be its own second channel."""
    if LAB_ROLE in table.roles and len(set(table.roles)) > 1:
        raise _error(path, [*where, "roles"], f"who is {LAB_ROLE} has no other role")


def _refuse_twice(path: Path, key: str, ids: list[str]) -> None:
    for number, one in enumerate(ids):
        if one in ids[:number]:
            raise _error(path, [*key.split("."), number], f"{one} stands twice")


def _read(path: Path, where: list[str | int], name: str) -> bytes:
    """Return the content of the file ``name`` beside ``path``; never outside its folder."""
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise _error(path, where, f"{name} leaves the vendor's folder")
    try:
        return read_bounded(path.parent / relative)
    except InputFileError as error:
        raise _error(path, where, f"{name}: {error.why}") from error


def _error(path: Path, where: list[str | int], why: str) -> InputFileError:
    text = read_bounded(path).decode("utf-8")
    return InputFileError(path, line_of(text, where), ".".join(map(str, where)), why)

"""One vendor of the trust store: ``vendor.toml``, its keys, roots, CRLs and rules.

Guarantees: see ``fwverify.verify.trust``. Every file named lies inside the vendor's
folder and has the pinned digest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509

from fwverify.canonical import sha256_hex
from fwverify.people import UnusableText, person_key
from fwverify.strict import InputFileError, line_of, load_toml, read_bounded
from fwverify.verify.anchors import SCHEMES_OF, Anchor, open_anchor
from fwverify.verify.keys import (
    KeyFormatError,
    PublicKey,
    read_anchors,
    read_keys,
    secret_of,
)
from fwverify.verify.profile_document import PROFILE_SCHEMES
from fwverify.verify.profiles import SCHEME_PREFIX, TRAILER_PROFILE, Profile
from fwverify.verify.raw import algorithm_names
from fwverify.verify.rules import (
    LAB_ROLE,
    Barred,
    KeyEntry,
    RootEntry,
    Rule,
    Threshold,
)
from fwverify.verify.scheme import Holder, LogKey
from fwverify.verify.schemes import SCHEMES
from fwverify.verify.vendor_file import (
    CrlTable,
    KeyTable,
    LogTable,
    RootTable,
    RuleTable,
    VendorFile,
)


def load_vendor(
    folder: Path, profiles: tuple[Profile, ...], anchors: tuple[Anchor, ...] = ()
) -> tuple[Rule, ...]:
    """Return the rules in force of the vendor in ``folder``, in the order of the file.

    Raises ``InputFileError``.
    """
    path = folder / "vendor.toml"
    return rules_of(path, load_toml(path, VendorFile), profiles, anchors)


def rules_of(
    path: Path, file: VendorFile, profiles: tuple[Profile, ...], anchors: tuple[Anchor, ...]
) -> tuple[Rule, ...]:
    """Return the rules of ``file``, which stands at ``path`` with its keys beside it.

    A pending rule is checked like the others and left out. Raises ``InputFileError``.
    """
    if file.vendor != path.parent.name:
        raise _error(path, ["vendor"], f"{file.vendor} is not the folder's name")
    found = Holdings(
        keys=_keys(path, file),
        roots=_roots(path, file),
        crls=tuple(
            crl
            for number, table in enumerate(file.crl)
            for crl in _crls(path, ["crl", number, "file"], table)
        ),
        profiles=profiles,
        anchors=anchors,
    )
    logs = _logs(path, file)
    _refuse_twice(path, "rule", [table.id for table in file.rule])
    made = [
        (table.status, _rule(path, ["rule", number], file, table, found))
        for number, table in enumerate(file.rule)
    ]
    return tuple(replace(rule, logs=logs) for status, rule in made if status == "active")


@dataclass(frozen=True)
class Holdings:
    """What a vendor's rules may refer to. ``roots`` has those that are not active, too."""

    keys: tuple[KeyEntry, ...]
    roots: tuple[tuple[RootTable, RootEntry], ...]
    crls: tuple[asn1_crl.CertificateList, ...]
    profiles: tuple[Profile, ...]
    anchors: tuple[Anchor, ...]

    def barred(self) -> tuple[Barred, ...]:
        """Return the keys that were revoked, of bare keys and of certificates."""
        found = [
            Barred(one.id, secret_of(one.key.spki), one.revoked_at)
            for one in self.keys
            if one.revoked_at is not None
        ]
        found += [
            Barred(table.id, secret_of(root.certificate.public_key.dump()), table.revoked_at)
            for table, root in self.roots
            if table.revoked_at is not None
        ]
        return tuple(found)


def _keys(path: Path, file: VendorFile) -> tuple[KeyEntry, ...]:
    _refuse_twice(path, "key", [table.id for table in file.key])
    entries: list[KeyEntry] = []
    for number, table in enumerate(file.key):
        where: list[str | int] = ["key", number]
        _require_two_people(path, where, table)
        _refuse_mixed_lab(path, where, table)
        key = pinned_key(path, where, table)
        if any(secret_of(key.spki) == secret_of(other.key.spki) for other in entries):
            raise _error(path, [*where, "file"], "this key already stands under another id")
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
        _refuse_one_person(path, where, table.added_by, table.approved_by)
        key = pinned_key(path, where, table)
        found.append(LogKey(table.id, key.spki, table.use, table.not_before, table.not_after))
    return tuple(found)


def pinned_key(path: Path, where: list[str | int], table: KeyTable | LogTable) -> PublicKey:
    """Return the key of ``table``, which has its pinned digest. Raises ``InputFileError``."""
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


def _roots(path: Path, file: VendorFile) -> tuple[tuple[RootTable, RootEntry], ...]:
    _refuse_twice(path, "root", [table.id for table in file.root])
    entries: list[tuple[RootTable, RootEntry]] = []
    for number, table in enumerate(file.root):
        where: list[str | int] = ["root", number]
        _require_two_people(path, where, table)
        _refuse_mixed_lab(path, where, table)
        if (table.use == "time") == bool(table.roles):
            why = "stand with use = code or identity, and only with them"
            raise _error(path, [*where, "roles"], why)
        certificate = pinned_certificate(path, where, table)
        entries.append((table, RootEntry(table.id, certificate, table.roles, table.use)))
    return tuple(entries)


def pinned_certificate(
    path: Path, where: list[str | int], table: RootTable
) -> asn1_x509.Certificate:
    """Return the certificate of ``table``, with its pinned digest. Raises ``InputFileError``."""
    try:
        anchors = read_anchors(_read(path, [*where, "file"], table.file), table.file)
    except KeyFormatError as error:
        raise _error(path, [*where, "file"], str(error)) from error
    if len(anchors.certificates) != 1 or anchors.crls:
        raise _error(path, [*where, "file"], f"{table.file} must hold one certificate")
    found = sha256_hex(anchors.certificates[0].dump())
    if found != table.sha256:
        raise _error(path, [*where, "sha256"], f"{table.file} holds {found}")
    return anchors.certificates[0]


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
    path: Path, where: list[str | int], file: VendorFile, table: RuleTable, found: Holdings
) -> Rule:
    wanted = [role.role for role in table.roles]
    if LAB_ROLE in wanted:
        raise _error(path, [*where, "roles"], f"{LAB_ROLE} attests, and signs no update")
    _refuse_twice(path, "rule.roles", wanted)
    borrowed = _borrowed(path, where, table, found.anchors)
    _require_holders(path, where, table, found, borrowed)
    for number, algorithm in enumerate(table.algorithms):
        if algorithm not in algorithm_names():
            why = f"{algorithm} is no algorithm that is known (such as ecdsa:sha256)"
            raise _error(path, [*where, "algorithms", number], why)
    if (table.coverage == "listed") != bool(table.listed):
        raise _error(path, [*where, "listed"], "stands with coverage = listed, and only with it")
    _require_two_people(path, where, table)
    serving = [
        (one, root)
        for one, root in found.roots
        if root.use == "time" or set(root.roles) & set(wanted)
    ]
    own = tuple(one for one in found.keys if set(one.roles) & set(wanted))
    return Rule(
        name=f"{file.vendor}/{table.id}",
        keys=(*own, *borrowed.keys),
        roots=(*(root for one, root in serving if one.status == "active"), *borrowed.roots),
        thresholds=tuple(Threshold(role.role, role.threshold) for role in table.roles),
        products=table.products,
        formats=table.formats,
        schemes=table.schemes,
        algorithms=table.algorithms,
        crls=found.crls,
        profiles=_profiles(path, [*where, "schemes"], table.schemes, found.profiles),
        coverage=table.coverage,
        listed=table.listed,
        timestamp_required=table.timestamp == "required",
        crl_required=table.crl == "required",
        rollback_field=table.rollback,
        barred=found.barred(),
        notes=tuple(f"{one.id} is {one.status}" for one, _ in serving if one.status != "active"),
        holders=tuple(Holder(one.subject, one.issuer) for one in table.holders),
        lab_keys=tuple(one for one in found.keys if LAB_ROLE in one.roles),
        lab_roots=tuple(
            root
            for entry, root in found.roots
            if LAB_ROLE in root.roles and root.use == "code" and entry.status == "active"
        ),
    )


def _require_holders(
    path: Path, where: list[str | int], table: RuleTable, found: Holdings, borrowed: Borrowed
) -> None:
    """Refuse a role that nobody could ever fill."""
    for role in table.roles:
        holders = sum(role.role in one.roles for one in (*found.keys, *borrowed.keys))
        # one authority may issue any number of signers' keys
        roots = (*(root for _, root in found.roots), *borrowed.roots)
        if holders < role.threshold and not any(role.role in one.roles for one in roots):
            why = f"{holders} keys have the role {role.role}, {role.threshold} must sign"
            raise _error(path, [*where, "roles"], why)


@dataclass(frozen=True)
class Borrowed:
    """What a rule has of the shipped anchors that it names."""

    keys: tuple[KeyEntry, ...]
    roots: tuple[RootEntry, ...]


def _borrowed(
    path: Path, where: list[str | int], table: RuleTable, anchors: tuple[Anchor, ...]
) -> Borrowed:
    known = {one.table.name: one for one in anchors}
    roles = [role.role for role in table.roles]
    _refuse_twice(path, "rule.anchors", list(table.anchors))
    role = table.anchor_role or (roles[0] if len(roles) == 1 else None)
    if table.anchors and role not in roles:
        raise _error(path, [*where, "anchor_role"], "names one of the rule's roles")
    if table.anchor_role is not None and not table.anchors:
        raise _error(path, [*where, "anchor_role"], "stands with anchors, and only with them")
    keys: list[KeyEntry] = []
    roots: list[RootEntry] = []
    for number, name in enumerate(table.anchors):
        if name not in known:
            raise _error(path, [*where, "anchors", number], f"{name} is no anchor of the store")
        use = known[name].table.use
        if any(scheme not in SCHEMES_OF.get(use, (scheme,)) for scheme in table.schemes):
            why = f"{name} serves {', '.join(SCHEMES_OF[use])} alone"
            raise _error(path, [*where, "anchors", number], why)
        held = open_anchor(known[name])
        given = () if use == "timestamp" else (role or "",)
        keys += [
            KeyEntry(f"{name}/{entry.file}", key, given)
            for entry, key in zip(known[name].table.key, held.keys, strict=True)
        ]
        roots += [
            RootEntry(f"{name}/{entry.file}", one, given, "code" if given else "time")
            for entry, one in zip(known[name].table.certificate, held.certificates, strict=True)
        ]
    return Borrowed(tuple(keys), tuple(roots))


def _profiles(
    path: Path, where: list[str | int], schemes: tuple[str, ...], profiles: tuple[Profile, ...]
) -> tuple[Profile, ...]:
    known = {profile.scheme: profile for profile in profiles}
    by_profile = {scheme.name for scheme in (TRAILER_PROFILE, *PROFILE_SCHEMES)}
    names = {scheme.name for scheme in SCHEMES} - by_profile
    for scheme in schemes:
        if scheme not in known and scheme not in names:
            kind = "profile" if scheme.startswith(SCHEME_PREFIX) else "scheme"
            raise _error(path, where, f"{scheme} is no {kind} that is known")
    return tuple(known[scheme] for scheme in schemes if scheme in known)


def _require_two_people(
    path: Path, where: list[str | int], table: KeyTable | RootTable | RuleTable
) -> None:
    """Refuse what is in force and not vouched for by two people, and a state half told.

    Of rules, which people write by hand, only those that name who added them are asked.
    """
    if isinstance(table, (KeyTable, RootTable)) and (table.status == "revoked") != (
        table.revoked_at is not None
    ):
        raise _error(path, [*where, "revoked_at"], "stands with revoked, and only with it")
    if table.added_by is None and table.approved_by is None and table.status == "active":
        return
    if (table.status == "pending") == (table.approved_by is not None) or not table.added_by:
        if table.status in ("retired", "revoked") and table.added_by:
            return  # taken out of use before anybody approved it
        raise _error(path, [*where, "approved_by"], "stands unless the status is pending")
    if table.approved_by is not None:
        _refuse_one_person(path, where, table.added_by, table.approved_by)


def _refuse_one_person(path: Path, where: list[str | int], added_by: str, approved_by: str) -> None:
    try:
        people = {person_key(name) for name in (added_by, approved_by)}
    except UnusableText as error:
        raise _error(path, [*where, "approved_by"], str(error)) from error
    if len(people) != 2:
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

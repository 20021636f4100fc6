"""Keys and certificates of a vendor: added by one person, activated by another.

Guarantees (EVIDENCE, "key activation needs four eyes"):

- What is added is ``pending`` and counts for nothing until another person activates it
  and repeats the whole fingerprint, confirmed over a channel that is recorded. A rule
  that comes with it waits with it: one person alone can widen no trust.
- A publicly known key is never added and never activated.
- One person is enough to retire or revoke: that only takes trust away. What was revoked
  stays revoked, under any name and for any vendor.

Nobody is authenticated here: names are what was typed. A store signed by its approvers
(``fwverify.keyring.signing``) binds them to keys.
"""

from __future__ import annotations

import hmac
import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fwverify import people
from fwverify.keyring import edit
from fwverify.keyring.candidate import Candidate, examine, of_certificate, of_key
from fwverify.strict import InputFileError, parse_toml
from fwverify.verify.keys import secret_of
from fwverify.verify.trust import TrustStore, load_trust
from fwverify.verify.vendor import pinned_certificate, pinned_key, rules_of
from fwverify.verify.vendor_file import KeyTable, RootTable, RuleTable, VendorFile

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256_DIGITS: Final = 64
_WORKSHOP: Final = ".fwverify-new"


@dataclass(frozen=True)
class Wish:
    """What is asked for: for whom and for what the new key or certificate stands.

    ``schemes`` are for the rule that is made where none for ``products`` is there.
    ``use`` is ``code`` or ``time`` (certificates alone). ``at`` is aware, in whole seconds.
    """

    vendor: str
    id: str
    roles: tuple[str, ...]
    by: str
    at: datetime
    products: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    use: str = "code"
    title: str = ""


@dataclass(frozen=True)
class Change:
    """What was done: the entry as it stands now, and rules that changed with it."""

    vendor: str
    entry: KeyTable | RootTable
    rules: tuple[RuleTable, ...] = ()


def add(store: Path, data: bytes, name: str, wish: Wish) -> tuple[Change, Candidate]:
    """Add what ``data``, the content of ``name``, holds, as pending.

    Raises ``KeyFormatError`` for an unusable file, ``InputFileError`` for all else.
    """
    _check_id("vendor", wish.vendor)
    _check_id("id", wish.id)
    for one in wish.roles:
        _check_id("role", one)
    by = _person(wish.by)
    with edit.locked(store):
        trust = load_trust(store)
        candidate = examine(data, name, trust, wish.at)
        if candidate.known_bad:
            raise InputFileError(name, None, "", f"refused: {candidate.known_bad}")
        _refuse_revoked(store, wish.vendor, candidate.spki)
        path = store / "vendors" / wish.vendor / "vendor.toml"
        text, before = edit.read_vendor(path) if path.is_file() else ("", None)
        if before is not None:
            _refuse_known(path, before, candidate, wish.id)
        text = text or _head(wish)
        entry = _entry(candidate, wish, by)
        text = edit.appended(text, candidate.table, entry)
        text, rules = _with_rule(path, text, before, wish, by)
        write = _write_vendor if before is None else _write_pair
        write(path, text, entry["file"], candidate.content, trust)
    after = _parsed(path, text)
    return Change(wish.vendor, _find(path, after, wish.id)[1], _named(after, rules)), candidate


def activate(
    store: Path, vendor: str, id_: str, *, by: str, fingerprint: str, channel: str, at: datetime
) -> tuple[Change, Candidate]:
    """Activate the pending entry ``id_``, and the pending rules that name its roles.

    ``fingerprint`` is the whole SHA-256 as the second person has it from ``channel``. Returns
    what was confirmed, too: who confirms it did not see it being added. Raises ``InputFileError``.
    """
    person, said = _person(by), _line("channel", channel)
    with edit.locked(store):
        trust, path, text, file = _opened(store, vendor)
        table, entry, number = _find(path, file, id_)
        if entry.status != "pending":
            raise InputFileError(path, None, id_, f"is {entry.status}, not pending")
        _refuse_same(path, id_, entry.added_by, person)
        _compare(path, id_, _pin(entry), fingerprint)
        candidate = _candidate(path, entry, number, trust, at)
        if candidate.known_bad:
            raise InputFileError(path, None, id_, f"refused: {candidate.known_bad}")
        _refuse_revoked(store, vendor, candidate.spki)
        values: dict[str, Any] = {
            "status": "active",
            "approved_by": person,
            "approved_at": at,
            "channel": said,
        }
        text = edit.changed(path, text, table, number, values)
        text, rules = _activate_rules(path, text, entry.roles, person)
        return _finished(path, text, vendor, id_, trust, rules), candidate


def retire(store: Path, vendor: str, id_: str, *, by: str, at: datetime) -> Change:
    """Take ``id_`` out of use: what it signed is for old baselines alone."""
    values = {"status": "retired", "retired_by": _person(by), "retired_at": at}
    return _withdraw(store, vendor, id_, values, ("retired", "revoked"))


def revoke(store: Path, vendor: str, id_: str, *, by: str, since: datetime, reason: str) -> Change:
    """Revoke ``id_`` from ``since`` on, for good."""
    values = {
        "status": "revoked",
        "revoked_at": since,
        "revoked_by": _person(by),
        "reason": _line("reason", reason),
    }
    return _withdraw(store, vendor, id_, values, ("revoked",))


def _withdraw(
    store: Path, vendor: str, id_: str, values: dict[str, Any], already: tuple[str, ...]
) -> Change:
    with edit.locked(store):
        trust, path, text, file = _opened(store, vendor)
        table, entry, number = _find(path, file, id_)
        if entry.status in already:
            raise InputFileError(path, None, id_, f"is {entry.status} already")
        text = edit.changed(path, text, table, number, values)
        return _finished(path, text, vendor, id_, trust, ())


# --- one vendor.toml -------------------------------------------------------------------


def _opened(store: Path, vendor: str) -> tuple[TrustStore, Path, str, VendorFile]:
    _check_id("vendor", vendor)
    trust = load_trust(store)
    path = store / "vendors" / vendor / "vendor.toml"
    if not path.is_file():
        known = sorted(one.name for one in (store / "vendors").glob("*") if one.is_dir())
        why = f"the store knows no vendor {vendor}; it has {', '.join(known[:8]) or 'none'}"
        raise InputFileError(path, None, "", why)
    text, file = edit.read_vendor(path)
    return trust, path, text, file


def _finished(
    path: Path, text: str, vendor: str, id_: str, trust: TrustStore, rules: tuple[str, ...]
) -> Change:
    after = _parsed(path, text)
    rules_of(path, after, trust.profiles, trust.anchors)
    edit.write_whole(path, text.encode())
    return Change(vendor, _find(path, after, id_)[1], _named(after, rules))


def _named(file: VendorFile, ids: tuple[str, ...]) -> tuple[RuleTable, ...]:
    return tuple(rule for rule in file.rule if rule.id in ids)


def _write_pair(path: Path, text: str, name: str, data: bytes, trust: TrustStore) -> None:
    """Write the key file, then the ``vendor.toml`` that names it, or neither."""
    content = path.parent / name
    if content.exists() and content.read_bytes() != data:
        raise InputFileError(content, None, "", "stands there with another content")
    made = not content.exists()
    try:
        edit.write_whole(content, data)
        rules_of(path, _parsed(path, text), trust.profiles, trust.anchors)
        edit.write_whole(path, text.encode())
    except InputFileError:
        if made:
            content.unlink(missing_ok=True)
        raise


def _write_vendor(path: Path, text: str, name: str, data: bytes, trust: TrustStore) -> None:
    """Write a vendor's whole folder beside the vendors, then move it there in one step."""
    workshop = path.parents[2] / _WORKSHOP
    try:
        made = workshop / path.parent.name / path.name
        edit.write_whole(made, text.encode())
        edit.write_whole(made.parent / name, data)
        rules_of(made, _parsed(path, text), trust.profiles, trust.anchors)
        path.parents[1].mkdir(exist_ok=True)
        made.parent.rename(path.parent)
    except InputFileError as error:
        raise InputFileError(path, error.line, error.key, error.why) from error
    except OSError as error:
        raise InputFileError(path, None, "", error.strerror or str(error)) from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _parsed(path: Path, text: str) -> VendorFile:
    return parse_toml(text.encode(), path, VendorFile)


def _head(wish: Wish) -> str:
    title = f"title = {edit.toml(_line('title', wish.title))}\n" if wish.title else ""
    return f'schema = "fwverify.vendor/1"\nvendor = "{wish.vendor}"\n{title}'


def _entry(candidate: Candidate, wish: Wish, by: str) -> dict[str, Any]:
    folder = "keys" if candidate.table == "key" else "roots"
    pin = "spki_sha256" if candidate.table == "key" else "sha256"
    entry: dict[str, Any] = {
        "id": wish.id,
        "file": f"{folder}/{wish.id}{candidate.suffix}",
        pin: candidate.fingerprint,
    }
    if candidate.table == "root":
        entry["use"] = wish.use
    entry["roles"] = wish.roles if wish.use == "code" else ()
    entry |= {"status": "pending", "added_by": by, "added_at": wish.at}
    return entry


def _with_rule(
    path: Path, text: str, before: VendorFile | None, wish: Wish, by: str
) -> tuple[str, tuple[str, ...]]:
    """Return ``text`` with a pending rule where no rule for the products and roles is there."""
    rules = before.rule if before else ()
    wanted = [
        product for product in wish.products if not any(product in one.products for one in rules)
    ]
    if not wanted and rules:
        return text, ()
    if not wanted or not wish.schemes or not wish.roles:
        why = "no rule is there for this: name --product, --scheme and --role to make one"
        raise InputFileError(path, None, "rule", why)
    taken = {one.id for one in rules}
    id_ = next(name for number in range(1, 1000) if (name := f"rule-{number}") not in taken)
    entry = {
        "id": id_,
        "products": tuple(wanted),
        "schemes": wish.schemes,
        "roles": tuple({"role": role, "threshold": 1} for role in wish.roles),
        "coverage": "all-executable",
        "status": "pending",
        "added_by": by,
    }
    return edit.appended(text, "rule", entry), (id_,)


def _activate_rules(
    path: Path, text: str, roles: tuple[str, ...], person: str
) -> tuple[str, tuple[str, ...]]:
    """Return ``text`` with the pending rules in force that name one of ``roles``.

    A rule that ``person`` added waits on: its second person is somebody else.
    """
    changed: list[str] = []
    for number, rule in enumerate(_parsed(path, text).rule):
        mine = people.person_key(rule.added_by or person) == people.person_key(person)
        shared = {one.role for one in rule.roles} & set(roles)
        if rule.status == "pending" and shared and not mine:
            _refuse_same(path, rule.id, rule.added_by or "", person)
            values = {"status": "active", "approved_by": person}
            text = edit.changed(path, text, "rule", number, values)
            changed.append(rule.id)
    return text, tuple(changed)


def _refuse_known(path: Path, file: VendorFile, candidate: Candidate, id_: str) -> None:
    """Refuse an id or a key that the vendor has, whatever became of it."""
    for number, key in enumerate(file.key):
        _refuse_twice(path, key, _spki(path, key, number), candidate, id_)
    for number, root in enumerate(file.root):
        again = root.sha256 == candidate.fingerprint or root.status == "revoked"
        known = _spki(path, root, number)
        _refuse_twice(path, root, known if again else None, candidate, id_)


def _refuse_twice(
    path: Path, entry: KeyTable | RootTable, spki: bytes | None, candidate: Candidate, id_: str
) -> None:
    if entry.id == id_:
        raise InputFileError(path, None, id_, "stands there; choose another --id")
    if spki is not None and secret_of(spki) == secret_of(candidate.spki):
        raise InputFileError(path, None, entry.id, f"is this key, and {entry.status}")


def _find(path: Path, file: VendorFile, id_: str) -> tuple[edit.Table, KeyTable | RootTable, int]:
    for number, key in enumerate(file.key):
        if key.id == id_:
            return "key", key, number
    for number, root in enumerate(file.root):
        if root.id == id_:
            return "root", root, number
    ids = [*(key.id for key in file.key), *(root.id for root in file.root)]
    known = ", ".join(ids)
    raise InputFileError(
        path, None, "", f"has no key and no root {id_!a}; it has {known or 'none'}"
    )


def _pin(entry: KeyTable | RootTable) -> str:
    return entry.spki_sha256 if isinstance(entry, KeyTable) else entry.sha256


def _refuse_revoked(store: Path, vendor: str, spki: bytes) -> None:
    """Refuse a key that was revoked for another vendor: a stolen key is stolen for all."""
    for path in sorted((store / "vendors").glob("*/vendor.toml")):
        if path.parent.name == vendor:
            continue  # its own are refused, whatever became of them
        _, file = edit.read_vendor(path)
        tables: tuple[tuple[KeyTable | RootTable, ...], ...] = (file.key, file.root)
        for entry, number in ((one, n) for each in tables for n, one in enumerate(each)):
            if entry.status == "revoked":
                known = _spki(path, entry, number)
                if secret_of(known) == secret_of(spki):
                    raise InputFileError(path, None, entry.id, "is this key, and revoked")


def _spki(path: Path, entry: KeyTable | RootTable, number: int) -> bytes:
    if isinstance(entry, KeyTable):
        return pinned_key(path, ["key", number], entry).spki
    return bytes(pinned_certificate(path, ["root", number], entry).public_key.dump())


def _candidate(
    path: Path, entry: KeyTable | RootTable, number: int, trust: TrustStore, at: datetime
) -> Candidate:
    """Return what the pinned file of an entry holds. Raises ``InputFileError``."""
    if isinstance(entry, KeyTable):
        return of_key(pinned_key(path, ["key", number], entry), b"", trust, at)
    return of_certificate(pinned_certificate(path, ["root", number], entry), trust, at)


# --- what people type ------------------------------------------------------------------


def _compare(path: Path, id_: str, pinned: str, typed: str) -> None:
    """Compare the fingerprint that the second person has; colons and spaces do not count."""
    digits = re.sub(r"[\s:]", "", typed).lower().removeprefix("sha256")
    if len(digits) != _SHA256_DIGITS:
        why = f"the whole SHA-256 ({_SHA256_DIGITS} digits) is needed, {len(digits)} were given"
        raise InputFileError(path, None, id_, why)
    if not hmac.compare_digest(digits.encode(), pinned.encode()):
        why = "the fingerprint confirmed is not that of the file: do not trust it, ask again"
        raise InputFileError(path, None, id_, why)


def _refuse_same(path: Path, id_: str, added_by: str, person: str) -> None:
    if people.person_key(added_by) == people.person_key(person):
        why = f"{person} added it: another person has to confirm it"
        raise InputFileError(path, None, id_, why)


def _check_id(what: str, text: str) -> None:
    if not _ID.fullmatch(text):
        raise InputFileError(f"{text[:80]!a}", None, what, "letters, digits and ._- only")


def _person(name: str) -> str:
    return _line("name", name)


def _line(what: str, text: str) -> str:
    try:
        return people.one_line(what, text)
    except people.UnusableText as error:
        raise InputFileError(f"--{what}", None, "", str(error)) from error

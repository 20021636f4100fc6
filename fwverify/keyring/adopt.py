"""The keys and the rule of a promoted onboarding, taken into the trust store.

Guarantees: they become active with the two people who promoted them, the channel over
which each key was confirmed, and the fingerprints that were confirmed; a publicly known key
is refused; a new vendor's folder appears whole. Doing it twice changes nothing, and what
an earlier attempt left undone is completed.

Not done: changing a rule or a key that the vendor has already. Such a vendor is
``fwverify keys``'s.
"""

from __future__ import annotations

import fnmatch
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from fwverify.keyring import edit
from fwverify.keyring.candidate import examine
from fwverify.strict import InputFileError, parse_toml, read_bounded
from fwverify.verify.trust import load_trust
from fwverify.verify.vendor import rules_of
from fwverify.verify.vendor_file import KeyTable, RootTable, VendorFile

_WORKSHOP: Final = ".fwverify-new"


def require_room(store: Path, wanted: VendorFile) -> None:
    """Refuse, before anybody signs, what could not be taken in: a vendor known otherwise."""
    with edit.locked(store):
        load_trust(store)
        path = _path(store, wanted.vendor)
        if path.is_file() and not _is_taken(path, wanted):
            why = "the vendor stands there already; add the key with fwverify keys add"
            raise InputFileError(path, None, "", why)


def adopt(
    store: Path,
    folder: Path,
    wanted: VendorFile,
    by: tuple[str, str],
    channels: Mapping[str, str],
    at: datetime,
) -> bool:
    """Put the proposal ``wanted``, whose files lie in ``folder``, in force; say if it changed.

    ``by`` are the two people, ``channels`` the channel of each confirmed fingerprint.
    Raises ``InputFileError``; the store then is as it was.
    """
    with edit.locked(store):
        trust = load_trust(store)
        path = _path(store, wanted.vendor)
        if path.is_file():
            if _is_taken(path, wanted):
                return False
            raise InputFileError(path, None, "", "the vendor stands there already")
        text = f'schema = "fwverify.vendor/1"\nvendor = {edit.toml(wanted.vendor)}\n'
        contents: dict[str, bytes] = {}
        for table, entry in _entries(wanted):
            data = read_bounded(folder / entry.file)
            found = examine(data, entry.file, trust, at)
            if found.known_bad or found.table != table or found.fingerprint != _pin(entry):
                why = found.known_bad or "is not the key that was confirmed"
                raise InputFileError(folder / entry.file, None, entry.id, f"refused: {why}")
            contents[entry.file] = data
            text = edit.appended(text, table, _active(entry, by, channels[_pin(entry)], at))
        for rule in wanted.rule:
            values = _plain(rule) | {"status": "active", "added_by": by[0], "approved_by": by[1]}
            text = edit.appended(text, "rule", values)
        made = store / _WORKSHOP / wanted.vendor / path.name
        try:
            for name, data in contents.items():
                edit.write_whole(made.parent / name, data)
            edit.write_whole(made, text.encode())
            rules_of(made, parse_toml(text.encode(), path, VendorFile), trust.profiles,
                     trust.anchors)  # fmt: skip
            path.parents[1].mkdir(exist_ok=True)
            made.parent.rename(path.parent)
        except OSError as error:
            raise InputFileError(path, None, "", error.strerror or str(error)) from error
        finally:
            shutil.rmtree(store / _WORKSHOP, ignore_errors=True)
    return True


def _path(store: Path, vendor: str) -> Path:
    return store / "vendors" / vendor / "vendor.toml"


def _entries(wanted: VendorFile) -> list[tuple[edit.Table, KeyTable | RootTable]]:
    found: list[tuple[edit.Table, KeyTable | RootTable]] = [("key", each) for each in wanted.key]
    found += [("root", each) for each in wanted.root]
    return found


def _pin(entry: KeyTable | RootTable) -> str:
    return entry.spki_sha256 if isinstance(entry, KeyTable) else entry.sha256


def _is_taken(path: Path, wanted: VendorFile) -> bool:
    """Return whether the vendor has all these keys in use, and rules for the products."""
    there = edit.read_vendor(path)[1]
    pins = {_pin(each) for _, each in _entries(there) if each.status == "active"}
    served = {name for rule in there.rule if rule.status == "active" for name in rule.products}
    return {_pin(each) for _, each in _entries(wanted)} <= pins and all(
        any(fnmatch.fnmatchcase(name, glob) for glob in served)
        for rule in wanted.rule
        for name in rule.products
    )


def _active(
    entry: KeyTable | RootTable, by: tuple[str, str], channel: str, at: datetime
) -> dict[str, Any]:
    return _plain(entry) | {
        "status": "active",
        "added_by": by[0],
        "added_at": at,
        "approved_by": by[1],
        "approved_at": at,
        "channel": channel,
    }


def _plain(table: msgspec.Struct) -> dict[str, Any]:
    """Return the set values of a table as ``edit.appended`` takes them."""
    return {
        name: msgspec.to_builtins(value, builtin_types=(datetime,))
        for name in table.__struct_fields__
        if (value := getattr(table, name)) not in (None, (), "")
    }

"""Changing files of the trust store so that no reader sees half a change.

Guarantees: one writer at a time (a lock on the folder itself, which leaves no file
behind); a file is replaced whole, synchronised before and after its renaming; a
``vendor.toml`` is edited in place, so that an operator's comments and order survive,
and its new text must parse to exactly the change that was meant.

Not done: undoing a change of several files when the machine stops between two of them.
Key files are written first, so what remains then is a file that nothing names
(``keys check`` says so).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from fwverify.data import data_folder
from fwverify.strict import InputFileError, parse_toml, read_bounded
from fwverify.verify.vendor import VendorFile

Table = Literal["key", "root", "rule"]
_TEMPORARY: Final = ".fwverify-new"


@contextlib.contextmanager
def locked(store: Path) -> Iterator[None]:
    """Hold the right to write to the trust store at ``store``.

    Raises ``InputFileError`` where another writer holds it, the folder cannot be
    written, or it is the one that ships with the program.
    """
    if store.resolve() == data_folder("signatures").resolve():
        why = "ships with the program: copy it and name the copy (paths.trust, or --trust)"
        raise InputFileError(store, None, "", why)
    try:
        descriptor = os.open(store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise InputFileError(store, None, "", error.strerror or str(error)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise InputFileError(store, None, "", "another command is changing it") from error
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``. Raises ``InputFileError``; then the old file stands."""
    temporary = path.with_name(path.name + _TEMPORARY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _synchronise(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise InputFileError(path, None, "", error.strerror or str(error)) from error


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_vendor(path: Path) -> tuple[str, VendorFile]:
    """Return text and content of the ``vendor.toml`` at ``path``. Raises ``InputFileError``."""
    data = read_bounded(path)
    return data.decode("utf-8", "replace"), parse_toml(data, path, VendorFile)


def appended(text: str, table: Table, entry: Mapping[str, Any]) -> str:
    """Return ``text`` with ``[[table]]`` and the items of ``entry`` that are set at its end."""
    block = tomlkit.document()
    tables = tomlkit.aot()
    row = tomlkit.table()
    for name, value in entry.items():
        if value not in (None, (), ""):
            row.add(name, _item(value))
    tables.append(row)
    block.append(table, tables)
    between = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return text + between + tomlkit.dumps(block)


def changed(path: Path, text: str, table: Table, number: int, values: Mapping[str, Any]) -> str:
    """Return ``text`` with ``values`` set in the ``number``-th ``[[table]]``.

    Raises ``InputFileError`` where the text cannot be edited so that it says exactly that.
    """
    before = parse_toml(text.encode(), path, VendorFile)
    try:
        document: Any = tomlkit.parse(text)
        row = document[table][number]
        for name, value in values.items():
            row[name] = _item(value)
        edited = tomlkit.dumps(document)
    except (TOMLKitError, KeyError, IndexError, TypeError, ValueError) as error:
        why = f"cannot be edited ({error}); change it by hand"
        raise InputFileError(path, None, f"{table}.{number}", why) from error
    rows = list(getattr(before, table))
    rows[number] = msgspec.structs.replace(rows[number], **values)
    meant = msgspec.structs.replace(before, **{table: tuple(rows)})
    if parse_toml(edited.encode(), path, VendorFile) != meant:
        raise InputFileError(path, None, f"{table}.{number}", "cannot be edited; do it by hand")
    return edited


def _item(value: Any) -> Any:
    """Return ``value`` as TOML writes it; times in whole seconds, with a Z."""
    if isinstance(value, datetime):
        return tomlkit.value(value.strftime("%Y-%m-%dT%H:%M:%SZ"))
    if isinstance(value, (tuple, list)):
        made = tomlkit.array()
        for one in value:
            made.append(_item(one))
        return made
    if isinstance(value, Mapping):
        row = tomlkit.inline_table()
        for name, each in value.items():
            row.append(name, _item(each))
        return row
    return tomlkit.item(value)

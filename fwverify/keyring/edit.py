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
import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from fwverify.data import data_folder
from fwverify.strict import InputFileError, line_of, parse_toml, read_bounded
from fwverify.verify.vendor_file import VendorFile

Table = Literal["key", "root", "rule", "signature"]
_TEMPORARY: Final = ".fwverify-new"
_UNSET: Final = (None, (), "")
_SIMPLE: Final = re.compile(
    r"""(?P<key>\s*\w+\s*=\s*)("[^"\\]*"|'[^']*'|[^\s#"']+)(?P<rest>\s*(#.*)?(\r?\n)?)"""
)


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
    rows = [f"{name} = {toml(value)}" for name, value in entry.items() if value not in _UNSET]
    between = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return text + between + "\n".join((f"[[{table}]]", *rows, ""))


def changed(path: Path, text: str, table: Table, number: int, values: Mapping[str, Any]) -> str:
    """Return ``text`` with ``values`` set in the ``number``-th ``[[table]]``.

    Lines are replaced where they stand, new ones follow the table's ``status`` or header.
    Raises ``InputFileError`` where the text then does not say exactly what was meant.
    """
    before = parse_toml(text.encode(), path, VendorFile)
    rows = list(getattr(before, table))
    rows[number] = msgspec.structs.replace(rows[number], **values)
    meant = msgspec.structs.replace(before, **{table: tuple(rows)})
    edited = text
    for name, value in values.items():
        edited = _with_line(edited, [table, number], name, toml(value))
    try:
        done = parse_toml(edited.encode(), path, VendorFile) == meant
    except InputFileError:
        done = False
    if not done:
        why = "is written in a way that is not edited here; change it by hand"
        raise InputFileError(path, None, f"{table}.{number}", why)
    return edited


def _with_line(text: str, table: list[str | int], name: str, value: str) -> str:
    lines = text.splitlines(keepends=True)
    at = _line_of(text, lines, table, name)
    if at is not None:
        match = _SIMPLE.fullmatch(lines[at])
        if match:
            lines[at] = f"{match['key']}{value}{match['rest']}"
        return "".join(lines)
    behind = _line_of(text, lines, table, "status")
    header = line_of(text, table)
    if behind is None and header is None:
        return text
    behind = behind if behind is not None else (header or 0) - 1
    end = "\r\n" if lines[behind].endswith("\r\n") else "\n"
    lines[behind] = lines[behind].rstrip("\r\n") + end
    lines.insert(behind + 1, f"{name} = {value}{end}")
    return "".join(lines)


def _line_of(text: str, lines: list[str], table: list[str | int], name: str) -> int | None:
    """Return the index of the line that sets ``name`` in ``table``, None where none does."""
    line = line_of(text, [*table, name])
    if line is None or not re.match(rf"\s*{name}\s*=", lines[line - 1]):
        return None
    return line - 1


def toml(value: Any) -> str:
    """Return ``value`` as TOML writes it; times in whole seconds, with a Z."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {toml(each)}' for name, each in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)  # for text and integers TOML is the same

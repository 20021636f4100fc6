"""Adding to the supplier register: only ever at the end, and only what then reads well.

Guarantees: one writer at a time; a file is replaced whole; what stood there before stays
byte for byte, comments included; the whole register is read again with the new entry before
anything is written, so that a fault is said and the old file stands. Nothing is ever taken
out: a later entry is the one in force.

Nobody is authenticated here: names are what was typed, and a folder under version control
or a signature over it binds them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fwverify.keyring.edit import locked, toml, write_whole
from fwverify.strict import InputFileError, read_bounded
from fwverify.suppliers.register import (
    COMPONENTS,
    MAX_REGISTER_BYTES,
    OPERATOR,
    OWNERSHIP,
    Register,
    load_register,
    parse_supplier,
)

_UNSET: Final = (None, (), "")
Tables = tuple[tuple[str, Mapping[str, Any]], ...]


def new_supplier(folder: Path, entry: Mapping[str, Any]) -> Path:
    """Write a new supplier's file and return its path; raises ``InputFileError``."""
    path = folder / f"{entry['id']}.toml"
    with locked(folder):
        if path.exists():
            raise InputFileError(path, None, "id", "is in the register already")
        text = "".join(f"{row}\n" for row in _rows({"schema": "fwverify.supplier/1", **entry}))
        parse_supplier(text.encode(), path)
        _write(folder, path, text)
    return path


def append(folder: Path, supplier: str, tables: Tables) -> Path:
    """Append ``tables`` to the file of ``supplier``; raises ``InputFileError``."""
    path = folder / f"{supplier}.toml"
    if path.name != f"{supplier}.toml" or path.name in (COMPONENTS, OWNERSHIP, OPERATOR):
        raise InputFileError(folder, None, "id", f"{supplier[:80]!a} is no supplier")
    if not path.exists():
        why = "is not in the register: fwverify supplier add enters it"
        raise InputFileError(path, None, "id", why)
    with locked(folder):
        _write(folder, path, _extended(_text(path), tables))
    return path


def append_components(folder: Path, tables: Tables) -> Path:
    """Append ``tables`` to ``components.toml``, which is made where it is missing."""
    path = folder / COMPONENTS
    with locked(folder):
        text = _text(path) if path.exists() else 'schema = "fwverify.components/1"\n'
        _write(folder, path, _extended(text, tables))
    return path


def _text(path: Path) -> str:
    data = read_bounded(path, MAX_REGISTER_BYTES)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputFileError(path, None, "", "not UTF-8") from error


def _extended(text: str, tables: Tables) -> str:
    for name, entry in tables:
        between = "\n" if text.endswith("\n") else "\n\n"
        text += between + "".join(f"{row}\n" for row in (f"[[{name}]]", *_rows(entry)))
    return text


def _rows(entry: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {toml(value)}" for name, value in entry.items() if value not in _UNSET]


def _write(folder: Path, path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` where the register then reads without a fault."""
    _trial(folder, path.name, text)
    write_whole(path, text.encode("utf-8"))


def _trial(folder: Path, name: str, text: str) -> Register:
    """Return the register as it would be; its faults name the real folder."""
    with tempfile.TemporaryDirectory(prefix="fwverify-") as scratch:
        copy = Path(scratch)
        for each in folder.glob("*.toml"):
            (copy / each.name).write_bytes(read_bounded(each, MAX_REGISTER_BYTES))
        (copy / name).write_text(text, encoding="utf-8")
        try:
            return load_register(copy)
        except InputFileError as error:
            where = folder / Path(error.file).name
            raise InputFileError(where, error.line, error.key, error.why) from error

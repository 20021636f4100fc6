"""A case file written from answers: the strict TOML that ``load_case`` reads.

Guarantees: what is written reads back as exactly the same case (that is checked before it
is handed out), in one fixed order, with every character escaped that TOML asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from fwverify.case import Case, parse_case
from fwverify.strict import InputFileError, misfit

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_FIRST_PLAIN: Final = 0x20
_DELETE: Final = 0x7F


def toml_of(values: Mapping[str, Any], file: str = "case.toml") -> str:
    """Return the TOML text of the case ``values``; raises ``InputFileError`` for no case."""
    try:
        case = msgspec.convert(dict(values), Case)
    except msgspec.ValidationError as error:
        raise misfit(error, file) from error
    text = "\n".join(_table(_stated(msgspec.to_builtins(case)), ())) + "\n"
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputFileError(file, None, "", "holds bytes that are no text") from error
    if parse_case(data, file) != case:
        raise InputFileError(file, None, "", "cannot be written as a case file")
    return text


def _stated(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``value`` without what says nothing."""
    return {key: each for key, each in value.items() if each not in (None, (), [], {})}


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a table: plain keys, then tables, then arrays of tables."""
    tables = {key: each for key, each in values.items() if isinstance(each, dict)}
    arrays = {key: each for key, each in values.items() if _is_array_of_tables(each)}
    for key, each in values.items():
        if key not in tables and key not in arrays:
            yield f"{key} = {_plain(each)}"
    for key, each in tables.items():
        yield ""
        yield f"[{'.'.join((*path, key))}]"
        yield from _table(_stated(each), (*path, key))
    for key, rows in arrays.items():
        for row in rows:
            yield ""
            yield f"[[{'.'.join((*path, key))}]]"
            yield from _table(_stated(row), (*path, key))


def _is_array_of_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value)


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_plain(each) for each in value) + "]"
    return '"' + "".join(_escaped(each) for each in str(value)) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    return f"\\u{code:04X}" if code < _FIRST_PLAIN or code == _DELETE else character

"""Strict reading of the operator's TOML files: configuration, case, policy, trust.

Guarantees: duplicate keys are errors (``tomllib``), unknown keys and wrong types are
errors (``msgspec`` with ``forbid_unknown_fields``), an empty file is an error, and every
error names file, line and key in one sentence. Nothing is defaulted that the type does
not default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What ``msgspec.json.decode`` raises: bytes that are not UTF-8 and depth are no DecodeError."""

_MSGSPEC_PATH: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_MSGSPEC_FIELD: Final = re.compile(r"field `(?P<field>[^`]+)`")
_TOMLLIB_PLACE: Final = re.compile(r" \(at line (?P<line>\d+), column \d+\)$")
_HEADER: Final = re.compile(r"^\s*(?P<array>\[)?\[(?P<name>[^\[\]]+)\]\]?\s*(#.*)?$")
_KEY: Final = re.compile(r"^\s*(?P<key>[A-Za-z0-9_.\"'-]+)\s*=")
_STEP: Final = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+|\.\.\.)\]")


class InputFileError(Exception):
    """A file of the operator's is unusable: which, where and why, in one line."""

    def __init__(self, file: Path | str, line: int | None, key: str, why: str) -> None:
        place = f"{file}:{line}" if line else f"{file}"
        super().__init__(": ".join(part for part in (place, key, why) if part))
        self.file = str(file)
        self.line = line
        self.key = key
        self.why = why


def read_bounded(path: Path, limit_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the bytes of ``path``.

    Raises ``InputFileError`` where it is absent, unreadable or larger than the limit.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except OSError as error:
        raise InputFileError(path, None, "", error.strerror or str(error)) from error
    if len(data) > limit_bytes:
        raise InputFileError(path, None, "", f"larger than {limit_bytes} bytes")
    return data


def report_in(path: Path) -> Path:
    """Return ``path``, or the report in it where it is the folder of a check."""
    return path / "report.json" if path.is_dir() else path


def load_toml(path: Path, kind: type[T]) -> T:
    """Return the TOML file ``path`` as a ``kind`` (a msgspec Struct).

    Raises ``InputFileError`` for anything that is not exactly such a file.
    """
    return parse_toml(read_bounded(path), path, kind)


def parse_toml(
    data: bytes, path: Path | str, kind: type[T], base: Mapping[str, Any] | None = None
) -> T:
    """Return the TOML text ``data`` as a ``kind``; ``path`` names it in errors.

    ``base`` supplies what the text leaves out, table by table. Raises
    ``InputFileError``.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputFileError(path, data[: error.start].count(b"\n") + 1, "", "not UTF-8") from error
    import tomllib  # with the first file: many a run reads none

    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _TOMLLIB_PLACE.search(message)
        line = int(place["line"]) if place else text.count("\n") + 1
        raise InputFileError(path, line, "", _TOMLLIB_PLACE.sub("", message)) from error
    except RecursionError as error:
        raise InputFileError(path, None, "", "nested too deeply") from error
    if not tree:
        raise InputFileError(path, None, "", "is empty")
    try:
        return msgspec.convert(_over(base, tree) if base else tree, kind)
    except msgspec.ValidationError as error:
        raise _located(error, text, path) from error


def _over(base: Mapping[str, Any], tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``tree`` laid over ``base``; tables are merged, everything else replaced."""
    merged = dict(base)
    for key, value in tree.items():
        below = base.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = {**below, **value}
        else:
            merged[key] = value
    return merged


def misfit(error: msgspec.ValidationError, path: Path | str) -> InputFileError:
    """Return ``error`` about values that stand in no file yet, with the key."""
    return _located(error, "", path)


def _located(error: msgspec.ValidationError, text: str, path: Path | str) -> InputFileError:
    message = str(error)
    place = _MSGSPEC_PATH.search(message)
    steps = _steps(place["path"]) if place else []
    field = _MSGSPEC_FIELD.search(message)
    if field and "unknown" in message:
        steps.append(field["field"])
    key = ".".join(str(step) for step in steps)
    return InputFileError(path, line_of(text, steps), key, _MSGSPEC_PATH.sub("", message))


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    for step in _STEP.finditer(path):
        if step["name"] is not None:
            steps.append(step["name"])
        elif step["index"] != "...":
            steps.append(int(step["index"]))
    return steps


def line_of(text: str, steps: list[str | int]) -> int | None:
    """Return the 1-based line of ``text`` where the key path ``steps`` stands.

    Falls back to the nearest enclosing table that has a line of its own; None at the
    top of the file.
    """
    best: tuple[int, int] | None = None
    for line, path in _lines_with_paths(text):
        shared = _shared(path, steps)
        if shared == len(path) and shared and (best is None or shared > best[0]):
            best = (shared, line)
    return best[1] if best else None


def _lines_with_paths(text: str) -> list[tuple[int, list[str | int]]]:
    found: list[tuple[int, list[str | int]]] = []
    counters: dict[str, int] = {}
    table: list[str | int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            names = _split(header["name"])
            if header["array"]:
                name = ".".join(names)
                counters[name] = counters.get(name, -1) + 1
            table = _with_indices(names, counters)
            found.append((number, table))
        elif key := _KEY.match(line):
            found.append((number, [*table, *_split(key["key"])]))
    return found


def _with_indices(names: list[str], counters: dict[str, int]) -> list[str | int]:
    steps: list[str | int] = []
    for depth, name in enumerate(names, start=1):
        steps.append(name)
        index = counters.get(".".join(names[:depth]))
        if index is not None:
            steps.append(index)
    return steps


def _split(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]


def _shared(left: list[Any], right: list[Any]) -> int:
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count

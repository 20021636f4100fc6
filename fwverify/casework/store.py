"""The folder that keeps cases: ``<id>/case.toml`` and ``<id>/events.jsonl``.

Guarantees: a case file is kept byte for byte and read only where its digest is the one in
its record; an event is appended whole or not at all; a case that is carried to another
place arrives with all its notes and states or is refused. Where both places went on with
the same case their records differ and neither is overwritten.

Form of an export: one RFC 8785 document (``fwverify.case-export/1``), so that equal cases
give equal bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from fwverify.canonical import canonical_json, sha256_hex
from fwverify.case import MAX_CASE_BYTES, Case, CaseId, parse_case
from fwverify.casework.events import FIRST, ChainError, Event, checked
from fwverify.model import Sha256, _Value
from fwverify.strict import NOT_JSON, InputFileError, read_bounded

MAX_EXPORT_BYTES: Final = 256 * 1024 * 1024
MAX_EVENTS: Final = 1_000_000
CASE_FILE: Final = "case.toml"
EVENTS_FILE: Final = "events.jsonl"


class Export(_Value, frozen=True, kw_only=True):
    """A case as it travels: the file's text and the whole record."""

    schema: Literal["fwverify.case-export/1"]
    id: str
    case_toml: str
    events: tuple[Event, ...]
    head_sha256: Sha256


class Held(_Value, frozen=True, kw_only=True):
    """A case of the store with its record."""

    id: str
    case: Case
    events: tuple[Event, ...]


class CaseStore:
    """The cases in one folder; nothing is made before the first case is added."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all cases, sorted."""
        if not self.root.is_dir():
            return ()
        found = (each.name for each in self.root.iterdir() if each.is_dir())
        return tuple(sorted(name for name in found if not name.startswith(".")))

    def add(self, data: bytes, *, person: str, at: str) -> Held:
        """Keep the case file ``data``, with its id as its name; raises ``InputFileError``."""
        case = parse_case(data, CASE_FILE)
        if case.id is None:
            raise InputFileError(CASE_FILE, None, "id", "a case that is kept needs an id")
        first = Event(
            number=0,
            at=at,
            person=person,
            kind="created",
            previous=FIRST,
            case_sha256=sha256_hex(data),
        )
        self._write(_named(case.id), data, (first,))
        return self.get(case.id)

    def get(self, name: str) -> Held:
        """Return the case ``name``; raises ``InputFileError`` where it is absent or altered."""
        folder = self._folder(name)
        data = read_bounded(folder / CASE_FILE, MAX_CASE_BYTES)
        events = _events(folder / EVENTS_FILE)
        if events[0].case_sha256 != sha256_hex(data):
            raise InputFileError(folder / CASE_FILE, None, "", "is not the file of its record")
        return Held(id=name, case=parse_case(data, str(folder / CASE_FILE)), events=events)

    def append(self, name: str, event: Event) -> Held:
        """Append ``event`` (its number and predecessor are set here) to the case ``name``.

        Raises ``InputFileError``, too, where another command is writing to the case.
        """
        from fwverify.keyring.edit import locked, write_whole  # slow to load; readers go without

        with locked(self._folder(name)):
            held = self.get(name)
            last = held.events[-1]
            following = msgspec.structs.replace(event, number=last.number + 1, previous=last.sha256)
            file = self.root / name / EVENTS_FILE
            if len(held.events) >= MAX_EVENTS:
                raise InputFileError(file, None, "", f"more than {MAX_EVENTS} events")
            write_whole(file, _lines(_checked((*held.events, following), file)))
            return self.get(name)

    def export(self, name: str) -> bytes:
        """Return the case ``name`` as one document."""
        held = self.get(name)
        text = read_bounded(self.root / name / CASE_FILE, MAX_CASE_BYTES).decode("utf-8")
        document = Export(
            schema="fwverify.case-export/1",
            id=held.id,
            case_toml=text,
            events=held.events,
            head_sha256=held.events[-1].sha256,
        )
        return canonical_json(document) + b"\n"

    def take(self, data: bytes, file: str) -> Held:
        """Keep the exported case ``data``; raises ``InputFileError`` where it does not hold.

        A case that is here already is replaced only by a record that continues it; one
        that is here with more events stays.
        """
        from fwverify.keyring.edit import locked

        export = _export(data, file)
        name = _named(export.id)
        if (self.root / name).is_dir():
            with locked(self._folder(name)):
                return self._continued(name, export.events, file)
        self._write(name, export.case_toml.encode("utf-8"), export.events)
        return self.get(name)

    def _continued(self, name: str, events: tuple[Event, ...], file: str) -> Held:
        """Let ``events`` replace the record of ``name`` where they continue it."""
        from fwverify.keyring.edit import write_whole

        mine = self.get(name).events
        shared = min(len(mine), len(events))
        if mine[:shared] != events[:shared]:
            why = f"{name} was continued in both places; neither record is overwritten"
            raise InputFileError(file, None, "events", why)
        if len(mine) < len(events):
            write_whole(self.root / name / EVENTS_FILE, _lines(events))
        return self.get(name)

    def _folder(self, name: str) -> Path:
        folder = self.root / _named(name)
        if not folder.is_dir():
            raise InputFileError(self.root, None, "", f"no case {name}")
        return folder

    def _write(self, name: str, data: bytes, events: Sequence[Event]) -> None:
        """Make the folder of a new case, whole or not at all."""
        from fwverify.keyring.edit import write_whole

        checked_events = _checked(events, CASE_FILE)
        target = self.root / name
        if target.exists():
            raise InputFileError(self.root, None, "id", f"there is a case {name} already")
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = self.root / f".{name}.new"
        made.mkdir(mode=0o700, exist_ok=True)
        write_whole(made / CASE_FILE, data)
        write_whole(made / EVENTS_FILE, _lines(checked_events))
        try:
            made.rename(target)
        except OSError as error:
            raise InputFileError(target, None, "", error.strerror or str(error)) from error


def _named(name: str) -> str:
    """Return ``name``; raises ``InputFileError`` for one that is no id."""
    try:
        return msgspec.convert(name, CaseId)
    except msgspec.ValidationError as error:
        raise InputFileError(name[:80], None, "id", f"is no case id: {error}") from error


def _checked(events: Sequence[Event], file: Path | str) -> tuple[Event, ...]:
    try:
        return checked(events)
    except ChainError as error:
        raise InputFileError(file, None, "events", str(error)) from error


def _events(file: Path) -> tuple[Event, ...]:
    lines = read_bounded(file, MAX_EXPORT_BYTES).splitlines()
    if len(lines) > MAX_EVENTS:
        raise InputFileError(file, None, "", f"more than {MAX_EVENTS} events")
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(msgspec.json.decode(line, type=Event))
        except NOT_JSON as error:
            raise InputFileError(file, number, "", str(error)) from error
    return _checked(found, file)


def _export(data: bytes, file: str) -> Export:
    if len(data) > MAX_EXPORT_BYTES:
        raise InputFileError(file, None, "", f"larger than {MAX_EXPORT_BYTES} bytes")
    try:
        export = msgspec.json.decode(data, type=Export)
    except NOT_JSON as error:
        raise InputFileError(file, None, "", f"is no exported case: {error}") from error
    if canonical_json(export) + b"\n" != data:
        raise InputFileError(file, None, "", "is not in its one form (RFC 8785)")
    events = _checked(export.events, file)
    text = export.case_toml.encode("utf-8")
    if events[0].case_sha256 != sha256_hex(text):
        raise InputFileError(file, None, "case_toml", "is not the file of its record")
    if events[-1].sha256 != export.head_sha256:
        raise InputFileError(file, None, "head_sha256", "is not that of the last event")
    if parse_case(text, file).id != export.id:
        raise InputFileError(file, None, "id", "is not the id in the case")
    return export


def _lines(events: Sequence[Event]) -> bytes:
    return b"".join(canonical_json(each) + b"\n" for each in events)

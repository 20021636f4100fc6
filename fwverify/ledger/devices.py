"""Which device runs which image at which site, as the operator's lists say.

Guarantees: a list is taken whole or not at all; each import stands in the run log with
the digest of its rows, so that an altered, removed or invented row is noticed; imports
are kept, and the newest one that names a device says what it runs.

A list is CSV (RFC 4180) in UTF-8 with the header ``device,vendor,product,site,
image_sha256,version,seen_at`` in any order; ``version`` may be empty.

Not checked: that a device really runs what the list says.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Annotated, Final

import msgspec
from sqlalchemy import Connection, insert, select

from fwverify.canonical import digest
from fwverify.ledger import log
from fwverify.ledger.model import (
    LedgerError,
    checked_at,
    checked_label,
    checked_name,
)
from fwverify.ledger.tables import DEVICES
from fwverify.model import Sha256, _Value

MAX_DEVICES: Final = 200_000
MAX_DEVICE_CHARACTERS: Final = 200
_KIND: Final = "devices.imported"
_BATCH: Final = 1_000
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Device(_Value, frozen=True, kw_only=True):
    """One device as the newest list that names it tells; ``image_sha256`` is the update's."""

    device: str
    vendor: str
    product: str
    site: str
    image_sha256: Sha256
    version: str | None
    seen_at: str


class DeviceImport(_Value, frozen=True, kw_only=True):
    """What the run log keeps of one list."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    devices: int
    sha256: Sha256
    person: str
    at: str


def read_list(data: bytes, name: str) -> tuple[Device, ...]:
    """Return the devices in the CSV ``data``, sorted; ``name`` is the file's.

    Raises ``LedgerError`` with the line of the first row that cannot be used.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LedgerError(f"{name}: byte {error.start} is no UTF-8") from error
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found: dict[str, Device] = {}
    try:
        if sorted(rows.fieldnames or ()) != sorted(Device.__struct_fields__):
            wanted = ",".join(Device.__struct_fields__)
            raise LedgerError(f"{name}: line 1: the columns have to be {wanted}")
        for row in rows:
            device = _device(row, f"{name}: line {rows.line_num}")
            if device.device in found:
                raise LedgerError(f"{name}: line {rows.line_num}: {device.device} stands twice")
            found[device.device] = device
            if len(found) > MAX_DEVICES:
                raise LedgerError(f"{name}: more than {MAX_DEVICES} devices")
    except csv.Error as error:
        raise LedgerError(f"{name}: line {rows.line_num}: {error}") from error
    return tuple(found[key] for key in sorted(found))


def _device(row: dict[str, str | None], place: str) -> Device:
    """Return the device of one row; ``DictReader`` gives None for a cell that is missing."""
    cells = {key: value for key, value in row.items() if isinstance(value, str)}
    if len(cells) != len(Device.__struct_fields__) or None in row:
        raise LedgerError(f"{place}: {len(cells)} cells, {len(Device.__struct_fields__)} columns")
    try:
        image = cells["image_sha256"].strip().lower()
        if not _DIGEST.fullmatch(image):
            raise LedgerError("image_sha256 is no SHA-256")
        named = checked_label("device", cells["device"])
        if len(named) > MAX_DEVICE_CHARACTERS:
            raise LedgerError(f"the device is longer than {MAX_DEVICE_CHARACTERS} characters")
        return Device(
            device=named,
            vendor=checked_label("vendor", cells["vendor"]),
            product=checked_label("product", cells["product"]),
            site=checked_label("site", cells["site"]),
            image_sha256=image,
            version=checked_label("version", cells["version"]) if cells["version"] else None,
            seen_at=checked_at(cells["seen_at"]),
        )
    except LedgerError as error:
        raise LedgerError(f"{place}: {error}") from error


def add(connection: Connection, devices: tuple[Device, ...], by: str, at: str) -> DeviceImport:
    """Write a list inside the caller's transaction; return what the log then says."""
    done = DeviceImport(
        number=len(imports(connection)) + 1,
        devices=len(devices),
        sha256=digest(devices),
        person=checked_name(by),
        at=at,
    )
    for start in range(0, len(devices), _BATCH):
        rows = [
            {"import_number": done.number} | msgspec.structs.asdict(each)
            for each in devices[start : start + _BATCH]
        ]
        connection.execute(insert(DEVICES), rows)
    log.append(connection, _KIND, done)
    return done


def imports(connection: Connection) -> tuple[DeviceImport, ...]:
    """Return the imports that the run log tells of, in order."""
    told = (log.read(each) for each in log.entries(connection))
    try:
        return tuple(msgspec.convert(body, DeviceImport) for kind, body in told if kind == _KIND)
    except msgspec.ValidationError as error:
        raise LedgerError(f"the run log holds an import that cannot be read: {error}") from error


def current(connection: Connection) -> tuple[Device, ...]:
    """Return every device as its newest import tells, sorted; check the log's chain first.

    Raises ``LedgerError`` where the rows are not those that were imported.
    """
    rows: dict[int, list[Device]] = {}
    for row in connection.execute(select(DEVICES)).mappings():
        fields = {name: row[name] for name in Device.__struct_fields__}
        rows.setdefault(row["import_number"], []).append(_read(fields))
    newest: dict[str, Device] = {}
    for done in imports(connection):
        devices = tuple(sorted(rows.pop(done.number, []), key=lambda each: each.device))
        if digest(devices) != done.sha256:
            raise LedgerError(f"the devices of import {done.number} are not those of the run log")
        newest |= {each.device: each for each in devices}
    if rows:
        raise LedgerError(f"the run log tells of no import {min(rows)} of devices")
    return tuple(newest[key] for key in sorted(newest))


def _read(fields: dict[str, object]) -> Device:
    try:
        return msgspec.convert(fields, Device)
    except msgspec.ValidationError as error:
        raise LedgerError(f"the record of a device was altered: {error}") from error

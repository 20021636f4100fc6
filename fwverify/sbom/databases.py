"""Readers of package databases and package metadata: what is installed, and its licence.

Guarantees: work is linear in the content and every number of records is bounded; a reader
gives what the text says and never more; anything else is ``Malformed``. Content is read
in a worker process, never where the decision is made.

Specifications: deb-control(5) and dpkg's status file (also opkg's), the machine-readable
copyright format 1.0 (DEP 5), Alpine's installed database (apk-tools, ``apk-db(5)``), the RPM
header in ``rpmdb.sqlite`` (RPM package format), the Python core metadata 2.4, npm's
package.json.

Not read: RPM's Berkeley DB and ndb databases (they are named as unread), licences in free
text, and whether what a database lists is what lies beside it.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from typing import Final, Literal, TypeAlias

import msgspec

from fwverify.model import _Value as Value
from fwverify.reader import Malformed
from fwverify.unpack.packages.rpm_header import HEADER_MAGIC, MAX_STORE_BYTES, read_section

Kind: TypeAlias = Literal["dpkg", "opkg", "apk", "rpm", "pypi", "npm", "copyright"]

MAX_RECORDS: Final = 50_000
MAX_DATABASE_BYTES: Final = 128 * 1024 * 1024
MAX_TEXT_BYTES: Final = 1024 * 1024
MAX_VALUE: Final = 200
"""Characters kept of one value."""
_SQLITE_STEPS: Final = 20_000_000
"""Virtual machine steps that a database may cost; a real one takes a few thousand."""
_SQLITE_PAGE: Final = 512
_MAX_LICENCES: Final = 20

_FIELD: Final = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,63}):[ \t]*(.*)")
_RPM_NAME, _RPM_VERSION, _RPM_RELEASE, _RPM_EPOCH = 1000, 1001, 1002, 1003
_RPM_VENDOR, _RPM_LICENCE, _RPM_ARCH, _RPM_SOURCE = 1011, 1014, 1022, 1044


class Record(Value, frozen=True, kw_only=True):
    """One package as its database or its metadata states it; empty where that is silent."""

    name: str
    version: str = ""
    arch: str = ""
    supplier: str = ""
    licence: str = ""
    source: str = ""


def records(kind: Kind, content: bytes) -> tuple[Record, ...]:
    """Return what ``content`` lists. Raises ``Malformed``."""
    found = _READERS[kind](content)
    kept: list[Record] = []
    for record in found:
        if len(kept) >= MAX_RECORDS:
            raise Malformed(0, kind, f"lists more than {MAX_RECORDS} packages")
        kept.append(record)
    return tuple(kept)


def _text(content: bytes, field: str) -> str:
    if len(content) > MAX_DATABASE_BYTES:
        raise Malformed(0, field, f"larger than {MAX_DATABASE_BYTES} bytes")
    return content.decode("utf-8", "replace").replace("\r\n", "\n")


def _paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Yield the first line of each field of each paragraph, by lower-case name."""
    for block in text.split("\n\n"):
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            if line[:1] in (" ", "\t", "#", ""):
                continue
            if (match := _FIELD.fullmatch(line)) is not None:
                fields.setdefault(match[1].lower(), match[2].strip()[:MAX_VALUE])
        if fields:
            yield fields


def _dpkg(content: bytes) -> Iterator[Record]:
    for fields in _paragraphs(_text(content, "dpkg status")):
        if "package" not in fields or "version" not in fields:
            continue
        state = fields.get("status", "install ok installed").split(" ")
        if state[-1] != "installed" or state[0] not in ("install", "hold"):
            continue
        yield Record(
            name=fields["package"],
            version=fields["version"],
            arch=fields.get("architecture", ""),
            supplier=fields.get("maintainer", ""),
            licence=fields.get("license", ""),
            source=fields.get("source", "").split(" ")[0],
        )


_APK: Final = {
    "P": "name",
    "V": "version",
    "A": "arch",
    "L": "licence",
    "o": "source",
    "m": "supplier",
}


def _apk(content: bytes) -> Iterator[Record]:
    for block in _text(content, "apk installed").split("\n\n"):
        values: dict[str, str] = {}
        for line in block.split("\n"):
            key, colon, value = line.partition(":")
            if colon and key in _APK:
                values.setdefault(_APK[key], value.strip()[:MAX_VALUE])
        if "name" in values and "version" in values:
            yield Record(**values)


def _rpm(content: bytes) -> Iterator[Record]:
    """Yield the headers of ``Packages`` in an rpmdb.sqlite, in order of their number."""
    if len(content) > MAX_DATABASE_BYTES:
        raise Malformed(0, "rpmdb.sqlite", f"larger than {MAX_DATABASE_BYTES} bytes")
    if len(content) < _SQLITE_PAGE:
        raise Malformed(0, "rpmdb.sqlite", "shorter than the smallest page")
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        steps = iter(range(_SQLITE_STEPS // 1_000))
        database.set_progress_handler(lambda: next(steps, None) is None, 1_000)
        try:
            database.deserialize(content)
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA cell_size_check = ON")
            kind = "SELECT count(*) FROM sqlite_master WHERE name = 'Packages' AND type = 'table'"
            if database.execute(kind).fetchone() != (1,):
                raise Malformed(0, "rpmdb.sqlite", "has no table Packages")
            for (blob,) in database.execute("SELECT blob FROM Packages ORDER BY hnum"):
                if isinstance(blob, bytes) and len(blob) <= MAX_STORE_BYTES:
                    yield _rpm_header(blob)
        except sqlite3.Error as error:
            raise Malformed(0, "rpmdb.sqlite", str(error)) from error


def _rpm_header(blob: bytes) -> Record:
    """Return one header; in the database it stands without its magic of 8 bytes."""
    section = read_section(HEADER_MAGIC + bytes(4) + blob, 0)

    def text(tag: int) -> str:
        return (section.text(tag) or "")[:MAX_VALUE]

    epoch = section.number(_RPM_EPOCH)
    version = f"{text(_RPM_VERSION)}-{text(_RPM_RELEASE)}"
    return Record(
        name=text(_RPM_NAME),
        version=version if epoch is None else f"{epoch}:{version}",
        arch=text(_RPM_ARCH),
        supplier=text(_RPM_VENDOR),
        licence=text(_RPM_LICENCE),
        source=text(_RPM_SOURCE),
    )


def _pypi(content: bytes) -> Iterator[Record]:
    head = _text(content[:MAX_TEXT_BYTES], "METADATA").split("\n\n", 1)[0]
    for fields in _paragraphs(head):
        if "metadata-version" in fields and "name" in fields:
            yield Record(
                name=fields["name"],
                version=fields.get("version", ""),
                supplier=fields.get("author") or fields.get("author-email", ""),
                licence=fields.get("license-expression") or fields.get("license", ""),
            )


def _npm(content: bytes) -> Iterator[Record]:
    if len(content) > MAX_TEXT_BYTES:
        return
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(0, "package.json", str(error)) from error
    if not isinstance(value, dict):
        return

    def text(key: str) -> str:
        found = value.get(key)
        return found[:MAX_VALUE] if isinstance(found, str) else ""

    if text("name") and text("version"):
        yield Record(name=text("name"), version=text("version"), licence=text("license"))


def _copyright(content: bytes) -> Iterator[Record]:
    """Yield one nameless record with the licences of a DEP 5 file, sorted."""
    text = _text(content[:MAX_TEXT_BYTES], "copyright")
    first, _, _ = text.partition("\n")
    if not first.lower().startswith("format:") or "copyright-format" not in first:
        return
    found = sorted({fields["license"] for fields in _paragraphs(text) if fields.get("license")})
    yield Record(name="", licence="; ".join(found[:_MAX_LICENCES])[:MAX_VALUE])


_READERS: Final[dict[Kind, Callable[[bytes], Iterator[Record]]]] = {
    "dpkg": _dpkg,
    "opkg": _dpkg,
    "apk": _apk,
    "rpm": _rpm,
    "pypi": _pypi,
    "npm": _npm,
    "copyright": _copyright,
}

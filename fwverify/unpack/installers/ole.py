"""Compound files as containers: Windows Installer packages above all.

Guarantees: every stream of the directory, reached or not, is a child, except what is
read here: tables and strings of an installer database become text children, the summary
another, a digital signature is a ``signature``. Streams whose chains loop, share sectors
or leave the file are named and leave the file incomplete, as does every rule that is
broken; the other streams are unpacked all the same. A cabinet that a database needs and
does not hold is said.

Specification: [MS-CFB]; see ``compound``, ``msi_tables`` and ``propertyset``.

Not checked: what ``compound`` and ``msi`` name. Transforms (MST) and patches (MSP) are
not applied: their tables are differences, and stay incomplete by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.claims import Range
from fwverify.unpack.gather import Gathered, is_text
from fwverify.unpack.installers import msi
from fwverify.unpack.installers.compound import MAGIC, Compound, DirectoryEntry, Placed, slices
from fwverify.unpack.installers.msi_names import decode_stream_name, shown
from fwverify.unpack.installers.msi_tables import (
    MAX_CELLS,
    Column,
    Strings,
    Table,
    escape,
    read_columns,
    read_rows,
    read_strings,
    strings_text,
)
from fwverify.unpack.installers.propertyset import read_property_set
from fwverify.unpack.leaves import MAX_SIGNATURE_BYTES, is_detached_signature
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "ole"
MAX_PARSED_BYTES: Final = 32 * 1024 * 1024
"""A table or property set that is read as a whole; larger ones are children as they are."""

_SUMMARY: Final = "\x05SummaryInformation"
_SIGNATURE: Final = "\x05DigitalSignature"
_SIGNATURE_HASH: Final = "\x05MsiDigitalSignatureEx"
_HASH_BYTES: Final = (16, 20, 32, 48, 64)
_CLSIDS: Final = {
    bytes.fromhex("84100c0000000000c000000000000046"): "msi",
    bytes.fromhex("86100c0000000000c000000000000046"): "msp",
    bytes.fromhex("82100c0000000000c000000000000046"): "mst",
}


class _Stream(Struct, frozen=True):
    """A stream with where it stands. ``place`` is the storage's path."""

    name: str
    is_table: bool
    folders: tuple[str, ...]
    entry: DirectoryEntry
    ranges: tuple[Range, ...]
    orphan: bool

    @property
    def path(self) -> bytes:
        """The entry's name: the storages above, and the name."""
        parts = [shown(each) for each in self.folders]
        own = (b"table:" if self.is_table else b"") + shown(self.name)
        return b"/".join([*parts, own])


class _Database(Struct):
    """What was read of the installer database in one storage; private to one call."""

    strings: Strings | None = None
    columns: dict[str, tuple[Column, ...]] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    summary: dict[str, str] = field(default_factory=dict)
    cells_left: int = MAX_CELLS


def open_compound(source: Source) -> Opened:
    """Return the streams as children. Raises ``Malformed`` without header or directory."""
    found = Gathered(source, NAME)
    compound = Compound(source.buffer)
    for start, end in compound.structure:
        found.claim(start, end)
    kind = _CLSIDS.get(compound.entries[0].clsid, NAME)
    database = _Database()
    try:
        streams = list(_streams(found, compound))
        tables = {each.name for each in streams if each.is_table and not each.folders}
        if kind == NAME and "_StringPool" in tables:
            kind = "msi"
        found.format = kind
        _read_all(found, kind, streams, database)
    except LimitHit as error:
        found.limit(error)
    for fault in compound.faults:
        found.observe(fault.rule, fault.text, offset=fault.offset)
        found.trouble("format.malformed", fault.text)
    if lost := compound.lost_sectors():
        found.observe("ole.lost_sectors", f"{lost} sectors are in use and in no stream")
    return found.finish(identity=_identity(found, kind, database))


def _identity(found: Gathered, kind: str, database: _Database) -> Identity:
    if kind == NAME:
        return Identity()
    msi.attributes(found, database.tables, database.summary)
    return msi.identity(database.tables, database.summary)


# --- the directory -----------------------------------------------------------------


def _streams(found: Gathered, compound: Compound) -> Iterator[_Stream]:
    """Yield the streams with their ranges; storages are listed, broken streams are said."""
    for placed in compound.walk():
        entry = placed.entry
        name, is_table = decode_stream_name(entry.name)
        folders = tuple(decode_stream_name(each)[0] for each in placed.folders)
        if not entry.is_stream:
            _list_storage(found, placed, name, folders)
            continue
        stream = _Stream(name, is_table, folders, entry, (), placed.orphan)
        if "/" in name or "\0" in name:
            text = f"a stream's name has a character it must not have: {name!r:.80}"
            found.observe("unpack.evasion.name", text)
        try:
            ranges = compound.ranges(entry)
        except Malformed as error:
            found.malformed(error)
            found.add(Entry(name=stream.path, size=entry.size))
            continue
        yield _Stream(name, is_table, folders, entry, ranges, placed.orphan)


def _list_storage(found: Gathered, placed: Placed, name: str, folders: tuple[str, ...]) -> None:
    path = b"/".join(shown(each) for each in (*folders, name))
    found.add(Entry(name=path, kind="directory", mtime=placed.entry.mtime))
    if placed.orphan:
        found.observe("ole.orphan", f"no storage names the entry {name!r:.80}")


# --- the streams -------------------------------------------------------------------


def _read_all(found: Gathered, kind: str, streams: list[_Stream], database: _Database) -> None:
    """Read the database's own streams, and make every other stream a child."""
    own = {each.name: each for each in streams if each.is_table and not each.folders}
    if kind == "msi":
        _read_schema(found, own, database)
    elif kind != NAME:
        text = f"a Windows Installer {kind} file changes another database and is not applied"
        found.trouble("unsupported", text)
    for stream in streams:
        if stream.orphan:
            text = f"no storage names the stream {stream.name!r:.80}"
            found.observe("ole.orphan", text, offset=stream.ranges[0][0] if stream.ranges else 0)
        taken = not stream.orphan and not stream.folders and _read_own(found, stream, database)
        if not taken:
            _store(found, stream)
    msi.describe(found, database.tables)
    for name, text_bytes in msi.scripts(database.tables):
        _generate(found, shown(name), text_bytes, ())
    if kind == "msi":
        _missing_parts(found, streams, database)


def _bytes(found: Gathered, stream: _Stream) -> bytes:
    return b"".join(bytes(found.buffer[start:end]) for start, end in stream.ranges)


def _read_schema(found: Gathered, own: dict[str, _Stream], database: _Database) -> None:
    """Read strings and columns; without them the tables stay children as they are."""
    parts = [own.get(name) for name in ("_StringPool", "_StringData", "_Columns")]
    present = [each for each in parts if each is not None]
    if len(present) < 2 or any(each.entry.size > MAX_PARSED_BYTES for each in present):
        found.trouble("format.malformed", "the database has no strings that can be read")
        return
    pool, data = _bytes(found, present[0]), _bytes(found, present[1])
    try:
        database.strings = read_strings(pool, data)
        if len(present) > 2:
            database.columns = read_columns(database.strings, _bytes(found, present[2]))
    except Malformed as error:
        found.malformed(error)
        return
    ranges = (*present[0].ranges, *present[1].ranges)
    _generate(found, b"table:_Strings.tsv", strings_text(database.strings), ranges)


def _read_own(found: Gathered, stream: _Stream, database: _Database) -> bool:
    """Return whether the stream was read as what its name says."""
    if stream.entry.size > MAX_PARSED_BYTES:
        return False
    if stream.is_table:
        return _read_table(found, stream, database)
    if stream.name == _SUMMARY:
        return _read_summary(found, stream, database)
    if stream.name in (_SIGNATURE, _SIGNATURE_HASH):
        return _read_signature(found, stream)
    return False


_SCHEMA: Final = ("_StringPool", "_StringData")


def _read_table(found: Gathered, stream: _Stream, database: _Database) -> bool:
    strings = database.strings
    if strings is None:
        return False
    if stream.name in _SCHEMA:
        return True
    columns = database.columns.get(stream.name, _catalogue(stream.name, strings))
    if not columns:
        found.observe("msi.unknown_table", f"no columns are known of table {stream.name!r:.80}")
        return False
    try:
        data = _bytes(found, stream)
        rows = read_rows(stream.name, columns, strings, data, database.cells_left)
    except Malformed as error:
        found.malformed(error)
        return False
    database.cells_left -= len(rows) * len(columns)
    table = Table(stream.name, columns, rows)
    database.tables[stream.name] = table
    _generate(found, stream.path + b".tsv", table.text(), stream.ranges)
    return True


def _catalogue(name: str, strings: Strings) -> tuple[Column, ...]:
    """Return the columns of the two tables that no row of ``_Columns`` describes."""
    wide = strings.reference_bytes
    texts = [Column("Table", True, False, wide)]
    if name == "_Tables":
        return tuple(texts)
    if name == "_Columns":
        number, kind = Column("Number", False, False, 2), Column("Type", False, False, 2)
        return (*texts, number, Column("Name", True, False, wide), kind)
    return ()


def _read_summary(found: Gathered, stream: _Stream, database: _Database) -> bool:
    """Read the summary; bytes that no property uses stay unexplained."""
    data = _bytes(found, stream)
    try:
        properties = read_property_set(data)
    except Malformed as error:
        found.malformed(error)
        return False
    database.summary = dict(properties.values)
    lines = "".join(f"{name}\t{escape(text)}\n" for name, text in properties.values)
    ranges = [
        piece for start, end in properties.read for piece in slices(stream.ranges, start, end)
    ]
    name = shown(stream.name) + b".tsv"
    _generate(found, name, lines.encode("utf-8", "backslashreplace"), tuple(ranges))
    return True


def _read_signature(found: Gathered, stream: _Stream) -> bool:
    """Claim a signature, or the digest it speaks of beside the streams' content."""
    data = _bytes(found, stream) if stream.entry.size <= MAX_SIGNATURE_BYTES else b""
    if stream.name == _SIGNATURE_HASH:
        if len(data) not in _HASH_BYTES:
            return False
        found.attribute("digital_signature_ex", data.hex())
    elif not is_detached_signature(data, detached=False):
        found.observe("ole.signature", "the digital signature is no SignedData")
        return False
    else:
        pieces = ",".join(f"{start}-{end}" for start, end in stream.ranges)
        found.attribute("digital_signature", pieces)
    for start, end in stream.ranges:
        found.claim(start, end, "signature")
    return True


def _store(found: Gathered, stream: _Stream) -> None:
    """Make the stream a child."""
    whole = found.source.buffer
    digest, size = found.source.put_stream(_pieces(whole, stream.ranges))
    for start, end in stream.ranges:
        found.claim(start, end, "extracted")
    name = stream.path if not stream.orphan else b"@orphan-%d/" % stream.entry.number + stream.path
    found.add(
        Entry(
            name=name,
            sha256=digest,
            size=size,
            extents=stream.ranges,
            stored=True,
            generated=stream.orphan,
        )
    )


def _pieces(buffer: Buffer, ranges: tuple[Range, ...]) -> Iterator[bytes]:
    for start, end in ranges:
        for at in range(start, end, CHUNK_BYTES):
            yield bytes(buffer[at : min(at + CHUNK_BYTES, end)])


def _generate(found: Gathered, name: bytes, data: bytes, ranges: tuple[Range, ...]) -> None:
    """Make ``data``, the text of what stands in ``ranges``, a child."""
    if not is_text(data[:4096]) and name.endswith(b".tsv"):
        found.observe("ole.text", f"{name[:80]!r} holds text that is not printable")
    digest, size = found.source.put(data)
    for start, end in ranges:
        found.claim(start, end, "extracted")
    found.add(Entry(name=name, sha256=digest, size=size, extents=ranges, generated=True))


def _missing_parts(found: Gathered, streams: list[_Stream], database: _Database) -> None:
    """Say which cabinets and tables the database names and does not hold."""
    names = {each.name for each in streams if not each.folders}
    media = database.tables.get("Media")
    for row in media.dicts() if media is not None else ():
        cabinet = str(row.get("Cabinet") or "")
        if cabinet.startswith("#") and cabinet[1:] not in names:
            found.trouble("missing.cabinet", f"the cabinet {cabinet[1:81]!r} is not in the file")
        elif cabinet and not cabinet.startswith("#"):
            found.trouble("missing.cabinet", f"the cabinet {cabinet[:80]!r} is a file beside this")
    tables = database.tables.get("_Tables")
    known = {row.get("Table") for row in tables.dicts()} if tables is not None else set()
    for name in sorted(set(database.tables) - {str(each) for each in known}):
        if name not in ("_Tables", "_Columns"):
            found.observe("msi.unlisted_table", f"_Tables does not name the table {name!r:.80}")


OLE: Final = Format(
    name=NAME,
    title="OLE compound file (MSI, MSP, MST)",
    family="installer",
    specification="https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-cfb/",
    limitations="patches and transforms are not applied; the tree's order is not judged",
    recognise=lambda buffer, _: bytes(buffer[:8]) == MAGIC,
    open=open_compound,
)

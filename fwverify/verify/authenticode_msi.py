"""Authenticode signatures in Windows Installer databases and other compound files.

Guarantees:

- The streams are hashed in the order of their names, storage after storage, each storage
  closed by its class identifier; the signature's own two streams are left out. What is
  covered is exactly the streams' bytes where they lie in the file.
- With ``MsiDigitalSignatureEx`` names, sizes, class identifiers, state and times are
  hashed too, and the structure of the file (directory, allocation tables) is then
  vouched for in what it says. Without it the structure steers: a stream could be renamed.
- A file with bytes behind its last used sector, with faults in its chains or its
  directory, or with two streams of one name is refused. Unused sectors and the rest of
  a stream's last sector stay uncovered.

Specification: [MS-CFB] for the file; the order and fields of the hash are not published
and stand here as ``signtool`` and ``osslsigncode`` write them: entries by the bytes of
their UTF-16LE names, the shorter first; metadata per entry: name, then class identifier
or size (four bytes, little-endian), state bits, creation and modification time; the root
without name and times.

Not checked: streams above 64 nested storages (refused by the reader), and orphans (in no
hash: uncovered).
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.installers.compound import MAGIC, Compound, DirectoryEntry
from fwverify.verify import primitives
from fwverify.verify.authenticode_spc import (
    Message,
    check_digest_names,
    judge_message,
    nested_results,
    read_indirect,
    read_message,
)
from fwverify.verify.cms_signer import Frame, refused
from fwverify.verify.ranges import normal, without
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "authenticode-msi"
SIP_INFO: Final = "1.3.6.1.4.1.311.2.1.30"
MAX_SIGNATURE_BYTES: Final = 1024 * 1024
_SIGNATURE: Final = "\x05DigitalSignature".encode("utf-16-le")
_EXTENDED: Final = "\x05MsiDigitalSignatureEx".encode("utf-16-le")
_SEARCHED_BYTES: Final = 128 * 1024 * 1024
_MSI_GUID: Final = bytes.fromhex("f1100c0000000000c000000000000046")


@dataclass(frozen=True)
class Stream:
    """A stream of the tree: the names of the storages above, its entry and its ranges."""

    folders: tuple[bytes, ...]
    entry: DirectoryEntry
    ranges: tuple[Range, ...]


@dataclass(frozen=True)
class Database:
    """A compound file as its signature sees it."""

    content: Buffer
    root: DirectoryEntry
    streams: tuple[Stream, ...]
    storages: tuple[tuple[tuple[bytes, ...], DirectoryEntry], ...]
    structure: tuple[Range, ...]

    def own(self, name: bytes) -> Stream | None:
        """Return the stream ``name`` of the root storage, None where there is none."""
        found = [one for one in self.streams if not one.folders and one.entry.name == name]
        return found[0] if found else None

    def read(self, stream: Stream) -> bytes:
        """Return a signature stream's bytes. Raises ``Malformed`` for a large one."""
        if stream.entry.size > MAX_SIGNATURE_BYTES:
            raise Malformed(stream.entry.at, "DigitalSignature", f"{stream.entry.size} bytes")
        return b"".join(bytes(self.content[start:end]) for start, end in stream.ranges)


def read_database(content: Buffer) -> Database:
    """Return the compound file. Raises ``Malformed`` for anything irregular."""
    compound = Compound(content)
    streams: list[Stream] = []
    storages: list[tuple[tuple[bytes, ...], DirectoryEntry]] = []
    names: set[tuple[tuple[bytes, ...], bytes]] = set()
    for placed in compound.walk():
        entry = placed.entry
        ranges = compound.ranges(entry) if entry.is_stream else ()
        if placed.orphan:
            continue
        if (placed.folders, entry.name) in names:
            raise Malformed(entry.at, "cfb.directory", "a name is there twice")
        names.add((placed.folders, entry.name))
        if entry.is_stream:
            streams.append(Stream(placed.folders, entry, ranges))
        else:
            storages.append((placed.folders, entry))
    if compound.faults:
        fault = compound.faults[0]
        raise Malformed(fault.offset, fault.rule, fault.text)
    used = compound.used_end()
    if used < len(content):
        raise Malformed(used, "cfb", f"{len(content) - used} bytes behind the last used sector")
    return Database(
        content, compound.entries[0], tuple(streams), tuple(storages), tuple(compound.structure)
    )


def database_hash(database: Database, name: str) -> bytes:
    """Return the hash that SpcIndirectDataContent states. Raises ``Malformed``.

    With ``MsiDigitalSignatureEx`` its content, which must be the hash of the metadata,
    is hashed first.
    """
    state = hashlib.new(name, usedforsecurity=False)
    extended = database.own(_EXTENDED)
    if extended is not None:
        stated = database.read(extended)
        if not hmac.compare_digest(stated, _metadata_hash(database, name)):
            why = "is not the hash of the names, sizes and times"
            raise Malformed(extended.entry.at, "MsiDigitalSignatureEx", why)
        state.update(stated)
    for kind, item in _in_order(database):
        if kind == "close":
            state.update(item.clsid)
        elif kind == "stream":
            for start, end in item.ranges:
                for piece in primitives.pieces(database.content, start, end):
                    state.update(piece)
    return state.digest()


def _metadata_hash(database: Database, name: str) -> bytes:
    state = hashlib.new(name, usedforsecurity=False)
    for kind, item in _in_order(database):
        if kind == "open":
            state.update(_metadata(database, item))
        elif kind == "stream":
            state.update(_metadata(database, item.entry))
    return state.digest()


def _metadata(database: Database, entry: DirectoryEntry) -> bytes:
    """Return what is hashed of an entry ([MS-CFB] 2.6.1 gives the fields)."""
    raw = Reader(database.content).peek(entry.at, 128, "cfb.entry")
    is_root = entry.at == database.root.at
    own = entry.size.to_bytes(8, "little")[:4] if entry.is_stream else raw[80:96]
    return (b"" if is_root else entry.name) + own + raw[96:100] + (b"" if is_root else raw[100:116])


def _in_order(database: Database) -> Iterator[tuple[str, Any]]:
    """Yield ("open", entry), ("stream", Stream) and ("close", entry) in the hash's order."""
    below: dict[tuple[bytes, ...], list[tuple[bytes, Any]]] = {}
    for stream in database.streams:
        if stream.folders or stream.entry.name not in (_SIGNATURE, _EXTENDED):
            below.setdefault(stream.folders, []).append((stream.entry.name, stream))
    for folders, entry in database.storages:
        below.setdefault(folders, []).append((entry.name, entry))
    pending: list[tuple[str, tuple[bytes, ...], Any]] = [("open", (), database.root)]
    while pending:
        kind, folders, item = pending.pop()
        yield kind, item
        if kind != "open":
            continue
        pending.append(("close", folders, item))
        for name, each in sorted(below.get(folders, ()), key=lambda one: one[0], reverse=True):
            if isinstance(each, Stream):
                pending.append(("stream", folders, each))
            else:
                pending.append(("open", (*folders, name), each))


def _applies(view: View) -> bool:
    """Return whether the content is a compound file whose directory names a signature.

    The name is searched as bytes, so that a file whose directory is broken is still
    refused and not called unsigned.
    """
    content = view.content
    if bytes(content[:8]) != MAGIC:
        return False
    return any(
        _SIGNATURE in bytes(content[max(0, at - 64) : at + primitives.CHUNK_BYTES])
        for at in range(0, min(len(content), _SEARCHED_BYTES), primitives.CHUNK_BYTES)
    ) or _names_signature(content)


def _names_signature(content: Buffer) -> bool:
    """Return whether the directory of a file larger than what is searched names one."""
    if len(content) <= _SEARCHED_BYTES:
        return False
    try:
        return read_database(content).own(_SIGNATURE) is not None
    except Malformed:
        return False


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    frame = Frame(view.path, NAME)
    try:
        database = read_database(view.content)
        signature = database.own(_SIGNATURE)
        if signature is None:
            raise Malformed(0, "DigitalSignature", "is named and not in the root storage")
        message = read_message(database.read(signature))
    except Malformed as error:
        return (refused(frame, str(error)),)
    extended = database.own(_EXTENDED)
    own = (*signature.ranges, *(extended.ranges if extended else ()))
    covered = normal(
        each
        for stream in database.streams
        if stream not in (signature, extended)
        for each in stream.ranges
    )
    container = normal((*own, *(database.structure if extended else ())))
    frame = dataclasses.replace(frame, covered=covered, container=without(container, covered))
    steering = () if extended else without(database.structure, covered)
    results = [_verify_message(database, frame, message, "", material)]
    for number, (inner, refusal) in enumerate(nested_results(frame, message.nested), 1):
        if inner is not None:
            which = f"nested signature {number}: "
            results.append(_verify_message(database, frame, inner, which, material))
        elif refusal is not None:
            results.append(refusal)
    return tuple(
        dataclasses.replace(one, steering=steering if one.covered else ()) for one in results
    )


def _verify_message(
    database: Database, frame: Frame, message: Message, which: str, material: Material
) -> Signed:
    try:
        indirect = read_indirect(message.content)
        if indirect.kind != SIP_INFO or _MSI_GUID not in indirect.value:
            raise Malformed(0, "SpcIndirectDataContent", f"{indirect.kind} is no installer file")
        check_digest_names(message, indirect)
        found = database_hash(database, indirect.digest_name)
        if not hmac.compare_digest(found, indirect.digest):
            raise Malformed(0, "messageDigest", "is not the hash of this file")
    except Malformed as error:
        return refused(frame, f"{which}{error}")
    extended = database.own(_EXTENDED)
    note = f"{which}{'names and sizes are signed' if extended else 'names are not signed'}"
    return judge_message(dataclasses.replace(frame, note=note), message, material)


AUTHENTICODE_MSI: Final = Scheme(
    name=NAME,
    title="Authenticode signature of a Windows Installer file (.msi, .msp)",
    specification="[MS-CFB]; Microsoft, Windows Authenticode; RFC 2315",
    limitations="the hash's order is not published; without MsiDigitalSignatureEx names steer",
    applies=_applies,
    verify=_verify,
)

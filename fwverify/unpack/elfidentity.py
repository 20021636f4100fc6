"""What an ELF file states of itself: its build id, a module's fields, a kernel's version.

Guarantees: the GNU build id is read from the note sections (without sections, from the
note segments); a kernel module's name, version and kernel from ``.modinfo``; the version
of a boot loader or kernel from its own text, and only in a program that no loader starts
(no ``PT_INTERP``). Fields that are given twice with different values state nothing. Notes
are bounded in number and size; broken ones end the reading, because the sections they
stand in are accounted for elsewhere.

Specifications: System V ABI, "Note Section"; ``man 5 elf`` (NT_GNU_BUILD_ID); Linux
``include/linux/moduleparam.h`` (NUL-separated ``key=value``).

Not checked: whether a build id is the digest of anything.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec
from msgspec import Struct

from fwverify.model import Identity
from fwverify.reader import Buffer
from fwverify.unpack.stated import stated_identity

MAX_NOTE_BYTES: Final = 64 * 1024
MAX_NOTES: Final = 256
MAX_MODINFO_BYTES: Final = 64 * 1024
_MAX_VALUE_BYTES: Final = 128
_MIN_ID_BYTES, _MAX_ID_BYTES = 8, 64
_NT_GNU_BUILD_ID: Final = 3
_SHT_NOTE, _PT_NOTE, _PT_INTERP = 7, 4, 3


class Table(Struct, frozen=True):
    """A section or segment: its type, name (segments: none) and range in the file."""

    kind: int
    name: bytes
    start: int
    end: int


def elf_identity(
    buffer: Buffer, order: str, sections: tuple[Table, ...], segments: tuple[Table, ...], arch: str
) -> Identity:
    """Return what the file states; ``order`` is the byte order as ``struct`` writes it."""
    notes = [each for each in sections if each.kind == _SHT_NOTE]
    notes = notes or [each for each in segments if each.kind == _PT_NOTE]
    identifiers = {found for each in notes for found in _build_ids(buffer, order, each)}
    said = Identity()
    modinfo = [each for each in sections if each.name == b".modinfo"]
    if len(modinfo) == 1:
        said = _module(buffer, modinfo[0])
    elif not any(each.kind == _PT_INTERP for each in segments):
        said = stated_identity(buffer)
    build = identifiers.pop() if len(identifiers) == 1 else said.build
    return msgspec.structs.replace(said, build=build, arch=arch)


def _build_ids(buffer: Buffer, order: str, table: Table) -> list[str]:
    """Return the build ids in a run of notes (namesz, descsz, type; padded to 4 bytes)."""
    data = bytes(buffer[table.start : min(table.end, table.start + MAX_NOTE_BYTES)])
    found, at = [], 0
    for _ in range(MAX_NOTES):
        if at + 12 > len(data):
            break
        name_bytes, desc_bytes, kind = struct.unpack_from(f"{order}3I", data, at)
        name_end = at + 12 + name_bytes
        desc = at + 12 + (name_bytes + 3 & ~3)
        end = desc + desc_bytes
        if end > len(data):
            break
        is_id = kind == _NT_GNU_BUILD_ID and data[at + 12 : name_end] == b"GNU\0"
        if is_id and _MIN_ID_BYTES <= desc_bytes <= _MAX_ID_BYTES:
            found.append(data[desc:end].hex())
        at = desc + (desc_bytes + 3 & ~3)
    return found


def _module(buffer: Buffer, table: Table) -> Identity:
    """Return a kernel module's name and version, and as build the source's digest.

    A module without a version of its own has its kernel's (the first word of vermagic).
    """
    if table.end - table.start > MAX_MODINFO_BYTES:
        return Identity()
    values: dict[bytes, set[bytes]] = {}
    for each in bytes(buffer[table.start : table.end]).split(b"\0"):
        key, separator, value = each.partition(b"=")
        if separator:
            values.setdefault(key, set()).add(value)
    kernel = (_one(values, b"vermagic") or "").split(" ", 1)[0]
    return Identity(
        product=_one(values, b"name"),
        version=_one(values, b"version") or kernel or None,
        build=_one(values, b"srcversion"),
    )


def _one(values: dict[bytes, set[bytes]], key: bytes) -> str | None:
    found = values.get(key, set())
    value = next(iter(found)) if len(found) == 1 else b""
    if not 0 < len(value) <= _MAX_VALUE_BYTES or not value.isascii():
        return None
    text = value.decode("ascii").strip()
    return text if text and text.isprintable() else None

"""The ZIP of an evidence package: one sequence of bytes for one set of files.

Guarantees: ``write`` gives equal bytes for equal files whatever the clock, umask or
platform: ``mimetype`` first, the rest sorted, every entry stored, dated 1980-01-01, with
one fixed mode, without extra fields or comments. ``read`` accepts exactly what ``write``
gives: local headers without gaps from offset 0, one central directory that repeats them
in their order, one end record, nothing after it. So no second directory, no duplicate
name, no hidden entry and no byte that two ZIP readers could see differently.

Specification: PKWARE APPNOTE 6.3.10, 4.3.7, 4.3.12 and 4.3.16; ETSI EN 319 162-1, A.1
(``mimetype`` first, stored, without extra field).

Not checked: what is in the files. ZIP64 is not written: a package is below 4 GiB.
"""

from __future__ import annotations

import itertools
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fwverify.reader import Malformed

MIMETYPE: Final = "mimetype"
ASIC_E: Final = b"application/vnd.etsi.asic-e+zip"
MAX_ENTRIES: Final = 1_000
MAX_NAME_CHARACTERS: Final = 200
MAX_PACKAGE_BYTES: Final = 2**32 - 2**16

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 10
_UNIX: Final = 3 << 8 | _VERSION
_MODE: Final = 0o100644 << 16
_DAY: Final = 0x21
"""1980-01-01, the first day that a ZIP can state (APPNOTE 4.4.6)."""
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


class PackageError(ValueError):
    """Files that make no package: which and why, in one line."""


@dataclass(frozen=True)
class Entry:
    """One entry as its header states it; ``start`` is the offset of its content."""

    name: str
    crc: int
    size: int
    header: int
    start: int


def order(name: str) -> tuple[bool, str]:
    """Return the key that sorts the names of a package."""
    return name != MIMETYPE, name


def write(files: Mapping[str, bytes]) -> bytes:
    """Return the package of ``files``; ``mimetype`` is added.

    Raises ``PackageError`` for a name outside the grammar and for what is too large.
    """
    everything = {**files, MIMETYPE: ASIC_E}
    if len(everything) > MAX_ENTRIES:
        raise PackageError(f"{len(everything)} files, the bound is {MAX_ENTRIES}")
    total = sum(len(data) + 2 * len(name) + 76 for name, data in everything.items())
    if total + _END.size > MAX_PACKAGE_BYTES:
        raise PackageError(f"{total} bytes, the bound is {MAX_PACKAGE_BYTES}")
    pieces: list[bytes] = []
    directory: list[bytes] = []
    at = 0
    for name in sorted(everything, key=order):
        if not is_name(name):
            raise PackageError(f"{name[:80]!a} is no name in a package")
        data = everything[name]
        entry = Entry(name, zlib.crc32(data), len(data), at, 0)
        pieces += [_local(entry), data]
        directory.append(_central(entry))
        at += _LOCAL.size + len(name) + len(data)
    size = sum(map(len, directory))
    end = _END.pack(b"PK\x05\x06", 0, 0, len(directory), len(directory), size, at, 0)
    return b"".join((*pieces, *directory, end))


def is_name(name: str) -> bool:
    """Return whether ``name`` may stand in a package: it can neither leave a folder nor hide."""
    return len(name) <= MAX_NAME_CHARACTERS and _NAME.fullmatch(name) is not None


def _local(entry: Entry) -> bytes:
    name = entry.name.encode("ascii")
    sizes = (entry.crc, entry.size, entry.size)
    return _LOCAL.pack(b"PK\x03\x04", _VERSION, 0, 0, 0, _DAY, *sizes, len(name), 0) + name


def _central(entry: Entry) -> bytes:
    name = entry.name.encode("ascii")
    sizes = (entry.crc, entry.size, entry.size)
    head = (b"PK\x01\x02", _UNIX, _VERSION, 0, 0, 0, _DAY, *sizes, len(name), 0, 0, 0, 0)
    return _CENTRAL.pack(*head, _MODE, entry.header) + name


def read(data: bytes) -> dict[str, bytes]:
    """Return the files of a package by name, without ``mimetype``, sorted.

    Raises ``Malformed`` with the offset for any byte that ``write`` would not have written.
    """
    entries: list[Entry] = []
    at = 0
    while data[at : at + 4] == b"PK\x03\x04":
        entries.append(_read_local(data, at))
        at = entries[-1].start + entries[-1].size
        if len(entries) > MAX_ENTRIES:
            raise Malformed(at, "zip", f"more than {MAX_ENTRIES} entries")
    _check_names(entries)
    _check_directory(data, at, entries)
    files = {one.name: data[one.start : one.start + one.size] for one in entries}
    for one in entries:
        if zlib.crc32(files[one.name]) != one.crc:
            raise Malformed(one.header, one.name, "does not have the CRC-32 of its header")
    if files.pop(MIMETYPE) != ASIC_E:
        raise Malformed(entries[0].start, MIMETYPE, f"is not {ASIC_E.decode()}")
    return files


def _read_local(data: bytes, at: int) -> Entry:
    """Return the entry whose local header is at ``at`` (APPNOTE 4.3.7)."""
    if len(data) - at < _LOCAL.size:
        raise Malformed(at, "zip", "ends inside a local header")
    fields = _LOCAL.unpack_from(data, at)
    crc, packed, size, length, extra = fields[6:]
    if fields[1:6] != (_VERSION, 0, 0, 0, _DAY) or packed != size or extra:
        raise Malformed(at, "zip", "a local header is not in the form of a package")
    start = at + _LOCAL.size + length
    if length > MAX_NAME_CHARACTERS or start + size > len(data):
        raise Malformed(at, "zip", "an entry is larger than what remains")
    name = data[at + _LOCAL.size : start].decode("latin-1")
    if not is_name(name):
        raise Malformed(at, "zip", f"{name[:80]!a} is no name in a package")
    return Entry(name, crc, size, at, start)


def _check_names(entries: list[Entry]) -> None:
    if not entries or entries[0].name != MIMETYPE:
        raise Malformed(0, "zip", "does not begin with the entry mimetype")
    for one, following in itertools.pairwise(entries[1:]):
        if one.name == following.name:
            raise Malformed(following.header, following.name, "stands twice")
        if one.name > following.name:
            raise Malformed(following.header, following.name, "is not in order")
    if any(one.name == MIMETYPE for one in entries[1:]):
        raise Malformed(0, MIMETYPE, "stands twice")


def _check_directory(data: bytes, at: int, entries: list[Entry]) -> None:
    """Raise ``Malformed`` unless the rest is the directory of ``entries`` and one end record."""
    expected = b"".join(_central(one) for one in entries)
    if data[at : at + len(expected)] != expected:
        raise Malformed(at, "zip", "the central directory is not that of the entries before it")
    count = len(entries)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(expected), at, 0)
    if data[at + len(expected) :] != end:
        where = at + len(expected)
        raise Malformed(where, "zip", "the end is not that of the one central directory")

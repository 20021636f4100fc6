"""The resources of a PE file.

Guarantees: the tree of types, names and languages is walked once per directory, bounded
in depth and count; each leaf is returned with the bytes it names. A loop, a leaf outside
the file and an absurd count are ``faults``.

Specification: Microsoft, "PE Format", section "The .rsrc Section". All integers are
little-endian; offsets of directories are relative to the root, those of data are RVAs.

Not checked: code pages, and what the resources for dialogs, menus and icons hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader

MAX_LEAVES: Final = 65_536
_DIRECTORY: Final = 0x8000_0000
_LEVELS: Final = 3
_TYPES: Final = {
    1: "CURSOR", 2: "BITMAP", 3: "ICON", 4: "MENU", 5: "DIALOG", 6: "STRING", 7: "FONTDIR",
    8: "FONT", 9: "ACCELERATOR", 10: "RCDATA", 11: "MESSAGETABLE", 12: "GROUP_CURSOR",
    14: "GROUP_ICON", 16: "VERSION", 17: "DLGINCLUDE", 19: "PLUGPLAY", 20: "VXD",
    21: "ANICURSOR", 22: "ANIICON", 23: "HTML", 24: "MANIFEST",
}  # fmt: skip
DRAWN: Final = frozenset(
    {"CURSOR", "BITMAP", "ICON", "MENU", "DIALOG", "STRING", "FONTDIR", "ACCELERATOR"}
    | {"MESSAGETABLE", "GROUP_CURSOR", "GROUP_ICON", "VERSION", "ANICURSOR", "ANIICON"}
)
"""Types that Windows itself interprets: children only where they look packed."""


class Mapped(Struct, frozen=True):
    """A section: where it stands in memory and in the file, both in bytes."""

    address: int
    start: int
    size: int


class Resource(Struct, frozen=True):
    """A leaf: type, name and language as text, and its bytes in the file."""

    kind: str
    name: str
    language: int
    start: int
    end: int

    @property
    def path(self) -> bytes:
        """The name under which the leaf is listed."""
        return f".rsrc/{self.kind}/{self.name}.{self.language}".encode("utf-8", "surrogatepass")


class Resources(Struct, frozen=True):
    """The leaves that were read, and what breaks the rules."""

    leaves: tuple[Resource, ...]
    faults: tuple[Malformed, ...]


def offset_of(sections: Sequence[Mapped], address: int, size: int) -> int | None:
    """Return where ``size`` bytes at ``address`` stand in the file, or None."""
    for section in sections:
        if section.address <= address and address + size <= section.address + section.size:
            return section.start + address - section.address
    return None


def read_resources(buffer: Buffer, sections: Sequence[Mapped], address: int) -> Resources:
    """Return the resources whose root directory is at ``address``. Never raises."""
    root = offset_of(sections, address, 16)
    if root is None:
        why = f"{address:#x} is in no section"
        return Resources((), (Malformed(0, "resource table", why),))
    leaves: list[Resource] = []
    faults: list[Malformed] = []
    seen: set[int] = set()
    pending: list[tuple[int, tuple[str, ...]]] = [(root, ())]
    while pending:
        at, path = pending.pop()
        try:
            _read_directory(buffer, sections, root, at, path, seen, pending, leaves)
        except Malformed as error:
            faults.append(error)
    leaves.sort(key=lambda leaf: (leaf.path, leaf.start))
    return Resources(tuple(leaves), tuple(faults[:20]))


def _read_directory(
    buffer: Buffer,
    sections: Sequence[Mapped],
    root: int,
    at: int,
    path: tuple[str, ...],
    seen: set[int],
    pending: list[tuple[int, tuple[str, ...]]],
    leaves: list[Resource],
) -> None:
    if at in seen or len(path) >= _LEVELS:
        raise Malformed(at, "resource directory", "is reached again or too deep")
    seen.add(at)
    reader = Reader(buffer)
    reader.seek(at, "resource directory")
    reader.skip(12, "resource directory")
    named, numbered = reader.unpack("<2H", "resource directory")
    reader.count(named + numbered, 8, "resource directory")
    for _ in range(named + numbered):
        identifier, place = reader.unpack("<2I", "resource entry")
        name = _name(buffer, root, identifier, top=not path)
        if place & _DIRECTORY:
            pending.append((root + (place & ~_DIRECTORY), (*path, name)))
        else:
            leaves.append(_leaf(buffer, sections, root + place, (*path, name)))
        if len(leaves) + len(pending) > MAX_LEAVES:
            pending.clear()
            raise Malformed(at, "resource directory", f"more than {MAX_LEAVES} resources")


def _name(buffer: Buffer, root: int, identifier: int, *, top: bool) -> str:
    if not identifier & _DIRECTORY:
        return _TYPES.get(identifier, str(identifier)) if top else str(identifier)
    reader = Reader(buffer)
    reader.seek(root + (identifier & ~_DIRECTORY), "resource name")
    raw = reader.take(2 * reader.u16le("resource name"), "resource name")
    text = raw.decode("utf-16-le", "replace")
    return "".join(char if char.isprintable() and char not in "/\\" else "_" for char in text)


def _leaf(buffer: Buffer, sections: Sequence[Mapped], at: int, path: tuple[str, ...]) -> Resource:
    reader = Reader(buffer)
    reader.seek(at, "resource data")
    address, size = reader.unpack("<2I", "resource data")
    start = offset_of(sections, address, size)
    if start is None or start + size > len(buffer):
        raise Malformed(at, "resource data", f"{size} bytes at {address:#x} are not in the file")
    kind, name, language = (*path, "0", "0")[:3]
    number = int(language) if language.isascii() and language.isdigit() else 0
    return Resource(kind, name, number, start, start + size)

r"""What a Go program says it was built from: compiler, main package and modules.

Go, ``debug/buildinfo``: a blob that begins with ``\xff Go buildinf:`` at a multiple of
16 bytes, then the size of a pointer and flags. Flag 2: version and module text follow at
32, each with its length as a variable-length integer (Go 1.18 on). Else pointers to string
headers stand at 16, in the byte order of flag 1; they are addresses of an ELF program.

Guarantees: every length and pointer is bounded by the file; text that does not parse is
``Malformed`` with its offset, never a silent stop. Not seen: what a program says of
itself when its builder has removed the blob (garble, ``-buildvcs`` changes nothing here).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.reader import Buffer, Malformed, Reader

MAGIC: Final = re.compile(rb"\xff Go buildinf:")
MAX_TEXT_BYTES: Final = 1024 * 1024
MAX_MODULES: Final = 4096
_HEADER_BYTES, _POINTERS_AT, _INLINE, _BIG = 32, 16, 2, 1
_SENTINEL_BYTES: Final = 16
_NAME: Final = re.compile(r"[\x21-\x7e]{1,200}")

Mapped = Callable[[int], int | None]
"""Where in the file the byte at an address stands."""


@dataclass(frozen=True)
class Module:
    """A module that is linked in. ``version`` is empty where none is stated."""

    path: str
    version: str


@dataclass(frozen=True)
class GoBuild:
    """One blob: ``offset`` is where it begins, ``main`` the path of the main package."""

    offset: int
    compiler: str
    main: str
    modules: tuple[Module, ...]


def read_build(buffer: Buffer, at: int, mapped: Mapped) -> GoBuild:
    """Return the build blob at ``at``; raises ``Malformed``."""
    reader = Reader(buffer)
    head = reader.peek(at, _HEADER_BYTES, "go.buildinfo")
    pointer_bytes, flags = head[14], head[15]
    if flags & _INLINE:
        reader.seek(at + _HEADER_BYTES)
        compiler, listed = _inline(reader), _inline(reader)
    else:
        order = "big" if flags & _BIG else "little"
        compiler, listed = (
            _pointed(
                reader, at + _POINTERS_AT + index * pointer_bytes, pointer_bytes, order, mapped
            )
            for index in range(2)
        )
    main, modules = _modules(_unwrapped(listed))
    return GoBuild(at, _clean(compiler.decode("latin-1")), main, modules)


def _inline(reader: Reader) -> bytes:
    """Return a string with its length before it (unsigned LEB128)."""
    length = shift = 0
    while True:
        byte = reader.u8("go.length")
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 28:
            raise Malformed(reader.offset, "go.length", "has more than five bytes")
    return _text(reader, length)


def _text(reader: Reader, length: int) -> bytes:
    if length > MAX_TEXT_BYTES:
        raise Malformed(reader.offset, "go.length", f"{length} bytes")
    return reader.take(length, "go.text")


def _pointed(reader: Reader, at: int, width: int, order: str, mapped: Mapped) -> bytes:
    """Return the string whose header (address, length) the pointer at ``at`` names."""
    if width not in (4, 8):
        raise Malformed(at, "go.ptrSize", str(width))

    def word(place: int) -> int:
        data = reader.peek(place, width, "go.pointer")
        return int.from_bytes(data, "big" if order == "big" else "little")

    header = mapped(word(at))
    if header is None:
        raise Malformed(at, "go.pointer", "leads to no part of the file")
    address, length = word(header), word(header + width)
    if not length:
        return b""
    start = mapped(address)
    if start is None:
        raise Malformed(header, "go.string", "leads to no part of the file")
    reader.seek(start, "go.string")
    return _text(reader, length)


def _unwrapped(listed: bytes) -> str:
    """Return the module text without the two sentinels of 16 bytes around it."""
    if len(listed) <= 2 * _SENTINEL_BYTES:
        return ""
    return listed[_SENTINEL_BYTES:-_SENTINEL_BYTES].decode("latin-1")


def _modules(text: str) -> tuple[str, tuple[Module, ...]]:
    """Return the main package and the modules (``mod``, ``dep``, ``=>`` lines).

    A replacement takes the place of what it replaces: it is what was compiled; the
    replaced name is kept too, because the code calls it by that name.
    """
    main = ""
    found: dict[str, str] = {}
    for line in text.splitlines()[: 2 * MAX_MODULES]:
        word, *fields = line.split("\t")
        if word == "path" and fields:
            main = _clean(fields[0])
        elif word in ("mod", "dep", "=>") and fields and len(found) < MAX_MODULES:
            version = _clean(fields[1]) if len(fields) > 1 else ""
            found[_clean(fields[0])] = "" if version == "(devel)" else version
    return main, tuple(Module(path, found[path]) for path in sorted(found) if path)


def _clean(text: str) -> str:
    match = _NAME.match(text)
    return match[0] if match else ""


def builds(buffer: Buffer, mapped: Mapped) -> Iterator[GoBuild | Malformed]:
    """Yield each build blob, or why the bytes with its magic are none."""
    for match in MAGIC.finditer(buffer):
        if match.start() % 16:
            continue
        try:
            yield read_build(buffer, match.start(), mapped)
        except Malformed as error:
            yield error

"""Manifests and signature files of signed JAR archives, read strictly.

Guarantees: a text is split into its main section and named sections, each with the
exact bytes that a digest of it is over (the empty line behind it included); lines end in
CR LF, LF or CR; a line that begins with a space continues the one before. An attribute
or a section name that stands twice is refused: readers differ in which they take.

Specification: JAR File Specification, "JAR Manifest", "Signed JAR File".
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from fwverify.reader import Malformed

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_SECTIONS: Final = 70000
_LINE: Final = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_HEADER: Final = re.compile(rb"([A-Za-z0-9][A-Za-z0-9_-]{0,69}): ?(.*)", re.DOTALL)

DIGESTS: Final = {
    "sha-512": "sha512",
    "sha-384": "sha384",
    "sha-256": "sha256",
    "sha1": "sha1",
    "sha-1": "sha1",
    "sha": "sha1",
    "md5": "md5",
}
"""Digest names as attributes spell them (lower case), strongest first."""


@dataclass(frozen=True)
class Section:
    """Some attributes (names in lower case) and the bytes ``[start, end)`` they stand in."""

    attributes: dict[str, bytes]
    start: int
    end: int

    def digests(self, suffix: str) -> dict[str, bytes]:
        """Return the digests called ``<algorithm>-<suffix>``, by this project's names.

        Raises ``Malformed`` for a value that is not base64 and for one digest twice.
        """
        found: dict[str, bytes] = {}
        for spelled, name in DIGESTS.items():
            value = self.attributes.get(f"{spelled}-{suffix}")
            if value is None:
                continue
            if name in found:
                raise Malformed(self.start, f"jar.{name}", "is stated twice")
            try:
                found[name] = base64.b64decode(value, validate=True)
            except binascii.Error as error:
                raise Malformed(self.start, f"jar.{spelled}-{suffix}", str(error)) from error
        return found


@dataclass(frozen=True)
class Text:
    """A parsed manifest or signature file; ``named`` in order of appearance."""

    raw: bytes
    main: Section
    named: dict[bytes, Section]

    def bytes_of(self, section: Section) -> bytes:
        """Return the bytes of a section as they stand in the file."""
        return self.raw[section.start : section.end]


def parse(raw: bytes, field: str) -> Text:
    """Return the parsed text. Raises ``Malformed`` for anything two readers read apart."""
    if len(raw) > MAX_BYTES:
        raise Malformed(0, field, f"{len(raw)} bytes are absurd")
    if b"\0" in raw:
        raise Malformed(raw.find(b"\0"), field, "a NUL byte")
    main: Section | None = None
    named: dict[bytes, Section] = {}
    at = 0
    while at < len(raw):
        section, at = _section(raw, at, field)
        if main is None:
            main = section
            continue
        if not section.attributes:
            continue  # empty lines between sections
        name = section.attributes.get("name")
        if not name or name in named:
            raise Malformed(section.start, f"{field}.Name", "absent or twice")
        named[name] = section
        if len(named) > MAX_SECTIONS:
            raise Malformed(at, field, f"more than {MAX_SECTIONS} sections")
    if main is None or not main.attributes or "name" in main.attributes:
        raise Malformed(0, field, "has no main section")
    return Text(raw, main, named)


def _section(raw: bytes, start: int, field: str) -> tuple[Section, int]:
    """Return the section that begins at ``start`` and where the next one does."""
    lines: list[tuple[int, bytes]] = []
    at = start
    while at < len(raw):
        found = _LINE.match(raw, at)
        line_end = found.end() if found else len(raw)
        text = raw[at:line_end].rstrip(b"\r\n")
        if not text:
            at = line_end
            break
        if text.startswith(b" "):
            if not lines:
                raise Malformed(at, field, "begins with a continued line")
            lines.append((-1, text[1:]))
        else:
            lines.append((at, text))
        at = line_end
    return Section(_attributes(lines, field), start, at), at


def _attributes(lines: list[tuple[int, bytes]], field: str) -> dict[str, bytes]:
    joined: list[tuple[int, list[bytes]]] = []
    for at, text in lines:
        if at < 0:
            joined[-1][1].append(text)
        else:
            joined.append((at, [text]))
    attributes: dict[str, bytes] = {}
    for at, parts in joined:
        header = _HEADER.fullmatch(b"".join(parts))
        if header is None:
            raise Malformed(at, field, "a line that is no attribute")
        name = header[1].decode("ascii").lower()
        if name in attributes:
            raise Malformed(at, f"{field}.{name}", "stands twice in one section")
        attributes[name] = header[2]
    return attributes

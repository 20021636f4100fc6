r"""The path grammar that reports, waivers and SARIF share (CONTRACT, "Paths").

``path = root *("!/" entry)``. An entry is the raw name a container records, with bytes
outside printable ASCII and the bytes ``%``, ``!`` and ``\`` written as ``%XX``; a
leading ``/`` or ``./`` is dropped and a ``..`` segment becomes ``%2E%2E``. Two entries
of one container that end in the same text get the suffixes ``%232``, ``%233`` in order
of appearance. The mapping never touches a disk, so a hostile name is only text.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

SEPARATOR = "!/"
_ESCAPED = frozenset(b"%!\\")
_FIRST_PRINTABLE, _LAST_PRINTABLE = 0x20, 0x7E
_PLAIN = bytes(set(range(_FIRST_PRINTABLE, _LAST_PRINTABLE + 1)) - _ESCAPED)


def encode_name(name: bytes) -> str:
    """Return the grammar's text for the raw name ``name``.

    Empty and ``.`` segments are dropped wherever they stand: ``etc//passwd`` and
    ``etc/./passwd`` are the file that a device opens as ``etc/passwd``. A name without
    any other segment becomes ``%2E``.
    """
    segments = [segment for segment in name.split(b"/") if segment not in (b"", b".")]
    if not segments:
        return "%2E"
    return "/".join("%2E%2E" if segment == b".." else _escape(segment) for segment in segments)


def _escape(segment: bytes) -> str:
    if not segment.translate(None, _PLAIN):
        return segment.decode("ascii")
    return "".join(
        chr(byte)
        if _FIRST_PRINTABLE <= byte <= _LAST_PRINTABLE and byte not in _ESCAPED
        else f"%{byte:02X}"
        for byte in segment
    )


def raw_name(name: bytes, encoded: str) -> str | None:
    """Return base64 of ``name`` where the encoded text differs from it, else None."""
    if encoded.encode("ascii") == name:
        return None
    return base64.b64encode(name).decode("ascii")


def join(parent: str, entry: str) -> str:
    """Return the path of ``entry`` (already encoded) inside ``parent``."""
    return f"{parent}{SEPARATOR}{entry}"


def beside(path: str, relative: str) -> str | None:
    """Return the path of the entry at ``relative`` (encoded) from the folder of ``path``.

    ``../`` leads one folder up; None where that would leave the container.
    """
    head, separator, entry = path.rpartition(SEPARATOR)
    folders = entry.split("/")[:-1]
    for segment in relative.split("/"):
        if segment != "..":
            folders.append(segment)
        elif folders:
            folders.pop()
        else:
            return None
    return head + separator + "/".join(folders)


def number_duplicates(names: Iterable[str]) -> tuple[str, ...]:
    """Return ``names`` with the second, third, … of an equal text suffixed.

    A suffixed text that would itself collide with a later name is counted on, so the
    result never holds the same text twice.
    """
    listed = list(names)
    taken: set[str] = set()
    counts: dict[str, int] = {}
    result = []
    for name in listed:
        candidate = name
        while candidate in taken:
            counts[name] = counts.get(name, 1) + 1
            candidate = f"{name}%23{counts[name]}"
        taken.add(candidate)
        result.append(candidate)
    return tuple(result)

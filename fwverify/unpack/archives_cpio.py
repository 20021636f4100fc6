"""cpio archives: ``newc``, ``crc`` (also SWUpdate's .swu) and ``odc``.

Guarantees: names, modes, owners, devices, links and times are those of the headers; the
checksum of ``crc`` archives is compared; what follows the trailer stays unexplained, so
that the next part of a concatenated initramfs is found by carving. An archive that stops
without its trailer is not complete.

Specification: the Linux kernel's ``Documentation/driver-api/early-userspace/
buffer-format.rst`` (newc, crc); POSIX.1-2017, pax, "cpio Interchange Format" (odc).

Not opened: the binary formats that came before (named by ``detected``).
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from fwverify.model import Entry, NodeKind, Opened
from fwverify.paths import encode_name
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import Gathered, is_link_target
from fwverify.unpack.source import Format, LimitHit, Source

TRAILER: Final = b"TRAILER!!!"
_MAX_NAME_BYTES: Final = 4096
_MAGICS: Final = (b"070701", b"070702", b"070707")
_CRC_MAGIC: Final = b"070702"
_ODC_MAGIC: Final = b"070707"
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{8}")
_OCTAL: Final = re.compile(rb"[0-7]+")
_NEWC_FIELDS: Final = (
    "ino", "mode", "uid", "gid", "nlink", "mtime", "filesize", "maj", "min", "rmaj", "rmin",
    "namesize", "chksum",
)  # fmt: skip
_ODC_FIELDS: Final = (
    ("dev", 6), ("ino", 6), ("mode", 6), ("uid", 6), ("gid", 6), ("nlink", 6), ("rdev", 6),
    ("mtime", 11), ("namesize", 6), ("filesize", 11),
)  # fmt: skip
_KINDS: Final[dict[int, NodeKind]] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


class Header(Struct, frozen=True):
    """One entry: its fields, name and where its data stands. ``end`` is the next header."""

    offset: int
    name: bytes
    fields: dict[str, int]
    name_end: int
    data_start: int
    data_end: int
    end: int
    checked: bool

    @property
    def kind(self) -> NodeKind | None:
        """What the entry is by its mode; None for a file type that does not exist."""
        return _KINDS.get(stat.S_IFMT(self.fields["mode"]))

    @property
    def inode(self) -> tuple[int, int, int]:
        """What hard links to one content share."""
        fields = self.fields
        return (
            fields.get("dev", 0),
            fields.get("maj", 0) << 32 | fields.get("min", 0),
            fields["ino"],
        )


def read_header(buffer: Buffer, offset: int) -> Header:
    """Return the header at ``offset``. Raises ``Malformed``."""
    reader = Reader(buffer, offset)
    magic = reader.take(6, "magic")
    if magic not in _MAGICS:
        raise Malformed(offset, "magic", f"{magic!r} is none of cpio's")
    odc = magic == _ODC_MAGIC
    fields = _odc_fields(reader) if odc else _newc_fields(reader)
    size = fields["namesize"]
    if not 1 <= size <= _MAX_NAME_BYTES:
        raise Malformed(offset, "namesize", f"{size} is not between 1 and {_MAX_NAME_BYTES}")
    name = reader.take(size, "name")
    if name[-1:] != b"\x00":
        raise Malformed(reader.offset - 1, "name", "is not ended by NUL")
    name_end = reader.offset
    data_start = name_end if odc else offset + _aligned(name_end - offset)
    data_end = data_start + fields["filesize"]
    if data_end > len(buffer):
        remain = max(0, len(buffer) - data_start)
        raise Malformed(offset, "filesize", f"needs {fields['filesize']} bytes, {remain} remain")
    end = data_end if odc else offset + _aligned(data_end - offset)
    checked = magic == _CRC_MAGIC
    return Header(offset, name[:-1], fields, name_end, data_start, data_end, end, checked)


def _newc_fields(reader: Reader) -> dict[str, int]:
    fields = {}
    for field in _NEWC_FIELDS:
        text = reader.take(8, field)
        if _HEX.fullmatch(text) is None:
            raise Malformed(reader.offset - 8, field, f"{text!r} is no hexadecimal number")
        fields[field] = int(text, 16)
    return fields


def _odc_fields(reader: Reader) -> dict[str, int]:
    fields = {}
    for field, width in _ODC_FIELDS:
        text = reader.take(width, field)
        if _OCTAL.fullmatch(text) is None:
            raise Malformed(reader.offset - width, field, f"{text!r} is no octal number")
        fields[field] = int(text, 8)
    return fields


def _aligned(length: int) -> int:
    return length + -length % 4


def open_cpio(source: Source) -> Opened:
    """Return what the archive holds. Raises ``Malformed`` for a bad first header."""
    found = Gathered(source, "cpio")
    read_header(source.buffer, 0)
    headers: list[Header] = []
    try:
        for header in _headers(found):
            found.add(_take(found, header))
            headers.append(header)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    _link_inodes(found, headers)
    return found.finish()


def _headers(found: Gathered) -> Iterator[Header]:
    """Yield the headers up to the trailer, claiming each."""
    offset = 0
    while True:
        if offset >= found.source.size:
            raise Malformed(found.source.size, "trailer", "the archive ends without it")
        header = read_header(found.buffer, offset)
        found.claim(offset, header.name_end)
        if header.name == TRAILER:
            return
        yield header
        offset = header.end


def _take(found: Gathered, header: Header) -> Entry:
    """Return the entry, its content stored."""
    start, end = header.data_start, header.data_end
    kind = header.kind
    if kind is None:
        text = f"{encode_name(header.name)} has no known file type and is read as a file"
        found.observe("unpack.evasion.mismatch", text, offset=header.offset)
    target = bytes(found.buffer[start:end]) if kind == "symlink" and end - start < 65536 else b""
    if kind == "symlink" and is_link_target(target):
        found.claim(start, end)
        return _entry(header, kind, None, link=target)
    if kind is None or kind == "file" or end > start:
        if kind is not None and kind != "file":
            text = f"{encode_name(header.name)} is a {kind} with the content of a file"
            found.observe("unpack.evasion.mismatch", text, offset=header.offset)
        content = found.source.put_range(start, end)
        found.claim(start, end, "extracted")
        if header.checked:
            _compare_sum(found, header)
        return _entry(header, "file", content)
    return _entry(header, kind, None)


def _compare_sum(found: Gathered, header: Header) -> None:
    """Compare the sum of all bytes modulo 2^32 (the ``crc`` format has no CRC)."""
    total = 0
    for at in range(header.data_start, header.data_end, CHUNK_BYTES):
        total += sum(bytes(found.buffer[at : min(at + CHUNK_BYTES, header.data_end)]))
    if total & 0xFFFFFFFF != header.fields["chksum"]:
        found.malformed(Malformed(header.offset + 102, "chksum", "is not that of the content"))
        found.trouble("format.malformed", "the content's checksum is wrong", header.name)


def _entry(
    header: Header, kind: NodeKind, content: tuple[str, int] | None, link: bytes | None = None
) -> Entry:
    fields = header.fields
    digest, size = content or (None, None)
    device = (fields.get("rmaj", fields.get("rdev", 0) >> 8), fields.get("rmin", 0))
    if "rdev" in fields:
        device = (device[0], fields["rdev"] & 0xFF)
    return Entry(
        name=header.name,
        kind=kind,
        sha256=digest,
        size=size,
        extents=((header.data_start, header.data_end),) if size else (),
        stored=digest is not None,
        mode=fields["mode"] & 0o7777,
        uid=fields["uid"],
        gid=fields["gid"],
        mtime=fields["mtime"],
        link=link,
        device=device if kind == "device" else None,
    )


def _link_inodes(found: Gathered, headers: list[Header]) -> None:
    """Make the empty names of an inode that has content elsewhere hard links to it.

    In ``newc`` the content of an inode stands at one of its names, by custom the last.
    """
    pairs = [
        (at, header, found.entries[at])
        for at, header in enumerate(headers)
        if header.kind == "file" and header.fields["nlink"] > 1
    ]
    holders = {header.inode: entry.name for _, header, entry in pairs if entry.size}
    for at, header, entry in pairs:
        if not entry.size and header.inode in holders:
            found.entries[at] = msgspec.structs.replace(
                entry,
                kind="hardlink",
                sha256=None,
                size=None,
                stored=False,
                link=holders[header.inode],
            )


def is_cpio(buffer: Buffer, _: str = "") -> bool:
    """Return whether a header with a name that fits stands first."""
    if bytes(buffer[:6]) not in _MAGICS:
        return False
    head = bytes(buffer[:110])
    digits = head[6:76] if head[:6] == _ODC_MAGIC else head[6:110]
    return re.fullmatch(rb"[0-9A-Fa-f]*", digits) is not None


CPIO: Final = Format(
    name="cpio",
    title="cpio (newc, crc, odc)",
    family="archive",
    specification="https://docs.kernel.org/driver-api/early-userspace/buffer-format.html",
    limitations="no binary cpio; what follows the trailer is carved",
    recognise=is_cpio,
    open=open_cpio,
)

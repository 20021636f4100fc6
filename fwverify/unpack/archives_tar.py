"""tar archives: v7, ustar, pax and GNU.

Guarantees: every header's checksum is compared; names, links, owners, modes (with
setuid), devices and times are those of the header or of the extended header before it;
bytes behind the end of a text field, padding that is not zero and everything behind the
end mark stay unexplained. An archive that stops without its end mark is not complete.

Specification: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Interchange
Format"; the GNU tar manual, "Basic Tar Format".

Not opened: sparse files, multi-volume archives and dumps (named as ``unsupported``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, NodeKind, Opened
from fwverify.paths import encode_name
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.gather import Gathered, is_text
from fwverify.unpack.source import Format, LimitHit, Source

BLOCK: Final = 512
_MAX_EXTENDED_BYTES: Final = 1024 * 1024
_CHECKSUM: Final = slice(148, 156)
_ASCII: Final = bytes(range(128))
_OCTAL: Final = re.compile(rb"[ \x00]*([0-7]*)[ \x00]*", re.DOTALL)
_FILE_TYPES: Final = b"0\x007"
_KINDS: Final[dict[bytes, NodeKind]] = {
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "device",
    b"4": "device",
    b"5": "directory",
    b"6": "fifo",
}
_UNSUPPORTED: Final = {
    b"S": "a sparse file",
    b"M": "a part of a multi-volume file",
    b"D": "a dumped folder",
}
_PAX_KNOWN: Final = re.compile(
    rb"path|linkpath|size|mtime|atime|ctime|uid|gid|uname|gname|comment|charset|hdrcharset"
    rb"|SCHILY\.(?:dev|ino|nlink|fflags)|LIBARCHIVE\.creationtime"
)
_CAPABILITY: Final = b"SCHILY.xattr.security.capability"
"""As GNU tar, star and bsdtar write it; the value is the attribute's own bytes."""

_CAPABILITY_VALUE: Final = re.compile(
    rb"[\x00\x01]\x00\x00(?:\x01.{8}|\x02.{16}|\x03.{20})", re.DOTALL
)
"""The forms of ``linux/capability.h``, ``struct vfs_ns_cap_data``; others stay unexplained."""


class Header(Struct, frozen=True):
    """One header block. Numbers are None where the field is empty."""

    offset: int
    name: bytes
    mode: int | None
    uid: int | None
    gid: int | None
    size: int
    mtime: int | None
    type: bytes
    link: bytes
    device: tuple[int, int]
    parsed: tuple[tuple[int, int], ...]


class Extended(Struct, frozen=True):
    """What headers before an entry say of it: pax records and GNU long names."""

    name: bytes | None = None
    link: bytes | None = None
    size: int | None = None
    mtime: int | None = None
    uid: int | None = None
    gid: int | None = None
    sparse: bool = False
    capability: tuple[int, bytes] | None = None

    def over(self, older: Extended) -> Extended:
        """Return ``older`` with what this one sets put over it."""
        return Extended(
            name=older.name if self.name is None else self.name,
            link=older.link if self.link is None else self.link,
            size=older.size if self.size is None else self.size,
            mtime=older.mtime if self.mtime is None else self.mtime,
            uid=older.uid if self.uid is None else self.uid,
            gid=older.gid if self.gid is None else self.gid,
            sparse=older.sparse or self.sparse,
            capability=older.capability if self.capability is None else self.capability,
        )


def checksum_holds(block: bytes) -> bool:
    """Return whether the header's checksum is that of its bytes, unsigned or signed."""
    match = _OCTAL.fullmatch(block[_CHECKSUM])
    if len(block) != BLOCK or match is None or not match[1]:
        return False
    rest = block[: _CHECKSUM.start] + b" " * 8 + block[_CHECKSUM.stop :]
    unsigned = sum(rest)
    signed = unsigned - 256 * len(rest.translate(None, _ASCII))  # what old Sun tar wrote
    return int(match[1], 8) in (unsigned, signed)


def read_header(buffer: Buffer, offset: int) -> Header:
    """Return the header block at ``offset``. Raises ``Malformed``."""
    block = Reader(buffer, offset).peek(offset, BLOCK, "header block")
    if not checksum_holds(block):
        raise Malformed(offset + _CHECKSUM.start, "chksum", "is not that of the block")
    posix = block[257:263] == b"ustar\x00"
    gnu = block[257:265] == b"ustar  \x00"
    texts = [(0, 100), (157, 257)] + ([(265, 297), (297, 329)] if posix or gnu else [])
    parsed = [(100, 157), *((low, low + _used(block, low, high)) for low, high in texts)]
    name = _text(block, 0, 100)
    size = _number(block, 124, 136, "size", offset) or 0
    if size < 0:
        raise Malformed(offset + 124, "size", f"{size} is negative")
    device = (0, 0)
    if posix or gnu:
        parsed += [(257, 265), (329, 345)]
        device = (
            _number(block, 329, 337, "devmajor", offset) or 0,
            _number(block, 337, 345, "devminor", offset) or 0,
        )
    if posix:
        parsed.append((345, 345 + _used(block, 345, 500)))
        prefix = _text(block, 345, 500)
        name = prefix + b"/" + name if prefix else name
    elif gnu:
        parsed += [(345, 369)] if not block[345:369].strip(b"01234567 \x00") else []
    return Header(
        offset=offset,
        name=name,
        mode=_number(block, 100, 108, "mode", offset),
        uid=_number(block, 108, 116, "uid", offset),
        gid=_number(block, 116, 124, "gid", offset),
        size=size,
        mtime=_number(block, 136, 148, "mtime", offset),
        type=block[156:157],
        link=_text(block, 157, 257),
        device=device,
        parsed=tuple((offset + low, offset + high) for low, high in parsed),
    )


def _text(block: bytes, low: int, high: int) -> bytes:
    return block[low:high].split(b"\x00", 1)[0]


def _used(block: bytes, low: int, high: int) -> int:
    """Return how much of a text field is text and NULs; what follows them is hidden."""
    text = _text(block, low, high)
    rest = block[low + len(text) : high]
    return high - low if not any(rest) else len(text) + 1


def _number(block: bytes, low: int, high: int, field: str, offset: int) -> int | None:
    """Return an octal or base-256 number (GNU: first bit set, big-endian, signed)."""
    data = block[low:high]
    if data[0] & 0x80:
        if data[0] == 0xFF:
            return int.from_bytes(data, "big", signed=True)
        return int.from_bytes(bytes((data[0] & 0x7F,)) + data[1:], "big")
    match = _OCTAL.fullmatch(data)
    if match is None:
        raise Malformed(offset + low, field, f"{data!r} is no octal number")
    return int(match[1], 8) if match[1] else None


def open_tar(source: Source) -> Opened:
    """Return what the archive holds. Raises ``Malformed`` for a bad first header."""
    found = Gathered(source, "tar")
    read_header(source.buffer, 0)
    try:
        _read_entries(found)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish()


def _read_entries(found: Gathered) -> None:
    offset, common, pending = 0, Extended(), Extended()
    while True:
        block = bytes(found.buffer[offset : offset + BLOCK])
        if block == bytes(BLOCK):
            _end_mark(found, offset)
            return
        if not block:
            raise Malformed(offset, "end mark", "the archive ends without it")
        header = read_header(found.buffer, offset)
        for start, end in header.parsed:
            found.claim(start, end)
        _claim_zeros(found, offset, offset + BLOCK)
        if header.type in b"xgXLK":
            extended, offset = _read_extended(found, header)
            if header.type == b"g":
                common = extended.over(common)
            else:
                pending = extended.over(pending)
            continue
        offset = _take(found, header, pending.over(common))
        pending = Extended()


def _claim_zeros(found: Gathered, start: int, end: int) -> None:
    """Claim what is still free of ``[start, end)`` as padding where it is zero."""
    for low, high in found.claims.free(start, min(end, found.source.size)):
        if not any(bytes(found.buffer[low:high])):
            found.claim(low, high, "padding")


def _end_mark(found: Gathered, offset: int) -> None:
    """Claim the two zero blocks that end the archive; zeros behind them are padding."""
    if bytes(found.buffer[offset : offset + 2 * BLOCK]) != bytes(2 * BLOCK):
        found.claim(offset, offset + BLOCK)
        raise Malformed(offset + BLOCK, "end mark", "only one zero block")
    found.claim(offset, offset + 2 * BLOCK)


def _read_extended(found: Gathered, header: Header) -> tuple[Extended, int]:
    """Return what an extended header says and the offset of the block behind it."""
    start = header.offset + BLOCK
    if header.size > _MAX_EXTENDED_BYTES:
        raise Malformed(header.offset + 124, "size", "an extended header is absurdly long")
    data = Reader(found.buffer, start).peek(start, header.size, "extended header")
    following = start + _rounded(header.size)
    _claim_zeros(found, start + header.size, following)
    if header.type in b"LK":
        text, _, rest = data.partition(b"\x00")
        found.claim(start, start + (len(text) + 1 if any(rest) else len(data)))
        return (Extended(name=text) if header.type == b"L" else Extended(link=text)), following
    extended = Extended()
    at = 0
    for length, key, value in _pax_records(data, start):
        known = _PAX_KNOWN.fullmatch(key) and is_text(value)
        if known or (key == _CAPABILITY and _CAPABILITY_VALUE.fullmatch(value)):
            found.claim(start + at, start + at + length)
        extended = _pax(key, value, start + at).over(extended)
        at += length
    return extended, following


def _pax_records(data: bytes, start: int) -> Iterable[tuple[int, bytes, bytes]]:
    """Yield the length, key and value of each record: ``length key=value`` and a line feed."""
    at = 0
    while at < len(data):
        match = re.match(rb"([0-9]{1,7}) ([^=]+)=", data[at:])
        length = int(match[1]) if match else 0
        if match is None or not match.end() < length <= len(data) - at:
            raise Malformed(start + at, "pax record", "has no length, key and value")
        if data[at + length - 1 : at + length] != b"\n":
            raise Malformed(start + at + length - 1, "pax record", "does not end in a line feed")
        yield length, match[2], data[at + match.end() : at + length - 1]
        at += length


def _pax(key: bytes, value: bytes, offset: int) -> Extended:
    if key == b"path":
        return Extended(name=value)
    if key == _CAPABILITY and _CAPABILITY_VALUE.fullmatch(value):
        return Extended(capability=(offset, value))
    if key == b"linkpath":
        return Extended(link=value)
    if key.startswith(b"GNU.sparse."):
        return Extended(sparse=True)
    if key not in (b"size", b"mtime", b"uid", b"gid"):
        return Extended()
    match = re.fullmatch(rb"(-?[0-9]{1,19})(?:\.[0-9]*)?", value)
    if match is None or (key == b"size" and value.startswith(b"-")):
        raise Malformed(offset, f"pax {key.decode()}", f"{value[:40]!r} is no number")
    number = int(match[1])
    return {
        b"size": Extended(size=number),
        b"mtime": Extended(mtime=number),
        b"uid": Extended(uid=number),
        b"gid": Extended(gid=number),
    }[key]


def _take(found: Gathered, header: Header, extended: Extended) -> int:
    """List one entry, with its content if it is a file; return the next block's offset."""
    size = header.size if extended.size is None else extended.size
    start = header.offset + BLOCK
    name = header.name if extended.name is None else extended.name
    kind: NodeKind = _KINDS.get(header.type, "file")
    if header.type in _FILE_TYPES and name.endswith(b"/"):
        kind = "directory"  # how v7 marks a folder
    why = "a sparse file" if extended.sparse else _UNSUPPORTED.get(header.type)
    if header.type == b"V":
        found.observe("unpack.tar.label", f"volume label {encode_name(name)}", severity="info")
        return start + _rounded(size)
    if kind != "file":
        return _take_special(found, header, extended, kind, name, size)
    if start + size > found.source.size:
        remain = max(0, found.source.size - start)
        _list(found, header, extended, kind, name)
        raise Malformed(header.offset + 124, "size", f"needs {size} bytes, {remain} remain")
    if why is not None:
        found.trouble("unsupported", f"{why} cannot be opened yet", name)
        _list(found, header, extended, kind, name)
        return start + _rounded(size)
    if header.type not in _FILE_TYPES:
        text = f"{encode_name(name)} has the unknown type {header.type!r} and is read as a file"
        found.observe("unpack.evasion.mismatch", text, offset=header.offset + 156)
    content = found.source.put_range(start, start + size)
    _note_capability(found, extended, name)
    found.claim(start, start + size, "extracted")
    _claim_zeros(found, start + size, start + _rounded(size))
    _list(found, header, extended, kind, name, content)
    return start + _rounded(size)


def _note_capability(found: Gathered, extended: Extended, name: bytes) -> None:
    if extended.capability is None:
        return
    offset, value = extended.capability
    found.observe(
        "tar.file_capability",
        "the file has Linux capabilities set",
        offset=offset,
        severity="low",
        evidence=(encode_name(name), f"capability:{value.hex()}"),
    )


def _take_special(
    found: Gathered, header: Header, extended: Extended, kind: NodeKind, name: bytes, size: int
) -> int:
    """List a link, folder, device or pipe.

    With a size, readers disagree whether content follows: taken as content, unless a
    header or the end mark stands directly behind.
    """
    start = header.offset + BLOCK
    _list(found, header, extended, kind, name)
    if not size:
        return start
    shown = encode_name(name)
    found.observe(
        "unpack.evasion.mismatch",
        f"{shown} is a {kind} with a size of {size}",
        offset=header.offset + 124,
        evidence=(f"name:{shown}",),
    )
    block = bytes(found.buffer[start : start + BLOCK])
    if checksum_holds(block) or block == bytes(BLOCK):
        return start
    if start + size > found.source.size:
        raise Malformed(header.offset + 124, "size", f"{size} bytes do not remain")
    return start + _rounded(size)


def _list(
    found: Gathered,
    header: Header,
    extended: Extended,
    kind: NodeKind,
    name: bytes,
    content: tuple[str, int] | None = None,
) -> None:
    start = header.offset + BLOCK
    link = header.link if extended.link is None else extended.link
    digest, size = content or (None, None)
    found.add(
        Entry(
            name=name,
            kind=kind,
            sha256=digest,
            size=size,
            extents=((start, start + size),) if size else (),
            stored=digest is not None,
            mode=None if header.mode is None else header.mode & 0o7777,
            uid=header.uid if extended.uid is None else extended.uid,
            gid=header.gid if extended.gid is None else extended.gid,
            mtime=header.mtime if extended.mtime is None else extended.mtime,
            link=link if kind in ("symlink", "hardlink") else None,
            device=header.device if kind == "device" else None,
        )
    )


def _rounded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def is_tar(buffer: Buffer, _: str = "") -> bool:
    """Return whether a header block with a true checksum or the ustar magic stands first."""
    block = bytes(buffer[:BLOCK])
    if len(block) < BLOCK or not block[0]:
        return False
    return block[257:262] == b"ustar" or checksum_holds(block)


TAR: Final = Format(
    name="tar",
    title="tar",
    family="archive",
    specification="https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html",
    limitations="no sparse files, no multi-volume archives",
    recognise=is_tar,
    open=open_tar,
)

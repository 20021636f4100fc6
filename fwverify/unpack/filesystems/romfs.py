"""romfs file systems, read without mounting.

Guarantees: the checksums of the volume and of every file header are compared; every
header that the chains reach is an entry; loops end. The format knows no owners and of a
mode the execute bit alone: modes are those that Linux shows.

Specification: Linux kernel, Documentation/filesystems/romfs.rst. All integers are
big-endian; headers and data stand at multiples of 16.

Not checked: content, which carries no checksum.
"""

from __future__ import annotations

import struct
from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, Identity, NodeKind, Opened
from fwverify.reader import Malformed, Reader
from fwverify.unpack.filesystems.runs import (
    Run,
    Stored,
    claim,
    claim_padding,
    claim_read,
    store_runs,
)
from fwverify.unpack.gather import MAX_LINK_BYTES, Gathered
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "romfs"
MAGIC: Final = b"-rom1fs-"
MAX_PATH_BYTES: Final = 4096
_CHECKED_BYTES: Final = 512
_MAX_NAME_BYTES: Final = 256
_HARD_LINK, _DIRECTORY, _FILE, _SYMLINK, _BLOCK, _CHARACTER = range(6)
_EXECUTE: Final = 8

KINDS: Final[tuple[NodeKind, ...]] = (
    "hardlink", "directory", "file", "symlink", "device", "device", "socket", "fifo",
)  # fmt: skip
_MODES: Final = (0, 0o644, 0o644, 0o777, 0o600, 0o600, 0o644, 0o644)
"""What Linux shows for each type, without the execute bits (fs/romfs/super.c)."""


class Header(Struct, frozen=True):
    """One file header. ``info`` is the first entry, the target or the device number."""

    at: int
    next: int
    kind: int
    executable: bool
    info: int
    size: int
    name: bytes
    data: int


class _Image(Struct):
    """One file system while it is read; private to a call of ``open_image``."""

    found: Gathered
    size: int
    names: dict[int, bytes] = field(default_factory=dict)
    entries: list[tuple[bytes, Header]] = field(default_factory=list)


def open_image(source: Source) -> Opened:
    """Return the file system at the blob's start. Raises ``Malformed`` without a header."""
    reader = Reader(source.buffer)
    reader.expect(MAGIC, "romfs.magic")
    size = reader.u32be("romfs.size")
    reader.u32be("romfs.checksum")
    found = Gathered(source, NAME)
    label, first = _name(reader, 16)
    claim(found, 0, first)
    if size > source.size:
        found.trouble("truncated", f"{source.size} of {size} bytes are there")
    if not _sums_to_zero(bytes(source.buffer[: min(size, _CHECKED_BYTES)])):
        text = "romfs: the volume's checksum is wrong"
        found.observe("unpack.malformed", text, offset=12)
        found.trouble("format.malformed", text)
    image = _Image(found, min(size, source.size))
    try:
        _walk(image, first)
    except LimitHit as error:
        found.limit(error)
    claim_padding(found, size)
    if label:
        found.attribute("romfs.label", label.decode("utf-8", "replace"))
    return found.finish(identity=Identity())


def _sums_to_zero(data: bytes) -> bool:
    padded = data + bytes(-len(data) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFF_FFFF == 0


def _name(reader: Reader, at: int) -> tuple[bytes, int]:
    """Return the name at ``at`` and the offset behind its padding to 16 bytes."""
    raw = b""
    while b"\0" not in raw:
        if len(raw) > _MAX_NAME_BYTES:
            raise Malformed(at, "romfs.name", "does not end")
        raw += reader.peek(at + len(raw), 16, "romfs.name")
    name, _, rest = raw.partition(b"\0")
    if any(rest):
        raise Malformed(at, "romfs.name", "bytes behind the name")
    return name, at + len(raw)


def _header(image: _Image, at: int) -> Header:
    """Return the header at ``at``, claimed. Raises ``Malformed``."""
    reader = Reader(image.found.buffer)
    raw = reader.peek(at, 16, "romfs.header")
    following, info, size, _ = struct.unpack(">IIII", raw)
    name, data = _name(reader, at + 16)
    if not _sums_to_zero(reader.peek(at, data - at, "romfs.header")):
        text = f"romfs: the checksum of the header at {at:#x} is wrong"
        image.found.observe("unpack.malformed", text, offset=at)
        image.found.trouble("format.malformed", text)
    claim(image.found, at, data)
    return Header(
        at=at,
        next=following & ~15,
        kind=following & 7,
        executable=bool(following & _EXECUTE),
        info=info,
        size=size,
        name=name,
        data=data,
    )


def _walk(image: _Image, root_at: int) -> None:
    """Record every header the chains reach. The first header is the root directory."""
    found = image.found
    seen: set[int] = set()
    chains = [(b"", root_at)]
    first = True
    while chains:
        folder, at = chains.pop()
        while at:
            if at in seen:
                text = f"the header at {at:#x} is reached twice"
                found.observe("unpack.evasion.directory", text, offset=at, severity="high")
                found.trouble("format.malformed", text, folder or None)
                break
            seen.add(at)
            try:
                header = _header(image, at)
            except Malformed as error:
                found.malformed(error)
                break
            name = folder + header.name
            if len(name) > MAX_PATH_BYTES or len(seen) > found.source.limits.files:
                raise LimitHit("files", "the tree of headers is too large")
            if first:
                first = False
                image.names[at] = b"."
                if header.kind == _DIRECTORY and header.info & ~15 not in (0, at):
                    chains.append((b"", header.info & ~15))
            elif header.name not in (b".", b".."):
                _judge_name(image, header)
                image.names[at] = name
                image.entries.append((name, header))
                if header.kind == _DIRECTORY and header.info & ~15 not in (0, at):
                    chains.append((name + b"/", header.info & ~15))
            at = header.next
    for name, header in image.entries:
        _record(image, header, name)


def _judge_name(image: _Image, header: Header) -> None:
    if b"/" in header.name or not header.name:
        text = "a name that no Linux file can have"
        image.found.observe("unpack.evasion.name", text, offset=header.at, severity="high")


def _record(image: _Image, header: Header, name: bytes) -> None:
    stored: Stored | None = None
    link: bytes | None = None
    try:
        if header.kind == _FILE:
            stored = store_runs(
                image.found, [Run(header.data, header.size)], header.size, "romfs.file"
            )
            _padding(image, header)
        elif header.kind == _SYMLINK:
            if header.size > MAX_LINK_BYTES:
                raise Malformed(header.at + 8, "romfs.size", f"a link of {header.size} bytes")
            link = Reader(image.found.buffer).peek(header.data, header.size, "romfs.link")
            claim(image.found, header.data, header.data + header.size)
            _padding(image, header)
        elif header.kind == _HARD_LINK:
            link = image.names.get(header.info & ~15)
            if link is None:
                raise Malformed(header.at + 4, "romfs.link", "leads to no file")
        elif header.size:
            image.found.observe(
                "unpack.malformed", "romfs: content of what has none", offset=header.at
            )
    except Malformed as error:
        image.found.observe("unpack.malformed", f"{NAME}: {error}", offset=max(0, error.offset))
        code = "truncated" if error.past_end else "format.malformed"
        image.found.trouble(code, str(error), name)
    device = (header.info >> 16, header.info & 0xFFFF)
    mode = _MODES[header.kind] | (0o111 if header.executable else 0)
    image.found.add(
        Entry(
            name=name,
            kind=KINDS[header.kind],
            sha256=stored.sha256 if stored else None,
            size=stored.size if stored else None,
            extents=stored.extents if stored else (),
            stored=bool(stored and stored.stored),
            mode=None if header.kind == _HARD_LINK else mode,
            link=link,
            device=device if header.kind in (_BLOCK, _CHARACTER) else None,
        )
    )


def _padding(image: _Image, header: Header) -> None:
    """Claim the zeros that fill content up to the next multiple of 16."""
    end = header.data + header.size
    stop = min((end + 15) & ~15, image.found.source.size)
    if end < stop and not any(image.found.buffer[end:stop]):
        claim_read(image.found, end, stop, end)


ROMFS: Final = Format(
    name=NAME,
    title="romfs file system",
    family="file system",
    specification="https://www.kernel.org/doc/html/latest/filesystems/romfs.html",
    limitations="the format has no owners, times and no checksum over content",
    recognise=lambda buffer, _: bytes(buffer[:8]) == MAGIC,
    open=open_image,
)

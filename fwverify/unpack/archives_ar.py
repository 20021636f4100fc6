"""ar archives and Debian packages.

Guarantees: names (also GNU's long ones and BSD's), modes, owners and times are those of
the headers; every member is extracted, the symbol table too. A Debian package is an ar
archive whose first member is ``debian-binary`` with version 2; nothing more of it is
judged here: its members are opened as what they are.

Specification: ar(5) of FreeBSD for the GNU and BSD variants; deb(5).

Not opened: thin archives, which hold no content.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.model import Entry, Opened
from fwverify.reader import Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

_MAGIC: Final = b"!<arch>\n"
_HEADER_BYTES: Final = 60
_MAX_NAME_BYTES: Final = 4096
_MAX_TABLE_BYTES: Final = 16 * 1024 * 1024
_DEBIAN_VERSION: Final = re.compile(rb"2\.[0-9]+\n")
_NAME_TABLE: Final = b"//"
_SYMBOL_TABLES: Final = (b"/", b"/SYM64/")


def open_ar(source: Source) -> Opened:
    """Return what the archive holds, as format ``ar`` or ``deb``."""
    found = Gathered(source, "deb" if is_deb(source) else "ar")
    reader = Reader(source.buffer)
    reader.expect(_MAGIC, "magic")
    found.claim(0, reader.offset)
    names = b""
    try:
        while reader.remaining:
            names = _take(found, reader, names)
    except Malformed as error:
        if not found.entries:
            raise
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish()


def _take(found: Gathered, reader: Reader, names: bytes) -> bytes:
    """List the member at the cursor and move behind it; return the table of long names."""
    start = reader.offset
    raw = reader.take(16, "ar_name").rstrip(b" ")
    mtime = _number(reader, 12, "ar_date", 10)
    uid = _number(reader, 6, "ar_uid", 10)
    gid = _number(reader, 6, "ar_gid", 10)
    mode = _number(reader, 8, "ar_mode", 8)
    size = _number(reader, 10, "ar_size", 10)
    reader.expect(b"`\n", "ar_fmag")
    if size is None or size > reader.remaining:
        raise Malformed(start + 48, "ar_size", f"{size} bytes do not remain")
    end = reader.offset + size
    if raw == _NAME_TABLE:
        if size > _MAX_TABLE_BYTES:
            raise Malformed(start + 48, "ar_size", "the table of names is absurdly long")
        names = reader.peek(reader.offset, size, "table of names")
    name = _name(raw, reader, names, end)
    data_start = reader.offset
    found.claim(start, data_start)
    digest, length = found.source.put_range(data_start, end)
    found.claim(data_start, end, "extracted")
    found.add(
        Entry(
            name=name,
            sha256=digest,
            size=length,
            extents=((data_start, end),),
            stored=True,
            mode=None if mode is None else mode & 0o7777,
            uid=uid,
            gid=gid,
            mtime=mtime,
        )
    )
    _skip_padding(found, reader, end)
    return names


def _skip_padding(found: Gathered, reader: Reader, end: int) -> None:
    """Move to the next header, which stands at an even offset; the filler is a line feed."""
    reader.seek(end)
    if end % 2 and reader.remaining:
        if reader.peek(end, 1, "padding") == b"\n":
            found.claim(end, end + 1)
        reader.skip(1, "padding")


def _number(reader: Reader, width: int, field: str, base: int) -> int | None:
    text = reader.take(width, field).strip(b" ")
    if not text:
        return None
    digits = rb"[0-7]+" if base == 8 else rb"[0-9]+"
    if re.fullmatch(digits, text) is None:
        raise Malformed(reader.offset - width, field, f"{text!r} is no number")
    return int(text, base)


def _name(raw: bytes, reader: Reader, names: bytes, end: int) -> bytes:
    """Return the member's name; a BSD long name is read from before its data."""
    if raw in (_NAME_TABLE, *_SYMBOL_TABLES):
        return {b"/": b"__symbols__", b"//": b"__names__"}.get(raw, b"__symbols64__")
    bsd = re.fullmatch(rb"#1/([0-9]{1,4})", raw)
    if bsd is not None:
        length = int(bsd[1])
        if length > _MAX_NAME_BYTES or length > end - reader.offset:
            raise Malformed(reader.offset, "ar_name", f"a name of {length} bytes does not fit")
        return reader.take(length, "name").rstrip(b"\x00")
    gnu = re.fullmatch(rb"/([0-9]{1,15})", raw)
    if gnu is not None:
        at = int(gnu[1])
        text, ended, _ = names[at : at + _MAX_NAME_BYTES].partition(b"\n")
        if not ended:
            raise Malformed(reader.offset - _HEADER_BYTES, "ar_name", f"no long name at {at}")
        return text.removesuffix(b"/")
    return raw.removesuffix(b"/")


def is_deb(source: Source) -> bool:
    """Return whether the first member is ``debian-binary`` with format version 2 (deb(5))."""
    head = bytes(source.buffer[: len(_MAGIC) + _HEADER_BYTES + 16])
    name = head[8:24].rstrip(b" /")
    version = head[len(_MAGIC) + _HEADER_BYTES :]
    return name == b"debian-binary" and _DEBIAN_VERSION.match(version) is not None


AR: Final = Format(
    name="ar",
    title="ar and Debian package",
    family="archive",
    specification="https://man.freebsd.org/cgi/man.cgi?query=ar&sektion=5",
    limitations="no thin archives; a Debian package's control data is not checked here",
    recognise=lambda buffer, _: bytes(buffer[: len(_MAGIC)]) == _MAGIC,
    open=open_ar,
)

"""Android's binary XML and resource tables (resources.arsc).

Guarantees: every chunk's header and size is held against what remains, and only chunks
that were read to their end count as parsed; the strings of every pool are a child of
their own, one a line, so that what hides in UTF-16 or in a table is searched too. A
manifest gives package and versions as identity, permissions as attributes.

Specification: AOSP ``frameworks/base/libs/androidfw/include/androidfw/ResourceTypes.h``.

Not checked: styles of strings, libraries, overlays and sparse types of resource tables:
they stay unexplained (their strings do not). What a value means is not judged.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.android.parts import noted
from fwverify.unpack.claims import Range, union
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source

XML_NAME: Final = "android-xml"
TABLE_NAME: Final = "android-resources"
MAX_STRINGS: Final = 1_000_000
MAX_CHUNKS: Final = 1_000_000
MAX_ATTRIBUTES: Final = 1024
MAX_PERMISSIONS: Final = 500
_POOL, _TABLE, _XML, _MAP = 0x0001, 0x0002, 0x0003, 0x0180
_START_NS, _END_NS, _START, _END, _CDATA = range(0x0100, 0x0105)
_PACKAGE, _TYPE, _TYPE_SPEC = 0x0200, 0x0201, 0x0202
_UTF8: Final = 1 << 8
_PACKAGES: Final = (0x01, 0x7F)
"""The platform and the application: attributes of a library have no id in a document."""

_MAX_TYPE_HEADER: Final = 20 + 64
_PACKAGE_HEADERS: Final = (284, 288)
_NONE: Final = 0xFFFFFFFF
_TYPE_STRING: Final = 3
_FIXED: Final = {_START_NS: 24, _END_NS: 24, _END: 24, _CDATA: 28}
_NAMES: Final = {0x0101021B: "versionCode", 0x0101021C: "versionName", 0x01010003: "name"}
"""Attributes by resource id: obfuscators empty their names, the device goes by the id."""


class Manifest(Struct):
    """What ``AndroidManifest.xml`` says."""

    package: str = ""
    version_code: str = ""
    version_name: str = ""
    permissions: list[str] = field(default_factory=list)

    def identity(self) -> Identity:
        """Return the package's identity."""
        return Identity(
            product=self.package or None,
            version=self.version_name or None,
            build=self.version_code or None,
        )


class Pool(Struct, frozen=True):
    """A string pool and the offset behind its chunk."""

    strings: tuple[str, ...]
    end: int
    styled: bool
    claims: tuple[Range, ...]


def read_pool(buffer: Buffer, at: int, end: int) -> Pool:
    """Return the string pool at ``at``. Raises ``Malformed``."""
    reader = Reader(buffer, at, end)
    kind, header_bytes, size = reader.unpack("<2HI", "pool.header")
    count, styles, flags, strings, _ = reader.unpack("<5I", "pool.header")
    if kind != _POOL or header_bytes != 28 or not 28 <= size <= end - at:
        raise Malformed(at, "pool.header", f"type {kind:#x}, {size} bytes")
    if count > MAX_STRINGS:
        raise Malformed(at + 8, "pool.stringCount", f"{count}")
    reader.count(count + styles, 4, "pool.stringCount")
    offsets = reader.unpack(f"<{count}I", "pool.offsets")
    own = Reader(buffer, at, at + size)
    budget = 4 * size + 64
    result = []
    claims = [(at, reader.offset)]
    for offset in offsets:
        own.seek(at + strings + offset, "pool.string")
        text = _utf8(own) if flags & _UTF8 else _utf16(own)
        ended = own.offset + (1 if flags & _UTF8 else 2)
        claims.append((at + strings + offset, min(ended, at + size)))
        budget -= len(text) + 1
        if budget < 0:
            raise Malformed(at, "pool.strings", "many strings share their bytes")
        result.append(text)
    return Pool(tuple(result), at + size, bool(styles), union(claims))


def _utf8(reader: Reader) -> str:
    for _ in range(2):  # characters, then bytes
        length = reader.u8("pool.string.length")
        if length & 0x80:
            length = (length & 0x7F) << 8 | reader.u8("pool.string.length")
    return reader.take(length, "pool.string").decode("utf-8", "replace")


def _utf16(reader: Reader) -> str:
    length = reader.u16le("pool.string.length")
    if length & 0x8000:
        length = (length & 0x7FFF) << 16 | reader.u16le("pool.string.length")
    return reader.take(2 * length, "pool.string").decode("utf-16-le", "replace")


def read_manifest(buffer: Buffer) -> Manifest:
    """Return what a binary manifest says. Raises ``Malformed``."""
    manifest = Manifest()
    for _ in _chunks(buffer, manifest):
        pass
    return manifest


def _chunks(buffer: Buffer, manifest: Manifest) -> list[tuple[tuple[Range, ...], tuple[str, ...]]]:
    """Return the chunks of a document that were read: ranges, and strings of a pool."""
    reader = Reader(buffer)
    kind, header_bytes, size = reader.unpack("<2HI", "xml.header")
    if kind != _XML or header_bytes != 8 or size > len(buffer):
        raise Malformed(0, "xml.header", f"type {kind:#x}, {size} bytes", past_end=size > 8)
    strings: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    read: list[tuple[tuple[Range, ...], tuple[str, ...]]] = [(((0, 8),), ())]
    at = 8
    for _ in range(MAX_CHUNKS):
        if at >= size:
            return read
        reader.seek(at)
        kind, header_bytes, length = reader.unpack("<2HI", "xml.chunk")
        if length < 8 or at + length > size or header_bytes > length:
            raise Malformed(at, "xml.chunk.size", f"{length} of {size - at}")
        own: tuple[str, ...] = ()
        places: tuple[Range, ...] = ((at, at + length),)
        if kind == _POOL:
            pool = read_pool(buffer, at, at + length)
            own = pool.strings
            places = () if pool.styled else pool.claims
            strings = strings or own
        elif kind == _MAP:
            ids = reader.unpack(f"<{(length - 8) // 4}I", "xml.resource_map")
            places = ((at, at + 8 + 4 * _known_ids(ids)),)
        elif kind == _START:
            _element(Reader(buffer, at, at + length), strings, ids, manifest)
        elif _FIXED.get(kind) != length:
            raise Malformed(at, "xml.chunk.type", f"{kind:#x} of {length} bytes")
        read.append((places, own))
        at += length
    raise Malformed(at, "xml.chunk", f"more than {MAX_CHUNKS}")


def _element(
    reader: Reader, strings: tuple[str, ...], ids: tuple[int, ...], manifest: Manifest
) -> None:
    at = reader.offset
    reader.skip(20, "xml.element")
    (index,) = reader.unpack("<I", "xml.element.name")
    start, size, count = reader.unpack("<3H", "xml.element.attributes")
    reader.skip(6, "xml.element")
    if start != 20 or size != 20 or count > MAX_ATTRIBUTES or count * size != reader.remaining:
        raise Malformed(at, "xml.element.attributes", f"{count} of {size} bytes")
    name = _string(strings, index)
    for _ in range(count):
        _, key, raw, kind, data = reader.unpack("<5I", "xml.attribute")
        label = _NAMES.get(ids[key]) if key < len(ids) else None
        text = _string(strings, raw)
        if not text:
            text = _string(strings, data) if kind >> 24 == _TYPE_STRING else str(data)
        _remember(manifest, name, label or _string(strings, key), text)


def _string(strings: tuple[str, ...], index: int) -> str:
    return strings[index] if index < len(strings) else ""


def _remember(manifest: Manifest, element: str, key: str, text: str) -> None:
    text = text[:500]
    if element == "manifest":
        if key == "package":
            manifest.package = text
        elif key == "versionCode":
            manifest.version_code = text
        elif key == "versionName":
            manifest.version_name = text
    elif element.startswith("uses-permission") and key == "name":
        manifest.permissions.append(text)


def open_xml(source: Source) -> Opened:
    """Return the strings as a child, and what a manifest says. Raises ``Malformed``."""
    found = Gathered(source, XML_NAME)
    manifest = Manifest()
    pools: list[str] = []
    chunks = _chunks(source.buffer, manifest)
    for places, strings in chunks:
        _claim_all(found, places)
        pools.extend(strings)
    with noted(found):
        _store_strings(found, pools)
    permissions = sorted(set(manifest.permissions))
    for index, permission in enumerate(permissions[:MAX_PERMISSIONS]):
        found.attribute(f"permission_{index:03}", permission)
    return found.finish(identity=manifest.identity())


def _claim_all(found: Gathered, places: tuple[Range, ...]) -> None:
    """Claim ``places``."""
    for low, high in places:
        found.claim(low, high)


def _known_ids(ids: tuple[int, ...]) -> int:
    """Return how many ids at the start are a package's: type and entry are no text."""
    for count, each in enumerate(ids):
        if each >> 24 not in _PACKAGES:
            return count
    return len(ids)


def _store_strings(found: Gathered, strings: list[str]) -> None:
    if strings:
        text = "\n".join(strings) + "\n"
        digest, size = found.source.put(text.encode("utf-8", "replace"))
        found.add(Entry(name=b"@strings", sha256=digest, size=size, generated=True))


def open_table(source: Source) -> Opened:
    """Return the strings of a resource table. Raises ``Malformed``."""
    reader = Reader(source.buffer)
    kind, header_bytes, size, packages = reader.unpack("<2H2I", "arsc.header")
    if kind != _TABLE or header_bytes != 12 or size > source.size:
        raise Malformed(0, "arsc.header", f"type {kind:#x}, {size} bytes", past_end=size > 12)
    found = Gathered(source, TABLE_NAME)
    found.claim(0, 12)
    found.attribute("packages", str(packages))
    strings: list[str] = []
    with noted(found):
        _walk(found, 12, size, strings, 0)
    with noted(found):
        _store_strings(found, strings)
    return found.finish()


def _walk(found: Gathered, at: int, end: int, strings: list[str], depth: int) -> None:
    """Read the pools of the table and of its packages; other chunks stay as they are."""
    for _ in range(MAX_CHUNKS):
        if at >= end:
            return
        reader = Reader(found.buffer, at, end)
        kind, header_bytes, size = reader.unpack("<2HI", "arsc.chunk")
        if size < 8 or at + size > end or not 8 <= header_bytes <= size:
            raise Malformed(at, "arsc.chunk.size", f"{size} of {end - at}")
        if kind == _POOL:
            pool = read_pool(found.buffer, at, at + size)
            strings.extend(pool.strings)
            if not pool.styled:
                _claim_all(found, pool.claims)
        elif kind == _PACKAGE and depth == 0:
            if header_bytes not in _PACKAGE_HEADERS:
                raise Malformed(at + 2, "arsc.package.headerSize", f"{header_bytes}")
            found.claim(at, at + 12)
            claim_wide_text(found, at + 12, 256)
            found.claim(at + 268, at + header_bytes)
            _walk(found, at + header_bytes, at + size, strings, 1)
        elif kind in (_TYPE, _TYPE_SPEC):
            _read_type(found, reader, kind, at, header_bytes, size)
        at += size
    raise Malformed(at, "arsc.chunk", f"more than {MAX_CHUNKS}")


def claim_wide_text(found: Gathered, start: int, size: int) -> None:
    """Claim a field of UTF-16 up to its first NUL, all of it where only NULs follow."""
    field_bytes = bytes(found.buffer[start : start + size])
    used = 0
    while used < size and any(field_bytes[used : used + 2]):
        used += 2
    found.claim(start, start + (used + 2 if any(field_bytes[used:]) else size))


def _read_type(
    found: Gathered, reader: Reader, kind: int, at: int, header_bytes: int, size: int
) -> None:
    """Claim a type specification, or a type's offsets and the entries they name."""
    reader.skip(4, "arsc.type.id")
    (count,) = reader.unpack("<I", "arsc.type.entryCount")
    if at + header_bytes + 4 * count > at + size or header_bytes < 16:
        raise Malformed(at + 12, "arsc.type.entryCount", f"{count}")
    if kind == _TYPE_SPEC:
        if header_bytes == 16:
            found.claim(at, at + 16 + 4 * count)
        return
    (start,) = reader.unpack("<I", "arsc.type.entriesStart")
    flags = bytes(found.buffer[at + 9 : at + 10])[0]
    if flags or not header_bytes <= start <= size or header_bytes > _MAX_TYPE_HEADER:
        return  # sparse or 16-bit offsets: left unexplained
    found.claim(at, at + header_bytes)
    offsets = Reader(found.buffer, at + header_bytes, at + size)
    own = Reader(found.buffer, at + start, at + size)
    for offset in offsets.unpack(f"<{count}I", "arsc.type.offsets"):
        if offset != _NONE:
            own.seek(at + start + offset, "arsc.entry")
            _read_entry(found, own)
    found.claim(at + header_bytes, offsets.offset)


def _read_entry(found: Gathered, reader: Reader) -> None:
    """Claim one entry: a value, or a map of values."""
    at = reader.offset
    size, flags, _ = reader.unpack("<2HI", "arsc.entry")
    if flags & 8:  # compact: the value stands in the entry
        found.claim(at, at + 8)
    elif flags & 1 and size == 16:
        _, count = reader.unpack("<2I", "arsc.entry.map")
        reader.count(count, 12, "arsc.entry.map")
        found.claim(at, reader.offset + 12 * count)
    elif size == 8:
        reader.skip(8, "arsc.value")
        found.claim(at, reader.offset)


XML: Final = Format(
    name=XML_NAME,
    title="Android binary XML",
    family="android",
    specification="https://android.googlesource.com/platform/frameworks/base/+/refs/heads/main/libs/androidfw/include/androidfw/ResourceTypes.h",
    limitations="typed values are not turned back into text",
    recognise=lambda buffer, _: bytes(buffer[:4]) == b"\x03\x00\x08\x00" and len(buffer) >= 16,
    open=open_xml,
)
TABLE: Final = Format(
    name=TABLE_NAME,
    title="Android resource table (resources.arsc)",
    family="android",
    specification="https://android.googlesource.com/platform/frameworks/base/+/refs/heads/main/libs/androidfw/include/androidfw/ResourceTypes.h",
    limitations="styles, overlays and sparse types are left unexplained",
    recognise=lambda buffer, _: bytes(buffer[:4]) == b"\x02\x00\x0c\x00" and len(buffer) >= 16,
    open=open_table,
)

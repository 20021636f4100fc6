"""YAFFS2 images with their spare areas, as ``mkyaffs2image`` and NAND dumps hold them.

Guarantees: page and spare sizes, the place of the tags in the spare area and the byte
order are those under which the first page is an object header and its tags carry a right
checksum; every page's tags are verified by their ECC; of several headers of one object,
or chunks of one place in a file, the newest holds (block sequence, then position). What
they replaced is a child ``@obsolete``, deleted objects are ``@object-N``, and spare bytes
that are no tags are one child ``@spare``.

Specification: "How YAFFS Works" (https://yaffs.net/documents/how-yaffs-works) and, for
the layout, ``yaffs_guts.h`` and ``yaffs_packedtags2.h``.

Not checked: the ECC of page contents (its algorithm is the flash driver's). YAFFS1,
images without spare areas (inband tags) and packed tags without ECC are not opened.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.model import Entry, NodeKind, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.flash.faults import Faults, judge_name
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source, is_padding

NAME: Final = "yaffs2"
ROOT, LOST, UNLINKED, DELETED = 1, 2, 3, 4
MAX_PAGES: Final = 2_000_000
MAX_PATH_BYTES: Final = 4096
HEADER_BYTES: Final = 512
TAG_BYTES: Final = 16
PACKED_BYTES: Final = 28
"""Tags and their ECC: a byte with three of alignment, then two words."""

_PAGES: Final = (2048, 4096, 8192, 16384, 1024, 512)
_SPARES: Final = (32, 16)
_TAG_PLACES: Final = (0, 2, 1, 4, 8)
_LOWEST_SEQUENCE, _HIGHEST_SEQUENCE = 0x1000, 0xEFFFFF00
_EXTRA, _EXTRA_OBJECT = 0x8000_0000, 0x0FFF_FFFF
_COLUMNS: Final = (0x55, 0x59, 0x65, 0x69, 0x95, 0x99, 0xA5, 0xA9)
_HOLE_BYTES: Final = 1024 * 1024
_FILE, _SYMLINK, _FOLDER, _HARDLINK, _SPECIAL = 1, 2, 3, 4, 5


class Shape(Struct, frozen=True):
    """How an image is laid out; ``place`` is the tags' offset in the spare area."""

    page: int
    spare: int
    place: int
    order: str


class Chunk(Struct, frozen=True):
    """A page that holds something: its offset, and its tags."""

    start: int
    sequence: int
    object: int
    chunk: int
    length: int


class Header(Struct, frozen=True):
    """An object header page."""

    kind: int
    parent: int
    name: bytes
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    equivalent: int
    alias: bytes
    device: int


class _Image(Struct):
    """What one image holds; private to ``open_image``."""

    found: Gathered
    faults: Faults
    shape: Shape
    headers: dict[int, tuple[Chunk, Header]] = field(default_factory=dict)
    chunks: dict[int, dict[int, Chunk]] = field(default_factory=dict)
    old: list[Chunk] = field(default_factory=list)


def tag_ecc(tags: bytes) -> bytes:
    """Return the ECC of ``tags`` in column parity, line parity and its complement."""
    column = line = complement = 0
    for index, byte in enumerate(tags):
        parity = 0
        for bit, value in enumerate(_COLUMNS):
            if byte >> bit & 1:
                parity ^= value
        column ^= parity
        if parity & 1:
            line ^= index
            complement ^= ~index
    return struct.pack("<B3xII", column >> 2 & 0x3F, line, complement & 0xFFFF_FFFF)


def _ecc_holds(packed: bytes, order: str) -> bool:
    column, line, complement = struct.unpack(order + "B3xII", packed[TAG_BYTES:])
    return struct.pack("<B3xII", column, line, complement) == tag_ecc(packed[:TAG_BYTES])


def find_shape(buffer: Buffer) -> Shape | None:
    """Return the layout under which the first page is an object header, None if none."""
    for order in ("<", ">"):
        kind, parent, total = struct.unpack(order + "2IH", bytes(buffer[:10]).ljust(10, b"\0"))
        if not (_FILE <= kind <= _SPECIAL and parent == ROOT and total == 0xFFFF):
            continue
        for page in _PAGES:
            for share in _SPARES:
                spare = page // share
                for place in _TAG_PLACES:
                    shape = Shape(page, spare, place, order)
                    if place + PACKED_BYTES <= spare and _fits(buffer, shape):
                        return shape
    return None


def _fits(buffer: Buffer, shape: Shape) -> bool:
    chunk = _read_tags(buffer, 0, shape)
    return chunk is not None and chunk.chunk == 0


def _read_tags(buffer: Buffer, start: int, shape: Shape) -> Chunk | None:
    """Return the chunk whose page stands at ``start``, None where its tags do not hold."""
    at = start + shape.page + shape.place
    packed = bytes(buffer[at : at + PACKED_BYTES])
    if len(packed) < PACKED_BYTES or not _ecc_holds(packed, shape.order):
        return None
    sequence, number, chunk, length = struct.unpack(shape.order + "4I", packed[:TAG_BYTES])
    if not _LOWEST_SEQUENCE <= sequence <= _HIGHEST_SEQUENCE:
        return None
    if chunk & _EXTRA:
        return Chunk(start, sequence, number & _EXTRA_OBJECT, 0, 0)
    return Chunk(start, sequence, number, chunk, length)


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    return len(buffer) >= HEADER_BYTES and find_shape(buffer) is not None


def open_image(source: Source) -> Opened:
    """Return the file system. Raises ``Malformed`` when no layout fits."""
    shape = find_shape(source.buffer)
    if shape is None:
        raise Malformed(0, "yaffs.layout", "no page and spare size fits")
    found = Gathered(source, NAME)
    image = _Image(found, Faults(found), shape)
    found.attribute("yaffs.layout", f"{shape.page}+{shape.spare}, tags at {shape.place}")
    try:
        _scan(image)
        _Inventory(image).read()
        _store_obsolete(image)
        _store_spare(image)
    except LimitHit as error:
        found.limit(error)
    image.faults.close()
    return found.finish()


def _scan(image: _Image) -> None:
    """Read the tags of every page, then sort the pages by age."""
    shape, buffer = image.shape, image.found.buffer
    step = shape.page + shape.spare
    chunks: list[Chunk] = []
    for start in range(0, len(buffer), step):
        end = min(start + step, len(buffer))
        if is_padding(buffer, start, end):
            continue
        chunk = _read_tags(buffer, start, shape)
        if end - start < step:
            why = "the page is cut short"
            image.faults.malformed(start, "yaffs.page", why, past_end=True)
        if chunk is None:
            image.faults.malformed(start, "yaffs.tags", "the tags do not hold")
            continue
        at = start + shape.page + shape.place
        image.found.claim(at, at + PACKED_BYTES)
        chunks.append(chunk)
        if len(chunks) > MAX_PAGES:
            raise LimitHit("files", f"more than {MAX_PAGES} pages")
    for chunk in sorted(chunks, key=lambda each: (each.sequence, each.start)):
        _keep(image, chunk)


def _keep(image: _Image, chunk: Chunk) -> None:
    """Let ``chunk`` replace what was in its place."""
    if chunk.chunk:
        if chunk.length > image.shape.page:
            image.faults.malformed(chunk.start, "yaffs.tags.n_bytes", f"{chunk.length}")
            return
        table = image.chunks.setdefault(chunk.object, {})
        if chunk.chunk in table:
            image.old.append(table[chunk.chunk])
        table[chunk.chunk] = chunk
        return
    try:
        header = _read_header(image, chunk)
    except Malformed as error:
        image.faults.record(error)
        return
    if chunk.object in image.headers:
        image.old.append(image.headers[chunk.object][0])
    image.headers[chunk.object] = chunk, header


def _read_header(image: _Image, chunk: Chunk) -> Header:
    order = image.shape.order
    data = bytes(image.found.buffer[chunk.start : chunk.start + HEADER_BYTES])
    kind, parent = struct.unpack(order + "2I", data[:8])
    if not _FILE <= kind <= _SPECIAL:
        raise Malformed(chunk.start, "yaffs.header.type", f"{kind}")
    mode, uid, gid, _, mtime, _, low, equivalent = struct.unpack(order + "8I", data[268:300])
    (device,) = struct.unpack(order + "I", data[460:464])
    (high,) = struct.unpack(order + "I", data[496:500])
    size = low + (high << 32 if high != 0xFFFF_FFFF else 0)
    return Header(
        kind, parent, data[10:266].split(b"\0", 1)[0], mode, uid, gid, mtime,
        0 if low == 0xFFFF_FFFF else size, equivalent, data[300:460].split(b"\0", 1)[0], device,
    )  # fmt: skip


class _Inventory:
    """Names every object by the folders above it."""

    def __init__(self, image: _Image) -> None:
        self.image = image
        self.known: dict[int, tuple[str, int]] = {}

    def read(self) -> None:
        """List every object in the order of names; what is in no folder comes last."""
        image = self.image
        folders: dict[int, list[int]] = {}
        for number, (_, header) in image.headers.items():
            folders.setdefault(header.parent, []).append(number)
        listed = {ROOT}
        if ROOT in image.headers:
            self._claim(ROOT)
        pending = [(b"", number) for number in self._sorted(folders, ROOT)]
        while pending:
            folder, number = pending.pop()
            if number in listed:
                continue
            listed.add(number)
            judge_name(image.found, image.headers[number][1].name, image.headers[number][0].start)
            name = folder + image.headers[number][1].name
            self._record(number, name, generated=False)
            if image.headers[number][1].kind == _FOLDER and len(name) < MAX_PATH_BYTES:
                pending += [(name + b"/", each) for each in self._sorted(folders, number)]
        for number in sorted(set(image.headers) - listed):
            at = image.headers[number][0].start
            text = f"object {number} is in no folder"
            image.found.observe("yaffs.orphan", text, offset=at)
            self._record(number, b"@object-%d" % number, generated=True)
        for number in sorted(set(image.chunks) - set(image.headers)):
            image.faults.trouble("format.malformed", f"object {number} has no header")

    def _sorted(self, folders: dict[int, list[int]], parent: int) -> list[int]:
        numbers = [each for each in folders.get(parent, ()) if each != parent]
        return sorted(numbers, key=lambda each: self.image.headers[each][1].name, reverse=True)

    def _claim(self, number: int) -> None:
        start = self.image.headers[number][0].start
        self.image.found.claim(start, start + HEADER_BYTES)

    def _record(self, number: int, name: bytes, *, generated: bool) -> None:
        image = self.image
        header = image.headers[number][1]
        self._claim(number)
        target = number
        if header.kind == _HARDLINK:
            target = header.equivalent
            if target not in image.headers or image.headers[target][1].kind == _HARDLINK:
                text = f"the hard link leads to object {target}"
                image.faults.trouble("format.malformed", text, name)
                return
        facts = image.headers[target][1]
        kind = _kind(facts)
        first = target not in self.known
        content = self._content(target, facts) if kind == "file" else None
        image.found.add(
            Entry(
                name=name,
                kind=kind,
                sha256=content[0] if content else None,
                size=content[1] if content else None,
                extents=self._extents(target) if content and first else (),
                generated=generated,
                mode=facts.mode & 0o7777,
                uid=facts.uid,
                gid=facts.gid,
                mtime=facts.mtime,
                link=facts.alias if kind == "symlink" else None,
                device=_device(facts.device) if kind == "device" else None,
            )
        )

    def _extents(self, number: int) -> tuple[tuple[int, int], ...]:
        table = self.image.chunks.get(number, {})
        return tuple(
            (table[index].start, table[index].start + table[index].length)
            for index in sorted(table)
            if table[index].length
        )

    def _content(self, number: int, header: Header) -> tuple[str, int]:
        if number not in self.known:
            pieces = self._pieces(number, header)
            self.known[number] = self.image.found.source.put_stream(pieces)
        return self.known[number]

    def _pieces(self, number: int, header: Header) -> Iterator[bytes]:
        """Yield a file's bytes; a chunk newer than the header may lengthen the file."""
        image, page = self.image, self.image.shape.page
        table = image.chunks.get(number, {})
        newest = image.headers[number][0]
        size, position = header.size, 0
        for index in sorted(table):
            chunk = table[index]
            start = (index - 1) * page
            if (chunk.sequence, chunk.start) > (newest.sequence, newest.start):
                size = max(size, start + chunk.length) if header.size == 0 else size
            if start >= size:
                image.old.append(chunk)
                continue
            yield from self._missing(number, start - position)
            length = min(chunk.length, size - start)
            image.found.claim(chunk.start, chunk.start + length, "extracted")
            yield bytes(image.found.buffer[chunk.start : chunk.start + length])
            position = start + length
        yield from self._missing(number, size - position)

    def _missing(self, number: int, length: int) -> Iterator[bytes]:
        """Yield zeros for what no page holds: a hole, or a page that was lost."""
        if length > 0:
            text = f"{length} bytes of object {number} are in no page"
            self.image.faults.trouble("truncated", text)
        return _hole(length)


def _kind(header: Header) -> NodeKind:
    if header.kind == _FILE:
        return "file"
    if header.kind == _SYMLINK:
        return "symlink"
    if header.kind == _FOLDER:
        return "directory"
    kinds: dict[int, NodeKind] = {0o010000: "fifo", 0o140000: "socket"}
    return kinds.get(header.mode & 0o170000, "device")


def _device(value: int) -> tuple[int, int]:
    """Return a device's numbers from Linux ``new_encode_dev``."""
    return (value >> 8) & 0xFFF, (value & 0xFF) | ((value >> 12) & 0xFFF00)


def _hole(length: int) -> Iterator[bytes]:
    for at in range(0, length, _HOLE_BYTES):
        yield bytes(min(_HOLE_BYTES, length - at))


def _store_obsolete(image: _Image) -> None:
    """Put what replaced pages hold as one child, in order of offset."""
    if not image.old:
        return
    page = image.shape.page
    old = sorted(image.old, key=lambda each: each.start)
    buffer = image.found.buffer
    pieces = (bytes(buffer[each.start : each.start + page]) for each in old)
    digest, size = image.found.source.put_stream(pieces)
    for each in old:
        image.found.claim(each.start, each.start + page, "extracted")
    image.found.add(
        Entry(
            name=b"@obsolete",
            sha256=digest,
            size=size,
            extents=tuple((each.start, each.start + page) for each in old),
            stored=True,
            generated=True,
        )
    )
    text = f"{len(old)} pages hold content that is no longer in the file system"
    image.found.observe("yaffs.obsolete", text, offset=old[0].start, severity="low")


def _store_spare(image: _Image) -> None:
    """Put the spare bytes that are no tags, where they are not blank, as one child."""
    shape, source = image.shape, image.found.source
    ranges = []
    for start in range(0, source.size, shape.page + shape.spare):
        spare = start + shape.page
        end = min(spare + shape.spare, source.size)
        for low, high in ((spare, spare + shape.place), (spare + shape.place + PACKED_BYTES, end)):
            if low < high <= end and not is_padding(source.buffer, low, high):
                ranges.append((low, high))
    if not ranges:
        return
    digest, size = source.put_stream(bytes(source.buffer[low:high]) for low, high in ranges)
    for low, high in ranges:
        image.found.claim(low, high, "extracted")
    image.found.add(
        Entry(
            name=b"@spare", sha256=digest, size=size, extents=tuple(ranges), stored=True,
            generated=True,
        )
    )  # fmt: skip


YAFFS2: Final = Format(
    name=NAME,
    title="YAFFS2 file system with spare areas",
    family="flash file system",
    specification="https://yaffs.net/documents/how-yaffs-works",
    limitations="page ECC is not verified; YAFFS1 and images without spare areas are not known",
    recognise=_recognise,
    open=open_image,
)

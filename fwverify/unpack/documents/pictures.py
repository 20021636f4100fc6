"""Pictures and sound: JPEG, GIF, BMP, ICO and CUR, RIFF (WebP, WAV, AVI).

Guarantees: the structure is walked to its end and what stands behind it stays
unexplained; comments and metadata (EXIF, XMP, ICC, text) are children, so that they are
searched; coded picture data is ``parsed`` only where the walk reaches the format's end
mark and it is no longer than a picture of its dimensions can need. GIF data is decoded:
it must give exactly the pixels that its dimensions promise.

Specifications: ITU-T T.81 annex B (JPEG); GIF89a; the BITMAPFILEHEADER and ICO structures
of the Windows SDK; RIFF of IBM and Microsoft 1991 and RFC 9649 (WebP).

Not checked: the entropy-coded data of JPEG and WebP is not decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

MAX_SIDE: Final = 65_535
MAX_CHUNKS: Final = 100_000
_MAX_PIXELS: Final = 16 * 1024 * 1024
_MAX_SEGMENTS: Final = 1024
_SLACK_BYTES: Final = 4096


def _child(found: Gathered, name: bytes, start: int, end: int) -> None:
    """Store ``[start, end)`` as a child."""
    digest, size = found.source.put_range(start, end)
    found.claim(start, end, "extracted")
    extents = ((start, end),) if size else ()
    found.add(
        Entry(name=name, sha256=digest, size=size, extents=extents, stored=True, generated=True)
    )


# --- JPEG (T.81, annex B) ------------------------------------------------------------

_SOI, _EOI, _SOS, _DHT, _DQT, _DRI, _COM = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, 0xDD, 0xFE
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_TABLES: Final = {_DHT: 2048, _DQT: 520, _DRI: 2, 0xCC: 512}
_JFIF: Final = (b"JFIF\x00", b"Adobe")


def open_jpeg(source: Source) -> Opened:
    """Return the segments, metadata as children. Raises ``Malformed`` without a frame."""
    found = Gathered(source, "jpeg")
    reader = Reader(source.buffer)
    reader.expect(b"\xff\xd8", "SOI")
    found.claim(0, 2)
    scans: list[tuple[int, int]] = []
    bound = 0
    try:
        for _ in range(_MAX_SEGMENTS):
            start, marker = reader.offset, _marker(reader)
            if marker == _EOI:
                found.claim(start, reader.offset)
                break
            bound = max(bound, _segment(found, reader, start, marker))
            if marker == _SOS:
                if not bound:
                    raise Malformed(start, "SOS", "stands before a frame header")
                end = _scan_end(source.buffer, reader.offset)
                scans.append((reader.offset, end))
                reader.seek(end)
        else:
            raise Malformed(reader.offset, "segment", f"more than {_MAX_SEGMENTS}")
    except Malformed as error:
        if not bound:
            raise
        found.malformed(error)
        return found.finish()
    except LimitHit as error:
        found.limit(error)
        return found.finish()
    if not scans or not bound:
        raise Malformed(0, "SOS", "there is no picture")
    if sum(end - start for start, end in scans) <= bound:
        for start, end in scans:
            found.claim(start, end)
    else:
        found.observe("picture.too_long", "the coded data is longer than its picture can need")
    return found.finish()


def _marker(reader: Reader) -> int:
    if reader.u8("marker") != 0xFF:
        raise Malformed(reader.offset - 1, "marker", "is not there")
    while (code := reader.u8("marker")) == 0xFF:  # fill bytes, B.1.1.2
        pass
    return code


def _segment(found: Gathered, reader: Reader, start: int, marker: int) -> int:
    """Claim one marker segment; return the bound on coded bytes that a frame header gives."""
    if marker in (0x00, 0x01, _SOI) or 0xD0 <= marker <= 0xD7:
        raise Malformed(start, "marker", f"{marker:#04x} stands where a segment belongs")
    length = reader.u16be("segment length")
    if length < 2:
        raise Malformed(reader.offset - 2, "segment length", f"{length}")
    body, end = reader.offset, reader.offset + length - 2
    reader.skip(length - 2, "segment")
    if marker in _FRAMES:
        found.claim(start, end)
        return _frame(Reader(found.buffer, body, end))
    if marker == _SOS or (marker in _TABLES and end - body <= _TABLES[marker]):
        found.claim(start, end)
    elif 0xE0 <= marker <= 0xEF or marker == _COM:
        small = bytes(found.buffer[body : body + 5]) in _JFIF and end - body <= 16
        found.claim(start, end if small else body)
        if not small and end > body:
            name = "comment" if marker == _COM else f"app{marker - 0xE0}"
            _child(found, f"{name}@{start:#x}".encode(), body, end)
    return 0


def _frame(reader: Reader) -> int:
    """Return how many coded bytes the picture can need (B.2.2): three per sample at most."""
    _, height, width, components = reader.unpack(">BHHB", "frame header")
    if not width or not 1 <= components <= 4 or reader.remaining != 3 * components:
        raise Malformed(reader.start, "frame header", f"{width} by {height}, {components}")
    blocks = (-(-width // 8) * 8 + 24) * (-(-max(height, 1) // 8) * 8 + 24)
    return blocks * components * 2 + _SLACK_BYTES


def _scan_end(buffer: Buffer, start: int) -> int:
    """Return where the entropy-coded data ends: at a marker that is no restart (B.1.1.5)."""
    at = start
    while at < len(buffer):
        chunk = bytes(buffer[at : at + CHUNK_BYTES])
        found = chunk.find(b"\xff")
        while found >= 0:
            place = at + found + 1
            following = buffer[place] if place < len(buffer) else 0
            if following != 0 and not 0xD0 <= following <= 0xD7 and following != 0xFF:
                return place - 1
            found = chunk.find(b"\xff", found + 1)
        at += len(chunk)
    raise Malformed(len(buffer), "EOI", "the picture ends without it", past_end=True)


# --- GIF -----------------------------------------------------------------------------

_GIF_MAGICS: Final = (b"GIF87a", b"GIF89a")


def open_gif(source: Source) -> Opened:
    """Return the blocks; comments and application data are children."""
    found = Gathered(source, "gif")
    reader = Reader(source.buffer)
    if reader.take(6, "signature") not in _GIF_MAGICS:
        raise Malformed(0, "signature", "is none of GIF's")
    reader.skip(4, "logical screen")
    flags = reader.u8("screen flags")
    reader.skip(2, "logical screen")
    _skip_colours(reader, flags)
    found.claim(0, reader.offset)
    pixels, images = 0, 0
    try:
        while (kind := reader.u8("block")) != 0x3B:
            start = reader.offset - 1
            if kind == 0x21:
                _gif_extension(found, reader, start)
            elif kind == 0x2C:
                images += 1
                pixels = _gif_image(found, reader, start, pixels)
            else:
                raise Malformed(start, "block", f"{kind:#04x} does not exist")
            if images > MAX_CHUNKS:
                raise LimitHit("files", "too many pictures")
        found.claim(reader.offset - 1, reader.offset)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish()


def _skip_colours(reader: Reader, flags: int) -> None:
    if flags & 0x80:
        reader.skip(3 << (flags & 7) + 1, "colour table")


def _sub_blocks(reader: Reader) -> Iterator[bytes]:
    while size := reader.u8("sub-block size"):
        yield reader.take(size, "sub-block")


def _gif_extension(found: Gathered, reader: Reader, start: int) -> None:
    label = reader.u8("extension label")
    data = b"".join(_sub_blocks(reader))
    loops = data[:11] in (b"NETSCAPE2.0", b"ANIMEXTS1.0") and len(data) == 14
    if (label == 0xF9 and len(data) == 4) or (label == 0xFF and loops):
        found.claim(start, reader.offset)
    else:
        digest, size = found.source.put(data)
        found.claim(start, reader.offset, "extracted")
        name = {0xFE: "comment", 0x01: "text", 0xFF: "application"}.get(label, "extension")
        found.add(
            Entry(name=f"{name}@{start:#x}".encode(), sha256=digest, size=size, generated=True,
                  extents=((start, reader.offset),))
        )  # fmt: skip


def _gif_image(found: Gathered, reader: Reader, start: int, pixels: int) -> int:
    """Decode one picture's lengths; return the pixels of all so far."""
    _, _, width, height = reader.unpack("<4H", "image descriptor")
    _skip_colours(reader, reader.u8("image flags"))
    pixels += width * height
    if pixels > _MAX_PIXELS:
        raise LimitHit("memory_bytes", f"more than {_MAX_PIXELS} pixels")
    least = reader.u8("LZW minimum code size")
    if not 2 <= least <= 8:
        raise Malformed(reader.offset - 1, "LZW minimum code size", f"{least}")
    data = b"".join(_sub_blocks(reader))
    got, rest = gif_pixels(data, least, width * height)
    if got != width * height:
        raise Malformed(start, "image data", f"{got} pixels where {width * height} belong")
    if rest > 1:
        text = f"{rest} bytes stand behind the end of a picture's data"
        found.observe("picture.hidden", text, offset=start, severity="high")
        found.claim(start, reader.offset, "unexplained")
        return pixels
    found.claim(start, reader.offset)
    return pixels


def gif_pixels(data: bytes, least: int, bound: int) -> tuple[int, int]:
    """Return how many pixels LZW ``data`` gives, and the bytes behind its end code.

    Only the lengths of the strings are kept (GIF89a, appendix F). Stops past ``bound``.
    """
    clear, stop = 1 << least, (1 << least) + 1
    width, lengths, previous = least + 1, [1] * clear + [0, 0], 0
    bits = held = at = total = 0
    while total <= bound:
        while held < width:
            if at == len(data):
                return total, 0
            bits |= data[at] << held
            held, at = held + 8, at + 1
        code = bits & (1 << width) - 1
        bits >>= width
        held -= width
        if code == stop:
            return total, len(data) - at
        if code == clear:
            width, previous = least + 1, 0
            del lengths[stop + 1 :]
            continue
        if code > len(lengths) or (code == len(lengths) and not previous):
            return -1, 0
        if previous and len(lengths) < 4096:
            lengths.append(previous + 1)
        if code >= len(lengths):
            return -1, 0
        previous = lengths[code]
        total += previous
        if len(lengths) == 1 << width and width < 12:
            width += 1
    return total, 0


# --- BMP, ICO and CUR ----------------------------------------------------------------


def open_bmp(source: Source) -> Opened:
    """Return an uncompressed bitmap whose pixels fill it. Raises ``Malformed``."""
    found = Gathered(source, "bmp")
    reader = Reader(source.buffer)
    reader.expect(b"BM", "magic")
    stated, reserved, start = reader.unpack("<3I", "file header")
    end = _bitmap_end(reader, start)
    if reserved or end > source.size:
        past = end > source.size
        raise Malformed(2, "file size", f"{stated}, pixels to {end}", past_end=past)
    found.claim(0, end)
    return found.finish()


def _bitmap_end(reader: Reader, start: int) -> int:
    """Return where the pixels end that start at ``start`` (BITMAPINFOHEADER)."""
    begin = reader.offset
    size, width, height, planes, depth, packing = reader.unpack("<IiiHHI", "info header")
    if size not in (40, 56, 108, 124) or planes != 1 or depth not in (1, 4, 8, 16, 24, 32):
        raise Malformed(begin, "info header", f"{size} bytes, {planes} planes, {depth} bits")
    if packing not in (0, 3) or not 0 < width <= MAX_SIDE or not 0 < abs(height) <= MAX_SIDE:
        raise Malformed(begin, "info header", f"{width} by {height}, packing {packing}")
    colours = reader.peek(begin + 32, 4, "colours used")
    used = int.from_bytes(colours, "little") or (1 << depth if depth <= 8 else 0)
    masks = 12 if packing == 3 and size == 40 else 0
    least = begin + size + masks + 4 * used
    if used > 256 or not least <= start <= least + 16:
        raise Malformed(10, "pixel offset", f"{start} does not follow {least}")
    return start + (width * depth + 31) // 32 * 4 * abs(height)


def open_icon(source: Source) -> Opened:
    """Return the pictures of an icon or cursor as children."""
    found = Gathered(source, "icon")
    reader = Reader(source.buffer)
    kind, count = _icon_head(reader)
    end = 6 + 16 * count
    reader.count(count, 16, "count")
    found.claim(0, end)
    try:
        for number in range(count):
            at = reader.offset + 8
            size, start = reader.unpack("<8xII", "icon entry")
            if start < end or start + size > source.size or not size:
                past = start + size > source.size
                raise Malformed(at, "icon entry", f"[{start}, {start + size})", past_end=past)
            if found.claims.free(start, start + size) != [(start, start + size)]:
                text = f"picture {number} shares its bytes with another one"
                found.observe("unpack.evasion.overlap", text, offset=at)
                continue
            _icon_picture(found, start, start + size, b"%d" % number)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    found.attribute("icon.kind", "cursor" if kind == 2 else "icon")
    return found.finish()


def _icon_picture(found: Gathered, start: int, end: int, name: bytes) -> None:
    """Store a PNG as a child; claim a bitmap that has exactly its size."""
    if bytes(found.buffer[start : start + 8]) == b"\x89PNG\r\n\x1a\n":
        _child(found, name + b".png", start, end)
        return
    reader = Reader(found.buffer, start, end)
    size, width, height, planes, depth, packing = reader.unpack("<IiiHHI", "bitmap")
    if size != 40 or planes > 1 or packing or depth not in (1, 4, 8, 24, 32):
        return
    if not 0 < width <= 1024 or not 0 < height <= 2048:
        return
    reader.skip(12, "bitmap")
    colours = reader.u32le("colours used") or (1 << depth if depth <= 8 else 0)
    lines = height // 2
    pixels = (width * depth + 31) // 32 * 4 * lines
    mask = (width + 31) // 32 * 4 * lines
    if colours <= 256 and end - start in (
        40 + 4 * colours + pixels + mask, 40 + 4 * colours + pixels,
    ):  # fmt: skip
        found.claim(start, end)


def _icon_head(reader: Reader) -> tuple[int, int]:
    reserved, kind, count = reader.unpack("<3H", "icon header")
    if reserved or kind not in (1, 2) or not 0 < count <= 256:
        raise Malformed(0, "icon header", f"{reserved}, {kind}, {count}")
    return kind, count


def _is_icon(buffer: Buffer, _: str) -> bool:
    head = bytes(buffer[:22])
    if len(head) < 22 or head[:4] not in (b"\0\0\1\0", b"\0\0\2\0"):
        return False
    count = int.from_bytes(head[4:6], "little")
    start = int.from_bytes(head[18:22], "little")
    return 0 < count <= 256 and head[9] == 0 and 6 + 16 * count <= start < len(buffer)


# --- RIFF ----------------------------------------------------------------------------

_RIFF_KINDS: Final = {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}
_RIFF_FIXED: Final = {b"VP8X": 10, b"ANIM": 6, b"fact": 4}
_RIFF_CODED: Final = (b"VP8 ", b"VP8L", b"ALPH")
_MAX_FORMAT_BYTES: Final = 40


def open_riff(source: Source) -> Opened:
    """Return the chunks; data that is not understood is a child. Raises ``Malformed``."""
    reader = Reader(source.buffer)
    reader.expect(b"RIFF", "magic")
    size = reader.u32le("size")
    kind = _RIFF_KINDS.get(reader.take(4, "form type"))
    if kind is None or size < 4:
        raise Malformed(8, "form type", "is not known")
    found = Gathered(source, kind)
    found.claim(0, 12)
    end = 8 + size
    if end > source.size:
        found.malformed(Malformed(4, "size", f"{size}", past_end=True))
        end = source.size
    inside = Reader(source.buffer, 12, end)
    try:
        for count in range(MAX_CHUNKS):
            if not inside.remaining:
                break
            _riff_chunk(found, inside, count)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish()


def _riff_chunk(found: Gathered, reader: Reader, number: int) -> None:
    start = reader.offset
    kind, size = reader.take(4, "chunk id"), reader.u32le("chunk size")
    begin, end = reader.offset, reader.offset + size
    reader.skip(size, "chunk")
    found.claim(start, begin)
    if size % 2 and reader.remaining:
        if reader.peek(end, 1, "padding") == b"\x00":
            found.claim(end, end + 1, "padding")
        reader.skip(1, "padding")
    fixed = size == _RIFF_FIXED.get(kind, -1) or (kind == b"fmt " and size <= _MAX_FORMAT_BYTES)
    head = bytes(found.buffer[begin : begin + 10])
    if fixed or (kind in _RIFF_CODED and _webp_fits(head, kind, size)):
        found.claim(begin, end)
    elif size:
        shown = "".join(chr(each) if chr(each).isalnum() else "_" for each in kind)
        _child(found, f"{shown}.{number}".encode(), begin, end)


def _webp_fits(head: bytes, kind: bytes, size: int) -> bool:
    """Return whether coded data is no longer than its picture can need (RFC 9649, 2.5)."""
    if kind == b"VP8L" and head[:1] == b"\x2f":
        bits = int.from_bytes(head[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        width = int.from_bytes(head[6:8], "little") & 0x3FFF
        height = int.from_bytes(head[8:10], "little") & 0x3FFF
    else:
        return False
    return size <= (width + 16) * (height + 16) * 4 + _SLACK_BYTES


JPEG: Final = Format(
    name="jpeg",
    title="JPEG picture",
    family="document",
    specification="https://www.w3.org/Graphics/JPEG/itu-t81.pdf",
    limitations="coded data is walked to its end mark and bounded by the picture, not decoded",
    recognise=lambda buffer, _: bytes(buffer[:3]) == b"\xff\xd8\xff",
    open=open_jpeg,
)
GIF: Final = Format(
    name="gif",
    title="GIF picture",
    family="document",
    specification="https://www.w3.org/Graphics/GIF/spec-gif89a.txt",
    limitations="pixels are counted, not shown",
    recognise=lambda buffer, _: bytes(buffer[:6]) in _GIF_MAGICS,
    open=open_gif,
)
BMP: Final = Format(
    name="bmp",
    title="BMP picture",
    family="document",
    specification="https://learn.microsoft.com/en-us/windows/win32/gdi/bitmap-storage",
    limitations="uncompressed bitmaps only",
    recognise=lambda buffer, _: (
        bytes(buffer[:2]) == b"BM"
        and len(buffer) > 54
        and bytes(buffer[6:10]) == bytes(4)
        and bytes(buffer[15:18]) == bytes(3)
    ),
    open=open_bmp,
)
ICON: Final = Format(
    name="icon",
    title="Windows icon or cursor",
    family="document",
    specification="https://learn.microsoft.com/en-us/previous-versions/ms997538(v=msdn.10)",
    limitations="bitmaps of other than their exact size stay unexplained",
    recognise=_is_icon,
    open=open_icon,
)
RIFF: Final = Format(
    name="riff",
    title="RIFF: WebP, WAV, AVI",
    family="document",
    specification="https://www.rfc-editor.org/rfc/rfc9649",
    limitations="coded data is not decoded; sound and other chunks are children",
    recognise=lambda buffer, _: bytes(buffer[:4]) == b"RIFF" and bytes(buffer[8:12]) in _RIFF_KINDS,
    open=open_riff,
)

"""VCDIFF deltas (RFC 3284) with the extensions of xdelta3.

Guarantees: every window is decoded with bounded memory; addresses, lengths and section
sizes are held against what remains; a window's Adler-32, where it has one, is compared.
The base is the content of the baseline that makes the first window's checksum right, or,
without a checksum, the only one that fits (``bases``). Secondary compression with LZMA is
decoded; DJW and FGK are named.

Specification: RFC 3284; the xdelta3 extensions: application header (VCD_APPHEADER) and
window checksum (VCD_ADLER32).

Not checked: application-defined code tables (section 7) are refused by name.
"""

from __future__ import annotations

import hashlib
import lzma
import zlib
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.delta import bases
from fwverify.unpack.gather import Gathered
from fwverify.unpack.given import Base
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "vcdiff"
MAGIC: Final = b"\xd6\xc3\xc4\x00"
MAX_WINDOW_BYTES: Final = 64 * 1024 * 1024
MAX_WINDOWS: Final = 1_000_000
_DECOMPRESS, _CODE_TABLE, _APP_HEADER = 1, 2, 4
_SOURCE, _TARGET, _ADLER32 = 1, 2, 4
_LZMA: Final = 2
MAX_APPLICATION_BYTES: Final = 1024
"""xdelta3 writes two file names and two names of compressors."""

_SECONDARY: Final = {1: "DJW", 2: "LZMA", 16: "FGK"}
_ADD, _RUN, _COPY = 1, 2, 3
_NEAR, _SAME = 4, 3
_NO_BASE: Final = Base(path="", sha256=hashlib.sha256().hexdigest(), size=0)

Half = tuple[int, int, int]
"""One instruction of a code: kind (0: none), size (0: follows), mode."""


def _code_table() -> tuple[tuple[Half, Half], ...]:
    """Return the default instruction code table (section 5.6)."""
    none: Half = (0, 0, 0)
    table: list[tuple[Half, Half]] = [((_RUN, 0, 0), none)]
    table += [((_ADD, size, 0), none) for size in range(18)]
    for mode in range(9):
        table.append(((_COPY, 0, mode), none))
        table += [((_COPY, size, mode), none) for size in range(4, 19)]
    for mode in range(6):
        for add in range(1, 5):
            table += [((_ADD, add, 0), (_COPY, size, mode)) for size in range(4, 7)]
    for mode in range(6, 9):
        table += [((_ADD, add, 0), (_COPY, 4, mode)) for add in range(1, 5)]
    table += [((_COPY, 4, mode), (_ADD, 1, 0)) for mode in range(9)]
    return tuple(table)


_TABLE: Final = _code_table()


def number(reader: Reader, field: str) -> int:
    """Return the integer at the cursor: 7 bits a byte, highest first (section 2)."""
    value = 0
    for _ in range(10):
        byte = reader.u8(field)
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value
    raise Malformed(reader.offset, field, "an integer of more than 10 bytes")


class Header(Struct, frozen=True):
    """The file header. ``application`` is xdelta3's, which names the files."""

    end: int
    secondary: int
    application: bytes


def read_header(buffer: Buffer) -> Header:
    """Return the header. Raises ``Malformed``."""
    reader = Reader(buffer)
    reader.expect(MAGIC, "vcdiff.magic")
    indicator = reader.u8("vcdiff.hdr_indicator")
    if indicator & ~(_DECOMPRESS | _CODE_TABLE | _APP_HEADER):
        raise Malformed(4, "vcdiff.hdr_indicator", f"{indicator:#04x}")
    secondary = reader.u8("vcdiff.secondary") if indicator & _DECOMPRESS else 0
    if indicator & _CODE_TABLE:
        raise Malformed(4, "vcdiff.hdr_indicator", "an own code table is not supported")
    application = b""
    if indicator & _APP_HEADER:
        size = number(reader, "vcdiff.app_header")
        reader.count(size, 1, "vcdiff.app_header")
        if size > MAX_APPLICATION_BYTES:
            raise Malformed(reader.offset, "vcdiff.app_header", f"{size} bytes")
        application = reader.take(size, "vcdiff.app_header")
    return Header(reader.offset, secondary, application)


class Window(Struct, frozen=True):
    """One window. ``segment`` is offset and size of its source, None without one."""

    start: int
    end: int
    segment: tuple[int, int] | None
    from_target: bool
    size: int
    packed: int
    adler32: int | None
    sections: tuple[tuple[int, int], ...]


def read_windows(buffer: Buffer, at: int) -> list[Window]:
    """Return every window's frame up to the end. Raises ``Malformed``."""
    reader = Reader(buffer, at)
    windows: list[Window] = []
    while reader.remaining:
        if len(windows) >= MAX_WINDOWS:
            raise Malformed(reader.offset, "vcdiff.window", f"more than {MAX_WINDOWS}")
        windows.append(_read_window(reader))
    return windows


def _read_window(reader: Reader) -> Window:
    start = reader.offset
    indicator = reader.u8("vcdiff.win_indicator")
    both = indicator & (_SOURCE | _TARGET)
    if indicator & ~7 or both == _SOURCE | _TARGET:
        raise Malformed(start, "vcdiff.win_indicator", f"{indicator:#04x}")
    segment = None
    if both:
        size = number(reader, "vcdiff.source_size")
        segment = (number(reader, "vcdiff.source_position"), size)
    length = number(reader, "vcdiff.delta_length")
    reader.count(length, 1, "vcdiff.delta_length")
    end = reader.offset + length
    target = number(reader, "vcdiff.target_size")
    if max(target, segment[1] if segment else 0) > MAX_WINDOW_BYTES:
        raise Malformed(start, "vcdiff.target_size", f"{target} bytes in one window")
    packed = reader.u8("vcdiff.delta_indicator")
    sizes = [number(reader, "vcdiff.section_size") for _ in range(3)]
    adler32 = reader.u32be("vcdiff.adler32") if indicator & _ADLER32 else None
    sections = []
    for size in sizes:
        sections.append((reader.offset, reader.offset + size))
        reader.skip(size, "vcdiff.section")
    if reader.offset != end or packed > 7:
        raise Malformed(start, "vcdiff.delta_length", f"{length} is not that of its parts")
    from_target = both == _TARGET
    return Window(start, end, segment, from_target, target, packed, adler32, tuple(sections))


class _Secondary:
    """xdelta3's LZMA: one stream per kind of section, over all windows."""

    def __init__(self) -> None:
        self._streams = [lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << 28) for _ in range(3)]

    def unpack(self, kind: int, data: bytes, at: int) -> bytes:
        reader, stream = Reader(data), self._streams[kind]
        size = number(reader, "vcdiff.section.unpacked_size")
        if size > MAX_WINDOW_BYTES:
            raise Malformed(at, "vcdiff.section.unpacked_size", f"{size}")
        try:
            result = stream.decompress(data[reader.offset :], size)
            more = b"" if stream.eof or stream.needs_input else stream.decompress(b"", 1)
        except (lzma.LZMAError, EOFError) as error:
            raise Malformed(at, "vcdiff.section", str(error)) from error
        if more or stream.unused_data:
            raise Malformed(at, "vcdiff.section", f"holds more than {size} bytes")
        if len(result) != size:
            raise Malformed(at, "vcdiff.section", f"{len(result)} of {size} bytes")
        return result


class _Cache:
    """The address caches of section 5.3."""

    def __init__(self) -> None:
        self._near = [0] * _NEAR
        self._same = [0] * (_SAME * 256)
        self._next = 0

    def address(self, mode: int, here: int, reader: Reader) -> int:
        if mode >= _NEAR + 2:
            value = self._same[(mode - _NEAR - 2) * 256 + reader.u8("vcdiff.address")]
        else:
            value = number(reader, "vcdiff.address")
            if mode == 1:
                value = here - value
            elif mode:
                value += self._near[mode - 2]
        self._near[self._next] = value
        self._next = (self._next + 1) % _NEAR
        self._same[value % (_SAME * 256)] = value
        return value


def decode_window(
    buffer: Buffer, window: Window, segment: bytes, secondary: _Secondary | None
) -> bytes:
    """Return the target of one window. Raises ``Malformed``."""
    parts = []
    for kind, (low, high) in enumerate(window.sections):
        data = bytes(buffer[low:high])
        if window.packed >> kind & 1:
            if secondary is None:
                raise Malformed(window.start, "vcdiff.delta_indicator", "nothing is compressed")
            data = secondary.unpack(kind, data, low)
        parts.append(data)
    target = _run(window, segment, parts[0], Reader(parts[1]), Reader(parts[2]))
    if window.adler32 is not None and zlib.adler32(target) != window.adler32:
        raise Malformed(window.start, "vcdiff.adler32", "is not that of the window")
    return bytes(target)


def _run(
    window: Window, segment: bytes, data: bytes, codes: Reader, addresses: Reader
) -> bytearray:
    cache, target, taken = _Cache(), bytearray(), 0
    while codes.remaining:
        for kind, fixed, mode in _TABLE[codes.u8("vcdiff.instruction")]:
            if not kind:
                continue
            size = fixed or number(codes, "vcdiff.size")
            if size > window.size - len(target):
                raise Malformed(window.start, "vcdiff.size", f"{size} bytes are too many")
            if kind == _COPY:
                at = cache.address(mode, len(segment) + len(target), addresses)
                _copy(window, segment, target, at, size)
                continue
            need = size if kind == _ADD else 1
            if taken + need > len(data):
                raise Malformed(window.start, "vcdiff.data", "ends early")
            target += data[taken : taken + size] if kind == _ADD else data[taken : taken + 1] * size
            taken += need
    if len(target) != window.size or taken != len(data) or addresses.remaining:
        raise Malformed(window.start, "vcdiff.target_size", f"{len(target)} of {window.size}")
    return target


def _copy(window: Window, segment: bytes, target: bytearray, at: int, size: int) -> None:
    """Append ``size`` bytes from ``at`` of segment and target; a copy may overlap itself."""
    if not 0 <= at < len(segment) + len(target):
        raise Malformed(window.start, "vcdiff.address", f"{at}")
    from_segment = segment[at : at + size]
    target += from_segment
    size -= len(from_segment)
    start = max(0, at - len(segment))
    while size:
        piece = target[start : start + size]
        target += piece
        size -= len(piece)


def decode(buffer: Buffer, header: Header, windows: list[Window], old: Buffer) -> Iterator[bytes]:
    """Yield the target of every window. Raises ``Malformed``."""
    secondary = _Secondary() if header.secondary == _LZMA else None
    for window in windows:
        segment = b""
        if window.segment is not None:
            low, size = window.segment
            if low + size > len(old):
                raise Malformed(window.start, "vcdiff.source_position", f"{low}+{size}")
            segment = bytes(old[low : low + size])
        yield decode_window(buffer, window, segment, secondary)


def open_vcdiff(source: Source) -> Opened:
    """Return the new content. Raises ``Malformed`` for a broken header or window frame."""
    header = read_header(source.buffer)
    windows = read_windows(source.buffer, header.end)
    found = Gathered(source, NAME)
    found.claim(0, header.end)
    if header.application:
        found.attribute("application_header", header.application.decode("utf-8", "replace"))
    compressed = any(each.packed for each in windows)
    if compressed and header.secondary != _LZMA:
        name = _SECONDARY.get(header.secondary, f"compressor {header.secondary}")
        found.trouble("format.unsupported", f"secondary compression {name}")
        return bases.finish(found, used=False)
    if any(each.from_target for each in windows):
        found.trouble("format.unsupported", "windows that copy from the target (VCD_TARGET)")
        return bases.finish(found, used=False)
    return _apply(found, header, windows)


def _apply(found: Gathered, header: Header, windows: list[Window]) -> Opened:
    needed = max((sum(each.segment) for each in windows if each.segment), default=0)
    checked = all(each.adler32 is not None for each in windows)
    if not needed:  # compressed only: everything is in the delta
        fitting: tuple[Base, ...] = (_NO_BASE,)
    else:
        fitting = _fitting(found, header, windows, needed, checked=checked)
    if len(fitting) != 1:
        have = f"{len(fitting)} contents of the baseline fit" if fitting else "none is here"
        name = _old_name(header)
        text = f"needs an old content {name} of at least {needed} bytes: {have}"
        found.trouble("delta.base", " ".join(text.split()))
        return bases.finish(found, used=bool(found.source.given.bases))
    whole = bases.apply_to(
        found,
        fitting[0],
        lambda old: decode(found.buffer, header, windows, old),
        proven="its Adler-32 is right" if checked or not needed else "",
    )
    if whole:
        found.claim(header.end, found.source.size, "extracted")
    return bases.finish(found, used=bool(needed))


def _fitting(
    found: Gathered, header: Header, windows: list[Window], needed: int, *, checked: bool
) -> tuple[Base, ...]:
    """Return the bases that the first window with a source accepts."""
    fitting = bases.named_like(bases.distinct(found.source.given.bases, needed), _old_name(header))
    if not checked or len(fitting) > bases.MAX_TRIED:
        return fitting
    return tuple(each for each in fitting if _accepts(found, header, windows, each))


def _accepts(found: Gathered, header: Header, windows: list[Window], base: Base) -> bool:
    """Return whether ``base`` makes the windows right up to the first that reads it."""
    with found.source.store.view(base.sha256) as old:
        try:
            decoded = decode(found.buffer, header, windows, old)
            for window in windows:
                next(decoded)
                if window.segment is not None:
                    return True
        except (Malformed, LimitHit):
            return False
    return False


def _old_name(header: Header) -> str:
    """Return the source's name in xdelta3's application header: target//source/."""
    parts = header.application.decode("utf-8", "replace").split("/")
    return parts[2] if len(parts) > 2 else ""


VCDIFF: Final = Format(
    name=NAME,
    title="VCDIFF delta (xdelta3)",
    family="delta",
    specification="https://www.rfc-editor.org/rfc/rfc3284",
    limitations="no own code tables, no VCD_TARGET, no DJW or FGK secondary compression",
    recognise=lambda buffer, _: bytes(buffer[:4]) == MAGIC,
    open=open_vcdiff,
)

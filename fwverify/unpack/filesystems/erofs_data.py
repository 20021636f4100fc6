"""EROFS: where a file's content stands, and its decompression.

Guarantees: a file's content is exactly as long as its inode says; every extent lies in
the image and is bounded before it is decoded; LZ4, MicroLZMA, deflate and Zstandard
streams must give as many bytes as their extent covers.

Specification: EROFS documentation, "Core On-disk Format" (flat and chunk-based data) and
"Compressed Data"; MicroLZMA: XZ Utils, lzma/container.h, ``lzma_microlzma_encoder``.

Not checked: LZ4 without zero padding (kernels before 5.4) is not supported: where such a
stream ends is not written anywhere.
"""

from __future__ import annotations

import bisect
import lzma
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

import lz4.block
import zstandard
from msgspec import Struct

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.filesystems.erofs_layout import (
    CHUNKS,
    COMPRESSED_COMPACT,
    COMPRESSED_FULL,
    INLINE,
    ZERO_PADDING,
    Inode,
    Superblock,
    read_inode,
)
from fwverify.unpack.filesystems.runs import Run

MAX_EXTENT_BYTES: Final = 16 * 1024 * 1024
MAX_CLUSTERS: Final = 1 << 22
_HOLE: Final = 0xFFFF_FFFF
_INDEXES: Final = 0x20
_TWO_BYTES, _BIG_1, _BIG_2, _INLINED, _INTERLACED, _FRAGMENT = 1, 2, 4, 8, 16, 32
_PLAIN, _HEAD1, _NONHEAD, _HEAD2 = range(4)
_BLOCK_COUNT: Final = 1 << 11
_PARTIAL: Final = 1 << 15
_ALGORITHMS: Final = ("lz4", "microlzma", "deflate", "zstd")
_DICTIONARY_BYTES: Final = 8 * 1024 * 1024


class Unsupported(Exception):
    """Sound content that this reader does not read; the text names what."""


class Extent(Struct, frozen=True):
    """``length`` bytes of content at ``logical``, packed in ``[start, end)``.

    ``algorithm`` is a name, or ``plain``, ``interlaced`` or ``fragment`` (then ``start``
    is an offset in the packed inode). ``partial`` streams hold more than is used.
    """

    logical: int
    length: int
    algorithm: str
    start: int
    end: int
    partial: bool


class Map(Struct, frozen=True):
    """The extents of a compressed file; ``[start, end)`` are header and indexes."""

    extents: tuple[Extent, ...]
    start: int
    end: int


def flat_runs(superblock: Superblock, inode: Inode) -> list[Run]:
    """Return the runs of a flat file; an inline tail stands behind the inode.

    Raises ``Malformed`` when the tail leaves the inode's block.
    """
    block = superblock.block
    start = inode.place << superblock.block_bits
    if inode.layout != INLINE:
        return [Run(start, inode.size)]
    whole = max(0, (inode.size - 1) // block * block)
    tail = inode.size - whole
    if inode.end % block + tail > block:
        raise Malformed(inode.at, "erofs.inode.inline", f"a tail of {tail} bytes leaves its block")
    return [Run(start, whole), Run(inode.end, tail)] if whole else [Run(inode.end, tail)]


def chunk_runs(superblock: Superblock, buffer: Buffer, inode: Inode) -> tuple[list[Run], int, int]:
    """Return a chunk-based file's runs, and where its map starts and ends.

    Raises ``Malformed``, and ``Unsupported`` for chunks on other devices.
    """
    form = inode.place & 0xFFFF
    chunk = 1 << (superblock.block_bits + (form & 0x1F))
    width = 8 if form & _INDEXES else 4
    start = (inode.end + width - 1) & ~(width - 1)
    count = -(-inode.size // chunk)
    if form >> 6 or count > MAX_CLUSTERS:
        raise Malformed(inode.at + 16, "erofs.inode.chunk_format", f"{form:#x}, {count} chunks")
    table = Reader(buffer).peek(start, width * count, "erofs.chunks")
    runs = []
    for index in range(count):
        entry = table[index * width : (index + 1) * width]
        device = int.from_bytes(entry[2:4], "little") if width == 8 else 0
        block = int.from_bytes(entry[-4:], "little")
        if device and block != _HOLE:
            raise Unsupported(f"a chunk on device {device}")
        length = min(chunk, inode.size - index * chunk)
        runs.append(Run(None if block == _HOLE else block << superblock.block_bits, length))
    return runs, start, start + len(table)


# --- maps of compressed files --------------------------------------------------------


class _Cluster(Struct, frozen=True):
    """One logical cluster. ``low`` is an offset for heads, a distance or count else."""

    kind: int
    low: int
    block: int
    partial: bool


def read_map(superblock: Superblock, buffer: Buffer, inode: Inode) -> Map:
    """Return the map of a compressed file. Raises ``Malformed`` and ``Unsupported``."""
    start = (inode.end + 7) & ~7
    head = Reader(buffer).peek(start, 8, "erofs.map")
    low, advise, algorithms, bits = struct.unpack("<IHBB", head)
    if bits >> 7:
        offset = int.from_bytes(head, "little") ^ 1 << 63
        whole = Extent(0, inode.size, "fragment", offset, offset + inode.size, partial=True)
        return Map((whole,), start, start + 8)
    if advise >> 6:
        raise Unsupported(f"a map with the flags {advise:#x}")
    lcluster_bits = superblock.block_bits + (bits & 7)
    count = -(-inode.size // (1 << lcluster_bits))
    if count > MAX_CLUSTERS:
        raise Malformed(inode.at, "erofs.inode.size", f"{count} clusters")
    big = bool(advise & (_BIG_1 | _BIG_2))
    if inode.layout == COMPRESSED_COMPACT:
        clusters, end = _compact(buffer, start + 8, count, lcluster_bits, advise, big)
    else:
        clusters, end = _full(buffer, start + 16, count)
    return _extents(
        superblock, inode, clusters, (start, end), low, advise, algorithms, lcluster_bits
    )


def _full(buffer: Buffer, start: int, count: int) -> tuple[list[_Cluster], int]:
    table = Reader(buffer).peek(start, 8 * count, "erofs.indexes")
    clusters = []
    for advise, offset, block in struct.iter_unpack("<HHI", table):
        kind = advise & 3
        low = block & 0xFFFF if kind == _NONHEAD else offset
        clusters.append(_Cluster(kind, low, block, bool(advise & _PARTIAL)))
    return clusters, start + len(table)


def _compact(
    buffer: Buffer, start: int, count: int, bits: int, advise: int, big: bool
) -> tuple[list[_Cluster], int]:
    """Return the clusters of packed indexes and the offset behind the last pack."""
    first = (32 - start % 32) // 4 & 7
    middle = 0
    if advise & _TWO_BYTES and first < count:
        middle = (count - first) // 16 * 16
    if bits > 14 or (middle and bits > 12):
        raise Malformed(start, "erofs.indexes", f"packed with clusters of {bits} bits")
    clusters: list[_Cluster] = []
    position = start
    for until, packed, size in ((first, 2, 8), (first + middle, 16, 32), (count, 2, 8)):
        while len(clusters) < min(until, count):
            pack = Reader(buffer).peek(position, size, "erofs.indexes")
            clusters += _pack(pack, packed, bits, big)[: count - len(clusters)]
            position += size
    return clusters, position


def _pack(pack: bytes, count: int, bits: int, big: bool) -> list[_Cluster]:
    """Return the clusters of one pack: equal fields of bits, then a block number.

    The blocks of the heads follow each other from that number on.
    """
    width = (len(pack) - 4) * 8 // count
    low_bits = max(bits, 12)
    stream = int.from_bytes(pack[:-4], "little")
    block = int.from_bytes(pack[-4:], "little")
    fields = [stream >> (width * index) & ((1 << width) - 1) for index in range(count)]
    decoded = [(field >> low_bits & 3, field & ((1 << low_bits) - 1)) for field in fields]
    result = []
    for index, (kind, low) in enumerate(decoded):
        here = block + (0 if big else 1)
        result.append(_Cluster(kind, low, here, partial=False))
        if kind == _NONHEAD:
            if big and low & _BLOCK_COUNT:
                block += low & ~_BLOCK_COUNT
        elif not big:
            block += 1
        else:
            following = decoded[index + 1] if index + 1 < count else (_NONHEAD, _BLOCK_COUNT)
            counted = following[0] == _NONHEAD and following[1] & _BLOCK_COUNT
            block += 0 if counted else 1
    return result


def _extents(
    superblock: Superblock,
    inode: Inode,
    clusters: list[_Cluster],
    place: tuple[int, int],
    low: int,
    advise: int,
    algorithms: int,
    bits: int,
) -> Map:
    """Return the extents between the heads. Raises ``Malformed`` where they do not fit."""
    heads = [index for index, each in enumerate(clusters) if each.kind != _NONHEAD]
    starts = [(index << bits) + clusters[index].low for index in heads]
    while starts and starts[-1] >= inode.size:  # a head at the end of the file marks it
        starts.pop()
        heads.pop()
    if inode.size and (not heads or starts[0] != 0):
        raise Malformed(place[0], "erofs.indexes", "the first cluster is no head")
    extents: list[Extent] = []
    map_end = place[1]
    for number, index in enumerate(heads):
        each, logical = clusters[index], starts[number]
        last = number + 1 == len(heads)
        length = (inode.size if last else starts[number + 1]) - logical
        if length < 0 or each.low >= 1 << bits or length > MAX_EXTENT_BYTES:
            raise Malformed(place[0], "erofs.indexes", f"an extent of {length} bytes")
        name = _algorithm(each, advise, algorithms)
        start = each.block << superblock.block_bits
        end = start + (
            _blocks(clusters, index, advise, bits - superblock.block_bits) << superblock.block_bits
        )
        if last and advise & _FRAGMENT:
            name, start, end = "fragment", low, low + length
        elif last and advise & _INLINED and low >> 16:
            start, end = map_end, map_end + (low >> 16)
        if length:
            extents.append(Extent(logical, length, name, start, end, each.partial))
    return Map(tuple(extents), *place)


def _algorithm(cluster: _Cluster, advise: int, algorithms: int) -> str:
    if cluster.kind == _PLAIN:
        return "interlaced" if advise & _INTERLACED else "plain"
    number = algorithms & 15 if cluster.kind == _HEAD1 else algorithms >> 4
    if number >= len(_ALGORITHMS):
        raise Unsupported(f"compression {number}")
    return _ALGORITHMS[number]


def _blocks(clusters: list[_Cluster], index: int, advise: int, extra_bits: int) -> int:
    """Return how many blocks the extent that starts at cluster ``index`` takes."""
    big = advise & (_BIG_2 if clusters[index].kind == _HEAD2 else _BIG_1)
    if big and index + 1 < len(clusters):
        following = clusters[index + 1]
        if following.kind == _NONHEAD and following.low & _BLOCK_COUNT:
            return max(1, following.low & (_BLOCK_COUNT - 1))
    return 1 << extra_bits


# --- content -------------------------------------------------------------------------


def unpack_extent(packed: bytes, extent: Extent, superblock: Superblock) -> bytes:
    """Return the content of one extent. Raises ``Malformed`` and ``Unsupported``."""
    name, length = extent.algorithm, extent.length
    if name == "plain":
        data = packed[:length]
    elif name == "interlaced":
        skip = extent.logical % superblock.block
        data = (packed[skip:] + packed[:skip])[:length]
    else:
        if name == "lz4" and not superblock.incompat & ZERO_PADDING:
            raise Unsupported("LZ4 without zero padding")
        data = _decompress(packed.lstrip(b"\0"), extent)
    if len(data) != length:
        raise Malformed(extent.start, f"erofs.{name}", f"{len(data)} of {length} bytes")
    return data


def _decompress(packed: bytes, extent: Extent) -> bytes:
    room = min(MAX_EXTENT_BYTES, 255 * len(packed) + 64) if extent.partial else extent.length
    try:
        data = _DECODERS[extent.algorithm](packed, room, extent.length)
    except (
        lz4.block.LZ4BlockError, lzma.LZMAError, zlib.error, zstandard.ZstdError, EOFError,
        ValueError,
    ) as error:  # fmt: skip
        raise Malformed(extent.start, f"erofs.{extent.algorithm}", str(error)) from error
    return data[: extent.length] if extent.partial else data


def _lz4(packed: bytes, room: int, length: int) -> bytes:
    del length
    data: bytes = lz4.block.decompress(packed, uncompressed_size=room)
    return data


def _microlzma(packed: bytes, room: int, length: int) -> bytes:
    """Decode MicroLZMA: the first byte holds the inverted properties for LZMA's zero."""
    del room
    properties = packed[0] ^ 0xFF if packed else 0xFF
    if properties >= 225:
        raise ValueError(f"properties {properties:#x}")
    options = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": _DICTIONARY_BYTES,
        "lc": properties % 9,
        "lp": properties // 9 % 5,
        "pb": properties // 45,
    }
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[options])
    return decoder.decompress(b"\0" + packed[1:], length)


def _deflate(packed: bytes, room: int, length: int) -> bytes:
    del length
    return zlib.decompressobj(-15).decompress(packed, room)


def _zstd(packed: bytes, room: int, length: int) -> bytes:
    del length
    decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    return decoder.decompress(packed, max_output_size=room)


_DECODERS: Final[dict[str, Callable[[bytes, int, int], bytes]]] = {
    "lz4": _lz4,
    "microlzma": _microlzma,
    "deflate": _deflate,
    "zstd": _zstd,
}


class Packed:
    """Reads pieces of the packed inode, which holds the ends of many files."""

    def __init__(self, superblock: Superblock, buffer: Buffer) -> None:
        self._superblock = superblock
        self._buffer = buffer
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        self._map: Map | None = None
        self._runs: list[Run] | None = None
        self._size = 0

    def read(self, start: int, length: int) -> bytes:
        """Return ``length`` bytes of it. Raises ``Malformed`` and ``Unsupported``."""
        if self._map is None and self._runs is None:
            self._prepare()
        if not 0 <= start <= self._size - length or length > MAX_EXTENT_BYTES:
            raise Malformed(0, "erofs.fragment", f"[{start}, {start + length}) of {self._size}")
        if self._map is None:
            return self._flat(start, length)
        extents = self._map.extents
        at = bisect.bisect_right([each.logical for each in extents], start) - 1
        result = b""
        while len(result) < length:
            data = self._extent(extents[at])
            low = start + len(result) - extents[at].logical
            result += data[low : low + length - len(result)]
            at += 1
        return result

    def _prepare(self) -> None:
        inode = read_inode(self._superblock, self._buffer, self._superblock.packed)
        self._size = inode.size
        if inode.layout in (COMPRESSED_FULL, COMPRESSED_COMPACT):
            self._map = read_map(self._superblock, self._buffer, inode)
            if any(each.algorithm == "fragment" for each in self._map.extents):
                raise Malformed(inode.at, "erofs.fragment", "the packed inode refers to itself")
        elif inode.layout == CHUNKS:
            raise Unsupported("a packed inode in chunks")
        else:
            self._runs = flat_runs(self._superblock, inode)

    def _flat(self, start: int, length: int) -> bytes:
        result, position = b"", 0
        for run in self._runs or ():
            low, high = max(start, position), min(start + length, position + run.length)
            if run.start is not None and low < high:
                at = run.start + low - position
                result += Reader(self._buffer).peek(at, high - low, "erofs.fragment")
            position += run.length
        return result

    def _extent(self, extent: Extent) -> bytes:
        data = self._cache.get(extent.logical)
        if data is None:
            size = extent.end - extent.start
            packed = Reader(self._buffer).peek(extent.start, size, "erofs.extent")
            data = unpack_extent(packed, extent, self._superblock)
            self._cache[extent.logical] = data
            if len(self._cache) > 4:
                self._cache.popitem(last=False)
        return data


def content(
    superblock: Superblock, buffer: Buffer, extents: tuple[Extent, ...], packed: Packed
) -> Iterator[bytes]:
    """Yield a compressed file's content. Raises ``Malformed`` and ``Unsupported``."""
    for extent in extents:
        if extent.algorithm == "fragment":
            left, at = extent.length, extent.start
            while left:
                step = min(left, 1 << 20)
                yield packed.read(at, step)
                left, at = left - step, at + step
            continue
        raw = Reader(buffer).peek(extent.start, extent.end - extent.start, "erofs.extent")
        yield unpack_extent(raw, extent, superblock)

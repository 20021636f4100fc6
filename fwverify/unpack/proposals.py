"""Places where content may begin: binwalk's proposals and those of an own table.

Guarantees: the own table always runs, so that what binwalk misses is still looked at and
machines without its wheel (Linux arm64) carve too. binwalk reads hostile bytes in a
process of its own with a deadline, because some of its signatures can loop for ever
(a truncated bzip2 stream does in 0.0.3): then its proposals are lost, that is a problem,
and the rest goes on. Signatures whose formats the own table holds are not asked of it.

binwalk scans a copy of what it is given and refuses a map, hence the windows; they
overlap by more than any header it looks at.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import struct
import time
from typing import Any, Final

from fwverify.model import Problem
from fwverify.reader import Buffer
from fwverify.unpack.source import LimitHit

WINDOW_BYTES: Final = 8 * 1024 * 1024
OVERLAP_BYTES: Final = 1024 * 1024
MAX_HITS: Final = 1_000_000
_BASE_SECONDS: Final = 10
_BYTES_PER_SECOND: Final = 8 * 1024 * 1024
_LEFT_OUT: Final = ("bzip2", "gzip", "lzma", "png", "xz", "zlib")
_FINISHED: Final = struct.Struct("<Q").pack(0xFFFFFFFFFFFFFFFF)

_MAGICS: Final[tuple[tuple[bytes, int], ...]] = (
    # magic, its distance from the start of the content
    (b"PK\x03\x04", 0),
    (b"\x1f\x8b\x08", 0),
    (b"BZh", 0),
    (b"\xfd7zXZ\x00", 0),
    (b"\x28\xb5\x2f\xfd", 0),
    (b"\x04\x22\x4d\x18", 0),
    (b"070701", 0),
    (b"070702", 0),
    (b"070707", 0),
    (b"!<arch>\n", 0),
    (b"ustar", 257),
    (b"\x7fELF", 0),
    (b"MZ", 0),
    (b"\x89PNG\r\n\x1a\n", 0),
    (b"hsqs", 0),
    (b"\x1e\xf1\xee\x0b", 0),
    (b"7z\xbc\xaf\x27\x1c", 0),
    (b"MSCF\x00\x00\x00\x00", 0),
    (b"ANDROID!", 0),
    (b"VNDRBOOT", 0),
    (b"\x3a\xff\x26\xed\x01\x00", 0),
    (b"CrAU\x00\x00\x00\x00", 0),
    (b"AVB0\x00\x00\x00\x01", 0),
    (b"\xd7\xb7\xab\x1e", 0),
    (b"gDla\x34\x00\x00\x00", 4096),
    (b"dex\n0", 0),
    (b"BSDIFF40", 0),
    (b"BSDF2", 0),
    (b"\xd6\xc3\xc4\x00", 0),
    (b"\x00ZCK1", 0),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0),
    (b"\xef\xbe\xad\xdeNullsoftInst", 4),
    (b"MSWIM\x00\x00\x00", 0),
    (b"Rar!\x1a\x07", 0),
    (b"\x02\x21\x4c\x18", 0),
    (b"_FVH", 0x28),
    (b"\xd0\x0d\xfe\xed", 0),
    (b"\x27\x05\x19\x56", 0),
    (b"\x3d\xb8\xf3\x96", 0),
    (b"\xeb\x17\xa6\x03\x08\x00\x00\x00", 0),
    (b"vbf_version", 0),
    (b"UF2\n\x57\x51\x5d\x9e", 0),
    (b"DfuSe\x01", 0),
    (b"UBI#\x01\x00\x00\x00", 0),
    (b"\x31\x18\x10\x06", 0),
    (b"\x85\x19\x01\xe0", 0),
    (b"\x85\x19\x02\xe0", 0),
    (b"\x85\x19\x03\x20\x0c\x00\x00\x00", 0),
    (b"\x19\x85\xe0\x01", 0),
    (b"\x19\x85\xe0\x02", 0),
    (b"\x19\x85\x20\x03\x00\x00\x00\x0c", 0),
    (b"\x89LZO\x00\r\n\x1a\n", 0),
    (b"\xed\xab\xee\xdb", 0),
    (b"LZIP\x01", 0),
    (b"%PDF-", 0),
    (b"SQLite format 3\x00", 0),
    (b"\xff\xd8\xff", 0),
    (b"GIF87a", 0),
    (b"GIF89a", 0),
    (b"RIFF", 0),
    (b"EFI PART\x00\x00\x01\x00", 512),
    (b"QFI\xfb", 0),
    (b"KDMV", 0),
    (b"vhdxfile", 0),
    (b"conectix", 0),
    (b"\xe2\xe1\xf5\xe0", 1024),
    (b"Compressed ROMFS", 16),
    (b"-rom1fs-", 0),
    (b"\x01CD001\x01\x00", 0x8000),
    (b"NTFS    ", 3),
    (b"EXFAT   ", 3),
)
_DISTANCE: Final = dict(_MAGICS)
_ANY_MAGIC: Final = re.compile(b"|".join(re.escape(magic) for magic, _ in _MAGICS))


def by_magic(whole: memoryview, start: int, end: int) -> frozenset[int]:
    """Return where content may begin in ``[start, end)`` by the own table.

    Raises ``LimitHit`` past the bound on hits.
    """
    result: set[int] = set()
    for count, match in enumerate(_ANY_MAGIC.finditer(whole[start:end])):
        if count >= MAX_HITS:
            raise LimitHit("carving", f"more than {MAX_HITS} magics")
        offset = start + match.start() - _DISTANCE[match[0]]
        if offset >= start:
            result.add(offset)
    return frozenset(result)


def by_binwalk(
    buffer: Buffer, areas: list[tuple[int, int]]
) -> tuple[frozenset[int], list[Problem]]:
    """Return binwalk's proposals inside ``areas``; none, without a problem, without it."""
    scanner = _scanner()
    if scanner is None:
        return frozenset(), []
    seconds = _BASE_SECONDS + sum(end - start for start, end in areas) // _BYTES_PER_SECOND
    return _apart(scanner, buffer, areas, seconds)


def _scanner() -> Any:
    """Return binwalk's scanner, or None where its wheel does not exist (Linux arm64)."""
    try:
        import pybinwalk
    except ImportError:
        return None
    return pybinwalk.Binwalk.configure(exclude=list(_LEFT_OUT))


def _apart(
    scanner: Any, buffer: Buffer, areas: list[tuple[int, int]], seconds: float
) -> tuple[frozenset[int], list[Problem]]:
    """Scan in a forked process; what it wrote until it ended or ``seconds`` passed."""
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError as error:
        os.close(reading)
        os.close(writing)
        return frozenset(), [_trouble(f"binwalk could not be started: {error.strerror}")]
    if child == 0:
        _scan_and_exit(scanner, buffer, areas, writing)
    os.close(writing)
    try:
        answer = _read_until(reading, time.monotonic() + seconds)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
    finished = answer.endswith(_FINISHED)
    body = answer.removesuffix(_FINISHED)
    offsets = frozenset(value for (value,) in struct.iter_unpack("<Q", body[: len(body) & ~7]))
    if finished:
        return offsets, []
    return offsets, [_trouble("binwalk crashed or did not end on this content")]


def _trouble(what: str) -> Problem:
    text = f"{what}; places were proposed by the own table alone"
    return Problem(code="tool.binwalk", path="", text=text)


def _scan_and_exit(
    scanner: Any, buffer: Buffer, areas: list[tuple[int, int]], writing: int
) -> None:
    """Write the offset of each proposal; never return into the parent's code."""
    try:
        with open(writing, "wb") as answers:
            for start, end in areas:
                for low in range(start, end, WINDOW_BYTES - OVERLAP_BYTES):
                    window = bytes(buffer[low : min(low + WINDOW_BYTES, end)])
                    answers.writelines(
                        struct.pack("<Q", low + each.offset) for each in scanner.scan_bytes(window)
                    )
                    answers.flush()
            answers.write(_FINISHED)
    finally:
        os._exit(0)


def _read_until(reading: int, deadline: float) -> bytes:
    answer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            piece = os.read(reading, 1 << 16)
            if not piece:
                break
            answer += piece
    return bytes(answer)

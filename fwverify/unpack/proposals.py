"""Places where content may begin: binwalk's proposals and those of an own table.

Guarantees: the own table always runs, so that what binwalk misses is still looked at and
machines without its wheel (Linux arm64) carve too; YARA looks for its magics, eight
times as fast as a regular expression does. binwalk reads hostile bytes in a process of
its own with a deadline, because some of its signatures can loop for ever (a truncated
bzip2 stream does in 0.0.3): then its proposals are lost, that is a problem, and the rest
goes on. That process serves one worker, is begun at its first use and again after a
failure, and gets the bytes through shared memory. Signatures whose formats the own table
holds are not asked of it.

binwalk scans a copy of what it is given and refuses a map, hence the windows; they
overlap by more than any header it looks at.
"""

from __future__ import annotations

import functools
import os
import selectors
import signal
import struct
import time
from collections.abc import Iterator
from typing import Any, Final

import yara

from fwverify.model import Problem
from fwverify.reader import Buffer
from fwverify.sandbox import die_with_parent
from fwverify.unpack.source import LimitHit

WINDOW_BYTES: Final = 8 * 1024 * 1024
OVERLAP_BYTES: Final = 1024 * 1024
MAX_HITS: Final = 1_000_000
_BASE_SECONDS: Final = 10
_BYTES_PER_SECOND: Final = 8 * 1024 * 1024
_LEFT_OUT: Final = ("bzip2", "gzip", "lzma", "png", "xz", "zlib")
_NUMBER: Final = struct.Struct("<Q")
_FINISHED: Final = _NUMBER.pack(0xFFFFFFFFFFFFFFFF)

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
_LONGEST: Final = max(len(magic) for magic, _ in _MAGICS)


def prepare() -> None:
    """Compile the own table and set binwalk up, once for all workers."""
    _magic_rules()
    _scanner()


def by_magic(whole: memoryview, start: int, end: int) -> frozenset[int]:
    """Return where content may begin in ``[start, end)`` by the own table.

    Raises ``LimitHit`` past the bound on hits.
    """
    result: set[int] = set()
    count = 0
    for low in range(start, end, WINDOW_BYTES):
        high = min(low + WINDOW_BYTES + _LONGEST - 1, end)
        for at, distance in _hits(whole[low:high]):
            count += at < WINDOW_BYTES
            if count > MAX_HITS:
                raise LimitHit("carving", f"more than {MAX_HITS} magics")
            if low + at - distance >= start:
                result.add(low + at - distance)
    return frozenset(result)


def _hits(window: memoryview) -> Iterator[tuple[int, int]]:
    """Yield where a magic stands in ``window``, and its distance from its content's start.

    Raises ``LimitHit`` where YARA counts no further.
    """
    crowded: list[str] = []

    def note(kind: int, told: Any) -> int:
        if kind == yara.CALLBACK_TOO_MANY_MATCHES:
            crowded.append(told.string)
        return int(yara.CALLBACK_CONTINUE)

    for match in _magic_rules().match(data=window, warnings_callback=note):
        for found in match.strings:
            distance = _MAGICS[int(found.identifier[2:])][1]
            for instance in found.instances:
                yield instance.offset, distance
    if crowded:
        raise LimitHit("carving", f"one magic stands too often: {crowded[0]}")


@functools.cache
def _magic_rules() -> yara.Rules:
    """Return the table as one rule; string ``$m7`` is its eighth row."""
    strings = "\n".join(f"$m{at} = {{ {magic.hex()} }}" for at, (magic, _) in enumerate(_MAGICS))
    return yara.compile(source=f"rule magics {{ strings: {strings} condition: any of them }}")


def by_binwalk(
    buffer: Buffer, areas: list[tuple[int, int]]
) -> tuple[frozenset[int], list[Problem]]:
    """Return binwalk's proposals inside ``areas``; none, without a problem, without it."""
    scanner = _scanner()
    if scanner is None:
        return frozenset(), []
    seconds = _BASE_SECONDS + sum(end - start for start, end in areas) // _BYTES_PER_SECOND
    with memoryview(buffer) as whole:
        return _scan(scanner, whole, areas, seconds)


@functools.cache
def _scanner() -> Any:
    """Return binwalk's scanner, or None where its wheel does not exist (Linux arm64)."""
    try:
        import pybinwalk
    except ImportError:
        return None
    return pybinwalk.Binwalk.configure(exclude=list(_LEFT_OUT))


class _Apart:
    """The process that runs binwalk for this worker.

    A window lies in ``shared``; a request is its length, the answer the offsets found in
    it and ``_FINISHED``.
    """

    def __init__(self, scanner: Any) -> None:
        self._shared = os.memfd_create("fwverify-window")
        asked, self._ask = os.pipe()
        self._answer, answered = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            _serve_and_exit(scanner, self._shared, asked, answered)
        os.close(asked)
        os.close(answered)

    def scan(self, window: memoryview, deadline: float) -> tuple[list[int], bool]:
        """Return the offsets found in ``window`` and whether it was scanned to its end."""
        try:
            os.ftruncate(self._shared, 0)
            _write_all(self._shared, window)
            os.write(self._ask, _NUMBER.pack(len(window)))
        except OSError:  # it died, or there is no memory: nothing was scanned
            return [], False
        answer = _read_until(self._answer, deadline)
        body = answer.removesuffix(_FINISHED)
        offsets = [value for (value,) in _NUMBER.iter_unpack(body[: len(body) & ~7])]
        return offsets, answer.endswith(_FINISHED)

    def end(self) -> None:
        """Kill the process and let go of what it shared."""
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        for handle in (self._shared, self._ask, self._answer):
            os.close(handle)


_apart: list[_Apart] = []
"""The process in use; empty before the first use and after a failure."""


def _write_all(handle: int, data: memoryview) -> None:
    at = 0
    while at < len(data):
        at += os.pwrite(handle, data[at:], at)


def _scan(
    scanner: Any, whole: memoryview, areas: list[tuple[int, int]], seconds: float
) -> tuple[frozenset[int], list[Problem]]:
    """Scan ``areas`` apart; what was found until that failed or ``seconds`` passed."""
    found: set[int] = set()
    deadline = time.monotonic() + seconds
    try:
        if not _apart:
            _apart.append(_Apart(scanner))
    except OSError as error:
        return frozenset(), [_trouble(f"binwalk could not be started: {error.strerror}")]
    for start, end in areas:
        for low in range(start, end, WINDOW_BYTES - OVERLAP_BYTES):
            offsets, finished = _apart[0].scan(whole[low : min(low + WINDOW_BYTES, end)], deadline)
            found.update(low + offset for offset in offsets)
            if not finished:
                _apart.pop().end()
                return frozenset(found), [
                    _trouble("binwalk crashed or did not end on this content")
                ]
    return frozenset(found), []


def _trouble(what: str) -> Problem:
    text = f"{what}; places were proposed by the own table alone"
    return Problem(code="tool.binwalk", path="", text=text)


def _serve_and_exit(scanner: Any, shared: int, asked: int, answered: int) -> None:
    """Answer requests until the worker is gone; never return into the parent's code."""
    try:
        die_with_parent()
        with open(asked, "rb", buffering=0) as requests, open(answered, "wb") as answers:
            while request := requests.read(_NUMBER.size):
                (size,) = _NUMBER.unpack(request)
                window = os.pread(shared, size, 0)
                answers.writelines(_NUMBER.pack(each.offset) for each in scanner.scan_bytes(window))
                answers.write(_FINISHED)
                answers.flush()
    finally:
        os._exit(0)


def _read_until(reading: int, deadline: float) -> bytes:
    answer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            piece = os.read(reading, 1 << 16)
            answer += piece
            if not piece or answer.endswith(_FINISHED):
                break
    return bytes(answer)

"""Archives opened with 7-Zip: 7z, CAB.

Guarantees: names, sizes and modes come from 7-Zip's listing, contents from one run of
``7zz x -so`` whose output is cut by the listed sizes, in order; no name is passed back
and nothing is written to disk but the store's blobs. A content whose CRC-32 is listed
and differs is dropped. Every complaint of 7-Zip, every byte more or less than listed, a
missing 7-Zip and encryption that no given password opens are problems: the blob is INCOMPLETE.

Byte classes are this project's own (``sevenzip_layout``).

Specification: that of each format; 7-Zip 25.01 or later does the decoding.

Not checked: alternate streams, deleted files, resource forks, and names in code pages
other than UTF-8, which 7-Zip may have replaced.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from fwverify.model import Entry, Opened, Problem, Region
from fwverify.paths import encode_name
from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack import claims
from fwverify.unpack.external import ToolFailed, run_tool, stream_tool
from fwverify.unpack.sevenzip_layout import (
    CAB_MAGIC,
    SEVENZIP_MAGIC,
    Layout,
    cab_layout,
    cab_signature,
    sevenzip_layout,
)
from fwverify.unpack.sevenzip_tool import (
    DEBIAN_PACKAGE,
    NO_PASSWORD,
    Item,
    Tool,
    locate,
    parse_items,
)
from fwverify.unpack.source import Format, LimitHit, Source, partition

MAX_LISTING_BYTES: Final = 256 * 1024 * 1024
MAX_LINK_BYTES: Final = 65_536
_SIGNED_TAIL: Final = [b"WARNINGS:", b"There are data after the end of archive"]
_PROMPT: Final = re.compile(rb"\n?\nEnter password \(will not be echoed\):\n")


@dataclass(frozen=True)
class Kind:
    """A format as 7-Zip calls it.

    ``layout`` reads the structure of a kind that has its own module: it gets the entries
    as far as they came out and raises ``Malformed``.
    """

    name: str
    type_name: str
    layout: Callable[[Source, tuple[Entry, ...]], Layout] | None = None


@dataclass
class _Notes:
    """What is collected while one archive is read; private to a call of ``open_kind``."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    password: bytes | None = field(default=None, repr=False)
    """Fed to 7-Zip's standard input, where it asks for one; never an argument."""

    @property
    def options(self) -> tuple[str, ...]:
        """The option that keeps 7-Zip from asking, where there is no password."""
        return (NO_PASSWORD,) if self.password is None else ()

    @property
    def feed(self) -> bytes:
        """What stands on 7-Zip's standard input."""
        return b"" if self.password is None else self.password + b"\n"

    def problem(self, code: str, text: str, name: bytes = b"") -> None:
        """Record why something was not read."""
        path = encode_name(name) if name else ""
        self.problems.append(Problem(code=code, path=path, text=text))


def open_kind(source: Source, kind: Kind) -> Opened:
    """Return what 7-Zip finds in the blob."""
    tool = locate()
    if tool is None:
        notes, regions = _Notes(), tuple[Region, ...]()
        text = f"7-Zip 25.01 or later is missing; Debian's package is {DEBIAN_PACKAGE}"
        notes.problem("tool.missing", text)
    else:
        notes, regions = _unlocked(source, tool, kind)
    return Opened(
        format=kind.name,
        size=source.size,
        regions=partition(source.buffer, claims.resolve(regions)),
        entries=tuple(notes.entries),
        complete=not notes.problems,
        given=notes.password is not None,
        problems=tuple(notes.problems),
    )


def _unlocked(source: Source, tool: Tool, kind: Kind) -> tuple[_Notes, tuple[Region, ...]]:
    """Return what is read without a password, else with the first given one that fits."""
    notes, regions = _read(source, tool, kind, None)
    secrets = source.given.of_kind("password")
    if not _is_encrypted(notes) or not secrets:
        return notes, regions
    bytes_left, files_left = source.budget.bytes_left, source.budget.files_left
    for secret in secrets:
        if b"\n" in secret.values["password"]:
            continue
        tried, found = _read(source, tool, kind, secret.values["password"])
        if not _is_encrypted(tried):
            return tried, found
        source.budget.bytes_left, source.budget.files_left = bytes_left, files_left
    notes.problem("encrypted", "no password that was given opens it")
    return notes, regions


def _is_encrypted(notes: _Notes) -> bool:
    return any(problem.code == "encrypted" for problem in notes.problems)


def _read(
    source: Source, tool: Tool, kind: Kind, password: bytes | None
) -> tuple[_Notes, tuple[Region, ...]]:
    notes = _Notes(password=password)
    path = blob_path(source)
    items, headers_bytes = _list(source, tool, kind, path, notes)
    _extract(source, tool, kind, path, items, notes)
    return notes, _regions(source, kind, items, headers_bytes, notes)


def blob_path(source: Source) -> Path:
    """Return the file in the store that holds the blob, written there if need be."""
    digest = hashlib.sha256()
    for at in range(0, source.size, CHUNK_BYTES):
        digest.update(source.buffer[at : at + CHUNK_BYTES])
    name = digest.hexdigest()
    if name not in source.store:
        with source.store.writer() as writer:
            for at in range(0, source.size, CHUNK_BYTES):
                writer.write(bytes(source.buffer[at : at + CHUNK_BYTES]))
            writer.commit()
    return source.store.path(name)


# --- listing -----------------------------------------------------------------------


def _list(
    source: Source, tool: Tool, kind: Kind, path: Path, notes: _Notes
) -> tuple[tuple[Item, ...], int]:
    """Return the items and the size of the headers, as far as 7-Zip says them."""
    outputs = []
    for options in ((), ("-ba",)):
        result = run_tool(
            (
                tool.path,
                "l",
                "-slt",
                "-sccUTF-8",
                f"-t{kind.type_name}",
                *notes.options,
                *options,
                "--",
                str(path),
            ),
            deadline_seconds=source.limits.open_seconds,
            memory_bytes=source.limits.memory_bytes,
            output_limit_bytes=MAX_LISTING_BYTES,
            feed=notes.feed,
        )
        outputs.append(_PROMPT.sub(b"", result.stdout, count=1))
        if result.failure:
            said = (result.stderr + b"\n" + result.stdout[:4096]).replace(bytes(path), b"")
            _complain(notes, said, result.failure)
            break
    head, items = outputs[0], outputs[1] if len(outputs) > 1 else b""
    signed = kind is CAB and cab_signature(source.buffer) is not None
    _warnings(head, notes, signed=signed)
    try:
        return parse_items(items), _headers_bytes(head)
    except Malformed as error:
        notes.problem("format.malformed", str(error))
        return (), 0


def _headers_bytes(head: bytes) -> int:
    """Return ``Headers Size`` of the archive's own lines, which a comment cannot forge."""
    own = head.partition(b"\n----------\n")[0].partition(b"\nComment =")[0]
    for line in own.splitlines():
        if line.startswith(b"Headers Size = ") and line[15:].isdigit():
            return int(line[15:])
    return 0


def _warnings(head: bytes, notes: _Notes, *, signed: bool) -> None:
    """Turn the warning and error lines before the first item into problems.

    ``signed`` says that what follows the archive is its signature and nothing else.
    """
    own = head.partition(b"\n----------\n")[0]
    lines = own.splitlines()
    for index, line in enumerate(lines):
        if line.strip() in (b"ERRORS:", b"WARNINGS:") and index + 1 < len(lines):
            if signed and lines[index : index + 3] == [*_SIGNED_TAIL, *_physical(lines, index)]:
                continue  # the signature of a signed cabinet: its place is known
            _complain(notes, lines[index + 1], "status")


def _physical(lines: list[bytes], index: int) -> list[bytes]:
    """Return the line behind the first warning where no second warning stands there."""
    return [line for line in lines[index + 2 : index + 3] if line.startswith(b"Physical Size = ")]


def _complain(notes: _Notes, text: bytes, failure: str) -> None:
    """Record one complaint of 7-Zip; what speaks of passwords is encryption."""
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines()]
    banner = ("7-Zip", "locale=")
    telling = [line for line in lines if len(line) > 9 and not any(x in line for x in banner)]
    wanted = [line for line in telling if "ERROR" in line.upper() or "CANNOT" in line.upper()]
    shown = (wanted or telling or [failure])[0][:300]
    if "encrypted" in text.decode("utf-8", "replace").lower():
        notes.problem("encrypted", "the archive is encrypted")
    elif failure in ("deadline", "output"):
        notes.problem(f"limit.{failure}", f"7-Zip was stopped: {failure}")
    else:
        code = "truncated" if "Unexpected end" in shown else "format.malformed"
        notes.problem(code, f"7-Zip: {shown}")


# --- content -----------------------------------------------------------------------


class Pieces:
    """Cuts a stream of pieces into contents of known sizes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def take(self, size_bytes: int) -> Iterator[bytes]:
        """Yield the next ``size_bytes``, or fewer where the stream ends."""
        left = size_bytes
        while left:
            if not self._rest:
                self._rest = next(self._pieces, b"")
                if not self._rest:
                    return
            piece, self._rest = self._rest[:left], self._rest[left:]
            left -= len(piece)
            yield piece

    def behind(self) -> bool:
        """Return whether anything is left; reads on to the stream's end or next piece."""
        return bool(self._rest) or bool(next(self._pieces, b""))


def _extract(
    source: Source,
    tool: Tool,
    kind: Kind,
    path: Path,
    items: tuple[Item, ...],
    notes: _Notes,
) -> None:
    """Record every item; contents come from one stream, cut by the listed sizes."""
    encrypted = [item for item in items if item.encrypted and notes.password is None]
    for item in encrypted:
        notes.problem("encrypted", "the content is encrypted", item.name)
    total = sum(item.size for item in items if item.streamed)
    if encrypted or not items or total > source.budget.bytes_left:
        if total > source.budget.bytes_left:
            notes.problem("limit.bytes_out", f"{total} bytes are listed")
        notes.entries.extend(_entry(item) for item in items)
        return
    options = ("-so", "-snl-", f"-t{kind.type_name}", *notes.options)
    command = (tool.path, "x", *options, "--", str(path))
    stream = stream_tool(
        command,
        deadline_seconds=source.limits.open_seconds,
        memory_bytes=source.limits.memory_bytes,
        output_limit_bytes=total + CHUNK_BYTES,
        feed=notes.feed,
    )
    pieces = Pieces(stream)
    done = 0
    try:
        for item in items:
            notes.entries.append(_content(source, item, pieces, notes))
            done += 1
        if pieces.behind():
            notes.problem("format.malformed", "7-Zip gave more bytes than it lists")
    except ToolFailed as error:
        _complain(notes, error.result.stderr.replace(bytes(path), b""), error.result.failure)
    except LimitHit as error:
        notes.problem(f"limit.{error.name}", str(error))
    notes.entries.extend(_entry(item) for item in items[done:])


def _content(source: Source, item: Item, pieces: Pieces, notes: _Notes) -> Entry:
    """Take one item's bytes off the stream; return its entry.

    Raises ``LimitHit`` and ``ToolFailed``.
    """
    if not item.streamed:
        return _entry(item)
    if item.kind != "file":
        data = b"".join(pieces.take(min(item.size, MAX_LINK_BYTES)))
        for _ in pieces.take(item.size - len(data)):
            notes.problem("format.malformed", f"a {item.kind} of {item.size} bytes", item.name)
        return _entry(item, link=(item.link or data) if item.kind == "symlink" else None)
    checksum = 0

    def counted() -> Iterator[bytes]:
        nonlocal checksum
        for piece in pieces.take(item.size):
            checksum = zlib.crc32(piece, checksum)
            yield piece

    digest, size = source.put_stream(counted())
    if size != item.size:
        notes.problem("format.malformed", f"{size} of {item.size} bytes came out", item.name)
        return _entry(item)
    if item.crc is not None and item.crc != checksum:
        notes.problem("format.malformed", "the content's CRC does not hold", item.name)
        return _entry(item)
    return _entry(item, digest)


def _entry(item: Item, digest: str | None = None, link: bytes | None = None) -> Entry:
    return Entry(
        name=item.name,
        kind=item.kind,
        sha256=digest,
        size=item.size if item.kind == "file" else None,
        mode=item.mode,
        uid=item.uid,
        gid=item.gid,
        mtime=item.mtime,
        link=link if link is not None else item.link,
    )


# --- bytes -------------------------------------------------------------------------


def _regions(
    source: Source, kind: Kind, items: tuple[Item, ...], headers_bytes: int, notes: _Notes
) -> tuple[Region, ...]:
    """Return the claims; an archive with any problem keeps its packed data unexplained."""
    try:
        if kind.layout is not None:
            layout = kind.layout(source, tuple(notes.entries))
        elif kind is SEVENZIP:
            packed = sum(item.packed for item in items)
            layout = sevenzip_layout(source.buffer, packed, headers_bytes)
        else:
            layout = cab_layout(source.buffer)
    except Malformed as error:
        notes.problem("truncated" if error.past_end else "format.malformed", str(error))
        layout = Layout(())
    if notes.problems:
        return tuple(region for region in layout.regions if region.kind == "parsed")
    if layout.complaint:
        notes.problem("format.malformed", layout.complaint)
    data = [(item.start, item.end) for item in layout.regions if item.kind == "extracted"]
    for index, entry in enumerate(notes.entries):
        if entry.kind == "file" and entry.size:
            extents = claims.union(data)
            notes.entries[index] = msgspec.structs.replace(entry, extents=extents)
    return layout.regions


# --- formats -----------------------------------------------------------------------

SEVENZIP: Final = Kind("7z", "7z")
CAB: Final = Kind("cab", "Cab")


def _is_7z(buffer: Buffer, name: str) -> bool:
    del name
    return bytes(buffer[:6]) == SEVENZIP_MAGIC


def _is_cab(buffer: Buffer, name: str) -> bool:
    del name
    return bytes(buffer[:8]) == CAB_MAGIC + bytes(4)


def sevenzip_format(
    kind: Kind, title: str, specification: str, recognise: Callable[[Buffer, str], bool]
) -> Format:
    """Return the format that 7-Zip opens as ``kind``."""
    return Format(
        name=kind.name,
        title=title,
        family="archive",
        specification=specification,
        limitations="opened with 7-Zip; multi-volume archives are incomplete, and encrypted ones "
        "without their password",
        recognise=recognise,
        open=lambda source: open_kind(source, kind),
    )


SEVENZIP_FORMATS: Final[tuple[Format, ...]] = (
    sevenzip_format(
        SEVENZIP, "7z archive", "https://py7zr.readthedocs.io/en/latest/archive_format.html", _is_7z
    ),
    sevenzip_format(
        CAB,
        "Microsoft cabinet",
        "https://learn.microsoft.com/en-us/previous-versions/bb417343(v=msdn.10)",
        _is_cab,
    ),
)

"""Intel HEX and Motorola S-record files.

Guarantees: every line is a record with the right length and checksum, blank, or left
unexplained and named by its number; each run of consecutive addresses is a child named
``@0x<address>``; a record that writes an address again becomes part of a further child
of that address, so that neither version is lost; a file without its end record is
INCOMPLETE; what stands behind the end record is unexplained.

Specification: Intel, "Hexadecimal Object File Format Specification", revision A, 1988
(record types 00 to 05); Motorola, "M68000 Family Programmer's Reference", appendix C
(S0 to S9).

Read in two ways, and therefore observed: a file in which a segment base (02) and a linear
base (04) that are not zero meet, since some programs add both (GNU binutils), and data
across the end of the first 64 KiB, which those of 16 bits continue at its start.

Not checked: that addresses exist in any device. The bytes of a valid data record are
claimed as extracted with its address, checksum and line end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, Literal, TypeAlias

from msgspec import Struct, field

from fwverify.model import Entry, Observation, Opened, Problem, Region
from fwverify.reader import Buffer, Malformed
from fwverify.unpack import claims
from fwverify.unpack.claims import Range
from fwverify.unpack.source import Format, LimitHit, Source, partition

MAX_FILE_BYTES: Final = 512 * 1024 * 1024
MAX_SEGMENTS: Final = 8192
"""Real images have under a hundred; thousands of one-byte islands are an attack."""

MAX_LAYERS: Final = 16
"""How often one address may be written before the rest is left unexamined."""

_MAX_REPORTED: Final = 32
_HEAD_BYTES: Final = 16_384
_HEAD_LINES: Final = 16
_LINE: Final = re.compile(rb"([^\r\n]*)[\r\n]*")
_HEX: Final = re.compile(rb"^[0-9A-Fa-f]+$")
_BLANK: Final = b" \t\x1a"

Kind: TypeAlias = Literal["data", "end", "base", "start", "header", "count"]


class Record(Struct, frozen=True):
    """One valid record. ``address`` is as written; ``data`` what follows it."""

    kind: Kind
    address: int
    data: bytes
    wraps: bool = False


def parse_intel(line: bytes) -> Record | None:
    """Return the record in ``line`` (without its line end), None when it is none.

    The checksum makes the sum of all bytes zero modulo 256.
    """
    if line[:1] != b":" or len(line) < 11 or len(line) % 2 == 0 or not _HEX.match(line[1:]):
        return None
    raw = bytes.fromhex(line[1:].decode("ascii"))
    if len(raw) != raw[0] + 5 or sum(raw) & 0xFF:
        return None
    address, kind, data = int.from_bytes(raw[1:3], "big"), raw[3], raw[4:-1]
    if kind == 0:
        return Record("data", address, data)
    if kind == 1 and not data:
        return Record("end", address, data)
    if kind in (2, 4) and len(data) == 2:
        shift = 4 if kind == 2 else 16
        return Record("base", int.from_bytes(data, "big") << shift, data, wraps=kind == 2)
    if kind in (3, 5) and len(data) == 4:
        return Record("start", int.from_bytes(data, "big"), data)
    return None


_SREC_ADDRESS_BYTES: Final = {0: 2, 1: 2, 2: 3, 3: 4, 5: 2, 6: 3, 7: 4, 8: 3, 9: 2}


def parse_srec(line: bytes) -> Record | None:
    """Return the record in ``line`` (without its line end), None when it is none.

    The checksum is the ones' complement of the sum of count, address and data.
    """
    digits = line[2:]
    if line[:1] != b"S" or not line[1:2].isdigit() or len(digits) % 2 or not _HEX.match(digits):
        return None
    kind, raw = int(line[1:2]), bytes.fromhex(digits.decode("ascii"))
    width = _SREC_ADDRESS_BYTES.get(kind)
    if width is None or len(raw) != raw[0] + 1 or raw[0] < width + 1 or sum(raw) & 0xFF != 0xFF:
        return None
    address, data = int.from_bytes(raw[1 : 1 + width], "big"), raw[1 + width : -1]
    if kind == 0:
        return Record("header", address, data)
    if kind in (1, 2, 3):
        return Record("data", address, data)
    if data:
        return None
    return Record("count" if kind in (5, 6) else "end", address, data)


Parse: TypeAlias = Callable[[bytes], Record | None]


class Written(Struct, frozen=True):
    """Bytes a record writes: where, what, and the line they come from."""

    address: int
    data: bytes
    lines: Range


class _Scan(Struct):
    """What is collected while one file is read; private to a call of ``_open``."""

    written: list[Written] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    bad_lines: list[tuple[int, int]] = field(default_factory=list)
    headers: list[Record] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    base: int = 0
    wraps: bool = False
    based: set[bool] = field(default_factory=set)
    short: bool = False
    ambiguous: int | None = None
    end: Range | None = None
    behind_end: int | None = None


def _lines(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (start, end with line ends, stripped text) of every line."""
    for match in _LINE.finditer(data):
        if match.start() < match.end():
            yield match.start(), match.end(), match.group(1).strip(_BLANK)


def _scan(data: bytes, parse: Parse) -> _Scan:
    scan = _Scan(short=parse is parse_intel)
    number = 0
    for start, end, text in _lines(data):
        number += 1
        if not text:
            scan.regions.append(Region(start=start, end=end, kind="parsed"))
            continue
        if scan.end is not None:
            scan.behind_end = start if scan.behind_end is None else scan.behind_end
            continue
        record = parse(text)
        if record is None or not _take(scan, record, (start, end)):
            scan.bad_lines.append((number, start))
            continue
        kind: Literal["extracted", "parsed"] = "extracted" if record.data else "parsed"
        kept = kind if record.kind in ("data", "header") else "parsed"
        scan.regions.append(Region(start=start, end=end, kind=kept))
    return scan


def _take(scan: _Scan, record: Record, lines: Range) -> bool:
    """Apply one record; return False when its address cannot be."""
    if record.kind == "base":
        scan.base, scan.wraps = record.address, record.wraps
        scan.based |= {record.wraps} if record.address else set()
        _doubt(scan, lines, doubtful=len(scan.based) > 1)
    elif record.kind == "end":
        scan.end = lines
        scan.starts.append(record.address)
    elif record.kind == "start":
        scan.starts.append(record.address)
    elif record.kind == "count":
        scan.counts.append(record.address)
    elif record.kind == "header":
        scan.headers.append(record)
    else:
        end = record.address + len(record.data)
        if (scan.wraps and end > 0x1_0000) or scan.base + end > 1 << 32:
            return False
        _doubt(scan, lines, doubtful=scan.short and not scan.base and end > 0x1_0000)
        if record.data:
            scan.written.append(Written(scan.base + record.address, record.data, lines))
    return True


def _doubt(scan: _Scan, lines: Range, *, doubtful: bool) -> None:
    """Keep the first line from which on addresses are read in two ways."""
    if doubtful and scan.ambiguous is None:
        scan.ambiguous = lines[0]


def image_of(data: bytes, kind: Literal["intel-hex", "srec"]) -> tuple[tuple[Written, ...], ...]:
    """Return the runs of consecutive addresses that the file writes, in address order.

    For a reader that must know the one memory image: raises ``Malformed`` where a line is no
    record, an address is written twice or may be two, or the end record is missing or not
    the last.
    """
    scan = _scan(data, parse_intel if kind == "intel-hex" else parse_srec)
    if scan.bad_lines:
        number, at = scan.bad_lines[0]
        raise Malformed(at, f"{kind}.line", f"{number} is no valid record")
    if scan.end is None or scan.behind_end is not None:
        raise Malformed(
            scan.behind_end or len(data), f"{kind}.end", "the end record is not the last"
        )
    if scan.ambiguous is not None:
        raise Malformed(scan.ambiguous, f"{kind}.address", "is read in two ways from here on")
    first, doubled = _one_layer(scan.written)
    if doubled:
        at = doubled[0].lines[0]
        raise Malformed(at, f"{kind}.address", f"{doubled[0].address:#010x} is written twice")
    return segments(tuple(first))


# --- segments ----------------------------------------------------------------------


def layers(written: list[Written]) -> tuple[tuple[Written, ...], ...]:
    """Return ``written`` in layers within which no address is written twice.

    The first layer takes what comes first; what would write an address again goes to
    the next. At most ``MAX_LAYERS`` + 1; the last may still hold doubles.
    """
    result: list[tuple[Written, ...]] = []
    rest = written
    while rest and len(result) < MAX_LAYERS:
        kept, doubled = _one_layer(rest)
        result.append(tuple(kept))
        rest = doubled
    if rest:
        result.append(tuple(rest))
    return tuple(result)


def _one_layer(written: list[Written]) -> tuple[list[Written], list[Written]]:
    """Split off, in address order, what overlaps an earlier kept record."""
    order = sorted(range(len(written)), key=lambda index: (written[index].address, index))
    keep: list[int] = []
    drop: set[int] = set()
    for index in order:
        item = written[index]
        while keep:
            last = written[keep[-1]]
            if last.address + len(last.data) <= item.address or keep[-1] in drop:
                break
            if keep[-1] < index:  # the earlier line stays
                drop.add(index)
                break
            drop.add(keep.pop())
        if index not in drop:
            keep.append(index)
    doubled = [written[index] for index in sorted(drop)]
    return [written[index] for index in keep], doubled


def segments(layer: tuple[Written, ...]) -> tuple[tuple[Written, ...], ...]:
    """Return the runs of consecutive addresses of one layer, in address order."""
    runs: list[list[Written]] = []
    for item in sorted(layer, key=lambda item: (item.address, item.lines)):
        if runs and runs[-1][-1].address + len(runs[-1][-1].data) == item.address:
            runs[-1].append(item)
        else:
            runs.append([item])
    return tuple(tuple(run) for run in runs)


def _store_segments(
    source: Source, found: tuple[tuple[Written, ...], ...], entries: list[Entry]
) -> None:
    """Append an entry for each run. Raises ``LimitHit``."""
    for run in found:
        if len(entries) >= MAX_SEGMENTS:
            raise LimitHit("files", f"more than {MAX_SEGMENTS} segments")
        digest, size = source.put_stream(item.data for item in run)
        entries.append(
            Entry(
                name=f"@{run[0].address:#010x}".encode(),
                sha256=digest,
                size=size,
                extents=claims.union(item.lines for item in run),
                generated=True,
                address=run[0].address,
            )
        )


def _open(source: Source, name: str, parse: Parse) -> Opened:
    """Return the segments of one file. Raises ``Malformed`` for an absurd size."""
    if source.size > MAX_FILE_BYTES:
        raise Malformed(0, f"{name}.size", f"{source.size} bytes")
    data = bytes(source.buffer)
    scan = _scan(data, parse)
    stacked = layers(scan.written)
    entries: list[Entry] = []
    problems = _problems(scan, name)
    try:
        for layer in stacked[:MAX_LAYERS]:
            _store_segments(source, segments(layer), entries)
        _store_headers(source, scan, entries)
        if len(stacked) > MAX_LAYERS:
            raise LimitHit("files", f"an address is written more than {MAX_LAYERS} times")
    except LimitHit as error:
        problems.append(Problem(code=f"limit.{error.name}", path="", text=str(error)))
    return Opened(
        format=name,
        size=source.size,
        regions=partition(source.buffer, claims.resolve(_kept(scan, entries))),
        entries=tuple(entries),
        complete=not problems,
        problems=tuple(problems),
        observations=_observations(scan, stacked, name),
        attributes=_attributes(scan),
    )


def _kept(scan: _Scan, entries: list[Entry]) -> list[Region]:
    """Return the claims without data lines that no entry came to hold."""
    held = claims.union(extent for entry in entries for extent in entry.extents)
    data = [(item.start, item.end) for item in scan.regions if item.kind == "extracted"]
    lost = set(claims.subtract(data, held))
    if not lost:
        return scan.regions
    kept = claims.subtract(data, tuple(lost))
    parsed = [region for region in scan.regions if region.kind != "extracted"]
    return [*parsed, *(Region(start=start, end=end, kind="extracted") for start, end in kept)]


def _store_headers(source: Source, scan: _Scan, entries: list[Entry]) -> None:
    """Store what S0 records carry as ``@header``, so that it is searched like a file."""
    content = b"".join(record.data for record in scan.headers)
    if not content:
        return
    digest, size = source.put(content)
    lines = _header_lines(scan)
    entries.append(Entry(name=b"@header", sha256=digest, size=size, extents=lines, generated=True))


def _header_lines(scan: _Scan) -> tuple[Range, ...]:
    """Return the lines claimed as extracted that no written data comes from."""
    data = [(item.start, item.end) for item in scan.regions if item.kind == "extracted"]
    return claims.subtract(data, tuple(item.lines for item in scan.written))


def _problems(scan: _Scan, name: str) -> list[Problem]:
    problems = [
        Problem(code="format.malformed", path="", text=f"line {number}: no valid {name} record")
        for number, _ in scan.bad_lines[:_MAX_REPORTED]
    ]
    if len(scan.bad_lines) > _MAX_REPORTED:
        text = f"{len(scan.bad_lines) - _MAX_REPORTED} more lines are no valid record"
        problems.append(Problem(code="format.malformed", path="", text=text))
    if scan.end is None:
        problems.append(Problem(code="truncated", path="", text="there is no end record"))
    return problems


def _observations(
    scan: _Scan, stacked: tuple[tuple[Written, ...], ...], name: str
) -> tuple[Observation, ...]:
    found: list[Observation] = []
    for number, offset in scan.bad_lines[:_MAX_REPORTED]:
        text = f"line {number} is no valid record (form, length or checksum)"
        found.append(Observation(rule=f"{name}.bad_line", text=text, offset=offset))
    if scan.behind_end is not None:
        text = "text stands behind the end record"
        offset = scan.behind_end
        found.append(Observation(rule=f"{name}.after_end", text=text, offset=offset))
    if scan.ambiguous is not None:
        text = "addresses are read in two ways from here on: two bases, or across 64 KiB"
        found.append(
            Observation(rule=f"{name}.base", text=text, severity="high", offset=scan.ambiguous)
        )
    for item in [item for layer in stacked[1:] for item in layer][:_MAX_REPORTED]:
        text = f"address {item.address:#010x} is written a second time"
        offset = item.lines[0]
        found.append(Observation(rule=f"{name}.overlap", text=text, severity="high", offset=offset))
    if not scan.written:
        found.append(Observation(rule=f"{name}.no_data", text="the file writes no byte"))
    if any(count != len(scan.written) for count in scan.counts):
        text = f"the count record does not say {len(scan.written)}"
        found.append(Observation(rule=f"{name}.count", text=text))
    return tuple(found)


def _attributes(scan: _Scan) -> tuple[tuple[str, str], ...]:
    starts = sorted({start for start in scan.starts if start})
    return tuple(("start_address", f"{start:#010x}") for start in starts)


_ANY_INTEL: Final = re.compile(rb":[0-9A-Fa-f]{10}")
_ANY_SREC: Final = re.compile(rb"S[0-9][0-9A-Fa-f]{8}")
"""What the shortest records hold: contents without it are not looked at line by line."""


def _recognise(buffer: Buffer, parse: Parse, any_record: re.Pattern[bytes]) -> bool:
    """Return whether one of the first lines is a valid record.

    Not only the very first: loaders skip lines they do not know, so a remark on top
    must not turn an image into mere text.
    """
    head = bytes(buffer[:_HEAD_BYTES])
    if any_record.search(head) is None:
        return False
    seen = 0
    for _, _, text in _lines(head):
        if text and parse(text) is not None:
            return True
        seen += 1 if text else 0
        if seen >= _HEAD_LINES:
            return False
    return False


def _recognise_intel(buffer: Buffer, name: str) -> bool:
    del name
    return _recognise(buffer, parse_intel, _ANY_INTEL)


def _recognise_srec(buffer: Buffer, name: str) -> bool:
    del name
    return _recognise(buffer, parse_srec, _ANY_SREC)


def open_intel(source: Source) -> Opened:
    """Return the segments of an Intel HEX file."""
    return _open(source, "intel-hex", parse_intel)


def open_srec(source: Source) -> Opened:
    """Return the segments of a Motorola S-record file."""
    return _open(source, "srec", parse_srec)


INTEL_HEX: Final = Format(
    name="intel-hex",
    title="Intel HEX file",
    family="flash text",
    specification="https://archive.org/details/IntelHEXStandard",
    limitations="text behind the end record is not decoded",
    recognise=_recognise_intel,
    open=open_intel,
)
SREC: Final = Format(
    name="srec",
    title="Motorola S-record file",
    family="flash text",
    specification="https://www.nxp.com/docs/en/reference-manual/M68000PRM.pdf",
    limitations="text behind the end record is not decoded",
    recognise=_recognise_srec,
    open=open_srec,
)

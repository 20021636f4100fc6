"""Text files that describe or carry an ECU's software: A2L, and headers over HEX records.

Guarantees: an A2L file is text like any other, with its project, version and EPK as
identity; a vendor's text header over Intel HEX or S-records (PHF and its kin) is one
child and the records another, which is opened as a file of its own.

Specification: ASAM MCD-2 MC (ASAP2) 1.7; Intel HEX and S-records as in ``hexfiles``.

Not checked: the measurements and characteristics of an A2L file.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.gather import Gathered
from fwverify.unpack.hexfiles import INTEL_HEX, SREC, parse_intel, parse_srec
from fwverify.unpack.leaves import is_text
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.vehicle.prose import claim_text, shown, with_observations

MAX_HEADER_BYTES: Final = 256 * 1024
MAX_A2L_HEAD_BYTES: Final = 1024 * 1024
MIN_RECORDS: Final = 4
MAX_LINE_BYTES: Final = 1024
_A2L: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s|/\*(?:(?!\*/).){0,4096}\*/|//[^\n]{0,512}\n){0,32}"
    rb"(?:ASAP2_VERSION\s+[0-9]|/begin\s+PROJECT\s)",
    re.DOTALL,
)
_PROJECT: Final = re.compile(rb"/begin\s{1,64}PROJECT\s{1,64}([A-Za-z0-9_.\[\]]{1,128})")
_TEXT: Final = rb'\s{1,64}"([^"\r\n]{0,200})"'
_FIELDS: Final = {
    name: re.compile(rb"(?<![A-Za-z0-9_])" + name.encode() + _TEXT)
    for name in ("VERSION", "EPK", "CPU_TYPE", "ECU", "SUPPLIER")
}
_ADDR_EPK: Final = re.compile(rb"(?<![A-Za-z0-9_])ADDR_EPK\s{1,64}(0x[0-9A-Fa-f]{1,16})")
_SEGMENT: Final = re.compile(
    rb'/begin\s{1,64}MEMORY_SEGMENT\s{1,64}([A-Za-z0-9_.]{1,128})\s{1,64}"[^"\r\n]{0,200}"'
    rb"\s{1,64}([A-Z_]{1,32})\s{1,64}([A-Z_]{1,32})\s{1,64}([A-Z_]{1,32})\s{1,64}"
    rb"(0x[0-9A-Fa-f]{1,16})\s{1,64}(0x[0-9A-Fa-f]{1,16})"
)
_MAX_SEGMENTS: Final = 256


def _recognise_a2l(buffer: Buffer, name: str) -> bool:
    del name
    return _A2L.match(bytes(buffer[:16_384])) is not None and is_text(buffer)


def open_a2l(source: Source) -> Opened:
    """Return the text with what it says of the ECU. Raises ``Malformed`` for no text."""
    found = Gathered(source, "a2l")
    observed = claim_text(found, 0, source.size)
    if observed is None:
        raise Malformed(0, "a2l", "is no text")
    head = bytes(source.buffer[:MAX_A2L_HEAD_BYTES])
    said = {key: _first(pattern, head) for key, pattern in _FIELDS.items()}
    for number, match in enumerate(_SEGMENT.finditer(head)):
        if number < _MAX_SEGMENTS:
            found.attribute("memory_segment", b" ".join(match.groups()).decode("ascii"))
    address = _first(_ADDR_EPK, head)
    if address is not None:
        found.attribute("addr_epk", address)
    identity = Identity(
        vendor=said["SUPPLIER"],
        product=_first(_PROJECT, head) or said["ECU"],
        version=said["VERSION"],
        build=said["EPK"],
        arch=said["CPU_TYPE"],
    )
    return with_observations(found.finish(identity=identity), observed)


def _first(pattern: re.Pattern[bytes], head: bytes) -> str | None:
    match = pattern.search(head)
    return shown(match[1].decode("latin-1")) or None if match else None


# --- a text header over records ----------------------------------------------------


def _records_at(buffer: Buffer) -> int | None:
    """Return where the records of a text with a header begin, None where there are none.

    That is the first line from which on ``MIN_RECORDS`` lines are valid records.
    """
    head = bytes(buffer[:MAX_HEADER_BYTES])
    at, start, run = 0, 0, 0
    while at < len(head):
        end = head.find(b"\n", at) + 1 or len(head)
        line = head[at:end].strip()
        if len(line) <= MAX_LINE_BYTES and (parse_intel(line) or parse_srec(line)):
            start, run = (at, 1) if not run else (start, run + 1)
            if run >= MIN_RECORDS:
                return start or None
        elif line:
            run = 0
        at = end
    return None


def _recognise_headed(buffer: Buffer, name: str) -> bool:
    """Return whether records follow a header that the plain formats do not pass over."""
    if not is_text(bytes(buffer[:4096])):
        return False
    if INTEL_HEX.recognise(buffer, name) or SREC.recognise(buffer, name):
        return False
    return _records_at(buffer) is not None


def open_headed(source: Source) -> Opened:
    """Return header and records as children. Raises ``Malformed`` where there are none."""
    start = _records_at(source.buffer)
    if start is None:
        raise Malformed(0, "hex-with-header", "has no records")
    found = Gathered(source, "hex-with-header")
    try:
        for name, low, high in (("@header", 0, start), ("@records", start, source.size)):
            digest, size = source.put_range(low, high)
            found.claim(low, high, "extracted")
            found.add(
                Entry(
                    name=name.encode(),
                    sha256=digest,
                    size=size,
                    extents=((low, high),),
                    stored=True,
                    generated=True,
                )
            )
    except LimitHit as error:
        found.limit(error)
    return found.finish()


A2L: Final = Format(
    name="a2l",
    title="ASAM MCD-2 MC description (A2L)",
    family="vehicle update",
    specification="https://www.asam.net/standards/detail/mcd-2-mc/",
    limitations="identity and memory segments of the first MiB; the rest is text",
    recognise=_recognise_a2l,
    open=open_a2l,
    leaf=True,
)
HEX_WITH_HEADER: Final = Format(
    name="hex-with-header",
    title="vendor's text header over Intel HEX or S-records (PHF and others)",
    family="vehicle update",
    specification="https://archive.org/details/IntelHEXStandard",
    limitations="the header is text; its fields are not interpreted",
    recognise=_recognise_headed,
    open=open_headed,
)

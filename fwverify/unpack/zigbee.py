"""Zigbee over-the-air upgrade files.

Guarantees: the header and every sub-element are read within the sizes they state; each
sub-element's value is a child; bytes before the header (a manufacturer's wrapper) and
behind the stated image are left unexplained and named. A file without the upgrade image
it should carry is said so.

Specification: Zigbee Cluster Library, revision 8, section 11.4 "OTA File Format". All
integers are little-endian.

Not checked: signatures and integrity codes (the verify stage), and whether an image
fits its device.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Identity, Observation, Opened, Problem, Region
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.rawmcu import architecture
from fwverify.unpack.source import Format, LimitHit, Source, partition

NAME: Final = "zigbee-ota"
MAGIC: Final = b"\x1e\xf1\xee\x0b"
MAX_WRAPPER_BYTES: Final = 4096
"""Wrappers seen before the header are under 200 bytes; farther on, carving finds it."""

MAX_ELEMENTS: Final = 1024
_FIXED_BYTES: Final = 56
_MAX_HEADER_BYTES: Final = 1024
_SECURITY_CREDENTIAL, _DESTINATION, _HARDWARE = 1, 2, 4
_TAGS: Final = {
    0x0000: "upgrade-image",
    0x0001: "ecdsa-signature",
    0x0002: "ecdsa-certificate",
    0x0003: "image-integrity-code",
    0x0004: "picture-data",
    0x0005: "ecdsa-signature-2",
    0x0006: "ecdsa-certificate-2",
}
_FIRST_MANUFACTURER_TAG: Final = 0xF000


class Header(Struct, frozen=True):
    """The OTA header. Offsets are absolute; ``total_bytes`` counts from the magic."""

    start: int
    end: int
    version: int
    manufacturer: int
    image_type: int
    file_version: int
    stack_version: int
    text: str
    total_bytes: int
    extras: tuple[tuple[str, str], ...]


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    return _find(buffer) is not None


def _find(buffer: Buffer) -> int | None:
    """Return where a header with a plausible version and length begins."""
    window = bytes(buffer[: MAX_WRAPPER_BYTES + _FIXED_BYTES])
    at = window.find(MAGIC)
    while 0 <= at <= MAX_WRAPPER_BYTES:
        version = window[at + 4 : at + 6]
        length = int.from_bytes(window[at + 6 : at + 8], "little")
        plausible = version == b"\x00\x01" and _FIXED_BYTES <= length <= _MAX_HEADER_BYTES
        if plausible and not (at and _is_constant(buffer, at)):
            return at
        at = window.find(MAGIC, at + 1)
    return None


def _is_constant(buffer: Buffer, at: int) -> bool:
    """Return whether the header is a constant of a program that begins the blob.

    JN518x images hold the header of the file they come in; what it states does not fit
    behind it. A header whose image is there is opened, whatever stands before it.
    """
    total = int.from_bytes(bytes(buffer[at + 52 : at + 56]), "little")
    return at + total > len(buffer) and architecture(buffer) is not None


def read_header(buffer: Buffer, start: int) -> Header:
    """Return the header at ``start``. Raises ``Malformed``."""
    reader = Reader(buffer, start)
    reader.expect(MAGIC, "zigbee.magic")
    version, length, control = reader.unpack("<3H", "zigbee.header")
    manufacturer, image_type = reader.unpack("<2H", "zigbee.header")
    file_version, stack = reader.unpack("<IH", "zigbee.header")
    text = reader.take(32, "zigbee.header.string").split(b"\0", 1)[0]
    total = reader.u32le("zigbee.header.total_image_size")
    extras = _optional_fields(reader, control)
    if reader.offset > start + length or length > _MAX_HEADER_BYTES:
        raise Malformed(start + 6, "zigbee.header.length", f"{length}")
    reader.seek(start + length, "zigbee.header.length")
    return Header(
        start=start,
        end=reader.offset,
        version=version,
        manufacturer=manufacturer,
        image_type=image_type,
        file_version=file_version,
        stack_version=stack,
        text=text.decode("ascii", "backslashreplace"),
        total_bytes=total,
        extras=extras,
    )


def _optional_fields(reader: Reader, control: int) -> tuple[tuple[str, str], ...]:
    """Return the fields that the header's field control announces."""
    extras: list[tuple[str, str]] = []
    if control & _SECURITY_CREDENTIAL:
        extras.append(("security_credential", str(reader.u8("zigbee.security_credential"))))
    if control & _DESTINATION:
        extras.append(("destination", reader.take(8, "zigbee.destination")[::-1].hex()))
    if control & _HARDWARE:
        extras.append(("hardware_min", f"{reader.u16le('zigbee.hardware_min'):#06x}"))
        extras.append(("hardware_max", f"{reader.u16le('zigbee.hardware_max'):#06x}"))
    return tuple(extras)


class _Notes(Struct):
    """What is collected while one file is read; private to a call of ``open_file``."""

    entries: list[Entry]
    regions: list[Region]
    problems: list[Problem]
    observations: list[Observation]

    def problem(self, code: str, text: str, path: str = "") -> None:
        self.problems.append(Problem(code=code, path=path, text=text))

    def observe(self, rule: str, text: str, offset: int) -> None:
        self.observations.append(Observation(rule=rule, text=text, offset=offset))


def open_file(source: Source) -> Opened:
    """Return the sub-elements as children. Raises ``Malformed`` for a broken header."""
    start = _find(source.buffer)
    if start is None:
        raise Malformed(0, "zigbee.magic", "is not there")
    header = read_header(source.buffer, start)
    notes = _Notes([], [Region(start=start, end=header.end, kind="parsed")], [], [])
    _judge_sizes(source, header, notes)
    end = min(source.size, header.start + header.total_bytes)
    try:
        _read_elements(source, Reader(source.buffer, header.end, max(end, header.end)), notes)
    except Malformed as error:
        notes.problem("format.malformed", str(error))
    except LimitHit as error:
        notes.problem(f"limit.{error.name}", str(error))
    if not any(entry.name.startswith(b"tag-0x0000.") for entry in notes.entries):
        notes.observe("zigbee.no_image", "the file has no upgrade image", header.start)
    return Opened(
        format=NAME,
        size=source.size,
        regions=partition(source.buffer, notes.regions),
        entries=tuple(notes.entries),
        identity=Identity(
            vendor=f"{header.manufacturer:#06x}",
            product=f"{header.image_type:#06x}",
            version=f"{header.file_version:#010x}",
            build=header.text or None,
            hardware=_hardware(header),
        ),
        complete=not notes.problems,
        problems=tuple(notes.problems),
        observations=tuple(notes.observations),
        attributes=tuple(
            sorted(
                (
                    *header.extras,
                    ("header_offset", str(header.start)),
                    ("image_end", str(end)),
                    ("stack_version", f"{header.stack_version:#06x}"),
                )
            )
        ),
    )


def _hardware(header: Header) -> str:
    """Return the device that the header names, and its hardware versions where stated."""
    device = f"{header.manufacturer:#06x}:{header.image_type:#06x}"
    extras = dict(header.extras)
    if "hardware_min" not in extras:
        return device
    return f"{device} {extras['hardware_min']}-{extras['hardware_max']}"


def _judge_sizes(source: Source, header: Header, notes: _Notes) -> None:
    """Name bytes before the header and a stated size that the file does not have."""
    have = source.size - header.start
    if header.start:
        text = f"{header.start} bytes stand before the OTA header"
        notes.observe("zigbee.wrapper", text, 0)
    if header.total_bytes > have:
        notes.problem("truncated", f"{have} of {header.total_bytes} bytes are there")
    elif header.total_bytes < have:
        text = f"{have - header.total_bytes} bytes stand behind the stated image"
        notes.observe("zigbee.trailing", text, header.start + header.total_bytes)


def _read_elements(source: Source, reader: Reader, notes: _Notes) -> None:
    """Store each sub-element (tag u16, length u32, value) up to the reader's end."""
    seen: dict[int, int] = {}
    while reader.remaining:
        if sum(seen.values()) >= MAX_ELEMENTS:
            raise Malformed(reader.offset, "zigbee.element", f"more than {MAX_ELEMENTS}")
        at = reader.offset
        tag = reader.u16le("zigbee.element.tag")
        length = reader.u32le("zigbee.element.length")
        reader.count(length, 1, "zigbee.element.length")
        start, end = reader.offset, reader.offset + length
        digest, size = source.put_range(start, end)
        seen[tag] = seen.get(tag, 0) + 1
        if seen[tag] > 1:
            notes.observe("zigbee.duplicate_tag", f"tag {tag:#06x} stands again", at)
        notes.regions.append(Region(start=at, end=start, kind="parsed"))
        notes.regions.append(Region(start=start, end=end, kind="extracted"))
        notes.entries.append(
            Entry(
                name=_name(tag, seen[tag]),
                sha256=digest,
                size=size,
                extents=((start, end),) if size else (),
                stored=True,
                generated=True,
            )
        )
        reader.seek(end)


def _name(tag: int, occurrence: int) -> bytes:
    """Return a sub-element's name; further ones of a tag are numbered from 2."""
    maker = "manufacturer" if tag >= _FIRST_MANUFACTURER_TAG else "reserved"
    number = f".{occurrence}" if occurrence > 1 else ""
    return f"tag-{tag:#06x}{number}.{_TAGS.get(tag, maker)}".encode()


ZIGBEE_OTA: Final = Format(
    name=NAME,
    title="Zigbee OTA upgrade file",
    family="meter update",
    specification="https://zigbeealliance.org/wp-content/uploads/2021/10/07-5123-08-Zigbee-Cluster-Library.pdf",
    limitations="manufacturers' own tags are children as they stand; signatures are not judged",
    recognise=_recognise,
    open=open_file,
)

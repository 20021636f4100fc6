"""UEFI firmware volumes: header, files with their checksums, sections, free space.

Guarantees: the volume's header is proved by its checksum; each file's header checksum and
data checksum are compared; every section of every file is walked (``sections``); free
space and pad files are padding only where they are empty. Bytes behind ``FvLength`` are
left to the next reader, so that flash images with several volumes come apart by carving.

Specification: UEFI Platform Initialization 1.8, volume 3, sections 3.2.1 "Firmware
volume", 3.2.2 "Firmware file system" (FFS2, FFS3). All integers are little-endian.

Not checked: the order in which the files run.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from fwverify.model import Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.parts import chunks, claim_padding, sum16
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.uefi.sections import Sections, guid, read_sections, safe_name
from fwverify.unpack.uefi.variables import read_stores

NAME: Final = "uefi-volume"
MAX_FILES: Final = 20_000
MAX_BLOCK_MAP: Final = 64
_FIXED_BYTES: Final = 56
"""The header up to its block map."""

_FILE_SYSTEMS: Final = {
    "7A9354D9-0468-444A-81CE-0BF617D890DF": 1,
    "8C8CE578-8A3D-4F1C-9935-896185C32DD3": 2,
    "5473C07A-3DCB-4DCA-BD6F-1E9689E7349A": 3,
}
_VARIABLES: Final = "FFF12B8D-7696-4C8B-A985-2747075B4F50"
_APRIORI: Final = (
    "1B45CC0A-156A-428A-AF62-49864DA0E6E6",
    "FC510EE7-FFDC-11D4-BD41-0080C73C8881",
)
MAX_APRIORI_BYTES: Final = 4096
_RAW, _PAD = 0x01, 0xF0
_LARGE, _CHECKSUM = 0x01, 0x40
_NO_CHECKSUM: Final = (0xAA, 0x5A)


class Header(Struct, frozen=True):
    """``EFI_FIRMWARE_VOLUME_HEADER``: offsets from the volume's start."""

    file_system: str
    length: int
    header_end: int
    extended: int
    erased: int
    mapped: bool


def read_header(buffer: Buffer) -> Header:
    """Return the header at offset 0 (3.2.1.1). Raises ``Malformed``."""
    reader = Reader(buffer, 16)
    file_system = guid(reader.take(16, "FileSystemGuid"))
    length = reader.u64le("FvLength")
    reader.expect(b"_FVH", "Signature")
    attributes, header_bytes, _, extended = reader.unpack("<IHHH", "volume header")
    reader.skip(2, "Revision")
    if not 72 <= header_bytes <= 56 + 8 * MAX_BLOCK_MAP or header_bytes > length:
        raise Malformed(48, "HeaderLength", f"{header_bytes} of {length} bytes")
    if sum16(Reader(buffer).peek(0, header_bytes, "volume header")):
        raise Malformed(50, "Checksum", "the header's checksum is wrong")
    mapped = _mapped_bytes(reader, header_bytes) == length
    if length > len(buffer):
        why = f"{length} bytes, {len(buffer)} are there"
        raise Malformed(32, "FvLength", why, past_end=True)
    erased = 255 * bool(attributes & 0x800)
    return Header(file_system, length, header_bytes, extended, erased, mapped)


def _mapped_bytes(reader: Reader, header_bytes: int) -> int:
    """Return the bytes of the block map's blocks, -1 unless it ends with the header."""
    total = 0
    while reader.offset + 8 <= header_bytes:
        count, size = reader.unpack("<2I", "BlockMap")
        if not count and not size:
            return total if reader.offset == header_bytes else -1
        total += count * size
    return -1


def open_volume(source: Source) -> Opened:
    """Return the contents of the volume's files as children. Raises ``Malformed``."""
    header = read_header(source.buffer)
    found = Gathered(source, NAME)
    found.claim(0, header.header_end if header.mapped else _FIXED_BYTES)
    if not header.mapped:
        text = f"the block map is not one of {header.length} bytes"
        found.observe("uefi.block_map", text, offset=_FIXED_BYTES)
    found.attribute("file_system", header.file_system)
    found.attribute("volume_end", str(header.length))
    try:
        if header.file_system == _VARIABLES:
            read_stores(found, header.header_end, header.length)
        elif header.file_system in _FILE_SYSTEMS:
            _Files(found, header).read(_extended(found, header))
        else:
            text = f"the volume's file system {header.file_system} is not known"
            found.trouble("unsupported", text)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish()


def _extended(found: Gathered, header: Header) -> int:
    """Claim the extended header (3.2.1.2); return where the first file begins."""
    if not header.extended:
        return header.header_end
    reader = Reader(found.buffer, 0, header.length)
    reader.seek(header.extended, "ExtHeaderOffset")
    found.attribute("volume_name", guid(reader.take(16, "FvName")))
    size = reader.u32le("ExtHeaderSize")
    if size < 20 or header.extended < header.header_end:
        raise Malformed(header.extended, "ExtHeaderSize", f"{size} bytes")
    reader.seek(header.extended + size, "ExtHeaderSize")
    found.claim(header.extended, header.extended + 20)
    _pad_header(found, header, size)
    return reader.offset


def _pad_header(found: Gathered, header: Header, extended_bytes: int) -> None:
    """Claim the header of the pad file that builders put around the extended header."""
    at = header.extended - 24
    if at != header.header_end:
        return
    head = bytearray(found.buffer[at : header.extended])
    stated = int.from_bytes(head[20:23], "little")
    head[17] = head[23] = 0
    if head[18] == _PAD and stated == 24 + extended_bytes and not sum(head) & 0xFF:
        found.claim(at, header.extended)


class _Files:
    """Walks the files of one volume. Belongs to one call of ``open_volume``."""

    def __init__(self, found: Gathered, header: Header) -> None:
        self.found = found
        self.header = header
        self.sections = Sections(found)
        self.large = _FILE_SYSTEMS[header.file_system] == 3
        self.seen: dict[str, int] = {}

    def read(self, start: int) -> None:
        """Give every file its class, up to the free space. Raises ``Malformed``."""
        reader = Reader(self.found.buffer, 0, self.header.length)
        reader.seek(start + -start % 8, "first file")
        for _ in range(MAX_FILES):
            if reader.remaining < 24:
                return
            head = reader.peek(reader.offset, 24, "file header")
            if head == bytes((self.header.erased,)) * 24:
                self._free(reader.offset)
                return
            end = self._file(reader)
            reader.seek(end)
            reader.skip(min(-end % 8, reader.remaining), "file alignment")
            claim_padding(self.found, end, reader.offset)
        raise Malformed(reader.offset, "file", f"more than {MAX_FILES}")

    def _free(self, start: int) -> None:
        """Note content behind the last file, where all must be erased."""
        if not claim_padding(self.found, start, self.header.length):
            text = "bytes stand in the volume's free space"
            self.found.observe("uefi.free_space", text, offset=start, severity="high")

    def _file(self, reader: Reader) -> int:
        """Return the end of the file at the reader (3.2.3)."""
        at = reader.offset
        name = guid(reader.take(16, "file.Name"))
        checksum, kind, attributes = reader.unpack("<HBB", "file header")
        size = int.from_bytes(reader.take(3, "file.Size"), "little")
        state = reader.u8("file.State") ^ self.header.erased
        if attributes & _LARGE and self.large:
            size = reader.u64le("file.ExtendedSize")
        body = reader.offset
        head = bytearray(reader.peek(at, body - at, "file header"))
        head[17] = head[23] = 0
        if sum(head) & 0xFF:
            raise Malformed(at + 16, "file.IntegrityCheck.Header", f"of {name} is wrong")
        reader.seek(at)
        if size < body - at:
            raise Malformed(at + 20, "file.Size", f"{size} bytes of {name}")
        reader.skip(size, f"file.Size of {name}")
        end = reader.offset
        self.found.claim(at, body)
        self._checksum(name, body, end, checksum >> 8, attributes)
        if state & 0x10 or not state & 0x04:  # deleted, or never finished (3.2.3.1)
            text = f"file {name} is marked as deleted or unfinished"
            self.found.observe("uefi.file_state", text, offset=at)
        self._body(name, kind, body, end)
        return end

    def _checksum(self, name: str, start: int, end: int, stated: int, attributes: int) -> None:
        if attributes & _CHECKSUM:
            total = stated + sum(sum(piece) for piece in chunks(self.found.buffer, start, end))
            fits = total & 0xFF == 0
        else:
            fits = stated in _NO_CHECKSUM
        if not fits:
            field = f"file.IntegrityCheck.File of {name}"
            self.found.malformed(Malformed(start, field, "the data's checksum is wrong"))

    def _body(self, name: str, kind: int, start: int, end: int) -> None:
        if kind == _PAD:
            if not claim_padding(self.found, start, end):
                text = "a pad file has content"
                self.found.observe("uefi.pad_content", text, offset=start, length=end - start)
            return
        self.seen[name] = self.seen.get(name, 0) + 1
        if self.seen[name] > 1:
            text = f"file {name} stands {self.seen[name]} times"
            self.found.observe("unpack.evasion.duplicate", text, offset=start)
        shown = name.encode()
        if self.seen[name] > 1:
            shown += b".%d" % self.seen[name]
        if kind == _RAW:
            if start < end:
                self.sections.parts.add(shown + b".raw", start, end, "file", generated=True)
            return
        if name in _APRIORI and self._apriori(start, end):
            return
        interface = safe_name(self.found.buffer, start, end)
        if interface:
            shown += b"." + interface.encode()
        try:
            self.sections.walk(start, end, shown + b"/")
        except Malformed as error:
            self.found.malformed(error)

    def _apriori(self, start: int, end: int) -> bool:
        """Claim an a-priori file (volume 2, 10.3): one raw section of file GUIDs."""
        sections = list(read_sections(self.found.buffer, start, end))
        if len(sections) != 1 or sections[0].kind != 0x19:
            return False
        body, stop = sections[0].body, sections[0].end
        if (stop - body) % 16 or stop - body > MAX_APRIORI_BYTES:
            return False
        self.found.claim(start, stop)
        return True


VOLUME: Final = Format(
    name=NAME,
    title="UEFI firmware volume",
    family="UEFI",
    specification="https://uefi.org/specs/PI/1.8/V3_Code_Definitions.html",
    limitations="FFS1 to FFS3 and variable stores; vendors' own encapsulations are said",
    recognise=lambda buffer, _: bytes(buffer[0x28:0x2C]) == b"_FVH",
    open=open_volume,
)

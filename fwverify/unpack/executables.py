"""ELF and PE files: which bytes their own headers account for.

Guarantees: a byte counts as parsed when a header, a segment or a section names it; the
resources of a PE file that are data, and the containers of a bundle, are children; bytes
that none names (overlays above all) stay unexplained and are carved; a range that leaves
the file means a truncated one and is not complete. The certificate table of a PE file
has the class ``signature``; whether it verifies is the verify stage's question.

Specifications: System V ABI, "Object Files"; Microsoft's "PE Format"; for the version
resource Microsoft's ``VS_VERSIONINFO``.

Not checked: what the code does, and whether a section holds what its name says. Carving
looks into the sections too (``carving``).
"""

from __future__ import annotations

import struct
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.elfidentity import Table, elf_identity
from fwverify.unpack.gather import Gathered
from fwverify.unpack.installers.bundles import BURN_SECTION, name_loader, read_burn
from fwverify.unpack.installers.resources import DRAWN, Mapped, Resource, read_resources
from fwverify.unpack.leaves import MAX_SIGNATURE_BYTES, der_length, is_detached_signature
from fwverify.unpack.source import Format, LimitHit, Source, highest_entropy_milli

_MAX_TABLE_ENTRIES: Final = 65_536

# --- ELF -----------------------------------------------------------------------------

_ELF_MAGIC: Final = b"\x7fELF"
_PN_XNUM: Final = 0xFFFF
_SHN_XINDEX: Final = 0xFFFF
_MAX_NAME_TABLE_BYTES: Final = 4 * 1024 * 1024
_MAX_NAME_BYTES: Final = 64
_SHT_NULL, _SHT_NOBITS, _PT_NULL = 0, 8, 0
_ELF_MACHINES: Final = {
    2: "sparc", 3: "x86", 4: "m68k", 8: "mips", 20: "powerpc", 21: "powerpc64", 22: "s390",
    40: "arm", 42: "superh", 43: "sparc64", 50: "ia64", 62: "x86_64", 83: "avr", 93: "arc",
    94: "xtensa", 105: "msp430", 183: "aarch64", 189: "microblaze", 195: "arcv2",
    243: "riscv", 247: "bpf", 258: "loongarch",
}  # fmt: skip


class _Layout(Struct, frozen=True):
    """The ``struct`` layouts of one class and byte order of ELF."""

    wide: bool
    order: str

    def header(self) -> str:
        """``e_type`` to ``e_shstrndx``."""
        return self.order + ("HHIQQQIHHHHHH" if self.wide else "HHIIIIIHHHHHH")

    def segment(self) -> str:
        """``p_type`` to ``p_align``; see ``segment_fields``."""
        return self.order + ("IIQQQQQQ" if self.wide else "IIIIIIII")

    def section(self) -> str:
        """``sh_name`` to ``sh_entsize``."""
        return self.order + ("IIQQQQIIQQ" if self.wide else "IIIIIIIIII")


def _elf_layout(buffer: Buffer) -> _Layout:
    ident = Reader(buffer).peek(0, 16, "e_ident")
    if ident[4] not in (1, 2) or ident[5] not in (1, 2) or ident[6] != 1:
        raise Malformed(4, "e_ident", "class, byte order or version does not exist")
    return _Layout(wide=ident[4] == 2, order="<" if ident[5] == 1 else ">")


def _open_elf(source: Source) -> Opened:
    """Return the file with what its headers name. Raises ``Malformed`` for a bad header."""
    layout = _elf_layout(source.buffer)
    reader = Reader(source.buffer, 16)
    fields = reader.unpack(layout.header(), "ELF header")
    _, machine, _, _, phoff, shoff, _, ehsize, phentsize, phnum, shentsize, shnum, names = fields
    found = Gathered(source, "elf")
    sections: list[tuple[int, ...]] = []
    segments: list[Table] = []
    try:
        _claim_range(found, 0, max(ehsize, reader.offset), "e_ehsize", 40)
        sections = _elf_sections(found, layout, shoff, shentsize, shnum)
        if phnum == _PN_XNUM and sections:  # the count then stands in section 0
            phnum = sections[0][7]
        _elf_segments(found, layout, phoff, phentsize, phnum, segments)
        for at, section in enumerate(sections):
            if section[1] not in (_SHT_NULL, _SHT_NOBITS):
                field = f"sh_offset of section {at}"
                _claim_range(found, section[4], section[5], field, shoff + at * shentsize)
    except Malformed as error:
        found.malformed(error)
    arch = _ELF_MACHINES.get(machine, f"elf-machine-{machine}")
    if arch in ("mips", "powerpc64", "arm", "aarch64") and layout.order != _usual_order(arch):
        arch += "eb" if layout.order == ">" else "el"
    tables = _named_sections(source.buffer, sections, names)
    identity = elf_identity(source.buffer, layout.order, tables, tuple(segments), arch)
    return found.finish(identity=identity, executable=True)


def _named_sections(
    buffer: Buffer, sections: list[tuple[int, ...]], names: int
) -> tuple[Table, ...]:
    """Return the sections with content, named from the section ``names`` where it is one."""
    if names == _SHN_XINDEX and sections:  # the index then stands in section 0
        names = sections[0][6]
    start, size = sections[names][4:6] if names < len(sections) else (0, 0)
    text = bytes(buffer[start : start + min(size, _MAX_NAME_TABLE_BYTES)])
    tables = []
    for section in sections:
        if section[1] not in (_SHT_NULL, _SHT_NOBITS):
            name = text[section[0] : section[0] + _MAX_NAME_BYTES].split(b"\0", 1)[0]
            low = min(section[4], len(buffer))
            tables.append(Table(section[1], name, low, min(low + section[5], len(buffer))))
    return tuple(tables)


def _usual_order(arch: str) -> str:
    return "<" if arch in ("arm", "aarch64") else ">"


def _claim_range(found: Gathered, start: int, size: int, field: str, at: int) -> None:
    """Claim ``[start, start + size)``; raise ``Malformed`` for what is not in the file."""
    end = min(start + size, found.source.size)
    if start < end:
        found.claim(start, end, executable=True)
    if start + size > found.source.size:
        why = f"[{start}, {start + size}) outside {found.source.size} bytes"
        raise Malformed(at, field, why)


def _elf_sections(
    found: Gathered, layout: _Layout, offset: int, entry_bytes: int, count: int
) -> list[tuple[int, ...]]:
    if not offset:
        return []
    size = struct.calcsize(layout.section())
    if entry_bytes != size:
        raise Malformed(58 if layout.wide else 46, "e_shentsize", f"{entry_bytes} is not {size}")
    reader = Reader(found.buffer)
    reader.seek(offset, "e_shoff")
    first = reader.unpack(layout.section(), "section header 0")
    total = count or first[5]  # sh_size of section 0 when there are 0xff00 or more
    if not 0 < total <= _MAX_TABLE_ENTRIES:
        raise Malformed(offset, "e_shnum", f"{total} sections")
    sections = [first]
    reader.count(total - 1, size, "e_shnum")
    sections += [reader.unpack(layout.section(), "section header") for _ in range(total - 1)]
    found.claim(offset, reader.offset, executable=True)
    return sections


def _elf_segments(
    found: Gathered,
    layout: _Layout,
    offset: int,
    entry_bytes: int,
    count: int,
    segments: list[Table],
) -> None:
    """Claim the segments and append them to ``segments``, each before it is judged."""
    if not count:
        return
    size = struct.calcsize(layout.segment())
    if entry_bytes != size or count > _MAX_TABLE_ENTRIES:
        raise Malformed(42, "e_phentsize", f"{count} entries of {entry_bytes} bytes")
    reader = Reader(found.buffer)
    reader.seek(offset, "e_phoff")
    reader.count(count, size, "e_phnum")
    for at in range(count):
        fields = reader.unpack(layout.segment(), "program header")
        start, length = (fields[2], fields[5]) if layout.wide else (fields[1], fields[4])
        if fields[0] != _PT_NULL:
            place = offset + at * size
            low = min(start, found.source.size)
            segments.append(Table(fields[0], b"", low, min(low + length, found.source.size)))
            _claim_range(found, start, length, f"p_filesz of segment {at}", place)
    found.claim(offset, reader.offset, executable=True)


# --- PE ------------------------------------------------------------------------------

_MAX_STUB_BYTES: Final = 4096
_PE32, _PE32_PLUS = 0x10B, 0x20B
_RESOURCES, _CERTIFICATES, _CLR_HEADER = 2, 4, 14
_MAX_DIRECTORIES: Final = 16
_INNO_RESOURCE: Final = "11111"
_DENSE_MILLI: Final = 7200
_MAX_SECTIONS: Final = 4096
_SYMBOL_BYTES: Final = 18
_MAX_RESOURCE_BYTES: Final = 64 * 1024 * 1024
_PE_MACHINES: Final = {
    0x014C: "x86", 0x8664: "x86_64", 0xAA64: "aarch64", 0x01C0: "arm", 0x01C4: "arm",
    0x0200: "ia64", 0x0EBC: "efi-byte-code", 0x5032: "riscv32", 0x5064: "riscv64",
    0x6264: "loongarch64",
}  # fmt: skip


class _PeHeader(Struct, frozen=True):
    machine: int
    sections: tuple[tuple[str, int, int], ...]  # name, start and size in the file
    mapped: tuple[Mapped, ...]
    headers_end: int
    directories: tuple[tuple[int, int], ...]  # address (offset for certificates) and size
    symbols: tuple[int, int]

    def directory(self, number: int) -> tuple[int, int]:
        """Return data directory ``number``, zeros where the header has none."""
        return self.directories[number] if number < len(self.directories) else (0, 0)


def _is_pe(buffer: Buffer, _: str) -> bool:
    head = bytes(buffer[:64])
    if len(head) < 64 or head[:2] != b"MZ":
        return False
    at = int.from_bytes(head[60:64], "little")
    return bytes(buffer[at : at + 4]) == b"PE\x00\x00"


def _open_pe(source: Source) -> Opened:
    """Return the file with what its headers name. Raises ``Malformed`` for bad headers."""
    found = Gathered(source, "pe")
    header = _pe_header(source.buffer)
    stub = int.from_bytes(bytes(source.buffer[60:64]), "little")
    if stub <= _MAX_STUB_BYTES:
        found.claim(0, stub, executable=True)
    else:  # far more than a DOS stub and a Rich header need
        found.claim(0, 64, executable=True)
    found.claim(stub, header.headers_end, executable=True)
    identity = Identity(arch=_pe_arch(header))
    try:
        identity = _pe_contents(found, header)
    except LimitHit as error:
        found.limit(error)
    try:
        for name, start, size in header.sections:
            _claim_range(found, start, size, f"section {name}", stub)
        _pe_symbols(found, *header.symbols)
        _pe_certificates(found, *header.directory(_CERTIFICATES))
    except Malformed as error:
        found.malformed(error)
    return found.finish(identity=identity, executable=True)


def _pe_contents(found: Gathered, header: _PeHeader) -> Identity:
    """Make children of resources and of a bundle's containers; return the identity.

    Claims made here come first: what is in a child is ``extracted``, the rest of its
    section is ``parsed``. Raises ``LimitHit``.
    """
    leaves = _pe_resources(found, header)
    if header.directory(_CLR_HEADER)[0]:
        found.attribute("dotnet", f"{header.directory(_CLR_HEADER)[0]:#x}")
    for name, start, size in header.sections:
        if name == BURN_SECTION:
            signature = read_burn(found, start, size)
            try:
                _pe_certificates(found, *signature, name="engine_certificate_table")
            except Malformed as error:
                found.malformed(error)
    loaders = (leaf for leaf in leaves if (leaf.kind, leaf.name) == ("RCDATA", _INNO_RESOURCE))
    loader = next((bytes(found.buffer[leaf.start : leaf.start + 16]) for leaf in loaders), b"")
    overlay = max((start + size for _, start, size in header.sections), default=0)
    name_loader(found, min(overlay, found.source.size), loader)
    return _pe_identity(found, header, leaves)


def _pe_resources(found: Gathered, header: _PeHeader) -> tuple[Resource, ...]:
    """Return the resources; those that are data, or look packed, are children."""
    address, size = header.directory(_RESOURCES)
    if not address or not size:
        return ()
    resources = read_resources(found.buffer, header.mapped, address)
    for fault in resources.faults:
        found.malformed(fault)
    stored: set[tuple[int, int]] = set()
    packed = _Packed(found)
    for leaf in resources.leaves:
        place = (leaf.start, leaf.end)
        if leaf.start == leaf.end or (leaf.kind in DRAWN and not packed.at(place)):
            continue
        digest, length = found.source.put_range(*place)
        if place not in stored and not found.claim(*place, "extracted"):
            text = f"the resource {leaf.path.decode('utf-8', 'replace')} shares bytes"
            found.observe("pe.resource_overlap", text, offset=leaf.start)
        stored.add(place)
        found.add(
            Entry(
                name=leaf.path,
                sha256=digest,
                size=length,
                extents=(place,),
                stored=True,
                generated=True,
            )
        )
    return resources.leaves


class _Packed:
    """Measures resources, each range once and all together at most twice the file.

    A hostile table can name the same bytes many times; past the bound a resource counts
    as packed, which makes it a child.
    """

    def __init__(self, found: Gathered) -> None:
        self._buffer = found.buffer
        self._left = 2 * found.source.size
        self._known: dict[tuple[int, int], bool] = {}

    def at(self, place: tuple[int, int]) -> bool:
        """Return whether any 4 KiB of the range look packed or encrypted."""
        if place not in self._known:
            self._left -= place[1] - place[0]
            dense = self._left < 0 or highest_entropy_milli(self._buffer, *place) >= _DENSE_MILLI
            self._known[place] = dense
        return self._known[place]


def _pe_header(buffer: Buffer) -> _PeHeader:
    reader = Reader(buffer)
    reader.seek(60)
    reader.seek(reader.u32le("e_lfanew"), "e_lfanew")
    reader.expect(b"PE\x00\x00", "PE signature")
    machine, count = reader.unpack("<HH", "file header")
    _, symbols, symbol_count = reader.unpack("<III", "symbol table")
    optional_bytes, _ = reader.unpack("<HH", "size of optional header")
    optional = reader.offset
    sections_start = optional + optional_bytes
    directories: tuple[tuple[int, int], ...] = ()
    if optional_bytes:
        magic = reader.u16le("optional header magic")
        if magic not in (_PE32, _PE32_PLUS):
            raise Malformed(optional, "optional header magic", f"{magic:#x} is none")
        table = optional + (96 if magic == _PE32 else 112)
        window = Reader(buffer, optional, min(sections_start, len(buffer)))
        window.seek(table - 4, "NumberOfRvaAndSizes")
        listed = min(window.u32le("NumberOfRvaAndSizes"), _MAX_DIRECTORIES)
        listed = min(listed, window.remaining // 8)
        words = window.unpack(f"<{2 * listed}I", "data directories")
        directories = tuple(zip(words[::2], words[1::2], strict=True))
    if count > _MAX_SECTIONS:
        raise Malformed(optional - 18, "NumberOfSections", f"{count} sections")
    reader.seek(sections_start, "section table")
    read = [_pe_section(reader) for _ in range(count)]
    sections = tuple((name, each.start, each.size) for name, each in read)
    mapped = tuple(each for _, each in read)
    return _PeHeader(machine, sections, mapped, reader.offset, directories, (symbols, symbol_count))


def _pe_section(reader: Reader) -> tuple[str, Mapped]:
    name = reader.take(8, "section name").rstrip(b"\x00").decode("latin-1")
    _, address, size, start = reader.unpack("<4I", "section")
    reader.skip(16, "section")
    return name, Mapped(address, start if size else 0, size)


def _pe_symbols(found: Gathered, start: int, count: int) -> None:
    """Claim the COFF symbols and the string table behind them (deprecated, still made)."""
    if not start:
        return
    reader = Reader(found.buffer)
    reader.seek(start, "PointerToSymbolTable")
    reader.count(count, _SYMBOL_BYTES, "NumberOfSymbols")
    reader.skip(count * _SYMBOL_BYTES, "symbols")
    length = int.from_bytes(reader.peek(reader.offset, 4, "string table"), "little")
    reader.skip(max(4, length), "string table")
    found.claim(start, reader.offset)


_PKCS_SIGNED_DATA: Final = 2
_CERTIFICATE_HEADER_BYTES: Final = 8


def _pe_certificates(
    found: Gathered, start: int, size: int, *, name: str = "certificate_table"
) -> None:
    """Read the attribute certificate table: entries of dwLength, 8 bytes aligned.

    Only an entry that is one SignedData, of a signature's size, has the class
    ``signature``; whatever else lies there is unexplained and searched.
    """
    if not size:
        return
    reader = Reader(found.buffer)
    reader.seek(start, "certificate table")
    end = start + size
    while reader.offset + _CERTIFICATE_HEADER_BYTES <= end:
        at, length = reader.offset, reader.u32le("dwLength")
        reader.u16le("wRevision")
        kind = reader.u16le("wCertificateType")
        if length < _CERTIFICATE_HEADER_BYTES or at + length > end:
            raise Malformed(at, "dwLength", f"{length} bytes in {end - at}")
        following = min(at + length + -length % 8, end)
        reader.seek(following, "certificate")
        if not bytes(found.buffer[at + length : following]).strip(b"\0"):
            found.claim(at + length, following, "padding")
        if kind == _PKCS_SIGNED_DATA and _is_signature(found, at, at + length):
            if not found.claim(at, at + length, "signature"):
                raise Malformed(at, "certificate table", "lies over other parts of the file")
        elif not found.claim(at, at + _CERTIFICATE_HEADER_BYTES):
            raise Malformed(at, "certificate table", "lies over other parts of the file")
    found.attribute(name, f"{start}-{end}")


def _is_signature(found: Gathered, start: int, end: int) -> bool:
    """Return whether the entry holds one SignedData and at most seven zero bytes behind it."""
    if end - start > MAX_SIGNATURE_BYTES:
        return False
    data = bytes(found.buffer[start + _CERTIFICATE_HEADER_BYTES : end])
    message = data[: der_length(data)]
    return (
        not data[len(message) :].strip(b"\0")
        and len(data) - len(message) < 8
        and (is_detached_signature(message, detached=False))
    )


_VERSION_KEY: Final = "VS_VERSION_INFO\x00".encode("utf-16-le")
_VERSION_FIELDS: Final = {
    "CompanyName": "vendor",
    "ProductName": "product",
    "ProductVersion": "version",
    "FileVersion": "build",
}
_MAX_VALUE_CHARS: Final = 256


def _pe_arch(header: _PeHeader) -> str:
    return _PE_MACHINES.get(header.machine, f"pe-machine-{header.machine:#06x}")


def _pe_identity(found: Gathered, header: _PeHeader, leaves: tuple[Resource, ...]) -> Identity:
    """Return what the version resource says; the first in any resource section without one."""
    places = [(leaf.start, leaf.end) for leaf in leaves if leaf.kind == "VERSION"]
    places += [(start, start + size) for name, start, size in header.sections if name == ".rsrc"]
    texts: dict[str, str] = {}
    for start, end in places:
        if end - start > _MAX_RESOURCE_BYTES or texts:
            continue
        data = bytes(found.buffer[start:end])
        at = data.find(_VERSION_KEY)
        if at >= 0:
            texts = _version_strings(data[at : at + 65536])
    return Identity(
        vendor=texts.get("vendor"),
        product=texts.get("product"),
        version=texts.get("version"),
        build=texts.get("build"),
        arch=_pe_arch(header),
    )


def _version_strings(data: bytes) -> dict[str, str]:
    """Return the named strings of a version resource: key, NUL, padding, value, NUL."""
    result = {}
    for key, field in _VERSION_FIELDS.items():
        encoded = f"{key}\x00".encode("utf-16-le")
        at = data.find(encoded)
        if at < 0:
            continue
        tail = data[at + len(encoded) : at + len(encoded) + 2 * _MAX_VALUE_CHARS]
        text = tail[: len(tail) & ~1].decode("utf-16-le", "replace").lstrip("\x00")
        value = text.split("\x00", 1)[0].strip()
        if value and value.isprintable():
            result[field] = value
    return result


ELF: Final = Format(
    name="elf",
    title="ELF",
    family="executable",
    specification="https://www.sco.com/developers/gabi/latest/contents.html",
    limitations="bytes that no header names are carved",
    recognise=lambda buffer, _: bytes(buffer[:4]) == _ELF_MAGIC,
    open=_open_elf,
    leaf=True,
)
PE: Final = Format(
    name="pe",
    title="PE (Windows, UEFI)",
    family="executable",
    specification="https://learn.microsoft.com/en-us/windows/win32/debug/pe-format",
    limitations="the version is read from the first version resource; overlays are carved;"
    " Inno Setup, InstallShield, Setup Factory and Advanced Installer are detected only",
    recognise=_is_pe,
    open=_open_pe,
)

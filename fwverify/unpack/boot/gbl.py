"""Silicon Labs GBL: tags with a length each, closed by a CRC-32 over the whole file.

Guarantees: every tag is read within its length; program tags that lie close to each other
in flash are one child per run of addresses, gaps filled with 0xFF; boot loader, secure
element, metadata and compressed programs are children; the end tag's CRC is compared; a
file without it, or with bytes in a tag that its layout does not name, is said.

Specification: Silicon Labs UG266/UG489 "Gecko Bootloader", section "GBL file format", and
the bootloader SDK's ``btl_gbl_format.h``; version 3. All integers are little-endian.

Not checked: signatures (the verify stage); whether addresses fit the device. Programs
compressed with LZ4 or LZMA are children as they stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.parts import Parts, chunks, crc32, starts
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "gbl"
MAX_TAGS: Final = 4096
MAX_GAP_BYTES: Final = 64 * 1024
"""Programs farther apart in flash are children of their own."""

_HEADER, _APPLICATION, _END = 0x03A617EB, 0xF40A0AF4, 0xFC0404FC
_PROGRAM, _ERASE_PROGRAM = 0xFE0101FE, 0xFD0303FD
_ENCRYPTION, _ENCRYPTED = 0xFA0606FA, 0xF90707F9
_SIGNATURE, _CERTIFICATE, _DEPENDENCY = 0xF70A0AF7, 0xF30B0BF3, 0x76A617EB
_SIGNATURE_BYTES, _CERTIFICATE_BYTES = 64, 136
_VERSION: Final = 0x03000000
_CONTENT: Final = {
    # tag: name, bytes of the fields before the content
    0xF50909F5: (b"bootloader", 8),
    0x5EA617EB: (b"se-upgrade", 8),
    0xF60808F6: (b"metadata", 0),
    0xFD0505FD: (b"program.lz4", 4),
    0xFD0707FD: (b"program.lzma", 4),
    0xF80A0AF8: (b"delta", 12),
    0xF80B0BF8: (b"delta.lz4", 12),
    0xF80C0CF8: (b"delta.lzma", 12),
}
_DELTAS: Final = (0xF80A0AF8, 0xF80B0BF8, 0xF80C0CF8)


class _Program(Struct, frozen=True):
    address: int
    start: int
    end: int


class _State(Struct):
    """What the tags told so far; private to a call of ``open_file``."""

    programs: list[_Program]
    identity: Identity
    ended: bool = False
    tags: int = 0


def open_file(source: Source) -> Opened:
    """Return the contents as children. Raises ``Malformed`` for a broken header tag."""
    reader = Reader(source.buffer)
    tag, length, version, kind = reader.unpack("<4I", "gbl.header")
    if tag != _HEADER or length != 8 or version >> 24 != _VERSION >> 24:
        raise Malformed(8, "gbl.header", f"version {version:#010x}, {length} bytes")
    found = Gathered(source, NAME)
    found.claim(0, reader.offset)
    found.attribute("type", f"{kind:#x}")
    state = _State([], Identity())
    parts = Parts(found)
    try:
        while reader.remaining and not state.ended:
            _tag(parts, reader, state)
        _programs(parts, state.programs)
        if not state.ended:
            why = "the file ends without its end tag"
            raise Malformed(reader.offset, "gbl.end", why, past_end=True)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    return found.finish(identity=state.identity)


def _tag(parts: Parts, reader: Reader, state: _State) -> None:
    found, at = parts.found, reader.offset
    tag, length = reader.unpack("<2I", "gbl.tag")
    start = reader.offset
    reader.count(length, 1, f"length of tag {tag:#010x}")
    end = start + length
    state.tags += 1
    if state.tags > MAX_TAGS:
        raise Malformed(at, "gbl.tag", f"more than {MAX_TAGS}")
    found.claim(at, start)
    body = Reader(found.buffer, start, end)
    if tag in (_PROGRAM, _ERASE_PROGRAM):
        address = body.u32le("flashStartAddress")
        found.claim(start, body.offset)
        state.programs.append(_Program(address, body.offset, end))
    elif tag in _CONTENT:
        _content(parts, tag, body)
    elif tag == _END:
        _close(found, body, at)
        state.ended = True
    elif tag == _APPLICATION:
        identity = _application(found, body)
        if state.identity not in (Identity(), identity):
            text = "two application tags state different products or versions"
            found.observe("unpack.evasion.duplicate", text, offset=at, severity="high")
            identity = Identity()
        state.identity = identity
    else:
        _fact(found, tag, start, end)
    reader.seek(end)


def _content(parts: Parts, tag: int, body: Reader) -> None:
    name, fields = _CONTENT[tag]
    values = body.unpack(f"<{fields // 4}I", f"gbl.{name.decode()}")
    parts.found.claim(body.start, body.offset)
    if values:
        shown = " ".join(f"{value:#010x}" for value in values)
        parts.found.attribute(f"{name.decode()}.{body.start:#x}", shown)
    numbered = name + b"@%#x" % body.offset
    parts.add(numbered, body.offset, body.end, f"gbl.{name.decode()}", generated=True)
    if tag in _DELTAS:
        parts.found.trouble("delta.base", "a delta needs the image it was made from", numbered)


def _close(found: Gathered, body: Reader, at: int) -> None:
    """Compare the end tag's CRC-32: over everything before its own value."""
    stated = body.u32le("gbl.end.crc")
    found.claim(body.start, body.offset)
    if stated != crc32(found.buffer, 0, body.start):
        raise Malformed(at, "gbl.end.crc", "the file's checksum is wrong")


def _application(found: Gathered, body: Reader) -> Identity:
    kind, version, capabilities = body.unpack("<3I", "gbl.application")
    product = body.take(16, "gbl.application.productId")
    found.claim(body.start, body.offset)
    found.attribute("application_type", f"{kind:#x}")
    found.attribute("application_capabilities", f"{capabilities:#x}")
    return Identity(product=product.hex() if any(product) else None, version=f"{version:#010x}")


def _fact(found: Gathered, tag: int, start: int, end: int) -> None:
    """Give a tag without content its class; an unknown one stays unexplained."""
    size = end - start
    if tag == _SIGNATURE and size == _SIGNATURE_BYTES:
        found.claim(start, end, "signature")
        found.attribute("signature", f"{start}-{end}")
        found.attribute("signed_area", f"0-{start - 8}")
    elif tag == _CERTIFICATE and size == _CERTIFICATE_BYTES:
        found.claim(start, end, "signature")
        found.attribute("certificate", f"{start}-{end}")
    elif tag == _ENCRYPTION and size == 16:
        found.claim(start, end)
    elif tag == _DEPENDENCY and size <= 256:
        found.claim(start, end)
        found.attribute("version_dependency", bytes(found.buffer[start:end]).hex())
    elif tag == _ENCRYPTED:
        found.trouble("encrypted", f"{size} bytes at {start:#x} are encrypted")
    else:
        text = f"tag {tag:#010x} of {size} bytes is not known here"
        found.observe("gbl.tag", text, offset=start - 8, severity="low")


def _programs(parts: Parts, programs: list[_Program]) -> None:
    """Store the runs of programs that lie close to each other, by address."""
    run: list[_Program] = []
    for each in sorted(programs, key=lambda item: (item.address, item.start)):
        reach = run[-1].address + run[-1].end - run[-1].start if run else 0
        if run and each.address < reach:
            text = f"two programs write flash at {each.address:#010x}"
            parts.found.observe("gbl.overlap", text, offset=each.start, severity="high")
        if run and not 0 <= each.address - reach <= MAX_GAP_BYTES:
            _run(parts, run)
            run = []
        run.append(each)
    if run:
        _run(parts, run)


def _run(parts: Parts, run: list[_Program]) -> None:
    digest, size = parts.found.source.put_stream(_filled(parts.found, run))
    extents = tuple((each.start, each.end) for each in run if each.start < each.end)
    for start, end in extents:
        parts.found.claim(start, end, "extracted")
    parts.found.add(
        Entry(
            name=b"@0x%08x" % run[0].address,
            sha256=digest,
            size=size,
            extents=extents,
            stored=sum(end - start for start, end in extents) == size,
            generated=True,
            address=run[0].address,
        )
    )


def _filled(found: Gathered, run: list[_Program]) -> Iterator[bytes]:
    position = run[0].address
    for each in run:
        yield b"\xff" * (each.address - position)
        yield from chunks(found.buffer, each.start, each.end)
        position = each.address + each.end - each.start


GBL: Final = Format(
    name=NAME,
    title="Silicon Labs GBL",
    family="boot image",
    specification="https://docs.silabs.com/mcu-bootloader/latest/",
    limitations="version 3; deltas need their base, encrypted tags their key",
    recognise=starts(b"\xeb\x17\xa6\x03\x08\x00\x00\x00"),
    open=open_file,
)
GBL4: Final = Format(
    name="gbl-v4",
    title="Silicon Labs GBL, version 4",
    family="boot image",
    specification="https://docs.silabs.com/mcu-bootloader/latest/",
    limitations="recognised by name, not opened yet",
    recognise=starts(b"\xeb\x17\xa6\x84"),
    open=None,
)

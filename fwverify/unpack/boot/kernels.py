"""Linux kernel images: x86 bzImage, ARM zImage, arm64 Image, EFI zboot.

Guarantees: what the header says is compressed content is a child with exactly those
bytes; the kernel's release and build are the identity. A kernel that is also a PE file
is read as one too (sections, signature table), and its code is searched like any
program's. Of the code around the content nothing more is claimed than that it is code
inside the sizes the header states.

Specification: Linux ``Documentation/arch/x86/boot.rst``, ``arch/arm/booting.rst`` and
``arch/arm64/booting.rst``; ``drivers/firmware/efi/libstub/zboot-header.S``.

Not checked: what the code does.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from fwverify.model import Entry, Identity, Observation, Opened, Problem, Region
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.executables import PE
from fwverify.unpack.gather import Gathered, malformed_observation, malformed_problem
from fwverify.unpack.parts import text
from fwverify.unpack.source import Format, LimitHit, Source

MAX_SETUP_SECTORS: Final = 64
_VERSION: Final = re.compile(r"(?P<release>[0-9]+\.[0-9]+[^ ]*) \((?P<who>[^)]*)\) ?(?P<build>.*)")
_LINUX: Final = re.compile(rb"Linux version ([0-9]+\.[0-9]+[!-~]{0,64}) \(")
_MAX_SCAN_BYTES: Final = 64 * 1024 * 1024
_ZBOOT: Final = b"zimg"


def _with_pe(source: Source, name: str, claims: list[Region], arch: str) -> Opened:
    """Return the PE file's account where there is one, else ``claims``, as code."""
    if PE.recognise(source.buffer, source.name) and PE.open is not None:
        return msgspec.structs.replace(PE.open(source), format=name)
    found = Gathered(source, name)
    for each in claims:
        found.claim(each.start, each.end, executable=True)
    return found.finish(identity=Identity(arch=arch), executable=True)


def _with_payload(source: Source, opened: Opened, start: int, end: int, name: bytes) -> Opened:
    """Return ``opened`` with ``[start, end)`` as the child ``name``."""
    digest, size = source.put_range(start, end)
    entry = Entry(
        name=name, sha256=digest, size=size, extents=((start, end),), stored=True, generated=True
    )
    regions = [Region(start=start, end=end, kind="extracted")]
    for each in opened.regions:
        for low, high in ((each.start, min(each.end, start)), (max(each.start, end), each.end)):
            if low < high:
                regions.append(msgspec.structs.replace(each, start=low, end=high))
    ordered = tuple(sorted(regions, key=lambda region: region.start))
    return msgspec.structs.replace(opened, regions=ordered, entries=(*opened.entries, entry))


def _faulty(opened: Opened, error: Malformed) -> Opened:
    problems: tuple[Problem, ...] = (*opened.problems, malformed_problem(opened.format, error))
    observations: tuple[Observation, ...] = (
        *opened.observations,
        malformed_observation(opened.format, error),
    )
    return msgspec.structs.replace(
        opened, problems=problems, observations=observations, complete=False
    )


# --- x86 -------------------------------------------------------------------------------


def _is_bzimage(buffer: Buffer, _: str) -> bool:
    return bytes(buffer[0x202:0x206]) == b"HdrS" and bytes(buffer[0x1FE:0x200]) == b"\x55\xaa"


def open_bzimage(source: Source) -> Opened:
    """Return the compressed kernel as a child. Raises ``Malformed`` for a bad header."""
    reader = Reader(source.buffer, 0x1F1)
    sectors, _, paragraphs = reader.unpack("<BHI", "setup header")
    sectors = sectors or 4
    reader.seek(0x206)
    protocol = reader.u16le("version")
    if sectors > MAX_SETUP_SECTORS or protocol < 0x200:
        raise Malformed(0x1F1, "setup_sects", f"{sectors} sectors, protocol {protocol:#06x}")
    reader.seek(0x20E)
    version = reader.u16le("kernel_version") + 0x200
    setup = (sectors + 1) * 512
    end = setup + paragraphs * 16
    claims = [Region(start=0, end=min(end, source.size), kind="parsed")]
    opened = _with_pe(source, "bzimage", claims, "x86")
    identity = _x86_identity(source.buffer, version if version < setup else 0, opened.identity)
    opened = msgspec.structs.replace(opened, identity=identity)
    try:
        if end > source.size:
            why = f"{end} bytes, {source.size} are there"
            raise Malformed(0x1F4, "syssize", why, past_end=True)
        if protocol >= 0x208:
            reader.seek(0x248)
            start, length = reader.unpack("<II", "payload_offset")
            start += setup
            if not setup <= start <= start + length <= end or not length:
                raise Malformed(0x248, "payload_offset", f"[{start}, {start + length}) of {end}")
            return _with_payload(source, opened, start, start + length, b"payload")
    except Malformed as error:
        return _faulty(opened, error)
    except LimitHit:
        return _faulty(opened, Malformed(0x248, "payload_length", "is more than is allowed"))
    return opened


def _x86_identity(buffer: Buffer, at: int, known: Identity) -> Identity:
    match = _VERSION.match(text(bytes(buffer[at : at + 256]))) if at else None
    if match is None:
        return known
    return Identity(
        vendor=match["who"] or None,
        product="Linux",
        version=match["release"],
        build=match["build"] or None,
        arch=known.arch,
    )


# --- arm, arm64, zboot -----------------------------------------------------------------


def _is_zimage(buffer: Buffer, _: str) -> bool:
    return bytes(buffer[0x24:0x28]) in (b"\x18\x28\x6f\x01", b"\x01\x6f\x28\x18")


def open_zimage(source: Source) -> Opened:
    """Return the loader as code, to be searched. Raises ``Malformed`` for a bad header."""
    order = "<" if bytes(source.buffer[0x24:0x28]) == b"\x18\x28\x6f\x01" else ">"
    reader = Reader(source.buffer, 0x28)
    start, end = reader.unpack(f"{order}2I", "zImage header")
    if end <= start or end - start < 0x30:
        raise Malformed(0x28, "zImage end", f"{start:#x} to {end:#x}")
    size = end - start
    claims = [Region(start=0, end=min(size, source.size), kind="parsed")]
    opened = _with_pe(source, "zimage", claims, "arm" if order == "<" else "armeb")
    if size > source.size:
        why = f"{size} bytes, {source.size} are there"
        return _faulty(opened, Malformed(0x2C, "zImage end", why, past_end=True))
    return opened


def _is_arm64(buffer: Buffer, _: str) -> bool:
    return bytes(buffer[0x38:0x3C]) == b"ARM\x64" and not any(buffer[0x20:0x38])


def open_arm64(source: Source) -> Opened:
    """Return the image as code, to be searched. Raises ``Malformed`` for a bad header."""
    reader = Reader(source.buffer, 8)
    _, image, flags = reader.unpack("<3Q", "image header")
    if flags >> 4:
        raise Malformed(0x18, "flags", f"{flags:#x}")
    arch = "aarch64eb" if flags & 1 else "aarch64"
    claims = [Region(start=0, end=min(image or source.size, source.size), kind="parsed")]
    opened = _with_pe(source, "arm64-image", claims, arch)
    return msgspec.structs.replace(opened, identity=_linux_identity(source.buffer, arch))


def _linux_identity(buffer: Buffer, arch: str) -> Identity:
    """Return the release of the ``Linux version`` text in an image that is not packed."""
    data = bytes(buffer[: min(len(buffer), _MAX_SCAN_BYTES)])
    releases = {match[1].decode("ascii") for match in _LINUX.finditer(data)}
    if len(releases) != 1:
        return Identity(arch=arch)
    return Identity(product="Linux", version=releases.pop(), arch=arch)


def _is_zboot(buffer: Buffer, _: str) -> bool:
    return bytes(buffer[:2]) == b"MZ" and bytes(buffer[4:8]) == _ZBOOT


def open_zboot(source: Source) -> Opened:
    """Return the compressed kernel as a child. Raises ``Malformed`` for a bad header."""
    reader = Reader(source.buffer, 8)
    start, size = reader.unpack("<II", "zboot header")
    reader.seek(0x18)
    compression = text(reader.take(32, "compression type"))
    opened = _with_pe(source, "efi-zboot", [Region(start=0, end=64, kind="parsed")], "unknown")
    attributes = tuple(sorted((*opened.attributes, ("compression", compression))))
    opened = msgspec.structs.replace(opened, attributes=attributes)
    if not 64 <= start <= start + size <= source.size or not size:
        why = f"[{start}, {start + size}) of {source.size}"
        return _faulty(opened, Malformed(8, "payload offset", why, past_end=True))
    try:
        return _with_payload(source, opened, start, start + size, b"payload")
    except LimitHit:
        return _faulty(opened, Malformed(12, "payload size", "is more than is allowed"))


_SPECIFICATION: Final = "https://www.kernel.org/doc/html/latest/arch/"

BZIMAGE: Final = Format(
    name="bzimage",
    title="Linux kernel (x86 bzImage)",
    family="boot image",
    specification=f"{_SPECIFICATION}x86/boot.html",
    limitations="before boot protocol 2.08 the kernel is found by carving",
    recognise=_is_bzimage,
    open=open_bzimage,
)
ZIMAGE: Final = Format(
    name="zimage",
    title="Linux kernel (ARM zImage)",
    family="boot image",
    specification=f"{_SPECIFICATION}arm/booting.html",
    limitations="the compressed kernel and appended device trees are found by carving",
    recognise=_is_zimage,
    open=open_zimage,
)
ARM64_IMAGE: Final = Format(
    name="arm64-image",
    title="Linux kernel (arm64 Image)",
    family="boot image",
    specification=f"{_SPECIFICATION}arm64/booting.html",
    limitations="not packed: code, searched for what is built in",
    recognise=_is_arm64,
    open=open_arm64,
)
ZBOOT: Final = Format(
    name="efi-zboot",
    title="Linux kernel (EFI zboot)",
    family="boot image",
    specification="https://www.kernel.org/doc/html/latest/admin-guide/efi-stub.html",
    limitations="the compressed kernel opens by its own format",
    recognise=_is_zboot,
    open=open_zboot,
)

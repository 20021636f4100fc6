"""Programs that carry an installation behind their last section.

Guarantees: the containers of a WiX Burn bundle are children, cut as the section
``.wixburn`` states; what a maker's loader would unpack and this project cannot (Inno
Setup, InstallShield, Setup Factory, Advanced Installer, Wise) is said by name, so that
such a program is never complete.

Specification: WiX Toolset, ``src/burn/engine/section.cpp`` (layout of ``.wixburn``); the
others are known by the marks their builders write.

Not checked: the hash of a bundle's container, which its manifest inside states.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from fwverify.model import Entry
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import Gathered

BURN_SECTION: Final = ".wixburn"
BURN_MAGIC: Final = 0x00F14300
MAX_CONTAINERS: Final = 1024
_INNO: Final = re.compile(rb"Inno Setup Setup Data \((\d+\.\d+\.\d+[a-z]?)\)")
_INNO_LOADER: Final = b"rDlPtS"
_MARKS: Final = (
    (b"InstallShield\0", "InstallShield"),
    (b"ISSetupStream\0", "InstallShield"),
    (b"\xe0\xe1\xe2\xe3\xe4\xe5\xe6\xe7", "Setup Factory"),
)
_ADVANCED_INSTALLER: Final = b"ADVINSTSFX"
_TAIL_BYTES: Final = 16 * 1024
_OVERLAP_BYTES: Final = 64


class Container(Struct, frozen=True):
    """A container of a bundle: its name and range."""

    name: bytes
    start: int
    end: int


def burn_containers(
    buffer: Buffer, start: int, size: int
) -> tuple[tuple[Container, ...], tuple[int, int]]:
    """Return the containers that ``.wixburn`` states, and the range of the first signature.

    Raises ``Malformed``.
    """
    reader = Reader(buffer, start, min(start + size, len(buffer)))
    if reader.u32le("burn.magic") != BURN_MAGIC:
        raise Malformed(start, "burn.magic", "is not there")
    version = reader.u32le("burn.version")
    if version not in (1, 2):
        raise Malformed(start + 4, "burn.version", f"{version} is unknown")
    reader.skip(16, "burn.bundle_id")
    stub, _, signature, signature_bytes = reader.unpack("<4I", "burn.header")
    _, count = reader.unpack("<2I", "burn.containers")
    reader.count(count, 4, "burn.containers")
    if count > MAX_CONTAINERS:
        raise Malformed(reader.offset - 4, "burn.containers", f"{count} containers")
    sizes = reader.unpack(f"<{count}I", "burn.containers")
    result, position = [], stub
    for number, length in enumerate(sizes):
        if number == 1 and signature:
            position = signature + signature_bytes
        name = b"@burn/ux" if number == 0 else b"@burn/attached-%d" % number
        result.append(Container(name, position, position + length))
        position += length
    return tuple(result), (signature, signature_bytes)


def read_burn(found: Gathered, start: int, size: int) -> tuple[int, int]:
    """Make the containers children; return the range of the first signature, or zeros."""
    try:
        containers, signature = burn_containers(found.buffer, start, size)
    except Malformed as error:
        found.malformed(error)
        return 0, 0
    for each in containers:
        if each.end > found.source.size:
            have = f"{each.name.decode()} ends at {each.end}"
            found.malformed(Malformed(start, "burn.containers", have, past_end=True))
            continue
        digest, length = found.source.put_range(each.start, each.end)
        found.claim(each.start, each.end, "extracted")
        extents = ((each.start, each.end),) if length else ()
        found.add(
            Entry(
                name=each.name,
                sha256=digest,
                size=length,
                extents=extents,
                stored=True,
                generated=True,
            )
        )
    return signature


def name_loader(found: Gathered, overlay: int, loader: bytes) -> None:
    """Say which maker's loader the program is, by ``loader`` (a resource) and its overlay."""
    head = bytes(found.buffer[overlay : overlay + 16])
    tail = bytes(found.buffer[max(overlay, found.source.size - _TAIL_BYTES) :])
    name = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if loader.startswith(_INNO_LOADER):
        version = _inno_version(found.buffer, overlay)
        name = f"Inno Setup {version}" if version else "Inno Setup"
    elif _ADVANCED_INSTALLER in tail:
        name = "Advanced Installer"
    if name:
        found.attribute("installer", name)
        found.trouble("unsupported", f"the data of {name} cannot be opened yet")


def _inno_version(buffer: Buffer, start: int) -> str:
    for at in range(start, len(buffer), CHUNK_BYTES):
        window = bytes(buffer[at : at + CHUNK_BYTES + _OVERLAP_BYTES])
        match = _INNO.search(window)
        if match:
            return match[1].decode("ascii")
    return ""

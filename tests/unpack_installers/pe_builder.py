"""A PE32 file with sections and resources (Microsoft, "PE Format")."""

from __future__ import annotations

import struct
from collections.abc import Sequence

RSRC_ADDRESS = 0x4000
_HEADERS = 0x400


def program(
    resources: Sequence[tuple[int | str, int | str, int, bytes]] = (),
    sections: Sequence[tuple[str, bytes]] = (),
    *,
    overlay: bytes = b"",
    rsrc: bytes | None = None,
) -> bytes:
    """Return a program; ``resources`` are type, name, language and data."""
    body = resource_section(resources) if rsrc is None else rsrc
    parts = [(".rsrc", body, RSRC_ADDRESS)] if body else []
    address = RSRC_ADDRESS + 0x1000000
    for name, data in sections:
        parts.append((name, data, address))
        address += 0x1000000
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = struct.pack("<HHIIIHH", 0x14C, len(parts), 0, 0, 0, 224, 0x102)
    optional = struct.pack("<HBBIIIIII", 0x10B, 1, 0, 0, 0, 0, 0, 0, 0)
    optional += struct.pack("<III", 0x400000, 0x1000, 0x200)
    optional += struct.pack("<HHHHHHI", 5, 0, 0, 0, 5, 0, 0)
    optional += struct.pack("<IIIHH", 0x10000, _HEADERS, 0, 3, 0)
    optional += struct.pack("<IIIIII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    directories = [(0, 0)] * 16
    directories[2] = (RSRC_ADDRESS, len(body)) if body else (0, 0)
    optional += b"".join(struct.pack("<II", *entry) for entry in directories)
    table, content, at = b"", b"", _HEADERS
    for name, data, place in parts:
        padded = data.ljust(-(-len(data) // 512) * 512, b"\0")
        table += struct.pack(
            "<8sIIIIIIHHI", name.encode(), len(data), place, len(padded), at, 0, 0, 0, 0, 0x40000040
        )
        content += padded
        at += len(padded)
    head = dos + b"PE\0\0" + coff + optional + table
    return head.ljust(_HEADERS, b"\0") + content + overlay


def resource_section(resources: Sequence[tuple[int | str, int | str, int, bytes]]) -> bytes:
    """Three levels, one chain per resource; then names, data entries and data."""
    if not resources:
        return b""
    count = len(resources)
    root_bytes = 16 + 8 * count
    names = b""
    entries_at = root_bytes + count * 48
    names_at = entries_at + count * 16
    strings = [
        (part.encode("utf-16-le") if isinstance(part, str) else None)
        for kind, name, _, _ in resources
        for part in (kind, name)
    ]
    places = []
    for raw in strings:
        places.append(names_at + len(names))
        names += struct.pack("<H", len(raw) // 2) + raw if raw is not None else b""
    data_at = -(-(names_at + len(names)) // 16) * 16
    root = struct.pack("<12xHH", 0, count)
    middle, leaves, data = b"", b"", b""
    for at, (kind, name, language, content) in enumerate(resources):
        own = root_bytes + at * 48
        kind_id = kind if isinstance(kind, int) else places[2 * at] | 0x80000000
        name_id = name if isinstance(name, int) else places[2 * at + 1] | 0x80000000
        root += struct.pack("<II", kind_id, own | 0x80000000)
        middle += struct.pack("<12xHHII", 0, 1, name_id, (own + 24) | 0x80000000)
        middle += struct.pack("<12xHHII", 0, 1, language, entries_at + at * 16)
        address = RSRC_ADDRESS + data_at + len(data)
        leaves += struct.pack("<IIII", address, len(content), 0, 0)
        data += content.ljust(-(-len(content) // 16) * 16, b"\0")
    return (root + middle + leaves + names).ljust(data_at, b"\0") + data


def burn_section(stub: int, sizes: Sequence[int], signature: tuple[int, int] = (0, 0)) -> bytes:
    """The section ``.wixburn`` of a bundle (version 2)."""
    head = struct.pack("<II16sIIII", 0x00F14300, 2, b"g" * 16, stub, 0, *signature)
    return head + struct.pack("<II", 1, len(sizes)) + struct.pack(f"<{len(sizes)}I", *sizes)

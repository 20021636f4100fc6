"""A minimal PE32 program with the imports asked for (Microsoft, "PE Format")."""

from __future__ import annotations

import struct
from collections.abc import Mapping

_ALIGN, _BASE_RVA, _HEADERS = 0x200, 0x1000, 0x200


def pe_program(imports: Mapping[str, tuple[str, ...]]) -> bytes:
    """Return a program of one section that holds its import tables and nothing else."""
    section = _import_section(imports)
    padded = section + bytes(-len(section) % _ALIGN)
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = struct.pack("<HHIIIHH", 0x14C, 1, 0, 0, 0, 224, 0x102)
    optional = struct.pack("<HBBIIIIII", 0x10B, 1, 0, len(padded), 0, 0, 0, _BASE_RVA, _BASE_RVA)
    optional += struct.pack("<III", 0x400000, 0x1000, _ALIGN)
    optional += struct.pack("<HHHHHHI", 5, 0, 0, 0, 5, 0, 0)
    optional += struct.pack("<IIIHH", 0x3000, _HEADERS, 0, 3, 0)
    optional += struct.pack("<IIIIII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    directories = [(0, 0)] * 16
    directories[1] = (_BASE_RVA, 20 * (len(imports) + 1))
    optional += b"".join(struct.pack("<II", *entry) for entry in directories)
    header = struct.pack(
        "<8sIIIIIIHHI",
        *(b".text", len(section), _BASE_RVA, len(padded), _HEADERS, 0, 0, 0, 0, 0xE0000020),
    )
    head = dos + b"PE\0\0" + coff + optional + header
    return head + bytes(_HEADERS - len(head)) + padded


def _import_section(imports: Mapping[str, tuple[str, ...]]) -> bytes:
    descriptors = b""
    body = b""
    start = 20 * (len(imports) + 1)
    for library, functions in imports.items():
        hints = []
        for function in functions:
            hints.append(_BASE_RVA + start + len(body))
            body += b"\0\0" + function.encode() + b"\0"
            body += bytes(len(body) % 2)
        name = _BASE_RVA + start + len(body)
        body += library.encode() + b"\0"
        body += bytes(-len(body) % 4)
        thunks = struct.pack(f"<{len(hints) + 1}I", *hints, 0)
        lookup = _BASE_RVA + start + len(body)
        body += thunks + thunks
        descriptors += struct.pack("<IIIII", lookup, 0, 0, name, lookup + len(thunks))
    return descriptors + bytes(20) + body

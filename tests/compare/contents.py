"""Makes contents for the tests of comparison: a device tree, a program, a signature list."""

from __future__ import annotations

import struct


def device_tree(status: str) -> bytes:
    """Return a tree with one node ``uart`` whose property ``status`` is set."""
    strings = b"status\0"
    value = status.encode() + b"\0"
    body = struct.pack(">I4s", 1, b"") + struct.pack(">I8s", 1, b"uart")
    body += struct.pack(">III", 3, len(value), 0) + value.ljust(-(-len(value) // 4) * 4, b"\0")
    body += struct.pack(">III", 2, 2, 9)
    structure, texts = 40 + 16, 40 + 16 + len(body)
    total = texts + len(strings)
    head = struct.pack(
        ">10I", 0xD00DFEED, total, structure, texts, 40, 17, 16, 0, len(strings), len(body)
    )
    return head + bytes(16) + body + strings


def elf(first: bytes, second: bytes, kind: int = 0x12) -> bytes:
    """Return a 64-bit object with two functions in ``.text`` and a symbol table.

    ``kind`` is the ``st_info`` of the second.
    """
    names = b"\0.text\0.symtab\0.strtab\0.shstrtab\0"
    symbols = b"\0first\0second\0"
    text = first + second
    table = bytes(24)
    table += struct.pack("<IBBHQQ", 1, 0x12, 0, 1, 0x1000, len(first))
    table += struct.pack("<IBBHQQ", 7, kind, 0, 1, 0x1000 + len(first), len(second))
    parts, rows, at = b"", [(0, 0, 0, 0, 0, 0)], 64
    for label, kind, address, content in (
        (".text", 1, 0x1000, text),
        (".symtab", 2, 0, table),
        (".strtab", 3, 0, symbols),
        (".shstrtab", 3, 0, names),
    ):
        rows.append((names.index(label.encode() + b"\0"), kind, 0, address, at, len(content)))
        parts += content
        at += len(content)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, at, 0, 64, 0, 0, 64, len(rows), 4)
    sections = b"".join(struct.pack("<IIQQQQIIQQ", *row, 0, 0, 1, 0) for row in rows)
    return head + parts + sections


def signature_list(kind: str, *values: bytes) -> bytes:
    """Return one EFI_SIGNATURE_LIST of ``kind`` (hexadecimal GUID) with ``values``."""
    size = 16 + len(values[0])
    body = b"".join(bytes(16) + value for value in values)
    return bytes.fromhex(kind) + struct.pack("<3I", 28 + len(body), 0, size) + body

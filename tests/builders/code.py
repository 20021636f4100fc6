"""ELF programs around a few instructions, for every processor that is read.

``static_program`` has one executable segment; ``linked_program`` also has a dynamic
section with a symbol, string and relocation table, so that its imports have entries in
an offset table behind the code (gABI and processor supplements).
"""

from __future__ import annotations

import struct

BASE = 0x10000
_HEADERS = {32: (52, 32), 64: (64, 56)}
_JUMP_SLOT = {3: 7, 8: 127, 20: 21, 21: 21, 40: 22, 62: 7, 183: 1026, 243: 5}
CODE_AT = 0x200


def _header(bits: int, order: str, machine: int, count: int, flags: int) -> bytes:
    head, entry = _HEADERS[bits]
    word = "I" if bits == 32 else "Q"
    ident = b"\x7fELF" + bytes((bits // 32, 1 if order == "<" else 2, 1)) + bytes(9)
    return ident + struct.pack(
        f"{order}HHI3{word}IHHHHHH",
        *(2, machine, 1, BASE + CODE_AT, head, 0, flags, head, entry, count, 0, 0, 0),
    )


def _segment(bits: int, order: str, kind: int, offset: int, size: int, flags: int) -> bytes:
    address = BASE + offset
    if bits == 32:
        fields = (kind, offset, address, address, size, size, flags, 4)
        return struct.pack(f"{order}8I", *fields)
    fields = (kind, flags, offset, address, address, size, size, 8)
    return struct.pack(f"{order}2I6Q", *fields)


def static_program(
    code: bytes, machine: int, bits: int = 32, order: str = "<", flags: int = 0, data: bytes = b""
) -> bytes:
    """Return a program whose one segment holds ``code`` (at BASE + CODE_AT) and ``data``."""
    body = code + data
    size = CODE_AT + len(body)
    head = _header(bits, order, machine, 1, flags) + _segment(bits, order, 1, 0, size, 5)
    return head.ljust(CODE_AT, b"\0") + body


def slot_address(code_bytes: int, index: int, bits: int) -> int:
    """Return the address of the offset table's entry ``index`` behind ``code_bytes``."""
    return BASE + CODE_AT + (code_bytes + 15 & ~15) + index * bits // 8


def linked_program(
    code: bytes,
    imports: tuple[str, ...],
    machine: int,
    bits: int = 32,
    order: str = "<",
    flags: int = 0,
) -> bytes:
    """Return a program with ``imports``; ``slot_address`` tells where their entries are."""
    word, width = ("I", 4) if bits == 32 else ("Q", 8)
    table = code.ljust(len(code) + 15 & ~15, b"\0") + bytes(width * len(imports))
    names = b"\0libc.so\0" + b"".join(name.encode() + b"\0" for name in imports)
    entry = 16 if bits == 32 else 24
    symbols = bytes(entry)
    for name in imports:
        at = names.index(b"\0" + name.encode() + b"\0") + 1
        if bits == 32:
            symbols += struct.pack(f"{order}IIIBBH", at, 0, 0, 0x12, 0, 0)
        else:
            symbols += struct.pack(f"{order}IBBHQQ", at, 0x12, 0, 0, 0, 0)
    kind, relocations = _JUMP_SLOT[machine], b""
    for index in range(len(imports)):
        slot = slot_address(len(code), index, bits)
        info = (index + 1) << (8 if bits == 32 else 32) | kind
        relocations += struct.pack(f"{order}3{word}", slot, info, 0)
    at_symbols = CODE_AT + len(table)
    at_names = at_symbols + len(symbols)
    at_hash = at_names + (len(names) + 7 & ~7)
    hashes = struct.pack(
        f"{order}{4 + len(imports)}I", 1, len(imports) + 1, *([0] * (len(imports) + 2))
    )
    at_relocations = at_hash + (len(hashes) + 7 & ~7)
    at_dynamic = at_relocations + len(relocations)
    tags = [(1, 1), (4, BASE + at_hash), (5, BASE + at_names), (6, BASE + at_symbols)]
    tags += [(10, len(names)), (11, entry), (20, 7), (2, len(relocations))]
    tags += [(23, BASE + at_relocations), (3, slot_address(len(code), 0, bits))]
    if machine == 8:  # all symbols but the empty one have entries in the global table
        tags += [(0x7000000A, 0), (0x70000011, len(imports) + 1), (0x70000013, 1)]
    dynamic = b"".join(struct.pack(f"{order}2{word}", *tag) for tag in (*tags, (0, 0)))
    size = at_dynamic + len(dynamic)
    head = _header(bits, order, machine, 2, flags)
    head += _segment(bits, order, 1, 0, size, 7)
    head += _segment(bits, order, 2, at_dynamic, len(dynamic), 6)
    body = head.ljust(CODE_AT, b"\0") + table + symbols + names.ljust(at_hash - at_names, b"\0")
    return body + hashes.ljust(at_relocations - at_hash, b"\0") + relocations + dynamic

"""Makes raw machine code whose first instructions hold together, and ELF files that speak."""

import struct
import zlib

from tests.builders.mcu import code

NOP, RET, ISB, DSB = 0xD503201F, 0xD65F03C0, 0xD5033FDF, 0xD5033F9F
MOV = 0xAA0003F4  # mov x20, x0


def branch(distance, *, link=False):
    """B or BL over ``distance`` bytes."""
    return (0x94000000 if link else 0x14000000) | (distance // 4 & 0x3FFFFFF)


def branch_if(distance):
    """B.EQ over ``distance`` bytes."""
    return 0x54000000 | (distance // 4 & 0x7FFFF) << 5


def a64(size=8192, words=None, tail=b""):
    """Return an image that calls three functions, each of which returns."""
    if words is None:
        words = [MOV, branch(0x3C, link=True), MOV, branch(0x44, link=True), ISB, DSB, RET]
    words = [*words, *[NOP] * (16 - len(words))]
    head = struct.pack(f"<{len(words)}I", *words)
    head += struct.pack("<4I", MOV, RET, MOV, RET) * 4
    return head + code(size - len(head)) + tail


def uboot(size=8192, end=None, base=0x200000, text=b"", tail=b""):
    """Return an AArch64 U-Boot image; ``end`` is its ``_end_ofs``."""
    stop = size if end is None else end
    head = struct.pack("<2I4Q", branch(0x28), NOP, base, stop, stop, stop + 4096)
    head += struct.pack("<8I", MOV, branch(0x20, link=True), ISB, DSB, RET, NOP, NOP, NOP)
    head += struct.pack("<4I", MOV, RET, MOV, RET) * 2
    head += b"\0" + text + b"\0"
    return head + code(size - len(head)) + tail


def arm(size=8192, vectors=None, order="<"):
    """Return an image that begins with ARM exception vectors."""
    if vectors is None:
        vectors = [0xEA000010] + [0xE59FF014] * 7
    head = struct.pack(f"{order}8I", *vectors) + struct.pack(f"{order}8I", *range(64, 320, 32))
    return head + code(size - len(head))


def opensbi(size=8192, call=0x100):
    """Return OpenSBI's first instructions and a call over ``call`` bytes (below 2 KiB)."""
    jal = 0x0EF | (call >> 1 & 0x3FF) << 21
    head = struct.pack("<4I", 0x00050433, 0x000584B3, 0x00060933, jal)
    return head + code(size - len(head))


def telink(size=4096, mark=8, stated=None, flip=0):
    """Return a Telink image with its CRC-32 (initial value all ones, not inverted)."""
    head = bytearray(code(64))
    head[mark : mark + 4] = b"KNLT"
    head[0x18:0x1C] = struct.pack("<I", size if stated is None else stated)
    body = bytes(head) + code(size - 68)
    return body + struct.pack("<I", zlib.crc32(body) ^ 0xFFFFFFFF ^ flip)


def note(name=b"GNU\0", kind=3, desc=bytes(range(20)), order="<"):
    """Return one ELF note."""
    head = struct.pack(f"{order}3I", len(name), len(desc), kind)
    return head + name + bytes(-len(name) % 4) + desc + bytes(-len(desc) % 4)


def elf(sections, *, segments=(), wide=True, order="<", machine=183, kind=2):
    """Return an ELF file; sections are (name, type, content), segments (type, content)."""
    names = b"\0" + b"".join(name + b"\0" for name, _, _ in sections) + b".shstrtab\0"
    rows = [*sections, (b".shstrtab", 3, names)]
    header = 64 if wide else 52
    body, places = b"", []
    for content in [each[1] for each in segments] + [each[2] for each in rows]:
        places.append((header + len(body), len(content)))
        body += content + bytes(-len(content) % 8)
    phoff = header + len(body)
    table = b""
    for (type_, _), (start, size) in zip(segments, places, strict=False):
        fields = (type_, 4, start, 0, 0, size, size, 4) if wide else None
        fields = fields or (type_, start, 0, 0, size, size, 4, 4)
        table += struct.pack(f"{order}{'IIQQQQQQ' if wide else '8I'}", *fields)
    shoff = phoff + len(table)
    layout = f"{order}{'IIQQQQIIQQ' if wide else '10I'}"
    table += bytes(struct.calcsize(layout))
    for (name, type_, _), (start, size) in zip(rows, places[len(segments) :], strict=True):
        table += struct.pack(
            layout, names.index(b"\0" + name + b"\0") + 1, type_, 0, 0, start, size, 0, 0, 1, 0
        )
    head = b"\x7fELF" + bytes((2 if wide else 1, 1 if order == "<" else 2, 1)) + bytes(9)
    head += struct.pack(
        f"{order}{'HHIQQQIHHHHHH' if wide else 'HHIIIIIHHHHHH'}",
        kind, machine, 1, 0, phoff if segments else 0, shoff, 0, header,
        56 if wide else 32, len(segments), 64 if wide else 40, len(rows) + 1, len(rows),
    )  # fmt: skip
    return head + body + table

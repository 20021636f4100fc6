"""Makes raw microcontroller images whose code is dull: few values, low entropy."""

import struct


def code(size):
    """Return bytes that repeat like code does."""
    unit = bytes.fromhex("70b5044620681c30fff7f8ff0028fbd110bd00bf2de9f04184b0")
    return (unit * (size // len(unit) + 1))[:size]


def cortex_m(size=4096, base=0x0800_0000, stack=0x2000_4000, handlers=None, tail=b""):
    """Return an image of ``size`` bytes and a tail behind it."""
    words = [stack, base + 0x101]
    words += [base + 0x121 + 4 * index for index in range(14)]
    for index in (7, 8, 9, 10, 13):
        words[index] = 0
    for index, value in (handlers or {}).items():
        words[index] = value
    return struct.pack("<16I", *words) + code(size - 64) + tail


def avr(size=4096, vectors=26, reset=0x200, default=0x300):
    """Return an image that begins with JMPs."""
    table = struct.pack("<2H", 0x940C, reset // 2)
    table += struct.pack("<2H", 0x940C, default // 2) * (vectors - 1)
    return table + code(size - len(table))


def avr_small(size=2048, vectors=15):
    """Return an image that begins with RJMPs."""
    table = b"".join(
        struct.pack("<H", 0xC000 | ((0x100 - 2 * index - 2) // 2)) for index in range(vectors)
    )
    return table + code(size - len(table))

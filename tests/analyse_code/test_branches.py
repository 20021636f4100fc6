"""The finders of calls beside a plain reading of every place of the code."""

from __future__ import annotations

import random
import struct

import pytest

from fwverify.analyse.code.branches import FINDERS, words_of
from fwverify.analyse.code.image import Code

BASE = 0x40_0000


def _word(content: bytes, at: int, little: bool) -> int:
    return int.from_bytes(content[at : at + 4], "little" if little else "big")


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def _target(name: str, little: bool, content: bytes, at: int) -> int | None:
    """Return where the call at ``at`` leads, by the manual of its processor; None for no call."""
    address, word = BASE + at, _word(content, at, little)
    if name == "x86-64":
        return (
            address + 5 + _signed(_word(content, at + 1, True), 32) if word & 0xFF == 0xE8 else None
        )
    if name == "AArch64":
        return address + 4 * _signed(word & 0x3FFFFFF, 26) if word >> 26 == 0x25 else None
    if name == "ARM":
        near = address + 8 + 4 * _signed(word & 0xFFFFFF, 24)
        return {0xEB: near, 0xFA: near, 0xFB: near + 2}.get(word >> 24)
    if name == "MIPS":
        if word >> 26 == 3:
            return (address + 4 & ~0xFFFFFFF) | (word & 0x3FFFFFF) << 2
        return address + 4 + 4 * _signed(word & 0xFFFF, 16) if word >> 16 == 0x0411 else None
    if word >> 26 == 0x12 and word & 3 == 1:
        return address + _signed(word & 0x3FFFFFC, 26)
    return None


def _call(name: str, little: bool, at: int, target: int) -> bytes:
    """Return a call at ``at`` of ``target``."""
    distance = target - BASE - at
    order = "<" if little else ">"
    if name == "x86-64":
        return b"\xe8" + struct.pack("<i", distance - 5)
    if name == "AArch64":
        return struct.pack("<I", 0x94000000 | distance >> 2 & 0x3FFFFFF)
    if name == "ARM":
        return struct.pack("<I", 0xEB000000 | (distance - 8) >> 2 & 0xFFFFFF)
    if name == "MIPS":
        return struct.pack(f"{order}I", 0x0C000000 | target >> 2 & 0x3FFFFFF)
    return struct.pack(f"{order}I", 0x48000001 | distance & 0x3FFFFFC)


@pytest.mark.parametrize(
    ("name", "little"),
    [
        ("x86-64", True),
        ("AArch64", True),
        ("ARM", True),
        ("MIPS", True),
        ("MIPS", False),
        ("PowerPC", False),
        ("PowerPC64", True),
    ],
)
@pytest.mark.parametrize("spread", [0x40, 0x30000, 0x200000])
def test_every_call_is_found(name: str, little: bool, spread: int) -> None:
    dice = random.Random(f"{name}{little}{spread}")
    content = bytearray(dice.randbytes(200_003))
    step = 1 if name == "x86-64" else 4
    first = BASE + dice.choice((-0x8000, 0x100, 0x1FFF0)) // 4 * 4
    wanted = frozenset(first + 4 * dice.randrange(spread // 4) for _ in range(12))
    for _ in range(300):
        at = dice.randrange(0, len(content) - 8) // step * step
        call = _call(name, little, at, dice.choice(sorted(wanted)))
        content[at : at + len(call)] = call
    code = Code(BASE, 0, bytes(content))
    expected = {
        (at, target)
        for at in range(0, len(content) - (4 if step == 1 else 3), step)
        if (target := _target(name, little, code.content, at)) in wanted
    }
    found = FINDERS[name, little](code, wanted)
    assert len(expected) > 250
    assert {(at, target) for at, _, target in found} == expected
    assert len(found) == len(expected)


def test_calls_at_both_ends_of_a_chunk() -> None:
    target = BASE + 0x40000
    content = bytearray(0x20000)
    places = (0, 0xFFFC, 0x10000, 0x1FFFC)
    for at in places:
        content[at : at + 4] = _call("AArch64", True, at, target)
    found = FINDERS["AArch64", True](Code(BASE, 0, bytes(content)), frozenset((target,)))
    assert sorted(at for at, _, _ in found) == list(places)


@pytest.mark.parametrize("order", ["<", ">"])
def test_words_by_their_upper_half(order: str) -> None:
    dice = random.Random(order)
    words = [
        dice.choice((0x8F990018, 0x8E198E19, 0x19, 0x998F998F, 0x8F8F9999)) for _ in range(999)
    ]
    content = struct.pack(f"{order}999I", *words) + b"\x8f\x99\x8f"
    expected = [(4 * n, word) for n, word in enumerate(words) if word >> 16 in (0x8F99, 0x8E19)]
    assert words_of(content, order, (0x8F99, 0x8E19)) == expected

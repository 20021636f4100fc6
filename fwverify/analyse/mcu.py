"""Raw microcontroller images: where they are loaded, which texts and peripherals they use.

Guarantees: an image is one that the unpack stage recognises (``unpack.rawmcu``); its load
address is the one, a multiple of 1024, by which most words of the image are addresses of
the beginnings of texts, by at least ``MIN_VOTES`` more than any other. A text is used
where a word holds its address. Peripherals are words
that equal the register base of a CAN or flash controller of the named families.

Sources: reference manuals of ST (RM0008, RM0090, RM0433, RM0440), NXP (S32K1xx, S32K3xx,
K60, LPC17xx), Microchip (SAM E5x, SAM V7x), Infineon (TC2xx, TC3xx), "Memory map".

What it does not see: addresses that code puts together from halves (MOVW and MOVT),
texts that are reached by an offset. The same base may be another peripheral in another
family, so that these are facts for the comparison and no findings.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.config.said import clean
from fwverify.model import Fact
from fwverify.reader import Buffer
from fwverify.unpack.rawmcu import architecture

MIN_VOTES: Final = 4
MAX_SAMPLE: Final = 4096
MAX_TEXTS: Final = 2000
_STEP: Final = 1024
_TEXT: Final = re.compile(
    rb"(?<![\x09\x0a\x0d\x20-\x7e])[\x20-\x7e][\x09\x0a\x0d\x20-\x7e]{3,200}\x00"
)
_AT_ADDRESS: Final = re.compile(rb"([\x09\x0a\x0d\x20-\x7e]{4,200})\x00")
PERIPHERALS: Final = {
    0x40006400: "CAN: STM32 CAN1 or FDCAN1",
    0x40006800: "CAN: STM32 CAN2 or FDCAN2",
    0x4000A000: "CAN: STM32H7 FDCAN1",
    0x4000A400: "CAN: STM32H7 FDCAN2",
    0x40024000: "CAN: NXP S32K1 or K60 FlexCAN0",
    0x40025000: "CAN: NXP S32K1 FlexCAN1",
    0x4002B000: "CAN: NXP S32K1 FlexCAN2",
    0x40304000: "CAN: NXP S32K3 FlexCAN0",
    0x40308000: "CAN: NXP S32K3 FlexCAN1",
    0x40044000: "CAN: NXP LPC17xx CAN1",
    0x40048000: "CAN: NXP LPC17xx CAN2",
    0x42000000: "CAN: Microchip SAM E5x CAN0",
    0x42000400: "CAN: Microchip SAM E5x CAN1",
    0x40030000: "CAN: Microchip SAM V7x MCAN0",
    0x40034000: "CAN: Microchip SAM V7x MCAN1",
    0xF0018000: "CAN: Infineon TC2xx MultiCAN",
    0xF0200000: "CAN: Infineon TC3xx MCMCAN0",
    0xF0210000: "CAN: Infineon TC3xx MCMCAN1",
    0x40023C00: "flash: STM32F4 controller",
    0x52002000: "flash: STM32H7 controller",
    0x45670123: "flash: STM32 unlock key",
}


def mcu(buffer: Buffer) -> tuple[Fact, ...]:
    """Return the facts of a raw image; nothing for another content."""
    arch = architecture(buffer)
    if arch is None or arch == "avr":  # AVR's code addresses are words, its data is copied
        return ()
    data = bytes(buffer)
    words = array("I", data[: len(data) & ~3])
    if array("H", b"\1\0")[0] != 1:
        words.byteswap()
    facts = {Fact(kind="machine", text=arch)}
    present = set(words)
    facts |= {
        Fact(kind="peripheral", text=f"{base:#010x} {PERIPHERALS[base]}")
        for base in PERIPHERALS
        if base in present
    }
    starts = tuple(match.start() for match in _TEXT.finditer(data))
    base = load_address(words, starts, len(data))
    if base is not None:
        facts.add(Fact(kind="load address", text=f"{base:#010x}"))
        facts |= set(_used(data, present, base))
    return tuple(sorted(facts, key=lambda fact: (fact.kind, fact.text)))


def load_address(words: array[int], starts: tuple[int, ...], size: int) -> int | None:
    """Return the address by which words are the addresses of ``starts``; None where unsure.

    An address and the place it leads to agree in their lower bits, which keeps the pairs
    that are counted few: both are sampled, and put together by those bits.
    """
    by_low: dict[int, list[int]] = {}
    for start in _sampled(starts):
        by_low.setdefault(start % _STEP, []).append(start)
    reset = words[1]
    near = sorted({word for word in words if abs(word - reset) < size})
    votes: Counter[int] = Counter()
    for word in _sampled(tuple(near)):
        for start in by_low.get(word % _STEP, ()):
            base = word - start
            if 0 <= base <= reset < base + size:
                votes[base] += 1
    ranked = sorted(votes.items(), key=lambda item: (-item[1], item[0]))[:2]
    if not ranked or ranked[0][1] < MIN_VOTES:
        return None
    if len(ranked) > 1 and ranked[1][1] + MIN_VOTES > ranked[0][1]:
        return None
    return ranked[0][0]


def _sampled(values: tuple[int, ...]) -> tuple[int, ...]:
    """Return at most ``MAX_SAMPLE`` of ``values``, evenly spread."""
    step = -(-len(values) // MAX_SAMPLE) or 1
    return values[::step]


def _used(data: bytes, present: set[int], base: int) -> Iterator[Fact]:
    """Yield the texts whose address is a word of the image, the first ``MAX_TEXTS``."""
    places = sorted(word - base for word in present if base < word < base + len(data))
    used = [match[1] for place in places if (match := _AT_ADDRESS.match(data, place))]
    for text in used[:MAX_TEXTS]:
        yield Fact(kind="text", text=clean(text.decode("latin-1")))
    if len(used) > MAX_TEXTS:
        yield Fact(kind="texts", text=f"{len(used)} are used, the first {MAX_TEXTS} are listed")

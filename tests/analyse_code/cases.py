"""A few instructions for each processor, assembled by hand from the manuals.

``SYSTEM_CALLS``: ``dup2(…)`` (``dup3`` where the kernel has no dup2), ``execve(…)``,
``connect(…)`` and ``socket(29, 3, 1)``, each with its number just before the trap.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    name: str
    machine: int
    bits: int
    order: str
    code: bytes
    names: tuple[str, ...]
    flags: int = 0


def le(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def be(*words: int) -> bytes:
    return struct.pack(f">{len(words)}I", *words)


def half(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}H", *words)


TWO = ("connect", "dup2", "execve", "socket")
THREE = ("connect", "dup3", "execve", "socket")


def _x64() -> bytes:
    calls = b"".join(b"\xb8" + le(number) + b"\x0f\x05" for number in (33, 59, 42))
    return calls + bytes.fromhex("bf1d000000 be03000000 ba01000000 6a29 58 0f05 c3")


def _x86() -> bytes:
    calls = b"".join(b"\xb8" + le(number) + b"\xcd\x80" for number in (63, 11, 362))
    arguments = bytes.fromhex("bb1d000000 b903000000 ba01000000")
    return calls + arguments + b"\xb8" + le(359) + bytes.fromhex("65ff1510000000 c3")


def _arm() -> bytes:
    svc = 0xEF000000
    calls = le(0xE3A0703F, svc, 0xE3A0700B, svc, 0xE300711B, svc)
    return calls + le(0xE3A0001D, 0xE3A01003, 0xE3A02001, 0xE59F7000, svc, 281, 0xE12FFF1E)


def _thumb() -> bytes:
    svc = 0xDF00
    calls = half(0x273F, svc, 0x270B, svc, 0xF240, 0x171B, svc)
    return calls + half(0x201D, 0x2103, 0x2201, 0xF240, 0x1719, svc, 0x4770)


def _a64() -> bytes:
    svc = 0xD4000001
    calls = le(*(word for n in (24, 221, 203) for word in (0xD2800008 | n << 5, svc)))
    return calls + le(0x528003A0, 0x52800061, 0x52800022, 0xD28018C8, svc, 0xD65F03C0)


def _mips(base: int, numbers: tuple[int, ...]) -> tuple[int, ...]:
    load = 0x24020000 if base != 5000 else 0x64020000
    words: list[int] = []
    for number in numbers[:3]:
        words += [load | base + number, 0x0000000C]
    words += [0x2404001D, 0x24050003, 0x24060001, load | base + numbers[3], 0x0000000C]
    return (*words, 0x03E00008, 0)


def _ppc() -> tuple[int, ...]:
    words = [word for n in (63, 11, 328) for word in (0x38000000 | n, 0x44000002)]
    return (*words, 0x3860001D, 0x38800003, 0x38A00001, 0x38000146, 0x44000002, 0x4E800020)


def _riscv() -> bytes:
    def li(register: int, value: int) -> int:
        return value << 20 | register << 7 | 0x13

    words = [word for n in (24, 221, 203) for word in (li(17, n), 0x73)]
    words += [li(10, 29), li(11, 3), li(12, 1), li(17, 198), 0x73]
    return le(*words) + half(0x8082)


_O32, _N64 = (63, 11, 170, 183), (32, 57, 41, 40)

SYSTEM_CALLS = (
    Case("x86-64", 62, 64, "<", _x64(), TWO),
    Case("x86", 3, 32, "<", _x86(), TWO),
    Case("arm", 40, 32, "<", _arm(), TWO),
    Case("thumb", 40, 32, "<", _thumb(), TWO),
    Case("aarch64", 183, 64, "<", _a64(), THREE),
    Case("mipsel", 8, 32, "<", le(*_mips(4000, _O32)), TWO),
    Case("mips", 8, 32, ">", be(*_mips(4000, _O32)), TWO),
    Case("mips64el", 8, 64, "<", le(*_mips(5000, _N64)), TWO),
    Case("mips64", 8, 64, ">", be(*_mips(5000, _N64)), TWO),
    Case("mips-n32", 8, 32, "<", le(*_mips(6000, (32, 57, 41, 40))), TWO, 0x20),
    Case("powerpc", 20, 32, ">", be(*_ppc()), TWO),
    Case("powerpc64le", 21, 64, "<", le(*_ppc()), TWO),
    Case("riscv64", 243, 64, "<", _riscv(), THREE),
    Case("riscv32", 243, 32, "<", _riscv(), THREE),
)

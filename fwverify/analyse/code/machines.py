"""The processors whose code is read: how they call the kernel and pass arguments.

Sources: syscall(2), "Architecture calling conventions"; the psABI supplements of the
processors (AAPCS, AAPCS64, System V amd64 and i386, MIPS o32/n32/n64, Power ELF v1/v2, RISC-V).
Register names are those of capstone after ``trace.canonical``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.elfheader import ElfHeader


@dataclass(frozen=True)
class Machine:
    """One instruction set in one byte order with one kernel ABI.

    ``arch`` and ``mode`` are names of capstone's constants without their prefix;
    ``traps`` are the system call instructions as bytes, aligned to ``step``; ``number``
    is the register of the call's number, ``kernel`` and ``function`` those of the first
    arguments (empty: on the stack).
    """

    name: str
    family: str
    arch: str
    mode: tuple[str, ...]
    little: bool
    step: int
    traps: tuple[bytes, ...]
    number: str
    kernel: tuple[str, ...]
    function: tuple[str, ...]
    abi: str

    @property
    def trap(self) -> re.Pattern[bytes]:
        """The pattern that finds ``traps``."""
        return re.compile(b"|".join(re.escape(item) for item in self.traps))


_SVC_ARM: Final = (b"\x00\x00\x00\xef",)
_ARM_REGISTERS: Final = ("r0", "r1", "r2", "r3")
_X64: Final = Machine(
    "x86-64", "x86", "X86", ("64",), True, 1, (b"\x0f\x05",), "rax",
    ("rdi", "rsi", "rdx", "r10"), ("rdi", "rsi", "rdx", "rcx"), "x86_64",
)  # fmt: skip
_I386: Final = Machine(
    "x86", "x86", "X86", ("32",), True, 1,
    (b"\xcd\x80", b"\x0f\x34", b"\x65\xff\x15\x10\x00\x00\x00"), "rax",
    ("rbx", "rcx", "rdx", "rsi"), (), "i386",
)  # fmt: skip
_ARM: Final = Machine(
    "ARM", "arm", "ARM", ("ARM",), True, 4, _SVC_ARM, "r7",
    _ARM_REGISTERS, _ARM_REGISTERS, "arm",
)  # fmt: skip
_THUMB: Final = Machine(
    "Thumb", "arm", "ARM", ("THUMB",), True, 2, (b"\x00\xdf",), "r7",
    _ARM_REGISTERS, _ARM_REGISTERS, "arm",
)  # fmt: skip
_A64: Final = Machine(
    "AArch64", "a64", "ARM64", ("ARM",), True, 4, (b"\x01\x00\x00\xd4",), "x8",
    ("x0", "x1", "x2", "x3"), ("x0", "x1", "x2", "x3"), "generic",
)  # fmt: skip


def _mips(name: str, abi: str, *, little: bool) -> Machine:
    registers = ("$a0", "$a1", "$a2", "$a3")
    trap = b"\x0c\x00\x00\x00" if little else b"\x00\x00\x00\x0c"
    mode = ("MIPS64" if abi == "n64" else "MIPS32", *(() if little else ("BIG_ENDIAN",)))
    return Machine(name, "mips", "MIPS", mode, little, 4, (trap,), "$v0", registers, registers, abi)


def _power(name: str, bits: str, *, little: bool) -> Machine:
    registers = ("r3", "r4", "r5", "r6")
    traps = (b"\x44\x00\x00\x02", b"\x44\x00\x00\x01")
    mode = (bits, *(() if little else ("BIG_ENDIAN",)))
    return Machine(
        name,
        "ppc",
        "PPC",
        mode,
        little,
        4,
        tuple(trap[::-1] if little else trap for trap in traps),
        "r0",
        registers,
        registers,
        "ppc",
    )


def _riscv(name: str, mode: str) -> Machine:
    registers = ("a0", "a1", "a2", "a3")
    return Machine(
        name, "riscv", "RISCV", (mode, "RISCVC"), True, 2, (b"\x73\x00\x00\x00",), "a7",
        registers, registers, "generic",
    )  # fmt: skip


_EF_MIPS_ABI2: Final = 0x20
"""n32: 64-bit registers in a 32-bit file (``elf.h``)."""

_BY_HEADER: Final[dict[tuple[str, int, bool], tuple[Machine, ...]]] = {
    ("X86_64", 64, True): (_X64,),
    ("X86_64", 32, True): (_X64,),
    ("I386", 32, True): (_I386,),
    ("ARM", 32, True): (_ARM, _THUMB),
    ("AARCH64", 64, True): (_A64,),
    ("MIPS", 32, True): (_mips("MIPS", "o32", little=True),),
    ("MIPS", 32, False): (_mips("MIPS", "o32", little=False),),
    ("MIPS", 64, True): (_mips("MIPS64", "n64", little=True),),
    ("MIPS", 64, False): (_mips("MIPS64", "n64", little=False),),
    ("PPC", 32, False): (_power("PowerPC", "32", little=False),),
    ("PPC64", 64, False): (_power("PowerPC64", "64", little=False),),
    ("PPC64", 64, True): (_power("PowerPC64", "64", little=True),),
    ("RISCV", 64, True): (_riscv("RISC-V 64", "RISCV64"),),
    ("RISCV", 32, True): (_riscv("RISC-V 32", "RISCV32"),),
}
_N32: Final = {little: (_mips("MIPS n32", "n32", little=little),) for little in (True, False)}


def machines(header: ElfHeader, flags: int) -> tuple[Machine, ...]:
    """Return the instruction sets that a file of this header may hold; empty: none known.

    ``flags`` is e_flags. Big-endian ARM code of BE8 files is little-endian and is read;
    its data is not needed.
    """
    if header.machine == "MIPS" and flags & _EF_MIPS_ABI2:
        return _N32[header.little]
    if header.machine == "ARM" and header.bits == 32 and not header.little:
        return (_ARM, _THUMB) if flags & _EF_ARM_BE8 else ()
    return _BY_HEADER.get((header.machine, header.bits, header.little), ())


_EF_ARM_BE8: Final = 0x00800000
"""Code in little-endian order in a big-endian file (AAELF32, "e_flags")."""

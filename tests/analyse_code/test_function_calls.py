"""Calls of imported functions: each linkage stub by hand, and programs of a compiler."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fwverify.analyse.elf import elf
from tests.analyse_code.cases import be, half, le
from tests.builders.code import BASE, CODE_AT, linked_program, slot_address

START = BASE + CODE_AT
IMPORTS = ("socket", "write")


def calls_of(program: bytes) -> list[str]:
    return [fact.text for fact in elf(program)[0] if fact.kind == "call"]


def x64(size: int, kind: str) -> bytes:
    slot = slot_address(size, 0, 64)
    head = bytes.fromhex("bf1d000000 be03000000 ba01000000")  # edi, esi, edx
    at = START + len(head)
    if kind == "direct":  # call [rip + slot]
        return head + b"\xff\x15" + struct.pack("<i", slot - at - 6) + b"\xc3"
    prefix = {"plain": b"", "endbr": b"\xf3\x0f\x1e\xfa", "bnd": b"\xf3\x0f\x1e\xfa\xf2"}[kind]
    jump = at + 6 + len(prefix)
    return (
        head + b"\xe8" + struct.pack("<i", 1) + b"\xc3" + prefix
        + b"\xff\x25" + struct.pack("<i", slot - jump - 6)
    )  # fmt: skip


def x86(size: int, kind: str) -> bytes:
    slot = slot_address(size, 0, 32)
    head = bytes.fromhex("6a01 6a03 6a1d")
    if kind == "moved":
        head = bytes.fromhex("c704241d000000 c744240403000000 c744240801000000")
    stub = b"\xff\x25" + struct.pack("<I", slot)
    if kind == "based":  # jmp [ebx + 0]: ebx holds the table's address
        stub = b"\xff\xa3" + struct.pack("<i", 0)
    return head + b"\xe8" + struct.pack("<i", 1) + b"\xc3" + stub


def arm(size: int, kind: str) -> bytes:
    slot = slot_address(size, 0, 32)
    delta = slot - (START + 20 + 8)
    stub = le(0xE28FC600, 0xE28CCA00 | delta >> 12, 0xE5BCF000 | delta & 0xFFF)
    first = 0xE3A0001D if kind == "plain" else 0xE59F001C  # ldr r0, [pc, #28]
    return le(first, 0xE3A01003, 0xE3A02001, 0xEB000000, 0xE12FFF1E) + stub + le(0, 29)


def thumb(size: int, _: str) -> bytes:
    slot = slot_address(size, 0, 32)
    delta = slot - (START + 12 + 8)
    stub = le(0xE28FC600, 0xE28CCA00 | delta >> 12, 0xE5BCF000 | delta & 0xFFF)
    return (
        half(0x201D, 0x2103, 0x2201, 0xF000, 0xE800, 0x4770)[:6]
        + half(0xF000, 0xE802, 0x4770)
        + stub
    )


def a64(size: int, kind: str) -> bytes:
    slot = slot_address(size, 0, 64)
    before = () if kind == "plain" else (0xD503245F,)  # bti c
    stub_at = START + 20 + 4 * len(before)
    page = (slot & ~0xFFF) - (stub_at & ~0xFFF) >> 12
    stub = le(
        *before,
        0x90000010 | (page & 3) << 29 | page >> 2 << 5,
        0xF9400211 | (slot & 0xFFF) // 8 << 10,
        0x91000210,
        0xD61F0220,
    )
    return le(0x528003A0, 0x52800061, 0x52800022, 0x94000002, 0xD65F03C0) + stub


def mips(order: str, kind: str, bits: int) -> bytes:
    pack = le if order == "<" else be
    load = 0xDF99 if bits == 64 else 0x8F99
    if kind == "copied":
        load -= (28 - 16) << 5
    distance = -0x7FF0 & 0xFFFF
    return pack(
        0x2404001D, 0x24050003, load << 16 | distance, 0, 0x0320F809, 0x24060001, 0x03E00008, 0
    )


def mips_stub(size: int, order: str) -> bytes:
    pack = le if order == "<" else be
    slot = slot_address(size, 0, 32)
    jal = 0x0C000000 | START + 24 >> 2 & 0x3FFFFFF
    stub = (0x3C0F0000 | slot + 0x8000 >> 16, 0x8DF90000 | slot & 0xFFFF, 0x03200008, 0)
    return pack(0x2404001D, 0x24050003, jal, 0x24060001, 0x03E00008, 0, *stub)


def ppc(size: int) -> bytes:
    slot = slot_address(size, 0, 32)
    stub = (0x3D600000 | slot + 0x8000 >> 16, 0x816B0000 | slot & 0xFFFF, 0x7D6903A6, 0x4E800420)
    return be(0x3860001D, 0x38800003, 0x38A00001, 0x48000009, 0x4E800020, *stub)


def riscv(size: int, kind: str, bits: int) -> bytes:
    slot = slot_address(size, 0, bits)
    head = le(
        *(value << 20 | register << 7 | 0x13 for register, value in ((10, 29), (11, 3), (12, 1)))
    )
    call = le(0x000000EF | 8 << 20) if kind == "near" else le(0x00000097, 12 << 20 | 0x80E7)
    stub_at = START + len(head) + len(call) + 4
    delta = slot - stub_at
    load = 0x000E3E03 if bits == 64 else 0x000E2E03
    stub = le((delta + 0x800 & 0xFFFFF000) | 0xE17, load | (delta & 0xFFF) << 20, 0x000E0367, 0x13)
    return head + call + le(0x00008067) + stub


def linked(build, *more, machine, bits, order="<"):  # type: ignore[no-untyped-def]
    size = len(build(64, *more))
    return linked_program(build(size, *more), IMPORTS, machine, bits, order)


PROGRAMS = {
    "x86-64 plain": linked(x64, "plain", machine=62, bits=64),
    "x86-64 endbr": linked(x64, "endbr", machine=62, bits=64),
    "x86-64 bnd": linked(x64, "bnd", machine=62, bits=64),
    "x86 plain": linked(x86, "plain", machine=3, bits=32),
    "x86 moved": linked(x86, "moved", machine=3, bits=32),
    "x86 based": linked(x86, "based", machine=3, bits=32),
    "arm plain": linked(arm, "plain", machine=40, bits=32),
    "arm literal": linked(arm, "literal", machine=40, bits=32),
    "thumb": linked(thumb, "", machine=40, bits=32),
    "aarch64 plain": linked(a64, "plain", machine=183, bits=64),
    "aarch64 bti": linked(a64, "bti", machine=183, bits=64),
    "mipsel": linked_program(mips("<", "plain", 32), IMPORTS, 8, 32, "<"),
    "mipsel copied": linked_program(mips("<", "copied", 32), IMPORTS, 8, 32, "<"),
    "mips": linked_program(mips(">", "plain", 32), IMPORTS, 8, 32, ">"),
    "mips64el": linked_program(mips("<", "plain", 64), IMPORTS, 8, 64, "<"),
    "mipsel stub": linked(mips_stub, "<", machine=8, bits=32),
    "mips stub": linked(mips_stub, ">", machine=8, bits=32, order=">"),
    "powerpc": linked(ppc, machine=20, bits=32, order=">"),
    "riscv64 near": linked(riscv, "near", 64, machine=243, bits=64),
    "riscv64 far": linked(riscv, "far", 64, machine=243, bits=64),
    "riscv32": linked(riscv, "near", 32, machine=243, bits=32),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_call_through_its_stub_gives_the_constants(name: str) -> None:
    facts, hits, troubles = elf(PROGRAMS[name])
    assert troubles == ()
    assert [fact.text for fact in facts if fact.kind == "call"] == [
        "socket(AF_CAN, SOCK_RAW, CAN_RAW)"
    ]
    (hit,) = (hit for hit in hits if hit.capability == "can.inject")
    assert (hit.severity, hit.confidence) == ("medium", "medium")
    assert hit.evidence == ("call socket(AF_CAN, SOCK_RAW, CAN_RAW)", "function write")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_stub_of_another_function_is_no_socket(name: str) -> None:
    assert calls_of(PROGRAMS[name].replace(b"\0socket\0", b"\0sicket\0")) == []


def test_a_direct_call_through_the_table_is_not_a_stub() -> None:
    """``call [rip + slot]`` (-fno-plt) is a call site of its own."""
    assert calls_of(linked(x64, "direct", machine=62, bits=64)) == [
        "socket(AF_CAN, SOCK_RAW, CAN_RAW)"
    ]


def _socket_x64(family: int, kind: int, protocol: int, name: bytes = b"socket") -> list[str]:
    size = len(x64(64, "plain"))
    code = bytearray(x64(size, "plain"))
    struct.pack_into("<I", code, 1, family)
    struct.pack_into("<I", code, 6, kind)
    struct.pack_into("<I", code, 11, protocol)
    return calls_of(linked_program(bytes(code), (name.decode(), "write"), 62, 64))


@pytest.mark.parametrize(
    ("arguments", "name", "text"),
    [
        ((17, 3, 0x0300), b"socket", "socket(AF_PACKET, SOCK_RAW, ETH_P_ALL)"),
        ((17, 2, 0x0008), b"socket", "socket(AF_PACKET, SOCK_DGRAM, 0x0800)"),
        ((2, 0x80001, 0), b"socket", "socket(AF_INET, SOCK_STREAM, 0)"),
        ((2, 3, 1), b"socket", "socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)"),
        ((29, 2, 6), b"socket", "socket(AF_CAN, SOCK_DGRAM, CAN_ISOTP)"),
        ((29, 2, 7), b"socket", "socket(AF_CAN, SOCK_DGRAM, CAN_J1939)"),
        ((16, 3, 15), b"socket", "socket(AF_NETLINK, SOCK_RAW, 15)"),
        ((31, 9, 0), b"socket", "socket(AF_BLUETOOTH)"),
        ((4, 1, 25), b"setsockopt", "setsockopt(SOL_SOCKET, SO_BINDTODEVICE)"),
        ((4, 1, 26), b"setsockopt", "setsockopt(SOL_SOCKET, SO_ATTACH_FILTER)"),
        ((15, 0, 0), b"prctl", "prctl(PR_SET_NAME)"),
        ((0, 0, 0), b"ptrace", "ptrace(PTRACE_TRACEME)"),
        ((31337, 0, 0), b"htons", "htons(31337)"),
    ],
)
def test_constants_get_their_names(arguments: tuple[int, int, int], name: bytes, text: str) -> None:
    assert _socket_x64(*arguments, name) == [text]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((99, 1, 0), b"socket"),
        ((4, 2, 25), b"setsockopt"),
        ((4, 1, 2), b"setsockopt"),
        ((1, 0, 0), b"prctl"),
        ((99, 0, 0), b"ptrace"),
        ((0, 0, 0), b"htons"),
        ((70000, 0, 0), b"htons"),
        ((29, 3, 1), b"sockatmark"),
    ],
)
def test_other_constants_say_nothing(arguments: tuple[int, int, int], name: bytes) -> None:
    assert _socket_x64(*arguments, name) == []


@pytest.mark.parametrize("port", [2323, 31337])
def test_the_port_of_an_address_on_the_stack(port: int) -> None:
    swapped = struct.unpack("<H", struct.pack(">H", port))[0]

    def build(size: int, how: str) -> bytes:
        if how == "word":  # mov dword [rsp + 8], port << 16 | AF_INET
            store = b"\xc7\x44\x24\x08" + struct.pack("<I", swapped << 16 | 2)
        else:  # two words of 16 bits
            store = b"\x66\xc7\x44\x24\x08\x02\x00"
            store += b"\x66\xc7\x44\x24\x0a" + struct.pack("<H", swapped)
        return store + x64(size - len(store), "plain")[15:]

    for how in ("word", "halves"):
        at = len(build(64, how))
        code = build(at, how)
        slot = slot_address(len(code), 0, 64)
        jump = START + len(code)
        code = code[:-4] + struct.pack("<i", slot - jump)
        assert calls_of(linked_program(code, ("bind", "write"), 62, 64)) == [f"bind(port {port})"]


def test_signs_need_all_their_parts() -> None:
    assert elf(linked_program(b"", IMPORTS, 62, 64))[1] == ()
    size = len(x64(64, "plain"))
    silent = linked_program(x64(size, "plain"), ("socket", "read"), 62, 64)
    assert [hit.capability for hit in elf(silent)[1]] == []


def test_hostile_tables_never_raise() -> None:
    whole = PROGRAMS["x86-64 plain"]
    for at in range(CODE_AT, len(whole), 3):
        program = bytearray(whole)
        program[at] ^= 0xFF
        elf(bytes(program))


def test_addresses_at_both_ends_of_the_space_end() -> None:
    program = bytearray(PROGRAMS["x86-64 plain"])
    struct.pack_into("<Q", program, 64 + 16, 0xFFFF_FFFF_FFFF_0000)
    elf(bytes(program))


# --- the compiler as another hand -------------------------------------------------------

SOURCE = r"""
int socket(int, int, int); int setsockopt(int, int, int, const void *, unsigned);
int prctl(int, ...); long ptrace(int, ...); long write(int, const void *, unsigned long);
int bus(void) { int s = socket(29, 3, 1); return (int)write(s, "x", 1); }
int sniff(void) { int s = socket(17, 3, 0); return setsockopt(s, 1, 25, "eth0", 5); }
void _start(void) { prctl(15, "kworker"); ptrace(0, 0, 0, 0); bus(); sniff(); for (;;) {} }
"""
LIBRARY = r"""
int socket() { return 3; } int setsockopt() { return 0; } int prctl() { return 0; }
long ptrace() { return 0; } long write() { return 0; }
"""
TARGETS = (
    "x86_64-linux-musl",
    "x86-linux-musl",
    "arm-linux-musleabi",
    "aarch64-linux-musl",
    "mipsel-linux-musleabi",
    "mips-linux-musleabi",
    "powerpc-linux-musleabi",
    "riscv64-linux-musl",
)
needs_compiler = pytest.mark.skipif(
    find_spec("ziglang") is None,
    reason="CALLS OF COMPILED PROGRAMS NOT TESTED: the package ziglang is absent",
)


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zig")


def compiled(target: str, work: Path) -> bytes:
    folder = work / target
    folder.mkdir()
    (folder / "lib.c").write_text(LIBRARY)
    (folder / "main.c").write_text(SOURCE)
    common = ("-target", target, "-nostdlib", "-fno-builtin", "-w", "-Os", "-fno-unwind-tables")
    environment = {f"ZIG_{kind}_CACHE_DIR": str(work / kind) for kind in ("GLOBAL", "LOCAL")}
    for arguments in (
        ("-shared", "-fPIC", "-o", "libc.so", "lib.c"),
        ("-Wl,-e,_start", "-o", "program", "main.c", "./libc.so"),
    ):
        subprocess.run(
            [sys.executable, "-m", "ziglang", "cc", *common, *arguments],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environment},
            check=True,
            capture_output=True,
            timeout=300,
        )
    content = (folder / "program").read_bytes()
    shutil.rmtree(folder)
    return content


@needs_compiler
@pytest.mark.parametrize("target", TARGETS)
def test_what_a_compiler_makes_of_the_calls(target: str, caches: Path) -> None:
    """A function that is inlined too may lose an argument in one of its copies."""
    expected = {
        "prctl(PR_SET_NAME)",
        "ptrace(PTRACE_TRACEME)",
        "setsockopt(SOL_SOCKET, SO_BINDTODEVICE)",
        "socket(AF_CAN, SOCK_RAW, CAN_RAW)",
        "socket(AF_PACKET, SOCK_RAW, 0x0000)",
    }
    found = set(calls_of(compiled(target, caches)))
    assert expected <= found <= expected | {"socket(AF_PACKET, SOCK_RAW)"}

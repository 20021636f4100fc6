from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.code import calls as calls_module
from fwverify.analyse.code.syscalls import NUMBERS
from fwverify.analyse.elf import elf
from fwverify.model import Fact
from tests.analyse_code.cases import SYSTEM_CALLS, Case, le
from tests.builders.code import CODE_AT, linked_program, static_program

CASES = pytest.mark.parametrize("case", SYSTEM_CALLS, ids=lambda case: case.name)


def build(case: Case, code: bytes | None = None, data: bytes = b"") -> bytes:
    content = case.code if code is None else code
    return static_program(content, case.machine, case.bits, case.order, case.flags, data)


def facts_of(content: bytes, kind: str) -> list[str]:
    return [fact.text for fact in elf(content)[0] if fact.kind == kind]


@CASES
def test_the_system_calls_of_a_static_program_are_named(case: Case) -> None:
    facts, _, troubles = elf(build(case))
    assert troubles == ()
    assert tuple(fact.text for fact in facts if fact.kind == "syscall") == case.names


@CASES
def test_a_direct_socket_call_gives_its_constants(case: Case) -> None:
    kind = "SOCK_RAW"
    assert facts_of(build(case), "call") == [f"socket(AF_CAN, {kind}, CAN_RAW)"]


@CASES
def test_a_static_reverse_shell_is_one_by_its_system_calls(case: Case) -> None:
    _, hits, _ = elf(build(case, data=b"\0/bin/sh\0"))
    (hit,) = (hit for hit in hits if hit.rule == "elf.reverse_shell")
    assert (hit.capability, hit.severity, hit.confidence) == (
        "remote.shell.reverse",
        "high",
        "medium",
    )
    assert hit.evidence == ("string /bin/sh", *sorted(f"syscall {n}" for n in case.names[:3]))


@CASES
def test_without_the_shell_the_combination_is_of_low_confidence(case: Case) -> None:
    _, hits, _ = elf(build(case))
    (hit,) = (hit for hit in hits if hit.rule == "elf.reverse_shell")
    assert (hit.severity, hit.confidence) == ("medium", "low")


@CASES
def test_without_traps_there_are_no_system_calls(case: Case) -> None:
    traps = (b"\x0f\x05", b"\xcd\x80", b"\x65\xff\x15", b"\x00\x00\x00\xef", b"\x00\xdf")
    traps += (b"\x01\x00\x00\xd4", b"\x0c\x00\x00\x00", b"\x00\x00\x00\x0c", b"\x73\x00\x00\x00")
    traps += (b"\x44\x00\x00\x02", b"\x02\x00\x00\x44")
    code = case.code
    for trap in traps:
        code = code.replace(trap, bytes(len(trap)))
    assert facts_of(build(case, code), "syscall") == []


def test_a_number_that_another_branch_sets_is_unknown() -> None:
    # mov eax, 59; jmp +0; syscall: what is behind a jump comes from elsewhere
    code = bytes.fromhex("b83b000000 eb00 0f05 c3")
    assert facts_of(static_program(code, 62, 64), "syscall") == []


def test_a_number_that_a_call_overwrites_is_unknown() -> None:
    code = bytes.fromhex("b83b000000 e800000000 0f05 c3")
    assert facts_of(static_program(code, 62, 64), "syscall") == []


def test_an_unknown_number_is_nothing() -> None:
    assert facts_of(static_program(bytes.fromhex("b8 0f270000 0f05"), 62, 64), "syscall") == []


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("31c0 b03b 0f05", ["execve"]),  # xor eax, eax; mov al, 59
        ("b83a000000 83c001 0f05", ["execve"]),  # mov eax, 58; add eax, 1
        ("be3b000000 89f0 0f05", ["execve"]),  # mov esi, 59; mov eax, esi
        ("ba3a000000 8d4201 0f05", ["execve"]),  # lea eax, [rdx + 1]
        ("b03b 0f05", []),  # mov al: the rest of the register is unknown
        ("b83b000000 48d3e0 0f05", []),  # shl rax, cl
        ("b83b000000 480fafc1 0f05", []),  # imul rax, rcx
        ("b83b000000 8b07 0f05", []),  # mov eax, [rdi]
    ],
)
def test_x86_arithmetic_is_followed_or_forgotten(code: str, names: list[str]) -> None:
    padded = b"\x90" * 16 + bytes.fromhex(code)
    assert facts_of(static_program(padded, 62, 64), "syscall") == names


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((0xD2801BA8, 0xD4000001), ["execve"]),
        ((0xD2801BA9, 0xAA0903E8, 0xD4000001), ["execve"]),  # mov x9, 221; mov x8, x9
        ((0xD2801B88, 0x91000508, 0xD4000001), ["execve"]),  # 220 + 1
        ((0xD2801BA8, 0xF9400008, 0xD4000001), []),  # ldr x8, [x0]
        ((0xD2801BA8, 0x94000001, 0xD4000001), []),  # bl: x8 is the callee's
        ((0xD2801BA8, 0xF2A00028, 0xD4000001), []),  # movk x8, 1, lsl 16
    ],
)
def test_aarch64_is_followed_or_forgotten(words: tuple[int, ...], names: list[str]) -> None:
    assert facts_of(static_program(le(*words), 183, 64), "syscall") == names


def test_socketcall_is_the_call_that_its_first_argument_names() -> None:
    # mov ebx, 3 (connect); mov eax, 102; int 0x80
    code = bytes.fromhex("bb03000000 b866000000 cd80")
    assert facts_of(static_program(code, 3, 32), "syscall") == ["connect"]


def test_a_wrapper_is_asked_by_number() -> None:
    # call wrapper with 42 in edi; wrapper: mov rax, rdi; syscall
    code = bytes.fromhex("bf2a000000 e801000000 c3 4889f8 0f05 c3")
    assert facts_of(static_program(code, 62, 64), "syscall") == ["connect"]


def test_a_wrapper_of_socket_gives_its_callers_constants() -> None:
    code = bytes.fromhex("bf11000000 be03000000 ba00030000 e801000000 c3 b829000000 0f05 c3")
    assert facts_of(static_program(code, 62, 64), "call") == [
        "socket(AF_PACKET, SOCK_RAW, ETH_P_ALL)"
    ]


def test_a_dynamic_program_that_avoids_its_library_is_seen() -> None:
    program = linked_program(SYSTEM_CALLS[0].code, ("puts",), 62, 64)
    assert facts_of(program, "syscall") == list(SYSTEM_CALLS[0].names)


def test_an_unknown_processor_without_imports_is_said() -> None:
    _, _, (trouble,) = elf(static_program(bytes(64), 94))
    assert trouble.code == "analyse.architecture"
    assert "XTENSA" in trouble.text


def test_an_unknown_processor_with_imports_is_a_fact_and_a_finding() -> None:
    program = bytearray(linked_program(bytes(16), ("connect",), 40))
    struct.pack_into("<H", program, 18, 94)
    facts, hits, troubles = elf(bytes(program))
    assert troubles == ()
    assert Fact(kind="code", text="not examined: 32-bit little-endian XTENSA") in facts
    assert "code.unread" in {hit.rule for hit in hits}


def test_big_endian_arm_code_is_read_in_be8_files_only() -> None:
    case = SYSTEM_CALLS[2]
    assert elf(static_program(case.code, 40, 32, ">"))[2][0].code == "analyse.architecture"
    be8 = static_program(case.code, 40, 32, ">", flags=0x00800000)
    names = [name for name in case.names if name != "socket"]  # its literal is little-endian here
    assert facts_of(be8, "syscall") == names


def test_too_many_places_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "MAX_SITES", 3)
    _, _, (trouble,) = elf(build(SYSTEM_CALLS[0]))
    assert trouble.code == "limit.code"


def test_too_much_code_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from fwverify.analyse.code import program

    monkeypatch.setattr(program, "MAX_CODE_BYTES", 16)
    _, _, (trouble,) = elf(build(SYSTEM_CALLS[0]))
    assert trouble.code == "limit.code"


def test_code_outside_executable_segments_is_data() -> None:
    program = bytearray(build(SYSTEM_CALLS[0]))
    struct.pack_into("<I", program, 64 + 4, 4)  # p_flags: read only
    assert facts_of(bytes(program), "syscall") == []


def test_the_table_names_no_number_twice() -> None:
    for abi, numbers in NUMBERS.items():
        assert len(numbers) == len(set(numbers.values())), abi
        assert {"socket", "execve", "dup3"} <= set(numbers.values()) | {"socketcall"}


@CASES
def test_every_truncation_ends_in_a_trouble_or_in_less(case: Case) -> None:
    whole = build(case)
    known = {fact.text for fact in elf(whole)[0] if fact.kind == "syscall"}
    for size in range(0, len(whole), 7):
        facts, _, troubles = elf(whole[:size])
        assert troubles or size < 4
        assert {fact.text for fact in facts if fact.kind == "syscall"} <= known


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.sampled_from(SYSTEM_CALLS), st.integers(0, 5000), st.integers(0, 255))
def test_a_changed_byte_never_raises(case: Case, at: int, value: int) -> None:
    program = bytearray(build(case))
    program[at % len(program)] = value
    assert elf(bytes(program)) == elf(bytes(program))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.sampled_from(SYSTEM_CALLS), st.binary(max_size=400))
def test_random_code_never_raises(case: Case, code: bytes) -> None:
    elf(build(case, code + case.code))


def test_code_of_traps_alone_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "MAX_SITES", 1_000)
    _, _, troubles = elf(static_program(b"\x0f\x05" * 1_001, 62, 64))
    assert [trouble.code for trouble in troubles] == ["limit.code"]


def test_the_offset_is_where_the_code_stands() -> None:
    from fwverify.analyse.code.calls import system_calls
    from fwverify.analyse.code.image import Image
    from fwverify.analyse.code.machines import machines
    from fwverify.analyse.elfheader import read_header

    program = build(SYSTEM_CALLS[0])
    header = read_header(program)
    found = system_calls(Image(program, header), machines(header, 0))
    assert [call.offset for call in found][:2] == [CODE_AT + 5, CODE_AT + 12]

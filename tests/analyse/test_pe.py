from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.pe import pe
from fwverify.model import Fact
from tests.builders.pefile import pe_program
from tests.corpus import CORPUS, needs_corpus

SOCKETS = {"ws2_32.dll": ("WSASocketW", "connect"), "kernel32.dll": ("CreateProcessW",)}


def test_imports_sections_and_the_combination() -> None:
    facts, (hit,), troubles = pe(pe_program(SOCKETS))
    assert troubles == ()
    assert (hit.capability, hit.severity) == ("remote.shell.reverse", "medium")
    assert Fact(kind="import", text="ws2_32.dll!connect") in facts
    assert Fact(kind="needed", text="kernel32.dll") in facts
    assert Fact(kind="section", text=".text") in facts


def test_each_part_of_the_combination_is_needed() -> None:
    for library, functions in SOCKETS.items():
        for function in functions:
            rest = tuple(name for name in functions if name != function)
            changed = {**SOCKETS, library: rest or ("Other",)}
            assert pe(pe_program(changed))[1] == (), function


def test_an_overlay_is_a_fact() -> None:
    facts, _, _ = pe(pe_program(SOCKETS) + b"x" * 33)
    assert Fact(kind="overlay", text="33 bytes behind the last section") in facts


def test_an_import_table_that_cannot_be_read_is_said() -> None:
    program = bytearray(pe_program(SOCKETS))
    at = program.index(b"PE\0\0") + 24 + 104
    struct.pack_into("<II", program, at, 0x00F00000, 40)
    assert [trouble.code for trouble in pe(bytes(program))[2]] == ["analyse.pe"]


def test_truncation_is_said_until_the_signature_is_gone() -> None:
    whole = pe_program(SOCKETS)
    start = whole.index(b"PE\0\0") + 4
    for size in range(start, len(whole), 7):
        _facts, hits, troubles = pe(whole[:size])
        assert hits == (), size
        assert troubles, size


def test_other_content_is_no_pe() -> None:
    for content in (b"", b"MZ", b"MZ" + bytes(200), b"\x7fELF" + bytes(200)):
        assert pe(content) == ((), (), ())


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, 1200), st.integers(0, 255))
def test_a_changed_byte_never_raises_and_is_deterministic(at: int, value: int) -> None:
    program = bytearray(pe_program(SOCKETS))
    program[at % len(program)] = value
    assert pe(bytes(program)) == pe(bytes(program))


@needs_corpus
def test_signed_libraries_of_a_vendor_read_whole() -> None:
    files = list(Path(CORPUS / "scanner_win_basler_pylon").rglob("*.dll"))
    assert files
    for file in files:
        facts, _, troubles = pe(file.read_bytes())
        assert troubles == (), file
        assert {"import", "version", "authenticode"} <= {fact.kind for fact in facts}, file


INJECTION = {
    "kernel32.dll": ("OpenProcess", "VirtualAllocEx", "WriteProcessMemory", "CreateRemoteThread")
}
WAYS = [
    (INJECTION, "pe.remote_thread"),
    (
        {"ws2_32.dll": ("WSASocketA", "listen", "accept"), "kernel32.dll": ("CreateProcessA",)},
        "pe.bind_shell",
    ),
    (
        {"urlmon.dll": ("URLDownloadToFileW",), "kernel32.dll": ("WinExec",)},
        "pe.download_run",
    ),
    ({"netapi32.dll": ("NetUserAdd", "NetLocalGroupAddMembers")}, "pe.user_add"),
    ({"advapi32.dll": ("ClearEventLogW",)}, "pe.log_wipe"),
    (
        {"user32.dll": ("GetDC",), "gdi32.dll": ("BitBlt",), "ws2_32.dll": ("send",)},
        "pe.screen_capture",
    ),
    ({"winmm.dll": ("waveInOpen",), "ws2_32.dll": ("send",)}, "pe.microphone"),
]


@pytest.mark.parametrize(("imports", "rule"), WAYS)
def test_each_combination_and_each_of_its_parts(
    imports: dict[str, tuple[str, ...]], rule: str
) -> None:
    assert [hit.rule for hit in pe(pe_program(imports))[1]] == [rule]
    for library, functions in imports.items():
        for function in functions:
            rest = tuple(name for name in functions if name != function) or ("Other",)
            assert pe(pe_program({**imports, library: rest}))[1] == (), function


def test_privilege_and_subsystem_are_facts() -> None:
    manifest = b'<requestedExecutionLevel level="requireAdministrator" uiAccess="false"/>'
    facts, _, _ = pe(pe_program(SOCKETS) + manifest)
    assert Fact(kind="privilege", text="requireAdministrator") in facts
    assert [fact.text for fact in facts if fact.kind == "runtime"] == []
    assert [fact.kind for fact in facts].count("subsystem") == 1

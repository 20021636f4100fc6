from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.elf import elf, normalise
from fwverify.model import Fact
from tests.builders.linuxfs import elf_program

SHELL = ("socket", "connect", "dup2", "execve")


def capabilities(content: bytes) -> list[tuple[str | None, str, str]]:
    _, hits, _ = elf(content)
    return [(hit.capability, hit.severity, hit.confidence) for hit in hits]


def test_connect_dup2_exec_and_a_shell_make_a_reverse_shell() -> None:
    program = elf_program(SHELL, strings=(b"/bin/sh",))
    facts, (hit,), troubles = elf(program)
    assert troubles == ()
    assert (hit.capability, hit.severity, hit.confidence) == (
        "remote.shell.reverse",
        "high",
        "medium",
    )
    assert hit.evidence == ("import connect", "import dup2", "import execve", "string /bin/sh")
    assert hit.offset is not None
    assert program[hit.offset : hit.offset + 7] == b"/bin/sh"
    assert Fact(kind="import", text="dup2") in facts
    assert Fact(kind="needed", text="libc.so") in facts
    assert Fact(kind="interpreter", text="/lib/ld-musl-armhf.so.1") in facts


def test_without_a_shell_it_is_milder() -> None:
    assert capabilities(elf_program(SHELL)) == [("remote.shell.reverse", "medium", "low")]


@pytest.mark.parametrize("text", [b"/usr/bin/sh", b"x/bin/sh", b"/bin/shutdown", b"/bin/sharp"])
def test_a_path_that_is_no_shell_does_not_count(text: bytes) -> None:
    assert capabilities(elf_program(SHELL, strings=(text,)))[0][1] == "medium"


@pytest.mark.parametrize("missing", ["connect", "dup2", "execve"])
def test_each_part_of_the_combination_is_needed(missing: str) -> None:
    imports = tuple(name for name in SHELL if name != missing)
    assert capabilities(elf_program(imports, strings=(b"/bin/sh",))) == []


def test_a_listener_with_a_shell_is_a_bind_shell() -> None:
    imports = ("socket", "bind", "listen", "accept", "dup2", "execl")
    found = capabilities(elf_program(imports, strings=(b"/bin/sh",)))
    assert found == [("remote.shell.bind", "high", "medium")]


@pytest.mark.parametrize("run", ["system", "popen"])
def test_a_listener_that_runs_command_lines_is_said_weakly(run: str) -> None:
    imports = ("socket", "bind", "listen", "accept", run)
    assert capabilities(elf_program(imports)) == [("remote.shell.trigger", "low", "low")]
    assert capabilities(elf_program(imports[:-1])) == []
    assert capabilities(elf_program(("socket", "connect", run))) == []


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("__isoc23_strtol", "strtol"),
        ("open64", "open"),
        ("__read_chk", "read"),
        ("__fstat_time64", "fstat"),
        ("connect@GLIBC_2.4", "connect"),
        ("__libc_start_main", "__libc_start_main"),
        ("dup2", "dup2"),
    ],
)
def test_names_are_normalised(raw: str, plain: str) -> None:
    assert normalise(raw) == plain


def test_destroyed_section_headers_hide_nothing() -> None:
    program = bytearray(elf_program(SHELL, strings=(b"/bin/sh",)))
    struct.pack_into("<I", program, 32, 0xFFFFFFF0)
    struct.pack_into("<HH", program, 48, 60000, 59999)
    _, hits, troubles = elf(bytes(program))
    assert [hit.capability for hit in hits] == ["remote.shell.reverse"]
    assert troubles == ()


def test_unreadable_imports_are_said() -> None:
    program = bytearray(elf_program(SHELL, strings=(b"/bin/sh",)))
    at = program.rindex(struct.pack("<I", 6))  # DT_SYMTAB
    program[at : at + 4] = struct.pack("<I", 0x6FFFFFF0)
    _, hits, troubles = elf(bytes(program))
    assert hits == ()
    assert "imports" in troubles[0].text


@pytest.mark.parametrize(
    ("at", "value", "field"),
    [(4, 3, "EI_CLASS"), (5, 0, "EI_DATA"), (42, 31, "e_phentsize"), (45, 0xFF, "e_phnum")],
)
def test_a_broken_header_is_a_trouble_that_names_the_field(at: int, value: int, field: str) -> None:
    program = bytearray(elf_program(SHELL))
    program[at] = value
    facts, hits, (trouble,) = elf(bytes(program))
    assert (facts, hits, trouble.code) == ((), (), "analyse.elf")
    assert field in trouble.text


def test_truncation_never_ends_in_silence() -> None:
    whole = elf_program(SHELL, strings=(b"/bin/sh",))
    for size in range(4, len(whole)):
        _, hits, troubles = elf(whole[:size])
        assert hits == (), size
        assert troubles, size


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_never_raises_and_is_deterministic(at: int, value: int) -> None:
    program = bytearray(elf_program(SHELL, strings=(b"/bin/sh",)))
    program[at % len(program)] = value
    assert elf(bytes(program)) == elf(bytes(program))


def test_other_content_is_no_elf() -> None:
    assert elf(b"") == elf(b"\x7fEL") == elf(b"#!/bin/sh\n") == ((), (), ())


@pytest.mark.skipif(shutil.which("true") is None, reason="NO ORACLE: this system has no program")
def test_a_real_program_reads_whole() -> None:
    path = shutil.which("true")
    assert path is not None
    facts, hits, troubles = elf(Path(path).read_bytes())
    assert (hits, troubles) == ((), ())
    assert any(fact.kind == "machine" for fact in facts)


def without_dynamic_section(*, interpreter: bytes = b"/lib/klibc-abc.so") -> bytes:
    """Return a program whose third program header is PT_NULL where PT_DYNAMIC was."""
    program = bytearray(elf_program(SHELL, strings=(b"/bin/sh",), interpreter=interpreter))
    struct.pack_into("<I", program, 52 + 2 * 32, 0)
    return bytes(program)


def test_a_program_that_calls_its_loader_by_address_is_said_and_examined() -> None:
    facts, (hit,), troubles = elf(without_dynamic_section())
    assert troubles == ()
    assert (hit.rule, hit.capability, hit.severity) == ("elf.nameless_calls", None, "medium")
    assert hit.evidence == ("interpreter /lib/klibc-abc.so", "no dynamic section")
    assert Fact(kind="interpreter", text="/lib/klibc-abc.so") in facts


def test_a_dynamic_section_without_libraries_is_not_examined() -> None:
    program = elf_program(SHELL, needed=())
    assert [trouble.code for trouble in elf(program)[2]] == ["analyse.elf"]


def test_a_program_with_imports_has_names() -> None:
    assert "elf.nameless_calls" not in {hit.rule for hit in elf(elf_program(SHELL))[1]}

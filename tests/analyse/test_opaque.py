from __future__ import annotations

import hashlib
import random
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.elf import elf
from fwverify.analyse.pe import MAX_CERTIFICATE_BYTES, pe
from fwverify.analyse.values import Hit
from fwverify.analyse.windows import Extracted
from tests.builders.linuxfs import elf_program
from tests.builders.pefile import pe_program

NOISE = random.Random(7).randbytes(20_000)
PROGRAM = elf_program(("connect",))


def with_section(payload: bytes, flags: int = 0) -> bytes:
    """Return the program with one section, not loaded, that holds ``payload``."""
    program = bytearray(PROGRAM + bytes(-len(PROGRAM) % 4))
    at = len(program)
    program += payload + b"\0.x\0" + bytes(-len(payload) % 4)
    table = len(program)
    program += bytes(40)
    program += struct.pack("<10I", 1, 1, flags, 0, at, len(payload), 0, 0, 1, 0)
    program += struct.pack("<10I", 0, 3, 0, 0, at + len(payload), 4, 0, 0, 1, 0)
    struct.pack_into("<I", program, 32, table)
    struct.pack_into("<HHH", program, 46, 40, 3, 2)
    return bytes(program)


def with_note(payload: bytes) -> bytes:
    program = bytearray(PROGRAM)
    (table,) = struct.unpack_from("<I", program, 28)
    (count,) = struct.unpack_from("<H", program, 44)
    at = len(program)
    headers = program[table : table + 32 * count]
    program += payload
    struct.pack_into("<I", program, 28, len(program))
    struct.pack_into("<H", program, 44, count + 1)
    return bytes(program + headers + struct.pack("<8I", 4, at, 0, 0, len(payload), 0, 4, 1))


def with_resource(payload: bytes) -> bytes:
    """Return the PE program with ``payload`` in a larger section."""
    program = bytearray(pe_program({"kernel32.dll": ("Sleep",)}))
    payload += bytes(-len(payload) % 512)
    section = program.index(b".text\0")
    (raw,) = struct.unpack_from("<I", program, section + 16)
    struct.pack_into("<I", program, section + 16, raw + len(payload))
    return bytes(program) + payload


def found(hits: tuple[Hit, ...]) -> list[Hit]:
    return [hit for hit in hits if hit.rule.endswith(".opaque")]


@pytest.mark.parametrize(
    ("content", "name", "size"),
    [
        (with_section(NOISE), "section .x", 20_000),
        (with_section(zlib.compress(NOISE), flags=0x800), "section .x", None),
        (with_section(bytes(9000) + NOISE[:8192] + bytes(9000)), "section .x", 26_192),
        (with_section(bytes(5000) + NOISE[:4096]), "section .x", 9096),
        (with_note(NOISE), "segment of type 0x4", 20_000),
    ],
)
def test_opaque_parts_of_an_elf_file_are_named(content: bytes, name: str, size: int | None) -> None:
    (hit,) = found(elf(content)[1])
    assert (hit.rule, hit.capability) == ("elf.opaque", "evade.packed")
    assert (hit.severity, hit.confidence, hit.excerpt) == ("medium", "medium", name)
    assert size in (None, hit.length)
    assert hit.offset is not None
    assert hit.length is not None
    seal = hashlib.sha256(content[hit.offset : hit.offset + hit.length]).hexdigest()
    assert f"content sha256:{seal}" in hit.evidence


@pytest.mark.parametrize(
    "payload",
    [b"", NOISE[:3000], bytes(30_000), b"some words of text, again and again. " * 900],
)
def test_poor_or_small_parts_are_left_alone(payload: bytes) -> None:
    assert found(elf(with_section(payload))[1]) == []
    assert found(pe(with_resource(payload))[1]) == []


def test_another_content_is_another_finding() -> None:
    first, second = (found(elf(with_section(data))[1])[0] for data in (NOISE, NOISE[::-1]))
    assert first.evidence != second.evidence


def test_ruined_section_headers_hide_nothing() -> None:
    program = bytearray(with_section(NOISE))
    struct.pack_into("<I", program, 32, len(program) - 8)
    (hit,) = found(elf(bytes(program))[1])
    assert hit.excerpt == "file"


def test_what_a_child_was_made_of_is_the_childs() -> None:
    program = with_section(NOISE)
    at = program.index(NOISE)
    assert found(elf(program, Extracted(((at, at + len(NOISE)),)))[1]) == []


def test_opaque_parts_of_a_pe_file_are_named() -> None:
    (hit,) = found(pe(with_resource(NOISE))[1])
    assert (hit.rule, hit.severity, hit.excerpt) == ("pe.opaque", "medium", "section .text")


@pytest.mark.parametrize(("size", "wanted"), [(8192, 0), (MAX_CERTIFICATE_BYTES + 8, 1)])
def test_a_certificate_table_out_of_measure_is_named(size: int, wanted: int) -> None:
    program = bytearray(pe_program({"kernel32.dll": ("Sleep",)}))
    at = program.index(b"PE\0\0") + 24 + 96 + 8 * 4
    struct.pack_into("<II", program, at, len(program), size)
    content = bytes(program) + random.Random(1).randbytes(size)
    assert [hit.excerpt for hit in found(pe(content)[1])] == ["certificate table"] * wanted


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, 200), st.integers(0, 255))
def test_a_changed_header_never_raises(at: int, value: int) -> None:
    program = bytearray(with_section(NOISE[:4096]))
    program[-120 + at if at < 120 else at - 120] = value
    assert elf(bytes(program)) == elf(bytes(program))

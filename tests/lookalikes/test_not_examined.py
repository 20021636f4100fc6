"""What cannot be examined is said aloud by the command line, with the shipped rules.

The flood and the slow pattern are the two ways in which the engine was measured to fail
open; packed, truncated, encrypted and foreign programs are those that hide code.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from fwverify import exit_codes
from tests.builders.code import static_program
from tests.builders.linuxfs import elf_program
from tests.cli.program import Ran, fwverify

NOISE = random.Random(11).randbytes(96 * 1024)
PROGRAM = elf_program(("connect", "system"))
MOMENT = ("--at", "2026-06-01T00:00:00Z", "--format", "json")


def scan(file: Path, content: bytes, *options: str | Path) -> Ran:
    file.write_bytes(content)
    return fwverify(*options, "scan", file, *MOMENT)


def problems(ran: Ran, stage: str = "analyse") -> set[str]:
    return {problem["code"] for problem in ran.json["stages"][stage]["problems"]}


def check(file: Path, content: bytes) -> dict[str, object]:
    """Return what the gate decides under a policy that does not ask for a signature."""
    file.write_bytes(content)
    policy = file.parent / "policy.toml"
    policy.write_text(POLICY)
    return fwverify("check", file, "--policy", policy, *MOMENT).json


POLICY = """\
schema = "fwverify.policy/1"
name = "looks"
version = "1"
[signatures]
required = false
reason = "programs of a test"
"""


def test_a_flood_of_a_rules_bytes_is_not_clean(tmp_path: Path) -> None:
    ran = scan(tmp_path / "flood.bin", b"MMcS" * 1_050_000)
    assert ran.code == exit_codes.INCOMPLETE
    assert "analyse.too_many_matches" in problems(ran)
    assert ran.json["stages"]["analyse"]["status"] == "incomplete"


def test_a_short_flood_is_examined(tmp_path: Path) -> None:
    ran = scan(tmp_path / "flood.bin", b"MMcS" * 1_000)
    assert not problems(ran)
    assert ran.json["stages"]["analyse"]["status"] == "complete"


def test_a_pattern_made_slow_is_stopped_and_said(tmp_path: Path) -> None:
    config = tmp_path / "fwverify.toml"
    config.write_text('schema = "fwverify.config/1"\n[limits]\nscan_seconds = 4\n')
    ran = scan(tmp_path / "slow.bin", b"mount -t nfs " * 200_000, "--config", config)
    assert ran.code == exit_codes.INCOMPLETE
    assert problems(ran) & {"analyse.rules_timeout", "analyse.deadline"}


def upx() -> bytes:
    """Return a program as a packer leaves it: its marks, a loader, compressed content."""
    header = struct.pack("<IIIIII", 0, len(NOISE) * 3, len(NOISE), 0x0D0C, 0, 0)
    told = b"$Info: This file is packed with the UPX executable packer http://upx.sf.net $\n\0"
    told += b"$Id: UPX 4.24 Copyright (C) 1996-2024 the UPX Team. All Rights Reserved. $\n\0"
    return PROGRAM + b"UPX!" + header + told + NOISE + b"UPX!\r\x16\x02\x0a" + header


def cut() -> bytes:
    return PROGRAM[: len(PROGRAM) // 2]


def foreign() -> bytes:
    """Return a static program for a processor that is not read (68HC16, e_machine 69)."""
    return static_program(bytes(64), 69)


def test_a_packed_program_is_named(tmp_path: Path) -> None:
    ran = scan(tmp_path / "packed.bin", upx())
    assert ran.code in (exit_codes.REVIEW, exit_codes.INCOMPLETE)
    assert "evade.packed" in {one["capability"] for one in ran.json["findings"]}


def test_packed_content_without_the_marks_is_named(tmp_path: Path) -> None:
    ran = scan(tmp_path / "packed.bin", PROGRAM + NOISE)
    assert {one["rule"] for one in ran.json["findings"]} & {"elf.opaque", "unpack.unexplained"}


@pytest.mark.parametrize("content", [cut(), PROGRAM[:40]], ids=["half", "header"])
def test_a_truncated_program_is_not_clean(content: bytes, tmp_path: Path) -> None:
    ran = scan(tmp_path / "cut.bin", content)
    assert ran.code == exit_codes.INCOMPLETE
    assert problems(ran) | problems(ran, "unpack")


def test_a_program_for_an_unknown_processor_is_not_clean(tmp_path: Path) -> None:
    ran = scan(tmp_path / "foreign.bin", foreign())
    assert ran.code == exit_codes.INCOMPLETE
    assert "analyse.architecture" in problems(ran)


def test_an_unknown_processor_is_said_where_imports_tell_the_rest(tmp_path: Path) -> None:
    program = bytearray(PROGRAM)
    struct.pack_into("<H", program, 18, 69)
    ran = scan(tmp_path / "foreign.bin", bytes(program))
    assert ran.code == exit_codes.REVIEW
    assert "code.unread" in {one["rule"] for one in ran.json["findings"]}


@pytest.mark.parametrize(
    "content", [NOISE, upx(), cut(), foreign()], ids=["noise", "packed", "cut", "foreign"]
)
def test_the_gate_never_allows_what_it_could_not_read(content: bytes, tmp_path: Path) -> None:
    report = check(tmp_path / "update.bin", content)
    assert report["verdict"] in ("INCOMPLETE", "DENY")
    assert any(reason["verdict"] == "INCOMPLETE" for reason in report["reasons"])


def test_a_plain_program_is_examined(tmp_path: Path) -> None:
    ran = scan(tmp_path / "plain.bin", PROGRAM)
    assert not problems(ran)
    assert not problems(ran, "unpack")

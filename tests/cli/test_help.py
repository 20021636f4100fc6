"""Help is there for every command, and the commands are those of the contract."""

from __future__ import annotations

import pytest

from tests.cli.program import fwverify, process

COMMANDS = (
    "check",
    "batch",
    "unpack",
    "verify",
    "scan",
    "diff",
    "case",
    "baseline",
    "history",
    "ledger",
    "devices",
    "onboard",
    "keys",
    "rules",
    "sbom",
    "report",
    "catalogue",
    "policy",
    "supplier",
    "export",
    "release",
    "waiver",
    "gate",
    "evidence",
    "formats",
    "schemes",
    "doctor",
    "cache",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    ran = process(command, "--help")
    assert ran.code == 0
    assert "Usage: fwverify" in ran.out
    assert command in fwverify("--help").out


def test_the_version() -> None:
    from fwverify import __version__

    assert __version__ in process("--version").out


@pytest.mark.parametrize("command", ["formats", "schemes"])
def test_the_registries_are_printed(command: str) -> None:
    ran = fwverify(command)
    assert ran.code == 0
    assert len(ran.out.splitlines()) > 3


@pytest.mark.parametrize(
    ("command", "head"),
    [("formats", ["NAME", "FORMAT", "FAMILY", "DEPTH"]), ("schemes", ["NAME", "SCHEME"])],
)
def test_the_columns_have_a_heading(command: str, head: list[str]) -> None:
    table, _, _ = fwverify(command).out.partition("\n\n")
    first, *rows = table.splitlines()
    assert len(rows) > 40
    assert first.split() == head
    assert all(row[first.index(head[1]) - 1] == " " for row in rows)


def test_the_doctor_says_what_a_second_opinion_needs() -> None:
    out = fwverify("doctor").out
    assert "unblob (for --second-opinion): " in out
    assert "absent" not in out.partition("unblob (for")[2] or "pip install fwverify[unblob]" in out


@pytest.mark.parametrize("name", ["luks", "bitlocker", "age", "openssl-enc", "frf", "thin-ar"])
def test_what_is_never_opened_is_not_called_opened(name: str) -> None:
    rows = fwverify("formats").out.splitlines()
    (row,) = [row for row in rows if row.split()[0] == name]
    assert row.endswith("recognised only")


@pytest.mark.parametrize("package", ["brotli", "lzallright", "zstandard"])
def test_the_doctor_looks_at_every_library(package: str) -> None:
    assert f"package {package}: " in fwverify("doctor").out

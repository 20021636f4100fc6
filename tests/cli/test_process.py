"""The program in a process of its own says what it says within a test's process.

Every other test of this folder and most elsewhere run it the second way (``program``).
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.cli import signed
from tests.cli.program import ROOT, fwverify, process

AT = ("--at", signed.AT, "--format", "json")
SCRIPT = b"#!/bin/sh\ntelnetd -l /bin/sh -p 2323 &\n"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> signed.Gate:
    made = signed.make(tmp_path_factory.mktemp("gate"), "raw")
    made.put("fw.txt.sig", signed.VENDOR.sign(signed.CONTENT))
    return made


def both(*call: str | Path) -> tuple[int, str]:
    """Return the exit code and output of a call, the same either way."""
    alone, within = process(*call), fwverify(*call)
    assert (alone.code, alone.out, alone.err) == (within.code, within.out, within.err)
    return alone.code, alone.out


@pytest.mark.parametrize("content", [signed.CONTENT, SCRIPT, gzip.compress(SCRIPT)[:-9]])
def test_a_check(gate: signed.Gate, content: bytes) -> None:
    gate.put("fw.txt", content)
    call = ("--config", gate.folder / "fwverify.toml", "check", gate.update,
            "--case", gate.folder / "case.toml", *AT, "--baseline", "ledger:acme/1")  # fmt: skip
    code, out = both(*call, "--no-cache")
    assert code == {"ALLOW": 0, "REVIEW": 3, "DENY": 4, "INCOMPLETE": 5}[json.loads(out)["verdict"]]
    assert (code == 0) == (content == signed.CONTENT)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (["scan", "{update}"], 3),
        (["verify", "{update}"], 4),
        (["unpack", "{update}", "--out", "{out}"], 0),
        (["diff", "{update}", "{update}"], 0),
        (["check", "{absent}"], 2),
        (["check", "{update}", "--class", "no-such-class"], 2),
        (["no-such-command"], 2),
        (["rules", "list"], 0),
        (["doctor"], 0),
        (["catalogue", "lint"], 0),
        (["baseline", "show", "no/such/ref"], 2),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_call(call: list[str], code: int, tmp_path: Path) -> None:
    update = tmp_path / "update.sh"
    update.write_bytes(SCRIPT)
    for number, run in enumerate((process, fwverify)):
        named = {"update": update, "absent": tmp_path / "absent", "out": tmp_path / str(number)}
        home = {"XDG_CACHE_HOME": str(tmp_path / "c"), "XDG_DATA_HOME": str(tmp_path / "d")}
        ran = run(*(part.format(**named) for part in call), cwd=ROOT, **home)
        assert ran.code == code, ran
        assert (ran.out == "") == (code == 2), ran

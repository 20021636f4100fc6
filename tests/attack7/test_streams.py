"""Where nobody can read the answer, and times that cannot be compared as text."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fwverify.pipeline import format_time, parse_time
from tests.cli.program import ROOT, fwverify

FULL = Path("/dev/full")
PAPERS = ("--release", "r", "--context", "c", "--pins", "p", "--revocations", "l")


def shell(words: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the program by ``sh`` with the redirections ``words``."""
    line = f'exec "$0" -m fwverify "$@" {words}'
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(cwd)}
    return subprocess.run(["sh", "-c", line, sys.executable, *arguments], cwd=cwd, check=False,
                          capture_output=True, text=True, timeout=300, env=kept)  # fmt: skip


@pytest.mark.skipif(not FULL.exists(), reason="LOUD: no /dev/full here")
def test_a_full_disk_is_never_a_good_answer(tmp_path):
    (tmp_path / "u").write_text("x")
    for arguments in (("schemes",), ("gate", "--print-checker"), ("gate", "u", *PAPERS)):
        done = shell(f"> {FULL}", *arguments, cwd=tmp_path)
        assert (done.returncode, "Traceback" in done.stderr) == (70, False), done


@pytest.mark.parametrize("words", [">&-", ">&- 2>&-", "<&- >&-"])
def test_without_standard_files_the_verdict_is_the_exit_code(words, tmp_path):
    (tmp_path / "u").write_text("x")
    done = shell(words, "gate", "u", *PAPERS, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (5, "")
    done = shell(words, "check", "u", "--out", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (4, "")
    assert (tmp_path / "out" / "report.json").stat().st_size


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00Z", "0999-12-31T23:59:59Z", "1000-01-01T00:00:00+01:00",
     "9999-12-31T23:59:59-01:00", "2026-01-31T23:59:60Z", "10000-01-01T00:00:00Z",
     "2026-01-31T23:59:59", "nan", ""],
)  # fmt: skip
def test_times_that_no_text_compares(text, tmp_path):
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)
    (tmp_path / "u").write_text("x")
    assert fwverify("gate", "u", *PAPERS, "--at", text, cwd=tmp_path).code == 2


def test_the_first_and_the_last_second():
    for at in (datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)):
        assert parse_time(format_time(at)) == at
        assert len(format_time(at)) == 20

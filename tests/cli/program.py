"""Running the program: in a process of its own, as a user would, or within this one.

Its start, its pipes and its end are tested in ``tests/cli``; what it decides and prints is
the same here, for a quarter of the time.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from tests.cli import lasting

ROOT = Path(__file__).parents[2]
_PLACES = ("HOME", "XDG_CACHE_HOME", "TMPDIR")


@dataclass(frozen=True)
class Ran:
    """What a run of the program gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Standard output as the one JSON document it must be."""
        document: dict[str, Any] = json.loads(self.out)
        return document


def process(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Ran:
    """Run ``fwverify`` in a process of its own, as a user would: its start, pipes and end.

    It must never show a traceback or exit with 1.
    """
    done = subprocess.run(
        [sys.executable, "-m", "fwverify", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd or ROOT,
        env=_clean() | environment,
        stdin=subprocess.DEVNULL,
    )
    return _unbroken(Ran(done.returncode, done.stdout, done.stderr))


def fwverify(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Ran:
    """Run the command line in this process with the environment of ``process``.

    It must never show a traceback or exit with 1.
    """
    with (
        mock.patch.dict(os.environ, _clean() | environment, clear=True),
        open(os.devnull, encoding="utf-8") as nothing,
        mock.patch.object(sys, "stdin", nothing),
    ):
        return _unbroken(_called(arguments, cwd or ROOT))


def inside(*arguments: str | Path, cwd: Path) -> Ran:
    """Run the command line in this process and environment; it must not fail inside."""
    ran = _called(arguments, cwd)
    assert ran.code not in (1, 70), ran
    return ran


def _called(arguments: tuple[str | Path, ...], cwd: Path) -> Ran:
    from fwverify.cli import _run

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    lasting.said()
    with (
        lasting.in_use(),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = _run([str(each) for each in arguments])
    printed, complained = (each.buffer.getvalue().decode() for each in (out, err))
    return Ran(code, printed, complained + lasting.said())


def _clean() -> dict[str, str]:
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    return kept | {name: os.environ[name] for name in _PLACES if name in os.environ}


def _unbroken(ran: Ran) -> Ran:
    assert "Traceback" not in ran.err, ran.err
    assert ran.code != 1, ran
    return ran

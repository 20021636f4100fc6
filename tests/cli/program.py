"""Running the real program in a process of its own, as a user would."""

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

ROOT = Path(__file__).parents[2]


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


def fwverify(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Ran:
    """Run ``fwverify`` with ``arguments``; it must never show a traceback or exit with 1."""
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    kept |= {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "fwverify", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd or ROOT,
        env=kept | environment,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode != 1, done
    return Ran(done.returncode, done.stdout, done.stderr)


def inside(*arguments: str | Path, cwd: Path) -> Ran:
    """Run the command line in this process: for what a process of its own adds nothing to."""
    from fwverify.cli import _run

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = _run([str(each) for each in arguments])
    ran = Ran(code, *(each.buffer.getvalue().decode() for each in (out, err)))
    assert code not in (1, 70), ran
    return ran

"""``make run``: the gate over the samples, with the real program.

The samples' ledger is made anew: the first releases are approved by two people, then
each sample of ``EXPECTED.tsv`` is checked. A benign update and its trojaned twin are
shown in full, the rest in one line each. Exits 1 where a verdict or exit code is not
the expected one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from samples.build import HERE, OUT
from samples.expected import SHOWN, Expected, approve_command, check_command, expected


def main() -> int:
    """Return the exit code."""
    rows = expected()
    for leftover in OUT.glob("ledger.sqlite*"):
        leftover.unlink()
    for row in {row.ref: row for row in rows}.values():
        if _fwverify(approve_command(row), show=False).returncode:
            return 1
    wrong = [row.sample for row in rows if not _check(row)]
    if wrong:
        print(f"\nNOT as expected: {', '.join(wrong)}")
        return 1
    print(f"\nAll {len(rows)} samples were judged as samples/EXPECTED.tsv says.")
    return 0


def _check(row: Expected) -> bool:
    folder = OUT / "reports" / row.sample
    show = row.sample in SHOWN
    if show:
        print(f"\n--- {row.sample} against {row.baseline}", flush=True)
    code = _fwverify(check_command(row, folder), show=show).returncode
    verdict = _verdict(folder / "report.json")
    held = (verdict, code) == (row.verdict, row.exit)
    print(
        f"{'as expected' if held else 'NOT AS EXPECTED'}: {row.sample}: {verdict}, exit {code}"
        f"{'' if held else f' instead of {row.verdict}, exit {row.exit}'}"
        f"; reports in {_short(folder)}",
        flush=True,
    )
    return held


def _verdict(report: Path) -> str:
    try:
        return str(json.loads(report.read_bytes())["verdict"])
    except (OSError, ValueError, KeyError):
        return "no report"


def _short(path: Path) -> Path:
    """Return ``path`` relative to the checkout."""
    return path.relative_to(HERE.parent)


def _fwverify(arguments: tuple[str, ...], *, show: bool) -> subprocess.CompletedProcess[str]:
    """Run the program; its output is shown, or kept and shown only where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "fwverify", *arguments],
        cwd=HERE.parent,
        stdin=subprocess.DEVNULL,
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.STDOUT,
        text=True,
        check=False,
    )
    if not show and done.returncode not in (0, 3, 4, 5):
        print(f"fwverify {' '.join(arguments)}\n{done.stdout}", flush=True)
    return done


if __name__ == "__main__":
    sys.exit(main())

"""How long the gate takes, and that both gates agree on 200 flipped bits under both shells.

``python -m bench.gate [RUNS]`` prints the median and worst wall clock in milliseconds of
``fwverify gate`` and of ``gate.sh`` under dash and busybox over a valid release of 27-byte
lines and of 64 MiB, and how much of that is hashing. Needs the test suite beside it.
"""

from __future__ import annotations

import hashlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LARGE_BYTES = 64 * 1024 * 1024


def _timed(command: list[str], runs: int) -> tuple[int, int]:
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        done = subprocess.run(command, check=False, capture_output=True)
        taken.append(round((time.perf_counter() - start) * 1000))
        if done.returncode:
            raise SystemExit(f"{command[:3]}: exit {done.returncode}: {done.stdout!r}")
    return round(statistics.median(taken)), max(taken)


def _commands(folder: Path, script: str) -> dict[str, list[str]]:
    files = [
        word
        for name in ("release", "context", "pins", "revocations")
        for word in (f"--{name}", str(folder / name))
    ]
    tail = [str(folder / "update"), *files, "--at", "2026-11-21T12:00:00Z"]
    found = {"fwverify gate": [sys.executable, "-m", "fwverify", "gate", *tail]}
    for name, words in (("dash", ["dash"]), ("busybox sh", ["busybox", "sh"])):
        if shutil.which(words[0]):
            found[name] = [*words, script, *tail]
    return found


def _agreement(papers: Any, matrix: Any, folder: Path) -> tuple[int, int]:
    """Return how many of the flipped trials all gates judged alike, and how many there are."""
    alike = 0
    for seed in range(matrix.FLIPS):
        trial, place = matrix.flipped(seed), folder / str(seed)
        told = {papers.python(trial, place)}
        told |= {papers.script(trial, place, shell) for shell in matrix.SHELLS}
        alike += len(told) == 1
        shutil.rmtree(place)
    return alike, int(matrix.FLIPS)


def main(runs: int = 15) -> None:
    """Print the figures."""
    from tests.gate_release import papers, test_matrix

    with tempfile.TemporaryDirectory(prefix="fwverify-bench-") as name:
        folder = Path(name)
        for label, content in (("small", papers.CONTENT), ("64 MiB", bytes(LARGE_BYTES))):
            place = folder / label.replace(" ", "")
            digest = hashlib.sha256(content).hexdigest()
            made = papers.release(subject=digest, size=str(len(content)))
            papers.Trial(update=content).with_(release=made).write(place)
            start = time.perf_counter()
            hashlib.sha256(content).hexdigest()
            hashing = round((time.perf_counter() - start) * 1000)
            for title, command in _commands(place, str(papers.SCRIPT)).items():
                median, worst = _timed(command, runs)
                print(f"{label:<8}{title:<16}{median:>6} ms median {worst:>6} ms worst "
                      f"(hashing {hashing} ms)")  # fmt: skip
        alike, total = _agreement(papers, test_matrix, folder / "flips")
        print(f"flipped bits: all gates agree on {alike} of {total}")


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:2]))

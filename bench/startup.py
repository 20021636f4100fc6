"""Start-up and gate times beside ``python -c pass``, as medians of nine runs.

Prints a table and writes ``bench/out/startup.json``. The gate judges the meter sample
against its approved baseline; ``cold`` starts with an empty store, ``warm`` with what an
earlier check has left there.
"""

from __future__ import annotations

import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from samples.build import HERE, OUT, build
from samples.expected import Expected, approve_command, check_command, expected, write_config

RUNS: Final = 9
RESULT: Final = Path(__file__).resolve().parent / "out" / "startup.json"
_SAMPLE: Final = "meter-2.1.0.hex"


@dataclass(frozen=True)
class Measured:
    """One line of the table; times are wall clock, in microseconds."""

    name: str
    median_us: int
    lowest_us: int
    highest_us: int
    runs: int
    ratio_percent: int


def main() -> int:
    """Measure, print and write; return 1 where the gate did not give the expected exit."""
    build()
    row = next(row for row in expected() if row.sample == _SAMPLE)
    with tempfile.TemporaryDirectory(prefix="fwverify-bench-") as work:
        folder = Path(work)
        config = write_config(folder)
        if _run(approve_command(row, config)):
            print("bench: the baseline could not be approved", file=sys.stderr)
            return 1
        lines = _measure(row, check_command(row, folder / "reports", config))
    if lines is None:
        print(f"bench: {row.sample} was not judged {row.verdict}", file=sys.stderr)
        return 1
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    host = {"machine": platform.machine(), "python": platform.python_version()}
    document = {"host": host, "lines": [asdict(line) for line in lines]}
    RESULT.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    _print(lines)
    print(f"written to {RESULT.relative_to(HERE.parent)}")
    return 0


def _measure(row: Expected, gate: tuple[str, ...]) -> tuple[Measured, ...] | None:
    if _run(gate) != row.exit:
        return None
    bare = _times(lambda: _python("-c", "pass"))
    base = statistics.median(bare)
    return (
        _line("python -c pass", bare, base),
        _line("fwverify --help", _times(lambda: _run(("--help",))), base),
        _line("gate, cold store", _times(lambda: _run(gate), before=_empty_store), base),
        _line("gate, warm store", _times(lambda: _run(gate)), base),
    )


def _times(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> list[int]:
    result = []
    for _ in range(RUNS):
        before()
        start = time.perf_counter_ns()
        work()
        result.append((time.perf_counter_ns() - start) // 1000)
    return result


def _line(name: str, times: list[int], base: float) -> Measured:
    median = statistics.median(times)
    return Measured(
        name=name,
        median_us=round(median),
        lowest_us=min(times),
        highest_us=max(times),
        runs=len(times),
        ratio_percent=round(100 * median / base),
    )


def _empty_store() -> None:
    shutil.rmtree(OUT / "store", ignore_errors=True)


def _run(arguments: tuple[str, ...]) -> int:
    return _python("-m", "fwverify", *arguments)


def _python(*arguments: str) -> int:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=HERE.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
    ).returncode


def _print(lines: tuple[Measured, ...]) -> None:
    print(f"{'':<18}{'median ms':>11}{'lowest':>10}{'highest':>10}{'x bare':>9}")
    for line in lines:
        print(
            f"{line.name:<18}{line.median_us / 1000:>11.1f}{line.lowest_us / 1000:>10.1f}"
            f"{line.highest_us / 1000:>10.1f}{line.ratio_percent / 100:>9.1f}"
        )


if __name__ == "__main__":
    sys.exit(main())

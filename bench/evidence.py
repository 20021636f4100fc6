"""How long a package takes beyond the analysis: ``python -m bench.evidence [FILES] [MiB]``.

Makes an update, a tar of FILES files and MiB mebibytes of mixed content (text, scripts,
configuration, machine code's like, compressed and random bytes, from fixed seeds), checks
it with the real program, and then times ``evidence build`` three times, signed by a key made
for the run, with and without the annex as PDF: the median, and the peak memory of the
process. ``evidence verify`` and, where openssl is there, ``verify.sh`` are timed once.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from fwverify.evidence import layout
from tests.evidence import lab

FILES, MIB = 5_000, 100
RUNS: Final = 3
BOUND_SECONDS: Final = 10
_AT: Final = "2026-06-01T00:00:00Z"
_WORDS: Final = (
    b"interface", b"option", b"listen", b"http://update.example/", b"modem", b"0.0.0.0",
    b"password", b"telemetry", b"gateway", b"calibration", b"can0", b"diagnostic",
)  # fmt: skip
_CASE: Final = (
    'schema = "fwverify.case/1"\nid = "bench"\nvendor = "acme"\nproduct = "bus"\n'
    'class = "generic"\n[rxswin]\nbefore = "R1"\nafter = "R2"\n'
)


def content(number: int, size: int) -> bytes:
    """Return ``size`` bytes of the kind that file ``number`` has."""
    draw = random.Random(number)
    match number % 5:
        case 0:
            text = b"\n".join(b"%b = %b" % (draw.choice(_WORDS), draw.choice(_WORDS))
                              for _ in range(size // 20 + 1))  # fmt: skip
            return text[:size]
        case 1:
            line = b"#!/bin/sh\n" + b"".join(
                b"echo %b %d\n" % (draw.choice(_WORDS), draw.randrange(999))
                for _ in range(size // 18 + 1)
            )
            return line[:size]
        case 2:
            block = hashlib.sha512(b"%d" % number).digest() + bytes(64)
            return (block * (size // len(block) + 1))[:size]
        case 3:
            packed = zlib.compress(draw.randbytes(size))
            return packed[:size]
        case _:
            return draw.randbytes(size)


def write_update(file: Path, files: int, mib: int) -> None:
    """Write the tar, not held in memory: a child's peak begins with that of this process."""
    size = mib * 2**20 // files
    with tarfile.open(file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for number in range(files):
            info = tarfile.TarInfo(f"usr/lib/part{number % 97:02}/file{number:05}")
            info.size, info.mode = size, 0o755 if number % 5 == 1 else 0o644
            tar.addfile(info, io.BytesIO(content(number, size).ljust(size, b"\n")))


class Run(NamedTuple):
    """How a command went: seconds on the clock and of the processor, status, peak in bytes."""

    seconds: float
    processor: float
    status: int
    peak: int


def timed(arguments: Sequence[str | Path], folder: Path) -> Run:
    """Run a command in ``folder``; what it says goes to a file there."""
    begun = time.perf_counter()
    with (folder / "said").open("wb") as said:
        child = subprocess.Popen(list(map(str, arguments)), cwd=folder, stdout=said, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begun
    return Run(seconds, used.ru_utime + used.ru_stime, child.returncode, used.ru_maxrss * 1024)


def desk(folder: Path, files: int, mib: int) -> None:
    """Lay out an update, a case, a configuration, keys and the script."""
    write_update(folder / "fw.tar", files, mib)
    (folder / "case.toml").write_text(_CASE)
    (folder / "lab.key").write_bytes(lab.key_pem(lab.person("Lab")))
    (folder / "lab.crt").write_bytes(lab.person("Lab").pem)
    (folder / "ca.pem").write_bytes(lab.authority("Lab CA").pem)
    (folder / "verify.sh").write_bytes(layout.script())
    (folder / "fwverify.toml").write_text('schema = "fwverify.config/1"\n[paths]\nstore = "s"\n')


def main(files: int, mib: int) -> None:
    """Print the figures, one line each."""
    program = (sys.executable, "-m", "fwverify", "--config", "fwverify.toml")
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        desk(folder, files, mib)
        arguments = ("check", "fw.tar", "--case", "case.toml", "--at", _AT, "--out", "out")
        done = timed((*program, *arguments, "--exit-zero"), folder)
        if not (folder / "out" / "bench.asice").is_file():
            raise SystemExit((folder / "said").read_text())
        say(f"{files} files, {mib} MiB: check", done)
        for label, more in (("package", ()), ("package with PDF", ("--pdf",))):
            runs = [
                timed((*program, "evidence", "build", "out", "--out", "made", "--key", "lab.key",
                       "--certificate", "lab.crt", *more), folder)
                for _ in range(RUNS)
            ]  # fmt: skip
            middle = sorted(runs)[RUNS // 2]
            processor = statistics.median(one.processor for one in runs)
            peak = max(one.peak for one in runs)
            say(f"{label}, median of {RUNS}", middle._replace(processor=processor, peak=peak))
            size = (folder / "made" / "bench.asice").stat().st_size
            met = "met" if middle.seconds < BOUND_SECONDS else "NOT met"
            print(f"  {size} bytes; bound of {BOUND_SECONDS} s on the clock: {met}", flush=True)
        trusted = ("made/bench.asice", "--anchor", "ca.pem")
        say("evidence verify", timed((*program, "evidence", "verify", *trusted), folder))
        say("verify.sh", timed(("sh", "verify.sh", *trusted), folder))


def say(label: str, run: Run) -> None:
    """Print one line."""
    print(
        f"{label}: {run.seconds:.2f} s, processor {run.processor:.2f} s, "
        f"peak {run.peak // 2**20} MiB, status {run.status}",
        flush=True,
    )


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*(given + [FILES, MIB][len(given) :]))

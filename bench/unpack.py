"""Unpacking beside unblob and binwalk: recall, wall time and anonymous memory, in one run.

Usage: ``python -m bench.unpack [--unblob PROGRAM] [--binwalk PROGRAM] [--only NAME]...
[--more N] [--large]``. Every image of ``bench.images`` whose tools are here is made once
and given to each engine, one after the other, each with an empty output folder and no
cache. What came out is judged alike for all: the regular files in the output folder, by
SHA-256, against the planted ones. Memory is the highest sum of the anonymous memory of
the engine's processes, looked at every 20 milliseconds. ``--large`` adds a file system
image of 1 GiB.

Prints a table and writes ``bench/out/unpack.json``. unblob is to have all the programs
that its ``--show-external-dependencies`` names; binwalk is Debian's. Run as root, binwalk
mounts what it finds: the bench runs in a mount namespace of its own and unmounts after it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.images import KINDS, plant, run

RESULT: Final = Path(__file__).resolve().parent / "out" / "unpack.json"
_DEADLINE_SECONDS: Final = 240
_LOOK_SECONDS: Final = 0.02
_UNSHARED: Final = "FWVERIFY_BENCH_UNSHARED"
_LARGE: Final = "ext4-1GiB"
_LARGE_FILES: Final = 64
_LARGE_FILE_BYTES: Final = 15 * 1024 * 1024


@dataclass(frozen=True)
class Image:
    """One image and the digests of what was planted in it."""

    name: str
    path: Path
    planted: frozenset[str]


@dataclass(frozen=True)
class Line:
    """What one engine did with one image."""

    engine: str
    image: str
    found: int
    planted: int
    seconds: float
    anonymous_mib: int
    ended: str


def main() -> int:
    """Measure, print and write."""
    arguments = _arguments()
    _leave_mounts_behind()
    engines = _engines(arguments)
    with tempfile.TemporaryDirectory(prefix="fwverify-bench-") as work:
        images = _images(Path(work), arguments)
        lines = []
        for image in images:
            for engine, command in engines.items():
                lines.append(_measure(engine, command, image, Path(work)))
                _print_line(lines[-1])
    _print_totals(lines, tuple(engines))
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--unblob", help="program; left out where it is not named or on PATH")
    parser.add_argument("--binwalk", help="program; left out where it is not named or on PATH")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--more", type=int, default=100, help="further files of 100 KB in each")
    parser.add_argument("--large", action="store_true")
    return parser.parse_args()


def _leave_mounts_behind() -> None:
    """Start again in a mount namespace of our own, where there are the rights."""
    if os.geteuid() == 0 and not os.environ.get(_UNSHARED) and shutil.which("unshare"):
        again = ("unshare", "-m", sys.executable, "-m", "bench.unpack", *sys.argv[1:])
        os.execvpe(again[0], again, {**os.environ, _UNSHARED: "1"})


def _unmount(folder: Path) -> None:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        where = line.split(" ")[1]
        if where.startswith(f"{folder}/"):
            subprocess.run(("umount", where), check=False)


def _engines(arguments: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    """Return the engines by name; ``{image}`` and ``{out}`` stand for the paths."""
    own = f"{sys.executable} -m fwverify unpack {{image}} --out {{out}} --no-cache"
    engines: dict[str, tuple[str, ...]] = {"fwverify": tuple(own.split(" "))}
    if unblob := arguments.unblob or shutil.which("unblob"):
        engines["unblob"] = (unblob, "--log", "{out}.log", "-e", "{out}", "{image}")
    if binwalk := arguments.binwalk or shutil.which("binwalk"):
        engines["binwalk"] = (binwalk, "-Me", "-q", "--run-as=root", "-C", "{out}", "{image}")
    return engines


def _images(work: Path, arguments: argparse.Namespace) -> list[Image]:
    tree = plant(work, arguments.more)
    images = []
    for kind in KINDS:
        if arguments.only and kind.name not in arguments.only:
            continue
        if kind.missing():
            print(f"bench: {kind.name} left out: no {', '.join(kind.missing())}", file=sys.stderr)
            continue
        folder = work / "images" / kind.name
        folder.mkdir(parents=True)
        planted = frozenset(file.sha256 for file in kind.planted(tree))
        images.append(Image(kind.name, kind.build(tree, folder), planted))
    return [*images, *([_large(work)] if arguments.large else [])]


def _large(work: Path) -> Image:
    """Return a 1 GiB ext4 image that is nearly full."""
    root = work / "large"
    root.mkdir()
    planted = set()
    for index in range(_LARGE_FILES):
        data = os.urandom(_LARGE_FILE_BYTES)
        (root / f"f{index:02}").write_bytes(data)
        planted.add(hashlib.sha256(data).hexdigest())
    image = work / "large.ext4"
    with image.open("wb") as handle:
        handle.truncate(1 << 30)
    run("mkfs.ext4", "-q", "-m", "0", "-d", root, image)
    shutil.rmtree(root)
    return Image(_LARGE, image, frozenset(planted))


def _measure(engine: str, command: tuple[str, ...], image: Image, work: Path) -> Line:
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.with_suffix(".log").unlink(missing_ok=True)
    if engine != "fwverify":
        out.mkdir()
    filled = [part.format(image=image.path, out=out) for part in command]
    started = time.monotonic()
    process = subprocess.Popen(
        filled, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    highest, ended = 0, "exit"
    while process.poll() is None:
        highest = max(highest, _anonymous_kib(process.pid))
        if time.monotonic() - started > _DEADLINE_SECONDS:
            os.killpg(process.pid, signal.SIGKILL)
            ended = "deadline"
        time.sleep(_LOOK_SECONDS)
    seconds = time.monotonic() - started
    found = image.planted & _digests(out)
    _unmount(work)
    return Line(
        engine=engine,
        image=image.name,
        found=len(found),
        planted=len(image.planted),
        seconds=round(seconds, 3),
        anonymous_mib=highest // 1024,
        ended=ended if ended == "deadline" else f"exit {process.returncode}",
    )


def _anonymous_kib(root: int) -> int:
    """Return the anonymous memory of process ``root`` and all below it, in KiB."""
    parents: dict[int, int] = {}
    memory: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except (OSError, ValueError):
            continue
        process = int(lines["Pid"])
        parents[process] = int(lines["PPid"])
        memory[process] = int(lines.get("RssAnon", "0 kB").split()[0])
    return sum(kib for process, kib in memory.items() if _is_below(process, root, parents))


def _is_below(process: int, root: int, parents: dict[int, int]) -> bool:
    while process and process != root:
        process = parents.get(process, 0)
    return process == root


def _digests(out: Path) -> frozenset[str]:
    digests = set()
    for path in out.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as handle:
                digests.add(hashlib.file_digest(handle, "sha256").hexdigest())
    return frozenset(digests)


def _print_line(line: Line) -> None:
    print(
        f"{line.image:20} {line.engine:9} {line.found}/{line.planted} {line.seconds:8.2f} s "
        f"{line.anonymous_mib:6} MiB  {line.ended}",
        flush=True,
    )


def _print_totals(lines: list[Line], engines: tuple[str, ...]) -> None:
    own = sum(line.seconds for line in lines if line.engine == "fwverify")
    for engine in engines:
        mine = [line for line in lines if line.engine == engine]
        whole = sum(line.found == line.planted for line in mine)
        seconds = sum(line.seconds for line in mine)
        memory = max((line.anonymous_mib for line in mine), default=0)
        print(
            f"{engine}: {whole} of {len(mine)} whole, {seconds:.1f} s in all, at most "
            f"{memory} MiB; fwverify takes {own / seconds if seconds else 0:.2f} of its time"
        )
    slower = _slower(lines)
    print(f"slower than unblob on {len(slower)} images: {', '.join(slower) or 'none'}")


def _slower(lines: list[Line]) -> list[str]:
    times = {(line.image, line.engine): line.seconds for line in lines}
    return [
        image
        for image, engine in times
        if engine == "unblob" and times[image, "fwverify"] > times[image, "unblob"]
    ]


if __name__ == "__main__":
    sys.exit(main())

"""Unpacking beside unblob and binwalk: recall, wall time and anonymous memory, in one run.

Usage: ``python -m bench.unpack [--unblob PROGRAM] [--binwalk PROGRAM] [--only NAME]...
[--more N] [--runs N] [--without ENGINE]... [--large]``. Every image of ``bench.images``
whose tools are here is made once and given to each engine ``--runs`` times, the engines in
turn and in the other order each time, each with an empty output folder, no cache and as
many processes as it takes by itself. Both are byte-compiled, as an installer leaves them.
What came out is judged alike for all: the regular files in the output folder, by SHA-256,
against the planted ones. Wall and processor time are medians; processor time is that of
all processes. Memory is the highest sum of the anonymous memory of the engine's processes,
looked at every 20 milliseconds. ``--large`` adds a file system image of 1 GiB.

Prints a table and writes ``bench/out/unpack.json``. unblob is to have all the programs that
its ``--show-external-dependencies`` names, beside it or on PATH; where sasquatch is missing,
which Debian does not have, Debian's unsquashfs stands in for it. binwalk is Debian's. Run
as root, binwalk mounts what it finds: the bench runs in a mount namespace of its own and
unmounts after it.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import ctypes
import hashlib
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from bench.images import KINDS, plant, run

RESULT: Final = Path(__file__).resolve().parent / "out" / "unpack.json"
_SASQUATCH: Final = """\
#!/bin/sh
[ "$1" = -le ] && shift
exec unsquashfs "$@"
"""
_PR_SET_CHILD_SUBREAPER: Final = 36
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
    """What one engine did with one image; times are seconds."""

    engine: str
    image: str
    found: int
    planted: int
    seconds: float
    processor: float
    anonymous_mib: int
    ended: str


def main() -> int:
    """Measure, print and write."""
    arguments = _arguments()
    _leave_mounts_behind()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # to count what they leave
    compileall.compile_dir(Path(__file__).resolve().parents[1] / "fwverify", quiet=1)
    engines = _engines(arguments)
    with tempfile.TemporaryDirectory(prefix="fwverify-bench-") as work:
        images = _images(Path(work), arguments)
        _stand_in(Path(work) / "programs")
        lines = []
        for image in images:
            runs: dict[str, list[Line]] = {engine: [] for engine in engines}
            for number in range(arguments.runs):
                for engine in sorted(engines, reverse=bool(number % 2)):
                    runs[engine].append(_measure(engine, engines[engine], image, Path(work)))
            for engine in engines:
                lines.append(_median(runs[engine]))
                _print_line(lines[-1])
    _print_totals(lines, tuple(engines))
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--unblob", help="program; left out where it is not named or on PATH")
    parser.add_argument("--binwalk", help="program; left out where it is not named or on PATH")
    parser.add_argument("--without", action="append", default=[], metavar="ENGINE")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--more", type=int, default=100, help="further files of 100 KB in each")
    parser.add_argument("--runs", type=int, default=1, help="runs of each, medians are taken")
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


def _stand_in(folder: Path) -> None:
    """Put unsquashfs on PATH under the name of sasquatch, where only that one is missing."""
    folder.mkdir()
    if shutil.which("unsquashfs") and not shutil.which("sasquatch"):
        (folder / "sasquatch").write_text(_SASQUATCH)
        (folder / "sasquatch").chmod(0o755)
        os.environ["PATH"] += f":{folder}"


def _engines(arguments: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    """Return the engines by name; ``{image}`` and ``{out}`` stand for the paths."""
    own = f"{sys.executable} -m fwverify unpack {{image}} --out {{out}} --no-cache"
    engines: dict[str, tuple[str, ...]] = {"fwverify": tuple(own.split(" "))}
    if unblob := arguments.unblob or shutil.which("unblob"):
        engines["unblob"] = (unblob, "--log", "{out}.log", "-e", "{out}", "{image}")
    if binwalk := arguments.binwalk or shutil.which("binwalk"):
        engines["binwalk"] = (binwalk, "-Me", "-q", "--run-as=root", "-C", "{out}", "{image}")
    return {name: line for name, line in engines.items() if name not in arguments.without}


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
    spent = _processor_seconds()
    started = time.monotonic()
    beside = os.path.dirname(shutil.which(filled[0]) or filled[0])  # an environment's programs
    process = subprocess.Popen(
        filled,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PATH": f"{beside}:{os.environ['PATH']}"},
    )
    highest, ended = 0, "exit"
    while process.poll() is None:
        highest = max(highest, _anonymous_kib(process.pid))
        if time.monotonic() - started > _DEADLINE_SECONDS:
            os.killpg(process.pid, signal.SIGKILL)
            ended = "deadline"
        time.sleep(_LOOK_SECONDS)
    seconds = time.monotonic() - started
    _reap()
    found = image.planted & _digests(out)
    _unmount(work)
    return Line(
        engine=engine,
        image=image.name,
        found=len(found),
        planted=len(image.planted),
        seconds=round(seconds, 3),
        processor=round(_processor_seconds() - spent, 3),
        anonymous_mib=highest // 1024,
        ended=ended if ended == "deadline" else f"exit {process.returncode}",
    )


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _reap() -> None:
    """Wait for the processes that an engine left to us."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def _median(runs: list[Line]) -> Line:
    """Return the runs of one engine on one image as one: medians, the worst of the rest."""
    worst = min(runs, key=lambda line: line.found)
    return replace(
        worst,
        seconds=round(statistics.median(line.seconds for line in runs), 3),
        processor=round(statistics.median(line.processor for line in runs), 3),
        anonymous_mib=max(line.anonymous_mib for line in runs),
    )


def _anonymous_kib(root: int) -> int:
    """Return the anonymous memory of process ``root`` and all below it, in KiB."""
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        try:
            status = Path(f"/proc/{process}/status").read_text()
            for task in os.listdir(f"/proc/{process}/task"):
                children = Path(f"/proc/{process}/task/{task}/children").read_text()
                waiting.extend(map(int, children.split()))
        except OSError:
            continue
        total += int((status.partition("RssAnon:")[2].split() or ["0"])[0])
    return total


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
        f"{line.processor:8.2f} s cpu {line.anonymous_mib:6} MiB  {line.ended}",
        flush=True,
    )


def _print_totals(lines: list[Line], engines: tuple[str, ...]) -> None:
    images = sorted({line.image for line in lines})
    by = {(line.engine, line.image): line for line in lines}
    for engine in engines:
        mine = [by[engine, image] for image in images]
        whole = sum(line.found == line.planted for line in mine)
        memory = max((line.anonymous_mib for line in mine), default=0)
        print(
            f"{engine}: {whole} of {len(mine)} whole, {_sum(mine):.1f} s in all, "
            f"{sum(line.processor for line in mine):.1f} s cpu, at most {memory} MiB"
        )
    for engine in engines:
        if engine != "fwverify":
            _print_ratios(engine, by, images)


def _print_ratios(engine: str, by: dict[tuple[str, str], Line], images: list[str]) -> None:
    """Print what part of ``engine``'s time fwverify takes, over all and over the fair ones."""
    both = [
        image
        for image in images
        if all(by[each, image].found == by[each, image].planted for each in ("fwverify", engine))
    ]
    for title, chosen in (("all images", images), ("images that both found whole", both)):
        own, theirs = ([by[each, image] for image in chosen] for each in ("fwverify", engine))
        if not chosen:
            continue
        ratios = [mine.seconds / other.seconds for mine, other in zip(own, theirs, strict=True)]
        spent = sum(line.processor for line in own) / sum(line.processor for line in theirs)
        print(
            f"fwverify beside {engine}, {len(chosen)} {title}: {_sum(own) / _sum(theirs):.2f} of "
            f"its time, median {statistics.median(ratios):.2f}, worst {max(ratios):.2f}, "
            f"{spent:.2f} of its processor time"
        )
    fewer = [image for image in images if by["fwverify", image].found < by[engine, image].found]
    slower = [
        f"{image} ({by['fwverify', image].seconds:.2f} s, {by[engine, image].seconds:.2f} s)"
        for image in images
        if by["fwverify", image].seconds > by[engine, image].seconds
    ]
    print(f"slower than {engine} on {len(slower)} images: {', '.join(slower) or 'none'}")
    print(f"found less than {engine} in {len(fewer)} images: {', '.join(fewer) or 'none'}")


def _sum(lines: list[Line]) -> float:
    return sum(line.seconds for line in lines)


if __name__ == "__main__":
    sys.exit(main())

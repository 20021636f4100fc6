"""What became of every byte of a folder of real firmware: the table of ``docs/coverage.md``.

Usage: ``python -m bench.coverage FOLDER > docs/coverage.md``. Each regular file is unpacked by
itself. The unexplained share is taken over the whole tree of a file: of each content once,
so that bytes inside a container count where they lie. The reason names the largest
unexplained runs with what the openers said of them. Returns 1 where the classes of any
node do not add up to its size.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fwverify.intake import take_in
from fwverify.limits import Limits
from fwverify.model import Placed, Unpacked
from fwverify.paths import SEPARATOR
from fwverify.store import Store
from fwverify.unpack import unpack
from fwverify.workers import Pool

_LEFT_OUT: Final = ("keys", "MANIFEST.tsv", "EXPECTED.tsv")
_REASONS: Final = 2
_INTRODUCTION: Final = """\
# What becomes of the bytes of real firmware

Each file of the test corpus, unpacked by itself: what its own bytes are, and what share of
all contents below it nothing explains, with the largest such runs. Made by
`python -m bench.coverage`; a test holds it against the code.

"""
_HEAD: Final = (
    "| file | format | bytes | extracted | parsed | padding | signature | unexplained | why |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---|"
)


@dataclass(frozen=True)
class Row:
    """One file: its name, format and size, bytes per class of its own bytes, and of what
    is unexplained anywhere below it the share in millionths and the reason.
    """

    name: str
    format: str
    size: int
    own: tuple[int, int, int, int, int]
    unexplained_ppm: int
    reason: str
    sums: bool


def rows(folder: Path) -> Iterator[Row]:
    """Yield a row per file of ``folder``, in order of name."""
    limits = Limits()
    with tempfile.TemporaryDirectory(prefix="fwverify-bench-") as work:
        store = Store(Path(work))
        with Pool(2, limits.memory_bytes, writable=(work,)) as pool:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not set(path.relative_to(folder).parts) & set(_LEFT_OUT):
                    subject = take_in((path,), store).subject
                    unpacked = unpack(subject, store, pool, limits)
                    yield _row(str(path.relative_to(folder)), unpacked, path.name)


def _row(name: str, unpacked: Unpacked, root_path: str) -> Row:
    distinct = {placed.node.sha256: placed for placed in unpacked.nodes if placed.node.sha256}
    root = next(placed for placed in unpacked.nodes if placed.parent is None)
    total = sum(placed.node.size or 0 for placed in distinct.values())
    unexplained = sum(placed.node.coverage.unexplained for placed in distinct.values())
    cover = root.node.coverage
    own = (cover.extracted, cover.parsed, cover.padding, cover.signature, cover.unexplained)
    return Row(
        name=name,
        format=root.node.format or "none",
        size=root.node.size or 0,
        own=own,
        unexplained_ppm=unexplained * 1_000_000 // total if total else 0,
        reason=_reason(unpacked, root_path),
        sums=all(_adds_up(placed) for placed in unpacked.nodes),
    )


def _adds_up(placed: Placed) -> bool:
    cover = placed.node.coverage
    parts = (cover.extracted, cover.parsed, cover.padding, cover.signature, cover.unexplained)
    return sum(parts) == (placed.node.size or 0)


def _reason(unpacked: Unpacked, root_path: str) -> str:
    """Return the largest unexplained runs and what was said of the blobs they are in."""
    said = {problem.path: problem.text for problem in unpacked.problems}
    runs = sorted(
        (
            (region.start - region.end, placed.node.path, region.start, region.entropy_milli)
            for placed in unpacked.nodes
            for region in placed.regions
            if region.kind == "unexplained"
        ),
    )
    shown = []
    for length, path, start, entropy in runs[:_REASONS]:
        inside = path.removeprefix(root_path).removeprefix(SEPARATOR) or "itself"
        text = f"{-length} bytes at {start:#x} of {inside} ({entropy / 1000:.1f} bit/byte)"
        shown.append(f"{text}: {said[path]}" if path in said else text)
    if len(runs) > _REASONS:
        shown.append(f"and {len(runs) - _REASONS} more runs")
    return "; ".join(shown).replace("|", "\\|")


def markdown(table: list[Row]) -> str:
    """Return ``table`` as Markdown."""
    lines = [_HEAD]
    for row in table:
        shares = " | ".join(_percent(each, row.size) for each in row.own[:4])
        unexplained = f"{row.unexplained_ppm / 10_000:.2f} %"
        lines.append(
            f"| {row.name} | {row.format} | {row.size} | {shares} | {unexplained} | {row.reason} |"
        )
    return "\n".join(lines) + "\n"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "0 %"


def main(arguments: list[str]) -> int:
    """Print the table; return 1 where the classes of a node do not add up."""
    folders = [Path(each) for each in arguments if not each.startswith("-")]
    if len(folders) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    table = list(rows(folders[0]))
    print(_INTRODUCTION + markdown(table), end="")
    wrong = [row.name for row in table if not row.sums]
    print("".join(f"does not add up: {name}\n" for name in wrong), end="", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

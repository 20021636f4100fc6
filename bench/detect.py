"""How much of real remote access the analyse stage finds, and how often it is wrong.

Usage: ``python -m bench.detect [recall] [goodware] [firmware] [speed] [--jobs N]
[--markdown]``. The programs are those of ``bench.debs``, read, never run.

- ``recall``: each tool x architecture of ``bench.tooltable``. A pair counts when a
  finding on an ELF file of that package has one of the tool's abilities; a second column
  counts the pairs that a named YARA rule alone finds, without the import combinations.
- ``goodware``: findings of high confidence in programs that do nothing of the kind, each
  with file, rule and evidence, less those that ``bench.goodware`` explains as true.
- ``firmware``: the same over boot loaders, UEFI, busybox and C libraries, where none is
  allowed; raw images are unpacked first.
- ``speed``: the whole stage beside bare yara-python, with the same rules, files and
  number of processes.

``--markdown`` writes the tables of recall, goodware and firmware to docs/detection.md.
All results are written to ``bench/out/detect.json``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yara

from bench import debs
from bench.goodware import TRUE
from bench.tooltable import FURTHER, NPM_TOOLS, TOOLS
from fwverify.analyse import analyse
from fwverify.analyse.rules import RuleSet, load_rules
from fwverify.limits import Limits
from fwverify.model import Coverage, Finding, Identity, Image, Node, Placed, Unpacked
from fwverify.store import Store
from fwverify.workers import Pool

ROOT: Final = Path(__file__).resolve().parents[1]
RULES: Final = ROOT / "yara_rules"
RESULT: Final = ROOT / "bench" / "out" / "detect.json"
PAGE: Final = ROOT / "docs" / "detection.md"
SPEED_BYTES: Final = 200 * 1000 * 1000
_AT_ONCE: Final = 400
_COMBINATIONS: Final = ("elf.", "pe.", "shell.")


@dataclass(frozen=True)
class Found:
    """One finding on a file of a package."""

    package: str
    arch: str
    file: str
    rule: str
    capability: str
    confidence: str
    severity: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One tool: the architectures brought, those found, and those found by a named rule."""

    tool: str
    capabilities: tuple[str, ...]
    archs: tuple[str, ...]
    missed: tuple[str, ...]
    missed_by_rules: tuple[str, ...]
    rules: tuple[str, ...]


# --- the stage over a set --------------------------------------------------------------


def findings(files: Sequence[debs.Binary], rules: RuleSet, jobs: int) -> Iterator[Found]:
    """Yield what the analyse stage finds in ``files``; problems go to standard error."""
    store = debs.store()
    with Pool(jobs, Limits().memory_bytes, writable=(str(store.root),)) as pool:
        for start in range(0, len(files), _AT_ONCE):
            batch = files[start : start + _AT_ONCE]
            paths = {_path(each): each for each in batch}
            result = analyse(_tree(batch), store, pool, rules, Limits())
            for problem in result.problems:
                print(f"bench: {problem.path}: {problem.code}: {problem.text}", file=sys.stderr)
            yield from (_found(finding, paths[finding.path]) for finding in result.findings)


def _path(file: debs.Binary) -> str:
    owner = file.package
    return f"{owner.name.replace('/', '-')}_{owner.arch}_{owner.origin}!/{file.name}"


def _tree(files: Sequence[debs.Binary]) -> Unpacked:
    placed = (_placed(_path(each), each.sha256, each.size) for each in files)
    return Unpacked(image=Image(), nodes=tuple(sorted(placed, key=lambda each: each.node.path)))


def _placed(path: str, sha256: str, size: int) -> Placed:
    node = Node(
        path=path,
        name_raw=None,
        kind="file",
        sha256=sha256,
        size=size,
        format=None,
        offset=None,
        mode=None,
        uid=None,
        gid=None,
        mtime=None,
        link=None,
        identity=Identity(),
        coverage=Coverage(parsed=size),
    )
    return Placed(
        node=node,
        parent=None,
        extents=(),
        stored=False,
        regions=(),
        executable=True,
        complete=True,
        attributes=(),
    )


def _found(finding: Finding, file: debs.Binary) -> Found:
    return Found(
        package=file.package.name,
        arch=file.package.arch,
        file=file.name,
        rule=finding.rule,
        capability=finding.capability or "",
        confidence=finding.confidence,
        severity=finding.severity,
        evidence=finding.evidence,
    )


# --- recall ----------------------------------------------------------------------------


def recall(rules: RuleSet, jobs: int) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return the rows of the tools of the design and of the further ones."""
    wanted = {tool.package: tool.capabilities for tool in (*TOOLS, *FURTHER, *NPM_TOOLS)}
    packages = (*debs.tools(), *debs.further())
    hits = tuple(findings(debs.binaries(packages), rules, jobs))
    names = {tool.package for tool in FURTHER}
    rows = tuple(
        _row(name, wanted[name], [each for each in packages if each.name == name], hits)
        for name in sorted({each.name for each in packages})
    )
    return (
        tuple(row for row in rows if row.tool not in names),
        tuple(row for row in rows if row.tool in names),
    )


def _row(
    name: str,
    capabilities: tuple[str, ...],
    packages: Sequence[debs.Package],
    hits: Sequence[Found],
) -> Row:
    right = [hit for hit in hits if hit.package == name and hit.capability in capabilities]
    named = [hit for hit in right if not hit.rule.startswith(_COMBINATIONS)]
    archs = {each.arch for each in packages}
    return Row(
        tool=name,
        capabilities=capabilities,
        archs=tuple(sorted(archs)),
        missed=tuple(sorted(archs - {hit.arch for hit in right})),
        missed_by_rules=tuple(sorted(archs - {hit.arch for hit in named})),
        rules=tuple(sorted({hit.rule for hit in named})),
    )


def _print_recall(title: str, rows: Sequence[Row]) -> None:
    for row in rows:
        missed = f"  missed: {' '.join(row.missed)}" if row.missed else ""
        print(
            f"{row.tool:32} {_share(row):>5}  rules {_share(row, by_rules=True):>5}  "
            f"{' '.join(row.rules)}{missed}"
        )
    print(f"{title}: {_total(rows)}; by named rules alone {_total(rows, by_rules=True)}")


def _share(row: Row, *, by_rules: bool = False) -> str:
    missed = row.missed_by_rules if by_rules else row.missed
    return f"{len(row.archs) - len(missed)}/{len(row.archs)}"


def _total(rows: Sequence[Row], *, by_rules: bool = False) -> str:
    pairs = sum(len(row.archs) for row in rows)
    missed = sum(len(row.missed_by_rules if by_rules else row.missed) for row in rows)
    return f"{pairs - missed} of {pairs} pairs ({100 * (pairs - missed) / max(1, pairs):.1f} %)"


# --- findings that should not be -------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """A set of good programs: how many, and its findings of high confidence."""

    files: int
    elf: int
    bytes: int
    true: tuple[Found, ...]
    untrue: tuple[Found, ...]
    medium: tuple[tuple[str, int], ...]


def judge(packages: Sequence[debs.Package], rules: RuleSet, jobs: int, *, every: bool) -> Judged:
    """Return the findings of ``packages``; ``every`` file of them, or the ELF files."""
    files = debs.binaries(packages, elf_only=not every)
    hits = tuple(findings(files, rules, jobs))
    explained = {(item.package, item.rule) for item in TRUE}
    high = [hit for hit in hits if hit.confidence == "high"]
    medium = Counter(hit.rule for hit in hits if hit.confidence == "medium")
    return Judged(
        files=len(files),
        elf=len(debs.binaries(packages)),
        bytes=sum(each.size for each in files),
        true=tuple(hit for hit in high if (hit.package, hit.rule) in explained),
        untrue=tuple(hit for hit in high if (hit.package, hit.rule) not in explained),
        medium=tuple(sorted(medium.items(), key=lambda item: (-item[1], item[0]))),
    )


def _print_judged(title: str, judged: Judged) -> None:
    for hit in judged.untrue:
        print(f"UNTRUE {hit.package}:{hit.arch} {hit.file}: {hit.rule} {hit.evidence[:6]}")
    print(
        f"{title}: {judged.files} files ({judged.elf} ELF), {judged.bytes / 1e6:.0f} MB: "
        f"{len(judged.untrue)} untrue of high confidence, {len(judged.true)} true"
    )
    print(f"  untrue by rule: {dict(Counter(hit.rule for hit in judged.untrue))}")
    print(f"  medium by rule: {dict(judged.medium)}")


# --- speed -----------------------------------------------------------------------------

_COMPILED: Any = None


def _compile(sources: dict[str, str]) -> None:
    global _COMPILED
    yara.set_config(max_match_data=160)
    _COMPILED = yara.compile(sources=sources)


def _scan(path: str) -> int:
    return len(_COMPILED.match(data=Path(path).read_bytes(), timeout=60))


def speed(rules: RuleSet, jobs: int) -> dict[str, float]:
    """Return seconds and MB/s of bare yara-python and of the stage, caches warm."""
    files = _sample(debs.binaries(debs.goodware()))
    store, total = debs.store(), sum(each.size for each in files)
    paths = [str(store.path(each.sha256)) for each in files]
    for path in paths:
        Path(path).read_bytes()
    started = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _compile, (dict(rules.sources),)) as pool:
        list(pool.map(_scan, paths, chunksize=4))
    bare = time.perf_counter() - started
    started = time.perf_counter()
    with Pool(jobs, Limits().memory_bytes, writable=(str(store.root),)) as workers:
        analyse(_tree(files), _Forgetful(store.root), workers, rules, Limits())
    whole = time.perf_counter() - started
    return {
        "megabytes": round(total / 1e6, 1),
        "bare_seconds": round(bare, 2),
        "stage_seconds": round(whole, 2),
        "ratio": round(bare / whole, 3),
    }


class _Forgetful(Store):
    """A store that keeps no results, so that the stage works afresh."""

    def get_result(self, key: str) -> bytes | None:
        del key
        return None

    def put_result(self, key: str, body: bytes) -> None:
        del key, body


def _sample(files: Sequence[debs.Binary]) -> tuple[debs.Binary, ...]:
    """Return every n-th distinct file, so that there are ``SPEED_BYTES`` of all kinds."""
    distinct = sorted({each.sha256: each for each in files}.values(), key=lambda each: each.sha256)
    chosen, total = [], 0
    for each in distinct:
        if total < SPEED_BYTES:
            chosen.append(each)
            total += each.size
    return tuple(chosen)


# --- the page --------------------------------------------------------------------------


def page(tools: Sequence[Row], more: Sequence[Row], good: Judged, firmware: Judged) -> str:
    """Return docs/detection.md."""
    return "\n".join(
        (
            "# What detection finds and where it errs",
            "",
            "Generated by `python -m bench.detect --markdown` from real programs of Debian and the "
            "npm registry,",
            "which the bench brings and never runs. A pair is one tool on one architecture; it "
            "counts when a",
            "finding on an ELF file of that package names an ability the tool has "
            "(`bench/tooltable.py`).",
            "",
            "## Recall",
            f"Tools of the design: **{_total(tools)}**; by named rules alone, without import "
            f"combinations, {_total(tools, by_rules=True)}.",
            "",
            *_table(tools),
            "",
            f"Further tools of the same kinds: **{_total(more)}**; by named rules alone "
            f"{_total(more, by_rules=True)}.",
            "",
            *_table(more),
            "",
            "## Findings that should not be",
            "| set | files | ELF | MB | untrue, high confidence | true, high confidence |",
            "|---|---|---|---|---|---|",
            _judged_line("goodware", good),
            _judged_line("U-Boot, UEFI, busybox, C libraries", firmware),
            "",
            "### Untrue findings of high confidence",
            *(_listed(good.untrue + firmware.untrue) or ("None.",)),
            "",
            "### True findings of high confidence in these sets",
            *(_explained(good.true + firmware.true) or ("None.",)),
            "",
        )
    )


def _table(rows: Sequence[Row]) -> tuple[str, ...]:
    head = ("| tool | found | by named rules | rules | missed |", "|---|---|---|---|---|")
    return head + tuple(
        f"| {row.tool} | {_share(row)} | {_share(row, by_rules=True)} | "
        f"{' '.join(f'`{rule}`' for rule in row.rules)} | {' '.join(row.missed)} |"
        for row in rows
    )


def _judged_line(title: str, judged: Judged) -> str:
    return (
        f"| {title} | {judged.files} | {judged.elf} | {judged.bytes // 1_000_000} | "
        f"{len(judged.untrue)} | {len(judged.true)} |"
    )


def _listed(hits: Sequence[Found]) -> tuple[str, ...]:
    return tuple(
        f"- `{hit.package}` ({hit.arch}) `{hit.file}`: `{hit.rule}`, "
        f"{', '.join(f'`{text}`' for text in hit.evidence[:4])}"
        for hit in hits
    )


def _explained(hits: Sequence[Found]) -> tuple[str, ...]:
    counts = Counter((hit.package, hit.rule) for hit in hits)
    reasons = {(item.package, item.rule): item.why for item in TRUE}
    return tuple(
        f"- `{package}`: `{rule}` ({count} files): {reasons[package, rule]}"
        for (package, rule), count in sorted(counts.items())
    )


def main() -> int:
    """Measure what is named, or everything; print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--markdown", action="store_true", help="write docs/detection.md")
    arguments = parser.parse_args()
    known = ("recall", "goodware", "firmware", "speed")
    if unknown := set(arguments.parts) - set(known):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    parts = set(arguments.parts or known)
    if arguments.markdown:
        parts |= {"recall", "goodware", "firmware"}
    return _measure(parts, load_rules((RULES,)), arguments.jobs, write=arguments.markdown)


def _measure(parts: set[str], rules: RuleSet, jobs: int, *, write: bool) -> int:
    document: dict[str, object] = {"rules": rules.sha256}
    tools: tuple[Row, ...] = ()
    more: tuple[Row, ...] = ()
    sets: dict[str, Judged] = {}
    if "recall" in parts:
        tools, more = recall(rules, jobs)
        _print_recall("further tools", more)
        _print_recall("tools of the design", tools)
        document["recall"] = [asdict(row) for row in (*tools, *more)]
    for name, packages, every in (
        ("goodware", debs.goodware, False),
        ("firmware", debs.firmware, True),
    ):
        if name in parts:
            sets[name] = judge(packages(), rules, jobs, every=every)
            _print_judged(name, sets[name])
            document[name] = asdict(sets[name])
    if "speed" in parts:
        document["speed"] = speed(rules, jobs)
        print(f"speed: {document['speed']}")
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    if write:
        PAGE.write_text(page(tools, more, sets["goodware"], sets["firmware"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

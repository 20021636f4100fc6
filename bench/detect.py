"""How much of real remote access the analyse stage finds, and how often it is wrong.

Usage: ``python -m bench.detect [recall] [goodware] [firmware] [speed] [--jobs N]
[--rules DIR] [--markdown]``. The programs are those of ``bench.debs``, read, never run.

- ``recall``: each tool x architecture of ``bench.tooltable``. A pair counts when a
  finding on an ELF file of that package has one of the tool's abilities; a second column
  counts the pairs that a named YARA rule alone finds, without the import combinations.
- ``goodware``: findings of high confidence in programs that do nothing of the kind, each
  with file, rule and evidence, less those that ``bench.goodware`` explains as true.
- ``firmware``: the same over boot loaders, UEFI, busybox and C libraries, where none is
  allowed; the packages go through the unpack stage, so that what lies inside images is
  looked at too.
- ``speed``: the whole stage beside bare yara-python, with the same rules, files and
  number of processes.

``--markdown`` writes the tables of recall, goodware and firmware to docs/detection.md.
All results are written to ``bench/out/detect.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench import debs
from bench.analysed import Found, findings, findings_whole
from bench.detectpage import Judged, Row, page, share, total
from bench.detectspeed import speed
from bench.goodware import TRUE
from bench.tooltable import FURTHER, NPM_TOOLS, TOOLS
from fwverify.analyse.rules import RuleSet, load_rules

ROOT: Final = Path(__file__).resolve().parents[1]
RULES: Final = ROOT / "yara_rules"
RESULT: Final = ROOT / "bench" / "out" / "detect.json"
PAGE: Final = ROOT / "docs" / "detection.md"
_COMBINATIONS: Final = ("elf.", "pe.", "shell.")


# --- recall ----------------------------------------------------------------------------


def recall(rules: RuleSet, jobs: int) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return the rows of the tools of the design and of the further ones."""
    wanted = {tool.package: tool.capabilities for tool in (*TOOLS, *FURTHER)}
    wanted |= {tool.package: tool.capabilities for tool in NPM_TOOLS}
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
            f"{row.tool:32} {share(row):>5}  rules {share(row, by_rules=True):>5}  "
            f"{' '.join(row.rules)}{missed}"
        )
    print(f"{title}: {total(rows)}; by named rules alone {total(rows, by_rules=True)}")


# --- findings that should not be -------------------------------------------------------


def judge(packages: Sequence[debs.Package], rules: RuleSet, jobs: int) -> Judged:
    """Return the findings of high confidence on the ELF files of ``packages``."""
    files = debs.binaries(packages)
    return _judged(tuple(findings(files, rules, jobs)), files, len(files))


def judge_whole(packages: Sequence[debs.Package], rules: RuleSet, jobs: int) -> Judged:
    """Return the same for everything in ``packages``, unpacked by this project."""
    parts = tuple(findings_whole(packages, rules, jobs))
    hits = tuple(hit for _, found in parts for hit in found)
    return _judged(hits, debs.binaries(packages), sum(files for files, _ in parts))


def _judged(hits: Sequence[Found], elf: Sequence[debs.Binary], files: int) -> Judged:
    explained = {(item.package, item.rule) for item in TRUE}
    high = [hit for hit in hits if hit.confidence == "high"]
    medium = Counter(hit.rule for hit in hits if hit.confidence == "medium")
    return Judged(
        files=files,
        elf=len(elf),
        bytes=sum(each.size for each in elf),
        true=tuple(hit for hit in high if (hit.package, hit.rule) in explained),
        untrue=tuple(hit for hit in high if (hit.package, hit.rule) not in explained),
        medium=tuple(sorted(medium.items(), key=lambda item: (-item[1], item[0]))),
    )


def _print_judged(title: str, judged: Judged) -> None:
    for hit in judged.untrue:
        print(f"UNTRUE {hit.package}:{hit.arch} {hit.file}: {hit.rule} {hit.evidence[:6]}")
    print(
        f"{title}: {judged.files} files ({judged.elf} ELF, {judged.bytes / 1e6:.0f} MB): "
        f"{len(judged.untrue)} untrue of high confidence, {len(judged.true)} true"
    )
    print(f"  untrue by rule: {dict(Counter(hit.rule for hit in judged.untrue))}")
    print(f"  medium by rule: {dict(judged.medium)}")


def main() -> int:
    """Measure what is named, or everything; print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rules", action="append", type=Path, metavar="DIR")
    parser.add_argument("--markdown", action="store_true", help="write docs/detection.md")
    arguments = parser.parse_args()
    known = ("recall", "goodware", "firmware", "speed")
    if unknown := set(arguments.parts) - set(known):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    parts = set(arguments.parts or known)
    if arguments.markdown:
        parts |= {"recall", "goodware", "firmware"}
    rules = load_rules(tuple(arguments.rules or (RULES,)))
    return _measure(parts, rules, arguments.jobs, write=arguments.markdown)


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
    for name, packages, look in (
        ("goodware", debs.goodware, judge),
        ("firmware", debs.firmware, judge_whole),
    ):
        if name in parts:
            sets[name] = look(packages(), rules, jobs)
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

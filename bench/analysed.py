"""The analyse stage over files of packages, as the detection bench uses it.

``findings`` gives the stage the ELF files alone, as one tree; ``findings_whole`` lets this
project's unpack stage open the package, so that the inside of images is looked at too.
What the stage could not examine goes to standard error: it is no finding.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench import debs
from fwverify.analyse import analyse
from fwverify.analyse.rules import RuleSet
from fwverify.intake import take_in
from fwverify.limits import Limits
from fwverify.model import (
    Coverage,
    Finding,
    Image,
    Placed,
    Problem,
    Unpacked,
)
from fwverify.plain import plain_file
from fwverify.unpack import unpack
from fwverify.workers import Pool

_AT_ONCE: Final = 400


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


def findings(files: Sequence[debs.Binary], rules: RuleSet, jobs: int) -> Iterator[Found]:
    """Yield what the analyse stage finds in ``files``; problems go to standard error."""
    store = debs.store()
    with Pool(jobs, Limits().memory_bytes, writable=(str(store.root),)) as pool:
        for start in range(0, len(files), _AT_ONCE):
            batch = files[start : start + _AT_ONCE]
            paths = {_path(each): each for each in batch}
            result = analyse(tree(batch), store, pool, rules, Limits())
            _say(result.problems)
            yield from (_found(finding, paths[finding.path]) for finding in result.findings)


def findings_whole(
    packages: Sequence[debs.Package], rules: RuleSet, jobs: int
) -> Iterator[tuple[int, tuple[Found, ...]]]:
    """Yield, for each package, the number of files in it at any depth and the findings."""
    store = debs.store()
    with Pool(jobs, Limits().memory_bytes, writable=(str(store.root),)) as pool:
        for package in packages:
            subject = take_in((package.path,), store).subject
            unpacked = unpack(subject, store, pool, Limits())
            result = analyse(unpacked, store, pool, rules, Limits())
            _say((*unpacked.problems, *result.problems))
            files = sum(placed.node.sha256 is not None for placed in unpacked.nodes)
            yield files, tuple(_found(each, _file(package, each)) for each in result.findings)


def _file(package: debs.Package, finding: Finding) -> debs.Binary:
    return debs.Binary(package, finding.path.partition("!/")[2], "", 0)


def _say(problems: Sequence[Problem]) -> None:
    for problem in problems:
        print(f"bench: {problem.path}: {problem.code}: {problem.text}", file=sys.stderr)


def _path(file: debs.Binary) -> str:
    owner = file.package
    return f"{owner.name.replace('/', '-')}_{owner.arch}_{owner.origin}!/{file.name}"


def tree(files: Sequence[debs.Binary]) -> Unpacked:
    """Return ``files`` as the unpack stage would hand them on: leaves without regions."""
    placed = (_placed(each) for each in files)
    return Unpacked(image=Image(), nodes=tuple(sorted(placed, key=lambda each: each.node.path)))


def _placed(file: debs.Binary) -> Placed:
    parsed = Coverage(parsed=file.size)
    return plain_file(_path(file), file.sha256, file.size, coverage=parsed, executable=True)


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

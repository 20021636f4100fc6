"""What the rules find in files where something is to be found, and in good software.

``trial`` puts every regular file of the folders through the analyse stage itself, each
folder as one file system, and counts per rule the files it holds for: a rule that was
merged under a stronger one counts as well (``merged_rules``). An expectation file says
what must be found where, and which sure hits in good software are explained.

Guarantees: counts depend on the files, the rules and the engine alone. What a worker
could not finish is a problem of the trial and never a miss or a silence.

What it does not do: unpack. Files are looked at as they lie; links are not followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta

from fwverify.analyse.rulefile import read_rules
from fwverify.analyse.rules import RuleSet
from fwverify.analyse.stage import analyse
from fwverify.limits import Limits
from fwverify.merged_rules import per_rule
from fwverify.model import (
    Finding,
    Image,
    Placed,
    Problem,
    Unpacked,
    _Value,
)
from fwverify.paths import SEPARATOR
from fwverify.plain import plain_file
from fwverify.store import Store
from fwverify.workers import Executor

POSITIVE: Final = "positive"
GOODWARE: Final = "goodware"
_SURE: Final = "high"

Text = Annotated[str, Meta(min_length=1, max_length=500)]


class Expected(_Value, frozen=True, kw_only=True):
    """Files (a pattern below the positive folder) of which each has one of ``any_of``.

    ``any_of`` are abilities or names of rules.
    """

    file: Text
    any_of: Annotated[tuple[Text, ...], Meta(min_length=1)]


class Allowed(_Value, frozen=True, kw_only=True):
    """A sure hit in good software that is explained."""

    file: Text
    rule: Text
    reason: Text


class Expectation(_Value, frozen=True, kw_only=True):
    """The expectation file of ``fwverify rules test``."""

    schema: Literal["fwverify.rules-expect/1"]
    expect: tuple[Expected, ...] = ()
    allow: tuple[Allowed, ...] = ()


@dataclass(frozen=True)
class Row:
    """One rule: files it holds for, and the sure ones of the good software.

    ``megabytes_per_second`` is its cost alone; None where it was not or cannot be measured.
    """

    rule: str
    capability: str
    severity: str
    confidence: str
    positive: int
    goodware: int
    sure_goodware: int
    megabytes_per_second: int | None = None


@dataclass(frozen=True)
class Trial:
    """The rows by rule, what failed, and what could not be examined."""

    rows: tuple[Row, ...]
    missed: tuple[str, ...]
    untrue: tuple[str, ...]
    problems: tuple[Problem, ...]
    files: int
    bytes: int

    @property
    def failed(self) -> bool:
        """Whether something expected is missing, untrue or was not examined."""
        return bool(self.missed or self.untrue or self.problems)


def trial(
    positive: tuple[Path, ...],
    goodware: tuple[Path, ...],
    expectation: Expectation,
    rules: RuleSet,
    store: Store,
    pool: Executor,
    limits: Limits,
) -> Trial:
    """Return what ``rules`` find in the files of both kinds of folders.

    Raises ``OSError`` for a folder or file that cannot be read.
    """
    nodes = (*_placed(positive, POSITIVE, store), *_placed(goodware, GOODWARE, store))
    analysed = analyse(Unpacked(image=Image(), nodes=nodes), store, pool, rules, limits)
    told = tuple(each for finding in analysed.findings for each in per_rule(finding))
    paths = tuple(placed.node.path for placed in nodes)
    return Trial(
        rows=_rows(rules, told),
        missed=_missed(expectation, paths, told),
        untrue=_untrue(expectation, told),
        problems=analysed.problems,
        files=len(nodes),
        bytes=sum(placed.node.size or 0 for placed in nodes),
    )


# --- the files -----------------------------------------------------------------------


def _placed(folders: tuple[Path, ...], kind: str, store: Store) -> Iterator[Placed]:
    """Yield the regular files below ``folders``; the N-th folder is a file system of its own."""
    for number, folder in enumerate(folders):
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is not a folder")
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                with file.open("rb") as handle:
                    sha256, size = store.put_file(handle)
                inner = file.relative_to(folder).as_posix()
                yield plain_file(f"{kind}{number or ''}{SEPARATOR}{inner}", sha256, size)


def _kind(path: str) -> str:
    return POSITIVE if path.startswith(POSITIVE) else GOODWARE


def _inner(path: str) -> str:
    return path.partition(SEPARATOR)[2]


# --- what they show ------------------------------------------------------------------


def _rows(rules: RuleSet, told: tuple[Finding, ...]) -> tuple[Row, ...]:
    """Return a row per rule of the set, and per analyser's rule that holds somewhere."""
    known = {
        rule.name: (rule.get("capability"), rule.get("severity"), rule.get("confidence"))
        for _, text in rules.sources
        for rule in read_rules(text)
        if "private" not in rule.flags
    }
    for finding in told:
        said = (finding.capability or "", finding.severity, finding.confidence)
        known.setdefault(finding.rule, said)
    hits: dict[tuple[str, str], set[str]] = {}
    for finding in told:
        kind = _kind(finding.path)
        hits.setdefault((finding.rule, kind), set()).add(finding.path)
        if kind == GOODWARE and finding.confidence == _SURE:
            hits.setdefault((finding.rule, _SURE), set()).add(finding.path)
    return tuple(
        Row(
            rule=name,
            capability=known[name][0],
            severity=known[name][1],
            confidence=known[name][2],
            positive=len(hits.get((name, POSITIVE), ())),
            goodware=len(hits.get((name, GOODWARE), ())),
            sure_goodware=len(hits.get((name, _SURE), ())),
        )
        for name in sorted(known)
    )


def _missed(
    expectation: Expectation, paths: tuple[str, ...], told: tuple[Finding, ...]
) -> tuple[str, ...]:
    """Return each expected file that is absent or has none of what it is to have."""
    shown: dict[str, set[str]] = {}
    for finding in told:
        shown.setdefault(finding.path, set()).update({finding.rule, finding.capability or ""})
    missed: set[str] = set()
    for each in expectation.expect:
        files = [
            path
            for path in paths
            if _kind(path) == POSITIVE and fnmatchcase(_inner(path), each.file)
        ]
        wanted = ", ".join(each.any_of)
        if not files:
            missed.add(f"{each.file}: no such file (wanted {wanted})")
        missed.update(
            f"{_inner(path)}: none of {wanted}"
            for path in files
            if not shown.get(path, set()) & set(each.any_of)
        )
    return tuple(sorted(missed))


def _untrue(expectation: Expectation, told: tuple[Finding, ...]) -> tuple[str, ...]:
    """Return the sure hits in good software that the expectation does not explain."""
    return tuple(
        sorted(
            {
                f"{_inner(finding.path)}: {finding.rule} ({', '.join(finding.evidence[:3])})"
                for finding in told
                if _kind(finding.path) == GOODWARE
                and finding.confidence == _SURE
                and not any(
                    each.rule == finding.rule and fnmatchcase(_inner(finding.path), each.file)
                    for each in expectation.allow
                )
            }
        )
    )

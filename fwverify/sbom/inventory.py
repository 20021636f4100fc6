"""The components of an update: installed packages, package metadata, stated versions.

Guarantees: databases are found by their path inside a file system and read in the worker
pool; one that cannot be read is a finding, a worker that fails is a problem and the stage
is incomplete. Equal inputs give equal components, sorted and without duplicates.

What it does not see: software that no database, metadata or version text names, and
databases at other places than the usual.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from fwverify.canonical import make_finding, plain
from fwverify.limits import Limits
from fwverify.model import Analysed, Component, Finding, Problem, Unpacked
from fwverify.model import _Value as Value
from fwverify.paths import SEPARATOR
from fwverify.reader import Malformed
from fwverify.sbom.databases import MAX_DATABASE_BYTES, MAX_TEXT_BYTES, Kind, Record, records
from fwverify.store import Store
from fwverify.workers import Executor, Outcome, Task

MAX_FILES: Final = 20_000
MAX_COMPONENTS: Final = 100_000
_BATCH: Final = 64
"""Files per task: most are copyright files of a few kilobytes."""

UNREAD: Final = "sbom.unread"
_PLACES: Final[tuple[tuple[Kind | None, re.Pattern[str]], ...]] = tuple(
    (kind, re.compile(pattern))  # type: ignore[misc]
    for kind, pattern in (
        ("dpkg", r"(?:.*/)?var/lib/dpkg/status(?:\.d/[^/]+(?<!\.md5sums))?"),
        ("opkg", r"(?:.*/)?lib/opkg/(?:status|info/[^/]+\.control)"),
        ("apk", r"(?:.*/)?lib/apk/db/installed"),
        ("rpm", r"(?:.*/)?rpm/rpmdb\.sqlite"),
        (None, r"(?:.*/)?rpm/(?:Packages|Packages\.db)"),
        ("pypi", r"(?:.*/)?(?:[^/]+\.dist-info/METADATA|[^/]+\.egg-info/PKG-INFO)"),
        ("npm", r"(?:.*/)?node_modules/(?:@[^/]+/)?[^/]+/package\.json"),
        ("copyright", r"(?:.*/)?usr/share/doc/[^/]+/copyright"),
    )
)


class Item(Value, frozen=True, kw_only=True):
    """One file to read."""

    kind: Kind
    sha256: str


class Request(Value, frozen=True, kw_only=True):
    """Read ``items`` from the store at ``store``."""

    store: str
    items: tuple[Item, ...]


class Read(Value, frozen=True, kw_only=True):
    """What one item lists, or why it could not be read."""

    records: tuple[Record, ...] = ()
    why: str = ""


def read_items(argument: bytes) -> bytes:
    """Return a ``Read`` for each item of a ``Request`` (both MessagePack); runs in a worker."""
    request = msgspec.msgpack.decode(argument, type=Request)
    store = _store(request.store)
    return msgspec.msgpack.encode(tuple(_read(store, item) for item in request.items))


@lru_cache(maxsize=1)
def _store(root: str) -> Store:
    return Store(Path(root))


def _read(store: Store, item: Item) -> Read:
    with store.view(item.sha256) as buffer:
        limit = MAX_DATABASE_BYTES if item.kind in ("dpkg", "opkg", "apk", "rpm") else None
        if len(buffer) > (limit or MAX_TEXT_BYTES):
            return Read(why=f"larger than {limit or MAX_TEXT_BYTES} bytes")
        content = bytes(buffer)
    try:
        return Read(records=records(item.kind, content))
    except Malformed as error:
        return Read(why=str(error))


def with_components(
    analysed: Analysed, unpacked: Unpacked, store: Store, pool: Executor, limits: Limits
) -> Analysed:
    """Return ``analysed`` with the components, and with what could not be read."""
    wanted, findings = _wanted(unpacked)
    items = tuple(dict.fromkeys(Item(kind=kind, sha256=sha) for kind, sha, _ in wanted))
    answers, failures = _answers(items[:MAX_FILES], store, pool, limits)
    problems = list(failures)
    if len(items) > MAX_FILES:
        text = f"more than {MAX_FILES} package databases and metadata files"
        problems.append(Problem(code="limit.sbom_files", path="", text=text))
    licences: dict[str, str] = {}
    found: set[Component] = set(_stated(analysed))
    for kind, sha256, path in wanted:
        answer = answers.get((kind, sha256))
        if answer is None:
            continue
        if answer.why:
            findings.append(_unread(path, answer.why))
        if kind == "copyright":
            licences[path] = "; ".join(each.licence for each in answer.records)
        else:
            found.update(_component(kind, each, path) for each in answer.records)
    complete = sorted((_licensed(each, licences) for each in found), key=_order)
    if len(complete) > MAX_COMPONENTS:
        text = f"more than {MAX_COMPONENTS} components"
        problems.append(Problem(code="limit.sbom_components", path="", text=text))
    return msgspec.structs.replace(
        analysed,
        components=tuple(complete[:MAX_COMPONENTS]),
        findings=(*analysed.findings, *findings),
        problems=(*analysed.problems, *problems),
    )


def _wanted(unpacked: Unpacked) -> tuple[list[tuple[Kind, str, str]], list[Finding]]:
    """Return (kind, digest, path) of each file to read, and findings for the unreadable."""
    wanted: list[tuple[Kind, str, str]] = []
    findings: list[Finding] = []
    for placed in unpacked.nodes:
        node = placed.node
        if node.sha256 is None or not node.size:
            continue
        name = node.path.rsplit(SEPARATOR, 1)[-1]
        for kind, pattern in _PLACES:
            if pattern.fullmatch(name) is None:
                continue
            if kind is None:
                findings.append(_unread(node.path, "a package database of a kind that is not read"))
            else:
                wanted.append((kind, node.sha256, node.path))
            break
    return wanted, findings


def _unread(path: str, why: str) -> Finding:
    return make_finding(
        rule=UNREAD,
        path=path,
        text=f"the list of components lacks what this file says: {why}",
        severity="info",
        evidence=(why,),
        r155=("28.1",),
    )


def _answers(
    items: tuple[Item, ...], store: Store, pool: Executor, limits: Limits
) -> tuple[dict[tuple[str, str], Read], list[Problem]]:
    batches = [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
    outcomes = pool.map(
        Task(
            function="fwverify.sbom.inventory:read_items",
            argument=msgspec.msgpack.encode(Request(store=str(store.root), items=batch)),
            deadline_seconds=limits.scan_seconds,
        )
        for batch in batches
    )
    answers: dict[tuple[str, str], Read] = {}
    problems: list[Problem] = []
    for batch, outcome in zip(batches, outcomes, strict=True):
        reads = _decoded(outcome, len(batch))
        if reads is None:
            text = f"package databases were not read: {outcome.text or 'no answer'}"
            problems.append(Problem(code="sbom.failed", path="", text=plain(text)))
            continue
        answers.update(
            ((item.kind, item.sha256), each) for item, each in zip(batch, reads, strict=True)
        )
    return answers, problems


def _decoded(outcome: Outcome, expected: int) -> tuple[Read, ...] | None:
    if outcome.result is None:
        return None
    try:
        reads = msgspec.msgpack.decode(outcome.result, type=tuple[Read, ...])
    except msgspec.MsgspecError:
        return None
    return reads if len(reads) == expected else None


def _stated(analysed: Analysed) -> Iterator[Component]:
    """Yield what programs say of themselves (``analyse.config.packages``, version texts)."""
    for file in analysed.facts:
        if any(pattern.fullmatch(file.path.rsplit(SEPARATOR, 1)[-1]) for _, pattern in _PLACES):
            continue
        for fact in file.facts:
            if fact.kind == "component":
                name, _, version = fact.text.partition(" ")
                yield Component(kind="stated", name=name, version=version, path=file.path)


def _component(kind: Kind, record: Record, path: str) -> Component:
    if kind == "copyright":
        raise ValueError("a copyright file is no component")
    return Component(
        kind=kind,
        name=record.name,
        version=record.version,
        arch=record.arch,
        supplier=record.supplier,
        licence=record.licence,
        source=record.source,
        path=path,
    )


def _licensed(each: Component, licences: dict[str, str]) -> Component:
    """Return ``each`` with the licence of its copyright file, where only that states one."""
    if each.kind != "dpkg" or each.licence:
        return each
    root = each.path.split("var/lib/dpkg/", 1)[0]
    return msgspec.structs.replace(
        each, licence=licences.get(f"{root}usr/share/doc/{each.name}/copyright", "")
    )


def _order(each: Component) -> tuple[str, ...]:
    return (each.path, each.kind, each.name, each.version, each.arch, each.licence)

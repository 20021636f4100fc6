"""The analyse stage over the unpacked tree.

Guarantees: every node with content is scanned, containers too, once per distinct
content; what a worker could not finish is a ``Problem`` at every path of that content,
and nothing about it is made up; results come from the cache only under the same content,
rules, analyser version and extracted ranges, and only results without trouble are
cached. The output depends on contents, paths and rules alone.

What it does not do: decide what a finding means (policy) or compare (compare).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from fwverify.analyse.alive import with_starts
from fwverify.analyse.analysers import PATHS
from fwverify.analyse.combine import (
    Started,
    combined,
    program_name,
    start_texts,
    started_programs,
)
from fwverify.analyse.dataflow import Content, dataflows
from fwverify.analyse.echoes import without_echoes
from fwverify.analyse.links import MAX_VISITS, FileSystem, plain
from fwverify.analyse.privileges import privileged
from fwverify.analyse.rules import RuleSet
from fwverify.analyse.values import (
    BlobRequest,
    BlobResult,
    Hit,
    PathRequest,
    PathResult,
    Range,
    Trouble,
)
from fwverify.analyse.ways import Ways, ways
from fwverify.canonical import digest, make_finding
from fwverify.limits import Limits
from fwverify.model import (
    Account,
    Analysed,
    Endpoint,
    FileFacts,
    Finding,
    Key,
    Placed,
    Problem,
    Service,
    Unpacked,
)
from fwverify.paths import SEPARATOR
from fwverify.store import Store
from fwverify.tools import code_digest
from fwverify.workers import Executor, Outcome, Task

_ENABLING_LINK: Final = re.compile(r"(?:^|/)(?:rc[0-6S]\.d|[^/]+\.(?:wants|requires))/[^/]+$")
_LINKED_FOLDER: Final = re.compile(
    r"(?:^|/)(?:etc|\.ssh|etc/(?:init\.d|rc[0-6S]?\.d|sudoers\.d|cron\.\w+|xinetd\.d|crontabs)"
    r"|var/spool(?:/cron(?:/crontabs)?)?|udev(?:/rules\.d)?|systemd(?:/(?:system|user))?)$"
)
"""Folders that the path analysers read in. Not etc/dropbear: Buildroot links it to /var/run."""

Result = TypeVar("Result", BlobResult, PathResult)
Request = TypeVar("Request", BlobRequest, PathRequest)


@dataclass(frozen=True)
class _Job(Generic[Request]):
    """One question to a worker, its cache key, and the paths that its answer is about.

    ``size`` is that of the content in bytes: the largest are asked about first, so that
    none of them is left to one worker at the end.
    """

    request: Request
    key: str
    paths: tuple[str, ...]
    size: int


def analyse(
    unpacked: Unpacked, store: Store, pool: Executor, rules: RuleSet, limits: Limits
) -> Analysed:
    """Return findings, endpoints, services, accounts, keys and facts of every node.

    Raises ``ValueError`` when ``rules`` does not have the digest it claims.
    """
    if store.put(rules.bundle()) != rules.sha256:
        raise ValueError("the rule set does not have its digest")
    blobs = _blob_jobs(unpacked, store, rules, limits)
    files, lost = _path_jobs(unpacked, store)
    ask = _Asker(store, pool, limits.scan_seconds)
    by_content = ask.answers(blobs, "fwverify.analyse.scan:scan_blob", BlobResult)
    by_path = ask.answers(files, "fwverify.analyse.scan:scan_path", PathResult)
    found = _collected(tuple(by_content), tuple(by_path), lost, unpacked.nodes)
    rights, too_many = privileged(unpacked.nodes, unpacked.findings)
    return msgspec.structs.replace(
        found,
        findings=tuple(sorted({*found.findings, *rights}, key=_finding_order)),
        problems=tuple(sorted({*found.problems, *too_many}, key=_problem_order)),
    )


class _Asker:
    """Puts jobs to the cache and then to the pool."""

    def __init__(self, store: Store, pool: Executor, seconds: int) -> None:
        self._store = store
        self._pool = pool
        self._seconds = seconds

    def answers(
        self, jobs: tuple[_Job[Request], ...], function: str, kind: type[Result]
    ) -> Iterator[tuple[_Job[Request], Result | Trouble]]:
        """Yield every job with its answer, or with why there is none."""
        cached = {job.key: found for job in jobs if (found := self._cached(job.key, kind))}
        open_jobs = sorted((job for job in jobs if job.key not in cached), key=_largest_first)
        outcomes = self._pool.map(
            Task(
                function=function,
                argument=msgspec.msgpack.encode(job.request),
                deadline_seconds=self._seconds,
            )
            for job in open_jobs
        )
        fresh = {
            job.key: self._read(job.key, outcome, kind)
            for job, outcome in zip(open_jobs, outcomes, strict=True)
        }
        for job in jobs:
            yield job, cached.get(job.key) or fresh[job.key]

    def _cached(self, key: str, kind: type[Result]) -> Result | None:
        body = self._store.get_result(key)
        if body is None:
            return None
        try:
            return msgspec.msgpack.decode(body, type=kind)
        except msgspec.MsgspecError:
            return None

    def _read(self, key: str, outcome: Outcome, kind: type[Result]) -> Result | Trouble:
        if outcome.result is None:
            code = f"analyse.{outcome.failure or 'failed'}"
            return Trouble(code=code, text=f"the analysis did not finish: {outcome.text}")
        try:
            result = msgspec.msgpack.decode(outcome.result, type=kind)
        except msgspec.MsgspecError as error:
            return Trouble(code="analyse.garbled", text=f"the worker's answer: {error}")
        if not result.troubles:
            self._store.put_result(key, outcome.result)
        return result


def _largest_first(job: _Job[Request]) -> int:
    return -job.size


def _blob_jobs(
    unpacked: Unpacked, store: Store, rules: RuleSet, limits: Limits
) -> tuple[_Job[BlobRequest], ...]:
    grouped: dict[tuple[str, tuple[Range, ...], int], list[str]] = {}
    for placed in unpacked.nodes:
        if placed.node.sha256 is not None:
            key = placed.node.sha256, _extracted(placed), placed.node.size or 0
            grouped.setdefault(key, []).append(placed.node.path)
    return tuple(
        _Job(
            BlobRequest(
                store=str(store.root),
                sha256=sha256,
                rules=rules.sha256,
                extracted=ranges,
                yara_seconds=max(1, limits.scan_seconds // (3 if rules.engine == "both" else 2)),
                engine=rules.engine,
            ),
            digest(["blob", code_digest("analyse"), sha256, rules.sha256, rules.engine, ranges]),
            tuple(paths),
            size,
        )
        for (sha256, ranges, size), paths in grouped.items()
    )


def _extracted(placed: Placed) -> tuple[Range, ...]:
    """Return the ranges that the children answer for; none where one may be missing."""
    if not placed.complete:
        return ()
    return tuple(
        (region.start, region.end) for region in placed.regions if region.kind == "extracted"
    )


def _path_jobs(
    unpacked: Unpacked, store: Store
) -> tuple[tuple[_Job[PathRequest], ...], tuple[Problem, ...]]:
    """Return the questions about configuration files, and the links that lead nowhere."""
    grouped: dict[str, dict[str, Placed]] = {}
    for placed in unpacked.nodes:
        container, inner = _split(placed.node.path)
        grouped.setdefault(container, {})[inner] = placed
    jobs: list[_Job[PathRequest]] = []
    problems: list[Problem] = []
    for nodes in grouped.values():
        system = FileSystem(nodes)
        links = _enabling_links(system)
        for inner, real, said_of in _reached(system, problems):
            sha256 = system.nodes[real].node.sha256
            if sha256 is None:
                continue
            names = {posixpath.basename(inner), posixpath.basename(real)}
            named = tuple(sorted({link for name in names for link in links.get(name, ())}))
            request = PathRequest(store=str(store.root), sha256=sha256, path=inner, links=named)
            key = digest(["path", code_digest("analyse"), sha256, inner, named])
            size = system.nodes[real].node.size or 0
            jobs.append(_Job(request, key, (system.nodes[said_of].node.path,), size))
    return tuple(jobs), tuple(problems)


def _reached(system: FileSystem, problems: list[Problem]) -> Iterator[tuple[str, str, str]]:
    """Yield (what the device calls it, the file's name, the name it is said of).

    An account file or an init script that is a link to elsewhere, or that lies in a
    linked folder, works like the file. A file whose own place makes the same of it is
    not looked at again; what a link leads to nowhere is a problem of the link.
    """
    own = [(plain(name), name) for name in system.nodes]
    seen: set[tuple[str, str]] = set()
    for inner, name in (*own, *((plain(alias), real) for alias, real in system.aliases())):
        if (inner, name) in seen:
            continue
        seen.add((inner, name))
        linked = system.nodes[name].node.kind == "symlink"
        if linked and _LINKED_FOLDER.search(inner) and not system.resolve(name):
            problems.append(_leads_nowhere(system.nodes[name], inner))
        if not _families(inner):
            continue
        if not linked:
            if inner == plain(name) or _families(inner) != _families(plain(name)):
                yield inner, name, name
            continue
        targets = system.resolve(name)
        if not any(system.is_readable(target) for target in targets):
            problems.append(_leads_nowhere(system.nodes[name], inner))
        for target in targets:
            if target in system.nodes and _families(inner) != _families(plain(target)):
                yield inner, target, name
    if system.exhausted:
        path = next(iter(system.nodes.values())).node.path
        text = f"more than {MAX_VISITS} names below linked folders, or links that lead too far"
        problems.append(Problem(code="limit.links", path=path, text=text))


def _leads_nowhere(placed: Placed, inner: str) -> Problem:
    where = placed.node.link or "(nothing)"
    text = f"the device reads {inner}, which leads to {where}: not in this file system"
    return Problem(code="analyse.link", path=placed.node.path, text=text[:400])


def _families(inner: str) -> tuple[str, ...]:
    """Return what the place ``inner`` makes of a file; nothing where it is no concern."""
    return tuple(name for analyser in PATHS for name in analyser.families(inner))


def _split(path: str) -> tuple[str, str]:
    """Return the container's path and the path inside it; a member is its own file."""
    container, mark, inner = path.rpartition(SEPARATOR)
    return (container, inner) if mark else ("", path)


def _enabling_links(system: FileSystem) -> dict[str, list[str]]:
    """Return, per file name, the links that enable a service of that name."""
    found: dict[str, list[str]] = {}
    for inner, placed in system.nodes.items():
        if placed.node.kind != "symlink" or placed.node.link is None:
            continue
        if _ENABLING_LINK.search(inner):
            for target in {placed.node.link, *system.resolve(inner)}:
                found.setdefault(posixpath.basename(target), []).append(inner)
    return found


# --- what the answers amount to ------------------------------------------------------


def _collected(
    contents: tuple[tuple[_Job[BlobRequest], BlobResult | Trouble], ...],
    files: tuple[tuple[_Job[PathRequest], PathResult | Trouble], ...],
    lost: tuple[Problem, ...],
    nodes: tuple[Placed, ...],
) -> Analysed:
    endpoints: set[Endpoint] = set()
    services: set[Service] = set()
    accounts: set[Account] = set()
    keys: set[Key] = set()
    hits: dict[str, list[Hit]] = {}
    facts: dict[str, FileFacts] = {}
    contents_of: dict[str, Content] = {}
    scripts: dict[str, tuple[str, ...]] = {}
    runs: dict[str, tuple[tuple[str, str], ...]] = {}
    problems: set[Problem] = set(lost)
    for path, answer in _each(contents, problems):
        hits.setdefault(path, []).extend(answer.hits)
        endpoints.update(_endpoint(kind, value, path) for kind, value in answer.endpoints)
        keys.update(Key(kind=kind, fingerprint=mark, path=path) for kind, mark in answer.keys)
        if answer.facts:
            facts[path] = FileFacts(path=path, facts=answer.facts)
        if answer.marks or answer.mentions:
            contents_of[path] = Content(answer.marks, answer.mentions)
        if answer.runs:
            scripts[path] = answer.runs
    for path, read in _each(files, problems):
        hits.setdefault(path, []).extend(read.hits)
        keys.update(Key(kind=kind, fingerprint=mark, path=path) for kind, mark in read.keys)
        services.update(msgspec.structs.replace(item, path=path) for item in read.services)
        accounts.update(msgspec.structs.replace(item, path=path) for item in read.accounts)
        if read.runs:
            runs[path] = (*runs.get(path, ()), *read.runs)
    by_path, unfollowed = ways(nodes, runs, scripts)
    problems.update(unfollowed)
    found = without_echoes(_findings(hits, facts, started_programs(services), by_path), nodes)
    findings = with_starts(found, services, nodes, by_path)
    ordered = tuple(sorted(endpoints, key=lambda item: (item.path, item.kind, item.value)))
    flows, too_many = dataflows(contents_of, ordered, findings)
    problems.update(too_many)
    return Analysed(
        findings=findings,
        endpoints=ordered,
        services=tuple(
            sorted(services, key=lambda item: (item.path, item.name, item.kind, item.starts))
        ),
        accounts=tuple(sorted(accounts, key=_account_order)),
        keys=tuple(sorted(keys, key=lambda item: (item.path, item.kind, item.fingerprint))),
        facts=tuple(facts[path] for path in sorted(facts)),
        dataflows=flows,
        problems=tuple(sorted(problems, key=_problem_order)),
    )


def _findings(
    hits: dict[str, list[Hit]], facts: dict[str, FileFacts], started: Started, by_path: Ways
) -> tuple[Finding, ...]:
    """Return one finding per fact of each path (``combine``), in the report's order."""
    found: set[Finding] = set()
    for path, each in hits.items():
        own = facts[path].facts if path in facts else ()
        container, _, inner = path.rpartition(SEPARATOR)
        by = started.get((container, program_name(inner)), ()) if path in facts else ()
        run = start_texts(by_path[path]) if path in facts and path in by_path else ()
        found.update(_finding(hit, path) for hit in combined(each, own, by, run))
    return tuple(sorted(found, key=_finding_order))


def _each(
    answers: tuple[tuple[_Job[Request], Result | Trouble], ...], problems: set[Problem]
) -> Iterator[tuple[str, Result]]:
    """Yield (path, answer) and put every trouble among the problems of its path."""
    for job, answer in answers:
        troubles = (answer,) if isinstance(answer, Trouble) else answer.troubles
        for path in job.paths:
            problems.update(
                Problem(code=trouble.code, path=path, text=trouble.text) for trouble in troubles
            )
            if not isinstance(answer, Trouble):
                yield path, answer


def _finding(hit: Hit, path: str) -> Finding:
    return make_finding(
        rule=hit.rule,
        path=path,
        text=hit.text,
        capability=hit.capability,
        threat=hit.threat,
        severity=hit.severity,
        confidence=hit.confidence,
        offset=hit.offset,
        length=hit.length,
        excerpt=hit.excerpt,
        evidence=hit.evidence,
        r155=hit.r155,
    )


def _endpoint(kind: str, value: str, path: str) -> Endpoint:
    return msgspec.convert({"kind": kind, "value": value, "path": path}, Endpoint)


def _finding_order(finding: Finding) -> tuple[str, int, str, str]:
    offset = -1 if finding.offset is None else finding.offset
    return finding.path, offset, finding.rule, finding.fingerprint


def _problem_order(problem: Problem) -> tuple[str, str, str]:
    return problem.path, problem.code, problem.text


def _account_order(account: Account) -> tuple[str, str, int, str]:
    return account.path, account.name, -1 if account.uid is None else account.uid, account.state

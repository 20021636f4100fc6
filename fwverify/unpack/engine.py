"""Opening every content of an update once, level by level, in worker processes.

Guarantees: a content is opened once whatever it is called and however often it stands
in the update (UNPACKING, rule 8), so an archive that holds itself ends; which contents
are opened, and with which result, follows from the update and the limits alone, not from
the order in which workers finish; what a worker could not do (crash, deadline, memory,
exception) is a ``Problem`` of that content. Results are cached under the digest of the
unpacking code, the content, the limits and the name's suffix; a cached result whose
children are no longer in the store is a miss, and so is one that wants what was given now.
A secret reaches the contents whose path its pattern names, and no other; what was opened
with one is never kept. A content that stands at several paths is opened with what is
given for those of the level it is first met on.

What it does not do: judge paths or count bytes (``tree``).
"""

from __future__ import annotations

import functools
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from fwverify.canonical import digest, sha256_hex
from fwverify.limits import Limits
from fwverify.model import Opened, Problem, Subject
from fwverify.paths import encode_name, join, number_duplicates
from fwverify.store import Store
from fwverify.tools import code_digest
from fwverify.unpack.given import (
    DELTA_MAGICS,
    NEEDS_GIVEN,
    RAW_KINDS,
    Base,
    Given,
    OpenRequest,
)
from fwverify.workers import Executor, Outcome, Task

_OPEN: Final = "fwverify.unpack.opening:open_blob"
_LIGHT_BYTES: Final = 256 * 1024
"""Contents up to this are as a rule opened in milliseconds."""

_MAX_SUFFIX_CHARS: Final = 12
_MACHINE_TROUBLE: Final = ("tool.", "open.")


@dataclass(frozen=True)
class Content:
    """One content to open. ``name`` is the hint its first name gives.

    ``path`` is filled, and ``given`` holds secrets, only where secrets were given.
    """

    sha256: str
    size: int
    name: str
    path: str = ""
    given: Given = field(default_factory=Given, repr=False)


@dataclass(frozen=True)
class Result:
    """What came of one content: either of the two."""

    opened: Opened | None = None
    problem: Problem | None = None


def open_all(
    subject: Subject, store: Store, pool: Executor, limits: Limits, given: Given
) -> dict[str, Result]:
    """Return the result of every distinct content reachable from ``subject``, by SHA-256.

    A content beyond a limit has a result whose problem names it (``limit.depth``,
    ``limit.files``, ``limit.bytes_out``). Each content is bounded while it is opened; the
    total is looked at between contents, so it is passed by one content at most.
    """
    results: dict[str, Result] = {}
    level = _distinct(_roots(subject, given), results)
    produced = depth = 0
    while level:
        following: list[Content] = []
        level = [_with_bases(content, store, given.bases) for content in level]
        answers = _open_level(level, depth, store, pool, limits)
        for content in level:
            if produced > limits.bytes_out:
                text = f"the update grows past {limits.bytes_out} bytes"
                results[content.sha256] = _failed("limit.bytes_out", text)
                continue
            result = results[content.sha256] = next(answers)
            if result.opened is not None:
                following += _children(result.opened, content, given)
                produced += sum(entry.size or 0 for entry in result.opened.entries)
        answers.close()
        level = _distinct(following, results)
        excess = max(0, len(results) + len(level) - limits.files)
        for content in level[len(level) - excess :]:
            text = f"more than {limits.files} different contents"
            results[content.sha256] = _failed("limit.files", text)
        level = level[: len(level) - excess]
        depth += 1
    return results


def _failed(code: str, text: str) -> Result:
    return Result(problem=Problem(code=code, path="", text=text))


def _roots(subject: Subject, given: Given) -> list[Content]:
    return [
        Content(
            member.sha256,
            member.size,
            _hint(member.path),
            member.path,
            _given_for(member.path, given, root=True),
        )
        for member in subject.members
        if member.sha256 is not None and member.role != "secret"
    ]


def _given_for(path: str, given: Given, *, root: bool = False) -> Given:
    """Return what of ``given`` is for the node at ``path``."""
    return Given(
        secrets=tuple(each for each in given.secrets if each.is_for(path)),
        plaintexts=tuple(each for each in given.plaintexts if root and each.path == path),
    )


def _children(opened: Opened, parent: Content, given: Given) -> list[Content]:
    if not given.secrets:
        return [
            Content(entry.sha256, entry.size or 0, _hint(entry.name.decode("latin-1")))
            for entry in opened.entries
            if entry.sha256 is not None
        ]
    from fwverify.unpack.envelopes.swupdate import derived  # loads every cipher

    names = number_duplicates(encode_name(entry.name) for entry in opened.entries)
    children = []
    for entry, name in zip(opened.entries, names, strict=True):
        if entry.sha256 is None:
            continue
        path = join(parent.path, name)
        own = _given_for(path, given)
        own = msgspec.structs.replace(
            own, secrets=(*own.secrets, *derived(opened, entry.name, parent.given.secrets))
        )
        hint = _hint(entry.name.decode("latin-1"))
        children.append(Content(entry.sha256, entry.size or 0, hint, path, own))
    return children


def _hint(name: str) -> str:
    """Return a name with only the suffix of ``name``, in lower case.

    Formats without a magic may look at it. The rest of the name decides nothing, so that
    equal content is opened once.
    """
    _, dot, suffix = name.rpartition(".")
    plain = dot and suffix.isalnum() and suffix.isascii() and len(suffix) <= _MAX_SUFFIX_CHARS
    return f"blob.{suffix.lower()}" if plain else "blob"


def _distinct(contents: list[Content], known: dict[str, Result]) -> list[Content]:
    """Return the contents that are not ``known``, each once with all it is given, in order."""
    first: dict[str, Content] = {}
    for content in contents:
        if content.sha256 in known:
            continue
        before = first.setdefault(content.sha256, content)
        if before is not content and content.given != before.given:
            first[content.sha256] = replace(before, given=_joined(before.given, content.given))
    return list(first.values())


def _joined(left: Given, right: Given) -> Given:
    def both(name: str) -> tuple[object, ...]:
        ours, theirs = getattr(left, name), getattr(right, name)
        return (*ours, *(each for each in theirs if each not in ours))

    return msgspec.structs.replace(left, secrets=both("secrets"), plaintexts=both("plaintexts"))


def _with_bases(content: Content, store: Store, bases: tuple[Base, ...]) -> Content:
    """Return ``content`` with ``bases``, where it begins as a delta does."""
    if not bases or content.sha256 not in store:
        return content
    with store.open(content.sha256) as handle:
        head = handle.read(max(map(len, DELTA_MAGICS)))
    if not head.startswith(DELTA_MAGICS):
        return content
    return replace(content, given=msgspec.structs.replace(content.given, bases=bases))


def _open_level(
    level: list[Content], depth: int, store: Store, pool: Executor, limits: Limits
) -> Generator[Result, None, None]:
    """Yield the result of each content of one level, in order."""
    if depth > limits.depth:
        text = f"nested deeper than {limits.depth} levels"
        yield from (_failed("limit.depth", text) for _ in level)
        return
    keys = [_cache_key(content, limits) if store.keeps_results else "" for content in level]
    cached = [
        _from_cache(store, key, content.given) for key, content in zip(keys, level, strict=True)
    ]
    missing = [at for at, opened in enumerate(cached) if opened is None]
    root = str(store.root.resolve())
    outcomes = pool.map(_task(level[at], root, limits) for at in missing)
    for content, key, opened in zip(level, keys, cached, strict=True):
        if opened is not None:
            yield Result(opened=opened)
            continue
        result = _result(next(outcomes))
        if result.opened is not None and _may_be_kept(result.opened, content.given):
            store.put_result(key, msgspec.msgpack.encode(result.opened))
        yield result


def _task(content: Content, root: str, limits: Limits) -> Task:
    request = OpenRequest(
        store=root,
        sha256=content.sha256,
        name=content.name,
        limits=limits,
        given=content.given,
    )
    return Task(
        function=_OPEN,
        argument=msgspec.msgpack.encode(request),
        deadline_seconds=limits.open_seconds,
        light=content.size <= _LIGHT_BYTES and not content.given,
    )


def _result(outcome: Outcome) -> Result:
    if outcome.failure is not None or outcome.result is None:
        return _failed(f"open.{outcome.failure or 'crashed'}", outcome.text or "no answer")
    try:
        return Result(opened=msgspec.msgpack.decode(outcome.result, type=Opened))
    except msgspec.MsgspecError as error:
        return _failed("open.crashed", f"a garbled answer: {error}")


def _may_be_kept(opened: Opened, given: Given) -> bool:
    """Return whether the result depends on the content alone.

    That is: on nothing given beside the update, and not on this machine.
    """
    if opened.given or _depends(given) or (given and _needs_given(opened)):
        return False
    return not any(each.code.startswith(_MACHINE_TROUBLE) for each in opened.problems)


def _depends(given: Given) -> bool:
    """Return whether what is given steers the opening of any content, whatever it is."""
    return bool(given.plaintexts or given.of_kind(*RAW_KINDS, "swupdate"))


def _needs_given(opened: Opened) -> bool:
    return any(each.code in NEEDS_GIVEN for each in opened.problems)


def _from_cache(store: Store, key: str, given: Given) -> Opened | None:
    body = None if _depends(given) else store.get_result(key)
    if body is None:
        return None
    try:
        opened = msgspec.msgpack.decode(body, type=Opened)
    except msgspec.MsgspecError:
        return None
    if given and _needs_given(opened):
        return None
    there = all(each.sha256 is None or each.sha256 in store for each in opened.entries)
    return opened if there else None


def _cache_key(content: Content, limits: Limits) -> str:
    steers = _steering_digest(code_digest("unpack"), limits)
    return sha256_hex(f"opened {steers} {content.sha256} {content.name}".encode())


@functools.cache
def _steering_digest(code: str, limits: Limits) -> str:
    return digest([code, limits])

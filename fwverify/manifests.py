"""A set held against the manifests that lie in it, and against the case that lists it.

Guarantees: each member that a manifest or the case lists and that was not submitted is
``set.missing``; content that is not the listed one is ``set.mismatch``, and where it is
the content listed for another name, ``set.swapped``: each is a problem, so that the set
is never ALLOW. A member that no manifest lists is ``set.extra``, and one content under
two names ``set.duplicate``: these are findings. Nothing depends on the order of members.

Read are checksum lists (``sha256sum``, ``sha512sum``, ``--tag`` lines too) and JSON that
names files with SHA-256 or SHA-512: an object ``name: digest``, or a list of objects (at
the top or under ``files`` or ``members``) with ``path``, ``name``, ``file`` or ``filename``
and ``sha256`` or ``sha512``. A checksum list that cannot be read is the problem
``set.manifest``, another manifest that lists no digest the finding of that name.

Not checked: who made a manifest (the verify stage does), and weaker digests.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from fwverify.canonical import make_finding
from fwverify.model import Finding, Member, Problem, Subject
from fwverify.paths import encode_name
from fwverify.store import Store

MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024
MAX_LISTED: Final = 100_000
_MAX_DEPTH: Final = 8
_PLAIN: Final = re.compile(
    rb"^\\?(?P<digest>[0-9a-fA-F]{64}|[0-9a-fA-F]{128})[ \t]+\*?(?P<name>.+)$"
)
_TAGGED: Final = re.compile(
    rb"^(?:SHA256|SHA512) ?\((?P<name>.+)\) ?= ?(?P<digest>[0-9a-fA-F]{64}|[0-9a-fA-F]{128})$"
)
_NAME_KEYS: Final = ("path", "name", "file", "filename")
_DIGEST_KEYS: Final = ("sha256", "sha512", "digest", "hash")
_LIST_KEYS: Final = ("files", "members", "artifacts", "images", "parts")


@dataclass(frozen=True)
class Held:
    """What the comparison gave."""

    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _Listed:
    """One line of a manifest: the member's path in the set, and its digest."""

    manifest: str
    path: str
    digest: str


def hold_against_manifests(
    subject: Subject,
    missing_of_case: tuple[str, ...],
    store: Store,
    notes_of_case: frozenset[str] = frozenset(),
) -> Held:
    """Return what is missing, exchanged, unlisted or doubled in a set; nothing for a file.

    ``notes_of_case`` are members that the case alone calls release notes: the submitter's
    word takes nothing off the list.
    """
    if subject.kind != "set":
        return Held()
    problems = [_missing(path, "the case") for path in missing_of_case]
    listed: list[_Listed] = []
    unread: list[Problem | Finding] = []
    manifests = [each for each in subject.members if each.role == "manifest" and each.sha256]
    for member in manifests:
        try:
            listed += _read(member, store)
        except ValueError as error:
            unread.append(_unread(member, error))
    found = (*unread, *(_against(subject, listed, store, notes_of_case) if listed else ()))
    problems += [each for each in found if isinstance(each, Problem)]
    findings = [each for each in found if isinstance(each, Finding)]
    findings += _duplicates(subject)
    findings += [_as_finding(each) for each in problems if each.code != "set.manifest"]
    return Held(
        tuple(sorted(set(problems), key=lambda each: (each.path, each.code, each.text))),
        tuple(sorted(set(findings), key=lambda each: (each.path, each.rule, each.fingerprint))),
    )


def _unread(member: Member, error: ValueError) -> Problem | Finding:
    """Return what is said of a manifest that lists nothing which can be held against.

    A file that by its name is a list of SHA digests leaves the set unexamined; another
    one may be a manifest of something else, and a person looks.
    """
    text = f"the manifest cannot be held against the set: {error}"
    if any(word in member.path.lower() for word in ("sha256", "sha512")):
        return Problem(code="set.manifest", path=member.path, text=text)
    return make_finding(
        rule="set.manifest",
        path=member.path,
        text=text,
        severity="medium",
        evidence=(f"member:{member.path}",),
    )


def _as_finding(problem: Problem) -> Finding:
    return make_finding(
        rule=problem.code,
        path=problem.path,
        text=problem.text,
        severity="high",
        evidence=(f"member:{problem.path}",),
    )


def _missing(path: str, whose: str) -> Problem:
    return Problem(code="set.missing", path=path, text=f"{whose} lists it and it was not submitted")


# --- comparing -------------------------------------------------------------------------


def _against(
    subject: Subject, listed: list[_Listed], store: Store, notes: frozenset[str]
) -> Iterator[Problem | Finding]:
    members = {each.path: each for each in subject.members if each.sha256 is not None}
    wanted = {item.digest: item.path for item in sorted(listed, key=lambda each: each.path)}
    sha512 = _Sha512(store)
    for item in listed:
        member = members.get(item.path)
        if member is None:
            yield _missing(item.path, item.manifest)
            continue
        own = sha512.of(member) if len(item.digest) == 128 else str(member.sha256)
        if own == item.digest:
            continue
        other = wanted.get(own)
        if other is not None and other != item.path:
            text = f"its content is the one that {item.manifest} lists for {other}"
            yield Problem(code="set.swapped", path=item.path, text=text)
        else:
            text = f"its content is not the one that {item.manifest} lists"
            yield Problem(code="set.mismatch", path=item.path, text=text)
    named = {item.path for item in listed}
    for member in members.values():
        content = member.role in ("update", "part", "other") or member.path in notes
        if content and member.path not in named:
            yield make_finding(
                rule="set.extra",
                path=member.path,
                text="no manifest of the set lists it",
                severity="medium",
                evidence=(f"member:{member.path}",),
            )


class _Sha512:
    """SHA-512 of members, each computed once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, str] = {}

    def of(self, member: Member) -> str:
        """Return the digest of ``member``'s content in hexadecimal."""
        key = str(member.sha256)
        if key not in self._known:
            with self._store.open(key) as handle:
                self._known[key] = hashlib.file_digest(handle, "sha512").hexdigest()
        return self._known[key]


def _duplicates(subject: Subject) -> Iterator[Finding]:
    names: dict[str, list[str]] = {}
    for member in subject.members:
        if member.sha256 is not None and member.size and member.role in ("update", "part", "other"):
            names.setdefault(member.sha256, []).append(member.path)
    for sha256, paths in sorted(names.items()):
        for path in sorted(paths)[1:]:
            first = min(paths)
            yield make_finding(
                rule="set.duplicate",
                path=path,
                text=f"has the same content as {first}",
                severity="medium",
                evidence=(f"sha256:{sha256}", f"first:{first}"),
            )


# --- reading ---------------------------------------------------------------------------


def _read(member: Member, store: Store) -> list[_Listed]:
    """Return what a manifest lists. Raises ``ValueError`` where it lists nothing."""
    if member.size > MAX_MANIFEST_BYTES:
        raise ValueError(f"larger than {MAX_MANIFEST_BYTES} bytes")
    data = store.read(str(member.sha256))
    is_json = data.lstrip()[:1] in (b"{", b"[")
    pairs = list(_json_pairs(data) if is_json else _line_pairs(data))
    if not pairs:
        raise ValueError("it lists no file with a SHA-256 or SHA-512")
    if len(pairs) > MAX_LISTED:
        raise ValueError(f"more than {MAX_LISTED} entries")
    folder, slash, _ = member.path.rpartition("/")
    seen: dict[str, str] = {}
    for name, digest in pairs:
        path = folder + slash + encode_name(name.removeprefix(b"./"))
        key = f"{len(digest)}:{path}"
        if seen.setdefault(key, digest.lower()) != digest.lower():
            raise ValueError(f"it lists {path} with two digests")
    return [_Listed(member.path, key.partition(":")[2], digest) for key, digest in seen.items()]


def _line_pairs(data: bytes) -> Iterator[tuple[bytes, str]]:
    for number, raw in enumerate(data.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith((b"#", b";")):
            continue
        match = _PLAIN.match(line) or _TAGGED.match(line)
        if match is None:
            raise ValueError(f"line {number} is no checksum line")
        yield match["name"].strip(), match["digest"].decode()


def _json_pairs(data: bytes) -> Iterator[tuple[bytes, str]]:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ValueError(f"it is not JSON: {type(error).__name__}") from error
    yield from _walk(document, 0)


def _walk(value: Any, depth: int) -> Iterator[tuple[bytes, str]]:
    if depth > _MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, depth + 1)
    elif isinstance(value, dict):
        name = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
        digest = next((value[key] for key in _DIGEST_KEYS if _is_digest(value.get(key))), None)
        if name is not None and digest is not None:
            yield name.encode("utf-8", "surrogatepass"), digest
            return
        for key, item in value.items():
            if _is_digest(item):
                yield key.encode("utf-8", "surrogatepass"), item
            elif key in _LIST_KEYS:
                yield from _walk(item, depth + 1)


def _is_digest(value: Any) -> bool:
    pattern = r"[0-9a-fA-F]{64}|[0-9a-fA-F]{128}"
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None

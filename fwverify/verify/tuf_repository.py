"""The metadata of one repository, taken in the order of the TUF client workflow.

Guarantees, for what ``open_repository`` returns (TUF specification 1.0.33, 5.3 to 5.6):

1. Roots follow each other without a gap; each is signed by its own root role and by the
   one before it. Two different roots of one version are refused.
2. The timestamp names the snapshot's version (and digest), the snapshot that of targets
   and of every delegated role: a file of another version is mix-and-match and refused,
   and so is a set in which a later version lies beside the one named (rolled back).
3. Each role's signatures reach its threshold with distinct keys of the last root, or of
   the role that delegated to it.
4. A target is what the search in pre-order finds first: paths or hash prefixes match,
   a terminating delegation ends the search (5.6.7).
5. What has expired is named in ``stale``; nothing is taken as fresh for lack of a date.

Nothing here is trusted yet: who stands behind the roots is for ``tuf`` and ``uptane``.

Not done: rollback against an earlier update (the ledger), succinct roles (TAP 15;
unverifiable), TAP 3 multi-role delegations.
"""

from __future__ import annotations

import fnmatch
import hashlib
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from fwverify.reader import Malformed
from fwverify.verify import tuf_json
from fwverify.verify.scheme import Neighbour
from fwverify.verify.tuf_metadata import (
    Document,
    Key,
    Listed,
    Role,
    Unverifiable,
    keys_of,
    listed_of,
    mapping,
    read,
    role_of,
    signers,
    texts,
)

MAX_ROOTS: Final = 256
MAX_ROLES: Final = 64
MAX_TARGETS: Final = 200_000
MAX_VISITS: Final = 32


@dataclass(frozen=True)
class Files:
    """Where metadata lies: ``find`` by path relative to it, ``load`` by sha256."""

    find: Callable[[str], Neighbour | None]
    load: Callable[[str], bytes]


@dataclass(frozen=True)
class Checked:
    """A file whose role's threshold holds. ``bound`` says that a signed digest names it."""

    document: Document
    signers: tuple[Key, ...]
    bound: bool = False


@dataclass(frozen=True)
class Targets:
    """A targets role: its entries and whom it delegates to."""

    entries: dict[str, Listed]
    delegations: tuple[Delegation, ...] = ()


@dataclass(frozen=True)
class Delegation:
    """One delegated role and what it may speak of; ``targets`` is None where it is absent."""

    name: str
    patterns: tuple[str, ...]
    prefixes: tuple[str, ...]
    terminating: bool
    targets: Targets | None

    def matches(self, path: str) -> bool:
        """Return whether the delegation speaks of ``path``."""
        if self.prefixes:
            digest = hashlib.sha256(path.encode("utf-8")).hexdigest()
            return any(digest.startswith(prefix) for prefix in self.prefixes)
        return any(_fits(path, pattern) for pattern in self.patterns)


@dataclass
class Repository:
    """All that was checked. ``roots`` are oldest first, ``others`` in workflow order."""

    roots: tuple[Checked, ...]
    others: list[Checked] = field(default_factory=list)
    targets: Targets | None = None
    stale: list[str] = field(default_factory=list)

    @property
    def all(self) -> tuple[Checked, ...]:
        """Every metadata file that was checked."""
        return (*self.roots, *self.others)

    def weak(self) -> tuple[str, ...]:
        """Return the weak keys that the chain below the roots leans on."""
        found = (
            f"{one.document.kind}: {weak}"
            for one in self.all
            for key in one.signers
            if (weak := key.weakness())
        )
        return tuple(dict.fromkeys(found))

    def resolve(self, path: str) -> Listed | None:
        """Return what the repository says of the target ``path`` (5.6.7)."""
        waiting: list[Targets | None] = [self.targets]
        for _ in range(MAX_VISITS):
            if not waiting:
                return None
            current = waiting.pop()
            if current is None:
                return None  # a role that may speak of it is not here
            if path in current.entries:
                return current.entries[path]
            fitting: list[Targets | None] = []
            for one in current.delegations:
                if one.matches(path):
                    fitting.append(one.targets)
                    if one.terminating:
                        waiting.clear()
                        break
            waiting.extend(reversed(fitting))
        return None

    def named(self) -> Iterator[tuple[str, Listed]]:
        """Yield every target path that any role lists, with what the search finds for it."""
        seen: set[str] = set()
        waiting = [self.targets]
        while waiting:
            current = waiting.pop()
            if current is None:
                continue
            for path in current.entries:
                found = None if path in seen else self.resolve(path)
                seen.add(path)
                if found is not None:
                    yield path, found
            waiting.extend(one.targets for one in current.delegations)


def _fits(path: str, pattern: str) -> bool:
    """Return whether a shell pattern fits, ``*`` never across a slash (4.5)."""
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(
        fnmatch.fnmatchcase(part, want) for part, want in zip(parts, wanted, strict=True)
    )


def open_repository(files: Files, at: datetime, *, with_timestamp: bool = True) -> Repository:
    """Return the repository. Raises ``Malformed`` and ``Unverifiable``.

    Without ``with_timestamp`` a repository that has none (an Uptane director) is taken
    from its root and its targets alone.
    """
    repository = Repository(_roots(files))
    latest = repository.roots[-1].document
    _note_expiry(repository, latest, at)
    root = _Root(latest)
    if files.find("timestamp.json") is None and not with_timestamp:
        document = _load(files, files.find("targets.json"), "targets")
        targets = _check(document, root.keys, root.role("targets"), bound=False)
        listing: Mapping[str, Listed] = {}
    else:
        targets, listing = _by_timestamp(files, root, repository, at)
    repository.others.append(targets)
    _note_expiry(repository, targets.document, at)
    roles = _Roles(files, listing, repository, at)
    repository.targets = roles.targets(targets.document)
    return repository


class _Root:
    """The keys and roles of the last root."""

    def __init__(self, document: Document) -> None:
        self.keys = keys_of(document.signed.get("keys"), "tuf.root.keys")
        self._roles = mapping(document.signed.get("roles"), "tuf.root.roles")

    def role(self, name: str) -> Role:
        return role_of(self._roles.get(name), f"tuf.root.roles.{name}")


def _roots(files: Files) -> tuple[Checked, ...]:
    found: dict[int, Document] = {}
    for number in range(1, MAX_ROOTS + 1):
        file = files.find(f"{number}.root.json")
        if file is not None:
            document = _load(files, file, "root")
            if document.version != number:
                raise Malformed(0, "tuf.root.version", f"{document.version} in {number}.root.json")
            found[number] = document
    file = files.find("root.json")
    if file is not None:
        document = _load(files, file, "root")
        other = found.setdefault(document.version, document)
        if other.file.sha256 != file.sha256:
            raise Malformed(0, "tuf.root", f"two different roots of version {other.version}")
    if not found:
        raise Unverifiable("no root metadata lies beside it")
    versions = sorted(found)
    if versions != list(range(versions[0], versions[-1] + 1)):
        raise Malformed(0, "tuf.root.version", "a version of the chain of roots is missing")
    return _chained(tuple(found[version] for version in versions))


def _chained(documents: tuple[Document, ...]) -> tuple[Checked, ...]:
    """Return the roots, each held to its own keys and to those of the one before (5.3.4)."""
    checked: list[Checked] = []
    before: _Root | None = None
    for document in documents:
        root = _Root(document)
        if before is not None:
            signers(document, before.keys, before.role("root"))
        checked.append(_check(document, root.keys, root.role("root"), bound=False))
        before = root
    return tuple(checked)


def _by_timestamp(
    files: Files, root: _Root, repository: Repository, at: datetime
) -> tuple[Checked, Mapping[str, Listed]]:
    """Return the targets that timestamp and snapshot name, and the snapshot's listing."""
    file = files.find("timestamp.json")
    if file is None:
        raise Unverifiable("no timestamp.json lies beside it")
    document = _load(files, file, "timestamp")
    repository.others.append(_check(document, root.keys, root.role("timestamp"), bound=False))
    _note_expiry(repository, document, at)
    meta = _listing(document)
    if "snapshot.json" not in meta:
        raise Malformed(0, "tuf.timestamp.meta", "does not name the snapshot")
    snapshot = _named(files, "snapshot", meta["snapshot.json"], "snapshot")
    bound = bool(meta["snapshot.json"].hashes)
    repository.others.append(_check(snapshot, root.keys, root.role("snapshot"), bound=bound))
    _note_expiry(repository, snapshot, at)
    listing = _listing(snapshot)
    if "targets.json" not in listing:
        raise Malformed(0, "tuf.snapshot.meta", "does not name the targets")
    stated = listing.get("root.json")
    if stated is not None:  # before 1.0 the snapshot named the root as well
        latest = repository.roots[-1].document
        why = _differs(stated, latest)
        if why:
            raise Malformed(0, "tuf.snapshot.meta.root.json", why)
    targets = _named(files, "targets", listing["targets.json"], "targets")
    bound = bool(listing["targets.json"].hashes)
    return _check(targets, root.keys, root.role("targets"), bound=bound), listing


def _listing(document: Document) -> dict[str, Listed]:
    name = f"tuf.{document.kind}.meta"
    meta = mapping(document.signed.get("meta"), name)
    return {key: listed_of(value, f"{name}[{key[:60]}]") for key, value in meta.items()}


def _named(files: Files, name: str, stated: Listed, kind: str) -> Document:
    """Return the file that a listing names: of its version, length and digests (5.5, 5.6)."""
    if stated.version is None:
        raise Malformed(0, f"tuf.{name}.version", "is not stated")
    if files.find(f"{stated.version + 1}.{name}.json") is not None:
        raise Malformed(0, f"tuf.{name}.version", f"{stated.version}, and a later one lies beside")
    wrong = ""
    for candidate in (f"{stated.version}.{name}.json", f"{name}.json"):
        file = files.find(candidate)
        if file is None:
            continue
        document = _load(files, file, kind)
        wrong = _differs(stated, document)
        if not wrong:
            return document
    if wrong:
        raise Malformed(0, f"tuf.{name}", f"is not the file that was named: {wrong}")
    raise Unverifiable(f"{name}.json of version {stated.version} is not here")


def _differs(stated: Listed, document: Document) -> str:
    """Return how a file differs from what is stated of it; empty where it does not."""
    raw = document.envelope.raw
    if stated.version is not None and stated.version != document.version:
        return f"version {document.version}, stated is {stated.version}"
    if stated.length is not None and stated.length != len(raw):
        return f"{len(raw)} bytes, stated are {stated.length}"
    for name, value in sorted(stated.hashes.items()):
        if hashlib.new(name, raw).hexdigest() != value:
            return f"its {name} is not the one stated"
    return ""


def _load(files: Files, file: Neighbour | None, kind: str) -> Document:
    if file is None:
        raise Unverifiable(f"{kind}.json is not here")
    if file.size > tuf_json.MAX_BYTES:
        raise Malformed(0, f"tuf.{kind}", f"{file.size} bytes are absurd")
    try:
        return read(file, files.load(file.sha256), kind)
    except KeyError as error:
        raise Unverifiable(f"the content of {file.path} is not kept") from error


def _check(document: Document, keys: Mapping[str, Key], role: Role, *, bound: bool) -> Checked:
    return Checked(document, signers(document, keys, role), bound)


def _note_expiry(repository: Repository, document: Document, at: datetime) -> None:
    if document.expires <= at:
        repository.stale.append(f"{document.kind} expired on {document.expires:%Y-%m-%d}")


class _Roles:
    """Reads delegated roles, each verified by the keys of the role that names it (5.6.7)."""

    def __init__(
        self,
        files: Files,
        listing: Mapping[str, Listed],
        repository: Repository,
        at: datetime,
    ) -> None:
        self._files = files
        self._listing = listing
        self._repository = repository
        self._at = at
        self._count = 0
        self._left = MAX_TARGETS

    def targets(self, document: Document, above: tuple[str, ...] = ()) -> Targets:
        """Return a targets role with all that it delegates to."""
        entries = mapping(document.signed.get("targets"), "tuf.targets.targets")
        self._left -= len(entries)
        if self._left < 0:
            raise Malformed(0, "tuf.targets.targets", f"more than {MAX_TARGETS}")
        listed = {path: _target(path, value) for path, value in entries.items()}
        delegations = document.signed.get("delegations")
        if delegations is None:
            return Targets(listed)
        return Targets(listed, self._delegations(mapping(delegations, "tuf.delegations"), above))

    def _delegations(self, value: dict[str, Any], above: tuple[str, ...]) -> tuple[Delegation, ...]:
        if value.get("succinct_roles") is not None:
            raise Unverifiable("succinct roles (TAP 15) are not read")
        keys = keys_of(value.get("keys"), "tuf.delegations.keys")
        roles = value.get("roles")
        if not isinstance(roles, list):
            raise Malformed(0, "tuf.delegations.roles", "is no list")
        found = tuple(
            self._delegation(mapping(one, "tuf.delegations.roles"), keys, above) for one in roles
        )
        if len({one.name for one in found}) != len(found):
            raise Malformed(0, "tuf.delegations.roles", "the same name twice")
        return found

    def _delegation(
        self, value: dict[str, Any], keys: Mapping[str, Key], above: tuple[str, ...]
    ) -> Delegation:
        name = value.get("name")
        if not isinstance(name, str) or name in ("root", "timestamp", "snapshot", "targets"):
            raise Malformed(0, "tuf.delegations.name", "is none, or a top-level role's")
        role = role_of(value, "tuf.delegations.role")
        patterns = texts(value.get("paths", []), "tuf.delegations.paths")
        prefixes = texts(value.get("path_hash_prefixes", []), "tuf.delegations.prefixes")
        if bool(patterns) == bool(prefixes):
            raise Malformed(0, "tuf.delegations", f"{name[:60]}: paths or prefixes, not both")
        targets = self._role(name, role, keys, above)
        terminating = value.get("terminating") is True
        return Delegation(name, patterns, prefixes, terminating, targets)

    def _role(
        self, name: str, role: Role, keys: Mapping[str, Key], above: tuple[str, ...]
    ) -> Targets | None:
        """Return the role's targets; None where its file is not in the update."""
        stated = self._listing.get(f"{name}.json")
        if stated is None:
            raise Malformed(0, "tuf.snapshot.meta", f"does not name the role {name[:60]}")
        if name in above:
            return Targets({})  # a loop: what it lists is already searched
        self._count += 1
        if self._count > MAX_ROLES:
            raise Malformed(0, "tuf.delegations", f"more than {MAX_ROLES} roles")
        try:
            document = _named(self._files, urllib.parse.quote(name, safe=""), stated, "targets")
        except Unverifiable:
            return None
        checked = _check(document, keys, role, bound=bool(stated.hashes))
        self._repository.others.append(checked)
        _note_expiry(self._repository, document, self._at)
        return self.targets(document, (*above, name))


def _target(path: str, value: Any) -> Listed:
    listed = listed_of(value, f"tuf.targets[{path[:60]}]")
    if listed.length is None or not listed.hashes:
        raise Malformed(0, f"tuf.targets[{path[:60]}]", "has no length or no SHA-2 digest")
    return listed

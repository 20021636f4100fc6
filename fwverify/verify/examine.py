"""Every scheme over every node: what signatures there are and what each shows.

Guarantees: each node with content is shown to each embedded scheme; each signature
member is shown, one at a time, beside the files it may belong to; a signature member
that no scheme reads, and content that is not in the store, become a ``Problem``, never
silence. Bytes are read from the content-addressed store alone.

Which file a signature member belongs to is decided by name (``fw.bin.sig`` or
``fw.sig`` for ``fw.bin``), else it is shown to every file of the set; so are members that
state digests of files of any name (catalogues, statements, bundles). Metadata of a TUF
folder beside a file is looked into as if it were inside. A signature cannot
hold over a file it does not belong to, so trying more is safe; where it holds for one
file, its failing for the others says nothing and is left out. How much is tried so is
bounded (``MAX_TRIED``, ``MAX_TRIED_BYTES``, ``MAX_READ_BYTES``): what is beyond becomes
a ``Problem``.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from fwverify import paths
from fwverify.intake import METADATA_FOLDER, signature_stem, submitted
from fwverify.model import Member, Placed, Problem, Subject, Unpacked
from fwverify.reader import Buffer
from fwverify.store import Store
from fwverify.verify.attested import ATTESTED
from fwverify.verify.authenticode_spc import HEAD_BYTES, is_trust_list
from fwverify.verify.profiles import SCHEME_PREFIX
from fwverify.verify.raw import DETACHED_RAW
from fwverify.verify.scheme import Material, Neighbour, Scheme, Signed, View
from fwverify.verify.schemes import DETACHED, EMBEDDED, METADATA
from fwverify.verify.tree import Tree

MAX_TRIED: Final = 400_000
"""Pairs of a signature member and a file it may belong to, beyond the first file of each."""

MAX_TRIED_BYTES: Final = 256 * 1024**3
"""Bytes of the files of all pairs: each is hashed anew for each signature."""

MAX_READ_BYTES: Final = 2 * 1024**3
"""Bytes of signatures, each as often as there are files it is tried over: it is parsed anew."""

ATTESTATION: Final = ".attested.toml"
SPEAKING: Final = (
    *(".cat", ".intoto.jsonl", ".dsse.json", ".att"),
    *(".sigstore", ".sigstore.json", ".suit", ATTESTATION),
)


@dataclass(frozen=True)
class Examined:
    """One signature, and the signature member it came from where it is detached."""

    signed: Signed
    member: str | None = None


@dataclass(frozen=True)
class Examination:
    """All signatures, in the order of nodes, members and schemes."""

    found: tuple[Examined, ...]
    problems: tuple[Problem, ...]


def examine(
    subject: Subject, unpacked: Unpacked, tree: Tree, store: Store, material: Material
) -> Examination:
    """Return every signature of the update and what it shows under ``material``."""
    found: list[Examined] = []
    problems: list[Problem] = []
    members = {m.path for m in subject.members if m.role == "signature"}
    for placed in unpacked.nodes:
        if placed.node.sha256 is None or not placed.node.size or placed.node.path in members:
            continue
        if placed.node.sha256 not in store:
            text = "its content is not in the store: signatures in it cannot be looked for"
            problems.append(_problem("verify.content_missing", placed.node.path, text))
            continue
        with store.view(placed.node.sha256) as content:
            view = _view(placed, content, (), tree, store)
            found.extend(Examined(signed) for signed in _run(EMBEDDED, view, material))
    companions = _companions(subject)
    beside_set = set(companions.values())
    files, budget = _Files(subject), _Budget()
    for member in subject.members:
        if member.role != "signature" or member.sha256 is None or member in beside_set:
            continue
        metadata = _examine_metadata(member, tree, store, material)
        if metadata is not None:
            found.extend(metadata)
            continue
        candidates = files.of(member)
        if not budget.allows(member, candidates, once=_is_catalogue(member, store)):
            text = (
                "signature files of no file's name are too many or too large: "
                "it was tried over none of the files"
            )
            problems.append(_problem("signature.unverifiable", member.path, text))
            continue
        beside = companions.get(member.path)
        results = _examine_member(member, beside, candidates, tree, store, material)
        found.extend(results)
        if not results:
            text = "the signature file belongs to no file here, or no scheme reads it"
            problems.append(_problem("signature.unverifiable", member.path, text))
    return Examination(tuple(found), tuple(problems))


class _Budget:
    """What may still be tried. Belongs to one call of ``examine``."""

    def __init__(self) -> None:
        self._pairs = MAX_TRIED
        self._bytes = MAX_TRIED_BYTES
        self._read = MAX_READ_BYTES

    def allows(self, member: Member, candidates: tuple[Member, ...], *, once: bool) -> bool:
        """Return whether ``member`` may be tried over all ``candidates``; it is then paid.

        ``once`` says that it is parsed for the first of them alone.
        """
        pairs, size = len(candidates[1:]), sum(one.size for one in candidates)
        read = 0 if once else pairs * member.size
        if pairs > self._pairs or size > self._bytes or read > self._read:
            return False
        self._pairs -= pairs
        self._bytes -= size
        self._read -= read
        return True


def _is_catalogue(member: Member, store: Store) -> bool:
    """Return whether ``member`` is a security catalogue, which its scheme parses once.

    By its content: a name would free any other signature of the bound.
    """
    if member.sha256 is None or member.sha256 not in store:
        return False
    with store.view(member.sha256) as content:
        return is_trust_list(bytes(content[:HEAD_BYTES]))


def _companions(subject: Subject) -> dict[str, Member]:
    """Return the signatures of signature members, by the path of what they sign.

    Only an attestation is itself signed by a file beside it.
    """
    attestations = {
        one.path
        for one in subject.members
        if one.role == "signature" and one.path.endswith(ATTESTATION)
    }
    return {
        signature_stem(one.path): one
        for one in subject.members
        if one.role == "signature" and signature_stem(one.path) in attestations
    }


def _examine_metadata(
    member: Member, tree: Tree, store: Store, material: Material
) -> tuple[Examined, ...] | None:
    """Return what a metadata file beside a single update shows, None for another member.

    Of a folder the file that begins the chain speaks; the others are reached from it.
    """
    if not (member.path.startswith(f"{METADATA_FOLDER}/") and member.path.endswith(".json")):
        return None
    index = tree.by_path.get(member.path)
    if index is None or member.sha256 is None or member.sha256 not in store:
        return None
    with store.view(member.sha256) as content:
        view = _view(tree.nodes[index], content, (), tree, store)
        return tuple(Examined(signed) for signed in _run(METADATA, view, material))


def _examine_member(
    member: Member,
    companion: Member | None,
    candidates: tuple[Member, ...],
    tree: Tree,
    store: Store,
    material: Material,
) -> tuple[Examined, ...]:
    detached = tuple(
        (one.path, store.read(one.sha256))
        for one in (member, companion)
        if one is not None and one.sha256 is not None and one.sha256 in store
    )
    if not detached or detached[0][0] != member.path:
        return ()
    schemes = DETACHED if companion is None else (ATTESTED,)
    results: list[Examined] = []
    for target in candidates:
        index = tree.by_path.get(target.path)
        if index is None or target.sha256 is None or target.sha256 not in store:
            continue
        with store.view(target.sha256) as content:
            view = _view(tree.nodes[index], content, detached, tree, store)
            results.extend(
                Examined(signed, member.path) for signed in _run(schemes, view, material)
            )
    return _telling(tuple(results))


class _Files:
    """The files that signatures may belong to, found by name without walking over all."""

    def __init__(self, subject: Subject) -> None:
        self._single = subject.kind == "file"
        self._all = tuple(one for one in submitted(subject) if one.role != "signature")
        self._named: dict[str, list[Member]] = {}
        for one in self._all:
            bare = str(PurePosixPath(one.path).with_suffix(""))
            for name in dict.fromkeys((one.path, bare)):
                self._named.setdefault(name, []).append(one)

    def of(self, member: Member) -> tuple[Member, ...]:
        """Return the files that the signature ``member`` may belong to."""
        if self._single or member.path.lower().endswith(SPEAKING):
            return self._all  # it speaks of files of any name, by their digests
        stem = signature_stem(member.path)
        named = tuple(self._named.get(stem, ()))
        exact = tuple(one for one in named if one.path == stem)
        return exact or named or self._all


def _telling(results: tuple[Examined, ...]) -> tuple[Examined, ...]:
    """Return what a member shows: where it holds, else its first failure."""
    held = ("pass", "attested")
    paths_held = {one.signed.path for one in results if one.signed.authentic in held}
    if paths_held:
        told = tuple(one for one in results if one.signed.path in paths_held)
        return _without_other_readings(told)
    first = {one.signed.path for one in results[:1]}
    return tuple(one for one in results if one.signed.path in first)


def _without_other_readings(results: tuple[Examined, ...]) -> tuple[Examined, ...]:
    """Leave out that bare bytes are no signature over a text whose memory image they sign.

    Both readings of one bare value are tried; it can be only one of them.
    """
    images = {
        one.signed.path
        for one in results
        if one.signed.scheme.startswith(SCHEME_PREFIX) and one.signed.authentic == "pass"
    }
    return tuple(
        one
        for one in results
        if one.signed.path not in images
        or one.signed.scheme != DETACHED_RAW.name
        or one.signed.authentic == "pass"
    )


def _run(schemes: tuple[Scheme, ...], view: View, material: Material) -> tuple[Signed, ...]:
    return tuple(
        signed
        for scheme in schemes
        if scheme.applies(view)
        for signed in scheme.verify(view, material)
    )


def _view(
    placed: Placed,
    content: Buffer,
    detached: tuple[tuple[str, bytes], ...],
    tree: Tree,
    store: Store,
) -> View:
    def child(entry: str) -> str | None:
        index = tree.by_path.get(paths.join(placed.node.path, entry))
        return None if index is None else tree.nodes[index].node.sha256

    def read(entry: str) -> bytes:
        digest = child(entry)
        if digest is None:
            raise KeyError(entry)
        return store.read(digest)

    def beside(relative: str) -> Neighbour | None:
        path = paths.beside(placed.node.path, relative)
        index = None if path is None else tree.by_path.get(path)
        return None if index is None else _neighbour(tree.nodes[index])

    def neighbours() -> tuple[Neighbour, ...]:
        inside = () if placed.parent is None else tree.children[placed.parent]
        others = (tree.nodes[index] for index in inside if tree.nodes[index] is not placed)
        found = (_neighbour(other) for other in others)
        return tuple(one for one in found if one is not None and one.sha256 in store)

    def holders(digest: str) -> tuple[Neighbour, ...]:
        held = (_neighbour(tree.nodes[index]) for index in tree.by_sha256.get(digest, ()))
        return tuple(one for one in held if one is not None)

    def opened(digest: str) -> AbstractContextManager[Buffer]:
        if digest not in store:
            raise KeyError(digest)
        return store.view(digest)

    return View(
        placed=placed,
        content=content,
        detached=detached,
        child=child,
        read=read,
        beside=beside,
        neighbours=neighbours,
        holders=holders,
        open=opened,
    )


def _neighbour(placed: Placed) -> Neighbour | None:
    node = placed.node
    return None if node.sha256 is None else Neighbour(node.path, node.sha256, node.size or 0)


def _problem(code: str, path: str, text: str) -> Problem:
    return Problem(code=code, path=path, text=text)

"""in-toto statements: which contents of the update a signed statement speaks for.

Guarantees: a content is bound only where a subject states its SHA-256 and every other
digest known here that the subject states is the content's, too. A statement whose
predicate may say something else than "this was released" (a failed test, a scan, a
recall) binds nothing: its type is not on the list, and that is said. What a predicate
tells of builders and materials is not judged.

Specification: in-toto attestation framework, "Statement" v1 and v0.1, "DigestSet".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from fwverify.model import Vouch
from fwverify.reader import Malformed
from fwverify.verify import primitives
from fwverify.verify.scheme import View
from fwverify.verify.signed_json import Unread, items, load, shaped

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MAX_SUBJECTS: Final = 4096
STATEMENTS: Final = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
RELEASING: Final = (
    "https://slsa.dev/provenance/v1",
    "https://slsa.dev/provenance/v0.2",
    "https://in-toto.io/attestation/release/v0.1",
    "https://in-toto.io/attestation/link/v0.3",
    "https://sigstore.dev/cosign/sign/v1",
    "https://docs.pypi.org/attestations/publish/v1",
)
"""Predicates that mean no more and no less than: this content was made or released by us."""

INFORMING: Final = ("https://spdx.dev/Document", "https://cyclonedx.org/bom")
"""Predicates that describe a content and judge nothing: they bind nothing and harm nothing."""

_DIGITS: Final = frozenset("0123456789abcdef")
_OTHERS: Final = {"sha384": 96, "sha512": 128}
_IGNORED_SUBJECT_KEYS: Final = {
    "name": str,
    "uri": str,
    "content": str,
    "downloadLocation": str,
    "mediaType": str,
    "annotations": dict,
}


@dataclass(frozen=True)
class Subject:
    """The digests of one subject that are known here: hexadecimal by ``hashlib`` name."""

    sha256: str
    others: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Statement:
    """A parsed statement; subjects without a SHA-256 are counted and bind nothing."""

    predicate: str
    subjects: tuple[Subject, ...]
    skipped: int

    @property
    def releases(self) -> bool:
        """Whether the predicate says that the subjects were released."""
        return self.predicate in RELEASING


def parse(payload: bytes) -> Statement:
    """Return the statement in ``payload``. Raises ``Malformed`` and ``Unread``."""
    value = load(payload, "statement")
    needed = {"_type": str, "subject": list, "predicateType": str}
    shaped(value, needed, {"predicate": object}, "statement")
    if value["_type"] not in STATEMENTS:
        raise Unread(f"a statement of type {value['_type'][:80]!a}")
    kind = value["predicateType"]
    if kind not in (*RELEASING, *INFORMING):
        raise Unread(f"predicate {kind[:80]!a} may say something else than a release")
    subjects = [_subject(one) for one in items(value["subject"], MAX_SUBJECTS, "subject")]
    found = tuple(one for one in subjects if one is not None)
    return Statement(kind, found, len(subjects) - len(found))


def _subject(value: Any) -> Subject | None:
    shaped(value, {"digest": dict}, _IGNORED_SUBJECT_KEYS, "subject")
    digests = value["digest"]
    for name, length in {"sha256": 64, **_OTHERS}.items():
        stated = digests.get(name)
        if stated is None:
            continue
        if not isinstance(stated, str) or len(stated) != length or set(stated) - _DIGITS:
            raise Malformed(0, f"subject.digest.{name}", "is no lower-case digest")
    if "sha256" not in digests:
        return None
    others = tuple((name, digests[name]) for name in _OTHERS if name in digests)
    return Subject(digests["sha256"], others)


@dataclass(frozen=True)
class Bound:
    """What a statement speaks for: the view's own content, and contents at other paths."""

    own: bool
    vouches: tuple[Vouch, ...]


def bind(view: View, statement: Statement, *, below: bool) -> Bound:
    """Return the contents of the update that are subjects.

    With ``below`` only the view's own content and nodes inside it are looked at.
    Raises ``Malformed`` where a subject states another digest of the same content.
    """
    hashes = _Hashes(view)
    own = False
    vouches: set[tuple[str, str]] = set()
    mine = view.placed.node.sha256
    for subject in statement.subjects:
        here = subject.sha256 == mine
        holders = view.holders(subject.sha256)
        found = [one for one in holders if not below or one.path.startswith(f"{view.path}!/")]
        if not here and not found:
            continue
        for name, stated in subject.others:
            if hashes.of(subject.sha256, name) != stated:
                raise Malformed(0, f"subject.digest.{name}", "is not that of the content")
        own = own or here
        vouches.update((one.path, one.sha256) for one in found)
    return Bound(own, _vouched(vouches))


def _vouched(found: Iterable[tuple[str, str]]) -> tuple[Vouch, ...]:
    made = (Vouch(path=path, sha256=sha256, via="in-toto subject") for path, sha256 in found)
    return tuple(sorted(made, key=lambda one: (one.path, one.sha256)))


class _Hashes:
    """Further digests of contents, each computed once however often it is stated."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[tuple[str, str], str] = {}

    def of(self, sha256: str, name: str) -> str:
        """Return the digest ``name`` of the content, empty where it is not kept."""
        key = (sha256, name)
        if key not in self._known:
            self._known[key] = self._computed(sha256, name)
        return self._known[key]

    def _computed(self, sha256: str, name: str) -> str:
        state = hashlib.new(name, usedforsecurity=False)
        if sha256 == self._view.placed.node.sha256:
            for piece in primitives.pieces(self._view.content):
                state.update(piece)
            return state.hexdigest()
        try:
            with self._view.open(sha256) as content:
                for piece in primitives.pieces(content):
                    state.update(piece)
        except KeyError:
            return ""
        return state.hexdigest()

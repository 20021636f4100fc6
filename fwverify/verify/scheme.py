"""What passes between a signature scheme and the verify stage.

A scheme looks at one node and says what the mathematics shows: which signature, over
which bytes, by which key, and whether the key or chain is anchored in the material of
the trust rule that applies. It does not judge strength, known-bad keys or coverage
requirements: the stage does that once, for all schemes alike.

A scheme never raises for hostile input (it returns ``authentic="unverifiable"`` or
``"fail"`` with the field named) and never trusts a key that came with the update.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509

from fwverify.model import Axis, Placed, Vouch
from fwverify.reader import Buffer

if TYPE_CHECKING:
    from fwverify.verify.profiles import Profile

Range = tuple[int, int]


@dataclass(frozen=True)
class TrustedKey:
    """A public key of the rule. ``spki`` is DER SubjectPublicKeyInfo.

    ``openpgp`` are the packets of the OpenPGP certificate whose primary key it is.
    """

    id: str
    spki: bytes
    roles: tuple[str, ...]
    usable: bool
    why_not: str = ""
    openpgp: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True)
class LogKey:
    """The key of a transparency log (``rekor``) or of a certificate log (``ct``).

    ``start`` and ``end`` bound when the log was in use, where the store says so.
    """

    id: str
    spki: bytes
    use: Literal["rekor", "ct"]
    start: datetime | None = None
    end: datetime | None = None

    def serves(self, time: datetime) -> bool:
        """Return whether the log was in use at ``time``."""
        return (self.start is None or self.start <= time) and (self.end is None or time <= self.end)


@dataclass(frozen=True)
class Holder:
    """Who may hold a short-lived certificate: its subject alternative name and its issuer.

    ``subject`` is exact, or ends in ``*``: then what stands before it must begin the name.
    """

    subject: str
    issuer: str

    def is_named(self, subject: str, issuer: str) -> bool:
        """Return whether a certificate's names are this holder's."""
        prefix, star, _ = self.subject.partition("*")
        fits = subject.startswith(prefix) if star else subject == self.subject
        return fits and issuer == self.issuer


@dataclass(frozen=True)
class Material:
    """All that may anchor trust, taken from one rule at one time.

    ``code_roots`` and ``time_roots`` are kept apart; ``pins`` are exact end-entity
    certificates; ``profiles`` are the data-driven trailer profiles the rule allows.
    ``barred`` are the secrets (``keys.secret_of``) of keys that were revoked: no time stamp
    may chain through one. What else leans on one is the stage's to refuse.
    ``algorithms`` limits raw signatures to these (``ecdsa:sha256``); empty leaves those
    natural for each key. ``at`` is the verification time, aware, in UTC. ``lab_*`` anchor
    attestations (``fwverify.verify.attested``) and nothing else; ``identity_roots``, ``logs``
    and ``holders`` anchor short-lived certificates (``fwverify.verify.sigstore``), apart from
    ``code_roots``: an authority that certifies everybody must anchor no other scheme.
    """

    at: datetime
    keys: tuple[TrustedKey, ...] = ()
    code_roots: tuple[asn1_x509.Certificate, ...] = ()
    time_roots: tuple[asn1_x509.Certificate, ...] = ()
    pins: tuple[asn1_x509.Certificate, ...] = ()
    crls: tuple[asn1_crl.CertificateList, ...] = ()
    require_crl: bool = False
    barred: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    profiles: tuple[Profile, ...] = ()
    algorithms: tuple[str, ...] = ()
    lab_keys: tuple[TrustedKey, ...] = ()
    lab_roots: tuple[asn1_x509.Certificate, ...] = ()
    lab_pins: tuple[asn1_x509.Certificate, ...] = ()
    identity_roots: tuple[asn1_x509.Certificate, ...] = ()
    logs: tuple[LogKey, ...] = ()
    holders: tuple[Holder, ...] = ()


@dataclass(frozen=True)
class Signed:
    """What one signature shows. Ranges are half-open, of the node's own bytes.

    ``container`` are the bytes the signature itself occupies, ``steering`` unsigned
    bytes that decide how the rest is used. ``chain`` is leaf first, DER. ``digest``
    and ``algorithm`` are lower-case names (``sha256``; ``rsa-pkcs1v15``, ``rsa-pss``,
    ``ecdsa``, ``ed25519``, ``rsa-raw``). ``weak`` are weaknesses only the scheme can see.
    ``stamped_at`` is the signing time that a trusted time stamp proves. ``leans_on`` are
    further keys (SPKI) whose strength and fame count, such as the OpenPGP subkey that
    signed where ``spki`` is the primary key that is pinned. ``fresh`` is ``pass`` or
    ``fail`` where the signed content itself says until when it holds; a scheme does not
    trust what is stale. ``counters`` are (field, part, value) of what the signed bytes say
    of their age (``fwverify.verify.rollback``). ``holder`` names who signed where keys are
    made for one signature only: two signatures by one holder count as one key.

    For comparison with a baseline (``fwverify.verify.named``), whoever is trusted and whether it
    holds: ``names`` is who made it by its own words, ``spoken`` the bytes it says it is over, where
    ``covered`` does not tell, and ``imprint`` their digest, where ranges cannot tell.
    """

    path: str
    scheme: str
    authentic: Axis
    trusted: Axis
    reason: str
    signer: str = ""
    spki: bytes | None = None
    key_id: str | None = None
    roles: tuple[str, ...] = ()
    digest: str = ""
    algorithm: str = ""
    covered: tuple[Range, ...] = ()
    container: tuple[Range, ...] = ()
    steering: tuple[Range, ...] = ()
    chain: tuple[bytes, ...] = ()
    vouches: tuple[Vouch, ...] = ()
    weak: tuple[str, ...] = ()
    stamped_at: datetime | None = None
    leans_on: tuple[bytes, ...] = ()
    fresh: Axis = "not-applicable"
    counters: tuple[tuple[str, str, str], ...] = ()
    holder: str = ""
    names: tuple[str, ...] = ()
    spoken: tuple[Range, ...] = ()
    imprint: str = ""


@dataclass(frozen=True)
class Neighbour:
    """Another node of the update: its path, digest and size in bytes."""

    path: str
    sha256: str
    size: int


def _no_neighbour(relative: str) -> Neighbour | None:
    del relative
    return None


def _no_holders(sha256: str) -> tuple[Neighbour, ...]:
    del sha256
    return ()


def _no_content(sha256: str) -> AbstractContextManager[Buffer]:
    raise KeyError(sha256)


@dataclass(frozen=True)
class View:
    """One node as a scheme sees it.

    ``content`` maps the node's bytes. ``detached`` are signature members submitted
    beside it, as (path, bytes): found by convention or given by ``--signature``.
    ``child`` returns the sha256 of a node below this one by its encoded entry path.

    For signatures that are spread over several files: ``beside`` returns the file at an
    encoded path relative to this node's folder (``../`` leads up, never out of the
    container), ``neighbours`` all files of the same container, ``holders`` the nodes with
    a given content, and ``open`` maps a content by its sha256 (``KeyError`` where it is
    not kept).
    """

    placed: Placed
    content: Buffer
    detached: tuple[tuple[str, bytes], ...]
    child: Callable[[str], str | None]
    read: Callable[[str], bytes]
    beside: Callable[[str], Neighbour | None] = _no_neighbour
    neighbours: Callable[[], tuple[Neighbour, ...]] = tuple
    holders: Callable[[str], tuple[Neighbour, ...]] = _no_holders
    open: Callable[[str], AbstractContextManager[Buffer]] = _no_content

    def load(self, sha256: str) -> bytes:
        """Return a whole content of the update; small ones only. Raises ``KeyError``."""
        with self.open(sha256) as content:
            return bytes(content)

    @property
    def path(self) -> str:
        """The node's path."""
        return self.placed.node.path


@dataclass(frozen=True)
class Scheme:
    """A scheme as ``fwverify schemes`` lists it."""

    name: str
    title: str
    specification: str
    limitations: str
    applies: Callable[[View], bool]
    verify: Callable[[View, Material], tuple[Signed, ...]]


def whole(content: Buffer) -> tuple[Range, ...]:
    """Return the range over all of ``content``; none for an empty one."""
    return ((0, len(content)),) if len(content) else ()

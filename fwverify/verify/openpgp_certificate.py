"""OpenPGP certificates of the trust store: which of their keys may sign, and when.

Guarantees (RFC 9580, 5.2.3.7 to 5.2.3.31, 10.1):

- A primary key counts only with a self-signature that verifies: over the key itself, or
  over one of its user ids; for version 6 over the key itself.
- A subkey counts only with a binding by the primary that verifies, whose hashed key
  flags allow signing, and which carries the subkey's own signature over the primary
  (0x19): else somebody's subkey could be adopted by another certificate.
- Of several self-signatures the latest made before the verification time speaks: its
  expiry and flags hold. One that is itself expired, or made later, says nothing.
- A revocation by the primary counts, whatever time the signature states; one for being
  superseded or retired from its own date on. A revocation that a designated revoker may
  have made cannot be checked and counts.
- A key that has expired at the verification time is not usable, whatever time the
  signature states: an OpenPGP signature proves no time.
- SHA-1 and MD5 self-signatures are named as weaknesses.

A fault never hides a key: a signature by it is called by its name, and is not trusted.

Not done: the web of trust, third parties' certifications, and trust levels.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from fwverify.reader import Malformed
from fwverify.verify import openpgp, openpgp_signature
from fwverify.verify.openpgp_signature import Signature

_SIGNATURE, _PUBLIC_KEY, _USER_ID, _PUBLIC_SUBKEY, _USER_ATTRIBUTE = 2, 6, 13, 14, 17
_SOFT_REASONS: Final = (b"\x01", b"\x03")
"""Superseded and retired (5.2.3.31): they revoke from the day they were stated."""

_MAY_SIGN: Final = 0x02
_NOT_FOR_SIGNING: Final = "the key may not sign"
_WEAK_DIGESTS: Final = ("md5", "sha1")
MAX_COMPONENTS: Final = 4096
MAX_CHECKED: Final = 2048
"""Self-signatures checked per certificate: the operator's file, still bounded."""


@dataclass(frozen=True)
class SigningKey:
    """A primary key or subkey. ``faults`` say why it may not sign at the time asked."""

    fingerprint: bytes
    spki: bytes
    created: datetime
    faults: tuple[str, ...]
    weak: tuple[str, ...]

    def is_named_by(self, issuers: tuple[bytes, ...]) -> bool:
        """Return whether one of the issuer hints names it, or there is none."""
        long = (self.fingerprint, self.key_id)
        return not issuers or any(one in long for one in issuers)

    @property
    def key_id(self) -> bytes:
        """Its key id: the last 8 bytes of a version 4 fingerprint, the first of version 6."""
        return self.fingerprint[-8:] if len(self.fingerprint) == 20 else self.fingerprint[:8]


@dataclass
class _Component:
    """A key, user id or attribute and the signature packets behind it. Belongs to one call."""

    tag: int
    body: bytes
    signatures: list[Signature] = field(default_factory=list)


Packets = tuple[openpgp.Packet, ...]


@functools.lru_cache(maxsize=64)
def signing_keys(packets: Packets, at: datetime) -> tuple[SigningKey, ...]:
    """Return the keys of a certificate that are of a known kind, the primary first.

    Keys that cannot be read (an unknown algorithm) are left out: nothing verifies under
    them. Raises ``Malformed`` where the primary key itself cannot be read.
    """
    return _Certificate(_components(packets), at).keys()


def _components(packets: Packets) -> list[_Component]:
    found: list[_Component] = []
    for tag, body in packets:
        if tag in (_PUBLIC_KEY, _PUBLIC_SUBKEY, _USER_ID, _USER_ATTRIBUTE):
            found.append(_Component(tag, body))
        elif tag == _SIGNATURE and found:
            parsed = _parsed(body)
            if parsed is not None:
                found[-1].signatures.append(parsed)
        if len(found) > MAX_COMPONENTS:
            raise Malformed(0, "openpgp.certificate", f"more than {MAX_COMPONENTS} components")
    if not found or found[0].tag != _PUBLIC_KEY:
        raise Malformed(0, "openpgp.certificate", "does not begin with a public key")
    return found


def _parsed(body: bytes) -> Signature | None:
    """Return the signature, None where it is of a form that counts for nothing."""
    try:
        return openpgp_signature.parse(body)
    except Malformed:
        return None


def fingerprint(body: bytes) -> bytes:
    """Return the fingerprint of a key packet's body (5.5.4)."""
    if body[:1] == b"\x06":
        return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).digest()
    return hashlib.sha1(_framed(body), usedforsecurity=False).digest()


def _framed(body: bytes) -> bytes:
    """Return a key as it is hashed (5.2.4)."""
    if body[:1] == b"\x06":
        return b"\x9b" + len(body).to_bytes(4, "big") + body
    return b"\x99" + len(body).to_bytes(2, "big") + body


def _framed_id(component: _Component) -> bytes:
    lead = b"\xb4" if component.tag == _USER_ID else b"\xd1"
    return lead + len(component.body).to_bytes(4, "big") + component.body


def _moment(body: bytes) -> datetime:
    return datetime.fromtimestamp(int.from_bytes(body[1:5], "big"), UTC)


class _Certificate:
    """One certificate at one time; belongs to one call of ``signing_keys``."""

    def __init__(self, components: list[_Component], at: datetime) -> None:
        self._components = components
        self._primary = components[0]
        self._spki = openpgp.key_of_packet(self._primary.body)
        self._at = at
        self._checked = 0

    def keys(self) -> tuple[SigningKey, ...]:
        primary = self._primary_key()
        found = [primary]
        for component in self._components[1:]:
            if component.tag == _PUBLIC_SUBKEY:
                subkey = self._subkey(component, primary)
                if subkey is not None:
                    found.append(subkey)
        return tuple(found)

    def _by_primary(
        self, signatures: list[Signature], kinds: tuple[int, ...], data: bytes
    ) -> list[Signature]:
        """Return those of ``signatures`` of these kinds that the primary made over ``data``."""
        return [
            one for one in signatures if one.kind in kinds and self._holds(one, self._spki, data)
        ]

    def _holds(self, one: Signature, spki: bytes, data: bytes) -> bool:
        self._checked += 1
        if self._checked > MAX_CHECKED:
            raise Malformed(0, "openpgp.certificate", f"more than {MAX_CHECKED} signatures")
        if one.version != self._primary.body[0]:
            return False  # 10.1: the versions of key and signature agree
        hashed = openpgp_signature.digest_of(one, (data,))
        return openpgp_signature.holds(one, spki, hashed).axis == "pass"

    def _speaking(self, signatures: list[Signature]) -> Signature | None:
        """Return the latest signature made by ``at`` that has not expired."""
        alive = [one for one in signatures if one.created <= self._at and not self._is_over(one)]
        return max(alive, key=lambda one: one.created, default=None)

    def _is_over(self, one: Signature) -> bool:
        expires = one.expires()
        return expires is not None and expires <= self._at

    def _self_signatures(self) -> list[Signature]:
        framed = _framed(self._primary.body)
        kinds = (openpgp_signature.DIRECT_KEY,)
        found = self._by_primary(self._primary.signatures, kinds, framed)
        if self._primary.body[:1] == b"\x06":
            return found  # 10.1.1: a version 6 key's own self-signature alone speaks for it
        for component in self._components[1:]:
            if component.tag in (_USER_ID, _USER_ATTRIBUTE):
                found += self._certifications(component, framed + _framed_id(component))
        return found

    def _certifications(self, component: _Component, data: bytes) -> list[Signature]:
        made = self._by_primary(component.signatures, openpgp_signature.CERTIFICATIONS, data)
        kinds = (openpgp_signature.CERTIFICATION_REVOCATION,)
        withdrawn = self._by_primary(component.signatures, kinds, data)
        last = max((one.created for one in withdrawn), default=None)
        return [one for one in made if last is None or one.created > last]

    def _primary_key(self) -> SigningKey:
        body = self._primary.body
        faults: list[str] = []
        speaks = self._speaking(self._self_signatures())
        created = _moment(body)
        if speaks is None:
            faults.append("the key has no valid self-signature")
        else:
            faults += self._lifetime(created, speaks)
            if not _may_sign(speaks, default=True):
                faults.append(_NOT_FOR_SIGNING)
        faults += self._young(created)
        faults += self._revoked(self._primary, openpgp_signature.KEY_REVOCATION, _framed(body))
        weak = _weak((speaks,))
        return SigningKey(fingerprint(body), self._spki, created, tuple(faults), weak)

    def _subkey(self, component: _Component, primary: SigningKey) -> SigningKey | None:
        body = component.body
        try:
            spki = openpgp.key_of_packet(body)
        except Malformed:
            return None  # encryption keys and unknown algorithms: nothing verifies under them
        data = _framed(self._primary.body) + _framed(body)
        bindings = self._by_primary(component.signatures, (openpgp_signature.SUBKEY_BINDING,), data)
        speaks = self._speaking(bindings)
        created = _moment(body)
        faults = [fault for fault in primary.faults if fault != _NOT_FOR_SIGNING]
        back: Signature | None = None
        if speaks is None:
            faults.append("the subkey has no valid binding")
        else:
            faults += self._lifetime(created, speaks)
            if not _may_sign(speaks, default=False):
                faults.append("the subkey may not sign")
            back = next(self._back_signatures(speaks, spki, data), None)
            if back is None:
                faults.append("the subkey's own signature over the primary key is missing")
        faults += self._young(created)
        faults += self._revoked(component, openpgp_signature.SUBKEY_REVOCATION, data)
        weak = (*primary.weak, *_weak((speaks, back)))
        return SigningKey(fingerprint(body), spki, created, tuple(faults), weak)

    def _back_signatures(self, binding: Signature, spki: bytes, data: bytes) -> Iterator[Signature]:
        """Yield the embedded signatures (5.2.3.34) the subkey made over the primary."""
        for each in (*binding.hashed, *binding.unhashed):
            if each.kind != openpgp_signature.EMBEDDED:
                continue
            inner = _parsed(each.body)
            if inner is None or inner.kind != openpgp_signature.PRIMARY_BINDING:
                continue
            alive = inner.created <= self._at and not self._is_over(inner)
            if alive and self._holds(inner, spki, data):
                yield inner

    def _lifetime(self, created: datetime, speaks: Signature) -> list[str]:
        end = openpgp_signature.after(created, speaks.one(openpgp_signature.KEY_EXPIRES))
        return [f"the key expired on {end:%Y-%m-%d}"] if end is not None and end <= self._at else []

    def _young(self, created: datetime) -> list[str]:
        return ["the key was made after the verification time"] if created > self._at else []

    def _revoked(self, component: _Component, kind: int, data: bytes) -> list[str]:
        found = self._by_primary(component.signatures, (kind,), data)
        for one in found:
            reason = one.one(openpgp_signature.REVOCATION_REASON)
            if reason is None or reason[:1] not in _SOFT_REASONS or one.created <= self._at:
                return ["the key is revoked"]
        others = [one for one in component.signatures if one.kind == kind and one not in found]
        if others and self._has_revoker():
            return ["the key may be revoked by its designated revoker"]
        return []

    def _has_revoker(self) -> bool:
        return any(
            one.one(openpgp_signature.REVOKER) is not None
            for component in self._components
            for one in component.signatures
        )


def _may_sign(speaks: Signature, *, default: bool) -> bool:
    flags = speaks.one(openpgp_signature.KEY_FLAGS)
    return default if flags is None else bool(flags[:1] and flags[0] & _MAY_SIGN)


def _weak(signatures: tuple[Signature | None, ...]) -> tuple[str, ...]:
    return tuple(
        f"self-signature by {one.digest}"
        for one in signatures
        if one is not None and one.digest in _WEAK_DIGESTS
    )

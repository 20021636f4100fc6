"""Keys that everybody has: public test keys, sample keys, leaked keys.

Guarantees: a key or any certificate of a chain whose digest stands in
``signatures/known_bad/*.toml`` is named with its source, and so is a certificate whose
subject says in whole words that it is not for shipping. A hit refuses the signature even
though the mathematics holds: whoever has the public repository can sign.

Only digests are kept, never keys. Where only the first hexadecimal digits are public
the entry is a ``prefix`` (at least 8 digits: one chance in 2**32 to be wrong, which then
refuses, not accepts).

Not done: weak key generation (ROCA, shared primes), and keys nobody has listed.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from asn1crypto import x509 as asn1_x509
from msgspec import Meta

from fwverify.canonical import sha256_hex
from fwverify.model import _Value as Value
from fwverify.verify.keys import canonical_spki, twins_of

_LIBRARY_ERRORS: Final = (ValueError, TypeError, KeyError)
_FULL_DIGITS: Final = 64


class BadKey(Value, frozen=True, kw_only=True):
    """One fingerprint. ``of`` says what was hashed; a ``prefix`` has fewer than 64 digits."""

    name: Annotated[str, Meta(min_length=1)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{8,64}$")]
    kind: Literal["full", "prefix"]
    of: Literal["spki", "certificate"]
    source: Annotated[str, Meta(pattern="^https://")]


class BadSubject(Value, frozen=True, kw_only=True):
    """Words that, standing whole and in order in a certificate's subject, give it away."""

    words: Annotated[tuple[Annotated[str, Meta(pattern="^[A-Z]+$")], ...], Meta(min_length=1)]


class BadFile(Value, frozen=True, kw_only=True):
    """One ``signatures/known_bad/*.toml``."""

    schema: Literal["fwverify.known-bad/1"]
    key: tuple[BadKey, ...] = ()
    subject: tuple[BadSubject, ...] = ()


@dataclass(frozen=True)
class KnownBad:
    """All lists together."""

    keys: tuple[BadKey, ...] = ()
    subjects: tuple[BadSubject, ...] = ()

    def of_key(self, spki: bytes) -> str | None:
        """Return what the key is publicly known as, or None.

        Of RSA also under another exponent: the secret that everybody has is the same.
        """
        digests = _digests(spki)
        listed = tuple(key.sha256 for key in self.keys if key.of == "spki")
        if not any(digest.startswith(listed) for digest in digests):
            return None
        return next(found for digest in digests if (found := self._listed("spki", digest)))

    def of_certificate(self, encoded: bytes) -> str | None:
        """Return what the DER certificate or its key is publicly known as, or None."""
        listed = self._listed("certificate", sha256_hex(encoded))
        if listed:
            return listed
        try:
            certificate = asn1_x509.Certificate.load(encoded)
            spki = certificate["tbs_certificate"]["subject_public_key_info"].dump()
            subject = " ".join(_texts(certificate.subject.native))
        except _LIBRARY_ERRORS:
            return None
        return self.of_key(spki) or self.of_subject(subject)

    def of_subject(self, subject: str) -> str | None:
        """Return the words that give the subject away, or None.

        Words are runs of letters, so ``RAUC_test-CA`` holds TEST and ``Latest`` does not.
        """
        words = re.findall(r"[A-Z]+", subject.upper())
        for bad in self.subjects:
            length = len(bad.words)
            for at in range(len(words) - length + 1):
                if tuple(words[at : at + length]) == bad.words:
                    return f"its subject says {' '.join(bad.words)}"
        return None

    def look_up(self, spki: bytes | None, chain: tuple[bytes, ...]) -> str | None:
        """Return the first hit among the key and the chain (leaf first), or None."""
        hit = self.of_key(spki) if spki is not None else None
        if hit:
            return hit
        for number, encoded in enumerate(chain):
            found = self.of_certificate(encoded)
            if found:
                return found if number == 0 else f"link {number} of the chain: {found}"
        return None

    def _listed(self, of: str, digest: str) -> str | None:
        for key in self.keys:
            if key.of == of and digest.startswith(key.sha256):
                return f"publicly known key: {key.name} ({key.source})"
        return None


@functools.lru_cache(maxsize=256)
def _digests(spki: bytes) -> tuple[str, ...]:
    """Return the digests under which a key may be listed, that of its usual encoding first."""
    return tuple(dict.fromkeys(map(sha256_hex, (canonical_spki(spki), spki, *twins_of(spki)))))


def is_consistent(key: BadKey) -> bool:
    """Return whether the number of digits is what ``kind`` says."""
    return (key.kind == "full") == (len(key.sha256) == _FULL_DIGITS)


def _texts(value: object) -> list[str]:
    """Return every text in an asn1crypto native name, in a fixed order."""
    if isinstance(value, dict):
        return [text for key in sorted(value) for text in _texts(value[key])]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return [str(value)]

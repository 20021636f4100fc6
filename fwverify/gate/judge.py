"""Whether a release, or a signed ALLOW, lets these bytes be installed here and now.

Guarantees: ``judge`` says yes only where all of this holds, and otherwise names the first
that does not: pins, release and revocation list are in their exact form; every signature
by a pinned key holds, and two people's with the right to release stand under the release,
neither of them its submitter, in any capitals and blanks; the list carries a signature with
the right to revoke, has begun and is not past its ``next-update``; neither the release, nor
the update, nor a file of it, nor a key that signed is on it; the context file is the one
released for; the time lies within the release's own; the update is, byte for byte, the one
released.

A signature by a key that is not pinned counts for nothing and harms nothing. What cannot
be read leaves nothing to judge by (``Missing``), which is never yes.

Not checked: the clock (``at`` is the caller's), and that a newer list exists.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from fwverify.gate import form, keys
from fwverify.gate.form import Malformed, Record
from fwverify.gate.update import Hashed

SIGNERS_NEEDED: Final = 2


class Refused(Exception):
    """The gate stays shut: ``code`` is stable, ``why`` is for people."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why


@dataclass(frozen=True)
class Papers:
    """What an update is judged by, as read from files."""

    release: bytes
    context: bytes
    pins: bytes
    revocations: bytes


@dataclass(frozen=True)
class Passed:
    """What was found valid: the release, its digest and who signed."""

    record: Record
    sha256: str
    people: tuple[str, ...]


@dataclass(frozen=True)
class Pin:
    """One key of the pins with its person."""

    identity: str
    algorithm: str
    spki: bytes
    person: str


def judge(papers: Papers, at: str) -> Passed:
    """Return what is valid at ``at`` (``2026-01-31T23:59:59Z``); raises ``Refused``.

    Whether the update is the one that is meant, ``same_update`` says.
    """
    pins = _read("pins", papers.pins, form.PINS)
    release = _read("release", papers.release, form.RELEASE, form.VERDICT)
    listed = _read("revocations", papers.revocations, form.REVOCATIONS)
    signers = _signers("release", release, _pinned(pins, "release-key"))
    by = {form.folded(pin.person): pin.person for pin in signers}
    people = tuple(sorted(by.values()))
    if form.folded(release.one("submitter")) in by:
        raise Refused("release.submitter", "whoever submitted the update signed its release")
    if len(people) < SIGNERS_NEEDED:
        why = f"{len(people)} of {SIGNERS_NEEDED} people with the right to release signed it"
        raise Refused("release.signers", why)
    if not _signers("revocations", listed, _pinned(pins, "revocation-key")):
        raise Refused("revocations.signers", "nobody with the right to revoke signed the list")
    sha256 = hashlib.sha256(release.body).hexdigest()
    _not_revoked(release, sha256, signers, listed, at)
    _in_force(release, papers.context, at)
    return Passed(release, sha256, people)


def same_update(passed: Passed, update: Hashed) -> None:
    """Refuse an update that is not, byte for byte, the one that was released."""
    release = passed.record
    if update.strange:
        raise Refused("update.strange", f"{update.strange} is no file")
    if update.kind == release.one("kind") == "file":
        same = update.sha256 == release.one("subject")
    else:
        same = update.kind == release.one("kind") == "set" and bool(update.members)
        same = same and update.members == release.all("member")
    if not same:
        raise Refused("update.other", "this is not the update that was released")


def _read(name: str, data: bytes, *domains: str) -> Record:
    try:
        return form.read(data, *domains)
    except Malformed as error:
        raise Refused(f"{name}.form", str(error)) from error


def _pinned(pins: Record, key: str) -> dict[str, Pin]:
    """Return the keys with one right by fingerprint; refuses a key that is not what it says."""
    found: dict[str, Pin] = {}
    for value in pins.all(key):
        identity, algorithm, encoded, person = value.split(" ", 3)
        spki = keys.usable(identity, algorithm, encoded)
        if spki is None or identity in found:
            raise Refused("pins.key", f"the key {identity[:16]} is not what its line says")
        found[identity] = Pin(identity, algorithm, spki, person)
    return found


def _signers(name: str, record: Record, pinned: dict[str, Pin]) -> tuple[Pin, ...]:
    """Return whose signatures hold; refuses one of a pinned key that does not."""
    found = []
    for value in record.signatures:
        identity, algorithm, encoded = value.split(" ")
        pin = pinned.get(identity)
        if pin is None:
            continue
        sound = algorithm == pin.algorithm
        if not (sound and keys.holds(pin.spki, algorithm, encoded, record.body)):
            raise Refused(f"{name}.signature", f"the signature of {identity[:16]} does not hold")
        found.append(pin)
    return tuple(found)


def _not_revoked(
    release: Record, sha256: str, signers: tuple[Pin, ...], listed: Record, at: str
) -> None:
    if at < listed.one("this-update"):
        raise Refused("revocations.future", "the revocation list begins later than this")
    if at > listed.one("next-update"):
        raise Refused("revocations.stale", f"a newer list was due at {listed.one('next-update')}")
    if sha256 in listed.all("release"):
        raise Refused("revoked.release", "this release was revoked")
    if release.one("subject") in listed.all("subject"):
        raise Refused("revoked.subject", "this update was revoked")
    files = {each.partition(" ")[0] for each in release.all("member")}
    if not files.isdisjoint(listed.all("subject")):
        raise Refused("revoked.subject", "a file of this update was revoked")
    if any(pin.identity in listed.all("key") for pin in signers):
        raise Refused("revoked.key", "a key that signed the release was revoked")


def _in_force(release: Record, context: bytes, at: str) -> None:
    if hashlib.sha256(context).hexdigest() != release.one("context"):
        raise Refused("context.other", "it was released for another deployment: re-test")
    if at < release.one("not-before"):
        raise Refused("release.early", f"it holds from {release.one('not-before')} on")
    if at > release.one("not-after"):
        raise Refused("release.expired", f"it ended at {release.one('not-after')}")

"""The trust store signed by its approvers, and held to their signatures.

Guarantees: ``SIGNED.toml`` at the top of the store holds detached signatures over the
digest of all its other files (the one in every report). Where the configuration names
``trust.signers``, ``require`` lets a store pass only with ``signatures_required`` valid
signatures of distinct keys and names among them; a signature over an earlier state, by
another key, by a weak or publicly known key, or of one key or name twice counts for nothing.

What is signed is the RFC 8785 form of schema, digest and name, so a signature cannot be
taken for anything else; how is ``detached``'s. A signer whom the configuration registers
(``[[people]]``) signs under that name alone, and counts once whatever keys are theirs.

Not noticed: an earlier store put back together with its signatures. Its digest differs
from that of the reports since.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from fwverify import people
from fwverify.canonical import canonical_json
from fwverify.keyring import detached, edit
from fwverify.keyring.detached import Private, SigningError, load_private, spki_of
from fwverify.model import _Value as Value
from fwverify.strict import InputFileError, load_toml
from fwverify.trust_listing import SIGNATURES
from fwverify.verify.keys import PublicKey, identity_of
from fwverify.verify.strength import key_faults
from fwverify.verify.trust import TrustStore, load_trust

__all__ = ["SigningError", "load_private", "require", "sign", "standing"]

SCHEMA: Final = "fwverify.signed-store/1"


class StoreSignature(Value, frozen=True, kw_only=True):
    """``[[signature]]``: one approver's, over the store of the digest it names."""

    by: Annotated[str, Meta(min_length=1)]
    key_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    store_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    value: Annotated[str, Meta(min_length=1, max_length=32_768)]


class SignedStore(Value, frozen=True, kw_only=True):
    """``SIGNED.toml``."""

    schema: Literal["fwverify.signed-store/1"]
    signature: Annotated[tuple[StoreSignature, ...], Meta(min_length=1, max_length=64)]


@dataclass(frozen=True)
class Standing:
    """How the signatures of a store stand: who signed it as it is, and what does not count."""

    by: tuple[str, ...]
    keys: tuple[str, ...]
    faults: tuple[str, ...]


def message(store_sha256: str, by: str) -> bytes:
    """Return the bytes that an approver signs."""
    return canonical_json({"schema": SCHEMA, "store_sha256": store_sha256, "by": by})


def read(store: Path) -> tuple[StoreSignature, ...]:
    """Return the signatures in the store, none where there is no file.

    Raises ``InputFileError`` for an unusable one.
    """
    path = store / SIGNATURES
    return load_toml(path, SignedStore).signature if path.is_file() else ()


def standing(
    store: Path,
    trust: TrustStore,
    signers: tuple[PublicKey, ...],
    at: datetime,
    registered: tuple[people.Person, ...] = (),
) -> Standing:
    """Return how the store's signatures stand under the keys of ``signers``.

    A key of one of the ``registered`` people counts under that person's name alone, and
    their keys together count once; so do keys that sign under one name.
    """
    known = {key.identity: key for key in signers}
    counted: dict[str, str] = {}
    faults: list[str] = []
    for one in read(store):
        unusable = _unusable(one.by)
        if unusable:
            faults.append(f"a signature by {one.key_sha256[:16]}: {unusable}")
            continue
        owner = people.owner_of(one.key_sha256, registered)
        why = _fault(one, known.get(one.key_sha256), trust, at) or _misnamed(one, owner)
        if why:
            faults.append(f"the signature of {people.one_line('name', one.by)}: {why}")
        elif one.key_sha256 in counted:
            faults.append(f"key {one.key_sha256[:16]} signed twice and counts once")
        elif (owner and any(people.owner_of(key, (owner,)) for key in counted)) or (
            people.person_key(one.by) in map(people.person_key, counted.values())
        ):
            name = people.one_line("name", one.by)
            faults.append(f"{name} signed with two keys and counts once")
        else:
            counted[one.key_sha256] = one.by
    return Standing(tuple(counted.values()), tuple(sorted(counted)), tuple(faults))


def _unusable(name: str) -> str:
    """Return why ``name``, as the file has it, is nobody's name; empty where it may be one."""
    try:
        people.person_key(name)
    except people.UnusableText as error:
        return str(error)
    return ""


def _misnamed(one: StoreSignature, owner: people.Person | None) -> str:
    if owner is None or people.person_key(one.by) == people.person_key(owner.name):
        return ""
    return f"is by the key of {owner.name}"


def _fault(one: StoreSignature, key: PublicKey | None, trust: TrustStore, at: datetime) -> str:
    if key is None:
        return "is by a key that is no signer of the configuration"
    if one.store_sha256 != trust.sha256:
        return "is over another state of the store; after a change it has to be signed anew"
    bad = trust.known_bad.of_key(key.spki)
    weak = (bad,) if bad else key_faults(key.spki, trust.floors, at)
    if weak:
        return "; ".join(weak)
    return detached.fault(key, one.value, message(one.store_sha256, one.by))


def require(
    store: Path,
    trust: TrustStore,
    signers: tuple[PublicKey, ...],
    required: int,
    at: datetime,
    registered: tuple[people.Person, ...] = (),
) -> None:
    """Hold the store to ``required`` signatures of distinct keys of ``signers``.

    Raises ``InputFileError`` where there are fewer; nothing is to be decided then.
    """
    if not signers:
        return
    found = standing(store, trust, signers, at, registered)
    if len(found.keys) < required:
        told = "".join(f"; {why}" for why in found.faults)
        why = f"{len(found.keys)} of {required} signatures hold over it{told}"
        remedy = "let each approver look at it and run: fwverify keys sign --key FILE --by NAME"
        raise InputFileError(store / SIGNATURES, None, "", f"{why}; {remedy}")


def sign(store: Path, private: Private, by: str, at: datetime) -> tuple[str, int]:
    """Sign the store as it is; return its digest and how many keys have signed it so.

    Signatures over earlier states are dropped. Raises ``InputFileError`` for a store that
    cannot be loaded and ``SigningError`` for a key or name that may not sign.
    """
    try:
        name = people.one_line("name", by)
    except people.UnusableText as error:
        raise SigningError(str(error)) from error
    spki = spki_of(private)
    with edit.locked(store):
        trust = load_trust(store)
        bad = trust.known_bad.of_key(spki)
        weak = (bad,) if bad else key_faults(spki, trust.floors, at)
        if weak:
            raise SigningError(f"this key signs no store: {'; '.join(weak)}")
        mine = StoreSignature(
            by=name,
            key_sha256=identity_of(spki),
            store_sha256=trust.sha256,
            value=detached.sign(private, message(trust.sha256, name)),
        )
        kept = [one for one in read(store) if one.store_sha256 == trust.sha256]
        kept = [one for one in kept if one.key_sha256 != mine.key_sha256]
        if any(people.person_key(one.by) == people.person_key(name) for one in kept):
            raise SigningError(f"{name} signed with another key already; a second person signs")
        edit.write_whole(store / SIGNATURES, _text((*kept, mine)))
    return trust.sha256, len(kept) + 1


def _text(signatures: tuple[StoreSignature, ...]) -> bytes:
    text = f"schema = {edit.toml(SCHEMA)}\n"
    for one in sorted(signatures, key=lambda each: each.key_sha256):
        text = edit.appended(text, "signature", msgspec.structs.asdict(one))
    return text.encode()

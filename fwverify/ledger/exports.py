"""A baseline as one signed file, for an organisation that trusts the signer.

Guarantees: the file is a ZIP of stored entries in one order with fixed dates, so that
equal baselines and signatures give equal bytes; ``baseline.json`` names every other entry
with digest and size, the record, and what the update says of its age; each signature is
over its digest and the signer's name (``keyring.detached``). What is read is bounded,
must be made of exactly the bytes that writing it again gives (no second directory, no
trailing or hidden bytes), and nothing of it is used before the signatures hold.

What is imported is provisional: two people here still approve it, without the update.

Not checked: that the profile is what analysing the update would give; the partner says so.
"""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from fwverify import people
from fwverify.canonical import canonical_json, sha256_hex
from fwverify.keyring import detached
from fwverify.keyring.detached import Private
from fwverify.ledger.approvals import recorded
from fwverify.ledger.model import Entry, LedgerError
from fwverify.ledger.profiles import MAX_PROFILE_BYTES
from fwverify.model import Counter, Profile, Sha256, _Value
from fwverify.register import Partner
from fwverify.strict import NOT_JSON
from fwverify.verify.keys import identity_of

MAX_EXPORT_BYTES: Final = 2 * 1024 * 1024 * 1024
MAX_SIGNATURES: Final = 64
_HEAD: Final = "baseline.json"
_PROFILE: Final = "profile.json"
_SIGNATURES: Final = "signatures.json"
_ZIP_ERRORS: Final = (RuntimeError, ValueError, OverflowError, EOFError, struct.error)
"""What ``zipfile`` raises beside its own error for archives that are not as they should be."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_Size = Annotated[int, Meta(ge=0, le=MAX_EXPORT_BYTES)]


class _File(_Value, frozen=True, kw_only=True):
    name: str
    sha256: Sha256
    size: _Size


class Head(_Value, frozen=True, kw_only=True):
    """``baseline.json``: the record, its counters and every other entry but signatures."""

    schema: Literal["fwverify.baseline/1"]
    entry: Entry
    counters: tuple[Counter, ...]
    files: tuple[_File, ...]


class ExportSignature(_Value, frozen=True, kw_only=True):
    """One signature over the head."""

    by: Annotated[str, Meta(min_length=1, max_length=people.MAX_CHARACTERS)]
    key_sha256: Sha256
    value: Annotated[str, Meta(min_length=1, max_length=32_768)]


@dataclass(frozen=True)
class Imported:
    """What an export holds, and which partner's signatures vouch for it."""

    entry: Entry
    profile: Profile
    counters: tuple[Counter, ...]
    blobs: dict[str, bytes]
    partner: Partner
    keys: tuple[str, ...]
    sha256: str


def write(
    entry: Entry,
    profile: Profile,
    counters: tuple[Counter, ...],
    blobs: dict[str, bytes],
    signers: tuple[tuple[str, Private], ...],
) -> bytes:
    """Return the file; ``blobs`` are kept contents by digest, ``signers`` names and keys."""
    if not signers:
        raise LedgerError("an export needs a signature: nobody trusts one without")
    contents = {_PROFILE: canonical_json(profile)}
    contents |= {f"blobs/{sha256}": blobs[sha256] for sha256 in sorted(blobs)}
    head = Head(
        schema="fwverify.baseline/1",
        entry=recorded(entry),
        counters=counters,
        files=tuple(
            _File(name=name, sha256=sha256_hex(body), size=len(body))
            for name, body in contents.items()
        ),
    )
    encoded = canonical_json(head)
    signatures = tuple(_signature(encoded, name, key) for name, key in signers)
    if sum(map(len, contents.values())) > MAX_EXPORT_BYTES:
        raise LedgerError(f"the baseline has more than {MAX_EXPORT_BYTES} bytes")
    return _packed(encoded, contents, signatures)


def _signature(head: bytes, by: str, key: Private) -> ExportSignature:
    name = people.one_line("name", by)
    return ExportSignature(
        by=name,
        key_sha256=identity_of(detached.spki_of(key)),
        value=detached.sign(key, _message(head, name)),
    )


def _message(head: bytes, by: str) -> bytes:
    """Return the bytes that a signer of an export signs."""
    return canonical_json(
        {"schema": "fwverify.baseline-export/1", "baseline_sha256": sha256_hex(head), "by": by}
    )


def _packed(
    head: bytes, contents: dict[str, bytes], signatures: tuple[ExportSignature, ...]
) -> bytes:
    ordered = sorted(signatures, key=lambda each: (each.key_sha256, each.by))
    entries = {_HEAD: head, **contents, _SIGNATURES: canonical_json(ordered)}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, body in entries.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, body)
    return made.getvalue()


def read(data: bytes, name: str, partners: tuple[Partner, ...]) -> Imported:
    """Return what the export ``data`` holds; ``name`` is the file's.

    Raises ``LedgerError`` for an export that is damaged, not written by this program's
    form, or not signed by one of ``partners`` as the configuration asks.
    """
    if len(data) > MAX_EXPORT_BYTES:
        raise LedgerError(f"{name}: more than {MAX_EXPORT_BYTES} bytes")
    try:
        entries = _entries(data)
        head = msgspec.json.decode(entries.pop(_HEAD, b""), type=Head)
        signatures = msgspec.json.decode(
            entries.pop(_SIGNATURES, b""), type=tuple[ExportSignature, ...]
        )
        whole = _packed(canonical_json(head), entries, signatures) == data
    except (zipfile.BadZipFile, msgspec.DecodeError, *_ZIP_ERRORS) as error:
        raise LedgerError(f"{name}: is no exported baseline: {error}") from error
    if not whole:
        raise LedgerError(f"{name}: is not written as an exported baseline is")
    partner, keys = _vouching(canonical_json(head), signatures, partners, name)
    told = {each.name: (each.sha256, each.size) for each in head.files}
    there = {each: (sha256_hex(body), len(body)) for each, body in entries.items()}
    if told != there or len(told) != len(head.files):
        raise LedgerError(f"{name}: its files are not those that were signed")
    return _imported(head, entries, partner, keys, name)


def _entries(data: bytes) -> dict[str, bytes]:
    """Return the entries by name, each stored and bounded; the caller compares all bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        names = [each.filename for each in infos]
        if len(set(names)) != len(names):
            raise zipfile.BadZipFile("an entry stands twice")
        for each in infos:
            if each.compress_type != zipfile.ZIP_STORED or each.file_size > len(data):
                raise zipfile.BadZipFile(f"{each.filename!a} is not stored as it is")
        if sum(each.file_size for each in infos) > len(data):
            raise zipfile.BadZipFile("its entries overlap")
        return {each.filename: archive.read(each) for each in infos}


def _vouching(
    head: bytes, signatures: tuple[ExportSignature, ...], partners: tuple[Partner, ...], name: str
) -> tuple[Partner, tuple[str, ...]]:
    """Return the partner with enough signatures of distinct keys; refuse any that is wrong."""
    if len(signatures) > MAX_SIGNATURES:
        raise LedgerError(f"{name}: more than {MAX_SIGNATURES} signatures")
    for partner in partners:
        known = {key.identity: key for key in partner.keys}
        held: set[str] = set()
        for one in signatures:
            key = known.get(one.key_sha256)
            if key is None:
                continue
            why = detached.fault(key, one.value, _message(head, one.by))
            if why:
                raise LedgerError(f"{name}: the signature of {one.by!a} does not hold: {why}")
            held.add(one.key_sha256)
        if held and len(held) < partner.signatures_required:
            raise LedgerError(
                f"{name}: {len(held)} of {partner.signatures_required} signatures "
                f"of {partner.name} stand under it"
            )
        if held:
            return partner, tuple(sorted(held))
    raise LedgerError(f"{name}: is signed by no partner of the configuration; nothing was imported")


def _imported(
    head: Head, entries: dict[str, bytes], partner: Partner, keys: tuple[str, ...], name: str
) -> Imported:
    body = entries.pop(_PROFILE, b"")
    if len(body) > MAX_PROFILE_BYTES or sha256_hex(body) != head.entry.profile_sha256:
        raise LedgerError(f"{name}: the profile is not that of the record")
    try:
        profile = msgspec.json.decode(body, type=Profile)
    except NOT_JSON as error:
        raise LedgerError(f"{name}: the profile cannot be read: {error}") from error
    if canonical_json(profile) != body or profile.subject.sha256 != head.entry.subject_sha256:
        raise LedgerError(f"{name}: the profile is not that of the record")
    submitted = {each.sha256 for each in profile.subject.members if each.role != "secret"}
    blobs = {path.removeprefix("blobs/"): content for path, content in entries.items()}
    for sha256, content in blobs.items():
        if sha256 not in submitted or sha256_hex(content) != sha256:
            raise LedgerError(f"{name}: holds content that the record does not name")
    return Imported(
        entry=head.entry,
        profile=profile,
        counters=head.counters,
        blobs=blobs,
        partner=partner,
        keys=keys,
        sha256=sha256_hex(canonical_json(head)),
    )

"""Shipped anchors: public roots and keys with their provenance, trusted by nobody yet.

Guarantees: ``anchors/<name>/anchor.toml`` says for each certificate or key where it
came from, its digest and what it is for; a file that it does not name is an error, and in
an anchor that a rule names so is one that differs from its digest. An anchor counts only
where a rule of a vendor names it, and only for its ``use``: ``timestamp`` anchors time
stamps and no code, ``code``, ``uefi`` and ``archive`` anchor no time stamp. ``uefi`` serves
the schemes of UEFI images and variables alone, ``archive`` those of package archives.

Not checked: that the source still publishes the same, and whether it should be trusted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal

from asn1crypto import x509 as asn1_x509
from msgspec import Meta

from fwverify.canonical import sha256_hex
from fwverify.model import _Value as Value
from fwverify.strict import InputFileError, load_toml, read_bounded
from fwverify.verify.keys import KeyFormatError, PublicKey, read_anchors, read_keys

FILE: Final = "anchor.toml"
SCHEMES_OF: Final[dict[str, tuple[str, ...]]] = {
    "uefi": ("authenticode", "uefi-variable", "uefi-capsule"),
    "archive": ("debian-release", "openpgp", "openpgp-cleartext"),
}
"""The schemes that an anchor of a use may serve; a use that is not named serves any."""

Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]*$")]
FileName = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Source = Annotated[str, Meta(pattern="^https://")]
Text = Annotated[str, Meta(min_length=1, pattern=r"\S")]
Fingerprint = Annotated[str, Meta(pattern="^(sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64})$")]


class AnchorCertificate(Value, frozen=True, kw_only=True):
    """``[[certificate]]``: one authority. ``fingerprint`` is what ``published`` states."""

    file: FileName
    sha256: Digest
    source: Source
    fingerprint: Fingerprint | None = None
    published: Source | None = None


class AnchorKey(Value, frozen=True, kw_only=True):
    """``[[key]]``: one bare or OpenPGP public key."""

    file: FileName
    spki_sha256: Digest
    source: Source
    fingerprint: Annotated[str, Meta(pattern="^openpgp:[0-9a-f]{40}$")] | None = None
    published: Source | None = None


class AnchorFile(Value, frozen=True, kw_only=True):
    """``anchors/<name>/anchor.toml``."""

    schema: Literal["fwverify.anchor/1"]
    name: Name
    title: Text
    use: Literal["code", "timestamp", "uefi", "archive"]
    retrieved: date
    notes: str = ""
    certificate: tuple[AnchorCertificate, ...] = ()
    key: tuple[AnchorKey, ...] = ()


@dataclass(frozen=True)
class Anchor:
    """A shipped anchor: what ``path``, its ``anchor.toml``, says. Its files are read when used."""

    path: Path
    table: AnchorFile


@dataclass(frozen=True)
class Held:
    """What an anchor's files hold, in the order of its ``anchor.toml``."""

    certificates: tuple[asn1_x509.Certificate, ...]
    keys: tuple[PublicKey, ...]


def load_anchors(folder: Path) -> tuple[Anchor, ...]:
    """Return the anchors below ``folder``, sorted by name; none where it is absent.

    Raises ``InputFileError``.
    """
    if not folder.is_dir():
        return ()
    return tuple(_load(path) for path in sorted(folder.iterdir()))


def _load(folder: Path) -> Anchor:
    path = folder / FILE
    if not path.is_file():
        raise InputFileError(folder, None, "", f"is no folder with an {FILE}")
    table = load_toml(path, AnchorFile)
    if table.name != folder.name:
        raise InputFileError(path, None, "name", f"{table.name} is not the folder's name")
    if not table.certificate and not table.key:
        raise InputFileError(path, None, "certificate", "an anchor holds at least one, or a key")
    if table.key and table.use != "archive":
        raise InputFileError(path, None, "key", f"a bare key serves archives, not {table.use}")
    named = {FILE} | {one.file for one in table.certificate} | {one.file for one in table.key}
    if len(named) != len(table.certificate) + len(table.key) + 1:
        raise InputFileError(path, None, "file", "a file stands twice")
    for other in sorted(folder.iterdir()):
        if other.name not in named:
            raise InputFileError(other, None, "", f"is not named in {FILE}")
    return Anchor(path, table)


def open_anchor(anchor: Anchor) -> Held:
    """Return what the anchor's files hold; each has its pinned digest.

    Raises ``InputFileError``.
    """
    return Held(
        tuple(_certificate(anchor.path, one) for one in anchor.table.certificate),
        tuple(_key(anchor.path, one) for one in anchor.table.key),
    )


def _certificate(path: Path, one: AnchorCertificate) -> asn1_x509.Certificate:
    try:
        found = read_anchors(read_bounded(path.parent / one.file), one.file)
    except KeyFormatError as error:
        raise InputFileError(path, None, "certificate.file", str(error)) from error
    if len(found.certificates) != 1 or found.crls or found.unusable:
        raise InputFileError(path, None, "certificate.file", f"{one.file} must hold one")
    encoded = found.certificates[0].dump()
    if sha256_hex(encoded) != one.sha256:
        why = f"{one.file} holds {sha256_hex(encoded)}"
        raise InputFileError(path, None, "certificate.sha256", why)
    if one.fingerprint is not None:
        name, _, value = one.fingerprint.partition(":")
        if hashlib.new(name, encoded, usedforsecurity=False).hexdigest() != value:
            why = f"{one.file} does not have the published {name}"
            raise InputFileError(path, None, "certificate.fingerprint", why)
    return found.certificates[0]


def _key(path: Path, one: AnchorKey) -> PublicKey:
    try:
        found = read_keys(read_bounded(path.parent / one.file), one.file)
    except KeyFormatError as error:
        raise InputFileError(path, None, "key.file", str(error)) from error
    if len(found) != 1:
        raise InputFileError(path, None, "key.file", f"{one.file} holds {len(found)} keys, not one")
    if found[0].spki_sha256 != one.spki_sha256:
        why = f"{one.file} holds {found[0].spki_sha256}"
        raise InputFileError(path, None, "key.spki_sha256", why)
    return found[0]

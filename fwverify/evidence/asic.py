"""Manifests of an evidence package: what each signature and time stamp is over.

Guarantees: a manifest is a function of the files it names; ``manifest`` writes the one
form that is accepted, so that to check one is to write it again and compare bytes: a file
that is missing in it, one too many, another digest and another order are all the same
fault. ``plan`` says which manifests a package must have, from its ``SIGNERS``.

============================== ============================ =================================
manifest                       protected by                 over
============================== ============================ =================================
``ASiCManifest001.xml``        ``signature001.p7s``, lab    all files outside ``META-INF``
``ASiCManifest002.xml``        ``signature002.p7s``,        the same, and the lab's manifest
                               approver                     and signature
``ASiCManifest003.xml``        ``timestamp001.tst``         all manifests and signatures
``ASiCArchiveManifest….xml``   ``timestamp002.tst``, …      every file of that time
============================== ============================ =================================

Specification: ETSI EN 319 162-1 V1.1.1, 4.4.3 and A.4 (ASiCManifest), A.7
(ASiCArchiveManifest: the newest is ``ASiCArchiveManifest.xml``, it names the one before
as ``Rootfile``); digests are SHA-256 (XML Encryption, 5.8.3).

Not checked here: the signatures and time stamps themselves (``check``).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from fwverify.canonical import sha256_hex
from fwverify.reader import Malformed

META: Final = "META-INF/"
SUMS: Final = "SHA256SUMS"
SIGNERS: Final = "SIGNERS"
OUTSIDE_CORE: Final = (SIGNERS, "run-metadata.json", "attestations/")
"""What is not reproducible: signed and stamped with the rest, no part of the core."""

MAX_RENEWALS: Final = 99
NEWEST: Final = f"{META}ASiCArchiveManifest.xml"
_SCHEMA: Final = "fwverify.signers/1"
_NAMESPACES: Final = (
    'xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
)
_SHA256: Final = '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
CADES: Final = "application/x-pkcs7-signature"
TOKEN: Final = "application/vnd.etsi.timestamp-token"  # noqa: S105  (a media type)
_SIGNERS: Final = re.compile(
    r"fwverify\.signers/1\n"
    r"package (?P<kind>evidence|redacted|national-security)\n"
    r"update (?P<update>[0-9a-f]{64})\n"
    r"core (?P<core>[0-9a-f]{64})\n"
    r"(unsigned\n|lab (?P<lab>[0-9a-f]{64})\n(approver (?P<approver>[0-9a-f]{64})\n)?"
    r"(?P<stamped>timestamp\n)?)"
)

Kind = Literal["evidence", "redacted", "national-security"]
Use = Literal["lab", "approver", "timestamp", "archive"]


@dataclass(frozen=True)
class Signers:
    """``SIGNERS``: who signs this package, by certificate; so that no signature can be taken off.

    ``update`` and ``core`` are digests: of the update, and of ``SHA256SUMS``.
    """

    kind: Kind
    update: str
    core: str
    lab: str | None = None
    approver: str | None = None
    stamped: bool = False

    def text(self) -> bytes:
        """Return the file."""
        lines = [_SCHEMA, f"package {self.kind}", f"update {self.update}", f"core {self.core}"]
        lines += [f"lab {self.lab}"] if self.lab else ["unsigned"]
        lines += [f"approver {self.approver}"] if self.approver else []
        lines += ["timestamp"] if self.stamped else []
        return "".join(f"{line}\n" for line in lines).encode("ascii")


def read_signers(data: bytes) -> Signers:
    """Return what ``SIGNERS`` says. Raises ``Malformed`` for any other form."""
    found = _SIGNERS.fullmatch(data[:1024].decode("latin-1"))
    if found is None or len(data) > 1024:
        raise Malformed(0, SIGNERS, "is not in the form of fwverify.signers/1")
    kind: Kind
    match found["kind"]:
        case "redacted":
            kind = "redacted"
        case "national-security":
            kind = "national-security"
        case _:
            kind = "evidence"
    return Signers(
        kind,
        found["update"],
        found["core"],
        found["lab"],
        found["approver"],
        bool(found["stamped"]),
    )


@dataclass(frozen=True)
class Sealed:
    """One manifest: its name, what protects it, and the names of the files it is over.

    ``root`` is the archive manifest before it, "" where there is none.
    """

    use: Use
    name: str
    by: str
    over: tuple[str, ...]
    root: str = ""

    def written(self, files: Mapping[str, bytes]) -> bytes:
        """Return the manifest over the content that ``files`` has."""
        media = CADES if self.use in ("lab", "approver") else TOKEN
        return manifest(self.by, media, {name: files[name] for name in self.over}, self.root)


def manifest(by: str, media: str, files: Mapping[str, bytes], root: str = "") -> bytes:
    """Return the ASiCManifest of ``files``, protected by ``by`` (EN 319 162-1, A.4)."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<asic:ASiCManifest {_NAMESPACES}>",
        f'<asic:SigReference URI="{by}" MimeType="{media}"/>',
    ]
    for name in sorted(files):
        value = base64.b64encode(hashlib.sha256(files[name]).digest()).decode("ascii")
        rooted = ' Rootfile="true"' if name == root else ""
        lines.append(
            f'<asic:DataObjectReference URI="{name}"{rooted}>{_SHA256}'
            f"<ds:DigestValue>{value}</ds:DigestValue></asic:DataObjectReference>"
        )
    return "".join(f"{line}\n" for line in (*lines, "</asic:ASiCManifest>")).encode("ascii")


def plan(names: Iterable[str], signers: Signers, renewals: int = 0) -> tuple[Sealed, ...]:
    """Return the manifests of a package, in the order in which they are made.

    ``names`` are all names of the package; those in ``META-INF`` are not asked about.
    """
    if signers.lab is None:
        return ()
    over = tuple(sorted(name for name in names if not name.startswith(META)))
    made = [Sealed("lab", f"{META}ASiCManifest001.xml", f"{META}signature001.p7s", over)]
    if signers.approver:
        whole = (*over, made[0].name, made[0].by)
        by = f"{META}signature002.p7s"
        made.append(Sealed("approver", f"{META}ASiCManifest002.xml", by, whole))
    if signers.stamped:
        parts = tuple(name for one in made for name in (one.name, one.by))
        by = f"{META}timestamp001.tst"
        made.append(Sealed("timestamp", f"{META}ASiCManifest003.xml", by, parts))
    root = ""
    for number in range(1, renewals + 1):
        name = NEWEST if number == renewals else f"{META}ASiCArchiveManifest{number:03}.xml"
        whole = (*over, *(part for one in made for part in (one.name, one.by)))
        by = f"{META}timestamp{number + 1:03}.tst"
        made.append(Sealed("archive", name, by, whole, root))
        root = name
    return tuple(made)


def renewals_in(names: Iterable[str]) -> int:
    """Return how many archive time stamps the names speak of."""
    return sum(name.startswith(f"{META}ASiCArchiveManifest") for name in names)


def is_core(name: str) -> bool:
    """Return whether a file is part of the core: reproduced by whoever replays the case."""
    return name != SUMS and not name.startswith((META, *OUTSIDE_CORE))


def sums(files: Mapping[str, bytes]) -> bytes:
    """Return ``SHA256SUMS`` over the core of ``files``; its digest is the core's digest."""
    listed = sorted(name for name in files if is_core(name))
    return "".join(f"{sha256_hex(files[name])}  {name}\n" for name in listed).encode("ascii")

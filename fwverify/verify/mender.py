"""Mender artifacts: ``manifest.sig`` over the manifest, the manifest over the payload.

Guarantees:

- The archive is read again here, strictly: plain files of the names that the format
  knows, each once, in whole blocks; nothing but zeros after the last.
- The signature is over the bytes of ``manifest``; ``version``, the header and every
  payload file that it lists must be there with the listed SHA-256, under the listed
  name, or the artifact is refused. A file listed twice refuses it.
- ``covered`` are the contents of manifest, version and header; payload files are vouched
  for. Names and modes in the tar headers are covered by nothing.
- ``manifest-augment`` and the augmented header are unsigned by design of the format:
  they are ``steering``, and what only they list is vouched for by nobody.

Signatures: base64 of RSASSA-PKCS1-v1_5 or ECDSA P-256 (``r || s`` or DER) with SHA-256,
or Ed25519.

Specification: mender-artifact, "Mender Artifact file format" (version 3), "manifest".

Not checked: artifacts without a signature are no case of this scheme; dependencies and
device types (the opener's facts), version 1 artifacts.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from fwverify import paths
from fwverify.model import Axis, Vouch
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.archives_tar import BLOCK, read_header
from fwverify.verify import primitives
from fwverify.verify.raw import Attempt, attempts
from fwverify.verify.scheme import Material, Range, Scheme, Signed, TrustedKey, View

NAME: Final = "mender"
MAX_FILES: Final = 4096
MAX_MANIFEST_BYTES: Final = 1024 * 1024
MAX_SIGNATURE_BYTES: Final = 8192
_MANIFEST, _SIGNATURE, _AUGMENT = "manifest", "manifest.sig", "manifest-augment"
_COMPRESSED: Final = r"\.tar(?:\.gz|\.xz|\.zst)?"
_HEADER: Final = re.compile(f"header{_COMPRESSED}")
_HEADER_AUGMENT: Final = re.compile(f"header-augment{_COMPRESSED}")
_DATA: Final = re.compile(rf"data/([0-9]{{4}}){_COMPRESSED}")
_LINE: Final = re.compile(rb"([0-9a-f]{64})  ([^\n]{1,1024})")
_ALGORITHMS: Final = ("rsa-pkcs1v15:sha256", "ecdsa:sha256", "ed25519")


@dataclass(frozen=True)
class Artifact:
    """The members' content ranges by name, and the digests that the manifest lists."""

    members: dict[str, Range]
    listed: dict[str, str]


def members_of(content: Buffer) -> dict[str, Range]:
    """Return the content range of each file in the archive. Raises ``Malformed``."""
    found: dict[str, Range] = {}
    at = 0
    while at < len(content) and bytes(content[at : at + BLOCK]) != bytes(BLOCK):
        header = read_header(content, at)
        name = header.name.decode("ascii", "replace")
        start, end = at + BLOCK, at + BLOCK + header.size
        if header.type not in (b"0", b"\0") or end > len(content):
            raise Malformed(at, "mender.tar", "is no file that fits")
        if name in found or not _is_known(name):
            raise Malformed(at, "mender.tar.name", f"{name[:60]!a} is not expected here")
        found[name] = (start, end)
        if len(found) > MAX_FILES:
            raise Malformed(at, "mender.tar", f"more than {MAX_FILES} files")
        at = -(-end // BLOCK) * BLOCK
    if any(piece.count(0) != len(piece) for piece in primitives.pieces(content, at)):
        raise Malformed(at, "mender.tar", "something follows the end of the archive")
    return found


def _is_known(name: str) -> bool:
    plain = ("version", _MANIFEST, _SIGNATURE, _AUGMENT)
    return name in plain or any(one.fullmatch(name) for one in (_HEADER, _HEADER_AUGMENT, _DATA))


def parse(content: Buffer) -> Artifact:
    """Return the artifact in ``content``. Raises ``Malformed``."""
    members = members_of(content)
    for name in ("version", _MANIFEST, _SIGNATURE):
        if name not in members:
            raise Malformed(0, "mender", f"{name} is absent")
    start, end = members[_MANIFEST]
    if end - start > MAX_MANIFEST_BYTES:
        raise Malformed(start, "mender.manifest", f"{end - start} bytes are absurd")
    listed: dict[str, str] = {}
    for line in bytes(content[start:end]).removesuffix(b"\n").split(b"\n"):
        match = _LINE.fullmatch(line)
        if match is None:
            raise Malformed(start, "mender.manifest", "a line is not digest and name")
        name = paths.encode_name(match[2])
        if name in listed:
            raise Malformed(start, "mender.manifest", f"{name} stands twice")
        listed[name] = match[1].decode()
    return Artifact(members, listed)


def _compare(view: View, artifact: Artifact) -> tuple[list[Range], list[Vouch]]:
    """Return the ranges and contents the manifest vouches for. Raises ``Malformed``."""
    ranges: list[Range] = [artifact.members[_MANIFEST]]
    vouches: list[Vouch] = []
    for name, (start, end) in artifact.members.items():
        if name == "version" or _HEADER.fullmatch(name):
            pieces = primitives.pieces(view.content, start, end)
            if primitives.hash_of("sha256", pieces).hex() != artifact.listed.get(name):
                raise Malformed(start, "mender.manifest", f"does not list this {name}")
            ranges.append((start, end))
    for name, sha256 in artifact.listed.items():
        if name in artifact.members:
            if name != "version" and not _HEADER.fullmatch(name):
                raise Malformed(0, "mender.manifest", f"lists {name}")
            continue
        vouches += _payload(view, artifact, name, sha256)
    return ranges, vouches


def _payload(view: View, artifact: Artifact, name: str, sha256: str) -> list[Vouch]:
    """Return the vouch for a listed payload file, ``data/NNNN/…``. Raises ``Malformed``."""
    match = re.fullmatch(r"data/([0-9]{4})/(.+)", name)
    archive = next(
        (
            one
            for one in artifact.members
            if match and (known := _DATA.fullmatch(one)) and known[1] == match[1]
        ),
        None,
    )
    if match is None or archive is None:
        raise Malformed(0, "mender.manifest", f"lists {name[:80]}, which is not here")
    if sha256 == primitives.hash_of("sha256", b"").hex():
        return []
    below = f"{paths.join(view.path, archive)}!/"
    ends = (f"!/{match[2]}", f"!/./{match[2]}")
    found = [
        one.path
        for one in view.holders(sha256)
        if one.path.startswith(below) and one.path.endswith(ends)
    ]
    if not found:
        raise Malformed(0, "mender.manifest", f"lists {name[:80]} with a digest that is not here")
    return [Vouch(path=path, sha256=sha256, via=f"Mender manifest: {name}") for path in found]


def _applies(view: View) -> bool:
    """Return whether the node is an artifact with a signature, or claims to be one."""
    content = view.content
    if bytes(content[:8]) != b"version\0":
        return False
    try:
        return _SIGNATURE in members_of(content)
    except Malformed:
        return view.placed.node.format == NAME or view.path.lower().endswith(".mender")


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    try:
        artifact = parse(view.content)
        signature = _signature(view.content, artifact.members[_SIGNATURE])
    except Malformed as error:
        return (_refused(view, str(error)),)
    start, end = artifact.members[_MANIFEST]
    manifest = bytes(view.content[start:end])
    allowed = tuple(
        name for name in _ALGORITHMS if not material.algorithms or name in material.algorithms
    )
    for key in material.keys if allowed else ():
        for attempt in attempts(key.spki, signature, allowed):
            if _holds(key, attempt, manifest):
                return (_judged(view, artifact, key, attempt),)
    if not material.keys:
        return (_refused(view, "no key to verify manifest.sig with", unverifiable=True),)
    return (_refused(view, "no key of the rule verifies manifest.sig over the manifest"),)


def _signature(content: Buffer, where: Range) -> bytes:
    start, end = where
    if end - start > MAX_SIGNATURE_BYTES:
        raise Malformed(start, "mender.manifest.sig", f"{end - start} bytes are absurd")
    try:
        return base64.b64decode(bytes(content[start:end]).strip(), validate=True)
    except binascii.Error as error:
        raise Malformed(start, "mender.manifest.sig", str(error)) from error


def _holds(key: TrustedKey, attempt: Attempt, manifest: bytes) -> bool:
    outcome = primitives.check(
        key.spki, attempt.algorithm, attempt.digest, attempt.signature, manifest
    )
    return outcome.axis == "pass"


def _judged(view: View, artifact: Artifact, key: TrustedKey, attempt: Attempt) -> Signed:
    """Return the result for a manifest whose signature holds: the files must be its own."""
    try:
        covered, vouches = _compare(view, artifact)
    except Malformed as error:
        return _refused(view, f"the manifest's signature holds, the artifact: {error}")
    name = f"{attempt.algorithm} {attempt.digest}".strip()
    steering = tuple(
        where
        for member, where in artifact.members.items()
        if member == _AUGMENT or _HEADER_AUGMENT.fullmatch(member)
    )
    notes = [f"{name} holds over the manifest, {len(artifact.listed)} files are as it lists them"]
    notes += ["the augmented manifest is signed by nobody"] if steering else []
    notes += [key.why_not] if not key.usable else []
    return Signed(
        path=view.path,
        scheme=NAME,
        authentic="pass",
        trusted="pass" if key.usable else "fail",
        reason="; ".join(notes),
        signer=key.id,
        spki=key.spki,
        key_id=key.id,
        roles=key.roles,
        digest=attempt.digest,
        algorithm=attempt.algorithm,
        covered=tuple(sorted(one for one in covered if one[0] < one[1])),
        container=(artifact.members[_SIGNATURE],),
        steering=steering,
        vouches=tuple(vouches),
    )


def _refused(view: View, reason: str, *, unverifiable: bool = False) -> Signed:
    axis: Axis = "unverifiable" if unverifiable else "fail"
    return Signed(path=view.path, scheme=NAME, authentic=axis, trusted=axis, reason=reason)


MENDER: Final = Scheme(
    name=NAME,
    title="Mender artifact (manifest.sig)",
    specification="https://github.com/mendersoftware/mender-artifact/tree/master/Documentation",
    limitations="augmented manifests are unsigned by design; versions 2 and 3",
    applies=_applies,
    verify=_verify,
)

"""TUF metadata folders beside (or inside) an update.

Guarantees: one result per trusted root key, at ``timestamp.json``: it covers what is
signed of that file and vouches for every metadata file that a signed digest names and
for each target whose content is in the update. Metadata that no digest names (roots,
and files listed by version alone) has results of its own, over its signed bytes.

Trust begins at the keys of the rule: a root of the chain is trusted where as many usable
keys of the rule signed it as its own threshold demands, and trust flows from it to the
last root. The keys below the root are links of that chain, as intermediates are: the
results lean on them, so that a revoked or publicly known one refuses. The
rule should therefore name the root keys and the root's threshold: a root of an
attacker's making states its own.

``fresh`` fails, and with it trust, where any file used has expired at the verification
time. A file that lies where a target should and is not that target refuses all.

Specification: TUF specification 1.0.33. Checks: ``tuf_repository``, ``tuf_metadata``.

Not done: rollback against earlier updates (the ledger), succinct roles (TAP 15).
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fwverify import paths
from fwverify.model import Axis, Vouch
from fwverify.reader import Malformed
from fwverify.verify import tuf_json
from fwverify.verify.apk_trust import key_of
from fwverify.verify.ranges import normal, without
from fwverify.verify.scheme import Material, Neighbour, Scheme, Signed, TrustedKey, View
from fwverify.verify.tuf_metadata import Key, Listed, Unverifiable, read
from fwverify.verify.tuf_repository import Checked, Files, Repository, open_repository

NAME: Final = "tuf"
MAX_HASHED_BYTES: Final = 64 * 1024 * 1024
"""A target named by SHA-512 alone is read for it up to this size."""

DIRECTOR: Final = "director"
IMAGE_FOLDERS: Final = ("repo", "image", "images", "imagerepo", "image_repo", "image-repo")
METADATA: Final = re.compile(r"(?:\d{1,9}\.)?(root|timestamp|snapshot|targets)\.json")
_VERSIONED: Final = re.compile(r"^[0-9]+\.(?=.*\.json$)")
_PLACES: Final = ("../targets/", "targets/", "", "../", "../../", "../../targets/")


@dataclass(frozen=True)
class Anchor:
    """Who stands behind a repository: keys of the rule with how they signed its root.

    ``leans_on`` are the keys (SPKI) that signed what follows from that root.
    """

    keys: tuple[tuple[TrustedKey, Key], ...]
    reason: str
    axis: Axis
    leans_on: tuple[bytes, ...] = ()


def files_of(view: View, prefix: str = "") -> Files:
    """Return the metadata in the folder ``prefix`` (``../repo/``) from the view's."""
    return Files(
        lambda name: view.beside(prefix + paths.encode_name(name.encode("utf-8"))), view.load
    )


def folder_of(view: View) -> str:
    """Return the name of the folder that the view's file lies in; empty at the top."""
    return view.path.rpartition("!/")[2].rpartition("/")[0].rpartition("/")[2]


def is_metadata(view: View) -> str:
    """Return the role that the file's name says, if it looks like metadata; else nothing."""
    match = METADATA.fullmatch(view.path.rpartition("!/")[2].rpartition("/")[2])
    if match is None or bytes(view.content[:1]) == b"\x1f":
        return ""
    head = bytes(view.content[: 64 * 1024])
    tail = bytes(view.content[max(0, len(view.content) - 64 * 1024) :])
    return match[1] if b'"signed"' in head + tail or b'"signatures"' in head + tail else ""


def is_paired(view: View) -> bool:
    """Return whether the file belongs to an Uptane pair of director and image repository."""
    folder = folder_of(view)
    if folder == DIRECTOR:
        return image_folder(view) is not None
    return folder in IMAGE_FOLDERS and view.beside(f"../{DIRECTOR}/targets.json") is not None


def image_folder(view: View) -> str | None:
    """Return the image repository's folder beside the director's."""
    for name in IMAGE_FOLDERS:
        known = ("root.json", "1.root.json", "timestamp.json", "targets.json")
        if any(view.beside(f"../{name}/{file}") for file in known):
            return name
    return None


def _applies(view: View) -> bool:
    role = is_metadata(view)
    if not role or is_paired(view):
        return False
    if view.path.endswith("timestamp.json"):
        return True
    return view.beside("timestamp.json") is None


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    try:
        repository = open_repository(files_of(view), material.at)
        targets = present(view, repository)
    except Unverifiable as error:
        return (refused(view, NAME, material.at, str(error), "unverifiable"),)
    except Malformed as error:
        return (refused(view, NAME, material.at, str(error)),)
    if view.path.rpartition("!/")[2].rpartition("/")[2] != "timestamp.json":
        why = "no timestamp.json lies beside it"
        return (refused(view, NAME, material.at, why, "unverifiable"),)
    anchor = anchor_of(repository, material)
    try:
        return rows(view, NAME, (repository,), (anchor,), vouched(targets, "TUF targets"))
    except Malformed as error:  # spelled in more pieces than are told apart
        return (refused(view, NAME, material.at, str(error)),)


def anchor_of(repository: Repository, material: Material) -> Anchor:
    """Return who stands behind the roots; the newest root that the rule's keys signed."""
    why = "no root is signed by enough keys of the rule"
    for position, checked in reversed(tuple(enumerate(repository.roots, 1))):
        known = [(key_of(one.spki, material), one) for one in checked.signers]
        mine = tuple((trusted, one) for trusted, one in known if trusted is not None)
        usable = tuple((trusted, one) for trusted, one in mine if trusted.usable)
        roles = checked.document.signed["roles"]["root"]
        number = checked.document.version
        if len(usable) >= int(roles["threshold"]):
            below = (*repository.roots[position:], *repository.others)
            leans_on = tuple(dict.fromkeys(key.spki for each in below for key in each.signers))
            return Anchor(usable, f"root {number} is signed by the rule's keys", "pass", leans_on)
        if mine:
            not_usable = "; ".join(trusted.why_not for trusted, _ in mine if not trusted.usable)
            why = not_usable or f"root {number}: {len(usable)} keys of the rule signed it"
            return Anchor(mine, why, "fail")
    return Anchor((), why, "fail")


def present(view: View, repository: Repository) -> tuple[tuple[str, Listed, Neighbour], ...]:
    """Return the targets whose content is in the update: (path, what is stated, node).

    Raises ``Malformed`` where a node has the digest and another length, and where a file
    lies in a target's place that is not the target.
    """
    found: list[tuple[str, Listed, Neighbour]] = []
    for path, stated in repository.named():
        held = _at_place(view, path, stated)
        nodes = view.holders(stated.hashes.get("sha256", ""))
        for node in (*nodes, *held):
            if node.size != stated.length:
                raise Malformed(0, f"tuf.targets[{path[:60]}].length", f"{node.path}: {node.size}")
            found.append((path, stated, node))
    return tuple(found)


def _at_place(view: View, path: str, stated: Listed) -> tuple[Neighbour, ...]:
    """Return the node where the target should lie, verified by every digest stated."""
    name = paths.encode_name(path.encode("utf-8"))
    node = next((one for place in _PLACES if (one := view.beside(place + name))), None)
    if node is None or ".." in path.split("/"):
        return ()
    sha256 = stated.hashes.get("sha256")
    if sha256 is not None and node.sha256 != sha256:
        raise Malformed(0, f"tuf.targets[{path[:60]}]", f"{node.path} is another file")
    sha512 = stated.hashes.get("sha512")
    if sha512 is None:
        return (node,)
    if node.size > MAX_HASHED_BYTES:
        return (node,) if sha256 is not None else ()
    try:
        digest = hashlib.sha512(view.load(node.sha256)).hexdigest()
    except KeyError:
        return ()
    if not hmac.compare_digest(digest, sha512):
        raise Malformed(0, f"tuf.targets[{path[:60]}].hashes.sha512", f"{node.path} differs")
    return (node,)


def vouched(targets: Iterable[tuple[str, Listed, Neighbour]], via: str) -> tuple[Vouch, ...]:
    """Return the vouches for targets."""
    made = (Vouch(path=node.path, sha256=node.sha256, via=via) for _, _, node in targets)
    return tuple(sorted(set(made), key=lambda one: (one.path, one.sha256)))


def rows(
    view: View,
    scheme: str,
    repositories: tuple[Repository, ...],
    anchors: tuple[Anchor, ...],
    vouches: tuple[Vouch, ...],
) -> tuple[Signed, ...]:
    """Return the results: per key that stands behind a root, and per file it signs alone."""
    checked = tuple(one for repository in repositories for one in repository.all)
    stale = tuple(why for repository in repositories for why in repository.stale)
    weak = tuple(dict.fromkeys(why for one in repositories for why in one.weak()))
    trusted: Axis = "pass" if all(one.axis == "pass" for one in anchors) and not stale else "fail"
    bound = tuple(
        Vouch(path=one.document.file.path, sha256=one.document.file.sha256, via="TUF metadata")
        for one in checked
        if one.bound
    )
    alone = {one.document.file.path: one for one in checked if not one.bound}
    own = next((one for one in checked if one.document.file.path == view.path), None)
    versions = ", ".join(f"{one.document.kind} {one.document.version}" for one in checked[:12])
    reasons = (f"metadata holds ({versions})", *(one.reason for one in anchors), *stale)
    results: list[Signed] = []
    for key_id, roles, key in _signing(repositories, anchors):
        base = Signed(
            path=view.path,
            scheme=scheme,
            authentic="pass",
            trusted=trusted,
            reason="; ".join(dict.fromkeys(reasons)),
            signer=key_id or f"key {key.identity[:16]}",
            spki=key.spki,
            key_id=key_id,
            roles=roles,
            digest=key.digest,
            algorithm=key.algorithm,
            weak=weak,
            leans_on=tuple(dict.fromkeys(spki for one in anchors for spki in one.leans_on)),
            fresh="fail" if stale else "pass",
            counters=_counters(checked),
        )
        results.append(_over(base, own, (*bound, *vouches)))
        results += [
            _over(base, one, ()) for path, one in sorted(alone.items()) if path != view.path
        ]
    return tuple(results)


def _counters(checked: tuple[Checked, ...]) -> tuple[tuple[str, str, str], ...]:
    """Return the version of each metadata file, named without the version before it."""
    found = {
        (_VERSIONED.sub("", one.document.file.path.rpartition("/")[2]), str(one.document.version))
        for one in checked
    }
    return tuple(("metadata-version", name, version) for name, version in sorted(found))


def _signing(
    repositories: tuple[Repository, ...], anchors: tuple[Anchor, ...]
) -> tuple[tuple[str | None, tuple[str, ...], Key], ...]:
    """Return the rule's keys behind the roots; the root's own first key where there is none."""
    known = {
        key.identity: (trusted.id, trusted.roles, key)
        for anchor in anchors
        for trusted, key in anchor.keys
    }
    if known:
        return tuple(known[identity] for identity in sorted(known))
    return ((None, (), repositories[0].roots[-1].signers[0]),)


def _over(base: Signed, checked: Checked | None, vouches: tuple[Vouch, ...]) -> Signed:
    """Return the result over one file: its signed bytes, the rest of it as container."""
    if checked is None:
        return _replaced(base, base.path, (), (), vouches)
    covered = normal(checked.document.envelope.spans())
    size = len(checked.document.envelope.raw)
    container = normal(without(((0, size),), covered))
    return _replaced(base, checked.document.file.path, covered, container, vouches)


def _replaced(
    base: Signed,
    path: str,
    covered: tuple[tuple[int, int], ...],
    container: tuple[tuple[int, int], ...],
    vouches: tuple[Vouch, ...],
) -> Signed:
    return dataclasses.replace(
        base, path=path, covered=covered, container=container, vouches=vouches
    )


def refused(view: View, scheme: str, at: datetime, reason: str, axis: Axis = "fail") -> Signed:
    """Return the result for metadata that does not stand, and whether it has expired too."""
    old = _expired(view, at)
    return Signed(
        path=view.path,
        scheme=scheme,
        authentic=axis,
        trusted=axis,
        reason="; ".join((reason, *old)),
        fresh="fail" if old else "not-applicable",
    )


def _expired(view: View, at: datetime) -> tuple[str, ...]:
    """Return what of the view's own metadata has expired, signed or not."""
    try:
        file = Neighbour(view.path, "", len(view.content))
        if file.size > tuf_json.MAX_BYTES:
            return ()
        document = read(file, bytes(view.content[:]), is_metadata(view))
    except Malformed:
        return ()
    return (f"{document.kind} expired on {document.expires:%Y-%m-%d}",) * (document.expires <= at)


TUF: Final = Scheme(
    name=NAME,
    title="TUF metadata folder: root, timestamp, snapshot, targets, delegations",
    specification="TUF specification 1.0.33",
    limitations="no succinct roles; earlier versions are compared by the ledger, not here",
    applies=_applies,
    verify=_verify,
)

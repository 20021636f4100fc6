"""Who signed what by the signatures' own words, as facts that a baseline keeps.

Guarantees: the facts do not depend on whom the operator trusts at the moment, so that the
signers of an update can be held against those of a baseline that was examined under other
rules: a fact ``signer`` for each scheme and signer of a node, and a fact ``signed content`` for
what a signature that names its signer says it is over, by digest. One that names nobody is
``NOBODY``. The node of the update itself carries ``LOOKED``: signers were looked for.

What it does not do: verify or trust anything. A name can be a lie; the verify stage judges it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from fwverify.canonical import plain, sha256_hex
from fwverify.model import Fact, FileFacts, Node, Subject, Unpacked
from fwverify.reader import Malformed
from fwverify.store import Store
from fwverify.verify import cms, openpgp, openpgp_signature, primitives
from fwverify.verify.cms_signer import described
from fwverify.verify.examine import examine
from fwverify.verify.openpgp_verify import MAX_MEMBER_BYTES, name_of, read_member
from fwverify.verify.ranges import normal
from fwverify.verify.scheme import Material, Signed
from fwverify.verify.tree import Tree, build

SIGNER: Final = "signer"
CONTENT: Final = "signed content"
LOOKED: Final = Fact(kind="signers", text="looked for")
NOBODY: Final = "nobody that is known"
_SIGNATURE_NAME: Final = re.compile(
    r"(?:\.(?:sig|sign|asc|gpg|pgp)|(?:^|/)_gpg[a-z]{1,20})$", re.IGNORECASE
)
MAX_HASHED_BYTES: Final = 256 * 1024 * 1024
"""Signed ranges of more bytes than this, which are no whole node, get no ``signed content``."""


def signers_of(
    subject: Subject, unpacked: Unpacked, store: Store, at: datetime
) -> tuple[FileFacts, ...]:
    """Return the facts of an update whose signatures nobody judges, with no key known."""
    tree = build(unpacked.nodes)
    examination = examine(subject, unpacked, tree, store, Material(at=at))
    return facts_of(subject, (one.signed for one in examination.found), tree, store)


def facts_of(
    subject: Subject, found: Iterable[Signed], tree: Tree, store: Store
) -> tuple[FileFacts, ...]:
    """Return what each signature says of itself, by path."""
    facts: dict[str, set[Fact]] = {subject.name: {LOOKED}}
    for signed in found:
        own = facts.setdefault(signed.path, set())
        names = signed.names or (_default_name(signed),)
        own.update(Fact(kind=SIGNER, text=plain(f"{signed.scheme}: {name}")) for name in names)
        imprint = signed.imprint or (_imprint(signed, tree, store) if signed.names else "")
        if imprint:
            own.add(Fact(kind=CONTENT, text=f"{signed.scheme}: {imprint}"))
    for placed in tree.nodes:
        named = _inner_signature(placed.node, store)
        if named:
            facts.setdefault(placed.node.path, set()).update(named)
    return tuple(
        FileFacts(path=path, facts=tuple(sorted(own, key=lambda one: (one.kind, one.text))))
        for path, own in sorted(facts.items())
    )


def _inner_signature(node: Node, store: Store) -> tuple[Fact, ...]:
    """Return who made the OpenPGP signature that ``node`` is, wherever it lies.

    What stands inside of packages (``_gpgorigin`` of debsig) no scheme holds against its file;
    that another signed it is told all the same.
    """
    is_one = _SIGNATURE_NAME.search(node.path) is not None
    if not is_one or node.sha256 is None or not 0 < (node.size or 0) <= MAX_MEMBER_BYTES:
        return ()
    if node.sha256 not in store:
        return ()
    member = store.read(node.sha256)
    if not openpgp.is_signature(member):
        return ()
    try:
        names = sorted({name_of(one) for one in read_member(member)})
    except (Malformed, openpgp_signature.Unknown):
        names = [NOBODY]
    return tuple(Fact(kind=SIGNER, text=f"openpgp-file: {name}") for name in names)


def _default_name(signed: Signed) -> str:
    """Return the subject of the certificate that came along, else ``NOBODY``.

    A bare key is the operator's and not the signature's word: the same bytes would have another
    baseline once the key is registered.
    """
    for encoded in signed.chain[:1]:
        try:
            leaf = cms.read_certificate(encoded)
        except Malformed:
            break
        if signed.spki == leaf.public_key.dump():
            return described(leaf)
    return NOBODY


def _imprint(signed: Signed, tree: Tree, store: Store) -> str:
    """Return the SHA-256 of what the signature is over; empty where that cannot be said."""
    ranges = normal(signed.spoken or signed.covered)
    index = tree.by_path.get(signed.path)
    sha256 = None if index is None else tree.nodes[index].node.sha256
    if not ranges or index is None or sha256 is None:
        contents = sorted({vouch.sha256 for vouch in signed.vouches})
        return sha256_hex("\n".join(contents).encode()) if contents else ""
    if ranges == tree.whole(index):
        return sha256
    if sum(end - start for start, end in ranges) > MAX_HASHED_BYTES or sha256 not in store:
        return ""
    state = hashlib.sha256()
    with store.view(sha256) as content:
        for start, end in ranges:
            for piece in primitives.pieces(content, start, end):
                state.update(piece)
    return state.hexdigest()

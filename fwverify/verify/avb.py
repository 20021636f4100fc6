"""Android Verified Boot: vbmeta signatures, and the partitions they vouch for.

Guarantees:

- The signature is over header and auxiliary block, whose digest is recomputed; the key
  is one of the rule's, never the embedded one, and the embedded one must be the same
  (a boot loader verifies with it and then compares it).
- VERIFICATION_DISABLED and HASHTREE_DISABLED refuse: such metadata signs that nothing is
  checked.
- Partitions are found beside the metadata by their name (``boot.img``, ``boot``, slot
  ``_a``): a hash descriptor is recomputed over salt and image, a hash tree from the data
  up with every stored tree byte compared. One that differs fails the metadata; one that
  is not here is named; each that holds is a result of its own on the partition's bytes.
- A chained partition's own metadata must be signed by the key in the descriptor, has no
  flags and chains no further (libavb, ``avb_slot_verify.c``). Its result counts as the
  first key's signature, so that a chain never looks like a second signer, and leans on the
  descriptor's key: one that everybody has, or that was revoked, refuses it.
- A digest under SHA-1 is a weakness; a persistent (empty) digest vouches for nothing.

Specification: AOSP ``external/avb`` README and ``libavb``; RSASSA-PKCS1-v1_5 with
SHA-256 or SHA-512 and 2048, 4096 or 8192 bits. The rollback index is stated as a fact.

Not checked: forward error correction (it can only change bytes that the tree then
refuses), ML-DSA, sparse images beside the metadata.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from typing import Final

from fwverify import paths
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.android import verity
from fwverify.verify import primitives
from fwverify.verify.avb_metadata import Chain, Hashed, Metadata, Tree, key_spki, place, read
from fwverify.verify.embedded import (
    Check,
    Claim,
    degraded,
    demanding,
    digest_of,
    hashed,
    judge,
    refused,
)
from fwverify.verify.keys import canonical_spki
from fwverify.verify.scheme import Material, Neighbour, Range, Scheme, Signed, View

NAME: Final = "avb"
MAX_TREE_BYTES: Final = 64 * 1024 * 1024
_BLOCK: Final = 4096
_DISABLED: Final = {1: "hash tree verification", 2: "verification"}
_ALGORITHMS: Final = {
    1: ("sha256", 2048), 2: ("sha256", 4096), 3: ("sha256", 8192),
    4: ("sha512", 2048), 5: ("sha512", 4096), 6: ("sha512", 8192),
}  # fmt: skip
_SUFFIXES: Final = (".img", "", "_a.img", "_a", ".bin")
_SPARSE: Final = b"\x3a\xff\x26\xed"
_WEAK: Final = ("sha1",)


def _applies(view: View) -> bool:
    try:
        return place(view.content) is not None
    except Malformed:
        return True


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    try:
        metadata = read(view.content)
        if metadata.header.algorithm == 0:
            return ()  # not signed at all: the stage says so
        claim, check = _claim(view.path, view.content, metadata)
    except Malformed as error:
        return (refused(view.path, NAME, str(error)),)
    if check is None:
        reason = f"{claim.what}: its algorithm is not known here"
        return (refused(view.path, NAME, reason, "unverifiable"),)
    result = judge(claim, check, material)
    if result.authentic != "pass":
        return (result,)
    wrong = _contradiction(metadata, result)
    if wrong:
        return (degraded(result, wrong),)
    return _Followed(view, result).follow(metadata)


def _claim(path: str, buffer: Buffer, metadata: Metadata) -> tuple[Claim, Check | None]:
    """Return what the structure claims and how it is checked. Raises ``Malformed``."""
    header = metadata.header
    ranges = ((header.start, header.auth_start), (header.aux_start, header.end))
    known = _ALGORITHMS.get(header.algorithm)
    digest, bits = known or ("", 0)
    signature = bytes(buffer[slice(*header.signature)])
    value = digest_of(digest, buffer, ranges) if known else b""
    if known and not hmac.compare_digest(bytes(buffer[slice(*header.hash)]), value):
        raise Malformed(header.hash[0], "avb.hash", "is not that of header and auxiliary block")
    if known and len(signature) != bits // 8:
        raise Malformed(header.start + 56, "avb.signature_size", f"{len(signature)} bytes")
    claim = Claim(
        path=path,
        scheme=NAME,
        what="vbmeta",
        algorithm=primitives.RSA_PKCS1,
        digest=digest,
        covered=ranges,
        container=((header.auth_start, header.aux_start),),
        steering=(metadata.footer,) if metadata.footer else (),
        note=f"rollback index {header.rollback_index} at location {header.rollback_location}",
        spki=key_spki(metadata.key),
        counters=(("rollback-index", str(header.rollback_location), str(header.rollback_index)),),
    )
    if not known:
        return claim, None
    check = hashed(primitives.RSA_PKCS1, digest, signature, value, (None,))
    return claim, demanding(check, "rsa", bits)


def _contradiction(metadata: Metadata, result: Signed) -> str:
    """Return why metadata whose signature holds must not count, empty where it may."""
    off = [text for flag, text in _DISABLED.items() if metadata.header.flags & flag]
    if off:
        return f"its flags switch {' and '.join(off)} off"
    own = key_spki(metadata.key)
    if own is None or canonical_spki(own) != canonical_spki(result.spki or b""):
        return "the key it carries is not the one that signed it"
    return ""


class _Followed:
    """What one authentic vbmeta vouches for. Belongs to one call of ``_verify``."""

    def __init__(self, view: View, result: Signed) -> None:
        self.view = view
        self.result = result
        self.more: list[Signed] = []
        self.notes: list[str] = []
        self.wrong: list[str] = []

    def follow(self, metadata: Metadata) -> tuple[Signed, ...]:
        """Return the result of the metadata and one for each partition it reaches."""
        own = self._own(metadata, self.view.path)
        ranges, weak = self._images(metadata, self.view.content, own, self.result)
        for chain in metadata.chains:
            self._chain(chain)
        reason = "; ".join((self.result.reason, *self.notes))
        result = dataclasses.replace(
            self.result,
            reason=reason,
            covered=(*self.result.covered, *ranges),
            weak=(*self.result.weak, *weak),
        )
        if self.wrong:
            return (degraded(result, "; ".join(self.wrong)),)
        return (result, *self.more)

    def _own(self, metadata: Metadata, path: str) -> str:
        """Return the name of the partition that holds the metadata, empty where none does."""
        if metadata.footer is None:
            return ""
        if len(metadata.images) == 1:
            return metadata.images[0].name
        stem = path.rpartition("/")[2]
        names = [one.name for one in metadata.images]
        return next((n for n in names if stem in [n + suffix for suffix in _SUFFIXES]), "")

    def _images(
        self, metadata: Metadata, content: Buffer, own: str, base: Signed
    ) -> tuple[tuple[Range, ...], tuple[str, ...]]:
        """Compare the partitions; return the ranges of the one that holds the metadata.

        ``base`` is the result of the metadata that lists them.
        """
        ranges: tuple[Range, ...] = ()
        weak: tuple[str, ...] = ()
        for one in metadata.images:
            loose = (f"{one.name}: SHA-1",) if one.algorithm in _WEAK else ()
            if one.name == own:
                ranges, weak = self._compared(one, content), loose
                continue
            found = self._beside(one.name)
            if found is None:
                self.notes.append(f"partition {one.name!a} is not here")
                continue
            with self.view.open(found.sha256) as image:
                reached = self._compared(one, image)
            if reached:
                self._add(base, found.path, reached, f"partition {one.name!a}", loose)
        return ranges, weak

    def _beside(self, name: str) -> Neighbour | None:
        encoded = paths.encode_name(name.encode())
        found = (self.view.beside(encoded + suffix) for suffix in _SUFFIXES)
        return next((one for one in found if one is not None), None)

    def _compared(self, one: Hashed | Tree, image: Buffer) -> tuple[Range, ...]:
        """Return the ranges of ``image`` the descriptor vouches for; note what is wrong."""
        if bytes(image[:4]) == _SPARSE:
            self.notes.append(f"partition {one.name!a} is a sparse image, not compared")
            return ()
        if not one.digest:
            self.notes.append(f"partition {one.name!a} has its digest on the device")
            return ()
        if one.algorithm not in verity.ALGORITHMS:
            self.notes.append(f"partition {one.name!a}: {one.algorithm} is not known here")
            return ()
        try:
            return _tree(one, image) if isinstance(one, Tree) else _hash(one, image)
        except Malformed as error:
            self.wrong.append(f"partition {one.name!a}: {error}")
            return ()

    def _add(
        self, base: Signed, path: str, ranges: tuple[Range, ...], what: str, weak: tuple[str, ...]
    ) -> None:
        self.more.append(
            dataclasses.replace(
                base,
                path=path,
                reason=f"vbmeta of {self.view.path} vouches for {what}",
                covered=ranges,
                container=(),
                steering=(),
                weak=(*base.weak, *weak),
            )
        )

    def _chain(self, chain: Chain) -> None:
        found = self._beside(chain.name)
        if found is None:
            self.notes.append(f"chained partition {chain.name!a} is not here")
            return
        try:
            with self.view.open(found.sha256) as image:
                self._chained(chain, found.path, image)
        except Malformed as error:
            self.wrong.append(f"chained partition {chain.name!a}: {error}")

    def _chained(self, chain: Chain, path: str, image: Buffer) -> None:
        """Verify a chained partition's metadata under the descriptor's key alone."""
        if bytes(image[:4]) == _SPARSE:
            self.notes.append(f"chained partition {chain.name!a} is a sparse image, not compared")
            return
        metadata = read(image)
        if metadata.chains or metadata.header.flags:
            raise Malformed(metadata.header.start, "avb.chained", "has flags or chains further")
        claim, check = _claim(path, image, metadata)
        spki = key_spki(chain.key)
        if check is None or spki is None or metadata.key != chain.key:
            raise Malformed(
                metadata.header.start, "avb.chained", "is not signed by the chain's key"
            )
        outcome = check(spki)
        if outcome.axis != "pass":
            raise Malformed(metadata.header.signature[0], "avb.chained", outcome.reason)
        base = dataclasses.replace(self.result, leans_on=(spki,))
        ranges, weak = self._images(metadata, image, self._own(metadata, path), base)
        what = f"chained partition {chain.name!a}, {claim.note}"
        self._add(base, path, (*claim.covered, *ranges), what, weak)
        self.more[-1] = dataclasses.replace(
            self.more[-1],
            container=claim.container,
            steering=claim.steering,
            counters=claim.counters,
        )


def _hash(one: Hashed, image: Buffer) -> tuple[Range, ...]:
    if one.image_bytes > len(image):
        why = f"{one.image_bytes} of {len(image)} bytes"
        raise Malformed(0, "avb.hash.image_size", why, past_end=True)
    value = digest_of(one.algorithm, image, ((0, one.image_bytes),), one.salt)
    if not hmac.compare_digest(value, one.digest):
        raise Malformed(0, "avb.hash.digest", "is not that of the image")
    return ((0, one.image_bytes),)


def _tree(one: Tree, image: Buffer) -> tuple[Range, ...]:
    """Recompute the tree from the data and compare every byte of the stored one."""
    end = one.tree_start + one.tree_bytes
    sound = one.blocks == (_BLOCK, _BLOCK) and one.tree_bytes <= MAX_TREE_BYTES
    if not sound or one.image_bytes % _BLOCK or not one.image_bytes:
        raise Malformed(0, "avb.hashtree", "cannot be recomputed: other blocks, or too large")
    if max(end, one.image_bytes) > len(image):
        raise Malformed(0, "avb.hashtree.tree_size", f"ends at {end}", past_end=True)
    if one.tree_bytes != verity.tree_bytes(one.image_bytes, _BLOCK, one.algorithm):
        raise Malformed(0, "avb.hashtree.tree_size", f"{one.tree_bytes}")
    data, root = verity.tree(image, one.image_bytes, _BLOCK, one.algorithm, one.salt)
    width = hashlib.new(one.algorithm, usedforsecurity=False).digest_size
    if len(one.digest) != width or not hmac.compare_digest(root, one.digest):
        raise Malformed(0, "avb.hashtree.root_digest", "is not that of the image")
    if bytes(image[one.tree_start : end]) != data:
        raise Malformed(one.tree_start, "avb.hashtree", "is not that of the image")
    return ((0, one.image_bytes), (one.tree_start, end))


AVB: Final = Scheme(
    name=NAME,
    title="Android Verified Boot (vbmeta, hash, hash tree, chain)",
    specification="https://android.googlesource.com/platform/external/avb/+/HEAD/README.md",
    limitations="sparse partitions beside the metadata and ML-DSA are not compared",
    applies=_applies,
    verify=_verify,
)

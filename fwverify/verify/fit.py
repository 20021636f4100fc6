"""U-Boot FIT: configuration signatures, and signatures of single images.

Guarantees:

- The nodes a configuration signature is over are computed from the configuration: the
  root, the configuration, and each image it names with its hash, cipher and dm-verity
  nodes. ``hashed-nodes`` must list the same and is otherwise not believed
  (CVE-2026-46728). Where the signature is over fewer images (``sign-images``, or
  kernel, fdt and script alone, as old tools did), only those are covered.
- An image's data, inside the tree or behind it, is covered where all of its hash nodes
  agree with the bytes and at least one is a cryptographic digest; a wrong one fails the
  signature. SHA-1 is a weakness, MD5 and CRC do not count.
- The names of signed properties must lie in the signed part of the strings block.
- A configuration without a signature beside signed ones is a weakness: it selects signed
  images in another way (and may be the default). An image signed alone without any
  signed configuration is one too: load address and entry point are not signed.
- Header, reservations, ``default`` and whatever else of the tree is unsigned, in a
  signature node, too, is ``steering``; images outside a signed configuration stay uncovered.

Specification: Flat Image Tree 0.8; U-Boot ``doc/usage/fit/signature.rst``. RSA PKCS #1
v1.5 or PSS (salt as long as the digest or as fits), ECDSA as r and s, big-endian.

Not checked: key-name-hint (every key of the rule is tried), required keys of the device.
"""

from __future__ import annotations

import dataclasses
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from fwverify import paths
from fwverify.model import Vouch
from fwverify.reader import Malformed
from fwverify.verify import fit_tree, primitives
from fwverify.verify.ecdsa_raw import to_der
from fwverify.verify.embedded import (
    Claim,
    degraded,
    demanding,
    digest_of,
    hashed,
    judge,
    refused,
)
from fwverify.verify.fit_tree import Node, Tree
from fwverify.verify.ranges import normal, without
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "fit"
MAX_CONFIGURATIONS: Final = 256
MAX_IMAGES: Final = 256
MAX_SIGNATURES: Final = 32
MAX_HASHES: Final = 8
MAX_SHARE: Final = 2
"""All images together have at most so many times the bytes of the file."""

MAX_SIGNATURE_BYTES: Final = 1024
_SIGNATURE_PROPERTIES: Final = {
    **dict.fromkeys(("algo", "padding", "required"), 64),
    **dict.fromkeys(("key-name-hint", "signer-name", "signer-version"), 128),
    "value": MAX_SIGNATURE_BYTES,
    "hashed-nodes": 8192,
    "hashed-strings": 8,
    "sign-images": 256,
    "timestamp": 4,
    "comment": 256,
}
"""What a signature node holds and how many bytes at most (``doc/usage/fit/signature.rst``,
"Signature properties"): anything else in it is unsigned and no part of the signature."""

_MAGIC: Final = b"\xd0\x0d\xfe\xed"
_DIGESTS: Final = ("sha1", "sha256", "sha384", "sha512")
_CRYPTO: Final = {
    "rsa2048": ("rsa", 2048),
    "rsa3072": ("rsa", 3072),
    "rsa4096": ("rsa", 4096),
    "ecdsa256": ("secp256r1", 256),
    "ecdsa384": ("secp384r1", 384),
    "secp521r1": ("secp521r1", 521),
}
_NO_IMAGES: Final = ("description", "compatible", "default")
_OLD_DEFAULT: Final = ("kernel", "fdt", "script")


Judge = Callable[[Node, Node, tuple[str, ...]], Signed]


@dataclass(frozen=True)
class Image:
    """An image whose bytes were found and whose hashes were compared.

    ``wrong`` names a hash that does not agree; ``strong`` is the digest that vouches;
    ``vouch`` is for the child that an opener made of it, where there is one.
    """

    node: Node
    data: Range
    vouch: Vouch | None = None
    strong: str = ""
    wrong: str = ""


def _applies(view: View) -> bool:
    """Return whether the node is a device tree with images and a signature somewhere."""
    if bytes(view.content[:4]) != _MAGIC:
        return False
    try:
        tree = fit_tree.read(view.content)
    except Malformed:
        return view.placed.node.format == NAME
    return bool(_signature_nodes(tree))


def _signature_nodes(tree: Tree) -> list[tuple[Node, Node]]:
    """Return (signed node, signature node) of configurations, then of images."""
    found = []
    for name in ("configurations", "images"):
        parent = tree.root.children.get(name)
        for node in parent.children.values() if parent else ():
            found += [(node, one) for one in node.below("signature")]
    return found


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    try:
        return _Fit(view, material, fit_tree.read(view.content)).judge()
    except Malformed as error:
        return (refused(view.path, NAME, str(error)),)


class _Fit:
    """One FIT under one material. Belongs to one call of ``_verify``."""

    def __init__(self, view: View, material: Material, tree: Tree) -> None:
        self.view = view
        self.material = material
        self.tree = tree
        self.images = _children(tree, "images", MAX_IMAGES)
        self.configurations = _children(tree, "configurations", MAX_CONFIGURATIONS)
        self.found: dict[str, Image] = {}
        self.bytes = 0

    def judge(self) -> tuple[Signed, ...]:
        """Return the result of every signature node."""
        nodes = _signature_nodes(self.tree)
        if len(nodes) > MAX_SIGNATURES:
            raise Malformed(0, "fit.signatures", f"more than {MAX_SIGNATURES}")
        signed = {node.path for node, _ in nodes}
        bare = tuple(
            f"configuration {name!a} is not signed"
            for name, node in self.configurations.items()
            if node.path not in signed
        )
        whole = [
            self._guarded(self._configuration, node, one, bare)
            for node, one in nodes
            if node.path.startswith("/configurations/")
        ]
        held = any(one.authentic == "pass" for one in whole)
        alone = () if held else ("load address and entry point of the image are not signed",)
        return tuple(whole) + tuple(
            self._guarded(self._image, node, one, alone)
            for node, one in nodes
            if node.path.startswith("/images/")
        )

    def _guarded(self, judged: Judge, node: Node, one: Node, weak: tuple[str, ...]) -> Signed:
        try:
            return judged(node, one, weak)
        except Malformed as error:
            return refused(self.view.path, NAME, f"{one.path}: {error}")

    # --- configurations ------------------------------------------------------------

    def _configuration(self, node: Node, one: Node, weak: tuple[str, ...]) -> Signed:
        claim, value = self._claim(node, one)
        stored = self.tree.texts(one, "hashed-nodes")
        strings = self._strings(one)
        result = refused(self.view.path, NAME, f"{one.path}: it names no image")
        for names in self._candidates(node, one):
            nodes = self._nodes(node, names)
            if stored and set(stored) != nodes:
                why = "hashed-nodes does not list what the configuration uses (CVE-2026-46728)"
                result = refused(self.view.path, NAME, f"{one.path}: {why}")
                continue
            ranges = fit_tree.regions(self.tree, nodes, strings)
            images = [self._located(name) for name in sorted(names)]
            full = self._covering(claim, ranges, images, weak)
            result = self._judged(full, value, ranges)
            if result.authentic != "fail":
                return self._contradicted(result, images)
        return result

    def _candidates(self, node: Node, one: Node) -> Iterator[frozenset[str]]:
        """Yield the sets of images the signature may be over, the whole one first."""
        per = {
            name: [text for text in self._names(node, name) if text in self.images]
            for name in node.properties
            if name not in _NO_IMAGES
        }
        every = frozenset(text for texts in per.values() for text in texts)
        chosen = self.tree.texts(one, "sign-images") or _OLD_DEFAULT
        some = frozenset(text for name in chosen for text in per.get(name, ()))
        yield from dict.fromkeys(names for names in (every, some) if names)

    def _names(self, node: Node, name: str) -> tuple[str, ...]:
        try:
            return self.tree.texts(node, name)
        except Malformed:
            return ()  # a number or a blob: it names no image

    def _nodes(self, node: Node, names: frozenset[str]) -> set[str]:
        nodes = {"/", node.path}
        for name in names:
            image = self.images[name]
            below = (*image.below("hash"), *image.below("cipher"), *image.below("dm-verity"))
            nodes |= {image.path, *(each.path for each in below)}
        return nodes

    def _strings(self, one: Node) -> int:
        """Return how many bytes of the strings block are signed."""
        data = self.tree.value(one, "hashed-strings")
        if data is None or len(data) != 8:
            raise Malformed(0, "fit.hashed-strings", "is absent: property names are not signed")
        offset, size = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big")
        start, end = self.tree.blocks.strings
        if offset or size > end - start:
            raise Malformed(one.properties["hashed-strings"][0], "fit.hashed-strings", "leaves it")
        return size

    def _covering(
        self, claim: Claim, ranges: tuple[Range, ...], images: list[Image], weak: tuple[str, ...]
    ) -> Claim:
        good = [one for one in images if one.strong]
        covered = normal((*ranges, *(one.data for one in good)))
        loose = [
            f"image {one.node.name!a} has a SHA-1 hash" for one in good if one.strong == "sha1"
        ]
        without_hash = [one.node.name for one in images if not one.strong and not one.wrong]
        note = f"images without a digest: {', '.join(without_hash)}" if without_hash else ""
        return dataclasses.replace(
            claim,
            covered=covered,
            steering=self._steering(covered, claim.container),
            vouches=tuple(one.vouch for one in good if one.vouch is not None),
            weak=(*weak, *loose),
            note=note,
        )

    def _steering(
        self, covered: tuple[Range, ...], container: tuple[Range, ...]
    ) -> tuple[Range, ...]:
        """Return what of the tree is unsigned, apart from image data and signatures."""
        apart = [one for node in self.images.values() for one in _data_of(node)]
        total = min(self.tree.blocks.total, len(self.view.content))
        return without(((0, total),), (*covered, *container, *apart))

    def _vouch(self, name: str, data: Range) -> Vouch | None:
        """Return the vouch for the image's child, where it has the image's bytes."""
        entry = paths.encode_name(name.encode())
        child = self.view.child(entry)
        if child is None or digest_of("sha256", self.view.content, (data,)).hex() != child:
            return None
        return Vouch(path=paths.join(self.view.path, entry), sha256=child, via="FIT hash node")

    def _contradicted(self, result: Signed, images: list[Image]) -> Signed:
        wrong = [one.wrong for one in images if one.wrong]
        return degraded(result, "; ".join(wrong)) if wrong else result

    # --- images ----------------------------------------------------------------------

    def _image(self, node: Node, one: Node, weak: tuple[str, ...]) -> Signed:
        claim, value = self._claim(node, one)
        image = self._located(node.name)
        claim = dataclasses.replace(
            claim,
            covered=(image.data,),
            steering=self._steering((image.data,), claim.container),
            weak=weak,
        )
        result = self._judged(claim, value, (image.data,))
        return self._contradicted(result, [image])

    def _located(self, name: str) -> Image:
        """Return the image's data with its hashes compared. Raises ``Malformed``."""
        if name not in self.found:
            node = self.images[name]
            start, end = _place(self.tree, node)
            if end > len(self.view.content):
                why = f"[{start}, {end}) outside {len(self.view.content)} bytes"
                raise Malformed(start, f"fit.image {name!a}", why, past_end=True)
            self.bytes += end - start
            if self.bytes > MAX_SHARE * len(self.view.content):
                raise Malformed(start, f"fit.image {name!a}", "images share more than they have")
            strong, wrong = self._hashes(node, (start, end))
            vouch = self._vouch(name, (start, end))
            self.found[name] = Image(node, (start, end), vouch, strong, wrong)
        return self.found[name]

    def _hashes(self, node: Node, data: Range) -> tuple[str, str]:
        """Return the strongest digest that agrees, and the first hash that does not."""
        nodes = node.below("hash")
        if len(nodes) > MAX_HASHES:
            raise Malformed(data[0], f"fit.image {node.name!a}", f"more than {MAX_HASHES} hashes")
        strong: list[str] = []
        for one in nodes:
            algorithm = "".join(self.tree.texts(one, "algo"))
            stated = self.tree.value(one, "value")
            if algorithm in _DIGESTS or algorithm == "md5":
                actual = digest_of(algorithm, self.view.content, (data,))
            elif algorithm == "crc32":
                actual = self._crc(data)
            else:
                return "", f"{one.path}: the hash {algorithm!a} is not known"
            if stated != actual:
                return "", f"{one.path}: the {algorithm} is not that of the image"
            if algorithm in _DIGESTS:
                strong.append(algorithm)
        return max(strong, key=_DIGESTS.index, default=""), ""

    def _crc(self, data: Range) -> bytes:
        value = 0
        for piece in primitives.pieces(self.view.content, *data):
            value = zlib.crc32(piece, value)
        return value.to_bytes(4, "big")

    # --- both ------------------------------------------------------------------------

    def _claim(self, node: Node, one: Node) -> tuple[Claim, bytes]:
        """Return what the signature node claims, and its value. Raises ``Malformed``."""
        algorithm = "".join(self.tree.texts(one, "algo"))
        digest, _, crypto = algorithm.partition(",")
        if digest not in _DIGESTS or crypto not in _CRYPTO:
            raise Malformed(0, "fit.algo", f"{algorithm!a} is not known")
        value = self.tree.value(one, "value", MAX_SIGNATURE_BYTES)
        if not value:
            raise Malformed(0, "fit.value", "is absent: the node was made and never signed")
        padding = "".join(self.tree.texts(one, "padding")) or "pkcs-1.5"
        if padding not in ("pkcs-1.5", "pss"):
            raise Malformed(0, "fit.padding", f"{padding!a} is not known")
        name = primitives.RSA_PSS if padding == "pss" else primitives.RSA_PKCS1
        kind = "configuration" if node.path.startswith("/configurations/") else "image"
        claim = Claim(
            path=self.view.path,
            scheme=NAME,
            what=f"{kind} {node.name!a}, {one.name!a} ({algorithm})",
            algorithm=name if crypto.startswith("rsa") else primitives.ECDSA,
            digest=digest,
            container=_signature_properties(one),
        )
        return claim, value

    def _judged(self, claim: Claim, value: bytes, ranges: tuple[Range, ...]) -> Signed:
        crypto = claim.what.rpartition(",")[2].rstrip(")")
        kind, bits = _CRYPTO[crypto]
        signed = digest_of(claim.digest, self.view.content, ranges)
        salts: tuple[int | None, ...] = (None,)
        if claim.algorithm == primitives.ECDSA:
            value = to_der(value, bits) or b""
        elif claim.algorithm == primitives.RSA_PSS:
            own = hashlib.new(claim.digest, usedforsecurity=False).digest_size
            salts = (own, (bits + 7) // 8 - own - 2)
        check = hashed(claim.algorithm, claim.digest, value, signed, salts)
        return judge(claim, demanding(check, kind, bits), self.material)


def _signature_properties(node: Node) -> tuple[Range, ...]:
    """Return the properties of a signature node that mkimage writes, of sane size."""
    placed = zip(node.properties.items(), node.inside, strict=True)
    return tuple(
        whole
        for (name, (start, end)), whole in placed
        if end - start <= _SIGNATURE_PROPERTIES.get(name, -1)
    )


def _children(tree: Tree, name: str, most: int) -> dict[str, Node]:
    node = tree.root.children.get(name)
    if node is None:
        return {}
    if len(node.children) > most:
        raise Malformed(0, f"fit.{name}", f"more than {most}")
    return node.children


def _data_of(node: Node) -> tuple[Range, ...]:
    place = node.properties.get("data")
    return (place,) if place is not None else ()


def _place(tree: Tree, node: Node) -> Range:
    """Return where the image's data lies: one place, or ``Malformed``."""
    field = f"fit.image {node.name!a}"
    places = [name for name in ("data", "data-offset", "data-position") if name in node.properties]
    if len(places) != 1:
        raise Malformed(0, field, f"{len(places)} places for its data")
    if places[0] == "data":
        return node.properties["data"]
    offset, size = tree.number(node, places[0]), tree.number(node, "data-size")
    if offset is None or size is None:
        raise Malformed(0, field, "data-size is absent")
    base = (tree.blocks.total + 3) & ~3 if places[0] == "data-offset" else 0
    return base + offset, base + offset + size


FIT: Final = Scheme(
    name=NAME,
    title="U-Boot FIT (configuration and image signatures)",
    specification="https://docs.u-boot.org/en/latest/usage/fit/signature.html",
    limitations="key-name-hint is not compared: every key of the rule is tried",
    applies=_applies,
    verify=_verify,
)

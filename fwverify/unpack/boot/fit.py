"""U-Boot's flat image trees (FIT): images inside a device tree or behind it.

Guarantees: every node of ``/images`` that states data gives a child with exactly those
bytes, from ``data``, ``data-offset`` (counted from the tree's end, aligned to 4) or
``data-position`` (counted from the start); every hash node is compared; an image over
another or over the tree is an evasion; an image without data, or with two places for it,
is said. Signature nodes, what they sign, and the configurations are attributes.

Specification: Flat Image Tree 0.8, chapters 2 "Source format" and 4 "External data";
U-Boot's ``doc/usage/fit/signature.rst`` for signatures.

Not checked: signatures (the verify stage). Compressed images are children as they stand
and open further by their own format.
"""

from __future__ import annotations

import binascii
from typing import Final

from fwverify.model import Identity, Opened
from fwverify.reader import Malformed
from fwverify.unpack.boot.dtb import claim_tree, has_text, long_values, open_tree
from fwverify.unpack.boot.fdt import Fdt, Property, TreeNode, cells, read_tree, strings_of
from fwverify.unpack.gather import Gathered
from fwverify.unpack.parts import Parts, chunks, crc32, digest, starts
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.streams import is_lzma_alone

NAME: Final = "fit"
MAX_IMAGES: Final = 1024
MAX_HASHES: Final = 16
MAX_SHOWN_BYTES: Final = 1024
_SIGNATURE_BYTES: Final = (64, 512)
"""From ECDSA over P-256 to RSA of 4096 bits."""

_DIGESTS: Final = ("md5", "sha1", "sha256", "sha384", "sha512")
_COMPRESSED: Final = {
    "gzip": (b"\x1f\x8b",),
    "bzip2": (b"BZh",),
    "lzo": (b"\x89LZO",),
    "lz4": (b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18"),
    "zstd": (b"\x28\xb5\x2f\xfd",),
}
_SIGNATURE_FIELDS: Final = (
    "algo",
    "key-name-hint",
    "padding",
    "signer-name",
    "sign-images",
    "hashed-nodes",
)


def open_fdt(source: Source) -> Opened:
    """Return a FIT, or a device tree where there is no ``/images``. Raises ``Malformed``."""
    tree = read_tree(source.buffer)
    images = tree.root.child(b"images")
    if images is None:
        found = Gathered(source, "dtb")
        _truncated(found, tree)
        return open_tree(found, tree)
    found = Gathered(source, NAME)
    _truncated(found, tree)
    identity = _open_images(found, tree, images)
    return found.finish(identity=identity)


def _truncated(found: Gathered, tree: Fdt) -> None:
    have = found.source.size
    if tree.blocks.total > have:
        why = f"{tree.blocks.total} bytes, {have} are there"
        found.malformed(Malformed(4, "fdt.totalsize", why, past_end=True))


def _open_images(found: Gathered, tree: Fdt, images: TreeNode) -> Identity:
    parts = Parts(found)
    inline = tuple(
        each for image in images.children for each in image.properties if each.name == "data"
    )
    try:
        if len(images.children) > MAX_IMAGES:
            raise Malformed(images.offset, "fit.images", f"more than {MAX_IMAGES}")
        for image in images.children:
            _inline(parts, image)
        _signature_values(found, tree)
        long_values(parts, tree.root, inline)
        claim_tree(found, tree)
        for image in images.children:
            _external(parts, tree, image)
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    claim_tree_once(found, tree)
    for image in images.children[:MAX_IMAGES]:
        _signatures(found, image, f"images/{_shown(image.name)}")
    _configurations(found, tree)
    return _identity(found, tree, images)


def claim_tree_once(found: Gathered, tree: Fdt) -> None:
    """Claim what of the tree is still free, after a fault."""
    blocks = tree.blocks
    for start, end in ((0, blocks.header_end), blocks.reservations, blocks.structure):
        found.claim(start, end)


def _shown(name: bytes) -> str:
    return name.decode("ascii", "backslashreplace")


def _inline(parts: Parts, image: TreeNode) -> None:
    """Store the image's ``data`` property and compare its hashes."""
    data = [each for each in image.properties if each.name == "data"]
    outside = [each for each in image.properties if each.name in ("data-offset", "data-position")]
    if len(data) + len(outside) != 1:
        what = "no data" if not data and not outside else "more than one place for its data"
        field = f"fit.image {_shown(image.name)}"
        parts.found.malformed(Malformed(image.offset, field, f"has {what}"))
    for each in data:
        _store(parts, image, each.start, each.end)


def _external(parts: Parts, tree: Fdt, image: TreeNode) -> None:
    """Store the image's external data (chapter 4) and compare its hashes."""
    buffer, field = parts.found.buffer, f"fit.image {_shown(image.name)}"
    size = cells(buffer, image.get("data-size"))
    for name, base in (("data-offset", (tree.blocks.total + 3) & ~3), ("data-position", 0)):
        place = image.get(name)
        if place is None:
            continue
        offset = cells(buffer, place)
        if offset is None or size is None:
            raise Malformed(place.start, field, f"{name} or data-size is no number")
        _store(parts, image, base + offset, base + offset + size)


def _store(parts: Parts, image: TreeNode, start: int, end: int) -> None:
    found, field = parts.found, f"fit.image {_shown(image.name)}"
    load = cells(found.buffer, image.get("load"))
    bounded = load if load is not None and load < 1 << 53 else None
    stop = parts.add(image.name, start, end, field, address=bounded)
    if stop < end:
        return
    hashes = [each for each in image.children if each.name.startswith(b"hash")]
    if len(hashes) > MAX_HASHES:
        raise Malformed(image.offset, field, f"more than {MAX_HASHES} hashes")
    for each in hashes:
        _compare(found, each, start, end, field)
    found.attribute(f"images/{_shown(image.name)}/extent", f"{start}-{end}")
    if any(each.name.startswith(b"cipher") for each in image.children):
        found.trouble("encrypted", f"{field} is encrypted", image.name)
        return
    _compression(found, image, start, end)


def _compare(found: Gathered, node: TreeNode, start: int, end: int, field: str) -> None:
    """Compare one hash node (``algo``, ``value``) with the data."""
    algorithm = "".join(strings_of(found.buffer, node.get("algo")))
    value = node.get("value")
    where = f"{field}/{_shown(node.name)}"
    if value is None or not algorithm:
        found.malformed(Malformed(node.offset, where, "has no algo or value"))
        return
    stated = bytes(found.buffer[value.start : min(value.end, value.start + 64)])
    if algorithm == "crc32":
        actual = crc32(found.buffer, start, end).to_bytes(4, "big")
    elif algorithm == "crc16-ccitt":
        actual = _crc16(found, start, end).to_bytes(2, "big")
    elif algorithm in _DIGESTS:
        actual = digest(found.buffer, start, end, algorithm)
    else:
        found.trouble("unsupported", f"{where}: hash {algorithm} is not known")
        return
    if value.end - value.start != len(actual) or stated != actual:
        found.malformed(Malformed(value.start, where, f"the {algorithm} is wrong"))


def _crc16(found: Gathered, start: int, end: int) -> int:
    value = 0
    for piece in chunks(found.buffer, start, end):
        value = binascii.crc_hqx(piece, value)
    return value


def _compression(found: Gathered, image: TreeNode, start: int, end: int) -> None:
    """Note an image that does not begin as its ``compression`` says."""
    stated = "".join(strings_of(found.buffer, image.get("compression")))
    head = bytes(found.buffer[start : min(start + 4096, end)])
    magics = _COMPRESSED.get(stated)
    if stated == "lzma":
        fits = is_lzma_alone(head)
    elif magics is not None:
        fits = head.startswith(magics)
    else:
        fits = stated in ("", "none")
    if not fits:
        text = f"image {_shown(image.name)} is not compressed by {stated!a}, as it says"
        found.observe("unpack.evasion.mismatch", text, offset=start)


def _signature_values(found: Gathered, tree: Fdt) -> None:
    """Give the value of each signature node its class, where it has a signature's size."""
    parents = [
        each
        for name in (b"images", b"configurations")
        for each in (tree.root.child(name) or tree.root).children
    ]
    for parent in parents:
        for node in parent.children[: 2 * MAX_HASHES]:
            value = node.get("value")
            if value is None or not node.name.startswith(b"signature"):
                continue
            sized = _SIGNATURE_BYTES[0] <= value.end - value.start <= _SIGNATURE_BYTES[1]
            if sized and not has_text(found, value):
                found.claim(value.start, value.end, "signature")


def _signatures(found: Gathered, node: TreeNode, path: str) -> None:
    """Record the signature nodes below ``node`` as attributes for the verify stage."""
    signatures = [each for each in node.children if each.name.startswith(b"signature")]
    for each in signatures[:MAX_HASHES]:
        where = f"{path}/{_shown(each.name)}"
        for name in _SIGNATURE_FIELDS:
            text = " ".join(strings_of(found.buffer, each.get(name)))
            if text:
                found.attribute(f"{where}/{name}", text)
        for name in ("value", "hashed-strings"):
            _hexadecimal(found, each.get(name), f"{where}/{name}")


def _hexadecimal(found: Gathered, each: Property | None, name: str) -> None:
    if each is not None and each.end - each.start <= MAX_SHOWN_BYTES:
        found.attribute(name, bytes(found.buffer[each.start : each.end]).hex())
        found.attribute(f"{name}/extent", f"{each.start}-{each.end}")


def _configurations(found: Gathered, tree: Fdt) -> None:
    node = tree.root.child(b"configurations")
    if node is None:
        found.observe("fit.no_configuration", "no configuration says what starts", severity="low")
        return
    default = " ".join(strings_of(found.buffer, node.get("default")))
    if default:
        found.attribute("configurations/default", default)
        if node.child(default.encode("ascii", "replace")) is None:
            text = f"the default configuration {default!a} is not there"
            found.observe("fit.dangling", text, offset=node.offset)
    known = {each.name for each in (tree.root.child(b"images") or node).children}
    for each in node.children[:MAX_IMAGES]:
        path = f"configurations/{_shown(each.name)}"
        for name in ("kernel", "fdt", "ramdisk", "loadables", "firmware", "compatible", "fpga"):
            values = strings_of(found.buffer, each.get(name))
            if values:
                found.attribute(f"{path}/{name}", " ".join(values))
            missing = [value for value in values if value.split("#")[0].encode() not in known]
            if missing and name != "compatible":
                text = f"{path} names {missing[0]!a}, which is no image"
                found.observe("fit.dangling", text, offset=each.offset)
        _signatures(found, each, path)


def _identity(found: Gathered, tree: Fdt, images: TreeNode) -> Identity:
    """Return the tree's description; arch and hardware where all that state one agree."""
    description = strings_of(found.buffer, tree.root.get("description"))
    arches = {
        text for each in images.children for text in strings_of(found.buffer, each.get("arch"))
    }
    configurations = tree.root.child(b"configurations")
    boards = sorted(
        {
            strings_of(found.buffer, each.get("compatible"))
            for each in (configurations.children if configurations else [])
        }
        - {()}
    )
    stamp = cells(found.buffer, tree.root.get("timestamp"))
    if stamp is not None:
        found.attribute("timestamp", str(stamp))
    return Identity(
        product=description[0] if description and description[0] else None,
        arch=arches.pop() if len(arches) == 1 else None,
        hardware=" ".join(boards[0]) if len(boards) == 1 else None,
    )


FIT: Final = Format(
    name=NAME,
    title="U-Boot FIT",
    family="boot image",
    specification="https://fitspec.osfw.foundation/",
    limitations="signatures are facts for the verify stage; compressed images open by their format",
    recognise=starts(b"\xd0\x0d\xfe\xed"),
    open=open_fdt,
)
DTB: Final = Format(
    name="dtb",
    title="flattened device tree",
    family="boot image",
    specification="https://www.devicetree.org/specifications/",
    limitations="versions 16 and 17; values over 4 KiB are children, bindings are not checked",
    recognise=starts(b"\xd0\x0d\xfe\xed"),
    open=open_fdt,
)

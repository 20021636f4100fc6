"""Signed images of every scheme of this folder, with keys made while the tests run.

The layouts are those of the builders (mkimage, avbtool, imgtool, commander, swugenerator,
fwtool, delta_generator, espsecure); ``test_oracles`` compares with those installed.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import struct
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fwverify.verify import fit_tree
from fwverify.verify.avb import AVB
from fwverify.verify.esp32 import ESP32
from fwverify.verify.fit import FIT
from fwverify.verify.fwtool import FWTOOL
from fwverify.verify.gbl import GBL
from fwverify.verify.mcuboot import MCUBOOT
from fwverify.verify.payload import PAYLOAD
from fwverify.verify.scheme import Material, Neighbour, Scheme, Signed, TrustedKey, View
from fwverify.verify.swupdate import SWUPDATE
from tests.builders import boot, keys
from tests.unpack_android import build as android
from tests.verify_cms import helpers

AT = datetime(2026, 6, 1, tzinfo=UTC)
RSA, RSA3072, RSA4096 = keys.rsa_key(), keys.rsa_key(3072), keys.rsa_key(4096)
EC, EC384, ED = keys.ec_key(), keys.ec_key("secp384r1"), keys.ed_key()
OTHERS = (
    keys.rsa_key(2048, 1),
    keys.rsa_key(3072, 1),
    keys.ec_key("secp256r1", 1),
    keys.ed_key(1),
)
CODE = bytes(range(256)) * 3


@dataclass(frozen=True)
class Case:
    """A signed node: the scheme, its bytes, the key, and what lies beside and below."""

    name: str
    scheme: Scheme
    content: bytes
    key: object
    beside: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    format: str | None = None

    def view(self, content: bytes | None = None) -> View:
        view = helpers.view(
            self.content if content is None else content, kind=self.format, files=self.files
        )
        stored = {hashlib.sha256(one).hexdigest(): one for one in self.beside.values()}

        def beside(name: str) -> Neighbour | None:
            data = self.beside.get(name)
            if data is None:
                return None
            return Neighbour(name, hashlib.sha256(data).hexdigest(), len(data))

        return replace(view, beside=beside, open=lambda digest: nullcontext(stored[digest]))

    def run(self, content: bytes | None = None, **changes) -> tuple[Signed, ...]:
        view = self.view(content)
        if not self.scheme.applies(view):
            return ()
        return self.scheme.verify(view, material(self.key, **changes))

    def one(self, content: bytes | None = None, **changes) -> Signed:
        return self.run(content, **changes)[0]


def material(*privates, usable: bool = True, **changes) -> Material:
    why = "" if usable else "the key is retired"
    trusted = tuple(
        TrustedKey(f"key-{number}", keys.spki(one), ("release",), usable, why)
        for number, one in enumerate(privates)
        if one is not None
    )
    return replace(Material(at=AT, keys=trusted), **changes)


def accepted(results: tuple[Signed, ...]) -> tuple[Signed, ...]:
    return tuple(one for one in results if (one.authentic, one.trusted) == ("pass", "pass"))


def is_covered(result: Signed, position: int) -> bool:
    return any(start <= position < end for start, end in result.covered)


# --- FIT -------------------------------------------------------------------------------


def signature(algo="sha256,rsa2048", value=bytes(256), nodes=(), strings=0, number=1, extra=()):
    properties = [("algo", boot.text(algo)), ("value", value), *extra]
    if nodes:
        properties.append(("hashed-nodes", b"".join(boot.text(one) for one in nodes)))
    properties.append(("hashed-strings", struct.pack(">II", 0, strings)))
    return boot.fdt_node(f"signature-{number}", properties)


def fit_nodes(*names, conf="conf-1"):
    below = [p for name in names for p in (f"/images/{name}", f"/images/{name}/hash-1")]
    return ("/", f"/configurations/{conf}", *below)


def fit_raw(images, configurations, tail=b"", default="conf-1"):
    node = boot.fdt_node("configurations", [("default", boot.text(default))], configurations)
    return boot.fit(*images, configurations=node, tail=tail)


def conf(name="conf-1", children=(), **refs):
    properties = [(key, boot.text(value)) for key, value in refs.items()]
    return boot.fdt_node(name, properties, children)


def fit_signed(
    images, refs, *, algo="sha256,rsa2048", sign=None, names=("kernel", "fdt-1"), others=(),
    tail=b"", extra=(), listed=None, strings_bytes=None,
):  # fmt: skip
    """Sign ``conf-1`` over the images ``names`` as mkimage does."""
    nodes = fit_nodes(*names)
    size = {"rsa2048": 256, "rsa3072": 384, "ecdsa256": 64}[algo.split(",")[1]]
    stored = nodes if listed is None else listed

    def build(value, strings):
        one = signature(algo, value, stored, strings, extra=extra)
        return fit_raw(images, (conf(children=(one,), **refs), *others), tail)

    blank = build(bytes(size), 0)
    full = struct.unpack_from(">I", blank, 32)[0]
    strings = full if strings_bytes is None else strings_bytes
    blank = build(bytes(size), strings)
    tree = fit_tree.read(blank)
    *ranges, (start, _) = fit_tree.regions(tree, set(nodes), full)
    signed = b"".join(blank[a:b] for a, b in (*ranges, (start, start + strings)))
    return build((sign or (lambda data: keys.sign_rsa(RSA, data)))(signed), strings)


KERNEL = boot.fit_image("kernel", CODE, type="kernel")
TREE = boot.fit_image("fdt-1", b"tree" * 25, type="flat_dt")
LOOSE = boot.fit_image("loose", b"loose" * 20, type="firmware")
REFS = {"kernel": "kernel", "fdt": "fdt-1"}


def external(name, data, offset):
    places = (("data-offset", boot.cell(offset)), ("data-size", boot.cell(len(data))))
    return boot.fit_image(name, data, inline=False, extra=places, type="kernel")


@functools.cache
def fit(kind: str) -> bytes:
    if kind == "pss":
        return fit_signed(
            (KERNEL, TREE), REFS, extra=(("padding", boot.text("pss")),),
            sign=lambda data: keys.sign_rsa(RSA, data, pss_salt=222),
        )  # fmt: skip
    if kind == "ecdsa":
        return fit_signed(
            (KERNEL, TREE), REFS, algo="sha256,ecdsa256",
            sign=lambda data: keys.sign_ec(EC, data, bare=True),
        )  # fmt: skip
    if kind == "sha384":
        return fit_signed(
            (KERNEL, TREE, LOOSE), REFS, algo="sha384,rsa3072",
            sign=lambda data: keys.sign_rsa(RSA3072, data, "sha384"),
        )  # fmt: skip
    if kind == "external":
        images = (external("kernel", CODE, 0), external("fdt-1", b"tree" * 25, len(CODE)))
        blank = fit_signed(images, REFS)
        return blank + bytes(-len(blank) % 4) + CODE + b"tree" * 25
    if kind == "image":
        one = boot.fdt_node(
            "signature-1",
            [("algo", boot.text("sha256,rsa2048")), ("value", keys.sign_rsa(RSA, CODE))],
        )
        image = boot.fit_image("kernel", CODE, children=(one,), type="kernel")
        return fit_raw((image,), (conf(kernel="kernel"),))
    return fit_signed((KERNEL, TREE), REFS)


# --- AVB -------------------------------------------------------------------------------


def avb_key(private) -> bytes:
    numbers = private.public_key().public_numbers()
    bits = private.key_size
    size = bits // 8
    inverse = 2**32 - pow(numbers.n, -1, 2**32)
    squared = pow(2, 2 * bits, numbers.n)
    return (
        struct.pack(">II", bits, inverse)
        + numbers.n.to_bytes(size, "big")
        + squared.to_bytes(size, "big")
    )


def vbmeta(descriptors=b"", private=RSA, *, flags=0, algorithm=None, key=None, digest=None):
    known = {(2048, "sha256"): 1, (4096, "sha256"): 2, (2048, "sha512"): 4, (4096, "sha512"): 5}
    digest = digest or "sha256"
    algorithm = known[private.key_size, digest] if algorithm is None else algorithm
    key = avb_key(private) if key is None else key
    aux = android.padded(descriptors + key, 64)
    width, size = hashlib.new(digest).digest_size, private.key_size // 8
    auth_bytes = len(android.padded(bytes(width + size), 64))
    head = struct.pack(
        ">4s2I2QI10QQ2I48s80s", b"AVB0", 1, 0, auth_bytes, len(aux), algorithm, 0, width, width,
        size, len(descriptors), len(key), 0, 0, 0, len(descriptors), 7, flags, 0,
        b"avbtool 1.3.0", b"",
    )  # fmt: skip
    signed = head + aux
    auth = hashlib.new(digest, signed).digest() + keys.sign_rsa(private, signed, digest)
    return head + android.padded(auth, 64) + aux


def chain(name=b"vendor", private=RSA4096) -> bytes:
    return android.chain_descriptor(name, avb_key(private))


BOOT_IMAGE = (b"kernel" * 700)[:4096]


@functools.cache
def hash_tree():
    image = (CODE * 30)[: 4096 * 5]
    tree, root = android.verity.tree(image, len(image), 4096, "sha256", b"s" * 32)
    return image, tree, root


@functools.cache
def footed_tree() -> bytes:
    image, tree, root = hash_tree()
    meta = vbmeta(android.hashtree_descriptor(image, tree, root))
    return android.footed(image, tree, meta)


# --- MCUboot ---------------------------------------------------------------------------


def mcuboot(kind: int, sign: Callable[[bytes, bytes], bytes], *, digest="sha256", **options):
    """``sign`` takes the signed bytes and their digest."""
    tag = {"sha256": 0x10, "sha384": 0x11, "sha512": 0x12}[digest]
    protected = options.pop("protected", boot.tlv(0x50, struct.pack("<I", 9)))
    extra = options.pop("extra", b"")
    area = struct.pack("<HH", 0x6908, 4 + len(protected)) + protected if protected else b""
    head = struct.pack(
        "<IIHHIIBBHII", 0x96F3B83D, 0, 64, len(area), len(CODE), options.pop("flags", 0),
        1, 2, 3, 4, 0,
    ).ljust(64, b"\0")  # fmt: skip
    signed = head + CODE + area
    value = hashlib.new(digest, signed).digest()
    tlvs = boot.tlv(tag, value) + boot.tlv(0x01, bytes(32)) + extra
    tlvs += boot.tlv(kind, sign(signed, value))
    return signed + struct.pack("<HH", 0x6907, 4 + len(tlvs)) + tlvs


# --- GBL -------------------------------------------------------------------------------


def point(private) -> bytes:
    return keys.raw(private)[1:]


def gbl(private=EC, *, certificate=None, behind=b"", signer=None) -> bytes:
    body = boot.gbl_tag(0x03A617EB, struct.pack("<II", 0x03000000, 0x100))
    body += boot.gbl_application() + boot.gbl_program(0x4000, CODE)
    if certificate is not None:
        plain = bytes(4) + point(private) + struct.pack("<I", 3)
        signed = keys.sign_ec(certificate, plain, bare=True)
        body += boot.gbl_tag(0xF30B0BF3, plain + signed)
    body += boot.gbl_tag(0xF70A0AF7, keys.sign_ec(signer or private, body, bare=True)) + behind
    body += struct.pack("<II", 0xFC0404FC, 4)
    return body + struct.pack("<I", zlib.crc32(body))


# --- SWUpdate ----------------------------------------------------------------------------

ROOTFS, SCRIPT = CODE * 2, b"#!/bin/sh\necho hello\n"


def description(rootfs=ROOTFS, digest: str | None = None, extra: str = "") -> bytes:
    stated = hashlib.sha256(rootfs).hexdigest() if digest is None else digest
    line = f'sha256 = "{stated}";' if stated else ""
    return f"""software = {{ version = "1.0";
  images: ( {{ filename = "rootfs.img"; type = "raw"; {line} }} );
  scripts: ( {{ filename = "run.sh"; type = "shellscript";
     sha256 = "{hashlib.sha256(SCRIPT).hexdigest()}"; }} ); {extra} }}""".encode()


def swu(text=None, sign=None, *, members=None, name=b"sw-description.sig") -> bytes:
    text = description() if text is None else text
    value = sign(text) if sign else keys.sign_rsa(RSA, text)
    rest = [(b"rootfs.img", ROOTFS), (b"run.sh", SCRIPT)] if members is None else members
    return android.cpio([(b"sw-description", text), (name, value), *rest])


# --- payload -----------------------------------------------------------------------------


def signatures(*values: bytes, padded: int = 0) -> bytes:
    out = b""
    for value in values:
        size = android.varint(3 << 3 | 5) + struct.pack("<I", len(value))
        out += android.octets(1, android.octets(2, value.ljust(padded, b"\0")) + size)
    return out


def payload(sign=None, *, padded=0, digest=None, signed=True, hashed=True) -> bytes:
    sign = sign or (lambda data: keys.sign_rsa(RSA, data))
    size = len(signatures(sign(b""), padded=padded)) if not padded else 0
    size = size or len(signatures(b"x" * 8, padded=padded))
    one = android.Payload()
    new = b"".join(bytes((n,)) * 4096 for n in range(1, 3))
    operations = [
        one.operation(0, [(0, 1)], new[:4096], digest=digest if hashed else b""),
        one.operation(0, [(1, 1)], new[4096:], digest=None if hashed else b""),
    ]
    one.partition(b"boot", new, operations)
    manifest = android.integer(3, 4096) + android.integer(12, 0) + one.partitions
    if signed:
        manifest += android.integer(4, len(one.data)) + android.integer(5, size)
    head = b"CrAU" + struct.pack(">2QI", 2, len(manifest), size) + manifest
    metadata = signatures(sign(head), padded=padded)
    tail = signatures(sign(head + one.data), padded=padded) if signed else b""
    return head + metadata + one.data + tail


PAYLOAD_NEW = b"".join(bytes((n,)) * 4096 for n in range(1, 3))


# --- fwtool ------------------------------------------------------------------------------


def trailer(before: bytes, data: bytes, kind: int) -> bytes:
    crc = zlib.crc32(before + data) ^ 0xFFFFFFFF
    return before + data + struct.pack(">4sIB3xI", b"FWx0", crc, kind, len(data) + 16)


def blob(kind: int, data: bytes) -> bytes:
    return struct.pack(">I", kind << 24 | 4 + len(data)) + data + bytes(-len(data) % 4)


def blobmsg(kind: int, name: str, data: bytes) -> bytes:
    head = struct.pack(">H", len(name)) + name.encode() + b"\0"
    head += bytes(-len(head) % 4)
    size = 4 + len(head) + len(data)
    return struct.pack(">I", 1 << 31 | kind << 24 | size) + head + data + bytes(-size % 4)


def ucert(issuer, subject, *, kind=1, start=0, end=4_000_000_000) -> bytes:
    body = base64.b64encode(b"Ed12345678" + keys.raw(subject))
    text = b"untrusted comment: key\n" + body + b"\n\0"
    table = blobmsg(5, "certtype", struct.pack(">I", kind))
    table += blobmsg(4, "validfrom", struct.pack(">Q", start))
    table += blobmsg(4, "expiresat", struct.pack(">Q", end)) + blobmsg(3, "pubkey", text)
    inner = blobmsg(2, "ucert", table)
    return blob(0, blob(0, keys.signify(issuer, inner)) + blob(1, inner))


def fwtool(private=ED, *, chain=(), data=CODE, behind=b"") -> bytes:
    image = trailer(data, bytes(8) + b'{"version": "23.05"}', 1)
    text = keys.signify(private, image)
    value = b"".join(chain) + blob(0, blob(0, text)) if chain else text
    signed = trailer(image, value, 0)
    return trailer(signed, bytes(8) + behind, 1) if behind else signed


# --- ESP32 -------------------------------------------------------------------------------


def esp(private=RSA3072, *, blocks=1, image=None) -> bytes:
    image = boot.esp_image((0x3F400020, CODE)) if image is None else image
    image += b"\xff" * (-len(image) % 4096)
    return image + (esp_block(private, image) * blocks).ljust(4096, b"\xff")


def esp_block(private, image: bytes, *, digest: bytes | None = None) -> bytes:
    value = hashlib.sha256(image).digest() if digest is None else digest
    if hasattr(private, "curve"):
        numbers = private.public_key().public_numbers()
        block = b"\xe7\x03\0\0" + value + b"\x02"
        block += numbers.x.to_bytes(32, "little") + numbers.y.to_bytes(32, "little")
        bare = keys.sign_ec(private, image, bare=True)
        block += bare[:32][::-1] + bare[32:][::-1]
    else:
        numbers = private.public_key().public_numbers()
        block = b"\xe7\x02\0\0" + value + numbers.n.to_bytes(384, "little")
        block += struct.pack("<I", numbers.e) + pow(2, 6144, numbers.n).to_bytes(384, "little")
        block += struct.pack("<I", -pow(numbers.n, -1, 2**32) % 2**32)
        block += keys.sign_rsa(private, image, pss_salt=32)[::-1]
    block = block.ljust(1196, b"\0")
    return block + struct.pack("<I", zlib.crc32(block)) + bytes(16)


def esp_v1(private=EC) -> bytes:
    image = boot.esp_image((0x3F400020, CODE))
    return image + bytes(4) + keys.sign_ec(private, image, bare=True)


# --- all ---------------------------------------------------------------------------------


@functools.cache
def cases() -> tuple[Case, ...]:
    image, tree, root = hash_tree()
    listed = android.hash_descriptor(BOOT_IMAGE) + android.hashtree_descriptor(image, tree, root)
    vendor = android.footed(
        BOOT_IMAGE, b"", vbmeta(android.hash_descriptor(BOOT_IMAGE, b"vendor"), RSA4096)
    )
    pss = lambda private: lambda signed, _: keys.sign_rsa(private, signed, pss_salt=32)  # noqa: E731
    return (
        Case("fit", FIT, fit("plain"), RSA),
        Case("fit-pss", FIT, fit("pss"), RSA),
        Case("fit-ecdsa", FIT, fit("ecdsa"), EC),
        Case("fit-sha384", FIT, fit("sha384"), RSA3072),
        Case("fit-external", FIT, fit("external"), RSA),
        Case("fit-image", FIT, fit("image"), RSA),
        Case("avb", AVB, vbmeta(android.property_descriptor()), RSA),
        Case("avb-4096", AVB, vbmeta(digest="sha512", private=RSA4096), RSA4096),
        Case(
            "avb-partitions", AVB, vbmeta(listed + chain()), RSA,
            {"boot.img": BOOT_IMAGE, "system.img": image + tree, "vendor.img": vendor},
        ),
        Case("avb-footed", AVB, footed_tree(), RSA),
        Case("mcuboot-rsa2048", MCUBOOT, mcuboot(0x20, pss(RSA)), RSA),
        Case("mcuboot-rsa3072", MCUBOOT, mcuboot(0x23, pss(RSA3072)), RSA3072),
        Case("mcuboot-p256", MCUBOOT, mcuboot(0x22, lambda s, _: keys.sign_ec(EC, s)), EC),
        Case(
            "mcuboot-p384", MCUBOOT,
            mcuboot(0x22, lambda s, _: keys.sign_ec(EC384, s, "sha384"), digest="sha384"), EC384,
        ),
        Case("mcuboot-ed25519", MCUBOOT, mcuboot(0x24, lambda _, d: ED.sign(d)), ED),
        Case(
            "mcuboot-pure", MCUBOOT,
            mcuboot(0x24, lambda s, _: ED.sign(s), extra=boot.tlv(0x25, b"\x01")), ED,
        ),
        Case("gbl", GBL, gbl(), EC),
        Case("gbl-certificate", GBL, gbl(keys.ec_key("secp256r1", 7), certificate=EC), EC),
        Case("swupdate", SWUPDATE, swu(), RSA),
        Case(
            "swupdate-pss", SWUPDATE, swu(sign=lambda t: keys.sign_rsa(RSA, t, pss_salt=222)), RSA
        ),
        Case("payload", PAYLOAD, payload(), RSA, files={"boot": PAYLOAD_NEW}),
        Case("payload-ecdsa", PAYLOAD, payload(lambda d: keys.sign_ec(EC, d), padded=72), EC),
        Case("fwtool", FWTOOL, fwtool(), ED),
        Case(
            "fwtool-ucert", FWTOOL,
            fwtool(keys.ed_key(5), chain=(ucert(ED, keys.ed_key(5)),)), ED,
        ),
        Case("esp32-rsa", ESP32, esp(), RSA3072),
        Case("esp32-ecdsa", ESP32, esp(EC), EC),
        Case("esp32-v1", ESP32, esp_v1(), EC),
    )  # fmt: skip


def case(name: str) -> Case:
    return next(one for one in cases() if one.name == name)

"""Android packages, JARs and OTA packages, laid out by hand so that each field can be wrong."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import io
import struct
import zipfile
from dataclasses import dataclass, field

from tests.builders import pki

FILES = {
    "AndroidManifest.xml": b"\3\0manifest",
    "classes.dex": b"dex\n035" * 40,
    "res/a": b"a" * 99,
}
V2, V3, V31 = 0x7109871A, 0xF05368C0, 0x1B93AD61
RSA_256, RSA_512, EC_256, PSS_256, DSA_256 = 0x0103, 0x0104, 0x0201, 0x0101, 0x0301
VERITY_RSA, VERITY_EC = 0x0421, 0x0423
CONTENT = {RSA_256: "sha256", RSA_512: "sha512", EC_256: "sha256", PSS_256: "sha256"}
SIGNED_WITH = {RSA_512: "sha512"}


@functools.cache
def owner(name: str = "Owner", kind: str = "p256", *, ca: bool = True) -> pki.Identity:
    """Return a self-signed certificate, as Android's are."""
    private = pki.key(kind, pki.hash_number(name))
    return pki.issue(name, private, ca=ca, authority_usage=(0, 5, 6))


def archive(files=None, *, stored: bool = True) -> bytes:
    out = io.BytesIO()
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(out, "w", method) as made:
        for name, data in (FILES if files is None else files).items():
            made.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, method)
    return out.getvalue()


def end_of(data: bytes) -> int:
    return data.rindex(b"PK\5\6")


def directory_of(data: bytes) -> int:
    return struct.unpack_from("<I", data, end_of(data) + 16)[0]


# --- JAR -----------------------------------------------------------------------------


def manifest(files, digest: str = "sha256", *, main: bytes = b"Created-By: test\r\n") -> bytes:
    name = {"sha256": b"SHA-256", "sha1": b"SHA1", "md5": b"MD5", "sha512": b"SHA-512"}[digest]
    text = b"Manifest-Version: 1.0\r\n" + main + b"\r\n"
    for entry, data in files.items():
        value = base64.b64encode(hashlib.new(digest, data).digest())
        text += b"Name: " + entry.encode() + b"\r\n" + name + b"-Digest: " + value + b"\r\n\r\n"
    return text


def signature_file(
    text: bytes, digest: str = "sha256", *, whole: bool = True, extra: bytes = b""
) -> bytes:
    """Return the .SF of a manifest whose sections are separated by one empty line."""
    name = {"sha256": b"SHA-256", "sha1": b"SHA1", "sha512": b"SHA-512"}[digest]

    def value(data: bytes) -> bytes:
        return base64.b64encode(hashlib.new(digest, data).digest())

    parts = [part + b"\r\n\r\n" for part in text.split(b"\r\n\r\n") if part]
    lines = b"Signature-Version: 1.0\r\n" + extra
    if whole:
        lines += name + b"-Digest-Manifest: " + value(text) + b"\r\n"
    lines += name + b"-Digest-Manifest-Main-Attributes: " + value(parts[0]) + b"\r\n\r\n"
    for part in parts[1:]:
        lines += part.split(b"\r\n")[0] + b"\r\n" + name + b"-Digest: " + value(part) + b"\r\n\r\n"
    return lines


def jar(
    files=None,
    *,
    identity: pki.Identity | None = None,
    listed=None,
    digest: str = "sha256",
    whole: bool = True,
    extra: bytes = b"",
    change=None,
    stored: bool = True,
    names: tuple[str, str] = ("META-INF/CERT.SF", "META-INF/CERT.EC"),
    **options,
) -> bytes:
    """Return a signed JAR; ``change`` may alter the dictionary of its entries."""
    files = FILES if files is None else files
    identity = identity or owner()
    text = manifest(files if listed is None else listed, digest)
    signed = signature_file(text, digest, whole=whole, extra=extra)
    options = {"certificates": (identity,), "signed": None} | options
    block = pki.message(signed, identity, **options)
    entries = {"META-INF/MANIFEST.MF": text, names[0]: signed, names[1]: block, **files}
    return archive(change(entries) if change else entries, stored=stored)


# --- signing blocks --------------------------------------------------------------------


def lp(*parts: bytes) -> bytes:
    data = b"".join(parts)
    return len(data).to_bytes(4, "little") + data


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def chunked(parts, name: str = "sha256") -> bytes:
    digests = []
    for part in parts:
        for at in range(0, len(part), 1 << 20):
            piece = part[at : at + (1 << 20)]
            digests.append(hashlib.new(name, b"\xa5" + u32(len(piece)) + piece).digest())
    return hashlib.new(name, b"\x5a" + u32(len(digests)) + b"".join(digests)).digest()


def verity(parts) -> bytes:
    data = b"".join(parts)
    level = data
    while True:
        level += bytes(-len(level) % 4096)
        level = b"".join(
            hashlib.sha256(bytes(8) + level[at : at + 4096]).digest()
            for at in range(0, len(level), 4096)
        )
        if len(level) == 32:
            return level + len(data).to_bytes(8, "little")


@dataclass
class Signer:
    """One signer of a block; every field can be overridden."""

    identity: pki.Identity = field(default_factory=owner)
    algorithms: tuple[int, ...] = (EC_256,)
    attributes: tuple[tuple[int, bytes], ...] = ()
    sdk: tuple[int, int] = (28, 0x7FFFFFFF)
    outer_sdk: tuple[int, int] | None = None
    digests: tuple[tuple[int, bytes], ...] | None = None
    certificates: tuple[bytes, ...] | None = None
    public_key: bytes | None = None
    signatures: tuple[tuple[int, bytes], ...] | None = None
    tail: bytes = b""
    after_signature: bytes = b""

    def encode(self, parts, has_sdk: bool) -> bytes:
        made = tuple((n, self._digest(n, parts)) for n in self.algorithms)
        digests = made if self.digests is None else self.digests
        certificates = self.certificates or (self.identity.der,)
        sdk = u32(self.sdk[0]) + u32(self.sdk[1]) if has_sdk else b""
        outer = self.outer_sdk or self.sdk
        signed = (
            lp(*(lp(u32(n), lp(value)) for n, value in digests))
            + lp(*(lp(one) for one in certificates))
            + sdk
            + lp(*(lp(u32(n), value) for n, value in self.attributes))
            + self.tail
        )
        signatures = self.signatures or tuple((n, self._sign(n, signed)) for n in self.algorithms)
        return lp(
            lp(signed),
            u32(outer[0]) + u32(outer[1]) if has_sdk else b"",
            lp(*(lp(u32(n), lp(value)) for n, value in signatures)),
            lp(self.public_key or pki.spki(self.identity.private)),
            self.after_signature,
        )

    def _digest(self, number: int, parts) -> bytes:
        if number in (VERITY_RSA, VERITY_EC):
            return verity(parts)
        return chunked(parts, CONTENT.get(number, "sha256"))

    def _sign(self, number: int, data: bytes) -> bytes:
        if number not in CONTENT and number not in (VERITY_RSA, VERITY_EC):
            return b"unknown"
        salt = 32 if number == PSS_256 else None
        return pki.sign(self.identity.private, SIGNED_WITH.get(number, "sha256"), data, salt)


def pair(number: int, value: bytes) -> bytes:
    return (len(value) + 4).to_bytes(8, "little") + u32(number) + value


def block_of(*pairs: bytes, size: int | None = None) -> bytes:
    body = b"".join(pairs)
    stated = (len(body) + 24 if size is None else size).to_bytes(8, "little")
    return stated + body + stated + b"APK Sig Block 42"


def with_block(base: bytes, block: bytes) -> bytes:
    """Return ``base`` with the block before its directory, the end record fixed up."""
    directory, end = directory_of(base), end_of(base)
    fixed = base[end : end + 16] + u32(directory + len(block)) + base[end + 20 :]
    return base[:directory] + block + base[directory:end] + fixed


def apk(
    *signers: Signer,
    base: bytes | None = None,
    number: int = V2,
    more: tuple[bytes, ...] = (),
    before: tuple[bytes, ...] = (),
) -> bytes:
    """Return a package signed under v2 (or ``number``); ``more`` are further pairs."""
    base = archive() if base is None else base
    made = signed_pair(base, *(signers or (Signer(),)), number=number)
    return with_block(base, block_of(*before, made, *more))


def signed_pair(base: bytes, *signers: Signer, number: int = V2) -> bytes:
    parts = (
        base[: directory_of(base)],
        base[directory_of(base) : end_of(base)],
        base[end_of(base) :],
    )
    return pair(number, lp(*(one.encode(parts, number != V2) for one in signers)))


def lineage(*identities: pki.Identity, numbers=None, break_at: int | None = None) -> bytes:
    """Return a proof of rotation over the identities, oldest first."""
    result = u32(1)
    for position, one in enumerate(identities):
        number = (numbers or {}).get(position, EC_256)
        signed = lp(one.der) + u32(number if position else 0)
        signature = b""
        if position:
            signature = pki.sign(identities[position - 1].private, "sha256", signed)
            if position == break_at:
                signature = pki.sign(one.private, "sha256", signed)
        result += lp(lp(signed), u32(0), u32(EC_256), lp(signature))
    return result


# --- OTA -------------------------------------------------------------------------------


def ota(
    base: bytes | None = None,
    *,
    identity: pki.Identity | None = None,
    words: bytes = b"signed by SignApk\0",
    message: bytes | None = None,
    digest: str = "sha256",
    start: int | None = None,
    size: int | None = None,
    marker: bytes = b"\xff\xff",
) -> bytes:
    """Return a package with a whole-file signature."""
    base = archive() if base is None else base
    identity = identity or owner()
    content = base[:-2]
    if message is None:
        message = pki.message(
            content,
            identity,
            certificates=(identity,),
            signed=None,
            digest=digest,
        )
    comment = len(words) + len(message) + 6 if size is None else size
    distance = len(message) + 6 if start is None else start
    footer = distance.to_bytes(2, "little") + marker + comment.to_bytes(2, "little")
    return content + comment.to_bytes(2, "little") + words + message + footer


def replaced(identity: pki.Identity, **changes) -> pki.Identity:
    return dataclasses.replace(identity, **changes)

"""Public keys in every form, and detached signatures, made while the tests run."""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from fwverify.canonical import sha256_hex

DIGESTS = {
    "md5": hashes.MD5(),
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


@functools.cache
def rsa_key(bits: int = 2048, number: int = 0, exponent: int = 65537):
    return rsa.generate_private_key(exponent, bits)


@functools.cache
def ec_key(curve: str = "secp256r1", number: int = 0):
    curves = {"secp256r1": ec.SECP256R1, "secp384r1": ec.SECP384R1, "secp521r1": ec.SECP521R1}
    return ec.generate_private_key(curves[curve]())


@functools.cache
def ed_key(number: int = 0):
    return ed25519.Ed25519PrivateKey.generate()


def spki(private) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def spki_sha256(private) -> str:
    return sha256_hex(spki(private))


def pem(private) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def pkcs1_pem(private) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.PKCS1
    )


def ssh(private) -> bytes:
    line = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return line + b" someone@example\n"


def raw(private) -> bytes:
    public = private.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return public.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def private_pem(private) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def private_der(private) -> bytes:
    return private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def private_ssh(private) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )


def minisign_public(private, number: bytes = b"12345678") -> bytes:
    body = base64.b64encode(b"Ed" + number + raw(private))
    return b"untrusted comment: minisign public key\n" + body + b"\n"


def minisign(private, data: bytes, *, prehashed: bool = True, comment: bytes = b"v1") -> bytes:
    message = hashlib.blake2b(data).digest() if prehashed else data
    signature = private.sign(message)
    blob = (b"ED" if prehashed else b"Ed") + b"12345678" + signature
    lines = (
        b"untrusted comment: signature",
        base64.b64encode(blob),
        b"trusted comment: " + comment,
        base64.b64encode(private.sign(signature + comment)),
    )
    return b"\n".join(lines) + b"\n"


def signify(private, data: bytes) -> bytes:
    blob = base64.b64encode(b"Ed" + b"12345678" + private.sign(data))
    return b"untrusted comment: verify with key.pub\n" + blob + b"\n"


def openpgp(private, *, armored: bool = False, old_framing: bool = False) -> bytes:
    body = b"\x04" + bytes(4) + _openpgp_material(private)
    if old_framing:
        binary = b"\x99" + len(body).to_bytes(2, "big") + body
    else:
        binary = b"\xc6\xff" + len(body).to_bytes(4, "big") + body
    if not armored:
        return binary
    text = base64.encodebytes(binary)
    head, tail = b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b"-----END PGP PUBLIC KEY BLOCK-----"
    return head + b"\nComment: a key\n\n" + text + tail + b"\n"


def _openpgp_material(private) -> bytes:
    public = private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return b"\x01" + _mpi(_bytes(numbers.n)) + _mpi(_bytes(numbers.e))
    if isinstance(public, ec.EllipticCurvePublicKey):
        oid = bytes.fromhex("2a8648ce3d030107")
        return b"\x13" + bytes((len(oid),)) + oid + _mpi(raw(private))
    oid = bytes.fromhex("2b06010401da470f01")
    return b"\x16" + bytes((len(oid),)) + oid + _mpi(b"\x40" + raw(private))


def _bytes(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _mpi(value: bytes) -> bytes:
    return int.from_bytes(value, "big").bit_length().to_bytes(2, "big") + value


def sign_rsa(private, data: bytes, digest: str = "sha256", *, pss_salt: int | None = None) -> bytes:
    scheme = padding.PKCS1v15()
    if pss_salt is not None:
        scheme = padding.PSS(padding.MGF1(DIGESTS[digest]), pss_salt)
    return private.sign(data, scheme, DIGESTS[digest])


def sign_ec(private, data: bytes, digest: str = "sha256", *, bare: bool = False) -> bytes:
    signature = private.sign(data, ec.ECDSA(DIGESTS[digest]))
    if not bare:
        return signature
    half = (private.curve.key_size + 7) // 8
    return b"".join(number.to_bytes(half, "big") for number in decode_dss_signature(signature))


def panda_image(private, code: bytes) -> bytes:
    """An image as comma.ai's build signs it: length, code, type 1 block over a bare SHA-1."""
    body = (len(code) + 4).to_bytes(4, "little") + code
    numbers = private.private_numbers()
    size = private.key_size // 8
    block = b"\x00\x01" + b"\xff" * (size - 23) + b"\x00" + hashlib.sha1(code).digest()
    return body + pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(
        size, "big"
    )


def vendor_folder(store: Path, vendor: str, files: dict[str, bytes], toml: str) -> Path:
    """Write ``vendors/<vendor>/`` of a trust store and return the store."""
    folder = store / "vendors" / vendor
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vendor.toml").write_text(toml)
    return store

"""Keys, certificates, CRLs, CMS messages and time stamps, made while the tests run.

Everything is laid out by hand from DER pieces, apart from the code under test, so that
every field can also be made wrong. Keys are generated once per process and kind.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

AT = datetime(2026, 1, 1, tzinfo=UTC)
FROM = datetime(2020, 1, 1, tzinfo=UTC)
UNTIL = datetime(2030, 1, 1, tzinfo=UTC)

HASHES = {
    "md5": hashes.MD5(),
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
DIGEST_OIDS = {
    "md5": "1.2.840.113549.2.5",
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
RSA_OIDS = {"md5": 4, "sha1": 5, "sha256": 11, "sha384": 12, "sha512": 13}
ECDSA_OIDS = {"sha1": "1", "sha256": "3.2", "sha384": "3.3", "sha512": "3.4"}

CODE_SIGNING = "1.3.6.1.5.5.7.3.3"
EMAIL = "1.3.6.1.5.5.7.3.4"
TLS_SERVER = "1.3.6.1.5.5.7.3.1"
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
ID_DATA = "1.2.840.113549.1.7.1"
ID_TST_INFO = "1.2.840.113549.1.9.16.1.4"
TOKEN = "1.2.840.113549.1.9.16.2.14"


# --- DER ---------------------------------------------------------------------------


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return tlv(0x31, *sorted(parts))


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for arc in (first * 40 + second, *rest):
        piece = bytes((arc & 0x7F,))
        while arc := arc >> 7:
            piece = bytes((0x80 | arc & 0x7F,)) + piece
        content += piece
    return tlv(0x06, content)


def octets(content: bytes) -> bytes:
    return tlv(0x04, content)


NULL = tlv(0x05)


def bits(content: bytes) -> bytes:
    return tlv(0x03, b"\0", content)


def when(moment: datetime) -> bytes:
    if moment.year < 2050:
        return tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
    return generalized(moment)


def generalized(moment: datetime) -> bytes:
    return tlv(0x18, f"{moment.year:04d}{moment:%m%d%H%M%S}Z".encode())


def name(common: str) -> bytes:
    if not common:
        return seq()
    return seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x0C, common.encode()))))


def digest_id(digest: str) -> bytes:
    return seq(oid(DIGEST_OIDS[digest]))


# --- keys and signatures -----------------------------------------------------------


@functools.cache
def key(kind: str = "p256", number: int = 0):
    """Return the ``number``-th private key of ``kind``."""
    del number
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    if kind in curves:
        return ec.generate_private_key(curves[kind])
    if kind == "mldsa65":
        from cryptography.hazmat.primitives.asymmetric import mldsa

        return mldsa.MLDSA65PrivateKey.generate()
    return {"ed25519": ed25519.Ed25519PrivateKey, "ed448": ed448.Ed448PrivateKey}[kind].generate()


def spki(private) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def pem(private) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def pss_id(digest: str, salt: int, mask: str | None = None, trailer: int | None = None) -> bytes:
    """Return an AlgorithmIdentifier of RSASSA-PSS with these parameters."""
    mgf = seq(oid("1.2.840.113549.1.1.8"), digest_id(mask or digest))
    parts = [tlv(0xA0, digest_id(digest)), tlv(0xA1, mgf), tlv(0xA2, integer(salt))]
    if trailer is not None:
        parts.append(tlv(0xA3, integer(trailer)))
    return seq(oid("1.2.840.113549.1.1.10"), seq(*parts))


def algorithm_id(private, digest: str, pss_salt: int | None = None) -> bytes:
    """Return the AlgorithmIdentifier that goes with the key."""
    if isinstance(private, rsa.RSAPrivateKey):
        if pss_salt is not None:
            return pss_id(digest, pss_salt)
        return seq(oid(f"1.2.840.113549.1.1.{RSA_OIDS[digest]}"), NULL)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return seq(oid(f"1.2.840.10045.4.{ECDSA_OIDS[digest]}"))
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return seq(oid("1.3.101.112"))
    if isinstance(private, ed448.Ed448PrivateKey):
        return seq(oid("1.3.101.113"))
    return seq(oid("2.16.840.1.101.3.4.3.18"))


def sign(private, digest: str, data: bytes, pss_salt: int | None = None) -> bytes:
    if isinstance(private, rsa.RSAPrivateKey):
        scheme = padding.PKCS1v15()
        if pss_salt is not None:
            scheme = padding.PSS(padding.MGF1(HASHES[digest]), pss_salt)
        return private.sign(data, scheme, HASHES[digest])
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.sign(data, ec.ECDSA(HASHES[digest]))
    return private.sign(data)


# --- certificates and CRLs ---------------------------------------------------------


@dataclass(frozen=True)
class Identity:
    """A certificate with its private key."""

    der: bytes
    private: object = field(repr=False)

    @property
    def cert(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.der)

    @property
    def pem(self) -> bytes:
        from asn1crypto import pem as asn1_pem

        return asn1_pem.armor("CERTIFICATE", self.der)


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    flag = tlv(0x01, b"\xff") if critical else b""
    return seq(oid(dotted), flag, octets(value))


def key_id(private) -> bytes:
    return hashlib.sha1(spki(private)).digest()


def key_usage(*positions: int) -> bytes:
    """Return the KeyUsage extension with these bits (0 digitalSignature, 5 keyCertSign, …)."""
    value = sum(0x80 >> position for position in positions)
    unused = 7 - max(positions)
    return extension("2.5.29.15", tlv(0x03, bytes((unused, value))), critical=True)


def extended_key_usage(*oids: str, critical: bool = False) -> bytes:
    return extension("2.5.29.37", seq(*map(oid, oids)), critical=critical)


def issue(
    common: str,
    private,
    issuer: Identity | None = None,
    *,
    ca: bool = False,
    path_length: int | None = None,
    extensions: tuple[bytes, ...] = (),
    digest: str = "sha256",
    pss_salt: int | None = None,
    since: datetime = FROM,
    until: datetime = UNTIL,
    serial: int | None = None,
    always_generalized: bool = False,
    authority_usage: tuple[int, ...] = (5, 6),
) -> Identity:
    """Return a certificate for ``private``, self-signed without an issuer."""
    signer = issuer.private if issuer else private
    issuer_name = issuer.cert.subject.dump() if issuer else name(common)
    if serial is None:
        seed = hashlib.sha256(
            repr((common, issuer_name, since, until, ca)).encode() + spki(private)
        )
        serial = int.from_bytes(seed.digest()[:8], "big") >> 1
    limit = integer(path_length) if path_length is not None else b""
    basic = seq(tlv(0x01, b"\xff"), limit) if ca else seq()
    usage = (key_usage(*authority_usage),) if ca else ()
    ski = extension("2.5.29.14", octets(key_id(private)))
    all_extensions = seq(extension("2.5.29.19", basic, critical=True), ski, *usage, *extensions)
    moment = generalized if always_generalized else when
    tbs = seq(
        tlv(0xA0, integer(2)),
        integer(serial),
        algorithm_id(signer, digest, pss_salt),
        issuer_name,
        seq(moment(since), moment(until)),
        name(common),
        spki(private),
        tlv(0xA3, all_extensions),
    )
    signature = sign(signer, digest, tbs, pss_salt)
    return Identity(seq(tbs, algorithm_id(signer, digest, pss_salt), bits(signature)), private)


@functools.cache
def root(common: str = "Test Root") -> Identity:
    return issue(common, key("p256", number=hash_number(common)), ca=True)


def hash_number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


@functools.cache
def intermediate(common: str = "Test Issuing CA", parent: str = "Test Root") -> Identity:
    return issue(common, key("p256", number=hash_number(common)), root(parent), ca=True)


@functools.cache
def signer(common: str = "Release 1", kind: str = "p256", **options) -> Identity:
    """Return a code-signing end entity below ``intermediate()``."""
    options.setdefault("extensions", (key_usage(0), extended_key_usage(CODE_SIGNING)))
    return issue(common, key(kind, number=hash_number(common)), intermediate(), **options)


@functools.cache
def authority(common: str = "Time Root") -> Identity:
    return root(common)


@functools.cache
def stamper(common: str = "Test TSA", **options) -> Identity:
    options.setdefault(
        "extensions", (key_usage(0), extended_key_usage(TIME_STAMPING, critical=True))
    )
    return issue(common, key("p256", number=hash_number(common)), root("Time Root"), **options)


def crl(
    issuer: Identity,
    revoked: tuple[tuple[int, datetime, int | None, datetime | None], ...] = (),
    *,
    since: datetime = datetime(2025, 12, 1, tzinfo=UTC),
    until: datetime | None = datetime(2026, 2, 1, tzinfo=UTC),
    private=None,
    extensions: tuple[bytes, ...] = (),
) -> asn1_crl.CertificateList:
    """Return a CRL; ``revoked`` holds (serial, date, reason code, invalidity date)."""
    entries = []
    for serial, date, reason, invalid in revoked:
        more = []
        if reason is not None:
            more.append(extension("2.5.29.21", tlv(0x0A, bytes((reason,)))))
        if invalid is not None:
            more.append(extension("2.5.29.24", generalized(invalid)))
        entries.append(seq(integer(serial), when(date), seq(*more) if more else b""))
    signer_key = private or issuer.private
    algorithm = algorithm_id(signer_key, "sha256")
    tbs = seq(
        integer(1),
        algorithm,
        issuer.cert.subject.dump(),
        when(since),
        when(until) if until else b"",
        seq(*entries) if entries else b"",
        tlv(0xA0, seq(*extensions)) if extensions else b"",
    )
    encoded = seq(tbs, algorithm, bits(sign(signer_key, "sha256", tbs)))
    return asn1_crl.CertificateList.load(encoded)


# --- CMS ---------------------------------------------------------------------------


def attribute(dotted: str, *values: bytes) -> bytes:
    return seq(oid(dotted), tlv(0x31, *values))


def content_type_attribute(content_type: str = ID_DATA) -> bytes:
    return attribute("1.2.840.113549.1.9.3", oid(content_type))


def message_digest_attribute(value: bytes) -> bytes:
    return attribute("1.2.840.113549.1.9.4", octets(value))


def digest_of(digest: str, data: bytes) -> bytes:
    return hashlib.new(digest, data, usedforsecurity=False).digest()


def signer_info(
    identity: Identity,
    content: bytes,
    *,
    digest: str = "sha256",
    pss_salt: int | None = None,
    content_type: str = ID_DATA,
    signed: tuple[bytes, ...] | str | None = "usual",
    more: tuple[bytes, ...] = (),
    unsigned: Callable[[bytes], tuple[bytes, ...]] | None = None,
    by_key_id: bool = False,
    digest_algorithm: bytes | None = None,
    algorithm: bytes | None = None,
    signature: bytes | None = None,
    order: Callable[[tuple[bytes, ...]], bytes] | None = None,
) -> bytes:
    """Return a SignerInfo; ``signed`` None signs the content itself.

    ``unsigned`` is given the signature value and returns the unsigned attributes.
    """
    cert = identity.cert
    if signed == "usual":
        signed = (
            content_type_attribute(content_type),
            message_digest_attribute(digest_of(digest, content)),
            *more,
        )
    body = b""
    to_sign = content
    if signed is not None:
        inside = b"".join(sorted(signed)) if order is None else order(signed)
        to_sign, body = tlv(0x31, inside), tlv(0xA0, inside)
    value = sign(identity.private, digest, to_sign, pss_salt) if signature is None else signature
    sid = seq(cert.issuer.dump(), integer(cert.serial_number))
    if by_key_id:
        sid = tlv(0x80, cert.key_identifier)
    extra = tlv(0xA1, *sorted(unsigned(value))) if unsigned else b""
    return seq(
        integer(3 if by_key_id else 1),
        sid,
        digest_algorithm or digest_id(digest),
        body,
        algorithm or algorithm_id(identity.private, digest, pss_salt),
        octets(value),
        extra,
    )


def signed_data(
    infos: tuple[bytes, ...],
    certificates: tuple[Identity, ...] = (),
    *,
    content: bytes | None = None,
    content_type: str = ID_DATA,
    digests: tuple[str, ...] = ("sha256",),
    crls: tuple[bytes, ...] = (),
) -> bytes:
    """Return a ContentInfo with SignedData; attached where ``content`` is given."""
    inner = tlv(0xA0, octets(content)) if content is not None else b""
    bag = tlv(0xA0, *(one.der for one in certificates)) if certificates else b""
    lists = tlv(0xA1, *crls) if crls else b""
    body = seq(
        integer(1),
        tlv(0x31, *(digest_id(digest) for digest in digests)),
        seq(oid(content_type), inner),
        bag,
        lists,
        tlv(0x31, *infos),
    )
    return seq(oid("1.2.840.113549.1.7.2"), tlv(0xA0, body))


def message(
    content: bytes,
    identity: Identity | None = None,
    *,
    attached: bool = False,
    certificates: tuple[Identity, ...] | None = None,
    digest: str = "sha256",
    **options,
) -> bytes:
    """Return a message of one signer with its certificate and the intermediate."""
    identity = identity or signer()
    bag = (identity, intermediate()) if certificates is None else certificates
    return signed_data(
        (signer_info(identity, content, digest=digest, **options),),
        bag,
        content=content if attached else None,
        digests=(digest,),
    )


# --- time stamps -------------------------------------------------------------------


def token(
    stamped: bytes,
    time: datetime,
    identity: Identity | None = None,
    *,
    digest: str = "sha256",
    imprint: bytes | None = None,
    names: Identity | None = None,
    named: bool = True,
    certificates: tuple[Identity, ...] | None = None,
    content_type: str = ID_TST_INFO,
    **options,
) -> bytes:
    """Return a TimeStampToken over ``stamped``."""
    identity = identity or stamper()
    info = seq(
        integer(1),
        oid("1.3.6.1.4.1.4146.2.3"),
        seq(digest_id(digest), octets(imprint or digest_of(digest, stamped))),
        integer(7),
        generalized(time),
    )
    shown = names or identity
    ess = seq(seq(seq(octets(hashlib.sha256(shown.der).digest()))))
    more = (attribute("1.2.840.113549.1.9.16.2.47", ess),) if named else ()
    return signed_data(
        (signer_info(identity, info, content_type=content_type, more=more, **options),),
        (identity,) if certificates is None else certificates,
        content=info,
        content_type=content_type,
    )


def stamped_with(time: datetime, **options) -> Callable[[bytes], tuple[bytes, ...]]:
    """Return an ``unsigned`` argument that time-stamps the signature value."""
    return lambda signature: (attribute(TOKEN, token(signature, time, **options)),)

"""What is in a CMS envelope: EnvelopedData and AuthEnvelopedData.

Guarantees: with a recipient's private key (RSA with PKCS #1 v1.5 or OAEP, elliptic curve
Diffie-Hellman) or the content key itself the content is a child; AES-GCM is verified,
and the content of AES-CBC counts only when it is proven (``proof``). Without a key that
opens it the envelope is ``encrypted`` and its content unexplained. Attributes beside the
content, which nobody needs to read, are left unexplained.

Specification: RFC 5652, section 6; RFC 5083 and 5084 (AuthEnvelopedData, AES-GCM);
RFC 8017 (RSA); RFC 5753 (ECDH with the X9.63 key derivation) and RFC 3394 (key wrap).

Not checked: who sent it (an envelope proves nothing of that). Not opened: password and
key-encryption-key recipients, content above 64 MiB, other ciphers than AES.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

from asn1crypto import cms as asn1
from asn1crypto import core
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from msgspec import Struct

from fwverify.model import Entry, Opened
from fwverify.reader import Malformed
from fwverify.unpack.envelopes import ciphers
from fwverify.unpack.envelopes.ciphers import WrongKey
from fwverify.unpack.envelopes.cms import NAME
from fwverify.unpack.envelopes.proof import UNPROVEN, is_proven
from fwverify.unpack.gather import Gathered
from fwverify.unpack.given import Secret
from fwverify.unpack.leaves import LONG_TEXT
from fwverify.unpack.source import LimitHit, Source

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
MAX_RECIPIENTS: Final = 256
MAX_ATTEMPTS: Final = 16
"""Content keys of the right length that one private key may give."""

_MAX_HEADER_BYTES: Final = 64 * 1024
_MARK_BYTES: Final = 16
_KEY_BYTES: Final = {
    f"aes{bits}_{mode}": bits // 8 for bits in (128, 192, 256) for mode in ("cbc", "gcm")
}
_FAULTS: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_AGREEMENTS: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "1.3.133.16.840.63.0.2": hashes.SHA1,
    "1.3.132.1.11.0": hashes.SHA224,
    "1.3.132.1.11.1": hashes.SHA256,
    "1.3.132.1.11.2": hashes.SHA384,
    "1.3.132.1.11.3": hashes.SHA512,
}


class _SharedInfo(core.Sequence):  # type: ignore[misc]
    """ECC-CMS-SharedInfo (RFC 5753, section 7.2)."""

    _fields = [  # noqa: RUF012  (asn1crypto's way)
        ("key_info", core.Any),
        ("entity_u_info", core.OctetString, {"explicit": 0, "optional": True}),
        ("supp_pub_info", core.OctetString, {"explicit": 2}),
    ]


class _GcmParameters(core.Sequence):  # type: ignore[misc]
    """GCMParameters (RFC 5084, section 3.2)."""

    _fields = [  # noqa: RUF012  (asn1crypto's way)
        ("aes_nonce", core.OctetString),
        ("aes_icvlen", core.Integer, {"default": 12}),
    ]


class Envelope(Struct, frozen=True):
    """A parsed envelope: what is needed to open it, and nothing of a key."""

    recipients: tuple[Any, ...]
    algorithm: str
    parameters: Any
    content: bytes
    mac: bytes
    authenticated: bytes
    attributes: bool

    @property
    def key_bytes(self) -> int:
        """The length of the content key; 0 for a cipher that is not opened."""
        return _KEY_BYTES.get(self.algorithm, 0)


def parse(message: bytes) -> Envelope:
    """Return the envelope in ``message``. Raises ``Malformed``."""
    try:
        info = asn1.ContentInfo.load(message)
        authenticated = info["content_type"].native == "authenticated_enveloped_data"
        body = info["content"]
        inner = body["auth_encrypted_content_info" if authenticated else "encrypted_content_info"]
        algorithm = inner["content_encryption_algorithm"]
        extra = ("auth_attrs", "unauth_attrs") if authenticated else ("unprotected_attrs",)
        signed = body["auth_attrs"] if authenticated else None
        covered = b"" if signed is None or signed.native is None else signed.untag().dump()
        return Envelope(
            recipients=tuple(body["recipient_infos"])[:MAX_RECIPIENTS],
            algorithm=str(algorithm["algorithm"].native),
            parameters=algorithm["parameters"],
            content=inner["encrypted_content"].native or b"",
            mac=body["mac"].native if authenticated else b"",
            authenticated=covered,
            attributes=any(body[name].native is not None for name in extra)
            or body["originator_info"].native is not None,
        )
    except _FAULTS as error:
        raise Malformed(0, "cms.enveloped", _first_line(error)) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


# --- the content key -------------------------------------------------------------------


def content_keys(envelope: Envelope, secrets: tuple[Secret, ...]) -> Iterator[bytes]:
    """Yield the content keys that ``secrets`` give for ``envelope``, each of right length.

    A key that a wrong private key gives is among them: only opening tells.
    """
    for secret in secrets:
        if "content_key" in secret.values:
            keys: Iterator[bytes] = iter((secret.values["content_key"],))
        else:
            keys = _recipients_keys(envelope, _private_key(secret))
        yield from (key for key in keys if len(key) == envelope.key_bytes)


def _private_key(secret: Secret) -> Any:
    """Return the private key of ``secret``; raises ``WrongKey`` where it cannot be read."""
    data, password = secret.values["key"], secret.values.get("key_password")
    load = serialization.load_pem_private_key
    if not data.lstrip().startswith(b"-----BEGIN"):
        load = serialization.load_der_private_key
    try:
        return load(data, password)
    except Exception:  # noqa: BLE001  (whatever it is must not be repeated: it may hold the key)
        raise WrongKey("the private key that was given cannot be read") from None


def _recipients_keys(envelope: Envelope, key: Any) -> Iterator[bytes]:
    for recipient in envelope.recipients:
        try:
            if recipient.name == "ktri" and isinstance(key, rsa.RSAPrivateKey):
                yield _transported(recipient.chosen, key)
            elif recipient.name == "kari" and isinstance(key, ec.EllipticCurvePrivateKey):
                yield from _agreed(recipient.chosen, key)
        except (*_FAULTS, keywrap.InvalidUnwrap):
            continue


def _transported(recipient: Any, key: rsa.RSAPrivateKey) -> bytes:
    """Return what RSA gives for a KeyTransRecipientInfo (RFC 5652, 6.2.1)."""
    encrypted = recipient["encrypted_key"].native
    algorithm = recipient["key_encryption_algorithm"]
    if algorithm["algorithm"].native != "rsaes_oaep":
        return key.decrypt(encrypted, padding.PKCS1v15())
    parameters = algorithm["parameters"]
    digest = _HASHES[parameters["hash_algorithm"]["algorithm"].native]()
    mask = _HASHES[parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native]()
    label = parameters["p_source_algorithm"]["parameters"].native or None
    return key.decrypt(encrypted, padding.OAEP(padding.MGF1(mask), digest, label))


def _agreed(recipient: Any, key: ec.EllipticCurvePrivateKey) -> Iterator[bytes]:
    """Yield what ECDH gives for a KeyAgreeRecipientInfo (RFC 5753, 3.1)."""
    scheme = recipient["key_encryption_algorithm"]
    digest = _AGREEMENTS[scheme["algorithm"].dotted]
    wrap = scheme["parameters"].parse(asn1.KeyEncryptionAlgorithm)
    size = int(wrap["algorithm"].native[3:6]) // 8
    point = recipient["originator"].chosen["public_key"]
    public = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, bytes(point.native))
    info = {
        "key_info": core.Any.load(wrap.dump()),
        "supp_pub_info": (size * 8).to_bytes(4, "big"),
    }
    if recipient["ukm"].native is not None:
        info["entity_u_info"] = recipient["ukm"].native
    shared = key.exchange(ec.ECDH(), public)
    wrapping = X963KDF(digest(), size, _SharedInfo(info).dump()).derive(shared)
    for each in recipient["recipient_encrypted_keys"]:
        yield keywrap.aes_key_unwrap(wrapping, each["encrypted_key"].native)


# --- the content -----------------------------------------------------------------------


def plain_text(envelope: Envelope, key: bytes) -> Iterator[bytes]:
    """Yield the content under ``key``. Raises ``WrongKey``, ``Malformed``."""
    data = ciphers.pieces(envelope.content, 0, len(envelope.content))
    try:
        if envelope.algorithm.endswith("_gcm"):
            stated = _GcmParameters.load(envelope.parameters.dump())
            if stated["aes_icvlen"].native != len(envelope.mac):
                raise WrongKey("the tag has another length than stated")
            nonce = bytes(stated["aes_nonce"].native)
            return ciphers.aes_gcm(data, key, nonce, envelope.mac, envelope.authenticated)
        if envelope.algorithm.endswith("_cbc"):
            return ciphers.aes_cbc(data, key, bytes(envelope.parameters.native), padded=True)
    except _FAULTS as error:
        raise Malformed(0, "cms.content_encryption", type(error).__name__) from None
    raise Malformed(0, "cms.content_encryption", f"{envelope.algorithm} is not AES-CBC or GCM")


def open_message(message: bytes, secrets: tuple[Secret, ...]) -> Iterator[bytes]:
    """Yield each content that ``secrets`` give for the envelope ``message``.

    For CBC a wrong key can give content too: the caller tells. Raises ``Malformed``.
    """
    envelope = parse(message)
    for secret in secrets:
        try:
            for key in itertools.islice(content_keys(envelope, (secret,)), MAX_ATTEMPTS):
                yield b"".join(plain_text(envelope, key))
        except WrongKey:
            continue


def open_envelope(source: Source) -> Opened:
    """Return the envelope's content as ``data``. Raises ``Malformed`` for no CMS."""
    found = Gathered(source, NAME)
    if source.size > MAX_MESSAGE_BYTES:
        found.trouble("encrypted", f"an envelope of more than {MAX_MESSAGE_BYTES} bytes")
        return found.finish()
    envelope = parse(bytes(source.buffer[: source.size]))
    secrets = source.given.of_kind("cms")
    found.attribute("content_encryption", envelope.algorithm)
    found.attribute("recipients", str(len(envelope.recipients)))
    if not envelope.key_bytes:
        found.trouble("encrypted", f"its cipher {envelope.algorithm[:60]} is not AES-CBC or GCM")
        return found.finish(given=bool(secrets))
    try:
        _take(found, envelope, secrets)
    except LimitHit as error:
        found.limit(error)
    except Malformed as error:
        found.trouble("encrypted", f"it cannot be opened: {error}")
    return found.finish(given=bool(secrets))


def _take(found: Gathered, envelope: Envelope, secrets: tuple[Secret, ...]) -> None:
    text = "it is a CMS envelope and its key is not here"
    for secret in secrets:
        try:
            keys = itertools.islice(content_keys(envelope, (secret,)), MAX_ATTEMPTS)
            for key in keys:
                digest, size = found.source.put_stream(plain_text(envelope, key))
                if envelope.mac or is_proven(found.source, digest):
                    _claim(found, envelope, digest, size)
                    return
                text = UNPROVEN
        except WrongKey as error:
            text = f"no key that was given opens it: {error}"
            continue
        text = text if text == UNPROVEN else "no key that was given opens it"
    found.trouble("encrypted", text)


def _claim(found: Gathered, envelope: Envelope, digest: str, size: int) -> None:
    """List the content and claim the bytes that carry it, and the header around it."""
    data = bytes(found.buffer[: found.source.size])
    content = envelope.content
    start = data.find(content[:_MARK_BYTES])
    end = data.rfind(content[-_MARK_BYTES:]) + min(_MARK_BYTES, len(content))
    slack = 16 * (len(content) // 512 + 2)  # headers of a content in several pieces
    whole = bool(content) and start >= 0 and len(content) <= end - start <= len(content) + slack
    extents = ((start, end),) if whole else ()
    found.add(Entry(name=b"data", sha256=digest, size=size, extents=extents, generated=True))
    if not whole:
        return
    found.claim(start, end, "extracted")
    texts = LONG_TEXT.search(data[:start]) or LONG_TEXT.search(data[end:])
    if not envelope.attributes and start <= _MAX_HEADER_BYTES and not texts:
        found.claim(0, start)
        found.claim(end, min(_structure_end(data), end + 64))


def _structure_end(data: bytes) -> int:
    """Return where the outermost structure ends."""
    try:
        return len(asn1.ContentInfo.load(data).dump())
    except _FAULTS:
        return 0

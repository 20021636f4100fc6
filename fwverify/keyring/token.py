"""Private keys that never leave a token: PKCS#11, named by URI.

Guarantees: the key is found by token and object label, exactly one of each; it signs on the
token, ECDSA over SHA-256 or RSASSA-PSS with SHA-256 (salt of 32 bytes), in a session that is
closed again. The PIN is never in the URI (``pin-value`` is refused): it stands in the file
that ``pin-source`` names, or is asked for.

Specification: RFC 7512 (``pkcs11:token=…;object=…?module-path=…&pin-source=…``); PKCS#11
v2.40, 2.1.9 (RSA-PSS) and 2.3.6 (ECDSA).

Not checked: whether the token lets the key be exported. Needs the extra
``fwverify[pkcs11]``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

SCHEME: Final = "pkcs11:"
_PATH: Final = ("token", "object", "type")
_QUERY: Final = ("module-path", "pin-source")
_SALT_BYTES: Final = 32


class SigningError(Exception):
    """Whoever signs is refused: which file, token or name, and why, in one line."""


@dataclass(frozen=True)
class Named:
    """What a ``pkcs11:`` URI names."""

    token: str
    label: str
    module: str
    pin_source: str | None = None


@dataclass(frozen=True)
class TokenKey:
    """A private key on a token, and its public half (DER SubjectPublicKeyInfo)."""

    named: Named
    spki: bytes
    kind: str
    pin: str = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data``: ECDSA in DER, or RSASSA-PSS."""
        import pkcs11
        from pkcs11.util.ec import encode_ecdsa_signature

        with _key(self.named, self.pin, pkcs11.ObjectClass.PRIVATE_KEY) as key:
            if self.kind == "ec":
                digest = hashlib.sha256(data).digest()
                raw = key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA)
                return bytes(encode_ecdsa_signature(raw))
            parameters = (pkcs11.Mechanism.SHA256, pkcs11.MGF.SHA256, _SALT_BYTES)
            mechanism = pkcs11.Mechanism.SHA256_RSA_PKCS_PSS
            return bytes(key.sign(data, mechanism=mechanism, mechanism_param=parameters))


def named(uri: str) -> Named:
    """Return what ``uri`` names (RFC 7512, 2.3). Raises ``SigningError``."""
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    found: dict[str, str] = {}
    for part, known in (*((one, _PATH) for one in path.split(";")), *_queried(query)):
        name, equals, value = part.partition("=")
        if name == "pin-value":
            raise SigningError(f"{SCHEME} a PIN stands in no URI; name a file by pin-source")
        if not equals or name not in known or name in found:
            raise SigningError(f"{SCHEME} {name[:40]!a} is unknown, empty or stands twice")
        found[name] = unquote(value)
    for name in ("token", "object", "module-path"):
        if not found.get(name):
            raise SigningError(f"{SCHEME} {name} is missing")
    return Named(found["token"], found["object"], found["module-path"], found.get("pin-source"))


def _queried(query: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    return ((one, _QUERY) for one in query.split("&") if one)


def load(uri: str, pin: str | None = None) -> TokenKey:
    """Return the key that ``uri`` names.

    Raises ``SigningError``, and ``TypeError`` where a PIN is needed and none is given.
    """
    wanted = named(uri)
    if wanted.pin_source is not None:
        try:
            pin = Path(wanted.pin_source).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SigningError(f"{wanted.pin_source}: the PIN cannot be read") from error
    if pin is None:
        raise TypeError("a PIN is needed")
    try:
        import pkcs11
        from pkcs11.util.ec import encode_ec_public_key
        from pkcs11.util.rsa import encode_rsa_public_key
    except ImportError as error:
        raise SigningError("keys on tokens need the extra fwverify[pkcs11]") from error
    with _key(wanted, pin, pkcs11.ObjectClass.PUBLIC_KEY) as key:
        if key.key_type == pkcs11.KeyType.EC:
            return TokenKey(wanted, bytes(encode_ec_public_key(key)), "ec", pin)
        if key.key_type == pkcs11.KeyType.RSA:
            return TokenKey(wanted, _spki(encode_rsa_public_key(key)), "rsa", pin)
    raise SigningError(f"{wanted.label}: a key of this kind does not sign here")


def _spki(pkcs1: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a PKCS#1 RSAPublicKey."""
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    key = serialization.load_der_public_key(pkcs1)
    return key.public_bytes(serialization.Encoding.DER, form)


@contextmanager
def _key(wanted: Named, pin: str, kind: Any) -> Iterator[Any]:
    """Yield the only key of ``kind`` with the label, in a session of its own."""
    import pkcs11
    from pkcs11.exceptions import PKCS11Error

    try:
        library = pkcs11.lib(wanted.module)
        token = library.get_token(token_label=wanted.token)
        with token.open(user_pin=pin) as session:
            yield session.get_key(object_class=kind, label=wanted.label)
    except (PKCS11Error, RuntimeError, OSError) as error:
        why = str(error) or type(error).__name__
        raise SigningError(f"{wanted.token}/{wanted.label}: {why}") from error

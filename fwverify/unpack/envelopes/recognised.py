"""Encrypted things that are known by their header and cannot be opened here.

Guarantees: each is said by name with the problem ``encrypted``, and none of its bytes is
explained: what cannot be read is never silent.

Specification: LUKS1 and LUKS2 on-disk formats; RFC 9580 (OpenPGP); age v1; ``openssl
enc`` (its salt header); BitLocker's boot sector as libbde documents it.

Not checked: whether what follows the header is what it says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fwverify.model import Opened
from fwverify.reader import Buffer
from fwverify.unpack.envelopes import openpgp
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source

_ARMOUR: Final = b"-----BEGIN PGP MESSAGE-----"
_ARMOUR_WINDOW_BYTES: Final = 4096
_ENCRYPTED_TAGS: Final = (1, 3, 9, 18, 20)
"""Session keys for a public key or a password, and encrypted data (RFC 9580, 5)."""

_VERSIONS: Final = {1: (3, 6), 3: (4, 5, 6), 18: (1, 2), 20: (1,)}


def _begins(*magics: bytes, at: int = 0) -> Callable[[Buffer, str], bool]:
    def recognise(buffer: Buffer, _: str) -> bool:
        return any(bytes(buffer[at : at + len(each)]) == each for each in magics)

    return recognise


def _openpgp(buffer: Buffer, _: str) -> bool:
    """Return whether an encrypted message begins, armoured or not."""
    head = bytes(buffer[:8])
    if _ARMOUR in bytes(buffer[:_ARMOUR_WINDOW_BYTES]):
        return True
    if len(head) < 8 or not head[0] & 0x80:
        return False
    if head[0] & 0x40:
        tag, first = head[0] & 63, head[1]
        at = 2 if first < 192 or 224 <= first < 255 else 3 if first < 224 else 6
    else:
        tag, at = head[0] >> 2 & 15, (2, 3, 5, 1)[head[0] & 3]
    return tag in _ENCRYPTED_TAGS and tag in _VERSIONS and head[at] in _VERSIONS[tag]


def _opener(name: str, title: str) -> Callable[[Source], Opened]:
    def open_named(source: Source) -> Opened:
        found = Gathered(source, name)
        found.trouble("encrypted", f"{title}: its content cannot be decrypted here")
        return found.finish()

    return open_named


def _format(
    name: str, title: str, specification: str, recognise: Callable[[Buffer, str], bool]
) -> Format:
    return Format(
        name=name,
        title=title,
        family="encrypted, never opened",
        specification=specification,
        limitations="recognised and said to be encrypted, never opened",
        recognise=recognise,
        open=_opener(name, title),
        named_only=True,
    )


RECOGNISED: Final[tuple[Format, ...]] = (
    _format(
        "luks",
        "LUKS encrypted volume",
        "https://gitlab.com/cryptsetup/LUKS2-docs",
        _begins(b"LUKS\xba\xbe\x00\x01", b"LUKS\xba\xbe\x00\x02"),
    ),
    _format(
        "bitlocker",
        "BitLocker volume",
        "https://github.com/libyal/libbde/tree/main/documentation",
        _begins(b"-FVE-FS-", at=3),
    ),
    _format(
        "age",
        "age encrypted file",
        "https://age-encryption.org/v1",
        _begins(b"age-encryption.org/v1\n", b"-----BEGIN AGE ENCRYPTED FILE-----"),
    ),
    _format(
        "openssl-enc",
        "file of openssl enc",
        "https://docs.openssl.org/master/man1/openssl-enc/",
        _begins(b"Salted__", b"U2FsdGVkX1"),
    ),
)
OPENPGP_MESSAGE: Final = Format(
    name=openpgp.NAME,
    title="OpenPGP encrypted message",
    family="envelope",
    specification="https://www.rfc-editor.org/rfc/rfc9580",
    limitations="password or session key, AES with a modification detection code; no private "
    "keys, no AEAD, no armour",
    recognise=_openpgp,
    open=openpgp.open_message,
)

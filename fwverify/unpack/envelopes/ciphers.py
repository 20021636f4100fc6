"""Decrypting streams, with the checks that tell a right key from a wrong one.

Guarantees: content is decrypted in pieces; an authenticated mode ends with ``WrongKey``
before its last piece where the tag does not hold, so that a writer which commits only at
the end keeps nothing of it; PKCS #7 padding is checked strictly, which makes decryption
the exact inverse of encryption. No exception carries key, IV or content.

Specification: NIST SP 800-38A (CBC, CTR), 800-38D (GCM); RFC 5652, section 6.3 (padding).

What it does not say: that the result of CBC or CTR is the content. These modes give
something for every key (``proof``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from fwverify.reader import Buffer
from fwverify.store import CHUNK_BYTES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext

BLOCK_BYTES: Final = 16


class WrongKey(Exception):
    """The key given does not open the content; the text never says which key."""


def pieces(buffer: Buffer, start: int, end: int) -> Iterator[bytes]:
    """Yield ``[start, end)`` of ``buffer`` in pieces."""
    for at in range(start, end, CHUNK_BYTES):
        yield bytes(buffer[at : min(at + CHUNK_BYTES, end)])


def aes_ctr(data: Iterable[bytes], key: bytes, counter: bytes) -> Iterator[bytes]:
    """Yield the plain text of ``data``; ``counter`` is the first counter block."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return _run(data, Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor())


def aes_cbc(data: Iterable[bytes], key: bytes, iv: bytes, *, padded: bool) -> Iterator[bytes]:
    """Yield the plain text of ``data``, without its padding where it is ``padded``.

    Raises ``WrongKey`` where the padding is not that of PKCS #7, or no whole block ends.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    context = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    plain = _run(data, context)
    return _unpadded(plain) if padded else plain


def aes_gcm(
    data: Iterable[bytes], key: bytes, iv: bytes, tag: bytes, aad: bytes = b""
) -> Iterator[bytes]:
    """Yield the plain text of ``data``. Raises ``WrongKey`` where the tag does not hold."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    mode = modes.GCM(iv, tag, min_tag_length=len(tag))
    context = Cipher(algorithms.AES(key), mode).decryptor()
    context.authenticate_additional_data(aad)
    return _run(data, context)


def _run(data: Iterable[bytes], context: CipherContext) -> Iterator[bytes]:
    from cryptography.exceptions import InvalidTag

    for piece in data:
        yield context.update(piece)
    try:
        last = context.finalize()
    except InvalidTag:
        raise WrongKey("the authentication tag does not hold") from None
    except ValueError:
        raise WrongKey("the cipher text is not whole blocks") from None
    if last:
        yield last


def _unpadded(plain: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for piece in plain:
        held += piece
        if len(held) > BLOCK_BYTES:
            yield held[:-BLOCK_BYTES]
            held = held[-BLOCK_BYTES:]
    count = held[-1] if held else 0
    if len(held) != BLOCK_BYTES or not 1 <= count <= BLOCK_BYTES:
        raise WrongKey("the padding is not that of the right key")
    if held[-count:] != bytes([count]) * count:
        raise WrongKey("the padding is not that of the right key")
    yield held[:-count]

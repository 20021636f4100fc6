"""Content that only the operator calls encrypted: AES under a key for its path.

Guarantees: nothing is tried but on the nodes whose path the secret names; where the
cipher text, its IV and its tag lie is what the operator says and is checked against the
node's size; GCM is verified; the plain text of CBC and CTR counts only when it is proven
(``proof``). A key that does not open it is ``encrypted``, and the bytes stay unexplained.
"""

from __future__ import annotations

from collections.abc import Iterator

from fwverify.model import Entry, Opened
from fwverify.reader import Malformed, Reader
from fwverify.unpack.envelopes import ciphers
from fwverify.unpack.envelopes.ciphers import WrongKey
from fwverify.unpack.envelopes.proof import UNPROVEN, is_proven
from fwverify.unpack.gather import Gathered
from fwverify.unpack.given import RAW_KINDS, Secret
from fwverify.unpack.source import LimitHit, Source


def open_selected(source: Source) -> Opened | None:
    """Return what the secrets given for this node make of it; None where there is none."""
    secrets = source.given.of_kind(*RAW_KINDS)
    if not secrets or not source.size:
        return None
    said: list[str] = []
    for secret in secrets:
        found = Gathered(source, secret.kind)
        try:
            unproven = _open(found, secret)
        except (Malformed, WrongKey) as error:
            said.append(f"{secret.kind}: {error}")
            continue
        except LimitHit as error:
            found.limit(error)
            return found.finish(given=True)
        if unproven is None or len(secrets) == 1:
            if unproven is not None:
                found.trouble("encrypted", UNPROVEN)
            return found.finish(given=True)
        said.append(UNPROVEN)
    found = Gathered(source, secrets[0].kind)
    found.trouble("encrypted", f"no key that was given opens it: {'; '.join(sorted(set(said)))}")
    return found.finish(given=True)


def _open(found: Gathered, secret: Secret) -> str | None:
    """Store the plain text as ``data``; return its digest where it is unproven.

    Raises ``Malformed`` where the places are outside the node, ``WrongKey``, ``LimitHit``.
    """
    source = found.source
    iv, iv_range = _value(source, secret, "iv", 16 if secret.kind != "aes-gcm" else 12)
    behind = iv_range[1] if iv_range and iv_range[0] == 0 else 0
    start = secret.number("offset")
    start = behind if start is None else start
    tag, tag_range, end = b"", None, source.size
    length = secret.number("length")
    if secret.kind == "aes-gcm":
        tag, tag_range, end = _tag(source, secret, start, length)
    elif length is not None:
        end = start + length
    if not start < end <= source.size:
        raise Malformed(start, "cipher text", f"[{start}, {end}) of {source.size} bytes")
    digest, size = source.put_stream(_plain(source, secret, iv, tag, start, end))
    proven = secret.kind == "aes-gcm" or is_proven(source, digest)
    found.add(
        Entry(
            name=b"data",
            sha256=digest,
            size=size,
            extents=((start, end),) if proven else (),
            generated=True,
        )
    )
    if not proven:
        return digest
    found.claim(start, end, "extracted")
    for place in (iv_range, tag_range):
        if place is not None:
            found.claim(*place)
    return None


def _value(
    source: Source, secret: Secret, name: str, length: int
) -> tuple[bytes, tuple[int, int] | None]:
    """Return the value ``name``, given or read at its offset, and where it stands."""
    offset = secret.number(f"{name}_offset")
    if offset is None:
        return secret.values[name], None
    return Reader(source.buffer).peek(offset, length, name), (offset, offset + length)


def _tag(
    source: Source, secret: Secret, start: int, length: int | None
) -> tuple[bytes, tuple[int, int] | None, int]:
    """Return the tag, where it stands, and the end of the cipher text before it."""
    size = secret.number("tag_length") or 16
    stated = None if length is None else start + length
    if "tag" in secret.values:
        return secret.values["tag"], None, source.size if stated is None else stated
    if "tag_offset" in secret.values:
        tag, place = _value(source, secret, "tag", size)
        end = place[0] if place and place[0] > start else source.size
        return tag, place, end if stated is None else stated
    at = source.size - size if stated is None else stated
    if at < start:
        raise Malformed(start, "tag", f"is not in {source.size} bytes")
    return Reader(source.buffer).peek(at, size, "tag"), (at, at + size), at


def _plain(
    source: Source, secret: Secret, iv: bytes, tag: bytes, start: int, end: int
) -> Iterator[bytes]:
    data, key = ciphers.pieces(source.buffer, start, end), secret.values["key"]
    if secret.kind == "aes-gcm":
        return ciphers.aes_gcm(data, key, iv, tag, secret.values.get("aad", b""))
    if secret.kind == "aes-ctr":
        return ciphers.aes_ctr(data, key, iv)
    return ciphers.aes_cbc(data, key, iv, padded=secret.values["padding"] == b"pkcs7")

"""Encrypted images of an SWUpdate archive: which are, and under which IV.

Guarantees: an image is decrypted only where ``sw-description`` says ``encrypted``, with
the IV (``ivt``) that it states for that file, else with the operator's; the decryption
itself and its proof are those of any AES-CBC content (``selected``). An encrypted
``sw-description`` is read with the same key.

Specification: SWUpdate documentation, "Symmetrically Encrypted Update Images"
(aes-cbc, padding of PKCS #7) and "SWUpdate: syntax and tags".

Not checked: which image set a device chooses. libconfig and JSON are read with one
scanner for ``filename``, ``encrypted`` and ``ivt`` inside one pair of braces; a file that
two of them name differently is decrypted with none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from fwverify.model import Entry, Opened
from fwverify.unpack.envelopes import ciphers
from fwverify.unpack.envelopes.ciphers import WrongKey
from fwverify.unpack.gather import is_text
from fwverify.unpack.given import Secret
from fwverify.unpack.source import Source

DESCRIPTION: Final = b"sw-description"
MAX_DESCRIPTION_BYTES: Final = 1024 * 1024
MAX_IMAGES: Final = 4096
_ATTRIBUTE: Final = "swupdate.encrypted:"
_TOKEN: Final = re.compile(
    r"""(?P<open>\{)|(?P<close>\})|"?(?P<key>filename|encrypted|ivt)"?\s*[:=]\s*"""
    r"""(?:"(?P<text>[^"\n]{0,4096})"|(?P<flag>true|false))""",
    re.IGNORECASE,
)
_COMMENT: Final = re.compile(r"/\*[^*]*(?:\*(?!/)[^*]*)*\*/|(?m:(?://|#)(?![^\n]*\")[^\n]*$)")


def with_images(source: Source, opened: Opened) -> Opened:
    """Return ``opened`` with an attribute per encrypted image that its description names.

    Only where a secret for SWUpdate was given for this node.
    """
    secrets = source.given.of_kind("swupdate")
    described = [each for each in opened.entries if each.name == DESCRIPTION]
    if not secrets or not described:
        return opened
    attributes: list[tuple[str, str]] = []
    for secret in secrets:
        text, encrypted = _description(source, described[0], secret)
        if text is None:
            continue
        if encrypted:
            attributes.append((f"{_ATTRIBUTE}{DESCRIPTION.decode()}", ""))
        attributes += [(f"{_ATTRIBUTE}{name}", ivt) for name, ivt in sorted(images(text).items())]
        break
    else:  # nothing reads it: its own opening then says so
        attributes.append((f"{_ATTRIBUTE}{DESCRIPTION.decode()}", ""))
    merged = tuple(sorted({*opened.attributes, *attributes}))
    return msgspec.structs.replace(opened, attributes=merged, given=True)


def _description(source: Source, entry: Entry, secret: Secret) -> tuple[str | None, bool]:
    """Return the text of ``sw-description`` and whether it had to be decrypted."""
    if entry.sha256 is None or (entry.size or 0) > MAX_DESCRIPTION_BYTES:
        return None, False
    data = source.store.read(entry.sha256)
    if is_text(data):
        return data.decode(), False
    iv = secret.values.get("iv")
    if iv is None:
        return None, True
    try:
        plain = b"".join(ciphers.aes_cbc((data,), secret.values["key"], iv, padded=True))
    except WrongKey:
        return None, True
    return (plain.decode(), True) if is_text(plain) else (None, True)


def images(text: str) -> dict[str, str]:
    """Return each encrypted file that a description names, with its IV or ``""``."""
    found: dict[str, str] = {}
    doubtful: set[str] = set()
    for block in _blocks(_COMMENT.sub(" ", text)):
        name = block.get("filename")
        if name is None or block.get("encrypted", "").lower() not in ("true", "aes-cbc", "cbc"):
            continue
        ivt = block.get("ivt", "")
        if found.setdefault(name, ivt) != ivt:
            doubtful.add(name)
        if len(found) > MAX_IMAGES:
            return {}
    return {name: ivt for name, ivt in found.items() if name not in doubtful}


def _blocks(text: str) -> Iterator[dict[str, str]]:
    """Yield the keys of each pair of braces, the inner ones' apart."""
    stack: list[dict[str, str]] = [{}]
    for token in _TOKEN.finditer(text):
        if token["open"]:
            stack.append({})
        elif token["close"]:
            if len(stack) > 1:
                yield stack.pop()
        else:
            value = token["text"] if token["text"] is not None else token["flag"]
            stack[-1].setdefault(token["key"].lower(), value)
    yield from stack


def derived(opened: Opened, name: bytes, secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
    """Return what opens the entry ``name`` of ``opened``, made of the container's secrets."""
    wanted = f"{_ATTRIBUTE}{name.decode('utf-8', 'replace')}"
    stated = [value for key, value in opened.attributes if key == wanted]
    if not stated:
        return ()
    return tuple(
        Secret(kind="aes-cbc", values={"key": each.values["key"], "iv": iv, "padding": b"pkcs7"})
        for each in secrets
        if each.kind == "swupdate" and (iv := _iv(stated[0], each)) is not None
    )


def _iv(stated: str, secret: Secret) -> bytes | None:
    if not stated:
        return secret.values.get("iv")
    try:
        iv = bytes.fromhex(stated)
    except ValueError:
        return None
    return iv if len(iv) == ciphers.BLOCK_BYTES else None

"""Content without children: text, scripts, certificates and keys, PNG, empty files.

Guarantees: ``parsed`` is claimed only for what was read to its last byte: text decodes
whole and holds no control bytes, DER is one structure that fills its bytes, a PNG's
chunks have their checksums and its pixels decode. Dense "text" (any 4 KiB block of 7.2
bit per byte or more) is no text. A script whose text ends in a payload keeps the payload
unexplained, where carving looks.

Specifications: RFC 7468 (PEM), RFC 5280, RFC 5652, RFC 5958 (DER structures), PNG third
edition (W3C 2025).

Not checked: what a text says; that is the analysis.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import contextlib
import hashlib
import re
import zlib
from collections.abc import Iterator
from typing import Final

from fwverify import der
from fwverify.model import Identity, Observation, Opened, Problem, Region
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.documents.manifests import identity_of
from fwverify.unpack.gather import Gathered, condense
from fwverify.unpack.source import Format, Source, highest_entropy_milli

_HEAD_BYTES: Final = 4096
_DENSE_MILLI: Final = 7200
_CONTROLS: Final = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_SHEBANG: Final = b"#!"
_UTF16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def _encoding(head: bytes) -> str:
    return _UTF16.get(head[:2], "utf-8")


def _decoded(buffer: Buffer, encoding: str) -> Iterator[str]:
    """Yield the text of ``buffer`` in pieces. Raises ``UnicodeDecodeError``."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for at in range(0, len(buffer), CHUNK_BYTES):
        yield decoder.decode(bytes(buffer[at : at + CHUNK_BYTES]))
    yield decoder.decode(b"", final=True)


def is_text(buffer: Buffer, _: str = "") -> bool:
    """Return whether the whole of ``buffer`` is text: UTF-8, or UTF-16 with its mark."""
    head = bytes(buffer[:_HEAD_BYTES])
    encoding = _encoding(head)
    if encoding == "utf-8" and _CONTROLS.search(head.decode("utf-8", "replace")):
        return False
    try:
        if any(_CONTROLS.search(piece) for piece in _decoded(buffer, encoding)):
            return False
    except UnicodeDecodeError:
        return False
    return highest_entropy_milli(buffer, 0, len(buffer)) < _DENSE_MILLI


def _whole(source: Source, name: str, *, executable: bool = False) -> Opened:
    region = Region(start=0, end=source.size, kind="parsed", executable=executable)
    return Opened(
        format=name,
        size=source.size,
        regions=(region,) if source.size else (),
        executable=executable,
        complete=source.size <= _MAX_SEARCHED_BYTES,
        problems=() if source.size <= _MAX_SEARCHED_BYTES else (_TOO_LONG,),
        identity=identity_of(source.buffer, source.name) if name == "text" else Identity(),
        observations=condense(_encoded_runs(source.buffer)),
    )


_ENCODED_RUN: Final = re.compile(rb"[A-Za-z0-9+/=_\s-]{2048,}")
_ENCODED_MAGIC: Final = re.compile(
    rb"(?:f0VMR[g-j]|H4sI[A-Za-z0-9]|/Td6WFoA|UEsDB[AB]|KLUv/|TVqQAA|7f454c46|1f8b08)"
    rb"[A-Za-z0-9+/=\s]{80}"
)
"""ELF, gzip, xz, ZIP, zstd and PE in base64; ELF and gzip in hexadecimal."""
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]")
_MAX_SEARCHED_BYTES: Final = 64 * 1024 * 1024
_TOO_LONG: Final = Problem(
    code="limit.text",
    path="",
    text=f"behind {_MAX_SEARCHED_BYTES} bytes the text was not searched for encoded content",
)
_LONGEST_WORD: Final = 40
"""Text has spaces or line ends between words; a longer run of letters is no word."""


def _encoded_runs(buffer: Buffer) -> Iterator[Observation]:
    """Yield an observation per long run of base64 or hexadecimal that holds dense bytes.

    Text is read as text; what is written in letters inside it is not opened here, so it
    is said.
    """
    data = bytes(buffer[:_MAX_SEARCHED_BYTES])
    for hit in _ENCODED_MAGIC.finditer(data):
        yield Observation(
            rule="unpack.encoded_text",
            text="letters that encode a program or an archive",
            capability="evade.packed",
            offset=hit.start(),
            length=len(hit.group()),
            evidence=(f"starts:{hit.group()[:24].decode('ascii')}",),
        )
    for run in _ENCODED_RUN.finditer(data):
        letters = b"".join(word for word in run.group().split() if len(word) > _LONGEST_WORD)
        decoded = _letters_decoded(letters)
        if len(decoded) < 1024 or highest_entropy_milli(decoded, 0, len(decoded)) < _DENSE_MILLI:
            continue
        yield Observation(
            rule="unpack.encoded_text",
            text=f"letters that encode {len(decoded)} bytes which look packed or encrypted",
            capability="evade.packed",
            confidence="medium",
            offset=run.start(),
            length=len(run.group()),
            evidence=(f"sha256:{hashlib.sha256(decoded).hexdigest()}", f"bytes:{len(decoded)}"),
        )


def _letters_decoded(letters: bytes) -> bytes:
    """Return what ``letters`` encode: hexadecimal where all are digits, else base64."""
    if not letters:
        return b""
    with contextlib.suppress(binascii.Error, ValueError):  # no hexadecimal: base64 is tried
        return bytes.fromhex(letters.decode("ascii"))
    plain = _NOT_BASE64.sub(b"", letters.translate(bytes.maketrans(b"-_", b"+/")))
    return base64.b64decode(plain[: len(plain) // 4 * 4])


def _open_script(source: Source) -> Opened:
    """Return the script, up to the last line before the first byte that is no text."""
    if is_text(source.buffer):
        return _whole(source, "script", executable=True)
    found = Gathered(source, "script")
    found.claim(0, _text_end(source.buffer), executable=True)
    return found.finish(executable=True)


def _text_end(buffer: Buffer) -> int:
    """Return the offset behind the last line feed before the first byte that is no text."""
    position = 0
    for at in range(0, len(buffer), CHUNK_BYTES):
        chunk = bytes(buffer[at : at + CHUNK_BYTES])
        bad = re.search(rb"[^\t\n\v\f\r\x1b\x20-\x7e]", chunk)
        line = chunk.rfind(b"\n", 0, bad.start() if bad else len(chunk))
        position = at + line + 1 if line >= 0 else position
        if bad:
            break
    return position


# --- PEM (RFC 7468) ------------------------------------------------------------------

_PEM_BLOCK: Final = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]{1,64})-----\r?\n((?>(?:[^-]|-(?!----))*))-----END \1-----"
)
"""The body ends at the next five dashes, so that many beginnings cost no more than one."""

_MAX_PEM_BYTES: Final = 16 * 1024 * 1024


def _is_pem(buffer: Buffer, _: str) -> bool:
    head = bytes(buffer[:_HEAD_BYTES])
    return b"-----BEGIN " in head and len(buffer) <= _MAX_PEM_BYTES and is_text(buffer)


def _open_pem(source: Source) -> Opened:
    """Return the text with its blocks. A block that is not base64 makes it plain text."""
    data = bytes(source.buffer[:])
    blocks = _PEM_BLOCK.findall(data)
    for _, body in blocks:
        lines = (line for line in body.split(b"\n") if b":" not in line)  # RFC 1421 headers
        try:
            base64.b64decode(b"".join(b"".join(lines).split()), validate=True)
        except binascii.Error:
            return _whole(source, "text")
    return _whole(source, "pem" if blocks else "text")


# --- DER -----------------------------------------------------------------------------

_MAX_DER_BYTES: Final = 16 * 1024 * 1024
_MAX_SHORT_BYTES: Final = 16 * 1024
_LONG_KINDS: Final = ("x509-crl", "cms")
"""A certificate or key is short; in a longer one something else may hide."""

_DER_FAULTS: Final = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError,
)  # fmt: skip
"""What asn1crypto raises for input that is not what it was asked for."""

MAX_SIGNATURE_BYTES: Final = 64 * 1024
"""Code signatures with chain and time stamps take some 20 KiB."""


def _der_end(buffer: Buffer) -> int | None:
    """Return the length of the SEQUENCE at the start, header included (X.690, 8.1)."""
    head = bytes(buffer[:6])
    if len(head) < 2 or head[0] != 0x30:
        return None
    if head[1] < 0x80:
        return 2 + head[1]
    width = head[1] & 0x7F
    if not 1 <= width <= 4 or len(head) < 2 + width or head[2] == 0:
        return None
    return 2 + width + int.from_bytes(head[2 : 2 + width], "big")


def _der_kind(data: bytes) -> str | None:
    """Return what the DER structure ``data`` is, read to its end, or None."""
    from asn1crypto import cms, crl, keys, x509

    kinds = (
        ("x509-certificate", x509.Certificate),
        ("x509-crl", crl.CertificateList),
        ("cms", cms.ContentInfo),
        ("private-key", keys.PrivateKeyInfo),
        ("encrypted-private-key", keys.EncryptedPrivateKeyInfo),
        ("public-key", keys.PublicKeyInfo),
        ("rsa-private-key", keys.RSAPrivateKey),
        ("ec-private-key", keys.ECPrivateKey),
    )
    for name, kind in kinds:
        try:
            value = kind.load(data, strict=True)
            value.native  # noqa: B018  (parses lazily: this reads all of it)
        except _DER_FAULTS:
            continue
        except RecursionError:
            return None
        return name
    return None


def der_length(data: bytes) -> int:
    """Return the length of the DER SEQUENCE at the start of ``data``, 0 where there is none."""
    end = _der_end(data)
    return end if end is not None and end <= len(data) else 0


_FIRST_TAGS: Final = (0x30, 0x02, 0x06)
"""What every kind begins with: SEQUENCE, INTEGER or OBJECT IDENTIFIER."""


def _is_der(buffer: Buffer, _: str) -> bool:
    end = _der_end(buffer)
    if end is None or not 32 <= end <= min(len(buffer), _MAX_DER_BYTES):
        return False
    if buffer[2 + (buffer[1] & 0x7F if buffer[1] >= 0x80 else 0)] not in _FIRST_TAGS:
        return False
    kind = _der_kind(bytes(buffer[:end]))
    return kind is not None and (kind in _LONG_KINDS or end <= _MAX_SHORT_BYTES)


def _open_der(source: Source) -> Opened:
    """Return the structure; bytes behind it stay unexplained.

    A CMS message is understood only when it is SignedData without content of its own.
    It is no signature before the verify stage has verified it. A long list or message
    could carry anything in its extensions and attributes and stays unexplained.
    """
    end = _der_end(source.buffer) or 0
    data = bytes(source.buffer[:end])
    kind = _der_kind(data)
    if kind is None:
        raise Malformed(0, "DER", "is no structure that is known")
    found = Gathered(source, kind)
    if kind == "cms" and not is_detached_signature(data):
        found.trouble("unsupported", "a CMS message with content cannot be opened yet")
    elif end <= (MAX_SIGNATURE_BYTES if kind == "cms" else _MAX_SHORT_BYTES):
        found.claim(0, end)
    return found.finish()


LONG_TEXT: Final = re.compile(rb"[\t\n\r -~]{256,}")
"""A notice in a certificate has at most 200 characters (RFC 5280, 4.2.1.4)."""


def is_detached_signature(data: bytes, *, detached: bool = True) -> bool:
    """Return whether ``data`` is exactly one DER SignedData with a signer.

    ``detached`` asks that it has no content of its own. Shape only: what it signs, and
    whether it holds, is the verify stage's question.
    """
    from asn1crypto import cms, core

    if LONG_TEXT.search(data):  # an attribute can carry anything
        return False
    try:
        der.walk(data)
        info = cms.ContentInfo.load(data, strict=True)
        if info["content_type"].native != "signed_data" or not len(info["content"]["signer_infos"]):
            return False
        # the content's own type may be unknown here (Authenticode): only whether it is there
        content = info["content"]["encap_content_info"]
        return not detached or isinstance(content["content"], core.Void)
    except (Malformed, *_DER_FAULTS):
        return False


# --- PNG -----------------------------------------------------------------------------

_PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_FIXED: Final = {
    b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"tIME": 7, b"cICP": 4,
}  # fmt: skip
_PNG_BOUNDED: Final = {b"PLTE": 768, b"tRNS": 256, b"bKGD": 6, b"sBIT": 4, b"hIST": 512}
_MAX_PIXEL_BYTES: Final = 256 * 1024 * 1024
_ADAM7: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                 (1, 0, 2, 2), (0, 1, 1, 2))  # fmt: skip


def _open_png(source: Source) -> Opened:
    """Return the image: chunks whose meaning is fixed are parsed, others unexplained."""
    found = Gathered(source, "png")
    reader = Reader(source.buffer)
    reader.expect(_PNG_MAGIC, "magic")
    found.claim(0, reader.offset)
    expected, inflate, pixels = None, zlib.decompressobj(), 0
    kind = b""
    while kind != b"IEND":
        start, length = reader.offset, reader.u32be("chunk length")
        kind = reader.take(4, "chunk type")
        data = reader.take(length, f"chunk {kind!r}")
        if reader.u32be("chunk CRC") != zlib.crc32(kind + data):
            raise Malformed(reader.offset - 4, "chunk CRC", f"is wrong for {kind!r}")
        if kind == b"IHDR":
            expected = _png_bytes(data, start)
        elif kind == b"IDAT":
            pixels += _png_pixels(inflate, data, start)
        if kind in (b"IHDR", b"IDAT") or _png_understood(kind, data):
            found.claim(start, reader.offset)
    if pixels != expected or not inflate.eof or inflate.unused_data:
        raise Malformed(0, "IDAT", f"{pixels} bytes of pixels where {expected} belong")
    return found.finish()


def _png_understood(kind: bytes, data: bytes) -> bool:
    if kind == b"tEXt":
        return all(byte >= 0x20 or byte in b"\n\x00" for byte in data) and data.count(0) == 1
    if kind in _PNG_BOUNDED:
        return len(data) <= _PNG_BOUNDED[kind]
    return len(data) == (0 if kind == b"IEND" else _PNG_FIXED.get(kind, -1))


def _png_bytes(header: bytes, offset: int) -> int:
    """Return how many bytes the filtered pixels of an IHDR have (section 7 and 8)."""
    if len(header) != 13 or header[9] not in _PNG_CHANNELS or header[8] not in (1, 2, 4, 8, 16):
        raise Malformed(offset, "IHDR", "has a colour type or depth that does not exist")
    if header[10:12] != b"\x00\x00" or header[12] > 1:
        raise Malformed(offset, "IHDR", "has a compression, filter or interlace unknown")
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _PNG_CHANNELS[header[9]]
    passes = _ADAM7 if header[12] == 1 else ((0, 0, 1, 1),)
    total = 0
    for left, top, right, down in passes:
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    if total > _MAX_PIXEL_BYTES:
        raise Malformed(offset, "IHDR", f"{width} by {height} pixels are too many")
    return total


def _png_pixels(inflate: zlib._Decompress, data: bytes, offset: int) -> int:
    size = 0
    try:
        while data:
            size += len(inflate.decompress(data, CHUNK_BYTES))
            data = inflate.unconsumed_tail
        while piece := inflate.decompress(b"", CHUNK_BYTES):
            size += len(piece)
    except zlib.error as error:
        raise Malformed(offset, "IDAT", str(error)) from error
    return size


# --- the records ---------------------------------------------------------------------

EMPTY: Final = Format(
    name="empty",
    title="empty file",
    family="leaf",
    specification="",
    limitations="",
    recognise=lambda buffer, _: len(buffer) == 0,
    open=lambda source: _whole(source, "empty"),
    leaf=True,
)
SCRIPT: Final = Format(
    name="script",
    title="script with an interpreter line",
    family="leaf",
    specification="https://man7.org/linux/man-pages/man2/execve.2.html",
    limitations="a payload behind the text is carved",
    recognise=lambda buffer, _: bytes(buffer[:2]) == _SHEBANG and _text_end(buffer) > 0,
    open=_open_script,
    leaf=True,
)
PEM: Final = Format(
    name="pem",
    title="PEM certificates and keys",
    family="leaf",
    specification="https://www.rfc-editor.org/rfc/rfc7468",
    limitations="what the blocks hold is judged by the analysis",
    recognise=_is_pem,
    open=_open_pem,
    leaf=True,
)
DER: Final = Format(
    name="der",
    title="DER certificate, CRL, key or CMS message",
    family="leaf",
    specification="https://www.rfc-editor.org/rfc/rfc5280",
    limitations="structures that are not of these kinds are unknown",
    recognise=_is_der,
    open=_open_der,
    leaf=True,
)
PNG: Final = Format(
    name="png",
    title="PNG image",
    family="leaf",
    specification="https://www.w3.org/TR/png-3/",
    limitations="chunks with free content (iCCP, zTXt, iTXt, eXIf, private) are unexplained",
    recognise=lambda buffer, _: bytes(buffer[:8]) == _PNG_MAGIC,
    open=_open_png,
    leaf=True,
)
TEXT: Final = Format(
    name="text",
    title="text (UTF-8, UTF-16 with a byte order mark)",
    family="leaf",
    specification="https://www.rfc-editor.org/rfc/rfc3629",
    limitations="older encodings are unknown",
    recognise=is_text,
    open=lambda source: _whole(source, "text"),
    leaf=True,
)

"""The cleartext signature framework: which bytes of the file are the signed text.

Guarantees (RFC 9580, 7):

- One message a file; its framing lines stand at the start of a line, exactly.
- Its only armor header is ``Hash`` (7.1: anything else could be read as text), and the
  digest of each signature is among the ones named there, where any is.
- Every line that begins with a dash is dash-escaped (7.2), else the message is refused.
- ``covered`` are exactly the bytes that enter the digest: not the escapes, not the white
  space and CR at the end of a line (7.2: they are stripped), not the last line end.
- Text before and after the message is not in it; ``outside`` says that there is some.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fwverify.reader import Buffer, Malformed
from fwverify.verify.ranges import normal
from fwverify.verify.scheme import Range

BEGIN: Final = b"-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE: Final = b"-----BEGIN PGP SIGNATURE-----"
_END: Final = b"-----END PGP SIGNATURE-----"
MAX_BYTES: Final = 16 * 1024 * 1024
MAX_LINES: Final = 200_000
_SEARCHED_BYTES: Final = 4096
_BLANK: Final = b" \t\r"
_NAMES: Final = {
    b"md5": "md5",
    b"sha1": "sha1",
    b"sha224": "sha224",
    b"sha256": "sha256",
    b"sha384": "sha384",
    b"sha512": "sha512",
    b"sha3-256": "sha3_256",
    b"sha3-512": "sha3_512",
}


@dataclass(frozen=True)
class Cleartext:
    """A parsed message. ``signed`` is the digest's input, ``text`` the same with LF.

    ``digests`` are the names of the ``Hash`` headers; ``outside`` the count of bytes
    before and after the message that are not blank space.
    """

    text: bytes
    signed: bytes
    digests: tuple[str, ...]
    member: bytes
    covered: tuple[Range, ...]
    container: tuple[Range, ...]
    outside: int


def is_cleartext(content: Buffer) -> bool:
    """Return whether a message begins near the start of ``content``, on a line of its own."""
    head = bytes(content[:_SEARCHED_BYTES])
    at = head.find(BEGIN)
    return at == 0 or (at > 0 and head[at - 1 : at] == b"\n")


def parse(content: Buffer) -> Cleartext:
    """Return the only cleartext message in ``content``. Raises ``Malformed``."""
    if len(content) > MAX_BYTES:
        raise Malformed(0, "cleartext", f"{len(content)} bytes, the bound is {MAX_BYTES}")
    data = bytes(content[:])
    if data.count(b"\n") > MAX_LINES:
        raise Malformed(0, "cleartext", f"more than {MAX_LINES} lines")
    lines = _lines(data)
    marks = [n for n, (_, line) in enumerate(lines) if line.startswith(b"-----")]
    first = _only(lines, marks, BEGIN)
    middle = _only(lines, marks, _SIGNATURE)
    last = _only(lines, marks, _END)
    if not first < middle < last:
        raise Malformed(lines[first][0], "cleartext", "its parts are not in order")
    digests, start = _headers(lines, first + 1, middle)
    text, covered = _text(lines[start:middle])
    around = (*lines[:first], *lines[last + 1 :])
    return Cleartext(
        text=b"\n".join(text),
        signed=b"\r\n".join(text),
        digests=digests,
        member=b"\n".join(line for _, line in lines[middle : last + 1]) + b"\n",
        covered=normal(covered),
        container=_framing(lines, first, start, middle, last),
        outside=sum(len(line.strip()) for _, line in around),
    )


def _lines(data: bytes) -> list[tuple[int, bytes]]:
    """Return (offset, line without its LF) of every line."""
    found: list[tuple[int, bytes]] = []
    at = 0
    for line in data.split(b"\n"):
        found.append((at, line))
        at += len(line) + 1
    return found


def _end(lines: list[tuple[int, bytes]], number: int) -> int:
    return lines[number][0] + len(lines[number][1])


def _only(lines: list[tuple[int, bytes]], marks: list[int], label: bytes) -> int:
    found = [number for number in marks if lines[number][1].rstrip(_BLANK) == label]
    if len(found) != 1:
        text = label.decode().strip("-")
        raise Malformed(0, "cleartext", f"{text} stands {len(found)} times, not once")
    return found[0]


def _headers(
    lines: list[tuple[int, bytes]], number: int, middle: int
) -> tuple[tuple[str, ...], int]:
    """Return the digests named and the number of the first line of text."""
    digests: list[str] = []
    while number < middle:
        at, line = lines[number]
        line = line.rstrip(_BLANK)
        number += 1
        if not line:
            return tuple(digests), number
        if not line.startswith(b"Hash: "):
            raise Malformed(at, "cleartext.header", "is not Hash (RFC 9580, 7.1)")
        for name in line[6:].lower().split(b","):
            if name.strip() not in _NAMES:
                raise Malformed(at, "cleartext.header", "names a digest that is not known")
            digests.append(_NAMES[name.strip()])
    raise Malformed(lines[middle][0], "cleartext.header", "no empty line ends the headers")


def _text(lines: list[tuple[int, bytes]]) -> tuple[list[bytes], list[Range]]:
    """Return the lines as they are signed, and the bytes that are in the digest."""
    text: list[bytes] = []
    covered: list[Range] = []
    for number, (at, line) in enumerate(lines):
        escaped = line.startswith(b"- ")
        if line.startswith(b"-") and not escaped:
            raise Malformed(at, "cleartext.text", "a line with a dash is not escaped")
        start = 2 if escaped else 0
        kept = line[start:].rstrip(_BLANK)
        text.append(kept)
        covered.append((at + start, at + start + len(kept)))
        if number + 1 < len(lines):
            covered.append((at + len(line), at + len(line) + 1))
    return text, [one for one in covered if one[0] < one[1]]


def _framing(
    lines: list[tuple[int, bytes]], first: int, start: int, middle: int, last: int
) -> tuple[Range, ...]:
    """Return the bytes of headers, escapes and signature block."""
    found: list[Range] = [(lines[first][0], lines[start][0])]
    found += [(at, at + 2) for at, line in lines[start:middle] if line.startswith(b"- ")]
    line_end = 1 if last + 1 < len(lines) else 0
    found.append((_end(lines, middle - 1), _end(lines, last) + line_end))
    return normal([one for one in found if one[0] < one[1]])

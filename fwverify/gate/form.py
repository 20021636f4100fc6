"""The one signed text form of releases, verdicts, waivers, pins and revocation lists.

Guarantees: a text is accepted in its exact canonical form alone. It is bytes 0x20 to 0x7E
in lines that each end in LF; the first line names the domain, so that a signature over
one kind is never one over another; then come ``key: value`` lines in the fixed order of
``FORMS``, each key once, those that may be repeated with values in strictly ascending
byte order; then ``signature:`` lines, ascending. What is signed is everything before
the first of these. Size, lines and lengths are bounded. ``write`` of what was read gives
the same bytes (RFC 20 for the characters, RFC 4648, 4 for base64, RFC 3339 for times,
always in UTC with ``Z``).

Text beyond ASCII stands as ``%XX`` of its UTF-8 bytes, and ``%`` itself as ``%25``.
``gate.sh`` has the same rules for sh and awk: change both.

Not checked: who signed, and whether what is said is true.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 1024 * 1024
MAX_LINES: Final = 10_000
MAX_LINE: Final = 4_096
MAX_SIGNATURES: Final = 16
SIGNATURE: Final = "signature"
NONE: Final = "-"

RELEASE: Final = "fwverify-release/1"
VERDICT: Final = "fwverify-verdict/1"
WAIVER: Final = "fwverify-waiver/1"
PINS: Final = "fwverify-pins/1"
REVOCATIONS: Final = "fwverify-revocations/1"

_PLAIN: Final = re.compile(rb"[\x20-\x7e\n]*")
_HEX: Final = re.compile("[0-9a-f]{64}")
_NUMBER: Final = re.compile("0|[1-9][0-9]{0,14}")
_TEXT_ESCAPE: Final = re.compile("%(25|[89A-F][0-9A-F])")
_PATH_ESCAPE: Final = re.compile("%(21|25|5C|7F|0[1-9A-F]|1[0-9A-F]|[89A-F][0-9A-F])")
_BASE64: Final = re.compile("[A-Za-z0-9+/]+={0,2}")
_TIME: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII)
_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ALGORITHMS: Final = ("ecdsa-p256-sha256", "ed25519")


class Malformed(Exception):
    """A text is not in its form: the line, the key and why."""

    def __init__(self, line: int, key: str, why: str) -> None:
        super().__init__(f"line {line}: {key + ': ' if key else ''}{why}")
        self.line = line
        self.key = key
        self.why = why


@dataclass(frozen=True)
class Record:
    """A text that was read: its domain, its lines in order, its signatures."""

    domain: str
    lines: tuple[tuple[str, str], ...]
    signatures: tuple[str, ...] = ()

    @property
    def body(self) -> bytes:
        """The bytes that are signed."""
        lines = "".join(f"{key}: {value}\n" for key, value in self.lines)
        return f"{self.domain}\n{lines}".encode("ascii")

    def one(self, key: str) -> str:
        """Return the value of a key that stands once; raises ``KeyError`` for another."""
        for name, value in self.lines:
            if name == key:
                return value
        raise KeyError(key)

    def all(self, key: str) -> tuple[str, ...]:
        """Return the values of a key that may be repeated."""
        return tuple(value for name, value in self.lines if name == key)


def is_hex(value: str) -> bool:
    """Return whether ``value`` is a SHA-256 in lower case."""
    return bool(_HEX.fullmatch(value))


def _is_hex_or_none(value: str) -> bool:
    return value == NONE or is_hex(value)


def is_number(value: str) -> bool:
    """Return whether ``value`` is a whole number without a leading zero, up to 15 digits."""
    return bool(_NUMBER.fullmatch(value))


def is_time(value: str) -> bool:
    """Return whether ``value`` is a time that exists, as ``2026-01-31T23:59:59Z``."""
    found = _TIME.fullmatch(value)
    if not found:
        return False
    year, month, day = (int(found[each]) for each in (1, 2, 3))
    if not (1 <= month <= 12 and day >= 1):
        return False
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return day <= _DAYS[month - 1] + leap


def is_text(value: str) -> bool:
    """Return whether ``value`` is text with ``%`` as ``%25`` and other bytes as ``%XX``."""
    return "%" not in _TEXT_ESCAPE.sub("", value)


def folded(value: str) -> str:
    """Return what the spellings of one name have in common: no capitals, single blanks.

    ``value`` is text as it stands in a form, so that letters beyond ASCII stay as they are:
    a device without tables of Unicode does the same.
    """
    return re.sub(" +", " ", value).lower()


def is_path(value: str) -> bool:
    """Return whether ``value`` is a member's path (``fwverify.paths``), within its folder."""
    rest = _PATH_ESCAPE.sub("", value)
    if any(each in rest for each in "%!\\"):
        return False
    return all(segment not in ("", ".", "..") for segment in value.split("/"))


def _is_member(value: str) -> bool:
    """Return whether ``value`` is ``SHA256 SIZE PATH``."""
    parts = value.split(" ", 2)
    return len(parts) == 3 and is_hex(parts[0]) and is_number(parts[1]) and is_path(parts[2])


def _is_key(value: str) -> bool:
    """Return whether ``value`` is ``FINGERPRINT ALGORITHM SPKI PERSON``."""
    parts = value.split(" ", 3)
    return (
        len(parts) == 4
        and _is_signature(" ".join(parts[:3]))
        and is_text(parts[3])
        and not parts[3].startswith(" ")
    )


def _is_signature(value: str) -> bool:
    """Return whether ``value`` is ``FINGERPRINT ALGORITHM BASE64``."""
    parts = value.split(" ")
    if len(parts) != 3 or not is_hex(parts[0]) or parts[1] not in _ALGORITHMS:
        return False
    return bool(_BASE64.fullmatch(parts[2])) and len(parts[2]) % 4 == 0


def _one_of(*words: str) -> Callable[[str], bool]:
    return lambda value: value in words


@dataclass(frozen=True)
class Key:
    """A key of a form: what its values are, and whether it may be repeated or left out."""

    name: str
    fits: Callable[[str], bool]
    repeated: bool = False


_BOUND: Final = (
    Key("subject", is_hex),
    Key("kind", _one_of("file", "set")),
    Key("size", is_number),
    Key("member", _is_member, repeated=True),
    Key("context", is_hex),
    Key("config", is_hex),
    Key("policy", is_hex),
    Key("trust", is_hex),
    Key("rules", is_hex),
    Key("baseline", _is_hex_or_none),
    Key("report", is_hex),
    Key("at", is_time),
)
_ENDS: Final = (
    Key("submitter", is_text),
    Key("not-before", is_time),
    Key("not-after", is_time),
)

FORMS: Final = {
    VERDICT: (*_BOUND, Key("verdict", _one_of("ALLOW")), *_ENDS),
    RELEASE: (
        *_BOUND,
        Key("verdict", _one_of("ALLOW", "REVIEW", "INCOMPLETE", "DENY")),
        *_ENDS,
        Key("mode", _one_of("regular", "interim", "emergency")),
        Key("accept", is_text, repeated=True),
        Key("condition", is_text, repeated=True),
    ),
    WAIVER: (
        Key("finding", is_hex),
        Key("subject", is_hex),
        Key("context", is_hex),
        *_ENDS,
        Key("reason", is_text),
        Key("ticket", is_text),
        Key("control", is_text, repeated=True),
    ),
    PINS: (
        Key("release-key", _is_key, repeated=True),
        Key("revocation-key", _is_key, repeated=True),
    ),
    REVOCATIONS: (
        Key("number", is_number),
        Key("this-update", is_time),
        Key("next-update", is_time),
        Key("release", is_hex, repeated=True),
        Key("subject", is_hex, repeated=True),
        Key("key", is_hex, repeated=True),
    ),
}
"""The keys of each domain, in the order in which they stand."""


def read(data: bytes, *domains: str) -> Record:
    """Return the text ``data``, which is of one of ``domains``. Raises ``Malformed``."""
    lines = _lines(data)
    domain = lines[0]
    if domain not in domains:
        raise Malformed(1, "", f"is not {' or '.join(domains)}")
    found: list[tuple[str, str]] = []
    signatures: list[str] = []
    for number, line in enumerate(lines[1:], start=2):
        key, separator, value = line.partition(": ")
        if not separator or not value or value[0] == " " or value[-1] == " ":
            raise Malformed(number, "", "is no line of the form key: value")
        if key == SIGNATURE:
            if not _is_signature(value):
                raise Malformed(number, key, "is no signature")
            signatures.append(value)
        elif signatures:
            raise Malformed(number, key, "stands below a signature")
        else:
            found.append((key, value))
    _check(domain, found)
    _ascending(SIGNATURE, [each.split(" ")[0] for each in signatures])
    if len(signatures) > MAX_SIGNATURES or (domain == PINS and signatures):
        raise Malformed(len(lines), SIGNATURE, "there are too many")
    record = Record(domain, tuple(found), tuple(signatures))
    if write(record) != data:
        raise Malformed(1, "", "is not in its canonical form")
    return record


def _lines(data: bytes) -> list[str]:
    """Return the lines of ``data``; refuses other bytes and what is too long."""
    if len(data) > MAX_BYTES:
        raise Malformed(1, "", f"there are more than {MAX_BYTES} bytes")
    if not data.endswith(b"\n"):
        raise Malformed(data.count(b"\n") + 1, "", "the last line does not end")
    fits = _PLAIN.match(data)
    end = fits.end() if fits else 0
    if end != len(data):
        line = data.count(b"\n", 0, end) + 1
        raise Malformed(line, "", f"byte {end} is 0x{data[end]:02x}, which no text here has")
    lines = data[:-1].decode("ascii").split("\n")
    if len(lines) > MAX_LINES:
        raise Malformed(MAX_LINES, "", f"there are more than {MAX_LINES} lines")
    for at, each in enumerate(lines, start=1):
        if len(each) > MAX_LINE:
            raise Malformed(at, "", f"is longer than {MAX_LINE} characters")
    return lines


def _check(domain: str, lines: list[tuple[str, str]]) -> None:
    """Hold ``lines`` against the keys of ``domain``: order, number and values."""
    at = 0
    for key in FORMS[domain]:
        values: list[str] = []
        while at < len(lines) and lines[at][0] == key.name and (key.repeated or not values):
            if not key.fits(lines[at][1]):
                raise Malformed(at + 2, key.name, "has no value of its kind")
            values.append(lines[at][1])
            at += 1
        if not key.repeated and not values:
            raise Malformed(at + 2, key.name, "is missing, or stands elsewhere")
        _ascending(key.name, values)
    if at != len(lines):
        raise Malformed(at + 2, lines[at][0][:80], "is unknown, stands twice or elsewhere")


def _ascending(key: str, values: list[str]) -> None:
    for before, value in itertools.pairwise(values):
        if value <= before:
            raise Malformed(1, key, "its values are not in ascending order, each once")


def write(record: Record) -> bytes:
    """Return the bytes of ``record``."""
    told = "".join(f"{SIGNATURE}: {each}\n" for each in record.signatures)
    return record.body + told.encode("ascii")


def make(domain: str, values: dict[str, str | Iterable[str]]) -> Record:
    """Return an unsigned text of ``domain``; repeated keys have sequences, put in order here.

    Raises ``Malformed`` where a value does not fit or one is missing.
    """
    lines: list[tuple[str, str]] = []
    for key in FORMS[domain]:
        value = values.get(key.name, ())
        several = (value,) if isinstance(value, str) else sorted(set(value))
        lines += [(key.name, each) for each in several]
    return read(write(Record(domain, tuple(lines))), domain)


def escaped(text: str) -> str:
    """Return ``text`` as a value: ``%`` and every byte beyond ASCII as ``%XX``."""
    told = (
        chr(byte) if 0x20 <= byte < 0x7F and byte != 0x25 else f"%{byte:02X}"
        for byte in text.encode("utf-8", "replace")
    )
    return "".join(told).strip(" ")


def unescaped(value: str) -> str:
    """Return the text of ``value``; bytes that are no UTF-8 show as the replacement character."""
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(value).decode("utf-8", "replace")

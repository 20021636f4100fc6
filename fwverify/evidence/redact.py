"""The variant of a package that may be published: what was taken out is named, not shown.

Guarantees: ``redact`` replaces every text of the JSON files in which one of the strings
stands (in any letter case, percent-encoded, in base64 or in hexadecimal) by ``[redacted]``,
with the fingerprint and excerpt of the same finding, and the digests over all of it, which
could otherwise confirm a guess. The readable forms are written again from what remains, or
withheld; policy, case file, trust rule and PDF always are. ``redacted.json`` names each
place with an HMAC-SHA-256 of what stood there, under a key of its own (derived from the
case's secret and the place): the owner of the secret can show what it was, nobody can guess
it. ``guard`` refuses files in which a string still stands. ``faults`` is the check for
everybody: only what is listed is absent.

Specification: RFC 2104 (HMAC), RFC 6901 (places within a file), RFC 8785 (their values).

Not done: digests of contents stay; where the content itself is a short secret, its digest
has to be among the strings. A string of fewer than four characters is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, unquote

import msgspec
from msgspec import Meta

from fwverify.canonical import canonical_json
from fwverify.evidence import asic, inputs, layout
from fwverify.evidence.package import PackageError
from fwverify.model import Report
from fwverify.model import _Value as Value
from fwverify.reader import Malformed
from fwverify.strict import NOT_JSON

FILE: Final = "redacted.json"
MARK: Final = "[redacted]"
MIN_CHARACTERS: Final = 4
MIN_SECRET_BYTES: Final = 16
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}")
_DOMAIN: Final = b"fwverify.redacted/1\0"
_ALWAYS: Final = (
    ("case.json", "/digests/case"),
    ("case.json", "/digests/context"),
    ("decision.json", "/core_sha256"),
)
"""Digests over little or over everything: with the rest known, each confirms a guess."""

_GOES_ALONG: Final = ("fingerprint", "excerpt")
"""What a finding says of the same bytes in another form."""


class RedactionError(PackageError):
    """Nothing that could be published: why, in one line."""


class Leaf(Value, frozen=True, kw_only=True):
    """One place, ``file`` or ``file#/pointer``, and the HMAC of what stood there."""

    path: str
    hmac_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Redacted(Value, frozen=True, kw_only=True):
    """``redacted.json``. ``removed`` are values, ``rewritten`` and ``withheld`` whole files."""

    schema: Literal["fwverify.redacted/1"] = "fwverify.redacted/1"
    original: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    removed: tuple[Leaf, ...]
    rewritten: tuple[Leaf, ...]
    withheld: tuple[Leaf, ...]


def leaf(secret: bytes, path: str, value: bytes) -> Leaf:
    """Return the leaf of ``value`` at ``path`` under the case's ``secret``."""
    key = hmac.new(secret, _DOMAIN + path.encode(), hashlib.sha256).digest()
    return Leaf(path=path, hmac_sha256=hmac.new(key, value, hashlib.sha256).hexdigest())


# --- what has to go ----------------------------------------------------------------------


@dataclass
class _Strings:
    """The strings to be removed; fingerprints of findings that hold one join them."""

    plain: set[str] = field(default_factory=set)

    def in_text(self, text: str) -> bool:
        """Return whether one of them stands in ``text``, as it is or encoded."""
        if text == MARK:
            return True
        return any(self._in(form) for form in _readings(text))

    def _in(self, text: str) -> bool:
        folded = text.casefold()
        return any(one in folded for one in self.plain)


def _readings(text: str) -> Iterator[str]:
    """Yield what ``text`` says, and what it says once decoded."""
    yield text
    if "%" in text:
        yield unquote(text, errors="replace")
    if "&" in text:
        yield html.unescape(text)
    for word in _BASE64.findall(text):
        for data in (_decoded(base64.b64decode, word), _decoded(bytes.fromhex, word)):
            if data:
                yield data.decode("utf-8", "replace")
                yield data.replace(b"\0", b"").decode("utf-8", "replace")


def _decoded(how: Any, word: str) -> bytes:
    try:
        found: bytes = how(word.replace("-", "+").replace("_", "/"))
    except (ValueError, binascii.Error):
        return b""
    return found


def _places(value: Any, strings: _Strings, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield pointer and value of every text that has to go, in the order of the document."""
    if isinstance(value, str):
        if strings.in_text(value):
            yield at, value
        return
    items: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        items = [(key.replace("~", "~0").replace("/", "~1"), value[key]) for key in sorted(value)]
    elif isinstance(value, list):
        items = [(str(number), one) for number, one in enumerate(value)]
    for key, one in items:
        yield from _places(one, strings, f"{at}/{key}")


def _all_places(documents: Mapping[str, Any], strings: _Strings) -> set[tuple[str, str]]:
    """Return (file, pointer) of all that has to go, and of what goes along with it.

    Each round adds the fingerprints that went; it ends when none is new.
    """
    while True:
        found = {place for place in _ALWAYS if isinstance(_at(documents[place[0]], place[1]), str)}
        for name, document in documents.items():
            found |= {(name, pointer) for pointer, _ in _places(document, strings)}
        found |= set(_along(documents["stages/analyse.json"], found))
        marks = {str(_at(documents[n], p)) for n, p in found if p.endswith("/fingerprint")}
        subject = documents["case.json"]["subject"]
        members = any(p.startswith("/subject/members/") for n, p in found if n == "case.json")
        if subject["kind"] == "set" and members:  # a set's digest is over its members' names
            found.add(("case.json", "/subject/sha256"))
            marks.add(str(_at(documents["case.json"], "/subject/sha256")))
        fresh = {one for one in marks if one != MARK} - strings.plain
        if not fresh:
            return found
        strings.plain |= fresh


def _along(document: Any, found: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield fingerprint and excerpt of each finding of which something went."""
    name = "stages/analyse.json"
    touched = {p.split("/")[2] for n, p in found if n == name and p.startswith("/findings/")}
    for number in sorted(touched, key=int):
        finding = document["findings"][int(number)]
        for key in _GOES_ALONG:
            if finding[key]:
                yield name, f"/findings/{number}/{key}"


def _steps(pointer: str) -> list[str]:
    return [one.replace("~1", "/").replace("~0", "~") for one in pointer.split("/")[1:]]


def _at(document: Any, pointer: str) -> Any:
    """Return the value at an RFC 6901 pointer; None where there is none."""
    for step in _steps(pointer):
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document


def _put(document: Any, pointer: str, value: Any) -> None:
    steps = _steps(pointer)
    for step in steps[:-1]:
        document = document[int(step)] if isinstance(document, list) else document[step]
    last: Any = int(steps[-1]) if isinstance(document, list) else steps[-1]
    document[last] = value


# --- the redacted core -------------------------------------------------------------------


def redact(
    files: Mapping[str, bytes], strings: tuple[str, ...], secret: bytes
) -> tuple[dict[str, bytes], str]:
    """Return the core of the redacted variant, and the digest by which it names its update.

    ``files`` are those of a whole package. Raises ``RedactionError``, and ``Malformed`` for
    what is no package.
    """
    _check_given(strings, secret)
    documents = {name: msgspec.json.decode(files[name]) for name, _ in layout.PARTS}
    layout.report_of(files)
    wanted = _Strings({one.casefold() for one in strings})
    places = sorted(_all_places(documents, wanted))
    removed = tuple(
        leaf(secret, f"{name}#{pointer}", canonical_json(_at(documents[name], pointer)))
        for name, pointer in places
    )
    for name, pointer in places:
        _put(documents[name], pointer, MARK)
    made = {name: canonical_json(document) for name, document in documents.items()}
    views = _views(documents, wanted)
    listed = Redacted(
        original=leaf(secret, asic.SUMS, files[asic.SUMS]).hmac_sha256,
        removed=removed,
        rewritten=tuple(leaf(secret, name, files[name]) for name in sorted(views)),
        withheld=tuple(leaf(secret, name, files[name]) for name in _withheld(files, views)),
    )
    made |= views
    made |= {FILE: canonical_json(listed), layout.SCRIPT: layout.script()}
    made[layout.README] = files[layout.README]
    guard(made, strings)
    update: str = documents["case.json"]["subject"]["sha256"]
    own = {one.path: one.hmac_sha256 for one in removed}
    return made, own["case.json#/subject/sha256"] if update == MARK else update


def _withheld(files: Mapping[str, bytes], views: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the files that are left out: policy, inputs, the PDF, and views that cannot be made."""
    yield from sorted(filter(inputs.is_steering, files))
    yield from (name for name, _ in layout.VIEWS if name not in views)


def _check_given(strings: tuple[str, ...], secret: bytes) -> None:
    if not strings or any(len(one) < MIN_CHARACTERS for one in strings):
        raise RedactionError(f"strings of at least {MIN_CHARACTERS} characters are removed")
    if len(secret) < MIN_SECRET_BYTES:
        raise RedactionError(f"the secret has fewer than {MIN_SECRET_BYTES} bytes")


def _views(documents: Mapping[str, Any], strings: _Strings) -> dict[str, bytes]:
    """Return the readable forms of what remains; those that cannot be written are left out."""
    plain: dict[str, Any] = {}
    for document in documents.values():
        plain |= _blank(document)
    try:
        report = msgspec.convert(plain, Report)
    except msgspec.ValidationError:
        return {}
    made = {name: view(report) for name, view in layout.VIEWS}
    return {name: data for name, data in made.items() if not _stands(data, strings.plain)}


def _blank(value: Any, key: str = "") -> Any:
    """Return ``value`` with zeros where a digest was, so that it is a report again."""
    if isinstance(value, dict):
        return {name: _blank(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_blank(one, key) for one in value]
    digest = key in ("fingerprint", "findings", "context", "case") or key.endswith("sha256")
    return "0" * 64 if value == MARK and digest else value


def guard(files: Mapping[str, bytes], strings: tuple[str, ...]) -> None:
    """Raise ``RedactionError`` where one of ``strings`` still stands in a file, in any form."""
    for name in sorted(files):
        if _stands(files[name], strings) or _stands(name.encode(), strings):
            raise RedactionError(f"{name}: one of the strings would still stand in it")


def _stands(data: bytes, strings: Iterable[str]) -> bool:
    """Return whether one of ``strings`` can be read in ``data``, decoded or as it is."""
    listed = tuple(strings)
    wide = data.replace(b"\0", b"").decode("utf-8", "replace")
    if _Strings({one.casefold() for one in listed}).in_text(wide):
        return True
    text = data.decode("utf-8", "replace").casefold()
    return any(form.casefold() in text for one in listed for form in _forms(one))


def _forms(text: str) -> Iterator[str]:
    """Yield how ``text`` may be written in a file."""
    data = text.encode()
    yield text
    yield from (html.escape(text), quote(text), quote(text, safe=""))
    yield msgspec.json.encode(text).decode()[1:-1]
    yield text.encode("ascii", "backslashreplace").decode()
    yield data.hex()
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + data).decode().rstrip("=")
        start = (0, 2, 3)[shift]
        whole = (shift + len(data)) // 3 * 4
        if whole - start >= MIN_CHARACTERS:
            yield coded[start:whole]


# --- checking ----------------------------------------------------------------------------


def listed(files: Mapping[str, bytes]) -> Redacted:
    """Return ``redacted.json``. Raises ``Malformed``."""
    try:
        return msgspec.json.decode(files[FILE], type=Redacted)
    except (KeyError, *NOT_JSON) as error:
        raise Malformed(0, FILE, f"cannot be read: {error}") from error


def withheld(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the files that may be absent. Raises ``Malformed`` where more is than is listed.

    Readable forms, policy and inputs alone may be withheld; every mark in a JSON file has
    its leaf, and every leaf its mark.
    """
    what = listed(files)
    names = tuple(one.path for one in what.withheld)
    bound = {name for name, _ in layout.VIEWS} | {*filter(inputs.is_steering, names)}
    if set(names) - bound or any(name in files for name in names):
        raise Malformed(0, FILE, "withholds a file that it may not, or that is there")
    layout.merged(files)
    nothing = _Strings()
    marks = {
        f"{name}#{pointer}"
        for name, _ in layout.PARTS
        for pointer, _ in _places(msgspec.json.decode(files[name]), nothing)
    }
    paths = [one.path for one in what.removed]
    if marks != set(paths) or len(paths) != len(marks):
        raise Malformed(0, FILE, "does not name exactly the places that are redacted")
    return names


def faults(
    redacted: Mapping[str, bytes], original: Mapping[str, bytes], secret: bytes
) -> tuple[str, ...]:
    """Return where the redacted variant is not the original less what it lists."""
    what = listed(redacted)
    found: list[str] = []
    if leaf(secret, asic.SUMS, original[asic.SUMS]).hmac_sha256 != what.original:
        found.append("is of another package, or the secret is another")
    found += [
        f"{one.path} was another file"
        for one in (*what.rewritten, *what.withheld)
        if leaf(secret, one.path, original.get(one.path, b"")) != one
    ]
    named = {one.path for one in (*what.rewritten, *what.withheld)}
    gone = {name for name in original if asic.is_core(name)} - set(redacted)
    found += [f"{name} is absent and not listed" for name in sorted(gone - named)]
    removed = {one.path: one for one in what.removed}
    for name, _ in layout.PARTS:
        before, after = (msgspec.json.decode(files[name]) for files in (original, redacted))
        for path in sorted(path for path in removed if path.startswith(f"{name}#")):
            pointer = path.partition("#")[2]
            value = _at(before, pointer)
            if leaf(secret, path, canonical_json(value)) != removed[path]:
                found.append(f"{path} was another value")
            if value is not None:
                _put(before, pointer, MARK)
        if before != after:
            found.append(f"{name} differs beyond what is listed")
    return tuple(found)

"""The Debian archive's chain: signed Release, index ``Packages``, package files.

Guarantees:

- ``InRelease`` must be one cleartext message and nothing else: text before or after it
  refuses it, as a reader that skips the framing would read that text. ``Release`` is
  verified by ``Release.gpg`` beside it, over all its bytes.
- ``Date`` must not lie after the verification time, ``Valid-Until`` not before it: an
  expired Release is authentic and not trusted (replay). A Release without an end says so.
- Only SHA-256 links the chain; MD5 and SHA-1 lists are ignored. Digest *and* size must
  be those of the file; a name listed twice with different content refuses the Release.
- A file of the update is vouched for where its content is listed, whatever its name
  here; the name that is vouched for stands in ``via``. An index that is listed is read,
  and what it lists is vouched for in turn.

Specification: Debian RepositoryFormat, "Release files", "Packages indices"; deb822(5).

Not checked: that a file is meant for this suite, architecture or version (the archive
vouches for all it lists), ``Packages`` that are listed only compressed, source indices,
translations, and debsig's ``_gpgorigin``.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from fwverify.model import Vouch
from fwverify.reader import Buffer, Malformed
from fwverify.verify import openpgp_cleartext, primitives
from fwverify.verify.cms_signer import Frame, refused
from fwverify.verify.openpgp_verify import judge_cleartext, judge_member
from fwverify.verify.scheme import Material, Neighbour, Scheme, Signed, View, whole

NAME: Final = "debian-release"
MAX_ENTRIES: Final = 200_000
MAX_VOUCHES: Final = 100_000
MAX_INDEX_BYTES: Final = 512 * 1024 * 1024
_MAX_STANZA_BYTES: Final = 256 * 1024
_INDEX: Final = "Packages"
_HEAD_BYTES: Final = 8192
_ENTRY: Final = re.compile(r" ([0-9a-f]{64}) +([0-9]{1,15}) (\S+)")
_PACKAGE: Final = re.compile(rb"(?m)^SHA256: ([0-9a-f]{64})$")
_FIELD: Final = re.compile(r"([!-9;-~]+):(.*)")


@dataclass(frozen=True)
class Listed:
    """One line of the list: what the file is called in the archive, its digest and size."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Release:
    """A parsed Release. Times are aware, in UTC."""

    title: str
    date: datetime
    valid_until: datetime | None
    files: tuple[Listed, ...]


def is_in_release(content: Buffer) -> bool:
    """Return whether ``content`` is a cleartext message around a Release, by its head."""
    if not openpgp_cleartext.is_cleartext(content):
        return False
    head = bytes(content[:_HEAD_BYTES])
    return _looks_like_release(head[head.find(openpgp_cleartext.BEGIN) :])


def _looks_like_release(head: bytes) -> bool:
    lines = head.splitlines()
    starts = [line.split(b":")[0] + b":" for line in lines if b":" in line]
    named = any(start in (b"Suite:", b"Codename:", b"Origin:") for start in starts)
    return named and b"Date:" in starts and any(s in (b"SHA256:", b"MD5Sum:") for s in starts)


def parse_release(text: bytes) -> Release:
    """Return the Release in ``text``. Raises ``Malformed``."""
    if text.count(b"\n") > 2 * MAX_ENTRIES:
        raise Malformed(0, "release", f"more than {2 * MAX_ENTRIES} lines")
    fields = _fields(text)
    title = " ".join(fields[name][0] for name in ("origin", "suite", "codename") if name in fields)
    if "date" not in fields or "sha256" not in fields:
        raise Malformed(0, "release", "has no Date or no SHA256 list")
    until = fields.get("valid-until")
    return Release(
        title="".join(c if c.isprintable() else "?" for c in title)[:120],
        date=_moment(fields["date"][0], "Date"),
        valid_until=None if until is None else _moment(until[0], "Valid-Until"),
        files=_files(fields["sha256"]),
    )


def _fields(text: bytes) -> dict[str, list[str]]:
    """Return the one paragraph's fields, lower case, as their lines. Raises ``Malformed``."""
    try:
        lines = text.decode("utf-8").rstrip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed(error.start, "release", "is not UTF-8") from error
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for number, line in enumerate(lines, 1):
        if line[:1] in (" ", "\t"):
            if current is None:
                raise Malformed(0, "release", f"line {number} continues nothing")
            current.append(line)
            continue
        match = _FIELD.fullmatch(line)
        if match is None:
            raise Malformed(0, "release", f"line {number} is no field")
        name = match[1].lower()
        if name in found:
            raise Malformed(0, "release", f"{name} stands twice")
        current = found[name] = [match[2].strip()]
    return found


def _moment(text: str, field: str) -> datetime:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, TypeError) as error:
        raise Malformed(0, f"release.{field}", "is no date") from error
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _files(lines: list[str]) -> tuple[Listed, ...]:
    if lines[0] or len(lines) > MAX_ENTRIES:
        raise Malformed(0, "release.SHA256", f"{len(lines)} lines, or text on its first")
    found: dict[str, Listed] = {}
    for line in lines[1:]:
        match = _ENTRY.fullmatch(line)
        if match is None:
            raise Malformed(0, "release.SHA256", "a line is not digest, size and name")
        one = Listed(match[3], match[1], int(match[2]))
        if found.setdefault(one.name, one) != one:
            raise Malformed(0, "release.SHA256", f"{one.name[:80]} is listed twice, differently")
    return tuple(found.values())


@dataclass(frozen=True)
class Chain:
    """What a Release vouches for. ``faults`` refuse it, ``stale`` takes the trust away."""

    vouches: tuple[Vouch, ...]
    notes: tuple[str, ...]
    faults: tuple[str, ...]
    stale: tuple[str, ...]


def follow(view: View, text: bytes, at: datetime) -> Chain:
    """Return what the signed Release ``text`` vouches for in this update."""
    try:
        release = parse_release(text)
    except Malformed as error:
        return Chain((), (), (str(error),), ())
    vouches: dict[tuple[str, str], Vouch] = {}
    faults: list[str] = []
    indices = 0
    for one in release.files:
        holders = view.holders(one.sha256) if one.size else ()
        if not holders:
            continue
        _add(vouches, holders, one.sha256, f"Release: {one.name[:200]}")
        with view.open(one.sha256) as content:
            if len(content) != one.size:
                faults.append(f"{one.name[:80]} is listed with {one.size} bytes")
            elif one.name.rpartition("/")[2] == _INDEX:
                indices += 1
                faults += _follow_index(view, content, one.name, vouches)
    notes = [f"Release {release.title} of {release.date:%Y-%m-%d}", f"{indices} indices followed"]
    if release.valid_until is None:
        notes.append("it states no end of validity")
    stale = _stale(release, at)
    return Chain(tuple(vouches.values()), tuple(notes), tuple(faults), stale)


def _stale(release: Release, at: datetime) -> tuple[str, ...]:
    found: list[str] = []
    if release.date > at:
        found.append(f"the Release is dated {release.date:%Y-%m-%d}, after the verification time")
    if release.valid_until is not None and release.valid_until < at:
        found.append(f"the Release was valid until {release.valid_until:%Y-%m-%d %H:%M} UTC")
    return tuple(found)


def _add(
    vouches: dict[tuple[str, str], Vouch], holders: tuple[Neighbour, ...], sha256: str, via: str
) -> None:
    for one in holders:
        if len(vouches) < MAX_VOUCHES:
            vouches.setdefault((one.path, sha256), Vouch(path=one.path, sha256=sha256, via=via))


def _follow_index(
    view: View, content: Buffer, name: str, vouches: dict[tuple[str, str], Vouch]
) -> list[str]:
    """Add what a ``Packages`` index vouches for; return what contradicts it."""
    if len(content) > MAX_INDEX_BYTES:
        return [f"{name[:80]}: {len(content)} bytes, the bound is {MAX_INDEX_BYTES}"]
    faults: list[str] = []
    for match in _PACKAGE.finditer(content):
        sha256 = match[1].decode()
        holders = view.holders(sha256)
        if not holders:
            continue
        try:
            file, size = _stanza(content, match.start(), match.end())
        except Malformed as error:
            faults.append(f"{name[:80]}: {error}")
            continue
        with view.open(sha256) as held:
            if len(held) != size:
                faults.append(f"{file} is listed with {size} bytes")
                continue
        _add(vouches, holders, sha256, f"Packages: {file}")
    return faults


def _stanza(content: Buffer, start: int, end: int) -> tuple[str, int]:
    """Return the file name and size of the stanza around a digest. Raises ``Malformed``."""
    low = max(0, start - _MAX_STANZA_BYTES)
    before = bytes(content[low:start])
    after = bytes(content[end : end + _MAX_STANZA_BYTES])
    stanza = before[before.rfind(b"\n\n") + 1 :] + b"SHA256: -" + after[: after.find(b"\n\n") + 1]
    if after.find(b"\n\n") < 0:
        stanza += after
    sizes = re.findall(rb"(?m)^Size: ([0-9]{1,15})$", stanza)
    files = re.findall(rb"(?m)^Filename: (\S+)$", stanza)
    if len(sizes) != 1 or len(files) != 1 or len(re.findall(rb"(?m)^SHA256:", stanza)) != 1:
        raise Malformed(start, "packages", "a stanza without one size, name and digest")
    return files[0].decode("ascii", "replace")[:200], int(sizes[0])


def _applies(view: View) -> bool:
    if is_in_release(view.content):
        return True
    name = view.path.rpartition("/")[2]
    if not name.endswith("Release") or view.beside(f"{name}.gpg") is None:
        return False
    return _looks_like_release(bytes(view.content[:_HEAD_BYTES]))


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    frame = Frame(view.path, NAME)
    try:
        if openpgp_cleartext.is_cleartext(view.content):
            return _verify_cleartext(view, frame, material)
        return _verify_detached(view, frame, material)
    except Malformed as error:
        return (refused(frame, str(error)),)


def _verify_cleartext(view: View, frame: Frame, material: Material) -> tuple[Signed, ...]:
    parsed = openpgp_cleartext.parse(view.content)
    if parsed.outside:
        raise Malformed(0, "cleartext", f"{parsed.outside} bytes of text outside the message")
    frame = dataclasses.replace(frame, covered=parsed.covered, container=parsed.container)
    return _chained(view, judge_cleartext(frame, parsed, material), parsed.text, material)


def _verify_detached(view: View, frame: Frame, material: Material) -> tuple[Signed, ...]:
    size = len(view.content)
    if size > openpgp_cleartext.MAX_BYTES:
        raise Malformed(0, "release", f"{size} bytes, the bound is {openpgp_cleartext.MAX_BYTES}")
    name = f"{view.path.rpartition('/')[2]}.gpg"
    found = view.beside(name)
    if found is None:
        raise Malformed(0, "release", f"{name} is not there")
    with view.open(found.sha256) as content:
        member = bytes(content[: 2 * 1024 * 1024])
    frame = dataclasses.replace(frame, covered=whole(view.content), note=name)
    results = judge_member(frame, member, lambda _: primitives.pieces(view.content), material)
    return _chained(view, results, bytes(view.content[:]), material)


def _chained(
    view: View, results: tuple[Signed, ...], text: bytes, material: Material
) -> tuple[Signed, ...]:
    """Return the results with what the Release vouches for, where they hold."""
    if not any(one.authentic == "pass" for one in results):
        return results
    chain = follow(view, text, material.at)
    return tuple(_with_chain(one, chain) if one.authentic == "pass" else one for one in results)


def _with_chain(one: Signed, chain: Chain) -> Signed:
    if chain.faults:
        frame = Frame(one.path, one.scheme)
        return refused(frame, "; ".join((*chain.faults[:8], one.reason)))
    reason = "; ".join((one.reason, *chain.notes, *chain.stale))
    trusted = "fail" if chain.stale else one.trusted
    return dataclasses.replace(one, trusted=trusted, reason=reason, vouches=chain.vouches)


DEBIAN_RELEASE: Final = Scheme(
    name=NAME,
    title="Debian archive: signed Release, Packages, package files",
    specification="https://wiki.debian.org/DebianRepository/Format; RFC 9580, 7",
    limitations="SHA-256 only; the uncompressed Packages must be there; no debsig",
    applies=_applies,
    verify=_verify,
)

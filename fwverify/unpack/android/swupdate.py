"""SWUpdate images (.swu): a cpio archive whose first member is ``sw-description``.

Guarantees: everything that ``archives_cpio`` guarantees; every artifact the description
lists is looked for among the members and its SHA-256 compared; members that nothing
lists, artifacts that are not there, are without a digest, run as a script or are
encrypted are said. Scripts inside the description are children of their own.

Identity and hardware compatibility are those of the description.

Specification: SWUpdate manual, "SWUpdate: syntax and tags with the default parser".

Not checked: the signature of the description (its offset is an attribute), what a
handler does; artifacts of the ``delta`` handler are fetched by the device and named.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from fwverify.model import Entry, Identity, Observation, Opened, Problem
from fwverify.paths import encode_name
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.android import libconfig
from fwverify.unpack.android.parts import digest_range
from fwverify.unpack.archives_cpio import is_cpio, open_cpio, read_header
from fwverify.unpack.gather import condense, malformed_observation
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "swupdate"
DESCRIPTION: Final = b"sw-description"
SIGNATURES: Final = (b"sw-description.sig", b"sw-description.sig.cms")
MAX_ARTIFACTS: Final = 10_000

Artifact = tuple[str, dict[str, Any]]
"""The name of the list an artifact stands in, and its settings."""


def _recognise(buffer: Buffer, name: str) -> bool:
    return is_cpio(buffer, name) and DESCRIPTION in bytes(buffer[:128])


def read_description(data: bytes) -> dict[str, Any]:
    """Return the settings of ``software``. Raises ``Malformed``."""
    root = _json(data) if data.lstrip()[:1] == b"{" else libconfig.parse(data)
    software = root.get("software")
    if not isinstance(software, dict):
        raise Malformed(0, "swupdate.software", "is absent")
    return software


def _json(data: bytes) -> dict[str, Any]:
    try:
        root = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Malformed(0, "swupdate.json", str(error)[:200]) from error
    return root if isinstance(root, dict) else {}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice")
    return result


def artifacts(settings: Any, where: str = "", depth: int = 0) -> Iterator[Artifact]:
    """Yield every group with a ``filename``, however deep it stands."""
    if depth > libconfig.MAX_DEPTH + 2:
        return
    if isinstance(settings, dict):
        if isinstance(settings.get("filename"), str):
            yield where, settings
        for key, value in settings.items():
            if isinstance(value, (dict, list)):
                yield from artifacts(value, key, depth + 1)
    elif isinstance(settings, list):
        for value in settings:
            yield from artifacts(value, where, depth + 1)


class _Judge:
    """Collects what the description says of the members; belongs to one call."""

    def __init__(self, source: Source, opened: Opened) -> None:
        self.source = source
        self.members = {each.name: each for each in opened.entries if each.stored}
        self.entries: list[Entry] = []
        self.observations: list[Observation] = []
        self.problems: list[Problem] = []
        self.attributes: list[tuple[str, str]] = []
        self.listed: set[bytes] = {DESCRIPTION, *SIGNATURES}

    def observe(self, rule: str, text: str, name: str, severity: Any = "medium") -> None:
        self.observations.append(
            Observation(rule=rule, text=text, severity=severity, evidence=(f"name:{name}",))
        )

    def problem(self, code: str, text: str, name: bytes) -> None:
        self.problems.append(Problem(code=code, path=encode_name(name), text=text))

    def artifact(self, kind: str, settings: dict[str, Any]) -> None:
        """Judge one artifact against its member."""
        shown = settings["filename"]
        name = shown.encode("utf-8", "surrogatepass")
        self.listed.add(name)
        handler = str(settings.get("type") or settings.get("handler") or kind)
        self.attributes.append((f"artifact_{shown}", f"{kind} {handler}"))
        if kind == "scripts" or handler in ("lua", "shellscript", "preinstall", "postinstall"):
            self.observe("swupdate.script", f"{shown} runs as {handler}", shown, "info")
        if handler == "delta":
            text = f"{shown} is a delta: the device fetches chunks from {settings.get('url')}"
            self.problem("delta.base", text, name)
        member = self.members.get(name)
        if member is None:
            text = f"{shown} is listed as {kind} and is not in the archive"
            self.observe("swupdate.missing", text, shown)
            self.problem("swupdate.missing", text, name)
            return
        self._compare(settings, shown, member)
        if settings.get("encrypted") not in (None, False, "false"):
            self.problem("encrypted", f"{shown} is encrypted and its key is not here", name)
            self.attributes.append((f"ivt_{shown}", str(settings.get("ivt", ""))))

    def _compare(self, settings: dict[str, Any], shown: str, member: Entry) -> None:
        stated = str(settings.get("sha256", "")).lower()
        if not stated or stated.startswith("@"):
            self.observe("swupdate.unhashed", f"{shown} is listed without a digest", shown)
            return
        start, end = member.extents[0] if member.extents else (0, 0)
        if digest_range(self.source.buffer, start, end).hex() != stated:
            error = Malformed(start, "sw-description.sha256", f"is not that of {shown}")
            self.observations.append(malformed_observation(NAME, error))
            self.problem("format.malformed", str(error), member.name)

    def scripts(self, settings: Any, depth: int = 0) -> None:
        """Store scripts that stand in the description itself."""
        values = settings.items() if isinstance(settings, dict) else ()
        for key, value in values:
            if key == "embedded-script" and isinstance(value, str):
                data = value.encode("utf-8", "surrogatepass")
                digest, size = self.source.put(data)
                name = b"@embedded-script-%d.lua" % len(self.entries)
                self.entries.append(Entry(name=name, sha256=digest, size=size, generated=True))
                text = "the description holds a Lua script of its own"
                self.observe("swupdate.script", text, encode_name(name), "low")
            elif depth < libconfig.MAX_DEPTH:
                self.scripts(value, depth + 1)
        if isinstance(settings, list) and depth < libconfig.MAX_DEPTH:
            for value in settings:
                self.scripts(value, depth + 1)

    def unlisted(self) -> None:
        """Name members that the description does not list."""
        for name in sorted(set(self.members) - self.listed):
            shown = encode_name(name)
            text = f"{shown} is in the archive and the description does not list it"
            self.observe("swupdate.unlisted", text, shown)


def open_swupdate(source: Source) -> Opened:
    """Return the members and what the description says. Raises ``Malformed``."""
    if read_header(source.buffer, 0).name != DESCRIPTION:
        raise Malformed(110, "swupdate.sw-description", "is not the first member")
    opened = open_cpio(source)
    judge = _Judge(source, opened)
    identity = Identity()
    try:
        description = _description(source, judge)
        software = read_description(description)
        identity = _identity(software)
        _describe(judge, software, description)
    except Malformed as error:
        judge.observations.append(malformed_observation(NAME, error))
        judge.problem("format.malformed", str(error), DESCRIPTION)
    except LimitHit as error:
        judge.problem(f"limit.{error.name}", str(error), DESCRIPTION)
    return msgspec.structs.replace(
        opened,
        format=NAME,
        identity=identity,
        entries=(*opened.entries, *judge.entries),
        complete=opened.complete and not judge.problems,
        problems=(*opened.problems, *judge.problems),
        observations=condense((*opened.observations, *judge.observations)),
        attributes=tuple(sorted((*opened.attributes, *judge.attributes))),
    )


def _description(source: Source, judge: _Judge) -> bytes:
    member = judge.members.get(DESCRIPTION)
    if member is None or not member.extents:
        raise Malformed(0, "swupdate.sw-description", "is empty")
    start, end = member.extents[0]
    if end - start > libconfig.MAX_BYTES:
        raise Malformed(start, "swupdate.sw-description", f"{end - start} bytes")
    judge.attributes.append(("description", f"{start}-{end}"))
    signature = next((judge.members[each] for each in SIGNATURES if each in judge.members), None)
    if signature is not None and signature.extents:
        judge.attributes.append(("description_signature", "{}-{}".format(*signature.extents[0])))
    else:
        judge.observe("swupdate.unsigned", "the description has no signature", "sw-description")
    return bytes(source.buffer[start:end])


def _describe(judge: _Judge, software: dict[str, Any], description: bytes) -> None:
    judge.attributes.append(("description_sha256", hashlib.sha256(description).hexdigest()))
    for count, (kind, settings) in enumerate(artifacts(software)):
        if count >= MAX_ARTIFACTS:
            raise Malformed(0, "swupdate.images", f"more than {MAX_ARTIFACTS}")
        judge.artifact(kind, settings)
    judge.scripts(software)
    judge.unlisted()


def _identity(software: dict[str, Any]) -> Identity:
    hardware = _hardware(software)
    return Identity(
        product=_text(software.get("name")) or _text(software.get("description")),
        version=_text(software.get("version")),
        hardware=", ".join(hardware) or None,
    )


def _hardware(settings: dict[str, Any], depth: int = 0) -> list[str]:
    """Return the hardware revisions of the software or, failing that, of its boards."""
    own = settings.get("hardware-compatibility")
    if isinstance(own, list):
        return [str(each) for each in own[:64] if isinstance(each, (str, int))]
    if depth:
        return []
    boards = [value for value in settings.values() if isinstance(value, dict)]
    return sorted({each for board in boards for each in _hardware(board, depth + 1)})


def _text(value: Any) -> str | None:
    return str(value)[:200] if isinstance(value, (str, int)) and str(value) else None


SWUPDATE: Final = Format(
    name=NAME,
    title="SWUpdate image",
    family="update container",
    specification="https://sbabic.github.io/swupdate/sw-description.html",
    limitations="encrypted artifacts and the chunks of delta artifacts are named, not opened",
    recognise=_recognise,
    open=open_swupdate,
)

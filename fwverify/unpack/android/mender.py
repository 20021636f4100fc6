"""Mender artifacts: a tar archive of version, manifest, header and payloads.

Guarantees: everything that ``archives_tar`` guarantees; every line of the manifest is
compared, also those of files inside ``data/NNNN.tar[.gz|.xz|.zst]``; listed files that
are not there and files that no manifest lists are said.

Identity is the artifact's name and its device types.

Specification: mender-artifact, "Mender artifact file format" (versions 2 and 3).

Not checked: the manifest's signature (its offset is an attribute), state scripts.
"""

from __future__ import annotations

import json
import lzma
import mmap
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from fwverify.model import Entry, Identity, Observation, Opened, Problem
from fwverify.paths import encode_name
from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.android.parts import digest_range, rounded
from fwverify.unpack.archives_tar import BLOCK, is_tar, open_tar, read_header
from fwverify.unpack.decoders import DICTIONARY_BYTES, Inflate, decode
from fwverify.unpack.gather import condense, malformed_observation
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.streams import zstd_frame

NAME: Final = "mender"
MAX_TEXT_BYTES: Final = 1024 * 1024
MAX_HEADER_BYTES: Final = 16 * 1024 * 1024
MAX_FILES: Final = 100_000
_LINE: Final = re.compile(rb"([0-9a-f]{64})  ([^\n]+)")
_UNLISTED: Final = re.compile(
    rb"manifest(?:\.sig|-augment)?|header-augment\.tar.*|version|data/[0-9]{4}\.tar.*"
)

Visit = Callable[[bytes, Buffer, int, int], None]


def _recognise(buffer: Buffer, name: str) -> bool:
    head = bytes(buffer[: 2 * BLOCK])
    return head[:8] == b"version\0" and b'"mender"' in head[BLOCK:] and is_tar(buffer, name)


class _Judge:
    """Collects what the manifest says of the members; belongs to one call."""

    def __init__(self, source: Source, opened: Opened) -> None:
        self.source = source
        self.members = {each.name: each for each in opened.entries if each.stored}
        self.observations: list[Observation] = []
        self.problems: list[Problem] = []
        self.attributes: list[tuple[str, str]] = []
        self.listed: dict[bytes, str] = {}
        self.seen: set[bytes] = set()
        self.identity = Identity()

    def fault(self, error: Malformed, name: bytes) -> None:
        self.observations.append(malformed_observation(NAME, error))
        problem = Problem(code="format.malformed", path=encode_name(name), text=str(error))
        self.problems.append(problem)

    def observe(self, rule: str, text: str, name: bytes) -> None:
        evidence = (f"name:{encode_name(name)}",)
        self.observations.append(Observation(rule=rule, text=text, evidence=evidence))

    def compare(self, name: bytes, buffer: Buffer, start: int, end: int) -> None:
        """Compare one file with its line; a file without one is said."""
        self.seen.add(name)
        stated = self.listed.get(name)
        if stated is None:
            if not _UNLISTED.fullmatch(name):
                text = f"no manifest lists {encode_name(name)}"
                self.observe("mender.unlisted", text, name)
        elif digest_range(buffer, start, end).hex() != stated:
            shown = encode_name(name)
            self.fault(Malformed(0, "mender.manifest", f"is not the digest of {shown}"), name)


def open_mender(source: Source) -> Opened:
    """Return the members and what the manifest says. Raises ``Malformed``."""
    opened = open_tar(source)
    judge = _Judge(source, opened)
    for name in (b"manifest", b"manifest-augment"):
        _read_manifest(judge, name)
    for name, entry in judge.members.items():
        _examine(judge, name, *_range(entry))
    for name in sorted(set(judge.listed) - judge.seen):
        judge.observe("mender.missing", f"{encode_name(name)} is listed and not here", name)
        text = f"{encode_name(name)} is listed in the manifest and was not found"
        judge.problems.append(Problem(code="mender.missing", path="", text=text))
    if b"manifest.sig" in judge.members:
        start, end = _range(judge.members[b"manifest.sig"])
        judge.attributes.append(("manifest_signature", f"{start}-{end}"))
    else:
        judge.observe("mender.unsigned", "the manifest has no signature", b"manifest")
    return msgspec.structs.replace(
        opened,
        format=NAME,
        identity=judge.identity,
        complete=opened.complete and not judge.problems,
        problems=(*opened.problems, *judge.problems),
        observations=condense((*opened.observations, *judge.observations)),
        attributes=tuple(sorted((*opened.attributes, *judge.attributes))),
    )


def _range(entry: Entry) -> tuple[int, int]:
    return entry.extents[0] if entry.extents else (0, 0)


def _read_manifest(judge: _Judge, name: bytes) -> None:
    if name not in judge.members:
        if name == b"manifest":
            judge.fault(Malformed(0, "mender.manifest", "is absent"), name)
        return
    start, end = _range(judge.members[name])
    judge.attributes.append((name.decode(), f"{start}-{end}"))
    if end - start > MAX_TEXT_BYTES:
        judge.fault(Malformed(start, "mender.manifest", f"{end - start} bytes"), name)
        return
    for line in bytes(judge.source.buffer[start:end]).splitlines():
        match = _LINE.fullmatch(line)
        if match is None or match[2] in judge.listed:
            why = f"{line[:80]!r} is no line, or stands twice"
            judge.fault(Malformed(start, "mender.manifest", why), name)
        else:
            judge.listed[match[2]] = match[1].decode()


def _examine(judge: _Judge, name: bytes, start: int, end: int) -> None:
    """Compare a member; look into the header and the payloads."""
    judge.compare(name, judge.source.buffer, start, end)
    payload = re.fullmatch(rb"(data/[0-9]{4})\.tar(?:\.[a-z0-9]+)?", name)
    try:
        if payload:
            prefix = payload[1] + b"/"

            def visit(each: bytes, buffer: Buffer, low: int, high: int) -> None:
                judge.compare(prefix + each, buffer, low, high)

            _walk(judge.source, start, end, visit, judge.source.budget.bytes_left)
        elif re.fullmatch(rb"header\.tar(?:\.[a-z0-9]+)?", name):

            def read(each: bytes, buffer: Buffer, low: int, high: int) -> None:
                if each == b"header-info":
                    judge.identity = _identity(bytes(buffer[low : min(high, low + MAX_TEXT_BYTES)]))

            _walk(judge.source, start, end, read, MAX_HEADER_BYTES)
    except Malformed as error:
        judge.fault(error, name)
    except LimitHit as error:
        text = f"{encode_name(name)}: {error}"
        judge.problems.append(Problem(code=f"limit.{error.name}", path="", text=text))


def _walk(source: Source, start: int, end: int, visit: Visit, limit: int) -> None:
    """Call ``visit`` for each file of the (compressed) tar in ``[start, end)``."""
    with tempfile.TemporaryFile(dir=source.store.temporary) as file:
        size = 0
        for piece in _unpacked(source.buffer, start, end):
            size += len(piece)
            if size > limit:
                raise LimitHit("bytes_out", f"more than {limit} bytes")
            file.write(piece)
        file.flush()
        if not size:
            return
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as view:
            _walk_tar(view, visit)


def _walk_tar(view: Buffer, visit: Visit) -> None:
    at = 0
    for _ in range(MAX_FILES):
        if at >= len(view) or not any(bytes(view[at : at + BLOCK])):
            return
        header = read_header(view, at)
        start = at + BLOCK
        if start + header.size > len(view):
            raise Malformed(at, "mender.tar.size", f"{header.size}", past_end=True)
        if header.type in b"0\0" and not header.name.endswith(b"/"):
            visit(header.name.removeprefix(b"./"), view, start, start + header.size)
        elif header.type not in b"5":
            raise Malformed(at, "mender.tar.type", f"{header.type!r} is not expected here")
        at = start + rounded(header.size, BLOCK)
    raise Malformed(at, "mender.tar", f"more than {MAX_FILES} files")


def _unpacked(buffer: Buffer, start: int, end: int) -> Iterator[bytes]:
    head = bytes(buffer[start : start + 6])
    if head[:3] == b"\x1f\x8b\x08":
        return decode(buffer, start, end, Inflate(zlib.MAX_WBITS | 16), "mender.gzip")
    if head == b"\xfd7zXZ\0":
        decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=DICTIONARY_BYTES)
        return decode(buffer, start, end, decoder, "mender.xz")
    if head[:4] == b"\x28\xb5\x2f\xfd":
        return zstd_frame(memoryview(buffer)[start:end], 0)
    return (bytes(buffer[at : min(at + CHUNK_BYTES, end)]) for at in range(start, end, CHUNK_BYTES))


def _identity(data: bytes) -> Identity:
    """Return name and device types of ``header-info``, version 2 or 3."""
    try:
        info: Any = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Malformed(0, "mender.header-info", str(error)[:200]) from error
    if not isinstance(info, dict):
        raise Malformed(0, "mender.header-info", "is no object")
    provides, depends = info.get("artifact_provides"), info.get("artifact_depends")
    provides = provides if isinstance(provides, dict) else {}
    depends = depends if isinstance(depends, dict) else {}
    stated = {
        str(each) for each in (info.get("artifact_name"), provides.get("artifact_name")) if each
    }
    if len(stated) > 1:
        raise Malformed(0, "mender.header-info.artifact_name", "stands twice and differs")
    name = info.get("artifact_name") or provides.get("artifact_name")
    types = info.get("device_types_compatible") or depends.get("device_type")
    devices = [str(each) for each in types[:64]] if isinstance(types, list) else []
    return Identity(
        version=name[:200] if isinstance(name, str) else None, hardware=", ".join(devices) or None
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; a name that stands twice, in any case, is refused.

    Mender reads with Go's ``encoding/json``, which does not tell cases apart.
    """
    names = {name.lower() for name, _ in pairs}
    if len(names) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


MENDER: Final = Format(
    name=NAME,
    title="Mender artifact",
    family="update container",
    specification="https://github.com/mendersoftware/mender-artifact/tree/master/Documentation",
    limitations="versions 2 and 3; state scripts are files like others",
    recognise=_recognise,
    open=open_mender,
)

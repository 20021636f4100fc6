"""Python wheels and Java archives: ZIP files that list their contents' digests.

Guarantees: all that ``archives_zip_open`` guarantees; each file of a wheel is held against
its line in RECORD, each entry of a Java archive against its section of the manifest; what
no line names is named, and so is a listed file that is absent. Files that a signer of a
Java archive wrote are named in attributes, and code that starts by itself is observed.

Specification: the Python packaging user guide, "Binary distribution format" and
"Recording installed projects"; the JAR file specification of Java SE 21, "JAR Manifest"
and "Signed JAR File".

Not checked: signatures of Java archives (the verify stage). Android packages are Java
archives too and are read elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack import archives_zip as zipfmt
from fwverify.unpack.archives_zip_open import open_zip
from fwverify.unpack.documents.manifests import identity_of
from fwverify.unpack.packages.listed import Judged
from fwverify.unpack.source import Format, Source

_MAX_DIRECTORY_BYTES: Final = 16 * 1024 * 1024
_RECORD: Final = re.compile(rb"([^/]+\.dist-info)/RECORD")
_DIST_INFO: Final = re.compile(rb"PK\x01\x02.{42}[^/\x00]{1,200}\.dist-info/RECORD", re.DOTALL)
_MANIFEST: Final = b"META-INF/MANIFEST.MF"
_NO_DIGEST: Final = re.compile(rb"[^/]+\.dist-info/(?:RECORD|RECORD\.jws|RECORD\.p7s)")
_SIGNER: Final = re.compile(rb"META-INF/[^/]+\.(?:SF|RSA|DSA|EC)|META-INF/SIG-[^/]+", re.IGNORECASE)
_MAX_LINES: Final = 200_000
_WHEEL_DIGESTS: Final = ("sha256", "sha384", "sha512")
_JAR_DIGESTS: Final = {
    "sha-256-digest": "sha256", "sha-512-digest": "sha512", "sha-384-digest": "sha384",
    "sha1-digest": "sha1", "sha-digest": "sha1",
}  # fmt: skip
_STARTS_ITSELF: Final = ("launcher-agent-class", "premain-class", "agent-class")


def _directory(buffer: Buffer) -> bytes | None:
    """Return the central directory of an archive that begins at offset 0, else None."""
    if bytes(buffer[:4]) != zipfmt.LOCAL_MAGIC:
        return None
    try:
        for offset in zipfmt.find_ends(buffer):
            found = zipfmt.read_directory(buffer, offset)
            if found.shift or found.end - found.start > _MAX_DIRECTORY_BYTES:
                return None
            return bytes(buffer[found.start : found.end])
    except Malformed:
        return None
    return None


def _is_wheel(buffer: Buffer, _: str) -> bool:
    directory = _directory(buffer)
    return directory is not None and _DIST_INFO.search(directory) is not None


def _is_jar(buffer: Buffer, _: str) -> bool:
    """Return whether the archive has a manifest and is no Android package."""
    directory = _directory(buffer)
    return (
        directory is not None
        and _MANIFEST in directory
        and b"AndroidManifest.xml" not in directory
        and b"META-INF/com/android" not in directory
    )


# --- wheels --------------------------------------------------------------------------


def open_wheel(source: Source) -> Opened:
    """Return the wheel with its files held against RECORD."""
    judged = Judged(source, open_zip(source), "wheel")
    files = judged.files()
    records = [name for name in files if _RECORD.fullmatch(name)]
    if len(records) != 1:
        judged.trouble("format.malformed", f"the wheel has {len(records)} files RECORD")
        return judged.finish()
    data = judged.read(files[records[0]])
    if data is not None:
        _hold_against_record(judged, files, data)
    folder = records[0].rpartition(b"/")[0]
    for name in sorted(files):
        if name.endswith(b".pth") or b".data/scripts/" in name:
            text = f"the wheel brings {name!a}, which runs or is on the path after installing"
            judged.observe("wheel.starts", text, evidence=(f"name:{name!a}",))
    metadata = judged.read(files.get(folder + b"/METADATA")) or b""
    return judged.finish(identity=identity_of(metadata, "METADATA"))


def _hold_against_record(judged: Judged, files: dict[bytes, Entry], data: bytes) -> None:
    listed = _record(judged, data)
    for name, (algorithm, digest) in sorted(listed.items()):
        entry = files.get(name)
        if entry is None:
            judged.wrong(name, "is listed in RECORD and absent")
        elif digest is None:
            if not _NO_DIGEST.fullmatch(name):
                judged.wrong(name, "has no digest in RECORD")
        elif algorithm not in _WHEEL_DIGESTS:
            judged.wrong(name, f"has a digest of the kind {algorithm!a}")
        elif judged.digest(entry, algorithm) not in (None, digest):
            judged.wrong(name, "the content does not have its digest in RECORD")
    for name in sorted(set(files) - set(listed)):
        judged.unlisted(name)


def _record(judged: Judged, data: bytes) -> dict[bytes, tuple[str, str | None]]:
    """Return algorithm and hexadecimal digest by name, out of the comma-separated RECORD."""
    import csv

    result: dict[bytes, tuple[str, str | None]] = {}
    text = data.decode("utf-8", "surrogateescape")
    try:
        for number, row in enumerate(csv.reader(text.splitlines())):
            if number >= _MAX_LINES or len(row) != 3:
                judged.trouble("format.malformed", f"RECORD: line {number + 1} is no record")
                break
            algorithm, _, value = row[1].partition("=")
            name = row[0].encode("utf-8", "surrogateescape")
            if name in result:
                judged.wrong(name, "stands twice in RECORD")
            result[name] = (algorithm, _hex_of(value, url=True) if value else None)
    except csv.Error as error:
        judged.trouble("format.malformed", f"RECORD: {error}")
    return result


def _hex_of(text: str, *, url: bool) -> str:
    """Return base64 as hexadecimal; of what is no base64 the text, which matches nothing."""
    padded = text + "=" * (-len(text) % 4)
    try:
        data = padded.encode("ascii")
        return base64.b64decode(data, altchars=b"-_" if url else None, validate=True).hex()
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return f"no base64: {text[:64]}"


# --- Java archives -------------------------------------------------------------------


def open_jar(source: Source) -> Opened:
    """Return the archive with its entries held against its manifest."""
    judged = Judged(source, open_zip(source), "jar")
    files = judged.files()
    data = judged.read(files.get(_MANIFEST))
    signers = sorted(name for name in files if _SIGNER.fullmatch(name))
    for name in signers:
        judged.attributes.append(("jar.signer_file", name.decode("utf-8", "backslashreplace")))
    identity = Identity()
    if data is not None:
        main, sections = _manifest(judged, data)
        identity = identity_of(data.split(b"\n\n")[0].split(b"\r\n\r\n")[0] + b"\n", "MANIFEST.MF")
        _hold_against_manifest(judged, files, sections, signed=bool(signers))
        if main.get("main-class"):
            judged.attributes.append(("jar.main_class", main["main-class"][:512]))
        for key in _STARTS_ITSELF:
            if main.get(key):
                text = f"the archive is a Java agent: {key} is {main[key]!a}"
                judged.observe("jar.agent", text, evidence=(f"{key}:{main[key][:256]}",))
    return judged.finish(identity=identity)


def _manifest(judged: Judged, data: bytes) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return the main section and the sections of entries, keys in lower case."""
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\n ", "")
    sections: list[dict[str, str]] = []
    for block in re.split(r"\n{2,}", text)[:_MAX_LINES]:
        fields: dict[str, str] = {}
        for line in filter(None, block.split("\n")):
            key, separator, value = line.partition(": ")
            if not separator or key.lower() in fields:
                judged.trouble("format.malformed", "MANIFEST.MF: a line is no field, or a double")
                continue
            fields[key.lower()] = value
        sections.append(fields)
    return (sections[0] if sections else {}), sections[1:]


def _hold_against_manifest(
    judged: Judged, files: dict[bytes, Entry], sections: list[dict[str, str]], *, signed: bool
) -> None:
    named: set[bytes] = set()
    for fields in sections:
        digests = [
            (_JAR_DIGESTS[key], value) for key, value in fields.items() if key in _JAR_DIGESTS
        ]
        name = fields.get("name", "").encode("utf-8", "surrogateescape")
        if not digests:
            continue
        if name in named:
            judged.wrong(name, "stands twice in the manifest")
        named.add(name)
        entry = files.get(name)
        if entry is None:
            judged.wrong(name, "is listed in the manifest and absent")
            continue
        for algorithm, value in digests:
            if judged.digest(entry, algorithm) not in (None, _hex_of(value, url=False)):
                judged.wrong(name, "the content does not have its digest in the manifest")
    if signed:
        for name in sorted(set(files) - named):
            if name != _MANIFEST and not _SIGNER.fullmatch(name) and not name.endswith(b"/"):
                judged.unlisted(name)


WHEEL: Final = Format(
    name="wheel",
    title="Python wheel",
    family="package",
    specification="https://packaging.python.org/en/latest/specifications/binary-distribution-format/",
    limitations="signatures of RECORD (.jws, .p7s) are not judged",
    recognise=_is_wheel,
    open=open_wheel,
)
JAR: Final = Format(
    name="jar",
    title="Java archive (jar, war, ear)",
    family="package",
    specification="https://docs.oracle.com/en/java/javase/21/docs/specs/jar/jar.html",
    limitations="entries whose digests are of other kinds than SHA are not held against them",
    recognise=_is_jar,
    open=open_jar,
)

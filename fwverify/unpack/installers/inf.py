"""Driver INF files.

Guarantees: the whole file is text (UTF-8, UTF-16 with or without a mark, or one byte a
letter); the section ``Version`` gives the identity, the models the hardware ids; strings
written as ``%token%`` are replaced from ``Strings``. A file that adds services or runs a
command says so.

Specification: Microsoft, "General Guidelines for INF Files", "INF Version Section", "INF
Models Section", "INF Strings Section".

Not checked: ``Include``, localized strings, and lines continued with a backslash are not
joined; the catalogue that signs the driver is a file of its own.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.model import Identity, Opened
from fwverify.reader import Buffer
from fwverify.unpack.gather import Gathered
from fwverify.unpack.installers.texts import searched
from fwverify.unpack.source import Format, LimitHit, Source, highest_entropy_milli

NAME: Final = "inf"
MAX_BYTES: Final = 8 * 1024 * 1024
MAX_HARDWARE_IDS: Final = 200
MAX_VALUE_CHARS: Final = 256
_HEAD_BYTES: Final = 16 * 1024
_DENSE_MILLI: Final = 7200
_SIGNATURE: Final = re.compile(
    r"^[ \t]*\[Version\][^\[]*?^[ \t]*Signature[ \t]*=[ \t]*\"?"
    r"\$(?:Windows NT|Chicago|WINDOWS 95)\$",
    re.IGNORECASE | re.MULTILINE,
)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SECTION: Final = re.compile(r"^\s*\[([^\]]{1,255})\]")
_ARCHITECTURES: Final = {"x86": "x86", "amd64": "x86_64", "arm64": "aarch64", "arm": "arm",
                         "ia64": "ia64"}  # fmt: skip
_ACTS: Final = ("addservice", "runonce", "runpresetupcommands", "runpostsetupcommands")


def _text(data: bytes) -> str | None:
    """Return ``data`` as text, or None."""
    names: tuple[str, ...]
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        names = ("utf-16",)
    elif data[1:2] == b"\0":
        names = ("utf-16-le",)
    else:
        names = ("utf-8-sig", "cp1252")
    for name in names:
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        return None if _CONTROLS.search(text) else text
    return None


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    if len(buffer) > MAX_BYTES:
        return False
    head = bytes(buffer[: min(_HEAD_BYTES, len(buffer) & ~1)])
    if b"[\0" not in head and b"[" not in head:
        return False
    plain = head.replace(b"\0", b"")
    if b"[version]" not in plain.lower() or _SIGNATURE.search(plain.decode("latin-1")) is None:
        return False
    if _text(bytes(buffer[:])) is None:
        return False
    return highest_entropy_milli(buffer, 0, len(buffer)) < _DENSE_MILLI


def _sections(text: str) -> dict[str, list[tuple[str, str]]]:
    """Return the lines of each section as pairs of key and value; names in lower case."""
    sections: dict[str, list[tuple[str, str]]] = {}
    lines: list[tuple[str, str]] = []
    for raw in text.splitlines():
        heading = _SECTION.match(raw)
        if heading:
            lines = sections.setdefault(heading[1].strip().lower(), [])
            continue
        key, _, value = _uncommented(raw).partition("=")
        if key.strip():
            lines.append((key.strip(), value.strip()))
    return sections


def _uncommented(line: str) -> str:
    quoted = False
    for at, char in enumerate(line):
        if char == '"':
            quoted = not quoted
        elif char == ";" and not quoted:
            return line[:at]
    return line


def open_inf(source: Source) -> Opened:
    """Return the file as a text with its identity."""
    if source.size > MAX_BYTES:
        raise LimitHit("text", f"an INF file of {source.size} bytes")
    sections = _sections(_text(bytes(source.buffer[:])) or "")
    strings = {key.lower(): value.strip('"') for key, value in sections.get("strings", ())}
    version = {key.lower(): _resolved(value, strings) for key, value in sections["version"]}
    found = Gathered(source, NAME)
    found.claim(0, source.size)
    _acts(found, sections)
    hardware, architectures = _models(sections)
    for each in hardware:
        found.attribute("hardware_id", each[:MAX_VALUE_CHARS])
    for key in ("catalogfile", "class", "classguid"):
        if version.get(key):
            found.attribute(key, version[key])
    date, _, number = version.get("driverver", "").partition(",")
    opened = found.finish(
        identity=Identity(
            vendor=version.get("provider") or None,
            product=version.get("class") or None,
            version=number.strip() or None,
            build=date.strip() or None,
            arch=",".join(architectures) or None,
            hardware=hardware[0][:MAX_VALUE_CHARS] if hardware else None,
        )
    )
    return searched(source, opened)


def _resolved(value: str, strings: dict[str, str]) -> str:
    """Return ``value`` without quotes, ``%token%`` replaced once."""

    def replace(match: re.Match[str]) -> str:
        return strings.get(match[1].lower(), match[0])

    return re.sub(r"%([^%]{1,255})%", replace, value.strip('"'))[:MAX_VALUE_CHARS]


def _models(sections: dict[str, list[tuple[str, str]]]) -> tuple[list[str], list[str]]:
    """Return hardware ids and architectures of every models section."""
    hardware: list[str] = []
    architectures: set[str] = set()
    for _, value in sections.get("manufacturer", ()):
        name, *targets = [part.strip() for part in value.split(",")]
        for target in ("", *targets):
            own = f"{name}.{target}".rstrip(".").lower()
            for _, model in sections.get(own, ()):
                ids = [part.strip().strip('"') for part in model.split(",")[1:]]
                hardware += [each for each in ids if each]
            platform = target.lower().removeprefix("nt").partition(".")[0]
            if own in sections and platform in _ARCHITECTURES:
                architectures.add(_ARCHITECTURES[platform])
            if len(hardware) >= MAX_HARDWARE_IDS:
                return hardware[:MAX_HARDWARE_IDS], sorted(architectures)
    return hardware, sorted(architectures)


def _acts(found: Gathered, sections: dict[str, list[tuple[str, str]]]) -> None:
    for section, lines in sections.items():
        for key, value in lines:
            if key.lower() in _ACTS:
                text = f"[{section[:80]}] {key}: {value[:160]}"
                found.observe("inf.runs", text, severity="low", evidence=(f"value:{value[:160]}",))


INF: Final = Format(
    name=NAME,
    title="driver INF file",
    family="installer",
    specification="https://learn.microsoft.com/en-us/windows-hardware/drivers/install/"
    "general-guidelines-for-inf-files",
    limitations="Include and localized strings are not followed",
    recognise=_recognise,
    open=open_inf,
    leaf=True,
)

"""Configuration of known formats, as a flat table of keys, compared key by key.

Guarantees: JSON, TOML, INI, XML, property lists, device trees, UCI, registry files and
U-Boot environments become (key, value) pairs; a key that stands twice is numbered, so
that a second one cannot hide behind a first; values are masked where they look secret.
A content that breaks its format, nests deeper or is larger than is read gives None and is
told by its lines or bytes instead.

Sources: RFC 8259; TOML 1.0; W3C XML 1.0 without document types; Apple's property lists;
Devicetree Specification 0.4, chapter 5; OpenWrt, "The UCI system"; Microsoft's .reg text.

Not read: binary XML of Android, ASN.1. Registry hives: ``hives``.
"""

from __future__ import annotations

import json
import plistlib
import re
import struct
import tomllib
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from xml.parsers.expat import ExpatError

from fwverify.analyse.config import regfile
from fwverify.compare.content.lines import text_of
from fwverify.compare.content.masked import masked_value
from fwverify.compare.content.values import MAX_LISTED, bounded
from fwverify.model import Fact
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.boot import dtb, fdt
from fwverify.unpack.vehicle import xmlstream

MAX_KEYED_BYTES: Final = 4 * 1024 * 1024
MAX_KEYS: Final = 50_000
_MAX_DEPTH: Final = 200
_MAX_PATH: Final = 4096
_VALUE_SHOWN: Final = 60
_KEY_SHOWN: Final = 100
_SEARCHED: Final = 400
_MAX_WAITING: Final = 500_000
_FDT_MAGIC: Final = b"\xd0\x0d\xfe\xed"
_MIN_INI_SHARE: Final = 0.9

_BROKEN: Final = (
    ValueError,
    LookupError,
    OverflowError,
    RecursionError,
    TypeError,
    struct.error,
    ExpatError,
    Malformed,
)
"""What the readers raise for a content that is not of their format (plistlib: many)."""

Pairs = Iterable[tuple[str, str]]


def key_facts(old: Buffer, new: Buffer, name: str) -> tuple[Fact, ...] | None:
    """Return the keys that came, went and changed; None where either is no such format."""
    if max(len(old), len(new)) > MAX_KEYED_BYTES:
        return None
    for reader in _READERS:
        before = _table(reader, old, name)
        now = None if before is None else _table(reader, new, name)
        if before is not None and now is not None:
            return differences(before, now) or None
    return None


def _table(reader: _Reader, content: Buffer, name: str) -> dict[str, str] | None:
    try:
        pairs = reader(content, name)
        return None if pairs is None else numbered(pairs, MAX_KEYS)
    except _BROKEN:
        return None  # told by its lines or bytes


def numbered(pairs: Pairs, most: int) -> dict[str, str] | None:
    """Return the pairs with ``#2``, ``#3`` behind keys that stand again; None for over ``most``."""
    found: dict[str, str] = {}
    seen: dict[str, int] = {}
    for key, value in pairs:
        seen[key] = seen.get(key, 0) + 1
        found[key if seen[key] == 1 else f"{key}#{seen[key]}"] = value
        if len(found) > most:
            return None
    return found


def differences(before: dict[str, str], now: dict[str, str]) -> tuple[Fact, ...]:
    """Return the facts; only what is shown is searched for secrets."""
    added, removed = sorted(now.keys() - before.keys()), sorted(before.keys() - now.keys())
    changed = sorted(key for key in now.keys() & before.keys() if now[key] != before[key])
    came = tuple(_told(key, now[key]) for key in added[:MAX_LISTED])
    went = tuple(_told(key, before[key]) for key in removed[:MAX_LISTED])
    differ = tuple(
        f"{key[:_KEY_SHOWN]}: {_shown(key, before[key])} -> {_shown(key, now[key])}"
        for key in changed[:MAX_LISTED]
    )
    return (
        *bounded("key added", came, len(added)),
        *bounded("key removed", went, len(removed)),
        *bounded("key changed", differ, len(changed)),
    )


def _told(key: str, value: str) -> str:
    return f"{key[:_KEY_SHOWN]} = {_shown(key, value)}"


def _shown(key: str, value: str) -> str:
    line = masked_value(key[:_SEARCHED], value[:_SEARCHED])
    if len(line) <= _VALUE_SHOWN and len(value) <= _SEARCHED:
        return line
    return f"{line[:_VALUE_SHOWN]}… (crc32 {zlib.crc32(value.encode('utf-8', 'replace')):08x})"


# --- the formats -------------------------------------------------------------------------


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object, those of one name too."""


def _json(content: Buffer, _: str) -> Pairs | None:
    text = text_of(content)
    if text is None or text.lstrip()[:1] not in ("{", "["):
        return None
    return _flat(json.loads(text, object_pairs_hook=_Pairs))


def _toml(content: Buffer, name: str) -> Pairs | None:
    text = text_of(content) if name.endswith(".toml") else None
    return None if text is None else _flat(tomllib.loads(text))


def _plist(content: Buffer, _: str) -> Pairs | None:
    head = bytes(content[:1024])
    if not head.startswith(b"bplist") and b"<plist" not in head:
        return None
    return _flat(plistlib.loads(bytes(content)))


def _flat(root: Any) -> Iterator[tuple[str, str]]:
    """Yield the leaves under dotted keys; empty tables and lists are leaves."""
    waiting: list[tuple[str, Any, int]] = [("", root, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        if isinstance(value, _Pairs):
            inner = list(value)
        elif isinstance(value, dict):
            inner = [(str(key), item) for key, item in value.items()]
        elif isinstance(value, list):
            inner = [(f"[{number}]", item) for number, item in enumerate(value)]
        else:
            yield path or ".", _leaf(value)
            continue
        if not inner:
            yield path or ".", "(empty)"
        if depth >= _MAX_DEPTH or len(path) > _MAX_PATH:
            raise ValueError("nested too deep")
        if len(waiting) + len(inner) > _MAX_WAITING:
            raise ValueError("too wide")
        waiting.extend((_joined(path, key), item, depth + 1) for key, item in inner[::-1])


_LIKE_ANOTHER: Final = re.compile(
    r"(?:True|False|None|null|\(empty\)|b['\"].*|[-+.\d].*|)\Z", re.DOTALL
)


def _leaf(value: object) -> str:
    """Return a value as text; a text that reads like another kind of value is quoted.

    ``"0"`` for ``0`` or ``"false"`` for ``false`` is a change where a program asks what
    kind of value it has.
    """
    if isinstance(value, str):
        return json.dumps(value) if _LIKE_ANOTHER.match(value) else value
    return repr(value) if isinstance(value, bytes) else str(value)


def _joined(path: str, key: str) -> str:
    """Return the path of ``key``; a key that holds a dot is quoted, for ``a.b`` is b in a."""
    own = json.dumps(key) if "." in key or not key else key
    return f"{path}.{own}" if path else own


def _xml(content: Buffer, _: str) -> Pairs | None:
    if not bytes(content[:256]).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return None
    found: list[tuple[str, str]] = []
    names: list[str] = []
    counts: list[dict[str, int]] = [{}]

    def began(element: xmlstream.Element) -> None:
        own = element.path[-1]
        counts[-1][own] = number = counts[-1].get(own, 0) + 1
        names.append(own if number == 1 else f"{own}[{number}]")
        counts.append({})
        path = "/".join(names)
        found.extend((f"{path}@{key}", value) for key, value in element.attributes.items())

    def ended(element: xmlstream.Element) -> None:
        text = "".join(element.parts).strip()
        if text or not counts[-1]:
            found.append(("/".join(names), text))
        names.pop()
        counts.pop()

    xmlstream.parse(content, began, ended)
    return found


def _device_tree(content: Buffer, _: str) -> Pairs | None:
    if bytes(content[:4]) != _FDT_MAGIC:
        return None
    found = []
    for path, node in dtb.walk(fdt.read_tree(content).root):
        where = path.decode("latin-1") or "/"
        found.append((where, "node"))
        found.extend((f"{where}:{each.name}", _property(content, each)) for each in node.properties)
    return found


def _property(content: Buffer, each: fdt.Property) -> str:
    raw = bytes(content[each.start : each.end])
    body = raw.removesuffix(b"\0")
    if body and all(0x20 <= byte < 0x7F or byte == 0 for byte in body):
        return body.replace(b"\0", b", ").decode("ascii")
    if raw and len(raw) % 4 == 0 and len(raw) <= 64:
        return " ".join(f"{cell:#x}" for (cell,) in struct.iter_unpack(">I", raw))
    return f"{len(raw)} bytes, crc32 {zlib.crc32(raw):08x}"


_UCI: Final = re.compile(r"\s*(package|config|option|list)\s+(\S+)(?:\s+(.*\S))?\s*")


def _uci(content: Buffer, _: str) -> Pairs | None:
    text = text_of(content)
    if text is None or not re.search(r"^config\s+\S", text, re.MULTILINE):
        return None
    found: list[tuple[str, str]] = []
    section, counts = "", dict[str, int]()
    for line in text.split("\n"):
        match = _UCI.fullmatch(line)
        if match is None:
            if line.strip() and not line.lstrip().startswith("#"):
                return None
        elif match[1] in ("package", "config"):
            named = f"{match[2]} {match[3] or ''}".strip()
            counts[named] = counts.get(named, 0) + 1
            section = named if counts[named] == 1 else f"{named}#{counts[named]}"
            found.append((section, match[1]))
        else:
            value = (match[3] or "").strip("'\"")
            found.append((f"{section}.{match[2]}", value))
    return found


_SECTION: Final = re.compile(r"\[([^\]\r\n]{1,200})\]")
_SETTING: Final = re.compile(r"([A-Za-z0-9_.@$%*/ -]{1,120}?)\s{0,20}[=:](.*)")
_INI_NAMES: Final = (
    ".ini", ".cfg", ".conf", ".properties", ".service", ".socket", ".timer", ".mount", ".network",
    ".netdev", ".link", ".desktop", ".inf", ".repo", ".nmconnection", ".target", ".path", ".prop",
)  # fmt: skip


def _ini(content: Buffer, name: str) -> Pairs | None:
    text = text_of(content) if name.lower().endswith(_INI_NAMES) else None
    if text is None:
        return None
    found: list[tuple[str, str]] = []
    section, other, last = "", 0, ""
    for raw in text.split("\n"):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if match := _SECTION.fullmatch(line):
            section = match[1]
            found.append((f"[{section}]", "section"))
        elif match := _SETTING.fullmatch(line):
            last = match[1]
            found.append((f"{section}.{last}" if section else last, match[2].strip()))
        else:
            other += 1
            found.append((f"{section}: {line[:_VALUE_SHOWN]}", "line"))
    return found if found and 1 - other / len(found) >= _MIN_INI_SHARE else None


def _registry(content: Buffer, _: str) -> Pairs | None:
    text = text_of(content)
    if text is None or not regfile.HEAD.match(text):
        return None
    plain = [(f"{each.key}\\{each.name}", each.data) for each in regfile.values(text)]
    deleted = [line.strip() for line in text.split("\n") if line.startswith("[-")]
    return [*plain, *((key, "deleted") for key in deleted)]


def _environment(content: Buffer, _: str) -> Pairs | None:
    """Read a U-Boot environment: CRC-32, a flag byte where it is stored twice, texts."""
    for start in (4, 5):
        body = bytes(content[start:])
        if len(body) > 1 and zlib.crc32(body) == int.from_bytes(content[:4], "little"):
            texts = body.split(b"\0\0", 1)[0].split(b"\0")
            rows = (text.decode("latin-1").partition("=") for text in texts if text)
            return [(key, value) for key, _, value in rows]
    return None


_Reader = Callable[[Buffer, str], Pairs | None]
_READERS: Final[tuple[_Reader, ...]] = (
    _json,
    _plist,
    _device_tree,
    _xml,
    _registry,
    _toml,
    _uci,
    _ini,
    _environment,
)

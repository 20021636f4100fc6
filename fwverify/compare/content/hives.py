"""Registry hives (``regf``), key by key and value by value.

Guarantees: each key with the digest of its security descriptor, and each value with its kind
and whole data, is a pair of key and text; two values have the same text only where kind
and data are the same, however they are shown. A hive that is broken, or larger than is
read, is ``compare.registry_unread`` (medium): its bytes are compared then, and nothing is
taken for equal.

Specification: Suhanov, "Windows registry file format specification"; kinds: Microsoft, "Registry
value types". Not compared: time stamps and class names of keys, transaction logs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.config.hive import MAGIC, Hive, Raw
from fwverify.analyse.values import Hit
from fwverify.compare.content.keyed import differences, numbered
from fwverify.model import Fact
from fwverify.reader import Buffer, Malformed

MAX_HIVE_BYTES: Final = 64 * 1024 * 1024
MAX_PAIRS: Final = 600_000
MAX_PATH: Final = 16_384
_SHORT_BYTES: Final = 32
_TEXT_BYTES: Final = 2048
_SZ, _EXPAND, _LINK, _MULTI, _DWORD, _QWORD = 1, 2, 6, 7, 4, 11
_KINDS: Final = {
    0: "REG_NONE", _SZ: "REG_SZ", _EXPAND: "REG_EXPAND_SZ", 3: "REG_BINARY", _DWORD: "REG_DWORD",
    5: "REG_DWORD_BIG_ENDIAN", _LINK: "REG_LINK", _MULTI: "REG_MULTI_SZ", 8: "REG_RESOURCE_LIST",
    9: "REG_FULL_RESOURCE_DESCRIPTOR", 10: "REG_RESOURCE_REQUIREMENTS_LIST", _QWORD: "REG_QWORD",
}  # fmt: skip


def is_hive(content: Buffer) -> bool:
    """Return whether ``content`` begins as a hive does."""
    return bytes(content[:4]) == MAGIC


def pairs(content: Buffer) -> Iterator[tuple[str, str]]:
    """Yield (key or value, what it is). Raises ``Malformed`` for what is not read wholly."""
    if len(content) > MAX_HIVE_BYTES:
        raise Malformed(0, "regf", f"{len(content)} bytes, the bound is {MAX_HIVE_BYTES}")
    for each in Hive(content).raw():
        if len(each.key) > MAX_PATH:
            raise Malformed(0, "regf", f"a path of more than {MAX_PATH} characters")
        if each.kind is None:
            yield f"{each.key}\\", f"key, security {_digest(each.data)}"
        else:
            yield f"{each.key}\\{_named(each.name)}", _text(each, each.kind)


def _named(name: str) -> str:
    """Return the name of a value so that it cannot be taken for a key and another name."""
    if not name:
        return "(default)"
    plain = name.isprintable() and "\\" not in name and name[0] not in '("'
    return name if plain else f"({json.dumps(name)})"


def _text(value: Raw, kind: int) -> str:
    """Return kind and data so that nothing else has the same text."""
    return f"{_KINDS.get(kind, f'kind {kind:#x}')} {_shown(value.data, kind)}"


def _shown(data: bytes, kind: int) -> str:
    if kind in (_SZ, _EXPAND, _LINK, _MULTI) and len(data) <= _TEXT_BYTES:
        text = _decoded(data, kind)
        if text is not None:
            return text
    if kind in (_DWORD, _QWORD) and len(data) == (4 if kind == _DWORD else 8):
        return str(int.from_bytes(data, "little"))
    if len(data) < _SHORT_BYTES // 2:
        return f"(hex {data.hex()})"
    return f"({len(data)} bytes, sha256 {_digest(data)})"


def _decoded(data: bytes, kind: int) -> str | None:
    """Return a text as it is; one that is not ended as it should be, as JSON; None for none."""
    try:
        text = data.decode("utf-16-le")
    except UnicodeDecodeError:
        return None
    bare = text.removesuffix("\0")
    plain = (
        kind in (_SZ, _EXPAND)
        and bare != text
        and bare.isprintable()
        and bare[:1] not in ('"', "(")
    )
    return bare if plain else json.dumps(text)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if data else "none"


def hive_facts(old: Buffer, new: Buffer) -> tuple[tuple[Fact, ...], tuple[Hit, ...]] | None:
    """Return what differs between two hives; None where they are none, or differ elsewhere.

    A hive that was not read wholly is a hit, and its bytes are for the caller to compare.
    """
    if not (is_hive(old) and is_hive(new)):
        return None
    try:
        before, now = (numbered(pairs(each), MAX_PAIRS) for each in (old, new))
    except Malformed as error:
        return (), (_unread(str(error)),)
    if before is None or now is None:
        return (), (_unread(f"more than {MAX_PAIRS} keys and values"),)
    told = differences(before, now)
    return (told, ()) if told else None


def _unread(why: str) -> Hit:
    return Hit(
        rule="compare.registry_unread",
        text=f"registry hive, not compared by key but by its bytes: {why}"[:300],
        threat="both",
        severity="medium",
        evidence=(why[:200],),
        r155=("12.1",),
    )

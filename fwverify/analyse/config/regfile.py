r"""Registry values out of a ``.reg`` text (``Windows Registry Editor Version 5.00``, REGEDIT4).

Source: Microsoft, "How to add, modify, or delete registry subkeys and values by using a
.reg file". Keys stand in brackets (``[-HKEY…]`` deletes), values are ``"name"=data`` or
``@=data``; data is a text, ``dword:``, ``hex:`` or ``hex(type):`` with ``\`` continuing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.config.registry import RegistryValue

HEAD: Final = re.compile(r"(?:Windows Registry Editor Version 5\.00|REGEDIT4)\s")
_KEY: Final = re.compile(r"\[(-?)(HKEY_\w{1,30}|HK\w{2,3})((?:\\[^\]]{0,500})?)\]")
_VALUE: Final = re.compile(r'(?:"((?:[^"\\]|\\.){0,300})"|@)\s{0,4}=\s{0,4}(.*)', re.DOTALL)
_TEXT_KINDS: Final = ("1", "2", "7")


def values(text: str) -> Iterator[RegistryValue]:
    """Yield each value that the text sets; those it deletes are not set."""
    if not HEAD.match(text):
        return
    key = ""
    for offset, line in _logical(text):
        if section := _KEY.fullmatch(line):
            key = "" if section[1] else (section[2] + section[3])
            if key:
                yield RegistryValue(key, "", "", offset)
        elif key and (match := _VALUE.fullmatch(line)):
            data = _data(match[2].strip())
            if data is not None:
                yield RegistryValue(key, _plain(match[1] or ""), data, offset)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Yield offset and text of each line with those joined that a backslash continues."""
    pending: list[str] = []
    start = offset = 0
    for line in text.split("\n"):
        bare = line.strip()
        start = start if pending else offset
        offset += len(line) + 1
        continues = bare.endswith("\\") and not bare.startswith("[")
        pending.append(bare[:-1] if continues else bare)
        if continues:
            continue
        whole, pending = "".join(pending), []
        if whole and not whole.startswith(";"):
            yield start, whole
    if pending:
        yield start, "".join(pending)


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _data(raw: str) -> str | None:
    """Return what is set as text, a number in decimal; None where the value is deleted."""
    if raw == "-":
        return None
    if raw.startswith('"'):
        return _plain(raw[1:].removesuffix('"'))
    if number := re.fullmatch(r"dword:([0-9a-fA-F]{1,8})", raw):
        return str(int(number[1], 16))
    if listed := re.fullmatch(r"hex(?:\(([0-9a-fA-F]{1,8})\))?:([0-9a-fA-F,\s]*)", raw):
        data = bytes.fromhex(re.sub(r"[^0-9a-fA-F]", "", listed[2])[: 1 << 16 & ~1])
        if listed[1] in _TEXT_KINDS:
            return data.decode("utf-16-le", "replace").rstrip("\0").replace("\0", " ")
        return data.hex()
    return raw

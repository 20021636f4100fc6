r"""A content as another program reads it, where that differs from its bytes.

Guarantees: a text in UTF-16 with a byte order mark or in GB 18030 (and so in GBK and
GB 2312, which are parts of it) is given in UTF-8, and a batch file with its carets taken
off and its literal variables put in, as cmd.exe does both before it runs a line
(Microsoft, "set", "Command shell overview"), so that a rule for ASCII text holds for it.
Contents without either cost a look at their first bytes.

A text is taken for GB 18030 where it is no UTF-8 and a quarter of its bytes beyond ASCII
are common Chinese characters then (rows 16 to 55 of GB 2312).

What it does not do: expand ``%x:~1,2%`` and other cuttings, follow calls, decode other
codings. Past ``MAX_TEXT_BYTES`` nothing is read, which is a ``Trouble``.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.values import Trouble
from fwverify.reader import Buffer

MAX_TEXT_BYTES: Final = 4 * 1024 * 1024
MAX_VARIABLES: Final = 256
MAX_LINE_CHARACTERS: Final = 8192
"""As the longest line of cmd.exe, 8191 characters."""

_HEAD_BYTES: Final = 4096
_ASCII: Final = bytes(range(0x80))
_COMMON: Final = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]")
_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BATCH: Final = re.compile(
    rb"(?im)\A\s*(?:@|rem\b|::|setlocal\b|cls\b|cd\b|start\b)"
    rb"|^[ \t]*@?e\^?c\^?h\^?o[ \t]+o\^?f\^?f\b|^[ \t]*@?set[ \t]+\"?\w{1,60}=|[a-z]\^[a-z]"
)
_SET: Final = re.compile(r"(?i)(?:^|[&(|]|\bdo\b)\s*@?set\s+\"?(\w{1,60})=([^\"&|<>%\r\n]{0,256})")
_USE: Final = re.compile(r"%(\w{1,60})%|!(\w{1,60})!")


@dataclass(frozen=True)
class Reading:
    """Another form of the content: its bytes, and how many bytes one of them stands for.

    ``scale`` is 0 where no place in the content can be told.
    """

    content: bytes
    scale: int


def readings(buffer: Buffer) -> tuple[tuple[Reading, ...], tuple[Trouble, ...]]:
    """Return the other readings of ``buffer``, and that it is too large to have them."""
    head = bytes(buffer[:_HEAD_BYTES])
    wide = head[:2] in _MARKS
    if not wide and b"\0" in head:
        return (), ()
    raw = bytes(buffer[:MAX_TEXT_BYTES])
    chinese = None if wide else _chinese(raw)
    if not wide and chinese is None and not _BATCH.search(head):
        return (), ()
    text, plain = _text(raw, wide=wide)
    found = [Reading(plain, 2)] if wide and _is_text(text) else []
    if chinese is not None:
        found.append(Reading(chinese.encode("utf-8", "replace"), 0))
    if _BATCH.search(plain[:_HEAD_BYTES]):
        typed = _typed(text)
        if typed.split() != text.split():
            found.append(Reading(typed.encode("utf-8", "replace"), 0))
    troubles: tuple[Trouble, ...] = ()
    if found and len(buffer) > MAX_TEXT_BYTES:
        said = f"a text larger than {MAX_TEXT_BYTES} bytes; only its start is read as text"
        troubles = (Trouble(code="limit.text_bytes", text=said),)
    return tuple(found), troubles


def _chinese(raw: bytes) -> str | None:
    """Return a text in GB 18030, None where it is ASCII, UTF-8 or something else.

    Bytes that are none of it are replaced: one of them must not hide the others.
    """
    if raw.isascii() or _is_utf8(raw):
        return None
    others = len(raw.translate(None, _ASCII))
    common = 2 * len(_COMMON.findall(raw))
    return raw.decode("gb18030", "replace") if common * 4 >= others else None


def _is_utf8(raw: bytes) -> bool:
    """Return whether ``raw`` is UTF-8; the last character may be cut off."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeDecodeError:
        return False
    return True


def _text(raw: bytes, *, wide: bool) -> tuple[str, bytes]:
    """Return the text and its bytes in UTF-8, both without a byte order mark."""
    text = raw.decode("utf-16", "replace") if wide else raw.decode("latin-1")
    return text, text.encode("utf-8", "replace") if wide else raw


def _is_text(text: str) -> bool:
    """Return whether it holds more letters of ASCII than what a wrong guess gives."""
    head = text[:_HEAD_BYTES]
    return sum(char.isascii() for char in head) * 2 >= len(head)


def _typed(text: str) -> str:
    """Return the lines of a batch file as cmd.exe takes them."""
    variables: dict[str, str] = {}
    lines = []
    for line in text.replace("^\r\n", "").replace("^\n", "").split("\n"):
        bare = re.sub(r"\^(.?)", r"\1", line[:MAX_LINE_CHARACTERS])
        shown = _USE.sub(lambda use: _value(use, variables), bare)
        for match in _SET.finditer(shown):
            if len(variables) < MAX_VARIABLES or match[1].lower() in variables:
                variables[match[1].lower()] = match[2].strip()
        lines.append(shown + line[MAX_LINE_CHARACTERS:])
    return "\n".join(lines)


def _value(use: re.Match[str], variables: dict[str, str]) -> str:
    return variables.get((use[1] or use[2]).lower(), use[0])

"""How Windows Installer writes the names of streams.

Guarantees: a name is decoded to the letters it stands for, and a table's stream is told
from others; a character that the coding does not use stays as it is. Control characters
are shown as ``[5]``, so that no name carries one.

Specification: the coding is undocumented; it is what msitools and Wine write: U+3800 to
U+47FF are two letters of a base-64 alphabet, U+4800 to U+483F are one, U+4840 marks a
table.
"""

from __future__ import annotations

from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
_PAIR, _SINGLE, _TABLE = 0x3800, 0x4800, 0x4840


def decode_stream_name(name: bytes) -> tuple[str, bool]:
    """Return the name that the UTF-16LE ``name`` stands for, and whether it is a table's."""
    letters: list[str] = []
    units = [int.from_bytes(name[at : at + 2], "little") for at in range(0, len(name) & ~1, 2)]
    is_table = units[:1] == [_TABLE]
    for unit in units[1:] if is_table else units:
        if _PAIR <= unit < _SINGLE:
            letters.append(_ALPHABET[unit - _PAIR & 63] + _ALPHABET[unit - _PAIR >> 6])
        elif _SINGLE <= unit < _TABLE:
            letters.append(_ALPHABET[unit - _SINGLE])
        else:
            letters.append(chr(unit))
    return "".join(letters), is_table


def encode_stream_name(name: str, *, table: bool = False) -> bytes:
    """Return the UTF-16LE stream name for ``name``; the reverse of decoding."""
    units = [_TABLE] if table else []
    at = 0
    while at < len(name):
        first = _ALPHABET.find(name[at])
        second = _ALPHABET.find(name[at + 1]) if at + 1 < len(name) else -1
        if first < 0:
            units.append(ord(name[at]))
        elif second < 0:
            units.append(_SINGLE + first)
        else:
            units.append(_PAIR + first + (second << 6))
            at += 1
        at += 1
    return b"".join(unit.to_bytes(2, "little") for unit in units)


def shown(name: str) -> bytes:
    """Return ``name`` as an entry's name: UTF-8 with control characters as ``[5]``.

    UTF-16 units that form no character stay as the bytes that UTF-8 has for them.
    """
    plain = "".join(f"[{ord(char)}]" if ord(char) < 32 else char for char in name)
    joined = plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return (joined if "�" not in joined else plain).encode("utf-8", "surrogatepass")

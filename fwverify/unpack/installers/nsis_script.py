"""The script of an NSIS installer, as far as it names files and says what is run.

Guarantees: every string of the script's table and every instruction appears in the text;
a file's name is given only to a block that an instruction points at. Nothing is run.

Specification: NSIS source, ``Source/exehead/fileform.h`` (header, blocks, ``entry``,
``EW_*``) of NSIS 2.46 and 3. All integers are little-endian.

Not checked: control flow. A folder is the last one set before an instruction in order of
the script, which jumps may make wrong; names are labels here and never a path on a disk.
Builds that number the instructions differently give numbered blocks.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from typing import Final

from fwverify.reader import Malformed, Reader

MAX_ENTRIES: Final = 500_000
MAX_STRING_CHARS: Final = 8_192
MAX_LISTED: Final = 16
_BLOCKS: Final = 8
_ENTRIES, _STRINGS, _LANGUAGES = 2, 3, 4
_ENTRY_BYTES: Final = 28
_SET_FOLDER, _EXTRACT = 11, 20
_EXECUTES: Final = {40: "ShellExecute", 41: "Execute"}
_VARIABLES: Final = (
    *(f"$R{n}" if n > 9 else f"${n}" for n in range(10)),
    *(f"$R{n}" for n in range(10)),
    "$CMDLINE", "$INSTDIR", "$OUTDIR", "$EXEDIR", "$LANGUAGE", "$TEMP", "$PLUGINSDIR",
    "$EXEPATH", "$EXEFILE", "$HWNDPARENT", "$_CLICK", "$_OUTDIR",
)  # fmt: skip
_URL: Final = re.compile(r"(?:https?|ftp)://[^\s\"'<>|$]{3,200}", re.IGNORECASE)


@dataclass(frozen=True)
class Script:
    """What the script says. ``names`` are by the position of the block in the data.

    ``other`` are the header's bytes that are neither strings nor instructions: pages,
    sections, languages, colours.
    """

    names: dict[int, bytes]
    commands: tuple[str, ...]
    urls: tuple[str, ...]
    text: bytes
    other: bytes = b""


class _Strings:
    """The string table, in UTF-16 or in bytes, with codes for variables."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.wide = data[:2] == b"\0\0"

    def get(self, number: int) -> str:
        """Return the string at character ``number``, variables as ``$NAME``."""
        step = 2 if self.wide else 1
        at = number * step
        letters: list[str] = []
        while 0 <= at <= len(self._data) - step and len(letters) < MAX_STRING_CHARS:
            unit = int.from_bytes(self._data[at : at + step], "little")
            at += step
            if not unit:
                break
            if unit <= 4 or (not self.wide and unit >= 252):
                raw = self._data[at : at + 2]
                at += 2
                letters.append(_code(unit, raw))
            else:
                letters.append(chr(unit))
        return "".join(letters)

    def all(self) -> list[str]:
        """Return every string in order."""
        step = 2 if self.wide else 1
        result, at, size = [], 0, len(self._data) // step
        while at < size:
            end = self._end(at)
            if end - at > MAX_STRING_CHARS:
                raise Malformed(at * step, "nsis.string", f"has {end - at} characters")
            result.append(self.get(at))
            at = end + 1
        return result

    def _end(self, at: int) -> int:
        """Return the character at which the string that begins at ``at`` ends."""
        if not self.wide:
            end = self._data.find(b"\0", at)
            return len(self._data) if end < 0 else end
        place = self._data.find(b"\0\0", at * 2)
        while place >= 0 and place % 2:
            place = self._data.find(b"\0\0", place + 1)
        return len(self._data) // 2 if place < 0 else place // 2


def _code(unit: int, raw: bytes) -> str:
    """Return what a code of one unit and its two bytes stands for."""
    value = (raw[0] & 0x7F | (raw[1] & 0x7F) << 7) if len(raw) == 2 else 0
    if unit in (3, 253):
        return _VARIABLES[value] if value < len(_VARIABLES) else f"$_{value}_"
    if unit in (1, 255):
        return f"$(LANG:{value})"
    if unit in (2, 254):
        return f"$SHELL:{raw.hex()}"
    return raw.decode("latin-1")


def read_script(header: bytes) -> Script:
    """Return what ``header`` says. Raises ``Malformed``."""
    reader = Reader(header)
    reader.u32le("nsis.header.flags")
    table = [reader.unpack("<2I", "nsis.header.blocks") for _ in range(_BLOCKS)]
    entries_at, count = table[_ENTRIES]
    start, end = table[_STRINGS][0], table[_LANGUAGES][0]
    if not 0 < start <= end <= len(header):
        raise Malformed(4 + 8 * _STRINGS, "nsis.header.strings", f"[{start}, {end})")
    strings = _Strings(header[start:end])
    window = Reader(header)
    window.seek(entries_at, "nsis.header.entries")
    if count > MAX_ENTRIES:
        raise Malformed(4 + 8 * _ENTRIES, "nsis.header.entries", f"{count} instructions")
    window.count(count, _ENTRY_BYTES, "nsis.header.entries")
    listed = [window.unpack("<7I", "nsis.entry") for _ in range(count)]
    script = _read(strings, listed)
    listed_end = entries_at + count * _ENTRY_BYTES
    kept = sorted([(0, 0), (start, end), (entries_at, listed_end), (len(header), len(header))])
    other = (header[high:low] for (_, high), (low, _) in itertools.pairwise(kept))
    return replace(script, other=b"\n\0".join(other))


def _read(strings: _Strings, listed: list[tuple[int, ...]]) -> Script:
    names: dict[int, bytes] = {}
    commands: list[str] = []
    folder = ""
    lines = []
    for which, *values in listed:
        lines.append(f"{which}\t" + " ".join(str(value) for value in values))
        if which == _SET_FOLDER and values[1]:
            folder = strings.get(values[0])
        elif which == _EXTRACT:
            name = strings.get(values[1])
            path = name if name.startswith("$") or not folder else f"{folder}\\{name}"
            names.setdefault(values[2], _path(path))
        elif which in _EXECUTES and len(commands) < MAX_LISTED:
            commands.append(strings.get(values[0 if which == 41 else 1]))
    texts = strings.all()
    urls = sorted({url for text in texts for url in _URL.findall(text)})[:MAX_LISTED]
    body = "\n".join([*(_plain(each) for each in texts), *lines]) + "\n"
    return Script(names, tuple(commands), tuple(urls), body.encode("utf-8", "backslashreplace"))


def _path(name: str) -> bytes:
    """Return a name with forward slashes, as the format's own separator is a backslash."""
    return name.replace("\\", "/").encode("utf-8", "surrogatepass")


def _plain(text: str) -> str:
    return "".join(
        char if char.isprintable() or char == "\t" else f"\\u{ord(char):04x}" for char in text
    )

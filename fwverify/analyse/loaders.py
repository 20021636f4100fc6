"""Programs for Windows that read a file, decrypt it and run what comes out.

Guarantees: two findings about x86 programs whose imports read files and make memory
executable. ``pe.decrypts_code``: the code has RC4 in it (the exchange of two bytes of a
table of 256, twice, and then an XOR of a byte). ``pe.reads_library``: it names a library
that it does not import, while no import of it loads libraries or files for execution, so
that the library can only be read as data. Where both hold, the first says so.

The public case is a desktop telephone of which one signed library read the end of
another, behind its signature, decrypted it by RC4 and jumped there (Mandiant and others
on 3CX, 2023). RC4 after its description in RFC 6229 §1 and the code of common compilers.

What it does not see: another cipher, one that is unrolled or built without optimisation,
functions found at run time, .NET, and whether what is decrypted is what is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, Range, merged
from fwverify.model import Confidence
from fwverify.reader import Buffer

MAX_NAMES: Final = 8
_READS: Final = frozenset(("ReadFile", "ReadFileEx", "MapViewOfFile", "NtReadFile", "fread"))
_OPENS: Final = frozenset(
    ("CreateFileA", "CreateFileW", "CreateFile2", "NtCreateFile", "fopen", "_wfopen")
)
_EXECUTES: Final = frozenset(
    (
        *("VirtualProtect", "VirtualProtectEx", "VirtualAlloc", "VirtualAllocEx"),
        *("NtProtectVirtualMemory", "NtAllocateVirtualMemory"),
    )
)
_LOADS: Final = re.compile(
    r"(?:Load(?:Library|PackagedLibrary)|GetModuleHandle|CreateProcess|ShellExecute)\w*"
    r"|LdrLoadDll|WinExec|CoCreateInstance|CoLoadLibrary|SearchPath[AW]|VerQueryValue[AW]"
)
_LIBRARY: Final = re.compile(
    rb"(?<![\w.-])[A-Za-z0-9_][\w-]{2,40}(?:\.[\w-]{1,20}){0,2}\.dll(?=\0)"
    rb"|(?<![\w.-]\0)(?:[\w-]\0){3,40}(?:\.\0(?:[\w-]\0){1,20}){0,2}\.\0[dD]\0[lL]\0[lL]\0(?=\0\0)",
    re.IGNORECASE,
)

_EXCHANGE: Final = re.compile(
    rb"\x88[\x04\x0c\x14\x1c\x24\x2c\x34\x3c\x44\x4c\x54\x5c\x64\x6c\x74\x7c\x84\x8c\x94\x9c"
    rb"\xa4\xac\xb4\xbc].{1,12}?\x88[\x04\x0c\x14\x1c\x24\x2c\x34\x3c\x44\x4c\x54\x5c\x64\x6c"
    rb"\x74\x7c\x84\x8c\x94\x9c\xa4\xac\xb4\xbc]",
    re.DOTALL,
)
"""Two MOV of a byte register to memory by base and index (Intel SDM: 88 /r with SIB)."""

_BEFORE_BYTES, _BEHIND_BYTES, _APART_BYTES = 48, 64, 400
_BYTE_LOAD: Final = re.compile(r"mov(?:zx)? \w+, byte ptr \[[^]]*\+[^]]*\]")
_BYTE_STORE: Final = re.compile(r"mov byte ptr \[[^]]*\+[^]]*\], [a-z]\w+")
_XOR: Final = re.compile(r"xor (?:byte ptr \[[^]]*\], [a-z]\w+|(?P<a>\w+), (?!(?P=a)\b)[a-z][^,]*)")
_TABLE_BYTES: Final = re.compile(rb"\x00\x01\x00\x00|\xff\x00\x00\x00")
"""256 or 255 as an operand."""


def loaders(
    imports: frozenset[tuple[str, str]],
    buffer: Buffer,
    code: Iterable[Range],
    bits: int,
    own: frozenset[str],
) -> tuple[Hit, ...]:
    """Return the finding about a program with ``imports`` (library, function), if any.

    ``code`` are the ranges of x86 code of ``bits`` bits; ``own`` are names by which the
    program calls itself, in lower case.
    """
    names = frozenset(name for _, name in imports)
    used = [sorted(group & names) for group in (_OPENS, _READS, _EXECUTES)]
    if not all(used) or not bits:
        return ()
    content = bytes(buffer)
    evidence = {f"import {name}" for group in used for name in group}
    foreign = _foreign(content, frozenset(library for library, _ in imports) | own)
    only_read = foreign and not any(_LOADS.fullmatch(name) for name in names)
    place = next((at for each in merged(code) if (at := _cipher(content, each, bits))), None)
    if only_read:
        evidence |= {f"names {name}" for name in foreign[:MAX_NAMES]}
    if place is not None:
        text = "reads a file, decrypts by RC4 and makes memory executable"
        return (_hit("pe.decrypts_code", text, evidence, place, sure=bool(only_read)),)
    if only_read:
        text = f"reads {foreign[0]} as data and makes memory executable"
        return (_hit("pe.reads_library", text, evidence, None, sure=False),)
    return ()


def _hit(rule: str, text: str, evidence: set[str], place: int | None, *, sure: bool) -> Hit:
    confidence: Confidence = "medium" if sure else "low"
    return Hit(
        rule=rule,
        text=text,
        capability="evade.packed",
        threat="both",
        severity="medium",
        confidence=confidence,
        offset=place,
        excerpt=text,
        evidence=tuple(sorted(evidence)),
        r155=R155_BY_ID["evade.packed"],
    )


def _foreign(content: bytes, known: frozenset[str]) -> list[str]:
    """Return the libraries that are named and neither imported nor the program itself."""
    named = {match[0].replace(b"\0", b"").decode("latin-1") for match in _LIBRARY.finditer(content)}
    return sorted(name for name in named if name.lower() not in known)


def _cipher(content: bytes, place: Range, bits: int) -> int | None:
    """Return where RC4 stands in a range of code, as an offset in the file; None: nowhere."""
    start, end = place
    engine = _engine(bits)
    last = start - _APART_BYTES - 1
    for match in _EXCHANGE.finditer(content, start, end):
        first, last = last, match.start()
        low, high = max(start, first - _APART_BYTES), min(end, last + _BEHIND_BYTES)
        if last - first > _APART_BYTES or not _TABLE_BYTES.search(content, low, high):
            continue
        both = (_is_exchange(engine, content, at) for at in (first, last))
        if all(both) and _is_masked(engine, content, last, high):
            return first
    return None


def _engine(bits: int) -> Any:
    import capstone

    mode = capstone.CS_MODE_64 if bits == 64 else capstone.CS_MODE_32
    engine = capstone.Cs(capstone.CS_ARCH_X86, mode)
    engine.skipdata = True
    return engine


def _texts(engine: Any, content: bytes, low: int, high: int) -> list[str]:
    found = engine.disasm_lite(content[low:high], low)
    return [f"{mnemonic} {operands}" for _, _, mnemonic, operands in found]


def _is_exchange(engine: Any, content: bytes, at: int) -> bool:
    """Return whether two bytes are loaded by index before two are stored at ``at``."""
    before = _texts(engine, content, max(0, at - _BEFORE_BYTES), at)
    behind = _texts(engine, content, at - 1, at + 24)[:4]
    behind = behind if any(map(_BYTE_STORE.fullmatch, behind)) else []
    behind = behind or _texts(engine, content, at, at + 24)[:4]
    loads = sum(_BYTE_LOAD.fullmatch(text) is not None for text in before)
    return loads >= 2 and any(_BYTE_STORE.fullmatch(text) for text in behind)


def _is_masked(engine: Any, content: bytes, at: int, high: int) -> bool:
    """Return whether bytes are loaded by index and XORed behind ``at``."""
    behind = _texts(engine, content, at, high)
    first = next((n for n, text in enumerate(behind) if _BYTE_LOAD.fullmatch(text)), None)
    return first is not None and any(_XOR.fullmatch(text) for text in behind[first:])

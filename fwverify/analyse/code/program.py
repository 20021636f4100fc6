"""The machine code of one ELF program: what it asks of the kernel, and how.

Guarantees: the executable segments are searched whole or the reason is said: a processor
that is not known (``analyse.architecture`` where no import tells anything either, else the
finding ``code.unread``), a
bound of ``calls`` (``limit.code``), a disassembler that fails (``analyse.code``).

Relocatable objects (kernel modules, libraries of objects) have no segments and are not
read. Calls in code that is unpacked at run time are not seen; ``opaque`` says of it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.code import signs
from fwverify.analyse.code.calls import (
    BY_NUMBER,
    MAX_CODE_BYTES,
    Call,
    CodeLimit,
    Site,
    function_calls,
    system_calls,
)
from fwverify.analyse.code.dates import dates
from fwverify.analyse.code.image import Image
from fwverify.analyse.code.machines import Machine, machines
from fwverify.analyse.elfheader import ET_DYN, ET_EXEC, ElfHeader
from fwverify.analyse.values import Hit, Trouble
from fwverify.model import Fact

_FLAGS_AT: Final = {32: 36, 64: 48}


@dataclass(frozen=True)
class Code:
    """What the code of a program says. ``names`` are the system calls made directly."""

    facts: frozenset[Fact] = frozenset()
    hits: tuple[Hit, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    names: frozenset[str] = frozenset()


def examine(data: bytes, header: ElfHeader, imports: frozenset[str]) -> Code:
    """Return what the machine code of ``data`` says; ``imports`` are normalised names."""
    if header.kind not in (ET_EXEC, ET_DYN):
        return Code()
    image = Image(data, header)
    if not image.code_bytes:
        return Code()
    (flags,) = struct.unpack_from("<I" if header.little else ">I", data, _FLAGS_AT[header.bits])
    known = machines(header, flags)
    if not known:
        return _unknown(header, imports)
    calls: tuple[Call, ...] = ()
    clocks: tuple[Site, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    try:
        calls, clocks = _calls(image, known)
    except CodeLimit as error:
        troubles = (Trouble(code="limit.code", text=f"machine code: {error}"),)
    facts = signs.facts(calls, mips=known[0].family == "mips")
    names = frozenset(call.name for call in calls if call.direct and call.name != BY_NUMBER)
    hits = signs.hits(facts, names | imports) + dates(clocks, image)
    return Code(facts, hits, troubles, names)


def _calls(image: Image, known: tuple[Machine, ...]) -> tuple[tuple[Call, ...], tuple[Site, ...]]:
    if image.code_bytes > MAX_CODE_BYTES:
        raise CodeLimit(f"has {image.code_bytes} bytes, more than {MAX_CODE_BYTES}")
    own = system_calls(image, known)
    called, clocks = function_calls(image, known, own)
    return own + called, clocks


def _unknown(header: ElfHeader, imports: frozenset[str]) -> Code:
    said = f"{header.bits}-bit {'little' if header.little else 'big'}-endian {header.machine}"
    if imports:  # its abilities are known by their names, but not what it asks for with them
        fact = Fact(kind="code", text=f"not examined: {said}")
        return Code(frozenset((fact,)), (_unread(said),))
    text = f"machine code: {said} is not read, and there are no imports"
    return Code(troubles=(Trouble(code="analyse.architecture", text=text),))


def _unread(said: str) -> Hit:
    """Return the finding that speaks of code that nobody looked into."""
    return Hit(
        rule="code.unread",
        text="only the imports are known: the machine code is for a processor that is not read",
        severity="medium",
        confidence="high",
        excerpt=said,
        evidence=(f"processor {said}",),
    )

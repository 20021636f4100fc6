"""Facts of an ELF file and the abilities that its imports make together.

Read with lief after ``elfheader`` has read the header strictly: lief shows memory for a
header it cannot read and fails on unknown numbers of types and tags. A
file that starts with the ELF magic and cannot be read is a ``Trouble``, and so is one
that names libraries while no import of it can be read: its abilities are then unknown.

Names are normalised (``__isoc23_strtol``, ``open64``, ``__read_chk``, ``fstat_time64``)
so that another C library version adds no fact. Import combinations are noisy as absolute
statements (a shell or a container tool has them rightly: 3 % of goodware) and good as a
difference; their confidence is therefore low, and medium with the path of a shell. System
calls that the machine code makes itself (``code.program``) count like imports.

What it does not see: functions found at run time by name, order and data flow of calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fwverify.analyse.code.program import examine
from fwverify.analyse.dialled import dialled
from fwverify.analyse.elfheader import (
    ET_DYN,
    MAGIC,
    PF_X,
    PT_DYNAMIC,
    PT_GNU_RELRO,
    PT_GNU_STACK,
    PT_INTERP,
    PT_LOAD,
    ElfHeader,
    read_header,
)
from fwverify.analyse.elfsections import Section, elf_sections, hash_tables
from fwverify.analyse.opaque import opaque
from fwverify.analyse.plaindata import HashTable
from fwverify.analyse.targets import targets
from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import EXCERPT_CHARACTERS, Hit, Range, Trouble
from fwverify.analyse.windows import Extracted
from fwverify.model import Fact, Severity
from fwverify.reader import Buffer, Malformed

MAX_ELF_BYTES: Final = 512 * 1024 * 1024
MAX_FACTS: Final = 20_000

_NOTHING_EXTRACTED: Final = Extracted(())
_NORMALISE: Final = (
    re.compile(r"^__isoc\d\d_"),
    re.compile(r"_chk(?=@|$)"),
    re.compile(r"(?:_time64|64)$"),
)
_SHELL: Final = re.compile(rb"/bin/(?:ba|a|da)?sh(?=[\x00\s\"'])")
_DATA: Final = re.compile(r"\.s?(?:ro)?data(?:\.|$)")
_PATH_BYTES: Final = re.compile(rb"[\w/.-]")

EXEC: Final = frozenset(
    ["execve", "execv", "execl", "execle", "execlp", "execvp", "execvpe", "fexecve", "posix_spawn"]
)
COMMAND: Final = frozenset(("system", "popen"))
DUPLICATE: Final = frozenset(("dup2", "dup3"))


@dataclass(frozen=True)
class Combination:
    """Imports that together make an ability: one of each group.

    ``severity`` holds where the program also names a shell, else ``medium``.
    """

    rule: str
    capability: str
    text: str
    groups: tuple[frozenset[str], ...]


COMBINATIONS: Final = (
    Combination(
        "elf.reverse_shell",
        "remote.shell.reverse",
        "connects out, puts the connection on standard input and output, and starts a program",
        (frozenset(("connect",)), DUPLICATE, EXEC),
    ),
    Combination(
        "elf.bind_shell",
        "remote.shell.bind",
        "listens, puts a connection on standard input and output, and starts a program",
        (frozenset(("listen",)), frozenset(("accept", "accept4")), DUPLICATE, EXEC),
    ),
    Combination(
        "elf.command_server",
        "remote.shell.trigger",
        "listens, and runs command lines by a shell",
        (frozenset(("listen",)), frozenset(("accept", "accept4")), COMMAND),
    ),
    Combination(
        "elf.packet_capture",
        "surv.sniff",
        "captures packets with libpcap",
        (frozenset(("pcap_open_live", "pcap_create")), frozenset(("pcap_loop", "pcap_next_ex"))),
    ),
)


def elf(
    buffer: Buffer, extracted: Extracted = _NOTHING_EXTRACTED
) -> tuple[tuple[Fact, ...], tuple[Hit, ...], tuple[Trouble, ...]]:
    """Return the facts and findings of an ELF file; nothing for another content."""
    if bytes(buffer[:4]) != MAGIC:
        return (), (), ()
    if len(buffer) > MAX_ELF_BYTES:
        return (), (), (_trouble(f"larger than {MAX_ELF_BYTES} bytes"),)
    try:
        header = read_header(buffer)
    except Malformed as error:
        return (), (), (_trouble(str(error)),)
    data = bytes(buffer)
    binary = _parse(data)
    if binary is None:
        return (), (), (_trouble("the parser gives up on it"),)
    try:
        imports = _imports(binary)
        libraries = _libraries(binary)
        facts = _facts(header, binary, imports, libraries) | _interpreter(header, buffer)
    except (UnicodeDecodeError, SystemError) as error:  # how lief refuses odd names and numbers
        return (), (), (_trouble(f"the parser gives up on it: {error}"),)
    code = examine(data, header, imports)
    sections = _sections(header, buffer)
    ordered = tuple(sorted(facts | code.facts, key=lambda fact: (fact.kind, fact.text)))
    return (
        ordered[:MAX_FACTS],
        _combined(imports, code.names - imports, buffer)
        + code.hits
        + _nameless(header, buffer)
        + dialled(imports, buffer)
        + targets(imports, buffer, _plain_parts(header, buffer, sections), calls=_calls(code.facts))
        + opaque("elf.opaque", buffer, *_parts(header, buffer, extracted, sections)),
        (*_gaps(header, imports, libraries, len(ordered)), *code.troubles),
    )


def _sections(header: ElfHeader, buffer: Buffer) -> tuple[Section, ...] | None:
    """Return the sections; None where they cannot be read, which no loader minds."""
    try:
        return elf_sections(buffer, header.bits, little=header.little)
    except Malformed:
        return None


def _parts(
    header: ElfHeader,
    buffer: Buffer,
    extracted: Extracted,
    sections: tuple[Section, ...] | None,
) -> tuple[tuple[tuple[str, Range], ...], Extracted, tuple[HashTable, ...]]:
    """Return name and range of each section and segment, or of the file as a whole.

    With them what ``opaque`` asks for beside: what is extracted, and hashes of names.
    """
    size = len(buffer)
    segments = tuple(
        (f"segment of type {part.kind:#x}", (part.offset, min(part.offset + part.size, size)))
        for part in header.segments
    )
    if sections is None:
        return (*segments, ("file", (0, size))), extracted, ()
    named = tuple(
        (f"section {each.name}", each.place) for each in sections if each.place[0] < each.place[1]
    )
    hashes = tuple(hash_tables(sections, header.bits, little=header.little))
    return segments + named, extracted, hashes


def _calls(facts: frozenset[Fact]) -> frozenset[str]:
    return frozenset(fact.text for fact in facts if fact.kind == "call")


def _plain_parts(
    header: ElfHeader, buffer: Buffer, sections: tuple[Section, ...] | None
) -> tuple[tuple[str, Range], ...]:
    """Return the constants and data: by sections, else the segments without code."""
    named = tuple((each.name, each.place) for each in sections or () if _DATA.match(each.name))
    return named or tuple(
        ("segment", (part.offset, min(part.offset + part.size, len(buffer))))
        for part in header.segments
        if part.kind == PT_LOAD and not part.flags & PF_X
    )


def _gaps(
    header: ElfHeader, imports: frozenset[str], libraries: tuple[str, ...], facts: int
) -> Iterator[Trouble]:
    """Yield what of a readable file could not be examined."""
    if header.is_program and libraries and not imports:
        yield _trouble(f"needs {libraries[0]} but none of its imports can be read")
    if header.has(PT_INTERP) and header.has(PT_DYNAMIC) and not libraries:
        yield _trouble("has a loader but none of its libraries can be read")
    if facts > MAX_FACTS:
        yield _trouble(f"has more than {MAX_FACTS} facts; the first are kept")


def _nameless(header: ElfHeader, buffer: Buffer) -> tuple[Hit, ...]:
    """Return that a program calls its loader's functions by address and none by a name.

    klibc's shared programs are so: without PT_DYNAMIC a loader finds no name in them. What
    they ask of the kernel themselves is known, what the loader does for them is not.
    """
    if not header.has(PT_INTERP) or header.has(PT_DYNAMIC):
        return ()
    loader = next(iter(sorted(fact.text for fact in _interpreter(header, buffer))), "")
    return (
        Hit(
            rule="elf.nameless_calls",
            text="what it calls of its loader has no names: only its own system calls are known",
            severity="medium",
            confidence="high",
            excerpt=loader[:EXCERPT_CHARACTERS],
            evidence=(f"interpreter {loader}", "no dynamic section"),
        ),
    )


def _trouble(text: str) -> Trouble:
    return Trouble(code="analyse.elf", text=f"ELF: {text}")


def _parse(data: bytes) -> Any:
    import lief

    lief.logging.disable()
    config = lief.ELF.ParserConfig()
    config.parse_notes = False
    config.parse_symbol_versions = False
    return lief.ELF.parse(data, config)


def normalise(name: str) -> str:
    """Return an import's name without what differs between C library versions."""
    plain = name.partition("@")[0]
    if (match := _NORMALISE[0].match(plain)) is not None:
        plain = plain[match.end() :]
    if plain.endswith("_chk"):
        plain = plain.removesuffix("_chk").removeprefix("__")
    shorter = _NORMALISE[2].sub("", plain)
    return shorter.removeprefix("__") if shorter != plain else plain


def _imports(binary: Any) -> frozenset[str]:
    """Return normalised names of imported functions and data.

    A static program that kept its symbol table has its library functions there.
    """
    names = {str(symbol.name) for symbol in binary.imported_symbols}
    if not binary.libraries:
        names |= {str(symbol.name) for symbol in binary.symtab_symbols if symbol.is_function}
    return frozenset(_clean(normalise(name)) for name in names if name)


def imported_names(data: bytes) -> frozenset[str]:
    """Return the normalised names that an ELF file imports; none where it cannot be read."""
    binary = _parse(data)
    try:
        return frozenset() if binary is None else _imports(binary)
    except (UnicodeDecodeError, SystemError):
        return frozenset()


def _libraries(binary: Any) -> tuple[str, ...]:
    return tuple(_clean(str(name)) for name in binary.libraries)


def _facts(
    header: ElfHeader, binary: Any, imports: frozenset[str], libraries: tuple[str, ...]
) -> frozenset[Fact]:
    facts = {Fact(kind="needed", text=name) for name in libraries}
    if libraries:
        facts |= {Fact(kind="import", text=name) for name in imports}
    facts |= {
        Fact(kind="section", text=_clean(str(section.name)))
        for section in binary.sections
        if section.name
    }
    facts.add(Fact(kind="machine", text=header.machine))
    facts.add(Fact(kind="linkage", text=_linkage(binary)))
    facts |= {Fact(kind="hardening", text=text) for text in _hardening(header, imports)}
    facts |= {Fact(kind="rpath", text=text) for text in _search_paths(binary)}
    if (overlay := len(binary.overlay)) > 0:
        facts.add(Fact(kind="overlay", text=f"{overlay} bytes behind the last section"))
    if {"listen", "bind"} <= imports:
        facts.add(Fact(kind="socket", text="listens"))
    if "connect" in imports:
        facts.add(Fact(kind="socket", text="connects"))
    return frozenset(facts)


def _interpreter(header: ElfHeader, buffer: Buffer) -> frozenset[Fact]:
    """Return the loader that each PT_INTERP names."""
    return frozenset(
        Fact(kind="interpreter", text=_clean(raw.split(b"\0")[0].decode("latin-1")))
        for segment in header.segments
        if segment.kind == PT_INTERP
        for raw in (bytes(buffer[segment.offset : segment.offset + min(segment.size, 4096)]),)
    )


def _linkage(binary: Any) -> str:
    if binary.libraries:
        return "dynamic"
    return "static" if any(True for _ in binary.symtab_symbols) else "static, stripped"


def _hardening(header: ElfHeader, imports: frozenset[str]) -> tuple[str, ...]:
    said = []
    stacks = [segment for segment in header.segments if segment.kind == PT_GNU_STACK]
    if stacks and not any(segment.flags & PF_X for segment in stacks):
        said.append("non-executable stack")
    if header.kind == ET_DYN and header.has(PT_INTERP):
        said.append("position independent")
    if "__stack_chk_fail" in imports:
        said.append("stack protector")
    if header.has(PT_GNU_RELRO):
        said.append("relocations read-only")
    return tuple(said)


def _search_paths(binary: Any) -> tuple[str, ...]:
    """Return the paths of DT_RPATH and DT_RUNPATH.

    Entries are told apart by class: lief fails on asking the tag of an unknown one.
    """
    import lief

    kinds = (lief.ELF.DynamicEntryRpath, lief.ELF.DynamicEntryRunPath)
    return tuple(
        _clean(path)
        for entry in binary.dynamic_entries
        if isinstance(entry, kinds)
        for path in entry.paths
        if path
    )


def _combined(imports: frozenset[str], calls: frozenset[str], buffer: Buffer) -> tuple[Hit, ...]:
    """Return the abilities that imports and direct system ``calls`` make together."""
    names = imports | calls
    whole = [
        combination
        for combination in COMBINATIONS
        if all(group & names for group in combination.groups)
    ]
    shell = _shell(buffer) if whole else None
    return tuple(_hit(combination, imports, calls, shell) for combination in whole)


def _shell(buffer: Buffer) -> tuple[int, str] | None:
    """Return offset and text of the first whole path of a shell, or None."""
    for match in _SHELL.finditer(buffer):
        before = bytes(buffer[max(0, match.start() - 1) : match.start()])
        if not _PATH_BYTES.match(before):
            return match.start(), match[0].decode("ascii")
    return None


def _hit(
    combination: Combination,
    imports: frozenset[str],
    calls: frozenset[str],
    shell: tuple[int, str] | None,
) -> Hit:
    place = shell if EXEC in combination.groups else None
    severity: Severity = "high" if place else "medium"
    if COMMAND in combination.groups:  # many daemons: good as a delta, weak alone
        severity = "low"
    wanted = frozenset(name for group in combination.groups for name in group)
    evidence = {f"import {name}" for name in wanted & imports}
    evidence |= {f"syscall {name}" for name in wanted & calls}
    return Hit(
        rule=combination.rule,
        text=combination.text,
        capability=combination.capability,
        threat="both",
        severity=severity,
        confidence="low" if _is_common(combination) and not place else "medium",
        offset=place[0] if place else None,
        length=len(place[1]) if place else None,
        excerpt=place[1] if place else "",
        evidence=tuple(sorted(evidence | ({f"string {place[1]}"} if place else set()))),
        r155=R155_BY_ID[combination.capability],
    )


def _is_common(combination: Combination) -> bool:
    """Return whether ordinary programs have it, too, unless they name a shell."""
    return EXEC in combination.groups or COMMAND in combination.groups


def _clean(text: str) -> str:
    """Return a name from the file as printable ASCII of bounded length."""
    return text.encode("ascii", "backslashreplace").decode()[:200]

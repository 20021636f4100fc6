"""Facts of an ELF file and the abilities that its imports make together.

Read with lief after the header (ELF gABI, "ELF Header") was checked here: lief prints
and guesses for a header it cannot read, and facts must not depend on memory. A file that
starts with the ELF magic and cannot be read is a ``Trouble``, and so is one that names
libraries while no import of it can be read: its abilities are then unknown.

Names are normalised (``__isoc23_strtol``, ``open64``, ``__read_chk``, ``fstat_time64``)
so that another C library version adds no fact. Import combinations are noisy as absolute
statements (a shell or a container tool has them rightly) and good as a difference.

What it does not see: calls of a stripped static program (it has no imports; the fact
``linkage`` says so), functions found at run time by name, order and data flow of calls.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, Trouble
from fwverify.model import Fact, Severity
from fwverify.reader import Buffer, Malformed, Reader

MAGIC: Final = b"\x7fELF"
MAX_ELF_BYTES: Final = 512 * 1024 * 1024
MAX_FACTS: Final = 20_000

_HEADER_BYTES: Final = {1: 52, 2: 64}
_PROGRAM_BYTES: Final = {1: 32, 2: 56}
_NORMALISE: Final = (
    re.compile(r"^__isoc\d\d_"),
    re.compile(r"_chk(?=@|$)"),
    re.compile(r"(?:_time64|64)$"),
)
_SHELL: Final = re.compile(rb"/bin/(?:ba|a|da)?sh(?=[\x00\s\"'])")
_PATH_BYTES: Final = re.compile(rb"[\w/.-]")

EXEC: Final = frozenset(
    ["execve", "execv", "execl", "execle", "execlp", "execvp", "execvpe", "fexecve", "posix_spawn"]
)
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
        "elf.packet_capture",
        "surv.sniff",
        "captures packets with libpcap",
        (frozenset(("pcap_open_live", "pcap_create")), frozenset(("pcap_loop", "pcap_next_ex"))),
    ),
)


def elf(buffer: Buffer) -> tuple[tuple[Fact, ...], tuple[Hit, ...], tuple[Trouble, ...]]:
    """Return the facts and findings of an ELF file; nothing for another content."""
    if bytes(buffer[:4]) != MAGIC:
        return (), (), ()
    if len(buffer) > MAX_ELF_BYTES:
        return (), (), (_trouble(f"larger than {MAX_ELF_BYTES} bytes"),)
    try:
        _check_header(Reader(buffer))
    except Malformed as error:
        return (), (), (_trouble(str(error)),)
    binary = _parse(bytes(buffer))
    if binary is None:
        return (), (), (_trouble("the parser gives up on it"),)
    imports = _imports(binary)
    facts = _facts(binary, imports)
    troubles = []
    libraries = tuple(str(name) for name in binary.libraries)
    if libraries and not imports and _is_program(binary):
        troubles.append(_trouble(f"needs {libraries[0]} but none of its imports can be read"))
    if len(facts) > MAX_FACTS:
        troubles.append(_trouble(f"has more than {MAX_FACTS} facts; the first are kept"))
        facts = facts[:MAX_FACTS]
    return facts, _combined(imports, buffer), tuple(troubles)


def _trouble(text: str) -> Trouble:
    return Trouble(code="analyse.elf", text=f"ELF: {text}")


def _check_header(reader: Reader) -> None:
    """Raise ``Malformed`` unless class, byte order and program headers are plausible."""
    reader.skip(4, "e_ident")
    width, order = reader.u8("EI_CLASS"), reader.u8("EI_DATA")
    if width not in _HEADER_BYTES:
        raise Malformed(4, "EI_CLASS", f"{width} is neither 1 nor 2")
    if order not in (1, 2):
        raise Malformed(5, "EI_DATA", f"{order} is neither 1 nor 2")
    reader.peek(0, _HEADER_BYTES[width], "Ehdr")
    mark = "<" if order == 1 else ">"
    reader.seek(28 if width == 1 else 32)
    (table,) = reader.unpack(f"{mark}{'I' if width == 1 else 'Q'}", "e_phoff")
    reader.seek(42 if width == 1 else 54)
    entry_bytes, count = reader.unpack(f"{mark}HH", "e_phentsize")
    if count == 0:
        return
    if entry_bytes != _PROGRAM_BYTES[width]:
        raise Malformed(reader.offset, "e_phentsize", f"{entry_bytes} bytes")
    reader.seek(table, "e_phoff")
    reader.count(count, entry_bytes, "e_phnum")


def _parse(data: bytes) -> Any:
    import lief

    lief.logging.disable()
    config = lief.ELF.ParserConfig()
    config.parse_notes = False
    config.parse_symbol_versions = False
    return lief.ELF.parse(data, config)


def _is_program(binary: Any) -> bool:
    import lief

    kind = binary.header.file_type
    return bool(kind == lief.ELF.Header.FILE_TYPE.EXEC or binary.has_interpreter)


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


def _facts(binary: Any, imports: frozenset[str]) -> tuple[Fact, ...]:
    facts = {Fact(kind="needed", text=_clean(str(name))) for name in binary.libraries}
    if binary.libraries:
        facts |= {Fact(kind="import", text=name) for name in imports}
    facts |= {
        Fact(kind="section", text=_clean(str(section.name)))
        for section in binary.sections
        if section.name
    }
    if binary.has_interpreter:
        facts.add(Fact(kind="interpreter", text=_clean(str(binary.interpreter))))
    facts.add(Fact(kind="machine", text=str(binary.header.machine_type).rpartition(".")[2]))
    facts.add(Fact(kind="linkage", text=_linkage(binary)))
    facts |= {Fact(kind="hardening", text=text) for text in _hardening(binary, imports)}
    facts |= {Fact(kind="rpath", text=text) for text in _search_paths(binary)}
    if (overlay := len(binary.overlay)) > 0:
        facts.add(Fact(kind="overlay", text=f"{overlay} bytes behind the last section"))
    if {"listen", "bind"} <= imports:
        facts.add(Fact(kind="socket", text="listens"))
    if "connect" in imports:
        facts.add(Fact(kind="socket", text="connects"))
    return tuple(sorted(facts, key=lambda fact: (fact.kind, fact.text)))


def _linkage(binary: Any) -> str:
    if binary.libraries:
        return "dynamic"
    return "static" if any(True for _ in binary.symtab_symbols) else "static, stripped"


def _hardening(binary: Any, imports: frozenset[str]) -> tuple[str, ...]:
    import lief

    said = []
    if binary.has_nx:
        said.append("non-executable stack")
    if binary.is_pie:
        said.append("position independent")
    if "__stack_chk_fail" in imports or "stack_chk_fail" in imports:
        said.append("stack protector")
    if any(segment.type == lief.ELF.Segment.TYPE.GNU_RELRO for segment in binary.segments):
        said.append("relocations read-only")
    return tuple(said)


def _search_paths(binary: Any) -> tuple[str, ...]:
    import lief

    tags = (lief.ELF.DynamicEntry.TAG.RPATH, lief.ELF.DynamicEntry.TAG.RUNPATH)
    return tuple(
        _clean(path)
        for entry in binary.dynamic_entries
        if entry.tag in tags
        for path in entry.paths
        if path
    )


def _combined(imports: frozenset[str], buffer: Buffer) -> tuple[Hit, ...]:
    whole = [
        combination
        for combination in COMBINATIONS
        if all(group & imports for group in combination.groups)
    ]
    shell = _shell(buffer) if whole else None
    return tuple(_hit(combination, imports, shell) for combination in whole)


def _shell(buffer: Buffer) -> tuple[int, str] | None:
    """Return offset and text of the first whole path of a shell, or None."""
    for match in _SHELL.finditer(buffer):
        before = bytes(buffer[max(0, match.start() - 1) : match.start()])
        if not _PATH_BYTES.match(before):
            return match.start(), match[0].decode("ascii")
    return None


def _hit(combination: Combination, imports: frozenset[str], shell: tuple[int, str] | None) -> Hit:
    place = shell if EXEC in combination.groups else None
    severity: Severity = "high" if place else "medium"
    evidence = {f"import {name}" for group in combination.groups for name in group & imports}
    return Hit(
        rule=combination.rule,
        text=combination.text,
        capability=combination.capability,
        threat="both",
        severity=severity,
        confidence="high" if place else "medium",
        offset=place[0] if place else None,
        length=len(place[1]) if place else None,
        excerpt=place[1] if place else "",
        evidence=tuple(sorted(evidence | ({f"string {place[1]}"} if place else set()))),
        r155=R155_BY_ID[combination.capability],
    )


def _clean(text: str) -> str:
    """Return a name from the file as printable ASCII of bounded length."""
    return text.encode("ascii", "backslashreplace").decode()[:200]

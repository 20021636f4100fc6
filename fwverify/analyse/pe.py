"""Facts of a PE file (Windows and UEFI) and the abilities that its imports make together.

Read with pefile (Microsoft, "PE Format"). A content that has both signatures of the
format and cannot be read, or whose import table stands but cannot be read, is a
``Trouble``. Whether an Authenticode signature is valid is the verify stage's to say;
here only its presence is a fact, as is an overlay behind the last section.

What it does not see: imports resolved at run time, managed code's calls.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any, Final

import pefile

from fwverify.analyse.elf import Combination
from fwverify.analyse.loaders import loaders
from fwverify.analyse.opaque import opaque
from fwverify.analyse.targets import targets
from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, Range, Trouble
from fwverify.analyse.windows import Extracted
from fwverify.model import Fact
from fwverify.reader import Buffer, Malformed, Reader

MAX_PE_BYTES: Final = 512 * 1024 * 1024
MAX_FACTS: Final = 20_000
MAX_CERTIFICATE_BYTES: Final = 32 * 1024
_NOTHING_EXTRACTED: Final = Extracted(())
_DOS_HEADER_BYTES: Final = 64
_NEW_HEADER_AT: Final = 0x3C
_SECTION_BYTES: Final = 40
_EXECUTE: Final = 0x2000_0000
"""IMAGE_SCN_MEM_EXECUTE."""

_IMPORT, _EXPORT, _RESOURCE, _SECURITY, _MANAGED = 1, 0, 2, 4, 14
_LEVEL: Final = re.compile(
    rb"<requestedExecutionLevel\b[^>]{0,200}?\blevel\s{0,4}=\s{0,4}[\"'](\w{1,40})[\"']"
)
_SUBSYSTEMS: Final = {1: "driver", 2: "windows", 3: "console", 10: "efi", 11: "efi", 12: "efi"}

COMBINATIONS: Final = (
    Combination(
        "pe.reverse_shell",
        "remote.shell.reverse",
        "connects out with a socket made for redirection and starts a program",
        (
            frozenset(("WSASocketA", "WSASocketW")),
            frozenset(("connect", "WSAConnect")),
            frozenset(("CreateProcessA", "CreateProcessW")),
        ),
    ),
    Combination(
        "pe.keylogger",
        "surv.keylog",
        "reads key strokes of other programs",
        (
            frozenset(("SetWindowsHookExA", "SetWindowsHookExW")),
            frozenset(("GetAsyncKeyState", "GetKeyboardState")),
        ),
    ),
    Combination(
        "pe.service_install",
        "win.service",
        "installs and starts a Windows service",
        (
            frozenset(("CreateServiceA", "CreateServiceW")),
            frozenset(("StartServiceA", "StartServiceW")),
        ),
    ),
    Combination(
        "pe.bind_shell",
        "remote.shell.bind",
        "listens with a socket made for redirection and starts a program",
        (
            frozenset(("WSASocketA", "WSASocketW")),
            frozenset(("listen",)),
            frozenset(("accept", "WSAAccept")),
            frozenset(("CreateProcessA", "CreateProcessW")),
        ),
    ),
    Combination(
        "pe.remote_thread",
        "evade.masquerade",
        "runs code inside another program",
        (
            frozenset(("OpenProcess",)),
            frozenset(("VirtualAllocEx", "NtMapViewOfSection")),
            frozenset(("WriteProcessMemory", "NtWriteVirtualMemory")),
            frozenset(("CreateRemoteThread", "NtCreateThreadEx", "QueueUserAPC")),
        ),
    ),
    Combination(
        "pe.download_run",
        "update.download_exec",
        "downloads a file and starts a program",
        (
            frozenset(("URLDownloadToFileA", "URLDownloadToFileW")),
            frozenset(
                ("WinExec", "ShellExecuteA", "ShellExecuteW", "CreateProcessA", "CreateProcessW")
            ),
        ),
    ),
    Combination(
        "pe.user_add",
        "win.user_add",
        "adds an account and puts it into a group",
        (frozenset(("NetUserAdd",)), frozenset(("NetLocalGroupAddMembers",))),
    ),
    Combination(
        "pe.log_wipe",
        "evade.log_wipe",
        "clears the event log",
        (frozenset(("ClearEventLogA", "ClearEventLogW", "EvtClearLog")),),
    ),
    Combination(
        "pe.screen_capture",
        "surv.video",
        "copies the screen and sends over a socket",
        (
            frozenset(("GetDC", "GetWindowDC", "CreateDCA", "CreateDCW")),
            frozenset(("BitBlt",)),
            frozenset(("send", "WSASend", "HttpSendRequestA", "HttpSendRequestW")),
        ),
    ),
    Combination(
        "pe.microphone",
        "surv.audio",
        "records sound and sends over a socket",
        (
            frozenset(("waveInOpen",)),
            frozenset(("send", "WSASend", "HttpSendRequestA", "HttpSendRequestW")),
        ),
    ),
)


def is_pe(buffer: Buffer) -> bool:
    """Return whether ``buffer`` has the MZ and the PE signature."""
    if len(buffer) < _DOS_HEADER_BYTES or bytes(buffer[:2]) != b"MZ":
        return False
    (at,) = struct.unpack("<I", bytes(buffer[_NEW_HEADER_AT : _NEW_HEADER_AT + 4]))
    return bytes(buffer[at : at + 4]) == b"PE\0\0"


def pe(
    buffer: Buffer, extracted: Extracted = _NOTHING_EXTRACTED
) -> tuple[tuple[Fact, ...], tuple[Hit, ...], tuple[Trouble, ...]]:
    """Return the facts and findings of a PE file; nothing for another content."""
    if not is_pe(buffer):
        return (), (), ()
    if len(buffer) > MAX_PE_BYTES:
        return (), (), (_trouble(f"larger than {MAX_PE_BYTES} bytes"),)
    try:
        _check_header(Reader(buffer))
        image = pefile.PE(data=bytes(buffer), fast_load=True)
        image.parse_data_directories(directories=[_IMPORT, _EXPORT, _RESOURCE])
    except Malformed as error:
        return (), (), (_trouble(str(error)),)
    except (pefile.PEFormatError, struct.error, ValueError, IndexError, AttributeError) as error:
        return (), (), (_trouble(f"the parser gives up on it: {error}"),)
    imports = tuple(sorted(set(_imports(image))))
    facts = _facts(image, imports)
    troubles = list(_troubles(image, imports))
    if len(facts) > MAX_FACTS:
        troubles.append(_trouble(f"has more than {MAX_FACTS} facts; the first are kept"))
    hits = _combined(imports) + opaque("pe.opaque", buffer, _parts(image, len(buffer)), extracted)
    plain, code, bits = _contents(image, len(buffer))
    hits += targets(frozenset(name for _, name in imports), buffer, plain, code, bits)
    hits += loaders(frozenset(imports), buffer, code, bits, _own_names(image))
    return facts[:MAX_FACTS], hits, tuple(troubles)


def _parts(image: Any, size: int) -> tuple[tuple[str, Range], ...]:
    """Return name and range of each section, and of a certificate table out of measure.

    A signature with its certificates is a few KiB of noise and new in every version.
    """
    parts = []
    for section in image.sections:
        start = int(section.get_PointerToRawData_adj())
        end = min(start + int(section.SizeOfRawData), size)
        parts.append((f"section {_clean(section.Name)}", (start, max(start, end))))
    start, length = _directory(image, _SECURITY)
    if length > MAX_CERTIFICATE_BYTES:
        parts.append(("certificate table", (start, max(start, min(start + length, size)))))
    return tuple(parts)


def _contents(
    image: Any, size: int
) -> tuple[tuple[tuple[str, Range], ...], tuple[Range, ...], int]:
    """Return the sections without code, those with x86 code, and the code's bits."""
    plain, code = [], []
    bits = {0x14C: 32, 0x8664: 64}.get(int(image.FILE_HEADER.Machine), 0)
    for section in image.sections:
        start = int(section.get_PointerToRawData_adj())
        place = start, max(start, min(start + int(section.SizeOfRawData), size))
        if not int(section.Characteristics) & _EXECUTE:
            plain.append((_clean(section.Name), place))
        elif bits:
            code.append(place)
    return tuple(plain), tuple(code), bits


def _check_header(reader: Reader) -> None:
    """Raise ``Malformed`` unless the headers and every section's raw data are in the file.

    pefile reads a cut-off file and only warns; a program cut off hides its imports.
    """
    reader.seek(_NEW_HEADER_AT)
    reader.seek(reader.u32le("e_lfanew"), "e_lfanew")
    reader.expect(b"PE\0\0", "Signature")
    reader.skip(2, "Machine")
    sections = reader.u16le("NumberOfSections")
    reader.skip(12, "PointerToSymbolTable")
    optional_bytes = reader.u16le("SizeOfOptionalHeader")
    reader.skip(2 + optional_bytes, "OptionalHeader")
    reader.count(sections, _SECTION_BYTES, "NumberOfSections")
    for _ in range(sections):
        reader.skip(16, "Name")
        size, at = reader.u32le("SizeOfRawData"), reader.u32le("PointerToRawData")
        if at and at + size > reader.end:
            why = f"a section's data ends at {at + size}, the file at {reader.end}"
            raise Malformed(reader.offset, "SizeOfRawData", why)
        reader.skip(16, "Characteristics")


def _trouble(text: str) -> Trouble:
    return Trouble(code="analyse.pe", text=f"PE: {text}"[:300])


def _troubles(image: Any, imports: tuple[tuple[str, str], ...]) -> Iterator[Trouble]:
    if _directory(image, _IMPORT)[1] and not imports:
        yield _trouble("its import table cannot be read")
    for warning in sorted(set(image.get_warnings())):
        if "import" in warning.lower() and "too many" in warning.lower():
            yield _trouble(warning)


def _directory(image: Any, index: int) -> tuple[int, int]:
    listed = image.OPTIONAL_HEADER.DATA_DIRECTORY
    if index >= len(listed):
        return 0, 0
    return int(listed[index].VirtualAddress), int(listed[index].Size)


def _imports(image: Any) -> Iterator[tuple[str, str]]:
    """Yield (library in lower case, function) of each import; ordinals as ``#12``."""
    for library in getattr(image, "DIRECTORY_ENTRY_IMPORT", ()):
        name = _clean(library.dll or b"?").lower()
        for symbol in library.imports:
            yield name, _clean(symbol.name) if symbol.name else f"#{symbol.ordinal}"


def _facts(image: Any, imports: tuple[tuple[str, str], ...]) -> tuple[Fact, ...]:
    facts = {Fact(kind="import", text=f"{library}!{name}") for library, name in imports}
    facts |= {Fact(kind="needed", text=library) for library, _ in imports}
    facts |= {Fact(kind="section", text=_clean(section.Name)) for section in image.sections}
    facts |= {Fact(kind="version", text=text) for text in _version(image)}
    facts.add(Fact(kind="machine", text=f"{image.FILE_HEADER.Machine:#06x}"))
    exported = getattr(image, "DIRECTORY_ENTRY_EXPORT", None)
    if exported is not None:
        facts.add(Fact(kind="exports", text=f"{len(exported.symbols)} symbols"))
    signature_at, signature_bytes = _directory(image, _SECURITY)
    if signature_bytes:
        facts.add(Fact(kind="authenticode", text="has a certificate table"))
    if _directory(image, _MANAGED)[1]:
        facts.add(Fact(kind="runtime", text=".NET"))
    subsystem = int(image.OPTIONAL_HEADER.Subsystem)
    facts.add(Fact(kind="subsystem", text=_SUBSYSTEMS.get(subsystem, str(subsystem))))
    facts |= {
        Fact(kind="privilege", text=level.decode("ascii"))
        for level in _LEVEL.findall(image.__data__)
    }
    overlay = image.get_overlay_data_start_offset()
    if overlay is not None:
        end = signature_at if signature_bytes else len(image.__data__)
        if end > overlay:
            facts.add(Fact(kind="overlay", text=f"{end - overlay} bytes behind the last section"))
    return tuple(sorted(facts, key=lambda fact: (fact.kind, fact.text)))


def _own_names(image: Any) -> frozenset[str]:
    """Return what the program calls itself, in lower case: version resource and exports."""
    said = {text.partition("=")[2].lower() for text in _version(image)}
    exported = getattr(image, "DIRECTORY_ENTRY_EXPORT", None)
    return frozenset(said | {_clean(getattr(exported, "name", None) or b"").lower()})


def _version(image: Any) -> Iterator[str]:
    for block in getattr(image, "FileInfo", ()):
        for part in block:
            for table in getattr(part, "StringTable", ()):
                for key, value in table.entries.items():
                    yield f"{_clean(key)}={_clean(value)}"


def _combined(imports: tuple[tuple[str, str], ...]) -> tuple[Hit, ...]:
    names = {name for _, name in imports}
    hits = []
    for combination in COMBINATIONS:
        used = [sorted(group & names) for group in combination.groups]
        if all(used):
            hits.append(
                Hit(
                    rule=combination.rule,
                    text=combination.text,
                    capability=combination.capability,
                    threat="both",
                    severity="medium",
                    confidence="medium",
                    evidence=tuple(sorted(f"import {name}" for group in used for name in group)),
                    r155=R155_BY_ID[combination.capability],
                )
            )
    return tuple(hits)


def _clean(raw: bytes) -> str:
    text = raw.rstrip(b"\0").decode("utf-8", "backslashreplace")
    return text.encode("ascii", "backslashreplace").decode()[:200]

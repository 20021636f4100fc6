"""Programs that read another library and decrypt what they run."""

from __future__ import annotations

import pytest

from fwverify.analyse.loaders import loaders
from fwverify.analyse.values import Hit

SCHEDULE = bytes.fromhex(
    "0fb6540580 01d6 410fb60402 01c6 400fb6c6 0fb65c0580 885c0d80 88540580"  # exchange
    "4883c101 4881f900010000 75d7"
)
STREAM = bytes.fromhex(
    "0fb6540580 4101d0 410fb6f0 0fb65c3580 885c0d80 88543580"  # exchange
    "0fb6540580 00da 0fb6d2 0fb6541580 301401 39d0 75d0 c3"
)
CODE = SCHEDULE + STREAM
NAME = b"\0d3dcompiler_47.dll\0"
IMPORTS = frozenset(
    ("kernel32.dll", name) for name in ("CreateFileA", "ReadFile", "VirtualProtect", "Sleep")
)
LOADS = ("kernel32.dll", "LoadLibraryA")


def said(
    code: bytes = CODE,
    data: bytes = NAME,
    imports: frozenset[tuple[str, str]] = IMPORTS,
    own: str = "",
) -> tuple[Hit, ...]:
    code = b"\x90" * 64 + code + b"\x90" * 64
    return loaders(imports, code + data, ((0, len(code)),), 64, frozenset((own,)))


def without(*names: str) -> frozenset[tuple[str, str]]:
    return frozenset(item for item in IMPORTS if item[1] not in names)


def test_a_loader_that_decrypts_another_library() -> None:
    (hit,) = said()
    assert (hit.rule, hit.capability) == ("pe.decrypts_code", "evade.packed")
    assert (hit.severity, hit.confidence) == ("medium", "medium")
    assert "names d3dcompiler_47.dll" in hit.evidence


@pytest.mark.parametrize(
    ("data", "imports"), [(b"", IMPORTS), (NAME, IMPORTS | {LOADS})], ids=["no name", "loads it"]
)
def test_the_cipher_alone_is_less_sure(data: bytes, imports: frozenset[tuple[str, str]]) -> None:
    (hit,) = said(data=data, imports=imports)
    assert (hit.rule, hit.confidence) == ("pe.decrypts_code", "low")


@pytest.mark.parametrize("data", [NAME, b"\0\0" + "helper.dll".encode("utf-16-le") + b"\0\0"])
def test_a_library_that_can_only_be_read_is_named(data: bytes) -> None:
    (hit,) = said(code=b"\x90", data=data)
    assert (hit.rule, hit.confidence) == ("pe.reads_library", "low")


@pytest.mark.parametrize(
    "names", [("CreateFileA",), ("ReadFile",), ("VirtualProtect",), ("CreateFileA", "ReadFile")]
)
def test_each_import_is_needed(names: tuple[str, ...]) -> None:
    assert said(imports=without(*names)) == ()


@pytest.mark.parametrize(
    "name", ["LoadLibraryExW", "GetModuleHandleA", "LdrLoadDll", "CreateProcessW", "WinExec"]
)
def test_who_can_load_it_does_not_read_it(name: str) -> None:
    assert said(code=b"\x90", imports=IMPORTS | {("kernel32.dll", name)}) == ()


@pytest.mark.parametrize("data", [b"\0KERNEL32.dll\0", b"\0self.dll\0", b"dll\0", b"\0.dll\0"])
def test_imported_and_own_names_are_not_read(data: bytes) -> None:
    assert said(code=b"\x90", data=data, own="self.dll") == ()


NOT_RC4 = {
    "schedule alone": SCHEDULE,
    "stream alone": STREAM,
    "far apart": SCHEDULE + b"\x90" * 500 + STREAM,
    "no mask": CODE.replace(bytes.fromhex("301401"), bytes.fromhex("881401")),
    "another size": CODE.replace(b"\x00\x01\x00\x00", b"\x00\x08\x00\x00"),
    "no exchange": CODE.replace(bytes.fromhex("885c0d80"), b"\x90" * 4),
    "nothing": b"\x90" * 64,
}


@pytest.mark.parametrize("name", NOT_RC4)
def test_what_is_not_the_cipher(name: str) -> None:
    assert said(code=NOT_RC4[name], data=b"") == ()


def test_code_of_another_processor_is_not_read() -> None:
    assert loaders(IMPORTS, CODE + NAME, (), 0, frozenset()) == ()


def test_hostile_code_never_raises() -> None:
    for at in range(0, len(CODE), 3):
        said(code=CODE[:at] + bytes((CODE[at] ^ 0xFF,)) + CODE[at + 1 :])
        said(code=CODE[:at])
    said(code=b"\x88\x04\x88\x04" * 5000)

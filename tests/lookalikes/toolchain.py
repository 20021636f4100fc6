"""Builds the look-alikes from the sources beside this module: compiled, packed, never run.

The compiler is ``ziglang``, which needs no cross tools. There is no C library behind the
programs: a library of empty functions gives the linker the names, which takes a quarter
of a second where a real one takes half a minute for each processor. What it makes are
dynamic programs with imports, stripped, as they would lie in a vendor's image.
"""

from __future__ import annotations

import hashlib
import importlib.util
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent / "sources"
PRESENT = importlib.util.find_spec("ziglang") is not None
TARGETS: Mapping[str, str] = {
    "arm": "arm-linux-gnueabihf",
    "arm64": "aarch64-linux-gnu",
    "mipsel": "mipsel-linux-gnueabihf",
    "x86-64": "x86_64-linux-gnu",
}
COMMON = ("-nostdlib", "-O1", "-s", "-fno-builtin", "-fno-exceptions", "-fno-unwind-tables")
COMMON += ("-fno-asynchronous-unwind-tables", "-fno-sanitize=all", "-w")
LIBRARIES = ("kernel32", "advapi32", "iphlpapi", "wininet", "ws2_32")
FLASH = 0x0800_0000


@dataclass(frozen=True)
class Toolchain:
    """Compiles into ``folder``; a program that is there is not built again."""

    folder: Path

    def _run(self, target: str, output: str, *arguments: str | Path) -> bytes:
        file = self.folder / output
        if not file.exists():
            command = [sys.executable, "-m", "ziglang", "cc", "-target", target, *COMMON]
            done = subprocess.run(
                [*command, *map(str, arguments), "-o", str(file)],
                check=False,
                capture_output=True,
                text=True,
                timeout=300,
                env={
                    "PATH": "/usr/bin:/bin",
                    "ZIG_GLOBAL_CACHE_DIR": str(self.folder / "global"),
                    "ZIG_LOCAL_CACHE_DIR": str(self.folder / "local"),
                },
            )
            assert done.returncode == 0, done.stderr
        return file.read_bytes()

    def program(self, source: str, processor: str, *, twin: bool) -> bytes:
        """Return a dynamic, stripped program for Linux."""
        target, kind = TARGETS[processor], ("TWIN" if twin else "CASE")
        libc = f"libc-{processor}.so"
        self._run(target, libc, "-shared", "-Wl,-soname,libc.so.6", SOURCES / "libc.c")
        return self._run(
            target,
            f"{source}-{processor}-{kind}",
            *(f"-D{kind}", "-Wl,-e,_start", SOURCES / f"{source}.c", self.folder / libc),
        )

    def written(self, text: str, processor: str, level: str) -> bytes:
        """Return a dynamic program of the C ``text``, optimised by ``level``."""
        target, libc = TARGETS[processor], f"libc-{processor}.so"
        name = f"written-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        (self.folder / f"{name}.c").write_text(text)
        self._run(target, libc, "-shared", "-Wl,-soname,libc.so.6", SOURCES / "libc.c")
        return self._run(
            target,
            f"{name}-{processor}{level}",
            *(level, "-DCASE", "-I", SOURCES, "-Wl,-e,_start"),
            *(self.folder / f"{name}.c", self.folder / libc),
        )

    def static(self, source: str, processor: str, *, twin: bool) -> bytes:
        """Return a static, stripped program that calls the kernel itself."""
        kind = "TWIN" if twin else "CASE"
        return self._run(
            TARGETS[processor],
            f"{source}-{processor}-{kind}",
            *(f"-D{kind}", "-static", "-fomit-frame-pointer", "-Wl,-e,_start"),
            SOURCES / f"{source}.c",
        )

    def library(self, source: str, soname: str, processor: str, *, twin: bool) -> bytes:
        """Return a shared library."""
        target, kind = TARGETS[processor], ("TWIN" if twin else "CASE")
        libc = f"libc-{processor}.so"
        self._run(target, libc, "-shared", "-Wl,-soname,libc.so.6", SOURCES / "libc.c")
        return self._run(
            target,
            f"{source}-{processor}-{kind}",
            *(f"-D{kind}", "-shared", f"-Wl,-soname,{soname}"),
            *(SOURCES / f"{source}.c", self.folder / libc),
        )

    def windows(self, source: str, *, twin: bool) -> bytes:
        """Return a program for 64-bit Windows."""
        target, kind = "x86_64-windows-gnu", ("TWIN" if twin else "CASE")
        imports = []
        for name in LIBRARIES:
            imports.append(self.folder / f"{name}.lib")
            out = f"-Wl,--out-implib,{imports[-1]}"
            source_file = SOURCES / "libwindows.c"
            no_entry = ("-shared", "-Wl,--no-entry")
            self._run(target, f"{name}.dll", *no_entry, f"-D{name.upper()}", out, source_file)
        return self._run(
            target,
            f"{source}-{kind}.exe",
            *(f"-D{kind}", "-Wl,-e,start", "-Wl,--subsystem,windows"),
            *(SOURCES / f"{source}.c", *imports),
        )

    def microcontroller(self, source: str, *, twin: bool) -> bytes:
        """Return the flash content of a Cortex-M3: vector table, code, constants."""
        kind = "TWIN" if twin else "CASE"
        image = self._run(
            "thumb-freestanding-eabi",
            f"{source}-{kind}.elf",
            *("-mcpu=cortex_m3", f"-D{kind}", "-static", "-Wl,-e,start"),
            *("-T", SOURCES / "flash.ld", SOURCES / f"{source}.c"),
        )
        (entry,) = struct.unpack_from("<I", image, 24)
        flash = bytearray(0x100)
        for offset, address, size in _loaded(image):
            if FLASH + 0x100 <= address < FLASH + 0x10_0000:
                flash.extend(bytes(max(0, address - FLASH + size - len(flash))))
                at = address - FLASH
                flash[at : at + size] = image[offset : offset + size]
        handlers = [entry | 1] * 15
        for number in (6, 7, 8, 9, 12):
            handlers[number] = 0
        struct.pack_into("<16I", flash, 0, 0x2000_5000, *handlers)
        return bytes(flash)


def _loaded(image: bytes) -> list[tuple[int, int, int]]:
    """Return offset, address and size of each loaded segment of a 32-bit program."""
    (table,) = struct.unpack_from("<I", image, 28)
    size, count = struct.unpack_from("<HH", image, 42)
    segments = []
    for index in range(count):
        kind, offset, address, _, length = struct.unpack_from("<5I", image, table + index * size)
        if kind == 1 and length:
            segments.append((offset, address, length))
    return segments
